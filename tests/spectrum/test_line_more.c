/*
 * Half-line, interval and whole line from their models: ends, kinks, tails without an eigenfunction, wells beyond the
 * cut, and the first K eigenvalues.
 *
 * Digits: eigenvalues of the deep wells by Taylor series of order 60 in 113-bit arithmetic (shooting, 20 digits agree
 * under a change of step); the rate of the secondary well, whose mass is e^-498, by the mean first-passage time in
 * 30-digit quadrature, from which it differs by e^-170.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../ok.h"
#include "scoregap/spectrum.h"

static void near_at(double value, double truth, double tolerance, int line) {
    if (!(fabs(value - truth) <= tolerance))
        fail_msg("line %d: %.17g is not within %g of %.17g", line, value, tolerance, truth);
}
#define assert_near(value, truth, tolerance) near_at(value, truth, tolerance, __LINE__)
typedef struct {
    sg_model *model;
    sg_loss *loss;
} setting;

static setting open_setting(const char *family, const char *keys, int count, const double *theta, const char *loss) {
    setting s = {NULL, NULL};
    sg_pair pairs[8];
    char text[256];
    int n = 0;
    snprintf(text, sizeof text, "%s", keys);
    OK(sg_pairs_split(text, 8, pairs, &n));
    OK(sg_model_new(family, n, pairs, &s.model));
    if (count) OK(sg_model_set_truth(s.model, count, theta));
    OK(sg_loss_new(loss, &s.loss));
    OK(sg_loss_runs(s.loss, s.model));
    return s;
}

static void close_setting(setting *s) {
    sg_loss_delete(s->loss);
    sg_model_delete(s->model);
}

static sg_gap gap_of(const char *family, const char *keys, int count, const double *theta, const char *loss) {
    setting s = open_setting(family, keys, count, theta, loss);
    sg_gap gap;
    OK(sg_spectrum_gap(s.model, s.loss, NULL, &gap, NULL));
    close_setting(&s);
    return gap;
}

static void check_gap(const sg_gap *gap, double truth, double relative) {
    if (gap->status) fail_msg("%s: %s", sg_status_name(gap->status), gap->message);
    assert_near(gap->gap / truth, 1, relative);
    assert_true(gap->gap_lower <= gap->gap && gap->gap <= gap->gap_upper);
    assert_true(gap->gap_lower <= truth * (1 + relative) && truth * (1 - relative) <= gap->gap_upper);
    assert_true(gap->gap_upper / gap->gap_lower - 1 < 1e-9);
}

/* ----------------------------------------------------------- reflecting ends */

/* Legendre's, Hermite's and Laguerre's equations on intervals where a polynomial has a flat end, and plain sines. */
static void test_ends(void **state) {
    (void)state;
    const double tilt[] = {3, -40, 100, 2000};
    sg_gap gap = gap_of("uniform", "", 0, NULL, "score-matching");
    check_gap(&gap, M_PI * M_PI, 1e-12);
    gap = gap_of("uniform", "lo=-2,hi=5", 0, NULL, "score-matching");
    check_gap(&gap, M_PI * M_PI / 49, 1e-12);
    gap = gap_of("uniform", "hi=1e-3", 0, NULL, "preconditioned:value=4");
    check_gap(&gap, 4e6 * M_PI * M_PI, 1e-12);
    for (int k = 0; k < 4; k++) { /* f = exp(-tilt x/2) (cos + sin) */
        gap = gap_of("uniform", "", 1, tilt + k, "score-matching");
        check_gap(&gap, M_PI * M_PI + 0.25 * tilt[k] * tilt[k], 1e-11);
    }
    gap = gap_of("truncated-gaussian", "", 0, NULL, "score-matching"); /* x^3 - 3x is flat at 1 and -1 */
    check_gap(&gap, 3, 1e-12);
    gap = gap_of("truncated-gaussian", "lo=0,hi=60,s=2", 0, NULL, "score-matching"); /* x^2 - s^2 */
    check_gap(&gap, 0.5, 1e-12);
    gap = gap_of("exponential", "rate=7", 0, NULL, "preconditioned:with=stein"); /* D = x/7, Laguerre */
    check_gap(&gap, 1, 1e-11);
    gap = gap_of("uniform", "lo=-1,hi=1", 0, NULL, "preconditioned:with=stein"); /* D = (1 - x^2)/2, Legendre */
    check_gap(&gap, 1, 1e-11);
}

static void test_interval_values(void **state) {
    (void)state;
    setting s = open_setting("uniform", "lo=1,hi=3", 0, NULL, "score-matching");
    sg_eigenvalues *values = NULL;
    sg_gap gap;
    OK(sg_eigenvalues_new(20, &values));
    OK(sg_spectrum_gap(s.model, s.loss, NULL, &gap, values));
    assert_int_equal(values->count, 20);
    for (int k = 0; k < 20; k++) {
        assert_near(values->log_value[k], 2 * log((k + 1) * M_PI / 2), 1e-12);
        assert_true(values->error[k] < (k < 12 ? 1e-12 : 1e-6)); /* few panels resolve few functions */
    }
    sg_eigenvalues_delete(values);
    close_setting(&s);
}

/* Two wells at the ends of an interval; with a tilt the secondary one lies 600 below the cut of the first grid. */
static void test_wells_at_the_ends(void **state) {
    (void)state;
    const double equal[] = {0, -40}, unequal[] = {300, -1000};
    sg_gap gap = gap_of("truncated-gaussian", "", 2, equal, "score-matching");
    assert_int_equal(gap.status, SG_OK);
    /* passage over a parabola between exponential wells: 1/lambda = 1/2 P(x < 0) int 1/p to O(lambda) */
    double inner = 0, outer = 0, h = 1e-5;
    for (double x = -1 + h / 2; x < 0; x += h) inner += h * exp(20 * (x * x - 1)), outer += 2 * h * exp(-20 * x * x);
    assert_near(gap.gap * inner * outer * exp(20) / 2, 1, 1e-4);
    gap = gap_of("truncated-gaussian", "", 2, unequal, "score-matching");
    assert_int_equal(gap.status, SG_OK);
    inner = outer = 0; /* -log p is -200 in the well at -1 and 45 on the barrier at -.3 */
    for (double x = -1 + h / 2; x < 0.3; x += h) inner += h * exp(300 * (x + 1) + 500 * (x * x - 1));
    for (double x = -0.7 + h / 2; x < 1; x += h) outer += h * exp(-500 * (x + 0.3) * (x + 0.3));
    assert_near(log(gap.gap) + log(inner) + log(outer) + 245, 0, 1e-3);
}

/* ------------------------------------------------------------ without a gap */

static void check_bottom(const char *family, const char *keys, const char *loss, double bottom) {
    setting s = open_setting(family, keys, 0, NULL, loss);
    sg_eigenvalues *values = NULL;
    sg_gap gap;
    OK(sg_eigenvalues_new(4, &values));
    OK(sg_spectrum_gap(s.model, s.loss, NULL, &gap, values));
    assert_int_equal(gap.status, SG_NOT_ATTAINED);
    assert_int_equal(values->count, 0); /* nothing is left of the grid's own eigenvalues */
    assert_true(gap.gap_lower == 0 && gap.gap <= gap.gap_upper);
    assert_near(gap.gap, bottom, 1e-12 * bottom);
    assert_non_null(strstr(gap.message, bottom > 0 ? "essential spectrum" : "no gap"));
    if (bottom > 0) {
        assert_near(gap.log10_gap, log10(bottom), 1e-12);
        assert_near(gap.poincare * bottom, 1, 1e-12);
        assert_true(gap.gap_upper < 1.01 * bottom);
    } else {
        assert_true(gap.log10_gap == -INFINITY && gap.poincare == INFINITY);
    }
    sg_eigenvalues_delete(values);
    close_setting(&s);
}

static void test_bottom(void **state) {
    (void)state;
    check_bottom("laplace", "", "score-matching", 0.25);
    check_bottom("laplace", "scale=3e-4", "score-matching", 0.25 / 9e-8);
    check_bottom("laplace", "", "preconditioned:value=8", 2);
    check_bottom("exponential", "rate=5", "score-matching", 6.25);
    check_bottom("logistic", "", "score-matching", 0.25);
    check_bottom("logistic", "scale=20", "score-matching", 1 / 1600.);
    check_bottom("student", "", "score-matching", 0);
    check_bottom("student", "nu=0.5", "score-matching", 0);
    check_bottom("student", "nu=200,scale=1e3", "score-matching", 0);
    check_bottom("student", "nu=1e6", "score-matching", 0); /* the cut law looks normal */
    check_bottom("laplace", "", "preconditioned:with=power,exponent=0.5", 0);
    check_bottom("bimodal", "", "preconditioned:with=power,exponent=1", 0);
}

/* A weight that grows in the tails gives a gap where there was none: D = p^(-1/2) on Student's law with nu = 3 is
 * 1 + x^2/3 up to a factor (Pearson): the gap is that of f = x. */
static void test_weights_restore_the_gap(void **state) {
    (void)state;
    sg_gap gap = gap_of("student", "", 0, NULL, "preconditioned:with=power,exponent=-0.5");
    check_gap(&gap, 2 / 3., 1e-11);
    gap = gap_of("laplace", "", 0, NULL, "preconditioned:with=power,exponent=-0.5");
    assert_int_equal(gap.status, SG_OK);
}

/* log q = -a log cosh x: eigenvalues n (a - n), n < a/2, below the essential spectrum at a^2/4 (Poeschl-Teller). */
static void evaluate_sech(const void *context, int n, const double *x, double *logq, double *test) {
    (void)test;
    const double a = *(const double *)context;
    for (int i = 0; i < n; i++) logq[i] = -a * (fabs(x[i]) + log1p(exp(-2 * fabs(x[i]))) - M_LN2);
}

static sg_gap sech_gap(double a) {
    sg_panels *panels[2] = {NULL, NULL};
    sg_gap gap;
    for (int k = 0; k < 2; k++) {
        sg_density density = {.context = &a, .evaluate = evaluate_sech, .lo = -INFINITY, .hi = INFINITY};
        OK(sg_panels_new(&density, 1e-13, k ? 260 : 200, k, &panels[k]));
    }
    OK(sg_line_gap(panels[0], NULL, panels[1], NULL, &gap));
    for (int k = 0; k < 2; k++) sg_panels_delete(panels[k]);
    return gap;
}

static void test_threshold(void **state) {
    (void)state;
    const double attained[] = {2.5, 3, 4, 8, 40}, not_attained[] = {0.1, 0.7, 1, 1.5, 2};
    for (int k = 0; k < 5; k++) {
        sg_gap gap = sech_gap(attained[k]);
        check_gap(&gap, attained[k] - 1, 1e-10);
        gap = sech_gap(not_attained[k]);
        assert_int_equal(gap.status, SG_NOT_ATTAINED);
        assert_near(gap.gap, 0.25 * not_attained[k] * not_attained[k], 1e-9);
    }
    sg_gap gap = sech_gap(2.01); /* an eigenvalue 2.5e-5 below the threshold: not told apart, and not certified */
    assert_true(gap.status != SG_OK);
    assert_true(gap.gap_lower <= 1.01 && 1.01 <= gap.gap_upper);
}

/* ------------------------------------------------------------- deep wells */

static void check_values(const char *family, const char *keys, int m, const double *theta, int count,
                         const double *truth, double relative) {
    setting s = open_setting(family, keys, m, theta, "score-matching");
    sg_eigenvalues *values = NULL;
    sg_gap gap;
    OK(sg_eigenvalues_new(count, &values));
    OK(sg_spectrum_gap(s.model, s.loss, NULL, &gap, values));
    assert_int_equal(gap.status, SG_OK);
    assert_int_equal(values->count, count);
    for (int k = 0; k < count; k++) {
        if (truth[k] == 0) continue; /* no reference */
        const double off = fabs(expm1(values->log_value[k] - log(truth[k])));
        if (!(off <= relative && off <= values->error[k] + 1e-15 && values->error[k] < 1e-9))
            fail_msg("%s %s: eigenvalue %d is off by %g, its error %g", family, keys, k + 1, off, values->error[k]);
    }
    sg_eigenvalues_delete(values);
    close_setting(&s);
}

static void test_deep_wells(void **state) {
    (void)state;
    const double ripple[] = {1, 60}, three[] = {0, -12, 0, 9.2, 0.3}, tilted[] = {250, 800, 400};
    const double of_ripple[] = {
        2.7678309117500344713e-50, 4.9334752814903938192e-50, 7.8464743376750558248e-50, 0, 0, 0, 0,
        1.5561809196669332481e-48};
    const double of_three[] = {3.7249197677939280659e-14, 0.13003527191187173789, 19.074399386221659957};
    const double of_tilted[] = {1.25833006476070142e-76};
    check_values("sinusoid", "omega=4", 2, ripple, 8, of_ripple, 1e-12);
    check_values("polynomial", "degree=5", 5, three, 3, of_three, 1e-12);
    check_values("double-well", "", 3, tilted, 1, of_tilted, 1e-12);
}

/*
 * A second method: the birth-death chain of finite volumes, whose generator is B^T B with a bidiagonal B; LAPACK's
 * dbdsqr gives its singular values to relative accuracy, and the error in the width of the cells is of second order.
 */
static void chain(const double *c, int degree, double reach, int cells, int count, double *lambda) {
    double *d = NULL, *e = NULL, none = 0, h = 2 * reach / cells;
    OK(sg_new(&d, (size_t)cells, sizeof(double)));
    OK(sg_new(&e, (size_t)cells, sizeof(double)));
    double *work = NULL;
    OK(sg_new(&work, 4 * (size_t)cells, sizeof(double)));
    double before = 0;
    for (int i = 0; i < cells; i++) {
        double x[2] = {-reach + h * (i + 0.5), -reach + h * (i + 1)}, v[2];
        for (int k = 0; k < 2; k++) {
            v[k] = 0;
            for (int j = degree; j >= 0; j--) v[k] = v[k] * x[k] + c[j];
        }
        if (i > 0) e[i - 1] = exp(0.5 * (v[0] - before)) / h;
        d[i] = i + 1 < cells ? -exp(0.5 * (v[0] - v[1])) / h : 0;
        before = v[1];
    }
    assert_int_equal(
        LAPACKE_dbdsqr_work(LAPACK_COL_MAJOR, 'U', cells, 0, 0, 0, d, e, &none, 1, &none, 1, &none, 1, work), 0);
    for (int k = 0; k < count; k++) lambda[k] = d[cells - 2 - k] * d[cells - 2 - k];
    sg_delete(d);
    sg_delete(e);
    sg_delete(work);
}

static void test_against_a_chain(void **state) {
    (void)state;
    enum { COUNT = 5 };
    sg_stream stream;
    sg_stream_open(&stream, 5, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 6; trial++) {
        double u[5], coarse[COUNT], fine[COUNT];
        sg_stream_uniform(&stream, 5, u);
        const double theta[] = {2 * u[0] - 1, -8 - 8 * u[1], u[2] - 0.5, 8 + 2 * u[3], 0.4 * (u[4] - 0.5)};
        double c[7] = {0, 0, 0, 0, 0, 0, 1};
        for (int j = 0; j < 5; j++) c[j + 1] = -theta[j];
        chain(c, 6, 3.3, 800, COUNT, coarse);
        chain(c, 6, 3.3, 1600, COUNT, fine);
        setting s = open_setting("polynomial", "degree=5", 5, theta, "score-matching");
        sg_eigenvalues *values = NULL;
        sg_gap gap;
        OK(sg_eigenvalues_new(COUNT, &values));
        OK(sg_spectrum_gap(s.model, s.loss, NULL, &gap, values));
        assert_int_equal(values->count, COUNT);
        for (int k = 0; k < COUNT; k++) {
            const double two = log(fine[k]), one = log(coarse[k]), limit = two + (two - one) / 3;
            assert_near(values->log_value[k], limit, 0.05 * fabs(two - one) + 1e-9);
            assert_true(fabs(two - one) < 0.05);
            assert_true(values->error[k] < 1e-9);
        }
        sg_eigenvalues_delete(values);
        close_setting(&s);
    }
}

/* More eigenvalues than the first cut holds: the 250th mode of the normal law lives at |x| < 32, where p is e^-500. */
static void test_many(void **state) {
    (void)state;
    setting s = open_setting("gaussian", "s=3", 0, NULL, "score-matching");
    sg_eigenvalues *values = NULL;
    sg_gap gap;
    OK(sg_eigenvalues_new(250, &values));
    OK(sg_spectrum_gap(s.model, s.loss, NULL, &gap, values));
    assert_int_equal(values->count, 250);
    for (int k = 0; k < 250; k++) {
        assert_near(values->log_value[k], log((k + 1) / 9.), fmin(1e-10, values->error[k] + 1e-15));
        assert_true(values->error[k] < 1e-9);
    }
    sg_eigenvalues_delete(values);
    close_setting(&s);
}

/* --------------------------------------------------- dynamics without a loss */

static void check_fit(const char *family, const char *loss_text, bool fits, const char *reason) {
    sg_model *model = NULL;
    sg_loss *loss = NULL;
    OK(sg_model_new(family, 0, NULL, &model));
    OK(sg_loss_new(loss_text, &loss));
    OK(sg_loss_runs(loss, model));
    assert_int_equal(sg_loss_fits(loss, model), fits ? SG_OK : SG_MISFIT);
    if (!fits) assert_non_null(strstr(sg_message(), reason));
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void test_dynamics_without_a_loss(void **state) {
    (void)state;
    check_fit("gaussian", "score-matching", true, NULL);
    check_fit("student", "score-matching", true, NULL);
    check_fit("logistic", "preconditioned:with=power", true, NULL);
    check_fit("von-mises", "score-matching", true, NULL);
    check_fit("laplace", "score-matching", false, "kink");
    check_fit("laplace", "preconditioned", false, "kink");
    check_fit("exponential", "score-matching", false, "ends of its support");
    check_fit("uniform", "preconditioned:with=power", false, "ends of its support");
    check_fit("exponential", "preconditioned:with=stein", true, NULL);
    check_fit("laplace", "mle", true, NULL);
    sg_model *model = NULL;
    sg_loss *loss = NULL;
    sg_pair one = {"free", "cos"};
    OK(sg_model_new("von-mises", 1, &one, &model));
    OK(sg_loss_new("preconditioned:with=stein", &loss));
    assert_int_equal(sg_loss_runs(loss, model), SG_MISFIT);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

/* Stationary chains stay stationary, and inside: mean of a function over 40 steps of 256 chains against its exact value
 * by quadrature, at 6 standard errors of the independent starts (the later states only add to the information). */
static void test_walks(void **state) {
    (void)state;
    const char *families[] = {"uniform", "exponential", "laplace", "von-mises", "truncated-gaussian"};
    for (int f = 0; f < 5; f++) {
        setting s = open_setting(families[f], "", 0, NULL, "score-matching");
        sg_panels *panels = NULL;
        sg_prepared *prepared = NULL;
        sg_sampler *sampler = NULL;
        sg_walk *walk = NULL;
        double mean = 0, square = 0, sum = 0;
        OK(sg_model_panels(s.model, s.model->truth, 0, &panels));
        OK(sg_loss_prepare(s.loss, s.model, panels, &prepared));
        OK(sg_sampler_new(s.model, s.model->truth, panels, &sampler));
        for (int i = 0; i < panels->n; i++) {
            double value = cos(panels->x[i] + 0.3);
            mean += panels->mass[i] * value;
            square += panels->mass[i] * value * value;
        }
        OK(sg_walk_new(s.model, s.model->truth, sampler, SG_BLOCK, 99, 0, 0.3, &walk));
        for (int step = 0; step < 40; step++) {
            sg_walk_advance(s.loss, prepared, walk, 1);
            for (int i = 0; i < SG_BLOCK; i++) {
                const double x = walk->block.x[i];
                assert_true(x >= s.model->space.lo && x <= s.model->space.hi);
                sum += cos(x + 0.3) / (40 * SG_BLOCK);
            }
        }
        assert_true(walk->accepted > 0);
        assert_near(sum, mean, 6 * sqrt((square - mean * mean) / SG_BLOCK));
        sg_walk_delete(walk);
        sg_sampler_delete(sampler);
        sg_loss_release(s.loss, prepared);
        sg_panels_delete(panels);
        close_setting(&s);
    }
}

static void test_memory(void **state) {
    (void)state;
    setting s = open_setting("laplace", "", 0, NULL, "preconditioned:with=power");
    sg_gap gap;
    sg_eigenvalues *values = NULL;
    OK(sg_eigenvalues_new(2, &values));
    long live = sg_memory_live();
    sg_status status = SG_NO_MEMORY;
    int failures = 0;
    for (long k = 1; status == SG_NO_MEMORY; k++) {
        values->count = 2;
        sg_memory_fail_after(k);
        status = sg_spectrum_gap(s.model, s.loss, NULL, &gap, values);
        failures += status == SG_NO_MEMORY;
        assert_int_equal(sg_memory_live(), live);
    }
    sg_memory_fail_after(0);
    assert_int_equal(status, SG_OK);
    assert_true(failures > 40);
    sg_eigenvalues_delete(values);
    close_setting(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_interval_values),
        cmocka_unit_test(test_wells_at_the_ends),
        cmocka_unit_test(test_bottom),
        cmocka_unit_test(test_weights_restore_the_gap),
        cmocka_unit_test(test_threshold),
        cmocka_unit_test(test_deep_wells),
        cmocka_unit_test(test_against_a_chain),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_dynamics_without_a_loss),
        cmocka_unit_test(test_walks),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
