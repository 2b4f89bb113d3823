using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Control.Views;

/// <summary>
/// What was declared to run: every release with its components, how well their origins are known, its evaluations and
/// where it ran.
/// </summary>
static class Releases
{
    public static Json Of(State state) =>
        Json.Object(("size", state.Size),
            ("releases", Json.Array(state.Releases.Values.OrderBy(r => r.Entry).Select(r => One(state, r)))));

    public static Json One(State state, ReleaseFact r) => Json.Object(
        ("release", r.Digest), ("name", r.Name), ("system", r.System), ("entry", r.Entry), ("document", r.Document),
        ("policy", r.Policy is { } p ? Json.Of(p) : null),
        ("authors", Json.Array(state.Authors(r).Select(Json.Of))),
        ("revoked", state.Closure(r).Any(state.IsRevoked)),
        ("components", Json.Array(
            r.Components.Select(c => c.ToJson().With("strength", PolicyInput.Name(state.StrengthOf(c.Digest)))))),
        ("evaluations", Json.Array(state.Evaluations.Values.Where(e => e.Release == r.Digest).Select(e => Json.Object(
            ("entry", e.By.Entry), ("by", e.By.Member), ("check", e.Check), ("report", e.Report),
            ("superseded", e.SupersededBy is not null), ("counts", state.Stands(e)))))),
        ("approvals",
            Json.Array(state.Approvals.Values.Where(a => a.Approval.Release == r.Digest).Select(a => Json.Object(
            ("entry", a.By.Entry), ("by", a.By.Member),
            ("place", State.Place(a.Approval.System, a.Approval.Environment)), ("action", a.Approval.Action),
            ("routes", PolicyInput.Routes(a.Approval.Routes)), ("expires", a.Expires),
            ("withdrawn", a.Withdrawn is { } by ? Json.Of(by.Entry) : null))))),
        ("deployed",
            Json.Array(state.Environments.Where(e => e.Value.Deployed.ContainsKey(r.Digest))
                .Select(e => Json.Object(("place", e.Key), ("entry", e.Value.Deployed[r.Digest]))))));

    /// <summary>
    /// A release by its digest, by its name where only one has it, or by at least six first hex digits.
    /// </summary>
    /// <exception cref="FormatException">None, or several.</exception>
    public static ReleaseFact Find(State state, string text)
    {
        if (Digest.TryParse(text, out var digest))
            return state.Releases.TryGetValue(digest, out var exact)
                ? exact
                : throw new FormatException($"no release {digest}");
        var found = state.Releases.Values.Where(r => r.Name == text
            || (text.Length >= 6 && r.Digest.Hex.StartsWith(text, StringComparison.Ordinal))).ToList();
        return found.Count switch
        {
            1 => found[0],
            0 => throw new FormatException($"no release '{text}'"),
            _ =>
                throw new FormatException(
                    $"'{text}' could be {string.Join(" or ", found.Select(r => $"{r.Name} {r.Digest.Short}"))}: say "
                    + $"more of the digest"),
        };
    }
}
