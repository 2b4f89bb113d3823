namespace Stele.Tests.House;

/// <summary>
/// The rooms of one assembly in their order; a room may name itself and earlier rooms only.
/// A room is the first namespace segment below the root; <see cref="Entrance"/> is the root namespace itself (and
/// Program).
/// </summary>
sealed record RoomOrder(string Root, params string[] Rooms)
{
    public const string Entrance = "";

    public static readonly RoomOrder Cel = new("Cel", "Syntax", "Values", "Regex", "Check", "Plan", "Library",
        Entrance);
    public static readonly RoomOrder Proof = new("Stele.Proof", Entrance, "Interchange", "Statements", "Decisions",
        "Governance", "Packs");
    public static readonly RoomOrder Store = new("Stele", "Disk", "Blobs", "Ledger");
    public static readonly RoomOrder Stele = new("Stele", "Http", "Identity", "Runtime", "Build", "Control", "Host",
        "Gateway", "Api", "Cli", Entrance);

    /// <summary>The type's room; null for what a compiler or generator put elsewhere.</summary>
    public string? RoomOf(Type type)
    {
        if (type.Namespace is null) return Outermost(type).Name == "Program" ? Entrance : null;
        if (type.Namespace == Root) return Entrance;
        return type.Namespace.StartsWith(Root + ".", StringComparison.Ordinal)
            ? type.Namespace[(Root.Length + 1)..].Split('.')[0]
            : null;
    }

    /// <summary>Every mention of a later room, and every type in a room that the order does not have.</summary>
    public IEnumerable<string> Violations(IEnumerable<Type> types)
    {
        foreach (var type in types)
        {
            if (RoomOf(type) is not { } room) continue;
            var from = Array.IndexOf(Rooms, room);
            if (from < 0) yield return $"{type.FullName} is in a room that {Root} does not have: {room}";
            else
                foreach (var m in Walk.Type(type).Where(m => m.Named is Type to && to.Assembly == type.Assembly
                    && RoomOf(to) is { } r && Array.IndexOf(Rooms, r) > from).Distinct())
                    yield return m.ToString();
        }
    }

    /// <summary>Types outside the root namespace that no compiler made.</summary>
    public IEnumerable<string> Strays(IEnumerable<Type> types) =>
        from t in types
        where RoomOf(t) is null && !IsGenerated(t)
        select $"{t.FullName} is outside the namespace {Root}";

    public static bool IsGenerated(Type type)
    {
        for (var t = type; t is not null; t = t.DeclaringType)
            if (t.Name.Contains('<', StringComparison.Ordinal)
                || t.IsDefined(typeof(System.Runtime.CompilerServices.CompilerGeneratedAttribute), false)
                || t.IsDefined(typeof(System.CodeDom.Compiler.GeneratedCodeAttribute), false)
                || t.FullName is "Microsoft.CodeAnalysis.EmbeddedAttribute"
                || t.Namespace is "System.Runtime.CompilerServices") return true;
        return false;
    }

    static Type Outermost(Type type) => type.DeclaringType is { } outer ? Outermost(outer) : type;
}
