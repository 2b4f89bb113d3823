using System.Collections.Immutable;
using System.Globalization;
using Cel;
using Cel.Syntax;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// Everything that can be wrong with a policy document besides its expressions: names, bounds, and what doesn't go
/// together.
/// </summary>
static class PolicyCheck
{
    public const int MaxText = 2000, MaxName = 200;

    public static void Names(PolicyDocument d, Action<PolicyProblem> tell)
    {
        if (!Statements.Names.IsLabel(d.Name)) tell(new("/name", null, Label("policy", d.Name)));
        Text(d.Description, "/description", null);
        if (d.Scope is { } scope)
        {
            if (!Statements.Names.IsLabel(scope.System))
                tell(new("/scope/system", null, Label("system", scope.System)));
            if (scope.Environment is { } e && !Statements.Names.IsLabel(e))
                tell(new("/scope/environment", null, Label("environment", e)));
        }
        Bound(d.Rules.Length, Policy.MaxRules, "rules");
        Bound(d.Tests.Length, Policy.MaxTests, "tests");
        Bound(d.Definitions.Count, Policy.MaxDefinitions, "define");
        Bound(d.Checks.Count, Policy.MaxChecks, "checks");
        Bound(d.Attestations.Length, Policy.MaxChecks, "attestations");
        foreach (var name in d.Checks.Keys) if (!CelEnvironment.IsName(name) && !Statements.Names.IsLabel(name))
            tell(new(InputSchema.Pointer("/checks", name), null, Label("check", name)));
        for (var i = 0; i < d.Attestations.Length; i++)
            if (!Statements.Names.IsControl(d.Attestations[i]))
                tell(new(At("/attestations", i), null, Control(d.Attestations[i])));

        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < d.Rules.Length; i++)
        {
            var (rule, at) = (d.Rules[i], At("/rules", i));
            if (!Statements.Names.IsLabel(rule.Id)) tell(new(at + "/id", null, Label("rule", rule.Id)));
            else if (!ids.TryAdd(rule.Id, i))
                tell(new(at + "/id", null, $"the rule '{rule.Id}' stands twice: give one of them another id"));
            Of(rule, at, tell);
        }

        void Text(string? text, string path, string? subject)
        {
            if (text?.Length > MaxText) tell(new(path, subject, $"longer than {MaxText} characters"));
        }

        void Bound(int count, int most, string what)
        {
            if (count > most)
                tell(new("/" + what, null,
                    $"{count} {(what == "define" ? "definitions" : what)}: a policy has at most {most}; split it"));
        }

        void Of(Rule rule, string at, Action<PolicyProblem> tell)
        {
            var subject = $"rule '{rule.Id}'";
            Text(rule.Description, at + "/description", subject);
            if (!Rule.Severities.Contains(rule.Severity))
                tell(new(at + "/severity", subject, OneOf("severity", rule.Severity, Rule.Severities)));
            for (var i = 0; i < rule.Controls.Length; i++)
                if (!Statements.Names.IsControl(rule.Controls[i]))
                    tell(new(At(at + "/controls", i), subject, Control(rule.Controls[i])));
            if (rule.On.IsEmpty)
                tell(new(at + "/on", subject,
                    $"it is asked about nothing: name one or more of {string.Join(", ", Actions.All)}"));
            var known = true;
            for (var i = 0; i < rule.On.Length; i++)
            {
                if (Actions.All.Contains(rule.On[i])) continue;
                known = false;
                tell(new(At(at + "/on", i), subject, OneOf("action", rule.On[i], Actions.All)));
            }
            if (rule.On.Distinct(StringComparer.Ordinal).Count() != rule.On.Length)
                tell(new(at + "/on", subject, "an action stands twice"));
            if (known && !rule.On.IsEmpty)
            {
                var other = rule.On.FirstOrDefault(a => Actions.OccasionOf(a) != rule.Occasion);
                if (other is not null)
                    tell(new(at + "/on", subject,
                        $"'{rule.On[0]}' and '{other}' have different inputs: write one rule for each"));
                else if (!rule.Effect.Fits(rule.Occasion))
                    tell(new(at + "/expr", subject,
                        $"'{rule.Effect.Name()}' can't be said on '{rule.On[0]}': {rule.Occasion.Spell()} takes "
                        + $"{string.Join(", ", Enum.GetValues<Effect>().Where(e => e.Fits(rule.Occasion)).Select(Effects.Name))}"));
            }
            if (d.Scope is { } scope
                && rule.On.IndexOf(rule.On.FirstOrDefault(Actions.OfLedger.Contains) ?? "") is >= 0 and var wide)
                tell(new(At(at + "/on", wide), subject,
                    $"'{rule.On[wide]}' concerns the whole ledger, and this policy is for {scope} alone, where it "
                    + $"would never be asked: move the rule to a policy without a scope, and put that in force for "
                    + $"the whole ledger"));
            if (d.Scope is { Environment: not null } narrow && rule.On.IndexOf(Actions.System) is >= 0 and var around)
                tell(new(At(at + "/on", around), subject,
                    $"'system' concerns the system around an environment, and this policy is for {narrow} alone, "
                    + $"where it would never be asked: move the rule to a policy for '{narrow.System}' or without a "
                    + $"scope"));
            if (rule.Effect == Effect.Mask && rule.Fields.IsEmpty)
                tell(new(at, subject, "a mask names the 'fields' it hides, such as [/applicant/name]"));
            if (rule.Effect != Effect.Mask && !rule.Fields.IsEmpty)
                tell(new(at + "/fields", subject, "only a mask has fields"));
            for (var i = 0; i < rule.Fields.Length; i++)
                if (!IsPointer(rule.Fields[i]))
                    tell(new(At(at + "/fields", i), subject,
                        $"'{rule.Fields[i]}' is not a JSON pointer such as /applicant/name"));
        }
    }

    static string Control(string s) =>
        $"'{s}' is not a control: write <catalogue>/<control>, such as eu-ai-act/14 or iso-42001/A.6.2.4";

    static bool IsPointer(string s) =>
        s.Length is > 1 and <= 256 && s[0] == '/' && !s.Contains("~~", StringComparison.Ordinal)
        && s.Split('~').Skip(1).All(p => p is ['0' or '1', ..]);

    internal static string At(string path, int index) => string.Create(CultureInfo.InvariantCulture, $"{path}/{index}");

    internal static string OneOf(string what, string given, ImmutableArray<string> known) =>
        $"'{given}' is no {what}{Spelling.Hint(given, known)}{(Spelling.Nearest(given, known) is null ? ": want one of" : " These are:")} {string.Join(", ", known)}";

    static string Label(string what, string given) =>
        $"'{given}' can't be a {what}'s name: a-z, 0-9, '.', '_', '-', at most {Statements.Names.MaxLength}, first a "
        + $"letter or digit";
}
