using Stele.Proof.Decisions;

namespace Stele.Cli;

/// <summary>
/// The field's words for what formats call otherwise: a runtime is an artifact of the kind <c>environment</c>,
/// provenance an entry of the kind <c>origin</c>; a request that a rule holds needs approval. People read and type
/// these; the formats' words are taken too, until 1.0. JSON has the formats' words.
/// </summary>
static class FieldWords
{
    static readonly (string Field, string Format)[] All = [("runtime", "environment"), ("provenance", "origin")];

    /// <summary>A kind as people read it.</summary>
    public static string Shown(string kind) => All.FirstOrDefault(w => w.Format == kind).Field ?? kind;

    /// <summary>A decision's outcome as people read it.</summary>
    public static string Outcome(DecisionOutcome outcome) =>
        outcome == DecisionOutcome.Hold ? "needs approval" : Decision.Outcomes[outcome];

    /// <summary>A kind that somebody typed, as formats have it.</summary>
    public static string Format(string typed) => All.FirstOrDefault(w => w.Field == typed).Format ?? typed;
}
