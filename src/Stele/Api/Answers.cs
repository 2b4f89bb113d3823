using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Stele.Blobs;
using Stele.Control;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Api;

/// <summary>Answers in one form: canonical JSON, and every error a <see cref="Problem"/>.</summary>
static class Answers
{
    public const string Immutable = "private, max-age=31536000, immutable";

    public static Task Write(this HttpContext http, Json json, int status = StatusCodes.Status200OK, string type = "application/json")
    {
        var bytes = CanonicalJson.EncodeShown(json);
        http.Response.StatusCode = status;
        http.Response.ContentType = type;
        http.Response.ContentLength = bytes.Length;
        return http.Response.Body.WriteAsync(bytes, 0, bytes.Length, http.RequestAborted);
    }

    public static Task Write(this HttpContext http, Problem problem)
    {
        http.Response.Headers.CacheControl = "no-store";
        if (problem.Status is StatusCodes.Status429TooManyRequests) http.Response.Headers.RetryAfter = "60";
        if (problem.Is(Trouble.Busy)) http.Response.Headers.RetryAfter = "1";
        if (problem.Status is StatusCodes.Status401Unauthorized) http.Response.Headers.WWWAuthenticate = "Bearer";
        return HttpMethods.IsHead(http.Request.Method) ? Empty(http, problem.Status) : http.Write(problem.ToJson(), problem.Status, Problem.MediaType);
    }

    static Task Empty(HttpContext http, int status)
    {
        http.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    /// <summary>Around everything: whatever goes wrong below is answered as a problem, and nobody is shown a stack.</summary>
    public static async Task Guard(HttpContext http, Func<Task> next, Action<Exception> bug)
    {
        Problem problem;
        try
        {
            await next();
            if (http.Response.HasStarted || http.Response.StatusCode < 400 || http.Response.ContentLength is not null || http.Response.ContentType is not null) return;
            problem = http.Response.StatusCode switch
            {
                StatusCodes.Status405MethodNotAllowed => Problem.Of(Trouble.MethodNotAllowed, $"{http.Request.Path} does not take {http.Request.Method}"),
                StatusCodes.Status404NotFound => Problem.Of(Trouble.NotFound, $"there is nothing at {http.Request.Path}"),
                var status => Problem.Of(Trouble.BadRequest, $"the request was not understood ({status})"),
            };
        }
        catch (ProblemException e)
        {
            problem = e.Problem;
        }
        catch (BlobException e)
        {
            problem = Problem.Of(e);
        }
        catch (BadHttpRequestException e)
        {
            problem = Problem.Of(e.StatusCode switch { 413 => Trouble.TooLarge, 408 => Trouble.Timeout, _ => Trouble.BadRequest }, e.Message);
        }
        catch (Exception e) when (e is ConnectionResetException or ConnectionAbortedException || (e is OperationCanceledException && http.RequestAborted.IsCancellationRequested))
        {
            return;   // nobody is there to be answered
        }
        catch (Microsoft.AspNetCore.Connections.ConnectionResetException)
        {
            return;   // nor here: the client broke off, which is no bug of ours
        }
        catch (IOException e) when (DiskTrouble.Of(e) is { } trouble)
        {
            bug(e);
            problem = Problem.Of(Trouble.Storage, $"the server's disk {DiskTrouble.Says(trouble)}; nothing of this was kept");
        }
        catch (Exception e)
        {
            bug(e);
            problem = Problem.Of(Trouble.Internal, "the server failed to answer this");
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

    /// <summary>The whole body, at most <paramref name="max"/> bytes of it.</summary>
    /// <exception cref="ProblemException">It is longer; where it says so itself, before any of it was read.</exception>
    public static async Task<byte[]> Body(this HttpContext http, int max)
    {
        var long_ = new ProblemException(Trouble.TooLarge, $"the body has more than {max} bytes");
        if (http.Request.ContentLength > max) throw long_;
        using var whole = new MemoryStream();
        var buffer = new byte[16 * 1024];
        for (int n; (n = await http.Request.Body.ReadAsync(buffer, http.RequestAborted)) > 0;)
        {
            if (whole.Length + n > max) throw long_;
            whole.Write(buffer, 0, n);
        }
        return whole.ToArray();
    }

    /// <summary>A number in the query; null when it is not there.</summary>
    public static long? Number(this HttpContext http, string name) =>
        http.Request.Query[name] is not [var text] ? null
        : long.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var n) ? n
        : throw new ProblemException(Trouble.BadRequest, $"'{name}' is not a number");

    /// <summary>Whether the address as it was sent tries to climb: a segment that is a dot or two, in whatever spelling, or that hides a separator.</summary>
    public static bool Climbs(HttpContext http)
    {
        var target = http.Features.Get<IHttpRequestFeature>()!.RawTarget;
        foreach (var raw in target.Split('?')[0].Split('/'))
        {
            var segment = Uri.UnescapeDataString(Uri.UnescapeDataString(raw));
            if (segment is "." or ".." || segment.AsSpan().IndexOfAny('/', '\\', '\0') >= 0) return true;
        }
        return false;
    }
}
