#include <math.h>

#include "scoregap/numeric.h"

static double lagged(int chains, int length, const double *x, double mean, int lag) {
    double sum = 0;
    for (int t = 0; t + lag < length; t++) {
        const double *restrict now = x + t * chains, *restrict then = x + (t + lag) * chains;
        double part = 0;
#pragma omp simd reduction(+ : part)
        for (int c = 0; c < chains; c++) part += (now[c] - mean) * (then[c] - mean);
        sum += part;
    }
    return sum / ((double)chains * (length - lag));
}

double sg_autocorrelation_time(int chains, int length, const double *x) {
    double mean = 0, time = -1, last = INFINITY;
    for (int k = 0; k < chains * length; k++) mean += x[k];
    mean /= (double)chains * length;
    const double variance = lagged(chains, length, x, mean, 0);
    if (!(variance > 0)) return variance == 0 ? 1 : INFINITY;
    for (int k = 0; 2 * k + 1 < length; k++) {
        double pair = lagged(chains, length, x, mean, 2 * k) + lagged(chains, length, x, mean, 2 * k + 1);
        if (!(pair > 0)) return time;
        last = pair = fmin(pair, last);
        time += 2 * pair / variance;
    }
    return INFINITY;
}
