namespace Cel.Values;

/// <summary>The elements of a list value, and how deep they nest.</summary>
internal sealed class CelList
{
    public readonly CelValue[] Items;
    public readonly int Depth;

    /// <exception cref="ArgumentException">Deeper than <see cref="ValueLimits.Depth"/>. Programs can't get there: their own height is limited and a value gains at most one level a node.</exception>
    public CelList(CelValue[] items)
    {
        Items = items;
        var depth = 0;
        foreach (ref readonly var item in items.AsSpan()) depth = Math.Max(depth, item.Depth);
        Depth = depth + 1;
        if (Depth > ValueLimits.Depth + Syntax.Limits.Height) throw new ArgumentException($"lists and maps nest more than {ValueLimits.Depth} deep");
    }
}
