using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// The statements by which a server explains what the fold made of an envelope. Pure functions of the state before, the envelope and the time, nonce included:
/// whoever re-executes them gets the same payload bytes, or has caught someone.
/// </summary>
public static class Explain
{
    public static Digest EnvelopeDigest(Envelope envelope) => Digest.Of(envelope.ToJson().ToBytes());

    /// <summary>The verdict on a deployment that the policies in force have judged, passed or failed; null for anything that has none.</summary>
    /// <param name="before">The state the envelope was judged on.</param>
    public static Verdict? Verdict(State before, Entry entry, Outcome outcome)
    {
        var (statement, judgement) = outcome switch
        {
            Outcome.Accepted a => (a.Statement, a.Judgement),
            Outcome.Refused r => (r.Statement, r.Judgement),
            _ => (null, null),
        };
        if (judgement is null || statement is not Deployment { Routes: [var first, ..] } deployment) return null;
        var envelope = EnvelopeDigest(entry.Envelope);
        // A verdict must fit an entry: first the messages go, then the rules that passed, then all but the first failure.
        var rules = judgement.Rules;
        var failure = judgement.FirstFailure;
        ImmutableArray<RuleOutcome>[] shorter =
        [
            rules, [.. rules.Select(r => r == failure ? r : r with { Message = null })], [.. rules.Where(r => r.Result != RuleOutcome.Passed).Select(r => r == failure ? r : r with { Message = null })],
        ];
        foreach (var some in shorter)
            if (With(some) is var verdict && verdict.Encode().Length <= Envelope.MaxPayload) return verdict;
        return With(failure is null ? [] : [failure]);

        Verdict With(ImmutableArray<RuleOutcome> rules) => new(first.Release, deployment.System, deployment.Environment, envelope, before.Size, entry.Time, outcome is Outcome.Accepted, judgement.Policies, rules,
            Digest.Of(judgement.Input.ToBytes()), before.FoldVersion)
        { Ledger = before.Ledger, Issued = entry.Time, Nonce = Nonce("verdict", envelope, before.Size, entry.Time) };
    }

    /// <summary>The record of a refusal, for signatures that were good.</summary>
    public static Refusal Refusal(State before, Entry entry, Outcome.Refused refused)
    {
        var envelope = EnvelopeDigest(entry.Envelope);
        return new Refusal(envelope, before.Size, entry.Time, refused.Code.Name(), refused.Judgement?.FirstFailure?.Rule)
        { Ledger = before.Ledger, Issued = entry.Time, Nonce = Nonce("refusal", envelope, before.Size, entry.Time) };
    }

    static string Nonce(string kind, Digest envelope, long size, long time) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(global::System.Globalization.CultureInfo.InvariantCulture, $"stele/{kind}/v0 {envelope} {size} {time}"))).AsSpan(0, 16));
}
