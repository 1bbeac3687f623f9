/*
 * Laws that are round about a line: which models are taken for such, the rules across the line against moments of the
 * chi-square law, and nodes against moments of the law.
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
#include "family/round.h"

static void near(const char *what, double value, double expected, double size) {
    if (!(fabs(value - expected) <= 1e-13 * size)) fail_msg("%s is %.17g, expected %.17g", what, value, expected);
}

static void rules_are_exact(void **state) {
    (void)state;
    for (int n = 1; n < SG_NORMALS_D; n++) {
        const sg_round_rule rule = sg_round_rule_of(n);
        double mass = 0, a = 0, a2 = 0, q = 0, aq = 0, q2 = 0;
        for (int k = 0; k < SG_ROUND_POINTS; k++) {
            const double along = rule.along[k], square = along * along + rule.beside[k] * rule.beside[k];
            assert_true(rule.mass[k] > 0 && rule.beside[k] >= 0);
            mass += rule.mass[k];
            a += rule.mass[k] * along;
            a2 += rule.mass[k] * along * along;
            q += rule.mass[k] * square;
            aq += rule.mass[k] * along * square;
            q2 += rule.mass[k] * square * square;
        }
        near("the mass", mass, 1, 1);
        near("E a", a, 0, 1);
        near("E a^2", a2, 1, 1);
        near("E q", q, n, n);
        near("E aq", aq, 0, n);
        near("E q^2", q2, n * n + 2 * n, n * n);
        if (n == 1)
            for (int k = 0; k < SG_ROUND_POINTS; k++) assert_true(rule.beside[k] == 0);
    }
}

/* ------------------------------------------------------------------ which are round */

static const struct {
    const char *model;
    int d; /* 0: not round */
} cases[] = {
    {"mixture:m=1", 0}, /* d = 1 */
    {"mixture:d=2,m=1", 2},
    {"mixture:d=32,m=1,w=0.2", 32},
    {"mixture:d=8,m=1,free=mu1_1/mu2_1", 8},
    {"mixture:d=8,m=1,free=w/mu1_1", 8},
    {"mixture:d=8,m=1,free=w/mu1_2", 0},
    {"mixture:d=2,m=1,free=means", 0},
    {"gaussian:d=3", 0},
    {"gaussian-mixture:d=3,k=3,means=0/0/0/1/2/2/-2/-4/-4,sd=0.5,free=weights", 3},
    {"gaussian-mixture:d=3,k=3,means=0/0/0/1/2/2/-2/-4/-4,sd=0.5/1/0.5,free=weights", 0},
    {"gaussian-mixture:d=3,k=3,means=0/0/0/1/2/2/-2/-4/-4,correlation=0.1,free=weights", 0},
    {"gaussian-mixture:d=3,k=3,means=0/0/0/1/2/2/-2/-4/-4,free=w1/mu2_1", 0}, /* along an axis, not the line */
    {"gaussian-mixture:d=2,k=3,free=weights", 0},                             /* a triangle */
    {"gaussian-mixture:d=2,k=2,free=weights", 2},
};
enum { CASES = sizeof cases / sizeof *cases };

static double dot(int d, const double *x, const double *y) {
    double sum = 0;
    for (int a = 0; a < d; a++) sum += x[a] * y[a];
    return sum;
}

static void round_laws_are_known(void **state) {
    (void)state;
    for (int c = 0; c < CASES; c++) {
        sg_model *model = model_of(cases[c].model);
        sg_round r;
        OK(sg_round_of(model, model->truth, &r));
        if (r.d != cases[c].d) fail_msg("%s: d is %d, expected %d", cases[c].model, r.d, cases[c].d);
        if (r.d) {
            near("|axis|", dot(r.d, r.axis, r.axis), 1, 1);
            near("|across|", dot(r.d, r.across[0], r.across[0]), 1, 1);
            near("axis . across", dot(r.d, r.axis, r.across[0]), 0, 1);
            near("|second|", dot(r.d, r.across[1], r.across[1]), r.d > 2, 1);
            near("axis . second", dot(r.d, r.axis, r.across[1]), 0, 1);
            near("across . second", dot(r.d, r.across[0], r.across[1]), 0, 1);
        }
        sg_model_delete(model);
    }
}

/* ------------------------------------------------------------------------ nodes */

/* E u^k of normals on the line, k = 1, 2, 3, and E cos u. */
static void line_moments(const sg_round *r, double expected[4]) {
    const double v = r->variance;
    memset(expected, 0, 4 * sizeof *expected);
    for (int k = 0; k < r->count; k++) {
        const double w = r->weight[k], u = r->place[k];
        expected[0] += w * u;
        expected[1] += w * (u * u + v);
        expected[2] += w * (u * u * u + 3 * u * v);
        expected[3] += w * cos(u) * exp(-v / 2);
    }
}

/* Up to |y|^4, and products with functions of u, which is independent of y. */
static void check_nodes(const char *text, int level) {
    sg_model *model = model_of(text);
    sg_nodes *nodes = NULL;
    sg_round r;
    double x[SG_NORMALS_D], moment[4][3] = {{0}}, expected[4];
    OK(sg_round_of(model, model->truth, &r));
    OK(sg_nodes_round(model, model->truth, 60, level, &nodes));
    assert_non_null(nodes);
    for (long long i = 0; i < nodes->n; i++) {
        for (int a = 0; a < r.d; a++) x[a] = nodes->x[a * nodes->n + i] - r.origin[a];
        const double u = dot(r.d, x, r.axis), y2 = dot(r.d, x, x) - u * u, f[4] = {u, u * u, u * u * u, cos(u)};
        for (int k = 0; k < 4; k++)
            for (int p = 0; p < 3; p++) moment[k][p] += nodes->mass[i] * f[k] * pow(y2, p);
    }
    line_moments(&r, expected);
    const double n = r.d - 1, v = r.variance, across[3] = {1, n * v, (n * n + 2 * n) * v * v};
    for (int k = 0; k < 4; k++)
        for (int p = 0; p < 3; p++) {
            const double size = 100 * (1 + expected[1]) * (1 + fabs(expected[k])) * across[p];
            if (!(fabs(moment[k][p] - expected[k] * across[p]) <= 1e-14 * size))
                fail_msg("%s: moment %d of u times |y|^%d is %.17g, expected %.17g", text, k, 2 * p, moment[k][p],
                         expected[k] * across[p]);
        }
    sg_nodes_delete(nodes);
    sg_model_delete(model);
}

/* log p at the nodes is that of the jet. */
static void check_density(const char *text) {
    sg_model *model = model_of(text);
    sg_nodes *nodes = NULL;
    sg_arena *arena = NULL;
    sg_jet jet;
    const int d = model->space.d;
    const size_t bytes = (size_t)d * SG_BLOCK * sizeof(double);
    double weight[SG_BLOCK];
    OK(sg_nodes_round(model, model->truth, 60, 0, &nodes));
    OK(sg_arena_new(bytes + sg_jet_bytes(model->full, d, SG_LOGP), &arena));
    OK(sg_jet_take(arena, model->full, d, SG_LOGP, &jet));
    sg_block block = {.x = sg_arena_take(arena, bytes / sizeof(double), sizeof(double))};
    for (long long b = 0; b < sg_nodes_blocks(nodes); b++) {
        sg_nodes_block(nodes, b, &block, weight);
        model->family->jet(model, model->truth, &block, &jet);
        for (int i = 0; i < block.n; i++) near("log p", sg_nodes_logp(nodes)[b * SG_BLOCK + i], jet.logp[i], 1e2);
    }
    sg_arena_delete(arena);
    sg_nodes_delete(nodes);
    sg_model_delete(model);
}

static void nodes_are_exact(void **state) {
    (void)state;
    for (int c = 0; c < CASES; c++)
        if (cases[c].d) {
            for (int level = 0; level < 2; level++) check_nodes(cases[c].model, level);
            check_density(cases[c].model);
        }
}

static void others_have_no_such_nodes(void **state) {
    (void)state;
    sg_model *model = model_of("mixture:d=2,m=1,free=means");
    sg_nodes *nodes = (sg_nodes *)1;
    OK(sg_nodes_round(model, model->truth, 60, 0, &nodes));
    assert_null(nodes);
    sg_model_delete(model);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_exact),
        cmocka_unit_test(round_laws_are_known),
        cmocka_unit_test(nodes_are_exact),
        cmocka_unit_test(others_have_no_such_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
