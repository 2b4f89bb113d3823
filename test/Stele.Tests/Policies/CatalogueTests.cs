using Stele.Build;

namespace Stele.Tests.Policies;

public sealed class CatalogueTests
{
    public static TheoryData<string> Catalogues => [.. ReadyMade.CatalogueNames];

    [Theory]
    [MemberData(nameof(Catalogues))]
    public void It_has_titles_and_says_that_it_is_no_legal_advice(string name)
    {
        var catalogue = ReadyMade.Catalogue(name)!;
        Assert.Equal(name, catalogue.Name);
        Assert.Contains("No legal advice", catalogue.Caveat, StringComparison.Ordinal);
        Assert.Contains("NO LEGAL ADVICE",
            File.ReadAllText(Path.Combine(Repository.Root, "policies", "catalogues", name + ".yaml")),
            StringComparison.Ordinal);
        Assert.All(catalogue.Controls, c => Assert.InRange(c.Title.Length, 10, 100));
        Assert.Equal(catalogue.Controls.Length, catalogue.Controls.Select(c => c.Title).Distinct().Count());
        // Where a machine can meet it, something says what the machine sees.
        Assert.All(catalogue.Controls.Where(c => c.Met != MetBy.Attestation), c => Assert.NotEmpty(c.Note));
    }

    /// <summary>
    /// The numbers are the sources' own: 38 controls of Annex A in nine areas; 72 outcomes in 19 categories of four
    /// functions.
    /// </summary>
    [Fact]
    public void They_are_whole()
    {
        string Counts(string name, Func<string, string> part) =>
            string.Join(' ',
                ReadyMade.Catalogue(name)!.Controls.GroupBy(c => part(c.Id)).Select(g => $"{g.Key}:{g.Count()}"));
        Assert.Equal("A.2:3 A.3:2 A.4:5 A.5:4 A.6:9 A.7:5 A.8:4 A.9:3 A.10:3",
            Counts("iso-42001", id => string.Join('.', id.Split('.')[..2])));
        Assert.Equal(
            "GOVERN-1:7 GOVERN-2:3 GOVERN-3:2 GOVERN-4:3 GOVERN-5:2 GOVERN-6:2 MAP-1:6 MAP-2:3 MAP-3:5 MAP-4:2 MAP-5:2 MEASURE-1:3 MEASURE-2:13 MEASURE-3:3 MEASURE-4:3 MANAGE-1:4 MANAGE-2:4 MANAGE-3:2 MANAGE-4:3",
            Counts("nist-ai-rmf", id => id.Split('.')[0]));
        Assert.Equal(["9", "10", "11", "12", "13", "14", "15", "17", "18", "19", "26", "27", "72", "73"],
            ReadyMade.Catalogue("eu-ai-act")!.Controls.Select(c => c.Id.Split('.')[0]).Distinct());
    }

    [Theory]
    [InlineData("name: x\ntitle: t\ncaveat: c\ncontrols: [{ id: a, title: t, met: perhaps, note: n }]",
        "'perhaps' is not one of machine, attestation, either")]
    [InlineData("name: x\ntitle: t\ncaveat: c\ncontrols: [{ id: a, title: t, met: machine, note: n }, { id: a, title: t, met: machine, note: n }]", "the control 'a' stands twice")]
    [InlineData("name: x\ntitle: t\ncaveat: c\ncontrols: [{ id: 'a b', title: t, met: machine, note: n }]",
        "'a b' can't be a control's id")]
    [InlineData("name: x\ntitle: t\ncaveat: c\nkontrols: []", "'kontrols' is not known here")]
    public void What_is_wrong_with_one_is_said(string text, string message) =>
        Assert.Contains(message, Assert.ThrowsAny<FormatException>(() => Catalogue.Parse("x.yaml", text)).Message,
            StringComparison.Ordinal);
}
