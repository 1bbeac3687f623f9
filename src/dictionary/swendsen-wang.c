/*
 * Swendsen and Wang (1987): all bonds are drawn, and every cluster but the ghost's gets a state at random, of two that
 * where it is or the other.  P is positive: E[E[f | bonds] | x].
 */
#include <math.h>

#include "dictionary/clusters.h"
#include "dictionary/numbers.h"

enum { B = SG_BLOCK };

static const sg_field options[] = {{.key = NULL}};

static sg_status kernel(const sg_prepared *prepared, const sg_model *model, size_t memory, sg_kernel **out) {
    (void)model;
    return sg_clusters_kernel("swendsen-wang", prepared, false, memory, out);
}

/* ------------------------------------------------------------------- the step */

/* The ghost is node 0 and site i node i + 1.  A root is the least node of its cluster. */
static int root_of(int *parent, int node) {
    for (; parent[node] != node; node = parent[node]) parent[node] = parent[parent[node]];
    return node;
}

static void join(int *parent, int a, int b) {
    a = root_of(parent, a);
    b = root_of(parent, b);
    parent[a > b ? a : b] = a < b ? a : b;
}

static inline bool open(double bond, double x, double y, sg_numbers *r) {
    return sg_clusters_satisfied(bond, x, y) && sg_numbers_draw(r) < fabs(bond);
}

static void draw_bonds(const sg_clusters *c, const double *x, sg_numbers *r, int *parent) {
    const sg_pairs *p = &c->pairs;
    for (int k = 0; k <= p->n; k++) parent[k] = k;
    for (int e = 0; e < p->edges; e++)
        if (open(c->bond[e], x[(size_t)p->i[e] * B], x[(size_t)p->j[e] * B], r)) join(parent, p->i[e] + 1, p->j[e] + 1);
    for (int i = 0; i < p->n; i++)
        if (open(c->tie[i], x[(size_t)i * B], 1, r)) join(parent, 0, i + 1);
}

static void update(const sg_clusters *c, sg_walk *walk, int chain) {
    const int n = c->pairs.n, q = c->pairs.q;
    const size_t mark = sg_arena_mark(walk->arena);
    double *x = walk->block.x + chain;
    int *parent = sg_arena_take(walk->arena, (size_t)n + 1, sizeof(int));
    int *shift = sg_arena_take(walk->arena, (size_t)n + 1, sizeof(int)); /* of a root's cluster */
    sg_numbers r;
    if (!parent || !shift) goto out;
    sg_numbers_open(walk, chain, &r);
    draw_bonds(c, x, &r, parent);
    shift[0] = 0;
    for (int i = 0; i < n; i++) {
        const int root = root_of(parent, i + 1);
        if (root == i + 1) {
            shift[root] = q - 1 - sg_numbers_below(&r, q);
            walk->proposed++;
            walk->accepted += shift[root] > 0;
        }
        x[(size_t)i * B] = sg_clusters_shifted(q, x[(size_t)i * B], shift[root]);
    }
out:
    sg_arena_rewind(walk->arena, mark);
}

static void step(const sg_prepared *prepared, sg_walk *walk) {
    sg_clusters_step(update, prepared, walk);
}

const sg_row sg_row_swendsen_wang = {
    .name = "swendsen-wang",
    .dynamics = "swendsen-wang",
    .clock = "one update in discrete time: all bonds are drawn, every cluster gets a state at random",
    .generator_formula = "E[E[f | bonds] | x] - f",
    .summary = "all clusters of open bonds get states at random: no loss",
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
    .positive = true,
};
