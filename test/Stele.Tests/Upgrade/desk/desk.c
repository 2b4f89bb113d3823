/* The one program of the smallest AI system that can be governed: it trains its model, serves it, and checks what is
 * served. It is for x86-64 Linux and needs no library, so that a world in which it runs is small, and runs on any such
 * machine: cc -static -nostdlib -Os -ffreestanding -fno-stack-protector -o desk desk.c
 *
 *   desk train ROWS PERCENT MODEL     the limit: PERCENT of the mean amount of the rows that were good
 *   desk serve SOCKET MODEL           POST {"amount":N}: approve, or deny above the limit
 *   desk check SOCKET ROWS REPORT     asks the served model about every row: how often is it right, and how often is
 *                                     the answer yes in each group? (of a thousand)
 *
 * ROWS has lines "group,amount,good" with a group of one letter and good 0 or 1. */
typedef unsigned long u64;
typedef long i64;

static i64 call(i64 n, i64 a, i64 b, i64 c, i64 d)
{
    i64 r;
    register i64 r10 __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return r;
}
enum
{
    READ = 0, WRITE = 1, OPEN = 2, CLOSE = 3, SIGACTION = 13, SOCKET = 41, CONNECT = 42, ACCEPT = 43, BIND = 49,
    LISTEN = 50, EXIT = 60, UNLINK = 87,
};

void *memset(void *to, int byte, u64 n) { char *t = to; while (n--) *t++ = byte; return to; }
void *memcpy(void *to, const void *from, u64 n)
{
    char *t = to;
    const char *f = from;
    while (n--) *t++ = *f++;
    return to;
}
static u64 length(const char *s) { u64 n = 0; while (s[n]) n++; return n; }

static void end(int code) { call(EXIT, code, 0, 0, 0); for (;;); }
static void fail(const char *why) { call(WRITE, 2, (i64)why, length(why), 0); call(WRITE, 2, (i64)"\n", 1, 0); end(1); }
static void stop(int signal) { (void)signal; end(0); }

static const char *find(const char *in, const char *what)
{
    for (; *in; in++)
    {
        u64 i = 0;
        while (what[i] && in[i] == what[i]) i++;
        if (!what[i]) return in + i;
    }
    return 0;
}
static i64 number(const char **at)
{
    i64 n = 0;
    while (**at == ' ') ++*at;
    if (**at < '0' || **at > '9') return -1;
    while (**at >= '0' && **at <= '9' && n < 1000000000) n = n * 10 + *(*at)++ - '0';
    return n;
}

static char text[65536];
static u64 used;
static void put(const char *s)
{
    u64 n = length(s);
    if (used + n >= sizeof text) fail("too long");
    memcpy(text + used, s, n);
    text[used += n] = 0;
}
static void put_number(i64 n)
{
    char d[24];
    int i = 23;
    d[i] = 0;
    do d[--i] = '0' + n % 10;
    while (n /= 10);
    put(d + i);
}

static u64 read_all(int from, char *into, u64 room)
{
    u64 n = 0;
    i64 got;
    while (n < room - 1 && (got = call(READ, from, (i64)into + n, room - 1 - n, 0)) > 0) n += got;
    into[n] = 0;
    return n;
}
static void write_all(int to, const char *s, u64 n)
{
    for (i64 put; n; s += put, n -= put)
        if ((put = call(WRITE, to, (i64)s, n, 0)) <= 0) return;
}
static void read_file(const char *path, char *into, u64 room)
{
    i64 f = call(OPEN, (i64)path, 0, 0, 0);
    if (f < 0) fail("a file is missing");
    read_all(f, into, room);
    call(CLOSE, f, 0, 0, 0);
}
static void write_file(const char *path)
{
    i64 f = call(OPEN, (i64)path, 01 | 0100 | 01000, 0644, 0);
    if (f < 0) fail("a file can't be written");
    write_all(f, text, used);
    call(CLOSE, f, 0, 0, 0);
}

struct address { unsigned short family; char path[108]; };
static i64 unix_socket(const char *path, struct address *a)
{
    memset(a, 0, sizeof *a);
    a->family = 1;
    if (length(path) >= sizeof a->path) fail("the socket's path is too long");
    memcpy(a->path, path, length(path));
    return call(SOCKET, 1, 1, 0, 0);
}

static char rows[65536], model[4096], request[1 << 20];

static int next_row(const char **at, char *group, i64 *amount, i64 *good)
{
    if (!**at) return 0;
    *group = *(*at)++;
    ++*at;
    *amount = number(at);
    ++*at;
    *good = number(at);
    if (*amount < 0 || *good < 0) fail("a row is no row");
    if (**at == '\n') ++*at;
    return 1;
}

static void train(const char *from, const char *percent, const char *to)
{
    char group;
    i64 amount, good, sum = 0, count = 0;
    read_file(from, rows, sizeof rows);
    for (const char *at = rows; next_row(&at, &group, &amount, &good);)
        if (good) { sum += amount; count++; }
    if (!count) fail("no row was good");
    put("limit ");
    put_number(sum * number(&percent) / (count * 100));
    put("\n");
    write_file(to);
}

static void serve(const char *path, const char *from)
{
    struct { void *handler; u64 flags; void *restorer; u64 mask; } action = { stop, 0x04000000, stop, 0 };
    struct address a;
    read_file(from, model, sizeof model);
    const char *at = find(model, "limit ");
    i64 limit = at ? number(&at) : -1, listener = unix_socket(path, &a), c;
    if (limit < 0) fail("the model has no limit");
    /* The first process of a sandbox dies of no signal that it does not handle. */
    call(SIGACTION, 15, (i64)&action, 0, 8);
    call(UNLINK, (i64)path, 0, 0, 0);
    if (call(BIND, listener, (i64)&a, sizeof a, 0) < 0 || call(LISTEN, listener, 128, 0, 0) < 0)
        fail("the socket can't be opened");
    while ((c = call(ACCEPT, listener, 0, 0, 0)) >= 0)
    {
        u64 n = 0;
        const char *body = 0;
        request[0] = 0;
        while (n < sizeof request - 1)
        {
            i64 got = call(READ, c, (i64)request + n, sizeof request - 1 - n, 0), left;
            if (got <= 0) break;
            request[n += got] = 0;
            if (!(body = find(request, "\r\n\r\n"))) continue;
            for (char *h = request; h < body; h++) if (*h >= 'A' && *h <= 'Z') *h += 32;
            const char *l = find(request, "\r\ncontent-length:");
            left = l && l < body ? number(&l) : 0;
            if ((i64)(request + n - body) >= left) break;
        }
        used = 0;
        const char *asked = body ? find(body, "\"amount\":") : 0;
        i64 amount = asked ? number(&asked) : -1;
        put("{\"decision\":");
        put(amount < 0 ? "null" : amount <= limit ? "\"approve\"" : "\"deny\"");
        put(",\"limit\":");
        put_number(limit);
        put("}");
        static char head[256];
        u64 size = used;
        used = 0;
        memcpy(head, text, size);
        head[size] = 0;
        put("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ");
        put_number(size);
        put("\r\n\r\n");
        put(head);
        write_all(c, text, used);
        call(CLOSE, c, 0, 0, 0);
    }
    fail("nobody can be let in any more");
}

static void check(const char *path, const char *from, const char *to)
{
    static i64 heard[26], yes[26];
    char group;
    i64 amount, good, count = 0, right = 0;
    read_file(from, rows, sizeof rows);
    for (const char *at = rows; next_row(&at, &group, &amount, &good); count++)
    {
        struct address a;
        i64 s = unix_socket(path, &a);
        if (call(CONNECT, s, (i64)&a, sizeof a, 0) < 0) fail("the release is not there");
        used = 0;
        put("{\"amount\":");
        put_number(amount);
        put("}");
        u64 size = used;
        memcpy(model, text, size);
        model[size] = 0;
        used = 0;
        put("POST /decide HTTP/1.1\r\nHost: release\r\nContent-Type: application/json\r\nConnection: close\r\n");
        put("Content-Length: ");
        put_number(size);
        put("\r\n\r\n");
        put(model);
        write_all(s, text, used);
        read_all(s, request, sizeof request);
        call(CLOSE, s, 0, 0, 0);
        int approved = find(request, "\"approve\"") != 0;
        if (!approved && !find(request, "\"deny\"")) fail("the release gave no answer");
        right += approved == good;
        if (group < 'a' || group > 'z') fail("a row is no row");
        heard[group - 'a']++;
        yes[group - 'a'] += approved;
    }
    if (!count) fail("there are no rows");
    used = 0;
    put("{\"counts\":{\"rows\":");
    put_number(count);
    put("},\"groups\":{");
    for (int g = 0, first = 1; g < 26; g++)
        if (heard[g])
        {
            char name[] = { 'a' + g, 0 };
            if (!first) put(",");
            first = 0;
            put("\"");
            put(name);
            put("\":{\"approved\":");
            put_number(yes[g] * 1000 / heard[g]);
            put("}");
        }
    put("},\"metrics\":{\"right\":");
    put_number(right * 1000 / count);
    put("}}");
    write_file(to);
}

__attribute__((used)) static void begin(u64 *stack)
{
    const char **given = (const char **)(stack + 1);
    if (stack[0] == 5 && find(given[1], "train")) train(given[2], given[3], given[4]);
    else if (stack[0] == 4 && find(given[1], "serve")) serve(given[2], given[3]);
    else if (stack[0] == 5 && find(given[1], "check")) check(given[2], given[3], given[4]);
    else fail("usage: desk train ROWS PERCENT MODEL | serve SOCKET MODEL | check SOCKET ROWS REPORT");
    end(0);
}
__asm__(".globl _start\n_start:\n\txor %ebp,%ebp\n\tmov %rsp,%rdi\n\tand $-16,%rsp\n\tcall begin\n");
