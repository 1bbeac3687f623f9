/* Mixing times of models: one answer by several ways, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <string.h>

#include "scoregap/mixing.h"

static void assert_near(double value, double truth, double tolerance) {
    if (!(fabs(value - truth) <= tolerance)) fail_msg("%.17g is not within %g of %.17g", value, tolerance, truth);
}

/* Keys as "n=8 beta=1". */
static sg_model *model_of(const char *family, const char *keys) {
    static char copy[256];
    sg_pair pair[16];
    int pairs = 0;
    sg_model *model = NULL;
    snprintf(copy, sizeof copy, "%s", keys);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        char *equals = strchr(word, '=');
        *equals = 0;
        pair[pairs++] = (sg_pair){word, equals + 1};
    }
    sg_status status = sg_model_new(family, pairs, pair, &model);
    if (status) fail_msg("%s %s: %s", family, keys, sg_message());
    return model;
}

static sg_status ask(const char *family, const char *keys, const char *loss_text, const char *start, double epsilon,
                     sg_mixing *m) {
    const sg_mixing_settings settings = {.epsilon = epsilon, .points = 5};
    sg_model *model = model_of(family, keys);
    sg_loss *loss = NULL;
    assert_int_equal(sg_loss_new(loss_text, &loss), SG_OK);
    sg_status status = sg_spectrum_mixing(model, loss, start, &settings, m);
    sg_loss_delete(loss);
    sg_model_delete(model);
    return status;
}

static sg_mixing answer(const char *family, const char *keys, const char *loss, const char *start, double epsilon) {
    sg_mixing m = {0};
    sg_status status = ask(family, keys, loss, start, epsilon, &m);
    if (status) fail_msg("%s %s %s %s: %s", family, keys, loss, start, sg_message());
    if (m.status == SG_REFUSED) return m;
    assert_true(m.mixing_time_lower <= m.mixing_time && m.mixing_time <= m.mixing_time_upper);
    if (isfinite(m.sandwich_lower)) assert_true(m.sandwich_lower <= m.mixing_time_upper);
    if (isfinite(m.sandwich_upper)) assert_true(m.mixing_time_lower <= m.sandwich_upper);
    return m;
}

static void assert_same(sg_mixing *a, sg_mixing *b, double relative) {
    assert_near(a->mixing_time / b->mixing_time, 1, relative);
    assert_true(a->mixing_time_lower <= b->mixing_time_upper && b->mixing_time_lower <= a->mixing_time_upper);
    for (int i = 0; i < a->points && i < b->points; i++) assert_near(a->distance[i], b->distance[i], 1e-8);
    sg_mixing_clear(a);
    sg_mixing_clear(b);
}

/*
 * A complete graph that is not known as one (a field of 0 stands in the way of nothing, but masks of one site are
 * blocks to the program) against the chain of its classes; n masks of one site run n times as slowly as Glauber.
 */
static void test_symmetry(void **state) {
    (void)state;
    static const char *const start[] = {"worst", "all-plus", "all-minus", "warm"};
    static const char *const keys[] = {"graph=curie-weiss n=7 beta=0.6 free=tied",
                                       "graph=complete n=7 beta=0.3 h=0.1 free=tied",
                                       "graph=complete n=6 beta=-0.2 h=0.2 free=tied"};
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 4; i++) {
            sg_mixing classes = answer("ising", keys[k], "pseudolikelihood", start[i], 0.2);
            sg_mixing states = answer("ising", keys[k], "masked", start[i], 0.2);
            assert_int_equal(classes.status, SG_OK);
            assert_int_equal(states.status, SG_OK);
            assert_null(strstr(classes.method, "eigenpairs"));
            assert_non_null(strstr(states.method, "eigenpairs"));
            const double n = k < 2 ? 7 : 6;
            assert_true(classes.mixing_time > 0);
            states.mixing_time /= n, states.mixing_time_lower /= n, states.mixing_time_upper /= n;
            assert_same(&classes, &states, 1e-8);
        }
}

/* Sites without couplings are a product chain; any number of ones may be the start. */
static void test_single_starts(void **state) {
    (void)state;
    static const char *const start[] = {"all-plus", "all-minus", "state:111100000000", "state:010101010101"};
    static const int ones[] = {12, 0, 4, 6};
    const double up = 1 / (1 + exp(-0.4));
    for (int k = 0; k < 4; k++) {
        const sg_mixing_settings settings = {.epsilon = 0.25, .points = 5};
        sg_mixing exact = {0};
        sg_mixing m = answer("ising", "graph=ring n=12 beta=0 h=0.2 free=tied", "pseudolikelihood", start[k], 0.25);
        assert_int_equal(sg_product_mixing(12, up, 1 - up, ones[k], &settings, &exact), SG_OK);
        assert_non_null(strstr(m.method, "uniformization"));
        assert_same(&m, &exact, 1e-10);
    }
}

/* Beyond what can be tried: a candidate, and a bound over all starts that holds for another one. */
static void test_candidates(void **state) {
    (void)state;
    const char *keys = "graph=ring n=12 beta=0.3 free=tied";
    sg_mixing m = answer("ising", keys, "pseudolikelihood", "worst", 0.25);
    assert_int_equal(m.status, SG_UNCERTIFIED);
    sg_mixing other = answer("ising", keys, "pseudolikelihood", "state:010101010101", 0.25);
    assert_true(other.mixing_time <= m.mixing_time_upper && isfinite(m.mixing_time_upper));
    sg_mixing_clear(&m);
    sg_mixing_clear(&other);
    /* Curie-Weiss at a size where not all starts are tried, above its critical temperature: the coupling is near */
    m = answer("ising", "graph=curie-weiss n=1000 beta=0.5 free=tied", "pseudolikelihood", "worst", 0.25);
    assert_int_equal(m.status, SG_UNCERTIFIED);
    assert_true(m.mixing_time_upper < 3 * m.mixing_time && m.mixing_time_upper < m.sandwich_upper);
    sg_mixing_clear(&m);
}

/* A mask of all sites is a resampling of everything: TV = exp(-t) (1 - pi). */
static void test_resampling(void **state) {
    (void)state;
    const char *keys = "graph=path n=4 beta=0.7 h=0.3 free=tied";
    static const char *const start[] = {"worst", "all-plus", "state:0110", "warm"};
    for (int i = 0; i < 4; i++) {
        sg_mixing whole = answer("ising", keys, "masked:k=4", start[i], 0.1),
                  mle = answer("ising", keys, "mle", start[i], 0.1);
        assert_near(mle.distance[0] * exp(-mle.mixing_time), 0.1, 1e-14);
        assert_same(&whole, &mle, 1e-10);
    }
    sg_mixing line = answer("gaussian", "s=2", "mle", NULL, 0.1);
    assert_near(line.mixing_time, log(10), 1e-12);
    sg_mixing_clear(&line);
}

static void test_line(void **state) {
    (void)state;
    /* N(0, s^2): time runs s^2 times as slowly */
    sg_mixing one = answer("gaussian", "s=1", "score-matching", "x=2", 0.1),
              two = answer("gaussian", "s=2", "score-matching", "x=4", 0.1);
    assert_near(two.relaxation_time, 4, 1e-9);
    two.mixing_time /= 4, two.mixing_time_lower /= 4, two.mixing_time_upper /= 4;
    assert_same(&one, &two, 1e-10);
    sg_mixing twice = answer("gaussian", "s=1", "preconditioned:value=2", "x=2", 0.1);
    one = answer("gaussian", "s=1", "score-matching", "x=2", 0.1);
    twice.mixing_time *= 2, twice.mixing_time_lower *= 2, twice.mixing_time_upper *= 2;
    assert_same(&one, &twice, 1e-10);
    sg_mixing far = answer("gaussian", "s=1", "score-matching", NULL, 0.1);
    assert_int_equal(far.status, SG_REFUSED);
    sg_mixing_clear(&far);
    sg_mixing well = answer("bimodal", "a=2", "score-matching", "worst", 0.25);
    assert_near(well.relaxation_time, 8.799977785, 1e-8);
    sg_mixing_clear(&well);
}

/* Forbidden states have no part in it. */
static void test_hard(void **state) {
    (void)state;
    sg_mixing m = answer("hardcore", "graph=complete n=5 lambda=2", "pseudolikelihood", "worst", 0.1);
    assert_int_equal(m.status, SG_OK);
    assert_near(m.relaxation_time, 1 + 2, 1e-9); /* gap 1/(n (1 + lambda)) of the random scan */
    sg_mixing_clear(&m);
    assert_int_equal(ask("hardcore", "graph=complete n=5 lambda=2", "pseudolikelihood", "all-plus", 0.1, &m),
                     SG_OUT_OF_RANGE);
    assert_non_null(strstr(sg_message(), "probability zero"));
}

static void test_requests(void **state) {
    (void)state;
    static const struct {
        const char *family, *keys, *loss, *start;
        sg_status status;
    } wrong[] = {
        {"gaussian", "s=1", "score-matching", "x=abc", SG_BAD_TYPE},
        {"gaussian", "s=1", "score-matching", "x=1e6", SG_OUT_OF_RANGE},
        {"gaussian", "s=1", "score-matching", "all-plus", SG_MISFIT},
        {"gaussian", "s=1", "score-matching", "wrst", SG_UNKNOWN},
        {"ising", "graph=ring n=5", "pseudolikelihood", "x=1", SG_MISFIT},
        {"ising", "graph=ring n=5", "pseudolikelihood", "state:01", SG_BAD_SYNTAX},
        {"ising", "graph=ring n=5", "pseudolikelihood", "state:01012", SG_BAD_SYNTAX},
        {"ising", "graph=ring n=24 free=tied", "pseudolikelihood", "all-plus", SG_REFUSED},
        {"ising", "graph=ring n=12 free=tied", "masked:k=2", "all-plus", SG_REFUSED},
    };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        sg_mixing m = {0};
        sg_status status = ask(wrong[k].family, wrong[k].keys, wrong[k].loss, wrong[k].start, 0.25, &m);
        if (status != wrong[k].status)
            fail_msg("%s %s %s: %s", wrong[k].family, wrong[k].loss, wrong[k].start, sg_status_name(status));
    }
    assert_int_equal(sg_memory_live(), 0);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symmetry),   cmocka_unit_test(test_single_starts), cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_resampling), cmocka_unit_test(test_line),          cmocka_unit_test(test_hard),
        cmocka_unit_test(test_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
