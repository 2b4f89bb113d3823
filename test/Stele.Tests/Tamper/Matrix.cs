using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Governance;
using Stele.Tests.Worlds;

namespace Stele.Tests.Tamper;

/// <summary>
/// Every attack that the design names, generated. Three attackers: the <b>finder</b> of a pack, who has no key; the
/// <b>operator</b>, who has the ledger's key and the server's and so signs any checkpoint, verdict and refusal again,
/// but no member's key; the <b>node</b>, who has its log's key. What an attacker can compute is computed, so the check
/// that is meant to catch it does.
/// </summary>
static partial class Matrix
{
    static readonly Mortgage Lived = Mortgage.Lived();
    static readonly Mortgage Elsewhere = Mortgage.Founded("other.example");
    static readonly NoteSigner Own = new(World.Name, secret: "the attacker's own");

    /// <summary>
    /// An operator has no witness's key; to show that the fold alone catches it, the operator's judges trust no
    /// witness.
    /// </summary>
    static Trust Unwitnessed(World w) => w.Trust with { Witnesses = [], Quorum = 0 };

    static readonly string[] NotFolding = ["entry-refused", "entry-malformed", "pack-malformed"];

    public static readonly ImmutableArray<Attack> All =
        [.. Bits(), .. Order(), .. Keys(), .. Forms(), .. Acts(), .. Documents(), .. Logs(), .. Layout(),
            .. Explanations(), .. Receipts(), .. Pruned(), .. Reckonings()];

    static Attack Finder(string name, Action<Forgery> change, params string[] expected) =>
        new("finder: " + name, "pack", () =>
    {
        var forgery = Forgery.Of(Lived.World);
        change(forgery);
        return (forgery.Write(), Lived.World.Trust);
    }, expected);

    static Attack Operator(string name, Action<Forgery> change, params string[] expected) =>
        new("operator: " + name, "pack", () =>
    {
        var forgery = Forgery.Of(Lived.World);
        change(forgery);
        return (forgery.Resign().Write(), Unwitnessed(Lived.World));
    }, expected);

    static Attack Raw(string name, Func<byte[], byte[]> change, params string[] expected) =>
        new("finder: " + name, "pack", () => (change(Forgery.Honest(Lived.World)), Lived.World.Trust), expected);

    /// <summary>
    /// A place in the base64 of an entry's payload or signature: what the actor signed. Anything else of an entry is
    /// the server's word.
    /// </summary>
    static int InEnvelope(byte[] entry, string part, int nth)
    {
        var start = entry.AsSpan().IndexOf(Encoding.ASCII.GetBytes($"\"{part}\":\"")) + part.Length + 4;
        return start + nth * 37 % 40;
    }

    /// <summary>One bit in every entry, three ways.</summary>
    static IEnumerable<Attack> Bits()
    {
        var entries = Lived.World.Entries;
        for (var n = 0; n < entries.Count; n++)
        {
            var i = n;
            yield return Finder($"a bit of entry {i}, all digests computed again",
                f => f.Entries[i] = Forgery.Flip(f.Entries[i], (i * 101) % f.Entries[i].Length), "checkpoint-root",
                "pack-malformed");
            yield return Operator($"a bit of what was signed in entry {i}, the ledger signed again",
                f => f.Entries[i] = Forgery.Flip(f.Entries[i], InEnvelope(f.Entries[i], "payload", i)), NotFolding);
            yield return Operator($"a bit of the signature of entry {i}, the ledger signed again",
                f => f.Entries[i] = Forgery.Flip(f.Entries[i], InEnvelope(f.Entries[i], "sig", i)), NotFolding);
        }
        foreach (var member in Zip.Read(new MemoryStream(Forgery.Honest(Lived.World))))
        {
            var at = (int)(member.Offset + 30 + member.Name.Length + member.Size / 2);
            yield return Raw($"a bit of the member {member.Name}", p => Forgery.Flip(p, at, 3), "member-damaged",
                "pack-malformed");
        }
    }

    static IEnumerable<Attack> Order()
    {
        var w = Lived.World;
        var lastAnchor = w.State.Logs[Lived.Log.Origin].Anchor!.Entry;
        for (var n = 0; n < w.Entries.Count; n++)
        {
            var i = n;
            yield return Finder($"drops entry {i}", f => f.Entries.RemoveAt(i), "checkpoint-size", "pack-malformed");
            yield return Operator($"repeats entry {i} at the end", f => f.Entries.Add(Later(f.Entries[i], w.Now)),
                i == 0 ? "entry-refused" : "entry-repeated", "entry-refused");
            if (i > 0 && i < lastAnchor)
                yield return Operator($"drops entry {i} and signs the rest again", f => f.Entries.RemoveAt(i),
                    "entry-refused", "state-differs", "verdict-differs", "refusal-differs");
        }
        for (var n = 1; n + 1 < lastAnchor; n += 2)
        {
            var i = n;
            yield return Finder($"swaps entries {i} and {i + 1}",
                f => (f.Entries[i], f.Entries[i + 1]) = (f.Entries[i + 1], f.Entries[i]), "checkpoint-root");
            yield return Operator($"swaps entries {i} and {i + 1} with their times",
                f => (f.Entries[i], f.Entries[i + 1]) = (At(f.Entries[i + 1], f.Entries[i]), At(f.Entries[i],
                    f.Entries[i + 1])), "entry-refused", "state-differs", "verdict-differs", "refusal-differs");
        }
        yield return Operator("swaps two entries without their times",
            f => (f.Entries[3], f.Entries[4]) = (f.Entries[4], f.Entries[3]), "entry-refused");
        yield return Operator("moves an entry's time by a millisecond",
            f => f.Entries[20] = Later(f.Entries[20], Entry.Parse(f.Entries[20]).Time + 1), "state-differs");
        yield return Operator("dates an entry before the one it follows",
            f => f.Entries[^1] = Later(f.Entries[^1], World.Start), "entry-refused");
        yield return Operator("dates an entry a week on", f =>
            f.Entries[^1] = Later(f.Entries[^1], Entry.Parse(f.Entries[^1]).Time + 7 * Fold.MaxDelay), "entry-refused");
        yield return new("operator: cuts the last entry and signs the rest; a witness has seen more", "pack", () =>
        {
            var f = Forgery.Of(w);
            f.Entries.RemoveAt(f.Entries.Count - 1);
            return (f.Resign().Write(), w.Trust);
        }, "too-few-witnesses");
    }

    /// <summary>The same envelope, stamped with another time.</summary>
    static byte[] Later(byte[] entry, long time) => new Entry(time, Entry.Parse(entry).Envelope).Bytes;
    static byte[] At(byte[] entry, byte[] other) => Later(entry, Entry.Parse(other).Time);

    static IEnumerable<Attack> Keys() =>
    [
        Finder("signs the ledger's checkpoint with another key of the same name", f => f.Resign(Own),
            "checkpoint-signature"),
        Finder("signs the checkpoint with another key and name", f => f.Resign(new NoteSigner("other.example")),
            "checkpoint-signature"),
        Finder("strips the checkpoint's signatures but one",
            f => f.Checkpoint = Own.Sign(new Note(Note.Parse(f.Checkpoint).Text)), "checkpoint-signature"),
        Finder("a bit of the checkpoint's signature", f => f.Checkpoint = Twist(f.Checkpoint, 0),
            "checkpoint-signature", "pack-malformed"),
        Finder("a bit of the cosignature", f => f.Checkpoint = Twist(f.Checkpoint, 1), "witness-signature",
            "pack-malformed"),
        Finder("takes the cosignature away", f => f.Checkpoint = new Note(Note.Parse(f.Checkpoint).Text,
            Note.Parse(f.Checkpoint).Signatures[0]).ToString(), "too-few-witnesses"),
        Finder("an older checkpoint, signed by everyone",
            f =>
                f.Checkpoint =
                    Lived.World.Witness.Sign(
                        Note.Parse(Lived.World.Key.Checkpoint(5,
                            Merkle.Root(f.Entries.Take(5).Select(e => Merkle.Leaf(e))))), World.Start / 1000),
            "checkpoint-size"),
        Finder("writes another size into the checkpoint",
            f => f.Checkpoint = f.Checkpoint.Replace($"\n{f.Entries.Count}\n", $"\n{f.Entries.Count + 1}\n",
                StringComparison.Ordinal), "checkpoint-signature"),
        Finder("writes another origin into the checkpoint", f => f.Checkpoint = f.Checkpoint.Replace(World.Name + "\n",
            "other.example\n", StringComparison.Ordinal), "checkpoint-signature"),
        Finder("adds a line to the checkpoint", f => f.Checkpoint = f.Checkpoint.Replace("\n\n", "\nmore\n\n",
            StringComparison.Ordinal), "checkpoint-signature"),
        Finder("a witness's signature in the place of the log's",
            f => f.Checkpoint = new Note(Note.Parse(f.Checkpoint).Text,
                Note.Parse(f.Checkpoint).Signatures[1]).ToString(), "checkpoint-signature"),
        Finder("no note at all", f => f.Checkpoint = "x", "checkpoint-signature", "pack-malformed"),
        new("operator: a new ledger with the same members, cosigned by nobody", "pack",
            () => (Forgery.Honest(Mortgage.Lived().World), Lived.World.Trust), "trust-genesis"),
        new("operator: another ledger of another name", "pack",
            () => (Forgery.Honest(Elsewhere.World), Lived.World.Trust), "trust-origin"),
        new("operator: dates the cosigned entries after the cosignature", "pack", () =>
        {
            var m = Mortgage.Founded();
            m.World.Now += 3_600_000;
            m.World.Add(World.EndLog(LogAction.Close, m.Log.Origin), World.Owners);
            var f = Forgery.Of(m.World).Resign();
            f.Checkpoint = m.World.Witness.Sign(Note.Parse(f.Checkpoint), World.Start / 1000);
            return (f.Write(), m.World.Trust);
        }, "time-after-cosignature"),
        new("operator: goes on signing with the log key that was replaced", "pack", () =>
        {
            var m = Mortgage.Founded();
            m.World.Add(World.LogKey(new NoteSigner(World.Name, secret: "next"), m.World.State.Size + 1), World.Owners);
            return (Forgery.Of(m.World).Resign().Write(), Unwitnessed(m.World));
        }, "checkpoint-signature"),
        new("thief: signs the ledger with a decision log's key", "pack",
            () => (Forgery.Of(Lived.World).Resign(Lived.Log.Key.As(World.Name)).Write(), Unwitnessed(Lived.World)),
            "checkpoint-signature"),
    ];

    /// <summary>Turns a bit of the nth signature of a note.</summary>
    static string Twist(string note, int nth)
    {
        var n = Note.Parse(note);
        var s = n.Signatures[nth];
        return new Note(n.Text, n.Signatures.SetItem(nth,
            s with { Bytes = s.Bytes.SetItem(30, (byte)(s.Bytes[30] ^ 4)) }).AsSpan()).ToString();
    }

    /// <summary>
    /// Other forms of what a member did sign. The operator writes them into the ledger and signs it again.
    /// </summary>
    static IEnumerable<Attack> Forms()
    {
        const int owners = 10, single = 18;   // an entry that two owners signed; one that a member signed
        Attack Form(string name, int entry, Func<string, string> change, params string[] expected) =>
            Operator($"{name} in entry {entry}", f =>
                f.Entries[entry] = Encoding.UTF8.GetBytes(change(Encoding.UTF8.GetString(f.Entries[entry]))), expected);
        Attack Enveloped(string name, int entry, Func<Json, Json> change, params string[] expected) =>
            Operator($"{name} in entry {entry}", f =>
        {
            var j = CanonicalJson.Parse(f.Entries[entry], Entry.MaxBytes);
            f.Entries[entry] = j.With("envelope", change(j["envelope"])).ToBytes();
        }, expected);
        Json Signature(Json envelope, int nth, Func<byte[], byte[]> change)
        {
            var s = envelope["signatures"].AsArray[nth];
            return envelope.With("signatures",
                Json.Array(envelope["signatures"].AsArray.SetItem(nth,
                    s.With("sig", Base64.Encode(change(Base64.Decode(s["sig"].AsString)))))));
        }
        foreach (var (entry, nth) in new[] { (owners, 0), (owners, 1), (single, 0) })
        {
            yield return Enveloped($"high s of signature {nth}", entry, e => Signature(e, nth, HighS), "entry-refused");
            yield return Enveloped($"a length in two bytes of signature {nth}", entry,
                e => Signature(e, nth, s => [0x30, 0x81, s[1], .. s[2..]]), "entry-refused");
            yield return Enveloped($"a needless zero in r of signature {nth}", entry, e => Signature(e, nth,
                s => [0x30, (byte)(s[1] + 1), 0x02, (byte)(s[3] + 1), 0, .. s[4..]]), "entry-refused");
            yield return Enveloped($"a byte after signature {nth}", entry, e => Signature(e, nth, s => [.. s, 0]),
                "entry-refused");
            yield return Enveloped($"a byte inside the sequence of signature {nth}", entry,
                e => Signature(e, nth, s => [0x30, (byte)(s[1] + 1), .. s[2..], 0]), "entry-refused");
            yield return Enveloped($"r and s bare for signature {nth}", entry, e => Signature(e, nth, Bare),
                "entry-refused");
            yield return Enveloped($"an empty signature {nth}", entry, e => Signature(e, nth, _ => []),
                "entry-refused");
            yield return Enveloped($"r = s = 0 for signature {nth}", entry,
                e => Signature(e, nth, _ => [0x30, 6, 2, 1, 0, 2, 1, 0]), "entry-refused");
            yield return Enveloped($"r = s = 1 for signature {nth}", entry,
                e => Signature(e, nth, _ => [0x30, 6, 2, 1, 1, 2, 1, 1]), "entry-refused");
        }
        yield return Enveloped("signatures in the other order", owners,
            e => e.With("signatures", Json.Array(e["signatures"].AsArray.Reverse())), "entry-malformed");
        yield return Enveloped("a signature twice", owners, e => e.With("signatures",
            Json.Array(e["signatures"].AsArray.Insert(0, e["signatures"].AsArray[0]))), "entry-malformed");
        yield return Enveloped("one owner's signature less", owners,
            e => e.With("signatures", Json.Array(e["signatures"].AsArray[0])), "entry-refused");
        yield return Enveloped("no signature", owners, e => e.With("signatures", Json.EmptyArray), "entry-malformed");
        foreach (var (who, person) in new[] { ("a stranger's", World.Stranger), ("another member's", World.Builder),
            ("the server's", World.Server) })
            yield return Enveloped($"{who} signature beside", owners, e => Added(e, person), "entry-refused");
        yield return Enveloped("seventeen signatures", owners,
            e =>
                e.With("signatures",
                    Json.Array(Enumerable.Range(0, 17)
                        .Select(i => Json.Object(("keyid", Base64.Encode(Digest.Of([(byte)i]).ToArray())),
                            ("sig", "AA=="))))), "entry-malformed");
        yield return Enveloped("another payload type", single, e => e.With("payloadType", "application/json"),
            "entry-malformed");
        yield return Enveloped("a member more in the envelope", single, e => e.With("note", "x"), "entry-malformed");
        yield return Enveloped("a member more in a signature", single,
            e => e.With("signatures", Json.Array(e["signatures"].AsArray[0].With("cert", "x"))), "entry-malformed");
        yield return Enveloped("base64 without padding", single,
            e =>
                e.With("payload", e["payload"].AsString.TrimEnd('=') is var s && s.Length < e["payload"].AsString.Length
                    ? s
                    : s[..^1]), "entry-malformed");
        yield return Enveloped("base64 with a line break", single,
            e => e.With("payload", e["payload"].AsString.Insert(4, "\n")), "entry-malformed");
        yield return Enveloped("base64 with stray bits", single,
            e =>
                e.With("signatures",
                    Json.Array(e["signatures"].AsArray[0].With("keyid",
                        Stray(e["signatures"].AsArray[0]["keyid"].AsString)))), "entry-malformed");
        yield return Enveloped("base64 for URLs", single,
            e =>
                e.With("payload", e["payload"].AsString.Replace('+', '-').Replace('/', '_') is var s
                    && s != e["payload"].AsString ? s : "_" + s[1..]), "entry-malformed");
        yield return Enveloped("the payload in other JSON", single,
            e =>
                e.With("payload",
                    Base64.Encode(Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(Base64.Decode(e["payload"].AsString))
                        .Replace(":", ": ", StringComparison.Ordinal)))), "entry-refused");
        yield return Form("white space", single, s => s.Replace(":", ": ", StringComparison.Ordinal),
            "entry-malformed");
        yield return Form("members in another order", single,
            s =>
                $"{{\"time\":{s[(s.LastIndexOf(':') + 1)..^1]},{s[1..s.LastIndexOf(",\"time\"", StringComparison.Ordinal)]}}}", "entry-malformed");
        yield return Form("a member twice", single, s => s.Insert(s.Length - 1, ",\"time\":1"), "entry-malformed");
        yield return Form("a member more", single, s => s.Insert(s.Length - 1, ",\"zz\":1"), "entry-malformed");
        yield return Form("the time as a fraction", single, s => s.Insert(s.Length - 1, ".0"), "entry-malformed");
        yield return Form("the time as a power", single, s => s.Insert(s.Length - 1, "e0"), "entry-malformed");
        yield return Form("an escaped letter", single,
            s => s.Replace("\"time\"", "\"tim\\u0065\"", StringComparison.Ordinal), "entry-malformed");
        yield return Form("a byte order mark", single, s => "\ufeff" + s, "entry-malformed");
        yield return Form("nothing", single, _ => "", "entry-malformed");
    }

    static Json Added(Json envelope, Person by)
    {
        var payload = Base64.Decode(envelope["payload"].AsString);
        var more = Envelope.Sign(payload, by.Key).ToJson()["signatures"].AsArray[0];
        var all = envelope["signatures"].AsArray.Add(more)
            .OrderBy(s => Digest.From(Base64.Decode(s["keyid"].AsString)));
        return envelope.With("signatures", Json.Array(all));
    }

    static string Stray(string base64) => base64[..^2] + (char)(base64[^2] + 1) + "=";

    static byte[] Bare(byte[] der)
    {
        var rs = new byte[64];
        return EcdsaSignature.TryDecode(der, rs) ? rs : throw new InvalidOperationException();
    }

    static byte[] HighS(byte[] der)
    {
        var rs = Bare(der);
        var order =
            global::System.Numerics.BigInteger.Parse(
                "0FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
                global::System.Globalization.NumberStyles.HexNumber,
                global::System.Globalization.CultureInfo.InvariantCulture);
        byte[] s = (order - new global::System.Numerics.BigInteger(rs.AsSpan(32), isUnsigned: true, isBigEndian: true))
            .ToByteArray(isBigEndian: true), r = der[2..(4 + der[3])];
        return [0x30, (byte)(r.Length + 2 + s.Length), .. r, 0x02, (byte)s.Length, .. s];
    }

    /// <summary>
    /// Every act that the fold refuses, written into the ledger all the same by an operator who signs the ledger again.
    /// </summary>
    static IEnumerable<Attack> Acts()
    {
        foreach (var p in Refusing.All)
        {
            // The state, not the entry, is what is wrong in these: a pack that lacks a document is among the attacks on
            // documents.
            if (p.Code == RefusalCode.DocumentMissing) continue;
            // What a newer verifier may know contradicts nothing: judging stops there.
            if (p.Code is RefusalCode.UnknownKind or RefusalCode.UnknownFoldVersion) continue;
            yield return new($"operator: {p.What}", "pack", () =>
            {
                var (world, _) = p.Act();
                var forgery = Forgery.Of(world, world.Entries.Append(world.Tried!.Bytes)).Resign();
                return (forgery.Write(), world.Entries.Count > 0
                    ? Unwitnessed(world)
                    : new Trust(World.Name, world.Key.Key, Merkle.Leaf(forgery.Entries[0]), [], 0));
            }, "entry-refused: " + p.Code.Name());
        }
    }
}
