using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Stele.Proof;

namespace Stele.Tests.Whole;

/// <summary>What a client heard from the gateway.</summary>
sealed record Heard(string Asked, HttpStatusCode Status, string Answer, string? Decision, string? Release);

/// <summary>
/// A client with applications to be decided, over real HTTP. It asks until it gets an answer, no matter who is down
/// meanwhile, and keeps everything that bears a decision's number.
/// </summary>
sealed class Applicants(string token) : IDisposable
{
    readonly HttpClient _http = new(new SocketsHttpHandler
    {
        UseProxy = false,
        ConnectTimeout = TimeSpan.FromSeconds(2)
    }) { Timeout = TimeSpan.FromSeconds(20) };
    volatile Uri? _gateway;

    /// <summary>Where the gateway is; it may move while requests wait.</summary>
    public Uri? Gateway { get => _gateway; set => _gateway = value; }

    /// <summary>The first applications of the sample's dataset, as its service takes them.</summary>
    public static string[] Applications(int count)
    {
        var lines = File.ReadLines(Path.Combine(Repository.Root, "samples", "mortgage", "data", "hmda.csv"))
            .Take(count + 1).Select(l => l.Split(',')).ToArray();
        Assert.Equal(count + 1, lines.Length);
        return [.. lines.Skip(1)
            .Select(cells => "{" + string.Join(",",
                lines[0].Zip(cells).Where(c => c.First != "\"deny\"").Select(c => $"{c.First}:{c.Second}")) + "}")];
    }

    /// <summary>One attempt. Null when no whole answer came.</summary>
    public async Task<Heard?> Once(string application)
    {
        if (_gateway is not { } gateway) return null;
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post,
                new Uri(gateway, "mortgage/prod/predict")) { Content = new StringContent(application, Encoding.UTF8,
                    "application/json") };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            using var response = await _http.SendAsync(request);
            string? Header(string name) => response.Headers.TryGetValues(name, out var values) ? values.Single() : null;
            return new Heard(application, response.StatusCode, await response.Content.ReadAsStringAsync(),
                Header("Stele-Decision"), Header("Stele-Release"));
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or IOException)
        {
            return null;
        }
    }

    /// <summary>
    /// Asks until the application is decided. Everything that bore a decision's number is told on the way.
    /// </summary>
    public async Task<Heard> Ask(string application, Action<Heard>? told = null)
    {
        var until = TimeProvider.System.GetUtcNow() + TimeSpan.FromMinutes(3);
        while (true)
        {
            var heard = await Once(application);
            if (heard?.Decision is not null) told?.Invoke(heard);
            if (heard?.Status == HttpStatusCode.OK) return heard;
            if (TimeProvider.System.GetUtcNow() > until)
                throw new TimeoutException($"the application was never decided; last: {heard?.Status} {heard?.Answer}");
            await Task.Delay(20);
        }
    }

    public void Dispose() => _http.Dispose();
}

/// <summary>A node's own pages, with its own token.</summary>
sealed class NodePages : IDisposable
{
    readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(20) };

    public NodePages(string world, string? home = null)
    {
        // Folders of earlier builds have a token of the node's own; what stele up starts writes the owner's into their
        // home.
        var own = Path.Combine(world, "node", "token");
        var token = File.Exists(own) ? File.ReadAllText(own).Trim()
            : CanonicalJson.Parse(
                File.ReadAllBytes(Path.Combine(home ?? Path.Combine(world, "homes", "owner"), "config.json")),
                1 << 16)["nodeToken"].AsString;
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    public async Task<Json> Get(Uri gateway, string page) =>
        CanonicalJson.Parse(await _http.GetByteArrayAsync(new Uri(gateway, "-/" + page)), 1 << 24);

    /// <summary>Waits until the environment serves; its status.</summary>
    public async Task<Json> Serving(Uri gateway, string system = "mortgage")
    {
        Json? environment = null;
        for (var attempt = 0; attempt < 600; attempt++, await Task.Delay(100))
        {
            environment = (await Get(gateway,
                "status"))["environments"].AsArray.FirstOrDefault(e => e["system"].AsString == system);
            if (environment?["standing"].AsString == "serving" && !environment["routes"].AsArray.IsEmpty)
                return environment;
        }
        throw new TimeoutException($"it never served: {environment}");
    }

    public void Dispose() => _http.Dispose();
}
