/*
 * The processes on sites with three and more states, and on sets with forbidden states: started in state 0 everywhere,
 * the law after a time dt is a row of exp(dt L), L built here from the states by its definition and exponentiated by
 * its Poisson series.  Chi-square tests of 25600 chains each at level 6e-7, also in two steps of dt/2.  Seeds are
 * fixed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../ok.h"
#include "scoregap/dictionary.h"

enum { B = SG_BLOCK, STATES = 256, REPLICATES = 100 };
static const double LEVEL = 6e-7;

typedef struct {
    sg_model *model;
    sg_family plain; /* the family without its conditional, or with states that it forbids */
    sg_loss *loss;
    sg_prepared *prepared;
    int states;
    double log_p[STATES], L[STATES][STATES];
} process;

static int power(int q, int k) {
    return k ? q * power(q, k - 1) : 1;
}

static int digit(const process *s, int x, int site) {
    return x / power(s->model->space.q, site) % s->model->space.q;
}

/* Do x and y agree outside the sites of a mask? */
static bool agree(const process *s, int x, int y, uint32_t mask) {
    for (int i = 0; i < s->model->space.d; i++)
        if (!(mask >> i & 1) && digit(s, x, i) != digit(s, y, i)) return false;
    return true;
}

static void add_block(process *s, uint32_t mask, double rate) {
    for (int x = 0; x < s->states; x++) {
        double total = 0;
        for (int y = 0; y < s->states; y++)
            if (agree(s, x, y, mask)) total += exp(s->log_p[y]);
        for (int y = 0; y < s->states && total > 0; y++)
            if (agree(s, x, y, mask)) s->L[x][y] += rate * exp(s->log_p[y]) / total;
        s->L[x][x] -= total > 0 ? rate : 0;
    }
}

static void add_moves(process *s) {
    for (int x = 0; x < s->states; x++)
        for (int y = 0; y < s->states; y++) {
            int moved = 0;
            double rate;
            for (int i = 0; i < s->model->space.d; i++) moved += digit(s, x, i) != digit(s, y, i);
            if (moved != 1) continue;
            const double u = s->log_p[y] - s->log_p[x];
            s->loss->row->rate(s->prepared, 1, &u, &rate);
            s->L[x][y] += rate;
            s->L[x][x] -= rate;
        }
}

/* Sites 0 and 1 must be equal: between two states of a block that are allowed there may be none that is. */
static const sg_family *whole;

static void forbidding_jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *jet) {
    whole->jet(model, theta, block, jet);
    for (int i = 0; i < block->n; i++)
        if (block->x[i] != block->x[B + i]) jet->logp[i] = -INFINITY;
}

static void forbidding_states(const sg_model *model, const double *theta, uint64_t first, int count, double *logp) {
    const uint64_t q = (uint64_t)model->space.q;
    whole->states(model, theta, first, count, logp);
    for (uint64_t x = first; x < first + (uint64_t)count; x++)
        if (x % q != x / q % q) logp[x - first] = -INFINITY;
}

static void forbid(process *s) {
    whole = s->model->family;
    s->plain = *whole;
    s->plain.can |= SG_HARD;
    s->plain.move = NULL;
    s->plain.jet = forbidding_jet;
    s->plain.states = forbidding_states;
    s->model->family = &s->plain;
}

enum { HOOK, NO_HOOK, FORBID };

static void open_process(const char *family, const char *keys, const char *loss, int how, process *s) {
    char copy[256];
    sg_pair pairs[8];
    int count = 0;
    sg_site_blocks blocks;
    memset(s, 0, sizeof *s);
    snprintf(copy, sizeof copy, "%s", keys);
    OK(sg_pairs_split(copy, 8, pairs, &count));
    OK(sg_model_new(family, count, pairs, &s->model));
    s->plain = *s->model->family;
    s->plain.conditional = NULL;
    if (how == NO_HOOK) s->model->family = &s->plain;
    if (how == FORBID) forbid(s);
    OK(sg_loss_new(loss, &s->loss));
    OK(sg_loss_runs(s->loss, s->model));
    OK(sg_loss_prepare(s->loss, s->model, NULL, &s->prepared));
    s->states = power(s->model->space.q, s->model->space.d);
    assert_in_range(s->states, 1, STATES);
    s->model->family->states(s->model, s->model->truth, 0, s->states, s->log_p);
    if (!s->loss->row->blocks) {
        add_moves(s);
        return;
    }
    OK(s->loss->row->blocks(s->loss->options, s->model, &blocks));
    for (int b = 0; b < blocks.count; b++) add_block(s, blocks.mask[b], blocks.rate[b]);
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
}

static void close_process(process *s) {
    sg_loss_release(s->loss, s->prepared);
    sg_loss_delete(s->loss);
    sg_model_delete(s->model);
}

/* Row 0 of exp(dt L) = sum_k Poisson(k; c dt) (I + L/c)^k */
static void law_after(const process *s, double dt, double *law) {
    double c = 0, here[STATES] = {1}, next[STATES];
    for (int x = 0; x < s->states; x++) c = fmax(c, -s->L[x][x]);
    memset(law, 0, STATES * sizeof(double));
    double weight = exp(-c * dt);
    for (int k = 1; k < 400; k++) {
        for (int x = 0; x < s->states; x++) law[x] += weight * here[x];
        for (int y = 0; y < s->states; y++) {
            next[y] = here[y];
            for (int x = 0; x < s->states; x++) next[y] += here[x] * s->L[x][y] / c;
        }
        memcpy(here, next, sizeof here);
        weight *= c * dt / k;
    }
}

static int state_of(const process *s, double x) {
    const int q = s->model->space.q, state = q == 2 ? (x > 0) : (int)x;
    assert_true(x == (q == 2 ? 2 * state - 1 : state) && state >= 0 && state < q);
    return state;
}

static void check_law(const char *family, const char *keys, const char *loss, int how, double dt, int steps) {
    static process s;
    double law[STATES], count[STATES] = {0}, chi2 = 0, rare = 0, rare_count = 0;
    int cells = 0;
    open_process(family, keys, loss, how, &s);
    law_after(&s, dt, law);
    for (uint32_t r = 0; r < REPLICATES; r++) {
        sg_walk *walk;
        OK(sg_walk_new(s.model, s.model->truth, NULL, B, 33, r, dt / steps, &walk));
        for (int k = 0; k < s.model->space.d * B; k++) assert_int_equal(state_of(&s, walk->block.x[k]), 0);
        sg_walk_advance(s.loss, s.prepared, walk, steps);
        assert_true(walk->accepted <= walk->proposed && walk->accepted > 0);
        for (int i = 0; i < B; i++) {
            int code = 0;
            for (int a = s.model->space.d - 1; a >= 0; a--)
                code = code * s.model->space.q + state_of(&s, walk->block.x[a * B + i]);
            count[code]++;
        }
        sg_walk_delete(walk);
    }
    for (int x = 0; x < s.states; x++) {
        const double want = law[x] * B * REPLICATES;
        if (want < 20) { /* together */
            rare += want;
            rare_count += count[x];
            continue;
        }
        cells++;
        chi2 += (count[x] - want) * (count[x] - want) / want;
    }
    if (rare > 20) chi2 += (rare_count - rare) * (rare_count - rare) / rare, cells++;
    if (!(chi2 < gsl_cdf_chisq_Qinv(LEVEL, cells - 1)))
        fail_msg("%s, %s: chi-square %g of %d cells", s.model->text, loss, chi2, cells);
    close_process(&s);
}

static void laws_of_steps(void **state) {
    (void)state;
    static const char *const models[][2] = {{"potts", "graph=ring,n=3,q=3,beta=0.6,free=tied"},
                                            {"potts", "graph=path,n=4,q=4,couplings=gauss,beta=0.5"},
                                            {"potts", "graph=path,n=2,q=10"},
                                            {"loglinear", ""}};
    static const char *const losses[] = {"pseudolikelihood", "masked:k=2",     "masked-random:rate=0.4",
                                         "probability-flow", "concrete-score", "ratio-matching"};
    for (int m = 0; m < 4; m++)
        for (int l = 0; l < 6; l++)
            check_law(models[m][0], models[m][1], losses[l], (m + l) % 2 ? HOOK : NO_HOOK, l < 3 ? 0.8 : 0.3,
                      1 + l % 2);
}

static void laws_with_forbidden_states(void **state) {
    (void)state;
    static const char *const losses[] = {"masked:k=2", "masked:blocks=contiguous,k=3", "masked-random:rate=0.6"};
    for (int l = 0; l < 3; l++) {
        check_law("potts", "graph=ring,n=4,q=3,beta=0.6,free=tied", losses[l], FORBID, 2, 1 + l % 2);
        check_law("ising", "graph=path,n=5,beta=0.4,h=0.3", losses[l], FORBID, 2, 1 + l % 2);
        check_law("hardcore", "graph=ring,n=6,lambda=1.5", losses[l], HOOK, 2, 1 + l % 2);
    }
}

/* The hook and the moves give the same chains, and a chain does not depend on how many there are. */
static void numbers_are_fixed(void **state) {
    (void)state;
    static const char *const losses[] = {"pseudolikelihood", "masked:k=2", "probability-flow"};
    static process s[2];
    for (int l = 0; l < 3; l++) {
        sg_walk *walk[2];
        for (int k = 0; k < 2; k++) {
            open_process("potts", "graph=complete,n=4,q=3,couplings=pm", losses[l], k ? HOOK : NO_HOOK, &s[k]);
            OK(sg_walk_new(s[k].model, s[k].model->truth, NULL, k ? 7 : B, 5, 1, 3, &walk[k]));
            sg_walk_advance(s[k].loss, s[k].prepared, walk[k], 4);
        }
        for (int a = 0; a < 4; a++)
            for (int i = 0; i < 7; i++) assert_true(walk[0]->block.x[a * B + i] == walk[1]->block.x[a * B + i]);
        for (int k = 0; k < 2; k++) {
            sg_walk_delete(walk[k]);
            close_process(&s[k]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(laws_of_steps),
        cmocka_unit_test(laws_with_forbidden_states),
        cmocka_unit_test(numbers_are_fixed),
    };
    gsl_set_error_handler_off();
    return cmocka_run_group_tests_name("steps with several states", tests, NULL, NULL);
}
