using System.Net;
using System.Text;
using Stele.Proof;
using Stele.Tests.Control;

namespace Stele.Tests.Http;

/// <summary>A small house with few doors: strangers fill them, and who has a token comes and goes as before.</summary>
public sealed class ConnectionsTests
{
    static readonly ConnectionLimits Few = new() { Most = 40, Silence = TimeSpan.FromSeconds(60) };

    static string Get(string path, string? token) =>
        $"GET {path} HTTP/1.1\r\nHost: localhost\r\n{(token is null ? "" : $"Authorization: Bearer {token}\r\n")}\r\n";

    [Fact]
    public async Task Strangers_lock_nobody_out()
    {
        await using var town = await Town.Found(options: new() { Connections = Few });
        var known = new List<RawConnection>();
        var strangers = new List<RawConnection>();
        try
        {
            // Some who are known, before the flood.
            for (var i = 0; i < 8; i++)
            {
                var one = await RawConnection.To(town.Host.Address);
                known.Add(one);
                await one.Send(Get("/status", town.Founded.Token));
                Assert.Equal(200, (await one.Answer()).Status);
            }
            for (var i = 0; i < 300; i++)
            {
                var one = await RawConnection.To(town.Host.Address);
                strangers.Add(one);
                if (i % 3 == 1) await one.Send("GET /status HTTP/1.1\r\nHo");
                if (i % 3 == 2) await one.Send(Get("/status", "wrong"));
            }
            // They are still there, and new ones get in.
            foreach (var one in known)
            {
                await one.Send(Get("/status", town.Founded.Token));
                Assert.Equal(200, (await one.Answer()).Status);
            }
            for (var i = 0; i < 5; i++)
            {
                var one = await RawConnection.To(town.Host.Address);
                known.Add(one);
                await one.Send(Get("/status", town.Founded.Token));
                Assert.Equal(200, (await one.Answer()).Status);
            }
            // All strangers but as many as may stay are gone.
            var seen = await Task.WhenAll(strangers.Select(s => s.Closed(TimeSpan.FromSeconds(20))));
            Assert.InRange(seen.Count(closed => closed), 300 - Few.Strangers, 300);
        }
        finally
        {
            foreach (var one in known.Concat(strangers)) one.Dispose();
        }
    }

    [Fact]
    public async Task Silence_is_borne_with_for_a_while()
    {
        await using var town = await Town.Found(
            options: new() { Connections = new() { Most = 40, Silence = TimeSpan.FromSeconds(1) } });
        using var silent = await RawConnection.To(town.Host.Address);
        using var slow = await RawConnection.To(town.Host.Address);
        await slow.Send("GET /status HTT");
        using var known = await RawConnection.To(town.Host.Address);
        await known.Send(Get("/status", town.Founded.Token));
        Assert.Equal(200, (await known.Answer()).Status);
        Assert.True(await silent.Closed(TimeSpan.FromSeconds(30)));
        Assert.True(await slow.Closed(TimeSpan.FromSeconds(30)));
        // Who was recognised may be silent between two requests.
        await known.Send(Get("/status", town.Founded.Token));
        Assert.Equal(200, (await known.Answer()).Status);
    }

    /// <summary>
    /// All doors are taken by the known: the next waits for one of them to leave, and nobody is thrown out.
    /// </summary>
    [Fact]
    public async Task Where_all_are_known_the_next_waits()
    {
        await using var town = await Town.Found(
            options: new() { Connections = new() { Most = 16, Silence = TimeSpan.FromSeconds(60) } });
        var known = new List<RawConnection>();
        try
        {
            for (var i = 0; i < 16; i++)
            {
                var one = await RawConnection.To(town.Host.Address);
                known.Add(one);
                await one.Send(Get("/status", town.Founded.Token));
                Assert.Equal(200, (await one.Answer()).Status);
            }
            using var next = await RawConnection.To(town.Host.Address);
            await next.Send(Get("/status", town.Founded.Token));
            var answer = next.Answer();
            await Task.Delay(300);
            Assert.False(answer.IsCompleted);
            // It is said.
            await known[1].Send(Get("/witnesses", town.Founded.Token));
            var page = CanonicalJson.Parse(Encoding.UTF8.GetBytes((await known[1].Answer()).Body), 1 << 20);
            var fault = page["faults"].AsArray.Single();
            Assert.Equal("descriptors", fault["code"].AsString);
            Assert.StartsWith("16 connections are open, all of known clients", fault["message"].AsString,
                StringComparison.Ordinal);
            known[0].Dispose();
            Assert.Equal(200, (await answer).Status);
            foreach (var one in known.Skip(1))
            {
                await one.Send(Get("/status", town.Founded.Token));
                Assert.Equal(200, (await one.Answer()).Status);
            }
        }
        finally
        {
            foreach (var one in known) one.Dispose();
        }
    }

    [Fact]
    public void As_many_as_descriptors_allow()
    {
        Assert.Equal(750, ConnectionLimits.Of(3000).Most);
        Assert.Equal(4096, ConnectionLimits.Of(1 << 20).Most);
        Assert.Equal((16, 12), ConnectionLimits.Of(20) is var few ? (few.Most, few.Strangers) : default);
    }
}
