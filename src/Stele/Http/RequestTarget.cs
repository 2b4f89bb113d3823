using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Http.Features;

namespace Stele.Http;

/// <summary>Whom a request asks, and for what: what is refused before anybody looks at it.</summary>
static class RequestTarget
{
    /// <summary>
    /// A page in a browser can be made to ask 127.0.0.1 under a name of its maker's (DNS rebinding), and would then be
    /// let read the answers. So the name must be one of this machine's own, or one that an operator gave.
    /// </summary>
    /// <param name="more">Further names, each with a port (exactly this one) or without (any).</param>
    /// <exception cref="ProblemException"><see cref="ProblemCode.WrongHost"/></exception>
    public static void CheckHost(HttpContext http, ImmutableArray<string> more)
    {
        var (given, connection) = (http.Request.Host, http.Connection);
        var name = given.Host.Trim('[', ']');
        if (IsOwn(name, connection.LocalIpAddress)
            && (given.Port ?? connection.LocalPort) == connection.LocalPort) return;
        foreach (var other in more)
            if (other.Equals(given.Value, StringComparison.OrdinalIgnoreCase)
                || other.Equals(given.Host, StringComparison.OrdinalIgnoreCase)) return;
        throw new ProblemException(ProblemCode.WrongHost, given.HasValue
            ? string.Create(CultureInfo.InvariantCulture,
                $"nobody here answers for '{given.Value}'; this is port {connection.LocalPort} of this machine")
            : "the request names no host");
    }

    static bool IsOwn(string name, IPAddress? local) => name.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(name, out var address) && (IPAddress.IsLoopback(address) || address.Equals(local)));

    /// <summary>
    /// Refuses a path that is sent with a dot segment, in whatever spelling, or that hides a separator.
    /// </summary>
    /// <exception cref="ProblemException"><see cref="ProblemCode.BadRequest"/></exception>
    public static void CheckPath(HttpContext http)
    {
        foreach (var raw in http.Features.Get<IHttpRequestFeature>()!.RawTarget.Split('?')[0].Split('/'))
        {
            var segment = Uri.UnescapeDataString(Uri.UnescapeDataString(raw));
            if (segment is "." or ".." || segment.AsSpan().IndexOfAny('/', '\\', '\0') >= 0)
                throw new ProblemException(ProblemCode.BadRequest, "the address climbs out of where it belongs");
        }
    }

    /// <summary>
    /// Refuses a query that gives a parameter twice: who reads the first and who reads the last would differ.
    /// </summary>
    /// <exception cref="ProblemException"><see cref="ProblemCode.BadRequest"/></exception>
    public static void CheckQuery(HttpContext http)
    {
        foreach (var (name, values) in http.Request.Query)
            if (values.Count > 1) throw new ProblemException(ProblemCode.BadRequest,
                $"'{name}' is given {values.Count} times");
    }
}
