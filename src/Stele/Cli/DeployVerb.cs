using System.Collections.Immutable;
using System.CommandLine;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class DeployVerb
{
    static readonly Option<bool> Wait = new("--wait");

    public static Verb Deploy => new("deploy", "move an environment's head to a release (deployers)", """
        stele deploy RELEASE SYSTEM/ENV [--canary PERCENT] [--wait]

        States that the environment runs this release from now on. The policies in force judge it first, on the state of the ledger;
        a refusal names the rule and the figures, and is recorded. RELEASE is a name or a digest. With --canary the release takes
        that share of the requests beside the present one. With --wait the command returns when the node runs it and has said so.
        """, [new Argument<string>("release"), new Argument<string>("place"), new Option<int?>("--canary"), Wait], async call =>
    {
        await using var desk = await Desk.Open(call);
        var place = Place.Known(call.Need("place"), desk.State);
        var release = desk.Release(call.Need("release"));
        var head = desk.State.Environment(place.System, place.Environment).Head;
        if (call.Get<int?>("--canary") is not { } percent) return await Move(desk, call, place, Deployment.Deploy, [new Route(release.Digest, 100)]);
        if (head is not { Routes: [var present] }) throw new CliError("a canary goes beside one running release, and there is not one", "deploy a release first");
        if (percent is < 1 or > 99) throw new CliError("--canary takes 1 to 99", null, CliError.Usage);
        return await Move(desk, call, place, Deployment.Canary, [present with { Weight = 100 - percent }, new Route(release.Digest, percent)]);
    });

    public static Verb Rollback => new("rollback", "return an environment to a release it ran before (deployers)", """
        stele rollback SYSTEM/ENV [--to RELEASE] [--wait]

        Moves the head back to the release that ran before the present one, or to the one named. It is a new entry, judged by today's
        policies; the bytes are exactly those of the old digest. Stop everything with: stele rollback SYSTEM/ENV --halt.
        """, [new Argument<string>("place"), new Option<string>("--to") { HelpName = "RELEASE" }, new Option<bool>("--halt"), Wait], async call =>
    {
        await using var desk = await Desk.Open(call);
        var place = Place.Known(call.Need("place"), desk.State);
        if (call.Get<bool>("--halt")) return await Move(desk, call, place, Deployment.Halt, []);
        var head = desk.State.Environment(place.System, place.Environment).Head ?? throw new CliError($"{place} runs nothing", $"stele status {place}");
        var to = call.Get<string>("--to") is { } name ? desk.Release(name).Digest
            : head.PreviousRoutes is [var previous] ? previous.Release : throw new CliError("there is no single release before the present one", "name it: --to RELEASE");
        return await Move(desk, call, place, Deployment.Rollback, [new Route(to, 100)]);
    });

    static async Task<int> Move(Desk desk, Call call, Place place, string action, ImmutableArray<Route> routes)
    {
        var head = desk.State.Environment(place.System, place.Environment).Head;
        var code = await desk.Submit(new Deployment(place.System, place.Environment, action, head?.Entry, routes) { Ledger = desk.State.Ledger, Nonce = Home.NewId(), Issued = call.Now },
            $"{action} {string.Join(", ", routes.Select(r => desk.NameOf(r.Release)))} → {place}");
        if (code == 0 && call.Get<bool>("--wait") && action != Deployment.Halt) await desk.WaitRunning(place);
        return code;
    }
}
