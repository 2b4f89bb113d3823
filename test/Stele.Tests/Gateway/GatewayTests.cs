using System.Net;
using System.Text;
using Stele.Control;
using Stele.Gateway;
using Stele.Host;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Host;

namespace Stele.Tests.Gateway;

/// <summary>What the gateway lets through, what it writes down of it, and what it answers.</summary>
public sealed class GatewayTests
{
    static Decision Leaf(Hamlet h, long index) => Decision.Parse(h.Hosted!.Log!.Log.ReadEntry(index));

    static long Size(Hamlet h) => h.Hosted!.Log!.Log.Size;

    static long IndexOf(Hamlet h, HttpResponseMessage answer)
    {
        Assert.True(Decision.TryParseId(Assert.Single(answer.Headers.GetValues("Stele-Decision")), out var log,
            out var index));
        Assert.Equal(h.Hosted!.Log!.Origin, log);
        return index;
    }

    [Fact]
    public async Task What_is_answered_is_recorded_with_everything_that_decided_it()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving();
        await using var _ = h;
        const string asked = """{"income":1200,"name":"a person"}""";
        var (_, _, answer) = await h.Ask("/say", asked);
        var said = await answer.Content.ReadAsByteArrayAsync();
        var index = IndexOf(h, answer);
        var d = Leaf(h, index);
        Assert.Equal((DecisionKind.Whole, Hamlet.System, Hamlet.Prod, release, ObservedStrength.VerifiedAtLoad,
            DecisionOutcome.Allow,
            (string?)null, h.Pseudonym, "http-json", "POST /say", 200),
            (d.Kind, d.System, d.Environment, d.Release, d.Strength, d.Outcome, d.Rule, d.Principal, d.Protocol,
                d.Operation, d.Status));
        var state = h.Town.State;
        Assert.Equal(state.Environment(Hamlet.System, Hamlet.Prod).Head!.Entry, d.Deployment);
        Assert.Equal(state.Releases[release].Policy, d.ReleasePolicy);
        Assert.Equal(state.PoliciesFor(Hamlet.System, Hamlet.Prod), d.Policies);
        Assert.InRange(d.Staleness, 0, 20_000);
        Assert.InRange(d.Duration, 1, 30_000_000);
        Assert.Equal((asked.Length, said.Length), (d.Input!.Size, d.Output!.Size));

        // Nothing of what was said stands in the log; the sealed bodies are what the leaf commits to.
        Assert.DoesNotContain("person", Encoding.UTF8.GetString(h.Hosted!.Log!.Log.ReadEntry(index)),
            StringComparison.Ordinal);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(h.Folder.Path, "bodies"))
            .Where(f => !f.EndsWith(".lock", StringComparison.Ordinal)))
            Assert.Equal(-1, Content(file).AsSpan().IndexOf("a person"u8));
        var opened = CanonicalJson.Parse((await h.Page($"bodies/{NodeFolder.NameOf(h.Hosted.Log.Origin)}/{index}"))!,
            1 << 20);
        Assert.Equal(("whole", asked), (opened["input"]["state"].AsString,
            Encoding.UTF8.GetString(Convert.FromBase64String(opened["input"]["base64"].AsString))));
        Assert.Equal(said, Convert.FromBase64String(opened["output"]["base64"].AsString));

        // The leaf, with proof and checkpoint.
        var receipt = CanonicalJson.Parse(
            (await h.Page($"decisions/{NodeFolder.NameOf(h.Hosted.Log.Origin)}/{index}"))!, 1 << 20);
        Assert.True(Checkpoint.TryOpen(receipt["checkpoint"].AsString, VerifierKey.Parse(receipt["key"].AsString),
            out var checkpoint, out var error), error);
        Assert.True(Proofs.VerifyInclusion(index, checkpoint.Size,
            Merkle.Leaf(Encoding.UTF8.GetBytes(receipt["leaf"].AsString)),
            [.. receipt["proof"].AsArray.Select(p => Digest.ParseHex(p.AsString))], checkpoint.Root));
    }

    static byte[] Content(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    [Fact]
    public async Task What_is_no_decision_is_refused_and_not_recorded()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving(gateway: new GatewayOptions { MaxRequest = 1000 });
        await using var _ = h;
        async Task Refused(int status, string code,
            Task<(HttpStatusCode Status, Json Body, HttpResponseMessage Answer)> asking)
        {
            var (got, body, answer) = await asking;
            Assert.Equal((status, code), ((int)got, body["code"].AsString));
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
            Assert.False(answer.Headers.Contains("Stele-Decision"));
        }
        await Refused(401, "unauthenticated", h.Ask("/say", token: ""));
        await Refused(401, "unauthenticated", h.Ask("/say", token: "stele_" + new string('0', 64)));
        await Refused(401, "unauthenticated", h.Ask("/say", token: h.NodeToken));
        await Refused(403, "forbidden", h.Ask(new Uri(h.Node.Address, "/elsewhere/prod/say").ToString()));
        await Refused(404, "not-found", h.Ask(new Uri(h.Node.Address, "/mortgage").ToString()));
        await Refused(400, "bad-request", h.Ask("/say", "{"));
        await Refused(400, "bad-request", h.Ask("/say", "{\"a\":1,\"a\":2}"));
        await Refused(413, "too-large", h.Ask("/say", $"\"{new string('x', 1000)}\""));
        using var plain = new StringContent("x=1", Encoding.UTF8, "application/x-www-form-urlencoded");
        Assert.Equal(HttpStatusCode.BadRequest, (await h.Client.PostAsync("say", plain)).StatusCode);
        using var chunked = new HttpRequestMessage(HttpMethod.Post,
            "say") { Content = new StreamContent(new MemoryStream(new byte[3000])) };
        chunked.Headers.TransferEncodingChunked = true;
        chunked.Content.Headers.ContentType = new("application/json");
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await h.Client.SendAsync(chunked)).StatusCode);
        Assert.Equal(0, Size(h));
        // All but the one for an environment that is not here, and the one that names none.
        Assert.Equal((0, 8),
            h.Hosted!.Log!.Counters.Around(() => { }) is var counted ? (counted.Admitted, counted.Refused) : default);
        Assert.Null(await new HttpClient().GetAsync(
            new Uri(h.Node.Address, "/-/status")) is { IsSuccessStatusCode: true } open ? open : null);
        Assert.Equal("ok\n", await new HttpClient().GetStringAsync(new Uri(h.Node.Address, "/-/healthz")));
    }

    /// <summary>The rule says: not "/deny". What a release makes of an address must be what the rule saw.</summary>
    [Theory]
    [InlineData("/x/%252e%252e/deny"), InlineData("/%252e/deny"), InlineData("/%2564eny"), InlineData("/say%2f..%2fdeny"), InlineData("/say%252f..%252fdeny"), InlineData("/say%5c..%5cdeny")]
    [InlineData("/say\\..\\deny"), InlineData("/say%00"), InlineData("//deny"), InlineData("/x//deny"), InlineData("/say/%0d%0aX:%20y"), InlineData("/a/%25252e%25252e/deny"), InlineData("/say/%25252fdeny"), InlineData("/say%2525")]
    [InlineData("/./deny"), InlineData("/say/../deny"), InlineData("/x/%2e%2e/deny"), InlineData("/../prod/deny"),
        InlineData("/%2E%2e/other/say"), InlineData("/..")]
    [InlineData("/say?debug=%31"), InlineData("/say?%64ebug=1"), InlineData("/say?a=%zz"), InlineData("/say?a=%c0%af"), InlineData("/say?a=%00"), InlineData("/say?a=%2")]
    public async Task An_address_that_could_be_read_in_two_ways_is_not_taken(string path)
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        Assert.StartsWith("HTTP/1.1 400 ", await Raw(h, path), StringComparison.Ordinal);
        Assert.Equal(0, Size(h));
    }

    [Theory]
    [InlineData("/%64eny", "/deny"), InlineData("/den%79", "/deny")]
    public async Task An_address_is_judged_as_what_it_means(string path, string means)
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        var answer = await Raw(h, path);
        Assert.StartsWith("HTTP/1.1 403 ", answer, StringComparison.Ordinal);
        Assert.Contains($"nobody may ask for {means}", answer, StringComparison.Ordinal);
    }

    /// <summary>As it is, without what a client's library makes of it.</summary>
    static async Task<string> Raw(Hamlet h, string path)
    {
        using var connection = new global::System.Net.Sockets.TcpClient();
        await connection.ConnectAsync(IPAddress.Loopback, h.Node.Address.Port);
        await using var stream = connection.GetStream();
        await stream.WriteAsync(
            Encoding.UTF8.GetBytes(
                $"GET /{Hamlet.System}/{Hamlet.Prod}{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {h.Token}\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(stream, Encoding.Latin1);
        return await reader.ReadToEndAsync();
    }

    [Fact]
    public async Task What_is_denied_is_recorded_with_its_rule()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving();
        await using var _ = h;
        var (_, guest) = TokenFile.AddPrincipal(h.Folder.Principals, ["guest"], [Hamlet.Place]);
        await Task.Delay(1100); // the file is looked at once a second

        async Task Denied(string rule, string message,
            Task<(HttpStatusCode Status, Json Body, HttpResponseMessage Answer)> asking)
        {
            var (status, body, answer) = await asking;
            Assert.Equal((HttpStatusCode.Forbidden, "denied", rule),
                (status, body["code"].AsString, body["rule"].AsString));
            Assert.Contains(message, body["message"].AsString, StringComparison.Ordinal);
            Assert.Equal(release.ToString(), Assert.Single(answer.Headers.GetValues("Stele-Release")));
            var d = Leaf(h, IndexOf(h, answer));
            Assert.Equal((DecisionOutcome.Deny, rule, 403, "POST *"), (d.Outcome, d.Rule, d.Status, d.Operation));
        }
        // frozen in the release
        await Denied("desk-only", "only the desk may ask", h.Ask("/say", token: guest));
        // in force for the system
        await Denied("not-denied", "nobody may ask for /deny", h.Ask("/deny"));
        await Denied("no-secret", "says no", h.Ask("/say", "{\"secret\":1}"));                       // by the body
        Assert.Equal(3, Size(h));

        // A policy that comes into force counts from then on, and is the one recorded.
        var stricter = await h.PutPolicy("closed", ("open-house", ["deploy", "canary", "rollback"], "true", null),
            ("closed", ["decide"], "time < 0", "'closed'"));
        var before = h.Town.State.Policies[Hamlet.System].Entry;
        await h.Town.Admit(h.Town.Act(new PolicyStatement(Hamlet.System, null, before, stricter)
        {
            Nonce = "",
            Issued = 0
        }), h.Town.Owner);
        await h.Eventually(() => h.Hosted!.Table!.State.Policies[Hamlet.System].Entry > before, "not folded");
        await Denied("closed", "closed", h.Ask("/say"));
        Assert.Equal([stricter], Leaf(h, 3).Policies);

        // A rule that does not evaluate says no.
        var broken = await h.PutPolicy("broken", ("open-house", ["deploy", "canary", "rollback"], "true", null),
            ("broken", ["decide"], "request.body.nothing == 1", null));
        before = h.Town.State.Policies[Hamlet.System].Entry;
        await h.Town.Admit(h.Town.Act(new PolicyStatement(Hamlet.System, null, before, broken)
        {
            Nonce = "",
            Issued = 0
        }), h.Town.Owner);
        await h.Eventually(() => h.Hosted!.Table!.State.Policies[Hamlet.System].Entry > before, "not folded");
        await Denied("broken", "", h.Ask("/say"));
    }

    [Fact]
    public async Task A_release_at_fault_is_recorded_as_an_error()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving(gateway: new GatewayOptions { Timeout = TimeSpan.FromSeconds(5) });
        await using var _ = h;
        foreach (var (path, status, code) in new[] { ("/junk", 502, "bad-upstream"), ("/big", 502, "bad-upstream"),
            ("/slow", 504, "upstream-timeout") })
        {
            var (got, body, answer) = await h.Ask(path);
            Assert.Equal((status, code), ((int)got, body["code"].AsString));
            var d = Leaf(h, IndexOf(h, answer));
            Assert.Equal((DecisionOutcome.Error, status, "POST *"), (d.Outcome, d.Status, d.Operation));
            Assert.Equal((await answer.Content.ReadAsByteArrayAsync()).Length, d.Output!.Size);
        }
    }

    [Fact]
    public async Task Only_headers_that_change_nothing_that_was_judged_reach_the_release()
    {
        Hamlet.Needs();
        foreach (var name in new[] { "X-Forwarded-For", "forwarded", "Content-Type", "x-http-method-override",
            "Authorization", "Stele-Subject", "X_Tenant", "a b", "" }) Assert.NotNull(RequestHeaders.Objection(name));
        var (h, _) = await Hamlet.Serving(gateway: new GatewayOptions { Headers = ["X-Tenant", "Mcp-Session-Id"] });
        await using var _ = h;
        using var request = new HttpRequestMessage(HttpMethod.Post,
            "headers") { Content = new StringContent("{}", Encoding.UTF8, "application/json") };
        string[] own = ["Accept-Language: de", "User-Agent: agent/1",
            "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Mcp-Session-Id: s", "X-Tenant: t"];
        request.Headers.Add("Idempotency-Key", "k");
        foreach (var header in own.Select(o => o.Split(": ")))
            Assert.True(request.Headers.TryAddWithoutValidation(header[0], header[1]));
        // By these a release might take it for another request than was judged, or for somebody else's.
        string[] others = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL",
            "X-Rewrite-URL", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Prefix", "Forwarded", "Via",
            "Mcp-Method", "X-Own", "Range", "If-None-Match", "X_Tenant"];
        foreach (var name in others) Assert.True(request.Headers.TryAddWithoutValidation(name, "hidden"));
        request.Headers.Add("tracestate", "hidden=1");
        request.Headers.Add("Connection", "tracestate");
        request.Headers.Add("Cookie", "c=d");
        request.Headers.Add("Stele-Decision", "forged");
        request.Content.Headers.Add("Content-Language", "hidden");
        var answer = await h.Client.SendAsync(request);
        var seen = await answer.Content.ReadAsStringAsync();
        foreach (var header in own) Assert.Contains(header, seen, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("Idempotency-Key: " + RequestHeaders.Own(h.Pseudonym, "k"), seen,
            StringComparison.OrdinalIgnoreCase);
        Assert.NotEqual(RequestHeaders.Own(h.Pseudonym, "k"), RequestHeaders.Own("another", "k"));
        Assert.Contains("||Content-Type: application/json||", seen, StringComparison.Ordinal);
        foreach (var hidden in others.Concat([h.Token, "uthorization", "tracestate", "ookie", "forged", "hidden",
            "localhost", "127.0.0.1"])) Assert.DoesNotContain(hidden, seen, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("2", Assert.Single(answer.Headers.GetValues("X-End")));
        Assert.False(answer.Headers.Contains("X-Hop"));
        Assert.False(answer.Headers.Contains("Set-Cookie"));
        Assert.Equal(0, IndexOf(h, answer));
    }

    [Fact]
    public async Task What_cannot_be_recorded_is_not_answered()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        Assert.Equal("stone", await h.Word());
        h.Hosted!.Log!.Own.Dispose();
        var (status, body, answer) = await h.Ask("/say");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "unrecorded"), (status, body["code"].AsString));
        Assert.DoesNotContain("stone", body.ToString(), StringComparison.Ordinal);
        Assert.False(answer.Headers.Contains("Stele-Decision"));
        Assert.Equal(new GatewayCount(0, 2, 1, 1, 1, 0), h.Hosted.Log.Counters.Around(() => { }));
    }

    [Fact]
    public async Task Erasing_the_keys_of_a_decision_leaves_its_proof()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        for (var i = 0; i < 3; i++) await h.Ask("/say", $"{{\"n\":{i}}}");
        async Task<string> State(int index) =>
            CanonicalJson.Parse((await h.Page($"bodies/{NodeFolder.NameOf(h.Hosted!.Log!.Origin)}/{index}"))!,
                1 << 20)["input"]["state"].AsString;
        Assert.Equal(["whole", "whole", "whole"], [await State(0), await State(1), await State(2)]);
        var root = h.Hosted!.Log!.Log.Root;
        Assert.Equal(1, h.Node.Erase(h.Hosted.Log, new HashSet<long> { 1, 77 }));
        Assert.Equal(["whole", "erased", "whole"], [await State(0), await State(1), await State(2)]);
        Assert.Equal(root, h.Hosted.Log.Log.Root);
        Assert.Equal("stone", await h.Word());
        Assert.Equal("whole", await State(3));
    }

    [Fact]
    public async Task The_server_may_be_away_all_the_while_and_everything_is_anchored_when_it_returns()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        await h.StopServer();
        await Parallel.ForEachAsync(Enumerable.Range(0, 200), new ParallelOptions { MaxDegreeOfParallelism = 8 },
            async (i, _) => Assert.Equal(HttpStatusCode.OK, (await h.Ask("/say", $"{{\"n\":{i}}}")).Status));
        Assert.Equal(200, Size(h));
        await h.Eventually(() => h.Node.Node.ServerTrouble is not null, "it did not notice");
        await h.StartServer();
        await h.Eventually(() => h.Town.State.Logs[h.Hosted!.Log!.Origin].Anchor is { Size: 200, Wholes: 200 },
            "not anchored");
        await h.Eventually(() => h.Node.Node.Waiting == 0, "observations still wait");
        Assert.Null(h.Node.Node.LastRefusal);

        // And a pack of it all verifies.
        await h.StopNode();
        var report = Verify(h);
        Assert.True(report.Result == VerifyResult.Complete, string.Join('\n', report.Findings));
    }

    internal static VerifyReport Verify(Hamlet h)
    {
        using var log = DecisionLog.Open(h.Folder, h.Hosted!.Log!.Origin, TimeProvider.System);
        return Verify(h, log);
    }

    internal static VerifyReport Verify(Hamlet h, DecisionLog log)
    {
        var packed = Export.Of(log.Log);
        var pack = new MemoryStream();
        var server = h.Town.Host;
        Pack.Write(pack, server.Log.ReadEntries(0, server.Log.Size), server.Log.Checkpoint,
            d => File.Exists(server.Blobs.PathOf(d)) ? File.ReadAllBytes(server.Blobs.PathOf(d)) : null, [packed]);
        pack.Position = 0;
        return Verifier.Verify(pack, h.Town.Trust);
    }

    [Fact]
    public async Task What_the_environment_calls_stale_is_not_served()
    {
        Hamlet.Needs();
        await using var h = await Hamlet.Found(new EnvironmentTerms(Hamlet.Prod, 3000, null, false));
        var release = await h.Release("v1", "stone");
        await h.Deploy(release);
        await h.Start();
        await h.OpenLog();
        await h.Serves(release);
        await h.Eventually(() => h.Word().Result == "stone", "not served while fresh");
        await h.StopServer();
        await h.Eventually(() => h.Ask("/say").Result is (HttpStatusCode.ServiceUnavailable, var b, _)
            && b["code"].AsString == "stale", "served although stale");
        await h.StartServer();
        await h.Eventually(() => h.Word().Result == "stone", "not served when fresh again");
    }
}
