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
        Trace trace;
        if (Decision.TryParseId(what, out var log, out var index) && desk.State.Logs.TryGetValue(log, out var fact))
        {
            using var node = NodeOf(desk);
            var shown = await Leaf(node, fact, index, call);
            trace = Trace.OfDecision(desk.Replay, desk.Small, what, shown.Decision);
            var bodies = call.Get<bool>("--body") ? await node.Bodies(log, index, call.Stop) : null;
            trace = trace with
            {
                Asked = trace.Asked! with
                {
                    Keys = shown.Keys,
                    Bodies = bodies?.ToJson() ?? (call.Get<bool>("--body") ? Json.Null : null),
                },
            };
        }
        else if (what.Contains('/', StringComparison.Ordinal))
            throw new CliError($"'{what}' is not a decision of a log that this ledger knows",
                "take it from the answer's Stele-Decision header");
        else trace = Trace.OfRelease(desk.Replay, desk.Small, desk.Release(what).Digest);
        call.Terminal.Result(trace.ToJson(), () => Print(call.Terminal, trace));
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
        if (!Checkpoint.TryOpen(shown.Checkpoint, VerifierKey.Parse(log.Key), out var checkpoint, out var error))
            throw new CliError($"the node's checkpoint: {error}");
        var leaf = Encoding.UTF8.GetBytes(shown.Leaf);
        if (!Proofs.VerifyInclusion(index, checkpoint.Size, Merkle.Leaf(leaf),
            shown.Proof.Select(Digest.ParseHex).ToArray(), checkpoint.Root))
            throw new CliError("what the node shows is not in its log",
                "this is worth an investigation: the node signed something else");
        return new ShownDecision(Decision.Parse(leaf), shown.Checkpoint, checkpoint.Size,
            shown.Keys is { } keys ? ViewJson.Name(keys) : Unknown);
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

    static void Print(Terminal t, Trace trace)
    {
        void Step(string name, LogLine? line)
        {
            if (line is null) return;
            t.Line($"{name.PadRight(12)}{line.Line}  "
                + $"{Terminal.Dim($"entry {line.Entry}, {Terminal.Time(line.Time)}")}");
        }
        if (trace.Asked is { } asked)
        {
            var d = asked.Decision.Decision;
            t.Line(
                $"{"decision".PadRight(12)}{asked.Decision.Id}: {FieldWords.Outcome(d.Outcome)}, status {d.Status}, "
                + $"{Terminal.Time(d.Time)}, principal {d.Principal[..8]}…");
            if (Missing(asked.Keys ?? Unknown) is { } why) t.Line(Terminal.Yellow(why));
        }
        Step("deployment", trace.Way?.Deployment.Line);
        Step("verdict", trace.Way?.Verdict?.Line);
        foreach (var a in trace.Way?.Approvals ?? []) Step("approval", a.Line);
        Step("observed", trace.Way?.Observed);
        var closure = trace.Closure;
        Step("release", closure.Release.Line);
        foreach (var e in closure.Evaluations) Step("evaluation", e.Line);
        foreach (var a in closure.Attestations) Step("attested", a.Line);
        foreach (var c in closure.Components)
        {
            t.Line($"  {c.Component.Role} {c.Component.Name} {c.Component.Digest.Short}  {c.Strength}");
            Origins(t, c.Origins, "    ");
        }
        t.Line("sources, where the walk ends");
        t.Table(closure.Sources.Select(s => new[] { s.Name ?? "", s.Digest.Short, s.Strength, $"entry {s.Entry}",
            s.Parameters.Find("origin")?.AsString ?? "" }));
    }

    static void Origins(Terminal t, TracedOrigins origins, string indent)
    {
        foreach (var o in origins.All)
        {
            t.Line($"{indent}{o.Line.Line}  {Terminal.Dim($"entry {o.Line.Entry}")}");
            foreach (var m in o.Materials)
            {
                t.Line($"{indent}  {m.Subject.Name} {m.Subject.Digest.Hex[..12]}  {m.Strength}"
                    + (m.Origins.Cut is { } cut ? $"  ({cut})" : ""));
                Origins(t, m.Origins, indent + "    ");
            }
        }
    }
}

/// <summary>A decision as its node shows it.</summary>
/// <param name="Checkpoint">The node's own, over so many leaves.</param>
/// <param name="Keys">What became of its keys: <c>whole</c>, <c>erased</c>, <c>lost</c>, <c>missing</c>; or
/// <c>unknown</c>.</param>
sealed record ShownDecision(Decision Decision, string Checkpoint, long Size, string Keys);
