namespace Stele.Proof.Interchange;

/// <summary>
/// Finds and judges a path from an end certificate to a root that is trusted by name, at one given time (RFC 5280 §6,
/// for the short paths that code signing has). Every certificate on it, the root included, is valid at that time; every
/// issuer is an authority that may sign certificates and whose path length suffices; a critical extension
/// that is not understood ends the path, and so do name constraints, which nobody here uses.
/// </summary>
public static class CertificatePath
{
    const int MaxDepth = 8, MaxCertificates = 64, MaxTried = 128, KeyCertSign = 5;

    const string NameConstraints = "2.5.29.30";

    static readonly string[] Understood =
    [
        Certificate.BasicConstraints, Certificate.KeyUsage, Certificate.ExtendedKeyUsage,
        Certificate.SubjectAlternativeName,
    ];

    /// <summary>The path from the end certificate to a root, both included.</summary>
    /// <param name="between">Authorities that may stand between; trusted in nothing.</param>
    /// <param name="time">Milliseconds since 1970.</param>
    internal static List<Certificate> Find(Certificate end, IReadOnlyList<Certificate> between,
        IReadOnlyList<Certificate> roots, long time, Fault fault = Fault.Certificate)
    {
        if (between.Count + roots.Count > MaxCertificates)
            throw new FaultException(fault, $"more than {MaxCertificates} certificates to choose from");
        var path = new List<Certificate>();
        var reason = "no certificate among the trusted ones issued it";
        // The maker of the certificates chose how many paths there are among them.
        var tried = 0;
        if (!Walk(end))
            throw new FaultException(fault, $"the certificate '{end.Name}' does not lead to a trusted root: {reason}");
        return path;

        bool Walk(Certificate certificate)
        {
            path.Add(certificate);
            if (!certificate.IsValidAt(time)) reason =
                $"'{certificate.Name}' is not valid at {Rfc3339.Seconds(time)}, only from "
                + $"{Rfc3339.Seconds(certificate.NotBefore)} to {Rfc3339.Seconds(certificate.NotAfter)}";
            else if (certificate.Extensions
                .FirstOrDefault(e => e.Key == NameConstraints || (e.Value.Critical && !Understood.Contains(e.Key)))
                is { Key: { } unknown })
                reason =
                    $"'{certificate.Name}' has the extension {unknown}, which is not understood here and may limit "
                    + $"what it vouches for";
            else if (roots.Any(r => r.Same(certificate))) return true;
            else if (path.Count < MaxDepth)
                foreach (var issuer in roots.Concat(between))
                {
                    if (!issuer.Subject.Span.SequenceEqual(certificate.Issuer.Span) || path.Any(p => p.Same(issuer)))
                        continue;
                    // The authorities below it on the path are all but the end certificate.
                    if (!issuer.IsAuthority || !issuer.Allows(KeyCertSign) || issuer.PathLength < path.Count - 1)
                        reason = $"'{issuer.Name}' is not an authority for it";
                    else if (++tried > MaxTried)
                        throw new FaultException(fault,
                            $"the certificate '{end.Name}' comes with too many others that could be its issuers");
                    else if (!certificate.IsSignedBy(issuer.Key)) reason = $"'{issuer.Name}' has not signed it";
                    else if (Walk(issuer)) return true;
                }
            path.RemoveAt(path.Count - 1);
            return false;
        }
    }
}
