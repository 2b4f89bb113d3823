using System.Collections.Immutable;
using System.CommandLine;
using Stele.Gateway;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class EraseVerb
{
    public static Option<string> Draft => new("--draft") { HelpName = "NEW", Description =
        "sign the orders into this new file, for further owners to sign: stele erase --sign NEW; nothing is "
        + "destroyed before they have" };

    public const string Needs =
        "the role owner and a token of the node with the right erase; or to be run where the node's folder is, with "
        + "the node stopped";

    public static Verb Verb => new("erase", "destroy what opens a decision's or a person's records (owners)", """
        stele erase DECISION... [--reason TEXT] [--draft NEW]
        stele erase --subject TAG|PRINCIPAL [--reason TEXT] [--draft NEW]
        stele erase --sign FILE
        stele erase --pending [--draft NEW]

        Destroys, on the node, the keys of what was asked and answered and the salts of its commitments: nobody can open or guess it any
        more. The records stay, and every proof of them. The ledger says how many were erased; which ones, only as a salted digest.
        With --subject it is everything about one person: the person whom callers tagged with the Stele-Subject header, or a principal,
        whose token goes too.

        The node plans first and destroys nothing. You sign the plan's statement: the order. The node checks it against the ledger,
        destroys, and hands it to the server. Where more owners must sign, --draft writes the order to a file; each further owner
        signs it with --sign, and the last one's command carries it out. An order is good for a day.

        A legal hold on any of it forbids it all. Broken off anywhere, the same command typed again finishes it, and nothing is counted
        twice. What was destroyed and is not stated yet, as stele status shows it, is stated by --pending. It can't be undone.
        """,
        [
            new Argument<string[]>("decision") { Arity = ArgumentArity.ZeroOrMore },
            new Option<string>("--subject")
            {
                HelpName = "TAG|PRINCIPAL",
                Description =
                    "everything about the person whom callers tagged so, or everything that this principal asked for"
            },
            new Option<string>("--reason")
            {
                HelpName = "TEXT",
                Description =
                    "why; kept on the node in a file of its own, which may be deleted. The ledger commits to it"
            },
            Draft,
            new Option<string>("--sign") { HelpName = "FILE", Description =
                "sign the orders that another owner wrote with --draft; carry them out if that is enough" },
            new Option<bool>("--pending") { Description =
                "order what was destroyed and is not stated yet, and nothing else" },
        ], Run) { Needs = Needs };

    static async Task<int> Run(Call call)
    {
        var decisions = (call.Get<string[]>("decision") ?? []).Distinct(StringComparer.Ordinal).ToImmutableArray();
        var (subject, sign, pending) = (call.Get<string>("--subject"), call.Get<string>("--sign"),
            call.Get<bool>("--pending"));
        var ways = (decisions.IsEmpty ? 0 : 1) + (subject is null ? 0 : 1) + (sign is null ? 0 : 1) + (pending ? 1 : 0);
        if (ways != 1) throw call.Wrong(ways == 0 ? "say what to erase"
            : "one of: decisions, --subject, --sign, --pending",
            "stele erase DECISION, as the answer's Stele-Decision header names it; or stele erase --subject TAG");
        if (subject is { Length: 0 }) throw call.Wrong("--subject takes a tag, or a principal's id");
        var reason = call.Get<string>("--reason");
        if (reason is { Length: > ErasureRequest.MaxReason })
            throw call.Wrong($"--reason takes at most {ErasureRequest.MaxReason} characters");
        await using var desk = await Desk.Open(call);
        desk.Hold(RoleName.Owner);
        if (sign is not null) return await SignAlso(call, desk, call.NeedFile("--sign"));
        foreach (var id in decisions)
            if (!Decision.TryParseId(id, out var log, out _) || !desk.State.Logs.ContainsKey(log))
                throw call.Wrong($"'{id}' is not a decision of a log that this ledger knows",
                    "take it from the answer's Stele-Decision header");
        using var orders = new ErasureOrders(call, desk);
        var done = await orders.Erase(new ErasureRequest(decisions, subject, null, reason, desk.State.Size));
        orders.Write();
        call.Terminal.Result(done.ToJson().With("draft", orders.File is { } file ? file : Json.Null), () =>
        {
            Tell(call.Terminal, done);
            orders.Tell();
            if (done is { Destroyed: 0, Plan.Finished: 0, Waiting: 0, Entries: [] } && orders.IsEmpty)
                call.Terminal.Line(done.Plan.Already > 0
                    ? $"nothing is left to erase: "
                    + $"{(done.Plan.Already == 1 ? "it was" : $"all {done.Plan.Already} were")} erased before"
                    : pending ? "nothing waits to be stated" : "nothing was found to erase");
        });
        return 0;
    }

    /// <summary>Adds this owner's signature to what others signed; carries it out once enough have.</summary>
    static async Task<int> SignAlso(Call call, Desk desk, string file)
    {
        using var orders = new ErasureOrders(call, desk);
        var signed = orders.SignAlso(file);
        var (destroyed, entries) = (0L, new List<Json>());
        foreach (var envelope in signed.Where(orders.IsEnough))
        {
            var (gone, entry) = await orders.Carry(envelope);
            destroyed += gone;
            entries.Add(Json.Of(entry));
        }
        var least = signed.Min(e => e.Signatures.Length);
        call.Terminal.Result(Json.Object(("destroyed", destroyed), ("entries", Json.Array(entries)),
            ("signatures", least), ("threshold", desk.State.Threshold)), () =>
        {
            if (entries.Count < signed.Length) call.Terminal.Line($"signed by {least} of {desk.State.Threshold} "
                + $"owners; nothing is destroyed yet. The next one: stele erase --sign {file}");
            else
            {
                if (destroyed > 0) call.Terminal.Line($"erased {Records(destroyed)}: keys and salts are destroyed; "
                    + $"every proof stands");
                call.Terminal.Line($"stated in {(entries.Count == 1 ? "entry" : "entries")} "
                    + $"{string.Join(", ", entries)}");
            }
        });
        return 0;
    }

    public static void Tell(Terminal t, Erased done)
    {
        var plan = done.Plan;
        if (plan.Finished > 0) t.Line($"finished what a call before had begun: {Records(plan.Finished)}");
        if (done.Destroyed > 0) t.Line($"erased {Records(done.Destroyed)}: keys and salts are destroyed; every proof "
            + $"stands");
        if (plan.Held > 0) t.Line($"left {Records(plan.Held)} whose time is over: a legal hold covers "
            + $"{(plan.Held == 1 ? "it" : "them")}");
        foreach (var (entry, log, count) in done.Entries) t.Line($"stated in entry {entry}: {Records(count)} of {log}");
        if (done.Waiting > 0) t.Line($"not erased or not stated yet: {Records(done.Waiting)}, as the ledger does not "
            + $"anchor them yet; when the node has anchored its log, type the same again");
    }

    public static string Records(long n) => n == 1 ? "1 record" : $"{n} records";
}

/// <summary>What came of one request to erase.</summary>
/// <param name="Entries">What the ledger states now, with how many records each is about.</param>
/// <param name="Waiting">How many records could not be planned or stated, as their log is not anchored so far.</param>
sealed record Erased(ErasurePlan Plan, long Destroyed, ImmutableArray<(long Entry, string Log, long Count)> Entries,
    long Waiting)
{
    public Json ToJson() => Json.Object(
        ("destroyed", Destroyed), ("already", Plan.Already), ("held", Plan.Held), ("finished", Plan.Finished),
            ("waiting", Waiting),
        ("entries", Json.Array(Entries.Select(s => Json.Object(("entry", s.Entry), ("log", s.Log),
            ("count", s.Count))))));
}
