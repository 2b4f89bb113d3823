using Stele.Disk;
using Stele.Runtime;

namespace Stele.Tests.Runtime;

/// <summary>
/// Where trees of running releases are: by the user, private, and without what killed processes left.
/// </summary>
public sealed class TreePlaceTests : IDisposable
{
    readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void It_follows_from_the_user_alone()
    {
        Assert.Equal("/var/cache/stele/trees", TreePlace.FolderOf(null, user: 0, "/root"));
        Assert.Equal("/var/cache/stele/trees", TreePlace.FolderOf("", user: 0, "/elsewhere"));
        Assert.Equal("/var/lib/one/.cache/stele/trees", TreePlace.FolderOf(null, user: 1000, "/var/lib/one"));
        Assert.Equal("/disk/trees", TreePlace.FolderOf("/disk/trees", user: 0, "/root"));
        Assert.Equal("/disk/trees", TreePlace.FolderOf("/disk/trees", user: 1000, "/var/lib/one"));
    }

    [Fact]
    public void Folder_and_places_are_private_and_names_differ_by_chance_alone()
    {
        var folder = _scratch.At("a", "trees");
        using var one = TreePlace.New(folder);
        using var two = TreePlace.New(folder);
        Assert.NotEqual(one.Tree, two.Tree);
        foreach (var place in (TreePlace[])[one, two])
        {
            Assert.Matches($"^{folder}/[0-9a-f]{{32}}/tree$", place.Tree);
            Assert.False(Directory.Exists(place.Tree));
            foreach (var directory in (string[])[folder, Path.GetDirectoryName(place.Tree)!])
                Assert.Equal("700", Convert.ToString((int)File.GetUnixFileMode(directory), 8));
        }
    }

    [Fact]
    public void What_a_killed_process_left_is_removed_and_what_another_uses_is_not()
    {
        var folder = _scratch.At("trees");
        using var used = TreePlace.New(folder);
        Directory.CreateDirectory(used.Tree);
        var left = Path.Combine(folder, new string('a', 32));
        _scratch.File($"trees/{new string('a', 32)}/tree/file");
        _scratch.File("trees/notes/file"); // no place: whatever it is, it is not ours to remove
        using (var another = TreePlace.New(folder))
        {
            Assert.False(Directory.Exists(left));
            Assert.True(Directory.Exists(used.Tree));
            Assert.Equal(3, Directory.GetDirectories(folder).Length);
        }
        Assert.Equal(2, Directory.GetDirectories(folder).Length);
        Directory.CreateDirectory(left);
        TreePlace.Sweep(folder);
        Assert.Equal(2, Directory.GetDirectories(folder).Length);
        Assert.True(Directory.Exists(used.Tree));
    }

    /// <summary>Two processes that make places and remove what was left, at once.</summary>
    [Fact]
    public async Task Many_at_once_each_have_their_own()
    {
        var folder = _scratch.At("trees");
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 25; i++)
            {
                using var place = TreePlace.New(folder);
                Directory.CreateDirectory(place.Tree);
                TreePlace.Sweep(folder);
                Assert.True(Directory.Exists(place.Tree));
            }
        })));
        Assert.Empty(Directory.GetDirectories(folder));
    }

    [Fact]
    public void What_is_not_this_users_is_not_used()
    {
        var open = Directory.CreateDirectory(_scratch.At("open")).FullName;
        File.SetUnixFileMode(open, (UnixFileMode)0b111_111_101);
        Assert.Contains("others may write in it", Assert.Throws<IOException>(() => TreePlace.New(open)).Message,
            StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(open));
        File.SetUnixFileMode(open, (UnixFileMode)0b111_101_101);
        TreePlace.New(open).Dispose();
        Assert.Equal("755", Convert.ToString((int)File.GetUnixFileMode(open), 8)); // not ours to change
        _scratch.File("file");
        Assert.Contains(TreePlace.Variable,
            Assert.Throws<IOException>(() => TreePlace.New(_scratch.At("file", "trees"))).Message,
            StringComparison.Ordinal);
        Directory.CreateSymbolicLink(_scratch.At("link"), _scratch.Path);
        Assert.Contains("no directory", Assert.Throws<IOException>(() => TreePlace.New(_scratch.At("link"))).Message,
            StringComparison.Ordinal);
        Assert.SkipUnless(Libc.EffectiveUser == 0, "only root can give a folder to another user");
        var others = Directory.CreateDirectory(_scratch.At("others")).FullName;
        Directory.CreateDirectory(Path.Combine(others, new string('a', 32)));
        Libc.GiveTo(others, 65534);
        Assert.Contains("another user's", Assert.Throws<IOException>(() => TreePlace.New(others)).Message,
            StringComparison.Ordinal);
        TreePlace.Sweep(others);
        Assert.Single(Directory.GetDirectories(others));
    }
}
