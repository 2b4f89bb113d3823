using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Tamper;

// Reckonings whose signer lies about the leaves: the fold can't see that, anyone who has the leaves can.
static partial class Matrix
{
    static IEnumerable<Attack> Reckonings()
    {
        static Attack Counted(string what, Func<LeafCount, LeafCount> change) =>
            new($"service: reckons with {what}", "pack", () =>
        {
            var m = Mortgage.Lived();
            m.Log.Counted = new GatewayCount(0, 10, 10, 10, 0, 0);
            m.Anchor();
            var r = m.World.Reckon(World.Start, m.World.Now - 1);
            var row = r.Logs[0];
            var leaves = change(row.Leaves!);
            m.World.Add(r with { Logs = [row with
            {
                Leaves = leaves,
                Differences = Reconciliation.Differences(row.Window, leaves, null)
            }] }, World.Monitor);
            return (m.World.Pack(), m.World.Trust);
        }, "reconcile-differs");
        yield return Counted("a decision less", c => c with { Allowed = c.Allowed - 1 });
        yield return Counted("a denial that was none", c => c with { Allowed = c.Allowed - 1, Denied = 1 });
        yield return Counted("an open that was closed", c => c with { Unclosed = 1 });
        yield return Counted("nothing unobserved", c => c with { Unobserved = c.Unobserved + 1 });
        yield return Counted("something stale", c => c with { Stale = 1 });
    }
}
