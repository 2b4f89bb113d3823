using System.Text;
using Stele.Proof;
using Stele.Proof.Interchange;

namespace Stele.Tests.Interchange;

/// <summary>
/// Every bundle of sigstore-conformance, one by one: those whose folder ends in _fail are refused, all others accepted.
/// A case brings its key or its trusted root; the others mean the public instance, whose root stands in the suite too:
/// one case has it with nothing changed but the end of one log's validity, which is taken back here.
/// </summary>
public sealed class SigstoreConformanceTests(ITestOutputHelper output)
{
    const string ProductionRoot = "trust-root-tlog-validity-end-inclusive";

    /// <summary>
    /// What must be the reason, where the name of the case says it: a refusal for anything else would hide a hole.
    /// </summary>
    static readonly Dictionary<string, Fault[]> Reasons = new(StringComparer.Ordinal)
    {
        ["bundle-empty-certificate-chain_fail"] = [Fault.Malformed],
        ["bundle-from-wrong-instance_fail"] = [Fault.Log, Fault.Certificate],
        ["bundle-invalid-base64-signature_fail"] = [Fault.Malformed],
        ["bundle-malformed-json_fail"] = [Fault.Malformed],
        ["bundle-negative-log-index_fail"] = [Fault.Malformed],
        ["bundle-unknown-version_fail"] = [Fault.Malformed],
        ["bundle-with-root-cert_fail"] = [Fault.Certificate],
        ["checkpoint-bad-keyhint_fail"] = [Fault.Log],
        ["checkpoint-wrong-roothash_fail"] = [Fault.Log],
        ["dsse-invalid-sig_fail"] = [Fault.LogEntry, Fault.Signature],
        ["dsse-mismatch-envelope_fail"] = [Fault.LogEntry],
        ["dsse-mismatch-sig_fail"] = [Fault.LogEntry],
        ["inclusion-proof-corrupted-hash_fail"] = [Fault.Log],
        ["incorrect-public-key_fail"] = [Fault.Log, Fault.LogEntry],
        ["integrated-time-in-future_fail"] = [Fault.Certificate, Fault.Log],
        ["intoto-expired-certificate_fail"] = [Fault.Certificate],
        ["intoto-log-entry-mismatch_fail"] = [Fault.LogEntry],
        ["intoto-missing-inclusion-proof_fail"] = [Fault.Log],
        ["intoto-set-outside-signing-cert-validity_fail"] = [Fault.Certificate],
        ["intoto-tsa-timestamp-outside-cert-validity_fail"] = [Fault.Certificate, Fault.Timestamp],
        ["invalid-checkpoint-signature_fail"] = [Fault.Log],
        ["invalid-ct-key_fail"] = [Fault.CertificateLog],
        ["invalid-inclusion-proof_fail"] = [Fault.Log],
        ["managed-key-no-key_fail"] = [Fault.NoTrust],
        ["message-digest-mismatch_fail"] = [Fault.Artifact, Fault.LogEntry],
        ["rekor2-checkpoint-missing-log-signature_fail"] = [Fault.Log],
        ["rekor2-checkpoint-missing-origin_fail"] = [Fault.Log],
        ["rekor2-checkpoint-missing-root-hash_fail"] = [Fault.Log],
        ["rekor2-checkpoint-missing-size_fail"] = [Fault.Log],
        ["rekor2-checkpoint-no-matching-signature_fail"] = [Fault.Log],
        ["rekor2-dsse-invalid-sig_fail"] = [Fault.LogEntry, Fault.Signature],
        ["rekor2-dsse-mismatch-envelope_fail"] = [Fault.LogEntry],
        ["rekor2-dsse-mismatch-sig_fail"] = [Fault.LogEntry],
        ["rekor2-no-inclusion-proof_fail"] = [Fault.Log],
        ["rekor2-no-timestamp_fail"] = [Fault.Timestamp],
        ["rekor2-timestamp-outside-trust-root-tsa-validity_fail"] = [Fault.Timestamp],
        ["rekor2-timestamp-outside-tsa-cert-validity_fail"] = [Fault.Timestamp],
        ["rekor2-timestamp-payload-mismatch_fail"] = [Fault.Timestamp],
        ["rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail"] = [Fault.Timestamp],
        ["rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail"] = [Fault.Timestamp],
        ["rekor2-timestamp-with-incorrect-time_fail"] = [Fault.Certificate],
        ["set-invalid-signature_fail"] = [Fault.Log],
        ["signature-mismatch_fail"] = [Fault.LogEntry, Fault.Signature],
        ["trust-root-tlog-missing-validity-start_fail"] = [Fault.Log],
        ["wrong-hashedrekord-artifact_fail"] = [Fault.LogEntry],
        ["wrong-hashedrekord-cert-and-sig_fail"] = [Fault.LogEntry],
        ["wrong-hashedrekord-entry_fail"] = [Fault.LogEntry],
        ["wrong-material_fail"] = [Fault.Artifact, Fault.Signature, Fault.LogEntry],
    };

    [Fact]
    public void Every_bundle_is_judged_as_the_suite_says()
    {
        var suite = Path.Combine(Vectors.Dir("sigstore-conformance"), "bundle-verify");
        List<string> cases = [.. Directory.GetDirectories(suite).Order(StringComparer.Ordinal)];
        Assert.True(cases.Count >= 70, $"the suite has 70 cases; {cases.Count} are here");
        var wrong = new List<string>();
        foreach (var folder in cases)
        {
            var name = Path.GetFileName(folder);
            var (terms, trust) = Terms(suite, folder);
            if (terms is null)
            {
                // The key of this one is no point of its curve: refused before there is anything to hold the bundle to.
                Assert.Equal("managed-key-wrong-key_fail", name);
                output.WriteLine($"ok    {name,-62} {trust,-17} refused: the key can't be read");
                continue;
            }
            var verification = BundleVerifier.Verify(File.ReadAllBytes(Path.Combine(folder, "bundle.sigstore.json")),
                terms);
            var right = verification.Accepted != name.EndsWith("_fail", StringComparison.Ordinal)
                && (verification.Accepted
                    || Reasons.TryGetValue(name, out var reasons) && reasons.Contains(verification.Fault));
            var line =
                $"{(right ? "ok   " : "WRONG")} {name,-62} {trust,-17} {(verification.Accepted ? "accepted" : $"refused: {Verification.NameOf(verification.Fault)}: {verification.Message}")}";
            output.WriteLine(line);
            if (!right) wrong.Add(line);
        }
        output.WriteLine($"{cases.Count} cases, {wrong.Count} wrong, none left out");
        Assert.Empty(wrong);
    }

    /// <summary>
    /// What an accepted bundle promises stands on every byte of it that is signed: one changed anywhere refuses it.
    /// </summary>
    [Theory]
    [InlineData("rekor2-happy-path")]
    [InlineData("managed-key-and-trusted-root")]
    [InlineData("rekor2-dsse-happy-path")]
    public void One_changed_base64_digit_anywhere_refuses_it(string name)
    {
        var suite = Path.Combine(Vectors.Dir("sigstore-conformance"), "bundle-verify");
        var (terms, _) = Terms(suite, Path.Combine(suite, name));
        var text = File.ReadAllText(Path.Combine(suite, name, "bundle.sigstore.json"));
        Assert.True(BundleVerifier.Verify(Encoding.UTF8.GetBytes(text), terms!).Accepted);
        foreach (var member in new[] { "\"signature\"", "\"sig\"", "\"payload\"", "\"digest\"", "\"rootHash\"",
            "\"canonicalizedBody\"", "\"keyId\"", "\"rawBytes\"", "\"signedEntryTimestamp\"" })
        {
            var at = text.IndexOf(member, StringComparison.Ordinal);
            if (at < 0) continue;
            var value = text.IndexOf('"', text.IndexOf(':', at)) + 1;
            var end = text.IndexOf('"', value);
            for (var i = value; i < end - 4; i += Math.Max(1, (end - value) / 40))
            {
                var changed = text[..i] + (text[i] == 'A' ? 'B' : 'A') + text[(i + 1)..];
                var verification = BundleVerifier.Verify(Encoding.UTF8.GetBytes(changed), terms!);
                Assert.False(verification.Accepted, $"{member} at {i - value}");
            }
        }
    }

    static (BundleTerms?, string) Terms(string suite, string folder)
    {
        string? Text(string file) =>
            File.Exists(Path.Combine(folder, file)) ? File.ReadAllText(Path.Combine(folder, file)) : null;
        var (key, root) = (Text("key.pub"), Text("trusted_root.json"));
        var artifact = Path.Combine(folder, "artifact");
        using var stream = File.OpenRead(File.Exists(artifact) ? artifact : Path.Combine(suite, "a.txt"));
        var production = root is null ? Production(suite) : TrustedRoot.Parse(Encoding.UTF8.GetBytes(root));
        ForeignKey? given = null;
        try
        {
            if (key is not null) given = ForeignKey.FromPem(key);
        }
        catch (FormatException)
        {
            return (null, "key");
        }
        return (new BundleTerms(given, production, Text("identity")?.Trim(), Text("issuer")?.Trim(),
            ArtifactDigests.Of(stream)),
            $"{(key is null ? "" : "key, ")}{(root is null ? "public root" : "its own root")}");
    }

    public static TrustedRoot PublicRoot() =>
        Production(Path.Combine(Vectors.Dir("sigstore-conformance"), "bundle-verify"));

    /// <summary>
    /// The public instance's trusted root: the one of the case that changed one validity's end, with that end taken
    /// back.
    /// </summary>
    static TrustedRoot Production(string suite)
    {
        var json = CanonicalJson.Parse(File.ReadAllBytes(Path.Combine(suite, ProductionRoot, "trusted_root.json")),
            TrustedRoot.MaxBytes);
        var logs = json["tlogs"].AsArray.Select(log =>
        {
            var key = log["publicKey"];
            return log.With("publicKey", key.With("validFor", key["validFor"].With("end", Json.Null)));
        });
        return TrustedRoot.Parse(json.With("tlogs", Json.Array(logs)).ToBytes());
    }
}
