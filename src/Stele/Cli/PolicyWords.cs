using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

/// <summary>What a policy demands, in plain words, rule by rule.</summary>
static class PolicyWords
{
    public static IEnumerable<PrintedLine> Of(Policy policy)
    {
        var d = policy.Document;
        yield return $"policy {d.Name}  {policy.Digest}";
        if (d.Description is not null) yield return d.Description.TrimEnd().ReplaceLineEndings(" ");
        yield return d.Scope is null
            ? "It may be put in force anywhere."
            : $"It may be put in force for {d.Scope} and nowhere else.";
        foreach (var (name, digest) in d.Checks) yield return $"Each release it judges must have been evaluated by "
            + $"the check '{name}' ({digest.Short}); every evaluation that counts is looked at.";
        foreach (var control in d.Attestations) yield return $"It looks up who has attested {control} and until when.";
        foreach (var rule in d.Rules)
        {
            yield return "";
            yield return $"{Terminal.Bold(rule.Id)}  "
                + $"{Terminal.Dim(rule.Severity)}{(rule.Controls.IsEmpty ? "" : $"  serves {string.Join(", ", rule.Controls)}")}";
            if (rule.Description is not null) yield return $"  {rule.Description.TrimEnd().ReplaceLineEndings(" ")}";
            yield return $"  {Of(rule)}";
            foreach (var line in rule.Expr.TrimEnd().Split('\n')) yield return $"      {line}";
            foreach (var name in policy.DefinitionsOf(rule.Id))
                yield return $"    where {name} is {d.Definitions[name].TrimEnd().ReplaceLineEndings(" ")}";
            if (!rule.Fields.IsEmpty)
                yield return $"    masked in the request's body: {string.Join(", ", rule.Fields)}";
            var tests = d.Tests.Where(t => t.Expect.ContainsKey(rule.Id)).ToArray();
            yield return tests.Length == 0
                ? "  No test shows it."
                : $"  Shown by: {string.Join("; ", tests.Select(t => t.Name))}.";
        }
    }

    /// <summary>One sentence: when the rule is asked, and what comes of it.</summary>
    public static string Of(Rule rule) => (rule.Occasion, rule.Effect) switch
    {
        (Occasion.Admission, _) => $"Before {List(rule.On.Select(Act))}, this must be true, or it is refused:",
        (Occasion.Monitor, _) => "While the system is watched, an alert is raised when this is true:",
        (_, Effect.Require) => "A request is answered only if this is true:",
        (_, Effect.Allow) => "A request is answered only if this, or another rule that allows, is true:",
        (_, Effect.Deny) => "A request is denied when this is true:",
        (_, Effect.Hold) =>
            "A request needs approval by a person when this is true (until a gateway can wait for it, it is refused):",
        _ => "A request is answered with fields masked when this is true:",
    };

    static string Act(string action) => action switch
    {
        Actions.Deploy => "a release is deployed",
        Actions.Rollback => "an environment goes back to an earlier release",
        Actions.Canary => "releases share an environment (canary)", Actions.Halt => "an environment is halted",
        Actions.Policy => "a policy is put in force", Actions.System => "a system is declared or changed",
        Actions.Member => "a member is added or changed", Actions.Waiver => "a rule is waived", Actions.Revocation =>
            "something is revoked",
        _ => action,
    };

    static string List(IEnumerable<string> all)
    {
        var items = all.ToArray();
        return items.Length < 2 ? string.Concat(items) : $"{string.Join(", ", items[..^1])} or {items[^1]}";
    }
}
