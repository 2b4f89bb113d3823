using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

// The policies that owners put in force, and candidates for them.
public static partial class Fold
{
    internal static Outcome PutPolicy(Context c, PolicyStatement s)
    {
        if (s.System is not null && !c.State.Systems.ContainsKey(s.System))
            return c.Refuse(RefusalCode.UnknownSystem, $"no system '{s.System}'");
        if (s.Environment is not null && c.State.Systems[s.System!].Environment(s.Environment) is null)
            return c.Refuse(RefusalCode.UnknownEnvironment, $"no environment '{s.System}/{s.Environment}'");
        var scope = State.Scopes(s.System, s.Environment)[^1];
        var present = c.State.Policies.GetValueOrDefault(scope);
        if (s.Replaces != present?.Entry)
            return c.Refuse(RefusalCode.StaleReplace,
                present is null
                    ? $"no policy stands for '{scope}' yet: it replaces nothing"
                    : $"the policy for '{scope}' stands on entry {present.Entry}");
        foreach (var digest in new[] { s.Policy, s.Candidate }.OfType<Digest>())
        {
            if (c.State.IsRevoked(digest)) return c.Refuse(RefusalCode.Revoked, $"the policy {digest} was revoked");
            try
            {
                if (c.Documents.Policy(digest) is not { } policy)
                    return c.Refuse(RefusalCode.DocumentMissing, $"the policy {digest} is not at hand");
                if (policy.Document.Scope is { } most && !most.Allows(s.System, s.Environment))
                    return c.Refuse(RefusalCode.OutOfScope,
                        $"the policy '{policy.Name}' is for {most}, not for "
                        + $"{(scope == "*" ? "the whole ledger" : scope)}");
                if (scope != "*" && policy.Rules.FirstOrDefault(r => r.On.Any(Actions.OfLedger.Contains)) is { } whole)
                    return c.Refuse(RefusalCode.OutOfScope,
                        $"the rule '{whole.Id}' of the policy '{policy.Name}' is on "
                        + $"'{whole.On.First(Actions.OfLedger.Contains)}', of which the whole ledger's policies "
                        + $"alone are asked: it would never be, for {scope}");
                if (s.Environment is not null
                    && policy.Rules.FirstOrDefault(r => r.On.Contains(Actions.System)) is { } around)
                    return c.Refuse(RefusalCode.OutOfScope,
                        $"the rule '{around.Id}' of the policy '{policy.Name}' is on 'system', of which the policies "
                        + $"of the system and of the whole ledger alone are asked: it would never be, for {scope}; "
                        + $"put the rule in a policy for {s.System}");
                if (policy.FirstBroken is { } broken)
                    return c.Refuse(RefusalCode.PolicyTestFailed, $"the policy '{policy.Name}' fails its own {broken}");
            }
            catch (FormatException e)
            {
                return c.Refuse(RefusalCode.DocumentInvalid, e.Message);
            }
        }
        var next = new PolicyFact(c.Index, c.Signers, s.Policy, s.Candidate, s.Share);
        try
        {
            return Govern(c, Actions.Policy, s.System, s.Environment, null,
                c.State with { Policies = c.State.Policies.SetItem(scope, next) },
                ("change", Change(c, scope, s, present, next)));
        }
        catch (DocumentMissingException e)
        {
            return c.Refuse(RefusalCode.DocumentMissing, e.Message);
        }
    }

    /// <summary>
    /// What a policy statement changes, for the policies that judge it:
    /// <c>{"added":[…],"candidate","changed":[…],"environment","from","loosens","removed":[…],"scope","share","system","to"}</c>,
    /// the rules by their ids; what there is none of is "". Rules added, removed and changed are those of the policy in
    /// force.
    /// </summary>
    static Json Change(Context c, string scope, PolicyStatement s, PolicyFact? before, PolicyFact after)
    {
        var change = PolicyChange.Of(Known(c, before?.Policy), Known(c, after.Policy));
        return Json.Object(
            ("scope", scope), ("system", s.System ?? ""), ("environment", s.Environment ?? ""),
            ("from", before?.Policy?.ToString() ?? ""), ("to", after.Policy?.ToString() ?? ""),
            ("added", Ids(change.Added)), ("removed", Ids(change.Removed)), ("changed", Ids(change.Changed)),
            ("loosens", Opens(c, s, after) || Steps(c, before, after)
                .Any(step => PolicyChange.Of(Known(c, step.From), Known(c, step.To)).Loosens)),
            ("candidate", after.Candidate?.ToString() ?? ""), ("share", after.Share));

        static Json Ids(IEnumerable<string> ids) => Json.Array(ids.Select(Json.Of));
    }

    /// <summary>
    /// Whether a deployment becomes possible that was not, as no policy there had a rule on it: by the policies of this
    /// scope and those around it, whatever narrower ones say.
    /// </summary>
    static bool Opens(Context c, PolicyStatement s, PolicyFact after) =>
        Actions.Deployments.Any(action => action != Actions.Halt
        && Known(c, after.Policy)?.Judges(action) == true
        && !c.State.PoliciesFor(s.System, s.Environment).Any(p => Known(c, p)!.Judges(action)));

    /// <summary>
    /// From which policy to which the statement takes someone: always from the one in force to the next, by which acts
    /// are judged; and those who ask at the gateway, from what decided for them to what will. So a candidate that is
    /// only watched loosens nothing, one that decides for a share does if it is looser than what decided, and so does
    /// taking it back where it is stricter.
    /// </summary>
    static IEnumerable<(Digest? From, Digest? To)> Steps(Context c, PolicyFact? before, PolicyFact after)
    {
        yield return (before?.Policy, after.Policy);
        var (share, old) = before is { Candidate: not null } ? (before.Share, before.Candidate) : (0, null);
        // Where the candidate lost its force, the policy in force decides too.
        if (share > 0 && after.Share > 0 && !c.State.StandsAsCandidate(before!))
            yield return (before!.Policy, after.Candidate);
        if (old == after.Candidate)
        {
            // The same principals are the first of any share.
            if (after.Share > share) yield return (before?.Policy, after.Candidate);
            if (after.Share < share) yield return (old, after.Policy);
            yield break;
        }
        if (after.Share > 0 && share < PolicyStatement.WholeShare) yield return (before?.Policy, after.Candidate);
        if (share > 0 && after.Share < PolicyStatement.WholeShare) yield return (old, after.Policy);
        if (share > 0 && after.Share > 0) yield return (old, after.Candidate);
    }

    /// <summary>A policy that was admitted before, or is being admitted: at hand, or nothing could be judged.</summary>
    static Policy? Known(Context c, Digest? policy) => policy is not { } digest
        ? null
        : c.Documents.Policy(digest) ?? throw new DocumentMissingException($"the policy {digest} is not at hand");
}
