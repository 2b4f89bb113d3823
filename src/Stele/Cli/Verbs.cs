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
        TourVerb.Verb, UpVerb.Verb, HomeVerbs.Init, HomeVerbs.Login, KeyVerb.Verb, MemberVerb.Verb, SystemVerb.Verb, HomeVerbs.Principal,
        FreezeVerb.Verb, RunVerb.Verb, ReleaseVerb.Release, ReleaseVerb.Check, PolicyVerb.Verb,
        ApproveVerb.Approve, ApproveVerb.Waive, DeployVerb.Deploy, DeployVerb.Rollback,
        StatusVerb.Verb, LookVerbs.DiffVerb, TraceVerb.Verb, ReceiptVerb.Verb, LookVerbs.VerdictVerb, LookVerbs.LogVerb, AuditVerbs.Fsck, AuditVerbs.Audit, AuditVerbs.Verify,
    ];

    public static Task<int> Run(string[] args, Stage stage, CancellationToken stop = default) => CommandLine.Run(args, All, stage, Intro, stop);
}
