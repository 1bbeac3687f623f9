#include "dictionary/riemann.h"

#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "dictionary/mode.h"

enum { B = SG_BLOCK, D8 = SG_RIEMANN_MOST, PAIRS = D8 * (D8 + 1) / 2, WORK = 34 * D8 };

sg_status sg_riemann_set(const sg_model *model, const double *theta, double softness, sg_riemann *riemann) {
    *riemann = (sg_riemann){.model = model, .theta = theta, .softness = softness};
    sg_status status = sg_mode_widths(model, theta, riemann->step);
    for (int a = 0; a < model->space.d && !status; a++) riemann->step[a] *= 0x1p-9;
    return status;
}

static int packed(int a, int b) {
    return (a > b ? a * (a + 1) / 2 + b : b * (b + 1) / 2 + a) * B;
}

/* Hess log p, packed rows. */
static void look(const sg_riemann *r, const sg_block *block, double *dxx) {
    sg_jet jet = {.m = r->model->full, .d = block->d, .want = SG_DXX, .dxx = dxx};
    r->model->family->jet(r->model, r->theta, block, &jet);
}

/* d_a Hess log p, packed rows. */
static void differentiate(const sg_riemann *r, const sg_block *block, int a, double *out) {
    static const double coefficient[] = {45. / 60, -9. / 60, 1. / 60};
    _Alignas(SG_ALIGN) double x[D8 * B], dxx[PAIRS * B];
    const int d = block->d, n = block->n, rows = d * (d + 1) / 2;
    sg_block moved = *block;
    moved.x = x;
    for (int k = 0; k < d; k++) /* the padding too, which families may read */
        for (int i = 0; i < B; i++) x[k * B + i] = block->x[k * B + (i < n ? i : n - 1)];
    for (int row = 0; row < rows; row++) memset(out + row * B, 0, (size_t)n * sizeof *out);
    for (int k = 1; k <= 3; k++)
        for (int side = -1; side <= 1; side += 2) {
            const double move = side * k * r->step[a], factor = side * coefficient[k - 1] / r->step[a];
            for (int i = 0; i < B; i++) x[a * B + i] = block->x[a * B + (i < n ? i : n - 1)] + move;
            look(r, &moved, dxx);
            for (int row = 0; row < rows; row++)
                for (int i = 0; i < n; i++) out[row * B + i] += factor * dxx[row * B + i];
        }
}

/* Eigenvalues and vectors (columns) of -Hess log p at point i; a Hessian that is no number gives none. */
static bool eigen(int d, int i, const double *dxx, double *values, double *vectors) {
    double work[WORK];
    for (int a = 0; a < d; a++)
        for (int b = 0; b < d; b++) {
            vectors[a + b * d] = -dxx[packed(a, b) + i];
            if (!isfinite(vectors[a + b * d])) return false;
        }
    return LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'L', d, vectors, d, values, work, WORK) == 0;
}

typedef struct {
    _Alignas(SG_ALIGN) double values[D8 * B], vectors[D8 * D8 * B], dxx[PAIRS * B], slope[PAIRS * B];
    bool good[B];
} scratch;

static void fill_matrix(const sg_riemann *r, int d, int i, const double *values, const double *vectors, double *D) {
    const double s = r->softness;
    for (int a = 0; a < d; a++)
        for (int b = 0; b <= a; b++) {
            double sum = 0;
            for (int k = 0; k < d; k++) sum += vectors[a + k * d] * vectors[b + k * d] / hypot(values[k], s);
            D[packed(a, b) + i] = sum;
        }
}

/* (f(k) - f(l))/(k - l) */
static double difference(double softness, double k, double l) {
    const double rk = hypot(k, softness), rl = hypot(l, softness);
    return -(k + l) / (rk * rl * (rk + rl));
}

/* div += row a of Q (J o (Q^T d_a H Q)) Q^T, d_a H = -slope. */
static void add_row(const sg_riemann *r, int d, int i, int a, const double *values, const double *vectors,
                    const double *slope, double *div) {
    double turned[D8 * D8] = {0};
    for (int k = 0; k < d; k++)
        for (int l = 0; l <= k; l++) {
            double sum = 0;
            for (int b = 0; b < d; b++)
                for (int c = 0; c < d; c++) sum -= vectors[b + k * d] * vectors[c + l * d] * slope[packed(b, c) + i];
            turned[k + l * d] = turned[l + k * d] = sum * difference(r->softness, values[k], values[l]);
        }
    for (int k = 0; k < d; k++)
        for (int l = 0; l < d; l++)
            for (int b = 0; b < d; b++) div[b * B + i] += vectors[a + k * d] * turned[k + l * d] * vectors[b + l * d];
}

void sg_riemann_at(const sg_riemann *r, const sg_block *block, double *D, double *div) {
    const int d = block->d, n = block->n;
    scratch s;
    look(r, block, s.dxx);
    for (int a = 0; a < d; a++) memset(div + a * B, 0, (size_t)n * sizeof *div);
    for (int i = 0; i < n; i++) {
        s.good[i] = eigen(d, i, s.dxx, s.values + i * D8, s.vectors + i * D8 * D8);
        if (s.good[i]) fill_matrix(r, d, i, s.values + i * D8, s.vectors + i * D8 * D8, D);
        for (int row = 0; row < d * (d + 1) / 2 && !s.good[i]; row++) D[row * B + i] = NAN;
    }
    for (int a = 0; a < d; a++) {
        differentiate(r, block, a, s.slope);
        for (int i = 0; i < n; i++)
            if (s.good[i]) add_row(r, d, i, a, s.values + i * D8, s.vectors + i * D8 * D8, s.slope, div);
    }
}
