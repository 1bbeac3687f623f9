#include "dictionary/preconditioned.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dictionary/constant-matrix.h"

const char *sg_preconditioner_word(int with) {
    static const char *const words[] = {"constant", "power",       "exponential", "stein",
                                        "matrix",   "coordinates", "riemannian"};
    return words[with];
}

const sg_field sg_preconditioner_options[] = {
    {.key = "with",
     .type = SG_FIELD_WORD,
     .role = SG_OPTION,
     .offset = offsetof(sg_preconditioner, with),
     .initial = "constant",
     .choices = "constant|power|exponential|stein|matrix|coordinates|riemannian",
     .help = "D(x): value | (p/max p)^exponent | exp(exponent p/max p) | Stein kernel of the score of direction | "
             "matrix | diag h(x_a), 0 at faces and ends | ((Hess log p)^2 + softness^2)^-1/2"},
    {.key = "value",
     .type = SG_FIELD_REAL,
     .role = SG_OPTION,
     .offset = offsetof(sg_preconditioner, value),
     .initial = "1",
     .lo = 0,
     .hi = INFINITY,
     .lo_open = true,
     .help = "the constant D, in squares of the unit of x per unit time"},
    {.key = "exponent",
     .type = SG_FIELD_REAL,
     .role = SG_OPTION,
     .offset = offsetof(sg_preconditioner, exponent),
     .initial = "-0.5",
     .lo = -1,
     .hi = 4,
     .lo_open = true,
     .help = "of power and exponential"},
    {.key = "direction",
     .type = SG_FIELD_TEXT,
     .role = SG_OPTION,
     .offset = offsetof(sg_preconditioner, direction),
     .initial = "",
     .help = "parameter whose score makes the Stein kernel; the only free one by default"},
    {.key = "matrix",
     .type = SG_FIELD_TEXT,
     .role = SG_OPTION,
     .offset = offsetof(sg_preconditioner, matrix),
     .initial = "covariance",
     .help = "the constant D: identity | covariance | hessian (inverse, at the mode) | @FILE (d lines of d numbers "
             "separated by commas)"},
    {.key = "h",
     .type = SG_FIELD_WORD,
     .role = SG_OPTION,
     .offset = offsetof(sg_preconditioner, h),
     .initial = "power",
     .choices = "power|log1p",
     .help = "of coordinates, at the distance t from the face or the ends: min(t^degree, cap) | min(log(1 + t), cap)"},
    {.key = "degree",
     .type = SG_FIELD_REAL,
     .role = SG_OPTION,
     .offset = offsetof(sg_preconditioner, degree),
     .initial = "1",
     .lo = 0,
     .hi = 16,
     .lo_open = true,
     .help = "of h=power"},
    {.key = "cap",
     .type = SG_FIELD_REAL,
     .role = SG_OPTION,
     .offset = offsetof(sg_preconditioner, cap),
     .initial = "0",
     .lo = 0,
     .hi = INFINITY,
     .help = "the most that h can be; 0: no limit"},
    {.key = "softness",
     .type = SG_FIELD_REAL,
     .role = SG_OPTION,
     .offset = offsetof(sg_preconditioner, softness),
     .initial = "1",
     .lo = 0,
     .hi = INFINITY,
     .lo_open = true,
     .help = "of riemannian: curvature of log p, per square of the unit of x, below which D stops growing"},
    {.key = "at",
     .type = SG_FIELD_TEXT,
     .role = SG_OPTION,
     .offset = offsetof(sg_preconditioner, at),
     .initial = "truth",
     .help = "theta at which D is computed: truth | pilot | numbers separated by '/', the free parameters or all"},
    {.key = NULL},
};

static bool read_numbers(const char *text, sg_reals *list) {
    char copy[SG_TEXT];
    list->n = 0;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *rest = copy, *one; (one = strsep(&rest, "/"));)
        if (list->n == SG_REALS || !sg_number_read(one, &list->v[list->n++])) return false;
    return true;
}

/* The numbers of `at` in their shortest form, so that one reference has one text. */
static sg_status settle_at(sg_preconditioner *c) {
    sg_reals list;
    char text[SG_REALS * SG_NUMBER_TEXT];
    size_t used = 0;
    if (strcmp(c->at, "truth") == 0 || strcmp(c->at, "pilot") == 0) return SG_OK;
    if (!read_numbers(c->at, &list))
        return sg_fail(SG_BAD_TYPE,
                       "at = '%.64s' of loss preconditioned has the wrong type: it must be truth, pilot or up to %d "
                       "numbers separated by '/'",
                       c->at, SG_REALS);
    for (int k = 0; k < list.n; k++) {
        if (k > 0) text[used++] = '/';
        used += (size_t)sg_number_text(list.v[k], text + used);
    }
    if (used >= sizeof c->at)
        return sg_fail(SG_OUT_OF_RANGE, "at of loss preconditioned has %zu bytes: it must have at most %d", used,
                       SG_TEXT - 1);
    memcpy(c->at, text, used + 1);
    return SG_OK;
}

bool sg_preconditioner_has_reference(const sg_preconditioner *c) {
    if (c->with == SG_WITH_MATRIX) return strcmp(c->matrix, "covariance") == 0 || strcmp(c->matrix, "hessian") == 0;
    return c->with != SG_WITH_CONSTANT && c->with != SG_WITH_COORDINATES;
}

static const char *idle_option(const sg_preconditioner *c) {
    if (c->with != SG_WITH_CONSTANT && c->value != 1) return "value";
    if (c->with != SG_WITH_POWER && c->with != SG_WITH_EXPONENTIAL && c->exponent != -0.5) return "exponent";
    if (c->with != SG_WITH_STEIN && c->direction[0]) return "direction";
    if (c->with != SG_WITH_MATRIX && strcmp(c->matrix, "covariance") != 0) return "matrix";
    if (c->with != SG_WITH_COORDINATES && c->h != SG_H_POWER) return "h";
    if (c->with != SG_WITH_COORDINATES && c->degree != 1) return "degree";
    if (c->with != SG_WITH_COORDINATES && c->cap != 0) return "cap";
    if (c->with != SG_WITH_RIEMANNIAN && c->softness != 1) return "softness";
    return !sg_preconditioner_has_reference(c) && strcmp(c->at, "truth") != 0 ? "at" : NULL;
}

/* An option that says nothing about the chosen D is a mistake of the user. */
sg_status sg_preconditioner_settle(void *own) {
    sg_preconditioner *c = own;
    const char *idle = idle_option(c);
    if (idle)
        return sg_fail(SG_BAD_SYNTAX, "%s of loss preconditioned has no meaning with with=%s: leave it out", idle,
                       sg_preconditioner_word(c->with));
    if (c->h == SG_H_LOG1P && c->degree != 1)
        return sg_fail(SG_BAD_SYNTAX, "degree of loss preconditioned has no meaning with h=log1p: leave it out");
    sg_status status = sg_constant_matrix_settle(c->matrix);
    return status ? sg_fail_within(status, "loss preconditioned") : settle_at(c);
}

sg_at sg_preconditioner_reference(const void *own, sg_reals *given) {
    const sg_preconditioner *c = own;
    if (strcmp(c->at, "truth") == 0) return SG_AT_TRUTH;
    if (strcmp(c->at, "pilot") == 0) return SG_AT_PILOT;
    return read_numbers(c->at, given) ? SG_AT_GIVEN : SG_AT_TRUTH;
}
