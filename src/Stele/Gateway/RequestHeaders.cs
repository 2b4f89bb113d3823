using System.Collections.Frozen;
using System.Text;
using Microsoft.AspNetCore.Http;
using Stele.Proof;

namespace Stele.Gateway;

/// <summary>
/// Which of a request's headers a release gets. Rules see none of them, so none goes along by which a release might
/// take a request for another than was judged: those below, and those that the operator names. What tells of the body
/// is the gateway's own to set.
/// </summary>
sealed class RequestHeaders
{
    const string IdempotencyKey = "Idempotency-Key";

    /// <summary>
    /// Always: what may be answered, who asks with what, where it belongs in a trace, that it is the same request once
    /// more, and which MCP is spoken.
    /// </summary>
    public static readonly FrozenSet<string> Usual =
        new[] { "Accept", "Accept-Language", "User-Agent", "traceparent", "tracestate", IdempotencyKey,
            "MCP-Protocol-Version" }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Never, no matter who names them: of one connection (RFC 9110 §7.6.1), of the body, whose token it is, and what
    /// stands for another method, address or caller.
    /// </summary>
    static readonly FrozenSet<string> Never = new[]
    {
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
        "Transfer-Encoding", "Upgrade", "Expect", "HTTP2-Settings",
        "Content-Digest", "Content-Encoding", "Content-Length", "Content-Location", "Content-MD5", "Content-Range",
        "Content-Type", "Digest", "Repr-Digest", "Signature", "Signature-Input",
        "Authorization", "Cookie", "Host", "Forwarded", "Via", "X-HTTP-Method", "X-HTTP-Method-Override",
        "X-Method-Override", "X-Original-URL", "X-Original-Host", "X-Original-Method", "X-Rewrite-URL", "X-Host",
        "X-Real-IP", "Mcp-Method", "Mcp-Name",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    readonly FrozenSet<string> _passing;

    /// <param name="named">The operator's own; each one for which <see cref="Objection"/> is null.</param>
    public RequestHeaders(IEnumerable<string> named) =>
        _passing = Usual.Concat(named.Select(n => Objection(n) is { } why
            ? throw new ArgumentException(why, nameof(named))
            : n)).ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>Why a header of that name is never forwarded; null if it may be.</summary>
    public static string? Objection(string name) =>
        name.Length is 0 or > 64 || name.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_'))
        ? $"'{name}' is not a header's name"
        : Never.Contains(name) || name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase)
            || name.StartsWith("Stele-", StringComparison.OrdinalIgnoreCase)
            || name.Contains('_', StringComparison.Ordinal)
            ? $"'{name}' is not forwarded: by it a release might see another request than the rules did" : null;

    /// <summary>
    /// What goes along of a request, without what its own Connection header names. The release does not learn who asks:
    /// so an Idempotency-Key goes along as a digest with the principal, or it could give one of them the answer to what
    /// another asked.
    /// </summary>
    public IEnumerable<KeyValuePair<string, IEnumerable<string?>>> Of(HttpRequest request, string principal)
    {
        var connection = Listed(request.Headers.Connection.ToString());
        foreach (var (name, values) in request.Headers)
            if (_passing.Contains(name) && !connection.Contains(name))
                yield return new(name, name.Equals(IdempotencyKey, StringComparison.OrdinalIgnoreCase)
                    ? [Own(principal, values.ToString())]
                    : values);
    }

    internal static string Own(string principal, string key) =>
        Digest.Of(Encoding.UTF8.GetBytes($"stele.dev/idempotency/v1\n{principal}\n{key}")).Hex;

    internal static HashSet<string> Listed(string header) =>
        new(header.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
            StringComparer.OrdinalIgnoreCase);
}
