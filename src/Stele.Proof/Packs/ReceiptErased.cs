using Stele.Proof.Decisions;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

// What a receipt says of the bodies that it does not carry.
public sealed partial class ReceiptVerifier
{
    /// <summary>That what was asked and answered can't be opened any more, if the receipt says so.</summary>
    void Erased()
    {
        if (_receipt.Erased is not { } erased) return;
        if (_statements.GetValueOrDefault(erased.Entry) is Erasure e && e.Log == _receipt.Log
            && _receipt.Leaf.Index >= e.From && _receipt.Leaf.Index < e.To
            && erased.Record.Shows(_receipt.Leaf.Index, e.List, e.Count))
            Proven($"what is gone: its keys and salts were erased, as entry {N(erased.Entry)} states (" +
                $"{(e.Cause == ErasureCause.Retention ? "the time to keep them was over" : "by request")}), signed " +
                $"by {Signers(erased.Entry)}. Who kept a copy of them could still open what was asked and answered; " +
                "this proof stands without it.");
        else
            _report.Find("erasure-differs", Decision.Id(_receipt.Log, _receipt.Leaf.Index),
                $"no entry {erased.Entry} of the receipt states that its keys were erased");
    }
}
