using Cel.Check;
using Cel.Syntax;
using Cel.Values;

namespace Cel.Plan;

/// <summary>
/// A plan: its first step and what an evaluation needs. Slots 0.. are the variables, in order; then come the
/// definitions, then the locals.
/// </summary>
internal sealed record PlannedProgram(Node Root, string[] Variables, CelValue[] Unbound, string[] Definitions,
    int Slots);

/// <summary>Turns a checked tree into steps: names become slots, calls become the node of their shape.</summary>
internal sealed class Planner
{
    Checked _checked;
    Recorder? _recorder;
    readonly Dictionary<string, int> _variables = new(StringComparer.Ordinal);
    readonly List<CelValue> _unbound = [];
    /// <summary>Variables of comprehensions, and bindings with the step that computes them.</summary>
    readonly List<(string Name, int Slot, Node? Value)> _locals = [];
    readonly Dictionary<Definition, int> _definitions = [];
    readonly Dictionary<Definition, Node> _bodies = [];
    int _slots;

    Planner(Checked program, SourceText source, Recorder? recorder)
    {
        _checked = program;
        _recorder = recorder;
        // Locals come after the variables and definitions, whose number must be known first.
        List<(Checked Tree, SourceText Source)> trees = [(program, source)];
        for (var i = 0; i < trees.Count; i++)
            foreach (var r in trees[i].Tree.Resolutions)
                if (r is VariableOf v && _variables.TryAdd(v.Name, _slots))
                {
                    _slots++;
                    _unbound.Add(CelValue.Error(new CelError(CelErrorKind.NoSuchVariable, $"no value for '{v.Name}'",
                        v.Position) { Source = trees[i].Source }));
                }
                else if (r is DefinitionOf d && _definitions.TryAdd(d.Definition, _definitions.Count))
                {
                    trees.Add((d.Definition.Checked!, d.Definition.Source));
                }
        _slots += _definitions.Count;
    }

    /// <param name="recorder">Told of every step when the plan is run; null for a plan that is run often.</param>
    public static PlannedProgram Plan(Checked program, SourceText source, Recorder? recorder = null)
    {
        var planner = new Planner(program, source, recorder);
        var root = planner.Visit(program.Root);
        var names = new string[planner._variables.Count];
        foreach (var (name, slot) in planner._variables) names[slot] = name;
        var definitions = new string[planner._definitions.Count];
        foreach (var (definition, slot) in planner._definitions) definitions[slot] = definition.Name;
        return new PlannedProgram(root, names, [.. planner._unbound], definitions, planner._slots);
    }

    Node Visit(Expr e)
    {
        var step = Step(e);
        if (_recorder is null || e.End == 0) return step;
        // What takes no step keeps its shape, which the steps above it look at.
        if (step is not (ConstantNode or ConstantListNode)) return new RecordingNode(e, step, _recorder);
        _recorder.Constant(e, step is ConstantNode c ? c.Value : ((ConstantListNode)step).List);
        return step;
    }

    Node Step(Expr e)
    {
        switch (_checked.Resolutions[e.Id])
        {
            case VariableOf v: return new SlotNode(e.Position, _variables[v.Name]);
            case LocalOf l:
                var (_, slot, value) = _locals.FindLast(x => string.Equals(x.Name, l.Name));
                if (value is null) return new SlotNode(e.Position, slot);
                _recorder?.Name(e);
                return new BoundNode(e.Position, slot, value);
            case DefinitionOf d:
                _recorder?.Name(e);
                return VisitDefinition(e, d.Definition);
            case TypeNamed t: return new ConstantNode(e.Position, CelValue.Type(t.Type));
            case FailureOf f: return new FailureNode(e.Position, f.Kind, f.Reason);
            case OverloadsOf o: return VisitCall((Call)e, o);
        }
        return e switch
        {
            Literal l => new ConstantNode(e.Position, Constant(l.Value)),
            Select { Test: true } s => new HasNode(e.Position, Visit(s.Operand), s.Field),
            Select s => new SelectNode(e.Position, Visit(s.Operand), s.Field),
            Logic l => new LogicNode(e.Position, l.IsAnd, Array.ConvertAll(l.Terms, Visit)),
            Conditional c => new ConditionalNode(c.Test.Position, Visit(c.Test), Visit(c.Then), Visit(c.Else)),
            ListLiteral l => VisitList(l),
            MapLiteral { Optional: { } marks } m => new OptionalMapNode(e.Position, Array.ConvertAll(m.Keys, Visit),
                Array.ConvertAll(m.Values, Visit), marks),
            MapLiteral m => new MapNode(e.Position, Array.ConvertAll(m.Keys, Visit), Array.ConvertAll(m.Values, Visit)),
            Comprehension c => VisitComprehension(c),
            Bindings b => VisitBindings(b),
            Call { Function: Operators.OptionalSelect } c =>
                new OptionalSelectNode(e.Position, Visit(c.Args[0]), (string)((Literal)c.Args[1]).Value!),
            _ => throw new InvalidOperationException(e.GetType().Name),
        };
    }

    DefinitionNode VisitDefinition(Expr e, Definition definition)
    {
        if (!_bodies.TryGetValue(definition, out var body))
        {
            var outer = _checked;
            _checked = definition.Checked!;
            _bodies[definition] = body = Visit(definition.Root);
            _checked = outer;
        }
        return new DefinitionNode(e.Position, _variables.Count + _definitions[definition], body, definition.Source);
    }

    Node VisitList(ListLiteral e)
    {
        var elements = Array.ConvertAll(e.Elements, Visit);
        if (e.Optional is not null) return new OptionalListNode(e.Position, elements, e.Optional);
        return Array.TrueForAll(elements, x => x is ConstantNode)
            && CelValue.OwnList(Array.ConvertAll(elements, x => ((ConstantNode)x).Value)) is { IsError: false } list
            ? new ConstantListNode(e.Position, list)
            : new ListNode(e.Position, elements);
    }

    static CelValue Constant(object? literal) => literal switch
    {
        null => CelValue.Null,
        bool b => CelValue.Bool(b),
        long l => CelValue.Int(l),
        ulong u => CelValue.UInt(u),
        double d => CelValue.Double(d),
        string s => CelValue.ValidString(s),
        byte[] b => CelValue.OwnBytes(b),
        _ => throw new InvalidOperationException(literal.GetType().Name),
    };

    Node VisitCall(Call e, OverloadsOf resolution)
    {
        List<Node> args = [];
        if (e.Target is not null && !resolution.Namespaced) args.Add(Visit(e.Target));
        foreach (var a in e.Args) args.Add(Visit(a));
        return (e.Function, args.Count) switch
        {
            (Operators.Equal, _) => new EqualNode(e.Position, args[0], args[1], negated: false),
            (Operators.NotEqual, _) => new EqualNode(e.Position, args[0], args[1], negated: true),
            (Operators.In, _) => new InNode(e.Position, args[0], args[1]),
            (Operators.Index, _) => new IndexNode(e.Position, args[0], args[1]),
            (Operators.OptionalIndex, _) => new OptionalIndexNode(e.Position, args[0], args[1]),
            ("or", 2) when resolution.Candidates[0].Binary is null =>
                new OrNode(e.Position, args[0], args[1], unwraps: false),
            ("orValue", 2) when resolution.Candidates[0].Binary is null =>
                new OrNode(e.Position, args[0], args[1], unwraps: true),
            (_, 1) => new UnaryNode(e.Position, e.Function, resolution.Candidates, args[0]),
            (_, 2) => new BinaryNode(e.Position, e.Function, resolution.Candidates, args[0], args[1]),
            _ => new VariadicNode(e.Position, e.Function, resolution.Candidates, [.. args]),
        };
    }

    BindingsNode VisitBindings(Bindings e)
    {
        var scope = _locals.Count;
        var slots = new int[e.Names.Length];
        for (var i = 0; i < slots.Length; i++)
        {
            var value = Visit(e.Values[i]);
            slots[i] = Local(e.Names[i], value);
        }
        var body = Visit(e.Body);
        _locals.RemoveRange(scope, _locals.Count - scope);
        return new BindingsNode(e.Position, slots, body);
    }

    Node VisitComprehension(Comprehension e)
    {
        var range = Visit(e.Range);
        var scope = _locals.Count;
        var loop = new Loop(range, Local(e.Variable), e.Second is null ? -1 : Local(e.Second));
        var filter = e.Filter is null ? null : Visit(e.Filter);
        var body = e.Body is null ? null : Visit(e.Body);
        _locals.RemoveRange(scope, _locals.Count - scope);
        return e.Kind switch
        {
            MacroKind.All or MacroKind.Exists => new QuantifierNode(e.Position, loop, e.Kind, body!),
            MacroKind.ExistsOne => new ExistsOneNode(e.Position, loop, body!),
            MacroKind.OptionalMap or MacroKind.OptionalFlatMap => new OptionalMacroNode(e.Position, range, loop.First,
                body!, e.Kind),
            MacroKind.Entries => new EntriesNode(e.Position, loop, filter, body!),
            _ => new CollectNode(e.Position, loop, e.Kind, filter, body),
        };
    }

    int Local(string name, Node? value = null)
    {
        _locals.Add((name, _slots, value));
        return _slots++;
    }
}
