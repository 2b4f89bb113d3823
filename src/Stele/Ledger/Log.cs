using System.Text;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// An append-only, signed log of entries: the server's ledger, a node's decision log, or (without the signing key) a replica of somebody else's.
/// <code>
/// folder/
///   journal            every entry, in order: the truth. Durable before anything is told to anybody
///   journal.lock       held while a process has the log open
///   checkpoint         the newest published signed checkpoint    ┐
///   tile/L/…           hash tiles (C2SP tlog-tiles)              ├ derived; any static server may serve them
///   tile/entries/…     entry bundles                             ┘
/// </code>
/// An append, numbered as below: 1 it gets its index, in the order of the calls; 2 the journal writes it with all that wait and flushes once; 3 the batch joins the tree,
/// full tiles and bundles become files; 4 one checkpoint is signed for the batch; 5 the tasks complete. Opening does 3 for what the journal holds, then 4.
/// A paced loop writes the partial tiles and then <c>checkpoint</c>, so that the files alone are always a consistent log, at most a moment behind.
/// Invariant: no signed checkpoint leaves this class that covers an entry which is not durable; hence after a crash the log is never smaller than what it signed for.
/// </summary>
sealed class Log : IDisposable
{
    public const int MaxEntry = 65_535;
    internal const byte EntryRecord = 1, CheckpointRecord = 2, FloorRecord = 3;
    const int CachedTiles = 512;

    /// <summary>What the log is at one moment. Replaced whole.</summary>
    sealed record Head(long Size, Digest Root, string Checkpoint, Frontier Frontier);

    readonly VerifierKey _key;
    readonly NoteSigner? _signer;
    readonly TreeFolder _files;
    readonly Journal _journal;
    readonly SemaphoreSlim _extending = new(1);
    readonly CancellationTokenSource _closing = new();
    readonly Task _publishing;

    // The tree is changed by the journal's writer and read by anybody: both under its own lock.
    readonly Tree _tree;
    readonly System.Collections.Concurrent.ConcurrentDictionary<(int, long), Digest[]> _cache = new();
    bool _opening = true;
    LogFloor? _floor;               // the journal's first record, where one is
    string? _lastNote;              // a replica's: the newest checkpoint record in the journal
    long _lastNoteAt;               // the tree's size at that record

    volatile Head _head;
    TaskCompletionSource _advanced = new(TaskCreationOptions.RunContinuationsAsynchronously);

    readonly Func<Note, bool>? _quorum;
    readonly object _cosigning = new();
    volatile Cosignatures? _cosigned;
    TaskCompletionSource _witnessed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The newest checkpoint that the witnesses stand behind.</summary>
    sealed record Cosignatures(long Size, string Checkpoint);

    Log(string folder, VerifierKey key, NoteSigner? signer, TimeProvider time, TimeSpan publishEvery, Func<string, JournalFile>? file, Func<Note, bool>? quorum)
    {
        (_key, _signer, _files, _quorum) = (key, signer, new TreeFolder(folder), quorum);
        _tree = new Tree(Full);
        _journal = Journal.Open(JournalPath(folder), Committed, file: file);
        try
        {
            Files.Sweep(folder);
            CheckPublished();
            foreach (var path in _files.Stray(_tree.Size, Floor).ToList()) _files.Delete(path);
            _opening = false;
            _head = Sign();
            _files.EnsureEdge(_tree, _ => { });
            var published = Publish(_head);
            // From here on: what is appended before the loop runs for the first time is still to be published.
            _publishing = Task.Run(() => PublishAsTheLogGrows(published, time, publishEvery));
        }
        catch
        {
            _journal.Dispose();
            throw;
        }
    }

    internal static string JournalPath(string folder) => Path.Combine(folder, "journal");

    /// <summary>Opens or creates one's own log.</summary>
    /// <param name="origin">The log's name in its checkpoints; the signer's key has it too.</param>
    /// <param name="publishEvery">How often at most the partial tiles and the checkpoint are written as files; 100 ms unless given. The properties here are never behind.</param>
    /// <exception cref="LogException">The folder holds another log, or less than, or something else than, its own checkpoint covers.</exception>
    /// <exception cref="IOException">Open elsewhere, damaged, or the disk failed.</exception>
    /// <param name="quorum">Whether a note has the cosignatures that the policy asks for; null: nobody witnesses this log.</param>
    public static Log Open(string folder, string origin, NoteSigner signer, TimeProvider time, TimeSpan? publishEvery = null, Func<string, JournalFile>? file = null, Func<Note, bool>? quorum = null)
    {
        if (signer.Key.Name != origin) throw new LogException(LogError.WrongLog, $"the key {signer.Key.Name} does not sign for the log {origin}");
        return new Log(folder, signer.Key, signer, time, publishEvery ?? TimeSpan.FromMilliseconds(100), file, quorum);
    }

    /// <summary>Opens or creates a replica of the log whose key this is. It grows by <see cref="Extend"/> alone.</summary>
    public static Log OpenReplica(string folder, VerifierKey key, TimeProvider time, TimeSpan? publishEvery = null, Func<string, JournalFile>? file = null) =>
        new(folder, key, null, time, publishEvery ?? TimeSpan.FromMilliseconds(100), file, null);

    public string Origin => _key.Name;
    public VerifierKey Key => _key;

    /// <summary>Entries that are durable and under <see cref="Checkpoint"/>.</summary>
    public long Size => _head.Size;

    /// <summary>The first entry that is in the folder; those below were pruned or moved. 0 unless they were.</summary>
    public long Floor => _floor?.Size ?? 0;

    /// <summary>How the log begins where its floor is not 0.</summary>
    public LogFloor? Beginning => _floor;

    // The journal's records count from its own beginning, where the floor is one of them.
    long Numbered(long record) => _floor is null ? record : record + _floor.Size - 1;

    public Digest Root => _head.Root;
    public Frontier Frontier => _head.Frontier;

    /// <summary>The newest signed checkpoint; empty for a replica that was never extended.</summary>
    public string Checkpoint => _head.Checkpoint;

    // ---- Appending

    /// <summary>Appends one entry. The task's result is its index, once it is as safe as <paramref name="until"/> says.</summary>
    /// <returns>
    /// A task that fails with a <see cref="LogException"/> (busy, too large, no witnesses) when nothing was taken, or with the I/O error that ended the log: then the entry may or may not be in it;
    /// or is cancelled when the log is closed before what is waited for came: then the entry is in it.
    /// </returns>
    public Task<long> Append(ReadOnlyMemory<byte> entry, Await until = Await.Integrated)
    {
        if (entry.Length > MaxEntry) return Task.FromException<long>(TooLarge(entry.Length));
        if (until == Await.Witnessed && _quorum is null) return Task.FromException<long>(NoWitnesses());
        if (!Owned().TryAppend(EntryRecord, entry.ToArray(), out var durable)) return Task.FromException<long>(Busy());
        return until == Await.Witnessed ? Witnessed(Numbered(durable)) : Numbered(durable);
    }

    /// <summary>Appends the entry that <paramref name="compose"/> makes for the index it gets. It is called at once, alone, in the order of the calls, and must be quick; if it throws, nothing was taken.</summary>
    public Task<long> Append(Func<long, byte[]> compose)
    {
        try
        {
            return Owned().TryAppend(EntryRecord, index =>
            {
                var entry = compose(Numbered(index));
                return entry.Length <= MaxEntry ? entry : throw TooLarge(entry.Length);
            }, out var durable) ? Numbered(durable) : Task.FromException<long>(Busy());
        }
        catch (LogException e)
        {
            return Task.FromException<long>(e);
        }
    }

    Task<long> Numbered(Task<long> record) => _floor is null ? record : Awaited(record);

    async Task<long> Awaited(Task<long> record) => Numbered(await record);

    async Task<long> Witnessed(Task<long> appended)
    {
        var index = await appended;
        await WaitCosigned(index, default);
        return index;
    }

    static LogException NoWitnesses() => new(LogError.NoWitnesses, "nobody witnesses this log; wait for 'integrated' instead");

    Journal Owned() => _signer is not null ? _journal : throw new InvalidOperationException("a replica is extended, not appended to");

    static LogException TooLarge(int length) => new(LogError.EntryTooLarge, $"an entry of {length} bytes; at most {MaxEntry} fit");

    static LogException Busy() => new(LogError.Busy, "too much is waiting to be written; try again in a moment");

    /// <summary>
    /// Takes the next entries of the log that this is a replica of, with a signed checkpoint that covers exactly what it will then have. Signature and consistency are checked
    /// before a byte is written; entries and checkpoint become durable together.
    /// </summary>
    public async Task<Extension> Extend(IReadOnlyList<byte[]> entries, string checkpointNote)
    {
        if (_signer is not null) throw new InvalidOperationException("one's own log is appended to, not extended");
        await _extending.WaitAsync();
        try
        {
            switch (Proof.Checkpoint.Open(checkpointNote, _key, out var checkpoint))
            {
                case CheckpointTrust.Verified: break;
                case CheckpointTrust.NoKnownKey: return Extension.NoKnownKey;
                case CheckpointTrust.BadSignature: return Extension.BadSignature;
                case CheckpointTrust.WrongOrigin: return Extension.WrongOrigin;
                default: return Extension.Malformed;
            }
            var head = _head;
            if (checkpoint!.Size < head.Size) return Extension.Smaller;
            if (checkpoint.Size != head.Size + entries.Count) return Extension.WrongCount;
            var frontier = head.Frontier;
            var bytes = (long)checkpointNote.Length;
            foreach (var entry in entries)
            {
                if (entry.Length > MaxEntry) return Extension.EntryTooLarge;
                bytes += entry.Length + JournalFrame.RecordHeader;
                frontier = frontier.Add(Merkle.Leaf(entry));
            }
            if (frontier.Root != checkpoint.Root) return Extension.Fork;
            if (bytes > JournalFrame.MaxPayload / 2) return Extension.TooMuch;
            if (entries.Count == 0 && checkpointNote == head.Checkpoint) return Extension.Extended;

            var records = entries.Select(e => (EntryRecord, (byte[])e.Clone())).Append((CheckpointRecord, Encoding.UTF8.GetBytes(checkpointNote))).ToArray();
            if (!_journal.TryAppend(records, out var durable)) throw Busy();
            await durable;
            return Extension.Extended;
        }
        finally
        {
            _extending.Release();
        }
    }

    /// <summary>Steps 3 and 4, for a batch that is durable: called by the journal, at opening for all it holds.</summary>
    void Committed(ReadOnlySpan<JournalRecord> batch)
    {
        lock (_tree)
        {
            foreach (var record in batch)
            {
                switch (record.Kind)
                {
                    case EntryRecord when record.Bytes.Length <= MaxEntry:
                        _tree.Add(record.Bytes);
                        break;
                    case CheckpointRecord:
                        (_lastNote, _lastNoteAt) = (Encoding.UTF8.GetString(record.Bytes), _tree.Size);
                        break;
                    case FloorRecord when record.Index == 0 && _opening:
                        _floor = LogFloor.Parse(record.Bytes);
                        _tree.Restore(_floor.Size, _floor.Edge);
                        break;
                    default:
                        throw new LogException(LogError.WrongLog, $"record {record.Index} of the journal is not a log's");
                }
            }
        }
        if (_opening) return;

        var head = Sign();

        // From here on the batch is part of what this log has signed for.
        _head = head;
        Interlocked.Exchange(ref _advanced, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
    }

    /// <summary>A full tile or bundle becomes a file at once; at opening only if what stands there is not it.</summary>
    void Full(Tile tile, byte[] bytes)
    {
        if (_opening) _files.Ensure(tile, bytes);
        else _files.Write(tile, bytes);
    }

    Head Sign()
    {
        var frontier = _tree.Frontier;
        var root = frontier.Root;
        if (_signer is not null) return new(frontier.Size, root, _signer.Sign(new Checkpoint(Origin, frontier.Size, root).Text).ToString(), frontier);

        // A replica repeats what it was given: entries and note were written together, so the last note covers them all.
        if (_lastNote is null && frontier.Size == 0) return new(0, root, "", frontier);
        if (_lastNote is null || _lastNoteAt != frontier.Size) throw new LogException(LogError.WrongLog, "the folder is not a replica's: entries stand in it without a checkpoint");
        if (Proof.Checkpoint.Open(_lastNote, _key, out var checkpoint) != CheckpointTrust.Verified) throw new LogException(LogError.WrongLog, $"the folder is not a replica of {Origin} under this key");
        if (checkpoint!.Size != frontier.Size || checkpoint.Root != root) throw new LogException(LogError.Forked, $"the replica's entries are not those of its checkpoint at size {checkpoint.Size}");
        return new(frontier.Size, root, _lastNote, frontier);
    }

    /// <summary>Refuses to go on from less than, or something else than, what this log has published. A file that is no checkpoint, or whose signature is wrong, is evidence of nothing and is written anew.</summary>
    void CheckPublished()
    {
        if (_signer is not null && _lastNote is not null) throw new LogException(LogError.WrongLog, "the folder is a replica's; it has no signing key of its own");
        if (_files.Checkpoint is not { } note) return;
        var trust = Proof.Checkpoint.Open(note, _key, out var published);
        if (trust is CheckpointTrust.NoKnownKey or CheckpointTrust.WrongOrigin)
            throw new LogException(LogError.WrongLog, $"{_files.CheckpointPath} is signed by another key, or for another log, than {_key.Name}");
        if (trust != CheckpointTrust.Verified) return;
        if (published!.Size > _tree.Size)
            throw new LogException(LogError.Truncated, $"the published checkpoint covers {published.Size} entries and the journal holds {_tree.Size}: entries were lost, or an old copy was put back");
        // What was cut below the floor stood under a later checkpoint then; one from before it was put back.
        if (published.Size < Floor) throw new LogException(LogError.Truncated, $"the published checkpoint covers {published.Size} entries and the journal begins at {Floor}: an old copy was put back");
        if (RootAt(published.Size, _tree.Size) != published.Root)
            throw new LogException(LogError.Forked, $"the journal's first {published.Size} entries are not those of the published checkpoint");
    }

    // ---- Reading. Everything up to Size may be read at any time by anybody.

    /// <summary>One entry's bytes.</summary>
    public byte[] ReadEntry(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Size);
        MustBeHere(index);
        lock (_tree) if (index / Proof.Tile.Full == _tree.Size / Proof.Tile.Full) return (byte[])_tree.Entry(index).Clone();
        return Proof.Tile.DecodeBundle(_files.Read(new Tile(Proof.Tile.Entries, index / Proof.Tile.Full)), Proof.Tile.Full)[index % Proof.Tile.Full];
    }

    /// <summary>The entries [from, to), a bundle at a time.</summary>
    public IEnumerable<byte[]> ReadEntries(long from, long to)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(to, Size);
        if (from < to) MustBeHere(from);
        return Stream();

        IEnumerable<byte[]> Stream()
        {
            // May be walked again: each walk counts for itself.
            for (var at = from; at < to;)
            {
                var n = at / Proof.Tile.Full;
                var width = (int)Math.Min(to - n * Proof.Tile.Full, Proof.Tile.Full);
                foreach (var entry in Proof.Tile.DecodeBundle(Bundle(n, width)!, width).AsSpan((int)(at % Proof.Tile.Full)).ToArray()) yield return entry;
                at = n * Proof.Tile.Full + width;
            }
        }
    }

    void MustBeHere(long index)
    {
        if (index < Floor) throw new LogException(LogError.Pruned, $"entry {index} of {Origin} is not here any more: the log begins at {Floor}");
    }

    /// <summary>The bytes of an entry bundle of any width that this log has signed for; null when it has not.</summary>
    public byte[]? Bundle(long n, int width) => Tile(Proof.Tile.Entries, n, width);

    /// <summary>The bytes of a hash tile of any width that this log has signed for; null when it has not.</summary>
    public byte[]? Tile(int level, long n, int width)
    {
        if (level is < Proof.Tile.Entries or > Proof.Tile.MaxLevel || n < 0 || width < 1 || width > Proof.Tile.WidthAt(Size, level, n) || TreeFolder.IsBelow(new Tile(level, n), Floor)) return null;
        return Bytes(level, n, width);
    }

    byte[] Bytes(int level, long n, int width)
    {
        lock (_tree)
            if (n == _tree.Size >> (level == Proof.Tile.Entries ? 8 : 8 * (level + 1))) return _tree.Partial(level, width);
        // Full since: its file was written before the tree went on.
        var bytes = _files.Read(new Tile(level, n));
        if (width == Proof.Tile.Full) return bytes;
        return level == Proof.Tile.Entries ? Proof.Tile.EncodeBundle(Proof.Tile.DecodeBundle(bytes, Proof.Tile.Full)[..width]) : bytes[..(width * Digest.Size)];
    }

    /// <summary>The proof that the entry is in the tree of that size; the leaf's sibling first.</summary>
    public Digest[] InclusionProof(long index, long size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, Size);
        MustBeHere(index);
        return Proofs.Inclusion(index, size, Subtree(size));
    }

    /// <summary>The proof that the tree of size <paramref name="a"/> is a prefix of the tree of size <paramref name="b"/>; a is at least 1.</summary>
    public Digest[] ConsistencyProof(long a, long b)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(b, Size);
        if (a < Floor) throw new LogException(LogError.Pruned, $"the tree of {a} entries of {Origin} can't be made again: the log begins at {Floor}");
        return Proofs.Consistency(a, b, Subtree(b));
    }

    /// <summary>The root that the log had at a size.</summary>
    public Digest RootAt(long size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, Size);
        if (size < Floor) throw new LogException(LogError.Pruned, $"the tree of {size} entries of {Origin} can't be made again: the log begins at {Floor}");
        return RootAt(size, size);
    }

    Digest RootAt(long size, long within) => Proofs.TreeHash(size, Subtree(within));

    /// <summary>Finds subtree hashes in the tiles of the tree of a size.</summary>
    Func<int, long, Digest> Subtree(long size) => (level, index) =>
    {
        var tile = Proof.Tile.Holding(level, index, size);
        if (!_cache.TryGetValue((tile.Level, tile.Index), out var hashes) || hashes.Length < tile.Width)
        {
            hashes = Proof.Tile.Decode(Bytes(tile.Level, tile.Index, tile.Width), tile.Width);
            if (_cache.Count >= CachedTiles) _cache.Clear();
            if (!tile.IsPartial) _cache[(tile.Level, tile.Index)] = hashes;
        }
        return Proof.Tile.Subtree(level, index, hashes);
    };

    /// <summary>Completes once the log is larger than <paramref name="size"/>; is cancelled when the log is closed before.</summary>
    public async Task WaitBeyond(long size, CancellationToken cancellation)
    {
        for (;;)
        {
            // Taken before the look at Size: whoever advances after the look completes this one.
            var advanced = Volatile.Read(ref _advanced);
            if (Size > size) return;
            await advanced.Task.WaitAsync(cancellation);
        }
    }

    // ---- Witnesses

    /// <summary>The newest checkpoint of this log that the witnesses stand behind, with their cosignatures; null: none was taken since it was opened.</summary>
    public string? CosignedCheckpoint => _cosigned?.Checkpoint;

    /// <summary>How many entries <see cref="CosignedCheckpoint"/> covers.</summary>
    public long CosignedSize => _cosigned?.Size ?? 0;

    /// <summary>Takes a checkpoint of this log's own with the cosignatures of its witnesses: whoever waits for an entry under it hears of it. Anything else is refused, and changes nothing.</summary>
    public Cosigning Cosigned(string checkpointWithCosignatures)
    {
        switch (Proof.Checkpoint.Open(checkpointWithCosignatures, _key, out var checkpoint))
        {
            case CheckpointTrust.Verified: break;
            case CheckpointTrust.Malformed: return Cosigning.Malformed;
            default: return Cosigning.NotOurs;
        }
        if (checkpoint!.Size > Size || RootAt(checkpoint.Size) != checkpoint.Root) return Cosigning.Inconsistent;
        if (_quorum is null || !_quorum(Note.Parse(checkpointWithCosignatures))) return Cosigning.NoQuorum;
        lock (_cosigning)
        {
            if (_cosigned is { } newest && newest.Size >= checkpoint.Size) return Cosigning.Older;
            _cosigned = new(checkpoint.Size, checkpointWithCosignatures);
        }
        Interlocked.Exchange(ref _witnessed, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        return Cosigning.Taken;
    }

    /// <summary>Completes once the witnesses stand behind more than <paramref name="size"/> entries; is cancelled when the log is closed before.</summary>
    public async Task WaitCosigned(long size, CancellationToken cancellation)
    {
        for (;;)
        {
            var witnessed = Volatile.Read(ref _witnessed);
            if (CosignedSize > size) return;
            await witnessed.Task.WaitAsync(cancellation);
        }
    }

    // ---- Publishing

    async Task PublishAsTheLogGrows(long published, TimeProvider time, TimeSpan pace)
    {
        try
        {
            while (!_closing.IsCancellationRequested)
            {
                await WaitBeyond(published, _closing.Token);
                published = Publish(_head);
                await Task.Delay(pace, time, _closing.Token);
            }
        }
        catch (OperationCanceledException)
        {
        }
        catch (Exception e)
        {
            _journal.Fail(e);
        }
    }

    /// <summary>Partial tiles and bundle first, then the checkpoint that implies them; all larger, full ones are files already.</summary>
    long Publish(Head head)
    {
        for (var level = Proof.Tile.Entries; level < Proof.Tile.LevelsAt(head.Size); level++)
        {
            var n = head.Size >> (level == Proof.Tile.Entries ? 8 : 8 * (level + 1));
            var width = Proof.Tile.WidthAt(head.Size, level, n);
            if (width == 0) continue;
            // What stands there is right: it was checked at opening or written since, and never changes. If the tile is full by now, that file serves in its place.
            var tile = new Tile(level, n, width);
            if (!_files.Exists(tile)) _files.Write(tile, Bytes(level, n, width));
        }
        if (head.Checkpoint.Length > 0 && _files.Checkpoint != head.Checkpoint) _files.WriteCheckpoint(head.Checkpoint);
        return head.Size;
    }

    /// <summary>Writes what waits, publishes the last checkpoint and closes the folder.</summary>
    public void Dispose()
    {
        if (_closing.IsCancellationRequested) return;
        _closing.Cancel();
        _publishing.GetAwaiter().GetResult();
        _journal.Dispose();
        _advanced.TrySetCanceled();   // no batch comes any more; whoever waits hears of it
        _witnessed.TrySetCanceled();
        Publish(_head);
        _closing.Dispose();
        _extending.Dispose();
    }
}
