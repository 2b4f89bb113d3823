using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Stele.Proof;

/// <summary>
/// Reads the file of a <see cref="WitnessPolicy"/>, line by line. Bytes above 7F are opaque: they are kept as one
/// character each (Latin-1), and only a key's name is read as UTF-8.
/// </summary>
sealed class PolicyLines
{
    const int MaxWords = 3 + WitnessPolicy.MaxParts * 2;

    readonly ImmutableArray<PolicyLog>.Builder _logs = ImmutableArray.CreateBuilder<PolicyLog>();
    readonly ImmutableArray<PolicyPart>.Builder _parts = ImmutableArray.CreateBuilder<PolicyPart>();
    readonly Dictionary<string, int> _places = new(StringComparer.Ordinal);
    readonly HashSet<int> _members = [];
    (int? Place, int Line)? _quorum;
    int _line;

    public static WitnessPolicy Parse(ReadOnlySpan<byte> policy)
    {
        if (policy.Length > WitnessPolicy.MaxBytes)
            throw new FormatException($"a policy of {policy.Length} bytes; at most {WitnessPolicy.MaxBytes} are read");
        var lines = new PolicyLines();
        for (var rest = policy; !rest.IsEmpty;)
        {
            lines._line++;
            var end = rest.IndexOf((byte)'\n');
            if (end < 0) throw lines.Wrong("the line is not ended by a newline: the file may have been cut off");
            foreach (var b in rest[..end]) if (b is < 0x20 and not (byte)'\t' or 0x7F)
                throw lines.Wrong($"the control character {b:x2} has no place in a policy");
            lines.Read(Encoding.Latin1.GetString(rest[..end]));
            rest = rest[(end + 1)..];
        }
        lines._line++;
        return new(lines._logs.ToImmutable(), lines._parts.ToImmutable(),
            (lines._quorum ?? throw lines.Wrong(
                "the policy ends without a quorum line ('quorum none' demands no cosignature)")).Place);
    }

    /// <summary>The characters of a text as this class keeps them.</summary>
    public static string Octets(string text) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));

    FormatException Wrong(string what) => new($"line {_line.ToString(CultureInfo.InvariantCulture)}: {what}");

    void Read(string line)
    {
        var words = line.Split([' ', '\t'], MaxWords + 1, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0 || words[0][0] == '#') return;
        if (words.Length > MaxWords) throw Wrong($"more than {MaxWords} words");
        switch (words)
        {
            case ["log", var key]: Log(key, null); break;
            case ["log", var key, var url]: Log(key, url); break;
            case ["log", ..]: throw Wrong("a log reads: log VKEY [URL]");
            case ["witness", var name, var key]: Witness(name, key, null); break;
            case ["witness", var name, var key, var url]: Witness(name, key, url); break;
            case ["witness", ..]: throw Wrong("a witness reads: witness NAME VKEY [URL]");
            case ["group", var name, var needed, .. [_, ..] members]: Group(name, needed, members); break;
            case ["group", ..]: throw Wrong("a group reads: group NAME all|any|K MEMBER…");
            case ["quorum", var name]: Quorum(name); break;
            case ["quorum", ..]: throw Wrong("a quorum reads: quorum NAME");
            default: throw Wrong($"'{Shown(words[0])}' is not log, witness, group or quorum");
        }
    }

    void Log(string text, string? url)
    {
        var key = Key(text);
        if (key.Type == NoteKeyType.Cosignature)
            throw Wrong($"'{key.Name}' has a witness's key (type 0x04), and logs do not sign with those");
        if (_logs.Count == WitnessPolicy.MaxLogs) throw Wrong($"more than {WitnessPolicy.MaxLogs} logs");
        if (_logs.Any(l => l.Key.SameKey(key))) throw Wrong("another log has this key already");
        if (_parts.Any(p => p.Key is not null && p.Key.SameKey(key))) throw Wrong("a witness has this key already");
        _logs.Add(new(key, url));
    }

    void Witness(string name, string text, string? url)
    {
        var key = Key(text);
        if (!key.IsCosigner) throw Wrong($"'{Shown(name)}' has a key that does not cosign (types 0x04 and 0x06 do)");
        if (_parts.Any(p => p.Key is not null && p.Key.SameKey(key)))
            throw Wrong("another witness has this key already");
        if (_logs.Any(l => l.Key.SameKey(key))) throw Wrong("a log has this key already: it would witness itself");
        Define(new(name, key, url, 0, []));
    }

    void Group(string name, string needed, string[] names)
    {
        var members = ImmutableArray.CreateBuilder<int>();
        foreach (var member in names)
        {
            var place = Place(member);
            if (!_members.Add(place))
                throw Wrong($"'{Shown(member)}' is a member of a group already; it may count in one way alone");
            members.Add(place);
        }
        long k = needed switch
        {
            "all" => names.Length,
            "any" => 1,
            _ => Checkpoint.TryDecimal(needed, out var n)
                ? n
                : throw Wrong($"'{Shown(needed)}' is not all, any or a decimal number"),
        };
        if (k < 1 || k > names.Length) throw Wrong($"{k} of {names.Length} members can't be needed");
        Define(new(name, null, null, (int)k, members.ToImmutable()));
    }

    void Quorum(string name)
    {
        if (_quorum is { } before) throw Wrong($"a second quorum; the first stands on line {before.Line}");
        _quorum = (name == WitnessPolicy.None ? null : Place(name), _line);
    }

    void Define(PolicyPart part)
    {
        if (part.Name == WitnessPolicy.None)
            throw Wrong("'none' is the quorum that demands nothing, and names nothing else");
        if (_parts.Count(p => p.Key is null == part.Key is null) == WitnessPolicy.MaxParts)
            throw Wrong($"more than {WitnessPolicy.MaxParts} {(part.Key is null ? "groups" : "witnesses")}");
        if (!_places.TryAdd(part.Name, _parts.Count)) throw Wrong($"'{Shown(part.Name)}' is defined already");
        _parts.Add(part);
    }

    int Place(string name) => _places.TryGetValue(name, out var place)
        ? place
        : throw Wrong($"'{Shown(name)}' is not defined on a line before");

    VerifierKey Key(string octets)
    {
        try
        {
            return VerifierKey.Parse(new UTF8Encoding(false,
                throwOnInvalidBytes: true).GetString(Encoding.Latin1.GetBytes(octets)));
        }
        catch (Exception e) when (e is FormatException or DecoderFallbackException)
        {
            throw Wrong($"not a verifier key: {(e is FormatException ? e.Message : "its name is not UTF-8")}");
        }
    }

    static string Shown(string name) => name.Length <= 80 ? name : name[..80] + "…";
}
