/*
 * The processes on two-state sites: over a time dt a step is exp(dt L) itself, L built here from the states by its
 * definition.  For a start from exact draws E f(X_0) g(X_dt) is compared with the matrix exponential for all pairs of
 * single sites and for pairs of products of two, at five standard errors (6e-7 each); chi-square tests of the law at
 * that level too.  Seeds are fixed.
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
#include "scoregap/dictionary.h"

enum { B = SG_BLOCK, SITES = 5, STATES = 1 << SITES, REPLICATES = 100, TERMS = 80 };

typedef struct {
    sg_model *model;
    sg_loss *loss;
    sg_prepared *prepared;
    sg_sampler *sampler;
    int states;
    double p[STATES];
} process;

static process open_process(const char *model, const char *loss) {
    process s = {.model = model_of(model)};
    double total = 0;
    OK(sg_loss_new(loss, &s.loss));
    OK(sg_loss_runs(s.loss, s.model));
    OK(sg_loss_prepare(s.loss, s.model, NULL, &s.prepared));
    OK(sg_sampler_new(s.model, s.model->truth, NULL, &s.sampler));
    assert_true(s.model->space.d <= SITES);
    s.states = 1 << s.model->space.d;
    s.model->family->states(s.model, s.model->truth, 0, s.states, s.p);
    for (int x = 0; x < s.states; x++) total += s.p[x] = exp(s.p[x]);
    for (int x = 0; x < s.states; x++) s.p[x] /= total;
    return s;
}

static void close_process(process *s) {
    sg_sampler_delete(s->sampler);
    sg_loss_release(s->loss, s->prepared);
    sg_loss_delete(s->loss);
    sg_model_delete(s->model);
}

static sg_walk *start(const process *s, bool drawn, int chains, uint32_t replicate, double dt) {
    sg_walk *walk;
    OK(sg_walk_new(s->model, s->model->truth, drawn ? s->sampler : NULL, chains, 21, replicate, dt, &walk));
    return walk;
}

static int code_of(const sg_walk *walk, int chain) {
    int code = 0;
    for (int a = 0; a < walk->block.d; a++) {
        const double x = walk->block.x[a * B + chain];
        assert_true(x == 1 || x == -1);
        code |= (x > 0) << a;
    }
    return code;
}

/* ---------------------------------------------------------------- the generator */

static void add_block(const process *s, uint32_t mask, double rate, double (*L)[STATES]) {
    for (int x = 0; x < s->states; x++) {
        double total = 0;
        for (int y = 0; y < s->states; y++)
            if (!((x ^ y) & ~(int)mask)) total += s->p[y];
        for (int y = 0; y < s->states; y++)
            if (s->p[x] > 0 && !((x ^ y) & ~(int)mask)) L[x][y] += rate * s->p[y] / total;
        L[x][x] -= rate;
    }
}

static void add_flips(const process *s, double (*L)[STATES]) {
    for (int x = 0; x < s->states; x++)
        for (int i = 0; i < s->model->space.d; i++) {
            const double u = log(s->p[x ^ 1 << i]) - log(s->p[x]);
            double rate;
            s->loss->row->rate(s->prepared, 1, &u, &rate);
            L[x][x ^ 1 << i] += rate;
            L[x][x] -= rate;
        }
}

static void generator(const process *s, double (*L)[STATES]) {
    sg_site_blocks blocks;
    memset(L, 0, sizeof(double) * STATES * STATES);
    if (!s->loss->row->blocks) {
        add_flips(s, L);
        return;
    }
    OK(s->loss->row->blocks(s->loss->options, s->model, &blocks));
    for (int b = 0; b < blocks.count; b++) add_block(s, blocks.mask[b], blocks.rate[b], L);
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
}

/* g = exp(t L) g by its power series. */
static void evolve(const process *s, double (*L)[STATES], double t, double *g) {
    double term[STATES], next[STATES];
    memcpy(term, g, sizeof term);
    for (int k = 1; k <= TERMS; k++) {
        for (int x = 0; x < s->states; x++) {
            next[x] = 0;
            for (int y = 0; y < s->states; y++) next[x] += L[x][y] * term[y];
        }
        for (int x = 0; x < s->states; x++) g[x] += term[x] = next[x] * t / k;
    }
}

/* --------------------------------------------------------------- the comparison */

static double product(int code, int mask) {
    return __builtin_popcount((unsigned)(~code & mask)) % 2 ? -1 : 1;
}

static void check_semigroup(const char *model, const char *loss, double dt, int steps) {
    static double L[STATES][STATES];
    static int before[REPLICATES * B], after[REPLICATES * B];
    process s = open_process(model, loss);
    long long moved = 0;
    generator(&s, L);
    for (uint32_t r = 0; r < REPLICATES; r++) {
        sg_walk *walk = start(&s, true, B, r, dt);
        for (int i = 0; i < B; i++) before[r * B + (uint32_t)i] = code_of(walk, i);
        sg_walk_advance(s.loss, s.prepared, walk, steps);
        for (int i = 0; i < B; i++) after[r * B + (uint32_t)i] = code_of(walk, i);
        for (int i = 0; i < B; i++) moved += before[r * B + (uint32_t)i] != after[r * B + (uint32_t)i];
        sg_walk_delete(walk);
    }
    assert_true(moved > REPLICATES * B / 20);
    for (int f = 1; f < s.states; f++)
        for (int g = 1; g < s.states; g++) {
            if (__builtin_popcount((unsigned)f) > 2 || __builtin_popcount((unsigned)g) > 2) continue;
            double image[STATES], exact = 0, mean = 0;
            for (int x = 0; x < s.states; x++) image[x] = product(x, g);
            evolve(&s, L, dt * steps, image);
            for (int x = 0; x < s.states; x++) exact += s.p[x] * product(x, f) * image[x];
            for (int k = 0; k < REPLICATES * B; k++) mean += product(before[k], f) * product(after[k], g);
            mean /= REPLICATES * B;
            const double se = sqrt((1 - exact * exact + 1e-12) / (REPLICATES * B));
            if (!(fabs(mean - exact) < 5 * se))
                fail_msg("%s, %s: <%d, %d> = %g, exact %g, se %g", model, loss, f, g, mean, exact, se);
        }
    close_process(&s);
}

static void steps_are_the_semigroup(void **state) {
    static const struct {
        const char *model, *loss;
        double dt;
        int steps;
    } list[] = {
        {"ising:n=5,beta=0.4,h=0.2", "pseudolikelihood", 0.7, 1},
        {"ising:n=5,beta=0.4,h=0.2", "pseudolikelihood", 0.1, 7},
        {"ising:graph=complete,n=4,beta=-0.5,free=tied", "pseudolikelihood", 0.5, 1},
        {"ising:graph=complete,n=4,beta=0.3,couplings=gauss", "pseudolikelihood", 0.5, 2},
        {"ising:graph=bipartite,n=5,beta=0.3", "pseudolikelihood", 0.5, 1},
        {"hardcore:n=5,lambda=2", "pseudolikelihood", 0.6, 2},
        {"hardcore:graph=bipartite,n=5,lambda=1.5", "pseudolikelihood", 1, 1},
        {"parity:n=5,k=3,J=0.8", "pseudolikelihood", 0.6, 1},
        {"ising:n=5,beta=0.4,h=0.2", "masked:k=2", 1.5, 1},
        {"ising:n=5,beta=0.4,h=0.2", "masked:k=3,blocks=contiguous", 0.5, 3},
        {"ising:n=5,beta=0.4,h=0.2", "masked:k=5", 0.5, 1},
        {"hardcore:n=5,lambda=2", "masked:k=2", 2, 1},
        {"hardcore:n=5,lambda=2", "masked:k=4", 1, 2},
        {"ising:n=4,beta=0.3,h=0.1", "probability-flow", 0.3, 2},
        {"ising:n=4,beta=0.3,h=0.1", "ratio-matching", 1.5, 1},
        {"ising:n=4,beta=0.3,h=0.1", "concrete-score", 0.1, 1},
    };
    (void)state;
    for (size_t k = 0; k < sizeof list / sizeof *list; k++)
        check_semigroup(list[k].model, list[k].loss, list[k].dt, list[k].steps);
}

/* chi-square with states - 1 degrees of freedom, by Wilson and Hilferty's normal approximation at 5. */
static void check_law(const process *s, bool drawn, int steps) {
    double count[STATES] = {0}, chi = 0;
    int cells = 0;
    for (uint32_t r = 0; r < REPLICATES; r++) {
        sg_walk *walk = start(s, drawn, B, 500 + r, 1);
        sg_walk_advance(s->loss, s->prepared, walk, steps);
        for (int i = 0; i < B; i++) count[code_of(walk, i)]++;
        sg_walk_delete(walk);
    }
    for (int x = 0; x < s->states; x++) {
        const double expected = s->p[x] * REPLICATES * B;
        if (!(expected > 0)) assert_true(count[x] == 0);
        if (!(expected > 0)) continue;
        chi += (count[x] - expected) * (count[x] - expected) / expected;
        cells++;
    }
    const double k = cells - 1, z = (cbrt(chi / k) - 1 + 2 / (9 * k)) / sqrt(2 / (9 * k));
    if (!(z < 5)) fail_msg("%s: chi-square %g with %g degrees of freedom", s->model->text, chi, k);
}

static void laws(void **state) {
    static const char *const models[] = {"ising:n=5,beta=0.4,h=0.2", "ising:graph=curie-weiss,n=5,beta=1.5,free=tied",
                                         "hardcore:n=5,lambda=2", "parity:n=4,k=4,J=0.7", "parity:n=5,k=3,J=0.7"};
    (void)state;
    for (int k = 0; k < 5; k++) {
        process s = open_process(models[k], "pseudolikelihood");
        check_law(&s, true, 0);   /* exact draws */
        check_law(&s, true, 3);   /* kept */
        check_law(&s, false, 40); /* reached from all sites at -1: relaxation times are below 2 */
        close_process(&s);
    }
}

static void numbers_are_fixed(void **state) {
    static const char *const losses[] = {"pseudolikelihood", "masked:k=2", "probability-flow"};
    (void)state;
    for (int l = 0; l < 3; l++) {
        process s = open_process("ising:n=5,beta=0.4,h=0.2", losses[l]);
        sg_walk *few = start(&s, true, 3, 1, 0.4), *many = start(&s, true, B, 1, 0.4),
                *again = start(&s, true, B, 1, 0.4);
        const long live = sg_memory_live();
        sg_walk_advance(s.loss, s.prepared, few, 20);
        sg_walk_advance(s.loss, s.prepared, many, 20);
        sg_walk_advance(s.loss, s.prepared, again, 5);
        sg_walk_advance(s.loss, s.prepared, again, 15);
        assert_int_equal(sg_memory_live(), live);
        for (int i = 0; i < B; i++) assert_int_equal(code_of(many, i), code_of(again, i));
        for (int i = 0; i < 3; i++) assert_int_equal(code_of(few, i), code_of(many, i));
        assert_true(many->proposed >= many->accepted && many->accepted > 0);
        sg_walk_delete(few);
        sg_walk_delete(many);
        sg_walk_delete(again);
        close_process(&s);
    }
}

/* p(x^i)/p(x) from all states and from the neighbours of i. */
static void log_ratios(void **state) {
    static const char *const models[] = {"ising:n=5,beta=0.4,h=0.2",
                                         "ising:graph=complete,n=5,beta=0.3,couplings=gauss",
                                         "ising:graph=curie-weiss,n=5,beta=2,h=0.1,free=tied",
                                         "ising:graph=bipartite,n=5,beta=0.3,h=-0.2",
                                         "ising:graph=tree,n=5,beta=0.3,couplings=pm",
                                         "hardcore:n=5,lambda=2",
                                         "hardcore:graph=complete,n=5,lambda=2",
                                         "hardcore:graph=bipartite,n=5",
                                         "parity:n=5,k=3"};
    static _Alignas(SG_ALIGN) double x[SITES * B];
    (void)state;
    for (size_t k = 0; k < sizeof models / sizeof *models; k++) {
        sg_model *model = model_of(models[k]);
        const sg_block block = {.n = STATES, .d = SITES, .draws = 1, .x = x};
        double logp[STATES];
        model->family->states(model, model->truth, 0, STATES, logp);
        for (int code = 0; code < STATES; code++)
            for (int a = 0; a < SITES; a++) x[a * B + code] = code >> a & 1 ? 1 : -1;
        for (int code = 0; code < STATES; code++)
            for (int a = 0; a < SITES; a++) {
                if (!(logp[code] > -INFINITY)) continue;
                const double known = logp[code ^ 1 << a] - logp[code];
                const double got = model->family->log_ratio(model, model->truth, &block, code, a);
                if (!(got == known || fabs(got - known) < 1e-13))
                    fail_msg("%s: state %d, site %d: %.17g, known %.17g", models[k], code, a, got, known);
            }
        sg_model_delete(model);
    }
}

static void no_exact_draws(void **state) {
    (void)state;
    sg_model *large = model_of("ising:graph=complete,n=40,couplings=gauss,beta=2"),
             *equal = model_of("ising:graph=curie-weiss,n=500,free=tied");
    sg_sampler *sampler;
    assert_int_equal(sg_sampler_new(large, large->truth, NULL, &sampler), SG_REFUSED);
    assert_null(sampler);
    OK(sg_sampler_new(equal, equal->truth, NULL, &sampler));
    sg_sampler_delete(sampler);
    sg_model_delete(large);
    sg_model_delete(equal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_ratios),        cmocka_unit_test(steps_are_the_semigroup), cmocka_unit_test(laws),
        cmocka_unit_test(numbers_are_fixed), cmocka_unit_test(no_exact_draws),
    };
    return cmocka_run_group_tests_name("walks on sites", tests, NULL, NULL);
}
