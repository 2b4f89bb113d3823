extern alias schemas;

using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using schemas::Json.Schema;
using Stele.Api;
using Stele.Blobs;
using Stele.Cli;
using Stele.Control.Views;
using Stele.Gateway;
using Stele.Host;
using Stele.Http;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Statements;
using Stele.Tests.Control;
using Stele.Tests.Host;

namespace Stele.Tests.Api;

/// <summary>
/// The OpenAPI documents say what server and node do: every route with its right, its parameters, its answers and its
/// problems; and what a running server and node answer is valid under the schemas, with no member that they lack.
/// </summary>
public sealed class OpenApiTests
{
    static readonly CancellationToken Stop = CancellationToken.None;

    /// <summary>Whatever status of those that are described.</summary>
    const int Refused = 0;

    static string FileOf(string api) => Path.Combine(Repository.Root, "docs", "openapi", api + ".json");

    [Fact]
    public void The_documents_are_those_of_the_routes()
    {
        foreach (var (api, made) in new[] { ("server", ServerRoutes.Description.Value),
            ("node", NodeRoutes.Description.Value) })
        {
            var text = Terminal.Indented(made) + "\n";
            if (Environment.GetEnvironmentVariable("STELE_OPENAPI") == "write") File.WriteAllText(FileOf(api), text);
            Assert.True(File.ReadAllText(FileOf(api)) == text, $"docs/openapi/{api}.json is not what the routes say: "
                + "eng/openapi.sh writes it again");
        }
    }

    [Fact]
    public void Every_route_and_method_is_described_with_its_right_and_parameters()
    {
        Described(ServerRoutes.Description.Value, ServerRoutes.Root, ServerRoutes.All);
        Described(NodeRoutes.Description.Value, NodeRoutes.Root, NodeRoutes.All);

        static void Described(Json document, string root, IEnumerable<ApiRoute> routes)
        {
            var told = document["paths"].AsObject.SelectMany(p => p.Value.AsObject.Select(o => $"{o.Key} {p.Key}"));
            Assert.Equal(routes.SelectMany(r => r.Each.Select(m => $"{m.ToLowerInvariant()} "
                + r.PathsUnder(root)[0].Replace("{**", "{", StringComparison.Ordinal)))
                .Order(StringComparer.Ordinal), told.Order(StringComparer.Ordinal));
            foreach (var route in routes)
                foreach (var method in route.Each)
                {
                    var o = OperationOf(document, route, root, method);
                    Assert.NotEmpty(o["summary"].AsString);
                    Assert.Equal(route.Rights.Names(), o["security"].AsArray.Select(s =>
                        Assert.Single(s["token"].AsArray).AsString));
                    Assert.Equal(Regex.Matches(route.Path, @"\{\**([a-z]+)\}").Select(m => m.Groups[1].Value)
                        .Concat(route.Operation.Query.Select(q => q.Name)),
                        o["parameters"].AsArray.Select(p => p["name"].AsString));
                    Assert.Contains(o["responses"].AsObject.Keys, status => status[0] == '2');
                    Assert.Equal(route.Rights != Rights.None, o["responses"].Find("403") is not null);
                }
        }
    }

    static Json OperationOf(Json document, ApiRoute route, string root, string method) =>
        document["paths"][route.PathsUnder(root)[0].Replace("{**", "{", StringComparison.Ordinal)]
            [method.ToLowerInvariant()];

    [Fact]
    public async Task A_servers_answers_are_as_described()
    {
        await using var town = await Town.Found();
        await town.Settle();
        var v1 = await town.Release("v1", 0.7, "biased");
        await town.Refuse(town.Deployment(v1), town.Deployer);
        var v2 = await town.Release("v2", 0.84, "good");
        var deployment = await town.Deploy(v2);
        var blob = await town.Server.Put("content"u8.ToArray());
        var manifest = town.State.Releases[v2].Digest;

        using var asked = new Asked(ServerRoutes.Description.Value, ServerRoutes.Root, ServerRoutes.All,
            town.Host.Address, town.Founded.Token);
        var statement = Envelope.Sign(town.Member(Citizen.New(), new Role(RoleName.Builder)).Encode(), town.Owner.Key)
            .ToJson().ToBytes();
        await asked.Holds("GET", "healthz", "", 200);
        await asked.Holds("POST", "statements", "", 201, statement);
        await asked.Holds("POST", "statements", "?await=durable", 200, statement);
        foreach (var body in new[] { "", "x", "{}", """{"payload":"","payloadType":"","signatures":[]}""" })
            await asked.Holds("POST", "statements", "", Refused, System.Text.Encoding.UTF8.GetBytes(body));
        await asked.Holds("POST", "statements", "?await=never", 400, statement);
        await asked.Holds("POST", "statements", "", 403, Envelope.Sign(town.Member(Citizen.New(),
            new Role(RoleName.Builder)).Encode(), town.Deployer.Key).ToJson().ToBytes());
        var signed = Checkpoint.Parse(Note.Parse(await town.Server.Checkpoint(stop: Stop)).Text).Size;
        foreach (var method in new[] { "GET", "HEAD" })
        {
            await asked.Holds(method, "checkpoint", "", 200);
            await asked.Holds(method, "checkpoint", "?wait=1", 400);
            await asked.Holds(method, "tile/{**path}", "", 200, null, $"0/000.p/{signed}");
            await asked.Holds(method, "tile/{**path}", "", 404, null, "0/999");
            await asked.Holds(method, "blobs/{**digest}", "", 200, null, blob.ToString());
            await asked.Holds(method, "blobs/{**digest}", "", 404, null, Digest.Of("none"u8).ToString());
            await asked.Holds(method, "blobs/{**digest}", "", 400, null, "x");
        }
        await asked.Holds("POST", "cosignatures", "", 400, "{}"u8.ToArray());
        await asked.Holds("GET", "witnesses", "", 200);
        await asked.Holds("GET", "timestamps", "", 200);
        await asked.Holds("POST", "timestamps", "", 400, [1]);
        await asked.Holds("POST", "timestamps", "?size=1", 400, [1]);
        for (var n = 0; n < town.State.Size; n++) await asked.Holds("GET", "entries/{n}", "", 200, null, $"{n}");
        await asked.Holds("GET", "entries/{n}", "", 404, null, "9999");
        await asked.Holds("GET", "entries/{n}", "", 400, null, "x");
        await asked.Holds("GET", "proof/{n}", "", 200, null, "3");
        await asked.Holds("GET", "proof/{n}", "?size=7", 200, null, "3");
        await asked.Holds("GET", "proof/{n}", "?size=1", 400, null, "3");
        await asked.Holds("GET", "log", "?from=0", 200);
        await asked.Holds("GET", "log", "?from=x", 400);
        foreach (var view in new[] { "status", "members", "releases", "state" })
        {
            await asked.Holds("GET", view, "", 200);
            foreach (var at in new[] { 0, 1, deployment - 1, deployment })
                await asked.Holds("GET", view, $"?at={at}", 200);
            await asked.Holds("GET", view, "?at=9999", 404);
            await asked.Holds("GET", view, "?time=1", 404);
            await asked.Holds("GET", view, "?at=1&time=1", 400);
        }
        await asked.Holds("GET", "diff", "?from=v1&to=v2", 200);
        await asked.Holds("GET", "diff", "?from=v1", 400);
        await asked.Holds("GET", "diff", "?from=v1&to=v9", 404);
        await asked.Holds("GET", "trace", $"?deployment={deployment}", 200);
        await asked.Holds("GET", "trace", "?release=v1", 200);
        await asked.Holds("GET", "trace", "?release=v9", 404);
        await asked.Holds("GET", "trace", "", 400);
        await asked.Holds("PUT", "blobs/{**digest}", "", 201, "new"u8.ToArray(), Digest.Of("new"u8).ToString());
        await asked.Holds("PUT", "blobs/{**digest}", "", 422, "other"u8.ToArray(), Digest.Of("one"u8).ToString());
        await asked.Holds("POST", "blobs", "", 201, "new"u8.ToArray());
        await asked.Holds("PUT", "artifacts/{**digest}", "", 200, [], manifest.ToString());
        await asked.Holds("PUT", "artifacts/{**digest}", "", 404, [], Digest.Of("none"u8).ToString());
        await asked.Holds("GET", "openapi.json", "", 200);
        asked.HasAskedAllBut("GET events");
    }

    [Fact]
    public async Task A_nodes_answers_are_as_described()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _h = h;
        Assert.Equal(HttpStatusCode.OK, (await h.Ask("/say")).Status);
        var origin = h.Hosted!.Log!.Origin;
        var hex = NodeFolder.NameOf(origin);
        using var asked = new Asked(NodeRoutes.Description.Value, NodeRoutes.Root, NodeRoutes.All, h.Node.Address,
            h.NodeToken);
        var nobody = new string('0', 64);
        foreach (var method in new[] { "GET", "HEAD" })
        {
            await asked.Holds(method, "healthz", "", 200);
            await asked.Holds(method, "status", "", 200);
            await asked.Holds(method, "logs/{hex}/checkpoint", "", 200, null, hex);
            await asked.Holds(method, "logs/{hex}/checkpoint", "", 404, null, nobody);
            await asked.Holds(method, "logs/{hex}/tile/{**tile}", "", 200, null, hex, "0/000.p/1");
            await asked.Holds(method, "logs/{hex}/tile/{**tile}", "", 404, null, hex, "0/999");
            await asked.Holds(method, "logs/{hex}/floor", "", 404, null, hex);
            await asked.Holds(method, "decisions/{hex}/{index}", "", 200, null, hex, "0");
            await asked.Holds(method, "decisions/{hex}/{index}", "", 404, null, hex, "99");
            await asked.Holds(method, "receipts/{**decision}", "?early", 200, null, $"{origin}/0");
            await asked.Holds(method, "receipts/{**decision}", "?version=3", 400, null, $"{origin}/0");
            await asked.Holds(method, "receipts/{**decision}", "", 404, null, "x/0");
            await asked.Holds(method, "bodies/{hex}/{index}", "", 200, null, hex, "0");
            await asked.Holds(method, "bodies/{hex}/{index}", "", 404, null, hex, "x");
            await asked.Holds(method, "erasures/{hex}/{index}", "", 404, null, hex, "0");
            await asked.Holds(method, "reads", "", 200);
            await asked.Holds(method, "reads", "?from=x", 400);
            await asked.Holds(method, "openapi.json", "", 200);
        }
        await asked.Holds("POST", "replay", "", 400, "{}"u8.ToArray());
        var request = new ErasureRequest([$"{origin}/0"], null, null, null, 0);
        await asked.Holds("POST", "erasures", "", 200, request.ToJson().ToBytes());
        await asked.Holds("POST", "erasures", "", 503, (request with { Size = 99_999 }).ToJson().ToBytes());
        await asked.Holds("POST", "erasures", "", 404, (request with { Decisions = ["x/0"] }).ToJson().ToBytes());
        await asked.Holds("POST", "erasures", "", 400, "{}"u8.ToArray());
        await asked.Holds("POST", "erasures/orders", "?size=0", 400, "{}"u8.ToArray());
        asked.HasAskedAllBut();
    }

    /// <summary>An API that is asked, and held to its document.</summary>
    sealed class Asked(Json document, string root, IEnumerable<ApiRoute> routes, Uri address, string token)
        : IDisposable
    {
        readonly HttpClient _http = new() { BaseAddress = address };
        readonly HashSet<string> _asked = new(StringComparer.Ordinal);

        public void Dispose() => _http.Dispose();

        /// <summary>Asked under every path that the route has, it answers the same, and as described.</summary>
        public async Task Holds(string method, string path, string query, int expected, byte[]? body = null,
            params string[] values)
        {
            var route = routes.Single(r => r.Path == path && r.Each.Contains(method));
            var operation = OperationOf(document, route, root, method);
            _asked.Add($"{method} {path}");
            string? before = null;
            foreach (var at in route.PathsUnder(root))
            {
                var left = new Queue<string>(values);
                var target = Regex.Replace(at, @"\{[^}]+\}", _ => left.Dequeue()) + query;
                using var request = new HttpRequestMessage(new HttpMethod(method), target);
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
                if (body is not null) request.Content = new ByteArrayContent(body);
                using var answer = await _http.SendAsync(request, Stop);
                var status = (int)answer.StatusCode;
                var text = await answer.Content.ReadAsStringAsync(Stop);
                // What was admitted, stored or measured a moment ago is so now.
                if (method == "GET" && (expected != 200 || path is "diff" or "trace" or "log"))
                    Assert.Equal(before ??= text, text);
                Assert.True(status == expected || (expected == 201 && status == 200)
                    || (expected == Refused && status >= 400),
                    $"{method} {target}: {status} {text}");
                var told = operation["responses"][$"{status}"];
                if (told.Find("$ref") is { } shared)
                    told = document["components"]["responses"][shared.AsString.Split('/')[^1]];
                if (method == "HEAD") continue;
                var media = told["content"][answer.Content.Headers.ContentType!.ToString()];
                if (media.Find("schema") is not { } schema) continue;
                var json = CanonicalJson.Parse(System.Text.Encoding.UTF8.GetBytes(text), 1 << 26);
                Valid(document, schema, json, $"{method} {target}");
                if (told.Find("x-codes") is { } codes)
                    Assert.Contains(json["code"].AsString, codes.AsArray.Select(c => c.AsString));
                else if (route.Operation.Replies.First(a => a.Status == status).Content!.View is { } view
                    && view.IsAssignableTo(typeof(IView)))
                    Assert.Equal(json, ViewTests.Again(json, view));
            }
        }

        public void HasAskedAllBut(params string[] others) => Assert.Equal(
            routes.SelectMany(r => r.Each.Select(m => $"{m} {r.Path}")).Except(others).Order(StringComparer.Ordinal),
            _asked.Order(StringComparer.Ordinal));
    }

    static void Valid(Json document, Json schema, Json json, string what)
    {
        var whole = Strict(Json.Object(schema.AsObject.Append(KeyValuePair.Create("$defs",
            document["components"]["schemas"]))));
        var result = JsonSchema.FromText(whole.ToString()).Evaluate(JsonNode.Parse(json.ToString()),
            new EvaluationOptions { OutputFormat = OutputFormat.List });
        Assert.True(result.IsValid, $"{what}: {json}\n" + string.Join("\n", result.Details.Where(d => d.HasErrors)
            .Select(d => $"{d.InstanceLocation}: {string.Join("; ", d.Errors!.Values)}")));
    }

    /// <summary>The same, with no members but those that are described.</summary>
    internal static Json Strict(Json j) => j.Kind switch
    {
        JsonKind.Array => Json.Array(j.AsArray.Select(Strict)),
        JsonKind.String => j.AsString.Replace("#/components/schemas/", "#/$defs/", StringComparison.Ordinal),
        JsonKind.Object when j.Find("properties") is { Kind: JsonKind.Object } && j.Find("type") is
            { Kind: JsonKind.String } => Json.Object(j.AsObject.Select(m =>
                KeyValuePair.Create(m.Key, Strict(m.Value)))).With("additionalProperties", false),
        JsonKind.Object => Json.Object(j.AsObject.Select(m => KeyValuePair.Create(m.Key, Strict(m.Value)))),
        _ => j,
    };

    [Fact]
    public void A_member_that_is_not_described_is_seen()
    {
        var schema = Json.Object(("$ref", "#/components/schemas/Health"));
        var health = new Health(Ok: true, 1, null).ToJson();
        var document = ServerRoutes.Description.Value;
        Valid(document, schema, health, "");
        Assert.ThrowsAny<Exception>(() => Valid(document, schema, health.With("more", 1), ""));
        Assert.ThrowsAny<Exception>(() => Valid(document, schema, health.With("size", "1"), ""));
        Assert.ThrowsAny<Exception>(() => Valid(document, schema, Json.Object(("ok", true)), ""));
    }
}
