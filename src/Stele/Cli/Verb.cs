using System.CommandLine;

namespace Stele.Cli;

/// <summary>
/// One verb of the command line: its name, one line for the list, the prose of its help, its arguments, and what it
/// does.
/// </summary>
/// <param name="Help">
/// First the usage, a line a form; then paragraphs. Flags explain themselves: each option has a description.
/// </param>
/// <param name="Run">Null for a verb that only holds others.</param>
sealed record Verb(string Name, string Summary, string Help, Symbol[] Shape, Func<Call, Task<int>>? Run)
{
    /// <summary>What a verb needs that signs nothing.</summary>
    public const string Token = "a token of the server", Machine =
        "to be run where the server's or node's data folder is", Nothing = "nothing: neither a server nor a role";

    public Verb[] Verbs { get; init; } = [];

    /// <summary>What it takes to use it: "the role builder", or one of the constants here.</summary>
    public string Needs { get; init; } = Token;

    /// <summary>A verb that only holds others.</summary>
    public static Verb Group(string name, string summary, string help, params Verb[] verbs) =>
        new(name, summary, help, [], null) { Verbs = verbs };

    /// <summary>How it is typed: the first line of its help.</summary>
    public string Usage => Help.Split('\n')[0];
}

/// <summary>One call of a verb: its parsed arguments and the world around it.</summary>
sealed class Call(Verb verb, ParseResult parsed, Stage stage, CancellationToken stop)
{
    public Terminal Terminal { get; } = new(
        parsed.GetValue<bool>("--json") ? OutputForm.Json : OutputForm.Text, stage);
    public Stage Stage => stage;
    public TimeProvider Clock => stage.Clock;
    public CancellationToken Stop => stop;
    public long Now => stage.Clock.GetUtcNow().ToUnixTimeMilliseconds();

    public T? Get<T>(string name) => parsed.GetValue<T>(name);

    public string Need(string name) => parsed.GetValue<string>(name) is { Length: > 0 } v
        ? v
        : throw Wrong($"{(name.StartsWith('-') ? name : name.ToUpperInvariant())} is needed");

    /// <summary>A file that must be there.</summary>
    public string NeedFile(string name)
    {
        var file = Need(name);
        return File.Exists(file) ? file : throw new CliError(Directory.Exists(file)
            ? $"{file} is a folder, not a file"
            : $"there is no file {file}", verb.Usage, CliError.Usage);
    }

    /// <summary>It was asked for wrongly; the hint is how it is typed.</summary>
    public CliError Wrong(string message, string? hint = null) => new(message, hint ?? verb.Usage, CliError.Usage);

    /// <summary>The data folder of a server and node on this machine.</summary>
    public string Data => Known(Places.Data(parsed.GetValue<string>("--data")));

    /// <summary>
    /// The data folder that people mean who look at one: the one given, else the one that this home's server ran from.
    /// </summary>
    public string DataHere =>
        parsed.GetValue<string>("--data") is null && Home.Open(HomePath).Data is { } known ? Known(known) : Data;

    /// <summary>A data folder whose format this build knows: nothing is done with any other.</summary>
    static string Known(string data)
    {
        foreach (var part in new[] { new Control.ServerFolder(data).Path, Host.NodeFolder.In(data).Path })
            if (Disk.FolderFormat.Objection(part) is { } why) throw new CliError(why);
        return data;
    }

    /// <summary>Whether it handed in anything: then it may not be done a second time.</summary>
    public bool HasActed { get; set; }

    /// <summary>Where folding the ledger begins.</summary>
    public Control.FoldFrom Fold =>
        parsed.GetValue<bool>("--from-zero") ? Control.FoldFrom.Zero : Control.FoldFrom.Snapshot;

    /// <summary>The member's own configuration home.</summary>
    public string HomePath => Places.Home(parsed.GetValue<string>("--home"));
}

/// <summary>What a command line runs on: the clock, and where its results and remarks go.</summary>
sealed record Stage(TimeProvider Clock, TextWriter Output, TextWriter Error)
{
    /// <summary>The process's own terminal.</summary>
    public static Stage OfProcess(TimeProvider clock) => new(clock, Console.Out, Console.Error);
}
