/* Preloaded into a program (LD_PRELOAD), counts what it changes below one folder and makes the Nth operation fail.
 * Environment: FAULT_UNDER (the folder, resolved), FAULT_AT (1-based; 0 counts only), FAULT_HOW (ENOSPC, EIO, KILL, SHORT),
 * FAULT_LASTING=1 (that one and all later ones), FAULT_LOG (gets "N operation path", and "fired N" before a fault).
 * The count is one for the whole tree of processes when FAULT_LOG is set: it lives in a file beside the log. Without a
 * log, a program that is exec'd counts anew. Under SHORT only writes of two bytes and more count: the others can't be cut.
 * Not seen: stores into mapped memory, output through a FILE *, direct system calls, io_uring, changes of mode or time. */
#undef _FORTIFY_SOURCE
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
enum { PASS, FAIL, CUT };

static const char *under, *log_path;
static size_t under_length;
static long at;
static int lasting, cuts, kills, code;
static atomic_long alone, *count = &alone;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void setup(void) {
    const char *text = getenv("FAULT_HOW");
    if (!(under = getenv("FAULT_UNDER")) || !*under) { under = 0; return; }
    under_length = strlen(under);
    log_path = getenv("FAULT_LOG");
    cuts = text && !strcmp(text, "SHORT");
    kills = text && !strcmp(text, "KILL");
    code = text && !strcmp(text, "ENOSPC") ? ENOSPC : EIO;
    at = (text = getenv("FAULT_AT")) ? strtol(text, 0, 10) : 0;
    lasting = (text = getenv("FAULT_LASTING")) && !strcmp(text, "1");
    int descriptor = -1, flags = MAP_SHARED | MAP_ANONYMOUS;
    if (log_path) {
        char name[PATH_MAX];
        snprintf(name, sizeof name, "%s.count", log_path);
        descriptor = REAL(open)(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (descriptor < 0 || REAL(ftruncate)(descriptor, sizeof *count)) abort(); /* a silent miscount would be worse */
        flags = MAP_SHARED;
    }
    void *page = mmap(0, sizeof *count, PROT_READ | PROT_WRITE, flags, descriptor, 0);
    if (page == MAP_FAILED) abort();
    count = page;
    if (descriptor >= 0) close(descriptor);
}

/* A process that was started without a fault, once it has forked: from here on, operation `number` below `folder` fails. */
void faults_arm(const char *folder, long number, const char *how, const char *log) {
    pthread_once(&once, setup);
    under = strdup(folder);
    under_length = strlen(under);
    log_path = strdup(log);
    cuts = !strcmp(how, "SHORT");
    kills = !strcmp(how, "KILL");
    code = !strcmp(how, "ENOSPC") ? ENOSPC : EIO;
    at = number;
    lasting = 0;
    alone = 0;
    count = &alone;
}

static void note(const char *line, int length) {
    if (!log_path) return;
    int descriptor = REAL(open)(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (descriptor < 0 || REAL(write)(descriptor, line, length) != length) abort();
    close(descriptor);
}

static int inside(const char *path) {
    return !strncmp(path, under, under_length) && (path[under_length] == '/' || !path[under_length]);
}

static int decide(const char *operation, const char *path, size_t length) {
    char line[PATH_MAX + 64];
    if (cuts && length < 2) return PASS;
    long n = atomic_fetch_add(count, 1) + 1;
    note(line, snprintf(line, sizeof line, "%ld %s %s\n", n, operation, path));
    if (!at || n < at || (n > at && !lasting)) return PASS;
    note(line, snprintf(line, sizeof line, "fired %ld\n", n));
    if (kills) for (;;) kill(getpid(), SIGKILL);
    return cuts ? CUT : FAIL;
}

static int of_descriptor(int descriptor, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

/* The path with its folder's links followed, as the kernel would; the last name may not exist yet. */
static int of_name(int folder, const char *name, char *path) {
    char whole[2 * PATH_MAX], base[PATH_MAX] = "", parent[PATH_MAX];
    if (!name || !*name || strlen(name) >= PATH_MAX) return 0;
    if (*name != '/' && !(folder == AT_FDCWD ? getcwd(base, sizeof base) != 0 : of_descriptor(folder, base))) return 0;
    size_t length = snprintf(whole, sizeof whole, "%s/%s", base, name);
    while (length > 1 && whole[length - 1] == '/') whole[--length] = 0;
    char *last = strrchr(whole, '/');
    if (!strcmp(last, "/.") || !strcmp(last, "/..")) return realpath(whole, path) != 0;
    *last = 0;
    if (!realpath(*whole ? whole : "/", parent)) return 0; /* no such folder: the operation fails by itself */
    if (strlen(parent) + strlen(last + 1) + 2 > PATH_MAX) return 0;
    sprintf(path, "%s/%s", strcmp(parent, "/") ? parent : "", last + 1);
    return 1;
}

static int on_descriptor(const char *operation, int descriptor, size_t length) {
    char path[PATH_MAX];
    int before = errno, verdict = PASS;
    pthread_once(&once, setup);
    if (under && of_descriptor(descriptor, path) && inside(path)) verdict = decide(operation, path, length);
    errno = verdict == FAIL ? code : before;
    return verdict;
}

static int on_name(const char *operation, int folder, const char *name) {
    char path[PATH_MAX];
    int before = errno, verdict = PASS;
    pthread_once(&once, setup);
    if (under && of_name(folder, name, path) && inside(path)) verdict = decide(operation, path, 0);
    errno = verdict == FAIL ? code : before;
    return verdict;
}

/* Counts once if either name lies in the folder; the log shows the new name when it does. */
static int on_names(const char *operation, int from, const char *old, int to, const char *new) {
    char path[PATH_MAX];
    pthread_once(&once, setup);
    int before = errno, target = under && of_name(to, new, path) && inside(path);
    errno = before;
    return target ? on_name(operation, to, new) : on_name(operation, from, old);
}

static int changes(int flags) { return (flags & (O_CREAT | O_TRUNC)) || (flags & O_ACCMODE) != O_RDONLY; }

int openat(int folder, const char *name, int flags, ...) {
    mode_t mode = 0;
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {
        va_list more;
        va_start(more, flags);
        mode = va_arg(more, mode_t);
        va_end(more);
    }
    if (changes(flags) && on_name("open", folder, name) == FAIL) return -1;
    return REAL(openat)(folder, name, flags, mode);
}
int open(const char *name, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, mode_t) : 0;
    va_end(more);
    return openat(AT_FDCWD, name, flags, mode);
}
int creat(const char *name, mode_t mode) { return openat(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }

/* What a compiler's fortified headers call in their place. */
int __open_2(const char *name, int flags) { return openat(AT_FDCWD, name, flags); }
int __open64_2(const char *name, int flags) { return openat(AT_FDCWD, name, flags); }
int __openat_2(int folder, const char *name, int flags) { return openat(folder, name, flags); }
int __openat64_2(int folder, const char *name, int flags) { return openat(folder, name, flags); }

ssize_t write(int fd, const void *data, size_t n) {
    int verdict = on_descriptor("write", fd, n);
    return verdict == FAIL ? -1 : REAL(write)(fd, data, verdict == CUT ? n / 2 : n);
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t offset) {
    int verdict = on_descriptor("pwrite", fd, n);
    return verdict == FAIL ? -1 : REAL(pwrite)(fd, data, verdict == CUT ? n / 2 : n, offset);
}

static size_t total(const struct iovec *parts, int n) {
    size_t sum = 0;
    for (int i = 0; i < n; i++) sum += parts[i].iov_len;
    return sum;
}
/* The first half of the bytes, in at most IOV_MAX parts; returns the number of parts. */
static int halve(const struct iovec *parts, int n, struct iovec *kept) {
    size_t left = total(parts, n) / 2;
    int i = 0;
    for (; i < n && left; left -= kept[i++].iov_len) {
        kept[i] = parts[i];
        if (kept[i].iov_len > left) kept[i].iov_len = left;
    }
    return i;
}
#define VECTOR(call, ...) \
    struct iovec kept[IOV_MAX]; \
    int verdict = n > 0 && n <= IOV_MAX ? on_descriptor(#call, fd, total(parts, n)) : PASS; \
    if (verdict == FAIL) return -1; \
    if (verdict == CUT) { n = halve(parts, n, kept); parts = kept; } \
    return REAL(call)(fd, parts, n, ##__VA_ARGS__);
ssize_t writev(int fd, const struct iovec *parts, int n) { VECTOR(writev) }
ssize_t pwritev(int fd, const struct iovec *parts, int n, off_t offset) { VECTOR(pwritev, offset) }
ssize_t pwritev2(int fd, const struct iovec *parts, int n, off_t offset, int flags) { VECTOR(pwritev2, offset, flags) }

ssize_t sendfile(int to, int from, off_t *offset, size_t n) {
    int verdict = on_descriptor("sendfile", to, n);
    return verdict == FAIL ? -1 : REAL(sendfile)(to, from, offset, verdict == CUT ? n / 2 : n);
}
ssize_t copy_file_range(int from, off64_t *at_from, int to, off64_t *at_to, size_t n, unsigned flags) {
    int verdict = on_descriptor("copy_file_range", to, n);
    return verdict == FAIL ? -1 : REAL(copy_file_range)(from, at_from, to, at_to, verdict == CUT ? n / 2 : n, flags);
}

#define ON_DESCRIPTOR(call, parameters, ...) \
    int call parameters { return on_descriptor(#call, fd, 0) == FAIL ? -1 : REAL(call)(__VA_ARGS__); }
ON_DESCRIPTOR(ftruncate, (int fd, off_t length), fd, length)
ON_DESCRIPTOR(fsync, (int fd), fd)
ON_DESCRIPTOR(fdatasync, (int fd), fd)
ON_DESCRIPTOR(fallocate, (int fd, int mode, off_t offset, off_t length), fd, mode, offset, length)
int posix_fallocate(int fd, off_t offset, off_t length) { /* returns the error, errno is not its business */
    int before = errno, failed = on_descriptor("posix_fallocate", fd, 0) == FAIL;
    errno = before;
    return failed ? code : REAL(posix_fallocate)(fd, offset, length);
}

#define ON_NAME(call, folder, parameters, ...) \
    int call parameters { return on_name(#call, folder, name) == FAIL ? -1 : REAL(call)(__VA_ARGS__); }
ON_NAME(truncate, AT_FDCWD, (const char *name, off_t length), name, length)
ON_NAME(unlink, AT_FDCWD, (const char *name), name)
ON_NAME(unlinkat, folder, (int folder, const char *name, int flags), folder, name, flags)
ON_NAME(remove, AT_FDCWD, (const char *name), name)
ON_NAME(rmdir, AT_FDCWD, (const char *name), name)
ON_NAME(mkdir, AT_FDCWD, (const char *name, mode_t mode), name, mode)
ON_NAME(mkdirat, folder, (int folder, const char *name, mode_t mode), folder, name, mode)
ON_NAME(symlink, AT_FDCWD, (const char *target, const char *name), target, name)
ON_NAME(symlinkat, folder, (const char *target, int folder, const char *name), target, folder, name)

#define ON_NAMES(call, from, to, parameters, ...) \
    int call parameters { return on_names(#call, from, old, to, new) == FAIL ? -1 : REAL(call)(__VA_ARGS__); }
ON_NAMES(rename, AT_FDCWD, AT_FDCWD, (const char *old, const char *new), old, new)
ON_NAMES(renameat, a, b, (int a, const char *old, int b, const char *new), a, old, b, new)
ON_NAMES(renameat2, a, b, (int a, const char *old, int b, const char *new, unsigned flags), a, old, b, new, flags)
ON_NAMES(link, AT_FDCWD, AT_FDCWD, (const char *old, const char *new), old, new)
ON_NAMES(linkat, a, b, (int a, const char *old, int b, const char *new, int flags), a, old, b, new, flags)

/* Programs built for large files call these; with 64 bits they are the same functions. */
_Static_assert(sizeof(off_t) == sizeof(off64_t), "built for 64 bits");
#define SAME(name) __attribute__((alias(#name)))
int open64(const char *name, int flags, ...) SAME(open);
int openat64(int folder, const char *name, int flags, ...) SAME(openat);
int creat64(const char *name, mode_t mode) SAME(creat);
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t offset) SAME(pwrite);
ssize_t pwritev64(int fd, const struct iovec *parts, int n, off64_t offset) SAME(pwritev);
ssize_t pwritev64v2(int fd, const struct iovec *parts, int n, off64_t offset, int flags) SAME(pwritev2);
ssize_t sendfile64(int to, int from, off64_t *offset, size_t n) SAME(sendfile);
int ftruncate64(int fd, off64_t length) SAME(ftruncate);
int truncate64(const char *name, off64_t length) SAME(truncate);
int fallocate64(int fd, int mode, off64_t offset, off64_t length) SAME(fallocate);
int posix_fallocate64(int fd, off64_t offset, off64_t length) SAME(posix_fallocate);
