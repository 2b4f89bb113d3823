using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace Stele.Tests.Http;

public sealed class AnswersTests
{
    /// <summary>
    /// The web server takes what is written to a client that is gone, at once, and drops it: anyone who made it would
    /// go on to the end, as fast as the machine can.
    /// </summary>
    [Fact]
    public async Task What_nobody_takes_is_not_made()
    {
        const int pieces = 200_000;   // 12 GiB
        var ended = new TaskCompletionSource<(int, Exception?)>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var web = Listener.Build(new ListenerOptions { Port = 0, MaxBody = 1 << 20 }, TimeProvider.System,
            _ => { });
        web.Run(async http =>
        {
            var n = 0;
            try
            {
                for (; n < pieces; n++) await http.Give(new byte[64 * 1024], CancellationToken.None);
                ended.SetResult((n, null));
            }
            catch (Exception e)
            {
                ended.SetResult((n, e));
                throw;
            }
        });
        await web.StartAsync(TestContext.Current.CancellationToken);
        using (var client = await RawConnection.To(Listener.AddressOf(web)))
        {
            await client.Send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
            Assert.NotEqual(0, await client.Some(TimeSpan.FromSeconds(60)));
        }
        var (made, why) = await ended.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        Assert.IsType<ConnectionAbortedException>(why);
        Assert.InRange(made, 1, pieces - 1);
    }

    /// <summary>Every refusal of every kind has the header fields that its status demands.</summary>
    [Fact]
    public async Task Refusals_have_the_header_fields_of_their_status()
    {
        var wrong = new List<string>();
        async Task Look(string name, bool token, Func<HttpContext, Task> write)
        {
            var http = new DefaultHttpContext();
            if (token) http.Request.Headers.Authorization = "Bearer x";
            await write(http);
            if (ProblemFields.Objection(http.Response.StatusCode, name,
                h => http.Response.Headers.TryGetValue(h, out var value) ? value.ToString() : null, token) is { } why)
                wrong.Add($"{name}: {why}");
        }
        foreach (var token in new[] { false, true })
        {
            foreach (var trouble in Enum.GetValues<ProblemCode>())
                await Look(Problem.Of(trouble, "x").Code, token,
                    http => http.Write(Problem.Of(trouble, "x") with { Allow = "GET" }));
            foreach (var error in Enum.GetValues<Stele.Gateway.GatewayError>())
                await Look(Stele.Gateway.GatewayErrors.Row(error).Name, token,
                    http => http.Write(Stele.Gateway.GatewayErrors.Problem(error, "x")));
        }
        Assert.Empty(wrong);
    }
}

/// <summary>What HTTP demands beside a status.</summary>
static class ProblemFields
{
    /// <summary>503 that waiting alone does not change.</summary>
    static readonly string[] Lasting = ["clock", "stopped", "unreachable", "not-serving", "stale"];

    /// <param name="field">A header field's value; null: it is not there.</param>
    /// <param name="token">Whether the request showed a token; null: it is not known.</param>
    public static string? Objection(int status, string code, Func<string, string?> field, bool? token) => status switch
    {
        // RFC 9110 §15.5.2, RFC 6750 §3: the scheme, then one parameter at least.
        401 when field("WWW-Authenticate") is not { } challenge
            || !challenge.StartsWith("Bearer realm=\"stele\"", StringComparison.Ordinal)
            || (token is { } shown
                && shown != challenge.EndsWith(", error=\"invalid_token\"", StringComparison.Ordinal)) =>
            $"WWW-Authenticate: {field("WWW-Authenticate")}",
        403 when code == "forbidden"
            && field("WWW-Authenticate") is not "Bearer realm=\"stele\", error=\"insufficient_scope\"" =>
            $"WWW-Authenticate: {field("WWW-Authenticate")}",
        405 when string.IsNullOrEmpty(field("Allow")) => "no Allow",
        429 when !IsSeconds(field("Retry-After")) => $"Retry-After: {field("Retry-After")}",
        503 when IsSeconds(field("Retry-After")) == Lasting.Contains(code) => $"Retry-After: {field("Retry-After")}",
        _ => null,
    };

    static bool IsSeconds(string? value) => value is { Length: > 0 } && value.All(char.IsAsciiDigit);
}
