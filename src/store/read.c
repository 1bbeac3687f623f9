#include "store/handle.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/*
 * Nothing in a file is believed: kinds, shapes and sizes are checked before memory is asked for, since a damaged header
 * may promise more than memory holds.
 */

/* --------------------------------------------------------------- attributes */

static sg_status read_variable_text(hid_t attribute, hid_t type, const char *name, char **text) {
    char *stored = NULL;
    if (H5Aread(attribute, type, &stored) < 0)
        return sg_store_fail(SG_CANNOT_READ, "the attribute '%s' is damaged", name);
    const char *value = stored ? stored : "";
    sg_status status = sg_new(text, strlen(value) + 1, 1);
    if (status == SG_OK) memcpy(*text, value, strlen(value));
    H5free_memory(stored);
    return status;
}

static sg_status read_fixed_text(hid_t attribute, hid_t type, const char *name, char **text) {
    sg_status status = sg_new(text, H5Tget_size(type) + 1, 1);
    if (status != SG_OK) return status;
    if (H5Aread(attribute, type, *text) < 0)
        return sg_store_fail(SG_CANNOT_READ, "the attribute '%s' is damaged", name);
    return SG_OK;
}

/* One text of any string type; *text is to be deleted also after an error. */
static sg_status read_text(hid_t object, const char *name, char **text) {
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT), type = H5I_INVALID_HID, space = H5I_INVALID_HID;
    sg_status status;
    *text = NULL;
    if (attribute >= 0) {
        type = H5Aget_type(attribute);
        space = H5Aget_space(attribute);
    }
    if (type < 0 || space < 0)
        status = sg_store_fail(SG_CANNOT_READ, "the attribute '%s' is missing or damaged", name);
    else if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1)
        status = sg_fail(SG_CANNOT_READ, "the attribute '%s' is not one text", name);
    else if (H5Tis_variable_str(type) > 0)
        status = read_variable_text(attribute, type, name, text);
    else
        status = read_fixed_text(attribute, type, name, text);
    sg_store_close(space);
    sg_store_close(type);
    sg_store_close(attribute);
    return status;
}

static sg_status read_attribute(hid_t file, hsize_t index, sg_result *result) {
    char name[256], *text = NULL;
    ssize_t length = H5Aget_name_by_idx(file, ".", H5_INDEX_NAME, H5_ITER_INC, index, name, sizeof name, H5P_DEFAULT);
    if (length <= 0 || length >= (ssize_t)sizeof name)
        return sg_store_fail(SG_CANNOT_READ, "attribute %d of the file has no readable name", (int)index);
    sg_status status = read_text(file, name, &text);
    if (status == SG_OK) status = sg_result_attribute(result, name, text);
    sg_delete(text);
    return status;
}

static sg_status read_root(hid_t file, sg_result *result) {
    H5O_info_t info;
    if (H5Oget_info2(file, &info, H5O_INFO_NUM_ATTRS) < 0)
        return sg_store_fail(SG_CANNOT_READ, "the root group is damaged");
    sg_status status = SG_OK;
    for (hsize_t i = 0; i < info.num_attrs && status == SG_OK; i++) status = read_attribute(file, i, result);
    return status;
}

static sg_status check_schema(hid_t file, const char *path) {
    char *schema = NULL;
    htri_t there = H5Aexists(file, "schema");
    if (there < 0) return sg_store_fail(SG_CANNOT_READ, "%s is damaged", path);
    if (there == 0) return sg_fail(SG_OTHER_SCHEMA, "%s has no schema, this program reads '%s'", path, SG_SCHEMA);
    sg_status status = read_text(file, "schema", &schema);
    if (status == SG_CANNOT_READ)
        status = sg_fail(SG_OTHER_SCHEMA, "%s has a schema that is no text, this program reads '%s'", path, SG_SCHEMA);
    if (status == SG_OK && strcmp(schema, SG_SCHEMA) != 0)
        status = sg_fail(SG_OTHER_SCHEMA, "%s has schema '%.64s', this program reads '%s'", path, schema, SG_SCHEMA);
    sg_delete(schema);
    return status;
}

/* ----------------------------------------------------------------- datasets */

/* Sizes of a dataset of rank least..most; each fits an int, and what is promised can be unpacked from what is stored.
 */
static sg_status dataset_shape(hid_t dataset, const char *name, hsize_t file_size, int least, int most, int *shape,
                               int *rank) {
    enum { GZIP_MOST = 1040 }; /* deflate packs at most 1032 bytes in one */
    hsize_t dims[4], bytes;
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    *rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    bool good = *rank >= least && *rank <= most && H5Sget_simple_extent_dims(space, dims, NULL) == *rank;
    bytes = type < 0 ? 0 : H5Tget_size(type);
    for (int i = 0; good && i < *rank; i++) {
        good = dims[i] <= INT_MAX && !__builtin_mul_overflow(bytes, dims[i], &bytes);
        shape[i] = (int)dims[i];
    }
    hsize_t stored = good ? H5Dget_storage_size(dataset) : 0;
    sg_store_close(type);
    sg_store_close(space);
    if (!good) return sg_fail(SG_CANNOT_READ, "/%s has another shape than the schema asks for", name);
    if (stored > file_size || bytes / GZIP_MOST > stored || (bytes > 0 && stored == 0))
        return sg_fail(SG_CANNOT_READ, "/%s is damaged: %llu bytes are stored for %llu", name,
                       (unsigned long long)stored, (unsigned long long)bytes);
    return SG_OK;
}

static H5T_class_t class_of(hid_t dataset, size_t *bytes) {
    hid_t type = H5Dget_type(dataset);
    H5T_class_t class = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
    *bytes = type < 0 ? 0 : H5Tget_size(type);
    sg_store_close(type);
    return class;
}

static sg_status fetch(hid_t dataset, const char *name, hid_t type, void *value) {
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0) return SG_OK;
    return sg_store_fail(SG_CANNOT_READ, "/%s cannot be read", name);
}

/* Copies a text attribute into a member of fixed size. */
static sg_status read_member(hid_t object, const char *name, size_t size, char *member) {
    char *text = NULL;
    sg_status status = read_text(object, name, &text);
    if (status == SG_OK && strlen(text) >= size)
        status = sg_fail(SG_CANNOT_READ, "the attribute '%s' is longer than %zu bytes", name, size - 1);
    if (status == SG_OK) memcpy(member, text, strlen(text) + 1);
    sg_delete(text);
    return status;
}

/* --------------------------------------------------------------------- axes */

static sg_status read_axis(hid_t group, const char *name, hsize_t file_size, sg_result *result) {
    char units[sizeof((sg_axis *)0)->text_units];
    int count, rank;
    size_t bytes;
    double *value = NULL;
    hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT);
    if (dataset < 0) return sg_store_fail(SG_CANNOT_READ, "/axis/%s is no readable dataset", name);
    sg_status status = dataset_shape(dataset, name, file_size, 1, 1, &count, &rank);
    if (status == SG_OK && class_of(dataset, &bytes) != H5T_FLOAT)
        status = sg_fail(SG_CANNOT_READ, "/axis/%s does not hold real numbers", name);
    if (status == SG_OK) status = read_member(dataset, "units", sizeof units, units);
    if (status == SG_OK) status = sg_new(&value, (size_t)count, sizeof *value);
    if (status == SG_OK) status = fetch(dataset, name, H5T_NATIVE_DOUBLE, value);
    if (status == SG_OK) status = sg_result_axis(result, name, units, count, value);
    sg_delete(value);
    sg_store_close(dataset);
    return status;
}

/* Members in the order of creation, or by name in a copy that a tool made without it. */
static H5_index_t order_of(hid_t group) {
    unsigned flags = 0;
    hid_t properties = H5Gget_create_plist(group);
    if (properties >= 0) H5Pget_link_creation_order(properties, &flags);
    sg_store_close(properties);
    return flags & H5P_CRT_ORDER_TRACKED ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
}

static sg_status link_name(hid_t group, H5_index_t order, hsize_t index, size_t size, char *name) {
    ssize_t length = H5Lget_name_by_idx(group, ".", order, H5_ITER_INC, index, name, size, H5P_DEFAULT);
    H5L_info_t info;
    if (length <= 0 || length >= (ssize_t)size)
        return sg_store_fail(SG_CANNOT_READ, "an object of the file has no readable name of up to %zu bytes", size - 1);
    if (H5Lget_info(group, name, &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_HARD)
        return sg_fail(SG_CANNOT_READ, "'%s' is a link to elsewhere", name);
    return SG_OK;
}

static sg_status read_axes(hid_t file, hsize_t file_size, sg_result *result) {
    char name[sizeof((sg_axis *)0)->name];
    H5G_info_t info;
    sg_status status = SG_OK;
    hid_t group = H5Gopen2(file, "axis", H5P_DEFAULT);
    if (group < 0) return sg_store_fail(SG_CANNOT_READ, "the group /axis is missing or damaged");
    if (H5Gget_info(group, &info) < 0) status = sg_store_fail(SG_CANNOT_READ, "the group /axis is damaged");
    for (hsize_t i = 0; status == SG_OK && i < info.nlinks; i++) {
        status = link_name(group, order_of(group), i, sizeof name, name);
        if (status == SG_OK) status = read_axis(group, name, file_size, result);
    }
    sg_store_close(group);
    return status;
}

/* -------------------------------------------------------------------- cells */

static bool class_fits(sg_column_kind kind, hid_t member) {
    H5T_class_t class = H5Tget_class(member);
    switch (kind) {
    case SG_COLUMN_TEXT:
        return class == H5T_STRING && H5Tis_variable_str(member) == 0;
    case SG_COLUMN_REAL:
        return class == H5T_FLOAT;
    case SG_COLUMN_COUNT:
    case SG_COLUMN_FLAG:
        return class == H5T_INTEGER;
    }
    return false;
}

static sg_status check_column(hid_t type, const char *name, sg_column_kind kind) {
    int index = H5Tget_member_index(type, name);
    if (index < 0) return sg_fail(SG_CANNOT_READ, "/cells has no column '%s'", name);
    hid_t member = H5Tget_member_type(type, (unsigned)index);
    bool good = member >= 0 && class_fits(kind, member);
    sg_store_close(member);
    return good ? SG_OK : sg_fail(SG_CANNOT_READ, "column '%s' of /cells has the wrong type", name);
}

static sg_status check_columns(hid_t dataset, const sg_result *result) {
    hid_t type = H5Dget_type(dataset);
    sg_status status = SG_OK;
    if (type < 0 || H5Tget_class(type) != H5T_COMPOUND) status = sg_fail(SG_CANNOT_READ, "/cells is no table");
    for (int i = 0; i < SG_COLUMNS && status == SG_OK; i++)
        status = check_column(type, sg_store_column[i].name, sg_store_column[i].kind);
    for (int i = 0; i < result->axes && status == SG_OK; i++)
        status = check_column(type, result->axis[i].column, SG_COLUMN_REAL);
    if (status == SG_OK && H5Tget_nmembers(type) != SG_COLUMNS + result->axes)
        status = sg_fail(SG_CANNOT_READ, "/cells has columns that are neither in the schema nor axes");
    sg_store_close(type);
    return status;
}

/* HDF5 fills a text to its last byte; in memory it ends there. */
static void terminate_texts(sg_record *record) {
    for (int i = 0; i < SG_COLUMNS; i++)
        if (sg_store_column[i].kind == SG_COLUMN_TEXT)
            ((char *)record)[sg_store_column[i].offset + sg_store_column[i].bytes - 1] = '\0';
}

static sg_status read_cells(hid_t dataset, sg_result *result) {
    hid_t type = H5I_INVALID_HID;
    sg_status status = check_columns(dataset, result);
    if (status == SG_OK) status = sg_store_record_type(result->axes, result->axis, false, &type);
    if (status == SG_OK) status = fetch(dataset, "cells", type, result->record);
    for (int i = 0; i < result->records && status == SG_OK; i++) terminate_texts(&result->record[i]);
    sg_store_close(type);
    return status;
}

/* ------------------------------------------------------------------- arrays */

static sg_status read_array(hid_t dataset, const char *name, hsize_t file_size, sg_result *result) {
    sg_array *array, *fresh = NULL;
    int shape[4] = {0}, rank;
    size_t bytes;
    sg_status status = sg_new(&fresh, 1, sizeof *fresh);
    if (status == SG_OK) status = dataset_shape(dataset, name, file_size, 1, 4, shape, &rank);
    if (status != SG_OK) goto out;
    H5T_class_t class = class_of(dataset, &bytes);
    if (class != H5T_FLOAT && !(class == H5T_INTEGER && bytes == 1))
        status = sg_fail(SG_CANNOT_READ, "/%s holds neither real numbers nor bytes", name);
    else if (shape[0] != result->records)
        status = sg_fail(SG_CANNOT_READ, "/%s has %d records, /cells %d", name, shape[0], result->records);
    if (status == SG_OK) status = read_member(dataset, "units", sizeof fresh->units, fresh->units);
    if (status == SG_OK) status = read_member(dataset, "description", sizeof fresh->description, fresh->description);
    if (status == SG_OK)
        status = sg_result_array(result, name, fresh->units, fresh->description, class == H5T_INTEGER, rank - 1,
                                 shape + 1, &array);
    if (status == SG_OK)
        status = array->bytes ? fetch(dataset, name, H5T_NATIVE_UINT8, array->byte)
                              : fetch(dataset, name, H5T_NATIVE_DOUBLE, array->value);
out:
    sg_delete(fresh);
    return status;
}

static sg_status read_arrays(hid_t group, const char *prefix, hsize_t file_size, sg_result *result);

static sg_status read_object(hid_t group, const char *prefix, const char *name, hsize_t file_size, sg_result *result) {
    char path[2 * sizeof((sg_array *)0)->name];
    sg_status status;
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    snprintf(path, sizeof path, "%s%s", prefix, name);
    if (object < 0) return sg_store_fail(SG_CANNOT_READ, "/%s is damaged", path);
    H5I_type_t kind = H5Iget_type(object);
    if (kind == H5I_DATASET) {
        status = read_array(object, path, file_size, result);
    } else if (kind == H5I_GROUP && !*prefix) {
        snprintf(path, sizeof path, "%s/", name);
        status = read_arrays(object, path, file_size, result);
    } else {
        status = sg_fail(SG_CANNOT_READ, "/%s is no array", path);
    }
    sg_store_close(object);
    return status;
}

static sg_status read_arrays(hid_t group, const char *prefix, hsize_t file_size, sg_result *result) {
    char name[sizeof((sg_array *)0)->name];
    H5G_info_t info;
    if (H5Gget_info(group, &info) < 0) return sg_store_fail(SG_CANNOT_READ, "the group /%s is damaged", prefix);
    sg_status status = SG_OK;
    for (hsize_t i = 0; i < info.nlinks && status == SG_OK; i++) {
        status = link_name(group, H5_INDEX_NAME, i, sizeof name, name);
        if (status != SG_OK || (!*prefix && (strcmp(name, "cells") == 0 || strcmp(name, "axis") == 0))) continue;
        status = read_object(group, prefix, name, file_size, result);
    }
    return status;
}

/* --------------------------------------------------------------------- file */

static sg_status read_file(hid_t file, hsize_t file_size, sg_result **result) {
    int records = 0, rank;
    sg_status status = SG_OK;
    hid_t cells = H5Dopen2(file, "cells", H5P_DEFAULT);
    if (cells < 0) status = sg_store_fail(SG_CANNOT_READ, "the dataset /cells is missing or damaged");
    if (status == SG_OK) status = dataset_shape(cells, "cells", file_size, 1, 1, &records, &rank);
    if (status == SG_OK) status = sg_result_new(records, result);
    if (status == SG_OK) status = read_root(file, *result);
    if (status == SG_OK) status = read_axes(file, file_size, *result);
    if (status == SG_OK) status = read_cells(cells, *result);
    if (status == SG_OK) status = read_arrays(file, "", file_size, *result);
    sg_store_close(cells);
    return status;
}

sg_status sg_store_read(const char *path, sg_result **result) {
    sg_store_image image;
    sg_store_host host;
    hid_t file;
    *result = NULL;
    sg_store_enter(&host);
    sg_status status = sg_store_image_load(path, &image);
    if (status == SG_OK && (status = sg_store_image_reopen(path, &image, &file)) == SG_OK) {
        status = check_schema(file, path);
        if (status == SG_OK && (status = read_file(file, image.size, result)) != SG_OK)
            status = sg_fail_within(status, "%s", path);
        H5Fclose(file);
    }
    sg_store_leave(&host);
    sg_store_image_delete(&image);
    if (status != SG_OK) {
        sg_result_delete(*result);
        *result = NULL;
    }
    return status;
}
