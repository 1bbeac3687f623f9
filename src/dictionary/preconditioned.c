/*
 * Preconditioned score matching (QR, LYU): the loss s . D s/2 + tr(D Hess log p) + div D . s with D(x) fixed at a
 * reference theta, the generator div(D grad) + D s . grad, the diffusion dX = (D s + div D) dt + sqrt(2 D) dB.  D is a
 * number, a function of the density, the Stein kernel of a score (in one dimension), a constant matrix, diag h(x_a)
 * that vanishes at the faces of the orthant or at the ends of an interval (YDS), or the inverse of the Hessian.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/vecmath.h"
#include "dictionary/constant-matrix.h"
#include "dictionary/diffusion.h"
#include "dictionary/mode.h"
#include "dictionary/preconditioned.h"
#include "dictionary/riemann.h"
#include "dictionary/stein.h"

enum { B = SG_BLOCK };

/* -------------------------------------------------------- does the loss fit */

static sg_status unknown_direction(const sg_model *model, const char *word) {
    char name[SG_STEIN_PARAMETERS][SG_NAME], list[256] = "";
    const char *names[SG_STEIN_PARAMETERS];
    size_t used = 0;
    for (int i = 0; i < model->full; i++) {
        model->family->parameter(model, i, name[i]);
        names[i] = name[i];
        if (used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", name[i]);
    }
    const char *nearest = sg_nearest(word, model->full, names);
    return sg_fail(SG_UNKNOWN, "unknown parameter '%.64s' in direction of loss preconditioned%s%s%s (parameters: %s)",
                   word, nearest ? "; the nearest is '" : "", nearest ? nearest : "", nearest ? "'" : "", list);
}

/* Index among the parameters of the family, free or not. */
static sg_status find_direction(const sg_preconditioner *c, const sg_model *model, int *index) {
    char name[SG_NAME];
    if (!c->direction[0]) {
        *index = model->free[0];
        if (model->m == 1) return SG_OK;
        return sg_fail(SG_MISFIT,
                       "the Stein kernel belongs to one parameter and %s has %d free: choose one by direction=",
                       model->text, model->m);
    }
    for (*index = 0; *index < model->full; ++*index) {
        model->family->parameter(model, *index, name);
        if (strcmp(name, c->direction) == 0) return SG_OK;
    }
    return unknown_direction(model, c->direction);
}

static sg_status needs(const sg_preconditioner *c, const sg_model *model, const char *what) {
    return sg_fail(SG_MISFIT, "loss preconditioned with with=%s needs %s: %s is none", sg_preconditioner_word(c->with),
                   what, model->text);
}

static sg_status too_many(const sg_preconditioner *c, const sg_model *model, int most) {
    if (model->space.d <= most) return SG_OK;
    return sg_fail(SG_MISFIT, "loss preconditioned with with=%s takes laws in up to %d dimensions: %s has %d",
                   sg_preconditioner_word(c->with), most, model->text, model->space.d);
}

static sg_status stein_runs(const sg_preconditioner *c, const sg_model *model) {
    int index;
    if (model->space.d > 1 || model->space.shape == SG_CIRCLE || model->space.shape == SG_ORTHANT)
        return needs(c, model, "a density on the line or an interval");
    if (model->full > SG_STEIN_PARAMETERS)
        return sg_fail(SG_MISFIT, "loss preconditioned takes at most %d parameters: %s has %d", SG_STEIN_PARAMETERS,
                       model->text, model->full);
    return find_direction(c, model, &index);
}

static sg_status runs(const void *own, const sg_model *model) {
    const sg_preconditioner *c = own;
    const sg_shape shape = model->space.shape;
    const bool faces = shape == SG_INTERVAL || shape == SG_ORTHANT;
    sg_status status = sg_diffusion_runs("loss preconditioned", model);
    if (status != SG_OK) return status;
    if (sg_preconditioner_has_reference(c) && model->space.d > 1 && strcmp(c->at, "pilot") == 0)
        return sg_fail(SG_MISFIT,
                       "loss preconditioned takes D from a pilot in one dimension only: give numbers to at=, for %s",
                       model->text);
    switch (c->with) {
    case SG_WITH_POWER:
    case SG_WITH_EXPONENTIAL:
        return shape == SG_ORTHANT ? needs(c, model, "a density on R^d, an interval or the circle") : SG_OK;
    case SG_WITH_STEIN:
        return stein_runs(c, model);
    case SG_WITH_MATRIX:
        return too_many(c, model, SG_CONSTANT_MATRIX_MOST);
    case SG_WITH_COORDINATES:
        return faces ? SG_OK : needs(c, model, "a density on the orthant or an interval, at whose ends h is 0");
    case SG_WITH_RIEMANNIAN:
        if (shape != SG_LINE && shape != SG_RD) return needs(c, model, "a density on the line or R^d");
        return too_many(c, model, SG_RIEMANN_MOST);
    }
    return SG_OK;
}

/* Cubature is cut at p = e^-60 of its top, so that p^(1 + 2 STEEPEST) is e^-30 there. */
static const double STEEPEST = -0.25;

/* D p S' of a Stein kernel is an integral of p S from either end, and h vanishes there. */
static sg_status fits(const void *own, const sg_model *model) {
    const sg_preconditioner *c = own;
    const bool coordinates = c->with == SG_WITH_COORDINATES;
    sg_status status = runs(own, model);
    if (status != SG_OK) return status;
    status = sg_diffusion_fits("loss preconditioned", c->with != SG_WITH_STEIN && !coordinates, model);
    if (status == SG_OK && c->with == SG_WITH_POWER && model->space.d > 1 && c->exponent < STEEPEST)
        return sg_fail(SG_MISFIT,
                       "exponent = %g of loss preconditioned is too steep for %s: the covariance of the loss goes by "
                       "p^(1 + 2 exponent), which cubature in the plane and in space cuts too early below %g",
                       c->exponent, model->text, STEEPEST);
    if (status != SG_OK || !coordinates) return status;
    return sg_diffusion_faces("loss preconditioned", c->h == SG_H_LOG1P ? 1 : c->degree, model);
}

static bool by_coordinates(const void *own) {
    const int with = ((const sg_preconditioner *)own)->with;
    return with == SG_WITH_CONSTANT || with == SG_WITH_COORDINATES;
}

/* ----------------------------------------------------------- the constants */

typedef struct {
    const sg_model *model;
    sg_preconditioner c;
    bool linear;
    double *theta;  /* [full] the reference */
    double log_top; /* largest log p there, as the family's jet gives it */
    sg_stein *stein;
    sg_riemann riemann;
    double *matrix, *factor; /* [d(d+1)/2][B] the same at all points of a block */
} constants;

static void density(const constants *own, const sg_block *block, double *logp, double *score) {
    sg_jet jet = {.m = own->model->full, .d = block->d, .want = SG_LOGP, .logp = logp, .dx = score};
    if (score) jet.want |= SG_DX;
    own->model->family->jet(own->model, own->theta, block, &jet);
}

/*
 * log max p by the family's own jet: the best node, then four rounds of 256 points between the neighbours of the best.
 * The maximum over the nodes alone would depend on the grid, and with it D.
 */
static void find_top(constants *own, const sg_panels *panels) {
    _Alignas(SG_ALIGN) double x[B], logp[B];
    const sg_block block = {.n = B, .d = 1, .draws = 1, .x = x};
    int best = 0;
    for (int i = 1; i < panels->n; i++)
        if (panels->logp[i] > panels->logp[best]) best = i;
    double lo = best ? panels->x[best - 1] : panels->edge[0];
    double hi = best + 1 < panels->n ? panels->x[best + 1] : panels->edge[panels->count];
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < B; i++) x[i] = lo + (hi - lo) * i / (B - 1);
        density(own, &block, logp, NULL);
        best = 0;
        for (int i = 1; i < B; i++)
            if (logp[i] > logp[best]) best = i;
        lo = x[best ? best - 1 : 0];
        hi = x[best + 1 < B ? best + 1 : B - 1];
    }
    own->log_top = logp[best];
}

/* The constant matrix and its factor, at all points of a block alike. */
static sg_status fill_matrix(constants *own) {
    const int d = own->model->space.d;
    const size_t rows = (size_t)sg_d_rows(SG_D_MATRIX, d);
    double *D = NULL;
    sg_status status = sg_new(&D, (size_t)d * (size_t)d, sizeof(double));
    if (!status && !own->matrix) status = sg_new(&own->matrix, rows * B, sizeof(double));
    if (!status && !own->factor) status = sg_new(&own->factor, rows * B, sizeof(double));
    if (!status) status = sg_constant_matrix(own->c.matrix, own->model, own->theta, D);
    for (int a = 0, row = 0; a < d && !status; a++)
        for (int b = 0; b <= a; b++, row++)
            for (int i = 0; i < B; i++) own->matrix[row * B + i] = D[a + b * d];
    if (!status) sg_diffusion_factor(B, d, own->matrix, own->factor);
    sg_delete(D);
    return status;
}

static sg_status fill(const double *theta, const sg_panels *panels, constants *own) {
    const sg_model *model = own->model;
    int index;
    memcpy(own->theta, theta, (size_t)model->full * sizeof(double));
    switch (own->c.with) {
    case SG_WITH_POWER:
    case SG_WITH_EXPONENTIAL:
        if (!panels) return sg_mode_find(model, own->theta, NULL, &own->log_top, NULL);
        find_top(own, panels);
        return SG_OK;
    case SG_WITH_STEIN: {
        sg_status status = find_direction(&own->c, model, &index);
        return status ? status : sg_stein_prepare(model, theta, index, panels, &own->stein);
    }
    case SG_WITH_MATRIX:
        return fill_matrix(own);
    case SG_WITH_RIEMANNIAN:
        return sg_riemann_set(model, own->theta, own->c.softness, &own->riemann);
    }
    return SG_OK;
}

static void release(sg_prepared *prepared) {
    constants *own = (constants *)prepared;
    if (!own) return;
    sg_stein_delete(own->stein);
    sg_delete(own->theta);
    sg_delete(own->matrix);
    sg_delete(own->factor);
    sg_delete(own);
}

static sg_status prepare(const void *own, const sg_model *model, const double *theta, const sg_panels *panels,
                         sg_prepared **prepared) {
    constants *made = (constants *)*prepared;
    sg_status status = runs(own, model);
    if (status == SG_OK && !made) status = sg_new(&made, 1, sizeof *made);
    if (status == SG_OK && !made->theta) status = sg_new(&made->theta, (size_t)model->full, sizeof(double));
    if (status == SG_OK) {
        made->model = model;
        made->c = *(const sg_preconditioner *)own;
        made->linear = model->family->can & SG_LINEAR;
        status = fill(theta, panels, made);
    }
    if (status != SG_OK && !*prepared) {
        release((sg_prepared *)made);
        return status;
    }
    *prepared = (sg_prepared *)made;
    return status;
}

/* ----------------------------------------------------------- the generator */

/* exp(e (log p - top)) or exp(e p/max p), and its gradient from that of log p. */
static void of_density(const constants *own, const sg_block *block, double *D, double *div) {
    _Alignas(SG_ALIGN) double logp[B], slope[B];
    const double e = own->c.exponent, top = own->log_top;
    const int n = block->n;
    const bool power = own->c.with == SG_WITH_POWER;
    density(own, block, logp, div);
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const double depth = logp[i] - top, ratio = power ? 1 : exp(depth);
        D[i] = exp(e * (power ? depth : ratio));
        slope[i] = e * ratio;
    }
    for (int a = 0; a < block->d; a++) {
        double *restrict out = div + a * B;
#pragma omp simd
        for (int i = 0; i < n; i++) out[i] = slope[i] * out[i] * D[i];
    }
}

/*
 * h of the distance t from the end; from both ends of an interval, 1/t = 1/(x - lo) + 1/(hi - x), which is smooth where
 * the least of both has a kink.  And its derivative.
 */
static void of_coordinate(const constants *own, int n, const double *restrict x, double *restrict D,
                          double *restrict div) {
    const double lo = own->model->space.lo, hi = own->model->space.hi, degree = own->c.degree;
    const double cap = own->c.cap > 0 ? own->c.cap : INFINITY;
    const bool logarithm = own->c.h == SG_H_LOG1P, linear = !logarithm && degree == 1;
    for (int i = 0; i < n; i++) {
        const double low = x[i] - lo, high = hi - x[i], share = isinf(high) ? 1 : isinf(low) ? 0 : high / (hi - lo);
        const double t = isinf(low) ? high : low * share, along = isinf(low) ? -1 : isinf(high) ? 1 : 2 * share - 1;
        const double h = linear ? t : logarithm ? log1p(t) : pow(t, degree);
        const double slope = linear ? 1 : logarithm ? 1 / (1 + t) : degree * (h / t);
        D[i] = h < cap ? h : cap;
        div[i] = h < cap ? slope * along : 0;
    }
}

/* Where h comes to its cap. */
static int cuts(const void *own, const sg_model *model, double *at) {
    const sg_preconditioner *c = own;
    const double lo = model->space.lo, hi = model->space.hi, middle = 0.5 * (lo + hi);
    if (c->with != SG_WITH_COORDINATES || c->cap == 0) return 0;
    const double t = c->h == SG_H_LOG1P ? expm1(c->cap) : pow(c->cap, 1 / c->degree);
    if (!isfinite(t)) return 0;
    at[0] = isinf(hi) ? lo + t : hi - t;
    if (isinf(hi) || isinf(lo)) return 1;
    const double square = (hi - lo) * (0.25 * (hi - lo) - t); /* (x - lo)(hi - x) = t (hi - lo) */
    if (!(square > 0)) return 0;
    at[0] = middle - sqrt(square);
    at[1] = middle + sqrt(square);
    return 2;
}

static void diffusion(const sg_prepared *prepared, const sg_block *block, double *D, double *div) {
    const constants *own = (const constants *)prepared;
    const size_t row = B * sizeof(double), d = (size_t)block->d;
    switch (own->c.with) {
    case SG_WITH_POWER:
    case SG_WITH_EXPONENTIAL:
        of_density(own, block, D, div);
        return;
    case SG_WITH_STEIN:
        sg_stein_at(own->stein, block, D, div);
        return;
    case SG_WITH_COORDINATES:
        for (int a = 0; a < block->d; a++) of_coordinate(own, block->n, block->x + a * B, D + a * B, div + a * B);
        return;
    case SG_WITH_RIEMANNIAN:
        sg_riemann_at(&own->riemann, block, D, div);
        return;
    case SG_WITH_MATRIX:
        memcpy(D, own->matrix, (size_t)sg_d_rows(SG_D_MATRIX, block->d) * row);
        break;
    default:
        for (int i = 0; i < block->n; i++) D[i] = own->c.value;
    }
    memset(div, 0, d * row);
}

static sg_d_shape shape(const sg_prepared *prepared) {
    const int with = ((const constants *)prepared)->c.with;
    if (with == SG_WITH_COORDINATES) return SG_D_DIAGONAL;
    return with == SG_WITH_MATRIX || with == SG_WITH_RIEMANNIAN ? SG_D_MATRIX : SG_D_SCALAR;
}

/* ---------------------------------------------------- the loss, the dynamics */

/* A number, or a diagonal, and its divergence: in one dimension on the stack. */
static void light_datum(const constants *own, const sg_block *block, const sg_jet *jet, sg_datum *out) {
    _Alignas(SG_ALIGN) double D[B], div[B];
    const bool one = block->d == 1, constant = own->c.with == SG_WITH_CONSTANT;
    const size_t rows = own->c.with == SG_WITH_COORDINATES ? (size_t)block->d : 1;
    const sg_diffusivity at = {.shape = shape((const sg_prepared *)own),
                               .D = one ? D : out->scratch,
                               .div = constant ? NULL
                                      : one    ? div
                                               : out->scratch + rows * B};
    if (constant)
        for (int i = 0; i < block->n; i++) ((double *)at.D)[i] = own->c.value;
    else
        diffusion((const sg_prepared *)own, block, (double *)at.D, (double *)at.div);
    sg_diffusion_datum(own->linear, &at, block, jet, out);
}

static void riemannian_datum(const constants *own, const sg_block *block, const sg_jet *jet, sg_datum *out) {
    _Alignas(SG_ALIGN) double D[SG_RIEMANN_MOST * (SG_RIEMANN_MOST + 1) / 2 * B], div[SG_RIEMANN_MOST * B];
    const sg_diffusivity at = {SG_D_MATRIX, D, div, NULL};
    sg_riemann_at(&own->riemann, block, D, div);
    sg_diffusion_datum(own->linear, &at, block, jet, out);
}

static void datum(const sg_prepared *prepared, const sg_local *local, const sg_block *block, const sg_jet *jet,
                  sg_datum *out) {
    const constants *own = (const constants *)prepared;
    (void)local;
    if (own->c.with == SG_WITH_MATRIX) {
        const sg_diffusivity at = {SG_D_MATRIX, own->matrix, NULL, own->factor};
        sg_diffusion_datum(own->linear, &at, block, jet, out);
    } else if (own->c.with == SG_WITH_RIEMANNIAN) {
        riemannian_datum(own, block, jet, out);
    } else {
        light_datum(own, block, jet, out);
    }
}

static void step(const sg_prepared *prepared, sg_walk *walk) {
    sg_diffusion_step(diffusion, shape(prepared), prepared, walk);
}

static sg_status ranges(const void *own, const sg_model *model, sg_range range[SG_RANGES_MOST], int *count) {
    const sg_preconditioner *c = own;
    (void)model;
    *count = c->with == SG_WITH_POWER || c->with == SG_WITH_EXPONENTIAL;
    range[0] = (sg_range){"exponent", -0.95, 4, NAN};
    return SG_OK;
}

const sg_row sg_row_preconditioned = {
    .name = "preconditioned",
    .dynamics = "preconditioned-langevin",
    .clock = "unit time of the diffusion dX = (D grad log p + div D) dt + sqrt(2 D) dB",
    .generator_formula = "div(D grad f) + D grad log p . grad f",
    .summary = "s . D s/2 + div(D s), s = grad log p, D(x) a number, a matrix, diag h(x_a), a Stein kernel, ...",
    .options = sg_preconditioner_options,
    .options_size = sizeof(sg_preconditioner),
    .kind = SG_DIFFUSION,
    .fit = SG_QUADRATIC,
    .pilot = "score-matching",
    .fits = fits,
    .reference = sg_preconditioner_reference,
    .roots = sg_diffusion_roots,
    .jets = sg_diffusion_jets,
    .prepare = prepare,
    .release = release,
    .datum = datum,
    .shape = shape,
    .diffusion = diffusion,
    .cuts = cuts,
    .by_coordinates = by_coordinates,
    .step = step,
    .settle = sg_preconditioner_settle,
    .runs = runs,
    .ranges = ranges,
};
