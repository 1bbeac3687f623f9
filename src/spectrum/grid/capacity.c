#include "capacity.h"

#include <math.h>
#include <string.h>

#include "laplacian.h"
#include "scoregap/numeric.h"

enum { W = SG_WELLS, TERMS = 15, FIXED_POINTS = 60 };
static const double SLOW = 1e-13; /* of the other rates: below, a mode is constant in its wells to working precision */

typedef struct {
    const sg_form *form;
    int wells, terms;
    const int *well;
    double *root,
        *wide;     /* [n] scale of each node, 0 where it underflows; the same times a power that keeps it in range */
    double *u, *v; /* [n] scratch */
    double *h, *powers;       /* [wells][n] h_i; [2][wells][n] (K_0^-1 M_0)^k h_i, the last two */
    sg_square flux, s[TERMS]; /* conductances >= 0; S_1, S_2, ... */
    sg_capacity *out;
} work;

/* --------------------------------------------------------- harmonic functions */

static void clear_wells(const work *w, double *x) {
    for (int k = 0; k < w->wells; k++) x[w->well[k]] = 0;
}

/* Columns scale x to x, 0 in the wells. */
static void unscale(const work *w, const double *scale, double *x) {
    const size_t n = (size_t)w->form->n;
    for (int k = 0; k < w->wells; k++, x += n) {
        for (size_t i = 0; i < n; i++) x[i] = scale[i] > 0 ? x[i] / scale[i] : 0;
        clear_wells(w, x);
    }
}

static sg_status harmonic(const work *w) {
    const size_t n = (size_t)w->form->n;
    for (int k = 0; k < w->wells; k++) {
        memset(w->u, 0, n * sizeof(double));
        w->u[w->well[k]] = -w->wide[w->well[k]];
        sg_sparse_multiply(w->form->a, w->u, w->h + (size_t)k * n);
        clear_wells(w, w->h + (size_t)k * n);
    }
    sg_status status = sg_sparse_solve(w->form->a, w->wells, w->h, w->h);
    unscale(w, w->wide, w->h);
    for (int k = 0; k < w->wells; k++) w->h[(size_t)k * n + (size_t)w->well[k]] = 1;
    return status;
}

static double smooth_step(double t, double lo, double hi) {
    t = (t - lo) / (hi - lo);
    if (t <= 0) return 0;
    if (t >= 1) return 1;
    return t * t * t * (10 + t * (6 * t - 15));
}

/* ---------------------------------------------------------------- conductances */

/* Wells by cluster; `label` [wells]. */
static void add_cluster(const work *w, const int *label, int which, double *sum) {
    const size_t n = (size_t)w->form->n;
    memset(sum, 0, n * sizeof *sum);
    for (int k = 0; k < w->wells; k++)
        if (label[k] == which)
            for (size_t i = 0; i < n; i++) sum[i] += w->h[(size_t)k * n + i];
}

/* -E(s(h_a), h_b) for two clusters, by two steps s. */
static double cluster_flux(const work *w, const int *label, int a, int b, double *noise) {
    static const double lo[2] = {0.1, 0.25};
    double value[2];
    add_cluster(w, label, b, w->v);
    for (int trial = 0; trial < 2; trial++) {
        add_cluster(w, label, a, w->u);
        for (int i = 0; i < w->form->n; i++) w->u[i] = smooth_step(w->u[i], lo[trial], 1 - lo[trial]);
        value[trial] = -w->form->energy(w->form->context, w->out->shift, w->u, w->v);
    }
    *noise = fabs(value[1] - value[0]);
    return fmax(value[0], 0);
}

/* Makes the conductances between two clusters sum to `sum`. */
static void set_block(work *w, const int *label, int a, int b, double sum) {
    double old = 0;
    int pairs = 0;
    for (int i = 0; i < w->wells; i++)
        for (int j = 0; j < w->wells; j++)
            if (label[i] == a && label[j] == b) old += w->flux[i][j], pairs++;
    for (int i = 0; i < w->wells; i++)
        for (int j = 0; j < w->wells; j++)
            if (label[i] == a && label[j] == b) {
                w->flux[i][j] = old > 0 ? w->flux[i][j] * (sum / old) : sum / pairs;
                w->flux[j][i] = w->flux[i][j];
            }
}

static double block_sum(const work *w, const int *label, int a, int b) {
    double sum = 0;
    for (int i = 0; i < w->wells; i++)
        for (int j = 0; j < w->wells; j++)
            if (label[i] == a && label[j] == b) sum += w->flux[i][j];
    return sum;
}

/* The cluster whose own conductance is the smaller steps: less flux passes where its function changes. */
static double own_flux(const work *w, const int *label, int a) {
    double sum = 0;
    for (int b = 0; b < w->wells; b++)
        if (b != a) sum += block_sum(w, label, a, b);
    return sum;
}

static void measure(work *w, const int *label, int a, int b, double *noise) {
    const bool swap = own_flux(w, label, b) < own_flux(w, label, a);
    double error, sum = cluster_flux(w, label, swap ? b : a, swap ? a : b, &error);
    set_block(w, label, a, b, sum);
    *noise = sum > 0 ? error / sum : INFINITY;
}

static bool strongest(const work *w, const int *label, int *a, int *b) {
    double most = -1;
    for (int i = 0; i < w->wells; i++)
        for (int j = 0; j < i; j++)
            if (label[i] != label[j] && w->flux[i][j] > most) {
                most = w->flux[i][j];
                *a = label[i], *b = label[j];
            }
    return most >= 0;
}

/*
 * A conductance is lost in rounding errors when a much larger one shares its well, but that between clusters of wells,
 * joined from the strongest link on, is not: their common function is flat at the links inside.
 */
static void conductances(work *w) {
    int label[W], a = 0, b = 0;
    double noise;
    for (int k = 0; k < w->wells; k++) label[k] = k;
    for (int i = 0; i < w->wells; i++)
        for (int j = 0; j < i; j++) measure(w, label, i, j, &noise);
    for (int left = w->wells; left > 1 && strongest(w, label, &a, &b); left--) {
        measure(w, label, a, b, &noise);
        w->out->noise = fmax(w->out->noise, noise);
        for (int k = 0; k < w->wells; k++)
            if (label[k] == b) label[k] = a;
        for (int c = 0; c < w->wells; c++)
            if (c != a && label[c] == c) measure(w, label, a, c, &noise);
    }
}

/* The h_i sum to 1: what they miss it by, in the mean over a well, is the rounding error of the solutions. */
static double rounding(const work *w) {
    const size_t n = (size_t)w->form->n;
    double most = 0, miss[W] = {0}, mass[W] = {0};
    for (size_t i = 0; i < n; i++) {
        double sum = -1;
        for (int k = 0; k < w->wells; k++) sum += w->h[(size_t)k * n + i];
        for (int k = 0; k < w->wells; k++) {
            const double part = w->root[i] * w->root[i] * w->h[(size_t)k * n + i];
            mass[k] += part;
            miss[k] += part * fabs(sum);
        }
    }
    for (int k = 0; k < w->wells; k++) most = fmax(most, miss[k] / mass[k]);
    return most;
}

/* ----------------------------------------------------------------- the series */

/* out = M root y */
static void weigh(const work *w, const double *y, double *out) {
    double *scaled = w->form->m ? w->u : out;
    for (int k = 0; k < w->form->n; k++) scaled[k] = w->root[k] * y[k];
    if (w->form->m) sg_sparse_multiply(w->form->m, scaled, out);
}

/* S[i][j] = x_i' M y_j */
static void moments(const work *w, const double *x, const double *y, sg_square s) {
    const size_t n = (size_t)w->form->n;
    for (size_t j = 0; j < (size_t)w->wells; j++) {
        weigh(w, y + j * n, w->v);
        for (size_t i = 0; i < (size_t)w->wells; i++) {
            double sum = 0;
            for (size_t k = 0; k < n; k++) sum += w->root[k] * x[i * n + k] * w->v[k];
            s[i][j] = sum;
        }
    }
}

/* x = K_0^-1 M_0 y for every well */
static sg_status next_power(const work *w, const double *y, double *x) {
    const size_t n = (size_t)w->form->n;
    for (int i = 0; i < w->wells; i++) {
        weigh(w, y + (size_t)i * n, x + (size_t)i * n);
        clear_wells(w, x + (size_t)i * n);
    }
    sg_status status = sg_sparse_solve(w->form->a, w->wells, x, x);
    unscale(w, w->root, x);
    return status;
}

static double longest(const work *w) {
    double most = 0;
    for (int i = 0; i < w->wells; i++) most = fmax(most, w->s[w->terms - 1][i][i] / w->s[w->terms - 2][i][i]);
    return most;
}

static void small_values(const work *w, double lambda, double *log_value, sg_square mode);

/* Each power gives two more terms: with its predecessor and with itself. */
static sg_status series(work *w) {
    const size_t block = (size_t)w->wells * (size_t)w->form->n;
    const double *last = w->h;
    double log_value[W];
    sg_square mode;
    moments(w, w->h, w->h, w->s[0]);
    for (w->terms = 1; w->terms < TERMS;) {
        double *x = w->powers + (w->terms / 2 % 2 ? block : 0);
        sg_status status = next_power(w, last, x);
        if (status) return status;
        moments(w, last, x, w->s[w->terms++]);
        moments(w, x, x, w->s[w->terms++]);
        last = x;
        w->out->killed = 1 / longest(w);
        double ratio = 0.1; /* of the largest eigenvalue that is kept to `killed` */
        small_values(w, 0, log_value, mode);
        for (int k = 0; k < w->wells - 1; k++)
            if (exp(log_value[k]) < 0.1 * w->out->killed) ratio = exp(log_value[k]) / w->out->killed;
        if (pow(ratio, w->terms) < 1e-15) break;
    }
    return SG_OK;
}

/* ---------------------------------------------------------- the small problem */

/* The heaviest well last: no variance below is then the small difference of two masses. */
static void well_order(const work *w, sg_square b, int *order) {
    int heaviest = 0;
    double most = 0;
    for (int i = 0; i < w->wells; i++) {
        double sum = 0;
        for (int j = 0; j < w->wells; j++) sum += b[i][j];
        if (sum > most) most = sum, heaviest = i;
    }
    for (int k = 0, at = 0; k < w->wells; k++)
        if (k != heaviest) order[at++] = k;
    order[w->wells - 1] = heaviest;
}

/* B = S_1 + lambda S_2 + ..., reduced to functions that vanish at the last well, their mean taken out. */
static void variance(const work *w, double lambda, int *order, sg_square c) {
    sg_square b = {{0}};
    double row[W] = {0}, total = 0;
    for (int k = w->terms - 1; k >= 0; k--)
        for (int i = 0; i < w->wells; i++)
            for (int j = 0; j < w->wells; j++) b[i][j] = lambda * b[i][j] + w->s[k][i][j];
    well_order(w, b, order);
    for (int i = 0; i < w->wells; i++)
        for (int j = 0; j < w->wells; j++) row[i] += b[order[i]][j];
    for (int i = 0; i < w->wells; i++) total += row[i];
    for (int i = 0; i < w->wells - 1; i++)
        for (int j = 0; j < w->wells - 1; j++) c[i][j] = b[order[i]][order[j]] - row[i] * (row[j] / total);
}

/*
 * Logs of the eigenvalues of (S_0, B(lambda)), ascending, with their vectors: with B = R R', the singular values of
 * R' U^-1 D^-1/2, whose graded columns one-sided Jacobi rotations respect.
 */
static void small_values(const work *w, double lambda, double *log_value, sg_square mode) {
    const int m = w->wells - 1;
    int order[W];
    sg_square c, r, link, inverse;
    double out[W], diagonal[W], a[W * W] = {0}, value[W] = {0}, vector[W * W] = {0};
    variance(w, lambda, order, c);
    sg_square_root(m, c, r);
    for (int i = 0; i < m; i++) {
        out[i] = w->flux[order[i]][order[m]];
        for (int j = 0; j < m; j++) link[i][j] = i == j ? 0 : w->flux[order[i]][order[j]];
    }
    sg_laplacian_eliminate(m, link, out, inverse, diagonal);
    for (int j = 0; j < m; j++)
        for (int i = 0; i < m; i++)
            for (int k = i; k < m; k++) a[i + j * m] += r[k][i] * inverse[k][j] / sqrt(diagonal[j]);
    if (sg_singular_values(m, a, value, vector)) memset(value, 0, sizeof value);
    for (int k = 0; k < m; k++) {
        log_value[k] = w->out->shift - 2 * log(value[k]);
        mode[k][order[m]] = 0;
        for (int i = 0; i < m; i++) {
            double sum = 0;
            for (int j = i; j < m; j++) sum += inverse[i][j] / sqrt(diagonal[j]) * vector[j + k * m];
            mode[k][order[i]] = sum / value[k];
        }
    }
}

/* Each eigenvalue by its own fixed point. */
static void settle(const work *w) {
    sg_capacity *out = w->out;
    double log_value[W];
    sg_square mode;
    small_values(w, 0, out->log_value, out->mode);
    for (out->count = 0; out->count < w->wells - 1; out->count++) {
        const int k = out->count;
        double now = out->log_value[k];
        if (!(exp(now) < 0.1 * out->killed)) break;
        for (int step = 0; step < FIXED_POINTS; step++) {
            const double last = now;
            small_values(w, exp(last), log_value, mode);
            now = log_value[k];
            if (fabs(now - last) < 1e-15) break;
        }
        out->log_value[k] = now;
        memcpy(out->mode[k], mode[k], sizeof mode[k]);
    }
}

/* ------------------------------------------------------------------ functions */

static double mean_of(const work *w, const double *f) {
    double mass = 0, sum = 0;
    weigh(w, f, w->v);
    for (int i = 0; i < w->form->n; i++) sum += w->root[i] * w->v[i];
    for (int i = 0; i < w->form->n; i++) w->u[i] = 1;
    weigh(w, w->u, w->v);
    for (int i = 0; i < w->form->n; i++) mass += w->root[i] * w->v[i];
    return sum / mass;
}

/*
 * sum_i a_i h_i over sum_i h_i, which is 1 but for rounding errors, at each node from the well that it belongs to: the
 * other h_i are small there and known to relative accuracy, so that the function is constant in wells, exactly, where
 * rounding errors would have more energy than all of it.
 */
static void join(const work *w, const double *mode, double *f) {
    const size_t n = (size_t)w->form->n;
    double level[W], least = INFINITY, most = -INFINITY;
    for (int k = 0; k < w->wells; k++) {
        least = fmin(least, mode[k]);
        most = fmax(most, mode[k]);
    }
    for (int k = 0; k < w->wells; k++) {
        level[k] = mode[k];
        for (int j = 0; j < k; j++)
            if (fabs(mode[j] - mode[k]) < 1e-10 * (most - least)) level[k] = level[j];
    }
    for (size_t i = 0; i < n; i++) {
        int home = 0;
        double sum = 0, whole = 0;
        for (int k = 1; k < w->wells; k++)
            if (w->h[(size_t)k * n + i] > w->h[(size_t)home * n + i]) home = k;
        for (int k = 0; k < w->wells; k++) {
            sum += (level[k] - level[home]) * w->h[(size_t)k * n + i];
            whole += w->h[(size_t)k * n + i];
        }
        f[i] = level[home] + sum / fmax(whole, 0.5);
    }
    const double mean = mean_of(w, f);
    for (size_t i = 0; i < n; i++) f[i] -= mean;
}

/* f = sum_i a_i h_i + g with g = lambda K_0^-1 (M f)_0, of mean 0. */
static sg_status function_of(const work *w, int which, double *f) {
    const size_t n = (size_t)w->form->n;
    const double lambda = exp(w->out->log_value[which]), *mode = w->out->mode[which];
    work one = *w;
    double *base = w->powers, *g = w->powers + n, change = 1;
    one.wells = 1;
    join(w, mode, f);
    if (lambda < SLOW * w->out->killed) return SG_OK;
    memcpy(base, f, n * sizeof *f);
    for (int step = 0; step < FIXED_POINTS && change > 1e-14; step++) {
        const double mean = mean_of(w, f);
        for (size_t i = 0; i < n; i++) base[i] -= mean, f[i] -= mean;
        weigh(w, f, g);
        clear_wells(w, g);
        sg_status status = sg_sparse_solve(w->form->a, 1, g, g);
        if (status) return status;
        unscale(&one, w->root, g);
        clear_wells(w, g);
        double most = 0, moved = 0;
        for (size_t i = 0; i < n; i++) {
            const double now = base[i] + lambda * g[i];
            moved = fmax(moved, w->root[i] * fabs(now - f[i]));
            most = fmax(most, w->root[i] * fabs(now));
            f[i] = now;
        }
        change = moved / most;
    }
    return SG_OK;
}

static sg_status functions(const work *w) {
    const size_t n = (size_t)w->form->n;
    sg_capacity *out = w->out;
    sg_status status = sg_new(&out->function, (size_t)(out->count ? out->count : 1) * n, sizeof(double));
    for (int k = 0; k < out->count && !status; k++) status = function_of(w, k, out->function + (size_t)k * n);
    return status;
}

/* Wells deeper than e^-1400 are out of the range of the scale: so far as half of that it is moved into the middle. */
static void fill_scales(const work *w) {
    double least = INFINITY, most = -INFINITY;
    for (int i = 0; i < w->form->n; i++) {
        least = fmin(least, w->form->log_scale[i]);
        most = fmax(most, w->form->log_scale[i]);
    }
    for (int i = 0; i < w->form->n; i++) {
        w->root[i] = exp(w->form->log_scale[i]);
        w->wide[i] = exp(w->form->log_scale[i] - 0.5 * (least + most));
    }
}

sg_status sg_capacity_solve(const sg_form *form, int wells, const int *well, double pass, size_t memory,
                            sg_capacity *out) {
    const size_t n = (size_t)form->n;
    work *w = NULL;
    *out = (sg_capacity){.wells = wells, .shift = pass};
    sg_status status = sg_new(&w, 1, sizeof *w);
    if (status) return status;
    w->form = form, w->wells = wells, w->well = well, w->out = out;
    if ((status = sg_new(&w->root, 4 * n, sizeof(double)))) goto out;
    w->wide = w->root + n, w->u = w->wide + n, w->v = w->u + n;
    if ((status = sg_new(&w->powers, 2 * (size_t)wells * n, sizeof(double)))) goto out;
    if ((status = sg_new(&out->h, (size_t)wells * n, sizeof(double)))) goto out;
    w->h = out->h;
    fill_scales(w);
    if ((status = sg_sparse_factor(form->a, 0, NULL, wells, well, memory))) goto out;
    if ((status = harmonic(w))) goto out;
    conductances(w);
    out->noise = fmax(out->noise, 4 * rounding(w));
    if ((status = series(w))) goto out;
    settle(w);
    status = functions(w);
out:
    if (status) sg_capacity_clear(out);
    sg_delete(w->root);
    sg_delete(w->powers);
    sg_delete(w);
    return status;
}

void sg_capacity_clear(sg_capacity *c) {
    sg_delete(c->h);
    sg_delete(c->function);
    c->h = c->function = NULL;
}
