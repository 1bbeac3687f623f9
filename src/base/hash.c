#include "scoregap/base.h"

#include <sha256.h>
#include <string.h>

void sg_sha256(const void *bytes, size_t length, char hex[SG_SHA256_HEX]) {
    SHA256_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, bytes, length);
    SHA256End(&context, hex);
}

uint64_t sg_hash64(const char *text) {
    SHA256_CTX context;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    uint64_t hash = 0;
    SHA256Init(&context);
    SHA256Update(&context, (const uint8_t *)text, strlen(text));
    SHA256Final(digest, &context);
    for (int i = 0; i < 8; i++) hash = hash << 8 | digest[i];
    return hash;
}
