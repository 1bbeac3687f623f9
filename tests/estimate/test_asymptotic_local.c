/*
 * Asymptotic covariances by elimination: against sums over all states, against closed forms of the ring, and at sizes
 * that no list of states reaches.
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

#include "estimate/asymptotic-local.h"

static sg_model *model_of(const char *keys) {
    char text[SG_TEXT];
    sg_pair pairs[12];
    int count;
    sg_model *model = NULL;
    snprintf(text, sizeof text, "%s", keys);
    assert_int_equal(sg_pairs_split(text, 12, pairs, &count), SG_OK);
    if (sg_model_new("ising", count, pairs, &model)) fail_msg("%s: %s", keys, sg_message());
    return model;
}

static sg_loss *loss_of(const char *text) {
    sg_loss *loss = NULL;
    if (sg_loss_new(text, &loss)) fail_msg("%s: %s", text, sg_message());
    return loss;
}

/* An empty sg_asymptotic with its arrays. */
static sg_asymptotic *empty(int m) {
    sg_asymptotic *a = NULL;
    assert_int_equal(sg_new(&a, 1, sizeof *a), SG_OK);
    double **matrix[] = {&a->theta,  &a->gamma,       &a->gamma_mle, &a->dirichlet,    &a->fisher,
                         &a->whiten, &a->metric_root, &a->cov_psi,   &a->inefficiency, &a->noise};
    for (int k = 0; k < 10; k++) assert_int_equal(sg_new(matrix[k], (size_t)m * (size_t)m, sizeof(double)), SG_OK);
    a->m = m;
    return a;
}

static sg_asymptotic *local(const sg_model *model, const sg_loss *loss) {
    sg_asymptotic *a = empty(model->m);
    if (sg_asymptotic_local(model, loss, SG_LOCAL_CHEAPEST, a)) fail_msg("%s: %s", model->text, sg_message());
    assert_int_equal(a->status, SG_OK);
    return a;
}

static void same(const char *model, const char *loss, const char *what, int n, const double *got, const double *want,
                 double tolerance) {
    double size = 0;
    for (int k = 0; k < n; k++) size = fmax(size, fabs(want[k]));
    for (int k = 0; k < n; k++)
        if (!(fabs(got[k] - want[k]) <= tolerance * size))
            fail_msg("%s, %s: %s [%d] is %.17g, by all states %.17g", model, loss, what, k, got[k], want[k]);
}

static void against_states(const char *keys, const char *name) {
    sg_model *model = model_of(keys);
    sg_loss *loss = loss_of(name);
    sg_asymptotic *want = NULL;
    if (sg_asymptotic_new(model, loss, &want)) fail_msg("%s, %s: %s", keys, name, sg_message());
    sg_asymptotic *got = local(model, loss);
    const int m = model->m, size = m * m;
    const double tolerance = 1e-11;
    same(keys, name, "Fisher", size, got->fisher, want->fisher, tolerance);
    same(keys, name, "H", size, got->dirichlet, want->dirichlet, tolerance);
    same(keys, name, "Cov psi", size, got->cov_psi, want->cov_psi, tolerance);
    same(keys, name, "gamma", size, got->gamma, want->gamma, tolerance);
    same(keys, name, "gamma_mle", size, got->gamma_mle, want->gamma_mle, tolerance);
    same(keys, name, "inefficiency", m, got->inefficiency, want->inefficiency, tolerance);
    same(keys, name, "C_res", 1, &got->restricted_poincare, &want->restricted_poincare, tolerance);
    if (m <= 2) same(keys, name, "rho", 1, &got->rho, &want->rho, 1e-4); /* the other by differences */
    assert_true(got->mean_psi < 1e-12);
    assert_true(fabs(got->inefficiency[m - 1] - want->inefficiency[m - 1]) <=
                got->inefficiency_error + want->inefficiency_error);
    sg_asymptotic_delete(got);
    sg_asymptotic_delete(want);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void test_states(void **unused) {
    static const char *const models[] = {
        "graph=ring,n=8,beta=0.6,free=tied",
        "graph=ring,n=12,beta=0.4,h=0.2,free=tied",
        "graph=path,n=11,beta=-0.7,h=0.1,free=tied",
        "graph=lattice,shape=3x4,beta=0.3,free=h",
        "graph=lattice,shape=3x4,boundary=free,beta=0.4,couplings=gauss,h=0.3,free=tied",
        "graph=tree,n=13,degree=4,beta=0.8,free=tied",
        "graph=path,n=6,beta=0.5,couplings=gauss",
    };
    static const char *const losses[] = {"mle", "pseudolikelihood", "probability-flow", "ratio-matching",
                                         "concrete-score"};
    (void)unused;
    for (size_t k = 0; k < sizeof models / sizeof *models; k++)
        for (size_t l = 0; l < sizeof losses / sizeof *losses; l++) against_states(models[k], losses[l]);
}

/*
 * Pseudolikelihood on the ring in no field: the field parameter is efficient, 1/Gamma = I = n e^{2 beta} (1 - t^n)/(1 +
 * t^n), and the coupling at n = 8, beta = .6 has the efficiency .666580500219878.
 */
static void check_ring(int n, double beta) {
    char keys[SG_TEXT];
    snprintf(keys, sizeof keys, "graph=ring,n=%d,beta=%.17g,free=tied", n, beta);
    sg_model *model = model_of(keys);
    sg_loss *loss = loss_of("pseudolikelihood");
    sg_asymptotic *a = local(model, loss);
    const double t = pow(tanh(beta), n), want = n * exp(2 * beta) * (1 - t) / (1 + t);
    if (!(fabs(a->fisher[3] - want) <= 1e-11 * want)) fail_msg("%s: I %.17g, not %.17g", keys, a->fisher[3], want);
    if (!(fabs(a->gamma[3] * want - 1) <= 1e-11))
        fail_msg("%s: efficiency of h is %.17g", keys, 1 / (a->gamma[3] * want));
    if (n == 8) assert_true(fabs(a->gamma_mle[0] / a->gamma[0] - .666580500219878) < 1e-13);
    sg_asymptotic_delete(a);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void test_ring(void **unused) {
    (void)unused;
    check_ring(8, 0.6);
    check_ring(50, -0.3);
    check_ring(2000, 0.6);
    check_ring(2000, 1.2);
}

/* Far from its ends every site of a ring is alike: Gamma n does not depend on n, to t^n. */
static void test_sizes(void **unused) {
    const char *const losses[] = {"pseudolikelihood", "probability-flow", "ratio-matching", "concrete-score"};
    (void)unused;
    for (int l = 0; l < 4; l++) {
        sg_loss *loss = loss_of(losses[l]);
        sg_model *small = model_of("graph=ring,n=200,beta=0.5,h=0.1,free=tied"),
                 *large = model_of("graph=ring,n=2000,beta=0.5,h=0.1,free=tied");
        sg_asymptotic *a = local(small, loss), *b = local(large, loss);
        for (int k = 0; k < 4; k++)
            if (!(fabs(b->gamma[k] / a->gamma[k] * 10 - 1) <= 1e-10))
                fail_msg("%s: gamma [%d] %.17g and %.17g", losses[l], k, a->gamma[k], 10 * b->gamma[k]);
        sg_asymptotic_delete(a);
        sg_asymptotic_delete(b);
        sg_model_delete(small);
        sg_model_delete(large);
        sg_loss_delete(loss);
    }
}

static void refused(const char *keys, const char *name, const char *part) {
    sg_model *model = model_of(keys);
    sg_loss *loss = loss_of(name);
    sg_asymptotic *a = empty(model->m);
    const sg_status status = sg_asymptotic_local(model, loss, SG_LOCAL_CHEAPEST, a);
    if (status != SG_REFUSED || !strstr(sg_message(), part))
        fail_msg("%s, %s: %d, %s", keys, name, status, sg_message());
    sg_asymptotic_delete(a);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void test_refused(void **unused) {
    (void)unused;
    refused("graph=ring,n=300,beta=0.3", "pseudolikelihood", "free=tied");
    refused("graph=ring,n=300,beta=0.3,free=tied", "masked:k=2", "pooled");
    refused("graph=complete,n=40,beta=0.01,free=tied", "pseudolikelihood", "local tables");
    refused("graph=regular,n=400,beta=0.1,free=tied", "pseudolikelihood", "narrower graph");
}

static void test_memory(void **unused) {
    sg_model *model = model_of("graph=ring,n=9,beta=0.3,free=tied");
    sg_loss *loss = loss_of("pseudolikelihood");
    sg_asymptotic *a = empty(model->m);
    const long live = sg_memory_live();
    sg_status status = SG_NO_MEMORY;
    (void)unused;
    for (long k = 1; status != SG_OK; k++) {
        sg_memory_fail_after(k);
        status = sg_asymptotic_local(model, loss, SG_LOCAL_CHEAPEST, a);
        sg_memory_fail_after(0);
        assert_true(status == SG_OK || status == SG_NO_MEMORY);
        assert_int_equal(sg_memory_live(), live);
    }
    sg_asymptotic_delete(a);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),  cmocka_unit_test(test_ring),   cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_memory),
    };
    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
