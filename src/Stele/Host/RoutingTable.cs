using System.Collections.Immutable;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Host;

/// <summary>How an environment stands on this node. Only <see cref="Serving"/> lets requests through.</summary>
enum EnvironmentStatus
{
    /// <summary>The ledger names no release for it yet, or the first one is being made ready.</summary>
    Waiting,
    Serving,
    /// <summary>A deployment halted it.</summary>
    Halted,
    /// <summary>Something the running release rests on was revoked with the effect <c>stop</c>.</summary>
    Revoked,
    /// <summary>The ledger does not assign it to this node any more, or this node's key was revoked.</summary>
    Unassigned,
    /// <summary>
    /// Its decision log is not open in the ledger, or not what the ledger anchored: what could not be anchored is not
    /// served.
    /// </summary>
    Unlogged,
}

/// <summary>One release that answers, with its share of the requests in percent.</summary>
sealed record Backend(ReleaseFact Release, int Weight, Instance Instance);

/// <summary>
/// What the gateway needs to know of an environment, at one moment; replaced whole, so that a request sees one state
/// throughout: the policies of the very ledger size it records. Decisions are recorded in <paramref name="Log"/>: the
/// one that the ledger, as of <paramref name="State"/>, has open for them.
/// <paramref name="Deployment"/> is the entry that put the backends here; while a new head is being made ready it is
/// still the old one.
/// </summary>
sealed record RoutingTable(EnvironmentStatus Status, string Reason, State State, SystemFact System,
    EnvironmentTerms Terms,
    DecisionLog? Log, long Deployment, ImmutableArray<Backend> Backends);
