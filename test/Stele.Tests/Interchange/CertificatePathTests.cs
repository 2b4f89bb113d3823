using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Stele.Proof.Interchange;

namespace Stele.Tests.Interchange;

public sealed class CertificatePathTests
{
    static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeMilliseconds(1_750_000_000_000);

    /// <summary>
    /// Sixty authorities of two names, each signed by the other's key: as many paths among them as anyone cares to
    /// walk. It says no at once.
    /// </summary>
    [Fact]
    public void Certificates_made_to_be_walked_forever_are_refused_at_once()
    {
        using var a = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var b = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var root = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var between = Enumerable.Range(0, 60)
            .Select(i => i % 2 == 0 ? Issue("CN=A", a, "CN=B", b, i) : Issue("CN=B", b, "CN=A", a, i)).ToList();
        var end = Issue("CN=end", root, "CN=A", a, 100);
        var said = Assert.Throws<FaultException>(() => CertificatePath.Find(end, between,
            [Issue("CN=root", root, "CN=root", root, 101)], Now.ToUnixTimeMilliseconds()));
        Assert.Contains("too many", said.Message, StringComparison.Ordinal);
    }

    /// <summary>An authority that may vouch for some names alone, critical or not, vouches for none here.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Name_constraints_end_a_path(bool critical)
    {
        using var a = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var root = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var trusted = Issue("CN=root", root, "CN=root", root, 1);
        var end = Issue("CN=end", a, "CN=A", a, 3, authority: false);
        Assert.Equal(3, CertificatePath.Find(end, [Issue("CN=A", a, "CN=root", root, 2)], [trusted],
            Now.ToUnixTimeMilliseconds()).Count);
        var limited = Issue("CN=A", a, "CN=root", root, 2,
            more: new X509Extension("2.5.29.30", [0x30, 0x00], critical));
        Assert.Contains("2.5.29.30",
            Assert.Throws<FaultException>(() => CertificatePath.Find(end, [limited], [trusted],
                Now.ToUnixTimeMilliseconds())).Message, StringComparison.Ordinal);
    }

    static Certificate Issue(string subject, ECDsa key, string issuer, ECDsa by, int serial, bool authority = true,
        X509Extension? more = null)
    {
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(authority, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(authority
            ? X509KeyUsageFlags.KeyCertSign
            : X509KeyUsageFlags.DigitalSignature, true));
        if (more is not null) request.CertificateExtensions.Add(more);
        using var made = request.Create(new X500DistinguishedName(issuer), X509SignatureGenerator.CreateForECDsa(by),
            Now.AddDays(-1), Now.AddDays(1), [1, (byte)serial]);
        return Certificate.Parse(made.RawData);
    }
}
