// dotnet run brotli.cs FILE TO: compresses FILE as small as Brotli can, with its largest window (16 MiB).
using System.IO.Compression;

var bytes = File.ReadAllBytes(args[0]);
var room = new byte[BrotliEncoder.GetMaxCompressedLength(bytes.Length)];
if (!BrotliEncoder.TryCompress(bytes, room, out var written, quality: 11, window: 24))
    throw new IOException($"{args[0]} was not compressed");
File.WriteAllBytes(args[1], room[..written]);
