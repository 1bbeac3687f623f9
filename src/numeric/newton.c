/* Newton's method for minima, convex or not, and for roots. */
#include "numeric/dense.h"

#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

static const double singular_below = 1e-13; /* smallest against largest eigenvalue of the scaled Hessian */
static const int most_halvings = 40;

typedef struct {
    int m;
    bool root, quasi, definite, singular, bold;
    sg_objective evaluate;
    void *context;
    double tol, radius, value, trial_value;
    double *x;                     /* the caller's theta */
    double *before, *y;            /* [m] the point before x, the point tried next */
    double *g, *gy, *step, *scale; /* [m] gradients at x and y */
    double *lambda;                /* [m] eigenvalues of the scaled Hessian, if it is not definite */
    double *h, *hy;                /* [m,m] Hessians at x and y */
    double *inverse;               /* [m,m] of the Hessian as modified, in the caller's variables */
    double *factor;                /* [m,m] Cholesky factor, or eigenvectors */
    double *scratch;
} newton;

static size_t scratch_size(int m) {
    size_t eigen = sg_dense_eigen_work(m), invert = sg_dense_invert_work(m);
    return eigen > invert ? eigen : invert;
}

size_t sg_newton_work(int m) {
    return 7 * (size_t)m + 4 * (size_t)m * (size_t)m + scratch_size(m);
}

static void lay_out(newton *s, int m, double *work) {
    size_t square = (size_t)m * (size_t)m;
    double **table[] = {&s->inverse, &s->h, &s->hy, &s->factor};
    double **line[] = {&s->step, &s->before, &s->y, &s->g, &s->gy, &s->scale, &s->lambda};
    *table[0] = work;
    work += square;
    for (size_t i = 0; i < sizeof line / sizeof *line; i++, work += m) *line[i] = work;
    for (size_t i = 1; i < sizeof table / sizeof *table; i++, work += square) *table[i] = work;
    s->scratch = work;
}

/* --------------------------------------------------------- small vector work */

static double dot(int m, const double *a, const double *b) {
    double sum = 0;
    for (int i = 0; i < m; i++) sum += a[i] * b[i];
    return sum;
}

static double largest(int m, const double *a) {
    double top = 0;
    for (int i = 0; i < m; i++) top = fmax(top, fabs(a[i]));
    return top;
}

static double length_of(int m, const double *a) {
    double top = largest(m, a), sum = 0;
    if (!(top > 0)) return top;
    for (int i = 0; i < m; i++) sum += a[i] / top * (a[i] / top);
    return top * sqrt(sum);
}

static double norm1(int m, const double *a) {
    double top = 0;
    for (int j = 0; j < m; j++) {
        double sum = 0;
        for (int i = 0; i < m; i++) sum += fabs(a[i + m * j]);
        top = fmax(top, sum);
    }
    return top;
}

/* Euclidean norm of inverse * g, the Newton step from a point with gradient g seen with the Hessian at x. */
static double step_length(const newton *s, const double *g) {
    double sum = 0;
    for (int i = 0; i < s->m; i++) {
        double x = 0;
        for (int j = 0; j < s->m; j++) x += s->inverse[i + s->m * j] * g[j];
        sum += x * x;
    }
    return sqrt(sum);
}

static bool all_finite(int m, const double *a) {
    for (int i = 0; i < m; i++)
        if (!isfinite(a[i])) return false;
    return true;
}

/* ------------------------------------------------------------ the direction */

static void scaled_hessian(const newton *s, double *to) {
    for (int j = 0; j < s->m; j++)
        for (int i = 0; i < s->m; i++) to[i + s->m * j] = s->h[i + s->m * j] * s->scale[i] * s->scale[j];
}

/* Powers of two that bring the diagonal (or, without a positive one, the largest entry of each row) near one. */
static void choose_scale(newton *s, bool diagonal) {
    for (int i = 0; i < s->m; i++) {
        double top = s->h[i + s->m * i];
        for (int j = 0; !diagonal && j < s->m; j++) top = fmax(top, fabs(s->h[i + s->m * j]));
        s->scale[i] = sg_dense_power(sqrt(top));
    }
}

/* Cholesky factor, inverse and step; false when the Hessian is not safely positive definite. */
static bool definite_step(newton *s) {
    int m = s->m;
    for (int i = 0; i < m; i++)
        if (!(s->h[i + m * i] > 0)) return false;
    choose_scale(s, true);
    scaled_hessian(s, s->factor);
    double size = norm1(m, s->factor);
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', m, s->factor, m)) return false;
    memcpy(s->inverse, s->factor, sizeof(double) * (size_t)m * (size_t)m);
    if (LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'L', m, s->inverse, m)) return false;
    for (int j = 0; j < m; j++)
        for (int i = 0; i < j; i++) s->inverse[i + m * j] = s->inverse[j + m * i];
    if (!(size * norm1(m, s->inverse) * singular_below <= 1)) return false;
    for (int j = 0; j < m; j++)
        for (int i = 0; i < m; i++) s->inverse[i + m * j] *= s->scale[i] * s->scale[j];
    for (int i = 0; i < m; i++) s->step[i] = -s->g[i] * s->scale[i];
    if (LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'L', m, 1, s->factor, m, s->step, m)) return false;
    for (int i = 0; i < m; i++) s->step[i] *= s->scale[i];
    s->definite = true;
    s->singular = false;
    return true;
}

/* Eigenvalues replaced by their absolute values: downhill along every eigenvector. */
static sg_status modified_step(newton *s) {
    int m = s->m;
    choose_scale(s, false);
    scaled_hessian(s, s->factor);
    sg_status status = sg_dense_eigen(m, s->factor, s->lambda, s->scratch);
    if (status) return status;
    double top = largest(m, s->lambda), least = top;
    for (int k = 0; k < m; k++) least = fmin(least, fabs(s->lambda[k]));
    s->singular = !(least > singular_below * top);
    s->definite = !s->singular && s->lambda[0] > 0;
    double floor = top > 0 ? singular_below * top : 1;
    memset(s->inverse, 0, sizeof(double) * (size_t)m * (size_t)m);
    for (int k = 0; k < m; k++) {
        const double *v = s->factor + m * k;
        double weight = 1 / fmax(fabs(s->lambda[k]), floor);
        for (int j = 0; j < m; j++) {
            double c = v[j] * weight * s->scale[j];
            for (int i = 0; i < m; i++) s->inverse[i + m * j] += s->scale[i] * v[i] * c;
        }
    }
    for (int i = 0; i < m; i++) {
        s->step[i] = 0;
        for (int j = 0; j < m; j++) s->step[i] -= s->inverse[i + m * j] * s->g[j];
    }
    return SG_OK;
}

/* From a saddle: along the lowest eigenvector, downhill if the gradient has a side. */
static void leave_saddle(newton *s) {
    for (int i = 0; i < s->m; i++) s->step[i] = s->factor[i] * s->scale[i];
    double length = length_of(s->m, s->step), side = dot(s->m, s->step, s->g) > 0 ? -1 : 1;
    for (int i = 0; i < s->m; i++) s->step[i] *= side * fmin(s->radius, 1) / length;
}

static sg_status root_step(newton *s) {
    int m = s->m;
    for (int i = 0; i < m; i++) {
        double top = 0;
        for (int j = 0; j < m; j++) top = fmax(top, fabs(s->h[i + m * j]));
        s->scale[i] = sg_dense_power(top);
        for (int j = 0; j < m; j++) s->factor[i + m * j] = s->h[i + m * j] * s->scale[i];
    }
    sg_status status = sg_dense_invert(m, s->factor, 1 / singular_below, s->inverse, NULL, s->scratch);
    if (status) return sg_fail_within(status, "the Jacobian of the estimating equation");
    for (int j = 0; j < m; j++)
        for (int i = 0; i < m; i++) s->inverse[i + m * j] *= s->scale[j];
    for (int i = 0; i < m; i++) {
        s->step[i] = 0;
        for (int j = 0; j < m; j++) s->step[i] -= s->inverse[i + m * j] * s->g[j];
    }
    s->definite = true;
    s->singular = false;
    return SG_OK;
}

static sg_status direction(newton *s) {
    if (s->root) return root_step(s);
    return definite_step(s) ? SG_OK : modified_step(s);
}

/*
 * Below tol, or below what rounding makes of an exact gradient at this point: a gradient H x + b carries errors of
 * a few eps (|H| |x| + |b|), x those of the step that led to it, and the inverse passes them on.
 */
static bool converged(const newton *s) {
    int m = s->m;
    if (largest(m, s->step) <= s->tol) return true;
    double *noise = s->scratch;
    for (int i = 0; i < m; i++) {
        double along = 0, b = s->g[i];
        for (int j = 0; j < m; j++) {
            double hij = s->h[i + m * j];
            along += fabs(hij) * (fabs(s->x[j]) + fabs(s->before[j]));
            b -= hij * s->x[j];
        }
        noise[i] = 4 * DBL_EPSILON * (along + fabs(b));
    }
    for (int i = 0; i < m; i++) {
        double floor = 0;
        for (int j = 0; j < m; j++) floor += fabs(s->inverse[i + m * j]) * noise[j];
        if (!(fabs(s->step[i]) <= fmax(s->tol, floor))) return false;
    }
    return true;
}

/* --------------------------------------------------------------- the search */

/* Evaluates at y = x + t step.  A point outside the domain, or where a number is not finite, is `refused`. */
static sg_status look(newton *s, double t, bool *refused) {
    int m = s->m;
    for (int i = 0; i < m; i++) s->y[i] = s->x[i] + t * s->step[i];
    s->trial_value = 0;
    sg_status status = s->evaluate(s->context, s->y, s->root ? NULL : &s->trial_value, s->gy, s->hy);
    *refused = status == SG_NOT_INTEGRABLE ||
               (!status && !(isfinite(s->trial_value) && all_finite(m, s->gy) && all_finite(m * m, s->hy)));
    return *refused ? SG_OK : status;
}

/*
 * Is y good enough?  A root: the next step, with the old Jacobian, is shorter (Deuflhard's natural monotonicity test).
 * A minimum: Armijo; or, where differences of the value drown in rounding, the same contraction of the step.
 */
static bool acceptable(const newton *s, double t, double length, double decrease) {
    double ratio = s->definite ? step_length(s, s->gy) / length : INFINITY;
    if (s->root) return ratio <= 1 - t / 4;
    if (s->trial_value <= s->value + 1e-4 * decrease) return true;
    double noise = 1e-10 * fmax(fabs(s->value), fabs(s->trial_value));
    return t == 1 && ratio <= (s->quasi ? 0.95 : 0.5) &&
           (largest(s->m, s->step) <= 1e-3 || s->trial_value <= s->value + noise);
}

static bool model_is_exact(const newton *s, double length, double decrease) {
    return acceptable(s, 1, length, decrease) && step_length(s, s->gy) <= 0.25 * length;
}

static double curvature(const newton *s) {
    double sum = 0;
    for (int j = 0; j < s->m; j++) sum += s->step[j] * dot(s->m, s->h + s->m * j, s->step);
    return sum;
}

/* Finds the next point along the step and adapts the trust radius. */
static sg_status search(newton *s) {
    double length = length_of(s->m, s->step);
    double slope = s->root ? 0 : dot(s->m, s->g, s->step), bend = s->root ? 0 : curvature(s);
    double first = fmin(1, s->radius / length), t = first;
    bool refused, good = false;
    /* Beyond the radius only where the model turns out to be exact, as it is for a quadratic function. */
    if (first < 1 && s->definite && s->bold) {
        sg_status status = look(s, 1, &refused);
        if (status) return status;
        if (!refused && model_is_exact(s, length, slope)) {
            s->radius = length;
            return SG_OK;
        }
        s->bold = false;
    }
    for (int halving = 0; halving <= most_halvings && !good; halving++) {
        if (halving) t /= 2;
        sg_status status = look(s, t, &refused);
        if (status) return status;
        good = !refused && acceptable(s, t, length, t * slope + 0.5 * t * t * fmin(bend, 0));
    }
    if (!good)
        return sg_fail(SG_NOT_CONVERGED, "no acceptable point along a Newton step of length %.3g, %s; start elsewhere",
                       length, refused ? "which leaves the domain" : "which does not lead down");
    if (t < first)
        s->radius = 2 * t * length;
    else if (t < 1 && (s->root || s->value - s->trial_value > -0.5 * (t * slope + 0.5 * t * t * bend)))
        s->radius *= 4;
    return SG_OK;
}

static void move_to_trial(newton *s) {
    double *g = s->g, *h = s->h;
    memcpy(s->before, s->x, sizeof *s->x * (size_t)s->m);
    memcpy(s->x, s->y, sizeof *s->x * (size_t)s->m);
    s->value = s->trial_value;
    s->g = s->gy, s->gy = g;
    s->h = s->hy, s->hy = h;
}

/* ------------------------------------------------------------------ the whole */

static sg_status start(newton *s) {
    sg_status status = s->evaluate(s->context, s->x, s->root ? NULL : &s->value, s->g, s->h);
    if (status) return status;
    memcpy(s->before, s->x, sizeof *s->x * (size_t)s->m);
    if (isfinite(s->value) && all_finite(s->m, s->g) && all_finite(s->m * s->m, s->h)) return SG_OK;
    return sg_fail(SG_NOT_CONVERGED, "the function or its derivatives are not finite at the start; start elsewhere");
}

static sg_status singular(const newton *s) {
    return sg_fail(SG_SINGULAR,
                   "the Hessian is singular: eigenvalues from %.3g to %.3g after scaling; leave out a "
                   "parameter that the others determine",
                   s->lambda[0], s->lambda[s->m - 1]);
}

/* One step; `done` when x is the answer, after which the last small step is still taken. */
static sg_status advance(newton *s, int left, bool *done) {
    sg_status status = direction(s);
    if (status) return status;
    bool arrived = converged(s);
    *done = arrived && s->definite;
    if (*done) {
        for (int i = 0; i < s->m; i++) s->x[i] += s->step[i];
        return SG_OK;
    }
    if (s->singular && (arrived || left <= 0)) return singular(s);
    if (left <= 0)
        return sg_fail(SG_NOT_CONVERGED,
                       "Newton's method has used its steps and the next would change a parameter by "
                       "%.3g; start closer or allow more",
                       largest(s->m, s->step));
    if (arrived) leave_saddle(s);
    status = search(s);
    if (status == SG_NOT_CONVERGED && s->singular) return singular(s);
    if (!status) move_to_trial(s);
    return status;
}

sg_status sg_newton(int m, sg_objective evaluate, void *context, const sg_newton_settings *settings, double *theta,
                    int *iterations, double *work) {
    int steps = 0;
    bool done = false;
    if (m < 1) return sg_fail(SG_OUT_OF_RANGE, "Newton's method was asked for %d variables; give at least one", m);
    newton s = {.m = m, .root = settings->root, .bold = true, .evaluate = evaluate, .context = context};
    s.tol = settings->tol;
    s.quasi = settings->quasi;
    s.radius = settings->radius;
    s.x = theta;
    lay_out(&s, m, work);
    sg_status status = start(&s);
    while (!status && !done) {
        status = advance(&s, settings->most - steps, &done);
        steps += !status && !done;
    }
    if (iterations) *iterations = steps;
    return status;
}
