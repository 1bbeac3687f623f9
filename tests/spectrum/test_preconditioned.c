/* Gaps of preconditioned dynamics in several dimensions against closed forms and second methods. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../model.h"
#include "../tier.h"
#include "scoregap/grid.h"
#include "scoregap/spectrum.h"

static double gap_of(const char *text, const char *loss_text) {
    sg_model *model = model_of(text);
    sg_loss *loss;
    sg_gap gap;
    OK(sg_loss_new(loss_text, &loss));
    OK(sg_spectrum_gap(model, loss, NULL, &gap, NULL));
    if (gap.status != SG_OK) fail_msg("%s, %s: %s", text, loss_text, sg_status_name(gap.status));
    sg_loss_delete(loss);
    sg_model_delete(model);
    return gap.gap;
}

static void check(const char *model, const char *loss, double known, double tolerance) {
    const double gap = gap_of(model, loss);
    if (!(fabs(gap / known - 1) <= tolerance)) fail_msg("%s, %s: gap %.15g, known %.15g", model, loss, gap, known);
}

/* ----------------------------------------------------------------- normal laws */

/* L = -(D P x) . grad + tr(D Hess): the linear functions have the eigenvalues of D P, the least of which is the gap. */
static void normal_laws(void **state) {
    (void)state;
    static const char *const full = "gaussian:d=2,rho=0.6,condition=9,axes=turned";
    check(full, "preconditioned:with=matrix", 1, 1e-9);
    check(full, "preconditioned:with=matrix,matrix=hessian", 1, 1e-9);
    check("gaussian:d=2,rho=0.6", "preconditioned:with=matrix,matrix=identity", 1 / 1.6, 1e-9);
    check("gaussian:d=2,rho=0.6", "score-matching", 1 / 1.6, 1e-9);
    check("gaussian:d=3,rho=0.5", "preconditioned:with=matrix", 1, 1e-7);
    check("gaussian:d=3,rho=0.5", "preconditioned:with=matrix,matrix=identity", 0.5, 1e-7);
    /* precisions 2/3 and 2: f(l) l = l/sqrt(l^2 + s^2) */
    check("gaussian:d=2,rho=0.5", "preconditioned:with=riemannian,softness=0.5", 2. / 3 / hypot(2. / 3, 0.5), 1e-9);
}

/* D = [2 .5; .5 1], P = [1 -r; -r 1]/(1 - r^2), r = .6: the least root of x^2 - tr(DP) x + det D det P. */
static void matrix_of_a_file(void **state) {
    (void)state;
    char path[] = "/tmp/scoregap-matrix-XXXXXX", loss[128];
    const char *content = "2,0.5\n0.5,1\n";
    const double r = 0.6, trace = (2 + 1 - 2 * 0.5 * r) / (1 - r * r), determinant = 1.75 / (1 - r * r);
    const int file = mkstemp(path);
    assert_true(file >= 0 && write(file, content, strlen(content)) == (ssize_t)strlen(content));
    close(file);
    snprintf(loss, sizeof loss, "preconditioned:with=matrix,matrix=@%s", path);
    check("gaussian:d=2,rho=0.6", loss, trace / 2 - sqrt(trace * trace / 4 - determinant), 1e-9);
    unlink(path);
}

/* -------------------------------------------------- by a change of coordinates */

/* Plain Langevin for the law of y, x = C y, D = C C^T. */
typedef struct {
    sg_model *model;
    double root[3][3];
} changed;

static void log_p(const void *context, int n, const double *y, double *out) {
    static _Alignas(SG_ALIGN) double x[3 * SG_BLOCK], logp[SG_BLOCK];
    const changed *c = context;
    const int d = c->model->space.d;
    sg_jet jet = {.m = c->model->full, .d = d, .want = SG_LOGP, .logp = logp};
    for (int a = 0; a < d; a++)
        for (int i = 0; i < SG_BLOCK; i++) {
            x[a * SG_BLOCK + i] = 0;
            for (int b = 0; b < d; b++) x[a * SG_BLOCK + i] += c->root[a][b] * y[b * n + (i < n ? i : 0)];
        }
    const sg_block block = {.n = n, .d = d, .draws = 1, .x = x};
    c->model->family->jet(c->model, c->model->truth, &block, &jet);
    memcpy(out, logp, (size_t)n * sizeof *out);
}

/* The covariance of rotated wells is that of the wells (by one-dimensional quadrature) and s^2, turned. */
static void change_coordinates(const char *family, double angle, double h, double s, changed *c) {
    double second = 0, mass = 0;
    for (int i = -40000; i <= 40000; i++) {
        const double u = 1e-4 * i, p = exp(-h * (u * u - 1) * (u * u - 1));
        mass += p, second += p * u * u;
    }
    const double wide = sqrt(second / mass), cosine = cos(angle), sine = sin(angle);
    *c = (changed){.model = model_of(family), .root = {{wide * cosine, -s * sine}, {wide * sine, s * cosine}}};
}

static void constant_matrix_is_a_change_of_coordinates(void **state) {
    (void)state;
    static const double angles[] = {0, 0.4};
    for (int k = 0; k < 2; k++) {
        char text[64];
        const double origin[3] = {0};
        changed c;
        sg_gap gap;
        sg_grid_spectrum spectrum;
        const sg_grid_settings settings = {.count = 1};
        snprintf(text, sizeof text, "rotated-wells:h=3,s=0.3,c=1,angle=%g", angles[k]);
        change_coordinates(text, angles[k], 3, 0.3, &c);
        /* any root of a constant D will do, and D here is that of c = 0: given as a file */
        char path[] = "/tmp/scoregap-matrix-XXXXXX", content[256], loss[128];
        double D[2][2];
        for (int a = 0; a < 2; a++)
            for (int b = 0; b < 2; b++) D[a][b] = c.root[a][0] * c.root[b][0] + c.root[a][1] * c.root[b][1];
        snprintf(content, sizeof content, "%.17g,%.17g\n%.17g,%.17g\n", D[0][0], D[0][1], D[0][1], D[1][1]);
        const int file = mkstemp(path);
        assert_true(file >= 0 && write(file, content, strlen(content)) == (ssize_t)strlen(content));
        close(file);
        sg_grid_problem problem = {.context = &c, .d = 2, .log_p = log_p};
        OK(sg_grid_box(&problem, origin, 60));
        OK(sg_grid_gap(&problem, &settings, &gap, &spectrum));
        snprintf(loss, sizeof loss, "preconditioned:with=matrix,matrix=@%s", path);
        check(text, loss, gap.gap, 2e-8);
        unlink(path);
        sg_model_delete(c.model);
    }
}

/* ----------------------------------------------------------- products and turns */

/*
 * Turned wells without coupling are a product, whose Hessian is diagonal in its axes: the Riemannian gap is the lesser
 * of that of the double well on the line (another solver) and f(1/s^2)/s^2 of the normal law across.
 */
static void riemannian_of_a_product(void **state) {
    (void)state;
    const double softness = 4, h = 1, s = 0.5, across = 1 / (s * s) / hypot(1 / (s * s), softness);
    const double well = gap_of("double-well:h=1", "preconditioned:with=riemannian,softness=4");
    assert_true(h == 1 && well < across);
    check("rotated-wells:h=1", "preconditioned:with=riemannian,softness=4", well, 1e-7);
    check("rotated-wells:h=1,angle=0.5", "preconditioned:with=riemannian,softness=4", well, 1e-7);
}

/* A D that is a function of p turns with it. */
static void functions_of_the_density_turn(void **state) {
    (void)state;
    static const char *const losses[] = {"preconditioned:with=exponential,exponent=0.7",
                                         "preconditioned:with=power,exponent=-0.2"};
    for (int k = 0; k < 2; k++)
        check("rotated-wells:h=2,angle=0.5", losses[k], gap_of("rotated-wells:h=2", losses[k]), 1e-7);
}

/* ------------------------------------------------------------- orthant, interval */

/* exp(-K x) and x^eta exp(-K x) with D = x: Laguerre's operator x f'' + (1 + eta - K x) f', eigenvalues k K; products
 * of them likewise. */
static void laguerre(void **state) {
    (void)state;
    check("exponential", "preconditioned:with=coordinates", 1, 1e-9);
    check("ab-model:d=1,a=0.5,b=0.5,eta=0,diagonal=2", "preconditioned:with=coordinates", 2, 1e-8);
    /* statistics with roots at the faces: minutes in the plane */
    if (second_tier())
        check("ab-model:d=2,a=0.5,b=0,eta=1.5,diagonal=3,coupling=0", "preconditioned:with=coordinates", 3, 1e-7);
}

/* On an interval with D = (x - lo)(hi - x)/(hi - lo) and p constant: Legendre's operator, k(k + 1)/(hi - lo). */
static void legendre(void **state) {
    (void)state;
    check("uniform:lo=-1,hi=2", "preconditioned:with=coordinates", 2. / 3, 1e-9);
}

/* Reflected at the faces: half a normal law has the even functions, from x^2 - 1 on. */
static void reflected(void **state) {
    (void)state;
    check("ab-model:d=1", "score-matching", 2, 1e-9);
    check("ab-model:d=2,coupling=0", "score-matching", 2, 1e-8);
    /* x^2 and y^2 give rise to the same with any diagonal D; the matrix mixes the axes, and is positive definite */
    check("ab-model:d=2,coupling=0", "preconditioned:value=3", 6, 1e-8);
}

/* A cap: the elements on the orthant against the panels on the interval, long enough that its end does not matter. */
static void kinks(void **state) {
    (void)state;
    const double direct = gap_of("ab-model:d=1", "preconditioned:with=coordinates,cap=0.5");
    check("ab-model:d=2,coupling=0", "preconditioned:with=coordinates,cap=0.5", direct, 1e-7);
    /* t = x (1 - x/3000): capped at t = 1/2, x is off by 1e-4 */
    check("truncated-gaussian:lo=0,hi=3000", "preconditioned:with=coordinates,cap=0.5", direct, 1e-3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_laws),
        cmocka_unit_test(matrix_of_a_file),
        cmocka_unit_test(constant_matrix_is_a_change_of_coordinates),
        cmocka_unit_test(riemannian_of_a_product),
        cmocka_unit_test(functions_of_the_density_turn),
        cmocka_unit_test(laguerre),
        cmocka_unit_test(legendre),
        cmocka_unit_test(reflected),
        cmocka_unit_test(kinks),
    };
    return cmocka_run_group_tests_name("gaps with D(x)", tests, NULL, NULL);
}
