/*
 * Finite families against plain enumeration: the generator as a matrix from what its row says of it (rates, blocks,
 * independent draws), S from the family's jet, and from the two H = -E S (L S)', Cov L S, the spectrum.  Nothing of the
 * modules under test is in it.  That the row's rates are those of its formula is tested with the dictionary.
 */
#ifndef SG_TESTS_ESTIMATE_GENERATOR_H
#define SG_TESTS_ESTIMATE_GENERATOR_H

#include "../dictionary/states.h"

#include <float.h>
#include <stdlib.h>

#include "../draw.h"
#include "scoregap/estimate.h"

enum { SQUARE = FREE * FREE };

typedef struct {
    int m, n;                                                   /* parameters; states of positive mass */
    double fisher[SQUARE], h[SQUARE], k[SQUARE], noise[SQUARE]; /* Cov S, H, Cov L S, E Cov(L_v S | x) */
    double gamma[SQUARE], worst, least;                         /* inefficiencies */
    double restricted;                                          /* C_res */
    double *value, *weight;                                     /* [n] of -L, [m][n] squared coefficients of S */
    double gap, top;
    double condition; /* of what is inverted: relative errors are eps times this */
    bool singular;    /* H or the information is */
} oracle;

/* A = V f(values) V' for a symmetric A; the ratio of its extreme eigenvalues. */
static inline double power(int m, const double *a, double exponent, double *out) {
    double value[FREE], vector[SQUARE];
    OK(sg_symmetric_eigen(m, a, value, vector));
    if (!(value[0] > 1e-14 * value[m - 1])) return INFINITY;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++) {
            out[i + j * m] = 0;
            for (int k = 0; k < m; k++)
                out[i + j * m] += vector[i + k * m] * pow(value[k], exponent) * vector[j + k * m];
        }
    return value[m - 1] / value[0];
}

/* Eigenvalues of a symmetric matrix between two powers: those of R a R. */
static inline void framed(int m, const double *root, const double *a, double *value) {
    double product[SQUARE], all[SQUARE];
    sg_multiply(m, root, a, product);
    sg_multiply(m, product, root, all);
    OK(sg_symmetric_eigen(m, all, value, NULL));
}

/* -L in coordinates where p is 1, on the states of positive mass. */
static inline void spectrum(const states *s, oracle *o) {
    int at[STATES];
    double *a, *vector;
    o->n = 0;
    for (int x = 0; x < s->states; x++)
        if (s->p[x] > 0) at[o->n++] = x;
    const size_t n = (size_t)o->n;
    OK(sg_new(&a, n * n, sizeof *a));
    OK(sg_new(&vector, n * n, sizeof *vector));
    OK(sg_new(&o->value, n, sizeof *o->value));
    OK(sg_new(&o->weight, n * (size_t)s->m, sizeof *o->weight));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) a[i + j * n] = -s->L[at[i]][at[j]] * exp((s->logp[at[i]] - s->logp[at[j]]) / 2);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) { /* reversible */
            assert_near(a[i + j * n], a[j + i * n], 1e-12 * (1 + fabs(a[i + j * n])));
        }
    OK(sg_symmetric_eigen(o->n, a, o->value, vector));
    for (int j = 0; j < s->m; j++)
        for (size_t k = 0; k < n; k++) {
            double c = 0;
            for (size_t i = 0; i < n; i++) c += vector[i + k * n] * sqrt(s->p[at[i]]) * s->S[j][at[i]];
            o->weight[(size_t)j * n + k] = c * c;
        }
    o->gap = o->value[1];
    o->top = o->value[n - 1];
    sg_delete(a);
    sg_delete(vector);
}

static inline void moments(const states *s, oracle *o) {
    static double LS[FREE][STATES];
    const int m = o->m = s->m;
    double size;
    for (int j = 0; j < m; j++)
        for (int x = 0; x < s->states; x++) LS[j][x] = s->p[x] > 0 ? generated(s, j, x, &size) : 0;
    for (int j = 0; j < m; j++)
        for (int l = 0; l < m; l++) {
            double f = 0, h = 0, k = 0;
            for (int x = 0; x < s->states; x++) {
                f += s->p[x] * s->S[j][x] * s->S[l][x];
                h -= s->p[x] * (s->S[j][x] * LS[l][x] + s->S[l][x] * LS[j][x]) / 2;
                k += s->p[x] * LS[j][x] * LS[l][x];
            }
            o->fisher[j + l * m] = f;
            o->h[j + l * m] = h;
            o->k[j + l * m] = k;
        }
}

static inline void covariance(oracle *o) {
    const int m = o->m;
    double middle[SQUARE], inverse[SQUARE], product[SQUARE], root[SQUARE], value[FREE];
    for (int i = 0; i < m * m; i++) middle[i] = o->k[i] + o->noise[i];
    const double of_h = power(m, o->h, -1, inverse), of_fisher = power(m, o->fisher, 0.5, root);
    o->condition = of_h * of_h * of_fisher;
    if ((o->singular = !isfinite(o->condition))) return;
    sg_multiply(m, inverse, middle, product);
    sg_multiply(m, product, inverse, o->gamma);
    framed(m, root, o->gamma, value);
    o->worst = value[m - 1];
    o->least = value[0];
    framed(m, root, inverse, value);
    o->restricted = value[m - 1];
}

static inline void resampling(states *s) {
    for (int x = 0; x < s->states; x++)
        for (int y = 0; y < s->states; y++) s->L[x][y] = s->p[x] > 0 ? s->p[y] - (x == y) : 0;
}

/* L += every block; noise += E of the products of what each of them says. */
static inline void add_blocks(states *s, const sg_site_blocks *blocks, oracle *o) {
    static double one[STATES][STATES], part[FREE][STATES];
    for (int b = 0; b < blocks->count; b++) {
        memcpy(one, s->L, sizeof one);
        memset(s->L, 0, sizeof s->L);
        add_block(s, blocks->mask[b], 1);
        for (int j = 0; j < s->m; j++)
            for (int x = 0; x < s->states; x++) {
                double size;
                part[j][x] = s->p[x] > 0 ? generated(s, j, x, &size) : 0;
            }
        for (int j = 0; j < s->m; j++)
            for (int l = 0; l < s->m; l++)
                for (int x = 0; x < s->states; x++)
                    o->noise[j + l * s->m] += blocks->rate[b] * s->p[x] * part[j][x] * part[l][x];
        for (int x = 0; x < s->states; x++)
            for (int y = 0; y < s->states; y++) s->L[x][y] = one[x][y] + blocks->rate[b] * s->L[x][y];
    }
}

static inline void add_rates(states *s) {
    for (int x = 0; x < s->states; x++)
        for (int i = 0; i < s->d; i++)
            for (int to = 0; to < s->q; to++) {
                const int y = replaced(s, x, i, to);
                if (y == x || !(s->p[x] > 0)) continue;
                const double u = s->logp[y] - s->logp[x];
                double rate;
                s->loss->row->rate(s->prepared, 1, &u, &rate);
                s->L[x][y] += rate;
                s->L[x][x] -= rate;
            }
}

/* By the kind of the row and its members. */
static inline void generate(states *s, oracle *o) {
    const sg_row *row = s->loss->row;
    *o = (oracle){.m = s->m};
    memset(s->L, 0, sizeof s->L);
    if (row->kind == SG_RESAMPLE) {
        resampling(s);
    } else if (row->blocks) {
        sg_site_blocks blocks;
        OK(row->blocks(s->loss->options, s->model, &blocks));
        add_blocks(s, &blocks, o);
        sg_delete(blocks.mask);
        sg_delete(blocks.rate);
    } else if (row->rate) {
        add_rates(s);
    } else {
        fail_msg("%s has no generator that this test knows: add its kind", row->name);
    }
}

static inline void close_oracle(oracle *o) {
    sg_delete(o->value);
    sg_delete(o->weight);
}

static inline void open_oracle(states *s, oracle *o) {
    generate(s, o);
    moments(s, o);
    for (int i = 0; i < s->m * s->m; i++) o->noise[i] = s->loss->row->tag ? o->noise[i] - o->k[i] : 0;
    covariance(o);
    spectrum(s, o);
}

#endif
