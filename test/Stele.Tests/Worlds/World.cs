using System.Collections.Immutable;
using System.Text;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;

namespace Stele.Tests.Worlds;

/// <summary>
/// A whole governed world without any host: members with keys, a ledger that folds, the documents it rests on, decision
/// logs, checkpoints. Its clock moves a second an act. What a method writes is admitted, or the test fails there;
/// <see cref="Try"/> and <see cref="Refused"/> ask without writing.
/// </summary>
sealed partial class World
{
    public const string Name = "ledger.example/stele", Sys = "mortgage", Prod = "prod", Test = "test";
    public const long Start = 1_795_000_000_000;
    const string Unset = "00000000000000000000000000000000";

    // One person a role; two where the rules want two.
    public static readonly Person Owner = Person.Of("owner"), Owner2 = Person.Of("owner-2"),
        Recovery = Person.Of("recovery"), Server = Person.Of("server"),
        Builder = Person.Of("builder"), Builder2 = Person.Of("builder-2"), Evaluator = Person.Of("evaluator"),
        Approver = Person.Of("approver"), Approver2 = Person.Of("approver-2"),
        Deployer = Person.Of("deployer"), Node = Person.Of("node"), Monitor = Person.Of("monitor"),
        Stranger = Person.Of("stranger");

    public static readonly Person[] Owners = [Owner, Owner2];

    readonly Dictionary<Digest, byte[]> _blobs = [];
    int _nonces, _decisions;

    public World(string origin = Name)
    {
        Key = new NoteSigner(origin);
        Replay = new Replay(new Documents(Find));
    }

    public NoteSigner Key { get; set; }
    public NoteSigner Witness { get; } = new("witness.example", NoteKeyType.Cosignature);
    public Replay Replay { get; }
    public List<byte[]> Entries { get; } = [];
    public Dictionary<string, DecisionLog> Logs { get; } = new(StringComparer.Ordinal);

    /// <summary>The time of the next act.</summary>
    public long Now { get; set; } = Start;

    public State State => Replay.State;
    public IReadOnlyDictionary<Digest, byte[]> Blobs => _blobs;

    public byte[]? Find(Digest digest) => _blobs.TryGetValue(digest, out var bytes) ? bytes : null;

    public Digest Put(byte[] blob)
    {
        var digest = Digest.Of(blob);
        _blobs[digest] = blob;
        return digest;
    }

    public Digest Put(Json document) => Put(document.ToBytes());
    public Digest Put(string text) => Put(Encoding.UTF8.GetBytes(text));
    public void Lose(Digest digest) => _blobs.Remove(digest);

    // Acting.

    /// <summary>The statement as someone issues it now, for this ledger.</summary>
    public T Fresh<T>(T statement) where T : Statement =>
        (T)(statement with
        {
            Ledger = statement is GenesisStatement ? null : State.Ledger,
            Issued = Now,
            Nonce = (++_nonces).ToString("x32", global::System.Globalization.CultureInfo.InvariantCulture)
        });

    public Entry Sign(Statement statement, params ReadOnlySpan<Person> by) =>
        new(Now, Envelope.Sign(statement.Encode(), Keys(by)));

    static PrivateKey[] Keys(ReadOnlySpan<Person> by)
    {
        var keys = new PrivateKey[by.Length];
        for (var i = 0; i < by.Length; i++) keys[i] = by[i].Key;
        return keys;
    }

    /// <summary>What the fold would make of it now.</summary>
    public Outcome Try(Statement statement, params ReadOnlySpan<Person> by) => Judge(Sign(Fresh(statement), by));

    public Outcome Judge(Entry entry) => Replay.Try(Tried = entry);

    /// <summary>The entry that was judged last without being written.</summary>
    public Entry? Tried { get; private set; }

    /// <summary>The code with which it is refused now.</summary>
    public RefusalCode Refused(Statement statement, params ReadOnlySpan<Person> by) => Refused(Try(statement, by));

    public static RefusalCode Refused(Outcome outcome) => outcome is Outcome.Refused r
        ? r.Code
        : throw new InvalidOperationException($"not refused: {outcome.GetType().Name}");

    /// <summary>Admits it. Returns its entry number.</summary>
    public long Add(Statement statement, params ReadOnlySpan<Person> by) => Add(Sign(Fresh(statement), by));

    public long Add(Entry entry)
    {
        switch (Replay.Add(entry))
        {
            case Outcome.Refused r:
                throw new InvalidOperationException($"entry {Entries.Count} was refused: {r.Code}: {r.Message}");
            case Outcome.Already a:
                throw new InvalidOperationException($"entry {Entries.Count} stands in entry {a.Entry} already");
        }
        Entries.Add(entry.Bytes);
        Now += 1000;
        return Entries.Count - 1;
    }

    /// <summary>Admits a deployment and the server's verdict on it.</summary>
    public long Deploy(Statement deployment, params ReadOnlySpan<Person> by)
    {
        var before = State;
        var entry = Sign(Fresh(deployment), by.IsEmpty ? [Deployer] : by);
        var outcome = Replay.Try(entry);
        var index = Add(entry);
        if (Explain.Verdict(before, entry, outcome) is { } verdict)
            Add(new Entry(Now, Envelope.Sign(verdict.Encode(), Server.Key)));
        return index;
    }

    /// <summary>
    /// Has an act refused as a server does: the envelope is kept, the refusal and its verdict are written.
    /// </summary>
    public RefusalCode Refuse(Statement statement, params ReadOnlySpan<Person> by)
    {
        var before = State;
        var entry = Sign(Fresh(statement), by);
        var refused = (Outcome.Refused)Replay.Try(entry);
        Put(entry.Envelope.ToJson());
        if (Explain.Verdict(before, entry, refused) is { } verdict)
            Add(new Entry(Now, Envelope.Sign(verdict.Encode(), Server.Key)));
        Add(new Entry(Now, Envelope.Sign(Explain.Refusal(before, entry, refused).Encode(), Server.Key)));
        return refused.Code;
    }

    // What leaves the world.

    public Digest Root => Merkle.Root(Entries.Select(e => Merkle.Leaf(e)));

    /// <summary>The ledger's checkpoint, cosigned by the witness a second after the last act.</summary>
    public string Checkpoint() => Witness.Sign(Note.Parse(Key.Checkpoint(Entries.Count, Root)), Now / 1000);

    public Trust Trust =>
        new(Replay.At(1).Origin, VerifierKey.Parse(Replay.At(1).LogKeys[0].Key), State.Ledger, [Witness.Key], 1);

    public byte[] Pack()
    {
        var output = new MemoryStream();
        global::Stele.Proof.Packs.Pack.Write(output, Entries, Checkpoint(), Find, Logs.Values.Select(l => l.Packed()));
        return output.ToArray();
    }

    public VerifyReport Verify(Trust? trust = null) => Verifier.Verify(new MemoryStream(Pack()), trust ?? Trust);
}

/// <summary>A node's decision log in memory.</summary>
sealed class DecisionLog(NoteSigner key)
{
    readonly List<byte[]> _leaves = [];

    public NoteSigner Key => key;
    public string Origin => key.Key.Name;
    public IReadOnlyList<byte[]> Leaves => _leaves;
    public long Opens { get; private set; }
    public long Closes { get; private set; }
    public long Wholes { get; private set; }
    public long AnchoredSize { get; set; }

    /// <summary>What the gateway says that it counted, when it is asked to anchor.</summary>
    public global::Stele.Proof.Statements.GatewayCount? Counted { get; set; }

    public long Add(Decision decision)
    {
        if (decision.Kind == DecisionKind.Open) Opens++;
        else if (decision.Kind == DecisionKind.Close) Closes++;
        else Wholes++;
        _leaves.Add(decision.Encode());
        return _leaves.Count - 1;
    }

    /// <summary>A leaf that need not be a decision.</summary>
    public void AddBytes(byte[] leaf) => _leaves.Add(leaf);

    public Digest Root(long size) => Merkle.Root(_leaves.Take((int)size).Select(l => Merkle.Leaf(l)));
    public string Checkpoint(long? size = null) => key.Checkpoint(size ?? _leaves.Count, Root(size ?? _leaves.Count));
    public PackedLog Packed() =>
        new(Origin, Floor is null ? _leaves : _leaves[(int)Floor.Size..], Checkpoint()) { Floor = Floor };

    /// <summary>Where a pack of it begins; null = at 0.</summary>
    public PackedFloor? Floor { get; set; }

    /// <summary>The tree over the first leaves, as a pack of a pruned log carries it.</summary>
    public PackedFloor FloorAt(long size) =>
        new(size, [.. _leaves.Take((int)size).Aggregate(new Frontier(), (f, l) => f.Add(Merkle.Leaf(l))).Peaks]);

    public Digest Subtree(int level, long index) =>
        Merkle.Root(_leaves.Skip((int)(index << level)).Take(1 << level).Select(l => Merkle.Leaf(l)));
    public ImmutableArray<Digest> Consistency(long from, long to) => from == 0
        ? []
        : [.. Proofs.Consistency(from, to, Subtree)];
    public Digest[] Inclusion(long index, long size) => Proofs.Inclusion(index, size, Subtree);
}
