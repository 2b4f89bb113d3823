using System.Buffers;
using System.Text;
using Stele.Proof.Statements;

namespace Stele.Proof.Decisions;

/// <summary>
/// A leaf of a decision log as it stands in its bytes: what millions of leaves are judged by, without an object for
/// each. Invariant: what <see cref="TryRead"/> takes, <see cref="Decision.Parse"/> takes, and they say the same. It
/// leaves to that what is rare: text beyond plain ASCII, negative numbers, and every leaf that is not in order.
/// </summary>
public ref struct DecisionLeaf
{
    static readonly SearchValues<byte> LabelBytes = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789._-"u8),
        HexBytes = SearchValues.Create("0123456789abcdef"u8), DigitBytes = SearchValues.Create("0123456789"u8);
    static readonly SearchValues<byte> PlainBytes = SearchValues.Create(
        [.. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (byte)c).Where(b => b is not ((byte)'"' or (byte)'\\'))]);

    ReadOnlySpan<byte> _environment, _outcome, _policies, _release, _releasePolicy, _rulePolicy, _system, _principal,
        _protocol, _operation, _would;
    long _deployment, _size;

    /// <summary>The index of the open that a close ends; 0 otherwise.</summary>
    public long Open { get; private set; }

    public bool IsOpen { get; private set; }
    public bool IsClose { get; private set; }
    public long Staleness { get; private set; }
    public readonly long Deployment => _deployment;

    /// <summary>By the node's clock, milliseconds since 1970 UTC.</summary>
    public long Time { get; private set; }

    /// <summary>Whether the ledger says of both the same: all is alike that it speaks of.</summary>
    public readonly bool RestsOnTheSame(in DecisionLeaf o) =>
        _deployment == o._deployment && _size == o._size && _release.SequenceEqual(o._release)
        && _outcome.SequenceEqual(o._outcome) && _policies.SequenceEqual(o._policies)
        && _releasePolicy.SequenceEqual(o._releasePolicy) && _rulePolicy.SequenceEqual(o._rulePolicy)
        && _environment.SequenceEqual(o._environment) && _system.SequenceEqual(o._system)
        && _would.SequenceEqual(o._would);

    /// <summary>What an open and its close must have in common.</summary>
    public readonly byte[] Operation
    {
        get
        {
            var text = new byte[20 + 4 + _release.Length + _principal.Length + _protocol.Length + _operation.Length];
            _deployment.TryFormat(text, out var at,
                provider: global::System.Globalization.CultureInfo.InvariantCulture);
            foreach (var part in (ReadOnlySpan<byte[]>)[_release.ToArray(), _principal.ToArray(), _protocol.ToArray(),
                _operation.ToArray()])
            {
                text[at++] = (byte)'\n';
                part.CopyTo(text, at);
                at += part.Length;
            }
            return text[..at];
        }
    }

    /// <summary>The same of a decision that was parsed.</summary>
    public static byte[] OperationOf(Decision d) =>
        Encoding.UTF8.GetBytes(string.Create(global::System.Globalization.CultureInfo.InvariantCulture,
            $"{d.Deployment}\n{d.Release}\n{d.Principal}\n{d.Protocol}\n{d.Operation}"));

    /// <summary>False: parse it, and see.</summary>
    public static bool TryRead(ReadOnlySpan<byte> leaf, out DecisionLeaf d)
    {
        d = default;
        if (leaf.Length > Decision.MaxBytes) return false;
        var rest = leaf;
        if (!Take(ref rest, "{"u8)
            || (Take(ref rest, "\"context\":"u8) && !(Committed(ref rest) && Take(ref rest, ","u8)))) return false;
        if (!Take(ref rest, "\"deployment\":"u8) || !Number(ref rest, out d._deployment)) return false;
        if (!Take(ref rest, ",\"duration\":"u8) || !Number(ref rest, out _)) return false;
        if (!Take(ref rest, ",\"environment\":\""u8) || !Label(ref rest, out d._environment)) return false;
        if (Take(ref rest, ",\"input\":"u8) && !Committed(ref rest)) return false;
        if (!Take(ref rest, ",\"kind\":\""u8) || !Text(ref rest, LabelBytes, out var kind)) return false;
        if (Take(ref rest, ",\"masked\":"u8) && !Committed(ref rest)) return false;
        if (Take(ref rest, ",\"open\":"u8))
        {
            if (!Number(ref rest, out var open)) return false;
            (d.Open, d.IsClose) = (open, true);
        }
        if (!(d.IsClose
            ? kind.SequenceEqual("close"u8)
            : kind.SequenceEqual("whole"u8) || (d.IsOpen = kind.SequenceEqual("open"u8)))) return false;
        if (!Take(ref rest, ",\"operation\":\""u8) || !Text(ref rest, PlainBytes, out d._operation)) return false;
        if (!Take(ref rest, ",\"outcome\":\""u8) || !Text(ref rest, LabelBytes, out d._outcome)
            || !(d._outcome.SequenceEqual("allow"u8) || d._outcome.SequenceEqual("deny"u8)
                || d._outcome.SequenceEqual("error"u8) || d._outcome.SequenceEqual("hold"u8))) return false;
        if (Take(ref rest, ",\"output\":"u8) && !Committed(ref rest)) return false;
        if (!Take(ref rest, ",\"policies\":["u8)) return false;
        var policies = rest;
        if (!Take(ref rest, "]"u8))
        {
            do
            {
                if (!Take(ref rest, "\"sha256:"u8) || !Hex(ref rest, 64, out _)) return false;
            }
            while (Take(ref rest, ","u8));
            if (!Take(ref rest, "]"u8)) return false;
        }
        d._policies = policies[..^rest.Length];
        if (!Take(ref rest, ",\"principal\":\""u8) || !Hex(ref rest, 32, out d._principal)) return false;
        if (!Take(ref rest, ",\"protocol\":\""u8) || !Label(ref rest, out d._protocol)) return false;
        if (!Take(ref rest, ",\"release\":\""u8)) return false;
        var release = rest;
        if (!Take(ref rest, "sha256:"u8) || !Hex(ref rest, 64, out _)) return false;
        d._release = release[..71];
        if (Take(ref rest, ",\"releasePolicy\":\"sha256:"u8) && !Hex(ref rest, 64, out d._releasePolicy)) return false;
        if (!Rule(ref rest, out d._rulePolicy)) return false;
        if (!Take(ref rest, ",\"size\":"u8) || !Number(ref rest, out d._size)) return false;
        if (!Take(ref rest, ",\"staleness\":"u8) || !Number(ref rest, out var staleness)) return false;
        d.Staleness = staleness;
        if (!Take(ref rest, ",\"status\":"u8) || !Number(ref rest, out var status) || status > int.MaxValue)
            return false;
        if (!Take(ref rest, ",\"strength\":\""u8) || !Text(ref rest, LabelBytes, out var strength)
            || !IsStrength(strength)) return false;
        if (!Take(ref rest, ",\"system\":\""u8) || !Label(ref rest, out d._system)) return false;
        if (!Take(ref rest, ",\"time\":"u8) || !Number(ref rest, out var time) || time > Entry.MaxTime) return false;
        d.Time = time;
        var would = rest;
        if (Take(ref rest, ",\"would\":["u8))
        {
            do
            {
                if (!Take(ref rest, "{\"outcome\":\""u8) || !Text(ref rest, LabelBytes, out var outcome)
                    || !(outcome.SequenceEqual("allow"u8) || outcome.SequenceEqual("deny"u8)
                        || outcome.SequenceEqual("mask"u8) || outcome.SequenceEqual("hold"u8))) return false;
                if (!Take(ref rest, ",\"policy\":\"sha256:"u8) || !Hex(ref rest, 64, out _)) return false;
                if (!Rule(ref rest, out _)) return false;
                if (!Take(ref rest, "}"u8)) return false;
            }
            while (Take(ref rest, ","u8));
            if (!Take(ref rest, "]"u8)) return false;
        }
        d._would = would[..^rest.Length];
        return rest is [(byte)'}'];
    }

    /// <summary>A rule and its policy, or neither.</summary>
    static bool Rule(scoped ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> policy)
    {
        policy = default;
        return !Take(ref rest, ",\"rule\":\""u8) || (Label(ref rest, out _)
            && Take(ref rest, ",\"rulePolicy\":\"sha256:"u8) && Hex(ref rest, 64, out policy));
    }

    static bool IsStrength(ReadOnlySpan<byte> text) =>
        text.SequenceEqual("verified-at-load"u8) || text.SequenceEqual("attested"u8)
        || text.SequenceEqual("configured"u8) || text.SequenceEqual("unavailable"u8);

    static bool Take(scoped ref ReadOnlySpan<byte> rest, ReadOnlySpan<byte> text)
    {
        if (!rest.StartsWith(text)) return false;
        rest = rest[text.Length..];
        return true;
    }

    /// <summary>A whole number from 0 to 2⁵³−1 as canonical JSON has it.</summary>
    static bool Number(scoped ref ReadOnlySpan<byte> rest, out long value)
    {
        var length = rest.IndexOfAnyExcept(DigitBytes);
        value = 0;
        if (length is < 1 or > 16 || (rest[0] == '0' && length > 1)) return false;
        foreach (var digit in rest[..length]) value = value * 10 + (digit - '0');
        rest = rest[length..];
        return value <= Json.MaxInt;
    }

    /// <summary>The rest of a string, of bytes that stand for themselves; and its closing quote.</summary>
    static bool Text(scoped ref ReadOnlySpan<byte> rest, SearchValues<byte> bytes, out ReadOnlySpan<byte> text)
    {
        var length = rest.IndexOfAnyExcept(bytes);
        text = default;
        if (length < 0 || rest[length] != '"') return false;
        text = rest[..length];
        rest = rest[(length + 1)..];
        return true;
    }

    static bool Label(scoped ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> text) =>
        Text(ref rest, LabelBytes, out text) && text.Length is > 0 and <= Names.MaxLength
        && char.IsAsciiLetterOrDigit((char)text[0]);

    static bool Hex(scoped ref ReadOnlySpan<byte> rest, int digits, out ReadOnlySpan<byte> text) =>
        Text(ref rest, HexBytes, out text) && text.Length == digits;

    static bool Committed(scoped ref ReadOnlySpan<byte> rest) =>
        Take(ref rest, "{\"commitment\":\""u8) && Hex(ref rest, 64, out _) && Take(ref rest, ",\"size\":"u8)
        && Number(ref rest, out _) && Take(ref rest, "}"u8);
}
