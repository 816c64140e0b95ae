/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libstorhost-sg.so: lets programs that speak SCSI through the Linux sg driver (sg3_utils, sdparm,
 * iscsi-test-cu) reach the disk of a running `storhost serve`.
 *
 *   LD_PRELOAD=build/libstorhost-sg.so STORHOST_SG=PATH-OF-THE-SOCKET sg_inq /dev/sg999
 *
 * The library answers for one path, STORHOST_SG_PATH (default /dev/sg999), which need not exist.
 * Opening it gives a descriptor of /dev/null, so that whatever this library does not know about
 * does no harm, and a connection to storhost beside it. Everything else goes to the C library.
 *
 * Programs reach open and stat by many names: with large files, relative to a folder, checked at
 * compile time, of glibc before 2.33. All are here, and each ends in open_device or fill_stat.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ways/sg/sg_file.h"

#define DEFAULT_PATH   "/dev/sg999"
#define SG_MAJOR       21 /* character devices of the sg driver */
#define SG_MINOR       99
#define EXPORTED       __attribute__((visibility("default")))
#define NEXT(function) ((__typeof__(&function))next_symbol(#function))

/* An open descriptor of the device. */
struct descriptor {
    struct descriptor *next;
    int fd;
    unsigned users; /* calls that use it now, plus one while it is open */
    struct sg_file *file;
};

static pthread_mutex_t descriptors_lock = PTHREAD_MUTEX_INITIALIZER;
static struct descriptor *descriptors;

/* The function of that name that would be called without this library. */
static void *next_symbol(const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);

    if (symbol == NULL) {
        fprintf(stderr, "libstorhost-sg: the C library has no %s\n", name);
        abort();
    }
    return symbol;
}

static bool is_device(const char *path)
{
    const char *wanted = getenv("STORHOST_SG_PATH");

    if (path == NULL) {
        return false;
    }
    return strcmp(path, wanted != NULL && wanted[0] != '\0' ? wanted : DEFAULT_PATH) == 0;
}

/* Finds a descriptor and keeps it from being freed until leave(). NULL: not the device's. */
static struct descriptor *enter(int fd)
{
    struct descriptor *one;

    pthread_mutex_lock(&descriptors_lock);
    one = descriptors;
    while (one != NULL && one->fd != fd) {
        one = one->next;
    }
    if (one != NULL) {
        one->users++;
    }
    pthread_mutex_unlock(&descriptors_lock);
    return one;
}

static void leave(struct descriptor *one)
{
    bool last;

    pthread_mutex_lock(&descriptors_lock);
    last = --one->users == 0;
    pthread_mutex_unlock(&descriptors_lock);
    if (last) {
        sg_file_close(one->file);
        free(one);
    }
}

static bool is_descriptor(int fd)
{
    struct descriptor *one = enter(fd);

    if (one == NULL) {
        return false;
    }
    leave(one);
    return true;
}

static int add_descriptor(int fd, struct sg_file *file)
{
    struct descriptor *one = calloc(1, sizeof(*one));

    if (one == NULL) {
        return -1;
    }
    one->fd = fd;
    one->users = 1;
    one->file = file;
    pthread_mutex_lock(&descriptors_lock);
    one->next = descriptors;
    descriptors = one;
    pthread_mutex_unlock(&descriptors_lock);
    return 0;
}

/* Opens the device: the descriptor that the program gets, or -1 with errno. */
static int open_device(int flags)
{
    const char *socket_path = getenv("STORHOST_SG");
    struct sg_file *file;
    int fd;

    if (socket_path == NULL || socket_path[0] == '\0') {
        fprintf(stderr, "libstorhost-sg: STORHOST_SG is not set: it names the socket of a running "
                        "storhost serve\n");
        errno = ENXIO;
        return -1;
    }
    file = sg_file_open(socket_path);
    if (file == NULL) {
        return -1;
    }
    fd = NEXT(open)("/dev/null", flags & (O_ACCMODE | O_CLOEXEC | O_NONBLOCK));
    if (fd < 0 || add_descriptor(fd, file) != 0) {
        if (fd >= 0) {
            NEXT(close)(fd);
            errno = ENOMEM;
        }
        sg_file_close(file);
        return -1;
    }
    return fd;
}

/* The mode argument that open has only when it may create a file. */
#define MODE_ARGUMENT(flags, mode)                                        \
    do {                                                                  \
        if (((flags)&O_CREAT) != 0 || ((flags)&O_TMPFILE) == O_TMPFILE) { \
            va_list arguments;                                            \
            va_start(arguments, flags);                                   \
            (mode) = va_arg(arguments, mode_t);                           \
            va_end(arguments);                                            \
        }                                                                 \
    } while (0)

EXPORTED int open(const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_ARGUMENT(flags, mode);
    return is_device(path) ? open_device(flags) : NEXT(open)(path, flags, mode);
}

EXPORTED int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_ARGUMENT(flags, mode);
    return is_device(path) ? open_device(flags) : NEXT(open64)(path, flags, mode);
}

EXPORTED int openat(int folder, const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_ARGUMENT(flags, mode);
    return is_device(path) ? open_device(flags) : NEXT(openat)(folder, path, flags, mode);
}

EXPORTED int openat64(int folder, const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_ARGUMENT(flags, mode);
    return is_device(path) ? open_device(flags) : NEXT(openat64)(folder, path, flags, mode);
}

/* The names under which _FORTIFY_SOURCE calls open without a mode. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int folder, const char *path, int flags);
int __openat64_2(int folder, const char *path, int flags);

EXPORTED int __open_2(const char *path, int flags)
{
    return is_device(path) ? open_device(flags) : NEXT(__open_2)(path, flags);
}

EXPORTED int __open64_2(const char *path, int flags)
{
    return is_device(path) ? open_device(flags) : NEXT(__open64_2)(path, flags);
}

EXPORTED int __openat_2(int folder, const char *path, int flags)
{
    return is_device(path) ? open_device(flags) : NEXT(__openat_2)(folder, path, flags);
}

EXPORTED int __openat64_2(int folder, const char *path, int flags)
{
    return is_device(path) ? open_device(flags) : NEXT(__openat64_2)(folder, path, flags);
}

EXPORTED int close(int fd)
{
    struct descriptor **link = &descriptors, *closed;

    pthread_mutex_lock(&descriptors_lock);
    while (*link != NULL && (*link)->fd != fd) {
        link = &(*link)->next;
    }
    closed = *link;
    if (closed != NULL) {
        *link = closed->next;
    }
    pthread_mutex_unlock(&descriptors_lock);
    if (closed != NULL) {
        leave(closed);
    }
    return NEXT(close)(fd);
}

EXPORTED int ioctl(int fd, unsigned long request, ...)
{
    struct descriptor *one;
    va_list arguments;
    void *argument;
    int result;

    va_start(arguments, request);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    one = enter(fd);
    if (one == NULL) {
        return NEXT(ioctl)(fd, request, argument);
    }
    result = sg_file_ioctl(one->file, request, argument);
    leave(one);
    return result;
}

EXPORTED ssize_t write(int fd, const void *data, size_t length)
{
    struct descriptor *one = enter(fd);
    ssize_t result;

    if (one == NULL) {
        return NEXT(write)(fd, data, length);
    }
    result = sg_file_write(one->file, data, length);
    leave(one);
    return result;
}

EXPORTED ssize_t read(int fd, void *data, size_t length)
{
    struct descriptor *one = enter(fd);
    ssize_t result;

    if (one == NULL) {
        return NEXT(read)(fd, data, length);
    }
    result = sg_file_read(one->file, data, length);
    leave(one);
    return result;
}

/* What stat tells of an sg device. struct stat and struct stat64 are the same on 64-bit Linux. */
static int fill_stat(void *buffer)
{
    struct stat *status = buffer;

    memset(status, 0, sizeof(*status));
    status->st_mode = S_IFCHR | 0660;
    status->st_nlink = 1;
    status->st_rdev = makedev(SG_MAJOR, SG_MINOR);
    status->st_blksize = 4096;
    return 0;
}

_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "one fill_stat serves both");

EXPORTED int stat(const char *path, struct stat *status)
{
    return is_device(path) ? fill_stat(status) : NEXT(stat)(path, status);
}

EXPORTED int stat64(const char *path, struct stat64 *status)
{
    return is_device(path) ? fill_stat(status) : NEXT(stat64)(path, status);
}

EXPORTED int lstat(const char *path, struct stat *status)
{
    return is_device(path) ? fill_stat(status) : NEXT(lstat)(path, status);
}

EXPORTED int lstat64(const char *path, struct stat64 *status)
{
    return is_device(path) ? fill_stat(status) : NEXT(lstat64)(path, status);
}

EXPORTED int fstat(int fd, struct stat *status)
{
    return is_descriptor(fd) ? fill_stat(status) : NEXT(fstat)(fd, status);
}

EXPORTED int fstat64(int fd, struct stat64 *status)
{
    return is_descriptor(fd) ? fill_stat(status) : NEXT(fstat64)(fd, status);
}

/* Whether a call with a folder and a path (perhaps empty: the descriptor itself) is for us. */
static bool is_device_at(int folder, const char *path, int flags)
{
    if ((flags & AT_EMPTY_PATH) != 0 && path != NULL && path[0] == '\0') {
        return is_descriptor(folder);
    }
    return is_device(path);
}

EXPORTED int fstatat(int folder, const char *path, struct stat *status, int flags)
{
    return is_device_at(folder, path, flags) ? fill_stat(status)
                                             : NEXT(fstatat)(folder, path, status, flags);
}

EXPORTED int fstatat64(int folder, const char *path, struct stat64 *status, int flags)
{
    return is_device_at(folder, path, flags) ? fill_stat(status)
                                             : NEXT(fstatat64)(folder, path, status, flags);
}

EXPORTED int statx(int folder, const char *path, int flags, unsigned mask, struct statx *status)
{
    if (!is_device_at(folder, path, flags)) {
        return NEXT(statx)(folder, path, flags, mask, status);
    }
    memset(status, 0, sizeof(*status));
    status->stx_mask = STATX_TYPE | STATX_MODE | STATX_NLINK;
    status->stx_mode = S_IFCHR | 0660;
    status->stx_nlink = 1;
    status->stx_blksize = 4096;
    status->stx_rdev_major = SG_MAJOR;
    status->stx_rdev_minor = SG_MINOR;
    return 0;
}

/* The names of stat in programs that were linked with glibc before 2.33. */
int __xstat(int version, const char *path, struct stat *status);
int __xstat64(int version, const char *path, struct stat64 *status);
int __lxstat(int version, const char *path, struct stat *status);
int __lxstat64(int version, const char *path, struct stat64 *status);
int __fxstat(int version, int fd, struct stat *status);
int __fxstat64(int version, int fd, struct stat64 *status);

EXPORTED int __xstat(int version, const char *path, struct stat *status)
{
    return is_device(path) ? fill_stat(status) : NEXT(__xstat)(version, path, status);
}

EXPORTED int __xstat64(int version, const char *path, struct stat64 *status)
{
    return is_device(path) ? fill_stat(status) : NEXT(__xstat64)(version, path, status);
}

EXPORTED int __lxstat(int version, const char *path, struct stat *status)
{
    return is_device(path) ? fill_stat(status) : NEXT(__lxstat)(version, path, status);
}

EXPORTED int __lxstat64(int version, const char *path, struct stat64 *status)
{
    return is_device(path) ? fill_stat(status) : NEXT(__lxstat64)(version, path, status);
}

EXPORTED int __fxstat(int version, int fd, struct stat *status)
{
    return is_descriptor(fd) ? fill_stat(status) : NEXT(__fxstat)(version, fd, status);
}

EXPORTED int __fxstat64(int version, int fd, struct stat64 *status)
{
    return is_descriptor(fd) ? fill_stat(status) : NEXT(__fxstat64)(version, fd, status);
}

EXPORTED int access(const char *path, int mode)
{
    if (!is_device(path)) {
        return NEXT(access)(path, mode);
    }
    if ((mode & X_OK) != 0) {
        errno = EACCES;
        return -1;
    }
    return 0;
}

EXPORTED int faccessat(int folder, const char *path, int mode, int flags)
{
    return is_device(path) ? access(path, mode) : NEXT(faccessat)(folder, path, mode, flags);
}

/* The device is no symbolic link. */
EXPORTED ssize_t readlink(const char *restrict path, char *restrict buffer, size_t length)
{
    if (is_device(path)) {
        errno = EINVAL;
        return -1;
    }
    return NEXT(readlink)(path, buffer, length);
}
