using Stele.Proof;
using Stele.Proof.Packs;

namespace Stele.Verify;

static class PageCommand
{
    public static readonly Command Command = new("page", "[FILE]", """
        stele-pack.html shows an audit pack in a browser; it is the same for every pack. Without FILE its digest is
        printed, with FILE that file is compared with it.
        """,
        [Verify.Command.Json], Run);

    static int Run(Call call)
    {
        var good = call.Operand is null || Digest.Of(Call.Read(call.File, PackPage.MaxBytes)) == PackPage.Digest;
        if (call.Json)
            Console.WriteLine(Json.Object(("digest", PackPage.Digest),
                ("result", call.Operand is null ? null : good ? "complete" : "failed"), ("exit", good ? 0 : 1)));
        else if (call.Operand is null) Console.WriteLine($"{PackPage.Digest}  {PackPage.FileName}");
        else
            Console.WriteLine(good
                ? $"complete: it is {PackPage.FileName}, byte for byte"
                : $"FAILED: it is not {PackPage.FileName}: do not open it; stele audit export writes the true one");
        return good ? 0 : 1;
    }
}
