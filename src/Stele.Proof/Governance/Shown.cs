using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// The canonical document of what an approver was shown: the release, what it is made of and how well that is known,
/// every evaluation, the waivers and the words on controls that count for it, the head it would replace and the routes
/// it would get, and the policies in force.
/// Derived from the state, so a verifier derives it again and compares its digest with the approval's.
/// </summary>
public static class Shown
{
    public static Json Document(State state, ReleaseFact release, string system, string environment,
        DeploymentAction action, ImmutableArray<Route> routes, long time)
    {
        var head = state.Environment(system, environment).Head;
        return Json.Object(
            ("version", 1), ("action", Deployment.Actions[action]), ("system", system), ("environment", environment),
            ("release", release.Digest), ("name", release.Name), ("document", release.Document),
            ("routes", routes.IsEmpty ? null : Json.Array(routes.OrderBy(r => r.Release).Select(r => r.ToJson()))),
            ("head", head is null
                ? null
                : Json.Object(("entry", head.Entry), ("routes", Json.Array(head.Routes.Select(r => r.ToJson()))))),
            ("policies", Json.Array(state.PoliciesFor(system, environment).Select(Json.Of))),
            ("components", Json.Array(release.Components.Select(c => Json.Object(
                ("role", c.Role), ("kind", c.Kind), ("name", c.Name), ("digest", c.Digest),
                ("strength", PolicyInput.Name(state.StrengthOf(c.Digest))))))),
            ("evaluations",
                Json.Array(state.Evaluations.Values.Where(e => e.Release == release.Digest && state.Stands(e))
                .Select(e => Json.Object(("entry", e.By.Entry), ("check", e.Check), ("report", e.Report))))),
            ("waivers", Json.Array(PolicyInput.ValidWaivers(state, release, system, environment, time)
                .Select(w => Json.Object(("entry", w.By.Entry), ("policy", w.Waiver.Policy), ("rule", w.Waiver.Rule),
                    ("member", w.By.Member), ("expires", w.Expires))))),
            ("attestations", Json.Array(Attestations.InForce(state, system, release.Digest, time)
                .Select(a => Json.Object(("entry", a.By.Entry), ("control", a.Attestation.Control),
                    ("member", a.By.Member), ("expires", a.Attestation.Expires!.Value))))));
    }
}
