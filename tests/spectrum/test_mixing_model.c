/* Mixing times of models: one answer by several ways, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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

/*
 * From infinity, V = x^2/2 + x^4: the mixing time from x = 4.6 on panels of depth 590, plus the mean time to come down
 * to it, int_x^inf dy int_0^inf exp(V(y) - V(y+u)) du, by Simpson's rule in 1/y and y^3 u.  (Its variance is below 2
 * int V'^-3 = 2.1e-8, and moves the time by 5e-8.)
 */
static double coming_down(double x) {
    enum { OUTER = 400, INNER = 4000 };
    double sum = 0;
    for (int i = 0; i <= OUTER; i++) {
        const double v = fmax(1e-9, (double)i / OUTER / x), y = 1 / v;
        double inner = 0;
        for (int j = 0; j <= INNER; j++) {
            const double s = 12.0 * j / INNER, u = s / (y * y * y);
            const double rise = u * y + u * u / 2 + u * (2 * y + u) * (2 * y * y + 2 * y * u + u * u);
            inner += (j == 0 || j == INNER ? 1 : j % 2 ? 4 : 2) * exp(-rise);
        }
        inner *= 12.0 / INNER / 3 / (y * y * y);
        sum += (i == 0 || i == OUTER ? 1 : i % 2 ? 4 : 2) * inner / (v * v);
    }
    return sum / (OUTER * x) / 3;
}

static void test_from_infinity(void **state) {
    (void)state;
    sg_model *model = model_of("monomial", "k=4");
    sg_panels *panels = NULL;
    sg_mixing worst = answer("monomial", "k=4", "score-matching", "worst", 0.25), far = {0};
    assert_int_equal(worst.status, SG_OK);
    assert_true(worst.mixing_time_upper < worst.mixing_time_lower * (1 + 1e-6));
    assert_int_equal(sg_model_panels_deep(model, model->truth, 590, 0, &panels), SG_OK);
    const double x = 4.6; /* V = 458: far from the cut, which reflects */
    assert_int_equal(sg_line_mixing(panels, NULL, SG_START_POINT, x, NULL, &far), SG_OK);
    assert_near(far.mixing_time + coming_down(x), worst.mixing_time, 1e-7);
    assert_true(worst.mixing_time_lower < far.mixing_time + coming_down(x) + 5e-8);
    assert_true(worst.mixing_time_upper > far.mixing_time + coming_down(x));
    sg_mixing_clear(&far);
    sg_mixing_clear(&worst);
    sg_panels_delete(panels);
    sg_model_delete(model);
}

/* ------------------------------------------------------------------- blocks */

static void scale(sg_mixing *m, double factor) {
    m->mixing_time *= factor, m->mixing_time_lower *= factor, m->mixing_time_upper *= factor;
    m->relaxation_time *= factor;
}

/* Beyond the list of all states: masks of one site on pairs of numbers, n times as slow as Glauber. */
static void test_blocks_of_one(void **state) {
    (void)state;
    static const char *const start[] = {"worst", "all-plus", "warm", "state:01101100100001"};
    for (int i = 0; i < 4; i++) {
        const char *keys = "graph=curie-weiss n=14 beta=0.8 h=0.1 free=tied";
        sg_mixing flips = answer("ising", keys, "pseudolikelihood", start[i], 0.2);
        sg_mixing blocks = answer("ising", keys, "masked", start[i], 0.2);
        assert_int_equal(flips.status, SG_OK);
        assert_int_equal(blocks.status, SG_OK);
        assert_string_equal(flips.start, blocks.start);
        scale(&blocks, 1.0 / 14);
        assert_near(blocks.relaxation_time / flips.relaxation_time, 1, 1e-8);
        assert_same(&flips, &blocks, 1e-8);
    }
}

/* The complete graph by its symmetry, and the same couplings from a file, in which none is known: all 2^12 states. */
static void test_blocks_without_symmetry(void **state) {
    (void)state;
    static const char *const start[] = {"all-plus", "all-minus", "warm", "state:011011001000"};
    char name[] = "/tmp/test_mixing_XXXXXX", keys[128];
    FILE *file = fdopen(mkstemp(name), "w");
    assert_non_null(file);
    for (int i = 0; i < 12; i++)
        for (int j = 0; j < i; j++) fprintf(file, "%d %d %s\n", i, j, i == 1 ? "0.0500001" : "0.05");
    assert_int_equal(fclose(file), 0);
    snprintf(keys, sizeof keys, "graph=@%s beta=1 h=0.05 free=tied", name);
    for (int i = 0; i < 4; i++)
        for (int k = 2; k < 5; k += 2) {
            const char *loss = k == 2 ? "masked:k=2" : "masked:k=4";
            sg_mixing pairs = answer("ising", "graph=complete n=12 beta=0.05 h=0.05 free=tied", loss, start[i], 0.2);
            sg_mixing all = answer("ising", keys, loss, start[i], 0.2);
            assert_non_null(strstr(pairs.method, "permutations"));
            assert_non_null(strstr(all.method, "4096 states"));
            assert_near(pairs.relaxation_time / all.relaxation_time, 1, 1e-6);
            assert_near(pairs.mixing_time / all.mixing_time, 1, 1e-6); /* of which one coupling is 2e-6 stronger */
            sg_mixing_clear(&pairs);
            sg_mixing_clear(&all);
        }
    remove(name);
}

/* The worst start of masks: no start of so many ones is later, and the bounds hold. */
static void test_blocks_worst(void **state) {
    (void)state;
    char start[32] = "state:000000000000";
    const char *keys = "graph=curie-weiss n=12 beta=-0.7 h=0.2 free=tied";
    sg_mixing worst = answer("ising", keys, "masked:k=3", "worst", 0.1);
    double latest = 0;
    assert_int_equal(worst.status, SG_OK);
    for (int ones = 0; ones <= 12; ones++) {
        if (ones) start[5 + ones] = '1';
        sg_mixing m = answer("ising", keys, "masked:k=3", start, 0.1);
        assert_true(m.mixing_time <= worst.mixing_time_upper);
        latest = fmax(latest, m.mixing_time);
        sg_mixing_clear(&m);
    }
    assert_near(worst.mixing_time / latest, 1, 1e-11);
    sg_mixing_clear(&worst);
}

/* ------------------------------------------------------------------ the circle */

/* Von Mises: by the model as by its panels; deep laws as the line that they are cut to. */
static void test_circle(void **state) {
    (void)state;
    static const char *const keys[] = {"kappa=0", "kappa=1", "kappa=30"};
    for (int k = 0; k < 3; k++) {
        sg_mixing one = answer("von-mises", keys[k], "score-matching", "x=1", 0.25);
        sg_mixing other = answer("von-mises", keys[k], "score-matching", "x=-1", 0.25);
        sg_mixing worst = answer("von-mises", keys[k], "score-matching", "worst", 0.25);
        sg_mixing warm = answer("von-mises", keys[k], "score-matching", "warm", 0.25);
        assert_int_equal(one.status, SG_OK);
        assert_int_equal(worst.status, SG_OK);
        assert_true(one.mixing_time <= worst.mixing_time_upper && warm.mixing_time < one.mixing_time);
        assert_near(worst.mixing_time / one.mixing_time, 1, k ? INFINITY : 1e-6);
        assert_same(&one, &other, 1e-9);
        sg_mixing_clear(&worst);
        sg_mixing_clear(&warm);
    }
    /* log p falls by 560 on the one, which is a circle to the program, and by 640 on the other, a line */
    sg_mixing circle = answer("von-mises", "kappa=280", "score-matching", "x=0.05", 0.1);
    sg_mixing line = answer("von-mises", "kappa=320", "score-matching", "x=0.05", 0.1);
    assert_null(strstr(line.method, "circle"));
    assert_non_null(strstr(circle.method, "circle"));
    assert_near(circle.relaxation_time * 280 / (line.relaxation_time * 320), 1, 1e-3);
    sg_mixing_clear(&circle);
    sg_mixing_clear(&line);
}

/* ----------------------------------------------------- chains by their rates */

static void test_rates(void **state) {
    (void)state;
    char name[] = "/tmp/test_mixing_XXXXXX", keys[128];
    double log_up[40], log_down[40];
    const sg_mixing_settings settings = {.epsilon = 0.25, .points = 5};
    /* a path through two wells, its states in another order: 7 k mod 41 */
    FILE *file = fdopen(mkstemp(name), "w");
    assert_non_null(file);
    for (int k = 0; k < 40; k++) {
        log_up[k] = k < 20 ? -1 : 1;
        log_down[k] = -log_up[k];
        fprintf(file, "%d %d %.17g\n%d %d %.17g\n", 7 * k % 41, 7 * (k + 1) % 41, exp(log_up[k]), 7 * (k + 1) % 41,
                7 * k % 41, exp(log_down[k]));
    }
    assert_int_equal(fclose(file), 0);
    const sg_birth_death path = {41, log_up, log_down};
    snprintf(keys, sizeof keys, "file=@%s speed=2", name);
    for (int i = 0; i < 2; i++) {
        sg_mixing m = answer("chain", keys, "jumps", i ? "state:21" : "worst", 0.25), exact = {0};
        assert_int_equal(sg_birth_death_mixing(&path, i ? 3 : -1, NULL, &settings, &exact), SG_OK);
        scale(&m, 2);
        for (int k = 0; k < 5; k++) m.time[k] *= 2;
        assert_near(m.relaxation_time / exact.relaxation_time, 1, 1e-9);
        if (i) assert_int_equal(m.state, 21);
        assert_same(&m, &exact, 1e-9);
    }
    remove(name);
}

/*
 * The lifted walk: rotations of the ring move no distance, so both directions and all places are equal starts; warm is
 * the lower half by number, an equal share of both directions on half of the ring, nearer than any state.
 */
static void test_lifted(void **state) {
    (void)state;
    sg_mixing worst = answer("chain", "file=lifted", "jumps", "worst", 0.25);
    assert_int_equal(worst.status, SG_OK);
    assert_near(worst.relaxation_time, 2, 1e-10);
    for (int k = 0; k < 16; k += 5) {
        char start[16];
        snprintf(start, sizeof start, "state:%d", k);
        sg_mixing m = answer("chain", "file=lifted", "jumps", start, 0.25);
        assert_near(m.mixing_time / worst.mixing_time, 1, 1e-9);
        sg_mixing_clear(&m);
    }
    sg_mixing warm = answer("chain", "file=lifted", "jumps", "warm", 0.25);
    assert_true(warm.mixing_time < worst.mixing_time && warm.mixing_time > 0);
    assert_near(warm.distance[0], 0.5, 1e-12);
    sg_mixing_clear(&warm);
    sg_mixing_clear(&worst);
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
        {"ising", "graph=ring n=22 free=tied", "masked:k=2", "all-plus", SG_REFUSED},
        {"ising", "graph=ring n=18 free=tied", "masked:k=9", "all-plus", SG_REFUSED},
        {"ising", "graph=curie-weiss n=70 free=tied", "pseudolikelihood", "state:01", SG_BAD_SYNTAX},
        {"rotated-wells", "h=1", "score-matching", "worst", SG_REFUSED},
        {"gaussian", "s=1", "underdamped", "x=1", SG_REFUSED},
        {"von-mises", "kappa=1", "score-matching", "all-plus", SG_MISFIT},
        {"von-mises", "kappa=1000", "score-matching", "worst", SG_REFUSED},
        {"von-mises", "kappa=1000", "score-matching", "x=3", SG_REFUSED},
        {"chain", "file=lifted", "jumps", "all-plus", SG_MISFIT},
        {"chain", "file=lifted", "jumps", "x=1", SG_MISFIT},
        {"chain", "file=lifted", "jumps", "state:16", SG_OUT_OF_RANGE},
        {"chain", "file=lifted", "jumps", "state:1.5", SG_OUT_OF_RANGE},
    };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        sg_mixing m = {0};
        sg_status status = ask(wrong[k].family, wrong[k].keys, wrong[k].loss, wrong[k].start, 0.25, &m);
        if (status != wrong[k].status)
            fail_msg("%s %s %s: %s", wrong[k].family, wrong[k].loss, wrong[k].start, sg_status_name(status));
    }
    assert_int_equal(sg_memory_live(), 0);
}

/* Wherever memory ends, it is said or an answer is given, and nothing is lost. */
static void test_no_memory(void **state) {
    (void)state;
    static const struct {
        const char *family, *keys, *loss, *start;
    } job[] = {
        {"ising", "graph=curie-weiss n=12 beta=0.5 free=tied", "pseudolikelihood", "worst"},
        {"ising", "graph=curie-weiss n=12 beta=0.5 free=tied", "masked:k=2", "worst"},
        {"ising", "graph=curie-weiss n=12 beta=0.5 free=tied", "masked:k=2", "warm"},
        {"ising", "graph=ring n=12 beta=0.1 free=tied", "masked:k=2,blocks=contiguous", "warm"},
        {"ising", "graph=ring n=5 beta=0.5 free=tied", "masked:k=2", "worst"},
        {"chain", "file=lifted", "jumps", "worst"},
        {"chain", "file=lifted", "jumps", "warm"},
        {"von-mises", "kappa=1", "score-matching", "x=1"},
        {"bimodal", "a=1", "score-matching", "worst"},
    };
    for (size_t j = 0; j < sizeof job / sizeof *job; j++) {
        const sg_mixing_settings settings = {.epsilon = 0.3, .points = 3};
        sg_model *model = model_of(job[j].family, job[j].keys);
        sg_loss *loss = NULL;
        assert_int_equal(sg_loss_new(job[j].loss, &loss), SG_OK);
        bool ended = true;
        for (long k = 1; ended; k += 1 + k / 10) {
            sg_mixing m = {0};
            const long before = sg_memory_live();
            sg_memory_fail_after(k);
            sg_status status = sg_spectrum_mixing(model, loss, job[j].start, &settings, &m);
            sg_memory_fail_after(0);
            if (status && status != SG_NO_MEMORY)
                fail_msg("%s %s, call %ld: %s", job[j].family, job[j].start, k, sg_message());
            ended = status == SG_NO_MEMORY || k < 40;
            sg_mixing_clear(&m);
            assert_int_equal(sg_memory_live(), before);
            assert_true(k < 100000);
        }
        sg_loss_delete(loss);
        sg_model_delete(model);
    }
    assert_int_equal(sg_memory_live(), 0);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symmetry),      cmocka_unit_test(test_single_starts),
        cmocka_unit_test(test_candidates),    cmocka_unit_test(test_resampling),
        cmocka_unit_test(test_line),          cmocka_unit_test(test_from_infinity),
        cmocka_unit_test(test_blocks_of_one), cmocka_unit_test(test_blocks_without_symmetry),
        cmocka_unit_test(test_blocks_worst),  cmocka_unit_test(test_circle),
        cmocka_unit_test(test_rates),         cmocka_unit_test(test_lifted),
        cmocka_unit_test(test_hard),          cmocka_unit_test(test_requests),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
