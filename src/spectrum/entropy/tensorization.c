/* The constant of approximate tensorization of entropy: ascents from many starts. */
#include "tensorization.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "spectrum/arpack.h"

enum { DENSE = 64, MODES = 4, POINTS = 4, DEPTH = 8, STEPS_MOST = 600, PATIENCE = 8 };
static const double STALLED = 1e-14;  /* relative gain of PATIENCE steps */
static const double CONSTANT = 1e-12; /* E (log f)^2: as near to constants as digits tell */
static const double HEAVY = 0.999;    /* of the mass on one state, at a start from there */

typedef struct {
    sg_tensor t;
    double *mode;                        /* [MODES][states] functions */
    double *g, *next, *try, *trial_next; /* [states] */
    double *best_g, *x;                  /* [states] */
    double *moved, *rest;                /* [DEPTH][states] differences of next, of next - g */
    double *root;                        /* [states] sqrt(pi) */
    double gram[DEPTH * DEPTH], pull[DEPTH];
    int modes, iterations;
    double linear, best; /* C_P from the modes; the largest quotient */
    bool attained;       /* by best_g */
} problem;

static sg_status take(problem *p) {
    const size_t n = (size_t)p->t.states;
    double **array[] = {&p->g, &p->next, &p->try, &p->trial_next, &p->best_g, &p->x, &p->root};
    sg_status status = sg_new(&p->mode, MODES * n, sizeof(double));
    if (!status) status = sg_new(&p->moved, DEPTH * n, sizeof(double));
    if (!status) status = sg_new(&p->rest, DEPTH * n, sizeof(double));
    for (size_t k = 0; !status && k < sizeof array / sizeof *array; k++) status = sg_new(array[k], n, sizeof(double));
    for (size_t x = 0; !status && x < n; x++) p->root[x] = sqrt(p->t.pi[x]);
    return status;
}

static void clear(problem *p) {
    double *array[] = {p->mode, p->moved, p->rest, p->g, p->next, p->try, p->trial_next, p->best_g, p->x, p->root};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
    sg_tensor_clear(&p->t);
}

/* ---------------------------------------------------------------------- ascent */

/* Solves gram a = pull by elimination, with a ridge: the columns are nearly dependent as steps get short. */
static void solve(int n, double *gram, double *a) {
    for (int i = 0; i < n; i++) gram[i * DEPTH + i] *= 1 + 1e-12;
    for (int i = 0; i < n; i++)
        for (int k = i + 1; k < n; k++) {
            const double f = gram[i * DEPTH + i] > 0 ? gram[k * DEPTH + i] / gram[i * DEPTH + i] : 0;
            for (int j = i; j < n; j++) gram[k * DEPTH + j] -= f * gram[i * DEPTH + j];
            a[k] -= f * a[i];
        }
    for (int i = n - 1; i >= 0; i--) {
        for (int j = i + 1; j < n; j++) a[i] -= gram[i * DEPTH + j] * a[j];
        a[i] = gram[i * DEPTH + i] > 0 ? a[i] / gram[i * DEPTH + i] : 0;
    }
}

/* Anderson's extrapolation: the combination of the last steps whose residual next - g is least in L2(f pi). */
static void extrapolate(problem *p, int kept) {
    const int n = p->t.states;
    for (int x = 0; x < n; x++) p->x[x] = exp(p->t.log_pi[x] + p->g[x]);
    for (int i = 0; i < kept; i++) {
        const double *u = p->rest + (size_t)i * (size_t)n;
        for (int j = 0; j <= i; j++) {
            const double *v = p->rest + (size_t)j * (size_t)n;
            double sum = 0;
            for (int x = 0; x < n; x++) sum += p->x[x] * u[x] * v[x];
            p->gram[i * DEPTH + j] = p->gram[j * DEPTH + i] = sum;
        }
        p->pull[i] = 0;
        for (int x = 0; x < n; x++) p->pull[i] += p->x[x] * u[x] * (p->next[x] - p->g[x]);
    }
    solve(kept, p->gram, p->pull);
    memcpy(p->try, p->next, (size_t)n * sizeof(double));
    for (int i = 0; i < kept; i++)
        for (int x = 0; x < n; x++) p->try[x] -= p->pull[i] * p->moved[(size_t)i * (size_t)n + (size_t)x];
}

/* Moves to `try`, remembering how next and the residual changed. */
static void advance(problem *p, int slot) {
    const size_t n = (size_t)p->t.states;
    double *moved = p->moved + (size_t)slot * n, *rest = p->rest + (size_t)slot * n;
    for (size_t x = 0; x < n; x++) {
        const bool here = p->t.pi[x] > 0;
        moved[x] = here ? p->trial_next[x] - p->next[x] : 0;
        rest[x] = here ? moved[x] - (p->try[x] - p->g[x]) : 0;
    }
    memcpy(p->g, p->try, n * sizeof(double));
    memcpy(p->next, p->trial_next, n * sizeof(double));
}

static double size_of(const problem *p, const double *g) {
    double sum = 0;
    for (int x = 0; x < p->t.states; x++) sum += p->t.pi[x] > 0 ? p->t.pi[x] * g[x] * g[x] : 0;
    return sum;
}

/* From p->g.  Extrapolated steps that do not raise the quotient are replaced by plain ones, which never lower it. */
static void climb(problem *p) {
    double quotient = sg_tensor_look(&p->t, p->g, p->next), before = quotient;
    int kept = 0, slot = 0;
    for (int step = 1; step <= STEPS_MOST && isfinite(quotient); step++) {
        double reached = NAN;
        if (kept) {
            extrapolate(p, kept);
            reached = sg_tensor_look(&p->t, p->try, p->trial_next);
        }
        if (!(reached >= quotient)) {
            kept = slot = 0;
            memcpy(p->try, p->next, (size_t)p->t.states * sizeof(double));
            reached = sg_tensor_look(&p->t, p->try, p->trial_next);
        }
        p->iterations++;
        if (!isfinite(reached)) break;
        advance(p, slot);
        slot = (slot + 1) % DEPTH;
        kept += kept < DEPTH;
        quotient = reached;
        if (size_of(p, p->g) < CONSTANT) break;
        if (step % PATIENCE) continue;
        const double gain = quotient / before - 1, behind = p->best / quotient - 1;
        if (!(gain > STALLED) || behind > gain * STEPS_MOST / PATIENCE) break; /* at this pace it never gets there */
        before = quotient;
    }
    if (!(quotient > p->best * (1 + STALLED)) || size_of(p, p->g) < CONSTANT) return;
    p->best = quotient;
    p->attained = true;
    memcpy(p->best_g, p->g, (size_t)p->t.states * sizeof(double));
}

/* ---------------------------------------------------------------------- starts */

static void deflate(const problem *p, double *v) {
    double sum = 0;
    for (int x = 0; x < p->t.states; x++) sum += p->root[x] * v[x];
    for (int x = 0; x < p->t.states; x++) v[x] -= sum * p->root[x];
}

static sg_status apply(void *context, const double *v, double *out) {
    problem *p = context;
    const size_t n = (size_t)p->t.states;
    memcpy(p->x, v, n * sizeof(double));
    deflate(p, p->x);
    memset(out, 0, n * sizeof(double));
    sg_tensor_project(&p->t, p->x, out);
    deflate(p, out);
    for (size_t x = 0; x < n; x++) out[x] += p->x[x]; /* no eigenvalue is 0, that of blocks of all sites */
    return SG_OK;
}

static double largest(const problem *p, const double *f) {
    double top = 0;
    for (int x = 0; x < p->t.states; x++) top = fmax(top, p->t.pi[x] > 0 ? fabs(f[x]) : 0);
    return top;
}

/*
 * From coordinates in which pi is 1 to a function.  Dividing by sqrt(pi) blows up rounding where pi is small; averaging
 * over blocks replaces those values by what the heavier neighbours say.  Modes of the largest quotient, which blocks of
 * all sites average away, are better left alone.
 */
static void mode(problem *p, int sites, double *f) {
    const size_t n = (size_t)p->t.states;
    for (size_t x = 0; x < n; x++) f[x] = p->root[x] > 0 ? f[x] / p->root[x] : 0;
    memcpy(p->g, f, n * sizeof(double));
    const double raw = sg_tensor_linear(&p->t, f), before = largest(p, f);
    for (int i = 0; i < sites; i++) sg_tensor_smooth(&p->t, f, p->x);
    const double smooth = largest(p, f) > 1e-3 * before ? sg_tensor_linear(&p->t, f) : 0;
    if (!(smooth >= raw * (1 - 1e-9))) memcpy(f, p->g, n * sizeof(double));
    p->linear = fmax(p->linear, fmax(raw, smooth));
}

/* By all of them: ARPACK ends where few eigenvalues differ, as for products. */
static sg_status dense_modes(problem *p) {
    const size_t n = (size_t)p->t.states, count = (size_t)p->modes;
    double *matrix = NULL, *vector = NULL, *unit = p->g;
    sg_status status = sg_new(&matrix, n * n, sizeof *matrix);
    if (!status) status = sg_new(&vector, n * n, sizeof *vector);
    memset(unit, 0, n * sizeof *unit);
    for (size_t x = 0; x < n && !status; x++) {
        unit[x] = 1;
        status = apply(p, unit, matrix + x * n);
        unit[x] = 0;
    }
    if (!status) status = sg_symmetric_eigen((int)n, matrix, p->next, vector);
    if (!status)
        for (size_t k = 0; k < count; k++) memcpy(p->mode + k * n, vector + (n - 1 - k) * n, n * sizeof(double));
    sg_delete(matrix);
    sg_delete(vector);
    return status;
}

/* The slowest modes of drawing blocks afresh. */
static sg_status slow_modes(problem *p, int sites) {
    const int n = p->t.states;
    double value[MODES];
    p->modes = n / 2 < MODES ? n / 2 : MODES;
    for (int x = 0; x < n; x++) p->g[x] = sin(1 + 3 * x) * p->root[x];
    deflate(p, p->g);
    const sg_arpack_settings settings = {.n = n, .count = p->modes, .start = p->g};
    sg_status status = SG_NOT_CONVERGED;
    if (n > DENSE) status = sg_arpack_symmetric(&settings, apply, p, value, p->mode, NULL);
    if (status == SG_NOT_CONVERGED) status = dense_modes(p);
    for (int k = 0; k < p->modes && !status; k++) mode(p, sites, p->mode + (size_t)k * (size_t)n);
    return status;
}

/* f = exp(c phi): the best amplitude c of either sign, then up from there. */
static void from_modes(problem *p) {
    static const double amplitude[] = {0.03, 0.3, 1, 2, 4, 7, 12, 20, 40};
    const size_t n = (size_t)p->t.states;
    for (int k = 0; k < p->modes; k++)
        for (int sign = -1; sign <= 1; sign += 2) {
            const double *f = p->mode + (size_t)k * n;
            const double top = largest(p, f);
            double best = 0, at = 0;
            for (size_t a = 0; a < sizeof amplitude / sizeof *amplitude; a++) {
                for (size_t x = 0; x < n; x++) p->g[x] = sign * amplitude[a] / top * f[x];
                const double quotient = sg_tensor_look(&p->t, p->g, NULL);
                if (quotient > best) best = quotient, at = amplitude[a];
            }
            for (size_t x = 0; x < n; x++) p->g[x] = sign * at / top * f[x];
            if (best > 0) climb(p);
        }
}

/* Laws on single states: their quotients as they are, and up from the best of them. */
static void from_points(problem *p) {
    const int n = p->t.states;
    double *quotient = p->moved; /* free until the climb */
    int start[POINTS], count = 0;
    sg_tensor_points(&p->t, quotient);
    for (; count < POINTS && count < n; count++) {
        int at = -1;
        for (int x = 0; x < n; x++) {
            bool used = !(p->t.pi[x] > 0);
            for (int k = 0; k < count; k++) used = used || start[k] == x;
            if (!used && (at < 0 || quotient[x] > quotient[at])) at = x;
        }
        if (at < 0) break;
        start[count] = at;
    }
    for (int k = 0; k < count; k++) {
        for (int x = 0; x < n; x++) p->g[x] = log1p(-HEAVY);
        p->g[start[k]] = log(HEAVY) - p->t.log_pi[start[k]];
        climb(p);
    }
}

/* ---------------------------------------------------------------------- result */

static void report(problem *p, double *log_f, sg_tensorization *out) {
    const sg_tensor *t = &p->t;
    double half = 0, deepest = 0;
    for (int x = 0; x < t->states; x++) {
        if (!(t->pi[x] > 0)) continue;
        out->states++;
        deepest = fmax(deepest, -t->log_pi[x]);
        if (p->attained) half += t->pi[x] * exp(0.5 * p->best_g[x]);
    }
    for (int x = 0; log_f && x < t->states; x++)
        log_f[x] = !(t->pi[x] > 0) ? -INFINITY : p->attained ? p->best_g[x] : 0;
    out->log_value = log(p->best);
    out->log_lower = out->log_value - (t->states + 16 * deepest) * DBL_EPSILON;
    out->ratio = fmax(1, p->best / p->linear);
    out->share = p->attained ? 1 - half * half : 0;
    out->iterations = p->iterations;
}

sg_status sg_law_tensorization(int sites, int q, const double *log_p, int blocks, const uint32_t *mask,
                               const double *rate, double *log_f, sg_tensorization *out) {
    problem p = {.linear = 0};
    *out = (sg_tensorization){.log_value = NAN,
                              .log_lower = -INFINITY,
                              .log_upper = INFINITY,
                              .ratio = NAN,
                              .share = NAN,
                              .method = "ascent over all functions"};
    sg_status status = sg_tensor_new(sites, q, log_p, blocks, mask, rate, &p.t);
    if (!status) status = take(&p);
    if (status) goto out;
    if (!sg_tensor_connected(&p.t, p.x)) {
        p.linear = p.best = INFINITY; /* indicators of what the blocks do not leave */
        report(&p, log_f, out);
        out->ratio = NAN;
        goto out;
    }
    if ((status = slow_modes(&p, sites))) goto out;
    p.best = p.linear;
    from_modes(&p);
    from_points(&p);
    report(&p, log_f, out);
out:
    clear(&p);
    return status;
}
