/* From the first look to the slabs of the elements. */
#include <math.h>

#include "scout.h"

enum { HALVINGS = 12, BINS = 96 };
static const double SMOOTHEST = 1e-2; /* log slope of a gradient, times the width of the box, that does not matter */

/* First and second difference quotients of log p along an axis, one-sided at the rim of what is active. */
static void differences(const sg_scout *s, int cell, int a, double *slope, double *bend) {
    const int step = sg_cells_step(&s->cells, a), at = cell / step % s->cells.count[a];
    const bool up = at + 1 < s->cells.count[a] && s->number[cell + step] >= 0;
    const bool down = at > 0 && s->number[cell - step] >= 0;
    const double w = s->cells.width[a], here = s->log_p[cell];
    const double rise = up ? (s->log_p[cell + step] - here) / w : 0,
                 fall = down ? (here - s->log_p[cell - step]) / w : 0;
    *slope = up && down ? 0.5 * (rise + fall) : rise + fall;
    *bend = up && down ? (rise - fall) / w : 0;
}

/* ----------------------------------------------------------------- what is kept */

static bool kept(const sg_scout *s, int cell, double share) {
    return s->number[cell] >= 0 && sg_scout_keeps(s, cell, share);
}

/* Of the cells kept, one cell wider, within the frame's box. */
static void bounding_box(const sg_scout *s, double share, double *lo, double *hi) {
    double centre[SG_DIM];
    for (int a = 0; a < s->d; a++) lo[a] = INFINITY, hi[a] = -INFINITY;
    for (int i = 0; i < s->cells.total; i++) {
        if (!kept(s, i, share)) continue;
        sg_cells_centre(&s->cells, i, centre);
        for (int a = 0; a < s->d; a++) {
            lo[a] = fmin(lo[a], centre[a] - s->cells.width[a]);
            hi[a] = fmax(hi[a], centre[a] + s->cells.width[a]);
        }
    }
    for (int a = 0; a < s->d; a++) {
        lo[a] = fmax(lo[a], s->frame.lo[a]);
        hi[a] = fmin(hi[a], s->frame.hi[a]);
    }
}

bool sg_scout_cut_off(const sg_scout *s) {
    for (int i = 0; s->frame.turned && i < s->cells.total; i++) {
        if (!kept(s, i, 1e-12)) continue;
        for (int k = 0; k < 2 * s->d; k++) {
            const int j = sg_cells_neighbour(&s->cells, i, k / 2, k % 2 ? 1 : -1);
            if (j < 0 || s->log_p[j] == -INFINITY) return true;
        }
    }
    return false;
}

/* A cell should not be wider than a standard deviation of the narrowest feature. */
int sg_scout_resolution(const sg_scout *s, int most) {
    double widest = 0, slope, bend;
    for (int i = 0; i < s->cells.total; i++) {
        if (!kept(s, i, 1e-3)) continue;
        for (int a = 0; a < s->d; a++) {
            differences(s, i, a, &slope, &bend);
            widest = fmax(widest, sqrt(fabs(bend)) * s->cells.width[a]);
        }
    }
    return (int)fmin(most, s->cells.count[0] * fmax(1, widest));
}

/* -------------------------------------------------------------------- slabs */

/* Along one axis, slice by slice: the energy in cells by how rough the gradient is there. */
typedef struct {
    double energy[BINS];
} slice;

typedef struct {
    const sg_scout *scout;
    int axis, order;
    double factorial; /* log (2 order - 1)!! */
    slice *slice;     /* [cells along the axis] */
} sizing;

static double roughness_of(const sizing *z, int bin) {
    const sg_scout *s = z->scout;
    return exp2(0.25 * bin) * SMOOTHEST / (s->frame.hi[z->axis] - s->frame.lo[z->axis]);
}

/* Relative error, squared, of polynomials of degree N - 1 for exp(a t) on [-1,1]: its coefficient a^N / (2N-1)!!. */
static double element_error(const sizing *z, double rough, double half) {
    return fmin(1, exp(2 * (z->order * log(half * rough) - z->factorial)));
}

static double slab_error(const sizing *z, double from, double to) {
    const sg_scout *s = z->scout;
    const double origin = s->frame.lo[z->axis], w = s->cells.width[z->axis];
    int first = (int)floor((from - origin) / w), last = (int)ceil((to - origin) / w) - 1;
    double sum = 0, energy[BINS] = {0};
    if (first < 0) first = 0;
    if (last >= s->cells.count[z->axis]) last = s->cells.count[z->axis] - 1;
    for (int i = first; i <= last; i++) {
        const double part = (fmin(to, origin + (i + 1) * w) - fmax(from, origin + i * w)) / w;
        if (from < s->reach[z->axis][0][i] || to > s->reach[z->axis][1][i]) return INFINITY;
        for (int k = 0; k < BINS; k++) energy[k] += part * z->slice[i].energy[k];
    }
    for (int k = 0; k < BINS; k++)
        if (energy[k] > 0) sum += energy[k] * element_error(z, roughness_of(z, k), 0.5 * (to - from));
    return sum;
}

static sg_status fill_slices(sizing *z) {
    const sg_scout *s = z->scout;
    const int along = s->cells.count[z->axis], a = z->axis;
    int at[SG_DIM];
    sg_status status = sg_new(&z->slice, (size_t)along, sizeof(slice));
    if (status) return status;
    for (int i = 0; i < s->cells.total; i++) {
        if (s->number[i] < 0) continue;
        sg_cells_index(&s->cells, i, at);
        slice *to = z->slice + at[a];
        const double ratio = s->rough[a * s->cells.total + i] / roughness_of(z, 0);
        const int bin = ratio > 1 ? (int)ceil(4 * log2(ratio)) : 0;
        to->energy[bin < BINS ? bin : BINS - 1] += s->energy[i];
    }
    return SG_OK;
}

/* The largest slab from `from` on whose error stays below `error`. */
static double slab_end(const sizing *z, double from, double end, double longest, double error) {
    double good = 0, bad = fmin(longest, end - from);
    if (slab_error(z, from, from + bad) <= error) return from + bad;
    for (int k = 0; k < 2 * HALVINGS && good == 0; k++) {
        if (slab_error(z, from, from + 0.7 * bad) <= error)
            good = 0.7 * bad;
        else
            bad *= 0.7;
    }
    if (good == 0) good = bad;
    return from + good;
}

static sg_status cut(const sizing *z, double error, double lo, double hi, sg_partition_of_box *slabs) {
    double *edge = slabs->edge[z->axis];
    int n = 0;
    edge[0] = lo;
    while (edge[n] < hi) {
        if (n == SG_SLABS)
            return sg_fail(SG_NOT_CONVERGED,
                           "the density needs more than %d elements a direction: take a smaller box, "
                           "or a larger tolerance",
                           SG_SLABS);
        double to = slab_end(z, edge[n], hi, hi - lo, error);
        if (hi - to < 0.2 * (to - edge[n])) to = hi - to > 0 ? 0.5 * (edge[n] + hi) : hi;
        edge[++n] = to;
    }
    slabs->count[z->axis] = n;
    return SG_OK;
}

static double log_double_factorial(int n) {
    double sum = 0;
    for (int k = n; k > 1; k -= 2) sum += log(k);
    return sum;
}

/* The largest share of a cell that the element touches, 0 when none of them is kept. */
static double weight_of(const sg_scout *s, double share, const sg_partition_of_box *slabs, const int *e) {
    int lo[SG_DIM] = {0}, hi[SG_DIM] = {0};
    double most = 0;
    for (int a = 0; a < s->d; a++) {
        lo[a] = (int)floor((slabs->edge[a][e[a]] - s->frame.lo[a]) / s->cells.width[a] - 0.25);
        hi[a] = (int)floor((slabs->edge[a][e[a] + 1] - s->frame.lo[a]) / s->cells.width[a] + 0.25);
        lo[a] = lo[a] < 0 ? 0 : lo[a];
        hi[a] = hi[a] >= s->cells.count[a] ? s->cells.count[a] - 1 : hi[a];
    }
    for (int k = lo[2]; k <= hi[2]; k++)
        for (int j = lo[1]; j <= hi[1]; j++)
            for (int l = lo[0]; l <= hi[0]; l++) {
                const int cell = (k * s->cells.count[1] + j) * s->cells.count[0] + l;
                if (kept(s, cell, share)) most = fmax(most, fmax(s->relevance[cell], fmin(1, s->flux[cell])));
            }
    return most;
}

sg_status sg_scout_weigh(const sg_scout *s, double share, const sg_partition_of_box *slabs, double **weight) {
    const int *c = slabs->count;
    sg_status status = sg_new(weight, (size_t)c[0] * (size_t)c[1] * (size_t)c[2], sizeof(double));
    for (int i = 0; !status && i < c[0] * c[1] * c[2]; i++)
        (*weight)[i] = weight_of(s, share, slabs, (int[]){i % c[0], i / c[0] % c[1], i / c[0] / c[1]});
    return status;
}

/* The degree that needs the fewest nodes. */
static sg_status choose_order(sizing *z, int least, int most, double error, double lo, double hi,
                              sg_partition_of_box *slabs) {
    int best = 0, fewest = 0;
    for (int order = least;; order += order + 2 > most && order < most ? most - order : 2) {
        const bool done = order > most;
        if (done) order = best;
        z->order = order - 2;
        z->factorial = log_double_factorial(2 * z->order - 1);
        sg_status status = cut(z, error, lo, hi, slabs);
        const int nodes = slabs->count[z->axis] * order;
        slabs->order[z->axis] = order;
        if (done || (status && order >= most && !best)) return status;
        if (!status && (!best || nodes <= fewest)) best = order, fewest = nodes;
    }
}

sg_status sg_scout_slabs(const sg_scout *s, int least, int most, double error, double share,
                         sg_partition_of_box *slabs) {
    double lo[SG_DIM], hi[SG_DIM];
    sg_status status = SG_OK;
    bounding_box(s, share, lo, hi);
    for (int a = 0; a < SG_DIM; a++) slabs->count[a] = 1;
    for (int a = 0; a < s->d && !status; a++) {
        sizing z = {.scout = s, .axis = a};
        status = fill_slices(&z);
        if (!status) status = choose_order(&z, least, most, error, lo[a], hi[a], slabs);
        sg_delete(z.slice);
    }
    return status;
}
