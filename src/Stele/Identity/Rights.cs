using System.Collections.Immutable;

namespace Stele.Identity;

/// <summary>What the holder of a token may do. A closed set; names are permanent. They are checked where the act
/// happens.</summary>
[Flags]
enum Rights
{
    None = 0,

    // Of a server.

    /// <summary>Read the ledger and blobs.</summary>
    Read = 1,
    /// <summary>Upload blobs.</summary>
    Upload = 2,
    /// <summary>Hand in signed statements, cosignatures and time stamps.</summary>
    Submit = 4,

    // Of a node.

    /// <summary>Ask the gateway for decisions: what a principal may.</summary>
    Decide = 8,
    /// <summary>Read the node's status, its decision logs and receipts of any decision.</summary>
    Logs = 16,
    /// <summary>Open what was asked and answered, and have it judged again under another policy.</summary>
    Bodies = 32,
    /// <summary>Have erasures planned, and carried out where owners ordered them.</summary>
    Erase = 64,
    /// <summary>Read who opened which bodies.</summary>
    Administer = 128,
}

static class RightNames
{
    public const Rights OfServer = Rights.Read | Rights.Upload | Rights.Submit;
    public const Rights OfNode = Rights.Logs | Rights.Bodies | Rights.Erase | Rights.Administer;

    static readonly ImmutableArray<(Rights Right, string Name)> Table =
    [
        (Rights.Read, "read"), (Rights.Upload, "upload"), (Rights.Submit, "submit"),
        (Rights.Decide, "decide"), (Rights.Logs, "logs"), (Rights.Bodies, "bodies"), (Rights.Erase, "erase"),
            (Rights.Administer, "administer"),
    ];

    /// <summary>The names of some rights, in the table's order.</summary>
    public static ImmutableArray<string> Names(this Rights rights) =>
        [.. Table.Where(r => rights.HasFlag(r.Right)).Select(r => r.Name)];

    /// <exception cref="FormatException">No right of that name.</exception>
    public static Rights Parse(string name)
    {
        foreach (var (right, known) in Table) if (known == name) return right;
        throw new FormatException($"'{name}' is not a right: {string.Join(", ", Table.Select(r => r.Name))}");
    }
}
