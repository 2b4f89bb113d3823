using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Stele.Blobs;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Statements;
using Stele.Runtime;

namespace Stele.Host;

/// <summary>
/// What differs from a release, in words that go into lines and pages: so many, and so long each. The rest is counted.
/// </summary>
sealed class Differences
{
    const int Most = 64, MostLetters = 300;

    readonly ImmutableArray<string>.Builder _told = ImmutableArray.CreateBuilder<string>();
    long _more;

    /// <summary>More is not told.</summary>
    public bool IsFull => _more > 0;

    public void Add(string difference)
    {
        if (_told.Count < Most) _told.Add(Shown(difference));
        else _more++;
    }

    public ImmutableArray<string> ToImmutable() => _more == 0 ? _told.ToImmutable()
        : [.. _told, $"and more than these {_told.Count}"];

    /// <summary>The beginning of a text that is as long as a release makes it.</summary>
    public static string Shown(string text) => text.Length <= MostLetters ? text
        : text[..(char.IsHighSurrogate(text[MostLetters - 1]) ? MostLetters - 1 : MostLetters)] + "…";
}

/// <summary>What a look at a running release showed, dimension by dimension, and in words what did not agree.</summary>
sealed record Inspected(ImmutableArray<Dimension> Dimensions, ImmutableArray<string> Differences)
{
    public bool Agrees => Dimensions.All(d => d.Agrees);
}

/// <summary>
/// What was tested is what runs: compares the running processes, as the kernel shows them, with the release. Every
/// dimension is a digest of what the release says against a digest of what was found, so that an observation names
/// both:
/// <list type="bullet">
/// <item><c>files</c>: the process's own root, every byte of it, against the tree that was made from the release's
/// blobs;</item>
/// <item><c>executable</c>: what each process executes, against the file of that name in the release;</item>
/// <item><c>libraries</c>: every executable mapping of a file, and every mapping of the release's files: same inode as
/// the file of that name in the root, same content as in the release;</item>
/// <item><c>environment</c>: what the first process was given when it was started, exactly what the release's document
/// declares, its directory (PWD) and its own digest. Looked at once, before the first request: from then on it is
/// memory of the process, which it may write to. A process that has written a title over its arguments and environment
/// by then is compared by length, and told as configured, not as verified;</item>
/// <item><c>network</c>: a network of its own, in which nothing listens but the release's socket;</item>
/// <item><c>confinement</c>: no capabilities, and no way to gain any.</item>
/// </list>
/// Not seen: code that a process makes in its own memory, and a kernel that lies.
/// </summary>
static class Inspection
{
    /// <summary>How often in a row a process must be there and show nothing, to be one that can't be looked
    /// at.</summary>
    const int Looks = 100;

    static readonly string[] Powerless = ["CapInh:0000000000000000", "CapPrm:0000000000000000",
        "CapEff:0000000000000000", "CapBnd:0000000000000000", "CapAmb:0000000000000000", "NoNewPrivs:1"];

    /// <summary>One may listen; of what listens besides, so much is told apart.</summary>
    const int MaxListening = 1000;

    /// <summary>The dimension that is looked at once.</summary>
    public const string GivenEnvironment = "environment";

    /// <param name="given">The environment as it was found at the first look; null: this is it.</param>
    /// <exception cref="IOException">The first process ended meanwhile.</exception>
    public static Inspected Of(Instance instance, Dimension? given, CancellationToken stop)
    {
        var view = new ProcessView(instance.Pid, instance.Init);
        var expected = instance.Provisioned.Tree.Tree;
        var differences = new Differences();
        var found = Files(view, expected, differences, stop);
        var content = found?.Entries.Where(e => e.Type == EntryType.File).ToDictionary(e => e.Path, e => e.Content,
            StringComparer.Ordinal) ?? [];
        var release = expected.Entries.Where(e => e.Type == EntryType.File).ToDictionary(e => e.Path, e => e.Content,
            StringComparer.Ordinal);
        var population = view.Population();
        return new Inspected(
        [
            Compared("files", Json.Of(expected.Digest), found is null ? Json.Null : Json.Of(found.Digest),
                expected.Digest, found?.Digest),
            Executables(population, release, differences),
            Libraries(view, population, release, content, differences),
            given ?? Environment(view, instance, differences),
            Network(view, instance, differences),
            Confinement(population, differences),
        ], differences.ToImmutable());
    }

    /// <summary>
    /// A quick look at the processes that reads no file: code that is mapped must be, by its inode, a file of the
    /// release's tree, and nothing may listen but the release's socket. What the files hold is watched by itself.
    /// </summary>
    /// <param name="files">The paths of the release's files, without the first slash.</param>
    /// <param name="most">So many mappings and sockets are looked at: a release has as many as it likes, and the look
    /// is to be quick. An inspection looks at all.</param>
    /// <returns>What differs, which an inspection will find too; null when nothing does.</returns>
    public static string? Sign(Instance instance, IReadOnlySet<string> files, int most = 1 << 17)
    {
        var view = new ProcessView(instance.Pid, instance.Init);
        try
        {
            foreach (var mapping in view.Population().SelectMany(ProcessView.Mapped).Take(most))
                if (mapping.Executable && (!files.Contains(mapping.Path.TrimStart('/'))
                    || view.InodeOf(mapping.Path) != mapping.Inode))
                    return Differences.Shown($"a process executes {mapping.Path}");
            var socket = "unix:" + instance.Provisioned.Document.Run.Socket;
            return view.Listening(most).FirstOrDefault(l => l != socket) is { } extra
                ? Differences.Shown($"{extra} listens") : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // a process ended meanwhile, which is normal; the next look comes soon
        }
    }

    static TreeDigest? Files(
        ProcessView view, TreeDigest expected, Differences differences, CancellationToken stop)
    {
        try
        {
            var found = TreeDigest.Of(view.Root, Sandbox.MountPoints, stop);
            foreach (var change in expected.Changes(found).Take(20))
                differences.Add($"files: {change.Kind.ToString().ToLowerInvariant()} {change.Path}");
            return found;
        }
        catch (BlobException e)
        {
            differences.Add($"files: {e.Message}");
            return null;
        }
    }

    static Dimension Executables(IReadOnlyList<int> population, Dictionary<string, Digest> release,
        Differences differences)
    {
        var wanted = new SortedDictionary<string, Json>(StringComparer.Ordinal);
        var seen = new SortedDictionary<string, Json>(StringComparer.Ordinal);
        foreach (var id in population)
        {
            if (Of(id, () => Executing(id)) is not (var path, var executed)) continue;
            seen[path] = Json.Of(executed);
            wanted[path] = release.TryGetValue(path.TrimStart('/'), out var digest) ? Json.Of(digest) : Json.Null;
            if (!wanted[path].Equals(seen[path]))
                differences.Add(
                    $"executable: {path} is {seen[path].AsString}, in the release "
                    + $"{(wanted[path].Kind == JsonKind.Null ? "there is none of that name" : wanted[path].AsString)}");
        }
        return Compared("executable", Json.Object(wanted), Json.Object(seen));

        static (string, Digest)? Executing(int id)
        {
            var (path, content) = ProcessView.Executable(id);
            using (content) return (path, Digest.From(SHA256.HashData(content)));
        }
    }

    /// <summary>
    /// What a look at one process shows; nothing when it is gone by then, which is normal. A process that is ending
    /// shows nothing already, a moment before the kernel says so.
    /// </summary>
    /// <exception cref="IOException">It goes on, and can't be looked at.</exception>
    static T? Of<T>(int id, Func<T?> look)
    {
        for (var attempt = 0; ; attempt++)
            try
            {
                return look();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                if (ProcessView.Alive(id) is null) return default;
                if (attempt == Looks) throw;
                Thread.Sleep(10);
            }
    }

    static Dimension Libraries(ProcessView view, IReadOnlyList<int> population, Dictionary<string, Digest> release,
        Dictionary<string, Digest> content, Differences differences)
    {
        var wanted = new SortedDictionary<string, Json>(StringComparer.Ordinal);
        var seen = new SortedDictionary<string, Json>(StringComparer.Ordinal);
        // Not: data that it made itself, in its scratch.
        bool Matters(Mapping mapping) => mapping.Executable || release.ContainsKey(mapping.Path.TrimStart('/'));
        foreach (var mapping in population.SelectMany(id => Of(id, () => ProcessView.Mappings(id, Matters)) ?? []))
        {
            // Invariant: what was not looked through to its end is not said to agree.
            if (differences.IsFull)
            {
                seen["…"] = "not looked at";
                break;
            }
            var known = release.TryGetValue(mapping.Path.TrimStart('/'), out var digest);
            wanted[mapping.Path] = known ? Json.Of(digest) : Json.Null;
            var same = view.InodeOf(mapping.Path) == mapping.Inode
                && content.TryGetValue(mapping.Path.TrimStart('/'), out digest);
            seen[mapping.Path] = same ? Json.Of(digest) : Json.Of("another file");
            if (!wanted[mapping.Path].Equals(seen[mapping.Path]))
                differences.Add(
                    $"libraries: {mapping.Path} is mapped and is "
                    + $"{(known ? "not the release's file" : "not in the release")}");
        }
        return Compared("libraries", Json.Object(wanted), Json.Object(seen));
    }

    static Dimension Environment(ProcessView view, Instance instance, Differences differences)
    {
        var wanted = RunningRelease.EnvironmentOf(instance.Release, instance.Provisioned.Document.Run)
            .SetItem("PWD", instance.Provisioned.Document.Run.Directory);
        var seen = view.Environment();
        if (Retitled(view, instance)
            && view.EnvironmentBytes() == wanted.Sum(v => (long)Bytes(v.Key) + 1 + Bytes(v.Value) + 1))
            // Its length is as it was given, its content can't be seen any more: the host's own word is all there is.
            return new Dimension(GivenEnvironment, ObservedStrength.Configured, true,
                Digest.Of(Strings(wanted).ToBytes()), null);
        foreach (var (name, value) in wanted) if (!(seen.TryGetValue(name, out var v) && v == value))
            differences.Add($"environment: {name} is not as declared");
        foreach (var name in seen.Keys) if (!wanted.ContainsKey(name))
            differences.Add($"environment: {name} is not declared");
        return Compared(GivenEnvironment, Strings(wanted), Strings(seen));

        static int Bytes(string text) => Encoding.UTF8.GetByteCount(text);
    }

    /// <summary>Whether the process has written over its arguments, as those do that show a title there: what follows
    /// them in memory is the environment.</summary>
    static bool Retitled(ProcessView view, Instance instance)
    {
        var args = instance.Provisioned.Document.Run.Args;
        var last = Encoding.UTF8.GetBytes((args.Length > 1 ? string.Join('\0', args.Skip(1)) : args[0]) + '\0');
        return !view.Arguments().AsSpan().EndsWith(last);
    }

    /// <summary>
    /// Every name that listens, once each; so that no number of sockets of one name hides another.
    /// </summary>
    internal static ImmutableArray<string> Listed(IEnumerable<string> listening) =>
        [.. listening.Distinct(StringComparer.Ordinal).Take(MaxListening).Order(StringComparer.Ordinal)];

    static Dimension Network(ProcessView view, Instance instance, Differences differences)
    {
        var network = new NetworkView(view.HasOwnNetwork, Listed(view.Listening()));
        var socket = "unix:" + instance.Provisioned.Document.Run.Socket;
        if (!network.Own) differences.Add("network: it shares this machine's");
        foreach (var extra in network.Listening) if (extra != socket) differences.Add($"network: {extra} listens");
        return Compared("network", Found(new(true, [socket])), Found(network));

        static Json Found(NetworkView view) =>
            Json.Object(("listening", Json.Array(view.Listening.Select(Json.Of))), ("own", view.Own));
    }

    static Dimension Confinement(IReadOnlyList<int> population, Differences differences)
    {
        var seen = Json.Array(population.Select(id => Of(id, () => ProcessView.Powers(id)))
            .OfType<IReadOnlyList<string>>().Select(powers => Json.Array(powers.Select(Json.Of))).Distinct());
        var wanted = Json.Array(Json.Array(Powerless.Select(Json.Of)));
        if (!seen.Equals(wanted)) differences.Add($"confinement: a process may do more than it should: {seen}");
        return Compared("confinement", wanted, seen);
    }

    static Json Strings(IEnumerable<KeyValuePair<string, string>> map) =>
        Json.Object(map.Select(e => KeyValuePair.Create(e.Key, Json.Of(e.Value))));

    static Dimension Compared(string name, Json expected, Json seen) =>
        Compared(name, expected, seen, Digest.Of(expected.ToBytes()), Digest.Of(seen.ToBytes()));

    static Dimension Compared(string name, Json expected, Json seen, Digest expectedDigest, Digest? seenDigest) =>
        new(name, ObservedStrength.VerifiedAtLoad, expected.Equals(seen), expectedDigest, seenDigest);
}
