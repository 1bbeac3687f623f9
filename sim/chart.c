/* Charts: the cells of result files sorted into curves, and written for gnuplot, which cannot group. */
#include "figure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

enum { VARIANT = 512, PAIRS = 32, LABEL_LINE = 52, LOG_RANGE = 5 };

/* ---------------------------------------------------------------- variants */

/* Has the key one value for each value of the axis `x`?  (A zip of several keys is one curve.) */
static bool follows(const sg_result *result, int key, int x) {
    for (int r = 0; r < result->records; r++)
        for (int s = 0; s < r; s++)
            if (result->record[r].axis[x] == result->record[s].axis[x] &&
                result->record[r].axis[key] != result->record[s].axis[key])
                return false;
    return true;
}

/* Bits of the axes that run along x. */
static unsigned running_axes(const sim_figure *figure, const sg_result *result) {
    int x = sim_figure_axis(result);
    unsigned bits = 0;
    if (figure->x == SIM_X_SIZE || figure->x == SIM_X_OPTION || x < 0) return 0;
    for (int k = 0; k < result->axes && k < SG_RECORD_AXES; k++)
        if (k == x || follows(result, k, x)) bits |= 1u << k;
    return bits;
}

static bool is_running(const sg_result *result, unsigned running, const char *token) {
    size_t length = strcspn(token, "=");
    for (int k = 0; k < result->axes && k < SG_RECORD_AXES; k++)
        if ((running >> k & 1) && strlen(result->axis[k].name) == length &&
            !strncmp(result->axis[k].name, token, length))
            return true;
    return false;
}

/*
 * Where the dimension runs, the names of the free parameters carry different coordinates, or there are too many of them
 * for the text: "free=" with their names up to the coordinate, each once.  The token itself where that fails.
 */
static void free_names(const sg_record *record, const char *token, char text[VARIANT]) {
    char copy[sizeof record->parameters + 1], name[SG_NAME];
    sg_pair pairs[PAIRS];
    sg_model *model = NULL;
    int count = 0;
    size_t used;
    snprintf(text, VARIANT, "%s", token);
    snprintf(copy, sizeof copy, "%s", record->parameters);
    if (sg_pairs_split(copy, PAIRS, pairs, &count) || sg_model_new(record->family, count, pairs, &model)) return;
    used = (size_t)snprintf(text, VARIANT, "free=");
    for (int j = 0; j < model->m && used + SG_NAME < VARIANT; j++) {
        const char *last = strrchr(text, '/') ? strrchr(text, '/') : text + 4;
        sg_model_parameter(model, j, name);
        name[strcspn(name, "_")] = '\0';
        if (!strcmp(last + 1, name)) continue;
        used += (size_t)snprintf(text + used, VARIANT - used, "%s%s", last[1] ? "/" : "", name);
    }
    sg_model_delete(model);
}

/* family(key=value,...) without the running keys */
static void variant_text(const sg_result *result, unsigned running, const sg_record *record, char text[VARIANT]) {
    char copy[sizeof record->parameters + 1], names[VARIANT];
    size_t used = (size_t)snprintf(text, VARIANT, "%s(", record->family);
    const bool dimensions = is_running(result, running, "d");
    bool first = true;
    snprintf(copy, sizeof copy, "%s", record->parameters);
    for (char *rest = copy, *token; (token = strsep(&rest, ","));) {
        if (!*token || is_running(result, running, token)) continue;
        if (dimensions && !strncmp(token, "free=", 5)) {
            free_names(record, token, names);
            token = names;
        }
        used += (size_t)snprintf(text + used, VARIANT - used, "%s%s", first ? "" : ",", token);
        first = false;
    }
    snprintf(text + used, VARIANT - used, ")");
}

void sim_option_value(const char *text, const char *option, double *value, char *without, size_t size) {
    sg_loss *loss = NULL;
    const size_t length = strlen(option);
    *value = NAN;
    snprintf(without, size, "%s", text);
    if (sg_loss_new(text, &loss) != SG_OK) return; /* a loss of another version of the program */
    for (const sg_field *f = loss->row->options; f && f->key; f++) {
        const char *at = (const char *)loss->options + f->offset;
        if (strcmp(f->key, option)) continue;
        if (f->type == SG_FIELD_INT && *(const int *)at > 0) *value = *(const int *)at;
        if (f->type == SG_FIELD_REAL) memcpy(value, at, sizeof *value);
    }
    sg_loss_delete(loss);
    for (char *at = strchr(without, ':'); at && isfinite(*value); at = strchr(at + 1, ',')) {
        if (strncmp(at + 1, option, length) || at[1 + length] != '=') continue;
        size_t cut = 1 + strcspn(at + 1, ",");
        if (*at == ':' && at[cut] == ',') at++;
        memmove(at, at + cut, strlen(at + cut) + 1);
        break;
    }
}

static int find_text(int count, const char *const *list, const char *text) {
    for (int k = 0; k < count; k++)
        if (!strcmp(list[k], text)) return k;
    return -1;
}

static int place_name(int *count, const char **list, const char *text) {
    int at = find_text(*count, list, text);
    if (at < 0) list[at = (*count)++] = text;
    return at;
}

/* The same, of a copy. */
static sg_status place_copy(int *count, char **list, const char *text, int *at) {
    *at = find_text(*count, (const char *const *)list, text);
    if (*at >= 0) return SG_OK;
    sg_status status = sg_new(&list[*count], strlen(text) + 1, 1);
    if (status != SG_OK) return status;
    strcpy(list[ *at = (*count)++], text);
    return SG_OK;
}

/* ------------------------------------------------------------------ series */

static int place_series(sim_chart *chart, const sim_series *like) {
    bool lead = true;
    for (int s = 0; s < chart->series; s++) {
        const sim_series *one = &chart->one[s];
        if (one->file != like->file || one->variant != like->variant || one->loss != like->loss) continue;
        if (one->n == like->n) return s;
        lead = false;
    }
    chart->one[chart->series] = *like;
    chart->one[chart->series].lead = lead;
    return chart->series++;
}

static sg_status place_record(sim_chart *chart, int file, unsigned running, const sg_record *record, int *home) {
    char text[VARIANT], without[sizeof record->loss];
    int variant, loss;
    double value;
    variant_text(chart->result[file], running, record, text);
    sg_status status = place_copy(&chart->variants, chart->variant, text, &variant);
    if (status != SG_OK) return status;
    snprintf(without, sizeof without, "%s", record->loss);
    if (chart->figure->x == SIM_X_OPTION)
        sim_option_value(record->loss, chart->figure->option, &value, without, sizeof without);
    if ((status = place_copy(&chart->losses, chart->loss, without, &loss))) return status;
    const sim_series like = {.file = file,
                             .variant = variant,
                             .loss = loss,
                             .family = place_name(&chart->families, chart->family, record->family),
                             .n = chart->figure->x == SIM_X_SIZE ? 0 : record->n};
    *home = place_series(chart, &like);
    chart->one[*home].cells++;
    return SG_OK;
}

static double option_of(const sim_figure *figure, const sg_record *record) {
    char without[sizeof record->loss];
    double value;
    sim_option_value(record->loss, figure->option, &value, without, sizeof without);
    return value;
}

/* Cells that the figure cannot show: another number of parameters, off the grid, none of its columns. */
static bool is_drawable(const sim_figure *figure, const sg_result *result, const sg_record *record) {
    bool any = figure->columns == 0;
    int axis = sim_figure_axis(result);
    if (figure->parameters && record->m != figure->parameters) return false;
    if (figure->x == SIM_X_AXIS && !isfinite(record->axis[axis])) return false;
    if (figure->x == SIM_X_SIZE && figure->columns && record->n <= 0) return false;
    if (figure->x == SIM_X_OPTION && isnan(option_of(figure, record))) return false;
    for (int k = 0; k < figure->columns; k++)
        any = any || isfinite(sim_real_value(record, sim_real_column(figure->column[k])));
    return any;
}

static sg_status same_axis(const sim_chart *chart) {
    if (chart->figure->x != SIM_X_AXIS) return SG_OK;
    const sg_result *first = chart->result[0];
    const char *key = first->axis[sim_figure_axis(first)].name;
    for (int f = 1; f < chart->files; f++) {
        const char *other = chart->result[f]->axis[sim_figure_axis(chart->result[f])].name;
        if (strcmp(key, other))
            return sg_fail(SG_BAD_DATA,
                           "figure '%s' draws against one key: '%s' in %.200s but '%s' in %.200s; plot them apart",
                           chart->figure->name, key, chart->file[0], other, chart->file[f]);
    }
    return SG_OK;
}

static sg_status allocate(int records, sim_chart **chart) {
    size_t room = (size_t)records + 1;
    sg_status status = sg_new(chart, 1, sizeof **chart);
    if (status == SG_OK) status = sg_new(&(*chart)->variant, room, sizeof(char *));
    if (status == SG_OK) status = sg_new(&(*chart)->loss, room, sizeof(char *));
    if (status == SG_OK) status = sg_new(&(*chart)->family, room, sizeof(char *));
    if (status == SG_OK) status = sg_new(&(*chart)->one, room, sizeof(sim_series));
    if (status == SG_OK) status = sg_new(&(*chart)->home, room, sizeof(int));
    return status;
}

sg_status sim_chart_new(const sim_figure *figure, int files, const char *const *file, sg_result *const *result,
                        sim_chart **out) {
    sim_chart *chart = NULL;
    int records = 0;
    *out = NULL;
    for (int f = 0; f < files; f++) records += result[f]->records;
    sg_status status = allocate(records, &chart);
    if (status != SG_OK) goto out;
    chart->figure = figure, chart->files = files, chart->file = file, chart->result = result, chart->records = records;
    if ((status = same_axis(chart))) goto out;
    for (int f = 0, all = 0; f < files; f++) {
        unsigned running = running_axes(figure, result[f]);
        for (int r = 0; r < result[f]->records; r++, all++) {
            const sg_record *record = &result[f]->record[r];
            chart->home[all] = -1;
            if (is_drawable(figure, result[f], record) &&
                (status = place_record(chart, f, running, record, &chart->home[all])))
                goto out;
        }
    }
    if (!chart->series)
        status = sg_fail(SG_BAD_DATA, "figure '%s' finds nothing to draw in %.300s", figure->name, file[0]);
out:
    if (status != SG_OK)
        sim_chart_delete(chart);
    else
        *out = chart;
    return status;
}

void sim_chart_delete(sim_chart *chart) {
    if (!chart) return;
    for (int k = 0; k < chart->variants; k++) sg_delete(chart->variant[k]);
    for (int k = 0; k < chart->losses; k++) sg_delete(chart->loss[k]);
    sg_delete(chart->variant);
    sg_delete(chart->loss);
    sg_delete(chart->family);
    sg_delete(chart->one);
    sg_delete(chart->home);
    sg_delete(chart);
}

/* ------------------------------------------------------------------ tables */

static FILE *create(const char *directory, const char *name) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return fopen(path, "w");
}

static sg_status finish(FILE *file, const char *directory) {
    bool failed = ferror(file) != 0;
    if (fclose(file) || failed)
        return sg_fail(SG_CANNOT_WRITE, "the tables of the figure cannot be written in %s", directory);
    return SG_OK;
}

static double along_x(const sim_chart *chart, int file, int record) {
    const sg_result *result = chart->result[file];
    int axis = sim_figure_axis(result);
    if (chart->figure->x == SIM_X_SIZE) return result->record[record].n;
    if (chart->figure->x == SIM_X_OPTION) return option_of(chart->figure, &result->record[record]);
    return axis < 0 ? record : result->record[record].axis[axis];
}

/* Records of a series by growing x; `all` is the number of the file's first record. */
static int ordered(const sim_chart *chart, int series, int all, int *order) {
    int file = chart->one[series].file, count = 0;
    for (int r = 0; r < chart->result[file]->records; r++) {
        int at = count;
        if (chart->home[all + r] != series) continue;
        for (; at > 0 && along_x(chart, file, order[at - 1]) > along_x(chart, file, r); at--) order[at] = order[at - 1];
        order[at] = r;
        count++;
    }
    return count;
}

/* `line` [records + 1]: where each line of the table starts, the names first. */
static sg_status write_series(const sim_chart *chart, int series, int all, char *const *line, int *order,
                              const char *directory) {
    char name[64];
    snprintf(name, sizeof name, "series-%d.tsv", series + 1);
    FILE *out = create(directory, name);
    if (!out) return sg_fail(SG_CANNOT_WRITE, "the tables of the figure cannot be written in %s", directory);
    int count = ordered(chart, series, all, order);
    fprintf(out, "%s\tx\n", line[0]);
    for (int k = 0; k < count; k++)
        fprintf(out, "%s\t%.17g\n", line[order[k] + 1], along_x(chart, chart->one[series].file, order[k]));
    return finish(out, directory);
}

static sg_status write_cells(const sim_chart *chart, int file, int all, const char *directory) {
    const sg_result *result = chart->result[file];
    char *text = NULL, **line = NULL;
    int *order = NULL, count = 0;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    if (!stream) return sg_fail(SG_NO_MEMORY, "no memory for the table of %.300s", chart->file[file]);
    sg_status status = sim_table_write(result, "cells", stream);
    if (fclose(stream) && status == SG_OK)
        status = sg_fail(SG_NO_MEMORY, "no memory for the table of %.300s", chart->file[file]);
    if (status == SG_OK) status = sg_new(&line, (size_t)result->records + 1, sizeof *line);
    if (status == SG_OK) status = sg_new(&order, (size_t)result->records + 1, sizeof *order);
    if (status != SG_OK) goto out;
    for (char *rest = text, *piece; count <= result->records && (piece = strsep(&rest, "\n"));) line[count++] = piece;
    for (int s = 0; s < chart->series && status == SG_OK; s++)
        if (chart->one[s].file == file) status = write_series(chart, s, all, line, order, directory);
out:
    sg_delete(line);
    sg_delete(order);
    free(text);
    return status;
}

static void plain(const char *array, char text[64]) {
    snprintf(text, 64, "%s", array);
    for (char *c = text; *c; c++)
        if (*c == '/') *c = '_';
}

static sg_status write_array(const sim_chart *chart, int file, const char *array, const char *directory) {
    char name[96], text[64];
    if (!sg_result_find(chart->result[file], array)) return SG_OK;
    plain(array, text);
    snprintf(name, sizeof name, "%d-%s.tsv", file + 1, text);
    FILE *out = create(directory, name);
    if (!out) return sg_fail(SG_CANNOT_WRITE, "the tables of the figure cannot be written in %s", directory);
    sg_status status = sim_table_write(chart->result[file], array, out), closed = finish(out, directory);
    return status ? status : closed;
}

sg_status sim_chart_write(const sim_chart *chart, const char *directory) {
    const sim_figure *figure = chart->figure;
    sg_status status = SG_OK;
    for (int f = 0, all = 0; f < chart->files && status == SG_OK; all += chart->result[f++]->records) {
        status = write_cells(chart, f, all, directory);
        for (int k = 0; k < figure->arrays && status == SG_OK; k++)
            status = write_array(chart, f, figure->array[k], directory);
        for (int k = 0; k < figure->extras && status == SG_OK; k++)
            status = write_array(chart, f, figure->extra[k], directory);
    }
    return status;
}

/* ------------------------------------------------------------- definitions */

void sim_put_quoted(FILE *out, const char *text) {
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'') fputc('\'', out);
        fputc(*text, out);
    }
    fputc('\'', out);
}

static bool same_family(const char *one, const char *other) {
    size_t length = strcspn(one, "(");
    return length == strcspn(other, "(") && !strncmp(one, other, length);
}

/* Do all variants of this family have it? */
static bool is_common(const sim_chart *chart, const char *family, const char *token, size_t length) {
    for (int v = 0; v < chart->variants; v++) {
        bool here = false;
        if (!same_family(family, chart->variant[v])) continue;
        for (const char *at = strchr(chart->variant[v], '('); at && !here; at = strchr(at + 1, ','))
            here = !strncmp(at + 1, token, length) && (at[1 + length] == ',' || at[1 + length] == ')');
        if (!here) return false;
    }
    return true;
}

/* The family if there are several, and the keys in which its variants differ. */
static void variant_label(const sim_chart *chart, int v, char label[VARIANT]) {
    const char *text = chart->variant[v], *at = strchr(text, '(');
    size_t used = 0;
    label[0] = 0;
    if (chart->families > 1) used = (size_t)snprintf(label, VARIANT, "%.*s", (int)(at - text), text);
    while (*at && *++at && *at != ')') {
        size_t length = strcspn(at, ",)");
        if (!is_common(chart, text, at, length))
            used += (size_t)snprintf(label + used, VARIANT - used, "%s%.*s", used ? ", " : "", (int)length, at);
        at += length;
        if (*at == ')') break;
    }
}

#define PUT_LIST(name, count, put)                     \
    do {                                               \
        fprintf(out, "array %s[%d] = [", name, count); \
        for (int k = 0; k < (count); k++) {            \
            if (k) fputc(',', out);                    \
            put;                                       \
        }                                              \
        fputs("]", out), fputc(0, out);                \
    } while (0)

static void define_series(const sim_chart *chart, FILE *out) {
    const sim_series *one = chart->one;
    char label[VARIANT];
    fprintf(out, "files = %d; S = %d; V = %d; losses = %d; families = %d", chart->files, chart->series, chart->variants,
            chart->losses, chart->families);
    fputc(0, out);
    PUT_LIST("loss", chart->losses, sim_put_quoted(out, chart->loss[k]));
    PUT_LIST("family", chart->families, sim_put_quoted(out, chart->family[k]));
    PUT_LIST("variant", chart->variants, (variant_label(chart, k, label), sim_put_quoted(out, label)));
    PUT_LIST("series_loss", chart->series, fprintf(out, "%d", one[k].loss + 1));
    PUT_LIST("series_family", chart->series, fprintf(out, "%d", one[k].family + 1));
    PUT_LIST("series_variant", chart->series, fprintf(out, "%d", one[k].variant + 1));
    PUT_LIST("series_file", chart->series, fprintf(out, "%d", one[k].file + 1));
    PUT_LIST("series_n", chart->series, fprintf(out, "%d", one[k].n));
    PUT_LIST("series_cells", chart->series, fprintf(out, "%d", one[k].cells));
    PUT_LIST("series_lead", chart->series, fprintf(out, "%d", one[k].lead));
}

static void define_columns(const sim_chart *chart, FILE *out) {
    for (int c = 0; sim_real_columns[c]; c++) {
        bool has = false;
        for (int f = 0, all = 0; f < chart->files; all += chart->result[f++]->records)
            for (int r = 0; r < chart->result[f]->records; r++)
                has = has ||
                      (chart->home[all + r] >= 0 &&
                       isfinite(sim_real_value(&chart->result[f]->record[r], sim_real_column(sim_real_columns[c]))));
        fprintf(out, "has_%s = %d%c", sim_real_columns[c], has, 0);
    }
}

/* The largest extents over the files, so that one index serves all of them. */
static void define_array(const sim_chart *chart, const char *array, FILE *out) {
    int shape[3] = {1, 1, 1}, has = 0;
    char text[64];
    plain(array, text);
    for (int f = 0; f < chart->files; f++) {
        const sg_array *found = sg_result_find(chart->result[f], array);
        if (found) has++;
        for (int k = 0; found && k < found->rank; k++)
            shape[k] = found->shape[k] > shape[k] ? found->shape[k] : shape[k];
    }
    fprintf(out, "has_%s = %d; %s_1 = %d; %s_2 = %d%c", text, has == chart->files, text, shape[0], text, shape[1], 0);
}

/* Evenly spread by ratios rather than by differences, over a range that a log axis is worth? */
static bool is_geometric(const sg_axis *axis) {
    double differences[2] = {INFINITY, 0}, ratios[2] = {INFINITY, 0},
           range = axis->value[axis->count - 1] / axis->value[0];
    for (int k = 0; k < axis->count; k++)
        if (!(axis->value[k] > 0)) return false;
    for (int k = 1; k < axis->count; k++) {
        double d = fabs(axis->value[k] - axis->value[k - 1]), l = fabs(log(axis->value[k] / axis->value[k - 1]));
        differences[0] = fmin(differences[0], d), differences[1] = fmax(differences[1], d);
        ratios[0] = fmin(ratios[0], l), ratios[1] = fmax(ratios[1], l);
    }
    return axis->count > 2 && range > LOG_RANGE && ratios[1] / ratios[0] < differences[1] / differences[0];
}

void sim_wrap(char *text, size_t most) {
    size_t length = strlen(text), lines = length / most + 1, next = length / lines;
    for (size_t k = 0, line = 1; k < length && line < lines; k++)
        if (text[k] == ' ' && k >= line * next) text[k] = '\n', line++;
}

/* Meaning of a key as the list says it, up to the first semicolon or comma. */
static void field_help(const sg_field *field, const char *key, const char *ends, size_t size, char *text) {
    text[0] = 0;
    for (; field && field->key; field++)
        if (!strcmp(field->key, key) && field->help)
            snprintf(text, size, "%.*s", (int)strcspn(field->help, ends), field->help);
    sim_wrap(text, LABEL_LINE);
}

static void key_help(const char *family, const char *key, size_t size, char *text) {
    const sg_family *found = sg_family_find(family);
    field_help(found ? found->keys : NULL, key, ";", size, text);
}

static void option_help(const char *loss, const char *key, size_t size, char *text) {
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(loss, ":"), loss);
    const sg_row *row = sg_row_find(name);
    field_help(row ? row->options : NULL, key, ";,", size, text);
}

static void define_x(const sim_chart *chart, FILE *out) {
    const sg_result *first = chart->result[0];
    int axis = sim_figure_axis(first);
    char help[256] = "";
    const bool along_n = chart->figure->x == SIM_X_SIZE, along_option = chart->figure->x == SIM_X_OPTION;
    const char *key = along_n ? "n" : along_option ? chart->figure->option : axis >= 0 ? first->axis[axis].name : "";
    if (along_option)
        option_help(chart->loss[0], key, sizeof help, help);
    else if (!along_n && axis >= 0 && chart->families == 1)
        key_help(chart->family[0], key, sizeof help, help);
    fputs("x_key = ", out), sim_put_quoted(out, key), fputs("; x_help = ", out),
        sim_put_quoted(out, along_n ? "sample size" : help);
    fprintf(out, "; x_log = %d%c", along_n || (!along_option && axis >= 0 && is_geometric(&first->axis[axis])), 0);
}

static void define_sizes(const sim_chart *chart, FILE *out) {
    int least = INT_MAX, most = 0, records = 0;
    for (int f = 0, all = 0; f < chart->files; all += chart->result[f++]->records) {
        const sg_result *result = chart->result[f];
        if (result->records > records) records = result->records;
        for (int r = 0; r < result->records; r++) {
            int n = result->record[r].n;
            if (chart->home[all + r] < 0 || n <= 0) continue;
            least = n < least ? n : least, most = n > most ? n : most;
        }
    }
    fprintf(out, "n_least = %d; n_most = %d; records = %d%c", most ? least : 0, most, records, 0);
}

void sim_chart_define(const sim_chart *chart, FILE *out) {
    define_series(chart, out);
    define_x(chart, out);
    define_sizes(chart, out);
    define_columns(chart, out);
    for (int k = 0; k < chart->figure->arrays; k++) define_array(chart, chart->figure->array[k], out);
    for (int k = 0; k < chart->figure->extras; k++) define_array(chart, chart->figure->extra[k], out);
}
