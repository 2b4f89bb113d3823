using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

// Who signed, and whether they may.
public static partial class Fold
{
    /// <summary>
    /// The name under which the server's key stands among the key owners; no member id looks like it.
    /// </summary>
    public const string ServerMember = "server", RecoveryMember = "recovery";

    /// <summary>A key by its id, among those that members have in this state.</summary>
    public static PublicKey? KeyOf(State state, Digest id) => !state.KeyOwners.TryGetValue(id, out var member)
        ? null
        : member switch
    {
        ServerMember => state.ServerKey!,
        RecoveryMember => state.RecoveryKey!,
        _ => state.Members[member].Keys.FirstOrDefault(k => k.Id == id),
    };

    static (ImmutableArray<Signed> Signers, Outcome.Refused? Refusal) Signers(State state, Prepared prepared,
        Statement statement)
    {
        var envelope = prepared.Entry.Envelope;
        var signers = ImmutableArray.CreateBuilder<Signed>();
        foreach (var signature in envelope.Signatures)
        {
            (ImmutableArray<Signed>, Outcome.Refused?) No(RefusalCode code, string message) =>
                ([], Refuse(statement, code, message));
            if (!state.KeyOwners.TryGetValue(signature.KeyId, out var member))
                return No(RefusalCode.UnknownSigner, $"the key {signature.KeyId} belongs to no member");
            var key = KeyOf(state, signature.KeyId);
            if (state.Revocations.TryGetValue(signature.KeyId, out var r) && r.FromEntry <= state.Size)
                return No(RefusalCode.RevokedKey,
                    $"the key {signature.KeyId} was revoked from entry {r.FromEntry} on (entry {r.Entry})");
            if (state.Members.TryGetValue(member, out var fact) && !state.Stands(fact))
                return No(RefusalCode.RevokedKey,
                    $"the key that signed entry {fact.Entry}, which the member {member} rests on, was revoked back "
                    + $"to before it, or its own member fell so: owners must state the member again");
            if (key is null)
                return No(RefusalCode.RevokedKey, $"the key {signature.KeyId} is no longer one of its member's keys");
            if (!prepared.IsGood(signature) && !envelope.Verify(signature, key))
                return No(RefusalCode.BadSignature,
                    $"the signature by {signature.KeyId} is not good (ECDSA P-256, minimal DER, low s)");
            if (signers.Any(s => s.Member == member))
                return No(RefusalCode.SameMemberTwice, $"the member {member} signed twice");
            signers.Add(new Signed(state.Size, member, signature.KeyId, fact?.Entry ?? 0));
        }
        return (signers.ToImmutable(), null);
    }

    /// <summary>
    /// Whether an entry is signed by members who may, as far as a part of the ledger tells: for receipts, which carry
    /// the members' statements but not all that came between. Null = they may.
    /// </summary>
    internal static Outcome.Refused? SignedRightly(
        State part, Entry entry, Statement statement, out ImmutableArray<Signed> signers)
    {
        (signers, var refusal) = Signers(part, Prepared.Nothing(entry), statement);
        return refusal ?? StatementKinds.Of(statement).Refuses(new(part, statement, signers));
    }

    /// <summary>
    /// A key that gives itself up, from now on. It undoes nothing that it signed, or one of several owners could undo
    /// what all of them did.
    /// </summary>
    static bool IsOfItself(Revocation r, ImmutableArray<Signed> signers) =>
        signers is [var one] && r is { Target: RevocationTarget.Key, FromEntry: null } && one.Key == r.Digest;

    /// <summary>Owners and the recovery key state members.</summary>
    internal static Outcome.Refused? MayState(Signing by) => by.IsRecovery ? null : by.Owners();

    /// <summary>
    /// Owners revoke; the recovery key revokes keys, and itself alone; a key may give itself up. Nobody revokes the
    /// server's: without the one nothing could be explained any more, and without the other there is no way out, so a
    /// thief of owners' keys would begin with them.
    /// </summary>
    internal static Outcome.Refused? MayRevoke(Signing by, Revocation r)
    {
        if (r.Digest == by.State.ServerKey?.Id)
            return by.Refused(RefusalCode.RoleMissing,
                "nobody revokes the server's key: it only explains, anyone who re-executes the ledger finds out "
                + "a false explanation, and without it no deployment could be explained");
        if (r.Digest == by.State.RecoveryKey?.Id && !by.IsRecovery)
            return by.Refused(RefusalCode.RoleMissing,
                "the recovery key is revoked by itself alone: it is the way out when owners' keys are lost or "
                + "stolen");
        if ((by.IsRecovery && r.Target == RevocationTarget.Key) || IsOfItself(r, by.Signers)) return null;
        return by.Owners() is { } no && by.Signers is [var one] && one.Key == r.Digest
            ? by.Refused(no.Code,
                "a key revokes itself from that entry on, not from one before: leave fromEntry out; further back "
                + "it takes owners, or the recovery key")
            : by.Owners();
    }

    /// <summary>The node whose log it is.</summary>
    internal static Outcome.Refused? MayAnchor(Signing by, Anchor a) =>
        by.State.Logs.TryGetValue(a.Log, out var log) && by.Signers is [var one] && one.Member == log.Node
            ? by.One(RoleName.Node, log.System, log.Environment)
            : by.Refused(by.State.Logs.ContainsKey(a.Log) ? RefusalCode.RoleMissing : RefusalCode.UnknownLog,
                $"no decision log '{a.Log}' of this node");
}
