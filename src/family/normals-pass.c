#include "family/normals-pass.h"

#include <math.h>
#include <string.h>

#include "base/vecmath.h"

static const double HALF_LOG_2PI = 0.91893853320467274178;

static inline void zero(double *restrict out) {
    SG_EACH_LANE(i) out[i] = 0;
}

static inline void add_scaled(double *restrict out, double scale, const double *restrict x) {
    SG_EACH_LANE(i) out[i] += scale * x[i];
}

static inline void add_product(double *restrict out, const double *restrict x, const double *restrict y) {
    SG_EACH_LANE(i) out[i] += x[i] * y[i];
}

static const double *axes_of(const sg_normals_pass *p, int k) {
    return p->law->axes + (size_t)k * (size_t)p->d * (size_t)p->d;
}

/* ------------------------------------------------------------------ order 0 */

void sg_normals_open(const sg_normals *law, const double *theta, bool heat, bool diagonal, sg_normals_pass *p) {
    p->law = law;
    p->d = law->d;
    p->z = law->d + heat;
    p->heat = heat;
    p->mean = theta + law->count - 1;
    p->pairs = 0;
    for (int a = 0; a < p->z; a++)
        for (int b = diagonal ? a : 0; b <= a; b++) {
            p->row[p->pairs] = (unsigned char)a;
            p->column[p->pairs++] = (unsigned char)b;
        }
    sg_normals_weights(law, theta, p->weight);
    for (int k = 0; k < law->count; k++)
        for (int e = 0; e < p->d; e++) {
            const double *mean = p->mean + k * p->d, *axis = law->round ? NULL : axes_of(p, k) + e * p->d;
            double sum = 0;
            for (int a = 0; a < p->d && axis; a++) sum += axis[a] * mean[a];
            p->turned[k][e] = axis ? sum : mean[e];
        }
}

static void load_precisions(sg_normals_pass *p, const double *t) {
    for (int k = 0; k < p->law->count; k++)
        for (int e = 0; e < p->d; e++) {
            const double variance = p->law->variance[k * p->d + e];
            double *restrict h = p->h[k][e];
            const bool known = p->law->shared ? k > 0 : p->law->round && e > 0;
            if (known)
                memcpy(h, p->law->shared ? p->h[0][e] : p->h[k][0], sizeof(sg_lanes));
            else
                SG_EACH_LANE(i) h[i] = 1 / (t ? variance + t[i] : variance);
        }
}

/* y along the axes, then P y, P^2 y and P^3 y along the coordinates. */
static void load_round(sg_normals_pass *p, int k, const double *x) {
    for (int a = 0; a < p->d; a++) {
        const double mean = p->mean[k * p->d + a], *restrict h = p->h[k][a], *restrict from = x + a * SG_BLOCK;
        double *restrict y = p->y[k][a], *restrict u = p->u[k][a];
        SG_EACH_LANE(i) {
            y[i] = from[i] - mean;
            u[i] = h[i] * y[i];
        }
        if (!p->heat) continue;
        double *restrict u2 = p->u2[k][a], *restrict u3 = p->u3[k][a];
        SG_EACH_LANE(i) {
            u2[i] = h[i] * u[i];
            u3[i] = h[i] * u2[i];
        }
    }
}

static void load_turned(sg_normals_pass *p, int k, const double *x) {
    sg_lanes away[SG_NORMALS_D], part;
    const double *axes = axes_of(p, k);
    for (int a = 0; a < p->d; a++) {
        const double mean = p->mean[k * p->d + a];
        SG_EACH_LANE(i) away[a][i] = x[a * SG_BLOCK + i] - mean;
        zero(p->u[k][a]);
        zero(p->u2[k][a]);
        zero(p->u3[k][a]);
    }
    for (int e = 0; e < p->d; e++) {
        const double *axis = axes + e * p->d, *restrict h = p->h[k][e];
        zero(p->y[k][e]);
        for (int a = 0; a < p->d; a++) add_scaled(p->y[k][e], axis[a], away[a]);
        memcpy(part, p->y[k][e], sizeof part);
        for (int power = 1; power <= (p->heat ? 3 : 1); power++) {
            sg_lanes *to = power == 1 ? p->u[k] : power == 2 ? p->u2[k] : p->u3[k];
            SG_EACH_LANE(i) part[i] *= h[i];
            for (int a = 0; a < p->d; a++) add_scaled(to[a], axis[a], part);
        }
    }
}

/* log det P / 2 */
static void half_log_det(const sg_normals_pass *p, int k, double *restrict out) {
    const int axes = p->law->round ? 1 : p->d;
    const double times = 0.5 * p->d / axes;
    zero(out);
    for (int e = 0; e < axes; e++) SG_EACH_LANE(i) out[i] += times * log(p->h[k][e][i]);
}

static void load_log_phi(sg_normals_pass *p) {
    sg_lanes norm;
    for (int k = 0; k < p->law->count; k++) {
        double *restrict out = p->log_phi[k];
        if (k == 0 || !p->law->shared) half_log_det(p, k, norm);
        memcpy(out, norm, sizeof norm);
        for (int e = 0; e < p->d; e++) {
            const double *restrict h = p->h[k][e], *restrict y = p->y[k][e];
            SG_EACH_LANE(i) out[i] -= 0.5 * h[i] * y[i] * y[i];
        }
    }
}

/* log phi_k - log phi_j of one covariance: linear in x, (mu_k - mu_j)' P times the mean of the two y. */
static void log_ratio_to(const sg_normals_pass *p, int k, int j, double *restrict out) {
    zero(out);
    for (int e = 0; e < p->d; e++) {
        const double apart = p->turned[k][e] - p->turned[j][e];
        const double *restrict h = p->h[k][e], *restrict one = p->y[k][e], *restrict other = p->y[j][e];
        if (apart == 0) continue;
        SG_EACH_LANE(i) out[i] += h[i] * apart * (0.5 * one[i] + 0.5 * other[i]);
    }
}

/* log phi_k - log phi_top, top the component of each point. */
static void log_ratio(const sg_normals_pass *p, int k, const int *top, double *restrict out) {
    if (!p->law->shared) {
        SG_EACH_LANE(i) out[i] = p->log_phi[k][i] - p->log_phi[top[i]][i];
        return;
    }
    sg_lanes ratio;
    for (int j = 0; j < p->law->count; j++) {
        bool here = false;
        for (int i = 0; i < SG_LANES; i++) here |= top[i] == j;
        if (!here) continue;
        log_ratio_to(p, k, j, ratio);
        SG_EACH_LANE(i) out[i] = top[i] == j ? ratio[i] : out[i];
    }
}

/*
 * The component of the largest log phi of each point, and in R the log ratios to it.  Far out the log phi of different
 * components are equal to rounding, and their ratios tell which is larger.
 */
static void find_top(sg_normals_pass *p, int *top) {
    const int count = p->law->count;
    bool moved = true;
    SG_EACH_LANE(i) top[i] = 0;
    for (int k = 1; k < count; k++) SG_EACH_LANE(i) top[i] = p->log_phi[k][i] > p->log_phi[top[i]][i] ? k : top[i];
    for (int round = 0; round < count && moved; round++) {
        int best[SG_LANES];
        memcpy(best, top, sizeof best);
        for (int k = 0; k < count; k++) log_ratio(p, k, top, p->R[k]);
        for (int k = 0; k < count; k++) SG_EACH_LANE(i) best[i] = p->R[k][i] > p->R[best[i]][i] ? k : best[i];
        moved = memcmp(best, top, sizeof best) != 0;
        memcpy(top, best, sizeof best);
    }
}

static void load_responsibilities(sg_normals_pass *p) {
    const int count = p->law->count;
    int top[SG_LANES];
    sg_lanes sum;
    zero(sum);
    find_top(p, top);
    for (int k = 0; k < count; k++) {
        double *restrict R = p->R[k];
        SG_EACH_LANE(i) R[i] = exp(R[i]);
        add_scaled(sum, p->weight[k], R);
    }
    if (p->logp_wanted) {
        sg_lanes log_sum;
        SG_EACH_LANE(i) log_sum[i] = log(sum[i]);
        SG_EACH_LANE(i) p->logp[i] = p->log_phi[top[i]][i] - p->d * HALF_LOG_2PI + log_sum[i];
    }
    for (int k = 0; k < count; k++) {
        SG_EACH_LANE(i) p->R[k][i] /= sum[i];
        SG_EACH_LANE(i) p->r[k][i] = p->weight[k] * p->R[k][i];
    }
    for (int k = 0; k < count; k++) {
        zero(p->rest[k]);
        for (int j = 0; j < count; j++)
            if (j != k) add_scaled(p->rest[k], 1, p->r[j]);
    }
}

void sg_normals_load(sg_normals_pass *p, const sg_block *block, int first) {
    const double *x = block->x + first;
    load_precisions(p, p->heat ? x + p->d * SG_BLOCK : NULL);
    for (int k = 0; k < p->law->count; k++) {
        if (p->law->round)
            load_round(p, k, x);
        else
            load_turned(p, k, x);
    }
    load_log_phi(p);
    load_responsibilities(p);
}

/* R_j - R_K is the larger of the two times 1 - exp(-|t|) = 2 tanh(|t|/2)/(1 + tanh(|t|/2)), t = log(R_j/R_K). */
void sg_normals_weight_row(const sg_normals_pass *p, int j, double *restrict out) {
    const int last = p->law->count - 1;
    const double *restrict one = p->R[j], *restrict other = p->R[last];
    int top[SG_LANES];
    SG_EACH_LANE(i) top[i] = last;
    log_ratio(p, j, top, out);
    SG_EACH_LANE(i) {
        const double s = tanh(0.5 * out[i]), large = one[i] > other[i] ? one[i] : other[i];
        out[i] = large * (2 * s / (1 + fabs(s)));
    }
}

/* --------------------------------------------------- one component in x and t */

bool sg_normals_precision(const sg_normals_pass *p, int k, int power, int a, int b, double *restrict out) {
    if (p->law->round && a != b) return false;
    if (p->law->round) {
        memcpy(out, p->h[k][a], sizeof(sg_lanes));
        for (int n = 1; n < power; n++) SG_EACH_LANE(i) out[i] *= p->h[k][a][i];
        return true;
    }
    if (!p->heat && power == 1) {
        const double entry = p->law->precision[((size_t)k * (size_t)p->d + (size_t)a) * (size_t)p->d + (size_t)b];
        SG_EACH_LANE(i) out[i] = entry;
        return true;
    }
    zero(out);
    for (int e = 0; e < p->d; e++) {
        const double *axis = axes_of(p, k) + e * p->d, product = axis[a] * axis[b], *restrict h = p->h[k][e];
        SG_EACH_LANE(i)
        out[i] += product * (power == 1 ? h[i] : power == 2 ? h[i] * h[i] : h[i] * h[i] * h[i]);
    }
    return true;
}

void sg_normals_slope(const sg_normals_pass *p, int k, int a, double *restrict out) {
    if (a < p->d) {
        SG_EACH_LANE(i) out[i] = -p->u[k][a][i];
        return;
    }
    zero(out);
    for (int e = 0; e < p->d; e++) SG_EACH_LANE(i) out[i] += 0.5 * (p->u[k][e][i] * p->u[k][e][i] - p->h[k][e][i]);
}

void sg_normals_bend(const sg_normals_pass *p, int k, int e, double *restrict out) {
    const int a = p->row[e], b = p->column[e];
    if (a < p->d) {
        if (!sg_normals_precision(p, k, 1, a, b, out)) zero(out);
        SG_EACH_LANE(i) out[i] = -out[i];
        return;
    }
    if (b < p->d) {
        memcpy(out, p->u2[k][b], sizeof(sg_lanes));
        return;
    }
    zero(out);
    for (int n = 0; n < p->d; n++) SG_EACH_LANE(i)
    out[i] += 0.5 * p->h[k][n][i] * p->h[k][n][i] - p->u[k][n][i] * p->u2[k][n][i];
}

/* ---------------------------------------------------- between two components */

/* Of one covariance: P^power (mu_k - mu_j). */
static void means_between(const sg_normals_pass *p, int k, int j, int power, int a, double *restrict out) {
    if (p->law->round) {
        const double apart = p->turned[k][a] - p->turned[j][a], *restrict h = p->h[k][a];
        SG_EACH_LANE(i) out[i] = apart * (power == 1 ? h[i] : h[i] * h[i]);
        return;
    }
    zero(out);
    for (int e = 0; e < p->d; e++) {
        const double *restrict h = p->h[k][e], part = axes_of(p, k)[e * p->d + a] * (p->turned[k][e] - p->turned[j][e]);
        SG_EACH_LANE(i) out[i] += part * (power == 1 ? h[i] : h[i] * h[i]);
    }
}

/* (|u_k|^2 - |u_j|^2)/2 from u_k - u_j = -delta. */
static void slope_in_t_between(const sg_normals_pass *p, int k, int j, const sg_lanes *delta, double *restrict out) {
    zero(out);
    for (int a = 0; a < p->d; a++) SG_EACH_LANE(i) out[i] -= 0.5 * delta[a][i] * (p->u[k][a][i] + p->u[j][a][i]);
    if (p->law->shared) return;
    for (int e = 0; e < p->d; e++) SG_EACH_LANE(i) out[i] -= 0.5 * (p->h[k][e][i] - p->h[j][e][i]);
}

void sg_normals_slopes_between(const sg_normals_pass *p, int k, int j, sg_lanes *delta) {
    for (int a = 0; a < p->d; a++) {
        if (p->law->shared)
            means_between(p, k, j, 1, a, delta[a]);
        else
            SG_EACH_LANE(i) delta[a][i] = p->u[j][a][i] - p->u[k][a][i];
    }
    if (p->heat) slope_in_t_between(p, k, j, delta, delta[p->d]);
}

bool sg_normals_bend_between(const sg_normals_pass *p, int k, int j, int e, double *restrict out) {
    const int a = p->row[e], b = p->column[e];
    sg_lanes other;
    if (p->law->shared && a < p->d) return false;
    if (p->law->shared && b < p->d) {
        means_between(p, k, j, 2, b, out);
        SG_EACH_LANE(i) out[i] = -out[i];
        return true;
    }
    if (p->law->shared) { /* y' P^3 y of j less that of k */
        zero(out);
        for (int n = 0; n < p->d; n++) {
            means_between(p, k, j, 2, n, other);
            SG_EACH_LANE(i) out[i] += other[i] * (p->u[k][n][i] + p->u[j][n][i]);
        }
        return true;
    }
    sg_normals_bend(p, k, e, out);
    sg_normals_bend(p, j, e, other);
    SG_EACH_LANE(i) out[i] -= other[i];
    return true;
}

/* --------------------------------------------------------- responsibilities */

void sg_normals_slopes(sg_normals_pass *p, bool bends) {
    const int count = p->law->count;
    sg_lanes delta[SG_NORMALS_Z];
    for (int k = 0; k < count; k++)
        for (int a = 0; a < p->z; a++) zero(p->g[k][a]);
    for (int k = 0; k < count; k++)
        for (int j = 0; j < k; j++) {
            sg_normals_slopes_between(p, k, j, delta);
            for (int a = 0; a < p->z; a++) {
                add_product(p->g[k][a], p->r[j], delta[a]);
                SG_EACH_LANE(i) p->g[j][a][i] -= p->r[k][i] * delta[a][i];
            }
        }
    for (int e = 0; e < p->pairs && bends; e++) {
        const int a = p->row[e], b = p->column[e];
        double *restrict C = p->C[e];
        zero(C);
        for (int k = 0; k < count; k++) SG_EACH_LANE(i) C[i] += p->r[k][i] * (p->g[k][a][i] * p->g[k][b][i]);
    }
}

void sg_normals_ratio_bend(const sg_normals_pass *p, int k, int e, double *restrict out) {
    const double *restrict first = p->g[k][p->row[e]], *restrict second = p->g[k][p->column[e]];
    sg_lanes between;
    SG_EACH_LANE(i) out[i] = first[i] * second[i] - p->C[e][i];
    for (int j = 0; j < p->law->count; j++)
        if (j != k && sg_normals_bend_between(p, k, j, e, between)) add_product(out, p->r[j], between);
}
