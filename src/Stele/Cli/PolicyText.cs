using Stele.Build;

namespace Stele.Cli;

/// <summary>A policy's text as people name it: a file, or a ready-made one (<c>bundle:NAME</c>).</summary>
static class PolicyText
{
    public static bool Is(string given) => IsBundle(given) || File.Exists(given);

    public static async Task<string> Read(Call call, string given) => IsBundle(given)
        ? Bundle(given[ReadyMade.Prefix.Length..]) : await Yaml(call, given);

    /// <summary>A YAML file; characters in it that mislead who reads it are remarked.</summary>
    public static async Task<string> Yaml(Call call, string file)
    {
        var text = await YamlText.Read(file, call.Stop);
        foreach (var (line, column, code, message) in new YamlText(file, text)
            .Hidden()) call.Terminal.Note($"{file}:{line}:{column}: {message}  ({code})");
        return text;
    }

    /// <summary>A bundle's text.</summary>
    public static string Bundle(string name) =>
        ReadyMade.Text(name) ?? throw new CliError($"there is no bundle '{name}'",
            $"these come with the program: {string.Join(", ", ReadyMade.Names)}", CliError.Usage);

    static bool IsBundle(string given) => given.StartsWith(ReadyMade.Prefix, StringComparison.Ordinal);
}
