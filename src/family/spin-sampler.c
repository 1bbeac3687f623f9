#include "family/spin-sampler.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "family/elimination.h"
#include "family/spin-sampler-past.h"

enum { B = SG_BLOCK, STATES_MOST = 1 << 20, METHOD = 160 };
static const double LITTLE = 0x1p19, MUCH = 0x1p23; /* of trials of single sites */

/* One of the methods. */
struct sg_spin_sampler {
    int d, q;
    bool counts;          /* entry k of the table: k sites in state 1; otherwise the state with code k */
    sg_entry_table table; /* count 0: not used */
    sg_elimination_law *elimination;
    sg_past_sites *sites;
    sg_past_clusters *clusters;
    sg_past_chain *chain;
    char method[METHOD];
};

void sg_spin_sampler_delete(sg_spin_sampler *s) {
    if (!s) return;
    sg_entry_table_free(&s->table);
    sg_elimination_law_delete(s->elimination);
    sg_past_sites_delete(s->sites);
    sg_past_clusters_delete(s->clusters);
    sg_past_chain_delete(s->chain);
    sg_delete(s);
}

/* ---------------------------------------------------------- choice of a method */

/* *found: there are classes by the number of sites in state 1. */
static sg_status by_classes(const sg_model *model, const double *theta, bool *found, sg_spin_sampler *s) {
    sg_lumped *lumped = NULL;
    if (!model->family->lump) return SG_OK;
    sg_status status = model->family->lump(model, theta, &lumped);
    if (status == SG_REFUSED) return SG_OK;
    if (status) return status;
    *found = s->counts = lumped->counts;
    if (s->counts) status = sg_entry_table_new(lumped->classes, &s->table);
    for (int k = 0; !status && s->counts && k < lumped->classes; k++)
        s->table.cumulative[k] = lumped->log_p[k] + lumped->log_size[k];
    sg_lumped_delete(lumped);
    if (!*found || status) return status;
    snprintf(s->method, METHOD, "the law of the number of sites in state 1");
    return sg_entry_table_settle(&s->table);
}

static sg_status by_states(const sg_model *model, const double *theta, bool *found, sg_spin_sampler *s) {
    const double states = sg_model_states(model);
    if (!(states <= STATES_MOST) || !model->family->states) return SG_OK;
    *found = true;
    sg_status status = sg_entry_table_new((int)states, &s->table);
    if (status) return status;
    model->family->states(model, theta, 0, s->table.count, s->table.cumulative);
    snprintf(s->method, METHOD, "all %d states", s->table.count);
    return sg_entry_table_settle(&s->table);
}

static sg_status by_elimination(const sg_model *model, const double *theta, bool *found, sg_spin_sampler *s) {
    sg_factors *factors = NULL;
    sg_status status = sg_model_factors(model, theta, &factors);
    if (status == SG_OK) status = sg_elimination_law_new(factors, false, &s->elimination);
    sg_factors_delete(factors);
    if (status == SG_REFUSED) return SG_OK;
    *found = true;
    snprintf(s->method, METHOD, "elimination of one site after the other");
    return status;
}

/* Bounds of single sites; clusters where these take long; bounds that take long. */
static sg_status by_past(const sg_spin_pairs *pairs, sg_spin_sampler *s) {
    sg_status status = sg_past_sites_new(pairs, LITTLE, &s->sites);
    if (status == SG_REFUSED) status = sg_past_clusters_new(pairs, &s->clusters);
    if (status == SG_REFUSED && pairs->q == 2) status = sg_past_sites_new(pairs, MUCH, &s->sites);
    if (status != SG_OK) return status;
    if (s->clusters)
        snprintf(s->method, METHOD, "coupling from the past of the random-cluster model, at least %lld sweeps",
                 sg_past_clusters_sweeps(s->clusters));
    else
        snprintf(s->method, METHOD, "coupling from the past of bounds of single sites, at least %lld sweeps",
                 sg_past_sites_sweeps(s->sites));
    return SG_OK;
}

/* A chain that is nearly in equilibrium: of pairs of two-state sites (pairs NULL: there are no such), or by factors. */
static sg_status by_chain(const sg_model *model, const double *theta, const sg_spin_pairs *pairs, sg_spin_sampler *s) {
    sg_status status =
        pairs && pairs->q == 2 ? sg_past_sites_new(pairs, 0, &s->sites) : sg_past_chain_new(model, theta, &s->chain);
    if (status != SG_OK) return status;
    snprintf(s->method, METHOD,
             "%lld sweeps of the heat bath from random states, not exact: the error is estimated from the times at "
             "which chains meet",
             s->chain ? sg_past_chain_sweeps(s->chain) : sg_past_sites_sweeps(s->sites));
    return SG_OK;
}

static sg_status by_sweeps(const sg_model *model, const double *theta, sg_spin_sampler *s) {
    sg_spin_pairs pairs;
    sg_status status = sg_spin_pairs_new(model, theta, &pairs);
    const bool paired = status == SG_OK;
    if (paired) status = by_past(&pairs, s);
    if (status == SG_REFUSED) status = by_chain(model, theta, paired ? &pairs : NULL, s);
    sg_spin_pairs_free(&pairs);
    return status;
}

static sg_status fill(const sg_model *model, const double *theta, sg_spin_sampler *s) {
    bool found = false;
    s->d = model->space.d;
    s->q = model->space.q;
    sg_status status = by_classes(model, theta, &found, s);
    if (status == SG_OK && !found) status = by_states(model, theta, &found, s);
    if (status == SG_OK && !found) status = by_elimination(model, theta, &found, s);
    if (status == SG_OK && !found) status = by_sweeps(model, theta, s);
    if (status != SG_REFUSED) return status;
    return sg_fail_within(SG_REFUSED,
                          "there are no draws from %s, which has more than 2^20 states and no narrow graph: take fewer "
                          "sites or a higher temperature",
                          model->text);
}

sg_status sg_spin_sampler_new(const sg_model *model, const double *theta, sg_spin_sampler **sampler) {
    sg_spin_sampler *made = NULL;
    *sampler = NULL;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status == SG_OK) status = fill(model, theta, made);
    if (status != SG_OK) {
        sg_spin_sampler_delete(made);
        return status;
    }
    *sampler = made;
    return SG_OK;
}

double sg_spin_sampler_error(const sg_spin_sampler *s) {
    if (s->chain) return sg_past_chain_error(s->chain);
    return s->sites ? sg_past_sites_error(s->sites) : 0;
}

const char *sg_spin_sampler_method(const sg_spin_sampler *s) {
    return s->method;
}

/* -------------------------------------------------------------------- draws */

/* Site after site: `left` of the sites that remain get +1, each of them equally likely. */
static void spread(const sg_spin_sampler *s, sg_stream *stream, uint32_t next, const int *entry, sg_block *block) {
    double u[B], left[B];
    for (int i = 0; i < block->n; i++) left[i] = entry[i];
    for (int a = 0; a < s->d; a++) {
        stream->index = next + (uint32_t)a * (B / 2);
        sg_stream_uniform(stream, (size_t)block->n, u);
        for (int i = 0; i < block->n; i++) {
            const bool up = u[i] * (s->d - a) < left[i];
            block->x[(size_t)a * B + (size_t)i] = up ? 1 : -1;
            left[i] -= up;
        }
    }
    stream->index = next + (uint32_t)s->d * (B / 2);
}

static void decode(const sg_spin_sampler *s, int *entry, sg_block *block) {
    for (int a = 0; a < s->d; a++)
        for (int i = 0; i < block->n; i++) {
            const int state = entry[i] % s->q;
            entry[i] /= s->q;
            block->x[(size_t)a * B + (size_t)i] = s->q == 2 ? 2 * state - 1 : state;
        }
}

static void draw_entries(const sg_spin_sampler *s, sg_stream *stream, sg_block *block) {
    double u[B];
    int entry[B];
    const uint32_t next = stream->index + B / 2;
    sg_stream_uniform(stream, (size_t)block->n, u);
    for (int i = 0; i < block->n; i++) entry[i] = sg_entry_table_at(&s->table, u[i]);
    stream->index = next;
    if (s->counts)
        spread(s, stream, next, entry, block);
    else
        decode(s, entry, block);
}

void sg_spin_sampler_draw(const sg_spin_sampler *s, sg_stream *stream, sg_block *block) {
    if (s->table.count)
        draw_entries(s, stream, block);
    else if (s->elimination)
        sg_elimination_law_draw(s->elimination, stream, block);
    else if (s->sites)
        sg_past_sites_draw(s->sites, stream, block);
    else if (s->chain)
        sg_past_chain_draw(s->chain, stream, block);
    else
        sg_past_clusters_draw(s->clusters, stream, block);
}
