/* Mixing times of jumps on sites: the chain that a start needs, from the model and the row. */
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

/* How many sites are in the last state. */
static int tops(int q, uint64_t code) {
    int count = 0;
    if (q == 2) return __builtin_popcountll(code);
    for (; code; code /= (uint64_t)q) count += code % (uint64_t)q == (uint64_t)q - 1;
    return count;
}

void sg_states_warm(int n, int q, const double *log_p, double *law) {
    const size_t states = (size_t)llround(pow(q, n));
    double density[65] = {0};
    for (size_t x = 0; x < states; x++) density[tops(q, x)] += exp(log_p[x]);
    sg_states_lower_half(n, density);
    for (size_t x = 0; x < states; x++) law[x] = exp(log_p[x]) * density[tops(q, x)];
}

void sg_states_warm_text(int q, sg_mixing *out) {
    if (q == 2)
        snprintf(out->start, sizeof out->start, "warm: the lower half by the number of +1 sites");
    else
        snprintf(out->start, sizeof out->start, "warm: the lower half by the number of sites in state %d", q - 1);
}

sg_status sg_states_need_law(sg_states_problem *p) {
    return p->log_p ? SG_OK : sg_jumps_law(p->model, &p->log_p);
}

/* ------------------------------------------------------------------- names */

bool sg_states_codes(int n, int q) {
    return n * log2(q) <= 64;
}

int sg_states_sites(int q, double most) {
    int n = 0;
    while (pow(q, n + 1) <= most) n++;
    return n;
}

int sg_states_same(int n, int q, uint64_t state) {
    const int first = (int)(state % (uint64_t)q);
    for (int i = 0; i < n; i++, state /= (uint64_t)q)
        if ((int)(state % (uint64_t)q) != first) return -1;
    return first;
}

uint64_t sg_states_uniform(int n, int q, int same) {
    uint64_t code = 0;
    for (int i = 0; i < n; i++) code = code * (uint64_t)q + (uint64_t)same;
    return code;
}

static void write_digits(int n, int q, uint64_t state, size_t size, char *text) {
    int i = 0;
    for (; i < n && (size_t)i + 1 < size; i++, state /= (uint64_t)q) text[i] = (char)('0' + state % (uint64_t)q);
    text[i] = 0;
}

void sg_states_name(int n, int q, const char *prefix, uint64_t state, int same, sg_mixing *out) {
    char digits[80];
    write_digits(n, q, state, sizeof digits, digits);
    if (same < 0)
        snprintf(out->start, sizeof out->start, "%sstate %s", prefix, digits);
    else if (q == 2)
        snprintf(out->start, sizeof out->start, "%s%s", prefix, same ? "all +1" : "all -1");
    else
        snprintf(out->start, sizeof out->start, "%sall in state %d", prefix, same);
}

/* log rate(u), by rate(u) = e^u rate(-u) where u < 0. */
double sg_states_log_rate(const sg_states_problem *p, double u) {
    double rate, size = fabs(u);
    p->loss->row->rate(p->prepared, 1, &size, &rate);
    return log(rate) + fmin(0, u);
}

sg_status sg_states_check(const sg_states_problem *p) {
    char digits[80];
    if (p->log_p[p->start->state] > -INFINITY) return SG_OK;
    write_digits(p->n, p->q, p->start->state, sizeof digits, digits);
    return sg_fail(SG_OUT_OF_RANGE, "state %s has probability zero under %s: give another start", digits,
                   p->model->text);
}

/* ------------------------------------------------------------------ shared */

void sg_states_bound_all(int q, double coupling, sg_mixing *out) {
    double bound = fmin(coupling, isnan(out->sandwich_upper) ? INFINITY : out->sandwich_upper * (1 + 1e-9));
    out->mixing_time_upper = fmax(bound, out->mixing_time_upper);
    sg_mixing_say(out, SG_UNCERTIFIED, "the worst start was sought among %s only; the upper end bounds all starts",
                  q == 2 ? "all +1 and all -1" : "those with all sites in one state");
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

static sg_status choose(sg_states_problem *p, sg_mixing *out) {
    bool known = false;
    sg_status status = (p->q == 2 ? sg_states_by_number : sg_states_by_classes)(p, &known, out);
    if (status || known) return status;
    if (p->states <= SG_STATES_ALL) return sg_states_by_listing(p, out);
    if (p->states <= SG_STATES_SINGLE) return sg_states_by_single(p, out);
    return sg_fail(
        SG_REFUSED,
        "there is no solver for the mixing time of %s on %s: take n <= %d for all starts, n <= %d for one, or "
        "%s",
        p->loss->text, p->model->text, sg_states_sites(p->q, SG_STATES_ALL), sg_states_sites(p->q, SG_STATES_SINGLE),
        p->q == 2 ? "a law of the number of +1 sites alone (equal couplings and fields on a complete graph)"
                  : "single-site moves from all-0, .. or warm on a complete graph of equal couplings");
}

sg_status sg_mixing_on_states(const sg_model *model, const sg_loss *loss, const sg_sites_start *start,
                              const sg_mixing_settings *settings, sg_mixing *out) {
    sg_states_problem p = {
        .model = model, .loss = loss, .settings = settings, .n = model->space.d, .q = model->space.q, .start = start};
    double begun = sg_finite_now();
    p.memory = settings && settings->memory ? settings->memory : USUAL_MEMORY;
    p.states = p.n * log2(p.q) < 48 ? (size_t)llround(sg_model_states(model)) : SIZE_MAX;
    sg_status status = sg_mixing_begin(settings, out);
    if (!status) status = sg_loss_prepare(loss, model, NULL, &p.prepared);
    if (!status) status = choose(&p, out);
    out->seconds = sg_finite_now() - begun;
    sg_loss_release(loss, p.prepared);
    sg_delete(p.log_p);
    return status;
}
