using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

// The policies in force, run over the input derived from the state.
public static partial class Fold
{
    const string Unreadable = "a document that it reads is not at hand, or is none";

    /// <summary>What policies are asked: an act, who signed it, and what it is about.</summary>
    /// <param name="About">
    /// The inputs that this sort of act alone has, by name: <c>change</c>, <c>member</c>, <c>proposed</c>,
    /// <c>revocation</c>, <c>routes</c>, <c>waiver</c>.
    /// </param>
    internal sealed record Question(string Action, long Time, string? System, string? Environment, ReleaseFact? Release,
        IReadOnlyCollection<string> Actors, Json About);

    /// <summary>
    /// What one policy says to an act, and what it saw. A refusal comes with it when a required check was never run.
    /// </summary>
    /// <exception cref="DocumentMissingException">A report is not at hand.</exception>
    /// <exception cref="FormatException">A report is none.</exception>
    internal static (ImmutableArray<RuleOutcome> Rules, Sitting Sitting, (RefusalCode Code,
        string Message)? Refusal) Judge(State state, Question q, Policy policy, Documents documents, Budget budget)
    {
        (RefusalCode, string)? refusal = null;
        if (q.Release is not null)
            foreach (var (name, check) in policy.Checks)
                if (refusal is null && !PolicyInput.ValidEvaluations(state, q.Release, check).Any())
                    refusal = (RefusalCode.CheckMissing,
                        $"the policy '{policy.Name}' requires the check '{name}' ({check}), and release "
                        + $"{q.Release.Digest} has no evaluation of it that counts");
        var waived = q.Release is null || q.System is null || q.Environment is null
            || !Actions.Deployments.Contains(q.Action) ? ImmutableDictionary<string, long>.Empty
            : PolicyInput.ValidWaivers(state, q.Release, q.System, q.Environment, policy.Digest, q.Time);
        var input = PolicyInput.ForAction(state, q, policy, documents);
        var sitting = new Sitting(policy, q.Action, null, input, waived, budget.Left);
        return (policy.Judge(q.Action, InputSchema.ToCel(input), waived, budget), sitting, refusal);
    }

    /// <summary>
    /// Judges an action by every policy in force for its scope; all must pass. A refusal comes back when a document is
    /// missing or broken, or a required check was never run. Candidates are judged too, each as if it had the judgement
    /// for itself, and nothing is refused by them: nothing that is wrong with one either.
    /// A halt waits for no policy that lost its force, and is no matter for candidates: stopping comes first.
    /// </summary>
    static (Judgement? Judgement, (RefusalCode Code, string Message)? Refusal) Judge(Context c, string action,
        string? system, string? environment, ReleaseFact? release, Json about)
    {
        var policies = c.State.PoliciesFor(system, environment);
        var (rules, would) = (ImmutableArray.CreateBuilder<RuleOutcome>(), ImmutableArray.CreateBuilder<RuleOutcome>());
        var (sittings, wouldSittings) = (ImmutableArray.CreateBuilder<Sitting>(),
            ImmutableArray.CreateBuilder<Sitting>());
        var inputs = new List<KeyValuePair<string, Json>>();
        var question = new Question(action, c.Time, system, environment, release, [.. c.Signers.Select(s => s.Member)],
            about);
        var budget = new Budget();
        try
        {
            foreach (var fact in c.State.PolicyFacts(system, environment))
            {
                var digest = fact.Policy!.Value;
                if (c.Statement is Deployment deployment && !c.State.Stands(fact))
                {
                    if (deployment.Action == DeploymentAction.Halt) continue;
                    return (null,
                        (RefusalCode.Revoked,
                            $"the policy in force {digest} was revoked, or the key that put it in force: owners must "
                            + $"put one in force again"));
                }
                // What lost its force goes on judging acts of governance: or revoking it would take away what it
                // guards.
                if (c.Statement is not Deployment && !c.State.Governs(fact)) continue;
                if (c.Documents.Policy(digest) is not { } policy)
                    return (null, (RefusalCode.DocumentMissing, $"the policy in force {digest} is not at hand"));
                // One that is in force for two scopes says the same for both.
                if (!policy.Judges(action) || sittings.Any(s => s.Policy.Digest == digest)) continue;
                var (outcomes, sitting, refusal) = Judge(c.State, question, policy, c.Documents, budget);
                if (refusal is not null) return (null, refusal);
                inputs.Add(KeyValuePair.Create(digest.ToString(), sitting.Input));
                sittings.Add(sitting);
                rules.AddRange(outcomes);
            }
        }
        catch (DocumentMissingException e)
        {
            return (null, (RefusalCode.DocumentMissing, e.Message));
        }
        catch (FormatException e)
        {
            return (null, (RefusalCode.DocumentInvalid, e.Message));
        }
        foreach (var (_, fact) in c.Statement is Deployment { Action: DeploymentAction.Halt } ? []
            : c.State.Candidates(system, environment))
            if (!would.Any(w => w.Policy == fact.Candidate) && Known(c, fact.Candidate!.Value) is { } candidate
                && candidate.Judges(action)) Ask(candidate);
        return (new Judgement(policies, rules.ToImmutable(), Json.Object(inputs))
        {
            Sittings = sittings.ToImmutable(), Would = would.ToImmutable(), WouldSittings = wouldSittings.ToImmutable(),
        }, null);

        static Policy? Known(Context c, Digest digest)
        {
            try
            {
                return c.Documents.Policy(digest);
            }
            catch (FormatException)
            {
                return null;
            }
        }

        void Ask(Policy candidate)
        {
            try
            {
                var (outcomes, sitting, refusal) = Judge(c.State, question, candidate, c.Documents, new Budget());
                wouldSittings.Add(sitting);
                // Without a check that it requires none of its rules would have let it pass.
                would.AddRange(refusal is { } r ? outcomes.Select(o => o with
                {
                    Result = RuleResult.Failed,
                    Message = r.Message,
                    Waiver = null
                }) : outcomes);
            }
            catch (Exception e) when (e is DocumentMissingException or FormatException)
            {
                // Its words would stand in a verdict: nothing that may be worded otherwise one day.
                would.AddRange(candidate.Rules.Where(r => r.On.Contains(action))
                    .Select(r => new RuleOutcome(candidate.Digest, r.Id, RuleResult.Error, Unreadable, null)));
            }
        }
    }

    /// <summary>
    /// Runs the policies over an act of governance itself (policy, system, member, waiver, revocation); accepts with
    /// the given state when they let it pass. What the recovery key signs is judged by none: it is the one way out
    /// where a policy lets nobody do anything.
    /// </summary>
    /// <param name="about">The input that this act alone has, under its name.</param>
    static Outcome Govern(Context c, string action, string? system, string? environment, ReleaseFact? release,
        State next, (string Name, Json Value) about)
    {
        if (c.Signer.Member == RecoveryMember) return c.Accept(next);
        var (judgement, refusal) = Judge(c, action, system, environment, release,
            Json.Object((about.Name, about.Value)));
        if (refusal is { } r) return c.Refuse(r.Code, r.Message);
        return judgement!.FirstFailure is { } failure
            ? Failed(c, judgement, failure)
            : c.Accept(next, judgement.Rules.IsEmpty ? null : judgement);
    }

    static Outcome.Refused Failed(Context c, Judgement judgement, RuleOutcome failure) =>
        c.Refuse(RefusalCode.PolicyFailed,
            $"rule '{failure.Rule}' of policy {failure.Policy.Short}: "
            + (failure.Message ?? (failure.Result == RuleResult.Error ? "its expression did not evaluate"
                : "not fulfilled")), judgement);
}
