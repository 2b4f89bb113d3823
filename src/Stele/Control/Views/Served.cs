using System.Collections.Immutable;
using Stele.Proof;

namespace Stele.Control.Views;

// What else a server answers with.

/// <summary>It admits statements.</summary>
/// <param name="Size">How many entries are folded.</param>
/// <param name="Publishing">Why the last tiles or checkpoint could not be written.</param>
sealed record Health(bool Ok, long Size, string? Publishing) : IView;

/// <param name="Leaf">The entry's hash in the ledger's tree.</param>
/// <param name="Time">The entry's own; nothing where the statement was in the ledger before.</param>
sealed record AddedEntry(long Entry, Digest Leaf, long? Time) : IView;

/// <summary>An entry's inclusion proof.</summary>
/// <param name="Proof">Hashes in hex, the leaf's sibling first (RFC 6962).</param>
/// <param name="Checkpoint">The newest signed one, a note; the proof is for <paramref name="Size"/>.</param>
sealed record ShownProof(long Entry, Digest Leaf, long Size, Digest Root, ImmutableArray<string> Proof,
    string Checkpoint) : IView;

/// <param name="State">As docs/spec/fold.md says it.</param>
sealed record WholeState(Digest Digest, Json State) : IView;

/// <summary>Who cosigns, how far, and what keeps them from it.</summary>
/// <param name="Faults">What keeps the server from its work.</param>
/// <param name="Policy">Whether a witness policy says who must cosign.</param>
/// <param name="Published">The size of the published checkpoint.</param>
/// <param name="Cosigners">The names on the newest checkpoint.</param>
sealed record WitnessedLedger(ImmutableArray<ShownFault> Faults, long Size, bool Policy, long? Published,
    ImmutableArray<string> Cosigners, ImmutableArray<ShownWitness> Witnesses) : IView;

/// <param name="Size">What it cosigned last, and <paramref name="Time"/> when, seconds since 1970 UTC.</param>
/// <param name="Fork">It has seen another history under the ledger's key.</param>
sealed record ShownWitness(string Name, string Key, string Address, long? Size, long? Time, string? Trouble, bool Fork)
    : IView;

/// <summary>Something that is not as the ledger says.</summary>
/// <param name="Code">One of a closed set.</param>
/// <param name="Hint">The next step.</param>
/// <param name="Deployment">The head's entry, where it is about one.</param>
/// <param name="Differences">What differs from the release, by dimension and path.</param>
sealed record ShownFault(string Code, string Message, string Hint, long? Deployment,
    ImmutableArray<string> Differences) : IView;

sealed record StoredBlob(Digest Digest) : IView;

sealed record CosignedSize(long Size) : IView;

/// <param name="Digest">Of the token.</param>
sealed record AttachedTimestamp(long Size, Digest Digest) : IView;

/// <summary>Every time stamp over a checkpoint, by size.</summary>
sealed record TimestampList(ImmutableArray<ShownTimestamp> Timestamps) : IView;

/// <param name="Checkpoint">Its text, without signatures.</param>
/// <param name="Token">RFC 3161, DER, base64.</param>
sealed record ShownTimestamp(long Size, string Checkpoint, string Token) : IView;
