/* The stream as a GSL generator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include <gsl/gsl_errno.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

#include "scoregap/base.h"

enum { N = 1000 };

static gsl_rng *generator(unsigned long seed) {
    gsl_rng *rng = gsl_rng_alloc(sg_rng_philox());
    assert_non_null(rng);
    gsl_rng_set(rng, seed);
    return rng;
}

static void test_words_are_the_stream(void **state) {
    (void)state;
    static const uint64_t seeds[] = {0, 1, 0xdeadbeefcafef00d, UINT64_MAX};
    for (int k = 0; k < 4; k++) {
        uint32_t words[N];
        sg_stream stream;
        sg_stream_open(&stream, seeds[k], SG_PURPOSE_TEST, 0);
        sg_stream_words(&stream, N, words);
        gsl_rng *rng = generator(seeds[k]);
        assert_int_equal(gsl_rng_min(rng), 0);
        assert_int_equal(gsl_rng_max(rng), 0xffffffff);
        for (int i = 0; i < N; i++) assert_int_equal(gsl_rng_get(rng), words[i]);
        gsl_rng_free(rng);
    }
}

static void test_doubles_are_the_stream(void **state) {
    (void)state;
    double u[N];
    sg_stream stream;
    sg_stream_open(&stream, 8, SG_PURPOSE_TEST, 0);
    sg_stream_uniform(&stream, N, u);
    gsl_rng *rng = generator(8);
    for (int i = 0; i < N; i++) assert_true(gsl_rng_uniform(rng) == u[i]);
    gsl_rng_free(rng);
}

static void test_a_copy_and_a_second_seeding_repeat(void **state) {
    (void)state;
    gsl_rng *rng = generator(5);
    unsigned long first = gsl_rng_get(rng);
    for (int i = 0; i < 100; i++) gsl_rng_get(rng);
    gsl_rng *copy = gsl_rng_clone(rng);
    for (int i = 0; i < N; i++) assert_int_equal(gsl_rng_get(rng), gsl_rng_get(copy));
    gsl_rng_set(rng, 5);
    assert_int_equal(gsl_rng_get(rng), first);
    gsl_rng_free(rng);
    gsl_rng_free(copy);
}

/* After its last counter the generator goes on with the next block, and does not repeat this one. */
static void test_the_end_of_a_block(void **state) {
    (void)state;
    gsl_rng *rng = generator(5);
    sg_stream *inside = gsl_rng_state(rng), next = *inside;
    inside->index = 0xfffffff0;
    for (int i = 0; i < 64; i++) gsl_rng_get(rng);
    uint32_t words[64];
    sg_stream_seek(&next, 1);
    sg_stream_words(&next, 64, words);
    for (int i = 0; i < 64; i++) assert_int_equal(gsl_rng_get(rng), words[i]);
    gsl_rng_free(rng);
}

/* A gamma variate of shape 2.5 has mean 2.5 and variance 2.5; the bound is at 5 standard errors (false alarm 6e-7). */
static void test_gsl_distributions_run_on_it(void **state) {
    (void)state;
    enum { DRAWS = 200000 };
    gsl_rng *rng = generator(12);
    double sum = 0;
    for (int i = 0; i < DRAWS; i++) sum += gsl_ran_gamma(rng, 2.5, 1);
    assert_true(fabs(sum / DRAWS - 2.5) < 5 * sqrt(2.5 / DRAWS));
    gsl_rng_free(rng);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_are_the_stream),
        cmocka_unit_test(test_doubles_are_the_stream),
        cmocka_unit_test(test_a_copy_and_a_second_seeding_repeat),
        cmocka_unit_test(test_the_end_of_a_block),
        cmocka_unit_test(test_gsl_distributions_run_on_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
