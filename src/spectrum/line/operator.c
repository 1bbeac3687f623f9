#include "operator.h"

#include <math.h>

#include "base/vecmath.h"
#include "numeric/legendre.h"

#define ORDER SG_PANEL_ORDER
#define DRIFT 64 /* exponent beyond which the numbers of a panel are brought back to order one */

typedef long long places __attribute__((vector_size(32)));

/* ------------------------------------------------------------------- powers */

typedef union {
    unsigned long long bits;
    double value;
} image;

/* 2^e, 0 and infinite beyond the range of double */
static inline double power(long e) {
    image x = {.bits = e < -1022 ? 0 : e > 1023 ? 0x7ffull << 52 : (unsigned long long)(1023 + e) << 52};
    return x.value;
}

static inline long exponent(double x) {
    image y = {.value = x};
    return (long)(y.bits >> 52 & 0x7ff) - 1022;
}

static inline long larger(long a, long b) {
    return a > b ? a : b;
}

/* log 2 in two parts, the first short, so that multiples of it are exact. */
static inline double reduced(double log_value, double e) {
    return (log_value - e * 0x1.62e42fefa38p-1) - e * 0x1.ef35793c7673p-45;
}

static inline long unit_of(const double *log_value) {
    double top = log_value[0];
#pragma omp simd reduction(max : top)
    for (int j = 0; j < ORDER; j++) top = log_value[j] > top ? log_value[j] : top;
    return lrint(sg_larger(sg_smaller(top / M_LN2, 1e15), -1e15));
}

/* ------------------------------------------------------------------- waves */

sg_status sg_wave_new(int count, sg_wave *wave) {
    const size_t n = (size_t)count * ORDER;
    double *made;
    *wave = (sg_wave){0};
    sg_status status = sg_new(&made, n + (size_t)count, sizeof(double));
    if (status) return status;
    *wave = (sg_wave){made, (long *)(made + n)};
    return SG_OK;
}

void sg_wave_delete(sg_wave *wave) {
    sg_delete(wave->value); /* the head of its block */
    *wave = (sg_wave){0};
}

void sg_wave_set(int count, const double *log_g, sg_wave *g) {
    for (int k = 0; k < count; k++) {
        const long e = unit_of(log_g + k * ORDER);
        g->unit[k] = e;
#pragma omp simd
        for (int i = k * ORDER; i < (k + 1) * ORDER; i++) g->value[i] = exp(reduced(log_g[i], (double)e));
    }
}

/* Numbers far from order one give part of themselves to the unit. */
static inline void settle(double *value, long *unit) {
    const long e = exponent(value[ORDER / 2]);
    if ((e < DRIFT && e > -DRIFT) || e == -1022 || e == 1025) return; /* also where the value is no number */
    const double factor = power(-e);
    for (int j = 0; j < ORDER; j++) value[j] *= factor;
    *unit += e;
}

/* ------------------------------------------------------------------ products */

/* left = int_{-1}^{t_i} f, right = int_{t_i}^1 h: one pass over the matrix. */
static inline void integrate(const double *f, const double *h, double *left, double *right) {
    sg_four s[4] = {{0}}, r[4] = {{0}};
#pragma GCC unroll 1
    for (int j = 0; j < ORDER; j++) {
        const sg_four *column = (const sg_four *)sg_legendre_left[j];
        const double a = f[j], b = h[ORDER - 1 - j];
        for (int l = 0; l < 4; l++) {
            s[l] += column[l] * a;
            r[l] += column[l] * b;
        }
    }
    for (int l = 0; l < 4; l++) {
        sg_store(left + 4 * l, s[l]);
        sg_store(right + ORDER - 4 - 4 * l, __builtin_shuffle(r[l], (places){3, 2, 1, 0}));
    }
}

/* A running sum: value 2^unit. */
typedef struct {
    double value;
    long unit;
} running;

/* Adds total 2^unit; in the new unit what was there is start, and the new part has the factor scale. */
static inline running add(running sum, double total, long unit, double *start, double *scale) {
    const long top = sum.value != 0 ? larger(sum.unit, unit) : unit;
    *start = sum.value != 0 ? sum.value * power(sum.unit - top) : 0;
    *scale = power(unit - top);
    return (running){*start + *scale * total, top};
}

/* --------------------------------------------------------------- construction */

sg_status sg_operator_new(int panels, sg_operator **made) {
    const size_t n = (size_t)panels * ORDER, count = (size_t)(panels + 7) & ~(size_t)7;
    const size_t head = (sizeof(sg_operator) + SG_ALIGN - 1) / SG_ALIGN * SG_ALIGN;
    sg_status status = sg_new(made, head + (3 * n + 9 * count) * sizeof(double), 1);
    if (status) return status;
    sg_operator *op = *made;
    op->count = panels;
    op->n = (int)n;
    double *next = (double *)((char *)op + head);
    double **node[] = {&op->dp, &op->below, &op->above};
    double **panel[] = {&op->half, &op->total_b, &op->start_a, &op->scale_a};
    long **unit[] = {&op->dp_unit, &op->below_unit, &op->above_unit, &op->half_unit, &op->sum_unit};
    for (size_t k = 0; k < sizeof node / sizeof *node; k++, next += n) *node[k] = next;
    for (size_t k = 0; k < sizeof panel / sizeof *panel; k++, next += count) *panel[k] = next;
    for (size_t k = 0; k < sizeof unit / sizeof *unit; k++) *unit[k] = (long *)next + k * count;
    return SG_OK;
}

void sg_operator_delete(sg_operator *op) {
    sg_delete(op); /* the head of its block */
}

/* SG_REFUSED at the first node where D p is no positive number. */
static sg_status check(const sg_line_law *law) {
    const int n = law->count * ORDER;
    double wrong = 0;
    if (law->log_d)
#pragma omp simd reduction(+ : wrong)
        for (int i = 0; i < n; i++) wrong += fabs(law->logp[i] + law->log_d[i]) < INFINITY ? 0 : 1;
    else
#pragma omp simd reduction(+ : wrong)
        for (int i = 0; i < n; i++) wrong += fabs(law->logp[i]) < INFINITY ? 0 : 1;
    if (wrong == 0) return SG_OK;
    int i = 0;
    while (isfinite(law->logp[i] + (law->log_d ? law->log_d[i] : 0))) i++;
    const double lo = law->edge[i / ORDER], hi = law->edge[i / ORDER + 1];
    return sg_fail(SG_REFUSED, "D p is not positive and finite at x = %g",
                   0.5 * (lo + hi) + 0.5 * (hi - lo) * sg_legendre_node[i % ORDER]);
}

/* D p on panel k and, within it, the running integrals of p from both edges. */
static void put_density(sg_operator *op, const sg_line_law *law, int k) {
    const double *logp = law->logp + k * ORDER;
    const double half = 0.5 * (law->edge[k + 1] - law->edge[k]);
    const long e = unit_of(logp), h = exponent(half);
    double *dp = op->dp + k * ORDER, p[ORDER], log_dp[ORDER], total = 0;
    op->half_unit[k] = h;
    op->half[k] = half * power(-h);
    op->below_unit[k] = op->dp_unit[k] = e;
    if (law->log_d)
        for (int j = 0; j < ORDER; j++) log_dp[j] = logp[j] + law->log_d[k * ORDER + j];
#pragma omp simd
    for (int j = 0; j < ORDER; j++) p[j] = exp(reduced(logp[j], (double)e));
    if (law->log_d) {
        const long u = op->dp_unit[k] = unit_of(log_dp);
#pragma omp simd
        for (int j = 0; j < ORDER; j++) dp[j] = exp(reduced(log_dp[j], (double)u));
    } else {
        for (int j = 0; j < ORDER; j++) dp[j] = p[j];
    }
    integrate(p, p, op->below + k * ORDER, op->above + k * ORDER);
#pragma omp simd reduction(+ : total)
    for (int j = 0; j < ORDER; j++) total += sg_legendre_weight[j] * p[j];
    op->start_a[k] = op->half[k] * total;
}

static inline void put_mass(double start, double scale, double *mass) {
    for (int j = 0; j < ORDER; j++) mass[j] = start + scale * sg_larger(mass[j], 0);
}

sg_status sg_operator_fill(sg_operator *op, const sg_line_law *law) {
    running sum = {0};
    double start, scale;
    sg_status status = check(law);
    if (status) return status;
    for (int k = 0; k < op->count; k++) put_density(op, law, k);
    for (int k = op->count - 1; k >= 0; k--) {
        sum = add(sum, op->start_a[k], op->below_unit[k] + op->half_unit[k], &start, &scale);
        op->above_unit[k] = sum.unit;
        put_mass(start, scale * op->half[k], op->above + k * ORDER);
    }
    sum = (running){0};
    for (int k = 0; k < op->count; k++) {
        sum = add(sum, op->start_a[k], op->below_unit[k] + op->half_unit[k], &start, &scale);
        op->below_unit[k] = sum.unit;
        put_mass(start, scale * op->half[k], op->below + k * ORDER);
    }
    op->log_mass = log(sum.value) + (double)sum.unit * M_LN2;
    return SG_OK;
}

/* ---------------------------------------------------------------- application */

/* The integrals of P g and Q g over every panel, and A at its left edge. */
static void sum_from_left(sg_operator *op, const sg_wave *g) {
    running sum = {0};
    for (int k = 0; k < op->count; k++) {
        const double *value = g->value + k * ORDER, *below = op->below + k * ORDER, *above = op->above + k * ORDER;
        double a = 0, b = 0, scale;
#pragma omp simd reduction(+ : a, b)
        for (int j = 0; j < ORDER; j++) {
            const double w = sg_legendre_weight[j] * value[j];
            a += w * below[j];
            b += w * above[j];
        }
        op->total_b[k] = op->half[k] * b;
        sum = add(sum, op->half[k] * a, op->below_unit[k] + op->half_unit[k] + g->unit[k], &op->start_a[k], &scale);
        op->scale_a[k] = scale * op->half[k];
        op->sum_unit[k] = sum.unit;
    }
}

/* Extremes and sums over the panels so far. */
typedef struct {
    double least, most;  /* in units of 2^base */
    running top, bottom; /* int D p g T g, int D p g^2 */
    long base;
} summary;

static inline running sum_up(running sum, double value, long unit) {
    double start, scale;
    return add(sum, value, unit, &start, &scale);
}

/*
 * T g on panel k is q g, q = (Q (start_a + scale_a inner_a) + P (start_b + scale_b inner_b)) / (D p g), the factors in
 * this order; g becomes (q - shift) g.
 */
static inline void combine(const sg_operator *op, int k, const double factor[4], double shift, double *g,
                           double range[2], double sums[2]) {
    const double *below = op->below + k * ORDER, *above = op->above + k * ORDER, *dp = op->dp + k * ORDER;
    double f[ORDER], h[ORDER], inner_a[ORDER], inner_b[ORDER], least = INFINITY, most = 0, top = 0, bottom = 0;
    for (int j = 0; j < ORDER; j++) f[j] = below[j] * g[j];
    for (int j = 0; j < ORDER; j++) h[j] = above[j] * g[j];
    integrate(f, h, inner_a, inner_b);
#pragma omp simd reduction(min : least) reduction(max : most) reduction(+ : top, bottom)
    for (int j = 0; j < ORDER; j++) {
        const double a = factor[0] + factor[1] * sg_larger(inner_a[j], 0);
        const double b = factor[2] + factor[3] * sg_larger(inner_b[j], 0);
        const double flux = above[j] * a + below[j] * b, before = dp[j] * g[j], q = flux / before;
        const double w = sg_legendre_weight[j] * g[j];
        least = q < least ? q : least;
        most = q > most ? q : most;
        top += w * flux;
        bottom += w * before;
        g[j] *= q - shift;
    }
    range[0] = least;
    range[1] = most;
    sums[0] = top * op->half[k];
    sums[1] = bottom * op->half[k];
}

void sg_operator_apply(sg_operator *op, double shift, double log_unit, sg_wave *g, sg_quotients *q) {
    running b = {0};
    summary all = {.least = INFINITY};
    const double log2_unit = (log_unit + op->log_mass) / M_LN2, whole = floor(log2_unit);
    const double of_shift = shift > 0 ? shift * exp2(log2_unit - whole) : 0;
    sum_from_left(op, g);
    for (int k = op->count - 1; k >= 0; k--) {
        double start, scale, range[2], sums[2];
        const long own = g->unit[k];
        b = add(b, op->total_b[k], op->above_unit[k] + op->half_unit[k] + own, &start, &scale);
        const long left = op->above_unit[k] + op->sum_unit[k], right = op->below_unit[k] + b.unit;
        const long unit = larger(left, right), made = unit - op->dp_unit[k], rise = made - own;
        const double to_left = power(left - unit), to_right = power(right - unit);
        const double factor[4] = {op->start_a[k] * to_left, op->scale_a[k] * to_left, start * to_right,
                                  scale * op->half[k] * to_right};
        const double part = shift > 0 ? of_shift * power((long)whole - rise) : 0;
        combine(op, k, factor, part, g->value + k * ORDER, range, sums);
        if (k == op->count - 1) all.base = rise;
        all.least = sg_smaller(range[0] * power(rise - all.base), all.least);
        all.most = sg_larger(range[1] * power(rise - all.base), all.most);
        all.top = sum_up(all.top, sums[0], op->half_unit[k] + unit + own);
        all.bottom = sum_up(all.bottom, sums[1], op->half_unit[k] + op->dp_unit[k] + 2 * own);
        g->unit[k] = made;
        settle(g->value + k * ORDER, &g->unit[k]);
    }
    const double log_base = (double)all.base * M_LN2 - op->log_mass;
    q->least = log(all.least) + log_base;
    q->most = log(all.most) + log_base;
    q->rayleigh =
        log(all.top.value / all.bottom.value) + (double)(all.top.unit - all.bottom.unit) * M_LN2 - op->log_mass;
}
