using System.Globalization;
using System.Text;
using Stele.Identity;
using Stele.Proof;
using Stele.Tests.Control;
using Stele.Tests.Host;

namespace Stele.Tests.Http;

/// <summary>
/// Requests that no client sends, to the server, to a node's pages and to its gateway: each is answered with a problem,
/// or
/// the web server's own bare 400, or the connection is closed; never with 500, with a stack, or with plain text.
/// </summary>
public sealed class MalformedRequestTests
{
    /// <summary>Who says nothing for so long waits for the rest of a request.</summary>
    static readonly TimeSpan Silence = TimeSpan.FromSeconds(2);

    /// <param name="Head">What follows the request line; TOKEN is a good one.</param>
    sealed record Case(string Line, string Head = "", string Body = "", params int[] Statuses);

    static readonly string[] Numbers =
        ["-1", "1e3", "0x10", "9007199254740992", "9223372036854775807", "9223372036854775808", "18446744073709551616",
            "99999999999999999999999", "", "%31", "1.0", "NaN", "+1"];

    static IEnumerable<Case> OfNumbers()
    {
        foreach (var n in Numbers)
            foreach (var address in new[]
            {
                "/log?from=", "/log?count=", "/events?from=", "/state?at=", "/state?time=", "/status?at=",
                    "/status?time=", "/members?at=", "/releases?time=",
                "/proof/0?size=", "/entries/", "/proof/", "/checkpoint?beyond=", "/checkpoint?beyond=0&wait=",
                    "/trace?deployment=", "/diff?from=a&to=", "/tile/0/", "/tile/entries/",
                "/tile/0/000.p/",
            })
                // What is served forever is another matter: it is a stream.
                if (!(address.StartsWith("/events", StringComparison.Ordinal) && n is "" or "%31")
                    && !(address.Contains("wait", StringComparison.Ordinal) && n == "%31"))
                    yield return new($"GET {address}{n} HTTP/1.1");
        foreach (var n in Numbers.Where(n => n.Length > 0))
        {
            yield return new("POST /timestamps?size=" + n + " HTTP/1.1", "Content-Length: 1\r\n", "x");
            yield return new("POST /statements HTTP/1.1", $"Content-Length: {n}\r\n", "x");
            yield return new(
                "PUT /blobs/sha256:0000000000000000000000000000000000000000000000000000000000000000 HTTP/1.1",
                $"Content-Length: {n}\r\n", "x");
        }
    }

    static readonly string[] ChunkSizes =
        ["zz", "-1", "g", "", " 1", "1 ", "0x1", "1;", "1;a=\u0001", "FFFFFFFF", "7FFFFFFF", "80000000",
            "FFFFFFFFFFFFFFFF", "10000000000000000", "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", "1\n", "\r",
            "00000000000000000000000000000000001"];

    static IEnumerable<Case> OfChunks(params string[] lines)
    {
        foreach (var line in lines)
            foreach (var size in ChunkSizes)
                yield return new(line, "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n",
                    $"{size}\r\nx\r\n0\r\n\r\n");
    }

    static IEnumerable<Case> OfFraming(string line) =>
    [
        new(line, "Content-Length: 1\r\nContent-Length: 2\r\n", "xx"),
        new(line, "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        new(line, "Transfer-Encoding: gzip\r\n", "x"),
        new(line, "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        new(line, "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        new(line, "Content-Length: 5\r\nExpect: 200-maybe\r\n", "xxxxx"),
        new(line, "Content-Length : 5\r\n", "xxxxx"),
        new(line, " folded: 1\r\n"),
        new(line, "No colon\r\n"),
        new(line, ": no name\r\n"),
        new(line, "X: \u0001\r\n"),
        new(line, $"X: {new string('y', 40_000)}\r\n"),
        new(line, string.Concat(Enumerable.Range(0, 200).Select(i => $"X{i}: 1\r\n"))),
        new(line,
            "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nContent-Length: 0\r\n"),
        new(line, "Range: bytes=0-99999999999999999999\r\n"),
        new(line, "Accept-Encoding: gzip;q=banana, *;q=-1\r\n"),
        new(line, "If-None-Match: \"\r\n"),
        new(line, "Last-Event-ID: 9223372036854775807\r\nContent-Length: 0\r\n"),
        new("", ""), new("GET", ""), new("GET /", ""), new("GET / HTTP/9.9", ""), new("GET / HTTP/1.1 more", ""),
            new(" GET / HTTP/1.1", ""), new("G\u0001T / HTTP/1.1", ""),
        new("PRI * HTTP/2.0", ""), new("OPTIONS * HTTP/1.1", ""), new("CONNECT localhost:80 HTTP/1.1", ""),
            new("TRACE / HTTP/1.1", ""), new("get /status HTTP/1.1", ""),
        new("GET http://elsewhere/status HTTP/1.1", ""), new("GET /status#x HTTP/1.1", ""), new("GET status HTTP/1.1",
            ""), new("GET * HTTP/1.1", ""),
        new($"GET /{new string('a', 9000)} HTTP/1.1", ""),
        new("\u0016\u0003\u0001\u0002\0\u0001\0\u0001\u00fc\u0003\u0003", ""),
    ];

    static readonly string[] Paths =
    [
        "/", "//", "/%", "/%0", "/%zz", "/%00", "/%ff", "/%c0%af", "/.", "/..", "/../", "/%2e%2e/", "/a/../..",
            "/%2fetc", "/\\..\\", "/-", "/-/", "/-/x", "/-/../status", "/-/logs", "/-/logs/x/checkpoint",
        "/-/bodies/x/99999999999999999999", "/-/decisions/x/-1", "/-/receipts/", "/-/receipts/x/y/z",
            "/-/receipts/%00/0", "/-/erasures", "/-/erasures/x/y", "/-/replay", "/blobs/", "/blobs/x", "/blobs/sha256:",
        "/tile/", "/tile/x", "/tile/entries", "/entries/", "/entries/a/b", "/artifacts/", "/log?from=1&from=2",
            "/status?at=0&at=0", "/state?at=0&AT=0", "/-/status?a=1&a=2", "/checkpoint?beyond=0&beyond=9",
        "/diff?from=%00&to=%ff", "/trace?release=", "/trace?release=%0d%0a", "/mortgage", "/mortgage/",
            "/mortgage/prod", "/mortgage/prod/../test/x", "/mortgage/prod/x;y", "/mortgage/prod/%2e",
    ];

    static IEnumerable<Case> OfPaths() =>
        from method in new[] { "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW" }
        from path in Paths
        select new Case($"{method} {path} HTTP/1.1", method[0] == 'P' ? "Content-Length: 0\r\n" : "");

    /// <summary>Good requests with some bytes that are not as they were.</summary>
    static IEnumerable<string> Mutations(Random random, string good, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var bytes = good.ToCharArray().ToList();
            for (var n = random.Next(1, 6); n > 0; n--)
            {
                var at = random.Next(bytes.Count);
                switch (random.Next(4))
                {
                    case 0: bytes[at] = (char)random.Next(256); break;
                    case 1: bytes.RemoveAt(at); break;
                    case 2: bytes.Insert(at, (char)random.Next(256)); break;
                    default: bytes.InsertRange(at, bytes.GetRange(random.Next(at + 1),
                        Math.Min(3, at))[..Math.Min(3, Math.Min(3, at))]); break;
                }
                if (bytes.Count == 0) break;
            }
            yield return new string([.. bytes]);
        }
    }

    static async Task<string> Ask(Uri address, string request)
    {
        using var connection = await RawConnection.To(address);
        try
        {
            await connection.Send(request);
        }
        catch (IOException) { } // closed while it was sent
        return await connection.First(Silence);
    }

    /// <summary>What is wrong with an answer; null: nothing.</summary>
    static string? Objection(string request, string answer)
    {
        // Closed, or the request was never whole, or it was taken for HTTP/2, whose frames say that there is none.
        if (answer.Length == 0 || answer[0] == '\0') return null;
        if (!answer.StartsWith("HTTP/1.1 ", StringComparison.Ordinal))
            return $"no answer of HTTP: {answer[..Math.Min(80, answer.Length)]}";
        var status = int.Parse(answer.AsSpan(9, 3), CultureInfo.InvariantCulture);
        if (status is 100 or 101 or < 400) return null;
        var gap = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var (head, body) = (answer[..gap], answer[(gap + 4)..]);
        if (head.Contains("Stele-Release: ", StringComparison.Ordinal)) return null;   // the release's own
        if (status is 500 or 501) return $"{status} {body}";
        if (body.Contains("   at ", StringComparison.Ordinal) || body.Contains("Exception", StringComparison.Ordinal))
            return $"a stack: {body}";
        var isHead = request.StartsWith("HEAD ", StringComparison.Ordinal);
        string? Field(string name) => head.Split("\r\n").FirstOrDefault(l => l.StartsWith(name + ":",
            StringComparison.OrdinalIgnoreCase)) is { } line ? line[(name.Length + 1)..].Trim() : null;
        var bare = head.Contains("Content-Length: 0", StringComparison.OrdinalIgnoreCase)
            && !head.Contains("Content-Type", StringComparison.OrdinalIgnoreCase);
        // the web server's own, before any code of ours
        if (bare && status is 400 or 405 or 408 or 413 or 414 or 431 or 505) return null;
        if (!head.Contains($"Content-Type: {ProblemDocument.MediaType}", StringComparison.OrdinalIgnoreCase))
            return $"no problem: {head}";
        if (isHead) return ProblemFields.Objection(status, "", Field, null);
        try
        {
            var json = CanonicalJson.Parse(Encoding.Latin1.GetBytes(body), 1 << 20);
            var code = json["code"].AsString;
            if (ProblemFields.Objection(status, code, Field, null) is { } lacks) return $"{lacks}: {head}";
            if (json["type"].AsString != ProblemDocument.TypePrefix + code || json["status"].AsInt != status
                || json["title"].AsString.Length == 0
                || json["detail"].AsString != json["message"].AsString || json["hint"].AsString.Length == 0)
                    return $"not a problem of RFC 9457 and ours: {body}";
        }
        catch (FormatException e)
        {
            return $"{e.Message}: {body}";
        }
        return null;
    }

    static async Task None(Uri address, string? token, IEnumerable<Case> cases, IEnumerable<string> raw)
    {
        var wrong = new List<string>();
        var requests = cases.Select(c => (Case: (Case?)c,
            Text: $"{c.Line}\r\nHost: localhost\r\n{(token is null ? "" : $"Authorization: Bearer {token}\r\n")}"
                + $"Connection: close\r\n{c.Head}\r\n{c.Body}"))
            .Concat(raw.Select(r => (Case: (Case?)null, Text: r))).ToList();
        await Parallel.ForEachAsync(requests, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (request, _) =>
        {
            var answer = await Ask(address, request.Text);
            if (Objection(request.Text, answer) is { } objection) lock (wrong) wrong.Add(
                $"{request.Text[..Math.Min(200, request.Text.Length)]} → {objection}");
        });
        Assert.True(wrong.Count == 0, $"{wrong.Count} of {requests.Count}:\n{string.Join("\n\n", wrong.Take(20))}");
    }

    const int Seed = 20;

    [Fact]
    public async Task A_server_answers_each_with_a_problem()
    {
        await using var town = await Town.Found();
        await town.Settle();
        var random = new Random(Seed);
        string Good(string line, string more = "") =>
            $"{line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {town.Founded.Token}\r\nConnection: close\r\n{more}\r\n";
        await None(town.Host.Address, town.Founded.Token,
            [.. OfNumbers(), .. OfChunks("POST /statements HTTP/1.1", "POST /blobs HTTP/1.1",
                "POST /cosignatures HTTP/1.1", "GET /status HTTP/1.1"), .. OfFraming("POST /statements HTTP/1.1"),
                .. OfPaths()],
            [.. Mutations(random, Good("GET /log?from=0&count=10"), 200),
                .. Mutations(random, Good("POST /statements", "Content-Length: 2\r\n") + "{}", 200),
             .. Mutations(random, Good("POST /blobs", "Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n0\r\n\r\n",
                 200)]);
        // Strangers, and who has a token that opens nothing of it.
        foreach (var token in new[] { null, "stele_wrong" })
            await None(town.Host.Address, token, OfPaths(), []);
        await None(town.Host.Address, TokenFile.Renew(town.Folder.Tokens, new TokenHolder("reader", default,
            Rights.Upload)), OfPaths(), []);
        Assert.Equal(200, (await new RawRequest(town.Host.Address, "GET /healthz").Send()).Status);
        Assert.Empty(town.Bugs);
    }

    [Fact]
    public async Task A_node_answers_each_with_a_problem()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        var random = new Random(Seed + 1);
        const string say = $"POST /{Hamlet.System}/{Hamlet.Prod}/say HTTP/1.1";
        foreach (var token in new[] { null, "stele_wrong", h.TokenWith("eraser", Rights.Erase) })
            await None(h.Node.Address, token, OfPaths(), []);
        foreach (var token in new[] { h.Token, h.NodeToken })
            await None(h.Node.Address, token,
                [.. OfChunks(say, "POST /-/erasures HTTP/1.1", "POST /-/replay HTTP/1.1"), .. OfFraming(say),
                .. OfPaths()],
                [.. Mutations(random,
                    $"{say}\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 7\r\nConnection: close\r\n\r\n{{\"n\":1}}", 200)]);
        Assert.Equal("stone", await h.Word());
    }

    /// <summary>A page in a browser asks under its own name, whatever address that leads to.</summary>
    [Theory]
    [InlineData("localhost", 200), InlineData("LOCALHOST:PORT", 200), InlineData("127.0.0.1:PORT", 200),
        InlineData("[::1]:PORT", 200), InlineData("127.0.0.2", 200)]
    [InlineData("known.example", 200), InlineData("known.example:81", 200), InlineData("through.example:9000", 200)]
    [InlineData("rebound.example", 421), InlineData("rebound.example:PORT", 421), InlineData("localhost:1", 421),
        InlineData("127.0.0.1:80", 421), InlineData("through.example", 421)]
    [InlineData("localhost.rebound.example:PORT", 421), InlineData("", 421), InlineData("10.0.0.1:PORT", 421),
        InlineData("[::2]", 421)]
    public async Task A_host_is_one_of_this_machine_or_one_that_an_operator_named(string host, int status)
    {
        await using var town = await Town.Found(options: new() { Hosts = ["known.example", "through.example:9000"] });
        using var connection = await RawConnection.To(town.Host.Address);
        host = host.Replace("PORT", town.Host.Address.Port.ToString(CultureInfo.InvariantCulture),
            StringComparison.Ordinal);
        await connection.Send(
            $"GET /status HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {town.Founded.Token}\r\n\r\n");
        var (got, _, body) = await connection.Answer();
        Assert.Equal(status, got);
        if (status != 200) Assert.Equal("wrong-host", CanonicalJson.Parse(Encoding.UTF8.GetBytes(body),
            1 << 20)["code"].AsString);
    }

    sealed record RawRequest(Uri Address, string Line)
    {
        public async Task<(int Status, string Head, string Body)> Send()
        {
            using var connection = await RawConnection.To(Address);
            await connection.Send($"{Line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            return await connection.Answer();
        }
    }
}
