namespace Stele.Http;

/// <summary>Reads the answers of others: no more of one is taken into memory than was expected.</summary>
static class AnswerBody
{
    const int Piece = 64 * 1024;

    /// <summary>The whole of it; null: it has more than <paramref name="max"/> bytes.</summary>
    /// <param name="taken">Takes what comes, as it comes; null: nobody counts.</param>
    /// <exception cref="ProblemException">There is no room for more of it.</exception>
    public static async Task<byte[]?> Read(this HttpContent content, int max, CancellationToken stop,
        BodyBudget.Share? taken = null)
    {
        await using var stream = await content.ReadAsStreamAsync(stop);
        using var whole = new MemoryStream();
        var buffer = new byte[Piece];
        for (int n; (n = await stream.ReadAsync(buffer, stop)) > 0;)
        {
            if (whole.Length + n > max) return null;
            taken?.Take(n);
            whole.Write(buffer, 0, n);
        }
        return whole.ToArray();
    }
}
