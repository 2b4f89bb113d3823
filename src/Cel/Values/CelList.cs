namespace Cel.Values;

/// <summary>The elements of a list value, and how deep and heavy they are.</summary>
internal sealed class CelList
{
    public readonly CelValue[] Items;
    public readonly Extent Extent;

    public CelList(CelValue[] items)
    {
        Items = items;
        Extent = Extent.Above(items);
    }
}

/// <summary>
/// How deep a value nests, how large it is written out, and how many values there are in all of it. Elements may be
/// shared, so a value's memory says nothing of the time it takes to compare or print it; this does, and
/// <see cref="IsAllowed"/> bounds it for every list and map there is.
/// </summary>
internal readonly record struct Extent(int Depth, long Weight, long Values = 1)
{
    public bool IsAllowed => Depth <= ValueLimits.Depth && Weight <= ValueLimits.Weight;

    public static Extent Of(in CelValue v) => v.Kind switch
    {
        CelKind.List => v.RawList.Extent,
        CelKind.Map => v.RawMap.Extent,
        CelKind.Optional => v.RawOptional?.Extent ?? new Extent(1, 1),
        CelKind.String => new(0, 1 + v.RawString.Length),
        CelKind.Bytes => new(0, 1 + v.RawBytes.Length),
        _ => new(0, 1),
    };

    /// <summary>Of a container of these. Invariant: they are within the limits, so the sum can't overflow.</summary>
    public static Extent Above(ReadOnlySpan<CelValue> values)
    {
        var depth = 0;
        long weight = 1, count = 1;
        foreach (ref readonly var value in values)
        {
            var extent = Of(in value);
            depth = Math.Max(depth, extent.Depth);
            weight += extent.Weight;
            count += extent.Values;
        }
        return new Extent(depth + 1, weight, count);
    }
}
