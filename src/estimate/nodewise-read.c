/* Which models are pairwise, and their data as weighted states. */
#include <string.h>

#include "dictionary/site-view.h"
#include "estimate/nodewise-own.h"
#include "estimate/source.h"

enum { B = SG_BLOCK };

/* How many sites touch each coordinate, and two of them. */
typedef struct {
    int count, site[2];
} touching;

static sg_status find_touching(const sg_model *model, touching **out) {
    int count;
    sg_status status = sg_new(out, (size_t)model->full, sizeof **out);
    if (status) return status;
    for (int i = 0; i < model->space.d; i++) {
        const int *list = model->family->touched(model, i, &count);
        for (int a = 0; a < count; a++) {
            touching *t = *out + (list ? list[a] : a);
            if (t->count < 2) t->site[t->count] = i;
            t->count++;
        }
    }
    return SG_OK;
}

/* All sites -1 at point 0; site j +1 at point j + 1. */
static void probes(int d, sg_block *block) {
    *block = (sg_block){.n = d + 1, .d = d, .draws = 1, .x = block->x};
    for (int a = 0; a < d; a++)
        for (int k = 0; k < B; k++) block->x[(size_t)a * B + k] = k == a + 1 ? 1 : -1;
}

/* A statistic that two sites i and j touch changes at a flip of i by -2 x_i (alpha + gamma x_j): two states tell all.
 */
static sg_nodewise_feature feature_of(const touching *t, int d, int site, const double *difference) {
    const int other = t->count < 2 ? d : t->site[0] == site ? t->site[1] : t->site[0];
    const double none = difference[0] / 2, one = other < d ? difference[other + 1] / 2 : none;
    return (sg_nodewise_feature){(one + none) / 2, (one - none) / 2, other};
}

/* Parameters that are free are features, the others fields. */
static void read_site(sg_nodewise *w, const touching *touch, int site, const double *difference) {
    int count, at = w->first[site];
    const int *list = w->model->family->touched(w->model, site, &count);
    double *fixed = w->fixed + site * (w->d + 1);
    for (int a = 0; a < count; a++) {
        const int coordinate = list ? list[a] : a;
        const sg_nodewise_feature f = feature_of(touch + coordinate, w->d, site, difference + (size_t)a * B);
        if (at < w->first[site + 1] && w->model->free[w->list[at]] == coordinate) {
            w->feature[at++] = f;
        } else {
            fixed[w->d] += w->start[coordinate] * f.alpha;
            fixed[f.site] += w->start[coordinate] * f.gamma;
        }
    }
}

static int touched_most(const sg_model *model) {
    int most = 0, count;
    for (int i = 0; i < model->space.d; i++) {
        model->family->touched(model, i, &count);
        if (count > most) most = count;
    }
    return most;
}

/* With no parameters at all, every state must be as likely as its neighbours. */
static sg_status read_features(sg_nodewise *w, const touching *touch, bool *flat) {
    const size_t full = (size_t)w->model->full;
    double *zero = NULL, *ratio, *difference;
    sg_status status = sg_new(&zero, full + (size_t)(touched_most(w->model) + 1) * B, sizeof(double));
    if (status) return status;
    ratio = zero + full;
    difference = ratio + B;
    *flat = true;
    probes(w->d, &w->block);
    for (int i = 0; i < w->d; i++) {
        w->model->family->move(w->model, zero, &w->block, i, 1, ratio, difference);
        for (int k = 0; k < w->block.n; k++) *flat = *flat && ratio[k] == 0;
        read_site(w, touch, i, difference);
    }
    sg_delete(zero);
    return SG_OK;
}

bool sg_nodewise_may(const sg_model *model) {
    const sg_family *family = model->family;
    return model->space.shape == SG_FINITE && model->space.q == 2 && model->space.d >= 2 &&
           model->space.d <= SG_PAIRS_SITES_MOST && family->touched && family->move && !(family->can & SG_HARD);
}

sg_status sg_nodewise_read(sg_nodewise *w, bool *pairwise) {
    touching *touch = NULL;
    sg_status status = find_touching(w->model, &touch);
    *pairwise = true;
    for (int a = 0; !status && a < w->model->full; a++) *pairwise = *pairwise && touch[a].count <= 2;
    if (!status && *pairwise) status = read_features(w, touch, pairwise);
    sg_delete(touch);
    return status;
}

/* ----------------------------------------------------------------------- states */

static sg_status make_room(sg_weighted_states *s, long long n) {
    if (n <= s->most) return SG_OK;
    sg_delete(s->code);
    sg_delete(s->weight);
    s->code = NULL, s->weight = NULL, s->most = 0;
    sg_status status = sg_new(&s->code, (size_t)n, sizeof *s->code);
    if (!status) status = sg_new(&s->weight, (size_t)n, sizeof(double));
    if (!status) s->most = n;
    return status;
}

static void append(sg_weighted_states *s, const sg_block *block) {
    uint32_t *code = s->code + s->n;
    memset(code, 0, (size_t)block->n * sizeof *code);
    for (int a = 0; a < s->d; a++) {
        const double *x = block->x + (size_t)a * B;
        for (int k = 0; k < block->n; k++) code[k] |= (uint32_t)(x[k] > 0) << a;
    }
    for (int k = 0; k < block->n; k++) {
        s->weight[s->n + k] = block->weight[k];
        s->total += block->weight[k];
    }
    s->n += block->n;
}

static void clear(sg_nodewise *w) {
    w->states.d = w->d;
    w->states.n = 0;
    w->states.total = 0;
}

/* The source itself where its states are gathered, otherwise a copy for which they are. */
static sg_status gather(sg_nodewise *w, const sg_source **source, sg_source *copy) {
    sg_status status = SG_OK;
    if (sg_source_form(*source, SG_GATHER_DISTINCT)) return SG_OK;
    *copy = **source;
    if (copy->n > w->room) {
        sg_gathered_delete(w->gathered);
        w->gathered = NULL, w->room = 0;
        if ((status = sg_gathered_new(w->model, copy->n, SG_GATHER_DISTINCT, &w->gathered))) return status;
        w->room = copy->n;
    }
    sg_source_gather(copy, w->gathered);
    *source = copy;
    return SG_OK;
}

sg_status sg_nodewise_load(sg_nodewise *w, const sg_source *source) {
    sg_source copy;
    sg_status status = gather(w, &source, &copy);
    const long long blocks = status ? 0 : sg_source_form_blocks(source, SG_GATHER_DISTINCT);
    if (!status) status = make_room(&w->states, blocks * B);
    if (status) return status;
    clear(w);
    for (long long b = 0; b < blocks; b++) {
        sg_source_form_block(source, SG_GATHER_DISTINCT, b, &w->block);
        append(&w->states, &w->block);
    }
    return SG_OK;
}
