namespace Mortgage.Check;

/// <summary>One answer of the release, next to the truth.</summary>
/// <param name="Group">The row's group.</param>
/// <param name="Favourable">Whether the true outcome was the favourable one.</param>
/// <param name="Approved">Whether the release approved.</param>
/// <param name="Denial">The probability of denial that the release gave.</param>
internal readonly record struct Outcome(string Group, bool Favourable, bool Approved, double Denial);
