using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Stele.Runtime;

/// <summary>
/// The system calls a sandboxed program is refused (EPERM), as a classic BPF program for seccomp(2): the kernel's own keys, tracing, modules, mounts, namespaces, clocks and asynchronous
/// rings. None is needed to compute, listen on a socket and read files; most need a capability that is not there either. A second fence, not the first.
/// A call made for another architecture than the machine's own ends the program.
/// </summary>
static class SystemCalls
{
    const uint AuditX64 = 0xC000003E, AuditArm64 = 0xC00000B7;
    const uint Allow = 0x7fff0000, Kill = 0x80000000, Refuse = 0x00050000 | 1; // SECCOMP_RET_ALLOW, RET_KILL_PROCESS, RET_ERRNO | EPERM
    const ushort Load = 0x20, JumpIfEqual = 0x15, JumpIfAtLeast = 0x35, Return = 0x06;
    const uint X32 = 0x40000000; // x86-64's second calling convention, whose numbers would slip past the list

    // Numbers from 424 on are the same everywhere.
    static readonly uint[] Common =
    [
        425, 426, 427, // io_uring_setup, io_uring_enter, io_uring_register
        428, 429, 430, 431, 432, 433, 442, // open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr
        438, // pidfd_getfd
    ];

    static readonly uint[] X64 =
    [
        248, 249, 250, // add_key, request_key, keyctl
        101, 310, 311, 312, 298, 321, 323, 300, // ptrace, process_vm_readv, process_vm_writev, kcmp, perf_event_open, bpf, userfaultfd, fanotify_init
        175, 176, 313, 246, 320, 169, // init_module, delete_module, finit_module, kexec_load, kexec_file_load, reboot
        165, 166, 155, 167, 168, 163, 179, // mount, umount2, pivot_root, swapon, swapoff, acct, quotactl
        272, 308, 303, 304, // unshare, setns, name_to_handle_at, open_by_handle_at
        164, 227, 159, 305, 170, 171, // settimeofday, clock_settime, adjtimex, clock_adjtime, sethostname, setdomainname
        103, 172, 173, 154, 134, 212, 153, 180, // syslog, iopl, ioperm, modify_ldt, uselib, lookup_dcookie, vhangup, nfsservctl
    ];

    /// <summary>The same calls by the generic numbers of asm-generic/unistd.h, where they exist there. Not run on such a machine yet.</summary>
    static readonly uint[] Arm64 =
    [
        217, 218, 219,
        117, 270, 271, 272, 241, 280, 282, 262,
        105, 106, 273, 104, 294, 142,
        40, 39, 41, 224, 225, 89, 60,
        97, 268, 264, 265,
        170, 112, 171, 266, 161, 162,
        116, 18, 58, 42,
    ];

    /// <summary>The filter for this machine; null where we have no table for it, and the sandbox says so by having none.</summary>
    public static byte[]? Filter() => RuntimeInformation.OSArchitecture switch
    {
        Architecture.X64 => Program(AuditX64, [.. X64, .. Common], x32: true),
        Architecture.Arm64 => Program(AuditArm64, [.. Arm64, .. Common], x32: false),
        _ => null,
    };

    /// <summary><c>struct sock_filter</c>s, eight bytes each: code, jump if true, jump if false, operand. What is loaded is <c>struct seccomp_data</c>: number at 0, architecture at 4.</summary>
    static byte[] Program(uint architecture, uint[] refused, bool x32)
    {
        var code = new List<(ushort Code, byte True, byte False, uint Operand)>
        {
            (Load, 0, 0, 4), (JumpIfEqual, 1, 0, architecture), (Return, 0, 0, Kill), (Load, 0, 0, 0),
        };
        if (x32) code.AddRange([(JumpIfAtLeast, 0, 1, X32), (Return, 0, 0, Kill)]);
        foreach (var number in refused) code.AddRange([(JumpIfEqual, 0, 1, number), (Return, 0, 0, Refuse)]);
        code.Add((Return, 0, 0, Allow));
        var bytes = new byte[code.Count * 8];
        for (var i = 0; i < code.Count; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(i * 8), code[i].Code);
            bytes[i * 8 + 2] = code[i].True;
            bytes[i * 8 + 3] = code[i].False;
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i * 8 + 4), code[i].Operand);
        }
        return bytes;
    }
}
