using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using Mortgage.Model;

namespace Mortgage.Prepare;

/// <summary>
/// prepare --data FILE --part train|evaluation --out FILE
/// Checks every row against the columns' rules, then writes one half of the dataset, its rows' text unchanged: rows
/// with an even number are for training, rows with an odd number (the first application is row 1) for evaluation.
/// </summary>
internal static class Program
{
    public static int Main(string[] args)
    {
        try
        {
            var arguments = new Arguments(args, "data", "part", "out");
            var data = Csv.Read(arguments["data"]);
            var remainder = arguments["part"] switch
            {
                "train" => 0,
                "evaluation" => 1,
                var part => throw new ArgumentException($"--part {part}: expected train or evaluation"),
            };
            Validate(data);

            var lines = new List<string> { data.Header };
            for (var number = 1; number <= data.Lines.Count; number++)
            {
                if (number % 2 == remainder)
                {
                    lines.Add(data.Lines[number - 1]);
                }
            }

            File.WriteAllText(arguments["out"], string.Join('\n', lines) + "\n");
            Console.Out.WriteLine(
                $"{arguments["part"]}: {(lines.Count - 1).ToString(CultureInfo.InvariantCulture)} of {data.Lines.Count.ToString(CultureInfo.InvariantCulture)} rows");
            return 0;
        }
        catch (Exception e) when (e is ArgumentException or InvalidDataException or IOException)
        {
            Console.Error.WriteLine($"prepare: error: {e.Message}");
            return 1;
        }
    }

    private static void Validate(Csv data)
    {
        if (data.Names.Count != Column.All.Count + 1)
        {
            throw new InvalidDataException(
                $"{data.Names.Count} columns; expected {Column.Label} and the {Column.All.Count} of an application");
        }

        var label = data.Column(Column.Label);
        for (var i = 0; i < data.Rows.Count; i++)
        {
            if (data.Rows[i][label] is not { Quoted: true, Text: "yes" or "no" })
            {
                throw new InvalidDataException($"row {i + 1}: {Column.Label} must be \"yes\" or \"no\"");
            }

            foreach (var column in Column.All)
            {
                if (!column.TryRead(data.Rows[i][data.Column(column.Name)], out _))
                {
                    throw new InvalidDataException($"row {i + 1}: {column.Name} must be {column.Expected}");
                }
            }
        }
    }
}
