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

    static (ImmutableArray<Signed> Signers, Outcome? Refusal) Signers(State state, Prepared prepared,
        Statement statement)
    {
        var envelope = prepared.Entry.Envelope;
        var signers = ImmutableArray.CreateBuilder<Signed>();
        foreach (var signature in envelope.Signatures)
        {
            (ImmutableArray<Signed>, Outcome?) No(RefusalCode code, string message) =>
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
        return (Outcome.Refused?)(refusal ?? Authority(part, statement, signers));
    }

    /// <summary>
    /// A key that gives itself up, from now on. It undoes nothing that it signed, or one of several owners could undo
    /// what all of them did.
    /// </summary>
    static bool IsOfItself(Revocation r, ImmutableArray<Signed> signers) =>
        signers is [var one] && r is { Target: Revocation.Key, FromEntry: null } && one.Key == r.Digest;

    /// <summary>Who may sign what, with scopes. Null = they may.</summary>
    static Outcome? Authority(State state, Statement statement, ImmutableArray<Signed> signers)
    {
        Outcome Refused(RefusalCode code, string message) =>
            new Outcome.Refused(code, message, null, statement, signers[0].Member);
        Outcome? Owners()
        {
            var count = signers.Count(s => state.Members.TryGetValue(s.Member, out var m) && m.IsOwner);
            if (count != signers.Length)
                return Refused(RefusalCode.RoleMissing, $"a {statement.Kind} statement is for owners alone");
            return count >= state.Threshold
                ? null
                : Refused(RefusalCode.TooFewOwners, $"{count} of {state.Threshold} owners signed");
        }
        Outcome? Each(string role, string? system = null, string? environment = null)
        {
            foreach (var s in signers)
                if (!(state.Members.TryGetValue(s.Member, out var m) && m.Has(role, system, environment)))
                    return Refused(RefusalCode.RoleMissing,
                        $"the member {s.Member} does not hold the role {new Role(role, system, environment)}");
            return null;
        }
        Outcome? One(string role, string? system = null, string? environment = null) =>
            signers.Length == 1
                ? Each(role, system, environment)
                : Refused(RefusalCode.Malformed, $"a {statement.Kind} statement has one signature");
        // Of all that a null names, not of some part of it.
        Outcome? Over(string role, string? system, string? environment) =>
            One(role, system, environment) ?? (state.Members[signers[0].Member].Roles.Any(
            r => r.Name == role
                && (r.System is null
                    || (r.System == system && (r.Environment is null || r.Environment == environment))))
                ? null
                : Refused(RefusalCode.RoleMissing,
                    $"the member {signers[0].Member} holds the role {role} for a part of that scope alone"));
        Outcome? Server() => signers is [{ Member: ServerMember }]
            ? null
            : Refused(RefusalCode.NotTheServer, $"a {statement.Kind} is the server's to sign");

        return statement switch
        {
            // Without the one nothing could be explained any more, and without the other there is no way out: a thief
            // of owners' keys would begin with them.
            Revocation r when r.Digest == state.ServerKey?.Id =>
                Refused(RefusalCode.RoleMissing,
                    "nobody revokes the server's key: it only explains, anyone who re-executes the ledger finds out "
                    + "a false explanation, and without it no deployment could be explained"),
            Revocation r when r.Digest == state.RecoveryKey?.Id && signers is not [{ Member: RecoveryMember }] =>
                Refused(RefusalCode.RoleMissing,
                    "the recovery key is revoked by itself alone: it is the way out when owners' keys are lost or "
                    + "stolen"),
            MemberStatement or Revocation { Target: Revocation.Key } when signers is [{ Member: RecoveryMember }] =>
                null,
            Revocation r when IsOfItself(r, signers) => null,
            Revocation r when signers is [var one] && one.Key == r.Digest && Owners() is Outcome.Refused no =>
                Refused(no.Code,
                    "a key revokes itself from that entry on, not from one before: leave fromEntry out; further back "
                    + "it takes owners, or the recovery key"),
            ProtocolStatement or LogKeyStatement or LogStatement or MemberStatement or SystemStatement
                or PolicyStatement or Revocation or Erasure or Retention or Hold => Owners(),
            Origin => Each("builder"),
            Release r => Each("builder", r.System),
            Evaluation e =>
                state.Releases.TryGetValue(e.Release, out var of) ? One("evaluator", of.System) : One("evaluator"),
            Approval a => One("approver", a.System, a.Environment),
            Waiver w => One("approver", w.System, w.Environment),
            Deployment d => One("deployer", d.System, d.Environment) is { } no
                && One("node", d.System, d.Environment) is not null ? no : null,
            Observation o => One("node", o.System, o.Environment),
            Anchor a => state.Logs.TryGetValue(a.Log, out var log) && signers is [var one] && one.Member == log.Node
                ? One("node", log.System, log.Environment)
                : Refused(
                state.Logs.ContainsKey(a.Log) ? RefusalCode.RoleMissing : RefusalCode.UnknownLog,
                $"no decision log '{a.Log}' of this node"),
            Alert a => One("node", a.System, a.Environment) is { } no
                && One("service", a.System, a.Environment) is not null ? no : null,
            // Never the node that is reckoned with.
            Reconcile r => Over("owner", r.System, r.Environment) is { } no
                && Over("service", r.System, r.Environment) is not null ? no : null,
            // A word on a whole system: an approver for one environment alone can't give it.
            Attestation a =>
                Over("approver", a.System, null) is { } no && Over("owner", a.System, null) is not null ? no : null,
            Verdict or Refusal => Server(),
            _ => Refused(RefusalCode.RoleMissing, $"nobody may sign a {statement.Kind} here"),
        };
    }
}
