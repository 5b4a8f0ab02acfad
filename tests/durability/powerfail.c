/* A disk that loses power, fails, fills up, and a clock that people set: for the process that preloads it (LD_PRELOAD).
 *
 * POWERFAIL_DIR      the directory whose files are watched, without symbolic links.
 * POWERFAIL_LOG      a file that gets a record of everything that happens to them, in order. Whoever reads it can tell for
 *                    each moment what a power failure must leave (disk.py does).
 * POWERFAIL_CONTROL  a file of `struct control`, shared with the test, which arms faults while the process runs.
 *
 * Everything goes to the real files too, where the process reads it, but no sync does: the log says what is safe. What is
 * not understood ends the process, so that nothing passes unseen.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FILES = 65536 };

/* The kinds of records, and of operations that can be made to fail. */
enum kind { CREATE = 1, WRITE, TRUNCATE, SYNC, FAILED_SYNC, RENAME, UNLINK, SYNC_DIRECTORY, MAKE_DIRECTORY, OPEN };

struct control {
    int64_t kind;        /* which operation fails */
    int64_t at;          /* which of them, counted down to 1 */
    int64_t times;       /* how many of them from there on */
    int64_t error;       /* errno; 0: only half of it is done, as write(2) may */
    int64_t fired;       /* how many have failed */
    int64_t room;        /* by how many bytes files may grow; negative: without limit */
    int64_t clock;       /* by how many nanoseconds the clock of the wall is wrong */
    int64_t lying_log;   /* whether a sync of the database's log does nothing */
};

struct header {
    uint8_t kind;
    uint8_t unused[3];
    uint32_t length;     /* of what follows */
    uint64_t file;
    uint64_t offset;
} __attribute__((packed));

enum what { UNWATCHED, PLAIN, LOG, DIRECTORY };
static struct {
    enum what what;
    uint64_t file;
    char path[256];      /* of a directory */
} open_files[FILES];

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct control nothing = {.room = -1};
static struct control *control = &nothing;
static int log_file = -1;
static char watched[256];
static size_t watched_length;

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int real_open(const char *path, int flags, mode_t mode) {
    static int (*real)(const char *, int, ...);
    if (!real) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
    return real(path, flags, mode);
}

static int real_close(int file) {
    REAL(close);
    return real(file);
}

static void give_up(const char *what) {
    dprintf(2, "powerfail: %s\n", what);
    abort();
}

__attribute__((constructor)) static void start(void) {
    const char *directory = getenv("POWERFAIL_DIR"), *log = getenv("POWERFAIL_LOG"), *shared = getenv("POWERFAIL_CONTROL");
    if (!directory) return;
    if (strlen(directory) >= sizeof watched) give_up("the name of the directory is too long");
    if (log && (log_file = real_open(log, O_WRONLY | O_APPEND | O_CLOEXEC, 0)) < 0) give_up("no log");
    if (shared) {
        int file = real_open(shared, O_RDWR | O_CLOEXEC, 0);
        control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (file < 0 || control == MAP_FAILED) give_up("no control");
        real_close(file);
    }
    strcpy(watched, directory);
    watched_length = strlen(watched);
}

static int is_watched(const char *path) {
    return watched_length && path && strncmp(path, watched, watched_length) == 0 && path[watched_length] == '/';
}

static int ends_with(const char *path, const char *end) {
    size_t length = strlen(path), wanted = strlen(end);
    return length >= wanted && strcmp(path + length - wanted, end) == 0;
}

static void record(enum kind kind, uint64_t file, uint64_t offset, const void *data, size_t length) {
    REAL(writev);
    if (log_file < 0) return;
    struct header header = {.kind = (uint8_t)kind, .length = (uint32_t)length, .file = file, .offset = offset};
    struct iovec parts[2] = {{&header, sizeof header}, {(void *)data, length}};
    if (real(log_file, parts, 2) != (ssize_t)(sizeof header + length)) give_up("the log is full");
}

static void record_path(enum kind kind, uint64_t file, const char *path) {
    record(kind, file, 0, path + watched_length, strlen(path + watched_length));
}

/* Whether this operation has to fail. */
static int fails(enum kind kind) {
    if (control->kind != kind) return 0;
    if (control->at > 1) {
        control->at--;
        return 0;
    }
    if (control->times <= 0) return 0;
    control->times--;
    control->fired++;
    return 1;
}

static enum what what_is(int file) {
    return file >= 0 && file < FILES ? open_files[file].what : UNWATCHED;
}

/* ---- files and names ---- */

static int watched_open(const char *path, int flags, mode_t mode) {
    struct stat stat;
    pthread_mutex_lock(&mutex);
    int result = -1, missing = lstat(path, &stat) != 0;
    if (fails(OPEN)) {
        errno = (int)control->error;
    } else if ((result = real_open(path, flags, mode)) >= 0) {
        if (result >= FILES) give_up("too many files");
        if (fstat(result, &stat) != 0) give_up("fstat");
        int shared_memory = ends_with(path, "-shm");
        open_files[result].what = S_ISDIR(stat.st_mode) ? DIRECTORY
            : shared_memory                            ? UNWATCHED
            : ends_with(path, "-wal")                  ? LOG
                                                       : PLAIN;
        open_files[result].file = stat.st_ino;
        snprintf(open_files[result].path, sizeof open_files[result].path, "%s", path);
        if (!shared_memory && missing) record_path(CREATE, stat.st_ino, path);
        if (!shared_memory && !missing && (flags & O_TRUNC)) record(TRUNCATE, stat.st_ino, 0, NULL, 0);
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

static int any_open(const char *path, int flags, va_list arguments) {
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    /* A directory that is watched is itself a place for names. */
    if (is_watched(path) || (watched_length && strcmp(path, watched) == 0)) return watched_open(path, flags, mode);
    return real_open(path, flags, mode);
}

#define OPENS(name) \
    int name(const char *path, int flags, ...) { \
        va_list arguments; \
        va_start(arguments, flags); \
        int result = any_open(path, flags, arguments); \
        va_end(arguments); \
        return result; \
    }
OPENS(open)
OPENS(open64)

int close(int file) {
    if (what_is(file) == UNWATCHED) return real_close(file);
    pthread_mutex_lock(&mutex);
    open_files[file].what = UNWATCHED;
    int result = real_close(file);
    pthread_mutex_unlock(&mutex);
    return result;
}

int unlink(const char *path) {
    REAL(unlink);
    if (!is_watched(path) || ends_with(path, "-shm")) return real(path);
    pthread_mutex_lock(&mutex);
    int result = real(path);
    if (result == 0) record_path(UNLINK, 0, path);
    pthread_mutex_unlock(&mutex);
    return result;
}

int rename(const char *from, const char *to) {
    REAL(rename);
    if (!is_watched(from) && !is_watched(to)) return real(from, to);
    char both[1024];
    pthread_mutex_lock(&mutex);
    int result = real(from, to);
    int length = snprintf(both, sizeof both, "%s%c%s", from + watched_length, '\n', to + watched_length);
    if (result == 0) record(RENAME, 0, 0, both, (size_t)length);
    pthread_mutex_unlock(&mutex);
    return result;
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    if (!is_watched(path)) return real(path, mode);
    pthread_mutex_lock(&mutex);
    int result = real(path, mode);
    if (result == 0) record_path(MAKE_DIRECTORY, 0, path);
    pthread_mutex_unlock(&mutex);
    return result;
}

/* ---- content ---- */

static ssize_t real_pwrite(int file, const void *data, size_t length, off_t offset) {
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (!real) real = (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
    return real(file, data, length, offset);
}

static off_t size_of(int file) {
    struct stat stat;
    return fstat(file, &stat) == 0 ? stat.st_size : 0;
}

static ssize_t watched_write(int file, const void *data, size_t length, off_t offset) {
    ssize_t result = -1;
    pthread_mutex_lock(&mutex);
    int failing = fails(WRITE);
    off_t growth = offset + (off_t)length - size_of(file);
    if (failing && control->error != 0) {
        errno = (int)control->error;
    } else if (control->room >= 0 && growth > control->room) {
        control->fired++;
        errno = ENOSPC;
    } else {
        if (failing && length > 1) length /= 2;
        if (control->room >= 0 && growth > 0) control->room -= growth;
        /* First: a write that nobody waits for may have reached the disk or not. */
        record(WRITE, open_files[file].file, (uint64_t)offset, data, length);
        result = real_pwrite(file, data, length, offset);
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

ssize_t pwrite(int file, const void *data, size_t length, off_t offset) {
    if (what_is(file) == UNWATCHED) return real_pwrite(file, data, length, offset);
    return watched_write(file, data, length, offset);
}

ssize_t pwrite64(int file, const void *data, size_t length, off_t offset) {
    return pwrite(file, data, length, offset);
}

ssize_t write(int file, const void *data, size_t length) {
    REAL(write);
    if (what_is(file) == UNWATCHED) return real(file, data, length);
    off_t at = lseek(file, 0, SEEK_CUR);
    ssize_t result = watched_write(file, data, length, at);
    if (result > 0) lseek(file, at + result, SEEK_SET);
    return result;
}

int ftruncate(int file, off_t length) {
    static int (*real)(int, off_t);
    if (!real) real = (int (*)(int, off_t))dlsym(RTLD_NEXT, "ftruncate64");
    if (what_is(file) == UNWATCHED) return real(file, length);
    pthread_mutex_lock(&mutex);
    off_t before = size_of(file);
    if (control->room >= 0 && before > length) control->room += before - length;
    record(TRUNCATE, open_files[file].file, (uint64_t)length, NULL, 0);
    int result = real(file, length);
    pthread_mutex_unlock(&mutex);
    return result;
}

int ftruncate64(int file, off_t length) {
    return ftruncate(file, length);
}

static int watched_sync(int file) {
    int result = 0;
    pthread_mutex_lock(&mutex);
    if (fails(SYNC)) {
        errno = (int)control->error;
        result = -1;
        /* Names are in a journal, which keeps them. */
        if (what_is(file) != DIRECTORY) record(FAILED_SYNC, open_files[file].file, 0, NULL, 0);
    } else if (what_is(file) == DIRECTORY) {
        record_path(SYNC_DIRECTORY, 0, open_files[file].path);
    } else if (!(control->lying_log && what_is(file) == LOG)) {
        record(SYNC, open_files[file].file, 0, NULL, 0);
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

int fsync(int file) {
    REAL(fsync);
    return what_is(file) == UNWATCHED ? real(file) : watched_sync(file);
}

int fdatasync(int file) {
    REAL(fdatasync);
    return what_is(file) == UNWATCHED ? real(file) : watched_sync(file);
}

/* What would pass unseen. Those with another way to do the same say that they cannot. */

ssize_t writev(int file, const struct iovec *parts, int count) {
    REAL(writev);
    if (what_is(file) != UNWATCHED) give_up("writev");
    return real(file, parts, count);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t offset) {
    REAL(pwritev);
    if (what_is(file) != UNWATCHED) give_up("pwritev");
    return real(file, parts, count, offset);
}

ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *there, size_t length, unsigned flags) {
    REAL(copy_file_range);
    if (what_is(to) == UNWATCHED) return real(from, at, to, there, length, flags);
    errno = ENOSYS;
    return -1;
}

int posix_fallocate64(int file, off64_t offset, off64_t length) {
    REAL(posix_fallocate64);
    if (what_is(file) != UNWATCHED) give_up("posix_fallocate64");
    return real(file, offset, length);
}

int dup(int file) {
    REAL(dup);
    if (what_is(file) != UNWATCHED) give_up("dup");
    return real(file);
}

/* ---- the clock of the wall ---- */

int clock_gettime(clockid_t clock, struct timespec *time) {
    REAL(clock_gettime);
    int result = real(clock, time);
    if (clock == CLOCK_REALTIME && result == 0) {
        int64_t all = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec + control->clock;
        time->tv_sec = all / 1000000000;
        time->tv_nsec = all % 1000000000;
    }
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}
