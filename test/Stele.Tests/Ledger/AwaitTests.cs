using Stele.Ledger;
using Stele.Proof;

namespace Stele.Tests.Ledger;

/// <summary>What an append may wait for.</summary>
public sealed class AwaitTests : IDisposable
{
    static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    readonly Ledgers _ledgers = new();
    readonly NoteSigner _witness = NoteSigner.Parse(Ledgers.KeyText("witness.example/w", 7));

    public void Dispose()
    {
        _witness.Dispose();
        _ledgers.Dispose();
    }

    /// <summary>A log whose policy asks for one other key's signature.</summary>
    Log Witnessed(string name) => _ledgers.Open(name,
        new LogOptions { Quorum = note => note.Verify([_witness.Key], out _) == NoteTrust.Verified });

    string Cosign(string checkpoint)
    {
        var note = Note.Parse(checkpoint);
        return note.With(_witness.Sign(note.Text).Signatures[0]).ToString();
    }

    [Fact]
    public async Task Witnessed_waits_for_the_quorum_and_for_nothing_less()
    {
        using var log = Witnessed("log");
        var first = log.Append(Ledgers.Entry(0), Await.Witnessed);
        await log.WaitBeyond(0, default).WaitAsync(Bound);
        var small = log.Checkpoint;
        Assert.Equal(1, await log.Append(Ledgers.Entry(1), Await.Integrated).WaitAsync(Bound));
        var second = log.Append(Ledgers.Entry(2), Await.Witnessed);
        await log.WaitBeyond(2, default).WaitAsync(Bound);
        Assert.False(first.IsCompleted);

        // The log's own signature is not a witness's.
        Assert.Equal(Cosigning.NoQuorum, log.Cosignatures.Take(log.Checkpoint));
        Assert.False(first.IsCompleted);
        Assert.Null(log.Cosignatures.Checkpoint);

        Assert.Equal(Cosigning.Taken, log.Cosignatures.Take(Cosign(small)));
        Assert.Equal(0, await first.WaitAsync(Bound));
        Assert.Equal((1, Cosign(small)), (log.Cosignatures.Size, log.Cosignatures.Checkpoint));
        Assert.False(second.IsCompleted);   // under no cosigned checkpoint yet

        var large = Cosign(log.Checkpoint);
        Assert.Equal(Cosigning.Taken, log.Cosignatures.Take(large));
        Assert.Equal(2, await second.WaitAsync(Bound));
        Assert.Equal(Cosigning.Older, log.Cosignatures.Take(large));
        Assert.Equal(Cosigning.Older, log.Cosignatures.Take(Cosign(small)));
        Assert.Equal((3, large), (log.Cosignatures.Size, log.Cosignatures.Checkpoint));
    }

    [Fact]
    public async Task Only_the_logs_own_history_is_taken_from_witnesses()
    {
        using var log = Witnessed("log");
        await Ledgers.Fill(log, 3);
        Assert.Equal(Cosigning.Malformed, log.Cosignatures.Take("no note"));
        Assert.Equal(Cosigning.NotOurs,
            log.Cosignatures.Take(_witness.Sign(new Checkpoint(Ledgers.Origin, 3, log.Root).Text).ToString()));
        // The same key on another history: of the same size, and of one that this log never had.
        foreach (var (size, root) in new[] { (3L, Ledgers.RootOf(2)), (2L, Ledgers.RootOf(3)),
            (4L, Ledgers.RootOf(4)) })
            Assert.Equal(Cosigning.Inconsistent,
                log.Cosignatures.Take(
                    Cosign(_ledgers.Signer.Sign(new Checkpoint(Ledgers.Origin, size, root).Text).ToString())));
        Assert.Equal(0, log.Cosignatures.Size);
        Assert.Equal(Cosigning.Taken, log.Cosignatures.Take(Cosign(log.Checkpoint)));
    }

    [Fact]
    public async Task Without_witnesses_nobody_waits_for_them()
    {
        using var log = _ledgers.Open("log");
        var error = await Assert.ThrowsAsync<LogException>(() => log.Append(Ledgers.Entry(0), Await.Witnessed));
        Assert.Equal(LogError.NoWitnesses, error.Error);
        Assert.Equal(0, await log.Append(Ledgers.Entry(0)));   // nothing was taken before
        Assert.Equal(Cosigning.NoQuorum, log.Cosignatures.Take(Cosign(log.Checkpoint)));
    }

    [Fact]
    public async Task Closing_ends_all_waits_for_witnesses()
    {
        var log = Witnessed("log");
        var waiting = log.Append(Ledgers.Entry(0), Await.Witnessed);
        await log.WaitBeyond(0, default).WaitAsync(Bound);
        log.Dispose();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(Bound));
    }
}
