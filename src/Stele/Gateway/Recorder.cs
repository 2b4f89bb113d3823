using System.Security.Cryptography;
using Stele.Host;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Decisions;

namespace Stele.Gateway;

/// <summary>What became of a body that was recorded.</summary>
enum BodyState
{
    /// <summary>It is there, and is what the leaf commits to.</summary>
    Whole,
    /// <summary>Its key was erased.</summary>
    Erased,
    /// <summary>A crash came before all of it was written: its client never got an answer.</summary>
    Lost,
    /// <summary>It is not here, and nothing says why.</summary>
    Missing,
    /// <summary>It is not what the leaf commits to.</summary>
    Damaged,
}

/// <summary>
/// Writes decisions down, each in three files at once: the leaf in the log, the sealed bodies, their keys. Each file's
/// writers share its flushes; a decision is recorded when all three have it. A crash may leave a leaf without bodies,
/// or bodies without a leaf, whose number the next decision then takes: only of requests that were never answered.
/// Invariant: after a crash the first opening by a node writes down which decisions it left incomplete, before any
/// other is recorded (<see cref="Accounted"/>). So what is not here otherwise was taken away.
/// A log that is read only is read with all that belongs to it: nothing is written then, but by <see cref="Erase"/>.
/// </summary>
sealed class Recorder : IDisposable
{
    readonly DecisionLog _log;
    readonly SealedBodies _bodies;
    readonly KeyTable _keys;
    readonly ReaderWriterLockSlim _erasing = new();
    readonly string _file;   // of what is accounted for
    readonly long _opened;   // the log's size then: what came later was recorded here
    readonly Accounted _accounted;

    public Recorder(NodeFolder folder, DecisionLog log)
    {
        (_log, _file, _opened) = (log, folder.Accounted(log.Origin), log.Log.Size);
        // A crash takes no file away.
        var (hasBodies, hasTable) = (File.Exists(folder.Bodies(log.Origin)), File.Exists(folder.KeyTable(log.Origin)));
        var before = Accounted.Read(_file);
        _accounted = before ?? Accounted.None(folder.KeyTable(log.Origin), _opened);
        // Before the table is made: that it was not there is known now.
        if (before is null) Account(_accounted);
        _bodies = new SealedBodies(folder.Bodies(log.Origin), log.Origin, log.Access);
        try
        {
            _keys = new KeyTable(folder.KeyTable(log.Origin), log.Access);
            if (hasBodies && hasTable) _keys.NoteLost(LeftByCrash(log.Log));
            _accounted = new Accounted(Math.Min(_accounted.From, _opened), _opened);
            if (_accounted != before) Account(_accounted);
        }
        catch
        {
            _keys?.Dispose();
            _bodies.Dispose();
            throw;
        }
        Unexplained = _keys.Missing(First, _opened);
    }

    void Account(Accounted accounted)
    {
        if (_log.Access != FileAccess.Read) accounted.Write(_file);
    }

    /// <summary>The first decision of which keys that are missing need an explanation.</summary>
    long First => Math.Max(_accounted.From, _log.Log.Floor);

    /// <summary>The decisions at the log's end that a crash left incomplete: keys and bodies are written in the order
    /// of the leaves, so they are those behind the newest key or body.</summary>
    List<long> LeftByCrash(LogReader log)
    {
        var (floor, size) = (log.Floor, log.Size);
        var (keys, bodies) = (_accounted.TailOf(_keys.Newest, floor, size),
            _accounted.TailOf(_bodies.Newest, floor, size));
        var left = new List<long>();
        for (var index = Math.Min(keys, bodies); index < size; index++)
        {
            var decision = Decision.Parse(log.ReadEntry(index));
            if ((index >= keys && _keys.Find(index) is null && !_keys.IsErased(index)) || (index >= bodies
                && SealedBodies.Fields.Any(f => decision.Committed(f) is not null && !_bodies.Has(index, f))))
                left.Add(index);
        }
        return left;
    }

    /// <summary>How many decisions of the log, of those that are accounted for, have no keys here, though nothing says
    /// that they were erased or that a crash took them; as of the opening, or the last erasure.</summary>
    public long Unexplained { get; private set; }

    /// <summary>What became of a decision's keys: <see cref="BodyState.Whole"/> where they are here.</summary>
    public BodyState KeysOf(long index) => _keys.IsErased(index) ? BodyState.Erased
        : _keys.Find(index) is not null ? BodyState.Whole : Gone(index);

    BodyState Gone(long index) => _keys.IsLost(index) ? BodyState.Lost : BodyState.Missing;

    public DecisionLog Log => _log;

    /// <summary>The keys that are here; what changes them is <see cref="Erase"/>.</summary>
    public KeyTable Keys => _keys;

    /// <summary>Records a decision with its bodies; comes back with its index when all of it is durable.</summary>
    /// <param name="decision">
    /// The leaf, but for its commitments. Made when its number is known, so that times are those of the record.
    /// </param>
    /// <param name="bodies">By field (see <see cref="SealedBodies"/>).</param>
    /// <param name="subject">The tag of the person it is about, if the caller gave one.</param>
    /// <exception cref="GatewayException"><see cref="GatewayError.Unrecorded"/></exception>
    public async Task<long> Record(Func<Decision> decision, IReadOnlyList<(string Field, byte[] Body)> bodies,
        string? subject = null)
    {
        var keys = DecisionKeys.Random();
        var committed = bodies.ToDictionary(b => b.Field, b => Commitment.To(b.Field, keys.Salt(b.Field), b.Body),
            StringComparer.Ordinal);
        try
        {
            Task<long> sealed_ = null!, table = null!, leaf;
            _erasing.EnterReadLock();
            try
            {
                leaf = _log.Own.Append(index =>
                {
                    if (!_bodies.TryAdd(index, keys, bodies, out sealed_) || !_keys.TryAdd(index, keys, subject,
                        out table)) throw new LogException(LogError.Busy, "too much is waiting to be written");
                    // No leaf of what can't be kept.
                    if ((sealed_.IsFaulted ? sealed_ : table.IsFaulted ? table : null)?.Exception is { } failed)
                        throw new IOException(failed.InnerException!.Message, failed.InnerException);
                    return (decision() with
                    {
                        Input = committed.GetValueOrDefault(SealedBodies.Input),
                        Output = committed.GetValueOrDefault(SealedBodies.Output),
                        Context = committed.GetValueOrDefault(SealedBodies.Context),
                        Masked = committed.GetValueOrDefault(SealedBodies.Masked),
                    }).Encode();
                });
            }
            finally
            {
                _erasing.ExitReadLock();
            }
            // Durable, and under a signed checkpoint: from here on a receipt of it can be made.
            var index = await leaf;
            await Task.WhenAll(sealed_, table);
            return index;
        }
        catch (Exception e)
            when (e is IOException or LogException or ObjectDisposedException or OperationCanceledException)
        {
            throw new GatewayException(GatewayError.Unrecorded, $"the decision could not be recorded: {e.Message}");
        }
    }

    /// <summary>Opens one body of a decision, and says whether it is the one committed to.</summary>
    public (BodyState State, byte[]? Body) Open(long index, string field) =>
        Open(index, field, Decision.Parse(_log.Log.ReadEntry(index)));

    /// <summary>The same of a leaf that was read.</summary>
    public (BodyState State, byte[]? Body) Open(long index, string field, Decision decision)
    {
        var commitment = decision.Committed(field);
        if (_keys.IsErased(index)) return (BodyState.Erased, null);
        if (commitment is null) return (BodyState.Missing, null);
        if (_keys.Find(index) is not { } keys) return (Gone(index), null);
        try
        {
            if (_bodies.Open(index, field, keys) is not { } body) return (Gone(index), null);
            return Commitment.To(field, keys.Salt(field), body) == commitment
                ? (BodyState.Whole, body)
                : (BodyState.Damaged, null);
        }
        catch (Exception e) when (e is CryptographicException or IOException)
        {
            return (BodyState.Damaged, null);
        }
    }

    /// <summary>Erases what opens some decisions' bodies. The leaves, and every proof over them, stay.</summary>
    public int Erase(IReadOnlySet<long> indices)
    {
        _erasing.EnterWriteLock();
        try
        {
            var explained = indices.Count(i => i >= First && i < _opened && _keys.IsMissing(i));
            var erased = _keys.Erase(indices);
            Unexplained -= explained;
            return erased;
        }
        finally
        {
            _erasing.ExitWriteLock();
        }
    }

    public void Dispose()
    {
        _bodies.Dispose();
        _keys.Dispose();
        _erasing.Dispose();
        // Keys and bodies were handed over before their leaf, so those of each leaf that is there are on the disk.
        if (_bodies.HasFailed || _keys.HasFailed) return;
        try
        {
            Account(_accounted with { To = _log.Log.Size });
        }
        // The next opening looks at what was recorded since this one, as after a crash.
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }
}
