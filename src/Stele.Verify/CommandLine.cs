using System.Reflection;

namespace Stele.Verify;

/// <summary>
/// Reads the command line by the commands' own tables, and tells whatever goes wrong as one error and one hint.
/// </summary>
static class CommandLine
{
    const string Codes = """
        Exit code: 0 complete, or complete with limits that are named; 1 contradicted: something was changed, is
        damaged, missing or untrue; 2 usage error, or a file can't be read; 3 consistent, but unauthenticated;
        4 complete except for gaps that are declared (lost or erased records); 5 an early receipt, which agrees and is
        not anchored yet; 6 fraud is proven: one key signed two histories; 7 stopped at an entry: it agrees up to
        there, and what follows is not judged.
        """;

    public static int Run(Command[] commands, string[] args)
    {
        try
        {
            if (args.Contains("--help") || args.Contains("-h"))
            {
                Printer.Lines(commands.FirstOrDefault(c => c.Name == args[0]) is { } one ? Help([one])
                    : Help(commands));
                return 0;
            }
            if (args is ["--version"])
            {
                Console.WriteLine($"stele-verify {Version}");
                return 0;
            }
            var command = args is [] or [['-', ..], ..]
                ? throw new MisuseException("say what to verify", commands[0].Synopsis)
                : commands.FirstOrDefault(c => c.Name == args[0]) ?? throw new MisuseException(
                    $"'{args[0]}' can't be verified: {string.Join(", ", commands.Select(c => c.Name))} can");
            return command.Run(Call.Of(command, args.AsSpan(1)));
        }
        catch (MisuseException e)
        {
            return Fail(e.Message, e.Hint);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fail(e.Message, "check the path, and that you may read it");
        }
    }

    static string? Version =>
        Assembly.GetExecutingAssembly()
            .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;

    static string Help(Command[] commands)
    {
        var lines = new List<string>();
        lines.AddRange(commands.Select(c => c.Synopsis));
        lines.Add("stele-verify [COMMAND] --help | --version");
        if (commands.Length > 1) lines.AddRange(["", "Judges, offline, what a Stele ledger's operator hands out."]);
        foreach (var command in commands) lines.AddRange(["", .. command.Help.Split('\n')]);
        lines.Add("");
        foreach (var option in commands.SelectMany(c => c.Options).DistinctBy(o => (o.Name, o.Help)))
        {
            var (name, first) = ($"  {option.Name}{(option.Value is null ? "" : " " + option.Value)}", true);
            foreach (var line in option.Help.Split('\n'))
            {
                if (first && name.Length > 24) lines.Add(name);
                lines.Add((first && name.Length <= 24 ? name.PadRight(25) : new string(' ', 25)) + line);
                first = false;
            }
        }
        lines.AddRange(["", Codes]);
        return string.Join('\n', lines);
    }

    static int Fail(string error, string hint)
    {
        Console.Error.WriteLine($"stele-verify: error: {error}");
        Console.Error.WriteLine($"stele-verify: hint: {hint}");
        return Command.Usage;
    }
}
