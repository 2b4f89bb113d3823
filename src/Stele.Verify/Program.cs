// stele-verify: judges offline what a Stele ledger's operator hands out. It reads what it is given and nothing else,
// and writes to the terminal and, as a monitor, to the one file that it remembers a ledger in.
using System.Text;
using Stele.Verify;

// One command a file, one line each.
Command[] commands =
[
    PackCommand.Command,
    ReceiptCommand.Command,
    VerdictCommand.Command,
    FraudCommand.Command,
    BundleCommand.Command,
    ModelCommand.Command,
    CoseCommand.Command,
    TimestampCommand.Command,
    LedgerCommand.Command,
    PageCommand.Command,
];

Console.OutputEncoding = new UTF8Encoding(false);
Printer.Install();
return CommandLine.Run(commands, args);
