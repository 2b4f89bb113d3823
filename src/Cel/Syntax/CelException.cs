namespace Cel.Syntax;

/// <summary>
/// A source that is no valid program. <see cref="Exception.Message"/> holds the reason, the source line and a caret.
/// </summary>
public sealed class CelException : Exception
{
    /// <summary>From 1.</summary>
    public int Line { get; }

    /// <summary>From 1, in code points.</summary>
    public int Column { get; }

    /// <summary>The definition it stands in; null if in the program itself.</summary>
    public string? Definition { get; }

    /// <summary>What is wrong, without place and source line.</summary>
    public string Reason { get; }

    /// <summary>The name that nothing declares, where that is what is wrong.</summary>
    public string? Undeclared { get; internal init; }

    /// <summary>Whether an expression ended and text went on, as text does that lacks its quotes.</summary>
    public bool GoesOn { get; internal set; }

    internal CelException(SourceText source, int position, string reason) : base(source.Describe(position, reason))
    {
        Reason = reason;
        Definition = source.Definition;
        (Line, Column) = source.Locate(position);
    }
}
