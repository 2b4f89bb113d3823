namespace Stele.Tests.Proof;

/// <summary>Every file of the transparency ecosystem's vectors, and the test that reads it. A file that is new or gone fails here, so that none is passed over in silence.</summary>
public sealed class VectorFilesTests(ITestOutputHelper output)
{
    static readonly (string Folder, string File, string[] Tests)[] Read =
    [
        ("c2sp-cctv", "ed25519/ed25519vectors.json", ["Ed25519Tests.C2spCctvUnderTheStrictRule"]),
        ("c2sp-cctv", "ml-dsa-accumulated.json", ["MlDsa44Tests.C2spCctvAccumulatedOver100Keys"]),
        ("c2sp-specs", "examples.json", ["NoteTests.C2spSpecsExamples", "SubtreesTests.C2spSpecsSignSubtreeExampleIsLayoutAlone"]),
        ("c2sp-specs", "det-keygen-ecdsa.json", ["EcdsaTests.C2spSpecsDetKeygenKeysAreReadAndVerifyWhatTheySign"]),
        ("c2sp-wycheproof", "ed25519_test.json", ["Ed25519Tests.C2spWycheproof"]),
        ("c2sp-wycheproof", "ecdsa_secp256r1_sha256_test.json", ["EcdsaTests.C2spWycheproofAcceptsExactlyTheValidLowSOnes", "EcdsaTests.C2spWycheproofKeysOfOthers"]),
        ("c2sp-wycheproof", "ecdsa_secp256r1_sha256_p1363_test.json", ["EcdsaTests.C2spWycheproofKeysOfOthers"]),
        ("c2sp-wycheproof", "ecdsa_secp384r1_sha384_test.json", ["EcdsaTests.C2spWycheproofKeysOfOthers"]),
        ("c2sp-wycheproof", "ecdsa_secp521r1_sha512_test.json", ["EcdsaTests.C2spWycheproofKeysOfOthers"]),
        ("c2sp-wycheproof", "mldsa_44_verify_test.json", ["MlDsa44Tests.C2spWycheproofVerify"]),
        ("c2sp-wycheproof", "mldsa_44_sign_seed_test.json", ["MlDsa44Tests.C2spWycheproofSignSeed"]),
        ("golang-mod-sumdb", "signed-note.json", ["NoteTests.GolangModSumdbOpenCases", "NoteTests.GolangModSumdbMalformedNotesAndKeys"]),
        ("golang-mod-sumdb", "tlog.json", ["NoteTests.GolangModSumdbTreeNotes", "NoteTests.GolangModSumdbMalformedNotesAndKeys"]),
        ("torchwood-witness", "add-checkpoint-ed25519.json", ["NoteTests.TorchwoodWitnessCheckpoints"]),
        ("torchwood-witness", "add-checkpoint-mldsa44.json", ["MlDsa44Tests.TorchwoodWitnessCheckpoint"]),
        ("transparency-formats", "tlog-proof.json", ["TlogProofTests.TransparencyFormatsProofs"]),
        ("transparency-formats", "vkeys-and-policies.json", ["NoteTests.TransparencyFormatsKeys", "WitnessPolicyTests.TransparencyFormatsPolicies"]),
        ("transparency-dev-merkle", "rfc6962-tree-constants.json", ["ProofsTests.TransparencyDevMerkleClassicTreeConstants"]),
        ("transparency-dev-merkle", "inclusion/", ["ProofsTests.TransparencyDevMerkleInclusionAndConsistencyProbes"]),
        ("transparency-dev-merkle", "consistency/", ["ProofsTests.TransparencyDevMerkleInclusionAndConsistencyProbes"]),
        ("transparency-dev-merkle", "subtreeinclusion/", ["SubtreesTests.TransparencyDevMerkleProbes"]),
        ("transparency-dev-merkle", "subtreeconsistency/", ["SubtreesTests.TransparencyDevMerkleProbes"]),
        ("tessera-testdata", "keys.json", ["TileTests.TesseraTestdataLog"]),
        ("tessera-testdata", "log/", ["TileTests.TesseraTestdataLog"]),
    ];

    [Fact]
    public void EveryFileIsReadByATest()
    {
        foreach (var folder in Read.GroupBy(r => r.Folder))
        {
            var dir = Vectors.Dir(folder.Key);
            var files = Directory.GetFiles(dir, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(dir, f).Replace('\\', '/')).Where(f => f != "SOURCE.txt").ToArray();
            Assert.NotEmpty(files);
            foreach (var file in files) Assert.True(folder.Any(r => Is(r.File, file)), $"no test reads {folder.Key}/{file}");
            foreach (var (_, file, _) in folder) Assert.True(files.Any(f => Is(file, f)), $"{folder.Key}/{file} is gone");
            output.WriteLine($"{folder.Key}: {files.Length} files");
        }

        static bool Is(string listed, string file) => listed.EndsWith('/') ? file.StartsWith(listed, StringComparison.Ordinal) : file == listed;
    }

    [Fact]
    public void TheTestsExist()
    {
        foreach (var test in Read.SelectMany(r => r.Tests).Distinct())
        {
            var type = GetType().Assembly.GetType($"Stele.Tests.Proof.{test.Split('.')[0]}");
            Assert.True(type?.GetMethod(test.Split('.')[1]) is not null, test);
        }
    }
}
