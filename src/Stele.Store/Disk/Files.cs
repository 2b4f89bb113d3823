namespace Stele.Disk;

/// <summary>Who may read a file of ours, and enter a folder.</summary>
enum Readers { All, Owner }

/// <summary>
/// Durable writes. A file written here is either wholly there, under its final name, after a power loss, or not there
/// at all. What this does not promise: a disk that lies about a flush; and a file that was already readable by its name
/// may keep its old content until the call returns.
/// </summary>
static class Files
{
    const int EEXIST = 17;
    public const UnixFileMode Secret = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    public const UnixFileMode Public = Secret | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>Creates a directory and its missing parents, durably.</summary>
    public static void CreateDirectory(string path, Readers readers = Readers.All)
    {
        if (Directory.Exists(path)) return;
        var parent = Path.GetDirectoryName(Path.GetFullPath(path));
        if (parent is not null) CreateDirectory(parent);
        Failpoint.Before(DiskAct.CreateDirectory, path);
        if (readers == Readers.Owner) Directory.CreateDirectory(path, Secret | UnixFileMode.UserExecute);
        else Directory.CreateDirectory(path);
        Failpoint.After(DiskAct.CreateDirectory, path);
        if (parent is not null) Libc.SyncDirectory(parent);
    }

    /// <summary>Takes every right on a directory from all but its owner.</summary>
    public static void Close(string directory)
    {
        const UnixFileMode owners = Secret | UnixFileMode.UserExecute;
        if (File.GetUnixFileMode(directory) != owners) File.SetUnixFileMode(directory, owners);
    }

    /// <summary>
    /// Writes a whole file under its name: temporary file, fsync, rename, fsync of the directory. Replaces what stood
    /// there.
    /// </summary>
    public static void Write(string path, ReadOnlySpan<byte> content, Readers readers = Readers.All)
    {
        var file = CreateTemporary(path, readers);
        try
        {
            using (file)
            {
                Fill(file, content);
                Flush(file);
            }
            Rename(file.Name, path);
        }
        catch
        {
            Abandon(file.Name);
            throw;
        }
        SyncNames(path);
    }

    public static void Write(string path, string content, Readers readers = Readers.All) =>
        Write(path, System.Text.Encoding.UTF8.GetBytes(content), readers);

    /// <summary>
    /// Writes a file as <see cref="Write(string,ReadOnlySpan{byte},bool)"/> does, from whatever
    /// <paramref name="content"/> streams out; returns its digest and length.
    /// </summary>
    public static (Proof.Digest Digest, long Size) WriteStream(string path, Readers readers, Action<Stream> content)
    {
        var file = CreateTemporary(path, readers);
        long size;
        using var hash = System.Security.Cryptography.SHA256.Create();
        try
        {
            using (file)
            {
                using (var buffered = new BufferedStream(file, 1 << 20))
                using (var hashed = new System.Security.Cryptography.CryptoStream(buffered, hash,
                    System.Security.Cryptography.CryptoStreamMode.Write, leaveOpen: true))
                {
                    content(hashed);
                    hashed.FlushFinalBlock();
                    buffered.Flush();
                    size = file.Length;
                    Flush(file);
                }
            }
            Rename(file.Name, path);
        }
        catch
        {
            Abandon(file.Name);
            throw;
        }
        SyncNames(path);
        return (Proof.Digest.From(hash.Hash), size);
    }

    /// <summary>
    /// A new, unbuffered file that only its owner (or everyone) may read. Fails if the name is taken.
    /// </summary>
    public static FileStream CreateNew(string path, Readers readers = Readers.All) => new(path, new FileStreamOptions
    {
        Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.Read, BufferSize = 0,
        UnixCreateMode = readers == Readers.Owner ? Secret : Public,
    });

    static int _temporaries;

    /// <summary>
    /// A new file next to <paramref name="path"/>, to be written and then published under that name: <c>NAME.tmp</c>,
    /// or <c>NAME.2.tmp</c>… while others write the same. What a crash leaves under such a name is swept at the next
    /// start.
    /// </summary>
    public static FileStream CreateTemporary(string path, Readers readers = Readers.All)
    {
        path = Path.GetFullPath(path);
        for (var n = 1; ; n++)
        {
            // Where a thousand write the same, each finds a name at once and does not try those of all others.
            var temporary = n == 1 ? $"{path}.tmp" : string.Create(System.Globalization.CultureInfo.InvariantCulture,
                $"{path}.{1 + Interlocked.Increment(ref _temporaries)}.tmp");
            try
            {
                Failpoint.Before(DiskAct.Create, temporary);
                var file = CreateNew(temporary, readers);
                try
                {
                    Failpoint.After(DiskAct.Create, temporary);
                }
                catch
                {
                    file.Dispose();
                    throw;
                }
                return file;
            }
            catch (IOException e) when (e.HResult == EEXIST && n < 10_000) { }
        }
    }

    /// <summary>
    /// Whether it may be what an interrupted write left: no more than litter, and swept at the next start.
    /// </summary>
    public static bool IsTemporary(string path) => path.EndsWith(".tmp", StringComparison.Ordinal);

    /// <summary>A fresh name next to <paramref name="path"/>, for a directory that gets its own in the end.</summary>
    public static string Temporary(string path) =>
        $"{path}.{Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(6))}.tmp";

    /// <summary>Writes all of it at the file's end.</summary>
    public static void Fill(FileStream file, ReadOnlySpan<byte> content)
    {
        Failpoint.Before(DiskAct.Write, file.Name);
        file.Write(content);
        Failpoint.After(DiskAct.Write, file.Name);
    }

    /// <summary>Makes all that was written durable.</summary>
    public static void Flush(FileStream file)
    {
        Failpoint.Before(DiskAct.Flush, file.Name);
        file.Flush(flushToDisk: true);
        Failpoint.After(DiskAct.Flush, file.Name);
    }

    /// <summary>Gives a complete file its final name, in the place of what had it.</summary>
    public static void Rename(string temporary, string path)
    {
        Failpoint.Before(DiskAct.Rename, path);
        File.Move(temporary, path, overwrite: true);
        Failpoint.After(DiskAct.Rename, path);
    }

    /// <summary>Makes it durable that a file has its name.</summary>
    public static void SyncNames(string path) => Libc.SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);

    /// <summary>Gives a complete, flushed file its final name, durably.</summary>
    public static void Publish(string temporary, string path)
    {
        Rename(temporary, path);
        SyncNames(path);
    }

    public static void Delete(string path)
    {
        Failpoint.Before(DiskAct.Delete, path);
        File.Delete(path);
        Failpoint.After(DiskAct.Delete, path);
    }

    /// <summary>
    /// Removes what a failed write left, if the disk lets it: what it failed of is what the caller hears. Only before
    /// the file was renamed: afterwards the name may be another writer's.
    /// </summary>
    public static void Abandon(string temporary)
    {
        try
        {
            Delete(temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }

    /// <summary>
    /// Makes all that was written below a directory durable, with whatever else its file system holds unwritten: for
    /// many derived files, once in a while.
    /// </summary>
    public static void SyncAll(string directory) => Libc.SyncFileSystem(directory);

    public static void DeleteDirectory(string path)
    {
        if (!Directory.Exists(path)) return;
        Failpoint.Before(DiskAct.Delete, path);
        Directory.Delete(path, recursive: true);
        Failpoint.After(DiskAct.Delete, path);
    }

    /// <summary>
    /// What interrupted writes of one file left next to it. The caller must know that none is under way.
    /// </summary>
    public static IEnumerable<string> LeftBeside(string path) =>
        Directory.EnumerateFiles(Path.GetDirectoryName(Path.GetFullPath(path))!, Path.GetFileName(path) + ".*tmp")
            .Where(f => f.EndsWith(".tmp", StringComparison.Ordinal));

    /// <summary>
    /// Removes a directory that programs wrote to, whatever names and modes they gave; what can't be removed even so
    /// stays.
    /// </summary>
    public static void Discard(string path)
    {
        try
        {
            DeleteDirectory(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Libc.RemoveTree(path);
        }
    }

    /// <summary>Removes what an interrupted write left under a temporary name.</summary>
    public static void Sweep(string directory)
    {
        if (!Directory.Exists(directory)) return;
        foreach (var leftover in Directory.EnumerateFiles(directory, "*.tmp", SearchOption.AllDirectories))
            Delete(leftover);
    }

    /// <summary>Removes the files of a directory that nobody is writing: a writer holds its lock.</summary>
    public static void SweepUnlocked(string directory)
    {
        foreach (var leftover in Directory.EnumerateFiles(directory))
        {
            try
            {
                using var file = File.Open(leftover, FileMode.Open, FileAccess.Read, FileShare.None);
                File.Delete(leftover);
            }
            catch (IOException) { } // being written, or gone: not ours to remove
        }
    }
}
