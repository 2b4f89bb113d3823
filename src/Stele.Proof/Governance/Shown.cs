using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// The canonical document of what an approver was shown: the release, what it is made of and how well that is known, every evaluation, the head it would replace, and the policies in force.
/// Derived from the state, so a verifier derives it again and compares its digest with the approval's.
/// </summary>
public static class Shown
{
    public static Json Document(State state, ReleaseFact release, string system, string environment, string action)
    {
        var head = state.Environment(system, environment).Head;
        return Json.Object(
            ("version", 1), ("action", action), ("system", system), ("environment", environment), ("release", release.Digest), ("name", release.Name), ("document", release.Document),
            ("head", head is null ? null : Json.Object(("entry", head.Entry), ("routes", Json.Array(head.Routes.Select(r => r.ToJson()))))),
            ("policies", Json.Array(state.PoliciesFor(system, environment).Select(Json.Of))),
            ("components", Json.Array(release.Components.Select(c => Json.Object(
                ("role", c.Role), ("kind", c.Kind), ("name", c.Name), ("digest", c.Digest), ("strength", PolicyInput.Name(state.StrengthOf(c.Digest))))))),
            ("evaluations", Json.Array(state.Evaluations.Values.Where(e => e.Release == release.Digest && state.Stands(e))
                .Select(e => Json.Object(("entry", e.By.Entry), ("check", e.Check), ("report", e.Report))))));
    }
}
