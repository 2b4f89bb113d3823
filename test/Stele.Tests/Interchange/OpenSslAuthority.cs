using System.Diagnostics;

namespace Stele.Tests.Interchange;

/// <summary>
/// A real time-stamping authority: the openssl program, with a root and a stamping certificate of its own.
/// </summary>
sealed class OpenSslAuthority : IDisposable
{
    const string Configuration = """
        [req]
        distinguished_name = dn
        prompt = no
        [dn]
        CN = Test authority
        [ca]
        basicConstraints = critical,CA:TRUE
        keyUsage = critical,keyCertSign
        [stamper]
        basicConstraints = critical,CA:FALSE
        keyUsage = critical,digitalSignature
        extendedKeyUsage = critical,timeStamping
        [other]
        basicConstraints = critical,CA:FALSE
        keyUsage = critical,digitalSignature
        extendedKeyUsage = critical,timeStamping,codeSigning
        [tsa]
        default_tsa = one
        [one]
        serial = serial
        signer_cert = stamper.pem
        certs = root.pem
        signer_key = stamper.key
        signer_digest = sha256
        default_policy = 1.2.3.4.1
        digests = sha256, sha512
        accuracy = secs:1
        tsa_name = yes
        ess_cert_id_alg = sha256

        """;

    readonly Scratch _scratch = new();

    public OpenSslAuthority(string extensions = "stamper")
    {
        if (!(Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(d =>
            System.IO.File.Exists(System.IO.Path.Combine(d, "openssl")))) Assert.Skip("openssl is not installed");
        _scratch.File("tsa.cnf", Configuration);
        _scratch.File("serial", "01\n");
        Run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -subj /CN=Root -days 3650 -config tsa.cnf -extensions ca");
        Run("req -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout stamper.key -out stamper.csr -subj /CN=Stamper -config tsa.cnf");
        Run($"x509 -req -in stamper.csr -CA root.pem -CAkey root.key -CAcreateserial -out stamper.pem -days 3650 -extfile tsa.cnf -extensions {extensions}");
    }

    public string Root => _scratch.At("root.pem");
    public string RootPem => System.IO.File.ReadAllText(Root);

    /// <summary>Answers a query, as an authority does.</summary>
    public byte[] Answer(byte[] query)
    {
        System.IO.File.WriteAllBytes(_scratch.At("query"), query);
        Run("ts -reply -config tsa.cnf -queryfile query -out answer");
        return System.IO.File.ReadAllBytes(_scratch.At("answer"));
    }

    /// <summary>Whether openssl itself accepts an answer to a query.</summary>
    public bool Accepts(byte[] query, byte[] answer)
    {
        System.IO.File.WriteAllBytes(_scratch.At("query"), query);
        System.IO.File.WriteAllBytes(_scratch.At("answer"), answer);
        return Exit("ts -verify -queryfile query -in answer -CAfile root.pem", out _) == 0;
    }

    void Run(string arguments)
    {
        if (Exit(arguments, out var said) != 0) Assert.Fail($"openssl {arguments}\n{said}");
    }

    int Exit(string arguments, out string said)
    {
        using var process = Process.Start(new ProcessStartInfo("openssl", arguments)
        {
            WorkingDirectory = _scratch.Path,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        })!;
        var error = process.StandardError.ReadToEndAsync();
        said = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(60)), "openssl did not end");
        said += error.Result;
        return process.ExitCode;
    }

    public void Dispose() => _scratch.Dispose();
}
