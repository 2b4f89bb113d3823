using System.Collections.Immutable;
using Cel;
using Cel.Syntax;
using Cel.Values;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>One rule: the actions it judges, the CEL expression that must be true, and the CEL expression of the message when it is not.</summary>
public sealed record Rule(string Id, ImmutableArray<string> On, string Require, string? Message)
{
    public Json ToJson() => Json.Object(("id", Id), ("on", Json.Array(On.Select(Json.Of))), ("require", Require), ("message", Message is null ? null : Json.Of(Message)));
}

/// <summary>
/// A compiled policy: canonical JSON <c>{"checks":{name:digest},"name":…,"rules":[{"id","on","require","message"?}],"version":0}</c>, whose digest is what is in force.
/// Rules keep their order; checks name the evaluations that must exist, by the digest of the check document.
/// </summary>
public sealed class Policy
{
    public const string MediaType = "application/vnd.stele.policy.v1+json";
    public const int Version = 0;

    /// <summary>What one rule may cost in CEL's cost units before it fails.</summary>
    public const long CostLimit = 100_000;

    /// <summary>Rules of one policy, and checks. Bounds what one admission costs every judge.</summary>
    public const int MaxRules = 64;

    /// <summary>What moves an environment's head.</summary>
    public static readonly ImmutableArray<string> Deployments = [Deployment.Deploy, Deployment.Rollback, Deployment.Canary, Deployment.Halt];

    /// <summary>Everything a rule may be asked about.</summary>
    public static readonly ImmutableArray<string> Actions =
        [.. Deployments, "decide", "policy", "system", "member", "waiver", "revocation"];

    /// <summary>The variables of a rule's expressions; those that an action does not have are null.</summary>
    public static readonly ImmutableArray<string> Variables = ["action", "actor", "approvals", "checks", "environment", "principal", "release", "request", "system", "time", "waived"];

    static readonly IReadOnlyDictionary<string, CelType> Types = Variables.ToDictionary(v => v, _ => CelType.Dyn, StringComparer.Ordinal);

    readonly ImmutableArray<(Rule Rule, CelProgram Require, CelProgram? Message)> _compiled;

    public Policy(string name, ImmutableSortedDictionary<string, Digest> checks, ImmutableArray<Rule> rules)
    {
        (Name, Checks, Rules) = (name, checks, rules);
        if (rules.Length > MaxRules || checks.Count > MaxRules) throw new FormatException($"a policy has at most {MaxRules} rules and {MaxRules} checks");
        if (rules.Select(r => r.Id).Distinct(StringComparer.Ordinal).Count() != rules.Length) throw new FormatException("two rules have the same id");
        _compiled = [.. rules.Select(r => (r, Compile(r, r.Require, "require", CelType.Bool), r.Message is null ? null : Compile(r, r.Message, "message", CelType.String)))];
        Digest = Digest.Of(ToJson().ToBytes());
    }

    public string Name { get; }
    public ImmutableSortedDictionary<string, Digest> Checks { get; }
    public ImmutableArray<Rule> Rules { get; }
    public Digest Digest { get; }

    public bool Judges(string action) => Rules.Any(r => r.On.Contains(action));

    /// <summary>Every rule that judges the action, in order. A rule that does not evaluate fails closed.</summary>
    /// <param name="waived">Waivers by rule id.</param>
    public ImmutableArray<RuleOutcome> Judge(string action, IReadOnlyDictionary<string, CelValue> input, IReadOnlyDictionary<string, long> waived)
    {
        var outcomes = ImmutableArray.CreateBuilder<RuleOutcome>();
        foreach (var (rule, require, message) in _compiled)
        {
            if (!rule.On.Contains(action)) continue;
            var result = require.Eval(input, CostLimit);
            if (result.Error is null && result.Value.Kind == CelKind.Bool && result.Value.AsBool())
                outcomes.Add(new RuleOutcome(Digest, rule.Id, RuleOutcome.Passed, null, null));
            else if (waived.TryGetValue(rule.Id, out var waiver))
                outcomes.Add(new RuleOutcome(Digest, rule.Id, RuleOutcome.Waived, Say(result, message, input), waiver));
            else
                outcomes.Add(new RuleOutcome(Digest, rule.Id, result.Error is null ? RuleOutcome.Failed : RuleOutcome.Error, Say(result, message, input), null));
        }
        return outcomes.ToImmutable();
    }

    /// <summary>The rules that judge the action, in order, each with what its expression came from. The outcomes are those of <see cref="Judge"/>.</summary>
    public IEnumerable<(Rule Rule, CelTrace Trace)> Trace(string action, IReadOnlyDictionary<string, CelValue> input) =>
        _compiled.Where(c => c.Rule.On.Contains(action)).Select(c => (c.Rule, c.Require.Trace(input, CostLimit).Trace));

    static string? Say(CelResult result, CelProgram? message, IReadOnlyDictionary<string, CelValue> input)
    {
        if (result.Error is { } error) return Cut(error.Message);
        if (message is null) return null;
        var said = message.Eval(input, CostLimit);
        return Cut(said.Error is { } e ? e.Message : said.Value.Kind == CelKind.String ? said.Value.AsString() : said.Value.ToString());
    }

    /// <summary>Messages stand in leaves: bounded, whatever an expression computes.</summary>
    static string Cut(string s) => s.Length <= 600 ? s : string.Concat(s.AsSpan(0, char.IsHighSurrogate(s[599]) ? 599 : 600), "…");

    static CelProgram Compile(Rule rule, string source, string part, CelType result)
    {
        try
        {
            return CelProgram.Compile(source, Types, result);
        }
        catch (CelException e)
        {
            throw new FormatException($"rule '{rule.Id}', {part}: {e.Message}", e);
        }
    }

    public Json ToJson() => Json.Object(
        ("version", Version), ("name", Name), ("checks", Json.Object(Checks.Select(c => KeyValuePair.Create(c.Key, Json.Of(c.Value))))), ("rules", Json.Array(Rules.Select(r => r.ToJson()))));

    /// <exception cref="FormatException">Not a compiled policy in canonical form, or an expression that does not compile (the message shows the line and a caret).</exception>
    public static Policy Parse(ReadOnlySpan<byte> utf8)
    {
        var j = CanonicalJson.ParseCanonical(utf8, Artifacts.MaxDocument);
        if (j["version"].AsInt != Version) throw new FormatException($"policy version {j["version"].AsInt} is not known here");
        var rules = j["rules"].AsArray.Select(r => new Rule(
            Names.Label(r["id"]), [.. r["on"].AsArray.Select(a => Names.OneOf(a, Actions.AsSpan()))], r["require"].AsString, r.Find("message")?.AsString));
        foreach (var name in j["checks"].AsObject.Keys) if (!Names.IsLabel(name)) throw new FormatException($"'{name}' is not a check's name");
        var policy = new Policy(Names.Label(j["name"]), j["checks"].AsObject.ToImmutableSortedDictionary(c => c.Key, c => c.Value.AsDigest, StringComparer.Ordinal), [.. rules]);
        if (!policy.ToJson().Equals(j)) throw new FormatException("the policy has members that a policy does not have");
        return policy;
    }
}
