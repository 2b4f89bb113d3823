using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;
using Stele.Tests.Worlds;

namespace Stele.Tests.Tamper;

// Attacks on logs that were pruned, and on receipts that say that their bodies were erased.
static partial class Matrix
{
    /// <summary>
    /// 700 decisions, anchored at 400 and 650, pruned below the admitted floor of 600: the pack begins at 512.
    /// </summary>
    static readonly Lazy<Mortgage> Short = new(() => Mortgage.Pruned());

    static Attack OnShort(string name, Action<Forgery> change, params string[] expected) => new(name, "pack", () =>
    {
        var f = Forgery.Of(Short.Value.World);
        change(f);
        return (f.Write(), Short.Value.World.Trust);
    }, expected);

    static IEnumerable<Attack> Pruned()
    {
        var origin = Mortgage.LogName;
        Attack Finder(string name, Action<Forgery> change, params string[] expected) =>
            OnShort("finder: pruned log: " + name, change, expected);
        Attack Node(string name, Action<Forgery> change, params string[] expected) =>
            OnShort("node: pruned log: " + name, f =>
        {
            change(f);
            f.ResignLog(Short.Value.Log.Key);
        }, expected);
        void Floor(Forgery f, Func<PackedFloor, PackedFloor> change) => f.Floors[origin] = change(f.Floors[origin]);
        void Raw(Forgery f, Func<Json, Json> change) =>
            f.Overrides[Pack.LogFolder(origin) + "/floor"] =
                change(CanonicalJson.Parse(f.Floors[origin].Encode(), 1 << 16)).ToBytes();

        yield return Finder("another tree below the floor", f => Floor(f, p => p with { Peaks = [Digest.Of("x"u8)] }),
            "checkpoint-root");
        yield return Node("another tree below the floor, its log signed again",
            f => Floor(f, p => p with { Peaks = [Digest.Of("x"u8)] }), "anchor-root");
        yield return Node("drops the first leaf above the floor", f => f.Logs[origin].Leaves.RemoveAt(0),
            "anchor-root");
        yield return Node("another status above the floor",
            f => f.Logs[origin].Leaves[0] = (Decision.Parse(f.Logs[origin].Leaves[0]) with { Status = 403 }).Encode(),
            "anchor-root");
        yield return Node("an open in the place of a whole above the floor",
            f => f.Logs[origin].Leaves[3] =
                (Decision.Parse(f.Logs[origin].Leaves[3]) with { Kind = DecisionKind.Open }).Encode(), "anchor-root");
        yield return Node("cuts what is anchored above the floor",
            f => f.Logs[origin].Leaves.RemoveRange(100, f.Logs[origin].Leaves.Count - 100), "log-short");
        yield return Finder("its floor left out", f => f.Floors.Remove(origin), "checkpoint-size", "pack-malformed");
        yield return Finder("its floor left out, its bundles kept",
            f => f.Overrides[Pack.LogFolder(origin) + "/floor"] = null, "member-missing");
        yield return Finder("a segment more",
            f => f.Overrides[Pack.LogFolder(origin) + "/entries/000000001"] =
                Tile.EncodeBundle([.. f.Logs[origin].Leaves.Take(Tile.Full)]), "bundle-malformed");
        yield return Finder("a floor that is no multiple of 256", f => Raw(f, j => j.With("size", 513)),
            "pack-malformed");
        yield return Finder("a floor of 0", f => Raw(f, j => Json.Object(("size", 0), ("peaks", Json.EmptyArray))),
            "pack-malformed");
        yield return Finder("a peak more", f =>
            Raw(f, j => j.With("peaks", Json.Array(j["peaks"].AsArray.Add(Digest.Of("x"u8).Hex)))), "pack-malformed");
        yield return Finder("a member more in its floor", f => Raw(f, j => j.With("by", "x")), "pack-malformed");
        yield return new("node: prunes beyond the floor that is admitted", "pack", () =>
        {
            var m = Mortgage.Pruned(floor: 500);
            return (Cut(Forgery.Of(m.World), m).ResignLog(m.Log.Key).Write(), m.World.Trust);
        }, "leaves-missing");
        yield return new("node: prunes without any floor", "pack", () =>
        {
            var m = Mortgage.Pruned(floor: null);
            return (Cut(Forgery.Of(m.World), m).ResignLog(m.Log.Key).Write(), m.World.Trust);
        }, "leaves-missing");
        yield return new("operator: admits a floor without the owners", "pack", () =>
        {
            var m = Mortgage.Pruned(floor: null);
            var f = Cut(Forgery.Of(m.World), m).ResignLog(m.Log.Key);
            f.Entries.Add(m.World.Sign(m.World.Fresh(World.Retain(m.Log.Origin, 600)), World.Server).Bytes);
            return (f.Resign().Write(), Unwitnessed(m.World));
        }, "leaves-missing", "entry-refused: role-missing");

        Attack Told(string name, Func<Receipt, Receipt> change, params string[] expected) =>
            new("finder: receipt: " + name, "receipt", () =>
        {
            var m = Mortgage.Lived();
            return (change(m.ErasedReceipt(8, 2, 8)).Encode(), m.World.Trust);
        }, expected);
        static Receipt In(Receipt r, Func<ErasedIn, ErasedIn> change) => r with { Erased = change(r.Erased!) };
        yield return Told("erased by another entry", r => In(r, e => e with { Entry = 0 }), "erasure-differs");
        yield return Told("erased by an entry that is not there",
            r => r with { Entries = [.. r.Entries.Where(e => e.Index != r.Erased!.Entry)] }, "erasure-differs");
        yield return Told("another place in the list of what was erased",
            r => In(r, e => e with { Record = e.Record with { Position = 0 } }), "erasure-differs");
        yield return Told("another blind in the list of what was erased",
            r => In(r, e => e with { Record = e.Record with { Blind = Digest.Of("x"u8) } }), "erasure-differs");
        yield return Told("another decision's place in the list of what was erased",
            r => In(r, e => e with { Record = Mortgage.ErasedList(2, 8).Prove(2)! }), "erasure-differs");
        yield return Told("a hash less in the proof that it was erased",
            r => In(r, e => e with { Record = e.Record with { Proof = [] } }), "erasure-differs");
    }

    static Forgery Cut(Forgery f, Mortgage m)
    {
        var (leaves, checkpoint) = f.Logs[m.Log.Origin];
        f.Floors[m.Log.Origin] = m.Log.FloorAt(512);
        f.Logs[m.Log.Origin] = (leaves[512..], checkpoint);
        return f;
    }
}
