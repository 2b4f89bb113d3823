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
    /// <summary>A crash came between the leaf and the body: its client never got an answer.</summary>
    Missing,
    /// <summary>It is not what the leaf commits to.</summary>
    Damaged,
}

/// <summary>
/// Writes decisions down, each in three files at once: the leaf in the log, the sealed bodies, their keys. Each file's writers share its flushes; a decision is recorded when all three have it.
/// A crash may leave a leaf without bodies, or bodies without a leaf, whose number the next decision then takes: only of requests that were never answered.
/// </summary>
sealed class Recorder : IDisposable
{
    readonly DecisionLog _log;
    readonly SealedBodies _bodies;
    readonly KeyTable _keys;
    readonly ReaderWriterLockSlim _erasing = new();

    public Recorder(NodeFolder folder, DecisionLog log)
    {
        _log = log;
        _bodies = new SealedBodies(folder.Bodies(log.Origin), log.Origin);
        _keys = new KeyTable(folder.KeyTable(log.Origin));
    }

    public DecisionLog Log => _log;

    /// <summary>The keys that are here; what changes them is <see cref="Erase"/>.</summary>
    public KeyTable Keys => _keys;

    /// <summary>Records a decision with its bodies; comes back with its index when all of it is durable.</summary>
    /// <param name="decision">The leaf, but for its commitments. Made when its number is known, so that times are those of the record.</param>
    /// <param name="bodies">By field (see <see cref="SealedBodies"/>).</param>
    /// <param name="subject">The tag of the person it is about, if the caller gave one.</param>
    /// <exception cref="GatewayException"><see cref="GatewayError.Unrecorded"/></exception>
    public async Task<long> Record(Func<Decision> decision, IReadOnlyList<(string Field, byte[] Body)> bodies, string? subject = null)
    {
        var keys = DecisionKeys.Random();
        var committed = bodies.ToDictionary(b => b.Field, b => Commitment.To(b.Field, keys.Salt(b.Field), b.Body), StringComparer.Ordinal);
        try
        {
            Task<long> sealed_ = null!, table = null!, leaf;
            _erasing.EnterReadLock();
            try
            {
                leaf = _log.Log.Append(index =>
                {
                    if (!_bodies.TryAdd(index, keys, bodies, out sealed_) || !_keys.TryAdd(index, keys, subject, out table)) throw new LogException(LogError.Busy, "too much is waiting to be written");
                    return (decision() with
                    {
                        Input = committed.GetValueOrDefault(SealedBodies.Input), Output = committed.GetValueOrDefault(SealedBodies.Output),
                        Context = committed.GetValueOrDefault(SealedBodies.Context), Masked = committed.GetValueOrDefault(SealedBodies.Masked),
                    }).Encode();
                });
            }
            finally
            {
                _erasing.ExitReadLock();
            }
            var index = await leaf;
            await Task.WhenAll(sealed_, table);
            return index;
        }
        catch (Exception e) when (e is IOException or LogException or ObjectDisposedException or OperationCanceledException)
        {
            throw new GatewayException(GatewayError.Unrecorded, $"the decision could not be recorded: {e.Message}");
        }
    }

    /// <summary>Opens one body of a decision, and says whether it is the one committed to.</summary>
    public (BodyState State, byte[]? Body) Open(long index, string field) => Open(index, field, Decision.Parse(_log.Log.ReadEntry(index)));

    /// <summary>The same of a leaf that was read.</summary>
    public (BodyState State, byte[]? Body) Open(long index, string field, Decision decision)
    {
        var commitment = decision.Committed(field);
        if (_keys.IsErased(index)) return (BodyState.Erased, null);
        if (commitment is null || _keys.Find(index) is not { } keys) return (BodyState.Missing, null);
        try
        {
            if (_bodies.Open(index, field, keys) is not { } body) return (BodyState.Missing, null);
            return Commitment.To(field, keys.Salt(field), body) == commitment ? (BodyState.Whole, body) : (BodyState.Damaged, null);
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
            return _keys.Erase(indices);
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
    }
}
