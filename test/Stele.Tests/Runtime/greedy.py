"""A service that, asked for /measure, takes as much as it gets of each thing, and says how much that was."""
import os, resource, signal, socket, sys, time


def filled(path):
    """Bytes that a file system takes; 1 GiB at most."""
    n = 0
    try:
        with open(path + '/fill', 'wb', buffering=0) as f:
            while n < 1 << 30: n += f.write(b'x' * 65536)
    except OSError: pass
    os.unlink(path + '/fill')
    return n


def size(path):
    found = os.statvfs(path)
    return found.f_blocks * found.f_frsize


def descriptors():
    opened = []
    before = len(os.listdir('/proc/self/fd')) - 1
    try:
        while len(opened) < 100000: opened.append(os.open('/', os.O_RDONLY))
    except OSError: pass
    for descriptor in opened: os.close(descriptor)
    return before + len(opened)


def largest_file():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    low, high = 0, 1 << 50
    with open('/tmp/large', 'wb', buffering=0) as f:
        while high - low > 1:
            middle = (low + high) // 2
            try:
                f.truncate(middle)
                low = middle
            except OSError: high = middle
    os.unlink('/tmp/large')
    return low


def end(children):
    for child in children: os.kill(child, signal.SIGKILL)
    for child in children: os.waitpid(child, 0)


def processes():
    """How many there are inside when no more are given; 500 more at most."""
    children = []
    try:
        while len(children) < 500:
            child = os.fork()
            if child == 0:
                time.sleep(600)
                os._exit(0)
            children.append(child)
    except OSError: pass
    found = sum(name.isdigit() for name in os.listdir('/proc'))
    end(children)
    return found


def processors():
    """Percent of one that four processes got together, in three seconds."""
    began = time.monotonic()
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            while time.monotonic() < began + 3: pass
            os._exit(0)
        children.append(child)
    for child in children: os.waitpid(child, 0)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(100 * (used.ru_utime + used.ru_stime) / (time.monotonic() - began))


def killed_for_memory():
    """Whether one that takes 400 MiB is killed."""
    child = os.fork()
    if child == 0:
        held = []
        for _ in range(40): held.append(bytearray(os.urandom(1 << 20) * 10))
        os._exit(0)
    return int(os.WIFSIGNALED(os.waitpid(child, 0)[1]))


def measured():
    figures = {
        'run': filled('/run'), 'shm': filled('/dev/shm'), 'tmp': size('/tmp'), 'descriptors': descriptors(),
        'largest-file': largest_file(), 'nproc': resource.getrlimit(resource.RLIMIT_NPROC)[1],
        'core': resource.getrlimit(resource.RLIMIT_CORE)[1], 'processes': processes(), 'processors': processors(),
        'killed-for-memory': killed_for_memory(),
    }
    return ''.join(f'{name} {value}\n' for name, value in figures.items())


server = socket.socket(socket.AF_UNIX)
server.bind('/run/service.sock')
server.listen(16)
while True:
    client, _ = server.accept()
    body = (measured() if b' /measure ' in client.recv(65536) else 'ok').encode()
    client.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' % (len(body), body))
    client.close()
