#include "estimate/root.h"

#include <math.h>
#include <string.h>

#include "scoregap/numeric.h"

enum { HALVINGS = 4, HALVINGS_FRESH = 10, HALVINGS_LINE = 30 }; /* of a step; by a fresh derivative; m = 1 */
static const double shortest = 1e-7;    /* a step below this is too short to tell a derivative from rounding */
static const double least_growth = 0.1; /* of the determinant in one update */
static const double difference = 1e-4;  /* step of differences */

typedef struct {
    int m, left;
    sg_root_equation equation;
    void *context;
    sg_root_state *state;
    double *x, *y, *g, *gy, *step, *change; /* [m] */
    double *inverse;                        /* [m,m] of the derivative */
    double full;                            /* length of the step before, if it was not shortened; else 0 */
    double below, above;                    /* m = 1: where g was last negative, positive; NAN: nowhere */
    int slow;                               /* steps in a row that did not halve g */
    bool refused;
} search;

size_t sg_root_work(int m) {
    return 5 * (size_t)m + (size_t)m * (size_t)m;
}

static void lay_out(search *s, double *work) {
    double **line[] = {&s->y, &s->g, &s->gy, &s->step, &s->change};
    for (int k = 0; k < 5; k++, work += s->m) *line[k] = work;
    s->inverse = work;
}

static double length_of(int m, const double *x) {
    double sum = 0;
    for (int i = 0; i < m; i++) sum += x[i] * x[i];
    return sqrt(sum);
}

/* Euclidean norm of matrix * g. */
static double size_in(int m, const double *matrix, const double *g) {
    double sum = 0;
    for (int i = 0; i < m; i++) {
        double x = 0;
        for (int j = 0; j < m; j++) x += matrix[i + j * m] * g[j];
        sum += x * x;
    }
    return sqrt(sum);
}

/* What is small at x is so against these. */
static double unit_of(const search *s, int i) {
    return fmax(1, fabs(s->x[i]));
}

/* The step against the units. */
static double share_of(const search *s) {
    double top = 0;
    for (int i = 0; i < s->m; i++) top = fmax(top, fabs(s->step[i]) / unit_of(s, i));
    return top;
}

/* Value at y.  `refused` where there is none. */
static sg_status look(search *s) {
    s->refused = false;
    if (s->left-- <= 0)
        return sg_fail(SG_NOT_CONVERGED,
                       "the estimating equation is not solved after the evaluations that are allowed");
    sg_status status = s->equation(s->context, s->y, s->gy);
    for (int i = 0; i < s->m && !status; i++)
        if (!isfinite(s->gy[i])) status = SG_NOT_INTEGRABLE;
    s->refused = status == SG_NOT_INTEGRABLE;
    if (!status) s->state->evaluations++;
    return s->refused ? SG_OK : status;
}

/* Broyden's update for the step from x to y. */
static void update(search *s) {
    const int m = s->m;
    const double *move = s->step;
    double length = length_of(m, move), growth = 0, *jacobian = s->state->jacobian;
    if (share_of(s) < shortest) return;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++) growth += move[i] * s->inverse[i + j * m] * (s->gy[j] - s->g[j]);
    growth /= length * length;
    double share = growth < least_growth ? (1 - least_growth) / (1 - growth) : 1;
    for (int i = 0; i < m; i++) {
        s->change[i] = s->gy[i] - s->g[i];
        for (int j = 0; j < m; j++) s->change[i] -= jacobian[i + j * m] * move[j];
    }
    for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++) jacobian[i + j * m] += share * s->change[i] * move[j] / (length * length);
    s->state->last_step = length;
}

static void move(search *s) {
    memcpy(s->x, s->y, (size_t)s->m * sizeof(double));
    memcpy(s->g, s->gy, (size_t)s->m * sizeof(double));
    if (s->g[0] < 0)
        s->below = s->x[0];
    else
        s->above = s->x[0];
}

static sg_status differences(search *s) {
    const int m = s->m;
    for (int k = 0; k < m; k++) {
        const double step = difference * unit_of(s, k);
        memcpy(s->y, s->x, (size_t)m * sizeof(double));
        s->y[k] += step;
        sg_status status = look(s);
        if (status) return status;
        if (s->refused) return sg_fail(SG_NOT_CONVERGED, "the estimating equation ends at the estimate");
        for (int i = 0; i < m; i++) s->state->jacobian[i + k * m] = (s->gy[i] - s->g[i]) / step;
    }
    return SG_OK;
}

/* The quasi-Newton step, into s->step. */
static sg_status direction(search *s) {
    const int m = s->m;
    double condition;
    sg_status status = sg_invert(m, s->state->jacobian, s->inverse, &condition);
    if (status == SG_BAD_DATA)
        return sg_fail(SG_NOT_CONVERGED, "the search for a root of the estimating equation runs away");
    if (status) return status;
    for (int i = 0; i < m; i++) {
        s->step[i] = 0;
        for (int j = 0; j < m; j++) s->step[i] -= s->inverse[i + j * m] * s->g[j];
    }
    return SG_OK;
}

/* Keeps the step in the bracket. */
static void confine(search *s, double *length) {
    double middle = s->below + 0.5 * (s->above - s->below), to = s->x[0] + s->step[0];
    if (s->m > 1 || isnan(middle)) return;
    if (s->slow < 2 && to > fmin(s->below, s->above) && to < fmax(s->below, s->above)) return;
    s->step[0] = middle - s->x[0];
    *length = 0;
}

/* Goes along the step as far as g allows; `done` if that is anywhere. */
static sg_status go(search *s, bool fresh, double *length, bool *done) {
    const int m = s->m;
    const double before = size_in(m, s->inverse, s->g);
    const int halvings = m == 1 ? HALVINGS_LINE : fresh ? HALVINGS_FRESH : HALVINGS;
    *done = false;
    for (int k = 0; k <= halvings && !*done; k++) {
        if (k) *length = 0;
        for (int i = 0; i < m; i++) {
            if (k) s->step[i] /= 2;
            s->y[i] = s->x[i] + s->step[i];
        }
        sg_status status = look(s);
        if (status) return status;
        if (s->refused) continue;
        double after = size_in(m, s->inverse, s->gy);
        update(s);
        s->slow = after > 0.5 * before ? s->slow + 1 : 0;
        *done = m == 1 || after < before;
    }
    if (*done) move(s);
    return SG_OK;
}

static sg_status start(search *s) {
    memcpy(s->y, s->x, (size_t)s->m * sizeof(double));
    sg_status status = look(s);
    if (status) return status;
    if (s->refused) return sg_fail(SG_NOT_INTEGRABLE, "the estimating equation is not defined at the start");
    move(s);
    return SG_OK;
}

sg_status sg_root(int m, sg_root_equation equation, void *context, const sg_root_settings *settings, double *x,
                  sg_root_state *state, double *work) {
    search s = {.m = m, .left = settings->most, .equation = equation, .context = context, .state = state, .x = x};
    bool done = false, fresh = false;
    s.full = 0;
    s.below = s.above = NAN;
    state->last_step = NAN;
    state->evaluations = 0;
    lay_out(&s, work);
    sg_status status = start(&s);
    while (!status) {
        if ((status = direction(&s))) break;
        double length = length_of(m, s.step);
        double left = m == 1 ? fmin(1, fmax(length / s.full, s.full)) : 1; /* of the step's error, once it is taken */
        if (left * share_of(&s) <= settings->tol) {
            for (int i = 0; i < m; i++) x[i] += s.step[i];
            return SG_OK;
        }
        confine(&s, &length);
        if ((status = go(&s, fresh, &length, &done))) break;
        s.full = length;
        if (!done && fresh) return sg_fail(SG_NOT_CONVERGED, "the estimating equation has no root near its start");
        if (!done) status = differences(&s);
        fresh = !done;
    }
    return status;
}
