namespace Stele.Proof.Packs;

/// <summary>
/// What a verification found, for people and as JSON. Findings contradict; limits say what is not shown; remarks say
/// what is only somebody's word or worth knowing; facts and notes say what was established,
/// and are claims and no more where there are findings.
/// </summary>
public sealed class VerifyReport
{
    /// <summary>Collecting stops here; a pack with this much wrong needs no longer list.</summary>
    const int MaxFindings = 1000;

    readonly List<Finding> _findings = [];
    readonly HashSet<Finding> _seen = [];
    readonly List<Limit> _limits = [];
    readonly List<Remark> _remarks = [];
    readonly List<Fact> _facts = [];
    readonly List<string> _notes = [];

    public IReadOnlyList<Finding> Findings => _findings;

    /// <summary>What is not shown, though nothing contradicts.</summary>
    public IReadOnlyList<Limit> Limits => _limits;

    public IReadOnlyList<Remark> Remarks => _remarks;

    /// <summary>Facts by what they rest on. Established only if there is no finding.</summary>
    public IReadOnlyList<Fact> Facts => _facts;

    /// <summary>
    /// Plain sentences on what was checked and what is not promised. Established only if there is no finding.
    /// </summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>Where the judging stopped; null where all of it was judged.</summary>
    public Halt? Stopped { get; private set; }

    public bool Authenticated { get; internal set; }
    public int DeclaredGaps { get; internal set; }

    /// <summary>Of a receipt: its node's signed word alone, not anchored yet.</summary>
    public bool Early { get; internal set; }

    public Headline Headline =>
        _findings.Any(f => f.Kind == FindingKind.Fraud) && _findings.All(f => f.Kind != FindingKind.Stranger)
            ? Headline.FraudProven
        : _findings.Count > 0 ? Headline.Contradicted
        : Stopped is not null ? Headline.Stopped
        : !Authenticated ? Headline.Unauthenticated
        : Early ? Headline.Early
        : DeclaredGaps > 0 ? Headline.DeclaredGaps
        : _limits.Count > 0 ? Headline.CompleteWithLimits
        : Headline.Complete;

    /// <summary>The headline in words.</summary>
    public string Sentence => Headlines.SentenceOf(this);

    /// <summary>The exit code.</summary>
    public VerifyResult Result => Headline.Exit();

    internal void Find(string name, string where, string message, FindingKind kind = FindingKind.Fault)
    {
        var finding = new Finding(name, where, message, kind);
        if (_findings.Count < MaxFindings && _seen.Add(finding)) _findings.Add(finding);
    }

    internal void Limit(LimitName name, string sentence) => Put(_limits, new Limit(name, sentence));
    internal void Remark(RemarkName name, string sentence) => Put(_remarks, new Remark(name, sentence));
    internal void Fact(Basis basis, string sentence) => _facts.Add(new Fact(basis, sentence));
    internal void Note(string sentence) => _notes.Add(sentence);

    /// <summary>Nothing from an entry on is judged. The first halt stays.</summary>
    internal void Stop(Halt halt) => Stopped ??= halt;

    static void Put<T>(List<T> all, T one)
    {
        if (all.Count < MaxFindings && !all.Contains(one)) all.Add(one);
    }

    /// <summary>
    /// <c>result</c> is the headline's name, <c>headline</c> its sentence. Where there are findings, what was gathered
    /// before is in <c>claims</c>, and <c>facts</c> and <c>notes</c> are empty: a forged claim is
    /// never read as one that was checked.
    /// </summary>
    public Json ToJson()
    {
        var failed = _findings.Count > 0;
        return Json.Object(
            ("result", Headline.Name()),
            ("headline", Sentence),
            ("exit", (int)Result),
            ("stopped", Stopped?.ToJson()),
            ("findings", Json.Array(_findings.Select(f => f.ToJson()))),
            ("limits", Json.Array(_limits.Select(l => Json.Object(("name", l.Name.Name()), ("sentence", l.Sentence))))),
            ("remarks", Json.Array(_remarks.Select(r =>
                Json.Object(("name", r.Name.Name()), ("sentence", r.Sentence))))),
            ("facts", Json.Array((failed ? [] : _facts)
                .Select(f => Json.Object(("basis", f.Basis.Name()), ("sentence", f.Sentence))))),
            ("notes", Json.Array((failed ? [] : _notes).Select(Json.Of))),
            ("claims", failed ? Json.Array(_facts.Select(f => f.Sentence).Concat(_notes).Select(Json.Of)) : null));
    }

    /// <summary>The report as people read it, the headline first. What is below a heading is indented.</summary>
    public IEnumerable<ReportLine> Lines()
    {
        yield return new(ReportPart.Headline, Sentence);
        foreach (var finding in _findings) yield return new(ReportPart.Finding, $"  {finding}");
        foreach (var line in Under("limits: what is not shown", _limits, ReportPart.Limit)) yield return line;
        foreach (var line in Under("remarks", _remarks, ReportPart.Remark)) yield return line;
        if (_findings.Count > 0)
        {
            foreach (var line in Under("what it claims (not established, because the check " +
                "failed)", _facts.Select(f => f.Sentence).Concat(_notes), ReportPart.Claim)) yield return line;
            yield break;
        }
        foreach (var facts in _facts.GroupBy(f => f.Basis).OrderBy(g => g.Key))
            foreach (var line in Under(
                facts.Key.Label(), facts.Select(f => f.Sentence), ReportPart.Checked)) yield return line;
        foreach (var line in Under("checked", _notes, ReportPart.Checked)) yield return line;
    }

    static IEnumerable<ReportLine> Under<T>(string heading, IEnumerable<T> items, ReportPart part)
    {
        var first = true;
        foreach (var item in items)
        {
            if (first) yield return new(ReportPart.Heading, heading + ":");
            first = false;
            yield return new(part, $"  {item}");
        }
    }
}

/// <summary>What a line of a report is; programs colour by it.</summary>
public enum ReportPart { Headline, Finding, Heading, Limit, Remark, Claim, Checked }

/// <summary>One line of a report.</summary>
public sealed record ReportLine(ReportPart Part, string Text);
