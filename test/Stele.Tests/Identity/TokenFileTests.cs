using System.Diagnostics;
using System.Text;
using Stele.Disk;
using Stele.Identity;
using Stele.Proof;
using Stele.Tests.Whole;

namespace Stele.Tests.Identity;

/// <summary>The one file that says who may come in: changed by many at once, damaged, cut, and taken over from earlier
/// builds.</summary>
public sealed class TokenFileTests
{
    const string System_ = "desk";

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    static bool Opens(string path, string token, Rights right) =>
        new TokenFile(path, TimeProvider.System).Authenticate("Bearer " + token)?.Has(right) == true;

    [Fact]
    public async Task Changes_made_at_once_are_all_kept()
    {
        using var scratch = new Scratch();
        var path = scratch.At("tokens.json");
        var made = await Task.WhenAll(Enumerable.Range(0, 40).Select(i =>
            Task.Run(() => (Name: $"t{i}", Token: TokenFile.Renew(path, $"t{i}")), Stop)));
        Assert.Equal(made.Select(m => m.Name).Order(), TokenFile.All(path).Select(h => h.Name).Order());
        Assert.All(made, m => Assert.True(Opens(path, m.Token, Rights.Read)));
        await Task.WhenAll(made.Take(20).Select(m => Task.Run(() => Assert.True(TokenFile.Remove(path, m.Name)),
            Stop)));
        Assert.Equal(20, TokenFile.All(path).Length);
        Assert.All(made.Skip(20), m => Assert.True(Opens(path, m.Token, Rights.Read)));
        Assert.All(made.Take(20), m => Assert.False(Opens(path, m.Token, Rights.Read)));

        // Of those who want one name at once, one gets it.
        var same = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ =>
            Task.Run(() => TokenFile.Add(path, new TokenHolder("one", default, Rights.Read)), Stop)));
        Assert.True(Opens(path, Assert.Single(same, t => t is not null)!, Rights.Read));
        Assert.Equal(Files.Secret, File.GetUnixFileMode(path));
    }

    /// <summary>Ten processes, as ten people would type it.</summary>
    [Fact]
    public async Task Ten_commands_at_once_keep_ten_tokens()
    {
        using var scratch = new Scratch();
        var (data, home) = (scratch.At("data"), scratch.At("home"));
        (await Programs.Cli(home, "init", "--data", data)).Succeeded();
        var before = TokenFile.All(Path.Combine(data, "server", "tokens.json")).Length;
        var made = await Task.WhenAll(Enumerable.Range(0, 10).Select(async i =>
            (await Programs.Say(home, "token", "add", $"t{i}", "--data", data))["token"].AsString));
        var path = Path.Combine(data, "server", "tokens.json");
        Assert.Equal(before + 10, TokenFile.All(path).Length);
        Assert.All(made, t => Assert.True(Opens(path, t, Rights.Submit)));
    }

    [Fact]
    public void Any_damage_is_seen_and_lets_nobody_in()
    {
        using var scratch = new Scratch();
        var path = scratch.At("tokens.json");
        var token = TokenFile.Renew(path, "ann");
        TokenFile.AddPrincipal(path, ["clerk"], ["desk/prod"]);
        var good = File.ReadAllBytes(path);
        for (var at = 0; at < good.Length; at++)
        {
            var bad = good.ToArray();
            bad[at] ^= 1;
            File.WriteAllBytes(path, bad);
            Assert.ThrowsAny<FormatException>(() => TokenFile.All(path));
            Assert.ThrowsAny<FormatException>(() => Opens(path, token, Rights.Read));
            // And it is not written over.
            Assert.ThrowsAny<FormatException>(() => TokenFile.Renew(path, "bo"));
            Assert.Equal(bad, File.ReadAllBytes(path));
        }
        File.WriteAllBytes(path, good);
        Assert.True(Opens(path, token, Rights.Read));
    }

    [Fact]
    public void A_file_of_an_earlier_build_opens_as_before_and_its_first_change_raises_its_version()
    {
        using var scratch = new Scratch();
        var (server, node) = (scratch.At("tokens.json"), scratch.At("principals.json"));
        var (first, hex) = (Token.New(), "stele_" + new string('0', 63) + "a");
        File.WriteAllText(server,
            $$"""{"tokens":[{"digest":"{{Token.DigestOf(first)}}","name":"founder"}],"version":1}""");
        var id = new string('1', 32);
        File.WriteAllText(node,
            $$"""{"principals":[{"id":"{{id}}","roles":["clerk"],"token":"{{Token.DigestOf(hex)}}"}],"version":1}""");
        void Stands()
        {
            foreach (var right in new[] { Rights.Read, Rights.Upload, Rights.Submit }) Assert.True(Opens(server, first,
                right));
            var clerk = new TokenFile(node, TimeProvider.System).Authenticate("Bearer " + hex)!;
            Assert.Equal((id, Rights.Decide, "clerk"), (clerk.Name, clerk.Rights, Assert.Single(clerk.Roles)));
            Assert.Null(clerk.Places);
            Assert.True(clerk.MayAsk(System_, "prod") && clerk.MayAsk("other", "test"));
        }
        Stands();
        TokenFile.Renew(server, "bo");
        TokenFile.AddPrincipal(node, [], [System_]);
        Stands();
        // What an earlier build looks at first, and refuses to go on by.
        foreach (var file in new[] { server, node }) Assert.Equal(2,
            CanonicalJson.ParseCanonical(File.ReadAllBytes(file), 1 << 20)["version"].AsInt);

        File.WriteAllText(server, File.ReadAllText(server).Replace("\"version\":2", "\"version\":3",
            StringComparison.Ordinal));
        Assert.Contains("a newer build wrote it", Assert.Throws<FormatException>(() => TokenFile.All(server)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_principal_asks_its_environments_alone()
    {
        using var scratch = new Scratch();
        var path = scratch.At("principals.json");
        var (_, token) = TokenFile.AddPrincipal(path, ["clerk"], ["desk/prod", "loans"]);
        var holder = new TokenFile(path, TimeProvider.System).Authenticate("bearer  " + token)!;
        Assert.True(holder.MayAsk("desk", "prod") && holder.MayAsk("loans", "test") && holder.MayAsk("loans", "prod"));
        Assert.False(holder.MayAsk("desk", "test") || holder.MayAsk("des", "k/prod") || holder.MayAsk("desk", "")
            || holder.MayAsk("", "loans"));
        Assert.Throws<FormatException>(() => TokenFile.AddPrincipal(path, [], []));
    }

    public static TheoryData<string> NoTokens() => ["", "stele_", "st", "stele_ab", "stele_" + new string('x', 42),
        "stele_" + new string('x', 44), "stele_" + new string('+', 43),
        "stele_" + new string('0', 63), "stele_" + new string('A', 64), "STELE_" + new string('0', 64),
            new string('0', 64), "stele_" + new string('é', 43)];

    [Theory]
    [MemberData(nameof(NoTokens))]
    public void What_has_not_the_form_of_a_token_is_none(string text)
    {
        Assert.False(Token.IsWellFormed(text));
        Assert.Null(Token.Of("Bearer " + text));
        Assert.True(Token.IsWellFormed(Token.New()) && Token.IsWellFormed("stele_" + new string('0', 64)));

        // A node does not start by one, and writes nothing.
        using var scratch = new Scratch();
        var folder = new Stele.Host.NodeFolder(scratch.At("node"));
        Directory.CreateDirectory(folder.Path);
        File.WriteAllText(folder.Token, text + "\n");
        Assert.Contains("does not hold a token", Assert.Throws<FormatException>(() => folder.Open()).Message,
            StringComparison.Ordinal);
        Assert.Equal([folder.Token], Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public async Task No_token_is_taken_on_a_command_line_and_three_other_ways_are()
    {
        using var scratch = new Scratch();
        await using var town = await Control.Town.Found();
        var token = town.Founded.Token;
        string[] login = ["login", town.Host.Address.ToString(), "--trust",
            scratch.File("trust.json", town.Trust.ToJson().ToString())];
        var typed = await Programs.Cli(scratch.At("a"), [.. login, "--token", token]);
        Assert.Equal(2, typed.Code);
        Assert.Contains("--token takes no token", typed.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(token, typed.Error + typed.Output, StringComparison.Ordinal);
        (await Programs.Cli(scratch.At("b"), [.. login, "--token-file",
            scratch.File("token", token + "\n")])).Succeeded();
        await Run(scratch.At("c"), [.. login, "--token", "-"], input: token + "\n", variable: null);
        await Run(scratch.At("d"), login, input: "", variable: token);
        foreach (var home in new[] { "b", "c", "d" }) Assert.Contains(token,
            File.ReadAllText(Path.Combine(scratch.At(home), "config.json")), StringComparison.Ordinal);

        static async Task Run(string home, string[] arguments, string input, string? variable)
        {
            var start = Programs.Start(Programs.Stele, [.. arguments, "--home", home]);
            if (variable is not null) start.Environment["STELE_TOKEN"] = variable;
            using var process = Process.Start(start)!;
            await process.StandardInput.WriteAsync(input.AsMemory(), Stop);
            process.StandardInput.Close();
            var error = await process.StandardError.ReadToEndAsync(Stop);
            await process.WaitForExitAsync(Stop);
            Assert.True(process.ExitCode == 0, error);
        }
    }
}
