/* Sample quantiles. */
#include "scoregap/numeric.h"

#include <gsl/gsl_sort.h>
#include <math.h>

/* Type 7: linear between the order statistics around (n - 1) p; infinities are met without being subtracted. */
static double between(double below, double above, double share) {
    if (share == 0 || below == above) return below;
    if (isinf(below) || isinf(above)) return isinf(below) ? below : above;
    return (1 - share) * below + share * above;
}

void sg_quantiles(int n, double *x, int count, const double *probs, double *out) {
    if (n > 0) gsl_sort(x, 1, (size_t)n);
    for (int i = 0; i < count; i++) {
        double at = (n - 1) * fmin(fmax(probs[i], 0), 1), floor_at = floor(at);
        int k = (int)floor_at;
        out[i] = n < 1 || isnan(probs[i]) ? NAN : k + 1 < n ? between(x[k], x[k + 1], at - floor_at) : x[n - 1];
    }
}
