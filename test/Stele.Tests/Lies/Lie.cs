using System.Text.RegularExpressions;
using Stele.Proof.Packs;
using Stele.Tests.Worlds;

namespace Stele.Tests.Lies;

/// <summary>
/// A false sentence about a world, and how to make papers that say it. Papers that say so are refused; or, from some
/// keys on
/// in some artefacts, what they say is told as the word of one whose key the forger holds, or as not shown.
/// </summary>
/// <param name="Sentence">What is not so.</param>
/// <param name="Tell">Makes the papers.</param>
/// <param name="Names">What a finding says at the least, where it is refused: the message names the lie.</param>
sealed record Lie(string Sentence, Lazy<Ground> Ground, Artefact[] In, Action<Forger> Tell, string Names)
{
    /// <summary>From which keys on, in which artefacts, it may be told; and in what words.</summary>
    public (Artefact In, Held From, string Words)[] Told { get; init; } = [];

    /// <summary>Words that nobody may read as proven.</summary>
    public string? Never { get; init; }

    /// <summary>What stays open, and why: such cells are skipped by name.</summary>
    public (Artefact In, Held From, string Why)[] Open { get; init; } = [];

    public override string ToString() => Sentence;
}

/// <summary>One lie in one artefact, by a forger who holds some keys.</summary>
sealed record Cell(Lie Lie, Artefact In, Held Held)
{
    /// <summary>How it is told that an entry, or a leaf, is not in the tree that was signed.</summary>
    const string NotInTree = "entry-inclusion|checkpoint-(root|size|signature)|is not served",
        NotInLog = "decision-inclusion";

    public string Name => $"{Lie.Sentence} · {In} · {Held}";

    public string? Skipped => Lie.Open.Where(o => o.In == In && Held >= o.From).Select(o => o.Why).FirstOrDefault();

    /// <summary>What is wrong; null if the lie is refused, or told as the word that it is. No case where the forger
    /// can't make the papers.</summary>
    public (bool IsCase, string? Wrong, VerifyReport? Report) Try()
    {
        var forger = new Forger(Lie.Ground.Value, Held, In);
        VerifyReport report;
        try
        {
            Lie.Tell(forger);
            // A key that is of no use makes no other case. What a node signs again is known when it is made.
            if (!forger.UsedAll && !(Held == Held.Node && forger.Rewritten)) return (false, null, null);
            report = forger.Judged();
            if (!forger.UsedAll) return (false, null, null);
        }
        catch (LacksKeyException)
        {
            return (false, null, null);
        }
        return (true, Wrong(report, forger), report);
    }

    string? Wrong(VerifyReport report, Forger forger)
    {
        if (report.Findings.Count > 0)
        {
            var names = Held switch { Held.None => $"{Lie.Names}|{NotInTree}|{NotInLog}", Held.Server =>
                $"{Lie.Names}|{NotInLog}", _ => Lie.Names };
            return report.Findings.Any(f => Regex.IsMatch(f.ToString(), names)) ? null
                : $"refused, and no message names it (/{names}/)";
        }
        var proven = report.Facts.Where(f => f.Basis == Basis.Proven).Select(f => f.Sentence).Concat(
            report.Notes).ToList();
        if (Lie.Never is { } never && proven.FirstOrDefault(s => Regex.IsMatch(s,
            never)) is { } told) return $"told as proven: {told}";
        if (Lie.Told.FirstOrDefault(t => t.In == In
            && Held >= t.From) is not { Words: { } words }) return "neither refused nor to be told with these keys";

        var said = report.Facts.Where(f => Regex.IsMatch(f.Sentence, words)).ToList();
        if (said.FirstOrDefault(f => f.Basis == Basis.NodeWord
            && Held < Held.Node) is { } node) return $"told as the word of the node, which never said it: " +
            $"{node.Sentence}";
        if (said.FirstOrDefault(f => f.Basis == Basis.ServerWord
            && Held < Held.Server) is { } server) return $"told as the word of the server, which never said it: " +
            $"{server.Sentence}";
        bool Signed(string sentence) => forger.Member is { } m && sentence.Contains($"member {m.Id[..8]}",
            StringComparison.Ordinal);
        return said.Any(f => f.Basis != Basis.Proven || Signed(f.Sentence))
            || report.Limits.Any(l => Regex.IsMatch(l.ToString(), words))
                || report.Remarks.Any(r => Regex.IsMatch(r.ToString(), words))
            || (report.Stopped is { } stopped && Regex.IsMatch(stopped.ToString(), words))
            ? null : $"nothing says whose word it is (/{words}/)";
    }
}
