/*
 * Theory by quadrature along a line, of laws that are round about it: the weight of two normals is as hard to estimate
 * in R^d as on the line by losses that act on x alone, and by the lifted loss, to which d_beta log p brings the
 * distance |y| from the line, E psi^2 grows linearly in d, with a slope that is known.
 */
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

#include "theory.h"

static sg_asymptotic *exact_theory_of(const char *model, const char *loss) {
    sg_asymptotic *a = theory_of(model, loss);
    if (a->status) fail_msg("%s %s: %s", model, loss, a->message);
    assert_false(a->sampled);
    return a;
}

static sg_asymptotic *theory_in(int d, const char *model_text, const char *loss_text) {
    char text[160];
    snprintf(text, sizeof text, "%s,d=%d", model_text, d);
    return exact_theory_of(text, loss_text);
}

/* 9.42280839315 by two other programs, on the line. */
static void score_matching_of_a_weight(void **state) {
    (void)state;
    static const int d[] = {1, 2, 8, 32};
    for (int k = 0; k < 4; k++) {
        sg_asymptotic *a = theory_in(d[k], "mixture:m=2", "score-matching");
        if (!(fabs(a->inefficiency[0] - 9.42280839315) < 1e-11))
            fail_msg("d = %d: inefficiency %.15g", d[k], a->inefficiency[0]);
        assert_true(a->inefficiency_error < 1e-11);
        sg_asymptotic_delete(a);
    }
}

static void compare(const char *what, const sg_asymptotic *a, const sg_asymptotic *b) {
    assert_int_equal(a->m, b->m);
    for (int k = 0; k < a->m * a->m; k++) {
        const int row = k % a->m * (a->m + 1), column = k / a->m * (a->m + 1);
        const double size = sqrt(b->gamma[row] * b->gamma[column]);
        if (!(fabs(a->gamma[k] - b->gamma[k]) <= 1e-10 * size))
            fail_msg("%s: gamma[%d] is %.15g and %.15g", what, k, a->gamma[k], b->gamma[k]);
        if (!(fabs(a->gamma_mle[k] - b->gamma_mle[k]) <= 1e-11 * size))
            fail_msg("%s: gamma_mle[%d] is %.15g and %.15g", what, k, a->gamma_mle[k], b->gamma_mle[k]);
    }
    /* of losses that draw it is an estimate by draws */
    const bool drawing = strstr(what, "denoising") && !strstr(what, "draws=inf");
    if (!drawing && !(fabs(a->rho - b->rho) <= 1e-9 * b->rho))
        fail_msg("%s: rho is %.12g and %.12g", what, a->rho, b->rho);
    if (!(fabs(a->restricted_poincare - b->restricted_poincare) <= 1e-10 * b->restricted_poincare))
        fail_msg("%s: C_res is %.15g and %.15g", what, a->restricted_poincare, b->restricted_poincare);
}

/* Also of means along the line, and of a line that lies askew: (1, 2, 2)/3 times the means on the line. */
static void in_any_dimension_as_on_the_line(void **state) {
    (void)state;
    static const char *const losses[] = {"mle", "score-matching", "denoising:sigma=0.8", "denoising:draws=inf",
                                         "denoising:sigma=0.3,sigma-max=3,draws=4"};
    static const char line[] = "gaussian-mixture:d=1,k=3,means=0/3/-6,sd=2,weights=2/3/5,free=weights";
    static const char askew[] = "gaussian-mixture:d=3,k=3,means=0/0/0/1/2/2/-2/-4/-4,sd=2,weights=2/3/5,free=weights";
    for (int l = 0; l < 5; l++) {
        sg_asymptotic *a = exact_theory_of("mixture:m=1.5,w=0.3", losses[l]), *b;
        for (int d = 2; d <= 8; d *= 2) {
            b = theory_in(d, "mixture:m=1.5,w=0.3", losses[l]);
            compare(losses[l], b, a);
            sg_asymptotic_delete(b);
        }
        sg_asymptotic_delete(a);
        a = exact_theory_of("mixture:m=1.5,w=0.3,free=all", losses[l]);
        b = exact_theory_of("mixture:m=1.5,w=0.3,d=5,free=w/mu1_1/mu2_1", losses[l]);
        compare(losses[l], b, a);
        sg_asymptotic_delete(a);
        sg_asymptotic_delete(b);
        a = exact_theory_of(line, losses[l]);
        b = exact_theory_of(askew, losses[l]);
        compare(losses[l], b, a);
        sg_asymptotic_delete(a);
        sg_asymptotic_delete(b);
    }
}

/* ------------------------------------------------------------- the lifted loss */

/* (N(y; -m, v) - N(y; m, v))/p, the score of the weight, and p. */
static double score(double w, double m, double v, double y, double *p) {
    const double one = exp(-(y + m) * (y + m) / (2 * v)) / sqrt(2 * M_PI * v);
    const double two = exp(-(y - m) * (y - m) / (2 * v)) / sqrt(2 * M_PI * v);
    *p = w * one + (1 - w) * two;
    return (one - two) / *p;
}

/* d/dv of it, by differences of sixth order. */
static double score_by_v(double w, double m, double v, double y) {
    static const double stencil[3] = {45. / 60, -9. / 60, 1. / 60};
    const double e = 2e-3;
    double sum = 0, p;
    for (int k = 1; k <= 3; k++)
        sum += stencil[k - 1] * (score(w, m, v + k * e, y, &p) - score(w, m, v - k * e, y, &p)) / e;
    return sum;
}

/* E[(d_v S)^2/v^2] for unit normals at -m and m and beta uniform on [0, top], v = 1 + beta, by the trapezoidal rule in
 * y and Simpson's in beta. */
static double growth(double w, double m, double top) {
    enum { LEVELS = 512 };
    const double step = 0.05;
    double sum = 0;
    for (int l = 0; l <= LEVELS; l++) {
        const double v = 1 + top * l / LEVELS, share = (l == 0 || l == LEVELS ? 1 : l % 2 ? 4 : 2) / (3.0 * LEVELS);
        for (int i = -400; i <= 400; i++) {
            double p;
            const double slope = score_by_v(w, m, v, i * step);
            score(w, m, v, i * step, &p);
            sum += share * step * p * slope * slope / (v * v);
        }
    }
    return sum;
}

/*
 * psi = A + c d_v S (|y|^2/v - n)/(2 v) with A a function of the place along the line, n = d - 1 and c the speed: at
 * one draw Cov psi grows by c^2/2 E[(d_v S)^2/v^2] with every dimension, whatever is done about the boundary.
 */
static void lifted_grows_with_the_dimension(void **state) {
    (void)state;
    static const char *const boundary[] = {"exact", "independent", "shared", "interior"};
    const double slope = 0.5 * 9 * growth(0.3, 1, 1);
    for (int b = 0; b < 4; b++) {
        char loss[96];
        snprintf(loss, sizeof loss, "lifted:decay=0,beta-max=1,speed=3,boundary=%s", boundary[b]);
        sg_asymptotic *one = exact_theory_of("mixture:m=1,w=0.3", loss);
        for (int d = 2; d <= (b == 0 ? 8 : 2); d *= 4) {
            sg_asymptotic *a = theory_in(d, "mixture:m=1,w=0.3", loss);
            const double expected = one->cov_psi[0] + (d - 1) * slope;
            if (!(fabs(a->cov_psi[0] - expected) <= 1e-9 * (expected - one->cov_psi[0])))
                fail_msg("%s, d = %d: Cov psi is %.15g, expected %.15g", loss, d, a->cov_psi[0], expected);
            assert_true(fabs(a->dirichlet[0] - one->dirichlet[0]) <= 1e-12 * one->dirichlet[0]);
            assert_true(fabs(a->gamma_mle[0] - one->gamma_mle[0]) <= 1e-12 * one->gamma_mle[0]);
            assert_true(fabs(a->gamma_mle_noised[0] - one->gamma_mle_noised[0]) <= 1e-12 * one->gamma_mle_noised[0]);
            sg_asymptotic_delete(a);
        }
        sg_asymptotic_delete(one);
    }
}

/* Linear in d too; of 1000 draws Gamma_inf is what is left without their noise. */
static void all_draws_in_any_dimension(void **state) {
    (void)state;
    static const char *const losses[] = {"lifted:decay=0,beta-max=1,speed=3", "lifted:design=tapered,beta-max=3"};
    static const int d[] = {1, 2, 5};
    for (int l = 0; l < 2; l++) {
        double gamma[3];
        for (int k = 0; k < 3; k++) {
            char text[96];
            snprintf(text, sizeof text, "%s,draws=inf", losses[l]);
            sg_asymptotic *all = theory_in(d[k], "mixture:m=1,w=0.3", text);
            snprintf(text, sizeof text, "%s,draws=1000", losses[l]);
            sg_asymptotic *many = theory_in(d[k], "mixture:m=1,w=0.3", text);
            const double left = many->gamma[0] - many->noise[0] / (many->dirichlet[0] * many->dirichlet[0]);
            gamma[k] = all->gamma[0];
            if (!(fabs(left - gamma[k]) <= 1e-11 * gamma[k]))
                fail_msg("%s, d = %d: %.15g, by 1000 draws %.15g", text, d[k], gamma[k], left);
            assert_true(many->gamma[0] > gamma[k] && gamma[k] >= all->gamma_mle[0]);
            sg_asymptotic_delete(all);
            sg_asymptotic_delete(many);
        }
        if (!(fabs(gamma[2] - gamma[0] - 4 * (gamma[1] - gamma[0])) <= 1e-12 * gamma[0]))
            fail_msg("%s: gamma is %.15g, %.15g and %.15g in 1, 2 and 5 dimensions", losses[l], gamma[0], gamma[1],
                     gamma[2]);
        assert_true(gamma[1] > gamma[0] * (1 + 1e-9));
    }
}

int main(void) {
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(score_matching_of_a_weight),
        cmocka_unit_test(in_any_dimension_as_on_the_line),
        cmocka_unit_test(lifted_grows_with_the_dimension),
        cmocka_unit_test(all_draws_in_any_dimension),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
