/*
 * The worst direction of the Hessian of one datum, by ascent and differences: against all directions by exact second
 * derivatives, and against itself where coordinates are added that change nothing.  Terms of the KHR bound likewise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <math.h>
#include <string.h>

#include "../model.h"
#include "estimate/worst-nodes.h"

typedef struct {
    sg_model *model;
    sg_loss *loss;
    sg_asymptotic *a;
} setting;

static setting open_setting(const char *model, const char *loss) {
    setting s = {.model = model_of(model)};
    OK(sg_loss_new(loss, &s.loss));
    OK(sg_asymptotic_new(s.model, s.loss, &s.a));
    return s;
}

static void close_setting(setting *s) {
    sg_asymptotic_delete(s->a);
    sg_loss_delete(s->loss);
    sg_model_delete(s->model);
}

/* From each whitened coordinate. */
static double climbed(const setting *s) {
    const int m = s->model->m;
    sg_nodes *nodes = NULL;
    sg_prepared *prepared = NULL;
    double start[64] = {0}, rho;
    assert_true(m <= 8);
    for (int j = 0; j < m; j++) start[j * (m + 1)] = 1;
    OK(sg_nodes_new(s->model, s->model->truth, 0, false, &nodes));
    OK(sg_loss_prepare(s->loss, s->model, nodes->panels, &prepared));
    OK(sg_worst_hessian_nodes(s->model, s->loss, prepared, nodes, s->a->whiten, m, start, &rho));
    sg_loss_release(s->loss, prepared);
    sg_nodes_delete(nodes);
    return rho;
}

/* The ascent stops where a step gains less than a thousandth; differences are of order 1e-8. */
static void ascent_finds_the_worst_of_all_directions(void **state) {
    static const char *const list[][2] = {{"bimodal:a=3", "score-matching"},
                                          {"gaussian:d=2,rho=0.5", "score-matching"},
                                          {"mixture:m=2,free=all", "score-matching"},
                                          {"mixture:m=2,w=0.2,free=all", "mle"},
                                          {"mixture:d=2,m=1,w=0.3,free=all", "score-matching"},
                                          {"mixture:d=2,m=1,free=means", "mle"}};
    (void)state;
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
        setting s = open_setting(list[k][0], list[k][1]);
        const double got = climbed(&s);
        if (!(fabs(got - s.a->rho) <= 0.01 * s.a->rho))
            fail_msg("%s, %s: rho %.6g by ascent, %.6g of all directions", list[k][0], list[k][1], got, s.a->rho);
        close_setting(&s);
    }
}

/* Likelihood of natural parameters has one Hessian for all data. */
static void constant_hessians_have_no_variance(void **state) {
    (void)state;
    setting s = open_setting("bimodal:a=2", "mle");
    assert_true(climbed(&s) == 0 && s.a->rho < 1e-12);
    close_setting(&s);
}

/*
 * One draw a datum: the second coordinate has none of the weight.  Either number has an error of some per cent; were
 * the draws averaged over, as eight of them, it would be less than half.
 */
static void draws_of_the_loss_count(void **state) {
    (void)state;
    setting line = open_setting("mixture:m=2", "denoising"), plane = open_setting("mixture:d=2,m=2", "denoising");
    setting ten = open_setting("mixture:m=2", "denoising:draws=10");
    assert_true(fabs(plane.a->rho / line.a->rho - 1) < 0.2);
    assert_true(ten.a->rho < 0.5 * line.a->rho);
    close_setting(&line);
    close_setting(&plane);
    close_setting(&ten);
}

/* More parameters than are looked at in all directions, at drawn nodes: the direction with the largest rho lies in the
 * plane of the first two axes, so that it is that of two dimensions but for the noise of 4096 nodes. */
static void many_parameters(void **state) {
    (void)state;
    setting two = open_setting("mixture:d=2,m=2,free=all", "mle"),
            many = open_setting("mixture:d=8,m=2,free=all", "mle");
    assert_int_equal(many.model->m, 17);
    if (!(many.a->rho > 0.7 * two.a->rho && many.a->rho < 1.3 * two.a->rho))
        fail_msg("rho %.4g with 17 parameters, %.4g with 5", many.a->rho, two.a->rho);
    close_setting(&two);
    close_setting(&many);
}

/* The score of the weight is a function of the first coordinate: so are all terms; at drawn nodes (d = 8) to five
 * standard errors of the largest, whose relative variance is below 20. */
static void terms_of_the_bound_do_not_see_idle_coordinates(void **state) {
    (void)state;
    setting line = open_setting("mixture:m=1", "score-matching");
    for (int d = 2; d <= 8; d *= 2) {
        char text[64];
        snprintf(text, sizeof text, "mixture:d=%d,m=1", d);
        setting s = open_setting(text, "score-matching");
        const sg_khr_terms *a = &line.a->khr, *b = &s.a->khr;
        const double tolerance = s.a->sampled ? 5 * sqrt(20 / 65536.0) : 1e-9;
        const double want[] = {a->norm_cov_drift, a->norm_cov_laplacian, a->mean_laplacian};
        const double got[] = {b->norm_cov_drift, b->norm_cov_laplacian, b->mean_laplacian};
        for (int k = 0; k < 3; k++)
            if (!(fabs(got[k] / want[k] - 1) <= tolerance))
                fail_msg("d = %d, term %d: %.12g, %.12g", d, k, got[k], want[k]);
        close_setting(&s);
    }
    close_setting(&line);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ascent_finds_the_worst_of_all_directions),
        cmocka_unit_test(constant_hessians_have_no_variance),
        cmocka_unit_test(draws_of_the_loss_count),
        cmocka_unit_test(many_parameters),
        cmocka_unit_test(terms_of_the_bound_do_not_see_idle_coordinates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
