using System.Collections.Immutable;
using System.Globalization;

namespace Stele.Proof.Statements;

/// <summary>
/// A sub-expression that a rule's outcome rested on, and what it came to: <c>{"expr","value"}</c>, or <c>"error"</c>
/// for why it has no value, or <c>"size"</c> for one that is too long to stand here (its elements, members or
/// characters).
/// </summary>
/// <param name="Expr">
/// As it is written, with what the variables of comprehensions stand for in their places:
/// <c>checks.fairness[0].metrics.approval_ratio</c>.
/// </param>
public sealed record RestedValue(string Expr, Json? Value, string? Error, long? Size)
{
    public Json ToJson() =>
        Json.Object(("expr", Expr), ("value", Value), ("error", Error is null ? null : Json.Of(Error)),
            ("size", Size is { } s ? Json.Of(s) : null));

    public static RestedValue FromJson(Json j) =>
        new(j["expr"].AsString, j.Find("value"), j.Find("error")?.AsString,
            j.Find("size") is { } s ? Names.Entry(s) : null);

    public override string ToString() => Error is not null ? $"{Expr}: {Error}"
        : Size is { } s ? string.Create(CultureInfo.InvariantCulture, $"{Expr}: of size {s}") : $"{Expr} = {Value}";
}

/// <summary>What a rule came to. <see cref="RuleOutcome.Results"/> are its words.</summary>
public enum RuleResult { Passed, Failed, Error, Waived }

/// <summary>
/// The outcome of one rule: passed, failed, error (its expression did not evaluate: it fails closed) or waived; the
/// message is the rule's own, computed.
/// </summary>
public sealed record RuleOutcome(Digest Policy, string Rule, RuleResult Result, string? Message, long? Waiver)
{
    public static readonly Words<RuleResult> Results = new("passed", "failed", "error", "waived");

    /// <summary>The release that it is about, where a deployment routes to several.</summary>
    public Digest? Release { get; init; }

    /// <summary>
    /// What the outcome rested on: the smallest set of sub-expressions that suffices, in the order of the rule. In
    /// verdicts only.
    /// </summary>
    public ImmutableArray<RestedValue> Values { get; init; } = [];

    /// <summary>Whether this outcome lets the action happen.</summary>
    public bool Allows => Result is RuleResult.Passed or RuleResult.Waived;

    public Json ToJson() => Json.Object(
        ("policy", Policy), ("rule", Rule), ("release", Release is { } r ? Json.Of(r) : null),
        ("result", Results[Result]),
        ("message", Message is null ? null : Json.Of(Message)),
        ("waiver", Waiver is { } w ? Json.Of(w) : null),
        ("values", Values.IsEmpty ? null : Json.Array(Values.Select(v => v.ToJson()))));

    public static RuleOutcome FromJson(Json j) => new(
        j["policy"].AsDigest, Names.Label(j["rule"]), Results.Parse(j["result"]),
        j.Find("message")?.AsString, j.Find("waiver") is { } w ? Names.Entry(w) : null)
    {
        Release = j.Find("release")?.AsDigest,
        Values = j.Find("values") is { } v ? [.. v.AsArray.Select(RestedValue.FromJson)] : [],
    };
}

/// <summary>
/// A SLSA verification summary (VSA v1) by which the server explains a deployment it admitted or refused. It changes
/// nothing and is trusted by nobody: it is a pure function of the ledger before <paramref name="Size"/>, the envelope
/// and the time, nonce included, so anyone re-executes it and gets the same payload bytes. Its engine is the fold
/// version.
/// </summary>
/// <param name="Releases">What the deployment routes to, in its order; nothing for a halt.</param>
public sealed record Verdict(
    ImmutableArray<Digest> Releases, string System, string Environment, Digest Envelope, long Size, long Time,
    bool Passed, ImmutableArray<Digest> Policies, ImmutableArray<RuleOutcome> Rules, Digest Input, int FoldVersion)
    : Statement
{
    public const string SlsaSummary = "https://slsa.dev/verification_summary/v1";

    /// <summary>The entries of the waivers that were used.</summary>
    public ImmutableArray<long> Waivers { get; init; } = [];

    /// <summary>What candidates for the policies in force would have said; nothing rests on it.</summary>
    public ImmutableArray<RuleOutcome> Would { get; init; } = [];

    /// <summary>
    /// How much was left out, so that it fits an entry; 0 is nothing. <see cref="Governance.Explain"/> has the order.
    /// </summary>
    public int Cut { get; init; }

    public override string Kind => "verdict";
    public override string PredicateType => SlsaSummary;
    public override ImmutableArray<Subject> Subjects => Releases.IsEmpty
        ? Genesis
        : [.. Releases.Select(r => new Subject(r))];

    internal override Json Body => Json.Object(
        ("verifier", Json.Object(("id", "https://stele.dev/fold"),
            ("version", Json.Object(("fold", FoldVersion.ToString(CultureInfo.InvariantCulture)))))),
        ("resourceUri", $"stele:{System}/{Environment}"),
        ("policy", Json.Object(("uri", "https://stele.dev/policies-in-force"),
            ("digest", Json.Object(("sha256", Fingerprint(Policies).Hex))))),
        ("inputAttestations",
            Json.Array(new Subject(Envelope, "envelope").ToJson(), new Subject(Input, "input").ToJson())),
        ("verificationResult", Passed ? "PASSED" : "FAILED"),
        ("verifiedLevels", Json.Array(Json.Of(Passed ? "STELE_POLICIES_IN_FORCE" : "FAILED"))),
        ("https://stele.dev/verdict/v1", Json.Object(
            ("size", Size), ("time", Time), ("policies", Json.Array(Policies.Select(Json.Of))),
            ("rules", Json.Array(Rules.Select(r => r.ToJson()))),
            ("waivers", Waivers.IsEmpty ? null : Json.Array(Waivers.Select(w => Json.Of(w)))),
            ("would", Would.IsEmpty ? null : Json.Array(Would.Select(r => r.ToJson()))),
            ("cut", Cut == 0 ? null : Json.Of((long)Cut)))));

    /// <summary>One digest for a set of policies in force: of the canonical JSON array of their digests.</summary>
    public static Digest Fingerprint(ImmutableArray<Digest> policies) =>
        Digest.Of(Json.Array(policies.Select(Json.Of)).ToBytes());

    internal static Verdict Read(Parts h)
    {
        var p = h.Predicate;
        var own = p["https://stele.dev/verdict/v1"];
        var place = p["resourceUri"].AsString.Split(':', '/');
        if (place is not ["stele", var system, var environment])
            throw new FormatException("resourceUri is not stele:<system>/<environment>");
        var inputs = p["inputAttestations"].AsArray.Select(Subject.FromJson).ToArray();
        if (inputs.Length != 2) throw new FormatException("a verdict names an envelope and an input");
        var halt = h.Subjects is [var only] && only.Digest == h.Ledger;
        return new(halt ? [] : [.. h.Subjects.Select(s => s.Digest)], Names.Label(system), Names.Label(environment),
            inputs[0].Digest, Names.Entry(own["size"]), Names.Time(own["time"]),
            p["verificationResult"].AsString == "PASSED",
            [.. own["policies"].AsArray.Select(d => d.AsDigest)],
            [.. own["rules"].AsArray.Select(RuleOutcome.FromJson)], inputs[1].Digest,
            int.TryParse(p["verifier"]["version"]["fold"].AsString, NumberStyles.None, CultureInfo.InvariantCulture,
                out var v) ? v : throw new FormatException("the fold version is not a number"))
        {
            Waivers = own.Find("waivers") is { } w ? [.. w.AsArray.Select(Names.Entry)] : [],
            Would = own.Find("would") is { } would ? [.. would.AsArray.Select(RuleOutcome.FromJson)] : [],
            Cut = own.Find("cut") is { } cut ? Names.Small(cut) : 0,
            Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued,
        };
    }
}
