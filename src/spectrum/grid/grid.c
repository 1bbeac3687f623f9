/*
 * Spectra on boxes in up to three dimensions: a first look by finite volumes (scout.c), elements placed by it
 * (elements.c), then eigenvalues at two orders, by shift-invert Lanczos (lanczos.c), by LOBPCG where the
 * factor does not fit (lobpcg.c), or from the conductances between wells (capacity.c) where they are too
 * small for either.
 */
#include "scoregap/grid.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "border.h"
#include "lanczos.h"
#include "scout.h"

enum { MOST = 16, LEAST_ORDER = 6, ROUNDS = 4, GROWTHS = 12 };

typedef struct {
    const sg_grid_problem *problem;
    sg_grid_settings s;
    sg_scout *scout;
    sg_partition_of_box slabs;
    uint8_t *keep;
    double log_value[MOST], error[MOST];
    int count, slow, unknowns, solves;
    bool lobpcg; /* the factor does not fit */
} work;

static const double ROUNDING = 1e-11; /* relative: what was seen on barriers of 20 to 500 is half of it */

/* On one mesh. */
typedef struct {
    double log_value[MOST], noise;
    int count, slow, grown;
    bool spurious[MOST];
    double left_out, *share; /* [n] of mass or energy, the largest of all modes; gone after sg_border_grow */
} solution;

/* ------------------------------------------------------------------ settings */

static sg_status read_settings(const sg_grid_problem *p, const sg_grid_settings *given, sg_grid_settings *s) {
    *s = given ? *given : (sg_grid_settings){0};
    if (s->count == 0) s->count = 1;
    if (s->order == 0) s->order = p->d == 3 ? 8 : 12;
    if (s->tol == 0) s->tol = p->d == 3 ? 1e-6 : 1e-8;
    if (s->memory == 0) s->memory = (size_t)4 << 30;
    if (p->d < 1 || p->d > SG_GRID_DIMENSIONS)
        return sg_fail(SG_OUT_OF_RANGE, "the grid has %d dimensions: it must be 1, 2 or 3", p->d);
    if (s->count < 1 || s->count > MOST - 1)
        return sg_fail(SG_OUT_OF_RANGE, "%d eigenvalues were asked for: it must be 1 to %d", s->count, MOST - 1);
    if (s->order < LEAST_ORDER || s->order > SG_ORDER)
        return sg_fail(SG_OUT_OF_RANGE, "the order is %d: it must be %d to %d", s->order, LEAST_ORDER, SG_ORDER);
    if (!(s->tol >= 1e-12 && s->tol < 1))
        return sg_fail(SG_OUT_OF_RANGE, "the tolerance is %g: it must be in [1e-12, 1)", s->tol);
    for (int a = 0; a < p->d; a++) {
        if (!(isfinite(p->lo[a]) && isfinite(p->hi[a]) && p->lo[a] < p->hi[a]))
            return sg_fail(SG_OUT_OF_RANGE, "side %d of the box is [%g, %g]: it must be finite and not empty", a + 1,
                           p->lo[a], p->hi[a]);
        if (s->cells[a] < 0 || s->cells[a] > SG_SLABS)
            return sg_fail(SG_OUT_OF_RANGE, "%d elements a direction: at most %d", s->cells[a], SG_SLABS);
    }
    return SG_OK;
}

/* --------------------------------------------------------------- first looks */

static sg_status look(work *w) {
    static const int resolution[] = {0, 600, 80, 26}, most[] = {0, 10000, 320, 40};
    const sg_grid_settings *s = &w->s;
    const int d = w->problem->d;
    bool turn = !s->fixed_frame && !s->cells[0];
    sg_frame frame;
    sg_status status = sg_grid_fit_frame(w->problem, turn, &frame, NULL);
    for (int cells = resolution[d], next; !status; cells = next) {
        sg_scout_delete(w->scout);
        w->scout = NULL;
        status = sg_scout_new(w->problem, &frame, cells, s->count, s->memory, s->stop, &w->scout);
        if (status) break;
        if (turn && sg_scout_cut_off(w->scout)) {
            turn = false;
            status = sg_grid_fit_frame(w->problem, turn, &frame, NULL);
            next = cells;
            continue;
        }
        next = sg_scout_resolution(w->scout, most[d]);
        if (next < 1.6 * cells) break;
    }
    return status;
}

static sg_status place(work *w, double error) {
    const sg_scout *s = w->scout;
    const double share = (s->d == 3 ? 1e-5 : 1e-6) * w->s.tol;
    if (w->s.cells[0] == 0) return sg_scout_slabs(s, w->s.order - 2, error / 20, share, &w->slabs, &w->keep);
    for (int a = 0; a < SG_DIM; a++) {
        const int n = a < s->d && w->s.cells[a] ? w->s.cells[a] : 1;
        w->slabs.count[a] = n;
        for (int k = 0; k <= n; k++) w->slabs.edge[a][k] = ((n - k) * s->frame.lo[a] + k * s->frame.hi[a]) / n;
    }
    return sg_scout_keep(s, share, &w->slabs, &w->keep);
}

/* ------------------------------------------------------------------ solutions */

/* The node of highest density within a cell of the well's place, else the nearest. */
static int node_of_well(const sg_mesh *m, const sg_scout *s, int cell) {
    double at[SG_DIM], best_distance = INFINITY, best_level = -INFINITY;
    int nearest = 0, highest = -1;
    sg_cells_centre(&s->cells, cell, at);
    for (int i = 0; i < m->n; i++) {
        double distance = 0;
        for (int a = 0; a < m->d; a++)
            distance = fmax(distance, fabs(m->u[(size_t)a * (size_t)m->n + (size_t)i] - at[a]) / s->cells.width[a]);
        if (distance < best_distance) best_distance = distance, nearest = i;
        if (distance < 1 && m->log_p[i] > best_level) best_level = m->log_p[i], highest = i;
    }
    return highest < 0 ? nearest : highest;
}

static sg_status slow_values(const work *w, sg_mesh *m, solution *out) {
    sg_capacity c = {0};
    const size_t n = (size_t)m->n;
    int well[SG_WELLS], wells = 0;
    double *step = NULL;
    for (int k = 0; k < w->scout->wells.count; k++) {
        int node = node_of_well(m, w->scout, w->scout->wells.cell[k]), known = 0;
        for (int j = 0; j < wells; j++) known |= well[j] == node;
        if (!known) well[wells++] = node;
    }
    if (wells < 2) return SG_OK;
    sg_status status = sg_capacity_solve(&m->form, wells, well, w->scout->wells.pass, w->s.memory, &c);
    if (!status) status = sg_new(&step, 2 * n, sizeof(double));
    for (int k = 0; !status && k < wells; k++) {
        const double *h = c.h + (size_t)k * n;
        sg_capacity_step(n, h, step);
        sg_border_mass(m, h, false, out->share);
        sg_border_energy(m, c.shift, step, h, step + n, out->share);
    }
    for (int k = 0; k < c.count; k++) out->log_value[k] = c.log_value[k];
    out->slow = c.count;
    out->noise = c.noise;
    sg_delete(c.h);
    sg_delete(step);
    return status;
}

static sg_status by_lobpcg(const work *w, const sg_mesh *m, double shift, int count, double *value, double *function) {
    sg_sparse *coarse = NULL;
    sg_status status = sg_mesh_coarse(m, &coarse);
    if (!status)
        status = sg_lobpcg(&m->form, coarse, shift, count, w->s.memory, 1e-2 * w->s.tol, w->s.stop, value, function);
    sg_sparse_delete(coarse);
    return status;
}

/* Share of f^2 where log p was raised on elements too large for it: a function that lives there is none of the law. */
static double raised_mass(const sg_mesh *m, const double *f) {
    double part = 0, whole = 0;
    for (int i = 0; i < m->n; i++) {
        const double mass = exp(m->log_mass[i]) * f[i] * f[i];
        whole += mass;
        if (m->raised[i]) part += mass;
    }
    return part / whole;
}

static sg_status fast_values(const work *w, sg_mesh *m, solution *out) {
    const int slow = out->slow, count = w->s.count < m->n - 2 ? w->s.count : m->n - 2;
    const double rough = exp(w->scout->log_value[slow < w->scout->count ? slow : 0]);
    const size_t n = (size_t)m->n;
    double *function = NULL, value[MOST];
    sg_status status = sg_new(&function, ((size_t)count + 1) * n, sizeof(double));
    if (status) return status;
    const double shift = fmax(0.1 * rough, 1e-15 * sg_sparse_norm(m->form.a));
    status = w->lobpcg ? by_lobpcg(w, m, shift, count, value, function)
                       : sg_lanczos(&m->form, shift, count, w->s.memory, w->s.stop, value, function);
    for (int k = slow; k < count && !status; k++) {
        const double *f = function + (size_t)k * n;
        out->log_value[k] = log(value[k]);
        sg_border_mass(m, f, true, out->share);
        sg_border_energy(m, 0, f, f, function + (size_t)count * n, out->share);
        out->spurious[k] = raised_mass(m, f) > 1e-6;
    }
    sg_delete(function);
    return status;
}

/* Whether the factor fits.  Where the eigenvalues are too small for LOBPCG it must. */
static sg_status choose(work *w, sg_mesh *m, bool metastable) {
    size_t bytes;
    w->lobpcg = w->s.method == SG_GRID_LOBPCG;
    if (w->s.method != SG_GRID_AUTO) return SG_OK;
    sg_status status = sg_sparse_factor_bytes(m->form.a, &bytes);
    if (status || bytes <= w->s.memory) return status;
    const double ratio = exp(w->scout->log_value[0]);
    w->lobpcg = !metastable || ratio > 1e-4;
    return SG_OK;
}

static sg_status solve(work *w, int order, solution *out) {
    sg_mesh *m = NULL;
    const bool metastable = w->s.method == SG_GRID_METASTABLE || (w->s.method == SG_GRID_AUTO && w->scout->slow > 0);
    *out = (solution){.slow = 0};
    sg_status status = sg_mesh_new(w->problem, &w->scout->frame, &w->slabs, w->keep, order, &m);
    if (status) return status;
    if ((status = sg_new(&out->share, (size_t)m->n, sizeof(double)))) goto out;
    if ((status = choose(w, m, metastable))) goto out;
    if (metastable && !w->lobpcg && (status = slow_values(w, m, out))) goto out;
    if (out->slow < w->s.count && (status = fast_values(w, m, out))) goto out;
    out->count = w->s.count < m->n - 2 ? w->s.count : m->n - 2;
    out->left_out = sg_border_grow(m, out->share, 1e-2 * w->s.tol, w->keep, &out->grown);
    w->unknowns = m->n;
    w->solves++;
out:
    sg_delete(out->share);
    sg_mesh_delete(m);
    return status;
}

/*
 * Relative error of the highest order.  From two orders: what they differ by, though the higher is much better.  From
 * three, as in three dimensions, where every node is dear: once they converge, the last difference times four times the
 * factor by which it has fallen, but no less than a twentieth of it.
 */
static double order_error(int orders, const double *log_value) {
    const double last = fabs(expm1(log_value[orders - 2] - log_value[orders - 1]));
    if (orders < 3 || !(last < 1e-3)) return last;
    const double before = fabs(expm1(log_value[0] - log_value[1]));
    return last * fmin(1, fmax(0.05, 4 * last / before));
}

/* Where the solution says that elements are missing they are added and it starts again. */
static sg_status solve_orders(work *w) {
    const int orders = w->problem->d == 3 ? 3 : 2;
    solution at[3];
    double value[3];
    sg_status status = SG_OK;
    for (int k = 0, growths = 0; k < orders && !status; k++) {
        status = solve(w, w->s.order - 2 * (orders - 1 - k), &at[k]);
        if (!status && at[k].grown && growths++ < GROWTHS) k = -1;
    }
    if (status) return status;
    const solution *last = &at[orders - 1];
    w->count = last->count;
    w->slow = last->slow;
    for (int k = 0; k < w->count; k++) {
        for (int j = 0; j < orders; j++) value[j] = at[j].log_value[k];
        w->log_value[k] = last->log_value[k];
        w->error[k] = order_error(orders, value) + last->left_out + ROUNDING;
        if (k < w->slow) w->error[k] += last->noise;
        if (!isfinite(w->error[k]) || last->spurious[k]) w->error[k] = INFINITY;
    }
    return SG_OK;
}

static double worst_error(const work *w) {
    double worst = 0;
    for (int k = 0; k < w->count; k++) worst = fmax(worst, w->error[k]);
    return worst;
}

/*
 * Smaller elements until the error estimate is `tol`, or no longer falls; larger ones when the factor does not fit.
 * What slabs are chosen by is an upper bound, by about the factor it starts from.
 */
static sg_status refine(work *w) {
    double error = (w->problem->d == 3 ? 1e6 : 1e3) * w->s.tol, best = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        const work before = *w;
        w->keep = NULL;
        sg_status status = place(w, error);
        if (!status) status = solve_orders(w);
        const bool full = status == SG_NO_MEMORY, worse = !status && worst_error(w) > best;
        if (isfinite(best) && (full || worse)) { /* what there was before is better */
            sg_delete(w->keep);
            *w = before;
            return SG_OK;
        }
        sg_delete(before.keep);
        if (full && round + 1 < ROUNDS) {
            error *= 100;
            continue;
        }
        if (status || worst_error(w) <= w->s.tol || w->s.cells[0] || worst_error(w) > 0.5 * best || error > 1e3)
            return status;
        best = worst_error(w);
        error *= fmax(1e-4, fmin(0.1, 0.1 * w->s.tol / best));
    }
    return SG_OK;
}

/* ------------------------------------------------------------------- results */

static void report(const work *w, sg_gap *out, sg_grid_spectrum *spectrum) {
    static const char *const method[] = {"spectral elements, shift-invert Lanczos; bounds by error estimate",
                                         "spectral elements, conductances between wells; bounds by error estimate",
                                         "spectral elements, LOBPCG; bounds by error estimate"};
    const double value = exp(w->log_value[0]), error = w->error[0];
    *out = (sg_gap){.gap = value,
                    .gap_lower = value * fmax(0, 1 - error),
                    .gap_upper = value * (1 + error), /* INFINITY where nothing is known */
                    .log10_gap = w->log_value[0] / M_LN10,
                    .poincare = 1 / value,
                    .relaxation_time = 1 / value,
                    .iterations = w->solves,
                    .method = method[w->slow > 0 ? 1
                                     : w->lobpcg ? 2
                                                 : 0]};
    if (value < 2.3e-308) {
        out->status = SG_UNDERFLOW;
        out->gap = out->gap_lower = out->gap_upper = 0;
        snprintf(out->message, sizeof out->message, "the gap is 10^%.6f, below double precision", out->log10_gap);
    } else if (!(error <= 1e-6)) {
        out->status = SG_UNCERTIFIED;
        if (isfinite(error))
            snprintf(out->message, sizeof out->message, "the gap is uncertain by %.1e, as two orders differ", error);
        else
            snprintf(out->message, sizeof out->message, "the elements are too large for the law: take more of them");
    }
    if (!spectrum) return;
    *spectrum = (sg_grid_spectrum){.count = w->count, .unknowns = w->unknowns};
    for (int k = 0; k < w->count; k++) {
        spectrum->value[k] = exp(w->log_value[k]);
        spectrum->log_value[k] = w->log_value[k];
        spectrum->value_error[k] = w->error[k];
    }
}

sg_status sg_grid_gap(const sg_grid_problem *problem, const sg_grid_settings *settings, sg_gap *out,
                      sg_grid_spectrum *spectrum) {
    struct timespec start, end;
    work *w = NULL;
    clock_gettime(CLOCK_MONOTONIC, &start);
    sg_status status = sg_new(&w, 1, sizeof *w);
    if (status) return status;
    w->problem = problem;
    if ((status = read_settings(problem, settings, &w->s))) goto out;
    if ((status = look(w))) goto out;
    if ((status = refine(w))) goto out;
    report(w, out, spectrum);
    clock_gettime(CLOCK_MONOTONIC, &end);
    out->seconds = (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
out:
    sg_scout_delete(w->scout);
    sg_delete(w->keep);
    sg_delete(w);
    return status;
}
