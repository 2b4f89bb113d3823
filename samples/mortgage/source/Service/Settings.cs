using System;
using System.IO;
using System.Text.Json;

namespace Mortgage.Service;

/// <summary>
/// service.json: <c>threshold</c>, the probability of denial from which an application is denied, between 0 and 1.
/// </summary>
internal sealed record Settings(double Threshold)
{
    public static Settings Parse(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            double? threshold = null;
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (property.Name != "threshold" || threshold != null)
                {
                    throw new InvalidDataException($"settings: unknown or repeated field {property.Name}");
                }

                threshold = property.Value.GetDouble();
            }

            return threshold is > 0 and < 1
                ? new Settings(threshold.Value)
                : throw new InvalidDataException("settings: threshold must lie between 0 and 1");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"settings: {e.Message}", e);
        }
    }
}
