#include "store/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A full disk, quota or file-size limit is a failure of the work; anything else is a wrong request. */
static sg_status cannot_create(const char *path, int error) {
    bool full = error == ENOSPC || error == EDQUOT || error == EFBIG || error == EIO;
    return sg_fail(full ? SG_CANNOT_WRITE : SG_CANNOT_CREATE, "%s cannot be created: %s", path, strerror(error));
}

static sg_status check_target(const char *path) {
    struct stat old;
    if (!*path) return sg_fail(SG_CANNOT_CREATE, "the output needs a file name");
    if (stat(path, &old) != 0) return errno == ENOENT ? SG_OK : cannot_create(path, errno);
    if (!S_ISREG(old.st_mode))
        return sg_fail(SG_CANNOT_CREATE, "%s is there and is no regular file; give another name", path);
    return access(path, W_OK) == 0 ? SG_OK : cannot_create(path, errno);
}

static sg_status write_all(int file, const char *path, const char *bytes, size_t count) {
    enum { PIECE = 1 << 26 };
    while (count > 0) {
        ssize_t written = write(file, bytes, count < PIECE ? count : PIECE);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return sg_fail(SG_CANNOT_WRITE, "%s cannot be written: %s", path, strerror(errno));
        bytes += written;
        count -= (size_t)written;
    }
    int failed;
    do failed = fsync(file);
    while (failed && errno == EINTR);
    if (failed) return sg_fail(SG_CANNOT_WRITE, "%s cannot be flushed to disk: %s", path, strerror(errno));
    return SG_OK;
}

static sg_status write_temporary(const char *temporary, const char *path, const void *bytes, size_t count) {
    int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (file < 0) return cannot_create(path, errno);
    sg_status status = write_all(file, path, bytes, count);
    if (close(file) != 0 && status == SG_OK)
        status = sg_fail(SG_CANNOT_WRITE, "%s cannot be written: %s", path, strerror(errno));
    if (status != SG_OK) unlink(temporary);
    return status;
}

/* The new name is safe from a power failure only when its directory is on disk too; some file systems cannot say. */
static sg_status flush_directory(const char *path, char *scratch) {
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) + 1 : 0;
    memcpy(scratch, path, length);
    strcpy(scratch + length, ".");
    int directory = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return SG_OK;
    int failed = fsync(directory), error = errno;
    close(directory);
    if (failed && error == EIO) return sg_fail(SG_CANNOT_WRITE, "the directory of %s cannot be flushed to disk", path);
    return SG_OK;
}

/* Threads of one program and programs of one machine do not meet in a temporary name. */
static void name_temporary(const char *path, size_t size, char *temporary) {
    static atomic_uint serial;
    snprintf(temporary, size, "%s.tmp.%ld.%u", path, (long)getpid(), atomic_fetch_add(&serial, 1));
}

sg_status sg_store_replace(const char *path, const void *bytes, size_t count) {
    char *temporary = NULL;
    const size_t size = strlen(path) + 48;
    sg_status status = check_target(path);
    if (status == SG_OK) status = sg_new(&temporary, size, 1);
    if (status != SG_OK) return status;
    name_temporary(path, size, temporary);
    status = write_temporary(temporary, path, bytes, count);
    if (status != SG_OK) goto out;
    if (rename(temporary, path) != 0) {
        status = cannot_create(path, errno);
        unlink(temporary);
        goto out;
    }
    status = flush_directory(path, temporary);
out:
    sg_delete(temporary);
    return status;
}
