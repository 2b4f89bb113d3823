using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Stele.Tests.Samples;

/// <summary>The compiled service, over its socket.</summary>
public sealed class MortgageServiceTests(MortgagePipeline pipeline)
{
    const string Good = """
        {"pirat":0.22,"hirat":0.22,"lvrat":0.8,"chist":"5","mhist":"2","phist":"no","unemp":3.9,"selfemp":"no","insurance":"no","condomin":"no","afam":"no","single":"no","hschool":"yes"}
        """;

    [Fact]
    public async Task An_application_gets_a_decision_that_fits_its_probability()
    {
        using var service = new MortgageService(pipeline, pipeline.Output("train-v1", "model.json"));
        var (status, body) = await service.Predict(Good);
        Assert.Equal(200, status);
        Assert.Equal(["decision", "model", "probability", "threshold"], body.EnumerateObject().Select(p => p.Name));
        Assert.Equal("approve", body.GetProperty("decision").GetString());
        Assert.InRange(body.GetProperty("probability").GetDouble(), 0.01, 0.25);
        Assert.Equal(0.25, body.GetProperty("threshold").GetDouble());
        var model = "sha256:" + Convert.ToHexStringLower(
            System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(pipeline.Output("train-v1", "model.json"))));
        Assert.Equal(model, body.GetProperty("model").GetString());
        (_, body) = await service.Predict(With("insurance", "yes"));
        Assert.Equal("deny", body.GetProperty("decision").GetString());
    }

    [Fact]
    public async Task Race_moves_v1_and_cannot_move_v2()
    {
        using (var v1 = new MortgageService(pipeline, pipeline.Output("train-v1", "model.json")))
        {
            Assert.True((await Denial(v1, With("afam", "yes"))) > await Denial(v1, Good));
            var (status, body) = await v1.Predict(Without("afam"));
            Assert.Equal((400, "afam", "is missing"),
                (status, body.GetProperty("field").GetString(), body.GetProperty("error").GetString()));
        }

        using var v2 = new MortgageService(pipeline, pipeline.Output("train-v2", "model.json"));
        Assert.Equal(await Denial(v2, With("afam", "yes")), await Denial(v2, Good));
        Assert.Equal(await Denial(v2, Without("afam")), await Denial(v2, Good));
        Assert.Equal(400, (await v2.Predict(With("afam", "maybe"))).Status);
    }

    [Fact]
    public async Task Bad_input_is_refused_by_the_name_of_the_field()
    {
        using var service = new MortgageService(pipeline, pipeline.Output("train-v1", "model.json"));
        JsonObject whole = JsonNode.Parse(Good)!.AsObject();
        foreach (var (name, value) in whole.ToArray())
        {
            await Refused(service, Without(name), name, "is missing");
            await Refused(service, With(name, null), name, "must be");
            await Refused(service, With(name, "7"), name, "must be");
            await Refused(service, With(name, -1), name, "must be");
            await Refused(service, With(name, new JsonArray(value!.DeepClone())), name, "must be");
            await Refused(service, With(name, true), name, "must be");
            await Refused(service, Good.Trim()[..^1] + $",\"{name}\":{value.ToJsonString()}}}", name, "stands twice");
        }

        foreach (var number in new[] { "1e400", "11", "10.0001", "-0.1", "\"0.3\"", "\"NaN\"" })
        {
            await Refused(service, Good.Replace("\"pirat\":0.22", $"\"pirat\":{number}", StringComparison.Ordinal),
                "pirat", "must be");
        }

        await Refused(service, With("chist", "0"), "chist", "must be");
        await Refused(service, With("chist", "/"), "chist", "must be");
        await Refused(service, With("mhist", "5"), "mhist", "must be");
        await Refused(service, With("deny", "no"), "deny", "unknown field");
        await Refused(service, With("Pirat", 0.2), "Pirat", "unknown field");
        await Refused(service, With("x\"\\\u0001é", 1), "x\"\\\u0001é", "unknown field");
        foreach (var body in new[] { "", "{", "[]", "1", "null", "\"x\"", "{\"pirat\":NaN}", Good + "x",
            "{\"\\ud800\":1}", "{\"chist\":\"\\ud800\"}", "{/**/}" })
        {
            var (status, answer) = await service.Predict(body);
            Assert.Equal(400, status);
            Assert.NotEmpty(answer.GetProperty("error").GetString()!);
        }

        Assert.Equal(415, (await service.Predict(Good, "text/plain")).Status);
        Assert.Equal(413, (await service.Predict(Good + new string(' ', 5000))).Status);
        using var get = await service.Http.GetAsync(new Uri("predict", UriKind.Relative));
        Assert.Equal(405, (int)get.StatusCode);
        using var elsewhere = await service.Http.GetAsync(new Uri("elsewhere", UriKind.Relative));
        Assert.Equal(404, (int)elsewhere.StatusCode);

        Assert.Equal(200, (await service.Predict(Good)).Status);
    }

    [Fact]
    public void It_stops_when_told_and_starts_again_on_the_same_socket()
    {
        using var service = new MortgageService(pipeline, pipeline.Output("train-v1", "model.json"));
        using (var kill = Process.Start("kill",
            ["-TERM", service.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture)]))
        {
            kill.WaitForExit();
        }

        Assert.Equal(0, service.ExitCode());
    }

    [Theory]
    [InlineData("{}", "model:")]
    [InlineData("not json", "model:")]
    [InlineData(null, "not in the form")]
    public void A_model_that_the_trainer_did_not_write_does_not_start(string? text, string reason)
    {
        var folder = MortgagePipeline.NewFolder();
        try
        {
            var model = Path.Combine(folder, "model.json");
            File.WriteAllText(model, text ?? File.ReadAllText(pipeline.Output("train-v1", "model.json")) + "\n");
            var config = Path.Combine(MortgagePipeline.Sample, "config");
            var (code, answer) = MortgagePipeline.Start(MortgagePipeline.Dotnet,
                pipeline.Output("service", "service.dll"),
                "--socket", Path.Combine(folder, "s"), "--model", model, "--config",
                Path.Combine(config, "service.json"));
            Assert.Equal(1, code);
            Assert.Contains(reason, answer, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    static async Task<double> Denial(MortgageService service, string body)
    {
        var (status, answer) = await service.Predict(body);
        Assert.Equal(200, status);
        return answer.GetProperty("probability").GetDouble();
    }

    static async Task Refused(MortgageService service, string body, string field, string problem)
    {
        var (status, answer) = await service.Predict(body);
        Assert.True(status == 400, $"{body} was answered with {status}");
        Assert.Equal(field, answer.GetProperty("field").GetString());
        Assert.StartsWith(problem, answer.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    static string With(string name, JsonNode? value)
    {
        var whole = JsonNode.Parse(Good)!.AsObject();
        whole[name] = value;
        return whole.ToJsonString();
    }

    static string Without(string name)
    {
        var whole = JsonNode.Parse(Good)!.AsObject();
        whole.Remove(name);
        return whole.ToJsonString();
    }
}
