namespace Stele.Disk;

/// <summary>
/// Durable writes. A file written here is either wholly there, under its final name, after a power loss, or not there at all.
/// What this does not promise: a disk that lies about a flush; and a file that was already readable by its name may keep its old content until the call returns.
/// </summary>
static class Files
{
    public const UnixFileMode Secret = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    const UnixFileMode Public = Secret | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>Creates a directory and its missing parents, durably.</summary>
    public static void CreateDirectory(string path, bool secret = false)
    {
        if (Directory.Exists(path)) return;
        var parent = Path.GetDirectoryName(Path.GetFullPath(path));
        if (parent is not null) CreateDirectory(parent);
        if (secret) Directory.CreateDirectory(path, Secret | UnixFileMode.UserExecute);
        else Directory.CreateDirectory(path);
        if (parent is not null) Libc.SyncDirectory(parent);
    }

    /// <summary>Writes a whole file under its name: temporary file, fsync, rename, fsync of the directory. Replaces what stood there.</summary>
    public static void Write(string path, ReadOnlySpan<byte> content, bool secret = false)
    {
        var temporary = Temporary(path);
        try
        {
            using (var file = CreateNew(temporary, secret))
            {
                file.Write(content);
                file.Flush(flushToDisk: true);
            }
            Publish(temporary, path);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    public static void Write(string path, string content, bool secret = false) => Write(path, System.Text.Encoding.UTF8.GetBytes(content), secret);

    /// <summary>Writes a file as <see cref="Write(string,ReadOnlySpan{byte},bool)"/> does, from whatever <paramref name="content"/> streams out; returns its digest and length.</summary>
    public static (Proof.Digest Digest, long Size) WriteStream(string path, Action<Stream> content)
    {
        var temporary = Temporary(path);
        try
        {
            long size;
            using var hash = System.Security.Cryptography.SHA256.Create();
            using (var file = CreateNew(temporary))
            {
                using (var buffered = new BufferedStream(file, 1 << 20))
                using (var hashed = new System.Security.Cryptography.CryptoStream(buffered, hash, System.Security.Cryptography.CryptoStreamMode.Write, leaveOpen: true))
                {
                    content(hashed);
                    hashed.FlushFinalBlock();
                    buffered.Flush();
                    size = file.Length;
                    file.Flush(flushToDisk: true);
                }
            }
            Publish(temporary, path);
            return (Proof.Digest.From(hash.Hash), size);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>A new, unbuffered file that only its owner (or, unless secret, everyone) may read. Fails if the name is taken.</summary>
    public static FileStream CreateNew(string path, bool secret = false) => new(path, new FileStreamOptions
    {
        Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.Read, BufferSize = 0, UnixCreateMode = secret ? Secret : Public,
    });

    /// <summary>A fresh name beside <paramref name="path"/>; what a crash leaves under such a name is swept at the next start.</summary>
    public static string Temporary(string path) => $"{path}.{Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(6))}.tmp";

    /// <summary>Gives a complete, flushed file its final name, durably.</summary>
    public static void Publish(string temporary, string path)
    {
        File.Move(temporary, path, overwrite: true);
        Libc.SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    public static void Delete(string path) => File.Delete(path);

    /// <summary>Makes all that was written below a directory durable, with whatever else its file system holds unwritten: for many derived files, once in a while.</summary>
    public static void SyncAll(string directory) => Libc.SyncFileSystem(directory);

    public static void DeleteDirectory(string path)
    {
        if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
    }

    /// <summary>What interrupted writes of one file left beside it. Whoever removes it must know that none is under way.</summary>
    public static IEnumerable<string> LeftBeside(string path) => Directory.EnumerateFiles(Path.GetDirectoryName(Path.GetFullPath(path))!, Path.GetFileName(path) + ".*.tmp");

    /// <summary>Removes a directory that programs wrote to, whatever names and modes they gave; what can't be removed even so stays.</summary>
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
        foreach (var leftover in Directory.EnumerateFiles(directory, "*.tmp", SearchOption.AllDirectories)) File.Delete(leftover);
    }

    /// <summary>Removes the files of a directory that nobody is writing: whoever writes one holds its lock.</summary>
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
