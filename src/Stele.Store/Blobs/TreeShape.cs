using System.Text;

namespace Stele.Blobs;

enum EntryType { File, Directory, Link }

/// <summary>
/// What a tree of names may look like, wherever it comes from (a folder, a tar, a manifest): relative paths with
/// <c>/</c>, UTF-8, each name once, nothing below a file or link, and no link that leads out of the tree when it is
/// followed with all other links in place.
/// </summary>
sealed class TreeShape
{
    public const int MaxPath = 2048, MaxName = 255, MaxEntries = 1_000_000, MaxHops = 40;

    static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    readonly Dictionary<string, EntryType> _entries = new(StringComparer.Ordinal) { [""] = EntryType.Directory };
    readonly Dictionary<string, string> _links = new(StringComparer.Ordinal);

    /// <summary>
    /// Takes one entry in and returns the directories above it that were not there before, outermost first.
    /// </summary>
    public IReadOnlyList<string> Add(string path, EntryType type, string target = "")
    {
        CheckPath(path);
        if (_entries.Count > MaxEntries)
            throw new BlobException(BlobError.TooLarge, $"the tree has more than {MaxEntries} entries");
        if (type == EntryType.Link) CheckTarget(path, target);
        if (_entries.TryGetValue(path, out var there) && !(there == EntryType.Directory && type == EntryType.Directory))
            throw new BlobException(BlobError.Duplicate, $"'{path}' stands twice");
        List<string> fresh = [];
        for (var slash = path.LastIndexOf('/'); slash > 0; slash = path.LastIndexOf('/', slash - 1))
        {
            var parent = path[..slash];
            if (!_entries.TryGetValue(parent, out var above)) fresh.Add(parent);
            else if (above != EntryType.Directory)
                throw new BlobException(BlobError.Duplicate,
                    $"'{path}' stands below '{parent}', which is not a directory");
            else break;
        }
        fresh.Reverse();
        foreach (var parent in fresh) _entries[parent] = EntryType.Directory;
        _entries[path] = type;
        if (type == EntryType.Link) _links[path] = target;
        return fresh;
    }

    public bool Has(string path) => _entries.ContainsKey(path);

    public IEnumerable<string> Directories =>
        _entries.Where(e => e.Value == EntryType.Directory && e.Key.Length > 0).Select(e => e.Key);

    /// <summary>Follows every link, through other links too. A target that is not there is no escape.</summary>
    /// <exception cref="BlobException"><see cref="BlobError.LinkEscape"/></exception>
    public void CheckLinks()
    {
        foreach (var link in _links.Keys) Resolve(link);
    }

    /// <summary>Where a path leads inside the tree once every link on it is followed.</summary>
    public string Resolve(string path)
    {
        var hops = 0;
        var at = new List<string>();
        var rest = new Stack<string>(path.Split('/').Reverse());
        while (rest.TryPop(out var part))
        {
            if (part is "" or ".") continue;
            if (part == "..")
            {
                if (at.Count == 0)
                    throw new BlobException(BlobError.LinkEscape, $"the link '{path}' leads out of the tree");
                at.RemoveAt(at.Count - 1);
                continue;
            }
            at.Add(part);
            if (!_links.TryGetValue(string.Join('/', at), out var target)) continue;
            if (++hops > MaxHops)
                throw new BlobException(BlobError.LinkEscape,
                    $"the link '{path}' passes through more than {MaxHops} links");
            at.RemoveAt(at.Count - 1);
            foreach (var step in target.Split('/').Reverse()) rest.Push(step);
        }
        return string.Join('/', at);
    }

    /// <exception cref="BlobException">
    /// <see cref="BlobError.PathEscape"/>, <see cref="BlobError.NotUtf8"/> or <see cref="BlobError.TooLarge"/>.
    /// </exception>
    public static void CheckPath(string path)
    {
        CheckText(path);
        if (path.Length == 0 || path[0] == '/')
            throw new BlobException(BlobError.PathEscape, $"'{path}' is not a relative path");
        foreach (var part in path.Split('/'))
        {
            if (part is "" or "." or "..")
                throw new BlobException(BlobError.PathEscape, $"'{path}' holds an empty part, '.' or '..'");
            if (Strict.GetByteCount(part) > MaxName)
                throw new BlobException(BlobError.TooLarge,
                    $"a name in '{path[..Math.Min(80, path.Length)]}…' has more than {MaxName} bytes");
        }
    }

    static void CheckTarget(string path, string target)
    {
        CheckText(target);
        if (target.Length == 0) throw new BlobException(BlobError.Malformed, $"the link '{path}' leads nowhere");
        if (target[0] == '/')
            throw new BlobException(BlobError.LinkEscape, $"the link '{path}' leads to the absolute path '{target}'");
    }

    static void CheckText(string text)
    {
        // The replacement character is what a name that is not UTF-8 turns into when it is read; no honest name holds
        // one.
        if (text.Contains('\uFFFD', StringComparison.Ordinal))
            throw new BlobException(BlobError.NotUtf8, $"the name '{text}' is not UTF-8");
        if (text.Contains('\0', StringComparison.Ordinal))
            throw new BlobException(BlobError.PathEscape, "a name holds a zero byte");
        try
        {
            if (Strict.GetByteCount(text) > MaxPath)
                throw new BlobException(BlobError.TooLarge, $"the path '{text[..80]}…' has more than {MaxPath} bytes");
        }
        catch (EncoderFallbackException)
        {
            throw new BlobException(BlobError.NotUtf8, "a name holds half a surrogate pair, which UTF-8 can't carry");
        }
    }

    /// <summary>
    /// The order of the UTF-8 bytes, which is that of the code points; UTF-16 order differs beyond U+FFFF.
    /// </summary>
    public static readonly IComparer<string> ByBytes = Comparer<string>.Create((a, b) =>
    {
        var n = Math.Min(a.Length, b.Length);
        for (var i = 0; i < n; i++)
            if (a[i] != b[i])
                return char.IsSurrogate(a[i]) == char.IsSurrogate(b[i]) ? a[i].CompareTo(b[i]) : char.IsSurrogate(a[i])
                    ? 1 : -1;
        return a.Length.CompareTo(b.Length);
    });
}
