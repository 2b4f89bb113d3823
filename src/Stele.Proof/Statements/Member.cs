using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// Owners add, change or revoke a member: all its keys and scoped roles from this entry on. <paramref name="Replaces"/>
/// is the entry of the member's previous statement (null for a new member). <paramref name="Name"/> is a salted
/// commitment to what people call the member; the name itself lives in an erasable blob.
/// No keys and no roles = the member is out.
/// </summary>
public sealed record MemberStatement(string Member, long? Replaces, ImmutableArray<PublicKey> Keys,
    ImmutableArray<Role> Roles, Digest? Name) : Statement
{
    public override string Kind => "member";
    public override ImmutableArray<Subject> Subjects => Genesis;

    internal override Json Body => Json.Object(
        ("member", Member), ("replaces", Replaces is { } r ? Json.Of(r) : null),
        ("keys", Json.Array(Keys.Select(k => Json.Of(k.ToString())))),
        ("roles", Json.Array(Roles.Select(r => r.ToJson()))), ("name", Name is { } n ? Json.Of(n) : null));

    internal static MemberStatement Read(Parts h)
    {
        var p = h.Predicate;
        return new(Names.Member(p["member"]), p.Find("replaces") is { } r ? Names.Entry(r) : null,
            [.. p["keys"].AsArray.Select(k => PublicKey.Parse(k.AsString))],
            [.. p["roles"].AsArray.Select(Role.FromJson)], p.Find("name")?.AsDigest)
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
    }
}
