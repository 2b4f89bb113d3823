using System;
using System.Globalization;

namespace Mortgage.Model;

/// <summary>
/// Doubles as they stand in frozen documents: rounded to 12 significant digits, written as RFC 8785 writes them.
/// </summary>
internal static class JsonNumber
{
    /// <summary>
    /// Twelve significant digits: far more than the data carry, and three fewer than a double, so that no last bit of a
    /// sum can reach a frozen byte.
    /// </summary>
    public static double Round(double value) => double.IsFinite(value)
        ? double.Parse(value.ToString("E11", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)
        : throw new ArithmeticException("a number in a document must be finite");

    /// <summary>
    /// The shortest text that reads back as the same double, laid out by ECMAScript's Number::toString.
    /// </summary>
    public static string Format(double value)
    {
        if (!double.IsFinite(value))
        {
            throw new ArithmeticException("a number in a document must be finite");
        }

        if (value == 0)
        {
            return "0";
        }

        var text = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture);
        var e = text.IndexOf('E', StringComparison.Ordinal);
        var exponent = e < 0
            ? 0
            : int.Parse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        var mantissa = e < 0 ? text : text[..e];
        var point = mantissa.IndexOf('.', StringComparison.Ordinal);
        var all = mantissa.Replace(".", "", StringComparison.Ordinal);
        var digits = all.TrimStart('0');
        // value = 0.digits × 10^n
        var n = (point < 0 ? mantissa.Length : point) - (all.Length - digits.Length) + exponent;
        digits = digits.TrimEnd('0');

        var sign = value < 0 ? "-" : "";
        if (n is > 0 and <= 21)
        {
            return sign + (digits.Length <= n ? digits.PadRight(n, '0') : digits[..n] + "." + digits[n..]);
        }

        if (n is > -6 and <= 0)
        {
            return sign + "0." + new string('0', -n) + digits;
        }

        var fraction = digits.Length == 1 ? "" : "." + digits[1..];
        var power = (n - 1).ToString("+0;-0", CultureInfo.InvariantCulture);
        return sign + digits[0] + fraction + "e" + power;
    }
}
