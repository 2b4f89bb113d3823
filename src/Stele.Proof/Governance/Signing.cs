using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// Who signed a statement, and what its kind may ask of them: each question answers with a refusal, null = they may.
/// </summary>
/// <param name="State">The state before the entry.</param>
/// <param name="Signers">At least one: every signature is good.</param>
sealed record Signing(State State, Statement Statement, ImmutableArray<Signed> Signers)
{
    /// <summary>Whether the recovery key alone signed.</summary>
    public bool IsRecovery => Signers is [{ Member: Fold.RecoveryMember }];

    public Outcome.Refused Refused(RefusalCode code, string message) =>
        new(code, message, null, Statement, Signers[0].Member);

    /// <summary>Nobody may.</summary>
    public Outcome.Refused Nobody() => Refused(RefusalCode.RoleMissing, $"nobody may sign a {Statement.Kind} here");

    /// <summary>Owners of the whole ledger alone, as many as the threshold.</summary>
    public Outcome.Refused? Owners()
    {
        var count = Signers.Count(s => State.Members.TryGetValue(s.Member, out var m) && m.IsOwner);
        if (count != Signers.Length)
            return Refused(RefusalCode.RoleMissing, $"a {Statement.Kind} statement is for owners alone");
        return count >= State.Threshold
            ? null
            : Refused(RefusalCode.TooFewOwners, $"{count} of {State.Threshold} owners signed");
    }

    /// <summary>Everyone who signed holds the role there.</summary>
    public Outcome.Refused? Each(RoleName role, string? system = null, string? environment = null)
    {
        foreach (var s in Signers)
            if (!(State.Members.TryGetValue(s.Member, out var m) && m.Has(role, system, environment)))
                return Refused(RefusalCode.RoleMissing,
                    $"the member {s.Member} does not hold the role {new Role(role, system, environment)}");
        return null;
    }

    /// <summary>One signature, by a member who holds the role there.</summary>
    public Outcome.Refused? One(RoleName role, string? system = null, string? environment = null) =>
        Signers.Length == 1
            ? Each(role, system, environment)
            : Refused(RefusalCode.Malformed, $"a {Statement.Kind} statement has one signature");

    /// <summary>The same with one of two roles; the first one's refusal is told.</summary>
    public Outcome.Refused? OneOf(RoleName role, RoleName other, string? system, string? environment) =>
        One(role, system, environment) is { } no && One(other, system, environment) is not null ? no : null;

    /// <summary>One signature, by a member whose role is over all that a null names, not some part of it.</summary>
    public Outcome.Refused? Over(RoleName role, string? system, string? environment) =>
        One(role, system, environment) ?? (State.Members[Signers[0].Member].Roles.Any(
        r => r.Name == role
            && (r.System is null
                || (r.System == system && (r.Environment is null || r.Environment == environment))))
            ? null
            : Refused(RefusalCode.RoleMissing,
                $"the member {Signers[0].Member} holds the role {Role.Words[role]} for a part of that scope alone"));

    /// <summary>The same with one of two roles; the first one's refusal is told.</summary>
    public Outcome.Refused? OverOneOf(RoleName role, RoleName other, string? system, string? environment) =>
        Over(role, system, environment) is { } no && Over(other, system, environment) is not null ? no : null;

    /// <summary>The server's key of genesis.</summary>
    public Outcome.Refused? Server() => Signers is [{ Member: Fold.ServerMember }]
        ? null
        : Refused(RefusalCode.NotTheServer, $"a {Statement.Kind} is the server's to sign");
}
