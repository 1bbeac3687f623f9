#include "estimate/no-minimum.h"

#include <math.h>
#include <string.h>

#include "dictionary/flip-loss.h"
#include "dictionary/site-view.h"
#include "estimate/source.h"

enum { B = SG_BLOCK, FALLS = 24 };
static const double far = 1e9;           /* a point beyond everything else */
static const double no_change = 1e-9;    /* of a log-ratio, against the largest */
static const double flat = 40, unit = 1; /* where the tails of rho are read */
static const double tied = 1e-5;         /* rates that are no further apart are the same */
static const double steep = 400;         /* an exponent that leaves room for products */

typedef struct {
    sg_fitter *f;
    int m;
    double a, b;     /* the tails of rho' */
    double *full;    /* [full] */
    double *fastest; /* [FALLS][m] D of the log-ratios that fall fastest, in order; [FALLS] their falls */
    int falls;
    double least_growth, most_growth, least_fall, most_fall;
    double *vector; /* [m + 1] of the support */
} descent;

static double largest(int m, const double *x) {
    double top = 0;
    for (int j = 0; j < m; j++) top = fmax(top, fabs(x[j]));
    return top;
}

static void open_tails(const sg_row *row, descent *s) {
    const double u[4] = {-flat, -flat - unit, flat, flat + unit};
    double slope[4];
    row->rho(4, u, NULL, slope, NULL);
    s->a = log(slope[0] / slope[1]) / unit;
    s->b = log(slope[3] / slope[2]) / unit;
}

/* All moves of all data at `scale` times the direction. */
static void visit_all(descent *s, double scale, const double *direction, bool difference, sg_flip_visit visit) {
    sg_fitter *f = s->f;
    for (int j = 0; j < s->m; j++) s->full[f->model->free[j]] = scale * direction[j];
    for (long long k = 0; k < sg_pass_blocks(f->lens, f->source); k++) {
        sg_pass_block(f->lens, f->prepared, f->source, k);
        sg_site_view_at(f->lens->view, s->full, &f->lens->block);
        sg_flip_moves(f->lens->view, difference, visit, s);
    }
}

/* ---------------------------------------------------------------- one direction */

static void stretch(void *context, int n, const double *u, int t, const int *list, const double *difference) {
    descent *s = context;
    (void)t, (void)list, (void)difference;
    for (int i = 0; i < n; i++) {
        const double growth = u[i] > no_change * far ? u[i] : 0, fall = u[i] < -no_change * far ? -u[i] : 0;
        if (growth > 0) s->least_growth = fmin(s->least_growth, growth);
        if (fall > 0) s->least_fall = fmin(s->least_fall, fall);
        s->most_growth = fmax(s->most_growth, growth);
        s->most_fall = fmax(s->most_fall, fall);
    }
}

/* Sum of d.psi over the data at the point t d. */
static double slope_at(descent *s, double t, const double *direction) {
    sg_fitter *f = s->f;
    double sum = 0;
    for (int j = 0; j < s->m; j++) s->full[f->model->free[j]] = t * direction[j];
    for (long long k = 0; k < sg_pass_blocks(f->lens, f->source); k++) {
        sg_pass_block(f->lens, f->prepared, f->source, k);
        sg_lens_look(f->lens, f->prepared, NULL, s->full, &f->lens->block, SG_PSI, 0);
        const double *psi = f->lens->datum.psi, *weight = f->lens->block.weight;
        for (int j = 0; j < s->m; j++)
            for (int i = 0; i < f->lens->block.n; i++)
                sum += (weight ? weight[i] : 1) * direction[j] * psi[(size_t)j * B + (size_t)i];
    }
    return sum;
}

/* Is the slope negative far out along the direction [m]?  Where both rates are the same the sums of their terms decide.
 */
static bool falls(descent *s, const double *direction, bool *endless) {
    const double top = largest(s->m, direction);
    if (!(top > 0) || !isfinite(top)) return false;
    s->least_growth = s->least_fall = INFINITY;
    s->most_growth = s->most_fall = 0;
    visit_all(s, far / top, direction, false, stretch);
    if (!(s->most_fall > 0) || !(s->most_growth > 0)) return s->most_fall > 0;
    const double down = -s->a * (s->a > 0 ? s->least_fall : s->most_fall) * top / far;
    const double up = s->b * (s->b > 0 ? s->most_growth : s->least_growth) * top / far;
    const double rate = fmax(fabs(down), fabs(up));
    *endless = down > 0;
    if (!(fabs(down - up) <= tied * rate)) return down > up;
    return slope_at(s, 0.5 * steep / rate, direction) < 0 && slope_at(s, steep / rate, direction) < 0;
}

/* --------------------------------------------------------------- all directions */

static void take(const descent *s, int i, int t, const int *list, const double *difference, double *vector) {
    memset(vector, 0, (size_t)s->m * sizeof(double));
    for (int j = 0; j < t; j++) vector[list ? list[j] : j] = difference[(size_t)j * B + (size_t)i];
}

/* Keeps the fastest, each D once. */
static void keep_fastest(void *context, int n, const double *u, int t, const int *list, const double *difference) {
    descent *s = context;
    const size_t m = (size_t)s->m;
    double *fall = s->fastest + FALLS * m;
    for (int i = 0; i < n; i++) {
        bool known = !(u[i] < 0) || (s->falls == FALLS && !(-u[i] > fall[FALLS - 1]));
        if (known) continue;
        take(s, i, t, list, difference, s->vector);
        for (int k = 0; k < s->falls; k++)
            known = known || !memcmp(s->fastest + (size_t)k * m, s->vector, m * sizeof(double));
        if (known) continue;
        int k = s->falls < FALLS ? s->falls++ : FALLS - 1;
        for (; k > 0 && fall[k - 1] < -u[i]; k--) {
            fall[k] = fall[k - 1];
            memcpy(s->fastest + (size_t)k * m, s->fastest + (size_t)(k - 1) * m, m * sizeof(double));
        }
        fall[k] = -u[i];
        memcpy(s->fastest + (size_t)k * m, s->vector, m * sizeof(double));
    }
}

static void keep_growth(void *context, int n, const double *u, int t, const int *list, const double *difference) {
    descent *s = context;
    for (int i = 0; i < n; i++) {
        if (!(u[i] > s->most_growth)) continue;
        s->most_growth = u[i];
        take(s, i, t, list, difference, s->vector);
    }
}

/* (D, 1) of the largest growth, or (0, 1). */
static sg_status support(void *context, const double *direction, double *vector) {
    descent *s = context;
    s->most_growth = 0;
    memset(s->vector, 0, (size_t)s->m * sizeof(double));
    visit_all(s, 1, direction, true, keep_growth);
    memcpy(vector, s->vector, (size_t)s->m * sizeof(double));
    vector[s->m] = 1;
    return SG_OK;
}

/*
 * -a |d.D| > b d.D' for one D that falls and all D': that is, (D a/b, 1) is no sum of (D', 1) and (0, 1) with positive
 * weights, and d is what tells them apart.
 */
static sg_status find_any(descent *s, const double *way, double *direction, bool *found, bool *endless) {
    const int m = s->m;
    const double ratio = -s->a / s->b * (1 + 0.1 * tied);
    double *both = NULL, *sum;
    *found = false;
    sg_status status = sg_new(&both, 2 * (size_t)m + 2, sizeof(double));
    sum = both + m + 1;
    s->falls = 0;
    if (!status) visit_all(s, 1, way, true, keep_fastest);
    for (int k = 0; !status && !*found && k < s->falls; k++) {
        for (int j = 0; j < m; j++) sum[j] = ratio * s->fastest[(size_t)k * (size_t)m + (size_t)j];
        sum[m] = -1;
        status = sg_cone_direction(m + 1, sum, support, s, both, found);
        if (!status && *found) *found = falls(s, both, endless);
    }
    if (!status) memcpy(direction, both, (size_t)m * sizeof(double));
    sg_delete(both);
    return status;
}

static sg_status find(descent *s, double *direction, bool *found, bool *endless) {
    const sg_fitter *f = s->f;
    const int m = s->m;
    double *way = f->theta;
    const double *along[2] = {f->newton + (size_t)m * (size_t)m, f->delta};
    for (int k = 0; k < 3 && !*found; k++) {
        sg_fitter_along(f, along[k > 0], direction);
        for (int j = 0; k == 2 && j < m; j++) direction[j] += f->chart->origin[f->model->free[j]];
        if (k) memcpy(way, direction, (size_t)m * sizeof(double));
        *found = falls(s, direction, endless);
    }
    if (*found || !(s->a < 0 && s->b > 0)) return SG_OK;
    return find_any(s, way, direction, found, endless);
}

sg_status sg_no_minimum(sg_fitter *f, double *direction, bool *found, bool *endless) {
    const sg_row *row = f->loss->row;
    const size_t m = (size_t)f->m;
    descent s = {.f = f, .m = f->m};
    *found = *endless = false;
    if (!row->rho || row->heat_bath) return SG_OK;
    open_tails(row, &s);
    if (s.a > 0 && s.b > 0) return SG_OK; /* convex */
    sg_status status = sg_new(&s.full, (size_t)f->model->full, sizeof(double));
    if (!status) status = sg_new(&s.fastest, FALLS * (m + 1), sizeof(double));
    if (!status) status = sg_new(&s.vector, m + 1, sizeof(double));
    if (!status) status = find(&s, direction, found, endless);
    sg_delete(s.full);
    sg_delete(s.fastest);
    sg_delete(s.vector);
    return status;
}
