namespace Stele.Tests.Whole;

/// <summary>The scripts that a newcomer meets first.</summary>
public sealed class ScriptTests
{
    static Task<Ran> Script(string path, string name, params string[] arguments) =>
        Programs.Run("/usr/bin/env",
            [$"PATH={path}", "/bin/bash", Path.Combine(Repository.Root, "eng", name), .. arguments]);

    [Fact]
    public async Task What_is_installed_is_not_spoken_of()
    {
        if (!File.Exists("/usr/bin/dpkg-query")) Assert.Skip("no dpkg here");
        Assert.Equal((0, "", ""), (await Script("/usr/bin:/bin", "packages.sh", "bash", "coreutils")) is var r
            ? (r.Code, r.Output, r.Error)
            : default);
    }

    /// <summary>As an ordinary user without sudo: nothing is tried, and the command to type is said.</summary>
    [Fact]
    public async Task A_missing_package_is_named_with_the_command_that_installs_it()
    {
        if (!File.Exists("/usr/bin/dpkg-query")) Assert.Skip("no dpkg here");
        using var scratch = new Scratch();
        scratch.File("bin/id", "#!/bin/sh\necho 1000\n", executable: true);
        scratch.File("bin/sudo", "#!/bin/sh\nexit 1\n", executable: true);
        scratch.File("bin/apt-get", $"#!/bin/sh\ntouch {scratch.At("tried")}\n", executable: true);
        var ran = await Script($"{scratch.At("bin")}:/usr/bin:/bin", "packages.sh", "bash", "stele-no-such-package",
            "stele-nor-this");
        Assert.Equal((2, ""), (ran.Code, ran.Output));
        Assert.Equal(
            "stele: error: these Debian packages are missing: stele-no-such-package stele-nor-this\nstele: hint: sudo apt-get install --no-install-recommends stele-no-such-package stele-nor-this\n", ran.Error);
        Assert.False(File.Exists(scratch.At("tried")));
    }

    [Fact]
    public async Task A_missing_SDK_is_named()
    {
        using var scratch = new Scratch();
        foreach (var tool in (string[])["dirname"])
            scratch.File($"bin/{tool}", $"#!/bin/sh\nexec /usr/bin/{tool} \"$@\"\n", executable: true);
        var ran = await Script(scratch.At("bin"), "build.sh", "Release", "src/Stele/Stele.csproj");
        Assert.Equal(2, ran.Code);
        Assert.Contains("the .NET SDK is missing", ran.Error, StringComparison.Ordinal);
        Assert.Contains("hint: install the .NET 10 SDK", ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_bench_says_what_it_can_measure()
    {
        var bench = Path.Combine(Repository.Root, "bench", "Stele.Bench", "bin", Programs.Configuration, "net10.0",
            "Stele.Bench");
        if (!File.Exists(bench)) Assert.Skip("the bench was not built in this configuration: dotnet build stele.slnx");
        var ran = await Programs.Run(bench, ["everything"]);
        Assert.Equal(2, ran.Code);
        foreach (var name in (string[])["append", "admission", "verify", "gateway"])
            Assert.Contains($"[{name}]", ran.Error, StringComparison.Ordinal);
    }
}
