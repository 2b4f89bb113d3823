namespace Cel.Values;

/// <summary>The value of an optional that has one; that which has none is no object at all.</summary>
internal sealed class CelOptional
{
    public readonly CelValue Value;
    public readonly Extent Extent;

    public CelOptional(in CelValue value)
    {
        Value = value;
        Extent = Extent.Above([value]);
    }

    /// <summary>
    /// What <c>optional.ofNonZeroValue</c> takes for no value: the empty, zero, false and null of each type, and the
    /// start of 1970.
    /// </summary>
    public static bool IsZero(in CelValue v) => v.Kind switch
    {
        CelKind.Null => true,
        CelKind.Bool or CelKind.Int or CelKind.UInt or CelKind.Duration => v.RawInt == 0,
        CelKind.Double => v.RawDouble == 0,
        CelKind.Timestamp => v.RawInt == 0 && v.RawNanos == 0,
        CelKind.String => v.RawString.Length == 0,
        CelKind.Bytes => v.RawBytes.Length == 0,
        CelKind.List => v.ListItems.Length == 0,
        CelKind.Map => v.RawMap.Count == 0,
        _ => false,
    };
}
