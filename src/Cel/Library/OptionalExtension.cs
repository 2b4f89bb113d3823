using Cel.Check;
using Cel.Plan;
using Cel.Syntax;
using Cel.Values;

namespace Cel.Library;

/// <summary>
/// The optionals extension: values that may be absent. <c>or</c> and <c>orValue</c> look at their argument only when
/// they need it.
/// </summary>
internal static class OptionalExtension
{
    public static void Declare(FunctionTable t)
    {
        CelType v = CelType.Param("V"), k = CelType.Param("K"), optional = CelType.Optional(v), list = CelType.List(v),
            map = CelType.Map(k, v);

        t.Global("optional.none", [], optional, _ => CelValue.None);
        t.Global("optional.of", v, optional, (in CelValue x) => CelValue.OwnSome(in x));
        t.Global("optional.ofNonZeroValue", v, optional,
            (in CelValue x) => CelOptional.IsZero(in x) ? CelValue.None : CelValue.OwnSome(in x));
        t.Method("hasValue", optional, CelType.Bool, (in CelValue x) => CelValue.Bool(x.RawOptional is not null));
        t.Method("value", optional, v, (in CelValue x) => x.RawOptional is { } some
            ? some.Value
            : CelValue.Error(CelErrorKind.InvalidArgument, "value() of an optional that has none"));
        t.OperatorMethod("or", optional, optional, optional);
        t.OperatorMethod("orValue", optional, v, v);

        t.Operator(Operators.OptionalIndex, list, CelType.Int, optional);
        t.Operator(Operators.OptionalIndex, CelType.Optional(list), CelType.Int, optional);
        t.Operator(Operators.OptionalIndex, map, k, optional);
        t.Operator(Operators.OptionalIndex, CelType.Optional(map), k, optional);
        t.Operator(Operators.Index, CelType.Optional(list), CelType.Int, optional);
        t.Operator(Operators.Index, CelType.Optional(map), k, optional);

        t.Method("first", list, optional,
            (in CelValue x) => x.ListItems is [var first, ..] ? CelValue.OwnSome(in first) : CelValue.None);
        t.Method("last", list, optional,
            (in CelValue x) => x.ListItems is [.., var last] ? CelValue.OwnSome(in last) : CelValue.None);
        t.Global("optional.unwrap", CelType.List(optional), list, Unwrap, Each);
        t.Method("unwrapOpt", CelType.List(optional), list, Unwrap, Each);
    }

    static long Each(in CelValue x) => Costs.List + x.ListItems.Length;

    static CelValue Unwrap(in CelValue list)
    {
        var values = new List<CelValue>();
        foreach (ref readonly var item in list.ListItems.AsSpan())
        {
            if (item.Kind != CelKind.Optional)
                return CelValue.Error(CelErrorKind.NoSuchOverload,
                    $"a list of optionals is wanted, and this has {item.TypeOf()}");
            if (item.RawOptional is { } some) values.Add(some.Value);
        }
        return CelValue.OwnList([.. values]);
    }
}
