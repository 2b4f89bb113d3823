using System.Text;
using Stele.Proof;
using Stele.Proof.Interchange;

namespace Stele.Verify;

/// <summary>
/// What the commands for formats of others have in common: whom they trust, and how they tell what came of it.
/// </summary>
static class Judged
{
    public static readonly Option Key = new("--key", "FILE",
        "The public key that must have signed: a PEM file, or the one line that stele shows for a key.");
    public static readonly Option Root = new("--trusted-root", "FILE", """
        A trusted root of Sigstore's (trusted_root.json): the authorities, logs and time-stamping
        authorities that count.
        """);
    public static readonly Option Identity = new("--identity", "NAME",
        "Whom the signer's certificate must name: a mail address or a URI.");
    public static readonly Option Issuer = new("--issuer", "URL", "Who must have vouched for that identity.");

    /// <summary>A key in any of the forms that people have one in.</summary>
    public static ForeignKey? KeyOf(Call call) => call.Parsed("--key", 64 * 1024, bytes =>
    {
        var text = Encoding.UTF8.GetString(bytes).Trim();
        if (text.Contains("-----BEGIN", StringComparison.Ordinal)) return ForeignKey.FromPem(text);
        return VerifierKey.TryParse(text, out var log) ? ForeignKey.Of(log) : ForeignKey.FromSpki(Base64.Decode(text));
    }, "a public key", "a PEM file with -----BEGIN PUBLIC KEY-----, or the line that stele key list shows");

    public static TrustedRoot? RootOf(Call call) =>
        call.Parsed("--trusted-root", TrustedRoot.MaxBytes, b => TrustedRoot.Parse(b), "a trusted root",
            "Sigstore publishes its own as trusted_root.json; stele export trusted-root makes a ledger's");

    public static IReadOnlyList<Certificate>? CertificatesOf(Call call, string option) =>
        call.Parsed(option, 1 << 20, b => Certificate.FromPem(Encoding.UTF8.GetString(b)), "a file of certificates",
            "a PEM file with -----BEGIN CERTIFICATE-----");

    /// <summary>Tells it, and returns the exit code. What was never said to be trusted was asked wrongly.</summary>
    public static int Tell(this Call call, Verification verification)
    {
        if (verification.Fault == Fault.NoTrust)
            throw new MisuseException(verification.Message,
                "say whose signature it must be: --key FILE, --trusted-root FILE or --certificate-chain FILE");
        var exit = verification.Accepted ? 0 : 1;
        if (call.Json)
        {
            Console.WriteLine(verification.ToJson().With("exit", exit));
            return exit;
        }
        Console.WriteLine(verification.Accepted
            ? "good: the signature is by whom it must be, and over what it must be"
            : $"REFUSED: {Verification.NameOf(verification.Fault)}: {verification.Message}");
        if (verification.Notes.Count > 0) Console.WriteLine("checked:");
        foreach (var note in verification.Notes) Console.WriteLine($"  {note}");
        return exit;
    }
}
