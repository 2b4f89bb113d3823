namespace Stele.Cli;

static class ReceiptVerb
{
}
