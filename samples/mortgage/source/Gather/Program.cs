using System;
using System.IO;

namespace Mortgage.Gather;

/// <summary>
/// gather FOLDER FILE…
/// Copies files into one folder. The compiler leaves an assembly alone; next to its runtimeconfig.json it is a program
/// that <c>dotnet</c> can start from wherever its artifact is mounted.
/// </summary>
internal static class Program
{
    public static int Main(string[] args)
    {
        try
        {
            if (args.Length < 2)
            {
                throw new ArgumentException("expected a folder and the files to copy into it");
            }

            foreach (var file in args[1..])
            {
                File.WriteAllBytes(Path.Combine(args[0], Path.GetFileName(file)), File.ReadAllBytes(file));
            }

            return 0;
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"gather: error: {e.Message}");
            return 1;
        }
    }
}
