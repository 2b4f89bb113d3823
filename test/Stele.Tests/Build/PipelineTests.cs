using System.Collections.Immutable;
using Stele.Blobs;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Statements;
using Stele.Runtime;

namespace Stele.Tests.Build;

public sealed class PipelineTests : IDisposable
{
    static readonly ImmutableSortedDictionary<string, string> None = ImmutableSortedDictionary<string, string>.Empty;

    readonly Scratch _scratch = new();
    readonly BlobStore _blobs;

    public PipelineTests() => _blobs = new BlobStore(_scratch.At("blobs"));

    public void Dispose() => _scratch.Dispose();

    const string Two = """
        name: words
        artifacts: [text, shell]
        values: [greeting]
        steps:
          - name: greet
            environment: shell
            inputs: { text: text }
            env: { GREETING: "${greeting}" }
            run: [sh, -c, 'echo "$GREETING, $(cat /in/text/name)" > /out/greeting']
            output: { kind: dataset, name: greeting, licence: CC0-1.0 }
          - name: shout
            environment: shell
            inputs: { quiet: greet }
            run: [sh, -c, 'cat /in/quiet/greeting /in/quiet/greeting > /out/loud']
            output: { kind: report, name: loud }
        """;

    async Task<Digest> ShellEnvironment()
    {
        Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed: apt-get install bubblewrap");
        var closure = Recipes.Native("/bin/sh");
        closure.AddFile("/usr/bin/cat");
        closure.AddFile("/usr/bin/head");
        closure.AddFile("/usr/bin/ln");
        return await closure.Freeze(_blobs, new About("shell"));
    }

    async Task<IReadOnlyList<BuildResult>> Run(string yaml, bool verify = false)
    {
        var pipeline = await Pipeline.Compile("pipeline.yaml", yaml, None.Add("greeting", "good day")).Freeze(_blobs);
        _scratch.File("name", "world");
        var text = await Freeze.Path(_blobs, _scratch.At("name"), "dataset", new About("text"));
        using var trees = new Trees(_blobs, _scratch.Path);
        return await new PipelineRun(trees) { Verify = verify }.Run(pipeline, new Dictionary<string, Digest>
        {
            ["text"] = text,
            ["shell"] = await ShellEnvironment()
        });
    }

    [Fact]
    public async Task Steps_run_on_inputs_by_digest_and_every_material_is_named()
    {
        var results = await Run(Two, verify: true);
        Assert.Equal(["greet", "shout"], results.Select(r => r.Step));
        var made = await Materialise.Artifact(_blobs, results[1].Output, _scratch.At("made"));
        Assert.Equal("good day, world\ngood day, world\n", File.ReadAllText(Path.Combine(made.Directory, "loud")));
        Assert.All(results, r => Assert.Equal(new BuildRuns(2, true), r.Runs));

        var origin = results[1].Origin(new string('a', 32), Digest.Of("ledger"u8), new string('b', 32), 1);
        Assert.Equal("https://stele.dev/build/pipeline/v1", origin.BuildType);
        Assert.Equal(["environment", "quiet", "pipeline"], origin.Materials.Select(m => m.Name));
        Assert.Equal(results[0].Output, origin.Materials[1].Digest);
        Assert.Equal("shout", origin.Parameters["step"].AsString);
        Assert.Equal(origin.Materials[2].Digest, origin.Parameters["pipeline"].AsDigest);
        foreach (var material in results.SelectMany(r => r.Materials)) Assert.True(await _blobs.Has(material.Digest));
        Assert.Equal("CC0-1.0", (await Artifact.Read(_blobs, results[0].Output)).Licence);
    }

    [Fact]
    public async Task The_same_pipeline_on_the_same_inputs_gives_the_same_digests() =>
        Assert.Equal((await Run(Two)).Select(r => r.Output), (await Run(Two)).Select(r => r.Output));

    [Fact]
    public async Task A_step_that_is_not_reproducible_is_found_out()
    {
        var results = await Run(Two.Replace("echo \"$GREETING",
            "head -c 8 /dev/urandom > /out/random; echo \"$GREETING", StringComparison.Ordinal), verify: true);
        Assert.False(results[0].Runs.Agree);
        Assert.NotEqual(results[0].Outputs[0], results[0].Outputs[1]);
        Assert.True(results[1].Runs.Agree);
    }

    [Theory]
    [InlineData("exit 3", "ended with 3")]
    [InlineData("echo went wrong >&2; false", "went wrong")]
    [InlineData("true", "left nothing in /out")]
    [InlineData("ln -s /etc/passwd /out/link", "can't be frozen")]
    [InlineData("echo x > /in/text/name; cat /in/text/name > /out/x; exit 1", "Read-only")]
    public async Task A_step_that_fails_says_how(string script, string said)
    {
        var e = await Assert.ThrowsAsync<BuildException>(() => Run("""
            name: bad
            artifacts: [text, shell]
            values: [greeting]
            steps:
              - name: bad
                environment: shell
                inputs: { text: text }
                env: { UNUSED: "${greeting}" }
                run: [sh, -c, 'SCRIPT']
                output: { kind: dataset, name: bad }
            """.Replace("SCRIPT", script, StringComparison.Ordinal)));
        Assert.Equal("bad", e.Step);
        Assert.Contains(said, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("environment: shell", "environment: nowhere", "nowhere")]
    [InlineData("quiet: greet", "quiet: shout", "shout")]
    [InlineData("name: shout", "name: greet", "greet")]
    [InlineData("name: shout", "name: ../shout", "../shout")]
    [InlineData("{ text: text }", "{ ../text: text }", "../text")]
    [InlineData("kind: report", "kind: rumour", "rumour")]
    [InlineData("artifacts: [text, shell]", "artifacts: [text, text]", "stands twice")]
    [InlineData("values: [greeting]", "values: []", "greeting")]
    [InlineData("output: { kind: report", "outcome: { kind: report", "outcome")]
    public void A_pipeline_that_makes_no_sense_is_refused_by_name(string from, string to, string said)
    {
        Assert.Contains(from, Two, StringComparison.Ordinal);
        var e = Assert.ThrowsAny<FormatException>(() =>
            Pipeline.Compile("pipeline.yaml", Two.Replace(from, to, StringComparison.Ordinal),
            None.Add("greeting", "x")));
        Assert.StartsWith("pipeline.yaml:", e.Message, StringComparison.Ordinal);
        Assert.Contains(said, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_canonical_form_reads_back_as_it_was()
    {
        var pipeline = Pipeline.Compile("pipeline.yaml", Two, None.Add("greeting", "x"));
        var bytes = pipeline.ToJson().ToBytes();
        Assert.Equal(bytes, Pipeline.Parse(bytes).ToJson().ToBytes());
        Assert.Throws<FormatException>(() => Pipeline.Parse(pipeline.ToJson().With("more", 1).ToBytes()));
        Assert.Throws<FormatException>(() =>
            Pipeline.Parse(pipeline.ToJson().With("version", Pipeline.Version + 1).ToBytes()));
    }

    [Fact]
    public async Task Artifacts_that_are_missing_or_too_many_are_named()
    {
        var pipeline = await Pipeline.Compile("pipeline.yaml", Two, None.Add("greeting", "x")).Freeze(_blobs);
        using var trees = new Trees(_blobs);
        Assert.Contains("'text'",
            (await Assert.ThrowsAsync<FormatException>(() => new PipelineRun(trees).Run(pipeline,
                new Dictionary<string, Digest>()))).Message, StringComparison.Ordinal);
        Assert.Contains("'odd'",
            (await Assert.ThrowsAsync<FormatException>(() =>
                new PipelineRun(trees).Run(pipeline, new Dictionary<string, Digest>
        {
            ["text"] = pipeline,
            ["shell"] = pipeline,
            ["odd"] = pipeline
        }))).Message, StringComparison.Ordinal);
    }
}
