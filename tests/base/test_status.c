/* Status codes, messages and their storage per thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "scoregap/base.h"

static void test_every_code_has_its_own_words(void **state) {
    (void)state;
    for (int i = 0; i < SG_STATUS_COUNT; i++) {
        const char *name = sg_status_name(i), *sentence = sg_status_sentence(i);
        assert_true(strlen(name) > 1 && strlen(sentence) > 3);
        assert_true(strcmp(name, "invalid") != 0);
        for (const char *c = name; *c; c++) assert_true(islower((unsigned char)*c) || *c == '-');
        assert_true(islower((unsigned char)sentence[0]) && sentence[strlen(sentence) - 1] != '.');
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(name, sg_status_name(k));
            assert_string_not_equal(sentence, sg_status_sentence(k));
        }
    }
}

static void test_exit_status(void **state) {
    (void)state;
    assert_int_equal(sg_status_exit(SG_OK), 0);
    for (int i = 1; i < SG_STATUS_COUNT; i++) assert_in_range(sg_status_exit(i), i == SG_UNDEFINED ? 0 : 1, 2);
    assert_int_equal(sg_status_exit(SG_UNDEFINED), 0); /* what does not exist is no failure */
    assert_int_equal(sg_status_exit(SG_UNKNOWN), 2);
    assert_int_equal(sg_status_exit(SG_OUT_OF_RANGE), 2);
    assert_int_equal(sg_status_exit(SG_NO_MEMORY), 1);
    assert_int_equal(sg_status_exit(SG_CANNOT_WRITE), 1);
}

static void test_a_number_that_is_no_code(void **state) {
    (void)state;
    const int wrong[] = {-1, SG_STATUS_COUNT, 1000000};
    for (int i = 0; i < 3; i++) {
        assert_string_equal(sg_status_name((sg_status)wrong[i]), "invalid");
        assert_non_null(sg_status_sentence((sg_status)wrong[i]));
        assert_int_equal(sg_status_exit((sg_status)wrong[i]), 1);
    }
}

static void test_fail_returns_its_code_and_keeps_the_sentence(void **state) {
    (void)state;
    assert_non_null(sg_message());
    assert_int_equal(sg_fail(SG_SINGULAR, "pivot %d is %g", 3, 0.5), SG_SINGULAR);
    assert_string_equal(sg_message(), "pivot 3 is 0.5");
    assert_int_equal(sg_fail_within(SG_SINGULAR, "cell %d", 7), SG_SINGULAR);
    assert_string_equal(sg_message(), "cell 7: pivot 3 is 0.5");
}

static void test_the_old_message_may_be_an_argument(void **state) {
    (void)state;
    sg_fail(SG_BAD_DATA, "row 2 is empty");
    sg_fail(SG_CANNOT_READ, "data.csv has a fault (%s)", sg_message());
    assert_string_equal(sg_message(), "data.csv has a fault (row 2 is empty)");
}

static void test_long_messages_are_cut(void **state) {
    (void)state;
    char text[2000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    sg_fail(SG_BAD_DATA, "%s", text);
    assert_int_equal(strlen(sg_message()), 511);
    sg_fail_within(SG_BAD_DATA, "place");
    assert_int_equal(strlen(sg_message()), 511);
    assert_memory_equal(sg_message(), "place: xxx", 10);
    sg_fail_within(SG_BAD_DATA, "%s", text);
    assert_int_equal(strlen(sg_message()), 511);
}

/* Characters of 1 to 4 bytes across the cut, at each phase: what is left is whole characters. */
static void test_the_cut_tears_no_character(void **state) {
    (void)state;
    const char *const characters[] = {"x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x99\x82"};
    for (size_t bytes = 1; bytes <= 4; bytes++) {
        for (size_t phase = 0; phase < bytes; phase++) {
            char text[1024];
            memset(text, 'a', phase);
            size_t length = phase;
            for (; length + bytes < sizeof text; length += bytes) memcpy(text + length, characters[bytes - 1], bytes);
            text[length] = '\0';
            sg_fail(SG_BAD_DATA, "%s", text);
            size_t kept = strlen(sg_message());
            assert_in_range(kept, 511 - bytes + 1, 511);
            assert_int_equal((kept - phase) % bytes, 0);
            assert_memory_equal(sg_message(), text, kept);
        }
    }
}

static void test_what_is_no_character_becomes_a_question_mark(void **state) {
    (void)state;
    sg_fail(SG_UNKNOWN, "caf%c, %.4s, \xff, \xc3\xa9", '\xe9', "abc\xc3\xa9");
    assert_string_equal(sg_message(), "caf?, abc?, ?, \xc3\xa9");
    sg_fail(SG_UNKNOWN, "\xe2\x82");
    assert_string_equal(sg_message(), "??");
}

static void *fail_elsewhere(void *found) {
    bool *empty_at_first = found;
    *empty_at_first = sg_message()[0] == '\0';
    sg_fail(SG_INTERNAL, "elsewhere");
    return NULL;
}

static void test_messages_belong_to_their_thread(void **state) {
    (void)state;
    pthread_t thread;
    bool empty_at_first = false;
    sg_fail(SG_BAD_DATA, "here");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &empty_at_first), 0);
    pthread_join(thread, NULL);
    assert_true(empty_at_first);
    assert_string_equal(sg_message(), "here");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_its_own_words),
        cmocka_unit_test(test_exit_status),
        cmocka_unit_test(test_a_number_that_is_no_code),
        cmocka_unit_test(test_fail_returns_its_code_and_keeps_the_sentence),
        cmocka_unit_test(test_the_old_message_may_be_an_argument),
        cmocka_unit_test(test_long_messages_are_cut),
        cmocka_unit_test(test_the_cut_tears_no_character),
        cmocka_unit_test(test_what_is_no_character_becomes_a_question_mark),
        cmocka_unit_test(test_messages_belong_to_their_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
