#include "dictionary/mode.h"

#include <math.h>
#include <string.h>

enum { B = SG_BLOCK, LANES = 8, KEY = 20100622 };

typedef struct {
    const sg_model *model;
    const double *theta;
    sg_arena *arena;
    sg_block block;
    sg_jet jet;
    double *origin, *width; /* Newton's variables are (x - origin)/width */
    double *y, *best, *work;
    double top;
} search;

/* ------------------------------------------------------------------- starts */

static sg_places places_of(const sg_model *model, const double *theta) {
    sg_places places = {0};
    sg_landmarks marks = {0};
    const sg_family *family = model->family;
    if (family->places && model->space.d <= SG_CUBATURE_AXES) family->places(model, theta, &places);
    if (!family->landmarks || model->space.d > 1) return places;
    family->landmarks(model, theta, &marks);
    places.count = marks.count;
    for (int k = 0; k < marks.count; k++) places.at[k][0] = marks.at[k], places.scale[k][0] = marks.scale[k];
    return places;
}

static bool is_width(double width) {
    return width > 0 && isfinite(width);
}

static sg_status widths_at_mode(const sg_model *model, const double *theta, double *width) {
    const int d = model->space.d;
    double *curvature = NULL;
    sg_status status = sg_new(&curvature, (size_t)d * (size_t)d, sizeof(double));
    if (!status) status = sg_mode_find(model, theta, NULL, NULL, curvature);
    for (int a = 0; a < d && !status; a++) width[a] = 1 / sqrt(curvature[a + a * d]);
    sg_delete(curvature);
    return status;
}

sg_status sg_mode_widths(const sg_model *model, const double *theta, double *width) {
    const sg_places places = places_of(model, theta);
    bool named = true;
    for (int a = 0; a < model->space.d; a++) {
        width[a] = INFINITY;
        for (int k = 0; k < places.count; k++)
            if (is_width(places.scale[k][a])) width[a] = fmin(width[a], places.scale[k][a]);
        named = named && isfinite(width[a]);
    }
    return named ? SG_OK : widths_at_mode(model, theta, width);
}

/* ------------------------------------------------------------------- search */

static bool inside(const sg_space *space, const double *x) {
    const bool bounded = space->shape == SG_INTERVAL || space->shape == SG_ORTHANT;
    for (int a = 0; a < space->d; a++)
        if (!isfinite(x[a]) || (bounded && !(x[a] > space->lo && x[a] < space->hi))) return false;
    return true;
}

/* -log p and its derivatives in y. */
static sg_status objective(void *context, const double *y, double *value, double *gradient, double *hessian) {
    search *s = context;
    const int d = s->model->space.d;
    double *x = s->block.x;
    for (int a = 0; a < d; a++)
        for (int i = 0; i < LANES; i++) x[a * B + i] = s->origin[a] + s->width[a] * y[a];
    for (int a = 0; a < d; a++) s->work[a] = x[a * B];
    if (!inside(&s->model->space, s->work)) return sg_fail(SG_NOT_INTEGRABLE, "a step leaves the space");
    s->model->family->jet(s->model, s->theta, &s->block, &s->jet);
    if (!isfinite(s->jet.logp[0])) return sg_fail(SG_NOT_INTEGRABLE, "log p is not finite");
    if (value) *value = -s->jet.logp[0];
    for (int a = 0; a < d; a++) {
        if (gradient) gradient[a] = -s->jet.dx[a * B] * s->width[a];
        for (int b = 0; hessian && b <= a; b++)
            hessian[a + b * d] = hessian[b + a * d] =
                -s->jet.dxx[(a * (a + 1) / 2 + b) * B] * s->width[a] * s->width[b];
    }
    return SG_OK;
}

/* Keeps the end of a climb if it is a maximum and the highest so far. */
static sg_status keep(search *s) {
    const int d = s->model->space.d;
    double value, *hessian = s->work + d, *values = hessian + d * d, *gradient = values + d;
    if (objective(s, s->y, &value, gradient, hessian) || !(-value > s->top)) return SG_OK;
    sg_status status = sg_symmetric_eigen(d, hessian, values, NULL);
    if (status == SG_NO_MEMORY) return status;
    if (status || !(values[0] > 1e-12 * values[d - 1])) return SG_OK;
    s->top = -value;
    for (int a = 0; a < d; a++) s->best[a] = s->origin[a] + s->width[a] * s->y[a];
    return SG_OK;
}

static sg_status climb(search *s, const double *start, const double *width) {
    static const sg_newton_settings settings = {.tol = 1e-11, .most = 200, .radius = 10};
    const int d = s->model->space.d;
    int iterations;
    for (int a = 0; a < d; a++) {
        s->origin[a] = start[a];
        s->width[a] = width && is_width(width[a]) ? width[a] : 1;
        s->y[a] = 0;
    }
    double *work = s->work + 2 * d + d * d + d;
    sg_status status = sg_newton(d, objective, s, &settings, s->y, &iterations, work);
    if (status == SG_NO_MEMORY) return status;
    return status ? SG_OK : keep(s);
}

static sg_status take(search *s) {
    const int d = s->model->space.d;
    const size_t n = (size_t)d, rows = n * B;
    const size_t work = 3 * n + n * n + sg_newton_work(d), bytes = (rows + 4 * n + work + 64) * sizeof(double);
    sg_status status = sg_arena_new(bytes + sg_jet_bytes(s->model->full, d, SG_LOGP | SG_DX | SG_DXX), &s->arena);
    if (!status) status = sg_jet_take(s->arena, s->model->full, d, SG_LOGP | SG_DX | SG_DXX, &s->jet);
    if (status) return status;
    double **array[] = {&s->origin, &s->width, &s->y, &s->best};
    s->block = (sg_block){.n = 1, .d = d, .draws = 1, .x = sg_arena_take(s->arena, rows, sizeof(double))};
    bool taken = s->block.x;
    for (int k = 0; k < 4; k++) taken = (*array[k] = sg_arena_take(s->arena, n, sizeof(double))) && taken;
    s->work = sg_arena_take(s->arena, work, sizeof(double));
    return taken && s->work ? SG_OK : sg_fail(SG_NO_MEMORY, "the arena of a search for a mode is too small");
}

/* From draws, where the family can make them. */
static sg_status climb_from_draws(search *s) {
    const int d = s->model->space.d;
    sg_sampler *sampler = NULL;
    sg_stream stream;
    double *x = NULL, *start = NULL;
    sg_status status = sg_new(&x, (size_t)d * B, sizeof(double));
    if (!status) status = sg_new(&start, (size_t)d, sizeof(double));
    if (!status) status = sg_sampler_new(s->model, s->theta, NULL, &sampler);
    if (status) {
        status = status == SG_NO_MEMORY ? status : SG_OK;
        goto out;
    }
    sg_block block = {.n = LANES, .d = d, .draws = 1, .x = x};
    sg_stream_open(&stream, KEY, SG_PURPOSE_START, 0);
    sg_sampler_draw(sampler, &stream, &block);
    for (int i = 0; i < LANES && !status; i++) {
        for (int a = 0; a < d; a++) start[a] = x[a * B + i];
        status = climb(s, start, NULL);
    }
out:
    sg_sampler_delete(sampler);
    sg_delete(x);
    sg_delete(start);
    return status;
}

static sg_status look_around(search *s) {
    const sg_places places = places_of(s->model, s->theta);
    const int d = s->model->space.d;
    sg_status status = SG_OK;
    for (int k = 0; k < places.count && !status; k++)
        if (inside(&s->model->space, places.at[k])) status = climb(s, places.at[k], places.scale[k]);
    if (!status && !places.count) status = climb_from_draws(s);
    if (status || s->top > -INFINITY) return status;
    double *start = s->best; /* free until a maximum is found */
    for (int a = 0; a < d; a++) start[a] = s->model->space.shape == SG_ORTHANT ? 1 : 0;
    return inside(&s->model->space, start) ? climb(s, start, NULL) : SG_OK;
}

sg_status sg_mode_find(const sg_model *model, const double *theta, double *x, double *logp, double *curvature) {
    const int d = model->space.d;
    search s = {.model = model, .theta = theta, .top = -INFINITY};
    sg_status status = take(&s);
    if (!status) status = look_around(&s);
    if (!status && !(s.top > -INFINITY))
        status = sg_fail(SG_REFUSED, "no maximum of the density of %s was found inside its space", model->text);
    if (status) goto out;
    for (int a = 0; a < d; a++) s.origin[a] = s.best[a], s.width[a] = 1, s.y[a] = 0;
    if ((status = objective(&s, s.y, NULL, NULL, curvature))) goto out;
    if (x) memcpy(x, s.best, (size_t)d * sizeof *x);
    if (logp) *logp = s.top;
out:
    sg_arena_delete(s.arena);
    return status;
}
