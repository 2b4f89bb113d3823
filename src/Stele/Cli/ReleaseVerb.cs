using System.CommandLine;
using Stele.Blobs;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class ReleaseVerb
{
    public static Verb Release => new("release", "close code, model, environment, config and policy under one digest (builders)", """
        stele release FILE [--set NAME=VALUE]...

        Reads which artifacts the release closes over and how it runs (YAML), builds the release artifact, and declares it. Every
        component needs an origin in the ledger. One digest from here on: the one that is checked, approved, deployed, observed and
        named in every decision.
        """, [new Argument<string>("file"), Sets.Option], async call =>
    {
        await using var desk = await Desk.Open(call);
        var file = call.Need("file");
        if (!File.Exists(file)) throw new CliError($"there is no file {file}", null, CliError.Usage);
        var document = await ReleaseSource.Read(file, await File.ReadAllTextAsync(file, call.Stop), Sets.Of(call, desk),
            async text =>
            {
                var digest = desk.Artifact(text);
                var artifact = await Artifact.Read(desk.Blobs, digest, call.Stop);
                return (digest, artifact.Kind, Names.IsLabel(text) ? text : artifact.Kind);
            },
            async text =>
            {
                var digest = desk.Artifact(text);
                var artifact = await Artifact.Read(desk.Blobs, digest, call.Stop);
                return (digest, artifact.Config.Digest, Names.IsLabel(text) ? text : "policy");
            });
        var release = await ReleaseClosure.Build(desk.Blobs, document, call.Stop);
        if (desk.State.Releases.TryGetValue(release, out var known))
        {
            call.Terminal.Result(Json.Object(("release", release), ("name", document.Name), ("entry", known.Entry)), () => call.Terminal.Line($"release {document.Name}  {release}  {Terminal.Dim($"declared already in entry {known.Entry}")}"));
            return 0;
        }
        var (entry, _) = await desk.Sign(new Release(release, document.System, document.Digest) { Ledger = desk.State.Ledger, Nonce = Home.NewId(), Issued = call.Now });
        call.Terminal.Result(Json.Object(("release", release), ("name", document.Name), ("entry", entry), ("components", document.Components.Length)),
            () => call.Terminal.Line($"release {document.Name}  {release}  {document.Components.Length} components  {Terminal.Dim($"entry {entry}")}"));
        return 0;
    });

    public static Verb Check => new("check", "run a check on the release itself, and state what came out (evaluators)", """
        stele check FILE RELEASE [--set NAME=VALUE]...
        stele check FILE --digest

        Starts the release as a host would, in its own sandbox, and beside it the check's program in another; the only thing they share is
        the release's socket. The report is frozen, and an evaluation stated. Every evaluation counts: policies see all of them, and
        there is no best of many. With --digest only the check document's digest is printed, as policies name it.
        """, [new Argument<string>("file"), new Argument<string>("release") { Arity = ArgumentArity.ZeroOrOne }, Sets.Option, new Option<bool>("--digest")], async call =>
    {
        await using var desk = await Desk.Open(call);
        var file = call.Need("file");
        if (!File.Exists(file)) throw new CliError($"there is no file {file}", null, CliError.Usage);
        var check = CheckSource.Read(file, await File.ReadAllTextAsync(file, call.Stop), Sets.Of(call, desk), desk.Artifact);
        if (call.Get<bool>("--digest"))
        {
            call.Terminal.Result(Json.Object(("check", check.Digest), ("name", check.Name)), () => call.Terminal.Line(check.Digest.ToString()));
            return 0;
        }
        var release = desk.Release(call.Need("release"));
        call.Terminal.Progress($"checking {release.Name}");
        Checked result;
        try
        {
            using var trees = new Trees(desk.Blobs);
            result = await new Check(trees).Run(release.Digest, check, call.Stop);
        }
        catch (CheckException e)
        {
            throw new CliError(e.Message);
        }
        catch (SandboxException e)
        {
            throw new CliError(e.Message, e.Hint);
        }
        var (entry, _) = await desk.Sign(new Evaluation(release.Digest, check.Digest, result.Report, null, null) { Ledger = desk.State.Ledger, Nonce = Home.NewId(), Issued = call.Now });
        call.Terminal.Result(
            Json.Object(("release", release.Digest), ("check", check.Digest), ("report", result.Report), ("entry", entry), ("metrics", result.Figures.Metrics)),
            () =>
            {
                call.Terminal.Line($"check {check.Name} of {release.Name}  {Terminal.Dim($"entry {entry}")}");
                call.Terminal.Table(result.Figures.Metrics.AsObject.Select(m => new[] { m.Key, Desk.Number(m.Value) }));
            });
        return 0;
    });
}
