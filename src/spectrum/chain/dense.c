/*
 * All eigenvalues of a reversible chain with relative accuracy, however metastable.
 *
 * The elimination of Grassmann, Taksar and Heyman adds and divides positive numbers only, and gives A = G G^T with
 *     G_kk = leave_k^{1/2},    G_ik = -(q_ik q_ki / leave_k)^{1/2}  (i < k),
 * that is G = M^{-1/2} C D^{1/2} with M the masses, D conductances and C triangular with unit diagonal, columns that
 * sum to zero and an inverse of hitting probabilities: well conditioned whatever the rates.  With the heavy states
 * first both scalings are graded the same way, and one-sided Jacobi iteration after a pivoted QR factorization (dgejsv
 * with 'F') finds the singular values of such a product with relative accuracy (Drmac and Veselic 2008).
 */
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>

#include "graph.h"
#include "spectrum/scaled.h"

static sg_status fill(const sg_graph *g, const int *order, long double *q) {
    const size_t n = (size_t)g->n;
    int *place = NULL;
    double least = INFINITY;
    sg_status status = sg_new(&place, n, sizeof *place);
    if (status) return status;
    for (int k = 0; k < g->n; k++) place[order[k]] = k;
    for (size_t k = 0; k < n * n; k++) q[k] = 0;
    for (int x = 0; x < g->n; x++)
        for (size_t a = g->start[x]; a < g->start[x + 1]; a++) {
            double log_rate = g->log_rate[a] - g->log_unit;
            least = fmin(least, log_rate);
            q[(size_t)place[x] * n + (size_t)place[g->to[a]]] = expl(log_rate);
        }
    sg_delete(place);
    if (least >= -SG_CHAIN_SPAN) return SG_OK;
    return sg_fail(SG_OUT_OF_RANGE, "the logs of the rates span %.0f: more than %.0f cannot be eliminated", -least,
                   SG_CHAIN_SPAN);
}

sg_status sg_graph_eliminate(const sg_graph *g, const int *order, long double *q, long double *leave) {
    const size_t n = (size_t)g->n;
    sg_status status = fill(g, order, q);
    for (size_t k = n - 1; !status && k > 0; k--) {
        const long double *row = q + k * n;
        long double sum = 0;
        for (size_t j = 0; j < k; j++) sum += row[j];
        leave[k] = sum;
        for (size_t i = 0; i < k; i++) {
            if (q[i * n + k] == 0) continue;
            const long double share = q[i * n + k] / sum;
            long double *to = q + i * n;
            for (size_t j = 0; j < k; j++) to[j] += share * row[j];
            to[i] = 0; /* back to where it came from */
        }
    }
    return status;
}

typedef struct {
    double log_pi;
    int state;
} weighed;

static int heavier(const void *a, const void *b) {
    const weighed *x = a, *y = b;
    if (x->log_pi != y->log_pi) return x->log_pi > y->log_pi ? -1 : 1;
    return x->state < y->state ? -1 : 1;
}

static sg_status heavy_first(const sg_graph *g, int *order) {
    weighed *list = NULL;
    sg_status status = sg_new(&list, (size_t)g->n, sizeof *list);
    if (status) return status;
    for (int x = 0; x < g->n; x++) list[x] = (weighed){g->log_pi[x], x};
    qsort(list, (size_t)g->n, sizeof *list, heavier);
    for (int k = 0; k < g->n; k++) order[k] = list[k].state;
    sg_delete(list);
    return SG_OK;
}

/* G over 2^-400, column-major n x (n-1): singular values down to 2^-1400 of the largest stay normal numbers. */
enum { SHIFT = 400 };

static sg_status square_root(const sg_graph *g, double *root) {
    const size_t n = (size_t)g->n;
    long double *q = NULL, *leave = NULL;
    int *order = NULL;
    sg_status status = sg_new(&q, n * n, sizeof *q);
    if (!status) status = sg_new(&leave, n, sizeof *leave);
    if (!status) status = sg_new(&order, n, sizeof *order);
    if (!status) status = heavy_first(g, order);
    if (!status) status = sg_graph_eliminate(g, order, q, leave);
    if (status) goto out;
    for (size_t k = 1; k < n; k++) {
        double *column = root + (k - 1) * n;
        column[k] = (double)ldexpl(sqrtl(leave[k]), SHIFT);
        for (size_t i = 0; i < k; i++)
            column[i] = -(double)ldexpl(sqrtl(q[i * n + k]) * sqrtl(q[k * n + i] / leave[k]), SHIFT);
    }
out:
    sg_delete(q);
    sg_delete(leave);
    sg_delete(order);
    return status;
}

static sg_status singular_values(int n, double *root, double *value) {
    const int m = n - 1;
    const lapack_int length = 2 * n + m > 4 * m + 1 ? 2 * n + m : 4 * m + 1;
    double *work = NULL, unused = 0;
    lapack_int *whole = NULL, info = 0;
    sg_status status = sg_new(&work, (size_t)(length > 7 ? length : 7), sizeof *work);
    if (!status) status = sg_new(&whole, (size_t)(n + 3 * m + 3), sizeof *whole);
    if (status) goto out;
    info = LAPACKE_dgejsv_work(LAPACK_COL_MAJOR, 'F', 'N', 'N', 'N', 'N', 'N', n, m, root, n, value, &unused, n,
                               &unused, n, work, length > 7 ? length : 7, whole);
    if (info < 0) status = sg_fail(SG_INTERNAL, "dgejsv refused its argument %d", (int)-info);
    if (info > 0)
        status = sg_fail(SG_NOT_CONVERGED, "the singular values for a chain of %d states did not converge", n);
    for (int k = 0; k < m && !info; k++) value[k] *= work[0] / work[1];
out:
    sg_delete(work);
    sg_delete(whole);
    return status;
}

sg_status sg_graph_dense(const sg_graph *g, int *count, double *log_value, double *error) {
    const int n = g->n;
    double *root = NULL, *value = NULL;
    sg_status status = sg_new(&root, (size_t)n * (size_t)(n - 1), sizeof *root);
    if (!status) status = sg_new(&value, (size_t)n, sizeof *value);
    if (status) goto out;
    if ((status = square_root(g, root))) goto out;
    if ((status = singular_values(n, root, value))) goto out;
    if (*count > n - 1) *count = n - 1;
    for (int k = 0; k < *count; k++) {
        sg_scaled sigma = sg_scaled_of(value[n - 2 - k], 0);
        bool tiny = value[n - 2 - k] < 0x1p-960;
        sigma.e -= SHIFT;
        log_value[k] = tiny ? -INFINITY : 2 * sg_scaled_log(sigma);
        error[k] = tiny ? INFINITY : (16.0 * n + 64) * DBL_EPSILON;
    }
out:
    sg_delete(root);
    sg_delete(value);
    return status;
}
