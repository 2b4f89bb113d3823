# Ways out of a sandbox, or up in it, tried from inside. Prints "name<TAB>what came of it", a line each:
# an error's name, or "gone" for what is not there, "killed" for what ends the program, "idle" for what is taken
# and does nothing; "DONE" and what it got is a way out. Arguments: a process, a TCP port and an abstract socket of the host.
import ctypes, errno, os, resource, signal, socket, struct, sys

host, port, abstract = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
buffer = ctypes.create_string_buffer(4096)
address = ctypes.addressof(buffer)


def call(number, *arguments):
    """A system call by number; what it gives is no way out unless it succeeds."""
    def act():
        passed = [ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) for a in arguments]
        done = libc.syscall(ctypes.c_long(number), *passed)
        if done == -1: raise OSError(ctypes.get_errno(), "")
        return done
    return act


def attempt(name, act):
    """In a process of its own: what ends it or changes it touches no other attempt."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            done = act()
            said = done if done in ("idle", "gone") else "DONE %r" % (done,)
        except OSError as e:
            there = e.errno not in (errno.ENOENT, errno.ESRCH, errno.ENXIO)
            said = errno.errorcode.get(e.errno, str(e.errno)) if there else "gone"
        except ValueError as e:
            said = "EINVAL"
        os.write(1, ("%s\t%s\n" % (name, said)).encode())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status): os.write(1, ("%s\tkilled\n" % name).encode())


def opened(path, flags=os.O_RDONLY):
    def act():
        fd = os.open(path, flags)
        return os.read(fd, 16) if flags == os.O_RDONLY else "open"
    return act


def family(number, kind=socket.SOCK_RAW, protocol=0):
    return lambda: socket.socket(number, kind, protocol) and "a socket"


def connected(domain, to):
    def act():
        s = socket.socket(domain, socket.SOCK_STREAM)
        s.settimeout(5)
        s.connect(to)
        return "connected"
    return act


# ---- Files
def outside():
    up = os.listdir("/" + "../" * 40)
    return "idle" if sorted(up) == sorted(os.listdir("/")) else up


def init_root(): return "idle" if sorted(os.listdir("/proc/1/root")) == sorted(os.listdir("/")) else "another root"


def setuid_file():
    with open("/proc/self/exe", "rb") as program, open("/tmp/up", "wb") as copy: copy.write(program.read())
    os.chmod("/tmp/up", 0o4755)
    read, write = os.pipe()
    if os.fork() == 0:
        os.dup2(write, 1)
        os.execve("/tmp/up", ["/tmp/up", "-c", "import os; print(os.geteuid())"], {})
    os.close(write)
    child = os.read(read, 64).decode().strip()
    return "idle" if child == str(os.getuid()) else "user " + child


attempt("read the host's password file",
        lambda: "gone" if b"root:" not in open("/etc/passwd", "rb").read() else "its passwords")
attempt("read /etc/shadow", opened("/etc/shadow"))
attempt("leave the root by ..", outside)
attempt("leave by the root of the init", init_root)
attempt("leave by the init's working directory",
        lambda: "idle" if os.path.realpath("/proc/1/cwd") in ("/", "/app") else "elsewhere")
attempt("write the root", opened("/x", os.O_WRONLY | os.O_CREAT))
attempt("write a program", opened("/usr/bin/python3", os.O_WRONLY))
attempt("mount a file system", call(165, b"x", b"/tmp", b"tmpfs", 0, 0))
attempt("make the root writable", call(165, b"", b"/", b"", 32 | 4096, 0))
attempt("mount proc again", call(165, b"proc", b"/tmp", b"proc", 0, 0))
attempt("unmount /proc", call(166, b"/proc", 2))
attempt("pivot_root", call(155, b"/tmp", b"/tmp"))
attempt("chroot", call(161, b"/tmp"))
attempt("open_tree", call(428, -100, b"/", 1))
attempt("move_mount", call(429, -100, b"/", -100, b"/tmp", 0))
attempt("fsopen", call(430, b"tmpfs", 0))
attempt("mount_setattr", call(442, -100, b"/", 0, address, 32))
attempt("make a block device", call(133, b"/tmp/disk", 0o60600, os.makedev(254, 0)))
attempt("make a character device", call(133, b"/tmp/mem", 0o20600, os.makedev(1, 1)))
attempt("open a file by its handle", call(304, -100, address, 0))
attempt("take a file's handle", call(303, -100, b"/", address, address, 0))
attempt("run a set-user-id program of its own", setuid_file)
attempt("read the disk", opened("/dev/vda"))
attempt("read memory by /dev/mem", opened("/dev/mem"))
attempt("read memory by /proc/kcore", opened("/proc/kcore"))
attempt("read the kernel's log", opened("/dev/kmsg"))
attempt("write a kernel setting", opened("/proc/sys/kernel/core_pattern", os.O_WRONLY))
attempt("write the system request trigger", opened("/proc/sysrq-trigger", os.O_WRONLY))
attempt("write its own out-of-memory score", opened("/proc/self/oom_score_adj", os.O_WRONLY))
attempt("map users into its namespace", opened("/proc/self/uid_map", os.O_WRONLY))
attempt("see the host's cgroups", lambda: "gone" if not os.path.exists("/sys/fs/cgroup") else "there")


# ---- Processes
def kill_init():
    os.kill(1, signal.SIGKILL)
    return "idle" if os.path.exists("/proc/1") else "ended"


def kill_all():
    # A signal that does nothing to what it reaches here: the process that tries the ways out among them.
    os.kill(-1, signal.SIGCONT)
    return "idle"


attempt("trace the init", call(101, 16, 1, 0, 0))
attempt("be traced", call(101, 0, 0, 0, 0))
attempt("read a process's memory", call(310, 1, address, 1, address, 1, 0))
attempt("write a process's memory", call(311, 1, address, 1, address, 1, 0))
attempt("write the init's memory file", opened("/proc/1/mem", os.O_RDWR))
attempt("kill the init", kill_init)
attempt("signal everything", kill_all)
attempt("signal a process of the host", lambda: os.kill(host, 0) or "there")
attempt("see a process of the host", lambda: os.stat("/proc/%d" % host) and "there")
attempt("take a descriptor of the init", call(438, 1, 1, 0))
attempt("enter a namespace", call(308, 1, 0))
attempt("make a user namespace", call(272, 0x10000000))
attempt("make a mount namespace", call(272, 0x20000))
attempt("clone into a user namespace", call(56, 0x10000000 | 17, 0, 0, 0, 0))
attempt("clone3 into a user namespace",
        lambda: (struct.pack_into("8Q", buffer, 0, 0x10000000, 0, 0, 0, 17, 0, 0, 0), call(435, address, 64)())[1])
attempt("become root", lambda: os.setuid(0) or "root")
attempt("join a group", lambda: os.setgroups([0]) or "joined")
every = 0xffffffff
attempt("take capabilities",
        lambda: (struct.pack_into("IiIIIIII", buffer, 0, 0x20080522, 0, every, every, 0, every, every, 0),
                 call(126, address, address + 8)())[1])
attempt("raise an ambient capability", call(157, 47, 2, 21, 0, 0))
attempt("lift no_new_privs", call(157, 38, 0, 0, 0, 0))
attempt("take real-time priority", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)) or "taken")
attempt("raise its priority", lambda: os.setpriority(os.PRIO_PROCESS, 0, -20) or "raised")
attempt("raise a limit", lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20)) or "raised")
attempt("type into a terminal", opened("/dev/tty", os.O_RDWR))

# ---- The kernel
for name, number, arguments in (
    ("bpf", 321, (0, address, 64)), ("perf_event_open", 298, (address, 0, -1, -1, 0)), ("userfaultfd", 323, (0,)),
    ("io_uring_setup", 425, (4, address)), ("add_key", 248, (b"user", b"x", b"x", 1, -3)),
    ("keyctl", 250, (0, -3, 1)), ("init_module", 175, (address, 4, b"")), ("kexec_load", 246, (0, 0, 0, 0)),
    ("reboot", 169, (0, 0, 0, 0)), ("set the clock", 227, (0, address)), ("adjust the clock", 159, (address,)),
    ("sethostname", 170, (b"x", 1)), ("syslog", 103, (3, address, 16)), ("iopl", 172, (3,)),
    ("modify_ldt", 154, (1, address, 16)), ("fanotify_init", 300, (0, 0)), ("acct", 163, (b"/tmp/x",)),
    ("swapon", 167, (b"/tmp/x", 0)), ("quotactl", 179, (0, 0, 0, 0)), ("quotactl_fd", 443, (0, 0, 0, 0)),
    ("vmsplice", 278, (1, address, 0, 0)), ("move_pages", 279, (0, 0, 0, 0, 0, 0)),
    ("migrate_pages", 256, (0, 0, 0, 0)), ("process_madvise", 440, (-1, address, 0, 0, 0)),
    ("kcmp", 312, (1, 1, 0, 0, 0)), ("futex_waitv", 449, (0, 0, 0, 0, 0)),
    ("io_pgetevents", 333, (0, 0, 0, 0, 0, 0)), ("ustat", 136, (0, address)), ("sysfs", 139, (3,)),
    ("statmount, newer than the list", 457, (address, address, 64, 0)), ("a call that no kernel has yet", 999, ()),
    ("addresses not randomised", 135, (0x40000,)), ("another calling convention", 0x40000000 + 39, ()),
): attempt(name, call(number, *arguments))

# ---- Networks
attempt("connect to the host by loopback", connected(socket.AF_INET, ("127.0.0.1", port)))
attempt("connect to the internet", connected(socket.AF_INET, ("192.0.2.1", 80)))
attempt("connect to the internet by IPv6", connected(socket.AF_INET6, ("2001:db8::1", 80)))
attempt("connect to an abstract socket of the host", connected(socket.AF_UNIX, "\0" + abstract))
attempt("connect to a daemon of the host", connected(socket.AF_UNIX, "/run/dbus/system_bus_socket"))
attempt("raw sockets", family(socket.AF_INET, protocol=1))
attempt("packet sockets", family(17))
attempt("vsock", family(40, socket.SOCK_STREAM))
attempt("the kernel's cryptography", family(38, socket.SOCK_SEQPACKET))
attempt("Bluetooth", family(31))
attempt("IPsec keys", family(15))
attempt("XDP", family(44))
attempt("audit by netlink", family(16, protocol=9))
attempt("a pair of another family", lambda: call(53, 40, 1, 0, address)())
