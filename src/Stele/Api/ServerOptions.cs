using System.Collections.Immutable;
using System.Net;
using Stele.Control;

namespace Stele.Api;

/// <summary>What an operator may set of a server.</summary>
sealed record ServerOptions
{
    /// <summary>
    /// The address to listen on. Default loopback alone: the API speaks plain HTTP, so put a TLS proxy before it where
    /// others are to reach it.
    /// </summary>
    public IPAddress Listen { get; init; } = IPAddress.Loopback;

    /// <summary>The port; 0 takes a free one, which <see cref="ServerHost.Address"/> then names.</summary>
    public int Port { get; init; } = 7070;

    /// <summary>
    /// Names other than this machine's own under which it is asked, with a port or without; see <see
    /// cref="RequestTarget"/>.
    /// </summary>
    public ImmutableArray<string> Hosts { get; init; } = [];

    /// <summary>How many connections are held; null: as the process's descriptors allow.</summary>
    public ConnectionLimits? Connections { get; init; }

    /// <summary>The largest blob that is taken, in bytes. Default 8 GiB.</summary>
    public long MaxBlob { get; init; } = 8L << 30;

    /// <summary>
    /// How often at most the ledger signs a checkpoint. Default zero: for each group of statements that shared a flush.
    /// Who waits for 'integrated' waits for the next.
    /// </summary>
    public TimeSpan SignEvery { get; init; }

    /// <summary>
    /// Whether anybody may read the ledger itself, <c>/checkpoint</c> and <c>/tile/…</c>, without a token. Default no.
    /// </summary>
    public bool OpenLog { get; init; }

    /// <summary>
    /// Who witnesses the ledger; null: nobody is asked, and what the log signs is published as it is.
    /// </summary>
    public WitnessOptions? Witnesses { get; init; }

    /// <summary>Where the fold begins at the start.</summary>
    public FoldFrom Fold { get; init; }

    /// <summary>The longest that a request for the next checkpoint may wait. Default one minute.</summary>
    public TimeSpan MaxWait { get; init; } = TimeSpan.FromMinutes(1);
}
