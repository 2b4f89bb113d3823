using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>The entries and documents that one decision rests on, gathered from a whole ledger.</summary>
sealed class Custody(Replay replay, Decision decision, long size)
{
    public SortedSet<long> Entries { get; } = [];
    public SortedSet<Digest> Documents { get; } = [];

    public void Gather(string log, string logCheckpoint)
    {
        if (decision.Size > size || decision.Deployment >= decision.Size) throw new FormatException($"the decision names the ledger at size {decision.Size}; the checkpoint covers {size} entries");
        var known = replay.At(size);
        if (!known.Logs.TryGetValue(log, out var fact)) throw new FormatException($"the ledger knows no decision log '{log}'");
        var (then, before) = (replay.At(decision.Size), replay.At(decision.Deployment));
        if (!then.Releases.TryGetValue(decision.Release, out var release)) throw new FormatException($"the ledger knows no release {decision.Release}");

        // The same tree, whoever else has signed under it.
        var signed = Receipt.TreeOf(logCheckpoint);
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
        if (replay.Entries[(int)decision.Deployment].Statement is Deployment deployment)
            foreach (var a in PolicyInput.ValidApprovals(before, release, decision.System, decision.Environment, deployment.Action, deployment.Routes, replay.Entries[(int)decision.Deployment].Entry.Time)) Add(a.By.Entry);
        foreach (var e in before.Evaluations.Values.Where(e => e.Release == decision.Release && before.Stands(e))) Add(e.By.Entry);
        for (var i = 0L; i < size; i++)
            switch (replay.Entries[(int)i].Statement)
            {
                case LogKeyStatement: Add(i); break;
                case Verdict v when v.Size == decision.Deployment && v.Passed: Add(i); break;
                case Anchor a when a.Log == log && a.Checkpoint.StartsWith(signed, StringComparison.Ordinal): Add(i); break;
            }

        Documents.UnionWith([release.Digest, release.Document, .. then.PoliciesFor(decision.System, decision.Environment), .. decision.Policies, .. before.PoliciesFor(decision.System, decision.Environment)]);
        if (release.Policy is { } own) Documents.Add(own);
    }

    /// <summary>Adds an entry, and the statements that made its signers members.</summary>
    public void Add(long entry)
    {
        if (entry >= size || !Entries.Add(entry) || entry == 0) return;
        var before = replay.At(entry);
        foreach (var signature in replay.Entries[(int)entry].Entry.Envelope.Signatures)
            if (before.KeyOwners.TryGetValue(signature.KeyId, out var member) && before.Members.TryGetValue(member, out var fact)) Add(fact.Entry);
    }
}
