using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Stele.Proof.Governance;

/// <summary>Told of each key that a map of facts is asked for, and whether there is such a fact.</summary>
delegate void Asking(string key, bool there);

/// <summary>
/// Proves to a reader who has the digest of a map of facts that a key has this value there, or that it has none.
/// <code>
/// {"key":text,"path":[hex…],"value":…}                        the key has the value
/// {"key":text,"path":[hex…]}                                  nothing stands where the path ends
/// {"key":text,"other":{"key":text,"value":…},"path":[hex…]}   another fact stands there alone
/// </code>
/// The path has the digests next to it from the root down: the one at position i is that of the facts whose bit i of
/// SHA-256(key) differs from the key's, with the same bits before.
/// </summary>
/// <param name="Value">Null: the key has no value there.</param>
/// <param name="Other">The one fact that stands at the end of the path of a key without a value; null = none
/// does.</param>
sealed record FactPath(string Key, Json? Value, ImmutableArray<Digest> Path, OtherFact? Other)
{
    /// <summary>Bits of a digest: no path is longer.</summary>
    public const int MaxLength = 256;

    /// <summary>An entry's number as a key.</summary>
    public static string KeyOf(long entry) => entry.ToString(CultureInfo.InvariantCulture);

    /// <summary>The entry's number that a key is; null where it is none in that one form.</summary>
    public static long? EntryOf(string key) =>
        long.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && KeyOf(n) == key ? n : null;

    public static Digest BitsOf(string key) => Digest.Of(Encoding.UTF8.GetBytes(key));
    public static Digest LeafOf(string key, Json value) =>
        Merkle.Leaf(Json.Object(("key", key), ("value", value)).ToBytes());

    /// <summary>The digest of the map in which it is so; null where the path is none of this key.</summary>
    public Digest? Root
    {
        get
        {
            var bits = BitsOf(Key);
            if (Path.Length > MaxLength) return null;
            if (Other is { } other)
            {
                // Invariant: a subtree of one fact is that fact. It shows that the key is not there, as it stands where
                // the key would.
                var there = BitsOf(other.Key);
                if (there == bits) return null;
                for (var i = 0; i < Path.Length; i++) if (there.Bit(i) != bits.Bit(i)) return null;
            }
            var digest = Value is { } v ? LeafOf(Key, v) : Other is { } o ? LeafOf(o.Key, o.Value) : Merkle.EmptyRoot;
            for (var i = Path.Length - 1; i >= 0; i--) digest = bits.Bit(i) ? Merkle.Node(Path[i], digest)
                : Merkle.Node(digest, Path[i]);
            return digest;
        }
    }

    public Json ToJson() => Json.Object(
        ("key", Key), ("value", Value), ("path", Json.Array(Path.Select(d => Json.Of(d.Hex)))),
        ("other", Other is { } o ? Json.Object(("key", o.Key), ("value", o.Value)) : null));

    /// <exception cref="FormatException">Not a path, or one that proves two things.</exception>
    public static FactPath FromJson(Json j)
    {
        var path = new FactPath(
            j["key"].AsString, j.Find("value"), [.. j["path"].AsArray.Select(d => Digest.ParseHex(d.AsString))],
            j.Find("other") is { } o ? new(o["key"].AsString, o["value"]) : null);
        return path is { Value: not null, Other: not null } || path.Path.Length > MaxLength
            ? throw new FormatException("a path proves one thing, in at most 256 steps") : path;
    }
}

/// <summary>A fact that stands where another was looked for.</summary>
sealed record OtherFact(string Key, Json Value);
