using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>The entries, documents and facts that one decision rests on, gathered from a whole ledger.</summary>
sealed class Custody(Replay replay, Decision decision, long size, ReceiptForm form)
{
    /// <summary>
    /// A server explains a deployment right after it, or once it is back: no verdict is looked for further on than so
    /// many entries.
    /// </summary>
    const int VerdictWithin = 1024;

    readonly HashSet<(string Map, string Key)> _asked = [];

    string? _node;

    public SortedSet<long> Entries { get; } = [];
    public SortedSet<Digest> Documents { get; } = [];

    /// <summary>Whether a brief receipt leaves anything out that another would have.</summary>
    public bool LeftOut { get; private set; }

    Folded At(long entry) => replay.Entries[(int)entry];
    Deployment? Deployed => At(decision.Deployment).Statement as Deployment;
    State Before => replay.At(decision.Deployment);

    public void Gather(string log, string logCheckpoint)
    {
        if (decision.Size > size || decision.Deployment >= decision.Size)
            throw new FormatException(
                $"the decision names the ledger at size {decision.Size}; the checkpoint covers {size} entries");
        var known = replay.At(size);
        if (!known.Logs.TryGetValue(log, out var fact))
            throw new FormatException($"the ledger knows no decision log '{log}'");
        var (then, before) = (replay.At(decision.Size), Before);
        if (!then.Releases.TryGetValue(decision.Release, out var release))
            throw new FormatException($"the ledger knows no release {decision.Release}");

        _node = fact.Node;

        Add(0);
        Add(fact.Entry);
        Add(decision.Deployment);
        Add(release.Entry);
        var closure = then.Closure(release);
        foreach (var digest in closure)
            if (then.Origins.TryGetValue(digest, out var origins)) foreach (var o in origins) Add(o.By[0].Entry);
        foreach (var state in new[] { then, before })
            foreach (var (_, policy) in state.Scoped(decision.System, decision.Environment))
                Add(policy.Entry);
        if (Deployed is { } deployment)
            foreach (var a in PolicyInput.ValidApprovals(
                before, release, decision.System, decision.Environment, deployment.Action, deployment.Routes,
                At(decision.Deployment).Entry.Time)) Add(a.By.Entry);
        foreach (var e in before.Evaluations.Values.Where(e => e.Release == decision.Release && before.Stands(e)))
            Add(e.By.Entry);
        foreach (var key in known.LogKeys.Skip(1)) if (LogKey(key.FromSize) is { } stated) Add(stated);
        for (var i = decision.Deployment + 1; i < Math.Min(size, decision.Deployment + VerdictWithin); i++)
            if (At(i).Statement is Verdict v && v.Size == decision.Deployment && v.Passed) Add(i);
        // The same tree, no matter who else has signed under it. Invariant: a log's anchors never get smaller.
        var (signed, tree) = (Receipt.TreeOf(logCheckpoint), Checkpoint.Parse(Note.Parse(logCheckpoint).Text).Size);
        for (var i = fact.Anchors.CountWhile(a => a.Size < tree); i < fact.Anchors.Count
            && fact.Anchors[i].Size == tree; i++)
            if (fact.Anchors[i].Entry is var n && n < size
                && ((Anchor)At(n).Statement).Checkpoint.StartsWith(signed, StringComparison.Ordinal)) Add(n);

        Documents.UnionWith([release.Digest, release.Document, .. then.PoliciesFor(decision.System,
            decision.Environment), .. decision.Policies, .. before.PoliciesFor(decision.System, decision.Environment)]);
        if (release.Policy is { } own) Documents.Add(own);
    }

    /// <summary>The entry that names the log's key from a size on.</summary>
    long? LogKey(long from)
    {
        for (var i = Math.Min(from, size) - 1; i > 0; i--) if (At(i).Statement is LogKeyStatement k
            && k.FromSize == from) return i;
        return null;
    }

    /// <summary>Adds an entry, and the statements that made its signers members.</summary>
    public void Add(long entry)
    {
        if (entry >= size || !Entries.Add(entry) || entry == 0) return;
        var before = replay.At(entry);
        foreach (var signature in At(entry).Entry.Envelope.Signatures)
            if (before.KeyOwners.TryGetValue(signature.KeyId, out var member)
                && before.Members.TryGetValue(member, out var fact)) Add(fact.Entry);
    }

    /// <summary>
    /// What the deployment's judgement asks of the state, opened in the first state after the deployment that the
    /// decision's node signed. Everything that the facts rest on is added. Null = the node has signed no such state
    /// among
    /// the entries of the ledger that the receipt may show.
    /// </summary>
    /// <exception cref="FormatException">The fold does not accept the deployment.</exception>
    public StateOpening? Open()
    {
        if (Deployed is not { } deployment || Signed() is not var (entry, at)) return null;
        var around = StatePart.Around(Before, deployment, At(decision.Deployment).Entry.Time);
        Ask(deployment, around, at);
        var opening = StateOpening.Of(at, entry, _asked);
        Add(entry);
        foreach (var fact in opening.Facts)
        {
            foreach (var state in new[] { at, Before })
                foreach (var rests in Resting(state, fact.Map, fact.Path.Key)) Add(rests);
            if (fact is { Map: "releases", Path.Value: { } release }) Documents.Add(release["document"].AsDigest);
        }
        return opening;
    }

    /// <summary>Every fact that the judgement asks for by its key or lists, and the documents that it reads.</summary>
    void Ask(Deployment deployment, State around, State at)
    {
        var documents = new SortedSet<Digest>();
        var telling = StatePart.Telling(around, deployment.System, (map, key, _) => _asked.Add((map, key)));
        if (Fold.Apply(telling, At(decision.Deployment).Entry,
            replay.Documents.Telling(d => documents.Add(d))) is not Outcome.Accepted)
            throw new FormatException($"the fold does not accept the deployment of entry {decision.Deployment} again");
        var reports = around.Evaluations.Values.Select(e => e.Report).ToHashSet();
        foreach (var digest in documents)
            if (replay.Documents.Find(digest) is not { } bytes) continue;
            else if (form.Brief && reports.Contains(digest) && Report.Parse(bytes).Groups.AsObject.Count > 0) LeftOut =
                true;
            else Documents.Add(digest);

        void Listed(string map, IEnumerable<long> entries) =>
            _asked.UnionWith(entries.Select(n => (map, FactPath.KeyOf(n))));
        Listed("evaluations", around.Evaluations.Keys);
        Listed("approvals", around.Approvals.Keys);
        Listed("waivers", around.Waivers.Keys);
        Listed("attestations", around.Attestations.Keys);
        foreach (var log in around.Logs.Keys) _asked.Add(("logs", log));
        foreach (var (place, e) in around.Environments) Listed(StateDigest.Heads + place, e.Heads.Keys);
        // Its own head, the one that it replaced, and the one before that, which a node alone returns to.
        Listed(StateDigest.Heads + State.Place(deployment.System, deployment.Environment),
            new[] { decision.Deployment, deployment.Replaces, Replaced(deployment.Replaces) }.OfType<long>());
        // Where its releases ran: in every place of the system that has run anything by then.
        foreach (var place in at.Environments.Keys.Where(p =>
            p.StartsWith(deployment.System + "/", StringComparison.Ordinal)))
        {
            _asked.Add(("environments", place));
            foreach (var route in deployment.Routes) _asked.Add(
                (StateDigest.Deployed + place, route.Release.ToString()));
        }
    }

    /// <summary>
    /// What an entry's statement replaced, where its kind replaces anything. A head's is what a node alone goes back
    /// to.
    /// </summary>
    long? Replaced(long? entry) =>
        entry is { } e ? StatementKinds.Of(At(e).Statement).Follows(At(e).Statement)?.Replaces : null;

    /// <summary>
    /// The first state after the deployment that the decision's node signed: the entry in which it did, and the state.
    /// </summary>
    (long Entry, State State)? Signed()
    {
        for (var i = decision.Deployment + 1; i < size; i++)
        {
            var signed = SignedState.Of(At(i).Statement);
            if (signed is not null && signed.Size > decision.Deployment
                && replay.At(i).KeyOwners.GetValueOrDefault(At(i).Entry.Envelope.Signatures[0].KeyId) == _node) return (
                i, replay.At(signed.Size));
        }
        return null;
    }

    /// <summary>The entries that a fact rests on.</summary>
    IEnumerable<long> Resting(State s, string map, string key)
    {
        static long Number(string text) => FactPath.EntryOf(text)!.Value;
        var place = map.IndexOf(':', StringComparison.Ordinal) is > 0 and var at ? map[(at + 1)..] : "";
        return map[..^(place.Length == 0 ? 0 : place.Length + 1)] switch
        {
            "members" => s.Members.TryGetValue(key, out var m) ? [m.Entry] : [],
            "statings" => [Number(key)],
            "revocations" => s.Revocations.TryGetValue(Digest.Parse(key), out var r) ? [r.Entry] : [],
            "systems" => s.Systems.TryGetValue(key, out var x) ? [x.Entry] : [],
            "policies" => s.Policies.TryGetValue(key, out var p) ? [p.Entry] : [],
            "origins" => s.Origins.TryGetValue(Digest.Parse(key), out var all) ? all.Select(o => o.By[0].Entry) : [],
            "releases" => s.Releases.TryGetValue(Digest.Parse(key), out var r) ? [r.Entry] : [],
            "evaluations" => s.Evaluations.TryGetValue(Number(key), out var e) ? [Number(key), .. Of(e.SupersededBy)]
                : [],
            "approvals" => s.Approvals.TryGetValue(Number(key), out var a) ? [Number(key), .. Of(a.Withdrawn)] : [],
            "waivers" => s.Waivers.TryGetValue(Number(key), out var w) ? [Number(key), .. Of(w.Withdrawn)] : [],
            "attestations" or "heads" => Number(key) < s.Size ? [Number(key)] : [],
            "environments" => s.Environments.TryGetValue(key, out var e) && e.Head is { } h
                && key == State.Place(decision.System, decision.Environment) ? [h.Entry] : [],
            "deployed" => s.Environments.TryGetValue(place, out var e)
                && e.Deployed.TryGetValue(Digest.Parse(key), out var n) ? [n] : [],
            "logs" => s.Logs.TryGetValue(key, out var l) ? [l.Entry, .. Ended(l, s.Size)] : [],
            _ => [],
        };

        static IEnumerable<long> Of(Signed? by) => by is { } b ? [b.Entry] : [];
    }

    /// <summary>The entry that ended a log which was open when the deployment came.</summary>
    IEnumerable<long> Ended(LogFact log, long before)
    {
        if (log.Status == LogAction.Open) yield break;
        for (var i = decision.Deployment + 1; i < before; i++)
            if (At(i).Statement is LogStatement l && l.Origin == log.Origin) yield return i;
    }

    /// <summary>
    /// Adds what stands between two statements of one member, system or scope, and between the deployment and later
    /// heads, so that each replaces the one before.
    /// </summary>
    public void Link()
    {
        for (var before = -1; before != Entries.Count;)
        {
            before = Entries.Count;
            var last = new Dictionary<(string, string), long>();
            foreach (var entry in Entries.ToList())
            {
                var statement = At(entry).Statement;
                if (StatementKinds.Of(statement).Follows(statement) is not var (map, key, replaces, _)) continue;
                // What a first statement replaces came before the deployment, or is shown: or nobody sees that there
                // was none then.
                var known = last.TryGetValue((map, key), out var previous);
                if (!known) previous = decision.Deployment - 1;
                if (!known || statement is not Deployment || previous >= decision.Deployment)
                    for (var r = replaces; r > previous; r = Replaced(r)) Add(r.Value);
                last[(map, key)] = entry;
            }
        }
    }
}

/// <summary>A state that a node signed by its size and digest.</summary>
sealed record SignedState(long Size, Digest State)
{
    public static SignedState? Of(Statement statement) => statement switch
    {
        Anchor a => new(a.Size, a.State),
        Observation o => new(o.Size, o.State),
        _ => null,
    };
}
