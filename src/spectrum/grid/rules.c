#include "rules.h"

#include <math.h>

enum { SWEEPS = 6 };

static void legendre(int n, double t, double *p, double *slope) {
    double a = 1, b = t;
    for (int k = 2; k <= n; k++) {
        const double c = ((2 * k - 1) * t * b - (k - 1) * a) / k;
        a = b;
        b = c;
    }
    *p = b;
    *slope = n * (a - t * b) / (1 - t * t);
}

void sg_gauss_fill(int n, double *point, double *weight) {
    for (int k = 0; k < (n + 1) / 2; k++) {
        double t = n == 1 ? 0 : -cos(M_PI * (k + 0.75) / (n + 0.5)), p = 0, slope = 1;
        if (2 * k + 1 == n) t = 0;
        for (int step = 0; step < 20; step++) {
            legendre(n, t, &p, &slope);
            if (t == 0 || fabs(p) < 1e-16 * fabs(slope)) break;
            t -= p / slope;
        }
        point[k] = t;
        point[n - 1 - k] = -t;
        weight[k] = weight[n - 1 - k] = 2 / ((1 - t * t) * slope * slope);
    }
}

void sg_legendre_fill(int n, double t, double *p) {
    p[0] = 1;
    if (n > 1) p[1] = t;
    for (int k = 2; k < n; k++) p[k] = ((2 * k - 1) * t * p[k - 1] - (k - 1) * p[k - 2]) / k;
}

/* The point where sqrt(weight) prod |t - node| is largest, node `skip` left out. */
static double farthest(int count, const double *node, int skip, int points, const double *point, const double *log_w) {
    double best = -INFINITY, at = 0;
    for (int q = 0; q < points; q++) {
        double product = 1;
        for (int k = 0; k < count; k++)
            if (k != skip) product *= point[q] - node[k];
        const double score = 0.5 * log_w[q] + log(fabs(product));
        if (score > best) best = score, at = point[q];
    }
    return at;
}

void sg_fekete_fill(int order, int points, const double *point, const double *log_w, double *node) {
    node[0] = -1, node[1] = 1;
    for (int k = 2; k <= order; k++) node[k] = farthest(k, node, -1, points, point, log_w);
    for (int sweep = 0; sweep < SWEEPS; sweep++)
        for (int k = 2; k <= order; k++) node[k] = farthest(order + 1, node, k, points, point, log_w);
    for (int k = 1; k <= order; k++) {
        const double t = node[k];
        int j = k;
        for (; j > 0 && node[j - 1] > t; j--) node[j] = node[j - 1];
        node[j] = t;
    }
}

void sg_lagrange_fill(int order, const double *node, int points, const double *point, double *value, double *slope) {
    for (int q = 0; q < points; q++, value += order + 1, slope += order + 1)
        for (int j = 0; j <= order; j++) {
            value[j] = 1;
            slope[j] = 0;
            for (int k = 0; k <= order; k++) { /* (f g)' = f' g + f g' */
                if (k == j) continue;
                const double factor = (point[q] - node[k]) / (node[j] - node[k]);
                slope[j] = slope[j] * factor + value[j] / (node[j] - node[k]);
                value[j] *= factor;
            }
        }
}
