using System.Collections.Immutable;

namespace Cel.Values;

/// <summary>
/// A type of the language. Compare with <see cref="Equals(CelType)"/>; instances without parameters are shared.
/// </summary>
public sealed class CelType : IEquatable<CelType>
{
    public static readonly CelType Dyn = new(CelKind.Dyn, "dyn");
    public static readonly CelType Null = new(CelKind.Null, "null_type");
    public static readonly CelType Bool = new(CelKind.Bool, "bool");
    public static readonly CelType Int = new(CelKind.Int, "int");
    public static readonly CelType UInt = new(CelKind.UInt, "uint");
    public static readonly CelType Double = new(CelKind.Double, "double");
    public static readonly CelType String = new(CelKind.String, "string");
    public static readonly CelType Bytes = new(CelKind.Bytes, "bytes");
    public static readonly CelType Timestamp = new(CelKind.Timestamp, "google.protobuf.Timestamp");
    public static readonly CelType Duration = new(CelKind.Duration, "google.protobuf.Duration");

    /// <summary>The type of types.</summary>
    public static readonly CelType Type = new(CelKind.Type, "type");

    /// <summary>An IPv4 or IPv6 address.</summary>
    public static readonly CelType Ip = new(CelKind.Ip, "net.IP");

    /// <summary>An address and the length of a prefix.</summary>
    public static readonly CelType Cidr = new(CelKind.Cidr, "net.CIDR");

    public static CelType List(CelType element) => new(CelKind.List, "list", element);

    public static CelType Map(CelType key, CelType value) => new(CelKind.Map, "map", key, value);

    /// <summary>A value that may be absent.</summary>
    public static CelType Optional(CelType value) => new(CelKind.Optional, "optional_type", value);

    /// <summary>A type of which the checker knows no more than name and parameters.</summary>
    internal static CelType Opaque(string name, params CelType[] parameters) => new(CelKind.Opaque, name, parameters);

    /// <summary>The same type over other parameters.</summary>
    internal CelType With(CelType[] parameters) => new(Kind, Name, parameters);

    /// <summary>
    /// A map whose string keys the checker knows: selecting a field that is not among them is an error of the program.
    /// At run time any map will do, and a field that is not there is an error of the evaluation. Null agrees with it,
    /// so that a program can ask whether there is one.
    /// </summary>
    /// <param name="name">As messages call it.</param>
    public static CelType Object(string name, IEnumerable<KeyValuePair<string, CelType>> fields) =>
        new(CelKind.Map, name, String, Dyn) { Fields = fields.ToImmutableSortedDictionary(StringComparer.Ordinal) };

    /// <summary>A type parameter of a function, or the checker's own unknown.</summary>
    internal static CelType Param(string name) => new(CelKind.Param, name);

    CelType(CelKind kind, string name, params CelType[] parameters)
    {
        Kind = kind;
        Name = name;
        Parameters = parameters;
    }

    public CelKind Kind { get; }

    /// <summary>As <c>type(x)</c> shows it: without parameters.</summary>
    public string Name { get; }

    /// <summary>Element of a list; key and value of a map; value of an optional.</summary>
    public IReadOnlyList<CelType> Parameters { get; }

    /// <summary>The fields of an <see cref="Object"/>; null for every other type.</summary>
    public ImmutableSortedDictionary<string, CelType>? Fields { get; private init; }

    /// <summary>
    /// The type named so in programs (<c>int</c>, <c>list</c>, <c>google.protobuf.Timestamp</c>), or null. <c>dyn</c>
    /// has no such name.
    /// </summary>
    internal static CelType? Named(string name) => name switch
    {
        "null_type" => Null,
        "bool" => Bool,
        "int" => Int,
        "uint" => UInt,
        "double" => Double,
        "string" => String,
        "bytes" => Bytes,
        "list" => AnyList,
        "map" => AnyMap,
        "type" => Type,
        "optional_type" => AnyOptional,
        "net.IP" => Ip,
        "net.CIDR" => Cidr,
        "google.protobuf.Timestamp" => Timestamp,
        "google.protobuf.Duration" => Duration,
        _ => null,
    };

    /// <summary>The type of a value without looking into it.</summary>
    internal static CelType Of(CelKind kind) => kind switch
    {
        CelKind.Null => Null,
        CelKind.Bool => Bool,
        CelKind.Int => Int,
        CelKind.UInt => UInt,
        CelKind.Double => Double,
        CelKind.String => String,
        CelKind.Bytes => Bytes,
        CelKind.List => AnyList,
        CelKind.Map => AnyMap,
        CelKind.Timestamp => Timestamp,
        CelKind.Duration => Duration,
        CelKind.Type => Type,
        CelKind.Optional => AnyOptional,
        CelKind.Ip => Ip,
        CelKind.Cidr => Cidr,
        _ => Dyn,
    };

    static readonly CelType AnyList = List(Dyn);
    static readonly CelType AnyMap = Map(Dyn, Dyn);
    static readonly CelType AnyOptional = Optional(Dyn);

    public bool Equals(CelType? other)
    {
        if (ReferenceEquals(this, other)) return true;
        if (other is null || Kind != other.Kind || !string.Equals(Name, other.Name, StringComparison.Ordinal)
            || Parameters.Count != other.Parameters.Count) return false;
        for (var i = 0; i < Parameters.Count; i++)
            if (!Parameters[i].Equals(other.Parameters[i])) return false;
        return Fields is null ? other.Fields is null : other.Fields is not null && Fields.Count == other.Fields.Count
            && Fields.All(f => other.Fields.TryGetValue(f.Key, out var type) && type.Equals(f.Value));
    }

    public override bool Equals(object? obj) => Equals(obj as CelType);

    public override int GetHashCode() => (int)Kind;

    /// <summary>As error messages and docs write it: <c>map(string, list(int))</c>.</summary>
    public override string ToString() => Kind switch
    {
        _ when Parameters.Count > 0 && Fields is null => $"{Name}({string.Join(", ", Parameters)})",
        CelKind.Timestamp => "timestamp",
        CelKind.Duration => "duration",
        _ => Name,
    };
}
