using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Stele.Tests.Http;

/// <summary>A connection on which bytes are sent as they are, and what comes is taken as it is.</summary>
sealed class RawConnection : IDisposable
{
    readonly TcpClient _client = new() { NoDelay = true };

    public static async Task<RawConnection> To(Uri address)
    {
        var raw = new RawConnection();
        await raw._client.ConnectAsync(IPAddress.Loopback, address.Port);
        return raw;
    }

    public Task Send(string text) => Send(Encoding.Latin1.GetBytes(text));

    public Task Send(byte[] bytes) => _client.GetStream().WriteAsync(bytes).AsTask();

    /// <summary>The first answer, as far as it comes until the other side closes or says nothing for so long.</summary>
    public async Task<string> First(TimeSpan silence)
    {
        var all = new StringBuilder();
        var buffer = new byte[64 * 1024];
        try
        {
            while (true)
            {
                using var limit = new CancellationTokenSource(silence);
                var n = await _client.GetStream().ReadAsync(buffer, limit.Token);
                if (n == 0) break;
                all.Append(Encoding.Latin1.GetString(buffer, 0, n));
                if (Whole(all.ToString()) is { } length) return all.ToString(0, length);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException) { }
        return all.ToString();
    }

    /// <summary>How many bytes come at once; the rest is left where it is.</summary>
    public async Task<int> Some(TimeSpan silence)
    {
        using var limit = new CancellationTokenSource(silence);
        return await _client.GetStream().ReadAsync(new byte[1024], limit.Token);
    }

    /// <summary>How long the first answer is, if all of it is there.</summary>
    static int? Whole(string text)
    {
        if (text.IndexOf("\r\n\r\n", StringComparison.Ordinal) is not (>= 0 and var gap)) return null;
        var line = text[..gap].Split("\r\n").FirstOrDefault(l => l.StartsWith("Content-Length:",
            StringComparison.OrdinalIgnoreCase));
        if (line is null) return null;
        var end = gap + 4 + int.Parse(line.AsSpan("Content-Length:".Length), CultureInfo.InvariantCulture);
        return text.Length >= end ? end : null;
    }

    /// <summary>Whether the other side has closed it, seen within so long.</summary>
    public async Task<bool> Closed(TimeSpan within)
    {
        using var limit = new CancellationTokenSource(within);
        try
        {
            var buffer = new byte[4096];
            while (await _client.GetStream().ReadAsync(buffer, limit.Token) > 0) { }
            return true;
        }
        catch (IOException)
        {
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>One answer whose length is told: status, head, body.</summary>
    public async Task<(int Status, string Head, string Body)> Answer()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        var all = new List<byte>();
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var text = Encoding.Latin1.GetString([.. all]);
            if (text.IndexOf("\r\n\r\n", StringComparison.Ordinal) is >= 0 and var gap)
            {
                var head = text[..gap];
                var line = head.Split("\r\n").FirstOrDefault(l => l.StartsWith("Content-Length:",
                    StringComparison.OrdinalIgnoreCase));
                var length = line is null ? 0 : int.Parse(line.AsSpan("Content-Length:".Length),
                    CultureInfo.InvariantCulture);
                if (text.Length - gap - 4 >= length)
                    return (int.Parse(text.AsSpan(9, 3), CultureInfo.InvariantCulture), head,
                    text.Substring(gap + 4, length));
            }
            var n = await _client.GetStream().ReadAsync(buffer, limit.Token);
            if (n == 0) throw new IOException($"closed after {text}");
            all.AddRange(buffer.AsSpan(0, n));
        }
    }

    public void Dispose() => _client.Dispose();
}
