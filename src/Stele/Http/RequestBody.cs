using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Stele.Blobs;
using Stele.Proof;

namespace Stele.Http;

/// <summary>
/// Reads bodies: the one way in which a request's bytes become memory, so that what all of them take is known.
/// </summary>
static class RequestBody
{
    /// <summary>
    /// About what one value of JSON takes while rules judge it: as tree, as CEL value, and names compared.
    /// </summary>
    const int BytesOfValue = 256;

    const int FirstBuffer = 4096;

    /// <summary>
    /// The whole body, at most <paramref name="max"/> bytes of it. What it takes is given back when the request has
    /// ended.
    /// </summary>
    /// <param name="answer">How many bytes the answer may take; refused now where there is no room for them.</param>
    /// <exception cref="ProblemException">
    /// It is longer (<see cref="ProblemCode.TooLarge"/>; where it says so itself, before any of it was read), is not
    /// framed as HTTP says (<see cref="ProblemCode.BadRequest"/>), came too slowly (<see cref="ProblemCode.Timeout"/>),
    /// or more is being read than may be (<see cref="ProblemCode.TooMuchAtOnce"/>, <see cref="ProblemCode.Busy"/>).
    /// </exception>
    public static async Task<byte[]> Body(this HttpContext http, int max, int answer = 0)
    {
        if (http.Request.ContentLength > max) throw TooLong(max);
        var taken = BodyBudget.Of(http);
        // What says its length is refused before it is read, where there is no room for it now.
        var expected = (http.Request.ContentLength ?? 0) + answer;
        var whole = Array.Empty<byte>();
        var count = 0;
        try
        {
            while (true)
            {
                if (count == whole.Length)
                {
                    // One byte more than may come, to see that it came.
                    var room = (int)Math.Min(Math.Max(FirstBuffer, 2L * whole.Length), (http.Request.ContentLength
                        ?? max) + 1);
                    if (room <= count) room = count + 1;
                    taken?.Take(room - whole.Length, expected);
                    expected = 0;
                    Array.Resize(ref whole, room);
                }
                var n = await http.Request.Body.ReadAsync(whole.AsMemory(count), http.RequestAborted);
                if (n == 0) break;
                if ((count += n) > max) throw TooLong(max);
            }
        }
        catch (Exception e) when (Broken(e) is { } problem)
        {
            throw new ProblemException(problem);
        }
        return whole.Length == count ? whole : whole[..count];
    }

    /// <summary>
    /// The body as a stream, for what goes to the disk as it comes; nothing of it stays in memory. It may be longer
    /// than what the listener takes: those who read it hold its length to a bound.
    /// </summary>
    public static Stream BodyStream(this HttpContext http)
    {
        http.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = null;
        return new Incoming(http.Request.Body);
    }

    /// <summary>Counts the values of JSON before any of it is made a tree, and takes what the tree will.</summary>
    /// <returns>False: there are more than <paramref name="max"/>. What is no JSON is for its parser to say.</returns>
    public static bool HasFewValues(this HttpContext http, ReadOnlySpan<byte> json, int max)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = CanonicalJson.MaxDepth });
        var values = 0;
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.EndArray or JsonTokenType.EndObject) continue;
                // A member's name counts as a value: it takes as much.
                if (++values > max) return false;
            }
        }
        catch (JsonException) { }
        BodyBudget.Of(http)?.Take((long)values * BytesOfValue);
        return true;
    }

    /// <summary>About what of JSON may be made a tree where nothing larger is expected.</summary>
    public const int ManyValues = 1 << 17;

    /// <summary>A whole body of JSON, with so few values that it may be made a tree.</summary>
    /// <exception cref="ProblemException">As <see cref="Body"/>; and <see cref="ProblemCode.TooLarge"/>.</exception>
    public static async Task<byte[]> JsonBody(this HttpContext http, int maxBytes, int maxValues = ManyValues)
    {
        var body = await http.Body(maxBytes);
        http.CheckValues(body, maxValues);
        return body;
    }

    /// <exception cref="ProblemException"><see cref="ProblemCode.TooLarge"/>: there are more values.</exception>
    public static void CheckValues(this HttpContext http, ReadOnlySpan<byte> json, int max)
    {
        if (!http.HasFewValues(json, max)) throw new ProblemException(ProblemCode.TooLarge, string.Create(
            CultureInfo.InvariantCulture, $"the JSON has more than {max} values, names of members counted"));
    }

    static ProblemException TooLong(int max) => new(ProblemCode.TooLarge,
        string.Create(CultureInfo.InvariantCulture, $"the body has more than {max} bytes"));

    /// <summary>What the client's side of a broken body is; null: it is another matter.</summary>
    static Problem? Broken(Exception e) => e switch
    {
        BadHttpRequestException bad => ProblemOf(bad),
        ConnectionResetException or ConnectionAbortedException => null,
        // A chunk whose size is beyond every number.
        IOException => Problem.Of(ProblemCode.BadRequest, $"the body is not framed as HTTP says: {e.Message}"),
        _ => null,
    };

    /// <summary>What the web server itself found wrong with a request.</summary>
    public static Problem ProblemOf(BadHttpRequestException e) => Problem.Of(e.StatusCode switch
    {
        StatusCodes.Status413PayloadTooLarge => ProblemCode.TooLarge,
        StatusCodes.Status408RequestTimeout => ProblemCode.Timeout,
        _ => ProblemCode.BadRequest,
    }, e.Message);

    sealed class Incoming(Stream body) : ForwardStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer,
            CancellationToken cancellationToken = default)
        {
            try
            {
                return await body.ReadAsync(buffer, cancellationToken);
            }
            catch (Exception e) when (Broken(e) is { } problem)
            {
                throw new ProblemException(problem);
            }
        }
    }
}
