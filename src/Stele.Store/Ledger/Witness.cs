using System.Collections.Immutable;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// A witness: remembers, for each log that it knows, the largest tree that it has seen, and signs only what extends
/// that (C2SP tlog-witness). Those who trust it need not trust the log not to show different people different
/// histories.
/// <code>
/// folder/
///   key                      Ed25519, type 04: signs cosignatures                                  0600
///   key.ml-dsa-44            ML-DSA-44, type 06: the same, where this platform has it              0600
///   lock.lock                held while a process witnesses from here
///   logs/[hex]/checkpoint    what was cosigned last, with the log's and our signatures; [hex] is the SHA-256 of the origin
///   logs/[hex]/fork-[hex]    evidence: another tree of a size that was cosigned, signed by the log as well
///   logs/[hex]/unproven-[hex]  a checkpoint that the log signed and that came without a good proof: of a fork, or only of its sender
/// </code>
/// Invariant: a cosignature leaves this class only after its checkpoint is durable in <c>checkpoint</c>, and what
/// replaces it there was proved to extend it; so no two checkpoints that it ever signed for one log contradict each
/// other, whenever the process dies. Losing the folder, or putting an old copy back, breaks that: a witness that lost
/// its memory needs a new name and key.
/// </summary>
sealed class Witness : IDisposable
{
    /// <summary>
    /// So many pieces of each kind a log; the first ones convict it as well as any. Anyone can bring an honest
    /// checkpoint with a bad proof, so those take no room from what convicts.
    /// </summary>
    const int MaxEvidence = 16;

    const string Fork = "fork-", Unproven = "unproven-";

    /// <summary>
    /// So many seconds the same checkpoint gets the same cosignature again: anyone can ask, and each new one costs a
    /// signature a key and a sync.
    /// </summary>
    const long FreshSeconds = 10;

    readonly string _folder;
    readonly TimeProvider _time;
    readonly SafeFileHandle _lock;
    readonly ImmutableArray<NoteSigner> _signers;
    readonly ImmutableSortedDictionary<string, Known> _logs;

    /// <summary>One log that is known here. Its own lock makes checking and storing one act.</summary>
    sealed class Known(string folder, ImmutableArray<VerifierKey> keys)
    {
        public readonly string Folder = folder;
        public readonly ImmutableArray<VerifierKey> Keys = keys;
        public readonly Lock Gate = new();
        public Checkpoint? Last;
        public string? Note;

        /// <summary>
        /// What this process cosigned last, and when, in POSIX seconds; they stand in <see cref="Note"/>.
        /// </summary>
        public (string Lines, long Time)? Answer;

        public string File => Path.Combine(Folder, "checkpoint");
    }

    Witness(string folder, SafeFileHandle held, ImmutableArray<NoteSigner> signers,
        ImmutableSortedDictionary<string, Known> logs, TimeProvider time) =>
        (_folder, _lock, _signers, _logs, _time) = (folder, held, signers, logs, time);

    static string KeyFile(string folder) => Path.Combine(folder, "key");

    /// <summary>Whether a witness was made in this folder.</summary>
    public static bool IsMade(string folder) => File.Exists(KeyFile(folder));

    /// <summary>Opens a witness; makes it, with a new key, where there is none.</summary>
    /// <param name="name">
    /// The witness's name in cosignatures; needed to make one, and must be its own afterwards.
    /// </param>
    /// <param name="logs">
    /// The keys of the logs that are witnessed; a key's name is its log's origin, and a log may have several.
    /// </param>
    /// <exception cref="IOException">In use by another process, damaged, or no key and no name.</exception>
    /// <exception cref="FormatException">A name that no note carries.</exception>
    public static Witness Open(string folder, string? name, IEnumerable<VerifierKey> logs, TimeProvider time)
    {
        Files.CreateDirectory(folder, Readers.Owner);
        var held = JournalFile.Lock(Path.Combine(folder, "lock"));
        var signers = new List<NoteSigner>();
        try
        {
            Files.Sweep(folder);
            var signer = IsMade(folder) ? NoteSigner.Open(KeyFile(folder))
                : NoteSigner.Create(KeyFile(folder),
                    name ?? throw new IOException($"there is no witness in {folder} yet, and no name to make one"),
                    NoteKeyType.Cosignature);
            signers.Add(signer);
            if (name is not null && name != signer.Key.Name)
                throw new IOException($"the witness in {folder} is {signer.Key.Name}, not {name}");
            var second = KeyFile(folder) + ".ml-dsa-44";
            if (MlDsa44Key.IsSupported)
                signers.Add(File.Exists(second)
                    ? NoteSigner.Open(second)
                    : NoteSigner.Create(second, signer.Key.Name, NoteKeyType.SubtreeCosignature));
            if (!signers.All(s => s.Key.IsCosigner && s.Key.Name == signer.Key.Name))
                throw new IOException($"the keys in {folder} are not those of one witness");
            var known = logs.GroupBy(k => k.Name, StringComparer.Ordinal).ToImmutableSortedDictionary(g => g.Key,
                g => Remember(folder, [.. g], [.. signers.Select(s => s.Key)]), StringComparer.Ordinal);
            return new Witness(folder, held, [.. signers], known, time);
        }
        catch
        {
            foreach (var signer in signers) signer.Dispose();
            held.Dispose();
            throw;
        }
    }

    /// <summary>The keys that its cosignatures are verified with, Ed25519 first; all have its name.</summary>
    public IReadOnlyList<VerifierKey> Keys => [.. _signers.Select(s => s.Key)];

    public IEnumerable<string> Origins => _logs.Keys;

    static string Hex(string origin) => Digest.Of(Encoding.UTF8.GetBytes(origin)).Hex;

    /// <summary>
    /// What was cosigned last. A record that can't be read is never taken for none: the witness would sign a second
    /// history.
    /// </summary>
    static Known Remember(string folder, ImmutableArray<VerifierKey> keys, VerifierKey[] own)
    {
        var known = new Known(Path.Combine(folder, "logs", Hex(keys[0].Name)), keys);
        if (!File.Exists(known.File)) return known;
        try
        {
            var text = File.ReadAllText(known.File);
            var note = Note.Parse(text);
            if (note.Verify(own, out _) != NoteTrust.Verified)
                throw new FormatException("it does not carry this witness's own signature");
            var last = Checkpoint.Parse(note.Text);
            if (last.Origin != keys[0].Name) throw new FormatException($"it is of the log {last.Origin}");
            (known.Last, known.Note) = (last, text);
            return known;
        }
        catch (FormatException e)
        {
            throw new IOException(
                $"{known.File}, the record of what was cosigned for {keys[0].Name}, is damaged: {e.Message}. Put "
                + $"back the newest copy; without it this witness must not sign for that log again", e);
        }
    }

    /// <summary>
    /// Steps, each with its own refusal: 1 the request is one; 2 the log is known; 3 its signature is good; 4 the old
    /// size is not larger than the new; 5 the old size is what was cosigned last; 6 the proof leads from there to here;
    /// 7 the checkpoint is recorded, durably; 8 the cosignature goes out.
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
            return _logs.ContainsKey(e.Origin) ? new WitnessAnswer.Refused(WitnessRefusal.BadSignature,
                $"invalid signature: {e.Message}") : UnknownLog();
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
            case NoteTrust.NoKnownKey:
                return new WitnessAnswer.Refused(WitnessRefusal.NotSigned,
                    "no signature by a key that is known for this log");
            case NoteTrust.BadSignature:
                return new WitnessAnswer.Refused(WitnessRefusal.BadSignature,
                    "invalid signature: a line names a key of this log and does not verify");
        }
        Checkpoint checkpoint;
        try
        {
            if (IsFalselyEmpty(request.Note.Text))
                return new WitnessAnswer.Refused(WitnessRefusal.NotEmpty,
                    "a checkpoint of size 0 has the root of the empty tree");
            checkpoint = Checkpoint.Parse(request.Note.Text);
        }
        catch (FormatException e)
        {
            return new WitnessAnswer.Refused(WitnessRefusal.Malformed, e.Message);
        }
        // 4.
        if (request.Old > checkpoint.Size)
            return new WitnessAnswer.Refused(WitnessRefusal.OldIsLarger,
                "the old size is larger than the checkpoint's");

        lock (log.Gate)
        {
            // 5.
            var before = log.Last?.Size ?? 0;
            if (request.Old != before) return new WitnessAnswer.Refused(WitnessRefusal.OtherSize, "", before);
            // 6.
            if (log.Last is { Size: > 0 } last && checkpoint.Size == last.Size && checkpoint.Root != last.Root)
            {
                Keep(log, Fork, request.Note);
                return new WitnessAnswer.Refused(WitnessRefusal.Fork,
                    "the log signed another tree of this size before: this is a fork");
            }
            var consistent = before == 0 ? request.Proof.IsEmpty : Proofs.VerifyConsistency(before, checkpoint.Size,
                log.Last!.Root, checkpoint.Root, request.Proof.AsSpan());
            if (!consistent)
            {
                if (before > 0) Keep(log, Unproven, request.Note);
                return new WitnessAnswer.Refused(WitnessRefusal.Inconsistent,
                    "the consistency proof does not lead from what was cosigned last to this checkpoint");
            }
            // 7.
            var time = _time.GetUtcNow().ToUnixTimeSeconds();
            if (log.Answer is { } given && time >= given.Time && time - given.Time < FreshSeconds
                && Proof.Note.Parse(log.Note!).Text == request.Note.Text)
                return new WitnessAnswer.Cosigned(given.Lines);
            NoteSignature[] lines = [.. _signers.Select(s => s.Cosign(request.Note, time))];
            NoteSignature[] kept = [.. request.Note.Signatures.Where(s => signed.Any(v => v.Key.IsNamedBy(s))),
                .. lines];
            var note = new Note(request.Note.Text, kept).ToString();
            Files.CreateDirectory(log.Folder);
            Files.Write(log.File, note);
            // From here on the witness is bound to this checkpoint, whether its answer arrives or not.
            var answer = string.Concat(lines.AsEnumerable());
            (log.Last, log.Note, log.Answer) = (checkpoint, note, (answer, time));
            // 8.
            return new WitnessAnswer.Cosigned(answer);
        }
    }

    /// <summary>
    /// Whether <see cref="SignSubtree"/> has a key that can: an Ed25519 cosignature is of a whole tree.
    /// </summary>
    public bool SignsSubtrees => _signers.Any(s => s.Key.Type == NoteKeyType.SubtreeCosignature);

    /// <summary>
    /// Cosigns a part of a tree that this witness has cosigned whole. Nothing is recorded: the part follows from the
    /// tree.
    /// </summary>
    public WitnessAnswer SignSubtree(ReadOnlySpan<byte> body)
    {
        SubtreeRequest request;
        try
        {
            request = SubtreeRequest.Parse(body);
        }
        catch (FormatException e)
        {
            return new WitnessAnswer.Refused(WitnessRefusal.Malformed, e.Message);
        }
        var (origin, size, root) = (request.Checkpoint.Origin, request.Checkpoint.Size, request.Checkpoint.Root);
        if (!_logs.ContainsKey(origin)) return UnknownLog();
        switch (request.Note.Verify(Keys, out _))
        {
            case NoteTrust.NoKnownKey:
                return new WitnessAnswer.Refused(WitnessRefusal.NotSigned,
                    "this witness has not cosigned that checkpoint");
            case NoteTrust.BadSignature:
                return new WitnessAnswer.Refused(WitnessRefusal.BadSignature,
                    "invalid signature: a line names this witness and does not verify");
        }
        if (!Subtrees.VerifyConsistency(request.Start, request.End, size, request.Hash, root, request.Proof.AsSpan()))
            return new WitnessAnswer.Refused(WitnessRefusal.Inconsistent,
                "the consistency proof does not lead from the subtree to the checkpoint");
        return new WitnessAnswer.Cosigned(
            string.Concat(_signers.Where(s => s.Key.Type == NoteKeyType.SubtreeCosignature)
                .Select(s => s.CosignSubtree(origin, request.Start, request.End, request.Hash))));
    }

    static WitnessAnswer.Refused UnknownLog() =>
        new(WitnessRefusal.UnknownLog, "unknown log: no log of that origin is witnessed here");

    /// <summary>
    /// The newest checkpoint that was cosigned for the log whose origin has this SHA-256, with the log's signature and
    /// ours; null: none was.
    /// </summary>
    public string? Latest(string hex)
    {
        foreach (var (origin, log) in _logs)
            if (Hex(origin) == hex)
                lock (log.Gate) return log.Note;
        return null;
    }

    /// <summary>
    /// What is kept against logs: the origin, the file, and whether it proves a fork. What does not is a checkpoint
    /// that nobody has proved to extend what was cosigned before.
    /// </summary>
    public IEnumerable<(string Origin, string File, bool Proven)> Evidence =>
        from log in _logs where Directory.Exists(log.Value.Folder) from kind in (string[])[Fork, Unproven]
        from file in Directory.EnumerateFiles(log.Value.Folder, kind + "*").Order(StringComparer.Ordinal)
            select (log.Key, file, kind == Fork);

    static bool IsFalselyEmpty(string text) =>
        text.Split('\n') is [_, "0", var root, ..] && Base64.TryDecode(root, out var hash) && hash.Length == Digest.Size
        && Digest.From(hash) != Merkle.EmptyRoot;

    /// <summary>
    /// The log signed it: anyone who has both can judge. A proof that was merely wrong leaves a harmless piece here; a
    /// second tree of one size convicts.
    /// </summary>
    static void Keep(Known log, string kind, Note note)
    {
        var file = Path.Combine(log.Folder, kind + Digest.Of(Encoding.UTF8.GetBytes(note.Text)).Hex[..16]);
        if (File.Exists(file)
            || Directory.EnumerateFiles(log.Folder, kind + "*").Take(MaxEvidence).Count() == MaxEvidence) return;
        Files.Write(file, note.ToString());
    }

    public void Dispose()
    {
        foreach (var signer in _signers) signer.Dispose();
        _lock.Dispose();
    }
}
