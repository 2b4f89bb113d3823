using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Tamper;
using Stele.Tests.Worlds;

namespace Stele.Tests.Lies;

/// <summary>
/// The keys a forger holds, each with those before it: none; the server's and the ledger log's; the node's and its
/// decision
/// log's; and one member's, each member for itself.
/// </summary>
enum Held { None, Server, Node, Builder, Evaluator, Approver, Deployer, Monitor }

/// <summary>What a verifier is shown.</summary>
enum Artefact { One, Two, Pack, Ledger }

/// <summary>The forger lacks a key that it takes: there is no such case.</summary>
sealed class LacksKeyException(Person who) : Exception($"the forger lacks the key of {who}");

/// <summary>
/// Tells a lie with the keys at hand. All that those keys can make consistent is made so: the server's holder signs a
/// tree of
/// its own and explains it again; the node's holder signs states, anchors and leaves that fit that tree. Every
/// signature is
/// good, by keys that the ledger names.
/// </summary>
sealed class Forger(Ground ground, Held held, Artefact artefact)
{
    static readonly Dictionary<Held, Person> MembersKeys = new()
    {
        [Held.Builder] = World.Builder, [Held.Evaluator] = World.Evaluator, [Held.Approver] = World.Approver,
        [Held.Deployer] = World.Deployer, [Held.Monitor] = World.Monitor,
    };

    readonly SortedDictionary<long, Entry> _put = [];
    readonly SortedSet<long> _hidden = [], _shown = [], _dropped = [];
    readonly List<byte[]> _appended = [];
    readonly SortedDictionary<int, Decision> _leaves = [];
    readonly HashSet<Digest> _withheld = [];
    readonly List<Digest> _documents = [];
    (long From, long By)? _stamp;
    int _cut = int.MaxValue, _nonces;
    Replay? _folded;
    DecisionLog? _log;

    public Ground Ground => ground;
    public Mortgage M => ground.M;
    public World W => ground.W;
    public Held Held => held;
    public Artefact Artefact => artefact;
    public bool IsReceipt => artefact is Artefact.One or Artefact.Two;

    /// <summary>The leaf that a receipt is of.</summary>
    public long Leaf { get; set; }
    public long? Close { get; set; }
    public ErasedIn? ErasedIn { get; set; }

    /// <summary>What is done to a receipt last, after all proofs were made.</summary>
    public Func<Receipt, Receipt> Finish { get; set; } = r => r;

    /// <summary>What is done to a pack last.</summary>
    public Action<Forgery> FinishPack { get; set; } = _ => { };

    public Trust? Trust { get; set; }
    public LedgerMemory? Remembered { get; set; }

    /// <summary>A genuine receipt in somebody's hand, which a pack is held against.</summary>
    public Receipt? InHand { get; set; }

    readonly HashSet<Person> _used = [];

    /// <summary>
    /// Whether the last of the keys was of any use: a tree of one's own for the server's, a statement or a log for the
    /// node's, a statement for a member's. Where it was not, there is no further case.
    /// </summary>
    public bool UsedAll => held switch
    {
        Held.None => true,
        Held.Server => _used.Contains(World.Server) || Rewritten,
        Held.Node => _used.Contains(World.Node) || _leaves.Count > 0 || _cut < M.Log.Leaves.Count,
        _ => _used.Contains(Member!),
    };

    /// <summary>Whether entries of the ledger are others.</summary>
    public bool Rewritten => _put.Count + _hidden.Count + _appended.Count > 0 || _stamp is not null;

    /// <summary>Whether a key is held, which is used then.</summary>
    public bool Uses(Person p)
    {
        if (Has(p)) _used.Add(p);
        return Has(p);
    }

    /// <summary>What follows takes a key.</summary>
    public void Needs(Person p)
    {
        if (!Uses(p)) throw new LacksKeyException(p);
    }

    public Person? Member => MembersKeys.GetValueOrDefault(held);

    public bool Has(Person p) => p == World.Server ? held >= Held.Server : p == World.Node ? held >= Held.Node
        : p == Member;

    public Digest Document(Digest digest)
    {
        _documents.Add(digest);
        return digest;
    }

    // What the forger does.

    public T Fresh<T>(T statement, long issued) where T : Statement => (T)(statement with
    {
        Ledger = W.State.Ledger, Issued = issued, Nonce = "e" + (++_nonces).ToString("x31",
            CultureInfo.InvariantCulture),
    });

    public Entry Sign(Statement statement, long time, params ReadOnlySpan<Person> by)
    {
        var keys = new List<PrivateKey>();
        foreach (var p in by)
        {
            Needs(p);
            keys.Add(p.Key);
        }
        return new Entry(time, Envelope.Sign(statement.Encode(), [.. keys]));
    }

    public Folded Honest(long index) => W.Replay.Entries[(int)index];
    public long TimeAt(long index) => Honest(index).Entry.Time;

    public void Put(long index, Entry entry) => _put[index] = entry;

    /// <summary>A genuine envelope where it never stood, at the time of what stood there.</summary>
    public void Put(long index, Envelope envelope) => Put(index, new Entry(TimeAt(index), envelope));

    public void Put(long index, Statement statement, Person by) => Put(index, Sign(Fresh(statement, TimeAt(index)),
        TimeAt(index), by));

    /// <summary>The statement of an entry with other words, by one who holds its signer's key.</summary>
    public void Retell<T>(long index, Func<T, Statement> change, Person by) where T : Statement =>
        Put(index, Sign(change((T)Honest(index).Statement), TimeAt(index), by));

    public void Append(Statement statement, Person by) => _appended.Add(Sign(Fresh(statement, W.Now), W.Now, by).Bytes);
    public void Append(byte[] leaf) => _appended.Add(leaf);

    /// <summary>Entries from one on get later times.</summary>
    public void Stamp(long from, long by) => _stamp = (from, by);

    /// <summary>As if the entry were not in the ledger; its place is filled by what the server may sign.</summary>
    public void Hide(long index) => _hidden.Add(index);

    public void Show(long index) => _shown.Add(index);

    /// <summary>Left out of the receipt.</summary>
    public void Drop(long index) => _dropped.Add(index);

    public void Withhold(Digest document) => _withheld.Add(document);

    /// <summary>Another record in a leaf's place. Who lacks the node's key shows it under the tree that the node
    /// signed.</summary>
    public void Record(long leaf, Func<Decision, Decision> change) =>
        _leaves[(int)leaf] = change(Decision.Parse(M.Log.Leaves[(int)leaf]));

    /// <summary>The decision log's leaves from one on are gone.</summary>
    public void Cut(int size) => _cut = size;

    // What comes of it.

    /// <summary>The decision log as its key's holder makes it, or as it is.</summary>
    DecisionLog Log
    {
        get
        {
            if (_log is not null) return _log;
            if (!Has(World.Node) || (_leaves.Count == 0 && _cut >= M.Log.Leaves.Count)) return _log = M.Log;
            var log = new DecisionLog(M.Log.Key);
            for (var i = 0; i < Math.Min(_cut, M.Log.Leaves.Count); i++) log.Add(_leaves.TryGetValue(i, out var d) ? d
                : Decision.Parse(M.Log.Leaves[i]));
            return _log = log;
        }
    }

    byte[] LeafAt(int i) => _leaves.TryGetValue(i, out var d) ? d.Encode() : M.Log.Leaves[i];

    /// <summary>The forger's ledger, folded as if everything in it had been accepted.</summary>
    Replay Folded => _folded ??= Has(World.Server) ? Fold() : W.Replay;

    Replay Fold()
    {
        var replay = Replay.OfAnyOutcomes(W.Replay.Documents);
        var changed = new List<long> { W.Entries.Count };
        changed.AddRange(_put.Keys.Take(1));
        changed.AddRange(_hidden.Take(1));
        if (_stamp is { } s) changed.Add(s.From);
        if (Log != M.Log) changed.Add(W.Replay.Entries.First(e => e.Statement is Anchor).Index);
        var first = changed.Min();
        long anchored = 0;
        foreach (var honest in W.Replay.Entries)
        {
            var (i, entry) = (honest.Index, honest.Entry);
            if (i >= first)
            {
                entry = _put.TryGetValue(i, out var put) ? put : _hidden.Contains(i) ? Filling(i)
                    : Again(honest, replay, anchored);
                if (_stamp is { } stamp && i >= stamp.From) entry = new Entry(entry.Time + stamp.By, entry.Envelope);
                var same = ReferenceEquals(entry, honest.Entry);
                Take(replay, entry, same ? ground.Prepared(i) : Prepared.Nothing(entry));
            }
            else Take(replay, entry, ground.Prepared(i));
            if (replay.Entries[(int)i].Statement is Anchor a) anchored = Checkpoint.Parse(
                Note.Parse(a.Checkpoint).Text).Size;
        }
        return replay;
    }

    /// <summary>Something that only says what was said before, by the server's key.</summary>
    Entry Filling(long index) => Sign(Fresh((Verdict)W.Replay.Entries.First(e => e.Statement is Verdict).Statement,
        TimeAt(index)), TimeAt(index), World.Server);

    /// <summary>What the server and the node say of a ledger that is another now.</summary>
    Entry Again(Folded honest, Replay replay, long anchored)
    {
        var statement = honest.Statement;
        if (Has(World.Node) && honest.Entry.Envelope.Signatures[0].KeyId == World.Node.Key.Public.Id)
        {
            var again = statement switch
            {
                Anchor a when Checkpoint.Parse(Note.Parse(a.Checkpoint).Text).Size is var size => a with
                {
                    State = StateDigest.Of(replay.At(Math.Min(a.Size, honest.Index))),
                        Proof = Log.Consistency(anchored, size), Checkpoint = Log.Checkpoint(size),
                },
                Observation o => o with { State = StateDigest.Of(replay.At(Math.Min(o.Size, honest.Index))) },
                _ => statement,
            };
            if (!again.Encode().AsSpan().SequenceEqual(honest.Entry.Envelope.Payload)) return Sign(again,
                honest.Entry.Time, World.Node);
        }
        if (statement is Verdict { Passed: true } v && replay.Entries[(int)v.Size] is var of
            && VerdictOn(replay, of) is { } verdict
                && !verdict.Encode().AsSpan().SequenceEqual(honest.Entry.Envelope.Payload))
            return Sign(verdict, honest.Entry.Time, World.Server);
        return honest.Entry;
    }

    /// <summary>The verdict on an entry of the forged ledger, as its rules really come out; null where they let nothing
    /// pass.</summary>
    static Verdict? VerdictOn(Replay replay, Folded of) =>
        Stele.Proof.Governance.Fold.Apply(replay.At(of.Index), of.Entry, replay.Documents) is Outcome.Accepted accepted
            ? Explain.Verdict(replay.At(of.Index), of.Entry, accepted) : null;

    static void Take(Replay replay, Entry entry, Prepared prepared)
    {
        if (replay.Add(prepared) is Outcome.Accepted) return;
        var (before, statement) = (replay.State, StatementKinds.Parse(entry.Envelope.Payload));
        var part = new StatePart(before, replay.Documents, linked: null);
        part.Learn(before.Size, entry, statement);
        var (next, identity) = (part.State, Digest.Of(entry.Envelope.Payload));
        if (statement is Anchor a && next.Logs.TryGetValue(a.Log, out var log))
        {
            var anchored = Checkpoint.Parse(Note.Parse(a.Checkpoint).Text);
            var fact = new Anchored(before.Size, entry.Time, anchored.Size, anchored.Root, a.Opens, a.Closes, a.Wholes,
                a.Issued, a.Gateway);
            next = next with { Logs = next.Logs.SetItem(a.Log, log with { Anchor = fact,
                Anchors = log.Anchors.Add(fact) }) };
        }
        if (statement is Deployment d && next.Environment(d.System, d.Environment) is { Head: { } head } e
            && head.Entry == before.Size)
            next = next with
            {
                Environments = next.Environments.SetItem(State.Place(d.System, d.Environment), e with
                {
                    Head = head with { Policies = before.PoliciesFor(d.System, d.Environment),
                        PreviousRoutes = before.Environment(d.System, d.Environment).Head?.Routes ?? [] },
                }),
            };
        replay.Add(entry, new Outcome.Accepted(next with
        {
            IsPart = false, Size = before.Size + 1, Time = entry.Time, Seen = Merkle.Node(before.Seen, entry.LeafHash),
            // A payload that stands twice is found where it stood first.
            Identities = before.Identities.Add(before.Identities.TryGetValue(identity, out _)
                ? entry.LeafHash : identity),
        }, statement, null));
    }

    /// <summary>The entries of the ledger that is shown.</summary>
    List<byte[]> Entries => Has(World.Server) ? [.. Folded.Entries.Select(e => e.Entry.Bytes), .. _appended]
        : [.. W.Replay.Entries.Where(e => !_hidden.Contains(e.Index)).Select(e => At(e.Index).Bytes), .. _appended];

    Entry At(long index)
    {
        if (Has(World.Server)) return Folded.Entries[(int)index].Entry;
        var entry = _put.TryGetValue(index, out var put) ? put : Honest(index).Entry;
        return _stamp is { } s && index >= s.From ? new Entry(entry.Time + s.By, entry.Envelope) : entry;
    }

    static Digest[] Inclusion(Digest[] leaves, long index) =>
        Proofs.Inclusion(index, leaves.Length, (level, n) =>
            Merkle.Root(leaves.Skip((int)(n << level)).Take(1 << level)));

    static Digest[] Leaves(IEnumerable<byte[]> entries) => [.. entries.Select(e => Merkle.Leaf(e))];

    public Trust TrustFile => Trust ?? (Has(World.Server) ? W.Trust with { Witnesses = [], Quorum = 0 } : W.Trust);

    // Artefacts.

    public VerifyReport Judged() => artefact switch
    {
        Artefact.Pack => Verifier.Verify(new MemoryStream(Pack()), TrustFile, receipt: InHand),
        Artefact.Ledger => Look(),
        _ => ReceiptVerifier.Verify(Receipt().Encode(), TrustFile),
    };

    public Receipt Receipt()
    {
        var source = Has(World.Node) ? Folded : W.Replay;
        var tree = Leaves(Has(World.Server) ? Folded.Entries.Select(e => e.Entry.Bytes) : W.Entries);
        var decision = Decision.Parse(LeafAt((int)Leaf));
        var form = new ReceiptForm(artefact == Artefact.One ? ReceiptLayout.One : ReceiptLayout.Two);
        var receipt = Gathered(source, decision, form, tree)
            ?? Gathered(W.Replay, Decision.Parse(M.Log.Leaves[(int)Leaf]), form, Leaves(W.Entries))!;
        var shown = Shown(receipt);
        var state = receipt.State is { } opening && !Has(World.Node) && _hidden.Count + _dropped.Count + _shown.Count +
            _put.Count > 0
            && Asked(shown, decision, W.Replay.At(opening.Form["size"].AsInt)) is { } asked
            ? StateOpening.Of(W.Replay.At(opening.Form["size"].AsInt), opening.Entry, asked) : receipt.State;
        // Nobody keeps what nothing needs any more: members who sign nothing, reports that no evaluation names.
        var signers = shown.SelectMany(i => At(i).Envelope.Signatures.Select(s => s.KeyId)).ToHashSet();
        shown.RemoveWhere(i => StatementKinds.Parse(At(i).Envelope.Payload) is MemberStatement m && !_shown.Contains(i)
            && !m.Keys.Any(k => signers.Contains(k.Id))
            && state?.Facts.Any(x => x.Path.Key == m.Member
                || x.Path.Key == i.ToString(CultureInfo.InvariantCulture)) != true);
        var reports = shown.Select(i => StatementKinds.Parse(At(i).Envelope.Payload)).OfType<Evaluation>().Select(e =>
            e.Report).ToHashSet();
        return Finish(receipt with
        {
            Checkpoint = Has(World.Server) ? W.Key.Checkpoint(tree.Length, Merkle.Root(tree)) : receipt.Checkpoint,
            Entries = [.. shown.Select(i => new ProvenEntry(i, At(i), [.. Inclusion(tree, i)]))],
            Documents = Sorted(receipt.Documents.Concat(_documents.Select(d => CanonicalJson.Parse(W.Find(d)!,
                1 << 20)))
                .Where(d => !_withheld.Contains(Digest.Of(d.ToBytes())) && (d.Find("metrics") is null
                    || reports.Contains(Digest.Of(d.ToBytes()))))),
            Leaf = receipt.Leaf with { Decision = decision },
            State = state,
        });
    }

    /// <summary>The entries that a receipt shows, with the statements that made their signers members.</summary>
    SortedSet<long> Shown(Receipt receipt)
    {
        var shown = new SortedSet<long>();
        var source = Has(World.Server) ? Folded : W.Replay;
        void Add(long i)
        {
            if (_dropped.Contains(i) || _hidden.Contains(i) || !shown.Add(i) || i == 0) return;
            var before = source.At(i);
            foreach (var s in At(i).Envelope.Signatures)
                if (before.KeyOwners.TryGetValue(s.KeyId, out var member) && before.Members.TryGetValue(member,
                    out var fact)) Add(fact.Entry);
        }
        foreach (var e in receipt.Entries) Add(e.Index);
        foreach (var i in _shown) Add(i);
        return shown;
    }

    /// <summary>What a deployment's judgement asks of a state when no more than some entries are known; null where none
    /// is shown.</summary>
    HashSet<(string Map, string Key)>? Asked(IEnumerable<long> shown, Decision decision, State at)
    {
        if (StatementKinds.Parse(At(decision.Deployment).Envelope.Payload) is not Deployment d) return null;
        var part = new StatePart(W.Replay.At(1) with { Identities = Identities.Empty }, W.Replay.Documents,
            linked: null);
        foreach (var i in shown.Where(i => i > 0 && i < decision.Deployment)) part.Learn(i, At(i),
            StatementKinds.Parse(At(i).Envelope.Payload));
        return Asked(part.State with { Size = decision.Deployment, IsPart = true }, d, decision.Deployment, at);
    }

    HashSet<(string Map, string Key)> Asked(State before, Deployment d, long index, State at)
    {
        static string N(long n) => n.ToString(CultureInfo.InvariantCulture);
        var asked = new HashSet<(string Map, string Key)>();
        var around = StatePart.Around(before, d, At(index).Time);
        Stele.Proof.Governance.Fold.Apply(StatePart.Telling(around, d.System, (map, key, _) => asked.Add((map, key))),
            At(index), W.Replay.Documents);
        void Listed<T>(string map, FactMap<long, T> facts) => asked.UnionWith(facts.Keys.Select(k => (map, N(k))));
        Listed("evaluations", around.Evaluations);
        Listed("approvals", around.Approvals);
        Listed("waivers", around.Waivers);
        Listed("attestations", around.Attestations);
        foreach (var log in around.Logs.Keys) asked.Add(("logs", log));
        var place = State.Place(d.System, d.Environment);
        asked.Add(("environments", place));
        asked.Add((StateDigest.Heads + place, N(index)));
        for (var head = d.Replaces; head is { } h && asked.Add((StateDigest.Heads + place, N(h)))
            && asked.Count(x => x.Map == StateDigest.Heads + place) < 3;)
            head = StatementKinds.Parse(At(h).Envelope.Payload) is Deployment before_ ? before_.Replaces : null;
        foreach (var (other, e) in around.Environments)
        {
            foreach (var release in e.Deployed.Keys) asked.Add((StateDigest.Deployed + other, release.ToString()));
            Listed(StateDigest.Heads + other, e.Heads);
        }
        foreach (var other in at.Environments.Keys.Where(p => p.StartsWith(d.System + "/", StringComparison.Ordinal)))
        {
            asked.Add(("environments", other));
            foreach (var route in d.Routes) asked.Add((StateDigest.Deployed + other, route.Release.ToString()));
        }
        asked.RemoveWhere(a => a.Map.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon
            && !at.Environments.ContainsKey(a.Map[(colon + 1)..]));
        return asked;
    }

    public static ImmutableArray<Json> Sorted(IEnumerable<Json> documents) =>
        [.. documents.DistinctBy(d => Digest.Of(d.ToBytes())).OrderBy(d => Digest.Of(d.ToBytes()))];

    /// <summary>A receipt as an honest server gathers it from that ledger. What it would not gather, for no fold
    /// accepts it, is gathered all the same.</summary>
    Receipt? Gathered(Replay source, Decision decision, ReceiptForm form, Digest[] tree)
    {
        var log = source == W.Replay ? M.Log : Log;
        var anchor = Stele.Proof.Packs.Receipt.AnchorOf(source, log.Origin, Math.Max(Leaf, Close ?? 0),
            source.State.Size);
        var size = anchor?.Size ?? log.Leaves.Count;
        Receipt Build(ReceiptForm as_) => Stele.Proof.Packs.Receipt.Build(
            source, W.Find, new ProvenTree(W.Checkpoint(), W.Entries.Count, i => Inclusion(tree, i)), log.Origin,
            new ProvenTree(anchor?.Anchor.Checkpoint ?? log.Checkpoint(), size, i => log.Inclusion(i, size)), Leaf,
                decision,
            Close is { } c ? (c, Decision.Parse(log.Leaves[(int)c])) : null, ErasedIn, as_);
        try
        {
            return Build(form);
        }
        catch (FormatException)
        {
        }
        try
        {
            return form.Layout == ReceiptLayout.Two ? Opened(Build(ReceiptForm.One), source, decision) : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>A receipt of layout 2 about a deployment that the fold refuses: all entries, and every fact that it is
    /// asked for.</summary>
    Receipt? Opened(Receipt one, Replay source, Decision decision)
    {
        if (source.Entries.ElementAtOrDefault((int)decision.Deployment)?.Statement is not Deployment d) return null;
        var signed = source.Entries.FirstOrDefault(e => e.Index > decision.Deployment
            && SignedState.Of(e.Statement)?.Size > decision.Deployment
            && e.Entry.Envelope.Signatures[0].KeyId == World.Node.Key.Public.Id);
        if (signed is null) return null;
        var at = source.At(SignedState.Of(signed.Statement)!.Size);
        var asked = Asked(source.At(decision.Deployment), d, decision.Deployment, at);
        foreach (var e in source.Entries.Where(e => e.Index < signed.Index && !_hidden.Contains(e.Index)
            && e.Statement is not (
                Anchor or Observation or Verdict or Refusal or Alert or Reconcile or Hold or Erasure)))
            Show(e.Index);
        Show(signed.Index);
        return one with
        {
            Layout = ReceiptLayout.Two, State = StateOpening.Of(at, signed.Index, asked),
            Documents = Sorted([.. one.Documents, .. W.Blobs.Values.Where(b => b[0] == '{').Select(b =>
                CanonicalJson.Parse(b, 1 << 20))]),
        };
    }

    public byte[] Pack()
    {
        var f = Forgery.Of(W);
        var entries = Entries;
        f.Entries.Clear();
        f.Entries.AddRange(entries);
        if (_leaves.Count > 0 || _cut < M.Log.Leaves.Count)
            f.Logs[M.Log.Origin] = Log != M.Log ? ([.. Log.Leaves], Log.Checkpoint())
                : ([.. Enumerable.Range(0, Math.Min(_cut, M.Log.Leaves.Count)).Select(LeafAt)],
                    f.Logs[M.Log.Origin].Checkpoint);
        if (Has(World.Server))
        {
            f.Documents.Clear();
            foreach (var digest in Needed(entries)) f.Documents[$"documents/{digest.Hex}"] = W.Find(digest)!;
            f.Resign();
        }
        foreach (var digest in _withheld) f.Documents.Remove($"documents/{digest.Hex}");
        FinishPack(f);
        return f.Write();
    }

    /// <summary>The documents that a pack of these entries must have, as far as they fold.</summary>
    HashSet<Digest> Needed(List<byte[]> entries)
    {
        var needed = new HashSet<Digest>();
        var replay = new Replay(new Documents(d =>
        {
            var document = W.Find(d);
            if (document?.Length <= Artifacts.MaxDocument) needed.Add(d);
            return document;
        }));
        foreach (var bytes in entries)
            try
            {
                if (replay.Add(Entry.Parse(bytes)) is not Outcome.Accepted) break;
            }
            catch (FormatException)
            {
                break;
            }
        foreach (var folded in replay.Entries)
            if (Reexecution.Of(folded.Statement) is { } told && !told.Stands(replay)
                && W.Find(told.Envelope) is not null)
            {
                needed.Add(told.Envelope);
                told.Judge(replay, d => W.Find(d));
            }
        return needed;
    }

    VerifyReport Look()
    {
        var entries = Entries;
        var checkpoint = Has(World.Server) ? W.Key.Checkpoint(entries.Count, Merkle.Root(Leaves(entries)))
            : W.Checkpoint();
        var bundle = new Tile(Tile.Entries, 0, Tile.WidthAt(entries.Count, Tile.Entries, 0)).Path;
        return Verifier.Look(path => path == "checkpoint" ? Encoding.UTF8.GetBytes(checkpoint) : path == bundle
            ? Tile.EncodeBundle(entries) : null,
            d => _withheld.Contains(d) ? null : W.Find(d), TrustFile, Remembered).Report;
    }
}
