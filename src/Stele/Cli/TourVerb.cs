using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Stele.Blobs;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

/// <summary>
/// The main job, end to end: a real AI system being governed, from its first frozen byte to a pack that an auditor
/// verifies offline.
/// </summary>
static class TourVerb
{
    public static Verb Verb => new("tour", "watch a real AI system being governed, step by step", """
        stele tour [--data DIR] [--sample DIR] [--applications N]

        Starts a server and a node on free ports, plays several members from separate homes (one person, you, plays all parts), and governs the
        mortgage sample: frozen, built, checked, refused, fixed, approved, deployed, served, tampered with, healed, upgraded, rolled back,
        traced, exported and verified offline. Every number is computed. With --data the world is kept in DIR; else it is removed.
        On a terminal it stays up at the end until Ctrl-C.
        """, [new Option<string>("--sample") { HelpName = "DIR" }, new Option<int?>("--applications") { HelpName = "N" }], async call =>
    {
        await Task.Yield(); // signals are heard from the first wait on
        var kept = call.Get<string>("--data") is not null;
        using var area = kept ? null : new WorkArea();
        var world = kept ? call.Data : area!.Create("world");
        if (kept && Directory.Exists(world) && Directory.EnumerateFileSystemEntries(world).Any())
            throw new CliError($"{world} is not empty",
                "give a folder that does not exist yet: the tour founds a new world in it");
        var sample = call.Get<string>("--sample") ?? FindSample();
        var stage = new TourStage(world, sample, call.Clock, call.Stage.Output, call.Stop);
        await using var tour = new Tour(stage, sample, kept, call);
        await tour.Play(call.Get<int?>("--applications") ?? 500);
        if (Terminal.Interactive) await tour.StayUp();
        return 0;
    });

    static string FindSample()
    {
        foreach (var start in (string[])[AppContext.BaseDirectory, Directory.GetCurrentDirectory()])
            for (var d = start; d is not null; d = System.IO.Path.GetDirectoryName(d))
                if (File.Exists(System.IO.Path.Combine(d, "samples", "mortgage", "pipeline.yaml")))
                    return System.IO.Path.Combine(d, "samples", "mortgage");
        throw new CliError("the mortgage sample was not found", "run it in a clone, or give --sample DIR",
            CliError.Usage);
    }
}

sealed class Tour(TourStage stage, string sample, bool kept, Call call) : IAsyncDisposable
{
    const string Owner = "owner", Engineer = "ml-engineer", Validator = "validator", Risk = "risk-officer",
        Operator = "platform-engineer";
    const string Place = "mortgage/prod";

    Running? _running;
    HttpClient? _desk;
    string _applicantToken = "";
    Json _v2 = Json.EmptyObject;

    string In(string name) => System.IO.Path.Combine(sample, name);
    string World(string name) => System.IO.Path.Combine(stage.World, name);

    public async Task Play(int applications)
    {
        stage.Say(
            "This is Stele's tour. Five members and a node act below; one person, you, plays all of them, each from "
            + "a home of their own. Nothing is staged: every command is run as shown, and every number is computed "
            + "here.");
        await Found();
        await Freeze();
        await Build();
        var policy = await Policies();
        await RefuseV1();
        var v2 = await Mitigate();
        await Approve(v2);
        var before = await Deploy(v2);
        var decision = await Serve(v2, applications);
        await Tamper();
        await Rollback(v2, before);
        await Trace(decision);
        await OneDigest(v2, decision);
        await Audit();
        stage.Step("Done");
        stage.Say(
            $"{_running!.Server.Admission.Replay.State.Size} entries in "
            + $"{stage.Elapsed.TotalSeconds.ToString("0", CultureInfo.InvariantCulture)} seconds.");
        if (kept)
            stage.Say(
                $"The world is kept in {stage.World}: stele up --data {stage.World} --home {stage.HomeOf(Owner)} "
                + $"starts it again; stele-verify pack {World("audit-pack.zip")} --trust {World("trust.json")} "
                + $"verifies it.");
    }

    async Task Found()
    {
        stage.Step("A ledger is founded");
        stage.Say(
            "The owner's key signs genesis; it lies in the owner's own home, not with the server. The trust file "
            + "pins the log's key and genesis: all that anyone needs to check everything that follows. Then the "
            + "owner registers four members with their own keys and roles, declares the system, and opens the node's "
            + "decision log.");
        _running = await Running.Start(stage.World, stage.HomeOf(Owner),
            new UpTerms { Port = 0, GatewayPort = 0, AnchorSeconds = 5, InspectSeconds = 2 }, call, _ => { });
        var trust = Home.Open(stage.HomeOf(Owner)).Trust!;
        stage.Typed("stele up", Owner);
        stage.Fact("genesis, entry 0", trust.Genesis.ToString());
        stage.Fact("log key", trust.Key.ToString());
        Files.CreateDirectory(World("work"), secret: true);
        foreach (var (who, roles) in ((string, string[])[])[(Engineer, ["builder", "approver"]),
            (Validator, ["evaluator"]), (Risk, ["approver"]), (Operator, ["deployer"])])
        {
            var key = await stage.Quietly(who, "key", "new");
            await stage.Do(Owner, [.. (string[])["member", "add"], "--member", key["member"].AsString, "--key",
                key["public"].AsString, .. roles.SelectMany(r => (string[])["--role", r])]);
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
        stage.Step("Data, code and environments are frozen");
        stage.Say(
            "2,380 mortgage applications of 1990, the sources, and two environments: the closure of this machine's "
            + ".NET runtime and every shared library it loads, with and without the compiler. The same bytes have "
            + "the same digest anywhere; each gets a signed statement of where it comes from.");
        await stage.Do(Engineer, "freeze", In("data"), "--kind", "dataset", "--name", "data", "--origin",
            "https://cran.r-project.org/package=AER", "--licence", "GPL-2.0-or-later");
        await stage.Do(Engineer, "freeze", In("source"), "--kind", "code", "--name", "source", "--licence",
            "Apache-2.0");
        await stage.Do(Engineer, "freeze", In("config"), "--kind", "config", "--name", "mortgage-config", "--licence",
            "Apache-2.0");
        await stage.Do(Engineer, "freeze", "--environment", "dotnet-sdk", "--name", "sdk");
        await stage.Do(Engineer, "freeze", "--environment", "dotnet", "--name", "runtime");
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
        var run = await stage.Do(Engineer, "run", In("pipeline.yaml"), "--verify");
        foreach (var o in run["outputs"].AsArray)
            stage.Fact(o["step"].AsString,
                $"{o["digest"].AsString}  {(o["agree"].AsBool ? "twice, the same bytes" : "TWICE, OTHER BYTES")}");
        stage.Without("a model's origin would be a wiki page; here it is a graph that ends at frozen sources.");
        await stage.Do(Engineer, "policy", "freeze", In("policies/service.yaml"));
        await stage.Do(Engineer, "release", In("release.yaml"), "--set", "name=mortgage-v1", "--set", "model=v1",
            "--set", "config=mortgage-config");
    }

    async Task<string> Policies()
    {
        stage.Step("The rules are put in force");
        stage.Say(
            "The policy names the fairness check by digest (program, data, parameters, seed), so that nobody picks "
            + "an easier one, and demands the four-fifths rule, an AUC, built origins and a second person.");
        var check = await stage.Do(Validator, "check", In("fairness.check.yaml"), "--digest");
        var set = await stage.Do(Owner, "policy", "set", In("policies/admission.yaml"), "--for", "mortgage", "--set",
            $"fairness={check["check"].AsString}");
        stage.Without(
            "\"we test for fairness\" would be a sentence in a document, and the test a different one each time.");
        return set["entry"].ToString();
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
        var checkedV1 = await stage.Do(Validator, "check", In("fairness.check.yaml"), "mortgage-v1");
        Figures(checkedV1);
        await stage.Refused(Operator, "deploy", "mortgage-v1", Place);
        var log = await stage.Quietly(Owner, "log", "list", "--kind", "verdict");
        var verdict = log["lines"].AsArray[^1]["entry"].AsInt.ToString(CultureInfo.InvariantCulture);
        var judged = await stage.Do(Risk, "verdict", verdict);
        if (!judged["reexecuted"].AsBool) throw new CliError("the verdict did not re-execute to the same bytes");
        foreach (var rule in judged["rules"].AsArray.Where(r => r["result"].AsString == RuleOutcome.Failed))
            stage.Fact("it rested on",
                string.Join("; ", rule["values"].AsArray.Select(v => RestedValue.FromJson(v).ToString())));
        stage.Fact("re-executed", $"the same payload bytes, {judged["payload"].AsString}");
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
        var release = await stage.Do(Engineer, "release", In("release.yaml"), "--set", "name=mortgage-v2", "--set",
            "model=v2", "--set", "config=mortgage-config");
        var evaluation = await stage.Do(Validator, "check", In("fairness.check.yaml"), "mortgage-v2");
        Figures(evaluation);
        _v2 = evaluation["metrics"];
        var diff = await stage.Do(Risk, "diff", "mortgage-v1", "mortgage-v2");
        foreach (var c in diff["components"].AsArray)
            stage.Fact($"{c["role"].AsString}", c["change"].AsString == "same"
                ? "the same bytes"
                : $"{c["change"].AsString}: {c.Find("from")?.AsDigest.Short} → {c.Find("to")?.AsDigest.Short}");
        stage.Without("a patch would be \"the new version\", with whatever else slipped in.");
        return release["release"].AsDigest;
    }

    async Task Approve(Digest release)
    {
        stage.Step("Someone else approves");
        stage.Say(
            "The engineer holds the approver's role too, but built the release, and an author never approves: "
            + "members count, not keys. The risk officer's approval names the release, the place, the head it "
            + "replaces, the policies in force and the digest of what was shown; if any of it changes, the approval "
            + "is void. It is good for one deployment.");
        await stage.Refused(Engineer, "approve", "mortgage-v2", Place, "--yes");
        await stage.Do(Risk, "approve", "mortgage-v2", Place, "--yes");
        stage.Without("an approval would be a click on a name, and outlive what was shown.");
    }

    async Task<Digest> Deploy(Digest release)
    {
        stage.Step("v2 is deployed, and runs");
        stage.Say(
            "The node folds the ledger itself, pulls by digest, materialises the release and runs it with no "
            + "network, no shell and a read-only root. It compares the files, executable, libraries and environment "
            + "of the running process with the release, through /proc, and signs what it sees.");
        await stage.Do(Operator, "deploy", "mortgage-v2", Place, "--wait");
        var tree = await ObservedTree();
        stage.Fact("files, as the process sees them", tree.ToString());
        stage.Without("what was tested and what runs would be two things with one name.");
        return tree;
    }

    async Task<string> Serve(Digest release, int applications)
    {
        stage.Step($"{applications} real applications go through the gateway");
        stage.Say(
            "Each answer leaves only after its record is durable: which release, which rules, which outcome, and "
            + "salted commitments to what was asked and answered. Nothing about a person is in the log; the bodies "
            + "lie sealed next to it, under keys that can be destroyed.");
        var principal = await stage.Do(Owner, "principal", "add", "--for", Place, "--role", "applicant-desk");
        _applicantToken = principal["token"].AsString;
        _desk = new HttpClient { BaseAddress = new Uri(_running!.Gateway + Place + "/") };
        _desk.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", _applicantToken);
        var rows = Applications(applications).ToArray();
        int approved = 0, denied = 0;
        var decision = "";
        var began = call.Clock.GetTimestamp();
        foreach (var row in rows)
        {
            var (status, body, id, named) = await Ask(row);
            if (status != HttpStatusCode.OK) throw new CliError($"the gateway answered {(int)status}: {body}");
            if (named != release.ToString()) throw new CliError($"the gateway named {named}, not {release}");
            if (CanonicalJson.Parse(Encoding.UTF8.GetBytes(body), 1 << 20)["decision"].AsString == "deny")
            {
                denied++;
                decision = id;
            }
            else approved++;
        }
        var took = call.Clock.GetElapsedTime(began);
        stage.Typed($"curl -H 'Authorization: Bearer …' {_running.Gateway}{Place}/predict -d @application.json");
        stage.Fact("answered",
            $"{rows.Length} ({approved} approved, {denied} denied) in "
            + $"{took.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)} s, one after the other");
        stage.Fact("Stele-Decision", decision);
        stage.Fact("Stele-Release", release.ToString());
        var (refused, reason, _, _) = await Ask(rows[0], path: "model.json");
        stage.Fact("another path",
            $"{(int)refused}: {CanonicalJson.Parse(Encoding.UTF8.GetBytes(reason), 1 << 20)["message"].AsString}");
        stage.Without("the log would be rows that the operator can edit, written when there was time.");
        return decision;
    }

    async Task Tamper()
    {
        stage.Step("Someone changes a file of the running release");
        stage.Say(
            "The node notices, stops routing to it, records what it saw, re-hashes its blobs, materialises the "
            + "release again and goes on. Drift is an entry in the ledger, not a surprise.");
        var model = System.IO.Path.Combine(_running!.ReleaseFolder("mortgage", "prod"), "app", "model", "model.json");
        var (code, said) = await TourStage.Other("/bin/sh",
            ["-c", "chmod u+w \"$1\" && printf ' ' >> \"$1\"", "sh", model], call.Stop);
        stage.Typed($"printf ' ' >> {System.IO.Path.GetRelativePath(stage.World, model)}",
            "someone who is root on the node");
        if (code != 0) throw new CliError($"the file could not be changed: {said}");
        var drift = await WaitFor(o => o.Event == ObservedEvent.Drift);
        stage.Fact("caught",
            $"entry {drift.Index}: "
            + $"{string.Join(", ", ((Observation)drift.Statement).Dimensions.Where(d => !d.Agrees).Select(d => $"{d.Name}: expected {d.Expected?.Short}, observed {d.Observed?.Short}"))}");
        var healed = await WaitFor(o => o.Event == ObservedEvent.Healed, drift.Index);
        stage.Fact("healed", $"entry {healed.Index}, {healed.Entry.Time - drift.Entry.Time} ms after");
        var (status, _, _, _) = await Ask(Applications(1).Single(), patiently: true);
        stage.Fact("serving again", ((int)status).ToString(CultureInfo.InvariantCulture));
        stage.Without("the model that answers would be nobody's model, silently.");
    }

    async Task Rollback(Digest v2, Digest before)
    {
        stage.Step("An upgrade is rolled back to the identical bytes");
        stage.Say(
            "A rollback is a new head that names an old digest, judged by today's rules. The tree is the same, byte "
            + "for byte: measured before and after, and recorded by the node.");
        var folder = World("work/config-v3");
        Files.CreateDirectory(folder);
        foreach (var file in Directory.EnumerateFiles(In("config")))
            Files.Write(System.IO.Path.Combine(folder, System.IO.Path.GetFileName(file)),
                await File.ReadAllBytesAsync(file, call.Stop));
        Files.Write(System.IO.Path.Combine(folder, "model-card.md"),
            $"# Model card\n\nApproval ratio {Desk.Number(_v2["approval_ratio"])}, AUC {Desk.Number(_v2["auc"])}, as "
            + $"checked for {v2}.\n");
        stage.Say("v3 is v2 with a model card next to its settings.");
        await stage.Do(Engineer, "freeze", folder, "--kind", "config", "--name", "mortgage-config-v3", "--licence",
            "Apache-2.0");
        await stage.Do(Engineer, "release", In("release.yaml"), "--set", "name=mortgage-v3", "--set", "model=v2",
            "--set", "config=mortgage-config-v3");
        await stage.Do(Validator, "check", In("fairness.check.yaml"), "mortgage-v3");
        await stage.Do(Risk, "approve", "mortgage-v3", Place, "--yes");
        await stage.Do(Operator, "deploy", "mortgage-v3", Place, "--wait");
        var upgraded = await ObservedTree();
        stage.Fact("files of v3", upgraded.ToString());
        await stage.Do(Risk, "approve", "mortgage-v2", Place, "--action", "rollback", "--yes");
        await stage.Do(Operator, "rollback", Place, "--wait");
        var after = await ObservedTree();
        var measured = TreeDigest.Of(_running!.ReleaseFolder("mortgage", "prod")).Digest;
        stage.Fact("files of v2, before", before.ToString());
        stage.Fact("files of v2, after", after.ToString());
        stage.Fact("measured on disk now", measured.ToString());
        if (after != before || measured != before || upgraded == before)
            throw new CliError("the upgrade did not change the files, or the rollback did not restore them");
        stage.Without("\"rolled back\" would mean that someone re-ran an old job.");
    }

    async Task Trace(string decision)
    {
        stage.Step("One decision is traced to its origins");
        stage.Say(
            "From one answer to one person, back to the frozen rows and sources it rests on. The receipt proves it "
            + "in one file, to anyone, offline.");
        var trace = await stage.Do(Risk, "trace", decision);
        stage.Fact("decision", $"{trace["decision"]["outcome"].AsString}, status {trace["decision"]["status"].AsInt}");
        stage.Fact("deployment", $"entry {trace["deployment"]["entry"].AsInt}");
        stage.Fact("verdict",
            trace["verdict"].Kind == JsonKind.Null ? "none" : $"entry {trace["verdict"]["entry"].AsInt}");
        stage.Fact("approvals", string.Join(", ", trace["approvals"].AsArray.Select(a => $"entry {a["entry"].AsInt}")));
        stage.Fact("release", $"entry {trace["release"]["entry"].AsInt}  {trace["release"]["release"].AsString}");
        foreach (var source in trace["sources"].AsArray)
            stage.Fact("source",
                $"{source.Find("name")?.AsString} {source["digest"].AsDigest.Short}, {source["strength"].AsString}, "
                + $"entry {source["entry"].AsInt}");
        var receipt = World("receipt.json");
        await stage.Do(Risk, "receipt", decision, "--wait", "--out", receipt);
        await Verify("receipt", receipt, 0);
        stage.Without(
            "the answer to \"why was I denied, and by what?\" would be a search through other people's logs.");
    }

    async Task OneDigest(Digest release, string decision)
    {
        stage.Step("What was tested is exactly what runs");
        stage.Say("One string, from the check to the process that answers.");
        var state = _running!.Server.Admission.Replay.State;
        var entries = _running.Server.Admission.Replay.Entries;
        var trace = await stage.Quietly(Risk, "trace", decision);
        string Of(Func<Statement, Digest?> pick) =>
            entries.Select(e => pick(e.Statement)).Last(d => d is { } x && x == release)!.Value.ToString();
        var digests = new (string Name, string Value)[]
        {
            ("checked", Of(s => (s as Evaluation)?.Release)), ("approved", Of(s => (s as Approval)?.Release)),
            ("deployed", Of(s => (s as Deployment)?.Routes.FirstOrDefault()?.Release)),
            ("observed", Of(s => (s as Observation)?.Release)), ("in /proc",
                _running.ReleaseInProc("mortgage", "prod")), ("in the decision", trace["decision"]["release"].AsString),
        };
        foreach (var (name, value) in digests) stage.Fact(name, value);
        if (digests.Select(d => d.Value).Distinct(StringComparer.Ordinal).Count() != 1)
            throw new CliError("these should be one string");
        stage.Without("four teams would name four things, and hope that they are one.");
    }

    async Task Audit()
    {
        stage.Step("The auditor trusts nobody");
        stage.Say(
            "The verifier folds every entry again, re-executes every verdict and refusal, and checks every decision "
            + "against what was in force. It needs the pack and the trust file, no network and no word of ours.");
        var pack = World("audit-pack.zip");
        var exported = await stage.Do(Owner, "audit", "export", "--out", pack);
        stage.Fact("pack", $"{Terminal.Size(exported["bytes"].AsInt)}  {exported["digest"].AsString}");
        stage.Say($"Anyone looks at it in a browser, from the disk and without a network: {exported["page"].AsString}");
        await Verify("pack", pack, 0);
        var bytes = await File.ReadAllBytesAsync(pack, call.Stop);
        bytes[bytes.Length / 2] ^= 1;
        var flipped = World("audit-pack.flipped.zip");
        Files.Write(flipped, bytes);
        stage.Say($"Now one bit of its {bytes.Length:N0} bytes is flipped:");
        await Verify("pack", flipped, 1);
        Files.Delete(flipped);
        stage.Without("the audit would be screenshots.");
    }

    async Task Verify(string what, string file, int expected)
    {
        var trust = World("trust.json");
        var (program, lead) = Verifier();
        var (code, said) = await TourStage.Other(program, [.. lead, what, file, "--trust", trust], call.Stop);
        stage.Typed($"stele-verify {what} {System.IO.Path.GetFileName(file)} --trust trust.json", "auditor");
        // Of a failure the findings are shown; what else was checked is said where all is well.
        foreach (var line in said.TrimEnd().Split('\n').TakeWhile(l => code == 0 || l != "checked:").Take(14))
            stage.Quote(line);
        stage.Fact("exit code", code.ToString(CultureInfo.InvariantCulture));
        if (code != expected) throw new CliError($"stele-verify ended with {code}; {expected} was expected");
    }

    /// <summary>
    /// The auditor's own program, next to this one or next to its build; it is a program of its own because an auditor
    /// needs nothing of ours but that.
    /// </summary>
    static (string Program, string[] Lead) Verifier()
    {
        var here = AppContext.BaseDirectory.TrimEnd('/');
        var built = here.Replace("/Stele/bin/", "/Stele.Verify/bin/", StringComparison.Ordinal);
        foreach (var folder in (string[])[here, built])
            if (File.Exists(System.IO.Path.Combine(folder, "stele-verify")))
                return (System.IO.Path.Combine(folder, "stele-verify"), []);
        return (Environment.ProcessPath!, ["verify"]);
    }

    public async Task StayUp()
    {
        stage.Line("");
        stage.Line($"Everything is still running. Look around from another terminal, as any of them:");
        stage.Line($"  stele status --home {stage.HomeOf(Owner)}");
        stage.Line($"  stele log list --home {stage.HomeOf(Risk)}");
        stage.Line($"  curl -H 'Authorization: Bearer {_applicantToken}' {_running!.Gateway}{Place}/predict -d "
            + $"'{Applications(1).Single()}'");
        stage.Line("Ctrl-C stops "
            + $"it{(kept ? "; the world is kept" : " and removes this world (make tour DATA=DIR keeps one)")}.");
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, call.Stop);
        }
        catch (OperationCanceledException)
        {
            stage.Line("");
        }
    }

    void Figures(Json evaluation)
    {
        var m = evaluation["metrics"];
        foreach (var name in (string[])["approval_ratio", "approval_ratio_low", "approval_ratio_high",
            "approval_rate_protected", "approval_rate_reference", "auc", "accuracy"])
            if (m.Find(name) is { } figure) stage.Fact(name, Desk.Number(figure));
    }

    async Task<(HttpStatusCode Status, string Body, string Decision, string Release)> Ask(string application,
        string path = "predict", bool patiently = false)
    {
        for (var attempt = 0; ; attempt++)
        {
            using var content = new StringContent(application, Encoding.UTF8, "application/json");
            using var response = await _desk!.PostAsync(path, content, call.Stop);
            if (patiently && response.StatusCode == HttpStatusCode.ServiceUnavailable && attempt < 100)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), call.Clock, call.Stop);
                continue;
            }
            string Header(string name) => response.Headers.TryGetValues(name, out var v) ? v.Single() : "";
            return (response.StatusCode, await response.Content.ReadAsStringAsync(call.Stop), Header("Stele-Decision"),
                Header("Stele-Release"));
        }
    }

    /// <summary>
    /// Rows of the dataset as the service takes them: quoted cells are strings, the others stand as they are; the
    /// outcome is left out.
    /// </summary>
    IEnumerable<string> Applications(int count)
    {
        using var lines = File.ReadLines(In("data/hmda.csv")).GetEnumerator();
        lines.MoveNext();
        var names = lines.Current.Split(',');
        for (var i = 0; i < count && lines.MoveNext(); i++)
        {
            var cells = lines.Current.Split(',');
            yield return "{" + string.Join(",",
                names.Zip(cells).Where(c => c.First != "\"deny\"").Select(c => $"{c.First}:{c.Second}")) + "}";
        }
    }

    async Task<Folded> WaitFor(Func<Observation, bool> wanted, long after = -1)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(call.Stop);
        limit.CancelAfter(TimeSpan.FromSeconds(30));
        var admission = _running!.Server.Admission;
        var from = after;
        while (true)
        {
            var size = admission.Replay.State.Size;
            if (admission.Replay.Entries.FirstOrDefault(f => f.Index > from && f.Statement is Observation o
                && wanted(o)) is { } found) return found;
            try
            {
                await admission.Beyond(size, limit.Token);
            }
            catch (OperationCanceledException) when (!call.Stop.IsCancellationRequested)
            {
                throw new CliError("the node did not say what was expected of it within 30 seconds",
                    $"stele log list --home {stage.HomeOf(Owner)}");
            }
        }
    }

    /// <summary>The digest of the files that the node saw through /proc, from its newest observation.</summary>
    async Task<Digest> ObservedTree()
    {
        var state = _running!.Server.Admission.Replay.State;
        var head = state.Environment("mortgage", "prod").Head!.Entry;
        var seen = await WaitFor(o => o.Deployment == head
            && o.Dimensions.Any(d => d.Name == "files" && d.Observed is not null));
        return ((Observation)seen.Statement).Dimensions.Single(d => d.Name == "files").Observed!.Value;
    }

    public async ValueTask DisposeAsync()
    {
        _desk?.Dispose();
        if (_running is not null) await _running.DisposeAsync();
    }
}
