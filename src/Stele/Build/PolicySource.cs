using System.Collections.Immutable;
using Stele.Blobs;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Build;

/// <summary>
/// A policy as people write it, in YAML, compiled to the canonical JSON whose digest is put in force:
/// <code>
/// name: mortgage-admission
/// checks: { fairness: ${fairness} }        # the evaluations that must exist, by the digest of the check document
/// rules:
///   - id: four-fifths
///     on: [deploy, canary]                 # the actions it judges
///     require: checks.fairness.all(e, e.metrics.approval_ratio >= 0.8)
///     message: '"too unequal"'             # CEL too
/// </code>
/// </summary>
static class PolicySource
{
    public const string YamlMedia = "application/vnd.stele.policy.source.v1+yaml";

    /// <exception cref="FormatException">What is wrong, where; a CEL error shows its line and a caret.</exception>
    public static Policy Compile(string file, string text, ImmutableSortedDictionary<string, string> parameters)
    {
        var yaml = Yaml.Parse(file, text, parameters);
        try
        {
            Only(yaml, "name", "checks", "rules");
            var rules = yaml["rules"].AsArray.Select(r =>
            {
                Only(r, "id", "on", "require", "message");
                return new Rule(Names.Label(r["id"]), [.. r["on"].AsArray.Select(a => Names.OneOf(a, Policy.Actions.AsSpan()))], r["require"].AsString, r.Find("message")?.AsString);
            });
            var checks = (yaml.Find("checks") ?? Json.EmptyObject).AsObject.ToImmutableSortedDictionary(c => c.Key, c => c.Value.AsDigest, StringComparer.Ordinal);
            return new Policy(Names.Label(yaml["name"]), checks, [.. rules]);
        }
        catch (FormatException e)
        {
            throw new FormatException($"{file}: {e.Message}", e);
        }
    }

    /// <summary>Freezes a policy: the compiled document is the artifact's config. Returns the artifact and the compiled policy.</summary>
    public static async Task<(Digest Artifact, Policy Policy)> Freeze(IBlobs blobs, string path, ImmutableSortedDictionary<string, string> parameters, CancellationToken stop = default)
    {
        var text = await File.ReadAllTextAsync(path, stop);
        var policy = Compile(path, text, parameters);
        var artifact = await Artifact.OfDocument(blobs, "policy", new About(policy.Name), Policy.MediaType, policy.ToJson().ToBytes(), stop);
        return (artifact, policy);
    }

    internal static void Only(Json j, params ReadOnlySpan<string> known)
    {
        foreach (var name in j.AsObject.Keys)
            if (!known.Contains(name)) throw new FormatException($"'{name}' is not known here; these are: {string.Join(", ", known.ToArray())}");
    }
}
