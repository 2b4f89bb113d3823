using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

// What builders, evaluators, approvers and deployers state: from an artifact's origin to an environment's head.
public static partial class Fold
{
    /// <summary>
    /// How many origins an artifact may have: every release that rests on it is judged with all of them.
    /// </summary>
    public const int MaxOrigins = 64;

    internal static Outcome PutOrigin(Context c, Origin s)
    {
        if (!c.Signers.Any(x => x.Member == s.Builder))
            return c.Refuse(RefusalCode.RoleMissing, "the builder named is not who signed");
        // A member who says where a part of a release comes from is an author of it, and may have it refused or stopped
        // by what they name: that is for its own system's builders.
        foreach (var output in s.Outputs)
            if (c.State.Used.TryGetValue(output.Digest, out var systems)
                && systems.FirstOrDefault(x => !c.Signers.Any(b => c.State.Members[b.Member].Has(RoleName.Builder, x)))
                    is { } system)
                return c.Refuse(RefusalCode.RoleMissing,
                    $"{output.Digest} is part of a release of '{system}': where it comes from is for a builder of "
                    + $"'{system}' to say (builder@{system}); the origins that it has count for other releases too");
        foreach (var material in s.Materials)
        {
            if (c.State.IsRevoked(material.Digest))
                return c.Refuse(RefusalCode.Revoked, $"the material {material.Digest} was revoked");
            if (s.BuildType == Statements.Origin.Pipeline && c.State.OriginsOf(material.Digest).IsEmpty)
                return c.Refuse(RefusalCode.NoOrigin,
                    $"the material '{material.Name}' {material.Digest} has no origin that counts");
        }
        var origins = c.State.Origins;
        try
        {
            foreach (var (output, of) in OriginFacts(s, c.Signers))
            {
                var all = origins.TryGetValue(output, out var before) ? before : [];
                if (all.Length >= MaxOrigins)
                    return c.Refuse(RefusalCode.OutOfRange,
                        $"{output} has {all.Length} origins, and no more are taken: build on those");
                origins = origins.SetItem(output, all.Add(of));
            }
        }
        catch (FormatException e)
        {
            return c.Refuse(RefusalCode.Malformed, "the origin's parameters: " + e.Message);
        }
        var next = c.State with { Origins = origins };
        foreach (var system in s.Outputs.SelectMany(o => next.Used.TryGetValue(o.Digest, out var by) ? by : [])
            .Distinct(StringComparer.Ordinal))
            next = next.Using(s.Materials.Select(m => m.Digest), system);
        return c.Accept(next);
    }

    /// <summary>What an origin statement says of each of its outputs, in their order.</summary>
    /// <exception cref="FormatException">Its parameters are not what they should be.</exception>
    internal static IEnumerable<(Digest Output, OriginFact Fact)> OriginFacts(Origin s, ImmutableArray<Signed> signers)
    {
        var materials = s.Materials.Select(m => m.Digest).ToImmutableArray();
        var recipe = Digest.Of(Json.Object(
            ("type", s.BuildType), ("parameters", s.Parameters),
                ("materials", Json.Array(materials.Distinct().Order().Select(Json.Of)))).ToBytes());
        var fact = new OriginFact(signers, s.Builder, s.Runs?.Agree != false, s.BuildType, recipe, materials);
        foreach (var output in s.Outputs.DistinctBy(o => o.Digest))
        {
            var terms = SourceTerms.Of(s, output.Name);
            yield return (output.Digest,
                s.BuildType != Statements.Origin.Pipeline ? fact with { Source = terms }
                : terms.Kind is { } kind ? fact with { Source = new SourceTerms(null, kind, null, null) } : fact);
        }
    }

    internal static Outcome PutRelease(Context c, Release s)
    {
        if (!c.State.Systems.ContainsKey(s.System))
            return c.Refuse(RefusalCode.UnknownSystem, $"no system '{s.System}'");
        if (c.State.Releases.ContainsKey(s.Digest))
            return c.Refuse(RefusalCode.AlreadyKnown, $"the release {s.Digest} is declared already");
        if (c.Documents.Find(s.Digest) is not { } manifest)
            return c.Refuse(RefusalCode.DocumentMissing, $"the release's manifest {s.Digest} is not at hand");
        if (c.Documents.Find(s.Document) is not { } bytes)
            return c.Refuse(RefusalCode.DocumentMissing, $"the release document {s.Document} is not at hand");
        ReleaseDocument document;
        try
        {
            document = ReleaseDocument.Parse(bytes);
            var config = CanonicalJson.ParseCanonical(manifest, Artifacts.MaxDocument)["config"];
            if (config["digest"].AsDigest != s.Document || config["mediaType"].AsString != ReleaseDocument.MediaType)
                return c.Refuse(RefusalCode.DocumentInvalid,
                    "the release document is not the config of the release's manifest");
            if (document.Policy is { } digest)
            {
                if (c.Documents.Policy(digest) is not { } policy)
                    return c.Refuse(RefusalCode.DocumentMissing, $"the release's own policy {digest} is not at hand");
                if (policy.Document.Scope is { } most && most.System != document.System)
                    return c.Refuse(RefusalCode.OutOfScope, $"the release's own policy '{policy.Name}' is for {most}");
                if (policy.FirstBroken is { } broken)
                    return c.Refuse(RefusalCode.PolicyTestFailed,
                        $"the release's own policy '{policy.Name}' fails its own {broken}");
            }
        }
        catch (FormatException e)
        {
            return c.Refuse(RefusalCode.DocumentInvalid, e.Message);
        }
        if (document.System != s.System)
            return c.Refuse(RefusalCode.WrongSystem,
                $"the document says system '{document.System}', the statement '{s.System}'");
        var fact = new ReleaseFact(s.Digest, c.Signers, s.System, document.Name, s.Document, document.Components,
            document.Policy);
        foreach (var component in document.Components)
        {
            var origins = c.State.OriginsOf(component.Digest);
            if (origins.IsEmpty)
                return c.Refuse(RefusalCode.NoOrigin,
                    $"the component {component.Role} '{component.Name}' {component.Digest} has no origin that counts");
            // Rules go by kinds: what is a model where it comes from is a model here.
            if (origins.FirstOrDefault(o => o.Source?.Kind is { } kind && kind != component.Kind) is { } other)
                return c.Refuse(RefusalCode.DocumentInvalid,
                    $"the component {component.Role} '{component.Name}' is called a {component.Kind} here and a "
                    + $"{other.Source!.Kind} by its origin in entry {other.By[0].Entry}: call it what it is there");
            if (component is { Kind: "environment", Mount: not (null or "/") })
                return c.Refuse(RefusalCode.DocumentInvalid,
                    $"the component {component.Role} '{component.Name}' is an environment mounted at "
                    + $"{component.Mount}: an environment is the root, and what is mounted in it has another kind");
        }
        if (c.State.Closure(fact).FirstOrDefault(c.State.IsRevoked) is var revoked && revoked != default)
            return c.Refuse(RefusalCode.Revoked, $"{revoked}, in the release's closure, was revoked");
        return c.Accept((c.State with { Releases = c.State.Releases.Add(s.Digest, fact) }).Using(fact.Roots,
            fact.System));
    }

    internal static Outcome PutEvaluation(Context c, Evaluation s)
    {
        if (!c.State.Releases.ContainsKey(s.Release))
            return c.Refuse(RefusalCode.UnknownRelease, $"no release {s.Release}");
        if (c.State.IsRevoked(s.Check)) return c.Refuse(RefusalCode.Revoked, $"the check {s.Check} was revoked");
        if (c.Documents.Find(s.Report) is not { } bytes)
            return c.Refuse(RefusalCode.DocumentMissing, $"the report {s.Report} is not at hand");
        try
        {
            Report.Parse(bytes);
        }
        catch (FormatException e)
        {
            return c.Refuse(RefusalCode.DocumentInvalid, "the report: " + e.Message);
        }
        var evaluations = c.State.Evaluations;
        if (s.Supersedes is { } earlier)
        {
            if (s.Reason is null) return c.Refuse(RefusalCode.Malformed, "superseding an evaluation takes a reason");
            if (!(evaluations.TryGetValue(earlier, out var old) && old.Release == s.Release && old.Check == s.Check
                && c.State.Stands(old)))
                return c.Refuse(RefusalCode.UnknownEvaluation,
                    $"entry {earlier} is not a standing evaluation of this check and release");
            evaluations = evaluations.SetItem(earlier, old with { SupersededBy = c.Signer });
        }
        return c.Accept(c.State with { Evaluations = evaluations.Add(c.Index,
            new EvaluationFact(c.Signer, c.Time, s.Release, s.Check, s.Report, null)) });
    }

    /// <summary>
    /// How long an approval may wait for its deployment: who has looked longer ago than that looks again.
    /// </summary>
    public const long MaxApproval = 90 * 24 * 60 * 60 * 1000L;

    /// <summary>
    /// Whether an approval may be given. Whether it counts when something is deployed
    /// <see cref="PolicyInput.ValidApprovals"/> says; how many it takes, the policies in force.
    /// </summary>
    internal static Outcome Approve(Context c, Approval s)
    {
        if (s.Replaces is { } given) return Withdraw(c, s, given);
        var expires = s.Expires!.Value;
        if (Place(c, s.Release, s.System, s.Environment, out var release) is { } no) return no;
        if (c.State.Authors(release).Contains(c.Signer.Member))
            return c.Refuse(RefusalCode.AuthorApproves, $"the member {c.Signer.Member} is an author of the release");
        if (expires <= c.Time) return c.Refuse(RefusalCode.Expired, "the approval would be void at once");
        if (expires > c.Time + MaxApproval)
            return c.Refuse(RefusalCode.OutOfRange, $"an approval lasts at most {MaxApproval / 86_400_000} days");
        if (!Fits(s.Action, s.Routes) || (!s.Routes.IsEmpty && s.Routes.All(r => r.Release != s.Release)))
            return c.Refuse(RefusalCode.BadRoutes,
                $"routes do not fit the action '{Deployment.Actions[s.Action]}' of that release: name those of the "
                + "deployment");
        var head = c.State.Environment(s.System, s.Environment).Head?.Entry;
        if (s.Head != head)
            return c.Refuse(RefusalCode.StaleHead,
                $"the head is entry {head?.ToString(global::System.Globalization.CultureInfo.InvariantCulture) ?? "(none)"} now");
        if (!s.Policies.SequenceEqual(c.State.PoliciesFor(s.System, s.Environment)))
            return c.Refuse(RefusalCode.PoliciesDiffer, "these are not the policies in force");
        var shown =
            Digest.Of(Shown.Document(c.State, release, s.System, s.Environment, s.Action, s.Routes, c.Time).ToBytes());
        if (s.Shown != shown)
            return c.Refuse(RefusalCode.ShownDiffers, $"what there is to see now has the digest {shown}");
        return c.Accept(c.State with { Approvals = c.State.Approvals.Add(c.Index, new ApprovalFact(c.Signer, s)) });
    }

    /// <summary>
    /// Takes an approval back. Its giver alone may, with any of their keys, and no policy is asked: it lets nothing
    /// pass.
    /// </summary>
    static Outcome Withdraw(Context c, Approval s, long given)
    {
        if (!c.State.Approvals.TryGetValue(given, out var approval))
            return c.Refuse(RefusalCode.StaleReplace, $"entry {given} gave no approval");
        if (approval.By.Member != c.Signer.Member)
            return c.Refuse(RefusalCode.RoleMissing,
                $"the approval of entry {given} is the member {approval.By.Member}'s, who alone takes it back");
        if (!(s with
        {
            Expires = approval.Expires,
            Replaces = null
        }).Body.Equals(approval.Approval.Body) || s.Release != approval.Approval.Release)
            return c.Refuse(RefusalCode.StaleReplace,
                $"the approval of entry {given} says something else: say all of it again");
        if (approval.Withdrawn is { } by)
            return c.Refuse(RefusalCode.AlreadyKnown, $"entry {by.Entry} took it back already");
        if (approval.Expires <= c.Time)
            return c.Refuse(RefusalCode.Expired, $"the approval of entry {given} has ended already");
        return c.Accept(
            c.State with { Approvals = c.State.Approvals.SetItem(given, approval with { Withdrawn = c.Signer }) });
    }

    /// <summary>
    /// How long a waiver may last, and how many may count at once for one release in one place: a rule that is waived
    /// for longer, or everywhere, is to be changed.
    /// </summary>
    public const long MaxWaiver = 90 * 24 * 60 * 60 * 1000L;

    /// <inheritdoc cref="MaxWaiver"/>
    public const int MaxWaivers = 256;

    internal static Outcome Waive(Context c, Waiver s)
    {
        if (s.Replaces is { } given) return Withdraw(c, s, given);
        var expires = s.Expires!.Value;
        if (Place(c, s.Release, s.System, s.Environment, out var release) is { } no) return no;
        if (c.State.Authors(release).Contains(c.Signer.Member))
            return c.Refuse(RefusalCode.AuthorApproves, $"the member {c.Signer.Member} is an author of the release");
        if (expires <= c.Time) return c.Refuse(RefusalCode.Expired, "the waiver would be void at once");
        if (expires > c.Time + MaxWaiver)
            return c.Refuse(RefusalCode.OutOfRange, $"a waiver lasts at most {MaxWaiver / 86_400_000} days");
        if (!c.State.PoliciesFor(s.System, s.Environment).Contains(s.Policy))
            return c.Refuse(RefusalCode.PoliciesDiffer, $"the policy {s.Policy} is not in force there");
        Json waiver;
        try
        {
            if (c.Documents.Policy(s.Policy) is not { } policy)
                return c.Refuse(RefusalCode.DocumentMissing, $"the policy {s.Policy} is not at hand");
            if (policy.Rules.FirstOrDefault(r => r.Id == s.Rule) is not { } rule)
                return c.Refuse(RefusalCode.OutOfRange, $"the policy has no rule '{s.Rule}'");
            // Rules on acts of governance and on requests can't be waived.
            if (!rule.On.Any(Actions.Deployments.Contains))
                return c.Refuse(RefusalCode.OutOfRange,
                    $"the rule '{s.Rule}' judges no deployment: there is nothing to waive");
            waiver = Json.Object(("rule", s.Rule), ("policy", s.Policy), ("name", policy.Name),
                ("severity", rule.Severity), ("controls", Rule.Set(rule.Controls)), ("expires", expires),
                ("member", c.Signer.Member));
        }
        catch (FormatException e)
        {
            return c.Refuse(RefusalCode.DocumentInvalid, e.Message);
        }
        if (c.State.Waivers.Values.Count(w => w.Waiver.Release == s.Release && w.Waiver.System == s.System
            && w.Waiver.Environment == s.Environment && w.Expires > c.Time && w.Withdrawn is null) >= MaxWaivers)
            return c.Refuse(RefusalCode.OutOfRange, $"{MaxWaivers} waivers count for that release there already");
        return Govern(c, Actions.Waiver, s.System, s.Environment, release,
            c.State with { Waivers = c.State.Waivers.Add(c.Index, new WaiverFact(c.Signer, s)) }, ("waiver", waiver));
    }

    /// <summary>
    /// Takes a waiver back. Any approver of the place may, an author of the release too, and no policy is asked: it
    /// lets nothing pass.
    /// </summary>
    static Outcome Withdraw(Context c, Waiver s, long given)
    {
        if (!c.State.Waivers.TryGetValue(given, out var waiver))
            return c.Refuse(RefusalCode.StaleReplace, $"entry {given} gave no waiver");
        var w = waiver.Waiver;
        if ((s.Release, s.System, s.Environment, s.Policy, s.Rule) != (w.Release, w.System, w.Environment, w.Policy,
            w.Rule))
            return c.Refuse(RefusalCode.StaleReplace,
                $"the waiver of entry {given} is of another rule, release or place");
        if (waiver.Withdrawn is { } by)
            return c.Refuse(RefusalCode.AlreadyKnown, $"entry {by.Entry} took it back already");
        if (waiver.Expires <= c.Time)
            return c.Refuse(RefusalCode.Expired, $"the waiver of entry {given} has ended already");
        return c.Accept(
            c.State with { Waivers = c.State.Waivers.SetItem(given, waiver with { Withdrawn = c.Signer }) });
    }

    /// <summary>A canary compares a few releases, not a crowd.</summary>
    public const int MaxRoutes = 8;

    /// <summary>
    /// Whether an action can have these routes: a halt none, a canary several whose weights add up to 100, the others
    /// one that has all.
    /// </summary>
    static bool Fits(DeploymentAction action, ImmutableArray<Route> routes) =>
        action == DeploymentAction.Halt ? routes.IsEmpty
        : routes.Length <= MaxRoutes && routes.All(r => r.Weight is >= 1 and <= 100) && routes.Sum(r => r.Weight) == 100
            && routes.Select(r => r.Release).Distinct().Count() == routes.Length
            && (action is DeploymentAction.Deploy or DeploymentAction.Rollback) == (routes.Length == 1);

    internal static Outcome Deploy(Context c, Deployment s)
    {
        if (Known(c, s.System, s.Environment) is { } unknown) return unknown;
        var place = State.Place(s.System, s.Environment);
        var environment = c.State.Environment(s.System, s.Environment);
        if (s.Replaces != environment.Head?.Entry)
            return c.Refuse(RefusalCode.StaleHead,
                environment.Head is { } h ? $"the head of {place} is entry {h.Entry}" : $"{place} has no head yet");

        if (!Fits(s.Action, s.Routes))
            return c.Refuse(RefusalCode.BadRoutes, $"routes do not fit the action '{Deployment.Actions[s.Action]}'");

        // A node alone may only go back one step, and only where the environment allows it; not to and fro: what was
        // rolled back, or stopped, stays so until a deployer acts.
        var deployer = c.State.Members[c.Signer.Member].Has(RoleName.Deployer, s.System, s.Environment);
        if (!deployer
            && !(c.State.Systems[s.System].Environment(s.Environment)!.NodeReturn
                && s.Action == DeploymentAction.Rollback
                && environment.Head is { Action: DeploymentAction.Deploy or DeploymentAction.Canary } now
                && now.PreviousRoutes.SequenceEqual(s.Routes)))
            return c.Refuse(RefusalCode.NotAReturn,
                "a node may only return to the previous head, and from a deployment or canary alone: what was rolled "
                + "back or stopped is for a deployer to start");

        var judgement = new Judgement([], [], Json.EmptyObject);
        var routes = Json.Object(("routes", PolicyInput.Routes(s.Routes)));
        var waivers = ImmutableSortedSet.CreateBuilder<long>();
        if (c.State.PoliciesFor(s.System, s.Environment).IsEmpty && s.Action != DeploymentAction.Halt)
            return c.Refuse(RefusalCode.PolicyMissing, $"no policy is in force for {place}");
        foreach (var route in s.Routes)
        {
            if (Place(c, route.Release, s.System, s.Environment, out var release) is { } no) return no;
            if (s.Action == DeploymentAction.Rollback && !environment.RanAlone(route.Release))
                return c.Refuse(RefusalCode.NeverDeployed,
                    $"{place} never ran {route.Release}{(environment.Deployed.ContainsKey(route.Release) ? " alone, but in canaries" : "")}: deploy it");
            var (j, refusal) = Judge(c, Deployment.Actions[s.Action], s.System, s.Environment, release, routes);
            if (refusal is { } r) return c.Refuse(r.Code, r.Message);
            if (j!.Rules.IsEmpty)
                return c.Refuse(RefusalCode.PolicyMissing,
                    $"no policy in force for {place} has a rule on '{Deployment.Actions[s.Action]}'");
            judgement = s.Routes.Length == 1 ? j : judgement.And(j, route.Release);
            waivers.UnionWith(j.Rules.Where(x => x.Waiver is not null).Select(x => x.Waiver!.Value));
        }
        if (s.Routes.IsEmpty)
        {
            var (j, refusal) = Judge(c, Deployment.Actions[s.Action], s.System, s.Environment, null, routes);
            if (refusal is { } r) return c.Refuse(r.Code, r.Message);
            judgement = j!;
        }
        if (judgement.FirstFailure is { } failure) return Failed(c, judgement, failure);

        var head = new HeadFact(c.Index, c.Time, s.Action, s.Routes, judgement.Policies, [.. waivers],
            environment.Head?.Routes ?? []);
        var deployed = s.Routes.Aggregate(environment.Deployed, (d, r) => d.SetItem(r.Release, c.Index));
        var heads = environment.Heads.Add(c.Index, new PastHead(s.Action, s.Routes));
        return c.Accept(c.State with { Environments = c.State.Environments.SetItem(place, environment with
        {
            Head = head,
            Deployed = deployed,
            Heads = heads
        }) }, judgement);
    }

    /// <summary>
    /// The release must be known, of that system, in an environment that exists, with nothing in its closure revoked
    /// and every origin still good.
    /// </summary>
    static Outcome.Refused? Place(Context c, Digest digest, string system, string environment, out ReleaseFact release)
    {
        release = null!;
        if (Known(c, system, environment) is { } unknown) return unknown;
        if (!c.State.Releases.TryGetValue(digest, out var found))
            return c.Refuse(RefusalCode.UnknownRelease, $"no release {digest}");
        release = found;
        if (found.System != system)
            return c.Refuse(RefusalCode.WrongSystem, $"the release is of system '{found.System}'");
        if (c.State.Closure(found).FirstOrDefault(c.State.IsRevoked) is var revoked && revoked != default)
            return c.Refuse(RefusalCode.Revoked, $"{revoked}, in the release's closure, was revoked");
        if (!found.By.All(c.State.InForce))
            return c.Refuse(RefusalCode.Revoked, "the key that declared the release was revoked before it did");
        foreach (var component in found.Components)
            if (c.State.OriginsOf(component.Digest).IsEmpty)
                return c.Refuse(RefusalCode.NoOrigin,
                    $"the component {component.Role} '{component.Name}' has no origin that still counts");
        return null;
    }
}
