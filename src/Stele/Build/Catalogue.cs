using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Build;

/// <summary>How a control can be met.</summary>
enum MetBy
{
    /// <summary>By a rule that a machine runs; a person's word does not stand in for it.</summary>
    Machine,

    /// <summary>By a person's signed word; a rule can demand that word, and no more.</summary>
    Attestation,

    /// <summary>By either one.</summary>
    Either,
}

/// <param name="Id">As the catalogue numbers it; policies and people write <c>catalogue/id</c>.</param>
/// <param name="Title">In our words, never the source's.</param>
/// <param name="Note">What a rule can see of it, and what it can't; may be empty.</param>
sealed record Control(string Id, string Title, MetBy Met, string Note);

/// <summary>
/// The controls of a law, standard or framework: plain data.
/// <code>
/// name: iso-42001                 # how policies and people refer to it
/// title: …                        # what it is
/// caveat: …                       # what it is not
/// controls:
///   - { id: A.2.2, title: There is a policy for AI, met: attestation, note: "" }   # met: machine | attestation | either
/// </code>
/// </summary>
sealed record Catalogue(string Name, string Title, string Caveat, ImmutableArray<Control> Controls)
{
    public static readonly ImmutableArray<string> MetNames = ["machine", "attestation", "either"];

    /// <summary>How it is referred to from elsewhere: <c>catalogue/control</c>.</summary>
    public string Reference(Control control) => $"{Name}/{control.Id}";

    /// <exception cref="FormatException">What is wrong with it.</exception>
    public static Catalogue Parse(string file, string text)
    {
        var yaml = Yaml.Parse(file, text, ImmutableSortedDictionary<string, string>.Empty);
        try
        {
            PolicySource.Only(yaml, "name", "title", "caveat", "controls");
            var catalogue = new Catalogue(Names.Label(yaml["name"]), yaml["title"].AsString, yaml["caveat"].AsString,
                [.. yaml["controls"].AsArray.Select(c =>
            {
                PolicySource.Only(c, "id", "title", "met", "note");
                return new Control(c["id"].AsString, c["title"].AsString,
                    (MetBy)MetNames.IndexOf(Names.OneOf(c["met"], MetNames.AsSpan())), c["note"].AsString);
            })]);
            var seen = new HashSet<string>(StringComparer.Ordinal);
            foreach (var control in catalogue.Controls)
            {
                if (!Names.IsControl(catalogue.Reference(control)))
                    throw new FormatException($"'{control.Id}' can't be a control's id");
                if (!seen.Add(control.Id)) throw new FormatException($"the control '{control.Id}' stands twice");
            }
            return catalogue;
        }
        catch (FormatException e)
        {
            throw new FormatException($"{file}: {e.Message}", e);
        }
    }
}
