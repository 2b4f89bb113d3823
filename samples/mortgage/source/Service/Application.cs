using System;
using System.Collections.Generic;
using System.Text.Json;
using Mortgage.Model;

namespace Mortgage.Service;

/// <summary>
/// One application as a request body: a flat JSON object of the dataset's columns, quoted cells as strings, numbers as
/// numbers. Every column the model reads must be there; other known columns may be; nothing else may.
/// </summary>
internal static class Application
{
    /// <summary>
    /// The model's inputs in its order, or the field that is wrong (null where it is the body itself) and why.
    /// </summary>
    public static double[]? Read(ReadOnlyMemory<byte> body, LogisticModel model, out string? field, out string problem)
    {
        field = null;
        problem = "";
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(body);
        }
        catch (JsonException e)
        {
            problem = $"the body is not JSON: line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}";
            return null;
        }

        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                problem = "the body must be a JSON object";
                return null;
            }

            var given = new Dictionary<string, double>(StringComparer.Ordinal);
            try
            {
                foreach (var property in document.RootElement.EnumerateObject())
                {
                    field = property.Name;
                    if (Column.Find(field) is not { } column)
                    {
                        problem = "unknown field";
                        return null;
                    }

                    if (!TryCell(property.Value, out var cell) || !column.TryRead(cell, out var value))
                    {
                        problem = $"must be {column.Expected}";
                        return null;
                    }

                    if (!given.TryAdd(field, value))
                    {
                        problem = "stands twice";
                        return null;
                    }
                }
            }
            catch (InvalidOperationException)
            {
                // A name or string with an unpaired surrogate (\ud800) is JSON by its grammar, but has no text.
                field = null;
                problem = "a string in the body is not Unicode text";
                return null;
            }

            var values = new double[model.Columns.Count];
            for (var i = 0; i < values.Length; i++)
            {
                if (!given.TryGetValue(model.Columns[i].Name, out values[i]))
                {
                    field = model.Columns[i].Name;
                    problem = "is missing";
                    return null;
                }
            }

            return values;
        }
    }

    private static bool TryCell(JsonElement element, out Cell cell)
    {
        cell = element.ValueKind switch
        {
            JsonValueKind.String => new Cell(element.GetString()!, Quoted: true),
            JsonValueKind.Number => new Cell(element.GetRawText(), Quoted: false),
            _ => default,
        };
        return cell.Text != null;
    }
}
