using System.Buffers;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Stele.Proof.Statements;

/// <summary>Names that stand in leaves: lower-case ASCII labels, never a person's name.</summary>
public static class Names
{
    public const int MaxLength = 64;

    public static bool IsLabel(string s) =>
        s.Length is > 0 and <= MaxLength && (char.IsAsciiLetterLower(s[0]) || char.IsAsciiDigit(s[0]))
        && s.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-');

    /// <summary>
    /// A label as systems, environments, rules, artifacts and releases have: a-z 0-9 . _ -, at most 64, first a letter
    /// or digit.
    /// </summary>
    public static string Label(Json j) => IsLabel(j.AsString)
        ? j.AsString
        : throw new FormatException(
            $"not a name: '{Cut(j.AsString)}' (a-z, 0-9, '.', '_', '-'; at most {MaxLength}; first a letter or digit)");

    /// <summary>
    /// A control as policies refer to it and people attest it: <c>catalogue/control</c>, as in
    /// <c>iso-42001/A.6.2.4</c>. The catalogue is a label; the control has letters, digits and <c>. _ - ( )</c>, at
    /// most 64, first a letter or digit.
    /// </summary>
    public static bool IsControl(string s) =>
        s.IndexOf('/', StringComparison.Ordinal) is > 0 and var slash && IsLabel(s[..slash])
        && s.Length - slash - 1 is > 0 and <= MaxLength && char.IsAsciiLetterOrDigit(s[slash + 1])
        && s.AsSpan(slash + 1).IndexOfAnyExcept(ControlCharacters) < 0;

    static readonly SearchValues<char> ControlCharacters =
        SearchValues.Create("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._()-");

    /// <inheritdoc cref="IsControl"/>
    public static string Control(Json j) => IsControl(j.AsString)
        ? j.AsString
        : throw new FormatException($"not a control: '{Cut(j.AsString)}' (CATALOGUE/CONTROL, as in iso-42001/A.6.2.4)");

    /// <summary>
    /// A licence: an SPDX expression, as in <c>MIT</c> or <c>Apache-2.0 OR (GPL-2.0-only WITH
    /// Classpath-exception-2.0)</c>. Held to its characters and its length, not to the list of licences: that grows.
    /// </summary>
    public static bool IsLicence(string s) =>
        s.Length is > 0 and <= 200 && (char.IsAsciiLetterOrDigit(s[0]) || s[0] == '(') && s[^1] != ' '
        && !s.Contains("  ", StringComparison.Ordinal) && s.AsSpan().IndexOfAnyExcept(LicenceCharacters) < 0;

    static readonly SearchValues<char> LicenceCharacters =
        SearchValues.Create("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-+:() ");

    /// <inheritdoc cref="IsLicence"/>
    public static string Licence(Json j) => IsLicence(j.AsString)
        ? j.AsString
        : throw new FormatException(
            $"not an SPDX licence expression: '{Cut(j.AsString)}' (as in MIT, CC0-1.0, LicenseRef-ours)");

    public static bool IsMember(string s) => s.Length == 32 && s.All(char.IsAsciiHexDigitLower);

    /// <summary>A member's random 128-bit id in lower-case hex.</summary>
    public static string Member(Json j) => IsMember(j.AsString)
        ? j.AsString
        : throw new FormatException($"not a member id: '{Cut(j.AsString)}' (32 lower-case hex digits)");

    public static string OneOf(Json j, params ReadOnlySpan<string> values)
    {
        foreach (var v in values) if (v == j.AsString) return v;
        throw new FormatException($"'{Cut(j.AsString)}' is not one of {string.Join(", ", values.ToArray())}");
    }

    public static long Entry(Json j) => j.AsInt >= 0
        ? j.AsInt
        : throw new FormatException("an entry number is not negative");

    /// <summary>Milliseconds since 1970 UTC, to the end of the year 9999.</summary>
    public static long Time(Json j) => j.AsInt is >= 0 and <= Proof.Entry.MaxTime
        ? j.AsInt
        : throw new FormatException("a time lies between 1970 and 9999, in milliseconds");

    /// <summary>A small number: a version, a threshold, a weight, a status.</summary>
    public static int Small(Json j) => j.AsInt is >= 0 and <= int.MaxValue
        ? (int)j.AsInt
        : throw new FormatException("a number is out of range");

    static string Cut(string s) => s.Length <= 80
        ? s
        : string.Concat(s.AsSpan(0, char.IsHighSurrogate(s[79]) ? 79 : 80), "…");
}

/// <summary>
/// The words that an enum's values have in formats, in the order of the values. They stand in leaves: permanent.
/// </summary>
public sealed class Words<T>(params ImmutableArray<string> all) where T : struct, Enum
{
    public ImmutableArray<string> All => all;

    public string this[T value] => all[Unsafe.BitCast<T, int>(value)];

    /// <summary>The value of a word; null where no value has it.</summary>
    public T? Find(string word) => all.IndexOf(word) is >= 0 and var i ? Unsafe.BitCast<int, T>(i) : null;

    /// <exception cref="FormatException">Not one of the words.</exception>
    public T Parse(Json j) => Find(Names.OneOf(j, all.AsSpan()))!.Value;
}

/// <summary>What a member may do. <see cref="Role.Words"/> are its words.</summary>
public enum RoleName { Owner, Builder, Evaluator, Approver, Deployer, Node, Service, Server }

/// <summary>A role a member holds, everywhere or within a system or one of its environments.</summary>
public sealed record Role(RoleName Name, string? System = null, string? Environment = null)
{
    public static readonly Words<RoleName> Words = new("owner", "builder", "evaluator", "approver", "deployer", "node",
        "service", "server");

    /// <summary>Whether this role covers the named system and environment; a null asks for no particular one.</summary>
    public bool Covers(string? system, string? environment) =>
        (System is null || system is null || System == system)
        && (Environment is null || environment is null || Environment == environment);

    public Json ToJson() =>
        Json.Object(("role", Words[Name]), ("system", System is null ? null : Json.Of(System)),
            ("environment", Environment is null ? null : Json.Of(Environment)));

    public static Role FromJson(Json j)
    {
        var role = new Role(Words.Parse(j["role"]), j.Find("system") is { } s ? Names.Label(s) : null,
            j.Find("environment") is { } e ? Names.Label(e) : null);
        if (role.Environment is not null && role.System is null)
            throw new FormatException("a role's environment needs its system");
        return role;
    }

    public override string ToString() => System is null ? Words[Name] : Environment is null ? $"{Words[Name]}@{System}"
        : $"{Words[Name]}@{System}/{Environment}";
}
