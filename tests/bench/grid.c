/*
 * The generator of V = h (x^2 - 1)^2 + 2 y^2 + x y / 2 in the plane.
 *
 *   grid reference H
 *   grid time H GAP
 *
 * The first prints the gap by elements of order 16 to 1e-11, its error estimate, and its relative change when the box
 * is moved out.  The second prints lines of label, variant, seconds of processor time, relative error against GAP,
 * separated by tabs: at a tolerance that beats the peer's accuracy, and as it comes.
 */
#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "scoregap/grid.h"

#define DEPTH 40 /* of the box, in log p */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void log_p(const void *context, int n, const double *x, double *out) {
    const double h = *(const double *)context;
    for (int i = 0; i < n; i++) {
        const double square = x[i] * x[i] - 1, y = x[n + i];
        out[i] = -h * square * square - 2 * y * y - 0.5 * x[i] * y;
    }
}

/* Box and spectrum, which is what one waits for. */
static sg_status solve(const double *h, double depth, const sg_grid_settings *settings, sg_gap *gap) {
    sg_grid_problem problem = {.context = h, .d = 2, .log_p = log_p};
    const double well[] = {1, 0};
    sg_status status = sg_grid_box(&problem, well, depth);
    return status ? status : sg_grid_gap(&problem, settings, gap, NULL);
}

static sg_status reference(const double *h) {
    const sg_grid_settings fine = {.order = 16, .tol = 1e-11};
    sg_gap gap, wider;
    sg_status status = solve(h, DEPTH, &fine, &gap);
    if (!status) status = solve(h, 1.5 * DEPTH, &fine, &wider);
    if (!status)
        printf("%.15g %.2g %.2g\n", gap.gap, (gap.gap_upper - gap.gap_lower) / (2 * gap.gap),
               fabs(wider.gap / gap.gap - 1));
    return status;
}

static sg_status measure(const char *label, const double *h, const sg_grid_settings *settings, double truth) {
    sg_gap gap;
    const double start = now();
    sg_status status = solve(h, DEPTH, settings, &gap);
    if (!status) printf("%s\t\t%.6g\t%.3g\n", label, now() - start, gap.gap / truth - 1);
    return status;
}

int main(int argc, char **argv) {
    static const sg_grid_settings quick = {.tol = 1e-5};
    sg_status status = SG_OK;
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    const double h = argc > 2 ? strtod(argv[2], NULL) : 0;
    if (argc == 3 && !strcmp(argv[1], "reference")) {
        status = reference(&h);
    } else if (argc == 4 && !strcmp(argv[1], "time")) {
        const double truth = strtod(argv[3], NULL);
        status = measure("ours, tolerance 1e-5", &h, &quick, truth);
        if (!status) status = measure("ours, as it comes", &h, NULL, truth);
    } else {
        return fprintf(stderr, "usage: grid reference H | grid time H GAP\n"), 2;
    }
    if (status) fprintf(stderr, "grid: %s\n", sg_message());
    return status != SG_OK;
}
