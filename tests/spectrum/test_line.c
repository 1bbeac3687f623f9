/*
 * The gap on the line against closed forms, the tables of the literature and 30- to 60-digit arithmetic, and between
 * two-sided bounds that share no code with it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "laws.h"
#include "scoregap/bound.h"
#include "scoregap/spectrum.h"

static sg_gap gap_of(const law *l, double (*d)(double)) {
    sg_panels *panels = NULL, *finer = NULL;
    sg_gap gap;
    assert_int_equal(law_panels(l, 200, 0, &panels), SG_OK);
    assert_int_equal(law_panels(l, 260, 1, &finer), SG_OK);
    double *log_d = d ? law_log_d(panels, d) : NULL, *log_d_finer = d ? law_log_d(finer, d) : NULL;
    assert_int_equal(sg_line_gap(panels, log_d, finer, log_d_finer, &gap), SG_OK);
    sg_delete(log_d);
    sg_delete(log_d_finer);
    sg_panels_delete(panels);
    sg_panels_delete(finer);
    return gap;
}

/* The truth, known to a relative `error`, lies inside an enclosure not wider than asked for. */
static void check(const sg_gap *gap, double truth, double error, double width) {
    assert_int_equal(gap->status, SG_OK);
    assert_true(gap->gap_lower <= gap->gap && gap->gap <= gap->gap_upper);
    assert_near(gap->gap / truth, 1, width + error);
    assert_true(gap->gap_lower <= truth * (1 + error));
    assert_true(gap->gap_upper >= truth * (1 - error));
    assert_true(gap->gap_upper / gap->gap_lower - 1 <= width);
    assert_near(gap->log10_gap, log10(truth), 1e-12 * fabs(log10(truth)) + width + error);
    assert_near(gap->poincare * gap->gap, 1, 1e-15);
    assert_near(gap->relaxation_time, gap->poincare, 0);
}

/* ------------------------------------------------------------- known answers */

static void test_closed_forms(void **state) {
    (void)state;
    for (double s = 1e-3; s < 1e4; s *= 7) {
        sg_gap gap = gap_of(&(law){.kind = GAUSSIAN, .a = s}, NULL);
        check(&gap, 1 / (s * s), 1e-15, 2e-12);
    }
    for (double l = 1e-2; l < 1e3; l *= 13) {
        sg_gap gap = gap_of(&(law){.kind = UNIFORM, .a = l}, NULL);
        check(&gap, M_PI * M_PI / (l * l), 1e-15, 2e-12);
    }
}

/* 60-digit Taylor integration for h = 5; 12 digits of the literature's table for the others. */
static void test_double_wells(void **state) {
    (void)state;
    sg_gap gap = gap_of(&(law){.kind = DOUBLE_WELL, .a = 5}, NULL);
    check(&gap, 0.055522812731454510486, 1e-16, 2e-12);
    gap = gap_of(&(law){.kind = DOUBLE_WELL, .a = 20}, NULL);
    check(&gap, 7.27721139945e-08, 1e-12, 2e-12);
    gap = gap_of(&(law){.kind = DOUBLE_WELL, .a = 100}, NULL);
    check(&gap, 6.67316232264e-42, 1e-12, 2e-12);
}

/*
 * Beyond double precision.  In a symmetric well with barrier h, C_P = B (1 + O(e^-h)), B = Q int_0^x 1/p at its
 * maximum; B by mpmath with 30 digits.
 */
static void test_underflow(void **state) {
    (void)state;
    const double h[] = {2000, 9200}, log_b[] = {1991.81114706875428, 9190.28494393671349};
    for (int k = 0; k < 2; k++) {
        law l = {.kind = DOUBLE_WELL, .a = h[k]};
        sg_panels *panels = NULL;
        sg_gap gap;
        assert_int_equal(law_panels(&l, 200, 0, &panels), SG_OK);
        assert_int_equal(sg_line_gap(panels, NULL, NULL, NULL, &gap), SG_OK);
        assert_int_equal(gap.status, SG_UNDERFLOW);
        assert_true(gap.gap == 0 && gap.poincare == INFINITY);
        assert_near(gap.log10_gap, -log_b[k] / log(10), 1e-9);
        assert_true(gap.message[0] != 0);
        sg_panels_delete(panels);
    }
}

/* Pearson diffusions have polynomial eigenfunctions: f = x or x - E x is the slowest. */
static void test_pearson(void **state) {
    (void)state;
    for (double a = 2; a < 12; a += 1.7) {
        sg_gap gap = gap_of(&(law){.kind = STUDENT, .a = a}, one_plus_square);
        check(&gap, 2 * a - 2, 1e-15, 1e-11);
    }
    for (double a = 1; a < 9; a += 1.3) {
        sg_gap gap = gap_of(&(law){.kind = GAMMA, .a = a}, identity);
        check(&gap, 1, 1e-15, 1e-11);
    }
    for (double a = 1; a < 4.5; a += 0.7) {
        sg_gap gap = gap_of(&(law){.kind = BETA, .a = a}, one_minus_square);
        check(&gap, 2 * a, 1e-15, 1e-11);
    }
}

static void test_constant_diffusion(void **state) {
    (void)state;
    sg_gap plain = gap_of(&(law){.kind = DOUBLE_WELL, .a = 7, .b = 2}, NULL),
           fast = gap_of(&(law){.kind = DOUBLE_WELL, .a = 7, .b = 2}, seven);
    check(&fast, 7 * plain.gap, 5e-13, 2e-12);
}

/* The Stein kernel of S = x + x^3/10 on a double well, -int_{-inf}^x p (S - E S)/(p S'): the gap is 1 and S its
 * eigenfunction. */
static void test_stein_kernel(void **state) {
    (void)state;
    law l = {.kind = DOUBLE_WELL, .a = 4, .b = 1};
    sg_panels *panels[2] = {NULL, NULL};
    double *log_d[2] = {NULL, NULL};
    for (int k = 0; k < 2; k++) {
        assert_int_equal(law_panels(&l, k ? 260 : 200, k, &panels[k]), SG_OK);
        size_t n = (size_t)panels[k]->n;
        double *f = NULL, *left = NULL, *right = NULL, mean = 0;
        assert_int_equal(sg_new(&f, n, sizeof(double)) || sg_new(&left, n, sizeof(double)) ||
                             sg_new(&right, n, sizeof(double)) || sg_new(&log_d[k], n, sizeof(double)),
                         0);
        for (size_t i = 0; i < n; i++) f[i] = panels[k]->x[i] + 0.1 * pow(panels[k]->x[i], 3);
        mean = sg_panels_mean(panels[k], f);
        for (size_t i = 0; i < n; i++) f[i] = exp(panels[k]->logp[i]) * (f[i] - mean);
        sg_panels_from_left(panels[k], f, left, NULL);
        sg_panels_from_right(panels[k], f, right, NULL);
        for (size_t i = 0; i < n; i++) {
            double x = panels[k]->x[i], flux = x < 0.5 ? -left[i] : right[i];
            log_d[k][i] = log(flux) - panels[k]->logp[i] - log(1 + 0.3 * x * x);
        }
        sg_delete(f);
        sg_delete(left);
        sg_delete(right);
    }
    sg_gap gap;
    assert_int_equal(sg_line_gap(panels[0], log_d[0], panels[1], log_d[1], &gap), SG_OK);
    check(&gap, 1, 1e-12, 1e-10);
    for (int k = 0; k < 2; k++) {
        sg_delete(log_d[k]);
        sg_panels_delete(panels[k]);
    }
}

/* ----------------------------------------------------- two nearly equal modes */

/*
 * Two small wells beside a large one: the first two eigenvalues differ by e^-depth, power steps alone would not end.
 * The first is compared with Sturm's count, and the enclosure must stay narrow.
 */
static void test_near_degeneracy(void **state) {
    (void)state;
    for (double depth = 0; depth <= 30; depth += 2.5) {
        law l = {.kind = THREE_WELLS, .a = depth, .b = depth + (depth == 10 ? 1e-9 : 0)};
        sg_panels *panels = NULL;
        sg_spectrum *spectrum = NULL;
        sg_gap gap;
        assert_int_equal(law_panels(&l, 200, 0, &panels), SG_OK);
        assert_int_equal(sg_line_gap(panels, NULL, NULL, NULL, &gap), SG_OK);
        assert_int_equal(sg_line_spectrum(panels, NULL, 2, &spectrum), SG_OK);
        check(&gap, spectrum->value[0], 1e-13, 5e-12);
        assert_true(gap.iterations <= 60);
        sg_spectrum_delete(spectrum);
        sg_panels_delete(panels);
    }
}

/* --------------------------------------------------------- what is no number */

static void test_not_attained(void **state) {
    (void)state;
    const law_kind kinds[] = {LAPLACE, HYPERBOLIC};
    for (int k = 0; k < 2; k++) {
        sg_gap gap = gap_of(&(law){.kind = kinds[k]}, NULL);
        assert_int_equal(gap.status, SG_NOT_ATTAINED);
        assert_true(gap.message[0] != 0);
        assert_true(gap.gap_lower == 0 && gap.gap_upper >= 0.25);
        assert_near(gap.gap, 0.25, 1e-6);
    }
}

/* A second grid that is one of another law must not be certified. */
static void test_uncertified(void **state) {
    (void)state;
    law one = {.kind = DOUBLE_WELL, .a = 5}, other = {.kind = DOUBLE_WELL, .a = 5.001};
    sg_panels *panels = NULL, *finer = NULL;
    sg_gap gap;
    assert_int_equal(law_panels(&one, 200, 0, &panels), SG_OK);
    assert_int_equal(law_panels(&other, 200, 1, &finer), SG_OK);
    assert_int_equal(sg_line_gap(panels, NULL, finer, NULL, &gap), SG_OK);
    assert_int_equal(gap.status, SG_UNCERTIFIED);
    assert_true(gap.gap_lower < 0.0555228127315 && 0.0555228127315 < gap.gap_upper);
    double *log_d = law_log_d(panels, seven);
    log_d[100] = -INFINITY;
    assert_int_equal(sg_line_gap(panels, log_d, NULL, NULL, &gap), SG_REFUSED);
    log_d[100] = NAN;
    assert_int_equal(sg_line_gap(panels, log_d, NULL, NULL, &gap), SG_REFUSED);
    sg_delete(log_d);
    sg_panels_delete(panels);
    sg_panels_delete(finer);
}

/* Jacobi: p ~ (1-x^2)^(a-1) vanishes at the ends faster than x can be told from 1; f = x has eigenvalue 2a. */
static void test_vanishing_ends(void **state) {
    (void)state;
    const double power[] = {1.2, 1.5, 2, 3.7, 6, 20};
    for (int k = 0; k < 6; k++) {
        sg_gap gap = gap_of(&(law){.kind = BETA, .a = power[k]}, one_minus_square);
        check(&gap, 2 * power[k], 1e-15, 2e-12);
    }
}

static void test_memory(void **state) {
    (void)state;
    law l = {.kind = HYPERBOLIC}; /* needs the shooting, too */
    sg_panels *panels = NULL;
    sg_gap gap;
    assert_int_equal(law_panels(&l, 200, 0, &panels), SG_OK);
    long live = sg_memory_live();
    int failures = 0;
    sg_status status = SG_NO_MEMORY;
    for (long k = 1; status == SG_NO_MEMORY; k++) {
        sg_memory_fail_after(k);
        status = sg_line_gap(panels, NULL, NULL, NULL, &gap);
        failures += status == SG_NO_MEMORY;
        assert_int_equal(sg_memory_live(), live);
    }
    sg_memory_fail_after(0);
    assert_int_equal(status, SG_OK);
    assert_true(failures > 15);
    sg_panels_delete(panels);
}

/* ---------------------------------------------------------------- properties */

/* Highest point between the outermost minima of V above the lowest minimum: 0 with one minimum. */
static double height(const law *l) {
    double lowest = INFINITY, top = -INFINITY, seen = -INFINITY, before = INFINITY, here = -law_log(l, -6);
    for (double x = -6; x < 6; x += 0.005) {
        double next = -law_log(l, x + 0.005);
        if (here <= before && here < next) {
            if (lowest < INFINITY) top = seen; /* the stretch between two minima is over */
            lowest = fmin(lowest, here);
        }
        if (lowest < INFINITY) seen = fmax(seen, here);
        before = here, here = next;
    }
    return fmax(0, top - lowest);
}

/* Wells up to e^100 deep, nearly flat bottoms, strong asymmetry: a random polynomial with its values stretched. */
static law random_law(sg_stream *stream) {
    law l = {.kind = SEXTIC};
    double u[9];
    sg_stream_uniform(stream, 9, u);
    for (int k = 1; k < 6; k++) l.c[k] = 4 * (u[k] - 0.5) / (1 + 0.5 * k);
    if (u[0] < 0.2) l.c[1] = l.c[3] = l.c[5] = 0;
    if (u[0] > 0.3) l.c[2] -= 2 + 6 * u[8];
    l.c[6] = 0.05 + u[6];
    double wanted = exp(log(0.1) + u[7] * log(1000)), range = fmax(height(&l), 0.3); /* between .1 and 100 */
    for (int k = 1; k < 7; k++) l.c[k] *= wanted / range;
    return l;
}

/* D: constant, a wave, or a power of the density. */
static double *random_d(const sg_panels *panels, double which, double strength) {
    double *log_d = NULL;
    assert_int_equal(sg_new(&log_d, (size_t)panels->n, sizeof(double)), SG_OK);
    for (int i = 0; i < panels->n; i++) {
        double x = panels->x[i];
        log_d[i] = which < 0.3 ? 0 : which < 0.6 ? 3 * strength * sin(2 * x) : -0.8 * strength * panels->logp[i];
    }
    return log_d;
}

static void check_bounds(const sg_panels *panels, const double *log_d, const sg_gap *gap, const double u[4]) {
    sg_muckenhoupt m;
    sg_cheeger c;
    const double log_lower = log(gap->gap_lower), log_upper = log(gap->gap_upper), slack = 1e-9;
    assert_int_equal(sg_bound_muckenhoupt(panels, log_d, &m), SG_OK);
    assert_int_equal(sg_bound_cheeger(panels, log_d, &c), SG_OK);
    assert_true(-m.log_upper <= log_upper + slack && log_lower <= -m.log_lower + slack);
    assert_true(-m.log_upper_median <= log_upper + slack && log_lower <= -m.log_lower_median + slack);
    assert_true(m.log_upper - m.log_lower <= log(4) + 1e-12);
    assert_true(c.log_gap_lower <= log_upper + slack && log_lower <= c.log_gap_upper + slack);
    double *f = NULL, *g = NULL, rayleigh;
    assert_int_equal(sg_new(&f, (size_t)panels->n, sizeof(double)) || sg_new(&g, (size_t)panels->n, sizeof(double)), 0);
    for (int i = 0; i < panels->n; i++) {
        double x = panels->x[i], s = u[0] - 0.5;
        f[i] = atan((x - s) / (0.05 + u[1])) + 0.2 * u[2] * x;
        g[i] = (0.05 + u[1]) / ((0.05 + u[1]) * (0.05 + u[1]) + (x - s) * (x - s)) + 0.2 * u[2];
    }
    assert_int_equal(sg_bound_rayleigh_upper(panels, log_d, f, g, &rayleigh), SG_OK);
    assert_true(log_lower <= rayleigh + slack);
    sg_delete(f);
    sg_delete(g);
}

/* Every lower bound <= gap <= every upper bound, and the enclosure contains the eigenvalue that shooting finds. */
static void test_bounds_bracket(void **state) {
    (void)state;
    sg_stream stream;
    double widest = 0;
    sg_stream_open(&stream, 20260101, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 120; trial++) {
        law l = random_law(&stream);
        sg_panels *panels = NULL, *finer = NULL;
        sg_spectrum *spectrum = NULL;
        sg_gap gap;
        double u[4];
        sg_stream_uniform(&stream, 4, u);
        assert_int_equal(law_panels(&l, 200, 0, &panels), SG_OK);
        assert_int_equal(law_panels(&l, 260, 1, &finer), SG_OK);
        double *log_d = random_d(panels, u[3], u[2]), *log_d_finer = random_d(finer, u[3], u[2]);
        assert_int_equal(sg_line_gap(panels, log_d, finer, log_d_finer, &gap), SG_OK);
        assert_int_equal(gap.status, SG_OK);
        widest = fmax(widest, gap.gap_upper / gap.gap_lower - 1);
        check_bounds(panels, log_d, &gap, u);
        assert_int_equal(sg_line_spectrum(finer, log_d_finer, 1, &spectrum), SG_OK);
        double error = spectrum->value_error[0];
        assert_true(gap.gap_lower <= spectrum->value[0] * (1 + error) &&
                    spectrum->value[0] * (1 - error) <= gap.gap_upper);
        sg_spectrum_delete(spectrum);
        sg_delete(log_d);
        sg_delete(log_d_finer);
        sg_panels_delete(panels);
        sg_panels_delete(finer);
    }
    assert_true(widest < 1e-10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed_forms),
        cmocka_unit_test(test_double_wells),
        cmocka_unit_test(test_underflow),
        cmocka_unit_test(test_pearson),
        cmocka_unit_test(test_constant_diffusion),
        cmocka_unit_test(test_stein_kernel),
        cmocka_unit_test(test_near_degeneracy),
        cmocka_unit_test(test_not_attained),
        cmocka_unit_test(test_uncertified),
        cmocka_unit_test(test_vanishing_ends),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_bounds_bracket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
