using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control.Views;

/// <summary>
/// The walk from a decision, a deployment or a release to where everything in it came from: decision → deployment →
/// verdict → approvals → release → components → origins → materials, down to sources that are merely claimed. Each step
/// names its entry.
/// </summary>
/// <param name="Way">How the release came to where it runs; null where only the release was asked about.</param>
/// <param name="Asked">The decision that was asked about.</param>
sealed record Trace([Inline] TracedClosure Closure, [Inline] TracedWay? Way, [Inline] TracedRequest? Asked) : IView
{
    /// <param name="id">The decision's id, <c>log/index</c>.</param>
    public static Trace OfDecision(Replay replay, Func<Digest, byte[]?> find, string id, Decision decision)
    {
        if (decision.Deployment >= replay.Entries.Count)
            throw new FormatException(
                $"the decision names entry {decision.Deployment}; this ledger has {replay.Entries.Count}");
        if (replay.Entries[(int)decision.Deployment].Statement is not Deployment d
            || d.Routes.All(r => r.Release != decision.Release))
            throw new FormatException(
                $"the decision says that entry {decision.Deployment} deployed {decision.Release}; it did not");
        return OfDeployment(replay, find, decision.Deployment, decision.Release)
            with { Asked = new(new(decision, id), null, null) };
    }

    /// <param name="release">Which of the deployment's releases; null where it has one.</param>
    public static Trace OfDeployment(Replay replay, Func<Digest, byte[]?> find, long entry, Digest? release = null)
    {
        if (entry < 0 || entry >= replay.Entries.Count
            || replay.Entries[(int)entry] is not { Statement: Deployment deployment } folded)
            throw new FormatException($"entry {entry} is not a deployment");
        var before = replay.At(entry);
        var digest = release ?? (deployment.Routes is [var only]
            ? only.Release
            : throw new FormatException($"entry {entry} routes to {deployment.Routes.Length} releases: name one"));
        var fact = before.Releases[digest];
        var verdict = replay.Of<Verdict>(entry + 1)
            .FirstOrDefault(f => f.Statement is Verdict v && v.Size == entry && v.Passed);
        var observation = replay.Observations(deployment.System, deployment.Environment, entry + 1).FirstOrDefault(
            f => f.Statement is Observation o && o.Deployment == entry && o.Release == digest);
        return OfRelease(replay, find, digest) with
        {
            Way = new(
                new(LogLine.Of(folded), State.Place(deployment.System, deployment.Environment), deployment.Action,
                    deployment.Routes, [.. before.PoliciesFor(deployment.System, deployment.Environment)]),
                verdict is { Statement: Verdict v } ? new(LogLine.Of(verdict), v.Rules) : null,
                [.. PolicyInput.ValidApprovals(before, fact, deployment.System, deployment.Environment,
                    deployment.Action, deployment.Routes, folded.Entry.Time).Select(a => new TracedApproval(
                        LogLine.Of(replay.Entries[(int)a.By.Entry]), a.Expires, a.Approval.Shown))],
                observation is null ? null : LogLine.Of(observation)),
        };
    }

    public static Trace OfRelease(Replay replay, Func<Digest, byte[]?> find, Digest digest)
    {
        var state = replay.State;
        if (!state.Releases.TryGetValue(digest, out var release)) throw new FormatException($"no release {digest}");
        var seen = new HashSet<Digest>();
        return new(new(state.Size,
            new(LogLine.Of(replay.Entries[(int)release.Entry]), digest, release.Name, release.System, release.Document,
                release.Policy),
            [.. state.Evaluations.Values.Where(e => e.Release == digest).Select(e => new TracedEvaluation(
                LogLine.Of(replay.Entries[(int)e.By.Entry]), e.Check, e.Report, state.Stands(e),
                Metrics(find, e.Report)))],
            [.. release.Components.Select(c => new TracedComponent(c, PolicyInput.Name(state.StrengthOf(c.Digest)),
                TracedOrigins.Of(replay, c.Digest, seen, 0)))],
            [.. Attestations.InForce(state, state.Time).Where(a => a.Attestation.System == release.System
                && (a.Attestation.Release is not { } of || of == digest)).Select(a => new TracedWord(
                    LogLine.Of(replay.Entries[(int)a.By.Entry]), a.Attestation.Control,
                    a.Attestation.Expires!.Value))],
            Sources(replay, release)), null, null);
    }

    static Json Metrics(Func<Digest, byte[]?> find, Digest report) =>
        new Documents(find).Find(report) is { } bytes ? Report.Parse(bytes).Metrics : Json.Null;

    /// <summary>
    /// Where the walk ends: everything in the closure that was not built here, with what its freezer claims of it.
    /// </summary>
    static ImmutableArray<TracedSource> Sources(Replay replay, ReleaseFact release) =>
    [
        .. from digest in replay.State.Closure(release)
           from fact in replay.State.OriginsOf(digest)
           where fact.BuildType != Origin.Pipeline
           let folded = replay.Entries[(int)fact.By[0].Entry]
           let origin = (Origin)folded.Statement
           orderby folded.Index
           select new TracedSource(digest, origin.Outputs.FirstOrDefault(o => o.Digest == digest)?.Name, folded.Index,
               PolicyInput.Name(State.StrengthOf(fact)), origin.Parameters),
    ];
}

/// <summary>A release, and all that it rests on.</summary>
sealed record TracedClosure(long Size, TracedRelease Release, ImmutableArray<TracedEvaluation> Evaluations,
    ImmutableArray<TracedComponent> Components, ImmutableArray<TracedWord> Attestations,
    ImmutableArray<TracedSource> Sources) : IView;

/// <param name="Policy">The policy frozen in it.</param>
sealed record TracedRelease([Inline] LogLine Line, Digest Release, string Name, string System, Digest Document,
    [WrittenNull] Digest? Policy) : IView;

/// <param name="Metrics">Of its report; null where that is not at hand.</param>
sealed record TracedEvaluation([Inline] LogLine Line, Digest Check, Digest Report, bool Counts, Json Metrics) : IView;

sealed record TracedComponent([Inline] Component Component, string Strength, TracedOrigins Origins) : IView;

sealed record TracedWord([Inline] LogLine Line, string Control, long Expires) : IView;

/// <param name="Parameters">What its freezer claims of it.</param>
sealed record TracedSource(Digest Digest, string? Name, long Entry, string Strength, Json Parameters) : IView;

/// <summary>
/// Every origin of an artifact, each with its materials' own; or in words why they are not written out here: what was
/// written out once is named again, not repeated. A string or an array in JSON.
/// </summary>
sealed record TracedOrigins(string? Cut, ImmutableArray<TracedOrigin> All)
{
    /// <summary>Nesting of origins beyond this is cut, and says so.</summary>
    const int MaxDepth = 24;

    public static TracedOrigins Of(Replay replay, Digest artifact, HashSet<Digest> seen, int depth)
    {
        if (!seen.Add(artifact)) return new("above", []);
        if (depth == MaxDepth) return new("deeper than is shown here", []);
        return new(null, [.. replay.State.OriginsOf(artifact).Select(fact =>
        {
            var folded = replay.Entries[(int)fact.By[0].Entry];
            var origin = (Origin)folded.Statement;
            return new TracedOrigin(LogLine.Of(folded), origin.BuildType, PolicyInput.Name(State.StrengthOf(fact)),
                origin.Parameters, origin.Runs is { } runs ? new(runs.Count, runs.Agree) : null,
                [.. origin.Materials.Select(m => new TracedMaterial(m,
                    PolicyInput.Name(replay.State.StrengthOf(m.Digest)), Of(replay, m.Digest, seen, depth + 1)))]);
        })]);
    }

    public Json ToJson() => Cut is { } cut ? cut : Json.Array(All.Select(o => o.ToJson()));

    public static TracedOrigins FromJson(Json j) => j.Kind == JsonKind.String ? new(j.AsString, [])
        : new(null, [.. j.AsArray.Select(ViewJson.Read<TracedOrigin>)]);
}

/// <param name="Runs">How often it was built, and whether the runs agree; null where it was not built here.</param>
sealed record TracedOrigin([Inline] LogLine Line, string Type, string Strength, Json Parameters,
    [WrittenNull] TracedRuns? Runs, ImmutableArray<TracedMaterial> Materials) : IView;

sealed record TracedRuns(long Count, bool Agree) : IView;

sealed record TracedMaterial([Inline] Subject Subject, string Strength, TracedOrigins Origins) : IView;

/// <param name="Verdict">Null where no policy judged.</param>
/// <param name="Observed">The first that a node said of it; null where none has yet.</param>
sealed record TracedWay(TracedDeployment Deployment, [WrittenNull] TracedVerdict? Verdict,
    ImmutableArray<TracedApproval> Approvals, [WrittenNull] LogLine? Observed) : IView;

/// <param name="Policies">Those in force before it.</param>
sealed record TracedDeployment([Inline] LogLine Line, string Place, DeploymentAction Action,
    ImmutableArray<Route> Routes, ImmutableArray<Digest> Policies) : IView;

sealed record TracedVerdict([Inline] LogLine Line, ImmutableArray<RuleOutcome> Rules) : IView;

/// <param name="Shown">The digest of what the approver was shown.</param>
sealed record TracedApproval([Inline] LogLine Line, long Expires, Digest Shown) : IView;

/// <param name="Keys">What became of the keys of its bodies, as the node says it; null where no node was asked.</param>
/// <param name="Bodies">What was asked and answered, where that was asked for.</param>
sealed record TracedRequest(TracedDecision Decision, string? Keys, Json? Bodies) : IView;

/// <summary>A decision's leaf, with its id <c>log/index</c>.</summary>
sealed record TracedDecision(Decision Decision, string Id)
{
    public Json ToJson() => Decision.ToJson().With("id", Id);

    public static TracedDecision FromJson(Json j) => new(Decision.Parse(
        Json.Object(j.AsObject.Where(m => m.Key != "id")).ToBytes()), j["id"].AsString);
}
