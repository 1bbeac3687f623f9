#include "scoregap/store.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void sg_record_clear(sg_record *record) {
#define CLEAR_TEXT(name, length, unit, description) memset(record->name, 0, length);
#define CLEAR_COUNT(name, unit, description) record->name = 0;
#define CLEAR_REAL(name, unit, description) record->name = NAN;
#define CLEAR_FLAG(name, unit, description) record->name = 0;
    SG_RECORD_COLUMNS(CLEAR_TEXT, CLEAR_COUNT, CLEAR_REAL, CLEAR_FLAG)
    for (int i = 0; i < SG_RECORD_AXES; i++) record->axis[i] = NAN;
}

sg_status sg_result_new(int records, sg_result **result) {
    sg_result *fresh = NULL;
    *result = NULL;
    if (records < 0) return sg_fail(SG_OUT_OF_RANGE, "a result cannot have %d records", records);
    sg_status status = sg_new(&fresh, 1, sizeof *fresh);
    if (status != SG_OK) return status;
    status = sg_new(&fresh->record, (size_t)records, sizeof(sg_record));
    if (status != SG_OK) {
        sg_delete(fresh);
        return status;
    }
    fresh->records = records;
    for (int i = 0; i < records; i++) sg_record_clear(&fresh->record[i]);
    *result = fresh;
    return SG_OK;
}

void sg_result_delete(sg_result *result) {
    if (!result) return;
    for (int i = 0; i < result->attributes; i++) {
        sg_delete(result->attribute[i].name);
        sg_delete(result->attribute[i].value);
    }
    for (int i = 0; i < result->axes; i++) sg_delete(result->axis[i].value);
    for (int i = 0; i < result->arrays; i++) {
        sg_delete(result->array[i].value);
        sg_delete(result->array[i].byte);
    }
    sg_delete(result->attribute);
    sg_delete(result->axis);
    sg_delete(result->record);
    sg_delete(result->array);
    sg_delete(result);
}

/* Makes room for one more element at the end of *list (the address of an object pointer). */
static sg_status grow(void *list, int count, size_t size) {
    void *old, *fresh = NULL;
    memcpy(&old, list, sizeof old);
    sg_status status = sg_new(&fresh, (size_t)count + 1, size);
    if (status != SG_OK) return status;
    if (count > 0) memcpy(fresh, old, (size_t)count * size);
    sg_delete(old);
    memcpy(list, &fresh, sizeof fresh);
    return SG_OK;
}

static sg_status copy_text(const char *text, char **copy) {
    size_t bytes = strlen(text) + 1;
    sg_status status = sg_new(copy, bytes, 1);
    if (status == SG_OK) memcpy(*copy, text, bytes);
    return status;
}

static sg_attribute *find_attribute(const sg_result *result, const char *name) {
    for (int i = 0; i < result->attributes; i++)
        if (strcmp(result->attribute[i].name, name) == 0) return &result->attribute[i];
    return NULL;
}

sg_status sg_result_attribute(sg_result *result, const char *name, const char *value) {
    char *own_name = NULL, *own_value = NULL;
    if (!*name) return sg_fail(SG_OUT_OF_RANGE, "an attribute needs a name");
    sg_status status = copy_text(value, &own_value);
    if (status != SG_OK) return status;
    sg_attribute *old = find_attribute(result, name);
    if (old) {
        sg_delete(old->value);
        old->value = own_value;
        return SG_OK;
    }
    if ((status = copy_text(name, &own_name)) != SG_OK) goto out;
    if ((status = grow(&result->attribute, result->attributes, sizeof *result->attribute)) != SG_OK) goto out;
    result->attribute[result->attributes++] = (sg_attribute){own_name, own_value};
    return SG_OK;
out:
    sg_delete(own_name);
    sg_delete(own_value);
    return status;
}

const char *sg_result_get(const sg_result *result, const char *name) {
    const sg_attribute *found = find_attribute(result, name);
    return found ? found->value : NULL;
}

/* Copies a text into a member of fixed size; a name that does not fit would be another name, so it is refused. */
static sg_status set_text(const char *what, const char *text, size_t size, char *member) {
    if (strlen(text) >= size)
        return sg_fail(SG_OUT_OF_RANGE, "the %s '%s' is longer than %zu bytes", what, text, size - 1);
    memcpy(member, text, strlen(text) + 1);
    return SG_OK;
}

/* A part of a path inside the file: something other than "", "." and "..". */
static bool is_link_name(const char *text, size_t length) {
    return length > 0 && !(length == 1 && text[0] == '.') && !(length == 2 && text[0] == '.' && text[1] == '.');
}

static bool is_column(const char *name) {
#define SAME_NAME(column, ...) || strcmp(name, #column) == 0
    return false SG_RECORD_COLUMNS(SAME_NAME, SAME_NAME, SAME_NAME, SAME_NAME);
}

sg_status sg_result_axis(sg_result *result, const char *name, const char *units, int count, const double *value) {
    sg_axis fresh = {.count = count};
    if (!is_link_name(name, strlen(name)) || strchr(name, '/'))
        return sg_fail(SG_OUT_OF_RANGE, "'%s' cannot be the name of an axis", name);
    for (int i = 0; i < result->axes; i++)
        if (strcmp(result->axis[i].name, name) == 0)
            return sg_fail(SG_OUT_OF_RANGE, "the result has an axis '%s' already", name);
    if (result->axes == SG_RECORD_AXES)
        return sg_fail(SG_OUT_OF_RANGE, "a result has room for %d axes; leave out '%s'", SG_RECORD_AXES, name);
    if (count < 0) return sg_fail(SG_OUT_OF_RANGE, "the axis '%s' cannot have %d values", name, count);
    sg_status status = set_text("axis name", name, sizeof fresh.name, fresh.name);
    if (status == SG_OK) status = set_text("unit", units, sizeof fresh.text_units, fresh.text_units);
    if (status == SG_OK) snprintf(fresh.column, sizeof fresh.column, "%s%s", is_column(name) ? "axis_" : "", name);
    if (status == SG_OK) status = grow(&result->axis, result->axes, sizeof *result->axis);
    if (status == SG_OK) status = sg_new(&fresh.value, (size_t)count, sizeof *value);
    if (status != SG_OK) return status;
    if (count > 0) memcpy(fresh.value, value, (size_t)count * sizeof *value);
    result->axis[result->axes++] = fresh;
    return SG_OK;
}

/* Two names clash when they are equal or one is the group of the other. */
static bool names_clash(const char *a, const char *b) {
    size_t i = 0;
    while (a[i] && a[i] == b[i]) i++;
    return (a[i] == '\0' && (b[i] == '\0' || b[i] == '/')) || (b[i] == '\0' && a[i] == '/');
}

static sg_status check_array_name(const sg_result *result, const char *name) {
    const char *slash = strchr(name, '/');
    size_t first = slash ? (size_t)(slash - name) : strlen(name);
    if (!is_link_name(name, first) ||
        (slash && (!is_link_name(slash + 1, strlen(slash + 1)) || strchr(slash + 1, '/'))))
        return sg_fail(SG_OUT_OF_RANGE, "'%s' cannot be the name of an array; write NAME or GROUP/NAME", name);
    if (names_clash(name, "cells") || names_clash(name, "axis"))
        return sg_fail(SG_OUT_OF_RANGE, "an array cannot be named '%s': cells and axis have their own place", name);
    for (int i = 0; i < result->arrays; i++)
        if (names_clash(name, result->array[i].name))
            return sg_fail(SG_OUT_OF_RANGE, "the array '%s' clashes with '%s'", name, result->array[i].name);
    return SG_OK;
}

/* Numbers in one record's part; false when rank or shape make no sense. */
static bool part_size(int rank, const int *shape, size_t *size) {
    if (rank < 0 || rank > 3) return false;
    *size = 1;
    for (int i = 0; i < rank; i++)
        if (shape[i] < 0 || __builtin_mul_overflow(*size, (size_t)shape[i], size)) return false;
    return true;
}

static sg_status fill_array(sg_array *array, size_t count) {
    if (array->bytes) {
        sg_status status = sg_new(&array->byte, count, 1);
        if (status == SG_OK) memset(array->byte, 255, count);
        return status;
    }
    sg_status status = sg_new(&array->value, count, sizeof(double));
    if (status != SG_OK) return status;
    for (size_t i = 0; i < count; i++) array->value[i] = NAN;
    return SG_OK;
}

sg_status sg_result_array(sg_result *result, const char *name, const char *units, const char *description, bool bytes,
                          int rank, const int *shape, sg_array **array) {
    sg_array fresh = {.bytes = bytes, .rank = rank};
    size_t size, count;
    *array = NULL;
    sg_status status = check_array_name(result, name);
    if (status != SG_OK) return status;
    if (!part_size(rank, shape, &size) || __builtin_mul_overflow(size, (size_t)result->records, &count))
        return sg_fail(SG_OUT_OF_RANGE, "the shape of array '%s' is not one of 0 to 3 sizes", name);
    for (int i = 0; i < rank; i++) fresh.shape[i] = shape[i];
    status = set_text("array name", name, sizeof fresh.name, fresh.name);
    if (status == SG_OK) status = set_text("unit", units, sizeof fresh.units, fresh.units);
    if (status == SG_OK) status = set_text("description", description, sizeof fresh.description, fresh.description);
    if (status == SG_OK) status = grow(&result->array, result->arrays, sizeof *result->array);
    if (status == SG_OK) status = fill_array(&fresh, count);
    if (status != SG_OK) return status;
    result->array[result->arrays] = fresh;
    *array = &result->array[result->arrays++];
    return SG_OK;
}

sg_array *sg_result_find(const sg_result *result, const char *name) {
    for (int i = 0; i < result->arrays; i++)
        if (strcmp(result->array[i].name, name) == 0) return &result->array[i];
    return NULL;
}

static size_t record_offset(const sg_array *array, int record) {
    size_t offset = (size_t)record;
    for (int i = 0; i < array->rank; i++) offset *= (size_t)array->shape[i];
    return offset;
}

double *sg_array_record(const sg_array *array, int record) {
    return array->value + record_offset(array, record);
}

uint8_t *sg_array_record_bytes(const sg_array *array, int record) {
    return array->byte + record_offset(array, record);
}
