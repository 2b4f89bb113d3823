using System.Collections.Immutable;

namespace Stele.Gateway;

/// <summary>Where a gateway listens, and what it lets through.</summary>
sealed record GatewayOptions
{
    /// <summary>The port on the loopback interface; 0 = any that is free.</summary>
    public int Port { get; init; }

    /// <summary>
    /// Names other than this machine's own under which it is asked, with a port or without; see <see
    /// cref="RequestTarget"/>.
    /// </summary>
    public ImmutableArray<string> Hosts { get; init; } = [];

    /// <summary>How many connections are held; null: as the process's descriptors allow.</summary>
    public ConnectionLimits? Connections { get; init; }

    /// <summary>The most values that a request's body may have, the names of members among them.</summary>
    public int MaxValues { get; init; } = 1 << 17;

    /// <summary>The most bytes of a request's body.</summary>
    public int MaxRequest { get; init; } = 1 << 20;

    /// <summary>The most bytes of a release's answer.</summary>
    public int MaxAnswer { get; init; } = 1 << 20;

    /// <summary>How much the requests that are being answered, and their answers, may take, in bytes.</summary>
    public long Bodies { get; init; } = ListenerOptions.DefaultBodies;

    /// <summary>Of that, those of one principal.</summary>
    public long BodiesOfOne { get; init; } = ListenerOptions.DefaultBodiesOfOne;

    /// <summary>How long a release may take to answer.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Request headers that a release gets in addition to the usual ones; see <see cref="RequestHeaders"/>.
    /// </summary>
    public IReadOnlyList<string> Headers { get; init; } = [];
}
