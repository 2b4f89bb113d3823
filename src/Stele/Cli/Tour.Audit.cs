using Stele.Proof.Decisions;
using System.Globalization;
using Stele.Control.Views;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Cli;

// What is traced, compared, and verified offline.
sealed partial class Tour
{
    async Task Trace(string decision)
    {
        stage.Step("One decision is traced to its origins");
        stage.Say(
            "From one answer to one person, back to the frozen rows and sources it rests on. The receipt proves it "
            + "in one file, to anyone, offline.");
        var trace = await stage.Do<Control.Views.Trace>(Risk, "trace", decision);
        var (way, decided) = (trace.Way!, trace.Asked!.Decision.Decision);
        stage.Fact("decision", $"{Decision.Outcomes[decided.Outcome]}, status {decided.Status}");
        stage.Fact("deployment", $"entry {way.Deployment.Line.Entry}");
        stage.Fact("verdict",
            way.Verdict is { } verdict ? $"entry {verdict.Line.Entry}" : "none");
        stage.Fact("approvals", string.Join(", ", way.Approvals.Select(a => $"entry {a.Line.Entry}")));
        stage.Fact("release", $"entry {trace.Closure.Release.Line.Entry}  {trace.Closure.Release.Release}");
        foreach (var source in trace.Closure.Sources)
            stage.Fact("source", $"{source.Name} {source.Digest.Short}, {source.Strength}, entry {source.Entry}");
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
        var trace = await stage.Quietly<Control.Views.Trace>(Risk, "trace", decision);
        string Of(Func<Statement, Digest?> pick) =>
            entries.Select(e => pick(e.Statement)).Last(d => d is { } x && x == release)!.Value.ToString();
        var digests = new (string Name, string Value)[]
        {
            ("checked", Of(s => (s as Evaluation)?.Release)), ("approved", Of(s => (s as Approval)?.Release)),
            ("deployed", Of(s => (s as Deployment)?.Routes.FirstOrDefault()?.Release)),
            ("observed", Of(s => (s as Observation)?.Release)), ("in /proc",
                _running.ReleaseInProc("mortgage", "prod")),
            ("in the decision", trace.Asked!.Decision.Decision.Release.ToString()),
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
        var exported = await stage.Do<ExportedPack>(Owner, "audit", "export", "--out", pack);
        stage.Fact("pack", $"{Terminal.Size(exported.Bytes)}  {exported.Digest}");
        stage.Say($"Anyone looks at it in a browser, from the disk and without a network: {exported.Page}");
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
}
