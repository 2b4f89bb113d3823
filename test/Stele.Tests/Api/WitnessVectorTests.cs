using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Stele.Api;
using Stele.Ledger;
using Stele.Proof;

namespace Stele.Tests.Api;

/// <summary>
/// The requests and expected answers of another implementation (torchwood's litewitness) against our witness as it
/// really runs, over HTTP. One expectation can't be kept: litewitness at that commit answers 403 for an unknown log,
/// where every edition of tlog-witness asks for 404.
/// </summary>
public sealed class WitnessVectorTests
{
    static readonly CancellationToken Stop = CancellationToken.None;

    [Theory]
    [InlineData("main")]
    [InlineData("v1.0.0")]
    public async Task Litewitness_expectations_hold(string dialect)
    {
        var run = 0;
        foreach (var file in Vectors.Files("torchwood-witness", "*.json"))
        {
            using var vectors = JsonDocument.Parse(await File.ReadAllBytesAsync(file, Stop));
            var root = vectors.RootElement;
            var key = root.TryGetProperty("logVkey", out var vkey) ? VerifierKey.Parse(vkey.GetString()!)
                : new VerifierKey(root.GetProperty("origin").GetString()!, NoteKeyType.Ed25519,
                    Convert.FromHexString(root.GetProperty("logPublicKeyHex").GetString()!));
            using var scratch = new Scratch();
            using var witness = Witness.Open(scratch.At("witness"), "example.com/witness", [key], TimeProvider.System);
            await using var host = await WitnessHost.Start(witness, IPAddress.Loopback, 0, dialect == "main"
                ? WitnessDialect.Main : WitnessDialect.V1_0_0, TimeProvider.System, _ => { });
            using var http = new HttpClient { BaseAddress = host.Address };

            foreach (var step in root.TryGetProperty("steps", out var steps)
                ? [.. steps.EnumerateArray()]
                : new[] { root })
            {
                var request = step.TryGetProperty("request", out var r) ? r : step;
                using var answer = await http.PostAsync(request.GetProperty("path").GetString(),
                    new ByteArrayContent(Encoding.UTF8.GetBytes(request.GetProperty("body").GetString()!)), Stop);
                var body = await answer.Content.ReadAsStringAsync(Stop);
                var asserts = step.TryGetProperty("asserts", out var a)
                    ? a.EnumerateArray().Select(x => x.GetString()!).ToList()
                    : [];
                var unknown = asserts.Any(x => x.Contains("unknown log", StringComparison.Ordinal));
                Assert.True((int)answer.StatusCode == (unknown ? 404 : step.GetProperty("status").GetInt32()),
                    $"{Path.GetFileName(file)} step {run}: {answer.StatusCode}: {body}");
                foreach (var assert in asserts)
                {
                    var quoted = assert[(assert.IndexOf('"', StringComparison.Ordinal) + 1)..^1].Replace("\\n", "\n",
                        StringComparison.Ordinal);
                    if (assert.StartsWith("body contains", StringComparison.Ordinal))
                        Assert.Contains(quoted, body, StringComparison.Ordinal);
                    else if (assert.StartsWith("body ==", StringComparison.Ordinal)) Assert.Equal(quoted, body);
                    else Assert.Fail($"an expectation of a kind that is not known here: {assert}");
                }
                if (answer.StatusCode == HttpStatusCode.Conflict)
                {
                    Assert.Equal("text/x.tlog.size", answer.Content.Headers.ContentType!.ToString());
                    Assert.Equal(long.Parse(body.TrimEnd('\n'), CultureInfo.InvariantCulture)
                        .ToString(CultureInfo.InvariantCulture) + "\n", body);
                }
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    var note =
                        WitnessRequest.Parse(Encoding.UTF8.GetBytes(request.GetProperty("body").GetString()!)).Note;
                    Assert.Equal(NoteTrust.Verified, Note.Parse(note + body).Verify([.. witness.Keys], out _));
                }
                run++;
            }
        }
        Assert.Equal(10, run);
    }
}
