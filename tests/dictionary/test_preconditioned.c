/* The diffusion matrices of preconditioned score matching in several dimensions. */
#include "setting.h"

#include <stdlib.h>
#include <unistd.h>

#include "dictionary/constant-matrix.h"
#include "dictionary/diffusion.h"
#include "dictionary/mode.h"

enum { POINTS = 12, MOST = 3, PAIRS = MOST * (MOST + 1) / 2 };

/* ------------------------------------------------------------ pairs that fit */

typedef struct {
    const char *model, *loss;
    double lo, hi;    /* of points that are looked at */
    double tolerance; /* of the divergence against differences of D */
} pair;

/*
 * Differences of D carry eps D/h, h = 1/256, about 1e-13, and h^6 times its seventh derivative; the divergence of
 * riemannian is exact where log p is a polynomial, and otherwise has the differences of Hess log p besides.
 */
static const pair pairs[] = {
    {"gaussian:d=2,rho=0.6", "preconditioned:with=matrix", -2, 2, 1e-12},
    {"gaussian:d=3,rho=0.3,condition=9,axes=turned,free=precision11/precision21/location3",
     "preconditioned:with=matrix,matrix=hessian", -2, 2, 1e-12},
    {"rotated-wells:angle=0.4", "preconditioned:with=matrix", -1, 1, 1e-12},
    {"rotated-wells:angle=0.4,h=1", "preconditioned:with=power,exponent=-0.2", -1, 1, 1e-9},
    {"rotated-wells:d=3,angle=0.4,h=1", "preconditioned:with=exponential,exponent=0.7", -1, 1, 1e-9},
    {"rotated-wells:angle=0.4,h=1", "preconditioned:with=riemannian,softness=8", -1, 1, 1e-9},
    {"rotated-wells:d=3,angle=0.7,h=1,c=1", "preconditioned:with=riemannian,softness=5", -1, 1, 1e-9},
    {"mixture:d=2,m=1.5", "preconditioned:with=riemannian,softness=0.7", -2, 2, 1e-8},
    {"gaussian:d=2,rho=0.6", "preconditioned:with=riemannian,softness=0.1", -2, 2, 1e-10},
    {"gaussian", "preconditioned:with=riemannian,softness=0.1", -2, 2, 1e-10},
    {"ab-model:d=2", "preconditioned:with=coordinates", 0.2, 2, 1e-12},
    {"ab-model:d=3,free=K0-0/K0-1/eta2", "preconditioned:with=coordinates,degree=1.5,cap=0.9", 0.2, 0.9, 1e-9},
    {"ab-model:d=2", "preconditioned:with=coordinates,h=log1p", 0.2, 3, 1e-9},
    {"truncated-gaussian:lo=-1,hi=2", "preconditioned:with=coordinates,degree=2", -0.9, 1.9, 1e-9},
};
enum { COUNT = sizeof pairs / sizeof *pairs };

/* Without nodes of the law, which these losses do not need in their constants. */
static setting open_light(const char *model, const char *loss) {
    setting s = {.model = model_of(model)};
    OK(sg_loss_new(loss, &s.loss));
    OK(sg_loss_fits(s.loss, s.model));
    OK(sg_loss_prepare(s.loss, s.model, NULL, &s.prepared));
    OK(sg_chart_new(s.model, s.model->truth, NULL, &s.chart));
    open_jets(&s);
    return s;
}

static sg_d_shape shape_of(const setting *s) {
    return s->loss->row->shape ? s->loss->row->shape(s->prepared) : SG_D_SCALAR;
}

/* Entry (a, b) at point i of what the row says. */
static double entry(sg_d_shape shape, const double *D, int a, int b, int i) {
    if (shape == SG_D_MATRIX) return D[(a > b ? a * (a + 1) / 2 + b : b * (b + 1) / 2 + a) * B + i];
    return a != b ? 0 : D[(shape == SG_D_DIAGONAL ? a : 0) * B + i];
}

static void draw_points(const pair *p, int d, uint32_t k, double *x) {
    sg_stream stream;
    sg_stream_open(&stream, 70, SG_PURPOSE_TEST, k);
    for (int a = 0; a < d; a++)
        for (int i = 0; i < POINTS; i++) x[a * B + i] = draw_between(&stream, p->lo, p->hi);
}

/* ---------------------------------------------------------------- divergence */

static void check_divergence(const pair *p, uint32_t k) {
    static const double coefficient[] = {45. / 60, -9. / 60, 1. / 60};
    static _Alignas(SG_ALIGN) double x[MOST * B], moved[MOST * B], D[PAIRS * B], div[MOST * B], other[PAIRS * B],
        unused[MOST * B], sum[MOST][POINTS], size[POINTS];
    const double h = 0x1p-8;
    setting s = open_light(p->model, p->loss);
    const int d = s.model->space.d;
    const sg_d_shape shape = shape_of(&s);
    draw_points(p, d, k, x);
    sg_block block = {.n = POINTS, .d = d, .draws = 1, .x = x};
    s.loss->row->diffusion(s.prepared, &block, D, div);
    memset(sum, 0, sizeof sum);
    memset(size, 0, sizeof size);
    block.x = moved;
    for (int a = 0; a < d; a++)
        for (int step = -3; step <= 3; step++) {
            if (step == 0) continue;
            memcpy(moved, x, sizeof moved);
            for (int i = 0; i < POINTS; i++) moved[a * B + i] += step * h;
            s.loss->row->diffusion(s.prepared, &block, other, unused);
            for (int b = 0; b < d; b++)
                for (int i = 0; i < POINTS; i++)
                    sum[b][i] += (step > 0 ? 1 : -1) * coefficient[abs(step) - 1] * entry(shape, other, a, b, i) / h;
        }
    for (int a = 0; a < d; a++)
        for (int i = 0; i < POINTS; i++) size[i] += entry(shape, D, a, a, i) + fabs(div[a * B + i]);
    for (int b = 0; b < d; b++)
        for (int i = 0; i < POINTS; i++)
            if (!(fabs(sum[b][i] - div[b * B + i]) <= p->tolerance * size[i] + 1e-12 * size[i]))
                fail_msg("%s, %s: div D = %.15g, differences give %.15g", p->model, p->loss, div[b * B + i], sum[b][i]);
    close_setting(&s);
}

static void test_divergence(void **state) {
    (void)state;
    for (int k = 0; k < COUNT; k++) check_divergence(pairs + k, (uint32_t)k);
}

/* ------------------------------------------------------------------- the loss */

/* psi, roots, curvature and value written out with sums over a and b. */
static void check_definitions(const pair *p, uint32_t k) {
    static _Alignas(SG_ALIGN) double x[MOST * B], D[PAIRS * B], div[MOST * B];
    setting s = open_light(p->model, p->loss);
    const int d = s.model->space.d, m = s.model->m, rows = d * (d + 1) / 2;
    const sg_d_shape shape = shape_of(&s);
    draw_points(p, d, k, x);
    const sg_block block = {.n = POINTS, .d = d, .draws = 1, .x = x};
    s.loss->row->diffusion(s.prepared, &block, D, div);
    look_at(&s, NULL, POINTS, x);
    for (int i = 0; i < POINTS; i++)
        for (int j = 0; j < m; j++) {
            const double *g = s.jet.dt_dx + j * d * B + i, *h = s.jet.dt_dxx + j * rows * B + i, *t = s.jet.dx + i;
            double psi = 0, size = 0;
            for (int a = 0; a < d; a++) {
                psi += div[a * B + i] * g[a * B];
                size += fabs(div[a * B + i] * g[a * B]);
                for (int b = 0; b < d; b++) {
                    const int at = (a > b ? a * (a + 1) / 2 + b : b * (b + 1) / 2 + a) * B;
                    const double term = entry(shape, D, a, b, i) * (h[at] + t[a * B] * g[b * B]);
                    psi += term;
                    size += fabs(term);
                }
            }
            assert_near(s.datum.psi[j * B + i], psi, 1e-13 * (1 + size));
            for (int l = 0; l <= j; l++) {
                const double *f = s.jet.dt_dx + l * d * B + i;
                double form = 0, roots = 0;
                size = 0;
                for (int a = 0; a < d; a++) {
                    roots += s.datum.root[(j * d + a) * B + i] * s.datum.root[(l * d + a) * B + i];
                    for (int b = 0; b < d; b++) {
                        form += entry(shape, D, a, b, i) * f[a * B] * g[b * B];
                        size += fabs(entry(shape, D, a, b, i) * f[a * B] * g[b * B]);
                    }
                }
                assert_near(roots, form, 1e-12 * (1e-3 + size));
                if (s.model->family->can & SG_LINEAR)
                    assert_near(s.datum.curvature[(j * (j + 1) / 2 + l) * B + i], form, 1e-13 * (1e-3 + size));
            }
        }
    close_setting(&s);
}

static void test_definitions(void **state) {
    (void)state;
    for (int k = 0; k < COUNT; k++) check_definitions(pairs + k, (uint32_t)k);
}

/* ----------------------------------------------------- identities by cubature */

/*
 * E psi = 0 and E psi_j S_k = -H_jk, where integration by parts leaves nothing at the faces: boxes end where D has a
 * kink.  Tolerances are those of the cubature (1e-13 a box, 1e-10 in three dimensions) for integrands that are as
 * smooth as the statistics, relative to the standard deviations.
 */
static void check_identities(const char *model, const char *loss, double tolerance) {
    static _Alignas(SG_ALIGN) double x[MOST * B], weight[B];
    setting s = open_light(model, loss);
    const int m = s.model->m, roots = s.datum.roots;
    double cut[SG_CUTS_MOST], mean[M_MOST] = {0}, score[M_MOST] = {0};
    double square[M_MOST] = {0}, cross[M_MOST][M_MOST] = {{0}}, form[M_MOST][M_MOST] = {{0}}, spread[M_MOST] = {0};
    sg_nodes *nodes;
    OK(sg_nodes_cut(s.model, s.model->truth, 0, sg_loss_cuts(s.loss, s.model, cut), cut, &nodes));
    sg_block block = {.x = x};
    for (int round = 0; round < 2; round++)
        for (long long b = 0; b < sg_nodes_blocks(nodes); b++) {
            sg_nodes_block(nodes, b, &block, weight);
            look_at(&s, NULL, block.n, x);
            for (int j = 0; j < m; j++)
                for (int i = 0; i < block.n; i++) {
                    const double S = s.jet.dt[j * B + i];
                    if (round == 0) {
                        mean[j] += weight[i] * s.datum.psi[j * B + i];
                        square[j] += weight[i] * s.datum.psi[j * B + i] * s.datum.psi[j * B + i];
                        score[j] += weight[i] * S;
                        continue;
                    }
                    spread[j] += weight[i] * (S - score[j]) * (S - score[j]);
                    for (int k = 0; k < m; k++) {
                        cross[k][j] += weight[i] * s.datum.psi[k * B + i] * (S - score[j]);
                        for (int a = 0; a < roots; a++)
                            form[k][j] += weight[i] * s.datum.root[(k * roots + a) * B + i] *
                                          s.datum.root[(j * roots + a) * B + i];
                    }
                }
        }
    for (int j = 0; j < m; j++) {
        if (!(fabs(mean[j]) <= tolerance * sqrt(square[j])))
            fail_msg("%s, %s: E psi = %g, of standard deviation %g", model, loss, mean[j], sqrt(square[j]));
        for (int k = 0; k < m; k++)
            if (!(fabs(cross[k][j] + form[k][j]) <= tolerance * sqrt(square[k] * spread[j])))
                fail_msg("%s, %s: E psi S = %.15g, H = %.15g", model, loss, cross[k][j], form[k][j]);
    }
    sg_nodes_delete(nodes);
    close_setting(&s);
}

static void test_identities(void **state) {
    (void)state;
    check_identities("gaussian:d=2,rho=0.6", "preconditioned:with=matrix", 1e-11);
    check_identities("gaussian:d=2,rho=0.6", "preconditioned:with=matrix,matrix=hessian", 1e-11);
    check_identities("rotated-wells:angle=0.4,h=2", "preconditioned:with=matrix", 1e-11);
    check_identities("rotated-wells:angle=0.4,h=1", "preconditioned:with=power,exponent=-0.2", 1e-10);
    check_identities("rotated-wells:angle=0.4,h=1", "preconditioned:with=exponential", 1e-10);
    check_identities("rotated-wells:d=3,angle=0.4,h=1", "preconditioned:with=matrix", 1e-8);
    check_identities("rotated-wells:angle=0.4,h=1", "preconditioned:with=riemannian,softness=8", 1e-8);
    check_identities("ab-model:d=2", "preconditioned:with=coordinates", 1e-10);
    check_identities("ab-model:d=2", "preconditioned:with=coordinates,cap=0.7", 1e-10);
    check_identities("ab-model:d=2", "preconditioned:with=coordinates,degree=2", 1e-10);
    check_identities("ab-model:d=2", "preconditioned:with=coordinates,h=log1p,cap=0.5", 1e-10);
    check_identities("ab-model:d=1", "preconditioned:with=coordinates,degree=3", 1e-11);
    check_identities("truncated-gaussian:lo=-1,hi=2", "preconditioned:with=coordinates,cap=0.4", 1e-11);
}

/* --------------------------------------------------------------- the matrices */

/* Equal correlations rho: C_aa = 1, C_ab = rho; by cubature in three dimensions, 1e-10 a box. */
static void test_covariance_and_hessian(void **state) {
    (void)state;
    static const char *const names[] = {"covariance", "hessian"};
    for (int d = 2; d <= 3; d++)
        for (int k = 0; k < 2; k++) {
            char text[64];
            double D[MOST * MOST];
            snprintf(text, sizeof text, "gaussian:d=%d,rho=0.3", d);
            sg_model *model = model_of(text);
            OK(sg_constant_matrix(names[k], model, model->truth, D));
            for (int a = 0; a < d; a++)
                for (int b = 0; b < d; b++)
                    assert_near(D[a + b * d], a == b ? 1 : 0.3, d == 3 && k == 0 ? 1e-9 : 1e-12);
            sg_model_delete(model);
        }
}

/* In one dimension the curvature of the double well at its wells is 8 h: the mode is off the landmark of the barrier.
 */
static void test_mode(void **state) {
    (void)state;
    double x[MOST], logp, curvature[MOST * MOST], width[MOST];
    sg_model *model = model_of("double-well:h=5");
    OK(sg_mode_find(model, model->truth, x, &logp, curvature));
    assert_near(fabs(x[0]), 1, 1e-12);
    assert_near(logp, 5, 1e-12);
    assert_near(curvature[0], 40, 1e-9);
    sg_model_delete(model);
    model = model_of("rotated-wells:d=3,angle=0.5,h=2");
    OK(sg_mode_find(model, model->truth, x, NULL, NULL));
    assert_near(x[0] * x[0] + x[1] * x[1] + x[2] * x[2], 1, 1e-11);
    assert_near(fabs(x[0]), cos(0.5), 1e-11);
    OK(sg_mode_widths(model, model->truth, width));
    for (int a = 0; a < 3; a++) assert_true(width[a] > 0.01 && width[a] < 2);
    sg_model_delete(model);
    model = model_of("ab-model:d=2"); /* highest at the corner of the orthant */
    assert_int_equal(sg_mode_find(model, model->truth, x, NULL, NULL), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "was found inside its space"));
    sg_model_delete(model);
}

static sg_status read_matrix(const char *content, int d, double *D) {
    char path[] = "/tmp/scoregap-matrix-XXXXXX", name[64], model_text[32];
    const int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, content, strlen(content)), strlen(content));
    close(file);
    snprintf(name, sizeof name, "@%s", path);
    snprintf(model_text, sizeof model_text, "gaussian:d=%d", d);
    sg_model *model = model_of(model_text);
    sg_status status = sg_constant_matrix(name, model, model->truth, D);
    sg_model_delete(model);
    unlink(path);
    return status;
}

static void check_file(const char *content, const char *message) {
    double D[4];
    assert_int_equal(read_matrix(content, 2, D), SG_BAD_DATA);
    if (!strstr(sg_message(), message)) fail_msg("'%s' does not say '%s'", sg_message(), message);
}

static void test_matrix_file(void **state) {
    (void)state;
    double D[9];
    const double known[9] = {2, 0.5, 0, 0.5, 1, -0.25, 0, -0.25, 3};
    OK(read_matrix("# a matrix\n2, 0.5,0\n\n0.5,1,-.25 # and\r\n0,-2.5e-1,3\n", 3, D));
    assert_memory_equal(D, known, sizeof known);
    check_file("1,0\n0,x\n", "line 2: 'x' is no number");
    check_file("1,0\n0,1,2\n", "line 2: there are 3 numbers: it must have 2");
    check_file("1,0\n", "has 1 lines: the law has 2 coordinates, so it must have 2");
    check_file("1,0\n0,1\n1,1\n", "has 3 lines");
    check_file("1,0.5\n0.25,1\n", "is not symmetric: 0.5 and 0.25 in rows 1 and 2");
    check_file("1,0\n0,-1\n", "is not positive definite: it has -1 on its diagonal");
    check_file("1,2\n2,1\n", "is not positive definite: its eigenvalues go from -1 to 3");
    sg_model *model = model_of("gaussian:d=2");
    assert_int_equal(sg_constant_matrix("@/nowhere", model, model->truth, D), SG_CANNOT_READ);
    sg_model_delete(model);
}

/* D = |H|^-1 for a normal law as softness falls; softened, sqrt(l^2 + s^2) in place of l. */
static void test_riemannian_of_a_normal_law(void **state) {
    (void)state;
    static _Alignas(SG_ALIGN) double x[MOST * B] = {0.3}, D[PAIRS * B], div[MOST * B];
    setting s = open_light("gaussian:d=2,rho=0.5", "preconditioned:with=riemannian,softness=0.5");
    const sg_block block = {.n = 1, .d = 2, .draws = 1, .x = x};
    s.loss->row->diffusion(s.prepared, &block, D, div);
    const double slow = 1 / hypot(2. / 3, 0.5), fast = 1 / hypot(2, 0.5); /* precisions along (1,1) and (1,-1) */
    assert_near(D[0], (slow + fast) / 2, 1e-14);
    assert_near(D[B], (slow - fast) / 2, 1e-14);
    assert_near(D[2 * B], (slow + fast) / 2, 1e-14);
    for (int a = 0; a < 2; a++) assert_near(div[a * B], 0, 1e-11);
    close_setting(&s);
}

/* 1/t = 1/(x - lo) + 1/(hi - x); the cap, and where it is reached. */
static void test_coordinates_by_hand(void **state) {
    (void)state;
    _Alignas(SG_ALIGN) double x[B] = {0.5, 1, 2.5}, D[B], div[B];
    double at[SG_CUTS_MOST];
    setting s = open_light("truncated-gaussian:lo=0,hi=3", "preconditioned:with=coordinates,cap=0.6");
    const sg_block block = {.n = 3, .d = 1, .draws = 1, .x = x};
    s.loss->row->diffusion(s.prepared, &block, D, div);
    assert_near(D[0], 0.5 * 2.5 / 3, 1e-15);
    assert_near(div[0], 2. / 3, 1e-15);
    assert_near(D[1], 0.6, 1e-15);
    assert_near(div[1], 0, 0);
    assert_near(D[2], 0.5 * 2.5 / 3, 1e-15);
    assert_near(div[2], -2. / 3, 1e-15);
    assert_int_equal(sg_loss_cuts(s.loss, s.model, at), 2);
    for (int k = 0; k < 2; k++) assert_near(at[k] * (3 - at[k]) / 3, 0.6, 1e-15);
    close_setting(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_divergence),
        cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_identities),
        cmocka_unit_test(test_covariance_and_hessian),
        cmocka_unit_test(test_mode),
        cmocka_unit_test(test_matrix_file),
        cmocka_unit_test(test_riemannian_of_a_normal_law),
        cmocka_unit_test(test_coordinates_by_hand),
    };
    return cmocka_run_group_tests_name("preconditioners", tests, NULL, NULL);
}
