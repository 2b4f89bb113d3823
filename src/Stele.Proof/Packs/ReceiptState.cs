using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

// Steps 4 and 5: what the node signed of the state, and the deployment's judgement on it.
public sealed partial class ReceiptVerifier
{
    /// <summary>A judgement asks for something that the receipt does not show.</summary>
    sealed class NotShownException(string map, string key) : Exception
    {
        public string Fact => $"'{key}' among '{map}'";
    }

    /// <summary>What the fold makes of the deployment again; null where it was not asked.</summary>
    Outcome.Accepted? _outcome;

    /// <summary>Why the deployment was not executed again; null where it was.</summary>
    string? _notExecuted;

    /// <summary>What the judgement asked for, present or not.</summary>
    readonly HashSet<(string Map, string Key)> _asked = [];

    SignedState? Signed => _receipt.State is { } opening && _statements.TryGetValue(opening.Entry, out var s)
        ? SignedState.Of(s) : null;

    void Executed(ProvenRecord proven)
    {
        if (_receipt.Layout == ReceiptLayout.One)
        {
            _notExecuted = "this is a receipt of layout 1, which does not carry what the rules rested on";
            _report.Limit(LimitName.NotExecuted,
                $"{_notExecuted}: that the deployment passed its rules is the server's word");
            return;
        }
        if (_receipt.State is null)
        {
            // An anchor is a state that the node signed.
            if (!_report.Early) _report.Find("state-missing",
                Id, "a full receipt opens a state that its node signed, and this one opens none");
            _notExecuted = "no state that its node signed since the deployment is shown";
            _report.Limit(LimitName.NotExecuted, $"{_notExecuted}: that the deployment passed its rules is the " +
                $"server's word so far; ask again for another receipt");
            return;
        }
        if (Deployed is not { } deployment) return;
        if (!Opened(proven, _receipt.State) || !Stated(deployment, _receipt.State)) return;
        Execute(deployment, _receipt.State);
    }

    /// <summary>Step 4: the decision's node signed the digest, and every path leads to it.</summary>
    bool Opened(ProvenRecord proven, StateOpening opening)
    {
        var where = $"entry {N(opening.Entry)}";
        if (Signed is not { } signed)
        {
            _report.Find("state-signed", where, "no entry of the receipt with that number is an anchor or an " +
                "observation: no node signed the state that is opened");
            return false;
        }
        if (_known!.KeyOwners.GetValueOrDefault(At(opening.Entry).Entry.Envelope.Signatures[0].KeyId) is var signer
            && signer != proven.Log.Node)
            _report.Find("state-signed", where,
                $"the state is signed by member {signer}, and the decision is of node {proven.Log.Node}");
        if (signed.Size <= Record.Deployment) _report.Find("state-signed", where, $"the state is that of " +
            $"{N(signed.Size)} entries, and the deployment is entry {N(Record.Deployment)}");
        if (Digest.Of(opening.Form.ToBytes()) != signed.State) _report.Find("state-differs", where, $"the state that " +
            $"is opened is not the one whose digest the node signed, {signed.State.Short}");
        if (opening.Form.Find("size")?.Equals(Json.Of(signed.Size)) != true
            || opening.Form.Find("ledger")?.Equals(Json.Of(proven.Ledger)) != true
            || opening.Form.Find("fold")?.Equals(Json.Of((long)_before!.FoldVersion)) != true)
            _report.Find("state-differs", where,
                "the state that is opened is of another ledger, size or fold version than the entry says");
        foreach (var fact in opening.Misleading) _report.Find("state-path", $"{fact.Map} '{fact.Path.Key}'", "its " +
            "path does not lead to the digest of its map in the state that the node signed");
        return _report.Findings.Count == 0;
    }

    /// <summary>
    /// Step 4, on: each fact of the signed state is what the entries shown state. A revocation may have been stated
    /// more than once: the last one is shown.
    /// </summary>
    bool Stated(Deployment deployment, StateOpening opening)
    {
        var place = State.Place(deployment.System, deployment.Environment);
        foreach (var (map, path) in opening.Facts)
        {
            void Unlike(string why) => _report.Find("state-fact", $"{map} '{path.Key}'", why);
            if (map.StartsWith(StateDigest.Deployed, StringComparison.Ordinal)
                || map.StartsWith(StateDigest.Heads, StringComparison.Ordinal))
            {
                if (!_signed!.Environments.ContainsKey(map[(map.IndexOf(':', StringComparison.Ordinal) + 1)..]))
                {
                    if (path.Value is not null) Unlike("the node signed it, and no entry of the receipt states it");
                    continue;
                }
            }
            // Of other environments of the system it is asked what ran there, and no more.
            if (map == "environments" && path.Key != place) continue;
            var learned = StateDigest.PathTo(_signed!, map, path.Key).Value;
            var (said, shown) = (Comparable(map, path.Value), Comparable(map, learned));
            if (map == "revocations" && path.Value is { } revoked)
            {
                if (!(_statements.GetValueOrDefault(revoked["entry"].AsInt) is Revocation r
                    && r.Digest.ToString() == path.Key)) Unlike(
                    "the node signed a revocation, and the entry that it stands on is not shown");
            }
            else if (said is null && shown is not null) Unlike(
                "entries of the receipt state it, and the state that the node signed has no such fact");
            else if (said is not null
                && shown is null) Unlike("the node signed it, and no entry of the receipt states it");
            else if (said is not null
                && !said.Equals(shown)) Unlike($"the node signed {said}, and the entries of the receipt state {shown}");
        }
        foreach (var head in Heads(deployment))
            if (opening.Find(StateDigest.Heads + place, N(head))?.Path.Value is null)
                _report.Find("state-fact", place,
                    "the state that the node signed is not shown to have the deployment " +
                    $"of entry {N(head)} among its heads");
        return _report.Findings.Count == 0;
    }

    /// <summary>
    /// Its own head, the one that it replaced, and the one before that, which a node alone returns to.
    /// </summary>
    IEnumerable<long> Heads(Deployment d)
    {
        yield return Record.Deployment;
        if (d.Replaces is not { } before) yield break;
        yield return before;
        if (_statements.GetValueOrDefault(before) is Deployment { Replaces: { } earlier }) yield return earlier;
    }

    /// <summary>
    /// What of a fact its entries tell: an environment's head without what its judgement came to, and nothing of what
    /// nodes said of it or of their logs since.
    /// </summary>
    static Json? Comparable(string map, Json? fact) => fact is null ? null : map switch
    {
        "environments" => fact.Find("head") is { } h
            ? Json.Object(("entry", h["entry"]), ("time", h["time"]), ("action", h["action"]), ("routes", h["routes"]))
            : Json.Null,
        "logs" => Json.Object(fact.AsObject.Where(m => m.Key is not ("anchor" or "floor"))),
        _ => fact,
    };

    /// <summary>Step 5: the fold judges the deployment again, on the facts that are shown.</summary>
    void Execute(Deployment deployment, StateOpening opening)
    {
        var where = $"entry {N(Record.Deployment)}";
        var entry = At(Record.Deployment).Entry;
        var facts = Bound(_before!, opening, deployment.System);
        var before = StatePart.Telling(facts, deployment.System, (map, key, there) =>
        {
            _asked.Add((map, key));
            if (!Shows(opening, map, key, there)) throw new NotShownException(map, key);
        }) with { Size = Record.Deployment };
        Outcome outcome;
        try
        {
            outcome = Fold.Apply(before, entry, new Documents(Bytes));
            if (outcome is Outcome.Accepted) Counted(deployment, before, entry.Time);
        }
        catch (NotShownException e)
        {
            _report.Find("state-not-shown", where, $"its judgement asks for {e.Fact}, which the receipt does not " +
                $"show: the deployment can't be executed again");
            return;
        }
        if (outcome is Outcome.Refused { Code: RefusalCode.DocumentMissing } && _receipt.Brief)
        {
            _notExecuted = "this receipt is brief: reports that the rules see were left out";
            _report.Limit(LimitName.Brief,
                $"{_notExecuted}; not executed here: that the deployment passed its rules is the server's word");
            return;
        }
        if (outcome is not Outcome.Accepted accepted)
        {
            _report.Find("deployment-refused", where, outcome is Outcome.Refused r ? $"judged again on what the " +
                $"receipt shows, it is refused: {r.Code.Name()}: {r.Message}" : "it stands in the ledger already");
            return;
        }
        _outcome = accepted;
        foreach (var fact in opening.Facts.Where(f => !Concerns(f, deployment, facts, opening)))
            _report.Find("state-foreign", $"{fact.Map} '{fact.Path.Key}'",
                "the deployment's judgement does not ask for this fact");

        // The node's own fold came to the same: policies, waivers and all.
        var place = State.Place(deployment.System, deployment.Environment);
        if (opening.Find("environments", place)?.Path.Value?.Find("head") is { } head
            && head["entry"].AsInt == Record.Deployment
            && StateDigest.Head(accepted.Next.Environments[place].Head!) is var again && !Same(head, again))
            _report.Find("state-fact", place, $"the node signed the head {head}; judged again here it is {again}");

        foreach (var (index, v) in Verdicts)
        {
            var payload = Explain.Verdict(before, entry, accepted)?.Encode();
            if (payload is null || !payload.AsSpan().SequenceEqual(At(index).Entry.Envelope.Payload))
                _report.Find("verdict-differs", $"entry {N(index)}",
                    payload is null ? "no rule judges this deployment, so there is nothing to explain"
                        : Reexecuted.Contrast(At(index).Entry.Envelope.Payload, payload));
        }
    }

    static bool Same(Json head, Json again) =>
        head.With("previousRoutes", Json.Null).Equals(again.With("previousRoutes", Json.Null));

    /// <summary>
    /// The facts before the deployment that the signed state still has; what only entries show, and the node's state
    /// does not, counts for nothing.
    /// </summary>
    static State Bound(State part, StateOpening opening, string system)
    {
        var environments = opening.Facts.Where(f =>
            f is { Map: "environments", Path.Value: not null }
            && f.Path.Key.StartsWith(system + "/", StringComparison.Ordinal))
            .Aggregate(part.Environments, (all, f) =>
                all.ContainsKey(f.Path.Key) ? all : all.Add(f.Path.Key, EnvironmentFact.None));
        bool Has(string map, long key) => opening.Find(map, N(key))?.Path.Value is not null;
        return part with
        {
            Evaluations = part.Evaluations.Only((n, _) => Has("evaluations", n)),
                Approvals = part.Approvals.Only((n, _) => Has("approvals", n)),
            Waivers = part.Waivers.Only((n, _) => Has("waivers", n)),
                Attestations = part.Attestations.Only((n, _) => Has("attestations", n)),
            Environments = environments,
            Logs = part.Logs.Only((origin, _) => opening.Find("logs", origin)?.Path.Value is not null),
        };
    }

    /// <summary>
    /// Whether it is shown what a fact was before the deployment. It is there: the entries state it and the signed
    /// state has it, or what took its place since. It is not there: the signed state has none either,
    /// or one whose first statement came with or after the deployment and replaced nothing.
    /// </summary>
    bool Shows(StateOpening opening, string map, string key, bool there) =>
        there ? opening.Find(map, key) is { Path.Value: not null } : opening.Lacks(map, key)
            || (opening.Find(map, key) is not null && !_gaps.Contains((map, key)));

    /// <summary>Whether the judgement asks for a fact by its key, or lists it.</summary>
    /// <param name="facts">The facts before the deployment, of which none is asked for by reading them here.</param>
    bool Concerns(OpenedFact fact, Deployment d, State facts, StateOpening opening)
    {
        var (map, key) = (fact.Map, fact.Path.Key);
        if (fact.Path.Value is null && opening.DigestOf(map) == Merkle.EmptyRoot) return false;
        if (_asked.Contains((map, key))) return true;
        bool Routed(Digest release) => d.Routes.Any(r => r.Release == release);
        bool Of<T>(FactMap<long, T> all, Func<T, bool> about) =>
            FactPath.EntryOf(key) is { } n && all.TryGetValue(n, out var f) && about(f);
        return map switch
        {
            "evaluations" => Of(facts.Evaluations, e => Routed(e.Release)),
            "approvals" => Of(facts.Approvals, a => Routed(a.Approval.Release)),
            "waivers" => Of(facts.Waivers, w =>
                Routed(w.Waiver.Release) && (w.Waiver.System, w.Waiver.Environment) == (d.System, d.Environment)),
            "attestations" => Of(facts.Attestations, a =>
                a.Attestation.System == d.System && (a.Attestation.Release is not { } r || Routed(r))),
            "logs" => facts.Logs.TryGetValue(key, out var l) && (l.System, l.Environment) == (d.System, d.Environment),
            "environments" => key.StartsWith(d.System + "/", StringComparison.Ordinal),
            _ when map.StartsWith(StateDigest.Deployed + d.System + "/", StringComparison.Ordinal) =>
                d.Routes.Any(r => r.Release.ToString() == key),
            _ when map.StartsWith(StateDigest.Heads + d.System + "/", StringComparison.Ordinal)
                && FactPath.EntryOf(key) is { } n =>
                Heads(d).Contains(n) || (_statements.GetValueOrDefault(n) is Deployment head
                    && head.Routes.Any(r => Routed(r.Release))),
            _ => false,
        };
    }

    /// <summary>Approvals that the receipt carries count, or it has no business to show them.</summary>
    void Counted(Deployment deployment, State before, long time)
    {
        var counting = deployment.Routes.Select(r => before.Releases.TryGetValue(r.Release, out var f) ? f : null)
            .OfType<ReleaseFact>()
            .SelectMany(r => PolicyInput.ValidApprovals(
                before, r, deployment.System, deployment.Environment, deployment.Action, deployment.Routes, time))
                .Select(a => a.By.Entry).ToHashSet();
        foreach (var (index, _) in _statements.Where(s =>
            s.Value is Approval { Replaces: null } && s.Key < Record.Deployment && !counting.Contains(s.Key)))
            _report.Find("approval-differs", $"entry {N(index)}", "this approval does not count for the deployment: " +
                "it is of another act, or what was shown to its giver is not what the receipt shows");
        _counting = [.. before.Approvals.Where(a => counting.Contains(a.Key)).Select(a => a.Value)];
    }

    IReadOnlyList<ApprovalFact> _counting = [];
}
