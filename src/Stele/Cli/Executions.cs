using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Packs;

namespace Stele.Cli;

/// <summary>What came of executing a verdict or a refusal again on this machine.</summary>
enum Execution
{
    /// <summary>The same bytes, at the place where a server writes them.</summary>
    Same,

    /// <summary>Other bytes than the server wrote.</summary>
    Differs,

    /// <summary>It stands where no server writes it.</summary>
    Misplaced,

    /// <summary>The envelope that it speaks of is not to be had: it is the server's word.</summary>
    NotExecuted,
}

static class Executions
{
    public static Execution Of(Desk desk, Folded folded)
    {
        // Where it stands is seen without executing anything.
        if (Reexecution.Misplaced(desk.Replay, folded) is not null) return Execution.Misplaced;
        try
        {
            return Reexecuted.Of(desk.Replay, desk.Small, folded.Index).Agrees ? Execution.Same : Execution.Differs;
        }
        catch (FormatException)
        {
            return Execution.NotExecuted;
        }
    }

    public static bool IsLie(this Execution execution) => execution is Execution.Differs or Execution.Misplaced;

    /// <summary>As JSON says it.</summary>
    public static string Name(this Execution execution) => execution switch
    {
        Execution.Same => "same",
        Execution.Differs => "differs",
        Execution.Misplaced => "misplaced",
        _ => "not-executed",
    };

    /// <summary>As people read it.</summary>
    public static PrintedLine Words(this Execution execution) => execution switch
    {
        Execution.Same => "executed again: the same",
        Execution.Differs => Terminal.Red("EXECUTED AGAIN: DIFFERS"),
        Execution.Misplaced => Terminal.Red("MISPLACED: no server writes it there"),
        _ => Terminal.Yellow("not executed again: the server's word"),
    };
}
