using Stele.Proof.Interchange;

namespace Stele.Verify;

static class ModelCommand
{
    public static readonly Command Command = new("model", "PATH", """
        A model is a folder, or one file, with an OpenSSF model signature. Its files must be exactly those that were signed: none
        changed, none missing, none added. They are read several at a time.
        """,
        [
            new("--signature", "FILE", "The signature; PATH/model.sig unless given."),
            Judged.Key,
            new("--certificate-chain", "FILE", """
                Certificates (PEM) each of which is trusted to give out the signer's. Such a signature does not say when
                it was made: the certificates are judged at the first moment at which all of them were valid.
                """),
            Judged.Root, Judged.Identity, Judged.Issuer,
            new("--ignore", "PATHS",
                "Paths in the model that need not be signed, separated by commas, each with all that is below it."),
            new("--allow-unsigned", null,
                "Files may lie there that were not signed; those that were are still all demanded."),
            Verify.Command.Json,
        ], Run);

    static int Run(Call call)
    {
        var signature = call.Value("--signature") ?? Path.Combine(call.File, "model.sig");
        var terms = new ModelTerms(Judged.KeyOf(call), Judged.CertificatesOf(call, "--certificate-chain"),
            Judged.RootOf(call), call.Value("--identity"), call.Value("--issuer"),
            call.Value("--ignore")?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
            call.Value("--allow-unsigned") is not null);
        return call.Tell(ModelVerifier.Verify(Call.Read(signature, Bundle.MaxBytes), Files(call.File, signature), terms,
            Environment.ProcessorCount));
    }

    /// <summary>Every file of the model but its signature. Links are listed and not followed into folders.</summary>
    static List<ModelFile> Files(string path, string signature)
    {
        if (File.Exists(path))
            return [new(ModelStatement.OneFile, new FileInfo(path).Length, false, () => File.OpenRead(path))];
        var (root, own) = (Path.GetFullPath(path), Path.GetFullPath(signature));
        var files = new List<ModelFile>();
        var folders = new Stack<DirectoryInfo>([new DirectoryInfo(root)]);
        while (folders.TryPop(out var folder))
            foreach (var item in folder.EnumerateFileSystemInfos())
                if (item is DirectoryInfo { LinkTarget: null } below) folders.Push(below);
                else if (item.FullName != own)
                {
                    var (isLink, full) = (item.LinkTarget is not null, item.FullName);
                    files.Add(new(Path.GetRelativePath(root, full),
                        isLink ? (item.ResolveLinkTarget(true) as FileInfo)?.Length ?? 0 : ((FileInfo)item).Length,
                        isLink, () => File.OpenRead(full)));
                }
        return files;
    }
}
