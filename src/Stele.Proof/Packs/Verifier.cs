using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>
/// Judges an audit pack offline. It trusts the trust file and nothing else; every finding is collected.
/// Steps: 1 layout and digests · 2 the ledger folds again, under a checkpoint by the log's key · 3 verdicts and refusals re-execute to the same bytes ·
/// 4 decision logs are whole, anchored, and every decision names what the ledger says was in force · 5 nothing else is in the pack.
/// </summary>
public sealed partial class Verifier
{
    const long MaxMember = 64L << 20;
    const int MaxManifest = 32 << 20;
    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    readonly Stream _pack;
    readonly Trust? _trust;
    readonly Receipt? _receipt;
    HeldReceipt? _held;
    readonly VerifyReport _report = new();
    readonly SortedDictionary<string, Zip.Member> _members = new(StringComparer.Ordinal);
    readonly HashSet<string> _used = new(StringComparer.Ordinal) { Pack.Manifest };
    readonly HashSet<string> _damaged = new(StringComparer.Ordinal);
    readonly Dictionary<long, Digest> _stateDigests = [];

    Verifier(Stream pack, Trust? trust, Receipt? receipt) => (_pack, _trust, _receipt) = (pack, trust, receipt);

    /// <param name="pack">A seekable stream over the zip.</param>
    /// <param name="trust">Null: the best there is to say is "consistent, unauthenticated".</param>
    /// <param name="minSize">Fail if the ledger's checkpoint covers fewer entries.</param>
    /// <param name="notOlderThan">Fail if no witness that is trusted cosigned at or after this time, milliseconds since 1970 UTC.</param>
    /// <param name="receipt">A receipt that someone was given, perhaps before its decision was anchored: fail if the pack's log contradicts it.</param>
    public static VerifyReport Verify(Stream pack, Trust? trust, long minSize = 0, long? notOlderThan = null, Receipt? receipt = null)
    {
        var verifier = new Verifier(pack, trust, receipt);
        verifier.Judge(minSize, notOlderThan);
        return verifier._report;
    }

    /// <summary>A pack, and what a genuine receipt of one of its logs says beside it.</summary>
    internal static VerifyReport Verify(Stream pack, Trust trust, ProvenRecord receipt, out HeldReceipt compared)
    {
        var verifier = new Verifier(pack, trust, null) { _held = compared = new HeldReceipt(receipt) };
        verifier.Judge(0, null);
        return verifier._report;
    }

    void Judge(long minSize, long? notOlderThan)
    {
        try
        {
            Run(minSize, notOlderThan);
        }
        catch (FormatException e)
        {
            _report.Find("pack-malformed", "pack", e.Message);
        }
    }

    void Run(long minSize, long? notOlderThan)
    {
        // 1. One layout; every member as the manifest says.
        foreach (var member in Zip.Read(_pack)) _members.Add(member.Name, member);
        if (!_members.TryGetValue(Pack.Manifest, out var first)) throw new FormatException("there is no manifest.json");
        var manifest = Zip.Content(_pack, first, MaxManifest);
        var members = Members(CanonicalJson.ParseCanonical(manifest, MaxManifest));

        // 2. The ledger.
        var replay = new Replay(new Documents(d => Content($"documents/{d.Hex}")));
        var (size, root) = Refold(replay);
        var note = Text("ledger/checkpoint");
        if (replay.State.Size == 0) throw new FormatException("the ledger has no genesis that folds");
        var state = replay.State;
        var checkpoint = Signed(note, state.LogKeyAt(Math.Min(state.Size, size)), "ledger/checkpoint", size, root, "the pack's entries: an entry was changed, dropped, added or moved");
        if (checkpoint is not null && checkpoint.Size < minSize) _report.Find("too-small", "ledger/checkpoint", $"it covers {checkpoint.Size} entries; at least {minSize} are demanded");
        Authenticate(replay, note, notOlderThan);
        _report.Note($"ledger '{state.Origin}': {state.Size} entries folded again by fold version {state.FoldVersion}, from {Time(replay.Entries[0].Entry.Time)} to {Time(state.Time)}. " +
            "These times are the server's word, held to each signer's own time (from 5 minutes before to 24 hours after it).");
        if (state.Size != size)
        {
            _report.Note($"the fold halted after {state.Size} of {size} entries: what comes after can't be judged.");
            return;
        }

        // 3. Explanations.
        Explanations(replay);

        // 4. Decision logs.
        var logs = Logs(replay);

        // 5. Nothing else.
        foreach (var name in _members.Keys.Where(n => !_used.Contains(n))) _report.Find("member-unread", name, "no judge reads it: it does not belong into the pack");
        if (_report.Findings.Count == 0 && !manifest.AsSpan().SequenceEqual(Pack.ManifestOf(state, note, logs, members))) _report.Find("manifest-differs", Pack.Manifest, "it is not the manifest of this pack");
        _report.Note("not promised: an operator may have withheld or reordered statements before they were admitted; who was root on a node may have lied about what ran from then on.");
    }

    /// <summary>Holds every member to the manifest. Returns what is really there.</summary>
    List<(string Name, long Size, Digest Digest)> Members(Json manifest)
    {
        if (manifest["version"].AsInt != Pack.Version) throw new FormatException($"pack version {manifest["version"].AsInt} is not known here");
        var listed = new Dictionary<string, Digest>(StringComparer.Ordinal);
        foreach (var m in manifest["members"].AsArray)
            if (!listed.TryAdd(m["name"].AsString, m["digest"].AsDigest)) throw new FormatException($"the manifest lists '{m["name"].AsString}' twice");
        var found = new List<(string, long, Digest)>();
        foreach (var (name, member) in _members)
        {
            if (name == Pack.Manifest) continue;
            if (Content(name) is not { } content) continue;
            var digest = Digest.Of(content);
            found.Add((name, member.Size, digest));
            if (!listed.Remove(name, out var stated)) _report.Find("member-unlisted", name, "the manifest does not list it");
            else if (digest != stated) _report.Find("member-digest", name, "its bytes are not those the manifest names");
        }
        foreach (var name in listed.Keys.Where(n => !_members.ContainsKey(n))) _report.Find("member-missing", name, "the manifest lists it, the pack does not have it");
        _used.Clear();
        _used.Add(Pack.Manifest);
        return found;
    }

    /// <summary>Folds every entry that can be folded, and hashes them all.</summary>
    (long Size, Digest Root) Refold(Replay replay)
    {
        var frontier = new Frontier();
        foreach (var bytes in Leaves("ledger"))
        {
            var index = frontier.Size;
            frontier = frontier.Add(Merkle.Leaf(bytes));
            if (replay.Entries.Count != index) continue;   // the fold halted before; only the tree goes on
            var where = $"entry {Number(index)}";
            try
            {
                switch (replay.Add(Entry.Parse(bytes)))
                {
                    case Outcome.Refused { Code: RefusalCode.UnknownKind or RefusalCode.UnknownFoldVersion } r: _report.Find("fold-halted", where, $"{r.Code.Name()}: {r.Message}; a newer verifier may know it"); break;
                    case Outcome.Refused r: _report.Find("entry-refused", where, $"{r.Code.Name()}: {r.Message}"); break;
                    case Outcome.Already a: _report.Find("entry-repeated", where, $"its payload stands in entry {a.Entry} already"); break;
                }
            }
            catch (FormatException e)
            {
                _report.Find("entry-malformed", where, e.Message);
            }
        }
        return (frontier.Size, frontier.Root);
    }

    void Authenticate(Replay replay, string note, long? notOlderThan)
    {
        var state = replay.State;
        if (_trust is null)
        {
            _report.Note($"consistent, unauthenticated: no trust file was given. This ledger's genesis is {state.Ledger}, its key {state.LogKeys[0].Key}: compare them with what you were told elsewhere.");
            if (notOlderThan is not null) _report.Find("too-old", "ledger/checkpoint", "without a trust file no witness is trusted, so nothing says how old it is");
            return;
        }
        _report.Authenticated = true;
        if (_trust.Genesis != state.Ledger) _report.Find("trust-genesis", "genesis", $"the trust file pins {_trust.Genesis}, the pack begins with {state.Ledger}");
        if (_trust.Origin != state.Origin) _report.Find("trust-origin", "genesis", $"the trust file pins '{_trust.Origin}', the pack is of '{state.Origin}'");
        if (_trust.Key.ToString() != state.LogKeys[0].Key) _report.Find("trust-key", "genesis", "the ledger's key is not the one in the trust file");

        var verdict = Note.Parse(note).Verify(_trust.Witnesses, out var cosigned);
        if (verdict == NoteTrust.BadSignature) _report.Find("witness-signature", "ledger/checkpoint", "a cosignature by a trusted witness is not good");
        if (cosigned.Length < _trust.Quorum) _report.Find("too-few-witnesses", "ledger/checkpoint", $"{cosigned.Length} of {_trust.Quorum} witnesses cosigned");
        if (cosigned.IsEmpty)
        {
            _report.Note("witnesses: 0: a split view and truncation are not excluded.");
            if (notOlderThan is not null) _report.Find("too-old", "ledger/checkpoint", "no trusted witness cosigned it, so nothing says how old it is");
            return;
        }
        var newest = Math.Min(cosigned.Max(c => c.Time), Entry.MaxTime / 1000) * 1000;
        var oldest = cosigned.Min(c => c.Time) * 1000;
        _report.Note($"witnesses: {cosigned.Length} cosigned, last at {Time(newest)}; the newest entry's time is {(oldest - state.Time) / 1000} s before the first of them.");
        // An entry that a witness saw can't have been stamped after it, but for the clocks' skew.
        if (state.Time > oldest + Fold.MaxSkew) _report.Find("time-after-cosignature", "ledger/checkpoint", $"the newest entry says {Time(state.Time)}, which a witness cosigned at {Time(oldest)} already");
        if (notOlderThan is { } bound && newest < bound) _report.Find("too-old", "ledger/checkpoint", $"it was cosigned last at {Time(newest)}; {Time(Math.Clamp(bound, 0, Entry.MaxTime))} or later is demanded");
    }

    void Explanations(Replay replay)
    {
        int verdicts = 0, refusals = 0, before = _report.Findings.Count;
        foreach (var folded in replay.Entries)
        {
            var where = $"entry {Number(folded.Index)}";
            switch (folded.Statement)
            {
                case Observation o: StateAgrees(replay, o.Size, o.State, where); break;
                case Anchor a: StateAgrees(replay, a.Size, a.State, where); break;
            }
            if (Reexecution.Of(folded.Statement) is not { } told) continue;
            var name = folded.Statement.Kind;
            if (name == "verdict") verdicts++;
            else refusals++;
            try
            {
                if (told.Judge(replay, d => Content($"documents/{d.Hex}")) is not { } again) _report.Find("document-missing", where, $"the envelope {told.Envelope} is neither in the ledger there nor among the documents");
                else if (Reexecution.Payload(folded.Statement, again.Before, again.Entry, again.Outcome) is not { } payload || !payload.AsSpan().SequenceEqual(folded.Entry.Envelope.Payload))
                    _report.Find($"{name}-differs", where, "executed again, it does not give these bytes");
            }
            catch (FormatException e)
            {
                _report.Find("envelope-malformed", where, e.Message);
            }
        }
        _report.Note($"{verdicts} verdicts and {refusals} refusals executed again{(_report.Findings.Count == before ? ", to the same bytes" : "")}.");
    }

    void StateAgrees(Replay replay, long size, Digest stated, string where)
    {
        if (!_stateDigests.TryGetValue(size, out var digest)) _stateDigests[size] = digest = StateDigest.Of(replay.At(size));
        if (digest != stated) _report.Find("state-differs", where, $"the node folded {size} entries to the state {stated}; here they give {digest}");
    }

    /// <summary>Opens a checkpoint by the key it must be signed with, and holds it to the leaves that are there.</summary>
    Checkpoint? Signed(string note, string key, string where, long size, Digest root, string of)
    {
        if (!Checkpoint.TryOpen(note, VerifierKey.Parse(key), out var checkpoint, out var error)) _report.Find("checkpoint-signature", where, error);
        else if (checkpoint.Size != size) _report.Find("checkpoint-size", where, $"it covers {checkpoint.Size} leaves, the pack has {size}");
        else if (checkpoint.Root != root) _report.Find("checkpoint-root", where, $"its root is not the root of {of}");
        return checkpoint;
    }

    /// <param name="first">The first bundle there is: others than 0 in a pruned log.</param>
    IEnumerable<byte[]> Leaves(string folder, int first = 0)
    {
        var last = false;
        for (var i = first; ; i++)
        {
            var name = $"{folder}/entries/{Pack.Number(i)}";
            if (!_members.ContainsKey(name)) yield break;
            byte[][] leaves;
            try
            {
                if (last) throw new FormatException("it follows a bundle that is not full");
                leaves = Bundle(Content(name) ?? throw new FormatException("it can't be read"));
            }
            catch (FormatException e)
            {
                _report.Find("bundle-malformed", name, e.Message);
                foreach (var rest in _members.Keys.Where(n => n.StartsWith(folder + "/entries/", StringComparison.Ordinal))) _used.Add(rest);   // one finding is enough
                yield break;
            }
            last = leaves.Length < Tile.Full;
            foreach (var leaf in leaves) yield return leaf;
        }
    }

    /// <summary>A bundle of unknown width: lengths tell.</summary>
    static byte[][] Bundle(ReadOnlySpan<byte> bytes)
    {
        var width = 0;
        for (var at = 0; at < bytes.Length; width++)
        {
            if (bytes.Length - at < 2) throw new FormatException("it is cut short");
            at += 2 + BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]);
            if (at > bytes.Length) throw new FormatException("it is cut short");
        }
        return width is > 0 and <= Tile.Full ? Tile.DecodeBundle(bytes, width) : throw new FormatException($"it holds {width} leaves; 1 to {Tile.Full} are right");
    }

    byte[]? Content(string name)
    {
        if (!_members.TryGetValue(name, out var member)) return null;
        _used.Add(name);
        try
        {
            return Zip.Content(_pack, member, MaxMember);
        }
        catch (FormatException e)
        {
            if (_damaged.Add(name)) _report.Find("member-damaged", name, e.Message);
            return null;
        }
    }

    string Text(string name)
    {
        try
        {
            return Utf8.GetString(Content(name) ?? throw new FormatException($"'{name}' is missing or damaged"));
        }
        catch (DecoderFallbackException e)
        {
            throw new FormatException($"'{name}' is not UTF-8", e);
        }
    }

    static string Number(long n) => n.ToString(CultureInfo.InvariantCulture);
    static string Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
