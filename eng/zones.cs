// Writes src/Cel/Values/ZoneTable.cs from the time zone data of this machine (Debian's tzdata, whose files hold every
// transition):
//     dotnet run eng/zones.cs > src/Cel/Values/ZoneTable.cs
// The table is part of the language version: run this only when a new one is made. What is written is read back and
// compared first.
using System.Buffers.Binary;
using System.Text;

const string Folder = "/usr/share/zoneinfo";
const long Origin = -5364662400, Unit = 900;

var version = File.ReadLines($"{Folder}/tzdata.zi").First().Split(' ')[^1];
var zones = new SortedDictionary<string, List<string>>(StringComparer.Ordinal);
foreach (var file in Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories))
{
    var name = Path.GetRelativePath(Folder, file);
    if (name.StartsWith("right/") || name.StartsWith("posix/") || name is "localtime" or "posixrules" or "Factory")
        continue;
    var data = File.ReadAllBytes(file);
    if (!data.AsSpan().StartsWith("TZif"u8)) continue;
    var line = Encode(name, data);
    if (!zones.TryGetValue(line, out var names)) zones[line] = names = [];
    names.Add(name);
}

var lines = zones.Select(z => string.Join(',', z.Value.Order(StringComparer.Ordinal)) + "|" + z.Key)
    .Order(StringComparer.Ordinal).ToList();
Console.Write($$""""
    namespace Cel.Values;

    /// <summary>Time zones, made by eng/zones.cs from the IANA data as Debian has it. Part of the language version; <see cref="Zones"/> tells how it is read.</summary>
    internal static class ZoneTable
    {
        /// <summary>Of the IANA data.</summary>
        public const string Version = "{{version}}";

        public static ReadOnlySpan<byte> Text => """

    """");
foreach (var line in lines) Console.Write($"        {line}\n");
Console.Write("        \"\"\"u8;\n}\n");

static string Encode(string name, byte[] data)
{
    // RFC 9636: a block of 32-bit times, which is skipped, one of 64-bit times, and the rule for what comes after as a
    // POSIX TZ string.
    var first = Counts(data, 0);
    var start = 44 + first.Times * 5 + first.Types * 6 + first.Chars + first.Leaps * 8 + first.Std + first.Ut;
    var (ut, std, leaps, times, types, chars) = Counts(data, start);
    if (leaps != 0) throw new InvalidDataException($"{name} has leap seconds");
    var at = start + 44;
    var typesAt = at + times * 9;
    int OffsetOf(int type) => BinaryPrimitives.ReadInt32BigEndian(data.AsSpan(typesAt + type * 6));
    var transitions = new List<(long At, int Offset)>();
    var before = OffsetOf(0);
    for (var i = 0; i < times; i++)
    {
        var t = BinaryPrimitives.ReadInt64BigEndian(data.AsSpan(at + i * 8));
        var offset = OffsetOf(data[at + times * 8 + i]);
        // "fat" files start with one that stands for the beginning of time.
        if (t < Origin && transitions.Count == 0) { before = offset; continue; }
        if (offset != (transitions.Count == 0 ? before : transitions[^1].Offset)) transitions.Add((t, offset));
    }
    var footer = Encoding.ASCII.GetString(data.AsSpan(typesAt + types * 6 + chars + leaps * 12 + std + ut)).Trim('\n');
    var rule = Rule.Parse(footer);
    var last = transitions.Count == 0 ? before : transitions[^1].Offset;
    if (rule.Start is null && rule.Std != last)
        throw new InvalidDataException($"{name} ends with {last}, its rule says {rule.Std}");

    // What the rule says anyway is left out.
    var all = transitions.ToList();
    while (rule.Start is not null && transitions.Count >= 2)
    {
        var (t, offset) = transitions[^1];
        var (previous, earlier) = transitions[^2];
        if (rule.At(t) != offset || rule.At(t - 1) != earlier || rule.At(previous) != earlier
            || rule.Changes(previous, t)) break;
        transitions.RemoveAt(transitions.Count - 1);
    }
    for (var i = 0; i < all.Count; i++)
        foreach (var t in new[] { all[i].At, i + 1 < all.Count ? all[i + 1].At - 1 : all[i].At + 1 })
            if (Lookup(t) != all[i].Offset)
                throw new InvalidDataException($"{name} at {t}: {Lookup(t)}, not {all[i].Offset}");

    var offsets = new List<int> { before };
    var text = new StringBuilder();
    var clock = Origin;
    foreach (var (t, offset) in transitions)
    {
        if (!offsets.Contains(offset)) offsets.Add(offset);
        text.Append((char)('a' + offsets.IndexOf(offset)));
        text.Append((t - clock) % Unit == 0 ? Base36((t - clock) / Unit) : "." + Base36(t - clock));
        clock = t;
    }
    if (offsets.Count > 26) throw new InvalidDataException($"{name} has {offsets.Count} offsets");
    return $"{string.Join(',', offsets)}|{text}|{rule}";

    int Lookup(long t)
    {
        if (transitions.Count == 0) return rule.At(t);
        if (t >= transitions[^1].At && rule.Start is not null) return rule.At(t);
        var i = transitions.FindLastIndex(x => x.At <= t);
        return i < 0 ? before : transitions[i].Offset;
    }
}

static (int Ut, int Std, int Leaps, int Times, int Types, int Chars) Counts(byte[] data, int at)
{
    int N(int i) => BinaryPrimitives.ReadInt32BigEndian(data.AsSpan(at + 20 + i * 4));
    return (N(0), N(1), N(2), N(3), N(4), N(5));
}

static string Base36(long n)
{
    var digits = "";
    do digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(int)(n % 36)] + digits;
    while ((n /= 36) > 0);
    return digits;
}

/// <summary>Month, week (5 is the last), weekday, and seconds from that day's midnight in local time.</summary>
sealed record Change(int Month, int Week, int Weekday, int Seconds)
{
    public long Day(int year)
    {
        var first = new DateTime(year, Month, 1);
        var day = 1 + ((Weekday - (int)first.DayOfWeek + 7) % 7) + (Week - 1) * 7;
        while (day > DateTime.DaysInMonth(year, Month)) day -= 7;
        return (new DateTime(year, Month, day) - DateTime.UnixEpoch).Days;
    }
}

sealed record Rule(int Std, int Dst, Change? Start, Change? End)
{
    public static Rule Parse(string s)
    {
        var at = 0;
        Name();
        var std = -Time();
        if (at == s.Length) return new Rule(std, std, null, null);
        Name();
        var dst = s[at] == ',' ? std + 3600 : -Time();
        var start = Change();
        var end = Change();
        return at == s.Length ? new Rule(std, dst, start, end) : throw new InvalidDataException(s);

        void Name()
        {
            if (s[at] == '<') at = s.IndexOf('>', at) + 1;
            else while (at < s.Length && char.IsAsciiLetter(s[at])) at++;
        }

        int Time()
        {
            var sign = 1;
            if (s[at] is '+' or '-') sign = s[at++] == '-' ? -1 : 1;
            var total = Number() * 3600;
            if (at < s.Length && s[at] == ':') { at++; total += Number() * 60; }
            if (at < s.Length && s[at] == ':') { at++; total += Number(); }
            return sign * total;
        }

        int Number()
        {
            var from = at;
            while (at < s.Length && char.IsAsciiDigit(s[at])) at++;
            return int.Parse(s[from..at]);
        }

        Change Change()
        {
            if (s[at] != ',' || s[at + 1] != 'M') throw new InvalidDataException($"a rule by month is wanted: {s}");
            at += 2;
            var month = Number();
            at++;
            var week = Number();
            at++;
            var day = Number();
            var seconds = 7200;
            if (at < s.Length && s[at] == '/') { at++; seconds = Time(); }
            return new Change(month, week, day, seconds);
        }
    }

    public int At(long t)
    {
        if (Start is null || End is null) return Std;
        var year = DateTime.UnixEpoch.AddSeconds(t + Std).Year;
        var (from, to) = (Start.Day(year) * 86400 + Start.Seconds - Std, End.Day(year) * 86400 + End.Seconds - Dst);
        return (from < to ? t >= from && t < to : !(t >= to && t < from)) ? Dst : Std;
    }

    /// <summary>Is there a change strictly between?</summary>
    public bool Changes(long after, long before)
    {
        for (var year = DateTime.UnixEpoch.AddSeconds(after).Year
            - 1; year <= DateTime.UnixEpoch.AddSeconds(before).Year + 1; year++)
            foreach (var t in new[] { Start!.Day(year) * 86400 + Start.Seconds - Std,
                End!.Day(year) * 86400 + End.Seconds - Dst })
                if (t > after && t < before) return true;
        return false;
    }

    public override string ToString() => Start is null || End is null ? "" : $"{Std},{Dst},{Show(Start)},{Show(End)}";

    static string Show(Change c) => $"{c.Month}.{c.Week}.{c.Weekday}.{c.Seconds}";
}
