using Stele.Ledger;

namespace Stele.Tests.Disk;

/// <summary>
/// Each step of whatever is kept on a disk fails, in each way that a disk or a power supply has, and each time that it
/// is taken: with the step lost, and with the step kept and reported as failed, and with everything ending there.
/// Afterwards nothing that was told is lost, nothing stands twice, there is one history, and it goes on.
/// </summary>
public sealed class FaultTableTests(ITestOutputHelper output)
{
    /// <summary>The steps of each life. <see cref="The_table_names_every_step"/> holds it to be all of them.</summary>
    static readonly Dictionary<string, string[]> Table = new(StringComparer.Ordinal)
    {
        ["log"] =
        [
            "create checkpoint", "create directory tile", "create full bundle", "create full tile",
            "create partial bundle", "create partial tile",
            "delete partials", "flush journal", "rename checkpoint", "rename full bundle", "rename full tile",
            "rename partial bundle", "rename partial tile",
            "resize journal", "sync directory log", "sync directory root", "write checkpoint", "write full bundle",
            "write full tile", "write journal",
            "write partial bundle", "write partial tile",
        ],
        ["new log"] =
        [
            "create checkpoint", "create directory log", "create directory tile", "create journal",
            "create partial bundle", "create partial tile",
            "flush journal", "rename checkpoint", "rename journal", "rename partial bundle", "rename partial tile",
            "resize journal", "sync directory log",
            "sync directory root", "write checkpoint", "write journal", "write partial bundle", "write partial tile",
        ],
        ["segments"] =
        [
            "create basis", "create checkpoint", "create directory log", "create directory tile", "create journal",
            "create partial bundle", "create partial tile", "delete journal", "flush all log", "flush basis",
            "flush journal", "flush segment", "rename basis", "rename checkpoint", "rename journal",
            "rename partial bundle", "rename partial tile", "rename segment", "resize journal", "resize segment",
            "sync directory log", "sync directory root", "write basis", "write checkpoint", "write journal",
            "write partial bundle", "write partial tile", "write segment",
        ],
        ["replica"] =
        [
            "create checkpoint", "create directory replica", "create directory tile", "create full bundle",
            "create full tile", "create journal",
            "create partial bundle", "create partial tile", "delete partials", "flush journal", "rename checkpoint",
            "rename full bundle", "rename full tile",
            "rename journal", "rename partial bundle", "rename partial tile", "resize journal",
            "sync directory replica", "sync directory root",
            "write checkpoint", "write full bundle", "write full tile", "write journal", "write partial bundle",
            "write partial tile",
        ],
        ["blobs"] =
        [
            "create blob", "create directory blobs", "create directory blobs/blobs",
            "create directory blobs/blobs/sha256", "create directory blobs/ingest",
            "create index.json", "create oci-layout", "delete blob", "flush blob", "flush index.json",
            "flush oci-layout", "rename blob", "rename index.json",
            "rename oci-layout", "sync directory blobs", "sync directory blobs/blobs",
            "sync directory blobs/blobs/sha256", "sync directory root", "write blob",
            "write index.json", "write oci-layout",
        ],
        ["key table"] =
        [
            "create keytable", "flush keytable", "rename keytable", "resize keytable", "sync directory root",
            "write keytable",
        ],
        ["sealed bodies"] =
        [
            "create bodies", "flush bodies", "rename bodies", "resize bodies", "sync directory root", "write bodies",
        ],
        ["outbox"] =
        [
            "create outbox", "flush outbox", "rename outbox", "resize outbox", "sync directory root", "write outbox",
        ],
        ["founding"] =
        [
            "create checkpoint", "create directory data", "create directory data/server",
            "create directory data/server/keys",
            "create directory data/server/ledger", "create directory tile", "create format", "create journal",
            "create log.key", "create partial bundle", "create partial tile",
            "create server.pem", "create tokens.json", "create trust.json", "flush format", "flush journal",
            "flush log.key", "flush server.pem", "flush tokens.json",
            "flush trust.json", "rename checkpoint", "rename format", "rename journal", "rename log.key",
            "rename partial bundle", "rename partial tile", "rename server.pem",
            "rename tokens.json", "rename trust.json", "resize journal", "sync directory data",
            "sync directory data/server", "sync directory data/server/keys",
            "sync directory data/server/ledger", "sync directory root", "write checkpoint", "write format",
            "write journal", "write log.key", "write partial bundle",
            "write partial tile", "write server.pem", "write tokens.json", "write trust.json",
        ],
    };

    public static TheoryData<string, string> Rows()
    {
        var rows = new TheoryData<string, string>();
        foreach (var (life, steps) in Table) foreach (var step in steps) rows.Add(life, step);
        return rows;
    }

    [Theory, MemberData(nameof(Rows))]
    public async Task After_a_failed_step_nothing_told_is_lost_and_nothing_stands_twice(string life, string step)
    {
        var times = (await Steps(life)).Count(s => s == step);
        Assert.True(times > 0, $"'{step}' is no step of the {life}");
        var failed = 0;
        for (var nth = 1; nth <= times; nth++)
            foreach (var how in Enum.GetValues<Failing>())
                if (await Fails(life, step, nth, how)) failed++;
        Assert.InRange(failed, 1, times * Enum.GetValues<Failing>().Length);
        output.WriteLine($"{times} times, {failed} faults");
    }

    [Fact]
    public async Task The_table_names_every_step()
    {
        var found = new List<string>();
        foreach (var life in Life.Names)
            found.Add(
                $"[\"{life}\"] = [\"{string.Join("\", \"", (await Steps(life)).Distinct().Order(StringComparer.Ordinal))}\"],");
        Assert.Equal(found.Order(StringComparer.Ordinal),
            Table.Select(t => $"[\"{t.Key}\"] = [\"{string.Join("\", \"", t.Value.Order(StringComparer.Ordinal))}\"],")
                .Order(StringComparer.Ordinal));
    }

    static readonly System.Collections.Concurrent.ConcurrentDictionary<string, Task<List<string>>> Lived =
        new(StringComparer.Ordinal);

    /// <summary>The steps of a life without faults, in order.</summary>
    static Task<List<string>> Steps(string name) => Lived.GetOrAdd(name, Live);

    static async Task<List<string>> Live(string name)
    {
        using var scratch = new Scratch(quick: true);
        await using var life = Life.Of(name);
        await life.Before(scratch.At("disk"));
        using var disk = new FaultyDisk(scratch.At("disk"));
        await life.Live(scratch.At("disk"));
        Assert.Empty(disk.Outrages);
        List<string> steps = [.. disk.Steps];
        await life.Judge(scratch.At("disk"));
        return steps;
    }

    /// <summary>Whether the step came to fail: which of two steps at once comes first is not always the same.</summary>
    static async Task<bool> Fails(string name, string step, int nth, Failing how)
    {
        var what = $"{name}: {step} ({nth}) {how}";
        using var scratch = new Scratch(quick: true);
        await using var life = Life.Of(name);
        await life.Before(scratch.At("disk"));
        using var disk = new FaultyDisk(scratch.At("disk"));
        disk.Plan(step, nth, how);
        life.Failed = () => disk.Failed;
        try
        {
            await life.Live(scratch.At("disk"));
        }
        catch (Exception e)
            when (e is IOException or LogException or ObjectDisposedException or OperationCanceledException)
        {
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{what}: {e.Message}", e);
        }
        var failed = disk.Failed;
        disk.Recover();
        life.Failed = () => false;
        try
        {
            await life.Judge(scratch.At("disk"));
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{what}: {e.Message}\n{string.Join('\n', disk.Steps)}", e);
        }
        Assert.True(disk.Outrages.Count == 0, $"{what}: {string.Join('\n', disk.Outrages)}");
        return failed;
    }
}
