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
    public void It_follows_from_user_and_machine_alone()
    {
        Assert.Equal("/var/cache/stele/trees", TreePlace.FolderOf(null, user: 0, "/root"));
        Assert.Equal("/var/cache/stele/trees", TreePlace.FolderOf("", user: 0, "/elsewhere"));
        Assert.Equal("/var/lib/one/.cache/stele/trees", TreePlace.FolderOf(null, user: 1000, "/var/lib/one"));
        Assert.Equal("/disk/trees", TreePlace.FolderOf("/disk/trees", user: 0, "/root"));
        Assert.Equal("/disk/trees", TreePlace.FolderOf("/disk/trees", user: 1000, "/var/lib/one"));
        Assert.Matches("/[0-9a-f]{16}$", TreePlace.Folder);
    }

    /// <summary>
    /// Two machines may share a home, and know nothing of each other's locks. Renamed or restarted a machine finds what
    /// it left.
    /// </summary>
    [Fact]
    public void No_two_machines_share_a_folder()
    {
        var (one, two) = (new string('1', 32) + "\n", new string('2', 32) + "\n");
        string[] machines =
        [
            TreePlace.MachineOf(one, "a"), TreePlace.MachineOf(two, "a"), TreePlace.MachineOf(null, "a"),
            TreePlace.MachineOf(null, "b"), TreePlace.MachineOf(null, one.Trim()),
        ];
        Assert.Distinct(machines);
        Assert.All(machines, m => Assert.Matches("^[0-9a-f]{16}$", m));
        Assert.Equal(machines[0], TreePlace.MachineOf(one, "renamed"));
        // Before the first boot is done, and in many containers, there is no id.
        foreach (var none in (string[])["", "uninitialized\n", one + two])
            Assert.Equal(machines[2], TreePlace.MachineOf(none, "a"));
        Assert.DoesNotContain(one[..8], machines[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Folder_and_places_are_private_and_names_differ_by_chance_alone()
    {
        var folder = _scratch.At("a", "b", "trees");
        using var one = TreePlace.New(folder);
        using var two = TreePlace.New(folder);
        Assert.NotEqual(one.Tree, two.Tree);
        foreach (var place in (TreePlace[])[one, two])
        {
            Assert.Matches($"^{folder}/[0-9a-f]{{32}}/tree$", place.Tree);
            Assert.False(Directory.Exists(place.Tree));
            foreach (var directory in (string[])
                [_scratch.At("a"), _scratch.At("a", "b"), folder, Path.GetDirectoryName(place.Tree)!])
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
        Assert.Contains($"others may write in {open}.", Assert.Throws<IOException>(() => TreePlace.New(open)).Message,
            StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(open));
        // Who may write where the folder is may put another in its place.
        var inside = Directory.CreateDirectory(Path.Combine(open, "trees"), (UnixFileMode)0b111_000_000).FullName;
        Assert.Contains($"others may write in {open}.", Assert.Throws<IOException>(() => TreePlace.New(inside)).Message,
            StringComparison.Ordinal);
        Directory.Delete(inside);
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
        Assert.Contains($"{others} is another user's",
            Assert.Throws<IOException>(() => TreePlace.New(Path.Combine(others, "trees"))).Message,
            StringComparison.Ordinal);
        Libc.GiveTo(Path.Combine(others, new string('a', 32)), 0);
        TreePlace.Sweep(others);
        Assert.True(Directory.Exists(Path.Combine(others, new string('a', 32))));
    }
}
