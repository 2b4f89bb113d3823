using System.Globalization;
using Stele.Blobs;
using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control;

/// <summary>How long a replica keeps other processes out of its folder.</summary>
enum Holding
{
    /// <summary>As long as it is open: a node's.</summary>
    Throughout,
    /// <summary>While it opens the folder, and while it stores what is new; folding and reading need no lock. A
    /// member's, whose commands run in parallel.</summary>
    WhileStoring,
}

/// <summary>
/// Somebody's own copy of a ledger, believed only as far as it was checked: signed by the pinned key, an extension of
/// everything seen before, and folded here by the same rules.
/// <code>
/// folder/ledger/   the entries and signed checkpoints, durable (a <see cref="Log"/> without a key)
/// folder/blobs/    the documents that the fold reads
/// folder/synced    when the server last confirmed it: milliseconds since 1970 UTC
/// folder/fork.json the proof that the ledger's key signed a second history (<see cref="Fork"/>). While it stands here
///                  nothing more is followed: people have to look at it
/// </code>
/// Invariant: the state moves only over entries that are stored here under a checkpoint of the pinned key and that the
/// fold accepted. Entries that it refused are kept as evidence.
/// </summary>
sealed class Replica : IAsyncDisposable
{
    /// <summary>How long another process may hold the folder before opening it fails: it stores what is new, and
    /// others may wait to do so too.</summary>
    static readonly TimeSpan LockTimeout = TimeSpan.FromMinutes(2);

    readonly Trust _trust;
    readonly Holding _holding;
    readonly string _folder;
    readonly BlobStore _store;
    readonly ServerClient _server;
    readonly ServerTree _tree;
    readonly TimeProvider _time;
    readonly string _synced;
    readonly SemaphoreSlim _one = new(1);
    readonly HashSet<Digest> _missing = [];
    readonly long _step;
    readonly string _forkFile;
    readonly KeptFold? _kept;
    Snapshots? _snapshots;
    string? _unkept;                // why there are none
    volatile Replay _replay;
    volatile Log _log;
    bool _closed;                   // the log is closed, so that others may store: it is read as it was then
    ReplicaException? _halted;
    volatile string? _cosigned;     // the head's checkpoint with more cosignatures than it was stored with

    Replica(Trust trust, Log log, Holding holding, string folder, BlobStore store, ServerClient server,
        TimeProvider time, long step, KeptFold? kept)
    {
        (_trust, _log, _holding, _folder, _store, _kept) = (trust, log, holding, folder, store, kept);
        (_server, _tree, _time, _step) = (server, new ServerTree(server), time, step);
        _synced = Path.Combine(folder, "synced");
        _forkFile = Path.Combine(folder, "fork.json");
        LookForFork();
        _replay = Begin(kept?.From ?? FoldFrom.Zero);
        LastSync = File.Exists(_synced) && long.TryParse(File.ReadAllText(_synced), NumberStyles.None,
            CultureInfo.InvariantCulture, out var ms) ? ms : null;
    }

    /// <summary>The fold over what was accepted.</summary>
    public Replay Replay => _replay;

    /// <summary>Why the fold's snapshots can't be kept; null: they are, or are not wanted.</summary>
    public string? SnapshotError => _unkept ?? _snapshots?.LastError;

    Replay Begin(FoldFrom from)
    {
        if (_kept is not null)
        {
            _snapshots?.Dispose();
            _snapshots = Snapshots.Open(_kept, _trust.Genesis, () => _log, _holding, out _unkept);
            if (from is FoldFrom.Zero) _snapshots?.Discard("everything is folded again from the first entry");
            if (_snapshots is { Broken: { } broken }) return Without(broken);   // somebody else's to discard
        }
        return Begin();
    }

    /// <summary>From the first entry, with no snapshots any more.</summary>
    Replay Without(string why)
    {
        _unkept = why;
        _snapshots?.Dispose();
        _snapshots = null;
        return Begin();
    }

    Replay Begin()
    {
        var find = SmallDocuments.Of(_store);
        return new Replay(new Documents(digest =>
        {
            var bytes = find(digest);
            if (bytes is null) lock (_missing) _missing.Add(digest);
            return bytes;
        }), new StoredEntries(() => _log), _snapshots);
    }

    /// <summary>The newest checkpoint that was stored here.</summary>
    public string Checkpoint =>
        _cosigned is { } more && Note.Parse(more).Text == Note.Parse(_log.Checkpoint).Text ? more : _log.Checkpoint;

    /// <summary>The entries, as stored.</summary>
    public LogReader Log => _log;

    /// <summary>
    /// When this copy was last seen to be all that the server has, and folded; milliseconds since 1970 UTC; null:
    /// never.
    /// </summary>
    public long? LastSync { get; private set; }

    /// <summary>How old what is known here may be; null: it was never confirmed.</summary>
    public TimeSpan? Staleness =>
        LastSync is { } at
            ? TimeSpan.FromMilliseconds(Math.Max(0, _time.GetUtcNow().ToUnixTimeMilliseconds() - at))
            : null;

    /// <summary>Why this replica will never move again; null while it may.</summary>
    public ReplicaException? Halted => _halted;

    /// <summary>Opens or creates a replica, and folds what it holds. Asks the server for nothing.</summary>
    /// <param name="step">
    /// About how many bytes of entries are fetched before they are stored: a long way is gone in steps, each proved to
    /// be the beginning of what the server signed.
    /// </param>
    /// <param name="kept">Whether the fold is kept from one opening to the next; null: it is not.</param>
    /// <exception cref="IOException">The folder is held by another process, or damaged.</exception>
    /// <exception cref="ReplicaException">The folder holds another ledger.</exception>
    public static async Task<Replica> Open(string folder, Trust trust, ServerClient server, TimeProvider time,
        BlobStore? documents = null, long step = 8 << 20, Holding holding = Holding.Throughout,
        KeptFold? kept = null)
    {
        Files.CreateDirectory(folder, Readers.Owner);
        var log = await OpenLog(folder, trust, time, default);
        try
        {
            var replica = new Replica(trust, log, holding, folder,
                documents ?? new BlobStore(Path.Combine(folder, "blobs")), server, time, step, kept);
            replica.LetOthersStore();
            try
            {
                await replica.Fold(Lacking.Reported, default);
            }
            catch (ReplicaException e) when (e.Fault is ReplicaFault.Refused or ReplicaFault.MissingDocument)
            {
                // It stands where it stood; the next sync says so again.
            }
            return replica;
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    /// <summary>Where the replica in a folder is stored.</summary>
    public static ILedgerStore StoreIn(string folder) => new FileStore(Path.Combine(folder, "ledger"));

    /// <summary>Every opening reads the last segment again, and every command opens it.</summary>
    static readonly LogOptions Options = new() { SegmentBytes = 4 << 20 };      // less than a step

    static async Task<Log> OpenLog(string folder, Trust trust, TimeProvider time, CancellationToken stop)
    {
        for (var start = time.GetTimestamp(); ;)
        {
            try
            {
                return Ledger.Log.OpenReplica(StoreIn(folder), trust.Key, time, Options);
            }
            catch (LogException e)
            {
                throw new ReplicaException(
                    e.Error == LogError.WrongLog ? ReplicaFault.WrongLedger : ReplicaFault.Forked,
                    $"the replica in {folder} can't be used: {e.Message}");
            }
            catch (LockedException)
            {
                if (time.GetElapsedTime(start) > LockTimeout)
                    throw new ReplicaException(ReplicaFault.InUse,
                        $"{folder} is in use by another process, and was for {LockTimeout.TotalMinutes:0} minutes");
                await Task.Delay(TimeSpan.FromMilliseconds(50), time, stop);
            }
        }
    }

    void LookForFork()
    {
        if (_halted is null && File.Exists(_forkFile))
            _halted = new ReplicaException(ReplicaFault.Forked,
                $"the ledger's key signed two histories: this is a fork; the proof is in {_forkFile}",
                File.ReadAllText(_forkFile));
    }

    /// <summary>Closes the log, if this replica holds it only while it stores. What it was can still be read: entries
    /// and full tiles never change, and the edge is in memory.</summary>
    void LetOthersStore()
    {
        if (_holding is Holding.Throughout || _closed) return;
        _log.Dispose();
        _closed = true;
    }

    /// <summary>Whether a checkpoint says nothing that is not stored here.</summary>
    bool Knows(string note) =>
        Proof.Checkpoint.Open(note, _trust.Key, out var shown) is CheckpointTrust.Verified
        && shown!.Size == _log.Size && shown.Size > 0 && shown.Root == _log.Root
        && Note.Parse(note).Signatures.Length <= Note.Parse(_log.Checkpoint).Signatures.Length;

    /// <summary>Catches up with the server. Returns how many entries the state moved.</summary>
    /// <exception cref="ReplicaException">What the server shows may not be followed.</exception>
    /// <exception cref="ProblemException">The server does not answer, or does not let this client in.</exception>
    public Task<long> Sync(CancellationToken stop = default) => Sync(TimeSpan.Zero, stop);

    /// <param name="wait">How long to wait at the server for something new.</param>
    public async Task<long> Sync(TimeSpan wait, CancellationToken stop = default)
    {
        await _one.WaitAsync(stop);
        try
        {
            LookForFork();
            if (_halted is { } halted) throw halted;
            var before = Replay.State.Size;
            var known = _log.Size;
            // What is stored and not folded yet (its documents were missing) is not waited for.
            var note = await _server.Checkpoint(known, before < known ? TimeSpan.Zero : wait, stop);
            if (_closed && !Knows(note))
            {
                _log = await OpenLog(_folder, _trust, _time, stop);
                _closed = false;
                // Others may have stored more meanwhile than the server had a moment ago.
                if (_log.Size > known) note = await _server.Checkpoint(_log.Size, TimeSpan.Zero, stop);
            }
            try
            {
                if (!_closed) await Take(note, stop);
            }
            finally
            {
                LetOthersStore();
            }
            await Fold(Lacking.Fetched, stop);
            LastSync = _time.GetUtcNow().ToUnixTimeMilliseconds();
            Derived.TryWrite(_synced, System.Text.Encoding.ASCII.GetBytes(
                LastSync.Value.ToString(CultureInfo.InvariantCulture)));
            return Replay.State.Size - before;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Stores what a signed checkpoint covers, if it extends what is here.</summary>
    async Task Take(string note, CancellationToken stop)
    {
        if (Proof.Checkpoint.Open(note, _trust.Key, out var checkpoint) is not CheckpointTrust.Verified and var trust)
            throw new ReplicaException(ReplicaFault.BadCheckpoint, trust switch
            {
                CheckpointTrust.NoKnownKey =>
                    $"the server's checkpoint is not signed by the key that is pinned for {_trust.Origin}",
                CheckpointTrust.BadSignature => "the signature of the server's checkpoint is not good",
                CheckpointTrust.WrongOrigin => $"the server's checkpoint is of another log than {_trust.Origin}",
                _ => "what the server gave as its checkpoint is none",
            });
        var known = _log.Size;
        if (checkpoint!.Size < known && checkpoint.Size > 0 && _log.RootAt(checkpoint.Size) is var own
            && own != checkpoint.Root)
            throw Halt(new Fork(note, _log.Checkpoint, own, [.. _log.ConsistencyProof(checkpoint.Size, known)]));
        if (checkpoint.Size < known)
            throw new ReplicaException(ReplicaFault.Shrunk,
                $"the server's ledger has {checkpoint.Size} entries and had {known} before: it was rolled back or "
                + $"rewritten", note);
        if (checkpoint.Size == known && known > 0)
        {
            if (checkpoint.Root != _log.Root) throw Halt(new Fork(_log.Checkpoint, note, checkpoint.Root, []));
            // The same tree, perhaps with more cosignatures by now: those are worth a record of their own.
            if (Note.Parse(note).Signatures.Length is var lines && lines >= Note.Parse(Checkpoint).Signatures.Length)
                _cosigned = note;
            if (lines > Note.Parse(_log.Checkpoint).Signatures.Length) await _log.Extend([], note);
            return;
        }
        if (checkpoint.Size < _log.Held)
            throw new ReplicaException(ReplicaFault.Shrunk,
                $"the server's ledger has {checkpoint.Size} entries and had {_log.Held} before: it was rolled back "
                + $"or rewritten", note);
        while (true)
        {
            var held = _log.Held;
            var entries = await _tree.Entries(held, checkpoint.Size, _step, stop);
            if (held == 0 && (entries.Count == 0 || Merkle.Leaf(entries[0]) != _trust.Genesis))
                throw new ReplicaException(ReplicaFault.WrongLedger,
                    $"the server's ledger does not begin with the genesis that is pinned, {_trust.Genesis}", note);
            var size = held + entries.Count;
            var done = size == checkpoint.Size;
            var proof = done ? null : await _tree.Consistency(size, checkpoint.Size, stop);
            switch (await _log.Extend(entries, note, proof))
            {
                case Extension.Extended when done:
                    return;
                case Extension.Extended:
                    continue;
                case Extension.Fork or Extension.NoProof:
                    if (known > 0 && await _tree.Contradiction(
                        _log.Checkpoint, known, checkpoint, note, _trust.Key, stop) is { } fork) throw Halt(fork);
                    throw held == known
                        ? new ReplicaException(ReplicaFault.BadTile,
                            $"the server's entries are not those of its checkpoint over {checkpoint.Size}", note)
                        : new ReplicaException(ReplicaFault.Forked,
                            $"the server's ledger of {checkpoint.Size} entries does not extend the {held} that were "
                            + $"proved to be in what it signed before: this is a fork", note);
                case var other:
                    throw new ReplicaException(ReplicaFault.BadTile, $"the server's entries can't be taken: {other}",
                        note);
            }
        }
    }

    ReplicaException Halt(Fork fork)
    {
        Files.Write(_forkFile, fork.ToJson().ToBytes());
        var (first, second) = (Proof.Checkpoint.Parse(Note.Parse(fork.First).Text).Size,
            Proof.Checkpoint.Parse(Note.Parse(fork.Second).Text).Size);
        return _halted = new ReplicaException(ReplicaFault.Forked, first == second
            ? $"the server signed two different ledgers of {first} entries: this is a fork; the proof is in {_forkFile}"
            : $"the server signed a ledger of {second} entries that does not extend the one of {first} entries that "
                + $"it signed as well: this is a fork; the proof is in {_forkFile}", fork.ToJson().ToString());
    }

    /// <summary>What is done about documents that the fold reads and that are not here.</summary>
    enum Lacking { Reported, Fetched }

    /// <summary>Folds what is stored and not folded yet.</summary>
    async Task Fold(Lacking lacking, CancellationToken stop)
    {
        for (var again = false; ; again = true)
        {
            try
            {
                if (_snapshots?.Broken is { } broken) throw new NodeException(broken);
                await FoldOn(lacking, stop);
                if (!KeptFold.IsFew(_replay.NotKept, _replay.State.Size)) _replay.Keep();
                return;
            }
            catch (NodeException e) when (_snapshots is not null)
            {
                // What was kept was changed or damaged: nothing of it is used, and all is made again from the entries.
                // What was kept a moment ago and is damaged by now is on a disk that is not to be used for it.
                _snapshots.Discard(e.Message);
                _replay = again ? Without(e.Message) : Begin(FoldFrom.Zero);
            }
        }
    }

    async Task FoldOn(Lacking lacking, CancellationToken stop)
    {
        var replay = _replay;
        foreach (var ahead in new Preparation(replay.State).Read(_log.ReadEntries(replay.State.Size, _log.Size)))
        {
            var index = replay.State.Size;
            if (ahead.Entry is not { } entry) throw Halt($"entry {index} is no entry: {ahead.Error}");
            while (true)
            {
                lock (_missing) _missing.Clear();
                var outcome = replay.Try(entry);
                Digest[] missing;
                lock (_missing) missing = [.. _missing];
                if (missing.Length > 0 && lacking is Lacking.Fetched && await Fetch(missing, stop)) continue;
                switch (outcome)
                {
                    case Outcome.Accepted accepted:
                        replay.Add(entry.Entry, accepted);
                        break;
                    case Outcome.Refused { Code: RefusalCode.DocumentMissing } refused:
                        throw new ReplicaException(ReplicaFault.MissingDocument,
                            $"entry {index} can't be judged here: {refused.Message}");
                    case Outcome.Refused refused:
                        throw Halt(
                            $"entry {index} may not stand: {refused.Code.Name()}: {refused.Message}. The server "
                            + $"admitted what the rules refuse; nothing after entry {index - 1} is followed");
                    case Outcome.Already already:
                        throw Halt(
                            $"entry {index} repeats entry {already.Entry}; nothing after entry {index - 1} is "
                            + "followed");
                }
                break;
            }
        }
    }

    ReplicaException Halt(string message) =>
        _halted = new ReplicaException(ReplicaFault.Refused, message, _log.Checkpoint);

    /// <summary>Fetches documents into the store. Whether any came.</summary>
    async Task<bool> Fetch(Digest[] missing, CancellationToken stop)
    {
        var any = false;
        foreach (var digest in missing)
        {
            try
            {
                await _store.Put(await _server.Read(digest, Artifacts.MaxDocument, stop), stop);
                any = true;
            }
            catch (BlobException)
            {
                // Unknown there, damaged there, or larger than a document: the fold does without, and says what that
                // means.
            }
        }
        return any;
    }

    public ValueTask DisposeAsync()
    {
        if (_snapshots?.Broken is { } broken) _snapshots.Discard(broken);     // found by a reader, after the fold
        else if (!KeptFold.IsFew(_replay.NotKept, _replay.State.Size)) _replay.Keep();
        _snapshots?.Dispose();
        _log.Dispose();
        _one.Dispose();
        return ValueTask.CompletedTask;
    }
}
