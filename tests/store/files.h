/* A directory of its own for each test program, and whole files as bytes. */
#ifndef SG_TEST_FILES_H
#define SG_TEST_FILES_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char test_directory[64];

static inline int enter_test_directory(void **state) {
    (void)state;
    strcpy(test_directory, "/tmp/scoregap-test-XXXXXX");
    return mkdtemp(test_directory) ? chdir(test_directory) : -1;
}

/* Removes all files; -1 also when one is left that no test removed and that should not be there. */
static inline int leave_test_directory(void **state) {
    (void)state;
    DIR *directory = opendir(test_directory);
    int temporary = 0;
    if (!directory) return -1;
    for (struct dirent *entry; (entry = readdir(directory));) {
        temporary += strstr(entry->d_name, ".tmp.") != NULL;
        if (entry->d_name[0] != '.') remove(entry->d_name);
    }
    closedir(directory);
    if (chdir("/") != 0 || rmdir(test_directory) != 0) return -1;
    return temporary ? -1 : 0;
}

/* The bytes of a file, to be given to free(); NULL if it cannot be read. */
static inline unsigned char *file_bytes(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*size + 1);
    if (bytes && fread(bytes, 1, *size, file) != *size) {
        free(bytes);
        bytes = NULL;
    }
    fclose(file);
    return bytes;
}

static inline int put_bytes(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    if (!file) return -1;
    size_t written = fwrite(bytes, 1, size, file);
    return fclose(file) == 0 && written == size ? 0 : -1;
}

static inline int same_files(const char *a, const char *b) {
    size_t n = 0, m = 1;
    unsigned char *x = file_bytes(a, &n), *y = file_bytes(b, &m);
    int same = x && y && n == m && memcmp(x, y, n) == 0;
    free(x);
    free(y);
    return same;
}

#endif
