using System.Globalization;
using System.Text;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>
/// Judges an audit pack offline. It trusts the trust file and nothing else; every finding is collected.
/// Steps: 1 layout and digests · 2 the ledger folds again, under a checkpoint by the log's key · 3 verdicts and
/// refusals re-execute to the same bytes · 4 decision logs are whole, anchored, and every decision names what the
/// ledger says was in force · 5 nothing else is in the pack.
/// </summary>
public sealed partial class Verifier
{
    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    readonly Stream _pack;
    readonly Trust? _trust;
    readonly Receipt? _receipt;
    HeldReceipt? _held;
    long? _asked;
    Reexecuted? _again;
    string? _why;
    readonly Action<string>? _progress;
    readonly VerifyReport _report = new();

    Verifier(Stream pack, Trust? trust, Receipt? receipt, Action<string>? progress) =>
        (_pack, _trust, _receipt, _progress) = (pack, trust, receipt, progress);

    /// <param name="pack">A seekable stream over the zip.</param>
    /// <param name="trust">Null: the best there is to say is "consistent, unauthenticated".</param>
    /// <param name="minSize">Fail if the ledger's checkpoint covers fewer entries.</param>
    /// <param name="notOlderThan">
    /// Fail if no witness that is trusted cosigned at or after this time, milliseconds since 1970 UTC.
    /// </param>
    /// <param name="receipt">
    /// A receipt that someone was given, perhaps before its decision was anchored: fail if the pack's log contradicts
    /// it.
    /// </param>
    /// <param name="progress">Told what is being done; from this thread.</param>
    public static VerifyReport Verify(Stream pack, Trust? trust, long minSize = 0, long? notOlderThan = null,
        Receipt? receipt = null, Action<string>? progress = null)
    {
        var verifier = new Verifier(pack, trust, receipt, progress);
        verifier.Judge(minSize, notOlderThan);
        return verifier._report;
    }

    /// <summary>
    /// Judges the pack, and in particular one act that its ledger tells of: a verdict, a refusal, or what policies
    /// judged, executed again from the pack alone.
    /// </summary>
    /// <param name="error">Why there is nothing to execute again; null if there is.</param>
    public static VerifyReport Verify(Stream pack, Trust? trust, long entry, out Reexecuted? again, out string? error)
    {
        var verifier = new Verifier(pack, trust, null, null) { _asked = entry };
        verifier.Judge(0, null);
        (again, error) = (verifier._again,
            verifier._again is null ? verifier._why ?? "the pack's ledger can't be read" : null);
        return verifier._report;
    }

    /// <summary>A pack, and together with it what a genuine receipt of one of its logs says.</summary>
    internal static VerifyReport Verify(Stream pack, Trust trust, ProvenRecord receipt, out HeldReceipt compared)
    {
        var verifier = new Verifier(pack, trust, null, null) { _held = compared = new HeldReceipt(receipt) };
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
        // 1. One layout, one manifest. Every member is held to it when it is read.
        var manifest = Open();

        // 2. The ledger.
        byte[]? Find(Digest d) => Content($"documents/{d.Hex}");
        var replay = new Replay(new Documents(Find));
        var folding = new Folding(replay, _report, MissingDocument.Contradicts);
        var (size, root, first) = Refold(folding);
        var note = Text("ledger/checkpoint");
        if (replay.State.Size == 0)
        {
            if (_report.Stopped is null) throw new FormatException("the ledger has no genesis that folds");
            Unfounded(note, "ledger/checkpoint", size, root, first);
            Unjudged();
            return;
        }
        var state = replay.State;
        var checkpoint = Signed(note, folding.LogKeyAt(size), "ledger/checkpoint", size, root,
            "the pack's entries: an entry was changed, dropped, added or moved");
        if (checkpoint is not null && checkpoint.Size < minSize) _report.Find("too-small", "ledger/checkpoint", $"it " +
            $"covers {checkpoint.Size} entries; at least {minSize} are demanded");
        Authenticate(folding, replay, note, notOlderThan);
        _report.Note($"ledger '{state.Origin}': {state.Size} of {size} entries folded again by fold version " +
            $"{state.FoldVersion}, from {Time(replay.Entries[0].Entry.Time)} to {Time(state.Time)}.");

        // 3. Explanations.
        Explanations(replay, Find, MissingDocument.Contradicts);
        if (_asked is { } asked)
            try
            {
                _again = Reexecuted.Of(replay, Find, asked);
            }
            catch (FormatException e)
            {
                _why = e.Message;
            }

        if (state.Size != size)
        {
            Unjudged();
            return;
        }

        // 4. Decision logs.
        var logs = Logs(replay);
        Reconciliations(replay);

        // 5. Nothing else.
        Close(manifest, state, note, logs);
        _report.Note(
            "not promised: an operator may have withheld or reordered statements before they were admitted; who was "
            + "root on a node may have lied about what ran from then on.");
    }

    /// <summary>
    /// Opens a checkpoint by the key it must be signed with, and holds it to the leaves that are there.
    /// </summary>
    Checkpoint? Signed(string note, string key, string where, long size, Digest root, string of)
    {
        if (!Checkpoint.TryOpen(note, VerifierKey.Parse(key), out var checkpoint, out var error))
            _report.Find("checkpoint-signature", where, error);
        else if (checkpoint.Size != size)
            _report.Find("checkpoint-size", where, $"it covers {checkpoint.Size} leaves, the pack has {size}");
        else if (checkpoint.Root != root) _report.Find("checkpoint-root", where, $"its root is not the root of {of}");
        return checkpoint;
    }

    static string Number(long n) => n.ToString(CultureInfo.InvariantCulture);
    static string Time(long milliseconds) => Rfc3339.Format(milliseconds);
}
