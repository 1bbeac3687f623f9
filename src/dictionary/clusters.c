#include "dictionary/clusters.h"

#include <math.h>

sg_status sg_clusters_run(const void *options, const sg_model *model) {
    (void)options;
    if (model->space.shape == SG_FINITE && model->family->pairs) return SG_OK;
    return sg_fail(SG_MISFIT,
                   "clusters need couplings between pairs of sites, such as those of ising or potts: %s has none",
                   model->text);
}

int sg_clusters_roots(const sg_model *model) {
    (void)model;
    return 0;
}

int sg_clusters_jets(const sg_model *model, int want) {
    (void)model, (void)want;
    return 0;
}

static void delete (sg_clusters *c) {
    if (!c) return;
    sg_pairs_free(&c->pairs);
    void *part[] = {c->bond, c->tie, c->start, c->neighbour, c->link};
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) sg_delete(part[k]);
    sg_delete(c);
}

void sg_clusters_release(sg_prepared *prepared) {
    delete ((sg_clusters *)prepared);
}

static double opens(int q, double J) {
    return q == 2 ? copysign(-expm1(-2 * fabs(J)), J) : -expm1(-J);
}

static sg_status allocate(const sg_pairs *pairs, sg_clusters *c) {
    const size_t edges = (size_t)pairs->edges, n = (size_t)pairs->n;
    sg_status status = sg_new(&c->bond, edges + 1, sizeof(double));
    if (!status) status = sg_new(&c->tie, n, sizeof(double));
    if (!status) status = sg_new(&c->start, n + 1, sizeof(int));
    if (!status) status = sg_new(&c->neighbour, 2 * edges + 1, sizeof(int));
    if (!status) status = sg_new(&c->link, 2 * edges + 1, sizeof(double));
    return status;
}

/* Edges sorted by their ends: start first counts, then moves. */
static void find_neighbours(sg_clusters *c) {
    const sg_pairs *p = &c->pairs;
    const int *end[] = {p->i, p->j};
    for (int k = 0; k <= p->n; k++) c->start[k] = 0;
    for (int e = 0; e < p->edges; e++) {
        c->start[p->i[e] + 1]++;
        c->start[p->j[e] + 1]++;
    }
    for (int k = 0; k < p->n; k++) c->start[k + 1] += c->start[k];
    for (int e = 0; e < p->edges; e++)
        for (int side = 0; side < 2; side++) {
            const int at = c->start[end[side][e]]++;
            c->neighbour[at] = end[1 - side][e];
            c->link[at] = c->bond[e];
        }
    for (int k = p->n; k > 0; k--) c->start[k] = c->start[k - 1];
    c->start[0] = 0;
}

static sg_status check(const sg_model *model, const sg_pairs *pairs) {
    for (int e = 0; e < pairs->edges && pairs->q > 2; e++)
        if (pairs->J[e] < 0)
            return sg_fail(SG_OUT_OF_RANGE,
                           "the coupling %g of sites %d and %d of %s is negative: clusters of sites with more than two "
                           "states need couplings that are not",
                           pairs->J[e], pairs->i[e], pairs->j[e], model->text);
    return SG_OK;
}

sg_status sg_clusters_prepare(const void *options, const sg_model *model, const double *theta, const sg_panels *panels,
                              sg_prepared **prepared) {
    sg_pairs pairs = {0};
    sg_clusters *made = (sg_clusters *)*prepared;
    (void)options, (void)panels;
    sg_status status = model->family->pairs(model, theta, &pairs);
    if (!status) status = check(model, &pairs);
    if (!status && !made) status = sg_new(&made, 1, sizeof *made);
    if (!status && !*prepared) status = allocate(&pairs, made);
    if (status) {
        sg_pairs_free(&pairs);
        if (made != (sg_clusters *)*prepared) delete (made);
        return status;
    }
    sg_pairs_free(&made->pairs);
    made->pairs = pairs;
    for (int e = 0; e < pairs.edges; e++) made->bond[e] = opens(pairs.q, pairs.J[e]);
    for (int i = 0; i < pairs.n; i++) made->tie[i] = pairs.field ? opens(2, pairs.field[i]) : 0;
    find_neighbours(made);
    *prepared = (sg_prepared *)made;
    return SG_OK;
}

void sg_clusters_step(void (*update)(const sg_clusters *clusters, sg_walk *walk, int chain),
                      const sg_prepared *prepared, sg_walk *walk) {
    const sg_clusters *clusters = (const sg_clusters *)prepared;
    for (double done = 0; done + 1 <= walk->dt; done++) {
        if (done > 0) sg_stream_seek(&walk->stream, walk->stream.block + 1);
        for (int c = 0; c < walk->block.n; c++) update(clusters, walk, c);
    }
}
