#include "kernel.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "solve.h"
#include "spectrum/finite.h"
#include "spectrum/kinds.h"

enum { POWERS = 41 };
#define USUAL_MEMORY ((size_t)1 << 30)
#define PRECISION 0x1p-52

/* Matrices are row-major. */
typedef struct {
    int sites, q, n, starts;
    size_t memory;
    double *log_p, *pi;    /* [n] */
    double *initial;       /* [starts][n] */
    double *now, *next;    /* [starts][n] */
    double *power[POWERS]; /* [n][n] P^(2^k), NULL: not yet */
    double lack;           /* of the rows of P to 1 */
} problem;

static void clear(problem *p) {
    double *part[] = {p->log_p, p->pi, p->initial, p->now, p->next};
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) sg_delete(part[k]);
    for (int k = 0; k < POWERS; k++) sg_delete(p->power[k]);
}

/* -------------------------------------------------------------------- powers */

static sg_status take(problem *p, int k) {
    const size_t n = (size_t)p->n, bytes = ((size_t)k + 1) * n * n * sizeof(double);
    if (bytes <= p->memory) return sg_new(&p->power[k], n * n, sizeof(double));
    return sg_fail(SG_NO_MEMORY,
                   "2^%d updates of %d states take %zu MiB: allow more with --memory, or take fewer sites", k, p->n,
                   bytes >> 20);
}

static void normalize(int rows, int n, double *matrix) {
    for (int x = 0; x < rows; x++) {
        double sum = 0, *row = matrix + (size_t)x * (size_t)n;
        for (int y = 0; y < n; y++) sum += row[y];
        cblas_dscal(n, 1 / sum, row, 1);
    }
}

static void multiply(const problem *p, int rows, const double *a, const double *power, double *out) {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, p->n, p->n, 1, a, p->n, power, p->n, 0, out, p->n);
    normalize(rows, p->n, out);
}

static sg_status need_power(problem *p, int k) {
    if (p->power[k]) return SG_OK;
    sg_status status = k > 0 ? need_power(p, k - 1) : SG_OK;
    if (!status) status = take(p, k);
    if (!status) multiply(p, p->n, p->power[k - 1], p->power[k - 1], p->power[k]);
    return status;
}

/* P itself, by products with unit vectors. */
static sg_status first_power(const sg_kernel *kernel, problem *p) {
    const size_t n = (size_t)p->n;
    double *image = p->next; /* and `now`: one start has room for it */
    sg_status status = take(p, 0);
    if (status) return status;
    for (size_t x = 0; x < n; x++) p->now[x] = 0;
    for (size_t y = 0; y < n; y++) {
        p->now[y] = 1;
        kernel->apply(kernel, p->now, image);
        p->now[y] = 0;
        for (size_t x = 0; x < n; x++) p->power[0][x * n + y] = image[x];
    }
    for (size_t x = 0; x < n; x++) p->lack = fmax(p->lack, fabs(cblas_dasum(p->n, p->power[0] + x * n, 1) - 1));
    p->lack += 8 * p->sites * PRECISION;
    normalize(p->n, p->n, p->power[0]);
    return SG_OK;
}

/* ------------------------------------------------------------------ distances */

static double distance(const problem *p, const double *law, int *worst) {
    double most = -1;
    for (int s = 0; s < p->starts; s++) {
        double sum = 0;
        for (int y = 0; y < p->n; y++) sum += 0.5 * fabs(law[(size_t)s * (size_t)p->n + (size_t)y] - p->pi[y]);
        if (sum > most) *worst = s;
        most = fmax(most, sum);
    }
    return most;
}

/* Each update adds what P lacks at most, each product its roundings. */
static double error_at(const problem *p, double t) {
    return t * p->lack + 4 * (2 * log2(t + 2)) * sqrt(p->n) * PRECISION;
}

static void swap(problem *p) {
    double *held = p->now;
    p->now = p->next;
    p->next = held;
}

/* From all starts to time 2^k. */
static void jump(const problem *p, int k, double *out) {
    if (p->starts == p->n)
        memcpy(out, p->power[k], (size_t)p->n * (size_t)p->n * sizeof(double));
    else
        multiply(p, p->starts, p->initial, p->power[k], out);
}

/* The first time with distance <= threshold, what it is then and one update before, and the start that is worst there.
 */
typedef struct {
    double t, above, below; /* t < 0: not within 2^(POWERS - 1) updates */
    int worst;
} passage;

static sg_status first_below(problem *p, double threshold, passage *out) {
    int k = 0, at = 0;
    *out = (passage){.t = -1, .above = INFINITY};
    memcpy(p->now, p->initial, (size_t)p->starts * (size_t)p->n * sizeof(double));
    out->below = distance(p, p->now, &out->worst);
    if (out->below <= threshold) {
        out->t = 0;
        return SG_OK;
    }
    for (out->above = out->below; k < POWERS; k++) {
        sg_status status = need_power(p, k);
        if (status) return status;
        jump(p, k, p->next);
        out->below = distance(p, p->next, &at);
        if (out->below <= threshold) break;
        out->above = out->below;
        out->worst = at;
        swap(p);
    }
    if (k == POWERS) return SG_OK;
    out->t = k > 0 ? ldexp(1, k - 1) : 0; /* that of `now` */
    for (int j = k - 2; j >= 0; j--) {
        multiply(p, p->starts, p->now, p->power[j], p->next);
        const double there = distance(p, p->next, &at);
        *(there <= threshold ? &out->below : &out->above) = there;
        if (there <= threshold) continue;
        out->worst = at;
        out->t += ldexp(1, j);
        swap(p);
    }
    out->t += 1;
    return SG_OK;
}

static sg_status crossing(problem *p, int *worst, sg_mixing *out) {
    passage at, low, high;
    sg_status status = first_below(p, out->epsilon, &at);
    if (status) return status;
    *worst = at.worst;
    if (at.t < 0) {
        sg_mixing_refuse(out,
                         "the distance is above %g even after 2^%d updates: the process alternates, or is too slow",
                         out->epsilon, POWERS - 1);
        return SG_OK;
    }
    out->mixing_time = out->mixing_time_lower = out->mixing_time_upper = at.t;
    const double error = error_at(p, at.t);
    if (at.above - error > out->epsilon && at.below + error <= out->epsilon) return SG_OK;
    status = first_below(p, out->epsilon + error, &low);
    if (!status) status = first_below(p, out->epsilon - error, &high);
    if (status) return status;
    out->mixing_time_lower = low.t;
    out->mixing_time_upper = high.t < 0 ? INFINITY : high.t;
    if (low.t < high.t || high.t < 0)
        sg_mixing_say(out, SG_UNCERTIFIED, "the distance is within its error, %.2g, of epsilon", error);
    return SG_OK;
}

/* At whole numbers of updates. */
static sg_status profile(problem *p, int start, const sg_mixing_settings *settings, sg_mixing *out) {
    const int points = settings ? settings->points : 0;
    const double last = out->mixing_time * (settings && settings->factor > 0 ? settings->factor : 3);
    double **array[] = {&out->time, &out->distance, &out->distance_error};
    sg_status status = SG_OK;
    int at;
    if (points == 0 || !(last > 0 && last < ldexp(1, POWERS - 1))) return SG_OK;
    for (int k = 0; !status && k < 3; k++) status = sg_new(array[k], (size_t)points, sizeof(double));
    if (status) return status;
    out->points = points;
    const double *first = p->initial + (size_t)start * (size_t)p->n;
    p->starts = 1;
    for (int i = 0; i < points; i++) {
        out->time[i] = points > 1 ? rint(last * i / (points - 1)) : 0;
        memcpy(p->now, first, (size_t)p->n * sizeof(double));
        for (uint64_t left = (uint64_t)out->time[i]; left; left &= left - 1) {
            const int k = __builtin_ctzll(left);
            if ((status = need_power(p, k))) return status;
            multiply(p, 1, p->now, p->power[k], p->next);
            swap(p);
        }
        out->distance[i] = distance(p, p->now, &at);
        out->distance_error[i] = error_at(p, out->time[i]);
    }
    return SG_OK;
}

/* -------------------------------------------------------------------- set-up */

static sg_status set_up(const sg_model *model, const sg_sites_start *start, problem *p) {
    const size_t n = (size_t)p->n;
    p->starts = start->kind == SG_FROM_WORST ? p->n : 1;
    sg_status status = sg_jumps_law(model, &p->log_p);
    if (!status) status = sg_new(&p->pi, n, sizeof(double));
    if (!status) status = sg_new(&p->initial, (size_t)p->starts * n, sizeof(double));
    if (!status) status = sg_new(&p->now, (size_t)p->starts * n, sizeof(double));
    if (!status) status = sg_new(&p->next, (size_t)p->starts * n, sizeof(double));
    if (status) return status;
    for (size_t x = 0; x < n; x++) p->pi[x] = exp(p->log_p[x]);
    if (start->kind == SG_FROM_WARM) sg_states_warm(p->sites, p->q, p->log_p, p->initial);
    if (start->kind == SG_FROM_STATE) p->initial[start->state] = 1;
    for (size_t x = 0; x < n && start->kind == SG_FROM_WORST; x++) p->initial[x * n + x] = 1;
    return SG_OK;
}

static sg_status make_kernel(const sg_model *model, const sg_loss *loss, problem *p) {
    sg_prepared *prepared = NULL;
    sg_kernel *kernel = NULL;
    sg_status status = sg_loss_prepare(loss, model, NULL, &prepared);
    if (!status) status = loss->row->kernel(prepared, model, p->memory, &kernel);
    if (!status) status = first_power(kernel, p);
    sg_kernel_delete(kernel);
    sg_loss_release(loss, prepared);
    return status;
}

/* In discrete time, by the eigenvalue that is largest in size. */
static sg_status relaxation(const sg_model *model, const sg_loss *loss, bool worst, const problem *p, sg_mixing *out) {
    const sg_spectrum_settings settings = {.memory = p->memory};
    double absolute, least = INFINITY;
    sg_gap gap;
    sg_status status = sg_kernel_gap(model, loss, &settings, &gap, NULL, &absolute);
    if (status || gap.status) return status;
    out->relaxation_time = 1 / absolute;
    if (!worst || !(absolute > 1e-12)) return SG_OK;
    for (int x = 0; x < p->n; x++) least = fmin(least, p->log_p[x]);
    out->sandwich_lower = fmax(0, (out->relaxation_time - 1) * log(0.5 / out->epsilon));
    out->sandwich_upper = out->relaxation_time * (-least - log(out->epsilon));
    return SG_OK;
}

sg_status sg_mixing_of_kernel(const sg_model *model, const sg_loss *loss, const sg_sites_start *start,
                              const sg_mixing_settings *settings, sg_mixing *out) {
    const int sites = model->space.d, q = model->space.q;
    problem p = {.sites = sites, .q = q};
    int worst = 0;
    p.memory = settings && settings->memory ? settings->memory : USUAL_MEMORY;
    sg_status status = sg_mixing_begin(settings, out);
    if (status) return status;
    if (sg_model_states(model) > SG_KERNEL_STATES)
        return sg_fail(SG_REFUSED,
                       "the mixing time of %s is computed for at most %d sites of %d states, these are %d: take a "
                       "smaller n",
                       loss->row->dynamics, sg_states_sites(q, SG_KERNEL_STATES), q, sites);
    p.n = (int)llround(sg_model_states(model));
    status = set_up(model, start, &p);
    if (!status) status = make_kernel(model, loss, &p);
    if (!status) status = crossing(&p, &worst, out);
    if (!status) status = relaxation(model, loss, start->kind == SG_FROM_WORST, &p, out);
    if (!status) status = profile(&p, worst, settings, out);
    snprintf(out->method, sizeof out->method, "powers of the transition matrix on all states");
    out->state = start->kind == SG_FROM_WARM ? -1 : start->kind == SG_FROM_STATE ? (int)start->state : worst;
    if (start->kind == SG_FROM_WARM)
        sg_states_warm_text(q, out);
    else
        sg_states_name(sites, q, start->kind == SG_FROM_WORST ? "worst: " : "", (uint64_t)out->state,
                       sg_states_same(sites, q, (uint64_t)out->state), out);
    clear(&p);
    return status;
}
