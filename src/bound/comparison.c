/* Comparison of Dirichlet forms, and coupling: bounds for blocks of sites and for underdamped Langevin dynamics. */
#include <math.h>

#include "scoregap/bound.h"

double sg_bound_blocks(int n, int count, const uint32_t *mask, const double *rate, double *log_gap_upper) {
    double least = INFINITY, least_rate = INFINITY;
    for (int i = 0; i < n; i++) {
        double share = 0, all = 0;
        for (int k = 0; k < count; k++) {
            if (!(mask[k] >> i & 1)) continue;
            all += rate[k];
            share += rate[k] / __builtin_popcount(mask[k]);
        }
        least = fmin(least, share);
        least_rate = fmin(least_rate, all);
    }
    *log_gap_upper = log(least_rate);
    return log(least);
}

double sg_bound_kinetic_lower(double least, double largest, double friction) {
    return log(fmax(0, fmin(least / friction, friction - largest / friction)));
}
