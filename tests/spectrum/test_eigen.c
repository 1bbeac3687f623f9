/*
 * Eigenpairs on the line against closed forms (Hermite, cosine and Jacobi functions) and against Taylor integration
 * with 40 to 130 digits, and the sum rules of the spectral profile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "laws.h"
#include "scoregap/spectrum.h"

static sg_spectrum *spectrum_of(const law *l, double (*d)(double), int count, int level, sg_panels **panels) {
    sg_spectrum *spectrum = NULL;
    assert_int_equal(law_panels(l, 200, level, panels), SG_OK);
    double *log_d = d ? law_log_d(*panels, d) : NULL;
    assert_int_equal(sg_line_spectrum(*panels, log_d, count, &spectrum), SG_OK);
    assert_int_equal(spectrum->count, count);
    sg_delete(log_d);
    return spectrum;
}

static void check_value(const sg_spectrum *s, int k, double truth, double error) {
    assert_true(s->value_error[k] >= 0 && s->value_error[k] <= error);
    assert_near(s->value[k] / truth, 1, s->value_error[k] + 4e-16);
    assert_near(s->log_value[k], log(truth), s->value_error[k] + 4e-16 * (1 + fabs(log(truth))));
}

static double mean_product(const sg_panels *p, const double *f, const double *g) {
    double sum = 0;
    for (int i = 0; i < p->n; i++) sum += p->mass[i] * f[i] * g[i];
    return sum;
}

/* -------------------------------------------------------------- closed forms */

/* lambda_k = k/s^2, phi_k the normalized Hermite polynomials, positive at the right. */
static void test_gaussian(void **state) {
    (void)state;
    const double s = 2;
    law l = {.kind = GAUSSIAN, .a = s};
    sg_panels *panels = NULL;
    sg_spectrum *spectrum = spectrum_of(&l, NULL, 64, 1, &panels);
    for (int k = 0; k < 64; k++) check_value(spectrum, k, (k + 1) / (s * s), 5e-12);
    assert_true(spectrum->orthonormality < 1e-12);
    assert_true(spectrum->residual < 1e-10);
    for (int i = 0; i < panels->n; i++) {
        if (fabs(panels->x[i]) > 18.5 * s) continue;    /* functions of the law cut at 20 s are flat at its ends */
        double x = panels->x[i] / s, before = 1, h = x; /* h_k = (x h_{k-1} - sqrt(k-1) h_{k-2})/sqrt(k) */
        for (int k = 1; k <= 8; k++) {
            double grown = pow(1 + fabs(x), k), *f = spectrum->function + (size_t)(k - 1) * (size_t)panels->n;
            const double *g = spectrum->derivative + (size_t)(k - 1) * (size_t)panels->n;
            assert_near(f[i], h, 1e-11 * grown);                    /* also where p = e^-200 */
            assert_near(g[i], sqrt(k) * before / s, 1e-11 * grown); /* h_k' = sqrt(k) h_{k-1} */
            double next = (x * h - sqrt(k) * before) / sqrt(k + 1);
            before = h, h = next;
        }
    }
    sg_spectrum_delete(spectrum);
    sg_panels_delete(panels);
}

/* Beyond turning points that the cut at 20 standard deviations reaches, the error must say so. */
static void test_cut(void **state) {
    (void)state;
    sg_panels *panels = NULL;
    sg_spectrum *spectrum = spectrum_of(&(law){.kind = GAUSSIAN, .a = 1}, NULL, 140, 0, &panels);
    for (int k = 0; k < 140; k++) assert_near(spectrum->value[k] / (k + 1), 1, spectrum->value_error[k]);
    assert_true(spectrum->value_error[59] < 1e-9);
    assert_true(spectrum->value_error[139] >= 1);
    sg_spectrum_delete(spectrum);
    sg_panels_delete(panels);
}

static void test_uniform(void **state) {
    (void)state;
    sg_panels *panels = NULL;
    sg_spectrum *spectrum = spectrum_of(&(law){.kind = UNIFORM, .a = 3}, NULL, 64, 4, &panels);
    for (int k = 0; k < 64; k++) {
        check_value(spectrum, k, pow(M_PI * (k + 1) / 3, 2), 1e-9);
        const double *f = spectrum->function + (size_t)k * (size_t)panels->n, sign = k % 2 ? 1 : -1;
        for (int i = 0; i < panels->n; i++)
            assert_near(f[i], sign * sqrt(2) * cos(M_PI * (k + 1) * panels->x[i] / 3), 1e-9);
    }
    sg_spectrum_delete(spectrum);
    sg_panels_delete(panels);
}

/* Varying D: n(n-1+2a) (Jacobi), n (Laguerre), n(2a-1-n) below (a-1/2)^2 (Student, then continuous spectrum). */
static void test_pearson(void **state) {
    (void)state;
    for (double a = 1; a < 4.5; a += 0.7) {
        sg_panels *panels = NULL;
        sg_spectrum *spectrum = spectrum_of(&(law){.kind = BETA, .a = a}, one_minus_square, 16, 2, &panels);
        for (int k = 1; k <= 16; k++) check_value(spectrum, k - 1, k * (k - 1 + 2 * a), 1e-10);
        sg_spectrum_delete(spectrum);
        sg_panels_delete(panels);
        spectrum = spectrum_of(&(law){.kind = GAMMA, .a = a}, identity, 16, 0, &panels);
        for (int k = 1; k <= 16; k++) check_value(spectrum, k - 1, k, 1e-10);
        sg_spectrum_delete(spectrum);
        sg_panels_delete(panels);
    }
    sg_panels *panels = NULL;
    sg_spectrum *spectrum = spectrum_of(&(law){.kind = STUDENT, .a = 5}, one_plus_square, 6, 0, &panels);
    for (int k = 1; k <= 4; k++) check_value(spectrum, k - 1, k * (9 - k), 1e-8);
    assert_true(spectrum->value[4] > 20.25 && spectrum->value_error[4] >= 1);
    sg_spectrum_delete(spectrum);
    sg_panels_delete(panels);
}

/* --------------------------------------------------------------- double wells */

/* Taylor series integration with 40 digits (h = 5, 20) and 130 digits (h = 100); NaN: not computed. */
static void test_double_wells(void **state) {
    (void)state;
    const double h[] = {5, 20, 100};
    const double truth[3][6] = {{0.055522812731454510486, 16.444942490014696222, 26.283106373431060694,
                                 35.618426884517505763, 49.100921191874255682, NAN},
                                {7.27721139945e-08, 76.717826710249408626, 145.28163829164665957, 146.0058099286938446,
                                 146.77097147615853122, NAN},
                                {6.67316232264e-42, 396.95327850007057176, NAN, NAN, NAN, 1172.0761039159751}};
    for (int j = 0; j < 3; j++) {
        sg_panels *panels = NULL;
        sg_spectrum *s = spectrum_of(&(law){.kind = DOUBLE_WELL, .a = h[j]}, NULL, 24, 0, &panels);
        for (int k = 0; k < 6; k++)
            if (!isnan(truth[j][k]))
                assert_near(s->value[k] / truth[j][k], 1, fmax(s->value_error[k], k == 0 && j > 0 ? 1e-12 : 0));
        for (int k = 0; k < 24; k++) assert_true(s->value_error[k] < (j < 2 ? 1e-8 : 1e-6));
        assert_true(s->orthonormality < 1e-10);
        for (int k = 1; k < 24; k++) assert_true(s->log_value[k] >= s->log_value[k - 1] - 1e-14);
        sg_spectrum_delete(s);
        sg_panels_delete(panels);
    }
}

/* A slow mode far below the range of double precision beside fast ones, and three modes in each well and on the barrier
 * that agree to rounding. */
static void test_deep_wells(void **state) {
    (void)state;
    sg_panels *panels = NULL;
    sg_spectrum *s = spectrum_of(&(law){.kind = DOUBLE_WELL, .a = 300}, NULL, 6, 0, &panels);
    assert_near(s->log_value[0], -293.709333655, 1e-8);
    assert_near(s->value[2] / s->value[4], 1, 1e-13);
    assert_true(s->orthonormality < 1e-12 && s->residual < 1e-12);
    sg_spectrum_delete(s);
    sg_panels_delete(panels);
    s = spectrum_of(&(law){.kind = DOUBLE_WELL, .a = 2000}, NULL, 1, 0, &panels);
    assert_near(s->log_value[0], -1991.81114706875428, 1e-8); /* -log B, see test_line.c */
    assert_true(s->value[0] == 0);
    const double *f = s->function;
    for (int i = 0; i < panels->n; i++)
        if (fabs(panels->x[i]) > 0.5) assert_near(f[i], panels->x[i] > 0 ? 1 : -1, 1e-10);
    double one = 1, *derivative = NULL, coefficient;
    assert_int_equal(sg_new(&derivative, (size_t)panels->n, sizeof(double)), SG_OK);
    for (int i = 0; i < panels->n; i++) derivative[i] = one;
    assert_int_equal(sg_line_profile(panels, NULL, s, 1, derivative, &coefficient), SG_OK);
    assert_near(coefficient, mean_product(panels, panels->x, f), 1e-10);
    sg_delete(derivative);
    sg_spectrum_delete(s);
    sg_panels_delete(panels);
    sg_spectrum *none = NULL;
    law l = {.kind = DOUBLE_WELL, .a = 2000};
    assert_int_equal(law_panels(&l, 200, 0, &panels), SG_OK);
    assert_int_equal(sg_line_spectrum(panels, NULL, 2, &none),
                     SG_UNDERFLOW); /* sqrt(p) phi_2 lives on the barrier, phi_2 ~ e^1000 */
    assert_null(none);
    sg_panels_delete(panels);
}

/* Wells that do not see each other: eigenvalues come in pairs, their functions are orthonormal all the same. */
static void test_twins(void **state) {
    (void)state;
    for (double depth = 0; depth <= 30; depth += 3) {
        sg_panels *panels = NULL;
        law l = {.kind = THREE_WELLS, .a = depth, .b = depth};
        sg_spectrum *s = spectrum_of(&l, NULL, 40, 0, &panels);
        assert_true(s->orthonormality < 1e-9);
        for (int k = 0; k < 40; k++) assert_true(s->value_error[k] < 1e-8);
        sg_spectrum_delete(s);
        sg_panels_delete(panels);
    }
}

/* ------------------------------------------------------------------- profile */

/* S_1 = x = s phi_1 and S_2 = -x^2/2 = const - (s^2/sqrt 2) phi_2 on N(0,s^2). */
static void test_profile_of_gaussian(void **state) {
    (void)state;
    sg_panels *panels = NULL;
    const double s = 2;
    enum { K = 10 };
    sg_spectrum *spectrum = spectrum_of(&(law){.kind = GAUSSIAN, .a = s}, NULL, K, 0, &panels);
    size_t n = (size_t)panels->n;
    double *derivative = NULL, c[2 * K];
    assert_int_equal(sg_new(&derivative, 2 * n, sizeof(double)), SG_OK);
    for (size_t i = 0; i < n; i++) derivative[i] = 1, derivative[n + i] = -panels->x[i];
    assert_int_equal(sg_line_profile(panels, NULL, spectrum, 2, derivative, c), SG_OK);
    for (int k = 0; k < K; k++) {
        assert_near(c[k], k == 0 ? s : 0, 1e-11);
        assert_near(c[K + k], k == 1 ? -s * s / sqrt(2) : 0, 1e-11);
    }
    sg_delete(derivative);
    sg_spectrum_delete(spectrum);
    sg_panels_delete(panels);
}

/*
 * Sum rules for S = x: sum w = Var S, sum lambda w = E D S'^2, sum lambda^2 w = E (L S)^2; and the coefficients from
 * derivatives are those from functions.
 */
static void test_sum_rules(void **state) {
    (void)state;
    const law laws[] = {
        {.kind = DOUBLE_WELL, .a = 5}, {.kind = DOUBLE_WELL, .a = 12, .b = 2}, {.kind = THREE_WELLS, .a = 2, .b = 5}};
    enum { K = 64 };
    for (int j = 0; j < 3; j++) {
        sg_panels *panels = NULL;
        sg_spectrum *s = spectrum_of(&laws[j], one_plus_square, K, 1, &panels);
        size_t n = (size_t)panels->n;
        double *derivative = NULL, *log_d = law_log_d(panels, one_plus_square), c[K], sum[2] = {0}, whole[2];
        assert_int_equal(sg_new(&derivative, n, sizeof(double)), SG_OK);
        for (size_t i = 0; i < n; i++) derivative[i] = 1;
        assert_int_equal(sg_line_profile(panels, log_d, s, 1, derivative, c), SG_OK);
        for (int k = 0; k < K; k++) {
            assert_near(c[k], mean_product(panels, panels->x, s->function + (size_t)k * n), 1e-9);
            sum[0] += c[k] * c[k];
            sum[1] += s->value[k] * c[k] * c[k];
        }
        double mean = sg_panels_mean(panels, panels->x);
        whole[0] = mean_product(panels, panels->x, panels->x) - mean * mean;
        whole[1] = 1 + whole[0] + mean * mean;
        /* the remainder is not negative, and weights fall off */
        for (int r = 0; r < 2; r++) {
            double last = pow(s->value[K - 1], r) * (c[K - 1] * c[K - 1] + c[K - 2] * c[K - 2]);
            assert_near(sum[r], whole[r] - 5 * last, 5 * last + 1e-12 * whole[r]);
        }
        sg_delete(derivative);
        sg_delete(log_d);
        sg_spectrum_delete(s);
        sg_panels_delete(panels);
    }
}

/* -------------------------------------------------------------------- errors */

static void test_refusals(void **state) {
    (void)state;
    law l = {.kind = UNIFORM, .a = 1};
    sg_panels *panels = NULL;
    sg_spectrum *s = NULL;
    assert_int_equal(law_panels(&l, 200, 0, &panels), SG_OK);
    assert_int_equal(sg_line_spectrum(panels, NULL, 0, &s), SG_OUT_OF_RANGE);
    assert_int_equal(sg_line_spectrum(panels, NULL, 2001, &s), SG_OUT_OF_RANGE);
    assert_int_equal(sg_line_spectrum(panels, NULL, 100, &s),
                     SG_NOT_CONVERGED); /* 64 nodes do not carry 100 functions */
    assert_true(strstr(sg_message(), "finer panels") != NULL);
    double *log_d = law_log_d(panels, seven);
    log_d[3] = NAN;
    assert_int_equal(sg_line_spectrum(panels, log_d, 1, &s), SG_REFUSED);
    assert_null(s);
    sg_delete(log_d);
    sg_panels_delete(panels);
}

static void test_memory(void **state) {
    (void)state;
    law l = {.kind = DOUBLE_WELL, .a = 20};
    sg_panels *panels = NULL;
    sg_spectrum *s = NULL;
    assert_int_equal(law_panels(&l, 200, 0, &panels), SG_OK);
    long live = sg_memory_live();
    sg_status status = SG_NO_MEMORY;
    for (long k = 1; status == SG_NO_MEMORY; k++) {
        sg_memory_fail_after(k);
        status = sg_line_spectrum(panels, NULL, 3, &s);
        if (status) assert_int_equal(sg_memory_live(), live);
    }
    sg_memory_fail_after(0);
    assert_int_equal(status, SG_OK);
    double derivative[1] = {1}, c[3];
    sg_panels other = *panels;
    other.n = 16;
    assert_int_equal(sg_line_profile(&other, NULL, s, 1, derivative, c), SG_INTERNAL);
    sg_spectrum_delete(s);
    assert_int_equal(sg_memory_live(), live);
    sg_panels_delete(panels);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gaussian),     cmocka_unit_test(test_cut),
        cmocka_unit_test(test_uniform),      cmocka_unit_test(test_pearson),
        cmocka_unit_test(test_double_wells), cmocka_unit_test(test_deep_wells),
        cmocka_unit_test(test_twins),        cmocka_unit_test(test_profile_of_gaussian),
        cmocka_unit_test(test_sum_rules),    cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
