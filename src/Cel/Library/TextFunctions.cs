using Cel.Check;
using Cel.Plan;
using Cel.Values;

namespace Cel.Library;

/// <summary>
/// Strings, bytes and sizes. Comparisons are ordinal: valid UTF-16 contains a valid string exactly where its code
/// points do.
/// </summary>
internal static class TextFunctions
{
    public static void Declare(FunctionTable t)
    {
        CelType s = CelType.String, b = CelType.Bool, i = CelType.Int;

        foreach (var type in new[] { s, CelType.Bytes, CelType.List(CelType.Param("A")),
            CelType.Map(CelType.Param("K"), CelType.Param("V")) })
        {
            UnaryCost? cost = type.Kind == CelKind.String ? (in CelValue x) => Costs.Traversal(Costs.Size(in x)) : null;
            t.Global("size", type, i, Size, cost);
            t.Method("size", type, i, Size, cost);
        }

        t.Method("contains", s, s, b, (in CelValue x, in CelValue z) =>
            CelValue.Bool(x.RawString.Contains(z.RawString, StringComparison.Ordinal)),
            (in CelValue x, in CelValue z) => Costs.Traversal(Costs.Size(in x)) * Costs.Traversal(Costs.Size(in z)));
        t.Method("startsWith", s, s, b, (in CelValue x, in CelValue z) =>
            CelValue.Bool(x.RawString.StartsWith(z.RawString, StringComparison.Ordinal)), Smaller);
        t.Method("endsWith", s, s, b, (in CelValue x, in CelValue z) =>
            CelValue.Bool(x.RawString.EndsWith(z.RawString, StringComparison.Ordinal)), Smaller);
    }

    static CelValue Size(in CelValue x) =>
        CelValue.Int(x.Kind == CelKind.String ? Texts.Length(x.RawString) : Costs.Size(in x));

    // No more than the shorter one is looked at.
    static long Smaller(in CelValue x, in CelValue z) => Costs.Traversal(Math.Min(Costs.Size(in x), Costs.Size(in z)));
}
