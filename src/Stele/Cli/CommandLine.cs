using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Stele.Cli;

/// <summary>
/// Builds the command line out of verbs, and turns every ending into an exit code: 0 done, 1 failed or refused, 2 asked
/// for wrongly, 130 interrupted.
/// </summary>
static class CommandLine
{
    const int Interrupted = 130;

    // Arguments are what they say: no @file is read in their place, and -abc is not -a -b -c.
    static readonly ParserConfiguration Literally = new()
    {
        ResponseFileTokenReplacer = null,
        EnablePosixBundling = false
    };

    public static async Task<int> Run(string[] args, Verb[] verbs, Stage stage, string intro,
        CancellationToken stop = default)
    {
        var root = new RootCommand("stele")
        {
            new Option<bool>("--json") { Recursive = true },
            new Option<string>("--data") { Recursive = true, HelpName = "DIR" },
            new Option<string>("--home") { Recursive = true, HelpName = "DIR" },
            new Option<bool>("--from-zero") { Recursive = true },
        };
        var top = new Verb("stele", "", intro, [], null) { Verbs = verbs };
        var known = new Dictionary<Command, Verb> { [root] = top };
        Call? call = null;
        foreach (var verb in verbs)
            root.Add(Build(verb, known, (v, parsed, ending) => v.Run!(call = new Call(v, parsed, stage, ending))));
        root.Options.OfType<HelpOption>().Single().Action = new PrintHelp(known, top, stage.Output);

        if (args.Length == 0) args = ["--help"];
        if (args is ["help", ..]) args = [.. args[1..], "--help"];
        var parsed = root.Parse(args, Literally);
        var command = parsed.CommandResult.Command;
        CliError failure;
        try
        {
            if (parsed.Action is not PrintHelp && parsed.Action is not { ClearsParseErrors: true })
            {
                if (known[command] is { Run: null } group && parsed.UnmatchedTokens.Count == 0
                    && !ReferenceEquals(group, top))
                {
                    stage.Output.Write(HelpText.Of(group, HelpOf.Verb));
                    return 0;
                }
                if (UsageError.Of(parsed, known[command], Path(command)) is { } wrong) throw wrong;
            }
            // Signals are heard once, by the outermost command; one that runs inside another is stopped by that one.
            var configuration = new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = stop.CanBeCanceled ? null : TimeSpan.FromSeconds(30),
                Output = stage.Output,
                Error = stage.Error
            };
            try
            {
                return await parsed.InvokeAsync(configuration, stop);
            }
            catch (Proof.Governance.NodeException e) when (call is { HasActed: false, Terminal.Answered: false })
            {
                // It is discarded by now: this time everything is folded from the first entry.
                call.Terminal.Note(
                    $"{e.Message}: the ledger is folded again from its first entry");
                return await parsed.InvokeAsync(configuration, stop);
            }
        }
        catch (OperationCanceledException)
        {
            failure = new CliError("interrupted", null, Interrupted);
        }
        catch (Exception e)
        {
            failure = Environment.GetEnvironmentVariable("STELE_TRACE") == "1" ? ErrorText.WithStack(e)
                : ErrorText.Of(e);
        }
        var form = args.Contains("--json") && call is not { Terminal.Answered: true }
            ? OutputForm.Json
            : OutputForm.Text;
        Terminal.Failed(call, stage, failure, form);
        return failure.Exit;
    }

    static Command Build(Verb verb, Dictionary<Command, Verb> known,
        Func<Verb, ParseResult, CancellationToken, Task<int>> run)
    {
        var command = new Command(verb.Name, verb.Summary);
        foreach (var symbol in verb.Shape)
        {
            if (symbol is Option option) command.Add(option);
            else command.Add((Argument)symbol);
        }
        foreach (var sub in verb.Verbs) command.Add(Build(sub, known, run));
        known[command] = verb;
        if (verb.Run is not null) command.SetAction((parsed, stop) => run(verb, parsed, stop));
        return command;
    }

    static string Path(Command command) =>
        command.Parents.OfType<Command>().FirstOrDefault() is { } parent ? $"{Path(parent)} {command.Name}" : "stele";

    sealed class PrintHelp(Dictionary<Command, Verb> known, Verb top, TextWriter output) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parsed)
        {
            var verb = known[parsed.CommandResult.Command];
            output.Write(HelpText.Of(verb, ReferenceEquals(verb, top) ? HelpOf.Program : HelpOf.Verb));
            return 0;
        }
    }
}
