using System.Globalization;
using Microsoft.AspNetCore.Connections;
using Stele.Blobs;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Http;

/// <summary>
/// The one way to answer: canonical JSON, a text, a stream in pieces, what somebody else answered; and every error as a
/// <see cref="Problem"/>.
/// </summary>
static class Answers
{
    public const string Immutable = "private, max-age=31536000, immutable";

    public static Task Write(
        this HttpContext http, Json json, int status = StatusCodes.Status200OK, string type = "application/json") =>
        http.Send(status, type, CanonicalJson.EncodeShown(json));

    /// <summary>A whole answer; to HEAD its headers alone.</summary>
    public static Task Send(this HttpContext http, int status, string type, ReadOnlyMemory<byte> bytes)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = type;
        http.Response.ContentLength = bytes.Length;
        return HttpMethods.IsHead(http.Request.Method) ? Task.CompletedTask
            : http.Response.Body.WriteAsync(bytes, http.RequestAborted).AsTask();
    }

    /// <summary>Passes on what somebody else answered; a client that is gone changes nothing.</summary>
    /// <param name="headers">All of them but the length.</param>
    public static async Task Relay(
        this HttpContext http, int status, IEnumerable<KeyValuePair<string, string>> headers, ReadOnlyMemory<byte> body)
    {
        var response = http.Response;
        response.StatusCode = status;
        foreach (var (name, value) in headers) response.Headers.Append(name, value);
        if (status is StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent
            or StatusCodes.Status304NotModified) return;
        response.ContentLength = body.Length;
        try
        {
            if (!HttpMethods.IsHead(http.Request.Method)) await response.Body.WriteAsync(body);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException) { }
    }

    /// <summary>Says what comes in pieces, each by <see cref="Give"/>.</summary>
    /// <param name="length">Of all pieces together; null: the end is seen when it comes.</param>
    public static void Begin(this HttpContext http, string type, long? length = null) =>
        (http.Response.ContentType, http.Response.ContentLength) = (type, length);

    /// <summary>Sends what was said of the answer so far: status and headers, before the first piece.</summary>
    public static Task Flush(this HttpContext http, CancellationToken stop) => http.Response.Body.FlushAsync(stop);

    /// <summary>A piece of an answer whose length is too large for one.</summary>
    /// <exception cref="ConnectionAbortedException">
    /// Nobody is there to take it. The web server itself does not say so: it takes what comes at once, and drops it, so
    /// that one who goes on reads and makes the rest as fast as the machine can.
    /// </exception>
    public static async ValueTask Give(this HttpContext http, ReadOnlyMemory<byte> piece, CancellationToken stop)
    {
        var taken = await http.Response.BodyWriter.WriteAsync(piece, stop);
        stop.ThrowIfCancellationRequested();
        if (taken.IsCompleted || taken.IsCanceled || http.RequestAborted.IsCancellationRequested)
            throw new ConnectionAbortedException("the client is gone");
    }

    public static Task Write(this HttpContext http, Problem problem)
    {
        ProblemHeaders.Set(http, problem.Status, problem.Code, problem.RetryAfter, problem.Allow);
        return http.Write(problem.ToJson(), problem.Status, ProblemDocument.MediaType);
    }

    /// <summary>Around everything: what goes wrong below is answered as a problem, and no stack is shown.</summary>
    /// <param name="bug">Told of what nobody foresaw.</param>
    public static async Task Guard(HttpContext http, Func<Task> next, Action<Exception> bug)
    {
        Problem problem;
        try
        {
            await next();
            if (http.Response.HasStarted || http.Response.StatusCode < 400
                || http.Response.ContentLength is not null || http.Response.ContentType is not null) return;
            string? allow = http.Response.Headers.Allow;
            problem = http.Response.StatusCode switch
            {
                StatusCodes.Status405MethodNotAllowed =>
                    Problem.Of(ProblemCode.MethodNotAllowed, $"{http.Request.Path} does not take {http.Request.Method}")
                        with { Allow = allow },
                StatusCodes.Status404NotFound => Problem.Of(ProblemCode.NotFound,
                    $"there is nothing at {http.Request.Path}"),
                var status => Problem.Of(ProblemCode.BadRequest, $"the request was not understood ({status})"),
            };
        }
        catch (AnsweredException e)
        {
            problem = e.Problem;
        }
        catch (BlobException e)
        {
            problem = Problem.Of(e);
        }
        catch (BadHttpRequestException e)
        {
            problem = RequestBody.ProblemOf(e);
        }
        catch (Exception e) when (e is ConnectionResetException or ConnectionAbortedException
            || (e is OperationCanceledException && http.RequestAborted.IsCancellationRequested))
        {
            return;   // nobody is there to be answered
        }
        catch (Exception e) when (DiskTrouble.LacksDescriptors(e))
        {
            http.Features.Get<Visitor>()?.Lacks();
            problem = Problem.Of(ProblemCode.Busy, "the server has too much open at once to answer this");
        }
        catch (NodeException)
        {
            problem = Problem.Of(ProblemCode.Busy,
                "what was kept of the fold is damaged: the ledger is folded again from its first entry");
        }
        catch (IOException e) when (DiskTrouble.Of(e) is { } fault)
        {
            bug(e);
            problem = Problem.Of(
                ProblemCode.Storage, $"the server's disk {DiskTrouble.Says(fault)}; nothing of this was kept");
        }
        catch (Exception e)
        {
            bug(e);
            problem = Problem.Of(ProblemCode.Internal, "the server failed to answer this");
        }
        if (http.Response.HasStarted)
        {
            // Half an answer went out already: abort, so that nobody takes it for a whole one.
            http.Abort();
            return;
        }
        http.Response.Clear();
        await http.Write(problem);
    }

    /// <summary>A number in the query, at most 2⁵³−1; null when it is not there.</summary>
    /// <exception cref="ProblemException">It is no such number.</exception>
    public static long? Number(this HttpContext http, string name) =>
        http.Request.Query[name] is not [var text] ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n <= Json.MaxInt ? n
        : throw new ProblemException(ProblemCode.BadRequest, $"'{name}' is not a whole number up to {Json.MaxInt}");
}
