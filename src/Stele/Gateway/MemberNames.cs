using System.Buffers;
using System.Text;
using Stele.Proof;

namespace Stele.Gateway;

/// <summary>
/// Names of JSON members as readers take them that do not look closely. JSON tells <c>Method</c> from <c>method</c>;
/// encoding/json of Go, .NET with <c>PropertyNameCaseInsensitive</c> and Jackson, if it is told so, do not: what rules
/// judged as one member, such a reader may take for another. Who judges again asks nothing here: what folds is a matter
/// of the runtime's tables.
/// </summary>
static class MemberNames
{
    /// <summary>What folds to itself, of ASCII.</summary>
    static readonly SearchValues<char> Plain =
        SearchValues.Create([.. Enumerable.Range(0, 128).Select(c => (char)c).Where(c => !char.IsAsciiLetterUpper(c))]);

    /// <summary>
    /// One form for all names that differ by case alone: simple case folding, character by character; with ſ (U+017F)
    /// as s, K (U+212A) as k, and both Turkish i (U+0130, U+0131) as i, as some take them.
    /// </summary>
    public static string Fold(string name)
    {
        if (!name.AsSpan().ContainsAnyExcept(Plain)) return name;
        var folded = new StringBuilder(name.Length);
        foreach (var rune in name.EnumerateRunes())
            folded.Append(rune.Value switch
            {
                0x17F => "s",
                0x212A => "k",
                0x130 or 0x131 => "i",
                _ => Rune.ToLowerInvariant(Rune.ToUpperInvariant(rune)).ToString()
            });
        return folded.ToString();
    }

    /// <summary>Whether somebody may take one for the other. Folding changes no length.</summary>
    public static bool Same(string a, string b) => a.Length == b.Length && (a == b || Fold(a) == Fold(b));

    /// <summary>
    /// Two names in one object, anywhere in a value, of which somebody may see but one; null where there are none.
    /// </summary>
    public static (string One, string Other)? Clash(Json value)
    {
        switch (value.Kind)
        {
            case JsonKind.Array:
                foreach (var item in value.AsArray) if (Clash(item) is { } found) return found;
                return null;
            case JsonKind.Object:
                var members = value.AsObject;
                // Names that fold to themselves are all different.
                if (members.Any(m => m.Key.AsSpan().ContainsAnyExcept(Plain)))
                {
                    var seen = new Dictionary<string, string>(StringComparer.Ordinal);
                    foreach (var (name, _) in members) if (!seen.TryAdd(Fold(name), name))
                        return (seen[Fold(name)], name);
                }
                foreach (var (_, member) in members) if (Clash(member) is { } found) return found;
                return null;
            default:
                return null;
        }
    }
}
