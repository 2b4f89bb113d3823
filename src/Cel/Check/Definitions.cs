using Cel.Syntax;
using Cel.Values;

namespace Cel.Check;

/// <summary>An expression with a name, parsed; checked when first used.</summary>
internal sealed class Definition(SourceText source, Expr root, int ids)
{
    public string Name => Source.Definition!;
    public SourceText Source { get; } = source;
    public Expr Root { get; } = root;
    public int Ids { get; } = ids;
    public Checked? Checked { get; set; }
}

/// <summary>The definitions of an environment. They may use one another in any order, but not in a circle.</summary>
internal sealed class Definitions
{
    readonly Dictionary<string, Definition> _all = new(StringComparer.Ordinal);
    readonly List<string> _checking = [];

    public IEnumerable<string> Names => _all.Keys;

    public Definition? Find(string name) => _all.GetValueOrDefault(name);

    /// <summary>False if there is one of that name.</summary>
    public bool Add(Definition definition) => _all.TryAdd(definition.Name, definition);

    /// <param name="depth">
    /// How deep in other trees it is used. Invariant: what is being checked at once is no higher than one tree may be.
    /// </param>
    /// <param name="refuse">Throws, given the circle that using it would close.</param>
    public Checked Check(Definition definition, Declarations declared, int depth, Func<string, Exception> refuse)
    {
        if (definition.Checked is { } known) return known;
        var at = _checking.IndexOf(definition.Name);
        if (at >= 0) throw refuse(string.Join(" → ", _checking.Skip(at).Append(definition.Name)));
        _checking.Add(definition.Name);
        try
        {
            return definition.Checked = Checker.Check(definition.Source, definition.Root, definition.Ids, declared,
                null, depth);
        }
        finally
        {
            _checking.RemoveAt(_checking.Count - 1);
        }
    }
}
