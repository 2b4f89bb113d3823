using System.Collections.Concurrent;
using System.Collections.Immutable;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Gateway;

/// <summary>
/// Two sets of rules decide a request, and one no is enough: the policy frozen in the release, and those in force for the environment. Each is compiled once.
/// A rule that does not evaluate says no; a policy that is not at hand leaves nothing decided. Where no rule is about requests (<c>decide</c>), an authenticated principal may ask.
/// </summary>
sealed class Rules(Func<Digest, byte[]?> document)
{
    static readonly ImmutableDictionary<string, long> NoWaivers = ImmutableDictionary<string, long>.Empty;

    readonly ConcurrentDictionary<Digest, Policy> _compiled = new();

    /// <summary>
    /// The rule that says no, or null. A request that would have to wait for a person is refused: the gateway can't wait; and one that would have to be masked, while it can't mask.
    /// </summary>
    public RuleOutcome? Deny(RoutingTable table, Leg leg, Principal principal, Json request, long time)
    {
        var policies = PoliciesOf(table, leg).Select(Compiled).Where(p => p.Judges(Actions.Decide)).ToArray();
        if (policies.Length == 0) return null;
        var input = PolicyInput.ForRequest(
            principal.ToJson(), request,
            Json.Object(("digest", leg.Release.Digest), ("name", leg.Release.Name), ("document", leg.Release.Document)),
            Json.Object(("name", table.System.Name), ("risk", table.System.Risk), ("owner", table.System.Owner)),
            Json.Object(("name", table.Terms.Name), ("deployment", table.Deployment)), time);
        var ruling = Ruling.Through;
        foreach (var policy in policies)
        {
            var waived = table.State.Waivers.IsEmpty ? NoWaivers : PolicyInput.ValidWaivers(table.State, leg.Release, table.System.Name, table.Terms.Name, policy.Digest, time);
            ruling = ruling.And(policy.Decide(input, waived));
            if (ruling.Effect == Effect.Deny) break;
        }
        return ruling.Effect switch
        {
            Effect.Allow => null,
            Effect.Hold => Outcome(ruling, $"it needs a person's approval, and nothing waits for one here{(ruling.Message is null ? "" : ": " + ruling.Message)}"),
            Effect.Mask => Outcome(ruling, $"it needs fields masked, and nothing masks them here{(ruling.Message is null ? "" : ": " + ruling.Message)}"),
            _ => Outcome(ruling, ruling.Message),
        };

        static RuleOutcome Outcome(Ruling r, string? message) => new(r.Policy!.Value, r.Rule!, r.Error ? RuleOutcome.Error : RuleOutcome.Failed, message, null);
    }

    static IEnumerable<Digest> PoliciesOf(RoutingTable table, Leg leg)
    {
        if (leg.Release.Policy is { } own) yield return own;
        foreach (var digest in table.State.PoliciesFor(table.System.Name, table.Terms.Name)) yield return digest;
    }

    Policy Compiled(Digest digest)
    {
        if (_compiled.TryGetValue(digest, out var policy)) return policy;
        try
        {
            var bytes = document(digest) ?? throw new GatewayException(GatewayError.Undecidable, $"the policy {digest} is not at hand");
            if (Digest.Of(bytes) != digest) throw new GatewayException(GatewayError.Undecidable, $"what is at hand as the policy {digest} is something else");
            return _compiled[digest] = Policy.Parse(bytes);
        }
        catch (FormatException e)
        {
            throw new GatewayException(GatewayError.Undecidable, $"the policy {digest}: {e.Message}");
        }
    }
}
