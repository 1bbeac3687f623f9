/*
 * Denoising score matching (Vincent 2011): |grad log p_t(y) + (y - x0)/t|^2/2 at y = x0 + sqrt(t) Z, p_t the law with
 * variance t added, t = sigma^2 one level or a schedule of levels.  Given y, (y - x0)/t has mean -grad log p_t(y): the
 * gradient of the loss has conditional mean zero, the Hessian is the Dirichlet matrix of p_t, and with one draw a datum
 *     Gamma = H^-1 E[grad S (I/t + Hess log p_t) grad S^T] H^-1,    S and E of p_t.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/vecmath.h"
#include "dictionary/diffusion.h"
#include "dictionary/noised.h"
#include "numeric/legendre.h"

enum { B = SG_BLOCK };
enum { VARIANCE, ONE };

typedef struct {
    double sigma, sigma_max;
    int weight, draws;
    char draws_text[SG_TEXT];
} choices;

static const sg_field options[] = {
    {.key = "sigma",
     .type = SG_FIELD_REAL,
     .role = SG_OPTION,
     .offset = offsetof(choices, sigma),
     .initial = "1",
     .lo = 0,
     .lo_open = true,
     .hi = 1e6,
     .help = "standard deviation of the noise, or the least of a schedule"},
    {.key = "sigma-max",
     .type = SG_FIELD_REAL,
     .role = SG_OPTION,
     .offset = offsetof(choices, sigma_max),
     .initial = "0",
     .lo = 0,
     .hi = 1e6,
     .help = "the largest of a schedule, uniform in log sigma; 0: one level"},
    {.key = "weight",
     .type = SG_FIELD_WORD,
     .role = SG_OPTION,
     .offset = offsetof(choices, weight),
     .initial = "variance",
     .choices = "variance|one",
     .help = "weight of a level of a schedule: sigma^2 | 1"},
    {.key = "draws",
     .type = SG_FIELD_TEXT,
     .role = SG_OPTION,
     .offset = offsetof(choices, draws_text),
     .initial = "1",
     .help = "draws of the noise a datum: a number, or inf, the mean over all of them"},
    {.key = NULL},
};

static sg_status settle(void *own) {
    choices *c = own;
    sg_status status = sg_noised_draws("denoising", c->draws_text, &c->draws);
    if (status) return status;
    if (c->sigma_max != 0 && !(c->sigma_max > c->sigma))
        return sg_fail(SG_OUT_OF_RANGE, "sigma-max of loss denoising must be larger than sigma, or 0 for one level");
    if (c->sigma_max == 0 && c->weight != VARIANCE)
        return sg_fail(SG_BAD_SYNTAX, "weight of loss denoising has no meaning for one level: leave it out");
    return SG_OK;
}

/* ------------------------------------------------------------ the constants */

enum { LEVELS = 16 };

typedef struct {
    choices c;
    sg_model *view; /* on (y, t) */
    sg_model *law;  /* of y at one level; NULL: a schedule */
    int d, levels;
    double t[LEVELS], share[LEVELS]; /* of the rule, shares sum to 1 */
    sg_noise_rule noise;
} constants;

static void release(sg_prepared *prepared) {
    constants *own = (constants *)prepared;
    if (!own) return;
    sg_model_delete(own->view);
    sg_model_delete(own->law);
    sg_noise_rule_free(&own->noise);
    sg_delete(own);
}

static double level_at(const choices *c, double u) {
    const double sigma = c->sigma_max > 0 ? c->sigma * exp(u * log(c->sigma_max / c->sigma)) : c->sigma;
    return sigma * sigma;
}

static sg_status fill(const choices *c, const sg_model *model, const double *theta, int level, constants *own) {
    const sg_lift lift = {.lambda = 1, .beta_max = level_at(c, 1)};
    own->c = *c;
    own->d = model->space.d;
    sg_status status = sg_model_lift(model, &lift, &own->view);
    if (!status && c->sigma_max == 0) status = sg_model_noised(model, theta, level_at(c, 0), &own->law);
    if (!status) status = sg_noise_rule_new(model, theta, level ? 64 : 48, &own->noise);
    own->levels = c->sigma_max > 0 ? LEVELS : 1;
    for (int k = 0; k < own->levels; k++) {
        own->t[k] = level_at(c, c->sigma_max > 0 ? 0.5 + 0.5 * sg_legendre_node[k] : 0);
        own->share[k] = c->sigma_max > 0 ? 0.5 * sg_legendre_weight[k] : 1;
    }
    return status;
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

static sg_status fits(const void *own, const sg_model *model) {
    if (!model->family->smooth || !model->family->components)
        return sg_fail(SG_MISFIT,
                       "denoising needs a law whose convolution with noise is known, such as mixture or "
                       "gaussian-mixture: %s is none",
                       model->text);
    if (((const choices *)own)->draws > 0) return SG_OK;
    return sg_noise_rule_fits("the mean over all draws of loss denoising", model, "draws=10 or so");
}

/* ------------------------------------------------------------------ the draws */

static void spread(const sg_prepared *prepared, sg_spread *out) {
    const constants *own = (const constants *)prepared;
    *out = (sg_spread){.model = own->view,
                       .law = own->law,
                       .draws = own->c.draws,
                       .normals = own->d,
                       .uniforms = own->c.sigma_max > 0 ? 1 : 0,
                       .each = 1,
                       .rule = own->noise.n * own->levels};
}

static sg_point point(const sg_prepared *prepared, const sg_block *data, int k, const double *numbers, double *room,
                      sg_block *out) {
    const constants *own = (const constants *)prepared;
    const int d = own->d, level = numbers ? 0 : k % own->levels, j = numbers ? 0 : k / own->levels;
    const double *u = numbers ? numbers + (size_t)d * B : NULL;
    double *restrict t = out->x + (size_t)d * B;
    if (!numbers) sg_noise_rule_at(&own->noise, j, data, room);
    for (int i = 0; i < B; i++) t[i] = numbers && own->c.sigma_max > 0 ? level_at(&own->c, u[i]) : own->t[level];
    for (int a = 0; a < d; a++) {
        const double *restrict x = data->x + (size_t)a * B, *z = (numbers ? numbers : room) + (size_t)a * B;
        double *restrict y = out->x + (size_t)a * B, *pull = room + (size_t)a * B;
        for (int i = 0; i < B; i++) {
            const double size = sqrt(t[i]), noise = z[i];
            y[i] = x[i] + size * noise;
            pull[i] = noise / size;
        }
    }
    out->along = room;
    return (sg_point){.kind = SG_POINT_INNER, .weight = numbers ? 1 : own->noise.weight[j] * own->share[level]};
}

/* ------------------------------------------------------------------- the loss */

static int roots(const sg_model *model) {
    return model->space.d;
}

static int jets(const sg_model *model, int want) {
    int needed = 0;
    (void)model;
    if (want & SG_PSI) needed |= SG_DX | SG_DT_DX;
    if (want & SG_ROOT) needed |= SG_DT_DX;
    if (want & SG_VALUE) needed |= SG_DX;
    if (want & SG_CURVATURE) needed |= SG_DX | SG_DT_DX | SG_DTT_DX;
    return needed;
}

typedef struct {
    int n, d;
    const double *score, *pull;
    _Alignas(SG_ALIGN) double weight[B];
} field;

/* weight sum_a (score + pull)_a g_a over d coordinates */
static void residual(const field *v, const double *g, double *restrict out) {
    for (int a = 0; a < v->d; a++) {
        const double *restrict s = v->score + (size_t)a * B, *restrict p = v->pull + (size_t)a * B;
        const double *restrict f = g + (size_t)a * B;
        for (int i = 0; i < v->n; i++) out[i] = (a ? out[i] : 0) + (s[i] + p[i]) * f[i];
    }
    for (int i = 0; i < v->n; i++) out[i] *= v->weight[i];
}

static void fill_value(const field *v, double *restrict out) {
    for (int a = 0; a < v->d; a++) {
        const double *restrict s = v->score + (size_t)a * B, *restrict p = v->pull + (size_t)a * B;
        for (int i = 0; i < v->n; i++) out[i] = (a ? out[i] : 0) + 0.5 * (s[i] + p[i]) * (s[i] + p[i]);
    }
    for (int i = 0; i < v->n; i++) out[i] *= v->weight[i];
}

static void fill_roots(const field *v, const sg_jet *jet, double *root) {
    for (int j = 0; j < jet->m; j++)
        for (int a = 0; a < v->d; a++) {
            const double *restrict g = jet->dt_dx + ((size_t)j * jet->d + a) * B;
            double *restrict to = root + ((size_t)j * v->d + a) * B;
            for (int i = 0; i < v->n; i++) to[i] = sqrt(v->weight[i]) * g[i];
        }
}

static void fill_curvature(const field *v, const sg_jet *jet, double *curvature) {
    const size_t rows = (size_t)jet->d * B;
    for (int j = 0, p = 0; j < jet->m; j++)
        for (int k = 0; k <= j; k++, p++) {
            double *restrict to = curvature + (size_t)p * B;
            residual(v, jet->dtt_dx + p * rows, to);
            for (int a = 0; a < v->d; a++) {
                const double *restrict f = jet->dt_dx + j * rows + (size_t)a * B;
                const double *restrict g = jet->dt_dx + k * rows + (size_t)a * B;
                for (int i = 0; i < v->n; i++) to[i] += v->weight[i] * (f[i] * g[i]);
            }
        }
}

static void datum(const sg_prepared *prepared, const sg_local *local, const sg_block *block, const sg_jet *jet,
                  sg_datum *out) {
    const constants *own = (const constants *)prepared;
    const bool scaled = own->c.sigma_max > 0 && own->c.weight == VARIANCE;
    field v = {.n = block->n, .d = own->d, .score = jet->dx, .pull = block->along};
    (void)local;
    for (int i = 0; i < v.n; i++) v.weight[i] = scaled ? block->x[(size_t)v.d * B + i] : 1;
    if (out->value) fill_value(&v, out->value);
    for (int j = 0; out->psi && j < jet->m; j++)
        residual(&v, jet->dt_dx + (size_t)j * jet->d * B, out->psi + (size_t)j * B);
    if (out->root) fill_roots(&v, jet, out->root);
    if (out->curvature) fill_curvature(&v, jet, out->curvature);
}

static void step(const sg_prepared *prepared, sg_walk *walk) {
    sg_diffusion_step(NULL, SG_D_SCALAR, prepared, walk);
}

/* One level, from an eighth of the narrowest component's width to twice the distance of the farthest two. */
static sg_status ranges(const void *own, const sg_model *model, sg_range range[SG_RANGES_MOST], int *count) {
    const choices *c = own;
    double lambda, diameter2;
    sg_status status = sg_noised_scales(model, model->truth, &lambda, &diameter2);
    if (status) return status;
    const double least = 0.125 * sqrt(lambda), most = 2 * sqrt(diameter2 > lambda ? diameter2 : lambda);
    *count = 1;
    range[0] = (sg_range){"sigma", least, c->sigma_max > 0 ? fmin(most, 0.99 * c->sigma_max) : most, NAN};
    return SG_OK;
}

const sg_row sg_row_denoising = {
    .name = "denoising",
    .dynamics = "smoothed-langevin",
    .clock = "unit time of the diffusion dY = grad log p_t dt + sqrt(2) dB of the noised law",
    .generator_formula = "Lap f + grad log p_t . grad f on the noised law p_t = p * N(0, t)",
    .summary = "|grad log p_t(y) + (y - x)/t|^2/2 at noised data y, one noise level or a schedule",
    .options = options,
    .options_size = sizeof(choices),
    .kind = SG_DIFFUSION,
    .fit = SG_GENERAL,
    .fits = fits,
    .roots = roots,
    .jets = jets,
    .prepare = prepare,
    .release = release,
    .datum = datum,
    .settle = settle,
    .round = true,
    .more = 1,
    .spread = spread,
    .point = point,
    .step = step,
    .ranges = ranges,
};
