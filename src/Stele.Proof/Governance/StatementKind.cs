using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// All that is to be known of one kind of statement, one row of <see cref="StatementKinds"/>: how it is written and
/// read, who may sign it, what the fold makes of it, and how people read it.
/// </summary>
public abstract class StatementKind
{
    private protected StatementKind(string name, string? predicateType) =>
        (Name, PredicateType) = (name, predicateType ?? Statement.OwnTypes + name + "/v1");

    /// <summary>The kind as entries, flags and pages say it; <see cref="Statement.Kind"/> of its statements.</summary>
    public string Name { get; }

    public string PredicateType { get; }

    /// <summary>
    /// Whether the entry's time may be any later than its signer's own: what nodes saw comes when the server is back.
    /// </summary>
    internal bool MayComeLate { get; init; }

    /// <summary>
    /// The parts of the state's digest that it may change; every entry changes the size, the time and the running
    /// digest too.
    /// </summary>
    internal abstract ImmutableArray<StateDigest.Part> Changes { get; init; }

    internal abstract Type Type { get; }
    internal abstract Func<Statement.Parts, Statement> Read { get; }

    /// <summary>Step 5 of the fold: who may sign it, with scopes. Null = they may.</summary>
    internal abstract Outcome.Refused? Refuses(Signing by);

    /// <summary>Steps 6 and 7 of the fold: the kind's own rule.</summary>
    internal abstract Outcome Apply(Fold.Context context);

    /// <summary>
    /// What a part of a state learns of it; the same state, where receipts carry none of the kind.
    /// </summary>
    internal abstract State Learned(Lesson lesson, Statement statement);

    /// <summary>What it replaces, where statements of the kind must name what stood before them.</summary>
    internal abstract Following? Follows(Statement statement);

    /// <summary>The entry in one line, for people.</summary>
    internal abstract string Line(Folded folded);
}

/// <summary>What a statement replaces: a fact in a map of the state, whose entry it names.</summary>
/// <param name="Replaces">The entry, as the statement names it; null: it says that there was none.</param>
/// <param name="Standing">The entry that the fact of a key rests on in a state.</param>
sealed record Following(string Map, string Key, long? Replaces, Func<State, string, long?> Standing);

/// <inheritdoc/>
/// <param name="predicateType">The in-toto predicate type; null: our own of that name.</param>
sealed class StatementKind<T>(string name, Func<Statement.Parts, T> read, string? predicateType = null)
    : StatementKind(name, predicateType) where T : Statement
{
    /// <inheritdoc cref="StatementKind.Refuses"/>
    public required Func<Signing, T, Outcome.Refused?> Signers { get; init; }

    /// <inheritdoc cref="StatementKind.Apply"/>
    public required Func<Fold.Context, T, Outcome> Rule { get; init; }

    /// <inheritdoc cref="StatementKind.Line"/>
    public required Func<T, Folded, string> Says { get; init; }

    /// <inheritdoc cref="StatementKind.Learned"/>
    public Func<Lesson, T, State>? Learn { get; init; }

    /// <inheritdoc cref="StatementKind.Follows"/>
    public Func<T, Following>? Replaced { get; init; }

    internal override required ImmutableArray<StateDigest.Part> Changes { get; init; }
    internal override Type Type => typeof(T);
    internal override Func<Statement.Parts, Statement> Read => read;
    internal override Outcome.Refused? Refuses(Signing by) => Signers(by, (T)by.Statement);
    internal override Outcome Apply(Fold.Context context) => Rule(context, (T)context.Statement);
    internal override State Learned(Lesson lesson, Statement statement) =>
        Learn?.Invoke(lesson, (T)statement) ?? lesson.State;
    internal override Following? Follows(Statement statement) => Replaced?.Invoke((T)statement);
    internal override string Line(Folded folded) => Says((T)folded.Statement, folded);
}
