using Cel.Syntax;
using Cel.Values;

namespace Cel.Check;

/// <summary>
/// What is known about type variables, and whether one type can stand for another given that. The rules are those of
/// the reference checker: <c>dyn</c> agrees with everything, a variable takes the more general of the types it must
/// agree with, and null agrees with timestamps, durations, optionals, opaque types and objects.
/// </summary>
internal sealed class Unifier(SourceText source)
{
    readonly Dictionary<string, CelType> _known = new(StringComparer.Ordinal);
    readonly List<(string Name, CelType? Before)> _trail = [];
    int _fresh;
    int _steps;

    /// <summary>Counts what walks types. Invariant: whatever is built or compared is paid for step by step.</summary>
    void Step()
    {
        if (++_steps > Limits.Checking)
            throw new CelException(source, 0, "the types in this expression grow too large to check");
    }

    public CelType Fresh() => CelType.Param("%" + _fresh++);

    /// <summary>On failure nothing is learnt.</summary>
    public bool Assignable(CelType from, CelType to)
    {
        var mark = _trail.Count;
        if (Agree(from, to)) return true;
        Undo(mark);
        return false;
    }

    public bool Assignable(ReadOnlySpan<CelType> from, ReadOnlySpan<CelType> to)
    {
        if (from.Length != to.Length) return false;
        var mark = _trail.Count;
        for (var i = 0; i < from.Length; i++)
        {
            if (Agree(from[i], to[i])) continue;
            Undo(mark);
            return false;
        }
        return true;
    }

    /// <summary>The type of elements that stand side by side: the general one of two that agree, else dyn.</summary>
    public CelType Join(CelType? a, CelType b) => a is null ? b : Assignable(a, b) ? General(a, b) : CelType.Dyn;

    /// <summary>With what is known put in; variables nothing is known of stay.</summary>
    public CelType Resolve(CelType type) => Resolve(type, null);

    /// <summary>At the end: variables nothing is known of become dyn.</summary>
    public CelType Final(CelType type) => Resolve(type, CelType.Dyn);

    CelType Resolve(CelType type, CelType? unknown)
    {
        Step();
        if (type.Kind == CelKind.Param)
            return _known.TryGetValue(type.Name, out var known) ? Resolve(known, unknown) : unknown ?? type;
        return Over(type, p => Resolve(p, unknown));
    }

    /// <summary>A signature's own parameters replaced by fresh variables.</summary>
    public CelType Instantiate(CelType type, Dictionary<string, CelType> fresh)
    {
        if (type.Kind != CelKind.Param) return Over(type, p => Instantiate(p, fresh));
        if (!fresh.TryGetValue(type.Name, out var variable)) fresh[type.Name] = variable = Fresh();
        return variable;
    }

    static CelType Over(CelType type, Func<CelType, CelType> f)
    {
        if (type.Parameters.Count == 0 || type.Fields is not null) return type;
        var parameters = new CelType[type.Parameters.Count];
        for (var i = 0; i < parameters.Length; i++) parameters[i] = f(type.Parameters[i]);
        return type.With(parameters);
    }

    bool Agree(CelType a, CelType b)
    {
        Step();
        if (b.Kind == CelKind.Param)
        {
            var (valid, known) = Substitute(a, b);
            if (valid) return true;
            if (known) return false;
        }
        if (a.Kind == CelKind.Param) return Substitute(b, a).Valid;
        if (a.Kind == CelKind.Dyn || b.Kind == CelKind.Dyn) return true;
        if (a.Kind == CelKind.Null) return IsNullable(b);
        if (b.Kind == CelKind.Null) return IsNullable(a);
        if (a.Kind != b.Kind || a.Parameters.Count != b.Parameters.Count) return false;
        if (a.Fields is not null && b.Fields is not null) return a.Equals(b);
        if (a.Kind == CelKind.Opaque && !string.Equals(a.Name, b.Name, StringComparison.Ordinal)) return false;
        for (var i = 0; i < a.Parameters.Count; i++)
            if (!Agree(a.Parameters[i], b.Parameters[i])) return false;
        return true;
    }

    static bool IsNullable(CelType type) =>
        type.Kind is CelKind.Null or CelKind.Timestamp or CelKind.Duration or CelKind.Optional or CelKind.Ip
            or CelKind.Cidr or CelKind.Opaque || type.Fields is not null;

    /// <summary>Can the variable stand for the type, and was something known of it?</summary>
    (bool Valid, bool Known) Substitute(CelType type, CelType variable)
    {
        if (Same(type, variable)) return (true, true);
        if (_known.TryGetValue(variable.Name, out var known))
        {
            if (Same(type, known)) return (true, true);
            if (!Agree(type, known)) return (false, true);
            var general = General(type, known);
            if (!Mentions(general, variable)) Learn(variable.Name, general);
            return (true, true);
        }
        if (Mentions(type, variable)) return (false, false);
        Learn(variable.Name, type);
        return (true, false);
    }

    bool Mentions(CelType type, CelType variable)
    {
        Step();
        if (Same(type, variable)) return true;
        if (type.Kind == CelKind.Param)
            return _known.TryGetValue(type.Name, out var known) && Mentions(known, variable);
        foreach (var p in type.Parameters)
            if (Mentions(p, variable)) return true;
        return false;
    }

    /// <summary>As <see cref="CelType.Equals(CelType)"/>, counted.</summary>
    public bool Same(CelType a, CelType b)
    {
        Step();
        if (ReferenceEquals(a, b)) return true;
        if (a.Parameters.Count == 0 || a.Parameters.Count != b.Parameters.Count || a.Fields is not null
            || b.Fields is not null) return a.Equals(b);
        if (a.Kind != b.Kind || !string.Equals(a.Name, b.Name, StringComparison.Ordinal)) return false;
        for (var i = 0; i < a.Parameters.Count; i++)
            if (!Same(a.Parameters[i], b.Parameters[i])) return false;
        return true;
    }

    CelType General(CelType a, CelType b)
    {
        // Where a map meets an object, nobody knows the map's fields, nor what is in them; but the empty one, {}, has
        // none that the object has not.
        if (a.Kind == CelKind.Map && b.Kind == CelKind.Map && a.Fields is null != b.Fields is null)
        {
            var (known, other) = a.Fields is null ? (b, a) : (a, b);
            return other.Parameters[1].Kind == CelKind.Param ? known : CelType.Map(CelType.String, CelType.Dyn);
        }
        return IsAsGeneral(a, b) ? a : b;
    }

    bool IsAsGeneral(CelType a, CelType b)
    {
        Step();
        if (a.Kind is CelKind.Dyn or CelKind.Param) return true;
        if (b.Kind is CelKind.Dyn or CelKind.Param) return false;
        // Null is assignable to what it agrees with, and not the other way round.
        if (a.Kind != b.Kind) return b.Kind == CelKind.Null;
        if (a.Fields is not null) return a.Equals(b);
        if (a.Parameters.Count != b.Parameters.Count) return false;
        for (var i = 0; i < a.Parameters.Count; i++)
            if (!IsAsGeneral(a.Parameters[i], b.Parameters[i])) return false;
        return true;
    }

    void Learn(string name, CelType type)
    {
        _trail.Add((name, _known.GetValueOrDefault(name)));
        _known[name] = type;
    }

    void Undo(int mark)
    {
        for (var i = _trail.Count - 1; i >= mark; i--)
        {
            if (_trail[i].Before is { } before) _known[_trail[i].Name] = before;
            else _known.Remove(_trail[i].Name);
        }
        _trail.RemoveRange(mark, _trail.Count - mark);
    }
}
