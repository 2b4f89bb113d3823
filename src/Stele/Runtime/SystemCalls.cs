using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Stele.Runtime;

/// <summary>
/// The system calls a sandboxed program is refused, as a classic BPF program for seccomp(2): the kernel's own keys,
/// tracing, modules, mounts, namespaces, clocks and asynchronous rings; sockets of other families than Unix, IPv4, IPv6
/// and netlink, as some of those are shared with the host whatever the namespace (AF_VSOCK, AF_ALG); whatever podman's
/// default profile of
/// 2023 denies; and every call that is newer than this list, which is said not to be there (ENOSYS). None is needed to
/// compute, listen on a socket and read files; most need a capability that is not there either. A second fence, not the
/// first.
/// A call made for another architecture than the machine's own ends the program.
/// </summary>
static class SystemCalls
{
    const uint AuditX64 = 0xC000003E, AuditArm64 = 0xC00000B7;
    const uint Allow = 0x7fff0000, Kill = 0x80000000; // SECCOMP_RET_ALLOW, RET_KILL_PROCESS
    const uint Error = 0x00050000, EPERM = 1, EINVAL = 22, ENOSYS = 38, EAFNOSUPPORT = 97; // SECCOMP_RET_ERRNO
    const ushort Load = 0x20, JumpIfEqual = 0x15, JumpIfAtLeast = 0x35, Return = 0x06;
    const uint X32 = 0x40000000; // x86-64's second calling convention, whose numbers would slip past the list

    /// <summary>The first number that this list does not know. Numbers from 424 on are the same everywhere.</summary>
    const uint Newer = 451;

    const uint AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16, NETLINK_AUDIT = 9;

    /// <summary>
    /// What personality(2) may be asked for: plain Linux, its names, and what is in force. Not among them: addresses
    /// that are not randomised.
    /// </summary>
    static readonly uint[] Personalities = [0, 0x8, 0x20000, 0x20008, 0xffffffff];

    static readonly uint[] Common =
    [
        425, 426, 427, // io_uring_setup, io_uring_enter, io_uring_register
        428, 429, 430, 431, 432, 433, 442, // open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr
        438, 440, 443, 450, // pidfd_getfd, process_madvise, quotactl_fd, set_mempolicy_home_node
    ];

    /// <summary>Programs try these and do without: they are said not to be there.</summary>
    static readonly uint[] Absent = [449]; // futex_waitv

    static readonly uint[] X64 =
    [
        248, 249, 250, // add_key, request_key, keyctl
        // ptrace, process_vm_readv, process_vm_writev, kcmp, perf_event_open, bpf, userfaultfd, fanotify_init
        101, 310, 311, 312, 298, 321, 323, 300,
        175, 176, 313, 246, 320, 169, // init_module, delete_module, finit_module, kexec_load, kexec_file_load, reboot
        165, 166, 155, 161, 167, 168, 163, 179, // mount, umount2, pivot_root, chroot, swapon, swapoff, acct, quotactl
        272, 308, 303, 304, // unshare, setns, name_to_handle_at, open_by_handle_at
        // settimeofday, clock_settime, adjtimex, clock_adjtime, sethostname, setdomainname
        164, 227, 159, 305, 170, 171,
        // syslog, iopl, ioperm, modify_ldt, uselib, lookup_dcookie, vhangup, nfsservctl
        103, 172, 173, 154, 134, 212, 153, 180,
        256, 279, 278, 333, 136, 139, 156, // migrate_pages, move_pages, vmsplice, io_pgetevents, ustat, sysfs, _sysctl
        // create_module, get_kernel_syms, query_module, getpmsg, putpmsg, afs_syscall, tuxcall, security, vserver
        174, 177, 178, 181, 182, 183, 184, 185, 236,
    ];

    /// <summary>
    /// The same calls by the generic numbers of asm-generic/unistd.h, where they exist there. Not run on such a machine
    /// yet.
    /// </summary>
    static readonly uint[] Arm64 =
    [
        217, 218, 219,
        117, 270, 271, 272, 241, 280, 282, 262,
        105, 106, 273, 104, 294, 142,
        40, 39, 41, 51, 224, 225, 89, 60,
        97, 268, 264, 265,
        170, 112, 171, 266, 161, 162,
        116, 18, 58, 42,
        238, 239, 75, 292,
    ];

    /// <summary>
    /// The filter for this machine; null where we have no table for it, and the sandbox says so by having none.
    /// </summary>
    public static byte[]? Filter() => RuntimeInformation.OSArchitecture switch
    {
        Architecture.X64 => Program(AuditX64, [.. X64, .. Common], socket: 41, socketPair: 53, personality: 135,
            foreign: X32),
        Architecture.Arm64 => Program(AuditArm64, [.. Arm64, .. Common], socket: 198, socketPair: 199, personality: 92,
            foreign: null),
        _ => null,
    };

    /// <summary>
    /// <c>struct sock_filter</c>s, eight bytes each: code, jump if true, jump if false, operand. What is loaded is
    /// <c>struct seccomp_data</c>: number at 0, architecture at 4, arguments from 16, eight bytes each, of which the
    /// kernel reads the lower four of those that are looked at here.
    /// </summary>
    /// <param name="foreign">From which number on calls are those of another interface; null: there is none.</param>
    static byte[] Program(
        uint architecture, uint[] refused, uint socket, uint socketPair, uint personality, uint? foreign)
    {
        const uint First = 16, Third = 32;
        var code = new List<(ushort Code, byte True, byte False, uint Operand)>
        {
            (Load, 0, 0, 4), (JumpIfEqual, 1, 0, architecture), (Return, 0, 0, Kill), (Load, 0, 0, 0),
        };
        if (foreign is { } from) code.AddRange([(JumpIfAtLeast, 0, 1, from), (Return, 0, 0, Kill)]);
        code.AddRange([(JumpIfAtLeast, 0, 1, Newer), (Return, 0, 0, Error | ENOSYS)]);
        foreach (var number in refused) code.AddRange([(JumpIfEqual, 0, 1, number), (Return, 0, 0, Error | EPERM)]);
        foreach (var number in Absent) code.AddRange([(JumpIfEqual, 0, 1, number), (Return, 0, 0, Error | ENOSYS)]);
        foreach (var number in (uint[])[socket, socketPair])
            When(number, First,
            [
                (JumpIfEqual, 3, 0, AF_UNIX), (JumpIfEqual, 2, 0, AF_INET), (JumpIfEqual, 1, 0, AF_INET6),
                    (JumpIfEqual, 1, 3, AF_NETLINK),
                (Return, 0, 0, Allow),
                (Load, 0, 0, Third), (JumpIfEqual, 1, 2, NETLINK_AUDIT),
                (Return, 0, 0, Error | EAFNOSUPPORT), (Return, 0, 0, Error | EINVAL), (Return, 0, 0, Allow),
            ]);
        When(personality, First, [.. Personalities.SelectMany(p =>
            ((ushort, byte, byte, uint)[])[(JumpIfEqual, 0, 1, p), (Return, 0, 0, Allow)]),
            (Return, 0, 0, Error | EPERM)]);
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

        // What follows decides on an argument of one call, and always returns.
        void When(uint number, uint argument, List<(ushort, byte, byte, uint)> then)
        {
            code.Add((JumpIfEqual, 0, (byte)(then.Count + 1), number));
            code.Add((Load, 0, 0, argument));
            code.AddRange(then);
        }
    }
}
