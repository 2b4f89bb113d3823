using Stele.Proof;

namespace Stele.Control;

/// <summary>What became of a submitted statement.</summary>
abstract record Admitted
{
    /// <summary>It stands in the ledger, durably.</summary>
    public sealed record Added(long Entry, long Time, Digest Leaf) : Admitted;

    /// <summary>The very payload stood there already: a retry.</summary>
    public sealed record Already(long Entry, Digest Leaf) : Admitted;

    /// <summary>
    /// It may not stand, or could not be judged. <see cref="Problem.Refusal"/> says where that is recorded, if it is.
    /// </summary>
    public sealed record Refused(Problem Problem) : Admitted;
}
