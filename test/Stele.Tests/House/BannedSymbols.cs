using System.Reflection;

namespace Stele.Tests.House;

/// <summary>
/// A list of banned symbols, in the files and the format that the analyzer reads: one <c>identifier; reason</c> a line.
/// </summary>
sealed class BannedSymbols
{
    /// <summary>Banned in every product project.</summary>
    public static readonly BannedSymbols Everywhere = Read("BannedSymbols.txt");

    /// <summary>Banned besides in Cel and Stele.Proof: no I/O, clock, randomness or ambient state.</summary>
    public static readonly BannedSymbols Pure = Read("BannedSymbols.Pure.txt");

    /// <summary>Banned in Stele outside Disk, and in Stele.Verify: whatever changes the file system.</summary>
    public static readonly BannedSymbols Writes = Read("BannedSymbols.Writes.txt");

    /// <summary>
    /// Banned in Stele outside Cli. Held here alone: the analyzer, having no rooms, can be off in one folder only.
    /// </summary>
    public static readonly BannedSymbols Console =
        new([new("T:System.Console", "what a person reads is written in Cli")]);

    public IReadOnlyList<Line> Lines { get; }

    readonly Dictionary<string, string> reasons;

    public BannedSymbols(IEnumerable<Line> lines)
    {
        Lines = [.. lines];
        reasons = Lines.ToDictionary(l => l.Id, l => l.Reason, StringComparer.Ordinal);
    }

    public sealed record Line(string Id, string Reason);

    static BannedSymbols Read(string file) =>
        new(File.ReadLines(Path.Combine(Repository.Root, "src", file)).Where(l => l.Length > 0)
            .Select(l => l.Split("; ", 2)).Select(p => new Line(p[0], p[1])));

    /// <summary>
    /// Why the mention is banned, or null. A banned type bans its members, a banned namespace all below it.
    /// </summary>
    public string? Reason(Mention mention)
    {
        // Every iterator asks for the thread it was made on; the compiler writes that, not we.
        if (mention.Named is MethodInfo { Name: "get_CurrentManagedThreadId" }
            || RoomOrder.IsGenerated(mention.From) && mention.Named == typeof(Environment)) return null;
        foreach (var id in DocumentationId.Aliases(mention.Named))
            if (reasons.TryGetValue(id, out var reason)) return reason;
        var type = mention.Named as Type ?? mention.Named.DeclaringType!;
        if (reasons.TryGetValue(DocumentationId.Of(type.IsGenericType ? type.GetGenericTypeDefinition() : type),
            out var ofType)) return ofType;
        for (var ns = type.Namespace; !string.IsNullOrEmpty(ns); ns = ns[..Math.Max(0, ns.LastIndexOf('.'))])
            if (reasons.TryGetValue("N:" + ns, out var ofNamespace)) return ofNamespace;
        return null;
    }
}
