using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Stele.Bench;

/// <summary>
/// The release of the gateway's bench: reads what it is sent and answers 1 KiB of JSON, on a Unix socket, as a program
/// of its own inside the sandbox.
/// </summary>
static class Upstream
{
    public const string Verb = "upstream";
    public const int AnswerBytes = 1024;

    public static async Task<int> Serve(string socket)
    {
        var answer = System.Text.Encoding.ASCII.GetBytes("\"" + new string('x', AnswerBytes - 2) + "\"");
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(socket));
        await using var web = builder.Build();
        web.Run(async http =>
        {
            var buffer = new byte[16 * 1024];
            while (await http.Request.Body.ReadAsync(buffer) > 0) { }
            http.Response.ContentType = "application/json";
            http.Response.ContentLength = answer.Length;
            await http.Response.Body.WriteAsync(answer);
        });
        await web.RunAsync();
        return 0;
    }
}
