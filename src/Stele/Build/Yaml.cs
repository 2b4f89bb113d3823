using System.Collections.Immutable;
using System.Globalization;
using Stele.Proof;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Stele.Build;

/// <summary>
/// What people write (policies, pipelines, checks, releases) as a JSON value: one YAML document, plain scalars by YAML's core schema (true, false, null, numbers),
/// everything quoted is a string. Anchors, tags, duplicate keys and several documents are refused. <c>${name}</c> in a string is replaced by a parameter; <c>${name:-text}</c> by
/// that text, if the parameter is not given.
/// </summary>
static class Yaml
{
    public const int MaxBytes = 1 << 20;

    /// <exception cref="FormatException">With the file's name, line and column.</exception>
    public static Json Parse(string file, string text, ImmutableSortedDictionary<string, string> parameters)
    {
        if (text.Length > MaxBytes) throw new FormatException($"{file}: longer than {MaxBytes} bytes");
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new FormatException($"{file}:{e.Start.Line}:{e.Start.Column}: {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            // The scanner's own checks of itself fail on some broken flows, as in "a: [b" and the line "c" below it.
            throw new FormatException($"{file}: not YAML: a bracket, brace or quote is not closed", e);
        }
        if (stream.Documents.Count != 1) throw new FormatException($"{file}: want one YAML document, found {stream.Documents.Count}");
        var used = new HashSet<string>(StringComparer.Ordinal);
        var value = Value(file, stream.Documents[0].RootNode, parameters, used, 0);
        if (parameters.Keys.FirstOrDefault(p => !used.Contains(p)) is { } unused) throw new FormatException($"{file}: it has no ${{{unused}}} for the parameter '{unused}'");
        return value;
    }

    static Json Value(string file, YamlNode node, ImmutableSortedDictionary<string, string> parameters, HashSet<string> used, int depth)
    {
        FormatException Wrong(string what) => new($"{file}:{node.Start.Line}:{node.Start.Column}: {what}");
        if (depth > CanonicalJson.MaxDepth) throw Wrong("nested too deep");
        if (!node.Anchor.IsEmpty) throw Wrong("anchors and aliases are not taken here: write it out");
        switch (node)
        {
            case YamlMappingNode map:
                var members = ImmutableSortedDictionary.CreateBuilder<string, Json>(StringComparer.Ordinal);
                foreach (var (key, value) in map.Children)
                {
                    if (key is not YamlScalarNode { Value: { } written }) throw Wrong("a key must be a plain string");
                    var name = Substitute(written);
                    if (!members.TryAdd(name, Value(file, value, parameters, used, depth + 1))) throw Wrong($"'{name}' stands twice");
                }
                return Json.Object(members);
            case YamlSequenceNode list:
                return Json.Array(list.Children.Select(v => Value(file, v, parameters, used, depth + 1)));
            case YamlScalarNode scalar:
                var text = scalar.Value ?? "";
                return scalar.Style == ScalarStyle.Plain && Plain(text) is { } typed ? typed : Json.Of(Substitute(text));
            default:
                throw Wrong("want a mapping, a list or a scalar");
        }

        string Substitute(string text)
        {
            var result = new System.Text.StringBuilder();
            for (var i = 0; i < text.Length;)
            {
                var start = text.IndexOf("${", i, StringComparison.Ordinal);
                if (start < 0) return result.Append(text.AsSpan(i)).ToString();
                var end = text.IndexOf('}', start);
                if (end < 0) throw Wrong("${ without }");
                var (name, otherwise) = Split(text[(start + 2)..end]);
                if (!parameters.TryGetValue(name, out var value)) value = otherwise ?? throw Wrong($"the parameter '{name}' is not given (--set {name}=…)");
                used.Add(name);
                result.Append(text.AsSpan(i, start - i)).Append(value);
                i = end + 1;
            }
            return result.ToString();
        }
    }

    static (string Name, string? Default) Split(string parameter) => parameter.IndexOf(":-", StringComparison.Ordinal) is >= 0 and var at ? (parameter[..at], parameter[(at + 2)..]) : (parameter, null);

    /// <summary>The parameters that a document asks for, in their order, with what stands for each that is not given; null: it must be.</summary>
    public static IReadOnlyList<(string Name, string? Default)> Parameters(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return [.. stream.Documents.SelectMany(d => d.AllNodes).OfType<YamlScalarNode>()
            .SelectMany(n => (n.Value ?? "").Split("${").Skip(1).Where(p => p.Contains('}', StringComparison.Ordinal)).Select(p => Split(p[..p.IndexOf('}', StringComparison.Ordinal)])))
            .DistinctBy(p => p.Name, StringComparer.Ordinal)];
    }

    static Json? Plain(string s) => s switch
    {
        "" or "~" or "null" => Json.Null,
        "true" => Json.True,
        "false" => Json.False,
        _ when long.TryParse(s, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var i) => Json.Of(i),
        _ when (char.IsAsciiDigit(s[^1]) || s[^1] == '.') && double.TryParse(s, NumberStyles.Float, CultureInfo.InvariantCulture, out var d) => Json.Of(d),
        _ => null,
    };
}
