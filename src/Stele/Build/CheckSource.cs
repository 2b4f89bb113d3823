using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Build;

/// <summary>
/// A check as people write it, in YAML; artifacts are named, and the caller turns names into digests:
/// <code>
/// name: fairness
/// program: check                 # a code artifact, at /in/program
/// environment: runtime           # the root of its sandbox
/// args: [/usr/share/dotnet/dotnet, /in/program/check.dll, --seed, "{seed}"]
/// env: { DOTNET_EnableDiagnostics: "0" }
/// dataset: evaluation            # at /in/dataset
/// parameters: { label: deny }    # /in/parameters.json
/// seed: 1
/// </code>
/// </summary>
static class CheckSource
{
    public static CheckDocument Read(string file, string text, ImmutableSortedDictionary<string, string> parameters,
        Func<string, Digest> find)
    {
        var yaml = Yaml.Parse(file, text, parameters);
        try
        {
            PolicySource.Only(yaml, "name", "program", "environment", "args", "env", "dataset", "parameters", "seed");
            return new CheckDocument(
                Names.Label(yaml["name"]), find(yaml["program"].AsString), find(yaml["environment"].AsString),
                [.. yaml["args"].AsArray.Select(a => a.AsString)],
                (yaml.Find("env") ?? Json.EmptyObject).AsObject.ToImmutableSortedDictionary(e => e.Key,
                    e => e.Value.AsString, StringComparer.Ordinal),
                find(yaml["dataset"].AsString), yaml.Find("parameters") ?? Json.EmptyObject,
                yaml.Find("seed")?.AsInt ?? 0);
        }
        catch (FormatException e)
        {
            throw new FormatException($"{file}: {e.Message}", e);
        }
    }
}
