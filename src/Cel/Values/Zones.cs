using System.Collections.Concurrent;
using System.Text;

namespace Cel.Values;

/// <summary>
/// Named time zones: which offset from UTC holds at a moment. The rules are those of <see cref="ZoneTable"/> on every
/// machine. One line is a zone:
/// <code>
/// zone        = name {"," name} "|" offset {"," offset} "|" {transition} "|" [offset "," offset "," change "," change]
/// transition  = letter ["."] base36       from then on the offset at this letter's place in the list (b is the second)
/// change      = month "." week "." weekday "." seconds
/// </code>
/// Offsets are seconds east of UTC; the first holds before all transitions. A transition counts from the one before
/// (the first from 1800-01-01) in quarters of an hour, after a point in seconds. After the last, the last offset holds
/// forever, or every year has summer time: the standard offset, that of summer, and when it starts and ends, in local
/// time before the change. Week 5 is a weekday's last in the month; weekday 0 is Sunday; seconds may lie outside the
/// day.
/// </summary>
internal static class Zones
{
    /// <summary>No name is longer: nothing of a text that is needs to be looked at.</summary>
    public const int Longest = 64;

    const long Origin = -5364662400, Unit = 900;

    /// <summary>Where in the table each zone's line starts.</summary>
    static readonly Lazy<Dictionary<string, int>> Lines = new(Index);

    /// <summary>Those that have been asked for; no more than the table has.</summary>
    static readonly ConcurrentDictionary<int, Zone> Decoded = new();

    public static IReadOnlyCollection<string> Names => Lines.Value.Keys;

    /// <summary>Names are case-sensitive, as they are in the data.</summary>
    public static bool TryOffset(string name, long seconds, out int offset)
    {
        offset = 0;
        if (!Lines.Value.TryGetValue(name, out var line)) return false;
        offset = Decoded.GetOrAdd(line, Decode).At(seconds);
        return true;
    }

    static Dictionary<string, int> Index()
    {
        var lines = new Dictionary<string, int>(StringComparer.Ordinal);
        var text = ZoneTable.Text;
        var at = 0;
        foreach (var range in text.Split((byte)'\n'))
        {
            var line = text[range];
            foreach (var name in line[..line.IndexOf((byte)'|')].Split((byte)','))
                lines.Add(Encoding.ASCII.GetString(line[name]), at);
            at += line.Length + 1;
        }
        return lines;
    }

    static Zone Decode(int at)
    {
        var rest = ZoneTable.Text[at..];
        var end = rest.IndexOf((byte)'\n');
        var fields = Encoding.ASCII.GetString(end < 0 ? rest : rest[..end]).Split('|');

        var offsets = Array.ConvertAll(fields[1].Split(','), Whole);
        List<long> times = [];
        List<int> then = [];
        var clock = Origin;
        for (var i = 0; i < fields[2].Length;)
        {
            then.Add(offsets[fields[2][i++] - 'a']);
            var unit = fields[2][i] == '.' ? 1 : Unit;
            if (unit == 1) i++;
            long delta = 0;
            for (; i < fields[2].Length && !char.IsAsciiLetterLower(fields[2][i]); i++)
                delta = delta * 36 + (char.IsAsciiDigit(fields[2][i]) ? fields[2][i] - '0' : fields[2][i] - 'A' + 10);
            times.Add(clock += delta * unit);
        }

        var rule = fields[3].Length == 0 ? null : fields[3].Split(',');
        return new Zone([.. times], [.. then], offsets[0],
            rule is null ? null : new Summer(Whole(rule[0]), Whole(rule[1]), Change(rule[2]), Change(rule[3])));
    }

    static Change Change(string text) =>
        Array.ConvertAll(text.Split('.'), Whole) is [var month, var week, var weekday, var seconds]
        ? new(month, week, weekday, seconds) : throw new FormatException(text);

    static int Whole(string text) =>
        int.Parse(text, System.Globalization.NumberStyles.AllowLeadingSign,
            System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>A zone, decoded.</summary>
internal sealed record Zone(long[] Times, int[] Offsets, int Before, Summer? After)
{
    public int At(long seconds)
    {
        var i = Array.BinarySearch(Times, seconds);
        if (i < 0) i = ~i - 1;
        if (i == Times.Length - 1 && After is not null) return After.At(seconds);
        return i < 0 ? Before : Offsets[i];
    }
}

/// <summary>Summer time as it is every year, in the half of the year where the zone has it.</summary>
internal sealed record Summer(int Standard, int Offset, Change Start, Change End)
{
    public int At(long seconds)
    {
        var year = Times.ToCivil(seconds + Standard).Year;
        var (from, to) = (Start.Moment(year) - Standard, End.Moment(year) - Offset);
        var isSummer = from < to ? seconds >= from && seconds < to : seconds < to || seconds >= from;
        return isSummer ? Offset : Standard;
    }
}

/// <summary>A moment of every year, in local time.</summary>
internal readonly record struct Change(int Month, int Week, int Weekday, int Seconds)
{
    public long Moment(int year)
    {
        var first = Times.ToDays(year, Month, 1);
        // 1970-01-01 was a Thursday.
        var weekday = (int)(((first + 4) % 7 + 7) % 7);
        var day = first + (Weekday - weekday + 7) % 7 + (Week - 1) * 7;
        var next = Month == 12 ? Times.ToDays(year + 1, 1, 1) : Times.ToDays(year, Month + 1, 1);
        return (day < next ? day : day - 7) * 86400 + Seconds;
    }
}
