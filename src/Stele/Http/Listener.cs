using System.Collections.Immutable;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Stele.Disk;

namespace Stele.Http;

/// <summary>What one web server of ours takes.</summary>
sealed record ListenerOptions
{
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>The port; 0 takes a free one.</summary>
    public required int Port { get; init; }

    /// <summary>
    /// The most bytes of a body that are read, and thrown away after a refusal, in bytes; an address may take more.
    /// </summary>
    public required long MaxBody { get; init; }

    public int MaxRequestLine { get; init; } = 8192;

    public int MaxHeaders { get; init; } = 32 * 1024;

    /// <summary>
    /// The names that may be asked for in addition to this machine's own (see <see cref="RequestTarget"/>); null: any.
    /// </summary>
    public ImmutableArray<string>? Hosts { get; init; } = [];

    /// <summary>How many connections are held; null: as the process's descriptors allow.</summary>
    public ConnectionLimits? Connections { get; init; }

    /// <summary>Told when there is no room for newcomers; null: nobody asks.</summary>
    public Shortage? Shortage { get; init; }

    /// <summary>How much the bodies that are being answered may take, in bytes.</summary>
    public long Bodies { get; init; } = DefaultBodies;

    /// <summary>Of that, those of one principal.</summary>
    public long BodiesOfOne { get; init; } = DefaultBodiesOfOne;

    public const long DefaultBodies = 256 << 20, DefaultBodiesOfOne = 64 << 20;

    /// <summary>
    /// How slowly a body may come and an answer be taken, in bytes a second, after a few seconds of grace.
    /// </summary>
    public double SlowestBody { get; init; } = 1024;

    public double SlowestAnswer { get; init; } = 4096;
}

/// <summary>
/// The one way to set up a web server: HTTP/1.1 over plain TCP, with caps on everything that a stranger could ask for.
/// A proxy in front of it speaks TLS.
/// </summary>
static class Listener
{
    /// <summary>A web server that is not started, and guards what is mapped into it.</summary>
    /// <param name="bug">Told of what nobody foresaw; for the operator's log.</param>
    public static WebApplication Build(ListenerOptions options, TimeProvider time, Action<string> bug,
        Action<IServiceCollection>? services = null)
    {
        // Empty: no configuration from the surroundings, no logging, nothing that we did not name.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseSockets(sockets =>
        {
            sockets.Backlog = 4096;
            // What is read of a body before anybody asks for it is in no budget; the web server's own bound is 1 MiB.
            sockets.MaxReadBufferSize = ReadAhead;
        }).ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(options.Address, options.Port, listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.Limits.MaxRequestBodySize = options.MaxBody;
            kestrel.Limits.MaxRequestLineSize = options.MaxRequestLine;
            kestrel.Limits.MaxRequestHeadersTotalSize = options.MaxHeaders;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(2);
            kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(options.SlowestBody, Grace);
            kestrel.Limits.MinResponseDataRate = new MinDataRate(options.SlowestAnswer, Grace);
        });
        Embedded.In(builder.Services);
        builder.Services.AddSingleton(new BodyBudget(options.Bodies, options.BodiesOfOne));
        builder.Services.AddSingleton(provider => new Connections(
            new SocketTransportFactory(provider.GetRequiredService<IOptions<SocketTransportOptions>>(),
                provider.GetRequiredService<ILoggerFactory>()),
            options.Connections ?? ConnectionLimits.OfProcess, provider.GetRequiredService<BodyBudget>(),
            options.Shortage ?? new Shortage(time), time));
        builder.Services.Replace(ServiceDescriptor.Singleton<IConnectionListenerFactory>(p =>
            p.GetRequiredService<Connections>()));
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(o => o.ShutdownTimeout = Grace);
        services?.Invoke(builder.Services);
        var web = builder.Build();
        web.Use((http, next) => Answers.Guard(http, () =>
        {
            http.Features.Get<Visitor>()?.Asks();
            if (options.Hosts is { } hosts) RequestTarget.CheckHost(http, hosts);
            RequestTarget.CheckPath(http);
            return next(http);
        }, e => bug($"{http.Request.Method} {http.Request.Path}: {e}")));
        return web;
    }

    /// <summary>Where it listens, with the port that was taken.</summary>
    public static Uri AddressOf(WebApplication web) =>
        new(web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()
            + "/");

    /// <summary>Bytes of one connection.</summary>
    const int ReadAhead = 128 * 1024;

    static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);
}
