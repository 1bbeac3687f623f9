#include "experiment.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MOST = 1 << 20, NAME_MOST = 64 };

const char *const sim_measure_names[SIM_MEASURES] = {"gap", "efficiency", "mixing", "bounds", "montecarlo", "kl"};

static sg_status bad_type(const sim_experiment *e, const sg_yaml *at, const char *key, const char *expected) {
    if (at->kind == SG_YAML_SCALAR && *at->text)
        return sg_yaml_fail(e->path, at, SG_BAD_TYPE, "%s must be %s, not '%.64s'", key, expected, at->text);
    return sg_yaml_fail(e->path, at, SG_BAD_TYPE, "%s must be %s, not %s", key, expected,
                        at->kind == SG_YAML_LIST  ? "a list"
                        : at->kind == SG_YAML_MAP ? "a mapping of keys"
                                                  : "empty");
}

/* The place of a key is its line: the key's own text shows the column. */
static sg_status unknown_key(const sim_experiment *e, const sg_yaml *key, int count, const char *const *names) {
    const char *nearest = sg_nearest(key->text, count, names);
    char list[SG_TEXT] = "";
    for (int k = 0, used = 0; k < count && used < (int)sizeof list; k++)
        used += snprintf(list + used, sizeof list - (size_t)used, "%s%s", k ? ", " : "", names[k]);
    if (nearest)
        return sg_fail(SG_UNKNOWN, "%s:%d: unknown key '%.64s'; the nearest is '%s'", e->path, key->line, key->text,
                       nearest);
    return sg_fail(SG_UNKNOWN, "%s:%d: unknown key '%.64s' (keys: %s)", e->path, key->line, key->text, list);
}

/* ---------------------------------------------------------------- readers */

typedef struct descriptor {
    const char *name;
    sg_status (*read)(sim_experiment *e, const struct descriptor *key, const sg_yaml *node);
    bool required;
} descriptor;

static sg_status read_word(const sim_experiment *e, const char *key, const sg_yaml *node, const char **word) {
    if (node->kind != SG_YAML_SCALAR || !*node->text) return bad_type(e, node, key, "a text");
    *word = node->text;
    return SG_OK;
}

static sg_status read_schema(sim_experiment *e, const descriptor *key, const sg_yaml *node) {
    const char *word = NULL;
    sg_status status = read_word(e, key->name, node, &word);
    if (status == SG_OK && strcmp(word, SIM_EXPERIMENT_SCHEMA) != 0)
        return sg_yaml_fail(e->path, node, SG_OTHER_SCHEMA, "the schema is '%.64s', this program reads '%s'", word,
                            SIM_EXPERIMENT_SCHEMA);
    return status;
}

/* Names become names of files. */
static sg_status read_file_name(const sim_experiment *e, const char *key, const sg_yaml *node, const char **name) {
    sg_status status = read_word(e, key, node, name);
    if (status != SG_OK) return status;
    if (strlen(*name) > NAME_MOST || **name == '-' || (*name)[strspn(*name, "abcdefghijklmnopqrstuvwxyz0123456789-")])
        return sg_yaml_fail(e->path, node, SG_OUT_OF_RANGE,
                            "%s '%.80s' must have at most %d small letters, digits and - and begin with no -", key,
                            *name, NAME_MOST);
    return SG_OK;
}

static sg_status read_name(sim_experiment *e, const descriptor *key, const sg_yaml *node) {
    return read_file_name(e, key->name, node, &e->name);
}

static sg_status add_figure(sim_experiment *e, const descriptor *key, const sg_yaml *node) {
    if (e->figures == SIM_FIGURES)
        return sg_yaml_fail(e->path, node, SG_OUT_OF_RANGE, "there are more than %d figures", SIM_FIGURES);
    sg_status status = read_file_name(e, key->name, node, &e->figure[e->figures]);
    if (status != SG_OK) return status;
    for (int k = 0; k < e->figures; k++)
        if (!strcmp(e->figure[k], node->text))
            return sg_yaml_fail(e->path, node, SG_BAD_SYNTAX, "the figure '%s' stands twice: keep one", node->text);
    e->figure_at[e->figures++] = node;
    return SG_OK;
}

static sg_status read_figure(sim_experiment *e, const descriptor *key, const sg_yaml *node) {
    sg_status status = SG_OK;
    e->figures = 0;
    if (node->kind == SG_YAML_MAP) return bad_type(e, node, key->name, "a name or a list of names");
    if (node->kind == SG_YAML_SCALAR) return add_figure(e, key, node);
    for (int k = 0; k < node->count && status == SG_OK; k++) status = add_figure(e, key, node->item[k]);
    return status;
}

static sg_status read_claim(sim_experiment *e, const descriptor *key, const sg_yaml *node) {
    return read_word(e, key->name, node, &e->claim);
}

static sg_status read_seed(sim_experiment *e, const descriptor *key, const sg_yaml *node) {
    char *end = NULL;
    if (node->kind != SG_YAML_SCALAR || !*node->text || strpbrk(node->text, "-+ "))
        return bad_type(e, node, key->name, "a whole number from 0 to 2^64 - 1");
    errno = 0;
    e->seed = strtoull(node->text, &end, 0);
    if (*end) return bad_type(e, node, key->name, "a whole number from 0 to 2^64 - 1");
    if (errno)
        return sg_yaml_fail(e->path, node, SG_OUT_OF_RANGE, "seed %.64s is out of range: it must be < 2^64",
                            node->text);
    return SG_OK;
}

static sg_status read_replicates(sim_experiment *e, const descriptor *key, const sg_yaml *node) {
    double value;
    if (node->kind != SG_YAML_SCALAR || !sg_number_read(node->text, &value) || value != floor(value))
        return bad_type(e, node, key->name, "a whole number");
    if (!(value >= 1 && value <= 1e7))
        return sg_yaml_fail(e->path, node, SG_OUT_OF_RANGE,
                            "replicates %s is out of range: it must be >= 1 and <= 10000000", node->text);
    e->replicates = (int)value;
    return SG_OK;
}

static sg_status read_measure(sim_experiment *e, const descriptor *key, const sg_yaml *node) {
    if (node->kind != SG_YAML_LIST || !node->count) return bad_type(e, node, key->name, "a list of names");
    e->measure = 0;
    for (int i = 0; i < node->count; i++) {
        const sg_yaml *item = node->item[i];
        const char *word = NULL;
        int bit = 0;
        sg_status status = read_word(e, "a name in measure", item, &word);
        if (status != SG_OK) return status;
        while (bit < SIM_MEASURES && strcmp(sim_measure_names[bit], word) != 0) bit++;
        if (bit == SIM_MEASURES) {
            const char *nearest = sg_nearest(word, SIM_MEASURES, sim_measure_names);
            return sg_yaml_fail(e->path, item, SG_UNKNOWN,
                                "unknown measure '%.64s'%s%s%s (gap, efficiency, mixing, bounds, montecarlo, kl)", word,
                                nearest ? "; the nearest is '" : "", nearest ? nearest : "", nearest ? "'" : "");
        }
        if (e->measure & 1u << bit)
            return sg_yaml_fail(e->path, item, SG_BAD_SYNTAX, "the measure '%s' stands twice: keep one", word);
        e->measure |= 1u << bit;
    }
    return SG_OK;
}

static sg_status read_mixing_number(const sim_experiment *e, const char *key, const sg_yaml *node, double lo, double hi,
                                    double *value) {
    if (node->kind != SG_YAML_SCALAR || !sg_number_read(node->text, value)) return bad_type(e, node, key, "a number");
    if (*value > lo && *value < hi) return SG_OK;
    return sg_yaml_fail(e->path, node, SG_OUT_OF_RANGE, "%s %s of mixing is out of range: it must be > %g and < %g",
                        key, node->text, lo, hi);
}

static sg_status read_mixing(sim_experiment *e, const descriptor *key, const sg_yaml *node) {
    static const char *const names[] = {"epsilon", "start", "points"};
    double points = e->mixing.points;
    if (node->kind != SG_YAML_MAP) return bad_type(e, node, key->name, "a mapping {epsilon, start, points}");
    e->mixing.at = node;
    for (int k = 0; k < node->count; k++) {
        const char *name = node->key[k]->text;
        sg_status status = !strcmp(name, names[0])
                               ? read_mixing_number(e, name, node->item[k], 0, 1, &e->mixing.epsilon)
                           : !strcmp(name, names[1]) ? read_word(e, "start", node->item[k], &e->mixing.start)
                           : !strcmp(name, names[2]) ? read_mixing_number(e, name, node->item[k], 1, 10001, &points)
                                                     : unknown_key(e, node->key[k], 3, names);
        if (status != SG_OK) return status;
    }
    e->mixing.points = (int)points;
    if (points == e->mixing.points) return SG_OK;
    return sg_yaml_fail(e->path, node, SG_BAD_TYPE, "points of mixing must be a whole number");
}

static sg_status read_sample_sizes(sim_experiment *e, const descriptor *key, const sg_yaml *node) {
    sim_value *value = NULL;
    int count = 0;
    sg_delete(e->size);
    e->size = NULL;
    e->sizes = 0;
    if (node->kind == SG_YAML_LIST && node->count == 0) return SG_OK; /* nothing is to be sampled */
    sg_status status = sim_values_read(e->path, key->name, node, &count, &value);
    if (status == SG_OK) status = sg_new(&e->size, (size_t)count + 1, sizeof *e->size);
    for (int k = 0; k < count && status == SG_OK; k++) {
        double n = node->kind == SG_YAML_MAP ? round(value[k].number) : value[k].number;
        if (!(n >= 1 && n <= INT32_MAX) || n != floor(n))
            status = sg_yaml_fail(e->path, value[k].at, isnan(n) ? SG_BAD_TYPE : SG_OUT_OF_RANGE,
                                  "the sample size %.64s must be a whole number >= 1 and <= 2147483647", value[k].text);
        else
            e->size[e->sizes++] = (long long)n;
        for (int i = 0; i + 1 < e->sizes && status == SG_OK; i++)
            if (e->size[i] == e->size[e->sizes - 1])
                status = sg_yaml_fail(e->path, value[k].at, SG_BAD_SYNTAX,
                                      "the sample size %lld stands twice: keep one", e->size[i]);
    }
    sg_delete(value);
    return status;
}

/* --------------------------------------------------------------- families */

static sg_status read_pairs(const sim_experiment *e, const sg_yaml *node, sim_family *family) {
    if (node->kind != SG_YAML_MAP) return bad_type(e, node, "parameters", "a mapping {key: value}");
    if (node->count > SIM_PAIRS)
        return sg_yaml_fail(e->path, node, SG_OUT_OF_RANGE, "there are more than %d parameters", SIM_PAIRS);
    family->pairs = 0;
    for (int k = 0; k < node->count; k++) {
        if (node->item[k]->kind != SG_YAML_SCALAR)
            return bad_type(e, node->item[k], node->key[k]->text, "a number or a word");
        family->pair_at[family->pairs] = node->item[k];
        family->pair[family->pairs++] = (sg_pair){node->key[k]->text, node->item[k]->text};
    }
    return SG_OK;
}

static sg_status add_loss(const sim_experiment *e, const sg_yaml *node, int *count, sim_loss_choice *list) {
    const char *word = NULL;
    sg_loss *loss = NULL;
    sg_status status = read_word(e, "a loss", node, &word);
    if (status != SG_OK) return status;
    if (*count == SIM_LOSSES)
        return sg_yaml_fail(e->path, node, SG_OUT_OF_RANGE, "there are more than %d losses", SIM_LOSSES);
    status = sg_loss_new(word, &loss);
    if (status != SG_OK) return sg_yaml_within(e->path, node, status);
    list[(*count)++] = (sim_loss_choice){loss, node};
    for (int k = 0; k + 1 < *count; k++)
        if (strcmp(list[k].loss->text, loss->text) == 0)
            return sg_yaml_fail(e->path, node, SG_BAD_SYNTAX, "the loss '%s' stands twice: keep one", loss->text);
    return SG_OK;
}

static sg_status read_loss_list(const sim_experiment *e, const sg_yaml *node, int *count, sim_loss_choice *list) {
    if (node->kind != SG_YAML_LIST) return bad_type(e, node, "losses", "a list");
    if (!node->count)
        return sg_yaml_fail(e->path, node, SG_OUT_OF_RANGE,
                            "losses is empty: name at least one (`scoregap list losses`)");
    sg_status status = SG_OK;
    for (int k = 0; k < node->count && status == SG_OK; k++) status = add_loss(e, node->item[k], count, list);
    return status;
}

static sg_status read_losses(sim_experiment *e, const descriptor *key, const sg_yaml *node) {
    (void)key;
    return read_loss_list(e, node, &e->losses, e->loss);
}

static sg_status read_family_entry(const sim_experiment *e, const sg_yaml *node, sim_family *family) {
    static const char *const keys[] = {"name", "parameters", "losses"};
    family->at = node;
    if (node->kind == SG_YAML_SCALAR) return read_word(e, "family", node, &family->name);
    if (node->kind != SG_YAML_MAP)
        return bad_type(e, node, "an entry of family", "a name or {name, parameters, losses}");
    for (int k = 0; k < node->count; k++) {
        const char *key = node->key[k]->text;
        sg_status status = !strcmp(key, keys[0])   ? read_word(e, "the name of a family", node->item[k], &family->name)
                           : !strcmp(key, keys[1]) ? read_pairs(e, node->item[k], family)
                           : !strcmp(key, keys[2]) ? read_loss_list(e, node->item[k], &family->losses, family->loss)
                                                   : unknown_key(e, node->key[k], 3, keys);
        if (status != SG_OK) return status;
    }
    if (!family->name) return sg_yaml_fail(e->path, node, SG_BAD_SYNTAX, "this family has no name");
    return SG_OK;
}

/* An unknown family or parameter is found here, where its line is known, and not cell by cell. */
static sg_status read_family(sim_experiment *e, const descriptor *key, const sg_yaml *node) {
    bool list = node->kind == SG_YAML_LIST;
    if (node->kind == SG_YAML_MAP)
        return bad_type(e, node, key->name, "a name or a list of {name, parameters, losses}");
    if (list && !node->count) return sg_yaml_fail(e->path, node, SG_OUT_OF_RANGE, "family is empty: name at least one");
    sg_status status = sg_new(&e->family, list ? (size_t)node->count : 1, sizeof *e->family);
    if (status != SG_OK) return status;
    e->families = list ? node->count : 1;
    for (int k = 0; k < e->families; k++) {
        sim_family *family = &e->family[k];
        sg_model *probe = NULL;
        const sg_yaml *entry = list ? node->item[k] : node;
        if ((status = read_family_entry(e, entry, family))) return status;
        if (sg_family_find(family->name)) continue;
        status = sg_model_new(family->name, 0, NULL, &probe); /* for its message */
        sg_model_delete(probe);
        return sg_yaml_within(e->path, entry, status);
    }
    return SG_OK;
}

static sg_status read_parameters(sim_experiment *e, const descriptor *key, const sg_yaml *node) {
    (void)key;
    if (e->families != 1 || e->family[0].at->kind != SG_YAML_SCALAR)
        return sg_yaml_fail(e->path, node, SG_BAD_SYNTAX,
                            "parameters belongs to a single family: write it beside each name in the list");
    return read_pairs(e, node, &e->family[0]);
}

static sg_status read_grid(sim_experiment *e, const descriptor *key, const sg_yaml *node) {
    (void)key;
    return sim_grid_read(e, node);
}

/* Its values are read in place of the others; here only its shape is checked. */
static sg_status read_smoke(sim_experiment *e, const descriptor *key, const sg_yaml *node) {
    if (node->kind != SG_YAML_MAP) return bad_type(e, node, key->name, "a mapping {key: value}");
    for (int k = 0; k < node->count; k++)
        if (!strcmp(node->key[k]->text, "schema") || !strcmp(node->key[k]->text, "name") ||
            !strcmp(node->key[k]->text, "smoke"))
            return sg_yaml_fail(e->path, node->key[k], SG_BAD_SYNTAX, "%s cannot stand in smoke", node->key[k]->text);
    return SG_OK;
}

/* ------------------------------------------------------------ whole files */

#define DESCRIBE(name, reader, required, help) {#name, reader, required},
static const descriptor keys[] = {SIM_EXPERIMENT_KEYS(DESCRIBE)};
enum { KEYS = sizeof keys / sizeof *keys };

static sg_status check_keys(const sim_experiment *e, const sg_yaml *map) {
    const char *names[KEYS];
    for (int k = 0; k < KEYS; k++) names[k] = keys[k].name;
    for (int i = 0; i < map->count; i++) {
        int k = 0;
        while (k < KEYS && strcmp(keys[k].name, map->key[i]->text) != 0) k++;
        if (k == KEYS) return unknown_key(e, map->key[i], KEYS, names);
    }
    return SG_OK;
}

static sg_status check_together(const sim_experiment *e) {
    bool sampled = e->measure & SIM_MONTECARLO;
    if (sampled && !sg_yaml_find(e->root, "sample_sizes"))
        return sg_yaml_fail(e->path, NULL, SG_BAD_SYNTAX, "measure has montecarlo: give sample_sizes");
    if (sampled && e->sizes && !e->replicates)
        return sg_yaml_fail(e->path, NULL, SG_BAD_SYNTAX, "measure has montecarlo: give replicates");
    if ((e->measure & SIM_KL) && !sampled)
        return sg_yaml_fail(e->path, NULL, SG_BAD_SYNTAX,
                            "measure has kl, the divergence of Monte Carlo fits: add montecarlo");
    if (e->mixing.at && !(e->measure & SIM_MIXING))
        return sg_yaml_fail(e->path, e->mixing.at, SG_BAD_SYNTAX, "mixing is given: add mixing to measure");
    for (int f = 0; f < e->families; f++)
        for (int i = 0; i < e->family[f].losses; i++)
            for (int k = 0; k < e->losses; k++)
                if (!strcmp(e->family[f].loss[i].loss->text, e->loss[k].loss->text))
                    return sg_yaml_fail(e->path, e->family[f].loss[i].at, SG_BAD_SYNTAX,
                                        "the loss '%s' is one of all families already: keep one",
                                        e->loss[k].loss->text);
    return SG_OK;
}

static sg_status fill(sim_experiment *e) {
    if (e->root->kind != SG_YAML_MAP) return bad_type(e, e->root, "an experiment", "a mapping {key: value}");
    sg_status status = check_keys(e, e->root);
    const sg_yaml *smoke = sg_yaml_find(e->root, "smoke");
    if (status == SG_OK && smoke && smoke->kind == SG_YAML_MAP) status = check_keys(e, smoke);
    for (int k = 0; k < KEYS && status == SG_OK; k++) {
        const sg_yaml *node = e->smoke ? sg_yaml_find(smoke, keys[k].name) : NULL;
        if (!node) node = sg_yaml_find(e->root, keys[k].name);
        if (node)
            status = keys[k].read(e, &keys[k], node);
        else if (keys[k].required)
            status = sg_yaml_fail(e->path, NULL, SG_BAD_SYNTAX, "the key '%s' is missing", keys[k].name);
    }
    return status == SG_OK ? check_together(e) : status;
}

static sg_status copy_text(const char *text, char **copy) {
    sg_status status = sg_new(copy, strlen(text) + 1, 1);
    if (status == SG_OK) strcpy(*copy, text);
    return status;
}

sg_status sim_experiment_parse(const char *path, const char *text, bool smoke, sim_experiment **result) {
    sim_experiment *e = NULL;
    *result = NULL;
    sg_status status = sg_new(&e, 1, sizeof *e);
    if (status != SG_OK) return status;
    e->smoke = smoke;
    e->mixing = (sim_mixing){.epsilon = 0.25, .start = "worst", .points = 101};
    if ((status = copy_text(path, &e->path))) goto out;
    if ((status = copy_text(text, &e->text))) goto out;
    if ((status = sg_yaml_read(e->path, e->text, &e->root))) goto out;
    status = fill(e);
out:
    if (status != SG_OK) {
        sim_experiment_delete(e);
        return status;
    }
    *result = e;
    return SG_OK;
}

sg_status sim_experiment_read(const char *path, bool smoke, sim_experiment **result) {
    char *text = NULL;
    FILE *file = fopen(path, "rb");
    *result = NULL;
    if (!file) return sg_fail(SG_CANNOT_READ, "%s cannot be read: %s", path, strerror(errno));
    sg_status status = sg_new(&text, FILE_MOST + 1, 1);
    if (status != SG_OK) goto out;
    size_t length = fread(text, 1, FILE_MOST, file);
    if (ferror(file))
        status = sg_fail(SG_CANNOT_READ, "%s cannot be read: %s", path, strerror(errno));
    else if (length == FILE_MOST)
        status = sg_fail(SG_CANNOT_READ, "%s is no experiment: it has more than %d bytes", path, FILE_MOST - 1);
    else if (strlen(text) != length)
        status = sg_fail(SG_BAD_SYNTAX, "%s is no text: it holds a zero byte", path);
    else
        status = sim_experiment_parse(path, text, smoke, result);
out:
    sg_delete(text);
    fclose(file);
    return status;
}

void sim_experiment_figures(const sim_experiment *e, char text[SIM_FIGURES_TEXT]) {
    size_t used = 0;
    *text = 0;
    for (int k = 0; k < e->figures; k++) used += (size_t)sprintf(text + used, "%s%s", k ? "/" : "", e->figure[k]);
}

void sim_experiment_delete(sim_experiment *e) {
    if (!e) return;
    for (int k = 0; k < e->losses; k++) sg_loss_delete(e->loss[k].loss);
    for (int f = 0; f < e->families; f++)
        for (int k = 0; k < e->family[f].losses; k++) sg_loss_delete(e->family[f].loss[k].loss);
    for (int k = 0; k < e->axes; k++) sg_delete(e->axis[k].value);
    sg_delete(e->family);
    sg_delete(e->size);
    sg_yaml_delete(e->root);
    sg_delete(e->path);
    sg_delete(e->text);
    sg_delete(e);
}
