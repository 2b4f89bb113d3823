using System.CommandLine;
using System.Text;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;

namespace Stele.Cli;

static class TraceVerb
{
    public static Verb Verb => new("trace", "from a decision or a release back to its origins", """
        stele trace DECISION|RELEASE [--body]

        Walks from the decision (its id is in the answer's Stele-Decision header) to the deployment that put the release there, the verdict,
        the approvals, the release, its components, and the origin of each down to frozen sources. Each step names its entry.
        """, [new Argument<string>("decision|release"), new Option<bool>("--body") { Description = "open what was asked and answered, too; needs a token of the node with the right bodies; the node records it" }], async call =>
    {
        await using var desk = await Desk.Open(call);
        var what = call.Need("decision|release");
        Json trace;
        if (Decision.TryParseId(what, out var log, out var index) && desk.State.Logs.TryGetValue(log, out var fact))
        {
            using var node = NodeOf(desk);
            var shown = await Leaf(node, fact, index, call);
            trace = Trace.OfDecision(desk.Replay, desk.Small, what, shown.Decision).With("keys", shown.Keys);
            if (call.Get<bool>("--body"))
                trace = trace.With("bodies", await node.Bodies(log, index, call.Stop) ?? Json.Null);
        }
        else if (what.Contains('/', StringComparison.Ordinal))
            throw new CliError($"'{what}' is not a decision of a log that this ledger knows",
                "take it from the answer's Stele-Decision header");
        else trace = Trace.OfRelease(desk.Replay, desk.Small, desk.Release(what).Digest);
        call.Terminal.Result(trace, () => Print(call.Terminal, trace));
        return 0;
    });

    internal static NodeClient NodeOf(Desk desk) => new(desk.Home.Gateway
        ?? throw new CliError("which node has that decision? none is known here",
        "stele login URL --gateway URL --node-token-file FILE"), desk.Home.NodeToken);

    /// <summary>
    /// A decision as its node shows it, held to be in its log, under a checkpoint signed by the key that the ledger
    /// names.
    /// </summary>
    internal static async Task<ShownDecision> Leaf(NodeClient node, LogFact log, long index, Call call)
    {
        var shown = await node.Early(log.Origin, index, call.Stop) ?? throw new CliError(
            $"the node does not have the decision {Decision.Id(log.Origin, index)}", "stele status shows its logs");
        var note = shown["checkpoint"].AsString;
        if (!Checkpoint.TryOpen(note, VerifierKey.Parse(log.Key), out var checkpoint, out var error))
            throw new CliError($"the node's checkpoint: {error}");
        var leaf = Encoding.UTF8.GetBytes(shown["leaf"].AsString);
        if (!Proofs.VerifyInclusion(index, checkpoint.Size, Merkle.Leaf(leaf),
            shown["proof"].AsArray.Select(h => Digest.ParseHex(h.AsString)).ToArray(), checkpoint.Root))
            throw new CliError("what the node shows is not in its log",
                "this is worth an investigation: the node signed something else");
        return new ShownDecision(Decision.Parse(leaf), note, checkpoint.Size, shown.Find("keys")?.AsString ?? Unknown);
    }

    /// <summary>What a node of an earlier build says of a decision's keys.</summary>
    const string Unknown = "unknown";

    /// <summary>Why what was asked and answered can't be opened, where the node misses it; null elsewhere.</summary>
    internal static string? Missing(string keys) => keys switch
    {
        "missing" => "The node misses this decision's keys, and nothing says why: what was asked and answered can't be "
            + "opened. What is proved is the record. stele status has the next step.",
        "lost" => "The node says that a crash came before this decision's client got an answer: what was asked and "
            + "answered is not kept.",
        _ => null,
    };

    static void Print(Terminal t, Json trace)
    {
        void Step(string name, Json? j)
        {
            if (j is null || j.Kind != JsonKind.Object) return;
            t.Line(
                $"{name.PadRight(12)}{j["line"].AsString}  "
                + $"{Terminal.Dim($"entry {j["entry"].AsInt}, {Terminal.Time(j["time"].AsInt)}")}");
        }
        if (trace.Find("decision") is { } d)
        {
            t.Line(
                $"{"decision".PadRight(12)}{d["id"].AsString}: {d["outcome"].AsString}, status {d["status"].AsInt}, "
                + $"{Terminal.Time(d["time"].AsInt)}, principal {d["principal"].AsString[..8]}…");
            if (Missing(trace["keys"].AsString) is { } why) t.Line(Terminal.Yellow(why));
        }
        Step("deployment", trace.Find("deployment"));
        Step("verdict", trace.Find("verdict"));
        foreach (var a in trace.Find("approvals")?.AsArray ?? []) Step("approval", a);
        Step("observed", trace.Find("observed"));
        Step("release", trace["release"]);
        foreach (var e in trace["evaluations"].AsArray) Step("evaluation", e);
        foreach (var a in trace["attestations"].AsArray) Step("attested", a);
        foreach (var c in trace["components"].AsArray)
        {
            t.Line(
                $"  {c["role"].AsString} {c["name"].AsString} {c["digest"].AsDigest.Short}  {c["strength"].AsString}");
            Origins(t, c["origins"], "    ");
        }
        t.Line("sources, where the walk ends");
        t.Table(trace["sources"].AsArray.Select(s => new[] { s.Find("name")?.AsString ?? "", s["digest"].AsDigest.Short,
            s["strength"].AsString, $"entry {s["entry"].AsInt}", s["parameters"].Find("origin")?.AsString ?? "" }));
    }

    static void Origins(Terminal t, Json origins, string indent)
    {
        if (origins.Kind != JsonKind.Array) return;
        foreach (var o in origins.AsArray)
        {
            t.Line($"{indent}{o["line"].AsString}  {Terminal.Dim($"entry {o["entry"].AsInt}")}");
            foreach (var m in o["materials"].AsArray)
            {
                t.Line(
                    $"{indent}  {m.Find("name")?.AsString} {m["digest"].AsObject["sha256"].AsString[..12]}  "
                    + $"{m["strength"].AsString}{(m["origins"].Kind == JsonKind.String ? "  (" + m["origins"].AsString + ")" : "")}");
                Origins(t, m["origins"], indent + "    ");
            }
        }
    }
}

/// <summary>A decision as its node shows it.</summary>
/// <param name="Checkpoint">The node's own, over so many leaves.</param>
/// <param name="Keys">What became of its keys: <c>whole</c>, <c>erased</c>, <c>lost</c>, <c>missing</c>; or
/// <c>unknown</c>.</param>
sealed record ShownDecision(Decision Decision, string Checkpoint, long Size, string Keys);
