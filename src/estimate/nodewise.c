#include "estimate/nodewise.h"

#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "dictionary/site-view.h"
#include "estimate/nodewise-own.h"

enum { CHUNK = SG_PAIRS_CHUNK, ITERATIONS_MOST = 60, LOOK_AFTER = 8 };
static const double settled = 1e-9;             /* size of the last Newton step, whose square is left */
static const double near = 1e-3;                /* steps below this leave the Hessian as it is */
static const double overshot = 0.1;             /* share of the slope that may come back with the other sign */
static const double shortest = 0.05;            /* of a step that was too long */
static const double singular = 1e-13;           /* smallest pivot of a Hessian with unit diagonal */
static const double recedes = 1e-7, runs = 0.1; /* a step along which no log-ratio grows, and one falls */

/* ----------------------------------------------------------------------- set-up */

static sg_status fill_lists(sg_nodewise *w) {
    sg_site_view *view = NULL;
    const int *list;
    const size_t d = (size_t)w->d;
    sg_status status = sg_site_view_new(w->model, &view);
    if (status) return status;
    if ((status = sg_new(&w->first, d + 1, sizeof(int)))) goto out;
    if ((status = sg_new(&w->square, d + 1, sizeof *w->square))) goto out;
    if ((status = sg_new(&w->share, (size_t)w->m, sizeof(double)))) goto out;
    for (int i = 0; i < w->d; i++) {
        const int t = sg_site_view_list(view, i, &list);
        w->first[i + 1] = w->first[i] + t;
        w->square[i + 1] = w->square[i] + (size_t)t * (size_t)t;
        if (t > w->widest) w->widest = t;
        for (int j = 0; j < t; j++) w->share[list[j]]++;
    }
    for (int j = 0; j < w->m; j++) w->share[j] = 1 / w->share[j];
    if ((status = sg_new(&w->list, (size_t)w->first[w->d] + 1, sizeof(int)))) goto out;
    for (int i = 0; i < w->d; i++) {
        const int t = sg_site_view_list(view, i, &list);
        if (t) memcpy(w->list + w->first[i], list, (size_t)t * sizeof(int));
    }
out:
    sg_site_view_delete(view);
    return status;
}

static sg_status allocate(sg_nodewise *w) {
    const size_t d = (size_t)w->d, side = d + 1, all = (size_t)w->first[d] + 1, squares = w->square[d] + 1;
    const size_t wide = (size_t)w->widest * (size_t)w->widest + 1, sites = (size_t)sg_nodewise_fours(w->d);
    const struct {
        double **array;
        size_t count;
    } want[] = {
        {&w->theta, all},
        {&w->trial, all},
        {&w->step, all},
        {&w->gradient, all},
        {&w->hessian, squares},
        {&w->inverse, squares},
        {&w->slope, d},
        {&w->length, d},
        {&w->size, d},
        {&w->lowest, d},
        {&w->highest, d},
        {&w->a, wide},
        {&w->b, wide},
        {&w->c, wide},
        {&w->fixed, d * side},
        {&w->field, d * side},
        {&w->mean, d * side},
        {&w->x, d * CHUNK},
        {&w->x_low, d * CHUNK},
        {&w->moment, side * side},
        {&w->block.x, d * SG_BLOCK},
        {&w->joint, (size_t)w->m * (size_t)w->m},
        {&w->scratch, sg_pair_scratch(w->d)},
    };
    sg_status status = sg_new(&w->stage, d, sizeof(int));
    if (!status) status = sg_new(&w->feature, all, sizeof *w->feature);
    for (size_t k = 0; k < sizeof want / sizeof *want && !status; k++)
        status = sg_new(want[k].array, want[k].count, sizeof(double));
    if (!status) status = sg_new(&w->slopes, sites * CHUNK, sizeof(sg_four));
    if (!status) status = sg_new(&w->bends, sites * CHUNK, sizeof(sg_four));
    if (!status)
        status = sg_new(&w->memory, (size_t)sg_nodewise_sets(w->d) * sg_pair_sums_fours(w->d), sizeof(sg_four));
    return status;
}

sg_status sg_nodewise_new(const sg_model *model, const sg_row *row, const double *start, sg_nodewise **out) {
    sg_nodewise *w = NULL;
    bool pairwise = false;
    *out = NULL;
    if (!row->rho || !sg_nodewise_may(model)) return SG_OK;
    sg_status status = sg_new(&w, 1, sizeof *w);
    if (status) return status;
    w->model = model, w->row = row, w->d = model->space.d, w->m = model->m;
    if ((status = fill_lists(w))) goto out;
    if ((status = allocate(w))) goto out;
    if ((status = sg_new(&w->start, (size_t)model->full, sizeof(double)))) goto out;
    memcpy(w->start, start, (size_t)model->full * sizeof(double));
    status = sg_nodewise_read(w, &pairwise);
out:
    if (status || !pairwise) {
        sg_nodewise_delete(w);
        return status;
    }
    *out = w;
    return SG_OK;
}

void sg_nodewise_delete(sg_nodewise *w) {
    if (!w) return;
    void *array[] = {w->first,   w->square, w->share,    w->list,    w->stage,   w->feature,     w->theta,
                     w->trial,   w->step,   w->gradient, w->hessian, w->inverse, w->slope,       w->length,
                     w->size,    w->lowest, w->highest,  w->a,       w->b,       w->c,           w->fixed,
                     w->field,   w->mean,   w->x,        w->slopes,  w->bends,   w->x_low,       w->moment,
                     w->block.x, w->joint,  w->memory,   w->scratch, w->start,   w->states.code, w->states.weight};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
    sg_gathered_delete(w->gathered);
    sg_delete(w);
}

/* -------------------------------------------------------------- small matrices */

sg_status sg_nodewise_invert(sg_nodewise *w, int site) {
    const int t = sg_nodewise_parameters(w, site);
    const double *h = w->hessian + w->square[site];
    double *a = w->inverse + w->square[site], *scale = w->c;
    for (int j = 0; j < t; j++) scale[j] = h[j + j * t] > 0 ? 1 / sqrt(h[j + j * t]) : NAN;
    for (int k = 0; k < t; k++)
        for (int j = 0; j < t; j++) a[j + k * t] = h[j + k * t] * scale[j] * scale[k];
    bool definite = t == 0 || LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', t, a, t) == 0;
    for (int j = 0; j < t && definite; j++) definite = a[j + j * t] * a[j + j * t] > singular;
    if (definite && t) definite = LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'L', t, a, t) == 0;
    if (!definite)
        return sg_fail(SG_SINGULAR,
                       "the loss of site %d of %s does not tell its parameters apart: fix one of them with free=", site,
                       w->model->text);
    for (int k = 0; k < t; k++)
        for (int j = k; j < t; j++) {
            a[j + k * t] *= scale[j] * scale[k];
            a[k + j * t] = a[j + k * t];
        }
    return SG_OK;
}

/* ------------------------------------------------------------- Newton's method */

static double dot(int n, const double *a, const double *b) {
    double sum = 0;
    for (int j = 0; j < n; j++) sum += a[j] * b[j];
    return sum;
}

static void place_trial(sg_nodewise *w, int site) {
    for (int j = w->first[site]; j < w->first[site + 1]; j++) w->trial[j] = w->theta[j] + w->length[site] * w->step[j];
}

/* -H^-1 gradient, and its largest entry. */
static double newton_step(sg_nodewise *w, int site) {
    const int t = sg_nodewise_parameters(w, site), first = w->first[site];
    const double *inverse = w->inverse + w->square[site];
    double size = 0;
    for (int j = 0; j < t; j++) {
        double sum = 0;
        for (int k = 0; k < t; k++) sum -= inverse[j + k * t] * w->gradient[first + k];
        w->step[first + j] = sum;
        size = fmax(size, fabs(sum));
    }
    return size;
}

/*
 * Along the step the slope rises from w->slope < 0.  Where it has come out too far on the other side the step is cut
 * to where the line through both slopes is zero.
 */
static bool cut(sg_nodewise *w, int site) {
    const int t = sg_nodewise_parameters(w, site), first = w->first[site];
    const double before = -w->slope[site], after = dot(t, w->gradient + first, w->step + first);
    if (!(w->slope[site] < 0) || after <= overshot * before) return false;
    const double share = isfinite(after) ? before / (before + after) : shortest;
    w->length[site] *= fmax(share, shortest);
    place_trial(w, site);
    return true;
}

/* One turn of a site after its sums at the trial point. */
static void advance(sg_nodewise *w, int site) {
    const int t = sg_nodewise_parameters(w, site), first = w->first[site];
    const double last = w->size[site];
    if (cut(w, site)) return;
    memcpy(w->theta + first, w->trial + first, (size_t)t * sizeof(double));
    if (w->stage[site] == SG_NODEWISE_FULL && sg_nodewise_invert(w, site)) {
        w->stage[site] = SG_NODEWISE_SINGULAR;
        return;
    }
    w->size[site] = newton_step(w, site);
    w->slope[site] = dot(t, w->gradient + first, w->step + first);
    w->length[site] = 1;
    place_trial(w, site);
    if (w->size[site] <= settled) {
        memcpy(w->theta + first, w->trial + first, (size_t)t * sizeof(double));
        w->stage[site] = SG_NODEWISE_DONE;
        return;
    }
    const bool slow = w->stage[site] == SG_NODEWISE_CHORD && w->size[site] > 0.1 * last;
    w->stage[site] = w->size[site] < near && !slow ? SG_NODEWISE_CHORD : SG_NODEWISE_FULL;
}

static bool any_active(const sg_nodewise *w) {
    bool any = false;
    for (int i = 0; i < w->d; i++) any = any || sg_nodewise_active(w, i);
    return any;
}

/* Steps along which no log-ratio of a datum grows and some fall: the loss falls for ever. */
static void find_separated(sg_nodewise *w) {
    sg_nodewise_reach(w);
    for (int i = 0; i < w->d; i++)
        if (sg_nodewise_active(w, i) && w->lowest[i] < -runs && w->highest[i] <= -recedes * w->lowest[i])
            w->stage[i] = SG_NODEWISE_SEPARATED;
}

static void begin(sg_nodewise *w) {
    for (int i = 0; i < w->d; i++) {
        w->stage[i] = sg_nodewise_parameters(w, i) ? SG_NODEWISE_FULL : SG_NODEWISE_DONE;
        w->slope[i] = 0;
        w->size[i] = INFINITY;
        for (int j = w->first[i]; j < w->first[i + 1]; j++)
            w->theta[j] = w->trial[j] = w->start[w->model->free[w->list[j]]];
    }
}

/* Separation says more than the rest; of that, a matrix without an inverse. */
static sg_status verdict(const sg_nodewise *w) {
    for (int i = 0; i < w->d; i++)
        if (w->stage[i] == SG_NODEWISE_SEPARATED)
            return sg_fail(SG_SEPARATED,
                           "the data are separated at site %d: its loss falls for ever along a direction, so that the "
                           "estimate lies at infinity; take more data, or fix parameters with free=",
                           i);
    for (int i = 0; i < w->d; i++)
        if (w->stage[i] == SG_NODEWISE_SINGULAR)
            return sg_fail(SG_SINGULAR, "the data do not tell the parameters of site %d of %s apart: take more data", i,
                           w->model->text);
    for (int i = 0; i < w->d; i++)
        if (w->stage[i] != SG_NODEWISE_DONE)
            return sg_fail(SG_NOT_CONVERGED, "the fit at site %d did not converge in %d steps", i,
                           (int)ITERATIONS_MOST);
    return SG_OK;
}

bool sg_nodewise_done(const sg_nodewise *w, int site) {
    return w->stage[site] == SG_NODEWISE_DONE;
}

sg_status sg_nodewise_fit(sg_nodewise *w, const sg_source *source, int *iterations, int *passes, double *theta) {
    sg_status status = sg_nodewise_load(w, source);
    *iterations = 0;
    if (status) return status;
    begin(w);
    while (any_active(w) && *iterations < ITERATIONS_MOST) {
        sg_nodewise_sums(w);
        ++*iterations;
        ++*passes;
        for (int i = 0; i < w->d; i++)
            if (sg_nodewise_active(w, i)) advance(w, i);
        if (*iterations >= LOOK_AFTER && any_active(w)) find_separated(w);
    }
    if ((status = verdict(w))) return status;
    memset(theta, 0, (size_t)w->m * sizeof(double));
    for (int j = 0; j < w->first[w->d]; j++) theta[w->list[j]] += w->share[w->list[j]] * w->theta[j];
    return SG_OK;
}

void sg_nodewise_sandwich(sg_nodewise *w, double *covariance) {
    const double n = w->states.total;
    if (sg_nodewise_middle(w)) return;
    for (int k = 0; k < w->m * w->m; k++) covariance[k] = w->joint[k] / n;
}
