using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Control;

/// <summary>
/// Snapshots of a ledger's fold, in a folder:
/// <code>
/// folder/snapshots         a record for each: format, this program's form of a state and its build, ledger, size,
///                          Merkle root, the state's digest, place and digest of the root node, the nodes' file, and an
///                          HMAC-SHA256 over all of that
/// folder/nodes.[64 hex]    the nodes, one after the other, each known by its SHA-256
/// folder/writer.lock       held while somebody adds to them
/// </code>
/// A snapshot is used only if its HMAC is good under the local secret, which lies outside the folder, and its root is
/// that of the very log that is stored here; every node is held to its digest as it is read. So nobody without the
/// secret can have a state used that this program did not fold from these entries. Against the owner of both it guards
/// from accidents alone. It crosses no wire. Invariant: a record is written when the nodes it rests on are durable, and
/// the entries that it is over are under the log's checkpoint.
/// </summary>
sealed class Snapshots : ISnapshots, IDisposable
{
    const int Record = 240, Signed = Record - 32, Build = 12, Ledger = 28, Size = 60, Root = 68, StateAt = 100,
        RootNode = 132, File = 176;

    static ReadOnlySpan<byte> Magic => "STELESS1"u8;
    static readonly byte[] ThisBuild = typeof(State).Module.ModuleVersionId.ToByteArray();

    readonly string _folder;
    readonly byte[] _secret;
    readonly Digest _ledger;
    readonly Func<LogReader> _log;
    readonly SafeFileHandle? _held;         // null: the lock is taken for each snapshot
    GrowingFile? _records;
    byte[] _name = [];                      // of the nodes' file
    NodeFile? _nodes;
    volatile string? _broken;
    Task _keeping = Task.CompletedTask;

    Snapshots(string folder, byte[] secret, Digest ledger, Func<LogReader> log, SafeFileHandle? held) =>
        (_folder, _secret, _ledger, _log, _held) = (folder, secret, ledger, log, held);

    /// <param name="kept">Where; the file with the local secret is made if it is not there.</param>
    /// <param name="log">The log that is folded, as it is now.</param>
    /// <returns>Null: they can't be kept here, for the reason that is told.</returns>
    public static Snapshots? Open(KeptFold kept, Digest ledger, Func<LogReader> log, Holding holding, out string? why)
    {
        var folder = kept.Folder;
        SafeFileHandle? held = null;
        try
        {
            Files.CreateDirectory(folder, Readers.Owner);
            if (holding is Holding.Throughout && (held = GrowingFile.TryLock(Writer(folder))) is null)
            {
                why = $"another process keeps snapshots in {folder}";
                return null;
            }
            why = null;
            var snapshots = new Snapshots(folder, Secret(kept.Secret), ledger, log, held);
            snapshots.Find();
            return snapshots;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            held?.Dispose();
            why = $"no snapshots can be kept in {folder}: {e.Message}";
            return null;
        }
    }

    static string Writer(string folder) => Path.Combine(folder, "writer");

    static byte[]? SecretIn(string file) => System.IO.File.Exists(file)
        && (System.IO.File.GetUnixFileMode(file) & ~Files.Secret) == 0
        && System.IO.File.ReadAllBytes(file) is { Length: 32 } there ? there : null;

    static byte[] Secret(string file)
    {
        if (SecretIn(file) is { } there) return there;
        var secret = RandomNumberGenerator.GetBytes(32);
        Files.CreateDirectory(Path.GetDirectoryName(file)!, Readers.Owner);
        Files.Write(file, secret, Readers.Owner);
        return secret;
    }

    string RecordsPath => Path.Combine(_folder, "snapshots");
    string NodesPath(ReadOnlySpan<byte> name) => Path.Combine(_folder, $"nodes.{Convert.ToHexStringLower(name)}");

    /// <summary>
    /// Looks for the newest snapshot that may be used; without one, what is there is discarded. In a folder that
    /// several processes use, another may have kept one over more entries than are stored here as this one sees it.
    /// </summary>
    void Find()
    {
        _records = GrowingFile.TryOpen(RecordsPath);
        if (Count == 0) return;
        if (Newest() is { } newest)
        {
            _name = newest[File..Signed];
            if (GrowingFile.TryOpen(NodesPath(_name)) is { } nodes) _nodes = new NodeFile(nodes, Break);
        }
        if (_nodes is null) Discard("none of them is of this ledger, this program and this secret");
    }

    /// <summary>Why what was kept can't be used; null: it can. Who read it must fold again.</summary>
    public string? Broken => _broken;

    /// <summary>Told once that they can't be used any more.</summary>
    public Action? WhenBroken { get; set; }

    void Break(string why)
    {
        if (_broken is not null) return;
        _broken = why;
        WhenBroken?.Invoke();
    }

    /// <summary>Why the last snapshot could not be kept; null: it could. It is tried again.</summary>
    public string? LastError { get; private set; }

    public INodes Nodes => _nodes ?? throw new NodeException($"there are no snapshots in {_folder}");

    long Count => (_records?.Length ?? 0) / Record;

    // The last one may be what a power loss left.
    byte[]? Newest()
    {
        for (var at = Count - 1; at >= Math.Max(0, Count - 2); at--)
            if (At(at) is { } record && (MayBeUsed(record) || _held is null && SizeOf(record) > _log().Size))
                return record;
        return null;
    }

    byte[]? At(long at)
    {
        var record = new byte[Record];
        return _records!.Read(at * Record, record) == Record && IsOurs(record) ? record : null;
    }

    bool IsOurs(byte[] record) => record.AsSpan().StartsWith(Magic)
        && BinaryPrimitives.ReadInt32BigEndian(record.AsSpan(8)) == StateForms.Version
        && Digest.From(record.AsSpan(Ledger, 32)) == _ledger && CryptographicOperations.FixedTimeEquals(
            HMACSHA256.HashData(_secret, record.AsSpan(0, Signed)), record.AsSpan(Signed));

    static long SizeOf(byte[] record) => BinaryPrimitives.ReadInt64BigEndian(record.AsSpan(Size));

    /// <summary>Whether it is over the beginning of the log that is stored here.</summary>
    bool MayBeUsed(byte[] record)
    {
        var (log, size, root) = (_log(), SizeOf(record), Digest.From(record.AsSpan(Root, 32)));
        var head = log.Head;
        return size > 0 && size <= head.Size
            && Proofs.VerifyConsistency(size, head.Size, root, head.Root, log.ConsistencyProof(size, head.Size));
    }

    public Snapshot? Before(long size)
    {
        if (_nodes is null || _broken is not null) return null;
        long low = 0, high = Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (At(middle) is { } record && SizeOf(record) <= size) low = middle + 1;
            else high = middle;
        }
        for (var at = low - 1; at >= Math.Max(0, low - 2); at--)
            if (At(at) is { } found && found.AsSpan(File, 32).SequenceEqual(_name) && MayBeUsed(found))
                return SnapshotOf(found);
        return null;
    }

    public bool TryKeep(Func<INodes, Snapshot> make)
    {
        if (_broken is not null || !_keeping.IsCompleted) return false;
        if (_held is null) return Alone(() => Store(make));
        _keeping = Task.Run(() => Store(make));
        return true;
    }

    /// <summary>As the only writer, and only if no other has discarded what was there meanwhile.</summary>
    bool Alone(Action act)
    {
        try
        {
            using var held = GrowingFile.TryLock(Writer(_folder));
            if (held is null) return false;
            if (_records is null || Count == 0) Find();
            if (_nodes is not null && (Newest() is not { } newest
                || !newest.AsSpan(File, 32).SequenceEqual(_name) || !_nodes.TryGoOn())) return false;
            act();
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LastError = e.Message;
            return false;
        }
    }

    void Store(Func<INodes, Snapshot> make)
    {
        try
        {
            if (_nodes is null) Begin();
            var snapshot = make(_nodes!);
            var log = _log();
            if (log.Size < snapshot.Size) log.WaitBeyond(snapshot.Size - 1, default).GetAwaiter().GetResult();
            _nodes!.Flush();
            var record = new byte[Record];
            Magic.CopyTo(record);
            BinaryPrimitives.WriteInt32BigEndian(record.AsSpan(8), StateForms.Version);
            ThisBuild.CopyTo(record.AsSpan(Build));
            _ledger.CopyTo(record.AsSpan(Ledger));
            BinaryPrimitives.WriteInt64BigEndian(record.AsSpan(Size), snapshot.Size);
            log.RootAt(snapshot.Size).CopyTo(record.AsSpan(Root));
            snapshot.State.CopyTo(record.AsSpan(StateAt));
            snapshot.Root.CopyTo(record.AsSpan(RootNode));
            _name.CopyTo(record.AsSpan(File));
            HMACSHA256.HashData(_secret, record.AsSpan(0, Signed), record.AsSpan(Signed));
            if (!MayBeUsed(record)) throw new IOException("the log's hashes are not those of its checkpoint");
            // What a power loss left of the last one would stand in the way of the search.
            var count = Count;
            while (count > 0 && At(count - 1) is null) count--;
            if (_records!.Length > count * Record) _records.Cut(count * Record);
            _records.Write(count * Record, record);
            _records.Sync();
            LastError = null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NodeException
            or OperationCanceledException)
        {
            LastError = e.Message;
        }
    }

    void Begin()
    {
        _name = RandomNumberGenerator.GetBytes(32);
        _records ??= GrowingFile.OpenOrCreate(RecordsPath);
        _nodes = new NodeFile(GrowingFile.OpenOrCreate(NodesPath(_name)), Break);
    }

    /// <summary>
    /// What of all that is kept in a folder is not as it must be, held to a fold from the first entry. Changes nothing.
    /// </summary>
    /// <param name="whole">A fold of the whole ledger, from its first entry.</param>
    /// <param name="root">The ledger's root at a size.</param>
    /// <returns>The file, below the folder, and what is wrong with it. All of it is derived.</returns>
    public static IEnumerable<(string File, string Problem)> Check(KeptFold kept, Digest ledger, Replay whole,
        Func<long, Digest> root)
    {
        var path = Path.Combine(kept.Folder, "snapshots");
        if (!System.IO.File.Exists(path)) yield break;
        if (SecretIn(kept.Secret) is not { } secret)
        {
            yield return (path, $"nobody can know it for ours: {kept.Secret} is not a secret of this folder's owner");
            yield break;
        }
        using var snapshots = new Snapshots(kept.Folder, secret, ledger, null!, null)
        {
            _records = GrowingFile.TryOpen(path),
        };
        byte[]? newest = null;
        for (var at = 0L; at < snapshots.Count; at++)
            if (snapshots.At(at) is not { } record)
                yield return (path, $"record {at} was not made under {kept.Secret}, or by another build");
            else if (SizeOf(record) > whole.State.Size || root(SizeOf(record)) != Digest.From(record.AsSpan(Root, 32)))
                yield return (path, $"record {at} is of another ledger than is stored here");
            else newest = record;
        if (newest is null) yield break;
        var nodesPath = snapshots.NodesPath(newest.AsSpan(File, 32));
        if (GrowingFile.TryOpen(nodesPath) is not { } file)
        {
            yield return (nodesPath, "not there");
            yield break;
        }
        string? problem;
        using (var nodes = new NodeFile(file, _ => { }))
            try
            {
                problem = whole.Difference(SnapshotOf(newest), nodes);
            }
            catch (Exception e) when (e is NodeException or FormatException)
            {
                problem = e.Message;
            }
        if (problem is not null) yield return (nodesPath, problem);
    }

    /// <summary>Takes all of it away, if something is wrong with it: it is made again.</summary>
    /// <returns>What was taken away.</returns>
    public static IEnumerable<string> Repair(KeptFold kept)
    {
        using var held = GrowingFile.TryLock(Writer(kept.Folder));
        if (held is null) yield break;
        foreach (var file in Directory.EnumerateFiles(kept.Folder).Where(f => Path.GetFileName(f) is var name
            && (name is "snapshots" || name.StartsWith("nodes.", StringComparison.Ordinal))))
        {
            Files.Delete(file);
            yield return file;
        }
    }

    static Snapshot SnapshotOf(byte[] record) => new(SizeOf(record), Digest.From(record.AsSpan(StateAt, 32)),
        NodeRef.From(record.AsSpan(RootNode)));

    public void Discard(string why)
    {
        Break(why);
        try
        {
            using var held = _held is null ? GrowingFile.TryLock(Writer(_folder)) : null;
            if (_held is null && held is null) return;     // another uses them, and finds out for itself
            foreach (var file in Directory.EnumerateFiles(_folder, "nodes.*").Append(RecordsPath))
                if (System.IO.File.Exists(file)) Files.Delete(file);
            _records?.Dispose();
            _nodes?.Dispose();
            (_records, _nodes, _broken) = (null, null, null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LastError = e.Message;
        }
    }

    public void Dispose()
    {
        _keeping.GetAwaiter().GetResult();
        _nodes?.Dispose();
        _records?.Dispose();
        _held?.Dispose();
    }

    /// <summary>Ends when the snapshot that is being made is kept, or can't be.</summary>
    public Task Idle => _keeping;
}
