using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

/// <summary>What a token opens.</summary>
enum TokenOf { Server, Node }

/// <summary>Values as people give them on a command line, read with words that say which one is wrong.</summary>
static class Parsing
{
    public static Digest Digest(string text, string what) =>
        Proof.Digest.TryParse(text, out var digest)
            ? digest
            : throw new CliError($"'{text}' is not the digest of {what}", "sha256: and 64 lower-case hex digits",
                CliError.Usage);

    /// <summary>The rights of a token that is made: those of <c>--right</c>; all of a server where none is
    /// named.</summary>
    public static Identity.Rights Rights(Call call, TokenOf of)
    {
        var ofNode = of == TokenOf.Node;
        var all = ofNode ? RightNames.OfNode : RightNames.OfServer;
        var names = call.Get<string[]>("--right") ?? [];
        if (names.Length == 0) return ofNode ? throw call.Wrong("a token of a node is made for named rights",
            $"--right RIGHT, one of: {string.Join(", ", all.Names())}; once for each") : all;
        return names.Aggregate(Identity.Rights.None, (rights, name) => all.Names().Contains(name)
            ? rights | RightNames.Parse(name)
            : throw call.Wrong($"'{name}' is not a right of a {(ofNode ? "node" : "server")}",
                $"--right takes: {string.Join(", ", all.Names())}"));
    }

    /// <summary>That this process may open as much as a server needs.</summary>
    public static void Descriptors(int fewest)
    {
        var allowed = Disk.Libc.Descriptors();
        if (allowed < fewest) throw new CliError(
            $"this process may have {allowed} files and connections open, and needs {fewest} at least",
            "raise the limit: ulimit -n 4096, or LimitNOFILE=4096 in its unit");
    }

    /// <summary>A small file's bytes.</summary>
    /// <exception cref="FormatException">It is larger than that.</exception>
    public static byte[] Bytes(string file, int most)
    {
        using var stream = System.IO.File.OpenRead(file);
        if (stream.Length > most) throw new FormatException($"it has more than {most} bytes");
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    public static PublicKey Key(string text)
    {
        try
        {
            return PublicKey.Parse(text);
        }
        catch (Exception e) when (e is FormatException or System.Security.Cryptography.CryptographicException)
        {
            throw new CliError($"'{text}' is not a public key: {e.Message}",
                "the line that stele key list shows as the public part", CliError.Usage);
        }
    }

    /// <summary>Where a server listens: an absolute http or https address.</summary>
    public static Uri Server(string text, string what) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.Host.Length > 0
            ? url
            : throw new CliError($"{what} takes the address of a server, not '{text}'",
                "as in http://127.0.0.1:7070/", CliError.Usage);

    public static string Label(string text, string what) =>
        Names.IsLabel(text) ? text : throw new CliError($"'{text}' is not a name for {what}",
            "a-z, 0-9, '.', '_' and '-'; first a letter or digit; at most 64", CliError.Usage);

    /// <summary>A time (<see cref="Rfc3339"/>) since 1970, in milliseconds.</summary>
    public static long Time(string text, string flag) =>
        Rfc3339.TryParse(text, out var time) && time >= 0 ? time
            : throw new CliError($"{flag} takes a time (RFC 3339), not '{text}'", $"as in {flag} {Rfc3339.Example}",
            CliError.Usage);

    /// <summary>How long, in milliseconds: a number and s, m, h, d or w.</summary>
    public static long Duration(string text, string flag)
    {
        var unit = text is [.., var u] ? u switch
        {
            's' => 1_000L,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            'w' => 604_800_000,
            _ => 0
        } : 0;
        return unit > 0
            && long.TryParse(text.AsSpan(0, text.Length - 1), System.Globalization.NumberStyles.None,
                System.Globalization.CultureInfo.InvariantCulture, out var n) && n > 0 && n <= 3_155_760_000_000 / unit
            ? n * unit : throw new CliError($"{flag} takes how long, not '{text}'",
                $"a number and a unit (s, m, h, d, w), as in {flag} 7d", CliError.Usage);
    }

    /// <summary>
    /// A limit in milliseconds, at most ten years; seconds where no unit stands; null: <c>unlimited</c>.
    /// </summary>
    public static long? Limit(string text, string flag) =>
        text == "unlimited" ? null
        : Duration(text.Length > 0 && text.All(char.IsAsciiDigit) ? text + "s" : text, flag) is var limit
            && limit <= 10L * 366 * 86_400_000 ? limit
        : throw new CliError($"{flag} takes at most ten years, or unlimited", $"as in {flag} 24h", CliError.Usage);

    /// <summary>A time to come, from hours.</summary>
    public static long Expiry(double hours, long now) =>
        hours is > 0 and <= 24 * 366 * 10
            ? now + (long)(hours * 3_600_000)
            : throw new CliError("--expires takes hours to come: more than 0, at most ten years", "as in --expires 48",
                CliError.Usage);

    /// <summary>A time to come, from a term: days or hours.</summary>
    public static long Term(string text, long now)
    {
        var unit = text.Length > 1 ? text[^1] switch { 'd' => 24, 'h' => 1, _ => 0 } : 0;
        return unit > 0
            && double.TryParse(text.AsSpan(0, text.Length - 1),
                global::System.Globalization.NumberStyles.AllowDecimalPoint,
                global::System.Globalization.CultureInfo.InvariantCulture, out var n) && n > 0
            && n * unit <= Attestation.MaxTerm / 3_600_000.0
            ? now + (long)(n * unit * 3_600_000)
            : throw new CliError($"'{text}' is not a term: days or hours, more than 0, at most three years",
                "as in 365d or 12h", CliError.Usage);
    }

    public static Trust Trust(string file)
    {
        if (!File.Exists(file))
            throw new CliError($"there is no trust file {file}", "DATA/trust.json, from someone you trust",
                CliError.Usage);
        try
        {
            return Proof.Decisions.Trust.Parse(File.ReadAllBytes(file));
        }
        catch (FormatException e)
        {
            throw new CliError($"{file} is not a trust file: {e.Message}", "DATA/trust.json, from someone you trust",
                CliError.Usage);
        }
    }

    /// <summary>SYSTEM, SYSTEM/ENVIRONMENT or nothing: the whole ledger. Held to be known.</summary>
    public static (string? System, string? Environment) Scope(string? text, State state)
    {
        if (text is null) return (null, null);
        if (text.Contains('/', StringComparison.Ordinal))
        {
            var place = Place.Known(text, state);
            return (place.System, place.Environment);
        }
        return state.Systems.ContainsKey(text) ? (text, null) : throw Place.NoSystem(text, state);
    }
}
