/*
 * Finite families against plain enumeration: the generator as a matrix from the formula of its rates, S from the
 * family's jet, and from the two H = -E S (L S)', Cov L S, the spectrum.  None of it is shared with the modules under
 * test.  Laws are random, biased to zero, equal and large parameters (fixed seeds).
 */
#ifndef SG_TESTS_ESTIMATE_SPIN_ORACLE_H
#define SG_TESTS_ESTIMATE_SPIN_ORACLE_H

#include "../dictionary/states.h"

#include <float.h>
#include <stdlib.h>

#include "../tier.h"
#include "scoregap/estimate.h"

enum { SQUARE = FREE * FREE, DRAWS_MOST = 8 };

/* Random laws of each line below: more of them in the second tier. */
static inline int draws(void) {
    return second_tier() ? DRAWS_MOST : 2;
}

/* ------------------------------------------------------------------- the oracle */

typedef struct {
    int m, n;                                                   /* parameters; states of positive mass */
    double fisher[SQUARE], h[SQUARE], k[SQUARE], noise[SQUARE]; /* Cov S, H, Cov L S, E Cov(L_v S | x) */
    double gamma[SQUARE], worst, least;                         /* inefficiencies */
    double restricted;                                          /* C_res */
    double *value, *weight;                                     /* [n] of -L, [m][n] squared coefficients of S */
    double gap, top;
    double condition; /* of what is inverted: relative errors are eps times this */
} oracle;

/* A = V f(values) V' for a symmetric A; the ratio of its extreme eigenvalues. */
static inline double power(int m, const double *a, double exponent, double *out) {
    double value[FREE], vector[SQUARE];
    OK(sg_symmetric_eigen(m, a, value, vector));
    assert_true(value[0] > 0);
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
    sg_multiply(m, inverse, middle, product);
    sg_multiply(m, product, inverse, o->gamma);
    framed(m, root, o->gamma, value);
    o->worst = value[m - 1];
    o->least = value[0];
    framed(m, root, inverse, value);
    o->restricted = value[m - 1];
}

/* L += the average over all sets of k sites; noise += E Cov over them. */
static inline void subsets(states *s, int k, bool contiguous, oracle *o) {
    static double one[STATES][STATES], part[FREE][STATES];
    int count = 0;
    memset(s->L, 0, sizeof s->L);
    for (int pass = 0; pass < 2; pass++) {
        const int total = count;
        for (uint32_t mask = 1; mask < UINT32_C(1) << s->d; mask++) {
            uint32_t window = (UINT32_C(1) << k) - 1;
            bool fits = __builtin_popcount(mask) == k && !contiguous;
            for (int i = 0; contiguous && i < s->d && !fits; i++)
                fits = mask == ((window << i | window << i >> s->d) & ((UINT32_C(1) << s->d) - 1));
            if (!fits) continue;
            count += !pass;
            if (!pass) continue;
            memcpy(one, s->L, sizeof one);
            memset(s->L, 0, sizeof s->L);
            add_block(s, mask, 1);
            for (int j = 0; j < s->m; j++)
                for (int x = 0; x < s->states; x++) {
                    double size;
                    part[j][x] = s->p[x] > 0 ? generated(s, j, x, &size) : 0;
                }
            for (int j = 0; j < s->m; j++)
                for (int l = 0; l < s->m; l++)
                    for (int x = 0; x < s->states; x++)
                        o->noise[j + l * s->m] += s->p[x] * part[j][x] * part[l][x] / total;
            for (int x = 0; x < s->states; x++)
                for (int y = 0; y < s->states; y++) s->L[x][y] = one[x][y] + s->L[x][y] / total;
        }
    }
}

static inline void resampling(states *s) {
    for (int x = 0; x < s->states; x++)
        for (int y = 0; y < s->states; y++) s->L[x][y] = s->p[x] > 0 ? s->p[y] - (x == y) : 0;
}

/* The generator by its formula. */
static inline void generate(states *s, const char *loss, oracle *o) {
    int k = 0;
    *o = (oracle){.m = s->m};
    if (strstr(loss, "k=")) k = atoi(strstr(loss, "k=") + 2);
    if (!strcmp(loss, "mle"))
        resampling(s);
    else if (!strcmp(loss, "probability-flow") || !strcmp(loss, "rise:sites=pooled"))
        generate_jumps(s, flow_rate, -1);
    else if (!strcmp(loss, "ratio-matching"))
        generate_jumps(s, ratio_matching_rate, -1);
    else if (!strcmp(loss, "concrete-score"))
        generate_jumps(s, concrete_rate, -1);
    else if (!strcmp(loss, "pseudolikelihood")) {
        memset(s->L, 0, sizeof s->L);
        for (int i = 0; i < s->d; i++) add_block(s, UINT32_C(1) << i, 1);
    } else if (k)
        subsets(s, k, strstr(loss, "contiguous"), o);
    else
        fail_msg("%s has no generator in this test: add its formula", loss);
}

static inline void close_oracle(oracle *o) {
    sg_delete(o->value);
    sg_delete(o->weight);
}

static inline void open_oracle(states *s, const char *loss, oracle *o) {
    generate(s, loss, o);
    moments(s, o);
    for (int i = 0; i < s->m * s->m; i++) o->noise[i] = strncmp(loss, "masked-random", 13) ? 0 : o->noise[i] - o->k[i];
    covariance(o);
    spectrum(s, o);
}

/* ------------------------------------------------------------- laws -------- */

static const struct {
    const char *family, *keys;
    double size; /* of random parameters */
} laws[] = {
    {"ising", "graph=complete,n=3", 1},
    {"ising", "graph=complete,n=4", 0.7},
    {"ising", "graph=ring,n=5", 0.8},
    {"ising", "graph=path,n=5,free=J0-1/J2-3/h1", 1.2},
    {"ising", "graph=ring,n=6,free=tied", 0.5},
    {"ising", "graph=curie-weiss,n=6,free=tied", 1},
    {"potts", "graph=path,n=3,q=3,free=all", 1},
    {"potts", "graph=ring,n=4,q=3,free=tied", 1},
    {"parity", "n=4,k=3", 1},
    {"parity", "n=6,k=6", 1.5},
    {"hardcore", "graph=ring,n=6", 2},
    {"hardcore", "graph=path,n=5", 2},
    {"loglinear", "", 1},
};
enum { LAWS = sizeof laws / sizeof *laws };

static inline double corner(sg_stream *stream) {
    static const double some[] = {0, 0, 1e-3, -0.25, .5, .5, 1, -1, 1.5, -2};
    double u[2];
    sg_stream_uniform(stream, 2, u);
    return u[0] < .7 ? some[(int)(u[1] * 10)] : 3 * u[1] - 1.5;
}

static inline sg_model *random_model(int law, int draw) {
    char text[256];
    double theta[FREE];
    sg_stream stream;
    snprintf(text, sizeof text, "%s:%s", laws[law].family, laws[law].keys);
    sg_model *model = model_of(text);
    sg_stream_open(&stream, 4711, SG_PURPOSE_TEST, (uint32_t)(law * DRAWS_MOST + draw));
    for (int j = 0; j < model->m; j++) theta[j] = laws[law].size * corner(&stream);
    OK(sg_model_set_truth(model, model->m, theta));
    return model;
}

#endif
