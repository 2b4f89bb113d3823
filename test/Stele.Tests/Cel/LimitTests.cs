using Cel;
using Cel.Syntax;
using Cel.Values;

namespace Stele.Tests.Cel;

/// <summary>What a hostile source or value can't do: exhaust the stack, the memory or the time.</summary>
public class LimitTests
{
    static readonly Dictionary<string, CelType> Declared = new()
    {
        ["l"] = CelType.List(CelType.Int),
        ["s"] = CelType.String,
        ["d"] = CelType.Dyn
    };

    static Dictionary<string, CelValue> Bind(int elements) => new()
    {
        ["l"] = CelValue.List([.. Enumerable.Range(0, elements).Select(i => CelValue.Int(i))]),
        ["s"] = CelValue.String(new string('s', elements)),
        ["d"] = CelValue.Int(1),
    };

    static string Repeat(string s, int n) => string.Concat(Enumerable.Repeat(s, n));

    public static TheoryData<string, string> Towers() => new()
    {
        { "parentheses", Repeat("(", 8000) + "1" + Repeat(")", 8000) },
        { "lists", Repeat("[", 8000) },
        { "maps", Repeat("{1:", 5000) },
        { "indexes", Repeat("l[", 5000) },
        { "calls", Repeat("int(", 4000) },
        { "not", Repeat("!", 16000) + "true" },
        { "minus", Repeat("-", 16000) + "d" },
        { "additions", "1" + Repeat("+1", 8000) },
        { "selections", "d" + Repeat(".a", 8000) },
        { "conditionals", Repeat("true?1:", 2000) + "1" },
        { "conditions", Repeat("(true?", 2000) },
        { "macros", Repeat("l.all(x,", 2000) },
        { "chained macros", "l" + Repeat(".map(x,x)", 1500) },
        { "relations", "1" + Repeat("<1", 8000) },
        { "or in and", Repeat("true||(true&&", 1200) },
        { "bindings", Repeat("cel.bind(x,1,", 1000) },
        { "a long block",
            "cel.block([" + string.Join(',',
                Enumerable.Range(0, 500).Select(i => i == 0 ? "1" : $"cel.index({i - 1})+1")) + "],cel.index(499))" },
        { "optional selections", "d" + Repeat(".?a", 5000) },
        { "optional elements", Repeat("[?", 5000) },
        { "optional maps", "optional.of(1)" + Repeat(".optMap(x,x)", 1300) },
        { "back quotes", "d" + Repeat(".`a`", 4000) },
    };

    [Theory, MemberData(nameof(Towers))]
    public void No_tower_exhausts_a_small_stack(string what, string source)
        =>
        OnSmallStack(512,
            () => Assert.True(
                Assert.Throws<CelException>(() => CelProgram.Compile(source, Declared)).Message.Length < 1000, what));

    [Fact]
    public void The_highest_programs_evaluate_on_a_small_stack()
    {
        string[] sources =
        [
            "1" + Repeat("+1", Limits.Height - 2),
            Repeat("(", Limits.Nesting - 1) + "1" + Repeat(")", Limits.Nesting - 1),
            Repeat("[", Limits.Nesting - 1) + Repeat("]", Limits.Nesting - 1) + " == []",
            "l" + Repeat(".map(x, x + 1)", Limits.Height - 5),
            Repeat("!", Limits.Height - 2) + "true",
            Repeat("[1].map(x, ", Limits.Nesting - 2) + "x" + Repeat(")", Limits.Nesting - 2),
            // Each value is computed while the one that names it is.
            "cel.block(["
                + string.Join(',', Enumerable.Range(0, Limits.Height / 2 - 1)
                    .Select(i => i == 0 ? "1" : $"cel.index({i - 1})+1")) + $"],cel.index({Limits.Height / 2 - 2}))",
            Repeat("cel.bind(x, 1, ", Limits.Nesting - 1) + "x" + Repeat(")", Limits.Nesting - 1),
            "d" + Repeat(".?a", Limits.Height - 4) + ".hasValue() || true",
            "optional.of(1)" + Repeat(".optMap(x, x)", Limits.Height - 4),
        ];
        foreach (var source in sources)
        {
            CelProgram? program = null;
            OnSmallStack(512, () => program = CelProgram.Compile(source, Declared));
            OnSmallStack(256, () => Assert.Null(program!.Eval(Bind(3), 1_000_000).Error));
        }
    }

    /// <summary>Less than a third, or a sixth, of what .NET gives a thread by default.</summary>
    internal static void OnSmallStack(int kilobytes, Action action)
    {
        Exception? thrown = null;
        var thread = new Thread(() =>
        {
            try { action(); }
            catch (Exception e) { thrown = e; }
        }, kilobytes * 1024);
        thread.Start();
        thread.Join();
        if (thrown is not null) throw new InvalidOperationException(thrown.Message, thrown);
    }

    [Fact]
    public void A_long_chain_of_logic_is_no_tower()
        =>
        Assert.True(CelProgram.Compile("true" + Repeat(" && true", 1000), Declared).Eval(Bind(0), 10).Value.AsBool());

    [Fact]
    public void The_source_has_a_limit()
    {
        Assert.NotNull(CelProgram.Compile(new string(' ', Limits.Source - 1) + "1", Declared));
        Assert.Contains("more than 16384",
            Assert.Throws<CelException>(() =>
                CelProgram.Compile(new string(' ', Limits.Source) + "1", Declared)).Reason);
        Assert.Throws<CelException>(() => CelProgram.Compile("[" + Repeat("1,", Limits.Elements) + "1]", Declared));
        Assert.Throws<CelException>(() => CelProgram.Compile("'\ud800'", Declared));
    }

    /// <summary>A lookup hashes the name and costs one unit, however long it is.</summary>
    [Theory]
    [InlineData("d.{0} == 1 || true")]
    [InlineData("has(d.{0}) || true")]
    [InlineData("d.?{0}.hasValue() || true")]
    [InlineData("d.`{0}` == 1 || true")]
    [InlineData("l.all({0}, {0} >= 0)")]
    [InlineData("cel.bind({0}, 1, {0}) == 1")]
    public void Names_have_a_limit(string source)
    {
        string Of(int length) => source.Replace("{0}", new string('n', length), StringComparison.Ordinal);
        Assert.True(CelProgram.Compile(Of(Limits.Name), Declared).Eval(Bind(2), 1000).Value.AsBool());
        Assert.Contains("a name has at most 256 characters, not 257",
            Assert.Throws<CelException>(() => CelProgram.Compile(Of(Limits.Name + 1), Declared)).Reason,
            StringComparison.Ordinal);
        Assert.True(CelEnvironment.IsName(new string('n', Limits.Name)));
        Assert.False(CelEnvironment.IsName(new string('n', Limits.Name + 1)));
    }

    [Theory]
    [InlineData("l.all(x, l.all(y, l.all(z, x + y + z >= 0)))")]
    [InlineData("l.map(x, l.map(y, l.map(z, x)))")]
    [InlineData("l.all(x, l.exists(y, 1 / 0 == 1) || l.all(z, l.all(w, true)))")]
    [InlineData("l.map(x, s + s + s + s).all(t, t != s + 'x' || l.all(z, t + t != s))")]
    [InlineData("l.all(x, l.map(y, y) == l.map(y, y))")]
    public void Time_ends_at_the_cost_limit_and_no_operator_absorbs_that(string source)
    {
        var result = CelProgram.Compile(source, Declared).Eval(Bind(2000), 100_000);
        Assert.Equal(CelErrorKind.CostLimit, result.Error!.Kind);
        Assert.InRange(result.Cost, 100_001, 200_000);
        Assert.Contains("costs more than 100000", result.Error.Message);
    }

    /// <summary>A chain may be long, and each comparison large: it must stop at the limit, not at its end.</summary>
    [Fact]
    public void A_chain_of_large_comparisons_stops()
    {
        var chain = CelProgram.Compile("d != d" + Repeat("||d!=d", 2000), Declared);
        var large = CelValue.List([.. Enumerable.Repeat(CelValue.String(new string('x', 1 << 19)), 20)]);
        var result = chain.Eval(new Dictionary<string, CelValue> { ["d"] = large }, 10_000);
        Assert.Equal(CelErrorKind.CostLimit, result.Error!.Kind);
        Assert.InRange(result.Cost, 10_001, 10_001 + (1 << 19) / 10);
    }

    [Fact]
    public void The_limit_is_exact()
    {
        var program = CelProgram.Compile("l.all(x, x >= 0) || d == 1", Declared);
        var cost = program.Eval(Bind(5), 1000).Cost;
        Assert.Null(program.Eval(Bind(5), cost).Error);
        Assert.Equal(CelErrorKind.CostLimit, program.Eval(Bind(5), cost - 1).Error!.Kind);
    }

    [Theory]
    [InlineData("1 + 1", 1)]
    [InlineData("d", 1)]
    [InlineData("d == 1", 2)]
    [InlineData("true && false", 0)]
    [InlineData("s + s", 22)] // two names, and a tenth of 200 characters
    [InlineData("s.contains('sssssssssssssssssssss')", 31)] // a name, 10 * 3
    [InlineData("s == s", 12)] // two names, a tenth of 100 characters
    [InlineData("s == 'short'", 2)]
    [InlineData("[s, s] == [s, s]", 4 + 20 + 21)] // what is inside is looked at too: 2 elements of 101
    [InlineData("l == l", 12)]
    [InlineData("size(s)", 11)]
    [InlineData("s.startsWith('ss')", 2)]
    [InlineData("l.all(x, true)", 302)] // a name, 100 rounds, the result
    [InlineData("l.all(x, x >= 0)", 502)]
    [InlineData("l.exists(x, x < 0)", 602)]
    [InlineData("l.exists_one(x, x == 3)", 1 + 100 + 200 + 1 + 2)]
    [InlineData("l.map(x, x)", 1 + 10 + 1300 + 1)]
    [InlineData("l.map(x, x < 10, x)", 1 + 10 + 100 + 200 + 10 * 12 + 1)]
    [InlineData("l.filter(x, x < 10)", 1 + 10 + 100 + 200 + 10 * 12 + 1)]
    [InlineData("{'a': 1, 'b': 2}.transformMap(k, v, v)", 31 + 30 + 2 * 4 + 1)]
    [InlineData("{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, 8: 8, 9: 9, 10: 10}", 35)] // each entry is hashed and kept
    [InlineData("{1: 1, 2: 2, 3: 3, ?4: optional.none()}", 33)]
    [InlineData("'%d'.format([1])", 10 + 17)] // the list with two values, and a clause
    public void Costs_are_part_of_the_language(string source, long cost)
        => Assert.Equal(cost, CelProgram.Compile(source, Declared).Eval(Bind(100), 10_000).Cost);

    /// <summary>Figures that cel-go's own tests give for its model.</summary>
    [Theory]
    [InlineData("'Hello World!'", 0)]
    [InlineData("l", 1)]
    [InlineData("l[0]", 2)]
    [InlineData("l[3-3]", 3)]
    [InlineData("m['key']", 2)]
    [InlineData("m.key", 2)]
    [InlineData("m['ke' + 'y']", 3)]
    [InlineData("[1, 2, 3]", 10)]
    [InlineData("{'a': 1}", 30)]
    [InlineData("[].all(x, true)", 10 + 1)]
    [InlineData("[1, 2, 3].all(x, true)", 20)]
    [InlineData("s500.matches('[0-9]')", 103)]
    [InlineData("s500.matches('\\\\d+a\\\\d+b')", 103)]
    [InlineData("'123'.matches('[0-9]')", 2)]
    [InlineData("false || false", 0)]
    [InlineData("true || false", 0)]
    [InlineData("b && b && b && b", 4)]
    [InlineData("1 < 2", 1)]
    [InlineData("1 == 2", 1)]
    [InlineData("2 in [1, 2, 3]", 13)]
    [InlineData("1 + 1", 1)]
    [InlineData("true ? 1 : 2", 0)]
    [InlineData("false ? false : 1 > 3", 1)]
    [InlineData("size('123')", 1)]
    [InlineData("'12345678901234567890' == '123456789012345678901234567890'", 2)]
    [InlineData("string(bytes(s500))", 1 + 50 + 50)]
    [InlineData("string(1)", 1)]
    [InlineData("s500.contains(s500)", 2502)]
    [InlineData("'idc'.startsWith(s500)", 2)]
    [InlineData("'500'.size()", 1)]
    [InlineData("([] + []).all(x, true)", 20 + 1 + 1)]
    [InlineData("'abcdefg'.contains('val1' + 'val2222222')", 4)]
    [InlineData("(1 > 2 ? 5 : 3) > 1", 2)]
    [InlineData("(1 > 2 || 2 > 1) == true", 3)]
    [InlineData("[{'k1': 1}, {'k2': 2}].all(x, true)", 77)]
    public void Costs_are_those_of_the_model(string source, long cost)
    {
        var declared = new Dictionary<string, CelType>
        {
            ["l"] = CelType.List(CelType.Int),
            ["m"] = CelType.Map(CelType.String, CelType.Int),
            ["s500"] = CelType.String,
            ["b"] = CelType.Bool
        };
        var bound = new Dictionary<string, CelValue>
        {
            ["l"] = CelValue.List([CelValue.Int(1)]),
            ["m"] = CelValue.Map([KeyValuePair.Create("key", CelValue.Int(1))]),
            ["s500"] = CelValue.String(new string('x', 500)),
            ["b"] = CelValue.True,
        };
        Assert.Equal(cost, CelProgram.Compile(source, declared).Eval(bound, 10_000).Cost);
    }

    /// <summary>Each link makes the type of its elements twice as large, in a text that grows by a line.</summary>
    [Fact]
    public void Types_stop_growing()
    {
        var bomb = "[]" + Repeat(".map(y, [].map(x, [[{x: x}], [{x: x}].filter(q, x == y)])[0])", 60);
        Assert.Contains("grow too large to check",
            Assert.Throws<CelException>(() => CelProgram.Compile(bomb, Declared)).Reason);
        // What is merely long is checked to its end.
        foreach (var term in new[] { "1<2", "l==l", "d<d", "[l]+[l]==[l]", "{1:l}=={1:l}", "math.greatest(1,2,d)<d",
            "l.map(x,[x])==[l]" })
            Assert.NotNull(CelProgram.Compile(term + Repeat("&&" + term, Limits.Source / (term.Length + 2) - 1),
                Declared));
    }

    /// <summary>
    /// What a value's size does not tell: digits of numbers, keys that are looked up, hashed or put in order.
    /// </summary>
    [Theory]
    [InlineData("'%s'.format([l])", 1 + 10 + 327)] // a hundred numbers, each as if thirty characters more, and a clause
    [InlineData("'%.100f'.format([1e308])", 10 + 57)]
    [InlineData("'%f%e'.format([1.0, 1.0])", 10 + 110)]
    [InlineData("s in {}", 1 + 30 + 11)]
    [InlineData("{}[?s]", 1 + 30 + 11)]
    [InlineData("l.map(x, {x: x})[0] == {0: 0}", 1 + 11 + 100 * 44 + 1 + 30 + 1)]
    [InlineData("{'abcdefghijabcdefghij': l} == {'abcdefghijabcdefghij': l}", 2 * 33 + 13)]
    [InlineData("[{s: 1}].transformMapEntry(i, x, x).size()", 1 + 10 + 30 + 10 + 31 + 1 + 1 + 2 + 1 + 10 + 1)]
    public void Work_is_charged(string source, long cost) =>
        Assert.Equal(cost, CelProgram.Compile(source, Declared).Eval(Bind(100), 1_000_000).Cost);

    /// <summary>
    /// A chain of them stops at the limit, whatever the terms come to: nothing is looked up, hashed or compared that
    /// can't be paid for.
    /// </summary>
    [Theory]
    [InlineData("s in m")]
    [InlineData("m[s] == 1")]
    [InlineData("m[?s].hasValue()")]
    [InlineData("{s: 1} == m")]
    [InlineData("d in [d, d]")]
    [InlineData("d == d && false")]
    public void What_can_t_be_paid_is_not_done(string term)
    {
        var declared = new Dictionary<string, CelType>(Declared) { ["m"] = CelType.Map(CelType.String, CelType.Int) };
        var bound = new Dictionary<string, CelValue>
        {
            ["s"] = CelValue.String(new string('s', 100_000)),
            ["m"] = CelValue.Map([KeyValuePair.Create("a", CelValue.Int(1))]),
            ["d"] = CelValue.List([.. Enumerable.Repeat(CelValue.String(new string('x', 50_000)), 200)]),
        };
        var result = CelProgram.Compile(term + Repeat(" || " + term, 400), declared).Eval(bound, 5_000);
        Assert.Equal(CelErrorKind.CostLimit, result.Error!.Kind);
        // One text too many, and no more.
        Assert.InRange(result.Cost, 5_001, 5_001 + 10_100);
    }

    /// <summary>A text is no zone, and that is known without looking at all of it.</summary>
    [Fact]
    public void A_long_text_is_no_zone()
    {
        Assert.All(Zones.Names, n => Assert.InRange(n.Length, 1, Zones.Longest));
        var bound = new Dictionary<string, CelValue> { ["s"] = CelValue.String("+01:00" + new string(' ', 100)) };
        Assert.Contains("is no time zone", CelProgram.Compile("timestamp(0).getHours(s)", Declared)
            .Eval(bound, 100).Error!.Message, StringComparison.Ordinal);
    }

    /// <summary>
    /// A name can have no more dots than any that is declared, so a long chain is not tried as one at every step: that
    /// took 300 MB for a source of 16 kB.
    /// </summary>
    [Fact]
    public void Long_chains_of_selections_are_checked_in_passing()
    {
        var chain = "d" + Repeat(".a", 240);
        var source = chain + Repeat("||" + chain, 30);
        CelProgram.Compile("d.a", Declared);
        var before = GC.GetAllocatedBytesForCurrentThread();
        CelProgram.Compile(source, Declared);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20 << 20);
    }

    /// <summary>What a message shows of a value is short, also where the value is deep and its keys are long.</summary>
    [Fact]
    public void What_is_shown_of_a_value_is_short()
    {
        var v = CelValue.Int(1);
        for (var i = 0; i < 150; i++) v = CelValue.Map([KeyValuePair.Create(new string('k', 190), v)]);
        Assert.InRange(v.ToString().Length, 200, 600);
        // Where showing it is not paid for, it is not shown.
        var bound = new Dictionary<string, CelValue> { ["d"] = v };
        foreach (var (source, reason) in new[] { ("{}[d]", "no such key: a value of type map(dyn, dyn)"),
            ("dyn([1])[dyn([d])]", "a list index is a whole number, not a value of type list(dyn)"),
            ("dyn([1])[?{1: d}]", "a list index is a whole number, not a value of type map(dyn, dyn)"),
            ("{}[?optional.of(d)].hasValue() ? 1 : {}[optional.of(d)]",
                "no such key: a value of type optional_type(dyn)") })
            Assert.Equal(reason, CelProgram.Compile($"dyn({source})",
                new Dictionary<string, CelType> { ["d"] = CelType.Dyn }).Eval(bound, 1000).Error?.Reason);
        Assert.EndsWith("sss…'", CelProgram.Compile("{}[s]", Declared).Eval(Bind(1000), 1000).Error!.Reason,
            StringComparison.Ordinal);
        Assert.EndsWith("…'", CelValue.Bytes(new byte[300]).ToString(), StringComparison.Ordinal);
    }

    /// <summary>
    /// Numbers whose plain hashes are all the same: as keys they would take a time that grows with the square.
    /// </summary>
    [Fact]
    public void Keys_can_t_be_made_up_to_collide()
    {
        var keys = Enumerable.Range(0, 100_000)
            .Select(i => KeyValuePair.Create(CelValue.Int(i * 0x1_0000_0001L), CelValue.Null)).ToList();
        Assert.InRange(keys.Select(k => k.Key.GetHashCode()).Distinct().Count(), 99_000, 100_000);
        var map = CelValue.Map(keys);
        Assert.True(CelProgram.Compile("d[12345u * 4294967297u] == null", Declared)
            .Eval(new Dictionary<string, CelValue> { ["d"] = map }, 100).Value.AsBool());
    }

    [Fact]
    public void Strings_and_lists_stop_growing()
    {
        var doubling = "[s]" + Repeat(".map(x, x + x)", 30) + ".size() > 0";
        Assert.Equal(CelErrorKind.TooLarge,
            CelProgram.Compile(doubling, Declared).Eval(Bind(100), long.MaxValue).Error!.Kind);
        var lists = "[l]" + Repeat(".map(x, x + x)", 30) + ".size() > 0";
        Assert.Equal(CelErrorKind.TooLarge,
            CelProgram.Compile(lists, Declared).Eval(Bind(100), long.MaxValue).Error!.Kind);
    }

    /// <summary>
    /// A definition that a bound value uses is computed below all that stands around the name: in the body of this
    /// binding, and of the one that uses it.
    /// </summary>
    [Fact]
    public void Definitions_in_bound_values_pile_up_no_higher_than_a_tree()
    {
        var environment = new CelEnvironment(Declared);
        for (var i = 0; i < 30; i++)
            environment.Define($"a{i}", $"cel.bind(x, {(i == 0 ? "1" : $"a{i - 1}")}, x{Repeat(" + 1", 200)})");
        OnSmallStack(512, () =>
        {
            Assert.Contains("tree is more than 256 high",
                Assert.Throws<CelException>(() => environment.Compile("a29 > 0")).Reason);
            Assert.True(environment.Compile("a0 > 0").Eval(Bind(0), 1000).Value.AsBool());
        });
    }

    /// <summary>
    /// Whatever makes larger values out of values stops: names, formats, encodings, maps from entries, optionals in one
    /// another.
    /// </summary>
    [Theory]
    [InlineData("cel.block([s + s, cel.index(0) + cel.index(0), cel.index(1) + cel.index(1), cel.index(2) + cel.index(2), cel.index(3) + cel.index(3)], l.map(x, cel.index(4)).join() != '')")]
    [InlineData("l.map(x, s).join(s)")]
    [InlineData("l.map(x, '%s'.format([s])).join()")]
    [InlineData("('%s' + s.replace('s', '%s')).format([s] + l.map(x, s))")]
    [InlineData("'%s'.format([l.map(x, l.map(y, 5e-324))])")]
    [InlineData("'%s'.format([{'k': l.map(x, l.map(y, timestamp(0)))}])")]
    [InlineData("s.replace('', s)")]
    [InlineData("s.replace('s', s)")]
    [InlineData("bytes(s.replace('s', l.filter(x, x < 400).map(x, '€').join()))")]
    [InlineData("base64.encode(bytes(s.replace('s', s.substring(0, 750))))")]
    [InlineData("strings.quote(s.replace('s', l.filter(x, x < 700).map(x, '\\n').join()))")]
    [InlineData("l.transformMapEntry(i, x, l.transformMapEntry(j, y, {i * 1000000 + j: y}))")]
    public void Growth_stops(string source)
    {
        var result = CelProgram.Compile(source, Declared).Eval(Bind(1200), long.MaxValue);
        Assert.Equal(CelErrorKind.TooLarge, result.Error?.Kind);
    }

    [Fact]
    public void Optionals_in_one_another_stop()
    {
        var v = CelValue.Int(1);
        for (var i = 0; i < ValueLimits.Depth; i++) v = CelValue.Some(v);
        Assert.Throws<ArgumentException>(() => CelValue.Some(v));
        var bound = new Dictionary<string, CelValue> { ["d"] = v };
        foreach (var source in new[] { "optional.of(d)", "[d].first()", "{'a': d}.?a", "[d][?0]",
            "optional.of(1).optMap(x, d)" })
            Assert.Equal(CelErrorKind.TooLarge, CelProgram.Compile(source, Declared).Eval(bound, 100).Error!.Kind);
        Assert.Equal(v, v);
        Assert.InRange(v.ToString().Length, 200, 500);
    }

    /// <summary>
    /// Shared elements make a value of 2^100 leaves out of a few hundred objects; comparing or printing it would never
    /// end.
    /// </summary>
    [Fact]
    public void Sharing_is_weighed()
    {
        var shared = "[[1]]" + Repeat(".map(x, [x, x])", 100);
        Assert.Equal(CelErrorKind.TooLarge,
            CelProgram.Compile(shared, Declared).Eval(Bind(0), long.MaxValue).Error!.Kind);
        var maps = "[{1: 1}]" + Repeat(".map(x, {1: x, 2: x})", 100);
        Assert.Equal(CelErrorKind.TooLarge,
            CelProgram.Compile(maps, Declared).Eval(Bind(0), long.MaxValue).Error!.Kind);
    }

    [Fact]
    public void Deep_values_are_refused()
    {
        var v = CelValue.Int(1);
        for (var i = 0; i < ValueLimits.Depth; i++) v = CelValue.List([v]);
        Assert.Throws<ArgumentException>(() => CelValue.List([v]));
        Assert.Throws<ArgumentException>(() => CelValue.Map([KeyValuePair.Create("a", v)]));
        Assert.Equal(v, v);
        Assert.Equal(CelErrorKind.TooLarge,
            CelProgram.Compile("[d]", Declared).Eval(new Dictionary<string, CelValue> { ["d"] = v }, 100).Error!.Kind);
    }

    /// <summary>
    /// Each definition is checked by itself first, where none of them is high: together they would be.
    /// </summary>
    [Fact]
    public void Definitions_on_top_of_one_another_are_one_tower()
    {
        var environment = new CelEnvironment(Declared);
        var reason = "";
        environment.Define("d0", "1" + Repeat("+1", 100));
        for (var i = 1; i < 100 && reason.Length == 0; i++)
        {
            environment.Define($"d{i}", Repeat("1+(", 20) + $"d{i - 1}" + Repeat(")", 20) + Repeat("+1", 10));
            try
            {
                environment.Check($"d{i}");
                var program = environment.Compile($"d{i} > 0");
                OnSmallStack(256, () => Assert.True(program.Eval(Bind(1), 100_000).Value.AsBool()));
            }
            catch (CelException e)
            {
                reason = e.Reason;
            }
        }
        Assert.Contains($"more than {Limits.Height} high", reason);
    }

    /// <summary>
    /// Used twice by each of the next, they would be evaluated more often than there are atoms; they are evaluated
    /// once.
    /// </summary>
    [Fact]
    public void Definitions_are_evaluated_once_however_often_they_are_used()
    {
        var environment = new CelEnvironment(Declared);
        environment.Define("d0", "size(l)");
        for (var i = 1; i < 60; i++) environment.Define($"d{i}", $"d{i - 1} == d{i - 1} ? d{i - 1} : d{i - 1}");
        var result = environment.Compile("d59").Eval(Bind(3), 1000);
        Assert.Equal(3, result.Value.AsInt());
        Assert.InRange(result.Cost, 60, 300);
    }
}
