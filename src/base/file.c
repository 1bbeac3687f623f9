#include <errno.h>
#include <sha256.h>
#include <stdio.h>
#include <string.h>

#include "scoregap/base.h"

enum { SEAL = 16 };

static sg_status digest(const char *what, const char *path, char hex[SG_SHA256_HEX]) {
    SHA256_CTX context;
    char part[4096];
    FILE *file = fopen(path, "r");
    if (!file) return sg_fail(SG_CANNOT_READ, "the %s %s cannot be read: %s", what, path, strerror(errno));
    SHA256Init(&context);
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;) SHA256Update(&context, (const uint8_t *)part, got);
    const int failure = ferror(file) ? errno : 0;
    fclose(file);
    if (failure) return sg_fail(SG_CANNOT_READ, "the %s %s cannot be read: %s", what, path, strerror(failure));
    SHA256End(&context, hex);
    return SG_OK;
}

/* Where the seal of a text begins; NULL: it has none. */
static const char *seal_of(const char *text) {
    const size_t length = strlen(text);
    if (length < SEAL + 1 || text[length - SEAL - 1] != '#') return NULL;
    const char *seal = text + length - SEAL;
    return strspn(seal, "0123456789abcdef") == SEAL ? seal : NULL;
}

void sg_file_path(const char *text, char path[SG_TEXT]) {
    const char *seal = seal_of(text);
    const size_t length = seal ? (size_t)(seal - 1 - text) : strlen(text);
    snprintf(path, SG_TEXT, "%.*s", (int)length - 1, text + 1);
}

sg_status sg_file_seal(const char *what, char text[SG_TEXT]) {
    char path[SG_TEXT], hex[SG_SHA256_HEX];
    const char *seal = seal_of(text);
    const size_t length = strlen(text);
    sg_file_path(text, path);
    sg_status status = digest(what, path, hex);
    if (status != SG_OK) return status;
    if (seal && strncmp(seal, hex, SEAL) != 0)
        return sg_fail(SG_BAD_DATA,
                       "the %s %s is not the one that was meant, whose SHA-256 begins with %s: restore it, or leave "
                       "#%s out",
                       what, path, seal, seal);
    if (seal) return SG_OK;
    if (length + SEAL + 2 > SG_TEXT)
        return sg_fail(SG_OUT_OF_RANGE, "the name of the %s %s is too long: at most %d bytes", what, path,
                       SG_TEXT - SEAL - 3);
    snprintf(text + length, SEAL + 2, "#%.*s", (int)SEAL, hex);
    return SG_OK;
}
