/* First looks, and elements placed by them. */
#include <math.h>
#include <string.h>

#include "work.h"

enum { SPLITS = 12, LEAST_ORDER = 4 };
static const double NEAR = 0.1; /* of the width of a slab: an edge so near to a cut is moved onto it */

sg_status sg_grid_look(sg_grid_work *w) {
    static const int resolution[] = {0, 600, 64, 26}, most[] = {0, 10000, 320, 40};
    const sg_grid_settings *s = &w->s;
    const int d = w->problem->d;
    bool turn = !s->fixed_frame && !s->cells[0] && !w->problem->cuts;
    sg_frame frame;
    sg_status status = sg_grid_fit_frame(w->problem, turn, w->deeper, &frame, NULL);
    for (int cells = resolution[d], next; !status; cells = next) {
        sg_scout_delete(w->scout);
        w->scout = NULL;
        status = sg_scout_new(w->problem, &frame, cells, s->count, s->memory, s->stop, &w->scout);
        if (status) break;
        if (turn && sg_scout_cut_off(w->scout)) {
            turn = false;
            status = sg_grid_fit_frame(w->problem, turn, w->deeper, &frame, NULL);
            next = cells;
            continue;
        }
        next = sg_scout_resolution(w->scout, most[d]);
        if (next < 1.6 * cells) break;
    }
    return status;
}

static void given_slabs(sg_grid_work *w) {
    const sg_scout *s = w->scout;
    for (int a = 0; a < SG_DIM; a++) {
        const int n = a < s->d && w->s.cells[a] ? w->s.cells[a] : 1;
        w->slabs.count[a] = n;
        w->slabs.order[a] = w->s.order;
        for (int k = 0; k <= n; k++) w->slabs.edge[a][k] = ((n - k) * s->frame.lo[a] + k * s->frame.hi[a]) / n;
    }
}

/* Which ends are not those of the problem's box. */
static void find_open_ends(sg_grid_work *w) {
    const sg_grid_problem *p = w->problem;
    for (int a = 0; a < p->d; a++) {
        const double slack = 1e-12 * (p->hi[a] - p->lo[a]), *edge = w->slabs.edge[a];
        w->slabs.open[a][0] = w->scout->frame.turned || edge[0] > p->lo[a] + slack;
        w->slabs.open[a][1] = w->scout->frame.turned || edge[w->slabs.count[a]] < p->hi[a] - slack;
    }
}

/* Halves slabs that p is too steep for, and chooses the elements. */
static sg_status settle(sg_grid_work *w) {
    const double share = 1e-4 * w->s.tol, tol = fmax(1e-3 * w->s.tol, 1e-12);
    const bool given = w->s.cells[0] != 0;
    double *weight = NULL;
    sg_status status = SG_OK;
    for (int round = 0, halved = 1; !status && halved && round < SPLITS; round++) {
        sg_delete(weight);
        weight = NULL;
        status = sg_scout_weigh(w->scout, share, &w->slabs, &weight);
        if (!status)
            status = sg_slabs_resolve(w->problem, w->scout, weight, tol, w->most_degree, !given, &w->slabs, &halved);
        w->unresolved = halved > 0;
        if (given) break;
    }
    find_open_ends(w);
    sg_delete(w->keep);
    w->keep = NULL;
    const size_t all = (size_t)w->slabs.count[0] * (size_t)w->slabs.count[1] * (size_t)w->slabs.count[2];
    if (!status) status = sg_new(&w->keep, all, 1);
    for (size_t i = 0; i < all && !status; i++) w->keep[i] = weight[i] > 0;
    sg_delete(weight);
    return status;
}

/* An edge at each cut: a near one is moved there, otherwise there is one more. */
static void cut_slabs(const sg_grid_problem *p, int a, sg_partition_of_box *slabs) {
    double *edge = slabs->edge[a];
    for (int c = 0; c < p->cuts; c++) {
        const double at = p->cut[c];
        int k = 0;
        while (k < slabs->count[a] && !(at < edge[k + 1])) k++;
        if (k == slabs->count[a] || !(at > edge[k])) continue;
        const double near = NEAR * (edge[k + 1] - edge[k]);
        if (k > 0 && at - edge[k] < near) {
            edge[k] = at;
        } else if (k + 1 < slabs->count[a] && edge[k + 1] - at < near) {
            edge[k + 1] = at;
        } else if (slabs->count[a] < SG_SLABS) {
            memmove(edge + k + 2, edge + k + 1, (size_t)(slabs->count[a] - k) * sizeof *edge);
            edge[k + 1] = at;
            slabs->count[a]++;
        }
    }
}

sg_status sg_grid_place(sg_grid_work *w, double error) {
    const double share = 1e-4 * w->s.tol;
    const int least = LEAST_ORDER < w->s.order ? LEAST_ORDER : w->s.order;
    sg_status status = SG_OK;
    if (w->s.cells[0])
        given_slabs(w);
    else
        status = sg_scout_slabs(w->scout, least, w->s.order, error, share, &w->slabs);
    for (int a = 0; a < w->problem->d && !status; a++) cut_slabs(w->problem, a, &w->slabs);
    return status ? status : settle(w);
}

/* Halves the slabs of one direction that are rougher than `limit`, or raises their degree while that can be. */
static void split_rough(sg_grid_work *w, int a, double limit) {
    sg_partition_of_box *slabs = &w->slabs;
    double *edge = slabs->edge[a];
    bool rough = false;
    for (int k = 0; k < slabs->count[a]; k++) rough |= w->rough[a][k] > limit;
    if (!rough) return;
    if (slabs->order[a] < w->s.order) {
        slabs->order[a] += slabs->order[a] + 2 <= w->s.order ? 2 : 1;
        return;
    }
    for (int k = slabs->count[a] - 1; k >= 0 && slabs->count[a] < SG_SLABS; k--) {
        if (!(w->rough[a][k] > limit)) continue;
        memmove(edge + k + 2, edge + k + 1, (size_t)(slabs->count[a] - k) * sizeof *edge);
        edge[k + 1] = 0.5 * (edge[k] + edge[k + 2]);
        slabs->count[a]++;
    }
}

sg_status sg_grid_split(sg_grid_work *w) {
    double sum = 0, worst = 0;
    int slabs = 0;
    for (int a = 0; a < w->problem->d; a++) {
        slabs += w->slabs.count[a];
        for (int k = 0; k < w->slabs.count[a]; k++) sum += w->rough[a][k];
    }
    for (int k = 0; k < w->count; k++) worst = fmax(worst, w->error[k]);
    const double factor = fmin(1e6, worst / w->s.tol); /* by which it is to fall; three degrees square it */
    const double limit = 0.3 * sum / slabs / (w->problem->d == 3 ? sqrt(factor) : factor);
    for (int a = 0; a < w->problem->d; a++) split_rough(w, a, limit);
    return settle(w);
}
