/*
 * Score matching by coordinates on a-b models, with D = 1 and D = diag h(x_j): against values of a program in NumPy
 * (tests/oracle/orthant.py), against the same fit by jets, with held parameters and many coordinates; refusals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <string.h>

#include "../model.h"
#include "../oracle/orthant.h"
#include "../weighted.h"
#include "estimate/coordinate-fit.h"

enum { CASES = sizeof orthant_fits / sizeof *orthant_fits, MOST = 44 };

/* -------------------------------------------------------------------- the data */

/* Those of orthant.py. */
static double *make_data(uint64_t seed, long long n, int d, bool reals) {
    double *rows = NULL;
    uint64_t state = seed;
    OK(sg_new(&rows, (size_t)n * (size_t)d, sizeof(double)));
    for (long long i = 0; i < n; i++)
        for (int j = 0; j < d; j++) {
            state = 6364136223846793005u * state + 1442695040888963407u;
            const double u = (double)(state >> 11) * 0x1p-53;
            double *x = rows + i * d + j;
            *x = (reals ? 2 * u - 1 : u) + (j ? x[-1] / 2 : 0);
        }
    for (long long k = 0; k < n * d && !reals; k++) rows[k] = 4 * rows[k] * rows[k] + 0.02;
    return rows;
}

static sg_model *model_at(int d, double a, double b, bool centred, bool reals, const char *more) {
    char text[256];
    snprintf(text, sizeof text, "ab-model:d=%d,a=%.17g,b=%.17g,centred=%s,space=%s%s", d, a, b, centred ? "yes" : "no",
             reals ? "reals" : "orthant", more);
    return model_of(text);
}

typedef struct {
    double theta[MOST], covariance[MOST * MOST], se[MOST];
    sg_fit fit;
} result;

static void fit_with(const sg_model *model, const sg_loss *loss, const double *start, const sg_source *source,
                     result *r) {
    sg_fitter *fitter = NULL;
    r->fit = (sg_fit){.theta = r->theta, .covariance = r->covariance, .se = r->se};
    OK(sg_fitter_new(model, loss, start, NULL, NULL, &fitter));
    OK(sg_fit_source(fitter, source, SG_FIT_SANDWICH, &r->fit));
    sg_fitter_delete(fitter);
}

static double size_of(int m, const double *x) {
    double most = 0;
    for (int k = 0; k < m; k++) most = fmax(most, fabs(x[k]));
    return most;
}

static void near(int m, const double *value, const double *known, double tol, const char *what) {
    for (int k = 0; k < m; k++)
        if (!(fabs(value[k] - known[k]) <= tol * size_of(m, known)))
            fail_msg("%s %d: %.17g, known %.17g", what, k, value[k], known[k]);
}

/* ----------------------------------------------------------------------- tests */

static int h_named(const char *name) {
    return !strcmp(name, "min")      ? H_MINIMUM
           : !strcmp(name, "square") ? H_SQUARE
           : !strcmp(name, "log1p")  ? H_LOG
                                     : H_ONE;
}

/* The condition of the equations, with a unit diagonal, is below 1e5 (asserted in the script): 1e-10 leaves a margin.
 */
static void oracle(void **state) {
    (void)state;
    for (int k = 0; k < CASES; k++) {
        result r;
        const int d = orthant_fits[k].d, m = orthant_fits[k].m;
        double *rows = make_data((uint64_t)k + 1, orthant_fits[k].n, d, orthant_fits[k].reals);
        sg_model *model =
            model_at(d, orthant_fits[k].a, orthant_fits[k].b, orthant_fits[k].centred, orthant_fits[k].reals, "");
        const sg_source source = {.n = orthant_fits[k].n, .d = d, .rows = rows};
        h_now = h_named(orthant_fits[k].h);
        assert_int_equal(model->m, m);
        assert_true(sg_fit_by_coordinates(model, &weighted_loss));
        fit_with(model, &weighted_loss, model->truth, &source, &r);
        if (r.fit.status != SG_NOT_INTEGRABLE) assert_int_equal(r.fit.status, SG_OK);
        near(m, r.theta, orthant_fits[k].theta, 1e-10, "theta");
        near(m, r.se, orthant_fits[k].se, 1e-10, "se");
        for (int j = 0; j < m; j++) assert_true(fabs(r.covariance[j + j * m] / (r.se[j] * r.se[j]) - 1) < 1e-12);
        sg_model_delete(model);
        sg_delete(rows);
    }
}

/* The same model without its structure is fitted by jets.  Also parameters that are held, and a start far away. */
static void by_jets(void **state) {
    (void)state;
    static const char *const more[] = {"", ",free=K0-0/K0-1/eta1",
                                       ",coupling=-.2,eta=.4,free=K0-0/K1-2/K2-2/eta0/eta2"};
    static const double power[][2] = {{1, 1}, {0.5, 0.5}, {1, 0}, {1.5, 0.7}, {0, 0}};
    for (int k = 0; k < 15; k++)
        for (h_now = H_MINIMUM; h_now <= H_LOG; h_now++) {
            static result fast, slow;
            sg_model *model = model_at(3, power[k % 5][0], power[k % 5][1], false, false, more[k / 5]);
            double *rows = make_data(77, 400, 3, false);
            const sg_source source = {.n = 400, .d = 3, .rows = rows};
            sg_family plain = *model->family;
            const int m = model->m;
            fit_with(model, &weighted_loss, model->truth, &source, &fast);
            plain.interactions = NULL;
            model->family = &plain;
            assert_false(sg_fit_by_coordinates(model, &weighted_loss));
            sg_fitter *fitter = NULL;
            slow.fit = (sg_fit){.theta = slow.theta, .covariance = slow.covariance};
            OK(sg_fitter_new(model, &weighted_loss, model->truth, NULL, NULL, &fitter));
            OK(sg_fit_source(fitter, &source, SG_FIT_SANDWICH, &slow.fit));
            sg_fitter_delete(fitter);
            assert_int_equal(fast.fit.status, slow.fit.status);
            near(m, fast.theta, slow.theta, 1e-12, "theta");
            near(m * m, fast.covariance, slow.covariance, 1e-11, "covariance");
            sg_model_delete(model);
            sg_delete(rows);
        }
}

/* D = 1 on R^d: maximum likelihood of the normal law, K^-1 the covariance of the data.  Also fewer data than would give
 * each coordinate its parameters, d + 1. */
static void many_coordinates(void **state) {
    (void)state;
    enum { D = 40 };
    sg_model *model = model_at(D, 1, 1, false, true, "");
    sg_loss *loss = NULL;
    double *rows = make_data(5, 3000, D, true), *theta = NULL, K[D * D];
    sg_source source = {.n = 3000, .d = D, .rows = rows};
    sg_fitter *fitter = NULL;
    OK(sg_loss_new("score-matching", &loss));
    OK(sg_new(&theta, (size_t)model->m, sizeof(double)));
    OK(sg_fitter_new(model, loss, model->truth, NULL, NULL, &fitter));
    sg_fit fit = {.theta = theta};
    OK(sg_fit_source(fitter, &source, 0, &fit));
    assert_int_equal(fit.status, SG_OK);
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++) K[i + j * D] = theta[i > j ? i * (i + 1) / 2 + j : j * (j + 1) / 2 + i];
    double mean[D] = {0};
    for (int i = 0; i < 3000; i++)
        for (int j = 0; j < D; j++) mean[j] += rows[i * D + j] / 3000;
    for (int i = 0; i < D; i++) { /* K Cov = 1, K mean = eta */
        double eta = 0;
        for (int j = 0; j < D; j++) eta += K[i + j * D] * mean[j];
        assert_true(fabs(eta - theta[D * (D + 1) / 2 + i]) < 1e-10);
    }
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++) {
            double sum = 0;
            for (int k = 0; k < 3000; k++) {
                double row_i = 0;
                for (int l = 0; l < D; l++) row_i += K[i + l * D] * (rows[k * D + l] - mean[l]);
                sum += row_i * (rows[k * D + j] - mean[j]) / 3000;
            }
            assert_true(fabs(sum - (i == j)) < 1e-10);
        }
    source.n = 36;
    OK(sg_fit_source(fitter, &source, 0, &fit));
    assert_int_equal(fit.status, SG_SINGULAR); /* the covariance of 36 data in R^40 has no inverse */
    assert_true(isnan(theta[0]));
    sg_fitter_delete(fitter);
    sg_loss_delete(loss);
    sg_model_delete(model);
    sg_delete(theta);
    sg_delete(rows);
}

int main(void) {
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oracle),
        cmocka_unit_test(by_jets),
        cmocka_unit_test(many_coordinates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
