using Cel.Check;
using Cel.Plan;
using Cel.Syntax;
using Cel.Values;

namespace Cel.Library;

/// <summary>
/// The operators: arithmetic within a type, order also across the number types, equality and membership.
/// </summary>
internal static class OperatorFunctions
{
    public static void Declare(FunctionTable t)
    {
        CelType b = CelType.Bool, i = CelType.Int, u = CelType.UInt, d = CelType.Double, s = CelType.String,
            y = CelType.Bytes;
        CelType time = CelType.Timestamp, span = CelType.Duration;
        CelType a = CelType.Param("A"), k = CelType.Param("K"), v = CelType.Param("V");

        t.Operator(Operators.Equal, a, a, b);
        t.Operator(Operators.NotEqual, a, a, b);
        t.Operator(Operators.In, a, CelType.List(a), b);
        t.Operator(Operators.In, k, CelType.Map(k, v), b);
        t.Operator(Operators.Index, CelType.List(a), i, a);
        t.Operator(Operators.Index, CelType.Map(k, v), k, v);

        t.Global(Operators.Not, b, b, (in CelValue x) => CelValue.Bool(!x.RawBool));
        t.Global(Operators.Negate, i, i, (in CelValue x) => Arithmetic.NegateInt(in x));
        t.Global(Operators.Negate, d, d, (in CelValue x) => CelValue.Double(-x.RawDouble));

        t.Global(Operators.Add, i, i, i, (in CelValue x, in CelValue z) => Arithmetic.AddInt(in x, in z));
        t.Global(Operators.Add, u, u, u, (in CelValue x, in CelValue z) => Arithmetic.AddUInt(in x, in z));
        t.Global(Operators.Add, d, d, d, (in CelValue x, in CelValue z) => CelValue.Double(x.RawDouble + z.RawDouble));
        t.Global(Operators.Add, s, s, s, (in CelValue x, in CelValue z) => Arithmetic.ConcatString(in x, in z), Sum);
        t.Global(Operators.Add, y, y, y, (in CelValue x, in CelValue z) => Arithmetic.ConcatBytes(in x, in z), Sum);
        t.Global(Operators.Add, CelType.List(a), CelType.List(a), CelType.List(a),
            (in CelValue x, in CelValue z) => Arithmetic.ConcatList(in x, in z), Sum);
        t.Global(Operators.Add, time, span, time, (in CelValue x, in CelValue z) => Arithmetic.Shift(in x, in z));
        t.Global(Operators.Add, span, time, time, (in CelValue x, in CelValue z) => Arithmetic.Shift(in z, in x));
        t.Global(Operators.Add, span, span, span, (in CelValue x, in CelValue z) => Arithmetic.AddDuration(in x, in z));

        t.Global(Operators.Subtract, i, i, i, (in CelValue x, in CelValue z) => Arithmetic.SubtractInt(in x, in z));
        t.Global(Operators.Subtract, u, u, u, (in CelValue x, in CelValue z) => Arithmetic.SubtractUInt(in x, in z));
        t.Global(Operators.Subtract, d, d, d,
            (in CelValue x, in CelValue z) => CelValue.Double(x.RawDouble - z.RawDouble));
        t.Global(Operators.Subtract, time, time, span,
            (in CelValue x, in CelValue z) => Arithmetic.Between(in x, in z));
        t.Global(Operators.Subtract, time, span, time,
            (in CelValue x, in CelValue z) => Arithmetic.ShiftBack(in x, in z));
        t.Global(Operators.Subtract, span, span, span,
            (in CelValue x, in CelValue z) => Arithmetic.SubtractDuration(in x, in z));

        t.Global(Operators.Multiply, i, i, i, (in CelValue x, in CelValue z) => Arithmetic.MultiplyInt(in x, in z));
        t.Global(Operators.Multiply, u, u, u, (in CelValue x, in CelValue z) => Arithmetic.MultiplyUInt(in x, in z));
        t.Global(Operators.Multiply, d, d, d,
            (in CelValue x, in CelValue z) => CelValue.Double(x.RawDouble * z.RawDouble));

        t.Global(Operators.Divide, i, i, i, (in CelValue x, in CelValue z) => Arithmetic.DivideInt(in x, in z));
        t.Global(Operators.Divide, u, u, u, (in CelValue x, in CelValue z) => Arithmetic.DivideUInt(in x, in z));
        t.Global(Operators.Divide, d, d, d,
            (in CelValue x, in CelValue z) => CelValue.Double(x.RawDouble / z.RawDouble));

        t.Global(Operators.Modulo, i, i, i, (in CelValue x, in CelValue z) => Arithmetic.ModuloInt(in x, in z));
        t.Global(Operators.Modulo, u, u, u, (in CelValue x, in CelValue z) => Arithmetic.ModuloUInt(in x, in z));

        Order(t, Operators.Less, (in CelValue x, in CelValue z) => CelValue.Bool(Ordering.Compare(in x, in z) == -1));
        Order(t, Operators.LessEqual,
            (in CelValue x, in CelValue z) => CelValue.Bool(Ordering.Compare(in x, in z) is -1 or 0));
        Order(t, Operators.Greater, (in CelValue x, in CelValue z) => CelValue.Bool(Ordering.Compare(in x, in z) == 1));
        Order(t, Operators.GreaterEqual,
            (in CelValue x, in CelValue z) => CelValue.Bool(Ordering.Compare(in x, in z) is 0 or 1));
    }

    static void Order(FunctionTable t, string name, Binary f)
    {
        CelType[] numbers = [CelType.Int, CelType.UInt, CelType.Double];
        foreach (var x in numbers)
            foreach (var z in numbers)
                t.Global(name, x, z, CelType.Bool, f);
        foreach (var x in new[] { CelType.Bool, CelType.Timestamp, CelType.Duration })
            t.Global(name, x, x, CelType.Bool, f);
        foreach (var x in new[] { CelType.String, CelType.Bytes })
            t.Global(name, x, x, CelType.Bool, f, Smaller);
    }

    static long Sum(in CelValue x, in CelValue z) => Costs.Traversal(Costs.Size(in x) + Costs.Size(in z));

    static long Smaller(in CelValue x, in CelValue z) => Costs.Traversal(Math.Min(Costs.Size(in x), Costs.Size(in z)));
}
