using System.Globalization;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>
/// A genuine receipt in somebody's hand, held against the same log as another receipt or a pack shows it. Everything it
/// says is committed to by a root that the log's key signed, so any difference is the key's own. Collects what
/// contradicts, and whether its record was confirmed.
/// </summary>
sealed class HeldReceipt
{
    /// <summary>
    /// How far the node's clock, or a flush of its disk, may have been off before its own times count against it.
    /// </summary>
    public const long MaxSkew = Governance.Fold.MaxSkew;

    readonly ProvenRecord _held;
    readonly Digest _leaf;
    readonly List<Contradiction> _contradictions = [];
    string? _smaller;

    public HeldReceipt(ProvenRecord held) => (_held, _leaf) = (held, Merkle.Leaf(held.Receipt.Leaf.Decision.Encode()));

    public string Log => _held.Receipt.Log;
    public long Size => _held.Checkpoint.Size;
    public long Index => _held.Receipt.Leaf.Index;
    public IReadOnlyList<Contradiction> Contradictions => _contradictions;

    /// <summary>Whether the receipt's own record was seen in the other history too.</summary>
    public bool Confirmed { get; private set; }

    void Add(ContradictionKind kind, string message)
    {
        if (_contradictions.All(c => c.Kind != kind)) _contradictions.Add(new Contradiction(kind, message));
    }

    /// <summary>Another checkpoint that the log's key signed.</summary>
    public void Signed(Checkpoint other, string where)
    {
        if (other.Size != Size) return;
        if (other.Root == _held.Checkpoint.Root) Confirmed = true;
        else
            Add(ContradictionKind.TwoCheckpoints,
                $"the log's key signed two different trees of {N(Size)} leaves: root {_held.Checkpoint.Root.Short} "
                + $"in the receipt, root {other.Root.Short} in {where}");
    }

    /// <summary>The leaf that the other history has in the place of the receipt's record.</summary>
    public void Leaf(Digest found)
    {
        if (found == _leaf) Confirmed = true;
        else
            Add(ContradictionKind.OtherLeaf,
                $"leaf {N(Index)} is one record in the receipt and another in the log as it is found, and the log's "
                + $"key signed both");
    }

    /// <summary>The root of the other history's first <see cref="Size"/> leaves.</summary>
    public void Tree(Digest found)
    {
        if (found != _held.Checkpoint.Root)
            Add(ContradictionKind.OtherRoot,
                $"the log's key signed {N(Size)} leaves with root {_held.Checkpoint.Root.Short}; the first {N(Size)} "
                + $"leaves of the log as it is found, which it signed too, have root {found.Short}");
    }

    /// <summary>
    /// An anchor, which the node signed with its own time. If it covers less than the receipt's record, though the
    /// record says that it was written well before, the node's two words exclude each other. What counts is the end: a
    /// log that has the record after all is one history.
    /// </summary>
    public void Anchored(long entry, Anchor anchor, long size)
    {
        var record = _held.Receipt.Leaf;
        if (size <= record.Index && anchor.Issued > record.Decision.Time + MaxSkew)
            _smaller =
                $"in entry {N(entry)} the node signed at {Time(anchor.Issued)} that its log had {N(size)} leaves; "
                + $"the receipt shows the same log's signature over {N(Size)}, and leaf {N(record.Index)} among them "
                + $"says that it was written at {Time(record.Decision.Time)}. " +
                "By the node's own times the log has shrunk: it was cut, or the node's clock ran backwards by more "
                + "than five minutes";
    }

    /// <summary>The other history ends here.</summary>
    public void End(long size)
    {
        if (size < Size && _smaller is { } why) Add(ContradictionKind.LaterSmaller, why);
    }

    /// <summary>
    /// Holds it against another genuine receipt of the log. An inclusion proof gives away the hashes of ranges of
    /// leaves on its way to the root; a range that both trees have must have one hash.
    /// </summary>
    public void Against(ProvenRecord other, string where)
    {
        Signed(other.Checkpoint, where);
        var (mine, theirs) = (Ranges(_held), Ranges(other));
        foreach (var (range, hash) in mine.OrderBy(r => r.Key.To - r.Key.From))
        {
            if (!theirs.TryGetValue(range, out var there)) continue;
            if (hash == there)
                Confirmed |= range.From <= _held.Receipt.Leaf.Index && _held.Receipt.Leaf.Index < range.To;
            else if (range.To - range.From == 1)
                Add(ContradictionKind.OtherLeaf,
                    $"leaf {N(range.From)} is one record in the receipt and another in {where}, and the log's key "
                    + $"signed both");
            else if (range != (0, Size) || range != (0, other.Checkpoint.Size))
                Add(ContradictionKind.OtherLeaves,
                    $"leaves {N(range.From)} to {N(range.To - 1)} have one hash in the receipt and another in "
                    + $"{where}, in trees that the log's key signed");
        }
        if (other.Anchor is { } anchor) Anchored(anchor.Entry, anchor.Statement, other.Checkpoint.Size);
        End(other.Checkpoint.Size);
    }

    /// <summary>The hash of every range of leaves that a receipt's proofs commit to.</summary>
    static Dictionary<(long From, long To), Digest> Ranges(ProvenRecord record)
    {
        var ranges = new Dictionary<(long, long), Digest>();
        foreach (var leaf in new[] { record.Receipt.Leaf, record.Receipt.Close }.OfType<ProvenLeaf>())
        {
            var next = 0;
            Walk(0, record.Checkpoint.Size);

            // As proofs are made: the leaf's sibling first, the root's other half last.
            Digest Walk(long from, long to)
            {
                Digest hash;
                if (to - from == 1) hash = Merkle.Leaf(leaf.Decision.Encode());
                else
                {
                    var middle = from
                        + (long)(global::System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)(to - from)) >> 1);
                    if (leaf.Index < middle)
                    {
                        var left = Walk(from, middle);
                        ranges[(middle, to)] = leaf.Proof[next];
                        hash = Merkle.Node(left, leaf.Proof[next++]);
                    }
                    else
                    {
                        var right = Walk(middle, to);
                        ranges[(from, middle)] = leaf.Proof[next];
                        hash = Merkle.Node(leaf.Proof[next++], right);
                    }
                }
                return ranges[(from, to)] = hash;
            }
        }
        return ranges;
    }

    static string N(long n) => n.ToString(CultureInfo.InvariantCulture);
    static string Time(long milliseconds) => Rfc3339.Format(milliseconds);
}
