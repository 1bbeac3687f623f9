/* Spectral profile of scores. */
#include <math.h>

#include "base/vecmath.h"
#include "scoregap/spectrum.h"

/*
 * int S' D p g / lambda dx = -int S' v dx.  Where the gap is beyond the range of double precision g has underflown in
 * the wells, and v is the running integral of p phi.
 */
static sg_status kernel_of(const sg_panels *panels, const double *log_d, const sg_spectrum *spectrum, int k,
                           double *work, double *u) {
    size_t n = (size_t)panels->n;
    const double *f = spectrum->function + (size_t)k * n, *g = spectrum->derivative + (size_t)k * n;
    double log_value = spectrum->log_value[k];
    if (log_value > -600) {
        for (size_t i = 0; i < n; i++) {
            double log_dp = panels->logp[i] + (log_d ? log_d[i] : 0);
            u[i] = panels->weight[i] * exp(log_dp - log_value) * g[i];
        }
        return SG_OK;
    }
    double *right = NULL;
    sg_status status = sg_new(&right, n, sizeof(double));
    if (status) return status;
    for (size_t i = 0; i < n; i++) work[i] = exp(panels->logp[i]) * f[i];
    sg_panels_from_left(panels, work, u, NULL);
    sg_panels_from_right(panels, work, right, NULL);
    for (size_t i = 0; i < n; i++)
        u[i] = -panels->weight[i] * (panels->log_below[i] < panels->log_above[i] ? u[i] : -right[i]);
    sg_delete(right);
    return SG_OK;
}

sg_status sg_line_profile(const sg_panels *panels, const double *log_d, const sg_spectrum *spectrum, int m,
                          const double *score_derivative, double *coefficient) {
    double *u = NULL, *work = NULL;
    size_t n = (size_t)panels->n;
    if (spectrum->n != panels->n) return sg_fail(SG_INTERNAL, "the spectrum belongs to other panels");
    sg_status status = sg_new(&u, n, sizeof(double));
    if (status) goto out;
    if ((status = sg_new(&work, n, sizeof(double)))) goto out;
    for (int k = 0; k < spectrum->count; k++) {
        if ((status = kernel_of(panels, log_d, spectrum, k, work, u))) goto out;
        for (int j = 0; j < m; j++) {
            const double *s = score_derivative + (size_t)j * n;
            for (size_t i = 0; i < n; i++) work[i] = u[i] * s[i];
            coefficient[(size_t)j * (size_t)spectrum->count + (size_t)k] = sg_sum(n, work);
        }
    }
out:
    sg_delete(u);
    sg_delete(work);
    return status;
}
