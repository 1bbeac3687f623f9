/*
 * Swendsen-Wang and Wolff: the kernel against the sum over all states of the bonds, the steps against the kernel, the
 * law they keep.  Chi-square tests at five standard deviations (3e-7 each, by Wilson and Hilferty's normal
 * approximation), cells of fewer than 10 expected counts joined; means at five standard errors (6e-7).  Seeds are
 * fixed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../model.h"
#include "counts.h"
#include "scoregap/dictionary.h"

enum { B = SG_BLOCK, MOST = 5, STATES = 1 << MOST, REPLICATES = 60, LARGEST = 1 << 10 };
static const char *const rows[] = {"swendsen-wang", "wolff"};

/* Couplings and fields of both signs, some of them 0; fields only if asked for. */
static sg_model *random_model(const char *text, bool fields, double size, uint32_t number) {
    sg_model *model = model_of(text);
    double theta[128], z[128];
    sg_stream stream;
    assert_true(model->full <= 128);
    sg_stream_open(&stream, 77, SG_PURPOSE_TEST, number);
    sg_stream_normal(&stream, 128, z);
    for (int k = 0; k < model->full; k++) {
        const bool field = k >= model->full - model->space.d;
        theta[k] = (field && !fields) || k % 7 == 3 ? 0 : size * z[k];
    }
    OK(sg_model_set_truth(model, model->full, theta));
    return model;
}

typedef struct {
    sg_model *model;
    sg_loss *loss;
    sg_prepared *prepared;
    sg_kernel *kernel;
    int states;
    double p[LARGEST];
} process;

static process open_process(sg_model *model, const char *row) {
    process s = {.model = model, .states = 1 << model->space.d};
    double total = 0, top = -INFINITY;
    assert_true(s.states <= LARGEST);
    OK(sg_loss_new(row, &s.loss));
    OK(sg_loss_runs(s.loss, model));
    OK(sg_loss_prepare(s.loss, model, NULL, &s.prepared));
    OK(s.loss->row->kernel(s.prepared, model, (size_t)1 << 30, &s.kernel));
    assert_int_equal(s.kernel->n, model->space.d);
    model->family->states(model, model->truth, 0, s.states, s.p);
    for (int x = 0; x < s.states; x++) top = fmax(top, s.p[x]);
    for (int x = 0; x < s.states; x++) total += s.p[x] = exp(s.p[x] - top);
    for (int x = 0; x < s.states; x++) s.p[x] /= total;
    return s;
}

static void close_process(process *s) {
    sg_kernel_delete(s->kernel);
    sg_loss_release(s->loss, s->prepared);
    sg_loss_delete(s->loss);
    sg_model_delete(s->model);
}

/* P [x][y] by products with unit vectors. */
static void matrix_of(const process *s, double (*P)[STATES]) {
    double unit[STATES] = {0}, image[STATES];
    for (int y = 0; y < s->states; y++) {
        unit[y] = 1;
        s->kernel->apply(s->kernel, unit, image);
        unit[y] = 0;
        for (int x = 0; x < s->states; x++) P[x][y] = image[x];
    }
}

/* ------------------------------------------------- sums over all states of the bonds */

typedef struct {
    int n, bonds, i[64], j[64]; /* j = n: the ghost */
    double J[64];
} bond_list;

static bond_list bonds_of(const sg_model *model) {
    bond_list list = {.n = model->space.d};
    sg_pairs pairs;
    OK(model->family->pairs(model, model->truth, &pairs));
    for (int k = 0; k < pairs.edges + pairs.n; k++) {
        const bool edge = k < pairs.edges;
        const double J = edge ? pairs.J[k] : pairs.field[k - pairs.edges];
        if (J == 0) continue;
        list.i[list.bonds] = edge ? pairs.i[k] : k - pairs.edges;
        list.j[list.bonds] = edge ? pairs.j[k] : pairs.n;
        list.J[list.bonds++] = J;
    }
    sg_pairs_free(&pairs);
    assert_true(list.bonds <= 15);
    return list;
}

/* Labels spread along open bonds until nothing changes. */
static void label(const bond_list *l, int open, int *cluster) {
    for (int i = 0; i <= l->n; i++) cluster[i] = i;
    for (bool changed = true; changed;) {
        changed = false;
        for (int e = 0; e < l->bonds; e++) {
            int *a = &cluster[l->i[e]], *b = &cluster[l->j[e]];
            if (!(open >> e & 1) || *a == *b) continue;
            *a = *b = *a > *b ? *a : *b; /* the ghost's label is the largest */
            changed = true;
        }
    }
}

static void turn_all(const bond_list *l, const int *cluster, int x, double mass, double *row) {
    int free[MOST + 1], count = 0;
    for (int c = 0; c < l->n; c++) {
        bool used = false;
        for (int i = 0; i < l->n; i++) used = used || cluster[i] == c;
        if (used) free[count++] = c;
    }
    for (int coins = 0; coins < 1 << count; coins++) {
        int y = x;
        for (int k = 0; k < count; k++)
            for (int i = 0; i < l->n; i++)
                if ((coins >> k & 1) && cluster[i] == free[k]) y ^= 1 << i;
        row[y] += mass / (1 << count);
    }
}

static void turn_one(const bond_list *l, const int *cluster, int x, double mass, double *row) {
    for (int seed = 0; seed < l->n; seed++) {
        int y = x;
        for (int i = 0; i < l->n; i++)
            if (cluster[seed] != l->n && cluster[i] == cluster[seed]) y ^= 1 << i;
        row[y] += mass / l->n;
    }
}

static void sum_over_bonds(const bond_list *l, bool single, double (*P)[STATES]) {
    memset(P, 0, sizeof(double) * STATES * STATES);
    for (int x = 0; x < 1 << l->n; x++)
        for (int open = 0; open < 1 << l->bonds; open++) {
            double mass = 1;
            int cluster[MOST + 1];
            for (int e = 0; e < l->bonds; e++) {
                const int a = x >> l->i[e] & 1, b = l->j[e] == l->n ? 1 : x >> l->j[e] & 1;
                const double p = (a == b) == (l->J[e] > 0) ? 1 - exp(-2 * fabs(l->J[e])) : 0;
                mass *= open >> e & 1 ? p : 1 - p;
            }
            if (mass == 0) continue;
            label(l, open, cluster);
            (single ? turn_one : turn_all)(l, cluster, x, mass, P[x]);
        }
}

/* 28 models of up to five sites, from free sites to couplings of several units. */
static void over_models(void (*check)(process *s, const char *row)) {
    static const char *const texts[] = {"ising:graph=path,n=1",    "ising:graph=path,n=2",     "ising:n=3",
                                        "ising:graph=tree,n=5",    "ising:graph=complete,n=4", "ising:n=5",
                                        "ising:graph=complete,n=5"};
    static const double sizes[] = {0.4, 2};
    uint32_t number = 0;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        for (int v = 0; v < 4; v++, number++)
            for (int r = 0; r < 2; r++) {
                process s = open_process(random_model(texts[k], v & 1, sizes[v >> 1], number), rows[r]);
                check(&s, rows[r]);
                close_process(&s);
            }
}

/* The sum over bonds has up to 2^10 terms: its own rounding is below 2^10 2^-53 = 1.2e-13. */
static void check_kernel(process *s, const char *row) {
    static double P[STATES][STATES], exact[STATES][STATES];
    const bond_list l = bonds_of(s->model);
    matrix_of(s, P);
    sum_over_bonds(&l, strcmp(row, "wolff") == 0, exact);
    for (int x = 0; x < s->states; x++)
        for (int y = 0; y < s->states; y++)
            if (!(fabs(P[x][y] - exact[x][y]) < 1.2e-13))
                fail_msg("%s, %s: P(%d, %d) = %.17g, by bonds %.17g", row, s->model->text, x, y, P[x][y], exact[x][y]);
}

static void kernel_is_the_sum_over_bonds(void **state) {
    (void)state;
    over_models(check_kernel);
}

/* ------------------------------------------------------------ larger kernels */

static void draw_function(uint32_t number, int states, double *f) {
    sg_stream stream;
    sg_stream_open(&stream, 5, SG_PURPOSE_TEST, number);
    sg_stream_normal(&stream, (size_t)states, f);
}

static double inner(const process *s, const double *f, const double *g) {
    double sum = 0;
    for (int x = 0; x < s->states; x++) sum += s->p[x] * f[x] * g[x];
    return sum;
}

/* The kernel's exponents are sums of couplings, whose rounding exp passes on. */
static void check_form(process *s, const char *row) {
    double one[LARGEST], f[LARGEST], g[LARGEST], image[LARGEST], rounding = 16;
    sg_pairs pairs;
    OK(s->model->family->pairs(s->model, s->model->truth, &pairs));
    for (int k = 0; k < pairs.edges; k++) rounding += fabs(pairs.J[k]);
    for (int k = 0; k < pairs.n; k++) rounding += fabs(pairs.field[k]);
    rounding *= 0x1p-51;
    sg_pairs_free(&pairs);
    for (int x = 0; x < s->states; x++) one[x] = 1;
    s->kernel->apply(s->kernel, one, image);
    for (int x = 0; x < s->states; x++)
        if (!(fabs(image[x] - 1) < rounding))
            fail_msg("%s, %s: row %d sums to 1 + %g", row, s->model->text, x, image[x] - 1);
    for (uint32_t k = 0; k < 8; k++) {
        draw_function(2 * k, s->states, f);
        draw_function(2 * k + 1, s->states, g);
        s->kernel->apply(s->kernel, f, image);
        const double first = inner(s, g, image), form = inner(s, f, image), size = inner(s, f, f);
        s->kernel->apply(s->kernel, g, image);
        if (!(fabs(first - inner(s, f, image)) < 4 * rounding))
            fail_msg("%s, %s is not symmetric", row, s->model->text);
        assert_true(form < size * (1 + rounding));
        if (s->loss->row->positive) assert_true(form > -size * rounding);
    }
}

/* Sums of rows and detailed balance, also where e^J would overflow. */
static void kernels_are_reversible(void **state) {
    static const struct {
        const char *text;
        double size;
    } list[] = {{"ising:n=7", 1},
                {"ising:graph=complete,n=8", 0.5},
                {"ising:graph=lattice,shape=3x3", 0.7},
                {"ising:graph=regular,n=10", 1},
                {"ising:graph=bipartite,n=9", 12},
                {"ising:graph=complete,n=7", 60}};
    (void)state;
    for (size_t k = 0; k < sizeof list / sizeof *list; k++)
        for (int v = 0; v < 4; v++) {
            process s = open_process(random_model(list[k].text, v & 1, list[k].size, 900 + (uint32_t)k), rows[v >> 1]);
            check_form(&s, rows[v >> 1]);
            close_process(&s);
        }
}

/* ------------------------------------------------------------------- the steps */

static int code_of(const sg_walk *walk, int chain) {
    int code = 0;
    for (int a = 0; a < walk->block.d; a++) {
        const double x = walk->block.x[a * B + chain];
        assert_true(x == 1 || x == -1);
        code |= (x > 0) << a;
    }
    return code;
}

/* One update from given states: the first, the last and two between. */
static void check_steps(process *s, const char *row) {
    static double P[STATES][STATES];
    char what[700];
    matrix_of(s, P);
    for (int k = 0; k < 4; k++) {
        const int x = k * (s->states - 1) / 3;
        double count[STATES] = {0}, expected[STATES];
        for (uint32_t r = 0; r < REPLICATES; r++) {
            sg_walk *walk;
            OK(sg_walk_new(s->model, s->model->truth, NULL, B, 31, r, 1, &walk));
            for (int a = 0; a < walk->block.d; a++)
                for (int i = 0; i < B; i++) walk->block.x[a * B + i] = x >> a & 1 ? 1 : -1;
            sg_walk_advance(s->loss, s->prepared, walk, 1);
            for (int i = 0; i < B; i++) count[code_of(walk, i)]++;
            sg_walk_delete(walk);
        }
        for (int y = 0; y < s->states; y++) expected[y] = fmax(0, P[x][y]) * REPLICATES * B;
        for (int y = 0; y < s->states; y++)
            if (expected[y] < 1e-9) expected[y] = 0; /* rounding of what cannot happen */
        snprintf(what, sizeof what, "%s, %s from state %d", row, s->model->text, x);
        check_counts(what, s->states, count, expected);
    }
}

static void steps_follow_the_kernel(void **state) {
    (void)state;
    over_models(check_steps);
}

static void check_law(process *s, const char *row) {
    double count[STATES] = {0}, expected[STATES];
    sg_sampler *sampler;
    char what[700];
    OK(sg_sampler_new(s->model, s->model->truth, NULL, &sampler));
    for (uint32_t r = 0; r < REPLICATES; r++) {
        sg_walk *walk;
        OK(sg_walk_new(s->model, s->model->truth, sampler, B, 32, r, 2, &walk));
        sg_walk_advance(s->loss, s->prepared, walk, 2);
        for (int i = 0; i < B; i++) count[code_of(walk, i)]++;
        sg_walk_delete(walk);
    }
    for (int y = 0; y < s->states; y++) expected[y] = s->p[y] * REPLICATES * B;
    snprintf(what, sizeof what, "%s, %s", row, s->model->text);
    check_counts(what, s->states, count, expected);
    sg_sampler_delete(sampler);
}

static void steps_keep_the_law(void **state) {
    (void)state;
    over_models(check_law);
}

static void numbers_are_fixed(void **state) {
    (void)state;
    for (int r = 0; r < 2; r++) {
        process s = open_process(random_model("ising:graph=complete,n=5", true, 0.4, 3), rows[r]);
        sg_walk *few, *many, *long_steps;
        double *nothing;
        OK(sg_walk_new(s.model, s.model->truth, NULL, 3, 8, 1, 1, &few));
        OK(sg_walk_new(s.model, s.model->truth, NULL, B, 8, 1, 1, &many));
        OK(sg_walk_new(s.model, s.model->truth, NULL, B, 8, 1, 4, &long_steps));
        sg_memory_fail_after(1);
        sg_walk_advance(s.loss, s.prepared, few, 12);
        sg_walk_advance(s.loss, s.prepared, many, 5);
        sg_walk_advance(s.loss, s.prepared, many, 7);
        sg_walk_advance(s.loss, s.prepared, long_steps, 3);
        assert_int_equal(sg_new(&nothing, 1, 1), SG_NO_MEMORY); /* the first call since */
        for (int i = 0; i < B; i++) assert_int_equal(code_of(many, i), code_of(long_steps, i));
        for (int i = 0; i < 3; i++) assert_int_equal(code_of(many, i), code_of(few, i));
        assert_true(many->proposed > 0 && many->accepted > 0 && many->accepted <= many->proposed);
        sg_walk_delete(few);
        sg_walk_delete(many);
        sg_walk_delete(long_steps);
        close_process(&s);
    }
}

/*
 * A path of 2000 sites from all -1: the products of neighbours are independent with mean tanh J.  Swendsen-Wang forgets
 * like (1 - exp(-2J))^k 2^-k: after 50 updates nothing is left.
 */
static void beyond_enumeration(void **state) {
    enum { N = 2000, CHAINS = 16 };
    sg_model *model = model_of("ising:graph=path,n=2000,beta=-0.7,free=tied");
    sg_loss *loss;
    sg_prepared *prepared = NULL;
    sg_walk *walk;
    double sum = 0;
    (void)state;
    OK(sg_loss_new("swendsen-wang", &loss));
    OK(sg_loss_prepare(loss, model, NULL, &prepared));
    OK(sg_walk_new(model, model->truth, NULL, CHAINS, 4, 0, 1, &walk));
    sg_walk_advance(loss, prepared, walk, 50);
    for (int i = 0; i + 1 < N; i++)
        for (int c = 0; c < CHAINS; c++) sum += walk->block.x[i * B + c] * walk->block.x[(i + 1) * B + c];
    const double count = (N - 1.0) * CHAINS, t = tanh(-0.7);
    if (!(fabs(sum / count - t) < 5 * sqrt((1 - t * t) / count))) fail_msg("mean %g, exact %g", sum / count, t);
    sg_walk_delete(walk);
    sg_loss_release(loss, prepared);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

/* -------------------------------------------------------------------- the hook */

static void pairs_are_the_law(void **state) {
    static const char *const texts[] = {"ising:n=6,beta=0.3,h=0.1",
                                        "ising:graph=complete,n=5,couplings=gauss,h=-0.4",
                                        "ising:graph=complete,n=5,beta=0.3,free=tied",
                                        "ising:graph=curie-weiss,n=6,beta=2,h=1,free=tied",
                                        "ising:graph=bipartite,n=7,couplings=pm,free=tied",
                                        "ising:graph=lattice,shape=2x3,boundary=free,beta=-1",
                                        "ising:graph=path,n=1,h=0.3"};
    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        sg_model *model = model_of(texts[k]);
        double log_p[128];
        sg_pairs pairs;
        OK(model->family->pairs(model, model->truth, &pairs));
        assert_true(pairs.n == model->space.d && pairs.q == 2);
        model->family->states(model, model->truth, 0, 1 << pairs.n, log_p);
        for (int x = 0; x < 1 << pairs.n; x++) {
            double sum = 0;
            for (int e = 0; e < pairs.edges; e++)
                sum += (x >> pairs.i[e] & 1) == (x >> pairs.j[e] & 1) ? pairs.J[e] : -pairs.J[e];
            for (int i = 0; i < pairs.n; i++) sum += x >> i & 1 ? pairs.field[i] : -pairs.field[i];
            assert_true(fabs(sum - log_p[x]) < 1e-13);
        }
        sg_pairs_free(&pairs);
        sg_model_delete(model);
    }
    sg_pairs none;
    assert_int_equal(sg_pairs_new(3, 2, SG_PAIRS_MOST + 1LL, &none), SG_OUT_OF_RANGE);
    sg_pairs_free(&none);
}

/* Prepared again at another theta, in place. */
static void prepared_anew(void **state) {
    (void)state;
    for (int r = 0; r < 2; r++) {
        process s = open_process(random_model("ising:n=4", true, 0.5, 1), rows[r]);
        sg_model *other = random_model("ising:n=4", true, 2, 2);
        process fresh = open_process(other, rows[r]);
        double f[STATES], again[STATES], image[STATES];
        draw_function(4, STATES, f);
        OK(s.loss->row->prepare(s.loss->options, s.model, other->truth, NULL, &s.prepared));
        sg_kernel_delete(s.kernel);
        OK(s.loss->row->kernel(s.prepared, s.model, (size_t)1 << 30, &s.kernel));
        s.kernel->apply(s.kernel, f, again);
        fresh.kernel->apply(fresh.kernel, f, image);
        assert_memory_equal(again, image, 16 * sizeof(double));
        close_process(&s);
        close_process(&fresh);
    }
}

static void what_is_refused(void **state) {
    sg_model *spins = model_of("ising:n=14,beta=0.2"), *hard = model_of("hardcore:n=4"),
             *line = model_of("gaussian:d=1");
    (void)state;
    for (int r = 0; r < 2; r++) {
        sg_loss *loss;
        sg_prepared *prepared = NULL;
        sg_kernel *kernel;
        OK(sg_loss_new(rows[r], &loss));
        assert_int_equal(sg_loss_fits(loss, spins), SG_MISFIT);
        assert_non_null(strstr(sg_message(), "no loss"));
        OK(sg_loss_runs(loss, spins));
        assert_int_equal(sg_loss_runs(loss, hard), SG_MISFIT);
        assert_int_equal(sg_loss_runs(loss, line), SG_MISFIT);
        assert_int_equal(sg_walk_time(loss, 0.5), SG_OUT_OF_RANGE);
        assert_int_equal(sg_walk_time(loss, INFINITY), SG_OUT_OF_RANGE);
        assert_int_equal(sg_walk_time(loss, -1), SG_OUT_OF_RANGE);
        OK(sg_walk_time(loss, 3));
        OK(sg_loss_prepare(loss, spins, NULL, &prepared));
        assert_int_equal(loss->row->kernel(prepared, spins, SIZE_MAX, &kernel), SG_REFUSED);
        assert_null(kernel);
        sg_loss_release(loss, prepared);
        process s = open_process(model_of("ising:n=8"), rows[r]);
        assert_int_equal(loss->row->kernel(s.prepared, s.model, 1 << 16, &kernel), SG_NO_MEMORY);
        assert_null(kernel);
        close_process(&s);
        sg_loss_delete(loss);
    }
    sg_model_delete(spins);
    sg_model_delete(hard);
    sg_model_delete(line);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernel_is_the_sum_over_bonds),
        cmocka_unit_test(kernels_are_reversible),
        cmocka_unit_test(steps_follow_the_kernel),
        cmocka_unit_test(steps_keep_the_law),
        cmocka_unit_test(numbers_are_fixed),
        cmocka_unit_test(beyond_enumeration),
        cmocka_unit_test(pairs_are_the_law),
        cmocka_unit_test(prepared_anew),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests_name("cluster rows", tests, NULL, NULL);
}
