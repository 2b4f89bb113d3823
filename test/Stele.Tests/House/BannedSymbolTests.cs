using System.Reflection;

namespace Stele.Tests.House;

/// <summary>
/// No clock, GUID, randomness or culture in the product; files are written in Disk, Console in Cli; Cel and Stele.Proof
/// do no I/O. Held on the compiled assemblies.
/// </summary>
public sealed class BannedSymbolTests
{
    static IEnumerable<string> Broken(BannedSymbols banned, IEnumerable<Type> types,
        Func<Mention, bool>? excused = null) =>
        from t in types from m in Walk.Type(t) where excused?.Invoke(m) != true let reason = banned.Reason(m)
            where reason is not null select $"{m}: {reason}";

    static IEnumerable<Type> Pure => Product.Load("Cel").GetTypes().Concat(Product.Load("Stele.Proof").GetTypes());

    static IEnumerable<Type> SteleOutside(string room) =>
        new[] { "Stele.Store", "stele" }.SelectMany(a => Product.Load(a).GetTypes())
            .Where(t => RoomOrder.Stele.RoomOf(t) != room);

    /// <summary>Where a program is put together; the one clock may be named there and nowhere else.</summary>
    static bool Composes(Type type) => type.Assembly.GetName().Name switch
    {
        "stele" => RoomOrder.Stele.RoomOf(type) is "Cli" or RoomOrder.Entrance,
        "stele-verify" => true,
        _ => false,
    };

    [Fact]
    public void Nothing_reads_the_clock_or_makes_up_a_value() =>
        Rule.Holds(Broken(BannedSymbols.Everywhere, Product.Types(),
            m => m.Named.Name == "get_System" && m.Named.DeclaringType == typeof(TimeProvider) && Composes(m.From)));

    /// <summary>One exception: a member's new key is made by the type that holds it. No judge makes keys.</summary>
    [Fact]
    public void Cel_and_proof_touch_nothing_outside() =>
        Rule.Holds(Broken(BannedSymbols.Pure, Pure, m => m.From.FullName == "Stele.Proof.PrivateKey"
            && m.Where == "Create" && m.Named.DeclaringType == typeof(System.Security.Cryptography.ECDsa)));

    [Fact]
    public void Files_are_written_in_Disk_alone()
    {
        Type[] outside = [.. SteleOutside("Disk"),
            .. Product.Load("stele-verify").GetTypes().Where(t => t.Namespace != "Stele.Verify.Disk")];
        Rule.Holds(Broken(BannedSymbols.Writes, outside));
        Rule.Holds(from i in outside.SelectMany(Imports) where FileWrites.SystemCalls.Contains(i.EntryPoint)
            select $"{i.Method.DeclaringType}.{i.Method.Name} imports {i.EntryPoint}: file writes go through Disk");
    }

    [Fact]
    public void Console_is_written_in_Cli_alone() => Rule.Holds(Broken(BannedSymbols.Console, SteleOutside("Cli")));

    /// <summary>The list of writes is what this runtime has, no more and no less.</summary>
    [Fact]
    public void The_list_of_file_writes_is_complete()
    {
        var now = FileWrites.Lines().ToList();
        Assert.True(now.Count > 150, $"only {now.Count} ways to write a file found");
        var written = BannedSymbols.Writes.Lines;
        Rule.Holds(now.Except(written).Select(l => $"add {l.Id}; {l.Reason}")
            .Concat(written.Except(now).Select(l => $"remove {l.Id}")));
    }

    /// <summary>A line whose symbol does not exist bans nothing: a typing error would go unseen.</summary>
    [Fact]
    public void Every_banned_symbol_exists()
    {
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var assembly in new[] { typeof(object), typeof(Console), typeof(File),
            typeof(System.Diagnostics.Process), typeof(FileSystemWatcher), typeof(System.IO.Pipes.PipeStream),
            typeof(System.IO.MemoryMappedFiles.MemoryMappedFile), typeof(DriveInfo),
            typeof(System.IO.IsolatedStorage.IsolatedStorageFile), typeof(System.IO.Compression.ZipFile),
            typeof(System.Formats.Tar.TarFile), typeof(System.Text.RegularExpressions.Regex),
            typeof(System.Security.Cryptography.ECDsa), typeof(System.Net.Sockets.Socket),
            typeof(System.Net.IPAddress) }
            .Select(t => t.Assembly).Distinct())
            foreach (var type in assembly.GetExportedTypes())
            {
                known.Add(DocumentationId.Of(type));
                if (type.Namespace is { } ns) known.Add("N:" + ns);
                foreach (var member in type.GetMembers(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static
                    | BindingFlags.DeclaredOnly))
                    if (member is MethodBase or PropertyInfo or FieldInfo) known.Add(DocumentationId.Of(member));
            }
        foreach (var list in new[] { BannedSymbols.Everywhere, BannedSymbols.Pure, BannedSymbols.Writes,
            BannedSymbols.Console })
            Assert.DoesNotContain(list.Lines.Select(l => l.Id), id => !known.Contains(id));
    }

    public static TheoryData<string> Caught() =>
        [.. typeof(BannedFixtures).GetNestedTypes(BindingFlags.NonPublic)
            .Where(t => t.Name.StartsWith("Caught", StringComparison.Ordinal)).Select(t => t.Name)];

    /// <summary>The walk is first seen to catch each kind of banned thing.</summary>
    [Theory, MemberData(nameof(Caught))]
    public void A_banned_symbol_is_seen(string fixture)
    {
        var type = typeof(BannedFixtures).GetNestedType(fixture, BindingFlags.NonPublic)!;
        Type[] types = [type, .. type.GetNestedTypes(BindingFlags.NonPublic)];
        var banned = fixture switch
        {
            _ when fixture.StartsWith("CaughtPure", StringComparison.Ordinal) => BannedSymbols.Pure,
            _ when fixture.StartsWith("CaughtWrite", StringComparison.Ordinal) => BannedSymbols.Writes,
            _ when fixture.StartsWith("CaughtConsole", StringComparison.Ordinal) => BannedSymbols.Console,
            _ => BannedSymbols.Everywhere,
        };
        if (fixture == nameof(BannedFixtures.CaughtWriteImport))
            Assert.Contains(types.SelectMany(Imports), i => FileWrites.SystemCalls.Contains(i.EntryPoint));
        else Assert.NotEmpty(Broken(banned, types));
    }

    [Fact]
    public void What_is_allowed_is_left_alone()
    {
        Type[] types = [typeof(BannedFixtures.Innocent),
            .. typeof(BannedFixtures.Innocent).GetNestedTypes(BindingFlags.NonPublic)];
        foreach (var list in new[] { BannedSymbols.Everywhere, BannedSymbols.Writes, BannedSymbols.Console })
            Assert.Empty(Broken(list, types));
        Type[] pure = [typeof(BannedFixtures.InnocentPure),
            .. typeof(BannedFixtures.InnocentPure).GetNestedTypes(BindingFlags.NonPublic)];
        Assert.Empty(Broken(BannedSymbols.Pure, pure));
    }

    internal static IEnumerable<(MethodInfo Method, string Library, string EntryPoint)> Imports(Type type) =>
        from m in type.GetMethods(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static
            | BindingFlags.DeclaredOnly)
        let import = m.GetCustomAttribute<System.Runtime.InteropServices.DllImportAttribute>()
        where import is not null
        select (m, import.Value, import.EntryPoint ?? m.Name);
}
