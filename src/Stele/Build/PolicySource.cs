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
            Only(yaml, "name", "description", "scope", "checks", "attestations", "define", "rules", "tests");
            return new Policy(new PolicyDocument(yaml["name"].AsString)
            {
                Description = yaml.Find("description")?.AsString,
                Scope = yaml.Find("scope") is { } s ? new PolicyScope(s["system"].AsString, s.Find("environment")?.AsString) : null,
                Checks = Map(yaml.Find("checks")).ToImmutableSortedDictionary(c => c.Key, c => c.Value.AsDigest, StringComparer.Ordinal),
                Attestations = Strings(yaml.Find("attestations")),
                Definitions = Map(yaml.Find("define")).ToImmutableSortedDictionary(c => c.Key, c => c.Value.AsString, StringComparer.Ordinal),
                Rules = [.. yaml["rules"].AsArray.Select(ReadRule)],
                Tests = [.. (yaml.Find("tests") ?? Json.EmptyArray).AsArray.Select(t =>
                {
                    Only(t, "name", "on", "input", "expect");
                    return new PolicyTest(t["name"].AsString, t["on"].AsString, t.Find("input") ?? Json.EmptyObject, t["expect"].AsObject.ToImmutableSortedDictionary(e => e.Key, e => e.Value.AsString, StringComparer.Ordinal));
                })],
            });
        }
        catch (FormatException e)
        {
            throw new FormatException($"{file}: {e.Message}", e);
        }
    }

    /// <summary>Freezes a policy: the compiled document is the artifact's config. Returns the artifact and the compiled policy.</summary>
    public static async Task<(Digest Artifact, Policy Policy)> Freeze(IBlobs blobs, string path, ImmutableSortedDictionary<string, string> parameters, CancellationToken stop = default) =>
        await Freeze(blobs, path, await File.ReadAllTextAsync(path, stop), parameters, stop);

    /// <param name="file">What the text is called in messages.</param>
    public static async Task<(Digest Artifact, Policy Policy)> Freeze(IBlobs blobs, string file, string text, ImmutableSortedDictionary<string, string> parameters, CancellationToken stop = default)
    {
        var policy = Compile(file, text, parameters);
        var artifact = await Artifact.OfDocument(blobs, "policy", new About(policy.Name), Policy.MediaType, policy.ToJson().ToBytes(), stop);
        return (artifact, policy);
    }

    static Rule ReadRule(Json r)
    {
        Only(r, ["id", "description", "severity", "controls", "on", "message", "fields", .. Effects.Names]);
        var effects = Effects.Names.Where(n => r.Find(n) is not null).ToArray();
        if (effects.Length != 1) throw new FormatException($"the rule '{r["id"].AsString}' has {effects.Length} effects: write exactly one of {string.Join(", ", Effects.Names)}");
        return new Rule(r["id"].AsString, Strings(r["on"]), Effects.Parse(effects[0])!.Value, r[effects[0]].AsString)
        {
            Description = r.Find("description")?.AsString,
            Severity = r.Find("severity")?.AsString ?? "medium",
            Controls = Strings(r.Find("controls")),
            Fields = Strings(r.Find("fields")),
            Message = r.Find("message")?.AsString,
        };
    }

    static JsonMembers Map(Json? j) => (j ?? Json.EmptyObject).AsObject;

    static ImmutableArray<string> Strings(Json? j) => [.. (j ?? Json.EmptyArray).AsArray.Select(s => s.AsString)];

    internal static void Only(Json j, params ReadOnlySpan<string> known)
    {
        foreach (var name in j.AsObject.Keys)
            if (!known.Contains(name)) throw new FormatException($"'{name}' is not known here; these are: {string.Join(", ", known.ToArray())}");
    }
}
