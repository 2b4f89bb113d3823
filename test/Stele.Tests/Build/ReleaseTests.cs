using System.Collections.Immutable;
using Stele.Blobs;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Statements;
using Stele.Runtime;

namespace Stele.Tests.Build;

/// <summary>
/// A small real release: an ASP.NET Core service and a check, both compiled inside the sandbox from the text below.
/// </summary>
public sealed class SmallRelease : IAsyncLifetime
{
    const string Service = """
        var app = Microsoft.AspNetCore.Builder.WebApplication.Create(args);
        var word = System.IO.File.ReadAllText("/app/model/word").Trim();
        Microsoft.AspNetCore.Builder.EndpointRouteBuilderExtensions.MapGet(app, "/health", () => "ok");
        Microsoft.AspNetCore.Builder.EndpointRouteBuilderExtensions.MapGet(app, "/say", () => word);
        app.Run();
        """;

    const string Check = """"
        using System.Net.Http; using System.Net.Sockets;
        var http = new HttpClient(new SocketsHttpHandler { ConnectCallback = async (_, stop) =>
        {
            var s = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await s.ConnectAsync(new UnixDomainSocketEndPoint("/run/release.sock"), stop);
            return new NetworkStream(s, true);
        } });
        var said = await http.GetStringAsync("http://release/say");
        var wanted = System.IO.File.ReadAllText("/in/dataset/wanted").Trim();
        var parameters = System.IO.File.ReadAllText("/in/parameters.json");
        var seed = args[0];
        System.IO.File.WriteAllText("/out/report.json", "{\"counts\":{\"seed\":" + seed + "},\"groups\":{\"asked\":" + parameters
            + "},\"metrics\":{\"agrees\":" + (said == wanted ? 1 : 0) + ",\"other\":{\"undefined\":\"nothing to compare\"}}}");
        """";

    const string Settings =
        """{"runtimeOptions":{"frameworks":[{"name":"Microsoft.NETCore.App","version":"10.0.0"},{"name":"Microsoft.AspNetCore.App","version":"10.0.0"}],"configProperties":{"System.Globalization.Invariant":true}}}""";

    readonly Scratch _scratch = new();

    internal BlobStore Blobs { get; private set; } = null!;
    internal Digest Runtime { get; private set; }
    internal Digest Code { get; private set; }
    internal Digest Program { get; private set; }
    internal Digest Model { get; private set; }
    internal Digest Dataset { get; private set; }

    public async ValueTask InitializeAsync()
    {
        if (!Sandbox.Available) return;
        Blobs = new BlobStore(_scratch.At("blobs"));
        Runtime = await Recipes.Dotnet().Freeze(Blobs, new About("dotnet"));
        var sdk = await Recipes.DotnetSdk().Freeze(Blobs, new About("sdk"));
        using var trees = new Trees(Blobs, _scratch.Path);
        Code = await Compile(trees, sdk, "service", Service);
        Program = await Compile(trees, sdk, "check", Check);
        _scratch.File("model/word", "stone");
        _scratch.File("data/wanted", "stone");
        Model = await Freeze.Path(Blobs, _scratch.At("model"), "model", new About("word"));
        Dataset = await Freeze.Path(Blobs, _scratch.At("data"), "dataset", new About("wanted"));
    }

    async Task<Digest> Compile(Trees trees, Digest sdk, string name, string text)
    {
        var source = Path.GetDirectoryName(_scratch.File($"{name}/program.cs", text))!;
        var places = Recipes.DotnetPlaces;
        var root = await trees.Of(sdk);
        var output = trees.Empty();
        string[] references = [.. new[] { "netcore", "aspnetcore" }.SelectMany(p =>
            Directory.GetFiles(root + places[p], "*.dll").Select(f => $"-r:{places[p]}/{Path.GetFileName(f)}"))];
        var ran = await new Sandbox(root, ["dotnet", $"{places["csc"]}/csc.dll", "-noconfig", "-nologo",
            "-deterministic", .. references, $"-out:/out/{name}.dll", "/in/source/program.cs"])
        {
            Env = ImmutableSortedDictionary<string, string>.Empty.Add("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1"),
            Binds = [new(source, "/in/source"), new(output, "/out", Writable: true)],
        }.Run(TimeSpan.FromMinutes(2));
        Assert.True(ran.ExitCode == 0, ran.Output + ran.Errors);
        File.WriteAllText(Path.Combine(output, $"{name}.runtimeconfig.json"), Settings);
        return await Freeze.Path(Blobs, output, "code", new About(name));
    }

    internal ReleaseDocument Document() => new ReleaseDocument("v1", "words",
        [
            new Component("environment", "environment", "dotnet", Runtime, "/"),
            new Component("code", "code", "service", Code, "/app/code"),
            new Component("model", "model", "word", Model, "/app/model"),
            new Component("evaluation", "dataset", "wanted", Dataset, null),
        ],
        new RunTerms(["dotnet", "/app/code/service.dll", "--urls", "http://unix:/run/service.sock"],
            ImmutableSortedDictionary<string, string>.Empty.Add("DOTNET_EnableDiagnostics", "0")
                .Add("DOTNET_GCHeapHardLimit", "0x10000000"), "/app", "/run/service.sock", "/health"), null).Sorted();

    internal CheckDocument CheckOf(Digest? program = null, params string[] args) =>
        new("agreement", program ?? Program, Runtime,
        args.Length > 0 ? [.. args] : ["dotnet", "/in/program/check.dll", "{seed}"],
        ImmutableSortedDictionary<string, string>.Empty.Add("DOTNET_EnableDiagnostics", "0"), Dataset,
        Json.Object(("threshold", 0.25)), 7);

    internal string Scratch(string name) => _scratch.At(name);

    public ValueTask DisposeAsync()
    {
        _scratch.Dispose();
        return ValueTask.CompletedTask;
    }
}

public sealed class ReleaseTests(SmallRelease small) : IClassFixture<SmallRelease>
{
    static void NeedsSandbox() =>
        Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed: apt-get install bubblewrap");

    [Fact]
    public async Task A_release_closes_over_its_components_under_one_digest()
    {
        NeedsSandbox();
        var release = await ReleaseClosure.Build(small.Blobs, small.Document());
        Assert.Equal(release, await ReleaseClosure.Build(small.Blobs, small.Document()));
        var (document, digest) = await ReleaseClosure.Read(small.Blobs, release);
        Assert.Equal(small.Document().Digest, digest);
        Assert.Equal(small.Document().ToJson(), document.ToJson());
        var blobs = await ReleaseClosure.Blobs(small.Blobs, release);
        Assert.Superset(new HashSet<Digest> { release, digest, small.Runtime, small.Code, small.Model, small.Dataset },
            blobs.ToHashSet());
        foreach (var blob in blobs) Assert.True(small.Blobs.Intact(blob));

        // What is fetched by that list alone is enough to run.
        var other = new BlobStore(small.Scratch("other"));
        foreach (var blob in blobs) await other.Put(await small.Blobs.OpenRead(blob), blob, long.MaxValue);
        var here = await ReleaseClosure.Materialise(small.Blobs, release, small.Scratch("here"));
        var there = await ReleaseClosure.Materialise(other, release, small.Scratch("there"));
        Assert.Equal(here.Tree.Digest, there.Tree.Digest);
        Assert.Equal(here.Tree.Digest, TreeDigest.Of(there.Directory).Digest);
        Assert.Equal("stone", File.ReadAllText(Path.Combine(here.Directory, "app/model/word")));
        Assert.False(File.Exists(Path.Combine(here.Directory, "wanted")));
    }

    [Fact]
    public async Task A_release_that_is_not_closed_or_cannot_run_is_refused()
    {
        NeedsSandbox();
        async Task Refused(string said, Func<ReleaseDocument, ReleaseDocument> change)
        {
            var e = await Record.ExceptionAsync(() => ReleaseClosure.Build(small.Blobs, change(small.Document())));
            Assert.NotNull(e);
            Assert.Contains(said, e.Message, StringComparison.Ordinal);
        }
        ReleaseDocument Mount(ReleaseDocument d, string? mount) =>
            d with { Components = [.. d.Components.Select(c => c.Role == "model" ? c with { Mount = mount } : c)] };
        await Refused("no blob",
            d =>
                d with { Components =
                    d.Components.Add(new Component("config", "config", "none", Digest.Of("none"u8), null)) });
        await Refused("is called a config but is a code",
            d => d with { Components = d.Components.Add(new Component("config", "config", "code", small.Code, null)) });
        await Refused("its root", d => d with { Components = d.Components.RemoveAll(c => c.Role == "environment") });
        await Refused("its root", d => Mount(d, "/"));
        await Refused("holds an empty part", d => Mount(d, "/app/../etc"));
        await Refused("not absolute", d => Mount(d, "app"));
        await Refused("where the sandbox mounts", d => Mount(d, "/proc/model"));
        await Refused("not a name in /run", d => d with { Run = d.Run with { Socket = "/run/../etc/socket" } });
        await Refused("runs nothing", d => d with { Run = d.Run with { Args = [] } });
        await Refused("mounted at /app/other",
            d =>
                d with { Components =
                    d.Components.Add(new Component("other", "environment", "other", small.Runtime, "/app/other")) });
    }

    /// <summary>
    /// Anyone who writes the document without these tools: the node has the artifacts, and holds the kinds to them.
    /// </summary>
    [Fact]
    public async Task What_is_called_another_kind_is_not_run()
    {
        NeedsSandbox();
        var document = small.Document() with { Components =
            [.. small.Document().Components.Select(c => c.Role == "code" ? c with { Kind = "config" } : c)] };
        var release = await Artifact.OfDocument(small.Blobs, "release", new About(document.Name),
            ReleaseDocument.MediaType, document.ToJson().ToBytes());
        var e = await Assert.ThrowsAsync<FormatException>(() =>
            ReleaseClosure.Materialise(small.Blobs, release, small.Scratch("miscalled")));
        Assert.Contains("is called a config but is a code", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_check_runs_the_release_itself_and_its_report_is_frozen()
    {
        NeedsSandbox();
        var release = await ReleaseClosure.Build(small.Blobs, small.Document());
        using var trees = new Trees(small.Blobs);
        var check = small.CheckOf();
        Assert.Equal(check.ToJson(), CheckDocument.Parse(check.ToJson().ToBytes()).ToJson());
        var done = await new Check(trees).Run(release, check);
        Assert.Equal(1, done.Figures.Metrics["agrees"].AsDouble);
        Assert.Null(done.Figures.Metrics.Find("other"));
        Assert.Equal(7, done.Figures.Counts["seed"].AsInt);
        Assert.Equal(0.25, done.Figures.Groups["asked"]["threshold"].AsDouble);
        Assert.Equal(done.Figures, Stele.Proof.Governance.Report.Parse(await small.Blobs.Read(done.Report, 1 << 20)));
        Assert.Equal(check.ToJson().ToBytes(), await small.Blobs.Read(done.Document, 1 << 20));
        var artifact = await Artifact.Read(small.Blobs, done.Artifact);
        Assert.Equal(("report", done.Report), (artifact.Kind, artifact.Config.Digest));
    }

    [Fact]
    public async Task A_check_or_release_that_fails_says_how()
    {
        NeedsSandbox();
        var release = await ReleaseClosure.Build(small.Blobs, small.Document());
        using var trees = new Trees(small.Blobs);
        async Task Fails(string said, Digest what, CheckDocument check, Check? run = null) =>
            Assert.Contains(said,
                (await Assert.ThrowsAsync<CheckException>(() => (run ?? new Check(trees)).Run(what, check))).Message,
                StringComparison.Ordinal);
        await Fails("left no file", release, small.CheckOf(null, "dotnet", "--list-runtimes"));
        await Fails("ended with", release, small.CheckOf(null, "dotnet", "/in/program/none.dll"));
        var deaf = small.Document();
        deaf = deaf with { Run = deaf.Run with { Args = ["dotnet", "--list-runtimes"] } };
        await Fails("ended before it answered /health", await ReleaseClosure.Build(small.Blobs, deaf), small.CheckOf());
    }

    [Fact]
    public async Task What_runs_is_seen_in_proc_to_be_the_release()
    {
        NeedsSandbox();
        var release = await ReleaseClosure.Build(small.Blobs, small.Document());
        var made = await ReleaseClosure.Materialise(small.Blobs, release, small.Scratch("running"));
        await using var running = await RunningRelease.Start(made.Directory, release, small.Document().Run,
            TimeSpan.FromSeconds(60), stop: TestContext.Current.CancellationToken);
        using var asked = new HttpRequestMessage(HttpMethod.Get, new Uri("http://release/say"));
        using var answer = await running.Http.SendAsync(asked, TestContext.Current.CancellationToken);
        Assert.Equal("stone", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));

        var proc = $"/proc/{running.Process.Pid}";
        Assert.Equal("/usr/share/dotnet/dotnet", File.ResolveLinkTarget($"{proc}/exe", false)!.FullName);
        Assert.Equal(made.Tree.Digest, TreeDigest.Of($"{proc}/root", Sandbox.MountPoints).Digest);
        Assert.Equal(["DOTNET_EnableDiagnostics=0", "DOTNET_GCHeapHardLimit=0x10000000", "PWD=/app",
            $"STELE_RELEASE={release}"], File.ReadAllText($"{proc}/environ")
            .Split('\0', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
        var mapped = File.ReadAllLines($"{proc}/maps")
            .Select(l => l.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries))
            .Where(p => p.Length == 6 && p[5].StartsWith('/') && !p[5].StartsWith("/memfd:", StringComparison.Ordinal))
            .Select(p => p[5][1..]).Distinct().ToArray();
        Assert.NotEmpty(mapped);
        // every mapped library is a file of the release
        Assert.All(mapped, m => Assert.Contains(made.Tree.Entries, e => e.Path == m));
        await running.Process.Stop(TimeSpan.FromSeconds(10));
        Assert.Equal(0, await running.Process.Exited); // asked to end, it ended by itself
    }
}
