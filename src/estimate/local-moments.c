#include "estimate/local-moments.h"

#include <math.h>
#include <string.h>

void sg_local_moments_delete(sg_local_moments *w) {
    if (!w) return;
    double *array[] = {w->p, w->h, w->cross, w->cov_psi, w->mean, w->turn, w->turned};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
    sg_delete(w->at);
    sg_local_tables_free(w->terms, &w->tables);
    sg_elimination_sites_delete(w->sites);
    sg_elimination_law_delete(w->law);
    sg_delete(w);
}

static double mean_of(size_t n, const double *restrict p, const double *restrict f) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t x = 0; x < n; x++) sum += p[x] * f[x];
    return sum;
}

/* E (f - E f) g */
static double covariance_of(size_t n, const double *restrict p, const double *restrict f, const double *restrict g) {
    const double mean = mean_of(n, p, f);
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t x = 0; x < n; x++) sum += p[x] * (f[x] - mean) * g[x];
    return sum;
}

/* ------------------------------------------------------------------ term by term */

static const double *turn_of(const sg_local_moments *w, const sg_local_term *term) {
    return w->turn ? w->turn + w->at[term - w->terms->term] : NULL;
}

static void turn_psi(sg_local_moments *w, const sg_local_term *term) {
    const double *turn = turn_of(w, term);
    const size_t entries = term->entries;
    if (!turn) {
        memcpy(w->turned, w->tables.psi, (size_t)term->count * entries * sizeof(double));
        return;
    }
    memset(w->turned, 0, (size_t)term->count * entries * sizeof(double));
    for (int j = 0; j < term->count; j++)
        for (int k = 0; k < term->count; k++) {
            const double a = turn[j + k * term->count], *restrict from = w->tables.psi + (size_t)k * entries;
            double *restrict to = w->turned + (size_t)j * entries;
            for (size_t x = 0; x < entries; x++) to[x] += a * from[x];
        }
}

void sg_local_moments_look(sg_local_moments *w, const sg_local_term *term) {
    sg_local_tables_fill(w->terms, term, &w->tables);
    turn_psi(w, term);
}

static double *entry(const sg_local_moments *w, double *matrix, int j, int k) {
    return matrix + (size_t)j + (size_t)k * (size_t)w->m;
}

/* H, and where estimates are averaged that of the term itself. */
static void add_form(sg_local_moments *w, const sg_local_term *term) {
    for (int j = 0, pair = 0; j < term->count; j++)
        for (int k = 0; k <= j; k++, pair++) {
            const double mean = mean_of(term->entries, w->p, w->tables.form + (size_t)pair * term->entries);
            *entry(w, w->h, term->free[j], term->free[k]) += mean;
            if (j != k) *entry(w, w->h, term->free[k], term->free[j]) += mean;
            if (!w->turn) continue;
            double *own = w->turn + w->at[term - w->terms->term];
            own[j + k * term->count] = own[k + j * term->count] = mean;
        }
}

static void add_cross(sg_local_moments *w, const sg_local_term *term) {
    for (int k = 0; k < term->count; k++) {
        const double *psi = w->turned + (size_t)k * term->entries;
        w->mean[term->free[k]] += mean_of(term->entries, w->p, psi);
        for (int j = 0; j < term->count; j++)
            *entry(w, w->cross, term->free[j], term->free[k]) +=
                covariance_of(term->entries, w->p, w->tables.score + (size_t)j * term->entries, psi);
    }
}

static sg_status visit(sg_local_moments *w, bool form, bool cross) {
    sg_status status = SG_OK;
    for (int t = 0; t < w->terms->count && status == SG_OK; t++) {
        const sg_local_term *term = &w->terms->term[t];
        status = sg_elimination_sites_at(w->sites, term->sites, term->site, w->p);
        if (status != SG_OK) break;
        sg_local_tables_fill(w->terms, term, &w->tables);
        if (form) add_form(w, term);
        if (cross) turn_psi(w, term);
        if (cross) add_cross(w, term);
    }
    return status;
}

/* ---------------------------------------------------------- averages over sites */

static sg_status invert(const sg_local_moments *w, int t, const double *share, double *square) {
    const sg_local_term *term = &w->terms->term[t];
    const int count = term->count;
    double condition, *own = w->turn + w->at[t];
    memcpy(square, own, (size_t)count * (size_t)count * sizeof(double));
    sg_status status = sg_invert(count, square, own, &condition);
    if (status == SG_SINGULAR)
        return sg_fail(SG_SINGULAR,
                       "the loss of site %d of %s does not tell its parameters apart: fix one of them with free=",
                       term->site[0], w->terms->model->text);
    for (int k = 0; k < count; k++)
        for (int j = 0; j < count; j++) own[j + k * count] *= share[term->free[j]];
    return status;
}

static sg_status invert_all(sg_local_moments *w) {
    const size_t widest = (size_t)w->terms->widest;
    double *share = NULL, *square = NULL;
    sg_status status = sg_new(&share, (size_t)w->m, sizeof(double));
    if (status == SG_OK) status = sg_new(&square, widest * widest + 1, sizeof(double));
    if (status != SG_OK) goto out;
    for (int t = 0; t < w->terms->count; t++)
        for (int j = 0; j < w->terms->term[t].count; j++) share[w->terms->term[t].free[j]]++;
    for (int j = 0; j < w->m; j++) share[j] = share[j] > 0 ? 1 / share[j] : 0;
    for (int t = 0; t < w->terms->count && status == SG_OK; t++) status = invert(w, t, share, square);
out:
    sg_delete(share);
    sg_delete(square);
    return status;
}

static sg_status take_turns(sg_local_moments *w) {
    size_t all = 0;
    sg_status status = sg_new(&w->at, (size_t)w->terms->count + 1, sizeof *w->at);
    for (int t = 0; t < w->terms->count && status == SG_OK; t++) {
        w->at[t] = all;
        all += (size_t)w->terms->term[t].count * (size_t)w->terms->term[t].count;
    }
    return status == SG_OK ? sg_new(&w->turn, all + 1, sizeof(double)) : status;
}

/* out = H a */
static void times_h(const sg_local_moments *w, const double *a, int columns, double *out) {
    for (int k = 0; k < columns; k++)
        for (int j = 0; j < w->m; j++) {
            double sum = 0;
            for (int l = 0; l < w->m; l++) sum += *entry(w, w->h, l, j) * a[l + (size_t)k * (size_t)w->m];
            out[j + (size_t)k * (size_t)w->m] = sum;
        }
}

static void transpose(int m, double *a) {
    for (size_t k = 0; k < (size_t)m; k++)
        for (size_t j = 0; j < k; j++) {
            const double turn = a[j + k * (size_t)m];
            a[j + k * (size_t)m] = a[k + j * (size_t)m];
            a[k + j * (size_t)m] = turn;
        }
}

sg_status sg_local_moments_finish(sg_local_moments *w) {
    const size_t size = (size_t)w->m * (size_t)w->m;
    double *a = NULL;
    if (!w->turn) return SG_OK;
    sg_status status = sg_new(&a, size, sizeof(double));
    if (status != SG_OK) return status;
    times_h(w, w->cov_psi, w->m, a);
    transpose(w->m, a);
    times_h(w, a, w->m, w->cov_psi);
    transpose(w->m, w->cross); /* E psi S^T */
    times_h(w, w->cross, w->m, a);
    memcpy(w->cross, a, size * sizeof(double));
    transpose(w->m, w->cross);
    times_h(w, w->mean, 1, a);
    memcpy(w->mean, a, (size_t)w->m * sizeof(double));
    sg_delete(a);
    return SG_OK;
}

/* -------------------------------------------------------------- Hessians of a datum */

static size_t pair_of(int j, int k) {
    return (size_t)(j > k ? j * (j + 1) / 2 + k : k * (k + 1) / 2 + j);
}

/* out += weight times the second derivatives in the j-th and k-th parameter of the term. */
static void add_bend(const sg_local_moments *w, const sg_local_term *term, double weight, int j, int k, double *out) {
    const double *restrict from = w->tables.bend + pair_of(j, k) * term->entries;
    for (size_t x = 0; x < term->entries; x++) out[x] += weight * from[x];
}

/* Entry (a, b) of A, b the k-th parameter of the term: of H T_t bend where estimates are averaged. */
static void add_hessian(const sg_local_moments *w, const sg_local_term *term, double weight, int a, int k,
                        double *out) {
    const double *turn = turn_of(w, term);
    for (int l = 0; l < term->count; l++) {
        if (!turn && term->free[l] == a) add_bend(w, term, weight, l, k, out);
        if (!turn) continue;
        const double h = weight * *entry(w, w->h, a, term->free[l]);
        for (int i = 0; i < term->count; i++) add_bend(w, term, h * turn[l + i * term->count], i, k, out);
    }
}

int sg_local_moments_bends(const sg_local_moments *w, const sg_local_term *term, int *which, double *out) {
    const int count = w->m <= 2 ? w->bends : term->count;
    memset(out, 0, (size_t)count * term->entries * sizeof(double));
    for (int k = 0; k < term->count; k++) {
        const int b = term->free[k];
        if (w->m > 2) {
            which[k] = b;
            add_hessian(w, term, 1, b, k, out + (size_t)k * term->entries);
            continue;
        }
        for (int a = 0; a < w->m; a++)
            add_hessian(w, term, a == b ? 1 : 0.5, a, k, out + pair_of(a, b) * term->entries);
    }
    for (int k = 0; k < count && w->m <= 2; k++) which[k] = k;
    return count;
}

/* ------------------------------------------------------------------------- set-up */

static sg_status take(const sg_local_terms *terms, sg_local_moments *w) {
    const size_t m = (size_t)w->m, largest = terms->largest + 1;
    double **square[] = {&w->h, &w->cross, &w->cov_psi};
    sg_status status = sg_elimination_law_new(terms->own, true, &w->law);
    if (status == SG_OK) status = sg_elimination_sites_new(w->law, &w->sites);
    if (status == SG_OK) status = sg_local_tables_new(terms, &w->tables);
    for (int k = 0; k < 3 && status == SG_OK; k++) status = sg_new(square[k], m * m, sizeof(double));
    if (status == SG_OK) status = sg_new(&w->mean, m, sizeof(double));
    if (status == SG_OK) status = sg_new(&w->p, largest, sizeof(double));
    if (status == SG_OK) status = sg_new(&w->turned, (size_t)terms->widest * largest, sizeof(double));
    if (status == SG_OK && terms->averaged) status = take_turns(w);
    return status;
}

sg_status sg_local_moments_new(const sg_local_terms *terms, sg_local_moments **moments) {
    sg_local_moments *w = NULL;
    *moments = NULL;
    sg_status status = sg_new(&w, 1, sizeof *w);
    if (status != SG_OK) return status;
    w->terms = terms;
    w->m = terms->model->m;
    w->bends = w->m <= 2 ? w->m * (w->m + 1) / 2 : w->m;
    status = take(terms, w);
    if (status == SG_OK) status = visit(w, true, !w->turn);
    if (status == SG_OK && w->turn) status = invert_all(w);
    if (status == SG_OK && w->turn) status = visit(w, false, true);
    if (status != SG_OK) {
        sg_local_moments_delete(w);
        return status;
    }
    *moments = w;
    return SG_OK;
}
