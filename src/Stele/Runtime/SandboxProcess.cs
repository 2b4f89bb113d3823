using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Runtime;

/// <summary>A command that is running in its sandbox. Disposing kills all that is in there.</summary>
sealed class SandboxProcess : IAsyncDisposable
{
    readonly Process _bubblewrap;
    readonly SafeFileHandle? _init, _command;
    readonly Head _output, _errors;
    readonly Task<int?> _status;
    readonly ControlGroup _group;

    SandboxProcess(Process bubblewrap, ControlGroup group, (int Pid, SafeFileHandle? Handle) init,
        (int Pid, SafeFileHandle? Handle) command, Head output, Head errors, Task<int?> status)
    {
        (_bubblewrap, _group, Init, _init, Pid, _command, _output, _errors, _status) =
            (bubblewrap, group, init.Pid, init.Handle, command.Pid, command.Handle, output, errors, status);
        Exited = Exit();
    }

    /// <summary>
    /// The command's own process as the host numbers it: what /proc/[pid]/{root,exe,maps,environ} shows is what runs.
    /// </summary>
    public int Pid { get; }

    /// <summary>
    /// The first process inside, as the host numbers it: bubblewrap, as the init. Everything inside ends with it.
    /// </summary>
    public int Init { get; }

    /// <summary>
    /// Completes with the exit code when nothing is left inside; a <see cref="SandboxException"/> if the sandbox could
    /// not be built.
    /// </summary>
    public Task<int> Exited { get; }

    /// <summary>What was written so far, cut at the limit.</summary>
    public string Output => _output.Text;
    public string Errors => _errors.Text;

    /// <param name="prepare">Says how; asked by the one thread that starts sandboxes.</param>
    internal static async Task<SandboxProcess> Start(Func<Launch> prepare, CancellationToken stop)
    {
        var (read, write) = Libc.Pipe();
        var (process, group, reaper, launch, numbers) = await Parent.Run(() =>
        {
            using (write)
            using (var filter = SystemCalls.Filter() is { } bytes ? Libc.PipeOf(bytes) : null)
            {
                var reaper = Parent.Reaper ??= Reaper.Start();
                var launch = prepare();
                var group = ControlGroup.Create(launch.Limits);
                Libc.InheritNothing();
                List<string> numbers = ["--json-status-fd", Number(Libc.Inherit(write)), "--sync-fd",
                    Number(reaper.InheritMark()), "--block-fd", Number(reaper.InheritGate())];
                if (filter is not null) numbers.AddRange(["--seccomp", Number(Libc.Inherit(filter))]);
                var start = new ProcessStartInfo(launch.Program, launch.Arguments)
                {
                    RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
                        WorkingDirectory = "/",
                };
                start.Environment.Clear(); // nothing of ours is there to leak
                start.Environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
                var process = Process.Start(start)!;
                // In time: it waits for a line before it does anything, and before it becomes another user.
                // Invariant: nothing runs outside of the limits that are told as enforced.
                if (!group.Add(process.Id) && !process.HasExited)
                {
                    process.Kill();
                    _ = group.Remove();
                    throw new SandboxException(SandboxError.Failed, "the limits of a sandbox could not be set",
                        "look at who changes cgroups on this machine");
                }
                launch.Limits.Set(process.Id);
                return (process, group, reaper, launch, numbers);
            }
        });
        var output = new Head(process.StandardOutput.BaseStream, launch.OutputBytes);
        var errors = new Head(process.StandardError.BaseStream, launch.OutputBytes);
        var pid = new TaskCompletionSource<int?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var status = Task.Factory.StartNew(() => ReadStatus(read, pid), CancellationToken.None,
            TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await Tell(process, [.. numbers, .. launch.Settings]);
        // Not to be called off: it comes at once, or bubblewrap ends; and only who knows the process can end it.
        if (await pid.Task is { } init)
        {
            SafeFileHandle? handle = null;
            SandboxProcess running;
            try
            {
                handle = ChildOf(process.Id, init);
                reaper.LetGo();
                running = new SandboxProcess(process, group, (init, handle), await CommandOf(init, process), output,
                    errors, status);
            }
            catch (IOException)
            {
                // Invariant: what can't be held by a handle, for want of a descriptor, is not left running.
                process.Kill();
                handle?.Dispose();
                await process.WaitForExitAsync(CancellationToken.None);
                process.Dispose();
                await group.Remove();
                throw;
            }
            if (!stop.IsCancellationRequested) return running;
            await running.DisposeAsync();
            throw new OperationCanceledException(stop);
        }
        await process.WaitForExitAsync(CancellationToken.None);
        await errors.Ended;
        process.Dispose();
        await group.Remove();
        throw Failed(errors.Text);
    }

    /// <summary>Says that limits are set, and hands bubblewrap its options, each ended by a zero byte.</summary>
    static async Task Tell(Process process, IReadOnlyList<string> settings)
    {
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(
                Encoding.UTF8.GetBytes("\n" + string.Concat(settings.Select(s => s + '\0'))));
            process.StandardInput.Close();
        }
        catch (IOException) { } // it ended; it says why on standard error
    }

    /// <summary>
    /// The command's process: the second of its process-id namespace, which the init forks. The init itself when the
    /// command has ended by now.
    /// </summary>
    static async Task<(int Pid, SafeFileHandle? Handle)> CommandOf(int init, Process bubblewrap)
    {
        while (!bubblewrap.HasExited)
        {
            try
            {
                foreach (var child in ChildrenOf(init))
                    if (ChildOf(init, child) is { } handle)
                    {
                        if (File.ReadLines($"/proc/{Number(child)}/status")
                            .Any(l => l.StartsWith("NSpid:", StringComparison.Ordinal)
                            && l.EndsWith("\t2", StringComparison.Ordinal))) return (child, handle);
                        handle.Dispose();
                    }
            }
            catch (IOException e) when (!DiskTrouble.LacksDescriptors(e)) { } // one of them ended
            await Task.Delay(1);
        }
        return (init, null);
    }

    /// <summary>
    /// A handle on a child of a process; null when the number is no child's of it any more, but free or another's.
    /// </summary>
    static SafeFileHandle? ChildOf(int parent, int pid)
    {
        if (Libc.OpenProcess(pid) is not { } handle) return null;
        if (IsChildOf(parent, pid)) return handle; // looked at after it was opened: it is the one that was opened
        handle.Dispose();
        return null;
    }

    static bool IsChildOf(int parent, int pid)
    {
        try
        {
            return File.ReadLines($"/proc/{Number(pid)}/status").Contains($"PPid:\t{Number(parent)}");
        }
        catch (IOException e) when (!DiskTrouble.LacksDescriptors(e))
        {
            return false;
        }
    }

    static int[] ChildrenOf(int pid)
    {
        var list = $"/proc/{Number(pid)}/task/{Number(pid)}/children";
        if (File.Exists(list)) return File.ReadAllText(list).Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(c => int.Parse(c, CultureInfo.InvariantCulture)).ToArray();
        return Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(n => char.IsAsciiDigit(n![0]))
            .Select(n => int.Parse(n!, CultureInfo.InvariantCulture)).Where(n => IsChildOf(pid, n)).ToArray();
    }

    static string Number(int n) => n.ToString(CultureInfo.InvariantCulture);

    /// <summary>
    /// bubblewrap writes one JSON object a line: first with child-pid, at the end with exit-code. No exit-code means
    /// that the command never began.
    /// </summary>
    static int? ReadStatus(SafeFileHandle pipe, TaskCompletionSource<int?> pid)
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
        await _group.Remove();
        return code ?? (_bubblewrap.ExitCode > 128 ? _bubblewrap.ExitCode : throw Failed(_errors.Text));
    }

    static SandboxException Failed(string errors) => new(SandboxError.Failed,
        $"bubblewrap could not build the sandbox: {errors.Trim()}",
        // EAGAIN of clone(2), in the C library's words.
        errors.Contains("Resource temporarily unavailable", StringComparison.Ordinal)
            ? string.Create(CultureInfo.InvariantCulture, $"""
                this user has as many processes and threads as it may have (here at most {
                Limits.Default.UserProcesses}, ulimit -u): end some, or start releases as a user of their own
                """) : null);

    /// <summary>
    /// Ends everything inside. By a handle: the number of a process that has ended may be another's by now.
    /// </summary>
    public void Kill()
    {
        if (_init is not null) Libc.Signal(_init, Libc.SIGKILL);
    }

    /// <summary>
    /// Asks the command to end (SIGTERM), and after <paramref name="grace"/> kills everything inside.
    /// </summary>
    public async Task Stop(TimeSpan grace)
    {
        if (_command is not null) Libc.Signal(_command, Libc.SIGTERM);
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
        _init?.Dispose();
        _command?.Dispose();
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
                    if (_kept.Length < limit)
                        _kept = [.. _kept, .. buffer.AsSpan(0, Math.Min(n, limit - _kept.Length))];
            }
            catch (IOException) { } // the other end is gone
        });

        public Task Ended { get; }

        public string Text => Encoding.UTF8.GetString(_kept);
    }

    /// <summary>
    /// The one thread that starts sandboxes. "Die with parent" means: with the <em>thread</em> that forked (prctl(2),
    /// PR_SET_PDEATHSIG), and threads of the pool come and go. It also keeps two starts from inheriting each other's
    /// status pipe.
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
