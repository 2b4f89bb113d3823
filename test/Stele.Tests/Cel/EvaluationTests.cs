using System.Globalization;
using Cel;
using Cel.Syntax;
using Cel.Values;

namespace Stele.Tests.Cel;

/// <summary>Programs as policies write them, and that nothing but the variables decides what they give.</summary>
public class EvaluationTests
{
    static readonly Dictionary<string, CelType> Declared = new()
    {
        ["release"] = CelType.Map(CelType.String, CelType.Dyn),
        ["checks"] = CelType.List(CelType.Map(CelType.String, CelType.Dyn)),
        ["now"] = CelType.Timestamp,
        ["request.user"] = CelType.String,
    };

    static CelValue Object(params (string Key, CelValue Value)[] entries) =>
        CelValue.Map([.. entries.Select(e => KeyValuePair.Create(e.Key, e.Value))]);

    static readonly Dictionary<string, CelValue> Bound = new()
    {
        ["release"] = Object(("system", CelValue.String("mortgage")),
            ("authors", CelValue.List([CelValue.String("ada"), CelValue.String("bob")]))),
        ["checks"] = CelValue.List(
        [
            Object(("name", CelValue.String("fairness")), ("ratio", CelValue.Double(0.7299999999999999)),
                ("n", CelValue.Int(2380))),
            Object(("name", CelValue.String("performance")), ("auc", CelValue.Double(0.81))),
        ]),
        ["now"] = CelValue.Timestamp(1_700_000_000),
        ["request.user"] = CelValue.String("ada"),
    };

    public static readonly TheoryData<string, string> Programs = new()
    {
        { "checks.exists(c, c.name == 'fairness' && c.ratio >= 0.8)", "false" },
        { "checks.filter(c, has(c.ratio)).map(c, '%s: %.3f of %d'.format([c.name, c.ratio, c.n]))[0]",
            "'fairness: 0.730 of 2380'" },
        { "checks.all(c, c.ratio < 1.0)", "error" },
        { "checks.all(c, !has(c.ratio) || c.ratio < 1.0)", "true" },
        { "request.user in release.authors", "true" },
        { "release.authors.exists_one(a, a == request.user) ? 'author' : 'other'", "'author'" },
        { "now - duration('1h') < timestamp('2023-11-14T22:00:00Z')", "true" },
        { "string(now)", "'2023-11-14T22:13:20Z'" },
        { "release.system.startsWith('mort') && size(release.authors) == 2", "true" },
        { "math.round(checks[0].ratio * 100.0) / 100.0", "0.73" },
        { "'ratio ' + string(checks[0].ratio)", "'ratio 0.7299999999999999'" },
        { "checks.transformMap(i, c, c.name)", "{0: 'fairness', 1: 'performance'}" },
        { "type(checks[0].n) == int && type(now) == google.protobuf.Timestamp", "true" },
        { "release.authors.map(a, a.upperAscii()).join(', ')", "'ADA, BOB'" },
        { "{'a': 1, 'b': [2, {'c': 3u}]}.b[1].c", "3u" },
    };

    [Theory, MemberData(nameof(Programs))]
    public void Policies_and_messages(string source, string expected)
    {
        var result = CelProgram.Compile(source, Declared).Eval(Bound, 10_000);
        Assert.Equal(expected, result.Error is null ? result.Value.ToString() : "error");
    }

    [Fact]
    public async Task Neither_culture_nor_thread_nor_repetition_changes_a_result()
    {
        var programs = Programs.Select(p => CelProgram.Compile(p.Data.Item1, Declared)).ToList();
        string All() =>
            string.Join("\n", programs.Select(p => p.Eval(Bound, 10_000))
                .Select(r => $"{r.Cost} {(r.Error is null ? r.Value : r.Error)}"));
        var first = All();
        Assert.Equal(first, All());

        var comma = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        (comma.NumberFormat.NumberDecimalSeparator, comma.NumberFormat.NegativeSign) = (",", "~");
        var runs = Enumerable.Range(0, 8).Select(i => Task.Run(() =>
        {
            CultureInfo.CurrentCulture = comma;
            for (var n = 0; n < 50; n++) Assert.Equal(first, All());
        }));
        await Task.WhenAll(runs);
    }

    [Fact]
    public void Small_steps_allocate_nothing()
    {
        var program = CelProgram.Compile("checks[0].ratio >= 0.8 || (request.user == 'ada' && release.system != 'x')",
            Declared, CelType.Bool);
        for (var i = 0; i < 100; i++) program.Eval(Bound, 1000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++) program.Eval(Bound, 1000);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1000);
    }
}

/// <summary>
/// Nothing but <see cref="CelException"/> comes out of compiling, and nothing at all out of evaluating, whatever goes
/// in.
/// </summary>
public class FuzzTests
{
    static readonly string[] Tokens =
    [
        "1", "0", "-1", "2u", "1.5", "9223372036854775807", "'a'", "\"b\"", "b'c'", "r'\\'", "''", "true", "false",
        "null", "in", "x", "m", "l", "s", "d", "f", "all",
        "(", ")", "[", "]", "{", "}", ".", ",", ":", "?", "||", "&&", "!", "<", "<=", ">", ">=", "==", "!=", "+", "-",
        "*", "/", "%", " ", "\n", "// c\n", "`q`", "'",
        "\"\"\"", "l.all(e, ", "l.map(e, ", "l.filter(e, ", "l.exists_one(e, ", "has(m.a)", "m.a", "size(", "int(",
        "string(", "type(", "dyn(", "duration('1h')", "timestamp(0)",
        ".format([", "'%s %d %.2f'", ".getHours()", ".contains(", ".substring(1)", "math.greatest(", ".split('')",
        ".join()", ".reverse()", "=", "@", "\\", "\u00e9", "😀",
    ];

    static readonly Dictionary<string, CelType> Declared = new()
    {
        ["x"] = CelType.Int, ["m"] = CelType.Map(CelType.String, CelType.Int), ["l"] = CelType.List(CelType.Int),
        ["s"] = CelType.String, ["d"] = CelType.Dyn,
    };

    static readonly Dictionary<string, CelValue> Bound = new()
    {
        ["x"] = CelValue.Int(3), ["m"] = CelValue.Map([KeyValuePair.Create("a", CelValue.Int(1))]),
        ["l"] = CelValue.List([CelValue.Int(1), CelValue.Int(2)]),
        ["s"] = CelValue.String("text"),
        ["d"] = CelValue.List([CelValue.Double(double.NaN), CelValue.Null, CelValue.Bytes([0xff])]),
    };

    /// <summary>True if it compiled; then it was also evaluated, as checked and as only parsed.</summary>
    static bool Survives(string source)
    {
        var compiled = false;
        foreach (var strict in new[] { true, false })
        {
            CelProgram program;
            try
            {
                program = CelProgram.Compile(source, new global::Cel.Check.Declarations(Declared,
                    global::Cel.Library.StandardLibrary.Functions) { Strict = strict }, null);
            }
            catch (CelException e)
            {
                Assert.NotEmpty(e.Message);
                continue;
            }
            compiled |= strict;
            var result = program.Eval(Bound, 10_000);
            if (result.Error is not null) Assert.NotEmpty(result.Error.Message);
            else Assert.NotNull(result.Value.ToString());
        }
        return compiled;
    }

    [Fact]
    public void Random_tokens()
    {
        var random = new Random(1);
        var compiled = 0;
        for (var n = 0; n < 30_000; n++)
            if (Survives(string.Concat(Enumerable.Range(0, random.Next(1, 12))
                .Select(_ => Tokens[random.Next(Tokens.Length)])))) compiled++;
        // Otherwise this tests the parser's refusals alone.
        Assert.True(compiled > 500, $"{compiled} compiled");
    }

    [Fact]
    public void Random_characters()
    {
        var random = new Random(2);
        for (var n = 0; n < 20_000; n++)
            Survives(
                new string([.. Enumerable.Range(0, random.Next(1, 40))
                    .Select(_ => (char)(random.Next(10) == 0 ? random.Next(0x10000) : random.Next(9, 127)))]));
    }

    /// <summary>Whole expressions of the grammar, types be damned.</summary>
    [Fact]
    public void Random_trees()
    {
        var random = new Random(3);
        var compiled = 0;
        for (var n = 0; n < 20_000; n++)
            if (Survives(Tree(random, 4))) compiled++;
        Assert.True(compiled > 1000, $"{compiled} compiled");
    }

    static string Tree(Random r, int depth)
    {
        if (depth == 0)
            return new[] { "x", "m", "l", "s", "d", "1", "2.5", "3u", "'t'", "b'u'", "true", "null", "e", "m.a",
                "duration('3s')", "timestamp(9)" }[r.Next(16)];
        string Sub() => Tree(r, r.Next(depth));
        return r.Next(12) switch
        {
            0 => $"({Sub()} {new[] { "+", "-", "*", "/", "%" }[r.Next(5)]} {Sub()})",
            1 => $"({Sub()} {new[] { "<", "<=", ">", ">=", "==", "!=", "in" }[r.Next(7)]} {Sub()})",
            2 => $"({Sub()} {(r.Next(2) == 0 ? "&&" : "||")} {Sub()})",
            3 => $"({Sub()} ? {Sub()} : {Sub()})",
            4 => $"[{Sub()}, {Sub()}]",
            5 => $"{{{Sub()}: {Sub()}, 'k': {Sub()}}}",
            6 => $"{Sub()}[{Sub()}]",
            7 => $"{Sub()}.{new[] { "all", "exists", "exists_one", "map", "filter" }[r.Next(5)]}(e, {Sub()})",
            8 =>
                $"{Sub()}.{new[] { "all", "exists", "existsOne", "transformList", "transformMap" }[r.Next(5)]}(i, e, {Sub()})",
            9 =>
                $"{new[] { "size", "int", "uint", "double", "string", "bytes", "bool", "dyn", "type", "timestamp", "duration", "math.greatest", "!", "-" }[r.Next(14)]}({Sub()})",
            10 =>
                $"{Sub()}.{new[] { "contains", "startsWith", "endsWith", "split", "indexOf", "lastIndexOf", "join", "charAt", "substring", "format", "getHours" }[r.Next(11)]}({Sub()})",
            _ => $"dyn({Sub()})",
        };
    }

    /// <summary>The suite's own expressions, damaged.</summary>
    [Fact]
    public void Damaged_conformance_expressions()
    {
        var random = new Random(4);
        foreach (var file in Vectors.Files("cel-spec", "*.textproto"))
            foreach (var test in ConformanceTest.Load(file))
            {
                var source = test.Data.Text("expr")!.ToCharArray();
                for (var n = 0; n < 4; n++) source[random.Next(source.Length)] = (char)random.Next(32, 127);
                Survives(new string(source));
            }
    }
}
