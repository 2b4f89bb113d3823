using System;
using System.Collections.Generic;
using System.Globalization;

namespace Mortgage.Model;

internal enum ColumnKind
{
    /// <summary>A number: an unquoted cell, a JSON number.</summary>
    Number,

    /// <summary>
    /// A step of a scale, "1" to "6": a quoted cell, a JSON string. It enters the model as its number.
    /// </summary>
    Scale,

    /// <summary>"yes" or "no": a quoted cell, a JSON string. It enters the model as 1 or 0.</summary>
    Flag,
}

/// <summary>One column of an application, with the values that training and serving accept alike.</summary>
internal sealed record Column(string Name, ColumnKind Kind, double Least, double Most)
{
    /// <summary>What is predicted: was the application denied?</summary>
    public const string Label = "deny";

    /// <summary>What an applicant brings, in the dataset's order. DATASHEET.md says what each means.</summary>
    public static IReadOnlyList<Column> All { get; } =
    [
        new("pirat", ColumnKind.Number, 0, 10),
        new("hirat", ColumnKind.Number, 0, 10),
        new("lvrat", ColumnKind.Number, 0, 10),
        new("chist", ColumnKind.Scale, 1, 6),
        new("mhist", ColumnKind.Scale, 1, 4),
        new("phist", ColumnKind.Flag, 0, 1),
        new("unemp", ColumnKind.Number, 0, 100),
        new("selfemp", ColumnKind.Flag, 0, 1),
        new("insurance", ColumnKind.Flag, 0, 1),
        new("condomin", ColumnKind.Flag, 0, 1),
        new("afam", ColumnKind.Flag, 0, 1),
        new("single", ColumnKind.Flag, 0, 1),
        new("hschool", ColumnKind.Flag, 0, 1),
    ];

    public static Column? Find(string name)
    {
        foreach (var column in All)
        {
            if (string.Equals(column.Name, name, StringComparison.Ordinal))
            {
                return column;
            }
        }

        return null;
    }

    /// <summary>What a value must look like, for people.</summary>
    public string Expected => Kind switch
    {
        ColumnKind.Number => $"a number from {JsonNumber.Format(Least)} to {JsonNumber.Format(Most)}",
        ColumnKind.Scale => $"a string from \"{JsonNumber.Format(Least)}\" to \"{JsonNumber.Format(Most)}\"",
        _ => "\"yes\" or \"no\"",
    };

    /// <summary>The number that enters the model, or false if the cell is not one that this column may hold.</summary>
    public bool TryRead(Cell cell, out double value)
    {
        value = 0;
        if (cell.Quoted != (Kind != ColumnKind.Number))
        {
            return false;
        }

        switch (Kind)
        {
            case ColumnKind.Flag:
                value = cell.Text == "yes" ? 1 : 0;
                return cell.Text is "yes" or "no";
            case ColumnKind.Scale:
                value = cell.Text.Length == 1 ? cell.Text[0] - '0' : 0;
                return value >= Least && value <= Most;
            default:
                const NumberStyles plain = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint
                    | NumberStyles.AllowExponent;
                // Invariant: NaN fails both comparisons.
                return double.TryParse(cell.Text, plain, CultureInfo.InvariantCulture, out value) && value >= Least
                    && value <= Most;
        }
    }
}
