/* The nearest name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "scoregap/base.h"

static const char *const names[] = {"gaussian", "bimodal", "monomial", "sinusoid", "polynomial", "a", "aa-ab"};

static const char *nearest(const char *word) {
    return sg_nearest(word, 7, names);
}

static void test_misspellings(void **state) {
    (void)state;
    assert_string_equal(nearest("gaussian"), "gaussian");
    assert_string_equal(nearest("guassian"), "gaussian");  /* two neighbours swapped */
    assert_string_equal(nearest("bimodel"), "bimodal");    /* one replaced */
    assert_string_equal(nearest("monomal"), "monomial");   /* one left out */
    assert_string_equal(nearest("sinussoid"), "sinusoid"); /* one too many */
    assert_string_equal(nearest("polynom"), "polynomial"); /* three left out */
    assert_string_equal(nearest("aa"), "a");
}

static void test_a_swap_counts_once(void **state) {
    (void)state;
    const char *const two[] = {"cd", "abdc"};
    assert_string_equal(sg_nearest("abcd", 2, two), "abdc");
    const char *const one[] = {"ba"};
    assert_string_equal(sg_nearest("ab", 1, one), "ba");
}

static void test_the_first_of_equals(void **state) {
    (void)state;
    const char *const equals[] = {"cat", "bat", "hat"};
    assert_string_equal(sg_nearest("rat", 3, equals), "cat");
}

static void test_words_like_nothing(void **state) {
    (void)state;
    assert_null(nearest("x"));
    assert_null(nearest("zzzzzzzz"));
    assert_null(nearest(""));
    assert_null(sg_nearest("a", 0, names));
    const char *const half[] = {"abcd"};
    assert_string_equal(sg_nearest("abxy", 1, half), "abcd");
    assert_null(sg_nearest("axyz", 1, half));
}

static void test_words_without_end(void **state) {
    (void)state;
    char word[300];
    memset(word, 'a', sizeof word);
    word[sizeof word - 1] = '\0';
    assert_null(nearest(word));
    const char *const both[] = {word, "gaussian"};
    assert_string_equal(sg_nearest("gausian", 2, both), "gaussian");
    word[64] = '\0';
    assert_ptr_equal(sg_nearest(word, 2, both), word);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_misspellings),        cmocka_unit_test(test_a_swap_counts_once),
        cmocka_unit_test(test_the_first_of_equals), cmocka_unit_test(test_words_like_nothing),
        cmocka_unit_test(test_words_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
