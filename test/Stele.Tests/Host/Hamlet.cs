using System.Collections.Immutable;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Stele.Blobs;
using Stele.Build;
using Stele.Control.Views;
using Stele.Gateway;
using Stele.Host;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Runtime;
using Stele.Tests.Control;

namespace Stele.Tests.Host;

/// <summary>
/// A real server, a real node that follows it, and real releases: a small HTTP service in Perl, in an environment
/// frozen from this machine. What its paths do is written in <see cref="Program"/>.
/// </summary>
sealed class Hamlet : IAsyncDisposable
{
    public const string System = Town.System, Prod = Town.Environment, Place = System + "/" + Prod;

    /// <summary>GET /health, POST /say (the word of this release, and what was sent), /headers, /slow, /big, /large (as
    /// much as is taken), /junk, /end, /listen (one socket more), /litter (files with names that can't be said), /exec
    /// (goes on as another
    /// program), /zombie (a child that ended and is not waited for),
    /// /brood (children that come and go for five seconds), /title (writes a title over its arguments and environment),
    /// /pause (answers after two seconds). Some words are habits: a release that
    /// is 'broken' ends at once, one that is 'brief' a second after its start; 'titled' writes its title before it
    /// listens.</summary>
    public const string Program = """
        use strict; use Socket; use IO::Handle; $| = 1; $SIG{TERM} = sub { exit 0 }; $SIG{PIPE} = 'IGNORE';
        my $path = shift; unlink $path;
        socket(my $server, AF_UNIX, SOCK_STREAM, 0) or die; bind($server, sockaddr_un($path)) or die "bind: $!"; listen($server, 512);
        open(my $f, '<', '/app/word') or die; my $word = <$f>; chomp $word; close $f;
        exit 3 if $word eq 'broken';
        if ($word eq 'brief') { $SIG{ALRM} = sub { exit 9 }; alarm 1 }
        $0 = 'y' x 4000 if $word eq 'titled';
        sleep 3 if $word eq 'slow';
        my $other;
        while (accept(my $c, $server)) {
          my ($head, $body) = ('', '');
          while ($head !~ /\r\n\r\n/) { my $n = sysread($c, my $b, 65536); last unless $n; $head .= $b; }
          ($head, $body) = split /\r\n\r\n/, $head, 2; $body = '' unless defined $body;
          if ($head =~ /^content-length: *(\d+)/mi) { while (length($body) < $1) { my $n = sysread($c, my $b, 65536); last unless $n; $body .= $b; } }
          my ($method, $uri) = $head =~ /^(\S+) (\S+)/;
          my $answer = '{"word":"' . $word . '","said":' . ($body eq '' ? 'null' : $body) . '}'; my $status = '200 OK'; my $more = '';
          if ($uri eq '/slow') { sleep 60 }
          elsif ($uri eq '/big') { $answer = '"' . ('x' x 3000000) . '"' }
          elsif ($uri eq '/large') { $answer = '"' . ('x' x 1000000) . '"' }
          elsif ($uri eq '/junk') { print $c "no http\r\n\r\n"; close $c; next }
          elsif ($uri eq '/end') { exit 7 }
          elsif ($uri eq '/listen') { socket($other, AF_UNIX, SOCK_STREAM, 0); bind($other, sockaddr_un('/run/more')); listen($other, 1) }
          elsif ($uri eq '/litter') { mkdir "/run/\xff"; open(my $o, '>', "/run/\xff/\xfe"); close $o; chmod 0, "/run/\xff" }
          elsif ($uri eq '/exec') { system('/usr/bin/perl', '-e', 'open(my $i,"<","/usr/bin/perl");binmode $i;local $/;my $p=<$i>;open(my $o,">","/tmp/other");binmode $o;print $o $p;close $o;chmod 0755,"/tmp/other"'); if (fork() == 0) { exec('/tmp/other', '-e', 'sleep 1000') } }
          elsif ($uri eq '/zombie') { if (fork() == 0) { exec('/usr/bin/perl', '-e', '1') } }
          elsif ($uri eq '/brood') {
            if (fork() == 0) {
              $SIG{CHLD} = 'IGNORE';
              for (my $end = time + 5; time < $end; select undef, undef, undef, 0.003) {
                if (fork() == 0) { select undef, undef, undef, 0.005; exec('/usr/bin/perl', '-e', '1') }
              }
              exit 0;
            }
          }
          elsif ($uri eq '/title') { $0 = 'z' x 4000 }
          elsif ($uri eq '/pause') { sleep 2 }
          elsif ($uri eq '/headers') { my $h = $head; $h =~ s/[^ -~]/|/g; $h =~ s/["\\]/_/g; $answer = '"' . $h . '"'; $more = "Stele-Decision: forged\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\nSet-Cookie: a=b\r\n" }
          elsif ($uri !~ m{^/(health|say|deny)}) { $status = '404 Not Found' }
          print $c "HTTP/1.1 $status\r\nContent-Type: application/json\r\nContent-Length: " . length($answer) . "\r\n$more" . ($more eq '' ? "Connection: close\r\n" : '') . "\r\n$answer"; close $c;
        }
        """;

    static readonly Role NodeRole = new(RoleName.Node, System, Prod);

    public required Town Town { get; init; }
    public NodeFolder Folder { get; private init; } = null!;
    public NodeHost Node { get; private set; } = null!;
    public HttpClient Client { get; private set; } = null!;
    public string Pseudonym { get; private set; } = "";
    public string Token { get; private set; } = "";

    /// <summary>A token of the node with every right of one.</summary>
    public string NodeToken { get; private set; } = "";
    public Digest Environment { get; private set; }
    int _port;
    NodeOptions? _terms;
    GatewayOptions? _gateway;
    readonly List<string> _reports = [];

    public static NodeOptions Quick { get; } = new()
    {
        SyncWait = TimeSpan.FromSeconds(2), RetryAfter = TimeSpan.FromMilliseconds(100),
        AnchorEvery = TimeSpan.FromSeconds(1), InspectEvery = TimeSpan.FromSeconds(1),
        ObserveEvery = TimeSpan.FromMinutes(5), RehashEvery = TimeSpan.FromSeconds(2),
        HealthTimeout = TimeSpan.FromSeconds(60), DrainTimeout = TimeSpan.FromSeconds(5),
    };

    public static void Needs()
    {
        Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed: apt-get install bubblewrap");
        Assert.SkipUnless(File.Exists("/usr/bin/perl") && Directory.Exists(PerlLibrary),
            "perl-base is not where Debian puts it");
    }

    public static string PerlLibrary =>
        Directory.GetDirectories("/usr/lib", "*-linux-gnu").Select(d => Path.Combine(d, "perl-base"))
            .FirstOrDefault(Directory.Exists) ?? "";

    /// <summary>A server with its members, a system, the policies; a node that knows nothing yet.</summary>
    /// <param name="town">One that was founded otherwise.</param>
    public static async Task<Hamlet> Found(EnvironmentTerms? terms = null, Town? town = null)
    {
        town ??= await Town.Found();
        var folder = new NodeFolder(town.Path("node"));
        var hamlet = new Hamlet { Town = town, Folder = folder };
        using var identity = folder.Open();
        await town.Admit(town.Member(town.Builder, new Role(RoleName.Builder)), town.Owner);
        await town.Admit(town.Member(town.Deployer, new Role(RoleName.Deployer)), town.Owner);
        await town.Admit(town.Member(new Citizen(identity.Member, identity.Key), NodeRole), town.Owner);
        await town.Admit(town.Act(new SystemStatement(System, null, town.Owner.Id, "high",
            [terms ?? new EnvironmentTerms(Prod, null, null, false)])
        {
            Nonce = "",
            Issued = 0
        }), town.Owner);
        var inForce = await hamlet.PutPolicy("admission", ("open-house", ["deploy", "canary", "rollback"], "true",
            null), ("not-denied", ["decide"], "request.path != '/deny'", "'nobody may ask for ' + request.path"));
        await town.Admit(town.Act(new PolicyStatement(System, null, null, inForce)
        {
            Nonce = "",
            Issued = 0
        }), town.Owner);
        (hamlet.Pseudonym, hamlet.Token) = TokenFile.AddPrincipal(folder.Principals, ["desk"], [Place]);
        hamlet.NodeToken = hamlet.TokenWith("owner", RightNames.OfNode);
        return hamlet;
    }

    /// <summary>A token of the node with some rights.</summary>
    public string TokenWith(string name, Rights rights) => TokenFile.Renew(Folder.Principals,
        new TokenHolder(name, default, rights));

    public async Task<Digest> PutPolicy(string name,
        params (string Id, string[] On, string Require, string? Message)[] rules) =>
        await Town.Server.Put(new Policy(name, ImmutableSortedDictionary.Create<string, Digest>(StringComparer.Ordinal),
            [.. rules.Select(r => Rule.Require(r.Id, [.. r.On], r.Require, r.Message))]).ToJson().ToBytes());

    /// <summary>A release that answers with this word, stated in the ledger.</summary>
    /// <param name="more">A file of that many zeros besides.</param>
    public async Task<Digest> Release(
        string name, string word, Action<Dictionary<string, string>>? env = null, long more = 0)
    {
        if (Environment == default)
        {
            var closure = new EnvironmentClosure();
            closure.AddFile("/usr/bin/perl");
            closure.AddDirectory(PerlLibrary);
            Environment = await closure.Freeze(Town.Server, new About("perl"));
            await Origin(Environment);
        }
        var frozen = await PutPolicy("desk",
            ("desk-only", ["decide"], "'desk' in principal.roles", "'only the desk may ask'"),
            ("no-secret", ["decide"], "!has(request.body) || !has(request.body.secret)", null));
        var code = await Pack.Tree(Town.Server, "code", new About("service"),
            [
                Text("service.pl", Program), Text("word", word + "\n"),
                .. more > 0 ? [Zeros("more", more)] : Array.Empty<PackEntry>(),
            ]);
        await Origin(code);
        var variables = new Dictionary<string, string> { ["LANG"] = "C" };
        env?.Invoke(variables);
        var document = new ReleaseDocument(name, System,
            [new Component("environment", "environment", "perl", Environment, "/"),
                new Component("code", "code", "service", code, "/app")],
            new RunTerms(["/usr/bin/perl", "/app/service.pl", "/run/service.sock"],
                variables.ToImmutableSortedDictionary(StringComparer.Ordinal), "/app", "/run/service.sock", "/health"),
            frozen);
        var release = await ReleaseClosure.Build(Town.Server, document);
        await Town.Admit(Town.Act(new Release(release, System, document.Sorted().Digest)
        {
            Nonce = "",
            Issued = 0
        }), Town.Builder);
        return release;

        Task<long> Origin(Digest artifact) =>
            Town.Admit(Town.Act(new Origin([new Subject(artifact)], global::Stele.Proof.Statements.Origin.Freeze,
                Json.EmptyObject, [], Town.Builder.Id, null)
            {
                Nonce = "",
                Issued = 0
            }), Town.Builder);
    }

    PackEntry Zeros(string path, long size)
    {
        var file = Town.Path(path);
        using (var sparse = File.Create(file)) sparse.SetLength(size);
        return new(path, EntryType.File, false, size, Open: () => File.OpenRead(file));
    }

    static PackEntry Text(string path, string content) =>
        new(path, EntryType.File, false, Encoding.UTF8.GetByteCount(content),
            Open: () => new MemoryStream(Encoding.UTF8.GetBytes(content)));

    public Task<long> Deploy(params Route[] routes) =>
        Deploy(routes.Length == 0 ? DeploymentAction.Halt
            : routes.Length == 1 ? DeploymentAction.Deploy : DeploymentAction.Canary, routes);

    public Task<long> Deploy(Digest release) => Deploy(new Route(release, 100));

    public Task<long> Deploy(DeploymentAction action, params Route[] routes) =>
        Town.Admit(
            Town.Act(new Deployment(System, Prod, action, Town.State.Environment(System, Prod).Head?.Entry, [.. routes])
        {
            Nonce = "",
            Issued = 0
        }), Town.Deployer);

    public async Task Start(NodeOptions? terms = null, GatewayOptions? gateway = null)
    {
        (_port, _terms, _gateway) = (Town.Host.Address.Port, terms, gateway);
        await Restart();
    }

    /// <summary>What the node had to tell people, in order.</summary>
    public IReadOnlyList<string> Reports
    {
        get { lock (_reports) return [.. _reports]; }
    }

    void Report(string line)
    {
        lock (_reports) _reports.Add(line);
    }

    /// <summary>Starts the node as it was started before, whether there is a server or not.</summary>
    /// <param name="token">Another token than the server gave out.</param>
    public async Task Restart(string? token = null)
    {
        var (terms, gateway) = (_terms, _gateway);
        Node = await NodeHost.Start(Folder, Town.Trust, new Uri($"http://127.0.0.1:{_port}/"),
            token ?? Town.Founded.Token, (terms ?? Quick) with { Trees = TreesFolder }, gateway ?? new GatewayOptions(),
            TimeProvider.System, Report);
        Client = new HttpClient
        {
            BaseAddress = new Uri(Node.Address, $"/{System}/{Prod}/"),
            Timeout = TimeSpan.FromSeconds(120)
        };
        Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
    }

    /// <summary>Opens the node's decision log in the ledger, once it has said which it wants.</summary>
    public async Task OpenLog()
    {
        await Eventually(() => Hosted?.Log is not null, "the node does not know its environment");
        var log = Hosted!.Log!;
        await Town.Admit(Town.Act(new LogStatement(LogAction.Open, log.Origin, log.Key.ToString(),
            Node.Node.Identity.Member,
            System, Prod, null)
        {
            Nonce = "",
            Issued = 0
        }), Town.Owner);
    }

    public HostedEnvironment? Hosted => Node.Node.Environment(System, Prod);

    /// <summary>A node that serves this word.</summary>
    public static async Task<(Hamlet, Digest)> Serving(
        string word = "stone", NodeOptions? terms = null, GatewayOptions? gateway = null, long more = 0)
    {
        var hamlet = await Found();
        var release = await hamlet.Release("v1", word, more: more);
        await hamlet.Deploy(release);
        await hamlet.Start(terms, gateway);
        await hamlet.OpenLog();
        await hamlet.Serves(release);
        return (hamlet, release);
    }

    public Task Serves(params Digest[] releases) =>
        Eventually(() => Hosted?.Table is { Status: EnvironmentStatus.Serving } t
            && t.Backends.Select(l => l.Release.Digest).SequenceEqual(releases)
            && t.Backends.All(l => l.Instance.Trusted),
        $"it does not serve {string.Join(", ", releases.Select(r => r.Short))}");

    public async Task Eventually(Func<bool> holds, string otherwise, int seconds = 120)
    {
        for (var until = DateTime.UtcNow.AddSeconds(seconds); !holds();)
        {
            if (Node?.Failed is { IsFaulted: true } failed) await failed;
            if (DateTime.UtcNow > until)
                Assert.Fail($"{otherwise}; {Node?.Pages.Status().ToJson()}; {string.Join(" | ", Town.Bugs)}");
            await Task.Delay(20);
        }
    }

    public async Task<(HttpStatusCode Status, Json Body, HttpResponseMessage Answer)> Ask(string path,
        string? json = "{\"n\":1}", string? token = null, HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Post, path.TrimStart('/'));
        if (json is not null) request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        if (token is not null)
            request.Headers.Authorization = token.Length == 0 ? null : new AuthenticationHeaderValue("Bearer", token);
        if (token is { Length: 0 }) Client.DefaultRequestHeaders.Authorization = null;
        var answer = await Client.SendAsync(request);
        if (token is { Length: 0 })
            Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        var body = await answer.Content.ReadAsByteArrayAsync();
        return (answer.StatusCode, body.Length == 0 ? Json.Null : CanonicalJson.Parse(body, 1 << 23), answer);
    }

    public async Task<string> Word() => (await Ask("/say")) is (HttpStatusCode.OK, var body, _)
        ? body["word"].AsString
        : "none";

    /// <summary>A page of the node itself.</summary>
    public async Task<byte[]?> Page(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Node.Address, "/-/" + path));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", NodeToken);
        using var answer = await Client.SendAsync(request);
        return answer.IsSuccessStatusCode ? await answer.Content.ReadAsByteArrayAsync() : null;
    }

    /// <summary>Observations in the ledger, in order.</summary>
    public IEnumerable<Observation> Observations =>
        Town.Host.Admission.Replay.Entries.Select(e => e.Statement).OfType<Observation>();

    public Task Observed(ObservedEvent what, Func<Observation, bool>? which = null) =>
        Eventually(() => Observations.Any(o => o.Event == what && (which?.Invoke(o) ?? true)),
            $"no observation '{what}'");

    string TreesFolder => Town.Path("trees");

    /// <summary>The whole trees of releases that the node has made and not removed.</summary>
    public IEnumerable<string> Trees => !Directory.Exists(TreesFolder) ? []
        : Directory.EnumerateDirectories(TreesFolder).Select(d => Path.Combine(d, "tree")).Where(Directory.Exists);

    /// <summary>The directory that the running release was made in.</summary>
    public string Tree => Hosted!.Table!.Backends[0].Instance.Provisioned.Tree.Directory;

    public Task StopServer() => Town.Stop();

    public Task StartServer() => Town.StartAt(_port);

    public async Task StopNode()
    {
        Client?.Dispose();
        if (Node is not null) await Node.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopNode();
        await Town.DisposeAsync();
    }
}
