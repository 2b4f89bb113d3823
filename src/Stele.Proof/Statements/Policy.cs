using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// Owners put a compiled policy in force for a scope: the whole ledger, a system, or one environment. It replaces the policy named by the entry
/// <paramref name="Replaces"/> (null: the scope had none). A null <paramref name="Policy"/> leaves the scope without a policy.
/// </summary>
public sealed record PolicyStatement(string? System, string? Environment, long? Replaces, Digest? Policy) : Statement
{
    public override string Kind => "policy";
    public override ImmutableArray<Subject> Subjects => Policy is { } p ? [new Subject(p)] : Genesis;

    internal override Json Body => Json.Object(
        ("system", System is null ? null : Json.Of(System)), ("environment", Environment is null ? null : Json.Of(Environment)),
        ("replaces", Replaces is { } r ? Json.Of(r) : null), ("policy", Policy is { } p ? Json.Of(p) : null));

    internal static PolicyStatement Read(Parts h)
    {
        var p = h.Predicate;
        var statement = new PolicyStatement(p.Find("system") is { } s ? Names.Label(s) : null, p.Find("environment") is { } e ? Names.Label(e) : null,
            p.Find("replaces") is { } r ? Names.Entry(r) : null, p.Find("policy")?.AsDigest)
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
        if (statement.Environment is not null && statement.System is null) throw new FormatException("an environment needs its system");
        return statement;
    }
}
