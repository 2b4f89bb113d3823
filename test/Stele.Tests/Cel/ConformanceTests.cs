namespace Stele.Tests.Cel;

/// <summary>temporary</summary>
public class ConformanceTests
{
    [Fact]
    public void Survey()
    {
        foreach (var file in Vectors.Files("cel-spec", "*.textproto"))
        {
            var tests = ConformanceTest.Load(file);
            int pass = 0;
            var fails = new List<string>();
            foreach (var t in tests)
            {
                string? r;
                try { r = t.Run(); } catch (NotSupportedException e) { r = "NS " + e.Message; }
                if (r is null) pass++; else fails.Add($"    {t.Id}: {r.ReplaceLineEndings(" ⏎ ")}");
            }
            Console.WriteLine($"{Path.GetFileName(file)} {pass}/{tests.Count}");
            if (Environment.GetEnvironmentVariable("SHOW") is { } s && s.Split(',').Contains(Path.GetFileNameWithoutExtension(file))) foreach (var f in fails) Console.WriteLine(f);
        }
    }
}
