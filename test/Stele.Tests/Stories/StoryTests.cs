namespace Stele.Tests.Stories;

/// <summary>Every story in this folder, told by the real program. Adding one is adding a file.</summary>
public sealed class StoryTests
{
    static string Folder => Path.Combine(Repository.Root, "test", "Stele.Tests", "Stories");

    static string[] Files => Directory.GetFiles(Folder, "*.txt");

    public static TheoryData<string> All =>
        new(Files.Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal));

    [Fact]
    public void There_are_stories() => Assert.NotEmpty(Files);

    [Theory]
    [MemberData(nameof(All))]
    public void It_goes_as_told(string name)
    {
        var story = Story.Parse(name + ".txt", File.ReadAllText(Path.Combine(Folder, name + ".txt")));
        foreach (var program in story.Needs)
            if (!(Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(d =>
                File.Exists(Path.Combine(d, program)))) Assert.Skip($"{program} is not installed, and {name} needs it");
        using var telling = new Telling(story);
        telling.Tell();
    }

    /// <summary>The judge itself: what a story would have to notice, it notices.</summary>
    [Theory]
    [InlineData("a", "a", true)]
    [InlineData("a", "b", false)]
    [InlineData("a", "a\nb", false)]
    [InlineData("a\nb", "a", false)]
    [InlineData("", "a", false)]
    [InlineData("...", "a\nb", true)]
    [InlineData("...\nb", "a\nb", true)]
    [InlineData("...\nb", "a\nc", false)]
    [InlineData("a\n...", "a\nb\nc", true)]
    [InlineData("...\nb\n...", "a\nb\nc", true)]
    [InlineData("entry <n>", "entry 12", true)]
    [InlineData("entry <n>", "entry x", false)]
    [InlineData("a  b", "a       b", true)]
    [InlineData("a  b", "a b", false)]
    [InlineData("<X=n> <X>", "7 7", false)] // kept from the next line on
    [InlineData("<X=n>\n<X>", "7\n7", true)]
    [InlineData("<X=n>\n<X>", "7\n8", false)]
    [InlineData("a.c", "abc", false)]
    public void Lines_are_compared(string expected, string got, bool same) =>
        Assert.Equal(same, Story.Differ(expected.Length == 0 ? [] : expected.Split('\n'), got.Split('\n'), []) is null);

    [Theory]
    [InlineData("# words alone\n")]
    [InlineData("  output of nothing\n$ true\n")]
    [InlineData("$ true\nsomething else\n")]
    public void A_story_that_tells_nothing_is_none(string text) =>
        Assert.Throws<FormatException>(() => Story.Parse("x", text));
}
