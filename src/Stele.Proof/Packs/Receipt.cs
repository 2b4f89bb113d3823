using System.Collections.Immutable;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>
/// A tree under a signed checkpoint: the note, its size, and how to prove a leaf in a tree of that size.
/// </summary>
public sealed record ProvenTree(string Checkpoint, long Size, Func<long, Digest[]> Proof);

/// <summary>A ledger entry and the proof that it stands there.</summary>
public sealed record ProvenEntry(long Index, Entry Entry, ImmutableArray<Digest> Proof);

/// <summary>A leaf of a decision log and the proof that it stands there.</summary>
public sealed record ProvenLeaf(long Index, Decision Decision, ImmutableArray<Digest> Proof);

/// <summary>The ledger entry that states an erasure, and what shows that the decision is in its list.</summary>
public sealed record ErasedIn(long Entry, ErasedRecord Record)
{
    public Json ToJson() => Json.Object(("entry", Entry), ("record", Record.ToJson()));
    public static ErasedIn FromJson(Json j) => new(Names.Entry(j["entry"]), ErasedRecord.FromJson(j["record"]));
}

/// <summary>How a receipt is laid out. The numbers stand in its member <c>version</c>.</summary>
public enum ReceiptLayout
{
    /// <summary>
    /// Entries and documents: what the rules of a deployment rested on is told by the server's verdict alone.
    /// </summary>
    One = 1,

    /// <summary>
    /// With what the rules rested on, and the part of a state of the decision's node that proves it: the deployment is
    /// executed again from the receipt.
    /// </summary>
    Two = 2,
}

/// <summary>What one wants of a receipt.</summary>
/// <param name="Brief">Leave out the reports that have metrics by group: what they are good for is then not executed
/// again.</param>
public sealed record ReceiptForm(ReceiptLayout Layout = ReceiptLayout.Two, bool Brief = false)
{
    public static readonly ReceiptForm Default = new(), One = new(ReceiptLayout.One);
}

/// <summary>
/// The proof of one decision in one self-contained file, canonical JSON:
/// <code>
/// {"brief":true?,
///  "decision":{"checkpoint":note,"close":{leaf}?,"leaf":{"decision":{…},"index":n,"proof":[hex…]},"log":origin},
///  "documents":[{…}…],
///  "erased":{"entry":n,"record":{"blind":hex,"position":n,"proof":[hex…]}}?,
///  "ledger":{"checkpoint":note,"entries":[{"entry":{…},"index":n,"proof":[hex…]}…]},
///  "state":{"entry":n,"facts":[…],"form":{…}}?,
///  "version":2}
/// </code>
/// The decision stands under a checkpoint of its node's log, which may bear further signatures. In a full receipt that
/// very tree is anchored by an entry of the ledger; in an early one it is only the node's word. Entries: genesis and
/// log keys, the log, the anchor, the deployment with its verdict, approvals and evaluations, the release, the origins
/// of all it rests on, the policies, and the members who signed any of these.
/// In layout 2 also waivers, words on controls, systems, earlier and later heads, revocations, and the entry in which
/// the node signed the state that <c>state</c> opens (<see cref="StateOpening"/>).
/// Documents are the release's manifest and document and the policies, in layout 2 also reports and candidates, each
/// named by the digest of its canonical bytes.
/// Layout 1 has neither <c>state</c> nor <c>brief</c>.
/// </summary>
public sealed record Receipt(string Checkpoint, ImmutableArray<ProvenEntry> Entries, ImmutableArray<Json> Documents,
    string Log, string LogCheckpoint, ProvenLeaf Leaf, ProvenLeaf? Close)
{
    public const int MaxBytes = 4 << 20;

    public ReceiptLayout Layout { get; init; } = ReceiptLayout.One;

    /// <summary>Whether reports with metrics by group were left out.</summary>
    public bool Brief { get; init; }

    /// <summary>
    /// What the node's signed state shows; null in layout 1, and where the node has signed none since the deployment.
    /// </summary>
    internal StateOpening? State { get; init; }

    /// <summary>
    /// Where its keys and salts were erased: the entry among the receipt's own that states it, and what shows that this
    /// decision is in that list. Null = nothing says so.
    /// </summary>
    public ErasedIn? Erased { get; init; }

    public Json ToJson() => Json.Object(
        ("version", (int)Layout), ("brief", Brief ? Json.True : null), ("erased", Erased?.ToJson()),
        ("decision", Json.Object(("log", Log), ("checkpoint", LogCheckpoint), ("leaf", ToJson(Leaf)),
            ("close", Close is null ? null : ToJson(Close)))),
        ("ledger", Json.Object(("checkpoint", Checkpoint), ("entries", Json.Array(Entries.Select(e =>
            Json.Object(("index", e.Index), ("entry", CanonicalJson.Parse(e.Entry.Bytes, Entry.MaxBytes)),
                ("proof", ToJson(e.Proof)))))))),
        ("documents", Json.Array(Documents)), ("state", State?.ToJson()));

    public byte[] Encode() => ToJson().ToBytes();

    /// <summary>Invariant: what is accepted encodes to the identical bytes.</summary>
    /// <exception cref="FormatException">
    /// Not a receipt in canonical form, or more than <see cref="MaxBytes"/>.
    /// </exception>
    public static Receipt Parse(ReadOnlySpan<byte> utf8)
    {
        var j = CanonicalJson.ParseCanonical(utf8, MaxBytes);
        if (j["version"].AsInt is not (1 or 2) and var unknown) throw new FormatException(
            $"receipt version {unknown} is not known here");
        var layout = (ReceiptLayout)j["version"].AsInt;
        var (decision, ledger) = (j["decision"], j["ledger"]);
        var receipt = new Receipt(
            ledger["checkpoint"].AsString,
            [.. ledger["entries"].AsArray.Select(e =>
                new ProvenEntry(Names.Entry(e["index"]), Entry.Parse(e["entry"].ToBytes()), Path(e["proof"])))],
            j["documents"].AsArray, decision["log"].AsString, decision["checkpoint"].AsString, LeafOf(decision["leaf"]),
            decision.Find("close") is { } c ? LeafOf(c) : null)
        { Layout = layout, Erased = j.Find("erased") is { } erased ? ErasedIn.FromJson(erased) : null };
        if (layout == ReceiptLayout.Two) receipt =
            receipt with { Brief = j.Find("brief")?.AsBool == true, State = j.Find("state") is { } state
            ? StateOpening.FromJson(state) : null };
        for (var i = 1; i < receipt.Entries.Length; i++)
            if (receipt.Entries[i - 1].Index >= receipt.Entries[i].Index)
                throw new FormatException("entries are not in order, or one stands twice");
        var digests = receipt.Documents.Select(d => Digest.Of(d.ToBytes())).ToList();
        for (var i = 1; i < digests.Count; i++)
            if (digests[i - 1] >= digests[i])
                throw new FormatException("documents are not in order of their digests, or one stands twice");
        if (!receipt.ToJson().Equals(j))
            throw new FormatException("the receipt has members that a receipt does not have");
        return receipt;
    }

    /// <summary>The entry that anchors the very tree that the leaf is proven in; null in an early receipt.</summary>
    public long? AnchoredBy =>
        Entries.Where(e => StatementKinds.Parse(e.Entry.Envelope.Payload) is Anchor a && a.Log == Log
            && TreeOf(a.Checkpoint) == TreeOf(LogCheckpoint)).Select(e => (long?)e.Index).FirstOrDefault();

    /// <summary>What is signed of a checkpoint, without the lines of those who signed it.</summary>
    internal static string TreeOf(string checkpoint) =>
        checkpoint.IndexOf("\n\n", StringComparison.Ordinal) is >= 0 and var end ? checkpoint[..(end + 2)] : checkpoint;

    static Json ToJson(ProvenLeaf l) =>
        Json.Object(("index", l.Index), ("decision", l.Decision.ToJson()), ("proof", ToJson(l.Proof)));
    static Json ToJson(ImmutableArray<Digest> proof) => Json.Array(proof.Select(d => Json.Of(d.Hex)));
    static ProvenLeaf LeafOf(Json j) =>
        new(Names.Entry(j["index"]), Decision.Parse(j["decision"].ToBytes()), Path(j["proof"]));
    static ImmutableArray<Digest> Path(Json j) => [.. j.AsArray.Select(d => Digest.ParseHex(d.AsString))];

    /// <summary>
    /// The first anchor of a log that covers a leaf, among the first <paramref name="size"/> entries; its checkpoint
    /// makes a receipt a full one. Null = not anchored yet.
    /// </summary>
    public static (long Entry, Anchor Anchor, long Size)? AnchorOf(Replay replay, string log, long leaf, long size)
    {
        if (!replay.State.Logs.TryGetValue(log, out var fact)) return null;
        var anchors = fact.Anchors;
        var first = anchors.CountWhile(a => a.Size <= leaf);
        return first < anchors.Count && anchors[first] is { } a && a.Entry < size
            ? (a.Entry, (Anchor)replay.Entries[(int)a.Entry].Statement, a.Size) : null;
    }

    /// <summary>
    /// Gathers a receipt for one leaf. It is a full one when the ledger anchors exactly <c>log.Checkpoint</c> (see
    /// <see cref="AnchorOf"/>).
    /// </summary>
    /// <param name="ledger">A checkpoint over entries that <paramref name="replay"/> has folded.</param>
    /// <param name="log">A checkpoint of the node's log over the leaf, and over its close when that is given.</param>
    /// <exception cref="FormatException">A document is not to be had, or the receipt would be too large.</exception>
    public static Receipt Build(
        Replay replay, Func<Digest, byte[]?> find, ProvenTree ledger, string origin, ProvenTree log, long index,
            Decision decision,
        (long Index, Decision Decision)? close = null, ErasedIn? erased = null, ReceiptForm? form = null)
    {
        form ??= ReceiptForm.Default;
        var gathered = new Custody(replay, decision, ledger.Size, form);
        gathered.Gather(origin, log.Checkpoint);
        if (erased is not null) gathered.Add(erased.Entry);
        var state = form.Layout == ReceiptLayout.Two ? gathered.Open() : null;
        if (form.Layout == ReceiptLayout.Two) gathered.Link();
        Json Document(Digest d) =>
            CanonicalJson.ParseCanonical(find(d) ?? throw new FormatException($"the document {d} is not to be had"),
                Artifacts.MaxDocument);
        var receipt = new Receipt(
            ledger.Checkpoint,
            [.. gathered.Entries.Select(e => new ProvenEntry(e, replay.Entries[(int)e].Entry, [.. ledger.Proof(e)]))],
            [.. gathered.Documents.Select(Document)],
            origin, log.Checkpoint, new ProvenLeaf(index, decision, [.. log.Proof(index)]),
            close is { } c ? new ProvenLeaf(c.Index, c.Decision, [.. log.Proof(c.Index)]) : null)
        { Erased = erased, Layout = form.Layout, State = state, Brief = gathered.LeftOut };
        return Parse(receipt.Encode());
    }
}
