/*
 * Spectra on boxes in one to three dimensions, against exact formulas, against products and turns of laws whose gap is
 * known from the line, and against other methods.
 */
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

#include "../tier.h"
#include "scoregap/grid.h"

static void assert_near(double value, double truth, double relative) {
    if (!(fabs(value - truth) <= relative * fabs(truth)))
        fail_msg("%.15g is not within %g of %.15g", value, relative, truth);
}

/* -------------------------------------------------------------------- laws */

/* log p = -sum_a v_a(u_a) - c u_1 u_2 with u turned in the plane of the first two axes, then of the last two. */
typedef struct {
    int d;
    double angle, c;
    double (*v)(int axis, double u);
    double (*diffusion)(int axis, double u); /* in the turned coordinates */
} law;

static void turn(const law *l, double r[3][3]) {
    const double cosine = cos(l->angle), sine = sin(l->angle);
    memset(r, 0, 9 * sizeof(double));
    for (int a = 0; a < 3; a++) r[a][a] = 1;
    for (int a = 0; a + 1 < l->d; a++)
        for (int b = 0; b < 3; b++) {
            const double x = r[a][b], y = r[a + 1][b];
            r[a][b] = cosine * x + sine * y;
            r[a + 1][b] = cosine * y - sine * x;
        }
}

static void turned(const law *l, double r[3][3], int n, const double *x, int i, double *u) {
    for (int a = 0; a < l->d; a++) {
        u[a] = 0;
        for (int b = 0; b < l->d; b++) u[a] += r[a][b] * x[b * n + i];
    }
}

static void log_p(const void *context, int n, const double *x, double *out) {
    const law *l = context;
    double r[3][3], u[3] = {0};
    turn(l, r);
    for (int i = 0; i < n; i++) {
        turned(l, r, n, x, i, u);
        out[i] = -l->c * u[0] * u[1];
        for (int a = 0; a < l->d; a++) out[i] -= l->v(a, u[a]);
    }
}

static void tensor(const void *context, int n, const double *x, double *out) {
    const law *l = context;
    double r[3][3], u[3];
    turn(l, r);
    for (int i = 0; i < n; i++) {
        turned(l, r, n, x, i, u);
        for (int a = 0, row = 0; a < l->d; a++)
            for (int b = 0; b <= a; b++, row++) {
                out[row * n + i] = 0;
                for (int k = 0; k < l->d; k++) out[row * n + i] += r[k][a] * r[k][b] * l->diffusion(k, u[k]);
            }
    }
}

static double height = 5, deviation[3] = {0.5, 0.5, 0.5}; /* of wells() and normal() */

static double wells(int axis, double u) {
    return axis == 0 ? height * (u * u - 1) * (u * u - 1) : u * u / (2 * deviation[axis] * deviation[axis]);
}

static double normal(int axis, double u) {
    return u * u / (2 * deviation[axis] * deviation[axis]);
}

static double flat(int axis, double u) {
    (void)axis, (void)u;
    return 0;
}

static sg_grid_problem boxed(const law *l, double depth) {
    static const double origin[3] = {0};
    sg_grid_problem p = {.context = l, .d = l->d, .log_p = log_p, .diffusion = l->diffusion ? tensor : NULL};
    assert_int_equal(sg_grid_box(&p, origin, depth), SG_OK);
    return p;
}

static sg_grid_spectrum spectrum_of(const sg_grid_problem *p, const sg_grid_settings *s, sg_gap *gap) {
    sg_grid_spectrum spectrum;
    sg_status status = sg_grid_gap(p, s, gap, &spectrum);
    if (status) fail_msg("%s: %s", sg_status_name(status), sg_message());
    assert_true(gap->gap_lower <= gap->gap && gap->gap <= gap->gap_upper);
    assert_int_equal(spectrum.count, s && s->count ? s->count : 1);
    for (int k = 1; k < spectrum.count; k++) assert_true(spectrum.log_value[k] >= spectrum.log_value[k - 1] - 1e-9);
    return spectrum;
}

/* The truth lies between the bounds, and these are as close as was asked for. */
static void check_gap(const sg_grid_problem *p, const sg_grid_settings *s, double truth, double known, double asked) {
    sg_gap gap;
    spectrum_of(p, s, &gap);
    if (gap.status) fail_msg("%s: %s", sg_status_name(gap.status), gap.message);
    if (!(gap.gap_lower <= truth * (1 + known) && truth * (1 - known) <= gap.gap_upper))
        fail_msg("%.15g is not in [%.15g, %.15g]", truth, gap.gap_lower, gap.gap_upper);
    if (!(gap.gap_upper / gap.gap_lower - 1 <= 1.01 * asked))
        fail_msg("[%.15g, %.15g] is too wide", gap.gap_lower, gap.gap_upper);
    assert_true(fabs(gap.log10_gap - log10(truth)) < gap.gap_upper / gap.gap_lower - 1 + known);
}

/* --------------------------------------------------------------- the wells */

/* Oracles of the line, 12 digits: V = h (x^2 - 1)^2; the other direction's gap, 4, is larger. */
static const double barrier[] = {5, 20, 100}, known_gap[] = {0.0555228127315, 7.27721139945e-08, 6.67316232264e-42};

static void products_and_turns(void **state) {
    (void)state;
    for (int k = 0; k < 3; k++)
        for (int t = 0; t < 3; t++) {
            const law l = {.d = 2, .angle = 0.4 * t, .v = wells};
            height = barrier[k];
            const sg_grid_problem p = boxed(&l, height + 40);
            check_gap(&p, NULL, known_gap[k], 1e-12, 1e-8);
        }
    height = 5;
}

/* Elements along the axes of x, not of the law. */
static void turned_law_on_fixed_axes(void **state) {
    (void)state;
    const law l = {.d = 2, .angle = 0.5, .v = wells};
    const sg_grid_settings s = {.fixed_frame = true, .tol = 1e-6};
    height = 10;
    const sg_grid_problem p = boxed(&l, 50);
    sg_gap gap, turned_gap;
    spectrum_of(&p, &s, &gap);
    spectrum_of(&p, NULL, &turned_gap);
    assert_near(gap.gap, turned_gap.gap, 1e-6);
    height = 5;
}

static void methods_agree(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        const law l = {.d = 2, .angle = 0.3, .c = 0.5, .v = wells};
        height = barrier[k];
        const sg_grid_problem p = boxed(&l, 60);
        sg_gap gap[3];
        for (int method = 0; method < 3; method++) {
            const sg_grid_settings s = {.method = method == 0   ? SG_GRID_METASTABLE
                                                  : method == 1 ? SG_GRID_FACTOR
                                                                : SG_GRID_LOBPCG,
                                        .tol = 1e-7};
            if (method == 2 && k == 1) continue; /* 1e-13 of the largest eigenvalue */
            spectrum_of(&p, &s, &gap[method]);
            assert_near(gap[method].gap, gap[0].gap, method == 2 ? 1e-7 : 1e-10);
        }
        assert_non_null(strstr(gap[0].method, "conductances"));
        assert_non_null(strstr(gap[1].method, "Lanczos"));
        if (k == 0) assert_non_null(strstr(gap[2].method, "LOBPCG"));
    }
    height = 5;
}

/*
 * V = 5 (x^2-1)^2 + 2 y^2 + xy/2: the eigenvalues of the Schroedinger operator -Lap + |grad V|^2/4 - Lap V/2 on 71 x 45
 * Fourier nodes of a periodic box (SciPy, dense): .0538086582853, 3.994758949531, 4.043155055370; 85 x 53 nodes change
 * these by 5e-12.
 */
static void coupled_wells(void **state) {
    (void)state;
    const double truth[] = {0.0538086582853, 3.994758949531, 4.043155055370};
    const law l = {.d = 2, .c = 0.5, .v = wells};
    const sg_grid_settings s = {.count = 3};
    const sg_grid_problem p = boxed(&l, 60);
    sg_gap gap;
    const sg_grid_spectrum spectrum = spectrum_of(&p, &s, &gap);
    for (int k = 0; k < 3; k++) {
        assert_near(spectrum.value[k], truth[k], spectrum.value_error[k] + 6e-11);
        assert_true(spectrum.value_error[k] < 1e-8);
    }
}

static double four_wells(int axis, double u) {
    const double h = axis == 0 ? 20 : 100;
    return h * (u * u - 1) * (u * u - 1);
}

/* Slow eigenvalues of two sizes, thirty-four orders of magnitude apart. */
static void wells_of_two_depths(void **state) {
    (void)state;
    const law l = {.d = 2, .angle = 0.2, .v = four_wells};
    const sg_grid_settings s = {.count = 3};
    const sg_grid_problem p = boxed(&l, 150);
    sg_gap gap;
    const sg_grid_spectrum spectrum = spectrum_of(&p, &s, &gap);
    assert_near(spectrum.value[0], known_gap[2], 1e-8);
    assert_near(spectrum.value[1], known_gap[1], 1e-8);
    assert_near(spectrum.value[2], known_gap[1], 1e-8);
}

static double uneven(int axis, double u) {
    return axis == 0 ? 12 * (u * u - 1) * (u * u - 1) + 4 * u : 8 * u * u;
}

static double slow(int axis, double u) {
    return axis == 0 ? 1 + 0.4 * sin(2 * u) : 0.3 + 0.1 * u * u / (1 + u * u);
}

/* One axis as a line problem. */
static void line_density(const void *context, int n, const double *x, double *logq, double *test) {
    (void)test;
    for (int i = 0; i < n; i++) logq[i] = -uneven(*(const int *)context, x[i]);
}

static double line_gap(int axis) {
    const double landmark[] = {-1, 0, 1}, scale[] = {0.1, 0.1, 0.1};
    const sg_density density = {.context = &axis,
                                .evaluate = line_density,
                                .lo = -INFINITY,
                                .hi = INFINITY,
                                .landmarks = 3,
                                .landmark = landmark,
                                .scale = scale};
    sg_panels *panels = NULL;
    double *log_d = NULL;
    sg_gap gap;
    assert_int_equal(sg_panels_new(&density, 1e-13, 200, 0, &panels), SG_OK);
    assert_int_equal(sg_new(&log_d, (size_t)panels->n, sizeof(double)), SG_OK);
    for (int i = 0; i < panels->n; i++) log_d[i] = log(slow(axis, panels->x[i]));
    assert_int_equal(sg_line_gap(panels, log_d, NULL, NULL, &gap), SG_OK);
    sg_delete(log_d);
    sg_panels_delete(panels);
    return gap.gap;
}

/* D(x) = R' diag(D_1(u_1), D_2(u_2)) R: off-diagonal in x, a product in u; wells of unequal depth. */
static void varying_diffusion(void **state) {
    (void)state;
    const double first = line_gap(0), second = line_gap(1);
    assert_true(first < 0.1 * second);
    for (int t = 0; t < 3; t++) {
        const law l = {.d = 2, .angle = 0.35 * t, .v = uneven, .diffusion = slow};
        const sg_grid_settings fixed = {.fixed_frame = t == 2, .tol = t == 2 ? 1e-6 : 1e-8};
        const sg_grid_problem p = boxed(&l, 70);
        check_gap(&p, &fixed, first, 1e-11, fixed.tol);
    }
}

/* -------------------------------------------------------------- exact formulas */

static double matrix[3]; /* diagonal of D in the turned coordinates, constant */

static double constant(int axis, double u) {
    (void)u;
    return matrix[axis];
}

/* N(0, S) with constant D of the same axes: eigenvalues of D S^-1 and their sums, the gap the least. */
static void gaussians(void **state) {
    (void)state;
    const double s[3][2] = {{1, 1}, {3, 0.2}, {0.1, 1.7}}, d[3][2] = {{1, 1}, {1, 4}, {2, 0.5}};
    for (int k = 0; k < 3; k++)
        for (int t = 0; t < 2; t++) {
            const law l = {.d = 2, .angle = 0.7 * t, .v = normal, .diffusion = k ? constant : NULL};
            for (int a = 0; a < 2; a++) deviation[a] = s[k][a], matrix[a] = d[k][a];
            const sg_grid_problem p = boxed(&l, 50);
            check_gap(&p, NULL, fmin(d[k][0] / (s[k][0] * s[k][0]), d[k][1] / (s[k][1] * s[k][1])), 1e-12, 1e-8);
        }
    for (int a = 0; a < 3; a++) deviation[a] = 0.5;
}

/* D and S with different axes: D = diag(1, 9), S^-1 = R' diag(1, 4) R; the least eigenvalue of D S^-1. */
static double other_axes(int axis, double u) {
    return axis == 0 ? 0.5 * u * u : 2 * u * u;
}

static void anisotropic(const void *context, int n, const double *x, double *out) {
    (void)context, (void)x;
    for (int i = 0; i < n; i++) out[i] = 1, out[n + i] = 0, out[2 * n + i] = 9;
}

static void gaussian_with_skew_diffusion(void **state) {
    (void)state;
    const law l = {.d = 2, .angle = 0.6, .v = other_axes};
    sg_grid_problem p = boxed(&l, 50);
    p.diffusion = anisotropic;
    const double c = cos(0.6), s = sin(0.6), a = c * c + 4 * s * s, b = s * s + 4 * c * c, det = 4;
    const double trace = a + 9 * b, gap = 0.5 * (trace - sqrt(trace * trace - 4 * 9 * det));
    check_gap(&p, NULL, gap, 1e-12, 1e-8);
}

/* Reflecting box: (pi k / l)^2 and their sums. */
static void uniform(void **state) {
    (void)state;
    const law l = {.d = 2, .v = flat};
    const sg_grid_problem p = {.context = &l, .d = 2, .lo = {-1, 0}, .hi = {2, 2}, .log_p = log_p};
    const sg_grid_settings s = {.count = 4};
    const double one = M_PI * M_PI, truth[] = {one / 9, one / 4, one * (1.0 / 9 + 1.0 / 4), 4 * one / 9};
    sg_gap gap;
    const sg_grid_spectrum spectrum = spectrum_of(&p, &s, &gap);
    for (int k = 0; k < 4; k++) assert_near(spectrum.value[k], truth[k], 1e-8);
}

static void one_dimension(void **state) {
    (void)state;
    const law l = {.d = 1, .v = wells};
    for (int k = 0; k < 3; k++) {
        height = barrier[k];
        const sg_grid_problem p = boxed(&l, height + 50);
        check_gap(&p, NULL, known_gap[k], 1e-12, 1e-8);
    }
    height = 5;
}

/* Few elements, given: less accurate, but the error is known. */
static void coarse_elements(void) {
    const law l = {.d = 3, .angle = 0.5, .v = normal};
    const sg_grid_settings s = {.tol = 1e-3, .cells = {3, 3, 3}, .order = 6};
    deviation[0] = 1, deviation[1] = 0.9, deviation[2] = 0.8;
    const sg_grid_problem p = boxed(&l, 26); /* which moves the gap by 2e-10 */
    check_gap(&p, &s, 1, 1e-8, 1e-3);
}

/* Products of the wells with two normal laws; D S^-1 of the normal law: 1, 2.47, 0.78125. */
static void three_dimensions(void **state) {
    (void)state;
    const law box = {.d = 3, .v = flat}, turned_normal = {.d = 3, .angle = 0.5, .v = normal, .diffusion = constant};
    const sg_grid_settings given = {.cells = {2, 3, 2}, .order = 6};
    sg_grid_problem p = {.context = &box, .d = 3, .lo = {0, 0, 0}, .hi = {1, 2, 3}, .log_p = log_p};
    check_gap(&p, &given, M_PI * M_PI / 9, 1e-12, 1e-6);
    for (int k = 0; k < 3; k++)
        for (int t = 0; t < 2; t++) {
            if (k == 2 && !second_tier()) continue;
            const law l = {.d = 3, .angle = 0.4 * t, .v = wells};
            height = barrier[k];
            p = boxed(&l, height + 40);
            check_gap(&p, NULL, known_gap[k], 1e-12, 1e-6);
        }
    height = 5;
    coarse_elements();
    matrix[0] = 1, matrix[1] = 2, matrix[2] = 0.5;
    p = boxed(&turned_normal, 40);
    check_gap(&p, NULL, 0.78125, 1e-12, 1e-6);
    deviation[0] = deviation[1] = deviation[2] = 0.5;
}

/* A coupling that no turn takes away: by Lanczos and by LOBPCG, three eigenvalues. */
static void three_dimensions_by_lobpcg(void **state) {
    (void)state;
    const law l = {.d = 3, .angle = 0.3, .c = 0.5, .v = wells};
    const sg_grid_settings s[2] = {{.count = 3, .method = SG_GRID_FACTOR, .tol = 1e-4},
                                   {.count = 3, .method = SG_GRID_LOBPCG, .tol = 1e-4}};
    const double truth[] = {0.0538086582853, 3.994758949531, 4}; /* coupled_wells, and the third axis */
    const sg_grid_problem p = boxed(&l, 45);
    for (int k = 0; k < 2; k++) {
        sg_gap gap;
        const sg_grid_spectrum spectrum = spectrum_of(&p, &s[k], &gap);
        for (int j = 0; j < 3; j++) {
            assert_near(spectrum.value[j], truth[j], spectrum.value_error[j]);
            assert_true(spectrum.value_error[j] < 1e-4);
        }
        assert_non_null(strstr(gap.method, k ? "LOBPCG" : "Lanczos"));
    }
}

/* ------------------------------------------------------- lifted, reflecting ends */

/*
 * The printed design of QR: 1/2 N(-m, 1 + beta) + 1/2 N(m, 1 + beta) times r(beta) ~ exp(-7 R/(1 + beta)) on
 * [0, 14 R - 1], R = 4 m^2; D = diag(1, c).
 */
typedef struct {
    double m, c;
} lift;

static void lifted_log_p(const void *context, int n, const double *x, double *out) {
    const lift *l = context;
    for (int i = 0; i < n; i++) {
        const double v = 1 + x[n + i], u = fabs(x[i]);
        out[i] =
            -28 * l->m * l->m / v - 0.5 * log(v) - 0.5 * (u - l->m) * (u - l->m) / v + log1p(exp(-2 * l->m * u / v));
    }
}

static void lifted_tensor(const void *context, int n, const double *x, double *out) {
    const lift *l = context;
    (void)x;
    for (int i = 0; i < n; i++) out[i] = 1, out[n + i] = 0, out[2 * n + i] = l->c;
}

static sg_gap lifted_gap(const lift *l, bool tensor_too) {
    const double at[2] = {0, 1};
    const bool along[2] = {true, false};
    const sg_grid_settings s = {.tol = 1e-7};
    sg_grid_problem p = {
        .context = l, .d = 2, .hi = {0, 56 * l->m * l->m - 1}, .log_p = lifted_log_p, .diffusion = NULL};
    sg_gap gap;
    if (tensor_too) p.diffusion = lifted_tensor;
    assert_int_equal(sg_grid_box_along(&p, along, at, 45), SG_OK);
    assert_true(p.lo[1] == 0 && p.hi[1] == 56 * l->m * l->m - 1 && p.lo[0] < -l->m && p.hi[0] > l->m);
    spectrum_of(&p, &s, &gap);
    assert_int_equal(gap.status, SG_OK);
    assert_true(gap.gap_upper / gap.gap_lower - 1 < 1e-7);
    return gap;
}

/* C_P: oracles of QR's design, 4-5 digits; the rest by finite differences on 200 to 800 nodes a side, extrapolated
 * (SciPy), 8 digits.  At least that of the marginal of beta, 10.53806 R^2. */
static void lifted(void **state) {
    (void)state;
    const double poincare[] = {169.961559, 2702.94794, 13668.97528, 43184.5659};
    for (int m = 1; m <= 4; m++) {
        const lift l = {m, 1};
        const sg_gap gap = lifted_gap(&l, false);
        assert_near(1 / gap.gap, poincare[m - 1], 1e-8);
        assert_true(1 / gap.gap_lower > 10.53806 * 16 * m * m * m * m);
    }
}

/* beta slower by c: the slow direction, so that the gap is nearly c times what it was, and not above it. */
static void lifted_slower(void **state) {
    (void)state;
    const lift same = {2, 1}, slower = {2, 0.1};
    const sg_gap one = lifted_gap(&same, true), tenth = lifted_gap(&slower, true), plain = lifted_gap(&same, false);
    assert_near(one.gap, plain.gap, 1e-7);
    assert_true(tenth.gap_lower > 0.1 * one.gap && tenth.gap_upper < one.gap);
    assert_true(tenth.gap < 0.1 * 1.0 / (10.53806 * 256));
}

/* D = 1 - x^2 vanishes at both ends: Jacobi's operator, (1-x)^a (1+x)^b with eigenvalues k (k + a + b + 1), times a
 * uniform law on [0, 2] with D = c: c (pi j / 2)^2. */
typedef struct {
    double a, b, c;
} jacobi;

static void jacobi_log_p(const void *context, int n, const double *x, double *out) {
    const jacobi *j = context;
    for (int i = 0; i < n; i++) {
        out[i] = 0; /* also at the ends, where 0 log 0 = 0 */
        if (j->a != 0) out[i] += j->a * log(1 - x[i]);
        if (j->b != 0) out[i] += j->b * log(1 + x[i]);
    }
}

static void jacobi_tensor(const void *context, int n, const double *x, double *out) {
    const jacobi *j = context;
    for (int i = 0; i < n; i++) out[i] = 1 - x[i] * x[i], out[n + i] = 0, out[2 * n + i] = j->c;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void vanishing_diffusion(void **state) {
    (void)state;
    const jacobi operator[] = {{0, 0, 0.3}, {1, 2, 1.2}, {0, 3, 2}};
    for (int which = 0; which < 3; which++) {
        const jacobi *o = &operator[which];
        const sg_grid_problem p = {
            .context = o, .d = 2, .lo = {-1, 0}, .hi = {1, 2}, .log_p = jacobi_log_p, .diffusion = jacobi_tensor};
        const sg_grid_settings s = {.count = 4};
        double truth[36];
        sg_gap gap;
        for (int k = 0; k < 6; k++)
            for (int j = 0; j < 6; j++) truth[6 * k + j] = k * (k + o->a + o->b + 1) + o->c * j * j * M_PI * M_PI / 4;
        qsort(truth, 36, sizeof *truth, ascending);
        const sg_grid_spectrum spectrum = spectrum_of(&p, &s, &gap);
        for (int k = 0; k < 4; k++) {
            assert_near(spectrum.value[k], truth[k + 1], spectrum.value_error[k]);
            assert_true(spectrum.value_error[k] < 1e-8);
        }
        assert_true(truth[1] <= gap.gap_upper);
    }
}

/* Wells at 1e6: the eigenvalue of those at 1 times 1e-12. */
static double far_wells(int axis, double u) {
    return wells(axis, 1e-6 * u);
}

/* FACTOR says that it does not know; log10_gap needs no range (the line's, 12 digits); beyond e^-1700 the answer is
 * refused. */
static void ends_of_the_range(void **state) {
    (void)state;
    const law l = {.d = 2, .angle = 0.3, .v = wells}, far = {.d = 2, .v = far_wells};
    const sg_grid_settings factor = {.method = SG_GRID_FACTOR, .tol = 0.5};
    const double deep[] = {900, 1600}, known_log[] = {-387.655547244580, -691.411727797550};
    sg_gap gap, near;
    height = 100;
    const sg_grid_problem p = boxed(&l, 140);
    spectrum_of(&p, &factor, &gap);
    assert_int_equal(gap.status, SG_UNCERTIFIED);
    assert_true(gap.gap_lower <= known_gap[2]);
    height = 500;
    const sg_grid_problem q = boxed(&l, 540);
    sg_grid_problem r = {.context = &far, .d = 2, .log_p = log_p};
    for (int a = 0; a < 2; a++) r.lo[a] = 1e6 * q.lo[a], r.hi[a] = 1e6 * q.hi[a];
    assert_int_equal(sg_grid_gap(&q, NULL, &near, NULL), SG_OK);
    assert_int_equal(near.status, SG_OK);
    assert_true(fabs(near.log10_gap + 214.193172205831) < 1e-8);
    assert_int_equal(sg_grid_gap(&r, NULL, &gap, NULL), SG_OK);
    assert_true(fabs(gap.log10_gap - (near.log10_gap - 12)) < 1e-8);
    for (int k = 0; k < 2; k++) {
        sg_grid_spectrum spectrum;
        height = deep[k];
        const sg_grid_problem s = boxed(&l, height + 40);
        assert_int_equal(sg_grid_gap(&s, NULL, &gap, &spectrum), SG_OK);
        assert_int_equal(gap.status, SG_UNDERFLOW);
        assert_true(gap.gap == 0 && gap.gap_upper == 0);
        assert_true(fabs(gap.log10_gap - known_log[k]) < 1e-8);
        assert_true(fabs(spectrum.log_value[0] / M_LN10 - known_log[k]) < 1e-8);
    }
    height = 1800;
    const sg_grid_problem s = boxed(&l, 1840);
    assert_int_equal(sg_grid_gap(&s, NULL, &gap, NULL), SG_UNDERFLOW);
    height = 5;
}

/* -------------------------------------------------------------------- errors */

static double hole(int axis, double u) {
    return axis == 0 && fabs(u) < 0.2 ? INFINITY : 0.5 * u * u;
}

static double broken(int axis, double u) {
    return axis == 0 && u > 3 ? NAN : 0.5 * u * u;
}

static double cauchy(int axis, double u) {
    return axis == 0 ? log(1 + u * u) : 0.5 * u * u;
}

static double negative(int axis, double u) {
    return axis == 0 ? -u : 1;
}

static void check_error(const sg_grid_problem *p, const sg_grid_settings *s, sg_status code, const char *word) {
    sg_gap gap;
    const long live = sg_memory_live();
    assert_int_equal(sg_grid_gap(p, s, &gap, NULL), code);
    if (!strstr(sg_message(), word)) fail_msg("'%s' is not in: %s", word, sg_message());
    assert_int_equal(sg_memory_live(), live);
}

static void errors(void **state) {
    (void)state;
    const law good = {.d = 2, .v = normal}, apart = {.d = 2, .v = hole}, nan = {.d = 2, .v = broken},
              indefinite = {.d = 2, .v = normal, .diffusion = negative};
    sg_grid_problem p = {.context = &good, .d = 4, .lo = {-5, -5}, .hi = {5, 5}, .log_p = log_p};
    const volatile int stop = 1;
    check_error(&p, NULL, SG_OUT_OF_RANGE, "4 dimensions");
    p.d = 2;
    check_error(&p, &(sg_grid_settings){.count = 16}, SG_OUT_OF_RANGE, "16 eigenvalues");
    check_error(&p, &(sg_grid_settings){.order = 2}, SG_OUT_OF_RANGE, "order is 2");
    check_error(&p, &(sg_grid_settings){.tol = 2}, SG_OUT_OF_RANGE, "tolerance is 2");
    check_error(&p, &(sg_grid_settings){.stop = &stop}, SG_STOPPED, "stopped");
    check_error(&p, &(sg_grid_settings){.memory = 1000}, SG_NO_MEMORY, "memory");
    p.hi[1] = -5;
    check_error(&p, NULL, SG_OUT_OF_RANGE, "side 2");
    p.hi[1] = 5;
    p.context = &apart;
    check_error(&p, NULL, SG_REFUSED, "between two parts");
    p.context = &nan;
    check_error(&p, NULL, SG_REFUSED, "log p is");
    p.context = &indefinite;
    p.diffusion = tensor;
    check_error(&p, NULL, SG_REFUSED, "positive definite");
}

static void boxes(void **state) {
    (void)state;
    const double origin[2] = {0}, far[2] = {3, -2};
    const law round = {.d = 2, .v = normal}, heavy = {.d = 2, .v = cauchy}, apart = {.d = 2, .v = hole};
    sg_grid_problem p = {.context = &round, .d = 2, .log_p = log_p};
    for (int k = 0; k < 2; k++) { /* depth 50 at 10 standard deviations of 1/2 */
        assert_int_equal(sg_grid_box(&p, k ? far : origin, 50), SG_OK);
        for (int a = 0; a < 2; a++) {
            assert_true(p.lo[a] <= -4.99 && p.lo[a] > -11 && p.hi[a] >= 4.99 && p.hi[a] < 11);
        }
    }
    p.context = &heavy;
    assert_int_equal(sg_grid_box(&p, origin, 60), SG_NOT_INTEGRABLE);
    p.context = &apart;
    assert_int_equal(sg_grid_box(&p, origin, 60), SG_NOT_INTEGRABLE);
}

static void memory(void **state) {
    (void)state;
    const law l = {.d = 2, .c = 0.5, .v = wells};
    const sg_grid_settings s[2] = {{.tol = 1e-3, .order = 6}, {.tol = 1e-3, .order = 6, .method = SG_GRID_LOBPCG}};
    const sg_grid_problem p = boxed(&l, 30);
    sg_gap gap;
    for (int k = 0; k < 2; k++) {
        const long live = sg_memory_live();
        sg_status status = SG_NO_MEMORY;
        for (long fail = 1; status == SG_NO_MEMORY; fail += fail < 60 ? 1 : 7) {
            sg_memory_fail_after(fail);
            status = sg_grid_gap(&p, &s[k], &gap, NULL);
            assert_int_equal(sg_memory_live(), live);
        }
        sg_memory_fail_after(0);
        assert_int_equal(status, SG_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_dimension),
        cmocka_unit_test(products_and_turns),
        cmocka_unit_test(coupled_wells),
        cmocka_unit_test(turned_law_on_fixed_axes),
        cmocka_unit_test(methods_agree),
        cmocka_unit_test(wells_of_two_depths),
        cmocka_unit_test(varying_diffusion),
        cmocka_unit_test(gaussians),
        cmocka_unit_test(uniform),
        cmocka_unit_test(gaussian_with_skew_diffusion),
        cmocka_unit_test(three_dimensions),
        cmocka_unit_test(three_dimensions_by_lobpcg),
        cmocka_unit_test(lifted),
        cmocka_unit_test(lifted_slower),
        cmocka_unit_test(vanishing_diffusion),
        cmocka_unit_test(ends_of_the_range),
        cmocka_unit_test(errors),
        cmocka_unit_test(boxes),
        cmocka_unit_test(memory),
    };
    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
