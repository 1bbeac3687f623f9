/* The process of a chain that is given by its rates, reversible or not: a generator without a loss. */
#include "scoregap/dictionary.h"

static const sg_field options[] = {{.key = NULL}};

static sg_status fits(const void *own, const sg_model *model) {
    (void)own, (void)model;
    return sg_fail(SG_MISFIT, "jumps has no loss: it is the process of a chain, for gap alone");
}

static sg_status runs(const void *own, const sg_model *model) {
    (void)own;
    if (model->family->can & SG_RATES) return SG_OK;
    return sg_fail(SG_MISFIT, "jumps needs a chain that is given by its rates, such as family chain: %s is none",
                   model->text);
}

static int none(const sg_model *model) {
    (void)model;
    return 0;
}

static int no_jets(const sg_model *model, int want) {
    (void)model, (void)want;
    return 0;
}

static sg_status prepare(const void *own, const sg_model *model, const double *theta, const sg_panels *panels,
                         sg_prepared **prepared) {
    (void)own, (void)model, (void)theta, (void)panels;
    return *prepared ? SG_OK : sg_new(prepared, 1, 1);
}

static void release(sg_prepared *prepared) {
    sg_delete(prepared);
}

const sg_row sg_row_jumps = {
    .name = "jumps",
    .dynamics = "jumps",
    .clock = "unit time of the rates that are given",
    .generator_formula = "sum_j rate(i,j) (f(j) - f(i))",
    .summary = "a chain by its rates, reversible or not: no loss",
    .options = options,
    .kind = SG_JUMP,
    .fit = SG_GENERAL,
    .fits = fits,
    .roots = none,
    .jets = no_jets,
    .prepare = prepare,
    .release = release,
    .runs = runs,
    .sampler_only = true,
};
