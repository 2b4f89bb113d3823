using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Stele.Tests.House;

/// <summary>
/// A call says what it asks for: <c>Fold(Lacking.Fetched)</c>, not <c>Fold(true)</c>. Boolean parameters are counted by
/// room, and only get fewer.
/// Parameters of methods, constructors, delegates and local functions count, also with a default. What is given back
/// through one does not, nor what a type of the platform demands, nor the members of a positional record, which have a
/// name where they are read.
/// </summary>
public sealed class BooleanTests
{
    const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance
        | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>How many there are in each room.</summary>
    static readonly Dictionary<string, int> Most = new(StringComparer.Ordinal)
    {
        ["Cel"] = 4,
        ["Cel.Plan"] = 3,
        ["Cel.Regex"] = 1,
        ["Cel.Syntax"] = 3,
        ["Cel.Values"] = 1,
        ["Stele.Cli"] = 1,
        ["Stele.Control.Views"] = 1,
        ["Stele.Disk"] = 1,
        ["Stele.Proof"] = 3,
        ["Stele.Proof.Governance"] = 2,
        ["Stele.Proof.Packs"] = 4,
    };

    static IEnumerable<(string Room, string Parameter)> Booleans(IEnumerable<Type> types) =>
        from type in types
        where !IsMade(type)
        from method in type.GetMethods(Declared).Cast<MethodBase>().Concat(type.GetConstructors(Declared))
        where Counts(method)
        from p in method.GetParameters()
        where p.ParameterType == typeof(bool) || p.ParameterType == typeof(bool?)
        where method is not ConstructorInfo || !IsMemberOf(type, p)
        select (type.Namespace ?? "", $"{type.FullName}.{method.Name}({p.Name})");

    // Closures and iterators; the types of a file that a generator wrote.
    static bool IsMade(Type type) => RoomOrder.IsGenerated(type);

    static bool Counts(MethodBase method) => method switch
    {
        // setters; operators have one operand, which the reader sees
        { IsSpecialName: true } and not ConstructorInfo => false,
        // what somebody else declared first
        MethodInfo m when m.GetBaseDefinition() != m => false,
        // a local function is written by people, a lambda's parameters are its delegate's
        { Name: ['<', ..] name } => name.Contains(">g__", StringComparison.Ordinal),
        // of a record: ToString, Deconstruct, and the rest
        _ => !method.IsDefined(typeof(CompilerGeneratedAttribute)) && !IsOfDelegate(method),
    };

    static bool IsOfDelegate(MethodBase method) =>
        method.DeclaringType!.IsSubclassOf(typeof(Delegate)) && method.Name is not "Invoke";

    static bool IsMemberOf(Type type, ParameterInfo p) => type.GetMethod("<Clone>$", Declared) is not null
        || type.GetMethod("PrintMembers", Declared) is not null
        ? type.GetProperty(p.Name!, Declared) is not null : false;

    [Fact]
    public void Boolean_parameters_get_fewer()
    {
        var found = Booleans(Product.Types()).ToLookup(b => b.Room, b => b.Parameter);
        Rule.Holds(from room in found.Select(g => g.Key).Union(Most.Keys)
            let now = found[room].Count()
            let most = Most.GetValueOrDefault(room)
            where now != most
            select now > most
                ? $"{room} has {now} boolean parameters, and {most} were there: {string.Join(", ", found[room])}"
                : $"{room} has {now} boolean parameters: write that down here");
    }

    [Fact]
    public void Boolean_parameters_are_seen() => Assert.Equal(
        ["Asks.Invoke(on)", "Constructs..ctor(on)", "Methods.<Named>(maybe)", "Methods.Plain(on)"],
        Booleans(typeof(Fixtures).GetNestedTypes(BindingFlags.NonPublic))
            .Select(b => Regex.Replace(b.Parameter.Split('+')[^1], @"g__Local\|\d+_\d+", ""))
            .Order(StringComparer.Ordinal));

#pragma warning disable // What follows is wrong on purpose, so that the test can be seen to catch it.
    static class Fixtures
    {
        internal delegate void Asks(bool on);

        internal sealed class Constructs(bool on)
        {
            public bool On { get; } = on;
        }

        internal sealed record Recorded(bool On);

        internal abstract class Methods : Stream
        {
            public static void Plain(bool on, out bool was) => was = on;

            public static Func<bool, bool> Named()
            {
                return b => Local(b);
                static bool Local(bool? maybe) => maybe ?? false;
            }

            public bool Settable { get; set; }
            protected override void Dispose(bool disposing) => base.Dispose(disposing);
        }
    }
}
