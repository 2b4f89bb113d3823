namespace Cel.Values;

/// <summary>
/// The arithmetic operators on values of known kinds; an overflow is an error, never a wrapped number.
/// </summary>
internal static class Arithmetic
{
    static CelValue Overflow(string what) => CelValue.Error(CelErrorKind.Range, what + " overflow");

    static readonly string DivisionByZero = "division by zero", ModulusByZero = "modulus by zero";

    public static CelValue AddInt(in CelValue a, in CelValue b)
    {
        var (x, y) = (a.RawInt, b.RawInt);
        var sum = unchecked(x + y);
        return ((x ^ sum) & (y ^ sum)) < 0 ? Overflow("int") : CelValue.Int(sum);
    }

    public static CelValue SubtractInt(in CelValue a, in CelValue b)
    {
        var (x, y) = (a.RawInt, b.RawInt);
        var difference = unchecked(x - y);
        return ((x ^ y) & (x ^ difference)) < 0 ? Overflow("int") : CelValue.Int(difference);
    }

    public static CelValue MultiplyInt(in CelValue a, in CelValue b)
    {
        var high = Math.BigMul(a.RawInt, b.RawInt, out var low);
        return high == low >> 63 ? CelValue.Int(low) : Overflow("int");
    }

    public static CelValue DivideInt(in CelValue a, in CelValue b)
    {
        if (b.RawInt == 0) return CelValue.Error(CelErrorKind.DivideByZero, DivisionByZero);
        return b.RawInt == -1 ? NegateInt(in a) : CelValue.Int(a.RawInt / b.RawInt);
    }

    public static CelValue ModuloInt(in CelValue a, in CelValue b)
    {
        if (b.RawInt == 0) return CelValue.Error(CelErrorKind.DivideByZero, ModulusByZero);
        if (b.RawInt == -1) return a.RawInt == long.MinValue ? Overflow("int") : CelValue.Int(0);
        return CelValue.Int(a.RawInt % b.RawInt);
    }

    public static CelValue NegateInt(in CelValue a) => a.RawInt == long.MinValue
        ? Overflow("int")
        : CelValue.Int(-a.RawInt);

    public static CelValue AddUInt(in CelValue a, in CelValue b)
    {
        var sum = unchecked(a.RawUInt + b.RawUInt);
        return sum < a.RawUInt ? Overflow("uint") : CelValue.UInt(sum);
    }

    public static CelValue SubtractUInt(in CelValue a, in CelValue b)
        => b.RawUInt > a.RawUInt ? Overflow("uint") : CelValue.UInt(a.RawUInt - b.RawUInt);

    public static CelValue MultiplyUInt(in CelValue a, in CelValue b)
        => Math.BigMul(a.RawUInt, b.RawUInt, out var low) == 0 ? CelValue.UInt(low) : Overflow("uint");

    public static CelValue DivideUInt(in CelValue a, in CelValue b)
        => b.RawUInt == 0
            ? CelValue.Error(CelErrorKind.DivideByZero, DivisionByZero)
            : CelValue.UInt(a.RawUInt / b.RawUInt);

    public static CelValue ModuloUInt(in CelValue a, in CelValue b)
        => b.RawUInt == 0
            ? CelValue.Error(CelErrorKind.DivideByZero, ModulusByZero)
            : CelValue.UInt(a.RawUInt % b.RawUInt);

    public static CelValue AddDuration(in CelValue a, in CelValue b) => Times.Duration((Int128)a.RawInt + b.RawInt);

    public static CelValue SubtractDuration(in CelValue a, in CelValue b) =>
        Times.Duration((Int128)a.RawInt - b.RawInt);

    public static CelValue Shift(in CelValue time, in CelValue duration) => Shift(in time, duration.RawInt, 1);

    public static CelValue ShiftBack(in CelValue time, in CelValue duration) => Shift(in time, duration.RawInt, -1);

    static CelValue Shift(in CelValue time, long duration, int sign)
    {
        var seconds = Math.DivRem(duration, 1_000_000_000, out var nanos);
        return Times.Timestamp(time.RawInt + sign * seconds, time.RawNanos + sign * nanos);
    }

    public static CelValue Between(in CelValue later, in CelValue earlier)
        => Times.Duration(((Int128)later.RawInt - earlier.RawInt) * 1_000_000_000 + later.RawNanos - earlier.RawNanos);

    public static CelValue ConcatString(in CelValue a, in CelValue b)
        => a.RawString.Length + b.RawString.Length > ValueLimits.Text
            ? TooLong("string")
            : CelValue.ValidString(string.Concat(a.RawString, b.RawString));

    public static CelValue ConcatBytes(in CelValue a, in CelValue b)
        => a.RawBytes.Length + b.RawBytes.Length > ValueLimits.Text
            ? TooLong("bytes")
            : CelValue.OwnBytes([.. a.RawBytes, .. b.RawBytes]);

    public static CelValue ConcatList(in CelValue a, in CelValue b)
    {
        if (a.ListItems.Length == 0) return b;
        if (b.ListItems.Length == 0) return a;
        return a.ListItems.Length + b.ListItems.Length > ValueLimits.Elements
            ? TooLong("list")
            : CelValue.OwnList([.. a.ListItems, .. b.ListItems]);
    }

    public static CelValue TooLong(string what)
        =>
        CelValue.Error(CelErrorKind.TooLarge,
            what is "list" or "map"
                ? $"the {what} would have more than {ValueLimits.Elements} elements"
                : $"the {what} would be longer than {ValueLimits.Text}");
}
