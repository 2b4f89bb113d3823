using Cel.Syntax;

namespace Cel;

/// <summary>Where an expression compares something that it reads with a text, letter for letter.</summary>
/// <param name="Read">What is compared, as a path: <c>request.path</c>; <c>request.body.items[]</c> for the elements of
/// a list.</param>
/// <param name="Text">What it is compared with: a text, or for <c>matches</c> a regular expression.</param>
/// <param name="Holds">Whether the whole is nearer to true when the two agree; false if it is when they differ, null if
/// that can't be told from the expression.</param>
public sealed record Comparison(string Read, string Text, bool? Holds);

/// <summary>
/// The comparisons in an expression that a letter's case decides: <c>==</c>, <c>!=</c>, <c>in</c> a list of texts,
/// <c>startsWith</c>, <c>endsWith</c>, <c>contains</c> and <c>matches</c> with a text that has
/// letters in it, unless what is compared was brought to one case before (<c>lowerAscii()</c>, <c>upperAscii()</c>) or
/// the regular expression ignores case (<c>(?i)</c>). By the source alone; nothing is
/// evaluated.
/// </summary>
public static class Comparisons
{
    /// <param name="definition">The source of a definition by its name; null if there is none.</param>
    /// <exception cref="CelException">A source can't be read.</exception>
    public static IReadOnlyList<Comparison> Of(string source, Func<string, string?> definition)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(definition);
        var found = new Walk(definition);
        found.Through(Parser.Parse(new SourceText(source)).Root, true);
        return [.. found.All.Distinct()];
    }

    sealed class Walk(Func<string, string?> definition)
    {
        readonly Dictionary<string, string> _standing = new(StringComparer.Ordinal);

        // Definitions that are being walked: one that leads to itself is refused where it is compiled.
        readonly HashSet<string> _open = new(StringComparer.Ordinal);

        public List<Comparison> All { get; } = [];

        /// <param name="holds">Whether the whole is nearer to true when this is.</param>
        public void Through(Expr e, bool? holds)
        {
            switch (e)
            {
                case Call { Function: Operators.Not, Args: [var inner] }:
                    Through(inner, !holds);
                    break;
                case Call { Function: Operators.Equal or Operators.NotEqual, Args: [var left, var right] } c:
                    var same = c.Function == Operators.Equal ? holds : !holds;
                    if (right is Literal { Value: string text }) Add(left, text, same);
                    else if (left is Literal { Value: string other }) Add(right, other, same);
                    Through(left, null);
                    Through(right, null);
                    break;
                case Call { Function: Operators.In, Args: [var item, ListLiteral list] }:
                    foreach (var element in list.Elements) if (element is Literal { Value: string listed }) Add(item,
                        listed, holds);
                    Through(item, null);
                    break;
                case Call { Function: "startsWith" or "endsWith" or "contains", Target: { } target,
                    Args: [Literal { Value: string part }] }:
                    Add(target, part, holds);
                    Through(target, null);
                    break;
                case Call { Function: "matches", Target: { } target, Args: [Literal { Value: string pattern }] }:
                    if (!pattern.StartsWith("(?i", StringComparison.Ordinal) && HasLetters(pattern))
                        Add(target, pattern, holds);
                    Through(target, null);
                    break;
                case Conditional c:
                    Through(c.Test, null);
                    Through(c.Then, holds);
                    Through(c.Else, holds);
                    break;
                case Logic l:
                    foreach (var term in l.Terms) Through(term, holds);
                    break;
                case Comprehension c:
                    Through(c.Range, null);
                    Inside(c, () =>
                    {
                        // A filter says what takes part, which may count either way.
                        if (c.Filter is not null) Through(c.Filter, null);
                        if (c.Body is not null) Through(c.Body,
                            c.Kind is MacroKind.All or MacroKind.Exists or MacroKind.ExistsOne ? holds : null);
                    });
                    break;
                case Ident name when !_standing.ContainsKey(name.Name) && definition(name.Name) is { } source
                    && _open.Add(name.Name):
                    Through(Parser.Parse(new SourceText(source, name.Name)).Root, holds);
                    _open.Remove(name.Name);
                    break;
                default:
                    foreach (var part in e.Parts) Through(part, null);
                    break;
            }
        }

        void Inside(Comprehension c, Action walk)
        {
            var outer = _standing.GetValueOrDefault(c.Variable);
            _standing[c.Variable] = Path(c.Range) is { } of ? of + "[]" : "";
            walk();
            if (outer is null) _standing.Remove(c.Variable);
            else _standing[c.Variable] = outer;
        }

        void Add(Expr read, string text, bool? holds)
        {
            if (text.Any(char.IsAsciiLetter) && Path(read) is { Length: > 0 } path) All.Add(new Comparison(path, text,
                holds));
        }

        /// <summary>In a regular expression the letter after a backslash is no letter of the text.</summary>
        static bool HasLetters(string pattern)
        {
            for (var i = 0; i < pattern.Length; i++)
            {
                if (pattern[i] == '\\') i++;
                else if (char.IsAsciiLetter(pattern[i])) return true;
            }
            return false;
        }

        /// <summary>
        /// What an expression reads, where it is one thing in the case that it came in; null otherwise.
        /// </summary>
        string? Path(Expr e)
        {
            switch (e)
            {
                case Ident name when _standing.TryGetValue(name.Name, out var stands):
                    return stands.Length == 0 ? null : stands;
                case Ident name when definition(name.Name) is { } source:
                    if (!_open.Add(name.Name)) return null;
                    var path = Path(Parser.Parse(new SourceText(source, name.Name)).Root);
                    _open.Remove(name.Name);
                    return path;
                case Ident name:
                    return name.Name;
                case Select { Test: false } s:
                    return Path(s.Operand) is { } holder ? $"{holder}.{s.Field}" : null;
                case Call { Function: Operators.Index, Args: [var of, var at] }:
                    return Path(of) is { } list ? at is Literal { Value: string key } ? $"{list}.{key}" : list + "[]"
                        : null;
                case Call { Function: "lowerAscii" or "upperAscii" }:
                    return null;
                case Call { Target: { } target }:
                    return Path(target);
                case Comprehension { Kind: MacroKind.List } c:
                    return Path(c.Range);
                default:
                    return null;
            }
        }
    }
}
