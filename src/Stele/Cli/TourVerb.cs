using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text;
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
        """,
        [
            new Option<string>("--sample") { HelpName = "DIR" },
            new Option<int?>("--applications") { HelpName = "N" },
        ], async call =>
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

sealed partial class Tour(TourStage stage, string sample, bool kept, Call call) : IAsyncDisposable
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
        await Policies();
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

    /// <summary>How often a question is asked while the environment does not serve.</summary>
    enum Attempts { One, UntilServed }

    async Task<(HttpStatusCode Status, string Body, string Decision, string Release)> Ask(string application,
        string path = "predict", Attempts attempts = Attempts.One)
    {
        for (var attempt = 0; ; attempt++)
        {
            using var content = new StringContent(application, Encoding.UTF8, "application/json");
            using var response = await _desk!.PostAsync(path, content, call.Stop);
            if (attempts == Attempts.UntilServed && response.StatusCode == HttpStatusCode.ServiceUnavailable
                && attempt < 100)
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
