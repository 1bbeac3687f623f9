#include "store/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A file in memory: HDF5's core driver without a backing file, on memory of ours that it leaves behind at close.
 * (H5Fget_file_image is no way to get at it: up to HDF5 1.14 its copy has a wrong checksum in superblocks of version 2
 * and 3.)
 *
 * Behind HDF5's end of file stands a seal, the SHA-256 of all bytes before it.  HDF5 checks little of what it reads and
 * runs wild on damaged files, so a sealed file is shown to it only when it is whole.  Readers of HDF5 do not see the
 * seal; a program that changes the file cuts it off.
 */
#define SEAL_WORDS "\nscoregap sha256 "
enum { SEAL_LEAD = sizeof SEAL_WORDS - 1, SEAL_BYTES = SEAL_LEAD + SG_SHA256_HEX };

/* HDF5 asks for a little more memory at each step; twice as much keeps the copies few. */
static void *resize(void *old, size_t size, H5FD_file_image_op_t operation, void *user) {
    sg_store_image *image = user;
    unsigned char *fresh = NULL;
    (void)operation;
    if (size <= image->capacity) return old;
    const size_t capacity = size > 2 * image->capacity ? size : 2 * image->capacity;
    if (sg_new(&fresh, capacity, 1) != SG_OK) {
        image->status = SG_NO_MEMORY;
        return NULL;
    }
    if (old) memcpy(fresh, old, image->capacity);
    sg_delete(old);
    image->bytes = fresh;
    image->capacity = capacity;
    return fresh;
}

/* What is asked for is the memory that holds the file already. */
static void *obtain(size_t size, H5FD_file_image_op_t operation, void *user) {
    sg_store_image *image = user;
    (void)operation;
    return size <= image->capacity ? image->bytes : NULL;
}

static void *copy(void *target, const void *source, size_t size, H5FD_file_image_op_t operation, void *user) {
    (void)operation, (void)user;
    return target == source ? target : memmove(target, source, size);
}

/* The memory is ours to free, after the bytes have been used. */
static herr_t leave(void *bytes, H5FD_file_image_op_t operation, void *user) {
    (void)bytes, (void)operation, (void)user;
    return 0;
}

static void *share(void *user) {
    return user;
}

static herr_t unshare(void *user) {
    (void)user;
    return 0;
}

/* No times, and attributes in the object's header, where their layout is plainest. */
bool sg_store_set_plain(hid_t properties) {
    return properties >= 0 && H5Pset_obj_track_times(properties, 0) >= 0 &&
           H5Pset_attr_phase_change(properties, 65535, 65534) >= 0;
}

/* The format of HDF5 1.8 whatever the library's version: its headers have checksums and every reader knows it. */
static bool set_access(hid_t access, sg_store_image *image) {
    enum { STEP = 1 << 16 };
    H5FD_file_image_callbacks_t own = {obtain, copy, resize, leave, share, unshare, image};
    return access >= 0 && H5Pset_fapl_core(access, STEP, 0) >= 0 && H5Pset_file_image_callbacks(access, &own) >= 0 &&
           H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0 &&
           H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0;
}

sg_status sg_store_image_open(sg_store_image *image, hid_t *file) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), creation = H5Pcreate(H5P_FILE_CREATE);
    sg_status status = SG_OK;
    *image = (sg_store_image){0};
    *file = H5I_INVALID_HID;
    if (set_access(access, image) && sg_store_set_plain(creation))
        *file = H5Fcreate("scoregap-result-in-memory", H5F_ACC_TRUNC, creation, access);
    if (*file < 0) status = sg_store_fail(SG_NO_MEMORY, "the result cannot be laid out in memory");
    sg_store_close(creation);
    sg_store_close(access);
    return status;
}

/* Where HDF5's part ends, from a superblock of version 2 or 3; 0 if it has none. */
static size_t find_end(const sg_store_image *image) {
    enum { VERSION = 8, OFFSET_BYTES = 9, END = 28, HEAD = 48 };
    uint64_t end = 0;
    if (image->size < HEAD || memcmp(image->bytes, "\211HDF\r\n\032\n", VERSION) != 0) return 0;
    if ((image->bytes[VERSION] != 2 && image->bytes[VERSION] != 3) || image->bytes[OFFSET_BYTES] != 8) return 0;
    for (int i = 7; i >= 0; i--) end = end << 8 | image->bytes[END + i];
    return end >= HEAD && end <= image->size ? (size_t)end : 0;
}

static void write_seal(const sg_store_image *image, size_t end, char seal[SEAL_BYTES]) {
    memcpy(seal, SEAL_WORDS, SEAL_LEAD);
    sg_sha256(image->bytes, end, seal + SEAL_LEAD);
    seal[SEAL_BYTES - 1] = '\n';
}

sg_status sg_store_image_close(sg_store_image *image, hid_t file) {
    herr_t error = H5Fclose(file);
    if (image->status != SG_OK) return sg_fail(image->status, "memory is exhausted while the result is laid out");
    if (error < 0) return sg_store_fail(SG_CANNOT_WRITE, "the result cannot be laid out");
    image->size = image->capacity;
    const size_t end = find_end(image);
    if (end == 0) return sg_fail(SG_INTERNAL, "the file that HDF5 laid out has no end");
    if (!resize(image->bytes, end + SEAL_BYTES, H5FD_FILE_IMAGE_OP_NO_OP, image)) return SG_NO_MEMORY;
    write_seal(image, end, (char *)image->bytes + end);
    image->size = end + SEAL_BYTES;
    return SG_OK;
}

/* Takes the seal off a whole file; a file that was never sealed passes, one with half a seal does not. */
static bool unseal(sg_store_image *image) {
    char seal[SEAL_BYTES];
    const size_t end = find_end(image), rest = image->size - end;
    if (end == 0 || rest == 0) return true;
    const size_t words = rest < SEAL_LEAD ? rest : SEAL_LEAD;
    if (rest != SEAL_BYTES && memcmp(image->bytes + end, SEAL_WORDS, words) != 0) return true;
    write_seal(image, end, seal);
    image->size = end;
    return rest == SEAL_BYTES && memcmp(image->bytes + end, seal, SEAL_BYTES) == 0;
}

static sg_status load_from(int file, const char *path, sg_store_image *image) {
    struct stat info;
    size_t size = 0;
    if (fstat(file, &info) != 0) return sg_fail(SG_CANNOT_READ, "%s cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode)) return sg_fail(SG_CANNOT_READ, "%s is no regular file", path);
    sg_status status = sg_new(&image->bytes, (size_t)info.st_size, 1);
    if (status != SG_OK) return status;
    image->capacity = (size_t)info.st_size;
    while (size < image->capacity) {
        ssize_t got = read(file, image->bytes + size, image->capacity - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return sg_fail(SG_CANNOT_READ, "%s cannot be read: %s", path, strerror(errno));
        if (got == 0) break;
        size += (size_t)got;
    }
    image->size = size;
    return SG_OK;
}

sg_status sg_store_image_load(const char *path, sg_store_image *image) {
    *image = (sg_store_image){0};
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return sg_fail(SG_CANNOT_READ, "%s cannot be opened: %s", path, strerror(errno));
    sg_status status = load_from(file, path, image);
    close(file);
    if (status == SG_OK && !unseal(image))
        return sg_fail(SG_CANNOT_READ, "%s is damaged: its bytes do not have its checksum", path);
    return status;
}

sg_status sg_store_image_reopen(const char *path, sg_store_image *image, hid_t *file) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    sg_status status = SG_OK;
    *file = H5I_INVALID_HID;
    if (image->size > 0 && set_access(access, image) && H5Pset_file_image(access, image->bytes, image->size) >= 0)
        *file = H5Fopen("scoregap-result-in-memory", H5F_ACC_RDONLY, access);
    if (*file < 0) status = sg_store_fail(SG_CANNOT_READ, "%s is no HDF5 file, or was cut short", path);
    sg_store_close(access);
    return status;
}

void sg_store_image_delete(sg_store_image *image) {
    sg_delete(image->bytes);
    *image = (sg_store_image){0};
}
