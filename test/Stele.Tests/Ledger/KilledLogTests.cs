using System.Globalization;
using System.Text;
using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;

namespace Stele.Tests.Ledger;

/// <summary>A process that has a log open and eight writers on it, killed again and again.</summary>
public sealed class KilledLogTests(ITestOutputHelper output)
{
    const int Kills = 180;

    /// <summary>Two logs, so that two processors have something to do. The seed is told.</summary>
    [Theory, InlineData(1), InlineData(2)]
    public void Killed_ninety_times_it_loses_nothing_that_it_acknowledged(int which)
    {
        using var ledgers = new Ledgers();
        var seed = Environment.TickCount * 2 + which;
        var random = new Random(seed);
        var acknowledged = new Dictionary<long, string>();
        var roots = new List<(long Size, string Root)>();
        for (var kill = 0; kill < Kills / 2; kill++)
        {
            var said = SeparateLog.RunAndKill(ledgers.At("log"), random.Next(40),
                TimeSpan.FromMilliseconds(random.Next(3)));
            foreach (var line in said)
            {
                var words = line.Split(' ', 3);
                var number = long.Parse(words[1], CultureInfo.InvariantCulture);
                if (words[0] == "open") roots.Add((number, words[2]));
                else
                    Assert.True(acknowledged.TryAdd(number, words[2]),
                        $"entry {number} was acknowledged twice (seed {seed})");
            }
            // Derived files may be behind what the journal holds, and a write that nobody was told of may be torn.
            var wrong = ledgers.Violations("log").Where(v => v.Damage == Damage.Truth).ToArray();
            Assert.True(wrong.Length == 0, $"seed {seed}, kill {kill}: {string.Join('\n', wrong.AsEnumerable())}");
        }
        using (var log = ledgers.Open("log"))
        {
            Assert.True(log.Size >= acknowledged.Count);
            var entries = log.ReadEntries(0, log.Size).Select(e => Encoding.UTF8.GetString(e)).ToArray();
            foreach (var (index, entry) in acknowledged) Assert.Equal(entry, entries[index]);
            Assert.Equal(entries.Length, entries.Distinct(StringComparer.Ordinal).Count());
            // Each start went on from the history before it.
            long before = 0;
            foreach (var (size, root) in roots)
            {
                Assert.True(size >= before, $"a start found {size} entries where {before} were (seed {seed})");
                if (size > 0) Assert.Equal(root, log.RootAt(size).ToString());
                before = size;
            }
            output.WriteLine(
                $"seed {seed}: {Kills / 2} kills, {acknowledged.Count} acknowledged, {log.Size} entries in {Journal.Segments(ledgers.Journal("log")).Count} segments");
        }
        Assert.Empty(ledgers.Check("log"));
    }

    [Fact]
    public async Task An_old_copy_put_back_is_refused()
    {
        using var ledgers = new Ledgers();
        using (var log = ledgers.Open("log")) await Ledgers.Fill(log, 300);
        ledgers.Copy("log", "old");
        using (var log = ledgers.Open("log")) await Ledgers.Fill(log, 310);
        // Old journal under today's checkpoint; the same, cut to any batch; today's journal with its end zeroed.
        var today = File.ReadAllBytes(ledgers.Journal("log"));
        var old = File.ReadAllBytes(ledgers.Journal("old"));
        var zeroed = (byte[])today.Clone();
        zeroed.AsSpan(old.Length).Clear();
        foreach (var journal in new[] { old, zeroed, today[..old.Length],
            today[..(today.Length - JournalFrame.Header - 10)] })
        {
            var folder = ledgers.Copy("log", "put back");
            File.WriteAllBytes(FileStore.JournalPath(folder), journal);
            Assert.Equal(LogError.Truncated, Assert.Throws<LogException>(() => ledgers.Open("put back")).Error);
            Assert.Contains(ledgers.Check("put back"),
                w => w.Contains("checkpoint: it covers 310 entries", StringComparison.Ordinal));
        }
    }
}
