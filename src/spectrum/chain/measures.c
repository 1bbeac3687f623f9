/* Spectral measures of functions under jumps on a finite set. */
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "operator.h"
#include "spectrum/cube/quadrature.h"

#define WORK 5e9        /* visits of states, in all processes */
#define ONE 1e-9        /* of the top: eigenvalues of different processes that are one */
#define HIDDEN 1e-9     /* of a variance: weights that are too large to be left out */
#define NOTHING 1e-24   /* of the variance: weights that are none */
#define TOGETHER 0x1p24 /* numbers of functions that are held at a time */
enum { STEPS_LEAST = 40, STEPS_MOST = 1000 };

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    int functions, most;
    sg_measured values;
    void *context;
    sg_measures *out;
} work;

void sg_measures_delete(sg_measures *m) {
    if (!m) return;
    double *part[] = {m->value, m->error, m->weight, m->moment};
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) sg_delete(part[k]);
    sg_delete(m);
}

static sg_status allocate(sg_measures *m, int count) {
    const size_t atoms = (size_t)count + 1, functions = (size_t)m->functions;
    sg_status status = sg_new(&m->value, atoms, sizeof(double));
    if (!status) status = sg_new(&m->error, atoms, sizeof(double));
    if (!status) status = sg_new(&m->weight, atoms * functions, sizeof(double));
    return status;
}

/* ------------------------------------------------------------------- all pairs */

/* Eigenpairs beside the constant: of states, or of numbers of sites in state 1. */
typedef struct {
    int n, count;
    bool by_counts;
    double *value, *function, *mass; /* [count], [count][n] (E f = 0, E f^2 = 1), [n] */
    double error;
} pairs;

static void close_pairs(pairs *p) {
    sg_delete(p->value);
    sg_delete(p->function);
    sg_delete(p->mass);
}

static sg_status open_pairs(int n, int count, pairs *p) {
    p->n = n, p->count = count;
    sg_status status = sg_new(&p->value, (size_t)count, sizeof(double));
    if (!status) status = sg_new(&p->function, (size_t)count * (size_t)n, sizeof(double));
    return status ? status : sg_new(&p->mass, (size_t)n, sizeof(double));
}

/* Forbidden states are moved above the others, whose spectrum ends below twice the largest rate out of a state. */
static void set_forbidden_apart(int n, const double *log_p, double *a) {
    double top = 0;
    for (int x = 0; x < n; x++) top = fmax(top, a[(size_t)x + (size_t)x * (size_t)n]);
    for (int x = 0; x < n; x++)
        if (!(log_p[x] > -INFINITY)) a[(size_t)x + (size_t)x * (size_t)n] = 4 * top;
}

/* Of the symmetric form [n,n], destroyed; the first pair is the constant. */
static sg_status diagonalize(int n, const double *log_p, double *a, pairs *p) {
    double *value = NULL, *scratch = NULL;
    const int size = 3 * n + 64 * n;
    int allowed = 0;
    for (int x = 0; x < n; x++) allowed += log_p[x] > -INFINITY;
    set_forbidden_apart(n, log_p, a);
    sg_status status = sg_new(&value, (size_t)n, sizeof(double));
    if (!status) status = sg_new(&scratch, (size_t)size, sizeof(double));
    if (!status) status = open_pairs(n, allowed - 1, p);
    if (status) goto out;
    if (LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'L', n, a, n, value, scratch, size)) {
        status = sg_fail(SG_NOT_CONVERGED, "the eigenvalues of %d states were not found", n);
        goto out;
    }
    for (int x = 0; x < n; x++) p->mass[x] = exp(log_p[x]);
    for (int k = 0; k < p->count; k++) {
        p->value[k] = value[k + 1];
        for (int x = 0; x < n; x++)
            if (log_p[x] > -INFINITY)
                p->function[(size_t)k * (size_t)n + (size_t)x] =
                    a[(size_t)x + (size_t)(k + 1) * (size_t)n] * exp(-0.5 * log_p[x]);
    }
    p->error = 8 * DBL_EPSILON * n * value[allowed - 1];
out:
    sg_delete(value);
    sg_delete(scratch);
    return status;
}

static sg_status pairs_of_states(sg_jumps *j, pairs *p) {
    double *a = NULL;
    sg_status status = sg_jumps_list(j);
    if (!status) status = sg_new(&a, (size_t)j->states * (size_t)j->states, sizeof(double));
    if (!status) status = sg_jumps_matrix(j, a);
    if (!status) status = diagonalize(j->states, j->log_p, a, p);
    sg_delete(a);
    return status;
}

/* *done: blocks and law are functions of the numbers. */
static sg_status pairs_of_counts(const sg_jumps *j, bool *done, pairs *p) {
    double *log_class = NULL, *a = NULL;
    sg_status status = sg_jumps_counts(j, done, &log_class, &a);
    if (!status && *done) status = diagonalize(j->model->space.d + 1, log_class, a, p);
    p->by_counts = *done;
    sg_delete(log_class);
    sg_delete(a);
    return status;
}

static sg_status pairs_of_path(const sg_jumps_path *path, int most, pairs *p) {
    const sg_birth_death chain = {.n = path->n, .log_up = path->up, .log_down = path->down};
    const int count = path->n - 1 <= SG_SPECTRUM_STATES || most >= path->n ? path->n - 1 : most;
    double *all = NULL;
    sg_status status = open_pairs(path->n, count, p);
    if (!status) status = sg_new(&all, (size_t)path->n, sizeof(double));
    if (!status) status = sg_birth_death_spectrum(&chain, all, count, p->function);
    if (!status) status = sg_birth_death_law(&chain, p->mass);
    for (int k = 0; k < path->n && !status; k++) p->mass[k] = exp(p->mass[k]);
    for (int k = 0; k < count && !status; k++) p->value[k] = exp(all[k]);
    p->by_counts = true;
    if (!status) p->error = 64 * DBL_EPSILON * p->value[count - 1];
    sg_delete(all);
    return status;
}

/* ------------------------------------------------------------ weights on pairs */

/* Less its mean; the variance. */
static double centre(const pairs *p, double *f) {
    double mean = 0, variance = 0;
    for (int x = 0; x < p->n; x++) mean += p->mass[x] * f[x];
    for (int x = 0; x < p->n; x++) {
        f[x] -= mean;
        variance += p->mass[x] * f[x] * f[x];
    }
    return variance;
}

static double square_on(const pairs *p, int k, const double *f) {
    const double *phi = p->function + (size_t)k * (size_t)p->n;
    double sum = 0;
    for (int x = 0; x < p->n; x++) sum += p->mass[x] * f[x] * phi[x];
    return sum * sum;
}

/* Pairs of one eigenvalue are one, and those on which no function has any weight are left out. */
static sg_status weigh(const work *w, const pairs *p) {
    sg_measures *out = w->out;
    double *f = NULL, *variance = NULL;
    const size_t n = (size_t)p->n, room = (size_t)p->count + 1;
    sg_status status = allocate(out, p->count);
    if (!status) status = sg_new(&variance, (size_t)w->functions, sizeof(double));
    if (!status) status = sg_new(&f, (size_t)w->functions * n, sizeof(double));
    if (!status) status = w->values(w->context, p->by_counts, 0, w->functions, f);
    for (int j = 0; j < w->functions && !status; j++) variance[j] = centre(p, f + (size_t)j * n);
    for (int k = 0, end; k < p->count && !status; k = end) {
        double share = 0;
        for (end = k + 1; end < p->count && p->value[end] - p->value[end - 1] <= 4 * p->error; end++) {
        }
        for (int j = 0; j < w->functions; j++) {
            double weight = 0;
            for (int i = k; i < end; i++) weight += square_on(p, i, f + (size_t)j * n);
            out->weight[(size_t)j * room + (size_t)out->count] = weight;
            share = fmax(share, weight / variance[j]);
        }
        if (!(share > NOTHING)) continue;
        out->value[out->count] = p->value[k];
        out->error[out->count++] = p->error;
    }
    for (int j = 1; j < w->functions && !status; j++)
        memmove(out->weight + (size_t)j * (size_t)out->count, out->weight + (size_t)j * room,
                (size_t)out->count * sizeof(double));
    sg_delete(f);
    sg_delete(variance);
    return status;
}

/* ---------------------------------------------------------- Lanczos' processes */

typedef struct {
    const work *of;
    sg_jumps_operator operator;
    sg_quadrature *found; /* [functions] */
    double top, mass;     /* of the spectra, from above; the square of the amplitudes */
} processes;

static sg_status run_process(processes *p, int j, int steps, double *start) {
    const sg_lanczos *lanczos = p->operator.lanczos;
    for (size_t x = 0; x < lanczos->n; x++) start[x] *= lanczos->null[x];
    sg_status status = sg_lanczos_quadrature(lanczos, start, steps, p->of->most, &p->found[j]);
    p->top = fmax(p->top, p->found[j].top);
    return status;
}

/* A few functions at a time, so that they need not be computed one by one. */
static sg_status run_all(processes *p, int together) {
    const work *w = p->of;
    const size_t n = p->operator.lanczos->n;
    const double each = WORK / (w->functions * p->operator.visits);
    const int steps = (int)fmin(fmax(each, STEPS_LEAST), fmin(STEPS_MOST, 4.0 * (double)n + 8));
    double *start = NULL;
    sg_status status = sg_new(&start, (size_t)together * n, sizeof(double));
    for (int first = 0; first < w->functions && !status; first += together) {
        const int now = w->functions - first < together ? w->functions - first : together;
        status = w->values(w->context, false, first, now, start);
        for (int j = 0; j < now && !status; j++) status = run_process(p, first + j, steps, start + (size_t)j * n);
    }
    sg_delete(start);
    return status;
}

typedef struct {
    double value, error;
} atom;

static int by_value(const void *a, const void *b) {
    const atom *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

/* Eigenvalues below everything that has not converged in any process, each once. */
static sg_status join(const processes *p, atom **atoms, int *count) {
    const work *w = p->of;
    const double floor = sg_jumps_operator_floor(&p->operator, p->top);
    size_t room = 1;
    int known = 0;
    w->out->limit = INFINITY;
    for (int j = 0; j < w->functions; j++) {
        room += (size_t)p->found[j].known;
        w->out->limit = fmin(w->out->limit, p->found[j].limit);
    }
    sg_status status = sg_new(atoms, room, sizeof **atoms);
    if (status) return status;
    for (int j = 0; j < w->functions; j++)
        for (int k = 0; k < p->found[j].known; k++)
            if (p->found[j].value[k] < w->out->limit)
                (*atoms)[known++] = (atom){p->found[j].value[k], p->found[j].error[k] + 8 * floor};
    qsort(*atoms, (size_t)known, sizeof **atoms, by_value);
    *count = 0;
    for (int k = 0; k < known; k++) {
        atom *last = *atoms + *count - 1;
        if (*count && (*atoms)[k].value - last->value <= ONE * p->top)
            last->error = fmax(last->error, (*atoms)[k].error);
        else
            (*atoms)[(*count)++] = (*atoms)[k];
    }
    return SG_OK;
}

static bool has_value(const sg_quadrature *q, double value, double width) {
    for (int k = 0; k < q->known; k++)
        if (fabs(q->value[k] - value) <= width) return true;
    return false;
}

/* May there be a weight at an eigenvalue of another process that this one has not seen? */
static bool may_hide(const processes *p, int j, double value) {
    const sg_quadrature *q = &p->found[j];
    return q->count && q->limit < INFINITY && !has_value(q, value, 2 * ONE * p->top) &&
           sg_quadrature_most(q, value) > HIDDEN * q->moment[0];
}

static int without_hidden(const processes *p, int count, const atom *atoms) {
    for (int k = 0; k < count; k++)
        for (int j = 0; j < p->of->functions; j++)
            if (may_hide(p, j, atoms[k].value)) return k;
    return count;
}

static double weight_at(const sg_quadrature *q, double value, double width) {
    double sum = 0;
    for (int k = 0; k < q->known; k++)
        if (fabs(q->value[k] - value) <= width) sum += q->weight[k];
    return sum;
}

static sg_status take(const processes *p) {
    const work *w = p->of;
    sg_measures *out = w->out;
    atom *atoms = NULL;
    int count = 0;
    sg_status status = join(p, &atoms, &count);
    const int sure = status ? 0 : (int)fmin(without_hidden(p, count, atoms), w->most);
    if (sure < count) out->limit = fmin(out->limit, atoms[sure].value);
    count = sure;
    if (!status) status = allocate(out, count);
    if (!status) status = sg_new(&out->moment, 3 * (size_t)w->functions, sizeof(double));
    if (status) goto out;
    out->count = count;
    out->top = p->top;
    for (int k = 0; k < count; k++) out->value[k] = atoms[k].value, out->error[k] = atoms[k].error;
    for (int j = 0; j < w->functions; j++) {
        for (int k = 0; k < count; k++)
            out->weight[(size_t)j * (size_t)count + (size_t)k] =
                weight_at(&p->found[j], out->value[k], 2 * ONE * p->top) / p->mass;
        for (int i = 0; i < 3; i++) out->moment[3 * j + i] = p->found[j].moment[i] / p->mass;
        out->steps += p->found[j].steps;
    }
out:
    sg_delete(atoms);
    return status;
}

static sg_status by_processes(const work *w) {
    processes p = {.of = w};
    const double most = fmax(1, floor(TOGETHER / sg_model_states(w->model)));
    const int together = w->functions < most ? w->functions : (int)most;
    sg_status status = sg_jumps_operator_open(w->model, w->loss, NULL, 2 + together, &p.operator);
    if (!status) status = sg_new(&p.found, (size_t)w->functions, sizeof *p.found);
    if (!status) status = run_all(&p, together);
    const sg_lanczos *lanczos = p.operator.lanczos;
    for (size_t x = 0; !status && x < lanczos->n; x++) p.mass += lanczos->null[x] * lanczos->null[x];
    if (!status) status = take(&p);
    for (int j = 0; p.found && j < w->functions; j++) sg_quadrature_clear(&p.found[j]);
    sg_delete(p.found);
    sg_jumps_operator_close(&p.operator);
    return status;
}

/* -------------------------------------------------------------------- the choice */

static sg_status by_pairs(const work *w, bool *done) {
    sg_jumps j = {0};
    sg_jumps_path path = {0};
    pairs p = {0};
    sg_status status = sg_jumps_open(w->model, w->loss, &j);
    if (!status) status = sg_jumps_path_find(&j, done, &path);
    if (!status && *done) status = pairs_of_path(&path, w->most, &p);
    if (!status && !*done) status = pairs_of_counts(&j, done, &p);
    if (!status && !*done && (*done = sg_model_states(w->model) <= SG_SPECTRUM_STATES))
        status = pairs_of_states(&j, &p);
    if (!status && *done) {
        w->out->limit = p.by_counts && p.count < p.n - 1 ? p.value[p.count - 1] : INFINITY;
        status = weigh(w, &p);
    }
    close_pairs(&p);
    sg_jumps_path_close(&path);
    sg_jumps_close(&j);
    return status;
}

static sg_status choose(const work *w) {
    const sg_model *model = w->model;
    bool done = false;
    sg_status status = by_pairs(w, &done);
    if (status || done) return status;
    if (sg_model_states(model) <= SG_JUMPS_STATES) return by_processes(w);
    return sg_fail(SG_REFUSED,
                   "the spectrum of %s on %s is found on at most %d states, these are %d^%d, and no symmetry is known "
                   "that would do: take fewer sites",
                   w->loss->text, model->text, (int)SG_JUMPS_STATES, model->space.q, model->space.d);
}

static sg_status make(sg_status (*by)(const work *w), work *w, sg_measures **measures) {
    *measures = NULL;
    sg_status status = sg_new(&w->out, 1, sizeof *w->out);
    if (status) return status;
    w->out->functions = w->functions;
    status = by(w);
    if (status) {
        sg_measures_delete(w->out);
        return status;
    }
    *measures = w->out;
    return SG_OK;
}

sg_status sg_measures_new(const sg_model *model, const sg_loss *loss, int functions, sg_measured values, void *context,
                          int most, sg_measures **measures) {
    work w = {model, loss, functions, most, values, context, NULL};
    return make(choose, &w, measures);
}

sg_status sg_measures_by_processes(const sg_model *model, const sg_loss *loss, int functions, sg_measured values,
                                   void *context, int most, sg_measures **measures) {
    work w = {model, loss, functions, most, values, context, NULL};
    return make(by_processes, &w, measures);
}
