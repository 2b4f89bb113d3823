using System.Reflection;

namespace Stele.Tests.House;

/// <summary>What is shipped: the projects under src and the assemblies they build.</summary>
static class Product
{
    public static readonly string[] Projects = ["Cel", "Stele.Proof", "Stele.Store", "Stele.Verify", "Stele"];
    public static readonly string[] Assemblies = ["Cel", "Stele.Proof", "Stele.Store", "stele-verify", "stele"];

    /// <summary>What the namespaces in a project begin with: the store's rooms are rooms of Stele.</summary>
    public static string Root(string project) => project == "Stele.Store" ? "Stele" : project;

    public static Assembly Load(string name) => Assembly.Load(new AssemblyName(name));

    public static IEnumerable<Type> Types() => Assemblies.SelectMany(a => Load(a).GetTypes());
}
