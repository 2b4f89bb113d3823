using System;
using System.IO;
using Mortgage.Model;

namespace Mortgage.Train;

/// <summary>
/// train --data FILE --out model.json [--drop COLUMN] [--reweigh COLUMN]
/// Fits the probability of denial on every column but the dropped one, optionally with the rows reweighed by a column's
/// groups.
/// </summary>
internal static class Program
{
    public static int Main(string[] args)
    {
        try
        {
            var arguments = new Arguments(args, "data", "out", "drop", "reweigh");
            var model = Trainer.Train(Csv.Read(arguments["data"]), arguments.Optional("drop"),
                arguments.Optional("reweigh"));
            File.WriteAllBytes(arguments["out"], model.ToJson());
            Console.Out.WriteLine($"trained on {model.Rows} rows, {model.Columns.Count} columns");
            return 0;
        }
        catch (Exception e) when (e is ArgumentException or ArithmeticException or InvalidDataException or IOException)
        {
            Console.Error.WriteLine($"train: error: {e.Message}");
            return 1;
        }
    }
}
