using System.Net.Http;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Http;
using Stele.Host;

namespace Stele.Gateway;

/// <summary>What a release answered, whole.</summary>
sealed record Answer(int Status, IReadOnlyList<KeyValuePair<string, string>> Headers, byte[] Body);

/// <summary>
/// Request → release → answer, over the release's Unix socket. Whole bodies on both sides: nothing is given out before
/// it was recorded.
/// </summary>
static class Forwarder
{
    /// <summary>Of an answer: of one connection only (RFC 9110 §7.6.1), or ours to set.</summary>
    static readonly HashSet<string> Dropped = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
        "Transfer-Encoding", "Upgrade",
        "Set-Cookie", "Content-Length", "Date", "Server", "Alt-Svc",
    };

    static bool Passes(string name, HashSet<string> ofConnection) =>
        !Dropped.Contains(name) && !ofConnection.Contains(name)
        && !name.StartsWith("Stele-", StringComparison.OrdinalIgnoreCase) && name[0] != ':';

    /// <exception cref="ForwardException"/>
    public static async Task<Answer> Send(Instance instance, HttpRequest request,
        IEnumerable<KeyValuePair<string, IEnumerable<string?>>> headers, string path, byte[] body, int maxBytes,
        TimeSpan timeout, TimeProvider time)
    {
        using var limit = new CancellationTokenSource(timeout, time);
        try
        {
            // What the rules saw is what is sent, byte for byte: nothing is tidied up on the way.
            var address = new Uri("http://release" + path + request.QueryString.ToUriComponent(),
                new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
            using var message = new HttpRequestMessage(new HttpMethod(request.Method), address)
            {
                Version = new Version(1, 1),
                VersionPolicy = HttpVersionPolicy.RequestVersionExact
            };
            if (body.Length > 0)
                message.Content = new ByteArrayContent(body) { Headers = { ContentType = new(JsonBody.MediaType) } };
            foreach (var (name, values) in headers) message.Headers.TryAddWithoutValidation(name, values);
            using var response = await instance.Http.SendAsync(message, limit.Token);
            if ((int)response.StatusCode is < 200 or > 599)
                throw new ForwardException(GatewayError.BadUpstream,
                    string.Create(System.Globalization.CultureInfo.InvariantCulture,
                        $"the release answered with the status {(int)response.StatusCode}"));
            var passed = new List<KeyValuePair<string, string>>();
            var closing = RequestHeaders.Listed(string.Join(',', response.Headers.Connection));
            foreach (var (name, values) in response.Headers.NonValidated.Concat(response.Content.Headers.NonValidated))
                if (Passes(name, closing))
                    foreach (var value in values) if (Ascii.IsValid(value) && !value.Any(char.IsControl))
                        passed.Add(new(name, value));
            return new Answer((int)response.StatusCode, passed,
                await response.Content.Read(maxBytes, limit.Token, BodyBudget.Of(request.HttpContext))
                    ?? throw new ForwardException(GatewayError.BadUpstream,
                        string.Create(System.Globalization.CultureInfo.InvariantCulture,
                            $"the release answered with more than {maxBytes} bytes")));
        }
        catch (ProblemException e)
        {
            throw new ForwardException(GatewayError.Unkept, $"the answer of the release was not kept: {e.Message}");
        }
        catch (OperationCanceledException)
        {
            throw new ForwardException(GatewayError.UpstreamTimeout,
                string.Create(System.Globalization.CultureInfo.InvariantCulture,
                    $"the release did not answer within {timeout.TotalSeconds:0.#} s"));
        }
        catch (Exception e)
            when (e is HttpRequestException or IOException or SocketException or UriFormatException or FormatException)
        {
            throw new ForwardException(GatewayError.BadUpstream,
                $"the release did not answer as HTTP does: {e.Message}");
        }
    }
}

sealed class ForwardException(GatewayError error, string message) : Exception(message)
{
    public GatewayError Error { get; } = error;
}
