using System.Collections.Immutable;
using Stele.Disk;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Host;

/// <summary>What the parts of one node share.</summary>
/// <param name="Report">Takes what people should hear of, in one line each.</param>
sealed record NodeParts(
    NodeFolder Folder, NodeIdentity Identity, NodeOptions Options, ServerLink Link, Outbox Outbox, Provision Provision,
    Cosigner Cosigner, TimeProvider Time, Action<string> Report)
{
    /// <summary>Told by every part that goes on for want of descriptors.</summary>
    public Shortage Shortage { get; } = new(Time);

    /// <summary>Whether the ledger has this node's key.</summary>
    public bool IsMember(State state) =>
        state.Members.GetValueOrDefault(Identity.Member) is { } me && me.Keys.Contains(Identity.Key.Public);

    /// <summary>Whether the ledger assigns an environment to this node.</summary>
    public bool Runs(State state, string system, string environment) =>
        IsMember(state) && !state.IsRevoked(Identity.Key.Public.Id)
        && state.Members[Identity.Member].Has(RoleName.Node, system, environment);

    public long Now => Time.GetUtcNow().ToUnixTimeMilliseconds();

    public Envelope Sign(Statement statement) => Envelope.Sign(statement.Encode(), Identity.Key);

    /// <summary>
    /// States what was seen of a release; completes when that is durable here, on its way to the server.
    /// </summary>
    public Task Observe(State state, string system, string environment, long deployment, ObservedEvent @event,
        Digest release,
        ImmutableArray<Dimension> dimensions, string materialised) =>
        Outbox.Add(Sign(new Observation(release, system, environment, deployment, @event, dimensions, materialised,
            state.Size, StateDigest.Of(state))
        {
            Ledger = state.Ledger,
            Nonce = RandomId.New(),
            Issued = Now
        }));
}
