using System.Globalization;
using System.Reflection;
using System.Text;

namespace Stele.Tests.House;

/// <summary>
/// The documentation identifiers of ECMA-334 annex D, as banned-symbol files use them:
/// <c>M:System.IO.File.Delete(System.String)</c>.
/// </summary>
static class DocumentationId
{
    public static string Of(MemberInfo member) => member switch
    {
        Type t => "T:" + Name(t),
        FieldInfo f => $"F:{Name(f.DeclaringType!)}.{f.Name}",
        PropertyInfo p => $"P:{Name(p.DeclaringType!)}.{p.Name}{Parameters(p.GetIndexParameters())}",
        ConstructorInfo c => $"M:{Name(c.DeclaringType!)}.{c.Name.Replace('.', '#')}{Parameters(c.GetParameters())}",
        MethodInfo m =>
            $"M:{Name(m.DeclaringType!)}.{m.Name}{(m.IsGenericMethod ? "``" + m.GetGenericArguments().Length.ToString(CultureInfo.InvariantCulture) : "")}{Parameters(m.GetParameters())}",
        _ => throw new ArgumentException($"{member.MemberType} has no identifier here", nameof(member)),
    };

    /// <summary>
    /// The identifiers under which a mention of the member may be banned: its own and, for an accessor, its property's.
    /// </summary>
    public static IEnumerable<string> Aliases(MemberInfo member)
    {
        yield return Of(member);
        if (member is MethodInfo { IsSpecialName: true } accessor
            && (accessor.Name.StartsWith("get_", StringComparison.Ordinal)
                || accessor.Name.StartsWith("set_", StringComparison.Ordinal)))
            yield return $"P:{Name(accessor.DeclaringType!)}.{accessor.Name[4..]}";
    }

    static string Name(Type type) =>
        (type.IsGenericType ? type.GetGenericTypeDefinition() : type).FullName!.Replace('+', '.');

    static string Parameters(ParameterInfo[] parameters) => parameters.Length == 0
        ? ""
        : $"({string.Join(',', parameters.Select(p => Parameter(p.ParameterType)))})";

    static string Parameter(Type t)
    {
        if (t.IsByRef) return Parameter(t.GetElementType()!) + "@";
        if (t.IsPointer) return Parameter(t.GetElementType()!) + "*";
        if (t.IsArray)
            return Parameter(t.GetElementType()!)
                + (t.GetArrayRank() == 1 ? "[]" : $"[{string.Join(',', Enumerable.Repeat("0:", t.GetArrayRank()))}]");
        if (t.IsGenericParameter)
            return (t.DeclaringMethod is null ? "`" : "``")
                + t.GenericParameterPosition.ToString(CultureInfo.InvariantCulture);
        // Annex D has no form for a function pointer; none is banned.
        if (t.IsFunctionPointer) return "=FUNCTION";
        if (!t.IsGenericType) return Name(t);
        // The arguments of a nested generic type are spread over the names it is nested in.
        var text = new StringBuilder();
        var arguments = t.GetGenericArguments();
        var used = 0;
        foreach (var part in Name(t).Split('.'))
        {
            var tick = part.IndexOf('`', StringComparison.Ordinal);
            if (text.Length > 0) text.Append('.');
            if (tick < 0) { text.Append(part); continue; }
            var count = int.Parse(part[(tick + 1)..], CultureInfo.InvariantCulture);
            text.Append(part.AsSpan(0, tick)).Append('{')
                .AppendJoin(',', arguments.Skip(used).Take(count).Select(Parameter)).Append('}');
            used += count;
        }
        return text.ToString();
    }
}
