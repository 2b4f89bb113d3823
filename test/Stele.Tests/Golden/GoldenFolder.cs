using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Golden;

/// <summary>
/// What is kept for good in this folder: <c>packs/fold-N/WORLD/</c> with <c>pack.zip</c>, <c>trust.json</c>,
/// <c>receipt-NAME.json</c> and what they must come to in <c>expected.json</c>; and <c>names.txt</c>.
/// <c>eng/golden.sh</c> writes what is not released yet, and adds to what is.
/// </summary>
static class GoldenFolder
{
    /// <summary>
    /// The last fold version that was released: what is kept of it, and of those before, is never written again.
    /// </summary>
    public static int Released => 1;

    /// <summary>Set by <c>eng/golden.sh</c>: tests then write what they would compare.</summary>
    public static bool Writing => Environment.GetEnvironmentVariable("STELE_GOLDEN") == "write";

    public static string Root => Path.Combine(Repository.Root, "test", "Stele.Tests", "Golden");

    public static string Packs => Path.Combine(Root, "packs");

    public static string Of(int fold, string world) => Path.Combine(Packs, $"fold-{fold}", world);

    /// <summary>Writes a world, unless its version was released.</summary>
    public static void Write(Kept kept)
    {
        var fold = kept.World.State.FoldVersion;
        var folder = Of(fold, kept.Name);
        if (fold <= Released)
            throw new InvalidOperationException(
                $"fold version {fold} was released: what is kept of it is never written again");
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        var pack = kept.World.Pack();
        File.WriteAllBytes(Path.Combine(folder, "pack.zip"), pack);
        File.WriteAllBytes(Path.Combine(folder, "trust.json"), kept.World.Trust.ToJson().ToBytes());
        foreach (var (name, (receipt, _)) in kept.Receipts) File.WriteAllBytes(Path.Combine(folder,
            $"receipt-{name}.json"), receipt);
        File.WriteAllBytes(Path.Combine(folder, "expected.json"), Expected(kept, pack).ToBytes());
    }

    static Json Expected(Kept kept, byte[] pack)
    {
        var w = kept.World;
        var result = Verifier.Verify(new MemoryStream(pack), w.Trust).Result;
        return Json.Object(
            ("fold", w.State.FoldVersion), ("pack", Digest.Of(pack)), ("size", w.State.Size), ("root", w.Root),
            ("state", StateDigest.Of(w.State)), ("result", (int)result),
            ("receipts",
                Json.Object(kept.Receipts.Select(r => KeyValuePair.Create(r.Key, Json.Of((long)r.Value.Result))))),
            ("payloads", Payloads(w.Replay, w.Find)));
    }

    /// <summary>Every verdict and refusal, executed again: the digest of the payload, by entry.</summary>
    public static Json Payloads(Replay replay, Func<Digest, byte[]?> find) =>
        Json.Object(replay.Entries.Where(f => f.Statement is Verdict or Refusal)
        .Select(f =>
            KeyValuePair.Create(f.Index.ToString("D6", global::System.Globalization.CultureInfo.InvariantCulture),
                Reexecuted.Of(replay, find, f.Index).Payload is { } p ? Json.Of(Digest.Of(p)) : Json.Null)));
}
