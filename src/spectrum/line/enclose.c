#include "enclose.h"

#include <math.h>

#include "base/vecmath.h"
#include "numeric/legendre.h"
#include "shoot.h"

#define ORDER SG_PANEL_ORDER
#define MOST_STEPS 60
#define ROUGH_STEPS 12 /* of which so many may pass before all quotients are of one order */
#define WIDTH SG_LINE_WIDTH
#define STEADY 0.2   /* relative change of a ratio that counts as settled */
#define WORTH 0.02   /* ratios below are not worth taking out */
#define PATIENCE 100 /* plain steps that may still be needed before shooting is cheaper; others need fewer */

typedef struct {
    const sg_line_law *law;
    sg_operator *op;
    sg_wave *g;
    bool plain; /* no shares are taken from T */
    sg_enclosure *out;
} iteration;

sg_line_law sg_line_law_of(const sg_panels *panels, const double *log_d) {
    return (sg_line_law){.count = panels->count,
                         .edge = panels->edge,
                         .logp = panels->logp,
                         .log_d = log_d,
                         .open_lo = panels->log_tail_lo > -INFINITY,
                         .open_hi = panels->log_tail_hi > -INFINITY,
                         .whole = panels};
}

void sg_enclose_start(const sg_line_law *law, sg_wave *g) {
    for (int i = 0; i < law->count * ORDER; i++) g->value[i] = law->log_d ? -0.5 * law->log_d[i] : 1;
    if (law->log_d) sg_wave_set(law->count, g->value, g);
}

/* ---------------------------------------------------------------- iteration */

static double width(const sg_enclosure *e) {
    return e->log_upper - e->log_lower;
}

/*
 * g becomes T g less a share of g; the quotients of T g narrow the enclosure.  Where the share is more than a quotient
 * g would no longer be positive, and bound nothing: it starts again, without shares from then
 * on.
 */
static sg_quotients power_step(iteration *it, double share) {
    sg_quotients q;
    const double value = it->out->log_value;
    sg_operator_apply(it->op, share, value, it->g, &q);
    it->out->steps++;
    it->out->log_value = q.rayleigh; /* least <= Rayleigh quotient <= C_P <= most */
    it->out->log_lower = sg_larger(q.rayleigh, it->out->log_lower);
    it->out->log_upper = sg_smaller(q.most, it->out->log_upper);
    if (share > 0 && !(q.least > log(share) + value + 0x1p-20)) {
        sg_enclose_start(it->law, it->g);
        it->plain = true;
    }
    return q;
}

/* Zeros of Chebyshev's polynomial of degree 4 on [0, 1]: shares of the second eigenvalue that follow each other. */
enum { ZEROS = 4 };
static const double zeros[ZEROS] = {0.96193976625564338, 0.69134171618254492, 0.30865828381745508, 0.03806023374435662};

/*
 * Power steps while they pay: true when done (asked for, or at the rounding floor), false when the ratio of eigenvalues
 * is near one.  When the excess of the largest quotient over Rayleigh's has fallen by one ratio twice, that is the
 * ratio of the second eigenvalue to the first, and T less shares of it damps all modes up to there.
 */
static bool power_steps(iteration *it, int most) {
    double before = INFINITY, last = INFINITY, ratio = 0;
    int stagnant = 0, tame = 0, left = 0, plain = 0;
    for (int k = 0; k < most; k++) {
        const sg_quotients q = power_step(it, left > 0 ? ratio * zeros[left - 1] : 0);
        const double excess = q.most - q.rayleigh, rate = excess / before, spread = q.most - q.least;
        if (width(it->out) <= 0.1 * WIDTH) return true;
        stagnant = rate > 0.7 && excess < 100 * WIDTH ? stagnant + 1 : 0;
        if (stagnant == 3) return true;
        tame += spread < 1 || k >= ROUGH_STEPS;
        plain = left > 0 ? 0 : plain + 1; /* the effect of the first shows in the next excess */
        left = it->plain || left == 0 ? 0 : left - 1;
        const bool settled = plain > 2 && tame > 2;
        if (settled && tame > 5 && log(WIDTH / excess) / log(fmin(rate, 0.999)) > PATIENCE) return false;
        if (settled && !it->plain && fabs(rate - last) < STEADY * rate && rate > WORTH && spread < 0.7 * (1 - rate)) {
            ratio = rate;
            left = ZEROS;
        }
        before = excess;
        last = rate;
    }
    return width(it->out) < 100 * WIDTH;
}

/* The eigenvalue between the ends of the enclosure by bisection on Sturm's count; log of its function. */
static sg_status shoot(const iteration *it, double *f, double *g, double *log_g) {
    sg_shoot *s = NULL;
    double lo = -it->out->log_upper - 1e-9, hi = -it->out->log_lower + 1e-9;
    sg_status status = sg_shoot_new(it->law->whole, it->law->log_d, hi, &s);
    if (status) return status;
    for (int k = 0; k < 200 && hi - lo > 1e-15 * fmax(1, fabs(hi)); k++) {
        double mid = 0.5 * (lo + hi);
        if (sg_shoot_count(s, sg_scaled_exp(mid), NULL) > 0)
            hi = mid;
        else
            lo = mid;
    }
    sg_shoot_sweep(s, sg_scaled_exp(lo));
    sg_shoot_vector(s, sg_shoot_join(s, NULL), f, g, log_g);
    sg_shoot_delete(s);
    return SG_OK;
}

/* Starts again from the function that shooting finds, if it finds one. */
static sg_status restart(iteration *it) {
    const size_t n = (size_t)it->op->n;
    double *f = NULL, *g = NULL, *log_g = NULL;
    if (!it->law->whole) return sg_fail(SG_NOT_CONVERGED, "power steps are too slow for this law");
    sg_status status = sg_new(&f, n, sizeof(double));
    if (!status) status = sg_new(&g, n, sizeof(double));
    if (!status) status = sg_new(&log_g, n, sizeof(double));
    if (status) goto out;
    status = shoot(it, f, g, log_g);
    if (status == SG_NOT_CONVERGED)
        status = SG_OK;
    else if (!status) {
        for (size_t i = 0; i < n; i++)
            if (log_g[i] == -INFINITY) log_g[i] = log(it->g->value[i]) + (double)it->g->unit[i / ORDER] * M_LN2;
        sg_wave_set(it->op->count, log_g, it->g);
    }
out:
    sg_delete(f);
    sg_delete(g);
    sg_delete(log_g);
    return status;
}

/*
 * Share of the energy int D p g^2 in the outer halves of the tails that were cut, in units of log p: next to nothing
 * for an eigenfunction, much when nothing decays.
 */
static double energy_outside(const iteration *it) {
    const sg_operator *op = it->op;
    const double *logp = it->law->logp;
    sg_scaled total = {0}, outside = {0};
    double top = -INFINITY;
    int first = 0, last = op->n - 1;
    for (int i = 0; i < op->n; i++) top = sg_larger(top, logp[i]);
    if (it->law->open_lo)
        while (logp[first] < 0.5 * (top + logp[0])) first++;
    if (it->law->open_hi)
        while (logp[last] < 0.5 * (top + logp[op->n - 1])) last--;
    for (int k = 0; k < op->count; k++) {
        const double *dp = op->dp + k * ORDER, *g = it->g->value + k * ORDER;
        const long unit = op->dp_unit[k] + op->half_unit[k] + 2 * it->g->unit[k];
        double all = 0, out = 0;
        for (int j = 0; j < ORDER; j++) {
            const int i = k * ORDER + j;
            const double e = sg_legendre_weight[j] * dp[j] * g[j] * g[j];
            all += e;
            out += i < first || i > last ? e : 0;
        }
        total = sg_scaled_combine(1, total, op->half[k], sg_scaled_of(all, unit));
        outside = sg_scaled_combine(1, outside, op->half[k], sg_scaled_of(out, unit));
    }
    return sg_scaled_value(sg_scaled_quotient(outside, total));
}

double sg_enclose_rounding(const sg_line_law *law, double log_mass) {
    double depth = 0;
    for (int i = 0; i < law->count * ORDER; i++) {
        const double of_p = law->logp[i] - log_mass;
        depth = sg_larger(fabs(of_p), depth);
        if (law->log_d) depth = sg_larger(fabs(of_p + law->log_d[i]), depth);
    }
    return 0x1p-52 * (4 * depth + law->count + 64);
}

sg_status sg_enclose(const sg_line_law *law, sg_operator *op, sg_wave *g, sg_enclosure *out) {
    iteration it = {.law = law, .op = op, .g = g, .out = out};
    *out = (sg_enclosure){.log_lower = -INFINITY, .log_upper = INFINITY};
    if (!power_steps(&it, MOST_STEPS)) {
        sg_status status = restart(&it);
        if (status) return status;
        power_steps(&it, MOST_STEPS / 4);
    }
    out->log_value = fmin(fmax(out->log_value, out->log_lower), out->log_upper);
    if (!law->logp) return SG_OK;
    out->floor = sg_enclose_rounding(law, op->log_mass);
    out->outside = energy_outside(&it);
    return SG_OK;
}

sg_status sg_enclose_below(const sg_line_law *law, sg_wave *g, double *log_value) {
    sg_operator *op = NULL;
    sg_quotients q;
    sg_status status = sg_operator_new(law->count, &op);
    if (!status) status = sg_operator_fill(op, law);
    if (!status) {
        sg_operator_apply(op, 0, 0, g, &q);
        *log_value = q.rayleigh;
    }
    sg_operator_delete(op);
    return status;
}
