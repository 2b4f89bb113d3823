using System.Collections.Immutable;
using System.CommandLine;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class DeployVerb
{
    const string Needs = "the role deployer for the environment";

    static Option<bool> Wait => new("--wait")
    {
        Description = "return when the node runs it and has said so, after a minute at most; exit code 1, with the "
            + "node's reason, as soon as it says that it can't",
    };

    public static Verb Deploy => new("deploy", "move an environment's head to a release (deployers)", """
        stele deploy RELEASE SYSTEM/ENV [--canary PERCENT] [--wait]

        States that the environment runs this release from now on. The policies in force judge it first, on the state of the ledger;
        a refusal names the rule and the figures, and is recorded. RELEASE is a name or a digest.
        """,
        [
            new Argument<string>("release"), new Argument<string>("system/env"),
            new Option<int?>("--canary")
            {
                HelpName = "PERCENT",
                Description = "give it that share of the requests; the present release keeps the rest"
            }, Wait,
        ], async call =>
    {
        var percent = call.Get<int?>("--canary");
        if (percent is < 1 or > 99) throw call.Wrong("--canary takes 1 to 99");
        await using var desk = await Desk.Open(call);
        var place = Place.Known(call.Need("system/env"), desk.State);
        var release = desk.Release(call.Need("release"));
        if (percent is not { } share)
            return await Move(desk, call, place, DeploymentAction.Deploy, [new Route(release.Digest, 100)]);
        return await Move(desk, call, place, DeploymentAction.Canary, Canary(desk, place, release, share));
    }) { Needs = Needs };

    public static Verb Rollback => new("rollback", "return an environment to a release it ran before (deployers)", """
        stele rollback SYSTEM/ENV [--to RELEASE] [--wait]
        stele rollback SYSTEM/ENV --halt

        Moves the head back to the release that ran before the present one, or to the one named. It must have run there alone: a share
        of a canary is not enough. It is a new entry, judged by today's policies; the bytes are exactly those of the old digest.
        """,
        [
            new Argument<string>("system/env"), new Option<string>("--to")
            {
                HelpName = "RELEASE",
                Description =
                    "the release to return to; it must have run there alone before; to be named after a halt or a "
                    + "rollback"
            },
            new Option<bool>("--halt") { Description = "run nothing at all there from now on" }, Wait,
        ], async call =>
    {
        await using var desk = await Desk.Open(call);
        var place = Place.Known(call.Need("system/env"), desk.State);
        if (call.Get<bool>("--halt")) return await Move(desk, call, place, DeploymentAction.Halt, []);
        var head = desk.State.Environment(place.System, place.Environment).Head ?? throw new CliError(
            $"{place} runs nothing, and never did", $"deploy a release first: stele deploy RELEASE {place}");
        var to = call.Get<string>("--to") is { } name ? desk.Release(name).Digest
            : head.Action is DeploymentAction.Halt or DeploymentAction.Rollback
                ? throw new CliError(
                    $"the last act in {place} was a {Deployment.Actions[head.Action]}: what ran before it was "
                    + "stopped on purpose",
                    $"name the release to return to: stele rollback {place} --to RELEASE")
            : head.PreviousRoutes is [var previous] ? previous.Release
            : throw new CliError($"there is no single release that ran in {place} before the present one",
                $"name it: stele rollback {place} --to RELEASE");
        return await Move(desk, call, place, DeploymentAction.Rollback, [new Route(to, 100)]);
    }) { Needs = Needs };

    /// <summary>The routes of a canary and the one release that runs.</summary>
    public static ImmutableArray<Route> Canary(Desk desk, Place place, ReleaseFact release, int share) =>
        desk.State.Environment(place.System, place.Environment).Head is { Routes: [var present] }
            ? [present with { Weight = 100 - share }, new Route(release.Digest, share)]
            : throw new CliError("a canary needs one running release, and there is not one",
                $"deploy a release first: stele deploy RELEASE {place}");

    static async Task<int> Move(Desk desk, Call call, Place place, DeploymentAction action,
        ImmutableArray<Route> routes)
    {
        var head = desk.State.Environment(place.System, place.Environment).Head;
        var word = Deployment.Actions[action];
        var done = routes.IsEmpty
            ? $"{word} {place}"
            : $"{word} {string.Join(", ", routes.Select(r => desk.NameOf(r.Release)))} → {place}";
        var wait = call.Get<bool>("--wait") && action != DeploymentAction.Halt;
        var (entry, leaf) = await desk.Sign(new Deployment(place.System, place.Environment, action, head?.Entry, routes)
        {
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        });
        // With --json there is one value, at the very end.
        if (!call.Terminal.Json) call.Terminal.Line($"{done}  {Terminal.Dim($"entry {entry} {leaf.Short}")}");
        long? observed = wait ? await desk.WaitRunning(place) : null;
        call.Terminal.Result(Json.Object(("entry", entry), ("leaf", leaf), ("done", done),
            ("observed", observed is { } at ? Json.Of(at) : null)),
            () =>
            {
                if (observed is { } o)
                    call.Terminal.Line(
                        $"a node runs it, and all it sees agrees with the release  {Terminal.Dim($"entry {o}")}");
            });
        return 0;
    }
}
