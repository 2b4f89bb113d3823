namespace Stele.Proof.Packs;

/// <summary>
/// <c>stele-pack.html</c>: one static page, the same for every pack, that opens from a disk without a network and
/// checks and shows an audit pack in a browser. A person who was handed a copy asks <c>stele-verify page</c> whether it
/// is this one.
/// </summary>
public static class PackPage
{
    public const string FileName = "stele-pack.html";

    /// <summary>More than this is not the page.</summary>
    public const int MaxBytes = 1 << 20;

    public static byte[] Bytes()
    {
        using var page = typeof(PackPage).Assembly.GetManifestResourceStream(FileName)
            ?? throw new InvalidOperationException("the page is not in the program");
        var bytes = new byte[page.Length];
        page.ReadExactly(bytes);
        return bytes;
    }

    public static Digest Digest => Digest.Of(Bytes());
}
