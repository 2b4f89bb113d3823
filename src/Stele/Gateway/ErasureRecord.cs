using System.Collections.Immutable;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Gateway;

/// <summary>
/// One erasure, as it is kept on the node from before its first key is destroyed and for as long as anybody may ask for
/// a proof of it: all that its statement takes, and the list behind that statement's root.
/// Canonical JSON, mode 0600. Nothing in it says whom the decisions are about.
/// </summary>
/// <param name="Size">The ledger size that was folded when holds were looked for.</param>
/// <param name="Principal">A pseudonym whose token goes too; null = none.</param>
/// <param name="Reason">The commitment to the reason, which is in a file of its own.</param>
sealed record ErasureRecord(string Log, long From, long To, ImmutableArray<long> Indices, byte[] Salt,
    ErasureCause Cause, long Size, string? Principal, Digest? Reason)
{
    const int Version = 1, MaxFile = 64 << 20;

    public ErasedList List { get; } = new(Salt, Indices);

    public Json ToJson() => Json.Object(
        ("version", Version), ("log", Log), ("from", From), ("to", To),
        ("indices", Json.Array(Indices.Select(i => Json.Of(i)))), ("salt", Convert.ToHexStringLower(Salt)),
        ("cause", Erasure.Causes[Cause]), ("size", Size),
        ("principal", Principal is null ? null : Json.Of(Principal)), ("reason", Reason is { } r ? Json.Of(r) : null));

    public static ErasureRecord Parse(ReadOnlySpan<byte> utf8)
    {
        var j = CanonicalJson.ParseCanonical(utf8, MaxFile);
        if (j["version"].AsInt != Version)
            throw new FormatException($"version {j["version"].AsInt} of an erasure is not known here");
        return new(j["log"].AsString, Names.Entry(j["from"]), Names.Entry(j["to"]),
            [.. j["indices"].AsArray.Select(i => Names.Entry(i))], Convert.FromHexString(j["salt"].AsString),
            Erasure.Causes.Parse(j["cause"]), Names.Entry(j["size"]),
            j.Find("principal")?.AsString, j.Find("reason")?.AsDigest);
    }

    /// <summary>Whether it is the same erasure, whatever its salt and whenever it was planned.</summary>
    public bool Means(ErasureRecord other) => (Log, Cause, Principal) == (other.Log, other.Cause, other.Principal)
        && Indices.SequenceEqual(other.Indices);

    /// <summary>What owners sign; no list.</summary>
    public ErasureClaim Claim => new(Log, From, To, List.Root, Indices.Length, Cause, Size, Reason);
}

/// <summary>What an erasure states, and owners sign: the root of the list, not the list.</summary>
sealed record ErasureClaim(string Log, long From, long To, Digest List, long Count, ErasureCause Cause,
    long Size, Digest? Reason) : IView
{
    public static ErasureClaim Of(Erasure s) => new(s.Log, s.From, s.To, s.List, s.Count, s.Cause, s.Size, s.Reason);

    /// <summary>Its statement, for this ledger.</summary>
    public Erasure Statement(State state, string nonce, long issued) =>
        new(Log, From, To, List, Count, Cause, Size, Reason)
        { Ledger = state.Ledger, Nonce = nonce, Issued = issued };
}

/// <summary>An erasure that waits for owners' signatures: <c>{"made","record","version"}</c>, the record as
/// above.</summary>
/// <param name="Made">When, milliseconds since 1970 UTC.</param>
sealed record PlannedErasure(long Made, ErasureRecord Record)
{
    const int Version = 1, MaxFile = 65 << 20;

    public Json ToJson() => Json.Object(("made", Made), ("record", Record.ToJson()), ("version", Version));

    public static PlannedErasure Parse(ReadOnlySpan<byte> utf8)
    {
        var j = CanonicalJson.ParseCanonical(utf8, MaxFile);
        if (j["version"].AsInt != Version) throw new FormatException($"version {j["version"].AsInt} of a planned "
            + $"erasure is not known here");
        return new(Names.Time(j["made"]), ErasureRecord.Parse(j["record"].ToBytes()));
    }
}

/// <summary>An erasure that was begun, and that the ledger does not state.</summary>
/// <param name="Ordered">Whether the node has an order that is still good, and submits it; else owners must sign
/// one.</param>
sealed record UnstatedErasure(string Log, Digest List, long Count, bool Ordered)
{
    /// <summary>How it is said wherever it is said, with the next step.</summary>
    public string Words => $"destroyed, not stated: {(Count == 1 ? "1 record" : $"{Count} records")} of {Log}; "
        + (Ordered ? "the node has the owners' order and hands it to the server"
            : "owners sign for it: stele erase --pending");

    public ShownErasure Shown => new(Log, List, Count, Ordered, Words);
}

/// <summary>What is to be erased: some decisions by id, all about one person (a tag, or a principal's pseudonym), or
/// all of a system whose time is over. One of the three; or none, to ask only what waits to be stated.</summary>
/// <param name="Size">
/// As much of the ledger the node must have folded, so that it knows the holds that the asker knows.
/// </param>
sealed record ErasureRequest(ImmutableArray<string> Decisions, string? Subject, string? Overdue, string? Reason,
    long Size) : IView
{
    public const int MaxBytes = 4 << 20, MaxReason = 4096;

    /// <exception cref="FormatException">It is none, or its reason is too long.</exception>
    public static ErasureRequest Parse(ReadOnlySpan<byte> utf8)
    {
        var json = CanonicalJson.Parse(utf8, MaxBytes);
        var request = ViewJson.Read<ErasureRequest>(json);
        Names.Entry(json["size"]);
        return request.Reason is { Length: > MaxReason }
            ? throw new FormatException($"a reason has at most {MaxReason} characters") : request;
    }
}

/// <summary>What owners have to sign.</summary>
/// <param name="Planned">What is to be destroyed. Nothing of it was.</param>
/// <param name="Pending">What was destroyed before and is not stated.</param>
/// <param name="Already">How many of those that were named had lost their keys before.</param>
/// <param name="Held">How many were left because a hold covers them, though their time is over.</param>
/// <param name="Finished">How many that an interrupted call had begun were finished now.</param>
/// <param name="Waiting">How many could not be planned, as the ledger does not anchor them yet.</param>
/// <param name="Floors">How far each log may be pruned, where its leaves' time is over.</param>
sealed record ErasurePlan(ImmutableArray<ErasureClaim> Planned, ImmutableArray<ErasureClaim> Pending, long Already,
    long Held, long Finished, long Waiting, ImmutableArray<LogFloor> Floors) : IView;

/// <param name="Floor">What is below may be pruned.</param>
sealed record LogFloor(string Log, long Floor) : IView;
