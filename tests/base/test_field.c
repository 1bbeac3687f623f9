/* Descriptors: reading pairs, every message, ranges and canonical text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "scoregap/base.h"

typedef struct {
    int degree, kernel, any;
    double a, w, free_end;
    char name[SG_TEXT];
    sg_reals at;
} values;

#define AT(member) offsetof(values, member)

static const sg_field fields[] = {
    {.key = "degree", .type = SG_FIELD_INT, .offset = AT(degree), .initial = "3", .lo = 1, .hi = 21, .parity = 1},
    {.key = "kernel",
     .type = SG_FIELD_WORD,
     .offset = AT(kernel),
     .initial = "power",
     .choices = "constant|power|stein"},
    {.key = "any", .type = SG_FIELD_INT, .offset = AT(any), .initial = "0", .lo = -INFINITY, .hi = INFINITY},
    {.key = "a", .type = SG_FIELD_REAL, .offset = AT(a), .initial = "2", .lo = 0, .lo_open = true, .hi = INFINITY},
    {.key = "w", .type = SG_FIELD_REAL, .offset = AT(w), .initial = "0.5", .hi = 1, .lo_open = true, .hi_open = true},
    {.key = "free-end", .type = SG_FIELD_REAL, .offset = AT(free_end), .initial = "nan", .lo = -INFINITY, .hi = 8},
    {.key = "name", .type = SG_FIELD_TEXT, .offset = AT(name), .initial = "all"},
    {.key = "at", .type = SG_FIELD_REALS, .offset = AT(at), .initial = "1/0", .lo = -1, .hi = INFINITY},
    {.key = NULL},
};

static const char defaults_text[] = "degree=3,kernel=power,any=0,a=2,w=0.5,free-end=nan,name=all,at=1/0";

static sg_status read_text(const char *text, values *out) {
    static char copy[1000];
    static sg_pair pairs[16];
    int count;
    snprintf(copy, sizeof copy, "%s", text);
    sg_status status = sg_pairs_split(copy, 16, pairs, &count);
    return status == SG_OK ? sg_fields_read(fields, "family bimodal", count, pairs, out) : status;
}

/* Bad text gives this status and message, and leaves nothing but valid members behind. */
static void check_refused(const char *text, sg_status status, const char *message) {
    values v;
    memset(&v, 0xa5, sizeof v);
    assert_int_equal(read_text(text, &v), status);
    assert_string_equal(sg_message(), message);
    char canonical[1000];
    sg_fields_text(fields, &v, sizeof canonical, canonical);
    assert_string_equal(canonical, defaults_text);
}

static void test_defaults(void **state) {
    (void)state;
    values v;
    memset(&v, 0xa5, sizeof v);
    assert_int_equal(read_text("", &v), SG_OK);
    assert_int_equal(v.degree, 3);
    assert_int_equal(v.kernel, 1);
    assert_int_equal(v.any, 0);
    assert_true(v.a == 2 && v.w == 0.5 && isnan(v.free_end));
    assert_string_equal(v.name, "all");
    assert_true(v.at.n == 2 && v.at.v[0] == 1 && v.at.v[1] == 0);
}

static void test_values_of_each_type(void **state) {
    (void)state;
    values v;
    assert_int_equal(read_text("at=-1/1e-3/0x1p4,name=x y,kernel=stein,degree=21,any=-2147483648,a=1e-300,"
                               "w=0.999,free-end=8",
                               &v),
                     SG_OK);
    assert_int_equal(v.degree, 21);
    assert_int_equal(v.kernel, 2);
    assert_int_equal(v.any, INT32_MIN);
    assert_true(v.a == 1e-300 && v.w == 0.999 && v.free_end == 8);
    assert_string_equal(v.name, "x y");
    assert_int_equal(v.at.n, 3);
    assert_true(v.at.v[0] == -1 && v.at.v[1] == 1e-3 && v.at.v[2] == 16);
    assert_int_equal(read_text("degree=1,any=1e4,kernel=constant,at=", &v), SG_OK);
    assert_int_equal(v.degree, 1);
    assert_int_equal(v.any, 10000);
    assert_int_equal(v.kernel, 0);
    assert_int_equal(v.at.n, 0);
}

static void test_unknown_keys(void **state) {
    (void)state;
    check_refused("aa=1", SG_UNKNOWN,
                  "unknown key 'aa' of family bimodal; the nearest is 'a' "
                  "(keys: degree, kernel, any, a, w, free-end, name, at)");
    check_refused("zzzzzz=1", SG_UNKNOWN,
                  "unknown key 'zzzzzz' of family bimodal (keys: degree, kernel, any, a, w, free-end, name, at)");
    const sg_field none[] = {{.key = NULL}}, one[] = {fields[3], {.key = NULL}};
    values v;
    sg_pair pair = {"aa", "1"};
    assert_int_equal(sg_fields_read(none, "loss mle", 1, &pair, &v), SG_UNKNOWN);
    assert_string_equal(sg_message(), "unknown key 'aa' of loss mle, which takes no keys");
    assert_int_equal(sg_fields_read(one, "family bimodal", 1, &pair, &v), SG_UNKNOWN);
    assert_string_equal(sg_message(), "unknown key 'aa' of family bimodal; the nearest is 'a' (keys: a)");
}

static void test_ends_of_ranges(void **state) {
    (void)state;
    check_refused("a=-1", SG_OUT_OF_RANGE, "a = -1 of family bimodal is out of range: it must be > 0");
    check_refused("a=0", SG_OUT_OF_RANGE, "a = 0 of family bimodal is out of range: it must be > 0");
    check_refused("w=1", SG_OUT_OF_RANGE, "w = 1 of family bimodal is out of range: it must be in (0, 1)");
    check_refused("w=0", SG_OUT_OF_RANGE, "w = 0 of family bimodal is out of range: it must be in (0, 1)");
    check_refused("free-end=8.001", SG_OUT_OF_RANGE,
                  "free-end = 8.001 of family bimodal is out of range: it must be <= 8");
    check_refused("degree=4", SG_OUT_OF_RANGE,
                  "degree = 4 of family bimodal is out of range: it must be odd and in [1, 21]");
    check_refused("degree=-1", SG_OUT_OF_RANGE,
                  "degree = -1 of family bimodal is out of range: it must be odd and in [1, 21]");
    check_refused("degree=23", SG_OUT_OF_RANGE,
                  "degree = 23 of family bimodal is out of range: it must be odd and in [1, 21]");
    check_refused("at=1/-2", SG_OUT_OF_RANGE, "at = 1/-2 of family bimodal is out of range: each number must be >= -1");
    check_refused("any=2147483648", SG_OUT_OF_RANGE,
                  "any = 2147483648 of family bimodal is out of range: it must be in [-2147483648, 2147483647]");
}

static void test_even_numbers(void **state) {
    (void)state;
    const sg_field even[] = {{.key = "k", .type = SG_FIELD_INT, .initial = "4", .lo = 4, .hi = INFINITY, .parity = 2},
                             {.key = NULL}};
    const char *const text[] = {"4", "10", "5", "2", "0"};
    for (int i = 0; i < 5; i++) {
        int k;
        sg_pair pair = {"k", text[i]};
        assert_int_equal(sg_fields_read(even, "family monomial", 1, &pair, &k), i < 2 ? SG_OK : SG_OUT_OF_RANGE);
        if (i >= 2) assert_non_null(strstr(sg_message(), "it must be even and >= 4"));
    }
}

static void test_wrong_types(void **state) {
    (void)state;
    check_refused("a=two", SG_BAD_TYPE, "a = 'two' of family bimodal has the wrong type: it must be a number");
    check_refused("a=", SG_BAD_TYPE, "a = '' of family bimodal has the wrong type: it must be a number");
    check_refused("a=nan", SG_BAD_TYPE, "a = 'nan' of family bimodal has the wrong type: it must be a number");
    check_refused("a=inf", SG_BAD_TYPE, "a = 'inf' of family bimodal has the wrong type: it must be a number");
    check_refused("a=1/2", SG_BAD_TYPE, "a = '1/2' of family bimodal has the wrong type: it must be a number");
    check_refused("degree=3.5", SG_BAD_TYPE,
                  "degree = '3.5' of family bimodal has the wrong type: it must be a whole number");
    check_refused("degree=x", SG_BAD_TYPE,
                  "degree = 'x' of family bimodal has the wrong type: it must be a whole number");
    const char *const lists[] = {"1//2", "/1", "1/", "1/x", "1/nan", "/"};
    for (int i = 0; i < 6; i++) {
        char text[20], message[200];
        snprintf(text, sizeof text, "at=%s", lists[i]);
        snprintf(message, sizeof message,
                 "at = '%s' of family bimodal has the wrong type: it must be numbers separated by '/'", lists[i]);
        check_refused(text, SG_BAD_TYPE, message);
    }
}

static void test_wrong_words(void **state) {
    (void)state;
    check_refused("kernel=stien", SG_OUT_OF_RANGE,
                  "kernel = 'stien' of family bimodal is out of range: it must be constant|power|stein; "
                  "the nearest is 'stein'");
    check_refused("kernel=zzz", SG_OUT_OF_RANGE,
                  "kernel = 'zzz' of family bimodal is out of range: it must be constant|power|stein");
    check_refused("kernel=constant|power", SG_OUT_OF_RANGE,
                  "kernel = 'constant|power' of family bimodal is out of range: it must be constant|power|stein; "
                  "the nearest is 'constant'");
    values v;
    sg_pair empty = {"kernel", ""};
    assert_int_equal(sg_fields_read(fields, "x", 1, &empty, &v), SG_OUT_OF_RANGE);
}

static void test_a_key_twice(void **state) {
    (void)state;
    values v;
    assert_int_equal(read_text("w=0.25,a=3,a=3", &v), SG_BAD_SYNTAX);
    assert_string_equal(sg_message(), "the key 'a' of family bimodal is given twice: keep one");
    assert_true(v.a == 2 && v.w == 0.5);
}

static void test_lists_and_texts_have_an_end(void **state) {
    (void)state;
    char list[2 * SG_REALS + 2], word[SG_TEXT + 1];
    for (int k = 0; k <= SG_REALS; k++) memcpy(list + 2 * k, "1/", 2);
    list[2 * SG_REALS - 1] = '\0';
    values v;
    sg_pair pair = {"at", list};
    assert_int_equal(sg_fields_read(fields, "x", 1, &pair, &v), SG_OK);
    assert_int_equal(v.at.n, SG_REALS);
    list[2 * SG_REALS - 1] = '/';
    list[2 * SG_REALS + 1] = '\0';
    assert_int_equal(sg_fields_read(fields, "x", 1, &pair, &v), SG_OUT_OF_RANGE);
    assert_non_null(strstr(sg_message(), "at most 64"));
    memset(word, 'y', sizeof word);
    word[SG_TEXT] = '\0';
    pair = (sg_pair){"name", word};
    assert_int_equal(sg_fields_read(fields, "x", 1, &pair, &v), SG_OUT_OF_RANGE);
    assert_non_null(strstr(sg_message(), "at most 255"));
    word[SG_TEXT - 1] = '\0';
    assert_int_equal(sg_fields_read(fields, "x", 1, &pair, &v), SG_OK);
    assert_string_equal(v.name, word);
}

/* A default may say "not given" by lying outside the range; typing it is the same as leaving it out. */
static void test_defaults_outside_the_range(void **state) {
    (void)state;
    const sg_field seed[] = {{.key = "seed", .type = SG_FIELD_INT, .initial = "-1", .lo = 0, .hi = 9}, {.key = NULL}};
    const char *const text[] = {"-1", "-2", "0"};
    const sg_status status[] = {SG_OK, SG_OUT_OF_RANGE, SG_OK};
    for (int i = 0; i < 3; i++) {
        int value = 77;
        sg_pair pair = {"seed", text[i]};
        assert_int_equal(sg_fields_read(seed, "x", 1, &pair, &value), status[i]);
        assert_int_equal(value, i < 2 ? -1 : 0);
    }
    values v;
    assert_int_equal(read_text("free-end=nan", &v), SG_OK);
    assert_true(isnan(v.free_end));
}

static void test_a_wrong_default_is_ours(void **state) {
    (void)state;
    const sg_field wrong[] = {{.key = "k", .type = SG_FIELD_INT, .initial = "many"}, {.key = NULL}};
    const sg_field none[] = {{.key = "k", .type = SG_FIELD_INT}, {.key = NULL}};
    int k = 5;
    assert_int_equal(sg_fields_read(wrong, "x", 0, NULL, &k), SG_INTERNAL);
    assert_int_equal(sg_fields_read(none, "x", 0, NULL, &k), SG_OK);
    assert_int_equal(k, 0);
}

static void test_ranges_in_words(void **state) {
    (void)state;
    static const struct {
        sg_field field;
        const char *range;
    } cases[] = {
        {{.type = SG_FIELD_REAL, .lo = 0, .hi = INFINITY, .lo_open = true}, "> 0"},
        {{.type = SG_FIELD_REAL, .lo = 0.25, .hi = INFINITY}, ">= 0.25"},
        {{.type = SG_FIELD_REAL, .lo = 0, .hi = 1, .hi_open = true}, "[0, 1)"},
        {{.type = SG_FIELD_REAL, .lo = 0, .hi = 1, .lo_open = true}, "(0, 1]"},
        {{.type = SG_FIELD_REAL, .lo = -INFINITY, .hi = 1, .hi_open = true}, "< 1"},
        {{.type = SG_FIELD_REAL, .lo = -INFINITY, .hi = 1e-9}, "<= 1e-9"},
        {{.type = SG_FIELD_REAL, .lo = -INFINITY, .hi = INFINITY}, "any number"},
        {{.type = SG_FIELD_INT, .lo = -INFINITY, .hi = INFINITY}, "any whole number"},
        {{.type = SG_FIELD_INT, .lo = 4, .hi = INFINITY, .parity = 2}, "even >= 4"},
        {{.type = SG_FIELD_INT, .lo = 1, .hi = 9, .parity = 1}, "odd [1, 9]"},
        {{.type = SG_FIELD_INT, .lo = -INFINITY, .hi = INFINITY, .parity = 1}, "odd"},
        {{.type = SG_FIELD_WORD, .choices = "constant|power|stein"}, "constant|power|stein"},
        {{.type = SG_FIELD_TEXT}, "text"},
        {{.type = SG_FIELD_REALS, .lo = 0, .hi = INFINITY}, ">= 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64], cut[4];
        sg_field_range(&cases[i].field, sizeof text, text);
        assert_string_equal(text, cases[i].range);
        sg_field_range(&cases[i].field, sizeof cut, cut);
        assert_int_equal(strlen(cut), strlen(text) < 3 ? strlen(text) : 3);
        assert_memory_equal(cut, text, strlen(cut));
    }
    sg_field_range(&cases[0].field, 0, NULL);
}

static void test_canonical_text(void **state) {
    (void)state;
    values v;
    char text[1000];
    assert_int_equal(read_text("a=3.0,w=5e-1,kernel=stein,at=0.1/1e3,name=@f.txt,degree=0x5", &v), SG_OK);
    const char *canonical = "degree=5,kernel=stein,any=0,a=3,w=0.5,free-end=nan,name=@f.txt,at=0.1/1000";
    assert_int_equal(sg_fields_text(fields, &v, sizeof text, text), strlen(canonical));
    assert_string_equal(text, canonical);
    values again;
    assert_int_equal(read_text(text, &again), SG_OK);
    char second[1000];
    sg_fields_text(fields, &again, sizeof second, second);
    assert_string_equal(second, text);
}

/* Cut at every size: a prefix, a zero byte at its end, nothing beyond, and the same length returned. */
static void test_canonical_text_is_cut(void **state) {
    (void)state;
    values v;
    assert_int_equal(read_text("", &v), SG_OK);
    for (size_t size = 0; size < sizeof defaults_text + 5; size++) {
        char text[sizeof defaults_text + 10];
        memset(text, '#', sizeof text);
        assert_int_equal(sg_fields_text(fields, &v, size, text), sizeof defaults_text - 1);
        assert_int_equal(text[size], '#');
        if (size == 0) continue;
        size_t kept = size < sizeof defaults_text ? size - 1 : sizeof defaults_text - 1;
        assert_int_equal(strlen(text), kept);
        assert_memory_equal(text, defaults_text, kept);
    }
}

static void test_pairs_are_split(void **state) {
    (void)state;
    char text[] = "a=1,path=x=y,empty=";
    sg_pair pairs[3];
    int count = -1;
    assert_int_equal(sg_pairs_split(text, 3, pairs, &count), SG_OK);
    assert_int_equal(count, 3);
    assert_string_equal(pairs[0].key, "a");
    assert_string_equal(pairs[0].value, "1");
    assert_string_equal(pairs[1].key, "path");
    assert_string_equal(pairs[1].value, "x=y");
    assert_string_equal(pairs[2].key, "empty");
    assert_string_equal(pairs[2].value, "");
    assert_ptr_equal(pairs[0].key, text);
    char empty[] = "";
    assert_int_equal(sg_pairs_split(empty, 0, pairs, &count), SG_OK);
    assert_int_equal(count, 0);
}

static void test_pairs_that_cannot_be_split(void **state) {
    (void)state;
    const char *const wrong[] = {"a", "=1", "a=1,", ",a=1", "a=1,,b=2", "a=1,b", ","};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[32];
        sg_pair pairs[4];
        int count;
        strcpy(text, wrong[i]);
        assert_int_equal(sg_pairs_split(text, 4, pairs, &count), SG_BAD_SYNTAX);
        assert_non_null(strstr(sg_message(), "write key=value"));
    }
    char many[] = "a=1,b=2,c=3";
    sg_pair pairs[2];
    int count;
    assert_int_equal(sg_pairs_split(many, 2, pairs, &count), SG_BAD_SYNTAX);
    assert_string_equal(sg_message(), "there are too many keys at 'c=3': write at most 2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values_of_each_type),
        cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_ends_of_ranges),
        cmocka_unit_test(test_even_numbers),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_wrong_words),
        cmocka_unit_test(test_a_key_twice),
        cmocka_unit_test(test_lists_and_texts_have_an_end),
        cmocka_unit_test(test_defaults_outside_the_range),
        cmocka_unit_test(test_a_wrong_default_is_ours),
        cmocka_unit_test(test_ranges_in_words),
        cmocka_unit_test(test_canonical_text),
        cmocka_unit_test(test_canonical_text_is_cut),
        cmocka_unit_test(test_pairs_are_split),
        cmocka_unit_test(test_pairs_that_cannot_be_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
