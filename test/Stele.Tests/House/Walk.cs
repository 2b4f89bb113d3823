using System.Reflection;
using System.Reflection.Emit;

namespace Stele.Tests.House;

/// <summary>
/// One thing that a type of the walked assembly names: a type, or a member together with its declaring type.
/// </summary>
/// <param name="From">
/// The naming type; compiler-made nested types (lambdas, iterators) name on behalf of the type they sit in.
/// </param>
/// <param name="Named">What is named, generic instances taken apart.</param>
/// <param name="Where">The member of <paramref name="From"/> in which it stands.</param>
sealed record Mention(Type From, MemberInfo Named, string Where)
{
    public override string ToString() =>
        $"{From.FullName} ({Where}) names {(Named is Type t ? t.FullName : Named.DeclaringType?.FullName + "." + Named.Name)}";
}

/// <summary>
/// Everything that the types of a compiled assembly name: in declarations, signatures, attributes, local variables,
/// catch clauses and instructions. It reads what the compiler wrote, so a relative name, an alias or <c>var</c> hides
/// nothing;
/// what the compiler folds away (<c>const</c>, <c>nameof</c>) leaves no trace and is not seen.
/// </summary>
static class Walk
{
    const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance
        | BindingFlags.Static | BindingFlags.DeclaredOnly;

    static readonly Dictionary<ushort, OpCode> Instructions =
        typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(f => (OpCode)f.GetValue(null)!).ToDictionary(o => unchecked((ushort)o.Value));

    public static IEnumerable<Mention> Assembly(Assembly assembly) => assembly.GetTypes().SelectMany(Type);

    public static IEnumerable<Mention> Type(Type type)
    {
        foreach (var (named, where) in Declaration(type).Concat(type.GetMembers(Declared).SelectMany(Member)))
            foreach (var one in Apart(named))
                yield return new Mention(type, one, where);
    }

    static IEnumerable<(MemberInfo? Named, string Where)> Declaration(Type type)
    {
        yield return (type.BaseType, "base");
        foreach (var i in type.GetInterfaces()) yield return (i, "interface");
        foreach (var named in Constraints(type.IsGenericTypeDefinition ? type.GetGenericArguments() : []))
            yield return (named, "constraint");
        foreach (var named in Attributes(type.CustomAttributes)) yield return (named, "attribute");
    }

    static IEnumerable<(MemberInfo? Named, string Where)> Member(MemberInfo member)
    {
        // A nested type is a type of the assembly and walked as such.
        if (member is Type) yield break;
        foreach (var named in Attributes(member.CustomAttributes).Concat(member switch
        {
            FieldInfo f => [f.FieldType],
            PropertyInfo p => [p.PropertyType],
            EventInfo e => [e.EventHandlerType],
            MethodBase m => Method(m),
            _ => [],
        }))
            yield return (named, member.Name);
    }

    static IEnumerable<MemberInfo?> Method(MethodBase method)
    {
        foreach (var named in Constraints(method.IsGenericMethodDefinition ? method.GetGenericArguments() : []))
            yield return named;
        var returned = (method as MethodInfo)?.ReturnParameter;
        foreach (var p in method.GetParameters().Concat(returned is null ? [] : [returned]))
        {
            yield return p.ParameterType;
            foreach (var named in Attributes(p.CustomAttributes)) yield return named;
        }
        if (method.GetMethodBody() is not { } body) yield break;
        foreach (var local in body.LocalVariables) yield return local.LocalType;
        foreach (var clause in body.ExceptionHandlingClauses)
            if (clause.Flags == ExceptionHandlingClauseOptions.Clause) yield return clause.CatchType;
        foreach (var named in Body(method, body.GetILAsByteArray()!)) yield return named;
    }

    static IEnumerable<MemberInfo?> Body(MethodBase method, byte[] il)
    {
        var ofType = method.DeclaringType is { IsGenericType: true } d ? d.GetGenericArguments() : null;
        var ofMethod = method.IsGenericMethod ? method.GetGenericArguments() : null;
        for (var at = 0; at < il.Length;)
        {
            ushort code = il[at++];
            if (code == 0xFE) code = (ushort)(0xFE00 | il[at++]);
            var operand = Instructions[code].OperandType;
            if (operand is OperandType.InlineMethod or OperandType.InlineField or OperandType.InlineType
                or OperandType.InlineTok)
                yield return method.Module.ResolveMember(BitConverter.ToInt32(il, at), ofType, ofMethod);
            at += operand switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + 4 * BitConverter.ToInt32(il, at),
                _ => 4,
            };
        }
    }

    static IEnumerable<MemberInfo?> Constraints(IEnumerable<Type> parameters)
    {
        foreach (var p in parameters)
        {
            foreach (var c in p.GetGenericParameterConstraints()) yield return c;
            foreach (var named in Attributes(p.CustomAttributes)) yield return named;
        }
    }

    static IEnumerable<MemberInfo?> Attributes(IEnumerable<CustomAttributeData> attributes)
    {
        foreach (var a in attributes)
        {
            yield return a.Constructor;
            foreach (var named in a.ConstructorArguments.Concat(a.NamedArguments.Select(n => n.TypedValue))
                .SelectMany(Argument)) yield return named;
        }
    }

    static IEnumerable<MemberInfo?> Argument(CustomAttributeTypedArgument argument)
    {
        yield return argument.ArgumentType;
        if (argument.Value is Type type) yield return type;
        if (argument.Value is IEnumerable<CustomAttributeTypedArgument> many)
            foreach (var named in many.SelectMany(Argument)) yield return named;
    }

    /// <summary>
    /// A member with every type in it, each as its definition: <c>List&lt;A[]&gt;.Add</c> names <c>Add</c>, <c>List</c>
    /// and <c>A</c>.
    /// </summary>
    static IEnumerable<MemberInfo> Apart(MemberInfo? named)
    {
        if (named is null) yield break;
        if (named is Type type)
        {
            foreach (var t in Types(type)) yield return t;
            yield break;
        }
        yield return named is MethodBase { IsConstructedGenericMethod: true }
            or { DeclaringType.IsConstructedGenericType: true }
            ? named.Module.ResolveMember(named.MetadataToken)!
            : named;
        var types = named switch
        {
            FieldInfo f => [f.DeclaringType, f.FieldType],
            MethodBase m => m.GetParameters().Select(p => p.ParameterType)
                .Concat(m is MethodInfo { ReturnType: var r } ? [r] : [])
                .Concat(m.IsGenericMethod ? m.GetGenericArguments() : [])
                .Append(m.DeclaringType),
            _ => (IEnumerable<Type?>)[named.DeclaringType],
        };
        foreach (var t in types.SelectMany(Types)) yield return t;
    }

    static IEnumerable<Type> Types(Type? type)
    {
        if (type is null) return [];
        if (type.HasElementType) return Types(type.GetElementType());
        if (type.IsFunctionPointer)
            return type.GetFunctionPointerParameterTypes().Append(type.GetFunctionPointerReturnType())
                .SelectMany(Types);
        if (type.IsGenericParameter) return [];
        return type.IsGenericType
            ? type.GetGenericArguments().SelectMany(Types).Prepend(type.GetGenericTypeDefinition())
            : [type];
    }
}
