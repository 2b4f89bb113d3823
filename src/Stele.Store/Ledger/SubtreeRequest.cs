using System.Collections.Immutable;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// What somebody asks of a witness about a part of a tree, C2SP tlog-witness <c>sign-subtree</c>:
/// <code>
/// subtree [start] [end]
/// [base64 hash]      the subtree's
/// [base64 hash]      0 to 63 lines: the subtree consistency proof
///                    (an empty line)
/// [checkpoint note]  cosigned by this witness
/// </code>
/// </summary>
sealed record SubtreeRequest(long Start, long End, Digest Hash, ImmutableArray<Digest> Proof, Note Note,
    Checkpoint Checkpoint)
{
    /// <exception cref="FormatException">Not such a request, not a subtree of any tree, or not of this one.</exception>
    public static SubtreeRequest Parse(ReadOnlySpan<byte> utf8)
    {
        var (lines, text) = WitnessRequest.Split(utf8, 2 + WitnessRequest.MaxProof);
        if (lines[0].Split(' ') is not ["subtree", var from, var to] || !WitnessRequest.Decimal(from, out var start)
            || !WitnessRequest.Decimal(to, out var end))
            throw new FormatException("a request begins with 'subtree ', where it starts and where it ends");
        if (lines.Length < 2) throw new FormatException("the second line is the subtree's hash");
        var note = Stele.Proof.Note.Parse(text);
        var checkpoint = Checkpoint.Parse(note.Text);
        if (!Subtrees.IsValid(start, end) || end > checkpoint.Size)
            throw new FormatException($"[{start}, {end}) is not a subtree of a tree of {checkpoint.Size} leaves");
        return new SubtreeRequest(start, end, WitnessRequest.Hash(lines[1]),
            [.. lines.Skip(2).Select(WitnessRequest.Hash)], note, checkpoint);
    }
}
