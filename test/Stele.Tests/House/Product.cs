using System.Reflection;

namespace Stele.Tests.House;

/// <summary>What is shipped: the projects under src and the assemblies they build.</summary>
static class Product
{
    public static readonly string[] Projects = ["Cel", "Stele.Proof", "Stele.Verify", "Stele"];
    public static readonly string[] Assemblies = ["Cel", "Stele.Proof", "stele-verify", "stele"];

    public static Assembly Load(string name) => Assembly.Load(new AssemblyName(name));

    public static IEnumerable<Type> Types() => Assemblies.SelectMany(a => Load(a).GetTypes());
}
