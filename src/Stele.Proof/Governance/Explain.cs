using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Cel;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// The statements by which a server explains what the fold made of an envelope. Pure functions of the state before, the
/// envelope and the time, nonce included: anyone who re-executes them gets the same payload bytes, or has caught
/// someone.
/// </summary>
public static class Explain
{
    public static Digest EnvelopeDigest(Envelope envelope) => Digest.Of(envelope.ToJson().ToBytes());

    /// <summary>
    /// The verdict on a deployment that the policies in force have judged, passed or failed; null for anything that has
    /// none.
    /// </summary>
    /// <param name="before">The state the envelope was judged on.</param>
    public static Verdict? Verdict(State before, Entry entry, Outcome outcome)
    {
        var (statement, judgement) = Judged(outcome);
        if (judgement is null || judgement.Rules.IsEmpty || statement is not Deployment deployment) return null;
        var envelope = EnvelopeDigest(entry.Envelope);
        var whole = new Verdict([.. deployment.Routes.Select(r => r.Release)], deployment.System,
            deployment.Environment, envelope, before.Size, entry.Time, outcome is Outcome.Accepted, judgement.Policies,
            Rested(judgement.Rules, judgement.Sittings), Digest.Of(judgement.Input.ToBytes()), before.FoldVersion)
        {
            Waivers =
                [.. judgement.Rules.Where(r => r.Waiver is not null).Select(r => r.Waiver!.Value).Distinct().Order()],
            Would = Rested(judgement.Would, judgement.WouldSittings),
            Ledger = before.Ledger, Issued = entry.Time, Nonce = Nonce("verdict", envelope, before.Size, entry.Time),
        };
        return Fitting(whole);
    }

    internal static (Statement? Statement, Judgement? Judgement) Judged(Outcome outcome) => outcome switch
    {
        Outcome.Accepted a => (a.Statement, a.Judgement),
        Outcome.Refused r => (r.Statement, r.Judgement),
        _ => (null, null),
    };

    static ImmutableArray<RuleOutcome> Rested(ImmutableArray<RuleOutcome> outcomes, ImmutableArray<Sitting> sittings) =>
        [.. Traced(outcomes, sittings).Select(t => t.Of is { } of ? t.Outcome with
        {
            Values = Governance.Rested.On(of.Trace),
            Message = of.Trace.Error is { } e ? e.Kind.ToString() : t.Outcome.Message
        } : t.Outcome)];

    /// <summary>
    /// Each outcome with how it came about: an outcome that no rule stands for, as of a check that was never run, has
    /// no such thing.
    /// </summary>
    internal static IEnumerable<(RuleOutcome Outcome, (Policy Policy, Rule Rule, CelTrace Trace)? Of)> Traced(
        ImmutableArray<RuleOutcome> outcomes, ImmutableArray<Sitting> sittings)
    {
        var traces = new Dictionary<(Digest, Digest?, string), (Policy, Rule, CelTrace)>();
        foreach (var s in sittings)
            foreach (var (rule, trace) in s.Policy.Trace(s.Action, InputSchema.ToCel(s.Input),
                new Budget(s.Left))) traces.TryAdd((s.Policy.Digest, s.Release, rule.Id), (s.Policy, rule, trace));
        return outcomes.Select(o =>
            (o, traces.TryGetValue((o.Policy, o.Release, o.Rule), out var of) ? of : ((Policy, Rule, CelTrace)?)null));
    }

    /// <summary>
    /// A verdict must fit an entry. What is left out, in this order, as far as must be: 1 values of rules that passed ·
    /// 2 candidates' rules that passed, and their messages and values · 3 messages but that of the first failure · 4
    /// values but those of the first failure · 5 rules that passed · 6 what candidates would have said · 7 all rules
    /// but the first failure.
    /// A verdict that could not be read again, whatever words and values the rules came upon, goes without them: 8. The
    /// verdict says how far it went.
    /// </summary>
    static Verdict Fitting(Verdict verdict)
    {
        var failure = verdict.Rules.FirstOrDefault(r => !r.Allows);
        ImmutableArray<RuleOutcome> Each(Func<RuleOutcome, RuleOutcome> cut) =>
            [.. verdict.Rules.Select(r => ReferenceEquals(r, failure) ? r : cut(r))];
        Func<Verdict>[] cuts =
        [
            () => verdict with { Rules = Each(r => r.Result == RuleResult.Passed ? r with { Values = [] } : r) },
            () => verdict with { Would = [.. verdict.Would.Where(r => r.Result != RuleResult.Passed).Select(r => r with
            {
                Message = null,
                Values = []
            })] },
            () => verdict with { Rules = Each(r => r with { Message = null }) },
            () => verdict with { Rules = Each(r => r with { Values = [] }) },
            () => verdict with { Rules = [.. verdict.Rules.Where(r => r.Result != RuleResult.Passed)] },
            () => verdict with { Would = [] },
            () => verdict with { Rules = failure is null ? [] : [failure] },
        ];
        Verdict Bare()
        {
            static ImmutableArray<RuleOutcome> Silent(ImmutableArray<RuleOutcome> rules) => [.. rules.Select(r => r with
            {
                Message = null,
                Values = []
            })];
            var bare = verdict with
            {
                Rules = Silent(verdict.Rules),
                Would = Silent(verdict.Would),
                Cut = cuts.Length + 1
            };
            failure = bare.Rules.FirstOrDefault(r => !r.Allows);
            return bare;
        }
        if (!CanBeWritten(verdict)) verdict = Bare();
        for (var i = 0; i < cuts.Length && verdict.Encode().Length > Envelope.MaxPayload; i++)
            verdict = cuts[i]() with { Cut = Math.Max(verdict.Cut, i + 1) };
        return CanBeRead(verdict) ? verdict : Bare();
    }

    static bool CanBeWritten(Verdict verdict)
    {
        try
        {
            return verdict.Encode().Length > 0;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    static bool CanBeRead(Verdict verdict)
    {
        try
        {
            return StatementKinds.Parse(verdict.Encode()) is Verdict;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    /// <summary>The record of a refusal, for signatures that were good.</summary>
    public static Refusal Refusal(State before, Entry entry, Outcome.Refused refused)
    {
        var envelope = EnvelopeDigest(entry.Envelope);
        return new Refusal(envelope, before.Size, entry.Time, refused.Code.Name(),
            refused.Judgement?.FirstFailure?.Rule, refused.Judgement?.FirstFailure?.Policy)
        { Ledger = before.Ledger, Issued = entry.Time, Nonce = Nonce("refusal", envelope, before.Size, entry.Time) };
    }

    internal static string Nonce(string kind, Digest envelope, long size, long time) =>
        Convert.ToHexStringLower(
            SHA256.HashData(
                Encoding.UTF8.GetBytes(string.Create(global::System.Globalization.CultureInfo.InvariantCulture,
                    $"stele/{kind}/v1 {envelope} {size} {time}"))).AsSpan(0, 16));
}
