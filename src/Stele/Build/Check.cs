using Stele.Blobs;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Runtime;

namespace Stele.Build;

/// <summary>
/// What a check came to. <paramref name="Document"/> and <paramref name="Report"/> are the blobs an
/// <see cref="Evaluation"/> names; <paramref name="Artifact"/> is the frozen report.
/// </summary>
sealed record Checked(Digest Release, Digest Document, Digest Report, Digest Artifact, Report Figures);

sealed class CheckException(string message) : Exception(message);

/// <summary>
/// Runs a check on the release itself, not on a copy of its model: 1. the release's own tree starts in its own sandbox,
/// as a host starts it; 2. once it is healthy, the check program runs in a second sandbox, in its own environment, with
/// the dataset at /in/dataset, the parameters at /in/parameters.json and a way to the release's socket at
/// /run/release.sock: the only thing the two share; 3. what it writes to /out/report.json is frozen.
/// </summary>
sealed class Check(Trees trees)
{
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(60);
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Of the release. The default, as everywhere but in tests of the limits.</summary>
    public Limits Limits { get; init; } = Limits.Default;

    public async Task<Checked> Run(Digest release, CheckDocument check, CancellationToken stop = default)
    {
        var (document, _) = await ReleaseClosure.Read(trees.Blobs, release, stop);
        using var place = TreePlace.New();
        await ReleaseClosure.Materialise(trees.Blobs, release, place.Tree, stop);

        using var area = new WorkArea();
        await using var running = await Started(place.Tree, release, document.Run, stop);
        var socket = area.At("release.sock");
        if (!running.HasSocket) throw new CheckException(
            $"what the release has at {document.Run.Socket} is not a socket");
        await using var relay = new SocketRelay(socket, running.Connect);
        var output = area.Create("out");
        var ran = await new Sandbox(await trees.Of(check.Environment, stop), check.Command)
        {
            Env = check.Env,
            Binds =
            [
                new Bind(await trees.Of(check.Program, stop), "/in/program"),
                new Bind(await trees.Of(check.Dataset, stop), "/in/dataset"),
                new Bind(area.Create("parameters.json", check.Parameters.ToBytes()), "/in/parameters.json"),
                new Bind(socket, "/run/release.sock"), new Bind(output, "/out", Writable: true),
            ],
        }.Run(Timeout, stop);
        if (ran.TimedOut)
            throw new CheckException($"the check was still running after {Timeout.TotalMinutes:0} minutes");
        if (ran.ExitCode != 0) throw new CheckException($"the check ended with {ran.ExitCode}{PipelineRun.Said(ran)}");
        if (running.Process.Exited.IsCompleted) throw new CheckException(
            $"the release ended while it was being checked: {RunningRelease.LastWords(running.Process)}");

        var bytes = ReadReport(Path.Combine(output, "report.json"));
        var report = Report.Parse(bytes);
        return new Checked(release, await trees.Blobs.Put(check.ToJson().ToBytes(), stop), Digest.Of(bytes),
            await Artifact.OfDocument(trees.Blobs, "report", new About(check.Name), Report.MediaType, bytes, stop),
            report);
    }

    async Task<RunningRelease> Started(string tree, Digest release, RunTerms run, CancellationToken stop)
    {
        try
        {
            return await RunningRelease.Start(tree, release, run, StartTimeout, Limits, stop);
        }
        catch (StartException e)
        {
            throw new CheckException(e.Message);
        }
    }

    static byte[] ReadReport(string path)
    {
        if (Libc.StatOf(path) is not { Type: NodeType.File } stat)
            throw new CheckException("the check left no file /out/report.json");
        if (stat.Size > Artifacts.MaxDocument)
            throw new CheckException($"the report has {stat.Size} bytes; at most {Artifacts.MaxDocument} are read");
        using var file = Libc.OpenRead(path);
        var bytes = new byte[stat.Size];
        file.ReadExactly(bytes);
        return bytes;
    }
}
