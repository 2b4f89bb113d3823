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
static class Trace
{
    /// <summary>Nesting of origins beyond this is cut, and says so.</summary>
    const int MaxDepth = 24;

    /// <param name="id">The decision's id, <c>log/index</c>.</param>
    public static Json OfDecision(Replay replay, Func<Digest, byte[]?> find, string id, Decision decision)
    {
        if (decision.Deployment >= replay.Entries.Count)
            throw new FormatException(
                $"the decision names entry {decision.Deployment}; this ledger has {replay.Entries.Count}");
        if (replay.Entries[(int)decision.Deployment].Statement is not Deployment d
            || d.Routes.All(r => r.Release != decision.Release))
            throw new FormatException(
                $"the decision says that entry {decision.Deployment} deployed {decision.Release}; it did not");
        return OfDeployment(replay, find, decision.Deployment, decision.Release).With("decision",
            decision.ToJson().With("id", id));
    }

    /// <param name="release">Which of the deployment's releases; null where it has one.</param>
    public static Json OfDeployment(Replay replay, Func<Digest, byte[]?> find, long entry, Digest? release = null)
    {
        if (entry < 0 || entry >= replay.Entries.Count
            || replay.Entries[(int)entry] is not { Statement: Deployment deployment } folded)
            throw new FormatException($"entry {entry} is not a deployment");
        var before = replay.At(entry);
        var digest = release ?? (deployment.Routes is [var only]
            ? only.Release
            : throw new FormatException($"entry {entry} routes to {deployment.Routes.Length} releases: name one"));
        var fact = before.Releases[digest];
        var verdict = replay.Entries
            .FirstOrDefault(f => f.Index > entry && f.Statement is Verdict v && v.Size == entry && v.Passed);
        var observation = replay.Entries.FirstOrDefault(f => f.Index > entry && f.Statement is Observation o
            && o.Deployment == entry && o.Release == digest);
        return OfRelease(replay, find, digest)
            .With("deployment", LogLines.One(folded)
                .With("place", State.Place(deployment.System, deployment.Environment)).With("action", deployment.Action)
                .With("routes", Json.Array(deployment.Routes.Select(r => r.ToJson()))).With("policies",
                    Json.Array(before.PoliciesFor(deployment.System, deployment.Environment).Select(Json.Of))))
            .With("verdict", verdict is { Statement: Verdict v }
                ? LogLines.One(verdict).With("rules", Json.Array(v.Rules.Select(r => r.ToJson())))
                : Json.Null)
            .With("approvals",
                Json.Array(PolicyInput.ValidApprovals(before, fact, deployment.System, deployment.Environment,
                    deployment.Action, deployment.Routes, folded.Entry.Time)
                .Select(a => LogLines.One(replay.Entries[(int)a.By.Entry]).With("expires", a.Expires).With("shown",
                    a.Approval.Shown))))
            .With("observed", observation is null ? Json.Null : LogLines.One(observation));
    }

    public static Json OfRelease(Replay replay, Func<Digest, byte[]?> find, Digest digest)
    {
        var state = replay.State;
        if (!state.Releases.TryGetValue(digest, out var release)) throw new FormatException($"no release {digest}");
        var seen = new HashSet<Digest>();
        return Json.Object(
            ("size", state.Size),
            ("release", LogLines.One(replay.Entries[(int)release.Entry]).With("release", digest)
                .With("name", release.Name).With("system", release.System)
                .With("document", release.Document).With("policy", release.Policy is { } p ? Json.Of(p) : Json.Null)),
            ("evaluations",
                Json.Array(state.Evaluations.Values.Where(e => e.Release == digest)
                    .Select(e => LogLines.One(replay.Entries[(int)e.By.Entry])
                .With("check", e.Check).With("report", e.Report).With("counts", state.Stands(e)).With("metrics",
                    Metrics(find, e.Report))))),
            ("components",
                Json.Array(
                    release.Components
                        .Select(c => c.ToJson().With("strength", PolicyInput.Name(state.StrengthOf(c.Digest)))
                            .With("origins", Origins(replay, c.Digest, seen, 0))))),
            ("attestations",
                Json.Array(Attestations.InForce(state, state.Time).Where(a => a.Attestation.System == release.System
                    && (a.Attestation.Release is not { } of || of == digest))
                .Select(a => LogLines.One(replay.Entries[(int)a.By.Entry]).With("control", a.Attestation.Control)
                    .With("expires", a.Attestation.Expires!.Value)))),
            ("sources", Sources(replay, release)));
    }

    static Json Metrics(Func<Digest, byte[]?> find, Digest report) =>
        new Documents(find).Find(report) is { } bytes ? Report.Parse(bytes).Metrics : Json.Null;

    /// <summary>
    /// Every origin of an artifact, each with its materials' own. What was written out once is named again, not
    /// repeated.
    /// </summary>
    static Json Origins(Replay replay, Digest artifact, HashSet<Digest> seen, int depth)
    {
        if (!seen.Add(artifact)) return Json.Of("above");
        if (depth == MaxDepth) return Json.Of("deeper than is shown here");
        return Json.Array(replay.State.OriginsOf(artifact).Select(fact =>
        {
            var folded = replay.Entries[(int)fact.By[0].Entry];
            var origin = (Origin)folded.Statement;
            return LogLines.One(folded).With("type", origin.BuildType)
                .With("strength", PolicyInput.Name(State.StrengthOf(fact))).With("parameters", origin.Parameters)
                .With("runs", origin.Runs is { } runs
                    ? Json.Object(("count", runs.Count), ("agree", runs.Agree))
                    : Json.Null)
                .With("materials",
                    Json.Array(
                        origin.Materials
                            .Select(m =>
                                m.ToJson().With("strength", PolicyInput.Name(replay.State.StrengthOf(m.Digest)))
                                    .With("origins", Origins(replay, m.Digest, seen, depth + 1)))));
        }));
    }

    /// <summary>
    /// Where the walk ends: everything in the closure that was not built here, with what its freezer claims of it.
    /// </summary>
    static Json Sources(Replay replay, ReleaseFact release) => Json.Array(
        from digest in replay.State.Closure(release)
        from fact in replay.State.OriginsOf(digest)
        where fact.BuildType != Origin.Pipeline
        let folded = replay.Entries[(int)fact.By[0].Entry]
        let origin = (Origin)folded.Statement
        orderby folded.Index
        select Json.Object(
            ("digest", digest), ("name", origin.Outputs.FirstOrDefault(o => o.Digest == digest)?.Name is { } name
                ? Json.Of(name)
                : null), ("entry", folded.Index),
            ("strength", PolicyInput.Name(State.StrengthOf(fact))), ("parameters", origin.Parameters)));
}
