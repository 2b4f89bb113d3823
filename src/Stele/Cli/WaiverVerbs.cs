using System.Collections.Immutable;
using System.CommandLine;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class WaiverVerbs
{
    public static Verb Waive => new("waive", "let one rule pass for one release, for a while (approvers)", """
        stele waive RULE RELEASE SYSTEM/ENV --for TIME --reason TEXT [--policy DIGEST]

        A waiver names one rule of one policy in force, one release and one environment, and ends by itself: after that it counts no longer for admissions,
        and an environment that still stands on it is shown as lapsed. Every verdict that used it names it. Never given by an author of the release.
        """,
        [
            new Argument<string>("rule"), new Argument<string>("release"), new Argument<string>("system/env"),
            new Option<string>("--for")
            {
                HelpName = "TIME",
                Description =
                    "how long: a number and s, m, h, d or w, as in 7d; at most 90d, there is no waiver without an end"
            },
            new Option<string>("--reason")
            {
                HelpName = "TEXT",
                Description = "why; kept in your home, the ledger commits to it"
            },
            new Option<string>("--policy")
            {
                HelpName = "DIGEST",
                Description = "the policy whose rule it is; needed where two in force have a rule of that name"
            },
        ], Waiving) { Needs = "the role approver for the environment" };

    public static Verb Verb => Verb.Group("waiver", "waivers that were given, and what leans on them", """
        A waiver is given with stele waive, and ends by itself; it can be taken back before.
        """,
        new Verb("withdraw", "take a waiver back (approvers)", """
            stele waiver withdraw ENTRY [--reason TEXT]

            From this entry on the waiver that ENTRY gave counts no longer: no deployment passes by it, and an environment that stands on it is
            shown as lapsed. A member who may approve for its place may take it back, no matter who gave it. What is to pass after all takes a new waiver.
            """,
            [
                new Argument<long>("entry"),
                new Option<string>("--reason")
                {
                    HelpName = "TEXT",
                    Description = "why; kept in your home, the ledger commits to it"
                },
            ], Withdraw) { Needs = "the role approver for the environment" },
        new Verb("list", "which stand, which do not, and what leans on them", """
            stele waiver list [SYSTEM/ENV] [--all]

            Each with the entry that gave it, the rule, release and place, until when, and the deployments that used it. One that has lapsed is shown as long
            as an environment stands on a deployment that used it; with --all, all are shown.
            """,
            [
                new Argument<string>("system/env") { Arity = ArgumentArity.ZeroOrOne },
                new Option<bool>(
                    "--all") { Description = "those too that do not count any more and that nothing leans on" },
            ], List));

    static async Task<int> Waiving(Call call)
    {
        var lasting =
            Parsing.Duration(call.Get<string>("--for") ?? throw call.Wrong("a waiver needs an end: --for TIME"),
            "--for");
        if (lasting > Fold.MaxWaiver)
            throw call.Wrong($"a waiver lasts at most {Fold.MaxWaiver / 86_400_000} days",
                "what must be let pass for longer is a matter of the policy: stele policy set");
        var reason = call.Get<string>("--reason") is { Length: > 0 } text
            ? text
            : throw call.Wrong("a waiver needs a reason: --reason TEXT");
        Digest? given = call.Get<string>("--policy") is { } p ? Parsing.Digest(p, "a policy") : null;
        await using var desk = await Desk.Open(call);
        var place = Place.Known(call.Need("system/env"), desk.State);
        var release = desk.Release(call.Need("release"));
        var rule = call.Need("rule");
        var policy = given ?? desk.PolicyWithRule(place, rule);
        var now = call.Now;
        // A retry: one that lasts about as long stands already.
        if (desk.State.Waivers.Values
            .Where(w =>
                (w.Waiver.Release, w.Waiver.System, w.Waiver.Environment, w.Waiver.Policy, w.Waiver.Rule)
                    == (release.Digest, place.System, place.Environment, policy, rule) && desk.State.Stands(w, now))
            .MaxBy(w => w.Expires) is { } standing && standing.Expires >= now + lasting - Math.Min(60_000, lasting / 2))
        {
            call.Terminal.Result(Json.Object(("entry", standing.By.Entry), ("done", "nothing: it is so already")),
                () =>
                    call.Terminal.Line(
                        $"rule {rule} is waived for {release.Name} in {place} already, by entry {standing.By.Entry}, "
                        + $"until {Terminal.Time(standing.Expires)}"));
            return 0;
        }
        desk.Hold(RoleName.Approver, place.System, place.Environment);
        var expires = now + lasting;
        return await desk.Submit(new Waiver(release.Digest, place.System, place.Environment, policy, rule, expires,
            Reasons.Keep(desk.Home, reason)!.Value)
        {
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        }, $"waived rule {rule} for {release.Name} in {place}, until {Terminal.Time(expires)}");
    }

    static async Task<int> Withdraw(Call call)
    {
        var entry = call.Get<long>("entry");
        await using var desk = await Desk.Open(call);
        if (!desk.State.Waivers.TryGetValue(entry, out var given))
            throw new CliError($"entry {entry} gave no waiver",
                "stele waiver list shows those that stand, and their entries");
        var (w, place) = (given.Waiver, State.Place(given.Waiver.System, given.Waiver.Environment));
        if (given.Withdrawn is { } by)
        {
            call.Terminal.Result(Json.Object(("entry", by.Entry), ("done", "nothing: it is so already")),
                () => call.Terminal.Line(
                    $"the waiver of rule {w.Rule} in {place} was taken back already, in entry {by.Entry}"));
            return 0;
        }
        desk.Hold(RoleName.Approver, w.System, w.Environment);
        return await desk.Submit(w with
        {
            Expires = null,
            Reason = Reasons.Keep(desk.Home, call.Get<string>("--reason")),
            Replaces = entry,
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        },
            $"the waiver of rule {w.Rule} for {desk.NameOf(w.Release)} in {place} is taken back");
    }

    static async Task<int> List(Call call)
    {
        await using var desk = await Desk.Open(call);
        var place = call.Get<string>("system/env") is { } text ? Place.Known(text, desk.State) : null;
        var all = call.Get<bool>("--all");
        ReadWaiver[] found = [.. WaiverList.Of(desk.Replay, call.Now, w => place is null
            || (w.Waiver.System, w.Waiver.Environment) == (place.System, place.Environment)).Waivers
            .Where(w => all || w.Waiver.Standing == WaiverStanding.Stands || w.Head is not null)
            .Select(w => new ReadWaiver(w, Reasons.Find(desk.Home, w.Waiver.Reason)))];
        call.Terminal.Result(new ReadWaivers([.. found]).ToJson(), () =>
        {
            var t = call.Terminal;
            if (found.Length == 0)
                t.Line(all
                    ? "no waiver was given"
                    : "no waiver stands, and nothing leans on one; --all shows those that have ended");
            foreach (var (listed, text) in found)
            {
                var w = listed.Waiver;
                var stands = w.Standing == WaiverStanding.Stands;
                t.Line(
                    $"{(stands ? Terminal.Bold("stands") : Terminal.Red(ViewJson.Name(w.Standing)))}  rule "
                    + $"{w.Rule} for {w.Name ?? w.Release.Short} in {w.Place}  {Terminal.Dim($"entry {w.Entry}")}");
                var rows = new List<string[]> { new[] { stands ? "until" : "was until", Terminal.Time(w.Expires) },
                    new[] { "policy", w.Policy.ToString() }, new[] { "given by", w.By } };
                if (Why(w) is { } why) rows.Add(["counts", why]);
                if (text is not null) rows.Add(["reason", text]);
                rows.Add(["used by", listed.Deployments.IsEmpty ? "nothing" : string.Join(", ",
                    listed.Deployments.Select(e =>
                        $"entry {e}{(listed.Head == e ? ", on which the environment stands" : "")}"))]);
                t.Table(rows, "    ");
            }
        });
        return 0;
    }

    static string? Why(ShownWaiver w) => w.Standing switch
    {
        WaiverStanding.Revoked =>
            "no more: its giver's key or role was taken away, or the giver became an author of the release",
        WaiverStanding.Replaced => "no more: another policy is in force",
        WaiverStanding.Withdrawn => $"no more: taken back in entry {w.Withdrawn!.Entry}",
        _ => null,
    };

    /// <summary>A waiver that an environment stands on, as a row of its status.</summary>
    public static string[] Row(ShownWaiver w) => w.Standing switch
    {
        WaiverStanding.Stands =>
            ["waived", $"rule {w.Rule}, until {Terminal.Time(w.Expires)}, by the waiver in entry {w.Entry}"],
        WaiverStanding.Replaced =>
            ["waived",
                $"rule {w.Rule} of a policy that is no longer in force, by the waiver in entry {w.Entry}"],
        WaiverStanding.Withdrawn =>
            ["lapsed",
                $"it stands on the waiver of rule {w.Rule} in entry {w.Entry}, which entry {w.Withdrawn!.Entry} "
                + "took back"],
        WaiverStanding.Lapsed =>
            ["lapsed",
                $"it stands on the waiver of rule {w.Rule} in entry {w.Entry}, which ended "
                + $"{Terminal.Time(w.Expires)}"],
        _ => ["lapsed", $"it stands on the waiver of rule {w.Rule} in entry {w.Entry}, which counts no more"],
    };
}

/// <param name="Text">The reason, where this home has it.</param>
sealed record ReadWaiver([Inline] ListedWaiver Waiver, [WrittenNull] string? Text) : IView;

sealed record ReadWaivers(ImmutableArray<ReadWaiver> Waivers) : IView;
