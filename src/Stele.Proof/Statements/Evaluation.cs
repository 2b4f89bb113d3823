using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// An evaluator ran a check on a release: in-toto test-result v0.1. <paramref name="Check"/> is the check document
/// (program, dataset, parameters and seed by digest),
/// <paramref name="Report"/> the report's canonical JSON with its metrics. The result says only whether the program ran
/// to its end; whether the figures are good enough is a policy's matter.
/// <paramref name="Supersedes"/> names an earlier evaluation of the same check and release that this one replaces, with
/// a commitment to the reason.
/// </summary>
public sealed record Evaluation(Digest Release, Digest Check, Digest Report, long? Supersedes, Digest? Reason)
    : Statement
{
    public const string TestResult = "https://in-toto.io/attestation/test-result/v0.1";

    public override string Kind => "evaluation";
    public override string PredicateType => TestResult;
    public override ImmutableArray<Subject> Subjects => [new Subject(Release)];

    internal override Json Body => Json.Object(
        ("result", "PASSED"),
        ("configuration", Json.Array(new Subject(Check, "check").ToJson(), new Subject(Report, "report").ToJson())),
        ("stele_supersedes", Supersedes is { } s ? Json.Of(s) : null),
        ("stele_reason", Reason is { } r ? Json.Of(r) : null));

    internal static Evaluation Read(Parts h)
    {
        var configuration = h.Predicate["configuration"].AsArray.Select(Subject.FromJson).ToArray();
        if (configuration.Length != 2) throw new FormatException("an evaluation names a check and a report");
        return new(h.Subjects[0].Digest, configuration[0].Digest, configuration[1].Digest,
            h.Predicate.Find("stele_supersedes") is { } s ? Names.Entry(s) : null,
            h.Predicate.Find("stele_reason")?.AsDigest)
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
    }
}
