/*
 * Lifted (annealed) score matching (QR): score matching of the law on (x, beta), whose x has variance lambda beta added
 * and whose beta has density r on [0, beta_max], for the generator
 *     L f = Lap_x f + grad_x log p . grad_x f + d_beta(h d_beta f) + h d_beta log(p r) d_beta f,
 * h = speed (printed; reflected at both ends) or speed 4 beta (beta_max - beta)/beta_max^2 (tapered).  Each datum is
 * noised: beta ~ r, x = x0 + sqrt(lambda beta) Z.  QR's gradient in beta lacks a factor 1/2 (their Lemma 28), and
 * integration by parts in beta leaves -h r d_beta log p at beta_max and +h r d_beta log p at 0.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/vecmath.h"
#include "dictionary/diffusion.h"
#include "dictionary/noised.h"

enum { B = SG_BLOCK, COORDINATES_MOST = 65 };
enum { PRINTED, TAPERED };
enum { EXACT, INTERIOR, OMITTED, INDEPENDENT, SHARED };

/* ----------------------------------------------------------------- options */

typedef struct {
    int design, boundary, draws;
    char draws_text[SG_TEXT];
    double decay, power, range, beta_max, speed;
    sg_reals shape;
} choices;

static const sg_field options[] = {
    {.key = "design",
     .type = SG_FIELD_WORD,
     .role = SG_OPTION,
     .offset = offsetof(choices, design),
     .initial = "printed",
     .choices = "printed|tapered",
     .help = "speed of beta: constant, with its boundary terms, or vanishing at both ends"},
    {.key = "boundary",
     .type = SG_FIELD_WORD,
     .role = SG_OPTION,
     .offset = offsetof(choices, boundary),
     .initial = "exact",
     .choices = "exact|interior|omitted|independent|shared",
     .help = "boundary terms of the printed design: their mean given the datum | none, theory alone | left out | by a "
             "draw of their own | by the same Z"},
    {.key = "draws",
     .type = SG_FIELD_TEXT,
     .role = SG_OPTION,
     .offset = offsetof(choices, draws_text),
     .initial = "1",
     .help = "draws of (beta, Z) a datum: a number, or inf, the mean over all of them"},
    {.key = "decay",
     .type = SG_FIELD_REAL,
     .role = SG_OPTION,
     .offset = offsetof(choices, decay),
     .initial = "7",
     .lo = 0,
     .hi = 1e6,
     .help = "a in r(beta) ~ exp(-a R/(1 + beta)) (1 + beta)^-power, R = D^2/lambda"},
    {.key = "power",
     .type = SG_FIELD_REAL,
     .role = SG_OPTION,
     .offset = offsetof(choices, power),
     .initial = "0",
     .lo = -100,
     .hi = 100,
     .help = "of 1 + beta in r"},
    {.key = "shape",
     .type = SG_FIELD_REALS,
     .role = SG_OPTION,
     .offset = offsetof(choices, shape),
     .initial = "",
     .lo = -1e4,
     .hi = 1e4,
     .help = "up to 8 numbers c1/c2/..: log r gains sum c_k P_k(t), P_k Legendre's polynomials, t from -1 to 1 with "
             "log(1 + beta)"},
    {.key = "range",
     .type = SG_FIELD_REAL,
     .role = SG_OPTION,
     .offset = offsetof(choices, range),
     .initial = "14",
     .lo = 0,
     .lo_open = true,
     .hi = 1e12,
     .help = "largest level of the noise, 1 + beta, in units of R"},
    {.key = "beta-max",
     .type = SG_FIELD_REAL,
     .role = SG_OPTION,
     .offset = offsetof(choices, beta_max),
     .initial = "0",
     .lo = 0,
     .hi = 1e12,
     .help = "largest beta; 0: range R - 1"},
    {.key = "speed",
     .type = SG_FIELD_REAL,
     .role = SG_OPTION,
     .offset = offsetof(choices, speed),
     .initial = "1",
     .lo = 0,
     .lo_open = true,
     .hi = 1e12,
     .help = "diffusion coefficient of beta, that of x being 1"},
    {.key = NULL},
};

static sg_status settle(void *own) {
    choices *c = own;
    sg_status status = sg_noised_draws("lifted", c->draws_text, &c->draws);
    if (status) return status;
    if (c->shape.n > SG_LIFT_SHAPES)
        return sg_fail(SG_BAD_SYNTAX, "shape of loss lifted has %d numbers: give at most %d", c->shape.n,
                       SG_LIFT_SHAPES);
    if (c->beta_max > 0 && c->range != 14)
        return sg_fail(SG_BAD_SYNTAX, "range and beta-max of loss lifted name the same thing: give one of them");
    if (c->design == TAPERED && c->boundary != EXACT)
        return sg_fail(SG_BAD_SYNTAX,
                       "boundary of loss lifted has no meaning with design=tapered, which has no boundary terms: leave "
                       "it out");
    return SG_OK;
}

/* ------------------------------------------------------------ the constants */

typedef struct {
    choices c;
    sg_model *view;
    sg_lift lift;
    double log_norm, rate_low, rate_high; /* speed r(0), speed r(beta_max): the boundary terms */
    int d, levels;
    double *beta, *weight; /* [levels] of r */
    sg_noise_rule noise;
    sg_inverse *level; /* of log(1 + beta) */
} constants;

static void release(sg_prepared *prepared) {
    constants *own = (constants *)prepared;
    if (!own) return;
    sg_model_delete(own->view);
    sg_delete(own->beta);
    sg_delete(own->weight);
    sg_noise_rule_free(&own->noise);
    sg_inverse_delete(own->level);
    sg_delete(own);
}

static sg_status choose_lift(const choices *c, const sg_model *model, const double *theta, sg_lift *lift) {
    double diameter2;
    sg_status status = sg_noised_scales(model, theta, &lift->lambda, &diameter2);
    if (status) return status;
    const double R = diameter2 / lift->lambda;
    lift->beta_max = c->beta_max > 0 ? c->beta_max : c->range * R - 1;
    lift->decay = c->decay * R;
    lift->power = c->power;
    lift->shapes = c->shape.n;
    for (int k = 0; k < c->shape.n; k++) lift->shape[k] = c->shape.v[k];
    if (lift->beta_max > 0) return SG_OK;
    return sg_fail(SG_OUT_OF_RANGE,
                   "the modes of %s are so close that range R - 1 = %.3g is no largest noise level: give beta-max",
                   model->text, lift->beta_max);
}

static bool has_boundary(const constants *own) {
    return own->c.design == PRINTED && own->c.boundary != INTERIOR && own->c.boundary != OMITTED;
}

static sg_status fill(const choices *c, const sg_model *model, const double *theta, int level, constants *own) {
    double unused;
    sg_status status = choose_lift(c, model, theta, &own->lift);
    own->c = *c;
    own->d = model->space.d;
    if (!status) status = sg_model_lift(model, &own->lift, &own->view);
    if (!status) status = sg_lift_levels(&own->lift, level ? 1.25 : 0.75, &own->levels, &own->beta, &own->weight);
    if (!status) status = sg_noise_rule_new(model, theta, level ? 64 : 48, &own->noise);
    if (!status) status = sg_lift_inverse(&own->lift, &own->level);
    if (status) return status;
    sg_model_lift_of(own->view, &own->log_norm);
    own->rate_low = c->speed * exp(sg_lift_log_rate(&own->lift, own->log_norm, 0, &unused, NULL));
    own->rate_high = c->speed * exp(sg_lift_log_rate(&own->lift, own->log_norm, own->lift.beta_max, &unused, NULL));
    return SG_OK;
}

static sg_status prepare(const void *options_of, const sg_model *model, const double *theta, const sg_panels *panels,
                         sg_prepared **prepared) {
    constants *made = NULL;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (!status) status = fill(options_of, model, theta, panels ? panels->level : 0, made);
    if (status) {
        release((sg_prepared *)made);
        return status;
    }
    release(*prepared);
    *prepared = (sg_prepared *)made;
    return SG_OK;
}

static sg_status runs(const void *own, const sg_model *model) {
    sg_lift lift;
    if (model->space.d >= COORDINATES_MOST)
        return sg_fail(SG_MISFIT, "lifted takes laws in up to %d dimensions: %s has %d", COORDINATES_MOST - 1,
                       model->text, model->space.d);
    if (model->space.shape != SG_LINE && model->space.shape != SG_RD)
        return sg_fail(SG_MISFIT, "lifted needs a law on the line or R^d: %s is none", model->text);
    return choose_lift(own, model, model->truth, &lift);
}

static sg_status fits(const void *own, const sg_model *model) {
    const choices *c = own;
    sg_status status = runs(own, model);
    if (!status && c->design == PRINTED && c->boundary == EXACT)
        status = sg_noise_rule_fits("the boundary term of loss lifted given a datum", model,
                                    "boundary=independent, boundary=shared or design=tapered");
    if (!status && c->draws == 0)
        status = sg_noise_rule_fits("the mean over all draws of loss lifted", model, "draws=10 or so");
    return status;
}

/* Schedules from flat to steep, levels up to 100 R, beta from slower than x to far faster. */
static sg_status ranges(const void *own, const sg_model *model, sg_range range[SG_RANGES_MOST], int *count) {
    const choices *c = own;
    sg_lift lift;
    double diameter2, lambda;
    sg_status status = choose_lift(own, model, model->truth, &lift);
    if (!status) status = sg_noised_scales(model, model->truth, &lambda, &diameter2);
    if (status) return status;
    const double R = diameter2 / lambda;
    *count = 4;
    range[0] = (sg_range){"decay", 0, 30, NAN};
    range[1] = (sg_range){"power", -2, 4, NAN};
    range[2] = lift.beta_max == c->beta_max ? (sg_range){"beta-max", R, 100 * R, lift.beta_max}
                                            : (sg_range){"range", 0.1 + 1 / R, 100, NAN};
    range[3] = (sg_range){"speed", 1e-3, 1e4, NAN};
    return SG_OK;
}

/* Without its boundary terms the gradient has another mean; OMITTED is the loss that leaves them out. */
static const char *theory_only(const void *own) {
    const choices *c = own;
    if (c->design != PRINTED || c->boundary != INTERIOR) return NULL;
    return "take boundary=exact, independent or shared, or boundary=omitted for the loss without boundary terms";
}

/* ------------------------------------------------------------------ the draws */

static void spread(const sg_prepared *prepared, sg_spread *out) {
    const constants *own = (const constants *)prepared;
    const int boundary = own->c.boundary, d = own->d;
    const bool faces = has_boundary(own), by_rule = own->noise.n > 0;
    *out = (sg_spread){
        .model = own->view, .law = own->view, .draws = own->c.draws, .normals = d, .uniforms = 1, .each = 1};
    out->own_hessian = own->c.design == PRINTED && boundary == OMITTED;
    out->independent = faces && boundary == INDEPENDENT;
    if (faces) out->fixed = 1;
    if (faces && boundary == EXACT) out->fixed += own->noise.n;
    if (faces && boundary != EXACT) out->each = 2;
    if (faces && boundary == INDEPENDENT) out->normals = 2 * d;
    if (!by_rule) return;
    out->rule = own->noise.n * own->levels + (faces ? 1 + own->noise.n : 0);
}

/* Noise of level beta added along z (NULL: none; its padding may be anything); the level is the last coordinate. */
static void place(const constants *own, const sg_block *data, double beta, const double *z, sg_block *out) {
    const double size = sqrt(own->lift.lambda * beta);
    for (int a = 0; a < own->d; a++) {
        const double *restrict x = data->x + (size_t)a * B;
        double *restrict to = out->x + (size_t)a * B;
        for (int i = 0; i < B; i++) to[i] = z ? x[i] + size * z[(size_t)a * B + i] : x[i];
    }
    for (int i = 0; i < B; i++) out->x[(size_t)own->d * B + i] = beta;
}

/* A level of its own for each datum. */
static void place_drawn(const constants *own, const sg_block *data, const double *z, const double *u, sg_block *out) {
    double *restrict beta = out->x + (size_t)own->d * B;
    sg_inverse_draw(own->level, B, u, beta);
    _Alignas(SG_ALIGN) double size[B];
    const double lambda = own->lift.lambda;
    for (int i = 0; i < B; i++) beta[i] = expm1(beta[i]);
    for (int i = 0; i < B; i++) size[i] = sqrt(lambda * beta[i]);
    for (int a = 0; a < own->d; a++) {
        const double *restrict x = data->x + (size_t)a * B, *restrict noise = z + (size_t)a * B;
        double *restrict to = out->x + (size_t)a * B;
        for (int i = 0; i < B; i++) to[i] = x[i] + size[i] * noise[i];
    }
}

static sg_point high_face(const constants *own, const sg_block *data, double weight, const double *z,
                          sg_point_kind kind, sg_block *out) {
    place(own, data, own->lift.beta_max, z, out);
    out->face = true;
    return (sg_point){.kind = kind, .weight = weight, .factor = -own->rate_high};
}

/* Of the rule: faces first, but for `shared`, whose face stands before the levels that have its Z. */
static sg_point rule_point(const constants *own, const sg_block *data, int k, double *z, sg_block *out) {
    const int n = own->noise.n, levels = own->levels;
    const bool faces = has_boundary(own), shared = own->c.boundary == SHARED;
    if (faces && !shared) {
        if (k < n) {
            sg_noise_rule_at(&own->noise, k, data, z);
            return high_face(own, data, own->noise.weight[k], z,
                             own->c.boundary == EXACT ? SG_POINT_FIXED : SG_POINT_MEAN, out);
        }
        k -= n;
    }
    if (faces && shared) {
        if (k % (levels + 1) == 0) {
            sg_noise_rule_at(&own->noise, k / (levels + 1), data, z);
            return high_face(own, data, 1, z, SG_POINT_FACE, out);
        }
        k -= k / (levels + 1) + 1;
    }
    const int j = k / levels, level = k % levels;
    sg_noise_rule_at(&own->noise, j, data, z);
    place(own, data, own->beta[level], z, out);
    return (sg_point){.kind = SG_POINT_INNER, .weight = own->noise.weight[j] * own->weight[level]};
}

static sg_point point(const sg_prepared *prepared, const sg_block *data, int k, const double *numbers, double *room,
                      sg_block *out) {
    const constants *own = (const constants *)prepared;
    const int d = own->d;
    out->face = false;
    if (has_boundary(own) && k-- == 0) {
        place(own, data, 0, NULL, out);
        out->face = true;
        return (sg_point){.kind = SG_POINT_FIXED, .weight = 1, .factor = own->rate_low};
    }
    if (!numbers) return rule_point(own, data, k, room, out);
    const bool independent = own->c.boundary == INDEPENDENT;
    const double *u = numbers + (size_t)(independent ? 2 * d : d) * B;
    const int fixed = own->c.boundary == EXACT ? own->noise.n : 0;
    if (has_boundary(own) && own->c.boundary != EXACT && k - fixed == 0)
        return high_face(own, data, 1, independent ? numbers + (size_t)d * B : numbers, SG_POINT_FACE, out);
    place_drawn(own, data, numbers, u, out);
    return (sg_point){.kind = SG_POINT_INNER, .weight = 1};
}

/* ------------------------------------------------------------------- the loss */

static int roots(const sg_model *model) {
    return model->space.d + 1;
}

/* D = diag(1, .., 1, h(beta)) and div D = (0, .., 0, h'(beta)). */
static void diffusion(const sg_prepared *prepared, const sg_block *block, double *D, double *div) {
    const constants *own = (const constants *)prepared;
    const int d = own->d;
    const double c = own->c.speed, top = own->lift.beta_max, scale = 4 * c / (top * top);
    const double *restrict beta = block->x + (size_t)d * B;
    double *restrict h = D + (size_t)d * B, *restrict slope = div + (size_t)d * B;
    const bool tapered = own->c.design == TAPERED;
    for (int i = 0; i < d * B; i++) D[i] = 1, div[i] = 0;
    for (int i = 0; i < block->n; i++) {
        h[i] = tapered ? scale * beta[i] * (top - beta[i]) : c;
        slope[i] = tapered ? scale * (top - 2 * beta[i]) : 0;
    }
}

static sg_d_shape shape(const sg_prepared *prepared) {
    (void)prepared;
    return SG_D_DIAGONAL;
}

/* Boundary terms: of d_beta log p and its derivatives in theta, for sg_point.factor to weigh. */
static void face_datum(int d, const sg_jet *jet, int n, sg_datum *out) {
    const size_t last = (size_t)d * B, rows = (size_t)(d + 1) * B, bytes = (size_t)n * sizeof(double);
    const int pairs = jet->m * (jet->m + 1) / 2;
    if (out->value) memcpy(out->value, jet->dx + last, bytes);
    for (int j = 0; out->psi && j < jet->m; j++) memcpy(out->psi + (size_t)j * B, jet->dt_dx + j * rows + last, bytes);
    for (int p = 0; out->curvature && p < pairs; p++)
        memcpy(out->curvature + (size_t)p * B, jet->dtt_dx + p * rows + last, bytes);
}

static void datum(const sg_prepared *prepared, const sg_local *local, const sg_block *block, const sg_jet *jet,
                  sg_datum *out) {
    const constants *own = (const constants *)prepared;
    (void)local;
    if (block->face) {
        face_datum(own->d, jet, block->n, out);
        return;
    }
    _Alignas(SG_ALIGN) double D[COORDINATES_MOST * B], div[COORDINATES_MOST * B];
    diffusion(prepared, block, D, div);
    const sg_diffusivity at = {.shape = SG_D_DIAGONAL, .D = D, .div = div};
    sg_diffusion_datum(false, &at, block, jet, out);
}

static void step(const sg_prepared *prepared, sg_walk *walk) {
    sg_diffusion_step(diffusion, SG_D_DIAGONAL, prepared, walk);
}

const sg_row sg_row_lifted = {
    .name = "lifted",
    .dynamics = "tempered-langevin",
    .clock = "unit time of the diffusion of x, dX = grad log p^beta dt + sqrt(2) dB",
    .generator_formula = "Lap_x f + grad log p . grad_x f + d_b(h d_b f) + h d_b log(p r) d_b f on (x, beta)",
    .summary = "score matching of the law on (x, beta), data noised at a random level beta",
    .options = options,
    .options_size = sizeof(choices),
    .kind = SG_DIFFUSION,
    .fit = SG_GENERAL,
    .fits = fits,
    .roots = roots,
    .jets = sg_diffusion_jets_diagonal,
    .prepare = prepare,
    .release = release,
    .datum = datum,
    .shape = shape,
    .diffusion = diffusion,
    .step = step,
    .runs = runs,
    .settle = settle,
    .round = true,
    .more = 1,
    .spread = spread,
    .point = point,
    .ranges = ranges,
    .theory_only = theory_only,
};
