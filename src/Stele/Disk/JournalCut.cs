namespace Stele.Disk;

/// <summary>
/// Writes a journal anew with other records at its head and only some of those it held, durably and at once, however large it is: one batch is in memory at a time.
/// Whoever calls holds the journal's lock (<see cref="JournalFile.Lock"/>), and knows it to be sound.
/// </summary>
static class JournalCut
{
    public static void Rewrite(string path, IEnumerable<(byte Kind, byte[] Bytes)> head, Func<JournalRecord, bool> keep, bool secret = false)
    {
        var file = Files.CreateTemporary(path, secret);
        try
        {
            using (file)
            using (var buffered = new BufferedStream(file, 1 << 20))
            {
                var salt = JournalFrame.NewSalt();
                long index = 0;
                void Write(byte kind, byte[] bytes)
                {
                    var frame = new byte[JournalFrame.Header + JournalFrame.RecordHeader + bytes.Length];
                    JournalFrame.WriteRecord(frame.AsSpan(JournalFrame.Header), salt, kind, bytes);
                    JournalFrame.Seal(frame, salt, 1, index++);
                    buffered.Write(frame);
                }
                buffered.Write(JournalFrame.NewFile(salt));
                foreach (var (kind, bytes) in head) Write(kind, bytes);
                Journal.Scan(path, batch =>
                {
                    foreach (var record in batch) if (keep(record)) Write(record.Kind, record.Bytes);
                });
                var seal = new byte[JournalFrame.Header];
                JournalFrame.Seal(seal, salt, 0, index);
                buffered.Write(seal);
                buffered.Flush();
                Files.Flush(file);
            }
            Files.Rename(file.Name, path);
        }
        catch
        {
            Files.Abandon(file.Name);
            throw;
        }
        Files.SyncNames(path);
    }
}
