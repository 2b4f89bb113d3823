namespace Cel.Values;

/// <summary>
/// The language's order: within a type, and across int, uint and double. A double and an integer are compared as
/// doubles, so beyond 2⁵³ they may tie.
/// </summary>
internal static class Ordering
{
    /// <summary>What <see cref="Compare"/> answers when one side is NaN: every comparison is false.</summary>
    public const int Unordered = 2;

    /// <summary>The kinds are known to be comparable.</summary>
    public static int Compare(in CelValue a, in CelValue b) => (a.Kind, b.Kind) switch
    {
        (CelKind.Int, CelKind.Int) or (CelKind.Duration, CelKind.Duration) or (CelKind.Bool, CelKind.Bool) =>
            a.RawInt.CompareTo(b.RawInt),
        (CelKind.UInt, CelKind.UInt) => a.RawUInt.CompareTo(b.RawUInt),
        (CelKind.Double, CelKind.Double) => Doubles(a.RawDouble, b.RawDouble),
        (CelKind.String, CelKind.String) => Texts.Compare(a.RawString, b.RawString),
        (CelKind.Bytes, CelKind.Bytes) => Math.Sign(a.RawBytes.AsSpan().SequenceCompareTo(b.RawBytes)),
        (CelKind.Timestamp, CelKind.Timestamp) =>
            a.RawInt != b.RawInt ? a.RawInt.CompareTo(b.RawInt) : a.RawNanos.CompareTo(b.RawNanos),
        (CelKind.Int, CelKind.UInt) => a.RawInt < 0 ? -1 : a.RawUInt.CompareTo(b.RawUInt),
        (CelKind.UInt, CelKind.Int) => b.RawInt < 0 ? 1 : a.RawUInt.CompareTo(b.RawUInt),
        (CelKind.Double, CelKind.Int) => Doubles(a.RawDouble, b.RawInt),
        (CelKind.Int, CelKind.Double) => Doubles(a.RawInt, b.RawDouble),
        (CelKind.Double, CelKind.UInt) => Doubles(a.RawDouble, b.RawUInt),
        (CelKind.UInt, CelKind.Double) => Doubles(a.RawUInt, b.RawDouble),
        _ => throw new InvalidOperationException($"no order between {a.TypeOf()} and {b.TypeOf()}"),
    };

    static int Doubles(double a, double b) => a < b ? -1 : a > b ? 1 : a == b ? 0 : Unordered;
}
