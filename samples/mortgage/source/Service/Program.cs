using System;
using System.Globalization;
using System.IO;
using System.Security.Cryptography;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Mortgage.Model;

namespace Mortgage.Service;

/// <summary>
/// service --socket PATH --model model.json --config service.json
/// Answers on a Unix socket: POST /predict decides one application, GET /health says that the model is loaded.
/// </summary>
internal static class Program
{
    private const int MaxBody = 4096;

    public static async Task<int> Main(string[] args)
    {
        try
        {
            var arguments = new Arguments(args, "socket", "model", "config");
            var modelJson = await File.ReadAllBytesAsync(arguments["model"]);
            var model = LogisticModel.Parse(modelJson);
            var modelDigest = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(modelJson));
            var settings = Settings.Parse(await File.ReadAllBytesAsync(arguments["config"]));
            await using var app = Build(arguments["socket"]);

            app.MapGet("/health",
                context => Answer(context, 200, $"{{\"model\":\"{modelDigest}\",\"status\":\"ok\"}}"));
            app.MapPost("/predict", context => Predict(context, model, modelDigest, settings));
            await app.RunAsync();
            return 0;
        }
        catch (Exception e)
            when (e is ArgumentException or InvalidDataException or IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync($"service: error: {e.Message}");
            return 1;
        }
    }

    /// <summary>
    /// Kestrel and routing, nothing else: no configuration from the environment, no logging, no reflection over
    /// handlers.
    /// </summary>
    private static WebApplication Build(string socket)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBody;
            kestrel.ListenUnixSocket(socket);
        });

        // A socket file outlives the process that bound it; a new process binds again.
        File.Delete(socket);
        return builder.Build();
    }

    private static async Task Predict(HttpContext context, LogisticModel model, string modelDigest, Settings settings)
    {
        if (!IsJson(context.Request.ContentType))
        {
            await Problem(context, 415, null, "Content-Type must be application/json");
            return;
        }

        using var body = new MemoryStream();
        try
        {
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        }
        catch (BadHttpRequestException e)
        {
            await Problem(context, e.StatusCode, null,
                e.StatusCode == 413 ? $"the body is larger than {MaxBody} bytes" : "the body is malformed");
            return;
        }

        var values = Application.Read(body.GetBuffer().AsMemory(0, (int)body.Length), model, out var field,
            out var problem);
        if (values == null)
        {
            await Problem(context, 400, field, problem);
            return;
        }

        // The rounded probability decides, so that nobody can read 0.25 in an answer and find it on the other side of
        // 0.25.
        var probability = JsonNumber.Round(model.Score(values));
        var decision = probability >= settings.Threshold ? "deny" : "approve";
        await Answer(context, 200,
            $"{{\"decision\":\"{decision}\",\"model\":\"{modelDigest}\",\"probability\":{JsonNumber.Format(probability)},\"threshold\":{JsonNumber.Format(settings.Threshold)}}}");
    }

    private static bool IsJson(string? contentType) =>
        string.Equals(contentType?.Split(';')[0].Trim(), "application/json", StringComparison.OrdinalIgnoreCase);

    private static Task Problem(HttpContext context, int status, string? field, string problem)
    {
        var where = field == null ? "" : $",\"field\":{Quote(field)}";
        return Answer(context, status, $"{{\"error\":{Quote(problem)}{where}}}");
    }

    /// <summary>Invariant: every answer is ASCII, so its characters are its bytes.</summary>
    private static Task Answer(HttpContext context, int status, string json)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = json.Length;
        return context.Response.WriteAsync(json, context.RequestAborted);
    }

    /// <summary>
    /// A JSON string; a field's name comes from the client, so everything but plain ASCII is escaped.
    /// </summary>
    private static string Quote(string text)
    {
        var json = new System.Text.StringBuilder("\"");
        foreach (var c in text)
        {
            json.Append(c is >= ' ' and <= '~' and not '"' and not '\\'
                ? c.ToString()
                : "\\u" + ((int)c).ToString("x4", CultureInfo.InvariantCulture));
        }

        return json.Append('"').ToString();
    }
}
