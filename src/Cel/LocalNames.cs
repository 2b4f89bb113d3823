using Cel.Check;
using Cel.Syntax;

namespace Cel;

/// <summary>
/// Where a tree names the variables of its comprehensions and bindings, in the order of its source: found once, so that
/// to write a part of the tree takes no walk through it.
/// </summary>
internal sealed class LocalNames
{
    readonly List<(Ident Name, int Binder)> _all = [];
    readonly int[] _order;
    readonly List<(string Name, int Binder)> _scope = [];
    readonly Resolution?[] _resolutions;
    int _visited;

    public LocalNames(Checked program)
    {
        _resolutions = program.Resolutions;
        _order = new int[_resolutions.Length];
        Visit(program.Root);
        _all.Sort((a, b) => a.Name.Start.CompareTo(b.Name.Start));
    }

    /// <summary>Each name, and the place in <see cref="Order"/> of what binds it.</summary>
    public IReadOnlyList<(Ident Name, int Binder)> All => _all;

    /// <summary>
    /// What stands above another comes before it: of what binds a name in an expression, the one that comes before the
    /// expression is outside of it.
    /// </summary>
    public int Order(Expr e) => _order[e.Id];

    /// <summary>The first of the names that stands there or behind.</summary>
    public int From(int start)
    {
        var (low, high) = (0, _all.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_all[middle].Name.Start < start) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    void Visit(Expr e)
    {
        var order = _order[e.Id] = _visited++;
        if (e is Ident { Rooted: false, End: > 0 } i && _resolutions[i.Id] is LocalOf
            && _scope.FindLastIndex(s => string.Equals(s.Name, i.Name)) is >= 0 and var at)
            _all.Add((i, _scope[at].Binder));
        var scope = _scope.Count;
        // A comprehension's variables are not those of what it walks.
        if (e is Comprehension c)
        {
            Visit(c.Range);
            _scope.Add((c.Variable, order));
            if (c.Second is not null) _scope.Add((c.Second, order));
            if (c.Filter is not null) Visit(c.Filter);
            if (c.Body is not null) Visit(c.Body);
        }
        else
        {
            if (e is Bindings b) _scope.AddRange(b.Names.Select(name => (name, order)));
            foreach (var part in e.Parts) Visit(part);
        }
        _scope.RemoveRange(scope, _scope.Count - scope);
    }
}
