#include "dictionary/clusters.h"

#include <math.h>

sg_status sg_clusters_run(const char *name, const sg_model *model) {
    if (model->space.shape == SG_FINITE && model->space.q == 2 && model->family->pairs) return SG_OK;
    return sg_fail(SG_MISFIT,
                   "%s needs couplings between pairs of two-state sites, such as those of ising: %s has none", name,
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

void sg_clusters_delete(sg_clusters *c) {
    if (!c) return;
    sg_pairs_free(&c->pairs);
    void *part[] = {c->bond, c->tie, c->start, c->neighbour, c->link};
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) sg_delete(part[k]);
    sg_delete(c);
}

void sg_clusters_release(sg_prepared *prepared) {
    sg_clusters_delete((sg_clusters *)prepared);
}

static double opens(double J) {
    return copysign(-expm1(-2 * fabs(J)), J);
}

static sg_status allocate(const sg_pairs *pairs, bool neighbours, sg_clusters *c) {
    const size_t edges = (size_t)pairs->edges, n = (size_t)pairs->n;
    sg_status status = sg_new(&c->bond, edges + 1, sizeof(double));
    if (!status) status = sg_new(&c->tie, n, sizeof(double));
    if (status || !neighbours) return status;
    status = sg_new(&c->start, n + 1, sizeof(int));
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

sg_status sg_clusters_prepare(const sg_model *model, const double *theta, bool neighbours, sg_clusters **clusters) {
    sg_pairs pairs = {0};
    sg_clusters *made = *clusters;
    sg_status status = model->family->pairs(model, theta, &pairs);
    if (!status && !made) status = sg_new(&made, 1, sizeof *made);
    if (!status && !*clusters) status = allocate(&pairs, neighbours, made);
    if (status) {
        sg_pairs_free(&pairs);
        if (made != *clusters) sg_clusters_delete(made);
        return status;
    }
    sg_pairs_free(&made->pairs);
    made->pairs = pairs;
    for (int e = 0; e < pairs.edges; e++) made->bond[e] = opens(pairs.J[e]);
    for (int i = 0; i < pairs.n; i++) made->tie[i] = opens(pairs.field[i]);
    if (neighbours) find_neighbours(made);
    *clusters = made;
    return SG_OK;
}

void sg_clusters_step(void (*update)(const sg_clusters *clusters, sg_walk *walk, int chain),
                      const sg_clusters *clusters, sg_walk *walk) {
    for (double done = 0; done + 1 <= walk->dt; done++) {
        if (done > 0) sg_stream_seek(&walk->stream, walk->stream.block + 1);
        for (int c = 0; c < walk->block.n; c++) update(clusters, walk, c);
    }
}
