/* Mixing times of jumps on two-state sites: the chain that a start needs, from the model and the row. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "solve.h"
#include "spectrum/finite.h"
#include "states.h"

#define USUAL_MEMORY ((size_t)1 << 30)

/* ---------------------------------------------------------------- the law */

/* Probabilities [n + 1] to densities of their lower half. */
void sg_states_lower_half(int n, double *density) {
    double left = 0.5;
    for (int k = 0; k <= n; k++) {
        const double taken = fmin(left, density[k]);
        left -= taken;
        density[k] = density[k] > 0 ? 2 * taken / density[k] : 0;
    }
}

void sg_states_warm(int n, const double *log_p, double *law) {
    const size_t states = (size_t)1 << n;
    double density[65] = {0};
    for (size_t x = 0; x < states; x++) density[__builtin_popcountll(x)] += exp(log_p[x]);
    sg_states_lower_half(n, density);
    for (size_t x = 0; x < states; x++) law[x] = exp(log_p[x]) * density[__builtin_popcountll(x)];
}

sg_status sg_states_need_law(sg_states_problem *p) {
    return p->log_p ? SG_OK : sg_jumps_law(p->model, &p->log_p);
}

static void write_bits(uint64_t state, int n, size_t size, char *text) {
    int i = 0;
    for (; i < n && (size_t)i + 1 < size; i++) text[i] = (i < 64 ? state >> i & 1 : state >> 63) ? '1' : '0';
    text[i] = 0;
}

/* All sites +1; beyond 64 sites the bits stand for those of both uniform states only. */
uint64_t sg_states_all_plus(int n) {
    return n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
}

void sg_states_name(const sg_states_problem *p, const char *prefix, uint64_t state, sg_mixing *out) {
    char bits[80];
    write_bits(state, p->n, sizeof bits, bits);
    if (state == sg_states_all_plus(p->n) || state == 0)
        snprintf(out->start, sizeof out->start, "%s%s", prefix, state ? "all +1" : "all -1");
    else
        snprintf(out->start, sizeof out->start, "%sstate %s", prefix, bits);
}

/* log rate(u), by rate(u) = e^u rate(-u) where u < 0. */
double sg_states_log_rate(const sg_states_problem *p, double u) {
    double rate, size = fabs(u);
    p->loss->row->rate(p->prepared, 1, &size, &rate);
    return log(rate) + fmin(0, u);
}

sg_status sg_states_check(const sg_states_problem *p) {
    char bits[80];
    if (p->log_p[p->state] > -INFINITY) return SG_OK;
    write_bits(p->state, p->n, sizeof bits, bits);
    return sg_fail(SG_OUT_OF_RANGE, "state %s has probability zero under %s: give another start", bits, p->model->text);
}

/* ------------------------------------------------------------------ shared */

void sg_states_bound_all(double coupling, sg_mixing *out) {
    double bound = fmin(coupling, isnan(out->sandwich_upper) ? INFINITY : out->sandwich_upper * (1 + 1e-9));
    out->mixing_time_upper = fmax(bound, out->mixing_time_upper);
    sg_mixing_say(out, SG_UNCERTIFIED,
                  "the worst start was sought among all +1 and all -1 only; the upper end bounds all starts");
}

void sg_states_relaxation(const sg_states_problem *p, sg_mixing *out) {
    sg_gap gap;
    const double log_inverse = isfinite(out->sandwich_upper) && out->relaxation_time > 0
                                   ? out->sandwich_upper / out->relaxation_time + log(out->epsilon)
                                   : NAN;
    if (sg_spectrum_gap(p->model, p->loss, NULL, &gap, NULL) || gap.status != SG_OK) gap.relaxation_time = NAN;
    out->relaxation_time = gap.relaxation_time;
    if (!isnan(log_inverse)) sg_mixing_sandwich(gap.relaxation_time, log_inverse, out);
}

sg_status sg_mixing_on_states(const sg_model *model, const sg_loss *loss, sg_spin_start start, uint64_t state,
                              const sg_mixing_settings *settings, sg_mixing *out) {
    sg_states_problem p = {
        .model = model, .loss = loss, .settings = settings, .n = model->space.d, .start = start, .state = state};
    double begun = sg_finite_now();
    bool known = false;
    p.memory = settings && settings->memory ? settings->memory : USUAL_MEMORY;
    p.states = p.n < 48 ? (size_t)1 << p.n : 0;
    sg_status status = sg_mixing_begin(settings, out);
    if (!status) status = sg_loss_prepare(loss, model, NULL, &p.prepared);
    if (!status) status = sg_states_by_number(&p, &known, out);
    if (status || known) goto out;
    if (p.n <= SG_STATES_ALL)
        status = sg_states_by_listing(&p, out);
    else if (p.n <= SG_STATES_SINGLE)
        status = sg_states_by_single(&p, out);
    else
        status = sg_fail(SG_REFUSED,
                         "there is no solver for the mixing time of %s on %s: take n <= %d for all starts, n <= %d for "
                         "one, or a law of the number of +1 sites alone (equal couplings and fields on a complete "
                         "graph)",
                         loss->text, model->text, SG_STATES_ALL, SG_STATES_SINGLE);
out:
    out->seconds = sg_finite_now() - begun;
    sg_loss_release(loss, p.prepared);
    sg_delete(p.log_p);
    return status;
}
