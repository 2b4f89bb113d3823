using System.Collections.Immutable;
using Cel.Values;
using Stele.Proof.Decisions;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>Who asks, for what, and of which release: with what the ledger says at a size, all that a decision is made from.</summary>
/// <param name="Deployment">The entry that put the release there.</param>
public sealed record Asked(State State, ReleaseFact Release, string System, string Environment, long Deployment, string Principal, RequestContext Context, Json? Body, long Size)
{
    /// <summary>What the rules see.</summary>
    public IReadOnlyDictionary<string, CelValue> Input()
    {
        var system = State.Systems[System];
        return PolicyInput.ForRequest(
            Json.Object(("id", Principal), ("roles", Json.Array(Context.Roles.Select(Json.Of)))), Context.Request(Body, Size),
            Json.Object(("digest", Release.Digest), ("name", Release.Name), ("document", Release.Document)),
            Json.Object(("name", system.Name), ("risk", system.Risk), ("owner", system.Owner)),
            Json.Object(("name", Environment), ("deployment", Deployment)), Context.Time);
    }

    public IReadOnlyDictionary<string, long> Waived(Digest policy) =>
        State.Waivers.IsEmpty ? ImmutableDictionary<string, long>.Empty : PolicyInput.ValidWaivers(State, Release, System, Environment, policy, Context.Time);
}

/// <summary>
/// How a request is decided: by the policy frozen in the release and by those in force for its place, of which a candidate may stand in one's place. A pure function, for gateways and for
/// whoever decides again what one decided.
/// </summary>
/// <param name="Policies">Those that decided beside the release's own.</param>
/// <param name="Would">What candidates that did not decide would have made of it.</param>
public sealed record RequestJudgement(Ruling Ruling, ImmutableArray<Digest> Policies, ImmutableArray<Would> Would)
{
    /// <param name="policy">The compiled policies; it may throw for one that is not at hand, and then nothing is decided.</param>
    public static RequestJudgement Of(Asked asked, Func<Digest, Policy> policy)
    {
        var known = new Dictionary<Digest, Ruling>();
        IReadOnlyDictionary<string, CelValue>? input = null;
        var (state, system, environment) = (asked.State, asked.System, asked.Environment);
        var deciding = state.PoliciesDeciding(system, environment, asked.Principal);
        var ruling = Together(deciding);
        var would = ImmutableArray<Would>.Empty;
        foreach (var (scope, fact) in state.Candidates(system, environment))
        {
            if (fact.CandidateDecidesFor(asked.Principal) || !policy(fact.Candidate!.Value).Judges(Actions.Decide)) continue;
            var other = Together(state.PoliciesDeciding(system, environment, asked.Principal, (scope, fact.Candidate.Value)));
            would = would.Add(new Would(fact.Candidate.Value, other.Effect.Name(), other.Rule));
        }
        return new(ruling, deciding, would);

        Ruling Together(ImmutableArray<Digest> policies) => (asked.Release.Policy is { } own ? policies.Insert(0, own) : policies).Aggregate(Governance.Ruling.Through, (all, next) => all.And(One(next)));

        Ruling One(Digest digest)
        {
            if (known.TryGetValue(digest, out var ruling)) return ruling;
            var compiled = policy(digest);
            return known[digest] = compiled.Judges(Actions.Decide) ? compiled.Decide(input ??= asked.Input(), asked.Waived(digest)) : Governance.Ruling.Through;
        }
    }
}
