using System.Collections.Immutable;
using System.Globalization;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control.Views;

/// <summary>An entry of the ledger in one line.</summary>
/// <param name="Time">The entry's own, milliseconds since 1970 UTC.</param>
/// <param name="By">The members who signed, by the keys that are theirs after the entry.</param>
sealed record LogLine(long Entry, long Time, string Kind, ImmutableArray<string> By, string Line) : IView
{
    public static LogLine Of(Folded f) =>
        new(f.Index, f.Entry.Time, f.Statement.Kind, [.. LogLines.Signers(f)], LogLines.Line(f));
}

/// <summary>Everything about one entry, its statement and envelope included.</summary>
/// <param name="Leaf">The entry's hash in the ledger's tree.</param>
/// <param name="Identity">The SHA-256 of the signed payload.</param>
sealed record WholeEntry([Inline] LogLine Line, Digest Leaf, Digest Identity, Json Statement, Envelope Envelope)
    : IView
{
    public static WholeEntry Of(Folded f) => new(LogLine.Of(f), f.Entry.LeafHash,
        Digest.Of(f.Entry.Envelope.Payload), CanonicalJson.Parse(f.Entry.Envelope.Payload, Envelope.MaxPayload),
        f.Entry.Envelope);
}

/// <summary>The ledger as people read it: one line an entry.</summary>
/// <param name="From">The first entry that was asked for.</param>
sealed record LogLines(long Size, long From, ImmutableArray<LogLine> Lines) : IView
{
    public const int MaxLines = 10_000;

    public static LogLines Of(Replay replay, long from, int count) =>
        new(replay.State.Size, from, [.. Range(replay, from, count).Select(LogLine.Of)]);

    static IEnumerable<Folded> Range(Replay replay, long from, int count)
    {
        var all = replay.Entries;
        for (var i = from; i < all.Count && i < from + Math.Min(count, MaxLines); i++) yield return all[(int)i];
    }

    /// <summary>The members who signed, by the keys that are theirs after the entry.</summary>
    internal static IEnumerable<string> Signers(Folded f) =>
        f.Entry.Envelope.Signatures.Select(s => f.After.KeyOwners.TryGetValue(s.KeyId, out var m)
            ? m
            : s.KeyId.ToString());

    public static string Line(Folded f)
    {
        var s = f.After;
        string Name(Digest release) => s.Releases.TryGetValue(release, out var r)
            ? $"{r.Name} ({release.Short})"
            : release.Short;
        return f.Statement switch
        {
            GenesisStatement g =>
                $"ledger {g.Origin} begins: {g.Owners.Length} owner{(g.Owners.Length == 1 ? "" : "s")}, threshold "
                + $"{g.Threshold}",
            ProtocolStatement p => $"fold version {N(p.FoldVersion)} from here on",
            LogKeyStatement k => $"the ledger's next key, from size {N(k.FromSize)} on",
            LogStatement l =>
                $"decision log {l.Origin}: {l.Action}{(l.System is null ? "" : $" for {l.System}/{l.Environment}")}",
            MemberStatement m when m.Keys.IsEmpty && m.Roles.IsEmpty => $"member {Cut(m.Member)} is out",
            MemberStatement m =>
                $"member {Cut(m.Member)} {(m.Replaces is null ? "added" : "changed")}: "
                + $"{(m.Roles.IsEmpty ? "no role" : string.Join(", ", m.Roles))}",
            SystemStatement y =>
                $"system {y.System} ({y.Risk} risk) {(y.Replaces is null ? "declared" : "changed")}: "
                + $"{string.Join(", ", y.Environments.Select(e => e.Name))}",
            PolicyStatement p =>
                $"policy {(p.Policy is { } d ? d.Short + " in force" : "withdrawn")} for "
                + $"{(p.System is null ? "everything" : p.Environment is null ? p.System : $"{p.System}/{p.Environment}")}",
            Origin o =>
                $"origin of {string.Join(", ", o.Outputs.Select(x => x.Name is null ? x.Digest.Short : $"{x.Name} ({x.Digest.Short})"))}: {How(o)}",
            Release r => $"release {Name(r.Digest)} of {r.System} declared",
            Evaluation e =>
                $"release {Name(e.Release)} checked: check {e.Check.Short}, report "
                + $"{e.Report.Short}{(e.Supersedes is { } old ? $", superseding entry {N(old)}" : "")}",
            Approval a => $"{a.Action} of {Name(a.Release)} to {a.System}/{a.Environment} approved",
            Waiver { Replaces: { } given } w =>
                $"the waiver of entry {given}, of rule {w.Rule} for {Name(w.Release)} in {w.System}/{w.Environment}, "
                + $"taken back",
            Waiver w => $"rule {w.Rule} waived for {Name(w.Release)} in {w.System}/{w.Environment}",
            Deployment { Action: Deployment.Halt } d => $"{d.System}/{d.Environment} halted",
            Deployment d =>
                $"{d.Action} {d.System}/{d.Environment}: "
                + $"{string.Join(", ", d.Routes.Select(x => d.Routes.Length == 1 ? Name(x.Release) : $"{Name(x.Release)} {N(x.Weight)} %"))}",
            Observation o =>
                $"{o.System}/{o.Environment}: {o.Event}, "
                + $"{Name(o.Release)}{(o.Dimensions.All(d => d.Agrees) ? "" : ": " + string.Join(", ", o.Dimensions.Where(d => !d.Agrees).Select(d => d.Name)) + " differ")}",
            Anchor a => $"decision log {a.Log} anchored: {N(a.Opens + a.Closes + a.Wholes)} leaves",
            Alert a => $"alert {a.Name} on {Name(a.Release)} in {a.System}/{a.Environment}",
            Revocation r =>
                $"{r.Target} {r.Digest.Short} revoked from entry {N(r.FromEntry ?? f.Index)} on ({r.Effect})",
            Erasure e =>
                $"{N(e.Count)} {(e.Count == 1 ? "record" : "records")} of {e.Log} erased "
                + $"({(e.Cause == Erasure.Retention ? "their time was over" : "by request")})",
            Retention r => $"decision log {r.Log} may be pruned below {N(r.Floor)}",
            Hold { Releases: { } entry } => $"hold of entry {N(entry)} released",
            Hold h => $"hold placed on {s.Holds.GetValueOrDefault(f.Index)?.ToString() ?? h.System}",
            Verdict v =>
                $"verdict on {(v.Releases.IsEmpty ? "a halt" : string.Join(", ", v.Releases.Select(r => Name(r))))} "
                + $"for {v.System}/{v.Environment}: "
                + $"{(v.Passed ? "passed" : "failed: " + string.Join(", ", v.Rules.Where(r => !r.Allows).Select(r => r.Rule)))}",
            Refusal r =>
                $"refused: {r.Code}{(r.Rule is null ? "" : $", rule {r.Rule}")} (envelope {r.Envelope.Short}, as of "
                + $"size {N(r.Size)})",
            Reconcile r =>
                $"reconciled {(r.System is null ? "everything" : r.Environment is null ? r.System : $"{r.System}/{r.Environment}")}: {(r.Logs.Sum(l => l.Differences.Length) is > 0 and var n ? $"{N(n)} differences: {string.Join(", ", r.Logs.SelectMany(l => l.Differences).Select(d => $"{N(d.Count)} {d.Name}"))}" : "nothing is missing")}",
            Attestation { Expires: null } a => $"word of entry {N(a.Replaces ?? 0)} on {a.Control} taken back",
            Attestation a => $"{a.Control} attested for {(a.Release is { } of ? Name(of) : a.System)}, until "
                + $"{Rfc3339.Seconds(a.Expires.Value)}",
            _ => f.Statement.Kind,
        };
    }

    static string How(Origin o) => o.BuildType switch
    {
        Origin.Pipeline =>
            $"built from {N(o.Materials.Length)} "
            + $"materials{(o.Runs is { Agree: true, Count: > 1 } r ? $", {N(r.Count)} runs agree" : "")}",
        Origin.Import => "imported",
        _ => "frozen as found",
    };

    static string Cut(string member) => member[..Math.Min(8, member.Length)];
    static string N(long n) => n.ToString(CultureInfo.InvariantCulture);
}
