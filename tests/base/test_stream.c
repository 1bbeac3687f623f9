/*
 * Philox streams against Random123, and the laws of uniforms and normals.  Every statistical test has false-alarm rate
 * 1e-6; the seeds are fixed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <Random123/philox.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>

#include "base/vecmath.h"
#include "scoregap/base.h"

#define FALSE_ALARM 1e-6

static sg_stream at(uint32_t index, uint32_t block, uint32_t replicate, uint32_t purpose, uint64_t key) {
    sg_stream stream;
    sg_stream_open(&stream, key, purpose, replicate);
    sg_stream_seek(&stream, block);
    stream.index = index;
    return stream;
}

/* The vectors that Random123 publishes (kat_vectors, philox4x32 10): counter, key, result. */
static void test_known_answers(void **state) {
    (void)state;
    static const uint32_t known[][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e, 0xa20bc7c6,
         0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420,
         0x24126ea1},
    };
    for (int i = 0; i < 3; i++) {
        const uint32_t *k = known[i];
        uint32_t words[4];
        sg_stream stream = at(k[0], k[1], k[2], k[3], (uint64_t)k[5] << 32 | k[4]);
        sg_stream_words(&stream, 4, words);
        assert_memory_equal(words, k + 6, sizeof words);
    }
}

static philox4x32_ctr_t reference(const sg_stream *s, uint32_t index) {
    philox4x32_ctr_t counter = {{index, s->block, s->replicate, s->purpose}};
    philox4x32_key_t key = {{(uint32_t)s->key, (uint32_t)(s->key >> 32)}};
    return philox4x32_R(10, counter, key);
}

/* Corners of each word, and every length around the group size, against the library's own code. */
static void test_words_equal_random123(void **state) {
    (void)state;
    static const uint32_t corner[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff, 0x12345678};
    for (uint32_t n = 0; n < 200; n++) {
        uint32_t words[201];
        words[n] = 0xabcdef01;
        sg_stream stream = at(corner[n % 7], corner[n / 7 % 7], corner[n / 3 % 7], corner[n / 5 % 7],
                              (uint64_t)corner[n / 2 % 7] << 32 | corner[n % 5]);
        const sg_stream start = stream;
        sg_stream_words(&stream, n, words);
        for (uint32_t i = 0; i < n; i++) assert_int_equal(words[i], reference(&start, start.index + i / 4).v[i % 4]);
        assert_int_equal(words[n], 0xabcdef01);
        assert_int_equal(stream.index, (uint32_t)(start.index + (n + 3) / 4));
    }
}

static void test_uniforms_are_the_documented_bits(void **state) {
    (void)state;
    for (size_t n = 0; n < 150; n++) {
        double u[151];
        u[n] = 7;
        sg_stream stream = at((uint32_t)n * 1000003u, (uint32_t)n, 17, SG_PURPOSE_TEST, 0x9e3779b97f4a7c15);
        const sg_stream start = stream;
        sg_stream_uniform(&stream, n, u);
        for (size_t i = 0; i < n; i++) {
            philox4x32_ctr_t w = reference(&start, start.index + (uint32_t)(i / 2));
            uint64_t word = (uint64_t)w.v[2 * (i % 2) + 1] << 32 | w.v[2 * (i % 2)];
            assert_true(u[i] == (double)(2 * (word >> 12) + 1) * 0x1p-53);
        }
        assert_true(u[n] == 7);
        assert_int_equal(stream.index, start.index + (uint32_t)((n + 1) / 2));
    }
}

typedef void draw(sg_stream *, size_t, double *);

/* However calls are grouped, a counter gives the same two numbers; an odd call drops its last one. */
static void check_grouping(draw *take) {
    enum { COUNTERS = 600 };
    double whole[2 * COUNTERS], parts[2 * COUNTERS];
    sg_stream stream = at(0, 3, 5, SG_PURPOSE_TEST, 99);
    take(&stream, 2 * COUNTERS, whole);
    uint32_t lengths = 12345;
    for (int round = 0; round < 50; round++) {
        stream = at(0, 3, 5, SG_PURPOSE_TEST, 99);
        size_t done = 0;
        while (done < COUNTERS) {
            lengths = lengths * 1664525 + 1013904223;
            size_t n = 1 + (lengths >> 16) % (round < 25 ? 9 : 150);
            if (n > 2 * (COUNTERS - done)) n = 2 * (COUNTERS - done);
            take(&stream, n, parts);
            assert_memory_equal(parts, whole + 2 * done, n * sizeof *parts);
            done += (n + 1) / 2;
            assert_int_equal(stream.index, done);
        }
    }
}

static void test_grouping_changes_no_bit(void **state) {
    (void)state;
    check_grouping(sg_stream_uniform);
    check_grouping(sg_stream_normal);
}

static void test_seek_returns_to_a_block(void **state) {
    (void)state;
    double first[10], again[10], other[10];
    sg_stream stream;
    sg_stream_open(&stream, 1, SG_PURPOSE_DATA, 2);
    assert_int_equal(stream.block, 0);
    assert_int_equal(stream.index, 0);
    sg_stream_seek(&stream, 4);
    sg_stream_uniform(&stream, 10, first);
    sg_stream_seek(&stream, 5);
    sg_stream_uniform(&stream, 10, other);
    sg_stream_seek(&stream, 4);
    sg_stream_uniform(&stream, 10, again);
    assert_memory_equal(first, again, sizeof first);
    for (int i = 0; i < 10; i++) assert_true(first[i] != other[i]);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* sqrt(n) D exceeds x with probability 2 exp(-2 x^2), to the accuracy that matters here. */
static void check_kolmogorov(size_t n, double *p) {
    double worst = 0;
    qsort(p, n, sizeof *p, ascending);
    for (size_t i = 0; i < n; i++) {
        worst = fmax(worst, p[i] - (double)i / (double)n);
        worst = fmax(worst, (double)(i + 1) / (double)n - p[i]);
    }
    assert_true(sqrt((double)n) * worst < sqrt(log(2 / FALSE_ALARM) / 2));
}

static void check_chi_square(int cells, double expected, const unsigned *count) {
    double chi = 0;
    for (int i = 0; i < cells; i++) chi += (count[i] - expected) * (count[i] - expected) / expected;
    assert_true(chi < gsl_cdf_chisq_Qinv(FALSE_ALARM / 2, cells - 1));
    assert_true(chi > gsl_cdf_chisq_Pinv(FALSE_ALARM / 2, cells - 1));
}

static void test_uniforms_are_uniform(void **state) {
    (void)state;
    enum { N = 1 << 20, SIDE = 32 };
    double *u = malloc(N * sizeof *u);
    unsigned pairs[SIDE * SIDE] = {0}, low_bits[256] = {0};
    sg_stream stream = at(0, 0, 1, SG_PURPOSE_TEST, 20240101);
    sg_stream_uniform(&stream, N, u);
    for (int i = 0; i < N; i += 2) pairs[SIDE * (int)(SIDE * u[i]) + (int)(SIDE * u[i + 1])]++;
    for (int i = 0; i < N; i++) low_bits[(uint64_t)(u[i] * 0x1p52) & 255]++;
    check_chi_square(SIDE * SIDE, N / 2.0 / (SIDE * SIDE), pairs);
    check_chi_square(256, N / 256.0, low_bits);
    for (int i = 0; i < N; i++) assert_true(u[i] > 0 && u[i] < 1);
    check_kolmogorov(N, u);
    free(u);
}

/* Streams that differ in one coordinate are uncorrelated: n sum (u-1/2)(v-1/2) 12 is standard normal over sqrt(n). */
static void test_neighbouring_streams_are_unrelated(void **state) {
    (void)state;
    enum { N = 1 << 16 };
    double *u = malloc(N * sizeof *u), *v = malloc(N * sizeof *v);
    sg_stream base = at(0, 0, 0, 0, 5);
    sg_stream_uniform(&base, N, u);
    sg_stream other[] = {at(0, 1, 0, 0, 5), at(0, 0, 1, 0, 5), at(0, 0, 0, 1, 5), at(0, 0, 0, 0, 6)};
    for (int k = 0; k < 4; k++) {
        double sum = 0;
        sg_stream_uniform(&other[k], N, v);
        for (int i = 0; i < N; i++) sum += (u[i] - 0.5) * (v[i] - 0.5) * 12;
        assert_true(fabs(sum) / sqrt(N) < gsl_cdf_ugaussian_Qinv(FALSE_ALARM / 2));
    }
    free(u);
    free(v);
}

/*
 * Box-Muller in long double from the stream's own uniforms.  In units of 2^-52 times the radius, the angle's roundings
 * (2 pi: 0.6; the product: 1) and sine or cosine to one ulp (0.5) move a number by 2.1, the logarithm to one ulp and
 * the root (1) and the last product (0.5) by 1.5: below 4 together.
 */
static void check_against_long_double(sg_stream stream, size_t n) {
    const long double pi = 3.141592653589793238462643383279502884L;
    double *z = malloc(n * sizeof *z), *u = malloc(n * sizeof *u);
    sg_stream same = stream;
    sg_stream_normal(&stream, n, z);
    sg_stream_uniform(&same, n, u);
    for (size_t i = 0; i < n; i += 2) {
        long double radius = sqrtl(-2 * logl(u[i])), angle = 2 * pi * ((long double)u[i + 1] - 0.5L);
        assert_true(fabsl(z[i] - radius * cosl(angle)) <= radius * 0x1p-50L);
        assert_true(fabsl(z[i + 1] - radius * sinl(angle)) <= radius * 0x1p-50L);
    }
    free(z);
    free(u);
}

static void test_normals_are_box_muller(void **state) {
    (void)state;
    check_against_long_double(at(0, 0, 0, SG_PURPOSE_TEST, 31), 100000);
}

/* The counter with the smallest and the one with the largest first uniform among 2^22. */
static void test_normals_in_the_tail(void **state) {
    (void)state;
    enum { CHUNK = 4096 };
    double u[CHUNK], least = 1, most = 0;
    uint32_t least_index = 0, most_index = 0;
    sg_stream stream = at(0, 0, 0, SG_PURPOSE_TEST, 77);
    for (uint32_t start = 0; start < 1 << 22; start += CHUNK / 2) {
        sg_stream_uniform(&stream, CHUNK, u);
        for (uint32_t i = 0; i < CHUNK; i += 2) {
            if (u[i] < least) least = u[i], least_index = start + i / 2;
            if (u[i] > most) most = u[i], most_index = start + i / 2;
        }
    }
    assert_true(least < 1e-5 && most > 1 - 1e-5);
    check_against_long_double(at(least_index, 0, 0, SG_PURPOSE_TEST, 77), 2);
    check_against_long_double(at(most_index, 0, 0, SG_PURPOSE_TEST, 77), 2);
}

/* No run meets the last uniforms, so the vector functions themselves are asked there.  libmvec's, at four ulp, fail
 * this. */
static void test_vector_functions_at_the_ends(void **state) {
    (void)state;
    enum { N = 106 };
    double u[N], l[N], s[N], c[N];
    for (int k = 0; k < N / 2; k++) {
        u[2 * k] = ldexp(1, -k - 1);
        u[2 * k + 1] = 1 - ldexp(1, -k - 1);
    }
#pragma omp simd
    for (int i = 0; i < N; i++) l[i] = log(u[i]);
#pragma omp simd
    for (int i = 0; i < N; i++) s[i] = sin(2 * M_PI * (u[i] - 0.5));
#pragma omp simd
    for (int i = 0; i < N; i++) c[i] = cos(2 * M_PI * (u[i] - 0.5));
    assert_true(u[N - 2] == 0x1p-53 && u[N - 1] == 1 - 0x1p-53);
    for (int i = 0; i < N; i++) {
        long double angle = 2 * M_PI * (u[i] - 0.5);
        assert_true(fabsl(l[i] - logl(u[i])) <= 0x1p-52L * fabsl(logl(u[i])));
        assert_true(fabsl(s[i] - sinl(angle)) <= 0x1p-52L * fabsl(sinl(angle)));
        assert_true(fabsl(c[i] - cosl(angle)) <= 0x1p-52L * fabsl(cosl(angle)));
    }
}

static void check_score(double value, double mean, double variance, double n) {
    assert_true(fabs(value / n - mean) < gsl_cdf_ugaussian_Qinv(FALSE_ALARM / 2) * sqrt(variance / n));
}

/* Variances of z^k: 1, 2, 15, 96 (moments 1, 3, 15, 105); of the product of a pair: 1; of its squares' product: 8. */
static void test_normals_have_normal_moments(void **state) {
    (void)state;
    enum { CHUNK = 1024, CHUNKS = 4096 };
    double z[CHUNK], sum[4] = {0}, product = 0, squares = 0, beyond = 0, n = (double)CHUNK * CHUNKS;
    sg_stream stream = at(0, 0, 3, SG_PURPOSE_TEST, 4711);
    for (int k = 0; k < CHUNKS; k++) {
        sg_stream_normal(&stream, CHUNK, z);
        for (int i = 0; i < CHUNK; i++) {
            double x = z[i], x2 = x * x;
            sum[0] += x, sum[1] += x2, sum[2] += x2 * x, sum[3] += x2 * x2;
            beyond += fabs(x) > 4;
        }
        for (int i = 0; i < CHUNK; i += 2) {
            product += z[i] * z[i + 1];
            squares += z[i] * z[i] * z[i + 1] * z[i + 1];
        }
    }
    check_score(sum[0], 0, 1, n);
    check_score(sum[1], 1, 2, n);
    check_score(sum[2], 0, 15, n);
    check_score(sum[3], 3, 96, n);
    check_score(product, 0, 1, n / 2);
    check_score(squares, 1, 8, n / 2);
    double tail = 2 * gsl_cdf_ugaussian_Q(4);
    check_score(beyond, tail, tail * (1 - tail), n);
}

static void test_normals_have_the_normal_law(void **state) {
    (void)state;
    enum { N = 1 << 19 };
    double *z = malloc(N * sizeof *z), *even = malloc(N / 2 * sizeof *even);
    sg_stream stream = at(0, 0, 4, SG_PURPOSE_TEST, 4712);
    sg_stream_normal(&stream, N, z);
    for (int i = 0; i < N; i++) z[i] = gsl_cdf_ugaussian_P(z[i]);
    for (int i = 0; i < N / 2; i++) even[i] = z[2 * i];
    check_kolmogorov(N / 2, even);
    check_kolmogorov(N, z);
    free(z);
    free(even);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_words_equal_random123),
        cmocka_unit_test(test_uniforms_are_the_documented_bits),
        cmocka_unit_test(test_grouping_changes_no_bit),
        cmocka_unit_test(test_seek_returns_to_a_block),
        cmocka_unit_test(test_uniforms_are_uniform),
        cmocka_unit_test(test_neighbouring_streams_are_unrelated),
        cmocka_unit_test(test_normals_are_box_muller),
        cmocka_unit_test(test_normals_in_the_tail),
        cmocka_unit_test(test_vector_functions_at_the_ends),
        cmocka_unit_test(test_normals_have_normal_moments),
        cmocka_unit_test(test_normals_have_the_normal_law),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
