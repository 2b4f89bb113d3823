using System.Globalization;

namespace Cel.Values;

/// <summary>The proleptic Gregorian calendar from year 1 to 9999 with nanoseconds, RFC 3339, and durations.</summary>
internal static class Times
{
    /// <summary>0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.</summary>
    public const long MinSeconds = -62135596800, MaxSeconds = 253402300799;

    const long Day = 86400;

    /// <summary>
    /// The parts of a moment in a fixed offset; month and day from 1, weekday 0 = Sunday, day of year from 0.
    /// </summary>
    public readonly record struct Civil(int Year, int Month, int Day, int Hour, int Minute, int Second, int Weekday,
        int DayOfYear);

    public static Civil ToCivil(long seconds)
    {
        var days = Math.DivRem(seconds, Day, out var rest);
        if (rest < 0) (days, rest) = (days - 1, rest + Day);
        var (year, month, day) = FromDays(days);
        return new Civil(year, month, day, (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60),
            (int)(((days + 4) % 7 + 7) % 7), (int)(days - ToDays(year, 1, 1)));
    }

    /// <summary>Days since 1970-01-01, by eras of 400 years that start in March.</summary>
    public static long ToDays(int year, int month, int day)
    {
        long y = month <= 2 ? year - 1 : year;
        var era = (y >= 0 ? y : y - 399) / 400;
        var ofEra = y - era * 400;
        var ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
        return era * 146097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719468;
    }

    static (int Year, int Month, int Day) FromDays(long days)
    {
        days += 719468;
        var era = (days >= 0 ? days : days - 146096) / 146097;
        var ofEra = days - era * 146097;
        var yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36524 - ofEra / 146096) / 365;
        var ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
        var shifted = (5 * ofYear + 2) / 153;
        var month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
        return ((int)(yearOfEra + era * 400) + (month <= 2 ? 1 : 0), month,
            (int)(ofYear - (153 * shifted + 2) / 5 + 1));
    }

    /// <summary>
    /// RFC 3339, upper case, up to nine digits of fraction, <c>Z</c> or an offset; a leap second is refused.
    /// </summary>
    public static bool TryParse(string s, out long seconds, out int nanos)
    {
        seconds = 0;
        nanos = 0;
        if (s.Length < 20 || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':') return false;
        if (!Digits(s, 0, 4, out var year) || !Digits(s, 5, 2, out var month) || !Digits(s, 8, 2, out var day))
            return false;
        if (!Digits(s, 11, 2, out var hour) || !Digits(s, 14, 2, out var minute) || !Digits(s, 17, 2, out var second))
            return false;
        if (year < 1 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month) || hour > 23
            || minute > 59 || second > 59) return false;

        var at = 19;
        if (s[at] == '.')
        {
            var from = ++at;
            while (at < s.Length && char.IsAsciiDigit(s[at])) at++;
            if (at == from || at - from > 9) return false;
            Digits(s, from, at - from, out nanos);
            for (var i = at - from; i < 9; i++) nanos *= 10;
        }

        long offset = 0;
        if (at >= s.Length) return false;
        if (s[at] == 'Z') at++;
        else
        {
            if (s.Length != at + 6 || s[at] is not ('+' or '-') || s[at + 3] != ':') return false;
            if (!Digits(s, at + 1, 2, out var h) || !Digits(s, at + 4, 2, out var m) || h > 23 || m > 59) return false;
            offset = (h * 3600 + m * 60) * (s[at] == '-' ? -1 : 1);
            at += 6;
        }
        seconds = ToDays(year, month, day) * Day + hour * 3600 + minute * 60 + second - offset;
        return at == s.Length && seconds is >= MinSeconds and <= MaxSeconds;
    }

    static bool Digits(string s, int from, int count, out int value)
    {
        value = 0;
        for (var i = from; i < from + count; i++)
        {
            if (i >= s.Length || !char.IsAsciiDigit(s[i])) return false;
            value = value * 10 + s[i] - '0';
        }
        return true;
    }

    public static string Format(long seconds, int nanos)
    {
        var c = ToCivil(seconds);
        return string.Create(CultureInfo.InvariantCulture,
            $"{c.Year:0000}-{c.Month:00}-{c.Day:00}T{c.Hour:00}:{c.Minute:00}:{c.Second:00}{Fraction(nanos)}Z");
    }

    static string Fraction(int nanos) => nanos == 0
        ? ""
        : "." + nanos.ToString("000000000", CultureInfo.InvariantCulture).TrimEnd('0');

    /// <summary>A duration in seconds: <c>1.5s</c>.</summary>
    public static string Format(long nanos)
    {
        var magnitude = nanos < 0 ? (ulong)-(nanos + 1) + 1 : (ulong)nanos;
        return string.Create(CultureInfo.InvariantCulture,
            $"{(nanos < 0 ? "-" : "")}{magnitude / 1_000_000_000}{Fraction((int)(magnitude % 1_000_000_000))}s");
    }

    /// <summary>
    /// A sign, then decimals with units <c>h m s ms us µs ns</c> (<c>1h30m</c>, <c>-1.5s</c>), or <c>0</c>.
    /// </summary>
    public static bool TryParseDuration(string s, out long nanos)
    {
        nanos = 0;
        var at = s.Length > 0 && s[0] is '+' or '-' ? 1 : 0;
        var negative = at == 1 && s[0] == '-';
        if (s.AsSpan(at) is "0") return true;
        if (at == s.Length) return false;

        Int128 total = 0;
        while (at < s.Length)
        {
            Int128 whole = 0, part = 0, scale = 1;
            var from = at;
            for (; at < s.Length && char.IsAsciiDigit(s[at]); at++)
                if ((whole = whole * 10 + (s[at] - '0')) > long.MaxValue) return false;
            var digits = at - from;
            if (at < s.Length && s[at] == '.')
                for (at++; at < s.Length && char.IsAsciiDigit(s[at]); at++, digits++)
                    if (scale < 1_000_000_000_000_000) (part, scale) = (part * 10 + (s[at] - '0'), scale * 10);
            if (digits == 0) return false;

            var rest = s.AsSpan(at);
            var (unit, length) =
                rest.StartsWith("ns", StringComparison.Ordinal) ? (1L, 2) :
                rest.StartsWith("us", StringComparison.Ordinal) || rest.StartsWith("µs", StringComparison.Ordinal)
                    || rest.StartsWith("μs", StringComparison.Ordinal) ? (1_000L, 2) :
                rest.StartsWith("ms", StringComparison.Ordinal) ? (1_000_000L, 2) :
                rest.StartsWith("s", StringComparison.Ordinal) ? (1_000_000_000L, 1) :
                rest.StartsWith("m", StringComparison.Ordinal) ? (60_000_000_000L, 1) :
                rest.StartsWith("h", StringComparison.Ordinal) ? (3_600_000_000_000L, 1) : (0L, 0);
            if (length == 0) return false;
            at += length;
            total += whole * unit + part * unit / scale;
            if (total > (Int128)long.MaxValue + 1) return false;
        }
        if (negative) total = -total;
        if (total > long.MaxValue) return false;
        nanos = (long)total;
        return true;
    }

    /// <summary>
    /// Seconds east of UTC at a moment: of <c>UTC</c>, a fixed offset <c>±hh:mm</c> (the sign may be missing), or a
    /// zone of <see cref="Zones"/>.
    /// </summary>
    public static bool TryOffset(string zone, long at, out int seconds)
    {
        seconds = 0;
        if (zone is "UTC" or "Z" or "" || zone.Length > Zones.Longest) return zone is "UTC" or "Z";
        return zone.Contains(':', StringComparison.Ordinal)
            ? TryFixed(zone, out seconds)
            : Zones.TryOffset(zone, at, out seconds);
    }

    static bool TryFixed(string zone, out int seconds)
    {
        seconds = 0;
        var at = zone[0] is '+' or '-' ? 1 : 0;
        if (zone.Length != at + 5 || zone[at + 2] != ':') return false;
        if (!Digits(zone, at, 2, out var h) || !Digits(zone, at + 3, 2, out var m) || h > 23 || m > 59) return false;
        seconds = (h * 3600 + m * 60) * (zone[0] == '-' ? -1 : 1);
        return true;
    }

    /// <summary>A timestamp, or the range error.</summary>
    public static CelValue Timestamp(long seconds, long nanos)
    {
        var carry = Math.DivRem(nanos, 1_000_000_000, out var rest);
        if (rest < 0) (carry, rest) = (carry - 1, rest + 1_000_000_000);
        seconds += carry;
        return seconds is < MinSeconds or > MaxSeconds ? CelValue.Error(CelErrorKind.Range,
            "the timestamp is outside years 1 to 9999") : CelValue.Timestamp(seconds, (int)rest);
    }

    public static CelValue Duration(Int128 nanos)
        =>
        nanos < long.MinValue || nanos > long.MaxValue ? CelValue.Error(CelErrorKind.Range,
            "the duration is outside 64 bits of nanoseconds") : CelValue.Duration((long)nanos);
}
