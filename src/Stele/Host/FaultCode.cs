using Stele.Control.Views;

namespace Stele.Host;

/// <summary>What keeps a node, an environment on it, or a server from being as the ledger says. A closed set; names
/// are permanent.</summary>
enum FaultCode
{
    // The node itself.

    /// <summary>The server does not answer, or not as a server of ours would.</summary>
    Unreachable,
    /// <summary>The server answers 401 or 403: it does not take the node's token.</summary>
    Rejected,
    /// <summary>What the server shows does not verify or fold here.</summary>
    Unverified,
    /// <summary>The ledger's key signed a second history.</summary>
    Forked,
    /// <summary>The server reports nothing wrong, and has confirmed this copy of the ledger too long ago.</summary>
    Lagging,
    /// <summary>The ledger has no member with this node's key.</summary>
    Unregistered,
    /// <summary>This node's key was revoked.</summary>
    KeyRevoked,
    /// <summary>The process may open no more files, sockets or processes, or hold no more connections.</summary>
    Descriptors,
    /// <summary>Tiles and checkpoints of a log can't be written: its files lag behind its journal, and so do those who
    /// read them.</summary>
    Unpublished,
    /// <summary>The server does not take the anchors of a decision log.</summary>
    Unanchored,

    // The server itself.

    /// <summary>The ledger takes no more statements: writing it failed.</summary>
    Stopped,
    /// <summary>Witnesses are not asked any more.</summary>
    Unwitnessed,

    // One environment.

    /// <summary>The release can't be made ready or started, or was not healthy in time, or started otherwise than it
    /// was declared.</summary>
    NotStarted,
    /// <summary>The release ended by itself.</summary>
    Ended,
    /// <summary>The release did not answer its health path several times in a row.</summary>
    Hung,
    /// <summary>The release could not be inspected several times in a row.</summary>
    Uninspected,
    /// <summary>What ran was not the release.</summary>
    Drifted,
    /// <summary>The node's own disk did not take what had to be written.</summary>
    Storage,
    /// <summary>The decision log is not open in the ledger, or not what the ledger anchored.</summary>
    Unlogged,
    /// <summary>The release rests on something that was revoked with the effect <c>stop</c>.</summary>
    Revoked,
    /// <summary>The newest checkpoint is older than the environment allows.</summary>
    Stale,
    /// <summary>The ledger does not assign the environment to this node.</summary>
    Unassigned,
    /// <summary>Keys of decisions are not here, and neither an erasure nor a crash explains it.</summary>
    KeysMissing,
}

/// <summary>A fault in words. <paramref name="Differences"/>: what differs from the release, by dimension and path;
/// empty where nothing does.</summary>
sealed record Faulted(FaultCode Fault, string Words, IReadOnlyList<string> Differences)
{
    public Faulted(FaultCode fault, string words) : this(fault, words, []) { }

    /// <summary>The entry of the head that it is about; null where it is about the node.</summary>
    public long? Deployment { get; init; }

    public string Name => Fault.Row().Name;
    public string Hint => Fault.Row().Hint;

    public ShownFault Shown => new(Name, Words, Hint, Deployment, [.. Differences]);
}

static class FaultCodes
{
    public static (string Name, string Hint) Row(this FaultCode fault) => fault switch
    {
        FaultCode.Unreachable => ("unreachable",
            "is the server running, and its address right? what was deployed goes on meanwhile"),
        FaultCode.Rejected => ("rejected",
            "give the node a token that the server knows: stele token add NAME there, then start the node with it"),
        FaultCode.Unverified => ("unverified",
            "keep the node's folder as evidence, and run stele fsck on the server's folder"),
        FaultCode.Forked => ("forked", "keep the node's folder as evidence, and ask the other members what they see"),
        FaultCode.Lagging => ("lagging", "look at the server, and at the network between them"),
        FaultCode.Unregistered => ("unregistered",
            "an owner adds the node: stele member add --member ID --key KEY --role node@SYSTEM/ENV"),
        FaultCode.KeyRevoked => ("key-revoked", "an owner gives the node a new key; what it ran is stopped"),
        FaultCode.Descriptors => ("descriptors",
            "see who is connected, and let the process open more: ulimit -n, or LimitNOFILE= of its unit"),
        FaultCode.Unpublished => ("unpublished",
            "make room on that disk, and look at its health: it is written as soon as it can be"),
        FaultCode.Unanchored => ("unanchored",
            "decisions are recorded meanwhile; look at the log in the ledger: stele log list"),
        FaultCode.Stopped => ("stopped",
            "see to the server's disk, and to what stele fsck says; then stop it and start it again"),
        FaultCode.Unwitnessed =>
            ("unwitnessed", "stop the server and start it again; this is a bug: its log says more"),
        FaultCode.NotStarted => ("not-started",
            "fix the release and deploy it again, or return to an earlier one: stele rollback SYSTEM/ENV"),
        FaultCode.Ended => ("ended", "read its last words; return to an earlier release: stele rollback SYSTEM/ENV"),
        FaultCode.Hung => ("hung",
            "it is replaced; if it hangs again, return to an earlier release: stele rollback SYSTEM/ENV"),
        FaultCode.Uninspected => ("uninspected", "it is replaced; look at the node's machine if this goes on"),
        FaultCode.Drifted => ("drifted", "it is replaced from verified blobs; find out who changed it"),
        FaultCode.Storage => ("storage", "make room on the node's disk, and look at its health"),
        FaultCode.Unlogged => ("unlogged", "an owner opens the log: stele log open SYSTEM/ENV"),
        FaultCode.Revoked => ("revoked", "deploy a release that does not rest on what was revoked"),
        FaultCode.Stale => ("stale", "the node must hear from its server again before it answers"),
        FaultCode.Unassigned => ("unassigned",
            "an owner assigns it: stele member add --member ID --keep --role node@SYSTEM/ENV"),
        _ => ("keys-missing",
            "stele fsck names the records; find out who removed their keys, or put back a copy of the key table; "
                + "owners who know why state it: stele erase DECISION"),
    };
}
