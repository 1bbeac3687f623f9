/* Rayleigh and Ritz on given functions. */
#include <math.h>

#include "scoregap/bound.h"

enum { MOST = 64 };
static const double DEPENDENT = 1e-10;

/* Square roots of the diagonal of E; a function without energy is constant, or nothing is known of it. */
static void scales(int n, const double *energy, double *scale) {
    for (int j = 0; j < n; j++) scale[j] = energy[j + n * j] > 0 ? 1 / sqrt(energy[j + n * j]) : 0;
}

static void scaled(int n, const double *m, const double *scale, double *out) {
    for (int j = 0; j < n; j++)
        for (int i = 0; i < n; i++) out[i + n * j] = scale[i] * m[i + n * j] * scale[j];
}

/* Columns of `basis` [n][kept]: directions of unit energy. */
static int unit_directions(int n, const double *value, double *basis) {
    int kept = 0;
    for (int k = 0; k < n; k++) {
        if (!(value[k] > DEPENDENT * value[n - 1])) continue;
        for (int i = 0; i < n; i++) basis[i + n * kept] = basis[i + n * k] / sqrt(value[k]);
        kept++;
    }
    return kept;
}

/* basis' C basis, [kept,kept]. */
static void project(int n, int kept, const double *covariance, const double *basis, double *out) {
    for (int a = 0; a < kept; a++)
        for (int b = 0; b < kept; b++) {
            double sum = 0;
            for (int i = 0; i < n; i++)
                for (int j = 0; j < n; j++) sum += basis[i + n * a] * covariance[i + n * j] * basis[j + n * b];
            out[a + kept * b] = sum;
        }
}

sg_status sg_bound_ritz_upper(int n, const double *energy, const double *covariance, double *a, double *log_gap_upper) {
    double scale[MOST], value[MOST], *memory = NULL;
    if (n < 1 || n > MOST) return sg_fail(SG_OUT_OF_RANGE, "%d test functions: it must be 1 to %d", n, MOST);
    const size_t square = (size_t)n * (size_t)n;
    sg_status status = sg_new(&memory, 4 * square, sizeof *memory);
    if (status) return status;
    double *e = memory, *c = e + square, *basis = c + square, *small = basis + square;
    *log_gap_upper = INFINITY;
    scales(n, energy, scale);
    scaled(n, energy, scale, e);
    scaled(n, covariance, scale, c);
    if ((status = sg_symmetric_eigen(n, e, value, basis))) goto out;
    const int kept = value[n - 1] > 0 ? unit_directions(n, value, basis) : 0;
    if (!kept) {
        status = sg_fail(SG_REFUSED, "every test function is constant");
        goto out;
    }
    project(n, kept, c, basis, small);
    if ((status = sg_symmetric_eigen(kept, small, value, e))) goto out;
    const double *best = e + (size_t)kept * (size_t)(kept - 1);
    if (!(value[kept - 1] > 0)) {
        status = sg_fail(SG_REFUSED, "every test function is constant");
        goto out;
    }
    *log_gap_upper = -log(value[kept - 1]);
    for (int i = 0; i < n; i++) {
        a[i] = 0;
        for (int k = 0; k < kept; k++) a[i] += scale[i] * basis[i + n * k] * best[k];
    }
out:
    sg_delete(memory);
    return status;
}
