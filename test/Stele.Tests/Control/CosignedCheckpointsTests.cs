using Stele.Control;
using Stele.Ledger;
using Stele.Proof;
using Stele.Tests.Ledger;

namespace Stele.Tests.Control;

/// <summary>What is kept of others' cosignatures, across a change of who they are.</summary>
public sealed class CosignedCheckpointsTests : IDisposable
{
    readonly Ledgers _ledgers = new();

    public void Dispose() => _ledgers.Dispose();

    [Fact]
    public async Task A_new_policy_does_not_put_a_smaller_checkpoint_into_the_place_of_a_larger()
    {
        using var log = _ledgers.Open("log");
        await Ledgers.Fill(log, 5);
        using var old = NoteSigner.Create(_ledgers.At("old"), "old.example", NoteKeyType.Cosignature);
        using var now = NoteSigner.Create(_ledgers.At("now"), "now.example", NoteKeyType.Cosignature);
        Note Signed(int size) => _ledgers.Signer.Sign(new Checkpoint(Ledgers.Origin, size, log.RootAt(size)).Text);
        var file = _ledgers.At("cosigned");
        bool Add(CosignedCheckpoints to, NoteSigner by, int size)
        {
            var note = Signed(size);
            Assert.Equal(CosignatureTrust.Verified,
                Cosignature.Read(by.Cosign(note, 1_800_000_000).ToString(), note.Text, by.Key, out var cosignature));
            return to.Add(note.ToString(), cosignature!);
        }
        Func<Note, bool> By(NoteSigner signer) => note => note.Verify([signer.Key], out _) == NoteTrust.Verified;

        Assert.True(Add(new CosignedCheckpoints(log, By(old), file), old, 4));
        var kept = await File.ReadAllTextAsync(file);
        var changed = new CosignedCheckpoints(log, By(now), file);
        Assert.Null(changed.Published);   // it has not what the new policy asks for
        Assert.True(Add(changed, now, 3));
        Assert.Null(changed.Published);
        Assert.Equal(kept, await File.ReadAllTextAsync(file));
        Assert.True(Add(changed, now, 5));
        Assert.Equal(5, Checkpoint.Parse(Note.Parse(changed.Published!).Text).Size);
        Assert.Equal(changed.Published, await File.ReadAllTextAsync(file));
    }
}
