/*
 * Spectral profiles in the plane.  A normal law has Hermite's functions: the scores of its precision matrix lie on
 * eigenvalues l_a + l_b, l = 1/variances, and nowhere else.  Two normals at -m and m along the first axis are a product
 * with a normal law: profiles of parameters of the first axis are those of the line, which another solver finds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../model.h"
#include "scoregap/estimate.h"

static void assert_near(double value, double truth, double tolerance) {
    if (!(fabs(value - truth) <= tolerance)) fail_msg("%.17g is not within %g of %.17g", value, tolerance, truth);
}

typedef struct {
    sg_model *model;
    sg_loss *loss;
    sg_asymptotic *a;
    sg_profile *p;
} case_of;

static case_of open_case(const char *model, const char *loss) {
    case_of c = {.model = model_of(model)};
    OK(sg_loss_new(loss, &c.loss));
    OK(sg_asymptotic_new(c.model, c.loss, &c.a));
    OK(sg_profile_new(c.model, c.loss, c.a, 0, &c.p));
    return c;
}

static void close_case(case_of *c) {
    sg_profile_delete(c->p);
    sg_asymptotic_delete(c->a);
    sg_loss_delete(c->loss);
    sg_model_delete(c->model);
}

/* The weight of score j at eigenvalues within 1e-5 of `value`, relatively. */
static double weight_at(const sg_profile *p, int j, double value) {
    double sum = 0;
    for (int k = 0; k < p->count; k++)
        if (fabs(p->eigenvalue[k] / value - 1) < 1e-5) sum += p->weight[j * p->count + k];
    return sum;
}

/* Independent coordinates: theta = (location 1, 2; precision 11, 21, 22), S of precision ab is -(x_a x_b - E)/(1 + [a =
 * b]). */
static void test_normal(void **state) {
    (void)state;
    case_of c = open_case("gaussian:d=2,condition=1", "score-matching");
    assert_int_equal(c.p->status, SG_OK);
    assert_true(c.p->count == 6);
    for (int j = 0; j < c.model->m; j++) {
        const double total = c.a->fisher[j + j * c.a->m];
        assert_near(weight_at(c.p, j, j < 2 ? 1 : 2), total, 1e-8 * total);
        assert_near(c.p->remainder[j], 0, 1e-8 * total);
    }
    close_case(&c);
}

static void test_product(void **state) {
    (void)state;
    case_of line = open_case("mixture:m=1.5,w=0.3,free=weight", "score-matching");
    case_of plane = open_case("mixture:d=2,m=1.5,w=0.3,free=weight", "score-matching");
    assert_int_equal(plane.p->status, SG_OK);
    double seen = 0;
    for (int k = 0; k < plane.p->count; k++) seen += plane.p->weight[k];
    assert_near(seen + plane.p->remainder[0], plane.a->fisher[0], 1e-9);
    int found = 0;
    for (int k = 0; k < 3; k++) { /* of the line, as far as the plane has got */
        if (line.p->eigenvalue[k] > plane.p->eigenvalue[plane.p->count - 1]) break;
        assert_near(weight_at(plane.p, 0, line.p->eigenvalue[k]), line.p->weight[k], 1e-7 * line.a->fisher[0]);
        found++;
    }
    assert_true(found >= 2);
    close_case(&line);
    close_case(&plane);
}

/* Constant D multiplies eigenvalues and leaves weights; the spectral form agrees with the quadrature of the covariance
 * as far as the pairs go, whatever the law (status). */
static void test_scaled(void **state) {
    (void)state;
    case_of one = open_case("gaussian-mixture:d=2,k=2,means=-1/0/1/1,free=means", "score-matching");
    case_of three =
        open_case("gaussian-mixture:d=2,k=2,means=-1/0/1/1,free=means", "preconditioned:with=constant,value=3");
    assert_int_equal(one.p->status, SG_OK);
    assert_int_equal(three.p->status, SG_OK);
    assert_int_equal(one.p->count, three.p->count);
    for (int k = 0; k < one.p->count; k++) assert_near(three.p->eigenvalue[k] / one.p->eigenvalue[k], 3, 1e-5);
    for (int j = 0; j < 4; j++)
        for (int k = 0; k < one.p->count; k++)
            assert_near(weight_at(three.p, j, 3 * one.p->eigenvalue[k]), weight_at(one.p, j, one.p->eigenvalue[k]),
                        1e-6 * one.a->fisher[j + j * one.a->m]);
    close_case(&one);
    close_case(&three);
}

static void test_refusals(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"gaussian:d=3", "score-matching"},
                                           {"mixture:d=2", "denoising"},
                                           {"mixture", "lifted"},
                                           {"ab-model", "score-matching"}};
    for (int k = 0; k < 4; k++) {
        sg_model *model = model_of(cases[k][0]);
        sg_loss *loss;
        sg_profile *p;
        OK(sg_loss_new(cases[k][1], &loss));
        assert_int_equal(sg_profile_new(model, loss, NULL, 0, &p), SG_UNDEFINED);
        assert_null(p);
        sg_loss_delete(loss);
        sg_model_delete(model);
    }
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_normal), cmocka_unit_test(test_product),
                                       cmocka_unit_test(test_scaled), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests_name("spectral profiles in the plane", tests, NULL, NULL);
}
