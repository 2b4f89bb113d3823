using Stele.Proof.Decisions;
using Stele.Proof.Governance;

namespace Stele.Proof.Packs;

public sealed partial class Verifier
{
    /// <summary>
    /// Some leaves of a decision log, judged by themselves on any thread: what they say of the ledger, how many there
    /// are of each kind, their trees, and what only their neighbours can settle.
    /// </summary>
    sealed class LogPart
    {
        /// <summary>
        /// Leaves up to the end, or to a size of the log at which someone stated its root and counts.
        /// </summary>
        public sealed record Stretch(
            IReadOnlyList<(int Level, Digest Root)> Trees, long Opens, long Closes, long Wholes)
        {
            /// <summary>
            /// The earliest and the latest time of its records by the node's clock, and their leaves; null where none
            /// can be read.
            /// </summary>
            public (long Time, long Leaf)? Earliest { get; init; }

            /// <inheritdoc cref="Earliest"/>
            public (long Time, long Leaf)? Latest { get; init; }
        }

        /// <summary>So many findings are kept; the report lists no more either.</summary>
        const int MaxFindings = 1000;

        long _found;
        readonly Replay _replay;
        readonly LogFact _log;

        public LogPart(Replay replay, LogFact log, Part part, long[] cuts)
        {
            (_replay, _log) = (replay, log);
            var hashes = part.Hashes();
            long opens = 0, closes = 0, wholes = 0;
            // The last leaf that the ledger agreed with, and the head and the terms that its node knew: most leaves
            // rest on the very same.
            var known = default(DecisionLeaf);
            long? head = null, staleAfter = null;
            var begun = 0;
            (long Time, long Leaf)? earliest = null, latest = null;
            var cut = Array.BinarySearch(cuts, part.First + 1) is var at && at < 0 ? ~at : at;
            for (var i = 0; i < hashes.Length; i++)
            {
                var index = part.First + i;
                var bytes = part.Leaf(i);
                // a segment holds two million of these
                if (bytes.Length < Decision.MinBytes)
                    Find("decision-malformed", Decision.Id(log.Origin, index), "it is too short to be a decision");
                else try
                {
                    var plain = DecisionLeaf.TryRead(bytes, out var leaf);
                    if (plain) Date(leaf.Time, index);
                    if (!plain || head is null || !leaf.RestsOnTheSame(known))
                    {
                        var decision = Decision.Parse(bytes);
                        if (!plain) Date(decision.Time, index);
                        var found = _found;
                        var newest = Agrees(decision, Decision.Id(log.Origin, index), out var same);
                        var terms = decision.Size <= replay.Entries.Count
                            ? replay.At(decision.Size).Systems.GetValueOrDefault(
                                log.System)?.Environment(log.Environment)?.StaleAfter
                            : null;
                        if (plain)
                        {
                            known = leaf;
                            (head, staleAfter) = (_found == found && same ? newest : null, terms);
                        }
                        Count(decision.Kind == DecisionKind.Open, decision.Kind == DecisionKind.Close, index,
                            decision.Open, decision.Staleness, terms, decision.Deployment, newest,
                            () => DecisionLeaf.OperationOf(decision));
                    }
                    else if (leaf is { IsOpen: false, IsClose: false })
                    {
                        wholes++;
                        if (leaf.Staleness > staleAfter) Stale++;
                        if (head > leaf.Deployment) Behind++;
                    }
                    else
                    {
                        var operation = leaf.Operation;
                        Count(leaf.IsOpen, leaf.IsClose, index, leaf.IsClose ? leaf.Open : null, leaf.Staleness,
                            staleAfter, leaf.Deployment, head, () => operation);
                    }
                }
                catch (FormatException e)
                {
                    Find("decision-malformed", Decision.Id(log.Origin, index), e.Message);
                }
                if (i + 1 < hashes.Length && !(cut < cuts.Length && cuts[cut] == index + 1)) continue;
                Stretches.Add(new(Merkle.Subtrees(part.First + begun, hashes.AsSpan(begun..(i + 1))), opens, closes,
                    wholes) { Earliest = earliest, Latest = latest });
                (opens, closes, wholes, begun, earliest, latest) = (0, 0, 0, i + 1, null, null);
                if (cut < cuts.Length && cuts[cut] == index + 1) cut++;
            }

            void Date(long time, long index)
            {
                if (!(earliest?.Time <= time)) earliest = (time, index);
                if (!(latest?.Time >= time)) latest = (time, index);
            }

            void Count(bool isOpen, bool isClose, long index, long? closed, long staleness, long? limit,
                long deployment, long? newest, Func<byte[]> operation)
            {
                if (isOpen) opens++;
                else if (isClose) closes++;
                else wholes++;
                if (isOpen || isClose) Pairs.Add((index, closed, operation()));
                if (staleness > limit) Stale++;
                if (newest > deployment) Behind++;
            }
        }

        public List<Stretch> Stretches { get; } = [];

        /// <summary>
        /// Opens and closes in order: the leaf, the open that a close names, and what both must have in common.
        /// </summary>
        public List<(long Index, long? Opened, byte[] Operation)> Pairs { get; } = [];

        public List<(string Name, string Where, string Message)> Findings { get; } = [];

        /// <summary>
        /// How many were served on a ledger older than allowed, and how many by an earlier deployment than the head
        /// that the node knew.
        /// </summary>
        public long Stale { get; private set; }
        public long Behind { get; private set; }

        void Find(string name, string where, string message)
        {
            if (_found++ < MaxFindings) Findings.Add((name, where, message));
        }

        /// <summary>
        /// A decision must name what the ledger says: a deployment of that place, one of its releases, the policies in
        /// force as of the size folded; and the release must not have been stopped by then. What candidates would have
        /// made of it is told of just those that stood then and did not decide for this principal. Returns the head's
        /// entry at that size.
        /// </summary>
        /// <param name="same">Whether that goes for every principal.</param>
        long? Agrees(Decision d, string where, out bool same)
        {
            same = true;
            if (d.System != _log.System || d.Environment != _log.Environment)
                Find("decision-place", where,
                    $"it is of {d.System}/{d.Environment}, the log of {_log.System}/{_log.Environment}");
            if (d.Size > _replay.Entries.Count || d.Deployment >= d.Size)
            {
                Find("decision-range", where,
                    $"it names entry {d.Deployment} and ledger size {d.Size}; the pack has {_replay.Entries.Count} "
                    + $"entries");
                return null;
            }
            var state = _replay.At(d.Size);
            var environment = state.Environment(d.System, d.Environment);
            if (!environment.Heads.TryGetValue(d.Deployment, out var head) || head.WeightOf(d.Release) is null)
            {
                Find("decision-release", where, $"entry {d.Deployment} did not put {d.Release} there");
                return null;
            }
            var release = state.Releases[d.Release];
            if (!d.Policies.SequenceEqual(state.PoliciesDeciding(d.System, d.Environment, d.Principal)))
                Find("decision-policy", where, "it names other policies than were to decide for its principal");
            var candidates = state.Candidates(d.System, d.Environment);
            same = candidates.All(c => c.Fact.Share == 0);
            if (d.Kind != DecisionKind.Close
                && !d.Would.Select(w => w.Policy)
                    .SequenceEqual(candidates.Where(c => !c.Fact.CandidateDecidesFor(d.Principal)
                        && Decides(c.Fact.Candidate!.Value)).Select(c => c.Fact.Candidate!.Value)))
                Find("decision-candidate", where,
                    "what it tells of candidates is not of those that stood and did not decide");
            if (d.ReleasePolicy != release.Policy)
                Find("decision-policy", where, "it names another policy than the release's own");
            if (d.RulePolicy is { } of && of != release.Policy && !d.Policies.Contains(of))
                Find("decision-policy", where, "the rule it names is of a policy that did not decide");
            foreach (var w in d.Would)
                if (w.RulePolicy is { } whose && whose != release.Policy
                    && !candidates.Any(c => c.Fact.Candidate == w.Policy
                        && state.PoliciesDeciding(d.System, d.Environment, d.Principal, (c.Scope, w.Policy))
                            .Contains(whose)))
                    Find("decision-candidate", where,
                        "what it tells of a candidate rests on a rule of a policy that would not have decided");
            if (d.Outcome == DecisionOutcome.Allow && state.IsStopped(release))
                Find("decision-stopped", where, "the release was revoked with effect 'stop', and the node knew");
            return environment.Head?.Entry;
        }

        bool Decides(Digest policy) => _replay.Documents.Policy(policy)?.Judges(Actions.Decide) == true;
    }
}
