#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static const char *const role_name[] = {"structure", "truth", "free", "option"};
static const char *const type_name[] = {"int", "real", "word", "text", "reals"};

static json_t *field_json(const sg_field *field) {
    json_t *o = json_object();
    char range[128];
    sg_field_range(field, sizeof range, range);
    json_object_set_new(o, "key", json_string(field->key));
    json_object_set_new(o, "type", json_string(type_name[field->type]));
    json_object_set_new(o, "default", json_string(field->initial ? field->initial : ""));
    json_object_set_new(o, "range", json_string(range));
    json_object_set_new(o, "role", json_string(role_name[field->role]));
    json_object_set_new(o, "help", json_string(field->help ? field->help : ""));
    return o;
}

static json_t *fields_json(const sg_field *fields) {
    json_t *array = json_array();
    for (; fields && fields->key; fields++) json_array_append_new(array, field_json(fields));
    return array;
}

static void print_fields(const sg_field *fields) {
    for (; fields && fields->key; fields++) {
        char range[128];
        sg_field_range(fields, sizeof range, range);
        printf("    %-10s = %-10s %-12s %s\n", fields->key, fields->initial ? fields->initial : "", range,
               fields->help ? fields->help : "");
    }
}

static json_t *free_json(const sg_family *family) {
    const sg_field field = {.key = "free",
                            .type = SG_FIELD_TEXT,
                            .role = SG_FREE,
                            .initial = family->free_initial,
                            .lo = -INFINITY,
                            .hi = INFINITY,
                            .help = "parameters to be estimated: names separated by '/', a group, all, or PREFIX*"};
    return field_json(&field);
}

/* Names of the parameters at the default keys. */
static json_t *parameters_json(const sg_family *family) {
    json_t *array = json_array();
    sg_model *model = NULL;
    if (sg_model_new(family->name, 0, NULL, &model)) return array;
    for (int k = 0; k < model->full; k++) {
        char name[SG_NAME];
        family->parameter(model, k, name);
        json_array_append_new(array, json_string(name));
    }
    sg_model_delete(model);
    return array;
}

static json_t *groups_json(const sg_family *family) {
    json_t *o = json_object();
    for (int k = 0; family->groups && family->groups[k]; k += 2)
        json_object_set_new(o, family->groups[k], json_string(family->groups[k + 1]));
    return o;
}

static int list_families(bool json) {
    json_t *array = json_array();
    for (int k = 0; sg_families[k]; k++) {
        const sg_family *f = sg_families[k];
        json_t *o = json_object(), *keys = fields_json(f->keys);
        json_array_append_new(keys, free_json(f));
        json_object_set_new(o, "name", json_string(f->name));
        json_object_set_new(o, "summary", json_string(f->summary));
        json_object_set_new(o, "keys", keys);
        json_object_set_new(o, "parameters", parameters_json(f));
        json_object_set_new(o, "groups", groups_json(f));
        json_array_append_new(array, o);
        if (json) continue;
        printf("%s\n    %s\n", f->name, f->summary);
        print_fields(f->keys);
        printf("    %-10s = %-10s %-12s parameters:", "free", f->free_initial, "");
        json_t *names = json_object_get(o, "parameters");
        for (size_t j = 0; j < json_array_size(names); j++) printf(" %s", json_string_value(json_array_get(names, j)));
        printf("\n");
    }
    if (json) {
        json_t *o = json_object();
        json_object_set_new(o, "families", array);
        return sim_json_print(o) ? 0 : 1;
    }
    json_decref(array);
    return 0;
}

static json_t *row_json(const sg_row *row) {
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(row->name));
    if (row->sampler_only) json_object_set_new(o, "loss", json_null());
    json_object_set_new(o, "summary", json_string(row->summary));
    json_object_set_new(o, "fitted", json_boolean(row->datum || row->sites));
    json_object_set_new(o, "generator", json_string(row->generator_formula));
    json_object_set_new(o, "dynamics", json_string(row->dynamics));
    json_object_set_new(o, "clock", json_string(row->clock));
    json_object_set_new(o, "options", fields_json(row->options));
    return o;
}

static int list_rows(bool json, bool dynamics) {
    json_t *array = json_array();
    for (int k = 0; sg_rows[k]; k++) {
        const sg_row *row = sg_rows[k];
        if (row->sampler_only && !dynamics) continue;
        json_array_append_new(array, row_json(row));
        if (json) continue;
        if (dynamics) {
            printf("%-26s generator %s; unit of time: %s; loss: %s\n", row->dynamics, row->generator_formula,
                   row->clock, row->sampler_only ? "none" : row->name);
            if (row->sampler_only) print_fields(row->options);
        } else {
            printf("%s\n    %s\n    generator %s; dynamics: %s\n%s", row->name, row->summary, row->generator_formula,
                   row->dynamics,
                   row->datum || row->sites ? "" : "    its process alone: this version does not fit the loss\n");
            print_fields(row->options);
        }
    }
    if (json) {
        json_t *o = json_object();
        json_object_set_new(o, dynamics ? "dynamics" : "losses", array);
        return sim_json_print(o) ? 0 : 1;
    }
    json_decref(array);
    return 0;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Files NAME in `directory` that begin with `prefix` and end with `suffix`: what lies between. */
static int list_files(bool json, const char *what, const char *directory, const char *prefix, const char *suffix) {
    char *names[512];
    int count = 0;
    size_t lead = strlen(prefix), tail = strlen(suffix);
    DIR *dir = opendir(directory);
    if (!dir) return sim_complain(2, "the directory %s of the %s is not there", directory, what);
    for (struct dirent *entry; (entry = readdir(dir)) && count < 512;) {
        size_t length = strlen(entry->d_name);
        if (length <= lead + tail || strncmp(entry->d_name, prefix, lead) ||
            strcmp(entry->d_name + length - tail, suffix))
            continue;
        names[count++] = strndup(entry->d_name + lead, length - lead - tail);
    }
    closedir(dir);
    qsort(names, (size_t)count, sizeof *names, by_name);
    json_t *array = json_array();
    for (int k = 0; k < count; k++) {
        json_t *o = json_object();
        char path[4096];
        snprintf(path, sizeof path, "%s/%s%s%s", directory, prefix, names[k], suffix);
        json_object_set_new(o, "name", json_string(names[k]));
        json_object_set_new(o, "file", json_string(path));
        json_array_append_new(array, o);
        if (!json) printf("%-24s %s\n", names[k], path);
        free(names[k]);
    }
    if (json) {
        json_t *o = json_object();
        json_object_set_new(o, what, array);
        return sim_json_print(o) ? 0 : 1;
    }
    json_decref(array);
    return 0;
}

static int run(const sim_args *args) {
    static const char *const kinds[] = {"families", "losses", "dynamics", "experiments", "figures"};
    const char *what = args->positional[0];
    if (!strcmp(what, "families")) return list_families(args->json);
    if (!strcmp(what, "losses")) return list_rows(args->json, false);
    if (!strcmp(what, "dynamics")) return list_rows(args->json, true);
    if (!strcmp(what, "experiments")) return list_files(args->json, what, sim_share("experiments"), "", ".yaml");
    if (!strcmp(what, "figures")) return list_files(args->json, what, sim_share("plots"), "fig-", ".gp");
    const char *nearest = sg_nearest(what, 5, kinds);
    if (nearest) return sim_complain(2, "cannot list '%s'; the nearest is '%s'", what, nearest);
    return sim_complain(2, "cannot list '%s': choose families, losses, dynamics, experiments or figures", what);
}

const sim_command sim_command_list = {
    .name = "list",
    .usage = "list families|losses|dynamics|experiments|figures [--json]",
    .summary = "what there is: families with their keys, losses with their options, samplers, experiments, figures",
    .help = "Lists families (density, keys with default and range, names of the parameters), losses (with options, "
            "generator and the sampler\n"
            "that is paired with each), dynamics, and the experiments and figures that come with the program.",
    .example = "scoregap list losses",
    .takes = 0,
    .least = 1,
    .most = 1,
    .run = run,
};
