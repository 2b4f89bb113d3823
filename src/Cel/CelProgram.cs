using Cel.Check;
using Cel.Library;
using Cel.Plan;
using Cel.Syntax;
using Cel.Values;

namespace Cel;

/// <summary>
/// A compiled expression: parsed, checked and planned once, evaluated as often as wanted, from any thread.
/// Evaluation is a pure function of the variables: no clock, no culture, no I/O, the same result and cost on every
/// machine.
/// </summary>
/// <example><code>
/// var program = CelProgram.Compile("amount &lt;= limit", new Dictionary&lt;string, CelType&gt; { ["amount"] = CelType.Int, ["limit"] = CelType.Int }, CelType.Bool);
/// var result = program.Eval(new Dictionary&lt;string, CelValue&gt; { ["amount"] = CelValue.Int(3), ["limit"] = CelValue.Int(4) }, costLimit: 1000);
/// </code></example>
public sealed class CelProgram
{
    readonly SourceText _source;
    readonly Checked _checked;
    readonly PlannedProgram _plan;
    readonly CelType? _demanded;
    Frame? _spare;

    CelProgram(SourceText source, Checked program, CelType? demanded)
    {
        _source = source;
        _checked = program;
        _plan = Planner.Plan(program, source);
        _demanded = demanded;
        Type = program.Type;
    }

    /// <param name="source">At most <see cref="Limits.Source"/> characters.</param>
    /// <param name="variables">What the expression may name, dotted names included.</param>
    /// <param name="result">The type its value must have; null for any.</param>
    /// <exception cref="CelException">
    /// The source is no valid program over these variables; the message shows where.
    /// </exception>
    public static CelProgram Compile(string source, IReadOnlyDictionary<string, CelType> variables,
        CelType? result = null)
        => Compile(source, new Declarations(variables, StandardLibrary.Functions), result);

    internal static CelProgram Compile(string source, Declarations declarations, CelType? result)
    {
        ArgumentNullException.ThrowIfNull(source);
        var text = new SourceText(source);
        var (root, ids) = Parser.Parse(text);
        var program = Checker.Check(text, root, ids, declarations, result);
        return new CelProgram(text, program, result);
    }

    public string Source => _source.Text;

    /// <summary>The type found by checking.</summary>
    public CelType Type { get; }

    /// <summary>The variables the expression names, itself or in definitions.</summary>
    public IReadOnlyList<string> Variables => _plan.Variables;

    /// <summary>The definitions it uses, itself or in others.</summary>
    public IReadOnlyList<string> Definitions => _plan.Definitions;

    /// <summary>
    /// The source's words, without what stands between them: two sources with the same words are the same program.
    /// </summary>
    /// <exception cref="CelException">It has something that is no word of the language.</exception>
    public static IReadOnlyList<string> Words(string source) =>
        [.. new Lexer(new SourceText(source)).Run().Where(t => t.Kind != TokenKind.End)
            .Select(t => source[t.Start..t.End])];

    /// <summary>The source's line comments, each from its <c>//</c> to the end of its line.</summary>
    /// <exception cref="CelException">It has something that is no word of the language.</exception>
    public static IReadOnlyList<(int Start, int End)> Comments(string source)
    {
        var lexer = new Lexer(new SourceText(source));
        lexer.Run();
        return lexer.Comments;
    }

    /// <summary>
    /// Evaluates; whatever goes wrong is the result's error, never an exception. A variable without a binding is an
    /// error only where it is needed.
    /// </summary>
    /// <param name="variables">May hold more than the expression names.</param>
    /// <param name="costLimit">Above it the result is <see cref="CelErrorKind.CostLimit"/>.</param>
    public CelResult Eval(IReadOnlyDictionary<string, CelValue> variables, long costLimit)
    {
        var frame = Interlocked.Exchange(ref _spare, null) ?? new Frame(_plan.Slots);
        Bind(_plan, frame, variables);
        return RunAndKeep(frame, costLimit);
    }

    /// <summary>
    /// The same for variables that are at hand already in the order of <see cref="Variables"/>: nothing is looked up by
    /// name.
    /// </summary>
    /// <exception cref="ArgumentException">Not as many values as variables.</exception>
    public CelResult Eval(ReadOnlySpan<CelValue> values, long costLimit)
    {
        if (values.Length != _plan.Variables.Length)
            throw new ArgumentException($"{values.Length} values for {_plan.Variables.Length} variables",
                nameof(values));
        var frame = Interlocked.Exchange(ref _spare, null) ?? new Frame(_plan.Slots);
        values.CopyTo(frame.Slots);
        return RunAndKeep(frame, costLimit);
    }

    CelResult RunAndKeep(Frame frame, long costLimit)
    {
        var result = Run(_plan, frame, costLimit);
        // The frame must not keep the caller's values alive.
        Array.Clear(frame.Slots);
        _spare = frame;
        return result;
    }

    /// <summary>
    /// Evaluates, and shows what the result came from. The result and its cost are those of <see cref="Eval"/>; only
    /// this takes longer. The trace is a pure function of source and variables too, and bounded.
    /// </summary>
    public (CelResult Result, CelTrace Trace) Trace(IReadOnlyDictionary<string, CelValue> variables, long costLimit)
    {
        var recorder = new Recorder();
        var plan = Planner.Plan(_checked, _source, recorder);
        var frame = new Frame(plan.Slots);
        Bind(plan, frame, variables);
        var result = Run(plan, frame, costLimit);
        return (result, new Tracer(_source, _checked, recorder).Build());
    }

    static void Bind(PlannedProgram plan, Frame frame, IReadOnlyDictionary<string, CelValue> variables)
    {
        for (var i = 0; i < plan.Variables.Length; i++)
            frame.Slots[i] = variables.TryGetValue(plan.Variables[i], out var bound) ? bound : plan.Unbound[i];
    }

    CelResult Run(PlannedProgram plan, Frame frame, long costLimit)
    {
        frame.Slots.AsSpan(plan.Variables.Length, plan.Definitions.Length).Fill(DefinitionNode.Pending);
        frame.Cost = 0;
        frame.Limit = costLimit;

        var value = plan.Root.Eval(frame);
        var cost = frame.Cost;
        if (cost > costLimit && !(value.IsError && value.RawError.Kind == CelErrorKind.CostLimit))
            value = frame.OverLimit(plan.Root.Position);
        else if (!value.IsError && _demanded is not null && _demanded.Kind != CelKind.Dyn
            && value.Kind != _demanded.Kind)
            value = CelValue.Error(new CelError(CelErrorKind.NoSuchOverload,
                $"the value is {value.TypeOf()}, not {_demanded}", plan.Root.Position));
        return value.IsError
            ? new CelResult(default, new CelFailure(_source, value.RawError), cost)
            : new CelResult(value, null, cost);
    }
}
