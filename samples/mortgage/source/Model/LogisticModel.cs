using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using System.Text.Json;

namespace Mortgage.Model;

/// <summary>
/// A logistic regression on standardised columns, and its file, model.json:
/// <code>{"algorithm":"logistic-regression","coefficients":[…],"columns":["pirat",…],"intercept":…,"label":"deny","means":[…],"reweighed":"…","rows":1190,"scales":[…]}</code>
/// RFC 8785 form; every number rounded to 12 significant digits; <c>reweighed</c> only where rows were weighted.
/// It scores with scalar IEEE additions, multiplications and divisions in a fixed order, so that every CPU gives the
/// same double.
/// </summary>
internal sealed class LogisticModel
{
    private const string Algorithm = "logistic-regression";

    public LogisticModel(IReadOnlyList<Column> columns, double intercept, double[] coefficients, double[] means,
        double[] scales, int rows, string? reweighed)
    {
        if (coefficients.Length != columns.Count || means.Length != columns.Count || scales.Length != columns.Count)
        {
            throw new InvalidDataException("model: columns, coefficients, means and scales differ in length");
        }

        Columns = columns;
        Intercept = JsonNumber.Round(intercept);
        Coefficients = Array.ConvertAll(coefficients, JsonNumber.Round);
        Means = Array.ConvertAll(means, JsonNumber.Round);
        Scales = Array.ConvertAll(scales, JsonNumber.Round);
        Rows = rows;
        Reweighed = reweighed;
    }

    public IReadOnlyList<Column> Columns { get; }

    public double Intercept { get; }

    public double[] Coefficients { get; }

    public double[] Means { get; }

    public double[] Scales { get; }

    /// <summary>How many applications it was trained on.</summary>
    public int Rows { get; }

    /// <summary>The column whose groups were reweighed, if any.</summary>
    public string? Reweighed { get; }

    /// <summary>The probability of denial; <paramref name="values"/> in the order of <see cref="Columns"/>.</summary>
    public double Score(ReadOnlySpan<double> values)
    {
        var sum = Intercept;
        for (var j = 0; j < Coefficients.Length; j++)
        {
            sum += Coefficients[j] * ((values[j] - Means[j]) / Scales[j]);
        }

        return Logistic(sum);
    }

    public static double Logistic(double x) => x >= 0 ? 1 / (1 + Exp(-x)) : Exp(x) / (1 + Exp(x));

    /// <summary>
    /// e^x by range reduction and a Taylor polynomial, within 2 units in the last place. The C library's exp picks its
    /// instructions by CPU (with or without fused multiply-add) and may differ in the last bit; this can't.
    /// </summary>
    public static double Exp(double x)
    {
        if (x < -700)
        {
            return 0;
        }

        if (x > 700)
        {
            throw new ArithmeticException($"exp({JsonNumber.Format(x)}) is out of range");
        }

        // ln 2 in two parts: the first has zeros at its end, so k × it is exact.
        const double ln2High = 6.93147180369123816490e-01;
        const double ln2Low = 1.90821492927058770002e-10;
        var k = Math.Floor((x / (ln2High + ln2Low)) + 0.5);
        var r = x - (k * ln2High) - (k * ln2Low);

        // |r| ≤ 0.35: the first term left out, r^15/15!, is below 2^-60.
        var sum = 1.0;
        for (var i = 14; i >= 1; i--)
        {
            sum = 1 + (r / i * sum);
        }

        return sum * BitConverter.Int64BitsToDouble((long)(k + 1023) << 52);
    }

    public byte[] ToJson()
    {
        var json = new StringBuilder();
        json.Append("{\"algorithm\":\"").Append(Algorithm).Append("\",\"coefficients\":");
        Append(json, Coefficients);
        json.Append(",\"columns\":[");
        for (var i = 0; i < Columns.Count; i++)
        {
            json.Append(i == 0 ? "\"" : ",\"").Append(Columns[i].Name).Append('"');
        }

        json.Append("],\"intercept\":").Append(JsonNumber.Format(Intercept));
        json.Append(",\"label\":\"").Append(Column.Label).Append("\",\"means\":");
        Append(json, Means);
        if (Reweighed != null)
        {
            json.Append(",\"reweighed\":\"").Append(Reweighed).Append('"');
        }

        json.Append(",\"rows\":").Append(JsonNumber.Format(Rows)).Append(",\"scales\":");
        Append(json, Scales);
        return Encoding.UTF8.GetBytes(json.Append('}').ToString());
    }

    /// <summary>
    /// Reads what <see cref="ToJson"/> wrote and nothing else: the bytes must come out the same again.
    /// </summary>
    public static LogisticModel Parse(byte[] json)
    {
        LogisticModel model;
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            var columns = new List<Column>();
            foreach (var name in root.GetProperty("columns").EnumerateArray())
            {
                columns.Add(Column.Find(name.GetString()!)
                    ?? throw new InvalidDataException($"model: unknown column {name}"));
            }

            model = new LogisticModel(
                columns,
                root.GetProperty("intercept").GetDouble(),
                Numbers(root, "coefficients"),
                Numbers(root, "means"),
                Numbers(root, "scales"),
                root.GetProperty("rows").GetInt32(),
                root.TryGetProperty("reweighed", out var reweighed) ? reweighed.GetString() : null);
        }
        catch (Exception e)
            when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"model: {e.Message}", e);
        }

        return model.ToJson().AsSpan().SequenceEqual(json)
            ? model
            : throw new InvalidDataException("model: not in the form that the trainer writes");
    }

    private static void Append(StringBuilder json, double[] numbers)
    {
        json.Append('[');
        for (var i = 0; i < numbers.Length; i++)
        {
            json.Append(i == 0 ? "" : ",").Append(JsonNumber.Format(numbers[i]));
        }

        json.Append(']');
    }

    private static double[] Numbers(JsonElement root, string name)
    {
        var array = root.GetProperty(name);
        var numbers = new double[array.GetArrayLength()];
        for (var i = 0; i < numbers.Length; i++)
        {
            numbers[i] = array[i].GetDouble();
        }

        return numbers;
    }
}
