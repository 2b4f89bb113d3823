using Cel;
using Cel.Syntax;
using Cel.Values;

namespace Stele.Tests.Cel;

public sealed class CelEnvironmentTests
{
    static readonly CelType Head = CelType.Object("head", [new("entry", CelType.Int)]);
    static readonly CelType Release = CelType.Object("release", [new("name", CelType.String),
        new("strength", CelType.String), new("head", Head), new("tags", CelType.List(CelType.String))]);
    static readonly Dictionary<string, CelType> Types = new()
    {
        ["release"] = Release,
        ["n"] = CelType.Int,
        ["open"] = CelType.Dyn
    };

    static CelEnvironment With(params (string Name, string Source)[] definitions)
    {
        var environment = new CelEnvironment(Types);
        foreach (var (name, source) in definitions) environment.Define(name, source);
        return environment;
    }

    static readonly Dictionary<string, CelValue> Values = new()
    {
        ["n"] = CelValue.Int(3),
        ["release"] = CelValue.Map(new Dictionary<string, CelValue>
        {
            ["name"] = CelValue.String("v2"),
            ["tags"] = CelValue.List([CelValue.String("a")])
        }),
        ["open"] = CelValue.Null,
    };

    [Theory]
    [InlineData("release.nmae", "release has no field 'nmae'; did you mean 'name'?")]
    [InlineData("release.head.enrty > 1", "head has no field 'enrty'; did you mean 'entry'?")]
    [InlineData("has(release.strenght)", "release has no field 'strenght'; did you mean 'strength'?")]
    [InlineData("[release][0].owner", "release has no field 'owner'")]
    [InlineData("release.?nmae", "release has no field 'nmae'; did you mean 'name'?")]
    [InlineData("(n > 1 ? release : null).nmae", "release has no field 'nmae'; did you mean 'name'?")]
    [InlineData("release['nmae']", "release has no field 'nmae'; did you mean 'name'?")]
    [InlineData("release[?'nmae']", "release has no field 'nmae'; did you mean 'name'?")]
    [InlineData("optional.of(release)['nmae']", "release has no field 'nmae'; did you mean 'name'?")]
    [InlineData("optional.of(release)[?'nmae']", "release has no field 'nmae'; did you mean 'name'?")]
    [InlineData("release['head']['enrty'] > 1", "head has no field 'enrty'; did you mean 'entry'?")]
    [InlineData("release['name'] > 1", "'>' can't be applied to (string, int)")]
    [InlineData("release[?'head'].?enrty", "head has no field 'enrty'; did you mean 'entry'?")]
    [InlineData("'nmae' in release", "release has no field 'nmae'; did you mean 'name'?")]
    [InlineData("!(('enrty') in release.head)", "head has no field 'enrty'; did you mean 'entry'?")]
    [InlineData("(n > 1 ? release : {}).nmae", "release has no field 'nmae'; did you mean 'name'?")]
    [InlineData("[{}, release][1].nmae", "release has no field 'nmae'; did you mean 'name'?")]
    [InlineData("release.name > 1", "'>' can't be applied to (string, int)")]
    [InlineData("release == release.head", "'==' can't be applied to (release, head)")]
    [InlineData("relaese.name", "undeclared reference to 'relaese'; did you mean 'release'?")]
    public void A_misspelt_field_is_an_error_of_the_program(string source, string reason) =>
        Assert.Equal(reason, Assert.Throws<CelException>(() => With().Compile(source)).Reason);

    [Theory]
    [InlineData("release.name == 'v2'")]
    [InlineData("release.head == null || release.head.entry > 1")]
    [InlineData("has(release.name) && !has(release.head)")]
    [InlineData("release['name'] == 'v2' && 'name' in release && release.exists(k, k == 'name')")]
    [InlineData("release == {'name': 'v2', 'tags': ['a']}")]
    [InlineData("release[?'name'].value() == 'v2' && !release[?'head'].hasValue() && !optional.of(release)['head'][?'entry'].hasValue()")]
    [InlineData("release['na' + 'me'] == 'v2' && !release[?'nm' + 'ae'].hasValue() && {'nmae': 1}['nmae'] == 1")]
    [InlineData("!('head' in release) && !('nm' + 'ae' in release) && !('nmae' in {'name': 1}) && !('a' in release['name' + ''])")]
    [InlineData("[release, {'name': 'x', 'other': 1}][1].other > 0 && [{'name': 'x'}, release][1].tags == ['a']")]
    [InlineData("open == null || open.anything.at.all")]
    public void A_map_stays_a_map(string source)
    {
        var result = With().Compile(source, CelType.Bool).Eval(Values, 1000);
        if (source.Contains("release['name' + '']", StringComparison.Ordinal))
            Assert.Equal(CelErrorKind.NoSuchOverload, result.Error!.Kind);
        else if (source.Contains("head == null", StringComparison.Ordinal))
            Assert.Equal(CelErrorKind.NoSuchKey, result.Error!.Kind);
        else Assert.True(result.Error is null && result.Value.AsBool(), result.Error?.Message);
    }

    [Fact]
    public void Definitions_use_one_another_in_any_order_and_see_no_locals()
    {
        var environment = With(("large", "n > limit"), ("limit", "2 + [1].map(n, n)[0] - 1"),
            ("named", "release.name != ''"));
        var program = environment.Compile("[9].all(n, large && named)", CelType.Bool);
        Assert.True(program.Eval(Values, 1000).Value.AsBool());
        Assert.Equal(["large", "limit", "named"], program.Definitions.Order());
        Assert.Equal(["n", "release"], program.Variables.Order());
        Assert.Equal(CelType.Int, environment.Check("limit"));
    }

    [Fact]
    public void A_definition_is_evaluated_at_most_once_and_only_when_needed()
    {
        var heavy = ("heavy", "[1,2,3,4,5,6,7,8,9,10].map(x, x * x).size() > 3");
        long Cost(string source) => With(heavy).Compile(source).Eval(Values, 100_000).Cost;
        var one = Cost("heavy");
        Assert.InRange(one, 50, 1000);
        Assert.InRange(Cost("[heavy, heavy, heavy].size() > 0") - one, 2, 20);
        Assert.InRange(Cost("n < 0 && heavy"), 1, 5);
        Assert.InRange(Cost("[1, 2, 3].all(x, heavy)") - one, 1, 40);
        Assert.Equal(CelErrorKind.CostLimit, With(heavy).Compile("heavy").Eval(Values, one - 1).Error!.Kind);
    }

    [Fact]
    public void Errors_are_shown_in_the_source_they_are_in()
    {
        var environment = With(("first", "release.tags[n] == 'a'"), ("second", "first || n == 0"));
        var failed = environment.Compile("n == 3 && second").Eval(Values, 1000).Error!;
        Assert.Equal(("first", 1, 13), (failed.Definition, failed.Line, failed.Column));
        Assert.Equal(
            "definition 'first', 1:13: index 3 is outside a list of 1\n | release.tags[n] == 'a'\n | ............^",
            failed.Message);
        Assert.Null(environment.Compile("n / 0 == 1 && second").Eval(Values, 1000).Error!.Definition);
        var wrong = Assert.Throws<CelException>(() => With(("odd", "release.nmae")).Compile("n == 1 || odd == ''"));
        Assert.Equal(("odd", 1, 8), (wrong.Definition, wrong.Line, wrong.Column));
        Assert.StartsWith("definition 'bad', 1:4: ", Assert.Throws<CelException>(() => With(("bad", "1 +"))).Message);
    }

    /// <summary>
    /// A variable without a value is missed where the program names it first, in whichever source that is.
    /// </summary>
    [Fact]
    public void A_missing_variable_is_missed_where_it_is_named()
    {
        var program = With(("a", "n + 1")).Compile("open == null && n > 0 && a > 0");
        Assert.Null(
            program.Eval(new Dictionary<string, CelValue> { ["open"] = CelValue.Null }, 1000).Error!.Definition);
        Assert.Equal("a",
            With(("a", "n + 1")).Compile("a > 0").Eval(new Dictionary<string, CelValue>(), 1000).Error!.Definition);
    }

    [Fact]
    public void A_circle_is_named()
    {
        var circle = With(("a", "b || true"), ("b", "c"), ("c", "n > 1 && a"), ("self", "self"));
        Assert.Equal("the definitions go in a circle: a → b → c → a",
            Assert.Throws<CelException>(() => circle.Compile("a")).Reason);
        Assert.Equal("the definitions go in a circle: self → self",
            Assert.Throws<CelException>(() => circle.Compile("self")).Reason);
        Assert.True(circle.Compile("n == 3").Eval(Values, 100).Value.AsBool());
    }

    [Theory]
    [InlineData("release")]
    [InlineData("in")]
    [InlineData("a.b")]
    [InlineData("")]
    [InlineData("int")]
    [InlineData("good")]
    public void A_name_that_is_taken_or_none_is_refused(string name) =>
        Assert.Throws<ArgumentException>(() => With(("good", "1")).Define(name, "true"));

    /// <summary>
    /// Definitions can't be nested deeper than one expression can, or anyone who walks them would run out of stack.
    /// </summary>
    [Fact]
    public void Definitions_stand_no_higher_than_one_expression_may()
    {
        var chain = Enumerable.Range(0, 256).Select(i =>
            ($"d{i}", i == 255 ? "1" : $"{string.Concat(Enumerable.Repeat("1 + ", 20))}d{i + 1}")).ToArray();
        Assert.Contains("more than 256 high", Assert.Throws<CelException>(() => With(chain).Compile("d0")).Reason);
        Assert.Equal(105, With(chain).Compile("d250").Eval(Values, 10_000).Value.AsInt() + 4);
    }

    /// <summary>The common path allocates nothing.</summary>
    [Fact]
    public void A_definition_costs_no_allocation()
    {
        var program = With(("large", "n > 2"), ("named", "release.name == 'v2' && large")).Compile("large && named",
            CelType.Bool);
        for (var i = 0; i < 100; i++) program.Eval(Values, 1000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++) program.Eval(Values, 1000);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1000,
            $"{GC.GetAllocatedBytesForCurrentThread() - before} bytes");
    }
}
