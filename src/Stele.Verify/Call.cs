using System.Globalization;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;

namespace Stele.Verify;

/// <summary>One command as it was typed.</summary>
sealed class Call
{
    readonly Dictionary<string, string> _options = new(StringComparer.Ordinal);

    readonly List<string> _operands = [];

    /// <summary>The file or folder that is to be judged; null where it was left out.</summary>
    public string? Operand => _operands.FirstOrDefault();

    /// <summary>What the command takes behind that.</summary>
    public string Second => _operands[1];

    public string File => Operand!;
    public bool Json => _options.ContainsKey("--json");

    public static Call Of(Command command, ReadOnlySpan<string> args)
    {
        var call = new Call();
        var most = command.Operand.Split(' ').Length;
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] is ['-', _, ..])
            {
                var name = args[i];
                var option = Array.Find(command.Options, o => o.Name == name) ?? throw new MisuseException(
                    $"'{command.Name}' has no option '{name}'", $"stele-verify {command.Name} --help");
                if (option.Value is not null && i + 1 == args.Length)
                    throw new MisuseException($"{option.Name} wants a value", $"stele-verify {command.Name} --help");
                if (!call._options.TryAdd(option.Name, option.Value is null ? "" : args[++i]))
                    throw new MisuseException($"{option.Name} is given twice");
            }
            else if (call._operands.Count == most)
                throw new MisuseException($"one thing at a time; '{args[i]}' is one too many", command.Synopsis);
            else call._operands.Add(args[i]);
        }
        if (command.Operand is [>= 'A' and <= 'Z', ..] && call._operands.Count < most)
            throw new MisuseException(call._operands.Count == 0
                ? "say what to verify"
                : $"{command.Operand.Split(' ')[call._operands.Count]} is missing", command.Synopsis);
        return call;
    }

    public string? Value(string option) => _options.GetValueOrDefault(option);

    public long? Number(string option) => Value(option) is not { } text ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n
        : throw new MisuseException($"{option} wants a number, not '{text}'");

    /// <summary>RFC 3339 as it is typed; milliseconds since 1970 UTC.</summary>
    public long? Time(string option) => Value(option) is not { } text ? null
        : Rfc3339.TryParse(text, out var time) ? time
            : throw new MisuseException($"{option} wants a time (RFC 3339), not '{text}'",
            $"write it as {Rfc3339.Example}");

    /// <summary>The file that an option names, read whole and parsed; null when the option was not given.</summary>
    public T? Parsed<T>(string option, int most, Func<byte[], T> parse, string what, string hint) where T : class
    {
        if (Value(option) is not { } path) return null;
        try
        {
            return parse(Read(path, most));
        }
        catch (FormatException e)
        {
            throw new MisuseException($"{path} is not {what}: {e.Message}", hint);
        }
    }

    public Trust? Trust =>
        Parsed("--trust", 64 * 1024, b => Proof.Decisions.Trust.Parse(b), "a trust file",
            "use the trust.json that the ledger's owners gave you");

    public static byte[] Read(string path, int most)
    {
        using var file = System.IO.File.OpenRead(path);
        if (file.Length > most) throw new IOException($"{path} has {file.Length} bytes; at most {most} are read");
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>Tells what was found, and returns the exit code.</summary>
    public int Tell(VerifyReport report)
    {
        if (Json) Console.WriteLine(report.ToJson());
        else
            foreach (var line in report.Lines()) Console.WriteLine(line.Text);
        return (int)report.Result;
    }
}
