#include "scoregap/design.h"

#include <gsl/gsl_multimin.h>
#include <gsl/gsl_qrng.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LOSS_TEXT = 1024, PAIRS_MOST = 32, RESTARTS = 4 };

/* ------------------------------------------------------------- a loss, looked at */

sg_status sg_design_value_of(const sg_model *model, const char *loss, sg_design_value *value) {
    sg_status status;
    *value = (sg_design_value){.points = NAN};
    if ((status = sg_loss_new(loss, &value->loss))) return status;
    if ((status = sg_loss_fits(value->loss, model))) return status;
    if ((status = sg_loss_points(value->loss, model, &value->points))) return status;
    status = sg_asymptotic_new(model, value->loss, &value->asymptotic);
    if (status == SG_NO_MEMORY) return status;
    value->status = status ? status : value->asymptotic->status;
    if (value->status)
        snprintf(value->message, sizeof value->message, "%.255s", status ? sg_message() : value->asymptotic->message);
    status = sg_spectrum_gap(model, value->loss, NULL, &value->gap, NULL);
    if (status == SG_NO_MEMORY) return status;
    if (status) {
        value->gap = (sg_gap){.status = status, .gap = NAN, .poincare = NAN, .relaxation_time = NAN};
        snprintf(value->gap.message, sizeof value->gap.message, "%.255s", sg_message());
    }
    return SG_OK;
}

void sg_design_value_free(sg_design_value *value) {
    sg_asymptotic_delete(value->asymptotic);
    sg_loss_delete(value->loss);
    *value = (sg_design_value){0};
}

/* -------------------------------------------------------------- what is varied */

static const sg_field *find_field(const sg_row *row, const char *key) {
    for (const sg_field *field = row->options; field && field->key; field++)
        if (!strcmp(field->key, key)) return field;
    return NULL;
}

static sg_status unknown_option(const sg_row *row, const char *key) {
    const char *names[PAIRS_MOST];
    int count = 0;
    for (const sg_field *field = row->options; field && field->key && count < PAIRS_MOST; field++)
        if (field->type == SG_FIELD_REAL) names[count++] = field->key;
    if (!count)
        return sg_fail(SG_UNKNOWN, "loss %s has no options that are real numbers: it cannot be varied", row->name);
    const char *nearest = sg_nearest(key, count, names);
    return sg_fail(SG_UNKNOWN, "unknown option '%s' of loss %s%s%s%s", key, row->name,
                   nearest ? "; the nearest is '" : ": `scoregap list losses` shows them", nearest ? nearest : "",
                   nearest ? "'" : "");
}

static sg_status check_range(const sg_row *row, const sg_range *range) {
    const sg_field *field = find_field(row, range->key);
    char allowed[128];
    if (!field) return unknown_option(row, range->key);
    if (field->type != SG_FIELD_REAL)
        return sg_fail(SG_BAD_TYPE, "option %s of loss %s is no real number: only those can be varied", range->key,
                       row->name);
    if (!(range->lo < range->hi) || !isfinite(range->lo) || !isfinite(range->hi))
        return sg_fail(SG_OUT_OF_RANGE, "the range %g..%g of option %s is empty: give LO..HI with LO < HI", range->lo,
                       range->hi, range->key);
    const bool low = range->lo < field->lo || (field->lo_open && range->lo == field->lo);
    const bool high = range->hi > field->hi || (field->hi_open && range->hi == field->hi);
    if (!low && !high) return SG_OK;
    sg_field_range(field, sizeof allowed, allowed);
    return sg_fail(SG_OUT_OF_RANGE, "the range %g..%g of option %s of loss %s leaves the values that it may have: %s",
                   range->lo, range->hi, range->key, row->name, allowed);
}

/* The text of a loss, in pieces. */
typedef struct {
    char copy[LOSS_TEXT];
    const char *name;
    sg_pair pair[PAIRS_MOST];
    int pairs;
} pieces;

static sg_status split(const char *text, pieces *p) {
    if (strlen(text) >= sizeof p->copy) return sg_fail(SG_BAD_SYNTAX, "the text of the loss is too long");
    strcpy(p->copy, text);
    char *colon = strchr(p->copy, ':');
    if (colon) *colon++ = '\0';
    p->name = p->copy;
    return sg_pairs_split(colon ? colon : p->copy + strlen(p->copy), PAIRS_MOST, p->pair, &p->pairs);
}

static bool given(const pieces *p, const char *key) {
    for (int k = 0; k < p->pairs; k++)
        if (!strcmp(p->pair[k].key, key)) return true;
    return false;
}

/* ------------------------------------------------------------------ the search */

typedef struct {
    const sg_model *model;
    const sg_design_settings *settings;
    pieces text;
    sg_design *out;
    double unit[SG_RANGES_MOST]; /* the best point so far, in coordinates of [0, 1] */
    double least;                /* its rank */
    double fastest;              /* least relaxation time seen */
    sg_status status;            /* memory is exhausted */
    char message[512];           /* of the last loss without an inefficiency */
} search;

/* Ranks: log inefficiency, then losses beyond the limit by how far, then those that failed. */
static const double beyond = 1e3, slowest = 5e3, failed = 1e4;

static bool by_log(const sg_range *range) {
    return range->lo > 0 && range->hi >= 10 * range->lo;
}

static double fold_unit(double u) {
    u = fabs(fmod(u, 2));
    return u > 1 ? 2 - u : u;
}

/* To five significant digits, within the range. */
static double value_at(const sg_range *range, double unit) {
    char text[32];
    double value =
        by_log(range) ? range->lo * pow(range->hi / range->lo, unit) : range->lo + unit * (range->hi - range->lo);
    snprintf(text, sizeof text, "%.5g", value);
    sg_number_read(text, &value);
    return fmin(fmax(value, range->lo), range->hi);
}

static double unit_at(const sg_range *range, double value) {
    if (!(value >= range->lo && value <= range->hi)) return 0.5;
    if (by_log(range)) return log(value / range->lo) / log(range->hi / range->lo);
    return (value - range->lo) / (range->hi - range->lo);
}

static bool varied(const search *s, const char *key) {
    for (int k = 0; k < s->out->ranges; k++)
        if (!strcmp(s->out->range[k].key, key)) return true;
    return false;
}

static void write_loss(const search *s, const double *unit, char text[LOSS_TEXT]) {
    size_t used = (size_t)snprintf(text, LOSS_TEXT, "%s", s->text.name);
    char separator = ':', number[SG_NUMBER_TEXT];
    for (int k = 0; k < s->text.pairs; k++) {
        const sg_pair *pair = &s->text.pair[k];
        if (varied(s, pair->key) || used >= LOSS_TEXT) continue;
        used += (size_t)snprintf(text + used, LOSS_TEXT - used, "%c%s=%s", separator, pair->key, pair->value);
        separator = ',';
    }
    for (int k = 0; k < s->out->ranges && used < LOSS_TEXT; k++) {
        sg_number_text(value_at(&s->out->range[k], unit[k]), number);
        used += (size_t)snprintf(text + used, LOSS_TEXT - used, "%c%s=%s", separator, s->out->range[k].key, number);
        separator = ',';
    }
}

/* The rank of a loss whose process is too slow; -1 for one that is fast enough.  No gap: slower than any. */
static sg_status rank_by_speed(search *s, const sg_loss *loss, double *rank) {
    sg_gap gap;
    *rank = -1;
    if (s->settings->most_relaxation == INFINITY) return SG_OK;
    sg_status status = sg_spectrum_gap(s->model, loss, NULL, &gap, NULL);
    if (status) return status;
    const bool known = !gap.status || gap.status == SG_UNCERTIFIED || gap.status == SG_UNDERFLOW;
    const double log_time = known ? -M_LN10 * gap.log10_gap : INFINITY;
    const double excess = log_time - log(s->settings->most_relaxation);
    s->fastest = fmin(s->fastest, exp(log_time));
    if (!(excess <= 0)) *rank = beyond + fmin(excess, slowest);
    return SG_OK;
}

static sg_status rank_of(search *s, const double *unit, double *rank) {
    char text[LOSS_TEXT];
    sg_loss *loss = NULL;
    double worst = NAN;
    write_loss(s, unit, text);
    sg_status status = sg_loss_new(text, &loss);
    if (!status) status = rank_by_speed(s, loss, rank);
    if (!status && *rank < 0) {
        status = sg_asymptotic_quick(s->model, loss, &worst);
        if (!status && !(worst > 0 && isfinite(worst)))
            status = sg_fail(SG_NO_DIGITS, "the inefficiency of loss %s has no digit", text);
        *rank = log(worst);
    } else if (!status) {
        s->out->beyond++;
    }
    sg_loss_delete(loss);
    return status;
}

static double look(search *s, const double *unit) {
    double rank = failed;
    if (s->status || s->out->evaluations >= s->settings->evaluations) return failed;
    sg_status status = rank_of(s, unit, &rank);
    s->out->evaluations++;
    if (status) {
        rank = failed;
        s->out->failed++;
        snprintf(s->message, sizeof s->message, "%s", sg_message());
        if (status == SG_NO_MEMORY) s->status = status;
    }
    if (rank < s->least) {
        s->least = rank;
        memcpy(s->unit, unit, sizeof s->unit);
    }
    if (s->settings->progress)
        s->settings->progress(s->settings->context, s->out->evaluations, s->least < beyond ? exp(s->least) : NAN);
    return rank;
}

static double look_folded(const gsl_vector *v, void *context) {
    search *s = context;
    double unit[SG_RANGES_MOST] = {0};
    for (int k = 0; k < s->out->ranges; k++) unit[k] = fold_unit(gsl_vector_get(v, (size_t)k));
    return look(s, unit);
}

/* The start, then points that fill the box evenly. */
static sg_status survey(search *s, const double *start) {
    double unit[SG_RANGES_MOST] = {0};
    const int points = s->settings->evaluations / 3;
    memcpy(unit, start, sizeof unit);
    look(s, unit);
    gsl_qrng *halton = gsl_qrng_alloc(gsl_qrng_halton, (unsigned)s->out->ranges);
    if (!halton) return sg_fail(SG_NO_MEMORY, "memory is exhausted");
    for (int k = 1; k < points; k++) {
        gsl_qrng_get(halton, unit);
        look(s, unit);
    }
    gsl_qrng_free(halton);
    return s->status;
}

/* One run of the simplex from the best point; *small: it shrank to nothing before the evaluations were used up. */
static sg_status descend(search *s, double step, bool *small) {
    const size_t n = (size_t)s->out->ranges;
    gsl_multimin_function f = {.f = look_folded, .n = n, .params = s};
    gsl_vector *at = gsl_vector_alloc(n), *steps = gsl_vector_alloc(n);
    gsl_multimin_fminimizer *simplex = gsl_multimin_fminimizer_alloc(gsl_multimin_fminimizer_nmsimplex2, n);
    sg_status status = at && steps && simplex ? SG_OK : sg_fail(SG_NO_MEMORY, "memory is exhausted");
    *small = false;
    if (!status) {
        for (size_t k = 0; k < n; k++) {
            gsl_vector_set(at, k, s->unit[k]);
            gsl_vector_set(steps, k, s->unit[k] > 0.5 ? -step : step);
        }
        gsl_multimin_fminimizer_set(simplex, &f, at, steps);
        while (!*small && !s->status && s->out->evaluations < s->settings->evaluations) {
            if (gsl_multimin_fminimizer_iterate(simplex)) break;
            *small = gsl_multimin_fminimizer_size(simplex) < 2e-5;
        }
        status = s->status;
    }
    if (simplex) gsl_multimin_fminimizer_free(simplex);
    if (steps) gsl_vector_free(steps);
    if (at) gsl_vector_free(at);
    return status;
}

static sg_status minimize(search *s, const double *start) {
    double step = 0.1;
    sg_status status = survey(s, start);
    for (int run = 0; run < RESTARTS && !status; run++, step *= 0.5) {
        const double before = s->least;
        status = descend(s, step, &s->out->settled);
        if (run && s->least > before - 1e-6) break;
        if (!s->out->settled) break;
    }
    if (status) return status;
    if (s->least >= failed)
        return sg_fail(SG_REFUSED, "none of the %d losses looked at has an inefficiency; the last: %.300s",
                       s->out->evaluations, s->message);
    if (s->least >= beyond)
        return sg_fail(SG_REFUSED,
                       "none of the %d losses looked at has a relaxation time of %g or less; the fastest has %.4g: "
                       "allow more, or widen the ranges",
                       s->out->evaluations, s->settings->most_relaxation, s->fastest);
    return SG_OK;
}

/* ---------------------------------------------------------------------- set-up */

/* A limit on the relaxation time asks for a process with a gap that is computed. */
static sg_status check_limit(const search *s, const sg_loss *base) {
    sg_gap gap;
    if (s->settings->most_relaxation == INFINITY) return SG_OK;
    sg_status status = sg_loss_runs(base, s->model);
    return status ? status : sg_spectrum_gap(s->model, base, NULL, &gap, NULL);
}

static sg_status take_ranges(search *s, const sg_loss *base) {
    const sg_row *row = base->row;
    sg_design *out = s->out;
    sg_status status = SG_OK;
    out->ranges = s->settings->ranges;
    memcpy(out->range, s->settings->range, sizeof out->range);
    if (!out->ranges && row->ranges) {
        int count = 0;
        status = row->ranges(base->options, s->model, out->range, &count);
        for (int k = 0; k < count; k++)
            if (!given(&s->text, out->range[k].key)) out->range[out->ranges++] = out->range[k];
    }
    if (!status && !out->ranges)
        return sg_fail(SG_BAD_SYNTAX, "nothing to vary in loss %s: name its options with their ranges", base->text);
    for (int k = 0; k < out->ranges && !status; k++) {
        for (int j = 0; j < k; j++)
            if (!strcmp(out->range[j].key, out->range[k].key))
                return sg_fail(SG_BAD_SYNTAX, "option %s is varied twice", out->range[k].key);
        status = check_range(row, &out->range[k]);
    }
    return status;
}

static void find_start(const search *s, const sg_loss *base, double *start) {
    for (int k = 0; k < s->out->ranges; k++) {
        const sg_range *range = &s->out->range[k];
        double value;
        memcpy(&value, (const char *)base->options + find_field(base->row, range->key)->offset, sizeof value);
        start[k] = unit_at(range, isnan(range->start) ? value : range->start);
    }
}

static sg_status finish(search *s) {
    char text[LOSS_TEXT];
    sg_design *out = s->out;
    write_loss(s, s->unit, text);
    out->quick = exp(s->least);
    for (int k = 0; k < out->ranges; k++) {
        out->value[k] = value_at(&out->range[k], s->unit[k]);
        out->at_end[k] = s->unit[k] < 0.01 || s->unit[k] > 0.99;
    }
    return sg_design_value_of(s->model, text, &out->best);
}

sg_status sg_design_search(const sg_model *model, const char *loss, const sg_design_settings *settings,
                           sg_design **design) {
    sg_status status;
    search *s = NULL;
    sg_loss *base = NULL;
    double start[SG_RANGES_MOST] = {0};
    *design = NULL;
    if ((status = sg_new(&s, 1, sizeof *s))) goto out;
    s->model = model;
    s->settings = settings;
    s->least = s->fastest = INFINITY;
    if ((status = sg_new(&s->out, 1, sizeof *s->out))) goto out;
    if ((status = split(loss, &s->text)) || (status = sg_loss_new(loss, &base))) goto out;
    if ((status = sg_loss_fits(base, model)) || (status = take_ranges(s, base))) goto out;
    if ((status = check_limit(s, base))) goto out;
    find_start(s, base, start);
    if ((status = minimize(s, start)) || (status = finish(s))) goto out;
    *design = s->out;
    s->out = NULL;
out:
    sg_loss_delete(base);
    if (s) sg_design_delete(s->out);
    sg_delete(s);
    return status;
}

void sg_design_delete(sg_design *design) {
    if (!design) return;
    sg_design_value_free(&design->best);
    sg_delete(design);
}
