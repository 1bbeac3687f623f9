/* The whole spectrum of a birth-death chain from a bidiagonal square root of its generator. */
#include <lapacke.h>
#include <string.h>

#include "birth-death.h"

enum { SMALLEST = -940, LARGEST = 500 }; /* exponents of the singular values that LAPACK may see */

/*
 * B is (n-1) x n; its singular values are those of the square lower bidiagonal L D^{1/2}, B B^T = L D L^T without a
 * subtraction (Sturm's recurrence at 0): diagonal D_k^{1/2}, below it (down_k up_{k+1} / D_k)^{1/2}, all over 2^shift.
 */
static long square_root(sg_ladder *l, double *diagonal, double *below) {
    sg_scaled t = l->up[0];
    long top = 0;
    for (int k = 0; k < l->edges; k++) {
        sg_scaled d = sg_scaled_sum(l->down[k], t);
        l->forth[k] = d;
        top = k == 0 || d.e > top ? d.e : top;
        if (k + 1 < l->edges) t = sg_scaled_quotient(sg_scaled_product(t, l->up[k + 1]), d);
    }
    const long shift = 2 * (top / 2 - LARGEST);
    for (int k = 0; k < l->edges; k++) {
        sg_scaled d = sg_scaled_shift(l->forth[k], 1, -shift);
        long half = d.e / 2;
        double root = sqrt(ldexp(d.m, (int)(d.e - 2 * half)));
        diagonal[k] = sg_scaled_value((sg_scaled){root, half});
        if (k + 1 == l->edges) break;
        sg_scaled off = sg_scaled_quotient(sg_scaled_product(l->down[k], l->up[k + 1]), l->forth[k]);
        off.e -= shift;
        half = off.e / 2;
        below[k] = sg_scaled_value((sg_scaled){sqrt(ldexp(off.m, (int)(off.e - 2 * half))), half});
    }
    return shift;
}

/* Without a vector to turn, dbdsqr hands over to dlasq1, which squares: so it turns one column. */
static sg_status singular_values(int n, double *diagonal, double *below, double *column, double *work) {
    double unused = 0;
    column[0] = 1;
    lapack_int info = LAPACKE_dbdsqr_work(LAPACK_COL_MAJOR, 'L', n, 0, 0, 1, diagonal, below, &unused, 1, &unused, 1,
                                          column, n, work);
    if (info < 0) return sg_fail(SG_INTERNAL, "dbdsqr refused its argument %d", (int)-info);
    if (info > 0)
        return sg_fail(SG_NOT_CONVERGED, "the spectrum of a birth-death chain of %d states did not converge", n + 1);
    return SG_OK;
}

/* Eigenvalues whose square roots leave the range of doubles, by bisection, from the largest of them down. */
static void bisect_small(const sg_ladder *l, int small, double log_unit, double *log_value) {
    double hi = log_unit + 2 * M_LN2;
    for (int index = small - 1; index >= 0; index--) {
        double step = 16, lo = hi - step, top;
        while (sg_ladder_count(l, sg_scaled_exp(lo)) > index) lo -= step *= 2;
        top = hi;
        sg_scaled unit = sg_scaled_exp(lo);
        double from = 0, to = top - lo + 1e-12 * fabs(top);
        sg_ladder_bisect(l, index, unit, &from, &to);
        log_value[index] = sg_scaled_log(unit) + 0.5 * (from + to);
        hi = log_value[index] + l->floor;
    }
}

static sg_status eigenvalues(sg_ladder *l, double *log_value) {
    const int n = l->edges;
    double *diagonal = NULL, *below = NULL, *column = NULL, *work = NULL;
    sg_status status = sg_new(&diagonal, (size_t)n, sizeof(double));
    if (!status) status = sg_new(&below, (size_t)n, sizeof(double));
    if (!status) status = sg_new(&column, (size_t)n, sizeof(double));
    if (!status) status = sg_new(&work, 4 * (size_t)n, sizeof(double));
    if (status) goto out;
    long shift = square_root(l, diagonal, below);
    if ((status = singular_values(n, diagonal, below, column, work))) goto out;
    int small = 0;
    for (int k = 0; k < n; k++) {
        double sigma = diagonal[n - 1 - k];
        if (sigma < ldexp(1, SMALLEST)) {
            small++;
            continue;
        }
        sg_scaled root = sg_scaled_of(sigma, 0);
        log_value[k] = 2 * log(root.m) + (double)(2 * root.e + shift) * M_LN2;
    }
    if (small > 0) bisect_small(l, small, (double)(2 * SMALLEST + shift) * M_LN2, log_value);
out:
    sg_delete(diagonal);
    sg_delete(below);
    sg_delete(column);
    sg_delete(work);
    return status;
}

sg_status sg_birth_death_spectrum(const sg_birth_death *chain, double *log_value, int count, double *function) {
    sg_ladder *l = NULL;
    sg_status status = sg_ladder_new(chain, &l);
    if (status) goto out;
    if (function && (count < 0 || count > l->edges)) {
        status = sg_fail(SG_OUT_OF_RANGE, "%d eigenfunctions of a chain of %d states were asked for: at most %d", count,
                         l->n, l->edges);
        goto out;
    }
    if ((status = eigenvalues(l, log_value))) goto out;
    if (function) status = sg_ladder_functions(l, log_value, count, function);
out:
    sg_ladder_delete(l);
    return status;
}
