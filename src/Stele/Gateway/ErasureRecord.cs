using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Gateway;

/// <summary>
/// One erasure, as it lies on the node before its first key is destroyed and for as long as anybody may ask for a proof of it: all that its statement takes, and the list behind that statement's root.
/// Canonical JSON, mode 0600. Nothing in it says whom the decisions are about.
/// </summary>
/// <param name="Size">The ledger size that was folded when holds were looked for.</param>
/// <param name="Principal">A pseudonym whose token goes too; null = none.</param>
/// <param name="Reason">The commitment to the reason, which lies beside in a file of its own.</param>
sealed record ErasureRecord(string Log, long From, long To, ImmutableArray<long> Indices, byte[] Salt, string Cause, long Size, string? Principal, Digest? Reason)
{
    const int Version = 1, MaxFile = 64 << 20;

    public ErasedList List { get; } = new(Salt, Indices);

    public Json ToJson() => Json.Object(
        ("version", Version), ("log", Log), ("from", From), ("to", To), ("indices", Json.Array(Indices.Select(i => Json.Of(i)))), ("salt", Convert.ToHexStringLower(Salt)), ("cause", Cause), ("size", Size),
        ("principal", Principal is null ? null : Json.Of(Principal)), ("reason", Reason is { } r ? Json.Of(r) : null));

    public static ErasureRecord Parse(ReadOnlySpan<byte> utf8)
    {
        var j = CanonicalJson.ParseCanonical(utf8, MaxFile);
        if (j["version"].AsInt != Version) throw new FormatException($"version {j["version"].AsInt} of an erasure is not known here");
        return new(j["log"].AsString, Names.Entry(j["from"]), Names.Entry(j["to"]), [.. j["indices"].AsArray.Select(i => Names.Entry(i))], Convert.FromHexString(j["salt"].AsString), j["cause"].AsString, Names.Entry(j["size"]),
            j.Find("principal")?.AsString, j.Find("reason")?.AsDigest);
    }

    /// <summary>What an owner needs to state it; no list.</summary>
    public Json Claim => Json.Object(
        ("log", Log), ("from", From), ("to", To), ("list", List.Root), ("count", Indices.Length), ("cause", Cause), ("size", Size), ("reason", Reason is { } r ? Json.Of(r) : null));

    /// <summary>The statement of a claim, for this ledger.</summary>
    public static Erasure Statement(Json claim, State state, string nonce, long issued) => new(
        claim["log"].AsString, Names.Entry(claim["from"]), Names.Entry(claim["to"]), claim["list"].AsDigest, Names.Entry(claim["count"]), claim["cause"].AsString, Names.Entry(claim["size"]), claim.Find("reason")?.AsDigest)
    { Ledger = state.Ledger, Nonce = nonce, Issued = issued };
}

/// <summary>What is to be erased: some decisions by id, all about one person (a tag, or a principal's pseudonym), or all of a system whose time is over. One of the three.</summary>
/// <param name="Size">As much of the ledger the node must have folded, so that it knows the holds that the asker knows.</param>
sealed record ErasureRequest(ImmutableArray<string> Decisions, string? Subject, string? Overdue, string? Reason, long Size)
{
    public const int MaxBytes = 4 << 20, MaxReason = 4096;

    public Json ToJson() => Json.Object(
        ("decisions", Json.Array(Decisions.Select(Json.Of))), ("subject", Subject is null ? null : Json.Of(Subject)), ("overdue", Overdue is null ? null : Json.Of(Overdue)),
        ("reason", Reason is null ? null : Json.Of(Reason)), ("size", Size));

    public static ErasureRequest FromJson(Json j) => new([.. j["decisions"].AsArray.Select(d => d.AsString)], j.Find("subject")?.AsString, j.Find("overdue")?.AsString,
        j.Find("reason")?.AsString is { Length: > MaxReason } ? throw new FormatException($"a reason has at most {MaxReason} characters") : j.Find("reason")?.AsString, Names.Entry(j["size"]));
}

/// <summary>What came of it.</summary>
/// <param name="Destroyed">How many decisions lost their keys now.</param>
/// <param name="Already">How many of those that were named had lost them before.</param>
/// <param name="Held">How many were left because a hold covers them, though their time is over.</param>
/// <param name="Finished">How many that an interrupted call had begun were finished now.</param>
/// <param name="Claims">Every erasure here that the ledger does not state yet, of this call and of any before it.</param>
/// <param name="Floors">How far each log may be pruned, where its leaves' time is over.</param>
sealed record ErasureAnswer(long Destroyed, long Already, long Held, long Finished, ImmutableArray<Json> Claims, ImmutableArray<(string Log, long Floor)> Floors)
{
    public Json ToJson() => Json.Object(
        ("destroyed", Destroyed), ("already", Already), ("held", Held), ("finished", Finished), ("claims", Json.Array(Claims)),
        ("floors", Json.Array(Floors.Select(f => Json.Object(("log", f.Log), ("floor", f.Floor))))));

    public static ErasureAnswer FromJson(Json j) => new(j["destroyed"].AsInt, j["already"].AsInt, j["held"].AsInt, j["finished"].AsInt, j["claims"].AsArray,
        [.. j["floors"].AsArray.Select(f => (f["log"].AsString, f["floor"].AsInt))]);
}
