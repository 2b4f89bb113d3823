using Cel;
using Cel.Syntax;
using Cel.Values;

namespace Stele.Tests.Cel;

/// <summary>
/// <c>matches</c> as programs use it: patterns known when compiling and patterns that come later, and what they cost.
/// </summary>
public class MatchesTests
{
    static readonly Dictionary<string, CelType> Declared = new()
    {
        ["s"] = CelType.String,
        ["p"] = CelType.String,
        ["d"] = CelType.Dyn
    };

    static CelResult Eval(string source, string s = "", string p = "", long limit = 100_000) =>
        CelProgram.Compile(source, Declared)
        .Eval(new Dictionary<string, CelValue>
        {
            ["s"] = CelValue.String(s),
            ["p"] = CelValue.String(p),
            ["d"] = CelValue.String(s)
        }, limit);

    [Theory]
    [InlineData("s.matches('^a+$')", "aaa", "", true)]
    [InlineData("matches(s, '^a+$')", "aab", "", false)]
    [InlineData("s.matches(p)", "aab", "a.b", true)]
    [InlineData("matches(s, p + '$')", "aabx", "a.b", false)]
    [InlineData("d.matches('b')", "aab", "", true)]
    [InlineData("matches(d, p)", "aab", "c", false)]
    [InlineData("['a+', 'b{2}', p].exists(x, s.matches(x))", "bb", "c", true)]
    public void It_tells_whether_a_part_matches(string source, string s, string p, bool matches) =>
        Assert.Equal(matches, Eval(source, s, p).Value.AsBool());

    [Fact]
    public void A_pattern_that_comes_too_late_to_be_refused_is_an_error()
    {
        var error = Eval("s != 'x' && s.matches(p)", "a", "a(?=b)").Error!;
        Assert.Equal(CelErrorKind.InvalidArgument, error.Kind);
        Assert.Equal(
            "1:14: the pattern is no regular expression: look-ahead '(?=' is no part of RE2, whose matching takes linear time (at 2 of the pattern)\n | s != 'x' && s.matches(p)\n | .............^", error.Message);
    }

    [Theory]
    [InlineData("s.matches(r'\\d(')", 15)]
    [InlineData("s.matches('\\\\d(')", 15)]
    [InlineData("s.matches('\\x41(')", 16)]
    [InlineData("s.matches('\\101(')", 16)]
    [InlineData("s.matches('\\u0041(')", 18)]
    [InlineData("s.matches('\\U0001F600(')", 22)]
    [InlineData("s.matches('\\U00000041(')", 22)]
    [InlineData("s.matches('😀(')", 13)]
    [InlineData("s.matches(\"\"\"a(\"\"\")", 15)]
    [InlineData("s.matches('')||s.matches(R\"(\")", 28)]
    public void A_constant_pattern_is_refused_where_it_is_wrong(string source, int column)
    {
        var e = Assert.Throws<CelException>(() => CelProgram.Compile(source, Declared));
        Assert.Equal((1, column), (e.Line, e.Column));
        Assert.Contains("the group is not closed", e.Reason);
    }

    /// <summary>
    /// cel-go's price: a tenth of the text and one more, times a quarter of the pattern, each rounded up. A repetition
    /// written out counts as its code.
    /// </summary>
    [Theory]
    [InlineData("'abc'.matches('abc')", 1)]
    [InlineData("'abc'.matches('')", 1)]
    [InlineData("s.matches('ab')", 1 + 11)]
    [InlineData("s.matches('abcdefgh')", 1 + 11 * 2)]
    [InlineData("s.matches('[[:alpha:]]+')", 1 + 11 * 3)]
    [InlineData("s.matches('x{400}')", 1 + 11 * 399 + 11)]
    // Compiled while evaluating: two names, so much for any, 4 characters, a tenth of the steps for 5 instructions and
    // 3 sets, and the match.
    [InlineData("s.matches(p)", 2 + 50 + 4 + 4 + 11)]
    public void It_costs(string source, long cost) =>
        Assert.Equal(cost, Eval(source, new string('x', 100), "xyzz").Cost);

    /// <summary>Each of these took milliseconds, and cost as if it took microseconds.</summary>
    [Theory]
    [InlineData(@"\pL\pN\pM\pP\pS")]
    [InlineData(@"[\pL\pN\pM\pP\pS]")]
    [InlineData(@"(?i)[\x{0}-\x{10FFFF}]")]
    [InlineData(@"(?i)[!-\x{FFFF}]")]
    [InlineData("(?:a{1000}){0}(?:b{1000}){0}(?:c{1000}){0}(?:d{1000}){0}")]
    [InlineData("a{999}b{999}c{999}d{999}")]
    public void Compiling_costs_what_it_takes_before_it_is_done(string pattern)
    {
        var cost = Eval("s.matches(p)", "s", pattern).Cost;
        Assert.InRange(cost, 400, 20_000);
        Assert.Null(Eval("s.matches(p)", "s", pattern, cost).Error);
        // A limit is never overdrawn by a compilation, and it can't be told whether the pattern was kept.
        foreach (var (p, limit) in new[] { (pattern, cost - 1), (pattern, 300), (pattern + "|new", 300), (pattern, 60),
            (pattern + "|newer", 1) })
        {
            var result = Eval("s.matches(p)", "s", p, limit);
            Assert.Equal((CelErrorKind.CostLimit, true), (result.Error!.Kind, result.Cost <= Math.Max(limit, 2) + 1));
        }
    }

    [Theory]
    [InlineData(@"[\pL\pN]", 2000)]
    [InlineData(@"[^\pL\pN\pM\pP\pS]", 900)]
    [InlineData(@"(?i)[!-\x{FFFF}]", 900)]
    [InlineData("(?:a{1000}){0}", 1000)]
    [InlineData("(?:(?:ab{31}){31}){0}", 700)]
    public void What_takes_too_many_steps_is_refused_also_where_it_can_be_paid(string piece, int times)
    {
        var pattern = string.Concat(Enumerable.Repeat(piece, times));
        var result = Eval("s.matches(p)", "s", pattern, limit: 10_000_000);
        Assert.Equal(CelErrorKind.InvalidArgument, result.Error!.Kind);
        Assert.Contains("more than 100000 steps", result.Error.Message, StringComparison.Ordinal);
        Assert.InRange(result.Cost, 10_000, 10_000 + 60 + pattern.Length);
        Assert.Contains("more than 100000 steps",
            Assert.Throws<CelException>(() => CelProgram.Compile($"s.matches(r'{pattern}')", Declared)).Reason,
            StringComparison.Ordinal);
    }

    /// <summary>
    /// What a policy of the largest size can hold at worst is given up early, and says which pattern was too many.
    /// </summary>
    [Theory]
    [InlineData("s.matches('{0}')")]
    [InlineData(@"s.matches(r'\pL\pN{0}')")]
    [InlineData(@"s.matches(r'(?i)[!-\x{{FFFF}}]{0}')")]
    [InlineData("s.matches('(?:ab?){{900}}{0}')")]
    public void Literal_patterns_of_an_environment_are_bounded_together(string term)
    {
        var environment = new CelEnvironment(Declared);
        CelException? refused = null;
        var n = 0;
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var left = 1 << 20; left > 0 && refused is null;)
        {
            string source;
            for (source = Term(); source.Length < Limits.Source - 200; source += "||" + Term()) { }
            left -= source.Length;
            refused = Record.Exception(() => environment.Compile(source)) as CelException;
        }
        Assert.StartsWith(
            "compiling the literal patterns of all expressions together takes more than 5000000 steps, and this one is too many: '", refused!.Reason, StringComparison.Ordinal);
        Assert.Contains("^", refused.Message, StringComparison.Ordinal);
        // As large as what they are made of, and not as what they might be made into.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 512 << 20);
        // Another environment has its own.
        Assert.NotNull(new CelEnvironment(Declared).Compile("s.matches('a')"));

        string Term() => string.Format(System.Globalization.CultureInfo.InvariantCulture, term, n++);
    }

    [Fact]
    public void What_was_compiled_before_costs_the_same()
    {
        var source = "s.matches(p) || s.matches(p)";
        var pattern = "once-" + new string('q', 37);
        Assert.Equal(Eval(source, "s", pattern).Cost, Eval(source, "s", pattern).Cost);
    }

    [Fact]
    public void The_limit_stops_it_before_the_work()
    {
        var result = Eval("s.matches('(x{1,30}){30}y')", new string('x', 1 << 19), limit: 100_000);
        Assert.Equal(CelErrorKind.CostLimit, result.Error!.Kind);
        Assert.InRange(result.Cost, 10_000_000, 100_000_000);
    }

    [Fact]
    public void Unchecked_programs_fail_where_they_evaluate_it()
    {
        var declarations = new global::Cel.Check.Declarations(Declared,
            global::Cel.Library.StandardLibrary.Functions) { Strict = false };
        var program = CelProgram.Compile("false && s.matches('(')", declarations, null);
        Assert.False(program.Eval(new Dictionary<string, CelValue>(), 100).Value.AsBool());
        Assert.Equal(CelErrorKind.InvalidArgument, CelProgram.Compile("'a'.matches('(')", declarations, null)
            .Eval(new Dictionary<string, CelValue>(), 100).Error!.Kind);
    }
}
