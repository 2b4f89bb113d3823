using System.Collections.Immutable;
using System.CommandLine;
using Stele.Gateway;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Decisions;

namespace Stele.Cli;

static class EraseVerb
{
    public static Verb Verb => new("erase", "destroy what opens a decision's or a person's records (owners)", """
        stele erase DECISION... [--reason TEXT]
        stele erase --subject TAG|PRINCIPAL [--reason TEXT]

        Destroys, on the node, the keys of what was asked and answered and the salts of its commitments: nobody can open or guess it any
        more. The records stay, and every proof of them. Then you state in the ledger how many were erased; which ones stands there
        only as a salted digest. With --subject it is everything about one person: whom callers tagged with the Stele-Subject header,
        or a principal, whose token goes too.

        A legal hold on any of it forbids it all. Nothing is stated before it is durably destroyed; broken off anywhere, the same command
        typed again finishes it, and nothing is counted twice. It can't be undone.
        """,
        [
            new Argument<string[]>("decision") { Arity = ArgumentArity.ZeroOrMore },
            new Option<string>("--subject") { HelpName = "TAG|PRINCIPAL", Description = "everything about the person whom callers tagged so, or everything that this principal asked for" },
            new Option<string>("--reason") { HelpName = "TEXT", Description = "why; kept on the node in a file of its own, which may be deleted. The ledger commits to it" },
        ], Run) { Needs = "the role owner and the node's own token; or to be run where the node's folder is, with the node stopped" };

    static async Task<int> Run(Call call)
    {
        var decisions = (call.Get<string[]>("decision") ?? []).Distinct(StringComparer.Ordinal).ToImmutableArray();
        var subject = call.Get<string>("--subject");
        if (decisions.IsEmpty == (subject is null)) throw call.Wrong(subject is null ? "say what to erase" : "either decisions, or --subject", "stele erase DECISION, as the answer's Stele-Decision header names it; or stele erase --subject TAG");
        if (subject is { Length: 0 }) throw call.Wrong("--subject takes a tag, or a principal's id");
        var reason = call.Get<string>("--reason");
        if (reason is { Length: > ErasureRequest.MaxReason }) throw call.Wrong($"--reason takes at most {ErasureRequest.MaxReason} characters");
        await using var desk = await Desk.Open(call);
        desk.Hold("owner");
        foreach (var id in decisions)
            if (!Decision.TryParseId(id, out var log, out _) || !desk.State.Logs.ContainsKey(log)) throw call.Wrong($"'{id}' is not a decision of a log that this ledger knows", "take it from the answer's Stele-Decision header");
        var answer = await OnNode(call, desk, new ErasureRequest(decisions, subject, null, reason, desk.State.Size));
        var stated = await State(call, desk, answer);
        call.Terminal.Result(ToJson(answer, stated), () =>
        {
            Tell(call.Terminal, answer, stated);
            if (answer is { Destroyed: 0, Finished: 0 } && stated is { Entries: [], Waiting: 0 })
                call.Terminal.Line(answer.Already > 0 ? $"nothing is left to erase: {(answer.Already == 1 ? "it was" : $"all {answer.Already} were")} erased before" : "nothing was found to erase");
        });
        return 0;
    }

    /// <summary>Has the node erase; where none answers, does it in its folder, if that is here and its node is stopped.</summary>
    public static async Task<ErasureAnswer> OnNode(Call call, Desk desk, ErasureRequest request)
    {
        call.Terminal.Progress("erasing");
        NodeClient.SilentException? silent = null;
        if (desk.Home.Gateway is { } url)
            try
            {
                using var node = new NodeClient(url, desk.Home.NodeToken);
                return await node.Erase(request, call.Clock, call.Stop);
            }
            catch (NodeClient.SilentException e)
            {
                silent = e;
            }
        var folder = new NodeFolder(System.IO.Path.Combine(call.DataHere, "node"));
        if (!Directory.Exists(folder.Path)) throw silent?.Error ?? new CliError("no node is known to this home, and none is in this data folder", "stele login URL --gateway URL --node-token TOKEN; or run this where the node's folder is: --data DIR");
        using var alone = NodePruning.Alone(folder);
        var opened = new Dictionary<string, (Recorder Recorder, IDisposable? Opened)?>(StringComparer.Ordinal);
        try
        {
            // Opened once for all steps; none of them closes it.
            return new Erasures(folder, origin => (opened.TryGetValue(origin, out var there) ? there : opened[origin] = Erasures.Open(folder, origin, call.Clock)) is var (recorder, _) ? (recorder, null) : null)
                .Run(request, desk.State, call.Now);
        }
        catch (GatewayException e)
        {
            throw new CliError($"refused ({e.Error.Row().Name}): {e.Message}", e.Error.Row().Hint);
        }
        finally
        {
            foreach (var log in opened.Values) log?.Opened?.Dispose();
        }
    }

    /// <summary>States every erasure that the node has done and the ledger does not have yet. Entries, with how many records each is about.</summary>
    public static async Task<Stated> State(Call call, Desk desk, ErasureAnswer answer)
    {
        var stated = new List<(long, string, long)>();
        var waiting = 0L;
        var until = call.Clock.GetUtcNow() + TimeSpan.FromSeconds(15);
        foreach (var claim in answer.Claims)
        {
            if (desk.State.Erasures.ContainsKey(claim["list"].AsDigest)) continue;
            // What the ledger does not anchor yet it takes no word about. The node anchors when it has erased, if it runs.
            bool Anchored() => desk.State.Logs[claim["log"].AsString].Anchor?.Size >= claim["to"].AsInt;
            for (; !Anchored() && call.Clock.GetUtcNow() < until; await desk.Sync())
            {
                call.Terminal.Progress("waiting for the node to anchor its log");
                await Task.Delay(TimeSpan.FromMilliseconds(100), call.Clock, call.Stop);
            }
            if (!Anchored())
            {
                waiting += claim["count"].AsInt;
                continue;
            }
            var (entry, _) = await desk.Sign(ErasureRecord.Statement(claim, desk.State, Home.NewId(), call.Now));
            stated.Add((entry, claim["log"].AsString, claim["count"].AsInt));
        }
        return new(stated, waiting);
    }

    /// <param name="Entries">What the ledger states now.</param>
    /// <param name="Waiting">How many records more were erased, of which it can be told when their log is anchored.</param>
    public sealed record Stated(IReadOnlyList<(long Entry, string Log, long Count)> Entries, long Waiting);

    public static Json ToJson(ErasureAnswer answer, Stated stated) => Json.Object(
        ("destroyed", answer.Destroyed), ("already", answer.Already), ("held", answer.Held), ("finished", answer.Finished), ("waiting", stated.Waiting),
        ("entries", Json.Array(stated.Entries.Select(s => Json.Object(("entry", s.Entry), ("log", s.Log), ("count", s.Count))))));

    public static void Tell(Terminal t, ErasureAnswer answer, Stated stated)
    {
        if (answer.Finished > 0) t.Line($"finished what a call before had begun: {Records(answer.Finished)}");
        if (answer.Destroyed > 0) t.Line($"erased {Records(answer.Destroyed)}: keys and salts are destroyed; every proof stands");
        if (answer.Held > 0) t.Line($"left {Records(answer.Held)} whose time is over: a legal hold covers {(answer.Held == 1 ? "it" : "them")}");
        foreach (var (entry, log, count) in stated.Entries) t.Line($"stated in entry {entry}: {Records(count)} of {log}");
        if (stated.Waiting > 0) t.Line($"not stated yet: {Records(stated.Waiting)}, as the ledger does not anchor them yet; when the node has anchored its log, type the same again");
    }

    static string Records(long n) => n == 1 ? "1 record" : $"{n} records";
}
