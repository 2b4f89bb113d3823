using System;
using System.Collections.Generic;
using System.IO;
using Mortgage.Model;

namespace Mortgage.Train;

/// <summary>From rows of text to a model: reads the columns, weighs the rows, standardises, fits.</summary>
internal static class Trainer
{
    public static LogisticModel Train(Csv data, string? drop, string? reweigh)
    {
        var columns = new List<Column>(Column.All);
        if (drop != null && columns.RemoveAll(column => column.Name == drop) == 0)
        {
            throw new ArgumentException($"--drop {drop}: no such column");
        }

        var labels = Texts(data, Column.Label);
        if (!Array.TrueForAll(labels, label => label is "yes" or "no"))
        {
            throw new InvalidDataException($"{Column.Label} must be \"yes\" or \"no\" in every row");
        }

        var weights = reweigh == null ? Filled(data.Rows.Count, 1.0) : Weights.Reweigh(Texts(data, reweigh), labels);

        var rows = Filled(data.Rows.Count, Array.Empty<double>());
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i] = new double[columns.Count];
            for (var j = 0; j < columns.Count; j++)
            {
                if (!columns[j].TryRead(data.Rows[i][data.Column(columns[j].Name)], out rows[i][j]))
                {
                    throw new InvalidDataException($"row {i + 1}: {columns[j].Name} must be {columns[j].Expected}");
                }
            }
        }

        var (means, scales) = Standardise(rows, columns);
        var beta = Regression.Fit(rows, Array.ConvertAll(labels, label => label == "yes" ? 1.0 : 0.0), weights);
        return new LogisticModel(columns, beta[0], beta[1..], means, scales, rows.Length, reweigh);
    }

    /// <summary>
    /// Brings each column to mean 0 and deviation 1, in place. Weights play no part: this only steadies the numbers.
    /// </summary>
    private static (double[] Means, double[] Scales) Standardise(double[][] rows, List<Column> columns)
    {
        var means = new double[columns.Count];
        var scales = new double[columns.Count];
        for (var j = 0; j < columns.Count; j++)
        {
            var sum = 0.0;
            foreach (var row in rows)
            {
                sum += row[j];
            }

            means[j] = sum / rows.Length;
            var squares = 0.0;
            foreach (var row in rows)
            {
                squares += (row[j] - means[j]) * (row[j] - means[j]);
            }

            scales[j] = Math.Sqrt(squares / rows.Length);
            if (!(scales[j] > 0))
            {
                throw new InvalidDataException($"the column {columns[j].Name} is constant, or there are no rows");
            }

            foreach (var row in rows)
            {
                row[j] = (row[j] - means[j]) / scales[j];
            }
        }

        return (means, scales);
    }

    private static string[] Texts(Csv data, string name)
    {
        var column = data.Column(name);
        var texts = new string[data.Rows.Count];
        for (var i = 0; i < texts.Length; i++)
        {
            texts[i] = data.Rows[i][column].Text;
        }

        return texts;
    }

    private static T[] Filled<T>(int length, T value)
    {
        var array = new T[length];
        Array.Fill(array, value);
        return array;
    }
}
