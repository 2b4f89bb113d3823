using System.Reflection;

namespace Stele.Tests.House;

/// <summary>
/// What has four parts and more is a record with a name. Tuples of two and three may be given and taken; those of four
/// in a signature, a property or a field are listed, and the list only shrinks.
/// </summary>
public sealed class TupleTests
{
    const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance
        | BindingFlags.Static | BindingFlags.DeclaredOnly;

    static readonly string[] Listed =
    [
        "Stele.Cli.Tour.Ask",
        "Stele.Proof.EcdsaKey.Curves",
        "Stele.Proof.Governance.Flips.Rules",
    ];

    static IEnumerable<string> Wide(IEnumerable<Type> types) =>
        from type in types
        where !RoomOrder.IsGenerated(type)
        from member in type.GetMembers(Declared)
        where !member.IsDefined(typeof(System.Runtime.CompilerServices.CompilerGeneratedAttribute))
        where Types(member).Any(Has)
        select $"{type.FullName}.{member.Name}";

    static IEnumerable<Type> Types(MemberInfo member) => member switch
    {
        FieldInfo f => [f.FieldType],
        PropertyInfo p => [p.PropertyType],
        MethodInfo { IsSpecialName: false } m => [m.ReturnType, .. m.GetParameters().Select(p => p.ParameterType)],
        ConstructorInfo c => c.GetParameters().Select(p => p.ParameterType),
        _ => [],
    };

    static bool Has(Type type) =>
        type.IsGenericType && (IsWide(type) || type.GetGenericArguments().Any(Has))
        || type.GetElementType() is { } element && Has(element);

    static bool IsWide(Type type) =>
        type.Namespace == "System" && type.Name.StartsWith("ValueTuple`", StringComparison.Ordinal)
        && type.GetGenericArguments().Length > 3;

    [Fact]
    public void What_has_four_parts_has_a_name()
    {
        var now = Wide(Product.Types()).Distinct().ToList();
        Rule.Holds(now.Except(Listed).Select(n => $"{n} has a tuple of four or more: make it a record")
            .Concat(Listed.Except(now).Select(n => $"{n} has no tuple of four any more: take it off the list")));
    }

    [Fact]
    public void Wide_tuples_are_seen() =>
        Assert.Equal(["Many", "Some"], Wide([typeof(Fixture)]).Select(n => n.Split('.')[^1]).Order());

#pragma warning disable // What follows is wrong on purpose, so that the test can be seen to catch it.
    static class Fixture
    {
        public static readonly List<(int, int, int, int)[]> Many = [];
        public static Task<(int A, int B, int C, int D)?> Some((int, int, int) few) => throw new IOException();
    }
}
