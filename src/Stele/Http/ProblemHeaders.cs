using System.Globalization;

namespace Stele.Http;

/// <summary>
/// The header fields that the status of a refusal demands: <c>WWW-Authenticate</c> with 401 (RFC 9110 §15.5.2) and
/// where a token lacks a right (RFC 6750 §3), <c>Allow</c> with 405 (RFC 9110 §15.5.6), <c>Retry-After</c> with 429,
/// and with
/// 503 where waiting may help (RFC 9110 §10.2.3).
/// </summary>
static class ProblemHeaders
{
    /// <summary>The code of a 403 that another token would not get.</summary>
    public const string LacksRight = "forbidden";

    const string Challenge = "Bearer realm=\"stele\"";

    /// <param name="retryAfter">In seconds; null: waiting alone changes nothing.</param>
    /// <param name="allow">The methods that the address takes; asked for with 405 alone.</param>
    public static void Set(HttpContext http, int status, string code, int? retryAfter, string? allow = null)
    {
        var headers = http.Response.Headers;
        headers.CacheControl = "no-store";
        switch (status)
        {
            case StatusCodes.Status401Unauthorized:
                // RFC 6750 §3.1: who showed no token is told of no error.
                headers.WWWAuthenticate = http.Request.Headers.Authorization.Count == 0 ? Challenge
                    : $"{Challenge}, error=\"invalid_token\"";
                break;
            case StatusCodes.Status403Forbidden when code == LacksRight:
                headers.WWWAuthenticate = $"{Challenge}, error=\"insufficient_scope\"";
                break;
            case StatusCodes.Status405MethodNotAllowed:
                headers.Allow = allow ?? "";
                break;
        }
        if (retryAfter is { } seconds) headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
    }
}
