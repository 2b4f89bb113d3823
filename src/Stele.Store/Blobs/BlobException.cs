namespace Stele.Blobs;

/// <summary>
/// Why bytes, names or trees were refused. Closed: the API's status, the CLI's hint and the tests all go by these
/// names.
/// </summary>
enum BlobError
{
    /// <summary>No blob has this digest here.</summary>
    Unknown,
    /// <summary>What the store holds under a digest does not have that digest.</summary>
    Corrupt,
    /// <summary>The bytes handed in do not have the digest they were announced with.</summary>
    WrongDigest,
    /// <summary>More bytes, entries or layers than the caller or the format allows.</summary>
    TooLarge,
    /// <summary>Not in the form we write: a manifest, a tar, a name of an artifact.</summary>
    Malformed,
    /// <summary>A path that is absolute or holds <c>.</c>, <c>..</c> or an empty part.</summary>
    PathEscape,
    /// <summary>A symbolic link that leads out of its tree.</summary>
    LinkEscape,
    /// <summary>A device, socket, pipe or hard link.</summary>
    SpecialFile,
    /// <summary>Two entries of one name, or a file where another entry needs a directory.</summary>
    Duplicate,
    /// <summary>A name that is not UTF-8.</summary>
    NotUtf8,
    /// <summary>A file changed while it was being read.</summary>
    Changed,
}

sealed class BlobException(BlobError error, string message) : Exception(message)
{
    public BlobError Error { get; } = error;
}
