using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Stele.Gateway;
using Stele.Host;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Tests.Host;

namespace Stele.Tests.Gateway;

/// <summary>
/// Requests as nobody's library sends them, to a real gateway before a real release: what is judged is what the release
/// reads, and every count closes.
/// </summary>
public sealed class HostileRequestTests
{
    const string Path = $"/{Hamlet.System}/{Hamlet.Prod}/headers", Type = "Content-Type: application/json";

    /// <summary>Sends bytes as they are and gives back all that comes.</summary>
    static async Task<string> Send(Hamlet h, string head, byte[] body, bool hangUp = false)
    {
        using var connection = new TcpClient();
        await connection.ConnectAsync(IPAddress.Loopback, h.Node.Address.Port);
        await using var stream = connection.GetStream();
        await stream.WriteAsync(
            Encoding.Latin1.GetBytes(
                $"POST {Path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {h.Token}\r\nConnection: close\r\n{head}\r\n\r\n"));
        await stream.WriteAsync(body);
        if (hangUp) return "";
        using var reader = new StreamReader(stream, Encoding.Latin1);
        return await reader.ReadToEndAsync();
    }

    static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    static string Length(byte[] body) => string.Create(CultureInfo.InvariantCulture, $"Content-Length: {body.Length}");

    /// <summary>
    /// One who asks for much in few bytes, and takes nothing of it: what it holds is its own share, and the next are
    /// served.
    /// </summary>
    [Fact]
    public async Task Large_answers_to_one_principal_leave_room_for_others()
    {
        Hamlet.Needs();
        // The release's big answer has three million bytes, more than the kernel takes for one that reads nothing.
        var (h, _) = await Hamlet.Serving(
            gateway: new() { MaxAnswer = 4 << 20, Bodies = 20 << 20, BodiesOfOne = 10 << 20 });
        await using var _ = h;
        var (_, heavy) = TokenFile.AddPrincipal(h.Folder.Principals, ["desk"], [Hamlet.Place]);
        var asked = new List<Socket>();
        try
        {
            // They take nothing, so that no answer leaves the gateway's memory. All ask before one is answered.
            for (var n = 0; n < 12; n++)
            {
                var one = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
                asked.Add(one);
                await one.ConnectAsync(IPAddress.Loopback, h.Node.Address.Port);
                await one.SendAsync(Encoding.ASCII.GetBytes($"GET /{Hamlet.System}/{Hamlet.Prod}/big HTTP/1.1\r\n"
                    + $"Host: localhost\r\nAuthorization: Bearer {heavy}\r\n\r\n"));
            }
            await h.Eventually(() => asked.All(one => one.Available > 0), "not all are answered");
            var counted = new Dictionary<string, int>(StringComparer.Ordinal);
            foreach (var one in asked)
            {
                var head = new byte[12];
                Assert.Equal(head.Length, await one.ReceiveAsync(head));
                var status = Encoding.ASCII.GetString(head)["HTTP/1.1 ".Length..];
                counted[status] = counted.GetValueOrDefault(status) + 1;
            }
            // What the release was asked already may have been done: that is no 429, which clients ask again.
            Assert.All(counted.Keys, status => Assert.True(status is "200" or "429" or "502", status));
            Assert.True(counted.ContainsKey("502"));
            Assert.InRange(counted["200"], 1, 4);
            // Its next is refused before the release is asked, and so not recorded; another's is answered.
            var recorded = h.Hosted!.Log!.Log.Size;
            var (next, problem, answer) = await h.Ask("/say", token: heavy);
            Assert.Equal((HttpStatusCode.TooManyRequests, "too-much-at-once"), (next, problem["code"].AsString));
            Assert.NotNull(answer.Headers.RetryAfter);
            Assert.Equal(recorded, h.Hosted.Log.Log.Size);
            for (var n = 0; n < 3; n++) Assert.Equal("stone", await h.Word());
        }
        finally
        {
            foreach (var one in asked) one.Dispose();
        }
        // Given back: it may ask again.
        await h.Eventually(() => h.Ask("/say", token: heavy).GetAwaiter().GetResult().Status == HttpStatusCode.OK,
            "what it held is not given back");
    }

    [Fact]
    public async Task A_body_is_json_that_everybody_reads_alike_or_it_is_refused()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        var refused = 0;
        async Task Gets(int status, string head, byte[] body)
        {
            var answer = await Send(h, head, body);
            Assert.True(answer.StartsWith($"HTTP/1.1 {status} ", StringComparison.Ordinal),
                $"{head} | {Encoding.UTF8.GetString(body)} | {answer}");
            if (status == 200) Assert.Contains("||Content-Type: application/json||", answer, StringComparison.Ordinal);
            else refused++;
        }
        var one = Bytes("""{"a":1}""");
        foreach (var type in new[] { "application/json", "Application/JSON", "application/json;charset=utf-8",
            "application/json ; Charset=\"UTF-8\"", "application/json;", "application/json; ;charset=utf-8" })
            await Gets(200, $"Content-Type: {type}\r\n{Length(one)}", one);
        foreach (var type in new[] { "text/plain", "application/jsonp", "application/json; charset=utf-16",
            "application/json; charset=utf-8; charset=utf-16", "application/json; charset=utf-8; charset=utf-8",
            "application/json; boundary=x",
            "application/json, text/plain", "application/json charset=utf-8", "application/json; charset = utf-8",
            "application/json; charset=\"utf-8", "application/json; charset=utf-8x",
            "application/xml; a=application/json" })
            await Gets(400, $"Content-Type: {type}\r\n{Length(one)}", one);
        await Gets(400, Length(one), one);
        await Gets(400, $"{Type}\r\n{Type}\r\n{Length(one)}", one);
        await Gets(400, $"{Type}\r\nContent-Type: text/plain\r\n{Length(one)}", one);

        // In no coding, whole, and its length is told once.
        await Gets(200, $"{Type}\r\nContent-Encoding: identity\r\n{Length(one)}", one);
        await Gets(400, $"{Type}\r\nContent-Encoding: gzip\r\n{Length(one)}", one);
        await Gets(400, $"{Type}\r\nContent-Encoding: identity\r\nContent-Encoding: br\r\n{Length(one)}", one);
        var chunked = Bytes("7\r\n{\"a\":1}\r\n0\r\n\r\n");
        await Gets(200, $"{Type}\r\nTransfer-Encoding: chunked", chunked);
        await Gets(400, $"{Type}\r\nTransfer-Encoding: gzip, chunked", chunked);
        await Gets(400, $"{Type}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", chunked);
        await Gets(400, $"{Type}\r\nTransfer-Encoding: chunked\r\nContent-Length: 7", chunked);
        await Gets(400, $"{Type}\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late", chunked);
        await Gets(400, $"{Type}\r\nTransfer-Encoding: chunked", Bytes("7\r\n{\"a\":1}\r\n0\r\nX-Late: 1\r\n\r\n"));
        await Gets(400, $"{Type}\r\n{Length(one)}\r\nContent-Length: 6", one);

        // In UTF-8, without a mark of its order, and one value.
        foreach (var body in new byte[][] { [0xEF, 0xBB, 0xBF, .. one], Encoding.Unicode.GetBytes("""{"a":1}"""),
            Encoding.BigEndianUnicode.GetBytes("""{"a":1}"""), Bytes("{\"a\":1}{}"), Bytes("""{"a":"\ud800"}"""),
            [(byte)'"', 0xC0, 0xAF, (byte)'"'] })
            await Gets(400, $"{Type}\r\n{Length(body)}", body);
        // No two members of an object are one to anyone who does not look closely, however deep they are.
        foreach (var clash in new[] { """{"method":1,"Method":2}""", """{"a":[{"tool":1,"TOOL":2}]}""",
            """{"params":1,"param\u017f":2}""", "{\"risk\":1,\"ris\u212A\":2}", """{"É":1,"é":2}""",
            """{"σ":1,"ς":2}""", """{"\u0061":1,"A":2}""" })
            await Gets(400, $"{Type}\r\n{Length(Bytes(clash))}", Bytes(clash));
        foreach (var fine in new[] { """{"Method":1}""", """{"a":{"b":1},"c":{"B":1}}""" })
            await Gets(200, $"{Type}\r\n{Length(Bytes(fine))}", Bytes(fine));
        Assert.True(refused > 30);
        var counted = h.Hosted!.Log!.Counters.Around(() => { });
        Assert.Equal((h.Hosted.Log.Log.Size, h.Hosted.Log.Log.Size, 0),
            (counted.Admitted, counted.Recorded, counted.Failed));
        Assert.Equal(0, Enumerable.Range(0, (int)h.Hosted.Log.Log.Size)
            .Count(i => Decision.Parse(h.Hosted.Log.Log.ReadEntry(i)).Outcome != DecisionOutcome.Allow));
    }

    [Fact]
    public async Task A_caller_who_hangs_up_leaves_no_count_open()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving(gateway: new GatewayOptions { Timeout = TimeSpan.FromSeconds(3) });
        await using var _ = h;
        var one = Bytes("""{"a":1}""");
        await Send(h, $"{Type}\r\nContent-Length: 100000", one, hangUp: true);
        await Send(h, $"{Type}\r\nTransfer-Encoding: chunked", Bytes("ffff\r\n{"), hangUp: true);
        Stele.Proof.Statements.GatewayCount GatewayCount() => h.Hosted!.Log!.Counters.Around(() => { });
        await h.Eventually(() => GatewayCount().Refused == 2, "not counted");
        // Gone while the release is being asked: it is recorded all the same.
        using (var connection = new TcpClient())
        {
            await connection.ConnectAsync(IPAddress.Loopback, h.Node.Address.Port);
            await connection.GetStream()
                .WriteAsync(
                    Bytes(
                        $"GET /{Hamlet.System}/{Hamlet.Prod}/slow HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {h.Token}\r\n\r\n"));
            await h.Eventually(() => GatewayCount().Admitted == 1, "not admitted");
        }
        await h.Eventually(() => GatewayCount() is { Recorded: 1, Answered: 1 }, "not recorded");
        Assert.Equal(new Stele.Proof.Statements.GatewayCount(0, 1, 1, 1, 0, 2), GatewayCount());
    }

    /// <summary>A fault that nobody thought of comes after a request was let through.</summary>
    [Fact]
    public async Task A_fault_of_the_gateways_own_is_recorded_too()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving(terms: Hamlet.Quick with { InspectEvery = TimeSpan.FromMinutes(5) });
        await using var _ = h;
        Assert.Equal("stone", await h.Word());
        h.Hosted!.Table!.Backends[0].Instance.Http.Dispose();
        var (status, body, answer) = await h.Ask("/say");
        Assert.Equal((HttpStatusCode.InternalServerError, "internal"), (status, body["code"].AsString));
        Assert.True(Decision.TryParseId(Assert.Single(answer.Headers.GetValues("Stele-Decision")), out var _,
            out var index));
        var d = Decision.Parse(h.Hosted.Log!.Log.ReadEntry(index));
        Assert.Equal((DecisionOutcome.Error, 500, (string?)null), (d.Outcome, d.Status, d.Rule));
        var counted = h.Hosted.Log.Counters.Around(() => { });
        Assert.Equal((2, 2, 0), (counted.Admitted, counted.Recorded, counted.Failed));
    }

    /// <summary>
    /// Whatever a rule says, or an exception, it can be said: else nothing would be recorded, nor answered.
    /// </summary>
    [Fact]
    public void Whatever_is_to_be_said_can_be_said()
    {
        var random = new Random(11);
        for (var i = 0; i < 300; i++)
        {
            var text = i == 0
                ? new string('\ud83d', 1 << 20)
                : string.Concat(Enumerable.Range(0, random.Next(40)).Select(_ => (char)(random.Next(4) switch
            {
                0 => random.Next(0xD800, 0xE000),
                1 => random.Next(32),
                2 => random.Next(0x10000),
                _ => random.Next(32, 127)
            })));
            foreach (var error in Enum.GetValues<GatewayError>())
            {
                var said = CanonicalJson.Parse(error.Body(text, text), 16 << 20);
                Assert.Equal(error.Row().Name, said["code"].AsString);
                Assert.Equal(Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)), said["message"].AsString);
                if (i == 0) break;
            }
            // And so with --json, of stele and of stele-verify: keys that become alike, and however deep.
            var value = Enumerable.Range(0, random.Next(200))
                .Aggregate(Json.Object((text, text), ("\ud800", 1), ("\ud801", 2)), (j, _) => Json.Array(j));
            Assert.NotEmpty(value.ToString());
            Assert.NotEmpty(Stele.Cli.Terminal.Indented(value));
        }
        // What needs no care is written as it always was.
        var plain = Json.Object(("a", "é😀\u0001"), ("b", 1.5));
        Assert.Equal(plain.ToBytes(), CanonicalJson.EncodeShown(plain));
    }
}
