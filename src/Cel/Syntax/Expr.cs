namespace Cel.Syntax;

/// <summary>A node of the syntax tree.</summary>
internal abstract class Expr
{
    /// <summary>Dense from 0 in one tree; later stages keep what they learn in arrays under it.</summary>
    public required int Id { get; init; }

    /// <summary>Offset in the source an error about this node points at.</summary>
    public required int Position { get; init; }

    /// <summary>
    /// 1 for a leaf. Invariant: at most <see cref="Limits.Height"/>, so walking a tree recursively can't exhaust the
    /// stack.
    /// </summary>
    public required int Height { get; init; }

    /// <summary>
    /// Where it stands in the source, to the offset behind it and without brackets around it; both 0 for what no text
    /// stands for.
    /// </summary>
    public int Start { get; private set; }

    /// <inheritdoc cref="Start"/>
    public int End { get; private set; }

    /// <summary>The nodes below it, in the order of the source.</summary>
    public abstract IEnumerable<Expr> Parts { get; }

    /// <summary>Says where it stands; the first word counts, which leaves brackets out.</summary>
    public void Mark(int start, int end)
    {
        if (End == 0) (Start, End) = (start, end);
    }
}

/// <summary><see cref="Value"/> is null, bool, long, ulong, double, string or byte[].</summary>
internal sealed class Literal : Expr
{
    public required object? Value { get; init; }
    public override IEnumerable<Expr> Parts => [];
}

/// <summary>A name; rooted (<c>.x</c>) ones skip comprehension variables and containers.</summary>
internal sealed class Ident : Expr
{
    public required string Name { get; init; }
    public required bool Rooted { get; init; }
    public override IEnumerable<Expr> Parts => [];
}

/// <summary><c>operand.field</c>, or <c>has(operand.field)</c>.</summary>
internal sealed class Select : Expr
{
    public required Expr Operand { get; init; }
    public required string Field { get; init; }
    public required bool Test { get; init; }

    /// <summary>A back-quoted field is never part of a dotted name.</summary>
    public required bool Quoted { get; init; }
    public override IEnumerable<Expr> Parts => [Operand];
}

/// <summary>A function, method or operator (named as in <see cref="Operators"/>).</summary>
internal sealed class Call : Expr
{
    public required string Function { get; init; }
    public required Expr? Target { get; init; }
    public required Expr[] Args { get; init; }
    public override IEnumerable<Expr> Parts => Target is null ? Args : [Target, .. Args];
}

/// <summary>A whole chain of <c>&amp;&amp;</c> or <c>||</c>.</summary>
internal sealed class Logic : Expr
{
    public required bool IsAnd { get; init; }
    public required Expr[] Terms { get; init; }
    public override IEnumerable<Expr> Parts => Terms;
}

internal sealed class Conditional : Expr
{
    public required Expr Test { get; init; }
    public required Expr Then { get; init; }
    public required Expr Else { get; init; }
    public override IEnumerable<Expr> Parts => [Test, Then, Else];
}

internal sealed class ListLiteral : Expr
{
    public required Expr[] Elements { get; init; }

    /// <summary>
    /// Which elements are written <c>?e</c>: an optional whose value, if any, is the element. Null if none is.
    /// </summary>
    public required bool[]? Optional { get; init; }

    public override IEnumerable<Expr> Parts => Elements;
}

internal sealed class MapLiteral : Expr
{
    public required Expr[] Keys { get; init; }
    public required Expr[] Values { get; init; }

    /// <summary>Which entries are written <c>?k: v</c>, as in <see cref="ListLiteral.Optional"/>.</summary>
    public required bool[]? Optional { get; init; }

    public override IEnumerable<Expr> Parts => Keys.Zip(Values).SelectMany(e => (Expr[])[e.First, e.Second]);
}

/// <summary>
/// Names for values: <c>cel.bind</c> has one, <c>cel.block</c> many, each of which may use those before it. A value is
/// computed when it is first needed, at most once. Invariant: <see cref="Expr.Height"/> counts all values on top of one
/// another, since that is how they may come to be computed.
/// </summary>
internal sealed class Bindings : Expr
{
    public required string[] Names { get; init; }
    public required Expr[] Values { get; init; }
    public required Expr Body { get; init; }

    public override IEnumerable<Expr> Parts => [.. Values, Body];
}

internal enum MacroKind { All, Exists, ExistsOne, List, Map, Entries, OptionalMap, OptionalFlatMap }

/// <summary>
/// A comprehension. With one variable it walks a list's elements or a map's keys, with two a list's indexes and
/// elements or a map's keys and values. <c>map</c>, <c>filter</c> and <c>transformList</c> are
/// <see cref="MacroKind.List"/>, <c>transformMap</c> is <see cref="MacroKind.Map"/>.
/// <c>transformMapEntry</c> is <see cref="MacroKind.Entries"/>: its body gives maps, whose entries are put together.
/// <c>optMap</c> and <c>optFlatMap</c> walk the value of an optional, if there is one.
/// </summary>
internal sealed class Comprehension : Expr
{
    public required MacroKind Kind { get; init; }
    public required Expr Range { get; init; }
    public required string Variable { get; init; }
    public required string? Second { get; init; }

    /// <summary>Which elements take part, where the macro has that argument.</summary>
    public required Expr? Filter { get; init; }

    /// <summary>The predicate or the transformation; null means the element itself (<c>filter</c>).</summary>
    public required Expr? Body { get; init; }

    public override IEnumerable<Expr> Parts
    {
        get
        {
            yield return Range;
            if (Filter is not null) yield return Filter;
            if (Body is not null) yield return Body;
        }
    }
}

/// <summary>Names under which operators are declared as functions.</summary>
internal static class Operators
{
    public const string Add = "_+_", Subtract = "_-_", Multiply = "_*_", Divide = "_/_", Modulo = "_%_";
    public const string Equal = "_==_", NotEqual = "_!=_", Less = "_<_", LessEqual = "_<=_", Greater = "_>_",
        GreaterEqual = "_>=_";
    public const string In = "@in", Index = "_[_]", Not = "!_", Negate = "-_";
    public const string OptionalSelect = "_?._", OptionalIndex = "_[?_]";

    /// <summary>How an operator is called in messages: <c>+</c> for <c>_+_</c>.</summary>
    public static string Spell(string function) => function switch
    {
        In => "in",
        Index => "[]",
        OptionalIndex => "[?]",
        OptionalSelect => ".?",
        _ when function.Length > 1 && (function[0] == '_' || function[^1] == '_') => function.Trim('_'),
        _ => function,
    };
}
