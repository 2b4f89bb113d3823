namespace Stele.Proof.Interchange;

/// <summary>
/// Why something signed elsewhere, or for elsewhere, is not accepted. A closed set; the names stand in reports.
/// </summary>
public enum Fault
{
    None,
    /// <summary>Not the format it says it is.</summary>
    Malformed,
    /// <summary>A version, kind or algorithm that is not judged here.</summary>
    Unsupported,
    /// <summary>Nothing was given that says whose signature it must be.</summary>
    NoTrust,
    /// <summary>Signed by another key, or the signature is not good.</summary>
    Signature,
    /// <summary>The certificate does not lead to a trusted root, or was not valid at the time.</summary>
    Certificate,
    /// <summary>No certificate transparency log that is trusted has vouched for the certificate.</summary>
    CertificateLog,
    /// <summary>The certificate names another signer than the one that is asked for.</summary>
    Identity,
    /// <summary>No trusted time, or a time stamp that is not good.</summary>
    Timestamp,
    /// <summary>The transparency log's entry is missing, not proven, or not signed for by a trusted log.</summary>
    Log,
    /// <summary>The log's entry is about something else than what is signed here.</summary>
    LogEntry,
    /// <summary>What is signed is not the artifact at hand.</summary>
    Artifact,
}

/// <summary>
/// What a verification of an exchange format came to: accepted, or the one fault that ended it; and in plain words what
/// was checked.
/// </summary>
public sealed class Verification
{
    readonly List<string> _notes = [];

    public Fault Fault { get; private set; }
    public string Message { get; private set; } = "";
    public bool Accepted => Fault == Fault.None;

    /// <summary>Plain sentences, in the order of the steps.</summary>
    public IReadOnlyList<string> Notes => _notes;

    internal void Note(string sentence) => _notes.Add(sentence);

    /// <summary>Runs the steps; the first one that fails ends them.</summary>
    internal static Verification Of(Action<Verification> steps)
    {
        var verification = new Verification();
        try
        {
            steps(verification);
        }
        catch (FaultException e)
        {
            (verification.Fault, verification.Message) = (e.Fault, e.Message);
        }
        catch (Exception e) when (e is FormatException or System.Formats.Asn1.AsnContentException
            or System.Security.Cryptography.CryptographicException)
        {
            (verification.Fault, verification.Message) = (Fault.Malformed, e.Message);
        }
        return verification;
    }

    public Json ToJson() => Json.Object(
        ("result", Accepted ? "accepted" : "refused"),
        ("fault", Accepted ? null : Json.Of(NameOf(Fault))),
        ("message", Accepted ? null : Json.Of(Message)),
        ("notes", Json.Array(_notes.Select(Json.Of))));

    /// <summary>The fault's permanent name.</summary>
    public static string NameOf(Fault fault) => fault switch
    {
        Fault.None => "none",
        Fault.Malformed => "malformed",
        Fault.Unsupported => "unsupported",
        Fault.NoTrust => "no-trust",
        Fault.Signature => "signature",
        Fault.Certificate => "certificate",
        Fault.CertificateLog => "certificate-log",
        Fault.Identity => "identity",
        Fault.Timestamp => "timestamp",
        Fault.Log => "log",
        Fault.LogEntry => "log-entry",
        _ => "artifact",
    };
}

/// <summary>Ends a verification with its fault. It never leaves this room.</summary>
sealed class FaultException(Fault fault, string message) : Exception(message)
{
    public Fault Fault => fault;
}
