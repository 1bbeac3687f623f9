/* Mixing times from a model and a loss: the start that is meant, and the solver for the space. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "finite.h"
#include "kernel.h"
#include "line.h"
#include "solve.h"
#include "spectrum/finite.h"

enum {
    ALL_STATES = 1 << 20,
    PANELS = 52, /* on the circle, at least: they resolve some eigenpairs */
    DEEP = 590,  /* range of log p beyond which there is no law on it */
    CUT = 200,   /* of panels, where they do not go round */
    FAR = 3000,  /* of those for the time from infinity */
    SHALLOW = 100
};

/* A start as it was asked for; on finite sets as sg_sites_start. */
typedef struct {
    enum { WORST, WARM, POINT, STATE } kind;
    double x;
    sg_sites_start sites;
} start;

static sg_status read_digits(const char *text, const sg_model *model, start *s) {
    const int n = model->space.d, q = model->space.q;
    bool fits = (int)strlen(text) == n;
    s->kind = STATE;
    for (int i = 0; fits && i < n; i++) fits = text[i] >= '0' && text[i] < '0' + q;
    if (!fits)
        return sg_fail(SG_BAD_SYNTAX, "the start state:%.80s must have %d digits 0 %s %d, one a site", text, n,
                       q == 2 ? "or" : "to", q - 1);
    if (!sg_states_codes(n, q))
        return sg_fail(SG_REFUSED, "starts by their sites have at most %d of them: take %s or warm",
                       (int)(64 / log2(q)), q == 2 ? "all-plus, all-minus" : "all-0, all-1, ..");
    for (int i = n - 1; i >= 0; i--) s->sites.state = s->sites.state * (uint64_t)q + (uint64_t)(text[i] - '0');
    s->sites.same = sg_states_same(n, q, s->sites.state);
    return SG_OK;
}

static sg_status read_number(const char *text, const sg_model *model, start *s) {
    sg_rates rates;
    double number;
    model->family->rates(model, model->truth, &rates);
    s->kind = STATE;
    if (!sg_number_read(text, &number) || !(number >= 0 && number < rates.n) || number != floor(number))
        return sg_fail(SG_OUT_OF_RANGE, "the start state:%.64s is out of range: the states of %s are 0 to %d", text,
                       model->text, rates.n - 1);
    s->sites.state = (uint64_t)number;
    return SG_OK;
}

/* all-plus and all-minus with two states, all-K with more: K, or -1. */
static int read_same(const char *text, const sg_model *model) {
    const int q = model->space.q;
    if (strncmp(text, "all-", 4) != 0) return -1;
    if (q == 2) return !strcmp(text + 4, "plus") ? 1 : !strcmp(text + 4, "minus") ? 0 : -1;
    return strlen(text) == 5 && text[4] >= '0' && text[4] < '0' + q ? text[4] - '0' : -1;
}

static const char *starts_of(const sg_model *model, char text[64]) {
    if (model->family->rates) return "state:NUMBER, warm or worst";
    if (model->space.shape != SG_FINITE) return "x=NUMBER, warm or worst";
    if (model->space.q == 2) return "all-plus, all-minus, state:0101.., warm or worst";
    snprintf(text, 64, "all-0 to all-%d, state:0120.., warm or worst", model->space.q - 1);
    return text;
}

static sg_status read_start(const char *text, const sg_model *model, start *s) {
    static const char *const names[] = {"worst", "warm", "all-plus", "all-minus", "x=NUMBER", "state:0101.."};
    const bool finite = model->space.shape == SG_FINITE, rates = model->family->rates;
    char takes[64];
    *s = (start){.kind = WORST, .sites = {.same = -1}};
    if (!text || !strcmp(text, "worst")) return SG_OK;
    if (!strcmp(text, "warm")) {
        s->kind = WARM;
        return SG_OK;
    }
    const bool point = !strncmp(text, "x=", 2), all = !strncmp(text, "all-", 4), digits = !strncmp(text, "state:", 6);
    if (point && !sg_number_read(text + 2, &s->x))
        return sg_fail(SG_BAD_TYPE, "the start x= takes a number, not '%.64s'", text + 2);
    if (!point && !all && !digits) {
        const char *nearest = sg_nearest(text, 6, names);
        return sg_fail(SG_UNKNOWN, "unknown start '%.64s'%s%s%s: %s takes %s", text,
                       nearest ? "; the nearest is '" : "", nearest ? nearest : "", nearest ? "'" : "", model->text,
                       starts_of(model, takes));
    }
    s->sites.same = finite && !rates ? read_same(text, model) : -1;
    if (point == finite || (all && s->sites.same < 0))
        return sg_fail(SG_MISFIT, "the start '%.64s' does not fit %s: take %s", text, model->text,
                       starts_of(model, takes));
    s->kind = point ? POINT : STATE;
    if (digits) return rates ? read_number(text + 6, model, s) : read_digits(text + 6, model, s);
    if (all && sg_states_codes(model->space.d, model->space.q))
        s->sites.state = sg_states_uniform(model->space.d, model->space.q, s->sites.same);
    return SG_OK;
}

sg_status sg_mixing_start_check(const sg_model *model, const char *text) {
    start s;
    return read_start(text, model, &s);
}

/* -------------------------------------------------------------- resampling */

static sg_status decay(void *context, double t, double *distance, double *error) {
    *distance = *(const double *)context * exp(-t);
    *error = 0x1p-51 * (1 + t) * *distance;
    return SG_OK;
}

static bool few_states(const sg_model *model) {
    return sg_model_states(model) <= ALL_STATES;
}

/* log p of a start that is one state, up to a constant; NAN if it is not known. */
static double log_of(const sg_model *model, const sg_sites_start *s, const sg_lumped *lumped) {
    const int n = model->space.d, q = model->space.q;
    double here = NAN;
    if (sg_states_codes(n, q)) {
        model->family->states(model, model->truth, s->state, 1, &here);
        return here;
    }
    if (s->same >= 0 && lumped->path && lumped->classes == n + 1) /* by the number of +1 sites */
        return lumped->log_p[s->same ? n : 0];
    for (int a = 0; s->same >= 0 && lumped->composition && a < lumped->classes; a++)
        if (lumped->composition[a * q + s->same] == n) here = lumped->log_p[a];
    return here;
}

/* log p of the least likely state and of the start, by classes where there are too many states. */
static sg_status probabilities(const sg_model *model, const start *s, double *least, double *here) {
    double *log_p = NULL, top = -INFINITY, sum = 0;
    sg_lumped *lumped = NULL;
    *least = INFINITY;
    *here = NAN;
    if (few_states(model)) {
        const size_t states = (size_t)llround(sg_model_states(model));
        sg_status status = sg_jumps_law(model, &log_p);
        for (size_t x = 0; !status && x < states; x++)
            if (log_p[x] > -INFINITY) *least = fmin(*least, log_p[x]);
        if (!status && s->kind == STATE) *here = log_p[s->sites.state];
        sg_delete(log_p);
        return status;
    }
    sg_status status = model->family->lump ? model->family->lump(model, model->truth, &lumped) : SG_REFUSED;
    if (status == SG_REFUSED)
        return sg_fail(SG_REFUSED, "the probabilities of the states of %s are not known: take n <= %d", model->text,
                       sg_states_sites(model->space.q, ALL_STATES));
    if (status) return status;
    for (int a = 0; a < lumped->classes; a++) top = fmax(top, lumped->log_p[a] + lumped->log_size[a]);
    for (int a = 0; a < lumped->classes; a++) sum += exp(lumped->log_p[a] + lumped->log_size[a] - top);
    for (int a = 0; a < lumped->classes; a++)
        if (lumped->log_p[a] > -INFINITY) *least = fmin(*least, lumped->log_p[a] - top - log(sum));
    if (s->kind == STATE) *here = log_of(model, &s->sites, lumped) - top - log(sum);
    sg_lumped_delete(lumped);
    return SG_OK;
}

static sg_status warm_mass(const sg_model *model, double *mass) {
    double *log_p = NULL, *law = NULL;
    if (!few_states(model))
        return sg_fail(SG_REFUSED, "a warm start of resampling on %s needs all its states: take n <= %d", model->text,
                       sg_states_sites(model->space.q, ALL_STATES));
    const size_t states = (size_t)llround(sg_model_states(model));
    sg_status status = sg_jumps_law(model, &log_p);
    if (!status) status = sg_new(&law, states, sizeof(double));
    if (!status) sg_states_warm(model->space.d, model->space.q, log_p, law);
    for (size_t x = 0; !status && x < states; x++) *mass += fmin(law[x], exp(log_p[x]));
    sg_delete(log_p);
    sg_delete(law);
    return status;
}

/* *mass: 1 - TV(0) */
static sg_status finite_resampling(const sg_model *model, const start *s, double *mass, sg_mixing *out) {
    double least, here;
    if (s->kind == WARM) {
        sg_states_warm_text(model->space.q, out);
        return warm_mass(model, mass);
    }
    sg_status status = probabilities(model, s, &least, &here);
    if (status) return status;
    if (s->kind == STATE && isnan(here))
        return sg_fail(SG_REFUSED, "the probability of the start is not known on %s: take n <= %d", model->text,
                       (int)(64 / log2(model->space.q)));
    *mass = exp(s->kind == WORST ? least : here);
    snprintf(out->start, sizeof out->start, "%s state of probability %.6g", s->kind == WORST ? "worst: a" : "one",
             *mass);
    if (s->kind == STATE && here == -INFINITY)
        return sg_fail(SG_OUT_OF_RANGE, "the start has probability zero under %s", model->text);
    return SG_OK;
}

static sg_status resampling(const sg_model *model, const start *s, const sg_mixing_settings *settings, sg_mixing *out) {
    double mass = 0, at_zero;
    sg_status status = sg_mixing_begin(settings, out);
    if (!status && model->space.shape == SG_FINITE) {
        status = finite_resampling(model, s, &mass, out);
    } else if (s->kind == WARM) {
        mass = 0.5;
        snprintf(out->start, sizeof out->start, "warm: half of the law");
    } else if (s->kind == POINT) {
        snprintf(out->start, sizeof out->start, "x = %.9g", s->x);
    } else {
        snprintf(out->start, sizeof out->start, "worst: any point");
    }
    if (status) return status;
    at_zero = 1 - mass;
    out->relaxation_time = 1;
    snprintf(out->method, sizeof out->method, "TV(t) = exp(-t) TV(0)");
    status = sg_mixing_cross(decay, &at_zero, at_zero, 1, out);
    if (!status && s->kind == WORST) sg_mixing_sandwich(1, mass > 0 ? -log(mass) : INFINITY, out);
    return status ? status : sg_mixing_profile(decay, &at_zero, at_zero, settings, out);
}

/* -------------------------------------------------------------------- line */

/* Panels with D on them. */
typedef struct {
    sg_panels *panels;
    double *log_d;
} grid;

static void clear_grid(grid *g) {
    sg_panels_delete(g->panels);
    sg_delete(g->log_d);
    *g = (grid){0};
}

static sg_status lay(const sg_model *model, const sg_loss *loss, const sg_prepared *prepared, double depth, int level,
                     grid *g) {
    clear_grid(g);
    sg_status status = sg_model_panels_deep(model, model->truth, depth, level, &g->panels);
    if (!status) status = sg_new(&g->log_d, (size_t)g->panels->n, sizeof(double));
    return status ? status : sg_loss_log_diffusion(loss, prepared, g->panels, g->log_d);
}

static sg_status on_line(const sg_model *model, const sg_loss *loss, const start *s, const sg_mixing_settings *settings,
                         sg_mixing *out) {
    static const sg_start kind[] = {[WORST] = SG_START_WORST, [WARM] = SG_START_WARM, [POINT] = SG_START_POINT};
    const bool open = isinf(model->space.lo) || isinf(model->space.hi);
    sg_panels *usual = NULL;
    sg_prepared *prepared = NULL;
    grid g = {0}, far = {0};
    sg_gap gap;
    sg_status status = sg_model_panels(model, model->truth, 0, &usual);
    if (!status) status = sg_loss_prepare(loss, model, usual, &prepared);
    if (!status) status = lay(model, loss, prepared, CUT, 0, &g);
    /* where the deep cut cannot be made the time from infinity is extrapolated from the usual one */
    if (!status && s->kind == WORST && open && lay(model, loss, prepared, FAR, 0, &far)) clear_grid(&far);
    if (!status)
        status = sg_line_mixing_far(g.panels, g.log_d, far.panels, far.log_d, kind[s->kind],
                                    s->kind == POINT ? s->x : NAN, settings, out);
    if (!status && !sg_spectrum_gap(model, loss, NULL, &gap, NULL)) {
        const bool known = gap.status == SG_OK || gap.status == SG_UNCERTIFIED || gap.status == SG_NOT_ATTAINED;
        out->relaxation_time = known && gap.gap > 0 ? gap.relaxation_time : NAN;
        if (s->kind == WORST && out->status != SG_REFUSED) sg_mixing_sandwich(out->relaxation_time, INFINITY, out);
    }
    sg_loss_release(loss, prepared);
    sg_panels_delete(usual);
    clear_grid(&g);
    clear_grid(&far);
    return status;
}

/* ------------------------------------------------------------------ circle */

static bool is_cut(const sg_panels *p) {
    return p->log_tail_lo > -INFINITY || p->log_tail_hi > -INFINITY;
}

/* Is log p at x within SHALLOW of its largest value? */
static bool is_shallow(const sg_panels *p, double x) {
    double top = -INFINITY;
    int near = 0;
    for (int i = 0; i < p->n; i++) {
        top = fmax(top, p->logp[i]);
        if (fabs(p->x[i] - x) < fabs(p->x[near] - x)) near = i;
    }
    return p->logp[near] > top - SHALLOW;
}

/* p falls beyond the range of numbers: nothing flows through the arc that is left out, and from a start that is not
 * near it the law is that on a line. */
static sg_status on_deep_circle(const sg_model *model, const sg_loss *loss, const sg_prepared *prepared, const start *s,
                                const sg_mixing_settings *settings, sg_mixing *out) {
    grid g = {0};
    sg_status status = lay(model, loss, prepared, CUT, 0, &g);
    if (!status && (s->kind == WORST || (s->kind == POINT && !is_shallow(g.panels, s->x))))
        status = sg_fail(SG_REFUSED,
                         "log p falls by more than %d on the circle: give a start where it is within %d of its largest "
                         "value (--start x=NUMBER or warm)",
                         DEEP, SHALLOW);
    if (!status)
        status = sg_line_mixing(g.panels, g.log_d, s->kind == WARM ? SG_START_WARM : SG_START_POINT,
                                s->kind == POINT ? s->x : NAN, settings, out);
    clear_grid(&g);
    return status;
}

static sg_status on_circle(const sg_model *model, const sg_loss *loss, const start *s,
                           const sg_mixing_settings *settings, sg_mixing *out) {
    static const sg_start kind[] = {[WORST] = SG_START_WORST, [WARM] = SG_START_WARM, [POINT] = SG_START_POINT};
    sg_prepared *prepared = NULL;
    sg_panels *usual = NULL;
    grid g = {0};
    sg_status status = sg_model_panels(model, model->truth, 0, &usual);
    if (!status) status = sg_loss_prepare(loss, model, usual, &prepared);
    if (!status) status = lay(model, loss, prepared, DEEP, 0, &g);
    const bool deep = !status && is_cut(g.panels);
    for (int level = 1; !status && !deep && g.panels->count < PANELS; level++)
        status = lay(model, loss, prepared, DEEP, level, &g);
    if (!status && deep)
        status = on_deep_circle(model, loss, prepared, s, settings, out);
    else if (!status)
        status = sg_circle_mixing(g.panels, g.log_d, kind[s->kind], s->kind == POINT ? s->x : NAN, settings, out);
    sg_loss_release(loss, prepared);
    sg_panels_delete(usual);
    clear_grid(&g);
    return status;
}

/* ------------------------------------------------------------------- whole */

/* What can be had instead. */
static sg_status refused(const sg_model *model, const sg_loss *loss) {
    const sg_kind kind = loss->row->kind;
    if (kind == SG_DIFFUSION || kind == SG_KINETIC)
        return sg_fail(SG_REFUSED,
                       "the law of %s on %s in time is not computed, since it is that of %s: `scoregap gap` gives its "
                       "relaxation time",
                       loss->row->dynamics, model->text,
                       kind == SG_KINETIC ? "a position with a velocity" : "more than one coordinate");
    return sg_fail(SG_REFUSED,
                   "there is no solver for the mixing time of %s on %s: take a diffusion on the line or the circle, "
                   "jumps on a finite set, or mle",
                   loss->text, model->text);
}

sg_status sg_spectrum_mixing(const sg_model *model, const sg_loss *loss, const char *text,
                             const sg_mixing_settings *settings, sg_mixing *out) {
    static const sg_start_kind kind[] = {[WORST] = SG_FROM_WORST, [WARM] = SG_FROM_WARM, [STATE] = SG_FROM_STATE};
    const double begun = sg_finite_now();
    const sg_row *row = loss->row;
    start s;
    memset(out, 0, sizeof *out);
    sg_status status = read_start(text, model, &s);
    if (status) return status;
    s.sites.kind = kind[s.kind];
    if (row->kind == SG_RESAMPLE)
        status = resampling(model, &s, settings, out);
    else if (row->more)
        status = refused(model, loss);
    else if (row->kind == SG_DIFFUSION && model->space.shape == SG_CIRCLE)
        status = on_circle(model, loss, &s, settings, out);
    else if (row->kind == SG_DIFFUSION && model->space.d == 1)
        status = on_line(model, loss, &s, settings, out);
    else if (row->kind == SG_JUMP && model->family->rates)
        status = sg_mixing_of_rates(model, &s.sites, settings, out);
    else if (row->kind == SG_JUMP && model->space.shape == SG_FINITE)
        status = sg_mixing_on_states(model, loss, &s.sites, settings, out);
    else if (row->kind == SG_KERNEL && model->space.shape == SG_FINITE)
        status = sg_mixing_of_kernel(model, loss, &s.sites, settings, out);
    else
        status = refused(model, loss);
    if (status)
        sg_mixing_clear(out);
    else
        out->seconds = sg_finite_now() - begun;
    return status;
}
