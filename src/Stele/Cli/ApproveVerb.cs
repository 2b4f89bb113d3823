using System.CommandLine;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class ApproveVerb
{
    public static Verb Approve => new("approve", "look at a release and let one deployment of it happen (approvers)", """
        stele approve RELEASE SYSTEM/ENV [--action ACTION] [--expires HOURS] [--yes]

        Shows what the approval rests on: the release and what it is made of, every evaluation, the head it would replace, the
        policies in force. Then signs exactly that: if any of it changes before the deployment, the approval is void. It is good for
        one deployment, and never given by an author of the release. Without --yes it asks.
        """,
        [
            new Argument<string>("release"), new Argument<string>("system/env"),
            new Option<string>("--action") { HelpName = "ACTION", Description = "what it lets happen: deploy, rollback or canary; deploy unless given" },
            new Option<double?>("--expires") { HelpName = "HOURS", Description = "how long the approval may wait for its deployment; 24 unless given" },
            new Option<bool>("--yes") { Description = "you have looked already: do not ask; needed with --json and where nobody is at the terminal" },
        ], Approving) { Needs = "the role approver for the environment" };

    static async Task<int> Approving(Call call)
    {
        var action = call.Get<string>("--action") ?? Deployment.Deploy;
        if (action is not (Deployment.Deploy or Deployment.Rollback or Deployment.Canary)) throw call.Wrong($"--action takes deploy, rollback or canary, not '{action}'");
        var expires = Given.Expiry(call.Get<double?>("--expires") ?? 24, call.Now);
        var ask = !call.Get<bool>("--yes");
        if (ask && (call.Terminal.Json || Console.IsInputRedirected)) throw call.Wrong("nobody is there to ask", "look at it first (stele status, stele diff, stele release show); then give --yes");
        await using var desk = await Desk.Open(call);
        var place = Place.Known(call.Need("system/env"), desk.State);
        var release = desk.Release(call.Need("release"));
        var head = desk.State.Environment(place.System, place.Environment).Head;
        var policies = desk.State.PoliciesFor(place.System, place.Environment);
        var shown = Shown.Document(desk.State, release, place.System, place.Environment, action);
        if (!call.Terminal.Json)
        {
            var t = call.Terminal;
            t.Line($"{action} {Terminal.Bold(release.Name)} {release.Digest} → {place}");
            t.Line("made of");
            t.Table(release.Components.Select(c => new[] { c.Role, c.Name, c.Digest.Short, PolicyInput.Name(desk.State.StrengthOf(c.Digest)) }), "  ");
            t.Line("evaluations");
            t.Table(desk.Metrics(release).DefaultIfEmpty(["none: no check of it is stated"]), "  ");
            t.Line($"head  {(head is null ? "none yet" : $"entry {head.Entry}: {string.Join(", ", head.Routes.Select(r => desk.NameOf(r.Release)))}")}");
            t.Line($"policies in force  {(policies.IsEmpty ? "none: nothing can be deployed there" : string.Join(", ", policies.Select(p => p.Short)))}");
            if (ask && !await t.Confirm("approve this?", call.Stop)) throw new CliError("not approved: nothing was signed");
        }
        return await desk.Submit(new Approval(release.Digest, place.System, place.Environment, action, head?.Entry, policies, Digest.Of(shown.ToBytes()), expires)
        { Ledger = desk.State.Ledger, Nonce = Home.NewId(), Issued = call.Now }, $"approved: {action} {release.Name} → {place}, until {Terminal.Time(expires)}");
    }
}
