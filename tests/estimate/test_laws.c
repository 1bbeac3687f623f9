/* Limits and exact cases that theory gives in closed form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>

#include "scoregap/estimate.h"

typedef struct {
    sg_model *model;
    sg_loss *loss;
    sg_panels *panels;
    sg_prepared *prepared;
    sg_asymptotic *a;
    sg_gap gap;
} fixture;

static void open_fixture(const char *family, int count, const sg_pair *pairs, const char *loss, fixture *f) {
    if (sg_model_new(family, count, pairs, &f->model)) fail_msg("%s", sg_message());
    if (sg_loss_new(loss, &f->loss)) fail_msg("%s", sg_message());
    if (sg_asymptotic_new(f->model, f->loss, &f->a)) fail_msg("%s %s: %s", f->model->text, loss, sg_message());
    assert_int_equal(sg_model_panels(f->model, f->model->truth, 0, &f->panels), SG_OK);
    assert_int_equal(sg_loss_prepare(f->loss, f->model, f->panels, &f->prepared), SG_OK);
    assert_int_equal(sg_spectrum_gap(f->model, f->loss, NULL, &f->gap, NULL), SG_OK);
}

static void close_fixture(fixture *f) {
    sg_loss_release(f->loss, f->prepared);
    sg_panels_delete(f->panels);
    sg_asymptotic_delete(f->a);
    sg_loss_delete(f->loss);
    sg_model_delete(f->model);
}

/*
 * KHR Theorem 3 in its exact small-width form: for a cut of width g at 0 through an even law, the worst inefficiency
 * tends to sqrt(pi)/4 / (g p(0)), with a relative error of order g: halving g halves the distance.
 */
static void sparse_cut(void **state) {
    (void)state;
    static const char *const widths[] = {"0.02", "0.01", "0.005", "0.0025"};
    double before = 0;
    for (int k = 0; k < 4; k++) {
        fixture f;
        sg_pair pairs[] = {{"a", "2"}, {"g", widths[k]}};
        double zero = 0, best = INFINITY, p0 = 0, g;
        open_fixture("sparse-cut", 2, pairs, "score-matching", &f);
        sg_number_read(widths[k], &g);
        for (int i = 0; i < f.panels->n; i++)
            if (fabs(f.panels->x[i] - zero) < best)
                best = fabs(f.panels->x[i] - zero), p0 = exp(f.panels->logp[i] - f.panels->x[i] * f.panels->x[i]);
        double law = sqrt(M_PI) / 4 / (g * p0), off = fabs(f.a->inefficiency[1] / law - 1);
        if (!(off < 3 * g)) fail_msg("g = %s: inefficiency %.9g, law %.9g", widths[k], f.a->inefficiency[1], law);
        if (k && !(off < 0.6 * before && off > 0.4 * before))
            fail_msg("g = %s: the distance %.3g does not halve from %.3g", widths[k], off, before);
        before = off;
        close_fixture(&f);
    }
}

/* Natural parameters of the Gaussian: every constant D is efficient, C_P = s^2 / D. */
static void gaussian(void **state) {
    (void)state;
    static const char *const scales[] = {"0.03", "1", "47"};
    for (int k = 0; k < 3; k++)
        for (int constant = 0; constant < 2; constant++) {
            fixture f;
            sg_pair pair = {"s", scales[k]};
            double s, D = constant ? 7.5 : 1;
            sg_number_read(scales[k], &s);
            open_fixture("gaussian", 1, &pair, constant ? "preconditioned:with=constant,value=7.5" : "score-matching",
                         &f);
            for (int j = 0; j < 2; j++) assert_true(fabs(f.a->inefficiency[j] - 1) < 1e-11);
            assert_true(fabs(f.a->gamma[0] * s * s - 1) < 1e-11);         /* Var of the mean of x / s^2, times n */
            assert_true(fabs(f.a->gamma[3] * pow(s, 4) / 2 - 1) < 1e-11); /* precision 1/s^2: 2/s^4 */
            assert_true(f.gap.gap_lower <= D / (s * s) * (1 + 1e-14) && f.gap.gap_upper >= D / (s * s) * (1 - 1e-14));
            assert_true(fabs(f.gap.poincare * D / (s * s) - 1) < 1e-11);
            close_fixture(&f);
        }
}

/* C_P of the two-well polynomial grows like exp(B^2/4), C_res only like B^3/9: the leading powers show from B = 8
 * to 14. */
static void polynomial(void **state) {
    (void)state;
    fixture low, high;
    open_fixture("polynomial", 1, (sg_pair[]){{"B", "8"}}, "score-matching", &low);
    open_fixture("polynomial", 1, (sg_pair[]){{"B", "14"}}, "score-matching", &high);
    double rate = log(high.gap.poincare / low.gap.poincare) / ((14 * 14 - 8 * 8) / 4.);
    double power = log(high.a->restricted_poincare / low.a->restricted_poincare) / log(14. / 8);
    assert_true(fabs(rate - 1) < 0.05);
    assert_true(fabs(power - 3) < 0.1);
    assert_true(fabs(high.a->restricted_poincare / (14 * 14 * 14 / 9.) - 1) < 0.05);
    close_fixture(&low);
    close_fixture(&high);
}

/* The chain of KHR Theorem 2 rises at every step, with either constant, and the theorem's number is its formula. */
static void khr_chain(void **state) {
    (void)state;
    static const struct {
        const char *family, *key, *value, *loss;
    } cases[] = {{"bimodal", "a", "2", "score-matching"},
                 {"monomial", "k", "6", "score-matching"},
                 {"polynomial", "B", "2", "score-matching"},
                 {"mixture", "m", "2", "score-matching"},
                 {"sinusoid", "omega", "3", "preconditioned:with=exponential,exponent=1"},
                 {"bimodal", "a", "2.5", "preconditioned:with=power,exponent=-0.3"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        fixture f;
        sg_bounds bounds;
        sg_pair pair = {cases[k].key, cases[k].value};
        open_fixture(cases[k].family, 1, &pair, cases[k].loss, &f);
        assert_int_equal(sg_bounds_of(f.model, f.loss, f.a, &f.gap, &bounds), SG_OK);
        const sg_khr_chain *chains[] = {&bounds.khr_restricted, &bounds.khr_poincare};
        for (int c = 0; c < 2; c++) {
            double norm = sg_norm2(f.a->m, f.a->gamma), up = 1 + 1e-9;
            assert_true(norm <= chains[c]->step_inverse * up);
            assert_true(chains[c]->step_inverse <= chains[c]->step_poincare * up);
            assert_true(chains[c]->step_poincare <= chains[c]->step_split * up);
            assert_true(chains[c]->step_split <= chains[c]->bound * up);
        }
        assert_true(bounds.log_muckenhoupt_lower <= log(f.gap.poincare) &&
                    log(f.gap.poincare) <= bounds.log_muckenhoupt_upper);
        assert_true(bounds.log_cheeger_gap_lower <= log(f.gap.gap) && log(f.gap.gap) <= bounds.log_cheeger_gap_upper);
        close_fixture(&f);
    }
    /* gaussian s = 1, theta = (0, 1), JF = (1, -x): E||JF||^4 = E(1 + x^2)^2 = 6, E||Delta F||^2 = 1, ||Gamma_MLE|| =
     * 2: 2*1*4*(6 + 1) */
    fixture f;
    sg_bounds bounds;
    open_fixture("gaussian", 0, NULL, "score-matching", &f);
    assert_int_equal(sg_bounds_of(f.model, f.loss, f.a, &f.gap, &bounds), SG_OK);
    assert_true(fabs(bounds.khr_poincare.bound / 56 - 1) < 1e-10);
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sparse_cut), cmocka_unit_test(gaussian),
                                       cmocka_unit_test(polynomial), cmocka_unit_test(khr_chain)};
    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
