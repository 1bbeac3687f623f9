/*
 * Birth-death chains: the gap by the positive operator, the spectrum by a bidiagonal square root.  Closed forms:
 * Ehrenfest urns, queues, walks on a path.  Curie-Weiss: values of 60-digit arithmetic (Sturm's count in mpmath; for
 * n = 60 also mpmath's dense eigenvalues), and the table below beta = 1 and at it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scoregap/chain.h"

typedef struct {
    sg_birth_death chain;
    double *up, *down;
} rates;

static rates make(int n) {
    rates r;
    r.up = calloc((size_t)n, sizeof(double));
    r.down = calloc((size_t)n, sizeof(double));
    assert_true(r.up && r.down);
    r.chain = (sg_birth_death){n, r.up, r.down};
    return r;
}

static void drop(rates *r) {
    free(r->up);
    free(r->down);
}

/* log of (1 + tanh a)/2 */
static double log_half(double a) {
    return a > 0 ? -log1p(exp(-2 * a)) : 2 * a - log1p(exp(2 * a));
}

/* Magnetization of the mean-field Ising model of n spins under heat bath, rate 1 a spin; state k: k spins up. */
static rates curie_weiss(int n, double beta) {
    rates r = make(n + 1);
    for (int k = 0; k < n; k++) {
        double field_up = beta * (2 * k - n + 1) / n, field_down = beta * (2 * (k + 1) - n - 1) / n;
        r.up[k] = log(n - k) + log_half(field_up);
        r.down[k] = log(k + 1) + log_half(-field_down);
    }
    return r;
}

static void assert_relative(double value, double truth, double tolerance) {
    if (!(fabs(value / truth - 1) <= tolerance))
        fail_msg("%.17g is %.3g from %.17g, relative; %g was allowed", value, value / truth - 1, truth, tolerance);
}

static sg_gap gap_of(const rates *r) {
    sg_gap gap;
    assert_int_equal(sg_birth_death_gap(&r->chain, &gap), SG_OK);
    assert_non_null(gap.method);
    assert_true(gap.seconds > 0 && gap.iterations > 0);
    if (gap.status == SG_OK) {
        assert_true(gap.gap_lower <= gap.gap && gap.gap <= gap.gap_upper);
        assert_relative(pow(10, gap.log10_gap), gap.gap, 1e-12);
        assert_relative(gap.poincare * gap.gap, 1, 1e-15);
    }
    return gap;
}

/* The truth lies in the enclosure (given to `digits`, relative), which is no wider than 2e-11. */
static void assert_gap(const rates *r, double truth, double digits) {
    sg_gap gap = gap_of(r);
    assert_int_equal(gap.status, SG_OK);
    assert_true(gap.gap_lower <= truth * (1 + digits) && truth * (1 - digits) <= gap.gap_upper);
    assert_true(gap.gap_upper - gap.gap_lower <= 2e-11 * gap.gap);
    assert_relative(gap.gap, truth, digits);
}

static double *spectrum_of(const rates *r) {
    double *log_value = calloc((size_t)r->chain.n, sizeof(double));
    assert_non_null(log_value);
    assert_int_equal(sg_birth_death_spectrum(&r->chain, log_value, 0, NULL), SG_OK);
    return log_value;
}

/* Largest difference in the logs of all n-1 eigenvalues. */
static void assert_spectrum(const rates *r, double (*truth)(const void *, int), const void *context, double tolerance) {
    double *log_value = spectrum_of(r);
    for (int k = 0; k + 1 < r->chain.n; k++) {
        double t = truth(context, k + 1);
        if (!(fabs(log_value[k] - log(t)) <= tolerance * fmax(1, fabs(log(t)))))
            fail_msg("eigenvalue %d is %.17g, not %.17g", k + 1, exp(log_value[k]), t);
    }
    free(log_value);
}

/* ------------------------------------------------------------ closed forms */

static double ehrenfest_value(const void *context, int k) {
    return k * *(const double *)context;
}

static void test_ehrenfest(void **state) {
    (void)state;
    static const struct {
        int n;
        double a, b;
    } table[] = {{1, 1, 1}, {2, 0.5, 0.5}, {30, 0.5, 0.5}, {200, 1e-3, 2}, {1000, 0.5, 0.5}, {500, 1e-10, 3e2}};
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        const int n = table[t].n;
        double sum = table[t].a + table[t].b;
        rates r = make(n + 1);
        for (int k = 0; k < n; k++) r.up[k] = log((n - k) * table[t].a), r.down[k] = log((k + 1) * table[t].b);
        assert_gap(&r, sum, 1e-12);
        assert_spectrum(&r, ehrenfest_value, &sum, 1e-12);
        drop(&r);
    }
}

typedef struct {
    double up, down;
    int n;
} queue;

/* up + down - 2 sqrt(up down) cos(pi k/n), without cancellation */
static double queue_value(const void *context, int k) {
    const queue *q = context;
    double difference = sqrt(q->up) - sqrt(q->down), sine = sin(0.5 * M_PI * k / q->n);
    return difference * difference + 4 * sqrt(q->up * q->down) * sine * sine;
}

/* Walk on a path (up = down) and truncated queues; the slow convergence of power steps goes to bisection. */
static void test_queue(void **state) {
    (void)state;
    static const queue table[] = {{1, 1, 2},   {1, 1, 3},     {1, 1, 1000},  {1, 2, 500},
                                  {2, 1, 500}, {1, 1.01, 50}, {3, 1e-8, 40}, {1e-100, 1e-90, 60}};
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        const queue *q = &table[t];
        rates r = make(q->n);
        for (int k = 0; k + 1 < q->n; k++) r.up[k] = log(q->up), r.down[k] = log(q->down);
        assert_gap(&r, queue_value(q, 1), 1e-11);
        assert_spectrum(&r, queue_value, q, 1e-11);
        drop(&r);
    }
}

/* ------------------------------------------------------------- Curie-Weiss */

static void test_curie_weiss(void **state) {
    (void)state;
    static const struct {
        int n;
        double beta, gap, digits;
    } table[] = {{60, 2, 8.812278593890578634e-10, 1e-12},
                 {1000, 2, 4.5212141713161275621e-143, 1e-11},
                 {1000, .3, .700338, .51e-6 / .7},
                 {1000, .6, .401133, .51e-6 / .4},
                 {1000, .9, .107126, .51e-6 / .1},
                 {100, 1, .753025 / 10, .51e-6 / .75},
                 {1000, 1, .777076 / 31.6227766016837933, .51e-6 / .77},
                 {4000, 1, .783454 / 63.2455532033675866, .51e-6 / .78}};
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        rates r = curie_weiss(table[t].n, table[t].beta);
        assert_gap(&r, table[t].gap, table[t].digits);
        drop(&r);
    }
}

/* 10 digits of the gap where it underflows. */
static void test_underflow(void **state) {
    (void)state;
    const double truth = -567.76689317826744592;
    rates r = curie_weiss(4000, 2);
    sg_gap gap = gap_of(&r);
    assert_int_equal(gap.status, SG_UNDERFLOW);
    assert_true(gap.gap == 0 && isinf(gap.poincare) && gap.message[0]);
    assert_true(fabs(gap.log10_gap - truth) <= 1e-11);
    double *log_value = spectrum_of(&r);
    assert_true(fabs(log_value[0] / M_LN10 - truth) <= 1e-11);
    free(log_value);
    drop(&r);
}

static void test_curie_weiss_spectrum(void **state) {
    (void)state;
    static const struct {
        int index;
        double value;
    } table[] = {{0, 4.5212141713161275621e-143}, {1, 0.83200508383270583},  {2, 0.83200508383270583},
                 {3, 0.99398905839059502},        {500, 204.15881683606709}, {999, 1000.0}};
    rates r = curie_weiss(1000, 2);
    double *log_value = spectrum_of(&r);
    for (size_t t = 0; t < sizeof table / sizeof *table; t++)
        assert_true(fabs(log_value[table[t].index] - log(table[t].value)) <= 2e-12);
    free(log_value);
    drop(&r);
}

/* ------------------------------------------------------------ random chains */

static void fill_random(rates *r, sg_stream *stream, double spread, double common) {
    size_t n = (size_t)r->chain.n - 1;
    sg_stream_normal(stream, n, r->up);
    sg_stream_normal(stream, n, r->down);
    for (size_t k = 0; k < n; k++) r->up[k] = spread * r->up[k] + common, r->down[k] = spread * r->down[k] + common;
}

/* Two methods that share only the rates; rates that span up to e^300, common factors beyond the range of doubles. */
static void test_two_methods(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 11, SG_PURPOSE_TEST, 0);
    static const int size[] = {2, 3, 7, 40, 300};
    static const double spread[] = {0.1, 1, 5, 40}, common[] = {0, 2000, -2000};
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 4; j++)
            for (int k = 0; k < 3; k++) {
                rates r = make(size[i]);
                fill_random(&r, &stream, spread[j], common[k]);
                sg_gap gap;
                assert_int_equal(sg_birth_death_gap(&r.chain, &gap), SG_OK);
                double *log_value = spectrum_of(&r), width = 1e-11 + 4 * DBL_EPSILON * fabs(log_value[0]);
                if (!(fabs(gap.log10_gap * M_LN10 - log_value[0]) <= width))
                    fail_msg("n = %d, spread %g: log gap %.17g by the operator, %.17g by the square root", size[i],
                             spread[j], gap.log10_gap * M_LN10, log_value[0]);
                for (int e = 1; e + 1 < size[i]; e++) assert_true(log_value[e] >= log_value[e - 1]);
                assert_true(gap.status == SG_OK || gap.gap == 0 || isinf(gap.gap));
                if (gap.status == SG_OK && isfinite(gap.gap))
                    assert_true(gap.gap_upper - gap.gap_lower <= 1e-10 * gap.gap);
                free(log_value);
                drop(&r);
            }
}

/* Trace and determinant: two functions of the whole spectrum that need no eigenvalues. */
static void test_invariants(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 12, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 20; trial++) {
        const int n = 3 + 7 * trial;
        rates r = make(n);
        fill_random(&r, &stream, trial % 5, 0);
        double *log_value = spectrum_of(&r), trace = 0, sum = 0, log_det = 0, log_pi = 0, total = 1, shift = 0;
        for (int k = 0; k + 1 < n; k++) {
            trace += exp(r.up[k]) + exp(r.down[k]);
            sum += exp(log_value[k]);
            log_det += log_value[k] - r.down[k];
        }
        /* the product of the nonzero eigenvalues is prod down_k / pi_0 (matrix-tree theorem) */
        for (int k = 0; k + 1 < n; k++) {
            log_pi += r.up[k] - r.down[k];
            if (log_pi > shift) total *= exp(shift - log_pi), shift = log_pi;
            total += exp(log_pi - shift);
        }
        assert_relative(sum, trace, 1e-11);
        assert_true(fabs(log_det - shift - log(total)) <= 1e-11 * n);
        free(log_value);
        drop(&r);
    }
}

/* --------------------------------------------------------- eigenfunctions */

/* Orthonormality of the first `count` functions, constants included, and the eigenvalue equation in its sum form. */
static void check_functions(const rates *r, int count, double tolerance) {
    const int n = r->chain.n;
    double *log_value = calloc((size_t)n, sizeof(double)), *log_pi = calloc((size_t)n, sizeof(double));
    double *f = calloc((size_t)n * (size_t)count, sizeof(double));
    assert_true(log_value && log_pi && f);
    assert_int_equal(sg_birth_death_spectrum(&r->chain, log_value, count, f), SG_OK);
    assert_int_equal(sg_birth_death_law(&r->chain, log_pi), SG_OK);
    for (int a = 0; a < count; a++) {
        double mean = 0, residual = 0, size = 0, *fa = f + (size_t)a * (size_t)n;
        for (int b = 0; b <= a; b++) {
            double product = 0;
            for (int i = 0; i < n; i++) product += exp(log_pi[i]) * fa[i] * f[(size_t)b * (size_t)n + (size_t)i];
            if (!(fabs(product - (a == b)) <= tolerance)) fail_msg("<phi_%d, phi_%d> = %.3g", a, b, product);
        }
        for (int i = 0; i < n; i++) {
            double up = i + 1 < n ? exp(r->up[i]) * (fa[i + 1] - fa[i]) : 0;
            double down = i > 0 ? exp(r->down[i - 1]) * (fa[i - 1] - fa[i]) : 0;
            double rest = up + down + exp(log_value[a]) * fa[i];
            residual += exp(log_pi[i]) * rest * rest;
            size = fmax(size, exp(r->up[i < n - 1 ? i : 0]) + exp(i > 0 ? r->down[i - 1] : -700));
            mean += exp(log_pi[i]) * fa[i];
        }
        assert_true(fabs(mean) <= tolerance);
        assert_true(sqrt(residual) <= tolerance * size);
        assert_true(fa[n - 1] > 0);
    }
    free(log_value);
    free(log_pi);
    free(f);
}

static void test_functions(void **state) {
    (void)state;
    rates r = make(41);
    for (int k = 0; k < 40; k++) r.up[k] = log((40 - k) * .5), r.down[k] = log((k + 1) * .5);
    check_functions(&r, 40, 1e-11);
    drop(&r);
    r = make(100);
    for (int k = 0; k < 99; k++) r.up[k] = 0, r.down[k] = 0;
    check_functions(&r, 99, 1e-10);
    drop(&r);
    sg_stream stream;
    sg_stream_open(&stream, 13, SG_PURPOSE_TEST, 0);
    r = make(60);
    fill_random(&r, &stream, 2, 0);
    check_functions(&r, 59, 1e-10);
    drop(&r);
}

/* Two and three wells that do not see one another: eigenvalues of multiplicity two and three in double precision. */
static void test_functions_of_wells(void **state) {
    (void)state;
    rates r = curie_weiss(200, 2);
    check_functions(&r, 200, 1e-9);
    drop(&r);
    r = make(91);
    for (int k = 0; k < 90; k++) {
        double to = 6 * cos(2 * M_PI * (k + 1) / 30), from = 6 * cos(2 * M_PI * k / 30);
        r.up[k] = 2 * (to - from);
        r.down[k] = 2 * (from - to);
    }
    check_functions(&r, 90, 1e-9);
    drop(&r);
}

/* The slow function of a double well is flat in the wells, with the values of the two-state chain. */
static void test_slow_function(void **state) {
    (void)state;
    rates r = curie_weiss(1000, 2);
    double *log_value = calloc(1001, sizeof(double)), *f = calloc(1001, sizeof(double));
    assert_int_equal(sg_birth_death_spectrum(&r.chain, log_value, 1, f), SG_OK);
    for (int k = 0; k < 100; k++) {
        assert_relative(f[k], -1, 1e-11);
        assert_relative(f[1000 - k], 1, 1e-11);
    }
    assert_true(fabs(f[500]) < 1e-9);
    free(log_value);
    free(f);
    drop(&r);
}

/* ------------------------------------------------------------------ errors */

static void test_law(void **state) {
    (void)state;
    double log_pi[41];
    rates r = make(41);
    for (int k = 0; k < 40; k++) r.up[k] = log((40 - k) * 2.0), r.down[k] = log((k + 1) * 3.0);
    assert_int_equal(sg_birth_death_law(&r.chain, log_pi), SG_OK);
    for (int k = 0; k <= 40; k++) {
        double truth = lgamma(41) - lgamma(k + 1) - lgamma(41 - k) + k * log(0.4) + (40 - k) * log(0.6);
        assert_true(fabs(log_pi[k] - truth) <= 1e-12);
    }
    drop(&r);
}

static void test_errors(void **state) {
    (void)state;
    sg_gap gap;
    double up[3] = {0, 0, 0}, down[3] = {0, -INFINITY, 0}, value[4], law[4], function[12];
    sg_birth_death chain = {1, up, down};
    assert_int_equal(sg_birth_death_gap(&chain, &gap), SG_OUT_OF_RANGE);
    chain.n = 4;
    assert_int_equal(sg_birth_death_gap(&chain, &gap), SG_OUT_OF_RANGE);
    assert_non_null(strstr(sg_message(), "1 and 2"));
    down[1] = NAN;
    assert_int_equal(sg_birth_death_law(&chain, law), SG_OUT_OF_RANGE);
    down[1] = 0;
    assert_int_equal(sg_birth_death_spectrum(&chain, value, 4, function), SG_OUT_OF_RANGE);
    assert_int_equal(sg_birth_death_spectrum(&chain, value, 3, function), SG_OK);
    long live = sg_memory_live();
    for (int k = 1;; k++) {
        sg_memory_fail_after(k);
        sg_status status = sg_birth_death_spectrum(&chain, value, 3, function);
        if (!status) status = sg_birth_death_gap(&chain, &gap);
        bool reached = status == SG_NO_MEMORY;
        assert_true(reached || status == SG_OK);
        assert_int_equal(sg_memory_live(), live);
        if (!reached) break;
        assert_true(k < 100);
    }
    sg_memory_fail_after(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ehrenfest),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_curie_weiss),
        cmocka_unit_test(test_underflow),
        cmocka_unit_test(test_curie_weiss_spectrum),
        cmocka_unit_test(test_two_methods),
        cmocka_unit_test(test_invariants),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_functions_of_wells),
        cmocka_unit_test(test_slow_function),
        cmocka_unit_test(test_law),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
