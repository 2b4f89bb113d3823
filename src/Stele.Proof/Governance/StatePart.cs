using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// Told of each fact that a state is asked for: the map's name in the state's form, the key, and whether there is such
/// a fact.
/// </summary>
delegate void Questioned(string map, string key, bool there);

/// <summary>
/// The facts that some of a ledger's entries state, learned entry by entry: what the fold makes of them where it
/// accepts them. That it did, and that no entry in between says otherwise, does not follow from them.
/// </summary>
/// <param name="linked">
/// Given: each statement that replaces one must replace the very one that was learned before it. So what was learned
/// last shows that nothing is left out since the first. It is the deployment from which on an environment's heads are
/// linked too: those before it are some of many, and show where a release ran. Null: nothing is linked.
/// </param>
sealed class StatePart(State founded, Documents documents, long? linked)
{
    readonly HashSet<(string Map, string Key)> _gaps = [];

    public State State { get; private set; } = founded with { IsPart = true };

    /// <summary>
    /// Facts whose first statement here replaces one that is not here: what they were before is not known.
    /// </summary>
    public IReadOnlySet<(string Map, string Key)> Gaps => _gaps;

    /// <summary>Learns what an entry states, if members signed it who may, as far as the part tells.</summary>
    /// <returns>Why it was not learned; null if it was.</returns>
    /// <exception cref="FormatException">A document that it needs is none.</exception>
    public string? Learn(long index, Entry entry, Statement statement)
    {
        State = State with { Size = index };
        if (Fold.SignedRightly(State, entry, statement,
            out var signers) is { } refused) return $"{refused.Code.Name()}: {refused.Message}";
        var kind = StatementKinds.Of(statement);
        if (kind.Follows(statement) is var (map, key, replaces, standing) && standing(State, key) is var now
            && now != replaces)
        {
            if (now is not null && linked is { } from && (statement is not Deployment || now >= from)) return $"it " +
                $"replaces entry {Text(replaces)}, and what stands in the entries shown is entry {Text(now)}";
            if (now is null) _gaps.Add((map, key));
        }
        if (statement is MemberStatement m && m.Keys.FirstOrDefault(
            k => State.KeyOwners.TryGetValue(k.Id, out var whose) && whose != m.Member) is { } taken)
            return $"{RefusalCode.KeyTaken.Name()}: the key {taken.Id} is another member's by the entries shown";
        State = kind.Learned(new(State, index, entry.Time, signers, documents), statement) with
        {
            Size = index + 1,
            Time = entry.Time
        };
        return null;

        static string Text(long? n) =>
            n?.ToString(global::System.Globalization.CultureInfo.InvariantCulture) ?? "(none)";
    }

    /// <summary>
    /// The same state, whose maps tell what they are asked for; of environments those of one system do, within them
    /// too.
    /// </summary>
    public static State Telling(State s, string system, Questioned told)
    {
        Asking Of(string map) => (key, there) => told(map, key, there);
        var environments = s.Environments;
        foreach (var (place, e) in s.Environments)
            if (place.StartsWith(system + "/", StringComparison.Ordinal))
                environments = environments.SetItem(place, e with
                {
                    Deployed = e.Deployed.Telling(Of(StateDigest.Deployed + place)),
                        Heads = e.Heads.Telling(Of(StateDigest.Heads + place)),
                });
        return s with
        {
            IsPart = true,
            Members = s.Members.Telling(Of("members")), KeyOwners = s.KeyOwners.Telling(Of("keyOwners")),
                Statings = s.Statings.Telling(Of("statings")),
            Revocations = s.Revocations.Telling(Of("revocations")), Systems = s.Systems.Telling(Of("systems")),
                Policies = s.Policies.Telling(Of("policies")),
            Origins = s.Origins.Telling(Of("origins")), Releases = s.Releases.Telling(Of("releases")),
                Evaluations = s.Evaluations.Telling(Of("evaluations")),
            Approvals = s.Approvals.Telling(Of("approvals")), Waivers = s.Waivers.Telling(Of("waivers")),
                Attestations = s.Attestations.Telling(Of("attestations")),
            Environments = environments.Telling(Of("environments")), Logs = s.Logs.Telling(Of("logs")),
        };
    }

    /// <summary>
    /// The state before a deployment with those facts alone, of the kinds that are listed and not asked for by their
    /// keys, that its judgement lists: evaluations of what it routes to, the approvals, waivers and words
    /// on controls that count, a log that is open there, and where a release ran alone.
    /// </summary>
    public static State Around(State before, Deployment d, long time)
    {
        var releases = d.Routes.Select(r => before.Releases.TryGetValue(r.Release, out var f) ? f : null)
            .OfType<ReleaseFact>().ToList();
        bool About(Digest release) => d.Routes.Any(r => r.Release == release);
        HashSet<long> Entries<T>(Func<ReleaseFact, IEnumerable<T>> facts, Func<T, Signed> by) =>
            [.. releases.SelectMany(facts).Select(f => by(f).Entry)];
        var approvals = Entries(r =>
            PolicyInput.ValidApprovals(before, r, d.System, d.Environment, d.Action, d.Routes, time), a => a.By);
        var waivers = Entries(r => PolicyInput.WaiversOn(before, r, d.System, d.Environment, time), w => w.By);
        var words = Entries(r => Attestations.InForce(before, d.System, r.Digest, time), a => a.By);
        if (releases.Count == 0) words =
            [.. Attestations.InForce(before, time)
            .Where(a => a.Attestation.System == d.System && a.Attestation.Release is null).Select(a => a.By.Entry)];
        var log = before.Logs.Values.FirstOrDefault(l =>
            l.System == d.System && l.Environment == d.Environment && l.Status == LogAction.Open)?.Origin;
        var environments = before.Environments.Only((place, _) =>
            place.StartsWith(d.System + "/", StringComparison.Ordinal));
        foreach (var (place, e) in environments)
        {
            var heads = e.Deployed.Where(r => About(r.Key)).Select(r => r.Value).ToHashSet();
            if (place == State.Place(d.System, d.Environment) && d.Action == DeploymentAction.Rollback)
                heads.UnionWith(e.Heads.Where(h => h.Value.Routes is [var only] && About(only.Release))
                    .Select(h => h.Key).TakeLast(1));
            environments = environments.SetItem(
                place, e with { Deployed = e.Deployed.Only((r, _) => About(r)),
                Heads = e.Heads.Only((n, _) => heads.Contains(n)) });
        }
        return before with
        {
            Evaluations = before.Evaluations.Only((_, e) => About(e.Release)),
                Approvals = before.Approvals.Only((n, _) => approvals.Contains(n)),
            Waivers = before.Waivers.Only((n, _) => waivers.Contains(n)),
                Attestations = before.Attestations.Only((n, _) => words.Contains(n)),
            Logs = before.Logs.Only((origin, _) => origin == log), Environments = environments,
        };
    }
}
