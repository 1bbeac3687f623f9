/* From the first look to the slabs of the elements. */
#include <math.h>

#include "scout.h"

static const double STEEPEST_FLUX = 12; /* what log p may change by on an element that flux passes through */

enum { LEAST_SLABS = 2, HALVINGS = 12 };

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

/* What the size of an element along one axis depends on, of one cell. */
typedef struct {
    double relevance, slope, bend, wave;
    bool flux;
} demand;

typedef struct {
    const sg_scout *scout;
    int axis, order, per_slice;
    double quadrature; /* log (4 order - 1)!! */
    demand *cell;      /* [cells along the axis][per_slice] */
} sizing;

/*
 * Relative error of Gauss-Lobatto quadrature of exp(2 a t) on [-1,1]: its Legendre coefficient 2N, (2a)^2N / (4N-1)!!;
 * that of the best polynomial of degree N for exp(a t), squared, is smaller.
 */
static double element_error(const sizing *z, const demand *c, double half) {
    const double a = half * (c->slope + c->wave + 0.5 * half * c->bend);
    return a > 0 ? c->relevance * fmin(1, exp(2 * z->order * log(2 * a) - z->quadrature)) : 0;
}

static double slab_error(const sizing *z, double from, double to) {
    const sg_scout *s = z->scout;
    const double origin = s->frame.lo[z->axis], w = s->cells.width[z->axis], half = 0.5 * (to - from);
    int first = (int)floor((from - origin) / w), last = (int)ceil((to - origin) / w) - 1;
    double sum = 0;
    if (first < 0) first = 0;
    if (last >= s->cells.count[z->axis]) last = s->cells.count[z->axis] - 1;
    for (int i = first; i <= last; i++) {
        const double part = (fmin(to, origin + (i + 1) * w) - fmax(from, origin + i * w)) / w;
        for (int k = 0; k < z->per_slice; k++) {
            const demand *c = z->cell + i * z->per_slice + k;
            if (!c->flux && c->relevance == 0) break; /* the rest is empty */
            if (c->flux && 2 * half * c->slope > STEEPEST_FLUX) return INFINITY;
            sum += part * element_error(z, c, half);
        }
    }
    return sum;
}

static sg_status fill_demands(sizing *z, double share, double wave) {
    const sg_scout *s = z->scout;
    const int along = s->cells.count[z->axis];
    z->per_slice = s->cells.total / along;
    sg_status status = sg_new(&z->cell, (size_t)s->cells.total, sizeof(demand));
    int at[SG_DIM];
    for (int i = 0, used[4096] = {0}; !status && i < s->cells.total; i++) {
        const bool flux = s->flux[i] > 1e-8, weighs = s->relevance[i] > share;
        if (s->number[i] < 0 || (!flux && !weighs)) continue;
        double slope, bend;
        sg_cells_index(&s->cells, i, at);
        differences(s, i, z->axis, &slope, &bend);
        const double d = s->tensor ? s->tensor[(size_t)z->axis * (size_t)s->cells.total + (size_t)i] : 1;
        z->cell[at[z->axis] * z->per_slice + used[at[z->axis]]++] =
            (demand){weighs ? s->relevance[i] : 0, fabs(slope), fabs(bend), wave / sqrt(d), flux};
    }
    return status;
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
        double to = slab_end(z, edge[n], hi, (hi - lo) / LEAST_SLABS, error);
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

sg_status sg_scout_keep(const sg_scout *s, double share, const sg_partition_of_box *slabs, uint8_t **keep) {
    const int *c = slabs->count;
    int e[SG_DIM], lo[SG_DIM], hi[SG_DIM];
    sg_status status = sg_new(keep, (size_t)c[0] * (size_t)c[1] * (size_t)c[2], 1);
    for (int i = 0; !status && i < c[0] * c[1] * c[2]; i++) {
        e[0] = i % c[0], e[1] = i / c[0] % c[1], e[2] = i / c[0] / c[1];
        for (int a = 0; a < SG_DIM; a++) {
            lo[a] = hi[a] = 0;
            if (a >= s->d) continue;
            lo[a] = (int)floor((slabs->edge[a][e[a]] - s->frame.lo[a]) / s->cells.width[a] - 0.25);
            hi[a] = (int)floor((slabs->edge[a][e[a] + 1] - s->frame.lo[a]) / s->cells.width[a] + 0.25);
            lo[a] = lo[a] < 0 ? 0 : lo[a];
            hi[a] = hi[a] >= s->cells.count[a] ? s->cells.count[a] - 1 : hi[a];
        }
        for (int k = lo[2]; k <= hi[2] && !(*keep)[i]; k++)
            for (int j = lo[1]; j <= hi[1] && !(*keep)[i]; j++)
                for (int l = lo[0]; l <= hi[0] && !(*keep)[i]; l++)
                    (*keep)[i] = kept(s, (k * s->cells.count[1] + j) * s->cells.count[0] + l, share);
    }
    return status;
}

sg_status sg_scout_slabs(const sg_scout *s, int order, double error, double share, sg_partition_of_box *slabs,
                         uint8_t **keep) {
    double lo[SG_DIM], hi[SG_DIM], wave = 0;
    sg_status status = SG_OK;
    *keep = NULL;
    bounding_box(s, share, lo, hi);
    for (int k = s->slow; k < s->count; k++) wave = fmax(wave, exp(0.5 * s->log_value[k]));
    for (int a = 0; a < SG_DIM; a++) slabs->count[a] = 1;
    for (int a = 0; a < s->d && !status; a++) {
        sizing z = {.scout = s, .axis = a, .order = order, .quadrature = log_double_factorial(4 * order - 1)};
        status = fill_demands(&z, share, wave);
        if (!status) status = cut(&z, error, lo[a], hi[a], slabs);
        sg_delete(z.cell);
    }
    return status ? status : sg_scout_keep(s, share, slabs, keep);
}
