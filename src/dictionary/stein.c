#include "dictionary/stein.h"

#include <stdio.h>
#include <string.h>

#include "base/vecmath.h"
#include "numeric/legendre.h"

enum { B = SG_BLOCK, ORDER = SG_PANEL_ORDER, ARRAYS = 5, CELLS = 512 };

/* A panel whose last Legendre coefficients of kappa are larger than this against its largest one does not resolve it.
 */
static const double UNRESOLVED = 1e-6;

struct sg_stein {
    const sg_model *model;
    double theta[SG_STEIN_PARAMETERS], direction[SG_STEIN_PARAMETERS];
    int index;                 /* of the parameter that names the direction */
    double mean;               /* of the statistic, so that S = statistic - mean */
    double sign;               /* of S': what follows is for sign * S, which increases */
    int count, capacity;       /* panels */
    double *memory;            /* the arrays below, each capacity * ORDER, then the edges */
    double *coefficient;       /* of |kappa| */
    double *score, *kernel;    /* at the nodes, while preparing */
    double *statistic, *slope; /* at the nodes: kept while neither they nor the direction change, if linear */
    bool kept;
    double *edge;    /* [count + 1] */
    double cells;    /* equal cells a unit length between the first edge and the last */
    int cell[CELLS]; /* a panel at or before all points of the cell, by few */
};

/* ------------------------------------------------------------------ memory */

static sg_status reserve(sg_stein *stein, int count) {
    if (count <= stein->capacity) return SG_OK;
    int capacity = count + count / 4 + 16;
    size_t array = (size_t)capacity * ORDER;
    sg_delete(stein->memory);
    stein->capacity = stein->count = 0;
    stein->kept = false;
    sg_status status = sg_new(&stein->memory, ARRAYS * array + (size_t)capacity + 1, sizeof(double));
    if (status != SG_OK) return status;
    stein->capacity = capacity;
    stein->coefficient = stein->memory;
    stein->score = stein->coefficient + array;
    stein->kernel = stein->score + array;
    stein->statistic = stein->kernel + array;
    stein->slope = stein->statistic + array;
    stein->edge = stein->slope + array;
    return SG_OK;
}

static int cell_of(const sg_stein *stein, double x) {
    double cell = (x - stein->edge[0]) * stein->cells;
    return cell < CELLS - 1 ? (int)cell : CELLS - 1;
}

/* Edges, if they are new, and where to look for the panel of a point. */
static void keep_grid(sg_stein *stein, const sg_panels *panels) {
    size_t length = ((size_t)panels->count + 1) * sizeof(double);
    if (stein->count == panels->count && memcmp(stein->edge, panels->edge, length) == 0) return;
    stein->kept = false;
    stein->count = panels->count;
    memcpy(stein->edge, panels->edge, length);
    stein->cells = CELLS / (stein->edge[stein->count] - stein->edge[0]);
    for (int k = 0, b = 0; k < CELLS; k++) {
        while (b + 1 < stein->count && cell_of(stein, stein->edge[b + 1]) < k) b++;
        stein->cell[k] = b;
    }
}

void sg_stein_delete(sg_stein *stein) {
    if (!stein) return;
    sg_delete(stein->memory);
    sg_delete(stein);
}

/* ----------------------------------------------------- scores at the nodes */

/* Jet at the reference, on the stack: all parameters of the family, and along the direction. */
typedef struct {
    _Alignas(SG_ALIGN) double logp[B];
    double dx[B], dxx[B], dt[SG_STEIN_PARAMETERS * B], dt_dx[SG_STEIN_PARAMETERS * B], dt_dxx[SG_STEIN_PARAMETERS * B];
    double statistic[B], first[B], second[B];
} reference;

/* A parameter whose coefficient is 0 is left out: what it would add may be infinite. */
static void contract(const sg_stein *stein, int n, const double *rows, double *restrict out) {
    memset(out, 0, (size_t)n * sizeof(double));
    for (int k = 0; k < stein->model->full; k++) {
        const double c = stein->direction[k], *restrict row = rows + k * B;
        if (c == 0) continue;
        for (int i = 0; i < n; i++) out[i] += c * row[i];
    }
}

static void look(const sg_stein *stein, const sg_block *block, int want, reference *r) {
    const sg_model *model = stein->model;
    sg_jet jet = {.m = model->full, .d = 1, .want = want};
    if (want & SG_LOGP) jet.logp = r->logp;
    if (want & SG_DX) jet.dx = r->dx;
    if (want & SG_DXX) jet.dxx = r->dxx;
    if (want & SG_DT) jet.dt = r->dt;
    if (want & SG_DT_DX) jet.dt_dx = r->dt_dx;
    if (want & SG_DT_DXX) jet.dt_dxx = r->dt_dxx;
    model->family->jet(model, stein->theta, block, &jet);
    if (want & SG_DT) contract(stein, block->n, r->dt, r->statistic);
    if (want & SG_DT_DX) contract(stein, block->n, r->dt_dx, r->first);
    if (want & SG_DT_DXX) contract(stein, block->n, r->dt_dxx, r->second);
}

static void fill_nodes(sg_stein *stein, const sg_panels *panels) {
    reference r;
    _Alignas(SG_ALIGN) double x[B];
    for (int start = 0; start < panels->n; start += B) {
        sg_block block = {.n = panels->n - start < B ? panels->n - start : B, .d = 1, .draws = 1, .x = x};
        size_t length = (size_t)block.n * sizeof(double);
        memcpy(x, panels->x + start, length);
        look(stein, &block, SG_DT | SG_DT_DX, &r);
        memcpy(stein->statistic + start, r.statistic, length);
        memcpy(stein->slope + start, r.first, length);
    }
}

static sg_status refuse(const sg_stein *stein, sg_status code, double x, const char *what, const char *advice) {
    char name[SG_NAME], place[SG_NUMBER_TEXT];
    stein->model->family->parameter(stein->model, stein->index, name);
    snprintf(place, sizeof place, "%.4g", x);
    return sg_fail(code, "the derivative of the score of '%s' %s (at x = %s): %s", name, what, place, advice);
}

/* Where the line through two neighbouring nodes crosses zero. */
static double crossing(const double *x, const double *f) {
    return x[0] + (x[1] - x[0]) * f[0] / (f[0] - f[1]);
}

/* Is the middle one of three neighbouring values of one sign the nearest to zero, and does the parabola through them
 * reach zero? */
static bool touches_zero(const double *x, const double *f) {
    const double at = fabs(f[1]), before = fabs(f[0]) - at, after = fabs(f[2]) - at;
    if (!(before >= 0 && after >= 0)) return false;
    const double a = x[1] - x[0], b = x[2] - x[1], bend = (before / a + after / b) / (a + b);
    const double slope = (after * a / b - before * b / a) / (a + b);
    return bend > 0 && at - slope * slope / (4 * bend) <= 1e-9 * (before + after);
}

static sg_status find_sign(sg_stein *stein, const sg_panels *panels) {
    const double *slope = stein->slope;
    for (int i = 0; i < panels->n; i++)
        if (!(slope[i] != 0) || slope[i] * 0 != 0)
            return refuse(stein, SG_UNDERFLOW, panels->x[i], "is beyond the range of double precision",
                          "the Stein kernel needs it at every node");
    for (int i = 1; i < panels->n; i++)
        if ((slope[i] > 0) != (slope[0] > 0))
            return refuse(stein, SG_REFUSED, crossing(panels->x + i - 1, slope + i - 1), "changes sign",
                          "the Stein kernel needs a monotone score");
    for (int i = 1; i + 1 < panels->n; i++)
        if (touches_zero(panels->x + i - 1, slope + i - 1))
            return refuse(stein, SG_REFUSED, panels->x[i], "touches zero",
                          "the Stein kernel has a pole there and is no diffusion coefficient");
    stein->sign = slope[0] > 0 ? 1 : -1;
    return SG_OK;
}

/* The mean is that of the panels' own p: another one would ruin the tails of the kernel. */
static void centre(sg_stein *stein, const sg_panels *panels) {
    stein->mean = sg_panels_mean(panels, stein->statistic);
    for (int i = 0; i < panels->n; i++) stein->score[i] = stein->sign * (stein->statistic[i] - stein->mean);
}

/* ------------------------------------------------------- kappa at the nodes */

/*
 * |kappa| at the two ends, where the panels were cut, from two terms of its expansion in 1/s (kappa' = -S - kappa s):
 * what lies beyond an end in units of p there.  0 at an end of the support.
 */
static void kernel_at_ends(const sg_stein *stein, const sg_panels *panels, double log_p[2], double kernel[2]) {
    reference r;
    _Alignas(SG_ALIGN) double x[B] = {panels->edge[0], panels->edge[panels->count], panels->x[0],
                                      panels->x[panels->n - 1]};
    const sg_block block = {.n = 4, .d = 1, .draws = 1, .x = x};
    const sg_space *space = &stein->model->space;
    look(stein, &block, SG_LOGP | SG_DX | SG_DXX | SG_DT | SG_DT_DX, &r);
    log_p[0] = r.logp[0] - r.logp[2] + panels->logp[0];
    log_p[1] = r.logp[1] - r.logp[3] + panels->logp[panels->n - 1];
    for (int k = 0; k < 2; k++) {
        double s = r.dx[k], score = stein->sign * (r.statistic[k] - stein->mean), first = -score / s;
        double second = first * (1 + r.dxx[k] / (s * s)) + stein->sign * r.first[k] / (s * s);
        bool falls_off = k == 0 ? space->lo == -INFINITY && s > 0 : space->hi == INFINITY && s < 0;
        kernel[k] = !falls_off ? 0 : second > 0 ? second : first > 0 ? first : 0;
    }
}

static double largest(const double *f) {
    double top = f[0];
    for (int j = 1; j < ORDER; j++) top = f[j] > top ? f[j] : top;
    return top;
}

/*
 * One panel of either pass: |kappa| = (1/p) (mass + integral of p |S| within the panel), with `mass` the log of the
 * integral from the end of the line to the panel, updated to its other edge.  p enters in units of its largest value on
 * the panel: nothing underflows.
 */
static void add_panel(const sg_panels *panels, int b, double side, const double *score, double *mass, double *kernel) {
    const double *logp = panels->logp + b * ORDER, *S = score + b * ORDER, top = largest(logp);
    const double half = 0.5 * (panels->edge[b + 1] - panels->edge[b]);
    double f[ORDER], inner[ORDER], total, *out = kernel + b * ORDER;
    for (int j = 0; j < ORDER; j++) f[j] = exp(logp[j] - top) * (side * S[j]);
    if (side < 0)
        sg_panel_unit_left(f, inner, &total);
    else
        sg_panel_unit_right(f, inner, &total);
    for (int j = 0; j < ORDER; j++) out[j] = exp(*mass - logp[j]) + half * inner[j] * exp(top - logp[j]);
    *mass = top + log(exp(*mass - top) + half * total);
}

/* From the left where S < 0 and from the right beyond: each integral then has one sign. */
static void fill_kernel(sg_stein *stein, const sg_panels *panels) {
    double log_p[2], ends[2];
    int zero = 0;
    kernel_at_ends(stein, panels, log_p, ends);
    while (zero < panels->count - 1 && stein->score[zero * ORDER + ORDER - 1] < 0) zero++;
    double mass = log_p[0] + log(ends[0]);
    for (int b = 0; b <= zero; b++) add_panel(panels, b, -1, stein->score, &mass, stein->kernel);
    mass = log_p[1] + log(ends[1]);
    for (int b = panels->count - 1; b > zero; b--) add_panel(panels, b, 1, stein->score, &mass, stein->kernel);
}

static sg_status check_kernel(const sg_stein *stein, const sg_panels *panels) {
    for (int i = 0; i < panels->n; i++) {
        double D = stein->kernel[i] / (stein->sign * stein->slope[i]);
        if (!(D > 0 && D < INFINITY))
            return refuse(stein, SG_UNDERFLOW, panels->x[i],
                          "gives a Stein kernel beyond the range of double precision", "choose modes less deep");
    }
    for (int b = 0; b < panels->count; b++) {
        const double *c = stein->coefficient + b * ORDER;
        double top = 0;
        for (int j = 0; j < ORDER; j++) top = fabs(c[j]) > top ? fabs(c[j]) : top;
        if (fabs(c[ORDER - 1]) + fabs(c[ORDER - 2]) > UNRESOLVED * top)
            return refuse(stein, SG_NOT_CONVERGED, panels->edge[b],
                          "gives a Stein kernel that the panels do not resolve", "make panels at the reference itself");
    }
    return SG_OK;
}

/* What depends on theta through p alone, if the family is linear. */
static sg_status fill_scores(sg_stein *stein, const sg_model *model, int index, const sg_panels *panels) {
    if (stein->kept && stein->model == model && stein->index == index) return SG_OK;
    stein->kept = false;
    stein->model = model;
    stein->index = index;
    sg_model_direction(model, index, true, stein->direction);
    fill_nodes(stein, panels);
    sg_status status = find_sign(stein, panels);
    stein->kept = status == SG_OK && model->family->can & SG_LINEAR;
    return status;
}

static sg_status fill(const sg_model *model, const double *theta, int index, const sg_panels *panels, sg_stein *stein) {
    sg_status status = reserve(stein, panels->count);
    if (status != SG_OK) return status;
    memcpy(stein->theta, theta, (size_t)model->full * sizeof(double));
    keep_grid(stein, panels);
    status = fill_scores(stein, model, index, panels);
    if (status != SG_OK) return status;
    centre(stein, panels);
    fill_kernel(stein, panels);
    sg_panels_coefficients(panels, stein->kernel, stein->coefficient);
    return check_kernel(stein, panels);
}

sg_status sg_stein_prepare(const sg_model *model, const double *theta, int index, const sg_panels *panels,
                           sg_stein **stein) {
    sg_stein *made = *stein;
    sg_status status = made ? SG_OK : sg_new(&made, 1, sizeof *made);
    if (status == SG_OK) status = fill(model, theta, index, panels, made);
    if (status != SG_OK && !*stein) {
        sg_stein_delete(made);
        made = NULL;
    }
    *stein = made;
    return status;
}

/* -------------------------------------------------------------- evaluation */

/* |kappa| at up to 8 points between the ends. */
static void kernel_at(const sg_stein *stein, int n, const double *x, double *kernel) {
    int panel[8];
    double t[8], value[8];
    for (int l = 0; l < 8; l++) {
        double at = x[l < n ? l : 0];
        int b = stein->cell[cell_of(stein, at)];
        while (b + 1 < stein->count && stein->edge[b + 1] <= at) b++;
        double lo = stein->edge[b], hi = stein->edge[b + 1];
        panel[l] = b;
        t[l] = ((at - lo) - (hi - at)) / (hi - lo);
    }
    sg_legendre_sum8(stein->coefficient, panel, t, value);
    memcpy(kernel, value, (size_t)n * sizeof(double));
}

void sg_stein_at(const sg_stein *stein, const sg_block *block, double *D, double *grad_D) {
    reference r;
    _Alignas(SG_ALIGN) double inside[B], kernel[B];
    const double lo = stein->edge[0], hi = stein->edge[stein->count], sign = stein->sign;
    const double mean = stein->mean;
    const int n = block->n;
    look(stein, block, SG_DX | SG_DT | SG_DT_DX | SG_DT_DXX, &r);
    for (int i = 0; i < n; i++) inside[i] = block->x[i] > lo ? (block->x[i] < hi ? block->x[i] : hi) : lo;
    for (int i = 0; i < n; i += 8) kernel_at(stein, n - i < 8 ? n - i : 8, inside + i, kernel + i);
    for (int i = 0; i < n; i++) {
        double score = r.statistic[i] - mean, kappa = sign * kernel[i], first = r.first[i];
        double diffusion = kappa / first;
        double turn = block->x[i] == inside[i] ? score + kappa * r.dx[i] : 0; /* -kappa' */
        double slope = -(turn + diffusion * r.second[i]) / first;
        bool good = diffusion < 1e300 && fabs(slope) < 1e300;
        D[i] = good ? diffusion : 0;
        grad_D[i] = good ? slope : 0;
    }
}
