using System.Reflection;
using System.Text.RegularExpressions;

namespace Stele.Tests.House;

/// <summary>Names are nouns of the domain: what needs "Helper" belongs in the type that it helps.</summary>
public sealed class NameTests
{
    static readonly string[] Banned = ["Manager", "Helper", "Helpers", "Util", "Utils", "Utility", "Utilities",
        "Service", "Services", "Base", "Common", "Core"];

    // The last word of the name: Database and Score end in no banned word.
    static bool IsBanned(Type type)
    {
        var name = type.Name.Split('`')[0];
        return Banned.Any(b => name == b
            || name.EndsWith(b, StringComparison.Ordinal) && !char.IsUpper(name[^(b.Length + 1)]));
    }

    [Fact]
    public void No_type_has_a_banned_name() =>
        Rule.Holds(Product.Types().Where(t => !RoomOrder.IsGenerated(t)).Where(IsBanned).Select(t => t.FullName));

    [Fact]
    public void Banned_names_are_seen()
    {
        Assert.All([typeof(StoreManager), typeof(Core), typeof(KeyUtils<int>), typeof(LedgerBase)],
            t => Assert.True(IsBanned(t)));
        Assert.All([typeof(Database), typeof(Score), typeof(ManagerName)], t => Assert.False(IsBanned(t)));
    }

    /// <summary>Sealed concrete types: anyone who inherits from a product class is a reader's surprise.</summary>
    [Fact]
    public void Classes_are_sealed_abstract_or_static()
    {
        static IEnumerable<Type> Open(IEnumerable<Type> types) =>
            types.Where(t => t is { IsClass: true, IsSealed: false, IsAbstract: false } && t.Name != "Program"
                && !RoomOrder.IsGenerated(t));
        Assert.Single(Open([typeof(Opened), typeof(Database), typeof(NameTests)]));
        Rule.Holds(Open(Product.Types()).Select(t => t.FullName));
    }

    // What xunit finds: a sentence, its words apart.
    static bool IsSentence(string test) =>
        !Regex.IsMatch(test, "[a-z][A-Z]") && !test.Contains("__", StringComparison.Ordinal);

    /// <summary>A test says what holds, as a sentence: <c>A_class_is_sealed</c>.</summary>
    [Fact]
    public void Tests_are_named_by_sentences()
    {
        Assert.True(IsSentence("A_class_is_sealed") && IsSentence("Rfc8032_vectors"));
        Assert.False(IsSentence("AClassIsSealed"));
        Rule.Holds(Assembly.GetExecutingAssembly().GetTypes()
            .SelectMany(t => t.GetMethods().Where(m => m.GetCustomAttributes<FactAttribute>().Any()))
            .Where(m => !IsSentence(m.Name)).Select(m => $"{m.DeclaringType!.Name}.{m.Name}"));
    }

#pragma warning disable CA1852 // that is the point
    class Opened;
#pragma warning restore CA1852
    sealed class StoreManager;
    sealed class Core;
    sealed class KeyUtils<T>;
    abstract class LedgerBase;
    sealed class Database;
    sealed class Score;
    sealed class ManagerName;
}
