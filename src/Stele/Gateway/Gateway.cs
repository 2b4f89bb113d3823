using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Stele.Host;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Gateway;

/// <summary>
/// The one way to a release, for HTTP with JSON bodies: <c>/system/environment/[the release's own path]</c>. What
/// happens to a request:
///
///   1 authenticate   by token: a principal, known here by a pseudonym        401
///   2 match          the environment, its standing, one of its releases      404, 400, 413, 503
///   3 decide         by the release's own rules and those in force           403
///   4 forward        to the release's socket, with the headers that go       502, 504
///                    along; values that a rule masks stay here               413
///   5 record         leaf, sealed bodies and keys, all durable               503
///   6 respond        with Stele-Decision and Stele-Release
///
/// What ends in 1 or 2 was no decision and is not recorded. From 3 on everything is, also what is denied and what
/// fails; and what could not be recorded is not answered. Invariant: what is counted as admitted is counted as recorded
/// or as failed in the end, whatever goes wrong in between.
/// Answers are whole: nothing goes out before 5 is done. A client that hangs up changes nothing: what was forwarded is
/// recorded.
/// </summary>
sealed class Gateway(Node node, NodeFolder folder, Access access, GatewayOptions options,
    Func<Digest, byte[]?> document,
    TimeProvider time) : IDisposable
{
    public const string DecisionHeader = "Stele-Decision", ReleaseHeader = "Stele-Release",
        SubjectHeader = "Stele-Subject";
    const int MaxSubject = 200;
    const string Protocol = "http-json";

    readonly Rules _rules = new(document);
    readonly RequestHeaders _headers = new(options.Headers);
    readonly Dictionary<string, Recorder> _recorders = new(StringComparer.Ordinal);
    bool _disposed;

    /// <summary>Who writes an environment's decisions down, and reads them back.</summary>
    /// <exception cref="GatewayException"><see cref="GatewayError.Unrecorded"/>: its files can't be opened.</exception>
    public Recorder RecorderOf(DecisionLog log)
    {
        lock (_recorders)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
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
        var counted = new Counted(CountersOf(http.Request.Path));
        try
        {
            await Decide(http, counted);
        }
        catch (Exception e)
        {
            counted.Ended();
            // Half an answer went out already, or there is nobody who waits for one.
            if (http.Response.HasStarted
                || (http.RequestAborted.IsCancellationRequested && e is IOException or OperationCanceledException))
            {
                http.Abort();
                return;
            }
            if (e is AnsweredException) throw;
            throw new GatewayException(GatewayError.Internal, Bug(e));
        }
    }

    static string Bug(Exception e) => $"the gateway failed: {e.GetType().Name}: {e.Message}";

    /// <summary>How far a request has come, for the count.</summary>
    sealed class Counted(GatewayCounters? counters)
    {
        public bool Admitted { get; set; }

        /// <summary>It ended without a decision.</summary>
        public void Ended()
        {
            if (!Admitted) counters?.Refused();
        }
    }

    GatewayCounters? CountersOf(PathString path) =>
        path.Value?.Split('/', 4) is ["", var system, var environment, ..]
            ? node.Environment(system, environment)?.Log?.Counters
            : null;

    async Task Decide(HttpContext http, Counted counted)
    {
        var arrived = time.GetTimestamp();

        // 1. Who asks?
        if (Known(http.Request) is not { } principal)
            throw new GatewayException(GatewayError.Unauthenticated, "no token of a principal of this gateway");

        // 2. For what? One table throughout: the policies and the ledger size that are recorded are those that decided.
        var (hosted, path) = Match(Address.Method(http.Request.Method), http.Request.Path, principal);
        var input = await http.Body(options.MaxRequest, options.MaxAnswer);
        var (query, body) = (Query(http.Request), JsonBody.Parse(http.Request, input, options.MaxValues));
        var subject = Subject(http.Request);
        var (table, backend) = Enter(hosted);
        try
        {
            var recorder = RecorderOf(table.Log
                ?? throw new GatewayException(GatewayError.NotServing, "there is no decision log"));
            var context = new RequestContext(http.Request.Method, path, query, principal.Roles,
                time.GetUtcNow().ToUnixTimeMilliseconds());

            // 3. May they?
            var judged = _rules.Judge(new Asked(table.State, backend.Release, hosted.System, hosted.Environment,
                table.Deployment, principal.Name, context, body, input.Length));
            var ruling = judged.Ruling;
            var masked = ruling.Effect == Effect.Mask && body is not null ? Masking.Apply(input, ruling.Fields) : null;

            // From here on it must be recorded, whatever comes.
            var counters = recorder.Log.Counters;
            counters.Admitted();
            counted.Admitted = true;
            long index;
            Answer answer;
            try
            {
                // 4. What does the release say?
                (var outcome, answer, var error, var forwarded) = await Reach();

                // 5. Nobody hears of it before it is written down. No record is dated before an anchor that does not
                //    have it, even if the clock was put back.
                var anchored = table.State.Logs.GetValueOrDefault(recorder.Log.Origin)?.Anchor?.Issued ?? 0;
                index = await recorder.Record(() => new Decision(
                    DecisionKind.Whole, Math.Max(anchored, time.GetUtcNow().ToUnixTimeMilliseconds()), null,
                    hosted.System, hosted.Environment, table.Deployment, backend.Release.Digest,
                        ObservedStrength.VerifiedAtLoad,
                    backend.Release.Policy, judged.Policies, outcome, ruling.Rule, principal.Name, Protocol,
                        Address.Operation(http.Request.Method, path, answer.Status, error),
                    answer.Status, null, null, (long)(time.GetElapsedTime(arrived).TotalMilliseconds * 1000),
                    table.State.Size, node.Staleness(table.State))
                    {
                        RulePolicy = ruling.Policy,
                        Would = judged.Would
                    }, Bodies(), subject);

                IReadOnlyList<(string, byte[])> Bodies() => masked is null || !forwarded
                    ? [(SealedBodies.Context, context.Encode()), (SealedBodies.Input, input),
                        (SealedBodies.Output, answer.Body)]
                    : [(SealedBodies.Context, context.Encode()), (SealedBodies.Input, input),
                        (SealedBodies.Masked, masked), (SealedBodies.Output, answer.Body)];
            }
            catch (Exception e)
            {
                counters.Failed();
                throw e as GatewayException ?? new GatewayException(GatewayError.Unrecorded,
                    $"the decision could not be recorded: {e.Message}");
            }
            counters.Recorded();

            // 6. Now they may.
            counters.Answered();
            http.Response.Headers[DecisionHeader] = Decision.Id(recorder.Log.Origin, index);
            http.Response.Headers[ReleaseHeader] = backend.Release.Digest.ToString();
            await http.Relay(answer.Status, answer.Headers, answer.Body);

            async Task<Reached> Reach()
            {
                try
                {
                    if (ruling.Effect is Effect.Deny or Effect.Hold) return Refused(ruling);
                    // The rules let it through; what came of it is an error.
                    if (masked?.Length > options.MaxRequest)
                        return new(DecisionOutcome.Error, Problem(GatewayError.TooLarge, TooMuchMasked, ruling.Rule),
                            GatewayError.TooLarge, false);
                    return await Forward(http.Request, principal.Name, path, masked ?? input, backend);
                }
                catch (Exception e)
                {
                    return new(DecisionOutcome.Error, Problem(GatewayError.Internal, Bug(e)),
                        GatewayError.Internal, true);
                }
            }
        }
        finally
        {
            backend.Instance.Leave();
        }
    }

    /// <summary>The principal who asks, by their token; null for strangers, and for those who may not ask for
    /// decisions.</summary>
    TokenHolder? Known(HttpRequest request)
    {
        if (access.Of(request) is not { } holder || !holder.Has(Rights.Decide)) return null;
        request.HttpContext.Recognise(holder.Name);
        return holder;
    }

    /// <summary>The environment an address names, and the path inside the release. Outside a principal's environments
    /// nothing tells what is there.</summary>
    (HostedEnvironment Hosted, string Path) Match(string method, PathString path, TokenHolder principal)
    {
        var parts = path.ToUriComponent().Split('/', 4);
        if (method == Address.Other)
            throw new GatewayException(GatewayError.BadRequest, "that method is not forwarded");
        if (parts.Length >= 3 && parts[0].Length == 0 && !principal.MayAsk(parts[1], parts[2]))
            throw new GatewayException(GatewayError.Forbidden,
                $"this principal may ask {string.Join(", ", principal.Places ?? [])} alone");
        if (parts.Length < 3 || parts[0].Length > 0 || node.Environment(parts[1], parts[2]) is not { } hosted)
            throw new GatewayException(GatewayError.NotFound, "no such environment here");
        var inside = "/" + (parts.Length == 4 ? parts[3] : "");
        if (!Address.IsPlainPath(inside))
            throw new GatewayException(GatewayError.BadRequest,
                "the address can be read in more than one way: write it without empty or dot segments, semicolons, "
                + "escaped letters, digits, slashes, dots, percent signs or control characters, in UTF-8");
        return (hosted, inside);
    }

    /// <summary>Enters one of the environment's releases, by weight; every request that enters must leave.</summary>
    (RoutingTable Table, Backend Backend) Enter(HostedEnvironment hosted)
    {
        for (var attempt = 0; attempt < 1000; attempt++)
        {
            var table = hosted.Table ?? throw new GatewayException(GatewayError.NotServing, "the node is starting");
            if (table.Status != EnvironmentStatus.Serving)
                throw new GatewayException(GatewayError.NotServing,
                    $"{hosted.Place} is {table.Status.ToString().ToLowerInvariant()}: {table.Reason}");
            if (table.Terms.StaleAfter is { } limit && node.Staleness(table.State) is var age && age > limit)
                throw new GatewayException(GatewayError.Stale, string.Create(CultureInfo.InvariantCulture,
                    $"the newest checkpoint is {age / 1000} s old; {hosted.Place} allows {limit / 1000} s"));
            var draw = table.Backends.Length == 1 ? 0 : RandomNumberGenerator.GetInt32(100);
            var backend = table.Backends[^1];
            foreach (var candidate in table.Backends)
            {
                if (draw < candidate.Weight)
                {
                    backend = candidate;
                    break;
                }
                draw -= candidate.Weight;
            }
            if (!backend.Instance.Trusted)
                throw new GatewayException(GatewayError.Drifted,
                    $"release {backend.Release.Digest.Short} is not trusted now: it changed, or ended");
            // Retired between the look at the table and here: there is a newer table.
            if (backend.Instance.TryEnter()) return (table, backend);
        }
        throw new GatewayException(GatewayError.NotServing, $"{hosted.Place} is changing releases");
    }

    /// <summary>
    /// Whom the decision is about, as the caller tags people: so that all that is about one person can be found and
    /// erased. It goes no further than the key table, and not as it is.
    /// </summary>
    static string? Subject(HttpRequest request) => request.Headers[SubjectHeader] switch
    {
        [] => null,
        [{ Length: > 0 and <= MaxSubject } tag] when tag.AsSpan().IndexOfAnyExceptInRange('!', '~') < 0 => tag,
        _ => throw new GatewayException(GatewayError.BadRequest,
            $"{SubjectHeader} is one tag of 1 to {MaxSubject} visible ASCII characters without spaces"),
    };

    /// <summary>A request's query as it was sent.</summary>
    static string Query(HttpRequest request)
    {
        var query = request.QueryString.ToUriComponent();
        return Address.IsPlainQuery(query)
            ? query
            : throw new GatewayException(GatewayError.BadRequest,
                "the query can be read in more than one way: escape what must be, in UTF-8, and no letters, digits "
                + "or any of - . _ ~; control characters are not taken");
    }

    const string TooMuchMasked =
        "with values masked the body is larger than this gateway takes, so it was not forwarded";

    /// <summary>What came of a request that was decided.</summary>
    /// <param name="Forwarded">Whether the release may have seen it.</param>
    sealed record Reached(DecisionOutcome Outcome, Answer Answer, GatewayError? Error, bool Forwarded);

    static Reached Refused(Ruling ruling)
    {
        var because = ruling.Effect == Effect.Hold ? GatewayError.Held : GatewayError.Denied;
        var message = ruling.Message ?? (because == GatewayError.Held
            ? $"the rule '{ruling.Rule}' demands a person's approval"
            : $"the rule '{ruling.Rule}' says no");
        return new(ruling.Effect == Effect.Hold ? DecisionOutcome.Hold : DecisionOutcome.Deny,
            Problem(because, message, ruling.Rule), because, false);
    }

    async Task<Reached> Forward(HttpRequest request,
        string principal, string path, byte[] input, Backend backend)
    {
        try
        {
            var answer = await Forwarder.Send(backend.Instance, request, _headers.Of(request, principal), path, input,
                options.MaxAnswer, options.Timeout, time);
            backend.Instance.Answered();
            // Drift seen while it answered: whose answer that was, nobody can say.
            return backend.Instance.Trusted ? new(DecisionOutcome.Allow, answer, null, true)
                : new(DecisionOutcome.Error,
                    Problem(GatewayError.DriftedMeanwhile,
                        $"release {backend.Release.Digest.Short} changed, or ended, while it answered"),
                    GatewayError.DriftedMeanwhile, true);
        }
        catch (ForwardException e)
        {
            return new(DecisionOutcome.Error, Problem(e.Error, e.Message), e.Error, true);
        }
    }

    /// <summary>What is recorded as the answer.</summary>
    static Answer Problem(GatewayError error, string message, string? rule = null) =>
        new(error.Row().Status, [new("Content-Type", ProblemDocument.MediaType),
            .. error.RetryAfter() is { } seconds
                ? [new("Retry-After", seconds.ToString(CultureInfo.InvariantCulture))]
                : Array.Empty<KeyValuePair<string, string>>()], error.Body(message, rule));

    public void Dispose()
    {
        lock (_recorders)
        {
            _disposed = true;
            foreach (var recorder in _recorders.Values) recorder.Dispose();
        }
    }
}
