using System.Globalization;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

// What the fold remembers of what was erased and what is held.

/// <summary>An erasure that stands in the ledger, by the root of its list.</summary>
/// <param name="Size">The ledger size its node had folded when it destroyed the keys.</param>
public sealed record ErasureFact(long Entry, string Log, long From, long To, long Count, ErasureCause Cause,
    long Size);

/// <summary>A legal hold that stands, by the entry that placed it.</summary>
/// <param name="To">The record after the last one held; null = all that come too.</param>
public sealed record HoldFact(long Entry, long Time, string System, string? Environment, string? Log, long From,
    long? To, Digest? Reason)
{
    /// <summary>Whether it covers any of the records [from, to) of a log.</summary>
    public bool Covers(LogFact log, long from, long to) =>
        System == log.System && (Environment is null || Environment == log.Environment)
        && (Log is null || Log == log.Origin) && From < to && (To is null || from < To);

    /// <summary>What it covers, in words.</summary>
    public override string ToString() => Log is not null
        ? From == 0 && To is null ? Log : string.Create(CultureInfo.InvariantCulture,
            $"{Log} [{From}, {(To is { } t ? t.ToString(CultureInfo.InvariantCulture) : "…")})")
        : Environment is not null ? State.Place(System, Environment) : System;
}
