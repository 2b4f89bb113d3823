using Cel.Syntax;
using Cel.Values;

namespace Cel.Check;

/// <summary>
/// Gives every name a meaning, every call its overloads and the whole a type, or refuses the program.
/// </summary>
internal sealed class Checker
{
    readonly SourceText _source;
    readonly Declarations _declared;
    readonly Resolution?[] _resolutions;
    readonly Unifier _types;
    readonly Scope _scope;
    int _depth, _height;

    Checker(SourceText source, Declarations declared, int ids)
    {
        _source = source;
        _declared = declared;
        _resolutions = new Resolution?[ids];
        _types = new Unifier(source);
        _scope = new Scope(declared);
    }

    /// <param name="expected">What the program's value must be, if that matters.</param>
    /// <param name="depth">How deep in other trees this one stands, when it is a definition.</param>
    public static Checked Check(SourceText source, Expr root, int ids, Declarations declared, CelType? expected,
        int depth = 0)
    {
        var checker = new Checker(source, declared, ids) { _depth = depth, _height = depth + root.Height };
        if (checker._height > Limits.Height)
            throw new CelException(source, root.Position,
                $"with the definitions in it, the expression's tree is more than {Limits.Height} high");
        var type = checker.Visit(root);
        if (expected is not null && !checker._types.Assignable(type, expected))
            throw new CelException(source, root.Position,
                $"the expression is of type {checker.Show(type)}, not {expected}");
        return new Checked(root, checker._resolutions,
            checker._types.Final(type)) { Height = checker._height - depth };
    }

    CelType Visit(Expr e)
    {
        _depth++;
        var type = TypeOf(e);
        _depth--;
        return type;
    }

    CelType TypeOf(Expr e) => e switch
    {
        Literal l => OfLiteral(l.Value),
        Ident i => VisitIdent(i),
        Select s => VisitSelect(s),
        Call c => VisitCall(c),
        Logic l => VisitLogic(l),
        Conditional c => VisitConditional(c),
        ListLiteral l => VisitList(l),
        MapLiteral m => VisitMap(m),
        Comprehension { Kind: MacroKind.OptionalMap or MacroKind.OptionalFlatMap } c => VisitOptionalMap(c),
        Comprehension c => VisitComprehension(c),
        Bindings b => VisitBindings(b),
        _ => throw new InvalidOperationException(e.GetType().Name),
    };

    static CelType OfLiteral(object? literal) => literal switch
    {
        null => CelType.Null,
        bool => CelType.Bool,
        long => CelType.Int,
        ulong => CelType.UInt,
        double => CelType.Double,
        string => CelType.String,
        _ => CelType.Bytes,
    };

    CelType VisitIdent(Ident e)
    {
        if (!e.Rooted && _scope.Local(e.Name) is { } local)
        {
            _resolutions[e.Id] = new LocalOf(e.Name);
            return local;
        }
        if (Global(e, new DottedName(e.Name, e.Rooted)) is { } global) return global;
        var reason = $"undeclared reference to '{e.Name}'{Spelling.Hint(e.Name, _scope.Known)}";
        if (_declared.Strict) throw new CelException(_source, e.Position, reason) { Undeclared = e.Name };
        return Fail(e, CelErrorKind.NoSuchVariable, reason);
    }

    /// <summary>A variable or type under a possibly dotted name, looked up from the container outwards.</summary>
    CelType? Global(Expr e, DottedName name)
    {
        foreach (var candidate in _scope.Candidates(name))
        {
            if (_declared.Variables.TryGetValue(candidate, out var type))
            {
                _resolutions[e.Id] = new VariableOf(candidate, e.Position);
                return _declared.Strict ? type : CelType.Dyn;
            }
            if (_declared.Definitions?.Find(candidate) is { } definition)
            {
                _resolutions[e.Id] = new DefinitionOf(definition);
                return VisitDefinition(e, definition);
            }
            if (CelType.Named(candidate) is { } named)
            {
                _resolutions[e.Id] = new TypeNamed(named);
                return CelType.Type;
            }
        }
        return null;
    }

    /// <summary>
    /// A definition is checked when it is first needed, as if its tree stood here: so the stack of whatever walks
    /// through it is bounded as a tree's is.
    /// </summary>
    CelType VisitDefinition(Expr e, Definition definition)
    {
        var found = _declared.Definitions!.Check(definition, _declared, _depth - 1,
            circle => throw new CelException(_source, e.Position, $"the definitions go in a circle: {circle}"));
        var height = _depth - 1 + found.Height;
        if (height > Limits.Height)
            throw new CelException(_source, e.Position,
                $"with the definition '{definition.Name}' in it, the expression's tree is more than {Limits.Height} "
                + $"high");
        _height = Math.Max(_height, height);
        return found.Type;
    }

    CelType VisitSelect(Select e)
    {
        // The longest dotted name that is declared wins.
        if (!e.Test && _scope.Qualified(e) is { } name && Global(e, name) is { } global) return global;

        var operand = _types.Resolve(Visit(e.Operand));
        var field = operand.Kind == CelKind.Optional
            ? CelType.Optional(Field(e, operand.Parameters[0], e.Field))
            : Field(e, operand, e.Field);
        return e.Test ? CelType.Bool : field;
    }

    CelType Field(Expr e, CelType operand, string name)
    {
        switch (operand.Kind)
        {
            case CelKind.Map when operand.Fields is { } fields:
                return fields.TryGetValue(name, out var field) ? field : Fail(e, CelErrorKind.NoSuchKey,
                    $"{operand.Name} has no field '{name}'{Spelling.Hint(name, fields.Keys)}");
            case CelKind.Map: return operand.Parameters[1];
            case CelKind.Param: _types.Assignable(CelType.Dyn, operand); break;
            case CelKind.Dyn: break;
            // Lenient, the plan's own node gives the error.
            default:
                return _declared.Strict
                    ? Fail(e, CelErrorKind.NoSuchKey, $"type {Show(operand)} has no fields to select")
                    : CelType.Dyn;
        }
        return CelType.Dyn;
    }

    CelType VisitOptionalSelect(Call e)
    {
        var operand = _types.Resolve(Visit(e.Args[0]));
        return CelType.Optional(Field(e, operand.Kind == CelKind.Optional ? operand.Parameters[0] : operand,
            (string)((Literal)e.Args[1]).Value!));
    }

    // Trees are high: what a call needs besides its arguments' types is in methods of their own, so that it takes no
    // stack while they are visited.
    CelType VisitCall(Call e)
    {
        if (e.Function == Operators.OptionalSelect) return VisitOptionalSelect(e);
        var form = Overloads(e, out var overloads);
        var first = form is CallForm.Method ? 1 : 0;
        var args = new CelType[e.Args.Length + first];
        if (form is CallForm.Method) args[0] = Visit(e.Target!);
        for (var i = 0; i < e.Args.Length; i++) args[i + first] = Visit(e.Args[i]);
        var result = Resolve(e, overloads, form, args);
        return e switch
        {
            { Function: Operators.Index or Operators.OptionalIndex, Args: [_, Literal { Value: string name }] } =>
                Member(e, args[0], name, result),
            { Function: Operators.In, Args: [Literal { Value: string name }, _] } => Asked(e, args[1], name, result),
            _ => result,
        };
    }

    /// <summary>
    /// A field that is named in brackets, <c>a["b"]</c>, is the field that <c>a.b</c> is, where the fields are known.
    /// </summary>
    CelType Member(Call e, CelType operand, string name, CelType result)
    {
        operand = _types.Resolve(operand);
        var isOptional = e.Function == Operators.OptionalIndex || operand.Kind == CelKind.Optional;
        if (operand.Kind == CelKind.Optional) operand = operand.Parameters[0];
        if (operand.Fields is null) return result;
        var field = Field(e, operand, name);
        return isOptional ? CelType.Optional(field) : field;
    }

    /// <summary>
    /// So is one that is asked for: <c>"b" in a</c> would always be false where there is no such field.
    /// </summary>
    CelType Asked(Call e, CelType operand, string name, CelType result)
    {
        operand = _types.Resolve(operand);
        if (operand.Fields is not null) Field(e, operand, name);
        return result;
    }

    /// <summary>Where it is no method's, a call's target, if there is one, is part of the function's name.</summary>
    CallForm Overloads(Call e, out IReadOnlyList<Overload>? overloads)
    {
        if (e.Target is null)
        {
            overloads = _scope.Function(DottedName.Of(e.Function));
            return CallForm.Function;
        }
        if (_scope.Qualified(e.Target) is { } prefix && _scope.Function(prefix.Then(e.Function)) is { } found)
        {
            overloads = found;
            return CallForm.Function;
        }
        overloads = _declared.Functions.Find(e.Function);
        return CallForm.Method;
    }

    CelType Resolve(Call e, IReadOnlyList<Overload>? overloads, CallForm form, CelType[] args)
    {
        if (overloads is null)
            return Fail(e, CelErrorKind.NoSuchOverload, $"undeclared function '{e.Function.TrimStart('.')}'");

        var candidates = new List<Overload>();
        CelType? result = null;
        foreach (var overload in overloads)
        {
            if (overload.Form != form || overload.Parameters.Length != args.Length) continue;
            if (!overload.MayTake(args)) continue;
            var fresh = overload.IsGeneric ? new Dictionary<string, CelType>(StringComparer.Ordinal) : null;
            var parameters = fresh is null
                ? overload.Parameters
                : Array.ConvertAll(overload.Parameters, p => _types.Instantiate(p, fresh));
            if (!_types.Assignable(args, parameters)) continue;
            candidates.Add(overload);
            var type = fresh is null ? overload.Result : _types.Resolve(_types.Instantiate(overload.Result, fresh));
            if (result is null) result = type;
            else if (!_types.Same(result, type)) result = CelType.Dyn;
        }

        if (candidates.Count == 0)
        {
            if (_declared.Strict) return Fail(e, CelErrorKind.NoSuchOverload, NoOverload(e, form, args));
            foreach (var overload in overloads)
                if (overload.Form == form && overload.Parameters.Length == args.Length)
                    candidates.Add(overload);
            result = CelType.Dyn;
        }
        if (e.Args is [.., Literal { Value: string constant } literal])
        {
            for (var i = 0; i < candidates.Count; i++)
            {
                if (candidates[i].Prepare is not { } prepare) continue;
                var (ready, at, refusal) = prepare(constant, _declared.Allowance);
                if (ready is null)
                    return Fail(e, Literals.Offset(_source, literal.Position, at), CelErrorKind.InvalidArgument,
                        refusal!);
                candidates[i] = ready;
            }
        }
        _resolutions[e.Id] = new OverloadsOf([.. candidates], e.Target is not null && form is CallForm.Function);
        return result!;
    }

    string NoOverload(Call e, CallForm form, CelType[] args)
    {
        var shown = Array.ConvertAll(args, Show);
        var call = form is CallForm.Method ? $"{shown[0]}.({string.Join(", ", shown.Skip(1))})"
            : $"({string.Join(", ", shown)})";
        return $"'{Operators.Spell(e.Function)}' can't be applied to {call}";
    }

    CelType VisitLogic(Logic e)
    {
        foreach (var term in e.Terms) Demand(term, CelType.Bool, e.IsAnd ? "'&&' takes" : "'||' takes");
        return CelType.Bool;
    }

    CelType VisitConditional(Conditional e)
    {
        Demand(e.Test, CelType.Bool, "the condition of '?:' is");
        CelType then = Visit(e.Then), otherwise = Visit(e.Else);
        var joined = _types.Fresh();
        if (_types.Assignable([then, otherwise], [joined, joined])) return _types.Resolve(joined);
        return _declared.Strict ? Fail(e, CelErrorKind.NoSuchOverload,
            $"the branches of '?:' differ: {Show(then)} and {Show(otherwise)}; dyn(...) allows that") : CelType.Dyn;
    }

    void Demand(Expr e, CelType wanted, string who)
    {
        var type = Visit(e);
        if (!_types.Assignable(type, wanted) && _declared.Strict)
            throw new CelException(_source, e.Position, $"{who} a {wanted}, not {Show(type)}");
    }

    CelType VisitList(ListLiteral e)
    {
        CelType? element = null;
        for (var i = 0; i < e.Elements.Length; i++)
            element = _types.Join(element, e.Optional?[i] == true
                ? VisitOptional(e.Elements[i], "an element written ?e is")
                : Visit(e.Elements[i]));
        return CelType.List(element ?? _types.Fresh());
    }

    CelType VisitMap(MapLiteral e)
    {
        CelType? key = null, value = null;
        for (var i = 0; i < e.Keys.Length; i++)
        {
            var type = _types.Resolve(Visit(e.Keys[i]));
            if (_declared.Strict && type.Kind is not (CelKind.Dyn or CelKind.Param) && !CelMap.IsKey(type.Kind))
                throw new CelException(_source, e.Keys[i].Position,
                    $"a map key is a string, int, uint or bool, not {Show(type)}");
            key = _types.Join(key, type);
            value = _types.Join(value, e.Optional?[i] == true
                ? VisitOptional(e.Values[i], "the value of an entry written ?k: v is")
                : Visit(e.Values[i]));
        }
        return CelType.Map(key ?? _types.Fresh(), value ?? _types.Fresh());
    }

    CelType VisitComprehension(Comprehension e)
    {
        var range = _types.Resolve(Visit(e.Range));
        CelType first, second;
        switch (range.Kind)
        {
            case CelKind.List: (first, second) = (CelType.Int, range.Parameters[0]); break;
            case CelKind.Map: (first, second) = (range.Parameters[0], range.Parameters[1]); break;
            default:
                if (range.Kind is not (CelKind.Dyn or CelKind.Param) && _declared.Strict)
                    throw new CelException(_source, e.Range.Position,
                        $"a macro walks a list or a map, not {Show(range)}");
                _types.Assignable(CelType.Dyn, range);
                (first, second) = (CelType.Dyn, CelType.Dyn);
                break;
        }
        // One variable walks a list's elements, two its indexes and elements.
        var only = range.Kind == CelKind.List ? second : first;

        var outer = _scope.Depth;
        _scope.Add(e.Variable, e.Second is null ? only : first);
        if (e.Second is not null) _scope.Add(e.Second, second);
        if (e.Filter is not null) Demand(e.Filter, CelType.Bool, "the filter of a macro is");
        CelType result;
        if (e.Kind == MacroKind.Entries)
        {
            result = CelType.Map(_types.Fresh(), _types.Fresh());
            Demand(e.Body!, result, "transformMapEntry() puts together");
        }
        else if (e.Kind is MacroKind.List or MacroKind.Map)
        {
            var element = e.Body is null ? only : Visit(e.Body);
            result = e.Kind == MacroKind.List ? CelType.List(element) : CelType.Map(first, element);
        }
        else
        {
            Demand(e.Body!, CelType.Bool, "the predicate of a macro is");
            result = CelType.Bool;
        }
        _scope.Leave(outer);
        return result;
    }

    /// <summary>The type inside an expression that must be an optional.</summary>
    CelType VisitOptional(Expr e, string who)
    {
        var type = Visit(e);
        var value = _types.Fresh();
        if (!_types.Assignable(type, CelType.Optional(value)))
            return _declared.Strict
                ? throw new CelException(_source, e.Position, $"{who} an optional, not {Show(type)}")
                : CelType.Dyn;
        return _types.Resolve(type).Kind == CelKind.Dyn ? CelType.Dyn : _types.Resolve(value);
    }

    CelType VisitOptionalMap(Comprehension e)
    {
        var isFlat = e.Kind == MacroKind.OptionalFlatMap;
        var outer = _scope.Depth;
        _scope.Add(e.Variable,
            VisitOptional(e.Range, isFlat ? "optFlatMap() is a method of" : "optMap() is a method of"));
        var body = isFlat ? VisitOptional(e.Body!, "the body of optFlatMap() is") : Visit(e.Body!);
        _scope.Leave(outer);
        return CelType.Optional(body);
    }

    CelType VisitBindings(Bindings e)
    {
        var outer = _scope.Depth;
        // A value is computed where its name stands: below the body, and below the values behind it, which may use it.
        var above = e.Body.Height;
        foreach (var value in e.Values) above += value.Height;
        for (var i = 0; i < e.Names.Length; i++)
        {
            above -= e.Values[i].Height;
            _depth += above;
            _scope.Add(e.Names[i], Visit(e.Values[i]));
            _depth -= above;
        }
        var body = Visit(e.Body);
        _scope.Leave(outer);
        return body;
    }

    string Show(CelType type) => _types.Final(type).ToString();

    CelType Fail(Expr e, CelErrorKind kind, string reason) => Fail(e, e.Position, kind, reason);

    CelType Fail(Expr e, int at, CelErrorKind kind, string reason)
    {
        if (_declared.Strict) throw new CelException(_source, at, reason);
        _resolutions[e.Id] = new FailureOf(kind, reason);
        return CelType.Dyn;
    }
}
