using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Stele.Cli;
using Stele.Gateway;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;

namespace Stele.Bench;

/// <summary>
/// Looking back: 10,000 decisions that a real gateway recorded, with bodies of 1 KiB, judged again under a changed
/// policy by the node that has them, asked over HTTP as <c>stele policy replay</c> does. Every leaf is read and parsed,
/// its body and context are opened and held to their commitments, and both policies are asked; half of the decisions
/// come out otherwise. Beside it: the cryptography of that alone.
/// </summary>
static class ReplayBench
{
    const int Decisions = 10_000, Callers = 32;
    const string Seals = "AES-256-GCM + HMAC-SHA-256 of 1 KiB + 100 B, one core", Row = "10,000 decisions, over HTTP";

    public static async Task<Rounds> Make(Scratch scratch)
    {
        var site = await GatewayBench.Site.Open(scratch.Next());
        for (var first = 0; first < Decisions; first += Callers)
            await Task.WhenAll(Enumerable.Range(first, Math.Min(Callers, Decisions - first))
                .Select(i => Loopback.Post(site.Through, "say", Asked(i), 200)));
        var node = new NodeClient(site.Node.Address.ToString(), site.Node.Node.Identity.Token);
        var policy = new Policy(new PolicyDocument("next")
        {
            Rules = [Rule.Require("any", ["deploy"], "true"),
                Rule.Require("amount", ["decide"], "request.path == '/say' && request.body.amount < 250000",
                    "'at most 250000, and not ' + string(request.body.amount)")],
        });
        var rounds = new Rounds("replay",
            "recorded decisions judged again under a changed policy, at the node that has their bodies")
        {
            End = async () =>
            {
                node.Dispose();
                await site.DisposeAsync();
            },
        };
        rounds.Limit(Seals, "/s", () => Task.FromResult(new Sample(Opened(TimeSpan.FromMilliseconds(400)))));
        rounds.Add(Row, "/s", Seals, async () =>
        {
            var began = Stopwatch.GetTimestamp();
            var replayed = await node.Replay(new ReplayRequest(policy, "bench", 0, Entry.MaxTime,
                site.Ledger.State.Size), TimeProvider.System, default);
            var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            // The one beyond is that by which the site saw that it records; it flips as the others of its amount do.
            var flips = replayed.Single().Flips;
            if (flips.All != Decisions + 1 || flips[Flip.Refused] != Decisions / 2 + 1
                || flips[Flip.Same] != Decisions / 2)
                throw new InvalidOperationException($"judged again: {flips.All}, refused {flips[Flip.Refused]}");
            return new Sample(flips.All / seconds);
        });
        rounds.Derive("10,000 decisions replayed in", "s", round => Decisions / round[Row].Value);
        return rounds;
    }

    /// <summary>1 KiB; every other one asks for more than the changed policy allows.</summary>
    static byte[] Asked(int i) =>
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"{{\"amount\":{(i % 2 == 0 ? 100_000 + i : 300_000 + i)},\"note\":\"{new string('n', 980)}\",\"purpose\":\"home\"}}"));

    static double Opened(TimeSpan duration)
    {
        var (key, salt) = (RandomNumberGenerator.GetBytes(32), RandomNumberGenerator.GetBytes(32));
        byte[][] bodies = [RandomNumberGenerator.GetBytes(1024), RandomNumberGenerator.GetBytes(100)];
        var (nonce, tag) = (new byte[12], new byte[16]);
        var sealed_ = bodies.Select(b => new byte[b.Length]).ToArray();
        var (began, count) = (Stopwatch.GetTimestamp(), 0);
        for (; Stopwatch.GetElapsedTime(began) < duration; count++)
            for (var i = 0; i < bodies.Length; i++)
            {
                using var aes = new AesGcm(key, 16);
                aes.Encrypt(nonce, bodies[i], sealed_[i], tag);
                Commitment.To("input", salt, bodies[i]);
            }
        return count / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }
}
