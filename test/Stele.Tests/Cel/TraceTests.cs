using System.Text;
using Cel;
using Cel.Values;

namespace Stele.Tests.Cel;

/// <summary>
/// What an expression came from: each sub-expression with its value, and the few that the result rests on.
/// </summary>
public class TraceTests
{
    static readonly Dictionary<string, CelType> Declared = new()
    {
        ["checks"] = CelType.Dyn, ["limit"] = CelType.Int, ["on"] = CelType.Bool, ["off"] = CelType.Bool,
        ["name"] = CelType.String, ["approvals"] = CelType.List(CelType.Int), ["components"] = CelType.Dyn,
        ["gone"] = CelType.Dyn,
    };

    static CelValue Object(params (string Key, CelValue Value)[] entries) =>
        CelValue.Map([.. entries.Select(e => KeyValuePair.Create(e.Key, e.Value))]);

    static CelValue Report(double ratio, int rows) =>
        Object(("metrics", Object(("ratio", CelValue.Double(ratio)))), ("rows", CelValue.Int(rows)));

    static readonly Dictionary<string, CelValue> Bound = new()
    {
        ["checks"] = Object(("fairness", CelValue.List([Report(0.9, 714), Report(0.5, 12), Report(0.4, 3)])),
            ("speed", CelValue.List([]))),
        ["limit"] = CelValue.Int(3),
        ["on"] = CelValue.True,
        ["off"] = CelValue.False,
        ["name"] = CelValue.String("v1"),
        ["approvals"] = CelValue.List([.. Enumerable.Range(0, 20).Select(i => CelValue.Int(i))]),
        ["components"] = Object(("model", Object(("strength", CelValue.String("built")))),
            ("data", Object(("strength", CelValue.String("claimed"))))),
    };

    public static readonly TheoryData<string, string> Resting = new()
    {
        // A comparison rests on its operands, without the constants.
        { "limit >= 4", "limit = 3" },
        { "limit + 1 == 4", "limit + 1 = 4" },
        { "size(approvals) > 30 || size(name) == 2", "size(name) = 2" },
        { "name in ['v1', 'v2']", "name = 'v1'" },
        { "name.startsWith('w')", "name = 'v1'" },
        { "on", "on = true" },
        { "!on", "on = true" },
        { "!(on && limit > 3)", "limit = 3" },
        { "true", "" },
        { "1 + 1 == 3", "" },
        // Of a chain the term that decided, or all of them.
        { "on && limit > 2 && name == 'v2' && off", "name = 'v1'" },
        { "on && limit > 2", "on = true; limit = 3" },
        { "off || limit > 5", "off = false; limit = 3" },
        { "gone.x == 1 && off", "off = false" },
        { "limit > 2 ? name == 'v2' : on", "limit = 3; name = 'v1'" },
        { "has(checks.absent) || limit > 5", "has(checks.absent) = false; limit = 3" },
        // Of a comprehension the element that decided, by its own place.
        { "checks.fairness.all(e, e.metrics.ratio >= 0.8)", "checks.fairness[1].metrics.ratio = 0.5" },
        { "checks.fairness.exists(e, e.rows == 12)", "checks.fairness[1].rows = 12" },
        { "checks.fairness.all(e, e.rows > 2)",
            "checks.fairness[0].rows = 714; checks.fairness[1].rows = 12; checks.fairness[2].rows = 3" },
        { "checks.fairness.all(e, e.metrics.ratio > 0.0 && e.metrics.ratio < 0.8)",
            "checks.fairness[0].metrics.ratio = 0.9" },
        { "checks.fairness.exists_one(e, e.rows > 100)",
            "checks.fairness = [{'metrics': {'ratio': 0.9}, 'rows': 714}, {'metrics': {'ratio': 0.5}, 'rows': 12}, {'metrics': {'ratio': 0.4}, 'rows': 3}]; checks.fairness[0].rows = 714" },
        { "checks.speed.all(e, e.rows > 2)", "checks.speed = []" },
        { "components.all(k, components[k].strength == 'built')", "components['data'].strength = 'claimed'" },
        { "components.all(k, v, v.strength == 'built' || k == 'model')",
            "components['data'].strength = 'claimed'; 'data' = 'data'" },
        { "checks.fairness.all(i, e, i < 1 || e.rows < 10)", "1 = 1; checks.fairness[1].rows = 12" },
        { "checks.fairness.filter(e, e.rows > 10).all(f, f.metrics.ratio > 0.6)",
            "checks.fairness.filter(e, e.rows > 10)[1].metrics.ratio = 0.5" },
        { "checks.fairness.all(e, checks.fairness.exists(f, f.rows > e.rows))",
            "checks.fairness[0].rows = 714; checks.fairness[1].rows = 12; checks.fairness[2].rows = 3" },
        { "checks.fairness.all(e, checks.fairness.all(e, e.rows < 100))", "checks.fairness[0].rows = 714" },
        { "size(checks.fairness.filter(e, e.metrics.ratio > 0.8)) == 1",
            "size(checks.fairness.filter(e, e.metrics.ratio > 0.8)) = 1" },
        { "(checks.fairness + checks.speed).exists(e, e.rows == 12)", "(checks.fairness + checks.speed)[1].rows = 12" },
        // Of many elements that all count a few, and how many there were.
        { "approvals.all(a, a < 100)",
            "approvals = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]; approvals[0] = 0; approvals[1] = 1; approvals[2] = 2; approvals[3] = 3; approvals[4] = 4; approvals[5] = 5; approvals[6] = 6; approvals[7] = 7" },
        { "approvals.exists(a, a == 17)", "approvals[17] = 17" },
        // An error rests on where it came from.
        { "checks.fairness.all(e, e.metrics.auc > 0.5)", "checks.fairness[0].metrics.auc: no such key: 'auc'" },
        { "limit / (limit - 3) == 1", "limit / (limit - 3): division by zero; limit = 3; limit - 3 = 0" },
        { "on && gone == 1", "gone: no value for 'gone'" },
        // A name rests on what it stands for, where it was needed first.
        { "cel.bind(x, limit + 1, on && x == 5)", "x = 4" },
        { "cel.bind(x, limit == 4, x || x)", "limit = 3; x = false" },
        { "checks.?absent.hasValue()", "checks.?absent = optional.none()" },
        { "checks.?fairness.optMap(f, size(f)).orValue(0) > 5", "checks.?fairness.optMap(f, size(f)).orValue(0) = 3" },
        { "name\n  == \"v2\" &&\n  limit\n > 2", "name = 'v1'" },
    };

    [Theory]
    [MemberData(nameof(Resting))]
    public void Rests_on(string source, string expected)
    {
        var (result, trace) = Traced(source);
        Assert.True(string.Join("; ", trace.Rests().Select(Say)) == expected,
            $"{string.Join("; ", trace.Rests().Select(Say))}\n{Tree(trace)}");
        Assert.Null(Differs(CelProgram.Compile(source, Declared), Bound, result));
    }

    [Theory]
    [InlineData("on && (limit > 5 || name == 'v1') && !off", """
        on && (limit > 5 || name == 'v1') && !off = true
          on = true
          limit > 5 || name == 'v1' = true
            limit > 5 = false
              limit = 3
              5 = 5
            name == 'v1' = true
              name = 'v1'
              'v1' = 'v1'
          !off = true
            off = false
        """)]
    [InlineData("off && limit > 5", """
        off && limit > 5 = false
          off = false
          limit > 5 not evaluated
        """)]
    [InlineData("on ? limit : size(name)", """
        on ? limit : size(name) = 3
          on = true
          limit = 3
          size(name) not evaluated
        """)]
    [InlineData("checks.fairness.filter(e, e.rows > 10).exists(e, e.rows == 12)", """
        checks.fairness.filter(e, e.rows > 10).exists(e, e.rows == 12) = true
          checks.fairness.filter(e, e.rows > 10) = [{'metrics': {'ratio': 0.9}, 'rows': 714}, {'metrics': {'ratio': 0.5}, 'rows': 12}]
            checks.fairness = [{'metrics': {'ratio': 0.9}, 'rows': 714}, {'metrics': {'ratio': 0.5}, 'rows': 12}, {'metrics': {'ratio': 0.4}, 'rows': 3}]
            round checks.fairness[0]
              checks.fairness[0].rows > 10 = true
                checks.fairness[0].rows = 714
                10 = 10
            round checks.fairness[1]
              checks.fairness[1].rows > 10 = true
                checks.fairness[1].rows = 12
                10 = 10
            round checks.fairness[2]
              checks.fairness[2].rows > 10 = false
                checks.fairness[2].rows = 3
                10 = 10
          round checks.fairness.filter(e, e.rows > 10)[1]
            checks.fairness.filter(e, e.rows > 10)[1].rows == 12 = true
              checks.fairness.filter(e, e.rows > 10)[1].rows = 12
              12 = 12
          1 more
        """)]
    [InlineData("approvals.map(a, a > 100, a * 2).size()", """
        approvals.map(a, a > 100, a * 2).size() = 0
          approvals.map(a, a > 100, a * 2) = []
            approvals = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]
            round approvals[0]
              approvals[0] > 100 = false
                approvals[0] = 0
                100 = 100
            round approvals[1]
              approvals[1] > 100 = false
                approvals[1] = 1
                100 = 100
        """)]
    public void The_tree_is(string source, string expected)
    {
        var tree = Tree(Traced(source).Trace);
        if (source.StartsWith("approvals.map", StringComparison.Ordinal))
        {
            Assert.StartsWith(expected, tree, StringComparison.Ordinal);
            Assert.EndsWith("    12 more", tree, StringComparison.Ordinal);   // eight rounds are kept
        }
        else Assert.Equal(expected, tree);
    }

    /// <summary>
    /// A definition stands below the name that needed it first, in its own source; the next name for it has its value
    /// alone.
    /// </summary>
    [Fact]
    public void A_definition_is_seen_through()
    {
        var environment = new CelEnvironment(Declared);
        environment.Define("fair", "checks.fairness.all(e, e.metrics.ratio >= floor)");
        environment.Define("floor", "double(limit) / 10.0");
        var program = environment.Compile("on && (fair || floor > 1.0)");
        var (result, trace) = program.Trace(Bound, 100_000);
        Assert.Null(Differs(program, Bound, result));
        Assert.Equal(
            "on = true; checks.fairness[0].metrics.ratio = 0.9; floor = 0.3; checks.fairness[1].metrics.ratio = 0.5; checks.fairness[2].metrics.ratio = 0.4", string.Join("; ", trace.Rests().Select(Say)));
        var fair = trace.Parts[1].Parts[0];
        Assert.Equal((CelTraceKind.Named, "fair", null, "fair"),
            (fair.Kind, fair.Text, fair.Definition, fair.Parts[0].Definition));
        Assert.Equal("checks.fairness.all(e, e.metrics.ratio >= floor)", fair.Parts[0].Text);
        // Errors are those of its own source.
        environment.Define("broken", "checks.nothing.x == 1");
        (result, trace) = environment.Compile("broken || off").Trace(Bound, 100_000);
        Assert.Equal(("checks.nothing.x: no such key: 'nothing'", result.Error!.Message),
            (Say(Assert.Single(trace.Rests())), trace.Rests()[0].Error!.Message));
    }

    /// <summary>The texts are cut from the source just where they stand.</summary>
    [Theory]
    [InlineData("((limit)) + -(3) > - 5", "((limit)) + -(3) > - 5|((limit)) + -(3)|limit|-(3)|- 5")]
    [InlineData("[1, limit][1] == {'a': limit}.a",
        "[1, limit][1] == {'a': limit}.a|[1, limit][1]|[1, limit]|1|limit|1|{'a': limit}.a|{'a': limit}|'a'|limit")]
    [InlineData("!!on || (on ? on : off)", "!!on || (on ? on : off)|!!on|!on|on|on ? on : off|on|on|off")]
    public void Texts_are_those_of_the_source(string source, string expected)
    {
        var texts = new List<string>();
        void Walk(CelTrace t)
        {
            texts.Add(t.Text);
            foreach (var p in t.Parts) Walk(p);
        }
        Walk(Traced(source).Trace);
        // What was not evaluated has no parts, so a chain that was decided is shorter.
        Assert.StartsWith(string.Join('|', texts), expected, StringComparison.Ordinal);
        Assert.True(texts.Count > 3);
    }

    /// <summary>However much is evaluated, a trace stays small; and it is the same each time.</summary>
    [Fact]
    public void It_is_bounded()
    {
        var many = new Dictionary<string, CelValue>(
            Bound) { ["approvals"] = CelValue.List([.. Enumerable.Range(0, 2000).Select(i => CelValue.Int(i))]) };
        foreach (var source in new[] { "approvals.map(a, approvals.map(b, approvals.map(c, a + b + c))).size() > 0",
            "approvals.all(a, approvals.exists(b, b == a))",
            string.Join(" && ", Enumerable.Repeat("approvals.all(a, a >= 0)", 150)),
            string.Join(" + ", Enumerable.Repeat("limit", 200)) })
        {
            var program = CelProgram.Compile(source, Declared);
            var (result, trace) = program.Trace(many, 100_000);
            Assert.Null(Differs(program, many, program.Eval(many, 100_000)));
            Assert.InRange(Count(trace), 2, 20_000);
            Assert.InRange(trace.Rests().Count, 1, 2_000);
            var again = program.Trace(many, 100_000);
            Assert.Equal((Tree(trace), result.Cost), (Tree(again.Trace), again.Result.Cost));
        }
    }

    /// <summary>
    /// One place with values that are large and begin alike is one, and is found to be so without looking at all of
    /// them.
    /// </summary>
    [Fact]
    public void Large_values_are_compared_as_far_as_their_start()
    {
        var lists = new[] { 1, 2 }.Select(end =>
            CelValue.List([.. Enumerable.Range(0, 50_000).Select(i => CelValue.Int(i < 49_999 ? i : end))])).ToArray();
        var bound = new Dictionary<string, CelValue>(Bound)
        {
            ["approvals"] = CelValue.List([]),
            ["a"] = lists[0],
            ["b"] = lists[1]
        };
        var declared = new Dictionary<string, CelType>(Declared) { ["a"] = CelType.Dyn, ["b"] = CelType.Dyn };
        // The places are cut before they differ.
        var start = string.Join(", ", Enumerable.Repeat("'0123456789'", 20));
        var program = CelProgram.Compile($"[{start}, a] == [{start}, b]", declared);
        var (result, trace) = program.Trace(bound, 1_000_000);
        Assert.False(result.Value.AsBool());
        Assert.Single(trace.Rests());
    }

    /// <summary>
    /// What is short to evaluate is not long to trace: a part that is shown takes as much work as its text, and not as
    /// all that stands below it; and long lists and chains count for what they show.
    /// </summary>
    [Theory]
    [InlineData("approvals.exists(a, approvals.exists(b, approvals.exists(c, {0})))", "a + b + c < 0 || ", "false")]
    [InlineData("approvals.all(a, approvals.all(b, approvals.all(c, [c{0}] != [])))", ", 1", "")]
    [InlineData("approvals.all(a, approvals.all(b, approvals.all(c, [c{0}] != [])))", ", b", "")]
    [InlineData("approvals.all(a, approvals.all(b, approvals.all(c, on || {0}on)))", "gone == 1 || ", "")]
    [InlineData("approvals.all(a, approvals.all(b, approvals.all(c, math.greatest(c{0}) > -1)))", ", 1", "")]
    [InlineData("approvals.all(a, approvals.all(b, approvals.all(c, {1: c{0}} != {})))", ", {n}: 1", "")]
    [InlineData("approvals.all(a, approvals.all(b, approvals.all(c, ( {0} c >= 0))))", "\n", "")]
    [InlineData("[checks{0}] == [checks]", ", checks.fairness", "")]
    public void Tracing_is_bounded_by_what_is_shown(string source, string piece, string end)
    {
        var pieces =
            string.Concat(Enumerable.Range(2, 1000 < 15_000 / piece.Length ? 1000 : 15_000 / piece.Length)
                .Select(i => piece.Replace("{n}", i.ToString(System.Globalization.CultureInfo.InvariantCulture),
                    StringComparison.Ordinal)));
        var program = CelProgram.Compile(source.Replace("{0}", pieces + end, StringComparison.Ordinal), Declared);
        var many = new Dictionary<string, CelValue>(
            Bound) { ["approvals"] = CelValue.List([.. Enumerable.Range(0, 200).Select(i => CelValue.Int(i))]) };
        program.Trace(many, 10_000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var (result, trace) = program.Trace(many, 100_000);
        var rests = trace.Rests();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 200 << 20);
        Assert.InRange(Count(trace), 2, 50_000);
        Assert.InRange(rests.Count, 0, 5_000);
        Assert.Equal(program.Eval(many, 100_000).Cost, result.Cost);
    }

    /// <summary>Null when a trace gives what an evaluation gives, at the same cost.</summary>
    internal static string? Differs(CelProgram program, IReadOnlyDictionary<string, CelValue> variables,
        CelResult expected)
    {
        foreach (var limit in new[] { 1_000_000, expected.Cost, Math.Max(0, expected.Cost - 1) })
        {
            var plain = program.Eval(variables, limit);
            var (result, trace) = program.Trace(variables, limit);
            if (result.Cost != plain.Cost) return $"it costs {result.Cost}, not {plain.Cost}";
            if (result.Error?.Message != plain.Error?.Message)
                return $"the error is {result.Error?.Message ?? "none"}, not {plain.Error?.Message ?? "none"}";
            if (result.Error is null && result.Value.ToString() != plain.Value.ToString())
                return $"it is {result.Value}, not {plain.Value}";
            if (!trace.Evaluated) return "the whole was not evaluated";
            if (result.Error is null && trace.Value.ToString() != result.Value.ToString())
                return $"the tree says {trace.Value}, not {result.Value}";
            trace.Rests();
        }
        return null;
    }

    static (CelResult Result, CelTrace Trace) Traced(string source) =>
        CelProgram.Compile(source, Declared).Trace(Bound, 100_000);

    static int Count(CelTrace t) => 1 + t.Parts.Sum(Count);

    static string Say(CelTrace t) => t.Error is { } e ? $"{t.Place}: {e.Reason}" : $"{t.Place} = {t.Value}";

    static string Tree(CelTrace t)
    {
        var text = new StringBuilder();
        void Walk(CelTrace x, string indent)
        {
            text.Append(indent)
                .Append(x.Kind == CelTraceKind.Round ? $"round {x.Place}" : !x.Evaluated ? $"{x.Place} not evaluated"
                    : x.Error is { } e ? $"{x.Place}: {e.Reason}" : $"{x.Place} = {x.Value}").Append('\n');
            foreach (var p in x.Parts) Walk(p, indent + "  ");
            if (x.Omitted > 0) text.Append(indent).Append("  ").Append(x.Omitted).Append(" more\n");
        }
        Walk(t, "");
        return text.ToString().TrimEnd('\n');
    }
}
