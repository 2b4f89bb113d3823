using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Control.Views;

/// <summary>Who may act: every member with its keys and roles.</summary>
static class Members
{
    public static Json Of(State state) =>
        Json.Object(("size", state.Size),
            ("members",
                Json.Array(state.Members.Values.OrderBy(m => m.Entry).ThenBy(m => m.Id, StringComparer.Ordinal)
                    .Select(m => Json.Object(
        ("member", m.Id), ("entry", m.Entry), ("roles", Json.Array(m.Roles.Select(r => Json.Of(r.ToString())))),
        ("out", m.Keys.IsEmpty && m.Roles.IsEmpty),
        ("keys", Json.Array(
            m.Keys.Select(k => Json.Object(("id", k.Id), ("key", k.ToString()), ("revoked", state.IsRevoked(k.Id)))))),
        ("name", m.Name is { } n ? Json.Of(n) : null))))));
}
