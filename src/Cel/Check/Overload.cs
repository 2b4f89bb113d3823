using Cel.Values;

namespace Cel.Check;

internal delegate CelValue Unary(in CelValue a);

internal delegate CelValue Binary(in CelValue a, in CelValue b);

internal delegate CelValue Variadic(ReadOnlySpan<CelValue> args);

internal delegate long UnaryCost(in CelValue a);

internal delegate long BinaryCost(in CelValue a, in CelValue b);

internal delegate long VariadicCost(ReadOnlySpan<CelValue> args);

/// <summary>
/// What is charged as it is done, since only doing it tells the cost. What is left is less than nothing where that is
/// more than there was: then it was not done, and comes to nothing.
/// </summary>
internal delegate CelValue MeteredBinary(in CelValue a, in CelValue b, ref long left);

/// <summary>
/// What a call with this last argument uses instead of its overload, or why there can't be such a call and at which
/// UTF-16 unit of the argument.
/// </summary>
internal delegate (Overload? Ready, int At, string? Refusal) Preparation(string constant, Allowance left);

/// <summary>Work at compile time that all programs with the same declarations may still take together.</summary>
internal sealed class Allowance(long work)
{
    public long Left { get; private set; } = work;

    /// <summary>False when there is not as much left: then there never is again.</summary>
    public bool Take(long work) => (Left -= work) >= 0;
}

/// <summary>How a call is written: <c>f(a, b)</c>, or <c>a.f(b)</c>.</summary>
internal enum CallForm { Function, Method }

/// <summary>
/// One way to call a function: the types it takes (receiver first) and gives, what it does and what it costs.
/// Implementations only ever see values of the kinds their parameters name, and return errors as values.
/// Without an implementation it is one of the operators that the plan has its own nodes for.
/// </summary>
internal sealed class Overload
{
    public required CallForm Form { get; init; }
    public required CelType[] Parameters { get; init; }
    public required CelType Result { get; init; }
    public Unary? Unary { get; init; }
    public Binary? Binary { get; init; }
    public Variadic? Variadic { get; init; }

    /// <summary>Instead of a function with a cost of its own.</summary>
    public MeteredBinary? Metered { get; init; }

    /// <summary>Null is 1. Charged, and held against the limit, before the call.</summary>
    public UnaryCost? UnaryCost { get; init; }
    public BinaryCost? BinaryCost { get; init; }
    public VariadicCost? VariadicCost { get; init; }

    /// <summary>Set where a last argument that is a text literal is worth work at compile time.</summary>
    public Preparation? Prepare { get; init; }

    /// <summary>Whether its types have parameters of their own.</summary>
    public bool IsGeneric => _isGeneric ??= Array.Exists(Parameters, Mentions) || Mentions(Result);

    bool? _isGeneric;

    static bool Mentions(CelType type) => type.Kind == CelKind.Param || type.Parameters.Any(Mentions);

    /// <summary>False where the kinds of the types alone tell that it can't.</summary>
    public bool MayTake(CelType[] args)
    {
        for (var i = 0; i < args.Length; i++)
        {
            var (given, wanted) = (args[i].Kind, Parameters[i].Kind);
            if (given != wanted && given is not (CelKind.Dyn or CelKind.Param or CelKind.Null)
                && wanted is not (CelKind.Dyn or CelKind.Param or CelKind.Null)) return false;
        }
        return true;
    }

    public bool Takes(int index, CelKind kind)
    {
        var wanted = Parameters[index].Kind;
        return wanted == kind || wanted >= CelKind.Dyn;
    }
}

/// <summary>Functions by name; the standard ones and an embedder's differ in nothing.</summary>
internal sealed class FunctionTable
{
    readonly Dictionary<string, List<Overload>> _functions = new(StringComparer.Ordinal);

    public FunctionTable() { }

    /// <summary>These functions, to which more may be added.</summary>
    public FunctionTable(FunctionTable others)
    {
        foreach (var (name, overloads) in others._functions) _functions[name] = [.. overloads];
    }

    public IReadOnlyCollection<string> Names => _functions.Keys;

    public void Add(string name, Overload overload)
    {
        if (!_functions.TryGetValue(name, out var overloads)) _functions[name] = overloads = [];
        overloads.Add(overload);
    }

    public IReadOnlyList<Overload>? Find(string name) => _functions.GetValueOrDefault(name);
}
