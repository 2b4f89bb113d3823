using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// A decision log between two times, by the ledger's own anchors: from the last one entered at or before the first time
/// (null: the log's beginning) to the first one that was issued at or after the second, or the newest there was. Leaves
/// [<paramref name="First"/>, <paramref name="Past"/>) lie between.
/// </summary>
/// <param name="Until">
/// When the node issued the last of these anchors: what comes later is not spoken of. Null: nothing was anchored.
/// </param>
/// <param name="Unanchored">The most leaves that stood unanchored at a time.</param>
/// <param name="Before">
/// What the gateway had counted at the first anchor, and <paramref name="After"/> at the last.
/// </param>
public sealed record AnchoredWindow(long? Begin, long? End, long First, long Past, long? Until, long Opens, long Closes,
    long Wholes, long Unanchored, GatewayCount? Before, GatewayCount? After)
{
    public Json ToJson() => Json.Object(
        ("begin", Begin is { } b ? Json.Of(b) : null), ("end", End is { } e ? Json.Of(e) : null), ("first", First),
        ("past", Past), ("until", Until is { } u ? Json.Of(u) : null),
        ("opens", Opens), ("closes", Closes), ("wholes", Wholes), ("unanchored", Unanchored),
        ("before", Before?.ToJson()), ("after", After?.ToJson()));

    public static AnchoredWindow FromJson(Json j) => new(
        j.Find("begin") is { } b ? Names.Entry(b) : null, j.Find("end") is { } e ? Names.Entry(e) : null,
        Names.Entry(j["first"]), Names.Entry(j["past"]), j.Find("until") is { } u ? Names.Time(u) : null,
        Names.Entry(j["opens"]), Names.Entry(j["closes"]), Names.Entry(j["wholes"]), Names.Entry(j["unanchored"]),
        j.Find("before") is { } g ? GatewayCount.FromJson(g) : null,
        j.Find("after") is { } h ? GatewayCount.FromJson(h) : null);
}

/// <summary>
/// What the leaves themselves say, counted: decisions by outcome, opens that nothing closes, decisions served on a
/// ledger older than allowed, and while nobody had said for longer than allowed what runs.
/// </summary>
public sealed record LeafCount(long Allowed, long Denied, long Errors, long Unclosed, long Stale, long Unobserved)
{
    public Json ToJson() =>
        Json.Object(("allowed", Allowed), ("denied", Denied), ("errors", Errors), ("unclosed", Unclosed),
            ("stale", Stale), ("unobserved", Unobserved));

    public static LeafCount FromJson(Json j) =>
        new(Names.Entry(j["allowed"]), Names.Entry(j["denied"]), Names.Entry(j["errors"]), Names.Entry(j["unclosed"]),
            Names.Entry(j["stale"]), Names.Entry(j["unobserved"]));
}

/// <summary>Something that does not add up: its permanent name, how many, and among which leaves.</summary>
public sealed record Difference(string Name, long Count, long First, long Past)
{
    public static readonly string[] All = ["records-missing", "answers-missing", "leaves-unasked", "uncounted",
        "unclosed", "upstream-more", "upstream-fewer", "log-lost"];

    public Json ToJson() => Json.Object(("name", Name), ("count", Count), ("first", First), ("past", Past));
    public static Difference FromJson(Json j) =>
        new(Names.OneOf(j["name"], All), Names.Entry(j["count"]), Names.Entry(j["first"]), Names.Entry(j["past"]));
}

/// <summary>
/// One decision log's reckoning. <paramref name="Leaves"/> is null where the log was declared lost;
/// <paramref name="Upstream"/> is the release's own count, on the signer's word.
/// </summary>
public sealed record ReconciledLog(string Log, AnchoredWindow Window, LeafCount? Leaves, long? Upstream,
    ImmutableArray<Difference> Differences)
{
    public Json ToJson() => Json.Object(
        ("log", Log), ("window", Window.ToJson()), ("leaves", Leaves?.ToJson()), ("upstream",
            Upstream is { } u ? Json.Of(u) : null), ("differences", Json.Array(Differences.Select(d => d.ToJson()))));

    public static ReconciledLog FromJson(Json j) => new(
        j["log"].AsString, AnchoredWindow.FromJson(j["window"]),
        j.Find("leaves") is { } l ? LeafCount.FromJson(l) : null, j.Find("upstream") is { } u ? Names.Entry(u) : null,
        [.. j["differences"].AsArray.Select(Difference.FromJson)]);
}

/// <summary>
/// An owner or a service has held gateway counters, anchors and leaves of every decision log of a scope (a null system:
/// of the whole ledger) against each other, between two times in milliseconds since 1970 UTC, and says what does not
/// add up; nothing, if nothing is missing. The fold holds it to the anchors, a pack's verifier to the leaves.
/// </summary>
public sealed record Reconcile(string? System, string? Environment, long From, long To,
    ImmutableArray<ReconciledLog> Logs) : Statement
{
    public override string Kind => "reconcile";
    public override ImmutableArray<Subject> Subjects => Genesis;

    internal override Json Body => Json.Object(
        ("system", System is null ? null : Json.Of(System)), ("environment", Environment is null
            ? null
            : Json.Of(Environment)), ("from", From), ("to", To), ("logs", Json.Array(Logs.Select(l => l.ToJson()))));

    internal static Reconcile Read(Parts h)
    {
        var p = h.Predicate;
        var read = new Reconcile(p.Find("system") is { } s ? Names.Label(s) : null,
            p.Find("environment") is { } e ? Names.Label(e) : null, Names.Time(p["from"]), Names.Time(p["to"]),
            [.. p["logs"].AsArray.Select(ReconciledLog.FromJson)])
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
        return read.Environment is null || read.System is not null
            ? read
            : throw new FormatException("an environment needs its system");
    }
}
