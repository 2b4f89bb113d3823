using System.Collections.Immutable;
using Cel;
using Cel.Values;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Bench;

/// <summary>
/// Evaluating rules, compiled once, with the cost limit on: with variables looked up by name, and with variables given
/// in their order. Beside each: the same condition written in C# over dictionaries of boxed values, which is what any
/// evaluator must do at least, and the two evaluators that npm has, where node is installed.
/// </summary>
static class CelBench
{
    static readonly TimeSpan Duration = TimeSpan.FromMilliseconds(150);
    const long CostLimit = 100_000;

    const string Trivial = "tokens < 4096";
    const string Simple = "model == \"gpt-x\" && tokens < 4096";
    const string Typical =
        "request.model in [\"a\",\"b\",\"gpt-x\"] && request.tokens <= 4096 && request.user.startsWith(\"team-\") && !(request.tool in [\"shell\",\"delete\"])";
    const string Labels = "request.labels.exists(l, l == \"pii\") == false && request.labels.size() < 16";
    const string TenRules =
        "(request.tokens > 100000) || (request.user == \"x1\") || (request.user == \"x2\") || (request.user == \"x3\") || (request.tool == \"a\") || (request.tool == \"b\") || " +
        "(request.tool == \"c\") || (request.model == \"m1\") || (request.model == \"m2\") || (request.model == \"m3\")";

    static readonly Dictionary<string, CelType> Types = new(StringComparer.Ordinal)
    {
        ["model"] = CelType.String,
        ["tokens"] = CelType.Int,
        ["request"] = CelType.Map(CelType.String, CelType.Dyn)
    };

    static readonly Dictionary<string, CelValue> Input = new(StringComparer.Ordinal)
    {
        ["model"] = CelValue.String("gpt-x"), ["tokens"] = CelValue.Int(512),
        ["request"] = CelValue.Map(new Dictionary<string, CelValue>
        {
            ["model"] = CelValue.String("gpt-x"), ["tokens"] = CelValue.Int(512),
            ["user"] = CelValue.String("team-blue"), ["tool"] = CelValue.String("search"),
            ["labels"] = CelValue.List([.. "abcdefgh".Select(c => CelValue.String(c.ToString()))]),
        }),
    };

    static readonly Dictionary<string, object> Boxed = new(StringComparer.Ordinal)
    {
        ["model"] = "gpt-x", ["tokens"] = 512L,
        ["request"] = new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["model"] = "gpt-x", ["tokens"] = 512L, ["user"] = "team-blue", ["tool"] = "search",
            ["labels"] = "abcdefgh".Select(c => c.ToString()).ToArray(),
        },
    };

    /// <summary>A policy of a thousand rules with messages and a definition, as its bytes stand in a store.</summary>
    static byte[] Thousand() => new PolicyDocument("thousand")
    {
        Definitions = ImmutableSortedDictionary<string, string>.Empty.Add("built",
            "release.components.all(c, c.strength in ['built', 'reproduced'])"),
        Checks = ImmutableSortedDictionary<string, Digest>.Empty.Add("fairness", default),
        Rules = [.. Enumerable.Range(0, 1000).Select(i => Rule.Require($"rule-{i}", ["deploy", "canary"],
            $"built && size(approvals) >= {i % 3} && checks.fairness.all(e, has(e.metrics.approval_ratio) && e.metrics.approval_ratio >= 0.{i % 9 + 1})", $"'rule {i}: the ratio is too low for ' + release.name"))],
    }.ToJson().ToBytes();

    public static Rounds Make(string root)
    {
        var node = JavaScript.Start(root, out var why);
        if (node is null) Console.WriteLine($"cel: the evaluators in JavaScript are left out: {why}\n");
        var rounds = new Rounds("cel",
            "one evaluation of a compiled rule, against the same condition in C# over dictionaries, and against evaluators in JavaScript")
        {
            Budget = TimeSpan.FromSeconds(60), End = () => { node?.Dispose(); return Task.CompletedTask; },
        };
        foreach (var (name, source, plain) in new (string, string, Func<bool>)[]
        {
            ("trivial", Trivial, () => (long)Boxed["tokens"] < 4096),
            ("simple", Simple, () => (string)Boxed["model"] == "gpt-x" && (long)Boxed["tokens"] < 4096),
            ("typical", Typical, PlainTypical),
            ("labels8", Labels, () => !Array.Exists((string[])Request["labels"], l => l == "pii")
                && ((string[])Request["labels"]).Length < 16),
            ("tenrules", TenRules, PlainTenRules),
        })
        {
            var program = CelProgram.Compile(source, Types, CelType.Bool);
            var values = program.Variables.Select(v => Input[v]).ToArray();
            var expected = plain();
            rounds.Limit($"C#: {name}", "ns", () => Measure(plain, expected));
            if (node is not null)
                foreach (var engine in new[] { "cel-js", "bufbuild" })
                    rounds.Limit($"{engine}: {name}", "ns",
                        () => node.Measure(engine, source, NodeTypes, NodeInput, expected, Duration));
            rounds.Add($"CEL: {name}, by name", "ns", node is null ? $"C#: {name}" : $"cel-js: {name}",
                () => Measure(() => program.Eval(Input, CostLimit).Value.AsBool(), expected));
            rounds.Add($"CEL: {name}", "ns", node is null ? $"C#: {name}" : $"cel-js: {name}",
                () => Measure(() => program.Eval(values, CostLimit).Value.AsBool(), expected));
        }
        rounds.Add("CEL: compile typical", "µs", null,
            () => Task.FromResult(
                new Sample(1e6 / Machine.Rate(Duration, () => CelProgram.Compile(Typical, Types, CelType.Bool), 10))));
        var thousand = Thousand();
        rounds.Add("policy: compile 1,000 rules", "ms", null,
            () => Task.FromResult(new Sample(1e3 / Machine.Rate(Duration, () => Policy.Parse(thousand), 1))));
        return rounds;
    }

    static readonly Json NodeTypes = Json.Object(("model", "string"), ("tokens", "int"),
        ("request", "map<string, dyn>"));

    static readonly Json NodeInput = Json.Object(("model", "gpt-x"), ("tokens", 512), ("request", Json.Object(
        ("model", "gpt-x"), ("tokens", 512), ("user", "team-blue"), ("tool", "search"),
        ("labels", Json.Array("abcdefgh".Select(c => Json.Of(c.ToString())))))));

    static Task<Sample> Measure(Func<bool> evaluate, bool expected)
    {
        var bytes = GC.GetAllocatedBytesForCurrentThread();
        var calls = 0L;
        var rate = Machine.Rate(Duration, () =>
        {
            calls++;
            if (evaluate() != expected) throw new InvalidOperationException("the rule came out otherwise");
        }, 256);
        return Task.FromResult(new Sample(1e9 / rate,
            ("bytes", Math.Floor((GC.GetAllocatedBytesForCurrentThread() - bytes) / (double)calls))));
    }

    static Dictionary<string, object> Request => (Dictionary<string, object>)Boxed["request"];

    static bool PlainTypical()
    {
        var request = Request;
        return request["model"] is "a" or "b" or "gpt-x" && (long)request["tokens"] <= 4096
            && ((string)request["user"]).StartsWith("team-", StringComparison.Ordinal)
            && request["tool"] is not ("shell" or "delete");
    }

    static bool PlainTenRules()
    {
        var request = Request;
        return (long)request["tokens"] > 100_000 || (string)request["user"] == "x1" || (string)request["user"] == "x2"
            || (string)request["user"] == "x3" || (string)request["tool"] == "a"
            || (string)request["tool"] == "b" || (string)request["tool"] == "c" || (string)request["model"] == "m1"
            || (string)request["model"] == "m2" || (string)request["model"] == "m3";
    }
}
