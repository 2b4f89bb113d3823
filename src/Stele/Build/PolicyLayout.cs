using System.Collections.Immutable;
using System.Text;
using Stele.Proof;
using Stele.Proof.Governance;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Stele.Build;

/// <summary>
/// The one layout of a policy's YAML: keys in the order in which one reads them, two spaces, an empty line between
/// rules, short lists on one line. Comments stay with what they stand above or behind; words, quotes and the lines of
/// an expression stay as they were. Laid out twice is laid out once.
/// </summary>
sealed class PolicyLayout
{
    const int Width = 120;

    static readonly ImmutableArray<string> Top = ["name", "description", "scope", "checks", "attestations", "define",
        "rules", "tests"],
        OfRule = ["id", "description", "severity", "controls", "on", .. Effects.Names, "fields", "message"],
        OfTest = ["name", "on", "input", "expect"], OfScope = ["system", "environment"];

    /// <summary>A part of the file: a scalar, or entries, each with a key in a mapping.</summary>
    sealed record Part(NodeEvent Event, int Start, int End, List<Entry> Entries)
    {
        public bool IsFlow =>
            Event is MappingStart { Style: MappingStyle.Flow } or SequenceStart { Style: SequenceStyle.Flow };
        public bool IsMapping => Event is MappingStart;

        /// <summary>A comment stands in the middle: it is left as it is.</summary>
        public bool Kept { get; set; }
    }

    sealed class Entry(string? key, string name, int start, Part value)
    {
        public string? Key => key;
        public string Name => name;
        public int Start => start;
        public Part Value => value;
        public List<string> Above { get; } = [];
        public string? Behind { get; set; }
    }

    readonly string _source;
    readonly Parser _parser;
    readonly StringBuilder _out = new();
    readonly List<(int Start, int End)> _scalars = [];

    PolicyLayout(string source) =>
        (_source, _parser) = (source, new Parser(new Scanner(new StringReader(source), skipComments: true)));

    /// <exception cref="FormatException">It is not YAML as it is taken here.</exception>
    public static string Format(string file, string text)
    {
        // First as everyone reads it, with everyone's messages.
        var before = Yaml.Read(new YamlText(file, text), ImmutableSortedDictionary<string, string>.Empty,
            name => "${" + name + "}").Value;
        text = text.ReplaceLineEndings("\n");
        var layout = new PolicyLayout(text);
        var formatted = layout.Run();
        // Invariant: a layout changes no value and loses no comment; or it is not used.
        var after = Yaml.Read(new YamlText(file, formatted), ImmutableSortedDictionary<string, string>.Empty,
            name => "${" + name + "}").Value;
        if (!after.Equals(before) || Comments(text) != Comments(formatted))
            throw new FormatException(
                $"{file}: it is written in a way that can't be laid out without changing it; put long flow lists and "
                + $"comments on lines of their own");
        return formatted;

        static int Comments(string s) => s.Count(c => c == '#');
    }

    string Run()
    {
        while (_parser.MoveNext() && _parser.Current is not NodeEvent) { }
        var root = Read();
        var end = Attach(root);
        if (!root.IsMapping) return _source;
        var first = true;
        foreach (var entry in Sorted(root, Top))
        {
            if (!first
                && (entry.Value.Entries.Count > 0 && !Short(entry, 0) || entry.Above.Count > 0 || entry.Name is "rules"
                    or "tests" or "define" or "checks" or "attestations" or "scope")) _out.Append('\n');
            first = false;
            Write(entry, 0, entry.Name);
        }
        foreach (var line in end) _out.Append(line).Append('\n');
        return _out.ToString();
    }

    // 1. What stands where.

    Part Read()
    {
        var e = (NodeEvent)_parser.Current!;
        var entries = new List<Entry>();
        var start = (int)e.Start.Index;
        _parser.MoveNext();
        if (e is Scalar)
        {
            _scalars.Add((start, (int)e.End.Index));
            return new Part(e, start, (int)e.End.Index, entries);
        }
        while (_parser.Current is not (MappingEnd or SequenceEnd))
        {
            var at = (int)_parser.Current!.Start.Index;
            string? key = null;
            var name = "";
            if (e is MappingStart)
            {
                var k = (Scalar)_parser.Current;
                _scalars.Add((at, (int)k.End.Index));
                (key, name) = (_source[at..(int)k.End.Index], k.Value);
                _parser.MoveNext();
            }
            entries.Add(new Entry(key, name, at, Read()));
        }
        var end = (int)_parser.Current!.End.Index;
        _parser.MoveNext();
        return new Part(e, start, end, entries);
    }

    /// <summary>Gives each comment to the entry that it stands above or behind; returns those after the last.</summary>
    List<string> Attach(Part root)
    {
        var entries = new List<Entry>();
        var flows = new List<Part>();
        Gather(root);
        var ordered = entries.OrderBy(e => e.Start).ToArray();
        var rest = new List<string>();
        _scalars.Sort();
        for (int line = 0, next; line < _source.Length; line = next)
        {
            next = _source.IndexOf('\n', line) is >= 0 and var n ? n + 1 : _source.Length;
            var at = line;
            // A block scalar's own place begins at its header; a comment there belongs to the header.
            while (at < next && !(_source[at] == '#' && (at == line || _source[at - 1] is ' ' or '\t')
                && !_scalars.Any(s => s.Start < at && at < s.End))) at++;
            if (at == next) continue;
            var comment = _source[at..next].TrimEnd();
            if (flows.Find(f => f.Start < at && at < f.End) is { } flow)
            {
                flow.Kept = true;
                continue;
            }
            if (_source.AsSpan(line, at - line).ContainsAnyExcept(' ', '\t'))
            {
                // Behind: of the innermost entry that began on this line or before.
                var owner = ordered.LastOrDefault(e => e.Start < at);
                if (owner is null) rest.Add(comment);
                else owner.Behind = owner.Behind is null ? comment : $"{owner.Behind} {comment}";
            }
            else if (Array.Find(ordered, e => e.Start > at) is { } below)
            {
                below.Above.Add(comment);
            }
            else
            {
                rest.Add(comment);
            }
        }
        return rest;

        void Gather(Part part)
        {
            if (part.IsFlow)
            {
                flows.Add(part);
                return;
            }
            foreach (var entry in part.Entries)
            {
                entries.Add(entry);
                Gather(entry.Value);
            }
        }
    }

    // 2. How it is written.

    static IEnumerable<Entry> Sorted(Part part, ImmutableArray<string> order) =>
        part.Entries.OrderBy(e => order.IndexOf(e.Name) is >= 0 and var i ? i : order.Length);

    static ImmutableArray<string> OrderIn(string path) => path switch
    {
        "rules" => OfRule,
        "tests" => OfTest,
        "scope" => OfScope,
        _ => []
    };

    void Write(Entry entry, int indent, string path)
    {
        foreach (var line in entry.Above) _out.Append(' ', indent).Append(line).Append('\n');
        _out.Append(' ', indent).Append(entry.Key).Append(':');
        Value(entry, indent, path);
    }

    void Value(Entry entry, int indent, string path)
    {
        var value = entry.Value;
        if (value.Event is Scalar scalar) Text(entry, scalar, indent);
        else if (value.Kept) Lines(_source[value.Start..value.End], indent, entry.Behind);
        else if (Short(entry, indent))
            _out.Append(' ').Append(Flow(value)).Append(entry.Behind is null ? "" : " " + entry.Behind).Append('\n');
        else
        {
            _out.Append(entry.Behind is null ? "" : " " + entry.Behind).Append('\n');
            Block(value, indent + 2, path);
        }
    }

    void Block(Part part, int indent, string path)
    {
        if (part.IsMapping)
        {
            foreach (var child in Sorted(part, OrderIn(path))) Write(child, indent, path == "scope" ? "" : "deep");
            return;
        }
        for (var i = 0; i < part.Entries.Count; i++)
        {
            var item = part.Entries[i];
            if (i > 0 && path is "rules" or "tests" && i > 0) _out.Append('\n');
            foreach (var line in item.Above) _out.Append(' ', indent).Append(line).Append('\n');
            _out.Append(' ', indent).Append('-');
            if (item.Value is { IsMapping: true, Kept: false } mapping
                && (path is "rules" or "tests" || !Short(item, indent)))
            {
                var first = true;
                foreach (var child in Sorted(mapping, OrderIn(path)))
                {
                    if (first && child.Above.Count == 0) _out.Append(' ').Append(child.Key).Append(':');
                    else if (first)
                    {
                        _out.Append('\n');
                        foreach (var line in child.Above) _out.Append(' ', indent + 2).Append(line).Append('\n');
                        _out.Append(' ', indent + 2).Append(child.Key).Append(':');
                    }
                    else
                    {
                        foreach (var line in child.Above) _out.Append(' ', indent + 2).Append(line).Append('\n');
                        _out.Append(' ', indent + 2).Append(child.Key).Append(':');
                    }
                    first = false;
                    Value(child, indent + 2, "deep");
                }
            }
            else
            {
                Value(item, indent, "deep");
            }
        }
    }

    /// <summary>A list or mapping without comments that fits on the line.</summary>
    bool Short(Entry entry, int indent)
    {
        var value = entry.Value;
        if (value.Event is Scalar || value.Kept
            || entry.Name is "rules" or "tests" or "define" && indent == 0 && value.Entries.Count > 0) return false;
        return Plain(value) && indent + (entry.Key?.Length ?? 0) + 2 + Flow(value).Length <= Width;

        bool Plain(Part p) =>
            p.Event is Scalar s
            ? s.Style is ScalarStyle.Plain or ScalarStyle.SingleQuoted or ScalarStyle.DoubleQuoted
                && !_source[p.Start..p.End].Contains('\n', StringComparison.Ordinal)
                && (s.Style != ScalarStyle.Plain || s.Value.Length > 0 && s.Value.AsSpan().IndexOfAny("[]{},") < 0)
            : !p.Kept && p.Entries.All(e => e.Above.Count == 0 && e.Behind is null && Plain(e.Value));
    }

    string Flow(Part part) => part.Event switch
    {
        Scalar => _source[part.Start..part.End].TrimEnd(),
        MappingStart => part.Entries.Count == 0
            ? "{}"
            : $"{{ {string.Join(", ", part.Entries.Select(e => $"{e.Key}: {Flow(e.Value)}"))} }}",
        _ => $"[{string.Join(", ", part.Entries.Select(e => Flow(e.Value)))}]",
    };

    void Text(Entry entry, Scalar scalar, int indent)
    {
        var text = _source[entry.Value.Start..entry.Value.End];
        if (scalar.Style is not (ScalarStyle.Literal or ScalarStyle.Folded))
        {
            Lines(text, indent, entry.Behind);
            return;
        }
        var lines = text.TrimEnd().Split('\n');
        var body = lines.Skip(1).ToArray();
        var margin = body.Where(l => l.Trim().Length > 0).Select(l => l.Length - l.TrimStart(' ').Length)
            .DefaultIfEmpty(0).Min();
        var header = lines[0].Split('#')[0].TrimEnd();
        _out.Append(' ').Append(header).Append(entry.Behind is null ? "" : " " + entry.Behind).Append('\n');
        foreach (var line in body)
            _out.Append(line.Trim().Length == 0
                ? ""
                : new string(' ', indent + (entry.Key is null ? 2 : 2)) + line[margin..].TrimEnd()).Append('\n');
    }

    void Lines(string text, int indent, string? behind)
    {
        var lines = text.TrimEnd().Split('\n');
        if (text.Trim().Length > 0) _out.Append(' ').Append(lines[0].TrimEnd());
        foreach (var line in lines.Skip(1))
            _out.Append('\n').Append(line.Trim().Length == 0 ? "" : new string(' ', indent + 2) + line.Trim());
        _out.Append(behind is null ? "" : " " + behind).Append('\n');
    }
}
