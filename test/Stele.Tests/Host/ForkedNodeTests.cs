using System.Text;
using Stele.Api;
using Stele.Control;
using Stele.Control.Views;
using Stele.Host;
using Stele.Proof;
using Stele.Tests.Control;

namespace Stele.Tests.Host;

/// <summary>
/// A node is a witness of the ledger that it follows: it cosigns what it has verified, and does not go over to a second
/// history.
/// </summary>
public sealed class ForkedNodeTests
{
    static readonly CancellationToken Stop = CancellationToken.None;

    static Task<long> Grow(Town town) =>
        town.Admit(town.Member(Citizen.New(), new Stele.Proof.Statements.Role(Stele.Proof.Statements.RoleName.Builder)),
            town.Owner);

    [Fact]
    public async Task It_cosigns_what_it_has_verified_with_a_key_of_its_own()
    {
        await using var hamlet = await Hamlet.Found();
        await hamlet.Start();
        var key = hamlet.Node.Node.Cosigner.Key;
        Assert.Equal((UnixFileMode)0x180, File.GetUnixFileMode(hamlet.Folder.CosignerKey));
        Assert.Equal($"{hamlet.Town.Trust.Origin}/node/{hamlet.Node.Node.Identity.Member}", key.Name);
        for (var i = 0; i < 3; i++)
        {
            if (i > 0) await Grow(hamlet.Town);
            await hamlet.Eventually(() => hamlet.Node.Node.Cosigner.Size == hamlet.Town.State.Size,
                "the node does not cosign", 60);
            var note = Note.Parse(await hamlet.Town.Server.Checkpoint(stop: Stop));
            Assert.Equal(NoteTrust.Verified, note.Verify([key], out var verified));
            Assert.Equal(hamlet.Town.State.Size, Checkpoint.Parse(note.Text).Size);
            Assert.InRange(verified[0].Time, DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 100,
                DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1);
        }
        Assert.Equal(key.ToString(), hamlet.Node.Pages.Status().Cosigner);
        // Without a policy what has cosignatures is published, and is there after a restart.
        await hamlet.StopNode();
        await hamlet.StopServer();
        await hamlet.StartServer();
        Assert.Equal(NoteTrust.Verified, Note.Parse(await hamlet.Town.Server.Published(Stop)).Verify([key], out _));
        await hamlet.Restart();
        Assert.Equal(key, hamlet.Node.Node.Cosigner.Key);
    }

    [Fact]
    public async Task Nobody_cosigns_in_its_name()
    {
        await using var town = await Town.Found();
        await town.Settle();
        using var own = Stele.Ledger.NoteSigner.Create(town.Path("own"), "own", NoteKeyType.Cosignature);
        var note = Note.Parse(town.Host.Log.Checkpoint);
        string By(Stele.Ledger.NoteSigner signer) => note.With(signer.Cosign(note, 1_700_000_000)).ToString();
        async Task<string> Refused(CosignatureOffer offer) =>
            (await Assert.ThrowsAsync<ProblemException>(() => town.Server.Cosign(offer, Stop))).Problem.Code;
        var good = CosignatureOffer.Make(town.Trust.Genesis, town.Node.Id, town.Node.Key, own.Key, By(own));

        Assert.Equal("not-a-node", await Refused(good with { Member = town.Owner.Id }));
        Assert.Equal("not-a-node",
            await Refused(CosignatureOffer.Make(town.Trust.Genesis, town.Builder.Id, town.Builder.Key, own.Key,
                By(own))));
        Assert.Equal("not-a-node",
            await Refused(CosignatureOffer.Make(town.Trust.Genesis, town.Node.Id, town.Builder.Key, own.Key, By(own))));
        Assert.Equal("not-a-node",
            await Refused(CosignatureOffer.Make(Digest.Of([]), town.Node.Id, town.Node.Key, own.Key, By(own))));
        using var other = Stele.Ledger.NoteSigner.Create(town.Path("other"), "own", NoteKeyType.Cosignature);
        Assert.Equal("not-a-node", await Refused(good with { Note = By(other) }));
        Assert.Equal("not-a-node", await Refused(good with { Note = note.ToString() }));
        var line = own.Cosign(note, 1_700_000_000);
        Assert.Equal("not-a-node",
            await Refused(good with { Note =
                note.With(line with { Bytes = line.Bytes.SetItem(20, (byte)(line.Bytes[20] ^ 1)) }).ToString() }));
        await town.Server.Cosign(good, Stop);
        await town.Server.Cosign(good, Stop);
        Assert.Equal(2, Note.Parse(await town.Server.Checkpoint(stop: Stop)).Signatures.Length);
    }

    /// <summary>
    /// The server's ledger is replaced by a copy that grew differently under the same key: longer, as long, or shorter.
    /// </summary>
    [Theory]
    [InlineData(1, 3)]
    [InlineData(2, 2)]
    [InlineData(3, 1)]
    public async Task A_second_history_is_refused_proved_and_said(int seen, int shown)
    {
        await using var hamlet = await Hamlet.Found();
        var town = hamlet.Town;
        await hamlet.StopServer();
        var copy = new ServerFolder(town.Path("copy"));
        using (var cp = System.Diagnostics.Process.Start("/bin/cp", ["-r", town.Folder.Data, copy.Data]))
            await cp.WaitForExitAsync(Stop);
        await town.Start();
        await hamlet.Start();
        for (var i = 0; i < seen; i++) await Grow(town);
        var size = town.State.Size;
        await hamlet.Eventually(() => hamlet.Node.Node.Cosigner.Size == size, "the node does not follow", 60);
        var port = town.Host.Address.Port;
        await hamlet.StopServer();

        await using (var twin = await ServerHost.Start(copy, new ServerOptions { Port = 0 }, town.Time))
        {
            using var server = new ServerClient(twin.Address, town.Founded.Token);
            for (var i = 0; i < shown; i++)
                Assert.IsType<Admitted.Added>(
                    await server.Submit(Envelope.Sign(town.Member(Citizen.New(),
                        new Stele.Proof.Statements.Role(Stele.Proof.Statements.RoleName.Builder)).Encode(),
                            town.Owner.Key), Stop));
        }
        await using (var twin = await ServerHost.Start(copy, new ServerOptions { Port = port }, town.Time))
        {
            await hamlet.Eventually(() => hamlet.Node.Node.Fork is not null, "the node does not see the fork", 60);
            Assert.Contains("fork", hamlet.Node.Pages.Status().Fork, StringComparison.Ordinal);
            Assert.False(hamlet.Node.Node.Failed.IsCompleted);
            var proof =
                Fork.Parse(await File.ReadAllBytesAsync(Path.Combine(hamlet.Folder.Replica, "fork.json"), Stop));
            Assert.True(proof.Holds(town.Trust.Key));
            // Nothing of the other history was cosigned.
            Assert.DoesNotContain(Note.Parse(twin.Log.Checkpoint).Signatures,
                s => s.Name == hamlet.Node.Node.Cosigner.Key.Name);
            using var server = new ServerClient(twin.Address, town.Founded.Token);
            Assert.Empty((await server.Get<WitnessedLedger>("witnesses", Stop)).Cosigners);
        }
        // The true history is back: still, people have to look at it first.
        await town.StartAt(port);
        await hamlet.StopNode();
        await hamlet.Restart();
        await hamlet.Eventually(() => hamlet.Node.Node.ServerTrouble is not null, "the node went on by itself", 60);
        Assert.NotNull(hamlet.Node.Node.Fork);
        Assert.Equal(0, hamlet.Node.Node.Cosigner.Size);
        // They did, and took the proof away.
        await hamlet.StopNode();
        File.Move(Path.Combine(hamlet.Folder.Replica, "fork.json"), town.Path("fork.json"));
        await Grow(town);
        await hamlet.Restart();
        await hamlet.Eventually(() => hamlet.Node.Node.Cosigner.Size == town.State.Size,
            "the node does not follow again", 60);
    }

    [Fact]
    public async Task A_proof_that_does_not_hold_is_none()
    {
        using var ledgers = new Stele.Tests.Ledger.Ledgers();
        using var log = ledgers.Open("a");
        await Stele.Tests.Ledger.Ledgers.Fill(log, 20);
        string At(long size, Digest root) =>
            ledgers.Signer.Sign(new Checkpoint(Stele.Tests.Ledger.Ledgers.Origin, size, root).Text).ToString();
        var (first, second) = (At(12, Digest.Of("another tree"u8)), At(20, log.RootAt(20)));
        var fork = new Fork(first, second, log.RootAt(12), [.. log.ConsistencyProof(12, 20)]);
        Assert.True(fork.Holds(log.Key));
        Assert.True(Fork.Parse(fork.ToJson().ToBytes()).Holds(log.Key));
        Assert.False((fork with { First = At(12, log.RootAt(12)) }).Holds(log.Key));
        Assert.False((fork with { Root = Digest.Of("x"u8) }).Holds(log.Key));
        Assert.False((fork with { Proof = [] }).Holds(log.Key));
        Assert.False((fork with { First = second, Second = first }).Holds(log.Key));
        Assert.False((fork with { First = first.Replace("12", "13", StringComparison.Ordinal) }).Holds(log.Key));
        using var other =
            Stele.Ledger.NoteSigner.Parse(Stele.Tests.Ledger.Ledgers.KeyText(Stele.Tests.Ledger.Ledgers.Origin, 9));
        Assert.False(fork.Holds(other.Key));
        var equal = new Fork(At(12, Digest.Of("one"u8)), At(12, Digest.Of("two"u8)), Digest.Of("two"u8), []);
        Assert.True(equal.Holds(log.Key));
        Assert.False((equal with { Root = Digest.Of("one"u8) }).Holds(log.Key));
        Assert.Throws<FormatException>(() => Fork.Parse(Encoding.UTF8.GetBytes("{}")));
    }
}
