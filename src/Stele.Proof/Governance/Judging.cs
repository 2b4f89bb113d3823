using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

// The policies in force, run over the input derived from the state.
public static partial class Fold
{
    /// <summary>
    /// Judges an action by every policy in force for its scope; all must pass. A refusal comes back when a document is missing or broken, or a required check was never run.
    /// </summary>
    static (Judgement? Judgement, (RefusalCode Code, string Message)? Refusal) Judge(Context c, string action, string? system, string? environment, ReleaseFact? release)
    {
        var policies = c.State.PoliciesFor(system, environment);
        var rules = ImmutableArray.CreateBuilder<RuleOutcome>();
        var inputs = new List<KeyValuePair<string, Json>>();
        var sittings = ImmutableArray.CreateBuilder<Sitting>();
        foreach (var fact in c.State.PolicyFacts(system, environment))
        {
            var digest = fact.Policy!.Value;
            if (!c.State.Stands(fact))
            {
                // A policy that lost its force lets nothing move; but owners must still be able to replace it.
                if (c.Statement is Deployment) return (null, (RefusalCode.Revoked, $"the policy in force {digest} was revoked, or the key that put it in force: owners must put one in force anew"));
                continue;
            }
            try
            {
                if (c.Documents.Policy(digest) is not { } policy) return (null, (RefusalCode.DocumentMissing, $"the policy in force {digest} is not at hand"));
                if (!policy.Judges(action)) continue;
                if (release is not null)
                    foreach (var (name, check) in policy.Checks)
                        if (!PolicyInput.ValidEvaluations(c.State, release, check).Any())
                            return (null, (RefusalCode.CheckMissing, $"the policy '{policy.Name}' requires the check '{name}' ({check}), and release {release.Digest} has no evaluation of it that counts"));
                var waived = release is null || system is null || environment is null || !Actions.Deployments.Contains(action) ? ImmutableDictionary<string, long>.Empty
                    : PolicyInput.ValidWaivers(c.State, release, system, environment, digest, c.Time);
                var input = PolicyInput.ForAction(c.State, action, c.Time, system, environment, release, [.. c.Signers.Select(s => s.Member)], policy, waived, c.Documents);
                inputs.Add(KeyValuePair.Create(digest.ToString(), input));
                sittings.Add(new Sitting(policy, action, null, input, waived));
                rules.AddRange(policy.Judge(action, InputSchema.ToCel(input), waived));
            }
            catch (DocumentMissingException e)
            {
                return (null, (RefusalCode.DocumentMissing, e.Message));
            }
            catch (FormatException e)
            {
                return (null, (RefusalCode.DocumentInvalid, e.Message));
            }
        }
        return (new Judgement(policies, rules.ToImmutable(), Json.Object(inputs)) { Sittings = sittings.ToImmutable() }, null);
    }

    /// <summary>Runs the policies over an act of governance itself (policy, system, member, waiver, revocation); accepts with the given state when they let it pass.</summary>
    static Outcome Govern(Context c, string action, string? system, string? environment, ReleaseFact? release, State next)
    {
        var (judgement, refusal) = Judge(c, action, system, environment, release);
        if (refusal is { } r) return c.Refuse(r.Code, r.Message);
        return judgement!.FirstFailure is { } failure ? Failed(c, judgement, failure) : c.Accept(next, judgement.Rules.IsEmpty ? null : judgement);
    }

    static Outcome.Refused Failed(Context c, Judgement judgement, RuleOutcome failure) =>
        c.Refuse(RefusalCode.PolicyFailed, $"rule '{failure.Rule}' of policy {failure.Policy.Short}: {failure.Message ?? (failure.Result == RuleOutcome.Error ? "its expression did not evaluate" : "not fulfilled")}", judgement);
}
