using System.Diagnostics;
using System.Globalization;
using Stele.Control.Views;
using Stele.Proof;

namespace Stele.Cli;

/// <summary>
/// The stage of the tour: members with a home each, and one way to act, which is to type a command. A step's command
/// line is really run, with nothing between it and the verb but the terminal; what is printed is what was typed and
/// what came back.
/// </summary>
sealed class TourStage(string world, string sample, TimeProvider clock, TextWriter output, CancellationToken stop)
{
    const int Width = 110;

    readonly long _began = clock.GetTimestamp();
    int _step;

    public string World => world;
    public TimeSpan Elapsed => clock.GetElapsedTime(_began);

    public string HomeOf(string member) => System.IO.Path.Combine(world, "homes", member);

    /// <summary>A step's heading.</summary>
    public void Step(string title)
    {
        output.WriteLine();
        Line($"{Terminal.Bold($"{++_step}. {title}")}  "
            + $"{Terminal.Dim(Elapsed.TotalSeconds.ToString("0.0 s", CultureInfo.InvariantCulture))}");
        output.Flush();
    }

    /// <summary>What happened, in prose.</summary>
    public void Say(string prose) => Wrap(prose, "   ");

    /// <summary>What would have been impossible otherwise.</summary>
    public void Without(string prose) => Wrap("Without it: " + prose, "   ", Terminal.Dim);

    public void Fact(string name, string value) => Line($"     {name.PadRight(30)} {value}");

    public void Typed(string command, string? who = null) =>
        Line($"   {Terminal.Green("$")} "
        + $"{command}{(who is null ? PrintedLine.Own("") : Terminal.Dim($"   # as the {who}"))}");

    /// <summary>A line of another program's output, wrapped under its own indent.</summary>
    public void Quote(string line) => Wrap(line.Trim(), new string(' ', 5 + line.Length - line.TrimStart().Length));

    public void Line(PrintedLine line) => output.WriteLine(line.Printed);

    void Wrap(string prose, string indent, Func<PrintedLine, PrintedLine>? style = null)
    {
        var line = "";
        foreach (var word in prose.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (indent.Length + line.Length + 1 + word.Length > Width)
            {
                Line(PrintedLine.Own(indent) + (style is null ? line : style(line)));
                line = "";
            }
            line += (line.Length > 0 ? " " : "") + word;
        }
        if (line.Length > 0) Line(PrintedLine.Own(indent) + (style is null ? line : style(line)));
        output.Flush();
    }

    /// <summary>
    /// Types a command as a member, shows it with its entry and digest, and gives its JSON. It must succeed.
    /// </summary>
    public async Task<Json> Do(string member, params string[] command)
    {
        var (code, json, error) = await Run(member, command);
        Typed("stele " + Shown(command), member);
        if (code != 0 || json is null) throw Broken(command, error,
            "this is a bug, or a change of the sample; the world so far is kept if DATA was given");
        if (json.Find("entry") is { Kind: JsonKind.Int } entry)
            Fact("entry", $"{entry.AsInt}{(Digest(json) is { } d ? $"  {d}" : "")}");
        return json;
    }

    /// <summary>The same, with its result as the view that the command gives.</summary>
    public async Task<T> Do<T>(string member, params string[] command) where T : class, IView =>
        ViewJson.Read<T>(await Do(member, command));

    CliError Broken(string[] command, string error, string? hint)
    {
        string[] lines = [$"the tour's step failed: stele {Shown(command)}", .. error.Trim().Split('\n')];
        return new CliError(string.Join('\n', lines), hint) { Lines = lines };
    }

    /// <summary>Types a command that must be refused, and gives what was said.</summary>
    public async Task<string> Refused(string member, params string[] command)
    {
        var (code, _, error) = await Run(member, command);
        Typed("stele " + Shown(command), member);
        if (code == 0) throw new CliError($"the tour expected a refusal: stele {Shown(command)}");
        foreach (var line in error.Trim().Split('\n')) Line($"     {Terminal.Red(line)}");
        return error;
    }

    /// <summary>Types a command without showing it.</summary>
    public async Task<Json> Quietly(string member, params string[] command)
    {
        var (code, json, error) = await Run(member, command);
        return code == 0 && json is not null ? json : throw Broken(command, error, null);
    }

    public async Task<T> Quietly<T>(string member, params string[] command) where T : class, IView =>
        ViewJson.Read<T>(await Quietly(member, command));

    async Task<(int Code, Json? Json, string Error)> Run(string member, string[] command)
    {
        using var said = new StringWriter(CultureInfo.InvariantCulture);
        using var error = new StringWriter(CultureInfo.InvariantCulture);
        var code = await Verbs.Run([.. command, "--home", HomeOf(member), "--json"], new Stage(clock, said, error),
            stop);
        stop.ThrowIfCancellationRequested();
        var text = said.ToString();
        return (code, text.Length == 0 ? null : CanonicalJson.Parse(System.Text.Encoding.UTF8.GetBytes(text), 64 << 20),
            error.ToString());
    }

    static string? Digest(Json json)
    {
        foreach (var name in (string[])["release", "digest", "policy", "leaf"])
            if (json.Find(name) is { Kind: JsonKind.String } d) return d.AsString;
        return null;
    }

    /// <summary>A command as one would type it: the world's own paths shortened, words with spaces quoted.</summary>
    string Shown(string[] command) =>
        string.Join(' ',
            command.Select(c =>
                c.Replace(world + "/", "", StringComparison.Ordinal).Replace(sample, "samples/mortgage",
                    StringComparison.Ordinal))
                .Select(c => c.Contains(' ', StringComparison.Ordinal) ? $"'{c}'" : c.Length > 72 ? c[..32] + "…" : c));

    /// <summary>Runs another program, as anyone could, and gives its exit code and everything it said.</summary>
    public static async Task<(int Code, string Output)> Other(string program, string[] arguments,
        CancellationToken stop)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true
        })!;
        var both = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(stop),
            process.StandardError.ReadToEndAsync(stop));
        await process.WaitForExitAsync(stop);
        return (process.ExitCode, string.Concat(both));
    }
}
