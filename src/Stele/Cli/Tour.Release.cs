using System.Globalization;
using Stele.Control.Views;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Cli;

// From a founded ledger to a release that can be deployed.
sealed partial class Tour
{
    async Task Found()
    {
        stage.Step("A ledger is founded");
        stage.Say(
            "The owner's key signs genesis; it lies in the owner's own home, not with the server. The trust file "
            + "pins the log's key and genesis: all that anyone needs to check everything that follows. Then the "
            + "owner registers four members with their own keys and roles, declares the system, and opens the node's "
            + "decision log.");
        _running = await Running.Start(stage.World, stage.HomeOf(Owner),
            new UpOptions { Port = 0, GatewayPort = 0, AnchorSeconds = 5, InspectSeconds = 2 }, call, _ => { });
        var trust = Home.Open(stage.HomeOf(Owner)).Trust!;
        stage.Typed("stele up", Owner);
        stage.Fact("genesis, entry 0", trust.Genesis.ToString());
        stage.Fact("log key", trust.Key.ToString());
        Files.CreateDirectory(World("work"), Readers.Owner);
        foreach (var (who, roles) in ((string, string[])[])[(Engineer, ["builder", "approver"]),
            (Validator, ["evaluator"]), (Risk, ["approver"]), (Operator, ["deployer"])])
        {
            var key = await stage.Quietly<NewKey>(who, "key", "new");
            await stage.Do(Owner, [.. (string[])["member", "add"], "--member", key.Member, "--key",
                key.Public, .. roles.SelectMany(r => (string[])["--role", r])]);
            // Each gets what their part needs: all read the ledger and hand in what they sign; who freezes or checks
            // uploads; who traces decisions reads the node's logs.
            var (token, ofNode) = (World($"work/{who}.token"), World($"work/{who}.node-token"));
            await stage.Quietly(Owner, [.. (string[])["token", "add", who, "--data", stage.World, "--out", token,
                "--right", "read", "--right", "submit"], .. who is Engineer or Validator
                ? (string[])["--right", "upload"] : []]);
            await stage.Quietly(who, "login", _running.Server.Address.ToString(), "--token-file", token, "--trust",
                World("trust.json"));
            Files.Delete(token);
            if (who is not (Risk or Operator)) continue;
            await stage.Quietly(Owner, "token", "add", who, "--data", stage.World, "--node", "--right", "logs", "--out",
                ofNode);
            await stage.Quietly(who, "login", _running.Server.Address.ToString(), "--gateway", _running.Gateway,
                "--node-token-file", ofNode);
            Files.Delete(ofNode);
        }
        await stage.Do(Owner, "system", "add", "mortgage", "--env", "prod", "--risk", "high", "--stale-after", "24h",
            "--observation-gap", "10m");
        await stage.Do(Owner, "log", "open", Place);
        stage.Without(
            "the server's operator could act in anyone's name; here it holds nobody's key but its own, and its own "
            + "opens no door.");
    }

    async Task Freeze()
    {
        stage.Step("Data, code and runtimes are frozen");
        stage.Say(
            "2,380 mortgage applications of 1990, the sources, and two runtimes: the closure of this machine's "
            + ".NET runtime and every shared library it loads, with and without the compiler. The same bytes have "
            + "the same digest anywhere; each gets a signed statement of where it comes from.");
        await stage.Do(Engineer, "freeze", In("data"), "--kind", "dataset", "--name", "data", "--origin",
            "https://cran.r-project.org/package=AER", "--licence", "GPL-2.0-or-later");
        await stage.Do(Engineer, "freeze", In("source"), "--kind", "code", "--name", "source", "--licence",
            "Apache-2.0");
        await stage.Do(Engineer, "freeze", In("config"), "--kind", "config", "--name", "mortgage-config", "--licence",
            "Apache-2.0");
        await stage.Do(Engineer, "freeze", "--runtime", "dotnet-sdk", "--name", "sdk");
        await stage.Do(Engineer, "freeze", "--runtime", "dotnet", "--name", "runtime");
        stage.Without("\"the training data\" would be a path that someone can write to.");
    }

    async Task Build()
    {
        stage.Step("Everything is built in a sandbox without network, twice");
        stage.Say(
            "Compiled, split and trained from the frozen bytes alone: the sandbox's root is the environment "
            + "artifact, inputs are read-only, nothing else exists in there. Each output gets a SLSA provenance that "
            + "names every material by digest.");
        stage.Say(
            "Then release v1 closes over code, model, environment, configuration, its own policy and the evaluation "
            + "data: one digest from here on.");
        var run = await stage.Do<RunOutputs>(Engineer, "run", In("pipeline.yaml"), "--verify");
        foreach (var o in run.Outputs)
            stage.Fact(o.Step, $"{o.Digest}  {(o.Agree ? "twice, the same bytes" : "TWICE, OTHER BYTES")}");
        stage.Without("a model's origin would be a wiki page; here it is a graph that ends at frozen sources.");
        await stage.Do(Engineer, "policy", "freeze", In("policies/service.yaml"));
        await stage.Do(Engineer, "release", In("release.yaml"), "--set", "name=mortgage-v1", "--set", "model=v1",
            "--set", "config=mortgage-config");
    }

    async Task Policies()
    {
        stage.Step("The rules are put in force");
        stage.Say(
            "The policy names the fairness check by digest (program, data, parameters, seed), so that nobody picks "
            + "an easier one, and demands the four-fifths rule, an AUC, built origins and a second person.");
        var check = await stage.Do<NamedCheck>(Validator, "check", In("fairness.check.yaml"), "--digest");
        await stage.Do(Owner, "policy", "set", In("policies/admission.yaml"), "--for", "mortgage", "--set",
            $"fairness={check.Check}");
        stage.Without(
            "\"we test for fairness\" would be a sentence in a document, and the test a different one each time.");
    }

    async Task RefuseV1()
    {
        stage.Step("v1 is checked, and refused");
        stage.Say(
            "The check runs against the release itself, in its own sandbox, through the socket it will serve on. "
            + "Then someone tries to deploy it.");
        stage.Say(
            "The policy runs before anything moves. The refusal and its verdict become entries too: anyone "
            + "re-executes the verdict from the entries before it and gets the same bytes.");
        var checkedV1 = await stage.Do<CheckedRelease>(Validator, "check", In("fairness.check.yaml"), "mortgage-v1");
        Figures(checkedV1);
        await stage.Refused(Operator, "deploy", "mortgage-v1", Place);
        var log = await stage.Quietly<ListedEntries>(Owner, "log", "list", "--kind", "verdict");
        var verdict = log.Lines[^1].Line.Entry.ToString(CultureInfo.InvariantCulture);
        var judged = await stage.Do<ToldVerdict>(Risk, "verdict", verdict);
        if (!judged.Reexecuted) throw new CliError("the verdict did not re-execute to the same bytes");
        foreach (var rule in judged.Rules.Where(r => r.Result == RuleResult.Failed))
            stage.Fact("it rested on", string.Join("; ", rule.Values));
        stage.Fact("re-executed", $"the same payload bytes, {judged.Payload}");
        stage.Without("v1 would be in production, and its unfairness a finding of next year's audit.");
    }

    async Task<Digest> Mitigate()
    {
        stage.Step("The mitigation is a new release, and its difference is exact");
        stage.Say(
            "v2 is trained without the race column, on rows reweighed as Kamiran and Calders propose. One component "
            + "differs; everything else is the same, byte for byte. The figures are of 1,190 held-out applications, "
            + "and the ratio's 95 % interval is wide: that v1 fails and that the mitigation raises the ratio is "
            + "certain, that v2 satisfies the rule on other data is not; the datasheet says how often it does.");
        var release = await stage.Do<DeclaredRelease>(Engineer, "release", In("release.yaml"), "--set",
            "name=mortgage-v2", "--set", "model=v2", "--set", "config=mortgage-config");
        var evaluation = await stage.Do<CheckedRelease>(Validator, "check", In("fairness.check.yaml"), "mortgage-v2");
        Figures(evaluation);
        _v2 = evaluation.Metrics;
        var diff = await stage.Do<Diff>(Risk, "diff", "mortgage-v1", "mortgage-v2");
        foreach (var c in diff.Components)
            stage.Fact(c.Role, c.Change == Change.Same
                ? "the same bytes"
                : $"{ViewJson.Name(c.Change)}: {c.From?.Short} → {c.To?.Short}");
        stage.Without("a patch would be \"the new version\", with whatever else slipped in.");
        return release.Release;
    }

    void Figures(CheckedRelease evaluation)
    {
        foreach (var name in (string[])["approval_ratio", "approval_ratio_low", "approval_ratio_high",
            "approval_rate_protected", "approval_rate_reference", "auc", "accuracy"])
            if (evaluation.Metrics.Find(name) is { } figure) stage.Fact(name, Desk.Number(figure));
    }
}
