using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>What becomes of a legal hold. <see cref="Hold.Actions"/> are its words.</summary>
public enum HoldAction { Place, Release }

/// <summary>
/// Owners place a legal hold, or release one. While it stands nothing that it covers may be erased or pruned: a
/// system's decisions, those of one environment, of one log, or of a range of that log. A release names the entry that
/// placed it and nothing else. The reason is a salted commitment.
/// </summary>
/// <param name="From">The first record that is held; null = from the first one on.</param>
/// <param name="To">The record after the last one that is held; null = all that come too.</param>
/// <param name="Releases">The entry of the hold that ends; null when one is placed.</param>
public sealed record Hold(HoldAction Action, string? System, string? Environment, string? Log, long? From,
    long? To, long? Releases, Digest? Reason) : Statement
{
    public static readonly Words<HoldAction> Actions = new("place", "release");

    public override string Kind => "hold";
    public override ImmutableArray<Subject> Subjects => Genesis;

    internal override Json Body => Json.Object(
        ("action", Actions[Action]), ("system", System is null ? null : Json.Of(System)),
        ("environment", Environment is null ? null : Json.Of(Environment)), ("log", Log is null ? null : Json.Of(Log)),
        ("from", From is { } f ? Json.Of(f) : null), ("to", To is { } t ? Json.Of(t) : null),
        ("releases", Releases is { } r ? Json.Of(r) : null), ("reason", Reason is { } why ? Json.Of(why) : null));

    internal static Hold Read(Parts h)
    {
        var p = h.Predicate;
        var hold = new Hold(Actions.Parse(p["action"]), p.Find("system") is { } s ? Names.Label(s) : null,
            p.Find("environment") is { } e ? Names.Label(e) : null, p.Find("log")?.AsString,
            p.Find("from") is { } f ? Names.Entry(f) : null, p.Find("to") is { } t ? Names.Entry(t) : null,
            p.Find("releases") is { } r ? Names.Entry(r) : null, p.Find("reason")?.AsDigest)
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
        if (hold.Action == HoldAction.Release
            ? hold is not { System: null, Environment: null, Log: null, From: null, To: null, Releases: not null }
            : hold is not { System: not null, Releases: null })
            throw new FormatException("placing a hold names a system; releasing one names its entry and nothing else");
        if (hold.Log is null && (hold.From is not null || hold.To is not null))
            throw new FormatException("a range of records needs its log");
        if (hold.Log is not null && hold.Environment is null) throw new FormatException("a log needs its environment");
        return hold;
    }
}
