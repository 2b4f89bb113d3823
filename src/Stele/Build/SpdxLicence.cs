using System.Text;
using Cel.Syntax;
using Stele.Proof.Statements;

namespace Stele.Build;

/// <summary>
/// An SPDX licence expression (SPDX 2.3, annex D), held to the lists of licences and exceptions that this build knows.
/// The fold holds a licence to its characters alone, as lists grow; who freezes something is told of a name that is
/// none.
/// <code>
/// expression = term *("OR" term)
/// term = part *("AND" part)
/// part = "(" expression ")" / simple ["WITH" exception]
/// simple = licence ["+"] / ["DocumentRef-" id ":"] "LicenseRef-" id
/// </code>
/// </summary>
static class SpdxLicence
{
    const string Own = "one that is not listed is named LicenseRef-NAME";

    static readonly Lazy<HashSet<string>> Licences = new(() => List("licences"));
    static readonly Lazy<HashSet<string>> Exceptions = new(() => List("exceptions"));

    /// <summary>
    /// What is wrong with it, and what may have been meant; null: it is an expression of known names.
    /// </summary>
    public static string? Objection(string text)
    {
        if (!Names.IsLicence(text))
            return $"'{(text.Length > 80 ? text[..80] + "…" : text)}' is not an SPDX licence expression; {Own}";
        var words = Words(text);
        var at = 0;
        var wrong = Expression(words, ref at);
        if (wrong is null && at == words.Count) return null;
        wrong ??= $"'{words[at]}' is one word too many: AND, OR or WITH joins two";
        return $"'{text}' is not an SPDX licence expression: {wrong}";
    }

    static List<string> Words(string text)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        foreach (var c in text + " ")
        {
            if (c is not (' ' or '(' or ')'))
            {
                word.Append(c);
                continue;
            }
            if (word.Length > 0) words.Add(word.ToString());
            word.Clear();
            if (c != ' ') words.Add(c.ToString());
        }
        return words;
    }

    static string? Expression(List<string> words, ref int at)
    {
        while (true)
        {
            if (Part(words, ref at) is { } wrong) return wrong;
            if (at == words.Count || words[at] is not ("AND" or "OR")) return null;
            at++;
        }
    }

    static string? Part(List<string> words, ref int at)
    {
        if (at == words.Count) return "it ends where a licence should stand";
        if (words[at] == "(")
        {
            at++;
            if (Expression(words, ref at) is { } wrong) return wrong;
            return at < words.Count && words[at++] == ")" ? null : "a bracket is not closed";
        }
        if (Simple(words[at++]) is { } unknown) return unknown;
        if (at == words.Count || words[at] != "WITH") return null;
        at++;
        if (at == words.Count) return "it ends where an exception should stand";
        var exception = words[at++];
        return Exceptions.Value.Contains(exception) ? null
            : $"'{exception}' is no exception of the SPDX list{Spelling.Hint(exception, Exceptions.Value)}";
    }

    static string? Simple(string word)
    {
        const string document = "DocumentRef-", reference = "LicenseRef-";
        var name = word.StartsWith(document, StringComparison.Ordinal)
            && word.IndexOf(':', StringComparison.Ordinal) is > 12 and var colon ? word[(colon + 1)..] : word;
        if (name.StartsWith(reference, StringComparison.Ordinal) && IsId(name[reference.Length..])) return null;
        var id = word.EndsWith('+') ? word[..^1] : word;
        if (Licences.Value.Contains(id)) return null;
        var meant = Spelling.Nearest(id, Licences.Value) is null ? "; " + Own : Spelling.Hint(id, Licences.Value);
        return $"'{word}' is no licence of the SPDX list{meant}";
    }

    static bool IsId(string text) => text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.');

    static HashSet<string> List(string name)
    {
        using var stream = typeof(SpdxLicence).Assembly.GetManifestResourceStream($"spdx/{name}.txt")!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(l => l[0] != '#').ToHashSet(
            StringComparer.Ordinal);
    }
}
