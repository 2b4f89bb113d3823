using Stele.Control;
using Stele.Disk;
using Stele.Host;
using Stele.Ledger;

namespace Stele.Api;

/// <summary>What keeps a server from taking, publishing, or having witnessed what is handed in.</summary>
static class ServerFaults
{
    public static IEnumerable<Faulted> Of(LogReader log, Admission admission, Witnesses? witnesses, Shortage shortage)
    {
        if (admission.Completion is { IsFaulted: true, Exception: { } e })
            yield return new Faulted(FaultCode.Stopped, DiskTrouble.Of(e) is { } disk
                ? $"the ledger takes no more statements: its disk {DiskTrouble.Says(disk)}"
                : $"the ledger takes no more statements: {e.GetBaseException().Message}");
        if (log.LastPublishError is { } error)
            yield return new Faulted(FaultCode.Unpublished, $"the files of {log.Origin} lag behind: {error}");
        if (shortage.Words is { } lacking) yield return new Faulted(FaultCode.Descriptors, lacking);
        if (witnesses?.LastError is { } ended)
            yield return new Faulted(FaultCode.Unwitnessed, $"witnesses are not asked any more: {ended}");
    }
}
