using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Stele.Host;
using Stele.Ledger;

namespace Stele.Api;

/// <summary>
/// A witness on HTTP, as C2SP tlog-witness says; submission and monitoring have one prefix, the address itself:
/// <code>
/// POST /add-checkpoint      200 cosignature lines · 400 · 403 · 404 · 409 with the size cosigned last · 422
/// POST /sign-subtree        the same for a part of a tree, where this platform has ML-DSA-44; else 404
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
    public static async Task<WitnessHost> Start(Witness witness, IPAddress listen, int port, WitnessDialect dialect,
        TimeProvider time, Action<string> report)
    {
        // Whatever name it is asked under, it has nothing to hide: what it shows is for everybody.
        var web = Listener.Build(new ListenerOptions
        {
            Address = listen, Port = port, Hosts = null, MaxBody = WitnessRequest.MaxBytes, MaxRequestLine = 1024,
                MaxHeaders = 16 * 1024,
        }, time, report);
        web.Run(http => Answer(http, witness, dialect, report));
        try
        {
            await web.StartAsync();
        }
        catch
        {
            await web.DisposeAsync();
            throw;
        }
        return new WitnessHost(web) { Address = Listener.AddressOf(web) };
    }

    static async Task Answer(HttpContext http, Witness witness, WitnessDialect dialect, Action<string> report)
    {
        var (path, method) = (http.Request.Path.Value ?? "", http.Request.Method);
        if (path == "/add-checkpoint" || (path == "/sign-subtree" && witness.SignsSubtrees))
        {
            if (!HttpMethods.IsPost(method)) throw Problem.MethodNotAllowed(http, "POST");
            var body = await http.Body(WitnessRequest.MaxBytes);
            await Tell(http, path == "/sign-subtree" ? witness.SignSubtree(body) : witness.AddCheckpoint(body),
                dialect, report);
        }
        else if (!HttpMethods.IsGet(method) && !HttpMethods.IsHead(method))
            throw path.Count(c => c == '/') == 2 ? Problem.MethodNotAllowed(http, "GET, HEAD")
                : new ProblemException(ProblemCode.NotFound, "nothing here takes that");
        else if (path.Split('/') is ["", { Length: 64 } hex, "checkpoint"] && witness.Latest(hex) is { } note)
            await LogPages.Checkpoint(http, note);
        else throw new ProblemException(ProblemCode.NotFound, "no checkpoint was cosigned for such a log");
    }

    static Task Tell(HttpContext http, WitnessAnswer answer, WitnessDialect dialect, Action<string> report)
    {
        http.Response.Headers.CacheControl = "no-store";
        switch (answer)
        {
            case WitnessAnswer.Cosigned cosigned:
                return http.Send(StatusCodes.Status200OK, "text/plain; charset=utf-8",
                    Encoding.UTF8.GetBytes(cosigned.Lines));
            case WitnessAnswer.Refused { Size: { } size }:
                return http.Send(StatusCodes.Status409Conflict, "text/x.tlog.size",
                    Encoding.UTF8.GetBytes(size.ToString(CultureInfo.InvariantCulture) + "\n"));
            default:
                var refused = (WitnessAnswer.Refused)answer;
                if (refused.Refusal is WitnessRefusal.Fork or WitnessRefusal.Inconsistent)
                    report($"not cosigned: {refused.Message}");
                return http.Write(new Problem(refused.Refusal.Status(dialect), refused.Refusal.Name(),
                    refused.Message, refused.Refusal.Hint(), []));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _web.StopAsync();
        await _web.DisposeAsync();
    }
}
