using System.Collections.Immutable;
using System.Globalization;
using Stele.Proof;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Stele.Build;

/// <summary>
/// What people write (policies, pipelines, checks, releases) as a JSON value: one YAML document, plain scalars by
/// YAML's core schema (true, false, null, numbers), everything quoted is a string. Lines end with LF or CRLF. Anchors,
/// aliases, tags, directives, duplicate keys, several documents, and words that other parsers take for something else
/// are refused.
/// <c>${name}</c> in a string or key is replaced by a parameter; <c>${name:-text}</c> by that text, if the parameter is
/// not given.
/// </summary>
sealed class Yaml
{
    public const int MaxBytes = 1 << 20;

    readonly YamlText _text;
    readonly ImmutableSortedDictionary<string, string> _parameters;
    readonly HashSet<string> _used = new(StringComparer.Ordinal);
    readonly Dictionary<string, YamlMark> _marks = new(StringComparer.Ordinal);
    readonly Parser _parser;

    readonly Func<string, string>? _missing;

    Yaml(YamlText text, ImmutableSortedDictionary<string, string> parameters, Func<string, string>? missing) =>
        (_text, _parameters, _missing, _parser) = (text, parameters, missing,
            new Parser(new Scanner(new StringReader(text.Text), skipComments: true)));

    /// <exception cref="FormatException">With the file's name, line and column, and the line.</exception>
    public static Json Parse(string file, string text, ImmutableSortedDictionary<string, string> parameters) =>
        Read(new YamlText(file, text), parameters).Value;

    /// <summary>
    /// The value, and by JSON pointer where each part of it stands; a key's own place is under the pointer and
    /// <see cref="KeyOf"/>.
    /// </summary>
    /// <param name="missing">What a parameter is that is not given; null if that is an error.</param>
    public static (Json Value, IReadOnlyDictionary<string, YamlMark> Marks) Read(YamlText text,
        ImmutableSortedDictionary<string, string> parameters, Func<string, string>? missing = null)
    {
        if (text.Text.Length > MaxBytes) throw new FormatException($"{text.File}: longer than {MaxBytes} bytes");
        text.Hold();
        var yaml = new Yaml(text, parameters, missing);
        try
        {
            var value = yaml.Document();
            if (parameters.Keys.FirstOrDefault(p => !yaml._used.Contains(p)) is { } unused)
                throw new FormatException($"{text.File}: it has no ${{{unused}}} for the parameter '{unused}'");
            return (value, yaml._marks);
        }
        catch (YamlException e)
        {
            if (Tab(text.Text) is { } tab)
                throw text.Wrong(tab.Line, tab.Column, "not YAML: a tab: indent with spaces");
            throw text.Wrong(Math.Max(1, (int)e.Start.Line), Math.Max(1, (int)e.Start.Column),
                $"not YAML: {Plainly(e.Message)}");
        }
        catch (InvalidOperationException e)
        {
            // The scanner's own checks of itself fail on some broken flows, as in "a: [b" and the line "c" below it.
            throw new FormatException($"{text.File}: not YAML: a bracket, brace or quote is not closed", e);
        }
    }

    public static string KeyOf(string pointer) => pointer + "#";

    /// <summary>The first line that is indented with a tab.</summary>
    static (int Line, int Column)? Tab(string text)
    {
        var line = 0;
        foreach (var l in text.AsSpan().EnumerateLines())
        {
            line++;
            var indent = l.Length - l.TrimStart(" \t").Length;
            if (l[..indent].IndexOf('\t') is >= 0 and var at) return (line, at + 1);
        }
        return null;
    }

    /// <summary>The library's words, which speak of its own states, as what to do.</summary>
    static string Plainly(string message)
    {
        bool Says(string part) => message.Contains(part, StringComparison.OrdinalIgnoreCase);
        if (Says("invalid mapping") || Says("mapping values are not"))
            return "a second ': ' on the line: put the value in quotes, or on lines of its own after '>-'";
        if (Says("expected node content") || Says("flow sequence") || Says("flow mapping"))
            return "a bracket or brace is not closed, or a comma is missing";
        if (Says("quoted scalar")) return "a quote is not closed";
        if (Says("block collection") || Says("block mapping") || Says("expected key") || Says("block sequence")
            || Says("block entry")) return "the indentation doesn't fit the lines above, or text needs quotes here";
        if (Says("simple key")) return "a key needs ': ' after it, on its own line";
        if (Says("cannot start any token")) return "a character that can't begin text here: put the text in quotes";
        return char.ToLowerInvariant(message[0]) + message[1..].TrimEnd('.');
    }

    Json Document()
    {
        Next<StreamStart>();
        if (_parser.Current is StreamEnd) throw new FormatException($"{_text.File}: it is empty");
        if (_parser.Current is DocumentStart { IsImplicit: false, Version: not null } d)
            throw Wrong(d.Start, "directives are not taken here: leave the line away");
        Next<DocumentStart>();
        var value = Node("", 0);
        Next<DocumentEnd>();
        if (_parser.Current is DocumentStart another)
            throw Wrong(another.Start, "one YAML document a file: take the rest away");
        return value;

        void Next<T>() where T : ParsingEvent
        {
            if (_parser.Current is null) _parser.MoveNext();
            if (_parser.Current is not T) throw new InvalidOperationException(_parser.Current?.GetType().Name);
            _parser.MoveNext();
        }
    }

    FormatException Wrong(Mark at, string what) => _text.Wrong((int)at.Line, (int)at.Column, what);

    Json Node(string pointer, int depth)
    {
        var start = _parser.Current!;
        if (depth > CanonicalJson.MaxDepth) throw Wrong(start.Start, "nested too deep");
        if (start is AnchorAlias) throw Wrong(start.Start, "aliases are not taken here: write out what it stands for");
        if (start is not NodeEvent node) throw Wrong(start.Start, "want a mapping, a list or a scalar");
        if (!node.Anchor.IsEmpty)
            throw Wrong(node.Start, "anchors are not taken here: write it out where it is needed");
        if (!node.Tag.IsEmpty) throw Wrong(node.Start, "tags are not taken here: leave it away");
        switch (node)
        {
            case MappingStart: return Mapping(pointer, depth);
            case SequenceStart:
                _marks[pointer] = new YamlMark((int)node.Start.Line, (int)node.Start.Column);
                _parser.MoveNext();
                var items = new List<Json>();
                while (_parser.Current is not SequenceEnd)
                    items.Add(Node(string.Create(CultureInfo.InvariantCulture, $"{pointer}/{items.Count}"), depth + 1));
                _parser.MoveNext();
                return Json.Array(items);
            default:
                var scalar = (Scalar)node;
                _parser.MoveNext();
                var mark = new YamlMark((int)scalar.Start.Line, (int)scalar.Start.Column) { Scalar = scalar };
                _marks[pointer] = mark;
                if (scalar.Style == ScalarStyle.Plain && Plain(scalar) is { } typed) return typed;
                return Json.Of(Substitute(scalar, mark));
        }
    }

    Json Mapping(string pointer, int depth)
    {
        _marks[pointer] = new YamlMark((int)_parser.Current!.Start.Line, (int)_parser.Current.Start.Column);
        _parser.MoveNext();
        var members = ImmutableSortedDictionary.CreateBuilder<string, Json>(StringComparer.Ordinal);
        while (_parser.Current is not MappingEnd)
        {
            var at = _parser.Current!.Start;
            if (_parser.Current is not Scalar { Anchor.IsEmpty: true, Tag.IsEmpty: true } key)
                throw Wrong(at, "a key is a plain word");
            var name = Substitute(key, new YamlMark(0, 0));
            if (key.Value == "<<") throw Wrong(at, "merge keys are not taken here: write out what is merged");
            var here =
                $"{pointer}/{name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}";
            if (members.ContainsKey(name))
                throw Wrong(at, $"'{name}' stands twice, first in line {_marks[KeyOf(here)].Line}: keep one");
            _marks[KeyOf(here)] = new YamlMark((int)at.Line, (int)at.Column);
            _parser.MoveNext();
            members.Add(name, Node(here, depth + 1));
        }
        _parser.MoveNext();
        return Json.Object(members);
    }

    string Substitute(Scalar scalar, YamlMark mark)
    {
        var text = scalar.Value;
        if (!text.Contains("${", StringComparison.Ordinal)) return text;
        var result = new System.Text.StringBuilder();
        for (var i = 0; i < text.Length;)
        {
            var start = text.IndexOf("${", i, StringComparison.Ordinal);
            if (start < 0)
            {
                result.Append(text.AsSpan(i));
                break;
            }
            var end = text.IndexOf('}', start);
            if (end < 0) throw Wrong(scalar.Start, "${ without }");
            var (name, otherwise) = Split(text[(start + 2)..end]);
            if (!_parameters.TryGetValue(name, out var value) && (value = otherwise ?? _missing?.Invoke(name)) is null)
                throw Wrong(scalar.Start, $"the parameter '{name}' is not given (--set {name}=…)");
            _used.Add(name);
            result.Append(text.AsSpan(i, start - i));
            mark.Substituted.Add((result.Length, value.Length, end + 1 - start));
            result.Append(value);
            i = end + 1;
        }
        return result.ToString();
    }

    static (string Name, string? Default) Split(string parameter) =>
        parameter.IndexOf(":-", StringComparison.Ordinal) is >= 0 and var at
            ? (parameter[..at], parameter[(at + 2)..])
            : (parameter, null);

    /// <summary>
    /// The parameters that a document asks for, in their order, with what stands for each that is not given; null: it
    /// must be.
    /// </summary>
    public static IReadOnlyList<(string Name, string? Default)> Parameters(string text)
    {
        var parser = new Parser(new Scanner(new StringReader(text), skipComments: true));
        var scalars = new List<string>();
        while (parser.MoveNext()) if (parser.Current is Scalar scalar) scalars.Add(scalar.Value);
        return [
            .. scalars.SelectMany(s =>
                s.Split("${").Skip(1).Where(p => p.Contains('}', StringComparison.Ordinal))
                    .Select(p => Split(p[..p.IndexOf('}', StringComparison.Ordinal)]))).DistinctBy(p => p.Name,
                        StringComparer.Ordinal)];
    }

    static readonly System.Buffers.SearchValues<char> DigitsAndMarks =
        System.Buffers.SearchValues.Create("0123456789_.");

    Json? Plain(Scalar scalar)
    {
        var s = scalar.Value;
        switch (s)
        {
            case "" or "~" or "null": return Json.Null;
            case "true": return Json.True;
            case "false": return Json.False;
            case "yes" or "no" or "on" or "off" or "Yes" or "No" or "On" or "Off" or "YES" or "NO" or "ON" or "OFF"
                or "True" or "False" or "TRUE" or "FALSE" or "Null" or "NULL":
                throw Wrong(scalar.Start,
                    $"'{s}' is a word to some YAML parsers and true, false or null to others: write \"{s}\" in "
                    + $"quotes, or true, false or null");
            case ".inf" or "-.inf" or "+.inf" or ".nan" or ".Inf" or ".NaN":
                throw Wrong(scalar.Start, $"'{s}' is not a number that can stand here");
        }
        if (!char.IsAsciiDigit(s[^1]) && s[^1] is not ('.' or '_') && !s.StartsWith("0x", StringComparison.Ordinal))
            return null;
        var digits = s.AsSpan().TrimStart("+-");
        if (digits.Length > 1 && digits[0] == '0'
            && (digits[1] is 'x' or 'o' || digits.IndexOfAnyExceptInRange('0', '9') < 0))
            throw Wrong(scalar.Start,
                $"'{s}' is a different number to different YAML parsers: write it in decimal, or in quotes");
        if (digits.Length > 0 && char.IsAsciiDigit(digits[0]) && digits.Contains('_')
            && digits.IndexOfAnyExcept(DigitsAndMarks) < 0)
            throw Wrong(scalar.Start,
                $"'{s}' is a number to some YAML parsers and a word to others: write it without '_', or in quotes");
        if (long.TryParse(s, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var i))
            return i is >= -Json.MaxInt and <= Json.MaxInt
                ? Json.Of(i)
                : throw Wrong(scalar.Start, $"{s} is outside ±(2^53−1): write it in quotes");
        if (double.TryParse(s, NumberStyles.Float, CultureInfo.InvariantCulture, out var d))
            return double.IsFinite(d)
                ? Json.Of(d)
                : throw Wrong(scalar.Start, $"{s} is larger than a number can be here");
        return null;
    }
}
