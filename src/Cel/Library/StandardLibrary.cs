using Cel.Check;

namespace Cel.Library;

/// <summary>
/// The functions every program may call: those of the language definition, and of the extensions <c>strings</c>,
/// <c>math</c>, <c>encoders</c>, <c>network</c> and <c>optionals</c>. docs/CEL.md names them all.
/// </summary>
internal static class StandardLibrary
{
    public static readonly FunctionTable Functions = Build();

    static FunctionTable Build()
    {
        var table = new FunctionTable();
        OperatorFunctions.Declare(table);
        Conversions.Declare(table);
        TextFunctions.Declare(table);
        MatchFunctions.Declare(table);
        TimeFunctions.Declare(table);
        StringExtension.Declare(table);
        Formatting.Declare(table);
        MathExtension.Declare(table);
        EncoderExtension.Declare(table);
        NetworkExtension.Declare(table);
        OptionalExtension.Declare(table);
        return table;
    }
}
