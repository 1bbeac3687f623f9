/* The distance on the circle by the spectral expansion, to check the evolved law with. */
#include <math.h>

#include "circle.h"
#include "line.h"

#define PAIRS 24
#define MOST_PAIRS 48
#define SPARE 4 /* panels beyond the number of pairs that they resolve */
#define NEGLIGIBLE 1e-12
#define TOO_MUCH 1e-6
#define PRECISION 0x1p-52

/* One expansion: slope is h_t - 1, then F_t - P goes to `value`. */
typedef struct {
    const sg_panels *panels;
    const double *log_d;
    double x, mass, t;
    bool warm;
    double *slope, *value, *work; /* [n] */
} problem;

/* phi_k(x), or the mean of phi_k from the beginning to x. */
static double coefficient(const problem *p, const double *phi) {
    double at;
    if (p->warm) {
        for (int i = 0; i < p->panels->n; i++) p->value[i] = exp(p->panels->logp[i]) * phi[i];
        sg_panels_from_left(p->panels, p->value, p->work, NULL);
        phi = p->work;
    }
    sg_panels_coefficients(p->panels, phi, p->value);
    sg_panels_interpolate(p->panels, p->value, 1, &p->x, &at);
    return p->warm ? at / p->mass : at;
}

/* What lies beyond the pairs. */
static double left_out(const problem *p, double last) {
    double resistance = 0;
    if (p->warm) return 0.5 * exp(-last * p->t) / sqrt(p->mass);
    for (int i = 0; i < p->panels->n; i++)
        resistance += p->panels->weight[i] * exp(-p->panels->logp[i] - (p->log_d ? p->log_d[i] : 0));
    const double most = 2 * last * p->t >= 1 ? last * exp(-2 * last * p->t) : 1 / (2 * M_E * p->t);
    return 0.5 * sqrt(most * resistance / 4);
}

static double expand(const problem *p, const sg_spectrum *s) {
    const int n = p->panels->n;
    /* functions are found in L2: at a rare place their errors are over sqrt(p) */
    double sum = 0, rare = 0, log_p[1], *series = p->work;
    for (int i = 0; i < n; i++) p->slope[i] = p->panels->logp[i];
    sg_panels_coefficients(p->panels, p->slope, series);
    sg_panels_interpolate(p->panels, series, 1, &p->x, log_p);
    rare = p->warm ? 1 : exp(-0.5 * log_p[0]);
    for (int i = 0; i < n; i++) p->slope[i] = 0;
    for (int k = 0; k < s->count; k++) {
        const double *phi = s->function + (size_t)k * (size_t)n, decay = s->value[k] * p->t;
        const double c = coefficient(p, phi) * exp(-decay);
        for (int i = 0; i < n; i++) p->slope[i] += c * phi[i];
        if (exp(-decay) * (rare + fabs(c)) < 1e-18) continue; /* whatever its error */
        sum += 0.5 * fabs(c) * decay * s->value_error[k] + exp(-decay) * rare * (s->residual + 64 * PRECISION);
    }
    return sum;
}

sg_status sg_circle_expansion(const sg_panels *panels, const double *log_d, double x, bool warm, double t,
                              double *distance, double *error, bool *known) {
    const size_t n = (size_t)panels->n;
    problem p = {.panels = panels, .log_d = log_d, .x = x, .warm = warm, .t = t};
    double above, rest = INFINITY;
    sg_spectrum *s = NULL;
    sg_panels_distribution(panels, x, &p.mass, &above);
    sg_status status = sg_new(&p.slope, n, sizeof(double));
    if (!status) status = sg_new(&p.value, n, sizeof(double));
    if (!status) status = sg_new(&p.work, n, sizeof(double));
    *known = false;
    for (int pairs = PAIRS; !status && rest > NEGLIGIBLE && pairs <= MOST_PAIRS && pairs + SPARE <= panels->count;
         pairs *= 2) {
        sg_spectrum_delete(s);
        s = NULL;
        if ((status = sg_circle_spectrum(panels, log_d, pairs, &s))) break;
        rest = left_out(&p, s->value[pairs - 1]);
    }
    if (status || rest > NEGLIGIBLE) goto out;
    *error = rest + expand(&p, s);
    *known = *error < TOO_MUCH;
    for (size_t i = 0; i < n; i++) p.work[i] = exp(panels->logp[i]) * p.slope[i];
    sg_panels_from_left(panels, p.work, p.value, NULL);
    *distance = sg_half_variation(panels->count, p.value, p.slope);
out:
    sg_spectrum_delete(s);
    sg_delete(p.slope);
    sg_delete(p.value);
    sg_delete(p.work);
    return status;
}
