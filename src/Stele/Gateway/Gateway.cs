using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Gateway;

/// <summary>
/// The one way to a release, for HTTP with JSON bodies: <c>/system/environment/[the release's own path]</c>. What happens to a request:
///
///   1 authenticate   by token: a principal, known here by a pseudonym        401
///   2 match          the environment, its standing, one of its releases      404, 400, 413, 503
///   3 decide         by the release's own rules and those in force           403
///   4 forward        to the release's socket; the principal's token stays,   502, 504
///                    and so do values that a rule masks                      413
///   5 record         leaf, sealed bodies and keys, all durable               503
///   6 respond        with Stele-Decision and Stele-Release
///
/// What ends in 1 or 2 was no decision and is not recorded. From 3 on everything is, also what is denied and what fails; and what could not be recorded is not answered.
/// Answers are whole: nothing goes out before 5 is done. A client that hangs up changes nothing: what was forwarded is recorded.
/// </summary>
sealed class Gateway(Node node, NodeFolder folder, GatewayTerms terms, Func<Digest, byte[]?> document, TimeProvider time) : IDisposable
{
    public const string DecisionHeader = "Stele-Decision", ReleaseHeader = "Stele-Release", SubjectHeader = "Stele-Subject";
    const int MaxSubject = 200;
    const string Protocol = "http-json", ProblemType = "application/problem+json";

    readonly Principals _principals = new(folder.Principals, time);
    readonly Rules _rules = new(document);
    readonly Dictionary<string, Recorder> _recorders = new(StringComparer.Ordinal);

    /// <summary>Who writes an environment's decisions down, and reads them back.</summary>
    /// <exception cref="GatewayException"><see cref="GatewayError.Unrecorded"/>: its files can't be opened.</exception>
    public Recorder RecorderOf(DecisionLog log)
    {
        lock (_recorders)
        {
            if (_recorders.TryGetValue(log.Origin, out var there)) return there;
            try
            {
                return _recorders[log.Origin] = new Recorder(folder, log);
            }
            catch (IOException e)
            {
                throw new GatewayException(GatewayError.Unrecorded, $"decisions can't be recorded: {e.Message}");
            }
        }
    }

    public async Task Handle(HttpContext http)
    {
        var counted = new Counted(TallyOf(http.Request.Path));
        try
        {
            await Decide(http, counted);
        }
        catch (GatewayException e)
        {
            counted.Ended();
            await Respond(http.Response, new Answer(e.Error.Row().Status, [new("Content-Type", ProblemType)], e.Error.Body(e.Message)));
        }
        catch (BadHttpRequestException e)
        {
            counted.Ended();
            var error = e.StatusCode == 413 ? GatewayError.TooLarge : GatewayError.BadRequest;
            await Respond(http.Response, new Answer(error.Row().Status, [new("Content-Type", ProblemType)], error.Body(e.Message)));
        }
    }

    /// <summary>How far a request has come, for the count.</summary>
    sealed class Counted(Tally? tally)
    {
        public bool Admitted { get; set; }

        /// <summary>It ended without a decision.</summary>
        public void Ended()
        {
            if (!Admitted) tally?.Refused();
        }
    }

    Tally? TallyOf(PathString path) => path.Value?.Split('/', 4) is ["", var system, var environment, ..] ? node.Environment(system, environment)?.Log?.Tally : null;

    async Task Decide(HttpContext http, Counted counted)
    {
        var arrived = time.GetTimestamp();

        // 1. Who asks?
        if (Known(http.Request) is not { } principal) throw new GatewayException(GatewayError.Unauthenticated, "no token of a principal of this gateway");

        // 2. For what? One table throughout: the policies and the ledger size that are recorded are those that decided.
        var (hosted, path) = Match(Method(http.Request.Method), http.Request.Path);
        var input = await Body(http.Request);
        var (query, body) = Describe(http.Request, input);
        var subject = Subject(http.Request);
        var (table, leg) = Enter(hosted);
        try
        {
            var recorder = RecorderOf(table.Log ?? throw new GatewayException(GatewayError.NotServing, "there is no decision log"));
            var context = new RequestContext(http.Request.Method, path, query, principal.Roles, time.GetUtcNow().ToUnixTimeMilliseconds());

            // 3. May they?
            var judged = _rules.Judge(new Asked(table.State, leg.Release, hosted.System, hosted.Environment, table.Deployment, principal.Id, context, body, input.Length));
            var ruling = judged.Ruling;
            var masked = ruling.Effect == Effect.Mask && body is not null ? Masking.Apply(body, ruling.Fields).ToBytes() : null;

            // From here on it must be recorded, whatever comes.
            var tally = recorder.Log.Tally;
            tally.Admitted();
            counted.Admitted = true;

            // 4. What does the release say?
            var (outcome, answer, error) = ruling.Effect is Effect.Deny or Effect.Hold ? Refused(ruling)
                : masked?.Length > terms.MaxRequest ? Refused(ruling with { Effect = Effect.Deny, Message = TooMuchMasked }, GatewayError.TooLarge)
                : await Forward(http.Request, path, masked ?? input, masked is not null, leg);

            // 5. Nobody hears of it before it is written down. No record is dated before an anchor that does not have it, even if the clock was put back.
            var anchored = table.State.Logs.GetValueOrDefault(recorder.Log.Origin)?.Anchor?.Issued ?? 0;
            long index;
            try
            {
                index = await recorder.Record(() => new Decision(
                    Decision.WholeKind, Math.Max(anchored, time.GetUtcNow().ToUnixTimeMilliseconds()), null, hosted.System, hosted.Environment, table.Deployment, leg.Release.Digest, "verified-at-load",
                    leg.Release.Policy, judged.Policies, outcome, ruling.Rule, principal.Id, Protocol, Operation(http.Request.Method, path, answer.Status, error),
                    answer.Status, null, null, (long)(time.GetElapsedTime(arrived).TotalMilliseconds * 1000), table.State.Size, node.Staleness(table.State)) { Would = judged.Would }, Bodies(), subject);

                IReadOnlyList<(string, byte[])> Bodies() => masked is null || outcome == Decision.Deny
                    ? [(SealedBodies.Context, context.Encode()), (SealedBodies.Input, input), (SealedBodies.Output, answer.Body)]
                    : [(SealedBodies.Context, context.Encode()), (SealedBodies.Input, input), (SealedBodies.Masked, masked), (SealedBodies.Output, answer.Body)];
            }
            catch (GatewayException)
            {
                tally.Failed();
                throw;
            }
            tally.Recorded();

            // 6. Now they may.
            tally.Answered();
            http.Response.Headers[DecisionHeader] = Decision.Id(recorder.Log.Origin, index);
            http.Response.Headers[ReleaseHeader] = leg.Release.Digest.ToString();
            await Respond(http.Response, answer);
        }
        finally
        {
            leg.Instance.Leave();
        }
    }

    /// <summary>Who asks, by their token; null for strangers.</summary>
    public Principal? Known(HttpRequest request)
    {
        try
        {
            return _principals.Authenticate(request.Headers.Authorization);
        }
        catch (Exception e) when (e is FormatException or IOException)
        {
            throw new GatewayException(GatewayError.NotServing, $"the list of principals can't be read: {e.Message}");
        }
    }

    /// <summary>The environment an address names, and the path inside the release.</summary>
    (HostedEnvironment Hosted, string Path) Match(string method, PathString path)
    {
        var parts = path.ToUriComponent().Split('/', 4);
        if (method == "OTHER") throw new GatewayException(GatewayError.BadRequest, "that method is not forwarded");
        if (parts.Length < 3 || parts[0].Length > 0 || node.Environment(parts[1], parts[2]) is not { } hosted) throw new GatewayException(GatewayError.NotFound, "no such environment here");
        var inside = "/" + (parts.Length == 4 ? parts[3] : "");
        if (!IsPlain(inside)) throw new GatewayException(GatewayError.BadRequest, "the address can be read in more than one way: write it without empty or dot segments, escaped letters, digits, slashes, dots or control characters");
        return (hosted, inside);
    }

    /// <summary>
    /// Whether everyone reads a path alike, however often they unescape and tidy it: what the rules judge must be what the release answers. Dots and escapes were resolved once before;
    /// what looks like one still was hidden below another.
    /// </summary>
    static bool IsPlain(string path)
    {
        if (path.Contains("//", StringComparison.Ordinal)) return false;
        for (var i = path.IndexOf('%', StringComparison.Ordinal); i >= 0; i = path.IndexOf('%', i + 1))
        {
            if (i + 2 >= path.Length || !byte.TryParse(path.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var b)) return false;
            if (b is < 0x20 or 0x7f or (byte)'/' or (byte)'\\' || char.IsAsciiLetterOrDigit((char)b) || (char)b is '-' or '.' or '_' or '~') return false;
        }
        return true;
    }

    /// <summary>Enters one of the environment's releases, by weight; whoever enters leaves.</summary>
    (RoutingTable Table, Leg Leg) Enter(HostedEnvironment hosted)
    {
        for (var attempt = 0; attempt < 1000; attempt++)
        {
            var table = hosted.Table ?? throw new GatewayException(GatewayError.NotServing, "the node is starting");
            if (table.Standing != Standing.Serving) throw new GatewayException(GatewayError.NotServing, $"{hosted.Place} is {table.Standing.ToString().ToLowerInvariant()}: {table.Reason}");
            if (table.Terms.StaleAfter is { } limit && node.Staleness(table.State) is var age && age > limit)
                throw new GatewayException(GatewayError.Stale, string.Create(CultureInfo.InvariantCulture, $"the newest checkpoint is {age / 1000} s old; {hosted.Place} allows {limit / 1000} s"));
            var draw = table.Legs.Length == 1 ? 0 : RandomNumberGenerator.GetInt32(100);
            var leg = table.Legs[^1];
            foreach (var candidate in table.Legs)
            {
                if (draw < candidate.Weight)
                {
                    leg = candidate;
                    break;
                }
                draw -= candidate.Weight;
            }
            if (!leg.Instance.Trusted) throw new GatewayException(GatewayError.Drifted, $"release {leg.Release.Digest.Short} is not trusted now: it changed, or ended");
            // Retired between the look at the table and here: there is a newer table.
            if (leg.Instance.TryEnter()) return (table, leg);
        }
        throw new GatewayException(GatewayError.NotServing, $"{hosted.Place} is changing releases");
    }

    async Task<byte[]> Body(HttpRequest request)
    {
        if (request.ContentLength > terms.MaxRequest) throw TooLarge();
        using var whole = new MemoryStream();
        var buffer = new byte[16 * 1024];
        for (int n; (n = await request.Body.ReadAsync(buffer)) > 0;)
        {
            if (whole.Length + n > terms.MaxRequest) throw TooLarge();
            whole.Write(buffer, 0, n);
        }
        return whole.ToArray();

        GatewayException TooLarge() => new(GatewayError.TooLarge, string.Create(CultureInfo.InvariantCulture, $"the body has more than {terms.MaxRequest} bytes"));
    }

    /// <summary>Whom the decision is about, as the caller tags people: so that all that is about one person can be found and erased. It goes no further than the key table, and not as it is.</summary>
    static string? Subject(HttpRequest request) => request.Headers[SubjectHeader] switch
    {
        [] => null,
        [{ Length: > 0 and <= MaxSubject } tag] when tag.AsSpan().IndexOfAnyExceptInRange('!', '~') < 0 => tag,
        _ => throw new GatewayException(GatewayError.BadRequest, $"{SubjectHeader} is one tag of 1 to {MaxSubject} visible ASCII characters without spaces"),
    };

    /// <summary>A request's query as it was sent, and its body as the JSON value it is; null when there is none.</summary>
    static (string Query, Json? Body) Describe(HttpRequest request, byte[] body)
    {
        Json? json = null;
        if (body.Length > 0)
        {
            if (request.ContentType?.Split(';')[0].Trim() is not { } type || !type.Equals("application/json", StringComparison.OrdinalIgnoreCase)) throw new GatewayException(GatewayError.BadRequest, "a body is application/json");
            try
            {
                json = CanonicalJson.Parse(body, body.Length);
            }
            catch (FormatException e)
            {
                throw new GatewayException(GatewayError.BadRequest, $"the body is not JSON as it is taken here: {e.Message}");
            }
        }
        var query = request.QueryString.ToUriComponent();
        if (query.AsSpan().ContainsAnyExceptInRange('!', '~')) throw new GatewayException(GatewayError.BadRequest, "the query has characters that must be escaped");
        return (query, json);
    }

    const string TooMuchMasked = "with values masked the body is larger than this gateway takes, so it was not forwarded";

    static (string Outcome, Answer Answer, GatewayError? Error) Refused(Ruling ruling, GatewayError? error = null)
    {
        var because = error ?? (ruling.Effect == Effect.Hold ? GatewayError.Held : GatewayError.Denied);
        var message = ruling.Message ?? (because == GatewayError.Held ? $"the rule '{ruling.Rule}' demands a person's approval" : $"the rule '{ruling.Rule}' says no");
        return (ruling.Effect.Name(), Problem(because, message, ruling.Rule), because);
    }

    async Task<(string Outcome, Answer Answer, GatewayError? Error)> Forward(HttpRequest request, string path, byte[] input, bool masked, Leg leg)
    {
        try
        {
            var answer = await Forwarder.Send(leg.Instance, request, path, input, masked, terms.MaxAnswer, terms.Patience, time);
            // Drift seen while it answered: whose answer that was, nobody can say.
            return leg.Instance.Trusted ? (Decision.Allow, answer, null)
                : (Decision.Error, Problem(GatewayError.DriftedMeanwhile, $"release {leg.Release.Digest.Short} changed, or ended, while it answered"), GatewayError.DriftedMeanwhile);
        }
        catch (ForwardException e)
        {
            return (Decision.Error, Problem(e.Error, e.Message), e.Error);
        }
    }

    static Answer Problem(GatewayError error, string message, string? rule = null) => new(error.Row().Status, [new("Content-Type", ProblemType)], error.Body(message, rule));

    /// <summary>
    /// The operation's name in the leaf, which must hold no data: method and path where the path is one plain word without digits that the release knows; the method and a star otherwise.
    /// </summary>
    static string Operation(string method, string path, int status, GatewayError? error) =>
        error is null && status is not (404 or 405) && path.Length is > 1 and <= 41 && path.AsSpan(1).IndexOfAnyExceptInRange('a', 'z') < 0 ? $"{Method(method)} {path}" : $"{Method(method)} *";

    static string Method(string method) => method is "GET" or "HEAD" or "POST" or "PUT" or "PATCH" or "DELETE" or "OPTIONS" ? method : "OTHER";

    static async Task Respond(HttpResponse response, Answer answer)
    {
        response.StatusCode = answer.Status;
        foreach (var (name, value) in answer.Headers) response.Headers.Append(name, value);
        if (answer.Status is 204 or 304 or < 200) return;
        response.ContentLength = answer.Body.Length;
        try
        {
            if (!HttpMethods.IsHead(response.HttpContext.Request.Method)) await response.Body.WriteAsync(answer.Body);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException) { } // the client is gone; what it asked is recorded
    }

    public void Dispose()
    {
        lock (_recorders) foreach (var recorder in _recorders.Values) recorder.Dispose();
    }
}
