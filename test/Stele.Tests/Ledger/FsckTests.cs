using Stele.Ledger;

namespace Stele.Tests.Ledger;

public sealed class FsckTests : IDisposable
{
    readonly Ledgers _ledgers = new();

    public void Dispose() => _ledgers.Dispose();

    [Fact]
    public async Task No_bit_may_flip_anywhere_unnamed()
    {
        await _ledgers.Make("log", 258);
        Assert.Empty(_ledgers.Check("log"));
        await using (var log = new Closing(_ledgers.OpenReplica("replica")))
        using (var own = _ledgers.Open("log"))
            Assert.Equal(Extension.Extended, await log.Log.Extend([.. own.ReadEntries(0, 258)], own.Checkpoint));
        foreach (var name in new[] { "log", "replica" })
        {
            var seen = 0;
            foreach (var file in Directory.GetFiles(_ledgers.At(name), "*", SearchOption.AllDirectories)
                .Where(f => !f.EndsWith(".lock", StringComparison.Ordinal)))
            {
                var path = Path.GetRelativePath(_ledgers.At(name), file);
                var bytes = File.ReadAllBytes(file);
                // Each byte of the small files; a byte of each 41 of the large ones.
                for (var at = 0; at < bytes.Length; at += bytes.Length < 500 ? 1 : 41)
                {
                    bytes[at] ^= (byte)(1 << at % 8);
                    File.WriteAllBytes(file, bytes);
                    var wrong = _ledgers.Check(name);
                    Assert.Contains(wrong, w => w.StartsWith(path + ":", StringComparison.Ordinal));
                    bytes[at] ^= (byte)(1 << at % 8);
                    seen++;
                }
                File.WriteAllBytes(file, bytes);
            }
            Assert.True(seen > 500, $"{seen} flips");
            Assert.Empty(_ledgers.Check(name));
        }
    }

    [Fact]
    public async Task Names_every_violation_at_once()
    {
        await _ledgers.Make("log", 600);
        File.Delete(Path.Combine(_ledgers.At("log"), "tile/0/000"));
        File.WriteAllText(Path.Combine(_ledgers.At("log"), "tile/entries/001"), "x");
        File.WriteAllText(Path.Combine(_ledgers.At("log"), "tile/0/002.p/88"), "x");
        File.WriteAllText(Path.Combine(_ledgers.At("log"), "tile/stray"), "x");
        File.WriteAllText(Path.Combine(_ledgers.At("log"), "checkpoint"), "x");
        Assert.Equal(
        [
            "checkpoint: not a signed checkpoint",
            "tile/0/000: not there",
            "tile/0/002.p/88: not what the journal's entries give",
            "tile/entries/001: not what the journal's entries give",
            "tile/stray: no tile of this log",
        ], _ledgers.Check("log").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Repair_touches_derived_files_only()
    {
        await _ledgers.Make("log", 600);
        var good = _ledgers.Copy("log", "good");
        var folder = _ledgers.At("log");
        var journal = File.ReadAllBytes(FileStore.JournalPath(folder));
        Assert.Empty(Fsck.Repair(new FileStore(folder), _ledgers.Signer.Key));

        File.Delete(Path.Combine(folder, "tile/0/000"));
        File.WriteAllText(Path.Combine(folder, "tile/entries/001"), "x");
        File.WriteAllText(Path.Combine(folder, "tile/1/000.p/2"), "x");
        File.WriteAllText(Path.Combine(folder, "tile/stray"), "x");
        Assert.Equal(["tile/0/000: written again", "tile/1/000.p/2: written again", "tile/entries/001: written again",
            "tile/stray: removed"], Fsck.Repair(new FileStore(folder), _ledgers.Signer.Key)
                .Select(r => r.ToString()).Order(StringComparer.Ordinal));
        Assert.Empty(_ledgers.Check("log"));
        Assert.Equal(journal, File.ReadAllBytes(FileStore.JournalPath(folder)));
        foreach (var file in Directory.GetFiles(good, "*", SearchOption.AllDirectories))
            Assert.Equal(File.ReadAllBytes(file),
                File.ReadAllBytes(Path.Combine(folder, Path.GetRelativePath(good, file))));

        // A checkpoint can't be made without the key, and is not.
        File.WriteAllText(Path.Combine(folder, "checkpoint"), "x");
        Assert.Equal(["checkpoint: left as it is; opening the log signs it again"],
            Fsck.Repair(new FileStore(folder), _ledgers.Signer.Key).Select(r => r.ToString()));
        Assert.Equal(["checkpoint: not a signed checkpoint"], _ledgers.Check("log"));

        journal[40] ^= 1;
        File.WriteAllBytes(FileStore.JournalPath(folder), journal);
        Assert.Throws<IOException>(() => Fsck.Repair(new FileStore(folder), _ledgers.Signer.Key));
        Assert.Equal(journal, File.ReadAllBytes(FileStore.JournalPath(folder)));
    }

    [Fact]
    public async Task A_replicas_checkpoint_comes_from_its_journal()
    {
        await _ledgers.Make("log", 3);
        using (var own = _ledgers.Open("log"))
        using (var replica = _ledgers.OpenReplica("replica"))
            Assert.Equal(Extension.Extended, await replica.Extend([.. own.ReadEntries(0, 3)], own.Checkpoint));
        File.WriteAllText(Path.Combine(_ledgers.At("replica"), "checkpoint"), "x");
        Assert.Equal(["checkpoint: taken from the journal"],
            Fsck.Repair(_ledgers.Store("replica"), _ledgers.Signer.Key).Select(r => r.ToString()));
        Assert.Empty(_ledgers.Check("replica"));
    }

    [Fact]
    public void An_empty_folder_is_no_log() => Assert.Equal(["journal: not there"], _ledgers.Check("none"));

    [Fact]
    public async Task Reads_a_folder_that_is_open_and_one_that_cant_be_written()
    {
        using (var log = _ledgers.Open("log"))
        {
            await Ledgers.Fill(log, 300);
            Assert.Empty(_ledgers.Check("log"));   // the published checkpoint is older: what is newer is left alone
        }
        var copy = _ledgers.Copy("log", "copy");
        File.Delete(FileStore.JournalPath(copy) + ".lock");
        Assert.Empty(_ledgers.Check("copy"));
        Assert.False(File.Exists(FileStore.JournalPath(copy) + ".lock"));
    }

    sealed class Closing(Log log) : IAsyncDisposable
    {
        public Log Log => log;

        public ValueTask DisposeAsync()
        {
            log.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
