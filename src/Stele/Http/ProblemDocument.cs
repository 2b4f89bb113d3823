using Stele.Proof;

namespace Stele.Http;

/// <summary>
/// What every refusal over HTTP looks like: RFC 9457's members, and ours.
/// <code>
/// type      https://stele.dev/problem/CODE
/// title     the code in words
/// status    the HTTP status
/// detail    what was wrong with this request       = message, which clients of earlier builds read
/// code      one of a closed set
/// hint      what to do about it
/// </code>
/// and more where a problem has it. A client acts on <c>code</c>.
/// </summary>
static class ProblemDocument
{
    public const string MediaType = "application/problem+json", TypePrefix = "https://stele.dev/problem/";

    public static Json Of(
        int status, string code, string message, string hint, params ReadOnlySpan<(string Name, Json? Value)> more) =>
            Json.Object([
            ("type", TypePrefix + code), ("title", Title(code)), ("status", status), ("detail", message),
            ("code", code), ("message", message), ("hint", hint), .. more]);

    /// <summary>What an answer says in words: a problem's detail, or its text as it is; 200 characters of it.</summary>
    public static string Said(byte[] answer)
    {
        string text;
        try
        {
            text = CanonicalJson.Parse(answer, 64 * 1024)["detail"].AsString;
        }
        catch (FormatException)
        {
            text = System.Text.Encoding.UTF8.GetString(answer).TrimEnd('\n');
        }
        return text.Length > 200 ? text[..200] : text;
    }

    static string Title(string code) => char.ToUpperInvariant(code[0]) + code[1..].Replace('-', ' ');
}
