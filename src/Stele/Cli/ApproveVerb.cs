using System.Collections.Immutable;
using System.CommandLine;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class ApproveVerb
{
    public static Verb Approve =>
        new("approve", "look at a release and let one deployment of it happen (approvers)", """
        stele approve RELEASE SYSTEM/ENV [--action ACTION] [--expires HOURS] [--yes]
        stele approve RELEASE SYSTEM/ENV --canary PERCENT [--beside NEW] [--yes]

        Shows what the approval rests on: the release and what it is made of, every evaluation, the waivers and people's words on
        controls that count for it, the head it would replace, the shares of the requests, the policies in force. Then signs exactly
        that: if any of it changes before the deployment, the approval is void. It is good for one deployment, and never given by an
        author of the release. Without --yes it asks. A canary is judged for each of its releases: for the one that runs already,
        name the new one with --beside.
        """,
        [
            new Argument<string>("release"), new Argument<string>("system/env"),
            new Option<string>("--action")
            {
                HelpName = "ACTION",
                Description = "what it lets happen: deploy or rollback; deploy unless given"
            },
            new Option<int?>("--canary")
            {
                HelpName = "PERCENT",
                Description = "a canary, in which the new release gets that share of the requests, and no other"
            },
            new Option<string>("--beside")
            {
                HelpName = "NEW",
                Description = "with --canary: the new release, where RELEASE is the one that runs already"
            },
            new Option<double?>("--expires")
            {
                HelpName = "HOURS",
                Description =
                    "how long the approval may wait for its deployment; 24 unless given, at most 2160 (90 days)"
            },
            new Option<bool>("--yes") { Description =
                "you have looked already: do not ask; needed with --json and where nobody is at the terminal" },
        ], Approving)
    {
        Needs = "the role approver for the environment",
        Verbs =
        [
            new("withdraw", "take your approval back (approvers)", """
                stele approve withdraw ENTRY

                From this entry on the approval that you gave in ENTRY counts no longer. Only you can take it back; a deployment that it let
                happen before stays as it was. What is to happen after all takes a new approval. stele release show lists approvals.
                """, [new Argument<long>("entry")], Withdraw) { Needs = "the role approver for the environment" },
        ],
    };

    static async Task<int> Approving(Call call)
    {
        var action = call.Get<string>("--action") is { } word ? Deployment.Actions.Find(word) : DeploymentAction.Deploy;
        if (action == DeploymentAction.Canary)
            throw call.Wrong("a canary's shares are part of what is approved",
                "give the new release's: --canary PERCENT");
        if (action is not (DeploymentAction.Deploy or DeploymentAction.Rollback))
            throw call.Wrong($"--action takes deploy or rollback, not '{call.Get<string>("--action")}'");
        var percent = call.Get<int?>("--canary");
        if (percent is < 1 or > 99) throw call.Wrong("--canary takes 1 to 99");
        if (percent is not null && call.Get<string>("--action") is not null)
            throw call.Wrong("--canary is the action: leave --action out");
        if (percent is null && call.Get<string>("--beside") is not null)
            throw call.Wrong("--beside names a canary's new release: give its share too, --canary PERCENT");
        var now = call.Now;
        var expires = Parsing.Expiry(call.Get<double?>("--expires") ?? 24, now);
        if (expires > now + Fold.MaxApproval)
            throw call.Wrong($"an approval lasts at most {Fold.MaxApproval / 86_400_000} days",
                "--expires 2160; look again after that");
        var ask = !call.Get<bool>("--yes");
        if (ask && (call.Terminal.Json || Console.IsInputRedirected))
            throw call.Wrong("nobody is there to ask",
                "look at it first (stele status, stele diff, stele release show); then give --yes");
        await using var desk = await Desk.Open(call);
        var place = Place.Known(call.Need("system/env"), desk.State);
        var release = desk.Release(call.Need("release"));
        var act = percent is null ? action.Value : DeploymentAction.Canary;
        ImmutableArray<Route> routes = percent is { } share
            ? DeployVerb.Canary(desk, place, call.Get<string>("--beside") is { } other ? desk.Release(other) : release,
                share)
            : [new Route(release.Digest, 100)];
        if (routes.All(r => r.Release != release.Digest))
            throw call.Wrong(
                $"{release.Name} is no part of that canary: "
                + $"{string.Join(", ", routes.Select(r => desk.NameOf(r.Release)))} are");
        if (routes.Select(r => r.Release).Distinct().Count() != routes.Length)
            throw call.Wrong($"{release.Name} runs there already, and is the new release too",
                "name the new one: --beside NEW");
        var head = desk.State.Environment(place.System, place.Environment).Head;
        var policies = desk.State.PoliciesFor(place.System, place.Environment);
        var shown = Shown.Document(desk.State, release, place.System, place.Environment, act, routes, now);
        if (!call.Terminal.Json)
        {
            var t = call.Terminal;
            t.Line($"{Deployment.Actions[act]} {Terminal.Bold(release.Name)} {release.Digest} → {place}");
            t.Line("made of");
            t.Table(release.Components.Select(c =>
                new[] { c.Role, c.Name, c.Digest.Short, PolicyInput.Name(desk.State.StrengthOf(c.Digest)) }), "  ");
            t.Line("evaluations");
            t.Table(desk.Metrics(release).DefaultIfEmpty(["none: no check of it is stated"]), "  ");
            // Both as the document has them, whose digest is signed.
            if (PolicyInput.ValidWaivers(desk.State, release, place.System, place.Environment, now).ToArray()
                is { Length: > 0 } waivers)
            {
                t.Line("waived");
                t.Table(waivers.Select(w => new[] { $"rule {w.Waiver.Rule}", $"until {Terminal.Time(w.Expires)}",
                    $"by {w.By.Member[..8]}…", $"entry {w.By.Entry}" }), "  ");
            }
            if (Attestations.InForce(desk.State, place.System, release.Digest, now).ToArray()
                is { Length: > 0 } words)
            {
                t.Line("people's words on controls");
                t.Table(words.Select(w => new[] { w.Attestation.Control,
                    $"until {Terminal.Time(w.Attestation.Expires!.Value)}", $"by {w.By.Member[..8]}…",
                    $"entry {w.By.Entry}" }), "  ");
            }
            if (routes.Length > 1) t.Line($"shares  {Shares(routes, desk)}");
            t.Line(
                $"head  {(head is null ? "none yet" : $"entry {head.Entry}: {string.Join(", ", head.Routes.Select(r => desk.NameOf(r.Release)))}")}");
            t.Line(
                $"policies in force  {(policies.IsEmpty ? "none: nothing can be deployed there" : string.Join(", ", policies.Select(p => p.Short)))}");
            if (ask && !await t.Confirm("approve this?", call.Stop))
                throw new CliError("not approved: nothing was signed");
        }
        return await desk.Submit(new Approval(release.Digest, place.System, place.Environment, act, routes,
            head?.Entry, policies, Digest.Of(shown.ToBytes()), expires)
        {
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = now
        }, $"approved: {Deployment.Actions[act]} {release.Name} → {place}, until {Terminal.Time(expires)}");
    }

    static async Task<int> Withdraw(Call call)
    {
        var entry = call.Get<long>("entry");
        await using var desk = await Desk.Open(call);
        if (!desk.State.Approvals.TryGetValue(entry, out var given))
            throw new CliError($"entry {entry} gave no approval",
                "stele release show RELEASE lists approvals, and their entries");
        var (a, place) = (given.Approval, State.Place(given.Approval.System, given.Approval.Environment));
        if (given.By.Member != desk.Member)
            throw new CliError($"the approval of entry {entry} is not yours: its giver alone takes it back",
                "an owner can take the giver's role or key away: stele member list");
        if (given.Withdrawn is { } by)
        {
            call.Terminal.Result(Json.Object(("entry", by.Entry), ("done", "nothing: it is so already")),
                () => call.Terminal.Line($"you took it back already, in entry {by.Entry}"));
            return 0;
        }
        return await desk.Submit(a with
        {
            Expires = null,
            Replaces = entry,
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        },
            $"your approval is taken back: {Spell(a, desk)} {desk.NameOf(a.Release)} → {place}");
    }

    /// <summary>What an approval lets happen: the action, and a canary's shares.</summary>
    public static string Spell(Approval a, Desk desk) => a.Routes.Length > 1
        ? $"{Deployment.Actions[a.Action]} ({Shares(a.Routes, desk)})"
        : Deployment.Actions[a.Action];

    static string Shares(ImmutableArray<Route> routes, Desk desk) =>
        string.Join(", ", routes.Select(r => $"{desk.NameOf(r.Release)} {r.Weight} %"));
}
