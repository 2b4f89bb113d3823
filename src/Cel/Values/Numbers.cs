using System.Globalization;
using System.Numerics;

namespace Cel.Values;

/// <summary>Numbers to text and back, the same on every machine.</summary>
internal static class Numbers
{
    /// <summary>
    /// The shortest decimal that reads back as the same double, laid out as ECMAScript does: plain between 1e-6 and
    /// 1e21, else with an exponent. A negative zero keeps its sign; then there are <c>NaN</c>, <c>Infinity</c> and
    /// <c>-Infinity</c>.
    /// </summary>
    public static string Shortest(double value)
    {
        if (!double.IsFinite(value)) return double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
        var sign = double.IsNegative(value) ? "-" : "";
        if (value == 0) return sign + "0";

        // "E16" would give 17 digits; "R" gives the shortest digits, in a layout taken apart here.
        var text = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture);
        var e = text.IndexOf('E');
        var exponent = e < 0
            ? 0
            : int.Parse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        var mantissa = e < 0 ? text : text[..e];
        var point = mantissa.IndexOf('.');
        var digits = mantissa.Replace(".", "", StringComparison.Ordinal);
        exponent += point < 0 ? digits.Length : point;
        var zeros = digits.Length - digits.TrimStart('0').Length;
        digits = digits[zeros..].TrimEnd('0');
        exponent -= zeros;

        // value = 0.digits × 10^exponent
        if (exponent is > -6 and <= 21)
        {
            if (exponent <= 0) return sign + "0." + new string('0', -exponent) + digits;
            if (digits.Length <= exponent) return sign + digits + new string('0', exponent - digits.Length);
            return sign + digits[..exponent] + "." + digits[exponent..];
        }
        var power = exponent - 1;
        return sign + digits[..1] + (digits.Length > 1 ? "." + digits[1..] : "") + (power < 0 ? "e-" : "e+")
            + Math.Abs(power).ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// Exactly <paramref name="precision"/> digits after the point, the exact value rounded half to even.
    /// </summary>
    public static string Fixed(double value, int precision)
    {
        if (!double.IsFinite(value)) return Shortest(value);
        var digits = Scaled(Math.Abs(value), precision).ToString(CultureInfo.InvariantCulture).PadLeft(precision + 1,
            '0');
        var sign = double.IsNegative(value) ? "-" : "";
        return precision == 0 ? sign + digits : $"{sign}{digits[..^precision]}.{digits[^precision..]}";
    }

    /// <summary>
    /// One digit, the point, <paramref name="precision"/> digits, then <c>e±dd</c>, rounded as <see cref="Fixed"/>.
    /// </summary>
    public static string Scientific(double value, int precision)
    {
        if (!double.IsFinite(value)) return Shortest(value);
        var sign = double.IsNegative(value) ? "-" : "";
        value = Math.Abs(value);
        var exponent = 0;
        var digits = "0";
        if (value != 0)
        {
            // The shortest form knows the decimal exponent; rounding may raise it by one.
            var plain = value.ToString("E16", CultureInfo.InvariantCulture);
            exponent = int.Parse(plain.AsSpan(plain.IndexOf('E') + 1), NumberStyles.AllowLeadingSign,
                CultureInfo.InvariantCulture);
            digits = Scaled(value, precision - exponent).ToString(CultureInfo.InvariantCulture);
            if (digits.Length <= precision)
                digits = Scaled(value, precision - --exponent).ToString(CultureInfo.InvariantCulture);
            if (digits.Length > precision + 1)
                digits = Scaled(value, precision - ++exponent).ToString(CultureInfo.InvariantCulture);
        }
        digits = digits.PadRight(precision + 1, '0');
        return sign + digits[..1] + (precision > 0 ? "." + digits[1..] : "") + (exponent < 0 ? "e-" : "e+")
            + Math.Abs(exponent).ToString("00", CultureInfo.InvariantCulture);
    }

    /// <summary>value × 10^power as an integer, half to even, in exact arithmetic.</summary>
    static BigInteger Scaled(double value, int power)
    {
        var bits = BitConverter.DoubleToInt64Bits(value);
        var exponent = (int)(bits >> 52 & 0x7ff);
        BigInteger numerator = exponent == 0 ? bits & 0xfffffffffffff : (bits & 0xfffffffffffff) | 1L << 52;
        var shift = Math.Max(exponent, 1) - 1075;
        var denominator = BigInteger.One;
        if (shift >= 0) numerator <<= shift;
        else denominator <<= -shift;
        if (power >= 0) numerator *= BigInteger.Pow(10, power);
        else denominator *= BigInteger.Pow(10, -power);
        var quotient = BigInteger.DivRem(numerator, denominator, out var rest);
        var twice = (rest << 1).CompareTo(denominator);
        return twice > 0 || (twice == 0 && !quotient.IsEven) ? quotient + 1 : quotient;
    }

    /// <summary>An optional sign and digits.</summary>
    public static bool TryInt(string text, out long value)
    {
        value = 0;
        return EndsInDigit(text)
            && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
    }

    public static bool TryUInt(string text, out ulong value)
    {
        value = 0;
        return EndsInDigit(text) && ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
    }

    // .NET's parsers pass over NULs at the end.
    static bool EndsInDigit(string text) => text.Length > 0 && char.IsAsciiDigit(text[^1]);

    /// <summary>
    /// A decimal with optional sign, point and exponent, or <c>NaN</c>, <c>Infinity</c>, <c>-Infinity</c>; not one too
    /// large for a double.
    /// </summary>
    public static bool TryDouble(string text, out double value)
    {
        switch (text)
        {
            case "NaN": value = double.NaN; return true;
            case "Infinity" or "+Infinity" or "Inf" or "+Inf": value = double.PositiveInfinity; return true;
            case "-Infinity" or "-Inf": value = double.NegativeInfinity; return true;
        }
        value = 0;
        return (EndsInDigit(text) || text.EndsWith('.'))
            && double.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint
                | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out value)
            && double.IsFinite(value);
    }
}
