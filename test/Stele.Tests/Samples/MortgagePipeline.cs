using System.Diagnostics;
using System.Text.Json;
using YamlDotNet.Serialization;

[assembly: AssemblyFixture(typeof(Stele.Tests.Samples.MortgagePipeline))]

namespace Stele.Tests.Samples;

/// <summary>
/// Runs samples/mortgage/pipeline.yaml, argument by argument, without the sandbox: /in/NAME and /out become folders on
/// this machine. What is tested is therefore what csc made of the sources, not what MSBuild made of them.
/// </summary>
public sealed class MortgagePipeline : IDisposable
{
    public static readonly string Sample = Path.Combine(Repository.Root, "samples", "mortgage");

    readonly Lazy<string> _world;

    public MortgagePipeline() => _world = new Lazy<string>(() => Run(NewFolder()));

    /// <summary>
    /// One folder a step, named after it, with what the step left in /out. The pipeline runs once for all tests.
    /// </summary>
    public string World => _world.Value;

    /// <summary>The file that a step left.</summary>
    public string Output(string step, string file) => Path.Combine(World, step, file);

    public void Dispose()
    {
        if (_world.IsValueCreated) Directory.Delete(_world.Value, recursive: true);
    }

    public static string NewFolder() => Directory.CreateTempSubdirectory("stele-mortgage-").FullName;

    /// <summary>Runs every step into <paramref name="world"/> and returns it.</summary>
    public static string Run(string world)
    {
        var document = new DeserializerBuilder().Build()
            .Deserialize<Dictionary<string, object>>(File.ReadAllText(Path.Combine(Sample, "pipeline.yaml")));
        var artifacts = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["source"] = Path.Combine(Sample, "source"),
            ["data"] = Path.Combine(Sample, "data"),
        };
        foreach (Dictionary<object, object> step in (List<object>)document["steps"])
        {
            var name = (string)step["name"];
            var output = Directory.CreateDirectory(Path.Combine(world, name)).FullName;
            var inputs = (Dictionary<object, object>)step["inputs"];
            var command = ((List<object>)step["run"])
                .Select(argument => Place((string)argument, inputs, artifacts, output)).ToArray();
            var start = Describe(command);
            if (step.TryGetValue("env", out var env))
                foreach (var (key, value) in (Dictionary<object, object>)env) start.Environment[(string)key] =
                    (string)value;
            var (code, text) = Start(start);
            Assert.True(code == 0, $"step {name} ended with {code}: {text}");
            artifacts.Add(name, output);
        }

        return world;
    }

    /// <summary>
    /// Runs one of the sample's programs as the sandbox would: a bare environment, the runtime named by its file.
    /// </summary>
    public static (int Code, string Text) Start(params string[] command) => Start(Describe(command));

    static (int Code, string Text) Start(ProcessStartInfo start)
    {
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var text = process.StandardOutput.ReadToEnd() + error.GetAwaiter().GetResult();
        process.WaitForExit();
        return (process.ExitCode, text);
    }

    public static ProcessStartInfo Describe(params string[] command)
    {
        var start = new ProcessStartInfo(command[0]) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in command[1..]) start.ArgumentList.Add(argument);
        start.Environment.Clear();
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        return start;
    }

    public static string Dotnet => Path.Combine(DotnetRoot, "dotnet");

    static string DotnetRoot =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "..", "..", ".."));

    static string Place(string argument, Dictionary<object, object> inputs, Dictionary<string, string> artifacts,
        string output)
    {
        argument = argument
            .Replace("${dotnet}", DotnetRoot, StringComparison.Ordinal)
            .Replace("${csc}", Newest("sdk", "Roslyn/bincore"), StringComparison.Ordinal)
            .Replace("${netcore}", Newest("packs/Microsoft.NETCore.App.Ref", "ref/net10.0"), StringComparison.Ordinal)
            .Replace("${aspnetcore}", Newest("packs/Microsoft.AspNetCore.App.Ref", "ref/net10.0"),
                StringComparison.Ordinal)
            .Replace("/out", output, StringComparison.Ordinal);
        foreach (var (name, artifact) in inputs) argument = argument.Replace($"/in/{name}", artifacts[(string)artifact],
            StringComparison.Ordinal);
        return argument;
    }

    static string Newest(string folder, string below) =>
        Directory.GetDirectories(Path.Combine(DotnetRoot, folder), "10.*")
        .Select(versioned => Path.Combine(versioned, below))
        .Where(Directory.Exists)
        .MaxBy(path => Version.Parse(path[(DotnetRoot.Length + folder.Length + 2)..^(below.Length + 1)].Split('-')[0]))
        ?? throw new InvalidOperationException($"no {folder} below {DotnetRoot}");
}

/// <summary>The sample's service as a process, on a socket in its own folder.</summary>
sealed class MortgageService : IDisposable
{
    readonly string _folder = MortgagePipeline.NewFolder();
    readonly Process _process;

    public MortgageService(MortgagePipeline pipeline, string model)
    {
        Socket = Path.Combine(_folder, "release.sock");
        var config = Path.Combine(MortgagePipeline.Sample, "config");
        _process = Process.Start(MortgagePipeline.Describe(
            MortgagePipeline.Dotnet, pipeline.Output("service", "service.dll"),
            "--socket", Socket, "--model", model, "--config", Path.Combine(config, "service.json")))!;
        Http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix,
                    System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
                await socket.ConnectAsync(new System.Net.Sockets.UnixDomainSocketEndPoint(Socket), cancellation);
                return new System.Net.Sockets.NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = new Uri("http://release/") };
        WaitUntilHealthy();
    }

    public string Socket { get; }

    public HttpClient Http { get; }

    public int ProcessId => _process.Id;

    /// <summary>Waits for the process to end by itself.</summary>
    public int ExitCode()
    {
        Assert.True(_process.WaitForExit(10_000), "the service did not stop");
        return _process.ExitCode;
    }

    public async Task<(int Status, JsonElement Body)> Predict(string body, string contentType = "application/json")
    {
        using var content = new StringContent(body);
        content.Headers.ContentType = System.Net.Http.Headers.MediaTypeHeaderValue.Parse(contentType);
        using var response = await Http.PostAsync(new Uri("predict", UriKind.Relative), content);
        return ((int)response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement);
    }

    public void Dispose()
    {
        Http.Dispose();
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    void WaitUntilHealthy()
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                using var response = Http.GetAsync(new Uri("health", UriKind.Relative)).GetAwaiter().GetResult();
                if (response.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException) when (!_process.HasExited && watch.Elapsed < TimeSpan.FromSeconds(60))
            {
                // Not listening yet.
            }

            Thread.Sleep(20);
        }
    }
}
