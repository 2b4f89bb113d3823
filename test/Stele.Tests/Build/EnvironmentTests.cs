using System.Collections.Immutable;
using Stele.Blobs;
using Stele.Build;
using Stele.Runtime;

namespace Stele.Tests.Build;

public sealed class EnvironmentTests : IDisposable
{
    static readonly TimeSpan Long = TimeSpan.FromSeconds(120);

    static readonly ImmutableSortedDictionary<string, string> DotnetEnv =
        ImmutableSortedDictionary<string, string>.Empty
        .Add("DOTNET_EnableDiagnostics", "0").Add("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
        .Add("DOTNET_GCHeapHardLimit", "0x20000000");

    readonly Scratch _scratch = new();
    readonly BlobStore _blobs;

    public EnvironmentTests() => _blobs = new BlobStore(_scratch.At("blobs"));

    public void Dispose() => _scratch.Dispose();

    async Task<string> Root(EnvironmentClosure closure, string name = "root")
    {
        Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed: apt-get install bubblewrap");
        var made = await Materialise.Artifact(_blobs, await closure.Freeze(_blobs, new About(name)), _scratch.At(name));
        Assert.Equal(made.Tree.Digest, TreeDigest.Of(made.Directory).Digest);
        return made.Directory;
    }

    [Fact]
    public async Task The_closure_of_a_program_runs_in_a_root_made_of_it_alone()
    {
        var root = await Root(Recipes.Native("/usr/bin/env"));
        var ran = await new Sandbox(root,
            ["/usr/bin/env"]) { Env = ImmutableSortedDictionary<string, string>.Empty.Add("A", "B") }.Run(Long);
        Assert.True(ran.ExitCode == 0, ran.Errors);
        Assert.Contains("A=B\n", ran.Output, StringComparison.Ordinal);
        var files = TreeDigest.Of(root).Entries.Where(e => e.Type == EntryType.File).Select(e => e.Path).ToArray();
        Assert.Contains("usr/bin/env", files);
        Assert.Contains(files, f => f.Contains("ld-linux", StringComparison.Ordinal));
        Assert.Contains(files, f => f.EndsWith("libc.so.6", StringComparison.Ordinal));
        // the program, loader, libc, passwd and group: nothing else of this machine
        Assert.True(files.Length <= 8, string.Join(' ', files));
    }

    [Fact]
    public async Task Freezing_an_environment_twice_gives_one_digest() =>
        Assert.Equal(await Recipes.Native("/bin/ls").Freeze(_blobs, new About("ls")),
            await Recipes.Native("/bin/ls").Freeze(_blobs, new About("ls")));

    [Fact]
    public void The_libraries_found_are_those_the_loader_maps()
    {
        // The loader itself is the judge: what it lists for a program must all be in the closure.
        foreach (var program in new[] { "/bin/ls", "/usr/bin/git", "/usr/bin/openssl" }.Where(File.Exists))
        {
            using var ldd = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("ldd",
                [program]) { RedirectStandardOutput = true })!;
            var mapped = ldd.StandardOutput.ReadToEnd().Split('\n')
                .Select(l => l.Split("=>").Last().Trim().Split(' ')[0]).Where(l => l.StartsWith('/')).ToArray();
            Assert.NotEmpty(mapped);
            var closure = Recipes.Native(program);
            foreach (var library in mapped) Assert.True(closure.Resolves(library), $"{program} maps {library}");
        }
    }

    [Fact]
    public void A_program_whose_library_is_not_there_is_refused_by_name()
    {
        var broken = _scratch.At("broken");
        var bytes = File.ReadAllBytes("/bin/ls");
        var at = bytes.AsSpan().IndexOf("libc.so.6\0"u8);
        "libX.so.6"u8.CopyTo(bytes.AsSpan(at));
        File.WriteAllBytes(broken, bytes);
        File.SetUnixFileMode(broken, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Assert.Contains("libX.so.6", Assert.Throws<FileNotFoundException>(() => Recipes.Native(broken)).Message,
            StringComparison.Ordinal);
        Assert.Contains("no-such.so.9",
            Assert.Throws<FileNotFoundException>(() => Recipes.Native("/bin/ls").AddLibrary("no-such.so.9")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Every_truncation_of_an_ELF_file_is_told_from_a_whole_one()
    {
        var whole = File.ReadAllBytes("/bin/true");
        Assert.NotEmpty(ElfFile.Read("/bin/true")!.Needed);
        for (var length = 0; length < whole.Length; length += 997)
        {
            File.WriteAllBytes(_scratch.At("cut"), whole[..length]);
            try
            {
                if (ElfFile.Read(_scratch.At("cut")) is { } elf) Assert.NotNull(elf.Needed);
            }
            catch (FormatException) { }
        }
    }

    [Fact]
    public async Task Dotnet_compiles_and_runs_a_program_inside_its_own_closure()
    {
        var closure = Recipes.DotnetSdk();
        var root = await Root(closure, "dotnet-sdk");
        var places = Recipes.DotnetPlaces;

        var ran = await new Sandbox(root, ["dotnet", "--list-runtimes"]) { Env = DotnetEnv }.Run(Long);
        Assert.True(ran.ExitCode == 0, ran.Errors);
        Assert.Contains("Microsoft.NETCore.App 10.", ran.Output, StringComparison.Ordinal);
        Assert.Contains("Microsoft.AspNetCore.App 10.", ran.Output, StringComparison.Ordinal);

        // TLS, hashing and regular expressions: what loads native libraries at run time.
        _scratch.File("source/program.cs", """
            var hash = System.Convert.ToHexString(System.Security.Cryptography.SHA256.HashData("x"u8));
            using var key = System.Security.Cryptography.ECDsa.Create();
            System.Console.WriteLine($"{hash[..8]} {key.KeySize} {System.Globalization.CultureInfo.CurrentCulture.Name.Length}");
            """);
        _scratch.File("source/program.runtimeconfig.json",
            """{"runtimeOptions":{"framework":{"name":"Microsoft.NETCore.App","version":"10.0.0"}}}""");
        var output = Directory.CreateDirectory(_scratch.At("out")).FullName;
        string[] references = [.. Directory.GetFiles(root + places["netcore"], "*.dll")
            .Select(f => $"-r:{places["netcore"]}/{Path.GetFileName(f)}")];
        ran = await new Sandbox(root, ["dotnet", $"{places["csc"]}/csc.dll", "-noconfig", "-nologo", .. references,
            "-deterministic", "-out:/out/program.dll", "/in/source/program.cs"])
        {
            Env = DotnetEnv,
            Binds = [new(_scratch.At("source"), "/in/source"), new(output, "/out", Writable: true)]
        }.Run(Long);
        Assert.True(ran.ExitCode == 0, ran.Output + ran.Errors);

        ran = await new Sandbox(root,
            ["dotnet", "exec", "--runtimeconfig", "/in/source/program.runtimeconfig.json", "/in/program/program.dll"])
        { Env = DotnetEnv, Binds = [new(_scratch.At("source"), "/in/source"), new(output, "/in/program")] }.Run(Long);
        Assert.True(ran.ExitCode == 0, ran.Output + ran.Errors);
        Assert.Equal("2D711642 521 0\n", ran.Output);
    }

    [Fact]
    public async Task Python_runs_inside_its_own_closure()
    {
        const string python = "/usr/bin/python3";
        Assert.SkipUnless(File.Exists(python), "there is no Python at /usr/bin/python3");
        var root = await Root(Recipes.Python(python), "python");
        var ran = await new Sandbox(root,
            ["python3", "-c",
                "import json, hashlib, ctypes, sqlite3; print(json.dumps(hashlib.sha256(b'x').hexdigest()[:8]))"]).Run(
                    Long);
        Assert.True(ran.ExitCode == 0, ran.Errors);
        Assert.Equal("\"2d711642\"\n", ran.Output);

        // The filter of system calls: what is on the list is refused, its neighbours are not.
        if (System.Runtime.InteropServices.RuntimeInformation.OSArchitecture
            != System.Runtime.InteropServices.Architecture.X64) return;
        ran = await new Sandbox(root,
            ["python3", "-c",
                "import ctypes; c = ctypes.CDLL(None, use_errno=True)\nfor n in (250, 425, 165, 39): print(n, c.syscall(n, 0, 0, 0, 0, 0) >= 0, ctypes.get_errno())"]).Run(Long);
        // keyctl, io_uring_setup, mount; getpid
        Assert.Equal("250 False 1\n425 False 1\n165 False 1\n39 True 1\n", ran.Output);
    }
}
