using Cel.Syntax;
using Cel.Values;

namespace Cel.Check;

/// <summary>A name with the dots in it.</summary>
/// <param name="Rooted">It is written with a dot before it: it means what it means outside of every container.</param>
internal readonly record struct DottedName(string Text, bool Rooted)
{
    public static DottedName Of(string written) => written[0] == '.' ? new(written[1..], true) : new(written, false);

    public DottedName Then(string name) => this with { Text = $"{Text}.{name}" };
}

/// <summary>
/// What names stand for at one place of a program: the variables of the macros around it, and what is declared, looked
/// up from the container outwards.
/// </summary>
internal sealed class Scope(Declarations declared)
{
    readonly List<(string Name, CelType Type)> _locals = [];

    /// <summary>How many variables of macros are visible.</summary>
    public int Depth => _locals.Count;

    public void Add(string name, CelType type) => _locals.Add((name, type));

    /// <summary>Goes back to where so many were visible.</summary>
    public void Leave(int depth) => _locals.RemoveRange(depth, _locals.Count - depth);

    /// <summary>Every name of a variable or definition, to guess what was meant.</summary>
    public IEnumerable<string> Known =>
        _locals.Select(l => l.Name).Concat(declared.Variables.Keys).Concat(declared.Definitions?.Names ?? []);

    /// <summary>The type of a macro's variable; null: there is none of that name.</summary>
    public CelType? Local(string name)
    {
        for (var i = _locals.Count - 1; i >= 0; i--)
            if (string.Equals(_locals[i].Name, name)) return _locals[i].Type;
        return null;
    }

    /// <summary>The full names that a name may stand for, the first that is declared wins.</summary>
    public IEnumerable<string> Candidates(DottedName name)
    {
        for (var container = name.Rooted ? "" : declared.Container; container.Length > 0; container =
            container[..Math.Max(0, container.LastIndexOf('.'))])
            yield return container + "." + name.Text;
        yield return name.Text;
    }

    /// <summary>The functions of a name.</summary>
    public IReadOnlyList<Overload>? Function(DottedName name)
    {
        foreach (var candidate in Candidates(name))
            if (declared.Functions.Find(candidate) is { } found) return found;
        return null;
    }

    /// <summary>
    /// <c>a.b.c</c> if the tree is just that, has no more dots than any name there is, and <c>a</c> is no variable of a
    /// macro.
    /// </summary>
    public DottedName? Qualified(Expr e) => Qualified(e, declared.Dots);

    DottedName? Qualified(Expr e, int dots) => e switch
    {
        Ident i when i.Rooted || Local(i.Name) is null => new(i.Name, i.Rooted),
        Select { Test: false, Quoted: false } s when dots > 0 && Qualified(s.Operand, dots - 1) is { } prefix =>
            prefix.Then(s.Field),
        _ => null,
    };
}
