using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Cel.Values;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;

namespace Stele.Tests.Spec;

/// <summary>The tables of <c>docs/spec</c> are the code's own lists, row for row: one that is missing fails, and one
/// too many.</summary>
public sealed class SpecTests
{
    static SpecPage Page(string name) => SpecPage.Read(name);

    static Type[] Kinds => [.. typeof(Statement).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(Statement)))];

    static Statement Bare(Type type) => (Statement)RuntimeHelpers.GetUninitializedObject(type);

    static void Same(IEnumerable<string> code, IEnumerable<string> page, string what)
    {
        var (has, says) = (code.Order(StringComparer.Ordinal).ToArray(), page.Order(StringComparer.Ordinal).ToArray());
        Assert.NotEmpty(has);
        var (lacks, extra) = (string.Join(", ", has.Except(says)), string.Join(", ", says.Except(has)));
        Assert.True(has.SequenceEqual(says),
            $"{what}: the page lacks [{lacks}] and has [{extra}] too much, or something twice");
    }

    [Fact]
    public void Every_kind_has_its_row_and_its_section()
    {
        var page = Page("statements");
        Same(Kinds.Select(k => $"{Bare(k).Kind} {Bare(k).PredicateType}"),
            page.Table("Kinds", "kind", "predicate type")
            .Rows.Select(r => $"{SpecTable.Words(r[0])[0]} {SpecTable.Words(r[1])[0]}"), "kinds");
        Assert.All(Kinds, k => Assert.True(page.Sections.ContainsKey(Bare(k).Kind), $"no section {Bare(k).Kind}"));
        Assert.All(Kinds, k => Assert.True(Page("fold").Sections.ContainsKey(Bare(k).Kind),
            $"no rules of {Bare(k).Kind}"));
    }

    // Where each object is written: page, heading, file, and text of the source from which on its first Json.Object is
    // it.
    static readonly (string Page, string Heading, string File, string From)[] Objects =
    [
        ("ledger", "Envelope", "Envelope.cs", "public Json ToJson()"),
        ("ledger", "object signature", "Envelope.cs", "(\"signatures\", Json.Array(Signatures.Select"),
        ("ledger", "Entry", "Envelope.cs", "Bytes = "),
        ("statements", "Statements", "Statements/Statement.cs", "return Json.Object("),
        ("statements", "object subject", "Statements/Statement.cs", "record Subject("),
        ("statements", "object stele_act", "Statements/Statement.cs", "var act ="),
        ("statements", "object founder", "Statements/Genesis.cs", "(\"owners\""),
        ("statements", "object role", "Statements/Names.cs", "record Role("),
        ("statements", "object environment", "Statements/System.cs", "record EnvironmentTerms("),
        ("statements", "object retention-terms", "Statements/RetentionTerms.cs", "record RetentionTerms("),
        ("statements", "object build-definition", "Statements/Origin.cs", "(\"buildDefinition\""),
        ("statements", "object route", "Statements/Deployment.cs", "record Route("),
        ("statements", "object dimension", "Statements/Observation.cs", "record Dimension("),
        ("statements", "object judgement", "Statements/Verdict.cs", "(\"https://stele.dev/verdict/v1\""),
        ("statements", "object rule-outcome", "Statements/Verdict.cs", "record RuleOutcome("),
        ("statements", "object rested-value", "Statements/Verdict.cs", "record RestedValue("),
        ("statements", "object reckoned-log", "Statements/Reconcile.cs", "record ReconciledLog("),
        ("statements", "object window", "Statements/Reconcile.cs", "record AnchoredWindow("),
        ("statements", "object leaf-count", "Statements/Reconcile.cs", "record LeafCount("),
        ("statements", "object difference", "Statements/Reconcile.cs", "record Difference("),
        ("decisions", "object decision", "Decisions/Decision.cs", "public static bool TryParseId("),
        ("decisions", "object would", "Decisions/Decision.cs", "record Would("),
        ("decisions", "Commitments", "Decisions/Decision.cs", "record Commitment("),
        ("decisions", "object context", "Governance/RequestContext.cs", "record RequestContext("),
        ("decisions", "object gateway-count", "Statements/GatewayCount.cs", "record GatewayCount("),
        ("decisions", "object erased-record", "Decisions/ErasedList.cs", "record ErasedRecord("),
        ("decisions", "object release-document", "Statements/Release.cs", "record ReleaseDocument("),
        ("decisions", "object component", "Statements/Release.cs", "record Component("),
        ("decisions", "object run", "Statements/Release.cs", "record RunTerms("),
        ("pack", "object manifest", "Packs/Pack.cs", "internal static byte[] ManifestOf("),
        ("pack", "object floor", "Packs/PackedFloor.cs", "record PackedFloor("),
        ("pack", "object trust", "Decisions/Trust.cs", "record Trust("),
        ("pack", "object memory", "Packs/LedgerMemory.cs", "record LedgerMemory("),
        ("pack", "object fork", "Fork.cs", "record Fork("),
        ("receipt", "object receipt", "Packs/Receipt.cs",
            "public Json ToJson() => Json.Object(\n        (\"version\""),
        ("receipt", "object record", "Packs/Receipt.cs", "(\"decision\", "),
        ("receipt", "object opened-state", "Packs/StateOpening.cs",
            "public Json ToJson() => Json.Object(\n        (\"entry\""),
        ("receipt", "object proven-entry", "Packs/Receipt.cs", "(\"entries\", Json.Array(Entries"),
        ("receipt", "object proven-leaf", "Packs/Receipt.cs", "static Json ToJson(ProvenLeaf"),
        ("receipt", "object erased-in", "Packs/Receipt.cs", "record ErasedIn("),
        ("verifying", "object report", "Packs/VerifyReport.cs", "public Json ToJson()"),
        ("policy", "object policy-document", "Governance/PolicyDocument.cs", "record PolicyDocument("),
        ("policy", "object rule", "Governance/Rule.cs", "record Rule("),
        ("policy", "object test", "Governance/PolicyDocument.cs", "record PolicyTest("),
        ("fold", "Shown", "Governance/Shown.cs", "Document("),
    ];

    // Tables of members that no single Json.Object writes, held elsewhere in this class.
    static readonly string[] Others = ["decisions Report", "fold Policy input", "receipt object opened-fact",
        "fold State digest"];

    [Fact]
    public void Every_member_of_every_object_is_in_its_table()
    {
        var held = new HashSet<string>(Others);
        foreach (var (page, heading, file, from) in Objects)
        {
            held.Add($"{page} {heading}");
            Members(page, heading, SpecSource.Members(SpecSource.Read(file.Split('/')), from));
        }
        foreach (var kind in Kinds)
        {
            held.Add($"statements {Bare(kind).Kind}");
            var file = Directory.GetFiles(Path.Combine(Repository.Root, "src", "Stele.Proof", "Statements"), "*.cs")
                .Select(File.ReadAllText).Single(t => Regex.IsMatch(t, $"record {kind.Name}\\("));
            Members("statements", Bare(kind).Kind, SpecSource.Members(file[file.IndexOf($"record {kind.Name}(",
                StringComparison.Ordinal)..], "Json Body =>"));
        }
        // No table of members escapes.
        foreach (var name in SpecPage.Names)
            foreach (var table in Page(name).Tables.Where(t => t.Columns is
                ["member", "type", ..])) Assert.Contains($"{name} {table.Heading}", held);

        static void Members(string page, string heading, List<(string Name, bool Optional, string)> code) =>
            Same(code.Select(m => m.Name + (m.Optional ? "?" : "")),
                Page(page).Table(heading, "member", "type")
                .Rows.Select(r => SpecTable.Words(r[0])[0] + (r[0].EndsWith('?') ? "?" : "")), $"{page}, {heading}");
    }

    [Fact]
    public void The_form_of_a_state_has_the_members_of_its_table()
    {
        var rows = Page("fold").Table("State digest", "member",
            "type").Rows.Select(r => (Name: SpecTable.Words(r[0])[0], Optional: r[0].EndsWith('?'))).ToList();
        Same(StateDigest.FormOf(Worlds.Mortgage.Founded().World.State).AsObject.Keys, rows.Select(r => r.Name),
            "the form of a state");
        Same(StateDigest.FormOf(State.Empty).AsObject.Keys, rows.Where(r => !r.Optional).Select(r => r.Name),
            "the form of no state");
    }

    [Fact]
    public void An_opened_fact_has_the_members_of_its_table() =>
        Same(SpecSource.Members(SpecSource.Read("Governance", "FactPath.cs"), "public Json ToJson()")
            .Select(m => m.Name + (m.Optional || m.Name == "value" ? "?" : "")).Append("map"),
            Page("receipt").Table("object opened-fact", "member", "type")
            .Rows.Select(r => SpecTable.Words(r[0])[0] + (r[0].EndsWith('?') ? "?" : "")), "an opened fact");

    [Fact]
    public void A_report_has_the_parts_of_its_table()
    {
        var rows = Page("decisions").Table("Report", "member", "type")
            .Rows.Select(r => (Name: SpecTable.Words(r[0])[0], Optional: r[0].EndsWith('?'))).ToList();
        Report.Parse(Json.Object(rows.Select(r => KeyValuePair.Create(r.Name, Json.EmptyObject))).ToBytes());
        foreach (var row in rows)
        {
            var without = Json.Object(rows.Where(r => r != row)
                .Select(r => KeyValuePair.Create(r.Name, Json.EmptyObject))).ToBytes();
            if (row.Optional) Report.Parse(without);
            else Assert.Throws<FormatException>(() => Report.Parse(without));
        }
        Assert.Throws<FormatException>(() => Report.Parse("""{"metrics":{},"other":{}}"""u8));
    }

    /// <summary>The objects that the state's maps hold, each written where its map is.</summary>
    [Fact]
    public void Every_member_of_every_fact_is_in_the_table_of_the_state()
    {
        var page = Page("fold");
        var code = new List<string>();
        // Most parts stand in StateDigest.cs, others next to the rule that changes them.
        var source = string.Concat(Directory.GetFiles(Path.Combine(Repository.Root, "src", "Stele.Proof", "Governance"))
            .Select(File.ReadAllText).Where(text => Regex.IsMatch(text, "Part(<.*>)? \\w+ =")));
        var rows = Regex.Matches(source,
            "Part(?:<.*>)? \\w+ =\\s+(?:StateDigest\\.)?"
            + "(?:Of\\(\\s*\"(\\w+)\", s => s\\.\\w+,\\s|new OwnPart\\(\"(environments)\")").ToList();
        for (var i = 0; i < rows.Count; i++)
        {
            var map = rows[i].Groups[2].Success ? "environments" : rows[i].Groups[1].Value;
            var value = rows[i].Groups[2].Success
                ? source[source.IndexOf("static Json Environment(", StringComparison.Ordinal)..]
                : source[rows[i].Index..(i + 1 < rows.Count ? rows[i + 1].Index : source.Length)];
            if (!value.Contains("Json.Object(", StringComparison.Ordinal)
                || (value.Contains("List(all", StringComparison.Ordinal) && map == "origins")) code.Add(map);
            if (value.Contains("Json.Object(", StringComparison.Ordinal))
                code.AddRange(SpecSource.Members(value, "").Select(m => $"{map} {m.Name}{(m.Optional ? "?" : "")}"));
        }
        Assert.True(code.Count > 60);
        Same(code, page.Table("State digest", "map", "member")
            .Rows.Select(r => r[1].Length == 0 ? r[0]
            : $"{r[0]} {SpecTable.Words(r[1])[0]}{(r[1].EndsWith('?') ? "?" : "")}"), "facts");
        Same(code.Select(c => c.Split(' ')[0]).Distinct(), page.Table("State", "map", "by").Rows.Select(r => r[0]),
            "maps");
    }

    [Fact]
    public void Words_are_those_of_the_code()
    {
        var lists = new Dictionary<string, IEnumerable<string>>
        {
            ["roles"] = Role.Words.All, ["actions of deployments"] = Deployment.Actions.All, ["artifact kinds"] =
                Artifacts.Kinds, ["risks"] = SystemStatement.Risks, ["events"] = Observation.Events.All,
            ["observed strengths"] = Dimension.Strengths.All, ["origin strengths"] =
                Enum.GetValues<Strength>().Select(PolicyInput.Name), ["differences"] = Difference.All,
        };
        var rows = Page("statements").Table("Words", "set", "words").Rows;
        Same(lists.Keys, rows.Select(r => r[0]), "sets of words");
        foreach (var row in rows) Same(lists[row[0]], SpecTable.Words(row[1]), row[0]);
    }

    [Fact]
    public void Words_of_members_are_those_of_the_code()
    {
        var lists = new Dictionary<string, IEnumerable<string>>
        {
            ["log action"] = LogStatement.Actions.All, ["object role role"] =
                Role.Words.All, ["system risk"] = SystemStatement.Risks,
            ["object build-definition buildType"] = [Origin.Freeze, Origin.Import, Origin.Pipeline],
                ["approval action"] = Deployment.Actions.All, ["deployment action"] = Deployment.Actions.All,
                ["observation event"] = Observation.Events.All,
            ["object dimension strength"] = Dimension.Strengths.All, ["revocation effect"] =
                Revocation.Effects.All, ["revocation target"] = Revocation.Targets.All,
            ["erasure cause"] = Erasure.Causes.All, ["hold action"] = Hold.Actions.All,
                ["verdict verificationResult"] = ["PASSED", "FAILED"],
            ["object rule-outcome result"] = RuleOutcome.Results.All,
            ["object difference name"] = Difference.All, ["object decision kind"] = Decision.Kinds.All,
            ["object decision outcome"] = Decision.Outcomes.All,
            ["object decision strength"] = Dimension.Strengths.All, ["object would outcome"] = Would.Outcomes.All,
            ["object rule effect"] = Effects.Names, ["object rule severity"] = Rule.Severities,
        };
        var found = SpecPage.Names.SelectMany(n => Page(n).Tables).Where(t => t.Columns is ["member", "type", ..])
            .SelectMany(t => t.Rows.Where(r => Regex.IsMatch(r[1], "^`[^`]+`( `[^`]+`)*$"))
                .Select(r => (Name: $"{t.Heading} {SpecTable.Words(r[0])[0]}", Words: SpecTable.Words(r[1])))).ToList();
        Same(lists.Keys, found.Select(f => f.Name), "members that are one of some words");
        foreach (var (name, words) in found) Same(lists[name], words, name);
    }

    [Fact]
    public void Refusal_codes_are_those_of_the_code() =>
        Same(Enum.GetValues<RefusalCode>().Select(c => $"{c.Name()} {(c.IsLasting() ? "yes" : "no")}"),
        Page("fold").Table("Refusal codes", "code", "recorded")
            .Rows.Select(r => $"{SpecTable.Words(r[0])[0]} {r[1]}"), "refusal codes");

    // Sections of the fold, and the methods that do what they say: of a kind, its row's rule.
    static readonly Dictionary<string, string[]> Methods = new(StatementKinds.All.Select(k =>
        KeyValuePair.Create(k.Name, (string[])[$"Outcome {RuleOf(k)}(Context c, {k.Type.Name} "])))
    {
        ["Order of checks"] = ["Outcome Apply(State state, Prepared", "Signers(State state, Prepared",
            "Untimely(long", "Backwards(long", "Foreign(Digest"],
        ["genesis"] = ["Found("],
        ["approval"] = ["Approve(", "Withdraw(Context c, Approval"],
        ["waiver"] = ["Waive(", "Withdraw(Context c, Waiver"],
    };

    static string RuleOf(StatementKind kind) =>
        ((Delegate)kind.GetType().GetProperty("Rule")!.GetValue(kind)!).Method.Name;

    static readonly Dictionary<string, string[]> Shared = new()
    {
        ["a known place"] = ["Refused? Known(Context"], ["a release that may run there"] = ["Refused? Place("],
            ["ran there"] = ["Refused? Ran("], ["owners left"] = ["TooFew("], ["no hold"] = ["Held("],
        ["judged by the policies in force"] = ["Judge(State state, Question", "Judge(Context c", "Refused Failed("],
    };

    static HashSet<string> Codes(IEnumerable<string> methods) =>
        [.. methods.SelectMany(m => Regex.Matches(SpecSource.Method(m), "RefusalCode\\.(\\w+)")
            .Select(x => Enum.Parse<RefusalCode>(x.Groups[1].Value).Name()))];

    [Fact]
    public void Each_kind_names_the_codes_of_its_rules_and_no_other()
    {
        var page = Page("fold");
        var all = Enum.GetValues<RefusalCode>().Select(c => c.Name()).ToHashSet();
        var shared = Codes(Shared.Values.SelectMany(m => m));
        HashSet<string> Named(string section) => [.. SpecTable.Words(page.Sections[section]).Where(all.Contains)];
        foreach (var (section, methods) in Methods.Concat(Shared))
        {
            var (own, named) = (Codes(methods), Named(section));
            Assert.True(own.IsSubsetOf(named), $"{section} does not name {string.Join(", ", own.Except(named))}");
            var more = string.Join(", ", named.Where(c => !own.Contains(c) && !shared.Contains(c)));
            Assert.True(more.Length == 0, $"{section} names {more}, which its rules don't give");
        }
        // Every code is given somewhere, or said not to be.
        var given = Methods.Keys.Concat(Shared.Keys).Append("Who may sign").SelectMany(Named).ToHashSet();
        Assert.Equal(["too-large"], all.Except(given));
    }

    [Fact]
    public void Caps_are_those_of_the_code()
    {
        static long In(string pattern, params string[] path) =>
            long.Parse(Regex.Match(SpecSource.Read(path), pattern).Groups[1].Value, CultureInfo.InvariantCulture);
        var caps = new Dictionary<string, long>
        {
            ["json-depth"] = CanonicalJson.MaxDepth, ["json-integer"] = Json.MaxInt, ["last-time"] = Entry.MaxTime,
                ["label"] = Names.MaxLength, ["payload"] = Envelope.MaxPayload, ["signatures"] = Envelope.MaxSignatures,
            ["entry"] = Entry.MaxBytes, ["document"] = Artifacts.MaxDocument, ["decision"] = Decision.MaxBytes,
                ["context"] = RequestContext.MaxBytes, ["note"] = Note.MaxBytes, ["note-signatures"] =
                Note.MaxSignatures,
            ["key-name"] = In("MaxName = (\\d+)", "VerifierKey.cs"), ["vkey"] =
                In("MaxText = (\\d+)", "VerifierKey.cs"), ["extensions"] = Checkpoint.MaxExtensions, ["segment"] =
                Segment.MaxBytes, ["pack-member"] = Zip.MaxMember,
            ["pack-members"] = Zip.MaxMembers, ["receipt"] = Receipt.MaxBytes, ["trust"] =
                In("Parse\\(utf8, (\\d+) \\* 1024\\)", "Decisions", "Trust.cs") * 1024, ["fork"] = Fork.MaxBytes,
                ["memory"] = LedgerMemory.MaxBytes,
            ["report-depth"] = Report.MaxDepth, ["from"] = SourceTerms.MaxFrom,
        };
        Same(caps.Select(c => $"{c.Key} {c.Value.ToString(CultureInfo.InvariantCulture)}"),
            Page("encoding").Table("Caps", "cap").Rows.Select(r => $"{r[0]} {r[1]}"), "caps");
    }

    /// <summary>The patterns take what the code takes, tried on names that are nearly right.</summary>
    [Fact]
    public void Patterns_of_names_are_those_of_the_code()
    {
        var rows = Page("encoding").Table("Names", "name", "pattern").Rows.ToDictionary(r => r[0], r => r[1].Trim('`'));
        Regex Pattern(string name) => new($"^(?:{rows[name]})\\z", RegexOptions.CultureInvariant);
        var random = new Random(9);
        const string letters = "abz09AZ._-()/+: ~éſ\n";
        string Any(int most) => new([.. Enumerable.Range(0, random.Next(most + 1))
            .Select(_ => letters[random.Next(letters.Length)])]);
        var (yes, no) = (new Dictionary<string, int>(), 0);
        for (var i = 0; i < 40_000; i++)
        {
            var label = i % 3 == 0 ? Any(3) : new string('a', random.Next(60, 67)) + Any(1);
            Try("label", label, Names.IsLabel(label));
            var control = (i % 2 == 0 ? "iso" : label) + "/"
                + (i % 5 == 0 ? new string('A', random.Next(60, 67)) : Any(3));
            Try("control", control, Names.IsControl(control));
            var licence = i % 5 == 0 ? new string('M', random.Next(196, 203)) : Any(4);
            Try("licence", licence, Names.IsLicence(licence), !licence.Contains("  ", StringComparison.Ordinal)
                && !licence.EndsWith(' '));
            var member = new string('0', random.Next(30, 34)) + (i % 4 == 0 ? Any(1) : "");
            Try("member id", member, Names.IsMember(member));
        }
        Assert.All(["label", "control", "licence", "member id"], name =>
            Assert.True(yes.GetValueOrDefault(name) > 100, name));
        Assert.True(no > 10_000);

        void Try(string name, string text, bool code, bool more = true)
        {
            Assert.True((Pattern(name).IsMatch(text) && more) == code,
                $"the pattern of a {name} and the code disagree on '{text}'");
            if (code) yes[name] = yes.GetValueOrDefault(name) + 1;
            else no++;
        }
    }

    [Fact]
    public void Inputs_are_those_that_rules_see()
    {
        var page = Page("policy");
        foreach (var (occasion, heading) in new[] { (Occasion.Admission, "acts on the ledger"),
            (Occasion.Request, "requests"), (Occasion.Monitor, "monitoring") })
            Same(InputSchema.Variables(occasion).SelectMany(v => Of(v.Key, v.Value)),
                page.Table(heading, "input", "type").Rows.Select(r => $"{SpecTable.Words(r[0])[0]} {r[1]}"), heading);
        foreach (var (variable, heading) in new[] { ("attestations", "object attestation-input"),
            ("checks", "object evaluation-input") })
        {
            var element = InputSchema.Variables(Occasion.Admission)[variable].Parameters[1].Parameters[0];
            Same(element.Fields!.Select(f => $"{f.Key}{(InputSchema.Optional(element, f.Key) ? "?" : "")} {f.Value}"),
                page.Table(heading, "field", "type").Rows.Select(r =>
                $"{SpecTable.Words(r[0])[0]}{(r[0].EndsWith('?') ? "?" : "")} {r[1]}"), heading);
        }

        static IEnumerable<string> Of(string at, CelType type) => type.Kind == CelKind.List
            ? Of(at + "[]", type.Parameters[0]) : type.Fields is not { } fields ? [$"{at} {type}"]
            : fields.SelectMany(f => Of($"{at}.{f.Key}{(InputSchema.Optional(type, f.Key) ? "?" : "")}", f.Value));
    }

    [Fact]
    public void Actions_that_have_an_input_are_those_of_the_code()
    {
        foreach (var row in Page("policy").Table("acts on the ledger", "input", "type", "on")
            .Rows.Where(r => r[2].Length > 0))
        {
            var variable = Regex.Match(SpecTable.Words(row[0])[0], "^\\w+").Value;
            var words = SpecTable.Words(row[2]);
            var acts = Actions.All.Where(a => Actions.OccasionOf(a) == Occasion.Admission).ToArray();
            string[] said = row[2] == "all" ? acts : row[2].StartsWith("all but", StringComparison.Ordinal)
                ? [.. acts.Except(words)] : row[2].StartsWith("deployments", StringComparison.Ordinal)
                ? [.. Actions.Deployments, .. words] : words;
            Same(acts.Where(a => InputSchema.Has(a, variable)), said, $"actions with {variable}");
        }
    }

    [Fact]
    public void Occasions_and_their_effects_are_those_of_the_code()
    {
        var rows = Page("policy").Table("Occasions", "occasion", "actions", "effects").Rows;
        static string Sorted(IEnumerable<string> words) => string.Join(' ', words.Order(StringComparer.Ordinal));
        static IEnumerable<string> ActionsOf(Occasion o) => Actions.All.Where(a => Actions.OccasionOf(a) == o);
        static IEnumerable<string> EffectsOf(Occasion o) =>
            Enum.GetValues<Effect>().Where(e => e.Fits(o)).Select(Effects.Name);
        Same(Enum.GetValues<Occasion>().Select(o => $"{Sorted(ActionsOf(o))}: {Sorted(EffectsOf(o))}"),
            rows.Select(r => $"{Sorted(SpecTable.Words(r[1]))}: {Sorted(SpecTable.Words(r[2]))}"), "occasions");
        Same(Enum.GetNames<CelErrorKind>(), Page("policy").Table("Judging", "kind of error")
            .Rows.Select(r => SpecTable.Words(r[0])[0]), "kinds of errors");
        // The numbers in the text.
        foreach (var n in new[] { Policy.CostLimit, Policy.JudgementLimit }) Assert.Contains(n.ToString("N0",
            CultureInfo.InvariantCulture), Page("policy").Sections["Judging"], StringComparison.Ordinal);
        Assert.Contains(Policy.TestsLimit.ToString("N0", CultureInfo.InvariantCulture),
            Page("policy").Sections["Tests"], StringComparison.Ordinal);
        foreach (var n in new[] { Policy.MaxRules, Policy.MaxTests, Policy.MaxDefinitions,
            Policy.MaxChecks }) Assert.Contains($"at most {n.ToString("N0", CultureInfo.InvariantCulture)} |",
            Page("policy").Text, StringComparison.Ordinal);
        foreach (var n in new[] { Fold.MaxApproval, Attestation.MaxTerm, Fold.MaxSkew,
            Fold.MaxDelay }) Assert.Contains(n.ToString("N0", CultureInfo.InvariantCulture), Page("fold").Text,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Findings_are_those_of_the_verifiers()
    {
        var code = Directory.GetFiles(Path.Combine(Repository.Root, "src", "Stele.Proof", "Packs"), "*.cs")
            .Select(File.ReadAllText).ToList();
        var names = code.SelectMany(c => Regex.Matches(c,
            "(?:Find\\(|new Finding\\()\\s*\\$?\"([a-z{}]+(?:-[a-z]+)+)\"").Select(m => m.Groups[1].Value))
            .SelectMany(n => n == "{name}-differs" ? ["verdict-differs", "refusal-differs"] : new[] { n }).Distinct()
            .ToList();
        Assert.True(names.Count > 50);
        Same(names, Page("verifying").Table("Findings", "finding").Rows.Select(r => SpecTable.Words(r[0])[0]),
            "findings");
    }

    [Fact]
    public void Results_and_exit_codes_are_those_of_the_verifiers()
    {
        var page = Page("verifying");
        // In order: the first that applies is the headline.
        Assert.Equal(Enum.GetValues<Headline>().Select(h => $"{h.Name()} {(int)h.Exit()}"),
            page.Table("Headlines", "headline", "exit").Rows.Select(r => $"{SpecTable.Words(r[0])[0]} {r[1]}"));
        Same(Enum.GetValues<LimitName>().Select(l => l.Name()),
            page.Table("Headlines", "limit").Rows.Select(r => SpecTable.Words(r[0])[0]), "limits");
        Same(Enum.GetValues<RemarkName>().Select(r => r.Name()),
            page.Table("Headlines", "remark").Rows.Select(r => SpecTable.Words(r[0])[0]), "remarks");
        Same(Enum.GetValues<Basis>().Select(b => $"{b.Name()}: {b.Label()}"),
            page.Table("Headlines", "basis").Rows.Select(r => $"{SpecTable.Words(r[0])[0]}: {r[1]}"),
            "what facts rest on");
        Same(Enum.GetValues<HaltReason>().Select(r => new Halt(0, r, "", 0).Code),
            SpecTable.Words(Regex.Match(page.Sections["Headlines"], "Judging \\*\\*stops\\*\\*.*?\n\n",
            RegexOptions.Singleline).Value), "reasons to stop");
        Same(Enum.GetValues<FraudVerdict>()
            .Select(v => $"{(int)v} {new FraudReport(v, [], [], []).ToJson()["result"].AsString}"),
            page.Table("Fraud", "exit", "result").Rows.Select(r => $"{r[0]} {SpecTable.Words(r[1])[0]}"),
            "verdicts on fraud");
        Same(Enum.GetValues<ContradictionKind>().Select(k => new Contradiction(k, "").Name),
            page.Table("Fraud", "contradiction").Rows.Select(r => SpecTable.Words(r[0])[0]), "contradictions");
        Same(Difference.All, Page("fold").Table("Windows", "difference").Rows.Select(r => SpecTable.Words(r[0])[0]),
            "differences");
    }

    [Fact]
    public void Links_lead_somewhere()
    {
        var pages = Directory.GetFiles(SpecPage.Folder, "*.md")
            .Append(Path.Combine(Repository.Root, "docs", "FORMATS.md")).ToDictionary(f => f, File.ReadAllText);
        var count = 0;
        foreach (var (file, text) in pages)
            foreach (Match link in Regex.Matches(text, "\\]\\(([^)#\\s]*)(?:#([^)\\s]+))?\\)"))
            {
                count++;
                var target = link.Groups[1].Value.Length == 0 ? file
                    : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, link.Groups[1].Value));
                Assert.True(File.Exists(target), $"{Path.GetFileName(file)} links to {link.Groups[1].Value}");
                if (link.Groups[2].Value is { Length: > 0 } anchor)
                    Assert.True(Regex.Matches(File.ReadAllText(target), "^#+ (.+)$", RegexOptions.Multiline)
                        .Any(h => Anchor(h.Groups[1].Value) == anchor),
                        $"{Path.GetFileName(file)} links to {Path.GetFileName(target)}#{anchor}");
            }
        Assert.True(count > 80);

        static string Anchor(string heading) => Regex.Replace(heading.ToLowerInvariant().Replace(' ', '-'),
            "[^a-z0-9_-]", "");
    }

    /// <summary>No type of this program stands for a format: a stranger has none of them.</summary>
    [Fact]
    public void No_type_of_the_program_is_named()
    {
        var types = typeof(Digest).Assembly.GetTypes().Where(t => t.IsPublic && t.Name.Any(char.IsLower))
            .Select(t => t.Name.Split('`')[0]).ToHashSet();
        foreach (var name in SpecPage.Names) Assert.Equal([],
            SpecTable.Words(Regex.Replace(Page(name).Text, "```.*?```", "", RegexOptions.Singleline))
            .Where(types.Contains).Select(t => $"{name}: {t}"));
    }
}
