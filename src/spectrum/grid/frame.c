/* The frame of a law: rounds of looks at levels of log p, each from the box that the last one left. */
#include <math.h>
#include <string.h>

#include "scoregap/numeric.h"
#include "wells.h"

enum { ROUNDS = 12, CHUNK = 256, LEAST_CELLS = 100 };
static const double MASSLESS = 38; /* below the top */

typedef struct {
    const sg_grid_problem *problem;
    sg_cells cells;
    sg_frame *frame;
    double *log_p, *best; /* [total]; [d][total] where in the cell it was found */
    double cut;
} look;

/* Evaluates in chunks of points gathered one by one. */
typedef struct {
    int n;
    double u[SG_DIM * CHUNK], log_p[CHUNK];
} batch;

/* The largest log p over 3^d points of each cell: a ridge narrower than a cell is not missed so easily. */
static sg_status sample(look *l) {
    const int d = l->cells.d, side = 3, total = l->cells.total;
    int points = 1;
    double centre[SG_DIM], u[SG_DIM * 27], value[27];
    for (int a = 0; a < d; a++) points *= side;
    for (int i = 0; i < total; i++) {
        sg_cells_centre(&l->cells, i, centre);
        for (int k = 0; k < points; k++)
            for (int a = 0, rest = k; a < d; a++, rest /= side)
                u[a * points + k] = centre[a] + l->cells.width[a] * (rest % side - 1) / side;
        sg_frame_evaluate(l->frame, l->problem, points, u, value, NULL);
        l->log_p[i] = -INFINITY;
        for (int k = 0; k < points; k++) {
            if (isnan(value[k]) || value[k] == INFINITY)
                return sg_fail(SG_REFUSED, "log p is %g at a point of the box: take a smaller box", value[k]);
            if (k > 0 && !(value[k] > l->log_p[i])) continue;
            l->log_p[i] = value[k];
            for (int a = 0; a < d; a++) l->best[(size_t)a * (size_t)total + (size_t)i] = u[a * points + k];
        }
    }
    return SG_OK;
}

static sg_status find_cut(look *l) {
    sg_wells wells;
    double top = -INFINITY;
    for (int i = 0; i < l->cells.total; i++) top = fmax(top, l->log_p[i]);
    if (!isfinite(top)) return sg_fail(SG_REFUSED, "p vanishes on the whole box: take another box");
    for (int i = 0; i < l->cells.total; i++) l->log_p[i] -= top;
    l->frame->top += top;
    sg_status status = sg_cells_wells(&l->cells, l->log_p, &wells);
    l->cut = wells.pass - l->frame->deeper;
    return status;
}

/* ---------------------------------------------------------------------- axes */

static void add_products(const look *l, batch *b, const double *weight, double *g) {
    const int d = l->cells.d;
    sg_frame_evaluate(l->frame, l->problem, b->n, b->u, b->log_p, NULL);
    for (int first = 0, k = 0; first < b->n; first += 2 * d, k++) {
        double slope[SG_DIM];
        for (int a = 0; a < d; a++)
            slope[a] = (b->log_p[first + 2 * a] - b->log_p[first + 2 * a + 1]) / (2e-3 * l->cells.width[a]);
        for (int a = 0; a < d; a++)
            for (int c = 0; c < d; c++)
                if (isfinite(slope[a]) && isfinite(slope[c])) g[a + d * c] += weight[k] * slope[a] * slope[c];
    }
}

/* p is flattened until enough cells have a weight: then narrow wells are seen by more than one. */
static double temperature(const look *l) {
    double t = 1;
    for (double sum, square; t < 64; t *= 2) {
        sum = square = 0;
        for (int i = 0; i < l->cells.total; i++) {
            const double w = exp(l->log_p[i] / t);
            sum += w, square += w * w;
        }
        if (sum * sum > LEAST_CELLS * square) break;
    }
    return t;
}

static void mean_product(const look *l, double *g) {
    const int d = l->cells.d, most = CHUNK / (2 * d);
    const double t = temperature(l);
    double weight[CHUNK];
    batch b = {.n = 0};
    memset(g, 0, SG_DIM * SG_DIM * sizeof *g);
    for (int i = 0, held = 0; i <= l->cells.total; i++) {
        if (held && (i == l->cells.total || held == most)) {
            for (int a = 1; a < d; a++) memmove(b.u + a * b.n, b.u + a * CHUNK, (size_t)b.n * sizeof(double));
            add_products(l, &b, weight, g);
            b.n = held = 0;
        }
        if (i == l->cells.total || l->log_p[i] < -20 * t) continue;
        weight[held++] = exp(l->log_p[i] / t);
        for (int k = 0; k < 2 * d; k++, b.n++)
            for (int a = 0; a < d; a++)
                b.u[a * CHUNK + b.n] = l->best[(size_t)a * (size_t)l->cells.total + (size_t)i] +
                                       (k / 2 == a ? (k % 2 ? -1e-3 : 1e-3) * l->cells.width[a] : 0);
    }
}

/* The vectors so ordered and signed that the turn is as small as it can be. */
static bool axes(int d, const double *g, double out[SG_DIM][SG_DIM]) {
    double value[SG_DIM], vector[SG_DIM * SG_DIM], off = 0, size = 0;
    bool taken[SG_DIM] = {false};
    for (int a = 0; a < d; a++)
        for (int b = 0; b < d; b++) *(a == b ? &size : &off) += fabs(g[a + d * b]);
    if (off < 1e-9 * size || sg_symmetric_eigen(d, g, value, vector)) return false;
    if (value[d - 1] < 1.05 * value[0]) return false;
    for (int a = 0; a < d; a++) {
        int best = -1;
        for (int k = 0; k < d; k++)
            if (!taken[k] && (best < 0 || fabs(vector[a + d * k]) > fabs(vector[a + d * best]))) best = k;
        taken[best] = true;
        for (int b = 0; b < d; b++) out[b][a] = vector[b + d * best] * (vector[a + d * best] < 0 ? -1 : 1);
    }
    return true;
}

/* ----------------------------------------------------------------------- box */

/* Is there mass at a face of the problem's box?  The highest point of each cell beside it is moved onto it. */
static bool cut_off(const look *l) {
    const sg_cells *c = &l->cells;
    int at[SG_DIM];
    for (int i = 0; i < c->total; i++) {
        if (!(l->log_p[i] >= -MASSLESS)) continue;
        sg_cells_index(c, i, at);
        for (int a = 0; a < c->d; a++) {
            double u[SG_DIM], log_p;
            if (at[a] != 0 && at[a] != c->count[a] - 1) continue;
            for (int b = 0; b < c->d; b++) u[b] = l->best[(size_t)b * (size_t)c->total + (size_t)i];
            u[a] = at[a] == 0 ? l->frame->lo[a] : l->frame->hi[a];
            sg_frame_evaluate(l->frame, l->problem, 1, u, &log_p, NULL);
            if (log_p >= -MASSLESS) return true;
        }
    }
    return false;
}

/* Of the cells that matter, in the coordinates turn' u. */
static void bounding_box(const look *l, bool turned, double turn[SG_DIM][SG_DIM], double *lo, double *hi) {
    double centre[SG_DIM];
    const int d = l->cells.d;
    for (int a = 0; a < d; a++) lo[a] = INFINITY, hi[a] = -INFINITY;
    for (int i = 0; i < l->cells.total; i++) {
        if (!(l->log_p[i] >= l->cut)) continue;
        sg_cells_centre(&l->cells, i, centre);
        for (int a = 0; a < d; a++) {
            double middle = 0, reach = 0;
            for (int b = 0; b < d; b++) {
                const double along = turned ? turn[b][a] : a == b;
                middle += along * centre[b];
                reach += fabs(along) * l->cells.width[b];
            }
            lo[a] = fmin(lo[a], middle - reach);
            hi[a] = fmax(hi[a], middle + reach);
        }
    }
}

/* Returns whether another round would find it much better. */
static bool improve(const look *l, bool turn) {
    double g[SG_DIM * SG_DIM], more[SG_DIM][SG_DIM] = {{0}}, lo[SG_DIM], hi[SG_DIM], old[SG_DIM][SG_DIM], angle = 0;
    sg_frame *f = l->frame;
    const sg_grid_problem *p = l->problem;
    const int d = l->cells.d;
    bool again = false;
    if (turn && d > 1 && (f->turned || !cut_off(l))) {
        mean_product(l, g);
        turn = axes(d, g, more);
    } else {
        turn = false;
    }
    bounding_box(l, turn, more, lo, hi);
    for (int a = 0; a < d; a++) {
        const double before = f->hi[a] - f->lo[a];
        f->lo[a] = turn || f->turned ? lo[a] : fmax(lo[a], p->lo[a]);
        f->hi[a] = turn || f->turned ? hi[a] : fmin(hi[a], p->hi[a]);
        again |= f->hi[a] - f->lo[a] < 0.7 * before;
    }
    if (!turn) return again;
    for (int a = 0; a < d; a++)
        for (int b = 0; b < d; b++) {
            old[a][b] = f->turned ? f->turn[a][b] : a == b;
            if (a != b) angle = fmax(angle, fabs(more[a][b]));
        }
    for (int a = 0; a < d; a++)
        for (int b = 0; b < d; b++) {
            f->turn[a][b] = 0;
            for (int c = 0; c < d; c++) f->turn[a][b] += old[a][c] * more[c][b];
        }
    f->turned = true;
    return again || angle > 1e-5;
}

sg_status sg_grid_fit_frame(const sg_grid_problem *problem, bool turn, double deeper, sg_frame *frame, double *pass) {
    static const int resolution[] = {0, 200, 48, 16};
    look l = {.problem = problem, .frame = frame};
    const int d = problem->d;
    size_t total = 1;
    for (int a = 0; a < d; a++) {
        total *= (size_t)resolution[d];
        frame->lo[a] = problem->lo[a];
        frame->hi[a] = problem->hi[a];
    }
    frame->turned = false;
    frame->top = 0;
    frame->deeper = deeper;
    sg_status status = sg_new(&l.log_p, total * (size_t)(d + 1), sizeof(double));
    if (status) return status;
    l.best = l.log_p + total;
    for (int round = 0; round < ROUNDS; round++) {
        sg_cells_set(frame, d, resolution[d], &l.cells);
        if ((status = sample(&l)) || (status = find_cut(&l))) break;
        if (!improve(&l, turn)) break;
    }
    if (pass) *pass = l.cut + deeper;
    sg_delete(l.log_p);
    return status;
}
