using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Tamper;
using Stele.Tests.Worlds;

namespace Stele.Tests.Packs;

/// <summary>
/// stele-pack.html in a real browser, opened from the disk: it checks what it says it checks, and what comes out of a
/// pack stays text.
/// </summary>
public sealed class PageTests(Browser browser) : IClassFixture<Browser>
{
    static readonly string Html = Encoding.UTF8.GetString(PackPage.Bytes());

    /// <summary>A life with drift in it, and decisions of every kind.</summary>
    static readonly Mortgage Lived = Live();
    static readonly byte[] Pack = Lived.World.Pack();

    static Mortgage Live()
    {
        var m = Mortgage.Lived();
        var w = m.World;
        w.Add(
            w.Observe(
                ObservedEvent.Drift) with { Dimensions =
                    [new Dimension("files", ObservedStrength.VerifiedAtLoad, false, Digest.Of("tree"u8),
                        Digest.Of("another tree"u8)), new Dimension("libraries", ObservedStrength.Attested, true, null,
                            null)] },
            World.Node);
        w.Add(w.Observe(ObservedEvent.Healed), World.Node);
        for (var i = 0; i < 60; i++) m.Log.Add(w.Decide() with
        {
            Outcome = i % 9 == 0 ? DecisionOutcome.Deny : DecisionOutcome.Allow,
            Rule = i % 9 == 0 ? "predict-only" : null,
            Status = i % 9 == 0 ? 403 : 200
        });
        m.Anchor();
        return m;
    }

    string PageFile => File.Exists(browser.At(PackPage.FileName))
        ? browser.At(PackPage.FileName)
        : browser.Write(PackPage.FileName, PackPage.Bytes());

    async Task<(string Result, string Findings)> Judge(byte[] pack, Trust? trust)
    {
        Assert.SkipWhen(Browser.Missing is not null, Browser.Missing ?? "");
        await browser.Open(PageFile, browser.Write("audit-pack.zip", pack),
            trust is null ? null : browser.Write("trust.json", trust.ToJson().ToBytes()));
        return (await browser.Result(), await browser.Findings());
    }

    [Fact]
    public async Task A_good_pack_agrees_and_shows_what_happened()
    {
        Assert.Equal(("complete-with-limits", ""), await Judge(Pack, Lived.World.Trust));
        Assert.Empty(await browser.Complaints());
        Assert.Equal("0", await browser.Run("return performance.getEntriesByType('resource').length"));
        // The leaves are read from the pack once more, to be looked at: a moment after the result.
        var text = await browser.Run("return document.body.innerText");
        for (var until = DateTime.UtcNow.AddSeconds(60); !text.Contains("Leaves 0 to 24", StringComparison.Ordinal)
            && DateTime.UtcNow < until; text = await browser.Run("return document.body.innerText"))
            await Task.Delay(50, TestContext.Current.CancellationToken);
        foreach (var told in new[] { "Timeline", "Releases", "Verdicts, rule by rule", "Approvals and waivers",
            "attests eu-ai-act/14", "Decisions", "Drift and alerts", "Refusals", "v1", "v2", "v3", "four-fifths",
            "checks.fairness.all(e, e.metrics.approval_ratio >= 0.8)", "approval_ratio 0.731",
            "checks.fairness[0].metrics.approval_ratio = 0.731", "predict-only", "policies are not executed again" })
            Assert.Contains(told, text, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(Lived.World.Entries.Count.ToString(System.Globalization.CultureInfo.InvariantCulture),
            await browser.Run("return document.querySelector('.tile b').textContent"));
        Assert.Contains("Leaves 0 to 24 of 70", text, StringComparison.Ordinal);
        await browser.Picture("good.png", height: 3000);
        await browser.Picture("good-dark.png", dark: true, height: 3000);
        await browser.Picture("good-narrow.png", width: 400, height: 2400);
    }

    /// <summary>What was pruned and erased is declared; what is gone without a word is found.</summary>
    [Fact]
    public async Task A_pruned_log_is_proved_from_its_floor_on()
    {
        var m = Mortgage.Pruned();
        m.Erase(600, 601);
        m.World.Add(World.PlaceHold(World.Prod, m.Log.Origin, 650), World.Owners);
        Assert.Equal(("declared-gaps", ""), await Judge(m.World.Pack(), m.World.Trust));
        var text = await browser.Run("return document.body.innerText");
        foreach (var told in new[] { "512 leaves pruned as declared", "188 leaves", "erases 2 records",
            "places a legal hold" }) Assert.Contains(told, text, StringComparison.Ordinal);
        foreach (var attack in Matrix.All
            .Where(a =>
                a.Name is "finder: pruned log: another tree below the floor"
                    or "node: pruned log: another tree below the floor, its log signed again"
                    or "node: prunes without any floor" or "finder: pruned log: a floor of 0"))
        {
            var (pack, trust) = attack.Make();
            Assert.Equal("contradicted", (await Judge(pack, trust)).Result);
        }
    }

    [Fact]
    public async Task Every_control_has_a_name_and_headings_have_an_order()
    {
        await Judge(Pack, Lived.World.Trust);
        Assert.Equal("",
            await browser.Run(
                "return Array.from(document.querySelectorAll('input, select, button'), c => c.labels?.length || c.textContent.trim() ? '' : c.outerHTML).join('')"));
        Assert.Equal("0",
            await browser.Run(
                "return Array.from(document.querySelectorAll('h1, h2, h3'), h => +h.tagName[1]).reduce((n, l, i, all) => n + (i && l > all[i - 1] + 1 ? 1 : 0), 0)"));
        Assert.Equal("en 1",
            await browser.Run("return document.documentElement.lang + ' ' + document.querySelectorAll('main').length"));
    }

    [Fact]
    public async Task Without_a_trust_file_it_is_unauthenticated() =>
        Assert.Equal(("consistent-unauthenticated", ""), await Judge(Pack, null));

    [Fact]
    public async Task A_flipped_byte_is_found_where_it_is()
    {
        // In the middle of a decision, of an entry, of a document.
        foreach (var name in new[] { Segment.Name(Stele.Proof.Packs.Pack.LogFolder(Lived.Log.Origin), 0),
            Segment.Name("ledger", 0), $"documents/{Lived.Policy.Hex}" })
        {
            var member = Zip.Read(new MemoryStream(Pack)).Single(m => m.Name == name);
            var (result, findings) = await Judge(Forgery.Flip(Pack,
                (int)(member.Offset + 30 + name.Length + member.Size / 2)), Lived.World.Trust);
            Assert.Equal("contradicted", result);
            Assert.Contains($"member-damaged in {name}", findings, StringComparison.Ordinal);
        }
        await browser.Picture("flipped.png", height: 1000);
    }

    [Fact]
    public async Task What_was_forged_with_all_digests_made_again_is_found()
    {
        Forgery Forged() => Forgery.Of(Lived.World);
        async Task Found(string expected, byte[] pack)
        {
            var (result, findings) = await Judge(pack, Lived.World.Trust);
            Assert.True(result == "contradicted"
                && findings.Contains(expected, StringComparison.Ordinal), $"want {expected}, found {findings}");
        }
        var f = Forged();
        f.Entries[5] = Forgery.Flip(f.Entries[5], f.Entries[5].Length / 2);
        await Found("checkpoint-root in ledger/checkpoint", f.Write());
        f = Forged();
        f.Logs[Lived.Log.Origin].Leaves.RemoveAt(3);
        await Found("anchor-root in anchor in entry", f.ResignLog(Lived.Log.Key).Write());
        f = Forged();
        f.Logs.Remove(Lived.Log.Origin);
        await Found("log-missing", f.Write());
        f = Forged();
        f.Overrides["readme.md"] = "hello"u8.ToArray();
        await Found("member-unread in readme.md", f.Write());
        f = Forged();
        await Found("checkpoint-signature", f.ResignLog(new NoteSigner(Lived.Log.Origin, secret: "other")).Write());
        f = Forged();
        var entry = Entry.Parse(f.Entries[^1]);
        f.Entries[^1] = new Entry(entry.Time, Envelope.Sign(entry.Envelope.Payload, World.Stranger.Key)).Bytes;
        await Found("entry-refused", f.Write());
    }

    [Fact]
    public async Task A_pack_cut_short_is_said_to_be()
    {
        foreach (var length in new[] { Pack.Length - 1, Pack.Length / 2, 10 })
        {
            var (result, findings) = await Judge(Pack[..length], Lived.World.Trust);
            Assert.Equal("contradicted", result);
            Assert.Contains("pack-malformed", findings, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Another_ledgers_trust_file_fails_it()
    {
        var (result, findings) = await Judge(Pack, Mortgage.Founded("elsewhere.example/ledger").World.Trust);
        Assert.Equal("contradicted", result);
        Assert.Contains("trust-origin", findings, StringComparison.Ordinal);
        var (again, unwitnessed) = await Judge(Pack,
            Lived.World.Trust with { Witnesses = [new NoteSigner("other.example", NoteKeyType.Cosignature).Key] });
        Assert.Equal("contradicted", again);
        Assert.Contains("too-few-witnesses", unwitnessed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_pack_says_stays_text()
    {
        const string Evil =
            "<img src=x onerror=\"document.documentElement.dataset.owned=1\"><script>document.documentElement.dataset.owned=1</script>&lt;b&gt;";
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        m.Log.Add(m.World.Decide() with { Operation = Evil });
        var policy =
            m.World.Put(new Stele.Proof.Governance.Policy("evil", ImmutableSortedDictionary<string, Digest>.Empty,
                [Stele.Proof.Governance.Rule.Require("evil", ["deploy"], $"'{Evil}' == ''", $"'{Evil}'")]).ToJson());
        m.World.Add(m.World.PutPolicy(policy), World.Owners);
        m.World.Refuse(m.World.Deploying(m.V3), World.Deployer);
        m.Anchor();
        Assert.Equal(("complete-with-limits", ""), await Judge(m.World.Pack(), m.World.Trust));
        Assert.Contains(Evil, await browser.Run("return document.body.innerText"), StringComparison.Ordinal);
        Assert.Equal(" 0 1",
            await browser.Run(
                "return (document.documentElement.dataset.owned ?? '') + ' ' + document.querySelectorAll('img').length + ' ' + document.querySelectorAll('script').length"));
        Assert.Empty(await browser.Complaints());
    }

    /// <summary>
    /// The page has the programs' own escaping, and puts everything through it that comes out of a pack.
    /// </summary>
    [Fact]
    public async Task What_a_pack_says_can_not_act_or_hide()
    {
        const string Plant = "z\r\e[2Kgood\u202E\u200B\u2028\n\U000E0041\u0085";
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        m.Log.Add(m.World.Decide() with { Operation = Plant });
        var policy = m.World.Put(new Stele.Proof.Governance.Policy("planted", ImmutableSortedDictionary<string,
            Digest>.Empty,
            [Stele.Proof.Governance.Rule.Require("planted", ["deploy"], $"'''{Plant}''' == ''",
                $"'''{Plant}'''") with { Description = Plant }]).ToJson());
        m.World.Add(m.World.PutPolicy(policy), World.Owners);
        m.World.Refuse(m.World.Deploying(m.V3), World.Deployer);
        m.Anchor();
        Assert.Equal(("complete-with-limits", ""), await Judge(m.World.Pack(), m.World.Trust));
        await browser.Run("document.querySelectorAll('details').forEach(d => d.open = true)");
        // Every text and every title; the layout of the page itself has line breaks and spaces.
        var said = await browser.Run("const w = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); "
            + "const all = []; while (w.nextNode()) if (w.currentNode.parentElement.tagName !== 'SCRIPT') "
            + "all.push(w.currentNode.data); document.querySelectorAll('[title]').forEach(e => all.push(e.title)); "
            + "return all.join('')");
        Assert.DoesNotContain(said, c => ForeignText.Hides(c) && c != '\n' && !char.IsSurrogate(c));
        Assert.Contains("z\\u{D}\\u{1B}[2Kgood\\u{202E}\\u{200B}\\u{2028}\\u{A}\\u{E0041}\\u{85}", said,
            StringComparison.Ordinal);
        foreach (var (text, shown) in Stele.Tests.Proof.ForeignTextTests.Vectors)
            Assert.Equal(shown, await browser.Run("return "
                + $"shown(String.fromCharCode({string.Join(',', text.Select(c => (int)c))}))"));
        Assert.Equal("2026-11-30T16:00:00Z 9007199254740991 ms after 1970",
            await browser.Run("return when(Date.UTC(2026, 10, 30, 16)) + ' ' + when(9007199254740991)"));
    }

    /// <summary>
    /// The policy in the page lets its own script and style run and nothing else; these are their digests.
    /// </summary>
    [Fact]
    public void The_page_allows_itself_and_nothing_else()
    {
        static string Own(string tag) =>
            $"{tag}-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Regex.Match(Html, $"<{tag}>(.*?)</{tag}>", RegexOptions.Singleline).Groups[1].Value)))}'";
        Assert.Equal($"default-src 'none'; {Own("script")}; {Own("style")}; base-uri 'none'; form-action 'none'",
            Regex.Match(Html, "Content-Security-Policy\" content=\"([^\"]*)\"").Groups[1].Value);
        Assert.DoesNotMatch(
            "innerHTML|outerHTML|insertAdjacentHTML|document\\.write|\\beval\\(|new Function|\\bfetch\\(|XMLHttpRequest|WebSocket|\\bimport\\(", Html);
        Assert.DoesNotMatch("<(link|iframe|object|embed|base|form)\\b|\\b(src|action)=\"", Html);
    }

    [Fact]
    public void Stele_verify_knows_the_page()
    {
        using var box = new VerifyProgram(Mortgage.Founded());
        var (code, output, _) = box.Run("page");
        Assert.Equal((0, $"{Digest.Of(PackPage.Bytes())}  stele-pack.html\n"), (code, output));
        Assert.Equal(0, box.Run("page", box.Write("page.html", PackPage.Bytes())).Code);
        Assert.Equal(1, box.Run("page", box.Write("other.html", [.. PackPage.Bytes(), (byte)'\n'])).Code);
        Assert.Contains("\"result\":\"failed\"", box.Run("page", box.Path("other.html"), "--json").Output,
            StringComparison.Ordinal);
    }
}
