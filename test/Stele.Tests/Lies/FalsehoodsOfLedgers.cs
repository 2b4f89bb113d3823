using System.Collections.Immutable;
using System.Text;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Lies;

// Lies about the state that a node signed, about refusals, and about ledgers and logs as a whole.
static partial class Falsehoods
{
    static IEnumerable<Lie> States()
    {
        static Lie State(string sentence, string names, Func<Forger, Receipt, StateOpening> change) => Life(sentence,
            [Artefact.Two], names, f => f.Finish = r => r with { State = change(f, r) });
        static StateOpening Path(StateOpening s, Func<OpenedFact, bool> which, Func<FactPath, FactPath?> change)
        {
            var at = s.Facts.FirstOrDefault(which) ?? throw new InvalidOperationException("there is no such fact");
            return change(at.Path) is { } path ? s with { Facts = s.Facts.Replace(at, at with { Path = path }) }
                : s with { Facts = s.Facts.Remove(at) };
        }

        yield return Life("another node signed the state", [Artefact.Two], "state-signed", f =>
        {
            f.Show(f.Ground["observed-test"]);
            f.Show(f.W.State.Members[Ground.Node2.Id].Entry);
            f.Finish = r => r with { State = Moved(f, r, f.Ground["observed-test"]) };
        });
        yield return Life("a state from before the deployment shows it", [Artefact.Two], "state-signed", f =>
        {
            f.Leaf = 8;
            f.Show(f.Ground["observed"]);
            f.Finish = r => r with { State = Moved(f, r, f.Ground["observed"]) };
        });
        yield return Life("an entry that is no state is one", [Artefact.Two], "state-signed", f => f.Finish = r =>
            r with { State = r.State! with { Entry = f.Ground["deployed"] } });
        yield return State("the state is of another size", "state-differs",
            (_, r) => r.State! with { Form = r.State.Form.With("size", 10_000) });
        yield return State("the state is of another ledger", "state-differs",
            (_, r) => r.State! with { Form = r.State.Form.With("ledger", Digest.Of("x"u8)) });
        yield return State("the state is of another fold version", "state-differs",
            (_, r) => r.State! with { Form = r.State.Form.With("fold", 2) });
        yield return State("the state has other revocations", "state-(differs|path)",
            (_, r) => r.State! with { Form = r.State.Form.With("revocations", Digest.Of("x"u8)) });
        foreach (var map in new[] { "members", "keyOwners", "systems", "policies", "origins", "releases",
            "evaluations", "approvals", "environments", "logs" })
        {
            var of = map;
            yield return State($"there is no such fact among the {of}", "state-path", (_, r) => Path(r.State!,
                x => x.Map == of && x.Path.Value is not null, p => p with { Value = null }));
            yield return State($"a fact among the {of} is left out",
                "state-|deployment-refused|approval-differs|verdict-differs|entry-foreign", (_, r) => Path(r.State!,
                x => x.Map == of && x.Path.Value is not null, _ => null));
            yield return State($"a fact among the {of} says something else", "state-(path|fact)",
                (_, r) => Path(r.State!, x => x.Map == of
                && x.Path.Value is { Kind: JsonKind.Object or JsonKind.Array or JsonKind.String },
                p => p with { Value = p.Value!.Kind == JsonKind.Object ? p.Value.With("more", 1) : Json.Of("x") }));
        }
        yield return Of("a key was not revoked", Ground.Doubtful, [Artefact.Two], "state-", f => f.Finish = r => r with
        {
            State = StateOpening.Of(f.W.Replay.At(r.State!.Form["size"].AsInt), r.State.Entry,
                r.State.Facts.Select(x => (x.Map, x.Path.Key)).Append(("revocations",
                Person.Of("lost").Key.Public.Id.ToString()))),
        });
        yield return State("a fact that is not asked for is of use", "state-foreign", (f, r) =>
            StateOpening.Of(f.W.Replay.At(r.State!.Form["size"].AsInt), r.State.Entry,
                r.State.Facts.Select(x => (x.Map, x.Path.Key)).Append(("members", World.Stranger.Id))));
        // A server that keeps a tree of its own can put another head before the one that the deployment replaced.
        yield return Life("another deployment was the head before it", [Artefact.Two],
            "state-fact|deployment-refused|entry-", f =>
        {
            f.Leaf = 8;
            var at = f.Ground["deployed-3"];
            var other = f.W.Deploying(f.M.V1) with { Replaces = f.Ground["deployed"] };
            f.Put(at, f.W.Sign(f.Fresh(other, f.TimeAt(at)), World.Deployer).Envelope);
        }, Told(Artefact.Two, Held.Node, Admitted));
    }

    /// <summary>The same facts, opened in another state.</summary>
    static StateOpening Moved(Forger f, Receipt r, long entry) =>
        StateOpening.Of(f.W.Replay.At(SignedState.Of(f.Honest(entry).Statement)!.Size), entry,
            r.State!.Facts.Select(x => (x.Map, x.Path.Key)));

    static IEnumerable<Lie> Refusals()
    {
        static Refusal Of(Forger f, string mark) => (Refusal)f.Honest(f.Ground[mark]).Statement;
        static Refusal Admitted(Forger f, long size)
        {
            var e = f.Honest(f.Ground["deployed"]);
            return new Refusal(Explain.EnvelopeDigest(e.Entry.Envelope), size, f.TimeAt(size), "policy-failed",
                null) { Nonce = "", Issued = 0 };
        }

        yield return Life("what was admitted had been refused before", Packs, "refusal-(misplaced|differs)",
            f => f.Append(Admitted(f, f.Ground["deployed"] - 6), World.Server));
        yield return Life("what was admitted was refused there", Packs, "refusal-(misplaced|differs)",
            f => f.Append(Admitted(f, f.Ground["deployed"]), World.Server));
        yield return Life("an admitted deployment was refused, where a refusal stands", Packs,
            "refusal-differs|document-missing|state-differs", f =>
        {
            var at = f.Ground["waiver"];
            var e = f.Honest(f.Ground["deployed"]);
            f.Put(at, f.Sign(Of(f, "waiver") with { Envelope = Explain.EnvelopeDigest(e.Entry.Envelope) },
                f.TimeAt(at), World.Server));
        }, Told(Artefact.Ledger, Held.Server, "not-executed"));
        foreach (var (mark, code) in new[] { ("unapproved", "author-approves"), ("builder-approval", "expired"),
            ("release-refused", "no-origin"), ("waiver", "role-missing") })
            yield return Life($"the refusal of the {mark} has another reason", Packs, $"refusal-differs.*{code}",
                f => f.Put(f.Ground[mark], f.Sign(Of(f, mark) with { Code = code, Rule = null, RulePolicy = null },
                f.TimeAt(f.Ground[mark]), World.Server)));
        yield return Life("something was refused that nobody sent", Packs, "document-missing|state-differs", f =>
        {
            var at = f.Ground["waiver"];
            f.Put(at, f.Sign(Of(f, "waiver") with { Envelope = Digest.Of("x"u8) }, f.TimeAt(at), World.Server));
        }, Told(Artefact.Ledger, Held.Server, "not-executed"));
        yield return Life("a refusal was at another time", Packs, "refusal-(misplaced|differs)",
            f => f.Put(f.Ground["waiver"], f.Sign(Of(f, "waiver") with { Time = f.TimeAt(f.Ground["waiver"]) - 5 },
            f.TimeAt(f.Ground["waiver"]), World.Server)));
        yield return Life("a refusal was at another size", Packs, "refusal-(misplaced|differs)",
            f => f.Put(f.Ground["waiver"], f.Sign(Of(f, "waiver") with { Size = f.Ground["waiver"] - 3 },
            f.TimeAt(f.Ground["waiver"]), World.Server)));
        yield return Life("a verdict explains nothing that was sent", Packs,
            "verdict-(misplaced|differs)|document-missing", f =>
            f.Append(((Verdict)f.Honest(f.Ground["deployed"] + 1).Statement) with { Envelope = Digest.Of("x"u8) },
                World.Server));
        yield return Life("one refusal is two", Packs, "entry-repeated|refusal-(misplaced|differs)",
            f => f.Append(Of(f, "waiver"), World.Server));
    }

    static IEnumerable<Lie> Ledgers()
    {
        yield return Life("entries behind a withheld document are in order", Packs,
            "entry-malformed|document-missing|checkpoint", f =>
        {
            f.Withhold(f.M.Policy);
            f.Append("garbage"u8.ToArray());
        });
        yield return Life("nothing else is to be judged", Packs, "document-missing|entry-refused",
            f => f.Withhold(f.M.Policy), Told(Artefact.Ledger, Held.None, "stopped at entry"))
            with { Never = "complete" };
        yield return Life("the ledger has one entry more", Packs, "verdict-(differs|misplaced)|entry-repeated",
            f => f.Append(((Verdict)f.Honest(f.Ground["deployed"] + 1).Statement), World.Server));
        yield return Life("this is the ledger that was seen before", [Artefact.Ledger],
            "ledger-(forked|shrunk)|refusal|verdict|entry-", f =>
        {
            f.Remembered = new LedgerMemory(f.W.State.Ledger, f.W.Checkpoint());
            f.Put(f.Ground["waiver"], f.Sign(Of(f), f.TimeAt(f.Ground["waiver"]), World.Server));
            static Statement Of(Forger f) => (Refusal)f.Honest(f.Ground["waiver"]).Statement with { Nonce = new string(
                'a', 32) };
        });
        yield return Life("the log is lost, says the server", Packs, "entry-refused.*role-missing",
            f => f.Append(World.EndLog(LogAction.Lost, f.M.Log.Origin), World.Server));
        yield return Life("its records may be pruned, says the server", Packs, "entry-refused.*role-missing",
            f => f.Append(World.Retain(f.M.Log.Origin, 4), World.Server));
        yield return Life("a hold was released, says the server", Packs, "entry-refused.*role-missing",
            f => f.Append(World.ReleaseHold(f.Ground["hold"]), World.Server));
        yield return Life("keys were erased, though a hold forbade it, in a pack", Packs, "entry-refused.*on-hold",
            f => f.Put(f.Ground["erasure-refused"], f.Ground.Refused["erasure-refused"]));
        yield return Life("a waiver that was refused was given", Everywhere,
            "out-of-range|entry-foreign|state-|verdict", f => Add(f, "waiver"), Told(Artefact.Two, Held.Node,
            Admitted));
        yield return Life("a log key that no owner named signs the ledger", Packs,
            "entry-refused.*role-missing|checkpoint-signature",
            f => f.Append(World.LogKey(new NoteSigner(World.Name, secret: "own"), f.W.State.Size + 2), World.Server));
    }

    static Statement Seen(Forger f)
    {
        var at = f.Ground["erasure-refused"];
        return f.Fresh((Observation)f.Honest(f.Ground["observed-back"]).Statement,
            f.TimeAt(at)) with { Event = ObservedEvent.Running, Size = at, State = StateDigest.Of(f.W.Replay.At(at)) };
    }

    /// <summary>A pack whose decision log lacks leaves, under a new checkpoint by who has the log's key.</summary>
    static void Shorter(Forger f, Action<List<byte[]>> change)
    {
        var signs = f.Uses(World.Node);
        f.FinishPack = p =>
        {
            change(p.Logs[f.M.Log.Origin].Leaves);
            if (signs) p.ResignLog(f.M.Log.Key);
        };
    }

    static IEnumerable<Lie> Logs()
    {
        static Lie Pack(string sentence, string names, Action<Forger> tell, params (Artefact, Held, string)[] told) =>
            Life(sentence, [Artefact.Pack], names, tell, told);

        yield return Pack("the log has other counts", "anchor-counts", f => f.Retell<Anchor>(f.Ground["anchor-3"],
            a => a with { Opens = a.Opens + 1, Wholes = a.Wholes - 1 }, World.Node));
        yield return Pack("a record was never made", "anchor-root|checkpoint|log-short",
            f => Shorter(f, l => l.RemoveAt(2)));
        yield return Pack("the last records that were anchored were never made", "log-short|checkpoint",
            f => Shorter(f, l => l.RemoveRange(6, l.Count - 6)));
        yield return Pack("no record was made after the last anchor", "log-short|checkpoint", f => f.FinishPack = p =>
        {
            // The checkpoint that the last anchor carries is genuine.
            p.Logs[f.M.Log.Origin].Leaves.RemoveAt(9);
            p.Logs[f.M.Log.Origin] = (p.Logs[f.M.Log.Origin].Leaves,
                ((Anchor)f.Honest(f.Ground["anchor-3"]).Statement).Checkpoint);
        }, Told(Artefact.Pack, Held.None, "unanchored|after its last anchor")) with { Never = "': complete, 9 leaves" };
        yield return Pack("the pack has what a receipt promised", "log-forked|decision-inclusion|checkpoint", f =>
        {
            f.InHand = f.M.Receipt(9, form: ReceiptForm.One);
            f.Record(9, d => d with { Status = 404 });
        });
        yield return Life("it was seen running when nobody looked", Packs, "state-differs|refusal-differs", f =>
            f.Put(f.Ground["erasure-refused"], f.Sign(Seen(f), f.TimeAt(f.Ground["erasure-refused"]), World.Node)),
            [.. Packs.Select(a => Told(a, Held.Node, "word of (their|its) node"))]) with
        {
            Never = "silence between the observations",
        };
        yield return Pack("the pack needs no decision log", "log-missing", f => f.FinishPack = p =>
            p.Logs.Remove(f.M.Log.Origin));
        yield return Pack("the reckoning counted other records", "reconcile-differs",
            f => f.Retell<Reconcile>(f.Ground["reckoned"],
            r => r with { Logs = [.. r.Logs.Select(l =>
                l with { Leaves = l.Leaves! with { Allowed = l.Leaves.Allowed - 1, Denied = l.Leaves.Denied +
                1 } })] }, World.Monitor));
        yield return Pack("the reckoning's anchors were others", "entry-refused",
            f => f.Retell<Reconcile>(f.Ground["reckoned"],
            r => r with { Logs = [.. r.Logs.Select(l =>
                l with { Window = l.Window with { Past = l.Window.Past - 1 } })] }, World.Monitor));
        yield return Pack("an alert is about records that were not anchored", "entry-refused.*out-of-range",
            f => f.Retell<Alert>(f.Ground["alert"], a => a with { To = 100 }, World.Monitor));
        yield return Pack("the node folded another state", "state-differs", f => f.Retell<Anchor>(f.Ground["anchor-3"],
            a => a with { State = Digest.Of("x"u8) }, World.Node));
        yield return Life("the node saw another state", Packs, "state-differs",
            f => f.Retell<Observation>(f.Ground["observed"], o => o with { State = Digest.Of("x"u8) }, World.Node));
        yield return Life("another release was seen running", Packs, "entry-refused",
            f => f.Retell<Observation>(f.Ground["observed"], o => o with { Release = f.M.V3 }, World.Node));
        yield return Pack("an operation was closed that was not open", "decision-(unopened|close-differs)",
            f => f.Record(5, d => d with { Open = 1 }));
        yield return Pack("the record was made for another operation", "decision-close-differs",
            f => f.Record(5, d => d with { Principal = new string('f', 32) }));
        yield return Pack("the records are dated a year before", "state-differs|reconcile-differs|checkpoint", f =>
        {
            for (var i = 0; i < 3; i++) f.Record(i, d => d with { Time = d.Time - 365L * 86_400_000 });
        }, Told(Artefact.Pack, Held.Node, "node-clock"));
        yield return Pack("the ledger it knew was fresh", "state-differs|reconcile-differs|checkpoint",
            f => f.Record(1, d => d with { Staleness = 10_000_000 }), Told(Artefact.Pack, Held.Node,
            "stale-decisions"));
    }
}
