using System.Buffers.Binary;
using System.Text;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Tamper;

// Attacks on what stands beside the ledger: documents, decision logs, the pack's layout, explanations, receipts.
static partial class Matrix
{
    static IEnumerable<Attack> Documents()
    {
        var names = Zip.Read(new MemoryStream(Forgery.Honest(Lived.World))).Select(m => m.Name)
            .Where(n => n.StartsWith("documents/", StringComparison.Ordinal)).ToList();
        foreach (var name in names)
        {
            yield return Operator($"a bit of {name}, all digests computed again",
                f => f.Documents[name] = Forgery.Flip(f.Documents[name], f.Documents[name].Length / 3),
                "entry-refused: document-missing", "document-missing");
            yield return Operator($"leaves {name} out", f => f.Documents.Remove(name),
                "entry-refused: document-missing", "document-missing");
            yield return Finder($"takes {name} away and leaves it in the manifest", f => f.Overrides[name] = null,
                "member-missing");
        }
        yield return Operator("one document under another's name",
            f => (f.Documents[names[0]], f.Documents[names[1]]) = (f.Documents[names[1]], f.Documents[names[0]]),
            "entry-refused: document-missing", "document-missing");
        yield return Operator("a document that nothing asks for",
            f => f.Documents[$"documents/{Digest.Of("x"u8).Hex}"] = "x"u8.ToArray(), "member-unread");
    }

    static Attack Node(string name, Action<List<byte[]>> change, params string[] expected) =>
        new("node: " + name, "pack", () =>
    {
        var f = Forgery.Of(Lived.World);
        change(f.Logs[Lived.Log.Origin].Leaves);
        return (f.ResignLog(Lived.Log.Key).Write(), Lived.World.Trust);
    }, expected);

    /// <summary>A world in which a node writes one decision that is not true, and anchors it honestly.</summary>
    static Attack Lie(string name, Func<Mortgage, Decision, Decision> lie, params string[] expected) =>
        new("node: " + name, "pack", () =>
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        m.Deploy(m.V3, World.Test);
        m.Log.Add(lie(m, m.World.Decide()));
        m.Anchor();
        return (m.World.Pack(), m.World.Trust);
    }, expected);

    static IEnumerable<Attack> Logs()
    {
        var origin = Lived.Log.Origin;
        var anchored = (int)Lived.Log.AnchoredSize;
        for (var n = 0; n < anchored; n++)
        {
            var i = n;
            yield return Finder($"a bit of decision {i}, all digests computed again",
                f => f.Logs[origin].Leaves[i] = Forgery.Flip(f.Logs[origin].Leaves[i],
                    i * 53 % f.Logs[origin].Leaves[i].Length), "checkpoint-root");
            yield return Node($"another status in decision {i}, its log signed again",
                leaves => leaves[i] = (Decision.Parse(leaves[i]) with { Status = 403 }).Encode(), "anchor-root");
            yield return Node($"drops decision {i} and signs its log again", leaves => leaves.RemoveAt(i),
                "anchor-root");
            // A copy behind the last anchored leaf would be a leaf like any other: until the next anchor the log is the
            // node's word.
            if (i + 1 < anchored)
                yield return Node($"repeats decision {i}", leaves => leaves.Insert(i, leaves[i]), "anchor-root");
        }
        yield return Node("swaps two decisions", l => (l[0], l[1]) = (l[1], l[0]), "anchor-root");
        yield return Node("drops all that is not needed for its last anchor but one",
            l => l.RemoveRange(3, l.Count - 3), "log-short");
        yield return Node("an unreadable leaf", l => l[^1] = "x"u8.ToArray(), "decision-malformed");
        yield return Node("a leaf in other JSON", l => l[^1] = [.. l[^1], (byte)'\n'], "decision-malformed");
        yield return Node("a leaf with a member more",
            l => l[^1] = Decision.Parse(l[^1]).ToJson().With("who", "a name").ToBytes(), "decision-malformed");
        yield return Node("a status beyond an int",
            l => l[^1] = Decision.Parse(l[^1]).ToJson().With("status", 1L << 40).ToBytes(), "decision-malformed");
        yield return Finder("signs the decision log with another key",
            f => f.ResignLog(new NoteSigner(origin, secret: "other")), "checkpoint-signature");
        yield return Finder("signs the decision log with the ledger's key",
            f => f.ResignLog(Lived.World.Key.As(origin)), "checkpoint-signature");
        yield return Finder("leaves the decision log out", f => f.Logs.Remove(origin), "log-missing");
        yield return Operator("leaves the decision log out and signs again", f => f.Logs.Remove(origin), "log-missing");
        yield return Finder("leaves the log's leaves out", f => f.Logs[origin] = ([], Lived.Log.Checkpoint()),
            "checkpoint-size");
        yield return Finder("a log that the ledger does not know",
            f =>
                f.Logs["elsewhere"] = ([.. Lived.Log.Leaves], new NoteSigner("elsewhere").Checkpoint(
                    Lived.Log.Leaves.Count, Lived.Log.Root(Lived.Log.Leaves.Count))), "member-unread");
        yield return new("operator: declares the log lost without the owners", "pack", () =>
        {
            var f = Forgery.Of(Lived.World);
            f.Logs.Remove(origin);
            f.Entries.Add(
                Lived.World.Sign(Lived.World.Fresh(World.EndLog(LogAction.Lost, origin)), World.Server).Bytes);
            return (f.Resign().Write(), Unwitnessed(Lived.World));
        }, "entry-refused: role-missing", "log-missing");
        yield return Lie("a release that another environment runs", (m, d) => d with { Release = m.V3 },
            "decision-release");
        yield return Lie("a deployment of another environment", (m, d) => d with
        {
            Deployment = m.World.State.Environment(World.Sys, World.Test).Head!.Entry,
            Release = m.V3
        }, "decision-release");
        yield return Lie("an entry that is no deployment", (_, d) => d with { Deployment = 3 }, "decision-release");
        yield return Lie("another environment", (m, d) => d with
        {
            Environment = World.Test,
            Release = m.V3,
            Deployment = m.World.State.Environment(World.Sys, World.Test).Head!.Entry
        }, "decision-place");
        yield return Lie("a ledger larger than there is", (_, d) => d with { Size = 10_000 }, "decision-range");
        yield return Lie("a deployment after the size folded", (_, d) => d with { Size = d.Deployment },
            "decision-range");
        yield return Lie("another policy in force", (m, d) => d with { Policies = [m.Frozen] }, "decision-policy");
        yield return Lie("no policy in force", (_, d) => d with { Policies = [] }, "decision-policy");
        yield return Lie("the word of a candidate that never stood", (m, d) =>
            d with { Would = [new(m.Frozen, RuledOutcome.Deny, "predict-only", m.Frozen)] }, "decision-candidate");
        yield return Lie("another policy of the release", (m, d) => d with { ReleasePolicy = m.Policy },
            "decision-policy");
        yield return new("node: closes one operation twice", "pack", () =>
        {
            var m = Mortgage.Released();
            m.Deploy(m.V2);
            var open = m.Log.Add(m.World.Decide(DecisionKind.Open));
            m.Log.Add(m.World.Decide(DecisionKind.Open));
            m.Log.Add(m.World.Decide(DecisionKind.Close, open));
            m.Log.Add(m.World.Decide(DecisionKind.Close, open));
            m.Anchor();
            return (m.World.Pack(), m.World.Trust);
        }, "decision-unopened");
        yield return new("node: closes another operation", "pack", () =>
        {
            var m = Mortgage.Released();
            m.Deploy(m.V2);
            var open = m.Log.Add(m.World.Decide(DecisionKind.Open));
            m.Log.Add(m.World.Decide(DecisionKind.Close, open) with { Principal = new string('f', 32) });
            m.Anchor();
            return (m.World.Pack(), m.World.Trust);
        }, "decision-close-differs");
        yield return new("node: counts an open as a whole", "pack", () =>
        {
            var m = Mortgage.Released();
            m.Deploy(m.V2);
            m.Log.Add(m.World.Decide(DecisionKind.Open));
            m.World.Add(m.World.Anchoring(m.Log) with { Opens = 0, Wholes = 1 }, World.Node);
            return (m.World.Pack(), m.World.Trust);
        }, "anchor-counts");
        yield return new("node: serves a release after it was stopped", "pack", () =>
        {
            var m = Mortgage.Released();
            m.Deploy(m.V2);
            m.World.Add(World.Revoke(RevocationTarget.Artifact, m.V2, m.World.State.Size, RevocationEffect.Stop),
                World.Owners);
            m.Log.Add(m.World.Decide());
            m.Anchor();
            return (m.World.Pack(), m.World.Trust);
        }, "decision-stopped");
        foreach (var anchoring in new[] { true, false })
            yield return new($"node: states another state's digest in {(anchoring ? "an anchor" : "an observation")}",
                "pack", () =>
            {
                var m = Mortgage.Released();
                m.Deploy(m.V2);
                m.World.Add(anchoring
                    ? m.World.Anchoring(m.Log) with { State = Digest.Of("x"u8) }
                    : m.World.Observe() with { State = Digest.Of("x"u8) }, World.Node);
                return (m.World.Pack(), m.World.Trust);
            }, "state-differs");
    }

    static IEnumerable<Attack> Layout()
    {
        static byte[] Put(byte[] pack, long at, params byte[] bytes)
        {
            var copy = (byte[])pack.Clone();
            bytes.CopyTo(copy, at);
            return copy;
        }
        static long Directory(byte[] pack) => BinaryPrimitives.ReadUInt32LittleEndian(pack.AsSpan(pack.Length - 6));
        foreach (var (name, at) in new[] { ("version needed", 4), ("flags", 6), ("method", 8), ("time", 10), ("date",
            12), ("CRC", 14), ("compressed size", 18), ("size", 22), ("name's length", 26), ("extra length", 28) })
        {
            yield return Raw($"another {name} in the first local header", p => Put(p, at, (byte)(p[at] + 1)),
                "pack-malformed");
            yield return Raw($"another {name} in the first directory entry",
                p => Put(p, Directory(p) + 2 + at, (byte)(p[Directory(p) + 2 + at] + 1)), "pack-malformed");
        }
        yield return Raw("an offset in the directory", p => Put(p, Directory(p) + 42, 1), "pack-malformed");
        yield return Raw("attributes in the directory", p => Put(p, Directory(p) + 38, 1), "pack-malformed");
        yield return Raw("a count in the end record", p => Put(p, p.Length - 12, (byte)(p[^12] + 1)), "pack-malformed");
        yield return Raw("a comment", p => Put([.. p, (byte)'x'], p.Length - 2, 1, 0), "pack-malformed");
        yield return Raw("a byte behind", p => [.. p, 0], "pack-malformed");
        yield return Raw("a byte before", p => [0, .. p], "pack-malformed");
        yield return Raw("cut short", p => p[..^100], "pack-malformed");
        yield return Raw("the second half", p => p[(p.Length / 2)..], "pack-malformed");
        yield return Raw("empty", _ => [], "pack-malformed");
        yield return Raw("an empty zip", p => [.. p.AsSpan(p.Length - 22, 4), .. new byte[18]], "pack-malformed");
        yield return Raw("twice itself", p => [.. p, .. p], "pack-malformed");
        yield return Finder("a member that the manifest does not list",
            f => f.Manifest = m => Without(m, "ledger/checkpoint"), "member-unlisted");
        yield return Finder("a member with another digest in the manifest",
            f =>
                f.Manifest = m =>
                    m.With("members",
                        Json.Array(m["members"].AsArray.SetItem(0,
                            m["members"].AsArray[0].With("digest", Digest.Of("x"u8))))), "member-digest");
        yield return Finder("a member with another size in the manifest",
            f =>
                f.Manifest = m =>
                    m.With("members",
                        Json.Array(m["members"].AsArray.SetItem(0, m["members"].AsArray[0].With("size", 1)))),
            "manifest-differs");
        yield return Finder("a member twice in the manifest",
            f => f.Manifest = m => m.With("members", Json.Array(m["members"].AsArray.Add(m["members"].AsArray[0]))),
            "pack-malformed");
        yield return Finder("members in another order in the manifest",
            f => f.Manifest = m => m.With("members", Json.Array(m["members"].AsArray.Reverse())), "manifest-differs");
        yield return Finder("a word more in the manifest", f => f.Manifest = m => m.With("by", "somebody"),
            "manifest-differs");
        yield return Finder("another origin in the manifest",
            f => f.Manifest = m => m.With("ledger", m["ledger"].With("origin", "other")), "manifest-differs");
        yield return Finder("another genesis in the manifest",
            f => f.Manifest = m => m.With("ledger", m["ledger"].With("genesis", Digest.Of("x"u8))), "manifest-differs");
        yield return Finder("another checkpoint in the manifest",
            f => f.Manifest = m => m.With("ledger", m["ledger"].With("checkpoint", "x")), "manifest-differs");
        yield return Finder("no logs in the manifest", f => f.Manifest = m => m.With("logs", Json.EmptyArray),
            "manifest-differs");
        yield return Finder("a version to come", f => f.Manifest = m => m.With("version", Pack.Version + 1),
            "pack-malformed");
        yield return Finder("a member of no use", f => f.Overrides["readme.md"] = "hello"u8.ToArray(), "member-unread");
        yield return Finder("a segment after a gap", f =>
            f.Overrides["ledger/entries/000000007"] = Forgery.SegmentOf(Lived.World.Entries.Take(1)), "member-unread");
        yield return Finder("a segment after one that has room",
            f => f.Overrides["ledger/entries/000000001"] = Forgery.SegmentOf(Lived.World.Entries.Take(1)),
            "bundle-malformed");
        yield return Finder("a segment cut short", f =>
            f.Overrides["ledger/entries/000000000"] = Forgery.SegmentOf(Lived.World.Entries)[..^1], "bundle-malformed");
        yield return Finder("an empty segment", f => f.Overrides["ledger/entries/000000000"] = [], "bundle-malformed");
        yield return Finder("no entries", f => f.Entries.Clear(), "pack-malformed");
        yield return Finder("a checkpoint that is not UTF-8", f => f.Overrides["ledger/checkpoint"] = [0xff, 0xfe],
            "pack-malformed");
    }

    static Json Without(Json manifest, string name) =>
        manifest.With("members", Json.Array(manifest["members"].AsArray.Where(m => m["name"].AsString != name)));

    /// <summary>
    /// What the server says of what it did. It has its own key, so the signature is good; only executing it again
    /// tells.
    /// </summary>
    static IEnumerable<Attack> Explanations()
    {
        Attack Told<T>(string name, Func<T, Statement> change, params string[] expected) where T : Statement =>
            new($"operator: {name}", "pack", () =>
        {
            var w = Lived.World;
            var at = w.Replay.Entries.First(e => e.Statement is T).Index;
            var f = Forgery.Of(w);
            // The last such entry is told again at the end of the ledger, where nothing else rests on it.
            var lie = change((T)w.Replay.Entries[(int)at].Statement) with
            {
                Nonce = new string('e', 32),
                Issued = w.Now
            };
            f.Entries.Add(new Entry(w.Now, Envelope.Sign(lie.Encode(), World.Server.Key)).Bytes);
            return (f.Resign().Write(), Unwitnessed(w));
        }, expected);
        yield return Told<Verdict>("a verdict that passes what failed", v => v with
        {
            Passed = true,
            Rules = [.. v.Rules.Select(r => r with { Result = RuleResult.Passed, Message = null })]
        }, "verdict-differs");
        yield return Told<Verdict>("a verdict with another message",
            v => v with { Rules = v.Rules.SetItem(0, v.Rules[0] with { Message = "ratio 0.99" }) }, "verdict-differs");
        yield return Told<Verdict>("a verdict with another value",
            v => v with { Rules = v.Rules.SetItem(0,
                v.Rules[0] with { Values = [v.Rules[0].Values[0] with { Value = 0.99 }] }) }, "verdict-differs");
        yield return Told<Verdict>("a verdict without values",
            v => v with { Rules = [.. v.Rules.Select(r => r with { Values = [] })] }, "verdict-differs");
        yield return Told<Verdict>("a verdict with a waiver that nothing used", v => v with { Waivers = [1] },
            "verdict-differs");
        yield return Told<Verdict>("a verdict that was cut for no reason", v => v with { Cut = 1 }, "verdict-differs");
        yield return Told<Verdict>("a verdict with a rule less", v => v with { Rules = v.Rules.RemoveAt(0) },
            "verdict-differs");
        yield return Told<Verdict>("a verdict of another release", v => v with { Releases = [Lived.V3] },
            "verdict-differs");
        yield return Told<Verdict>("a verdict on another input", v => v with { Input = Digest.Of("x"u8) },
            "verdict-differs");
        yield return Told<Verdict>("a verdict under other policies", v => v with { Policies = [] }, "verdict-differs");
        yield return Told<Verdict>("a verdict of another size", v => v with { Size = v.Size - 1 }, "verdict-differs");
        yield return Told<Verdict>("a verdict of another time", v => v with { Time = v.Time + 1 }, "verdict-differs");
        yield return Told<Verdict>("a verdict by another engine", v => v with { FoldVersion = 9 }, "verdict-differs");
        yield return Told<Verdict>("a verdict of an envelope that nobody has",
            v => v with { Envelope = Digest.Of("x"u8) }, "document-missing");
        yield return Told<Verdict>("a verdict told once more", v => v, "verdict-differs");
        yield return Told<Refusal>("a refusal with another code", r => r with { Code = "bad-signature" },
            "refusal-differs");
        yield return Told<Refusal>("a refusal by another rule", r => r with { Rule = "two-person" }, "refusal-differs");
        yield return Told<Refusal>("a refusal by the same rule of another policy",
            r => r with { RulePolicy = Lived.V3 }, "refusal-differs");
        yield return Told<Refusal>("a refusal of what was admitted", r => Admitted(r), "refusal-differs");
        yield return Told<Refusal>("a refusal of an envelope that nobody has",
            r => r with { Envelope = Digest.Of("x"u8) }, "document-missing");
        yield return new("operator: a refusal in the name of someone who never signed", "pack", () =>
        {
            var w = Lived.World;
            var f = Forgery.Of(w);
            var envelope = w.Sign(w.Fresh(World.EndLog(LogAction.Close, Lived.Log.Origin)), World.Stranger).Envelope;
            f.Documents[$"documents/{Explain.EnvelopeDigest(envelope).Hex}"] = envelope.ToJson().ToBytes();
            var entry = new Entry(w.Now, envelope);
            var refused = (Outcome.Refused)w.Replay.Try(entry);
            f.Entries.Add(new Entry(w.Now,
                Envelope.Sign(Explain.Refusal(w.State, entry, refused).Encode(), World.Server.Key)).Bytes);
            return (f.Resign().Write(), Unwitnessed(w));
        }, "refusal-differs");
    }

    static Refusal Admitted(Refusal r)
    {
        var e = Lived.World.Replay.Entries[(int)Lived.DeployedV2];
        return r with { Envelope = Explain.EnvelopeDigest(e.Entry.Envelope), Size = e.Index, Time = e.Entry.Time };
    }

    static IEnumerable<Attack> Receipts()
    {
        Attack Changed(string name, Func<Receipt, Receipt> change, params string[] expected) =>
            new($"finder: receipt: {name}", "receipt",
                () => (change(Lived.Receipt(8, form: ReceiptForm.One)).Encode(), Lived.World.Trust), expected);
        Attack Json(string name, Func<Json, Json> change, params string[] expected) =>
            new($"finder: receipt: {name}", "receipt", () =>
                (change(Lived.Receipt(8, form: ReceiptForm.One).ToJson()).ToBytes(), Lived.World.Trust), expected);
        static Receipt Leaf(Receipt r, Func<Decision, Decision> change) =>
            r with { Leaf = r.Leaf with { Decision = change(r.Leaf.Decision) } };
        // The node signs a log of its own making over the changed leaf; the anchor still names the true one.
        Attack Remade(string name, Func<Decision, Decision> change, params string[] expected) =>
            new($"node: receipt: {name}", "receipt", () =>
        {
            var fork = new DecisionLog(Lived.Log.Key);
            foreach (var leaf in Lived.Log.Leaves.Take(8)) fork.Add(Decision.Parse(leaf));
            fork.Add(change(Decision.Parse(Lived.Log.Leaves[8])));
            var r = Lived.Receipt(8, form: ReceiptForm.One);
            return (Leaf(r with { LogCheckpoint = fork.Checkpoint() }, change) is var f
                ? (f with { Leaf = f.Leaf with { Proof = [.. fork.Inclusion(8, 9)] } }).Encode()
                : [], Lived.World.Trust);
        }, expected);

        yield return Changed("another status", r => Leaf(r, d => d with { Status = 403 }), "decision-inclusion");
        yield return Changed("another outcome", r => Leaf(r, d => d with
        {
            Outcome = DecisionOutcome.Deny,
            Rule = "predict-only",
            RulePolicy = d.ReleasePolicy
        }), "decision-inclusion");
        yield return Changed("another output", r =>
            Leaf(r, d => d with { Output = Commitment.To("output", new byte[32], "other"u8) }), "decision-inclusion");
        yield return Changed("another principal", r => Leaf(r, d => d with { Principal = new string('f', 32) }),
            "decision-inclusion");
        yield return Changed("another index", r => r with { Leaf = r.Leaf with { Index = 7 } }, "decision-inclusion");
        yield return Changed("a hash of the leaf's proof", r =>
            r with { Leaf = r.Leaf with { Proof = r.Leaf.Proof.SetItem(0, Digest.Of("x"u8)) } }, "decision-inclusion");
        yield return Changed("a hash less in the leaf's proof",
            r => r with { Leaf = r.Leaf with { Proof = r.Leaf.Proof[..^1] } }, "decision-inclusion");
        yield return Changed("a hash more in the leaf's proof",
            r => r with { Leaf = r.Leaf with { Proof = r.Leaf.Proof.Add(Digest.Of("x"u8)) } }, "decision-inclusion");
        yield return Changed("another log", r => r with { Log = "elsewhere" }, "log-unknown");
        yield return Changed("a log checkpoint by another key",
            r => r with { LogCheckpoint = new NoteSigner(Lived.Log.Origin, secret: "other").Checkpoint(9,
                Lived.Log.Root(9)) }, "checkpoint-signature");
        yield return Changed("a ledger checkpoint by another key",
            r => r with { Checkpoint = Own.Checkpoint(Lived.World.Entries.Count, Lived.World.Root) },
            "checkpoint-signature");
        yield return Changed("a ledger checkpoint without its witness",
            r => r with { Checkpoint = Lived.World.Key.Checkpoint(Lived.World.Entries.Count, Lived.World.Root) },
            "too-few-witnesses");
        yield return Changed("an unsound cosignature", r => r with { Checkpoint = Twist(r.Checkpoint, 1) },
            "witness-signature");
        yield return Changed("a smaller ledger",
            r =>
                r with { Checkpoint = Lived.World.Witness.Sign(Note.Parse(Lived.World.Key.Checkpoint(5,
                    Merkle.Root(Lived.World.Entries.Take(5).Select(e => Merkle.Leaf(e))))), 1) }, "entry-inclusion");
        yield return Changed("no genesis", r => r with { Entries = r.Entries.RemoveAt(0) }, "receipt-malformed");
        yield return Changed("another ledger's genesis",
            r => r with { Entries = r.Entries.SetItem(0,
                r.Entries[0] with { Entry = Entry.Parse(Elsewhere.World.Entries[0]) }) }, "checkpoint-signature");
        yield return Changed("a close for what is whole", r => r with { Close = r.Leaf with
        {
            Index = 5,
            Decision = Decision.Parse(Lived.Log.Leaves[5]),
            Proof = [.. Lived.Log.Inclusion(5, 9)]
        } }, "decision-close-differs", "decision-inclusion");
        for (var n = 1; n < Lived.Receipt(8, form: ReceiptForm.One).Entries.Length; n++)
        {
            var i = n;
            yield return Changed($"a hash of the proof of its {i}. entry",
                r =>
                    r with { Entries = r.Entries.SetItem(i,
                        r.Entries[i] with { Proof = r.Entries[i].Proof.SetItem(0, Digest.Of("x"u8)) }) },
                "entry-inclusion");
            yield return Changed($"another time in its {i}. entry",
                r =>
                    r with { Entries = r.Entries.SetItem(i,
                        r.Entries[i] with { Entry = new Entry(r.Entries[i].Entry.Time + 1,
                            r.Entries[i].Entry.Envelope) }) }, "entry-inclusion");
        }
        foreach (var (who, what, finding) in new (string, Func<Statement, bool>, string)[]
        {
            ("deployment", s => s is Deployment, "decision-release"), ("release", s => s is Release, "release-missing"),
            ("policy", s => s is PolicyStatement, "decision-policy"), ("log", s => s is LogStatement, "log-unknown"),
            ("builds", s => s is Origin { BuildType: Origin.Pipeline }, "origin-missing"),
            ("deployer", s => s is MemberStatement m && m.Member == World.Deployer.Id, "entry-signature"),
            ("builder", s => s is MemberStatement m && m.Member == World.Builder.Id, "entry-signature"),
        })
            yield return Changed($"without the entry of the {who}",
                r => r with { Entries = [.. r.Entries
                    .Where(e => !what(StatementKinds.Parse(e.Entry.Envelope.Payload)))] },
                finding);
        for (var n = 0; n < Lived.Receipt(8, form: ReceiptForm.One).Documents.Length; n++)
        {
            var i = n;
            yield return Changed($"without its {i}. document", r => r with { Documents = r.Documents.RemoveAt(i) },
                "document-missing");
            yield return Changed($"another name in its {i}. document",
                r =>
                    r with { Documents = [.. r.Documents.SetItem(i, r.Documents[i].With("name", "other"))
                        .OrderBy(d => Digest.Of(d.ToBytes()))] }, "document-missing");
        }
        yield return Json("a member more", j => j.With("by", "somebody"), "receipt-malformed");
        yield return Json("a version to come", j => j.With("version", (int)ReceiptLayout.Two + 1), "receipt-malformed");
        yield return Json("entries in another order",
            j => j.With("ledger", j["ledger"].With("entries",
                Stele.Proof.Json.Array(j["ledger"]["entries"].AsArray.Reverse()))), "receipt-malformed");
        yield return Json("documents in another order",
            j => j.With("documents", Stele.Proof.Json.Array(j["documents"].AsArray.Reverse())), "receipt-malformed");
        yield return new("finder: receipt: in other JSON", "receipt",
            () => ([.. Lived.Receipt(8, form: ReceiptForm.One).Encode(), (byte)'\n'], Lived.World.Trust),
            "receipt-malformed");
        yield return new("finder: receipt: of more than it may have", "receipt",
            () => (new byte[Receipt.MaxBytes + 1], Lived.World.Trust), "receipt-malformed");
        yield return new("operator: receipt: of a ledger that is not trusted", "receipt",
            () => (Mortgage.Lived().Receipt(8, form: ReceiptForm.One).Encode(), Lived.World.Trust), "trust-genesis");
        yield return Remade("a release that was not deployed then", d => d with { Release = Lived.V3 },
            "decision-release");
        yield return Remade("another deployment", d => d with { Deployment = Lived.DeployedV3 }, "decision-release");
        yield return Remade("other policies", d => d with { Policies = [Lived.Frozen] }, "decision-policy");
        yield return Remade("another policy of its release", d => d with { ReleasePolicy = null }, "decision-policy");
        yield return Remade("another environment", d => d with { Environment = World.Test }, "decision-place");
        yield return new("operator: receipt: a verdict on something else", "receipt", () =>
        {
            var m = Mortgage.Released();
            m.World.Add(m.World.Approve(m.V2), World.Approver);
            var deployed = m.World.Add(m.World.Deploying(m.V2), World.Deployer);
            m.World.Add(new Verdict([m.V2], World.Sys, World.Prod, Digest.Of("x"u8), deployed, m.World.Now - 1000, true,
                [m.Policy], [], Digest.Of("x"u8), 0)
            {
                Nonce = "",
                Issued = 0
            }, World.Server);
            m.Log.Add(m.World.Decide());
            m.Anchor();
            return (m.Receipt(0).Encode(), m.World.Trust);
        }, "verdict-differs");
    }
}
