/* Gap and law of an explicit chain: which solver, and what is reported. */
#include <math.h>
#include <string.h>

#include "graph.h"
#include "spectrum/finite.h"

/* First eigenvalues in logs with relative errors, and how they were found. */
typedef struct {
    int count, steps;
    double *log_value, *error;
    const char *method;
} answer;

sg_status sg_chain_law(const sg_chain *chain, double *log_pi, bool *reversible) {
    sg_graph *g = NULL;
    sg_status status = sg_graph_new(chain, &g);
    if (status) return status;
    memcpy(log_pi, g->log_pi, (size_t)g->n * sizeof(double));
    *reversible = g->reversible;
    sg_graph_delete(g);
    return SG_OK;
}

/* The rates along the path, from one end to the other. */
static void along_path(const sg_graph *g, const int *order, double *up, double *down) {
    for (int k = 0; k + 1 < g->n; k++)
        for (size_t a = g->start[order[k]]; a < g->start[order[k] + 1]; a++) {
            if (g->to[a] != order[k + 1]) continue;
            up[k] = g->log_rate[a] - g->log_unit;
            down[k] = g->log_rate[g->reverse[a]] - g->log_unit;
        }
}

static sg_status solve_path(const sg_graph *g, const int *order, answer *out) {
    const size_t n = (size_t)g->n;
    double *up = NULL, *down = NULL, *all = NULL;
    sg_gap gap;
    sg_status status = sg_new(&up, n, sizeof(double));
    if (!status) status = sg_new(&down, n, sizeof(double));
    if (!status) status = sg_new(&all, n, sizeof(double));
    if (status) goto out;
    along_path(g, order, up, down);
    sg_birth_death path = {g->n, up, down};
    if ((status = sg_birth_death_gap(&path, &gap))) goto out;
    if (out->count > 1 && (status = sg_birth_death_spectrum(&path, all, 0, NULL))) goto out;
    if (out->count > g->n - 1) out->count = g->n - 1;
    for (int k = 0; k < out->count; k++) {
        out->log_value[k] = all[k];
        out->error[k] = 1e-15 * (double)n + 1e-13;
    }
    out->log_value[0] = gap.log10_gap * M_LN10;
    if (gap.status == SG_OK) out->error[0] = 0.5 * (gap.gap_upper - gap.gap_lower) / gap.gap;
    out->steps = gap.iterations;
    out->method = gap.method;
out:
    sg_delete(up);
    sg_delete(down);
    sg_delete(all);
    return status;
}

static sg_status solve_reversible(const sg_graph *g, const sg_spectrum_settings *settings, answer *out) {
    int *order = NULL;
    sg_status status = sg_new(&order, (size_t)g->n, sizeof *order);
    if (status) return status;
    out->steps = 0;
    if (sg_graph_is_path(g, order)) {
        status = solve_path(g, order, out);
    } else if (g->n <= SG_CHAIN_DENSE) {
        status = sg_graph_dense(g, &out->count, out->log_value, out->error);
        out->method = "elimination and Jacobi";
    } else {
        status = sg_graph_sparse(g, settings, &out->count, out->log_value, out->error, &out->steps, &out->method);
    }
    sg_delete(order);
    return status;
}

static sg_status solve_general(const sg_graph *g, const sg_spectrum_settings *settings, answer *out, double *decay) {
    sg_graph *both = NULL;
    double log_value, error;
    answer slow = {.count = 1, .log_value = &log_value, .error = &error};
    sg_status status = sg_graph_general(g, &out->count, out->log_value, out->error);
    out->method = "dense, real part";
    if (status || !decay) return status;
    status = sg_graph_reversibilization(g, &both);
    if (!status) status = solve_reversible(both, settings, &slow);
    if (!status) *decay = exp(log_value + both->log_unit);
    sg_graph_delete(both);
    return status;
}

static void report(const sg_graph *g, const answer *a, sg_gap *out) {
    double below = a->error[0], above = a->error[0];
    if (!isfinite(a->log_value[0])) {
        *out = (sg_gap){.gap_upper = exp(g->log_unit), .log10_gap = NAN, .poincare = INFINITY, .method = a->method};
        out->relaxation_time = INFINITY;
        out->status = SG_UNCERTIFIED;
        snprintf(out->message, sizeof out->message, "the gap is not positive in double precision");
        return;
    }
    for (int k = 1; k < a->count && !g->reversible; k++) { /* a less certain value may lie lower */
        double ratio = exp(a->log_value[k] - a->log_value[0]);
        below = fmax(below, 1 - ratio * (1 - a->error[k]));
    }
    sg_finite_report(sg_scaled_exp(a->log_value[0] + g->log_unit), below, above, a->steps, a->method, out);
}

static void give(const sg_graph *g, const answer *a, sg_eigenvalues *values) {
    if (a->count < values->count) values->count = a->count;
    for (int k = 0; k < values->count; k++) {
        values->log_value[k] = a->log_value[k] + g->log_unit;
        values->error[k] = a->error[k];
    }
}

sg_status sg_chain_gap(const sg_chain *chain, const sg_spectrum_settings *settings, sg_gap *out, sg_eigenvalues *values,
                       double *decay) {
    static const sg_spectrum_settings plain = {0};
    const double start = sg_finite_now();
    sg_graph *g = NULL;
    answer a = {.count = 1};
    *out = (sg_gap){0};
    sg_status status = sg_graph_new(chain, &g);
    if (status) goto out;
    if (values && values->count > 1) a.count = values->count;
    if (!g->reversible) a.count = g->n; /* the one with the smallest real part may not be the most certain */
    if ((status = sg_new(&a.log_value, (size_t)a.count, sizeof(double)))) goto out;
    if ((status = sg_new(&a.error, (size_t)a.count, sizeof(double)))) goto out;
    if (!settings) settings = &plain;
    status = g->reversible ? solve_reversible(g, settings, &a) : solve_general(g, settings, &a, decay);
    if (status) goto out;
    report(g, &a, out);
    if (values) give(g, &a, values);
    if (decay && g->reversible) *decay = out->gap;
out:
    sg_graph_delete(g);
    sg_delete(a.log_value);
    sg_delete(a.error);
    out->seconds = sg_finite_now() - start;
    return status;
}
