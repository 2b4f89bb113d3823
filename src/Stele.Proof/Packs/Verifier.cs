using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>
/// Judges an audit pack offline. It trusts the trust file and nothing else; every finding is collected.
/// Steps: 1 layout and digests · 2 the ledger folds again, under a checkpoint by the log's key · 3 verdicts and refusals re-execute to the same bytes ·
/// 4 decision logs are whole, anchored, and every decision names what the ledger says was in force.
/// </summary>
public sealed class Verifier
{
    const long MaxMember = 64L << 20;

    readonly Stream _pack;
    readonly Trust? _trust;
    readonly VerifyReport _report = new();
    readonly Dictionary<string, Zip.Member> _members = new(StringComparer.Ordinal);
    readonly Dictionary<long, Digest> _stateDigests = [];

    Verifier(Stream pack, Trust? trust) => (_pack, _trust) = (pack, trust);

    /// <param name="pack">A seekable stream over the zip.</param>
    /// <param name="trust">Null: the best there is to say is "consistent, unauthenticated".</param>
    /// <param name="minSize">Fail if the ledger's checkpoint covers fewer entries.</param>
    public static VerifyReport Verify(Stream pack, Trust? trust, long minSize = 0)
    {
        var verifier = new Verifier(pack, trust);
        try
        {
            verifier.Run(minSize);
        }
        catch (FormatException e)
        {
            verifier._report.Find("pack-malformed", "pack", e.Message);
        }
        return verifier._report;
    }

    void Run(long minSize)
    {
        // 1. One layout; every member as the manifest says.
        foreach (var member in Zip.Read(_pack)) _members.Add(member.Name, member);
        if (!_members.TryGetValue(Pack.Manifest, out var first)) throw new FormatException("there is no manifest.json");
        var manifest = CanonicalJson.ParseCanonical(Zip.Content(_pack, first, MaxMember), (int)MaxMember);
        if (manifest["version"].AsInt != Pack.Version) throw new FormatException($"pack version {manifest["version"].AsInt} is not known here");
        var listed = new HashSet<string>(StringComparer.Ordinal) { Pack.Manifest };
        foreach (var m in manifest["members"].AsArray)
        {
            var name = m["name"].AsString;
            listed.Add(name);
            if (!_members.TryGetValue(name, out var member)) _report.Find("member-missing", name, "the manifest lists it, the pack does not have it");
            else if (member.Size != m["size"].AsInt || Content(name) is not { } content || Digest.Of(content) != m["digest"].AsDigest) _report.Find("member-digest", name, "its bytes are not those the manifest names");
        }
        foreach (var name in _members.Keys.Where(n => !listed.Contains(n))) _report.Find("member-unlisted", name, "the manifest does not list it");

        // 2. The ledger.
        var replay = new Replay(new Documents(d => Content($"documents/{d.Hex}")));
        var frontier = new Frontier();
        var count = 0L;
        foreach (var bytes in Leaves("ledger"))
        {
            frontier = frontier.Add(Merkle.Leaf(bytes));
            var where = string.Create(CultureInfo.InvariantCulture, $"entry {count}");
            count++;
            if (replay.Entries.Count != count - 1) continue;   // the fold halted before; only the tree goes on
            Entry entry;
            try
            {
                entry = Entry.Parse(bytes);
            }
            catch (FormatException e)
            {
                _report.Find("entry-malformed", where, e.Message);
                continue;
            }
            switch (replay.Add(entry))
            {
                case Outcome.Refused r: _report.Find("entry-refused", where, $"{r.Code.Name()}: {r.Message}"); break;
                case Outcome.Already a: _report.Find("entry-repeated", where, $"its payload stands in entry {a.Entry} already"); break;
            }
        }
        var note = Text("ledger/checkpoint");
        if (manifest["ledger"]["checkpoint"].AsString != note) _report.Find("manifest-differs", "ledger/checkpoint", "the manifest names another checkpoint");
        if (replay.State.Size == 0) throw new FormatException("the ledger has no genesis that folds");
        var state = replay.State;
        var checkpoint = Checkpoint(note, state.LogKeyAt(Math.Min(state.Size, count)), "ledger/checkpoint");
        if (checkpoint is not null)
        {
            if (checkpoint.Origin != state.Origin) _report.Find("checkpoint-origin", "ledger/checkpoint", $"it is of '{checkpoint.Origin}', genesis says '{state.Origin}'");
            if (checkpoint.Size != count) _report.Find("checkpoint-size", "ledger/checkpoint", $"it covers {checkpoint.Size} entries, the pack has {count}");
            else if (checkpoint.Root != frontier.Root) _report.Find("checkpoint-root", "ledger/checkpoint", "its root is not the root of the pack's entries: an entry was changed, dropped, added or moved");
            if (checkpoint.Size < minSize) _report.Find("too-small", "ledger/checkpoint", $"it covers {checkpoint.Size} entries; at least {minSize} are demanded");
        }
        Authenticate(state);
        _report.Note($"ledger '{state.Origin}': {count} entries folded again, fold version {state.FoldVersion}.");
        if (replay.Entries.Count != count) return;   // nothing after a halted fold can be judged

        // 3. Explanations.
        Explanations(replay);

        // 4. Decision logs.
        Logs(replay, manifest);
        var times = replay.Entries;
        _report.Note($"entry times run from {Time(times[0].Entry.Time)} to {Time(times[^1].Entry.Time)}; they are the server's word, held only to each signer's own time (−5 min, +24 h).");
    }

    void Authenticate(State state)
    {
        if (_trust is null)
        {
            _report.Note($"consistent, unauthenticated: no trust file was given. This ledger's genesis is {state.Ledger}, its key {state.LogKeys[0].Key}: compare them with what you were told elsewhere.");
            return;
        }
        _report.Authenticated = true;
        if (_trust.Genesis != state.Ledger) _report.Find("trust-genesis", "genesis", $"the trust file pins {_trust.Genesis}, the pack begins with {state.Ledger}");
        if (_trust.Origin != state.Origin) _report.Find("trust-origin", "genesis", $"the trust file pins '{_trust.Origin}', the pack is of '{state.Origin}'");
        if (_trust.Key.ToString() != state.LogKeys[0].Key) _report.Find("trust-key", "genesis", "the ledger's key is not the one in the trust file");
        var note = Note.Parse(Text("ledger/checkpoint"));
        var witnesses = _trust.Witnesses.IsEmpty ? 0 : note.Verify(_trust.Witnesses, out var cosigned) == NoteTrust.Verified ? cosigned.DistinctBy(v => v.Key).Count() : 0;
        if (witnesses < _trust.Quorum) _report.Find("too-few-witnesses", "ledger/checkpoint", $"{witnesses} of {_trust.Quorum} witnesses cosigned");
        _report.Note($"witnesses: {witnesses} cosigned{(witnesses == 0 ? ": a split view and truncation are not excluded" : "")}.");
    }

    void Explanations(Replay replay)
    {
        int verdicts = 0, refusals = 0;
        foreach (var folded in replay.Entries)
        {
            var where = string.Create(CultureInfo.InvariantCulture, $"entry {folded.Index}");
            switch (folded.Statement)
            {
                case Verdict v:
                    verdicts++;
                    if (Judged(replay, v.Envelope, v.Size, v.Time, where) is not { } case1) break;
                    var again = Explain.Verdict(case1.Before, case1.Entry, case1.Outcome);
                    if (again is null || !again.Encode().AsSpan().SequenceEqual(folded.Entry.Envelope.Payload)) _report.Find("verdict-differs", where, "re-executing it gives other bytes");
                    break;
                case Refusal r:
                    refusals++;
                    if (Judged(replay, r.Envelope, r.Size, r.Time, where) is not { } case2) break;
                    if (case2.Outcome is not Outcome.Refused refused || !Explain.Refusal(case2.Before, case2.Entry, refused).Encode().AsSpan().SequenceEqual(folded.Entry.Envelope.Payload))
                        _report.Find("refusal-differs", where, $"re-executing it does not refuse with '{r.Code}'");
                    break;
                case Observation o:
                    StateAgrees(replay, o.Size, o.State, where);
                    break;
                case Anchor a:
                    StateAgrees(replay, a.Size, a.State, where);
                    break;
            }
        }
        _report.Note($"{verdicts} verdicts and {refusals} refusals re-executed.");
    }

    /// <summary>Judges an explained envelope again: it stands in the ledger at that very place, or it is a document of the pack.</summary>
    (State Before, Entry Entry, Outcome Outcome)? Judged(Replay replay, Digest envelope, long size, long time, string where)
    {
        if (size >= replay.Entries.Count + 1)
        {
            _report.Find("explanation-range", where, $"it speaks of the ledger at size {size}");
            return null;
        }
        Entry? entry = null;
        if (size < replay.Entries.Count && replay.Entries[(int)size].Entry is var standing && Explain.EnvelopeDigest(standing.Envelope) == envelope && standing.Time == time) entry = standing;
        else if (Content($"documents/{envelope.Hex}") is { } bytes && Digest.Of(bytes) == envelope)
        {
            try
            {
                entry = new Entry(time, Envelope.Parse(bytes));
            }
            catch (FormatException e)
            {
                _report.Find("envelope-malformed", where, e.Message);
                return null;
            }
        }
        if (entry is null)
        {
            _report.Find("document-missing", where, $"the envelope {envelope} is neither in the ledger there nor among the documents");
            return null;
        }
        var before = replay.At(size);
        return (before, entry, Fold.Apply(before, entry, replay.Documents));
    }

    void StateAgrees(Replay replay, long size, Digest stated, string where)
    {
        if (!_stateDigests.TryGetValue(size, out var digest)) _stateDigests[size] = digest = StateDigest.Of(replay.At(size));
        if (digest != stated) _report.Find("state-differs", where, $"the node folded {size} entries to the state {stated}; here they give {digest}");
    }

    void Logs(Replay replay, Json manifest)
    {
        var packed = manifest["logs"].AsArray.ToDictionary(l => l["origin"].AsString, l => l["checkpoint"].AsString, StringComparer.Ordinal);
        foreach (var log in replay.State.Logs.Values)
        {
            if (packed.Remove(log.Origin, out var checkpoint)) Log(replay, log, checkpoint);
            else if (log.Status == LogStatement.Lost)
            {
                _report.DeclaredGaps++;
                _report.Note($"decision log '{log.Origin}': lost, as the ledger declares; {log.Anchor?.Size ?? 0} leaves were anchored.");
            }
            else if (log.Anchor is { Size: > 0 } anchor) _report.Find("log-missing", log.Origin, $"the ledger anchors {anchor.Size} of its leaves, the pack does not have it");
            else _report.Note($"decision log '{log.Origin}': nothing was ever anchored, and the pack does not have it.");
        }
        foreach (var origin in packed.Keys) _report.Find("log-unknown", origin, "the ledger knows no such log");
    }

    void Log(Replay replay, LogFact log, string manifestCheckpoint)
    {
        var folder = Pack.LogFolder(log.Origin);
        var note = Text(folder + "/checkpoint");
        if (note != manifestCheckpoint) _report.Find("manifest-differs", folder + "/checkpoint", "the manifest names another checkpoint");
        // Every anchor of this log, by the size it covers.
        var anchors = new SortedDictionary<long, (Anchor Anchor, Checkpoint Checkpoint, long Entry)>();
        foreach (var folded in replay.Entries)
            if (folded.Statement is Anchor a && a.Log == log.Origin && Proof.Checkpoint.TryOpen(a.Checkpoint, VerifierKey.Parse(log.Key), out var anchored, out _)) anchors[anchored.Size] = (a, anchored, folded.Index);

        var frontier = new Frontier();
        long opens = 0, closes = 0, wholes = 0;
        var open = new HashSet<long>();
        foreach (var bytes in Leaves(folder))
        {
            var index = frontier.Size;
            var where = Decision.Id(log.Origin, index);
            frontier = frontier.Add(Merkle.Leaf(bytes));
            try
            {
                var decision = Decision.Parse(bytes);
                switch (decision.Kind)
                {
                    case Decision.OpenKind: opens++; open.Add(index); break;
                    case Decision.CloseKind:
                        closes++;
                        if (!open.Remove(decision.Open!.Value)) _report.Find("decision-unopened", where, $"it closes leaf {decision.Open}, which is not open");
                        break;
                    default: wholes++; break;
                }
                Agrees(replay, log, decision, where);
            }
            catch (FormatException e)
            {
                _report.Find("decision-malformed", where, e.Message);
            }
            if (anchors.TryGetValue(frontier.Size, out var at))
            {
                var place = string.Create(CultureInfo.InvariantCulture, $"anchor in entry {at.Entry}");
                if (at.Checkpoint.Root != frontier.Root) _report.Find("anchor-root", place, $"the first {frontier.Size} leaves of '{log.Origin}' do not have the root that was anchored");
                if ((at.Anchor.Opens, at.Anchor.Closes, at.Anchor.Wholes) != (opens, closes, wholes)) _report.Find("anchor-counts", place, "its counts are not those of the leaves");
            }
        }
        if (anchors.Count > 0 && anchors.Keys.Last() > frontier.Size) _report.Find("log-short", log.Origin, $"{anchors.Keys.Last()} leaves were anchored, the pack has {frontier.Size}");
        if (Checkpoint(note, log.Key, folder + "/checkpoint") is { } checkpoint)
        {
            if (checkpoint.Origin != log.Origin) _report.Find("checkpoint-origin", folder + "/checkpoint", $"it is of '{checkpoint.Origin}'");
            if (checkpoint.Size != frontier.Size) _report.Find("checkpoint-size", folder + "/checkpoint", $"it covers {checkpoint.Size} leaves, the pack has {frontier.Size}");
            else if (checkpoint.Root != frontier.Root) _report.Find("checkpoint-root", folder + "/checkpoint", "its root is not the root of the log's leaves");
        }
        var anchoredSize = anchors.Count == 0 ? 0 : anchors.Keys.Last();
        long longest = 0, before = 0;
        foreach (var size in anchors.Keys.Append(frontier.Size))
        {
            longest = Math.Max(longest, size - before);
            before = size;
        }
        _report.Note($"decision log '{log.Origin}': complete, {frontier.Size} leaves ({wholes} whole, {opens} open, {closes} close{(open.Count > 0 ? $", {open.Count} unknown" : "")}), " +
            $"{anchors.Count} anchors, {frontier.Size - anchoredSize} leaves not anchored yet, longest stretch between anchors {longest}.");
    }

    /// <summary>A decision must name what the ledger says: a deployment of that place, one of its releases, the policies in force as of the size folded.</summary>
    void Agrees(Replay replay, LogFact log, Decision d, string where)
    {
        if (d.System != log.System || d.Environment != log.Environment) _report.Find("decision-place", where, $"it is of {d.System}/{d.Environment}, the log of {log.System}/{log.Environment}");
        if (d.Size > replay.Entries.Count || d.Deployment >= d.Size)
        {
            _report.Find("decision-range", where, $"it names entry {d.Deployment} and ledger size {d.Size}; the pack has {replay.Entries.Count} entries");
            return;
        }
        if (replay.Entries[(int)d.Deployment].Statement is not Deployment deployment || deployment.System != d.System || deployment.Environment != d.Environment || deployment.Routes.All(r => r.Release != d.Release))
        {
            _report.Find("decision-release", where, $"entry {d.Deployment} did not put {d.Release} there");
            return;
        }
        var state = replay.At(d.Size);
        if (!d.Policies.SequenceEqual(state.PoliciesFor(d.System, d.Environment))) _report.Find("decision-policy", where, "it names other policies than were in force");
        if (d.ReleasePolicy != state.Releases[d.Release].Policy) _report.Find("decision-policy", where, "it names another policy than the release's own");
    }

    Checkpoint? Checkpoint(string note, string key, string where)
    {
        if (Proof.Checkpoint.TryOpen(note, VerifierKey.Parse(key), out var checkpoint, out var error)) return checkpoint;
        _report.Find("checkpoint-signature", where, error);
        return null;
    }

    IEnumerable<byte[]> Leaves(string folder)
    {
        var last = false;
        for (var i = 0; ; i++)
        {
            var name = $"{folder}/entries/{Pack.Number(i)}";
            if (!_members.ContainsKey(name)) break;
            var bundle = Content(name);
            byte[][]? leaves = null;
            try
            {
                if (last) throw new FormatException("it follows a bundle that is not full");
                leaves = bundle is null ? throw new FormatException("it can't be read") : Bundle(bundle);
            }
            catch (FormatException e)
            {
                _report.Find("bundle-malformed", name, e.Message);
            }
            if (leaves is null) yield break;
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
            at += 2 + global::System.Buffers.Binary.BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]);
            if (at > bytes.Length) throw new FormatException("it is cut short");
        }
        return width is > 0 and <= Tile.Full ? Tile.DecodeBundle(bytes, width) : throw new FormatException($"it holds {width} leaves; 1 to {Tile.Full} are right");
    }

    byte[]? Content(string name)
    {
        if (!_members.TryGetValue(name, out var member)) return null;
        try
        {
            return Zip.Content(_pack, member, MaxMember);
        }
        catch (FormatException e)
        {
            _report.Find("member-damaged", name, e.Message);
            return null;
        }
    }

    string Text(string name) => Content(name) is { } bytes ? Encoding.UTF8.GetString(bytes) : throw new FormatException($"'{name}' is missing or damaged");

    static string Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
