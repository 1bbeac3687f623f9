/*
 * Eigenfunctions of a birth-death chain: sweeps of function and flux from both ends, joined where the equation of the
 * join is best satisfied (twisted factorization).  Eigenvalues that agree to many digits belong to parts of the chain
 * that barely see one another: then joins are taken in different parts and the functions made orthogonal.
 */
#include <float.h>
#include <string.h>

#include "birth-death.h"

#define CLUSTER 1e-5 /* relative distance below which functions are made orthogonal */
enum { TRIALS = 6 };

typedef struct {
    sg_ladder *l;
    sg_scaled *left, *left_flux, *right, *right_flux; /* [n] f and J_k = flow_k (f_{k+1} - f_k) */
    double *log_join;                                 /* [n] log |residual of the equation at the join| */
    double *mass;                                     /* [n] pi */
    double *taken; /* [n] largest share pi phi^2 / max of the functions of the cluster and of failed joins */
    double *trial; /* [n] */
} workshop;

static void sweep(workshop *w, sg_scaled lambda) {
    const sg_ladder *l = w->l;
    const int last = l->edges;
    w->left[0] = w->right[last] = sg_scaled_of(1, 0);
    for (int k = 0; k < last; k++) {
        sg_scaled before = k > 0 ? w->left_flux[k - 1] : (sg_scaled){0, 0};
        sg_scaled turned = sg_scaled_product(sg_scaled_product(lambda, l->pi[k]), w->left[k]);
        w->left_flux[k] = sg_scaled_combine(1, before, -1, turned);
        w->left[k + 1] = sg_scaled_sum(w->left[k], sg_scaled_quotient(w->left_flux[k], l->flow[k]));
    }
    for (int k = last; k > 0; k--) {
        sg_scaled after = k < last ? w->right_flux[k] : (sg_scaled){0, 0};
        sg_scaled turned = sg_scaled_product(sg_scaled_product(lambda, l->pi[k]), w->right[k]);
        w->right_flux[k - 1] = sg_scaled_sum(after, turned);
        w->right[k - 1] =
            sg_scaled_combine(1, w->right[k], -1, sg_scaled_quotient(w->right_flux[k - 1], l->flow[k - 1]));
    }
    for (int k = 0; k <= last; k++) {
        w->log_join[k] = INFINITY;
        if (w->left[k].m == 0 || w->right[k].m == 0) continue;
        sg_scaled in = {0, 0}, out = {0, 0};
        if (k > 0) in = sg_scaled_quotient(w->left_flux[k - 1], w->left[k]);
        if (k < last) out = sg_scaled_quotient(w->right_flux[k], w->right[k]);
        sg_scaled rest = sg_scaled_sum(sg_scaled_quotient(sg_scaled_combine(1, out, -1, in), l->pi[k]), lambda);
        w->log_join[k] = rest.m == 0 ? -INFINITY : sg_scaled_log(rest);
    }
}

/* phi from the sweeps joined at k, E phi^2 = 1. */
static void join(const workshop *w, int k, double *phi) {
    const sg_ladder *l = w->l;
    sg_scaled sum = {0, 0};
    for (int i = 0; i < l->n; i++) {
        sg_scaled f =
            i <= k ? sg_scaled_quotient(w->left[i], w->left[k]) : sg_scaled_quotient(w->right[i], w->right[k]);
        sum = sg_scaled_sum(sum, sg_scaled_product(l->pi[i], sg_scaled_product(f, f)));
    }
    double half = (double)(sum.e / 2), root = sqrt(ldexp(sum.m, (int)(sum.e - 2 * (sum.e / 2))));
    for (int i = 0; i < l->n; i++) {
        sg_scaled f =
            i <= k ? sg_scaled_quotient(w->left[i], w->left[k]) : sg_scaled_quotient(w->right[i], w->right[k]);
        phi[i] = sg_scaled_value(sg_scaled_shift(f, 1 / root, -(long)half));
    }
}

/* The join with the smallest residual where the cluster's functions leave room; -1 if nowhere. */
static int choose(const workshop *w) {
    int best = -1;
    for (int k = 0; k < w->l->n; k++)
        if (w->taken[k] < 0.01 && (best < 0 || w->log_join[k] < w->log_join[best])) best = k;
    return best >= 0 && w->log_join[best] < INFINITY ? best : -1;
}

static void take(workshop *w, const double *phi) {
    double most = 0;
    for (int i = 0; i < w->l->n; i++) most = fmax(most, w->mass[i] * phi[i] * phi[i]);
    for (int i = 0; i < w->l->n; i++) w->taken[i] = fmax(w->taken[i], w->mass[i] * phi[i] * phi[i] / most);
}

/* Subtracts from phi its parts along the functions first .. before-1, twice; the share of the norm that is left. */
static double make_orthogonal(const workshop *w, int first, int before, const double *function, double *phi) {
    const int n = w->l->n;
    double left = 1;
    for (int turn = 0; turn < 2; turn++) {
        for (int j = first; j < before; j++) {
            const double *other = function + (size_t)j * (size_t)n;
            double part = 0;
            for (int i = 0; i < n; i++) part += w->mass[i] * other[i] * phi[i];
            for (int i = 0; i < n; i++) phi[i] -= part * other[i];
        }
        double norm = 0;
        for (int i = 0; i < n; i++) norm += w->mass[i] * phi[i] * phi[i];
        norm = sqrt(norm);
        left *= norm;
        for (int i = 0; norm > 0 && i < n; i++) phi[i] /= norm;
    }
    return left;
}

static void orient(int n, double *phi) {
    int last = n - 1;
    while (last > 0 && phi[last] == 0) last--;
    for (int i = 0; phi[last] < 0 && i < n; i++) phi[i] = -phi[i];
}

/* The next function of a cluster that starts at `first`: joins in several places, the one that leaves most is kept. */
static void next_of_cluster(workshop *w, int first, int k, double *function) {
    const size_t n = (size_t)w->l->n;
    double best = -1, *phi = function + (size_t)k * n;
    memset(w->taken, 0, n * sizeof(double));
    for (int j = first; j < k; j++) take(w, function + (size_t)j * n);
    for (int trial = 0; trial < TRIALS && best < 0.1; trial++) {
        int at = choose(w);
        if (at < 0) break;
        join(w, at, w->trial);
        w->taken[at] = 1;
        take(w, w->trial);
        double left = make_orthogonal(w, first, k, function, w->trial);
        if (left > best) memcpy(phi, w->trial, n * sizeof(double)), best = left;
    }
}

static sg_status allocate(sg_ladder *l, workshop *w) {
    const size_t n = (size_t)l->n;
    sg_scaled **scaled[] = {&w->left, &w->left_flux, &w->right, &w->right_flux};
    double **plain[] = {&w->log_join, &w->mass, &w->taken, &w->trial};
    sg_status status = SG_OK;
    w->l = l;
    for (int k = 0; !status && k < 4; k++) status = sg_new(scaled[k], n, sizeof(sg_scaled));
    for (int k = 0; !status && k < 4; k++) status = sg_new(plain[k], n, sizeof(double));
    return status;
}

static void release(workshop *w) {
    sg_scaled *scaled[] = {w->left, w->left_flux, w->right, w->right_flux};
    double *plain[] = {w->log_join, w->mass, w->taken, w->trial};
    for (int k = 0; k < 4; k++) sg_delete(scaled[k]);
    for (int k = 0; k < 4; k++) sg_delete(plain[k]);
}

sg_status sg_ladder_functions(sg_ladder *l, const double *log_value, int count, double *function) {
    workshop w = {0};
    int first = 0;
    sg_status status = allocate(l, &w);
    for (int i = 0; !status && i < l->n; i++) w.mass[i] = sg_scaled_value(l->pi[i]);
    for (int k = 0; !status && k < count; k++) {
        double *phi = function + (size_t)k * (size_t)l->n;
        if (k > 0 && log_value[k] - log_value[k - 1] > CLUSTER) first = k;
        sweep(&w, sg_scaled_exp(log_value[k]));
        if (first == k) {
            memset(w.taken, 0, (size_t)l->n * sizeof(double));
            int at = choose(&w);
            join(&w, at < 0 ? 0 : at, phi);
        } else {
            next_of_cluster(&w, first, k, function);
        }
        orient(l->n, phi);
    }
    release(&w);
    return status;
}
