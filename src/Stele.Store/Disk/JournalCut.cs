namespace Stele.Disk;

/// <summary>
/// Writes a journal of one file again with only some of the records it held, durably and at once, however large it is:
/// a little of it is in memory at a time. The caller holds the journal's lock (<see cref="JournalFile.Lock"/>), and
/// knows it to be sound.
/// </summary>
static class JournalCut
{
    public static void Rewrite(string path, Func<JournalRecord, bool> keep, Readers readers = Readers.All)
    {
        var file = Files.CreateTemporary(path, readers);
        try
        {
            using (file)
            {
                var salt = JournalFrame.NewSalt();
                using var waiting = new MemoryStream();
                long index = 0;
                waiting.Write(JournalFrame.NewFile(salt));
                Journal.Scan(path, batch =>
                {
                    foreach (var record in batch)
                    {
                        if (!keep(record)) continue;
                        var frame = new byte[JournalFrame.Header + JournalFrame.RecordHeader + record.Bytes.Length];
                        JournalFrame.WriteRecord(frame.AsSpan(JournalFrame.Header), salt, record.Kind,
                            record.Bytes.Span);
                        JournalFrame.Seal(frame, salt, 1, index++);
                        waiting.Write(frame);
                        if (waiting.Length >= 1 << 20) Fill();
                    }
                });
                var seal = new byte[JournalFrame.Header];
                JournalFrame.Seal(seal, salt, 0, index);
                waiting.Write(seal);
                Fill();
                Files.Flush(file);

                void Fill()
                {
                    Files.Fill(file, waiting.GetBuffer().AsSpan(0, (int)waiting.Length));
                    waiting.SetLength(0);
                }
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
