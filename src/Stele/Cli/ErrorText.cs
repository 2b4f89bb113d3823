using System.Net.Sockets;
using System.Security.Cryptography;
using Stele.Blobs;
using Stele.Build;
using Stele.Control;
using Stele.Disk;
using Stele.Gateway;
using Stele.Host;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Statements;
using Stele.Runtime;

namespace Stele.Cli;

/// <summary>
/// Every exception that can end a command, as what the user reads: what failed, and what to type next. Nobody is shown
/// a stack, unless STELE_TRACE=1 asks for it.
/// </summary>
static class ErrorText
{
    public static CliError Of(Exception e) => e is CliError own ? own : Say(e);

    /// <summary>The same with the stack, for an exception that is none of ours.</summary>
    public static CliError WithStack(Exception e) => Of(e) is var said && e is CliError ? said
        : new CliError($"{said.Message}\n{e}", said.Hint, said.Exit)
        { Problem = said.Problem, Lines = [.. said.Lines, .. e.ToString().Split('\n')] };

    static CliError Say(Exception e) => e switch
    {
        NodeClient.SilentException silent => silent.Error,
        ProblemException p => new CliError(p.Problem.Message, HintOf(p.Problem)) { Problem = p.Problem },
        Proof.Governance.NodeException n => new CliError(n.Message,
            "what was kept of earlier folds is discarded: give the command again, and it folds the ledger from its "
            + "first entry"),
        ReplicaException r => new CliError(r.Message, HintOf(r.Fault)),
        BlobException b => new CliError(b.Message, b.Error switch
        {
            BlobError.Corrupt => "the copy is damaged: stele fsck on its machine says more",
            BlobError.Unknown => "is it frozen? stele freeze; stele log list --kind origin shows what is",
            _ => null,
        }),
        SandboxException s => Quoted(s.Message, s.Hint),
        LogException l => new CliError(l.Message, l.Error is LogError.Busy
            ? "try again in a moment"
            : "stele fsck says more; put back the newest copy of the folder that you have"),
        // What these tell of another program is the end of what it wrote, line by line.
        InstanceException or CheckException or BuildException => Quoted(e.Message, null),
        LinkException or ForwardException or GatewayException => new CliError(e.Message),
        LockedException locked => new CliError($"{locked.Folder} is in use by another process",
                "does a stele up or a stele witness run on this folder already? stop it first, or use another "
                + "folder: --data DIR"),
        IOException
            when e.InnerException
                is { InnerException: SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } }
                || e.Message.Contains("address already in use", StringComparison.Ordinal) =>
            new CliError(e.Message.TrimEnd('.'),
                "something listens there already, perhaps another stele up; take other ports: --port N "
                + "--gateway-port N, 0 for any free one"),
        IOException when DiskTrouble.Of(e) is { } trouble => new CliError(e.Message.TrimEnd('.'), HintOf(trouble)),
        FileNotFoundException { FileName: { } file } => new CliError(
            e.Message.StartsWith("Could not find", StringComparison.Ordinal) ? $"there is no file {file}" : e.Message),
        DirectoryNotFoundException =>
            new CliError(e.Message.Replace("Could not find a part of the path", "there is no folder for",
                StringComparison.Ordinal).TrimEnd('.')),
        UnauthorizedAccessException =>
            new CliError(e.Message.TrimEnd('.'), "this user may not do that; look at the owner and mode of the file"),
        LinesException lines => new CliError(lines.Message) { Lines = lines.Lines },
        IOException or FormatException or HttpRequestException or SocketException =>
            new CliError(e.Message.TrimEnd('.')),
        UnknownKindException => new CliError(e.Message, "this ledger is written by a newer stele: use that one"),
        CryptographicException => new CliError($"a key could not be used: {e.Message}"),
        _ => new CliError($"this is a bug in stele: {e.GetType().Name}: {e.Message}",
            "STELE_TRACE=1 before the command shows where; please report it"),
    };

    static CliError Quoted(string message, string? hint) =>
        new(message, hint) { Lines = [.. Terminal.Quoted(message)] };

    /// <summary>What someone at a terminal can do about it; the problem's own hint is for callers of the API.</summary>
    static string HintOf(Problem p) =>
        p.Is(ProblemCode.Unauthorized)
            ? "connect with a token that the server knows: stele login URL --token-file FILE; the one who runs it "
                + "makes "
            + "one: stele token add NAME"
        : p.Is(ProblemCode.Unreachable) ? "start it: stele up; or connect to another: stele login URL --token-file FILE"
        : p.Hint;

    static string HintOf(DiskTrouble.Kind trouble) => trouble switch
    {
        DiskTrouble.Kind.Full => "make room on that disk",
        DiskTrouble.Kind.ReadOnly => "that file system is mounted read-only: see why (dmesg), mount it writable",
        _ => "the disk fails: see what it says (dmesg), and keep a copy of the folder before anything else",
    };

    static string HintOf(ReplicaFault fault) => fault switch
    {
        ReplicaFault.WrongLedger =>
            "another ledger than this home pins: check the address, or use another home (--home DIR)",
        ReplicaFault.BadCheckpoint or ReplicaFault.BadTile =>
            "check the address; if it is right, ask the server's operator to run stele fsck there",
        ReplicaFault.InUse => "another command in this home does not end: look with ps; then type the same again",
        ReplicaFault.MissingDocument =>
            "ask the server's operator to run stele fsck there: a blob that the ledger names is gone",
        _ =>
            "do not go on with this server: keep this home's cache folder as evidence, and ask the other members "
            + "what they see",
    };
}
