#include "store/handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The file is built in memory and put on disk by sg_store_replace: HDF5 buffers, so on a full disk it fails as late as
 * at close, and version 1.10 may then crash at exit.
 */
enum { CHUNK_BYTES = 1 << 18, GZIP_LEVEL = 6 };

/* --------------------------------------------------------------- attributes */

static sg_status write_attribute(hid_t object, const char *name, hid_t type, int count, const void *value) {
    const hsize_t size = (hsize_t)count;
    hid_t space = count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &size, NULL), attribute = H5I_INVALID_HID;
    sg_status status = SG_OK;
    if (space >= 0) attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 || H5Awrite(attribute, type, value) < 0)
        status = sg_store_fail(SG_CANNOT_WRITE, "the attribute '%s' cannot be stored", name);
    sg_store_close(attribute);
    sg_store_close(space);
    return status;
}

static sg_status write_texts(hid_t object, const char *name, int count, const char *const *text) {
    sg_status status;
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type < 0 || H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)
        status = sg_store_fail(SG_INTERNAL, "the text type cannot be made");
    else
        status = write_attribute(object, name, type, count, text);
    sg_store_close(type);
    return status;
}

static sg_status write_text(hid_t object, const char *name, const char *text) {
    return write_texts(object, name, 1, &text);
}

/* The Table and dimension-scale specifications ask for strings of fixed length with their terminator. */
static sg_status write_fixed(hid_t object, const char *name, const char *text) {
    sg_status status;
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type < 0 || H5Tset_size(type, strlen(text) + 1) < 0)
        status = sg_store_fail(SG_INTERNAL, "the text type cannot be made");
    else
        status = write_attribute(object, name, type, 1, text);
    sg_store_close(type);
    return status;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(**(char *const *const *)a, **(char *const *const *)b);
}

/* The schema is ours whatever the result says.  Names are sorted, so that the order of additions leaves no trace. */
static sg_status write_root(hid_t file, const sg_result *result) {
    const sg_attribute **sorted = NULL;
    sg_status status = sg_new(&sorted, (size_t)result->attributes + 1, sizeof *sorted);
    if (status != SG_OK) return status;
    const sg_attribute schema = {"schema", SG_SCHEMA};
    int count = 0;
    sorted[count++] = &schema;
    for (int i = 0; i < result->attributes; i++)
        if (strcmp(result->attribute[i].name, schema.name) != 0) sorted[count++] = &result->attribute[i];
    qsort(sorted, (size_t)count, sizeof *sorted, compare_names);
    for (int i = 0; i < count && status == SG_OK; i++) status = write_text(file, sorted[i]->name, sorted[i]->value);
    sg_delete(sorted);
    return status;
}

/* ------------------------------------------------------------------ objects */

/* Whole records up to a quarter of a MiB, or pieces of one. */
static void choose_chunk(int rank, const hsize_t *dims, size_t element, hsize_t *chunk) {
    hsize_t room = CHUNK_BYTES / element;
    for (int i = rank - 1; i >= 0; i--) {
        chunk[i] = dims[i] < room ? dims[i] : room;
        if (chunk[i] == 0) chunk[i] = 1;
        room /= chunk[i];
    }
}

static bool set_filters(hid_t properties, int rank, const hsize_t *dims, size_t element) {
    hsize_t chunk[4];
    choose_chunk(rank, dims, element, chunk);
    return H5Pset_chunk(properties, rank, chunk) >= 0 && H5Pset_shuffle(properties) >= 0 &&
           H5Pset_deflate(properties, GZIP_LEVEL) >= 0 && H5Pset_fletcher32(properties) >= 0;
}

/* A dataset without data has no chunks, except that tables may grow and are chunked always. */
static sg_status create_dataset(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dims, bool table,
                                hid_t *dataset) {
    const hsize_t unlimited = H5S_UNLIMITED;
    sg_status status = SG_OK;
    bool empty = false;
    for (int i = 0; i < rank; i++) empty |= dims[i] == 0;
    hid_t space = H5Screate_simple(rank, dims, table ? &unlimited : NULL);
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    bool ready = space >= 0 && sg_store_set_plain(properties);
    if (ready && (table || !empty)) ready = set_filters(properties, rank, dims, H5Tget_size(type));
    *dataset = ready ? H5Dcreate2(file, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT) : H5I_INVALID_HID;
    if (*dataset < 0) status = sg_store_fail(SG_CANNOT_WRITE, "the dataset '%s' cannot be made", name);
    sg_store_close(properties);
    sg_store_close(space);
    return status;
}

static sg_status describe(hid_t dataset, const char *description, const char *units) {
    sg_status status = write_text(dataset, "description", description);
    if (status == SG_OK) status = write_text(dataset, "units", units);
    return status;
}

static sg_status fill_dataset(hid_t dataset, const char *name, hid_t type, const void *value) {
    if (H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0)
        return sg_store_fail(SG_CANNOT_WRITE, "the dataset '%s' cannot be stored", name);
    return SG_OK;
}

/* Makes a group unless it is there.  /axis keeps the order of its members, for axes are known by number in the records.
 */
static sg_status make_group(hid_t file, const char *name, bool ordered) {
    htri_t there = H5Lexists(file, name, H5P_DEFAULT);
    sg_status status = SG_OK;
    if (there > 0) return SG_OK;
    hid_t properties = H5Pcreate(H5P_GROUP_CREATE), group = H5I_INVALID_HID;
    bool ready = there == 0 && sg_store_set_plain(properties);
    if (ready && ordered)
        ready = H5Pset_link_creation_order(properties, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) >= 0;
    if (ready) group = H5Gcreate2(file, name, H5P_DEFAULT, properties, H5P_DEFAULT);
    if (group < 0) status = sg_store_fail(SG_CANNOT_WRITE, "the group '%s' cannot be made", name);
    sg_store_close(group);
    sg_store_close(properties);
    return status;
}

/* -------------------------------------------------------------------- cells */

static sg_status write_column_texts(hid_t dataset, hid_t type, const sg_result *result) {
    const char *units[SG_COLUMNS + SG_RECORD_AXES], *descriptions[SG_COLUMNS + SG_RECORD_AXES];
    sg_status status = SG_OK;
    int count = 0;
    for (; count < SG_COLUMNS; count++) {
        units[count] = sg_store_column[count].units;
        descriptions[count] = sg_store_column[count].description;
    }
    for (int i = 0; i < result->axes; i++) {
        units[count] = result->axis[i].text_units;
        descriptions[count++] = "value of the grid key";
    }
    for (int i = 0; i < count && status == SG_OK; i++) {
        char name[32];
        char *column = H5Tget_member_name(type, (unsigned)i);
        if (!column) return sg_store_fail(SG_INTERNAL, "column %d of /cells has no name", i);
        snprintf(name, sizeof name, "FIELD_%d_NAME", i);
        status = write_fixed(dataset, name, column);
        H5free_memory(column);
    }
    if (status == SG_OK) status = write_texts(dataset, "column_units", count, units);
    if (status == SG_OK) status = write_texts(dataset, "column_descriptions", count, descriptions);
    return status;
}

static sg_status write_table_attributes(hid_t dataset, hid_t type, const sg_result *result) {
    sg_status status = write_fixed(dataset, "CLASS", "TABLE");
    if (status == SG_OK) status = write_fixed(dataset, "VERSION", "3.0");
    if (status == SG_OK) status = write_fixed(dataset, "TITLE", "cells");
    if (status == SG_OK) status = write_column_texts(dataset, type, result);
    if (status == SG_OK) status = describe(dataset, "one record a (cell, loss)", "see column_units");
    return status;
}

static sg_status write_cells(hid_t file, const sg_result *result) {
    const hsize_t records = (hsize_t)result->records;
    hid_t packed = H5I_INVALID_HID, memory = H5I_INVALID_HID, dataset = H5I_INVALID_HID;
    sg_record *canonical = NULL;
    sg_status status = sg_new(&canonical, records, sizeof *canonical);
    if (status == SG_OK) status = sg_store_record_type(result->axes, result->axis, true, &packed);
    if (status == SG_OK) status = sg_store_record_type(result->axes, result->axis, false, &memory);
    if (status == SG_OK) status = create_dataset(file, "cells", packed, 1, &records, true, &dataset);
    if (status != SG_OK) goto out;
    for (int i = 0; i < result->records; i++) sg_store_canonical_record(&result->record[i], &canonical[i]);
    status = fill_dataset(dataset, "cells", memory, canonical);
    if (status == SG_OK) status = write_table_attributes(dataset, packed, result);
out:
    sg_store_close(dataset);
    sg_store_close(memory);
    sg_store_close(packed);
    sg_delete(canonical);
    return status;
}

/* ---------------------------------------------------------- axes and arrays */

static sg_status write_reals(hid_t dataset, const char *name, size_t count, const double *value) {
    double *canonical = NULL;
    sg_status status = sg_new(&canonical, count, sizeof *canonical);
    if (status != SG_OK) return status;
    for (size_t i = 0; i < count; i++) canonical[i] = sg_store_canonical(value[i]);
    status = fill_dataset(dataset, name, H5T_NATIVE_DOUBLE, canonical);
    sg_delete(canonical);
    return status;
}

static sg_status write_axis(hid_t file, const sg_axis *axis) {
    const hsize_t count = (hsize_t)axis->count;
    char path[sizeof axis->name + 8];
    hid_t dataset = H5I_INVALID_HID;
    snprintf(path, sizeof path, "axis/%s", axis->name);
    sg_status status = create_dataset(file, path, H5T_IEEE_F64LE, 1, &count, false, &dataset);
    if (status == SG_OK) status = write_reals(dataset, path, count, axis->value);
    if (status == SG_OK) status = write_fixed(dataset, "CLASS", "DIMENSION_SCALE");
    if (status == SG_OK) status = write_fixed(dataset, "NAME", axis->name);
    if (status == SG_OK) status = describe(dataset, "values of the grid key", axis->text_units);
    sg_store_close(dataset);
    return status;
}

static sg_status write_axes(hid_t file, const sg_result *result) {
    sg_status status = make_group(file, "axis", true);
    for (int i = 0; i < result->axes && status == SG_OK; i++) status = write_axis(file, &result->axis[i]);
    return status;
}

static sg_status make_array_group(hid_t file, const char *name) {
    char group[sizeof((sg_array *)0)->name];
    const char *slash = strchr(name, '/');
    if (!slash) return SG_OK;
    snprintf(group, sizeof group, "%.*s", (int)(slash - name), name);
    return make_group(file, group, false);
}

static sg_status write_array(hid_t file, const sg_array *array, int records) {
    hsize_t dims[4] = {(hsize_t)records};
    size_t count = (size_t)records;
    hid_t dataset = H5I_INVALID_HID;
    for (int i = 0; i < array->rank; i++) {
        dims[i + 1] = (hsize_t)array->shape[i];
        count *= (size_t)array->shape[i];
    }
    sg_status status = make_array_group(file, array->name);
    hid_t type = array->bytes ? H5T_STD_U8LE : H5T_IEEE_F64LE;
    if (status == SG_OK) status = create_dataset(file, array->name, type, array->rank + 1, dims, false, &dataset);
    if (status == SG_OK)
        status = array->bytes ? fill_dataset(dataset, array->name, H5T_NATIVE_UINT8, array->byte)
                              : write_reals(dataset, array->name, count, array->value);
    if (status == SG_OK) status = describe(dataset, array->description, array->units);
    sg_store_close(dataset);
    return status;
}

static int compare_arrays(const void *a, const void *b) {
    return strcmp((*(const sg_array *const *)a)->name, (*(const sg_array *const *)b)->name);
}

static sg_status write_arrays(hid_t file, const sg_result *result) {
    const sg_array **sorted = NULL;
    sg_status status = sg_new(&sorted, (size_t)result->arrays, sizeof *sorted);
    if (status != SG_OK) return status;
    for (int i = 0; i < result->arrays; i++) sorted[i] = &result->array[i];
    qsort(sorted, (size_t)result->arrays, sizeof *sorted, compare_arrays);
    for (int i = 0; i < result->arrays && status == SG_OK; i++) status = write_array(file, sorted[i], result->records);
    sg_delete(sorted);
    return status;
}

/* --------------------------------------------------------------------- file */

static sg_status build_image(const sg_result *result, sg_store_image *image) {
    hid_t file;
    sg_status status = sg_store_image_open(image, &file);
    if (status != SG_OK) return status;
    status = write_root(file, result);
    if (status == SG_OK) status = write_axes(file, result);
    if (status == SG_OK) status = write_cells(file, result);
    if (status == SG_OK) status = write_arrays(file, result);
    sg_status closed = sg_store_image_close(image, file);
    return closed == SG_NO_MEMORY || status == SG_OK ? closed : status;
}

sg_status sg_store_write(const char *path, const sg_result *result) {
    sg_store_image image = {0};
    sg_store_host host;
    sg_store_enter(&host);
    sg_status status = build_image(result, &image);
    sg_store_leave(&host);
    if (status == SG_OK) status = sg_store_replace(path, image.bytes, image.size);
    sg_store_image_delete(&image);
    return status;
}
