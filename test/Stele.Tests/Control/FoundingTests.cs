using Stele.Control;
using Stele.Proof;

namespace Stele.Tests.Control;

public sealed class FoundingTests
{
    [Fact]
    public async Task What_a_server_keeps_is_for_its_owner_alone()
    {
        using var scratch = new Scratch();
        var folder = new ServerFolder(scratch.At("data"));
        using var owner = PrivateKey.Create();
        using var recovery = (await Founding.Found(folder, owner, Founding.NewNonce(), Founding.NewOrigin(),
            TimeProvider.System)).Recovery;
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
            File.GetUnixFileMode(folder.Path));
        foreach (var secret in new[] { folder.ServerKey, folder.LogKey, folder.Tokens })
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(secret));
        // nothing secret in it
        Assert.Equal((UnixFileMode)0x1a4, File.GetUnixFileMode(folder.Trust) | (UnixFileMode)0x1a4);
    }
}
