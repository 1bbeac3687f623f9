/* Mixing times from a model and a loss: the start that is meant, and the solver for the space. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "finite.h"
#include "solve.h"
#include "spectrum/finite.h"

enum { ALL_STATES = 20 };

/* A start as it was asked for. */
typedef struct {
    enum { WORST, WARM, POINT, STATE } kind;
    double x;
    uint64_t state;
} start;

static sg_status read_bits(const char *bits, const sg_model *model, start *s) {
    const int n = model->space.d;
    s->kind = STATE;
    if ((int)strlen(bits) != n || (int)strspn(bits, "01") != n)
        return sg_fail(SG_BAD_SYNTAX, "the start state:%.80s must have %d digits 0 or 1, one a site", bits, n);
    for (int i = 0; i < n; i++)
        if (bits[i] == '1') s->state |= UINT64_C(1) << i;
    return SG_OK;
}

static sg_status read_start(const char *text, const sg_model *model, start *s) {
    static const char *const names[] = {"worst", "warm", "all-plus", "all-minus", "x=NUMBER", "state:0101.."};
    const bool finite = model->space.shape == SG_FINITE;
    *s = (start){.kind = WORST};
    if (!text || !strcmp(text, "worst")) return SG_OK;
    if (!strcmp(text, "warm")) {
        s->kind = WARM;
        return SG_OK;
    }
    const bool plus = !strcmp(text, "all-plus"), minus = !strcmp(text, "all-minus"), bits = !strncmp(text, "state:", 6);
    const bool point = !strncmp(text, "x=", 2);
    if (point && !sg_number_read(text + 2, &s->x))
        return sg_fail(SG_BAD_TYPE, "the start x= takes a number, not '%.64s'", text + 2);
    if ((plus || minus || bits) != finite && (plus || minus || bits || point))
        return sg_fail(SG_MISFIT, "the start '%.64s' does not fit %s: %s", text, model->text,
                       finite ? "take all-plus, all-minus, state:0101.., warm or worst"
                              : "take x=NUMBER, warm or worst");
    s->kind = point ? POINT : STATE;
    if (point || minus) return SG_OK;
    if (plus) s->state = model->space.d < 64 ? (UINT64_C(1) << model->space.d) - 1 : UINT64_MAX;
    if (plus) return SG_OK;
    if (bits) return read_bits(text + 6, model, s);
    const char *nearest = sg_nearest(text, 6, names);
    return sg_fail(SG_UNKNOWN,
                   "unknown start '%.64s'%s%s%s (worst, warm, x=NUMBER; on spins all-plus, all-minus, "
                   "state:0101..)",
                   text, nearest ? "; the nearest is '" : "", nearest ? nearest : "", nearest ? "'" : "");
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

/* log p of the least likely state and of `state`, by classes where there are too many states. */
static sg_status probabilities(const sg_model *model, uint64_t state, double *least, double *here) {
    double *log_p = NULL, top = -INFINITY, sum = 0;
    sg_lumped *lumped = NULL;
    *least = INFINITY;
    if (model->space.d <= ALL_STATES) {
        sg_status status = sg_states_law(model, &log_p);
        for (size_t x = 0; !status && x < (size_t)1 << model->space.d; x++)
            if (log_p[x] > -INFINITY) *least = fmin(*least, log_p[x]);
        if (!status) *here = log_p[state];
        sg_delete(log_p);
        return status;
    }
    sg_status status = model->family->lump ? model->family->lump(model, model->truth, &lumped) : SG_REFUSED;
    if (status == SG_REFUSED)
        return sg_fail(SG_REFUSED, "the probabilities of the states of %s are not known: take n <= %d", model->text,
                       ALL_STATES);
    if (status) return status;
    for (int a = 0; a < lumped->classes; a++) top = fmax(top, lumped->log_p[a] + lumped->log_size[a]);
    for (int a = 0; a < lumped->classes; a++) sum += exp(lumped->log_p[a] + lumped->log_size[a] - top);
    for (int a = 0; a < lumped->classes; a++)
        if (lumped->log_p[a] > -INFINITY) *least = fmin(*least, lumped->log_p[a] - top - log(sum));
    *here = NAN;
    if (model->space.d <= 64)
        model->family->states(model, model->truth, state, 1, here);
    else if (lumped->path && lumped->classes == model->space.d + 1) /* by the number of +1 sites */
        *here = lumped->log_p[state ? lumped->classes - 1 : 0];
    *here -= top + log(sum);
    sg_lumped_delete(lumped);
    return SG_OK;
}

static sg_status warm_mass(const sg_model *model, double *mass) {
    double *log_p = NULL, *law = NULL;
    if (model->space.d > ALL_STATES)
        return sg_fail(SG_REFUSED, "a warm start of resampling on %s needs all its states: take n <= %d", model->text,
                       ALL_STATES);
    const size_t states = (size_t)1 << model->space.d;
    sg_status status = sg_states_law(model, &log_p);
    if (!status) status = sg_new(&law, states, sizeof(double));
    if (!status) sg_states_warm(model->space.d, log_p, law);
    for (size_t x = 0; !status && x < states; x++) *mass += fmin(law[x], exp(log_p[x]));
    sg_delete(log_p);
    sg_delete(law);
    return status;
}

/* *mass: 1 - TV(0) */
static sg_status finite_resampling(const sg_model *model, const start *s, double *mass, sg_mixing *out) {
    double least, here;
    if (s->kind == WARM) {
        strcpy(out->start, SG_WARM_TEXT);
        return warm_mass(model, mass);
    }
    sg_status status = probabilities(model, s->state, &least, &here);
    if (status) return status;
    if (s->kind == STATE && isnan(here))
        return sg_fail(SG_REFUSED, "the probability of the start is not known on %s: take n <= 64", model->text);
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

static sg_status on_line(const sg_model *model, const sg_loss *loss, const start *s, const sg_mixing_settings *settings,
                         sg_mixing *out) {
    static const sg_start kind[] = {[WORST] = SG_START_WORST, [WARM] = SG_START_WARM, [POINT] = SG_START_POINT};
    sg_panels *panels = NULL;
    sg_prepared *prepared = NULL;
    double *log_d = NULL;
    sg_gap gap;
    sg_status status = sg_model_panels(model, model->truth, 0, &panels);
    if (!status) status = sg_loss_prepare(loss, model, panels, &prepared);
    if (!status) status = sg_new(&log_d, (size_t)panels->n, sizeof(double));
    if (!status) status = sg_loss_log_diffusion(loss, prepared, panels, log_d);
    if (!status) status = sg_line_mixing(panels, log_d, kind[s->kind], s->kind == POINT ? s->x : NAN, settings, out);
    if (!status && !sg_spectrum_gap(model, loss, NULL, &gap, NULL)) {
        const bool known = gap.status == SG_OK || gap.status == SG_UNCERTIFIED || gap.status == SG_NOT_ATTAINED;
        out->relaxation_time = known && gap.gap > 0 ? gap.relaxation_time : NAN;
        if (s->kind == WORST && out->status != SG_REFUSED) sg_mixing_sandwich(out->relaxation_time, INFINITY, out);
    }
    sg_loss_release(loss, prepared);
    sg_panels_delete(panels);
    sg_delete(log_d);
    return status;
}

sg_status sg_spectrum_mixing(const sg_model *model, const sg_loss *loss, const char *text,
                             const sg_mixing_settings *settings, sg_mixing *out) {
    static const sg_spin_start spins[] = {[WORST] = SG_FROM_WORST, [WARM] = SG_FROM_WARM, [STATE] = SG_FROM_STATE};
    const double begun = sg_finite_now();
    const sg_row *row = loss->row;
    start s;
    memset(out, 0, sizeof *out);
    sg_status status = read_start(text, model, &s);
    if (status) return status;
    if (row->kind == SG_RESAMPLE)
        status = resampling(model, &s, settings, out);
    else if (row->kind == SG_DIFFUSION && model->space.d == 1 && model->space.shape != SG_CIRCLE)
        status = on_line(model, loss, &s, settings, out);
    else if (row->kind == SG_JUMP && model->space.shape == SG_FINITE && !model->family->rates)
        status = sg_mixing_on_states(model, loss, spins[s.kind], s.state, settings, out);
    else
        status = sg_fail(SG_REFUSED,
                         "there is no solver for the mixing time of %s on %s: take a diffusion on the line, jumps on a "
                         "finite set, or mle",
                         loss->text, model->text);
    if (status)
        sg_mixing_clear(out);
    else
        out->seconds = sg_finite_now() - begun;
    return status;
}
