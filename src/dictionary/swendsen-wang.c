/*
 * Swendsen and Wang (1987): all bonds are drawn, and every cluster but the ghost's is turned with probability 1/2.  P
 * is positive: E[E[f | bonds] | x].
 */
#include <math.h>

#include "dictionary/clusters.h"
#include "dictionary/numbers.h"

enum { B = SG_BLOCK };

static const sg_field options[] = {{.key = NULL}};

static sg_status fits(const void *own, const sg_model *model) {
    (void)own, (void)model;
    return sg_fail(SG_MISFIT, "swendsen-wang has no loss: it is a sampler, for gap, mixing and sample");
}

static sg_status runs(const void *own, const sg_model *model) {
    (void)own;
    return sg_clusters_run("swendsen-wang", model);
}

static sg_status prepare(const void *own, const sg_model *model, const double *theta, const sg_panels *panels,
                         sg_prepared **prepared) {
    (void)own, (void)panels;
    sg_clusters *made = (sg_clusters *)*prepared;
    sg_status status = sg_clusters_prepare(model, theta, false, &made);
    *prepared = (sg_prepared *)made;
    return status;
}

static sg_status kernel(const sg_prepared *prepared, const sg_model *model, size_t memory, sg_kernel **out) {
    (void)model;
    return sg_clusters_kernel("swendsen-wang", (const sg_clusters *)prepared, false, memory, out);
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

static inline bool open(double bond, double product, sg_numbers *r) {
    return bond * product > 0 && sg_numbers_draw(r) < fabs(bond);
}

static void draw_bonds(const sg_clusters *c, const signed char *x, sg_numbers *r, int *parent) {
    const sg_pairs *p = &c->pairs;
    for (int k = 0; k <= p->n; k++) parent[k] = k;
    for (int e = 0; e < p->edges; e++)
        if (open(c->bond[e], x[p->i[e]] * x[p->j[e]], r)) join(parent, p->i[e] + 1, p->j[e] + 1);
    for (int i = 0; i < p->n; i++)
        if (open(c->tie[i], x[i], r)) join(parent, 0, i + 1);
}

static void update(const sg_clusters *c, sg_walk *walk, int chain) {
    const int n = c->pairs.n;
    const size_t mark = sg_arena_mark(walk->arena);
    double *state = walk->block.x + chain;
    signed char *x = sg_arena_take(walk->arena, (size_t)n, 1), *turn = sg_arena_take(walk->arena, (size_t)n + 1, 1);
    int *parent = sg_arena_take(walk->arena, (size_t)n + 1, sizeof(int));
    sg_numbers r;
    if (!x || !turn || !parent) goto out;
    sg_numbers_open(walk, chain, &r);
    for (int i = 0; i < n; i++) x[i] = state[(size_t)i * B] > 0 ? 1 : -1;
    draw_bonds(c, x, &r, parent);
    turn[0] = 0;
    for (int i = 0; i < n; i++) {
        const int root = root_of(parent, i + 1);
        if (root == i + 1) {
            turn[root] = sg_numbers_draw(&r) < 0.5;
            walk->proposed++;
            walk->accepted += turn[root];
        }
        state[(size_t)i * B] = turn[root] ? -x[i] : x[i];
    }
out:
    sg_arena_rewind(walk->arena, mark);
}

static void step(const sg_prepared *prepared, sg_walk *walk) {
    sg_clusters_step(update, (const sg_clusters *)prepared, walk);
}

const sg_row sg_row_swendsen_wang = {
    .name = "swendsen-wang",
    .dynamics = "swendsen-wang",
    .clock = "one update in discrete time: all bonds are drawn, every cluster is turned with probability 1/2",
    .generator_formula = "E[E[f | bonds] | x] - f",
    .summary = "all clusters of open bonds are turned at random: no loss",
    .options = options,
    .kind = SG_KERNEL,
    .fit = SG_GENERAL,
    .fits = fits,
    .roots = sg_clusters_roots,
    .jets = sg_clusters_jets,
    .prepare = prepare,
    .release = sg_clusters_release,
    .step = step,
    .runs = runs,
    .sampler_only = true,
    .kernel = kernel,
};
