/* Loaded into the program before the C library: a disk in trouble. While there is a file of that name in the folder
 * DISK_FAULTS, "flush" fails every flush, "full" lets no file grow or be written, and "read-only" lets none be changed;
 * "dies at flush", "dies before rename" and "dies after rename" kill the process there.
 * Only files whose path has DISK in it are concerned. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int there_is(const char *fault) {
    char path[4096];
    const char *folder = getenv("DISK_FAULTS");
    if (!folder) return 0;
    snprintf(path, sizeof path, "%s/%s", folder, fault);
    return syscall(SYS_access, path, F_OK) == 0;
}

static int is_on_disk(const char *path) {
    const char *disk = getenv("DISK");
    return disk && path && strstr(path, disk);
}

static int is_open_on_disk(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_on_disk(path);
}

#define FAIL_IF(condition, number) if (condition) { errno = number; return -1; }
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void die_if(int condition) {
    if (condition) raise(SIGKILL);
}

int fsync(int file) {
    die_if(there_is("dies at flush") && is_open_on_disk(file));
    FAIL_IF(there_is("flush") && is_open_on_disk(file), EIO);
    return NEXT(fsync)(file);
}

int fdatasync(int file) {
    FAIL_IF(there_is("flush") && is_open_on_disk(file), EIO);
    return NEXT(fdatasync)(file);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
    FAIL_IF(there_is("full") && is_open_on_disk(file), ENOSPC);
    return NEXT(pwrite64)(file, bytes, length, offset);
}

int ftruncate64(int file, off64_t length) {
    FAIL_IF(there_is("full") && is_open_on_disk(file), ENOSPC);
    return NEXT(ftruncate64)(file, length);
}

int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = va_arg(arguments, mode_t);
    va_end(arguments);
    FAIL_IF(there_is("read-only") && is_on_disk(path) && flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC), EROFS);
    return NEXT(open64)(path, flags, mode);
}

int rename(const char *from, const char *to) {
    FAIL_IF(there_is("read-only") && is_on_disk(to), EROFS);
    die_if(there_is("dies before rename") && is_on_disk(to));
    int result = NEXT(rename)(from, to);
    die_if(there_is("dies after rename") && is_on_disk(to));
    return result;
}

int unlink(const char *path) {
    FAIL_IF(there_is("read-only") && is_on_disk(path), EROFS);
    return NEXT(unlink)(path);
}

int mkdir(const char *path, mode_t mode) {
    FAIL_IF(there_is("read-only") && is_on_disk(path), EROFS);
    return NEXT(mkdir)(path, mode);
}
