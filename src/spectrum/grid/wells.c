/* Equal cells of a box, and the wells of log p on them. */
#include "wells.h"

#include <math.h>
#include <stdlib.h>

static const double PERSISTENCE = 1.5; /* of a maximum that counts as a well */
static const double DEEPEST = 1700;    /* so far the solutions of sg_capacity_solve stay in range */

void sg_cells_set(const sg_frame *frame, int d, int resolution, sg_cells *cells) {
    *cells = (sg_cells){.d = d, .total = 1};
    for (int a = 0; a < SG_DIM; a++) {
        cells->count[a] = a < d ? resolution : 1;
        cells->lo[a] = a < d ? frame->lo[a] : 0;
        cells->width[a] = a < d ? (frame->hi[a] - frame->lo[a]) / resolution : 1;
        cells->total *= cells->count[a];
    }
}

void sg_cells_index(const sg_cells *s, int cell, int *at) {
    for (int a = 0; a < SG_DIM; a++) {
        at[a] = cell % s->count[a];
        cell /= s->count[a];
    }
}

int sg_cells_step(const sg_cells *s, int a) {
    int step = 1;
    for (int b = 0; b < a; b++) step *= s->count[b];
    return step;
}

int sg_cells_neighbour(const sg_cells *s, int cell, int a, int side) {
    const int step = sg_cells_step(s, a), at = cell / step % s->count[a] + side;
    return at < 0 || at >= s->count[a] ? -1 : cell + side * step;
}

void sg_cells_centre(const sg_cells *s, int cell, double *u) {
    int at[SG_DIM];
    sg_cells_index(s, cell, at);
    for (int a = 0; a < SG_DIM; a++) u[a] = s->lo[a] + (at[a] + 0.5) * s->width[a];
}

typedef struct {
    double level;
    int cell;
} ranked;

static int by_level(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->level != y->level) return x->level > y->level ? -1 : 1;
    return x->cell - y->cell;
}

static int root_of(int *parent, int i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}

/* In the order of by_level, so that of two equal peaks the one that is listed first stays. */
static bool higher(const double *log_p, int i, int j) {
    return log_p[i] > log_p[j] || (log_p[i] == log_p[j] && i < j);
}

/* Wells die where they meet a higher one. */
typedef struct {
    ranked peak[SG_WELLS];
    double death[SG_WELLS];
    int count;
} deaths;

static void bury(deaths *list, double birth, double death, int cell) {
    int at = list->count;
    if (birth - death < PERSISTENCE || birth < -2 * SG_DEEPER) return;
    if (at == SG_WELLS - 1) { /* the shallowest makes room */
        at = 0;
        for (int k = 1; k < list->count; k++)
            if (list->peak[k].level - list->death[k] < list->peak[at].level - list->death[at]) at = k;
        if (birth - death < list->peak[at].level - list->death[at]) return;
    } else {
        list->count++;
    }
    list->peak[at] = (ranked){birth, cell};
    list->death[at] = death;
}

/* Cells in the order of log p, joined to their neighbours above. */
sg_status sg_cells_wells(const sg_cells *s, const double *log_p, sg_wells *out) {
    ranked *rank = NULL;
    int *parent = NULL, *peak = NULL;
    deaths list = {.count = 0};
    const size_t n = (size_t)s->total;
    *out = (sg_wells){.count = 0};
    sg_status status = sg_new(&rank, n, sizeof *rank);
    if (!status) status = sg_new(&parent, 2 * n, sizeof(int));
    if (status) goto out;
    peak = parent + n;
    for (int i = 0; i < s->total; i++) {
        rank[i] = (ranked){log_p[i], i};
        parent[i] = -1;
    }
    qsort(rank, n, sizeof *rank, by_level);
    for (int r = 0; r < s->total && rank[r].level > -INFINITY; r++) {
        const int i = rank[r].cell;
        parent[i] = peak[i] = i;
        for (int k = 0; k < 2 * s->d; k++) {
            const int j = sg_cells_neighbour(s, i, k / 2, k % 2 ? 1 : -1);
            if (j < 0 || parent[j] < 0) continue;
            int a = root_of(parent, i), b = root_of(parent, j);
            if (a == b) continue;
            if (higher(log_p, peak[b], peak[a])) {
                int swap = a;
                a = b;
                b = swap;
            }
            bury(&list, log_p[peak[b]], rank[r].level, peak[b]);
            parent[b] = a;
        }
    }
    out->cell[out->count++] = rank[0].cell;
    out->pass = 0;
    for (int k = 0; k < list.count; k++) {
        out->cell[out->count++] = list.peak[k].cell;
        out->pass = fmin(out->pass, list.death[k]);
    }
    for (int r = 0; r < s->total && rank[r].level > -SG_DEEPER; r++)
        if (root_of(parent, rank[r].cell) != root_of(parent, rank[0].cell)) {
            status =
                sg_fail(SG_REFUSED, "p vanishes between two parts of the box: the process cannot pass between them");
            break;
        }
    if (!status && out->pass < -DEEPEST)
        status = sg_fail(SG_UNDERFLOW, "the barrier between two wells is e^%.0f deep: beyond the range of the solver",
                         out->pass);
out:
    sg_delete(rank);
    sg_delete(parent);
    return status;
}
