/* The options of preconditioned score matching.  Internal to the row. */
#ifndef SG_DICTIONARY_PRECONDITIONED_H
#define SG_DICTIONARY_PRECONDITIONED_H

#include "scoregap/dictionary.h"

enum {
    SG_WITH_CONSTANT,
    SG_WITH_POWER,
    SG_WITH_EXPONENTIAL,
    SG_WITH_STEIN,
    SG_WITH_MATRIX,
    SG_WITH_COORDINATES,
    SG_WITH_RIEMANNIAN
};
enum { SG_H_POWER, SG_H_LOG1P };

typedef struct {
    int with, h;
    double value, exponent, degree, cap, softness;
    char direction[SG_TEXT], matrix[SG_TEXT], at[SG_TEXT];
} sg_preconditioner;

extern const sg_field sg_preconditioner_options[];
/* sg_row.settle and sg_row.reference. */
SG_MUST_CHECK sg_status sg_preconditioner_settle(void *own);
sg_at sg_preconditioner_reference(const void *own, sg_reals *given);
/* Does D depend on a law, at a reference? */
bool sg_preconditioner_has_reference(const sg_preconditioner *c);
/* The word of with=. */
const char *sg_preconditioner_word(int with);

#endif
