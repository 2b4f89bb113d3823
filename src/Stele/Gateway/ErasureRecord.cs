using System.Collections.Immutable;
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
sealed record ErasureRecord(string Log, long From, long To, ImmutableArray<long> Indices, byte[] Salt, string Cause,
    long Size, string? Principal, Digest? Reason)
{
    const int Version = 1, MaxFile = 64 << 20;

    public ErasedList List { get; } = new(Salt, Indices);

    public Json ToJson() => Json.Object(
        ("version", Version), ("log", Log), ("from", From), ("to", To),
        ("indices", Json.Array(Indices.Select(i => Json.Of(i)))), ("salt", Convert.ToHexStringLower(Salt)),
        ("cause", Cause), ("size", Size),
        ("principal", Principal is null ? null : Json.Of(Principal)), ("reason", Reason is { } r ? Json.Of(r) : null));

    public static ErasureRecord Parse(ReadOnlySpan<byte> utf8)
    {
        var j = CanonicalJson.ParseCanonical(utf8, MaxFile);
        if (j["version"].AsInt != Version)
            throw new FormatException($"version {j["version"].AsInt} of an erasure is not known here");
        return new(j["log"].AsString, Names.Entry(j["from"]), Names.Entry(j["to"]),
            [.. j["indices"].AsArray.Select(i => Names.Entry(i))], Convert.FromHexString(j["salt"].AsString),
            j["cause"].AsString, Names.Entry(j["size"]),
            j.Find("principal")?.AsString, j.Find("reason")?.AsDigest);
    }

    /// <summary>Whether it is the same erasure, whatever its salt and whenever it was planned.</summary>
    public bool Means(ErasureRecord other) => (Log, Cause, Principal) == (other.Log, other.Cause, other.Principal)
        && Indices.SequenceEqual(other.Indices);

    /// <summary>What owners sign; no list.</summary>
    public Json Claim => Json.Object(
        ("log", Log), ("from", From), ("to", To), ("list", List.Root), ("count", Indices.Length), ("cause", Cause),
        ("size", Size), ("reason", Reason is { } r ? Json.Of(r) : null));

    /// <summary>The claim that a statement makes.</summary>
    public static Json ClaimOf(Erasure s) => Json.Object(
        ("log", s.Log), ("from", s.From), ("to", s.To), ("list", s.List), ("count", s.Count), ("cause", s.Cause),
            ("size", s.Size), ("reason", s.Reason is { } r ? Json.Of(r) : null));

    /// <summary>The statement of a claim, for this ledger.</summary>
    public static Erasure Statement(Json claim, State state, string nonce, long issued) => new(
        claim["log"].AsString, Names.Entry(claim["from"]), Names.Entry(claim["to"]), claim["list"].AsDigest,
        Names.Entry(claim["count"]), claim["cause"].AsString, Names.Entry(claim["size"]),
        claim.Find("reason")?.AsDigest)
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

    public Json ToJson() => Json.Object(("log", Log), ("list", List), ("count", Count), ("ordered", Ordered),
        ("says", Words));
}

/// <summary>What is to be erased: some decisions by id, all about one person (a tag, or a principal's pseudonym), or
/// all of a system whose time is over. One of the three; or none, to ask only what waits to be stated.</summary>
/// <param name="Size">
/// As much of the ledger the node must have folded, so that it knows the holds that the asker knows.
/// </param>
sealed record ErasureRequest(ImmutableArray<string> Decisions, string? Subject, string? Overdue, string? Reason,
    long Size)
{
    public const int MaxBytes = 4 << 20, MaxReason = 4096;

    public Json ToJson() => Json.Object(
        ("decisions", Json.Array(Decisions.Select(Json.Of))), ("subject", Subject is null ? null : Json.Of(Subject)),
        ("overdue", Overdue is null ? null : Json.Of(Overdue)),
        ("reason", Reason is null ? null : Json.Of(Reason)), ("size", Size));

    public static ErasureRequest FromJson(Json j) =>
        new([.. j["decisions"].AsArray.Select(d => d.AsString)], j.Find("subject")?.AsString,
        j.Find("overdue")?.AsString,
        j.Find("reason")?.AsString is { Length: > MaxReason }
            ? throw new FormatException($"a reason has at most {MaxReason} characters")
            : j.Find("reason")?.AsString, Names.Entry(j["size"]));
}

/// <summary>What owners have to sign.</summary>
/// <param name="Planned">The claims of what is to be destroyed. Nothing of it was.</param>
/// <param name="Pending">The claims of what was destroyed before and is not stated.</param>
/// <param name="Already">How many of those that were named had lost their keys before.</param>
/// <param name="Held">How many were left because a hold covers them, though their time is over.</param>
/// <param name="Finished">How many that an interrupted call had begun were finished now.</param>
/// <param name="Waiting">How many could not be planned, as the ledger does not anchor them yet.</param>
/// <param name="Floors">How far each log may be pruned, where its leaves' time is over.</param>
sealed record ErasurePlan(ImmutableArray<Json> Planned, ImmutableArray<Json> Pending, long Already, long Held,
    long Finished, long Waiting, ImmutableArray<(string Log, long Floor)> Floors)
{
    public Json ToJson() => Json.Object(
        ("planned", Json.Array(Planned)), ("pending", Json.Array(Pending)), ("already", Already), ("held", Held),
            ("finished", Finished), ("waiting", Waiting),
        ("floors", Json.Array(Floors.Select(f => Json.Object(("log", f.Log), ("floor", f.Floor))))));

    public static ErasurePlan FromJson(Json j) => new(j["planned"].AsArray, j["pending"].AsArray, j["already"].AsInt,
        j["held"].AsInt, j["finished"].AsInt, j["waiting"].AsInt,
        [.. j["floors"].AsArray.Select(f => (f["log"].AsString, f["floor"].AsInt))]);
}
