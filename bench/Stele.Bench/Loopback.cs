using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Stele.Bench;

/// <summary>
/// What HTTP itself costs here: Kestrel that reads a body and answers with some bytes, and a client, in this one
/// process on the loopback interface.
/// </summary>
sealed class Loopback : IAsyncDisposable
{
    readonly WebApplication _web;

    Loopback(WebApplication web, Uri address) => (_web, Address) = (web, address);

    public Uri Address { get; }

    public static async Task<Loopback> Start(int answerBytes)
    {
        var answer = new byte[answerBytes];
        Array.Fill(answer, (byte)'x');
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var web = builder.Build();
        web.Run(async http =>
        {
            var buffer = new byte[16 * 1024];
            while (await http.Request.Body.ReadAsync(buffer) > 0) { }
            http.Response.ContentType = "application/json";
            http.Response.ContentLength = answer.Length;
            await http.Response.Body.WriteAsync(answer);
        });
        await web.StartAsync();
        return new Loopback(web,
            new Uri(web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses
                .Single() + "/"));
    }

    public static HttpClient Client(Uri address, string? token = null)
    {
        var http = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ActivityHeadersPropagator = null
        }) { BaseAddress = address };
        if (token is not null) http.DefaultRequestHeaders.Authorization = new("Bearer", token);
        return http;
    }

    /// <summary>Posts JSON and reads the whole answer.</summary>
    public static async Task<byte[]> Post(HttpClient http, string path, byte[] body, int expected)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new("application/json");
        using var answer = await http.PostAsync(new Uri(path, UriKind.Relative), content);
        var bytes = await answer.Content.ReadAsByteArrayAsync();
        return (int)answer.StatusCode == expected
            ? bytes
            : throw new InvalidOperationException(
                $"POST {path}: {(int)answer.StatusCode}: {System.Text.Encoding.UTF8.GetString(bytes)}");
    }

    public async ValueTask DisposeAsync()
    {
        await _web.StopAsync();
        await _web.DisposeAsync();
    }
}
