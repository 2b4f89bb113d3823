using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Control.Views;

/// <summary>Who may act: every member with its keys and roles, in the order of their entries.</summary>
sealed record MemberList(long Size, ImmutableArray<ShownMember> Members) : IView
{
    public static MemberList Of(State state) => new(state.Size,
        [.. state.Members.Values.OrderBy(m => m.Entry).ThenBy(m => m.Id, StringComparer.Ordinal)
            .Select(m => ShownMember.Of(state, m))]);
}

/// <param name="Out">It was removed: it has neither keys nor roles.</param>
/// <param name="Name">The commitment to its name.</param>
sealed record ShownMember(string Member, long Entry, ImmutableArray<string> Roles, bool Out,
    ImmutableArray<ShownKey> Keys, Digest? Name) : IView
{
    public static ShownMember Of(State state, MemberFact m) => new(m.Id, m.Entry,
        [.. m.Roles.Select(r => r.ToString())], m.Keys.IsEmpty && m.Roles.IsEmpty,
        [.. m.Keys.Select(k => new ShownKey(k.Id, k.ToString(), state.IsRevoked(k.Id)))], m.Name);
}

sealed record ShownKey(Digest Id, string Key, bool Revoked) : IView;
