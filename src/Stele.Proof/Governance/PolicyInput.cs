using System.Collections.Immutable;
using Cel.Values;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// What a policy's rules see. Built from the state alone, so every judge builds the same; a JSON document whose digest
/// a verdict names, with the types of <see cref="InputSchema"/>. A metric that is undefined is absent.
/// </summary>
public static class PolicyInput
{
    /// <exception cref="DocumentMissingException">A report or a policy is not at hand.</exception>
    /// <exception cref="FormatException">One is none.</exception>
    internal static Json ForAction(State state, Fold.Question question, Policy policy, Documents documents)
    {
        var (action, time, system, environment, release, actors, about) = question;
        var head = system is not null && environment is not null ? state.Environment(system, environment).Head : null;
        return Json.Object(
            ("action", action),
            ("time", time),
            ("actor", Json.Object(
                ("members", Json.Array(actors.Order(StringComparer.Ordinal).Select(Json.Of))),
                ("roles",
                    Json.Array(
                        actors.SelectMany(a => state.Members.TryGetValue(a, out var m)
                            ? m.Roles.Select(r => r.ToString())
                            : []).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(Json.Of))))),
            ("system", system is not null && state.Systems.TryGetValue(system, out var s) ? System(s) : null),
            ("environment", environment is null ? null : Environment(state, system!, environment, head)),
            ("release", release is null ? null : Release(state, release)),
            ("checks",
                Json.Object(policy.Checks.Select(c => KeyValuePair.Create(c.Key,
                    release is null ? Json.EmptyArray : Evaluations(state, release, c.Value, documents))))),
            ("approvals", release is null || system is null || environment is null
                || Deployment.Actions.Find(action) is not { } act ? Json.EmptyArray
                : Json.Array(ValidApprovals(state, release, system, environment, act, RoutesOf(about), time)
                    .Select(a => Json.Object(("member", a.By.Member), ("entry", a.By.Entry), ("expires", a.Expires))))),
            ("attestations",
                Json.Object(
                    policy.Document.Attestations.Select(a => KeyValuePair.Create(a, system is null
                        ? Json.EmptyArray
                        : Json.Array(Attestations.InForce(state, a, system, release?.Digest, time).Select(Word)))))),
            ("waivers",
                release is null || system is null || environment is null
                    ? Json.EmptyArray
                    : Json.Array(ValidWaivers(state, release, system, environment, time)
                        .Select(w => Waived(w, documents)))),
            ("routes", about.Find("routes") ?? Json.EmptyArray),
            ("change", about.Find("change")), ("member", about.Find("member")), ("proposed", about.Find("proposed")),
            ("revocation", about.Find("revocation")), ("waiver", about.Find("waiver")));
    }

    /// <summary>A system as it is, or would be.</summary>
    internal static Json System(SystemFact s) => Json.Object(
        ("name", s.Name), ("risk", s.Risk), ("owner", s.Owner), ("retention", s.Retention?.ToJson()),
        ("environments", Json.Array(s.Environments.Select(e => e.ToJson()))));

    static ImmutableArray<Route> RoutesOf(Json about) =>
        about.Find("routes") is { } routes ? [.. routes.AsArray.Select(Route.FromJson)] : [];

    internal static Json Routes(IEnumerable<Route> routes) => Json.Array(routes.Select(r => r.ToJson()));

    static Json Waived(WaiverFact w, Documents documents) => Json.Object(
        ("rule", w.Waiver.Rule), ("policy", w.Waiver.Policy), ("member", w.By.Member), ("entry", w.By.Entry),
        ("expires", w.Expires),
        ("severity", (documents.Policy(w.Waiver.Policy) ?? throw new DocumentMissingException($"the policy " +
            $"{w.Waiver.Policy} is not at hand")).Rules.FirstOrDefault(r => r.Id == w.Waiver.Rule)?.Severity
            // The fold admits no such waiver; a receipt may show one that it did not admit.
            ?? throw new FormatException(
                $"the waiver of entry {w.By.Entry} is of a rule that its policy does not have")));

    /// <summary>
    /// What the gateway's rules see for one request. The body is at hand only while deciding; it is never written to a
    /// leaf.
    /// </summary>
    public static IReadOnlyDictionary<string, CelValue> ForRequest(Json principal, Json request, Json release,
        Json system, Json environment, long time) => InputSchema.ToCel(Json.Object(
        ("action", Actions.Decide), ("time", time), ("principal", principal), ("request", Protocols.Describe(request)),
        ("release", release), ("system", system), ("environment", environment)));

    static Json Head(HeadFact head) => Json.Object(
        ("entry", head.Entry), ("time", head.Time), ("action", Deployment.Actions[head.Action]),
        ("releases", Json.Array(head.Routes.Select(r => Json.Of(r.Release)))), ("routes", Routes(head.Routes)));

    /// <summary>An environment with its limits, and whether an open decision log stands behind it.</summary>
    static Json Environment(State state, string system, string environment, HeadFact? head)
    {
        var terms = state.Systems.GetValueOrDefault(system)?.Environment(environment);
        return Json.Object(
            ("name", environment), ("head", head is null ? null : Head(head)),
            ("nodeReturn", terms?.NodeReturn ?? false),
            ("recorded", state.Logs.Values
                .Any(l => l.System == system && l.Environment == environment && l.Status == LogAction.Open)),
            ("observationGap", terms?.ObservationGap is { } gap ? Json.Of(gap) : null),
            ("staleAfter", terms?.StaleAfter is { } stale ? Json.Of(stale) : null));
    }

    static Json Word(AttestationFact a) => Json.Object(
        ("member", a.By.Member), ("entry", a.By.Entry), ("expires", a.Attestation.Expires!.Value),
        ("release", a.Attestation.Release is { } r ? Json.Of(r) : null),
        ("evidence", a.Attestation.Evidence is { } e ? Json.Of(e) : null));

    /// <summary>
    /// Where the walk down from a release ends: everything in its closure that was not built here, once for each
    /// statement of where it comes from. What nobody stated is empty.
    /// </summary>
    public static IEnumerable<(Digest Digest, OriginFact Origin)> SourcesOf(State state, ReleaseFact release) =>
        from digest in state.Closure(release)
        from origin in state.OriginsOf(digest)
        where origin.BuildType != Origin.Pipeline
        orderby origin.By[0].Entry
        select (digest, origin);

    static Json Source(Digest digest, OriginFact origin) => Json.Object(
        ("digest", digest), ("name", origin.Source?.Name ?? ""), ("kind", origin.Source?.Kind ?? ""),
        ("from", origin.Source?.From ?? ""), ("licence", origin.Source?.Licence ?? ""),
        ("strength", Name(State.StrengthOf(origin))),
        ("builders", Json.Array(origin.By.Select(b => Json.Of(b.Member)))), ("entry", origin.By[0].Entry));

    static Json Release(State state, ReleaseFact release) => Json.Object(
        ("digest", release.Digest), ("name", release.Name), ("document", release.Document),
        ("policy", release.Policy?.ToString() ?? ""),
        ("ran", Json.Array(
            from e in (state.Systems.GetValueOrDefault(release.System)?.Environments ?? []).OrderBy(e => e.Name,
                StringComparer.Ordinal)
            let fact = state.Environment(release.System, e.Name)
            where fact.Deployed.ContainsKey(release.Digest)
            let entry = fact.Deployed[release.Digest]
            let head = fact.Heads[entry]
            select Json.Object(("environment", e.Name), ("entry", entry), ("action", Deployment.Actions[head.Action]),
                ("weight", head.WeightOf(release.Digest)!.Value)))),
        ("authors", Json.Array(state.Authors(release).Select(Json.Of))),
        ("sources", Json.Array(SourcesOf(state, release).Select(x => Source(x.Digest, x.Origin)))),
        ("components", Json.Array(release.Components.Select(c => Json.Object(
            ("role", c.Role), ("kind", c.Kind), ("mount", c.Mount is not null), ("name", c.Name), ("digest", c.Digest),
            ("strength", Name(state.StrengthOf(c.Digest))),
            ("origins", Json.Array(state.OriginsOf(c.Digest).Select(o => Json.Object(
                ("strength", Name(State.StrengthOf(o))), ("builders", Json.Array(o.By.Select(b => Json.Of(b.Member)))),
                ("entry", o.By[0].Entry))))))))));

    public static string Name(Strength strength) => strength switch
    {
        Strength.Claimed => "claimed", Strength.Imported => "imported", Strength.Built => "built",
        Strength.Reproduced => "reproduced", _ => "none",
    };

    /// <summary>Every evaluation of this check and release that counts, oldest first: no best-of-many.</summary>
    public static IEnumerable<EvaluationFact> ValidEvaluations(State state, ReleaseFact release, Digest check) =>
        state.Evaluations.Values.Where(e => e.Release == release.Digest && e.Check == check && state.Stands(e));

    static Json Evaluations(State state, ReleaseFact release, Digest check, Documents documents) =>
        Json.Array(ValidEvaluations(state, release, check).Select(e =>
    {
        var report = Report.Parse(documents.Find(e.Report)
            ?? throw new DocumentMissingException($"the report {e.Report} is not at hand"));
        return Json.Object(("entry", e.By.Entry), ("time", e.Time), ("evaluator", e.By.Member),
            ("metrics", report.Metrics), ("groups", report.Groups), ("counts", report.Counts),
            ("supersedes", Superseded(state, e)));
    }));

    /// <summary>How many evaluations an evaluation stands in the place of, one after another.</summary>
    static long Superseded(State state, EvaluationFact evaluation)
    {
        var before = state.Evaluations.Values.Where(e => e.Check == evaluation.Check && e.Release == evaluation.Release
            && e.SupersededBy is { } by && state.InForce(by)).ToLookup(e => e.SupersededBy!.Entry);
        long count = 0;
        // Invariant: what is superseded is older, so this ends.
        var open = new Stack<long>([evaluation.By.Entry]);
        while (open.TryPop(out var entry))
            foreach (var old in before[entry])
            {
                count++;
                open.Push(old.By.Entry);
            }
        return count;
    }

    /// <summary>
    /// The approvals that count for an action now: this release, place, action and routes, the present head, exactly
    /// the policies in force, not expired nor taken back, key and role still good, never an author, one a member; and
    /// what was shown is what there is to see now. A deployment moves the head, so an approval is good for one.
    /// </summary>
    public static IEnumerable<ApprovalFact> ValidApprovals(State state, ReleaseFact release, string system,
        string environment, DeploymentAction action, ImmutableArray<Route> routes, long time)
    {
        var head = state.Environment(system, environment).Head?.Entry;
        var policies = state.PoliciesFor(system, environment);
        var authors = state.Authors(release);
        // Told apart from the rest only by what was shown: made once, and only where an approval is otherwise good.
        var shown = new Lazy<Digest>(() =>
            Digest.Of(Shown.Document(state, release, system, environment, action, routes, time).ToBytes()));
        return state.Approvals.Values
            .Where(a => a.Approval.Release == release.Digest && a.Approval.System == system
                && a.Approval.Environment == environment && a.Approval.Action == action
                && a.Approval.Routes.Length == routes.Length && a.Approval.Routes.All(routes.Contains)
                && a.Approval.Head == head && a.Approval.Policies.SequenceEqual(policies) && a.Expires > time
                && a.Withdrawn is null && state.InForce(a.By)
                && !authors.Contains(a.By.Member)
                    && state.Member(a.By.Member)?.Has(RoleName.Approver, system, environment)
                    == true && a.Approval.Shown == shown.Value)
            .DistinctBy(a => a.By.Member, StringComparer.Ordinal);
    }

    /// <summary>The waivers that count for a release in a place, of any policy in force there, oldest first.</summary>
    public static IEnumerable<WaiverFact> ValidWaivers(State state, ReleaseFact release, string system,
        string environment, long time)
    {
        var policies = state.PoliciesFor(system, environment);
        return WaiversOn(state, release, system, environment, time).Where(w => policies.Contains(w.Waiver.Policy));
    }

    /// <summary>
    /// Those of one policy, in force or not, by rule; where several count, the one that lasts longest.
    /// </summary>
    public static IReadOnlyDictionary<string, long> ValidWaivers(State state, ReleaseFact release, string system,
        string environment, Digest policy, long time) =>
        WaiversOn(state, release, system, environment, time).Where(w => w.Waiver.Policy == policy)
            .GroupBy(w => w.Waiver.Rule, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => g.OrderBy(w => w.Expires).ThenBy(w => w.By.Entry).Last().By.Entry,
                StringComparer.Ordinal);

    internal static IEnumerable<WaiverFact> WaiversOn(
        State state, ReleaseFact release, string system, string environment, long time) =>
        state.Waivers.Values.Where(w => w.Waiver.Release == release.Digest && w.Waiver.System == system
            && w.Waiver.Environment == environment && state.Stands(w, time));
}
