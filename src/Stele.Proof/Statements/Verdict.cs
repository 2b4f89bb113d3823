using System.Collections.Immutable;
using System.Globalization;

namespace Stele.Proof.Statements;

/// <summary>The outcome of one rule: passed, failed, error (its expression did not evaluate: it fails closed) or waived; the message is the rule's own, computed.</summary>
public sealed record RuleOutcome(Digest Policy, string Rule, string Result, string? Message, long? Waiver)
{
    public const string Passed = "passed", Failed = "failed", Error = "error", Waived = "waived";

    /// <summary>Whether this outcome lets the action happen.</summary>
    public bool Allows => Result is Passed or Waived;

    public Json ToJson() => Json.Object(
        ("policy", Policy), ("rule", Rule), ("result", Result), ("message", Message is null ? null : Json.Of(Message)), ("waiver", Waiver is { } w ? Json.Of(w) : null));

    public static RuleOutcome FromJson(Json j) => new(
        j["policy"].AsDigest, Names.Label(j["rule"]), Names.OneOf(j["result"], Passed, Failed, Error, Waived), j.Find("message")?.AsString, j.Find("waiver") is { } w ? Names.Entry(w) : null);
}

/// <summary>
/// A SLSA verification summary (VSA v1) by which the server explains a deployment it admitted or refused. It changes nothing and is trusted by nobody: it is a pure function of the
/// ledger before <paramref name="Size"/>, the envelope and the time, nonce included, so anyone re-executes it and gets the same payload bytes. Its engine is the fold version.
/// </summary>
public sealed record Verdict(
    Digest Release, string System, string Environment, Digest Envelope, long Size, long Time, bool Passed, ImmutableArray<Digest> Policies, ImmutableArray<RuleOutcome> Rules, Digest Input, int FoldVersion) : Statement
{
    public const string SlsaSummary = "https://slsa.dev/verification_summary/v1";

    public override string Kind => "verdict";
    public override string PredicateType => SlsaSummary;
    public override ImmutableArray<Subject> Subjects => [new Subject(Release)];

    internal override Json Body => Json.Object(
        ("verifier", Json.Object(("id", "https://stele.dev/fold"), ("version", Json.Object(("fold", FoldVersion.ToString(CultureInfo.InvariantCulture)))))),
        ("resourceUri", $"stele:{System}/{Environment}"),
        ("policy", Json.Object(("uri", "https://stele.dev/policies-in-force"), ("digest", Json.Object(("sha256", Fingerprint(Policies).Hex))))),
        ("inputAttestations", Json.Array(new Subject(Envelope, "envelope").ToJson(), new Subject(Input, "input").ToJson())),
        ("verificationResult", Passed ? "PASSED" : "FAILED"),
        ("verifiedLevels", Json.Array(Json.Of(Passed ? "STELE_POLICIES_IN_FORCE" : "FAILED"))),
        ("https://stele.dev/verdict/v1", Json.Object(
            ("size", Size), ("time", Time), ("policies", Json.Array(Policies.Select(Json.Of))), ("rules", Json.Array(Rules.Select(r => r.ToJson()))))));

    /// <summary>One digest for a set of policies in force: of the canonical JSON array of their digests.</summary>
    public static Digest Fingerprint(ImmutableArray<Digest> policies) => Digest.Of(Json.Array(policies.Select(Json.Of)).ToBytes());

    internal static Verdict Read(Parts h)
    {
        var p = h.Predicate;
        var own = p["https://stele.dev/verdict/v1"];
        var place = p["resourceUri"].AsString.Split(':', '/');
        if (place is not ["stele", var system, var environment]) throw new FormatException("resourceUri is not stele:<system>/<environment>");
        var inputs = p["inputAttestations"].AsArray.Select(Subject.FromJson).ToArray();
        if (inputs.Length != 2) throw new FormatException("a verdict names an envelope and an input");
        return new(h.Subjects[0].Digest, Names.Label(system), Names.Label(environment), inputs[0].Digest, Names.Entry(own["size"]), Names.Time(own["time"]), p["verificationResult"].AsString == "PASSED",
            [.. own["policies"].AsArray.Select(d => d.AsDigest)], [.. own["rules"].AsArray.Select(RuleOutcome.FromJson)], inputs[1].Digest,
            int.TryParse(p["verifier"]["version"]["fold"].AsString, NumberStyles.None, CultureInfo.InvariantCulture, out var v) ? v : throw new FormatException("the fold version is not a number"))
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
    }
}
