using Stele.Proof.Interchange;

namespace Stele.Verify;

static class BundleCommand
{
    public static readonly Command Command = new("bundle", "FILE", """
        A Sigstore bundle holds one signature, over a statement or over a file, with what it takes to verify it. One that was
        signed with a key is held to --key; one with a certificate to --trusted-root, at the time that a time stamp or a log
        vouches for. Nothing is asked of any network, store or clock.
        """,
        [
            Judged.Key, Judged.Root, Judged.Identity, Judged.Issuer,
            new("--artifact", "FILE",
                "What must have been signed: the file itself, or a subject of the signed statement."),
            Verify.Command.Json,
        ], Run);

    static int Run(Call call)
    {
        var (key, root) = (Judged.KeyOf(call), Judged.RootOf(call));
        ArtifactDigests? artifact = null;
        if (call.Value("--artifact") is { } path)
            using (var file = File.OpenRead(path)) artifact = ArtifactDigests.Of(file);
        return call.Tell(BundleVerifier.Verify(Call.Read(call.File, Bundle.MaxBytes),
            new BundleTerms(key, root, call.Value("--identity"), call.Value("--issuer"), artifact)));
    }
}
