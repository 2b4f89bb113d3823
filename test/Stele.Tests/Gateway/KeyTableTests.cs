using Stele.Gateway;

namespace Stele.Tests.Gateway;

/// <summary>Keys that are erased while others are being written.</summary>
public sealed class KeyTableTests
{
    /// <summary>Owners state of a table that was taken away that its keys are erased: the node need not run.</summary>
    [Fact]
    public void A_table_that_was_taken_away_is_written_again_by_an_erasure()
    {
        using var scratch = new Scratch();
        using (var table = new KeyTable(scratch.At("keys"), FileAccess.Read))
        {
            Assert.False(File.Exists(scratch.At("keys")));
            Assert.Equal(0, table.Erase(new HashSet<long> { 1, 7 }));
            Assert.True(table.IsErased(7));
        }
        using var again = new KeyTable(scratch.At("keys"));
        Assert.True(again.IsErased(1) && again.IsErased(7) && !again.IsErased(2));
    }

    [Fact]
    public async Task Erasing_waits_for_what_is_being_written_and_loses_none_of_it()
    {
        using var scratch = new Scratch();
        using var table = new KeyTable(scratch.At("keys"));
        var keys = Enumerable.Range(0, 3000).Select(_ => DecisionKeys.Random()).ToArray();
        var written = new List<Task<long>>();
        for (var i = 0; i < keys.Length; i++)
        {
            Assert.True(table.TryAdd(i, keys[i], null, out var durable));
            written.Add(durable);
            if (i == 10) await durable;
        }
        Assert.Equal(1,
            await Task.Run(() => table.Erase(new HashSet<long> { 7 }), TestContext.Current.CancellationToken)
                .WaitAsync(TimeSpan.FromSeconds(120), TestContext.Current.CancellationToken));
        await Task.WhenAll(written);
        Assert.Null(table.Find(7));
        Assert.Equal(0, table.Erase(new HashSet<long> { 7, 5000 }));
        Assert.True(table.IsErased(7));
        for (var i = 0; i < keys.Length; i++) if (i != 7) Assert.Equal(keys[i].Key, table.Find(i)?.Key);
    }

    [Fact]
    public void Keys_that_an_interrupted_erasure_copied_do_not_outlive_the_next_start()
    {
        using var scratch = new Scratch();
        using (new KeyTable(scratch.At("keys"))) { }
        var copy = scratch.File("keys.0123456789ab.tmp", "copies of keys");
        var other = scratch.File("keys2.0123456789ab.tmp", "of another table");
        using var table = new KeyTable(scratch.At("keys"));
        Assert.False(File.Exists(copy));
        Assert.True(File.Exists(other));
    }
}
