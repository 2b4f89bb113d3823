using System.Globalization;
using System.Text.Json;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Gateway;

/// <summary>
/// Masks values in a request's body before it is forwarded. What a JSON pointer (RFC 6901) leads to becomes the string
/// <c>"***"</c>, whatever it was; its token <c>*</c> is every element of an array and every member of an object, and a
/// member's name is met however its case is. A pointer that leads nowhere changes nothing: there is nothing to hide.
/// Invariant: all bytes outside of masked values are those that came: numbers, escapes, order and white space.
/// </summary>
static class Masking
{
    const string Every = "*";

    /// <param name="body">JSON that <see cref="CanonicalJson.Parse"/> takes.</param>
    public static byte[] Apply(ReadOnlySpan<byte> body, IEnumerable<string> pointers)
    {
        var paths =
            pointers.Select(p =>
                p.Split('/').Skip(1).Select(t => t.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~",
                    StringComparison.Ordinal)).ToArray()).ToArray();
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = CanonicalJson.MaxDepth });
        reader.Read();
        var hidden = new List<Range>();
        Find(ref reader, paths, 0, hidden);
        using var masked = new MemoryStream(body.Length);
        var copied = 0;
        foreach (var range in hidden)
        {
            masked.Write(body[copied..range.Start.Value]);
            masked.Write("\"***\""u8);
            copied = range.End.Value;
        }
        masked.Write(body[copied..]);
        return masked.ToArray();
    }

    /// <summary>
    /// Where the values are that paths lead to from here, in order. The reader stands at a value's beginning, and
    /// afterwards at its end.
    /// </summary>
    /// <param name="depth">How many tokens of the paths led here.</param>
    static void Find(ref Utf8JsonReader reader, string[][] paths, int depth, List<Range> hidden)
    {
        if (paths.Length == 0) reader.Skip();
        else if (paths.Any(p => p.Length == depth))
        {
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            hidden.Add(start..(int)reader.BytesConsumed);
        }
        else if (reader.TokenType == JsonTokenType.StartObject)
            while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
            {
                var name = reader.GetString()!;
                reader.Read();
                Find(ref reader, [.. paths.Where(p => p[depth] == Every || MemberNames.Same(p[depth], name))],
                    depth + 1, hidden);
            }
        else if (reader.TokenType == JsonTokenType.StartArray)
            for (var i = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; i++)
            {
                var index = i.ToString(CultureInfo.InvariantCulture);
                Find(ref reader, [.. paths.Where(p => p[depth] == Every || p[depth] == index)], depth + 1, hidden);
            }
    }
}
