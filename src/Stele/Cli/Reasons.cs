using System.Security.Cryptography;
using System.Text;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Decisions;

namespace Stele.Cli;

/// <summary>
/// Free text that a statement commits to: <c>HOME/reasons/[64 hex].json</c>, canonical JSON <c>{"salt","text"}</c>
/// under the commitment's own digits. The ledger has the commitment alone; deleting the file has erased the text.
/// </summary>
static class Reasons
{
    /// <summary>Keeps a reason, durably, and commits to it; null when none is given.</summary>
    public static Digest? Keep(Home home, string? text)
    {
        if (text is null) return null;
        var salt = RandomNumberGenerator.GetBytes(Commitment.SaltBytes);
        var commitment = Commitment.To("reason", salt, Encoding.UTF8.GetBytes(text)).Value;
        var folder = Path.Combine(home.Folder, "reasons");
        Files.CreateDirectory(folder, Readers.Owner);
        Files.Write(Path.Combine(folder, commitment.Hex + ".json"),
            Json.Object(("salt", Convert.ToHexStringLower(salt)), ("text", text)).ToBytes(), Readers.Owner);
        return commitment;
    }

    /// <summary>The text behind a commitment, if it is in this home and unchanged.</summary>
    public static string? Find(Home home, Digest? commitment)
    {
        if (commitment is not { } digest) return null;
        var file = Path.Combine(home.Folder, "reasons", digest.Hex + ".json");
        if (!File.Exists(file)) return null;
        try
        {
            var j = CanonicalJson.Parse(File.ReadAllBytes(file), 64 * 1024);
            var text = j["text"].AsString;
            return Commitment.To("reason", Convert.FromHexString(j["salt"].AsString),
                Encoding.UTF8.GetBytes(text)).Value == digest ? text : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
