using System.CommandLine;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class ApproveVerb
{
    public static Verb Approve => new("approve", "look at a release and let one deployment of it happen (approvers)", """
        stele approve RELEASE SYSTEM/ENV [--action deploy|rollback|canary] [--expires HOURS] [--yes]

        Shows what the approval rests on: the release and what it is made of, every evaluation, the head it would replace, the
        policies in force. Then signs exactly that: if any of it changes before the deployment, the approval is void. It is good for
        one deployment, and never given by an author of the release. Without --yes it asks.
        """, [new Argument<string>("release"), new Argument<string>("place"), new Option<string>("--action"), new Option<double?>("--expires") { HelpName = "HOURS" }, new Option<bool>("--yes")], async call =>
    {
        await using var desk = await Desk.Open(call);
        var place = Place.Known(call.Need("place"), desk.State);
        var release = desk.Release(call.Need("release"));
        var action = call.Get<string>("--action") ?? Deployment.Deploy;
        var shown = Shown.Document(desk.State, release, place.System, place.Environment, action);
        if (!call.Terminal.Json)
        {
            var t = call.Terminal;
            t.Line($"{action} {Terminal.Bold(release.Name)} {release.Digest} → {place}");
            t.Line("made of");
            t.Table(release.Components.Select(c => new[] { c.Role, c.Name, c.Digest.Short, PolicyInput.Name(desk.State.StrengthOf(c.Digest)) }), "  ");
            t.Line("evaluations");
            t.Table(desk.Metrics(release), "  ");
            t.Line($"head  {(desk.State.Environment(place.System, place.Environment).Head is { } h ? $"entry {h.Entry}: {string.Join(", ", h.Routes.Select(r => desk.NameOf(r.Release)))}" : "none yet")}");
            t.Line($"policies in force  {string.Join(", ", desk.State.PoliciesFor(place.System, place.Environment).Select(p => p.Short))}");
            if (!call.Get<bool>("--yes")) Ask("approve this? [y/N] ");
        }
        return await desk.Submit(new Approval(release.Digest, place.System, place.Environment, action, desk.State.Environment(place.System, place.Environment).Head?.Entry,
            desk.State.PoliciesFor(place.System, place.Environment), Digest.Of(shown.ToBytes()), call.Now + (long)((call.Get<double?>("--expires") ?? 24) * 3_600_000))
        { Ledger = desk.State.Ledger, Nonce = Home.NewId(), Issued = call.Now }, $"approved: {action} {release.Name} → {place}");
    });

    public static Verb Waive => new("waive", "let one rule pass for one release, for a while (approvers)", """
        stele waive RULE RELEASE SYSTEM/ENV --expires HOURS [--policy DIGEST]

        A waiver names one rule of one policy in force, one release, one environment, and an expiry after which it counts no longer
        for admissions; an environment still standing on it is then shown as lapsed. Never given by an author of the release.
        """, [new Argument<string>("rule"), new Argument<string>("release"), new Argument<string>("place"), new Option<double?>("--expires") { HelpName = "HOURS" }, new Option<string>("--policy")], async call =>
    {
        await using var desk = await Desk.Open(call);
        var place = Place.Known(call.Need("place"), desk.State);
        var release = desk.Release(call.Need("release"));
        var rule = call.Need("rule");
        var hours = call.Get<double?>("--expires") ?? throw new CliError("a waiver needs an expiry", "--expires HOURS", CliError.Usage);
        var policy = call.Get<string>("--policy") is { } p ? Digest.Parse(p) : desk.PolicyWithRule(place, rule);
        return await desk.Submit(new Waiver(release.Digest, place.System, place.Environment, policy, rule, call.Now + (long)(hours * 3_600_000), null)
        { Ledger = desk.State.Ledger, Nonce = Home.NewId(), Issued = call.Now }, $"waived rule {rule} for {release.Name} in {place}");
    });

    static void Ask(string question)
    {
        if (Console.IsInputRedirected) throw new CliError("nobody is there to ask", "give --yes once you have looked", CliError.Usage);
        Console.Error.Write(question);
        if (Console.ReadLine()?.Trim() is not ("y" or "yes")) throw new CliError("not approved");
    }
}
