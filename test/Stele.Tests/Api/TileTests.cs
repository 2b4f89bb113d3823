using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Stele.Api;
using Stele.Host;
using Stele.Ledger;
using Stele.Proof;
using Stele.Tests.Control;
using Stele.Tests.Ledger;

namespace Stele.Tests.Api;

/// <summary>The read API of C2SP tlog-tiles, as a client sees it that only knows the standard.</summary>
public sealed class TileTests
{
    static readonly CancellationToken Stop = CancellationToken.None;

    static HttpClient Client(Uri address, string? token = null)
    {
        var http = new HttpClient { BaseAddress = address };
        if (token is not null) http.DefaultRequestHeaders.Add("Authorization", "Bearer " + token);
        return http;
    }

    [Fact]
    public async Task A_server_gives_its_whole_ledger_by_tiles()
    {
        await using var town = await Town.Found();
        await town.Settle();
        foreach (var batch in Enumerable.Range(0, 270).Chunk(90))
            await Task.WhenAll(batch.Select(_ =>
                town.Admit(town.Member(Citizen.New(),
                    new Stele.Proof.Statements.Role(Stele.Proof.Statements.RoleName.Builder)), town.Owner)));
        using var http = Client(town.Host.Address, town.Founded.Token);
        var leaves = await new TileWalk(http, "").Run(town.Trust.Key);
        Assert.Equal(town.State.Size, leaves.Count);
        Assert.Equal(town.Trust.Genesis, Merkle.Leaf(leaves[0]));
        foreach (var path in (string[])["tile/0/000.p/0", "tile/0/000.p/256", "tile/0/0", "tile/0/x000/000",
            "tile/00/000", "tile/0/001.p/255", "tile/1/000.p/2", "tile/1/000", "tile/2/000.p/1", "tile/64/000",
            "tile/entries/002", "tile/-1/000", "tile/0/001"])
            Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(path, Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await http.PutAsync("tile/0/000", null, Stop)).StatusCode);
        using var nobody = Client(town.Host.Address);
        foreach (var path in (string[])["checkpoint", "tile/0/000"])
            Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.GetAsync(path, Stop)).StatusCode);
    }

    [Fact]
    public async Task A_server_may_show_its_ledger_to_anybody_and_nothing_else()
    {
        await using var town = await Town.Found(options: new ServerOptions { OpenLog = true });
        await town.Settle();
        using var nobody = Client(town.Host.Address);
        Assert.Equal(town.State.Size, (await new TileWalk(nobody, "").Run(town.Trust.Key)).Count);
        Assert.True((await nobody.GetAsync("tile/0/000.p/1", Stop)).Headers.CacheControl!.Public);
        foreach (var path in (string[])["status", "entries/0", "tile/../status", "checkpoint/", "blobs/x"])
            Assert.NotEqual(HttpStatusCode.OK, (await nobody.GetAsync(path, Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.PutAsync("tile/0/000", null, Stop)).StatusCode);
    }

    /// <summary>
    /// The standard's own example: 70,000 entries are 273 full tiles on level 0 and one of width 112; one full tile and
    /// one of 17 on level 1; one of 1 on level 2.
    /// </summary>
    [Fact]
    public async Task Seventy_thousand_entries_are_the_tiles_that_the_standard_says()
    {
        using var ledgers = new Ledgers();
        using var log = ledgers.Open("log");
        await Ledgers.Fill(log, 70_000);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        Embedded.In(builder.Services);
        await using var web = builder.Build();
        web.Run(async http =>
        {
            var path = http.Request.Path.Value!["/a/prefix/".Length..];
            if (path == "checkpoint") await LogPages.Checkpoint(http, log.Checkpoint);
            else if (!await LogPages.Tile(http, log, path, Audience.Anyone)) http.Response.StatusCode = 404;
        });
        await web.StartAsync(Stop);
        using var http = Client(new Uri(
            web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()));
        var walk = new TileWalk(http, "a/prefix/");
        var leaves = await walk.Run(ledgers.Signer.Key);
        Assert.Equal(Ledgers.Entry(69_999), leaves[^1]);
        Assert.Equal(1 + 2 * (274 + 274 + 2 + 1), walk.Fetched);
        foreach (var (path, there) in new[] { ("tile/0/273.p/112", true), ("tile/0/273.p/113", false),
            ("tile/0/272", true), ("tile/1/001.p/17", true), ("tile/1/001.p/18", false), ("tile/2/000.p/1", true),
            ("tile/2/000", false), ("tile/entries/273.p/112", true), ("tile/entries/274.p/1", false) })
            Assert.Equal(there ? HttpStatusCode.OK : HttpStatusCode.NotFound,
                (await http.GetAsync("a/prefix/" + path, Stop)).StatusCode);
        await web.StopAsync(Stop);
    }

    [Fact]
    public async Task Compression_is_for_those_who_take_it()
    {
        await using var town = await Town.Found();
        await town.Settle();
        using var http = Client(town.Host.Address, town.Founded.Token);
        foreach (var (offer, zipped) in new[] { ("gzip", true), ("identity, gzip;q=0.5", true), ("GZIP;q=1.0", true),
            ("gzip;q=0", false), ("gzip; q=0.0, identity", false), ("br", false), ("", false) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "tile/entries/000.p/2");
            if (offer.Length > 0) request.Headers.TryAddWithoutValidation("Accept-Encoding", offer);
            using var answer = await http.SendAsync(request, Stop);
            Assert.Equal(zipped, answer.Content.Headers.ContentEncoding.Contains("gzip"));
            Assert.Contains("Accept-Encoding", answer.Headers.Vary);
        }
    }
}
