using System.Globalization;
using Stele.Proof;

namespace Stele.Gateway;

/// <summary>
/// Masks values in a request's body before it is forwarded. What a JSON pointer (RFC 6901) leads to becomes the string <see cref="Masked"/>, whatever it was; its token <c>*</c> is every element of an
/// array and every member of an object. A pointer that leads nowhere changes nothing: there is nothing to hide.
/// </summary>
static class Masking
{
    public const string Masked = "***";

    public static Json Apply(Json body, IEnumerable<string> pointers)
    {
        foreach (var pointer in pointers) body = At(body, [.. pointer.Split('/').Skip(1).Select(t => t.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))]);
        return body;
    }

    static Json At(Json value, string[] tokens, int at = 0)
    {
        if (at == tokens.Length) return Masked;
        var token = tokens[at];
        return value.Kind switch
        {
            JsonKind.Object when token == "*" || value.AsObject.ContainsKey(token) =>
                Json.Object(value.AsObject.Select(m => token == "*" || token == m.Key ? KeyValuePair.Create(m.Key, At(m.Value, tokens, at + 1)) : m)),
            JsonKind.Array => Json.Array(value.AsArray.Select((e, i) => token == "*" || token == i.ToString(CultureInfo.InvariantCulture) ? At(e, tokens, at + 1) : e)),
            _ => value,
        };
    }
}
