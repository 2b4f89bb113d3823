namespace Stele.Cli;

/// <summary>Every verb, in the order people meet them.</summary>
static class Verbs
{
    const string Intro = """
        stele: AI governance on immutable infrastructure. Everything that runs is frozen under a digest; every act is a signed statement in one
        append-only Merkle ledger; what was tested is exactly what runs; and anyone can verify all of it offline.

        New here? stele tour shows a real system being governed, in about two minutes. stele up starts a server and a node.
        """;

    public static readonly Verb[] All =
    [
        TourVerb.Verb with { Needs = "bubblewrap, and the mortgage sample: run it in a clone, or give --sample DIR" },
        UpVerb.Verb, WitnessVerb.Verb, InitVerb.Verb, LoginVerb.Verb, KeyVerb.Verb, MemberVerb.Verb, SystemVerb.Verb,
        TokenVerb.Verb, PrincipalVerb.Verb,
        FreezeVerb.Verb, RunVerb.Verb, ReleaseVerb.Verb, CheckVerb.Verb, PolicyVerb.Verb,
        ApproveVerb.Approve, WaiverVerbs.Waive, WaiverVerbs.Verb, AttestVerb.Verb, DeployVerb.Deploy,
        DeployVerb.Rollback,
        StatusVerb.Verb, DiffVerb.Verb, TraceVerb.Verb, ReceiptVerb.Verb, VerdictVerb.Verb, LogVerb.Verb,
        EraseVerb.Verb, RetentionVerb.Verb, HoldVerb.Verb, FsckVerb.Verb, ReconcileVerb.Verb, AuditVerb.Verb,
        ExportVerb.Verb, TimestampVerb.Verb, ModelVerb.Verb, VerifyVerb.Verb, TrustVerb.Verb,
    ];

    public static Task<int> Run(string[] args, Stage stage, CancellationToken stop = default) =>
        CommandLine.Run(args, All, stage, Intro, stop);
}
