using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Stele.Cli;

/// <summary>One verb of the command line: its name, one line for the list, the prose of its help, its arguments, and what it does.</summary>
sealed record Verb(string Name, string Summary, string Help, Symbol[] Shape, Func<Call, Task<int>> Run)
{
    public Verb[] Verbs { get; init; } = [];

    /// <summary>A verb that only holds others.</summary>
    public static Verb Group(string name, string summary, string help, params Verb[] verbs) => new(name, summary, help, [], _ => Task.FromResult(0)) { Verbs = verbs };
}

/// <summary>One call of a verb: its parsed arguments and the world around it.</summary>
sealed class Call(ParseResult parsed, Stage stage, CancellationToken stop)
{
    public Terminal Terminal { get; } = new(parsed.GetValue<bool>("--json"), stage.Output, stage.Error);
    public Stage Stage => stage;
    public TimeProvider Clock => stage.Clock;
    public CancellationToken Stop => stop;
    public long Now => stage.Clock.GetUtcNow().ToUnixTimeMilliseconds();

    public T? Get<T>(string name) => parsed.GetValue<T>(name);

    public string Need(string name) => parsed.GetValue<string>(name) is { Length: > 0 } v ? v : throw new CliError($"{name} is needed", $"stele {parsed.CommandResult.Command.Name} --help", CliError.Usage);

    /// <summary>The data folder of a server and node on this machine.</summary>
    public string Data => Places.Data(parsed.GetValue<string>("--data"));

    /// <summary>The member's own configuration home.</summary>
    public string HomePath => Places.Home(parsed.GetValue<string>("--home"));
}

/// <summary>What a command line runs on: the clock, and where its results and remarks go.</summary>
sealed record Stage(TimeProvider Clock, TextWriter Output, TextWriter Error)
{
    /// <summary>The process's own terminal.</summary>
    public static Stage OfProcess(TimeProvider clock) => new(clock, Console.Out, Console.Error);
}

/// <summary>Builds the command line out of verbs, and turns every ending into an exit code: 0 done, 1 failed or refused, 2 asked for wrongly.</summary>
static class CommandLine
{
    public static async Task<int> Run(string[] args, Verb[] verbs, Stage stage, string intro, CancellationToken stop = default)
    {
        var root = new RootCommand("stele");
        var json = new Option<bool>("--json") { Recursive = true };
        var data = new Option<string>("--data") { Recursive = true, HelpName = "DIR" };
        var home = new Option<string>("--home") { Recursive = true, HelpName = "DIR" };
        root.Add(json);
        root.Add(data);
        root.Add(home);
        var helps = new Dictionary<Command, string> { [root] = intro + "\n" + List(verbs) + "\n" + Common };
        foreach (var verb in verbs) root.Add(Build(verb, stage, helps));
        root.Options.OfType<HelpOption>().Single().Action = new PrintHelp(helps, stage.Output);

        if (args.Length == 0) args = ["--help"];
        if (args is ["help", ..]) args = [.. args[1..], "--help"];
        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0 && parsed.Action is not PrintHelp)
        {
            var command = parsed.CommandResult.Command;
            if (command is not RootCommand && command.Subcommands.Count > 0 && parsed.UnmatchedTokens.Count == 0) 
            {
                stage.Output.Write(helps[command]);
                return 0;
            }
            Terminal.Failed(stage.Error, parsed.Errors[^1].Message.TrimEnd('.'), $"{Path(command)} --help");
            return CliError.Usage;
        }
        try
        {
            // Signals are heard once, by the outermost command; one that runs inside another is stopped by that one.
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = stop.CanBeCanceled ? null : TimeSpan.FromSeconds(30) }, stop);
        }
        catch (CliError e)
        {
            Terminal.Failed(stage.Error, e.Message, e.Hint);
            return e.Exit;
        }
        catch (Control.ProblemException e)
        {
            Terminal.Failed(stage.Error, e.Message, e.Problem.Hint);
            return CliError.Failed;
        }
        catch (Control.ReplicaException e)
        {
            Terminal.Failed(stage.Error, e.Message, null);
            return CliError.Failed;
        }
        catch (OperationCanceledException)
        {
            Terminal.Failed(stage.Error, "interrupted", null);
            return 130;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            Terminal.Failed(stage.Error, e.Message, null);
            return CliError.Failed;
        }
    }

    const string Common = """
        Everywhere: --json prints one JSON value; --home DIR (STELE_HOME) is your own configuration; --data DIR (STELE_DATA) is the
        data folder of a server and node on this machine. Exit codes: 0 done, 1 failed or refused, 2 asked for wrongly.
        `stele VERB --help` explains a verb.

        """;

    static string List(Verb[] verbs)
    {
        var width = verbs.Max(v => v.Name.Length);
        return string.Concat(verbs.Select(v => $"  {v.Name.PadRight(width)}  {v.Summary}\n"));
    }

    static Command Build(Verb verb, Stage stage, Dictionary<Command, string> helps)
    {
        var command = new Command(verb.Name, verb.Summary);
        foreach (var symbol in verb.Shape)
        {
            if (symbol is Option option) command.Add(option);
            else command.Add((Argument)symbol);
        }
        foreach (var sub in verb.Verbs) command.Add(Build(sub, stage, helps));
        helps[command] = verb.Help.TrimEnd() + "\n" + (verb.Verbs.Length > 0 ? "\n" + List(verb.Verbs) : "");
        if (verb.Verbs.Length == 0) command.SetAction((parsed, stop) => verb.Run(new Call(parsed, stage, stop)));
        return command;
    }

    static string Path(Command command) => command.Parents.OfType<Command>().FirstOrDefault() is { } parent ? $"{Path(parent)} {command.Name}" : "stele";

    sealed class PrintHelp(Dictionary<Command, string> helps, TextWriter output) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parsed)
        {
            output.Write(helps[parsed.CommandResult.Command]);
            return 0;
        }
    }
}
