using Cel.Check;
using Cel.Syntax;
using Cel.Values;

namespace Cel.Library;

/// <summary>The math extension: extremes, rounding, signs and bits.</summary>
internal static class MathExtension
{
    public static void Declare(FunctionTable t)
    {
        CelType i = CelType.Int, u = CelType.UInt, d = CelType.Double, b = CelType.Bool;

        Extreme(t, "math.greatest", 1);
        Extreme(t, "math.least", -1);

        t.Global("math.ceil", d, d, (in CelValue x) => CelValue.Double(Math.Ceiling(x.RawDouble)));
        t.Global("math.floor", d, d, (in CelValue x) => CelValue.Double(Math.Floor(x.RawDouble)));
        t.Global("math.trunc", d, d, (in CelValue x) => CelValue.Double(Math.Truncate(x.RawDouble)));
        t.Global("math.round", d, d,
            (in CelValue x) => CelValue.Double(Math.Round(x.RawDouble, MidpointRounding.AwayFromZero)));
        t.Global("math.sqrt", i, d, (in CelValue x) => CelValue.Double(Math.Sqrt(x.RawInt)));
        t.Global("math.sqrt", u, d, (in CelValue x) => CelValue.Double(Math.Sqrt(x.RawUInt)));
        t.Global("math.sqrt", d, d, (in CelValue x) => CelValue.Double(Math.Sqrt(x.RawDouble)));

        t.Global("math.abs", i, i, (in CelValue x) => x.RawInt < 0 ? Arithmetic.NegateInt(in x) : x);
        t.Global("math.abs", u, u, (in CelValue x) => x);
        t.Global("math.abs", d, d, (in CelValue x) => CelValue.Double(Math.Abs(x.RawDouble)));
        t.Global("math.sign", i, i, (in CelValue x) => CelValue.Int(Math.Sign(x.RawInt)));
        t.Global("math.sign", u, u, (in CelValue x) => CelValue.UInt(x.RawUInt == 0 ? 0ul : 1));
        t.Global("math.sign", d, d,
            (in CelValue x) => double.IsNaN(x.RawDouble) ? x : CelValue.Double(Math.Sign(x.RawDouble)));
        t.Global("math.isNaN", d, b, (in CelValue x) => CelValue.Bool(double.IsNaN(x.RawDouble)));
        t.Global("math.isInf", d, b, (in CelValue x) => CelValue.Bool(double.IsInfinity(x.RawDouble)));
        t.Global("math.isFinite", d, b, (in CelValue x) => CelValue.Bool(double.IsFinite(x.RawDouble)));

        t.Global("math.bitAnd", i, i, i, (in CelValue x, in CelValue y) => CelValue.Int(x.RawInt & y.RawInt));
        t.Global("math.bitAnd", u, u, u, (in CelValue x, in CelValue y) => CelValue.UInt(x.RawUInt & y.RawUInt));
        t.Global("math.bitOr", i, i, i, (in CelValue x, in CelValue y) => CelValue.Int(x.RawInt | y.RawInt));
        t.Global("math.bitOr", u, u, u, (in CelValue x, in CelValue y) => CelValue.UInt(x.RawUInt | y.RawUInt));
        t.Global("math.bitXor", i, i, i, (in CelValue x, in CelValue y) => CelValue.Int(x.RawInt ^ y.RawInt));
        t.Global("math.bitXor", u, u, u, (in CelValue x, in CelValue y) => CelValue.UInt(x.RawUInt ^ y.RawUInt));
        t.Global("math.bitNot", i, i, (in CelValue x) => CelValue.Int(~x.RawInt));
        t.Global("math.bitNot", u, u, (in CelValue x) => CelValue.UInt(~x.RawUInt));
        Shift(t, "math.bitShiftLeft", (bits, by) => bits << by);
        Shift(t, "math.bitShiftRight", (bits, by) => bits >> by);
    }

    /// <summary>Shifts bring in zeros, also from the left; 64 and more leave nothing.</summary>
    static void Shift(FunctionTable t, string name, Func<ulong, int, ulong> shift)
    {
        t.Global(name, CelType.Int, CelType.Int, CelType.Int, (in CelValue x, in CelValue y) => y.RawInt < 0
            ? Negative()
            : CelValue.Int(y.RawInt > 63 ? 0 : (long)shift(x.RawUInt, (int)y.RawInt)));
        t.Global(name, CelType.UInt, CelType.Int, CelType.UInt, (in CelValue x, in CelValue y) => y.RawInt < 0
            ? Negative()
            : CelValue.UInt(y.RawInt > 63 ? 0 : shift(x.RawUInt, (int)y.RawInt)));

        static CelValue Negative() => CelValue.Error(CelErrorKind.InvalidArgument, "a shift can't be negative");
    }

    /// <summary>
    /// One number, a list of them, or several of any number types: the first of the largest (or smallest) by the
    /// language's order.
    /// </summary>
    static void Extreme(FunctionTable t, string name, int direction)
    {
        CelType[] numbers = [CelType.Int, CelType.UInt, CelType.Double];
        foreach (var x in numbers)
        {
            t.Global(name, x, x, (in CelValue v) => v);
            t.Global(name, CelType.List(x), x, (in CelValue v) => Pick(v.ListItems, name, direction),
                (in CelValue v) => Math.Max(1, v.ListItems.Length));
            foreach (var y in numbers)
                t.Global(name, x, y, x.Equals(y) ? x : CelType.Dyn,
                    (in CelValue v, in CelValue w) => Pick([v, w], name, direction));
        }
        for (var n = 3; n <= Limits.Extremes; n++)
            t.Global(name, Enumerable.Repeat(CelType.Dyn, n).ToArray(), CelType.Dyn,
                values => Pick(values, name, direction), values => values.Length);
    }

    static CelValue Pick(ReadOnlySpan<CelValue> values, string name, int direction)
    {
        if (values.IsEmpty) return CelValue.Error(CelErrorKind.InvalidArgument, $"{name}() of an empty list");
        var best = values[0];
        foreach (ref readonly var v in values)
        {
            if (v.Kind is not (CelKind.Int or CelKind.UInt or CelKind.Double))
                return CelValue.Error(CelErrorKind.NoSuchOverload, $"{name}() takes numbers, not {v.TypeOf()}");
            if (Ordering.Compare(in v, in best) == direction) best = v;
        }
        return best;
    }
}
