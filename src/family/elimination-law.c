#include <math.h>
#include <string.h>

#include "family/elimination.h"

enum { B = SG_BLOCK };

void sg_elimination_law_delete(sg_elimination_law *law) {
    if (!law) return;
    sg_elimination_delete(law->plan);
    sg_delete(law->conditional);
    sg_delete(law->probability);
    sg_delete(law);
}

static sg_status check_room(const sg_elimination *plan, bool marginals) {
    const double doubles =
        (double)plan->tables + (double)plan->slots + (double)plan->largest + (marginals ? (double)plan->messages : 0);
    const double bytes = doubles * sizeof(double);
    if (bytes <= SG_ELIMINATION_BYTES) return SG_OK;
    return sg_fail(SG_REFUSED,
                   "the probabilities of these %d sites given each other need tables of %.3g GiB, more than 1: take a "
                   "narrower or a shorter graph (strips of 12 sites may be 800 long, periodic ones of 8 sites 80)",
                   plan->n, bytes / 0x1p30);
}

/* The pass up keeps the probabilities of each site given those that are summed out after it. */
static sg_status fill_conditional(const sg_factors *factors, sg_elimination_law *law) {
    const sg_elimination *plan = law->plan;
    sg_elimination_pass pass = {0};
    double log_z;
    sg_status status = sg_new(&law->conditional, plan->tables + 1, sizeof(double));
    if (status == SG_OK) status = sg_new(&pass.message, plan->slots + 1, sizeof(double));
    if (status == SG_OK) status = sg_new(&pass.table, plan->largest + 1, sizeof(double));
    if (status == SG_OK) {
        pass.conditional = law->conditional;
        sg_elimination_up(plan, factors, &pass, &log_z, NULL, NULL);
        if (!isfinite(log_z)) status = sg_fail(SG_NOT_INTEGRABLE, "the sum over all states is not positive and finite");
    }
    sg_delete(pass.message);
    sg_delete(pass.table);
    return status;
}

/* The pass down, of probabilities alone. */
static sg_status fill_probability(sg_elimination_law *law) {
    const sg_elimination *plan = law->plan;
    double *table = NULL;
    sg_status status = sg_new(&law->probability, plan->messages + 1, sizeof(double));
    if (status == SG_OK) status = sg_new(&table, plan->largest + 1, sizeof(double));
    for (int k = plan->order.count - 1; k >= 0 && status == SG_OK; k--) {
        const size_t entries = sg_elimination_power(plan->q, sg_elimination_later(plan, k));
        const double *conditional = law->conditional + plan->table[k];
        double *left = law->probability + plan->message[k];
        if (entries == 1) *left = 1;
        for (size_t s = 0; s < (size_t)plan->q; s++)
            for (size_t i = 0; i < entries; i++) table[s * entries + i] = conditional[s * entries + i] * left[i];
        for (int c = plan->child[k]; c >= 0; c = plan->next[c]) {
            sg_table_map map;
            sg_table_map_message(plan, k, c, &map);
            sg_table_gather(&map, table, law->probability + plan->message[c]);
        }
    }
    sg_delete(table);
    return status;
}

sg_status sg_elimination_law_new(const sg_factors *factors, bool marginals, sg_elimination_law **law) {
    sg_elimination_law *made = NULL;
    *law = NULL;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status == SG_OK) status = sg_elimination_plan(factors, false, &made->plan);
    if (status == SG_OK) status = check_room(made->plan, marginals);
    if (status == SG_OK) status = fill_conditional(factors, made);
    if (status == SG_OK && marginals) status = fill_probability(made);
    if (status != SG_OK) {
        sg_elimination_law_delete(made);
        return status;
    }
    *law = made;
    return SG_OK;
}

/* -------------------------------------------------------------------- draws */

/* index = index q + state of a site at each point. */
static void add_digit(int q, int n, const double *restrict x, int32_t *restrict index) {
    if (q == 2) {
#pragma omp simd
        for (int i = 0; i < n; i++) index[i] = 2 * index[i] + (x[i] > 0 ? 1 : 0);
    } else {
#pragma omp simd
        for (int i = 0; i < n; i++) index[i] = q * index[i] + (int32_t)x[i];
    }
}

static void choose(int q, size_t entries, const double *table, int n, const int32_t *index, const double *u,
                   double *restrict x) {
    for (int i = 0; i < n && q == 2; i++) x[i] = u[i] < table[entries + (size_t)index[i]] ? 1 : -1;
    for (int i = 0; i < n && q > 2; i++) {
        int s = 0;
        for (double left = u[i]; s < q - 1 && left >= table[(size_t)s * entries + (size_t)index[i]]; s++)
            left -= table[(size_t)s * entries + (size_t)index[i]];
        x[i] = s;
    }
}

void sg_elimination_law_draw(const sg_elimination_law *law, sg_stream *stream, sg_block *block) {
    const sg_elimination *plan = law->plan;
    const sg_site_order *o = &plan->order;
    const uint32_t begin = stream->index;
    double u[B];
    int32_t index[B];
    for (int k = o->count - 1, drawn = 0; k >= 0; k--, drawn++) {
        const size_t entries = sg_elimination_power(plan->q, sg_elimination_later(plan, k));
        for (int i = 0; i < block->n; i++) index[i] = 0;
        for (int a = o->start[k]; a < o->start[k + 1]; a++)
            add_digit(plan->q, block->n, block->x + (size_t)o->order[o->later[a]] * B, index);
        stream->index = begin + (uint32_t)drawn * (B / 2);
        sg_stream_uniform(stream, (size_t)block->n, u);
        choose(plan->q, entries, law->conditional + plan->table[k], block->n, index, u,
               block->x + (size_t)o->order[k] * B);
    }
    stream->index = begin + (uint32_t)o->count * (B / 2);
}
