#include "scout.h"

#include <math.h>
#include <string.h>

#include "lanczos.h"

static const double GATE = 0.99; /* where no harmonic function is larger, the process passes from well to well */

/* ------------------------------------------------------------------- cells */

static sg_status evaluate(sg_scout *s, const sg_grid_problem *problem) {
    const int d = s->d, n = s->cells.total;
    double *u = NULL, *full = NULL;
    double centre[SG_DIM];
    sg_status status = sg_new(&u, (size_t)n * (size_t)d, sizeof(double));
    if (!status && problem->diffusion) {
        status = sg_new(&full, (size_t)n * (size_t)(d * (d + 1) / 2), sizeof(double));
        if (!status) status = sg_new(&s->tensor, (size_t)n * (size_t)d, sizeof(double));
    }
    if (status) goto out;
    for (int i = 0; i < n; i++) {
        sg_cells_centre(&s->cells, i, centre);
        for (int a = 0; a < d; a++) u[(size_t)a * (size_t)n + (size_t)i] = centre[a];
    }
    sg_frame_evaluate(&s->frame, problem, n, u, s->log_p, full);
    double top = -INFINITY;
    for (int i = 0; i < n; i++) {
        if (isnan(s->log_p[i]) || s->log_p[i] == INFINITY) {
            status = sg_fail(SG_REFUSED, "log p is %g at a point of the box: take a smaller box", s->log_p[i]);
            goto out;
        }
        top = fmax(top, s->log_p[i]);
    }
    if (!isfinite(top)) {
        status = sg_fail(SG_REFUSED, "p vanishes on the whole box: take another box");
        goto out;
    }
    s->frame.top += top;
    for (int k = 0; full && k < n * d; k++) {
        const double value = full[(size_t)(k / n) * (size_t)(k / n + 3) / 2 * (size_t)n + (size_t)(k % n)];
        if (value > 0 && isfinite(value)) continue;
        status = sg_fail(SG_REFUSED, "the diffusion matrix is not positive definite: it has %g on its diagonal", value);
        goto out;
    }
    for (int i = 0; i < n; i++) s->log_p[i] -= top;
    for (int a = 0; full && a < d; a++)
        memcpy(s->tensor + (size_t)a * (size_t)n, full + (size_t)(a * (a + 3) / 2) * (size_t)n,
               (size_t)n * sizeof(double));
out:
    sg_delete(u);
    sg_delete(full);
    return status;
}

/* ------------------------------------------------------------------ matrix */

/* Cells above the cut that can be reached from the top. */
static sg_status activate(sg_scout *s) {
    const double cut = s->wells.pass - s->frame.deeper;
    int *queue = NULL, tail = 0;
    sg_status status = sg_new(&queue, (size_t)s->cells.total, sizeof(int));
    if (status) return status;
    for (int i = 0; i < s->cells.total; i++) s->number[i] = -1;
    queue[tail++] = s->wells.cell[0];
    s->number[s->wells.cell[0]] = 0;
    for (int head = 0; head < tail; head++)
        for (int k = 0; k < 2 * s->d; k++) {
            const int j = sg_cells_neighbour(&s->cells, queue[head], k / 2, k % 2 ? 1 : -1);
            if (j < 0 || s->number[j] >= 0 || !(s->log_p[j] >= cut)) continue;
            s->number[j] = 0;
            queue[tail++] = j;
        }
    s->form.n = 0;
    for (int i = 0; i < s->cells.total; i++)
        if (s->number[i] == 0) {
            s->cell[s->form.n] = i;
            s->number[i] = s->form.n++;
        }
    sg_delete(queue);
    return SG_OK;
}

/* log of 1/int_0^1 of exp(-log p), log p linear from one cell to the next, less their mean. */
static double fitted(double difference) {
    const double x = 0.5 * fabs(difference);
    return x < 1e-4 ? -x * x / 6 : log(2 * x) - x - log1p(-exp(-2 * x));
}

static double tensor_at(const sg_scout *s, int a, int cell) {
    return s->tensor ? s->tensor[(size_t)a * (size_t)s->cells.total + (size_t)cell] : 1;
}

static double energy(const void *context, double shift, const double *u, const double *v) {
    const sg_scout *s = context;
    double sum = 0;
    for (int e = 0; e < s->edges; e++) {
        const double du = u[s->to[e]] - u[s->from[e]];
        if (du != 0) sum += exp(s->log_conductance[e] - shift) * du * (v[s->to[e]] - v[s->from[e]]);
    }
    return sum;
}

static sg_status assemble(sg_scout *s) {
    const int n = s->form.n;
    double volume = 1, *diagonal = NULL;
    sg_status status = sg_new(&diagonal, (size_t)n, sizeof(double));
    if (!status) status = sg_sparse_new(n, (size_t)n * (size_t)(s->d + 1), &s->form.a);
    if (status) goto out;
    for (int a = 0; a < s->d; a++) volume *= s->cells.width[a];
    for (int i = 0; i < n; i++) {
        s->form.log_scale[i] = 0.5 * (s->log_p[s->cell[i]] + log(volume));
        for (int a = 0; a < s->d; a++) {
            const int c = s->cell[i], other = sg_cells_neighbour(&s->cells, c, a, 1),
                      j = other < 0 ? -1 : s->number[other];
            if (j < 0) continue;
            const double d =
                2 / (1 / tensor_at(s, a, c) + 1 / tensor_at(s, a, other)) / (s->cells.width[a] * s->cells.width[a]);
            const double difference = s->log_p[other] - s->log_p[c], link = log(d) + fitted(difference);
            s->up[a * s->cells.total + c] = s->edges;
            s->from[s->edges] = i;
            s->to[s->edges] = j;
            s->log_conductance[s->edges++] = link + 0.5 * (s->log_p[c] + s->log_p[other]) + log(volume);
            sg_sparse_add(s->form.a, i, j, -exp(link));
            diagonal[i] += exp(link + 0.5 * difference);
            diagonal[j] += exp(link - 0.5 * difference);
        }
    }
    for (int i = 0; i < n; i++) sg_sparse_add(s->form.a, i, i, diagonal[i]);
    s->form.energy = energy;
    s->form.context = s;
    status = sg_sparse_close(s->form.a);
out:
    sg_delete(diagonal);
    return status;
}

/* ------------------------------------------------------------------- shares */

static void differences(const sg_scout *s, const double *f, double *difference) {
    for (int e = 0; e < s->edges; e++) difference[e] = f[s->to[e]] - f[s->from[e]];
}

/* What slow mode k changes by along each edge: where rounding errors of the mode itself would hide it, from the
 * harmonic functions near 0.  Returns what it changes by in all. */
static double slow_differences(const sg_scout *s, const sg_capacity *c, int k, double *difference) {
    const size_t n = (size_t)s->form.n;
    double least = INFINITY, most = -INFINITY;
    for (int i = 0; i < c->wells; i++) {
        least = fmin(least, c->mode[k][i]);
        most = fmax(most, c->mode[k][i]);
    }
    if (exp(c->log_value[k]) > 1e-12 * c->killed) {
        differences(s, c->function + (size_t)k * n, difference);
        return most - least;
    }
    for (int e = 0; e < s->edges; e++) {
        const size_t x = (size_t)s->from[e], y = (size_t)s->to[e];
        int home = 0;
        difference[e] = 0;
        for (int i = 1; i < c->wells; i++)
            if (c->h[i * n + x] > c->h[home * n + x]) home = i;
        for (int i = 0; i < c->wells; i++)
            if (i != home) difference[e] += (c->mode[k][i] - c->mode[k][home]) * (c->h[i * n + y] - c->h[i * n + x]);
    }
    return most - least;
}

/* The gradient of a mode in a cell, times the root of D: from its two edges along each axis. */
static void gradient(const sg_scout *s, const double *difference, int cell, double *g) {
    for (int a = 0; a < s->d; a++) {
        const int below = sg_cells_neighbour(&s->cells, cell, a, -1), *up = s->up + a * s->cells.total;
        const int e[2] = {up[cell], below < 0 ? -1 : up[below]};
        double sum = 0;
        for (int k = 0; k < 2; k++)
            if (e[k] >= 0) sum += difference[e[k]];
        g[a] = 0.5 * sum / s->cells.width[a] * sqrt(tensor_at(s, a, cell));
    }
}

static double length(int d, const double *g) {
    double sum = 0;
    for (int a = 0; a < d; a++) sum += g[a] * g[a];
    return sqrt(sum);
}

/* How fast the gradient changes along an axis: k if it is exp(k u) or cos(k u) there. */
static double roughness(const sg_scout *s, const double *difference, int cell, int a, const double *here) {
    double side[2][SG_DIM], first[SG_DIM], second[SG_DIM];
    const double size = length(s->d, here);
    for (int k = 0; k < 2; k++) {
        const int j = sg_cells_neighbour(&s->cells, cell, a, k ? 1 : -1);
        if (j >= 0 && s->number[j] >= 0)
            gradient(s, difference, j, side[k]);
        else
            for (int b = 0; b < s->d; b++) side[k][b] = here[b];
    }
    for (int b = 0; b < s->d; b++) {
        first[b] = 0.5 * (side[1][b] - side[0][b]);
        second[b] = side[1][b] - 2 * here[b] + side[0][b];
    }
    if (size == 0) return 0;
    return fmax(asinh(length(s->d, first) / size), acosh(1 + 0.5 * length(s->d, second) / size)) / s->cells.width[a];
}

/* Log of the energy of an edge, and of all. */
static double log_energy(const sg_scout *s, const double *difference, int e) {
    return s->log_conductance[e] + 2 * log(fabs(difference[e]));
}

static double total_energy(const sg_scout *s, const double *difference) {
    double most = -INFINITY, sum = 0;
    for (int e = 0; e < s->edges; e++) most = fmax(most, log_energy(s, difference, e));
    for (int e = 0; e < s->edges; e++) sum += exp(log_energy(s, difference, e) - most);
    return most + log(sum);
}

/* Shares of one mode's energy, and how rough it is where they are.  range: from well to well, 0 for a fast mode. */
static sg_status energy_shares(sg_scout *s, const double *difference, double range) {
    double *share = NULL, g[SG_DIM];
    const double total = total_energy(s, difference);
    sg_status status = sg_new(&share, (size_t)s->cells.total, sizeof(double));
    for (int e = 0; e < s->edges && !status; e++) {
        const double log_share = log_energy(s, difference, e) - total;
        const int ends[2] = {s->cell[s->from[e]], s->cell[s->to[e]]};
        for (int k = 0; k < 2; k++) {
            share[ends[k]] += 0.5 * exp(log_share);
            if (range == 0 || difference[e] == 0) continue;
            s->flux[ends[k]] = fmax(s->flux[ends[k]], exp(log_share - log(fabs(difference[e]) / range)));
        }
    }
    for (int i = 0; i < s->cells.total && !status; i++) {
        if (share[i] < 1e-20) continue;
        s->relevance[i] = fmax(s->relevance[i], share[i]);
        s->energy[i] = fmax(s->energy[i], share[i]);
        gradient(s, difference, i, g);
        for (int a = 0; a < s->d; a++) {
            double *rough = s->rough + a * s->cells.total + i;
            *rough = fmax(*rough, roughness(s, difference, i, a, g));
        }
    }
    sg_delete(share);
    return status;
}

static void mass_shares(sg_scout *s, const double *f) {
    double total = 0;
    for (int i = 0; i < s->form.n; i++) total += exp(2 * s->form.log_scale[i]) * (f ? f[i] * f[i] : 1);
    for (int i = 0; i < s->form.n; i++) {
        double *r = s->relevance + s->cell[i];
        *r = fmax(*r, exp(2 * s->form.log_scale[i]) / total * (f ? f[i] * f[i] : 1));
    }
}

static void find_gates(sg_scout *s, const sg_capacity *c) {
    const size_t n = (size_t)s->form.n;
    for (size_t i = 0; i < n; i++) {
        double most = 0;
        for (int k = 0; k < c->wells; k++) most = fmax(most, c->h[(size_t)k * n + i]);
        s->gate[s->cell[i]] = most < GATE;
    }
}

static void well_shares(sg_scout *s, const sg_capacity *c) {
    const size_t n = (size_t)s->form.n;
    for (int k = 0; k < c->wells; k++) {
        const double *h = c->h + (size_t)k * n;
        double part = 0;
        for (size_t i = 0; i < n; i++) part += exp(2 * s->form.log_scale[i]) * h[i];
        for (size_t i = 0; i < n; i++) {
            double *r = s->relevance + s->cell[i];
            *r = fmax(*r, exp(2 * s->form.log_scale[i]) * h[i] / part);
        }
    }
}

/* ------------------------------------------------------------------- modes */

static sg_status fast_modes(sg_scout *s, int count, size_t memory, const volatile int *stop, double *difference) {
    const size_t n = (size_t)s->form.n;
    double *function = NULL, value[SG_WELLS];
    if (count > s->form.n - 2) count = s->form.n - 2;
    if (count < 1) return SG_OK;
    sg_status status = sg_new(&function, (size_t)count * n, sizeof(double));
    if (status) return status;
    const double shift = 1e-8 * sg_sparse_norm(s->form.a);
    status = sg_lanczos(&s->form, shift, count, memory, stop, value, function);
    for (int k = s->slow; k < count && !status; k++) {
        const double *f = function + (size_t)k * n;
        s->log_value[k] = log(fmax(value[k], 1e-300));
        differences(s, f, difference);
        mass_shares(s, f);
        status = energy_shares(s, difference, 0);
    }
    s->count = count > s->slow ? count : s->slow;
    sg_delete(function);
    return status;
}

static sg_status modes(sg_scout *s, int count, size_t memory, const volatile int *stop) {
    sg_capacity c = {0};
    double *difference = NULL;
    int well[SG_WELLS];
    sg_status status = sg_new(&difference, (size_t)s->edges + 1, sizeof(double));
    if (status) return status;
    for (int k = 0; k < s->wells.count; k++) well[k] = s->number[s->wells.cell[k]];
    if (s->wells.count > 1) {
        status = sg_capacity_solve(&s->form, s->wells.count, well, s->wells.pass, memory, &c);
        if (status) goto out;
        s->slow = s->count = c.count;
        for (int k = 0; k < c.count; k++) s->log_value[k] = c.log_value[k];
        well_shares(s, &c);
        find_gates(s, &c);
    }
    mass_shares(s, NULL);
    for (int k = 0; k < s->slow && k < count && !status; k++) {
        const double range = slow_differences(s, &c, k, difference);
        status = energy_shares(s, difference, range);
    }
    if (s->slow > 0) sg_scout_lead_uphill(s);
    sg_scout_fill_reaches(s);
    if (!status && s->slow < count) status = fast_modes(s, count, memory, stop, difference);
out:
    sg_capacity_clear(&c);
    sg_delete(difference);
    return status;
}

sg_status sg_scout_new(const sg_grid_problem *problem, const sg_frame *frame, int resolution, int count, size_t memory,
                       const volatile int *stop, sg_scout **scout) {
    sg_scout *s = NULL;
    *scout = NULL;
    sg_status status = sg_new(&s, 1, sizeof *s);
    if (status) return status;
    s->d = problem->d;
    s->frame = *frame;
    sg_cells_set(frame, s->d, resolution, &s->cells);
    const size_t n = (size_t)s->cells.total;
    if ((status = sg_new(&s->log_p, n, sizeof(double)))) goto out;
    if ((status = sg_new(&s->number, n, sizeof(int)))) goto out;
    if ((status = sg_new(&s->cell, n, sizeof(int)))) goto out;
    if ((status = sg_new(&s->relevance, n, sizeof(double)))) goto out;
    if ((status = sg_new(&s->flux, n, sizeof(double)))) goto out;
    if ((status = sg_new(&s->energy, n, sizeof(double)))) goto out;
    if ((status = sg_new(&s->rough, n * (size_t)s->d, sizeof(double)))) goto out;
    if ((status = sg_new(&s->gate, n, 1))) goto out;
    if ((status = sg_new(&s->up, n * (size_t)s->d, sizeof(int)))) goto out;
    for (size_t i = 0; i < n * (size_t)s->d; i++) s->up[i] = -1;
    for (int a = 0; a < s->d; a++) {
        if ((status = sg_new(&s->reach[a][0], 2 * (size_t)s->cells.count[a], sizeof(double)))) goto out;
        s->reach[a][1] = s->reach[a][0] + s->cells.count[a];
    }
    if ((status = evaluate(s, problem))) goto out;
    if ((status = sg_cells_wells(&s->cells, s->log_p, &s->wells))) goto out;
    if ((status = activate(s))) goto out;
    if ((status = sg_new(&s->form.log_scale, (size_t)s->form.n, sizeof(double)))) goto out;
    const size_t most = (size_t)s->d * (size_t)s->form.n;
    if ((status = sg_new(&s->from, most, sizeof(int)))) goto out;
    if ((status = sg_new(&s->to, most, sizeof(int)))) goto out;
    if ((status = sg_new(&s->log_conductance, most, sizeof(double)))) goto out;
    if ((status = assemble(s))) goto out;
    status = modes(s, count, memory, stop);
out:
    if (status)
        sg_scout_delete(s);
    else
        *scout = s;
    return status;
}

void sg_scout_delete(sg_scout *s) {
    if (!s) return;
    sg_sparse_delete(s->form.a);
    sg_delete(s->form.log_scale);
    sg_delete(s->log_p);
    sg_delete(s->tensor);
    sg_delete(s->number);
    sg_delete(s->cell);
    sg_delete(s->from);
    sg_delete(s->to);
    sg_delete(s->log_conductance);
    sg_delete(s->relevance);
    sg_delete(s->flux);
    sg_delete(s->energy);
    sg_delete(s->rough);
    sg_delete(s->gate);
    sg_delete(s->up);
    for (int a = 0; a < SG_DIM; a++) sg_delete(s->reach[a][0]);
    sg_delete(s);
}

bool sg_scout_keeps(const sg_scout *s, int cell, double share) {
    return s->relevance[cell] > share || s->flux[cell] > 10 * share;
}
