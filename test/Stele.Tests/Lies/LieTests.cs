using System.Diagnostics;
using Stele.Proof.Packs;

namespace Stele.Tests.Lies;

/// <summary>
/// Every lie, in everything that it can be told in, by anyone who can tell it: refused, with its name; or told as
/// somebody's
/// word, whose key the forger holds. None is told as proven.
/// </summary>
public sealed class LieTests(ITestOutputHelper output)
{
    static readonly Lazy<List<(Cell Cell, string? Wrong, VerifyReport Report)>> Cells = new(() =>
        [.. Falsehoods.All.SelectMany(lie => lie.In.SelectMany(a => Enum.GetValues<Held>().Select(h => new Cell(lie, a,
            h))))
            .AsParallel().AsOrdered()
            .Select(cell => (Cell: cell, Tried: Guarded(cell)))
            .Where(x => x.Tried.IsCase)
            .Select(x => (x.Cell, x.Tried.Wrong, x.Tried.Report!))]);

    static (bool IsCase, string? Wrong, VerifyReport? Report) Guarded(Cell cell)
    {
        try
        {
            return cell.Try();
        }
        catch (Exception e)
        {
            var where = e.StackTrace?.Split('\n').FirstOrDefault(l => l.Contains("Lies", StringComparison.Ordinal));
            return (true, $"could not be made: {e.GetType().Name}: {e.Message} {where?.Trim()}", new VerifyReport());
        }
    }

    [Theory]
    [InlineData(nameof(Artefact.One))]
    [InlineData(nameof(Artefact.Two))]
    [InlineData(nameof(Artefact.Pack))]
    [InlineData(nameof(Artefact.Ledger))]
    public void No_lie_is_told_as_proven(string artefact)
    {
        var cells = Cells.Value.Where(c => c.Cell.In.ToString() == artefact).ToList();
        foreach (var (cell, wrong, report) in cells.Where(c => c.Wrong is not null && c.Cell.Skipped is null))
        {
            output.WriteLine($"{cell.Name}: {wrong}");
            foreach (var line in report.Lines().Take(12)) output.WriteLine($"    {line.Text}");
        }
        foreach (var (cell, wrong, _) in cells.Where(c => c.Cell.Skipped is not null)) output.WriteLine(
            $"open: {cell.Name}: {cell.Skipped} ({wrong})");
        Assert.Equal([], cells.Where(c => c.Wrong is not null && c.Cell.Skipped is null).Select(c =>
            $"{c.Cell.Name}: {c.Wrong}"));
        // What is said to be open fails, or it is open no more.
        Assert.Equal([], cells.Where(c => c.Wrong is null && c.Cell.Skipped is not null).Select(c => c.Cell.Name));
    }

    [Fact]
    public void There_are_enough_and_none_stands_twice()
    {
        var cells = Cells.Value;
        foreach (var by in cells.GroupBy(c => (c.Cell.In, c.Cell.Held)).OrderBy(g => g.Key))
            output.WriteLine($"{by.Key.In}, {by.Key.Held}: {by.Count()} cells, " +
                $"{by.Count(c => c.Report.Findings.Count > 0)} refused");
        output.WriteLine($"{Falsehoods.All.Length} lies, {cells.Count} cells, " +
            $"{cells.Count(c => c.Report.Findings.Count > 0)} refused, " +
            $"{cells.Count(c => c.Report.Findings.Count == 0)} told as somebody's word");
        Assert.True(cells.Count >= 400, $"{cells.Count} cells");
        Assert.True(Falsehoods.All.Length >= 40);
        Assert.Empty(Falsehoods.All.GroupBy(l => l.Sentence).Where(g => g.Count() > 1).Select(g => g.Key));
        // Each lie is told in every artefact that it says it is told in, by somebody.
        Assert.Equal([], Falsehoods.All.SelectMany(l => l.In.Select(a => (l, a))).Where(x =>
            !cells.Any(c => c.Cell.Lie == x.l && c.Cell.In == x.a)).Select(x => $"{x.l} in {x.a}"));
    }

    /// <summary>Whatever a verifier can say, there is a lie that would have it say what is not so.</summary>
    [Fact]
    public void Every_line_of_a_report_has_a_lie()
    {
        var calls = Directory.GetFiles(Path.Combine(Repository.Root, "src", "Stele.Proof", "Packs"),
            "*.cs").SelectMany(f => Lines.CallsIn(File.ReadAllText(f))).ToList();
        Assert.True(calls.Count >= 60, $"{calls.Count} calls");
        Assert.Equal([], calls.Where(c => !Lines.All.Any(l => c.Contains(l.Fragment, StringComparison.Ordinal))));
        Assert.Equal([], Lines.All.Where(l => !calls.Any(c => c.Contains(l.Fragment, StringComparison.Ordinal))).Select(
            l => l.Fragment));
        Assert.Equal([], Lines.All.Select(l => l.Lie).Except(Falsehoods.All.Select(l => l.Sentence)));
    }

    /// <summary>The grounds that lies are told about are true: the same papers without a lie are complete.</summary>
    [Fact]
    public void The_truth_is_told()
    {
        var watch = Stopwatch.StartNew();
        foreach (var ground in new[] { Ground.Life, Ground.Free, Ground.Doubtful, Ground.Late, Ground.Canary })
            foreach (var artefact in Enum.GetValues<Artefact>())
                foreach (var held in new[] { Held.None, Held.Server, Held.Node })
                {
                    var report = new Forger(ground.Value, held, artefact).Judged();
                    Assert.Equal([], report.Findings.Select(f => f.ToString()));
                    Assert.Contains(report.Headline,
                        new[] { Headline.Complete, Headline.CompleteWithLimits, Headline.DeclaredGaps });
                }
        output.WriteLine($"{watch.ElapsedMilliseconds} ms");
    }
}
