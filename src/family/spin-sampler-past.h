/*
 * Coupling from the past (Propp and Wilson 1996): a chain that has been running for ever is run again from so far back
 * that all states have met by now, with the same numbers at the same times.  What it then has is an exact draw.
 */
#ifndef SG_FAMILY_SPIN_SAMPLER_PAST_H
#define SG_FAMILY_SPIN_SAMPLER_PAST_H

#include "family/spin-sampler-pairs.h"

/* ------------------------------------------------------------------- numbers */

/*
 * Numbers by time: counter c of a family of streams of its own for each state of the caller's stream and each `point`.
 * They do not end: what is above the 32 bits of an index goes into the purpose.
 */
typedef struct {
    sg_stream stream;
    uint32_t purpose;
} sg_past_numbers;

static inline uint64_t sg_past_mix(uint64_t x) {
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

static inline sg_past_numbers sg_past_numbers_of(const sg_stream *from, uint32_t point) {
    sg_past_numbers r = {.stream = *from, .purpose = from->purpose};
    r.stream.key = sg_past_mix(from->key ^ sg_past_mix((uint64_t)from->index << 32 | point));
    return r;
}

static inline void sg_past_uniform(sg_past_numbers *r, uint64_t counter, int n, double *u) {
    r->stream.index = (uint32_t)counter;
    r->stream.purpose = r->purpose | (uint32_t)(1 + (counter >> 32)) << 8;
    sg_stream_uniform(&r->stream, (size_t)n, u);
}

/* The numbers of the trial draws by which samplers are chosen. */
static inline sg_past_numbers sg_past_numbers_trial(uint32_t point) {
    sg_stream stream;
    sg_stream_open(&stream, UINT64_C(0x70617374), SG_PURPOSE_TEST, 0);
    return sg_past_numbers_of(&stream, point);
}

/* ------------------------------------------------- scratch of several threads */

typedef struct {
    int count;
    size_t bytes;
    char *busy, *memory;
} sg_past_scratch;
SG_MUST_CHECK sg_status sg_past_scratch_new(size_t bytes, sg_past_scratch *scratch);
void sg_past_scratch_free(sg_past_scratch *scratch);
/* Memory that is free now; waits for it where more threads draw than there were when it was made. */
void *sg_past_scratch_take(const sg_past_scratch *scratch, int *which);
void sg_past_scratch_give(const sg_past_scratch *scratch, int which);

/* ------------------------------------------------------ single sites, by bounds */

/*
 * Two-state sites: heat-bath sweeps of a lower and an upper bound of all states, in which a pair that repels takes the
 * other bound (Haeggstroem and Nelander 1998; Huber 2004).  They meet always where the model is attractive, also after
 * turning some sites (any fields), otherwise at high temperature.  With `work` = 0: a chain that runs for eight
 * times as many sweeps as pairs of chains from different starts needed to meet.
 */
typedef struct sg_past_sites sg_past_sites;
/*
 * `work` bounds the trial, in sweeps times sites and their neighbours, of 64 draws together (0.1 us each); 64 sweeps
 * are always tried.  0: the chain that is not exact.  Errors: SG_REFUSED (bounds or chains do not meet soon enough, or
 * hard constraints other than a pair of ones), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_past_sites_new(const sg_spin_pairs *pairs, double work, sg_past_sites **sampler);
void sg_past_sites_delete(sg_past_sites *sampler);
void sg_past_sites_draw(const sg_past_sites *sampler, sg_stream *stream, sg_block *block);
long long sg_past_sites_sweeps(const sg_past_sites *sampler);
/* How far back the first run begins; exact draws do not depend on it, not by a bit. */
void sg_past_sites_begin(sg_past_sites *sampler, long long sweeps);
/* 0, or the estimate of the total-variation error: that the chains' meeting times are no longer from other starts. */
double sg_past_sites_error(const sg_past_sites *sampler);

/* ---------------------------------------------------- clusters, bond after bond */

/*
 * Pairs that attract, also after turning some sites, with fields of one sign: the random-cluster model, which is
 * monotone, bond after bond, then a state for each cluster (Fortuin and Kasteleyn 1972; Propp and Wilson 1996).
 */
typedef struct sg_past_clusters sg_past_clusters;
/* Errors: SG_REFUSED (pairs or fields contradict each other; bounds do not meet soon enough), SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_past_clusters_new(const sg_spin_pairs *pairs, sg_past_clusters **sampler);
void sg_past_clusters_delete(sg_past_clusters *sampler);
void sg_past_clusters_draw(const sg_past_clusters *sampler, sg_stream *stream, sg_block *block);
long long sg_past_clusters_sweeps(const sg_past_clusters *sampler);
void sg_past_clusters_begin(sg_past_clusters *sampler, long long sweeps);

/* -------------------------------------------------------- a chain, not exact */

/*
 * Heat-bath sweeps by the factors of any model without hard constraints, with any number of states a site: eight times
 * as many from random states as pairs of chains from different starts needed to meet.
 */
typedef struct sg_past_chain sg_past_chain;
/* Errors: SG_REFUSED (no factors, hard constraints, more than 64 states, chains do not meet soon enough),
 * SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_past_chain_new(const sg_model *model, const double *theta, sg_past_chain **sampler);
void sg_past_chain_delete(sg_past_chain *sampler);
void sg_past_chain_draw(const sg_past_chain *sampler, sg_stream *stream, sg_block *block);
long long sg_past_chain_sweeps(const sg_past_chain *sampler);
/* The estimate of the total-variation error, as sg_past_sites_error. */
double sg_past_chain_error(const sg_past_chain *sampler);

#endif
