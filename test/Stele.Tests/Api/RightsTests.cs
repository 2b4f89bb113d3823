using System.Net;
using System.Net.Http.Headers;
using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Stele.Api;
using Stele.Gateway;
using Stele.Identity;
using Stele.Tests.Control;
using Stele.Tests.Host;

namespace Stele.Tests.Api;

/// <summary>Every route of server and node × every right, as the table in docs/ARCHITECTURE.md says. The routes are the
/// programs' own, so none is left out.</summary>
public sealed class RightsTests
{
    sealed record Row(string Method, string Path, Rights Rights)
    {
        public override string ToString() => $"{Method} {Path}";
    }

    static IReadOnlyList<Row> Told(string of)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "ARCHITECTURE.md"));
        var rows = Regex.Matches(text, $@"^\| {of} \| `(GET|PUT|POST) ([^`]+)` \| ([^|]+) \|$", RegexOptions.Multiline)
            .Select(m => new Row(m.Groups[1].Value, m.Groups[2].Value, m.Groups[3].Value.StartsWith("none",
                StringComparison.Ordinal) ? Rights.None : Regex.Matches(m.Groups[3].Value, "`([a-z]+)`")
                .Aggregate(Rights.None, (all, r) => all | RightNames.Parse(r.Groups[1].Value)))).ToList();
        Assert.NotEmpty(rows);
        // What is under the version is, until 1.0, where builds before it had it too.
        return [.. rows, .. rows.Where(r => r.Path.Contains("/v1/", StringComparison.Ordinal)).Select(r => r with
            { Path = r.Path.Replace("/v1/", "/", StringComparison.Ordinal) })];
    }

    static IEnumerable<string> Ordered(IEnumerable<string> lines) => lines.Order(StringComparer.Ordinal);

    static Rights[] Each => [.. Enum.GetValues<Rights>().Where(r => r != Rights.None)];

    static async Task<HttpStatusCode> Ask(HttpClient http, Row row, string? token)
    {
        var path = Regex.Replace(row.Path, @"\{[^}]+\}", "0");
        using var request = new HttpRequestMessage(new HttpMethod(row.Method), path);
        if (row.Method != "GET") request.Content = new ByteArrayContent([]);
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        // The stream of events has no end.
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead,
            TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }

    static async Task Holds(Uri address, IReadOnlyList<Row> rows, Func<Rights, string> tokenWith)
    {
        using var http = new HttpClient { BaseAddress = address };
        var tokens = Each.ToDictionary(r => r, tokenWith);
        foreach (var row in rows)
        {
            foreach (var stranger in new[] { null, "no token", Token.New() })
                Assert.True(
                    await Ask(http, row, stranger) == HttpStatusCode.Unauthorized == (row.Rights != Rights.None),
                    $"{row}, a stranger");
            foreach (var (right, token) in tokens)
            {
                var status = await Ask(http, row, token);
                var may = row.Rights == Rights.None || row.Rights.HasFlag(right);
                Assert.True(may ? status is not (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
                    : status == HttpStatusCode.Forbidden, $"{row}, with {right}: {status}");
            }
        }
    }

    [Fact]
    public async Task A_servers_routes_are_opened_by_their_rights_alone()
    {
        await using var town = await Town.Found();
        var web = (WebApplication)typeof(ServerHost).GetField("_web", BindingFlags.NonPublic | BindingFlags.Instance)!
            .GetValue(town.Host)!;
        var routes = ((IEndpointRouteBuilder)web).DataSources.SelectMany(s => s.Endpoints).Cast<RouteEndpoint>()
            .SelectMany(e => e.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Where(m => m != "HEAD")
                .Select(m => $"{m} {e.RoutePattern.RawText}"));
        var told = Told("server");
        Assert.Equal(Ordered(routes), Ordered(told.Select(r => r.ToString())));
        await Holds(town.Host.Address, told, right =>
            TokenFile.Renew(town.Folder.Tokens, new TokenHolder($"only-{right}".ToLowerInvariant(), default, right)));
    }

    [Fact]
    public async Task A_nodes_pages_are_opened_by_their_rights_alone()
    {
        Hamlet.Needs();
        await using var h = await Hamlet.Found();
        await h.Start();
        var told = Told("node");
        Assert.Equal(Ordered(NodeRoutes.All.SelectMany(r => r.Each.Where(m => m != "HEAD").SelectMany(m =>
                r.PathsUnder(NodeRoutes.Root).Select(p => $"{m} {p}")))),
            Ordered(told.Select(r => r.ToString())));
        await Holds(h.Node.Address, told, right => h.TokenWith($"only-{right}".ToLowerInvariant(), right));

        // What is no row reaches no page, anyone who asks.
        using var http = new HttpClient { BaseAddress = h.Node.Address };
        foreach (var path in new[] { "nothing", "status/more", "logs", "logs/0", "reads/", "bodies/0", "erasures/0" })
        {
            Assert.Equal(HttpStatusCode.Unauthorized,
                await Ask(http, new("GET", NodeRoutes.Root + path, default), null));
            Assert.Equal(HttpStatusCode.NotFound,
                await Ask(http, new("GET", NodeRoutes.Root + path, default), h.NodeToken));
        }
        foreach (var row in told)
            Assert.Equal(HttpStatusCode.MethodNotAllowed, await Ask(http, row with { Method = "DELETE" }, h.NodeToken));
    }
}
