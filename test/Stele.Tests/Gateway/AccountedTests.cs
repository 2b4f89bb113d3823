using System.Buffers.Binary;
using Stele.Disk;
using Stele.Gateway;
using Stele.Host;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Tests.Worlds;
using DecisionLog = Stele.Host.DecisionLog;

namespace Stele.Tests.Gateway;

/// <summary>What is accounted for of a decision log, whatever happens to its files one after the other.</summary>
public sealed class AccountedTests : IDisposable
{
    const string Origin = "example.com/log";
    readonly Scratch _scratch = new(quick: true);
    readonly World _world;
    readonly Decision _decision;
    int _folders;

    public AccountedTests()
    {
        var mortgage = Mortgage.Released();
        mortgage.Deploy(mortgage.V2);
        (_world, _decision) = (mortgage.World, mortgage.World.Decide());
    }

    enum Step
    {
        /// <summary>A node opens the log, records two decisions, and ends in order.</summary>
        Run,
        /// <summary>The same, killed before the last decision's keys are on the disk.</summary>
        KillBeforeKeys,
        /// <summary>The same, before its bodies are.</summary>
        KillBeforeBodies,
        /// <summary>A node opens and closes the log, and records nothing.</summary>
        Idle,
        /// <summary>Keys and bodies are written again, as pruning does.</summary>
        Rewrite,
        /// <summary>The oldest keys are destroyed, in the folder of a node that does not run.</summary>
        Erase,
        /// <summary>Decisions are read there.</summary>
        Read,
    }

    NodeFolder Copy(NodeFolder of)
    {
        var to = new NodeFolder(_scratch.At($"node{_folders++}"));
        ReadOnlyTests.Copy(of.Path, to.Path);
        return to;
    }

    async Task<NodeFolder> Record(NodeFolder folder, int count, bool killed = false)
    {
        using var log = DecisionLog.Open(folder, Origin, TimeProvider.System);
        using var recorder = new Recorder(folder, log);
        Assert.Equal(0, recorder.Unexplained);
        for (var i = 0; i < count; i++)
            await recorder.Record(() => _decision, [(SealedBodies.Input, "{}"u8.ToArray())]);
        return killed ? Copy(folder) : folder;
    }

    async Task<NodeFolder> After(NodeFolder before, Step step)
    {
        var folder = Copy(before);
        switch (step)
        {
            case Step.Run: return await Record(folder, 2);
            case Step.KillBeforeKeys or Step.KillBeforeBodies:
                folder = await Record(folder, 2, killed: true);
                var cut = step == Step.KillBeforeKeys ? folder.KeyTable(Origin) : folder.Bodies(Origin);
                MissingKeysTests.Take(cut, Indices(folder.KeyTable(Origin)).Max());
                MissingKeysTests.Unseal(cut);
                return folder;
            case Step.Idle:
                DecisionLog.Open(folder, Origin, TimeProvider.System).Dispose();
                return folder;
            case Step.Rewrite:
                foreach (var file in (string[])[folder.KeyTable(Origin), folder.Bodies(Origin)])
                    JournalCut.Rewrite(file, _ => true, Readers.Owner);
                return folder;
            default:
                var (recorder, opened) = Erasures.Open(folder, Origin)!.Value;
                using (opened)
                {
                    Assert.Equal(0, recorder.Unexplained);
                    if (step == Step.Erase)
                        Assert.Equal(1, recorder.Erase(new HashSet<long> { recorder.Keys.Indices[0] }));
                    else recorder.Open(recorder.Log.Log.Size - 1, SealedBodies.Input);
                }
                return folder;
        }
    }

    static List<long> Indices(string journal)
    {
        var all = new List<long>();
        Journal.Scan(journal, records =>
        {
            foreach (var r in records) all.Add(BinaryPrimitives.ReadInt64BigEndian(r.Bytes.Span));
        });
        return all;
    }

    /// <summary>What fsck says of keys and bodies that nothing explains.</summary>
    string[] Found(NodeFolder folder)
    {
        var found = new Findings(folder.Path);
        NodeFsck.Check(folder, _world.Trust, found, default);
        Assert.DoesNotContain(found.Remarks, r => r.Contains("did not note", StringComparison.Ordinal));
        return [.. found.Violations.Select(v => v.Problem).Where(p =>
            p.Contains("are missing", StringComparison.Ordinal))];
    }

    [Fact]
    public async Task No_order_of_crashes_erasures_and_rewritings_makes_a_finding_or_hides_one()
    {
        async Task From(NodeFolder folder, string path, int left)
        {
            try
            {
                Assert.Empty(Found(folder));
                foreach (var step in left > 0 ? Enum.GetValues<Step>() : [])
                    await From(await After(folder, step), $"{path} {step}", left - 1);
                if (left > 0) return;

                // Nothing is missing for the node that opens it next; and what is then taken away is found.
                var next = await Record(Copy(folder), 1);
                Assert.Empty(Found(next));
                MissingKeysTests.Take(next.KeyTable(Origin), 3);
                Assert.Contains("(3), and nothing says why", Assert.Single(Found(next)), StringComparison.Ordinal);
                using var log = DecisionLog.Open(next, Origin, TimeProvider.System);
                using var recorder = new Recorder(next, log);
                Assert.Equal(1, recorder.Unexplained);
                // Owners state it: it is erased then.
                Assert.Equal(0, recorder.Erase(new HashSet<long> { 3 }));
                Assert.Equal(0, recorder.Unexplained);
            }
            catch (Exception e) when (e is not InvalidOperationException)
            {
                throw new InvalidOperationException($"after{path}: {e.Message}", e);
            }
            finally
            {
                Directory.Delete(folder.Path, recursive: true);
            }
        }

        var first = new NodeFolder(_scratch.At("first"));
        first.Open().Dispose();
        await From(await Record(first, 5), "", 3);
    }

    /// <summary>A crash in the first accounting itself: a table that was not there then is not taken for an earlier
    /// build's.</summary>
    [Fact]
    public async Task A_table_that_was_taken_away_is_found_missing_whenever_it_is_opened()
    {
        var folder = new NodeFolder(_scratch.At("first"));
        folder.Open().Dispose();
        await Record(folder, 3);
        File.Delete(folder.KeyTable(Origin));
        File.Delete(folder.Accounted(Origin));
        Assert.Single(Found(folder));
        for (var opened = 0; opened < 2; opened++)
        {
            using (var log = DecisionLog.Open(folder, Origin, TimeProvider.System))
            using (var recorder = new Recorder(folder, log))
                Assert.Equal(3, recorder.Unexplained);
            Assert.Equal(new Accounted(0, 3), Accounted.Read(folder.Accounted(Origin)));
            Assert.Single(Found(folder));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("""{"from":0,"to":3,"version":2}""")]
    [InlineData("""{"from":0,"to":-1,"version":1}""")]
    [InlineData("""{"from":0, "to":3,"version":1}""")]
    public void What_is_no_accounting_is_refused_and_said(string text)
    {
        var file = _scratch.File("accounted.json", text);
        Assert.Contains("does not say how far", Assert.Throws<IOException>(() => Accounted.Read(file)).Message,
            StringComparison.Ordinal);
        Assert.Null(Accounted.Read(_scratch.At("none")));
    }

    public void Dispose() => _scratch.Dispose();
}
