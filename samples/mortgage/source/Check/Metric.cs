using Mortgage.Model;

namespace Mortgage.Check;

/// <summary>
/// A number, or the reason why there is none. There is no NaN and no 0 in place of what can't be computed.
/// </summary>
internal readonly record struct Metric
{
    private readonly double _value;

    private Metric(double value, string? undefined)
    {
        _value = value;
        Undefined = undefined;
    }

    /// <summary>Why there is no value; null where there is one.</summary>
    public string? Undefined { get; }

    public double? Value => Undefined == null ? _value : null;

    public static Metric Of(double value) => new(JsonNumber.Round(value), null);

    public static Metric None(string reason) => new(0, reason);

    public static Metric Ratio(double numerator, double denominator, string reason) => denominator == 0
        ? None(reason)
        : Of(numerator / denominator);

    /// <summary>JSON; reasons are this program's own words and need no escapes.</summary>
    public override string ToString() => Undefined == null
        ? JsonNumber.Format(_value)
        : $"{{\"undefined\":\"{Undefined}\"}}";
}
