using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Runtime;

/// <summary>A command that is running in its sandbox. Disposing kills all that is in there.</summary>
sealed class SandboxProcess : IAsyncDisposable
{
    readonly Process _bubblewrap;
    readonly Head _output, _errors;
    readonly Task<int?> _status;

    SandboxProcess(Process bubblewrap, int pid, Head output, Head errors, Task<int?> status)
    {
        (_bubblewrap, Pid, _output, _errors, _status) = (bubblewrap, pid, output, errors, status);
        Exited = Exit();
    }

    /// <summary>The command's own process as the host numbers it: what /proc/[pid]/{root,exe,maps,environ} shows is what runs.</summary>
    public int Pid { get; }

    /// <summary>Completes with the exit code when nothing is left inside; a <see cref="SandboxException"/> if the sandbox could not be built.</summary>
    public Task<int> Exited { get; }

    /// <summary>What was written so far, cut at the limit.</summary>
    public string Output => _output.Text;
    public string Errors => _errors.Text;

    internal static async Task<SandboxProcess> Start(string program, Func<int, int?, IEnumerable<string>> flags, int outputBytes, CancellationToken stop)
    {
        var (read, write) = Libc.Pipe();
        var (process, reaper) = await Parent.Run(() =>
        {
            using (write)
            using (var filter = SystemCalls.Filter() is { } bytes ? Libc.PipeOf(bytes) : null)
            {
                var reaper = Parent.Reaper ??= Reaper.Start();
                Libc.InheritNothing();
                string[] guarded = ["--unsetenv", reaper.Mark, "--block-fd", reaper.InheritGate().ToString(CultureInfo.InvariantCulture)];
                var start = new ProcessStartInfo(program, [.. guarded, .. flags(Libc.Inherit(write), filter is null ? null : Libc.Inherit(filter))]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
                var path = start.Environment.TryGetValue("PATH", out var p) ? p : null;
                start.Environment.Clear(); // nothing of ours is there to leak
                start.Environment["PATH"] = path;
                return (Process.Start(start)!, reaper);
            }
        });
        process.StandardInput.Close();
        var output = new Head(process.StandardOutput.BaseStream, outputBytes);
        var errors = new Head(process.StandardError.BaseStream, outputBytes);
        var pid = new TaskCompletionSource<int?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var status = Task.Factory.StartNew(() => ReadStatus(read, pid), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        // Not to be called off: it comes at once, or bubblewrap ends; and only who knows the process can end it.
        if (await pid.Task is { } child)
        {
            reaper.LetGo();
            var running = new SandboxProcess(process, child, output, errors, status);
            if (!stop.IsCancellationRequested) return running;
            await running.DisposeAsync();
            throw new OperationCanceledException(stop);
        }
        await process.WaitForExitAsync(CancellationToken.None);
        await errors.Ended;
        process.Dispose();
        throw Failed(errors.Text);
    }

    /// <summary>bubblewrap writes one JSON object a line: first with child-pid, at the end with exit-code. No exit-code means that the command never began.</summary>
    static int? ReadStatus(Microsoft.Win32.SafeHandles.SafeFileHandle pipe, TaskCompletionSource<int?> pid)
    {
        int? code = null;
        try
        {
            using var lines = new StreamReader(Libc.OpenRead(pipe));
            while (lines.ReadLine() is { } line)
            {
                var json = CanonicalJson.Parse(Encoding.UTF8.GetBytes(line), 64 << 10);
                if (json.Find("child-pid") is { } child) pid.TrySetResult((int)child.AsInt);
                if (json.Find("exit-code") is { } exit) code = (int)exit.AsInt;
            }
            return code;
        }
        finally
        {
            pid.TrySetResult(null);
        }
    }

    async Task<int> Exit()
    {
        await _bubblewrap.WaitForExitAsync();
        await Task.WhenAll(_output.Ended, _errors.Ended);
        var code = await _status;
        return code ?? (_bubblewrap.ExitCode > 128 ? _bubblewrap.ExitCode : throw Failed(_errors.Text));
    }

    static SandboxException Failed(string errors) => new(SandboxError.Failed, $"bubblewrap could not build the sandbox: {errors.Trim()}");

    public void Kill()
    {
        if (_bubblewrap.HasExited) return;
        Libc.Kill(Pid, Libc.SIGKILL); // the first process of its namespace: everything inside goes with it
    }

    /// <summary>Asks it to end, and after <paramref name="grace"/> kills it.</summary>
    public async Task Stop(TimeSpan grace)
    {
        if (!_bubblewrap.HasExited) Libc.Kill(Pid, Libc.SIGTERM);
        await Task.WhenAny(Exited, Task.Delay(grace));
        Kill();
        await Task.WhenAny(Exited);
    }

    public async ValueTask DisposeAsync()
    {
        Kill();
        await Task.WhenAny(Exited); // its failure, if any, is for those who asked for the exit code
        _ = Exited.Exception;
        _bubblewrap.Dispose();
    }

    /// <summary>Drains a stream so that its writer never blocks, and keeps the beginning.</summary>
    sealed class Head
    {
        byte[] _kept = [];

        public Head(Stream from, int limit) => Ended = Task.Run(async () =>
        {
            var buffer = new byte[16 * 1024];
            try
            {
                for (int n; (n = await from.ReadAsync(buffer)) > 0;)
                    if (_kept.Length < limit) _kept = [.. _kept, .. buffer.AsSpan(0, Math.Min(n, limit - _kept.Length))];
            }
            catch (IOException) { } // the other end is gone
        });

        public Task Ended { get; }

        public string Text => Encoding.UTF8.GetString(_kept);
    }

    /// <summary>
    /// The one thread that starts sandboxes. "Die with parent" means: with the <em>thread</em> that forked (prctl(2), PR_SET_PDEATHSIG), and threads of the pool come and go.
    /// It also keeps two starts from inheriting each other's status pipe.
    /// </summary>
    static class Parent
    {
        static readonly BlockingCollection<Action> Work = [];

        /// <summary>Started with the first sandbox, by this thread.</summary>
        public static Reaper? Reaper { get; set; }

        static Parent() => new Thread(() =>
        {
            foreach (var work in Work.GetConsumingEnumerable()) work();
        })
        { IsBackground = true, Name = "parent of sandboxes" }.Start();

        public static Task<T> Run<T>(Func<T> start)
        {
            var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
            Work.Add(() =>
            {
                try
                {
                    done.SetResult(start());
                }
                catch (Exception e)
                {
                    done.SetException(e);
                }
            });
            return done.Task;
        }
    }
}
