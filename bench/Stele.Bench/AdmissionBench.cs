using System.Security.Cryptography;
using Stele.Api;
using Stele.Control;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Bench;

/// <summary>
/// Full admission of signed statements, to durable: parse, signature, fold, append, answer. In this process, and as
/// POST /statements over loopback HTTP with client and server on the same cores. Each run founds a ledger of its own,
/// and signs its statements beforehand. Beside it: the parts that nothing can do without.
/// </summary>
static class AdmissionBench
{
    static readonly TimeSpan Duration = TimeSpan.FromMilliseconds(300);
    const int MostStatements = 2000;
    const string Flush = "disk: write 1 KiB in place + fdatasync", Verify = "ECDSA P-256 verify, one core";

    public static Rounds Make(Scratch scratch)
    {
        var rounds = new Rounds("admission", "signed statements into the ledger, to durable, against its parts")
        {
            Disk = true,
            Budget = TimeSpan.FromSeconds(35)
        };
        rounds.Limit(Flush, "/s", () => Machine.Flushes(scratch.Next(), 1024, 1, Duration));
        rounds.Limit(Verify, "/s", () => Task.FromResult(new Sample(Machine.EcdsaVerifications(Duration, 800))));
        rounds.Limit(Http(1), "/s", () => Bare(1));
        rounds.Limit(Http(64), "/s", () => Bare(64));
        rounds.Add("in process: 1 caller", "/s", Flush, () => Admit(scratch.Next(), 1, overHttp: false));
        rounds.Add("in process: 64 callers", "/s", Verify, () => Admit(scratch.Next(), 64, overHttp: false));
        rounds.Add("over HTTP: 1 caller", "/s", Http(1), () => Admit(scratch.Next(), 1, overHttp: true));
        rounds.Add("over HTTP: 64 callers", "/s", Http(64), () => Admit(scratch.Next(), 64, overHttp: true));
        return rounds;
    }

    static string Http(int callers) => $"HTTP: POST 1 KiB, {callers} {(callers == 1 ? "caller" : "callers")}";

    static async Task<Sample> Bare(int callers)
    {
        await using var loopback = await Loopback.Start(128);
        using var http = Loopback.Client(loopback.Address);
        var body = new byte[1024];
        return await Latencies.Of(callers, Duration, _ => Loopback.Post(http, "statements", body, 200));
    }

    public static async Task<Sample> Admit(string folder, int callers, bool overHttp)
    {
        using var owner = PrivateKey.Create();
        using var builder = PrivateKey.Create();
        string ownerId = Founding.NewNonce(), builderId = Founding.NewNonce();
        var server = new ServerFolder(folder);
        var founded = await Founding.Found(server, owner, ownerId, Founding.NewOrigin("bench"), TimeProvider.System);
        await using var host = await ServerHost.Start(server, new ServerOptions { Port = 0 }, TimeProvider.System);
        using var http = Loopback.Client(host.Address, founded.Token);

        var issued = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        byte[] Sign(Statement statement, PrivateKey key) => Envelope.Sign((statement with
        {
            Ledger = founded.Trust.Genesis,
            Nonce = Founding.NewNonce(),
            Issued = issued
        }).Encode(), key).ToJson().ToBytes();
        async Task Submit(byte[] statement)
        {
            if (await host.Admission.Submit(statement) is Admitted.Refused refused)
                throw new InvalidOperationException($"a statement was refused: {refused.Problem.Message}");
        }
        await Submit(Sign(new MemberStatement(builderId, null, [builder.Public], [new Role(RoleName.Builder)], null)
        {
            Nonce = "",
            Issued = 0
        }, owner));
        Subject[] materials = [new(Digest.Of("code"u8), "code"), new(Digest.Of("data"u8), "data")];
        foreach (var m in materials)
            await Submit(Sign(new Origin([m], Origin.Import, Json.EmptyObject, [], builderId, null)
        {
            Nonce = "",
            Issued = 0
        }, builder));

        // An origin of one artifact from two materials: what a pipeline's step states.
        var count = callers == 1 ? MostStatements / 4 : MostStatements;
        var statements = new byte[count][];
        Parallel.For(0, count,
            i => statements[i] =
                Sign(new Origin([new Subject(Digest.Of(RandomNumberGenerator.GetBytes(32)), "model")], Origin.Pipeline,
            Json.Object(("pipeline", "train"), ("step", "fit")), [.. materials], builderId, new BuildRuns(2, true))
            {
                Nonce = "",
                Issued = 0
            }, builder));
        var before = host.Admission.Replay.State.Size;

        var next = -1;
        var sample = await Latencies.Of(callers, TimeSpan.FromSeconds(2), async _ =>
        {
            var statement = statements[Interlocked.Increment(ref next)];
            if (overHttp) await Loopback.Post(http, "statements", statement, 201);
            else await Submit(statement);
        }, most: count);
        if (host.Admission.Replay.State.Size == before) throw new InvalidOperationException("nothing was admitted");
        return sample;
    }
}
