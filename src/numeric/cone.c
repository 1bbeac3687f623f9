/* Is a cone a linear space?  Nonnegative least squares with columns found as they are needed. */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "scoregap/numeric.h"

static const double flat = 1e-10;    /* cosine of a vector and a direction in which it does not grow */
static const double nothing = 1e-11; /* share of the sum that rounding may leave */

/* columns weight = -sum is to be solved with weight >= 0. */
typedef struct {
    int m, count;
    double *column;          /* [m][m] of unit length */
    double *weight, *trial;  /* [m] > 0; the solution without that condition */
    double *target, *rest;   /* [m] -sum; target - columns weight */
    double *square, *vector; /* [m][m], [m] what dgels overwrites */
    double *work;
    int room;
} cone;

static sg_status new_cone(int m, cone *c) {
    const size_t size = (size_t)m;
    *c = (cone){.m = m, .room = 64 * m};
    sg_status status = sg_new(&c->column, size * size, sizeof(double));
    if (!status) status = sg_new(&c->square, size * size, sizeof(double));
    if (!status) status = sg_new(&c->work, (size_t)c->room, sizeof(double));
    if (!status) status = sg_new(&c->weight, 5 * size, sizeof(double));
    if (status) return status;
    c->trial = c->weight + m;
    c->vector = c->trial + m;
    c->target = c->vector + m;
    c->rest = c->target + m;
    return SG_OK;
}

static void delete_cone(cone *c) {
    sg_delete(c->column);
    sg_delete(c->square);
    sg_delete(c->work);
    sg_delete(c->weight);
}

static double length_of(int m, const double *a) {
    return cblas_dnrm2(m, a, 1);
}

/* Least squares in the columns at hand; false where they depend on each other. */
static bool solve(cone *c) {
    memcpy(c->square, c->column, (size_t)c->m * (size_t)c->count * sizeof(double));
    memcpy(c->vector, c->target, (size_t)c->m * sizeof(double));
    if (LAPACKE_dgels_work(LAPACK_COL_MAJOR, 'N', c->m, c->count, 1, c->square, c->m, c->vector, c->m, c->work,
                           c->room))
        return false;
    memcpy(c->trial, c->vector, (size_t)c->count * sizeof(double));
    return true;
}

static void drop(cone *c, int k) {
    const int last = --c->count;
    memmove(c->column + (size_t)k * c->m, c->column + (size_t)last * c->m, (size_t)c->m * sizeof(double));
    c->weight[k] = c->weight[last];
    c->trial[k] = c->trial[last];
}

/* Goes from the weights to the trial as far as none becomes negative, and drops columns whose weight is then 0. */
static bool settle(cone *c) {
    while (c->count) {
        double share = 1;
        int first = -1;
        if (!solve(c)) return false;
        for (int k = 0; k < c->count; k++) {
            if (c->trial[k] > 0) continue;
            const double way = c->weight[k] - c->trial[k], here = way > 0 ? c->weight[k] / way : 0;
            if (first < 0 || here < share) share = here, first = k;
        }
        for (int k = 0; k < c->count; k++) c->weight[k] += share * (c->trial[k] - c->weight[k]);
        if (first < 0) return true;
        c->weight[first] = 0;
        for (int k = c->count - 1; k >= 0; k--)
            if (!(c->weight[k] > 0)) drop(c, k);
    }
    return true;
}

static void find_rest(cone *c) {
    memcpy(c->rest, c->target, (size_t)c->m * sizeof(double));
    for (int k = 0; k < c->count; k++) cblas_daxpy(c->m, -c->weight[k], c->column + (size_t)k * c->m, 1, c->rest, 1);
}

/* The vector that grows most along the rest becomes a column; false where none grows. */
static sg_status add_column(cone *c, sg_cone_support support, void *context, double *direction, bool *grows) {
    const double size = length_of(c->m, c->rest);
    double *column = c->column + (size_t)c->count * c->m;
    for (int j = 0; j < c->m; j++) direction[j] = c->rest[j] / size;
    sg_status status = support(context, direction, column);
    const double length = status ? 0 : length_of(c->m, column);
    *grows = cblas_ddot(c->m, direction, 1, column, 1) > flat * length;
    if (!*grows) return status;
    cblas_dscal(c->m, 1 / length, column, 1);
    c->weight[c->count++] = 0;
    return SG_OK;
}

sg_status sg_cone_direction(int m, const double *sum, sg_cone_support support, void *context, double *direction,
                            bool *found) {
    cone c;
    bool grows = true;
    *found = false;
    sg_status status = new_cone(m, &c);
    if (status) goto out;
    for (int j = 0; j < m; j++) c.target[j] = -sum[j];
    const double whole = length_of(m, c.target);
    find_rest(&c);
    for (int turn = 0; !status && grows && turn < 50 + 20 * m; turn++) {
        if (c.count == m || !(length_of(m, c.rest) > nothing * whole)) goto out;
        status = add_column(&c, support, context, direction, &grows);
        if (!status && grows && !settle(&c)) goto out;
        find_rest(&c);
    }
    *found = !status && !grows;
out:
    delete_cone(&c);
    return status;
}
