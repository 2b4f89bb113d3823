using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Stele.Host;
using Stele.Ledger;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace Stele.Api;

/// <summary>
/// A witness on HTTP, as C2SP tlog-witness says; submission and monitoring have one prefix, the address itself:
/// <code>
/// POST /add-checkpoint      200 cosignature lines · 400 · 403 · 404 · 409 with the size cosigned last · 422
/// GET  /[hex]/checkpoint    the newest checkpoint cosigned for the log whose origin has this SHA-256
/// </code>
/// It asks for no token: a checkpoint that is not signed by a log that it knows costs it nothing.
/// </summary>
sealed class WitnessHost : IAsyncDisposable
{
    readonly WebApplication _web;

    WitnessHost(WebApplication web) => _web = web;

    /// <summary>Where it listens, with the port that was taken.</summary>
    public Uri Address { get; private set; } = null!;

    /// <param name="report">Told of forks and of bugs; for the operator's log.</param>
    /// <exception cref="IOException">The port is taken.</exception>
    public static async Task<WitnessHost> Start(Witness witness, IPAddress listen, int port, WitnessDialect dialect, Action<string> report)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(listen, port);
            kestrel.Limits.MaxRequestBodySize = WitnessRequest.MaxBytes;
            kestrel.Limits.MaxRequestLineSize = 1024;
            kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(1024, TimeSpan.FromSeconds(10));
            kestrel.Limits.MaxConcurrentConnections = 1024;
        });
        Embedded.In(builder.Services);
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(5));
        var web = builder.Build();
        web.Run(async http =>
        {
            try
            {
                await Answer(http, witness, dialect, report);
            }
            catch (BadHttpRequestException e)
            {
                if (!http.Response.HasStarted) await Say(http, e.StatusCode, e.Message);
            }
            catch (Exception e) when (e is not OperationCanceledException && !http.RequestAborted.IsCancellationRequested)
            {
                report($"{http.Request.Method} {http.Request.Path}: {e}");
                if (!http.Response.HasStarted) await Say(http, 500, "the witness failed to answer this; nothing was signed");
            }
        });
        try
        {
            await web.StartAsync();
        }
        catch
        {
            await web.DisposeAsync();
            throw;
        }
        return new WitnessHost(web) { Address = new Uri(web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single() + "/") };
    }

    static async Task Answer(HttpContext http, Witness witness, WitnessDialect dialect, Action<string> report)
    {
        var path = http.Request.Path.Value ?? "";
        if (path == "/add-checkpoint")
        {
            if (!HttpMethods.IsPost(http.Request.Method)) await Say(http, 405, "POST only");
            else await Tell(http, witness.AddCheckpoint(await Body(http)), dialect, report);
        }
        else if (!HttpMethods.IsGet(http.Request.Method) && !HttpMethods.IsHead(http.Request.Method)) await Say(http, path.Count(c => c == '/') == 2 ? 405 : 404, "nothing here takes that");
        else if (path.Split('/') is ["", { Length: 64 } hex, "checkpoint"] && witness.Latest(hex) is { } note) await LogPages.Checkpoint(http, note);
        else await Say(http, 404, "no checkpoint was cosigned for such a log");
    }

    static Task Tell(HttpContext http, WitnessAnswer answer, WitnessDialect dialect, Action<string> report)
    {
        http.Response.Headers.CacheControl = "no-store";
        switch (answer)
        {
            case WitnessAnswer.Cosigned cosigned:
                return Send(http, 200, "text/plain; charset=utf-8", cosigned.Lines);
            case WitnessAnswer.Refused { Size: { } size }:
                return Send(http, 409, "text/x.tlog.size", size.ToString(CultureInfo.InvariantCulture) + "\n");
            default:
                var refused = (WitnessAnswer.Refused)answer;
                if (refused.Refusal is WitnessRefusal.Fork or WitnessRefusal.Inconsistent) report($"not cosigned: {refused.Message}");
                return Say(http, refused.Refusal.Status(dialect), refused.Message);
        }
    }

    static async Task<byte[]> Body(HttpContext http)
    {
        if (http.Request.ContentLength > WitnessRequest.MaxBytes) throw new BadHttpRequestException($"a request has at most {WitnessRequest.MaxBytes} bytes", 413);
        using var whole = new MemoryStream();
        await http.Request.Body.CopyToAsync(whole, http.RequestAborted);   // the web server itself stops at the cap
        return whole.ToArray();
    }

    static Task Say(HttpContext http, int status, string message) => Send(http, status, "text/plain; charset=utf-8", message + "\n");

    static Task Send(HttpContext http, int status, string type, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        http.Response.StatusCode = status;
        http.Response.ContentType = type;
        http.Response.ContentLength = bytes.Length;
        return HttpMethods.IsHead(http.Request.Method) ? Task.CompletedTask : http.Response.Body.WriteAsync(bytes, 0, bytes.Length, http.RequestAborted);
    }

    public async ValueTask DisposeAsync()
    {
        await _web.StopAsync();
        await _web.DisposeAsync();
    }
}
