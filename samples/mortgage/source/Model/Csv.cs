using System;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace Mortgage.Model;

/// <summary>
/// One cell as it stood in the file. Quoted cells are categories, unquoted cells are numbers: the dataset keeps to
/// that.
/// </summary>
internal readonly record struct Cell(string Text, bool Quoted);

/// <summary>
/// A CSV file with a header, read strictly: every row has as many cells as the header, a quote never stands inside a
/// cell, lines end in LF. The text of each row is kept, so that a part of the file can be written out unchanged.
/// </summary>
internal sealed class Csv
{
    private readonly Dictionary<string, int> _columns = new(StringComparer.Ordinal);

    private Csv(string header, IReadOnlyList<string> names, IReadOnlyList<string> lines, IReadOnlyList<Cell[]> rows)
    {
        Header = header;
        Names = names;
        Lines = lines;
        Rows = rows;
        for (var i = 0; i < names.Count; i++)
        {
            if (!_columns.TryAdd(names[i], i))
            {
                throw new InvalidDataException($"line 1: the column {names[i]} stands twice");
            }
        }
    }

    public string Header { get; }

    public IReadOnlyList<string> Names { get; }

    /// <summary>The rows' own text, without line ends; row k of the file is <c>Lines[k - 1]</c>.</summary>
    public IReadOnlyList<string> Lines { get; }

    public IReadOnlyList<Cell[]> Rows { get; }

    public int Column(string name) => _columns.TryGetValue(name, out var index)
        ? index
        : throw new InvalidDataException($"there is no column {name}; the columns are {string.Join(", ", Names)}");

    /// <summary>Reads a file, or the only .csv file of a folder.</summary>
    public static Csv Read(string path)
    {
        if (Directory.Exists(path))
        {
            var files = Directory.GetFiles(path, "*.csv");
            path = files.Length == 1
                ? files[0]
                : throw new InvalidDataException($"{path}: expected one .csv file, found {files.Length}");
        }

        return Parse(File.ReadAllText(path, new UTF8Encoding(false, throwOnInvalidBytes: true)));
    }

    public static Csv Parse(string text)
    {
        var lines = text.Split('\n');
        var count = lines[^1].Length == 0 ? lines.Length - 1 : lines.Length;
        if (count == 0)
        {
            throw new InvalidDataException("the file is empty");
        }

        var names = Array.ConvertAll(Cells(lines[0], 1), cell => cell.Text);
        var rows = new List<Cell[]>(count - 1);
        for (var i = 1; i < count; i++)
        {
            var cells = Cells(lines[i], i + 1);
            if (cells.Length != names.Length)
            {
                throw new InvalidDataException($"line {i + 1}: {cells.Length} cells, the header has {names.Length}");
            }

            rows.Add(cells);
        }

        return new Csv(lines[0], names, lines[1..count], rows);
    }

    private static Cell[] Cells(string line, int number)
    {
        var parts = line.Split(',');
        var cells = new Cell[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            var part = parts[i];
            var quoted = part.Length >= 2 && part[0] == '"' && part[^1] == '"';
            var inner = quoted ? part[1..^1] : part;
            if (inner.Length == 0 || inner.AsSpan().IndexOfAny("\"\r") >= 0)
            {
                throw new InvalidDataException(
                    $"line {number}, cell {i + 1}: empty, or a quote or carriage return inside");
            }

            cells[i] = new Cell(inner, quoted);
        }

        return cells;
    }
}
