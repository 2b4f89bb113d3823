using System.Collections.Immutable;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// A witness: remembers, for each log that it knows, the largest tree that it has seen, and signs only what extends that (C2SP tlog-witness). Whoever trusts it need not trust
/// the log not to show different people different histories.
/// <code>
/// folder/
///   key                      Ed25519, type 04: signs cosignatures                                  0600
///   lock.lock                held while a process witnesses from here
///   logs/[hex]/checkpoint    what was cosigned last, with the log's and our signatures; [hex] is the SHA-256 of the origin
///   logs/[hex]/fork-[hex]    evidence: a checkpoint that the log signed as well and that does not go with the other
/// </code>
/// Invariant: a cosignature leaves this class only after its checkpoint is durable in <c>checkpoint</c>, and what replaces it there was proved to extend it; so no two checkpoints that it
/// ever signed for one log contradict each other, whenever the process dies. Losing the folder, or putting an old copy back, breaks that: a witness that lost its memory needs a new name and key.
/// </summary>
sealed class Witness : IDisposable
{
    /// <summary>So many pieces of evidence a log; the first ones convict it as well as any.</summary>
    const int MaxEvidence = 16;

    readonly string _folder;
    readonly TimeProvider _time;
    readonly SafeFileHandle _lock;
    readonly NoteSigner _signer;
    readonly ImmutableSortedDictionary<string, Known> _logs;

    /// <summary>One log that is known here. Its own lock makes checking and storing one act.</summary>
    sealed class Known(string folder, ImmutableArray<VerifierKey> keys)
    {
        public readonly string Folder = folder;
        public readonly ImmutableArray<VerifierKey> Keys = keys;
        public readonly Lock Gate = new();
        public Checkpoint? Last;
        public string? Note;

        public string File => Path.Combine(Folder, "checkpoint");
    }

    Witness(string folder, SafeFileHandle held, NoteSigner signer, ImmutableSortedDictionary<string, Known> logs, TimeProvider time) =>
        (_folder, _lock, _signer, _logs, _time) = (folder, held, signer, logs, time);

    static string KeyFile(string folder) => Path.Combine(folder, "key");

    /// <summary>Whether a witness was made in this folder.</summary>
    public static bool IsMade(string folder) => File.Exists(KeyFile(folder));

    /// <summary>Opens a witness; makes it, with a new key, where there is none.</summary>
    /// <param name="name">The witness's name in cosignatures; needed to make one, and must be its own afterwards.</param>
    /// <param name="logs">The keys of the logs that are witnessed; a key's name is its log's origin, and a log may have several.</param>
    /// <exception cref="IOException">In use by another process, damaged, or no key and no name.</exception>
    /// <exception cref="FormatException">A name that no note carries.</exception>
    public static Witness Open(string folder, string? name, IEnumerable<VerifierKey> logs, TimeProvider time)
    {
        Files.CreateDirectory(folder, secret: true);
        var held = JournalFile.Lock(Path.Combine(folder, "lock"));
        NoteSigner? signer = null;
        try
        {
            Files.Sweep(folder);
            signer = IsMade(folder) ? NoteSigner.Open(KeyFile(folder))
                : NoteSigner.Create(KeyFile(folder), name ?? throw new IOException($"there is no witness in {folder} yet, and no name to make one"), NoteKeyType.Cosignature);
            if (!signer.Key.IsCosigner) throw new IOException($"{KeyFile(folder)} is a log's key; a witness has one of its own");
            if (name is not null && name != signer.Key.Name) throw new IOException($"the witness in {folder} is {signer.Key.Name}, not {name}");
            var known = logs.GroupBy(k => k.Name, StringComparer.Ordinal).ToImmutableSortedDictionary(g => g.Key, g => Remember(folder, [.. g], signer.Key), StringComparer.Ordinal);
            return new Witness(folder, held, signer, known, time);
        }
        catch
        {
            signer?.Dispose();
            held.Dispose();
            throw;
        }
    }

    /// <summary>The key that its cosignatures are verified with.</summary>
    public IReadOnlyList<VerifierKey> Keys => [_signer.Key];

    public IEnumerable<string> Origins => _logs.Keys;

    static string Hex(string origin) => Digest.Of(Encoding.UTF8.GetBytes(origin)).Hex;

    /// <summary>What was cosigned last. A record that can't be read is never taken for none: the witness would sign a second history.</summary>
    static Known Remember(string folder, ImmutableArray<VerifierKey> keys, VerifierKey own)
    {
        var known = new Known(Path.Combine(folder, "logs", Hex(keys[0].Name)), keys);
        if (!File.Exists(known.File)) return known;
        try
        {
            var text = File.ReadAllText(known.File);
            var note = Note.Parse(text);
            if (note.Verify([own], out _) != NoteTrust.Verified) throw new FormatException("it does not carry this witness's own signature");
            var last = Checkpoint.Parse(note.Text);
            if (last.Origin != keys[0].Name) throw new FormatException($"it is of the log {last.Origin}");
            (known.Last, known.Note) = (last, text);
            return known;
        }
        catch (FormatException e)
        {
            throw new IOException($"{known.File}, the record of what was cosigned for {keys[0].Name}, is damaged: {e.Message}. Put back the newest copy; without it this witness must not sign for that log again", e);
        }
    }

    /// <summary>
    /// Steps, each with its own refusal: 1 the request is one; 2 the log is known; 3 its signature is good; 4 the old size is not larger than the new; 5 the old size is what was cosigned last;
    /// 6 the proof leads from there to here; 7 the checkpoint is recorded, durably; 8 the cosignature goes out.
    /// </summary>
    public WitnessAnswer AddCheckpoint(ReadOnlySpan<byte> body)
    {
        // 1.
        WitnessRequest request;
        try
        {
            request = WitnessRequest.Parse(body);
        }
        catch (SignatureLineException e)
        {
            // All but a signature could be read: whatever it is, it is none by a key that is known for that log.
            return _logs.ContainsKey(e.Origin) ? new WitnessAnswer.Refused(WitnessRefusal.BadSignature, $"invalid signature: {e.Message}") : UnknownLog();
        }
        catch (FormatException e)
        {
            return new WitnessAnswer.Refused(WitnessRefusal.Malformed, e.Message);
        }
        // 2.
        var origin = request.Note.Text.Split('\n', 2)[0];
        if (!_logs.TryGetValue(origin, out var log)) return UnknownLog();
        // 3.
        switch (request.Note.Verify(log.Keys, out var signed))
        {
            case NoteTrust.NoKnownKey: return new WitnessAnswer.Refused(WitnessRefusal.NotSigned, "no signature by a key that is known for this log");
            case NoteTrust.BadSignature: return new WitnessAnswer.Refused(WitnessRefusal.BadSignature, "invalid signature: a line names a key of this log and does not verify");
        }
        Checkpoint checkpoint;
        try
        {
            if (IsFalselyEmpty(request.Note.Text)) return new WitnessAnswer.Refused(WitnessRefusal.NotEmpty, "a checkpoint of size 0 has the root of the empty tree");
            checkpoint = Checkpoint.Parse(request.Note.Text);
        }
        catch (FormatException e)
        {
            return new WitnessAnswer.Refused(WitnessRefusal.Malformed, e.Message);
        }
        // 4.
        if (request.Old > checkpoint.Size) return new WitnessAnswer.Refused(WitnessRefusal.OldIsLarger, "the old size is larger than the checkpoint's");

        lock (log.Gate)
        {
            // 5.
            var before = log.Last?.Size ?? 0;
            if (request.Old != before) return new WitnessAnswer.Refused(WitnessRefusal.OtherSize, "", before);
            // 6.
            if (log.Last is { Size: > 0 } last && checkpoint.Size == last.Size && checkpoint.Root != last.Root)
            {
                Keep(log, request.Note);
                return new WitnessAnswer.Refused(WitnessRefusal.Fork, "the log signed another tree of this size before: this is a fork");
            }
            var consistent = before == 0 ? request.Proof.IsEmpty : Proofs.VerifyConsistency(before, checkpoint.Size, log.Last!.Root, checkpoint.Root, request.Proof.AsSpan());
            if (!consistent)
            {
                if (before > 0) Keep(log, request.Note);
                return new WitnessAnswer.Refused(WitnessRefusal.Inconsistent, "the consistency proof does not lead from what was cosigned last to this checkpoint");
            }
            // 7.
            var line = _signer.Cosign(request.Note, _time.GetUtcNow().ToUnixTimeSeconds());
            NoteSignature[] kept = [.. request.Note.Signatures.Where(s => signed.Any(v => v.Key.IsNamedBy(s))), line];
            var note = new Note(request.Note.Text, kept).ToString();
            Files.CreateDirectory(log.Folder);
            Files.Write(log.File, note);
            // From here on the witness is bound to this checkpoint, whether its answer arrives or not.
            (log.Last, log.Note) = (checkpoint, note);
            // 8.
            return new WitnessAnswer.Cosigned(line.ToString());
        }
    }

    static WitnessAnswer.Refused UnknownLog() => new(WitnessRefusal.UnknownLog, "unknown log: no log of that origin is witnessed here");

    /// <summary>The newest checkpoint that was cosigned for the log whose origin has this SHA-256, with the log's signature and ours; null: none was.</summary>
    public string? Latest(string hex)
    {
        foreach (var (origin, log) in _logs)
            if (Hex(origin) == hex)
                lock (log.Gate) return log.Note;
        return null;
    }

    /// <summary>What is kept of forks: the origin of each log that signed a checkpoint which does not go with what was cosigned before, and the file.</summary>
    public IEnumerable<(string Origin, string File)> Evidence =>
        from log in _logs where Directory.Exists(log.Value.Folder) from file in Directory.EnumerateFiles(log.Value.Folder, "fork-*").Order(StringComparer.Ordinal) select (log.Key, file);

    static bool IsFalselyEmpty(string text) =>
        text.Split('\n') is [_, "0", var root, ..] && Base64.TryDecode(root, out var hash) && hash.Length == Digest.Size && Digest.From(hash) != Merkle.EmptyRoot;

    /// <summary>The log signed it: whoever has both can judge. A proof that was merely wrong leaves a harmless piece here; a second tree of one size convicts.</summary>
    static void Keep(Known log, Note note)
    {
        var file = Path.Combine(log.Folder, "fork-" + Digest.Of(Encoding.UTF8.GetBytes(note.Text)).Hex[..16]);
        if (File.Exists(file) || Directory.EnumerateFiles(log.Folder, "fork-*").Take(MaxEvidence).Count() == MaxEvidence) return;
        Files.Write(file, note.ToString());
    }

    public void Dispose()
    {
        _signer.Dispose();
        _lock.Dispose();
    }
}
