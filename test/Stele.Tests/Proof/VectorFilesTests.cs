namespace Stele.Tests.Proof;

/// <summary>
/// Every file of the transparency ecosystem's vectors, and the test that reads it. A file that is new or gone fails
/// here, so that none is passed over in silence.
/// </summary>
public sealed class VectorFilesTests(ITestOutputHelper output)
{
    static readonly (string Folder, string File, string[] Tests)[] Read =
    [
        ("c2sp-cctv", "ed25519/ed25519vectors.json", ["Ed25519Tests.C2sp_cctv_under_the_strict_rule"]),
        ("c2sp-cctv", "ml-dsa-accumulated.json", ["MlDsa44Tests.C2sp_cctv_accumulated_over_100_keys"]),
        ("c2sp-specs", "examples.json",
            ["NoteTests.C2sp_specs_examples", "SubtreesTests.C2sp_specs_sign_subtree_example_is_layout_alone"]),
        ("c2sp-specs", "det-keygen-ecdsa.json",
            ["EcdsaTests.C2sp_specs_det_keygen_keys_are_read_and_verify_what_they_sign"]),
        ("c2sp-wycheproof", "ed25519_test.json", ["Ed25519Tests.C2sp_wycheproof"]),
        ("c2sp-wycheproof", "ecdsa_secp256r1_sha256_test.json",
            ["EcdsaTests.C2sp_wycheproof_accepts_exactly_the_valid_low_s_ones",
                "EcdsaTests.C2sp_wycheproof_keys_of_others"]),
        ("c2sp-wycheproof", "ecdsa_secp256r1_sha256_p1363_test.json", ["EcdsaTests.C2sp_wycheproof_keys_of_others"]),
        ("c2sp-wycheproof", "ecdsa_secp384r1_sha384_test.json", ["EcdsaTests.C2sp_wycheproof_keys_of_others"]),
        ("c2sp-wycheproof", "ecdsa_secp521r1_sha512_test.json", ["EcdsaTests.C2sp_wycheproof_keys_of_others"]),
        ("c2sp-wycheproof", "mldsa_44_verify_test.json", ["MlDsa44Tests.C2sp_wycheproof_verify"]),
        ("c2sp-wycheproof", "mldsa_44_sign_seed_test.json", ["MlDsa44Tests.C2sp_wycheproof_sign_seed"]),
        ("golang-mod-sumdb", "signed-note.json",
            ["NoteTests.Golang_mod_sumdb_open_cases", "NoteTests.Golang_mod_sumdb_malformed_notes_and_keys"]),
        ("golang-mod-sumdb", "tlog.json",
            ["NoteTests.Golang_mod_sumdb_tree_notes", "NoteTests.Golang_mod_sumdb_malformed_notes_and_keys"]),
        ("torchwood-witness", "add-checkpoint-ed25519.json", ["NoteTests.Torchwood_witness_checkpoints"]),
        ("torchwood-witness", "add-checkpoint-mldsa44.json", ["MlDsa44Tests.Torchwood_witness_checkpoint"]),
        ("transparency-formats", "tlog-proof.json", ["TlogProofTests.Transparency_formats_proofs"]),
        ("transparency-formats", "vkeys-and-policies.json",
            ["NoteTests.Transparency_formats_keys", "WitnessPolicyTests.Transparency_formats_policies"]),
        ("transparency-dev-merkle", "rfc6962-tree-constants.json",
            ["ProofsTests.Transparency_dev_merkle_classic_tree_constants"]),
        ("transparency-dev-merkle", "inclusion/",
            ["ProofsTests.Transparency_dev_merkle_inclusion_and_consistency_probes"]),
        ("transparency-dev-merkle", "consistency/",
            ["ProofsTests.Transparency_dev_merkle_inclusion_and_consistency_probes"]),
        ("transparency-dev-merkle", "subtreeinclusion/", ["SubtreesTests.Transparency_dev_merkle_probes"]),
        ("transparency-dev-merkle", "subtreeconsistency/", ["SubtreesTests.Transparency_dev_merkle_probes"]),
        ("tessera-testdata", "keys.json", ["TileTests.Tessera_testdata_log"]),
        ("tessera-testdata", "log/", ["TileTests.Tessera_testdata_log"]),
    ];

    [Fact]
    public void Every_file_is_read_by_a_test()
    {
        foreach (var folder in Read.GroupBy(r => r.Folder))
        {
            var dir = Vectors.Dir(folder.Key);
            var files = Directory.GetFiles(dir, "*", SearchOption.AllDirectories)
                .Select(f => Path.GetRelativePath(dir, f).Replace('\\', '/')).Where(f => f != "SOURCE.txt").ToArray();
            Assert.NotEmpty(files);
            foreach (var file in files)
                Assert.True(folder.Any(r => Is(r.File, file)), $"no test reads {folder.Key}/{file}");
            foreach (var (_, file, _) in folder) Assert.True(files.Any(f => Is(file, f)),
                $"{folder.Key}/{file} is gone");
            output.WriteLine($"{folder.Key}: {files.Length} files");
        }

        static bool Is(string listed, string file) =>
            listed.EndsWith('/') ? file.StartsWith(listed, StringComparison.Ordinal) : file == listed;
    }

    [Fact]
    public void The_tests_exist()
    {
        foreach (var test in Read.SelectMany(r => r.Tests).Distinct())
        {
            var type = GetType().Assembly.GetType($"Stele.Tests.Proof.{test.Split('.')[0]}");
            Assert.True(type?.GetMethod(test.Split('.')[1]) is not null, test);
        }
    }
}
