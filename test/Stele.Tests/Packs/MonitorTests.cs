using Stele.Proof;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Control;
using Stele.Tests.Worlds;

namespace Stele.Tests.Packs;

/// <summary>The real stele-verify as a monitor of a real server.</summary>
public sealed class MonitorTests
{
    static readonly Mortgage Lived = Mortgage.Lived();

    static async Task<long> Grow(Town town) =>
        await town.Admit(town.Act(new SystemStatement($"s{Guid.NewGuid():n}"[..12], null, town.Owner.Id, "high",
            [new EnvironmentTerms("prod", null, null, false)])
    {
        Nonce = new string('0', 32),
        Issued = 0
    }), town.Owner);

    [Fact]
    public async Task It_follows_a_ledger_and_remembers()
    {
        await using var town = await Town.Found();
        await town.Settle();
        await town.Release("v1", 0.7, "biased");
        using var box = new VerifyProgram(Lived);
        var (trust, state) = (box.Write("town.json", town.Trust.ToJson().ToBytes()), box.Path("seen.json"));
        string[] look = ["ledger", town.Host.Address.ToString(), "--trust", trust, "--state", state, "--token-file",
            town.TokenInFile()];
        var (code, output, error) = box.Run(look);
        Assert.True((code, error) == (0, ""), output + error);
        Assert.Contains($"{town.State.Size} entries hashed, {town.State.Size} of them folded again", output,
            StringComparison.Ordinal);
        Assert.Equal(town.Host.Log.Size,
            Checkpoint.Parse(Note.Parse(LedgerMemory.Parse(File.ReadAllBytes(state)).Checkpoint).Text).Size);
        var seen = town.State.Size;
        await Grow(town);
        (code, output, _) = box.Run(look);
        Assert.Equal(0, code);
        Assert.Contains($"it extends the {seen} entries that were seen before", output, StringComparison.Ordinal);
        // The server's own folder holds the same; without a trust file nobody says whose it is.
        Assert.Equal(0, box.Run("ledger", town.Folder.Ledger, "--trust", trust, "--state", state).Code);
        Assert.Equal(3, box.Run("ledger", town.Folder.Ledger).Code);
        Assert.Equal(2, box.Run("ledger", town.Host.Address.ToString(), "--trust", trust).Code);   // no token
        Assert.Equal(2, box.Run("ledger", box.Path("nowhere")).Code);
        Assert.Equal(2, box.Run("ledger", town.Folder.Ledger, "--state", trust).Code);
        Assert.Contains("trust-genesis", box.Run("ledger", town.Folder.Ledger, "--trust", box.Trust, "--json").Output,
            StringComparison.Ordinal);
    }

    /// <summary>One key, two histories: the server goes on from a copy that was made before what it showed.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_fork_is_caught_with_both_checkpoints(int growth)
    {
        await using var town = await Town.Found();
        await town.Settle();
        await town.Stop();
        Copy(town.Folder.Data, town.Path("older"));
        await town.Start();
        await Grow(town);
        using var box = new VerifyProgram(Lived);
        var (trust, state) = (box.Write("town.json", town.Trust.ToJson().ToBytes()), box.Path("seen.json"));
        string[] Look() => ["ledger", town.Host.Address.ToString(), "--trust", trust, "--state", state, "--token-file",
            town.TokenInFile()];
        Assert.Equal(0, box.Run(Look()).Code);
        var memory = File.ReadAllBytes(state);

        await town.Stop();
        Directory.Move(town.Folder.Data, town.Path("newer"));
        Copy(town.Path("older"), town.Folder.Data);
        await town.Start();
        // As it is, it is only shorter: also told on.
        var (code, output, _) = box.Run(Look());
        Assert.Equal(1, code);
        Assert.Contains("ledger-shrunk", output, StringComparison.Ordinal);

        for (var i = 0; i < growth; i++) await Grow(town);
        (code, output, _) = box.Run(Look());
        Assert.Equal(6, code);
        Assert.Contains(LedgerMemory.Parse(memory).Checkpoint, output, StringComparison.Ordinal);
        Assert.Contains(Note.Parse(town.Host.Log.Checkpoint).Text, output, StringComparison.Ordinal);
        Assert.Equal(memory, File.ReadAllBytes(state));

        (code, output, _) = box.Run([.. Look(), "--json"]);
        Assert.Equal(6, code);
        var told = CanonicalJson.Parse(System.Text.Encoding.UTF8.GetBytes(output), 1 << 20);
        Assert.Equal(6, told["exit"].AsInt);
        Assert.True(Fork.Parse(told["fork"].ToBytes()).Holds(town.Trust.Key));
    }

    [Fact]
    public async Task A_flipped_bit_in_a_tile_is_found()
    {
        await using var town = await Town.Found();
        await town.Settle();
        await town.Stop();
        Copy(town.Folder.Ledger, town.Path("copy"));
        await town.Start();
        using var box = new VerifyProgram(Lived);
        var trust = box.Write("town.json", town.Trust.ToJson().ToBytes());
        var bundle = Directory.GetFiles(Path.Combine(town.Path("copy"), "tile", "entries"), "*",
            SearchOption.AllDirectories).OrderByDescending(f => new FileInfo(f).Length).First();
        var bytes = File.ReadAllBytes(bundle);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(bundle, bytes);
        var (code, output, _) = box.Run("ledger", town.Path("copy"), "--trust", trust);
        Assert.Equal(1, code);
        Assert.Contains("checkpoint-root", output, StringComparison.Ordinal);
    }

    static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var folder in Directory.GetDirectories(from, "*", SearchOption.AllDirectories))
            Directory.CreateDirectory(Path.Combine(to, Path.GetRelativePath(from, folder)));
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
            File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)));
    }
}
