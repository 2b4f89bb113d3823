using System.Text;
using Stele.Proof;
using Stele.Proof.Interchange;

namespace Stele.Tests.Interchange;

/// <summary>
/// OpenSSF model signing: the specification's vectors, the reference implementation's own signatures and golden
/// statements, and ours.
/// </summary>
public sealed class ModelSigningTests(ITestOutputHelper output)
{
    static string Reference => Vectors.Dir("model-transparency");
    static ForeignKey Key =>
        ForeignKey.FromPem(System.IO.File.ReadAllText(Path.Combine(Reference, "keys", "signing-key-pub.pem")));
    static List<Certificate> Authority =>
        Certificate.FromPem(System.IO.File.ReadAllText(Path.Combine(Reference, "keys", "ca-cert.pem")));

    /// <summary>
    /// Every signature that released versions of the reference implementation made, over the models that they signed.
    /// </summary>
    [Fact]
    public void Every_signature_of_the_reference_implementation_is_judged()
    {
        var folders = Directory.GetDirectories(Reference, "v*").Order(StringComparer.Ordinal).ToList();
        Assert.True(folders.Count >= 13, $"{folders.Count} models");
        foreach (var folder in folders)
        {
            var name = Path.GetFileName(folder);
            var terms = new ModelTerms(Key, Authority, SigstoreConformanceTests.PublicRoot());
            // Versions before 1.1 did not write down what they ignored; anyone who verifies says it again.
            if (name.StartsWith("v1.0.1", StringComparison.Ordinal)) terms = terms with { Ignored = ["ignore-me"] };
            // signed as a model of one file, whose name is "."
            var oneFile = name is "v0.3.1-elliptic-key" or "v1.0.0-elliptic-key";
            var files = oneFile
                ? [new ModelFile(ModelStatement.OneFile, new FileInfo(Path.Combine(folder, "signme-1")).Length, false,
                    () => System.IO.File.OpenRead(Path.Combine(folder, "signme-1")))]
                : Files(folder);
            var signature = System.IO.File.ReadAllBytes(Path.Combine(folder, "model.sig"));
            var verification = ModelVerifier.Verify(signature, files, terms, 2);
            output.WriteLine(
                $"{name,-22} {(verification.Accepted ? "accepted" : $"refused: {Verification.NameOf(verification.Fault)}: {verification.Message}")}");
            if (name.StartsWith("v0.2.0", StringComparison.Ordinal))
            {
                Assert.Equal(Fault.Unsupported, verification.Fault);
                continue;
            }
            Assert.True(verification.Accepted, $"{name}: {verification.Message}");

            // Another key, a changed file, a missing one, one more: each is refused.
            using var other = PrivateKey.Create();
            Assert.Equal(Fault.Artifact, ModelVerifier.Verify(signature, Changed(files, 0), terms, 2).Fault);
            Assert.Equal(Fault.Artifact, ModelVerifier.Verify(signature,
                [.. files.Where(f => f.Path is not ("signme-1" or ModelStatement.OneFile))], terms, 2).Fault);
            List<ModelFile> more = [.. files, File("more", "x")];
            Assert.Equal(Fault.Artifact, ModelVerifier.Verify(signature, more, terms, 2).Fault);
            Assert.True(ModelVerifier.Verify(signature, more, terms with { AllowUnsigned = true }, 2).Accepted);
            if (name.EndsWith("-key", StringComparison.Ordinal))
                Assert.Equal(Fault.Signature,
                    ModelVerifier.Verify(signature, files, new ModelTerms(ForeignKey.Of(other.Public)), 2).Fault);
            if (name.EndsWith("-certificate", StringComparison.Ordinal))
                Assert.Equal(Fault.Certificate,
                    ModelVerifier.Verify(signature, files, new ModelTerms(null,
                        SigstoreConformanceTests.PublicRoot().CertificateAuthorities[0].Certificates), 2).Fault);
            if (name.EndsWith("-sigstore", StringComparison.Ordinal))
                Assert.Equal(Fault.Identity,
                    ModelVerifier.Verify(signature, files, terms with { Identity = "someone@else.test" }, 2).Fault);
            Assert.Equal(Fault.NoTrust, ModelVerifier.Verify(signature, files, new ModelTerms(), 2).Fault);
        }
    }

    /// <summary>The specification's bundles: three good ones, and each that is invalid.</summary>
    [Fact]
    public void Every_bundle_of_the_specification_is_judged()
    {
        var files = Vectors.Files("oms-spec", "*.bundle.json");
        Assert.Equal(8, files.Length);
        foreach (var file in files)
        {
            var kind = Path.GetFileName(Path.GetDirectoryName(file));
            var verification = Verification.Of(j => ModelVerifier.Signed(System.IO.File.ReadAllBytes(file),
                new ModelTerms(Key, Authority, SigstoreConformanceTests.PublicRoot()), j));
            output.WriteLine(
                $"{kind}/{Path.GetFileName(file),-50} {(verification.Accepted ? "accepted" : $"refused: {Verification.NameOf(verification.Fault)}: {verification.Message}")}");
            if (kind == "valid") Assert.True(verification.Accepted, $"{file}: {verification.Message}");
            else Assert.Equal(kind == "invalid" ? Fault.Malformed : Fault.Unsupported, verification.Fault);
        }
    }

    /// <summary>
    /// The golden statements: each is read, its root digest computed again, and the model it was made of accepted.
    /// </summary>
    [Fact]
    public void Every_golden_statement_is_read_and_its_model_found_to_be_the_one()
    {
        var golden = Vectors.Files("model-transparency", "*")
            .Where(f => f.Contains("/TestPayload/", StringComparison.Ordinal)).ToList();
        Assert.True(golden.Count >= 21, $"{golden.Count} statements");
        var models = Models();
        foreach (var file in golden)
        {
            var name = Path.GetFileName(file);
            var statement = ModelStatement.Parse(System.IO.File.ReadAllBytes(file));
            var model = models.Where(m => name.StartsWith(m.Key, StringComparison.Ordinal))
                .MaxBy(m => m.Key.Length).Value;
            using var key = PrivateKey.Create();
            var payload = System.IO.File.ReadAllBytes(file);
            var bundle = Bundle.Of(Json.Object(("publicKey", Json.Object(("hint", "")))), ModelStatement.PayloadType,
                payload, "", key.Sign(Envelope.PreAuth(ModelStatement.PayloadType, payload)), null, []).ToBytes();
            var verification = ModelVerifier.Verify(bundle, model, new ModelTerms(ForeignKey.Of(key.Public)), 2);
            output.WriteLine(
                $"{name,-50} {statement.Resources.Length,3} resources  {(verification.Accepted ? "accepted" : verification.Message)}");
            Assert.True(verification.Accepted, $"{name}: {verification.Message}");
            if (!statement.Shards)
            {
                Assert.Equal(statement.Root, ModelStatement.OfFiles("", ModelVerifier.Resources(model, 2), []).Root);
                Assert.Equal(statement.Resources.Select(r => (r.Name, r.Digest)), ModelStatement.OfFiles("",
                    ModelVerifier.Resources(model, 2), []).Resources.Select(r => (r.Name, r.Digest)));
            }
        }
    }

    [Fact]
    public void What_we_sign_is_accepted_and_every_flipped_bit_of_a_file_is_not()
    {
        using var key = PrivateKey.Create();
        var model = Models()["sample_model_folder"];
        var statement = ModelStatement.OfFiles("sample", ModelVerifier.Resources(model, 2), ModelStatement.NeverSigned);
        var bundle = statement.Sign(key).ToBytes();
        var terms = new ModelTerms(ForeignKey.Of(key.Public));
        Assert.True(ModelVerifier.Verify(bundle, model, terms, 2).Accepted);
        Assert.True(ModelVerifier.Verify(bundle, [.. model, File(".git/config", "x"), File(".gitignore", "x")], terms,
            2).Accepted);
        Assert.Equal(Fault.Artifact,
            ModelVerifier.Verify(bundle, [.. model, File("sub/.gitignore", "x")], terms, 2).Fault);
        Assert.Equal(Fault.Artifact,
            ModelVerifier.Verify(bundle, [.. model.Skip(1), model[0] with { IsLink = true }], terms, 2).Fault);
        for (var i = 0; i < model.Count; i++)
            Assert.Equal(Fault.Artifact, ModelVerifier.Verify(bundle, Changed(model, i), terms, 2).Fault);
        var text = Encoding.UTF8.GetString(bundle);
        foreach (var member in new[] { "\"payload\":\"", "\"sig\":\"" })
        {
            var from = text.IndexOf(member, StringComparison.Ordinal) + member.Length;
            for (var i = from; text[i] != '"'; i += 5)
            {
                var changed = text[..i] + (text[i] == 'A' ? 'B' : 'A') + text[(i + 1)..];
                Assert.False(ModelVerifier.Verify(Encoding.UTF8.GetBytes(changed), model, terms, 2).Accepted,
                    $"{member} {i - from}");
            }
        }
    }

    [Theory]
    [InlineData("../out")]
    [InlineData("/etc/passwd")]
    [InlineData("a//b")]
    [InlineData("a/./b")]
    [InlineData("a/../../b")]
    public void A_path_that_leads_out_is_refused(string path)
    {
        var statement = ModelStatement.OfFiles("m", [new ModelResource(path, "sha256", Digest.Of([]).Hex)], []);
        Assert.Throws<FormatException>(() => ModelStatement.Parse(statement.ToBytes()));
    }

    /// <summary>U+FF5E comes before U+1F600 by code point, and after it by UTF-16 unit.</summary>
    [Fact]
    public void Files_are_listed_by_code_point()
    {
        var statement = ModelStatement.OfFiles("m",
            new[] { "\U0001F600", "\uFF5E", "a" }.Select(n => new ModelResource(n, "sha256", Digest.Of([]).Hex)), []);
        Assert.Equal(["a", "\uFF5E", "\U0001F600"], statement.Resources.Select(r => r.Name));
    }

    static ModelFile File(string path, string content, bool link = false)
    {
        var bytes = Encoding.UTF8.GetBytes(content);
        return new(path, bytes.Length, link, () => new MemoryStream(bytes));
    }

    static List<ModelFile> Files(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(f => Path.GetFileName(f) != "model.sig").Select(f => new ModelFile(Path.GetRelativePath(folder, f),
                new FileInfo(f).Length, false, () => System.IO.File.OpenRead(f)))];

    /// <summary>The same files, with one bit of one of them changed.</summary>
    static List<ModelFile> Changed(IReadOnlyList<ModelFile> files, int index)
    {
        var list = files.ToList();
        var original = list.Where(f => f.Length > 0 && f.Path != "ignore-me").ElementAt(index);
        list[list.IndexOf(original)] = original with
        {
            Open = () =>
            {
                using var from = original.Open();
                var bytes = new MemoryStream();
                from.CopyTo(bytes);
                bytes.GetBuffer()[0] ^= 1;
                bytes.Position = 0;
                return bytes;
            },
        };
        return list;
    }

    /// <summary>
    /// The models that the golden statements are about, as the reference implementation's tests make them.
    /// </summary>
    static Dictionary<string, List<ModelFile>> Models()
    {
        const string known = "This is a simple model";
        return new(StringComparer.Ordinal)
        {
            ["sample_model_file"] = [File(".", known)],
            ["empty_model_file"] = [File(".", "")],
            ["empty_model_folder"] = [],
            ["model_folder_with_empty_file"] = [File("empty_file", "")],
            ["symlink_model_folder"] = [File("symlink_file", known, link: true)],
            ["sample_model_folder"] =
            [
                .. Enumerable.Range(0, 2).SelectMany(i =>
                    Enumerable.Range(0, 3).Select(j => File($"d{i}/f{i}{j}", $"This is file f{i}{j} in d{i}."))),
                .. Enumerable.Range(0, 4).Select(i => File($"f{i}", $"This is file f{i} in root.")),
            ],
            ["deep_model_folder"] =
                [.. Enumerable.Range(0, 4).Select(i => File($"d0/d1/d2/d3/d4/f{i}", $"This is file f{i}."))],
        };
    }
}
