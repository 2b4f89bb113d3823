using System.CommandLine;
using Stele.Blobs;
using Stele.Build;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class ReleaseVerb
{
    public static Verb Verb =>
        new("release", "close code, model, environment, config and policy under one digest (builders)", """
        stele release FILE [--set NAME=VALUE]...

        Reads which artifacts the release closes over and how it runs (YAML), builds the release artifact, and declares it. Every
        component needs an origin in the ledger. One digest from here on: the one that is checked, approved, deployed, observed and
        named in every decision.
        """, [new Argument<string>("file"), Sets.Option], Declare)
    {
        Needs = "the role builder for the system",
        Verbs =
        [
            new("list", "what was declared to run", """
                stele release list [SYSTEM]

                Every release, newest first: its name and digest, how many evaluations there are of it, where it runs or ran.
                """, [new Argument<string>("system") { Arity = ArgumentArity.ZeroOrOne }], List),
            new("show", "a release with its components, evaluations and approvals", """
                stele release show RELEASE

                What an approver looks at. RELEASE is a name, a digest, or its first digits.
                """, [new Argument<string>("release")], Show),
        ],
    };

    static async Task<int> Declare(Call call)
    {
        var file = call.NeedFile("file");
        await using var desk = await Desk.Open(call);
        desk.Hold(RoleName.Builder);
        var document = await ReleaseSource.Read(file, await PolicyText.Yaml(call, file), Sets.Of(call, desk),
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
        desk.Hold(RoleName.Builder, document.System);
        call.Terminal.Progress($"closing {document.Name}");
        var release = await ReleaseClosure.Build(desk.Blobs, document, call.Stop);
        if (desk.State.Releases.TryGetValue(release, out var known))
        {
            call.Terminal.Result(new DeclaredRelease(release, document.Name, known.Entry, null).ToJson(),
                () => call.Terminal.Line(
                    $"release {document.Name}  {release}  {Terminal.Dim($"declared already in entry {known.Entry}")}"));
            return 0;
        }
        var (entry, _) = await desk.Sign(new Release(release, document.System, document.Digest)
        {
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        });
        call.Terminal.Result(new DeclaredRelease(release, document.Name, entry,
            document.Components.Length).ToJson(),
            () =>
                call.Terminal.Line(
                    $"release {document.Name}  {release}  {document.Components.Length} components  "
                    + $"{Terminal.Dim($"entry {entry}")}"));
        return 0;
    }

    static async Task<int> List(Call call)
    {
        await using var desk = await Desk.Open(call);
        var system = call.Get<string>("system");
        Parsing.Scope(system, desk.State);
        var releases = desk.State.Releases.Values.Where(r => system is null || r.System == system)
            .OrderByDescending(r => r.Entry).ToArray();
        call.Terminal.Result(Json.Object(("releases",
            Json.Array(releases.Select(r => ShownRelease.Of(desk.State, r).ToJson())))),
            () =>
        {
            if (releases.Length == 0)
                call.Terminal.Line("no release is declared yet; a builder does: stele release FILE");
            call.Terminal.Table(releases.Select(r => new[]
            {
                r.Name, r.Digest.ToString(), r.System, $"entry {r.Entry}",
                $"{desk.State.Evaluations.Values.Count(e => e.Release == r.Digest)} evaluations",
                string.Join(", ",
                    desk.State.Environments.Where(e => e.Value.Deployed.ContainsKey(r.Digest))
                        .Select(e => (e.Value.Head is { } h && h.Routes.Any(x => x.Release == r.Digest)
                            ? "runs in "
                            : "ran in ") + e.Key)),
            }), "");
        });
        return 0;
    }

    static async Task<int> Show(Call call)
    {
        await using var desk = await Desk.Open(call);
        var release = desk.Release(call.Need("release"));
        call.Terminal.Result(ShownRelease.Of(desk.State, release).ToJson(), () =>
        {
            var t = call.Terminal;
            t.Line(
                $"{Terminal.Bold(release.Name)}  {release.Digest}  {release.System}  "
                + $"{Terminal.Dim($"entry {release.Entry}")}");
            t.Line("made of");
            t.Table(release.Components.Select(c => new[] { c.Role, c.Name, c.Digest.ToString(),
                PolicyInput.Name(desk.State.StrengthOf(c.Digest)), c.Mount ?? "" }));
            t.Line("evaluations");
            t.Table(desk.Metrics(release).DefaultIfEmpty(["none: no check of it is stated"]));
            t.Line("approvals");
            t.Table(desk.State.Approvals.Values.Where(a => a.Approval.Release == release.Digest).Select(a => new[]
            {
                $"entry {a.By.Entry}",
                $"{ApproveVerb.Spell(a.Approval, desk)} → {State.Place(a.Approval.System, a.Approval.Environment)}",
                $"by {a.By.Member[..8]}…",
                a.Withdrawn is { } by ? $"taken back in entry {by.Entry}" : $"until {Terminal.Time(a.Expires)}",
            }).DefaultIfEmpty(["none"]));
        });
        return 0;
    }
}

/// <param name="Components">How many; nothing where it was declared before.</param>
sealed record DeclaredRelease(Digest Release, string Name, long Entry, int? Components) : IView;
