using System;
using Mortgage.Model;

namespace Mortgage.Train;

/// <summary>
/// Weighted logistic regression by Newton's method with a fixed number of steps and plain scalar loops: the same
/// additions in the same order on every CPU, so the same bits.
/// </summary>
internal static class Regression
{
    private const int Steps = 25;

    /// <summary>Coefficients with the intercept first; <paramref name="rows"/> are standardised.</summary>
    public static double[] Fit(double[][] rows, double[] labels, double[] weights)
    {
        var size = rows[0].Length + 1;
        var beta = new double[size];
        for (var step = 0; ; step++)
        {
            var gradient = new double[size];
            var hessian = new double[size][];
            for (var j = 0; j < size; j++)
            {
                hessian[j] = new double[size];
            }

            for (var i = 0; i < rows.Length; i++)
            {
                var score = beta[0];
                for (var j = 1; j < size; j++)
                {
                    score += beta[j] * rows[i][j - 1];
                }

                var p = LogisticModel.Logistic(score);
                var residual = weights[i] * (labels[i] - p);
                var curvature = weights[i] * p * (1 - p);
                for (var j = 0; j < size; j++)
                {
                    var x = j == 0 ? 1 : rows[i][j - 1];
                    gradient[j] += residual * x;
                    for (var k = j; k < size; k++)
                    {
                        hessian[j][k] += curvature * x * (k == 0 ? 1 : rows[i][k - 1]);
                    }
                }
            }

            if (step == Steps)
            {
                return Converged(gradient) ? beta : throw new ArithmeticException($"no convergence in {Steps} steps");
            }

            for (var j = 1; j < size; j++)
            {
                for (var k = 0; k < j; k++)
                {
                    hessian[j][k] = hessian[k][j];
                }
            }

            var move = Solve(hessian, gradient);
            for (var j = 0; j < size; j++)
            {
                beta[j] += move[j];
            }
        }
    }

    private static bool Converged(double[] gradient) => Array.TrueForAll(gradient, g => Math.Abs(g) < 1e-8);

    /// <summary>Gaussian elimination with partial pivoting; both arguments are consumed.</summary>
    private static double[] Solve(double[][] a, double[] b)
    {
        var size = b.Length;
        for (var column = 0; column < size; column++)
        {
            var pivot = column;
            for (var row = column + 1; row < size; row++)
            {
                if (Math.Abs(a[row][column]) > Math.Abs(a[pivot][column]))
                {
                    pivot = row;
                }
            }

            if (Math.Abs(a[pivot][column]) < 1e-12)
            {
                throw new ArithmeticException(
                    "two columns carry the same information: the coefficients are not determined");
            }

            (a[column], a[pivot]) = (a[pivot], a[column]);
            (b[column], b[pivot]) = (b[pivot], b[column]);
            for (var row = column + 1; row < size; row++)
            {
                var factor = a[row][column] / a[column][column];
                for (var k = column; k < size; k++)
                {
                    a[row][k] -= factor * a[column][k];
                }

                b[row] -= factor * b[column];
            }
        }

        var x = new double[size];
        for (var row = size - 1; row >= 0; row--)
        {
            var sum = b[row];
            for (var k = row + 1; k < size; k++)
            {
                sum -= a[row][k] * x[k];
            }

            x[row] = sum / a[row][row];
        }

        return x;
    }
}
