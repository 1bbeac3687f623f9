/* The gap of Langevin's diffusion on a sphere from its model: around an axis, or on S^2. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spectrum/kinds.h"
#include "spectrum/line/line.h"
#include "sphere.h"

enum { B = SG_BLOCK, DEPTH = 200, BEYOND = 60, MOMENTA_MOST = 64 };
#define CERTIFIED 1e-6 /* wider enclosures are not certified */
#define DEEP 1500      /* range of log p as far as panels cover the sphere */

typedef struct {
    const sg_model *model;
    double *axes, sharp;
    bool axial;
    double range;         /* of log p */
    double least_beyond;  /* below which no mode is where log p lies more than DEEP below its largest value */
    sg_panels *panels[4]; /* two for the line, the second deeper and halved; two for Galerkin's method likewise */
    double *log_d[4];
} problem;

static void clear(problem *p) {
    for (int k = 0; k < 4; k++) sg_panels_delete(p->panels[k]), sg_delete(p->log_d[k]);
    sg_delete(p->axes);
}

/* Dimension of the harmonics of degree l in k dimensions. */
static double multiplicity(int k, int l) {
    if (k == 1) return l < 2;
    double all = 1, less = 1; /* binomials (l+k-1, l) and (l+k-3, l-2) */
    for (int i = 1; i < k; i++) all *= (l + i) / (double)i;
    for (int i = 1; i < k; i++) less *= (l - 2 + i) / (double)i;
    return round(l < 2 ? all : all - less);
}

static void conclude(const sg_sphere_level *level, const char *method, sg_gap *out) {
    *out = (sg_gap){.gap = level->value, .gap_lower = level->lower, .gap_upper = level->upper, .method = method};
    out->log10_gap = log10(level->value);
    out->poincare = out->relaxation_time = 1 / level->value;
    out->iterations = 1;
    if (level->upper - level->lower <= CERTIFIED * level->value) return;
    out->status = SG_UNCERTIFIED;
    snprintf(out->message, sizeof out->message, "the enclosure is %.2g wide: the bases do not resolve the law",
             (level->upper - level->lower) / level->value);
}

/* -------------------------------------------------------------- around an axis */

/*
 * On sqrt(p) f, -L is H = -Lap_S + W, W = (Lap_S log p)/2 + |grad_S log p|^2/4, so H >= W, and with 1/p in place of p
 * also H
 * >= Lap_S log p: no function near a point has a smaller quotient than the larger of the two there, but for the cost of
 * staying near (about 10, the region being a tenth wide).
 */
static double local_rate(int d, const sg_block *block, const sg_jet *jet, int i) {
    double across = 0, square = 0, laplacian = 0;
    for (int a = 0, pair = 0; a < d; a++) {
        const double x = block->x[a * B + i], s = jet->dx[a * B + i];
        across += x * s, square += s * s;
        for (int b = 0; b <= a; b++, pair++)
            laplacian += jet->dxx[pair * B + i] * (a == b ? 1 - x * x : -2 * x * block->x[b * B + i]);
    }
    laplacian -= (d - 1) * across;
    return fmax(0.5 * laplacian + 0.25 * (square - across * across), laplacian);
}

/* Range of log p on 256 points of a meridian, both poles among them, and the least rate far down. */
static sg_status survey(problem *p) {
    const int d = p->model->space.d;
    double top = -INFINITY, low = INFINITY;
    sg_arena *arena = NULL;
    sg_jet jet;
    sg_status status = sg_arena_new(
        sg_jet_bytes(p->model->full, d, SG_LOGP | SG_DX | SG_DXX) + (size_t)d * B * sizeof(double), &arena);
    if (!status) status = sg_jet_take(arena, p->model->full, d, SG_LOGP | SG_DX | SG_DXX, &jet);
    if (status) goto out;
    const sg_block block = {.n = B, .d = d, .draws = 1, .x = sg_arena_take(arena, (size_t)d * B, sizeof(double))};
    for (int i = 0; i < B; i++)
        for (int b = 0; b < d; b++)
            block.x[b * B + i] =
                sin(M_PI * i / (B - 1)) * p->axes[b] + cos(M_PI * i / (B - 1)) * p->axes[(d - 1) * d + b];
    p->model->family->jet(p->model, p->model->truth, &block, &jet);
    for (int i = 0; i < B; i++) top = fmax(top, jet.logp[i]), low = fmin(low, jet.logp[i]);
    p->range = top - low;
    p->least_beyond = INFINITY;
    for (int i = 0; i < B; i++)
        if (jet.logp[i] < top - DEEP) p->least_beyond = fmin(p->least_beyond, local_rate(d, &block, &jet, i));
out:
    sg_arena_delete(arena);
    return status;
}

/* The whole sphere is covered, and a mode at the lowest p lies in the upper half of the depth. */
static sg_status lay(problem *p) {
    const double range = fmin(p->range, DEEP), deep = fmax(DEPTH, 2 * (range + BEYOND));
    const double depth[] = {deep, deep + BEYOND, range + BEYOND, range + BEYOND};
    sg_status status = SG_OK;
    for (int k = 0; k < 4 && !status; k++)
        status = sg_sphere_polar(p->model, p->axes, p->sharp, depth[k], k % 2, &p->panels[k], &p->log_d[k]);
    return status;
}

static int by_level(const void *a, const void *b) {
    const double x = ((const sg_sphere_level *)a)->value, y = ((const sg_sphere_level *)b)->value;
    return (x > y) - (x < y);
}

/* Adds copies of a level, keeping the lowest `most` of the list. */
static void add_level(sg_sphere_level level, double copies, int most, sg_sphere_level *list, int *count) {
    for (int k = 0; k < copies && k < most; k++) {
        if (*count < most)
            list[(*count)++] = level;
        else if (level.value < list[most - 1].value)
            list[most - 1] = level;
        else
            return;
        qsort(list, (size_t)*count, sizeof *list, by_level);
    }
}

/* Of functions of the polar angle alone. */
static sg_status add_polar(const problem *p, int most, sg_sphere_level *list, int *count) {
    double *log_value = NULL;
    sg_status status = sg_new(&log_value, 2 * (size_t)most, sizeof *log_value);
    if (!status) status = sg_line_values(p->panels[0], p->log_d[0], most, log_value);
    if (!status) status = sg_line_values(p->panels[1], p->log_d[1], most, log_value + most);
    for (int k = 0; k < most && !status; k++) {
        const double value = exp(log_value[most + k]);
        const double error = fabs(expm1(log_value[k] - log_value[most + k])) + 1e-13 + p->panels[1]->error;
        add_level((sg_sphere_level){value, value * (1 - error), value * (1 + error)}, 1, most, list, count);
    }
    sg_delete(log_value);
    return status;
}

static sg_status first_values(const problem *p, sg_eigenvalues *values) {
    const int d = p->model->space.d, most = values->count;
    sg_sphere_level *list = NULL, *own = NULL;
    int count = 0;
    sg_status status = sg_new(&list, (size_t)most, sizeof *list);
    if (!status) status = sg_new(&own, (size_t)most, sizeof *own);
    if (!status) status = add_polar(p, most, list, &count);
    for (int l = 1; l <= MOMENTA_MOST && !status && multiplicity(d - 1, l) > 0; l++) {
        const int each = (int)fmin(most, ceil(most / multiplicity(d - 1, l)));
        status = sg_sphere_across(d, p->panels[2], p->panels[3], l, each, own);
        if (status || (count == most && own[0].value >= list[most - 1].value)) break;
        for (int k = 0; k < each; k++) add_level(own[k], multiplicity(d - 1, l), most, list, &count);
    }
    for (int k = 0; k < most && !status; k++) {
        values->log_value[k] = log(list[k].value);
        values->error[k] = fmax(list[k].upper - list[k].value, list[k].value - list[k].lower) / list[k].value;
    }
    sg_delete(list), sg_delete(own);
    return status;
}

/* The least eigenvalue grows with the angular momentum l across: l = 0 or l = 1 has the gap. */
static sg_status around_axis(problem *p, sg_gap *out, sg_eigenvalues *values) {
    sg_line_tails tails = {.bottom = INFINITY};
    sg_sphere_level across;
    sg_gap polar;
    sg_status status = survey(p);
    if (!status) status = lay(p);
    if (!status) status = sg_line_gap_and_tails(p->panels[0], p->log_d[0], p->panels[1], p->log_d[1], &polar, &tails);
    if (!status) status = sg_sphere_across(p->model->space.d, p->panels[2], p->panels[3], 1, 1, &across);
    if (status) return status;
    *out = polar;
    out->method = "integral operator in the polar angle";
    if (polar.log10_gap > log10(across.value)) {
        conclude(&across, "Galerkin's method around the axis", out);
        out->gap_upper = fmin(out->gap_upper, fmax(polar.gap_upper, out->gap));
    }
    if (p->range > DEEP && !(p->least_beyond > 1.25 * out->gap + 100)) {
        out->status = SG_UNCERTIFIED;
        out->gap_lower = 0;
        snprintf(out->message, sizeof out->message,
                 "log p ranges over %.3g: modes where it lies more than %d below its largest value were not looked for",
                 p->range, DEEP);
    }
    return values ? first_values(p, values) : SG_OK;
}

/* ---------------------------------------------------------------- any law on S^2 */

static sg_status on_two_sphere(const problem *p, sg_gap *out, sg_eigenvalues *values) {
    const int count = values ? values->count : 1;
    sg_sphere_level *level = NULL;
    int degree = 0;
    sg_status status = sg_new(&level, (size_t)count, sizeof *level);
    if (!status) status = sg_sphere_harmonics(p->model, p->axes, p->sharp, count, level, &degree);
    if (!status) {
        conclude(&level[0], "spherical harmonics", out);
        out->iterations = degree;
    }
    for (int k = 0; k < count && values && !status; k++) {
        values->log_value[k] = log(level[k].value);
        values->error[k] = fmax(level[k].upper - level[k].value, level[k].value - level[k].lower) / level[k].value;
    }
    sg_delete(level);
    return status;
}

sg_status sg_gap_on_sphere(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings,
                           sg_gap *out, sg_eigenvalues *values) {
    problem p = {.model = model};
    const size_t d = (size_t)model->space.d;
    (void)settings;
    if (loss->row->diffusion)
        return sg_fail(SG_REFUSED, "the gap on spheres is that of langevin, not of %s", loss->row->dynamics);
    sg_status status = sg_new(&p.axes, d * d, sizeof(double));
    if (status) return status;
    model->family->frame(model, model->truth, p.axes, &p.sharp, &p.axial);
    if (p.axial)
        status = around_axis(&p, out, values);
    else if (d == 3)
        status = on_two_sphere(&p, out, values);
    else
        status = sg_fail(SG_REFUSED, "the gap of %s is not computed: it is for d = 3, or for laws around an axis",
                         model->text);
    clear(&p);
    return status;
}
