using System.Net;
using System.Net.Sockets;
using System.Text;
using Stele.Cli;
using Stele.Proof;
using Stele.Proof.Interchange;
using Stele.Tests.Control;

namespace Stele.Tests.Interchange;

/// <summary>
/// RFC 3161 against a real authority, openssl's: our queries are answered by it, its stamps judged by us.
/// </summary>
public sealed class TimestampTests
{
    static readonly byte[] Data =
        Encoding.UTF8.GetBytes("ledger.example/stele\n3\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=\n");
    static readonly byte[] Nonce = [0x9f, 1, 2, 3, 4, 5, 6, 7];

    [Fact]
    public void A_stamp_is_accepted_for_what_was_stamped_alone_and_from_its_authority_alone()
    {
        using var authority = new OpenSslAuthority();
        using var other = new OpenSslAuthority();
        var query = TimestampToken.Query(Data, Nonce);
        var answer = authority.Answer(query);
        Assert.True(authority.Accepts(query, answer));
        Assert.Equal(TimestampToken.NumberOf(Nonce), TimestampToken.Parse(answer).Nonce);

        var roots = Certificate.FromPem(authority.RootPem);
        var good = TimestampToken.Verify(answer, Data, roots, out var time);
        Assert.True(good.Accepted, good.Message);
        Assert.Equal("Stamper", time!.Authority);
        Assert.Equal(Fault.Timestamp, TimestampToken.Verify(answer, [.. Data, 1], roots, out _).Fault);
        Assert.Equal(Fault.Timestamp,
            TimestampToken.Verify(answer, Data, Certificate.FromPem(other.RootPem), out _).Fault);
        Assert.Equal(Fault.Timestamp, TimestampToken.Verify(answer, Data, [], out _).Fault);
    }

    /// <summary>
    /// A flipped bit is refused, or lies in what nobody signed: the response's status, the version numbers around the
    /// signed content. It never changes what is said.
    /// </summary>
    [Fact]
    public void Whatever_bit_is_flipped_the_time_that_is_believed_is_the_one_that_was_signed()
    {
        using var authority = new OpenSslAuthority();
        var answer = authority.Answer(TimestampToken.Query(Data, Nonce));
        var roots = Certificate.FromPem(authority.RootPem);
        Assert.True(TimestampToken.Verify(answer, Data, roots, out var signed).Accepted);
        // The answer carries the root, too, which nobody looks at: it is trusted because it was given.
        var root = answer.AsSpan().IndexOf(roots[0].Der.Span);
        Assert.True(root > 0);
        var accepted = 0;
        for (var bit = 0; bit < answer.Length * 8; bit += 3)
        {
            if (bit / 8 >= root && bit / 8 < root + roots[0].Der.Length) continue;
            var changed = answer.ToArray();
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            if (!TimestampToken.Verify(changed, Data, roots, out var time).Accepted) continue;
            Assert.Equal(signed, time);
            accepted++;
        }
        Assert.InRange(accepted, 0, answer.Length * 8 / 3 / 20);
    }

    /// <summary>RFC 3161 §2.3: a certificate that may do anything else stamps no times.</summary>
    [Fact]
    public void A_certificate_that_is_not_for_time_stamps_alone_is_refused()
    {
        using var authority = new OpenSslAuthority();
        var answer = authority.Answer(TimestampToken.Query(Data, Nonce));
        var token = TimestampToken.Parse(answer);
        Assert.True(token.Covers(Data));
        using var wide = new OpenSslAuthority("other");
        // openssl itself will not stamp with such a certificate: it can only ever be of no use.
        Assert.ThrowsAny<Exception>(() => wide.Answer(TimestampToken.Query(Data, Nonce)));
        Assert.Equal(Fault.Timestamp,
            TimestampToken.Verify(answer, Data, Certificate.FromPem(wide.RootPem), out _).Fault);
    }

    [Fact]
    public async Task A_checkpoint_is_stamped_over_http_kept_by_the_server_and_verified_by_the_auditors_program()
    {
        using var authority = new OpenSslAuthority();
        using var scratch = new Scratch();
        await using var town = await Town.Found();
        using var http = new HttpAuthority(authority);
        var home = scratch.At("home");

        async Task<Json> Stele(params string[] arguments)
        {
            using var output = new StringWriter();
            using var error = new StringWriter();
            var code = await Verbs.Run([.. arguments, "--home", home, "--json"],
                new Stage(TimeProvider.System, output, error), TestContext.Current.CancellationToken);
            Assert.True(code == 0, $"{string.Join(' ', arguments)}: {code}\n{output}{error}");
            return CanonicalJson.Parse(Encoding.UTF8.GetBytes(output.ToString()), 1 << 20);
        }

        await Stele("login", town.Server.Address.ToString(), "--token-file", town.TokenInFile(), "--trust",
            town.Folder.Trust);
        var size = (await Stele("timestamp", "request", "--authority", http.Address))["size"].AsInt;
        Assert.Equal(town.State.Size, size);
        var listed = (await Stele("timestamp", "list", "--out", scratch.At("stamps")))["timestamps"].AsArray;
        Assert.Equal(size, Assert.Single(listed)["size"].AsInt);

        // Again, after the ledger grew: both stand, each at its size.
        await town.Settle();
        Assert.True((await Stele("timestamp", "request", "--authority", http.Address))["size"].AsInt > size);
        Assert.Equal(2, (await Stele("timestamp", "list", "--out", scratch.At("stamps")))["timestamps"].AsArray.Length);

        var (stamp, checkpoint) = (scratch.At("stamps", $"{size}-0.tst"), scratch.At("stamps", $"{size}-0.checkpoint"));
        var (token, text) = (await File.ReadAllBytesAsync(stamp), await File.ReadAllBytesAsync(checkpoint));
        Assert.True(TimestampToken.Verify(token, text, Certificate.FromPem(authority.RootPem), out _).Accepted);
        Assert.Equal($"{town.Trust.Origin}\n{size}",
            string.Join('\n', (await File.ReadAllLinesAsync(checkpoint))[..2]));

        // The server takes none that is over something else.
        var strange = authority.Answer(TimestampToken.Query(Data, Nonce));
        await Assert.ThrowsAsync<ProblemException>(() => town.Server.Attach(size, strange));
        await Assert.ThrowsAsync<ProblemException>(() => town.Server.Attach(size, [1, 2, 3]));
    }

    /// <summary>The authority on loopback, speaking RFC 3161's HTTP: one query, one answer.</summary>
    sealed class HttpAuthority : IDisposable
    {
        readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        readonly Task _serving;

        public HttpAuthority(OpenSslAuthority authority)
        {
            _listener.Start();
            _serving = Task.Run(async () =>
            {
                try
                {
                    while (true)
                    {
                        using var client = await _listener.AcceptTcpClientAsync();
                        Serve(client, authority);
                    }
                }
                catch (SocketException)
                {
                    // Stopped.
                }
                catch (ObjectDisposedException)
                {
                    // Stopped.
                }
            });
        }

        public string Address => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/tsr";

        static void Serve(TcpClient client, OpenSslAuthority authority)
        {
            using var stream = client.GetStream();
            var head = new StringBuilder();
            while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
                head.Append((char)stream.ReadByte());
            var length = head.ToString().Split("\r\n")
                .First(l => l.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase)).Split(':')[1];
            var query = new byte[int.Parse(length, System.Globalization.CultureInfo.InvariantCulture)];
            stream.ReadExactly(query);
            var answer = authority.Answer(query);
            stream.Write(
                Encoding.ASCII.GetBytes(
                    $"HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nContent-Length: {answer.Length}\r\nConnection: close\r\n\r\n"));
            stream.Write(answer);
        }

        public void Dispose()
        {
            _listener.Stop();
            _serving.Wait(TimeSpan.FromSeconds(60));
        }
    }
}
