using System.CommandLine;
using System.Text;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Interchange;

namespace Stele.Cli;

static class ModelVerb
{
    public static Verb Verb => Verb.Group("model", "sign a model so that others can verify it", """
        OpenSSF model signing (OMS v1.0): one signature over the digests of all of a model's files, in a file that travels with the model.
        Its verifiers need the public key and nothing of Stele; stele-verify model is one of them.
        """,
        new Verb("sign", "sign a model's files", """
            stele model sign PATH [--key NAME | --key-file PEM] [--certificate-chain PEM] [--ignore PATH]... [--out FILE]

            PATH is a folder, or one file. Every file in it is read, several at a time, and signed for; .git, .github, .gitignore and .gitattributes
            at its top are left out. A symbolic link is refused. Sign with one of your own keys, or with any ECDSA P-256 key in a file;
            with the certificates of that key, its own first, they go with the signature.
            """,
            [
                new Argument<string>("path"),
                new Option<string>("--key")
                {
                    HelpName = "NAME",
                    Description = "which of your own keys signs; the one that signs your statements unless given"
                },
                new Option<string>("--key-file")
                {
                    HelpName = "PEM",
                    Description = "a private key that is not in your home: ECDSA P-256, PKCS #8"
                },
                new Option<string>("--certificate-chain")
                {
                    HelpName = "PEM",
                    Description = "the key's certificate, then those of the authorities that lead to a root"
                },
                new Option<string[]>("--ignore")
                {
                    HelpName = "PATH",
                    Description =
                        "a path in the model that is left out, with all that is below it; the signature says so"
                },
                new Option<string>("--out")
                {
                    HelpName = "FILE",
                    Description =
                        "where the signature is written; PATH/model.sig for a folder, PATH.sig for a file, unless given"
                },
            ], Sign) { Needs = Verb.Nothing });

    static Task<int> Sign(Call call)
    {
        var path = System.IO.Path.GetFullPath(call.Need("path"));
        var isFolder = Directory.Exists(path);
        if (!isFolder && !File.Exists(path)) throw call.Wrong($"nothing is at {path}");
        var file = System.IO.Path.GetFullPath(call.Get<string>("--out")
            ?? (isFolder ? System.IO.Path.Combine(path, "model.sig") : path + ".sig"));
        if (call.Get<string>("--key") is not null && call.Get<string>("--key-file") is not null)
            throw call.Wrong("--key and --key-file name two keys");
        using var key = call.Get<string>("--key-file") is { } pem
            ? FromFile(call, pem)
            : Home.Open(call.HomePath).Key(call.Get<string>("--key"));
        var chain = call.Get<string>("--certificate-chain") is { } certificates ? Chain(call, certificates) : null;

        var ignored = (call.Get<string[]>("--ignore") ?? []).Select(i => i.Trim('/')).ToList();
        if (isFolder)
        {
            ignored.AddRange(ModelStatement.NeverSigned);
            var own = System.IO.Path.GetRelativePath(path, file);
            if (!own.StartsWith("..", StringComparison.Ordinal)) ignored.Add(own);
        }
        call.Terminal.Progress($"reading {path}");
        var files = isFolder
            ? Files(path, ignored)
            : [new ModelFile(ModelStatement.OneFile, new FileInfo(path).Length, false, () => File.OpenRead(path))];
        if (files.Count == 0)
            throw new CliError($"{path} holds no file to sign", "name the folder that the model's files are in");
        var statement = ModelStatement.OfFiles(System.IO.Path.GetFileName(path), ModelVerifier.Resources(files,
            Environment.ProcessorCount), isFolder ? ignored.Distinct(StringComparer.Ordinal) : []);
        Json bundle;
        try
        {
            bundle = chain is null ? statement.Sign(key) : statement.Sign(key, chain);
        }
        catch (FormatException e)
        {
            throw new CliError(e.Message, "the first certificate in the file is the one of the key that signs",
                CliError.Usage);
        }
        Disk.Files.Write(file, Encoding.UTF8.GetBytes(bundle + "\n"));
        call.Terminal.Result(Json.Object(("file", file), ("files", files.Count), ("bytes", files.Sum(f => f.Length)),
            ("digest", statement.Root), ("key", key.Public.Id)), () =>
        {
            call.Terminal.Line(
                $"{file}  {files.Count} {(files.Count == 1 ? "file" : "files")}, "
                + $"{Terminal.Size(files.Sum(f => f.Length))}  {statement.Root}");
            call.Terminal.Note(
                $"verify it: stele-verify model {path} --signature {file} "
                + $"{(chain is null ? "--key KEY" : "--certificate-chain ROOT")}");
        });
        return Task.FromResult(0);
    }

    static List<ModelFile> Files(string root, List<string> ignored)
    {
        var files = new List<ModelFile>();
        var folders = new Stack<DirectoryInfo>([new DirectoryInfo(root)]);
        while (folders.TryPop(out var folder))
            foreach (var item in folder.EnumerateFileSystemInfos())
            {
                var (path, full) = (System.IO.Path.GetRelativePath(root, item.FullName), item.FullName);
                if (ignored.Contains(path, StringComparer.Ordinal)) continue;
                if (item.LinkTarget is not null)
                    throw new CliError($"{item.FullName} is a symbolic link; what it leads to is no part of the model",
                        $"put the file itself there, or leave it out: --ignore {path}");
                if (item is DirectoryInfo below) folders.Push(below);
                else files.Add(new(path, ((FileInfo)item).Length, false, () => File.OpenRead(full)));
            }
        return files;
    }

    static PrivateKey FromFile(Call call, string file)
    {
        if (!File.Exists(file)) throw call.Wrong($"there is no file {file}");
        try
        {
            return PrivateKey.FromPem(File.ReadAllText(file));
        }
        catch (FormatException e)
        {
            throw new CliError($"{file}: {e.Message}",
                "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem", CliError.Usage);
        }
    }

    static List<Certificate> Chain(Call call, string file)
    {
        if (!File.Exists(file)) throw call.Wrong($"there is no file {file}");
        try
        {
            return Certificate.FromPem(File.ReadAllText(file));
        }
        catch (FormatException e)
        {
            throw new CliError($"{file}: {e.Message}",
                "a PEM file with -----BEGIN CERTIFICATE-----, the key's own first", CliError.Usage);
        }
    }
}
