using Cel.Syntax;

namespace Stele.Proof.Governance;

/// <summary>Something wrong with a policy document.</summary>
/// <param name="Path">A JSON pointer into the canonical document; empty for the whole.</param>
/// <param name="Subject">The rule, definition or test it is about, as people call it; null for the whole.</param>
/// <param name="Reason">What is wrong, and what to write instead.</param>
/// <param name="Cel">Where in an expression, if it is in one.</param>
public sealed record PolicyProblem(string Path, string? Subject, string Reason, CelException? Cel = null)
{
    public override string ToString() => $"{(Subject is null ? "" : Subject + ": ")}{Cel?.Message ?? Reason}";
}

/// <summary>A document that is no policy: everything that is wrong with it. The message is that of the first.</summary>
public sealed class PolicyException(IReadOnlyList<PolicyProblem> problems) : FormatException(problems[0].ToString())
{
    public IReadOnlyList<PolicyProblem> Problems { get; } = problems;
}
