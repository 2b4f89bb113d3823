using System.Collections.Immutable;
using Stele.Proof.Decisions;

namespace Stele.Proof.Governance;

/// <summary>
/// What a rule's expression does when it is true (<see cref="Require"/>: when it is not). Acts on the ledger are only
/// required of; alerts are of monitoring alone; the others decide requests. Ordered so that the greater of two rulings
/// on a request wins. Names are permanent.
/// </summary>
public enum Effect { Allow, Mask, Hold, Deny, Require, Alert }

public static class Effects
{
    public static readonly ImmutableArray<string> Names = ["allow", "mask", "hold", "deny", "require", "alert"];

    public static string Name(this Effect effect) => Names[(int)effect];

    public static Effect? Parse(string name) => Names.IndexOf(name) is >= 0 and var i ? (Effect)i : null;

    /// <summary>As a ruling on a request has it.</summary>
    public static RuledOutcome Outcome(this Effect ruled) => ruled switch
    {
        Effect.Allow => RuledOutcome.Allow,
        Effect.Mask => RuledOutcome.Mask,
        Effect.Hold => RuledOutcome.Hold,
        Effect.Deny => RuledOutcome.Deny,
        _ => throw new ArgumentOutOfRangeException(nameof(ruled)),
    };

    /// <summary>Whether a rule with this effect can be asked on that occasion.</summary>
    public static bool Fits(this Effect effect, Occasion occasion) => occasion switch
    {
        Occasion.Admission => effect == Effect.Require,
        Occasion.Monitor => effect == Effect.Alert,
        _ => effect != Effect.Alert,
    };
}

/// <summary>
/// One rule: the actions it is asked about, an effect, and the CEL expression (a bool) that decides whether it comes
/// about.
/// </summary>
public sealed record Rule(string Id, ImmutableArray<string> On, Effect Effect, string Expr)
{
    public static readonly ImmutableArray<string> Severities = ["low", "medium", "high", "critical"];

    /// <summary>A rule that an expression must hold.</summary>
    public static Rule Require(string id, ImmutableArray<string> on, string expr, string? message = null) =>
        new(id, on, Effect.Require, expr) { Message = message };

    public string? Description { get; init; }

    /// <summary>
    /// Shown to people. The rule itself is not judged by it; waivers of the rule may be (<c>waiver.severity</c>,
    /// <c>waivers[].severity</c>).
    /// </summary>
    public string Severity { get; init; } = "medium";

    /// <summary>
    /// The duties it serves: <c>catalogue/control</c>. Waivers of the rule may be judged by them
    /// (<c>waiver.controls</c>).
    /// </summary>
    public ImmutableArray<string> Controls { get; init; } = [];

    /// <summary>
    /// Of <see cref="Effect.Mask"/> alone: JSON pointers into the request's body; the token <c>*</c> is every element
    /// or member.
    /// </summary>
    public ImmutableArray<string> Fields { get; init; } = [];

    /// <summary>CEL of a string, evaluated when the rule has something to say.</summary>
    public string? Message { get; init; }

    public Occasion Occasion => Actions.OccasionOf(On[0]);

    /// <summary>Lists that are sets are sorted, so that a rule has one form.</summary>
    public Json ToJson() => Json.Object(
        ("id", Id), ("description", Description is null ? null : Json.Of(Description)), ("severity", Severity),
        ("controls", Set(Controls)), ("on", Set(On)), ("effect", Effect.Name()), ("expr", Expr),
        ("fields", Fields.IsEmpty ? null : Set(Fields)), ("message", Message is null ? null : Json.Of(Message)));

    public static Rule FromJson(Json j) =>
        new(j["id"].AsString, Strings(j["on"]), Effects.Parse(j["effect"].AsString)
            ?? throw new FormatException($"'{j["effect"].AsString}' is no effect"), j["expr"].AsString)
    {
        Description = j.Find("description")?.AsString,
        Severity = j["severity"].AsString,
        Controls = Strings(j["controls"]),
        Fields = j.Find("fields") is { } f ? Strings(f) : [],
        Message = j.Find("message")?.AsString,
    };

    internal static Json Set(IEnumerable<string> names) =>
        Json.Array(names.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(Json.Of));

    internal static ImmutableArray<string> Strings(Json j) => [.. j.AsArray.Select(s => s.AsString)];
}
