using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Stele.Blobs;
using Stele.Cli;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Control;
using Stele.Tests.Worlds;

namespace Stele.Tests.Whole;

/// <summary>
/// Text that would move the cursor, recolour, reorder, hide, or begin a line of ours, planted in every place where text
/// of others can stand, and what the programs print then: no such character, and no line that
/// somebody else began. A place is a row of <see cref="Places"/>; adding one is adding a row.
/// </summary>
public sealed class PlantedTextTests
{
    /// <summary>
    /// A carriage return, an escape, a bidi override, what is not seen, every line break there is, a tag, a C1 control.
    /// </summary>
    const string Plant = "z\r\e[2Kgood\u202E\u200B\u2028\nFORGED: all is well\U000E0041\u0085\x7f";

    static readonly string InYaml = string.Concat(Plant.EnumerateRunes()
        .Select(r => r.Value < 127 && !char.IsControl((char)r.Value) ? r.ToString() : $"\\U{r.Value:X8}"));

    static readonly string PolicyFile = $$"""
        name: planted
        description: "{{InYaml}}"
        define: { looks: "'''{{InYaml}}'''" }
        rules:
          - id: planted
            description: "{{InYaml}}"
            on: [decide]
            deny: "request.path == '''{{InYaml}}''' || request.path == looks"
            message: "'''{{InYaml}}'''"
        tests:
          - { name: "{{InYaml}}", on: decide, input: { request: { path: "{{InYaml}}" } }, expect: { planted: silent } }
        """;

    static Rule Planted => Rule.Require("planted", ["deploy"], $"'''{Plant}''' == ''", $"'''{Plant}'''")
        with { Description = Plant };

    static readonly Lazy<Mortgage> World = new(Live);

    static Mortgage Live()
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        m.Log.Add(m.World.Decide() with { Operation = Plant });
        var policy = m.World.Put(new Policy("planted", ImmutableSortedDictionary<string, Digest>.Empty,
            [Planted])
            .ToJson());
        m.World.Add(m.World.PutPolicy(policy), Worlds.World.Owners);
        m.World.Refuse(m.World.Deploying(m.V3), Worlds.World.Deployer);
        m.Anchor();
        return m;
    }

    static string Refused => World.Value.World.Replay.Entries.First(f => f.Statement is Verdict { Passed: false })
        .Index.ToString(CultureInfo.InvariantCulture);

    /// <summary>
    /// What stands where, and the command that shows it. Of what is typed, <c>S</c> is stele and <c>V</c> is
    /// stele-verify.
    /// </summary>
    static readonly (string Name, Func<Bench, Task<string>> Show)[] Places =
    [
        ("the name of a file that nobody signed", async b =>
            { b.Sign(); b.Write($"m/{Plant}", "x"); return await b.V("model", b.At("m"), "--key", b.At("p.pem"))
            + await b.V("model", b.At("m"), "--key", b.At("p.pem"), "--json"); }),
        ("the name of a signed file that is gone", async b =>
            { b.Write($"m/{Plant}", "x"); b.Sign(); File.Delete(b.At("m", Plant)); return await b.V("model", b.At("m"),
            "--key", b.At("p.pem")); }),
        ("the name of a folder that is signed", async b =>
            { b.Write($"{Plant}/w", "x"); b.Key(); return await b.S("model", "sign", b.At(Plant), "--key-file",
            b.At("k.pem")); }),
        ("the name of a key's file", async b => { b.Write("m/w", "x"); return await b.S("model", "sign", b.At("m"),
            "--key-file", b.At(Plant)); }),
        ("the name of a file that is not there", b => b.S("policy", "lint", b.At(Plant))),
        ("the same, as JSON", b => b.S("policy", "lint", b.At(Plant), "--json")),
        ("the name of a policy's file", b => b.S("policy", "test", b.Write($"{Plant}.yaml", "name: 1"))),
        ("the name of a trust file", b => b.S("verify", "pack", b.Write("a.zip", "x"), "--trust", b.At(Plant))),
        ("the name of a pack's file", b => b.V("pack", b.At(Plant))),
        ("a verb", b => b.S(Plant)),
        ("a word too many", b => b.S("key", "list", Plant)),
        ("a flag", b => b.S("status", "--" + Plant)),
        ("a number", b => b.S("verdict", Plant)),
        ("a time", b => b.S("verify", "pack", b.Write("a.zip", "x"), "--not-older-than", Plant)),
        ("a log's key", b => b.S("witness", "--name", "w.example/1", "--log", Plant)),
        ("a parameter", b => b.S("policy", "test", b.Write("p.yaml", PolicyFile), "--set", $"{Plant}=1")),
        ("a command of the verifier", b => b.V(Plant)),
        ("an option of the verifier", b => b.V("pack", "--" + Plant)),
        ("a time of the verifier", b => b.V("pack", b.Write("a.zip", "x"), "--not-older-than", Plant)),
        ("a word too many for the verifier", b => b.V("pack", "a", Plant)),
        ("a key in YAML", b => b.S("policy", "test", b.Write("p.yaml", $"name: p\n\"{InYaml}\": 1\nrules: []\n"))),
        ("a value in YAML", b => b.S("policy", "test", b.Write("p.yaml", $"name: \"{InYaml}\"\nrules: []\n"))),
        ("a line of YAML that an error shows", b => b.S("policy", "test",
            b.Write("p.yaml", "name: p\nrules: [\u202E\u200B {}]\n"))),
        ("a policy that is explained", b => b.S("policy", "explain", b.Write("p.yaml", PolicyFile))),
        ("the same, as JSON", b => b.S("policy", "explain", b.Write("p.yaml", PolicyFile), "--json")),
        ("a policy's test and its message", b => b.S("policy", "test", b.Write("p.yaml", PolicyFile))),
        ("the same, as JSON", b => b.S("policy", "test", b.Write("p.yaml", PolicyFile), "--json")),
        ("a policy that is compared", b => b.S("policy", "diff", b.Write("p.yaml", PolicyFile),
            b.Write("q.yaml", "name: planted\nrules: [{ id: other, on: [decide], require: 'true' }]\n"))),
        ("a policy that is remarked on", b => b.S("policy", "lint", b.Write("p.yaml", PolicyFile))),
        ("a comment in a policy that is laid out", b =>
            b.S("policy", "fmt", b.Write("p.yaml", "name: p # \u202E\u200B\nrules: [{ id: a, on: [decide], require: "
            + "'true' }]\n"))),
        ("a recorded request", b => b.V("receipt", b.Receipt(), "--trust", b.Trust())),
        ("the same, as JSON", b => b.V("receipt", b.Receipt(), "--trust", b.Trust(), "--json")),
        ("the same, by stele", b => b.S("verify", "receipt", b.Receipt(), "--trust", b.Trust())),
        ("the same, by stele, as JSON", b => b.S("verify", "receipt", b.Receipt(), "--trust", b.Trust(), "--json")),
        ("a rule, its description and message in a verdict", b =>
            b.V("verdict", b.Pack(), Refused, "--trust", b.Trust())),
        ("the same, as JSON", b => b.V("verdict", b.Pack(), Refused, "--trust", b.Trust(), "--json")),
        ("a server's answer", async b => { await using var server = new Liar(); return await b.S("login",
            server.Address, "--trust", b.Trust(), "--token-file", b.Token()); }),
        ("the same, as JSON", async b => { await using var server = new Liar(); return await b.S("login",
            server.Address, "--trust", b.Trust(), "--token-file", b.Token(), "--json"); }),
        ("a ledger's server, to the verifier", b => b.V("ledger", $"http://127.0.0.1:1/{Uri.EscapeDataString(Plant)}",
            "--trust", b.Trust())),
    ];

    public static TheoryData<int, string> All => new(Places.Select((p, i) => (i, p.Name)));

    [Theory]
    [MemberData(nameof(All))]
    public async Task It_neither_acts_nor_hides(int place, string name)
    {
        using var bench = new Bench();
        var said = await Places[place].Show(bench);
        Held(name, said, true);
    }

    static void Held(string name, string said, bool shows)
    {
        Assert.True(said.Length > 0, name);
        var bad = said.EnumerateRunes().Where(r => r.Value != '\n' && ForeignText.Hides(r.Value))
            .Select(r => $"U+{r.Value:X4}").Distinct().ToArray();
        Assert.True(bad.Length == 0, $"{name}: {string.Join(' ', bad)} reach the terminal:\n{ForeignText.Line(said)}");
        Assert.DoesNotContain(said.Split('\n'), line => line.StartsWith("FORGED", StringComparison.Ordinal));
        // And it was there: otherwise nothing was shown here.
        Assert.True(!shows || Regex.IsMatch(said, @"\\u\{202E\}|\\u202e|U\+202E|%E2%80%AE"),
            $"{name}: nothing of it is shown:\n{said}");
    }

    /// <summary>The same out of a ledger: a real server, and the verbs that show what it holds.</summary>
    [Fact]
    public async Task What_stands_in_a_ledger_neither_acts_nor_hides()
    {
        await using var town = await Town.Found();
        await town.Settle();
        var planted = new Policy("planted", ImmutableSortedDictionary<string, Digest>.Empty, [Planted]);
        await town.Server.Put(planted.ToJson().ToBytes(), TestContext.Current.CancellationToken);
        await town.Admit(town.Act(new PolicyStatement(Town.System, Town.Environment, null, planted.Digest)
            { Nonce = new string('0', 32), Issued = 0 }), town.Owner);
        var release = await town.Release("v1", 0.9, "weights");
        await town.Admit(town.Act(new Origin([new Subject(Digest.Of("rows"u8), "rows")], Origin.Freeze,
            Json.Object(("origin", Plant), ("licence", "MIT")), [], town.Builder.Id, null)
            { Nonce = new string('0', 32), Issued = 0 }), town.Builder);
        await town.Admit(town.Approval(release), town.Approver);
        await town.Refuse(town.Deployment(release), town.Deployer);
        var verdict = town.Host.Admission.Replay.Entries.First(f => f.Statement is Verdict { Passed: false }).Index
            .ToString(CultureInfo.InvariantCulture);

        using var bench = new Bench();
        bench.Write("trust.json", town.Trust.ToJson().ToString());
        await bench.S("login", town.Host.Address.ToString(), "--trust", bench.At("trust.json"),
            "--token-file", bench.Token(town.Founded.Token));
        (string[] Verb, bool Shows)[] verbs =
        [
            (["policy", "show", planted.Digest.ToString()], true),
            (["policy", "explain", planted.Digest.ToString()], true),
            (["policy", "test", planted.Digest.ToString()], false), (["policy", "list"], false), (["status"], false),
            (["verdict", verdict], true), (["verdict", "explain", verdict], true), (["verdict", "list"], false),
            (["verdict", "reproduce", verdict], false), (["log", "list"], false), (["release", "list"], false),
            (["release", "show", "v1"], false), (["trace", "v1"], false),
            (["trace", Digest.Of("rows"u8).ToString()], false),
        ];
        foreach (var (verb, shows) in verbs)
        {
            Held(string.Join(' ', verb), await bench.S(verb), shows);
            Held(string.Join(' ', verb) + " --json", await bench.S([.. verb, "--json"]), shows && verb[0] == "policy");
        }
    }

    /// <summary>
    /// What makes that hold for verbs to come: they reach the terminal through lines whose values are escaped, and have
    /// no other way.
    /// </summary>
    [Fact]
    public void Nothing_is_printed_but_through_escaped_lines()
    {
        static IEnumerable<string> Mentions(string project, string pattern, params string[] but) =>
            from file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", project), "*.cs",
                SearchOption.AllDirectories)
            let path = Path.GetRelativePath(Path.Combine(Repository.Root, "src", project), file)
            where !path.StartsWith("obj/", StringComparison.Ordinal)
                && !path.StartsWith("bin/", StringComparison.Ordinal) && !but.Contains(path)
            from line in File.ReadLines(file)
            where Regex.IsMatch(line, pattern)
            select $"{path}: {line.Trim()}";

        // Help is ours; the tour has a stage of its own, over the same lines.
        Assert.Empty(Mentions("Stele", @"[sS]tage\.(Output|Error)\.Write|Console\.(Out|Error)\b|Console\.Write",
            "Cli/Terminal.cs", "Cli/CommandLine.cs", "Cli/Verb.cs"));
        Assert.Empty(Mentions("Stele.Verify", @"OpenStandard|Console\.(Out|Error)\.(?!WriteLine)|Console\.Write\(",
            "Printer.cs"));
        Assert.Contains("Printer.Install();", File.ReadAllText(Path.Combine(Repository.Root, "src", "Stele.Verify",
            "Program.cs")), StringComparison.Ordinal);
    }

    /// <summary>A folder, keys, files, and both programs.</summary>
    sealed class Bench : IDisposable
    {
        readonly Scratch _scratch = new();

        public string Home => At("home");
        public string At(params string[] parts) => _scratch.At(parts);
        public string Write(string name, string content) => _scratch.File(name, content);

        /// <summary>A file with a token; one that opens nothing unless given.</summary>
        public string Token(string? token = null) => Write("token", token ?? Stele.Identity.Token.New());

        public void Key()
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            Write("k.pem", key.ExportPkcs8PrivateKeyPem());
            Write("p.pem", key.ExportSubjectPublicKeyInfoPem());
        }

        public void Sign()
        {
            Key();
            Write("m/w", "w");
            Assert.Contains("model.sig", S("model", "sign", At("m"), "--key-file", At("k.pem")).GetAwaiter()
                .GetResult(), StringComparison.Ordinal);
        }

        public string Trust() => Bytes("trust.json", World.Value.World.Trust.ToJson().ToBytes());
        public string Pack() => Bytes("pack.zip", World.Value.World.Pack());
        public string Receipt() => Bytes("receipt.json", World.Value.Receipt(World.Value.Log.Leaves.Count - 1)
            .Encode());

        string Bytes(string name, byte[] bytes)
        {
            File.WriteAllBytes(At(name), bytes);
            return At(name);
        }

        /// <summary>stele, in this process: its verbs, and its terminal.</summary>
        public async Task<string> S(params string[] arguments)
        {
            using var output = new StringWriter(CultureInfo.InvariantCulture);
            using var error = new StringWriter(CultureInfo.InvariantCulture);
            await Verbs.Run(arguments.Contains("--home") ? arguments
                : [.. arguments, "--home", Home, "--data", At("data")], new Stage(TimeProvider.System, output, error),
                TestContext.Current.CancellationToken);
            if (arguments.Contains("--json")) _ = CanonicalJson.Parse(Encoding.UTF8.GetBytes(output.ToString()),
                1 << 20);
            return output.ToString() + error;
        }

        /// <summary>stele-verify, as its own process: the bytes that it writes.</summary>
        public async Task<string> V(params string[] arguments)
        {
            var ran = await Programs.Run(Programs.Verify, arguments, temporary: _scratch.Path);
            if (arguments.Contains("--json")) _ = CanonicalJson.Parse(Encoding.UTF8.GetBytes(ran.Output), 1 << 20);
            return ran.Output + ran.Error;
        }

        public void Dispose() => _scratch.Dispose();
    }

    /// <summary>A server that answers everything with an error full of it.</summary>
    sealed class Liar : IAsyncDisposable
    {
        readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        readonly Task _served;

        public Liar()
        {
            _listener.Start();
            _served = Serve();
        }

        public string Address => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/";

        async Task Serve()
        {
            var body = Json.Object(("code", Plant), ("message", Plant), ("hint", Plant), ("rules", Json.EmptyArray))
                .ToBytes();
            try
            {
                while (true)
                {
                    using var client = await _listener.AcceptTcpClientAsync();
                    await using var stream = client.GetStream();
                    var asked = new byte[8192];
                    _ = await stream.ReadAsync(asked);
                    await stream.WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 400 Bad\r\nContent-Type: "
                        + $"application/json\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n"));
                    await stream.WriteAsync(body);
                }
            }
            // It was stopped.
            catch (Exception e) when (e is SocketException or ObjectDisposedException or IOException) { }
        }

        public async ValueTask DisposeAsync()
        {
            _listener.Dispose();
            await _served;
        }
    }
}
