using System.Collections.Immutable;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Stele.Api;
using Stele.Control;
using Stele.Control.Views;
using Stele.Ledger;
using Stele.Proof;
using Stele.Tests.Control;

namespace Stele.Tests.Api;

/// <summary>
/// A real server and real witnesses on loopback: cosignatures come, are kept and shown; a second history under one key
/// is caught.
/// </summary>
public sealed class WitnessedServerTests
{
    static readonly CancellationToken Stop = CancellationToken.None;

    /// <summary>A witness of a town's ledger that can be stopped and started again at its address.</summary>
    sealed class Guard(Town town, string name, WitnessDialect dialect = WitnessDialect.Main) : IAsyncDisposable
    {
        Witness? _witness;
        WitnessHost? _host;
        int _port;

        public List<string> Told { get; } = [];
        public Uri Address => new($"http://127.0.0.1:{_port}/");
        public VerifierKey Key { get; private set; } = null!;
        public WitnessPlace Place => new(name, Key, Address);
        public Witness Witness => _witness!;

        public async Task<Guard> Start()
        {
            _witness = Witness.Open(town.Path(name), name, [town.Trust.Key], TimeProvider.System);
            Key = _witness.Keys.Single(k => k.Type == NoteKeyType.Cosignature);
            _host = await WitnessHost.Start(_witness, IPAddress.Loopback, _port, dialect, TimeProvider.System,
                Told.Add);
            _port = _host.Address.Port;
            return this;
        }

        public async Task End()
        {
            if (_host is not null) await _host.DisposeAsync();
            _witness?.Dispose();
            (_host, _witness) = (null, null);
        }

        public async ValueTask DisposeAsync() => await End();
    }

    static WitnessOptions Terms(int quorum, params WitnessPlace[] places) =>
        new([.. places], note =>
        {
            note.Verify([.. places.Select(p => p.Key)], out var verified);
            return verified.Length >= quorum;
        });

    static async Task Eventually(Func<Task<bool>> holds, string otherwise)
    {
        for (var until = DateTime.UtcNow.AddSeconds(60); !await holds(); await Task.Delay(10))
            Assert.True(DateTime.UtcNow < until, otherwise);
    }

    static Task Eventually(Func<bool> holds, string otherwise) => Eventually(() => Task.FromResult(holds()), otherwise);

    /// <summary>The published checkpoint, once it covers all that stands; its verified cosignatures.</summary>
    static async Task<ImmutableArray<VerifiedSignature>> Published(Town town, params Guard[] by)
    {
        string note = "";
        await Eventually(async () =>
        {
            try
            {
                note = await town.Server.Published(Stop);
                return Checkpoint.TryOpen(note, town.Trust.Key, out var c, out _) && c.Size == town.State.Size
                    && Note.Parse(note).Signatures.Length > by.Length;
            }
            catch (ProblemException e) when (e.Problem.Is(ProblemCode.NotFound))
            {
                return false;
            }
        }, "no published checkpoint covers everything");
        Assert.Equal(NoteTrust.Verified, Note.Parse(note).Verify([.. by.Select(g => g.Key)], out var verified));
        return verified;
    }

    static Task Restart(Town town, WitnessOptions options) => town.Restart(town.Options with { Witnesses = options });

    static Task StartWith(Town town, WitnessOptions options)
    {
        town.Options = town.Options with { Witnesses = options };
        return town.Start();
    }

    static Task<long> Grow(Town town) =>
        town.Admit(town.Member(Citizen.New(), new Stele.Proof.Statements.Role(Stele.Proof.Statements.RoleName.Builder)),
            town.Owner);

    [Fact]
    public async Task What_a_quorum_stands_behind_is_published_and_kept()
    {
        await using var town = await Town.Found();
        await using var one = await new Guard(town, "w1").Start();
        await using var two = await new Guard(town, "w2", WitnessDialect.V1_0_0).Start();
        await Restart(town, Terms(2, one.Place, two.Place));
        Assert.Equal(2, (await Published(town, one, two)).Length);
        for (var i = 0; i < 5; i++) await Grow(town);
        Assert.Equal(2, (await Published(town, one, two)).Length);
        Assert.All(town.Host.Witnesses,
            w => Assert.Equal((town.State.Size, null, false), (w.Size, w.LastError, w.Fork)));
        Assert.Equal(town.State.Size, town.Host.Log.Cosignatures.Size);
        // What was published is there again at once, with nobody to ask.
        await one.End();
        await two.End();
        await Restart(town, Terms(2, one.Place, two.Place));
        Assert.Equal(2, (await Published(town, one, two)).Length);
        // A follower keeps the cosignatures with its copy.
        await using var replica = await Replica.Open(town.Path("replica"), town.Trust, town.Server, town.Time);
        await replica.Sync(Stop);
        Assert.Equal(3, Note.Parse(replica.Checkpoint).Signatures.Length);
    }

    [Fact]
    public async Task Without_a_witness_nothing_new_is_published_and_admission_goes_on()
    {
        await using var town = await Town.Found();
        await using var one = await new Guard(town, "w1").Start();
        await Restart(town, Terms(1, one.Place));
        await Published(town, one);
        var shown = await town.Server.Published(Stop);
        await one.End();
        await Grow(town);
        await Eventually(() => town.Host.Witnesses[0].LastError is not null, "nobody says that the witness is away");
        Assert.Equal(shown, await town.Server.Published(Stop));
        Assert.Equal(town.State.Size, Checkpoint.Parse(Note.Parse(await town.Server.Checkpoint(stop: Stop)).Text).Size);
        await one.Start();
        await Published(town, one);
        Assert.Null(town.Host.Witnesses[0].LastError);
    }

    [Fact]
    public async Task A_policy_that_was_never_met_publishes_nothing()
    {
        await using var town = await Town.Found();
        await using var one = await new Guard(town, "w1").Start();
        using var stranger = NoteSigner.Create(town.Path("stranger"), "w1", NoteKeyType.Cosignature);
        await Restart(town, Terms(1, new WitnessPlace("w1", stranger.Key, one.Address)));
        await Eventually(
            () => town.Host.Witnesses[0].LastError?.Contains("other keys", StringComparison.Ordinal) is true,
            "a witness with another key is taken for ours");
        Assert.True((await Assert.ThrowsAsync<ProblemException>(() => town.Server.Published(Stop))).Problem.Is(
            ProblemCode.NotFound));
        Assert.Equal("w1", (await town.Server.Get<WitnessedLedger>("witnesses", Stop)).Witnesses[0].Name);
    }

    /// <summary>
    /// The operator grows a copy of the ledger apart from it, under the same key. Whichever of the two comes second is
    /// found out, at any size and in both dialects.
    /// </summary>
    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    [InlineData(false, 2)]
    public async Task A_fork_is_caught_by_the_witness(bool first, int grown)
    {
        var dialect = first ? WitnessDialect.V1_0_0 : WitnessDialect.Main;
        await using var town = await Town.Found();
        await using var guard = await new Guard(town, "w1", dialect).Start();
        await town.Stop();
        var copy = await Copy(town);
        await StartWith(town, Terms(1, guard.Place));
        await Grow(town);
        await Published(town, guard);
        var size = town.State.Size;
        await town.Stop();

        // The twin grows without a witness first, then asks it.
        var told = new List<string>();
        await using (var twin = await ServerHost.Start(copy, new ServerOptions { Port = 0 }, town.Time))
        {
            using var server = new ServerClient(twin.Address, town.Founded.Token);
            for (var i = 0; i < grown; i++)
                Assert.IsType<Admitted.Added>(
                    await server.Submit(Envelope.Sign(town.Member(Citizen.New(),
                        new Stele.Proof.Statements.Role(Stele.Proof.Statements.RoleName.Builder)).Encode(),
                            town.Owner.Key), Stop));
        }
        await using (var twin = await ServerHost.Start(copy, new ServerOptions
        {
            Port = 0,
            Witnesses = Terms(1, guard.Place)
        }, town.Time, m => { lock (told) told.Add(m); }))
        {
            await Eventually(() => twin.Witnesses[0].Fork,
                $"the witness cosigned two histories, or nobody says that it did not: {twin.Witnesses[0].LastError}");
            Assert.Contains("FORK", Assert.Single(told), StringComparison.Ordinal);
            using var server = new ServerClient(twin.Address, town.Founded.Token);
            var said = await server.Get<WitnessedLedger>("witnesses", Stop);
            Assert.True(said.Witnesses[0].Fork);
            Assert.Null(said.Published);
        }
        Assert.Equal(size,
            Checkpoint.Parse(
                Note.Parse(guard.Witness.Latest(
                    Digest.Of(System.Text.Encoding.UTF8.GetBytes(town.Trust.Origin)).Hex)!).Text).Size);
        if (grown > 0)
        {
            var (_, file, proven) = Assert.Single(guard.Witness.Evidence);
            Assert.Equal(grown == 1, proven);   // two trees of one size
            Assert.True(Checkpoint.TryOpen(await File.ReadAllTextAsync(file, Stop), town.Trust.Key, out var evidence,
                out _));
            Assert.Equal(size - 1 + grown, evidence.Size);
        }
        await town.Start();
    }

    /// <summary>Whatever a witness answers, it is asked again.</summary>
    [Fact]
    public async Task A_witness_that_answers_nonsense_is_asked_again()
    {
        await using var town = await Town.Found();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var web = builder.Build();
        var asked = 0;
        web.MapPost("/add-checkpoint", async (HttpContext http) =>
        {
            Interlocked.Increment(ref asked);
            http.Response.ContentType = "text/plain; charset=no-such-charset";
            await http.Response.Body.WriteAsync(new byte[] { 0xff, 0xfe, (byte)'x', (byte)'\n' });
        });
        await web.StartAsync(Stop);
        using var key = NoteSigner.Create(town.Path("key"), "w1", NoteKeyType.Cosignature);
        await Restart(town, Terms(1, new WitnessPlace("w1", key.Key, new Uri(web.Urls.Single() + "/"))));
        await Eventually(() => Volatile.Read(ref asked) >= 2
            && town.Host.Witnesses[0].LastError == "its answer is no cosignature", "it is not asked again");
        await town.Stop();
        await web.StopAsync(Stop);
        await town.Start();
    }

    [Fact]
    public async Task A_wait_for_witnesses_takes_a_place_until_the_client_goes_away()
    {
        await using var town = await Town.Found();
        using var key = NoteSigner.Create(town.Path("key"), "w1", NoteKeyType.Cosignature);
        await Restart(town, Terms(1, new WitnessPlace("w1", key.Key, null)));   // comes by itself, and never does
        var envelope = Envelope.Sign(town.Member(Citizen.New(),
            new Stele.Proof.Statements.Role(Stele.Proof.Statements.RoleName.Builder)).Encode(),
            town.Owner.Key).ToJson().ToBytes();
        Task<Admitted> Wait(CancellationToken stop) => town.Host.Admission.Submit(envelope, Await.Witnessed, stop);
        using var away = new CancellationTokenSource();
        var waiting = Enumerable.Range(0, Admission.MaxWitnessed).Select(_ => Wait(away.Token)).ToArray();
        Assert.True(Assert.IsType<Admitted.Refused>(await Wait(default)).Problem.Is(ProblemCode.Busy));
        Assert.IsType<Admitted.Already>(await town.Host.Admission.Submit(envelope));   // nobody else is kept out
        Assert.DoesNotContain(waiting, w => w.IsCompleted);
        await away.CancelAsync();
        Assert.All(await Task.WhenAll(waiting).WaitAsync(TimeSpan.FromSeconds(60)),
            a => Assert.True(Assert.IsType<Admitted.Refused>(a).Problem.Is(ProblemCode.Stopped)));
        Assert.True(Assert.IsType<Admitted.Refused>(await Wait(away.Token)).Problem.Is(ProblemCode.Stopped));

        // The server's own end does not wait for those who wait.
        using var http = new HttpClient { BaseAddress = town.Host.Address };
        http.DefaultRequestHeaders.Authorization = new("Bearer", town.Founded.Token);
        var size = town.State.Size;
        var other = Envelope.Sign(town.Member(Citizen.New(),
            new Stele.Proof.Statements.Role(Stele.Proof.Statements.RoleName.Builder)).Encode(),
            town.Owner.Key).ToJson().ToBytes();
        var asking = http.PostAsync("statements?await=witnessed", new ByteArrayContent(other), Stop);
        await Eventually(() => town.State.Size > size, "it was not admitted");
        await town.Stop();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await asking.WaitAsync(TimeSpan.FromSeconds(60))).StatusCode);
        await town.Start();
    }

    /// <summary>
    /// Also without asking anybody: an old copy that is put back does not start over what others have cosigned.
    /// </summary>
    [Fact]
    public async Task An_old_copy_does_not_start_over_what_was_cosigned()
    {
        await using var town = await Town.Found();
        await using var guard = await new Guard(town, "w1").Start();
        await town.Stop();
        var copy = await Copy(town);
        await StartWith(town, Terms(1, guard.Place));
        await Grow(town);
        await Published(town, guard);
        File.Copy(town.Folder.Cosigned, copy.Cosigned);
        Assert.Equal(LogError.Truncated,
            (await Assert.ThrowsAsync<LogException>(() =>
                ServerHost.Start(copy, new ServerOptions { Port = 0 }, town.Time))).Error);
    }

    static async Task<ServerFolder> Copy(Town town)
    {
        var copy = new ServerFolder(town.Path("copy"));
        using var cp = System.Diagnostics.Process.Start("/bin/cp", ["-r", town.Folder.Data, copy.Data]);
        await cp.WaitForExitAsync(Stop);
        return copy;
    }
}
