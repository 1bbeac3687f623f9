/* Bounds for underdamped Langevin dynamics on the line, from the range of U'' = -(log p)''. */
#include <math.h>
#include <stdio.h>

#include "estimate/gap-bounds.h"

static const double DEEP = 260, SHALLOW = 100; /* cuts: what changes between them happens in the tails */
static const double SAME = 1e-6;

typedef struct {
    double least, largest;
} range;

static sg_status second_derivative(const sg_model *model, const sg_panels *panels, double *second) {
    sg_arena *arena = NULL;
    sg_jet jet;
    const size_t row = SG_BLOCK * sizeof(double);
    sg_status status = sg_arena_new(sg_jet_bytes(model->full, 1, SG_DXX) + row + SG_ALIGN, &arena);
    if (!status) status = sg_jet_take(arena, model->full, 1, SG_DXX, &jet);
    sg_block block = {.d = 1, .draws = 1, .x = status ? NULL : sg_arena_take(arena, row, 1)};
    if (!status && !block.x) status = sg_fail(SG_NO_MEMORY, "memory for a block of derivatives is exhausted");
    for (int first = 0; first < panels->n && !status; first += SG_BLOCK) {
        block.n = panels->n - first < SG_BLOCK ? panels->n - first : SG_BLOCK;
        for (int i = 0; i < SG_BLOCK; i++) block.x[i] = panels->x[first + (i < block.n ? i : block.n - 1)];
        model->family->jet(model, model->truth, &block, &jet);
        for (int i = 0; i < block.n; i++) second[first + i] = jet.dxx[i];
    }
    sg_arena_delete(arena);
    return status;
}

/* Between nodes as Bakry and Emery's criterion is: by interpolation. */
static sg_status range_of(const sg_model *model, double depth, range *out) {
    sg_panels *panels = NULL;
    double *second = NULL;
    sg_bakry_emery b;
    sg_status status = sg_model_panels_deep(model, model->truth, depth, 0, &panels);
    if (!status) status = sg_new(&second, (size_t)panels->n, sizeof *second);
    if (!status) status = second_derivative(model, panels, second);
    if (!status) status = sg_bound_bakry_emery(panels, NULL, second, NULL, NULL, &b);
    if (!status) out->least = b.curvature;
    for (int i = 0; !status && i < panels->n; i++) second[i] = -second[i];
    if (!status) status = sg_bound_bakry_emery(panels, NULL, second, NULL, NULL, &b);
    if (!status) out->largest = -b.curvature;
    sg_delete(second);
    sg_panels_delete(panels);
    return status;
}

sg_status sg_gap_bounds_kinetic(const sg_model *model, const sg_loss *loss, sg_gap_bounds *list) {
    range deep = {NAN, NAN}, shallow;
    char note[160];
    const double friction = loss->row->friction(loss->options);
    sg_status code = range_of(model, DEEP, &deep);
    if (!code) code = range_of(model, SHALLOW, &shallow);
    double value = code ? NAN : sg_bound_kinetic_lower(deep.least, deep.largest, friction);
    snprintf(note, sizeof note, "U'' in [%.6g, %.6g], friction %.6g%s", deep.least, deep.largest, friction,
             isfinite(value) ? "" : ": needs U'' > 0 and friction^2 > U''");
    sg_status status = sg_gap_bounds_add(list, "synchronous coupling", SG_GAP_LOWER, code, value, "%s", note);
    if (!status && !code && deep.largest > shallow.largest + SAME * fabs(deep.largest))
        sg_gap_bounds_deny(list, "U'' grows in the tails");
    if (!status && !code && deep.least < shallow.least - SAME * fabs(deep.least))
        sg_gap_bounds_deny(list, "U'' is least in the tails");
    if (status) return status;
    return sg_gap_bounds_add(list, "Rayleigh", SG_GAP_UPPER, SG_OK, NAN,
                             "the process is not reversible: no quotient bounds the real part of an eigenvalue");
}
