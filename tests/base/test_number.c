/* Decimal texts of doubles, their reading, and the compensated sum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scoregap/base.h"

static double of_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void random_doubles(size_t n, double *values) {
    uint32_t *words = malloc(2 * n * sizeof *words);
    sg_stream stream;
    sg_stream_open(&stream, 1, SG_PURPOSE_TEST, 0);
    sg_stream_words(&stream, 2 * n, words);
    for (size_t i = 0; i < n; i++) values[i] = of_bits((uint64_t)words[2 * i] << 32 | words[2 * i + 1]);
    free(words);
}

static void test_known_texts(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } known[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-1, "-1"},
        {0.1, "0.1"},
        {0.5, "0.5"},
        {10, "10"},
        {123.456, "123.456"},
        {1e-300, "1e-300"},
        {1e-60, "1e-60"},
        {5e-324, "5e-324"},
        {DBL_MAX, "1.7976931348623157e308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {-2.5e-7, "-2.5e-7"},
        {0.0001, "0.0001"},
        {0.00001, "1e-5"},
        {10000, "10000"},
        {1e15, "1000000000000000"},
        {1e16, "1e16"},
        {9007199254740993, "9007199254740992"},
        {123456789012345.6, "123456789012345.6"},
        {0.000123, "0.000123"},
        {9.5367431640625e-7, "9.5367431640625e-7"},
        {1e23, "1e23"},
        {9007199254740994e3, "9.007199254740994e18"},
        {0x1p-44, "5.684341886080802e-14"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {NAN, "nan"},
        {-NAN, "nan"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char text[SG_NUMBER_TEXT];
        assert_int_equal(sg_number_text(known[i].value, text), strlen(known[i].text));
        assert_string_equal(text, known[i].text);
    }
}

/* The significant digits of a text, and the power of ten of the last one. */
static int digits_of(const char *text, char *digits, int *last_power) {
    int count = 0, after_point = 0;
    bool point = false;
    for (; *text && *text != 'e'; text++) {
        if (*text == '.') point = true;
        if (*text < '0' || *text > '9') continue;
        if (point) after_point++;
        if (count > 0 || *text != '0') digits[count++] = *text;
    }
    *last_power = (*text == 'e' ? atoi(text + 1) : 0) - after_point;
    for (; count > 1 && digits[count - 1] == '0'; count--) ++*last_power;
    digits[count] = '\0';
    return count;
}

/* With a digit less, neither the decimal below nor the one above reads back as the value. */
static void check_shortest(double value) {
    char text[SG_NUMBER_TEXT], digits[40], shorter[80];
    int last_power;
    double back = 0;
    int length = sg_number_text(value, text);
    assert_int_equal(length, strlen(text));
    assert_true(length < SG_NUMBER_TEXT - 1);
    assert_true(sg_number_read(text, &back));
    assert_memory_equal(&back, &value, sizeof value);
    int count = digits_of(text, digits, &last_power);
    assert_in_range(count, 1, 17);
    if (count == 1) return;
    digits[count - 1] = '\0';
    unsigned long long below = strtoull(digits, NULL, 10);
    for (unsigned long long near = below; near <= below + 1; near++) {
        snprintf(shorter, sizeof shorter, "%llue%d", near, last_power + 1);
        assert_true(strtod(shorter, NULL) != fabs(value));
    }
}

static void test_random_bits_survive_and_are_shortest(void **state) {
    (void)state;
    enum { N = 50000 };
    double *values = malloc(N * sizeof *values);
    random_doubles(N, values);
    int checked = 0;
    for (int i = 0; i < N; i++) {
        if (!isfinite(values[i])) continue;
        check_shortest(values[i]);
        check_shortest(of_bits((uint64_t)(i + 1) << (i % 36))); /* denormal: below 2^52 */
        checked++;
    }
    assert_true(checked > N * 9 / 10);
    free(values);
}

/* Where the interval that rounds to the value is lopsided. */
static void test_powers_of_two_are_shortest(void **state) {
    (void)state;
    for (int e = -1074; e <= 1023; e++) check_shortest(ldexp(1, e));
}

static void test_short_decimals_come_back_as_typed(void **state) {
    (void)state;
    for (int k = 1; k < 20000; k++) {
        char typed[SG_NUMBER_TEXT], text[SG_NUMBER_TEXT];
        if (k % 10 == 0) continue;
        snprintf(typed, sizeof typed, "%d.%d", k % 97, k);
        sg_number_text(strtod(typed, NULL), text);
        assert_string_equal(text, typed);
    }
}

static void test_read_accepts_whole_numbers_only(void **state) {
    (void)state;
    static const char *const wrong[] = {"1x", "",    "nan",   "inf", "-inf", "infinity", " ",      "1 ", "1 2",
                                        "e5", "--1", "1e400", "0x",  ".",    "1,5",      "nan(1)", "1e", "+"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        double value = 42;
        assert_false(sg_number_read(wrong[i], &value));
        assert_true(value == 42);
    }
    static const struct {
        const char *text;
        double value;
    } right[] = {{"1e-3", 1e-3}, {"0x1p-3", 0.125}, {" 2", 2},     {"-0.5", -0.5}, {"+7", 7},
                 {".5", 0.5},    {"5.", 5},         {"1E3", 1000}, {"1e-400", 0},  {"4.9e-324", 0x1p-1074}};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        double value = 42;
        assert_true(sg_number_read(right[i].text, &value));
        assert_true(value == right[i].value);
    }
}

static void test_a_decimal_comma_in_the_locale(void **state) {
    (void)state;
    static const char *const comma[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR"};
    bool found = false;
    for (int i = 0; i < 4 && !found; i++) found = setlocale(LC_NUMERIC, comma[i]) != NULL;
    if (!found) skip();
    char text[SG_NUMBER_TEXT];
    double value = 0;
    sg_number_text(1.5, text);
    bool read = sg_number_read("1.5", &value);
    setlocale(LC_NUMERIC, "C");
    assert_string_equal(text, "1.5");
    assert_true(read && value == 1.5);
}

static void test_sum_of_what_cancels(void **state) {
    (void)state;
    assert_true(sg_sum(0, NULL) == 0);
    assert_true(sg_sum(4, (double[]){1, 1e100, 1, -1e100}) == 2);
    assert_true(sg_sum(3, (double[]){1e16, 1, -1e16}) == 1);
    assert_true(sg_sum(3, (double[]){1e308, 1e308, -1e308}) == INFINITY);
    assert_true(isnan(sg_sum(2, (double[]){1, NAN})));
    assert_true(sg_sum(2, (double[]){1, -INFINITY}) == -INFINITY);
}

/* Against a sum in __float128, within 2 eps |sum| + (n u)^2 sum |x|, u = eps/2; the plain sum is outside it. */
static void test_sum_meets_its_bound(void **state) {
    (void)state;
    enum { N = 100000 };
    double *x = malloc(N * sizeof *x), plain = 0;
    sg_stream stream;
    sg_stream_open(&stream, 3, SG_PURPOSE_TEST, 0);
    sg_stream_normal(&stream, N, x);
    __float128 exact = 0;
    double size = 0;
    for (int i = 0; i < N; i++) {
        x[i] = ldexp(x[i], i % 40) + 1e10;
        exact += x[i];
        plain += x[i];
        size += fabs(x[i]);
    }
    double u = DBL_EPSILON / 2, error = fabs((double)((__float128)sg_sum(N, x) - exact));
    double bound = 2 * DBL_EPSILON * fabs((double)exact) + (N * u) * (N * u) * size;
    assert_true(error <= bound);
    assert_true(fabs((double)((__float128)plain - exact)) > bound);
    free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_texts),
        cmocka_unit_test(test_random_bits_survive_and_are_shortest),
        cmocka_unit_test(test_powers_of_two_are_shortest),
        cmocka_unit_test(test_short_decimals_come_back_as_typed),
        cmocka_unit_test(test_read_accepts_whole_numbers_only),
        cmocka_unit_test(test_a_decimal_comma_in_the_locale),
        cmocka_unit_test(test_sum_of_what_cancels),
        cmocka_unit_test(test_sum_meets_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
