/* How finely p must be sampled along each slab: the degree of its Legendre series along lines through the elements. */
#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "scout.h"

enum { LINES = 5 };
static const double COARSEST = 1e-3; /* where next to nothing of the law is: so that basis functions have a mass, */
static const double STEEP = 1e-9;    /* and are independent where flux passes from little to much of it */

typedef struct {
    const sg_grid_problem *problem;
    const sg_frame *frame;
    const sg_partition_of_box *slabs;
    double point[SG_POINTS], weight[SG_POINTS], legendre[SG_POINTS][SG_POINTS]; /* [point][degree] */
    int lines;                                                                  /* a direction */
    double *u, *log_p, *tensor; /* [d][lines][SG_POINTS], ... of one element and direction */
} work;

/* Points on lines along axis a, at three places of the other sides each. */
static void place(const work *w, const int *e, int a) {
    static const double at[LINES] = {-0.9, -0.4, 0, 0.4, 0.9};
    const int d = w->problem->d, all = w->lines * SG_POINTS;
    for (int i = 0; i < all; i++)
        for (int b = 0, rest = i / SG_POINTS; b < d; b++) {
            const double *edge = w->slabs->edge[b] + e[b];
            double t = w->point[i % SG_POINTS];
            if (b != a) {
                t = at[rest % LINES];
                rest /= LINES;
            }
            w->u[b * all + i] = 0.5 * ((1 - t) * edge[0] + (1 + t) * edge[1]);
        }
}

/* p, times one entry of D, along all lines; the highest degree that is felt beside the largest coefficient so far. */
static int degree_of(const work *w, const double *factor, double tol, double *largest) {
    const int all = w->lines * SG_POINTS;
    double top = -INFINITY, value[SG_POINTS], coefficient[LINES * LINES][SG_POINTS];
    for (int i = 0; i < all; i++) top = fmax(top, w->log_p[i]);
    if (!isfinite(top)) return 0;
    for (int l = 0; l < w->lines; l++) {
        double *c = coefficient[l];
        const double *log_p = w->log_p + l * SG_POINTS, *f = factor ? factor + l * SG_POINTS : NULL;
#pragma omp simd
        for (int q = 0; q < SG_POINTS; q++) value[q] = w->weight[q] * exp(log_p[q] - top);
        for (int k = 0; k < SG_POINTS; k++) c[k] = 0;
        for (int q = 0; q < SG_POINTS; q++) {
            const double v = value[q] * (f ? f[q] : 1);
            for (int k = 0; k < SG_POINTS; k++) c[k] += v * w->legendre[q][k];
        }
        for (int k = 0; k < SG_POINTS; k++) {
            c[k] = (k + 0.5) * fabs(c[k]);
            *largest = fmax(*largest, c[k]);
        }
    }
    for (int k = SG_POINTS - 1; k > 0; k--)
        for (int l = 0; l < w->lines; l++)
            if (coefficient[l][k] > tol * *largest) return k;
    return 0;
}

static void look_along(work *w, const int *e, int a, double tol, int *degree) {
    const int d = w->problem->d, all = w->lines * SG_POINTS;
    place(w, e, a);
    sg_frame_evaluate(w->frame, w->problem, all, w->u, w->log_p, w->tensor);
    double largest[2] = {0};
    int most = degree_of(w, NULL, tol, &largest[0]);
    for (int k = 0; w->tensor && k < d * (d + 1) / 2; k++) {
        const int more = degree_of(w, w->tensor + k * all, tol, &largest[1]);
        if (more > most) most = more;
    }
    if (most > *degree) *degree = most;
}

/* Halves those of degree above the limit. */
static int halve(const sg_scout *scout, sg_partition_of_box *slabs, int a, int most) {
    int halved = 0;
    for (int k = 0; k < slabs->count[a] && slabs->count[a] < SG_SLABS; k++) {
        const bool steep = sg_scout_steep(scout, a, slabs->edge[a][k], slabs->edge[a][k + 1]);
        if (slabs->degree[a][k] <= (steep ? most / 2 : most)) continue;
        memmove(slabs->edge[a] + k + 2, slabs->edge[a] + k + 1, (size_t)(slabs->count[a] - k) * sizeof(double));
        memmove(slabs->degree[a] + k + 1, slabs->degree[a] + k, (size_t)(slabs->count[a] - k) * sizeof(int));
        slabs->edge[a][k + 1] = 0.5 * (slabs->edge[a][k] + slabs->edge[a][k + 2]);
        slabs->count[a]++;
        halved++;
        k++;
    }
    return halved;
}

sg_status sg_slabs_resolve(const sg_grid_problem *problem, const sg_scout *scout, const double *weight, double tol,
                           int most, bool split, sg_partition_of_box *slabs, int *halved) {
    const int *c = slabs->count, d = problem->d;
    work *w = NULL;
    sg_status status = sg_new(&w, 1, sizeof *w);
    if (status) return status;
    w->problem = problem, w->frame = &scout->frame, w->slabs = slabs;
    w->lines = d == 1 ? 1 : d == 2 ? LINES : LINES * LINES;
    const size_t all = (size_t)w->lines * SG_POINTS, packed = problem->diffusion ? (size_t)(d * (d + 1) / 2) : 0;
    *halved = 0;
    if ((status = sg_new(&w->u, all * ((size_t)d + 1 + packed), sizeof(double)))) goto out;
    w->log_p = w->u + (size_t)d * all;
    w->tensor = packed ? w->log_p + all : NULL;
    sg_gauss_fill(SG_POINTS, w->point, w->weight);
    for (int q = 0; q < SG_POINTS; q++) sg_legendre_fill(SG_POINTS, w->point[q], w->legendre[q]);
    memset(slabs->degree, 0, sizeof slabs->degree);
    for (int i = 0; i < c[0] * c[1] * c[2]; i++) {
        const int e[SG_DIM] = {i % c[0], i / c[0] % c[1], i / c[0] / c[1]};
        for (int a = 0; a < d && weight[i] > 0; a++) {
            const bool steep = sg_scout_steep(scout, a, slabs->edge[a][e[a]], slabs->edge[a][e[a] + 1]);
            look_along(w, e, a, fmin(steep ? STEEP : COARSEST, tol / fmin(1, weight[i])), &slabs->degree[a][e[a]]);
        }
    }
    for (int a = 0; a < d; a++)
        for (int k = 0; k < slabs->count[a] && !split; k++) *halved += slabs->degree[a][k] > most;
    for (int a = 0; a < d && split; a++) *halved += halve(scout, slabs, a, most);
out:
    sg_delete(w->u);
    sg_delete(w);
    return status;
}
