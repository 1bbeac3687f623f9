#include "family/spin-sampler.h"

#include <math.h>

enum { B = SG_BLOCK, SITES_MOST = 20 };

struct sg_spin_sampler {
    int d, count;       /* of sites; of classes or states */
    bool counts;        /* entry k: k sites in state 1; otherwise entry k is the state with code k */
    double *cumulative; /* [count] of the probabilities */
};

void sg_spin_sampler_delete(sg_spin_sampler *s) {
    if (!s) return;
    sg_delete(s->cumulative);
    sg_delete(s);
}

/* Logs of weights into cumulative probabilities. */
static void accumulate(int count, double *value) {
    double most = -INFINITY, sum = 0;
    for (int k = 0; k < count; k++) most = fmax(most, value[k]);
    for (int k = 0; k < count; k++) sum = value[k] = sum + exp(value[k] - most);
    for (int k = 0; k < count; k++) value[k] /= sum;
}

static sg_status take(int count, sg_spin_sampler *s) {
    s->count = count;
    return sg_new(&s->cumulative, (size_t)count, sizeof(double));
}

/* *found: there are classes by the number of sites in state 1. */
static sg_status by_classes(const sg_model *model, const double *theta, bool *found, sg_spin_sampler *s) {
    sg_lumped *lumped = NULL;
    *found = false;
    if (!model->family->lump) return SG_OK;
    sg_status status = model->family->lump(model, theta, &lumped);
    if (status == SG_REFUSED) return SG_OK;
    if (status) return status;
    *found = s->counts = lumped->counts;
    if (s->counts) status = take(lumped->classes, s);
    for (int k = 0; !status && s->counts && k < s->count; k++)
        s->cumulative[k] = lumped->log_p[k] + lumped->log_size[k];
    sg_lumped_delete(lumped);
    return status;
}

static sg_status by_states(const sg_model *model, const double *theta, sg_spin_sampler *s) {
    if (s->d > SITES_MOST)
        return sg_fail(SG_REFUSED, "there are no exact draws from %s: all its states are listed up to %d sites only",
                       model->text, (int)SITES_MOST);
    sg_status status = take(1 << s->d, s);
    if (status == SG_OK) model->family->states(model, theta, 0, s->count, s->cumulative);
    return status;
}

sg_status sg_spin_sampler_new(const sg_model *model, const double *theta, sg_spin_sampler **sampler) {
    sg_spin_sampler *made = NULL;
    bool found = false;
    *sampler = NULL;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) return status;
    made->d = model->space.d;
    status = by_classes(model, theta, &found, made);
    if (status == SG_OK && !found) status = by_states(model, theta, made);
    if (status != SG_OK) {
        sg_spin_sampler_delete(made);
        return status;
    }
    accumulate(made->count, made->cumulative);
    *sampler = made;
    return SG_OK;
}

/* First entry whose cumulative probability exceeds u. */
static int entry_of(const sg_spin_sampler *s, double u) {
    int low = 0, high = s->count - 1;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (s->cumulative[middle] > u)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

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

/* Point i takes the same numbers however many points there are. */
void sg_spin_sampler_draw(const sg_spin_sampler *s, sg_stream *stream, sg_block *block) {
    double u[B];
    int entry[B];
    const uint32_t next = stream->index + B / 2;
    sg_stream_uniform(stream, (size_t)block->n, u);
    for (int i = 0; i < block->n; i++) entry[i] = entry_of(s, u[i]);
    if (s->counts) {
        spread(s, stream, next, entry, block);
        return;
    }
    for (int a = 0; a < s->d; a++)
        for (int i = 0; i < block->n; i++) block->x[(size_t)a * B + (size_t)i] = entry[i] >> a & 1 ? 1 : -1;
    stream->index = next;
}
