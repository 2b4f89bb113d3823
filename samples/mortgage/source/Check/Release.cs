using System;
using System.IO;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;

namespace Mortgage.Check;

/// <summary>The release under check, asked over its own socket, one row after another.</summary>
internal sealed class Release : IDisposable
{
    private readonly HttpClient _http;

    public Release(string socket)
    {
        _http = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectCallback = async (_, cancellation) =>
            {
                var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancellation);
                    return new NetworkStream(connection, ownsSocket: true);
                }
                catch
                {
                    connection.Dispose();
                    throw;
                }
            },
        })
        { BaseAddress = new Uri("http://release/"), Timeout = TimeSpan.FromSeconds(10) };
    }

    /// <summary>
    /// Asks for one decision; an answer that contradicts itself or the check's threshold ends the check.
    /// </summary>
    public (bool Approved, double Denial) Predict(byte[] application, double threshold)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post,
            "predict") { Content = new ByteArrayContent(application) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var response = _http.SendAsync(request).GetAwaiter().GetResult();
        var body = response.Content.ReadAsByteArrayAsync().GetAwaiter().GetResult();
        if ((int)response.StatusCode != 200)
        {
            throw new InvalidDataException(
                $"the release answered {(int)response.StatusCode}: {System.Text.Encoding.UTF8.GetString(body)}");
        }

        using var document = JsonDocument.Parse(body);
        var root = document.RootElement;
        var used = root.GetProperty("threshold").GetDouble();
        if (used != threshold)
        {
            throw new InvalidDataException(
                $"the release decides at the threshold {used}, the check is for {threshold}");
        }

        var denial = root.GetProperty("probability").GetDouble();
        var decision = root.GetProperty("decision").GetString();
        if (!(denial >= 0 && denial <= 1) || decision != (denial >= threshold ? "deny" : "approve"))
        {
            throw new InvalidDataException($"the release answered {decision} at a probability of denial of {denial}");
        }

        return (decision == "approve", denial);
    }

    public void Dispose() => _http.Dispose();
}
