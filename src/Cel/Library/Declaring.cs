using Cel.Check;
using Cel.Values;

namespace Cel.Library;

/// <summary>Ways to put an overload into a function table.</summary>
internal static class Declaring
{
    public static void Global(this FunctionTable t, string name, CelType a, CelType result, Unary f,
        UnaryCost? cost = null)
        => t.Add(name, new Overload
        {
            Form = CallForm.Function,
            Parameters = [a],
            Result = result,
            Unary = f,
            UnaryCost = cost
        });

    public static void Global(this FunctionTable t, string name, CelType a, CelType b, CelType result, Binary f,
        BinaryCost? cost = null)
        => t.Add(name, new Overload
        {
            Form = CallForm.Function,
            Parameters = [a, b],
            Result = result,
            Binary = f,
            BinaryCost = cost
        });

    public static void Global(this FunctionTable t, string name, CelType[] parameters, CelType result, Variadic f,
        VariadicCost? cost = null)
        => t.Add(name, new Overload
        {
            Form = CallForm.Function,
            Parameters = parameters,
            Result = result,
            Variadic = f,
            VariadicCost = cost
        });

    public static void Method(this FunctionTable t, string name, CelType a, CelType result, Unary f,
        UnaryCost? cost = null)
        => t.Add(name, new Overload
        {
            Form = CallForm.Method,
            Parameters = [a],
            Result = result,
            Unary = f,
            UnaryCost = cost
        });

    public static void Method(this FunctionTable t, string name, CelType a, CelType b, CelType result, Binary f,
        BinaryCost? cost = null)
        => t.Add(name, new Overload
        {
            Form = CallForm.Method,
            Parameters = [a, b],
            Result = result,
            Binary = f,
            BinaryCost = cost
        });

    public static void Method(this FunctionTable t, string name, CelType[] parameters, CelType result, Variadic f,
        VariadicCost? cost = null)
        => t.Add(name, new Overload
        {
            Form = CallForm.Method,
            Parameters = parameters,
            Result = result,
            Variadic = f,
            VariadicCost = cost
        });

    /// <summary>A method that the plan has its own node for.</summary>
    public static void OperatorMethod(this FunctionTable t, string name, CelType a, CelType b, CelType result)
        => t.Add(name, new Overload { Form = CallForm.Method, Parameters = [a, b], Result = result });

    /// <summary>An operator that the plan has its own node for; here are only its types.</summary>
    public static void Operator(this FunctionTable t, string name, CelType a, CelType b, CelType result)
        => t.Add(name, new Overload { Form = CallForm.Function, Parameters = [a, b], Result = result });
}
