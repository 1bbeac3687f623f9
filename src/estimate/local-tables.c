/* What one local term adds to L S, to the Dirichlet form and to the Hessian of a datum, at all states that it sees. */
#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "estimate/local-terms.h"
#include "family/elimination.h"

enum { PIECE = SG_BLOCK };

sg_status sg_local_tables_new(const sg_local_terms *terms, sg_local_tables *t) {
    const size_t entries = terms->largest + 1, rows = (size_t)terms->widest, pairs = rows * (rows + 1) / 2;
    *t = (sg_local_tables){0};
    sg_status status = sg_new(&t->weight, entries, sizeof(double));
    if (status == SG_OK) status = sg_new(&t->score, rows * entries, sizeof(double));
    if (status == SG_OK) status = sg_new(&t->psi, rows * entries, sizeof(double));
    if (status == SG_OK) status = sg_new(&t->form, pairs * entries, sizeof(double));
    t->bend = t->form;
    if (status == SG_OK && terms->flips) {
        t->bend = NULL;
        status = sg_new(&t->bend, pairs * entries, sizeof(double));
    }
    if (status != SG_OK) sg_local_tables_free(terms, t);
    return status;
}

void sg_local_tables_free(const sg_local_terms *terms, sg_local_tables *t) {
    sg_delete(t->weight);
    sg_delete(t->score);
    sg_delete(t->psi);
    sg_delete(t->form);
    if (terms->flips) sg_delete(t->bend);
    *t = (sg_local_tables){0};
}

/* ------------------------------------------------------------------ log p and scores */

static int place_of(int count, const int *list, int value) {
    int k = 0;
    while (k < count && list[k] != value) k++;
    return k;
}

static void add_factor(const sg_local_terms *terms, const sg_local_term *term, const sg_factor *factor,
                       sg_local_tables *t) {
    const int q = terms->own->q;
    size_t stride[SG_MAP_DIGITS] = {0}, power = 1;
    sg_table_map map;
    for (int k = 0; k < factor->sites; k++, power *= (size_t)q)
        stride[place_of(term->sites, term->site, factor->site[k])] = power;
    sg_table_map_strides(q, term->sites, stride, &map);
    sg_table_spread(&map, factor->log_p, t->weight);
    for (int s = 0; s < factor->sums; s++)
        sg_table_spread(&map, factor->value + (size_t)s * power,
                        t->score + (size_t)place_of(term->count, term->free, factor->sum[s]) * term->entries);
}

/* Does a site of K before the k-th stand in the factor too?  Then it has been added. */
static bool added(const sg_local_term *term, int k, const sg_factor *factor) {
    for (int a = 0; a < k; a++)
        if (place_of(factor->sites, factor->site, term->site[a]) < factor->sites) return true;
    return false;
}

static void fill_scores(const sg_local_terms *terms, const sg_local_term *term, sg_local_tables *t) {
    memset(t->weight, 0, term->entries * sizeof(double));
    memset(t->score, 0, (size_t)term->count * term->entries * sizeof(double));
    for (int k = 0; k < term->block; k++)
        for (int a = terms->start[term->site[k]]; a < terms->start[term->site[k] + 1]; a++) {
            const sg_factor *factor = &terms->own->factor[terms->meets[a]];
            if (!added(term, k, factor)) add_factor(terms, term, factor, t);
        }
}

/* ---------------------------------------------------------- K drawn given the rest */

/* Log weights of the states of K become probabilities; a rest that has none gets zeros. */
static void normalize(size_t states, double *restrict w) {
    double top = -INFINITY, sum = 0;
    for (size_t y = 0; y < states; y++) top = w[y] > top ? w[y] : top;
    if (!(top > -INFINITY)) {
        for (size_t y = 0; y < states; y++) w[y] = 0;
        return;
    }
#pragma omp simd reduction(+ : sum)
    for (size_t y = 0; y < states; y++) {
        w[y] = exp(w[y] - top);
        sum += w[y];
    }
    for (size_t y = 0; y < states; y++) w[y] /= sum;
}

static double mean_of(size_t states, const double *restrict p, const double *restrict f) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t y = 0; y < states; y++) sum += p[y] * f[y];
    return sum;
}

static double product_of(size_t states, const double *restrict p, const double *restrict f, const double *restrict g) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t y = 0; y < states; y++) sum += p[y] * f[y] * g[y];
    return sum;
}

/* psi = E[F | rest] - F, and the covariance given the rest, which does not depend on the state of K. */
static void fill_conditional(const sg_local_terms *terms, const sg_local_term *term, sg_local_tables *t) {
    const size_t states = sg_elimination_power(terms->own->q, term->block), entries = term->entries;
    for (size_t at = 0; at < entries; at += states) {
        double *p = t->weight + at;
        normalize(states, p);
        for (int j = 0; j < term->count; j++) {
            const double *f = t->score + (size_t)j * entries + at, mean = mean_of(states, p, f);
            double *psi = t->psi + (size_t)j * entries + at;
            for (size_t y = 0; y < states; y++) psi[y] = mean - f[y];
        }
        for (int j = 0, pair = 0; j < term->count; j++)
            for (int k = 0; k <= j; k++, pair++) {
                const double spread = term->rate * product_of(states, p, t->psi + (size_t)j * entries + at,
                                                              t->psi + (size_t)k * entries + at);
                double *form = t->form + (size_t)pair * entries + at;
                for (size_t y = 0; y < states; y++) form[y] = spread;
            }
        for (int j = 0; j < term->count; j++)
            for (size_t y = 0; y < states; y++) t->psi[(size_t)j * entries + at + y] *= term->rate;
    }
}

/* ------------------------------------------------------------------- moves at rates */

/* Where a move leads from an entry of the table; K is its fastest digit. */
static size_t moved(size_t entry, int q, int move) {
    const size_t state = entry % (size_t)q, next = state + (size_t)move;
    return entry - state + (next >= (size_t)q ? next - (size_t)q : next);
}

static void add_move(const sg_local_terms *terms, const sg_local_term *term, int move, size_t at, int n,
                     sg_local_tables *t) {
    const sg_row *row = terms->loss->row;
    const double unit = 1 / (row->factor == 0 ? 1 : row->factor);
    const size_t entries = term->entries;
    double u[PIECE], rate[PIECE], bend[PIECE], x[PIECE];
    size_t to[PIECE];
    for (int i = 0; i < n; i++) {
        to[i] = moved(at + (size_t)i, terms->own->q, move);
        u[i] = t->weight[to[i]] - t->weight[at + (size_t)i];
    }
    row->rate(terms->prepared, n, u, rate);
    row->rho(n, u, NULL, NULL, bend);
    for (int j = 0, pair = 0; j < term->count; j++) {
        const double *f = t->score + (size_t)j * entries;
        double *psi = t->psi + (size_t)j * entries + at;
        for (int i = 0; i < n; i++) x[i] = f[to[i]] - f[at + (size_t)i];
        for (int i = 0; i < n; i++) psi[i] += term->rate * rate[i] * x[i];
        for (int k = 0; k <= j; k++, pair++) {
            const double *g = t->score + (size_t)k * entries;
            double *form = t->form + (size_t)pair * entries + at, *second = t->bend + (size_t)pair * entries + at;
            for (int i = 0; i < n; i++) {
                const double square = term->rate * x[i] * (g[to[i]] - g[at + (size_t)i]);
                form[i] += 0.5 * rate[i] * square;
                second[i] += unit * bend[i] * square;
            }
        }
    }
}

static void fill_moves(const sg_local_terms *terms, const sg_local_term *term, sg_local_tables *t) {
    const size_t entries = term->entries, count = (size_t)term->count, pairs = count * (count + 1) / 2;
    memset(t->psi, 0, count * entries * sizeof(double));
    memset(t->form, 0, pairs * entries * sizeof(double));
    memset(t->bend, 0, pairs * entries * sizeof(double));
    for (int move = 1; move < terms->own->q; move++)
        for (size_t at = 0; at < entries; at += PIECE)
            add_move(terms, term, move, at, (int)(entries - at < PIECE ? entries - at : PIECE), t);
}

void sg_local_tables_fill(const sg_local_terms *terms, const sg_local_term *term, sg_local_tables *t) {
    fill_scores(terms, term, t);
    if (terms->flips)
        fill_moves(terms, term, t);
    else
        fill_conditional(terms, term, t);
}
