using System.Collections.Immutable;
using Stele.Control.Views;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Gateway;

/// <summary>
/// What is asked of a node: <c>{"policy","scope","since","size","until"}</c>, to judge its decisions of a time again
/// with a policy in the place of the one that stood for a scope.
/// </summary>
/// <param name="Since">The first millisecond, and <paramref name="Until"/> the last.</param>
/// <param name="Size">How much of the ledger the caller has folded.</param>
sealed record ReplayRequest(Policy Policy, string Scope, long Since, long Until, long Size)
{
    public const int MaxBytes = Artifacts.MaxDocument + 4096;

    public Json ToJson() =>
        Json.Object(("policy", Policy.ToJson()), ("scope", Scope), ("since", Since), ("until", Until), ("size", Size));

    public static ReplayRequest FromJson(Json j) =>
        new(Policy.Parse(j["policy"].ToBytes()), j["scope"].AsString, Names.Time(j["since"]), Names.Time(j["until"]),
            Names.Entry(j["size"]));
}

/// <summary>
/// What came of one decision log: the flips, and how many requests were not held whole, and why.
/// </summary>
sealed record ReplayedLog(string Log, Flips Flips, long Erased, long Missing, long Damaged) : IView;

/// <summary>
/// Judges recorded decisions again where their bodies are: what was asked is opened here, read by the rules, and goes
/// nowhere; only outcomes do, and what a rule's message says.
/// </summary>
/// <param name="recorder">
/// A log of this node by its origin, and what to dispose afterwards, if it was opened for this; null where it is not
/// here.
/// </param>
sealed class DecisionReplays(Func<string, (Recorder Recorder, IDisposable? Opened)?> recorder) : IDisposable
{
    readonly SemaphoreSlim _one = new(1);

    /// <summary>
    /// Every decision of the time in the logs that are here and under the scope, oldest first. One at a time: it reads
    /// as much as there is. A caller that waits for another's can go.
    /// </summary>
    public async Task<ImmutableArray<ReplayedLog>> Run(ReplayRequest request, Func<Replay> ledger,
        CancellationToken stop)
    {
        await _one.WaitAsync(stop);
        try
        {
            return await Task.Run(() => Judge(request, ledger(), stop), stop);
        }
        finally
        {
            _one.Release();
        }
    }

    ImmutableArray<ReplayedLog> Judge(ReplayRequest request, Replay ledger, CancellationToken stop)
    {
        if (ledger.Entries.Count < request.Size)
            throw new GatewayException(GatewayError.Behind,
                $"the node has folded {ledger.Entries.Count} entries, and {request.Size} are to be regarded");
        var replay = new PolicyReplay(ledger, request.Scope, request.Policy);
        var logs = ImmutableArray.CreateBuilder<ReplayedLog>();
        foreach (var fact in ledger.State.Logs.Values)
        {
            if (!replay.Covers(fact.System, fact.Environment) || recorder(fact.Origin) is not var (log, opened))
                continue;
            using (opened) logs.Add(One(log, request, replay, stop));
        }
        return logs.ToImmutable();
    }

    static ReplayedLog One(Recorder recorder, ReplayRequest request, PolicyReplay replay, CancellationToken stop)
    {
        var log = recorder.Log.Log;
        var flips = new Flips();
        long erased = 0, missing = 0, damaged = 0;
        var index = log.Floor;
        foreach (var leaf in log.ReadEntries(log.Floor, log.Size))
        {
            stop.ThrowIfCancellationRequested();
            var at = index++;
            var decision = Decision.Parse(leaf);
            if (decision.Kind == DecisionKind.Close || decision.Time < request.Since || decision.Time > request.Until)
                continue;
            var held = Held(recorder, at, decision, out var state);
            if (state == BodyState.Erased) erased++;
            else if (state is BodyState.Missing or BodyState.Lost) missing++;
            else if (state == BodyState.Damaged) damaged++;
            flips.Add(replay.Decision(Decision.Id(log.Origin, at), decision, held));
        }
        return new ReplayedLog(log.Origin, flips, erased, missing, damaged);
    }

    /// <summary>What is held of a request, and what became of the rest.</summary>
    static HeldRequest Held(Recorder recorder, long index, Decision decision, out BodyState state)
    {
        (state, var context) = recorder.Open(index, SealedBodies.Context, decision);
        if (context is null) return HeldRequest.Nothing;
        (state, var input) = recorder.Open(index, SealedBodies.Input, decision);
        try
        {
            return new HeldRequest(RequestContext.Parse(context),
                input is null or [] ? null : CanonicalJson.Parse(input, input.Length));
        }
        catch (FormatException)
        {
            state = BodyState.Damaged;
            return HeldRequest.Nothing;
        }
    }

    public void Dispose() => _one.Dispose();
}
