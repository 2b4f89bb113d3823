using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Stele.Blobs;
using Stele.Control.Views;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Cli;

// What is approved, deployed, asked, tampered with and rolled back.
sealed partial class Tour
{
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
        var principal = await stage.Do<NewPrincipal>(Owner, "principal", "add", "--for", Place, "--role",
            "applicant-desk");
        _applicantToken = principal.Token!;
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
            if (ViewJson.Read<MortgageAnswer>(Parsed(body)).Decision == "deny")
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
            $"{(int)refused}: {Problem.FromJson((int)refused, Parsed(reason)).Message}");
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
            $"entry {drift.Index}: " + string.Join(", ", ((Observation)drift.Statement).Dimensions.Where(d => !d.Agrees)
                .Select(d => $"{d.Name}: expected {d.Expected?.Short}, observed {d.Observed?.Short}")));
        var healed = await WaitFor(o => o.Event == ObservedEvent.Healed, drift.Index);
        stage.Fact("healed", $"entry {healed.Index}, {healed.Entry.Time - drift.Entry.Time} ms after");
        var (status, _, _, _) = await Ask(Applications(1).Single(), attempts: Attempts.UntilServed);
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

    static Json Parsed(string answer) => CanonicalJson.Parse(Encoding.UTF8.GetBytes(answer), 1 << 20);

    /// <summary>What the sample's service answers.</summary>
    sealed record MortgageAnswer(string Decision) : IView;
}
