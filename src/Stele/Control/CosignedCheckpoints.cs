using System.Collections.Immutable;
using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;

namespace Stele.Control;

/// <summary>
/// What others have signed of this ledger's checkpoints, and what of that is published: the newest checkpoint that a
/// quorum stands behind, with all cosignatures that came for it, durable in one file. Without a policy everything that
/// the log signs is published, with whatever cosignatures there are.
/// Invariant: what is published never gets smaller, also across a restart.
/// </summary>
sealed class CosignedCheckpoints
{
    /// <summary>So many sizes wait for their quorum; older ones will not get it any more.</summary>
    const int Waiting = 64;

    readonly Log _log;
    readonly Func<Note, bool>? _quorum;
    readonly string _file;
    readonly Lock _gate = new();
    readonly SortedDictionary<long, Note> _notes = [];
    volatile string? _published;
    long _publishedSize = -1;

    /// <param name="quorum">
    /// Whether a note has the cosignatures that the policy asks for; null: there is no policy.
    /// </param>
    /// <exception cref="LogException">
    /// The log is not the one that others have cosigned, or has lost entries since.
    /// </exception>
    public CosignedCheckpoints(Log log, Func<Note, bool>? quorum, string file)
    {
        (_log, _quorum, _file) = (log, quorum, file);
        if (!File.Exists(file)) return;
        var text = File.ReadAllText(file);
        if (!Checkpoint.TryOpen(text, log.Key, out var checkpoint, out var error))
            throw new LogException(LogError.WrongLog, $"{file}: {error}");
        if (checkpoint.Size > log.Size)
            throw new LogException(LogError.Truncated,
                $"{file}: others have cosigned {checkpoint.Size} entries and the ledger holds {log.Size}: entries "
                + $"were lost, or an old copy was put back");
        if (log.RootAt(checkpoint.Size) != checkpoint.Root)
            throw new LogException(LogError.Forked,
                $"{file}: the ledger's first {checkpoint.Size} entries are not those that others have cosigned");
        var note = Note.Parse(text);
        _notes[checkpoint.Size] = note;
        // also under another policy than the one it met: nothing smaller takes its place
        _publishedSize = checkpoint.Size;
        if (_quorum is not null && _quorum(note)) Publish(checkpoint.Size, note);
    }

    /// <summary>
    /// What the world is shown: the newest checkpoint with a quorum; null while a policy wants one and none was
    /// reached.
    /// </summary>
    public string? Published => _quorum is null ? Newest : _published;

    /// <summary>The newest signed checkpoint, with the cosignatures that there are.</summary>
    public string Newest
    {
        get
        {
            var text = _log.Checkpoint;
            var note = Note.Parse(text);
            lock (_gate)
                return _notes.TryGetValue(Checkpoint.Parse(note.Text).Size, out var with) && with.Text == note.Text
                    ? with.ToString()
                    : text;
        }
    }

    /// <summary>
    /// Takes a cosignature that was verified. The checkpoint must be this log's own; another is refused, and says so.
    /// </summary>
    /// <param name="note">As the log signed it.</param>
    public bool Add(string note, Cosignature cosignature)
    {
        if (!Checkpoint.TryOpen(note, _log.Key, out var checkpoint, out _) || checkpoint.Size > _log.Size
            || _log.RootAt(checkpoint.Size) != checkpoint.Root) return false;
        lock (_gate)
        {
            var size = checkpoint.Size;
            if (size < _publishedSize) return true;   // good, and of no use any more
            var signed = Note.Parse(note);
            if (!_notes.TryGetValue(size, out var known))
                known = new Note(signed.Text, [.. signed.Signatures.Where(s => _log.Key.IsNamedBy(s)).Take(1)]);
            if (known.Signatures.Length == Note.MaxSignatures) return false;
            // One line a key, the newest.
            _notes[size] = known = new Note(known.Text,
                [.. known.Signatures.Where(s => !cosignature.Key.IsNamedBy(s)), cosignature.Line]);
            while (_notes.Count > Waiting) _notes.Remove(_notes.Keys.First());
            if (_quorum is null || _quorum(known)) Publish(size, known);
            return true;
        }
    }

    void Publish(long size, Note note)
    {
        var text = note.ToString();
        Files.Write(_file, text);
        // From here on the world may see it.
        (_publishedSize, _published) = (size, text);
        foreach (var older in _notes.Keys.Where(k => k < size).ToList()) _notes.Remove(older);
        if (_quorum is not null) _log.Cosignatures.Take(text);
    }
}
