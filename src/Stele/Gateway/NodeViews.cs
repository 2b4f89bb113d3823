using System.Collections.Immutable;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Statements;

namespace Stele.Gateway;

// What a node answers with.

/// <summary>Everything that a node says of itself.</summary>
/// <param name="Server">What keeps it from following its server, or <c>ok</c>; so <paramref name="Anchoring"/> and
/// <paramref name="Cosigning"/>.</param>
/// <param name="Fork">The second history that it has seen; then it follows no more.</param>
/// <param name="Cosigner">The key that it cosigns with; <paramref name="Cosigned"/>: the size cosigned last.</param>
/// <param name="Confinement">What confines its releases, and what does not hold.</param>
/// <param name="Size">How many entries it has folded.</param>
/// <param name="Waiting">How many statements of its own wait for the server.</param>
/// <param name="Erasures">Those that were begun and that the ledger does not state.</param>
/// <param name="Everywhere">How many principals may ask every environment.</param>
/// <param name="LastRefusal">What the server last refused of its own statements.</param>
sealed record NodeStatus(string Member, string Key, string Server, string Anchoring, string? Fork, string? Cosigner,
    long Cosigned, string Cosigning, Json Confinement, ImmutableArray<ShownFault> Faults, long Size, int Waiting,
    ImmutableArray<ShownErasure> Erasures, int Everywhere, string? LastRefusal,
    ImmutableArray<HostedStatus> Environments) : IView
{
    /// <summary>What it says of an environment; null where it is none of its own.</summary>
    public HostedStatus? Of(string system, string environment) =>
        Environments.FirstOrDefault(e => e.System == system && e.Environment == environment);
}

/// <summary>An environment of this node.</summary>
/// <param name="Standing">A name of <see cref="Host.EnvironmentStatus"/>; or <c>waiting</c>, as it has folded nothing
/// of it yet.</param>
/// <param name="Replaced">How often in a row the release was replaced.</param>
/// <param name="Trouble">The last error, and <paramref name="News"/> the last event, in words.</param>
/// <param name="Deployment">The head's entry.</param>
/// <param name="Size">How much of the ledger the routes are from.</param>
/// <param name="Staleness">How old that is, milliseconds.</param>
sealed record HostedStatus(string System, string Environment, string Standing, string Reason,
    ImmutableArray<ShownFault> Faults, int Replaced, string? Trouble, string? News, int FalseAlarms, long Deployment,
    long Size, long Staleness, ImmutableArray<HostedRoute> Routes, HostedLog? Log) : IView;

/// <param name="Weight">Its share of the requests, in percent.</param>
/// <param name="Trusted">What runs is what was released, as far as was seen.</param>
sealed record HostedRoute(Digest Release, string Name, int Weight, bool Trusted, int Pid) : IView;

/// <param name="Folder">Its name in addresses: the SHA-256 of its origin, in hex.</param>
sealed record HostedLog(string Origin, string Key, string Folder, long Size, GatewayCount Counted) : IView;

/// <param name="Ordered">Whether the node has an order that is still good, and submits it.</param>
/// <param name="Says">In words, with the next step.</param>
sealed record ShownErasure(string Log, Digest List, long Count, bool Ordered, string Says) : IView;

/// <summary>What shows a decision to those who have the log's key.</summary>
/// <param name="Decision">Its id.</param>
/// <param name="Leaf">The leaf's bytes, as they are in the log.</param>
/// <param name="Proof">Hashes in hex, in the tree of the checkpoint.</param>
/// <param name="Keys">What became of the keys of its bodies; an earlier build did not say.</param>
sealed record DecisionProof(string Decision, string Key, string Checkpoint, long Index, string Leaf,
    ImmutableArray<string> Proof, BodyState? Keys) : IView;

/// <summary>What was asked and answered; context and what was masked only where the decision has it.</summary>
sealed record OpenedBodies(OpenedBody? Context, OpenedBody? Input, OpenedBody? Masked, OpenedBody? Output) : IView;

/// <param name="Base64">Nothing where it can't be opened.</param>
sealed record OpenedBody(BodyState State, string? Base64) : IView;

/// <summary>A page of who opened which bodies, oldest first, and how many there are.</summary>
sealed record ReadPage(ImmutableArray<BodyRead> Reads, long Size) : IView;

/// <summary>How many decisions lost their keys.</summary>
sealed record CarriedErasure(long Destroyed) : IView;

/// <summary>What shows that the keys of a decision were erased, by the list that the ledger has of it.</summary>
sealed record ErasureProof(Digest List, ErasedRecord Record) : IView;

/// <summary>Decisions judged again, a log each.</summary>
sealed record ReplayedDecisions(ImmutableArray<ReplayedLog> Logs) : IView;
