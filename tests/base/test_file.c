/* Seals of files that keys name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scoregap/base.h"

static char name[] = "/tmp/scoregap-file-XXXXXX";

static void write_file(const char *contents) {
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(contents, file);
    fclose(file);
}

static int set_up(void **state) {
    (void)state;
    const int made = mkstemp(name);
    return made < 0 ? -1 : close(made);
}

static int tear_down(void **state) {
    (void)state;
    return remove(name);
}

/* SHA-256 of "abc" begins with ba7816bf8f01cfea (FIPS 180-2, appendix B.1). */
static void seal_is_of_the_contents(void **state) {
    (void)state;
    char text[SG_TEXT], path[SG_TEXT], wanted[SG_TEXT];
    write_file("abc");
    snprintf(text, sizeof text, "@%s", name);
    snprintf(wanted, sizeof wanted, "@%s#ba7816bf8f01cfea", name);
    assert_int_equal(sg_file_seal("file", text), SG_OK);
    assert_string_equal(text, wanted);
    sg_file_path(text, path);
    assert_string_equal(path, name);
    assert_int_equal(sg_file_seal("file", text), SG_OK); /* again: checked, unchanged */
    assert_string_equal(text, wanted);
}

static void another_file_is_refused(void **state) {
    (void)state;
    char text[SG_TEXT];
    write_file("abc");
    snprintf(text, sizeof text, "@%s", name);
    assert_int_equal(sg_file_seal("file", text), SG_OK);
    write_file("abd");
    assert_int_equal(sg_file_seal("graph file", text), SG_BAD_DATA);
    assert_non_null(strstr(sg_message(), "graph file"));
    assert_non_null(strstr(sg_message(), "ba7816bf8f01cfea"));
}

static void names_with_a_hash_sign(void **state) {
    (void)state;
    char path[SG_TEXT];
    sg_file_path("@graph#2.txt", path);
    assert_string_equal(path, "graph#2.txt");
    sg_file_path("@graph#0123456789ABCDEF", path); /* no digits of ours */
    assert_string_equal(path, "graph#0123456789ABCDEF");
}

static void what_cannot_be_read(void **state) {
    (void)state;
    char text[SG_TEXT] = "@/nowhere/at/all", folder[SG_TEXT] = "@/tmp";
    assert_int_equal(sg_file_seal("file", text), SG_CANNOT_READ);
    assert_int_equal(sg_file_seal("file", folder), SG_CANNOT_READ);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seal_is_of_the_contents),
        cmocka_unit_test(another_file_is_refused),
        cmocka_unit_test(names_with_a_hash_sign),
        cmocka_unit_test(what_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
