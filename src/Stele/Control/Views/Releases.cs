using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control.Views;

/// <summary>What was declared to run, in the order of the entries.</summary>
sealed record ReleaseList(long Size, ImmutableArray<ShownRelease> Releases) : IView
{
    public static ReleaseList Of(State state) => new(state.Size,
        [.. state.Releases.Values.OrderBy(r => r.Entry).Select(r => ShownRelease.Of(state, r))]);

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

/// <summary>
/// A release with its components, how well their origins are known, its evaluations, its approvals and where it ran.
/// </summary>
/// <param name="Policy">The policy frozen in it.</param>
sealed record ShownRelease(Digest Release, string Name, string System, long Entry, Digest Document, Digest? Policy,
    ImmutableArray<string> Authors, bool Revoked, ImmutableArray<ShownComponent> Components,
    ImmutableArray<ShownEvaluation> Evaluations, ImmutableArray<ShownApproval> Approvals,
    ImmutableArray<ShownPlace> Deployed) : IView
{
    public static ShownRelease Of(State state, ReleaseFact r) => new(r.Digest, r.Name, r.System, r.Entry, r.Document,
        r.Policy, [.. state.Authors(r)], state.Closure(r).Any(state.IsRevoked),
        [.. r.Components.Select(c => new ShownComponent(c, PolicyInput.Name(state.StrengthOf(c.Digest))))],
        [.. state.Evaluations.Values.Where(e => e.Release == r.Digest).Select(e => new ShownEvaluation(e.By.Entry,
            e.By.Member, e.Check, e.Report, e.SupersededBy is not null, state.Stands(e)))],
        [.. state.Approvals.Values.Where(a => a.Approval.Release == r.Digest).Select(a => new ShownApproval(
            a.By.Entry, a.By.Member, State.Place(a.Approval.System, a.Approval.Environment), a.Approval.Action,
            a.Approval.Routes, a.Expires, a.Withdrawn?.Entry))],
        [.. state.Environments.Where(e => e.Value.Deployed.ContainsKey(r.Digest))
            .Select(e => new ShownPlace(e.Key, e.Value.Deployed[r.Digest]))]);
}

/// <param name="Strength">How well its origin is known.</param>
sealed record ShownComponent([Inline] Component Component, string Strength) : IView;

/// <param name="Counts">It stands: neither superseded nor signed by what was revoked.</param>
sealed record ShownEvaluation(long Entry, string By, Digest Check, Digest Report, bool Superseded, bool Counts) : IView;

/// <param name="Expires">Milliseconds since 1970 UTC.</param>
/// <param name="Withdrawn">The entry that took it back.</param>
sealed record ShownApproval(long Entry, string By, string Place, DeploymentAction Action,
    ImmutableArray<Route> Routes, long Expires, long? Withdrawn) : IView;

/// <param name="Entry">The last deployment that routed there.</param>
sealed record ShownPlace(string Place, long Entry) : IView;
