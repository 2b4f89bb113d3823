using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Cel.Check;
using Cel.Library;
using Cel.Plan;
using Cel.Regex;
using Cel.Syntax;
using Cel.Values;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Golden;

/// <summary>
/// Names and numbers that stand in ledgers, packs and decision logs, one a line in <c>names.txt</c>. Once a fold
/// version is released that file only grows: what stands there is read forever. What is new in the code and not yet
/// there fails too; <c>eng/golden.sh</c> adds it.
/// </summary>
public sealed class GoldenNameTests
{
    static string File => Path.Combine(GoldenFolder.Root, "names.txt");

    [Fact]
    public void Names_and_numbers_only_grow()
    {
        var now = Now().Distinct().Order(StringComparer.Ordinal).ToArray();
        Assert.True(now.Length > 400);
        var kept = System.IO.File.Exists(File) ? System.IO.File.ReadAllLines(File) : [];
        if (GoldenFolder.Writing)
        {
            kept = [.. kept.Union(now).Order(StringComparer.Ordinal)];
            System.IO.File.WriteAllLines(File, kept);
        }
        Assert.Equal(kept.Order(StringComparer.Ordinal), kept);
        Assert.True(!kept.Except(now).Any(),
            $"gone or changed, which stands in ledgers forever:\n{string.Join('\n', kept.Except(now))}");
        Assert.True(!now.Except(kept).Any(), $"new; eng/golden.sh adds it:\n{string.Join('\n', now.Except(kept))}");
    }

    static IEnumerable<string> Now() =>
        [.. Kinds(), .. Fields(), .. Words(), .. Numbers(), .. Findings(), .. Inputs(), .. Functions()];

    static IEnumerable<string> Kinds()
    {
        foreach (var type in typeof(Statement).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(Statement))))
        {
            var bare = (Statement)System.Runtime.CompilerServices.RuntimeHelpers.GetUninitializedObject(type);
            yield return $"kind {bare.Kind} {bare.PredicateType}";
        }
    }

    /// <summary>Every member of every format, by its path; <c>*</c> stands for names that people choose.</summary>
    static IEnumerable<string> Fields()
    {
        var found = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var payload in StatementTests.Payloads)
            Walk($"statement {StatementKinds.Parse(payload).Kind} ", CanonicalJson.Parse(payload, Envelope.MaxPayload));
        foreach (var kept in Kept.All())
        {
            var w = kept.World;
            foreach (var folded in w.Replay.Entries)
                Walk($"statement {folded.Statement.Kind} ",
                    CanonicalJson.Parse(folded.Entry.Envelope.Payload, Envelope.MaxPayload));
            Walk("entry ", CanonicalJson.Parse(w.Entries[0], 1 << 20).With("envelope",
                w.Replay.Entries[0].Entry.Envelope.ToJson().With("payload", "")));
            foreach (var leaf in w.Logs.Values.SelectMany(l => l.Leaves))
                Walk("decision ", CanonicalJson.Parse(leaf, 1 << 20));
            Walk("trust ", w.Trust.ToJson());
            foreach (var (receipt, _) in kept.Receipts.Values) Walk("receipt ",
                CanonicalJson.Parse(receipt, Receipt.MaxBytes), e => e is "/ledger/entries[]/entry" or "/documents[]");
            var pack = new MemoryStream(w.Pack());
            Walk("manifest ",
                CanonicalJson.Parse(Zip.Content(pack, Zip.Read(pack).Single(m => m.Name == Pack.Manifest)), 1 << 20));
            var policies = w.Replay.Entries.Select(f => f.Statement).OfType<PolicyStatement>().Select(p => p.Policy)
                .Concat(w.State.Releases.Values.Select(r => r.Policy)).ToHashSet();
            foreach (var (digest, blob) in w.Blobs)
            {
                if (policies.Contains(digest)) Walk("policy ", CanonicalJson.Parse(blob, 1 << 20));
                if (w.State.Releases.Values.Any(r => r.Document == digest))
                    Walk("release ", CanonicalJson.Parse(blob, 1 << 20));
                if (w.State.Evaluations.Values.Any(e => e.Report == digest))
                    Walk("report ", CanonicalJson.Parse(blob, 1 << 20));
            }
            Walk("state ", StateDigest.ToJson(w.State));
            foreach (var sitting in w.Replay.Entries.Where(f => f.Judgement is not null)
                .SelectMany(f => f.Judgement!.Sittings)) Walk("input ", sitting.Input);
        }
        var withdrawal = Kept.All().SelectMany(k => k.World.Replay.Entries).Select(f => f.Statement).OfType<Approval>()
            .First() with
        {
            Expires = null,
            Replaces = 1
        };
        Walk("statement approval ", CanonicalJson.Parse(withdrawal.Encode(), Envelope.MaxPayload));
        Walk("policy ", Rich.ToJson());
        return found;

        void Walk(string format, Json j, Func<string, bool>? other = null)
        {
            Step("", j);
            void Step(string at, Json v)
            {
                if (other?.Invoke(at) == true) return;
                if (v.Kind == JsonKind.Array) foreach (var item in v.AsArray) Step(at + "[]", item);
                if (v.Kind != JsonKind.Object) return;
                foreach (var (name, value) in v.AsObject)
                {
                    // Digests, scopes and numbers as names, and what stands where people choose names.
                    var chosen = Chosen.Any(c => Regex.IsMatch(format + at, c)) || name.Contains(':',
                        StringComparison.Ordinal) && !name.StartsWith("http", StringComparison.Ordinal);
                    var path = $"{at}/{(chosen ? "*" : name)}";
                    if (!chosen) found.Add($"field {format}{path}");
                    Step(path, value);
                }
            }
        }
    }

    /// <summary>A policy that has everything a policy may have.</summary>
    static readonly PolicyDocument Rich = new("rich")
    {
        Description = "everything", Scope = new PolicyScope("mortgage", "prod"), Attestations = ["eu-ai-act/14"],
        Checks = ImmutableSortedDictionary<string, Digest>.Empty.Add("fairness", Digest.Of("check"u8)),
        Definitions = ImmutableSortedDictionary<string, string>.Empty.Add("large", "request.size > 9"),
        Rules = [new Rule("names", ["decide"], Effect.Mask, "large")
        {
            Description = "hides names",
            Severity = "low",
            Controls = ["eu-ai-act/10"],
            Fields = ["/name"],
            Message = "'hidden'"
        }],
        Tests = [new PolicyTest("large", "decide", Json.Object(("request", Json.Object(("size", 10)))),
            ImmutableSortedDictionary<string, string>.Empty.Add("names", "mask"))],
    };

    /// <summary>What rules see, with types: a type that changes would make policies in force fail to compile.</summary>
    static IEnumerable<string> Inputs()
    {
        foreach (var occasion in Enum.GetValues<Occasion>())
            foreach (var line in InputSchema.Variables(occasion)
                .SelectMany(v => Of($"input of {occasion} {v.Key}", v.Value))) yield return line;

        static IEnumerable<string> Of(string at, CelType type)
        {
            if (type.Kind == CelKind.List) return Of(at + "[]", type.Parameters[0]);
            if (type.Fields is not { } fields) return [$"{at} {type}"];
            return fields.SelectMany(f => Of($"{at}.{f.Key}{(InputSchema.Optional(type, f.Key) ? "?" : "")}", f.Value));
        }
    }

    /// <summary>Every function that an expression may call.</summary>
    static IEnumerable<string> Functions() =>
        StandardLibrary.Functions.Names.SelectMany(name => StandardLibrary.Functions.Find(name)!
        .Select(o => o.Form is CallForm.Method
            ? $"function {o.Parameters[0]}.{name}({string.Join(", ", o.Parameters.Skip(1))}) {o.Result}"
            : $"function {name}({string.Join(", ", (IEnumerable<CelType>)o.Parameters)}) {o.Result}"));

    // Where the names of members are not the format's.
    static readonly string[] Chosen =
    [
        "^statement origin /predicate/buildDefinition/externalParameters", "^policy /checks$", "^policy /define$",
        "^policy /tests\\[\\]/(input.*|expect)$", "^(input|report) (/checks/\\*\\[\\])?/(metrics|groups|counts)",
        "^input /(checks|attestations)$", "^release /run/environment$",
        "^state /(members|keyOwners|revocations|systems|erasures|holds|policies|origins|releases|evaluations|approvals|waivers|environments|logs|attestations)$", "^state /environments/\\*/(deployed|heads)$",
    ];

    static IEnumerable<string> Words()
    {
        IEnumerable<string> List(string what, IEnumerable<string> words) => words.Select(w => $"{what} {w}");
        return
        [
            .. List("role", Role.Words.All), .. List("member", [Fold.ServerMember, Fold.RecoveryMember]),
                .. List("action",
                Actions.All), .. List("effect", Effects.Names), .. List("severity", Rule.Severities),
            .. List("deployment", Deployment.Actions.All),
            .. List("rule-outcome", RuleOutcome.Results.All),
            .. List("artifact", Artifacts.Kinds), .. List("risk", SystemStatement.Risks),
            .. List("observed", Observation.Events.All), .. List("strength-observed", Dimension.Strengths.All),
            .. List("revocation", [.. Revocation.Targets.All, .. Revocation.Effects.All]),
            .. List("erasure", Erasure.Causes.All), .. List("hold", Hold.Actions.All),
            .. List("log", LogStatement.Actions.All),
            .. List("difference", Difference.All), .. List("decision", Decision.Kinds.All),
            .. List("decision-outcome", Decision.Outcomes.All), .. List("decision-would", Would.Outcomes.All),
            .. List("sealed", [.. Stele.Gateway.SealedBodies.Fields]),
            .. List("build", [Origin.Freeze, Origin.Import, Origin.Pipeline]),
            .. List("type",
                [Statement.Type, Statement.OwnTypes, Verdict.SlsaSummary, Origin.SlsaProvenance, Evaluation.TestResult,
                    Envelope.PayloadType, Policy.MediaType, ReleaseDocument.MediaType, Report.MediaType,
                    Stele.Build.Pipeline.MediaType, Stele.Build.PolicySource.YamlMedia]),
            .. List("file", [Pack.Manifest, PackPage.FileName]),
            .. List("headline", Enum.GetValues<Headline>().Select(h => $"{h.Name()} {(int)h.Exit()}")),
                .. List("report-limit", Enum.GetValues<LimitName>().Select(n => n.Name())),
            .. List("report-remark", Enum.GetValues<RemarkName>().Select(n => n.Name())),
                .. List("basis", Enum.GetValues<Basis>().Select(b => b.Name())),
            .. List("halt", Enum.GetValues<HaltReason>().Select(r => new Halt(0, r, "", 0).Code)),
            .. Numbered<RefusalCode>(c => c.Name()), .. Numbered<Strength>(s => PolicyInput.Name(s)),
            .. Numbered<VerifyResult>(), .. Numbered<NoteKeyType>(), .. Numbered<CelErrorKind>(),
            .. Numbered<CelKind>(),
        ];
    }

    static IEnumerable<string> Numbered<T>(Func<T, string>? name = null) where T : struct, Enum =>
        Enum.GetValues<T>()
            .Select(v =>
                $"number {typeof(T).Name} {name?.Invoke(v) ?? v.ToString()} {Convert.ToInt64(v, CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture)}");

    /// <summary>
    /// What a rule may cost, what each step costs, and the caps that decide whether something is refused.
    /// </summary>
    static IEnumerable<string> Numbers() => new (string Name, long Value)[]
    {
        ("cost of a name", Costs.Name), ("cost of a selection", Costs.Select), ("cost of a call", Costs.Call),
        ("cost of a list", Costs.List), ("cost of a map", Costs.Map), ("cost of a round", Costs.Round),
        ("cost of a round of all", Costs.RoundOfAll), ("cost of a round of exists", Costs.RoundOfExists),
        ("cost of counting", Costs.Counting), ("cost of keeping in a list", Costs.KeepingInList),
        ("cost of keeping in a map", Costs.KeepingInMap), ("cost of a result", Costs.Result),
        ("cost of the result of exists_one", Costs.ResultOfOne), ("steps of checking", Limits.Checking),
        ("cost of walking 10", Costs.Traversal(10)), ("cost of walking 1000", Costs.Traversal(1000)),
        ("cost of hashing 1000 characters", Costs.Hashing(CelValue.String(new string('x', 1000)))),
        ("cost limit of an expression", Policy.CostLimit), ("cost limit of a judgement", Policy.JudgementLimit),
        ("cost limit of a policy's tests", Policy.TestsLimit), ("rules of a policy", Policy.MaxRules),
        ("tests of a policy", Policy.MaxTests), ("definitions of a policy", Policy.MaxDefinitions),
        ("checks of a policy", Policy.MaxChecks),
        ("characters of an expression", Limits.Source), ("characters of a name in an expression", Limits.Name),
        ("nesting of an expression", Limits.Nesting), ("height of an expression", Limits.Height),
        ("elements written in an expression", Limits.Elements),
        ("characters of a pattern", PatternLimits.Length), ("nesting of a pattern", PatternLimits.Nesting),
        ("repetitions of a pattern", PatternLimits.Repetitions),
        ("instructions of a pattern", PatternLimits.Instructions), ("sets of a pattern", PatternLimits.Sets),
        ("ranges of a pattern", PatternLimits.Ranges),
        ("steps of a pattern", PatternLimits.Steps), ("steps of all literal patterns", PatternLimits.AllSteps),
        ("steps of starting one", PatternLimits.Start), ("steps of a character of one", PatternLimits.Character),
        ("cost of a pattern of 1000 characters", Costs.Compiling(new string('x', 1000))),
        ("length of a value", ValueLimits.Text), ("elements of a value", ValueLimits.Elements),
        ("depth of a value", ValueLimits.Depth), ("weight of a value", ValueLimits.Weight),
        ("skew of times", Fold.MaxSkew), ("delay of times", Fold.MaxDelay), ("routes of a deployment", Fold.MaxRoutes),
        ("length of an approval", Fold.MaxApproval), ("length of a waiver", Fold.MaxWaiver),
        ("waivers for a release", Fold.MaxWaivers), ("length of an attestation", Attestation.MaxTerm),
        ("values of a rule", Rested.MaxValues), ("bytes of a value", Rested.MaxBytes),
        ("depth of a value", Rested.MaxDepth), ("bytes of a payload", Envelope.MaxPayload),
        ("signatures of an envelope", Envelope.MaxSignatures), ("bytes of an entry", Entry.MaxBytes),
        ("last time", Entry.MaxTime),
        ("bytes of a document", Artifacts.MaxDocument), ("depth of json", CanonicalJson.MaxDepth),
        ("integers of json", Json.MaxInt), ("length of a label", Names.MaxLength),
        ("bytes of a decision", Decision.MaxBytes), ("bytes of a salt", Commitment.SaltBytes),
        ("bytes of a segment", Segment.MaxBytes), ("bytes of a receipt", Receipt.MaxBytes),
        ("version of policies", PolicyDocument.Version), ("version of release documents", ReleaseDocument.Version),
        ("version of packs", Pack.Version), ("version of receipts", (int)ReceiptLayout.One),
        ("latest version of receipts", (int)ReceiptLayout.Two),
        ("version of trust files", Trust.Version), ("version of forks", Fork.Version), ("version of check documents",
            Stele.Build.CheckDocument.Version), ("version of pipelines", Stele.Build.Pipeline.Version),
    }.Select(n => $"limit {n.Name} {n.Value.ToString(CultureInfo.InvariantCulture)}");

    /// <summary>The verifiers' findings, out of their own source.</summary>
    static IEnumerable<string> Findings() =>
        Directory.GetFiles(Path.Combine(Repository.Root, "src", "Stele.Proof", "Packs"), "*.cs")
        .SelectMany(f => Regex.Matches(
            System.IO.File.ReadAllText(f, Encoding.UTF8), "Find\\(\\s*\\$?\"([a-z{}]+(-[a-z]+)+)\"")
            .Select(m => $"finding {m.Groups[1].Value}")).Concat(Retired);

    /// <summary>What no verifier finds any more; the names stay taken.</summary>
    static readonly string[] Retired = ["finding fold-halted", "finding {name}-differs"];
}
