using Cel.Syntax;
using Cel.Values;

namespace Cel;

/// <summary>What an evaluation came to: a value or a failure, and what it cost.</summary>
public readonly struct CelResult
{
    readonly CelValue _value;

    internal CelResult(CelValue value, CelFailure? error, long cost)
    {
        _value = value;
        Error = error;
        Cost = cost;
    }

    /// <summary>Null if there is a value.</summary>
    public CelFailure? Error { get; }

    /// <summary>In the units of the cost limit; also spent when there is an error.</summary>
    public long Cost { get; }

    /// <exception cref="InvalidOperationException">There is an <see cref="Error"/> instead.</exception>
    public CelValue Value => Error is null ? _value : throw new InvalidOperationException(Error.Message);
}

/// <summary>Why an evaluation has no value, and where in the source.</summary>
public sealed class CelFailure
{
    readonly SourceText _source;
    readonly CelError _error;

    internal CelFailure(SourceText source, CelError error)
    {
        _source = error.Source ?? source;
        _error = error;
    }

    /// <summary>
    /// The definition it happened in; null for the program itself. Line and column are those of its source.
    /// </summary>
    public string? Definition => _source.Definition;

    public CelErrorKind Kind => _error.Kind;

    /// <summary>Without place and source line.</summary>
    public string Reason => _error.Reason;

    /// <summary>From 1.</summary>
    public int Line => _source.Locate(_error.Position).Line;

    /// <summary>From 1, in code points.</summary>
    public int Column => _source.Locate(_error.Position).Column;

    /// <summary>Place, reason, source line and caret.</summary>
    public string Message => _source.Describe(_error.Position, _error.Reason);

    public override string ToString() => Message;
}
