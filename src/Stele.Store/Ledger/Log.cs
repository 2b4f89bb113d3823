using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>What the owner of a log may choose.</summary>
sealed record LogOptions
{
    /// <summary>
    /// How often at most the partial tiles and the checkpoint are written as files. Default 100 ms. What the properties
    /// of the log say is never behind.
    /// </summary>
    public TimeSpan PublishEvery { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// How often at most a checkpoint is signed. Default zero: one for each group of appends that shared a flush, so
    /// that nobody waits for a timer.
    /// </summary>
    public TimeSpan SignEvery { get; init; }

    /// <summary>
    /// How many bytes may wait, from the call until they are under a checkpoint, before the answer is "busy". Default
    /// 64 MiB.
    /// </summary>
    public long QueueBytes { get; init; } = 64 << 20;

    /// <summary>How many entries may wait so. Default 131,072.</summary>
    public long QueueEntries { get; init; } = 1 << 17;

    /// <summary>The journal goes on in a new file when one has reached this. Default 64 MiB.</summary>
    public long SegmentBytes { get; init; } = 64 << 20;

    /// <summary>
    /// How many full tiles, of at most 8 KiB or a bundle's size, may wait for a disk or a descriptor that will not take
    /// them now: they are read from memory until then. One more ends the log. Default 1,024.
    /// </summary>
    public int UnwrittenTiles { get; init; } = 1024;

    /// <summary>
    /// Whether a note has the cosignatures that the policy asks for; null: nobody witnesses this log.
    /// </summary>
    public Func<Note, bool>? Quorum { get; init; }

    /// <summary>
    /// It is opened to be read, while nobody writes it: nothing in its folder changes. Its newest checkpoint is signed
    /// in memory, over all that the journal holds. Default: false.
    /// </summary>
    public bool ReadOnly { get; init; }

    /// <summary>Opens the journal's files; the tests' disk stands in here.</summary>
    public Func<string, JournalFile>? File { get; init; }
}

/// <summary>
/// An append-only, signed log of entries: the server's ledger, a node's decision log, or (without the signing key) a
/// replica of somebody else's.
/// <code>
/// folder/
///   journal            every entry, in order: the truth. Durable before anything is told to anybody
///   journal.N          its next segments, from record N on; journal.N.basis: the tree's right edge there
///   cold.json          which of the oldest segments were moved elsewhere (ColdList)
///   journal.lock       held while a process has the log open
///   checkpoint         the newest published signed checkpoint    ┐
///   tile/L/…           hash tiles (C2SP tlog-tiles)              ├ derived; any static server may serve them
///   tile/entries/…     entry bundles                             ┘
/// </code>
/// An append, numbered as below. It gets its index in the order of the calls. On the journal's thread: 1 it is written
/// with all that wait, in one frame; 2 one fdatasync; here appends that wait for "durable" complete. On the log's own
/// thread, while the next flush is under way: 3 the leaf hashes, and the batch joins the tree; 4 one checkpoint is
/// signed for all that came so far; here
/// appends that wait for "integrated" complete; 5 full tiles and bundles become files. A paced loop writes 6 the
/// partial tiles, then <c>checkpoint</c>, so that the files alone are always a consistent log, at most a moment behind.
/// At the end of a segment 7: all that was derived is synced to the disk, and the basis of the next is written.
/// None of 3 to 6 is flushed: it derives from the journal. Opening does 3 and 5 for what the journal holds from the
/// last basis on, then 4 and 6, then 7, by the same functions. Invariant: no signed checkpoint leaves this class that
/// covers an entry which is not durable; hence after a crash the log is never smaller than what it signed for.
/// Invariant: no basis is written before everything that derives from the entries before it is on the disk; hence
/// nothing before it is needed to make the log whole again.
/// </summary>
sealed class Log : IDisposable
{
    public const int MaxEntry = 65_535;
    internal const byte EntryRecord = 1, CheckpointRecord = 2, AheadRecord = 3;
    const int CachedTiles = 512;

    /// <summary>What the log is at one moment. Replaced whole.</summary>
    sealed record Head(long Size, Digest Root, string Checkpoint, Frontier Frontier);

    /// <summary>The newest checkpoint that the witnesses stand behind.</summary>
    sealed record Cosignatures(long Size, string Checkpoint);

    readonly VerifierKey _key;
    readonly NoteSigner? _signer;
    readonly LogOptions _options;
    readonly string _folder;
    readonly TimeProvider _time;
    readonly TreeFolder _files;
    readonly Journal _journal;
    readonly SemaphoreSlim _extending = new(1);   // never disposed: at closing its holder still gives it back
    readonly CancellationTokenSource _closing = new();
    readonly CancellationToken _untilClosing;
    readonly Task _publishing = Task.CompletedTask;
    readonly Thread? _integrating;   // null where the log is read alone

    // Durable batches on their way from the journal's thread to the log's; bounded, because the journal counts them as
    // waiting until they are released.
    readonly object _handover = new();
    List<JournalBatch> _handed = [];
    bool _lastHanded;

    // The tree is changed by the log's thread and read by anybody, with what it filled up and is not a file yet: all
    // under the tree's lock.
    readonly Tree _tree;
    readonly Dictionary<(int Level, long Index), (byte[] Rented, int Length)> _unwritten = [];
    readonly System.Collections.Concurrent.ConcurrentDictionary<(int, long), Digest[]> _cache = new();
    bool _opening = true;
    string? _lastNote;              // a replica's: the newest checkpoint record in the journal
    Frontier _lastFrontier = new(); // the tree at that record
    long _provedTo;                 // a replica's: how far its entries were proved to be those of some checkpoint
    // a replica's: sizes it does not have yet, and the roots that were signed for them
    ImmutableDictionary<long, Digest> _seenAhead = ImmutableDictionary<long, Digest>.Empty;
    Digest[] _leaves = new Digest[256];

    // Segments that have begun and have no basis yet, with the edge of the tree there. The log's thread adds, the
    // sealing task takes.
    readonly List<(JournalSegment Segment, byte[] Basis)> _boundaries = [];
    Task _sealing = Task.CompletedTask;
    readonly object _publication = new(), _writing = new();

    volatile Head _head;
    volatile bool _closed;
    TaskCompletionSource _advanced = new(TaskCreationOptions.RunContinuationsAsynchronously);

    readonly object _cosigning = new();
    volatile Cosignatures? _cosigned;
    TaskCompletionSource _witnessed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    Log(string folder, VerifierKey key, NoteSigner? signer, TimeProvider time, LogOptions options)
    {
        (_folder, _key, _signer, _time, _options, _files) = (folder, key, signer, time, options,
            new TreeFolder(folder));
        _untilClosing = _closing.Token;
        _tree = new Tree(Full);
        var published = Published();
        _journal = Journal.Open(JournalPath(folder), new JournalOptions
        {
            QueueBytes = options.QueueBytes, QueueRecords = options.QueueEntries, SegmentBytes = options.SegmentBytes,
            File = options.File, ReadOnly = options.ReadOnly,
            StartFrom = basis => TryRestore(basis, published), Failed = _ => { Wake(); WakeWitnessed(); },
        }, (segment, records) =>
        {
            if (records.IsEmpty) Begin(segment, published);
            else Add(records, published);
        }, Hand);
        try
        {
            CheckPublished(published);
            Floor = Journal.Segments(JournalPath(folder)) is [var first, ..] ? FloorOf(first) : 0;
            _head = Sign();
            if (options.ReadOnly) return;
            Files.Sweep(folder);
            foreach (var path in _files.Stray(_tree.Size).ToList()) _files.Delete(path);
            _opening = false;
            _files.EnsureEdge(_tree, _ => { });
            var size = Publish();
            SealBehind();
            // From here on: what is appended before the loop runs for the first time is still to be published.
            _publishing = Task.Run(() => PublishAsTheLogGrows(size));
            _integrating = new Thread(Integrate) { IsBackground = true, Name = "log" };
            _integrating.Start();
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
    /// <exception cref="LogException">
    /// The folder holds another log, or less than, or something else than, its own checkpoint covers.
    /// </exception>
    /// <exception cref="IOException">Open elsewhere, damaged, or the disk failed.</exception>
    public static Log Open(string folder, string origin, NoteSigner signer, TimeProvider time,
        LogOptions? options = null)
    {
        if (signer.Key.Name != origin)
            throw new LogException(LogError.WrongLog, $"the key {signer.Key.Name} does not sign for the log {origin}");
        return new Log(folder, signer.Key, signer, time, options ?? new());
    }

    /// <summary>
    /// Opens or creates a replica of the log whose key this is. It grows by <see cref="Extend"/> alone.
    /// </summary>
    public static Log OpenReplica(string folder, VerifierKey key, TimeProvider time, LogOptions? options = null) =>
        new(folder, key, null, time, options ?? new());

    public string Origin => _key.Name;
    public VerifierKey Key => _key;

    /// <summary>Entries that are durable and under <see cref="Checkpoint"/>.</summary>
    public long Size => _head.Size;

    /// <summary>
    /// The first entry that the journal can give, by whole bundles; those below were pruned or moved. 0 unless they
    /// were.
    /// </summary>
    public long Floor { get; }

    /// <summary>The tree as it was where the log begins; null when it begins at 0.</summary>
    public Frontier? Beginning
    {
        get
        {
            if (Floor == 0) return null;
            var (subtree, peaks, at) = (Subtree(Size), new List<Digest>(), 0L);
            for (var height = 62; height >= 0; height--)
            {
                if ((Floor >> height & 1) == 0) continue;
                peaks.Add(subtree(height, at >> height));
                at += 1L << height;
            }
            return new Frontier(Floor, [.. peaks]);
        }
    }

    /// <summary>
    /// The first entry that a journal can give whose first segment is this one: the basis has the entries of the bundle
    /// that the segment begins in.
    /// </summary>
    internal static long FloorOf(JournalSegment first)
    {
        if (first.First == 0) return 0;
        var size = first.First;   // of a log of one's own; a replica's journal has more records than entries
        try
        {
            if (first.Basis is { } basis)
            {
                var tree = new Tree((_, _) => { });
                tree.Restore(Basis.Parse(basis).Tree);
                size = tree.Size;
            }
        }
        // a damaged basis says nothing; in a log of one's own the segment's name says the same
        catch (FormatException) { }
        return size - size % Proof.Tile.Full;
    }

    public Digest Root => _head.Root;
    public Frontier Frontier => _head.Frontier;

    /// <summary>
    /// How many entries a replica holds: more than <see cref="Size"/> while it is being extended in steps.
    /// </summary>
    public long Held
    {
        get { lock (_tree) return _tree.Size; }
    }

    /// <summary>The newest signed checkpoint; empty for a replica that was never extended.</summary>
    public string Checkpoint => _head.Checkpoint;

    // ---- Appending

    /// <summary>
    /// Appends one entry. The task's result is its index, once it is as safe as <paramref name="until"/> says.
    /// </summary>
    /// <returns>
    /// A task that fails with a <see cref="LogException"/> (busy, too large, no witnesses) when nothing was taken, or
    /// with the I/O error that ended the log: then the entry may or may not be in it; or is cancelled when the log is
    /// closed before what is waited for came: then the entry is in it.
    /// </returns>
    public Task<long> Append(ReadOnlyMemory<byte> entry, Await until = Await.Integrated)
    {
        if (Refusal(entry.Length, until) is { } refusal) return Task.FromException<long>(refusal);
        return Owned().TryAppend(EntryRecord, entry.Span, out var appended, late: until != Await.Durable)
            ? Witnessed(appended, 1, until)
            : Task.FromException<long>(Busy());
    }

    /// <summary>
    /// Appends the entry that <paramref name="compose"/> makes for the index it gets. It is called at once, alone, in
    /// the order of the calls, and must be quick; if it throws, nothing was taken.
    /// </summary>
    public Task<long> Append(Func<long, byte[]> compose, Await until = Await.Integrated)
    {
        if (Refusal(0, until) is { } refusal) return Task.FromException<long>(refusal);
        try
        {
            return Owned().TryAppend(EntryRecord, index =>
            {
                var entry = compose(index);
                return entry.Length <= MaxEntry ? entry : throw TooLarge(entry.Length);
            }, out var appended, late: until != Await.Durable)
                ? Witnessed(appended, 1, until)
                : Task.FromException<long>(Busy());
        }
        catch (LogException e)
        {
            return Task.FromException<long>(e);
        }
    }

    /// <summary>
    /// Appends entries that stand side by side, or not at all; the task's result is the first one's index.
    /// </summary>
    public Task<long> Append(IReadOnlyList<ReadOnlyMemory<byte>> entries, Await until = Await.Integrated)
    {
        if (entries.Count == 0) throw new ArgumentException("no entries");
        var records = new (byte, ReadOnlyMemory<byte>)[entries.Count];
        long bytes = 0;
        for (var i = 0; i < records.Length; i++)
        {
            if (Refusal(entries[i].Length, until) is { } refusal) return Task.FromException<long>(refusal);
            bytes += entries[i].Length + JournalFrame.RecordHeader;
            records[i] = (EntryRecord, entries[i]);
        }
        if (bytes > MaxGroup)
            return Task.FromException<long>(new LogException(LogError.EntryTooLarge,
                $"entries of {bytes} bytes to stand or fall together; at most {MaxGroup} can"));
        return Owned().TryAppend(records, out var appended, late: until != Await.Durable)
            ? Witnessed(appended, records.Length, until)
            : Task.FromException<long>(Busy());
    }

    /// <summary>How much can stand or fall together.</summary>
    const long MaxGroup = JournalFrame.MaxPayload / 2;

    LogException? Refusal(int length, Await until) =>
        length > MaxEntry ? TooLarge(length)
        : until == Await.Witnessed && _options.Quorum is null
            ? new(LogError.NoWitnesses, "nobody witnesses this log; wait for 'integrated' instead")
        : until == Await.Witnessed && Volatile.Read(ref _awaitingWitnesses) >= MaxWitnessed ? Busy()
        : null;

    /// <summary>About so many appends wait for witnesses, who may be away for days.</summary>
    const int MaxWitnessed = 4096;

    int _awaitingWitnesses;

    Task<long> Witnessed(Task<long> appended, int count, Await until)
    {
        return until == Await.Witnessed ? Wait() : appended;

        async Task<long> Wait()
        {
            Interlocked.Increment(ref _awaitingWitnesses);
            try
            {
                var index = await appended;
                await WaitCosigned(index + count - 1, default);
                return index;
            }
            finally
            {
                Interlocked.Decrement(ref _awaitingWitnesses);
            }
        }
    }

    Journal Owned() => _signer is not null
        ? _journal
        : throw new InvalidOperationException("a replica is extended, not appended to");

    static LogException TooLarge(int length) =>
        new(LogError.EntryTooLarge, $"an entry of {length} bytes; at most {MaxEntry} fit");

    static LogException Busy() => new(LogError.Busy, "too much is waiting to be written; try again in a moment");

    /// <summary>
    /// Takes the next entries of the log that this is a replica of, with a signed checkpoint that covers exactly what
    /// it will then have. Signature and consistency are checked before a byte is written; entries and checkpoint become
    /// durable together.
    /// </summary>
    /// <param name="ahead">
    /// For a step of a long way: the checkpoint covers more than what will be held, and this proves that what will be
    /// held is where it began. What was taken so is kept, and shown when a later call brings the rest: what it signed
    /// for ahead must then be what came.
    /// </param>
    /// <exception cref="OperationCanceledException">
    /// The log was closed while another extension was under way; nothing was taken.
    /// </exception>
    public async Task<Extension> Extend(IReadOnlyList<byte[]> entries, string checkpointNote, Digest[]? ahead = null)
    {
        if (_signer is not null) throw new InvalidOperationException("one's own log is appended to, not extended");
        await _extending.WaitAsync(_untilClosing);
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
            Frontier frontier;
            ImmutableDictionary<long, Digest> seen;
            lock (_tree) (frontier, seen) = (_tree.Frontier, _seenAhead);
            var size = frontier.Size + entries.Count;
            if (checkpoint!.Size < frontier.Size) return Extension.Smaller;
            if (ahead is null ? checkpoint.Size != size : checkpoint.Size <= size) return Extension.WrongCount;
            var bytes = (long)checkpointNote.Length;
            var forked = seen.TryGetValue(checkpoint.Size, out var signed) && signed != checkpoint.Root;
            foreach (var entry in entries)
            {
                if (entry.Length > MaxEntry) return Extension.EntryTooLarge;
                bytes += entry.Length + JournalFrame.RecordHeader;
                frontier = frontier.Add(Merkle.Leaf(entry));
                forked |= seen.TryGetValue(frontier.Size, out signed) && signed != frontier.Root;
            }
            if (ahead is null && frontier.Root != checkpoint.Root) return Extension.Fork;
            if (ahead is not null && !Proofs.VerifyConsistency(size, checkpoint.Size, frontier.Root, checkpoint.Root,
                ahead)) return Extension.NoProof;
            // two histories, both signed: these entries are those of one, and not of the other
            if (forked) return Extension.Fork;
            if (bytes > MaxGroup) return Extension.TooMuch;
            if (entries.Count == 0 && (ahead is not null || checkpointNote == _head.Checkpoint))
                return Extension.Extended;

            var records = entries.Select(e => (EntryRecord, (ReadOnlyMemory<byte>)e)).Append(
                (ahead is null ? CheckpointRecord : AheadRecord, Encoding.UTF8.GetBytes(checkpointNote))).ToArray();
            if (!_journal.TryAppend(records, out var integrated, late: true)) throw Busy();
            await integrated;
            return Extension.Extended;
        }
        finally
        {
            _extending.Release();
        }
    }

    // ---- Integrating: one thread

    /// <summary>Between 2 and 3: on the journal's thread, for a batch that is durable.</summary>
    void Hand(JournalBatch batch)
    {
        lock (_handover)
        {
            _handed.Add(batch);
            if (_handed.Count == 1) Monitor.Pulse(_handover);
        }
    }

    void Integrate()
    {
        var batches = new List<JournalBatch>();
        try
        {
            for (long? signed = null; Handed(ref batches);)
            {
                // 3.
                foreach (var batch in batches)
                {
                    if (batch.Begins is { } segment) Begin(segment, null);
                    Add(batch.Records, null);
                }
                while (signed is { } last && _time.GetElapsedTime(last) < _options.SignEvery
                    && AddUntilDue(last, batches)) { }
                // 4. From here on the batches are part of what this log has signed for.
                _head = Sign();
                signed = _time.GetTimestamp();
                Wake();
                foreach (var batch in batches) batch.Release();
                batches.Clear();   // no longer ours
                // 5 and 7.
                TryWriteFull();
                SealBehind();
            }
        }
        catch (Exception e)
        {
            // What is durable stays so, and the next start integrates it; nobody who waits for more than that is told
            // that it came.
            var failure = _journal.Fail(e);
            do foreach (var batch in batches) batch.FailLate(failure);
            while (Handed(ref batches));
        }
    }

    /// <summary>Waits for durable batches; false when there will be none any more.</summary>
    bool Handed(ref List<JournalBatch> batches)
    {
        lock (_handover)
        {
            while (_handed.Count == 0 && !_lastHanded) Monitor.Wait(_handover);
            (batches, _handed) = (_handed, batches);
            _handed.Clear();
            return batches.Count > 0;
        }
    }

    /// <summary>While the next checkpoint is not due, more may come under it. False: none will.</summary>
    bool AddUntilDue(long signed, List<JournalBatch> batches)
    {
        int from = batches.Count;
        lock (_handover)
        {
            var left = _options.SignEvery - _time.GetElapsedTime(signed);
            if (_handed.Count == 0 && !_lastHanded && left > TimeSpan.Zero) Monitor.Wait(_handover, left);
            if (_handed.Count == 0 && _lastHanded) return false;
            batches.AddRange(_handed);
            _handed.Clear();
        }
        for (; from < batches.Count; from++)
        {
            if (batches[from].Begins is { } segment) Begin(segment, null);
            Add(batches[from].Records, null);
        }
        return true;
    }

    /// <summary>
    /// 3, for records that are durable: at run time, and at opening for those that the journal holds.
    /// </summary>
    /// <param name="published">
    /// At opening, what the published checkpoint says: its root is compared as the tree passes its size.
    /// </param>
    void Add(ReadOnlySpan<JournalRecord> batch, Checkpoint? published)
    {
        // The costly half is done before readers of the tree are kept waiting.
        if (_leaves.Length < batch.Length) _leaves = new Digest[Math.Max(batch.Length, 2 * _leaves.Length)];
        for (var i = 0; i < batch.Length; i++) if (batch[i].Kind == EntryRecord)
            _leaves[i] = Merkle.Leaf(batch[i].Bytes.Span);
        lock (_tree)
        {
            for (var i = 0; i < batch.Length; i++)
            {
                switch (batch[i].Kind)
                {
                    case EntryRecord when batch[i].Bytes.Length <= MaxEntry:
                        _tree.Add(batch[i].Bytes.Span, _leaves[i]);
                        if (!_seenAhead.IsEmpty) _seenAhead = _seenAhead.Remove(_tree.Size);
                        if (_tree.Size == published?.Size) Compare(published);
                        break;
                    case CheckpointRecord:
                        (_lastNote, _lastFrontier, _provedTo) = (Encoding.UTF8.GetString(batch[i].Bytes.Span),
                            _tree.Frontier, _tree.Size);
                        break;
                    case AheadRecord:
                        _provedTo = _tree.Size;
                        if (Proof.Checkpoint.Open(Encoding.UTF8.GetString(batch[i].Bytes.Span), _key, out var ahead)
                            == CheckpointTrust.Verified) _seenAhead = _seenAhead.SetItem(ahead!.Size, ahead.Root);
                        break;
                    default:
                        throw new LogException(LogError.WrongLog,
                            $"record {batch[i].Index} of the journal is not a log's");
                }
            }
        }
    }

    /// <summary>
    /// A tile or bundle is full: at opening it becomes a file at once, if what stands there is not it; later after the
    /// checkpoint, and is read from memory until then. Of a log that is read, memory is all it gets.
    /// </summary>
    void Full(Tile tile, ReadOnlyMemory<byte> bytes)
    {
        if (_opening && !_options.ReadOnly) _files.Ensure(tile, bytes.Span);
        else if (!_options.ReadOnly || !_files.Same(tile, bytes.Span))
        {
            var rented = ArrayPool<byte>.Shared.Rent(bytes.Length);
            bytes.CopyTo(rented);
            _unwritten.Add((tile.Level, tile.Index), (rented, bytes.Length));
        }
    }

    /// <summary>
    /// Why what derives from the journal could not be written when it was last tried; null: it was. It is tried again.
    /// </summary>
    public string? LastPublishError { get; private set; }

    /// <summary>
    /// 5, when the disk takes it. All of it derives from the journal: the next publication, or the next start, writes
    /// it.
    /// </summary>
    void TryWriteFull()
    {
        try
        {
            WriteFull();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LastPublishError = e.Message;
            int waiting;
            lock (_tree) waiting = _unwritten.Count;
            if (waiting > _options.UnwrittenTiles) throw;
        }
    }

    /// <summary>5.</summary>
    void WriteFull()
    {
        lock (_writing)
        {
            KeyValuePair<(int Level, long Index), (byte[] Rented, int Length)>[] full;
            lock (_tree) full = [.. _unwritten];
            foreach (var (at, bytes) in full)
            {
                _files.Write(new Tile(at.Level, at.Index), bytes.Rented.AsSpan(0, bytes.Length));
                lock (_tree) _unwritten.Remove(at);
                ArrayPool<byte>.Shared.Return(bytes.Rented);   // readers copy it under the tree's lock
            }
        }
    }

    Head Sign()
    {
        var frontier = _tree.Frontier;
        var root = frontier.Root;
        if (_signer is not null)
            return new(frontier.Size, root, _signer.Sign(new Checkpoint(Origin, frontier.Size, root).Text).ToString(),
                frontier);

        // A replica repeats what it was given: entries and note were written together. What came ahead of its
        // checkpoint is held, and not shown yet.
        if (_provedTo != frontier.Size)
            throw new LogException(LogError.WrongLog,
                "the folder is not a replica's: entries stand in it without a checkpoint");
        if (_lastNote is null) return new(0, Merkle.EmptyRoot, "", new Frontier());
        (frontier, root) = (_lastFrontier, _lastFrontier.Root);
        if (Proof.Checkpoint.Open(_lastNote, _key, out var checkpoint) != CheckpointTrust.Verified)
            throw new LogException(LogError.WrongLog, $"the folder is not a replica of {Origin} under this key");
        if (checkpoint!.Size != frontier.Size || checkpoint.Root != root)
            throw new LogException(LogError.Forked,
                $"the replica's entries are not those of its checkpoint at size {checkpoint.Size}");
        return new(frontier.Size, root, _lastNote, frontier);
    }

    // ---- Segments

    /// <summary>
    /// A segment begins after what is in the tree now. Where it has no basis, or a damaged one, it gets one when all
    /// that derives from what stands before it is on the disk.
    /// </summary>
    void Begin(JournalSegment segment, Checkpoint? published)
    {
        if (_tree.Size == published?.Size) Compare(published);
        if (segment.First > 0 && segment.Basis is null)
            _boundaries.Add((segment, Basis.Encode(_tree.Save(), _lastNote)));
    }

    /// <summary>7, in parallel with everything else, one after the other.</summary>
    void SealBehind()
    {
        if (_boundaries.Count == 0) return;
        var boundaries = _boundaries.ToArray();
        _boundaries.Clear();
        _sealing = _sealing.ContinueWith(_ => Seal(boundaries), CancellationToken.None, TaskContinuationOptions.None,
            TaskScheduler.Default).Unwrap();
    }

    /// <summary>
    /// 7. Where no descriptor is left for it, later; where the log is closed before, at the next start.
    /// </summary>
    async Task Seal((JournalSegment Segment, byte[] Basis)[] boundaries)
    {
        while (true)
        {
            try
            {
                // Every full tile and bundle before the boundary is a file by now. The checkpoint that is published
                // covers it, so that a start finds a basis it may trust.
                Publish();
                Files.SyncAll(_folder);
                foreach (var (segment, basis) in boundaries) _journal.SealBefore(segment, basis);
                return;
            }
            catch (Exception e) when (DiskTrouble.LacksDescriptors(e))
            {
                LastPublishError = e.Message;
            }
            catch (Exception e)
            {
                _journal.Fail(e);
                return;
            }
            try
            {
                await Task.Delay(_options.PublishEvery, _time, _untilClosing);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>
    /// Whether the tree can go on from a basis: not from one that the published checkpoint does not cover, so that its
    /// signature is always over what was gone on from.
    /// </summary>
    bool TryRestore(byte[] bytes, Checkpoint? published)
    {
        try
        {
            var basis = Basis.Parse(bytes);
            var tree = new Tree((_, _) => { });
            tree.Restore(basis.Tree);
            if (tree.Size > published?.Size) return false;
            // In the middle of a step, a replica held more than its checkpoint covers: where that ended is not in the
            // basis.
            if (_signer is null
                && (basis.Note is null
                    || Proof.Checkpoint.Open(basis.Note, _key, out var note) != CheckpointTrust.Verified
                    || note!.Size != tree.Size)) return false;
            _tree.Restore(basis.Tree);
            if (basis.Note is not null)
                (_lastNote, _lastFrontier, _provedTo) = (basis.Note, _tree.Frontier, _tree.Size);
            return true;
        }
        catch (FormatException)
        {
            return false;   // damaged: an older one, or the beginning, will do
        }
    }

    // ---- Opening

    /// <summary>
    /// What this log has published, if that can be believed. A file that is no checkpoint, or whose signature is wrong,
    /// is evidence of nothing and is written again.
    /// </summary>
    Checkpoint? Published()
    {
        if (_files.Checkpoint is not { } note) return null;
        var trust = Proof.Checkpoint.Open(note, _key, out var published);
        if (trust is CheckpointTrust.NoKnownKey or CheckpointTrust.WrongOrigin)
            throw new LogException(LogError.WrongLog,
                $"{_files.CheckpointPath} is signed by another key, or for another log, than {_key.Name}");
        return trust == CheckpointTrust.Verified ? published : null;
    }

    /// <summary>
    /// Refuses to go on from less than what this log has published. That it is not something else was seen on the way.
    /// </summary>
    void CheckPublished(Checkpoint? published)
    {
        if (_signer is not null && _provedTo > 0)
            throw new LogException(LogError.WrongLog, "the folder is a replica's; it has no signing key of its own");
        if (published?.Size > _tree.Size)
            throw new LogException(LogError.Truncated,
                $"the published checkpoint covers {published.Size} entries and the journal holds {_tree.Size}: "
                + $"entries were lost, or an old copy was put back");
    }

    void Compare(Checkpoint published)
    {
        if (_tree.Root != published.Root)
            throw new LogException(LogError.Forked,
                $"the journal's first {published.Size} entries are not those of the published checkpoint");
    }

    // ---- Reading. Everything up to Size may be read at any time by anybody.

    /// <summary>One entry's bytes.</summary>
    public byte[] ReadEntry(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Size);
        MustBeHere(index);
        lock (_tree) if (index / Proof.Tile.Full == _tree.Size / Proof.Tile.Full) return _tree.Entry(index);
        return Proof.Tile.DecodeBundle(Bytes(Proof.Tile.Entries, index / Proof.Tile.Full, Proof.Tile.Full),
            Proof.Tile.Full)[index % Proof.Tile.Full];
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
            for (var at = from; at < to;)   // walked again, it begins from the start
            {
                var n = at / Proof.Tile.Full;
                var width = (int)Math.Min(to - n * Proof.Tile.Full, Proof.Tile.Full);
                foreach (var entry in Proof.Tile.DecodeBundle(Bundle(n, width)!, width)
                    .AsSpan((int)(at % Proof.Tile.Full)).ToArray()) yield return entry;
                at = n * Proof.Tile.Full + width;
            }
        }
    }

    void MustBeHere(long index)
    {
        if (index < Floor && !_files.Exists(new Tile(Proof.Tile.Entries, index / Proof.Tile.Full)))
            throw new LogException(LogError.Pruned,
                $"entry {index} of {Origin} is not here any more: the log begins at {Floor}");
    }

    /// <summary>The bytes of an entry bundle of any width that this log has signed for; null when it has not.</summary>
    public byte[]? Bundle(long n, int width) => Tile(Proof.Tile.Entries, n, width);

    /// <summary>The bytes of a hash tile of any width that this log has signed for; null when it has not.</summary>
    public byte[]? Tile(int level, long n, int width)
    {
        if (level is < Proof.Tile.Entries or > Proof.Tile.MaxLevel || n < 0 || width < 1
            || width > Proof.Tile.WidthAt(Size, level, n)) return null;
        if (level == Proof.Tile.Entries && n < Floor / Proof.Tile.Full && !_files.Exists(new Tile(level, n)))
            return null;
        return Bytes(level, n, width);
    }

    byte[] Bytes(int level, long n, int width)
    {
        byte[]? bytes;
        lock (_tree)
        {
            if (n == _tree.Size >> (level == Proof.Tile.Entries ? 8 : 8 * (level + 1)))
                return _tree.Partial(level, width);
            bytes = _unwritten.TryGetValue((level, n), out var full) ? full.Rented[..full.Length] : null;
        }
        bytes ??= _files.Read(new Tile(level, n));   // full since, and a file by now
        if (width == Proof.Tile.Full) return bytes;
        return level == Proof.Tile.Entries
            ? Proof.Tile.EncodeBundle(Proof.Tile.DecodeBundle(bytes, Proof.Tile.Full)[..width])
            : bytes[..(width * Digest.Size)];
    }

    /// <summary>The proof that the entry is in the tree of that size; the leaf's sibling first.</summary>
    public Digest[] InclusionProof(long index, long size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, Size);
        return Proofs.Inclusion(index, size, Subtree(size));
    }

    /// <summary>
    /// The proof that the tree of size <paramref name="a"/> is a prefix of the tree of size <paramref name="b"/>; a is
    /// at least 1.
    /// </summary>
    public Digest[] ConsistencyProof(long a, long b)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(b, Size);
        return Proofs.Consistency(a, b, Subtree(b));
    }

    /// <summary>The root that the log had at a size.</summary>
    public Digest RootAt(long size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, Size);
        return RootAt(size, size);
    }

    Digest RootAt(long size, long within) => Proofs.TreeHash(size, Subtree(within));

    /// <summary>Finds subtree hashes in the tiles of the tree of a size.</summary>
    Func<int, long, Digest> Subtree(long size) => (level, index) =>
    {
        var tile = Proof.Tile.Holding(level, index, size);
        if (!_cache.TryGetValue((tile.Level, tile.Index), out var hashes) || hashes.Length < tile.Width)
        {
            hashes = Proof.Tile.Decode(Hashes(tile), tile.Width);
            if (_cache.Count >= CachedTiles) _cache.Clear();
            if (!tile.IsPartial) _cache[(tile.Level, tile.Index)] = hashes;
        }
        return Proof.Tile.Subtree(level, index, hashes);
    };

    byte[] Hashes(Tile tile)
    {
        try
        {
            return Bytes(tile.Level, tile.Index, tile.Width);
        }
        catch (IOException e) when (e is FileNotFoundException or DirectoryNotFoundException
            && (tile.Index + 1) << 8 * (tile.Level + 1) <= Floor)
        {
            throw new LogException(LogError.Pruned,
                $"{tile} of {Origin} is lost, and the entries to make it again were pruned: the log begins at {Floor}");
        }
    }

    /// <summary>Completes once the log is larger than <paramref name="size"/>.</summary>
    /// <exception cref="IOException">The log failed before.</exception>
    /// <exception cref="OperationCanceledException">It was closed before.</exception>
    public async Task WaitBeyond(long size, CancellationToken cancellation)
    {
        for (;;)
        {
            // Taken before the look at Size: the next to advance after the look completes this one.
            var advanced = Volatile.Read(ref _advanced);
            if (Size > size) return;
            ThrowIfEnded();
            await advanced.Task.WaitAsync(cancellation);
        }
    }

    void ThrowIfEnded()
    {
        if (_journal.Failure is { } failure) throw new IOException(failure.Message, failure);
        if (_closed) throw new OperationCanceledException("the log was closed");
    }

    /// <summary>Makes those who wait look again.</summary>
    void Wake()
    {
        Interlocked.Exchange(ref _advanced, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
    }

    // ---- Witnesses

    /// <summary>
    /// Whether there is a policy about witnesses; without one, <see cref="Await.Witnessed"/> is refused.
    /// </summary>
    public bool IsWitnessed => _options.Quorum is not null;

    /// <summary>
    /// The newest checkpoint of this log that the witnesses stand behind, with their cosignatures; null: none was taken
    /// since it was opened.
    /// </summary>
    public string? CosignedCheckpoint => _cosigned?.Checkpoint;

    /// <summary>How many entries <see cref="CosignedCheckpoint"/> covers.</summary>
    public long CosignedSize => _cosigned?.Size ?? 0;

    /// <summary>
    /// Takes a checkpoint of this log's own with the cosignatures of its witnesses: those who wait for an entry under
    /// it are told. Anything else is refused, and changes nothing.
    /// </summary>
    public Cosigning Cosigned(string checkpointWithCosignatures)
    {
        switch (Proof.Checkpoint.Open(checkpointWithCosignatures, _key, out var checkpoint))
        {
            case CheckpointTrust.Verified: break;
            case CheckpointTrust.Malformed: return Cosigning.Malformed;
            default: return Cosigning.NotOurs;
        }
        if (checkpoint!.Size > Size || RootAt(checkpoint.Size) != checkpoint.Root) return Cosigning.Inconsistent;
        if (_options.Quorum is null || !_options.Quorum(Note.Parse(checkpointWithCosignatures)))
            return Cosigning.NoQuorum;
        lock (_cosigning)
        {
            if (_cosigned is { } newest && newest.Size >= checkpoint.Size) return Cosigning.Older;
            _cosigned = new(checkpoint.Size, checkpointWithCosignatures);
        }
        WakeWitnessed();
        return Cosigning.Taken;
    }

    void WakeWitnessed() =>
        Interlocked.Exchange(ref _witnessed, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();

    /// <summary>Completes once the witnesses stand behind more than <paramref name="size"/> entries.</summary>
    /// <exception cref="IOException">The log failed before.</exception>
    /// <exception cref="OperationCanceledException">It was closed before.</exception>
    public async Task WaitCosigned(long size, CancellationToken cancellation)
    {
        for (;;)
        {
            var witnessed = Volatile.Read(ref _witnessed);
            if (CosignedSize > size) return;
            ThrowIfEnded();
            await witnessed.Task.WaitAsync(cancellation);
        }
    }

    // ---- Publishing

    async Task PublishAsTheLogGrows(long published)
    {
        try
        {
            while (!_closing.IsCancellationRequested)
            {
                await WaitBeyond(published, _closing.Token);
                try
                {
                    published = Publish();
                    LastPublishError = null;
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    LastPublishError = e.Message;   // files lag behind; the log itself does not
                }
                await Task.Delay(_options.PublishEvery, _time, _closing.Token);
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

    /// <summary>
    /// 6. Partial tiles and bundle first, then the checkpoint that implies them; all larger, full ones before both.
    /// </summary>
    long Publish()
    {
        lock (_publication)
        {
            var head = _head;
            WriteFull();   // what that checkpoint implies is a file by then, or is among these
            for (var level = Proof.Tile.Entries; level < Proof.Tile.LevelsAt(head.Size); level++)
            {
                var n = head.Size >> (level == Proof.Tile.Entries ? 8 : 8 * (level + 1));
                var width = Proof.Tile.WidthAt(head.Size, level, n);
                if (width == 0) continue;
                // What stands there is right: it was checked at opening or written since, and never changes. If the
                // tile is full by now, that file serves in its place.
                var tile = new Tile(level, n, width);
                if (!_files.Exists(tile)) _files.Write(tile, Bytes(level, n, width));
            }
            if (head.Checkpoint.Length > 0 && _files.Checkpoint != head.Checkpoint)
                _files.WriteCheckpoint(head.Checkpoint);
            return head.Size;
        }
    }

    /// <summary>Writes what waits, publishes the last checkpoint and closes the folder.</summary>
    public void Dispose()
    {
        if (_closing.IsCancellationRequested) return;
        _closing.Cancel();
        _publishing.GetAwaiter().GetResult();
        try
        {
            if (_options.ReadOnly) return;
            _journal.Stop();
            lock (_handover)
            {
                _lastHanded = true;
                Monitor.Pulse(_handover);
            }
            _integrating!.Join();
            _sealing.GetAwaiter().GetResult();
            _closed = true;
            Wake();   // no batch comes any more; those who wait are told
            WakeWitnessed();
            Publish();
        }
        finally
        {
            _journal.Dispose();
            _closing.Dispose();
        }
    }
}
