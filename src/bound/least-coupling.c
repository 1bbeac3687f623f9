/* A frame in which the coordinates couple least: joint diagonalization by Jacobi's rotations. */
#include <math.h>
#include <string.h>

#include "space.h"

enum { SWEEPS = 60, MATRIX = SG_BOUND_D * SG_BOUND_D };
static const double NOTHING = 1e-12; /* of the size of the Hessian: its rounding */

/* The quadratic form (cos 2t, sin 2t) G (cos 2t, sin 2t)' is what the plane (i, j) turned by t leaves on the diagonal.
 */
typedef struct {
    double xx, xy, yy;
} plane;

static void add(plane *g, double weight, int d, const double *m, int i, int j) {
    const double x = 0.5 * (m[i + d * i] - m[j + d * j]), y = m[i + d * j];
    g->xx += weight * x * x;
    g->xy += weight * x * y;
    g->yy += weight * y * y;
}

/* How much the best turn gains over the worst. */
static double stakes(const plane *g) {
    return 2 * hypot(0.5 * (g->xx - g->yy), g->xy);
}

static double best_turn(const plane *g) {
    return 0.25 * atan2(2 * g->xy, g->xx - g->yy);
}

/* m -> R m R', R the turn of rows i and j. */
static void turn_matrix(int d, int i, int j, double angle, double *m) {
    const double c = cos(angle), s = sin(angle);
    for (int k = 0; k < d; k++) {
        const double x = m[i + d * k], y = m[j + d * k];
        m[i + d * k] = c * x + s * y;
        m[j + d * k] = c * y - s * x;
    }
    for (int k = 0; k < d; k++) {
        const double x = m[k + d * i], y = m[k + d * j];
        m[k + d * i] = c * x + s * y;
        m[k + d * j] = c * y - s * x;
    }
}

static void turn_rows(int d, int i, int j, double angle, double *turn) {
    const double c = cos(angle), s = sin(angle);
    for (int k = 0; k < d; k++) {
        const double x = turn[i * d + k], y = turn[j * d + k];
        turn[i * d + k] = c * x + s * y;
        turn[j * d + k] = c * y - s * x;
    }
}

typedef struct {
    int d, count;
    double *matrix; /* [count][d,d] Hess V - E Hess V in the frame so far */
    const double *weight;
    double total, mean[MATRIX], size;
    double *turn;
} frame;

static plane plane_of(const frame *f, int i, int j) {
    plane g = {0};
    for (int k = 0; k < f->count; k++) add(&g, f->weight[k] / f->total, f->d, f->matrix + MATRIX * k, i, j);
    return g;
}

static void apply(frame *f, int i, int j, double angle) {
    for (int k = 0; k < f->count; k++) turn_matrix(f->d, i, j, angle, f->matrix + MATRIX * k);
    turn_matrix(f->d, i, j, angle, f->mean);
    turn_rows(f->d, i, j, angle, f->turn);
}

/* By the variation, or by the mean in planes that the variation leaves open; returns the largest turn. */
static double sweep(frame *f, bool by_mean) {
    const double nothing = NOTHING * f->size * NOTHING * f->size;
    double largest = 0;
    for (int i = 1; i < f->d; i++)
        for (int j = 0; j < i; j++) {
            plane g = plane_of(f, i, j);
            const bool open = stakes(&g) <= nothing;
            if (open != by_mean) continue;
            if (by_mean) {
                g = (plane){0};
                add(&g, 1, f->d, f->mean, i, j);
                if (stakes(&g) <= nothing) continue;
            }
            const double angle = best_turn(&g);
            apply(f, i, j, angle);
            largest = fmax(largest, fabs(angle));
        }
    return largest;
}

/* Of three axes two that neither decides: the first takes all that couples them to the third. */
static void gather(frame *f) {
    const double nothing = NOTHING * f->size * NOTHING * f->size;
    for (int j = 1; j < f->d && f->d == 3; j++)
        for (int i = 0; i < j; i++) {
            const int k = 3 - i - j;
            plane g = plane_of(f, i, j);
            const double x = f->mean[i + 3 * k], y = f->mean[j + 3 * k];
            if (stakes(&g) > nothing || x * x + y * y <= nothing) continue;
            g = (plane){0};
            add(&g, 1, 3, f->mean, i, j);
            if (stakes(&g) > nothing) continue;
            apply(f, i, j, atan2(y, x));
            return;
        }
}

static sg_status read(frame *f, const double *hessian) {
    for (int k = 0; k < f->count; k++) {
        f->total += f->weight[k];
        for (int i = 0; i < f->d; i++)
            for (int j = 0; j <= i; j++) {
                const double value = hessian[(size_t)(i * (i + 1) / 2 + j) * (size_t)f->count + (size_t)k];
                if (f->weight[k] > 0 && !isfinite(value))
                    return sg_fail(SG_REFUSED, "the second derivatives of log p are not finite where it has mass");
                double *m = f->matrix + MATRIX * k;
                m[i + f->d * j] = m[j + f->d * i] = f->weight[k] > 0 ? value : 0;
                f->size = fmax(f->size, fabs(m[i + f->d * j]));
            }
    }
    if (!(f->total > 0) || !isfinite(f->total)) return sg_fail(SG_REFUSED, "no point has a weight");
    for (int k = 0; k < f->count; k++)
        for (int i = 0; i < f->d * f->d; i++) f->mean[i] += f->weight[k] / f->total * f->matrix[MATRIX * k + i];
    for (int k = 0; k < f->count; k++)
        for (int i = 0; i < f->d * f->d; i++) f->matrix[MATRIX * k + i] -= f->mean[i];
    return SG_OK;
}

sg_status sg_bound_least_coupling(int d, int count, const double *hessian, const double *weight, double *turn) {
    frame f = {.d = d, .count = count, .weight = weight, .turn = turn};
    if (d < 1 || d > SG_BOUND_D || count < 1)
        return sg_fail(SG_OUT_OF_RANGE, "%d points in %d coordinates: at least one, in at most %d", count, d,
                       SG_BOUND_D);
    for (int i = 0; i < d * d; i++) turn[i] = i % (d + 1) == 0;
    sg_status status = sg_new(&f.matrix, (size_t)count * MATRIX, sizeof(double));
    if (!status) status = read(&f, hessian);
    for (int by_mean = 0; by_mean < 2 && !status; by_mean++)
        for (int k = 0; k < SWEEPS && sweep(&f, by_mean) > 1e-15; k++) continue;
    if (!status) gather(&f);
    sg_delete(f.matrix);
    return status;
}
