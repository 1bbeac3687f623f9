/*
 * A family on (x, beta): its law convolved with a normal law of variance lambda beta, and beta with density r.  A view
 * of a family that knows the convolution (sg_family.smooth), not a family of its own: it stands in no registry.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "numeric/legendre.h"
#include "scoregap/family.h"

enum { B = SG_BLOCK, RULE = SG_PANEL_ORDER, LEVELS_MOST = 4096, AXES_MOST = 64 };

typedef struct {
    const sg_model *base;
    sg_lift lift;
    double log_norm;
} view_data;

/* ------------------------------------------------------------- the schedule */

/* sum_k shape_k P_k(t) and its derivatives in u = log(1 + beta), by the three-term recurrence. */
static double shape_at(const sg_lift *lift, double u, double *slope, double *bend) {
    const double scale = 2 / log1p(lift->beta_max), t = scale * u - 1;
    double last[3] = {0}, now[3] = {1}, sum[3] = {0};
    for (int k = 1; k <= lift->shapes; k++) {
        const double up = (2. * k - 1) / k, down = (k - 1.) / k;
        const double next[3] = {up * t * now[0] - down * last[0], up * (now[0] + t * now[1]) - down * last[1],
                                up * (2 * now[1] + t * now[2]) - down * last[2]};
        memcpy(last, now, sizeof last);
        memcpy(now, next, sizeof now);
        for (int i = 0; i < 3; i++) sum[i] += lift->shape[k - 1] * now[i];
    }
    *slope = scale * sum[1], *bend = scale * scale * sum[2];
    return sum[0];
}

double sg_lift_log_rate(const sg_lift *lift, double log_norm, double beta, double *slope, double *bend) {
    const double v = 1 / (1 + beta), u = log1p(beta);
    double first = 0, second = 0;
    const double shape = lift->shapes ? shape_at(lift, u, &first, &second) : 0;
    if (slope) *slope = v * (lift->decay * v - lift->power + first);
    if (bend) *bend = v * v * (lift->power - 2 * lift->decay * v + second - first);
    return shape - lift->decay * v - lift->power * u - log_norm;
}

/* Panels in u = log(1 + beta): calls `add` with beta and the log of r(beta) d beta, r not normalized. */
typedef void visit(void *context, double beta, double log_weight);

/* The part of [0, log(1 + beta_max)] where r(beta) d beta is above e^-50 of its largest: unimodal in u, or monotone. */
static void find_range(const sg_lift *lift, double *from, double *to) {
    enum { LOOKS = 4096 };
    const double length = log1p(lift->beta_max);
    double top = -INFINITY;
    for (int k = 0; k <= LOOKS; k++) {
        const double u = length * k / LOOKS;
        top = fmax(top, sg_lift_log_rate(lift, 0, expm1(u), NULL, NULL) + u);
    }
    *from = length, *to = 0;
    for (int k = 0; k <= LOOKS; k++) {
        const double u = length * k / LOOKS;
        if (sg_lift_log_rate(lift, 0, expm1(u), NULL, NULL) + u < top - 50) continue;
        *from = fmin(*from, fmax(0, u - length / LOOKS));
        *to = fmax(*to, fmin(length, u + length / LOOKS));
    }
}

static void walk_levels(const sg_lift *lift, int panels, visit *add, void *context) {
    double from, to;
    find_range(lift, &from, &to);
    const double width = (to - from) / panels;
    for (int p = 0; p < panels; p++)
        for (int k = 0; k < RULE; k++) {
            const double u = from + width * (p + 0.5 + 0.5 * sg_legendre_node[k]), beta = expm1(u);
            add(context, beta,
                sg_lift_log_rate(lift, 0, beta, NULL, NULL) + u + log(0.5 * width * sg_legendre_weight[k]));
        }
}

static int panels_of(const sg_lift *lift, double per_unit) {
    double from, to;
    find_range(lift, &from, &to);
    const double panels = ceil(per_unit * (to - from));
    return panels < 2 ? 2 : panels < LEVELS_MOST / RULE ? (int)panels : LEVELS_MOST / RULE;
}

typedef struct {
    double top, sum;
} log_sum;

static void add_to_sum(void *context, double beta, double log_weight) {
    log_sum *s = context;
    (void)beta;
    if (log_weight > s->top) {
        s->sum = s->sum * exp(s->top - log_weight) + 1;
        s->top = log_weight;
    } else {
        s->sum += exp(log_weight - s->top);
    }
}

double sg_lift_norm(const sg_lift *lift) {
    log_sum s = {.top = -1e300};
    walk_levels(lift, panels_of(lift, 4), add_to_sum, &s);
    return s.top + log(s.sum);
}

typedef struct {
    int count;
    double log_norm, *beta, *weight;
} levels;

static void list_level(void *context, double beta, double log_weight) {
    levels *l = context;
    const double weight = exp(log_weight - l->log_norm);
    if (!(weight > 1e-18)) return;
    l->beta[l->count] = beta;
    l->weight[l->count++] = weight;
}

sg_status sg_lift_levels(const sg_lift *lift, double panels, int *count, double **beta, double **weight) {
    const int all = panels_of(lift, panels);
    levels l = {0};
    log_sum s = {.top = -1e300};
    *beta = *weight = NULL;
    sg_status status = sg_new(beta, (size_t)(all * RULE), sizeof(double));
    if (!status) status = sg_new(weight, (size_t)(all * RULE), sizeof(double));
    if (status) {
        sg_delete(*beta);
        *beta = NULL;
        return status;
    }
    walk_levels(lift, all, add_to_sum, &s);
    l = (levels){.log_norm = s.top + log(s.sum), .beta = *beta, .weight = *weight};
    walk_levels(lift, all, list_level, &l);
    *count = l.count;
    return SG_OK;
}

static void log_rate(const void *context, int n, const double *u, double *logq, double *test) {
    (void)test;
    for (int i = 0; i < n; i++) logq[i] = sg_lift_log_rate(context, 0, expm1(u[i]), NULL, NULL) + u[i];
}

sg_status sg_lift_panels(const sg_lift *lift, double depth, int level, sg_panels **panels) {
    const double top = log1p(lift->beta_max), middle = 0.5 * top, scale = 0.25 * top;
    const sg_density density = {.context = lift,
                                .evaluate = log_rate,
                                .lo = 0,
                                .hi = top,
                                .landmarks = 1,
                                .landmark = &middle,
                                .scale = &scale};
    return sg_panels_new(&density, 1e-13, depth, level, panels);
}

sg_status sg_lift_inverse(const sg_lift *lift, sg_inverse **inverse) {
    sg_panels *panels = NULL;
    *inverse = NULL;
    sg_status status = sg_lift_panels(lift, 200, 0, &panels);
    if (!status) status = sg_inverse_new(panels, inverse);
    sg_panels_delete(panels);
    return status;
}

/* -------------------------------------------------------------------- jets */

/* The last coordinate is t = lambda beta in `smooth`, beta here. */
static void scale_rows(int count, double factor, double *row) {
    for (int i = 0; i < count; i++) row[i] *= factor;
}

/* Of the second derivatives: the last row of the triangle, or the last number alone. */
static void scale_level(int d, bool diagonal, int sets, double lambda, double *gradient, double *hessian) {
    const int last = d - 1, pairs = diagonal ? d : d * (d + 1) / 2, mixed = diagonal ? 0 : last;
    for (int k = 0; gradient && k < sets; k++) scale_rows(B, lambda, gradient + ((size_t)k * d + last) * B);
    for (int k = 0; hessian && k < sets; k++) {
        double *own = hessian + ((size_t)k * pairs + pairs - 1) * B;
        scale_rows((mixed + 1) * B, lambda, own - (size_t)mixed * B);
        scale_rows(B, lambda, own);
    }
}

/* sg_lift_log_rate, without branches for the usual r. */
static void add_rate(const view_data *own, int n, const double *restrict beta, sg_jet *out) {
    const int d = out->d;
    double *restrict dx = out->dx ? out->dx + (size_t)(d - 1) * B : NULL;
    double *restrict dxx = out->dxx ? out->dxx + (size_t)(sg_jet_seconds(out) - 1) * B : NULL;
    for (int i = 0; out->logp && i < n; i++)
        out->logp[i] += sg_lift_log_rate(&own->lift, own->log_norm, beta[i], NULL, NULL);
    for (int i = 0; dx && i < n; i++) {
        const double v = 1 / (1 + beta[i]);
        dx[i] += v * (own->lift.decay * v - own->lift.power);
    }
    for (int i = 0; dxx && i < n; i++) {
        const double v = 1 / (1 + beta[i]);
        dxx[i] += v * v * (own->lift.power - 2 * own->lift.decay * v);
    }
    for (int i = 0; own->lift.shapes && i < n; i++) {
        const double v = 1 / (1 + beta[i]);
        double first, second;
        shape_at(&own->lift, log1p(beta[i]), &first, &second);
        if (dx) dx[i] += v * first;
        if (dxx) dxx[i] += v * v * (second - first);
    }
}

static void jet(const sg_model *view, const double *theta, const sg_block *block, sg_jet *out) {
    const view_data *own = view->own;
    const int d = view->space.d, m = out->m, pairs = m * (m + 1) / 2;
    const double lambda = own->lift.lambda;
    const bool diagonal = out->want & SG_DIAGONAL;
    double *beta = block->x + (size_t)(d - 1) * B;
    _Alignas(SG_ALIGN) double kept[B];
    /* The block is lent to `smooth` with t in place of beta. */
    memcpy(kept, beta, sizeof kept);
    for (int i = 0; i < B; i++) beta[i] *= lambda;
    own->base->family->smooth(own->base, theta, block, out);
    memcpy(beta, kept, sizeof kept);
    if (lambda != 1) {
        scale_level(d, diagonal, 1, lambda, out->dx, out->dxx);
        scale_level(d, diagonal, m, lambda, out->dt_dx, out->dt_dxx);
        scale_level(d, diagonal, pairs, lambda, out->dtt_dx, out->dtt_dxx);
    }
    add_rate(own, block->n, beta, out);
}

static bool inside(const sg_model *view, const double *theta) {
    const view_data *own = view->own;
    return own->base->family->inside(own->base, theta);
}

static void parameter(const sg_model *view, int index, char name[SG_NAME]) {
    const view_data *own = view->own;
    own->base->family->parameter(own->base, index, name);
}

/* ------------------------------------------------------------------- draws */

typedef struct {
    sg_own_sampler base;
    sg_sampler *data;
    sg_inverse *level; /* of log(1 + beta) */
    int d;             /* of the data */
    double lambda;
} noisy;

static void release_noisy(sg_own_sampler *base) {
    noisy *s = (noisy *)base;
    sg_sampler_delete(s->data);
    sg_inverse_delete(s->level);
    sg_delete(s);
}

/* Levels and noise first: point i takes numbers i of them whatever the number of points. */
static void draw_noisy(const sg_own_sampler *base, sg_stream *stream, sg_block *block) {
    const noisy *s = (const noisy *)base;
    const size_t n = (size_t)block->n;
    _Alignas(SG_ALIGN) double size[B], noise[AXES_MOST * B];
    double *beta = block->x + s->d * B;
    for (int a = 0; a <= s->d; a++) {
        const uint32_t start = stream->index;
        if (a < s->d)
            sg_stream_normal(stream, n, noise + a * B);
        else
            sg_stream_uniform(stream, n, size);
        stream->index = start + B / 2;
    }
    sg_block data = {.n = block->n, .d = s->d, .draws = 1, .x = block->x};
    sg_sampler_draw(s->data, stream, &data);
    sg_inverse_draw(s->level, n, size, beta);
    for (size_t i = 0; i < n; i++) beta[i] = expm1(beta[i]);
    for (size_t i = 0; i < n; i++) size[i] = sqrt(s->lambda * beta[i]);
    for (int a = 0; a < s->d; a++)
        for (size_t i = 0; i < n; i++) block->x[(size_t)(a * B) + i] += size[i] * noise[(size_t)(a * B) + i];
}

static sg_status sampler(const sg_model *view, const double *theta, sg_own_sampler **out) {
    const view_data *own = view->own;
    noisy *made = NULL;
    *out = NULL;
    if (own->base->space.d > AXES_MOST)
        return sg_fail(SG_REFUSED, "noised data are drawn in up to %d dimensions: %s has %d", AXES_MOST, view->text,
                       own->base->space.d);
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status) return status;
    made->base = (sg_own_sampler){.draw = draw_noisy, .release = release_noisy};
    made->d = own->base->space.d;
    made->lambda = own->lift.lambda;
    status = sg_sampler_new(own->base, theta, NULL, &made->data);
    if (!status) status = sg_lift_inverse(&own->lift, &made->level);
    if (status) {
        release_noisy(&made->base);
        return status;
    }
    made->base.error = sg_sampler_exact(made->data) ? 0 : sg_sampler_error(made->data);
    snprintf(made->base.method, sizeof made->base.method, "%s, and noise of a random level",
             sg_sampler_method(made->data));
    *out = &made->base;
    return SG_OK;
}

static const sg_field keys[] = {{.key = NULL}};

static const sg_family family = {
    .name = "lifted",
    .summary = "a law with noise of a random level added",
    .keys = keys,
    .can = SG_NORMALIZED,
    .free_initial = "all",
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .sampler = sampler,
};

/* -------------------------------------------------------------------- models */

static sg_status copy(size_t count, const double *from, double **to) {
    if (!from) return SG_OK;
    sg_status status = sg_new(to, count, sizeof(double));
    if (!status) memcpy(*to, from, count * sizeof(double));
    return status;
}

static sg_status fill(const sg_model *base, sg_model *view) {
    const size_t full = (size_t)base->full, m = (size_t)base->m;
    sg_status status = sg_new(&view->free, m ? m : 1, sizeof(int));
    if (status) return status;
    memcpy(view->free, base->free, m * sizeof(int));
    if ((status = copy(full * m, base->direction, &view->direction))) return status;
    if ((status = copy(full, base->truth, &view->truth))) return status;
    if ((status = copy(full, base->named, &view->named))) return status;
    return copy(full * full, base->to_named, &view->to_named);
}

sg_status sg_model_lift(const sg_model *base, const sg_lift *lift, sg_model **out) {
    view_data *own = NULL;
    sg_model *view = NULL;
    *out = NULL;
    if (!base->family->smooth)
        return sg_fail(SG_MISFIT,
                       "%s cannot be lifted: its convolution with a normal law is not known; take a mixture of normals",
                       base->text);
    if (!(lift->lambda > 0 && lift->beta_max > 0 && lift->beta_max < INFINITY && lift->decay >= 0 &&
          lift->decay < INFINITY && isfinite(lift->power)))
        return sg_fail(SG_OUT_OF_RANGE, "a lift needs lambda > 0, 0 < beta_max < infinity and decay >= 0");
    sg_status status = sg_new(&view, 1, sizeof *view);
    if (!status) status = sg_new(&own, 1, sizeof *own);
    if (status) goto out;
    *own = (view_data){.base = base, .lift = *lift, .log_norm = sg_lift_norm(lift)};
    view->family = &family;
    view->own = own;
    view->full = base->full, view->m = base->m, view->moved = base->moved;
    view->space = (sg_space){.shape = SG_RD,
                             .d = base->space.d + 1,
                             .lo = -INFINITY,
                             .hi = INFINITY,
                             .tempered = true,
                             .top = lift->beta_max};
    snprintf(view->text, sizeof view->text, "%s", base->text);
    status = fill(base, view);
out:
    if (status) {
        if (!view) sg_delete(own);
        sg_model_delete(view);
        return status;
    }
    *out = view;
    return SG_OK;
}

const sg_lift *sg_model_lift_of(const sg_model *view, double *log_norm) {
    if (view->family != &family) return NULL;
    const view_data *own = view->own;
    if (log_norm) *log_norm = own->log_norm;
    return &own->lift;
}
