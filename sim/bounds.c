/* The bounds on a gap and on the log-Sobolev constant, as a table and as JSON. */
#include <math.h>
#include <string.h>

#include "sim.h"

enum { NAME = 26, OF = 13, SIDE = 6 };

/* What a bound is compared with, in logs; NaN: unknown. */
static double log_of(const sg_gap_bounds *b, const sg_gap *gap, const char *of) {
    const double log_gap = isfinite(gap->log10_gap) ? gap->log10_gap * M_LN10 : NAN;
    if (strcmp(of, "tensorization") == 0) return b->tensorization.log_value;
    return strcmp(of, "gap") == 0 ? log_gap : b->log_sobolev.log_value;
}

/* 0 and infinity stand for numbers beyond the range: null. */
static json_t *from_log(double log_value) {
    const double value = exp(log_value);
    return sim_json_real(value > 0 ? value : NAN);
}

static json_t *constant_json(const sg_log_sobolev *s) {
    if (!s->method) return json_null();
    json_t *o = json_object();
    json_object_set_new(o, "value", from_log(s->log_value));
    json_object_set_new(o, "lower", from_log(s->log_lower));
    json_object_set_new(o, "upper", from_log(s->log_upper));
    json_object_set_new(o, "log10_value", sim_json_real(s->log_value / M_LN10));
    json_object_set_new(o, "upper_bound", s->upper ? json_string(s->upper) : json_null());
    json_object_set_new(o, "ratio_poincare", sim_json_real(s->ratio));
    json_object_set_new(o, "change", sim_json_real(s->change));
    json_object_set_new(o, "method", json_string(s->method));
    json_object_set_new(o, "status", json_string(sg_status_name(s->status)));
    json_object_set_new(o, "message", json_string(s->message));
    return o;
}

static json_t *tensorization_json(const sg_tensorization *s) {
    if (!s->method) return json_null();
    json_t *o = json_object();
    json_object_set_new(o, "value", from_log(s->log_value));
    json_object_set_new(o, "lower", from_log(s->log_lower));
    json_object_set_new(o, "upper", from_log(s->log_upper));
    json_object_set_new(o, "log10_value", sim_json_real(s->log_value / M_LN10));
    json_object_set_new(o, "upper_bound", s->upper ? json_string(s->upper) : json_null());
    json_object_set_new(o, "ratio_poincare", sim_json_real(s->ratio));
    json_object_set_new(o, "share", sim_json_real(s->share));
    json_object_set_new(o, "method", json_string(s->method));
    json_object_set_new(o, "status", json_string(sg_status_name(s->status)));
    json_object_set_new(o, "message", json_string(s->message));
    return o;
}

void sim_bounds_json(json_t *o, const sg_gap_bounds *b, const sg_gap *gap) {
    json_t *list = json_array();
    for (int k = 0; k < b->count; k++) {
        const sg_gap_bound *bound = &b->bound[k];
        json_t *entry = json_object();
        json_object_set_new(entry, "name", json_string(bound->name));
        json_object_set_new(entry, "of", json_string(bound->of));
        json_object_set_new(entry, "side", json_string(bound->side));
        json_object_set_new(entry, "value", from_log(bound->log_value));
        json_object_set_new(entry, "log10_value", sim_json_real(bound->log_value / M_LN10));
        json_object_set_new(entry, "ratio", from_log(bound->log_value - log_of(b, gap, bound->of)));
        json_object_set_new(entry, "holds", json_boolean(bound->holds));
        json_object_set_new(entry, "note", json_string(bound->note));
        json_array_append_new(list, entry);
    }
    json_object_set_new(o, "bounds", list);
    json_object_set_new(o, "log_sobolev", constant_json(&b->log_sobolev));
    json_object_set_new(o, "tensorization", tensorization_json(&b->tensorization));
}

/* A number that may be beyond the range, from its log. */
static const char *number(double log_value, char text[32]) {
    const double value = exp(log_value);
    if (isnan(log_value))
        snprintf(text, 32, "-");
    else if (value > 1e-300 && value < 1e300)
        snprintf(text, 32, "%.8g", value);
    else if (isinf(log_value))
        snprintf(text, 32, "%s", log_value > 0 ? "infinite" : "0");
    else
        snprintf(text, 32, "10^%.6f", log_value / M_LN10);
    return text;
}

static void print_constant(const char *name, double log_value, const char *method, double ratio) {
    char value[32];
    printf("%-16s %s (%s", name, number(log_value, value), method);
    if (isfinite(ratio)) printf("; %.8g times the Poincare constant", ratio);
    printf(")\n");
}

static void print_sides(double log_lower, double log_upper, const char *above, sg_status status, const char *message) {
    char lower[32], upper[32];
    printf("  sides          [%s, %s]%s%s\n", number(log_lower, lower), number(log_upper, upper),
           above ? ", from above by " : "", above ? above : "");
    if (status) printf("  status         %s: %s\n", sg_status_name(status), message);
}

static void print_constants(const sg_gap_bounds *b) {
    const sg_log_sobolev *s = &b->log_sobolev;
    const sg_tensorization *t = &b->tensorization;
    if (s->method) {
        print_constant("log-Sobolev", s->log_value, s->method, s->ratio);
        print_sides(s->log_lower, s->log_upper, s->upper, s->status, s->message);
    }
    if (!t->method) return;
    print_constant("tensorization", t->log_value, t->method, t->ratio);
    print_sides(t->log_lower, t->log_upper, t->upper, t->status, t->message);
}

void sim_bounds_print(const sg_gap_bounds *b, const sg_gap *gap) {
    char value[32], ratio[32];
    print_constants(b);
    if (!b->count) {
        printf("bounds           none is known for these dynamics\n");
        return;
    }
    printf("%-*s %-*s %-*s %16s %14s  %s\n", NAME, "bound", OF, "of", SIDE, "side", "value", "ratio", "note");
    for (int k = 0; k < b->count; k++) {
        const sg_gap_bound *bound = &b->bound[k];
        printf("%-*s %-*s %-*s %16s %14s  %s%s\n", NAME, bound->name, OF, bound->of, SIDE, bound->side,
               number(bound->log_value, value), number(bound->log_value - log_of(b, gap, bound->of), ratio),
               bound->holds ? "" : "does not hold: ", bound->note);
    }
}
