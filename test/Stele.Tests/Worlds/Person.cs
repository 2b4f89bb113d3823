using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Stele.Proof;

namespace Stele.Tests.Worlds;

/// <summary>
/// Someone with a key. The same name is the same member with the same keys, in every world of a test run.
/// </summary>
sealed record Person(string Name, string Id, PrivateKey Key)
{
    static readonly ConcurrentDictionary<string, Lazy<PrivateKey>> Keys = new(StringComparer.Ordinal);

    public static Person Of(string name) => new(name, IdOf(name), KeyOf(name));

    /// <summary>The same member with another of its keys.</summary>
    public Person With(string key) => this with { Key = KeyOf($"{Name}/{key}") };

    static PrivateKey KeyOf(string name) => Keys.GetOrAdd(name, _ => new Lazy<PrivateKey>(PrivateKey.Create)).Value;
    static string IdOf(string name) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)).AsSpan(0, 16));

    public override string ToString() => Name;
}
