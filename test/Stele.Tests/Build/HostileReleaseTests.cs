using System.Collections.Immutable;
using Stele.Blobs;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Statements;
using Stele.Tests.Host;

namespace Stele.Tests.Build;

/// <summary>A release that is checked may be anybody's.</summary>
public sealed class HostileReleaseTests
{
    /// <summary>Healthy once; then its socket is a link to a file of the machine it runs on.</summary>
    static string Service(string secret) => $$"""
        use strict; use Socket; use IO::Handle;
        socket(my $server, AF_UNIX, SOCK_STREAM, 0); bind($server, sockaddr_un('/run/service.sock')); listen($server, 5);
        accept(my $c, $server); sysread($c, my $b, 65536);
        unlink '/run/service.sock'; symlink '{{secret}}', '/run/service.sock';
        print $c "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"; close $c; sleep 60;
        """;

    [Fact]
    public async Task A_socket_that_became_a_link_shows_a_check_nothing_of_the_machine()
    {
        Hamlet.Needs();
        using var scratch = new Scratch();
        var blobs = new BlobStore(scratch.At("blobs"));
        var closure = Recipes.Native("/bin/sh");
        foreach (var program in (string[])["/usr/bin/cat", "/usr/bin/perl"]) closure.AddFile(program);
        closure.AddDirectory(Hamlet.PerlLibrary);
        var environment = await closure.Freeze(blobs, new About("perl"));
        var secret = scratch.File("secret", "the secret of this machine");
        scratch.File("code/service.pl", Service(secret));
        var code = await Freeze.Path(blobs, scratch.At("code"), "code", new About("service"));
        var release = await ReleaseClosure.Build(blobs, new ReleaseDocument("v1", "words",
            [new Component("environment", "environment", "perl", environment, "/"),
                new Component("code", "code", "service", code, "/app")],
            new RunTerms(["/usr/bin/perl", "/app/service.pl"], ImmutableSortedDictionary<string, string>.Empty, "/app",
                "/run/service.sock", "/health"), null));
        var check = new CheckDocument("look", code, environment,
            ["/bin/sh", "-c",
                """case "$(cat /run/release.sock)" in *secret*) seen=1;; *) seen=0;; esac; echo -n "{\"counts\":{},\"groups\":{},\"metrics\":{\"seen\":$seen}}" > /out/report.json"""],
            ImmutableSortedDictionary<string, string>.Empty, code, Json.EmptyObject, 1);
        using var trees = new Trees(blobs, scratch.Path);
        var e = await Assert.ThrowsAsync<CheckException>(() =>
            new Check(trees).Run(release, check, TestContext.Current.CancellationToken));
        Assert.Contains("/run/service.sock", e.Message, StringComparison.Ordinal);
    }
}
