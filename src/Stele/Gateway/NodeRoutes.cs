using System.Collections.Immutable;
using Microsoft.AspNetCore.Http;
using Stele.Identity;

namespace Stele.Gateway;

/// <summary>A page of a node, below <c>/-/</c>.</summary>
/// <param name="Method">GET answers HEAD too.</param>
/// <param name="Path">Segments; <c>{name}</c> is any one, <c>{**name}</c> what is left, at least one.</param>
/// <param name="Rights">The asker has one of them; none: anybody may ask.</param>
sealed record NodeRoute(string Method, string Path, Rights Rights)
{
    readonly string[] _segments = Path.Split('/');

    public bool Matches(string path)
    {
        var given = path.Split('/');
        for (var i = 0; i < _segments.Length; i++)
        {
            if (i >= given.Length) return false;
            if (_segments[i].StartsWith("{**", StringComparison.Ordinal)) return true;
            if (!_segments[i].StartsWith('{') && _segments[i] != given[i]) return false;
        }
        return given.Length == _segments.Length;
    }

    public bool Takes(string method) => Method == method || (Method == "GET" && HttpMethods.IsHead(method));
}

/// <summary>
/// Every page of a node, and the right that opens it.
/// Invariant: a request below <c>/-/</c> that is no row of this table reaches no page; what is added is added here
/// first.
/// </summary>
static class NodeRoutes
{
    public const string Root = "/-/";

    public static readonly ImmutableArray<NodeRoute> All =
    [
        new("GET", "healthz", Rights.None),
        new("GET", "status", Rights.Logs),
        new("GET", "logs/{hex}/checkpoint", Rights.Logs),
        new("GET", "logs/{hex}/tile/{**tile}", Rights.Logs),
        new("GET", "logs/{hex}/floor", Rights.Logs),
        new("GET", "decisions/{hex}/{index}", Rights.Logs),
        // A principal's own decision: the page looks whose it is.
        new("GET", "receipts/{**decision}", Rights.Logs | Rights.Decide),
        new("GET", "bodies/{hex}/{index}", Rights.Bodies),
        new("POST", "replay", Rights.Bodies),
        new("POST", "erasures", Rights.Erase),
        new("POST", "erasures/orders", Rights.Erase),
        new("GET", "erasures/{hex}/{index}", Rights.Logs),
        new("GET", "reads", Rights.Administer),
    ];

    /// <summary>Lets a request through to its page.</summary>
    /// <exception cref="GatewayException">There is no such page, or the asker lacks the right.</exception>
    /// <exception cref="ProblemException">The page takes another method.</exception>
    public static void Demand(Access access, HttpRequest request)
    {
        var path = request.Path.Value![Root.Length..];
        var of = All.Where(r => r.Matches(path)).ToList();
        if (of.FirstOrDefault(r => r.Takes(request.Method)) is { } route)
        {
            if (route.Rights != Rights.None) access.Demand(request, route.Rights);
            return;
        }
        if (of.Count > 0)
            throw Problem.MethodNotAllowed(request.HttpContext,
                string.Join(", ", of.Select(r => r.Method == "GET" ? "GET, HEAD" : r.Method).Distinct()));
        // Strangers do not learn what is there.
        access.Demand(request, Rights.Logs);
        throw new GatewayException(GatewayError.NotFound, "no such page");
    }
}
