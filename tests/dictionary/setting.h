/* A model at its truth, its panels, a loss prepared there, and the jets that feed it. */
#ifndef SG_TESTS_DICTIONARY_SETTING_H
#define SG_TESTS_DICTIONARY_SETTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../model.h"
#include "scoregap/dictionary.h"

enum { B = SG_BLOCK, WANT_ALL = SG_PSI | SG_ROOT | SG_VALUE | SG_CURVATURE, M_MOST = 8 };

/* In double precision, which cmocka's assert_float_equal is not. */
static inline void near_at(double value, double known, double tolerance, int line) {
    if (!(fabs(value - known) <= tolerance))
        fail_msg("line %d: %.17g, known %.17g, tolerance %g", line, value, known, tolerance);
}
#define assert_near(value, known, tolerance) near_at(value, known, tolerance, __LINE__)

typedef struct {
    sg_model *model;
    sg_nodes *nodes;
    const sg_panels *panels; /* of the nodes */
    sg_loss *loss;
    sg_prepared *prepared;
    sg_chart *chart;
    sg_partition *partition;
    sg_arena *arena;
    sg_jet raw, jet;
    sg_datum datum;
    double gradient[M_MOST], hessian[M_MOST * M_MOST];
} setting;

static inline void open_jets(setting *s) {
    const int d = s->model->space.d, roots = s->loss->row->roots(s->model), m = s->model->m;
    const int want = s->loss->row->jets(s->model, WANT_ALL) | SG_LOGP | SG_DX | SG_DT | SG_DT_DX;
    OK(sg_arena_new(sg_jet_bytes(s->model->full, d, want) + sg_jet_bytes(m, d, want) +
                        sg_datum_bytes(m, roots, WANT_ALL),
                    &s->arena));
    OK(sg_jet_take(s->arena, s->model->full, d, want, &s->raw));
    OK(sg_jet_take(s->arena, m, d, want, &s->jet));
    OK(sg_datum_take(s->arena, m, roots, WANT_ALL, &s->datum));
}

static inline setting open_model(sg_model *model, const char *loss) {
    setting s = {.model = model};
    OK(sg_nodes_new(s.model, s.model->truth, 0, false, &s.nodes));
    s.panels = s.nodes->panels;
    OK(sg_loss_new(loss, &s.loss));
    OK(sg_loss_fits(s.loss, s.model));
    OK(sg_loss_prepare(s.loss, s.model, s.panels, &s.prepared));
    OK(sg_chart_new(s.model, s.model->truth, NULL, &s.chart));
    OK(sg_partition_new(s.model, s.chart, s.nodes, &s.partition));
    open_jets(&s);
    return s;
}

static inline setting open_setting(const char *model, const char *loss) {
    return open_model(model_of(model), loss);
}

static inline void close_setting(setting *s) {
    sg_arena_delete(s->arena);
    sg_partition_delete(s->partition);
    sg_chart_delete(s->chart);
    sg_loss_release(s->loss, s->prepared);
    sg_loss_delete(s->loss);
    sg_nodes_delete(s->nodes);
    sg_model_delete(s->model);
}

/* What the loss says of n points x at truth + delta [m]. */
static inline void look_at(setting *s, const double *delta, int n, double *x) {
    double theta[M_MOST] = {0}, none[M_MOST] = {0};
    const double *move = delta ? delta : none;
    sg_local local = {.gradient = s->gradient, .hessian = s->hessian};
    sg_block block = {.n = n, .d = s->model->space.d, .draws = 1, .x = x};
    sg_chart_theta(s->chart, move, theta);
    if (s->loss->row->local) OK(sg_partition_at(s->partition, move, &local));
    sg_chart_jet(s->model, s->chart, theta, &block, &s->raw, &s->jet);
    s->loss->row->datum(s->prepared, s->loss->row->local ? &local : NULL, &block, &s->jet, &s->datum);
}

/* E_p f over the panels, f [n] from the datum or the jet: `add` is called block by block. */
typedef void block_visitor(setting *s, int n, const double *mass, void *context);
static inline void over_panels(setting *s, block_visitor *visit, void *context) {
    _Alignas(SG_ALIGN) double x[B];
    for (int start = 0; start < s->panels->n; start += B) {
        int n = s->panels->n - start < B ? s->panels->n - start : B;
        memcpy(x, s->panels->x + start, (size_t)n * sizeof(double));
        look_at(s, NULL, n, x);
        visit(s, n, s->panels->mass + start, context);
    }
}

/* A uniform number of (lo, hi) from a test's own stream. */
static inline double draw_between(sg_stream *stream, double lo, double hi) {
    double u;
    sg_stream_uniform(stream, 1, &u);
    return lo + (hi - lo) * u;
}

#endif
