using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Stele.Disk;
using Stele.Proof.Decisions;

namespace Stele.Gateway;

/// <summary>What opens the bodies of one decision, and what proves that they are the ones committed to.</summary>
sealed record DecisionKeys(byte[] Key, byte[] InputSalt, byte[] OutputSalt)
{
    public const int KeyBytes = 32, Size = KeyBytes + 2 * Commitment.SaltBytes;

    /// <summary>
    /// What finds a decision by the tag of the person it is about, for those who have its key and the tag.
    /// </summary>
    public byte[] SubjectMark(string tag) =>
        HMACSHA256.HashData(Key, Encoding.UTF8.GetBytes("stele.dev/subject/v1\n" + tag));

    /// <summary>
    /// The salt of a field's commitment. Those beyond input and output are derived from the key: they go with it.
    /// </summary>
    public byte[] Salt(string field) => field switch
    {
        SealedBodies.Input => InputSalt,
        SealedBodies.Output => OutputSalt,
        _ => HMACSHA256.HashData(Key, Encoding.UTF8.GetBytes($"stele.dev/salt/{field}/v1")),
    };

    public static DecisionKeys Random() =>
        new(RandomNumberGenerator.GetBytes(KeyBytes), RandomNumberGenerator.GetBytes(Commitment.SaltBytes),
            RandomNumberGenerator.GetBytes(Commitment.SaltBytes));
}

/// <summary>
/// The keys and salts of one decision log, in a file of its own: a journal of records 1: <c>u64 index, 32 bytes key, 32
/// bytes salt of the input, 32 bytes salt of the output</c>, 2: <c>u64 index</c> of a decision whose keys were erased,
/// 3, for some of the first: <c>u64 index, 32 bytes</c> that tell whom the decision is about, to who knows the tag
/// (<see cref="DecisionKeys.SubjectMark"/>), and 4: <c>u64 index</c> of a decision of which a crash left the leaf, and
/// not all of keys and bodies; its client got no answer. Erasing writes the file again without keys and marks: what
/// they opened is then noise, what they committed to can't be guessed at, and every proof still stands.
/// Where a crash left two records of an index, the later one counts.
/// </summary>
sealed class KeyTable : IDisposable
{
    const byte Record = 1, Tombstone = 2, Subject = 3, Lost = 4;

    readonly string _path;
    readonly FileAccess _access;
    readonly object _gate = new();        // what Take changes; the journal's writer needs it
    readonly object _rewriting = new();   // held by readers of the journal, and while it is replaced
    readonly SortedDictionary<long, long> _addresses = [];
    readonly HashSet<long> _erased = [], _lost = [];
    long _newest = -1;
    Journal _journal;

    /// <param name="access">To read: nothing is added, and the file changes by <see cref="Erase"/> alone.</param>
    public KeyTable(string path, FileAccess access = FileAccess.ReadWrite)
    {
        (_path, _access) = (path, access);
        _journal = Open();
    }

    Journal Open() => Journal.Open(_path, Take, Readers.Owner, access: _access);

    /// <summary>Whether an error ended the writing: what was added may not be there.</summary>
    public bool HasFailed => _journal.Failure is not null;

    /// <summary>The newest decision that the table knows anything of; -1: none.</summary>
    public long Newest
    {
        get { lock (_gate) return _newest; }
    }

    public bool TryAdd(long index, DecisionKeys keys, out Task<long> durable) => TryAdd(index, keys, null, out durable);

    /// <param name="subject">The tag of the person it is about; it is not kept as it is.</param>
    public bool TryAdd(long index, DecisionKeys keys, string? subject, out Task<long> durable)
    {
        var record = new byte[8 + DecisionKeys.Size];
        BinaryPrimitives.WriteInt64BigEndian(record, index);
        keys.Key.CopyTo(record, 8);
        keys.InputSalt.CopyTo(record, 8 + DecisionKeys.KeyBytes);
        keys.OutputSalt.CopyTo(record, 8 + DecisionKeys.KeyBytes + Commitment.SaltBytes);
        return subject is null
            ? _journal.TryAppend(Record, record, out durable)
            : _journal.TryAppend([(Record, record),
                (Subject, (byte[])[.. Number(index), .. keys.SubjectMark(subject)])], out durable);
    }

    /// <summary>Null when there are none, or none any more.</summary>
    public DecisionKeys? Find(long index)
    {
        lock (_rewriting)
        {
            long address;
            lock (_gate) if (!_addresses.TryGetValue(index, out address)) return null;
            return Keys(_journal.Read(address));
        }
    }

    /// <summary>The decisions that have keys here, in order.</summary>
    public long[] Indices
    {
        get { lock (_gate) return [.. _addresses.Keys]; }
    }

    /// <summary>
    /// The decisions about the person of this tag, as far as their keys are here. Reads the whole table.
    /// </summary>
    public long[] About(string tag)
    {
        lock (_rewriting)
        {
            var (keys, marks) = (new Dictionary<long, DecisionKeys>(), new List<(long Index, byte[] Mark)>());
            Journal.Scan(_path, records =>
            {
                foreach (var record in records)
                    if (record.Kind == Record) keys[IndexOf(record)] = Keys(record.Bytes.Span);
                    else if (record.Kind == Subject) marks.Add((IndexOf(record), record.Bytes[8..].ToArray()));
            });
            return [
                .. marks.Where(m => keys.TryGetValue(m.Index, out var k)
                    && CryptographicOperations.FixedTimeEquals(k.SubjectMark(tag), m.Mark)).Select(m => m.Index)
                    .Distinct().Order()];
        }
    }

    static DecisionKeys Keys(ReadOnlySpan<byte> bytes)
    {
        var record = bytes[8..];
        return new(record[..DecisionKeys.KeyBytes].ToArray(), record.Slice(DecisionKeys.KeyBytes, Commitment.SaltBytes)
            .ToArray(), record.Slice(DecisionKeys.KeyBytes + Commitment.SaltBytes, Commitment.SaltBytes).ToArray());
    }

    /// <summary>Reads a table to its end, opening it for nobody: the keys that are there, the decisions whose keys were
    /// erased, and those that a crash left incomplete.</summary>
    public static JournalEnd Scan(string path, Dictionary<long, DecisionKeys> keys, HashSet<long> erased,
        HashSet<long> lost) => Journal.Scan(path, records =>
    {
        foreach (var record in records)
            if (record.Kind == Record) keys[IndexOf(record)] = Keys(record.Bytes.Span);
            else if (record.Kind == Tombstone) erased.Add(IndexOf(record));
            else if (record.Kind == Lost) lost.Add(IndexOf(record));
    });

    public bool IsErased(long index)
    {
        lock (_gate) return _erased.Contains(index);
    }

    /// <summary>Whether a crash left the decision without its keys, or without a body.</summary>
    public bool IsLost(long index)
    {
        lock (_gate) return _lost.Contains(index);
    }

    /// <summary>How many decisions of a range are missing, as <see cref="IsMissing"/> says it of one. Looks at all that
    /// is known: for an opening, which has just read it.</summary>
    public long Missing(long from, long to)
    {
        lock (_gate)
        {
            var known = 0L;
            foreach (var index in _addresses.Keys) if (index >= from && index < to) known++;
            foreach (var index in _erased.Union(_lost))
                if (index >= from && index < to && !_addresses.ContainsKey(index)) known++;
            return Math.Max(0, to - from) - known;
        }
    }

    /// <summary>Whether a decision has no keys here, though it was neither erased nor lost in a crash.</summary>
    public bool IsMissing(long index)
    {
        lock (_gate) return !_addresses.ContainsKey(index) && !_erased.Contains(index) && !_lost.Contains(index);
    }

    /// <summary>Writes down, durably, which decisions a crash left incomplete. Where the table is read alone, it is
    /// known here and not written.</summary>
    public void NoteLost(IReadOnlyList<long> indices)
    {
        if (indices.Count == 0) return;
        if (_access == FileAccess.Read)
        {
            lock (_gate) _lost.UnionWith(indices);
            return;
        }
        if (!_journal.TryAppend([.. indices.Select(i => (Lost, (ReadOnlyMemory<byte>)Number(i)))], out var durable))
            throw new IOException($"{_path}: too much waits to be written");
        durable.GetAwaiter().GetResult();
    }

    static byte[] Number(long index)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, index);
        return bytes;
    }

    /// <summary>
    /// Erases the keys of some decisions, durably, and notes each as erased, whether its keys were here or not.
    /// Nothing may be added meanwhile: the caller sees to that. What was added before, and is still being written, is
    /// kept.
    /// </summary>
    /// <returns>How many had keys.</returns>
    public int Erase(IReadOnlySet<long> indices)
    {
        lock (_rewriting)
        {
            _journal.Dispose();   // writes what waits; not under the gate, which that takes
            try
            {
                foreach (var leftover in Files.LeftBeside(_path)) Files.Delete(leftover);
                var (kept, marks) = (new SortedDictionary<long, byte[]>(), new SortedDictionary<long, byte[]>());
                var (erased, lost) = (new SortedSet<long>(), new SortedSet<long>());
                Journal.Scan(_path, records =>
                {
                    foreach (var record in records)
                        if (record.Kind == Record)
                        {
                            kept[IndexOf(record)] = record.Bytes.ToArray();
                            marks.Remove(IndexOf(record));   // that of a decision which a crash left without a leaf
                        }
                        else if (record.Kind == Subject) marks[IndexOf(record)] = record.Bytes.ToArray();
                        else if (record.Kind == Tombstone) erased.Add(IndexOf(record));
                        else lost.Add(IndexOf(record));
                });
                if (indices.All(erased.Contains)) return 0;
                var gone = kept.Keys.Where(indices.Contains).ToArray();
                erased.UnionWith(indices);
                lost.ExceptWith(indices);
                foreach (var index in gone)
                {
                    kept.Remove(index);
                    marks.Remove(index);
                }
                // Where it was taken away there is nothing to overwrite: what is written says what was erased.
                using var old = File.Exists(_path) ? new Scrub(_path) : null;
                Journal.Replace(_path, [.. kept.Values.Select(k => (Record, k)),
                    .. marks.Values.Select(m => (Subject, m)), .. erased.Select(i => (Tombstone, Number(i))),
                    .. lost.Select(i => (Lost, Number(i)))], Readers.Owner);
                old?.Overwrite();
                return gone.Length;
            }
            finally
            {
                lock (_gate)
                {
                    _addresses.Clear();
                    if (_access != FileAccess.Read) _lost.Clear();
                }
                _journal = Open();
            }
        }
    }

    static long IndexOf(JournalRecord record) => BinaryPrimitives.ReadInt64BigEndian(record.Bytes.Span);

    void Take(ReadOnlySpan<JournalRecord> records)
    {
        lock (_gate)
            foreach (var record in records)
            {
                _newest = Math.Max(_newest, IndexOf(record));
                if (record.Kind == Record) _addresses[IndexOf(record)] = record.Address;
                else if (record.Kind == Tombstone) _erased.Add(IndexOf(record));
                else if (record.Kind == Lost) _lost.Add(IndexOf(record));
            }
    }

    public void Dispose() => _journal.Dispose();
}
