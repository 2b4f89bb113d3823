using System.Collections.Immutable;

namespace Stele.Proof;

/// <summary>
/// An immutable JSON value. Integers are kept apart from other numbers: an <see cref="JsonKind.Int"/> is a whole number
/// with |n| ≤ 2⁵³−1, everything else is a <see cref="JsonKind.Double"/>; never NaN or an infinity. Object keys are
/// unique and sorted by UTF-16 unit (RFC 8785).
/// </summary>
public sealed class Json : IEquatable<Json>
{
    public const long MaxInt = 9007199254740991;

    readonly object? _value;
    readonly long _int;
    readonly double _double;

    Json(JsonKind kind, object? value = null, long i = 0, double d = 0) =>
        (Kind, _value, _int, _double) = (kind, value, i, d);

    public JsonKind Kind { get; }

    public static readonly Json Null = new(JsonKind.Null);
    public static readonly Json True = new(JsonKind.Bool, i: 1);
    public static readonly Json False = new(JsonKind.Bool);
    public static readonly Json EmptyObject = new(JsonKind.Object, JsonMembers.None);
    public static readonly Json EmptyArray = new(JsonKind.Array, ImmutableArray<Json>.Empty);

    public static Json Of(bool b) => b ? True : False;

    public static Json Of(long i) => i is >= -MaxInt and <= MaxInt
        ? new(JsonKind.Int, i: i)
        : throw new FormatException($"{i} is outside ±(2^53−1)");

    public static Json Of(double d) => !double.IsFinite(d)
        ? throw new FormatException("NaN and infinities have no JSON form")
        : d == Math.Truncate(d) && Math.Abs(d) <= MaxInt ? Of((long)d) : new(JsonKind.Double, d: d);

    public static Json Of(string s) => new(JsonKind.String, s);

    public static Json Of(Digest d) => Of(d.ToString());

    public static Json Array(IEnumerable<Json> items) => new(JsonKind.Array, items.ToImmutableArray());

    public static Json Array(params ReadOnlySpan<Json> items) => new(JsonKind.Array, ImmutableArray.Create(items));

    /// <summary>
    /// An object of the members whose value is not a C# null; so optional members are left out by passing null.
    /// </summary>
    public static Json Object(params ReadOnlySpan<(string Name, Json? Value)> members)
    {
        var count = 0;
        foreach (var (_, value) in members) if (value is not null) count++;
        var all = new KeyValuePair<string, Json>[count];
        count = 0;
        foreach (var (name, value) in members) if (value is not null) all[count++] = new(name, value);
        return new(JsonKind.Object, JsonMembers.Own(all));
    }

    public static Json Object(IEnumerable<KeyValuePair<string, Json>> members) =>
        new(JsonKind.Object, JsonMembers.Own(members.ToArray()));

    public static implicit operator Json(string s) => Of(s);
    public static implicit operator Json(long i) => Of(i);
    public static implicit operator Json(int i) => Of((long)i);
    public static implicit operator Json(bool b) => Of(b);
    public static implicit operator Json(double d) => Of(d);
    public static implicit operator Json(Digest d) => Of(d);

    // Reading. Each accessor states what it wants; a FormatException says what was there instead.

    public bool AsBool => Kind == JsonKind.Bool ? _int == 1 : throw Wrong("true or false");
    public long AsInt => Kind == JsonKind.Int ? _int : throw Wrong("an integer");
    public double AsDouble => Kind == JsonKind.Double ? _double : Kind == JsonKind.Int ? _int : throw Wrong("a number");
    public string AsString => Kind == JsonKind.String ? (string)_value! : throw Wrong("a string");
    public ImmutableArray<Json> AsArray => Kind == JsonKind.Array
        ? (ImmutableArray<Json>)_value!
        : throw Wrong("an array");
    public JsonMembers AsObject => Kind == JsonKind.Object ? (JsonMembers)_value! : throw Wrong("an object");
    public Digest AsDigest => Digest.Parse(AsString);

    /// <summary>The named member; a FormatException naming it when it is not there.</summary>
    public Json this[string name] => AsObject.TryGetValue(name, out var v)
        ? v
        : throw new FormatException($"member '{name}' is missing");

    /// <summary>The named member, or C# null.</summary>
    public Json? Find(string name) => AsObject.TryGetValue(name, out var v) ? v : null;

    /// <summary>The same object with one member set.</summary>
    public Json With(string name, Json value) =>
        Object(AsObject.Where(m => m.Key != name).Append(KeyValuePair.Create(name, value)));

    FormatException Wrong(string wanted) => new($"want {wanted}, found {Kind.ToString().ToLowerInvariant()}");

    /// <summary>The RFC 8785 bytes.</summary>
    public byte[] ToBytes() => CanonicalJson.Encode(this);

    /// <summary>The RFC 8785 text, to be shown: it never fails (<see cref="CanonicalJson.EncodeShown"/>).</summary>
    public override string ToString() => System.Text.Encoding.UTF8.GetString(CanonicalJson.EncodeShown(this));

    public bool Equals(Json? other)
    {
        if (ReferenceEquals(this, other)) return true;
        if (other is null || Kind != other.Kind) return false;
        return Kind switch
        {
            JsonKind.Null => true,
            JsonKind.Bool or JsonKind.Int => _int == other._int,
            JsonKind.Double => _double.Equals(other._double),
            JsonKind.String => string.Equals((string)_value!, (string)other._value!, StringComparison.Ordinal),
            JsonKind.Array => AsArray.SequenceEqual(other.AsArray),
            _ => AsObject.Sorted.SequenceEqual(other.AsObject.Sorted),
        };
    }

    public override bool Equals(object? obj) => Equals(obj as Json);
    public override int GetHashCode() => HashCode.Combine(Kind, _int, _double, _value is string s ? s.Length : 0);
}

public enum JsonKind { Null, Bool, Int, Double, String, Array, Object }
