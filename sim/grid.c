/* The grid of an experiment: lists, ranges, and the keys that they belong to. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiment.h"

enum { STEPS_MOST = 10000 };

typedef struct {
    double from, to;
    int steps;
    bool log;
} range;

static sg_status read_number(const char *path, const sg_yaml *map, const char *what, const char *key, double *value) {
    const sg_yaml *node = sg_yaml_find(map, key);
    if (!node) return sg_yaml_fail(path, map, SG_BAD_SYNTAX, "the range of %s needs '%s'", what, key);
    if (node->kind != SG_YAML_SCALAR || !sg_number_read(node->text, value))
        return sg_yaml_fail(path, node, SG_BAD_TYPE, "'%s' in the range of %s must be a number", key, what);
    return SG_OK;
}

static sg_status read_scale(const char *path, const sg_yaml *map, const char *what, bool *logarithmic) {
    const sg_yaml *node = sg_yaml_find(map, "scale");
    *logarithmic = false;
    if (!node) return SG_OK;
    if (node->kind == SG_YAML_SCALAR && !strcmp(node->text, "linear")) return SG_OK;
    *logarithmic = true;
    if (node->kind == SG_YAML_SCALAR && !strcmp(node->text, "log")) return SG_OK;
    return sg_yaml_fail(path, node, SG_OUT_OF_RANGE, "'scale' in the range of %s must be linear or log", what);
}

static sg_status read_range(const char *path, const sg_yaml *map, const char *what, range *r) {
    static const char *const names[] = {"from", "to", "steps", "scale"};
    double steps;
    for (int k = 0; k < map->count; k++) {
        const char *key = map->key[k]->text;
        const char *nearest = sg_nearest(key, 4, names);
        if (!strcmp(key, names[0]) || !strcmp(key, names[1]) || !strcmp(key, names[2]) || !strcmp(key, names[3]))
            continue;
        return sg_fail(SG_UNKNOWN, "%s:%d: unknown key '%.64s' in the range of %s%s%s%s (from, to, steps, scale)", path,
                       map->key[k]->line, key, what, nearest ? "; the nearest is '" : "", nearest ? nearest : "",
                       nearest ? "'" : "");
    }
    sg_status status = read_number(path, map, what, "from", &r->from);
    if (status == SG_OK) status = read_number(path, map, what, "to", &r->to);
    if (status == SG_OK) status = read_number(path, map, what, "steps", &steps);
    if (status == SG_OK) status = read_scale(path, map, what, &r->log);
    if (status != SG_OK) return status;
    if (!(steps >= 1 && steps <= STEPS_MOST) || steps != floor(steps))
        return sg_yaml_fail(
            path, sg_yaml_find(map, "steps"), SG_OUT_OF_RANGE,
            "'steps' in the range of %s must be a whole number >= 1 and <= %d: the grid is empty otherwise", what,
            STEPS_MOST);
    if (r->log && !(r->from > 0 && r->to > 0))
        return sg_yaml_fail(path, map, SG_OUT_OF_RANGE, "the range of %s has scale log: from and to must be > 0", what);
    r->steps = (int)steps;
    return SG_OK;
}

/* The ends are exact; values between are rounded to ten digits, so that the last bit of log or pow is never in a key.
 */
static double range_value(const range *r, int k) {
    char text[32];
    double share = r->steps > 1 ? (double)k / (r->steps - 1) : 0;
    if (k == 0) return r->from;
    if (k == r->steps - 1) return r->to;
    double value = r->log ? r->from * pow(r->to / r->from, share) : r->from + (r->to - r->from) * share;
    snprintf(text, sizeof text, "%.10g", value);
    return strtod(text, NULL);
}

static sg_status unfold_range(const char *path, const sg_yaml *node, const char *what, int *count, sim_value **value) {
    range r;
    sg_status status = read_range(path, node, what, &r);
    if (status == SG_OK) status = sg_new(value, (size_t)r.steps, sizeof **value);
    if (status != SG_OK) return status;
    for (int k = 0; k < r.steps; k++) {
        sim_value *v = &(*value)[k];
        v->number = range_value(&r, k);
        v->at = node;
        sg_number_text(v->number, v->text);
    }
    *count = r.steps;
    return SG_OK;
}

sg_status sim_values_read(const char *path, const char *what, const sg_yaml *node, int *count, sim_value **value) {
    *count = 0;
    *value = NULL;
    if (node->kind == SG_YAML_MAP) return unfold_range(path, node, what, count, value);
    if (node->kind != SG_YAML_LIST)
        return sg_yaml_fail(path, node, SG_BAD_TYPE, "%s must be a list or {from, to, steps, scale}, not '%.64s'", what,
                            node->text);
    if (!node->count) return sg_yaml_fail(path, node, SG_OUT_OF_RANGE, "the grid is empty: give values of %s", what);
    if (node->count > STEPS_MOST)
        return sg_yaml_fail(path, node, SG_OUT_OF_RANGE, "%s has more than %d values", what, STEPS_MOST);
    sg_status status = sg_new(value, (size_t)node->count, sizeof **value);
    if (status != SG_OK) return status;
    *count = node->count;
    for (int k = 0; k < node->count; k++) {
        const sg_yaml *item = node->item[k];
        sim_value *v = &(*value)[k];
        if (item->kind != SG_YAML_SCALAR || !*item->text)
            return sg_yaml_fail(path, item, SG_BAD_TYPE, "a value of %s must be a number or a word", what);
        if (strlen(item->text) >= sizeof v->text)
            return sg_yaml_fail(path, item, SG_OUT_OF_RANGE, "a value of %s has more than %d bytes", what, SG_TEXT - 1);
        strcpy(v->text, item->text);
        v->at = item;
        if (!sg_number_read(item->text, &v->number)) v->number = NAN;
    }
    return SG_OK;
}

/* A key of the grid must be one of every family. */
static sg_status check_key(const sim_experiment *e, const sg_yaml *key) {
    for (int f = 0; f < e->families; f++) {
        const char *names[SIM_PAIRS + 1];
        const sg_family *family = sg_family_find(e->family[f].name);
        int count = 0, found = 0;
        for (const sg_field *field = family->keys; field->key && count < SIM_PAIRS; field++)
            names[count++] = field->key;
        names[count++] = "free";
        for (int k = 0; k < count; k++) found |= !strcmp(names[k], key->text);
        const char *nearest = sg_nearest(key->text, count, names);
        if (!found)
            return sg_fail(SG_UNKNOWN, "%s:%d: unknown key '%.64s' in grid: family %s does not have it%s%s%s", e->path,
                           key->line, key->text, family->name, nearest ? "; the nearest is '" : "",
                           nearest ? nearest : "", nearest ? "'" : "");
        for (int k = 0; k < e->family[f].pairs; k++)
            if (!strcmp(e->family[f].pair[k].key, key->text))
                return sg_fail(SG_BAD_SYNTAX, "%s:%d: the key '%.64s' stands in grid and in parameters: keep one",
                               e->path, key->line, key->text);
    }
    return SG_OK;
}

static sg_status read_mode(sim_experiment *e, const sg_yaml *node) {
    e->zip = node->kind == SG_YAML_SCALAR && !strcmp(node->text, "zip");
    if (e->zip || (node->kind == SG_YAML_SCALAR && !strcmp(node->text, "product"))) return SG_OK;
    return sg_yaml_fail(e->path, node, SG_OUT_OF_RANGE, "mode of grid must be product or zip");
}

static sg_status check_lengths(const sim_experiment *e) {
    for (int k = 1; e->zip && k < e->axes; k++)
        if (e->axis[k].count != e->axis[0].count)
            return sg_yaml_fail(e->path, e->axis[k].at, SG_OUT_OF_RANGE,
                                "mode zip needs lists of one length: %s has %d values and %s has %d", e->axis[0].key,
                                e->axis[0].count, e->axis[k].key, e->axis[k].count);
    return SG_OK;
}

sg_status sim_grid_read(sim_experiment *e, const sg_yaml *node) {
    sg_status status = SG_OK;
    if (node->kind != SG_YAML_MAP && !(node->kind == SG_YAML_SCALAR && !*node->text))
        return sg_yaml_fail(e->path, node, SG_BAD_TYPE, "grid must be a mapping {mode, key: values}");
    for (int k = 0; k < node->count && status == SG_OK; k++) {
        const sg_yaml *key = node->key[k];
        sim_axis *axis = &e->axis[e->axes];
        if (!strcmp(key->text, "mode")) {
            status = read_mode(e, node->item[k]);
            continue;
        }
        if (e->axes == SIM_AXES)
            return sg_yaml_fail(e->path, key, SG_OUT_OF_RANGE, "grid has more than %d keys", SIM_AXES);
        if ((status = check_key(e, key))) return status;
        *axis = (sim_axis){.key = key->text, .at = node->item[k], .numeric = true};
        e->axes++;
        status = sim_values_read(e->path, key->text, node->item[k], &axis->count, &axis->value);
        for (int i = 0; i < axis->count; i++) axis->numeric &= !isnan(axis->value[i].number);
    }
    if (status != SG_OK) return status;
    if (!e->axes)
        return sg_yaml_fail(e->path, node, SG_OUT_OF_RANGE,
                            "the grid is empty: give a key with values, or leave grid out");
    return check_lengths(e);
}
