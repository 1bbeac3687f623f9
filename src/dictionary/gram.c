#include "dictionary/gram.h"

#include "scoregap/family.h"

enum { B = SG_BLOCK, FOUR = 4 };

static double dot(int n, const double *restrict a, const double *restrict b) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void four_dots(int n, const double *restrict a, const double *restrict b, double out[FOUR]) {
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (int i = 0; i < n; i++) {
        s0 += a[i] * b[i];
        s1 += a[i] * b[B + i];
        s2 += a[i] * b[2 * B + i];
        s3 += a[i] * b[3 * B + i];
    }
    out[0] = s0;
    out[1] = s1;
    out[2] = s2;
    out[3] = s3;
}

static double *entry(const int *list, int m, double *sum, int j, int k) {
    const int a = list ? list[j] : j, b = list ? list[k] : k;
    return sum + (a > b ? a : b) + (size_t)(a > b ? b : a) * (size_t)m;
}

void sg_gram_add(int n, const double *coefficient, int t, const double *rows, const int *list, int m, double *sum) {
    _Alignas(SG_ALIGN) double scaled[B], part[FOUR];
    for (int j = 0; j < t; j++) {
        const double *restrict row = rows + (size_t)j * B;
        int k = 0;
#pragma omp simd
        for (int i = 0; i < n; i++) scaled[i] = coefficient[i] * row[i];
        for (; k + FOUR <= j + 1; k += FOUR) {
            four_dots(n, scaled, rows + (size_t)k * B, part);
            for (int r = 0; r < FOUR; r++) *entry(list, m, sum, j, k + r) += part[r];
        }
        for (; k <= j; k++) *entry(list, m, sum, j, k) += dot(n, scaled, rows + (size_t)k * B);
    }
}
