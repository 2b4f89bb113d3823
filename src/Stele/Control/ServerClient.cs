using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Stele.Blobs;
using Stele.Control.Views;
using Stele.Proof;

namespace Stele.Control;

/// <summary>
/// A server, seen from elsewhere: statements go in, blobs go both ways, the ledger comes out. It is believed in
/// nothing: blobs are checked by their digests here, the ledger by a <see cref="Replica"/>. What the server refuses
/// comes back as its <see cref="Problem"/>; what keeps it from answering is a <see cref="ProblemException"/> too.
/// </summary>
sealed class ServerClient : IBlobs, IDisposable
{
    /// <summary>The most that is read of an answer that is one JSON value.</summary>
    const int MaxJson = 64 << 20;

    /// <summary>Where routes are that no standard places; see <see cref="RoutePlace"/>.</summary>
    const string V1 = ApiRoute.Version + "/";

    /// <summary>From this size on a client asks before it sends, so that a refusal costs nothing.</summary>
    const long AskFirst = 1 << 20;

    readonly HttpClient _http;

    /// <param name="address">As in <c>http://127.0.0.1:7070/</c>.</param>
    public ServerClient(Uri address, string? token, HttpMessageHandler? handler = null)
    {
        Address = address.AbsoluteUri.EndsWith('/') ? address : new Uri(address.AbsoluteUri + "/");
        _http = new HttpClient(handler ?? new SocketsHttpHandler
        {
            AllowAutoRedirect = false, UseCookies = false, UseProxy = false,
            AutomaticDecompression = DecompressionMethods.GZip, ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
            Expect100ContinueTimeout = TimeSpan.FromSeconds(5),
        })
        { BaseAddress = Address, Timeout = System.Threading.Timeout.InfiniteTimeSpan };
        if (token is not null)
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    public Uri Address { get; }

    /// <summary>How long a short request may take. Streams and long polls have their own measure.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(60);

    public void Dispose() => _http.Dispose();

    /// <summary>
    /// Submits a signed statement and waits until it stands, durably, or is refused. Safe to repeat: a statement that
    /// got in is not taken twice.
    /// </summary>
    public async Task<Admitted> Submit(Envelope envelope, CancellationToken stop = default)
    {
        using var content = new ByteArrayContent(envelope.ToJson().ToBytes());
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var answer = await Send(new HttpRequestMessage(HttpMethod.Post, V1 + "statements") { Content = content },
            stop, problem: OnProblem.Give);
        if (!answer.IsSuccessStatusCode) return new Admitted.Refused(await ProblemOf(answer, stop));
        try
        {
            var added = await Read<AddedEntry>(answer, stop);
            return added.Time is { } time ? new Admitted.Added(added.Entry, time, added.Leaf)
                : new Admitted.Already(added.Entry, added.Leaf);
        }
        catch (FormatException e)
        {
            throw new ProblemException(ProblemCode.BadAnswer,
                $"{Address} answered with something else than an entry: {e.Message}");
        }
    }

    /// <summary>One of the server's views: <c>status</c>, <c>members</c>, <c>entries/7</c>, …</summary>
    public async Task<T> Get<T>(string path, CancellationToken stop = default) where T : class, IView
    {
        using var answer = await Send(new HttpRequestMessage(HttpMethod.Get, V1 + path), stop);
        try
        {
            return await Read<T>(answer, stop);
        }
        catch (FormatException e)
        {
            throw new ProblemException(ProblemCode.BadAnswer, $"{Address}{V1}{path}: {e.Message}");
        }
    }

    async Task<T> Read<T>(HttpResponseMessage answer, CancellationToken stop) where T : class, IView =>
        ViewJson.Read<T>(CanonicalJson.Parse(await Bytes(answer, MaxJson, stop), MaxJson));

    /// <summary>Hands in a node's cosignature. Safe to repeat.</summary>
    public async Task Cosign(CosignatureOffer offer, CancellationToken stop = default)
    {
        using var content = new ByteArrayContent(offer.ToJson().ToBytes());
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var answer = await Send(
            new HttpRequestMessage(HttpMethod.Post, V1 + "cosignatures") { Content = content }, stop);
    }

    /// <summary>
    /// The checkpoint that is published: with the cosignatures of a quorum, where witnesses are configured.
    /// </summary>
    public async Task<string> Published(CancellationToken stop = default)
    {
        using var answer = await Send(new HttpRequestMessage(HttpMethod.Get, "checkpoint"), stop);
        return System.Text.Encoding.UTF8.GetString(await Bytes(answer, Note.MaxBytes, stop));
    }

    /// <summary>
    /// The newest signed checkpoint, with what cosignatures there are; with <paramref name="wait"/>, the first that
    /// covers more than <paramref name="beyond"/> entries, or the present one when the time is up.
    /// </summary>
    public async Task<string> Checkpoint(long beyond = -1, TimeSpan wait = default, CancellationToken stop = default)
    {
        var path = wait <= TimeSpan.Zero ? "checkpoint?beyond=0" : string.Create(CultureInfo.InvariantCulture,
            $"checkpoint?beyond={beyond}&wait={(int)Math.Ceiling(wait.TotalSeconds)}");
        using var answer = await Send(new HttpRequestMessage(HttpMethod.Get, path), stop, Timeout + wait);
        return System.Text.Encoding.UTF8.GetString(await Bytes(answer, Note.MaxBytes, stop));
    }

    /// <summary>A tile or entry bundle of the ledger.</summary>
    public async Task<byte[]> Fetch(Tile tile, CancellationToken stop = default)
    {
        using var answer = await Send(new HttpRequestMessage(HttpMethod.Get, tile.Path), stop);
        return await Bytes(answer, Tile.Full * (2 + ushort.MaxValue), stop);
    }

    /// <summary>Attaches a time stamp to the checkpoint of a size; safe to repeat.</summary>
    public async Task<Digest> Attach(long size, byte[] token, CancellationToken stop = default)
    {
        using var content = new ByteArrayContent(token);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/timestamp-reply");
        using var answer = await Send(new HttpRequestMessage(HttpMethod.Post,
            string.Create(CultureInfo.InvariantCulture, $"{V1}timestamps?size={size}")) { Content = content }, stop);
        return (await Read<AttachedTimestamp>(answer, stop)).Digest;
    }

    // Blobs.

    public async Task<bool> Has(Digest digest, CancellationToken stop = default)
    {
        using var answer = await Send(new HttpRequestMessage(HttpMethod.Head, $"{V1}blobs/{digest}"), stop,
            problem: OnProblem.Give);
        return answer.StatusCode switch
        {
            HttpStatusCode.OK => true,
            HttpStatusCode.NotFound => false,
            HttpStatusCode.Unauthorized =>
                throw new ProblemException(ProblemCode.Unauthorized, $"{Address} does not take this token"),
            var other =>
                throw new ProblemException(ProblemCode.BadAnswer,
                    $"{Address} answered {(int)other} when asked for a blob"),
        };
    }

    public async Task<Stream> OpenRead(Digest digest, CancellationToken stop = default)
    {
        var answer = await Send(new HttpRequestMessage(HttpMethod.Get, $"{V1}blobs/{digest}"), stop,
            problem: OnProblem.ThrowOfBlob);
        return new VerifiedStream(await answer.Content.ReadAsStreamAsync(stop), digest);
    }

    public async Task<Digest> Put(Stream content, Digest? expected, long maxBytes, long? declared = null,
        CancellationToken stop = default)
    {
        if (declared is null && content.CanSeek) declared = content.Length - content.Position;
        if (declared > maxBytes)
            throw new BlobException(BlobError.TooLarge, $"the blob has {declared} bytes; at most {maxBytes} are taken");
        // A blob that is there already costs one question. Its content is the server's care: what it gives out is
        // checked by its readers.
        if (expected is { } known && await Has(known, stop)) return known;
        var sent = new HashedContent(content, maxBytes, declared);
        using var request = new HttpRequestMessage(expected is null ? HttpMethod.Post : HttpMethod.Put,
            expected is { } d ? $"{V1}blobs/{d}" : V1 + "blobs") { Content = sent };
        request.Headers.ExpectContinue = declared is null or > AskFirst;
        using var answer = await Send(request, stop, System.Threading.Timeout.InfiniteTimeSpan,
            OnProblem.ThrowOfBlob);
        var stored = (await Read<StoredBlob>(answer, stop)).Digest;
        if (sent.Digest is { } digest && digest != stored)
            throw new BlobException(BlobError.WrongDigest, $"{digest} was sent and the server stored {stored}");
        return stored;
    }

    public async Task List(Digest manifest, CancellationToken stop = default)
    {
        using var answer = await Send(new HttpRequestMessage(HttpMethod.Put, $"{V1}artifacts/{manifest}"), stop,
            problem: OnProblem.ThrowOfBlob);
    }

    enum OnProblem
    {
        Throw,
        /// <summary>What is wrong with a blob is a <see cref="BlobException"/>.</summary>
        ThrowOfBlob,
        /// <summary>The caller looks at the status itself.</summary>
        Give,
    }

    async Task<HttpResponseMessage> Send(HttpRequestMessage request, CancellationToken stop, TimeSpan? timeout = null,
        OnProblem problem = OnProblem.Throw)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(timeout ?? Timeout);
        HttpResponseMessage answer;
        try
        {
            answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new ProblemException(ProblemCode.Unreachable, $"{Address} did not answer in time");
        }
        catch (HttpRequestException e)
        {
            if (e.InnerException is BlobException refused) throw refused;   // our own content stopped the sending
            throw new ProblemException(ProblemCode.Unreachable,
                $"{Address} does not answer: {e.GetBaseException().Message}");
        }
        finally
        {
            request.Dispose();
        }
        if (answer.IsSuccessStatusCode || problem == OnProblem.Give) return answer;
        using (answer)
        {
            var said = await ProblemOf(answer, stop);
            if (problem == OnProblem.ThrowOfBlob && BlobErrorOf(said) is { } error)
                throw new BlobException(error, said.Message);
            throw new ProblemException(said);
        }
    }

    static BlobError? BlobErrorOf(Problem problem) =>
        problem.Is(ProblemCode.UnknownBlob) ? BlobError.Unknown : problem.Is(ProblemCode.WrongDigest)
            ? BlobError.WrongDigest
        : problem.Is(ProblemCode.TooLarge) ? BlobError.TooLarge : problem.Is(ProblemCode.Corrupt) ? BlobError.Corrupt
        : null;

    async Task<Problem> ProblemOf(HttpResponseMessage answer, CancellationToken stop)
    {
        try
        {
            return Problem.FromJson((int)answer.StatusCode,
                CanonicalJson.Parse(await Bytes(answer, Problem.MaxBytes, stop), Problem.MaxBytes));
        }
        catch (FormatException)
        {
            return Problem.Of(ProblemCode.BadAnswer,
                $"{Address} answered {(int)answer.StatusCode} {answer.ReasonPhrase}, without a problem of ours");
        }
    }

    async Task<byte[]> Bytes(HttpResponseMessage answer, int max, CancellationToken stop)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(Timeout);
        try
        {
            return await answer.Content.Read(max, limit.Token)
                ?? throw new ProblemException(ProblemCode.BadAnswer, $"{Address} answered with more than {max} bytes");
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new ProblemException(ProblemCode.Unreachable, $"{Address} did not answer in time");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new ProblemException(ProblemCode.Unreachable, $"{Address} broke off: {e.Message}");
        }
    }

    /// <summary>Sends a stream once, hashing what goes out; stops at the cap.</summary>
    sealed class HashedContent : HttpContent
    {
        readonly Stream _from;
        readonly long _max;
        readonly long? _declared;

        public HashedContent(Stream from, long max, long? declared)
        {
            (_from, _max, _declared) = (from, max, declared);
            Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        }

        /// <summary>Of all that was sent; null while it is not all.</summary>
        public Digest? Digest { get; private set; }

        protected override bool TryComputeLength(out long length)
        {
            length = _declared ?? 0;
            return _declared is not null;
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var buffer = new byte[128 * 1024];
            long total = 0;
            for (int n; (n = await _from.ReadAsync(buffer)) > 0;)
            {
                total += n;
                if (total > _max)
                    throw new BlobException(BlobError.TooLarge,
                        $"the blob has more than the {_max} bytes that are taken");
                hash.AppendData(buffer, 0, n);
                await stream.WriteAsync(buffer.AsMemory(0, n));
            }
            Digest = Proof.Digest.From(hash.GetHashAndReset());
        }
    }
}
