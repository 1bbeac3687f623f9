#include "operator.h"

#include <math.h>

#include "base/vecmath.h"
#include "numeric/legendre.h"

#define ORDER SG_PANEL_ORDER

static sg_status allocate(sg_operator *op) {
    size_t n = (size_t)op->n, count = (size_t)op->count;
    double **node[] = {&op->log_dp, &op->log_g, &op->log_t, &op->in_a,   &op->in_b, &op->out_a,
                       &op->out_b,  &op->a,     &op->b,     &op->weight, NULL};
    double **panel[] = {&op->half, &op->unit_a, &op->unit_b, &op->carry_a, &op->carry_b, NULL};
    for (int k = 0; node[k]; k++) {
        sg_status status = sg_new(node[k], n, sizeof(double));
        if (status) return status;
    }
    for (int k = 0; panel[k]; k++) {
        sg_status status = sg_new(panel[k], count, sizeof(double));
        if (status) return status;
    }
    return sg_new(&op->right, ORDER, sizeof *op->right);
}

void sg_operator_delete(sg_operator *op) {
    if (!op) return;
    double *array[] = {op->log_dp, op->log_g,  op->log_t, op->in_a,   op->in_b,   op->out_a,   op->out_b,  op->a,
                       op->b,      op->weight, op->half,  op->unit_a, op->unit_b, op->carry_a, op->carry_b};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
    sg_delete(op->right);
    sg_delete(op);
}

sg_status sg_operator_new(const sg_panels *panels, const double *log_d, sg_operator **made) {
    sg_operator *op = NULL;
    *made = NULL;
    sg_status status = sg_new(&op, 1, sizeof *op);
    if (status) return status;
    op->panels = panels;
    op->n = panels->n;
    op->count = panels->count;
    status = allocate(op);
    if (status) goto out;
    for (int k = 0; k < op->count; k++) op->half[k] = 0.5 * (panels->edge[k + 1] - panels->edge[k]);
    for (int j = 0; j < ORDER; j++)
        for (int i = 0; i < ORDER; i++) op->right[j][i] = sg_legendre_left[ORDER - 1 - j][ORDER - 1 - i];
    for (int i = 0; i < op->n; i++) {
        op->log_dp[i] = panels->logp[i] + (log_d ? log_d[i] : 0);
        if (isfinite(op->log_dp[i])) continue;
        status = sg_fail(SG_REFUSED, "D p is not positive and finite at x = %g", panels->x[i]);
        goto out;
    }
    *made = op;
    op = NULL;
out:
    sg_operator_delete(op);
    return status;
}

/* log(exp(a) + exp(b)), -INFINITY allowed. */
static double log_add(double a, double b) {
    double most = a > b ? a : b, least = a > b ? b : a;
    return most == -INFINITY ? most : most + log1p(exp(least - most));
}

/*
 * One panel of a running integral of exp(log_f): in log_sum at the edge where it starts, out its value at the other
 * edge and value [16] the integrals at the nodes in units of that.
 */
static double log_panel(const double matrix[ORDER][ORDER], double half, const double *log_f, double log_sum,
                        double *value) {
    double top = log_f[0], f[ORDER], total = 0;
    for (int j = 1; j < ORDER; j++) top = sg_larger(top, log_f[j]);
#pragma omp simd
    for (int j = 0; j < ORDER; j++) f[j] = exp(log_f[j] - top);
    sg_legendre_apply(matrix, f, value);
    for (int j = 0; j < ORDER; j++) total += sg_legendre_weight[j] * f[j];
    double step = top + log(half), end = log_add(log_sum, step + log(total));
    double start = exp(log_sum - end), unit = exp(step - end);
    for (int j = 0; j < ORDER; j++) value[j] = start + unit * sg_larger(value[j], 0);
    return end;
}

void sg_operator_refer(sg_operator *op, const double *log_g) {
    const double *below = op->panels->log_below, *above = op->panels->log_above;
    double sum = -INFINITY, f[ORDER];
    for (int k = 0; k < op->count; k++) {
        const int i = k * ORDER;
        for (int j = 0; j < ORDER; j++) f[j] = below[i + j] + log_g[i + j];
        op->unit_a[k] = sum = log_panel(sg_legendre_left, op->half[k], f, sum, op->a + i);
    }
    sum = -INFINITY;
    for (int k = op->count - 1; k >= 0; k--) {
        const int i = k * ORDER;
        for (int j = 0; j < ORDER; j++) f[j] = above[i + j] + log_g[i + j];
        op->unit_b[k] = sum = log_panel((const double(*)[ORDER])op->right, op->half[k], f, sum, op->b + i);
    }
    for (int k = 0; k < op->count; k++) {
        double unit_a = op->unit_a[k], unit_b = op->unit_b[k];
#pragma omp simd
        for (int i = k * ORDER; i < (k + 1) * ORDER; i++) {
            double left = above[i] + unit_a, right = below[i] + unit_b, top = left > right ? left : right;
            double sum_i = op->a[i] * exp(left - top) + op->b[i] * exp(right - top);
            op->log_t[i] = top + log(sum_i) - op->log_dp[i];
            op->log_g[i] = log_g[i];
        }
    }
}

void sg_operator_log_range(const sg_operator *op, double *least, double *most) {
    double lo = INFINITY, hi = -INFINITY;
    for (int i = 0; i < op->n; i++) {
        double q = op->log_t[i] - op->log_g[i];
        lo = sg_smaller(lo, q);
        hi = sg_larger(hi, q);
    }
    *least = lo;
    *most = hi;
}

void sg_operator_linearize(sg_operator *op) {
    const double *below = op->panels->log_below, *above = op->panels->log_above;
    double least, scale, top = -INFINITY;
    sg_operator_log_range(op, &least, &scale);
    op->log_scale = scale;
    for (int i = 0; i < op->n; i++) top = sg_larger(top, op->log_dp[i] + 2 * op->log_g[i]);
    for (int k = 0; k < op->count; k++) {
        double unit_a = op->unit_a[k], unit_b = op->unit_b[k], half = op->half[k];
        op->carry_a[k] = k > 0 ? exp(op->unit_a[k - 1] - unit_a) : 0;
        op->carry_b[k] = k + 1 < op->count ? exp(op->unit_b[k + 1] - unit_b) : 0;
#pragma omp simd
        for (int i = k * ORDER; i < (k + 1) * ORDER; i++) {
            double g = op->log_g[i], rest = op->log_dp[i] + g + scale;
            op->in_a[i] = half * exp(below[i] + g - unit_a);
            op->in_b[i] = half * exp(above[i] + g - unit_b);
            op->out_a[i] = exp(above[i] + unit_a - rest);
            op->out_b[i] = exp(below[i] + unit_b - rest);
            op->weight[i] = op->panels->weight[i] * exp(op->log_dp[i] + 2 * g - top);
        }
    }
}

static inline double weigh(const double *in, const double *gamma, double f[ORDER]) {
    double total = 0;
    for (int j = 0; j < ORDER; j++) f[j] = in[j] * gamma[j];
#pragma omp simd reduction(+ : total)
    for (int j = 0; j < ORDER; j++) total += sg_legendre_weight[j] * f[j];
    return total;
}

void sg_operator_apply(sg_operator *op, const double *gamma, double *out) {
    double f[ORDER], inner[ORDER], sum = 0;
    for (int k = 0; k < op->count; k++) {
        const int i = k * ORDER;
        double total = weigh(op->in_a + i, gamma + i, f);
        sg_legendre_apply(sg_legendre_left, f, inner);
        sum *= op->carry_a[k];
        for (int j = 0; j < ORDER; j++) out[i + j] = op->out_a[i + j] * (sum + inner[j]);
        sum += total;
    }
    sum = 0;
    for (int k = op->count - 1; k >= 0; k--) {
        const int i = k * ORDER;
        double total = weigh(op->in_b + i, gamma + i, f);
        sg_legendre_apply((const double(*)[ORDER])op->right, f, inner);
        sum *= op->carry_b[k];
        for (int j = 0; j < ORDER; j++) out[i + j] += op->out_b[i + j] * (sum + inner[j]);
        sum += total;
    }
}

double sg_operator_rayleigh(const sg_operator *op, const double *gamma, const double *out) {
    double top = 0, bottom = 0;
#pragma omp simd reduction(+ : top, bottom)
    for (int i = 0; i < op->n; i++) {
        double w = op->weight[i] * gamma[i];
        top += w * out[i];
        bottom += w * gamma[i];
    }
    return top / bottom;
}
