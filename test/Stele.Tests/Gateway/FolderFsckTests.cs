using Stele.Control;
using Stele.Disk;
using Stele.Gateway;
using Stele.Host;
using Stele.Ledger;
using Stele.Proof.Decisions;
using Stele.Tests.Host;

namespace Stele.Tests.Gateway;

/// <summary>
/// All that a real server and a real node left on disk, damaged file by file: what is derived is made again to the
/// byte, what is truth is named and left alone.
/// </summary>
public sealed class FolderFsckTests
{
    /// <summary>The folder of a server and a node that answered a few requests and were stopped.</summary>
    sealed class Ground : IDisposable
    {
        readonly Scratch _scratch = new();
        Dictionary<string, byte[]> _good = null!;

        public Trust Trust { get; private init; } = null!;
        public string Data => _scratch.At("data");
        public ServerFolder Server => new(Data);
        public NodeFolder Node => new(Path.Combine(Data, "node"));

        public static async Task<Ground> Make()
        {
            var (h, _) = await Hamlet.Serving($"stone {Guid.NewGuid()}");
            await using var hamlet = h;
            for (var i = 0; i < 5; i++) Assert.Equal(System.Net.HttpStatusCode.OK, (await h.Ask("/say")).Status);
            await h.StopNode();
            await h.StopServer();
            var ground = new Ground { Trust = h.Town.Trust };
            Copy(h.Town.Folder.Path, Path.Combine(ground.Data, "server"));
            File.Copy(h.Town.Folder.Trust, Path.Combine(ground.Data, "trust.json"));
            Copy(h.Folder.Path, ground.Node.Path);
            ground._good = Files(ground.Data).ToDictionary(f => f, f => File.ReadAllBytes(Path.Combine(ground.Data, f)),
                StringComparer.Ordinal);
            await h.StartServer();   // its own end stops it
            return ground;
        }

        static void Copy(string from, string to)
        {
            foreach (var file in Files(from).Where(f => !f.StartsWith("run/", StringComparison.Ordinal)
                && !f.StartsWith("releases/", StringComparison.Ordinal)))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(to, file))!);
                File.Copy(Path.Combine(from, file), Path.Combine(to, file));
            }
        }

        static IEnumerable<string> Files(string folder) =>
            Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(f =>
                Path.GetRelativePath(folder, f)).Where(f => !f.EndsWith(".lock", StringComparison.Ordinal));

        public string[] All => [.. _good.Keys.Order(StringComparer.Ordinal)];

        public void Damage(string file, Func<byte[], byte[]?> how)
        {
            var path = Path.Combine(Data, file);
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            if (how(File.ReadAllBytes(path)) is { } bytes) File.WriteAllBytes(path, bytes);
            else File.Delete(path);
        }

        public void Restore()
        {
            foreach (var (file, bytes) in _good)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(Data, file))!);
                File.WriteAllBytes(Path.Combine(Data, file), bytes);
            }
        }

        public void IsAsItWas(IEnumerable<string> files)
        {
            foreach (var file in files)
                Assert.True(_good[file].AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(Data, file))), file);
        }

        public Findings Check()
        {
            var found = new Findings(Data);
            ServerFsck.Check(Server, Trust, found, default);
            NodeFsck.Check(Node, Trust, found, default);
            return found;
        }

        public Findings Repair()
        {
            var found = new Findings(Data);
            ServerFsck.Repair(Server, Trust, found);
            NodeFsck.Repair(Node, Trust, found);
            return found;
        }

        public void Dispose() => _scratch.Dispose();
    }

    static bool IsDerived(string file) =>
        file.Contains("/tile/", StringComparison.Ordinal)
        || Path.GetFileName(file) is "checkpoint" or "index.json" or "oci-layout";

    static bool IsOfSnapshots(string file) => file.Contains("/state", StringComparison.Ordinal);

    [Fact]
    public async Task Snapshots_are_held_to_a_fold_from_the_first_entry()
    {
        Hamlet.Needs();
        using var ground = await Ground.Make();
        using (var log = StoredLog.Open(ground.Server.LedgerStore, NoteSigner.Open(ground.Server.LogKey)))
        using (var snapshots = Snapshots.Open(new KeptFold(ground.Server.State, ground.Server.StateKey,
            FoldFrom.Snapshot), ground.Trust.Genesis, () => log, Holding.WhileStoring, out _)!)
        {
            var replay = new Stele.Proof.Governance.Replay(new Stele.Proof.Governance.Documents(
                SmallDocuments.In(Path.Combine(ground.Server.Blobs, "blobs", "sha256"))), new StoredEntries(() => log),
                snapshots);
            foreach (var entry in new Stele.Proof.Governance.Preparation(replay.State).Read(
                log.ReadEntries(replay.State.Size, log.Size))) replay.Add(entry.Entry!);
            replay.Keep();
        }
        Assert.Empty(ground.Check().Violations);
        foreach (var file in Directory.GetFiles(ground.Server.State).Where(f => !f.EndsWith(".lock",
            StringComparison.Ordinal)).Append(ground.Server.StateKey))
        {
            var good = File.ReadAllBytes(file);
            var all = Directory.GetFiles(ground.Server.State).ToDictionary(f => f, File.ReadAllBytes);
            File.WriteAllBytes(file, Flipped([.. good]));
            var found = Assert.Single(ground.Check().Violations);
            Assert.Equal(Damage.Derived, found.Damage);
            Assert.StartsWith("server/state/", found.Path, StringComparison.Ordinal);
            Assert.NotEmpty(ground.Repair().Repaired);
            Assert.Empty(ground.Check().Violations);
            foreach (var (path, bytes) in all) File.WriteAllBytes(path, bytes);
            File.WriteAllBytes(file, good);
            Assert.Empty(ground.Check().Violations);
        }
    }

    static byte[] Flipped(byte[] bytes)
    {
        bytes[Math.Min(bytes.Length - 1, Math.Max(10, bytes.Length / 2))] ^= 1;
        return bytes;
    }

    /// <summary>
    /// In a checkpoint that is its signature. One that names another key is not made again: it may be that of another
    /// log.
    /// </summary>
    static byte[] InItsEnd(byte[] bytes)
    {
        bytes[Math.Max(0, bytes.Length - 10)] ^= 1;
        return bytes;
    }

    [Fact]
    public async Task Every_violation_is_named_at_once_and_what_is_derived_is_made_again_to_the_byte()
    {
        Hamlet.Needs();
        using var ground = await Ground.Make();
        var sound = ground.Check();
        Assert.Empty(sound.Violations);
        Assert.Equal((3, true, true, true), (sound.Logs, sound.Entries > 20, sound.Decisions >= 5, sound.Blobs > 5));

        var derived = ground.All.Where(IsDerived).ToArray();
        Assert.InRange(derived.Length, 12, 500);
        foreach (var damage in new Func<byte[], byte[]?>[] { _ => null, InItsEnd, bytes => bytes[..(bytes.Length / 2)],
            bytes => new byte[bytes.Length], _ => "x"u8.ToArray() })
        {
            foreach (var file in derived) ground.Damage(file, damage);
            var found = ground.Check();
            Assert.All(found.Violations, v => Assert.True(v.Damage == Damage.Derived, v.ToString()));
            // A partial tile of an earlier size may be gone without harm; whatever stands is held to be right, and of
            // each log the newest is asked for.
            foreach (var file in derived.Where(f => File.Exists(Path.Combine(ground.Data, f))
                || Path.GetFileName(f) is "checkpoint" or "index.json" or "oci-layout"))
                Assert.True(found.Violations.Any(v => v.Path == file), $"{file} is not named");
            var repaired = ground.Repair();
            Assert.NotEmpty(repaired.Repaired);
            Assert.Empty(ground.Check().Violations);
            // A node lists none of its artifacts; a listing that is made again holds all that are there.
            ground.IsAsItWas(
                derived.Where(f => f != "node/blobs/index.json" && File.Exists(Path.Combine(ground.Data, f))));
            foreach (var file in derived.Where(f => Path.GetFileName(f) is "checkpoint" or "index.json"
                or "oci-layout")) Assert.True(File.Exists(Path.Combine(ground.Data, file)), file);
            Assert.Empty(ground.Repair().Repaired);
            ground.Restore();
        }
        Assert.Empty(ground.Check().Violations);
    }

    [Fact]
    public async Task What_is_truth_is_named_and_left_alone()
    {
        Hamlet.Needs();
        using var ground = await Ground.Make();
        // What another file's judgement needs is damaged in a round of its own.
        // A cosignature and a count are others' to check; node/run is there for its name.
        var truth = ground.All.Where(f => !IsDerived(f) && !IsOfSnapshots(f) && f != "server/cosigned"
            && !f.StartsWith("node/tally/", StringComparison.Ordinal)
            && Path.GetFileName(f) is not ("trust.json" or "synced" or "member" or "run")).ToArray();
        bool Alone(string file) =>
            file.EndsWith("/key", StringComparison.Ordinal) || file.Contains("/keytable/", StringComparison.Ordinal);
        foreach (var must in (string[])["server/ledger/journal", "server/keys/log.key", "server/keys/server.pem",
            "server/tokens.json", "server/format", "node/format", "node/principals.json", "node/reads",
            "node/replica/ledger/journal", "node/outbox",
            "node/member.pem"]) Assert.Contains(must, truth);
        foreach (var must in (string[])["node/logs/", "node/bodies/", "node/keytable/", "server/blobs/blobs/",
            "node/blobs/blobs/"]) Assert.Contains(truth, f => f.StartsWith(must, StringComparison.Ordinal));

        foreach (var round in truth.Where(Alone).Select(f => new[] { f }).Append([.. truth.Where(f => !Alone(f))]))
        {
            foreach (var file in round) ground.Damage(file, Flipped);
            var before = round.ToDictionary(f => f, f => File.ReadAllBytes(Path.Combine(ground.Data, f)),
                StringComparer.Ordinal);
            var found = ground.Check();
            foreach (var file in round)
                Assert.True(found.Violations.Any(v => v.Path == file && v.Damage != Damage.Derived),
                    $"{file} is not named among\n{string.Join('\n', found.Violations)}");
            ground.Repair();
            foreach (var (file, bytes) in before) Assert.True(bytes.AsSpan()
                .SequenceEqual(File.ReadAllBytes(Path.Combine(ground.Data, file))), $"{file} was touched");
            ground.Restore();
        }
        Assert.Empty(ground.Check().Violations);
    }
}
