using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;
using static Stele.Proof.Governance.RefusalCode;

namespace Stele.Tests.Governance;

// What the fold must refuse of gateway counters and of reckonings.
static partial class Refusing
{
    /// <summary>A log with two anchors that carry counters, three leaves apart.</summary>
    static Provocation Counted(RefusalCode code, string what, Func<Mortgage, Outcome> act) => On(code, what, m =>
    {
        m.Deploy(m.V2);
        m.Log.Counted = new GatewayCount(0, 0, 0, 0, 0, 1);
        m.Anchor();
        for (var i = 0; i < 3; i++) m.Log.Add(m.World.Decide());
        m.Log.Counted = new GatewayCount(0, 3, 3, 3, 0, 2);
        m.Anchor();
        return act(m);
    });

    static Provocation Reckoned(RefusalCode code, string what, Func<Reconcile, Mortgage, Reconcile> change,
        params Person[] by) => Counted(code, what, m =>
        m.World.Try(change(m.World.Reckon(World.Start, m.World.Now - 1), m), by.Length == 0 ? [World.Monitor] : by));

    static Reconcile Row(Reconcile r, Func<ReconciledLog, ReconciledLog> change) =>
        r with { Logs = [change(r.Logs[0])] };

    static IEnumerable<Provocation> Reckoning() =>
    [
        Counted(Inconsistent, "an anchor with a gateway counter that fell", m =>
            m.World.Try(m.World.Anchoring(m.Log) with { Gateway = new GatewayCount(0, 3, 3, 2, 0, 2) }, World.Node)),
        Counted(Inconsistent, "an anchor with counters that begin earlier than before", m =>
        {
            m.Log.Counted = new GatewayCount(2, 1, 1, 1, 0, 0);
            m.Anchor();
            return m.World.Try(m.World.Anchoring(m.Log) with { Gateway = new GatewayCount(1, 9, 9, 9, 9, 9) },
                World.Node);
        }),
        Counted(OutOfRange, "an anchor with counters that begin beyond its leaves", m =>
            m.World.Try(m.World.Anchoring(m.Log) with { Gateway = new GatewayCount(4, 0, 0, 0, 0, 0) }, World.Node)),
        Reckoned(RoleMissing, "reckoning by the node that is reckoned with", (r, _) => r, World.Node),
        Reckoned(RoleMissing, "reckoning by a deployer", (r, _) => r, World.Deployer),
        Reckoned(RoleMissing, "reckoning beyond one's system", (r, m) => m.World.Reckon(r.From, r.To, system: null),
            World.Monitor),
        Reckoned(Malformed, "reckoning signed by two", (r, _) => r, World.Owner, World.Owner2),
        Reckoned(UnknownSystem, "reckoning a system that is not", (r, _) => r with
        {
            System = "other",
            Logs = []
        }, World.Owner),
        Reckoned(UnknownEnvironment, "reckoning an environment that is not", (r, _) => r with
        {
            Environment = "staging",
            Logs = []
        }, World.Owner),
        Reckoned(OutOfRange, "reckoning backwards", (r, _) => r with { From = r.To, To = r.From }),
        Reckoned(OutOfRange, "reckoning a time to come", (r, m) => r with { To = m.World.Now + 1 }),
        Reckoned(UnknownLog, "reckoning a log that is not",
            (r, _) => r with { Logs = [r.Logs[0], r.Logs[0] with { Log = "nowhere" }] }),
        Reckoned(UnknownLog, "reckoning a log of another environment", (r, _) => r with { Environment = World.Test }),
        Reckoned(Inconsistent, "reckoning without one of the logs", (r, _) => r with { Logs = [] }),
        Reckoned(Inconsistent, "reckoning a log twice", (r, _) => r with { Logs = [r.Logs[0], r.Logs[0]] }),
        Reckoned(Inconsistent, "reckoning with fewer leaves than are anchored",
            (r, _) => Row(r, l => l with { Window = l.Window with { Past = 2 } })),
        Reckoned(Inconsistent, "reckoning with an anchor that is not the last",
            (r, m) =>
                Row(r,
                    l => l with { Window = Reconciliation.Window(m.World.State.Logs[m.Log.Origin], r.From,
                        m.World.State.Logs[m.Log.Origin].Anchors[0].Issued) })),
        Reckoned(Inconsistent, "reckoning with other counters than the node signed",
            (r, _) => Row(r, l => l with { Window = l.Window with { After = l.Window.After! with { Answered = 2 } } })),
        Reckoned(Inconsistent, "reckoning without the counters",
            (r, _) => Row(r, l => l with { Window = l.Window with { After = null } })),
        Reckoned(Inconsistent, "reckoning without the leaves", (r, _) => Row(r, l => l with { Leaves = null })),
        Reckoned(Inconsistent, "reckoning that claims a loss which does not follow",
            (r, _) => Row(r, l => l with { Differences = [new Difference("answers-missing", 1, 0, 3)] })),
        Counted(Inconsistent, "reckoning that keeps quiet about a loss", m =>
        {
            m.Log.Counted = new GatewayCount(0, 5, 5, 5, 0, 2);
            m.Anchor();
            return m.World.Try(Row(m.World.Reckon(World.Start, m.World.Now - 1),
                l => l.Differences.Length == 2
                    ? l with { Differences = [] }
                    : throw new InvalidOperationException("the loss was not seen")), World.Monitor);
        }),
        Counted(Inconsistent, "reckoning that a later anchor has overtaken", m =>
        {
            var before = m.World.Reckon(World.Start, m.World.Now - 1);
            m.Log.Add(m.World.Decide());
            m.Log.Counted = new GatewayCount(0, 4, 4, 4, 0, 2);
            m.Anchor();
            return m.World.Try(before, World.Monitor);
        }),
        Counted(Inconsistent, "reckoning the leaves of a log that was declared lost", m =>
        {
            var before = m.World.Reckon(World.Start, m.World.Now - 1);
            m.World.Add(World.EndLog(LogAction.Lost, m.Log.Origin), World.Owners);
            return m.World.Try(before, World.Monitor);
        }),
    ];
}
