using System.Collections.Immutable;
using Cel.Values;
using Stele.Proof.Decisions;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// Who asks, for what, and of which release: with what the ledger says at a size, all that a decision is made from.
/// </summary>
/// <param name="Deployment">The entry that put the release there.</param>
public sealed record Asked(State State, ReleaseFact Release, string System, string Environment, long Deployment,
    string Principal, RequestContext Context, Json? Body, long Size)
{
    /// <summary>What the rules see.</summary>
    public IReadOnlyDictionary<string, CelValue> Input()
    {
        var system = State.Systems[System];
        return PolicyInput.ForRequest(
            Json.Object(("id", Principal), ("roles", Json.Array(Context.Roles.Select(Json.Of)))),
            Context.Request(Body, Size),
            Json.Object(("digest", Release.Digest), ("name", Release.Name), ("document", Release.Document)),
            Json.Object(("name", system.Name), ("risk", system.Risk), ("owner", system.Owner)),
            Json.Object(("name", Environment), ("deployment", Deployment)), Context.Time);
    }
}

/// <summary>
/// How a request is decided: by the policy frozen in the release and by those in force for its place, of which a
/// candidate may stand in one's place. A pure function, for gateways and for anyone who decides again what one decided.
/// </summary>
/// <param name="Policies">Those that decided in addition to the release's own.</param>
/// <param name="Would">What candidates that did not decide would have made of it.</param>
public sealed record RequestJudgement(Ruling Ruling, ImmutableArray<Digest> Policies, ImmutableArray<Would> Would)
{
    /// <param name="policy">
    /// The compiled policies; it may throw for one that is not at hand, and then nothing is decided.
    /// </param>
    public static RequestJudgement Of(Asked asked, Func<Digest, Policy> policy)
    {
        var known = new Dictionary<Digest, (Ruling Ruling, long Cost)>();
        IReadOnlyDictionary<string, CelValue>? input = null;
        var (state, system, environment) = (asked.State, asked.System, asked.Environment);
        var deciding = state.PoliciesDeciding(system, environment, asked.Principal);
        var ruling = Together(deciding);
        var would = ImmutableArray<Would>.Empty;
        foreach (var (scope, fact) in state.Candidates(system, environment))
        {
            if (fact.CandidateDecidesFor(asked.Principal) || !policy(fact.Candidate!.Value).Judges(Actions.Decide))
                continue;
            var other =
                Together(state.PoliciesDeciding(system, environment, asked.Principal, (scope, fact.Candidate.Value)));
            would = would.Add(new Would(fact.Candidate.Value, other.Effect.Outcome(), other.Rule, other.Policy));
        }
        return new(ruling, deciding, would);

        Ruling Together(ImmutableArray<Digest> policies)
        {
            var budget = new Budget();
            return (asked.Release.Policy is { } own
                ? policies.Insert(0, own)
                : policies).Aggregate(Governance.Ruling.Through, (all, next) => all.And(One(next, budget)));
        }

        Ruling One(Digest digest, Budget budget)
        {
            // Nothing was cut off then, nor is it now: so it says the same.
            if (known.TryGetValue(digest, out var again) && again.Cost <= budget.Left)
            {
                budget.Spend(again.Cost);
                return again.Ruling;
            }
            var compiled = policy(digest);
            if (!compiled.Judges(Actions.Decide)) return Governance.Ruling.Through;
            var before = budget.Left;
            var said = compiled.Decide(input ??= asked.Input(), budget);
            if (budget.Left >= 0) known[digest] = (said, before - budget.Left);
            return said;
        }
    }
}
