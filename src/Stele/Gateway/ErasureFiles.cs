using System.Security.Cryptography;
using System.Text;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;

namespace Stele.Gateway;

/// <summary>
/// What a node keeps of erasures, one set of files for each list of decisions, by its root:
/// <code>
/// ROOT.plan     a plan that waits for owners' order, for a day
/// ROOT.reason   the reason that was given, with the salt of its commitment
/// ROOT.order    the order, as owners signed it
/// ROOT          the record of what was begun: it will be done, and stays
/// </code>
/// Each is durable when the call returns, and readable by its owner alone.
/// </summary>
sealed class ErasureFiles(string folder)
{
    /// <summary>How many plans may wait for their orders at once.</summary>
    public const int MaxPlans = 256;

    const string ReasonSuffix = ".reason", PlanSuffix = ".plan", OrderSuffix = ".order";

    string PathOf(Digest list) => Path.Combine(folder, list.Hex);

    /// <summary>Writes a plan down; or gives the one that waits for the same, so that owners who sign one after the
    /// other sign one statement.</summary>
    /// <param name="stands">Whether a plan that waits may still be carried out.</param>
    /// <exception cref="GatewayException">Too many plans wait.</exception>
    public ErasureRecord Plan(ErasureRecord record, string? reason, long now, Func<ErasureRecord, bool> stands)
    {
        var plans = Plans().ToList();
        if (plans.FirstOrDefault(p => p.Record.Means(record) && IsReason(p.Record, reason) && stands(p.Record))
            is { } same) return same.Record;
        if (plans.Count >= MaxPlans) throw new GatewayException(GatewayError.TooLarge,
            $"{MaxPlans} plans of erasures wait for owners' signatures; each is kept for a day");
        if (reason is not null)
        {
            var salt = RandomNumberGenerator.GetBytes(Commitment.SaltBytes);
            record = record with { Reason = Commitment.To("reason", salt, Encoding.UTF8.GetBytes(reason)).Value };
            Files.Write(PathOf(record.List.Root) + ReasonSuffix,
                Json.Object(("salt", Convert.ToHexStringLower(salt)), ("text", reason)).ToBytes(), Readers.Owner);
        }
        Files.Write(PathOf(record.List.Root) + PlanSuffix, new PlannedErasure(now, record).ToJson().ToBytes(),
            Readers.Owner);
        return record;
    }

    bool IsReason(ErasureRecord record, string? reason)
    {
        var file = PathOf(record.List.Root) + ReasonSuffix;
        if (reason is null || record.Reason is null || !File.Exists(file)) return reason is null
            && record.Reason is null;
        var salt = Convert.FromHexString(CanonicalJson.Parse(File.ReadAllBytes(file), 64 * 1024)["salt"].AsString);
        return Commitment.To("reason", salt, Encoding.UTF8.GetBytes(reason)).Value == record.Reason;
    }

    IEnumerable<PlannedErasure> Plans() => !Directory.Exists(folder) ? []
        : Directory.EnumerateFiles(folder, "*" + PlanSuffix).Order(StringComparer.Ordinal).Select(f =>
            PlannedErasure.Parse(File.ReadAllBytes(f)));

    public ErasureRecord? Planned(Digest list) => File.Exists(PathOf(list) + PlanSuffix)
        ? PlannedErasure.Parse(File.ReadAllBytes(PathOf(list) + PlanSuffix)).Record : null;

    /// <summary>Keeps an order of owners.</summary>
    public void Order(ErasureRecord record, Envelope order) =>
        Files.Write(PathOf(record.List.Root) + OrderSuffix, order.ToJson().ToBytes(), Readers.Owner);

    /// <summary>The lists that are ordered, ascending.</summary>
    public IReadOnlyList<Digest> Ordered() => [.. Directory.EnumerateFiles(folder, "*" + OrderSuffix)
        .Select(f => Digest.ParseHex(Path.GetFileNameWithoutExtension(f))).Order()];

    public Envelope? OrderOf(ErasureRecord record) => File.Exists(PathOf(record.List.Root) + OrderSuffix)
        ? Envelope.Parse(File.ReadAllBytes(PathOf(record.List.Root) + OrderSuffix)) : null;

    /// <summary>From here on it will be done.</summary>
    public void Begin(ErasureRecord record) =>
        Files.Write(PathOf(record.List.Root), record.ToJson().ToBytes(), Readers.Owner);

    public ErasureRecord? Begun(Digest list) => File.Exists(PathOf(list))
        ? ErasureRecord.Parse(File.ReadAllBytes(PathOf(list))) : null;

    /// <summary>Every record of what was begun.</summary>
    public IEnumerable<ErasureRecord> All() => !Directory.Exists(folder) ? []
        : Directory.EnumerateFiles(folder).Where(f => Path.GetFileName(f).Length == 2 * Digest.Size)
            .Order(StringComparer.Ordinal).Select(f => ErasureRecord.Parse(File.ReadAllBytes(f)));

    /// <summary>
    /// Drops plans that nobody ordered in time; and what a crash left of one that was begun, whose record stays.
    /// </summary>
    public void Expire(long now)
    {
        foreach (var plan in Plans().ToList())
            if (Begun(plan.Record.List.Root) is not null) DropPlan(plan.Record.List.Root);
            else if (plan.Made + Fold.MaxDelay < now) Drop(plan.Record.List.Root);
    }

    public void DropPlan(Digest list) => Delete(PathOf(list) + PlanSuffix);
    public void DropOrder(Digest list) => Delete(PathOf(list) + OrderSuffix);

    /// <summary>Takes away all of a plan, or of what was begun and keeps its keys.</summary>
    public void Drop(Digest list)
    {
        foreach (var suffix in (string[])[ReasonSuffix, OrderSuffix, PlanSuffix, ""]) Delete(PathOf(list) + suffix);
    }

    static void Delete(string file)
    {
        if (File.Exists(file)) Files.Delete(file);
    }
}
