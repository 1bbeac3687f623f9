/*
 * Wolff (1989): the cluster of one site, chosen uniformly, is grown bond by bond and gets another state, unless it
 * holds the ghost. Reversible, but not positive: a chain of free sites alternates between even and odd numbers of +1.
 */
#include <math.h>
#include <string.h>

#include "dictionary/clusters.h"
#include "dictionary/numbers.h"

enum { B = SG_BLOCK };

static const sg_field options[] = {{.key = NULL}};

static sg_status kernel(const sg_prepared *prepared, const sg_model *model, size_t memory, sg_kernel **out) {
    (void)model;
    return sg_clusters_kernel("wolff", prepared, true, memory, out);
}

/* ------------------------------------------------------------------- the step */

/*
 * Fills site [*size] with the cluster of a site; false: it holds the ghost, and is given up.  A bond is drawn once,
 * from the end that comes first.
 */
static bool grow(const sg_clusters *c, const double *x, sg_numbers *r, char *inside, int *site, int *size) {
    site[0] = sg_numbers_below(r, c->pairs.n);
    inside[site[0]] = 1;
    *size = 1;
    for (int k = 0; k < *size; k++) {
        const int i = site[k];
        const double here = x[(size_t)i * B];
        if (sg_clusters_satisfied(c->tie[i], here, 1) && sg_numbers_draw(r) < fabs(c->tie[i])) return false;
        for (int a = c->start[i]; a < c->start[i + 1]; a++) {
            const int j = c->neighbour[a];
            if (inside[j] || !sg_clusters_satisfied(c->link[a], here, x[(size_t)j * B])) continue;
            if (!(sg_numbers_draw(r) < fabs(c->link[a]))) continue;
            inside[j] = 1;
            site[(*size)++] = j;
        }
    }
    return true;
}

static void update(const sg_clusters *c, sg_walk *walk, int chain) {
    const size_t n = (size_t)c->pairs.n, mark = sg_arena_mark(walk->arena);
    double *x = walk->block.x + chain;
    char *inside = sg_arena_take(walk->arena, n, 1);
    int *site = sg_arena_take(walk->arena, n, sizeof(int)), size;
    sg_numbers r;
    if (!inside || !site) goto out;
    memset(inside, 0, n);
    sg_numbers_open(walk, chain, &r);
    const bool free = grow(c, x, &r, inside, site, &size);
    const int q = c->pairs.q, shift = q > 2 ? 1 + sg_numbers_below(&r, q - 1) : 1;
    for (int k = 0; free && k < size; k++)
        x[(size_t)site[k] * B] = sg_clusters_shifted(q, x[(size_t)site[k] * B], shift);
    walk->proposed++;
    walk->accepted += free;
out:
    sg_arena_rewind(walk->arena, mark);
}

static void step(const sg_prepared *prepared, sg_walk *walk) {
    sg_clusters_step(update, prepared, walk);
}

const sg_row sg_row_wolff = {
    .name = "wolff",
    .dynamics = "wolff",
    .clock = "one update in discrete time: the cluster of one site, chosen uniformly, gets another state",
    .generator_formula = "E f(x moved on the cluster of a random site) - f",
    .summary = "the cluster of one random site gets another state: no loss",
    .options = options,
    .kind = SG_KERNEL,
    .fit = SG_GENERAL,
    .roots = sg_clusters_roots,
    .jets = sg_clusters_jets,
    .prepare = sg_clusters_prepare,
    .release = sg_clusters_release,
    .step = step,
    .runs = sg_clusters_run,
    .sampler_only = true,
    .kernel = kernel,
};
