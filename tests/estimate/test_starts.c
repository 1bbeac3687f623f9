/* Fits that are not convex: many starts, and Gauss-Newton steps in place of Newton's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../model.h"
#include "estimate/fitter.h"

enum { N = 3000, M = 20 };

typedef struct {
    sg_model *model;
    sg_loss *loss;
    sg_nodes *nodes;
    sg_sampler *sampler;
    sg_fitter *fitter;
    sg_source source;
    double theta[M], covariance[M * M];
    sg_fit fit;
} setting;

/* Data of the model's truth; the fitter starts at `reference` (NULL: there). */
static void open_setting(const char *model, const char *loss, const double *reference, setting *s) {
    memset(s, 0, sizeof *s);
    s->model = model_of(model);
    OK(sg_loss_new(loss, &s->loss));
    assert_true(s->model->m <= M && s->model->full <= M);
    OK(sg_fit_nodes(s->model, s->loss, reference ? reference : s->model->truth, false, &s->nodes));
    OK(sg_sampler_new(s->model, s->model->truth, NULL, &s->sampler));
    OK(sg_fitter_new(s->model, s->loss, reference ? reference : s->model->truth, NULL, s->nodes, &s->fitter));
    s->source = (sg_source){.n = N, .d = s->model->space.d, .sampler = s->sampler, .key = 5};
    s->fit = (sg_fit){.theta = s->theta, .covariance = s->covariance};
}

static void close_setting(setting *s) {
    sg_fitter_delete(s->fitter);
    sg_sampler_delete(s->sampler);
    sg_nodes_delete(s->nodes);
    sg_loss_delete(s->loss);
    sg_model_delete(s->model);
}

/* ---------------------------------------------------------------- many starts */

/* Three clusters at -12, 0 and 12, two of whose components start together in one: a minimum, but not the least. */
static void many_starts_leave_a_poor_minimum(void **state) {
    (void)state;
    static const double poor[] = {1. / 3, 1. / 3, 11.5, 12.5, -6};
    static const char *const text = "gaussian-mixture:d=1,k=3,means=-12/0/12,free=mu1/mu2/mu3";
    setting truth, one, many;
    sg_starts report;
    open_setting(text, "mle", NULL, &truth);
    OK(sg_fit_starts(truth.fitter, &truth.source, 0, 2, 1, &truth.fit, &report));
    OK(truth.fit.status);
    const double least = report.value;
    open_setting(text, "mle", poor, &one);
    OK(sg_fit_source(one.fitter, &one.source, 0, &one.fit));
    OK(one.fit.status);
    if (!(fabs(one.theta[2] + 6) < 0.5)) /* it stays between two clusters */
        fail_msg("it went to %g, %g, %g", one.theta[0], one.theta[1], one.theta[2]);
    open_setting(text, "mle", poor, &many);
    OK(sg_fit_starts(many.fitter, &many.source, SG_FIT_SANDWICH, 48, 1, &many.fit, &report));
    OK(many.fit.status);
    assert_int_equal(report.starts, 48);
    assert_int_equal(report.best + report.other + report.failed, 48);
    assert_true(report.best >= 1 && report.other >= 1);
    if (!(fabs(report.value - least) < 1e-9)) fail_msg("the least loss is %.12g, found %.12g", least, report.value);
    /* one mean a cluster, in some order */
    double sum = 0, product = 1;
    for (int j = 0; j < 3; j++) {
        sum += many.theta[j];
        product *= many.theta[j] - truth.theta[0];
        assert_true(many.covariance[j * 4] > 0);
    }
    assert_true(fabs(sum - truth.theta[0] - truth.theta[1] - truth.theta[2]) < 1e-6 && fabs(product) < 1e-4);
    close_setting(&truth);
    close_setting(&one);
    close_setting(&many);
}

/* One start is what sg_fit_source does, bit by bit; other starts of equal loss change nothing; the key is all that the
 * others depend on. */
static void starts_are_functions_of_their_key(void **state) {
    (void)state;
    setting s;
    sg_starts report, again;
    double first[M];
    open_setting("mixture:m=2,w=0.3,free=all", "score-matching", NULL, &s);
    OK(sg_fit_source(s.fitter, &s.source, SG_FIT_SANDWICH, &s.fit));
    memcpy(first, s.theta, sizeof first);
    const double variance = s.covariance[0];
    for (int starts = 1; starts <= 6; starts += 5) {
        OK(sg_fit_starts(s.fitter, &s.source, SG_FIT_SANDWICH, starts, 9, &s.fit, &report));
        assert_memory_equal(first, s.theta, 3 * sizeof(double));
        assert_true(variance == s.covariance[0]);
        assert_int_equal(report.starts, starts);
    }
    OK(sg_fit_starts(s.fitter, &s.source, 0, 6, 9, &s.fit, &again));
    assert_memory_equal(&report, &again, sizeof report);
    assert_int_equal(sg_starts_usual(s.model, s.loss), 8);
    close_setting(&s);
    open_setting("bimodal:a=2", "score-matching", NULL, &s);
    assert_int_equal(sg_starts_usual(s.model, s.loss), 1);
    OK(sg_fit_starts(s.fitter, &s.source, 0, 6, 9, &s.fit, &report));
    assert_int_equal(report.starts, 1);
    close_setting(&s);
}

/* ---------------------------------------------------------------- Gauss-Newton */

/* The same estimate and the same standard errors as Newton's method with second derivatives. */
static void gauss_newton_finds_the_same(const char *model, const char *loss) {
    setting newton, gauss;
    open_setting(model, loss, NULL, &newton);
    open_setting(model, loss, NULL, &gauss);
    const int m = newton.model->m;
    assert_false(gauss.fitter->gauss);
    gauss.fitter->gauss = true;
    OK(sg_fit_source(newton.fitter, &newton.source, SG_FIT_SANDWICH, &newton.fit));
    OK(sg_fit_source(gauss.fitter, &gauss.source, SG_FIT_SANDWICH, &gauss.fit));
    if (newton.fit.status || gauss.fit.status)
        fail_msg("%s %s: %s, by Gauss-Newton %s: %s", model, loss, sg_status_name(newton.fit.status),
                 sg_status_name(gauss.fit.status), sg_message());
    for (int j = 0; j < m; j++) {
        /* steps below 1e-9 end an iteration that contracts by a factor of at most 0.95 */
        if (!(fabs(newton.theta[j] - gauss.theta[j]) < 20e-9))
            fail_msg("%s %s: theta[%d] is %.12g, by Gauss-Newton %.12g", model, loss, j, newton.theta[j],
                     gauss.theta[j]);
        for (int k = 0; k < m; k++) {
            const double size = sqrt(newton.covariance[j + j * m] * newton.covariance[k + k * m]);
            if (!(fabs(newton.covariance[j + k * m] - gauss.covariance[j + k * m]) < 1e-6 * size))
                fail_msg("%s %s: covariance[%d,%d] is %.9g, by Gauss-Newton %.9g", model, loss, j, k,
                         newton.covariance[j + k * m], gauss.covariance[j + k * m]);
        }
    }
    close_setting(&newton);
    close_setting(&gauss);
}

static void gauss_newton_agrees(void **state) {
    (void)state;
    static const char *const losses[] = {"mle", "score-matching", "denoising:sigma=0.7", "sliced:draws=2"};
    for (int l = 0; l < 4; l++) {
        gauss_newton_finds_the_same("mixture:m=2,w=0.4,free=all", losses[l]);
        gauss_newton_finds_the_same("mixture:d=8,m=2,w=0.4,free=means", losses[l]);
    }
    gauss_newton_finds_the_same("mixture:m=2,w=0.4", "lifted:boundary=shared");
}

/* 32 parameters in 16 dimensions: second derivatives of score matching would take 300 MB, those of denoising 40. */
static void the_choice_is_by_memory(void **state) {
    (void)state;
    sg_model *model = model_of("mixture:d=16,m=2,free=means");
    sg_chart *chart = NULL;
    sg_loss *loss = NULL;
    OK(sg_chart_new(model, model->truth, NULL, &chart));
    OK(sg_loss_new("score-matching", &loss));
    assert_false(sg_lens_bends(model, loss, chart));
    sg_loss_delete(loss);
    OK(sg_loss_new("denoising", &loss));
    assert_true(sg_lens_bends(model, loss, chart));
    sg_loss_delete(loss);
    sg_chart_delete(chart);
    sg_model_delete(model);
}

int main(void) {
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_starts_leave_a_poor_minimum),
        cmocka_unit_test(starts_are_functions_of_their_key),
        cmocka_unit_test(gauss_newton_agrees),
        cmocka_unit_test(the_choice_is_by_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
