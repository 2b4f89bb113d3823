using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Stele.Disk;

static unsafe partial class Libc
{
    const int FTW_DNR = 2;

    [LibraryImport("libc", EntryPoint = "nftw", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int WalkTree(string path, delegate* unmanaged[Cdecl]<byte*, void*, int, void*, int> visit,
        int descriptors, int flags);

    [LibraryImport("libc", EntryPoint = "remove")]
    private static partial int Remove(byte* path);

    [LibraryImport("libc", EntryPoint = "chmod")]
    private static partial int ChangeMode(byte* path, uint mode);

    /// <summary>
    /// Removes a directory and all below it by the names' own bytes, which need not be text, and follows no link. What
    /// can't be removed stays.
    /// </summary>
    public static void RemoveTree(string path)
    {
        const int FTW_PHYS = 1, FTW_DEPTH = 8;
        // Each round may find directories that could not be read in the one before.
        for (var round = 0; round < 64 && Directory.Exists(path); round++)
            _ = WalkTree(path, &RemoveOne, 16, FTW_PHYS | FTW_DEPTH);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static int RemoveOne(byte* path, void* stat, int type, void* place)
    {
        if (type == FTW_DNR) _ = ChangeMode(path, 0x1c0); // 0700
        else _ = Remove(path);
        return 0;
    }
}
