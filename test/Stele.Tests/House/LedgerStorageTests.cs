using Stele.Ledger;

namespace Stele.Tests.House;

/// <summary>
/// What a ledger is stored in is named in one assembly, and there in one type; where a program is put together it is
/// chosen in one of the places below. Everyone else knows <see cref="ILedgerStore"/>.
/// </summary>
public sealed class LedgerStorageTests
{
    /// <summary>Where a store is chosen.</summary>
    static readonly string[] Composition =
        ["Stele.Control.Replica", "Stele.Control.ServerFolder", "Stele.Host.NodeFolder"];

    /// <summary>Journals that are no ledger's: what a gateway keeps next to its decision log, and the outbox.</summary>
    static readonly string[] Journals =
    [
        "Stele.Gateway.BodyReads", "Stele.Gateway.KeyTable", "Stele.Gateway.NodeFsck", "Stele.Gateway.NodePruning",
        "Stele.Gateway.SealedBodies", "Stele.Host.Outbox",
    ];

    /// <summary>
    /// In the ledger's own room: the store that is a journal, who inspects the journals above, and a witness, whose own
    /// file has the same lock.
    /// </summary>
    static readonly string[] InLedger = ["Stele.Ledger.FileStore", "Stele.Ledger.Findings", "Stele.Ledger.Witness"];

    static readonly Type[] Namers =
        [.. new[] { "Stele.Store", "stele", "stele-verify" }.SelectMany(a => Product.Load(a).GetTypes())];

    static string Outermost(Type type)
    {
        while (type.DeclaringType is { } outer) type = outer;
        return type.FullName!;
    }

    static IEnumerable<(string From, string What)> Naming(Func<Type, bool> isMeant) =>
        Namers.Where(t => t.Namespace != "Stele.Disk").SelectMany(Walk.Type)
            .Where(m => (m.Named as Type ?? m.Named.DeclaringType) is { } named && isMeant(named)
                && Outermost(m.From) != Outermost(named))
            .Select(m => (Outermost(m.From), m.ToString()));

    static void Holds(Func<Type, bool> isMeant, string[] may)
    {
        var naming = Naming(isMeant).ToList();
        Rule.Holds(naming.Where(n => !may.Contains(n.From)).Select(n => n.What));
        // a place that chooses no more is no place
        Assert.Equal(may.Order(StringComparer.Ordinal),
            naming.Select(n => n.From).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_ledgers_files_are_chosen_where_a_program_is_put_together() =>
        Holds(t => Outermost(t) == typeof(FileStore).FullName, Composition);

    [Fact]
    public void A_journal_is_named_by_its_owner_alone() =>
        Holds(t => t is { Namespace: "Stele.Disk" } && t.Name.StartsWith("Journal", StringComparison.Ordinal),
            [.. Journals, .. InLedger]);
}
