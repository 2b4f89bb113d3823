using System.Collections.Immutable;
using Cel.Syntax;
using Stele.Blobs;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Build;

/// <summary>
/// A policy as people write it, in YAML, compiled to the canonical JSON whose digest is put in force:
/// <code>
/// name: mortgage-admission
/// description: What a release must show before it serves.
/// scope: { system: mortgage, environment: prod }     # where it may be put in force at most
/// checks: { fairness: ${fairness} }                  # the evaluations that must exist, by the digest of the check document
/// attestations: [eu-ai-act/14]                       # controls for which a person's signed word is looked up
/// define:                                            # CEL that rules and one another may use by name
///   measured: checks.fairness.all(e, has(e.metrics.approval_ratio))
/// rules:
///   - id: four-fifths
///     description: The four-fifths rule.
///     severity: high                                 # low, medium, high or critical
///     controls: [eu-ai-act/10]
///     on: [deploy, canary]                           # the actions it is asked about
///     require: measured &amp;&amp; checks.fairness.all(e, e.metrics.approval_ratio >= 0.8)
///     message: '"too unequal"'                       # CEL too, of a string
/// tests:
///   - name: an unequal model is refused
///     on: deploy
///     input: { checks: { fairness: [ { metrics: { approval_ratio: 0.7 } } ] } }
///     expect: { four-fifths: failed }
/// </code>
/// Instead of <c>require</c>, a rule about requests (<c>on: [decide]</c>) may say <c>allow</c>, <c>deny</c>,
/// <c>mask</c> (with <c>fields</c>) or <c>hold</c>; one about monitoring says <c>alert</c>.
/// </summary>
sealed class PolicySource
{
    public const string YamlMedia = "application/vnd.stele.policy.source.v1+yaml";

    /// <summary>Problems shown at once.</summary>
    const int MostShown = 10;

    readonly YamlText _text;
    readonly IReadOnlyDictionary<string, YamlMark> _marks;
    readonly List<(int Line, int Column, string Reason)> _problems = [];

    PolicySource(YamlText text, IReadOnlyDictionary<string, YamlMark> marks) => (_text, _marks) = (text, marks);

    /// <exception cref="FormatException">
    /// Everything that is wrong, each with file, line, column, and the line with a caret.
    /// </exception>
    public static Policy Compile(string file, string text, ImmutableSortedDictionary<string, string> parameters) =>
        Compile(file, text, parameters, null);

    /// <summary>
    /// The same, where parameters that are not given are made up, as digests: to try a policy before there is anything
    /// it could name.
    /// </summary>
    /// <exception cref="FormatException"/>
    public static Policy Draft(string file, string text, ImmutableSortedDictionary<string, string> parameters) =>
        Compile(file, text, parameters, Made);

    static Policy Compile(string file, string text, ImmutableSortedDictionary<string, string> parameters,
        Func<string, string>? made)
    {
        var yaml = new YamlText(file, text);
        var (value, marks) = Yaml.Read(yaml, parameters, made);
        var source = new PolicySource(yaml, marks);
        var document = source.Document(value);
        source.Stop();
        try
        {
            return new Policy(document);
        }
        catch (PolicyException e)
        {
            foreach (var problem in e.Problems) source.Tell(problem);
            source.Stop();
            throw;
        }
    }

    /// <summary>The policy, and remarks on it with their places in the file, in its order.</summary>
    public static (ImmutableArray<(PolicyRemark Remark, int Line, int Column)> Remarks, Policy Policy) Lint(string file,
        string text, ImmutableSortedDictionary<string, string> parameters)
    {
        var policy = Draft(file, text, parameters);
        var yaml = new YamlText(file, text);
        var source = new PolicySource(yaml, Yaml.Read(yaml, parameters, Made).Marks);
        return ([.. PolicyLint.Read(policy).Select(r => (r, source.MarkOf(r.Path)))
            .Select(r => (r.r, r.Item2.Line, r.Item2.Column))
            .Concat(yaml.Hidden().Select(h => (new PolicyRemark(h.Code, "", h.Message), h.Line, h.Column)))
                .OrderBy(r => r.Line).ThenBy(r => r.Column)], policy);
    }

    static string Made(string parameter) => Digest.Of(System.Text.Encoding.UTF8.GetBytes(parameter)).ToString();

    /// <summary>
    /// Freezes a policy: the compiled document is the artifact's config, and what was written rides along. Returns the
    /// artifact and the compiled policy.
    /// </summary>
    public static async Task<(Digest Artifact, Policy Policy)> Freeze(IBlobs blobs, string path,
        ImmutableSortedDictionary<string, string> parameters, CancellationToken stop = default) =>
        await Freeze(blobs, path, await YamlText.Read(path, stop), parameters, stop);

    /// <param name="file">What the text is called in messages.</param>
    public static async Task<(Digest Artifact, Policy Policy)> Freeze(IBlobs blobs, string file, string text,
        ImmutableSortedDictionary<string, string> parameters, CancellationToken stop = default)
    {
        var policy = Compile(file, text, parameters);
        if (policy.FirstBroken is { } broken) throw new FormatException($"{file}: the policy fails its own {broken}");
        var artifact = await Artifact.OfDocument(blobs, "policy", new About(policy.Name), Policy.MediaType,
            policy.ToJson().ToBytes(), (YamlMedia, System.Text.Encoding.UTF8.GetBytes(text)), stop);
        return (artifact, policy);
    }

    internal static void Only(Json j, params ReadOnlySpan<string> known)
    {
        foreach (var name in j.AsObject.Keys)
            if (!known.Contains(name))
                throw new FormatException(
                    $"'{name}' is not known here; these are: {string.Join(", ", known.ToArray())}");
    }

    PolicyDocument Document(Json yaml)
    {
        if (!Keys(yaml, "", "a policy", "name", "description", "scope", "checks", "attestations", "define", "rules",
            "tests")) return new PolicyDocument("");
        if (yaml.Find("name") is null) Wrong("", "a policy has a name: write 'name: …' at the top");
        if (yaml.Find("rules") is null) Wrong("", "a policy has rules: write 'rules:' and below it '- id: …'");
        return new PolicyDocument(Text(yaml, "", "name") ?? "")
        {
            Description = Text(yaml, "", "description"),
            Scope = Scope(yaml.Find("scope")),
            Checks = Checks(yaml.Find("checks")).ToImmutableSortedDictionary(StringComparer.Ordinal),
            Attestations = Texts(yaml, "", "attestations"),
            Definitions = Expressions(yaml.Find("define")).ToImmutableSortedDictionary(StringComparer.Ordinal),
            Rules = [.. List(yaml, "", "rules").Select(r => ReadRule(r.Value, r.Pointer))],
            Tests = [.. List(yaml, "", "tests").Select(t => ReadTest(t.Value, t.Pointer))],
        };
    }

    PolicyScope? Scope(Json? scope)
    {
        if (scope is null || !Keys(scope, "/scope", "a scope", "system", "environment")) return null;
        if (scope.Find("system") is null) Wrong("/scope", "a scope names its system: { system: …, environment: … }");
        return new PolicyScope(Text(scope, "/scope", "system") ?? "", Text(scope, "/scope", "environment"));
    }

    IEnumerable<KeyValuePair<string, Digest>> Checks(Json? checks)
    {
        if (checks is null || !Mapping(checks, "/checks",
            "checks are a mapping of names to digests: { fairness: sha256:… }")) yield break;
        foreach (var (name, value) in checks.AsObject)
            if (value.Kind == JsonKind.String && Digest.TryParse(value.AsString, out var digest))
                yield return KeyValuePair.Create(name, digest);
            else
                Wrong($"/checks/{name}",
                    $"the check '{name}' is named by the digest of its document, sha256: and 64 hex digits; "
                    + $"${{{name}}} takes it from --set {name}=@ARTIFACT");
    }

    IEnumerable<KeyValuePair<string, string>> Expressions(Json? define)
    {
        if (define is null || !Mapping(define, "/define", "definitions are a mapping of names to CEL expressions"))
            yield break;
        foreach (var (name, _) in define.AsObject)
            if (Expression(define, "/define", name) is { } expression)
                yield return KeyValuePair.Create(name, expression);
    }

    Rule ReadRule(Json r, string at)
    {
        var rule = new Rule("", [], Effect.Require, "true");
        if (!Keys(r, at, "a rule",
            ["id", "description", "severity", "controls", "on", "message", "fields", .. Effects.Names])) return rule;
        if (r.Find("id") is null) Wrong(at, "a rule has an id: write 'id: …'");
        if (r.Find("on") is null)
            Wrong(at,
                $"a rule says what it is asked about: write 'on: [deploy]', or others of "
                + $"{string.Join(", ", Actions.All)}");
        var effects = Effects.Names.Where(n => r.Find(n) is not null).ToArray();
        if (effects.Length == 0)
            Wrong(at,
                $"a rule has an effect: write 'require: …' with a CEL expression, or one of "
                + $"{string.Join(", ", Effects.Names.Where(n => n != "require"))}");
        foreach (var second in effects.Skip(1))
            Wrong(Yaml.KeyOf($"{at}/{second}"),
                $"a rule has one effect, and this one '{effects[0]}' too: make two rules");
        return rule with
        {
            Id = Text(r, at, "id") ?? "",
            On = Texts(r, at, "on"),
            Effect = effects is [var effect, ..] ? Effects.Parse(effect)!.Value : Effect.Require,
            Expr = effects is [var name, ..] ? Expression(r, at, name) ?? "true" : "true",
            Description = Text(r, at, "description"),
            Severity = Text(r, at, "severity") ?? "medium",
            Controls = Texts(r, at, "controls"),
            Fields = Texts(r, at, "fields"),
            Message = r.Find("message") is null ? null : Expression(r, at, "message"),
        };
    }

    PolicyTest ReadTest(Json t, string at)
    {
        var expect = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        if (!Keys(t, at, "a test", "name", "on", "input", "expect"))
            return new PolicyTest("", "", Json.EmptyObject, expect.ToImmutable());
        foreach (var needed in new[] { "name", "on", "expect" })
            if (t.Find(needed) is null)
                Wrong(at,
                    $"a test has a '{needed}': "
                    + $"{(needed == "name" ? "what it shows" : needed == "on" ? "one action, such as deploy" : "rules and their outcomes, such as { four-fifths: failed }")}");
        if (t.Find("expect") is { } e && Mapping(e, at + "/expect",
            "what is expected is a mapping of rules to outcomes: { four-fifths: failed }"))
            foreach (var (rule, _) in e.AsObject) expect[rule] = Text(e, at + "/expect", rule) ?? "";
        return new PolicyTest(Text(t, at, "name") ?? "", Text(t, at, "on") ?? "", t.Find("input") ?? Json.EmptyObject,
            expect.ToImmutable());
    }

    // What the parts are. Each tells what is wrong, and goes on with something harmless.

    bool Keys(Json j, string at, string what, params ReadOnlySpan<string> known)
    {
        if (!Mapping(j, at,
            $"{what} is a mapping, with {string.Join(", ", known[..Math.Min(4, known.Length)].ToArray())}…"))
            return false;
        foreach (var name in j.AsObject.Keys)
            if (!known.Contains(name))
                Wrong(Yaml.KeyOf($"{at}/{name}"),
                    Spelling.Nearest(name, known.ToArray()) is { } near
                        ? $"{what} has no '{name}'; did you mean '{near}'?"
                        : $"{what} has no '{name}'; it may have {string.Join(", ", known.ToArray())}");
        return true;
    }

    bool Mapping(Json j, string at, string what)
    {
        if (j.Kind != JsonKind.Object) Wrong(at, what);
        return j.Kind == JsonKind.Object;
    }

    string? Text(Json j, string at, string name)
    {
        if (j.Find(name) is not { } value) return null;
        if (value.Kind == JsonKind.String) return value.AsString;
        Wrong($"{at}/{Escape(name)}",
            $"'{name}' is text{(value.Kind is JsonKind.Int or JsonKind.Double or JsonKind.Bool ? $": write \"{value}\" in quotes" : "")}");
        return null;
    }

    /// <summary>CEL, which YAML may take for a number or a truth.</summary>
    string? Expression(Json j, string at, string name)
    {
        if (_marks.TryGetValue($"{at}/{Escape(name)}", out var mark) && mark.Scalar is { Value.Length: > 0 } scalar)
        {
            var source = j[name].Kind == JsonKind.String ? j[name].AsString : scalar.Value;
            Unfolded(mark, scalar, source);
            return source;
        }
        Wrong($"{at}/{Escape(name)}",
            $"'{name}' is a CEL expression: quote it if it has ': ', '#', '{{' or '[' at its start, or put it on its "
            + $"own lines after '>-'");
        return null;
    }

    /// <summary>
    /// CEL has comments to the end of a line, and folded text has no ends of lines: everything below such a comment,
    /// clauses of the rule among it, would be part of it, silently.
    /// </summary>
    void Unfolded(YamlMark mark, YamlDotNet.Core.Events.Scalar scalar, string source)
    {
        if (scalar.Style == YamlDotNet.Core.ScalarStyle.Literal || scalar.Style != YamlDotNet.Core.ScalarStyle.Folded
            && scalar.Start.Line == scalar.End.Line) return;
        IReadOnlyList<(int Start, int End)> comments;
        try
        {
            comments = Cel.CelProgram.Comments(source);
        }
        catch (CelException)
        {
            return;   // told where it is compiled
        }
        foreach (var (start, _) in comments)
        {
            var (line, column) = _text.Locate(mark, 1 + source.AsSpan(0, start).Count('\n'), 1
                + source[(source.AsSpan(0, start).LastIndexOf('\n') + 1)..start].EnumerateRunes().Count());
            _problems.Add((line, column, "a '//' comment in folded text: folding puts the lines below on this line, "
                + "and they would be part of the comment; "
                + (scalar.Style == YamlDotNet.Core.ScalarStyle.Folded
                    ? "write '|' in place of '>', or the comment with '#' above the key"
                    : "put the expression on lines of its own after '|', or the comment with '#' above the key")));
        }
    }

    ImmutableArray<string> Texts(Json j, string at, string name)
    {
        if (j.Find(name) is not { } value) return [];
        at = $"{at}/{name}";
        if (value.Kind != JsonKind.Array)
        {
            Wrong(at, $"'{name}' is a list: write [{(value.Kind == JsonKind.String ? value.AsString : "…")}]");
            return [];
        }
        for (var i = 0; i < value.AsArray.Length; i++)
            if (value.AsArray[i].Kind != JsonKind.String)
                Wrong($"{at}/{i}", $"'{name}' is a list of text: write it in quotes");
        return [.. value.AsArray.Select(v => v.Kind == JsonKind.String ? v.AsString : "")];
    }

    IEnumerable<(Json Value, string Pointer)> List(Json j, string at, string name)
    {
        if (j.Find(name) is not { } value) return [];
        at = $"{at}/{name}";
        if (value.Kind == JsonKind.Array) return value.AsArray.Select((v, i) => (v, $"{at}/{i}"));
        Wrong(at, $"'{name}' is a list: begin each of them with '- '");
        return [];
    }

    static string Escape(string name) =>
        name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);

    // Where they stand.

    void Wrong(string pointer, string reason)
    {
        var mark = MarkOf(pointer);
        _problems.Add((mark.Line, mark.Column, reason));
    }

    /// <summary>A problem of the compiled document, where people wrote it.</summary>
    void Tell(PolicyProblem problem)
    {
        var mark = MarkOf(problem.Path);
        var (line, column) = problem.Cel is { } cel
            ? _text.Locate(mark, cel.Line, cel.Column)
            : (mark.Line, mark.Column);
        _problems.Add((line, column, problem.Cel?.Definition is { } name
            ? $"definition '{name}'{(problem.Subject is null ? "" : $", used by {problem.Subject}")}: {problem.Reason}"
            : problem.Subject is null ? problem.Reason : $"{problem.Subject}: {problem.Reason}"));
    }

    /// <summary>
    /// The place of a part, or of the nearest that it is in; where a rule's expression is meant, of its effect.
    /// </summary>
    YamlMark MarkOf(string pointer)
    {
        if (pointer.EndsWith("/expr", StringComparison.Ordinal))
            foreach (var effect in Effects.Names)
                if (_marks.TryGetValue(pointer[..^4] + effect, out var mark)) return mark;
        for (var at = pointer; ; at = at[..Math.Max(0, at.LastIndexOf('/'))])
        {
            // An input or an expectation is misspelt where its key stands.
            if (at.StartsWith("/tests/", StringComparison.Ordinal) && at == pointer
                && _marks.TryGetValue(Yaml.KeyOf(at), out var key)) return key;
            if (_marks.TryGetValue(at, out var mark)) return mark;
            if (at.Length == 0) return new YamlMark(1, 1);
        }
    }

    void Stop()
    {
        if (_problems.Count == 0) return;
        var all = _problems.Distinct().OrderBy(p => p.Line).ThenBy(p => p.Column).ToArray();
        var shown = all.Take(MostShown).SelectMany(p => _text.Describe(p.Line, p.Column, p.Reason));
        throw new LinesException([.. all.Length <= MostShown ? shown
            : shown.Append($"and {all.Length - MostShown} more")]);
    }
}
