#include "family/monomials.h"

#include <math.h>
#include <string.h>

enum { B = SG_BLOCK, LANES = 16 }; /* points at a time: the monomials of that many fit on the stack */

double sg_monomials_count(int d, int degree) {
    double count = 1;
    for (int k = 1; k <= d; k++) count *= (double)(degree + k) / k;
    return round(count) - 1;
}

int sg_monomials_find(const sg_monomials *m, const uint8_t *power) {
    for (int j = 0; j < m->count; j++)
        if (memcmp(m->power + j * m->d, power, (size_t)m->d) == 0) return j;
    return -1;
}

/* The powers of one degree in order: what is left goes through the variables from `a` on. */
static void list(sg_monomials *m, int a, int left, uint8_t *power) {
    if (a == m->d - 1) {
        power[a] = (uint8_t)left;
        memcpy(m->power + m->count++ * m->d, power, (size_t)m->d);
        return;
    }
    for (int own = left; own >= 0; own--) {
        power[a] = (uint8_t)own;
        list(m, a + 1, left - own, power);
    }
}

static void link_lower(sg_monomials *m) {
    uint8_t power[256];
    for (int j = 0; j < m->count; j++)
        for (int a = 0; a < m->d; a++) {
            memcpy(power, m->power + j * m->d, (size_t)m->d);
            m->lower[j * m->d + a] = power[a] ? (power[a]--, 1 + sg_monomials_find(m, power)) : -1;
        }
}

sg_status sg_monomials_new(int d, int degree, sg_monomials **monomials) {
    const size_t entries = (size_t)sg_monomials_count(d, degree) * (size_t)d;
    uint8_t power[256] = {0};
    sg_status status = sg_new(monomials, 1, sizeof **monomials + entries * (sizeof(int) + 1));
    if (status != SG_OK) return status;
    sg_monomials *m = *monomials;
    *m = (sg_monomials){.d = d, .degree = degree};
    m->lower = (int *)(m + 1);
    m->power = (uint8_t *)(m->lower + entries);
    for (int k = 1; k <= degree; k++) list(m, 0, k, power);
    link_lower(m);
    return SG_OK;
}

/* -------------------------------------------------------------------- jets */

typedef struct {
    const sg_monomials *m;
    const double *theta;
    int at;                                     /* first of its points */
    double value[1 + SG_MONOMIALS_MOST][LANES]; /* of the constant 1 and the monomials */
} chunk;

/* Each is one that stands before it times a variable. */
static void fill_values(const sg_block *block, chunk *c) {
    const sg_monomials *m = c->m;
    for (int i = 0; i < LANES; i++) c->value[0][i] = 1;
    for (int j = 0; j < m->count; j++) {
        int a = 0;
        while (m->lower[j * m->d + a] < 0) a++;
        const double *restrict x = block->x + a * B + c->at, *restrict from = c->value[m->lower[j * m->d + a]];
        double *restrict to = c->value[1 + j];
#pragma omp simd
        for (int i = 0; i < LANES; i++) to[i] = from[i] * x[i];
    }
}

/* factor * from to row `to` (NULL: not wanted), and theta times it to the sum. */
static void put(double factor, const double *restrict from, double theta, double *to, double *sum) {
    if (to)
#pragma omp simd
        for (int i = 0; i < LANES; i++) to[i] = factor * from[i];
    if (sum && theta != 0)
#pragma omp simd
        for (int i = 0; i < LANES; i++) sum[i] += theta * (factor * from[i]);
}

static double *row_of(double *rows, size_t row, const chunk *c) {
    return rows ? rows + row * B + c->at : NULL;
}

static void fill_slopes(const chunk *c, int j, sg_jet *out) {
    const int d = c->m->d;
    for (int a = 0; a < d; a++) {
        const int lower = c->m->lower[j * d + a];
        if (lower < 0) continue;
        put(c->m->power[j * d + a], c->value[lower], c->theta[j], row_of(out->dt_dx, (size_t)(j * d + a), c),
            row_of(out->dx, (size_t)a, c));
    }
}

static void fill_bends(const chunk *c, int j, sg_jet *out) {
    const int d = c->m->d, pairs = d * (d + 1) / 2;
    for (int a = 0, pair = 0; a < d; a++)
        for (int b = 0; b <= a; b++, pair++) {
            const int lower = c->m->lower[j * d + a], lowest = lower > 0 ? c->m->lower[(lower - 1) * d + b] : -1;
            if (lowest < 0) continue;
            put((double)c->m->power[j * d + a] * c->m->power[(lower - 1) * d + b], c->value[lowest], c->theta[j],
                row_of(out->dt_dxx, (size_t)(j * pairs + pair), c), row_of(out->dxx, (size_t)pair, c));
        }
}

/* What the base adds to log p and its derivatives. */
static void fill_base(const sg_block *block, const chunk *c, sg_jet *out) {
    const int d = c->m->d, p = c->m->degree + 1;
    double power[LANES];
    for (int a = 0; a < d; a++) {
        const double *x = block->x + a * B + c->at;
        for (int i = 0; i < LANES; i++) {
            power[i] = 1;
            for (int k = 0; k < p - 2; k++) power[i] *= x[i];
        }
        double *logp = row_of(out->logp, 0, c), *dx = row_of(out->dx, (size_t)a, c),
               *dxx = row_of(out->dxx, (size_t)(a * (a + 1) / 2 + a), c);
        for (int i = 0; i < LANES; i++) {
            if (logp) logp[i] -= power[i] * x[i] * x[i];
            if (dx) dx[i] -= p * (power[i] * x[i]);
            if (dxx) dxx[i] -= (double)p * (p - 1) * power[i];
        }
    }
}

static void fill_chunk(const sg_block *block, chunk *c, sg_jet *out) {
    fill_values(block, c);
    for (int j = 0; j < c->m->count; j++) {
        if (out->logp || out->dt)
            put(1, c->value[1 + j], c->theta[j], row_of(out->dt, (size_t)j, c), row_of(out->logp, 0, c));
        if (out->dx || out->dt_dx) fill_slopes(c, j, out);
        if (out->dxx || out->dt_dxx) fill_bends(c, j, out);
    }
    fill_base(block, c, out);
}

static void clear(double *member, size_t rows) {
    if (member) memset(member, 0, rows * B * sizeof *member);
}

void sg_monomials_jet(const sg_monomials *m, const double *theta, const sg_block *block, sg_jet *out) {
    const size_t d = (size_t)m->d, pairs = d * (d + 1) / 2, full = (size_t)m->count, both = full * (full + 1) / 2;
    const size_t many[] = {1, full, both}, each[] = {1, d, pairs};
    double *const member[] = {out->logp,   out->dx,  out->dxx,    out->dt,     out->dt_dx,
                              out->dt_dxx, out->dtt, out->dtt_dx, out->dtt_dxx};
    chunk c = {.m = m, .theta = theta};
    for (int k = 0; k < 9; k++) clear(member[k], many[k / 3] * each[k % 3]);
    for (; c.at < block->n; c.at += LANES) fill_chunk(block, &c, out);
}
