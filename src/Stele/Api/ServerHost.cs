using System.Text;
using Microsoft.AspNetCore.Builder;
using Stele.Blobs;
using Stele.Control;
using Stele.Control.Views;
using Stele.Disk;
using Stele.Host;
using Stele.Identity;
using Stele.Ledger;
using Stele.Proof;

namespace Stele.Api;

/// <summary>
/// A running server: ledger, blobs, admission and the HTTP API over them, put together by hand in the order of the
/// rooms. For embedding in <c>stele up</c>. The caller watches <see cref="Completion"/>: it ends only when the server
/// is stopped or something in it broke, and a broken server admits nothing.
/// </summary>
sealed class ServerHost : IAsyncDisposable
{
    readonly NoteSigner _logKey;
    readonly PrivateKey _serverKey;
    readonly WebApplication _web;
    readonly Witnesses? _witnesses;
    readonly CancellationTokenSource _stopping;
    Task _reporting = Task.CompletedTask;

    ServerHost(NoteSigner logKey, PrivateKey serverKey, Log log, BlobStore blobs, Admission admission,
        Witnesses? witnesses, WebApplication web, CancellationTokenSource stopping) =>
        (_logKey, _serverKey, Log, Blobs, Admission, _witnesses, _web, _stopping) = (logKey, serverKey, log, blobs,
            admission, witnesses, web, stopping);

    public Log Log { get; }
    public BlobStore Blobs { get; }
    public Admission Admission { get; }

    /// <summary>The status of the witnesses that are asked from here.</summary>
    public IReadOnlyList<WitnessStatus> Witnesses => _witnesses?.Standings ?? [];

    /// <summary>Opens this server to the process that runs it, for as long as it runs; kept nowhere.</summary>
    public string OwnToken { get; private init; } = "";

    /// <summary>Where it listens, with the port that was taken.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>Ends with admission's loop; faults when that failed. What then is the process's decision.</summary>
    public Task Completion => Admission.Completion;

    /// <param name="report">Told of bugs and of what the API could not answer; for the operator's log.</param>
    /// <exception cref="IOException">Not founded, open elsewhere, or the port is taken.</exception>
    /// <exception cref="FormatException">The ledger does not fold.</exception>
    /// <exception cref="ProblemException">The clock lies behind the ledger's last entry, or behind every cosignature of
    /// its witnesses.</exception>
    public static async Task<ServerHost> Start(ServerFolder folder, ServerOptions options, TimeProvider time,
        Action<string>? report = null)
    {
        FolderFormat.Demand(folder.Path);
        var trust = folder.ReadTrust();
        var logKey = NoteSigner.Open(folder.LogKey);
        var serverKey = folder.ReadServerKey();
        var log = Log.Open(folder.LedgerStore, trust.Origin, logKey, time, new LogOptions
        {
            SignEvery = options.SignEvery,
            Quorum = options.Witnesses?.Quorum
        });
        Admission? admission = null;
        Witnesses? witnesses = null;
        WebApplication? web = null;
        var stopping = new CancellationTokenSource();
        try
        {
            folder.Raise();
            var blobs = new BlobStore(folder.Blobs);
            admission = Admission.Start(log, blobs, serverKey, time,
                new KeptFold(folder.State, folder.StateKey, options.Fold));
            if (admission.Replay.State.Ledger != trust.Genesis)
                throw new FormatException(
                    $"the trust file pins the ledger {trust.Genesis}, the folder holds {admission.Replay.State.Ledger}");
            report ??= _ => { };
            if (admission.SnapshotError is { } unkept) report(unkept + "; the next start folds the whole ledger");
            var cosigned = new CosignedCheckpoints(log, options.Witnesses?.Quorum, folder.Cosigned);
            if (options.Witnesses is { } known && cosigned.Published is { } shown)
            {
                Note.Parse(shown).VerifyCosigned([.. known.Witnesses.Select(w => w.Key)], out var by);
                if (!by.IsEmpty) WallClock.Demand(time, by.Min(c => c.Milliseconds), "even the earliest cosignature " +
                    "of the ledger's last published checkpoint");
            }
            witnesses = options.Witnesses is { } asked ? new Witnesses(log, cosigned, asked, time, report) : null;
            var own = Token.New();
            var node = new TokenHolder("node", Token.DigestOf(own), Rights.Read | Rights.Submit);
            var tokens = new TokenFile(folder.Tokens, time, node);
            var shortage = new Shortage(time);
            Faulted[] Faults() => [.. ServerFaults.Of(log, admission, witnesses, shortage)];
            web = Web(new Routes(log, blobs, admission, cosigned, witnesses, new Timestamps(folder.Timestamps, log),
                Faults, options, time, stopping.Token), tokens, options, shortage, time, report);
            var host = new ServerHost(logKey, serverKey, log, blobs, admission, witnesses, web, stopping)
            {
                OwnToken = own,
            };
            await web.StartAsync();
            host.Address = Listener.AddressOf(web);
            // That it admits nothing more is for the process to say, which then decides what to do.
            host._reporting = new FaultReports("server", () => Faults().Where(f => f.Fault != FaultCode.Stopped),
                report, time).Run(stopping.Token);
            return host;
        }
        catch
        {
            if (web is not null) await web.DisposeAsync();
            if (witnesses is not null) await witnesses.DisposeAsync();
            if (admission is not null) await admission.DisposeAsync();
            log.Dispose();
            logKey.Dispose();
            serverKey.Dispose();
            stopping.Dispose();
            throw;
        }
    }

    static WebApplication Web(Routes routes, TokenFile tokens, ServerOptions options, Shortage shortage,
        TimeProvider time, Action<string> report)
    {
        var web = Listener.Build(new ListenerOptions
        {
            Address = options.Listen, Port = options.Port, Hosts = options.Hosts, Connections = options.Connections,
            Shortage = shortage,
            MaxBody = 1 << 20,            // blobs say their own
            MaxRequestLine = 4096, MaxHeaders = 16 * 1024,
        }, time, report, services => services.AddRoutingCore());
        web.UseRouting();
        web.Use((http, next) =>
        {
            var holder = tokens.Authenticate(http.Request.Headers.Authorization);
            if (holder is not null) http.Recognise(holder.Digest.Hex);
            var right = RightOf(http);
            if (right != Rights.None && !(options.OpenLog && OfTheLog(http.Request)))
                Demand(holder, http.Request, right);
            RequestTarget.CheckQuery(http);
            return next(http);
        });
        routes.Map(web);
        return web;
    }

    /// <summary>The right that opens the route that was asked; where there is none, that of one that might be: a
    /// stranger does not learn what is there.</summary>
    static Rights RightOf(HttpContext http) =>
        http.GetEndpoint()?.Metadata.GetMetadata<ApiRoute>() is { } route ? route.Rights
            : HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method) ? Rights.Read
            : ServerRoutes.All.Any(r => r.Rights == Rights.Upload && r.PathsUnder(ServerRoutes.Root).Any(p =>
                http.Request.Path.StartsWithSegments(p.Split("/{")[0], StringComparison.Ordinal))) ? Rights.Upload
            : Rights.Submit;

    static void Demand(TokenHolder? known, HttpRequest request, Rights right)
    {
        var holder = known
            ?? throw new ProblemException(ProblemCode.Unauthorized, request.Headers.Authorization.Count == 0
                ? "this needs a token" : "this token is not known here");
        if (!holder.Has(right)) throw new ProblemException(ProblemCode.Forbidden,
            $"the token '{holder.Name}' does not have the right {right.Names()[0]}");
    }

    static bool OfTheLog(HttpRequest request) =>
        (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method))
        && (request.Path == "/checkpoint" || request.Path.StartsWithSegments("/tile", StringComparison.Ordinal));

    /// <summary>Stops listening, answers what waits, finishes admission and closes the ledger.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _reporting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _web.StopAsync();
        if (_witnesses is not null) await _witnesses.DisposeAsync();
        await Admission.DisposeAsync();
        await _web.DisposeAsync();
        Log.Dispose();
        _logKey.Dispose();
        _serverKey.Dispose();
        _stopping.Dispose();
    }
}
