using System.Text;
using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;
using Stele.Tests.Disk;

namespace Stele.Tests.Ledger;

/// <summary>Folders with logs in them, and the one key they are signed with.</summary>
sealed class Ledgers : IDisposable
{
    public const string Origin = "example.com/ledger";

    public string Root { get; } = Directory.CreateTempSubdirectory("stele-ledger").FullName;
    public NoteSigner Signer { get; } = NoteSigner.Parse(KeyText(Origin, 1));

    public static string KeyText(string name, byte seed)
    {
        var bytes = Enumerable.Repeat(seed, 32).ToArray();
        using var key = new Ed25519Key(bytes);
        var id = new VerifierKey(name, NoteKeyType.Ed25519, key.Public).Id;
        return $"PRIVATE+KEY+{name}+{id:x8}+{Base64.Encode([1, .. bytes])}";
    }

    public string At(string name) => Path.Combine(Root, name);

    public FileStore Store(string name, Func<string, JournalFile>? file = null) => new(At(name), file);

    /// <summary>The first file of a log's records.</summary>
    public string Journal(string name) => FileStore.JournalPath(At(name));

    /// <param name="publishEvery">A minute unless given: so that the files change only at opening and closing.</param>
    public Log Open(string name, Action<FaultyFile>? file = null, TimeSpan? publishEvery = null) =>
        Open(name, new LogOptions { PublishEvery = publishEvery ?? TimeSpan.FromMinutes(1) }, file);

    /// <param name="file">Told of each file under the log, whose faults it may plan; null: there are none.</param>
    public Log Open(string name, LogOptions options, Action<FaultyFile>? file = null) =>
        Log.Open(Store(name, file is null ? null : path =>
        {
            var faulty = new FaultyFile(path);
            file(faulty);
            return faulty;
        }), Origin, Signer, TimeProvider.System, options);

    public Log OpenReplica(string name, LogOptions? options = null) =>
        Log.OpenReplica(Store(name), Signer.Key, TimeProvider.System,
            options ?? new LogOptions { PublishEvery = TimeSpan.FromMinutes(1) });

    /// <summary>What is wrong, line by line.</summary>
    public IReadOnlyList<string> Check(string name) => [.. Violations(name).Select(v => v.ToString())];

    public IReadOnlyList<Violation> Violations(string name) => Fsck.Check(Store(name), Signer.Key);

    public static byte[] Entry(long i) => Encoding.UTF8.GetBytes($"entry {i} {new string('.', (int)(i % 50))}");

    public static Digest RootOf(long size) =>
        Merkle.Root(Enumerable.Range(0, (int)size).Select(i => Merkle.Leaf(Entry(i))));

    public static async Task Fill(Log log, long to)
    {
        var tasks = new List<Task<long>>();
        for (var i = log.Size; i < to; i++) tasks.Add(log.Append(Entry(i)));
        await Task.WhenAll(tasks);
    }

    /// <summary>A folder with a closed log of some entries.</summary>
    public async Task Make(string name, long size)
    {
        using var log = Open(name);
        await Fill(log, size);
    }

    /// <summary>The folder as it stands, as a crash would leave it.</summary>
    public string Copy(string from, string to)
    {
        if (Directory.Exists(At(to))) Directory.Delete(At(to), recursive: true);
        foreach (var file in Directory.GetFiles(At(from), "*", SearchOption.AllDirectories)
            .Where(f => !f.EndsWith(".lock", StringComparison.Ordinal)))
        {
            var target = Path.Combine(At(to), Path.GetRelativePath(At(from), file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
        return At(to);
    }

    public void Dispose()
    {
        Signer.Dispose();
        Directory.Delete(Root, recursive: true);
    }
}
