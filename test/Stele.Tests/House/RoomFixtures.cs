#pragma warning disable // Each type below breaks the room order in one way, so that the test can be seen to catch it.

namespace Stele.Tests.House.Fixture.Late
{
    class Thing { public static int Count; public static Thing Make() => null!;
    public void Act() { } public enum Colour { Red } }
    class Fault : Exception;
    interface IThing { void Take(); }
    struct Value;
    enum Kind { A, B }
    class MarkAttribute : Attribute;
    record Pair<T>(T One);
    static class Extensions { public static int Twice(this int n) => n * 2; }
    class MayNameEarlier { Early.InnocentNeighbour? neighbour; }
}

namespace Stele.Tests.House.Fixture.Early
{
    using Late;

    class TypeAttribute : Attribute { public TypeAttribute() { } public TypeAttribute(
        Type t) { } public Type[]? Many { get; set; } public object? Any { get; set; } }

    class CaughtField { Thing? thing; }
    class CaughtBase : Thing;
    class CaughtInterface : IThing { public void Take() { } }
    class CaughtGenericBase : List<Thing>;
    class CaughtGenericArgument { Dictionary<string, List<Thing[]>>? things; }
    class CaughtGenericOfLate { Pair<int>? pair; }
    class CaughtArray { Thing[,]? things; }
    class CaughtNullable { Value? value; }
    class CaughtTuple { (int, Thing) pair; }
    class CaughtProperty { Thing? Thing => null; }
    class CaughtEvent { event Action<Thing>? Done; }
    class CaughtDelegate { delegate Thing Maker(); }
    class CaughtParameter { void M(Thing t) { } }
    class CaughtRefParameter { void M(ref Value v) { } }
    class CaughtReturn { Thing? M() => null; }
    class CaughtConstructor { CaughtConstructor(Thing t) { } }
    class CaughtTypeConstraint<T> where T : Thing;
    class CaughtMethodConstraint { void M<T>() where T : IThing { } }
    class CaughtPointer { unsafe Value* value; }
    class CaughtFunctionPointer { unsafe delegate*<Thing, void> call; }
    class CaughtNested { class Inner { Thing? thing; } }
    [Mark] class CaughtAttribute;
    class CaughtParameterAttribute { void M([Mark] int n) { } }
    class CaughtReturnAttribute { [return: Mark] int M() => 0; }
    class CaughtGenericParameterAttribute<[Mark] T>;
    [Type(typeof(Thing))] class CaughtAttributeTypeof;
    [Type(Many = [typeof(int), typeof(Thing)])] class CaughtAttributeTypeofInArray;
    [Type(Any = Kind.A)] class CaughtAttributeEnum;
    class CaughtStaticCall { void M() => Thing.Make(); }
    class CaughtNew { object M() => new Thing(); }
    class CaughtTypeof { object M() => typeof(Thing); }
    class CaughtCast { object M(object o) => (Thing)o; }
    class CaughtPattern { bool M(object o) => o is Thing; }
    class CaughtUnbound { object M() => typeof(Pair<>); }
    class CaughtStaticField { int M() => Thing.Count; }
    class CaughtNewArray { object M() => new Thing[2]; }
    class CaughtDefault { object M() => default(Value); }
    class CaughtSizeof { unsafe int M() => sizeof(Value); }
    class CaughtBoxedEnum { object M() => Kind.B; }
    class CaughtNestedEnum { object M() => Thing.Colour.Red; }
    class CaughtLocalVariable { void M(object o) { var t = o as Thing; t?.Act(); } }
    class CaughtExtension { int M() => 3.Twice(); }
    class CaughtGenericCall { object M(object[] a) => a.OfType<Thing>(); }
    class CaughtCatch { void M() { try { M(); } catch (Fault) { } } }
    class CaughtFilter { void M() { try { M(); } catch (Exception e) when (e is Fault) { } } }
    class CaughtLambda { Func<object> M() => () => new Thing(); }
    class CaughtClosure { Func<object> M(int n) => () => { object o = n; return o as Thing ?? o; }; }
    class CaughtMethodGroup { Func<object> M() => Thing.Make; }
    class CaughtLocalFunction { object M() { return F(); static object F() => new Thing(); } }
    class CaughtIterator { IEnumerable<object> M() { yield return new Thing(); } }
    class CaughtAsync { async Task M() { await Task.Yield(); Thing.Make(); } }
    class CaughtInitializer { static readonly object O = Thing.Make(); }
    class CaughtExpressionTree { System.Linq.Expressions.Expression<Func<object>> M() => () => Thing.Make(); }
    class CaughtCollectionExpression { object M(object o) { List<Thing?> l = [o as Thing]; return l; } }

    class InnocentNeighbour { int n; List<InnocentNeighbour>? more; object M() => new InnocentNeighbour(); }
    class InnocentText { const string S = "Stele.Tests.House.Fixture.Late.Thing"; object M() => S; }
}

namespace Stele.Tests.House.Fixture.Cellar
{
    class UnknownRoom;
}
