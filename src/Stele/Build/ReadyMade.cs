using System.Collections.Immutable;
using System.Text;

namespace Stele.Build;

/// <summary>
/// The ready-made policies (bundles) and catalogues of controls that come with the program: the files below
/// <c>policies/</c> of the repository, byte for byte.
/// </summary>
static class ReadyMade
{
    /// <summary>How a bundle is told from a file: <c>bundle:baseline</c>.</summary>
    public const string Prefix = "bundle:";

    const string Folder = "policies/", Extension = ".yaml", Catalogues = Folder + "catalogues/";

    /// <summary>The bundles' names, in order.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All().Where(n =>
        !n.StartsWith(Catalogues, StringComparison.Ordinal)).Select(n => n[Folder.Length..^Extension.Length])];

    public static IReadOnlyList<string> CatalogueNames { get; } = [.. All().Where(n =>
        n.StartsWith(Catalogues, StringComparison.Ordinal)).Select(n => n[Catalogues.Length..^Extension.Length])];

    /// <summary>A bundle's text, in YAML; null when there is none of that name.</summary>
    public static string? Text(string bundle) => Names.Contains(bundle) ? Read(Folder + bundle + Extension) : null;

    /// <summary>
    /// What it is for, in one sentence, and its parameters with what stands for each that is not set (null: it must
    /// be).
    /// </summary>
    public static (string Description, IReadOnlyList<(string Name, string? Default)> Parameters) About(string bundle)
    {
        var text = Text(bundle)!;
        var parameters = Yaml.Parameters(text);
        var yaml = Yaml.Parse(Prefix + bundle, text,
            parameters.ToImmutableSortedDictionary(p => p.Name, p => p.Default ?? "", StringComparer.Ordinal));
        return (yaml["description"].AsString, parameters);
    }

    static readonly Lazy<IReadOnlyList<Catalogue>> Parsed = new(() =>
        [.. CatalogueNames.Select(n => Build.Catalogue.Parse(n + Extension, Read(Catalogues + n + Extension)!))]);

    /// <summary>The catalogues, by name.</summary>
    public static IReadOnlyList<Catalogue> AllCatalogues => Parsed.Value;

    public static Catalogue? Catalogue(string name) => AllCatalogues.FirstOrDefault(c => c.Name == name);

    static IEnumerable<string> All() =>
        typeof(ReadyMade).Assembly.GetManifestResourceNames().Where(n => n.StartsWith(Folder, StringComparison.Ordinal)
            && n.EndsWith(Extension, StringComparison.Ordinal)).Order(StringComparer.Ordinal);

    static string? Read(string resource)
    {
        using var stream = typeof(ReadyMade).Assembly.GetManifestResourceStream(resource);
        if (stream is null) return null;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
