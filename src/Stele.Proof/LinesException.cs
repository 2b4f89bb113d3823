namespace Stele.Proof;

/// <summary>
/// A <see cref="FormatException"/> that is told on several lines of ours: where it is and why, what was written, a
/// caret below it. A line break inside of one of them is somebody
/// else's, and is escaped where it is shown.
/// </summary>
public sealed class LinesException(IReadOnlyList<string> lines, Exception? inner = null)
    : FormatException(string.Join('\n', lines), inner)
{
    public IReadOnlyList<string> Lines => lines;
}
