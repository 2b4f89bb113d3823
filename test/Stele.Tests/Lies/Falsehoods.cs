using System.Collections.Immutable;
using System.Globalization;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Lies;

/// <summary>Every lie that is told, with who can tell it.</summary>
static partial class Falsehoods
{
    static readonly Artefact[] Receipts = [Artefact.One, Artefact.Two], Packs = [Artefact.Pack, Artefact.Ledger],
        Everywhere = [.. Receipts, .. Packs];

    public static readonly ImmutableArray<Lie> All =
        [.. Verdicts(), .. Deployments(), .. Approvals(), .. Evaluations(), .. Origins(), .. Policies(), .. Records(),
            .. Places(), .. Times(), .. Members(), .. States(), .. Refusals(), .. Ledgers(), .. Logs()];

    /// <summary>Told in words, by one artefact, from some keys on.</summary>
    static (Artefact, Held, string) Told(Artefact @in, Held from, string words) => (@in, from, words);

    /// <summary>That an entry was admitted, where it stands, is the word of who keeps the tree.</summary>
    const string Admitted = "admitted each of these entries";

    static Lie Of(string sentence, Lazy<Ground> ground, Artefact[] @in, string names, Action<Forger> tell,
        params (Artefact, Held, string)[] told) =>
        new(sentence, ground, @in, tell, names) { Told = told };

    static Lie Life(string sentence, Artefact[] @in, string names, Action<Forger> tell, params (Artefact, Held,
        string)[] told) =>
        Of(sentence, Ground.Life, @in, names, tell, told);

    static string N(long n) => n.ToString(CultureInfo.InvariantCulture);

    /// <summary>What the verdict on the deployment says.</summary>
    static IEnumerable<Lie> Verdicts()
    {
        const string verdict = "the verdict in entry";
        static Lie Verdict(string sentence, string names, Func<Verdict, Forger, Statement> change,
            params (Artefact, Held, string)[] told) =>
            Life(sentence, Everywhere, names, f => f.Retell<Verdict>(f.Ground["deployed"] + 1, v => change(v, f),
                World.Server), told);
        static Verdict First(Verdict v, Func<RuleOutcome, RuleOutcome> change) => v with { Rules = v.Rules.SetItem(0,
            change(v.Rules[0])) };

        yield return Verdict("a rule failed, and the deployment passed", "verdict-differs.*failed",
            (v, _) => First(v, r => r with { Result = RuleResult.Failed }));
        yield return Verdict("a rule did not evaluate, and the deployment passed",
            "verdict-differs.*(did not evaluate|error)",
            (v, _) => First(v, r => r with { Result = RuleResult.Error }));
        yield return Verdict("99 rules passed", "verdict-differs.*rules",
            (v, _) => v with { Rules = [.. Enumerable.Repeat(v.Rules[0], 99)] });
        yield return Verdict("no rule was asked", "verdict-differs.*rules", (v, _) => v with { Rules = [] });
        yield return Verdict("one rule fewer was asked", "verdict-differs.*rules",
            (v, _) => v with { Rules = v.Rules[1..] });
        yield return Verdict("a rule of another policy was asked", "verdict-differs.*(rules|polic)",
            (v, f) => First(v, r => r with { Policy = f.M.Frozen }));
        yield return Verdict("a rule of another name was asked", "verdict-differs.*(rules|rule is)",
            (v, _) => First(v, r => r with { Rule = "easy" }));
        yield return Verdict("the ratio was 0.99", "verdict-differs.*0.99",
            (v, _) => First(v, r => r with { Values = [r.Values[0] with { Value = 0.99 }] }),
            Told(Artefact.One, Held.Server, verdict)) with { Never = "0\\.99" };
        yield return Verdict("a rule was waived by an entry that does not exist", "verdict-differs.*(999999|waive)",
            (v, _) => First(v, r => r with { Result = RuleResult.Waived, Waiver = 999999 })
            with { Waivers = [999999] });
        yield return Verdict("a rule was waived by an entry that is no waiver", "verdict-differs.*(waive|/rules)",
            (v, f) => First(v, r => r with { Result = RuleResult.Waived, Waiver = f.Ground["release"] })
            with { Waivers = [f.Ground["release"]] }, Told(Artefact.One, Held.Server, verdict))
            with { Never = "waivers? of entr" };
        yield return Verdict("a rule was waived by a waiver of another release", "verdict-differs.*(waive|/rules)",
            (v, f) => First(v, r => r with { Result = RuleResult.Waived, Waiver = f.Ground["waiver-before"] })
                with { Waivers = [f.Ground["waiver-before"]] }, Told(Artefact.One, Held.Server, verdict))
                with { Never = "waivers? of entr" };
        yield return Verdict("a rule was waived by nothing", "verdict-differs.*(waive|rules)",
            (v, _) => First(v, r => r with { Result = RuleResult.Waived }));
        yield return Verdict("waivers were used that no rule names", "verdict-differs.*waive",
            (v, f) => v with { Waivers = [f.Ground["waiver-before"]] });
        yield return Verdict("a candidate would have passed it", "verdict-differs",
            (v, _) => v with { Would = [v.Rules[0]] }, Told(Artefact.One, Held.Server, verdict));
        yield return Verdict("the verdict is on another envelope", "verdict-(differs|misplaced)|document-missing",
            (v, _) => v with { Envelope = Digest.Of("x"u8) });
        yield return Verdict("the deployment failed", "verdict-(differs|misplaced).*(refused|FAILED|failed)", (v, f) =>
        {
            f.Show(f.Ground["deployed"] + 1);
            return v with { Passed = false };
        });
        yield return Verdict("other policies judged it", "verdict-differs.*polic",
            (v, f) => v with { Policies = [f.M.Frozen] });
        yield return Verdict("the rules saw another input", "verdict-differs",
            (v, _) => v with { Input = Digest.Of("x"u8) }, Told(Artefact.One, Held.Server, verdict));
        yield return Verdict("another fold version judged it", "verdict-differs.*(fold|version)",
            (v, _) => v with { FoldVersion = 2 });
        yield return Verdict("it was judged at another time", "verdict-(differs|misplaced)",
            (v, _) => v with { Time = v.Time - 1, Issued = v.Time - 1 });
        yield return Verdict("a release that is not routed to was judged", "verdict-differs",
            (v, f) => v with { Releases = [f.M.V3] });
        yield return Verdict("it was judged for another place", "verdict-differs",
            (v, _) => v with { Environment = World.Test });
        yield return Life("nobody explained the deployment", Receipts, "verdict", f => f.Drop(f.Ground["deployed"] + 1),
            Told(Artefact.One, Held.None, "no verdict explains it here"), Told(Artefact.Two, Held.None,
                "no signature here binds"));
    }

    static IEnumerable<Lie> Deployments()
    {
        yield return Life("a deployment that was refused, as a rule failed, passed", Receipts,
            "deployment-refused.*(policy-failed|four-fifths)|verdict-|decision-release", f =>
        {
            var at = f.Ground["failing"] - 1;
            Refused(f, "failing", at);
            f.Record(0, d => d with { Deployment = at, Release = f.M.V1 });
            Instead(f);
            f.Show(at);
            f.Show(at + 1);
        }, Told(Artefact.One, Held.Node, "the verdict in entry")) with { Never = "how it passed" };
        yield return Life("a deployment that was refused, as a rule failed, stands in the ledger", Packs,
            "entry-refused.*policy-failed", f => Refused(f, "failing", f.Ground["failing"] - 1));
        yield return Life("a deployment that was refused, as nobody had approved it, passed", Receipts,
            "deployment-refused.*(policy-failed|two-person)|verdict-|decision-release", f =>
        {
            var at = f.Ground["unapproved"] - 1;
            Refused(f, "unapproved", at);
            f.Record(0, d => d with { Deployment = at });
            Instead(f);
            f.Show(at);
            f.Show(at + 1);
        }, Told(Artefact.One, Held.Node, "the verdict in entry")) with { Never = "how it passed" };
        yield return Life("a deployment that was refused, as nobody had approved it, stands in the ledger", Packs,
            "entry-refused.*policy-failed", f => Refused(f, "unapproved", f.Ground["unapproved"] - 1));
        yield return Life("another deployer's attempt, which was refused, was admitted", Everywhere,
            "verdict-|state-differs|entry-|deployment-refused",
            f => f.Put(f.Ground["deployed"], f.Ground.Refused["unapproved"]),
            [.. Receipts.Select(a => Told(a, Held.Server, Admitted)), Told(Artefact.Pack, Held.Node, "no-witness"),
                Told(Artefact.Ledger, Held.Node, "no-witness")]);
        yield return Life("a rollback put it there", Receipts, "decision-(release|range)",
            f => f.Record(0, d => d with { Deployment = f.Ground["rolled-back"] }));
        yield return Life("a deployment elsewhere put it there", Receipts, "decision-(release|place)",
            f => f.Record(0, d => d with { Deployment = f.Ground["observed-test"] - 2 }));
        yield return Life("it was decided elsewhere", [.. Receipts, Artefact.Pack], "decision-place",
            f => f.Record(0, d => d with { Environment = World.Test }));
        yield return Life("another release answered", [.. Receipts, Artefact.Pack], "decision-release",
            f => f.Record(0, d => d with { Release = f.M.V3 }));
        yield return Life("an entry that is no deployment put it there", [.. Receipts, Artefact.Pack],
            "decision-release", f => f.Record(0, d => d with { Deployment = 3 }));
        yield return Life("a later deployment put it there", [.. Receipts, Artefact.Pack], "decision-(release|range)",
            f => f.Record(0, d => d with { Deployment = f.Ground["deployed-3"] }));
        yield return Life("it was deployed with other routes", Everywhere,
            "policy-failed|deployment-refused|bad-routes|approval|verdict-|entry-foreign",
            f => f.Put(f.Ground["deployed"], f.W.Move(DeploymentAction.Canary, World.Prod, f.M.V2,
                f.M.V3) with { Replaces = null }, World.Deployer), Told(Artefact.One, Held.Deployer,
                "signed its deployment|how it passed"));
        yield return Life("another member deployed it", Receipts, "state|entry", f => f.Put(f.Ground["deployed"],
            f.W.Deploying(f.M.V2) with { Replaces = null }, World.Deployer),
            [.. Receipts.Select(a => Told(a, Held.Deployer, "who signed its deployment"))]);
        yield return Life("it was rolled back to, by another approval", Everywhere,
            "policy-failed|deployment-refused|never-deployed|state-|verdict-|entry-",
            f => f.Put(f.Ground["deployed"], f.W.RollingBack(f.M.V2) with { Replaces = null }, World.Deployer),
                Told(Artefact.One, Held.Deployer, "signed its deployment"));
    }

    /// <summary>The deployment that was admitted never was.</summary>
    static void Instead(Forger f)
    {
        f.Hide(f.Ground["deployed"]);
        f.Hide(f.Ground["deployed"] + 1);
    }

    /// <summary>A refused envelope where its FAILED verdict stands, and a verdict behind it that says it
    /// passed.</summary>
    static void Refused(Forger f, string mark, long at)
    {
        var honest = (Verdict)f.Honest(at).Statement;
        f.Put(at, f.Ground.Refused[mark]);
        var rules = honest.Rules.Select(r => r with { Result = RuleResult.Passed, Message = null }).ToImmutableArray();
        f.Put(at + 1, f.Sign(honest with { Passed = true, Rules = rules }, f.TimeAt(at + 1), World.Server));
    }

    static IEnumerable<Lie> Approvals()
    {
        yield return Life("the approval of a rollback approved the deployment", Receipts,
            "entry-foreign.*approval|approval-differs", f => f.Show(f.Ground["rollback-approval"]));
        yield return Life("the approval of another release approved it", Receipts,
            "entry-foreign.*approval|approval-differs", f => f.Show(f.Ground["approval-3"]));
        yield return Life("an approval that was taken back counts", Receipts,
            "approval-differs|state-fact: approvals.*withdrawn", f => f.Show(f.Ground["withdrawn"]),
            Told(Artefact.One, Held.None, "that these approvals counted"));
        yield return Life("an approval that was taken back counts, and nobody took it back", Receipts,
            "approval-differs|entry-foreign|state-fact", f =>
        {
            f.Show(f.Ground["withdrawn"]);
            f.Hide(f.Ground["withdrawal"]);
        }, Told(Artefact.One, Held.None, "that these approvals counted"), Told(Artefact.Two, Held.Node, Admitted));
        yield return Life("one approval is four", Everywhere, "entry-repeated", f =>
        {
            for (var i = 0; i < 3; i++)
            {
                f.Put(f.Ground.Filler(i), f.Honest(f.Ground["approval"]).Entry.Envelope);
                f.Show(f.Ground.Filler(i));
            }
        });
        yield return Life("an approval had not expired yet", Everywhere,
            "entry-foreign.*approval|approval-differs|policy-failed|state-fact|deployment-refused|verdict-differs",
            f => f.Stamp(f.Ground["deployed"], 2 * 3_600_000));
        yield return Life("who holds no such role approved it", Everywhere, "entry-(signature|refused).*role-missing",
            f => Add(f, "builder-approval"));
        yield return Life("an approval of something else that was shown counts", Everywhere,
            "approval-differs|shown-differs|entry-foreign", f => Add(f, "other-shown"), Told(Artefact.One, Held.Server,
            "what their givers were shown"));
        yield return Life("it was approved after it was deployed", Receipts,
            "entry-foreign|deployment-refused|policy-failed|state-fact|approval", f =>
        {
            f.Put(f.Ground["late"], f.Honest(f.Ground["approval"]).Entry.Envelope);
            f.Hide(f.Ground["approval"]);
            f.Show(f.Ground["late"]);
        });
        yield return Of("an author of the release approved it", Ground.Doubtful, Everywhere,
            "author|approval-differs|entry-foreign", f => Add(f, "author-approval"), Told(Artefact.One, Held.Server,
            "that these approvals counted"));
        yield return Of("its approver is no author of the release", Ground.Doubtful, Everywhere,
            "author|approval|state-fact|state-differs|verdict-differs|entry-", f =>
        {
            Add(f, "author-approval");
            f.Hide(f.Ground["authored"]);
        }, Told(Artefact.One, Held.Server, "that these approvals counted"), Told(Artefact.Two, Held.Node,
            "no other .*origin")) with { Never = "no author of the release" };
        yield return Of("an approval by a key that was revoked counts", Ground.Doubtful, Receipts,
            "approval-differs|entry-foreign|state-|deployment-refused", f => f.Show(f.Ground["approval-lost"]),
            Told(Artefact.One, Held.None, "that these approvals counted"));
        yield return Of("an approval by a key that was revoked counts, and nobody had revoked it by then",
            Ground.Doubtful, Receipts, "approval-differs|entry-foreign|state-|deployment-refused", f =>
        {
            f.Show(f.Ground["approval-lost"]);
            f.Show(f.Ground["revoked-again"]);
            f.Drop(f.Ground["revoked"]);
            f.Drop(f.Ground["deployed"] + 1);
        }, Told(Artefact.One, Held.None, "that these approvals counted"), Told(Artefact.Two, Held.None,
            "revoked before the deployment"));
        yield return Of("an approval by a member who had lost the role counts", Ground.Doubtful, Receipts,
            "approval-differs|entry-foreign|state-|entry-signature|deployment-refused", f =>
        {
            f.Show(f.Ground["approval-demoted"]);
            f.Hide(f.Ground["demoted"]);
        }, Told(Artefact.One, Held.None, "that these approvals counted"), Told(Artefact.Two, Held.Node,
            "no other policy"));
        yield return Of("a member approved it who did not", Ground.Free, Receipts, "approval|entry", f =>
        {
            var at = f.Ground.Filler(0);
            var before = f.W.Replay.At(f.Ground["deployed"]);
            f.Put(at, new Approval(f.M.V1, World.Sys, World.Prod, DeploymentAction.Deploy,
                [new Route(f.M.V1, 100)], null,
                before.PoliciesFor(World.Sys, World.Prod),
                Digest.Of(Shown.Document(before, before.Releases[f.M.V1], World.Sys, World.Prod,
                    DeploymentAction.Deploy,
                    [new Route(f.M.V1, 100)], f.TimeAt(f.Ground["deployed"])).ToBytes()), f.TimeAt(at) +
                    3_600_000) { Nonce = "", Issued = 0 }, World.Approver);
            f.Show(at);
        }, [.. Receipts.Select(a => Told(a, Held.Approver, "approval: entry"))]);
    }

    /// <summary>A refused envelope among the entries before the deployment, shown.</summary>
    static void Add(Forger f, string refused)
    {
        f.Put(f.Ground[refused], f.Ground.Refused[refused]);
        f.Show(f.Ground[refused]);
    }

    static IEnumerable<Lie> Evaluations()
    {
        // Nobody's signature binds what the holder of a receipt leaves out, once the head has moved on.
        yield return Of("no check of it failed, and nothing was waived", Ground.Free, Receipts,
            "state-|verdict-|deployment-refused|policy-failed|approval", f =>
        {
            f.Hide(f.Ground["failed"]);
            f.Hide(f.Ground["waiver"]);
            f.Drop(f.Ground["deployed"] + 1);
        }, Told(Artefact.One, Held.None, "no verdict explains it here|that is not here"), Told(Artefact.Two, Held.None,
            "no signature here binds"));
        yield return Of("no check of it failed, and nothing was waived, says the verdict too", Ground.Free, Receipts,
            "state-|verdict-|deployment-refused|policy-failed|approval", f =>
        {
            f.Hide(f.Ground["failed"]);
            f.Hide(f.Ground["waiver"]);
        }, Told(Artefact.One, Held.None, "that is not here"), Told(Artefact.Two, Held.Server, "further evaluation"));
        yield return Of("no check failed after its approval", Ground.Late, Receipts,
            "state-|verdict-|deployment-refused|approval|entry-|decision-policy", f =>
        {
            f.Hide(f.Ground["failed"]);
            f.Hide(f.Ground["deployed"] - 1);
            f.Put(f.Ground["deployed"], f.Ground.Refused["failing"]);
            f.Record(0, d => d with { Policies = [f.M.Policy] });
        }, Told(Artefact.One, Held.Node, Admitted), Told(Artefact.Two, Held.Node, "between"));
        yield return Of("no check of the canary's second release failed", Ground.Canary, Receipts,
            "state-|verdict-|deployment-refused|approval|entry-", f =>
        {
            f.Hide(f.Ground["failed"]);
            f.Drop(f.Ground["deployed"] + 1);
        }, Told(Artefact.One, Held.None, "that is not here|no verdict explains it here"), Told(Artefact.Two, Held.None,
            "no signature here binds"));
        yield return Life("it was checked once more", Receipts, "entry-foreign.*evaluation|state-",
            f => f.Show(f.Ground["late"]));
        yield return Life("one check of it is three", Everywhere, "entry-repeated", f =>
        {
            for (var i = 0; i < 2; i++)
            {
                f.Put(f.Ground.Filler(i), f.Honest(f.Ground["better"]).Entry.Envelope);
                f.Show(f.Ground.Filler(i));
            }
        });
        yield return Life("the check of another release is its own", Receipts, "entry-foreign.*evaluation",
            f => f.Show(f.Ground["evaluation-of-v3"]));
        yield return Life("a check from after the deployment was there before it", Everywhere,
            "entry-(foreign|repeated|refused)|state-|verdict-|approval|deployment-refused|shown-differs", f =>
        {
            f.Put(f.Ground["evaluation"], f.Honest(f.Ground["late"]).Entry.Envelope);
            f.Hide(f.Ground["late"]);
            f.Show(f.Ground["evaluation"]);
        }, Told(Artefact.One, Held.Server, Admitted));
        yield return Life("an evaluation that was refused counts", Everywhere,
            "unknown-evaluation|entry-foreign|state-|verdict-|approval|deployment-refused|shown-differs",
            f => Add(f, "evaluation"), Told(Artefact.One, Held.Server, Admitted));
        yield return Life("no check stood in another one's place", Receipts,
            "state-|verdict-differs.*|approval|deployment-refused", f =>
        {
            f.Hide(f.Ground["worse"]);
            f.Drop(f.Ground["deployed"] + 1);
        }, Told(Artefact.One, Held.None, "that is not here"), Told(Artefact.Two, Held.None, "no signature here binds"));
        yield return Life("an evaluator measured 0.99", Receipts, "state-|verdict-|deployment-refused|entry-foreign",
            f =>
        {
            var at = f.Ground["better"];
            f.Put(at, f.Sign(((Evaluation)f.Honest(at).Statement) with { Report = f.Artefact == Artefact.One
                ? f.W.Report(0.99) : f.Document(f.W.Report(0.99)) }, f.TimeAt(at), World.Evaluator));
        }, Told(Artefact.One, Held.Evaluator, "a check of it"), Told(Artefact.Two, Held.Evaluator, "a check of it"));
    }
}
