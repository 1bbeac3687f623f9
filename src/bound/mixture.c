/* Products and mixtures: Poincare constants of a law from those of its parts. */
#include <math.h>
#include <string.h>

#include "scoregap/bound.h"

/* Overlaps below this make the functions of two components indistinguishable: the conductance stops growing there. */
static const double LEAST_CHI2 = 1e-12;
static const double LEAST_EIGENVALUE = 1e-9; /* of the largest: below, no digit of it is sure enough */

static double larger(double a, double b) {
    return a > b ? a : b;
}

/* log(e^a + e^b) */
static double log_add(double a, double b) {
    double top = larger(a, b);
    return isinf(top) ? top : top + log1p(exp((a > b ? b : a) - top));
}

double sg_bound_product_upper(int count, const double *log_constant) {
    double most = -INFINITY;
    for (int i = 0; i < count; i++) most = larger(most, log_constant[i]);
    return most;
}

/*
 * max(C_0 + a A, C_1 + (1 - a) B) at the best a in [0, 1], with A = C_0 w_1 X_01, B = C_1 w_0 X_10: where the two are
 * equal it is (C_0 B + C_1 A + A B)/(A + B).
 */
static double two_components(const double *weight, const double *log_c, const double *log_chi2) {
    const double a = log_c[0] + log(weight[1]) + log_chi2[1], b = log_c[1] + log(weight[0]) + log_chi2[2];
    const double most = larger(log_c[0], log_c[1]);
    if (a == -INFINITY || b == -INFINITY) return most; /* equal components */
    if (isinf(a) && isinf(b)) return INFINITY;
    if (isinf(a)) return larger(log_c[0], log_add(log_c[1], b));
    if (isinf(b)) return larger(log_c[1], log_add(log_c[0], a));
    const double balanced = log_add(log_add(log_c[0] + b, log_c[1] + a), a + b) - log_add(a, b);
    return larger(balanced, most);
}

/* log of the Poincare constant of the chain on the components with conductances exp(log_q - log_unit). */
static sg_status chain_constant(int count, const double *weight, const double *log_q, double *log_b) {
    const size_t n = (size_t)count;
    double *a = NULL, *value = NULL, log_unit = -INFINITY;
    sg_status status = sg_new(&a, n * n, sizeof *a);
    if (!status) status = sg_new(&value, n, sizeof *value);
    if (status) goto out;
    for (size_t k = 0; k < n * n; k++) log_unit = larger(log_unit, log_q[k]);
    if (log_unit == -INFINITY) {
        status = sg_fail(SG_NO_DIGITS, "no two components of the mixture have a finite chi-square");
        goto out;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double q = i == j ? 0 : exp(log_q[i * n + j] - log_unit);
            a[i + i * n] += q / weight[i];
            a[i + j * n] -= q / sqrt(weight[i] * weight[j]);
        }
    if ((status = sg_symmetric_eigen(count, a, value, NULL))) goto out;
    if (!(value[1] > LEAST_EIGENVALUE * value[n - 1])) {
        status = sg_fail(SG_NO_DIGITS, "some components of the mixture overlap too little with all others");
        goto out;
    }
    *log_b = -log(value[1] * (1 - 1e-6)) - log_unit;
out:
    sg_delete(a);
    sg_delete(value);
    return status;
}

static sg_status many_components(int count, const double *weight, const double *log_c, const double *log_chi2,
                                 double floor, double *log_upper) {
    const size_t n = (size_t)count;
    double *log_q = NULL, log_b = INFINITY;
    sg_status status = sg_new(&log_q, n * n, sizeof *log_q);
    if (status) return status;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            const double one = log_chi2[i * n + j], other = log_chi2[j * n + i];
            const double chi2 = one == INFINITY ? other : other == INFINITY ? one : larger(one, other);
            log_q[i * n + j] = i == j ? -INFINITY : log(weight[i]) + log(weight[j]) - larger(chi2, log(floor));
        }
    if ((status = chain_constant(count, weight, log_q, &log_b))) goto out;
    *log_upper = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        double sum = -INFINITY;
        for (size_t j = 0; j < n; j++) {
            const double chi2 = log_chi2[i * n + j], share = log_chi2[j * n + i] == INFINITY ? 1 : 0.5; /* a_ij */
            if (log_q[i * n + j] > -INFINITY && chi2 < INFINITY)
                sum = log_add(sum, log(share) + log_q[i * n + j] + chi2);
        }
        *log_upper = larger(*log_upper, log_c[i] + log_add(0, log_b - log(weight[i]) + sum));
    }
out:
    sg_delete(log_q);
    return status;
}

sg_status sg_bound_mixture_upper(int count, const double *weight, const double *log_poincare, const double *log_chi2,
                                 double *log_poincare_upper) {
    double other;
    *log_poincare_upper = INFINITY;
    for (int i = 0; i < count; i++)
        if (!(weight[i] > 0))
            return sg_fail(SG_OUT_OF_RANGE, "component %d of the mixture has weight %g: it must be positive", i + 1,
                           weight[i]);
    if (count < 1) return sg_fail(SG_OUT_OF_RANGE, "a mixture has at least one component");
    if (count <= 2) {
        *log_poincare_upper = count == 1 ? log_poincare[0] : two_components(weight, log_poincare, log_chi2);
        return SG_OK;
    }
    sg_status status = many_components(count, weight, log_poincare, log_chi2, 1, &other);
    if (status) return status;
    *log_poincare_upper = other;
    status = many_components(count, weight, log_poincare, log_chi2, LEAST_CHI2, &other);
    if (status == SG_NO_DIGITS) return SG_OK; /* the first stands */
    if (!status && other < *log_poincare_upper) *log_poincare_upper = other;
    return status;
}

/* ------------------------------------------------------------------- normals */

/* The factor L of a = L L' (row-major, lower), in place; false where a is not positive definite. */
static bool factor(int d, double *a) {
    for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++) {
            double sum = a[i * d + j];
            for (int k = 0; k < j; k++) sum -= a[i * d + k] * a[j * d + k];
            if (i == j && !(sum > 0)) return false;
            a[i * d + j] = i == j ? sqrt(sum) : sum / a[j * d + j];
        }
    return true;
}

/* x = L^-1 x, of which entry i is x[i * step] */
static void solve(int d, const double *factor, int step, double *x) {
    for (int i = 0; i < d; i++) {
        for (int k = 0; k < i; k++) x[i * step] -= factor[i * d + k] * x[k * step];
        x[i * step] /= factor[i * d + i];
    }
}

/* With the eigenvalues e of S_j and z = m_i - m_j in the metric of S_i: each direction apart. */
static double chi2_of(int d, const double *e, const double *z) {
    double log_one_more = 0;
    for (int a = 0; a < d; a++) {
        if (!(e[a] < 2)) return INFINITY;
        log_one_more += z[a] * z[a] / (2 - e[a]) - 0.5 * log1p(-(1 - e[a]) * (1 - e[a]));
    }
    if (!(log_one_more > 0)) return -INFINITY;
    return log_one_more > 40 ? log_one_more : log(expm1(log_one_more));
}

sg_status sg_bound_normals_log_chi2(int d, const double *mean_i, const double *covariance_i, const double *mean_j,
                                    const double *covariance_j, double *log_chi2) {
    const size_t n = (size_t)d, square = n * n;
    double *work = NULL;
    *log_chi2 = INFINITY;
    sg_status status = sg_new(&work, 3 * square + 3 * n, sizeof *work);
    if (status) return status;
    double *root = work, *other = root + square, *vector = other + square, *value = vector + square, *apart = value + n,
           *z = apart + n;
    memcpy(root, covariance_i, square * sizeof *root);
    memcpy(other, covariance_j, square * sizeof *other);
    if (!factor(d, root)) {
        status = sg_fail(SG_OUT_OF_RANGE, "the covariance of a component is not positive definite");
        goto out;
    }
    for (int a = 0; a < d; a++) apart[a] = mean_i[a] - mean_j[a];
    solve(d, root, 1, apart);
    for (int a = 0; a < d; a++) solve(d, root, d, other + a);
    for (int a = 0; a < d; a++) solve(d, root, 1, other + a * d);
    if ((status = sg_symmetric_eigen(d, other, value, vector))) goto out;
    if (!(value[0] > 0)) {
        status = sg_fail(SG_OUT_OF_RANGE, "the covariance of a component is not positive definite");
        goto out;
    }
    for (int a = 0; a < d; a++)
        for (int b = 0; b < d; b++) z[a] += vector[b + a * d] * apart[b];
    *log_chi2 = chi2_of(d, value, z);
out:
    sg_delete(work);
    return status;
}

sg_status sg_bound_normals_upper(int d, int count, const double *weight, const double *mean, const double *covariance,
                                 double *log_poincare_upper) {
    const size_t n = (size_t)(count > 0 ? count : 0), axes = (size_t)d, square = axes * axes;
    double *log_c = NULL;
    *log_poincare_upper = INFINITY;
    sg_status status = sg_new(&log_c, n + n * n + axes, sizeof *log_c);
    if (status) return status;
    double *log_chi2 = log_c + n, *value = log_chi2 + n * n;
    for (size_t i = 0; i < n && !status; i++) {
        status = sg_symmetric_eigen(d, covariance + i * square, value, NULL);
        log_c[i] = log(value[d - 1]);
        for (size_t j = 0; j < n && !status; j++)
            status = sg_bound_normals_log_chi2(d, mean + i * axes, covariance + i * square, mean + j * axes,
                                               covariance + j * square, &log_chi2[i * n + j]);
    }
    if (!status) status = sg_bound_mixture_upper(count, weight, log_c, log_chi2, log_poincare_upper);
    sg_delete(log_c);
    return status;
}
