/*
 * Fits with a Stein kernel, or another D, made at the estimate itself: where they end, which of them fail, their
 * standard errors, their memory.
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

#include "../ok.h"
#include "estimate/pass.h"
#include "scoregap/estimate.h"

enum { M = 4, N = 20000 };

typedef struct {
    sg_model *model;
    sg_nodes *nodes;
    sg_sampler *sampler;
    sg_source source;
    double *packed;
} data;

static data open_data(const char *text) {
    char copy[256];
    sg_pair pairs[8];
    int count = 0;
    data d = {0};
    snprintf(copy, sizeof copy, "%s", text);
    char *colon = strchr(copy, ':'), nothing[] = "";
    if (colon) *colon = '\0';
    OK(sg_pairs_split(colon ? colon + 1 : nothing, 8, pairs, &count));
    OK(sg_model_new(copy, count, pairs, &d.model));
    OK(sg_nodes_new(d.model, d.model->truth, 0, false, &d.nodes));
    OK(sg_sampler_new(d.model, d.model->truth, d.nodes->panels, &d.sampler));
    OK(sg_new(&d.packed, N + SG_BLOCK, sizeof(double)));
    return d;
}

static void draw(data *d, long long n, uint32_t replicate) {
    d->source = (sg_source){.n = n, .d = 1, .sampler = d->sampler, .key = 20240613, .replicate = replicate};
    sg_source_pack(&d->source, d->packed);
}

static void close_data(data *d) {
    sg_delete(d->packed);
    sg_sampler_delete(d->sampler);
    sg_nodes_delete(d->nodes);
    sg_model_delete(d->model);
}

typedef struct {
    sg_loss *loss;
    sg_asymptotic *asymptotic;
    sg_fitter *fitter;
    sg_fit fit;
    double theta[M], covariance[M * M];
} estimator;

static void open_estimator(const data *d, const char *loss, bool whiten, estimator *e) {
    memset(e, 0, sizeof *e);
    OK(sg_loss_new(loss, &e->loss));
    if (whiten) OK(sg_asymptotic_new(d->model, e->loss, &e->asymptotic));
    OK(sg_fitter_new(d->model, e->loss, d->model->truth, whiten ? e->asymptotic->whiten : NULL, d->nodes, &e->fitter));
    e->fit.theta = e->theta;
    e->fit.covariance = e->covariance;
}

static void fit(const data *d, estimator *e) {
    OK(sg_fit_source(e->fitter, &d->source, SG_FIT_SANDWICH, &e->fit));
}

static void close_estimator(estimator *e) {
    sg_fitter_delete(e->fitter);
    sg_asymptotic_delete(e->asymptotic);
    sg_loss_delete(e->loss);
}

/* ------------------------------------------------- one parameter: likelihood */

/* L S = -S at the estimate: mean psi is minus the score of the likelihood, whatever the data. */
static void check_likelihood(const char *model, bool whiten, long long n, int replicates) {
    data d = open_data(model);
    estimator stein, mle;
    open_estimator(&d, "preconditioned:with=stein,at=pilot", whiten, &stein);
    open_estimator(&d, "mle", whiten, &mle);
    for (int r = 0; r < replicates; r++) {
        draw(&d, n, (uint32_t)r);
        fit(&d, &mle);
        fit(&d, &stein);
        if (stein.fit.status || mle.fit.status)
            fail_msg("%s n = %lld, replicate %d: %s (%s), mle %s", model, n, r, sg_status_name(stein.fit.status),
                     sg_message(), sg_status_name(mle.fit.status));
        double off = fabs(stein.theta[0] - mle.theta[0]) / (1 + fabs(mle.theta[0]));
        if (!(off < 1e-8)) fail_msg("%s n = %lld, replicate %d: off by %g", model, n, r, off);
        double ratio = sqrt(stein.covariance[0] / mle.covariance[0]);
        if (!(fabs(ratio - 1) < 5e-3)) fail_msg("%s n = %lld, replicate %d: se ratio %g", model, n, r, ratio);
        if (stein.fit.passes > 20) fail_msg("%s n = %lld, replicate %d: %d passes", model, n, r, stein.fit.passes);
    }
    close_estimator(&stein);
    close_estimator(&mle);
    close_data(&d);
}

static void test_one_parameter_is_likelihood(void **state) {
    (void)state;
    static const char *const models[] = {"bimodal:a=1,free=erf",       "bimodal:a=2,free=erf",
                                         "bimodal:a=3,free=erf",       "sparse-cut:a=2,g=0.7,free=cut",
                                         "double-well:h=5,free=tilt",  "polynomial:degree=3,B=3,free=x1",
                                         "gaussian:s=3,free=location", "mixture:m=2,w=0.4"};
    for (int k = 0; k < 8; k++) {
        check_likelihood(models[k], true, 300, 12);
        check_likelihood(models[k], false, 300, 4);
        check_likelihood(models[k], true, 5000, 12);
    }
    check_likelihood("bimodal:a=4,free=erf", true, 5000, 60);
}

/* ----------------------------------------------------------- failed pilots */

/* Does the density at theta see all data? */
static bool covers(const data *d, double theta) {
    double full[M], lo = INFINITY, hi = -INFINITY;
    sg_panels *panels;
    _Alignas(SG_ALIGN) double x[SG_BLOCK];
    sg_block block = {.d = 1, .draws = 1, .x = x};
    for (long long b = 0; b < sg_source_blocks(&d->source); b++) {
        sg_source_block(&d->source, b, &block);
        for (int i = 0; i < block.n; i++) lo = fmin(lo, x[i]), hi = fmax(hi, x[i]);
    }
    sg_model_expand(d->model, &theta, full);
    OK(sg_model_panels_deep(d->model, full, 80, 0, &panels));
    bool all = panels->edge[0] <= lo && panels->edge[panels->count] >= hi;
    sg_panels_delete(panels);
    return all;
}

/*
 * In wells so deep that the pilot is wild: what converges is the estimate of likelihood; what fails does so because the
 * pilot's density has lost a well, with most of the data in it, and no kernel made there speaks of them.
 */
static void test_failures_are_failed_pilots(void **state) {
    (void)state;
    data d = open_data("bimodal:a=4.7,free=erf");
    estimator stein, mle, pilot;
    int failed = 0, used = 0;
    open_estimator(&d, "preconditioned:with=stein,at=pilot", true, &stein);
    open_estimator(&d, "mle", true, &mle);
    open_estimator(&d, "score-matching", true, &pilot);
    for (int r = 0; r < 200; r++) {
        draw(&d, 2000, (uint32_t)r);
        fit(&d, &stein);
        fit(&d, &mle);
        fit(&d, &pilot);
        assert_int_equal(mle.fit.status, SG_OK);
        if (stein.fit.status == SG_OK) {
            used++;
            assert_true(fabs(stein.theta[0] - mle.theta[0]) < 1e-8);
        } else {
            failed++;
            assert_int_equal(stein.fit.status, SG_PILOT_FAILED);
            assert_true(isnan(stein.theta[0]) && isnan(stein.covariance[0]));
            assert_true(pilot.fit.status || !covers(&d, pilot.theta[0]));
        }
    }
    if (used < 30 || failed < 30) fail_msg("%d fits and %d failures show little", used, failed);
    close_estimator(&stein);
    close_estimator(&mle);
    close_estimator(&pilot);
    close_data(&d);
}

/* ---------------------------------------------------------- the fixed point */

static const struct {
    const char *model, *loss;
    long long n;
} several[] = {{"bimodal:a=2", "preconditioned:with=stein,direction=erf", 5000},
               {"bimodal:a=2", "preconditioned:with=power,exponent=-0.2", 5000},
               {"bimodal:a=2,free=base", "preconditioned:with=stein,direction=erf", 5000},
               {"monomial:k=6", "preconditioned:with=exponential,exponent=0.8", 2000},
               {"double-well:h=4", "preconditioned:with=stein,direction=tilt", 5000},
               {"mixture:m=2,free=all", "preconditioned:with=exponential,exponent=-0.9", 5000}};
enum { SEVERAL = sizeof several / sizeof *several };

/* D made at the estimate gives the estimate back.  The iteration itself multiplies what error is left by at most 10. */
static void test_the_estimate_reproduces_itself(void **state) {
    (void)state;
    for (int k = 0; k < SEVERAL; k++) {
        char text[256], pilot[256];
        data d = open_data(several[k].model);
        estimator at_pilot, at_estimate;
        snprintf(pilot, sizeof pilot, "%s,at=pilot", several[k].loss);
        open_estimator(&d, pilot, true, &at_pilot);
        for (int r = 0; r < 3; r++) {
            draw(&d, several[k].n, (uint32_t)r);
            fit(&d, &at_pilot);
            assert_int_equal(at_pilot.fit.status, SG_OK);
            int used = snprintf(text, sizeof text, "%s,at=", several[k].loss);
            for (int j = 0; j < d.model->m; j++)
                used += snprintf(text + used, sizeof text - (size_t)used, "%s%.17g", j ? "/" : "", at_pilot.theta[j]);
            open_estimator(&d, text, false, &at_estimate);
            fit(&d, &at_estimate);
            assert_int_equal(at_estimate.fit.status, SG_OK);
            for (int j = 0; j < d.model->m; j++) {
                double off = fabs(at_estimate.theta[j] - at_pilot.theta[j]);
                if (!(off < 1e-7 * (1 + fabs(at_pilot.theta[j]))))
                    fail_msg("%s %s: parameter %d moves by %g", several[k].model, text, j, off);
            }
            close_estimator(&at_estimate);
        }
        close_estimator(&at_pilot);
        close_data(&d);
    }
}

/* --------------------------------------------------------- standard errors */

/* mean psi at free parameters theta, D made there; its products too. */
static void mean_psi(const data *d, const sg_loss *loss, const double *theta, sg_pass_means *means) {
    double full[M];
    sg_panels *panels;
    sg_chart *chart;
    sg_lens *lens;
    sg_prepared *prepared = NULL;
    sg_local none = {0};
    sg_model_expand(d->model, theta, full);
    OK(sg_model_panels(d->model, full, 0, &panels));
    OK(loss->row->prepare(loss->options, d->model, full, panels, &prepared));
    OK(sg_chart_new(d->model, full, NULL, &chart));
    OK(sg_lens_new(d->model, loss, chart, SG_PSI, 0, &lens));
    sg_pass(lens, prepared, &none, full, &d->source, SG_PSI | SG_PASS_SQUARES, means);
    sg_lens_delete(lens);
    sg_chart_delete(chart);
    sg_loss_release(loss, prepared);
    sg_panels_delete(panels);
}

/* G^-1 M G^-T / n, G the derivative of mean psi when D moves with theta, by central differences. */
static void sandwich(const data *d, const sg_loss *loss, const double *theta, double *covariance) {
    const int m = d->model->m;
    double g[M * M], inverse[M * M], middle[M * M], product[M * M], moved[M], condition;
    sg_pass_means up, down;
    OK(sg_pass_means_new(m, &up));
    OK(sg_pass_means_new(m, &down));
    for (int k = 0; k < m; k++) {
        const double step = 1e-4;
        memcpy(moved, theta, sizeof moved);
        moved[k] = theta[k] + step;
        mean_psi(d, loss, moved, &up);
        moved[k] = theta[k] - step;
        mean_psi(d, loss, moved, &down);
        for (int j = 0; j < m; j++) g[j + k * m] = (up.psi[j] - down.psi[j]) / (2 * step);
    }
    mean_psi(d, loss, theta, &up);
    for (int j = 0, p = 0; j < m; j++)
        for (int k = 0; k <= j; k++, p++)
            middle[j + k * m] = middle[k + j * m] = (up.psi2[p] - up.psi[j] * up.psi[k]) / (double)d->source.n;
    OK(sg_invert(m, g, inverse, &condition));
    sg_multiply(m, inverse, middle, product);
    sg_multiply_nt(m, product, inverse, covariance);
    sg_pass_means_clear(&up);
    sg_pass_means_clear(&down);
}

/* 5e-3: half a percent is what the last secant, or differences, may be off in one parameter. */
static void test_the_derivative_moves_with_the_estimate(void **state) {
    (void)state;
    for (int k = 0; k < SEVERAL; k++) {
        char pilot[256];
        double known[M * M];
        data d = open_data(several[k].model);
        estimator e;
        snprintf(pilot, sizeof pilot, "%s,at=pilot", several[k].loss);
        open_estimator(&d, pilot, true, &e);
        for (int r = 0; r < 3; r++) {
            draw(&d, several[k].n, (uint32_t)r);
            fit(&d, &e);
            assert_int_equal(e.fit.status, SG_OK);
            sandwich(&d, e.loss, e.theta, known);
            for (int i = 0; i < d.model->m; i++)
                for (int j = 0; j < d.model->m; j++) {
                    double size = sqrt(known[i * (d.model->m + 1)] * known[j * (d.model->m + 1)]);
                    double off = fabs(e.covariance[i + j * d.model->m] - known[i + j * d.model->m]) / size;
                    if (!(off < 5e-3))
                        fail_msg("%s %s: covariance %d %d off by %g", several[k].model, pilot, i, j, off);
                }
        }
        close_estimator(&e);
        close_data(&d);
    }
}

/* ------------------------------------------------------- history and memory */

/* A fit after wild ones (panels made anew, kernels refused) has the bits of a fit of its own. */
static void test_no_memory_of_other_fits(void **state) {
    (void)state;
    data d = open_data("bimodal:a=4.7,free=erf");
    estimator used, fresh;
    open_estimator(&d, "preconditioned:with=stein,at=pilot", true, &used);
    for (int r = 0; r < 30; r++) {
        draw(&d, 2000, (uint32_t)r);
        fit(&d, &used);
        open_estimator(&d, "preconditioned:with=stein,at=pilot", true, &fresh);
        fit(&d, &fresh);
        assert_memory_equal(used.theta, fresh.theta, sizeof(double));
        assert_memory_equal(used.covariance, fresh.covariance, sizeof(double));
        assert_int_equal(used.fit.status, fresh.fit.status);
        assert_int_equal(used.fit.iterations, fresh.fit.iterations);
        close_estimator(&fresh);
    }
    close_estimator(&used);
    close_data(&d);
}

static void test_nothing_is_allocated(void **state) {
    (void)state;
    static const char *const models[] = {"bimodal:a=3,free=erf", "mixture:m=2,w=0.4"};
    for (int k = 0; k < 2; k++) {
        data d = open_data(models[k]);
        estimator e;
        open_estimator(&d, "preconditioned:with=stein,at=pilot", true, &e);
        long live = sg_memory_live();
        for (int r = 0; r < 20; r++) {
            draw(&d, 2000, (uint32_t)r);
            sg_memory_fail_after(1);
            sg_status status = sg_fit_source(e.fitter, &d.source, SG_FIT_SANDWICH, &e.fit);
            sg_memory_fail_after(0);
            assert_int_equal(status, SG_OK);
            assert_int_equal(e.fit.status, SG_OK);
        }
        assert_int_equal(sg_memory_live(), live);
        close_estimator(&e);
        close_data(&d);
    }
}

/* Every allocation of set-up fails once: no leak, no crash, and the status says so. */
static void test_set_up_without_memory(void **state) {
    (void)state;
    data d = open_data("bimodal:a=2,free=erf");
    sg_loss *loss;
    sg_fitter *fitter = NULL;
    OK(sg_loss_new("preconditioned:with=stein,at=pilot", &loss));
    long live = sg_memory_live();
    int k = 0;
    for (sg_status status = SG_NO_MEMORY; status; k++) {
        sg_memory_fail_after(k + 1);
        status = sg_fitter_new(d.model, loss, d.model->truth, NULL, d.nodes, &fitter);
        sg_memory_fail_after(0);
        if (!status) break;
        assert_int_equal(status, SG_NO_MEMORY);
        assert_null(fitter);
        assert_int_equal(sg_memory_live(), live);
    }
    assert_true(k > 50);
    sg_fitter_delete(fitter);
    assert_int_equal(sg_memory_live(), live);
    sg_loss_delete(loss);
    close_data(&d);
}

/* Where a fit in deep wells must rebuild panels and cannot, that is no failed fit but an error, and nothing is lost. */
static void test_fits_without_memory(void **state) {
    (void)state;
    data d = open_data("bimodal:a=4.7,free=erf");
    estimator e;
    int errors = 0;
    open_estimator(&d, "preconditioned:with=stein,at=pilot", true, &e);
    long live = sg_memory_live();
    for (int r = 0; r < 20; r++) {
        draw(&d, 2000, (uint32_t)r);
        sg_memory_fail_after(1);
        sg_status status = sg_fit_source(e.fitter, &d.source, SG_FIT_SANDWICH, &e.fit);
        sg_memory_fail_after(0);
        assert_true(status == SG_OK || status == SG_NO_MEMORY);
        errors += status == SG_NO_MEMORY;
        assert_int_equal(sg_memory_live(), live);
    }
    assert_true(errors > 0);
    close_estimator(&e);
    close_data(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_parameter_is_likelihood),
                                       cmocka_unit_test(test_failures_are_failed_pilots),
                                       cmocka_unit_test(test_the_estimate_reproduces_itself),
                                       cmocka_unit_test(test_the_derivative_moves_with_the_estimate),
                                       cmocka_unit_test(test_no_memory_of_other_fits),
                                       cmocka_unit_test(test_nothing_is_allocated),
                                       cmocka_unit_test(test_set_up_without_memory),
                                       cmocka_unit_test(test_fits_without_memory)};
    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
