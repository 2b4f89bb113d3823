using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Stele.Gateway;
using Stele.Host;
using Stele.Proof.Decisions;
using Stele.Tests.Host;

/// <summary>
/// Makes the product's own binary a node for a test, or the owner of a log, before its Main runs (the runtime calls
/// this where DOTNET_STARTUP_HOOKS names this assembly): a process of its own, to be killed.
/// </summary>
static class StartupHook
{
    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(Stele.Tests.Ledger.SeparateLog.Variable) is { } folder)
            Stele.Tests.Ledger.SeparateLog.Run(folder).GetAwaiter().GetResult();
        if (Environment.GetEnvironmentVariable(Stele.Tests.Runtime.SeparateRelay.Variable) is { } relay)
        {
            Stele.Tests.Runtime.SeparateRelay.Run(relay).GetAwaiter().GetResult();
            Environment.Exit(0);
        }
        if (Environment.GetEnvironmentVariable(Stele.Tests.Golden.DeterminismTests.Variable) is { } pack)
        {
            Stele.Tests.Golden.DeterminismTests.Run(pack);
            Environment.Exit(0);
        }
        if (Environment.GetEnvironmentVariable(Stele.Tests.Gateway.SeparateNode.Variable) is not { } arguments) return;
        Run(arguments.Split('\n')).GetAwaiter().GetResult();
        Environment.Exit(0);
    }

    static async Task Run(string[] a)
    {
        await using var node = await NodeHost.Start(new NodeFolder(a[0]), Trust.Parse(Encoding.UTF8.GetBytes(a[1])),
            new Uri(a[2]), a[3], Hamlet.Quick,
            new GatewayOptions { Port = int.Parse(a[4], CultureInfo.InvariantCulture) }, TimeProvider.System,
            Console.Error.WriteLine);
        // An orderly stop is asked for by closing standard input.
        await Task.WhenAny(node.Failed, Console.In.ReadToEndAsync());
        if (node.Failed.IsFaulted) Console.Error.WriteLine(node.Failed.Exception);
    }
}

namespace Stele.Tests.Gateway
{
    /// <summary>A hamlet's node as a process of its own.</summary>
    sealed class SeparateNode : IAsyncDisposable
    {
        public const string Variable = "STELE_TEST_NODE";

        readonly Hamlet _hamlet;
        readonly int _port = FreePort();
        Process? _process;

        public SeparateNode(Hamlet hamlet) => _hamlet = hamlet;

        public Uri Address => new($"http://127.0.0.1:{_port}/");

        static int FreePort()
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            return ((IPEndPoint)listener.LocalEndpoint).Port;
        }

        public void Start()
        {
            var here = AppContext.BaseDirectory;
            var start = new ProcessStartInfo(Environment.ProcessPath is { } p && Path.GetFileName(p) == "dotnet"
                ? p
                : "dotnet", ["exec", Path.Combine(here, "stele.dll")])
            {
                RedirectStandardInput = true,
                RedirectStandardError = true
            };
            start.Environment["DOTNET_STARTUP_HOOKS"] = typeof(SeparateNode).Assembly.Location;
            start.Environment[Variable] = string.Join('\n', _hamlet.Folder.Path, _hamlet.Town.Trust.ToJson().ToString(),
                _hamlet.Town.Host.Address, _hamlet.Town.Founded.Token, _port.ToString(CultureInfo.InvariantCulture));
            _process = Process.Start(start)!;
            _process.ErrorDataReceived += (_, e) => { lock (Errors) Errors.AppendLine(e.Data); };
            _process.BeginErrorReadLine();
        }

        public int Pid => _process!.Id;

        public StringBuilder Errors { get; } = new();

        /// <summary>SIGKILL, at whatever it is doing.</summary>
        public async Task Kill()
        {
            _process!.Kill();
            await _process.WaitForExitAsync();
        }

        public async Task Stop()
        {
            _process!.StandardInput.Close();
            await _process.WaitForExitAsync();
            lock (Errors) Assert.True(_process.ExitCode == 0, $"exit {_process.ExitCode}: {Errors}");
        }

        public async ValueTask DisposeAsync()
        {
            if (_process is { HasExited: false }) await Kill();
            _process?.Dispose();
        }
    }
}
