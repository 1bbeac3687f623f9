#include "family/elimination.h"

#include <math.h>

enum { B = SG_BLOCK };

struct sg_elimination_sampler {
    sg_elimination *plan;
    double *conditional; /* [tables] */
};

void sg_elimination_sampler_delete(sg_elimination_sampler *s) {
    if (!s) return;
    sg_elimination_delete(s->plan);
    sg_delete(s->conditional);
    sg_delete(s);
}

/* The pass up keeps the probabilities of each site given those that are summed out after it. */
static sg_status fill(const sg_factors *factors, sg_elimination_sampler *s) {
    const sg_elimination *plan = s->plan;
    sg_elimination_pass pass = {0};
    double log_z;
    const double bytes = ((double)plan->tables + (double)plan->slots + (double)plan->largest) * sizeof(double);
    if (bytes > SG_ELIMINATION_BYTES)
        return sg_fail(SG_REFUSED,
                       "exact draws from these %d sites need tables of %.3g GiB, more than 1: take a narrower graph",
                       plan->n, bytes / 0x1p30);
    sg_status status = sg_new(&s->conditional, plan->tables + 1, sizeof(double));
    if (status == SG_OK) status = sg_new(&pass.message, plan->slots + 1, sizeof(double));
    if (status == SG_OK) status = sg_new(&pass.table, plan->largest + 1, sizeof(double));
    if (status == SG_OK) {
        pass.conditional = s->conditional;
        sg_elimination_up(plan, factors, &pass, &log_z, NULL, NULL);
        if (!isfinite(log_z)) status = sg_fail(SG_NOT_INTEGRABLE, "the sum over all states is not positive and finite");
    }
    sg_delete(pass.message);
    sg_delete(pass.table);
    return status;
}

sg_status sg_elimination_sampler_new(const sg_model *model, const double *theta, sg_elimination_sampler **sampler) {
    sg_elimination_sampler *made = NULL;
    sg_factors *factors = NULL;
    *sampler = NULL;
    sg_status status = sg_model_factors(model, theta, &factors);
    if (status == SG_OK) status = sg_new(&made, 1, sizeof *made);
    if (status == SG_OK) status = sg_elimination_plan(factors, false, &made->plan);
    if (status == SG_OK) status = fill(factors, made);
    sg_factors_delete(factors);
    if (status != SG_OK) {
        sg_elimination_sampler_delete(made);
        return status;
    }
    *sampler = made;
    return SG_OK;
}

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

void sg_elimination_sampler_draw(const sg_elimination_sampler *s, sg_stream *stream, sg_block *block) {
    const sg_elimination *plan = s->plan;
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
        choose(plan->q, entries, s->conditional + plan->table[k], block->n, index, u,
               block->x + (size_t)o->order[k] * B);
    }
    stream->index = begin + (uint32_t)o->count * (B / 2);
}
