using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Stele.Blobs;
using Stele.Control;
using Stele.Proof;
using Stele.Proof.Statements;
using Stele.Tests.Control;

namespace Stele.Tests.Api;

/// <summary>
/// What a hostile or mistaken client sends: the right status, a clear message in our own form, and nothing written.
/// </summary>
public sealed class BadInputTests
{
    /// <summary>
    /// Speaks HTTP by hand, so that nothing on this side tidies the request up. Status, headers and body.
    /// </summary>
    static async Task<(int Status, string Head, string Body)> Raw(Town town, string head, byte[]? body = null)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(town.Host.Address.Host, town.Host.Address.Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head.Replace("\n", "\r\n", StringComparison.Ordinal)));
        if (body is not null) await stream.WriteAsync(body);
        using var answer = new MemoryStream();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        try
        {
            await stream.CopyToAsync(answer, limit.Token);
        }
        catch (IOException) when (answer.Length > 0)
        {
            // The server answered and closed while this side was still sending.
        }
        var text = Encoding.UTF8.GetString(answer.ToArray());
        var gap = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 ", text, StringComparison.Ordinal);
        return (int.Parse(text.AsSpan(9, 3), System.Globalization.CultureInfo.InvariantCulture), text[..gap],
            text[(gap + 4)..]);
    }

    static string Head(Town town, string first, string rest = "") =>
        $"{first} HTTP/1.1\nHost: localhost\nAuthorization: Bearer {town.Founded.Token}\nConnection: close\n{rest}\n";

    static Problem Problem_(int status, string body) =>
        Problem.FromJson(status, CanonicalJson.Parse(Encoding.UTF8.GetBytes(body), Problem.MaxBytes));

    /// <summary>Everything a server has on disk: names, sizes and content.</summary>
    static string Tree(Town town)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in Directory.EnumerateFiles(town.Folder.Data, "*", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(file));
            if (file.EndsWith(".lock", StringComparison.Ordinal)) continue;   // held by the running server, and empty
            using var content = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            hash.AppendData(SHA256.HashData(content));
        }
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    /// <summary>Does what is given and sees to it that afterwards the disk and the state are what they were.</summary>
    static async Task NothingWritten(Town town, Func<Task> act)
    {
        await Task.Delay(300);   // the ledger publishes its last tiles a moment after an append
        var (tree, size) = (Tree(town), town.State.Size);
        await act();
        await Task.Delay(300);
        Assert.Equal(size, town.State.Size);
        Assert.Equal(size, town.Host.Log.Size);
        Assert.Equal(tree, Tree(town));
    }

    static async Task Refused(Town town, int status, string code, byte[] body)
    {
        var (got, head, text) = await Raw(town, Head(town, "POST /statements", $"Content-Length: {body.Length}\n"),
            body);
        Assert.Contains($"Content-Type: {Problem.MediaType}", head, StringComparison.OrdinalIgnoreCase);
        var problem = Problem_(got, text);
        Assert.Equal((status, code), (got, problem.Code));
        Assert.NotEmpty(problem.Message);
        Assert.NotEmpty(problem.Hint);
        Assert.DoesNotContain("   at ", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Statements_that_are_none()
    {
        await using var town = await Town.Found();
        await town.Settle();
        var good = Envelope.Sign(town.Member(Citizen.New(), new Role(RoleName.Builder)).Encode(),
            town.Owner.Key).ToJson();
        byte[] Signed(string payload) =>
            Envelope.Sign(Encoding.UTF8.GetBytes(payload), town.Owner.Key).ToJson().ToBytes();

        await NothingWritten(town, async () =>
        {
            await Refused(town, 400, "malformed", []);
            await Refused(town, 400, "malformed", "{"u8.ToArray());
            await Refused(town, 400, "malformed", [0xff, 0xfe, 0x00]);
            await Refused(town, 400, "malformed", "[]"u8.ToArray());
            // not canonical
            await Refused(town, 400, "malformed",
                Encoding.UTF8.GetBytes(good.ToString().Replace(":", ": ", StringComparison.Ordinal)));
            await Refused(town, 400, "malformed", good.With("more", 1).ToBytes());
            // too deep
            await Refused(town, 400, "malformed", Encoding.UTF8.GetBytes(new string('[', 5000)));
            await Refused(town, 400, "malformed", Signed("{}"));
            await Refused(town, 400, "malformed", Signed("not json"));
            var unknown = town.Act(new Erasure("x", 0, 1, default, 1, ErasureCause.Request, 1, null)
            {
                Nonce = Founding.NewNonce(),
                Issued = 0
            }).Encode();
            await Refused(town, 400, "unknown-kind",
                Signed(Encoding.UTF8.GetString(unknown).Replace("erasure/v1", "outcome/v1", StringComparison.Ordinal)));
            await Refused(town, 413, "too-large", new byte[64 * 1024 + 1]);
            // fits a request, not an entry
            await Refused(town, 413, "too-large", new byte[64 * 1024]);
            // Signed by nobody we know, or wrongly, or for another ledger: refused, and not worth an entry.
            await Refused(town, 401, "unknown-signer",
                Envelope.Sign(town.Member(Citizen.New(), new Role(RoleName.Builder)).Encode(),
                    PrivateKey.Create()).ToJson()
                    .ToBytes());
            await Refused(town, 409, "wrong-ledger",
                Envelope.Sign(
                    (town.Member(Citizen.New(), new Role(RoleName.Builder)) with { Ledger = Digest.Of("elsewhere"u8) })
                        .Encode(), town.Owner.Key).ToJson().ToBytes());
            var signature = good["signatures"].AsArray[0];
            var other = Envelope.Sign(town.Member(Citizen.New(), new Role(RoleName.Builder)).Encode(), town.Owner.Key)
                .ToJson();
            await Refused(town, 401, "bad-signature", good.With("signatures",
                Json.Array(signature.With("sig", other["signatures"].AsArray[0]["sig"]))).ToBytes());
            await Refused(town, 409, "outside-window",
                Envelope.Sign(
                    (town.Member(Citizen.New(), new Role(RoleName.Builder)) with { Issued = town.Now - 25 * 3_600_000 })
                        .Encode(), town.Owner.Key).ToJson().ToBytes());
        });
    }

    [Fact]
    public async Task An_oversized_body_that_does_not_say_its_size_is_cut_off()
    {
        await using var town = await Town.Found();
        await NothingWritten(town, async () =>
        {
            var chunk = Encoding.ASCII.GetBytes($"{70_000:x}\r\n{new string('a', 70_000)}\r\n0\r\n\r\n");
            var (status, _, body) = await Raw(town, Head(town, "POST /statements", "Transfer-Encoding: chunked\n"),
                chunk);
            Assert.Equal((413, "too-large"), (status, Problem_(status, body).Code));
        });
    }

    static readonly (string Method, string Address)[] Addresses =
    [
        ("GET", "/"), ("GET", "/status"), ("GET", "/checkpoint"), ("GET", "/entries/0"), ("GET", "/tile/0/000"),
        ("POST", "/statements"), ("PUT", "/blobs/sha256:00"),
        ("POST", "/blobs"), ("GET", "/events"), ("GET", "/state"), ("GET", "/nowhere"), ("PUT", "/artifacts/x"),
        ("DELETE", "/blobs/x"), ("HEAD", "/blobs/x"),
    ];

    [Fact]
    public async Task Without_the_right_token_nothing_opens()
    {
        await using var town = await Town.Found();
        await NothingWritten(town, async () =>
        {
            var token = town.Founded.Token;
            foreach (var authorization in new[] { "", "Authorization: Bearer wrong\n",
                $"Authorization: Basic {token}\n", $"Authorization: Bearer {token}x\n",
                $"Authorization: Bearer {token[..^1]}\n", "Authorization: Bearer \n",
                $"Authorization: Bearer {new string('a', 4000)}\n" })
                foreach (var (method, address) in Addresses)
                {
                    var (status, head, body) = await Raw(town,
                        $"{method} {address} HTTP/1.1\nHost: localhost\nConnection: close\n{authorization}\n");
                    Assert.Equal(401, status);
                    Assert.Contains("WWW-Authenticate: Bearer", head, StringComparison.OrdinalIgnoreCase);
                    if (method != "HEAD") Assert.Equal("unauthorized", Problem_(status, body).Code);
                }
            Assert.Equal(200, (await Raw(town,
                "GET /healthz HTTP/1.1\nHost: localhost\nConnection: close\n\n")).Status);
        });
    }

    static readonly (string Request, int Status)[] Nowhere =
    [
        ("GET /blobs/../../../../etc/passwd", 400),
        ("GET /blobs/..%2f..%2f..%2fetc%2fpasswd", 400),
        ("GET /blobs/%2e%2e/%2e%2e/keys/server.pem", 400),
        ("GET /blobs/%252e%252e%252fkeys%252fserver.pem", 400),
        ("GET /blobs/sha256:../../../keys/server.pem", 400),
        ("PUT /blobs/..%2fx", 400),
        ("PUT /blobs/sha256:/../../x", 400),
        ("GET /blobs/sha256:ABCDEF", 400),
        ("GET /blobs/sha512:00", 400),
        ("GET /blobs/", 400),
        ("GET /blobs/sha256:0000000000000000000000000000000000000000000000000000000000000000", 404),
        ("HEAD /blobs/sha256:0000000000000000000000000000000000000000000000000000000000000000", 404),
        ("PUT /artifacts/sha256:0000000000000000000000000000000000000000000000000000000000000000", 404),
        ("GET /tile/../keys/server.pem", 400),
        ("GET /tile/0/../../checkpoint", 400),
        ("GET /tile/0/999", 404),
        ("GET /tile/8/000", 404),
        ("GET /tile/0/000.p/0", 404),
        ("GET /tile/journal", 404),
        ("GET /entries/-1", 400),
        ("GET /entries/1e3", 400),
        ("GET /entries/99999", 404),
        ("GET /entries/99999999999999999999", 400),
        ("GET /proof/0?size=99", 400),
        ("GET /state?at=99", 404),
        ("GET /state?time=0", 404),
        ("GET /state?at=x", 400),
        ("GET /state?at=0&time=0", 400),
        ("GET /checkpoint?wait=1", 400),
        ("GET /diff", 400),
        ("GET /diff?from=a&to=b", 404),
        ("GET /trace?deployment=0", 404),
        ("GET /nowhere", 404),
        ("DELETE /blobs/x", 405),
        ("POST /status", 405),
    ];

    [Fact]
    public async Task Addresses_that_lead_nowhere()
    {
        await using var town = await Town.Found();
        await NothingWritten(town, async () =>
        {
            foreach (var (request, expected) in Nowhere)
            {
                var sends = request[0] == 'P';
                var (status, head, body) = await Raw(town, Head(town, request, sends ? "Content-Length: 1\n" : ""),
                    sends ? "x"u8.ToArray() : null);
                Assert.Equal((request, expected), (request, status));
                Assert.DoesNotContain("PRIVATE KEY", body, StringComparison.Ordinal);
                if (request.StartsWith("HEAD", StringComparison.Ordinal)) continue;
                Assert.Contains($"Content-Type: {Problem.MediaType}", head, StringComparison.OrdinalIgnoreCase);
                Assert.NotEmpty(Problem_(status, body).Message);
            }
        });
    }

    [Fact]
    public async Task Blobs_that_are_not_what_they_say()
    {
        await using var town = await Town.Found(options: new Stele.Api.ServerOptions { MaxBlob = 1 << 20 });
        var content = "hello"u8.ToArray();
        var digest = Digest.Of(content);
        await NothingWritten(town, async () =>
        {
            async Task Put(int status, string code, string rest, byte[] body, string? at = null)
            {
                var (got, _, text) = await Raw(town, Head(town, $"PUT /blobs/{at ?? digest.ToString()}", rest), body);
                Assert.Equal((status, code), (got, Problem_(got, text).Code));
            }
            // Ten gigabytes are announced; not one byte of them is read.
            await Put(413, "too-large", "Content-Length: 10737418240\nExpect: 100-continue\n", []);
            await Put(413, "too-large", "Content-Length: 10737418240\n", new byte[1000]);
            await Put(413, "too-large", "Content-Length: 1048577\n", new byte[1000]);
            // Nothing is announced, and too much comes.
            await Put(413, "too-large", "Transfer-Encoding: chunked\n",
                Encoding.ASCII.GetBytes($"{(1 << 20) + 1:x}\r\n{new string('a', (1 << 20) + 1)}\r\n0\r\n\r\n"));
            await Put(422, "wrong-digest", "Content-Length: 5\n", "hellO"u8.ToArray());
            var (status, _, _) = await Raw(town, Head(town, "PUT /artifacts/" + digest, "Content-Length: 0\n"));
            Assert.Equal(404, status);
        });
        // The client's own caps and the server's come back as what they are.
        Assert.Equal(BlobError.TooLarge,
            (await Assert.ThrowsAsync<BlobException>(() =>
                town.Server.Put(new MemoryStream(new byte[(1 << 20) + 1]), null, long.MaxValue))).Error);
        Assert.Equal(BlobError.WrongDigest,
            (await Assert.ThrowsAsync<BlobException>(() =>
                town.Server.Put(new MemoryStream(content), Digest.Of("x"u8), 100))).Error);
        Assert.Equal(BlobError.Unknown,
            (await Assert.ThrowsAsync<BlobException>(() => town.Server.OpenRead(digest))).Error);
        Assert.False(await town.Server.Has(digest));
        Assert.Equal(digest, await town.Server.Put(new MemoryStream(content), null, 100));
        Assert.True(await town.Server.Has(digest));
        Assert.Equal(content, await town.Server.Read(digest, 100));
    }

    /// <summary>A client that stops in the middle leaves nothing behind.</summary>
    [Fact]
    public async Task An_upload_that_breaks_off_leaves_nothing()
    {
        await using var town = await Town.Found();
        await NothingWritten(town, async () =>
        {
            using var client = new TcpClient();
            await client.ConnectAsync(town.Host.Address.Host, town.Host.Address.Port);
            await client.GetStream()
                .WriteAsync(
                    Encoding.ASCII.GetBytes(Head(town, $"PUT /blobs/{Digest.Of("hello"u8)}", "Content-Length: 100000\n")
                        .Replace("\n", "\r\n", StringComparison.Ordinal) + "hel"));
            client.Client.Close(0);
            await Task.Delay(500);
        });
    }

    /// <summary>
    /// Who counts bytes and looks at no digest gets fewer than were announced, or a problem in their place.
    /// </summary>
    [Theory]
    [InlineData(1), InlineData(5), InlineData(65_535), InlineData(65_536), InlineData(65_537), InlineData(131_072),
        InlineData(1_000_000)]
    public async Task A_damaged_blob_is_never_as_long_as_it_says(int length)
    {
        await using var town = await Town.Found();
        // one character a byte
        var content = Encoding.ASCII.GetBytes(new Random(length).GetString("abcdefgh", length));
        var digest = await town.Server.Put(content);
        var path = town.Host.Blobs.PathOf(digest);
        foreach (var at in (int[])[0, length / 2, length - 1])
        {
            var damaged = (byte[])content.Clone();
            damaged[at] ^= 1;
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            await File.WriteAllBytesAsync(path, damaged);
            var (status, head, body) = await Raw(town, Head(town, $"GET /blobs/{digest}"));
            // Where it was seen before anything had to go out, it is said.
            if (status == 500) Assert.Equal("corrupt", Problem_(status, body).Code);
            else
            {
                Assert.True(length > 65_536);
                Assert.Contains($"Content-Length: {length}", head, StringComparison.OrdinalIgnoreCase);
                Assert.True(body.Length < length, "all of it was given out");
            }
        }
        await File.WriteAllBytesAsync(path, content);
        Assert.Equal(content, await town.Server.Read(digest, length));
        town.Bugs.Clear();
    }

    [Fact]
    public async Task A_damaged_blob_is_never_given_out_whole()
    {
        await using var town = await Town.Found();
        var digest = await town.Server.Put("hello"u8.ToArray());
        var path = town.Host.Blobs.PathOf(digest);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.WriteAllTextAsync(path, "hellO");
        await Assert.ThrowsAnyAsync<Exception>(() => town.Server.Read(digest, 100));
        // Upload it again: it is repaired.
        using var content = new ByteArrayContent("hello"u8.ToArray());
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Add("Authorization", $"Bearer {town.Founded.Token}");
        (await http.PutAsync(new Uri(town.Host.Address, $"blobs/{digest}"), content)).EnsureSuccessStatusCode();
        Assert.Equal("hello"u8.ToArray(), await town.Server.Read(digest, 100));
        town.Bugs.Clear();
    }
}
