/* Tensorization of entropy by comparison with a product. */
#include <math.h>

#include "scoregap/bound.h"

/* field [sites][q]: means of log p over the states with site i in state s, less the mean over all. */
static void additive(int sites, int q, long long states, const double *log_p, double *field) {
    double mean = 0;
    for (long long x = 0; x < states; x++) mean += log_p[x] / (double)states;
    for (int k = 0; k < sites * q; k++) field[k] = 0;
    for (long long x = 0; x < states; x++) {
        long long rest = x;
        for (int i = 0; i < sites; i++, rest /= q) field[i * q + rest % q] += (log_p[x] - mean) * q / (double)states;
    }
}

sg_status sg_bound_product_tensorization_upper(int sites, int q, const double *log_p, double coverage,
                                               double *oscillation, double *log_upper) {
    long long states = 1;
    double *field = NULL, low = INFINITY, high = -INFINITY;
    for (int i = 0; i < sites; i++) states *= q;
    *oscillation = *log_upper = INFINITY;
    for (long long x = 0; x < states; x++)
        if (!(log_p[x] > -INFINITY)) return SG_OK;
    sg_status status = sg_new(&field, (size_t)sites * (size_t)q, sizeof *field);
    if (status) return status;
    additive(sites, q, states, log_p, field);
    for (long long x = 0; x < states; x++) {
        long long rest = x;
        double u = log_p[x];
        for (int i = 0; i < sites; i++, rest /= q) u -= field[i * q + rest % q];
        low = fmin(low, u);
        high = fmax(high, u);
    }
    *oscillation = high - low;
    *log_upper = *oscillation - log(coverage);
    sg_delete(field);
    return SG_OK;
}
