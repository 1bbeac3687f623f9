/* Checks of a family on two-state sites: all states against the jet, classes against all states. */
#ifndef TESTS_FAMILY_FINITE_H
#define TESTS_FAMILY_FINITE_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "scoregap/family.h"

enum { FINITE_MOST = 12 };

static inline sg_model *finite_model(const char *family, const char *keys) {
    char text[SG_TEXT];
    sg_pair pairs[12];
    int count;
    sg_model *model = NULL;
    snprintf(text, sizeof text, "%s", keys);
    assert_int_equal(sg_pairs_split(text, 12, pairs, &count), SG_OK);
    if (sg_model_new(family, count, pairs, &model) != SG_OK) fail_msg("%s(%s): %s", family, keys, sg_message());
    return model;
}

/* The family refuses the keys with this status, and the message holds `part`. */
static inline void finite_refuses(const char *family, const char *keys, sg_status code, const char *part) {
    char text[SG_TEXT];
    sg_pair pairs[12];
    int count;
    sg_model *model = NULL;
    long live = sg_memory_live();
    snprintf(text, sizeof text, "%s", keys);
    assert_int_equal(sg_pairs_split(text, 12, pairs, &count), SG_OK);
    sg_status status = sg_model_new(family, count, pairs, &model);
    if (status != code || !strstr(sg_message(), part)) fail_msg("%s(%s): %d, %s", family, keys, status, sg_message());
    assert_null(model);
    assert_int_equal(sg_memory_live(), live);
}

/* log p of all states by the jet, which takes one state at a time from its code; `off` is the value of state 0. */
static inline void finite_jet(const sg_model *model, const double *theta, double off, double *logp, double *dt) {
    const int d = model->space.d, states = 1 << d;
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
            for (int i = 0; i < n; i++) x[a * SG_BLOCK + i] = (first + i) >> a & 1 ? 1 : off;
        model->family->jet(model, theta, &block, &jet);
        memcpy(logp + first, jet.logp, (size_t)n * sizeof(double));
        for (int j = 0; dt && j < model->full; j++)
            memcpy(dt + (size_t)j * (size_t)states + first, jet.dt + j * SG_BLOCK, (size_t)n * sizeof(double));
    }
    sg_arena_delete(arena);
    sg_delete(x);
}

static inline void finite_near(const sg_model *model, double got, double want, double scale) {
    if (got == want) return;
    if (!(fabs(got - want) <= 1e-13 * (1 + scale))) fail_msg("%s: %.17g, expected %.17g", model->text, got, want);
}

/* The states agree with the jet, in one piece and in pieces that begin and end anywhere. */
static inline void finite_check_states(const sg_model *model, const double *theta, double off) {
    static double whole[1 << FINITE_MOST], pieces[1 << FINITE_MOST], jet[1 << FINITE_MOST];
    const int states = 1 << model->space.d;
    double scale = 0;
    finite_jet(model, theta, off, jet, NULL);
    model->family->states(model, theta, 0, states, whole);
    for (int first = 0, step = 1; first < states; first += step, step = 1 + (7 * step + 5) % 301) {
        const int count = states - first < step ? states - first : step;
        model->family->states(model, theta, (uint64_t)first, count, pieces + first);
    }
    for (int x = 0; x < states; x++)
        if (isfinite(jet[x])) scale = fmax(scale, fabs(jet[x]));
    for (int x = 0; x < states; x++) {
        finite_near(model, whole[x], jet[x], scale);
        assert_true(pieces[x] == whole[x]);
    }
}

/*
 * `class_of` maps codes to classes: each class has the size and the log p of its states, and each of its states the
 * flips into other classes.
 */
static inline void finite_check_classes(const sg_model *model, int (*class_of)(const sg_model *, uint64_t code)) {
    static double logp[1 << FINITE_MOST];
    const int d = model->space.d, states = 1 << d;
    sg_lumped *lumped = NULL;
    if (model->family->lump(model, model->truth, &lumped) != SG_OK) fail_msg("%s: %s", model->text, sg_message());
    const int n = lumped->classes;
    double *size = NULL, *flips = NULL, *given = NULL;
    assert_int_equal(sg_new(&size, (size_t)n, sizeof(double)), SG_OK);
    assert_int_equal(sg_new(&flips, (size_t)n * (size_t)n, sizeof(double)), SG_OK);
    assert_int_equal(sg_new(&given, (size_t)n * (size_t)n, sizeof(double)), SG_OK);
    model->family->states(model, model->truth, 0, states, logp);
    for (int e = 0; e < lumped->edges; e++) given[lumped->from[e] * n + lumped->to[e]] += lumped->flips[e];
    for (int x = 0; x < states; x++) {
        if (!(logp[x] > -INFINITY)) continue;
        const int at = class_of(model, (uint64_t)x);
        assert_in_range(at, 0, n - 1);
        size[at]++;
        finite_near(model, lumped->log_p[at] - lumped->log_p[class_of(model, 0)], logp[x] - logp[0], 100);
        memset(flips, 0, (size_t)n * sizeof(double));
        for (int i = 0; i < d; i++) {
            const int y = x ^ 1 << i;
            if (logp[y] > -INFINITY && class_of(model, (uint64_t)y) != at) flips[class_of(model, (uint64_t)y)]++;
        }
        for (int b = 0; b < n; b++) assert_true(given[at * n + b] == flips[b]);
    }
    for (int a = 0; a < n; a++) finite_near(model, lumped->log_size[a], log(size[a]), 10);
    for (int e = 0; lumped->path && e < lumped->edges; e++) assert_int_equal(abs(lumped->from[e] - lumped->to[e]), 1);
    assert_true(lumped->symmetry[0]);
    sg_delete(size);
    sg_delete(flips);
    sg_delete(given);
    sg_lumped_delete(lumped);
}

/* Every allocation of making the model and its classes may fail. */
static inline void finite_check_memory(const char *family, const char *keys) {
    const long live = sg_memory_live();
    sg_status status = SG_NO_MEMORY;
    for (long k = 1; status != SG_OK; k++) {
        char text[SG_TEXT];
        sg_pair pairs[12];
        int count;
        sg_model *model = NULL;
        sg_lumped *lumped = NULL;
        snprintf(text, sizeof text, "%s", keys);
        assert_int_equal(sg_pairs_split(text, 12, pairs, &count), SG_OK);
        sg_memory_fail_after(k);
        status = sg_model_new(family, count, pairs, &model);
        if (status == SG_OK) status = model->family->lump(model, model->truth, &lumped);
        if (status == SG_REFUSED) status = SG_OK;
        sg_memory_fail_after(0);
        if (status != SG_OK && status != SG_NO_MEMORY) fail_msg("%s(%s): %s", family, keys, sg_message());
        sg_lumped_delete(lumped);
        sg_model_delete(model);
        assert_int_equal(sg_memory_live(), live);
    }
}

#endif
