#include "figure.h"

#include <dirent.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------ columns of cells */

#define SKIP_TEXT(name, length, unit, description)
#define SKIP_OTHER(name, unit, description)
#define NAME_REAL(name, unit, description) #name,
#define PLACE_REAL(name, unit, description) offsetof(sg_record, name),
const char *const sim_real_columns[] = {SG_RECORD_COLUMNS(SKIP_TEXT, SKIP_OTHER, NAME_REAL, SKIP_OTHER) NULL};
static const size_t real_place[] = {SG_RECORD_COLUMNS(SKIP_TEXT, SKIP_OTHER, PLACE_REAL, SKIP_OTHER)};

long sim_real_column(const char *name) {
    for (int k = 0; sim_real_columns[k]; k++)
        if (!strcmp(sim_real_columns[k], name)) return (long)real_place[k];
    return -1;
}

double sim_real_value(const sg_record *record, long offset) {
    double value;
    memcpy(&value, (const char *)record + offset, sizeof value);
    return value;
}

/* ------------------------------------------------------------- finding a figure */

static sg_status unknown_figure(const char *name, const char *directory) {
    const char *found[64];
    char list[512] = "";
    int count = 0;
    size_t used = 0;
    DIR *open = opendir(directory);
    if (!open) return sg_fail(SG_CANNOT_READ, "the directory %s with the figures is not there", directory);
    for (struct dirent *entry; (entry = readdir(open)) && count < 64;) {
        size_t length = strlen(entry->d_name);
        if (length < 8 || strncmp(entry->d_name, "fig-", 4) || strcmp(entry->d_name + length - 3, ".gp")) continue;
        found[count++] = strndup(entry->d_name + 4, length - 7);
        if (used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", found[count - 1]);
    }
    closedir(open);
    if (!count) return sg_fail(SG_CANNOT_READ, "the directory %s holds no figures", directory);
    const char *nearest = sg_nearest(name, count, found);
    sg_status status = sg_fail(SG_UNKNOWN, "unknown figure '%.64s'%s%s%s (figures: %s)", name,
                               nearest ? "; the nearest is '" : "", nearest ? nearest : "", nearest ? "'" : "", list);
    for (int k = 0; k < count; k++) free((char *)found[k]);
    return status;
}

static sg_status read_words(const char *path, char *text, int *count, char words[][48]) {
    for (char *rest = text, *word; (word = strsep(&rest, " ,\t"));) {
        if (!*word) continue;
        if (*count == SIM_FIGURE_NEEDS || strlen(word) >= 48)
            return sg_fail(SG_BAD_SYNTAX, "%s asks for too much: at most %d names of 47 letters", path,
                           SIM_FIGURE_NEEDS);
        strcpy(words[(*count)++], word);
    }
    return SG_OK;
}

static sg_status read_x(sim_figure *figure, const char *text) {
    static const char *const names[] = {"axis", "n", "any"};
    for (int k = 0; k < 3; k++)
        if (!strcmp(text, names[k])) {
            figure->x = (sim_x)k;
            return SG_OK;
        }
    figure->x = SIM_X_OPTION;
    if (sscanf(text, "option %15s", figure->option) == 1) return SG_OK;
    return sg_fail(SG_BAD_SYNTAX, "%s: x is '%s' but must be axis, n, any, or `option` and its name", figure->path,
                   text);
}

/* A line without its '#'.  Lines of prose mean nothing here. */
static sg_status read_line(sim_figure *figure, char *text) {
    char *colon = strchr(text, ':');
    text += strspn(text, " \t");
    if (!colon) return SG_OK;
    *colon++ = 0;
    colon += strspn(colon, " \t");
    if (!strcmp(text, "x")) return read_x(figure, colon);
    if (!strcmp(text, "columns")) return read_words(figure->path, colon, &figure->columns, figure->column);
    if (!strcmp(text, "arrays")) return read_words(figure->path, colon, &figure->arrays, figure->array);
    if (!strcmp(text, "also")) return read_words(figure->path, colon, &figure->extras, figure->extra);
    if (!strcmp(text, "parameters")) figure->parameters = atoi(colon);
    if (!strcmp(text, "size") && sscanf(colon, "%lf %lf", &figure->width, &figure->height) != 2)
        return sg_fail(SG_BAD_SYNTAX, "%s: size must be two numbers, in centimetres", figure->path);
    return SG_OK;
}

static sg_status check_needs(const sim_figure *figure) {
    for (int k = 0; k < figure->columns; k++)
        if (sim_real_column(figure->column[k]) < 0)
            return sg_fail(SG_BAD_SYNTAX, "%s asks for the column '%s', which the table cells does not have",
                           figure->path, figure->column[k]);
    return SG_OK;
}

sg_status sim_figure_find(const char *name, sim_figure *figure) {
    char *line = NULL;
    size_t room = 0;
    sg_status status = SG_OK;
    FILE *file = NULL;
    *figure = (sim_figure){.width = 17, .height = 9.5};
    snprintf(figure->directory, sizeof figure->directory, "%s", sim_share("plots"));
    if (strlen(name) >= sizeof figure->name || strchr(name, '/')) return unknown_figure(name, figure->directory);
    strcpy(figure->name, name);
    snprintf(figure->path, sizeof figure->path, "%s/fig-%s.gp", figure->directory, name);
    if (!(file = fopen(figure->path, "r"))) return unknown_figure(name, figure->directory);
    while (status == SG_OK && getline(&line, &room, file) > 0 && *line == '#') {
        line[strcspn(line, "\r\n")] = 0;
        status = read_line(figure, line + 1);
    }
    if (status == SG_OK) status = check_needs(figure);
    free(line);
    fclose(file);
    return status;
}

sg_status sim_figure_known(const sim_experiment *e) {
    for (int k = 0; k < e->figures; k++) {
        sim_figure figure;
        sg_status status = sim_figure_find(e->figure[k], &figure);
        if (status == SG_CANNOT_READ) return SG_OK;
        if (status != SG_OK) return sg_yaml_within(e->path, e->figure_at[k], status);
    }
    return SG_OK;
}

/* --------------------------------------------------------- does the file fit it */

int sim_figure_axis(const sg_result *result) {
    for (int k = 0; k < result->axes && k < SG_RECORD_AXES; k++)
        if (result->axis[k].count > 1) return k;
    return result->axes > 0 ? 0 : -1;
}

static bool has_column(const sg_result *result, const char *name) {
    for (int r = 0; r < result->records; r++)
        if (isfinite(sim_real_value(&result->record[r], sim_real_column(name)))) return true;
    return false;
}

static bool has_array(const sg_result *result, const char *name) {
    const sg_array *array = sg_result_find(result, name);
    size_t count = (size_t)result->records;
    if (!array || array->bytes) return false;
    for (int k = 0; k < array->rank; k++) count *= (size_t)array->shape[k];
    for (size_t i = 0; i < count; i++)
        if (isfinite(array->value[i])) return true;
    return false;
}

static bool has_sizes(const sg_result *result) {
    for (int r = 0; r < result->records; r++)
        if (result->record[r].n > 0) return true;
    return false;
}

sg_status sim_figure_accepts(const sim_figure *figure, const char *file, const sg_result *result) {
    int fit = 0, records = result->records;
    for (int r = 0; r < records; r++) fit += !figure->parameters || result->record[r].m == figure->parameters;
    if (!records) return sg_fail(SG_BAD_DATA, "%.300s has no cells to draw", file);
    if (!fit)
        return sg_fail(SG_BAD_DATA, "figure '%s' draws cells with %d free parameters; %.300s has none", figure->name,
                       figure->parameters, file);
    if (figure->x == SIM_X_AXIS && sim_figure_axis(result) < 0)
        return sg_fail(SG_BAD_DATA,
                       "figure '%s' draws against a key of the grid; the experiment of %.300s has no grid of numbers",
                       figure->name, file);
    if (figure->x == SIM_X_SIZE && figure->columns && !has_sizes(result))
        return sg_fail(SG_BAD_DATA, "figure '%s' draws against the sample size; nothing was sampled in %.300s",
                       figure->name, file);
    for (int k = 0; k < figure->columns; k++)
        if (!has_column(result, figure->column[k]))
            return sg_fail(
                SG_BAD_DATA,
                "figure '%s' needs the column '%s', which has no value in %.300s: see `measure` of its experiment",
                figure->name, figure->column[k], file);
    for (int k = 0; k < figure->arrays; k++)
        if (!has_array(result, figure->array[k]))
            return sg_fail(
                SG_BAD_DATA,
                "figure '%s' needs the array '%s', which has no value in %.300s: see `measure` of its experiment",
                figure->name, figure->array[k], file);
    return SG_OK;
}
