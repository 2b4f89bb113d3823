using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

// A verdict that is not executed again: held against itself, against the deployment and against the policies' own
// rules. What its rules saw stays the server's word.
public sealed partial class ReceiptVerifier
{
    void Holds(long index, Verdict v, Deployment deployment)
    {
        void Differs(string why) => _report.Find("verdict-differs", $"entry {N(index)}", why);
        var at = At(Record.Deployment).Entry;
        var envelope = Explain.EnvelopeDigest(at.Envelope);
        if (v.Envelope != envelope || v.Time != at.Time
            || !deployment.Routes.Select(r => r.Release).SequenceEqual(v.Releases)
            || (v.System, v.Environment) != (deployment.System, deployment.Environment))
            Differs("it explains something else than this deployment's admission");
        if (!v.Passed) Differs("it says that this deployment was refused");
        if (v.FoldVersion != _before!.FoldVersion) Differs(
            $"it was made by fold version {v.FoldVersion}; the ledger's was {_before.FoldVersion}");
        if (v.Issued != v.Time || v.Nonce != Explain.Nonce("verdict", v.Envelope, v.Size, v.Time)) Differs(
            "its nonce and its own time are not those of an explanation of this act");
        var policies = InForce(Record.Deployment).Select(p => p.Policy.Policy).OfType<Digest>().ToList();
        if (!policies.SequenceEqual(v.Policies)) Differs(
            "it names other policies than the receipt's entries put in force there before the deployment");

        if (v.Rules.FirstOrDefault(r => !r.Allows) is { } failed) Differs($"it says passed, and that rule " +
            $"'{failed.Rule}' {(failed.Result == RuleResult.Error ? "did not evaluate" : "failed")}");
        if (v.Rules.FirstOrDefault(r => (r.Result == RuleResult.Waived) != (r.Waiver is not null)) is { } odd) Differs(
            $"rule '{odd.Rule}' is {RuleOutcome.Results[odd.Result]}, " +
            $"{(odd.Waiver is null ? "by no waiver" : "and names a waiver")}");
        if (!v.Rules.Select(r => r.Waiver).OfType<long>().Distinct().Order().SequenceEqual(v.Waivers)) Differs(
            "the waivers that it names are not those of its rules");
        foreach (var waiver in v.Waivers.Where(w =>
            w >= Record.Deployment || (_statements.TryGetValue(w, out var s) && s is not Waiver { Replaces: null })))
            Differs($"it names entry {N(waiver)} as a waiver, which " +
                $"{(waiver >= Record.Deployment ? "came after the deployment" : "is none")}");
        if (Asked(deployment, policies) is { } asked)
        {
            var told = v.Rules.Select(r => (r.Policy, r.Rule, r.Release)).ToList();
            // What is left out for want of room are rules that passed; a deployment without any is not admitted.
            if (asked.Count == 0 || (v.Cut < 5 ? !told.SequenceEqual(asked) : told.Except(asked).Any()
                || told.Distinct().Count() != told.Count))
                Differs($"it names {told.Count} rule{(told.Count == 1 ? "" : "s")}; the policies in force have " +
                    $"{asked.Count} on '{Deployment.Actions[deployment.Action]}', and each of them is asked once");
        }
    }

    /// <summary>The rules that a deployment is asked by, in their order; null where a policy is not shown.</summary>
    List<(Digest Policy, string Rule, Digest? Release)>? Asked(Deployment deployment, IEnumerable<Digest> policies)
    {
        var action = Deployment.Actions[deployment.Action];
        var rules = new List<(Digest, string)>();
        foreach (var digest in policies.Distinct())
        {
            if (!_documents.TryGetValue(digest, out var document)) return null;
            rules.AddRange(Governance.Policy.Parse(document.ToBytes())
                .Rules.Where(r => r.On.Contains(action)).Select(r => (digest, r.Id)));
        }
        return deployment.Routes.Length == 1 || deployment.Routes.IsEmpty
            ? [.. rules.Select(r => (r.Item1, r.Item2, (Digest?)null))]
            : [.. deployment.Routes.SelectMany(route => rules.Select(r => (r.Item1, r.Item2, (Digest?)route.Release)))];
    }
}
