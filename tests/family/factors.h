/* Factors for tests: their sums at a state, all states, and random ones.  After cmocka.h. */
#ifndef TESTS_FAMILY_FACTORS_H
#define TESTS_FAMILY_FACTORS_H

#include <math.h>

#include "family/elimination.h"

/* log p and the sums [sums] of a state. */
static inline double factors_at(const sg_factors *factors, const int *state, double *sum) {
    double log_p = 0;
    for (int s = 0; s < factors->sums; s++) sum[s] = 0;
    for (int f = 0; f < factors->count; f++) {
        const sg_factor *factor = &factors->factor[f];
        size_t at = 0, entries = 1;
        for (int k = 0; k < factor->sites; k++, entries *= (size_t)factors->q)
            at += (size_t)state[factor->site[k]] * entries;
        log_p += factor->log_p[at];
        for (int s = 0; s < factor->sums; s++) sum[factor->sum[s]] += factor->value[(size_t)s * entries + at];
    }
    return log_p;
}

static inline bool factors_next(int d, int q, int *state) {
    for (int i = 0; i < d; i++) {
        if (++state[i] < q) return true;
        state[i] = 0;
    }
    return false;
}

static inline double factors_uniform(sg_stream *stream) {
    double u;
    sg_stream_uniform(stream, 1, &u);
    return u;
}

static inline int factors_below(sg_stream *stream, int bound) {
    return (int)(factors_uniform(stream) * bound);
}

/* Random factors of one to three sites; some states forbidden, but never the state 0 of all sites. */
static inline sg_factors *factors_random(sg_stream *stream, int d, int q, int sums, int count, double strength,
                                         double forbidden) {
    sg_factors *factors = NULL;
    const size_t entries = (size_t)q * (size_t)q * (size_t)q, room = (size_t)count;
    assert_int_equal(sg_factors_new(d, q, sums, count, 5 * room, 3 * entries * room, &factors), SG_OK);
    for (int f = 0; f < count; f++) {
        int site[3], sum[2], sites = 1 + factors_below(stream, d < 3 ? d : 3),
                             own = sums ? factors_below(stream, 3) : 0;
        sg_factor *factor;
        if (own > sums) own = sums;
        for (int k = 0; k < sites; k++) {
            bool again = true;
            while (again) {
                site[k] = factors_below(stream, d);
                again = false;
                for (int l = 0; l < k; l++) again |= site[l] == site[k];
            }
        }
        sum[0] = sums ? factors_below(stream, sums) : 0;
        sum[1] = sums ? (sum[0] + 1) % sums : 0;
        assert_int_equal(sg_factors_add(factors, sites, site, own, sum, &factor), SG_OK);
        const size_t size = sg_elimination_power(q, sites);
        for (size_t i = 0; i < size; i++)
            factor->log_p[i] =
                i && factors_uniform(stream) < forbidden ? -INFINITY : strength * (2 * factors_uniform(stream) - 1);
        for (size_t i = 0; i < size * (size_t)own; i++) factor->value[i] = 2 * factors_uniform(stream) - 1;
    }
    return factors;
}

#endif
