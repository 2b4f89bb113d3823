// stele-verify: judges offline what a Stele ledger's operator hands out. It reads the files it is given and nothing else, and writes to the terminal alone.
using System.Text;
using Stele.Verify;

// One command a file, one line each.
Command[] commands =
[
    PackCommand.Command,
    ReceiptCommand.Command,
    FraudCommand.Command,
    BundleCommand.Command,
    ModelCommand.Command,
    CoseCommand.Command,
    TimestampCommand.Command,
    PageCommand.Command,
];

Console.OutputEncoding = new UTF8Encoding(false);
return CommandLine.Run(commands, args);
