using Cel.Syntax;
using Cel.Values;

namespace Cel.Check;

/// <summary>What the checker found a name or call to mean. Nodes that need none have none.</summary>
internal abstract record Resolution;

/// <summary>A declared variable, by its full name, and where it is named.</summary>
internal sealed record VariableOf(string Name, int Position) : Resolution;

/// <summary>A definition of the environment.</summary>
internal sealed record DefinitionOf(Definition Definition) : Resolution;

/// <summary>The variable of an enclosing comprehension.</summary>
internal sealed record LocalOf(string Name) : Resolution;

/// <summary>A type used as a value.</summary>
internal sealed record TypeNamed(CelType Type) : Resolution;

/// <summary>
/// The overloads that fit what is known statically; the values' kinds choose among them. A namespaced function's target
/// is part of its name.
/// </summary>
internal sealed record OverloadsOf(Overload[] Candidates, bool Namespaced) : Resolution;

/// <summary>Only when checking is lenient: evaluating the node is this error.</summary>
internal sealed record FailureOf(CelErrorKind Kind, string Reason) : Resolution;

/// <summary>A checked tree: resolutions under the ids of its nodes, and the type of its value.</summary>
internal sealed record Checked(Expr Root, Resolution?[] Resolutions, CelType Type)
{
    /// <summary>Of the tree with the definitions that it uses in their places.</summary>
    public required int Height { get; init; }
}

/// <summary>What a program may name.</summary>
internal sealed record Declarations(IReadOnlyDictionary<string, CelType> Variables, FunctionTable Functions)
{
    /// <summary>The namespace names are looked up from, innermost first; empty for the root.</summary>
    public string Container { get; init; } = "";

    /// <summary>Expressions with names, that programs and one another may use.</summary>
    public Definitions? Definitions { get; init; }

    /// <summary>The most dots that the name of a variable, a type or a function has.</summary>
    public int Dots { get; } = Math.Max(3,
        Variables.Keys.Select(name => name.AsSpan().Count('.')).DefaultIfEmpty().Max());

    /// <summary>For what literals are worth at compile time.</summary>
    public Allowance Allowance { get; } = new(Regex.PatternLimits.AllSteps);

    /// <summary>Off, anything the checker would refuse becomes an error of evaluation instead.</summary>
    public bool Strict { get; init; } = true;
}
