/*
 * Gaps of the cluster processes.  Swendsen-Wang: the exact spectrum on trees, where the products of neighbours are
 * independent chains with eigenvalues 1 and (1 - exp(-2|J|))/2; elsewhere the process seen from the bonds, which has
 * the same spectrum but for zeros and is set up here from its definition.  Wolff: the matrix of all states, from the
 * definition as well.  Two numbers of the ring by another program (numpy).
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
#include "scoregap/spectrum.h"

enum { NODES = 8, BONDS = 9 };

static sg_model *model_of(const char *text) {
    char copy[256];
    sg_pair pairs[8];
    int count = 0;
    sg_model *model;
    snprintf(copy, sizeof copy, "ising,%s", text);
    OK(sg_pairs_split(copy + 6, 8, pairs, &count));
    OK(sg_model_new("ising", count, pairs, &model));
    return model;
}

static sg_gap gap_of(const sg_model *model, const char *row, sg_eigenvalues *values) {
    sg_loss *loss;
    sg_gap gap;
    OK(sg_loss_new(row, &loss));
    OK(sg_loss_runs(loss, model));
    OK(sg_spectrum_gap(model, loss, NULL, &gap, values));
    sg_loss_delete(loss);
    return gap;
}

static void check_value(const char *what, const sg_gap *gap, double exact, double tolerance) {
    if (gap->status != SG_OK) fail_msg("%s: %s: %s", what, sg_status_name(gap->status), gap->message);
    if (!(fabs(gap->gap / exact - 1) < tolerance)) fail_msg("%s: gap %.17g, exact %.17g", what, gap->gap, exact);
    if (!(gap->gap_lower <= exact * (1 + 1e-15) && exact <= gap->gap_upper * (1 + 1e-15)))
        fail_msg("%s: [%.17g, %.17g] without %.17g", what, gap->gap_lower, gap->gap_upper, exact);
    assert_true(gap->relaxation_time == 1 / gap->gap && !gap->irreversible);
}

/* (1 + exp(-2 beta))/2 on any tree without a field; with signs, by a change of signs, the same. */
static void trees(void **state) {
    static const char *const shapes[] = {"graph=path,n=2",
                                         "graph=path,n=7",
                                         "graph=path,n=11",
                                         "graph=tree,n=9",
                                         "graph=tree,n=8,degree=7",
                                         "graph=tree,n=10,degree=4",
                                         "graph=path,n=6,couplings=pm"};
    static const double betas[] = {0, 0.1, 0.6, 1, 2.5, 20};
    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (size_t b = 0; b < sizeof betas / sizeof *betas; b++) {
            char text[128];
            snprintf(text, sizeof text, "%s,free=tied,beta=%.17g", shapes[s], betas[b]);
            sg_model *model = model_of(text);
            const sg_gap gap = gap_of(model, "swendsen-wang", NULL);
            check_value(text, &gap, (1 + exp(-2 * betas[b])) / 2, 1e-12);
            sg_model_delete(model);
        }
}

static double largest(const double *v, int n) {
    double most = 0;
    for (int k = 0; k < n; k++) most = fmax(most, fabs(v[k]));
    return most;
}

/* Unequal couplings: the largest decides.  One field, or free sites with fields: a tree with the ghost. */
static void trees_of_unequal_couplings(void **state) {
    (void)state;
    for (int seed = 1; seed <= 6; seed++) {
        static const double fields[][3] = {{0, 0, 0}, {0.9, 0, 0}, {0, 0, -1.7}};
        for (int f = 0; f < 3; f++) {
            double theta[5];
            char text[64];
            snprintf(text, sizeof text, "graph=path,n=3,couplings=gauss,coupling-seed=%d", seed);
            sg_model *model = model_of(text);
            memcpy(theta, model->truth, 2 * sizeof(double));
            memcpy(theta + 2, fields[f], 3 * sizeof(double));
            OK(sg_model_set_truth(model, 5, theta));
            const sg_gap gap = gap_of(model, "swendsen-wang", NULL);
            check_value(text, &gap, (1 + exp(-2 * largest(theta, 5))) / 2, 1e-13);
            sg_model_delete(model);
        }
    }
    sg_model *model = model_of("graph=path,n=4,beta=0");
    const double theta[] = {0, 0, 0, 0.3, -0.8, 0.1, 0.5};
    OK(sg_model_set_truth(model, 7, theta));
    const sg_gap gap = gap_of(model, "swendsen-wang", NULL);
    check_value("free sites", &gap, (1 + exp(-1.6)) / 2, 1e-13);
    sg_model_delete(model);
}

/* All 2^n - 1 of them: products over sets of edges, and as many zeros of P. */
static void spectrum_of_a_path(void **state) {
    sg_eigenvalues *values;
    const double half = (1 - exp(-2 * 0.8)) / 2;
    static const int edges[] = {1, 1, 1, 2, 2, 2, 3};
    (void)state;
    sg_model *model = model_of("graph=path,n=4,beta=0.8");
    OK(sg_eigenvalues_new(40, &values));
    const sg_gap gap = gap_of(model, "swendsen-wang", values);
    assert_int_equal(values->count, 15);
    assert_true(values->log_value[0] == gap.log10_gap * M_LN10 || fabs(exp(values->log_value[0]) - gap.gap) < 1e-15);
    for (int k = 0; k < 15; k++) {
        const double exact = k < 7 ? 1 - pow(half, edges[k]) : 1, found = exp(values->log_value[k]);
        if (!(fabs(found - exact) < 1e-14)) fail_msg("eigenvalue %d: %.17g, exact %.17g", k, found, exact);
        assert_true(values->error[k] > 0 && values->error[k] < 1e-12);
    }
    sg_eigenvalues_delete(values);
    sg_model_delete(model);
}

/* The first ones by Lanczos' method, some of them double. */
static void first_of_many(void **state) {
    sg_eigenvalues *values;
    double theta[21] = {0};
    (void)state;
    sg_model *model = model_of("graph=path,n=11,beta=1");
    for (int e = 0; e < 10; e++) theta[e] = 0.2 * (1 + e / 2); /* pairs of equal couplings */
    OK(sg_model_set_truth(model, 21, theta));
    OK(sg_eigenvalues_new(4, &values));
    const sg_gap gap = gap_of(model, "swendsen-wang", values);
    check_value("a path of 11", &gap, (1 + exp(-2)) / 2, 1e-12);
    assert_int_equal(values->count, 4);
    for (int k = 0; k < 4; k++) {
        const double exact = (1 + exp(k < 2 ? -2 : -1.6)) / 2, found = exp(values->log_value[k]);
        if (!(fabs(found - exact) < 1e-10)) fail_msg("eigenvalue %d: %.17g, exact %.17g", k, found, exact);
    }
    sg_eigenvalues_delete(values);
    sg_model_delete(model);
}

/* -------------------------------------------- processes from their definitions */

typedef struct {
    int n, bonds, i[BONDS], j[BONDS]; /* node n is the ghost, at +1 */
    double J[BONDS];
} bond_list;

static bond_list bonds_of(const sg_model *model) {
    bond_list l = {.n = model->space.d};
    sg_pairs pairs;
    OK(model->family->pairs(model, model->truth, &pairs));
    for (int k = 0; k < pairs.edges + pairs.n; k++) {
        const bool edge = k < pairs.edges;
        const double J = edge ? pairs.J[k] : pairs.field[k - pairs.edges];
        if (J == 0) continue;
        assert_true(l.bonds < BONDS);
        l.i[l.bonds] = edge ? pairs.i[k] : k - pairs.edges;
        l.j[l.bonds] = edge ? pairs.j[k] : pairs.n;
        l.J[l.bonds++] = J;
    }
    sg_pairs_free(&pairs);
    return l;
}

static double chance(const bond_list *l, int e, int state) {
    const int a = state >> l->i[e] & 1, b = l->j[e] == l->n ? 1 : state >> l->j[e] & 1;
    return (a == b) == (l->J[e] > 0) ? 1 - exp(-2 * fabs(l->J[e])) : 0;
}

/* Second largest eigenvalue of D^{1/2} P D^{-1/2}, law D of a reversible P [n,n] row-major; the smallest in *least. */
static double second_of(int n, const double *P, const double *law, double *least) {
    double *a = malloc((size_t)n * (size_t)n * sizeof *a), *value = malloc((size_t)n * sizeof *value);
    int m = 0, *at = malloc((size_t)n * sizeof *at);
    assert_true(a && value && at);
    for (int x = 0; x < n; x++)
        if (law[x] > 0) at[m++] = x;
    for (int x = 0; x < m; x++)
        for (int y = 0; y < m; y++) {
            const double r = sqrt(law[at[x]] / law[at[y]]), here = P[at[x] * n + at[y]] * r,
                         back = P[at[y] * n + at[x]] / r;
            assert_true(fabs(here - back) < 1e-12); /* reversible */
            a[x + y * m] = 0.5 * (here + back);
        }
    OK(sg_symmetric_eigen(m, a, value, NULL));
    const double second = value[m - 2];
    assert_true(fabs(value[m - 1] - 1) < 1e-12);
    if (least) *least = value[0];
    free(a);
    free(value);
    free(at);
    return second;
}

typedef struct {
    int sets, states;
    double *joint; /* [sets][states] of open bonds and state */
} joint_law;

static joint_law joint_of(const sg_model *model, const bond_list *l) {
    joint_law q = {.sets = 1 << l->bonds, .states = 1 << l->n};
    double log_p[1 << NODES], total = 0;
    q.joint = malloc((size_t)q.sets * (size_t)q.states * sizeof *q.joint);
    assert_non_null(q.joint);
    model->family->states(model, model->truth, 0, q.states, log_p);
    for (int x = 0; x < q.states; x++) total += exp(log_p[x]);
    for (int open = 0; open < q.sets; open++)
        for (int x = 0; x < q.states; x++) {
            double mass = exp(log_p[x]) / total;
            for (int e = 0; e < l->bonds; e++) mass *= open >> e & 1 ? chance(l, e, x) : 1 - chance(l, e, x);
            q.joint[open * q.states + x] = mass;
        }
    return q;
}

/*
 * The process of the bonds: a state given the bonds, then the bonds given the state, all of them (Swendsen-Wang) or one
 * of them chosen uniformly (single bonds).
 */
static double second_of_bonds(const bond_list *l, const joint_law *q, bool single) {
    double *P = calloc((size_t)q->sets * (size_t)q->sets, sizeof *P), *law = calloc((size_t)q->sets, sizeof *law);
    assert_true(P && law);
    for (int open = 0; open < q->sets; open++)
        for (int x = 0; x < q->states; x++) law[open] += q->joint[open * q->states + x];
    for (int open = 0; open < q->sets; open++)
        for (int x = 0; x < q->states; x++) {
            const double mass = q->joint[open * q->states + x] / law[open];
            if (!(mass > 0)) continue;
            for (int e = 0; e < l->bonds && single; e++)
                for (int to = 0; to < 2; to++) {
                    const int next = (open & ~(1 << e)) | to << e;
                    P[open * q->sets + next] += mass / l->bonds * (to ? chance(l, e, x) : 1 - chance(l, e, x));
                }
            for (int next = 0; next < q->sets && !single; next++) {
                double share = mass;
                for (int e = 0; e < l->bonds; e++) share *= next >> e & 1 ? chance(l, e, x) : 1 - chance(l, e, x);
                P[open * q->sets + next] += share;
            }
        }
    const double second = second_of(q->sets, P, law, NULL);
    free(P);
    free(law);
    return second;
}

static uint32_t cluster_of(const bond_list *l, int open, int seed) {
    uint32_t inside = UINT32_C(1) << seed;
    for (uint32_t before = 0; before != inside;) {
        before = inside;
        for (int e = 0; e < l->bonds; e++)
            if ((open >> e & 1) && (inside >> l->i[e] & 1) != (inside >> l->j[e] & 1))
                inside |= UINT32_C(1) << l->i[e] | UINT32_C(1) << l->j[e];
    }
    return inside;
}

static double second_of_wolff(const bond_list *l, const joint_law *q, double *least) {
    double *P = calloc((size_t)q->states * (size_t)q->states, sizeof *P), *law = calloc((size_t)q->states, sizeof *law);
    assert_true(P && law);
    for (int x = 0; x < q->states; x++)
        for (int open = 0; open < q->sets; open++) law[x] += q->joint[open * q->states + x];
    for (int x = 0; x < q->states; x++)
        for (int open = 0; open < q->sets; open++)
            for (int seed = 0; seed < l->n; seed++) {
                const uint32_t cluster = cluster_of(l, open, seed);
                const int y = cluster >> l->n & 1 ? x : (int)((uint32_t)x ^ cluster);
                P[x * q->states + y] += q->joint[open * q->states + x] / law[x] / l->n;
            }
    const double second = second_of(q->states, P, law, least);
    free(P);
    free(law);
    return second;
}

static sg_model *random_model(const char *text, bool fields, double size, uint32_t number) {
    sg_model *model = model_of(text);
    double theta[32], z[32];
    sg_stream stream;
    sg_stream_open(&stream, 6, SG_PURPOSE_TEST, number);
    sg_stream_normal(&stream, 32, z);
    for (int k = 0; k < model->full; k++) theta[k] = k < model->full - model->space.d || fields ? size * z[k] : 0;
    OK(sg_model_set_truth(model, model->full, theta));
    return model;
}

/*
 * Couplings and fields of both signs.  The gap of single bonds is at most that of Swendsen-Wang (Ullrich 2014): given
 * the state bonds are independent, so that to draw all of them is a product of commuting projections, at most each one.
 */
static void against_definitions(void **state) {
    static const struct {
        const char *text;
        bool fields;
    } list[] = {{"n=4", false},
                {"n=4", true},
                {"graph=complete,n=4", false},
                {"graph=complete,n=3", true},
                {"graph=path,n=4", true},
                {"graph=regular,n=6", false},
                {"graph=bipartite,n=5", false},
                {"graph=path,n=1", true}};
    static const double sizes[] = {0.3, 1, 2};
    uint32_t number = 0;
    (void)state;
    for (size_t k = 0; k < sizeof list / sizeof *list; k++)
        for (int s = 0; s < 3; s++, number++) {
            char what[64];
            double least;
            sg_model *model = random_model(list[k].text, list[k].fields, sizes[s], number);
            const bond_list l = bonds_of(model);
            const joint_law q = joint_of(model, &l);
            const sg_gap all = gap_of(model, "swendsen-wang", NULL), one = gap_of(model, "wolff", NULL);
            snprintf(what, sizeof what, "%s, size %g", list[k].text, sizes[s]);
            check_value(what, &all, 1 - second_of_bonds(&l, &q, false), 1e-9);
            check_value(what, &one, 1 - second_of_wolff(&l, &q, &least), 1e-9);
            assert_true(all.gap * (1 + 1e-12) >= 1 - second_of_bonds(&l, &q, true));
            double told = 1;
            const char *at = strstr(one.message, "smallest eigenvalue is ");
            if (at) told = atof(at + strlen("smallest eigenvalue is "));
            assert_true(at ? fabs(told - least) < 1e-8 : least > -2e-9);
            free(q.joint);
            sg_model_delete(model);
        }
}

/* Rings of 10: numpy, from the sum over all states of the bonds.  Free sites: one of them turned, eigenvalues 1 - 2k/n.
 */
static void wolff_by_lanczos(void **state) {
    sg_eigenvalues *values;
    (void)state;
    sg_model *ring = model_of("n=10,beta=0.6"), *free_sites = model_of("n=10,beta=0");
    const sg_gap all = gap_of(ring, "swendsen-wang", NULL), one = gap_of(ring, "wolff", NULL);
    check_value("ring", &all, 0.639349573203632, 1e-12);
    check_value("ring", &one, 0.335340742476116, 1e-12);
    assert_non_null(strstr(one.message, "smallest eigenvalue is -0.246107"));
    assert_null(strstr(all.message, "smallest"));
    OK(sg_eigenvalues_new(10, &values));
    const sg_gap free_gap = gap_of(free_sites, "wolff", values);
    check_value("free sites", &free_gap, 0.2, 1e-10);
    assert_non_null(
        strstr(free_gap.message, "smallest eigenvalue is -1, and the absolute gap, 1 - max |lambda|, is 0"));
    for (int k = 0; k < 10; k++) assert_true(fabs(exp(values->log_value[k]) - 0.2) < 1e-9);
    sg_eigenvalues_delete(values);
    sg_model_delete(ring);
    sg_model_delete(free_sites);
}

/* Deep frustration: the gap is below the rounding of P, which is said. */
static void not_certified(void **state) {
    static const double theta[] = {20, 20, 20, 20, -20, 0, 0, 0, 0, 0};
    (void)state;
    sg_model *model = model_of("n=5");
    OK(sg_model_set_truth(model, 10, theta));
    const sg_gap gap = gap_of(model, "swendsen-wang", NULL);
    if (gap.status == SG_OK) fail_msg("gap %g", gap.gap);
    assert_int_equal(gap.status, SG_UNCERTIFIED);
    assert_true(isnan(gap.gap) && gap.gap_lower == 0 && gap.gap_upper > 0 && gap.gap_upper < 1e-10);
    sg_model_delete(model);
}

static void what_is_refused(void **state) {
    sg_model *large = model_of("n=14"), *wide = model_of("n=5,beta=300");
    sg_loss *loss;
    sg_gap gap;
    const sg_spectrum_settings little = {.memory = 1 << 12};
    (void)state;
    OK(sg_loss_new("wolff", &loss));
    assert_int_equal(sg_spectrum_gap(large, loss, NULL, &gap, NULL), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "at most 13 sites"));
    assert_int_equal(sg_spectrum_gap(wide, loss, NULL, &gap, NULL), SG_OUT_OF_RANGE);
    assert_int_equal(sg_spectrum_gap(wide, loss, &little, &gap, NULL), SG_NO_MEMORY);
    const long live = sg_memory_live();
    for (long k = 1; k < 14; k++) {
        sg_memory_fail_after(k);
        assert_int_equal(sg_spectrum_gap(wide, loss, NULL, &gap, NULL) == SG_OK, false);
        sg_memory_fail_after(0);
        assert_int_equal(sg_memory_live(), live);
    }
    sg_loss_delete(loss);
    sg_model_delete(large);
    sg_model_delete(wide);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees),
        cmocka_unit_test(trees_of_unequal_couplings),
        cmocka_unit_test(spectrum_of_a_path),
        cmocka_unit_test(first_of_many),
        cmocka_unit_test(against_definitions),
        cmocka_unit_test(wolff_by_lanczos),
        cmocka_unit_test(not_certified),
        cmocka_unit_test(what_is_refused),
    };
    gsl_set_error_handler_off();
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
