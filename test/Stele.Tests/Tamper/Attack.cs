using Stele.Proof.Decisions;

namespace Stele.Tests.Tamper;

/// <summary>One row of the tamper matrix.</summary>
/// <param name="Name">What the attacker does, and with which keys.</param>
/// <param name="Kind"><c>pack</c> or <c>receipt</c>: what stele-verify is asked about.</param>
/// <param name="Make">The forged bytes, and the trust file of the honest world.</param>
/// <param name="Expected">
/// The finding that must catch it, by name; several where one or the other comes first. A refusal's code stands in a
/// finding's message.
/// </param>
sealed record Attack(string Name, string Kind, Func<(byte[] Bytes, Trust Trust)> Make, params string[] Expected)
{
    public override string ToString() => Name;
}
