/*
 * scoregap/design.h - the design of a loss: which of its real options give up least against maximum likelihood, at a
 * truth that is known, among those whose process mixes fast enough.
 */
#ifndef SCOREGAP_DESIGN_H
#define SCOREGAP_DESIGN_H

#include "scoregap/estimate.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is known of one loss at the model's truth. */
typedef struct {
    sg_loss *loss;
    sg_asymptotic *asymptotic; /* NULL: `status` and `message` say why */
    sg_gap gap;                /* gap.status too */
    double points;             /* sg_loss_points */
    sg_status status;          /* SG_OK, or that of the asymptotic covariance */
    char message[256];
} sg_design_value;
/* Errors: those of sg_loss_new and sg_loss_fits, SG_NO_MEMORY; what else fails is in the value. */
SG_MUST_CHECK sg_status sg_design_value_of(const sg_model *model, const char *loss, sg_design_value *value);
void sg_design_value_free(sg_design_value *value);

typedef struct {
    int ranges; /* 0: those of the loss (sg_row.ranges) but for the options that the text of the loss gives */
    sg_range range[SG_RANGES_MOST];
    double most_relaxation;                                  /* of the process, in its own time; INFINITY: any */
    int evaluations;                                         /* at most so many losses are looked at */
    void (*progress)(void *context, int done, double least); /* least inefficiency so far, or NaN; may be NULL */
    void *context;
} sg_design_settings;

typedef struct sg_design {
    sg_design_value best;
    int ranges;
    sg_range range[SG_RANGES_MOST];
    double value[SG_RANGES_MOST];    /* of the best loss, five significant digits, which is what was evaluated */
    bool at_end[SG_RANGES_MOST];     /* within a hundredth of the range of one of its ends: a wider one may do better */
    double quick;                    /* inefficiency of the best on the grid of the search (sg_asymptotic_quick) */
    int evaluations, beyond, failed; /* losses looked at; too slow; without an inefficiency */
    bool settled;                    /* the simplex became small before the evaluations were used up */
} sg_design;
/*
 * Minimizes the worst-direction inefficiency over the options of `loss` ("lifted:draws=inf") in their ranges: options
 * whose range is positive and spans a decade by their logarithm.  A third of the evaluations go to the start and to
 * Halton's points, the rest to Nelder and Mead's simplex (folded at the ends of the ranges) from the best of them,
 * started again around what it finds, smaller, until that changes nothing.  A loss beyond the relaxation time ranks
 * behind all within it, and the faster before the slower; one without an inefficiency ranks last.  The objective is
 * deterministic, also where nodes are drawn: all losses see the same.  A local minimum, found to about 1e-4 of the
 * ranges; no proof of a global one.
 * Errors: SG_BAD_SYNTAX (nothing to vary), SG_UNKNOWN, SG_BAD_TYPE, SG_OUT_OF_RANGE (a range), SG_REFUSED (no loss of
 * the class has an inefficiency, or none is fast enough: says how slow the fastest is), those of sg_design_value_of.
 */
SG_MUST_CHECK sg_status sg_design_search(const sg_model *model, const char *loss, const sg_design_settings *settings,
                                         sg_design **design);
void sg_design_delete(sg_design *design);

#ifdef __cplusplus
}
#endif
#endif
