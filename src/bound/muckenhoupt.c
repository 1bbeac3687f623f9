/* Muckenhoupt's bounds on the Poincare constant in one dimension, with the balanced split point and with the median. */
#include <math.h>

#include "numeric/legendre.h"
#include "outward.h"
#include "scoregap/bound.h"

static double imbalance(sg_outward *o, sg_place m, double *larger) {
    double right = sg_outward_supremum(o, SG_TO_THE_RIGHT, m, NULL);
    double left = sg_outward_supremum(o, SG_TO_THE_LEFT, m, NULL);
    *larger = sg_larger(left, right);
    return right - left;
}

/* The panel in which B_+ - B_- changes sign. */
static int balanced_panel(sg_outward *o) {
    int lo = 0, hi = o->panels->count;
    double larger;
    while (hi - lo > 1) {
        int mid = (lo + hi) / 2;
        if (imbalance(o, (sg_place){mid, -1}, &larger) > 0)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static sg_status balance(sg_outward *o, sg_place *m, double *log_b) {
    const double tolerance = 1e-11;
    m->panel = balanced_panel(o);
    double a = -1, b = 1, fa = imbalance(o, (sg_place){m->panel, a}, log_b);
    double fb = imbalance(o, (sg_place){m->panel, b}, log_b), f = NAN;
    fa = fa < INFINITY ? fa : 1e3;
    fb = fb > -INFINITY ? fb : -1e3;
    int moved = 0; /* the end that the last step moved: false position with halved weights (Illinois) */
    for (int i = 0; i < 200; i++) {
        bool halve = i % 8 == 7 || !(fa > 0 && fb < 0);
        m->t = halve ? 0.5 * (a + b) : a + (b - a) * (fa / (fa - fb));
        f = imbalance(o, *m, log_b);
        if (fabs(f) <= tolerance || b - a < 1e-15) return SG_OK;
        if (f > 0) {
            a = m->t, fa = f;
            if (moved > 0) fb *= 0.5;
            moved = 1;
        } else {
            b = m->t, fb = f;
            if (moved < 0) fa *= 0.5;
            moved = -1;
        }
    }
    if (fabs(f) < 1e-8) return SG_OK;
    return sg_fail(SG_NOT_CONVERGED, "no balanced point of the Muckenhoupt bound was found near x = %g",
                   sg_outward_x(o, *m));
}

sg_status sg_bound_muckenhoupt(const sg_panels *panels, const double *log_d, sg_muckenhoupt *out) {
    const double log2 = 0.6931471805599453;
    sg_outward *o = NULL;
    sg_place m;
    double log_b;
    *out = (sg_muckenhoupt){0};
    sg_status status = sg_outward_new(panels, log_d, &o);
    if (status) return status;
    status = balance(o, &m, &log_b);
    if (status) goto out;
    out->split = sg_outward_x(o, m);
    out->log_lower = log_b;
    out->log_upper = log_b + 2 * log2;
    imbalance(o, sg_outward_median(o), &log_b);
    out->log_lower_median = log_b - log2;
    out->log_upper_median = log_b + 2 * log2;
out:
    sg_outward_delete(o);
    return status;
}
