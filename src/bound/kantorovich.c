#include <math.h>

#include "scoregap/bound.h"

double sg_bound_random_blocks_upper(double gap) {
    return gap > 0 ? 1 / gap : gap == 0 ? INFINITY : NAN;
}

/* (1 + r)^2/(4 r) in r = lambda_min/lambda_max, which does not overflow where the squares would. */
double sg_bound_kantorovich_upper(double lambda_min, double lambda_max) {
    if (!(lambda_min >= 0 && lambda_max >= lambda_min)) return NAN;
    if (lambda_min == lambda_max) return lambda_max < INFINITY && lambda_max > 0 ? 1 : INFINITY;
    double r = lambda_min / lambda_max;
    return r > 0 ? (1 + r) * (1 + r) / (4 * r) : INFINITY;
}
