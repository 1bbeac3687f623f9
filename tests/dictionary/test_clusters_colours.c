/*
 * Swendsen-Wang and Wolff with more than two states a site: the kernel against the sum over all states of the bonds and
 * all new states of the clusters, the steps against the kernel, closed forms on trees.  Chi-square tests at five
 * standard deviations, means at five standard errors; seeds are fixed.
 *
 * On a tree with n - 1 bonds the indicators 1{x_i = x_j} of the bonds are independent, and so are they after an update
 * of Swendsen-Wang: one of them that is 1 stays so with probability p + (1 - p)/q, p = 1 - e^-J, and one that is 0
 * becomes 1 with probability 1/q, so that its chain has the eigenvalue p (1 - 1/q).  The update sees nothing else of x.
 * So P has the eigenvalues prod_{e in A} p_e (1 - 1/q), one for each set A of bonds, and 0 otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../model.h"
#include "counts.h"
#include "scoregap/spectrum.h"

enum { B = SG_BLOCK, STATES = 243, LARGEST = 2187, REPLICATES = 30, SITES = 8 };
static const char *const rows[] = {"swendsen-wang", "wolff"};

/* Couplings that are not negative, some of them 0. */
static sg_model *random_model(const char *text, double size, uint32_t number) {
    sg_model *model = model_of(text);
    double theta[64], z[64];
    sg_stream stream;
    assert_true(model->full <= 64);
    sg_stream_open(&stream, 78, SG_PURPOSE_TEST, number);
    sg_stream_normal(&stream, 64, z);
    for (int k = 0; k < model->full; k++) theta[k] = k % 5 == 3 ? 0 : size * fabs(z[k]);
    OK(sg_model_set_truth(model, model->full, theta));
    return model;
}

typedef struct {
    sg_model *model;
    sg_loss *loss;
    sg_prepared *prepared;
    sg_kernel *kernel;
    int n, q, states;
    double p[LARGEST];
} process;

static process open_process(sg_model *model, const char *row) {
    process s = {.model = model, .n = model->space.d, .q = model->space.q};
    double total = 0, top = -INFINITY;
    s.states = (int)llround(sg_model_states(model));
    assert_true(s.states <= LARGEST);
    OK(sg_loss_new(row, &s.loss));
    OK(sg_loss_runs(s.loss, model));
    OK(sg_loss_prepare(s.loss, model, NULL, &s.prepared));
    OK(s.loss->row->kernel(s.prepared, model, (size_t)1 << 30, &s.kernel));
    assert_true(s.kernel->n == s.n && s.kernel->q == s.q && s.loss->row->positive == (row == rows[0]));
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

static void digits_of(const process *s, int code, int *digit) {
    for (int i = 0; i < s->n; i++, code /= s->q) digit[i] = code % s->q;
}

static int code_of(const process *s, const int *digit) {
    int code = 0;
    for (int i = s->n - 1; i >= 0; i--) code = code * s->q + digit[i];
    return code;
}

/* Labels spread along open bonds until nothing changes. */
static void label(const sg_pairs *l, int open, int *cluster) {
    for (int i = 0; i < l->n; i++) cluster[i] = i;
    for (bool changed = true; changed;) {
        changed = false;
        for (int e = 0; e < l->edges; e++) {
            int *a = &cluster[l->i[e]], *b = &cluster[l->j[e]];
            if (!(open >> e & 1) || *a == *b) continue;
            *a = *b = *a < *b ? *a : *b;
            changed = true;
        }
    }
}

/* All states for all clusters. */
static void name_all(const process *s, const int *cluster, double mass, double *row) {
    for (int y = 0; y < s->states; y++) {
        int digit[SITES], clusters = 0;
        bool constant = true;
        digits_of(s, y, digit);
        for (int i = 0; i < s->n; i++) {
            constant = constant && digit[i] == digit[cluster[i]];
            clusters += cluster[i] == i;
        }
        if (constant) row[y] += mass / pow(s->q, clusters);
    }
}

static void name_one(const process *s, int x, const int *cluster, double mass, double *row) {
    for (int seed = 0; seed < s->n; seed++)
        for (int shift = 1; shift < s->q; shift++) {
            int digit[SITES];
            digits_of(s, x, digit);
            for (int i = 0; i < s->n; i++)
                if (cluster[i] == cluster[seed]) digit[i] = (digit[i] + shift) % s->q;
            row[code_of(s, digit)] += mass / s->n / (s->q - 1);
        }
}

static void sum_over_bonds(const process *s, bool single, double (*P)[STATES]) {
    sg_pairs l;
    OK(s->model->family->pairs(s->model, s->model->truth, &l));
    memset(P, 0, sizeof(double) * STATES * STATES);
    for (int x = 0; x < s->states; x++)
        for (int open = 0; open < 1 << l.edges; open++) {
            double mass = 1;
            int cluster[SITES], digit[SITES];
            digits_of(s, x, digit);
            for (int e = 0; e < l.edges; e++) {
                const double p = digit[l.i[e]] == digit[l.j[e]] ? 1 - exp(-l.J[e]) : 0;
                mass *= open >> e & 1 ? p : 1 - p;
            }
            if (mass == 0) continue;
            label(&l, open, cluster);
            if (single)
                name_one(s, x, cluster, mass, P[x]);
            else
                name_all(s, cluster, mass, P[x]);
        }
    sg_pairs_free(&l);
}

static void over_models(void (*check)(process *s, const char *row)) {
    static const char *const texts[] = {"potts:graph=path,n=2,q=3", "potts:n=4,q=3", "potts:graph=complete,n=4,q=3",
                                        "potts:graph=tree,n=5,q=3", "potts:n=3,q=5", "potts:graph=complete,n=3,q=4",
                                        "potts:graph=path,n=2,q=10"};
    static const double sizes[] = {0.4, 2};
    uint32_t number = 0;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        for (int v = 0; v < 2; v++, number++)
            for (int r = 0; r < 2; r++) {
                process s = open_process(random_model(texts[k], sizes[v], number), rows[r]);
                check(&s, rows[r]);
                close_process(&s);
            }
}

/* The sum over bonds has up to 2^6 terms for each of 243 states. */
static void check_kernel(process *s, const char *row) {
    static double P[STATES][STATES], exact[STATES][STATES];
    matrix_of(s, P);
    sum_over_bonds(s, row == rows[1], exact);
    for (int x = 0; x < s->states; x++)
        for (int y = 0; y < s->states; y++)
            if (!(fabs(P[x][y] - exact[x][y]) < 2e-14))
                fail_msg("%s, %s: P(%d, %d) = %.17g, by bonds %.17g", row, s->model->text, x, y, P[x][y], exact[x][y]);
}

static void kernel_is_the_sum_over_bonds(void **state) {
    (void)state;
    over_models(check_kernel);
}

/* ------------------------------------------------------------ larger kernels */

static double inner(const process *s, const double *f, const double *g) {
    double sum = 0;
    for (int x = 0; x < s->states; x++) sum += s->p[x] * f[x] * g[x];
    return sum;
}

static void draw_function(uint32_t number, int states, double *f) {
    sg_stream stream;
    sg_stream_open(&stream, 6, SG_PURPOSE_TEST, number);
    sg_stream_normal(&stream, (size_t)states, f);
}

/* Rows sum to 1, detailed balance, P >= 0 for Swendsen-Wang; also where e^J overflows. */
static void kernels_are_reversible(void **state) {
    static const struct {
        const char *text;
        double size;
    } list[] = {{"potts:graph=lattice,shape=2x3,boundary=free,q=3", 0.7},
                {"potts:graph=complete,n=7,q=3", 0.5},
                {"potts:graph=complete,n=5,q=4", 0.8},
                {"potts:n=6,q=3", 300}};
    static double f[LARGEST], g[LARGEST], image[LARGEST];
    (void)state;
    for (int k = 0; k < 8; k++) {
        process s = open_process(random_model(list[k / 2].text, list[k / 2].size, 900 + (uint32_t)k / 2), rows[k & 1]);
        const double rounding = 0x1p-50 * (16 + 21 * list[k / 2].size);
        for (int x = 0; x < s.states; x++) f[x] = 1;
        s.kernel->apply(s.kernel, f, image);
        for (int x = 0; x < s.states; x++)
            if (!(fabs(image[x] - 1) < rounding)) fail_msg("%s: row %d sums to 1 + %g", s.model->text, x, image[x] - 1);
        for (uint32_t i = 0; i < 4; i++) {
            draw_function(2 * i, s.states, f);
            draw_function(2 * i + 1, s.states, g);
            s.kernel->apply(s.kernel, f, image);
            const double first = inner(&s, g, image), form = inner(&s, f, image), size = inner(&s, f, f);
            s.kernel->apply(s.kernel, g, image);
            if (!(fabs(first - inner(&s, f, image)) < 4 * rounding)) fail_msg("%s is not symmetric", s.model->text);
            assert_true(form < size * (1 + rounding));
            if (s.loss->row->positive) assert_true(form > -size * rounding);
        }
        close_process(&s);
    }
}

/* -------------------------------------------------------------------- closed forms */

static int descending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* All eigenvalues of trees: products over sets of bonds. */
static void trees(void **state) {
    static const char *const texts[] = {"potts:graph=tree,n=5,q=3", "potts:graph=path,n=4,q=4",
                                        "potts:graph=path,n=3,q=7", "potts:graph=path,n=6,q=2"};
    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        sg_model *model = model_of(texts[k]);
        const int bonds = model->full, q = model->space.q, sets = 1 << bonds;
        double theta[8], want[32];
        for (int e = 0; e < bonds; e++) theta[e] = 0.3 + 0.45 * e;
        OK(sg_model_set_truth(model, bonds, theta));
        for (int set = 0; set < sets; set++) {
            want[set] = 1;
            for (int e = 0; e < bonds; e++)
                if (set >> e & 1) want[set] *= (1 - exp(-theta[e])) * (1 - 1. / q);
        }
        qsort(want, (size_t)sets, sizeof *want, descending);
        sg_loss *loss;
        sg_eigenvalues *values = NULL;
        sg_gap gap;
        OK(sg_loss_new("swendsen-wang", &loss));
        OK(sg_eigenvalues_new(sets, &values));
        OK(sg_spectrum_gap(model, loss, NULL, &gap, values));
        assert_int_equal(gap.status, SG_OK);
        if (!(fabs(gap.gap / (1 - want[1]) - 1) < 1e-13))
            fail_msg("%s: gap %.17g, closed form %.17g", texts[k], gap.gap, 1 - want[1]);
        for (int i = 0; i + 1 < sets; i++)
            if (!(fabs(1 - exp(values->log_value[i]) - want[i + 1]) < 1e-13))
                fail_msg("%s: eigenvalue %d is %.17g, closed form %.17g", texts[k], i, 1 - exp(values->log_value[i]),
                         want[i + 1]);
        assert_true(fabs(1 - exp(values->log_value[sets - 1])) < 1e-13); /* the next is 0 */
        sg_eigenvalues_delete(values);
        sg_loss_delete(loss);
        sg_model_delete(model);
    }
}

/* Two states: the Ising model at half the couplings, to the bit of a step. */
static void two_states(void **state) {
    (void)state;
    for (int r = 0; r < 2; r++) {
        process s = open_process(model_of("potts:graph=lattice,shape=2x3,boundary=free,q=2,beta=0.9"), rows[r]);
        process t = open_process(model_of("ising:graph=lattice,shape=2x3,boundary=free,beta=0.45"), rows[r]);
        double f[64], image[2][64];
        sg_walk *walk[2];
        draw_function(9, 64, f);
        s.kernel->apply(s.kernel, f, image[0]);
        t.kernel->apply(t.kernel, f, image[1]);
        assert_memory_equal(image[0], image[1], sizeof image[0]);
        OK(sg_walk_new(s.model, s.model->truth, NULL, B, 5, 0, 1, &walk[0]));
        OK(sg_walk_new(t.model, t.model->truth, NULL, B, 5, 0, 1, &walk[1]));
        sg_walk_advance(s.loss, s.prepared, walk[0], 9);
        sg_walk_advance(t.loss, t.prepared, walk[1], 9);
        assert_memory_equal(walk[0]->block.x, walk[1]->block.x, 6 * B * sizeof(double));
        for (int k = 0; k < 2; k++) sg_walk_delete(walk[k]);
        close_process(&s);
        close_process(&t);
    }
}

/* ------------------------------------------------------------------- the steps */

static int state_of(const process *s, const sg_walk *walk, int chain) {
    int digit[SITES];
    for (int a = 0; a < s->n; a++) {
        const double x = walk->block.x[a * B + chain];
        assert_true(x == floor(x) && x >= 0 && x < s->q);
        digit[a] = (int)x;
    }
    return code_of(s, digit);
}

static void check_steps(process *s, const char *row) {
    static double P[STATES][STATES];
    char what[700];
    matrix_of(s, P);
    for (int k = 0; k < 4; k++) {
        const int x = k * (s->states - 1) / 3;
        int digit[SITES];
        double count[STATES] = {0}, expected[STATES];
        digits_of(s, x, digit);
        for (uint32_t r = 0; r < REPLICATES; r++) {
            sg_walk *walk;
            OK(sg_walk_new(s->model, s->model->truth, NULL, B, 31, r, 1, &walk));
            for (int a = 0; a < s->n; a++)
                for (int i = 0; i < B; i++) {
                    assert_true(walk->block.x[a * B + i] == 0); /* without a sampler */
                    walk->block.x[a * B + i] = digit[a];
                }
            sg_walk_advance(s->loss, s->prepared, walk, 1);
            for (int i = 0; i < B; i++) count[state_of(s, walk, i)]++;
            sg_walk_delete(walk);
        }
        for (int y = 0; y < s->states; y++) expected[y] = P[x][y] < 1e-12 ? 0 : P[x][y] * REPLICATES * B;
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
        for (int i = 0; i < B; i++) count[state_of(s, walk, i)]++;
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

/*
 * A path of 2000 sites of four states from all 0: neighbours are equal with probability e^J/(e^J + 3), independently.
 * After 40 updates ((1 - e^-J) 3/4)^40 = 5e-13 of the start is left at J = 1.
 */
static void beyond_enumeration(void **state) {
    enum { N = 2000, CHAINS = 16 };
    sg_model *model = model_of("potts:graph=path,n=2000,q=4,beta=1,free=tied");
    sg_loss *loss;
    sg_prepared *prepared = NULL;
    sg_walk *walk;
    double equal = 0;
    (void)state;
    OK(sg_loss_new("swendsen-wang", &loss));
    OK(sg_loss_prepare(loss, model, NULL, &prepared));
    OK(sg_walk_new(model, model->truth, NULL, CHAINS, 4, 0, 1, &walk));
    sg_walk_advance(loss, prepared, walk, 40);
    for (int i = 0; i + 1 < N; i++)
        for (int c = 0; c < CHAINS; c++) equal += walk->block.x[i * B + c] == walk->block.x[(i + 1) * B + c];
    const double count = (N - 1.0) * CHAINS, p = exp(1) / (exp(1) + 3);
    if (!(fabs(equal / count - p) < 5 * sqrt(p * (1 - p) / count))) fail_msg("share %g, exact %g", equal / count, p);
    sg_walk_delete(walk);
    sg_loss_release(loss, prepared);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

/* ------------------------------------------------------------------------ the rest */

static void threads_leave_the_bits(void **state) {
    const int before = omp_get_max_threads();
    static double f[LARGEST], image[2][LARGEST];
    (void)state;
    for (int r = 0; r < 2; r++) {
        for (int t = 0; t < 2; t++) {
            omp_set_num_threads(1 + 2 * t);
            process s = open_process(random_model("potts:graph=complete,n=7,q=3", 0.5, 5), rows[r]);
            draw_function(3, s.states, f);
            s.kernel->apply(s.kernel, f, image[t]);
            close_process(&s);
        }
        assert_memory_equal(image[0], image[1], sizeof image[0]);
    }
    omp_set_num_threads(before);
}

static void pairs_are_the_law(void **state) {
    static const char *const texts[] = {"potts:n=4,q=3,beta=0.3", "potts:graph=complete,n=5,q=2,couplings=gauss",
                                        "potts:graph=curie-weiss,n=4,q=3,beta=2,free=tied"};
    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        sg_model *model = model_of(texts[k]);
        double log_p[128], first = 0;
        sg_pairs pairs;
        const int q = model->space.q, states = (int)llround(sg_model_states(model));
        OK(model->family->pairs(model, model->truth, &pairs));
        assert_true(pairs.n == model->space.d && pairs.q == q && (q == 2) == (pairs.field != NULL));
        model->family->states(model, model->truth, 0, states, log_p);
        for (int x = 0; x < states; x++) {
            double sum = 0;
            for (int e = 0; e < pairs.edges; e++) {
                const bool same = x / (int)pow(q, pairs.i[e]) % q == x / (int)pow(q, pairs.j[e]) % q;
                sum += same ? pairs.J[e] : q == 2 ? -pairs.J[e] : 0;
            }
            if (x == 0) first = sum - log_p[0]; /* up to a constant */
            assert_true(fabs(sum - log_p[x] - first) < 1e-13);
        }
        sg_pairs_free(&pairs);
        sg_model_delete(model);
    }
}

static void what_is_refused(void **state) {
    sg_model *negative = model_of("potts:n=5,q=3,beta=-0.2"), *large = model_of("potts:n=14,q=3,beta=0.2"),
             *general = model_of("loglinear"), *fine = model_of("potts:n=8,q=3,beta=0.4");
    const long live = sg_memory_live();
    (void)state;
    for (int r = 0; r < 2; r++) {
        sg_loss *loss;
        sg_prepared *prepared = NULL;
        sg_kernel *kernel;
        OK(sg_loss_new(rows[r], &loss));
        assert_int_equal(sg_loss_prepare(loss, negative, NULL, &prepared), SG_OUT_OF_RANGE);
        assert_non_null(strstr(sg_message(), "negative"));
        assert_null(prepared);
        assert_int_equal(sg_loss_runs(loss, general), SG_MISFIT);
        OK(sg_loss_prepare(loss, large, NULL, &prepared));
        assert_int_equal(loss->row->kernel(prepared, large, SIZE_MAX, &kernel), SG_REFUSED);
        sg_loss_release(loss, prepared);
        OK(sg_loss_prepare(loss, fine, NULL, &prepared));
        assert_int_equal(loss->row->kernel(prepared, fine, 1 << 12, &kernel), SG_NO_MEMORY);
        assert_null(kernel);
        for (long k = 1;; k++) {
            sg_memory_fail_after(k);
            const sg_status status = loss->row->kernel(prepared, fine, SIZE_MAX, &kernel);
            sg_memory_fail_after(0);
            if (!status) break;
            assert_int_equal(status, SG_NO_MEMORY);
        }
        sg_kernel_delete(kernel);
        sg_loss_release(loss, prepared);
        sg_loss_delete(loss);
        assert_int_equal(sg_memory_live(), live);
    }
    sg_model_delete(negative);
    sg_model_delete(large);
    sg_model_delete(general);
    sg_model_delete(fine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernel_is_the_sum_over_bonds),
        cmocka_unit_test(kernels_are_reversible),
        cmocka_unit_test(trees),
        cmocka_unit_test(two_states),
        cmocka_unit_test(steps_follow_the_kernel),
        cmocka_unit_test(steps_keep_the_law),
        cmocka_unit_test(beyond_enumeration),
        cmocka_unit_test(threads_leave_the_bits),
        cmocka_unit_test(pairs_are_the_law),
        cmocka_unit_test(what_is_refused),
    };
    gsl_set_error_handler_off();
    return cmocka_run_group_tests_name("cluster rows, more states", tests, NULL, NULL);
}
