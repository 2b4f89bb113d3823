using System.Collections.Immutable;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;
using static Stele.Proof.Governance.RefusalCode;
using static Stele.Tests.Governance.Refusing;

namespace Stele.Tests.Governance;

/// <summary>What the fold must refuse of erasures, floors and holds.</summary>
static class RefusingRetention
{
    /// <summary>A log with four anchored decisions, and a hold.</summary>
    static Provocation Held(RefusalCode code, string what, Hold hold, Func<Mortgage, long, Outcome> act) =>
        On(code, what, m =>
    {
        m.Deploy(m.V2);
        for (var i = 0; i < 4; i++) m.Log.Add(m.World.Decide());
        m.Anchor();
        return act(m, m.World.Add(hold.Log is null ? hold : hold with { Log = m.Log.Origin }, World.Owners));
    });

    /// <summary>The same without a hold.</summary>
    static Provocation Anchored(RefusalCode code, string what, Func<Mortgage, Outcome> act) => On(code, what, m =>
    {
        m.Deploy(m.V2);
        for (var i = 0; i < 4; i++) m.Log.Add(m.World.Decide());
        m.Anchor();
        return act(m);
    });

    static Outcome Try(Mortgage m, Statement statement) => m.World.Try(statement, World.Owners);

    static Erasure Erase(Mortgage m, long from, long to, long? size = null) => World.Erase(m.Log.Origin) with
    {
        From = from,
        To = to,
        Size = size ?? m.World.State.Size
    };

    public static ImmutableArray<Provocation> All =>
    [
        Held(OnHold, "erasing what a system's hold covers", World.PlaceHold(), (m, _) => Try(m, Erase(m, 0, 4))),
        Held(OnHold, "erasing what an environment's hold covers", World.PlaceHold(World.Prod),
            (m, _) => Try(m, Erase(m, 0, 4))),
        Held(OnHold, "erasing what a log's hold covers", World.PlaceHold(World.Prod, "log"),
            (m, _) => Try(m, Erase(m, 3, 4))),
        Held(OnHold, "erasing because its time was over what is held", World.PlaceHold(),
            (m, _) => Try(m, Erase(m, 0, 4) with { Cause = ErasureCause.Retention })),
        Held(OnHold, "erasing up to the first record held", World.PlaceHold(World.Prod, "log", 1),
            (m, _) => Try(m, Erase(m, 0, 2))),
        Held(OnHold, "erasing from the last record held on", World.PlaceHold(World.Prod, "log", 1, 3),
            (m, _) => Try(m, Erase(m, 2, 4))),
        Held(OnHold, "pruning what a hold covers", World.PlaceHold(), (m, _) => Try(m, World.Retain(m.Log.Origin, 2))),
        Held(OnHold, "pruning past the first record held", World.PlaceHold(World.Prod, "log", 1),
            (m, _) => Try(m, World.Retain(m.Log.Origin, 2))),
        Held(UnknownHold, "releasing a hold twice", World.PlaceHold(), (m, hold) =>
        {
            m.World.Add(World.ReleaseHold(hold), World.Owners);
            return Try(m, World.ReleaseHold(hold));
        }),
        On(UnknownHold, "releasing an entry that is no hold", m => Try(m, World.ReleaseHold(3))),
        On(RoleMissing, "a hold by one who is no owner", m => m.World.Try(World.PlaceHold(), World.Deployer)),
        On(TooFewOwners, "a hold released by one owner of two",
            m => m.World.Try(World.ReleaseHold(m.World.Add(World.PlaceHold(), World.Owners)), World.Owner)),
        On(UnknownSystem, "holding a system that is not", m => Try(m, World.PlaceHold(system: "nowhere"))),
        On(UnknownEnvironment, "holding an environment that is not", m => Try(m, World.PlaceHold("nowhere"))),
        On(UnknownLog, "holding a log of another environment", m => Try(m, World.PlaceHold(World.Test, m.Log.Origin))),
        On(OutOfRange, "holding a range of nothing", m => Try(m, World.PlaceHold(World.Prod, m.Log.Origin, 4, 4))),
        On(Malformed, "holding a range of no log", m => Try(m, World.PlaceHold(World.Prod, null, 4))),
        On(Malformed, "holding a log without its environment", m => Try(m, World.PlaceHold(null, m.Log.Origin))),
        On(Malformed, "releasing a hold and naming a system",
            m => Try(m, World.ReleaseHold(3) with { System = World.Sys })),
        Anchored(AlreadyKnown, "one erasure stated twice", m =>
        {
            m.World.Add(World.Erase(m.Log.Origin), World.Owners);
            return Try(m, World.Erase(m.Log.Origin, 1) with { To = 3 });
        }),
        Anchored(OutOfRange, "erasing more than is anchored", m =>
        {
            m.Log.Add(m.World.Decide());
            return Try(m, Erase(m, 0, 5));
        }),
        On(OutOfRange, "erasing what was never anchored", m => Try(m, Erase(m, 0, 1))),
        Anchored(OutOfRange, "an erasure from before its log was",
            m => Try(m, Erase(m, 0, 4, m.World.State.Logs[m.Log.Origin].Entry))),
        Held(OnHold, "erasing what was held for longer than a day, as one who had not heard of it", World.PlaceHold(),
            (m, hold) =>
        {
            m.World.Now += Fold.MaxDelay;
            return Try(m, Erase(m, 0, 4, hold));
        }),
        Anchored(OutOfRange, "pruning where records are kept forever", m =>
        {
            m.World.Add(m.World.Declare(World.Sys,
                [.. m.World.State.Systems[World.Sys].Environments]) with { Retention = new RetentionTerms(1, null) },
                World.Owners);
            return Try(m, World.Retain(m.Log.Origin, 4));
        }),
        Anchored(OutOfRange, "pruning before the records' time is over", m =>
        {
            m.World.Now += Mortgage.Kept;
            m.Log.Add(m.World.Decide());
            m.Anchor();
            m.World.Now--;
            return Try(m, World.Retain(m.Log.Origin, 5));
        }),
        On(OutOfRange, "erasing no record", m => Try(m, World.Erase(m.Log.Origin, 0))),
        On(OutOfRange, "erasing more records than there are in the range",
            m => Try(m, World.Erase(m.Log.Origin, 3) with { To = 2 })),
        On(OutOfRange, "erasing from a range that runs backwards", m => Try(m, World.Erase(m.Log.Origin) with
        {
            From = 5,
            To = 4
        })),
        On(OutOfRange, "an erasure at a size to come",
            m => Try(m, World.Erase(m.Log.Origin) with { Size = m.World.State.Size + 1 })),
        On(Malformed, "keeping bodies longer than their leaves",
            m => Try(m, m.World.Declare(World.Sys,
                new EnvironmentTerms(World.Prod, null, null, false)) with { Retention = new RetentionTerms(2, 1) })),
        On(Malformed, "retention terms that keep everything",
            m =>
                Try(m,
                    m.World.Declare(World.Sys, new EnvironmentTerms(World.Prod, null, null,
                        false)) with { Retention = new RetentionTerms(null, null) })),
    ];
}
