using Cel;
using Cel.Syntax;
using Cel.Values;

namespace Stele.Tests.Cel;

/// <summary>Every error says where: line, column, source line, caret.</summary>
public class ErrorTests
{
    static readonly Dictionary<string, CelType> Declared = new()
    {
        ["x"] = CelType.Int,
        ["name"] = CelType.String,
        ["m"] = CelType.Map(CelType.String, CelType.Dyn),
        ["l"] = CelType.List(CelType.Int),
    };

    static readonly Dictionary<string, CelValue> Bound = new()
    {
        ["x"] = CelValue.Int(0),
        ["name"] = CelValue.String("ada"),
        ["m"] = CelValue.Map([KeyValuePair.Create("a", CelValue.Int(1))]),
        ["l"] = CelValue.List([CelValue.Int(1), CelValue.Int(2)]),
    };

    [Theory]
    [InlineData("1 + foo", "1:5: undeclared reference to 'foo'\n | 1 + foo\n | ....^")]
    [InlineData("x >= 1 &&\n  name > x", "2:8: '>' can't be applied to (string, int)\n |   name > x\n | .......^")]
    [InlineData("'😀' + 1", "1:5: '+' can't be applied to (string, int)\n | '😀' + 1\n | ....^")]
    [InlineData("(1 + 2", "1:7: the expression ends where ')' was expected\n | (1 + 2\n | ......^")]
    [InlineData("a\r\n.b", "1:1: undeclared reference to 'a'\n | a\n | ^")]
    [InlineData("x.b", "1:2: type int has no fields to select\n | x.b\n | .^")]
    [InlineData("name.glob('a')", "1:5: undeclared function 'glob'\n | name.glob('a')\n | ....^")]
    [InlineData("name.matches('a(b')",
        "1:16: the pattern is no regular expression: the group is not closed: ')' is missing\n | name.matches('a(b')\n | ...............^")]
    [InlineData("name.matches(r\"\"\"a[z-b]\"\"\")",
        "1:20: the pattern is no regular expression: the range 'z-b' ends before it begins\n | name.matches(r\"\"\"a[z-b]\"\"\")\n | ...................^")]
    [InlineData("matches(name, '\\u00e9\\n\\U0001F600(?=x)')",
        "1:34: the pattern is no regular expression: look-ahead '(?=' is no part of RE2, whose matching takes linear time\n | matches(name, '\\u00e9\\n\\U0001F600(?=x)')\n | .................................^")]
    [InlineData("'a\\qb'", "1:3: unknown escape in a string\n | 'a\\qb'\n | ..^")]
    [InlineData("'\\ud83d\\ude00'",
        "1:8: the escape is no Unicode code point, or a surrogate\n | '\\ud83d\\ude00'\n | .......^")]
    [InlineData("9223372036854775808", "1:1: the number is out of range\n | 9223372036854775808\n | ^")]
    [InlineData("l.all(x + 1, true)",
        "1:9: all() takes a simple name as its variable\n | l.all(x + 1, true)\n | ........^")]
    [InlineData("has(x)", "1:5: has() takes a field selection such as has(a.b)\n | has(x)\n | ....^")]
    [InlineData("for + 1", "1:1: 'for' is a reserved word\n | for + 1\n | ^")]
    [InlineData("true ? 1 : 'a'",
        "1:6: the branches of '?:' differ: int and string; dyn(...) allows that\n | true ? 1 : 'a'\n | .....^")]
    [InlineData("name == x", "1:6: '==' can't be applied to (string, int)\n | name == x\n | .....^")]
    [InlineData("{1.5: 2}", "1:2: a map key is a string, int, uint or bool, not double\n | {1.5: 2}\n | .^")]
    public void Compile_errors_point_into_the_source(string source, string message)
    {
        var e = Assert.Throws<CelException>(() => CelProgram.Compile(source, Declared));
        Assert.Equal(message, e.Message);
        Assert.StartsWith($"{e.Line}:{e.Column}: {e.Reason}\n", e.Message);
    }

    [Theory]
    [InlineData("1 / x", CelErrorKind.DivideByZero, "1:3: division by zero\n | 1 / x\n | ..^")]
    [InlineData("name == 'ada' &&\n m.b == 1", CelErrorKind.NoSuchKey, "2:3: no such key: 'b'\n |  m.b == 1\n | ..^")]
    [InlineData("l[2] > 0", CelErrorKind.IndexOutOfRange, "1:2: index 2 is outside a list of 2\n | l[2] > 0\n | .^")]
    [InlineData("9223372036854775807 + 1 + x", CelErrorKind.Range,
        "1:21: int overflow\n | 9223372036854775807 + 1 + x\n | ....................^")]
    [InlineData("m.a + 'b'", CelErrorKind.NoSuchOverload,
        "1:5: '+' can't be applied to int and string\n | m.a + 'b'\n | ....^")]
    [InlineData("int('12a')", CelErrorKind.InvalidArgument, "1:1: '12a' is no int\n | int('12a')\n | ^")]
    [InlineData("{name: 1, 'ada': 2}", CelErrorKind.BadKey,
        "1:1: the key 'ada' is there twice\n | {name: 1, 'ada': 2}\n | ^")]
    public void Evaluation_errors_point_into_the_source(string source, CelErrorKind kind, string message)
    {
        var result = CelProgram.Compile(source, Declared).Eval(Bound, 1000);
        Assert.Equal(kind, result.Error!.Kind);
        Assert.Equal(message, result.Error.Message);
        Assert.StartsWith($"{result.Error.Line}:{result.Error.Column}: {result.Error.Reason}\n", result.Error.Message);
        Assert.Throws<InvalidOperationException>(() => result.Value);
    }

    [Fact]
    public void A_long_line_is_cut_around_the_caret()
    {
        var source = $"'{new string('a', 300)}' + foo + '{new string('b', 300)}'";
        var lines = Assert.Throws<CelException>(() => CelProgram.Compile(source, Declared)).Message.Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.True(lines[1].Length < 220);
        Assert.Equal('f', lines[1][lines[2].IndexOf('^', StringComparison.Ordinal)]);
    }

    [Fact]
    public void An_unbound_variable_matters_only_where_it_is_needed()
    {
        var program = CelProgram.Compile("x == 0 || name == 'ada'", Declared, CelType.Bool);
        var onlyX = new Dictionary<string, CelValue> { ["x"] = CelValue.Int(0) };
        Assert.True(program.Eval(onlyX, 100).Value.AsBool());
        onlyX["x"] = CelValue.Int(1);
        Assert.Equal(CelErrorKind.NoSuchVariable, program.Eval(onlyX, 100).Error!.Kind);
        Assert.Equal(11, program.Eval(onlyX, 100).Error!.Column);
    }

    [Fact]
    public void The_wanted_type_is_held_when_compiling_and_for_dyn_when_evaluating()
    {
        Assert.Equal("the expression is of type int, not bool",
            Assert.Throws<CelException>(() => CelProgram.Compile("x", Declared, CelType.Bool)).Reason);
        var program = CelProgram.Compile("m.a", Declared, CelType.Bool);
        Assert.Equal(CelErrorKind.NoSuchOverload, program.Eval(Bound, 100).Error!.Kind);
        Assert.Equal(["m"], program.Variables);
    }

    [Fact]
    public void A_value_of_another_type_than_declared_is_an_error_not_a_wrong_answer()
    {
        var result = CelProgram.Compile("x + 1", Declared)
            .Eval(new Dictionary<string, CelValue> { ["x"] = CelValue.String("1") }, 100);
        Assert.Equal(CelErrorKind.NoSuchOverload, result.Error!.Kind);
    }
}
