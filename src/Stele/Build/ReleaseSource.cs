using System.Collections.Immutable;
using Cel.Syntax;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Build;

/// <summary>
/// A release as people write it, in YAML: which artifacts, where they stand, how it runs. Artifacts are named; the
/// caller turns names into digests.
/// <code>
/// name: ${name}
/// system: mortgage
/// components:
///   - { role: environment, artifact: runtime, mount: / }
///   - { role: model, artifact: ${model}, mount: /app/model }
///   - { role: evaluation, artifact: evaluation }          # no mount: it does not run
/// policy: mortgage-service                                # frozen in the release; decides its requests
/// run:
///   args: [/usr/bin/dotnet, /app/service.dll]
///   env: { DOTNET_EnableDiagnostics: "0" }
///   directory: /app
///   socket: /run/service.sock
///   health: /health
/// </code>
/// </summary>
static class ReleaseSource
{
    /// <summary>
    /// What a component is to a release. Policies ask for components by these names, so a misspelt one would pass
    /// unseen.
    /// </summary>
    static readonly ImmutableArray<string> Roles = [.. Artifacts.Kinds.Where(k => k != "release"), "evaluation"];

    const string OwnRole = "x-";

    static void CheckRole(Json role)
    {
        var name = Names.Label(role);
        if (Roles.Contains(name) || name.StartsWith(OwnRole, StringComparison.Ordinal)) return;
        var meant = Spelling.Nearest(name, Roles) is null ? "." : Spelling.Hint(name, Roles);
        throw new FormatException($"components: '{name}' is no role{meant} "
            + $"Roles are {string.Join(", ", Roles)}; one of your own begins with {OwnRole}");
    }

    /// <param name="find">An artifact's digest and kind by its name or digest.</param>
    /// <param name="policy">A frozen policy's artifact and compiled document by its name or digest.</param>
    /// <exception cref="FormatException">What is wrong with it.</exception>
    public static async Task<ReleaseDocument> Read(string file, string text,
        ImmutableSortedDictionary<string, string> parameters,
        Func<string, Task<(Digest Digest, string Kind, string Name)>> find,
        Func<string, Task<(Digest Artifact, Digest Policy, string Name)>> policy)
    {
        var yaml = Yaml.Parse(file, text, parameters);
        try
        {
            PolicySource.Only(yaml, "name", "system", "components", "policy", "run");
            var components = new List<Component>();
            foreach (var c in yaml["components"].AsArray)
            {
                PolicySource.Only(c, "role", "artifact", "mount", "name");
                CheckRole(c["role"]);
                var (digest, kind, name) = await find(c["artifact"].AsString);
                components.Add(new Component(Names.Label(c["role"]), kind,
                    c.Find("name") is { } n ? Names.Label(n) : name, digest, c.Find("mount")?.AsString));
            }
            Digest? rules = null;
            if (yaml.Find("policy") is { } p)
            {
                var (artifact, compiled, name) = await policy(p.AsString);
                components.Add(new Component("policy", "policy", name, artifact, null));
                rules = compiled;
            }
            var run = yaml["run"];
            PolicySource.Only(run, "args", "env", "directory", "socket", "health");
            var options = RunTerms.FromJson(run.Find("env") is null ? run.With("env", Json.EmptyObject) : run);
            return new ReleaseDocument(Names.Label(yaml["name"]), Names.Label(yaml["system"]), [.. components], options,
                rules).Sorted();
        }
        catch (FormatException e)
        {
            throw new FormatException($"{file}: {e.Message}", e);
        }
    }
}
