using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Gateway;

/// <summary>
/// Reads a request's body so that nobody reads it otherwise: what rules judge must be what a release makes of it. It is
/// JSON, UTF-8, in no coding, without trailers, and no two members of an object differ by case alone.
/// </summary>
static class JsonBody
{
    public const string MediaType = "application/json";

    /// <summary>The JSON value it is; null when there is none.</summary>
    /// <param name="maxValues">The most values it may have, names of members among them.</param>
    /// <exception cref="GatewayException">
    /// <see cref="GatewayError.BadRequest"/>: it is not JSON, or more than one thing. <see
    /// cref="GatewayError.TooLarge"/>:
    /// it has too many values.
    /// </exception>
    /// <exception cref="ProblemException">The memory that it would take is not to be had now.</exception>
    public static Json? Parse(HttpRequest request, byte[] body, int maxValues)
    {
        var headers = request.Headers;
        if (!Is(headers.ContentEncoding, "identity")) throw Bad("a body comes as it is: without a Content-Encoding");
        if (!Is(headers.TransferEncoding, "chunked")) throw Bad("a body comes as it is, or chunked");
        // Kestrel reads such a body by its chunks, and keeps the length under that name.
        if (headers.TransferEncoding.Count > 0 && headers.ContainsKey("X-Content-Length"))
            throw Bad("a body's length is told once: by Content-Length, or in chunks");
        if (headers.Trailer.Count > 0
            || request.HttpContext.Features.Get<IHttpRequestTrailersFeature>() is { Available: true,
                Trailers.Count: > 0 }) throw Bad("trailers are not taken");
        if (body.Length == 0) return null;
        if (headers.ContentType is not [{ } type] || !IsJson(type))
            throw Bad($"a body is {MediaType}, named once, with no parameter but charset=utf-8");
        if (!request.HttpContext.HasFewValues(body, maxValues))
            throw new GatewayException(GatewayError.TooLarge, string.Create(CultureInfo.InvariantCulture,
                $"the body has more than {maxValues} values, names of members counted"));
        Json json;
        try
        {
            json = CanonicalJson.Parse(body, body.Length);
        }
        catch (FormatException e)
        {
            throw Bad($"the body is not JSON as it is taken here: {e.Message}");
        }
        return MemberNames.Clash(json) is { } clash
            ? throw Bad(
                $"the body has the members '{clash.One}' and '{clash.Other}' in one object, which some read as one")
            : json;

        static bool Is(StringValues named, string coding) =>
            named.Count == 0 || (named.Count == 1 && coding.Equals(named[0], StringComparison.OrdinalIgnoreCase));

        static GatewayException Bad(string message) => new(GatewayError.BadRequest, message);
    }

    /// <summary>
    /// A media type as RFC 9110 §8.3.1 writes it: <c>application/json</c>, and of parameters <c>charset=utf-8</c>
    /// alone, once.
    /// </summary>
    internal static bool IsJson(string value)
    {
        var rest = value.AsSpan();
        if (!rest.StartsWith(MediaType, StringComparison.OrdinalIgnoreCase)) return false;
        rest = rest[MediaType.Length..];
        for (var told = false; ;)
        {
            rest = rest.TrimStart(" \t");
            if (rest.IsEmpty) return true;
            if (rest[0] != ';') return false;
            rest = rest[1..].TrimStart(" \t");
            if (rest.IsEmpty || rest[0] == ';') continue;   // no parameter between two semicolons is one
            const string name = "charset=", plain = "utf-8", quoted = "\"utf-8\"";
            if (told || !rest.StartsWith(name, StringComparison.OrdinalIgnoreCase)) return false;
            rest = rest[name.Length..];
            var length = rest.StartsWith(plain, StringComparison.OrdinalIgnoreCase) ? plain.Length
                : rest.StartsWith(quoted, StringComparison.OrdinalIgnoreCase) ? quoted.Length : 0;
            if (length == 0) return false;
            rest = rest[length..];
            told = true;
        }
    }
}
