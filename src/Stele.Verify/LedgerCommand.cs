using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Stele.Proof;
using Stele.Proof.Packs;
using Stele.Verify.Disk;

namespace Stele.Verify;

static class LedgerCommand
{
    public static readonly Command Command = new("ledger", "DIR|URL", """
        A ledger as its server shows it, or its folder: every entry is hashed into the signed checkpoint and folded
        again. Where the server withholds a document that an entry names, as one does that opens its log alone,
        judging stops at that entry: exit code 7, and nothing is remembered. With --state it is a monitor: each look
        must extend what the one before remembered. A server that shows another history, or a shorter one, is told on,
        with both checkpoints; the file then keeps the first.
        """,
        [
            Verify.Command.Trust,
            new("--state", "FILE", "Where the newest checkpoint is remembered; made by the first look."),
            new("--token-file", "FILE",
                "A file with the token that the server lets readers in by, if it asks for one; - for standard input."),
            Verify.Command.Json,
        ], Run);

    static int Run(Call call)
    {
        var (trust, state) = (call.Trust, call.Value("--state"));
        LedgerMemory? remembered = null;
        if (state is not null && File.Exists(state))
            try
            {
                remembered = LedgerMemory.Parse(Call.Read(state, LedgerMemory.MaxBytes));
            }
            catch (FormatException e)
            {
                throw new MisuseException($"{state} is not what a monitor remembers: {e.Message}",
                    "name the file that an earlier look wrote, or one that is not there yet");
            }
        using var source = Source.Of(call.File, call.Value("--token-file") is { } file ? TokenIn(file) : null);
        var sight = Verifier.Look(source.Read, source.Find, trust, remembered, Progress(call));
        if (state is not null && sight.Memory is { } memory && memory != remembered) MemoryFile.Write(state, memory);
        if (sight.Fork is not { } fork) return call.Tell(sight.Report);
        if (call.Json) Console.WriteLine(sight.Report.ToJson().With("fork", fork.ToJson()));
        else
        {
            call.Tell(sight.Report);
            Console.WriteLine($"what it signed before, as {state} has it:");
            Printer.Lines($"\n{fork.First}");
            Console.WriteLine("what it signed now:");
            Printer.Lines($"\n{fork.Second}");
        }
        return (int)sight.Report.Result;
    }

    /// <summary>A token is never typed in a command line, which everybody on the machine can read.</summary>
    static string TokenIn(string file) => (file == "-" ? Console.In.ReadLine()
        : Encoding.UTF8.GetString(Call.Read(file, MaxToken)))?.Trim() is { Length: > 0 } token ? token
        : throw new MisuseException($"there is no token in {file}",
            "the file that stele token add NAME --out FILE wrote");

    const int MaxToken = 1024;

    static Action<string>? Progress(Call call) => call.Json || Console.IsErrorRedirected ? null : Printer.Progress;

    /// <summary>Where a ledger is read from. Nothing that it gives is believed.</summary>
    sealed class Source(string? folder, HttpClient? http) : IDisposable
    {
        const int Most = 32 << 20;

        public static Source Of(string place, string? token)
        {
            if (!Uri.TryCreate(place, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
                return Directory.Exists(place)
                    ? new(place, null)
                    : throw new MisuseException($"there is no folder {place}",
                        "name a ledger's folder, or its server's URL");
            var http = new HttpClient
            {
                BaseAddress = new Uri(place.TrimEnd('/') + "/"),
                Timeout = TimeSpan.FromSeconds(60),
                MaxResponseContentBufferSize = Most
            };
            if (token is not null)
                http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
            return new(null, http);
        }

        public byte[]? Read(string path)
        {
            if (folder is not null)
                return File.Exists(Path.Combine(folder, path)) ? Call.Read(Path.Combine(folder, path), Most) : null;
            try
            {
                using var answer = http!.GetAsync(path).GetAwaiter().GetResult();
                if (answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
                    throw new MisuseException($"{http.BaseAddress} lets nobody in without a token",
                        "stele-verify ledger URL --token-file FILE");
                if (answer.StatusCode == HttpStatusCode.NotFound) return null;
                return answer.IsSuccessStatusCode
                    ? answer.Content.ReadAsByteArrayAsync().GetAwaiter().GetResult()
                    : throw new IOException($"{http.BaseAddress}{path} answers {(int)answer.StatusCode}");
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                throw new IOException($"{http!.BaseAddress} does not answer: {e.GetBaseException().Message}", e);
            }
        }

        /// <summary>A server has its documents among its blobs, its folder next to the ledger's.</summary>
        public byte[]? Find(Digest digest)
        {
            try
            {
                return folder is null
                    ? Read($"blobs/{digest}")
                    : Read($"../blobs/blobs/sha256/{digest.Hex}") ?? Read($"blobs/sha256/{digest.Hex}");
            }
            catch (Exception e) when (e is IOException or MisuseException)
            {
                return null;   // open to read the log, and no more
            }
        }

        public void Dispose() => http?.Dispose();
    }
}
