/*
 * Preconditioned score matching (QR, LYU): the loss D |s|^2/2 + D Lap log p + grad D . s with D(x) fixed at a reference
 * theta, the generator D Lap + (D s + grad D) . grad, the diffusion dX = (D s + grad D) dt + sqrt(2 D) dB.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/vecmath.h"
#include "dictionary/diffusion.h"
#include "dictionary/stein.h"

enum { B = SG_BLOCK };
enum { CONSTANT, POWER, EXPONENTIAL, STEIN };

/* ----------------------------------------------------------------- options */

typedef struct {
    int with;
    double value, exponent;
    char direction[SG_TEXT], at[SG_TEXT];
} choices;

static const sg_field options[] = {
    {.key = "with",
     .type = SG_FIELD_WORD,
     .role = SG_OPTION,
     .offset = offsetof(choices, with),
     .initial = "constant",
     .choices = "constant|power|exponential|stein",
     .help = "D(x): value | (p/max p)^exponent | exp(exponent p/max p) | Stein kernel of the score of direction"},
    {.key = "value",
     .type = SG_FIELD_REAL,
     .role = SG_OPTION,
     .offset = offsetof(choices, value),
     .initial = "1",
     .lo = 0,
     .hi = INFINITY,
     .lo_open = true,
     .help = "the constant D, in squares of the unit of x per unit time"},
    {.key = "exponent",
     .type = SG_FIELD_REAL,
     .role = SG_OPTION,
     .offset = offsetof(choices, exponent),
     .initial = "-0.5",
     .lo = -1,
     .hi = 4,
     .lo_open = true,
     .help = "of power and exponential"},
    {.key = "direction",
     .type = SG_FIELD_TEXT,
     .role = SG_OPTION,
     .offset = offsetof(choices, direction),
     .initial = "",
     .help = "parameter whose score makes the Stein kernel; the only free one by default"},
    {.key = "at",
     .type = SG_FIELD_TEXT,
     .role = SG_OPTION,
     .offset = offsetof(choices, at),
     .initial = "truth",
     .help = "theta at which D is computed: truth | pilot | numbers separated by '/', the free parameters or all"},
    {.key = NULL},
};

static bool read_numbers(const char *text, sg_reals *list) {
    char copy[SG_TEXT];
    list->n = 0;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *rest = copy, *one; (one = strsep(&rest, "/"));)
        if (list->n == SG_REALS || !sg_number_read(one, &list->v[list->n++])) return false;
    return true;
}

/* The numbers of `at` in their shortest form, so that one reference has one text. */
static sg_status settle_at(choices *c) {
    sg_reals list;
    char text[SG_REALS * SG_NUMBER_TEXT];
    size_t used = 0;
    if (strcmp(c->at, "truth") == 0 || strcmp(c->at, "pilot") == 0) return SG_OK;
    if (!read_numbers(c->at, &list))
        return sg_fail(SG_BAD_TYPE,
                       "at = '%.64s' of loss preconditioned has the wrong type: it must be truth, pilot or up to %d "
                       "numbers separated by '/'",
                       c->at, SG_REALS);
    for (int k = 0; k < list.n; k++) {
        if (k > 0) text[used++] = '/';
        used += (size_t)sg_number_text(list.v[k], text + used);
    }
    if (used >= sizeof c->at)
        return sg_fail(SG_OUT_OF_RANGE, "at of loss preconditioned has %zu bytes: it must have at most %d", used,
                       SG_TEXT - 1);
    memcpy(c->at, text, used + 1);
    return SG_OK;
}

/* An option that says nothing about the chosen D is a mistake of the user. */
static sg_status settle(void *own) {
    static const char *const words[] = {"constant", "power", "exponential", "stein"};
    choices *c = own;
    bool exponent = c->with == POWER || c->with == EXPONENTIAL;
    const char *idle = c->with != CONSTANT && c->value != 1            ? "value"
                       : !exponent && c->exponent != -0.5              ? "exponent"
                       : c->with != STEIN && c->direction[0]           ? "direction"
                       : c->with == CONSTANT && strcmp(c->at, "truth") ? "at"
                                                                       : NULL;
    if (idle)
        return sg_fail(SG_BAD_SYNTAX, "%s of loss preconditioned has no meaning with with=%s: leave it out", idle,
                       words[c->with]);
    return settle_at(c);
}

static sg_at reference(const void *own, sg_reals *given) {
    const choices *c = own;
    if (strcmp(c->at, "truth") == 0) return SG_AT_TRUTH;
    if (strcmp(c->at, "pilot") == 0) return SG_AT_PILOT;
    return read_numbers(c->at, given) ? SG_AT_GIVEN : SG_AT_TRUTH;
}

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
static sg_status find_direction(const choices *c, const sg_model *model, int *index) {
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

static sg_status runs(const void *own, const sg_model *model) {
    const choices *c = own;
    int index;
    sg_status status = sg_diffusion_runs("loss preconditioned", model);
    if (status != SG_OK || c->with == CONSTANT) return status;
    if (model->space.shape == SG_RD || (c->with == STEIN && model->space.shape == SG_CIRCLE))
        return sg_fail(SG_MISFIT,
                       "loss preconditioned with this D needs a density on the line or an interval%s: %s is none",
                       c->with == STEIN ? "" : ", or on the circle", model->text);
    if (model->full > SG_STEIN_PARAMETERS)
        return sg_fail(SG_MISFIT, "loss preconditioned takes at most %d parameters: %s has %d", SG_STEIN_PARAMETERS,
                       model->text, model->full);
    return c->with == STEIN ? find_direction(c, model, &index) : SG_OK;
}

/* D p S' of a Stein kernel is an integral of p S from either end: it vanishes there. */
static sg_status fits(const void *own, const sg_model *model) {
    sg_status status = runs(own, model);
    if (status != SG_OK) return status;
    return sg_diffusion_fits("loss preconditioned", ((const choices *)own)->with != STEIN, model);
}

/* ----------------------------------------------------------- the constants */

typedef struct {
    const sg_model *model;
    int with;
    bool linear;
    double value, exponent;
    double theta[SG_STEIN_PARAMETERS]; /* the reference */
    double log_top;                    /* largest log p there, as the family's jet gives it */
    sg_stein *stein;
} constants;

static void density(const constants *own, const sg_block *block, double *logp, double *score) {
    sg_jet jet = {.m = own->model->full, .d = 1, .want = SG_LOGP, .logp = logp, .dx = score};
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

static sg_status fill(const choices *c, const double *theta, const sg_panels *panels, constants *own) {
    const sg_model *model = own->model;
    int index;
    own->with = c->with;
    own->value = c->value;
    own->exponent = c->exponent;
    own->linear = model->family->can & SG_LINEAR;
    if (c->with == CONSTANT) return SG_OK;
    memcpy(own->theta, theta, (size_t)model->full * sizeof(double));
    if (c->with != STEIN) {
        find_top(own, panels);
        return SG_OK;
    }
    sg_status status = find_direction(c, model, &index);
    if (status == SG_OK) status = sg_stein_prepare(model, theta, index, panels, &own->stein);
    return status;
}

static void release(sg_prepared *prepared) {
    constants *own = (constants *)prepared;
    if (!own) return;
    sg_stein_delete(own->stein);
    sg_delete(own);
}

static sg_status prepare(const void *own, const sg_model *model, const double *theta, const sg_panels *panels,
                         sg_prepared **prepared) {
    constants *made = (constants *)*prepared;
    sg_status status = runs(own, model);
    if (status == SG_OK && !made) status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) return status;
    made->model = model;
    status = fill(own, theta, panels, made);
    if (status != SG_OK && !*prepared) {
        release((sg_prepared *)made);
        return status;
    }
    *prepared = (sg_prepared *)made;
    return status;
}

/* ----------------------------------------------------------- the generator */

static void power_at(const constants *own, const sg_block *block, double *D, double *grad_D) {
    _Alignas(SG_ALIGN) double logp[B], score[B];
    const double e = own->exponent, top = own->log_top;
    density(own, block, logp, score);
#pragma omp simd
    for (int i = 0; i < block->n; i++) {
        D[i] = exp(e * (logp[i] - top));
        grad_D[i] = e * score[i] * D[i];
    }
}

static void exponential_at(const constants *own, const sg_block *block, double *D, double *grad_D) {
    _Alignas(SG_ALIGN) double logp[B], score[B];
    const double e = own->exponent, top = own->log_top;
    density(own, block, logp, score);
#pragma omp simd
    for (int i = 0; i < block->n; i++) {
        double ratio = exp(logp[i] - top);
        D[i] = exp(e * ratio);
        grad_D[i] = e * ratio * score[i] * D[i];
    }
}

static void diffusion(const sg_prepared *prepared, const sg_block *block, double *D, double *grad_D) {
    const constants *own = (const constants *)prepared;
    switch (own->with) {
    case POWER:
        power_at(own, block, D, grad_D);
        return;
    case EXPONENTIAL:
        exponential_at(own, block, D, grad_D);
        return;
    case STEIN:
        sg_stein_at(own->stein, block, D, grad_D);
        return;
    }
    for (int i = 0; i < block->n; i++) D[i] = own->value;
    for (int i = 0; i < block->d * B; i++) grad_D[i] = 0;
}

/* ---------------------------------------------------- the loss, the dynamics */

static void datum(const sg_prepared *prepared, const sg_local *local, const sg_block *block, const sg_jet *jet,
                  sg_datum *out) {
    const constants *own = (const constants *)prepared;
    _Alignas(SG_ALIGN) double D[B], grad_D[B];
    (void)local;
    if (own->with == CONSTANT)
        for (int i = 0; i < block->n; i++) D[i] = own->value;
    else
        diffusion(prepared, block, D, grad_D);
    const sg_diffusivity at = {.D = D, .div = own->with == CONSTANT ? NULL : grad_D};
    sg_diffusion_datum(own->linear, &at, block, jet, out);
}

static void step(const sg_prepared *prepared, sg_walk *walk) {
    sg_diffusion_step(diffusion, SG_D_SCALAR, prepared, walk);
}

static sg_status ranges(const void *own, const sg_model *model, sg_range range[SG_RANGES_MOST], int *count) {
    const choices *c = own;
    (void)model;
    *count = c->with == POWER || c->with == EXPONENTIAL;
    range[0] = (sg_range){"exponent", -0.95, 4, NAN};
    return SG_OK;
}

const sg_row sg_row_preconditioned = {
    .name = "preconditioned",
    .dynamics = "preconditioned-langevin",
    .clock = "unit time of the diffusion dX = (D grad log p + grad D) dt + sqrt(2 D) dB",
    .generator_formula = "div(D grad f) + D grad log p . grad f",
    .summary = "D |grad log p|^2/2 + div(D grad log p), D(x) constant, of the density, or a Stein kernel",
    .options = options,
    .options_size = sizeof(choices),
    .kind = SG_DIFFUSION,
    .fit = SG_QUADRATIC,
    .pilot = "score-matching",
    .fits = fits,
    .reference = reference,
    .roots = sg_diffusion_roots,
    .jets = sg_diffusion_jets,
    .prepare = prepare,
    .release = release,
    .datum = datum,
    .diffusion = diffusion,
    .step = step,
    .settle = settle,
    .runs = runs,
    .ranges = ranges,
};
