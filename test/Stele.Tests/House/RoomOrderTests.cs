using System.Reflection;

namespace Stele.Tests.House;

/// <summary>
/// An earlier room never names a later one; held on the compiled assemblies, after the checker has been seen to catch
/// each way of breaking it.
/// </summary>
public sealed class RoomOrderTests
{
    static readonly RoomOrder Order = new("Stele.Tests.House.Fixture", "Early", "Late");

    static IEnumerable<Type> Fixtures(string prefix) =>
        Assembly.GetExecutingAssembly().GetTypes().Where(t => !t.IsNested
            && t.Namespace == "Stele.Tests.House.Fixture.Early" && t.Name.StartsWith(prefix, StringComparison.Ordinal));

    static IEnumerable<Type> WithNested(Type type) =>
        type.GetNestedTypes(BindingFlags.Public | BindingFlags.NonPublic).SelectMany(WithNested).Prepend(type);

    public static TheoryData<string> Caught() => [.. Fixtures("Caught").Select(t => t.Name)];

    [Theory, MemberData(nameof(Caught))]
    public void A_later_room_is_seen(string fixture)
    {
        var type = Assert.Single(Fixtures(fixture), t => t.Name == fixture);
        Assert.NotEmpty(Order.Violations(WithNested(type)));
    }

    [Fact]
    public void What_keeps_the_order_is_left_alone()
    {
        Assert.True(Caught().Count > 50);
        Assert.Equal(2, Fixtures("Innocent").Count());
        Assert.Empty(Order.Violations(Fixtures("Innocent").SelectMany(WithNested)));
        Assert.Empty(Order.Violations(WithNested(typeof(Fixture.Late.MayNameEarlier))));
    }

    [Fact]
    public void A_room_outside_the_order_is_seen()
    {
        Assert.Single(Order.Violations([typeof(Fixture.Cellar.UnknownRoom)]));
        Assert.Single(Order.Strays([typeof(RoomOrderTests)]));
    }

    public static TheoryData<string> Houses() => ["Cel", "Stele.Proof", "Stele.Store", "stele"];

    [Theory, MemberData(nameof(Houses))]
    public void Rooms_are_in_order(string assembly)
    {
        var types = Product.Load(assembly).GetTypes();
        var order = assembly switch
        {
            "Cel" => RoomOrder.Cel,
            "Stele.Proof" => RoomOrder.Proof,
            "Stele.Store" => RoomOrder.Store,
            _ => RoomOrder.Stele,
        };
        Rule.Holds(order.Violations(types).Concat(order.Strays(types)));
    }

    /// <summary>
    /// Folders are namespaces, so that a reader finds a room by its folder and a folder can't hide in another room.
    /// </summary>
    [Fact]
    public void Folders_are_namespaces()
    {
        var wrong = new List<string>();
        foreach (var project in Product.Projects)
        {
            var folder = Path.Combine(Repository.Root, "src", project);
            foreach (var file in Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories))
            {
                var path = Path.GetRelativePath(folder, file);
                if (path.StartsWith("obj/", StringComparison.Ordinal)
                    || path.StartsWith("bin/", StringComparison.Ordinal) || path == "Program.cs") continue;
                var expected = string.Join('.', [Product.Root(project), .. path.Split('/')[..^1]]);
                var declared = File.ReadLines(file).FirstOrDefault(l =>
                    l.StartsWith("namespace ", StringComparison.Ordinal))?["namespace ".Length..].TrimEnd(';', ' ');
                // Global usings and assembly attributes declare no namespace.
                if (declared is not null && declared != expected)
                    wrong.Add($"src/{project}/{path} declares {declared}, not {expected}");
            }
        }
        Rule.Holds(wrong);
    }
}
