#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <stdlib.h>
#include <string.h>

#include "laws.h"

enum { MANY = 1 << 20, DRAWS = 1 << 18, CELLS = 8192 };

static void assert_close(const char *what, double value, double truth, double tolerance) {
    if (!(fabs(value - truth) <= tolerance))
        fail_msg("%s: %.17g is off %.17g by %.3g, allowed %.3g", what, value, truth, value - truth, tolerance);
}

static int order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double *random_uniforms(uint32_t replicate, size_t n) {
    double *u = malloc(n * sizeof *u);
    assert_non_null(u);
    sg_stream stream;
    sg_stream_open(&stream, 20240607, SG_PURPOSE_TEST, replicate);
    sg_stream_uniform(&stream, n, u);
    return u;
}

static sg_inverse *make(const sg_density *density, sg_panels **panels) {
    sg_inverse *inverse;
    assert_int_equal(sg_panels_new(density, 1e-13, 200, 0, panels), SG_OK);
    if (sg_inverse_new(*panels, &inverse)) fail_msg("%s", sg_message());
    return inverse;
}

/* Laws of this file: those with closed forms, and three double wells, the last with a sampler that must not see its
 * barrier. */
static const wells well[] = {{5, 0.25}, {50, 0}, {50, 0.25}, {2000, 0.25}};
enum { WELLS = sizeof well / sizeof *well, ALL = LAWS + WELLS };

static sg_density any_density(int k) {
    if (k < LAWS) return law_density(&laws[k]);
    return (sg_density){
        .context = &well[k - LAWS], .evaluate = wells_evaluate, .tests = 4, .lo = -INFINITY, .hi = INFINITY};
}

/* ---------------------------------------------------------------- closed forms */

/*
 * At random u and in the tails down to 2^-53, against the closed form of the law: absolute error below what the table
 * says of itself (and that below 1e-9), relative to the tail below 2e-6, and 1e-13 in the outermost, solved exactly.
 */
static void closed_forms(void **state) {
    (void)state;
    double *u = random_uniforms(1, MANY), *x = malloc(MANY * sizeof *x);
    assert_non_null(x);
    for (int i = 0; i < 800; i++) {
        u[2 * i] = exp2(-0.07 * i - 0.05);
        u[2 * i + 1] = 1 - exp2(-0.065 * i - 0.05);
        if (u[2 * i] < 0x1p-53) u[2 * i] = 0x1p-53;
    }
    for (int k = 0; k < LAWS; k++) {
        sg_density density = any_density(k);
        sg_panels *p;
        sg_inverse *inverse = make(&density, &p);
        assert_true(sg_inverse_error(inverse) < 1e-9);
        assert_true(sg_inverse_exact_share(inverse) < 1e-3);
        sg_inverse_draw(inverse, MANY, u, x);
        for (int i = 0; i < MANY; i++) {
            double v = 1 - u[i], below, above;
            if (i % 16 && i > 1600) continue;
            below = exp(laws[k].below(x[i]));
            above = exp(laws[k].above(x[i]));
            assert_close(laws[k].name, below, u[i], sg_inverse_error(inverse) + 1e-15);
            double off = u[i] < 0.5 ? below / u[i] - 1 : above / v - 1;
            double least = fmin(u[i], v), allowed = least < 2e-6 ? 1e-13 : 2e-6;
            if (k == 5) allowed += 1e-12;                     /* Cauchy's closed form near x = 0 */
            if (k == 3 && u[i] > 0.5) allowed += 0x1p-53 / v; /* x itself is rounded */
            assert_close(laws[k].name, off, 0, allowed);
        }
        sg_inverse_delete(inverse);
        sg_panels_delete(p);
    }
    free(u);
    free(x);
}

/* ------------------------------------------------------------------- monotone */

static void assert_rising(const sg_inverse *inverse, const double *u, double *x, size_t n, const char *what) {
    sg_inverse_draw(inverse, n, u, x);
    for (size_t i = 1; i < n; i++)
        if (u[i] > u[i - 1] && !(x[i] > x[i - 1]))
            fail_msg("%s: u = %.17g, %.17g give x = %.17g, %.17g", what, u[i - 1], u[i], x[i - 1], x[i]);
}

/* A million sorted uniforms, one at random in each millionth; then the extreme tails; then about every border of a
 * cell. */
static void strictly_monotone(void **state) {
    (void)state;
    double *x = malloc(MANY * sizeof *x), *u = random_uniforms(2, MANY), tail[1080], border[3 * CELLS];
    int n = 0;
    assert_non_null(x);
    for (int i = 0; i < MANY; i++) u[i] = (i + u[i]) / MANY;
    for (int i = 0; i < 540; i++) {
        tail[i] = exp2(0.098 * i - 53);
        tail[1079 - i] = 1 - exp2(0.04 * i - 53) * (1 + 1e-9); /* 1 - u needs steps of at least 2^-53 */
    }
    for (int i = 540; i < 1080; i++)
        if (tail[i] <= tail[i - 1]) tail[i] = tail[i - 1] + 0x1p-53;
    for (int i = 1; i < CELLS; i++)
        for (int side = -1; side <= 1; side++) border[n++] = i / (double)CELLS + side * 1e-11;
    for (int k = 0; k < ALL; k++) {
        sg_density density = any_density(k);
        sg_panels *p;
        sg_inverse *inverse = make(&density, &p);
        assert_rising(inverse, u, x, MANY, "random");
        assert_rising(inverse, border, x, (size_t)n, "borders");
        assert_rising(inverse, tail, x, 1000, "tails");
        sg_inverse_delete(inverse);
        sg_panels_delete(p);
    }
    free(u);
    free(x);
}

/* The borders are exact: F^-1 there, and continuity from both sides. */
static void borders(void **state) {
    (void)state;
    sg_density density = law_density(&laws[1]);
    sg_panels *p;
    sg_inverse *inverse = make(&density, &p);
    for (int i = 1; i < CELLS; i++) {
        double u[2] = {i / (double)CELLS, i / (double)CELLS - 0x1p-53}, x[2];
        sg_inverse_draw(inverse, 2, u, x);
        double truth = log(u[0]) - log1p(-u[0]), slope = 1 / (u[0] * (1 - u[0]));
        assert_close("border", x[0], truth, 4e-15 * (1 + fabs(truth)) + 1e-15 * slope);
        assert_close("border", x[1], x[0], 4e-15 * (1 + fabs(truth)) + 1e-15 * slope);
    }
    sg_inverse_delete(inverse);
    sg_panels_delete(p);
}

/* --------------------------------------------------------------- double wells */

/*
 * Near the barrier the distribution function is flat to e^-h: u on either side of the mass of the left well must come
 * out in the wells, at the place where the panels say, in the tails towards the barrier too.
 */
static void barrier(void **state) {
    (void)state;
    for (int k = 0; k < WELLS; k++) {
        sg_density density = any_density(LAWS + k);
        sg_panels *p;
        sg_inverse *inverse = make(&density, &p);
        double left, right, u[200], x[200];
        sg_panels_distribution(p, 0, &left, &right);
        assert_close("sum", left + right, 1, 1e-14);
        if (well[k].tilt == 0) assert_close("half", left, 0.5, 1e-15);
        for (int i = 0; i < 100; i++) {
            double step = exp2(-3 - 0.4 * i);
            u[2 * i] = left - step;
            u[2 * i + 1] = left + step;
        }
        sg_inverse_draw(inverse, 200, u, x);
        for (int i = 0; i < 200; i++) {
            double below, above, step = fabs(u[i] - left);
            sg_panels_distribution(p, x[i], &below, &above);
            assert_close("F(x)", below, u[i], sg_inverse_error(inverse) + 1e-15);
            if (step > (well[k].h < 50 ? 1e-9 : 1e-14)) assert_true((x[i] < 0) == (u[i] < left));
            double y = x[i] * x[i] - 1, depth = well[k].h * y * y; /* how high up the barrier the draw lies */
            if (well[k].h >= 50 && step > 1e-14) assert_true(depth < 1 - log(step));
        }
        sg_inverse_delete(inverse);
        sg_panels_delete(p);
    }
}

/* --------------------------------------------------------------------- draws */

static double kolmogorov(const sg_density *density, uint32_t replicate, double (*below)(const void *, double),
                         const void *context) {
    sg_panels *p;
    sg_inverse *inverse = make(density, &p);
    double *u = random_uniforms(replicate, DRAWS), worst = 0;
    sg_inverse_draw(inverse, DRAWS, u, u);
    qsort(u, DRAWS, sizeof *u, order);
    for (int i = 0; i < DRAWS; i++) {
        double f = below(context, u[i]);
        worst = fmax(worst, fmax(f - i / (double)DRAWS, (i + 1) / (double)DRAWS - f));
    }
    free(u);
    sg_inverse_delete(inverse);
    sg_panels_delete(p);
    return worst * sqrt(DRAWS);
}

static double law_below(const void *context, double x) {
    const law *l = context;
    return exp(l->below(x));
}

/* Erf expansions at both wells would be no check; the trapezoidal rule converges geometrically for this density. */
enum { FINE = 1 << 16 };
static double running_sum[FINE + 1];
static double well_below(const void *context, double x) {
    (void)context;
    double place = (x + 3) * (FINE / 6.0), whole = floor(place), s = place - whole;
    int i = (int)whole;
    return running_sum[i] + s * (running_sum[i + 1] - running_sum[i]);
}

static void sum_well(const wells *w) {
    double total = 0;
    for (int i = 0; i < FINE; i++) {
        double x = -3 + 6.0 * (i + 0.5) / FINE, y = x * x - 1;
        total += exp(-w->h * y * y - w->tilt * x);
        running_sum[i + 1] = total;
    }
    for (int i = 0; i <= FINE; i++) running_sum[i] /= total;
}

/*
 * Kolmogorov-Smirnov, 2^18 draws with a fixed seed: P(sqrt(n) D > 2.693) = 2 exp(-2 2.693^2) = 1e-6 for each of ten
 * laws, so a false alarm once in 1e5 seeds.  Draws are made in place.
 */
static void kolmogorov_smirnov(void **state) {
    (void)state;
    for (int k = 0; k < ALL; k++) {
        sg_density density = any_density(k);
        if (k >= LAWS) sum_well(&well[k - LAWS]);
        double d = k < LAWS ? kolmogorov(&density, 100 + (uint32_t)k, law_below, &laws[k])
                            : kolmogorov(&density, 100 + (uint32_t)k, well_below, NULL);
        if (!(d < 2.693)) fail_msg("law %d: sqrt(n) D = %g", k, d);
    }
}

/* Any number of points in any split gives the same bits. */
static void blocks(void **state) {
    (void)state;
    sg_density density = any_density(0);
    sg_panels *p;
    sg_inverse *inverse = make(&density, &p);
    double *u = random_uniforms(7, 4096), whole[4096], part[4096];
    u[5] = 1e-12;
    u[4090] = 1e-13;
    sg_inverse_draw(inverse, 4096, u, whole);
    for (size_t n = 1; n <= 67; n++) {
        for (size_t i = 0; i < 4096; i += n) sg_inverse_draw(inverse, n < 4096 - i ? n : 4096 - i, u + i, part + i);
        assert_memory_equal(whole, part, sizeof whole);
    }
    sg_inverse_draw(inverse, 0, u, part);
    free(u);
    sg_inverse_delete(inverse);
    sg_panels_delete(p);
}

static void memory(void **state) {
    (void)state;
    sg_density density = any_density(0);
    sg_panels *p;
    sg_inverse *inverse;
    assert_int_equal(sg_panels_new(&density, 1e-13, 200, 0, &p), SG_OK);
    long live = sg_memory_live(), k = 1;
    for (;; k++) {
        sg_memory_fail_after(k);
        sg_status status = sg_inverse_new(p, &inverse);
        sg_memory_fail_after(0);
        if (!status) break;
        assert_int_equal(status, SG_NO_MEMORY);
        assert_null(inverse);
        assert_int_equal(sg_memory_live(), live);
    }
    assert_true(k > 5);
    sg_inverse_delete(inverse);
    sg_inverse_delete(NULL);
    sg_panels_delete(p);
    assert_int_equal(sg_memory_live(), 0);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_forms), cmocka_unit_test(strictly_monotone),  cmocka_unit_test(borders),
        cmocka_unit_test(barrier),      cmocka_unit_test(kolmogorov_smirnov), cmocka_unit_test(blocks),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
