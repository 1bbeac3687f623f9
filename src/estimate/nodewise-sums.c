/* Sums of node-wise fits: everything is moments of pairs of sites (nodewise-pairs.h). */
#include <math.h>
#include <string.h>

#include "estimate/nodewise-own.h"

enum { CHUNK = SG_PAIRS_CHUNK };

/* Fields of a site at its parameters `theta`. */
static void fill_field(const sg_nodewise *w, int site, const double *theta, bool fixed) {
    const int side = w->d + 1;
    double *field = w->field + site * side;
    for (int a = 0; a < side; a++) field[a] = fixed ? w->fixed[site * side + a] : 0;
    for (int j = w->first[site]; j < w->first[site + 1]; j++) {
        field[w->d] += theta[j] * w->feature[j].alpha;
        field[w->feature[j].site] += theta[j] * w->feature[j].gamma;
    }
}

static sg_pair_sums set_of(const sg_nodewise *w, int k) {
    sg_pair_sums sums;
    sg_pair_sums_at(w->d, w->memory + (size_t)k * sg_pair_sums_fours(w->d), &sums);
    return sums;
}

static void clear_sets(sg_nodewise *w, int sets) {
    memset(w->memory, 0, (size_t)sets * sg_pair_sums_fours(w->d) * sizeof(sg_four));
}

/* Moments of lane `lane` of a set, in w->moment. */
static void take_moments(const sg_nodewise *w, int set, int lane) {
    const sg_pair_sums sums = set_of(w, set);
    sg_pair_sums_moments(w->d, &sums, lane, w->scratch, w->moment);
}

/* out [s,t] = sum of v times features of two sites, whose moments are in w->moment. */
static void contract(const sg_nodewise *w, int i, int j, double *out) {
    const int s = sg_nodewise_parameters(w, i), t = sg_nodewise_parameters(w, j), side = w->d + 1;
    const double *q = w->moment;
    for (int b = 0; b < t; b++) {
        const sg_nodewise_feature g = w->feature[w->first[j] + b];
        for (int a = 0; a < s; a++) {
            const sg_nodewise_feature f = w->feature[w->first[i] + a];
            out[a + b * s] = f.alpha * (g.alpha * q[w->d + w->d * side] + g.gamma * q[w->d + g.site * side]) +
                             f.gamma * (g.alpha * q[f.site + w->d * side] + g.gamma * q[f.site + g.site * side]);
        }
    }
}

static void take_hessian(const sg_nodewise *w, int site) {
    take_moments(w, site / 4, site % 4);
    contract(w, site, site, w->hessian + w->square[site]);
}

static void take_gradient(const sg_nodewise *w, int site) {
    const double *mean = w->mean + site * (w->d + 1);
    for (int j = w->first[site]; j < w->first[site + 1]; j++) {
        const sg_nodewise_feature f = w->feature[j];
        w->gradient[j] = f.alpha * mean[w->d] + f.gamma * mean[f.site];
    }
}

/* slope = -2 x_i rho', and bend = 4 rho'' weight / total among those of other sites (NULL: not wanted). */
static void derivatives(const sg_nodewise *w, const sg_pair_chunk *c, int site, double *restrict slope,
                        sg_four *bends) {
    _Alignas(SG_ALIGN) double u[CHUNK], bend[CHUNK];
    const double *restrict x = c->x + (size_t)site * CHUNK, *restrict weight = c->weight;
    const double scale = 4 / w->states.total;
    const int fours = sg_nodewise_fours(w->d);
    sg_pair_log_ratio(c, site, w->field + site * (w->d + 1), u);
    w->row->rho(c->n, u, NULL, slope, bends ? bend : NULL);
#pragma omp simd
    for (int k = 0; k < c->n; k++) slope[k] *= -2 * x[k];
    for (int k = 0; bends && k < c->n; k++) bends[k * fours + site / 4][site % 4] = scale * weight[k] * bend[k];
}

static bool is_full(const sg_nodewise *w, int site) {
    return site < w->d && w->stage[site] == SG_NODEWISE_FULL;
}

/* Four sites of which some are wanted. */
static bool any_full(const sg_nodewise *w, int four) {
    bool any = false;
    for (int i = 4 * four; i < 4 * four + 4; i++) any = any || is_full(w, i);
    return any;
}

static void add_bends(sg_nodewise *w, const sg_pair_chunk *c, int four) {
    _Alignas(SG_ALIGN) sg_four v[CHUNK];
    const int fours = sg_nodewise_fours(w->d);
    sg_pair_sums sums = set_of(w, four);
    for (int k = 0; k < c->n; k++) v[k] = w->bends[k * fours + four];
    sg_pair_sums_add(c, v, &sums);
}

static void add_chunk(sg_nodewise *w, const sg_pair_chunk *c) {
    _Alignas(SG_ALIGN) double slope[CHUNK];
    const double *restrict weight = c->weight, scale = 1 / w->states.total;
    for (int i = 0; i < w->d; i++) {
        if (!sg_nodewise_active(w, i)) continue;
        derivatives(w, c, i, slope, is_full(w, i) ? w->bends : NULL);
#pragma omp simd
        for (int k = 0; k < c->n; k++) slope[k] *= scale * weight[k];
        sg_pair_means_add(c, slope, w->mean + i * (w->d + 1));
    }
    for (int four = 0; four < sg_nodewise_fours(w->d); four++)
        if (any_full(w, four)) add_bends(w, c, four);
}

void sg_nodewise_sums(sg_nodewise *w) {
    sg_pair_chunk chunk = {.x = w->x, .x_low = w->x_low};
    memset(w->mean, 0, (size_t)w->d * (size_t)(w->d + 1) * sizeof(double));
    clear_sets(w, sg_nodewise_fours(w->d));
    for (int i = 0; i < w->d; i++)
        if (sg_nodewise_active(w, i)) fill_field(w, i, w->trial, true);
    for (long long first = 0; first < w->states.n; first += CHUNK) {
        sg_pair_chunk_read(&w->states, first, &chunk);
        add_chunk(w, &chunk);
    }
    for (int i = 0; i < w->d; i++) {
        if (sg_nodewise_active(w, i)) take_gradient(w, i);
        if (is_full(w, i)) take_hessian(w, i);
    }
}

void sg_nodewise_reach(sg_nodewise *w) {
    sg_pair_chunk chunk = {.x = w->x, .x_low = w->x_low};
    _Alignas(SG_ALIGN) double u[CHUNK];
    for (int i = 0; i < w->d; i++) {
        w->lowest[i] = INFINITY, w->highest[i] = -INFINITY;
        if (sg_nodewise_active(w, i)) fill_field(w, i, w->step, false);
    }
    for (long long first = 0; first < w->states.n; first += CHUNK) {
        sg_pair_chunk_read(&w->states, first, &chunk);
        for (int i = 0; i < w->d; i++) {
            if (!sg_nodewise_active(w, i)) continue;
            sg_pair_log_ratio(&chunk, i, w->field + i * (w->d + 1), u);
            for (int k = 0; k < chunk.n; k++) {
                w->lowest[i] = fmin(w->lowest[i], u[k]);
                w->highest[i] = fmax(w->highest[i], u[k]);
            }
        }
    }
}

/* ----------------------------------------------------------------------- middle */

/* Of one chunk, the Hessians of all sites and, behind them, site after site the products of its slope and those of
 * every four sites up to it. */
static void add_middle(sg_nodewise *w, const sg_pair_chunk *c) {
    _Alignas(SG_ALIGN) double slope[CHUNK];
    _Alignas(SG_ALIGN) sg_four v[CHUNK];
    const int fours = sg_nodewise_fours(w->d);
    const double *weight = c->weight, scale = 1 / w->states.total;
    for (int i = 0; i < w->d; i++) {
        derivatives(w, c, i, slope, w->bends);
        for (int k = 0; k < c->n; k++) w->slopes[k * fours + i / 4][i % 4] = slope[k];
    }
    for (int four = 0; four < fours; four++) add_bends(w, c, four);
    for (int i = 0, set = fours; i < w->d; i++)
        for (int four = 0; four < sg_nodewise_fours(i + 1); four++, set++) {
            sg_pair_sums sums = set_of(w, set);
            for (int k = 0; k < c->n; k++)
                v[k] = scale * weight[k] * w->slopes[k * fours + i / 4][i % 4] * w->slopes[k * fours + four];
            sg_pair_sums_add(c, v, &sums);
        }
}

/* out = H_i^-1 M H_j^-1, M [s,t]. */
static void sandwich(const sg_nodewise *w, int i, int j, const double *middle, double *half, double *out) {
    const int s = sg_nodewise_parameters(w, i), t = sg_nodewise_parameters(w, j);
    const double *left = w->inverse + w->square[i], *right = w->inverse + w->square[j];
    memset(half, 0, (size_t)s * (size_t)t * sizeof(double));
    memset(out, 0, (size_t)s * (size_t)t * sizeof(double));
    for (int b = 0; b < t; b++)
        for (int l = 0; l < s; l++)
            for (int a = 0; a < s; a++) half[a + b * s] += left[a + l * s] * middle[l + b * s];
    for (int b = 0; b < t; b++)
        for (int l = 0; l < t; l++)
            for (int a = 0; a < s; a++) out[a + b * s] += half[a + l * s] * right[l + b * t];
}

static void add_pair(sg_nodewise *w, int i, int j, const double *covariance) {
    const int s = sg_nodewise_parameters(w, i), t = sg_nodewise_parameters(w, j);
    const int *rows = w->list + w->first[i], *columns = w->list + w->first[j];
    const size_t m = (size_t)w->m;
    for (int b = 0; b < t; b++)
        for (int a = 0; a < s; a++) {
            const double part = w->share[rows[a]] * w->share[columns[b]] * covariance[a + b * s];
            w->joint[(size_t)rows[a] + (size_t)columns[b] * m] += part;
            if (i != j) w->joint[(size_t)columns[b] + (size_t)rows[a] * m] += part;
        }
}

sg_status sg_nodewise_middle(sg_nodewise *w) {
    sg_pair_chunk chunk = {.x = w->x, .x_low = w->x_low};
    sg_status status = SG_OK;
    clear_sets(w, sg_nodewise_sets(w->d));
    memset(w->joint, 0, (size_t)w->m * (size_t)w->m * sizeof(double));
    for (int i = 0; i < w->d; i++) fill_field(w, i, w->theta, true);
    for (long long first = 0; first < w->states.n; first += CHUNK) {
        sg_pair_chunk_read(&w->states, first, &chunk);
        add_middle(w, &chunk);
    }
    for (int i = 0; i < w->d && !status; i++) {
        take_hessian(w, i);
        status = sg_nodewise_invert(w, i);
    }
    for (int i = 0, set = sg_nodewise_fours(w->d); i < w->d && !status; set += sg_nodewise_fours(i + 1), i++)
        for (int j = 0; j <= i; j++) {
            take_moments(w, set + j / 4, j % 4);
            contract(w, i, j, w->a);
            sandwich(w, i, j, w->a, w->b, w->c);
            add_pair(w, i, j, w->c);
        }
    return status;
}
