#include "scoregap/store.h"

#include <limits.h>
#include <math.h>
#include <string.h>

static sg_status count_records(int parts, const sg_result *const *part, int *records) {
    *records = 0;
    for (int p = 0; p < parts; p++)
        if (__builtin_add_overflow(*records, part[p]->records, records))
            return sg_fail(SG_OUT_OF_RANGE, "the parts have more than %d records together", INT_MAX);
    return SG_OK;
}

static sg_status copy_frame(const sg_result *frame, sg_result *joined) {
    sg_status status = SG_OK;
    for (int i = 0; i < frame->attributes && status == SG_OK; i++)
        status = sg_result_attribute(joined, frame->attribute[i].name, frame->attribute[i].value);
    for (int i = 0; i < frame->axes && status == SG_OK; i++) {
        const sg_axis *axis = &frame->axis[i];
        status = sg_result_axis(joined, axis->name, axis->text_units, axis->count, axis->value);
    }
    return status;
}

/* The largest shape of the arrays named like `model`, whose kinds must agree. */
static sg_status common_shape(const sg_array *model, int parts, const sg_result *const *part, int *shape) {
    memcpy(shape, model->shape, sizeof model->shape);
    for (int p = 0; p < parts; p++) {
        const sg_array *other = sg_result_find(part[p], model->name);
        if (!other) continue;
        if (other->rank != model->rank || other->bytes != model->bytes || strcmp(other->units, model->units) != 0)
            return sg_fail(SG_OTHER_SCHEMA, "array '%s' of part %d differs from the others in rank, type or units",
                           model->name, p);
        for (int i = 0; i < model->rank; i++)
            if (other->shape[i] > shape[i]) shape[i] = other->shape[i];
    }
    return SG_OK;
}

static sg_status declare_arrays(const sg_result *source, int parts, const sg_result *const *part, sg_result *joined) {
    for (int i = 0; i < source->arrays; i++) {
        const sg_array *model = &source->array[i];
        sg_array *array;
        int shape[3];
        if (sg_result_find(joined, model->name)) continue;
        sg_status status = common_shape(model, parts, part, shape);
        if (status == SG_OK)
            status = sg_result_array(joined, model->name, model->units, model->description, model->bytes, model->rank,
                                     shape, &array);
        if (status != SG_OK) return status;
    }
    return SG_OK;
}

/* Where the values of the frame's axes stand in the records of a part; a part that declares no axes has them in order.
 */
static sg_status match_axes(const sg_result *joined, const sg_result *part, int number, int *place) {
    for (int i = 0; i < SG_RECORD_AXES; i++) place[i] = part->axes == 0 ? i : -1;
    for (int k = 0; k < part->axes; k++) {
        int i = 0;
        while (i < joined->axes && strcmp(joined->axis[i].name, part->axis[k].name) != 0) i++;
        if (i == joined->axes)
            return sg_fail(SG_OTHER_SCHEMA, "part %d has an axis '%s' that the joined result does not have", number,
                           part->axis[k].name);
        place[i] = k;
    }
    return SG_OK;
}

static sg_status copy_records(const sg_result *part, int number, int first, sg_result *joined) {
    int place[SG_RECORD_AXES];
    sg_status status = match_axes(joined, part, number, place);
    if (status != SG_OK) return status;
    for (int r = 0; r < part->records; r++) {
        const sg_record *source = &part->record[r];
        sg_record *target = &joined->record[first + r];
        *target = *source;
        for (int i = 0; i < SG_RECORD_AXES; i++) target->axis[i] = place[i] < 0 ? NAN : source->axis[place[i]];
    }
    return SG_OK;
}

/* Copies one record's part into the corner of a larger one: runs of the last dimension. */
static void copy_part(const sg_array *source, int from, const sg_array *target, int to) {
    int s[3] = {1, 1, 1}, t[3] = {1, 1, 1};
    for (int i = 0; i < source->rank; i++) {
        s[3 - source->rank + i] = source->shape[i];
        t[3 - source->rank + i] = target->shape[i];
    }
    for (int i = 0; i < s[0]; i++)
        for (int j = 0; j < s[1]; j++) {
            size_t a = ((size_t)i * s[1] + j) * s[2], b = ((size_t)i * t[1] + j) * t[2];
            if (source->bytes)
                memcpy(sg_array_record_bytes(target, to) + b, sg_array_record_bytes(source, from) + a, (size_t)s[2]);
            else
                memcpy(sg_array_record(target, to) + b, sg_array_record(source, from) + a,
                       (size_t)s[2] * sizeof(double));
        }
}

static void copy_arrays(const sg_result *part, int first, const sg_result *joined) {
    for (int i = 0; i < part->arrays; i++) {
        const sg_array *source = &part->array[i], *target = sg_result_find(joined, source->name);
        for (int r = 0; r < part->records; r++) copy_part(source, r, target, first + r);
    }
}

sg_status sg_result_join(const sg_result *frame, int parts, const sg_result *const *part, sg_result **joined) {
    sg_result *fresh = NULL;
    int records, first = 0;
    *joined = NULL;
    sg_status status = count_records(parts, part, &records);
    if (status == SG_OK) status = sg_result_new(records, &fresh);
    if (status == SG_OK) status = copy_frame(frame, fresh);
    if (status == SG_OK) status = declare_arrays(frame, parts, part, fresh);
    for (int p = 0; p < parts && status == SG_OK; p++) status = declare_arrays(part[p], parts, part, fresh);
    for (int p = 0; p < parts && status == SG_OK; first += part[p++]->records) {
        status = copy_records(part[p], p, first, fresh);
        if (status == SG_OK) copy_arrays(part[p], first, fresh);
    }
    if (status != SG_OK) {
        sg_result_delete(fresh);
        return status;
    }
    *joined = fresh;
    return SG_OK;
}
