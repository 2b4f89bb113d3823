using System.CommandLine;
using Stele.Disk;
using Stele.Identity;
using Stele.Proof;

namespace Stele.Cli;

/// <summary>
/// How secrets come in and go out: never in a command line, which every user of a machine can read; out once, or into a
/// new file of mode 0600.
/// </summary>
static class Secrets
{
    const int MaxLine = 1024;

    public static Option<string> Out => new("--out") { HelpName = "FILE", Description =
        "write the token there, into a new file that only you can read, and print it nowhere" };

    /// <summary>Holds that the file of <c>--out</c> is not there yet, before a secret is made for it.</summary>
    public static void Free(Call call)
    {
        if (call.Get<string>("--out") is { } file && (File.Exists(file)
            || Directory.Exists(file))) throw call.Wrong($"{file} is there already", "--out takes a new file");
    }

    /// <summary>Gives out a token that was just made.</summary>
    /// <param name="said">What is said of it, next to the token.</param>
    public static void Give(Call call, string name, string token, Json said, string next)
    {
        var file = call.Get<string>("--out");
        if (file is not null) Files.Write(file, token + "\n", Readers.Owner);
        call.Terminal.Result(file is null ? said.With("token", token) : said.With("file", file), () =>
        {
            call.Terminal.Line(file is null ? $"{name} {token}" : $"{name} in {file}");
            call.Terminal.Note(file is null ? $"It is shown this once. {next}" : next);
        });
    }

    /// <summary>
    /// A token that is given to a command: on standard input (<c>--NAME -</c>), in a file (<c>--NAME-file FILE</c>), or
    /// in the environment. Null where none is.
    /// </summary>
    /// <param name="option">The option's name, as in <c>--token</c>.</param>
    public static string? Given(Call call, string option, string variable)
    {
        var (typed, file) = (call.Get<string>(option), call.Get<string>(option + "-file"));
        if (typed is not (null or "-")) throw call.Wrong($"{option} takes no token: everybody on this machine can "
            + $"read a command line",
            $"{option}-file FILE; or {option} - and the token on standard input; or the variable {variable}");
        if (typed is not null && file is not null) throw call.Wrong($"either {option} -, or {option}-file");
        var (text, from) = typed is not null ? (Console.In.ReadLine(), "standard input")
            : file is not null ? (FirstLine(call.NeedFile(option + "-file")), file)
            : (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } set ? set : null, variable);
        if (text is null) return typed is null && file is null ? null
            : throw call.Wrong($"there is no token on {from}");
        return Token.IsWellFormed(text.Trim()) ? text.Trim()
            : throw call.Wrong($"what {from} has is not a token",
            "a token is 'stele_' and 43 or 64 characters, as stele token add gives it");
    }

    static string? FirstLine(string file)
    {
        using var reader = new StreamReader(file);
        var line = new char[MaxLine];
        var length = reader.ReadBlock(line);
        return new string(line, 0, length).Split('\n')[0];
    }
}
