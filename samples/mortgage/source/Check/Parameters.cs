using System;
using System.IO;
using System.Text.Json;

namespace Mortgage.Check;

/// <summary>
/// What is measured: <c>label</c> is the column with the true outcome and <c>positive</c> its favourable value;
/// <c>group</c> is the column whose <c>protected</c> group is compared with its <c>reference</c> group;
/// <c>threshold</c> is the denial threshold at which the release must be deciding.
/// </summary>
internal sealed record Parameters(string Label, string Positive, string Group, string Protected, string Reference,
    double Threshold)
{
    public static Parameters Parse(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            var count = 0;
            foreach (var property in root.EnumerateObject())
            {
                count++;
                if (property.Name is not ("label" or "positive" or "group" or "protected" or "reference"
                    or "threshold"))
                {
                    throw new InvalidDataException($"parameters: unknown field {property.Name}");
                }
            }

            if (count != 6)
            {
                throw new InvalidDataException(
                    "parameters: expected label, positive, group, protected, reference and threshold, each once");
            }

            return new Parameters(Text(root, "label"), Text(root, "positive"), Text(root, "group"),
                Text(root, "protected"), Text(root, "reference"), root.GetProperty("threshold").GetDouble());
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException
            or System.Collections.Generic.KeyNotFoundException)
        {
            throw new InvalidDataException($"parameters: {e.Message}", e);
        }
    }

    private static string Text(JsonElement root, string name) =>
        root.GetProperty(name).GetString() ?? throw new InvalidDataException($"parameters: {name} must be a string");
}
