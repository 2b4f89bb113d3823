using System.Collections.Immutable;
using Cel;
using Cel.Syntax;
using Cel.Values;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// A compiled policy: every expression checked against the input of its rule's actions, ready to judge, from any
/// thread. Judging is a pure function of the document and the input: the same outcomes on every machine. What a
/// judgement may cost is bounded, for one expression and for all together; a rule that does not evaluate fails closed.
/// </summary>
public sealed partial class Policy
{
    public const string MediaType = "application/vnd.stele.policy.v1+json";

    /// <summary>
    /// What one expression may cost in CEL's cost units before it fails, and all those of one judgement together.
    /// </summary>
    public const long CostLimit = 100_000, JudgementLimit = 2_000_000;

    public const int MaxRules = 1024, MaxTests = 256, MaxDefinitions = 256, MaxChecks = 64;

    readonly ImmutableArray<Compiled> _rules;

    /// <exception cref="PolicyException">What is wrong with it; CEL errors show their line and a caret.</exception>
    public Policy(PolicyDocument document)
    {
        var problems = new List<PolicyProblem>();
        PolicyCheck.Names(document, problems.Add);
        if (problems.Count == 0) _rules = Compile(document, problems.Add);
        if (problems.Count == 0) CheckTests(document, problems.Add);
        if (problems.Count > 0) throw new PolicyException(problems);
        Document = document;
        var bytes = document.ToJson().ToBytes();
        if (bytes.Length > Artifacts.MaxDocument)
            throw new PolicyException([new("", null,
                $"{bytes.Length} bytes compiled: a policy has at most {Artifacts.MaxDocument}; split it")]);
        (Digest, Size) = (Digest.Of(bytes), bytes.Length);
    }

    public Policy(string name, ImmutableSortedDictionary<string, Digest> checks, ImmutableArray<Rule> rules)
        : this(new PolicyDocument(name)
    {
        Checks = checks,
        Rules = rules
    }) { }

    public PolicyDocument Document { get; }
    public string Name => Document.Name;
    public ImmutableSortedDictionary<string, Digest> Checks => Document.Checks;
    public ImmutableArray<Rule> Rules => Document.Rules;
    public Digest Digest { get; }

    /// <summary>Bytes of its canonical form.</summary>
    public int Size { get; }

    public Json ToJson() => Document.ToJson();

    /// <exception cref="FormatException">
    /// Not a compiled policy in canonical form, or one with an expression that does not compile.
    /// </exception>
    public static Policy Parse(ReadOnlySpan<byte> utf8) => new(PolicyDocument.Parse(utf8));

    public bool Judges(string action) => Rules.Any(r => r.On.Contains(action));

    /// <summary>Every rule that an act on the ledger must pass, in order.</summary>
    /// <param name="waived">Waivers by rule id.</param>
    public ImmutableArray<RuleOutcome> Judge(string action, IReadOnlyDictionary<string, CelValue> input,
        IReadOnlyDictionary<string, long> waived, Budget budget)
    {
        var outcomes = ImmutableArray.CreateBuilder<RuleOutcome>();
        foreach (var c in _rules)
        {
            if (!c.Rule.On.Contains(action)) continue;
            var (holds, failure) = Eval(c, input, budget);
            if (holds) outcomes.Add(new RuleOutcome(Digest, c.Rule.Id, RuleResult.Passed, null, null));
            else if (waived.TryGetValue(c.Rule.Id, out var waiver))
                outcomes.Add(new RuleOutcome(Digest, c.Rule.Id, RuleResult.Waived, Say(c, failure, input, budget),
                    waiver));
            else
                outcomes.Add(new RuleOutcome(Digest, c.Rule.Id,
                    failure is null ? RuleResult.Failed : RuleResult.Error, Say(c, failure, input, budget), null));
        }
        return outcomes.ToImmutable();
    }

    /// <summary>
    /// The rules that judge the action, in order, each with what its expression came from. What the judgement may cost
    /// is counted as <see cref="Judge"/> counts it, so nothing comes out otherwise.
    /// </summary>
    public IEnumerable<(Rule Rule, CelTrace Trace)> Trace(string action, IReadOnlyDictionary<string, CelValue> input,
        Budget budget)
    {
        foreach (var c in _rules.Where(c => c.Rule.On.Contains(action)))
        {
            var (result, trace) = c.Expr.Trace(input, budget.Next);
            budget.Spend(result.Cost);
            if (result.Error is null && !result.Value.AsBool()) Say(c, null, input, budget);
            yield return (c.Rule, trace);
        }
    }

    /// <summary>Whether the expression is true, or why it is nothing.</summary>
    static (bool Holds, string? Failure) Eval(Compiled c, IReadOnlyDictionary<string, CelValue> input, Budget budget)
    {
        var isShort = budget.IsShort;
        var result = c.Expr.Eval(input, budget.Next);
        budget.Spend(result.Cost);
        return result.Error is { } error ? (false, error.Kind == CelErrorKind.CostLimit && isShort
            ? budget.Exceeded
            : error.Message) : (result.Value.AsBool(), null);
    }

    /// <summary>The definitions that a rule uses, itself or in others, by name.</summary>
    public IEnumerable<string> DefinitionsOf(string rule) =>
        _rules.First(r => r.Rule.Id == rule).Expr.Definitions.Order(StringComparer.Ordinal);

    /// <summary>A rule's compiled expression and message.</summary>
    internal (CelProgram Expr, CelProgram? Message) ProgramsOf(int rule) => (_rules[rule].Expr, _rules[rule].Message);

    static string? Say(Compiled c, string? failure, IReadOnlyDictionary<string, CelValue> input, Budget budget)
    {
        if (failure is not null) return Cut(failure);
        if (c.Message is null) return null;
        var said = c.Message.Eval(input, budget.Next);
        budget.Spend(said.Cost);
        return said.Error is { } e ? $"its message does not evaluate: {e.Kind}" : Cut(said.Value.AsString());
    }

    /// <summary>Messages stand in leaves: bounded, whatever an expression computes.</summary>
    static string Cut(string s) => s.Length <= 600
        ? s
        : string.Concat(s.AsSpan(0, char.IsHighSurrogate(s[599]) ? 599 : 600), "…");

    const string MessagePart = "message";

    sealed record Compiled(Rule Rule, CelProgram Expr, CelProgram? Message);

    /// <summary>
    /// Expressions are compiled in the environment of their rule's occasion; a definition that no rule uses must make
    /// sense on one.
    /// </summary>
    static ImmutableArray<Compiled> Compile(PolicyDocument d, Action<PolicyProblem> tell)
    {
        var environments = new CelEnvironment?[3];
        var compiled = ImmutableArray.CreateBuilder<Compiled>(d.Rules.Length);
        if (!Define(new CelEnvironment(InputSchema.Variables(Occasion.Admission)))) return [];
        var blamed = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < d.Rules.Length; i++)
        {
            var (rule, at) = (d.Rules[i], PolicyCheck.At("/rules", i));
            var expr = Try(rule, at + "/expr", rule.Effect.Name(), rule.Expr, CelType.Bool);
            var message = rule.Message is null
                ? null
                : Try(rule, at + "/message", MessagePart, rule.Message, CelType.String);
            if (expr is not null) compiled.Add(new Compiled(rule, expr, message));
        }
        foreach (var name in d.Definitions.Keys)
        {
            // One that is wrong where it is used may make others wrong too: it is fixed first.
            if (blamed.Count > 0) break;
            CelException? first = null;
            // Where a rule uses it, it has been checked already.
            if (!Enum.GetValues<Occasion>().OrderBy(o => environments[(int)o] is null).Any(o =>
                Checks(o, name, ref first)) && blamed.Add(first!.Definition ?? name)) tell(Blame(first, null));
        }
        return compiled.ToImmutable();

        CelEnvironment In(Occasion occasion)
        {
            if (environments[(int)occasion] is { } known) return known;
            var made = new CelEnvironment(InputSchema.Variables(occasion, d.Checks.Keys));
            Define(made);
            return environments[(int)occasion] = made;
        }

        bool Define(CelEnvironment environment)
        {
            var good = true;
            foreach (var (name, source) in d.Definitions)
            {
                try
                {
                    if (!CelEnvironment.IsName(name))
                        Wrong(
                            $"'{name}' can't be the name of a definition: letters, digits and '_', and no word of CEL");
                    else if (Enum.GetValues<Occasion>().Any(o => InputSchema.Variables(o).ContainsKey(name)))
                        Wrong($"'{name}' is an input: give the definition another name");
                    else environment.Define(name, source);
                }
                catch (CelException e)
                {
                    (good, _) = (false, Tell(Blame(e, null)));
                }

                void Wrong(string reason) =>
                    (good, _) = (false, Tell(new PolicyProblem(InputSchema.Pointer("/define", name), null, reason)));
            }
            return good;
        }

        bool Tell(PolicyProblem problem)
        {
            tell(problem);
            return true;
        }

        bool Checks(Occasion occasion, string name, ref CelException? first)
        {
            try
            {
                In(occasion).Check(name);
                return true;
            }
            catch (CelException e)
            {
                first ??= e;
                return false;
            }
        }

        CelProgram? Try(Rule rule, string path, string part, string source, CelType result)
        {
            try
            {
                return In(rule.Occasion).Compile(source, result);
            }
            catch (CelException e)
            {
                if (e.Definition is null)
                    tell(new PolicyProblem(path, $"rule '{rule.Id}', {part}", e.Reason + Advice(e, rule, part), e));
                else if (blamed.Add(e.Definition)) tell(Blame(e, rule));
                return null;
            }
        }

        static PolicyProblem Blame(CelException e, Rule? user) =>
            new(InputSchema.Pointer("/define", e.Definition!), user is null
                ? null
                : $"rule '{user.Id}' (on {user.On[0]})", e.Reason + (user is null ? "" : Advice(e, user, "")), e);

        // What to write instead, where the expression alone can't tell.
        static string Advice(CelException e, Rule rule, string part)
        {
            if (part == MessagePart && e.GoesOn)
                return "; a message is a CEL expression: put text in quotes of its own, as in '\"too low\"'";
            foreach (var other in Enum.GetValues<Occasion>())
                if (e.Undeclared is { } name && InputSchema.Variables(other).ContainsKey(name))
                    return $"; it is an input of {other.Spell()}, and '{rule.On[0]}' has "
                        + $"{string.Join(", ", InputSchema.Variables(rule.Occasion).Keys)}";
            return "";
        }
    }
}
