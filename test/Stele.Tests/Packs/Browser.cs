using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Stele.Tests.Packs;

/// <summary>
/// A headless Chromium, asked through chromedriver as the WebDriver standard has it. Both are gone when this is
/// disposed of.
/// </summary>
public sealed class Browser : IAsyncLifetime
{
    const string Driver = "/usr/bin/chromedriver", Element = "element-6066-11e4-a52e-4f735466cecf";
    static readonly TimeSpan Timeout = TimeSpan.FromSeconds(120);

    readonly string _folder = Directory.CreateTempSubdirectory("stele-page-").FullName;
    Process? _driver;
    HttpClient _http = new();
    string _session = "";

    /// <summary>Why there is no browser here; null when there is one.</summary>
    public static string? Missing => File.Exists(Driver)
        ? null
        : "chromedriver is not installed: apt-get install chromium chromium-driver";

    public string At(string name) => Path.Combine(_folder, name);

    public string Write(string name, byte[] bytes)
    {
        File.WriteAllBytes(At(name), bytes);
        return At(name);
    }

    public async ValueTask InitializeAsync()
    {
        if (Missing is not null) return;
        var start = new ProcessStartInfo(Driver)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder
        };
        start.ArgumentList.Add("--port=0");
        start.Environment["HOME"] = _folder;
        _driver = Process.Start(start)!;
        _driver.ErrorDataReceived += (_, _) => { };
        _driver.BeginErrorReadLine();
        string? port = null;
        while (port is null && await _driver.StandardOutput.ReadLineAsync().WaitAsync(Timeout) is { } line)
            if (Regex.Match(line, @"successfully on port ([0-9]+)") is { Success: true } m) port = m.Groups[1].Value;
        Assert.NotNull(port);
        _ = _driver.StandardOutput.ReadToEndAsync();
        _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}/"), Timeout = Timeout };
        var session = await Post("session", JsonNode.Parse("""
            {"capabilities":{"alwaysMatch":{"browserName":"chrome","goog:loggingPrefs":{"browser":"ALL"},"goog:chromeOptions":{"args":
            ["--headless=new","--no-sandbox","--disable-gpu","--disable-dev-shm-usage","--no-first-run","--disable-background-networking","--disable-component-update","--disable-sync","--window-size=1200,1400"]}}}}
            """)!);
        _session = $"session/{session!["sessionId"]!.GetValue<string>()}/";
    }

    /// <summary>Opens the page from the disk and gives it files, as a person does.</summary>
    public async Task Open(string page, string pack, string? trust)
    {
        await Post(_session + "url", new JsonObject { ["url"] = new Uri(page).AbsoluteUri });
        if (trust is not null) await Choose("#trust", trust);
        await Choose("#pack", pack);
        for (var began = Stopwatch.GetTimestamp(); await Run("return document.documentElement.dataset.state")
            != "done"; await Task.Delay(30))
            Assert.True(Stopwatch.GetElapsedTime(began) < Timeout,
                $"the page is not done: {await Run("return document.body.innerText")}");
    }

    async Task Choose(string input, string file)
    {
        var found = await Post(_session + "element", new JsonObject { ["using"] = "css selector", ["value"] = input });
        await Post($"{_session}element/{found![Element]!.GetValue<string>()}/value",
            new JsonObject { ["text"] = file });
    }

    /// <summary>What a script in the page returns, as text.</summary>
    public async Task<string> Run(string script) => (await Post(_session + "execute/sync", new JsonObject
    {
        ["script"] = script,
        ["args"] = new JsonArray()
    }))?.ToString() ?? "";

    public Task<string> Result() => Run("return document.documentElement.dataset.result");
    public Task<string> Findings() =>
        Run("return Array.from(document.querySelectorAll('#findings li'), x => x.textContent).join('\\n')");

    /// <summary>
    /// What the browser complained of since it was asked last: a script that failed, or something that the page's own
    /// policy forbade.
    /// </summary>
    public async Task<string[]> Complaints() =>
        [.. (await Post(_session + "se/log", new JsonObject { ["type"] = "browser" }))!.AsArray()
            .Select(l => l!["message"]!.GetValue<string>())];

    /// <summary>A picture of the window, for anyone who names a folder in STELE_PICTURES.</summary>
    public async Task Picture(string name, bool dark = false, int width = 1200, int height = 1400)
    {
        if (Environment.GetEnvironmentVariable("STELE_PICTURES") is not { Length: > 0 } folder) return;
        Directory.CreateDirectory(folder);
        Task Tell(string cmd, JsonObject parameters) => Post(_session + "goog/cdp/execute", new JsonObject
        {
            ["cmd"] = cmd,
            ["params"] = parameters
        });
        await Tell("Emulation.setEmulatedMedia", new JsonObject { ["features"] = new JsonArray(new JsonObject
        {
            ["name"] = "prefers-color-scheme",
            ["value"] = dark ? "dark" : "light"
        }) });
        await Tell("Emulation.setDeviceMetricsOverride", new JsonObject
        {
            ["width"] = width,
            ["height"] = height,
            ["deviceScaleFactor"] = 1,
            ["mobile"] = false
        });
        using var answer = await _http.GetAsync(_session + "screenshot");
        File.WriteAllBytes(Path.Combine(folder, name),
            Convert.FromBase64String(
                JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["value"]!.GetValue<string>()));
    }

    async Task<JsonNode?> Post(string path, JsonNode body)
    {
        // Not as a stream: chromedriver wants to know the length.
        using var content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var answer = await _http.PostAsync(path, content);
        var told = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        if (!answer.IsSuccessStatusCode) Assert.Fail($"{path}: {told["value"]?["message"]}");
        return told["value"];
    }

    public async ValueTask DisposeAsync()
    {
        if (_driver is not null)
        {
            if (_session.Length > 0)
                try
                {
                    await _http.DeleteAsync(_session.TrimEnd('/'));
                }
                catch (HttpRequestException) { } // gone already
            _driver.Kill(entireProcessTree: true);
            await _driver.WaitForExitAsync();
            _driver.Dispose();
        }
        _http.Dispose();
        if (Environment.GetEnvironmentVariable("STELE_PICTURES") is { Length: > 0 } folder)
            foreach (var file in Directory.GetFiles(_folder))
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        Stele.Disk.Files.Discard(_folder);
    }
}
