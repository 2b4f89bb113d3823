using System.CommandLine;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

/// <summary>
/// What stands for a scope: a policy in force, and a candidate for it that is watched first, then decides for a share
/// of principals, and then for all.
/// </summary>
static class PolicyRollout
{
    static Argument<string> Scope => new("scope");
    static Option<string> Draft => new("--draft")
    {
        HelpName = "NEW",
        Description = "sign it into this new file instead of handing it in, for further owners: stele policy sign FILE"
    };

    public static Verb Set => new("set", "put a policy in force for a scope, or make it a candidate (owners)", """
        stele policy set FILE|DIGEST [--for SYSTEM[/ENV]] [--set NAME=VALUE]...
        stele policy set FILE|DIGEST --observe [--for SYSTEM[/ENV]]
        stele policy set FILE|DIGEST --share N [--for SYSTEM[/ENV]] [--draft NEW]

        A FILE is compiled and frozen first; bundle:NAME is one that comes with the program. The statement names the entry it replaces, so an old one can't be played again; the
        policies in force judge the change themselves, and see whether it loosens anything.

        With --observe the policy in force stays, and this one becomes its candidate: it is asked about everything, refuses nothing,
        and what it would have said is recorded with every decision and verdict. With --share it decides for so many in a hundred of the
        gateway's principals, in the place of the policy in force, and is only asked for the others; deployments it never decides.
        stele policy status counts what it would have refused; stele policy promote puts it in force.

        Where more than one owner must sign, --draft writes the signed statement to a file instead of handing it in.
        """,
        [
            new Argument<string>("file|digest"), new Option<string>("--for")
            {
                HelpName = "SCOPE",
                Description = "a system, or one environment of it; the whole ledger unless given"
            },
            new Option<bool>("--observe") { Description = "as the candidate, which is asked and decides nothing" },
            new Option<int?>("--share")
            {
                HelpName = "N",
                Description =
                    "as the candidate, which decides for N percent of principals: the same ones for as long as it "
                    + "stands, and more of them the larger N is"
            }, Draft, Sets.Option,
        ], Put) { Needs = "the role owner" };

    public static Verb Promote => new("promote", "put a scope's candidate in force (owners)", """
        stele policy promote SCOPE [--draft NEW]

        SCOPE is a system, one environment of it, or * for the whole ledger. The candidate takes the place of the policy in force; no candidate is left.
        """, [Scope, Draft], PromoteIt) { Needs = "the role owner" };

    public static Verb Remove => new("remove", "take a scope's policy, or its candidate, away (owners)", """
        stele policy remove SCOPE [--candidate] [--draft NEW]

        SCOPE is a system, one environment of it, or * for the whole ledger. A scope without a policy is under those of the wider ones alone;
        where there is none at all, nothing can be deployed.
        """, [Scope, new Option<bool>("--candidate") { Description = "the candidate alone; what is in force stays" }, Draft], RemoveIt) { Needs = "the role owner" };

    public static Verb Sign => new("sign", "co-sign a change of policy, and hand it in (owners)", """
        stele policy sign FILE

        FILE is what stele policy set, promote or remove wrote with --draft. Shows what it changes, adds your signature to it, and hands it in. If more owners
        must sign, it is refused and FILE has your signature too: the next one does the same. A statement is good for a day.
        """, [new Argument<string>("file")], SignIt) { Needs = "the role owner" };

    public static Verb List => new("list", "which policies are in force where, and which candidates they have", """
        stele policy list

        Each scope with the digest of the policy in force for it, the entry that put it there, and its candidate. stele policy status says how the candidates do.
        """, [], ListAll);

    public static Verb Status => new("status", "what the candidates would have changed so far", """
        stele policy status [SCOPE]

        For each candidate since it stands: how many admitted deployments it would have refused, and of recorded decisions, how many of those let through it would
        have refused or held, and of those refused it would have let through; and for whom it decides already. Decision logs are asked of their node,
        or read from its folder if that is on this machine.
        """, [new Argument<string>("scope") { Arity = ArgumentArity.ZeroOrOne }], StatusOf);

    static async Task<int> Put(Call call)
    {
        var given = call.Need("file|digest");
        var isFile = PolicyText.Is(given);
        var digest = default(Digest);
        if (!isFile && !Digest.TryParse(given, out digest))
            throw call.Wrong($"'{given}' is neither a file nor a digest", "stele policy set FILE --for SYSTEM");
        var share = call.Get<int?>("--share");
        if (share is < 1 or > PolicyStatement.WholeShare)
            throw call.Wrong("--share takes percent: 1 to 100", "to have it decide nothing: --observe");
        if (share is not null && call.Get<bool>("--observe"))
            throw call.Wrong("either --observe, or --share",
                "a candidate that decides for some is observed for the others");
        var asCandidate = share is not null || call.Get<bool>("--observe");
        await using var desk = await Desk.Open(call);
        desk.Hold(RoleName.Owner);
        var (system, environment) = Parsing.Scope(call.Get<string>("--for"), desk.State);
        var name = given;
        if (isFile)
        {
            var (_, policy) = await PolicySource.Freeze(desk.Blobs, given, await PolicyText.Read(call, given),
                Sets.Of(call, desk), call.Stop);
            (digest, name) = (policy.Digest, policy.Name);
        }
        var present = desk.State.Policies.GetValueOrDefault(State.Scopes(system, environment)[^1]);
        if (asCandidate
            ? present?.Candidate == digest && present.Share == (share ?? 0)
            : present?.Policy == digest && present.Candidate != digest)
        {
            var so = asCandidate
                ? $"policy {name} {digest.Short} is the candidate there already, {Words(present!.Share)}"
                : $"policy {name} {digest.Short} is in force there already, since entry {present!.Entry}";
            call.Terminal.Result(Json.Object(("entry", present.Entry), ("policy", digest),
                ("done", "nothing: it is so already")), () => call.Terminal.Line(so));
            return 0;
        }
        if (asCandidate && present?.Policy == digest)
            throw new CliError($"policy {name} {digest.Short} is in force there already: nothing is to be watched",
                "stele policy list");
        return asCandidate ? await Submit(call, desk, system, environment, present?.Policy, digest, share ?? 0,
            $"policy {name} {digest.Short} is the candidate for {Of(system, environment)}, {Words(share ?? 0)}")
            // The candidate stays when another policy is put in force, unless it is the one put in force.
            : await Submit(call, desk, system, environment, digest,
                present?.Candidate == digest ? null : present?.Candidate, present?.Candidate == digest
                    ? 0
                    : present?.Share ?? 0, $"policy {name} {digest.Short} is in force for {Of(system, environment)}");
    }

    static async Task<int> Submit(Call call, Desk desk, string? system, string? environment, Digest? policy,
        Digest? candidate, int share, string done)
    {
        var statement = new PolicyStatement(system, environment,
            desk.State.Policies.GetValueOrDefault(State.Scopes(system, environment)[^1])?.Entry, policy, candidate,
            share)
        {
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        };
        if (call.Get<string>("--draft") is not { } draft) return await desk.Submit(statement, done);
        if (System.IO.Path.Exists(draft)) throw call.Wrong($"{draft} is there already");
        using var key = desk.Home.Key();
        Disk.Files.Write(draft, Envelope.Sign(statement.Encode(), key).ToJson().ToBytes());
        call.Terminal.Result(Json.Object(("draft", draft), ("identity", statement.Identity), ("signatures", 1)),
            () => call.Terminal.Line(
                $"{draft} is signed by you and not handed in; the next owner: stele policy sign {draft}"));
        return 0;
    }

    static async Task<int> SignIt(Call call)
    {
        var file = call.NeedFile("file");
        await using var desk = await Desk.Open(call);
        desk.Hold(RoleName.Owner);
        Envelope envelope;
        PolicyStatement statement;
        try
        {
            envelope = Envelope.Parse(await File.ReadAllBytesAsync(file, call.Stop));
            statement = StatementKinds.Parse(envelope.Payload) as PolicyStatement
                ?? throw new FormatException("it is no change of a policy");
        }
        catch (Exception e) when (e is FormatException or UnknownKindException)
        {
            throw new CliError($"{file} is not what --draft writes: {e.Message}", "stele policy set FILE --draft NEW");
        }
        var scope = State.Scopes(statement.System, statement.Environment)[^1];
        var present = desk.State.Policies.GetValueOrDefault(scope);
        if (statement.Ledger != desk.State.Ledger || statement.Replaces != present?.Entry)
            throw new CliError("it was made for what stood before: something else was stated since",
                "have it written again, with --draft");
        call.Terminal.Note(
            $"for {Spell(scope)}: policy {present?.Policy?.ToString() ?? "(none)"} → "
            + $"{statement.Policy?.ToString() ?? "(none)"}{(statement.Candidate is { } c ? $"; candidate {c}, {Words(statement.Share)}" : present?.Candidate is null ? "" : "; no candidate")}");
        using var key = desk.Home.Key();
        envelope = envelope.SignedAlso(key);
        Disk.Files.Write(file, envelope.ToJson().ToBytes());
        var (entry, leaf) = await desk.HandIn(envelope);
        call.Terminal.Result(Json.Object(("entry", entry), ("leaf", leaf), ("identity", statement.Identity),
            ("signatures", envelope.Signatures.Length)),
            () =>
                call.Terminal.Line(
                    $"it stands, signed by {envelope.Signatures.Length} owners  "
                    + $"{Terminal.Dim($"entry {entry} {leaf.Short}")}"));
        return 0;
    }

    static string Of(string? system, string? environment) => Spell(State.Scopes(system, environment)[^1]);
    static string Spell(string scope) => scope == "*" ? "the whole ledger" : scope;
    static string Words(int share) => share == 0 ? "only watched" : share == PolicyStatement.WholeShare
        ? "and decides for all principals" : $"and decides for {share} % of principals";

    static (string? System, string? Environment, PolicyFact Fact) Standing(Call call, Desk desk)
    {
        var scope = call.Need("scope");
        var (system, environment) = Parsing.Scope(scope == "*" ? null : scope, desk.State);
        return (system, environment, desk.State.Policies.GetValueOrDefault(scope)
            ?? throw new CliError($"no policy stands for {Spell(scope)}", "stele policy list shows which do"));
    }

    static async Task<int> PromoteIt(Call call)
    {
        await using var desk = await Desk.Open(call);
        desk.Hold(RoleName.Owner);
        var (system, environment, fact) = Standing(call, desk);
        if (fact.Candidate is not { } candidate)
            throw new CliError($"{Of(system, environment)} has no candidate",
                "stele policy set FILE --observe --for SCOPE makes one");
        return await Submit(call, desk, system, environment, candidate, null, 0,
            $"policy {candidate.Short} is in force for {Of(system, environment)}");
    }

    static async Task<int> RemoveIt(Call call)
    {
        await using var desk = await Desk.Open(call);
        desk.Hold(RoleName.Owner);
        var (system, environment, fact) = Standing(call, desk);
        var candidate = call.Get<bool>("--candidate");
        if (candidate ? fact.Candidate is null : fact.Policy is null)
            throw new CliError($"{Of(system, environment)} has no {(candidate ? "candidate" : "policy")}",
                "stele policy list");
        return candidate ? await Submit(call, desk, system, environment, fact.Policy, null, 0,
            $"{Of(system, environment)} has no candidate any more")
            : await Submit(call, desk, system, environment, null, fact.Candidate, fact.Share,
                $"{Of(system, environment)} has no policy of its own any more");
    }

    static async Task<int> ListAll(Call call)
    {
        await using var desk = await Desk.Open(call);
        var policies = desk.State.Policies;
        call.Terminal.Result(
            Json.Object(
                ("policies",
                    Json.Array(policies.Select(p => Json.Object(("scope", p.Key), ("entry", p.Value.Entry),
                ("policy", p.Value.Policy is { } d ? Json.Of(d) : null),
                ("candidate", p.Value.Candidate is { } c ? Json.Of(c) : null),
                ("share", p.Value.Candidate is null ? null : Json.Of(p.Value.Share))))))),
            () =>
                call.Terminal.Table(policies.IsEmpty
                ? [["none is in force, and without one nothing can be deployed; an owner sets one: stele policy set "
                    + "FILE --for SYSTEM"]]
                : policies.SelectMany(p =>
                    new[] { new[] { Spell(p.Key), p.Value.Policy?.ToString() ?? "(none)", $"entry {p.Value.Entry}" } }
                    .Concat(p.Value.Candidate is { } c
                        ? [["", c.ToString(), $"candidate, {Words(p.Value.Share)}"]]
                        : Array.Empty<string[]>()))));
        return 0;
    }

    /// <summary>What a candidate would have made of what came since it stands.</summary>
    sealed class Watched(string scope, PolicyFact fact, long since)
    {
        public string Scope => scope;
        public PolicyFact Fact => fact;
        public long Since => since;
        public long Acts { get; set; }
        public long ActsRefused { get; set; }
        public long Asked { get; set; }
        public long Refused { get; set; }
        public long Allowed { get; set; }
        public long Decided { get; set; }
        public long DecidedRefused { get; set; }
        public SortedDictionary<string, long> Rules { get; } = new(StringComparer.Ordinal);

        public Json ToJson() =>
            Json.Object(("scope", scope), ("candidate", fact.Candidate!.Value), ("share", fact.Share), ("since", since),
            ("deployments", Json.Object(("judged", Acts), ("wouldRefuse", ActsRefused))),
            ("decisions", Json.Object(("watched", Asked), ("wouldRefuse", Refused), ("wouldAllow", Allowed),
                ("decided", Decided), ("refused", DecidedRefused))),
            ("rules", Json.Object(Rules.Select(r => KeyValuePair.Create(r.Key, Json.Of(r.Value))))));
    }

    static async Task<int> StatusOf(Call call)
    {
        await using var desk = await Desk.Open(call);
        var only = call.Get<string>("scope");
        if (only is not null and not "*") Parsing.Scope(only, desk.State);
        var watched = desk.State.Policies.Where(p => p.Value.Candidate is not null && (only is null || p.Key == only))
            .Select(p => new Watched(p.Key, p.Value, Since(desk, p.Key, p.Value))).ToArray();
        foreach (var w in watched)
            foreach (var folded in desk.Replay.Of<Deployment>(w.Since))
                if (folded is { Statement: Deployment d, Judgement: { } judgement }
                    && State.Scopes(d.System, d.Environment).Contains(w.Scope)
                    && judgement.Would.Any(r => r.Policy == w.Fact.Candidate))
                {
                    w.Acts++;
                    if (judgement.Would.Any(r => r.Policy == w.Fact.Candidate && !r.Allows)) w.ActsRefused++;
                }

        using var node = desk.Home.Gateway is { } url ? new NodeClient(url, desk.Home.NodeToken) : null;
        using var folders = new AuditVerb.Folders();
        var unseen = new List<string>();
        foreach (var log in desk.State.Logs.Values)
        {
            var here = watched.Where(w => State.Scopes(log.System, log.Environment).Contains(w.Scope)).ToArray();
            if (here.Length == 0) continue;
            call.Terminal.Progress($"reading {log.Origin}");
            try
            {
                if (await AuditVerb.Have(call, node, log, folders) is not { } packed) continue;
                await Task.Run(() =>
                {
                    foreach (var leaf in packed.Leaves) Count(Decision.Parse(leaf), here);
                }, call.Stop);
            }
            catch (CliError)
            {
                unseen.Add(log.Origin);
            }
        }
        call.Terminal.Result(Json.Object(("candidates", Json.Array(watched.Select(w => w.ToJson()))),
            ("unseen", Json.Array(unseen.Select(u => Json.Of(u))))), () => Tell(call.Terminal, watched, unseen));
        return 0;
    }

    /// <summary>The entry that first put this candidate there, in the row that ends with what stands now.</summary>
    static long Since(Desk desk, string scope, PolicyFact fact)
    {
        var since = fact.Entry;
        for (var before = since; desk.Replay.At(before).Policies.GetValueOrDefault(scope) is { } f
            && f.Candidate == fact.Candidate; before = f.Entry) since = f.Entry;
        return since;
    }

    static void Count(Decision d, Watched[] watched)
    {
        if (d.Kind == DecisionKind.Close) return;
        var refused = d.Outcome is DecisionOutcome.Deny or DecisionOutcome.Hold;
        foreach (var w in watched)
        {
            if (d.Size <= w.Since) continue;
            if (d.Policies.Contains(w.Fact.Candidate!.Value))
            {
                w.Decided++;
                if (refused) w.DecidedRefused++;
            }
            if (d.Would.FirstOrDefault(x => x.Policy == w.Fact.Candidate) is not { } would) continue;
            w.Asked++;
            if (would.Refuses == refused) continue;
            if (refused) w.Allowed++;
            else w.Refused++;
            if (would.Refuses && would.Rule is { } rule) w.Rules[rule] = w.Rules.GetValueOrDefault(rule) + 1;
        }
    }

    static void Tell(Terminal t, Watched[] watched, List<string> unseen)
    {
        if (watched.Length == 0)
            t.Line("no candidate stands; an owner makes one: stele policy set FILE --observe --for SYSTEM");
        foreach (var w in watched)
        {
            t.Line(
                $"{Terminal.Bold(Spell(w.Scope))}  candidate {w.Fact.Candidate!.Value.Short}, {Words(w.Fact.Share)}, "
                + $"since entry {w.Since}");
            t.Table(
            [
                ["deployments", $"{w.Acts} admitted, {w.ActsRefused} of them it would have refused"],
                ["decisions",
                    $"{w.Asked} watched: {w.Refused} let through that it would have refused, {w.Allowed} refused "
                    + $"that it would have let through"],
                .. w.Decided > 0
                    ? new[] { new[] { "", $"{w.Decided} decided by it, {w.DecidedRefused} of them refused" } }
                    : [],
                .. w.Rules.Select(r => new[] { "", $"{r.Value} by its rule {r.Key}" }),
            ]);
        }
        foreach (var log in unseen)
            t.Line(Terminal.Yellow($"not counted: {log}: no node gives it, and its folder is not on this machine"));
        if (watched.Length > 0)
            t.Line(Terminal.Dim(
                "put one in force: stele policy promote SCOPE; take it away: stele policy remove SCOPE --candidate"));
    }
}
