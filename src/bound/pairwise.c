/* High-temperature conditions for the heat bath of pairwise models on {-1,+1}^n. */
#include <float.h>
#include <math.h>

#include "scoregap/bound.h"

enum { POWER_STEPS = 200 };
static const double LOG2 = 0.6931471805599453;

static double larger(double a, double b) {
    return a > b ? a : b;
}

static double strength(const sg_pairwise *model, int i, int j) {
    return fabs(model->J ? model->J[(size_t)i * (size_t)model->n + (size_t)j] : model->coupling);
}

static double field(const sg_pairwise *model, int i) {
    return fabs(model->h ? model->h[i] : model->field);
}

/* Sum of |J_ij| over j != i. */
static double reach(const sg_pairwise *model, int i) {
    double sum = 0;
    if (!model->J) return (model->n - 1) * fabs(model->coupling);
    for (int j = 0; j < model->n; j++)
        if (j != i) sum += strength(model, i, j);
    return sum;
}

/* (tanh(u + J) - tanh(u - J))/2 = tanh J (1 - tanh^2 u)/(1 - tanh^2 J tanh^2 u) */
static double influence(double u, double J) {
    const double c = cosh(u < 300 ? u : 300), s = sinh(J < 300 ? J : 300);
    return J > 300 && u <= J ? 1 : s * sqrt(1 + s * s) / (c * c + s * s);
}

/* -------------------------------------------------------------------- Dobrushin */

static void fill_influences(const sg_pairwise *model, double *c) {
    for (int i = 0; i < model->n; i++) {
        const double all = reach(model, i);
        for (int j = 0; j < model->n; j++) {
            const double J = strength(model, i, j);
            c[(size_t)i * (size_t)model->n + (size_t)j] =
                i == j ? 0 : influence(larger(0, field(model, i) - (all - J)), J);
        }
    }
}

/* max_i (c v)_i/v_i >= spectral radius for every v > 0; power steps of I + c make it small. */
static double perron(int n, const double *c, double *v, double *next) {
    double best = INFINITY;
    for (int i = 0; i < n; i++) v[i] = 1;
    for (int step = 0; step < POWER_STEPS; step++) {
        double most = 0, top = 0;
        for (int i = 0; i < n; i++) {
            double sum = 0;
            for (int j = 0; j < n; j++) sum += c[(size_t)i * (size_t)n + (size_t)j] * v[j];
            most = larger(most, sum / v[i]);
            next[i] = v[i] + sum;
            top = larger(top, next[i]);
        }
        if (most < best) best = most;
        for (int i = 0; i < n; i++) v[i] = larger(next[i] / top, 1e-100);
    }
    return best * (1 + 4 * n * DBL_EPSILON);
}

sg_status sg_bound_dobrushin_lower(const sg_pairwise *model, double *radius, double *log_gap_lower) {
    const size_t n = (size_t)model->n;
    double *c = NULL;
    if (!model->J && !model->h) {
        const double all = reach(model, 0), J = fabs(model->coupling);
        *radius = (model->n - 1) * influence(larger(0, field(model, 0) - (all - J)), J);
    } else {
        sg_status status = sg_new(&c, n * n + 2 * n, sizeof *c);
        if (status) return status;
        fill_influences(model, c);
        *radius = perron(model->n, c, c + n * n, c + n * n + n);
        sg_delete(c);
    }
    *log_gap_lower = *radius < 1 ? log1p(-*radius) : -INFINITY;
    return SG_OK;
}

/* --------------------------------------------------- spectral condition */

static sg_status spread_of(const sg_pairwise *model, double *spread) {
    const size_t n = (size_t)model->n;
    double *a = NULL;
    *spread = model->n > 1 ? model->n * fabs(model->coupling) : 0;
    if (!model->J) return SG_OK;
    sg_status status = sg_new(&a, n * n + n, sizeof *a);
    if (status) return status;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) a[i * n + j] = i == j ? 0 : model->J[i * n + j];
    double *value = a + n * n;
    status = sg_symmetric_eigen(model->n, a, value, NULL);
    if (!status) *spread = (value[n - 1] - value[0]) * (1 + 4 * (double)n * DBL_EPSILON);
    sg_delete(a);
    return status;
}

sg_status sg_bound_spectral_lower(const sg_pairwise *model, double *spread, double *log_gap_lower) {
    sg_status status = spread_of(model, spread);
    *log_gap_lower = !status && *spread < 1 ? log1p(-*spread) : -INFINITY;
    return status;
}

double sg_bound_two_point(double log_a) {
    const double a = exp(log_a), t = 1 - 2 * a;
    if (!(t > 0)) return 0;
    if (t < 1e-4) return log1p(t * t / 3); /* atanh(t)/t */
    return log(log1p(-a) - log_a) - LOG2 - log(t);
}

double sg_bound_least_mass_upper(double log_pi_min, double log_poincare_upper) {
    return sg_bound_two_point(log_pi_min) + log_poincare_upper;
}

sg_status sg_bound_tensorization_upper(const sg_pairwise *model, double *log_tensorization_upper,
                                       double *log_log_sobolev_upper) {
    double spread, log_lower, least = -LOG2;
    sg_status status = sg_bound_spectral_lower(model, &spread, &log_lower);
    *log_tensorization_upper = -log_lower;
    for (int i = 0; i < (model->J || model->h ? model->n : 1); i++) {
        const double log_odds = 2 * (field(model, i) + reach(model, i)); /* a = 1/(1 + e^log_odds) */
        least = -larger(-least, log_odds + log1p(exp(-log_odds)));
    }
    *log_log_sobolev_upper = *log_tensorization_upper + sg_bound_two_point(least);
    return status;
}

/* ------------------------------------------------------------ cuts in a row */

double sg_bound_paths_lower(const sg_pairwise *model) {
    const int n = model->n;
    double before = 0, worst = -INFINITY;
    for (int k = 0; k < n; k++) {
        double after = before; /* site k goes from the right side to the left one */
        if (!model->J)
            after = (double)(k + 1) * (n - 1 - k) * fabs(model->coupling);
        else
            for (int j = 0; j < n; j++) after += (j > k ? 1 : j < k ? -1 : 0) * strength(model, k, j);
        after = larger(after, 0);
        const double top = larger(before, after);
        worst = larger(worst, 4 * top + log1p(exp(4 * (before + after - 2 * top))));
        before = after;
    }
    return -log(n) - worst;
}
