namespace Cel.Values;

/// <summary>Why an evaluation has no value.</summary>
public enum CelErrorKind
{
    /// <summary>A function or operator doesn't take arguments of these types.</summary>
    NoSuchOverload,

    /// <summary>A declared variable has no binding.</summary>
    NoSuchVariable,

    /// <summary>A map has no such key, or the value selected from is no map.</summary>
    NoSuchKey,

    /// <summary>A list index outside the list.</summary>
    IndexOutOfRange,

    /// <summary>Division or modulus by zero.</summary>
    DivideByZero,

    /// <summary>A result outside its type: integers, timestamps, durations, conversions.</summary>
    Range,

    /// <summary>Text or arguments that don't mean anything to the function.</summary>
    InvalidArgument,

    /// <summary>A map literal with one key twice, or a key of a type that can't be one.</summary>
    BadKey,

    /// <summary>A string, bytes or list would grow beyond <see cref="ValueLimits"/>.</summary>
    TooLarge,

    /// <summary>The evaluation cost more than it was allowed to.</summary>
    CostLimit,
}

/// <summary>An evaluation error as a value: it travels through the tree until a logical operator absorbs it.</summary>
internal sealed class CelError(CelErrorKind kind, string reason, int position = -1)
{
    public CelErrorKind Kind { get; } = kind;
    public string Reason { get; } = reason;

    /// <summary>Offset in the source; -1 until the node that called the failing function fills it in.</summary>
    public int Position { get; set; } = position;

    /// <summary>
    /// Whose position it is; null for the program's own, until a definition it leaves says that it is its own.
    /// </summary>
    public Syntax.SourceText? Source { get; set; }
}

/// <summary>How large one value may grow, whatever the cost limit.</summary>
public static class ValueLimits
{
    /// <summary>UTF-16 units of a string, bytes of a bytes.</summary>
    public const int Text = 1 << 20;

    /// <summary>Elements of a list, entries of a map.</summary>
    public const int Elements = 1 << 17;

    /// <summary>Lists and maps inside one another: bounds the stack of equality and formatting.</summary>
    public const int Depth = 200;

    /// <summary>
    /// Values, characters and bytes in all of a list or map, counted each time they are reached: bounds the time of
    /// equality and formatting.
    /// </summary>
    public const long Weight = 1 << 24;
}
