/* Polynomials in the operator, given by their roots, in two vectors. */
#include "base/vecmath.h"
#include "krylov.h"

#define GROWTH 1e3 /* of the part along null before it is projected out */

/* The root farthest from the value first, then each time the one with the largest product of distances to those before.
 */
static void order(int degree, double *root, double value, double *log_far) {
    for (int i = 0; i < degree; i++) log_far[i] = log(fabs(root[i] - value) + 1e-300);
    for (int k = 0; k < degree; k++) {
        int best = k;
        for (int i = k + 1; i < degree; i++)
            if (log_far[i] > log_far[best]) best = i;
        const double chosen = root[best];
        root[best] = root[k];
        log_far[best] = log_far[k];
        root[k] = chosen;
        if (k == 0) /* the distance to the value chose the first one alone */
            for (int i = 1; i < degree; i++) log_far[i] = 0;
        for (int i = k + 1; i < degree; i++) log_far[i] += log(fabs(root[i] - chosen) + 1e-300);
    }
}

sg_status sg_krylov_filter(sg_krylov *r, int degree, double *root, double value, double *work) {
    const sg_lanczos *p = r->problem;
    double growth = 1;
    order(degree, root, value, work);
    for (int k = 0; k < degree; k++) {
        if (sg_krylov_stopped(r))
            return sg_fail(SG_STOPPED, "the eigenvalue iteration was stopped while it found its vector");
        p->apply(p->context, r->v, 1 / (value - root[k]), root[k], r->w, 0, NULL);
        sg_krylov_swap(r);
        growth *= fabs(root[k] / (value - root[k]));
        if (growth < GROWTH) continue;
        sg_krylov_project(r, r->v);
        growth = 1;
    }
    return SG_OK;
}
