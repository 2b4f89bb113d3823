using System.CommandLine;
using Stele.Build;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Statements;
using Stele.Runtime;

namespace Stele.Cli;

static class CheckVerb
{
    public static Verb Verb =>
        new("check", "run a check on the release itself, and state what came out (evaluators)", """
        stele check FILE RELEASE [--set NAME=VALUE]...
        stele check FILE --digest [--set NAME=VALUE]...

        Starts the release as a host would, in its own sandbox, and the check's program in another; the only thing they share is
        the release's socket. The report is frozen, and an evaluation stated. Every evaluation counts: policies see all of them, and
        there is no best of many. The release is started from the folder that a host uses (STELE_TREES: stele up --help).
        """,
        [
            new Argument<string>("file"), new Argument<string>("release") { Arity = ArgumentArity.ZeroOrOne },
            Sets.Option,
            new Option<bool>(
                "--digest") { Description = "run nothing: print the check document's digest, as policies name it" },
        ], Run) { Needs = "the role evaluator for the system" };

    static async Task<int> Run(Call call)
    {
        var file = call.NeedFile("file");
        if (!call.Get<bool>("--digest")) call.Need("release");
        await using var desk = await Desk.Open(call);
        var check = CheckSource.Read(file, await PolicyText.Yaml(call, file), Sets.Of(call, desk), desk.Artifact);
        if (call.Get<bool>("--digest"))
        {
            call.Terminal.Result(new NamedCheck(check.Digest, check.Name).ToJson(),
                () => call.Terminal.Line(check.Digest.ToString()));
            return 0;
        }
        var release = desk.Release(call.Need("release"));
        desk.Hold(RoleName.Evaluator, release.System);
        call.Terminal.Progress($"checking {release.Name}");
        Checked result;
        using (var trees = new Trees(desk.Blobs)) result = await new Check(trees).Run(release.Digest, check, call.Stop);
        var (entry, _) = await desk.Sign(new Evaluation(release.Digest, check.Digest, result.Report, null, null)
        {
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        });
        call.Terminal.Result(
            new CheckedRelease(release.Digest, check.Digest, result.Report, entry, result.Figures.Metrics,
                Enforcement.ToJson()).ToJson(),
            () =>
            {
                call.Terminal.Line($"check {check.Name} of {release.Name}  {Terminal.Dim($"entry {entry}")}");
                call.Terminal.Table(result.Figures.Metrics.AsObject.Select(m => new[] { m.Key, Desk.Number(m.Value) }));
            });
        return 0;
    }
}

sealed record NamedCheck(Digest Check, string Name) : IView;

/// <param name="Confinement">What confined the release and the check while they ran.</param>
sealed record CheckedRelease(Digest Release, Digest Check, Digest Report, long Entry, Json Metrics, Json Confinement)
    : IView;
