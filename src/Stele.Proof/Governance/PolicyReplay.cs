using System.Collections.Immutable;
using Cel.Values;
using Stele.Proof.Decisions;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// What is still held of a recorded request: what the rules saw apart from its body, and the body; null where that was
/// erased, or got lost.
/// </summary>
public sealed record HeldRequest(RequestContext? Context, Json? Body)
{
    public static readonly HeldRequest Nothing = new(null, null);
}

/// <summary>
/// Looks back: what would have come of past acts and decisions, had another policy stood for a scope in the place of
/// the one that did. Everything else is as it was: the state at the size that was folded then, the policies of other
/// scopes and releases, approvals and evaluations, and the time. Waivers name the digest of a policy, so those of the
/// one that stood do not carry over.
/// </summary>
/// <param name="Scope"><c>*</c>, <c>system</c> or <c>system/environment</c>.</param>
public sealed class PolicyReplay(Replay ledger, string scope, Policy instead)
{
    /// <summary>Whether decisions of an environment are under the scope.</summary>
    public bool Covers(string system, string environment) => State.Scopes(system, environment).Contains(scope);

    /// <summary>A recorded decision, judged again.</summary>
    /// <param name="id">The decision's.</param>
    public Rejudged Decision(string id, Decision d, HeldRequest held)
    {
        // What was ruled, not what happened: a request that went through and failed was let through. A rule stands at
        // what was let through exactly where one masked, be it that there was nothing to mask.
        var was = d.Outcome switch
        {
            DecisionOutcome.Deny => RuledOutcome.Deny,
            DecisionOutcome.Hold => RuledOutcome.Hold,
            _ => d.Rule is null ? RuledOutcome.Allow : RuledOutcome.Mask,
        };
        Rejudged Comes(RuledOutcome? now, string? rule = null, string? message = null,
            ImmutableArray<string> open = default) =>
            new(id, d.Time, was, d.Rule, now, rule, message, open.IsDefault ? [] : open);

        if (d.Size > ledger.Entries.Count || !ledger.At(d.Size).Releases.TryGetValue(d.Release, out var release))
            return Comes(null, message: "the ledger here does not have what it rests on");
        var state = ledger.At(d.Size);
        var whole = held.Context is not null && (held.Body is not null || d.Input is null or { Size: 0 });
        var asked = new Asked(state, release, d.System, d.Environment, d.Deployment, d.Principal,
            held.Context ?? Known(d), held.Body, d.Input?.Size ?? 0);
        var input = asked.Input();
        var unknown = whole ? [] : Unknown(d, held);
        var budget = new Budget();
        var ruling = new PartialRuling(Ruling.Through, []);
        var policies = state.PoliciesDeciding(d.System, d.Environment, d.Principal, (scope, instead.Digest));
        foreach (var digest in release.Policy is { } own ? policies.Insert(0, own) : policies)
        {
            if (Find(digest) is not { } policy) return Comes(null, message: $"the policy {digest} is not at hand");
            ruling = ruling.And(policy.Decide(input, unknown, budget));
        }
        // An open rule may deny what is held in any case: refused both ways, but as what?
        var how = ruling is { Known.Effect: Effect.Hold, Open.IsEmpty: false }
            && was is RuledOutcome.Deny or RuledOutcome.Hold;
        return ruling.Refuses is null || how ? Comes(null, open: ruling.Open) : Comes(ruling.Known.Effect.Outcome(),
            ruling.Known.Rule, ruling.Known.Error ? "it does not evaluate" : ruling.Known.Message);
    }

    /// <summary>What the leaf itself tells of a request whose context is gone.</summary>
    static RequestContext Known(Decision d)
    {
        var operation = d.Operation.Split(' ', 2);
        return new(operation[0], operation.Length == 2 ? operation[1] : "", "", [], d.Time);
    }

    static HashSet<string> Unknown(Decision d, HeldRequest held)
    {
        var unknown = new HashSet<string>(StringComparer.Ordinal) { "request" };
        if (held.Body is null && d.Input is not (null or { Size: 0 }))
            unknown.UnionWith(["request.body", "request.arguments", "request.model", "request.tool"]);
        if (held.Context is not null) return unknown;
        unknown.UnionWith(["time", "principal", "principal.roles", "request.query"]);
        if (d.Operation.StartsWith("OTHER ", StringComparison.Ordinal)) unknown.Add("request.method");
        if (d.Operation.EndsWith(" *", StringComparison.Ordinal)) unknown.Add("request.path");
        return unknown;
    }

    /// <summary>Every verdict of a time, judged again.</summary>
    /// <param name="since">The first millisecond, and <paramref name="until"/> the last.</param>
    /// <param name="find">Envelopes that were refused, by the digest that their verdict names.</param>
    public Flips Acts(long since, long until, Func<Digest, byte[]?> find)
    {
        var flips = new Flips();
        foreach (var folded in ledger.Of<Verdict>())
        {
            var v = (Verdict)folded.Statement;
            if (v.Time < since || v.Time > until || !Covers(v.System, v.Environment)) continue;
            var of = string.Create(global::System.Globalization.CultureInfo.InvariantCulture, $"entry {folded.Index}");
            var stands = v.Size < ledger.Entries.Count
                && Explain.EnvelopeDigest(ledger.Entries[(int)v.Size].Entry.Envelope) == v.Envelope;
            var envelope = stands ? ledger.Entries[(int)v.Size].Entry.Envelope
                : find(v.Envelope) is { } bytes && Digest.Of(bytes) == v.Envelope ? Envelope.Parse(bytes) : null;
            if (envelope is null)
                flips.Add(new Rejudged(of, v.Time, v.Passed ? RuledOutcome.Allow : RuledOutcome.Deny,
                    v.Rules.FirstOrDefault(r => !r.Allows)?.Rule, null, null,
                    "the envelope that was refused is not at hand", []));
            else if (Act(of, v, envelope) is { } act) flips.Add(act);
        }
        return flips;
    }

    /// <summary>
    /// A judged act on the ledger, judged again: for each of its releases where it routes to several.
    /// </summary>
    /// <param name="of">What it is called.</param>
    /// <param name="envelope">What was judged.</param>
    /// <returns>Null for a statement that no policy of the scope judges.</returns>
    public Rejudged? Act(string of, Verdict told, Envelope envelope)
    {
        if (StatementKinds.Parse(envelope.Payload) is not Deployment deployment
            || !Covers(deployment.System, deployment.Environment)) return null;
        var failed = told.Rules.FirstOrDefault(r => !r.Allows);
        Rejudged Comes(RuledOutcome? now, string? rule = null, string? message = null) =>
            new(of, told.Time, told.Passed ? RuledOutcome.Allow : RuledOutcome.Deny, failed?.Rule, now,
                rule, message, []);

        var state = ledger.At(told.Size);
        var routes = Json.Object(("routes", PolicyInput.Routes(deployment.Routes)));
        var action = Deployment.Actions[deployment.Action];
        var actors = envelope.Signatures.Select(s => state.KeyOwners.GetValueOrDefault(s.KeyId, "")).ToArray();
        try
        {
            foreach (var release in deployment.Routes.IsEmpty
                ? [null]
                : deployment.Routes.Select(r => (ReleaseFact?)state.Releases[r.Release]))
            {
                var judged = false;
                var budget = new Budget();
                foreach (var at in State.Scopes(deployment.System, deployment.Environment))
                {
                    if ((at == scope ? instead.Digest : state.Policies.GetValueOrDefault(at)?.Policy) is not { } digest)
                        continue;
                    if (Find(digest) is not { } policy)
                        return Comes(null, message: $"the policy {digest} is not at hand");
                    if (!policy.Judges(action)) continue;
                    var (rules, _, refusal) = Fold.Judge(state,
                        new Fold.Question(action, told.Time, deployment.System, deployment.Environment, release,
                            actors, routes), policy, ledger.Documents, budget);
                    if (refusal is { } r) return Comes(RuledOutcome.Deny, r.Code.Name(), r.Message);
                    judged |= !rules.IsEmpty;
                    if (rules.FirstOrDefault(x => !x.Allows) is { } first)
                        return Comes(RuledOutcome.Deny, first.Rule, first.Message);
                }
                if (!judged && release is not null)
                    return Comes(RuledOutcome.Deny, RefusalCode.PolicyMissing.Name(),
                        $"no policy would have a rule on '{action}'");
            }
            return Comes(RuledOutcome.Allow);
        }
        catch (DocumentMissingException e)
        {
            return Comes(null, message: e.Message);
        }
    }

    Policy? Find(Digest digest) => digest == instead.Digest ? instead : ledger.Documents.Policy(digest);
}
