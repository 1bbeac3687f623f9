#include "space.h"

#include <math.h>

double sg_space_least(int d, const double *m, double *rounding) {
    double size = 0, value[SG_BOUND_D], full[SG_BOUND_D * SG_BOUND_D];
    for (int k = 0; k < d * (d + 1) / 2; k++) {
        if (!isfinite(m[k])) return NAN;
        size = fmax(size, fabs(m[k]));
    }
    *rounding = 8 * 0x1p-52 * size;
    if (d == 1) return m[0];
    if (d == 2) {
        const double middle = 0.5 * (m[0] + m[2]), reach = hypot(0.5 * (m[0] - m[2]), m[1]);
        return middle > 0 ? (m[0] * m[2] - m[1] * m[1]) / (middle + reach) : middle - reach;
    }
    for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++) full[i + d * j] = full[j + d * i] = m[i * (i + 1) / 2 + j];
    return sg_symmetric_eigen(d, full, value, NULL) ? NAN : value[0];
}

int sg_space_points(int d) {
    return d == 1 ? 3 : d == 2 ? 9 : 27;
}

int sg_space_index(int point, int a) {
    return (a == 0 ? point : a == 1 ? point / 3 : point / 9) % 3;
}

double sg_space_deviation(int d, int rows, const double *weight, const double *value, double along[SG_BOUND_D]) {
    const int points = sg_space_points(d);
    double sum = 0;
    for (int a = 0, step = 1; a < d; a++, step *= 3) {
        along[a] = 0;
        for (int i = 0; i < points; i++) {
            double square = 0;
            if (sg_space_index(i, a) != 1) continue;
            for (int r = 0; r < rows; r++) {
                const double *v = value + r * points + i;
                const double off = v[0] - 0.5 * (v[-step] + v[step]);
                square += weight[r] * off * off;
            }
            if (!isfinite(square)) return NAN;
            along[a] = fmax(along[a], sqrt(square));
        }
        sum += along[a];
    }
    return sum;
}
