using System.Collections.Immutable;
using Stele.Blobs;
using Stele.Build;
using Stele.Proof;
using Stele.Runtime;

namespace Stele.Tests.Build;

/// <summary>
/// What a person writes or names wrongly is refused where it is frozen or released: what, where, and what may have been
/// meant.
/// </summary>
public sealed class RefusedWordsTests
{
    [Theory]
    [InlineData("MIT"), InlineData("CC0-1.0"), InlineData("GPL-2.0-or-later"), InlineData("GPL-2.0+"),
        InlineData("Apache-2.0 OR MIT"), InlineData("(MIT AND BSD-3-Clause) OR Apache-2.0")]
    [InlineData("GPL-2.0-only WITH Classpath-exception-2.0"), InlineData("LicenseRef-ours"),
        InlineData("DocumentRef-spdx-tool-1.2:LicenseRef-MIT-Style-2"), InlineData("((MIT))")]
    public void An_spdx_expression_is_taken(string licence) => Assert.Null(SpdxLicence.Objection(licence));

    [Theory]
    [InlineData("Apache2", "no licence"), InlineData("Apache-2", "did you mean 'Apache-2.0'"),
        InlineData("mit", "did you mean 'MIT'"), InlineData("GPL-3.0-onyl", "did you mean 'GPL-3.0-only'")]
    [InlineData("MIT or Apache-2.0", "one word too many"), InlineData("MIT Apache-2.0", "one word too many"),
        InlineData("MIT OR", "ends where"), InlineData("(MIT", "not closed"), InlineData("MIT)", "one word too many")]
    [InlineData("AND MIT", "no licence"), InlineData("GPL-2.0-only WITH Classpath-exception", "no exception"),
        InlineData("MIT WITH", "ends where"), InlineData("LicenseRef-", "no licence"), InlineData("", "not an SPDX")]
    [InlineData("proprietary", "LicenseRef-NAME"), InlineData("NONE", "no licence"), InlineData("()", "no licence"),
        InlineData("MIT\n", "not an SPDX"), InlineData("MIT++", "no licence")]
    public void What_is_none_is_told_why(string licence, string why) =>
        Assert.Contains(why, SpdxLicence.Objection(licence), StringComparison.Ordinal);

    /// <summary>Every listed name is one, and nothing that is a letter away from one is.</summary>
    [Fact]
    public void Generated_misspellings_are_refused()
    {
        var random = new Random(15);
        var names = new[] { "MIT", "Apache-2.0", "BSD-3-Clause", "GPL-3.0-only", "CC-BY-4.0", "EUPL-1.2", "MPL-2.0",
            "ISC" };
        for (var i = 0; i < 500; i++)
        {
            var name = names[random.Next(names.Length)];
            var at = random.Next(name.Length);
            var wrong = random.Next(3) switch { 0 => name.Remove(at, 1), 1 => name.Insert(at, "q"), _ =>
                name[..at] + 'q' + name[(at + 1)..] };
            Assert.NotNull(SpdxLicence.Objection(wrong));
            Assert.NotNull(SpdxLicence.Objection($"{wrong} OR MIT"));
            Assert.NotNull(SpdxLicence.Objection($"MIT AND ({wrong})"));
            Assert.Null(SpdxLicence.Objection($"{name} OR ({names[random.Next(names.Length)]} AND LicenseRef-{i})"));
        }
    }

    static string Release(string role, string of = "code") => $$"""
        name: v1
        system: desk
        components:
          - { role: environment, artifact: runtime, mount: / }
          - { role: {{role}}, artifact: {{of}}, mount: /app }
        run: { args: [/bin/true], directory: /, socket: /run/s.sock, health: /health }
        """;

    static async Task<string> Read(string yaml)
    {
        try
        {
            await ReleaseSource.Read("release.yaml", yaml, ImmutableSortedDictionary<string, string>.Empty,
                name => Task.FromResult((Digest.Of("x"u8), name == "runtime" ? "environment" : name, name)), _ =>
                    throw new InvalidOperationException());
            return "";
        }
        catch (FormatException e)
        {
            return e.Message;
        }
    }

    [Fact]
    public async Task A_role_is_one_that_policies_ask_for()
    {
        foreach (var role in new[] { "code", "model", "dataset", "config", "prompt", "tools", "evaluation",
            "x-challenger" }) Assert.Equal("", await Read(Release(role)));
        foreach (var (wrong, meant) in new[] { ("modle", "model"), ("cod", "code"), ("configs", "config"),
            ("evaluatoin", "evaluation"), ("environmnt", "environment") })
        {
            var said = await Read(Release(wrong));
            Assert.StartsWith("release.yaml: ", said, StringComparison.Ordinal);
            Assert.Contains($"'{wrong}' is no role; did you mean '{meant}'?", said, StringComparison.Ordinal);
        }
        Assert.Contains("Roles are", await Read(Release("whatever")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_native_environment_is_a_program()
    {
        using var scratch = new Scratch();
        string File_(string name, byte[] bytes, bool executable)
        {
            File.WriteAllBytes(scratch.At(name), bytes);
            if (executable) File.SetUnixFileMode(scratch.At(name),
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return scratch.At(name);
        }
        void Refused(string path, string why) =>
            Assert.Contains(why, Assert.Throws<FormatException>(() => Recipes.Native(path)).Message,
            StringComparison.Ordinal);
        Refused(File_("text", "hello\n"u8.ToArray(), executable: true), "neither an ELF file nor a script");
        Refused(File_("empty", [], executable: true), "neither an ELF file nor a script");
        Refused(File_("plain", "#!/bin/sh\n"u8.ToArray(), executable: false), "chmod +x");
        Refused(scratch.Path, "not a file");
        Refused(File_("other", [0x7f, .. "ELF"u8, 1, 1, .. new byte[100]], executable: true), "another machine");
        _ = Recipes.Native("/bin/sh");
    }

    [Theory]
    [InlineData("/tmp/program"), InlineData("/run/program"), InlineData("/dev/shm/program")]
    public async Task What_the_sandbox_would_hide_is_not_frozen(string path)
    {
        using var scratch = new Scratch();
        path += Guid.NewGuid().ToString("N");
        try
        {
            try
            {
                File.WriteAllText(path, "#!/bin/sh\n");
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
            catch (UnauthorizedAccessException)
            {
                Assert.Skip($"{path} can't be written here");
            }
            var blobs = new BlobStore(scratch.At("blobs"));
            var said = (await Assert.ThrowsAsync<FormatException>(() => Recipes.Native(path).Freeze(blobs,
                new About("native")))).Message;
            Assert.Contains($"{path} lies where the sandbox mounts its own /{path.Split('/')[1]}", said,
                StringComparison.Ordinal);
            Assert.Contains("put it elsewhere", said, StringComparison.Ordinal);
            Assert.Equal(Sandbox.MountPoints.Length, Sandbox.MountPoints.Distinct().Count());
        }
        finally
        {
            File.Delete(path);
        }
    }
}
