using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Lies;

// Lies about what a release is made of, which rules were in force, what was decided, where that stands, when, and by
// whom.
static partial class Falsehoods
{
    const string Decided = "^the decision:";

    static IEnumerable<Lie> Origins()
    {
        yield return Life("another builder declared the release", Everywhere,
            "entry-(refused|signature)|state-|approval|deployment-refused|verdict-differs", f =>
        {
            f.Put(f.Ground["release"], f.Ground.Refused["release-refused"]);
        }, Told(Artefact.One, Held.Server, Admitted), Told(Artefact.Two, Held.Node, Admitted),
            Told(Artefact.Pack, Held.Node, "no-witness"), Told(Artefact.Ledger, Held.Node, "no-witness"));
        yield return Life("the data was built by a pipeline, from what has no origin", Everywhere,
            "entry-refused.*no-origin|state-|approval|deployment-refused|verdict-", f => Add(f, "origin"),
            Told(Artefact.One, Held.Server, Admitted), Told(Artefact.Two, Held.Node, Admitted));
        yield return Of("the data was imported by one member alone", Ground.Doubtful, Receipts, "state-",
            f => f.Hide(f.Ground["authored"]),
            Told(Artefact.One, Held.None, "that is not here"), Told(Artefact.Two, Held.Node, "no other .*origin"));
        yield return Life("the data was built by a pipeline, its builder says", Receipts,
            "state-|approval|deployment|entry-", f =>
        {
            f.Put(f.Ground.Filler(0), World.OriginOf(World.Builder, Origin.Pipeline, f.M.Data, f.M.Code),
                World.Builder);
            f.Show(f.Ground.Filler(0));
        }, Told(Artefact.One, Held.Builder, "built by a pipeline from 1"), Told(Artefact.Two, Held.Builder,
            "built by a pipeline from 1"));
        yield return Life("the release has another document", Receipts, "release|document|state-|decision-", f =>
        {
            var other = f.W.State.Releases[f.M.V3];
            f.Put(f.Ground["release"], ((Release)f.Honest(f.Ground["release"]).Statement)
                with { Document = other.Document }, World.Builder);
        });
        yield return Life("the release is made of what another one is made of", Receipts, "document|decision-|release",
            f =>
        {
            var (own, other) = (f.W.State.Releases[f.M.V2].Document, f.W.State.Releases[f.M.V3].Document);
            f.Finish = r => r with { Documents = Forger.Sorted(
                [.. r.Documents.Where(d => Digest.Of(d.ToBytes()) != own), CanonicalJson.Parse(f.W.Find(other)!,
                1 << 20)]) };
        });
    }

    static IEnumerable<Lie> Policies()
    {
        // The interim policy let everything pass; admission took its place before the deployment.
        yield return Life("a policy that had been replaced was in force", Receipts,
            "decision-policy|state-|entry-signature|verdict-|entry-foreign|approval", f =>
        {
            f.Hide(f.Ground["again"]);
            f.Record(0, d => d with { Policies = [Interim(f)] });
        }, Told(Artefact.One, Held.Node, Admitted), Told(Artefact.Two, Held.Node, "no other policy"))
            with { Never = "put in force by entry" };
        yield return Life("a policy that had been replaced was in force, in a pack", Packs,
            "policies-differ|state-|decision-policy|verdict-differs|entry-refused", f => f.Hide(f.Ground["again"]));
        yield return Life("a policy that the fold refused was in force", Receipts,
            "decision-policy|entry-signature|state-|verdict-|entry-foreign", f =>
        {
            f.Put(f.Ground["policy"], f.Ground.Refused["policy"]);
            f.Document(Interim(f));
            f.Show(f.Ground["policy"]);
            f.Record(0, d => d with { Policies = [Interim(f)] });
        }, Told(Artefact.One, Held.Node, Admitted), Told(Artefact.Two, Held.Node, Admitted))
            with { Never = "put in force by entry" };
        yield return Life("a policy that the fold refused was in force, in a pack", Packs,
            "entry-refused.*stale-replace", f => f.Put(f.Ground["policy"], f.Ground.Refused["policy"]));
        yield return Life("the policy of another environment was in force", Receipts,
            "entry-foreign.*policy|decision-policy", f => f.Show(f.Ground["test-policy"]));
        yield return Life("no policy decided", [.. Receipts, Artefact.Pack], "decision-policy",
            f => f.Record(0, d => d with { Policies = [] }));
        yield return Life("another policy decided", [.. Receipts, Artefact.Pack], "decision-policy|document-missing",
            f => f.Record(0, d => d with { Policies = [f.M.Frozen] }));
        yield return Life("the release had no rules of its own", [.. Receipts, Artefact.Pack], "decision-policy",
            f => f.Record(0, d => d with { ReleasePolicy = null }));
        yield return Life("a rule of a policy that did not decide denied it", [.. Receipts, Artefact.Pack],
            "decision-policy", f => f.Record(0, d => d with { Outcome = DecisionOutcome.Deny, Rule = "any",
            RulePolicy = Interim(f) }));
        yield return Life("a candidate that never stood would have denied it", [Artefact.Pack], "decision-candidate",
            f => f.Record(0, d => d with { Would = [new(f.M.Frozen, RuledOutcome.Deny, "predict-only", f.M.Frozen)] }));
        yield return Life("the policy has other rules", Receipts, "document", f =>
        {
            f.Finish = r => r with { Documents = Forger.Sorted(
                [.. r.Documents.Where(d => Digest.Of(d.ToBytes()) != f.M.Policy),
                CanonicalJson.Parse(f.W.Find(Interim(f))!, 1 << 20)]) };
        });
    }

    static Digest Interim(Forger f) => ((PolicyStatement)f.Honest(f.Ground["interim"]).Statement).Policy!.Value;

    /// <summary>What a node writes is told as its word; who lacks its key can't write it.</summary>
    static IEnumerable<Lie> Records()
    {
        static Lie Record(string sentence, Func<Forger, Decision, Decision> change, string words = Decided) =>
            Life(sentence, Receipts, "decision-inclusion", f => f.Record(0, d => change(f, d)),
                [.. Receipts.Select(a => Told(a, Held.Node, words))]) with { Never = Decided };

        yield return Record("it was denied", (f, d) => d with { Outcome = DecisionOutcome.Deny, Rule = "predict-only",
            RulePolicy = f.M.Frozen, Status = 403, Output = null });
        yield return Record("it was held for a person", (f, d) => d with { Outcome = DecisionOutcome.Hold,
            Rule = "predict-only", RulePolicy = f.M.Frozen, Status = 403, Output = null });
        yield return Record("the release gave no answer",
            (_, d) => d with { Outcome = DecisionOutcome.Error, Status = 502 });
        yield return Record("the answer had another status", (_, d) => d with { Status = 404 });
        yield return Record("values were masked", (f, d) => d with { Rule = "predict-only", RulePolicy = f.M.Frozen,
            Masked = Commitment.To("masked", new byte[32], "x"u8) });
        yield return Record("someone else asked", (_, d) => d with { Principal = new string('f', 32) });
        yield return Record("something else was asked for", (_, d) => d with { Operation = "explain" });
        yield return Record("it came by another protocol", (_, d) => d with { Protocol = "mcp" });
        yield return Record("it was decided in 1990", (_, d) => d with { Time = 631_152_000_000 }, "node-clock");
        yield return Record("it was decided next year", (_, d) => d with { Time = d.Time + 365L * 86_400_000 },
            "node-clock");
        yield return Record("it was decided a minute later", (_, d) => d with { Time = d.Time + 60_000 });
        yield return Record("the release was attested by its hardware", (_, d) => d
            with { Strength = ObservedStrength.Attested });
        yield return Record("the node had folded fewer entries", (f, d) => d with { Size = f.Ground["deployed"] + 1 });
        yield return Record("another body was asked", (_, d) => d with { Input = Commitment.To("input", new byte[32],
            "other"u8) });
        yield return Record("it was answered at once", (_, d) => d with { Duration = 1 });
        yield return Life("the node had folded more entries than there were", [.. Receipts, Artefact.Pack],
            "decision-range", f => f.Record(0, d => d with { Size = 10_000 }));
        yield return Life("the node had folded entries that came after it was anchored", Receipts, "decision-range",
            f => f.Record(0, d => d with { Size = f.Ground["anchor-2"] + 1 }));
        yield return Life("a close is a decision", Receipts, "decision-(kind|inclusion|malformed)|receipt-malformed",
            f => f.Record(0, d => d with { Kind = DecisionKind.Close, Open = 0 }));
    }

    static IEnumerable<Lie> Places()
    {
        static Lie Shown(string sentence, string names, Func<Forger, Receipt, Receipt> change, params (Artefact, Held,
            string)[] told) =>
            Life(sentence, Receipts, names, f => f.Finish = r => change(f, r), told);

        yield return Shown("it is another leaf", "decision-inclusion",
            (_, r) => r with { Leaf = r.Leaf with { Index = 1 } });
        yield return Shown("it is in another log", "log-unknown",
            (_, r) => r with { Log = "ledger.example/stele/log/other" });
        yield return Shown("its log is larger", "checkpoint-signature|decision-inclusion",
            (f, r) => r with { LogCheckpoint = f.M.Log.Key.As("other").Checkpoint(99, f.M.Log.Root(4)) });
        yield return Life("another anchor anchors it", Receipts, "entry-foreign.*anchor",
            f => f.Show(f.Ground["anchor-2"]));
        yield return Life("the ledger does not anchor it", Receipts, "state-", f => f.Drop(f.Ground["anchor-1"]),
            [.. Receipts.Select(a => Told(a, Held.None, "no entry shown here anchors"))])
            with { Never = "does not anchor" };
        yield return Life("its node had signed no state since the deployment", [Artefact.Two], "state-|entry-foreign",
            f =>
        {
            f.Drop(f.Ground["anchor-1"]);
            f.Finish = r => Weaker(f, r);
        }, Told(Artefact.Two, Held.None, "no state .*is shown")) with { Never = "had signed no state" };
        yield return Life("a full receipt opens no state", [Artefact.Two], "state-missing", f => f.Finish = r =>
            r with { State = null });
        yield return Life("its log has two histories, and both are true", Receipts, "log-forked", f =>
        {
            f.Needs(World.Node);
            var fork = new DecisionLog(f.M.Log.Key);
            for (var i = 0; i < 4; i++) fork.Add(Decision.Parse(f.M.Log.Leaves[i]) with { Status = 201 });
            var leaf = new ProvenLeaf(0, Decision.Parse(fork.Leaves[0]), [.. fork.Inclusion(0, 4)]);
            f.Finish = r => r with { LogCheckpoint = fork.Checkpoint(), Leaf = leaf };
        });
        yield return Shown("it was closed by another operation's close", "decision-(close-differs|inclusion)",
            (f, r) => r with { Close = new ProvenLeaf(5, Decision.Parse(f.M.Log.Leaves[5]),
            [.. f.M.Log.Inclusion(5, 7)]) });
        yield return Life("nobody knows how it ended", Receipts, "decision-", f => f.Leaf = 3,
            [.. Receipts.Select(a => Told(a, Held.None, "no close is shown"))])
            with { Never = "how it ended is unknown" };
        yield return Life("the log is of another environment", Receipts, "log-unknown|entry-|decision-place", f =>
        {
            var at = f.W.State.Logs[f.M.Log.Origin].Entry;
            f.Put(at, f.Sign(((LogStatement)f.Honest(at).Statement) with { Environment = World.Test }, f.TimeAt(at),
                World.Server));
        });
        yield return Life("its keys were erased", Receipts, "erasure-differs|entry-foreign", f =>
        {
            f.Leaf = 2;
            f.Finish = r => r with { Erased = new ErasedIn(f.Ground["erasure"], Mortgage.ErasedList(0, 1).Prove(1)!) };
            f.Show(f.Ground["erasure"]);
        });
        yield return Life("its keys were erased, though a hold forbade it", Receipts, "erasure|entry-", f =>
        {
            f.Leaf = 2;
            f.Put(f.Ground["erasure-refused"], f.Ground.Refused["erasure-refused"]);
            f.Show(f.Ground["erasure-refused"]);
            f.Finish = r => r with { Erased = new ErasedIn(f.Ground["erasure-refused"], Mortgage.ErasedList(2,
                3).Prove(2)!) };
        }, [.. Receipts.Select(a => Told(a, Held.Server, Admitted))]) with { Never = "can't be opened any more" };
        yield return Life("a foreign document belongs to it", Receipts, "document-foreign",
            f => f.Document(((PolicyStatement)f.Honest(f.Ground["test-policy"]).Statement).Policy!.Value));
        yield return Shown("its reports have groups, which a brief receipt leaves out",
            "document|receipt-malformed|entry-", (f, r) => r.Layout == ReceiptLayout.One
            ? r with { Documents = r.Documents.RemoveAt(0) }
            : r with { Brief = true, Documents = [.. r.Documents.Where(d => d.Find("metrics") is null)] },
                Told(Artefact.Two, Held.None, "^brief:")) with { Never = "how it passed the rules: judged" };
    }

    /// <summary>What an early receipt of layout 2 without a state carries: the entries of layout 1.</summary>
    static Receipt Weaker(Forger f, Receipt r)
    {
        var one = f.M.Receipt(f.Leaf, form: ReceiptForm.One);
        var kept = one.Entries.Select(e => e.Index).ToHashSet();
        return r with { State = null, Documents = one.Documents,
            Entries = [.. r.Entries.Where(e => kept.Contains(e.Index))] };
    }

    static IEnumerable<Lie> Times()
    {
        yield return Life("it was deployed ten months after it was decided", Everywhere,
            "entry-(time|refused).*(issued|h ago)", f => f.Stamp(f.Ground["deployed"], 300L * 86_400_000));
        yield return Life("it was anchored in 1990", Everywhere, "entry-(time|refused).*(before|future)",
            f => f.Put(f.Ground["anchor-1"], new Entry(631_152_000_000,
            f.Honest(f.Ground["anchor-1"]).Entry.Envelope)));
        yield return Life("it was anchored next year", Receipts, "entry-time", f =>
        {
            f.Leaf = 8;
            f.Stamp(f.Ground["anchor-3"], 365L * 86_400_000);
        }, [.. Receipts.Select(a => Told(a, Held.Server, "^times:"))]) with { Never = "^times:" };
        yield return Life("its log's anchor came next year", Packs, "state-|entry-|node-clock",
            f => f.Stamp(f.Ground["anchor-3"], 365L * 86_400_000),
            Told(Artefact.Pack, Held.Server, "time-beyond-cosignatures"), Told(Artefact.Ledger, Held.Server,
                "time-beyond-cosignatures"));
        yield return Life("all of it came half an hour later", Everywhere, "state-|entry-|verdict-",
            f => f.Stamp(1, 30 * 60_000),
            Told(Artefact.One, Held.Server, "^times:"), Told(Artefact.Two, Held.Node, "^times:"),
                Told(Artefact.Pack, Held.Node, "server-times"), Told(Artefact.Ledger, Held.Node, "server-times"));
        yield return Life("its deployment was signed in the future", Everywhere,
            "entry-(time|refused).*future|time-backwards|before the last", f => f.Put(f.Ground["deployed"],
            new Entry(f.TimeAt(f.Ground["deployed"]) - 600_000, f.Honest(f.Ground["deployed"]).Entry.Envelope)));
        yield return Life("a witness cosigned it", Everywhere, "too-few-witnesses", f =>
        {
            f.Needs(World.Server);
            f.Trust = f.W.Trust;
            f.Append(((Verdict)f.Honest(f.Ground["deployed"] + 1).Statement), World.Server);
        });
        yield return Life("a witness cosigned it a year ago", Everywhere,
            "time-after-cosignature|too-few-witnesses|witness-signature|checkpoint", f =>
        {
            f.Trust = f.W.Trust;
            var old = f.W.Witness.Sign(Note.Parse(f.W.Key.Checkpoint(f.W.Entries.Count, f.W.Root)),
                World.Start / 1000 - 365 * 86_400);
            f.Needs(World.Server);
            f.Finish = r => r with { Checkpoint = old };
            f.FinishPack = p => p.Checkpoint = old;
            f.Append(((Verdict)f.Honest(f.Ground["deployed"] + 1).Statement), World.Server);
        });
        yield return Life("it is of another ledger", Receipts, "trust-genesis|checkpoint-signature|entry-",
            f => f.Finish = r => r with { Entries = r.Entries.SetItem(0,
            new ProvenEntry(0, Entry.Parse(Elsewhere.Value.World.Entries[0]), r.Entries[0].Proof)) });
        yield return Life("the ledger has more entries", Receipts, "entry-inclusion", f =>
        {
            f.Needs(World.Server);
            f.Finish = r => r with { Checkpoint = f.W.Key.Checkpoint(100_000, f.W.Root) };
        });
        yield return Life("an entry stands elsewhere in the ledger", Receipts,
            "entry-inclusion|receipt-malformed|entry-|state-|verdict", f => f.Finish = r =>
            r with { Entries = r.Entries.SetItem(r.Entries.Length - 1,
            r.Entries[^1] with { Index = r.Entries[^1].Index + 1 }) });
    }

    static readonly Lazy<Mortgage> Elsewhere = new(() => Mortgage.Founded());

    static IEnumerable<Lie> Members()
    {
        yield return Life("the deployer's key is another member's", Everywhere,
            "key-taken|entry-refused|state-|verdict-|entry-signature", f =>
        {
            f.Put(f.Ground["member"], f.Ground.Refused["member"]);
            f.Show(f.Ground["member"]);
        }) with { Never = $"by member {Ground.Imposter.Id[..8]}" };
        yield return Life("the deployer's key was another member's first", Receipts,
            "key-taken|state-|entry-|deployment-refused", f =>
        {
            // The server puts the refused statement before the true one.
            var own = f.W.State.Members[Ground.Deployer2.Id].Entry;
            f.Put(own, f.Ground.Refused["member"]);
            f.Show(own);
        }, Told(Artefact.One, Held.Server, Admitted), Told(Artefact.Two, Held.Node, Admitted));
        yield return Life("the member who deployed is no deployer", Receipts, "entry-signature|state-",
            f => f.Drop(f.W.State.Members[Ground.Deployer2.Id].Entry));
        yield return Life("an owner alone made someone a deployer", Everywhere,
            "entry-(signature|refused).*too-few|entry-inclusion|role", f =>
        {
            var at = f.Ground.Filler(0);
            var envelope = f.Honest(f.W.State.Members[Ground.Deployer2.Id].Entry).Entry.Envelope;
            f.Put(at, f.W.Sign(f.Fresh(f.W.Member(Ground.Imposter, new Role(RoleName.Deployer, World.Sys)),
                f.TimeAt(at)),
                World.Owner).Envelope);
            f.Show(at);
        });
        yield return Life("the server approved it", Everywhere, "role-missing|approval", f =>
        {
            var at = f.Ground.Filler(0);
            f.Put(at, ((Approval)f.Honest(f.Ground["approval"]).Statement), World.Server);
            f.Show(at);
        });
        yield return Life("the node deployed it", Everywhere, "not-a-return|deployment-refused|role|verdict-|state-",
            f => f.Put(f.Ground["deployed"], f.W.Deploying(f.M.V2) with { Replaces = null }, World.Node),
            Told(Artefact.One, Held.Node, Admitted));
    }
}
