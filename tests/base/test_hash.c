/* SHA-256 against the vectors of FIPS 180-4's examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "scoregap/base.h"

static const struct {
    const char *text, *hex;
} known[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void test_known_texts(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        char hex[SG_SHA256_HEX];
        sg_sha256(known[i].text, strlen(known[i].text), hex);
        assert_string_equal(hex, known[i].hex);
    }
}

static void test_a_million_letters(void **state) {
    (void)state;
    size_t length = 1000000;
    char hex[SG_SHA256_HEX], *text = malloc(length);
    memset(text, 'a', length);
    sg_sha256(text, length, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(text);
}

static void test_hash64_is_the_first_eight_bytes(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        char first[17];
        memcpy(first, known[i].hex, 16);
        first[16] = '\0';
        assert_true(sg_hash64(known[i].text) == strtoull(first, NULL, 16));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_texts),
        cmocka_unit_test(test_a_million_letters),
        cmocka_unit_test(test_hash64_is_the_first_eight_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
