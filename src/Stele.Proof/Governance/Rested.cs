using System.Collections.Immutable;
using Cel;
using Cel.Values;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// What a rule's outcome rested on, as it stands in verdicts. Part of the fold version: a change makes verdicts come
/// out as other bytes. Of an error it has the kind: its words are for people, and may change. It holds what the input
/// holds, which is derived from the ledger: labels, digests, pseudonyms, measured numbers; and nothing personal.
/// </summary>
static class Rested
{
    /// <summary>
    /// Sub-expressions of one rule; and bytes of the JSON of one value, beyond which it is given by its size.
    /// </summary>
    public const int MaxValues = 16, MaxBytes = 256;

    /// <summary>
    /// Lists and maps in one another, beyond which a value is given by its size: a statement can't be nested without
    /// end, and a value stands deep in one.
    /// </summary>
    public const int MaxDepth = 8;

    public static ImmutableArray<RestedValue> On(CelTrace trace) => [.. trace.Rests().Take(MaxValues).Select(Of)];

    static RestedValue Of(CelTrace t)
    {
        if (t.Error is { } error) return new(t.Place, null, error.Kind.ToString(), null);
        var (value, size) = Bounded(t.Value, MaxBytes);
        return new(t.Place, value, null, size);
    }

    /// <summary>The value as JSON of at most so many bytes, or else its size.</summary>
    public static (Json? Value, long? Size) Bounded(CelValue v, int most)
    {
        var size = Size(v);
        // Nothing of a value that is surely too long is written at all.
        return size <= most && (v.Kind is not (CelKind.List or CelKind.Map) || v.Weight <= most)
            && IsShallow(v, MaxDepth) && Json(v) is var value && value.ToBytes().Length <= most
            ? (value, null)
            : (null, size);
    }

    static bool IsShallow(CelValue v, int depth) => v.Kind switch
    {
        CelKind.List => depth > 0 && v.AsList().All(e => IsShallow(e, depth - 1)),
        CelKind.Map => depth > 0 && v.AsMap().All(e => IsShallow(e.Value, depth - 1)),
        _ => true,
    };

    static long Size(CelValue v) => v.Kind switch
    {
        CelKind.String => v.AsString().Length,
        CelKind.Bytes => v.AsBytes().Length,
        CelKind.List => v.AsList().Count,
        CelKind.Map => v.AsMap().Count(),
        _ => 1,
    };

    /// <summary>
    /// A CEL value as JSON. What JSON has no form for is text: whole numbers beyond 2⁵³, NaN and infinities, bytes
    /// (base64), times, types.
    /// </summary>
    public static Json Json(CelValue v) => v.Kind switch
    {
        CelKind.Null => Proof.Json.Null,
        CelKind.Bool => v.AsBool(),
        CelKind.Int when v.AsInt() is >= -Proof.Json.MaxInt and <= Proof.Json.MaxInt => v.AsInt(),
        CelKind.UInt when v.AsUInt() <= Proof.Json.MaxInt => (long)v.AsUInt(),
        CelKind.Double when double.IsFinite(v.AsDouble()) => v.AsDouble(),
        CelKind.String => v.AsString(),
        CelKind.Bytes => Convert.ToBase64String(v.AsBytes()),
        CelKind.List => Proof.Json.Array(v.AsList().Select(Json)),
        // Where two keys are written alike, such as 1 and "1", there is no form for the map either.
        CelKind.Map when v.AsMap().Select(Key).Distinct(StringComparer.Ordinal).Count() == v.AsMap().Count() =>
            Proof.Json.Object(v.AsMap().Select(e => KeyValuePair.Create(Key(e), Json(e.Value)))),
        _ => v.ToString(),
    };

    static string Key(KeyValuePair<CelValue, CelValue> member) =>
        member.Key.Kind == CelKind.String ? member.Key.AsString() : member.Key.ToString();
}
