using System.Diagnostics;
using System.Text;
using Stele.Proof;
using Stele.Proof.Interchange;
using Stele.Tests.Worlds;

namespace Stele.Tests.Interchange;

/// <summary>
/// Sigstore's own JavaScript client (npm @sigstore/verify, pinned beside this file) as a second judge of what is
/// exported. Skipped, with the reason, where node is missing or the packages can't be had.
/// </summary>
public sealed class SigstoreJsTests
{
    static readonly Lazy<string> Folder = new(Install);

    [Fact]
    public void It_accepts_every_statement_of_a_ledger_as_a_bundle_and_refuses_it_with_a_flipped_byte()
    {
        var folder = Folder.Value;
        using var scratch = new Scratch();
        var kinds = new HashSet<string>(StringComparer.Ordinal);
        foreach (var folded in Mortgage.Lived().World.Replay.Entries)
        {
            // One of each kind: starting node costs more than all of the judging.
            if (!kinds.Add(folded.Statement.GetType().Name) || kinds.Count > 6) continue;
            var signature = folded.Entry.Envelope.Signatures[0];
            var person = new[] { World.Owner, World.Owner2, World.Builder, World.Builder2, World.Evaluator,
                World.Approver, World.Approver2, World.Deployer, World.Node, World.Server,
                World.Monitor }.First(p => p.Key.Public.Id == signature.KeyId);
            var bundle = Bundle.OfStatement(folded.Entry.Envelope, signature).ToString();
            var key = scratch.File("key.pem",
                System.Security.Cryptography.PemEncoding.WriteString("PUBLIC KEY", person.Key.Public.Spki));
            Assert.Equal((0, "accepted\n"), Judge(folder, scratch.File("bundle.json", bundle), key));
            Assert.True(BundleVerifier.Verify(Encoding.UTF8.GetBytes(bundle),
                new BundleTerms(ForeignKey.Of(person.Key.Public))).Accepted);

            var at = bundle.IndexOf("\"payload\":\"", StringComparison.Ordinal) + 200;
            var (code, said) = Judge(folder,
                scratch.File("changed.json", bundle[..at] + (bundle[at] == 'A' ? 'B' : 'A') + bundle[(at + 1)..]), key);
            Assert.Equal(1, code);
            Assert.StartsWith("refused: SIGNATURE_ERROR", said, StringComparison.Ordinal);
        }
        Assert.True(kinds.Count > 5, $"{kinds.Count} kinds of statement");
    }

    [Fact]
    public void It_accepts_a_model_signature_of_ours()
    {
        using var scratch = new Scratch();
        using var key = PrivateKey.Create();
        var statement = ModelStatement.OfFiles("model", [new ModelResource("weights", "sha256", Digest.Of([1]).Hex)],
            []);
        var pem = scratch.File("key.pem",
            System.Security.Cryptography.PemEncoding.WriteString("PUBLIC KEY", key.Public.Spki));
        Assert.Equal((0, "accepted\n"),
            Judge(Folder.Value, scratch.File("model.sig", statement.Sign(key).ToString()), pem));
    }

    static (int Code, string Output) Judge(string folder, string bundle, string key) =>
        Run(folder, "node", "verify.mjs", bundle, key);

    /// <summary>The packages as the lock file pins them, under out/; what is there already is left.</summary>
    static string Install()
    {
        var (from, to) = (Path.Combine(Repository.Root, "test", "Stele.Tests", "Interchange", "npm"),
            Path.Combine(Repository.Root, "out", "test", "sigstore-js"));
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)), overwrite: true);
        if (!(Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Any(d => File.Exists(Path.Combine(d, "npm")))) Assert.Skip("node and npm are not installed");
        if (File.Exists(Path.Combine(to, "node_modules", "@sigstore", "verify", "package.json"))) return to;
        var (code, output) = Run(to, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error",
            "--fetch-timeout=20000", "--fetch-retries=1");
        if (code != 0) Assert.Skip($"npm can't install the pinned packages: {output.Trim()}");
        return to;
    }

    static (int Code, string Output) Run(string folder, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true
        };
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromSeconds(120))
            || !Task.WaitAll([output, error], TimeSpan.FromSeconds(120)))
        {
            process.Kill(entireProcessTree: true);
            return (-1, $"{program} did not end in time");
        }
        return (process.ExitCode, process.ExitCode == 0 || output.Result.Length > 0 ? output.Result : error.Result);
    }
}
