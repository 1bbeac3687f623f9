#include "family/normal-law.h"

#include <math.h>

enum { MOST = SG_NORMAL_MOST };

/* L from P, which it overwrites; false when a pivot is not positive. */
static bool factorize(int d, double p[MOST][MOST]) {
    for (int a = 0; a < d; a++)
        for (int b = 0; b <= a; b++) {
            double sum = p[a][b];
            for (int k = 0; k < b; k++) sum -= p[a][k] * p[b][k];
            if (b == a && !(sum > 0)) return false;
            p[a][b] = b == a ? sqrt(sum) : sum / p[b][b];
        }
    return true;
}

bool sg_normal_law_of(int d, const double *theta, sg_normal_law *law) {
    law->d = d;
    for (int j = 0; j < SG_NORMAL_FULL(d); j++)
        if (!isfinite(theta[j])) return false;
    for (int a = 0; a < d; a++)
        for (int b = 0; b <= a; b++) law->factor[a][b] = theta[sg_normal_entry(d, a, b)];
    if (!factorize(d, law->factor)) return false;
    double *mean = law->mean;
    for (int a = 0; a < d; a++) {
        mean[a] = theta[a];
        for (int b = 0; b < a; b++) mean[a] -= law->factor[a][b] * mean[b];
        mean[a] /= law->factor[a][a];
    }
    for (int a = d; a-- > 0;) {
        for (int b = a + 1; b < d; b++) mean[a] -= law->factor[b][a] * mean[b];
        mean[a] /= law->factor[a][a];
    }
    return true;
}

/* L^-1, lower. */
static void invert(const sg_normal_law *law, double inverse[MOST][MOST]) {
    for (int b = 0; b < law->d; b++)
        for (int a = b; a < law->d; a++) {
            double sum = a == b;
            for (int k = b; k < a; k++) sum -= law->factor[a][k] * inverse[k][b];
            inverse[a][b] = sum / law->factor[a][a];
        }
}

/* The covariance (L L')^-1. */
static void covariance_of(const sg_normal_law *law, double covariance[MOST][MOST]) {
    double inverse[MOST][MOST];
    invert(law, inverse);
    for (int a = 0; a < law->d; a++)
        for (int b = 0; b <= a; b++) {
            double sum = 0;
            for (int k = a; k < law->d; k++) sum += inverse[k][a] * inverse[k][b];
            covariance[a][b] = covariance[b][a] = sum;
        }
}

/* Statistic j is scale * x_a, or scale * x_a x_b. */
typedef struct {
    int a, b; /* b < 0: x_a alone */
    double scale;
} product;

static void products(int d, product *list) {
    for (int a = 0; a < d; a++) {
        list[a] = (product){a, -1, 1};
        list[d + a] = (product){a, a, -0.5};
        for (int b = 0; b < a; b++) list[sg_normal_entry(d, a, b)] = (product){a, b, -1};
    }
}

/* The covariance of two products, s and t, by Isserlis' theorem: no means are subtracted. */
static double covariance_of_products(const product *s, const product *t, const double *m, const double c[MOST][MOST]) {
    if (s->b < 0 && t->b < 0) return c[s->a][t->a];
    if (s->b < 0) return s->scale * t->scale * (c[s->a][t->a] * m[t->b] + c[s->a][t->b] * m[t->a]);
    if (t->b < 0) return covariance_of_products(t, s, m, c);
    const double quartic = c[s->a][t->a] * c[s->b][t->b] + c[s->a][t->b] * c[s->b][t->a];
    const double mixed = m[s->a] * (m[t->a] * c[s->b][t->b] + m[t->b] * c[s->b][t->a]) +
                         m[s->b] * (m[t->a] * c[s->a][t->b] + m[t->b] * c[s->a][t->a]);
    return s->scale * t->scale * (quartic + mixed);
}

double sg_normal_log_z(const sg_normal_law *law, double *gradient, double *hessian) {
    const int d = law->d, full = SG_NORMAL_FULL(d);
    double covariance[MOST][MOST], value = 0.5 * d * log(2 * M_PI);
    for (int a = 0; a < d; a++) {
        double image = 0; /* (L' mean)_a: location' P^-1 location = |L' mean|^2 */
        for (int b = a; b < d; b++) image += law->factor[b][a] * law->mean[b];
        value += 0.5 * image * image - log(law->factor[a][a]);
    }
    if (!gradient && !hessian) return value;
    product list[SG_NORMAL_FULL(SG_NORMAL_MOST)];
    products(d, list);
    covariance_of(law, covariance);
    for (int j = 0; j < full && gradient; j++) {
        const int a = list[j].a, b = list[j].b;
        gradient[j] = b < 0 ? law->mean[a] : list[j].scale * (covariance[a][b] + law->mean[a] * law->mean[b]);
    }
    for (int j = 0; j < full && hessian; j++)
        for (int k = 0; k <= j; k++)
            hessian[j + k * full] = hessian[k + j * full] =
                covariance_of_products(&list[j], &list[k], law->mean, covariance);
    return value;
}

void sg_normal_draw(const sg_normal_law *law, sg_stream *stream, sg_block *block) {
    const int d = law->d, n = block->n;
    for (int a = 0; a < d; a++) sg_stream_normal(stream, (size_t)n, block->x + a * SG_BLOCK);
    for (int a = d; a-- > 0;) {
        double *restrict x = block->x + a * SG_BLOCK;
        const double pivot = 1 / law->factor[a][a];
        for (int b = a + 1; b < d; b++) {
            const double *restrict y = block->x + b * SG_BLOCK, part = law->factor[b][a];
#pragma omp simd
            for (int i = 0; i < n; i++) x[i] -= part * y[i];
        }
#pragma omp simd
        for (int i = 0; i < n; i++) x[i] *= pivot;
    }
    for (int a = 0; a < d; a++) {
        double *restrict x = block->x + a * SG_BLOCK;
        const double mean = law->mean[a];
#pragma omp simd
        for (int i = 0; i < n; i++) x[i] += mean;
    }
}
