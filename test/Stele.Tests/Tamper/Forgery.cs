using System.Text;
using Stele.Proof;
using Stele.Proof.Packs;
using Stele.Tests.Worlds;

namespace Stele.Tests.Tamper;

/// <summary>
/// A pack in an attacker's hands: its parts may be changed at will, and all that can be computed without a key that the
/// attacker lacks is computed again when it is written: bundles, member digests, manifest, CRCs, and checkpoints by
/// whatever keys the attacker has.
/// </summary>
sealed class Forgery
{
    readonly World _world;

    Forgery(World world)
    {
        _world = world;
        Entries = [.. world.Entries];
        Checkpoint = world.Checkpoint();
        foreach (var log in world.Logs.Values)
        {
            Logs.Add(log.Origin, ([.. log.Leaves.Skip((int)(log.Floor?.Size ?? 0))], log.Checkpoint()));
            if (log.Floor is { } floor) Floors.Add(log.Origin, floor);
        }
        foreach (var member in Zip.Read(new MemoryStream(Honest(world))).Where(m => m.Name.StartsWith("documents/",
            StringComparison.Ordinal))) Documents.Add(member.Name, world.Find(Digest.ParseHex(member.Name[10..]))!);
    }

    /// <summary>What the honest world exports, once for each world.</summary>
    public static byte[] Honest(World world) => Packs.GetValue(world, w => w.Pack());

    static readonly System.Runtime.CompilerServices.ConditionalWeakTable<World, byte[]> Packs = [];

    public static Forgery Of(World world) => new(world);

    /// <summary>A forgery of a world that could not be exported honestly: every blob goes along.</summary>
    public static Forgery Of(World world, IEnumerable<byte[]> entries) => new(world, entries);

    Forgery(World world, IEnumerable<byte[]> entries)
    {
        _world = world;
        Entries = [.. entries];
        Checkpoint = "";
        foreach (var log in world.Logs.Values) Logs.Add(log.Origin, ([.. log.Leaves], log.Checkpoint()));
        foreach (var (digest, blob) in world.Blobs.Where(b => b.Value.Length <= 1 << 20)) Documents.Add(
            $"documents/{digest.Hex}", blob);
    }

    public List<byte[]> Entries { get; }
    public string Checkpoint { get; set; }
    public SortedDictionary<string, byte[]> Documents { get; } = new(StringComparer.Ordinal);
    public Dictionary<string, (List<byte[]> Leaves, string Checkpoint)> Logs { get; } = new(StringComparer.Ordinal);

    /// <summary>Where pruned logs begin.</summary>
    public Dictionary<string, PackedFloor> Floors { get; } = new(StringComparer.Ordinal);

    /// <summary>Further members, or replacements of members; null leaves one out after the manifest was made.</summary>
    public Dictionary<string, byte[]?> Overrides { get; } = new(StringComparer.Ordinal);
    public Func<Json, Json> Manifest { get; set; } = m => m;

    /// <summary>The operator's own: a new checkpoint by the ledger's key. Witnesses don't cosign it.</summary>
    public Forgery Resign(NoteSigner? key = null)
    {
        Checkpoint = (key ?? _world.Key).Checkpoint(Entries.Count, Merkle.Root(Entries.Select(e => Merkle.Leaf(e))));
        return this;
    }

    /// <summary>The node's own: a new checkpoint of its log.</summary>
    public Forgery ResignLog(NoteSigner key, string? origin = null)
    {
        origin ??= key.Key.Name;
        var leaves = Logs[origin].Leaves;
        var tree = leaves.Aggregate(Floors.GetValueOrDefault(origin)?.Frontier ?? new Frontier(),
            (f, l) => f.Add(Merkle.Leaf(l)));
        Logs[origin] = (leaves, key.Checkpoint(tree.Size, tree.Root));
        return this;
    }

    public byte[] Write()
    {
        var members = new SortedDictionary<string, byte[]>(Documents, StringComparer.Ordinal);
        void Tree(string folder, List<byte[]> leaves, string checkpoint, PackedFloor? floor = null)
        {
            if (floor is not null) members[$"{folder}/floor"] = floor.Encode();
            members[$"{folder}/checkpoint"] = Encoding.UTF8.GetBytes(checkpoint);
            if (leaves.Count > 0) members[Segment.Name(folder, 0)] = SegmentOf(leaves);
        }
        Tree("ledger", Entries, Checkpoint);
        foreach (var (origin, log) in Logs) Tree(Pack.LogFolder(origin), log.Leaves, log.Checkpoint,
            Floors.GetValueOrDefault(origin));
        foreach (var (name, content) in Overrides) if (content is not null) members[name] = content;
        var manifest = Json.Object(
            ("version", Pack.Version),
            ("ledger", Json.Object(("origin", _world.Key.Key.Name),
                ("genesis", Entries.Count == 0 ? default : Merkle.Leaf(Entries[0])), ("checkpoint", Checkpoint))),
            ("logs",
                Json.Array(Logs.OrderBy(l => Pack.LogFolder(l.Key), StringComparer.Ordinal)
                    .Select(l => Json.Object(("origin", l.Key), ("checkpoint", l.Value.Checkpoint))))),
            ("members",
                Json.Array(members.Select(m =>
                    Json.Object(("name", m.Key), ("size", m.Value.Length), ("digest", Digest.Of(m.Value)))))));
        foreach (var (name, content) in Overrides) if (content is null) members.Remove(name);
        members["manifest.json"] = Manifest(manifest).ToBytes();
        var output = new MemoryStream();
        var zip = new Zip.Writer(output);
        foreach (var (name, content) in members) zip.Add(name, content);
        zip.Finish();
        return output.ToArray();
    }

    /// <summary>Leaves as one segment; all that is forged fits one.</summary>
    public static byte[] SegmentOf(IEnumerable<byte[]> leaves)
    {
        var segment = new Segment();
        foreach (var leaf in leaves) segment.Add(leaf);
        return segment.Bytes.ToArray();
    }

    /// <summary>The same bytes with one bit turned.</summary>
    public static byte[] Flip(byte[] bytes, int at, int bit = 0)
    {
        var copy = (byte[])bytes.Clone();
        copy[at] ^= (byte)(1 << bit);
        return copy;
    }
}
