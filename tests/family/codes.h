/* Checks of a family on sites with any number of states: codes against the jet, one-site conditionals against codes. */
#ifndef TESTS_FAMILY_CODES_H
#define TESTS_FAMILY_CODES_H

#include "finite.h"

enum { CODES_MOST = 1 << 14 };

static inline int codes_count(const sg_model *model) {
    const double states = sg_model_states(model);
    assert_true(states <= CODES_MOST);
    return (int)states;
}

static inline int codes_digit(const sg_model *model, int code, int site) {
    for (int i = 0; i < site; i++) code /= model->space.q;
    return code % model->space.q;
}

static inline double codes_value(const sg_model *model, int state) {
    return model->space.q == 2 ? 2 * state - 1 : state;
}

/* log p and statistics of all states by the jet, dt [full][states] (NULL: not wanted). */
static inline void codes_jet(const sg_model *model, const double *theta, double *logp, double *dt) {
    const int d = model->space.d, states = codes_count(model);
    double *x = NULL;
    sg_arena *arena = NULL;
    sg_jet jet;
    assert_int_equal(sg_new(&x, (size_t)d * SG_BLOCK, sizeof(double)), SG_OK);
    assert_int_equal(sg_arena_new(sg_jet_bytes(model->full, d, SG_LOGP | SG_DT), &arena), SG_OK);
    assert_int_equal(sg_jet_take(arena, model->full, d, SG_LOGP | SG_DT, &jet), SG_OK);
    for (int first = 0; first < states; first += SG_BLOCK) {
        const int n = states - first < SG_BLOCK ? states - first : SG_BLOCK;
        const sg_block block = {.n = n, .d = d, .draws = 1, .x = x};
        for (int a = 0; a < d; a++)
            for (int i = 0; i < n; i++) x[a * SG_BLOCK + i] = codes_value(model, codes_digit(model, first + i, a));
        model->family->jet(model, theta, &block, &jet);
        memcpy(logp + first, jet.logp, (size_t)n * sizeof(double));
        for (int j = 0; dt && j < model->full; j++)
            memcpy(dt + (size_t)j * (size_t)states + first, jet.dt + j * SG_BLOCK, (size_t)n * sizeof(double));
    }
    sg_arena_delete(arena);
    sg_delete(x);
}

/* The states agree with the jet, in one piece and in pieces that begin and end anywhere, and log p is theta . F. */
static inline void codes_check_states(const sg_model *model, const double *theta) {
    static double whole[CODES_MOST], pieces[CODES_MOST], jet[CODES_MOST];
    const int states = codes_count(model);
    double scale = 0, *dt = NULL;
    assert_int_equal(sg_new(&dt, (size_t)model->full * (size_t)states, sizeof(double)), SG_OK);
    codes_jet(model, theta, jet, dt);
    model->family->states(model, theta, 0, states, whole);
    for (int first = 0, step = 1; first < states; first += step, step = 1 + (7 * step + 5) % 301) {
        const int count = states - first < step ? states - first : step;
        model->family->states(model, theta, (uint64_t)first, count, pieces + first);
    }
    for (int x = 0; x < states; x++) scale = fmax(scale, fabs(jet[x]));
    for (int x = 0; x < states; x++) {
        double sum = 0;
        for (int j = 0; j < model->full; j++) sum += theta[j] * dt[(size_t)j * (size_t)states + (size_t)x];
        finite_near(model, whole[x], jet[x], scale);
        finite_near(model, whole[x], sum, scale);
        assert_true(pieces[x] == whole[x]);
    }
    sg_delete(dt);
}

/* log p of a site's states given the rest, from all states. */
static inline void codes_check_conditional(const sg_model *model, const double *theta) {
    static double logp[CODES_MOST];
    const int d = model->space.d, q = model->space.q, states = codes_count(model);
    double *x = NULL, got[64];
    assert_int_equal(sg_new(&x, (size_t)d * SG_BLOCK, sizeof(double)), SG_OK);
    const sg_block block = {.n = 3, .d = d, .draws = 1, .x = x};
    model->family->states(model, theta, 0, states, logp);
    for (int code = 0; code < states; code += 1 + states / 97)
        for (int site = 0, power = 1; site < d; site++, power *= q) {
            const int here = codes_digit(model, code, site), base = code - here * power;
            for (int a = 0; a < d; a++) x[a * SG_BLOCK + 2] = codes_value(model, codes_digit(model, code, a));
            model->family->conditional(model, theta, &block, 2, site, got);
            for (int s = 0; s < q; s++)
                finite_near(model, got[s] - got[0], logp[base + s * power] - logp[base], 10 + fabs(logp[base]));
            if (q == 2 && model->family->log_ratio)
                finite_near(model, model->family->log_ratio(model, theta, &block, 2, site),
                            logp[base + (1 - here) * power] - logp[code], 10 + fabs(logp[base]));
        }
    sg_delete(x);
}

#endif
