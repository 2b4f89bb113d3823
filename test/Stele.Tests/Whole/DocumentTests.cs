using System.CommandLine;
using System.Diagnostics;
using System.Text.RegularExpressions;
using Stele.Cli;
using Stele.Tests.House;

namespace Stele.Tests.Whole;

/// <summary>What the documents say one can type, one can type; what they say a test holds, a test holds.</summary>
[Collection(WholeCollection.Name)]
public sealed class DocumentTests(TourWorld tour)
{
    static readonly string[] Pages = ["README.md", "CONTRIBUTING.md", "docs/VERIFY.md", "docs/ARCHITECTURE.md",
        "samples/mortgage/README.md", "policies/README.md"];

    static string Read(string page) => File.ReadAllText(Path.Combine(Repository.Root, page));

    /// <summary>A fenced block: what stands behind its fence, and its lines.</summary>
    sealed record Block(string Info, string[] Lines);

    static Block[] Blocks(string text) =>
        [.. Regex.Matches(text, @"^```([^\n]*)\n(.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)
            .Select(m => new Block(m.Groups[1].Value, m.Groups[2].Value.TrimEnd('\n').Split('\n')))];

    /// <summary>
    /// Everything that looks like a command: lines of blocks, and code in the text that begins with a program of ours
    /// or with make.
    /// </summary>
    static string[] Commands(string text) =>
    [
        .. Blocks(text).Where(b => b.Info.Split(' ')[0] is "" or "sh").SelectMany(b => b.Lines),
        .. Regex.Matches(Regex.Replace(text, "^```.*?^```$", "", RegexOptions.Multiline | RegexOptions.Singleline),
            "`((?:stele|stele-verify|make|eng/)[^`\n]*)`").Select(m => m.Groups[1].Value),
    ];

    /// <summary>What stele-verify can be asked: one file a command, which names it first.</summary>
    static readonly string[] VerifyCommands = [
        .. Directory.GetFiles(Path.Combine(Repository.Root, "src", "Stele.Verify"), "*Command.cs").SelectMany(f =>
            Regex.Matches(File.ReadAllText(f), @"Command Command = new\(""([a-z]+)""").Select(m => m.Groups[1].Value))];

    /// <summary>What is wrong with a command: a verb, flag, target or script that there is not.</summary>
    static IEnumerable<string> Wrong(string command)
    {
        var targets = Regex.Match(Read("Makefile"), @"^\.PHONY: (.*)$",
            RegexOptions.Multiline).Groups[1].Value.Split(' ');
        foreach (var part in Regex.Split(Regex.Replace(command, "'[^']*'|\\s#.*$", " "), @"[|;&()]+")
            .Select(p => p.Trim()))
        {
            var words = part.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var at = Array.FindIndex(words,
                w => w is "stele" or "stele-verify" or "make" || w.StartsWith("eng/", StringComparison.Ordinal));
            if (at < 0) continue;
            var rest = words[(at + 1)..];
            if (words[at].StartsWith("eng/", StringComparison.Ordinal)
                && !File.Exists(Path.Combine(Repository.Root, words[at]))) yield return $"no script {words[at]}";
            if (words[at] == "make" && rest is [var target, ..] && !target.Contains('=', StringComparison.Ordinal)
                && !targets.Contains(target)) yield return $"no target {target}";
            if (words[at] == "stele-verify" && rest is [var what, ..] && what is not ("--help" or "--version")
                && !VerifyCommands.Contains(what)) yield return $"no {words[at]} {what}";
            if (words[at] == "stele" && rest is [var first, ..] && char.IsAsciiLetterLower(first[0]))
            {
                var level = Verbs.All;
                Verb? verb = null;
                var below = 0;
                foreach (var word in rest)
                {
                    if (level.Length == 0 || level.FirstOrDefault(v => v.Name == word) is not { } found) break;
                    (verb, level, below) = (found, found.Verbs, below + 1);
                }
                // A verb that holds others may do something by itself: what it then takes is a flag, a text, or (stele
                // log 7) a number.
                var takes = verb?.Shape.OfType<Argument>().FirstOrDefault()?.ValueType;
                var next = level.Length > 0 && rest.Length > below ? rest[below] : null;
                if (verb is null
                    || next is not null && !next.StartsWith("--", StringComparison.Ordinal)
                        && (takes is null || takes == typeof(long?) && !next.All(char.IsAsciiDigit)))
                    yield return $"no verb stele {string.Join(' ', rest)}";
                else
                    foreach (var flag in rest.Where(w => w.StartsWith("--", StringComparison.Ordinal))
                        .Select(w => w.Split('=')[0]))
                        if (flag is not ("--help" or "--json" or "--data" or "--home") && !verb.Shape.OfType<Option>()
                            .Any(o => o.Name == flag)) yield return $"no flag {flag} of stele {verb.Name}";
            }
        }
    }

    [Fact]
    public void Every_command_exists()
    {
        var commands = Pages.SelectMany(p => Commands(Read(p)).Select(c => (Page: p, Command: c))).ToArray();
        Assert.InRange(commands.Count(c => c.Command.Contains("stele", StringComparison.Ordinal)), 30, int.MaxValue);
        Assert.Empty(commands.SelectMany(c => Wrong(c.Command).Select(w => $"{c.Page}: {c.Command}: {w}")));
    }

    [Theory]
    [InlineData("stele frobnicate")]
    [InlineData("stele log burn")]
    [InlineData("stele status --before 3")]
    [InlineData("export A=1 && make coffee")]
    [InlineData("eng/absent.sh")]
    [InlineData("cat x | stele-verify nothing x")]
    public void A_command_that_is_not_is_seen(string command) => Assert.NotEmpty(Wrong(command));

    [Fact]
    public void Every_promise_names_its_tests_and_they_exist()
    {
        var promises = Read("docs/VERIFY.md").Split("\n## ").Skip(1).ToArray();
        Assert.True(promises.Length >= 12);
        foreach (var promise in promises)
        {
            var at = promise.IndexOf("\nTest: ", StringComparison.Ordinal);
            Assert.True(at > 0, "names no test: " + promise.Split('\n')[0]);
            var tests = Regex.Matches(promise[at..], "`([A-Za-z0-9_.]+)`").Select(m => m.Groups[1].Value).ToArray();
            Assert.NotEmpty(tests);
            Assert.All(tests, t => Assert.True(ContributingTests.Exists(t), "no such test: " + t));
        }
    }

    [Fact]
    public void Every_link_leads_somewhere()
    {
        var links = Pages.SelectMany(p =>
            Regex.Matches(Read(p), @"\]\(([^)#:\s]+)[^)]*\)").Select(m => (Page: p, To: m.Groups[1].Value))).ToArray();
        Assert.NotEmpty(links);
        Assert.All(links,
            l => Assert.True(Path.Exists(Path.Combine(Repository.Root, Path.GetDirectoryName(l.Page)!, l.To)),
                $"{l.Page} links to {l.To}"));
    }

    /// <summary>
    /// Blocks marked <c>run</c>: on the tour's world as it was left. Marked <c>run up</c>: on a copy that is alive
    /// again.
    /// </summary>
    [Fact]
    public async Task What_is_marked_to_run_runs_with_the_exit_codes_that_stand_beside()
    {
        var blocks =
            Pages.SelectMany(p => Blocks(Read(p)).Where(b => b.Info.StartsWith("sh run", StringComparison.Ordinal))
                .Select(b => (Page: p, Block: b))).ToArray();
        Assert.Contains(blocks, b => b.Page == "README.md");
        Assert.InRange(blocks.Count(b => b.Page == "docs/VERIFY.md"), 6, int.MaxValue);
        using var scratch = new Scratch();
        foreach (var (page, block) in blocks.Where(b => b.Block.Info == "sh run")) await Run(page, block, tour.Folder);

        using var world = tour.Copy();
        await using var up = await Up.Start(world.Folder, world.Owner, "--port", "0", "--gateway-port", "0");
        using var pages = new NodePages(world.Folder);
        await pages.Serving(up.Gateway);
        foreach (var (page, block) in blocks.Where(b => b.Block.Info == "sh run up")) await Run(page, block,
            world.Folder);
        Assert.All(blocks, b => Assert.True(b.Block.Info is "sh run" or "sh run up", b.Block.Info));

        async Task Run(string page, Block block, string folder)
        {
            foreach (var line in block.Lines.Where(l => l.Length > 0))
            {
                var expected = Regex.Match(line, @"# exit (\d+)$") is { Success: true } m ? m.Groups[1].Value : "0";
                var path = string.Join(':', ((string[])[Programs.Stele, Programs.Verify]).Select(Path.GetDirectoryName)
                    .Append(Environment.GetEnvironmentVariable("PATH")));
                var ran = await Programs.Run("/usr/bin/env", ["-C", scratch.Path, $"PATH={path}", $"DIR={folder}",
                    $"STELE_HOME={folder}/homes/owner", "/bin/bash", "-o", "pipefail", "-c", line]);
                Assert.True(ran.Code.ToString(System.Globalization.CultureInfo.InvariantCulture) == expected,
                    $"{page}: {line}\nexit {ran.Code}, not {expected}\n{ran.Output}{ran.Error}");
            }
        }
    }
}
