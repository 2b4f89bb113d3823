using System.CommandLine;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Stele.Control.Views;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Interchange;

namespace Stele.Cli;

static class TimestampVerb
{
    public static Verb Verb =>
        Verb.Group("timestamp", "time stamps of an outside authority on the ledger's checkpoints", """
        An RFC 3161 time stamp is the signed word of an authority, whose clock the ledger's operator does not hold, that it saw a checkpoint at a time. All
        that the checkpoint covers existed then. Verify one with stele-verify timestamp and the authority's certificate.
        """,
        new("request", "ask an authority to stamp the newest checkpoint", """
            stele timestamp request --authority URL

            Sends the digest of the checkpoint's text, and nothing else, to the authority (HTTP, as RFC 3161 says), and attaches its answer.
            """, [new Option<string>("--authority") { HelpName = "URL", Description = "the authority's address, http or https" }], Request),
        new("query", "write a query, for an authority that is reached otherwise", """
            stele timestamp query --out FILE

            FILE is the query (DER) that authorities take, for the newest checkpoint; FILE.checkpoint keeps the checkpoint. Attach the answer with
            stele timestamp attach ANSWER --checkpoint FILE.checkpoint.
            """, [new Option<string>("--out") { HelpName = "FILE", Description = "where the query is written" }], Query),
        new("attach", "attach an authority's answer", """
            stele timestamp attach FILE --checkpoint CHECKPOINT

            The server keeps it next to the checkpoint, if it is over that. Attaching the same one again changes nothing.
            """,
            [
                new Argument<string>("file"),
                new Option<string>("--checkpoint")
                {
                    HelpName = "FILE",
                    Description = "the checkpoint that was stamped"
                },
            ], Attach),
        new("list", "list the time stamps, and write them to files", """
            stele timestamp list [--out DIR]

            Shows which checkpoints were stamped and when the tokens say. With --out each is written, with its checkpoint's text next to it.
            """, [new Option<string>("--out") { HelpName = "DIR", Description = "a folder that receives SIZE-N.tst and SIZE-N.checkpoint" }], List));

    static byte[] Text(string note) => Encoding.UTF8.GetBytes(Note.Parse(note).Text);

    static async Task<int> Request(Call call)
    {
        if (!Uri.TryCreate(call.Need("--authority"), UriKind.Absolute, out var address) || address.Scheme is not ("http"
            or "https")) throw call.Wrong("--authority takes an address, as in https://authority.example/tsr");
        await using var desk = await Desk.Open(call);
        var nonce = RandomNumberGenerator.GetBytes(8);
        var (note, size) = (desk.Checkpoint, desk.State.Size);
        call.Terminal.Progress($"asking {address}");
        using var http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false
        }) { Timeout = TimeSpan.FromSeconds(60), MaxResponseContentBufferSize = TimestampToken.MaxBytes };
        byte[] answer;
        try
        {
            using var content = new ByteArrayContent(TimestampToken.Query(Text(note), nonce));
            content.Headers.ContentType = new MediaTypeHeaderValue("application/timestamp-query");
            using var response = await http.PostAsync(address, content, call.Stop);
            if (!response.IsSuccessStatusCode)
                throw new CliError($"{address} answered {(int)response.StatusCode}",
                    "is it the address of a time-stamping authority (RFC 3161)?");
            answer = await response.Content.ReadAsByteArrayAsync(call.Stop);
        }
        catch (HttpRequestException e)
        {
            throw new CliError($"{address} does not answer: {e.GetBaseException().Message}",
                "try again, or use another authority; stele timestamp query is for one that is reached otherwise");
        }
        var token = Read(answer, address.ToString());
        if (token.Nonce is { } number && number != TimestampToken.NumberOf(nonce))
            throw new CliError($"{address} answered another query than ours", "try again");
        if (!token.Covers(Text(note)))
            throw new CliError($"{address} stamped something else than was asked", "use another authority");
        return await Keep(call, desk, size, answer, token);
    }

    static async Task<int> Query(Call call)
    {
        var file = System.IO.Path.GetFullPath(call.Need("--out"));
        await using var desk = await Desk.Open(call);
        Files.Write(file, TimestampToken.Query(Text(desk.Checkpoint), RandomNumberGenerator.GetBytes(8)));
        Files.Write(file + ".checkpoint", desk.Checkpoint);
        call.Terminal.Result(Json.Object(("file", file), ("checkpoint", file + ".checkpoint"),
            ("size", desk.State.Size)),
            () => call.Terminal.Line(
                $"{file}  for the checkpoint of {desk.State.Size} entries, kept in {file}.checkpoint"));
        return 0;
    }

    static async Task<int> Attach(Call call)
    {
        var (file, checkpoint) = (call.NeedFile("file"), call.NeedFile("--checkpoint"));
        var bytes = await File.ReadAllBytesAsync(file, call.Stop);
        var token = Read(bytes, file);
        Checkpoint stamped;
        try
        {
            var note = Note.Parse(await File.ReadAllBytesAsync(checkpoint, call.Stop));
            stamped = Checkpoint.Parse(note.Text);
        }
        catch (FormatException e)
        {
            throw new CliError($"{checkpoint} is not a checkpoint: {e.Message}",
                "the file that stele timestamp query wrote next to the query", CliError.Usage);
        }
        if (!token.Covers(Encoding.UTF8.GetBytes(stamped.Text)))
            throw new CliError($"{file} is not over {checkpoint}",
                "attach it to the checkpoint that its query was made for");
        await using var desk = await Desk.Open(call);
        return await Keep(call, desk, stamped.Size, bytes, token);
    }

    static async Task<int> Keep(Call call, Desk desk, long size, byte[] bytes, TimestampToken token)
    {
        var digest = await desk.Server.Attach(size, bytes, call.Stop);
        call.Terminal.Result(Json.Object(("size", size), ("time", token.Time), ("digest", digest)), () =>
            call.Terminal.Line($"attached to the checkpoint of {size} entries; its authority says "
            + $"{Terminal.Time(token.Time)}"));
        return 0;
    }

    static async Task<int> List(Call call)
    {
        await using var desk = await Desk.Open(call);
        var all = (await desk.Server.Get<TimestampList>("timestamps", call.Stop)).Timestamps.Select(t =>
            (t.Size, Text: t.Checkpoint, Bytes: Base64.Decode(t.Token))).ToList();
        var rows = all.Select((t, i) =>
        {
            // The server is believed in nothing: each is held to the ledger as it was verified here.
            var token = Read(t.Bytes, desk.Server.Address.ToString());
            if (t.Size < 1 || t.Size > desk.State.Size
                || t.Text != new Checkpoint(desk.Trust.Origin, t.Size, desk.Log.RootAt(t.Size)).Text
                || !token.Covers(Encoding.UTF8.GetBytes(t.Text)))
                throw new CliError($"the server gives a time stamp that is not over this ledger's tree of {t.Size}",
                    "ask its operator");
            var name = $"{t.Size}-{i}";
            if (call.Get<string>("--out") is { } folder)
            {
                Files.CreateDirectory(System.IO.Path.GetFullPath(folder));
                Files.Write(System.IO.Path.Combine(folder, name + ".tst"), t.Bytes);
                Files.Write(System.IO.Path.Combine(folder, name + ".checkpoint"), t.Text);
            }
            return (t.Size, token.Time, Digest: Digest.Of(t.Bytes), Name: name);
        }).ToList();
        call.Terminal.Result(Json.Object(("timestamps",
            Json.Array(rows.Select(r => Json.Object(("size", r.Size), ("time", r.Time), ("digest", r.Digest)))))), () =>
        {
            if (rows.Count == 0)
                call.Terminal.Line("no checkpoint has a time stamp yet: stele timestamp request --authority URL");
            call.Terminal.Table(rows.Select(r => new[] { $"size {r.Size}", Terminal.Time(r.Time),
                r.Digest.ToString() }));
        });
        return 0;
    }

    static TimestampToken Read(byte[] bytes, string from)
    {
        try
        {
            return TimestampToken.Parse(bytes);
        }
        catch (FormatException e)
        {
            throw new CliError($"{from} gave no time stamp: {e.Message}", "want an RFC 3161 answer or token, DER");
        }
    }
}
