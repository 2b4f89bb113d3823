using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace Stele.Proof.Statements;

/// <summary>
/// Owners put a compiled policy in force for a scope: the whole ledger, a system, or one environment. It replaces the
/// policy named by the entry
/// <paramref name="Replaces"/> (null: the scope had none). A null <paramref name="Policy"/> leaves the scope without a
/// policy. A candidate may stand with it, which is judged too and only recorded; at the gateway it decides in the
/// policy's place for <paramref name="Share"/> percent of principals.
/// </summary>
/// <param name="Share">0 to 100; named exactly where there is a candidate.</param>
public sealed record PolicyStatement(string? System, string? Environment, long? Replaces, Digest? Policy,
    Digest? Candidate = null, int Share = 0) : Statement
{
    public const int WholeShare = 100;

    public override string Kind => "policy";
    public override ImmutableArray<Subject> Subjects => Policy is null && Candidate is null
        ? Genesis
        : [.. new[] { Policy, Candidate }.OfType<Digest>().Select(d => new Subject(d))];

    /// <summary>
    /// Whether a principal is of the share for whom a candidate decides: those whose hash with the candidate's digest
    /// falls below it. So it is the same principals everywhere and at any time, those of a small share are among those
    /// of a larger one, and another candidate falls on others.
    /// </summary>
    /// <param name="principal">A pseudonym.</param>
    public static bool FallsInto(int share, Digest candidate, string principal)
    {
        if (share is 0 or WholeShare) return share == WholeShare;
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"stele.dev/candidate/v1\n{candidate}\n{principal}"));
        return (ulong)BinaryPrimitives.ReadUInt32BigEndian(hash) * WholeShare >> 32 < (ulong)share;
    }

    internal override Json Body => Json.Object(
        ("system", System is null ? null : Json.Of(System)),
        ("environment", Environment is null ? null : Json.Of(Environment)),
        ("replaces", Replaces is { } r ? Json.Of(r) : null), ("policy", Policy is { } p ? Json.Of(p) : null),
        ("candidate", Candidate is { } c ? Json.Of(c) : null), ("share", Candidate is null ? null : Json.Of(Share)));

    internal static PolicyStatement Read(Parts h)
    {
        var p = h.Predicate;
        var statement = new PolicyStatement(p.Find("system") is { } s ? Names.Label(s) : null,
            p.Find("environment") is { } e ? Names.Label(e) : null,
            p.Find("replaces") is { } r ? Names.Entry(r) : null, p.Find("policy")?.AsDigest,
            p.Find("candidate")?.AsDigest, p.Find("share") is { } n ? Names.Small(n) : 0)
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
        if (statement.Environment is not null && statement.System is null)
            throw new FormatException("an environment needs its system");
        if ((p.Find("share") is null) != (statement.Candidate is null) || statement.Share is < 0 or > WholeShare)
            throw new FormatException($"a candidate, and only a candidate, has a share of 0 to {WholeShare} percent");
        if (statement.Candidate is { } same && same == statement.Policy)
            throw new FormatException("a candidate is another policy than the one it is a candidate for");
        return statement;
    }
}
