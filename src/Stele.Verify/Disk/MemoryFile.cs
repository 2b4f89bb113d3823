using Stele.Proof.Packs;

namespace Stele.Verify.Disk;

/// <summary>The one file that stele-verify writes: what a monitor remembers of a ledger. Whole or not at all.</summary>
static class MemoryFile
{
    public static void Write(string path, LedgerMemory memory)
    {
        var temporary = path + ".new";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write))
        {
            file.Write(memory.Encode());
            file.Flush(flushToDisk: true);
        }
        File.Move(temporary, path, overwrite: true);
    }
}
