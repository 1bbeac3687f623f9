#include "store/handle.h"

#include <math.h>
#include <string.h>

#define ENTRY_TEXT(name, length, unit, description) \
    {#name, unit, description, SG_COLUMN_TEXT, offsetof(sg_record, name), length},
#define ENTRY_COUNT(name, unit, description) \
    {#name, unit, description, SG_COLUMN_COUNT, offsetof(sg_record, name), sizeof(int32_t)},
#define ENTRY_REAL(name, unit, description) \
    {#name, unit, description, SG_COLUMN_REAL, offsetof(sg_record, name), sizeof(double)},
#define ENTRY_FLAG(name, unit, description) \
    {#name, unit, description, SG_COLUMN_FLAG, offsetof(sg_record, name), sizeof(uint8_t)},

const sg_column sg_store_column[SG_COLUMNS] = {SG_RECORD_COLUMNS(ENTRY_TEXT, ENTRY_COUNT, ENTRY_REAL, ENTRY_FLAG)};

static hid_t text_type(size_t bytes) {
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type < 0) return type;
    if (H5Tset_size(type, bytes) < 0 || H5Tset_strpad(type, H5T_STR_NULLPAD) < 0 ||
        H5Tset_cset(type, H5T_CSET_UTF8) < 0) {
        sg_store_close(type);
        return H5I_INVALID_HID;
    }
    return type;
}

static hid_t column_type(const sg_column *column, bool packed) {
    switch (column->kind) {
    case SG_COLUMN_TEXT:
        return text_type(column->bytes);
    case SG_COLUMN_COUNT:
        return H5Tcopy(packed ? H5T_STD_I32LE : H5T_NATIVE_INT32);
    case SG_COLUMN_REAL:
        return H5Tcopy(packed ? H5T_IEEE_F64LE : H5T_NATIVE_DOUBLE);
    case SG_COLUMN_FLAG:
        return H5Tcopy(packed ? H5T_STD_U8LE : H5T_NATIVE_UINT8);
    }
    return H5I_INVALID_HID;
}

/* Inserts a member at *end when packed, else at its place in sg_record; moves *end on. */
static sg_status insert(hid_t type, const sg_column *column, bool packed, size_t *end) {
    hid_t member = column_type(column, packed);
    herr_t error = member < 0 ? -1 : H5Tinsert(type, column->name, packed ? *end : column->offset, member);
    if (error < 0) {
        sg_status status = sg_store_fail(SG_INTERNAL, "the column '%s' cannot be added to /cells", column->name);
        sg_store_close(member);
        return status;
    }
    *end += column->bytes;
    sg_store_close(member);
    return SG_OK;
}

static size_t packed_size(int axes) {
    size_t size = (size_t)axes * sizeof(double);
    for (int i = 0; i < SG_COLUMNS; i++) size += sg_store_column[i].bytes;
    return size;
}

sg_status sg_store_record_type(int axes, const sg_axis *axis, bool packed, hid_t *type) {
    size_t end = 0;
    sg_status status = SG_OK;
    *type = H5Tcreate(H5T_COMPOUND, packed ? packed_size(axes) : sizeof(sg_record));
    if (*type < 0) return sg_store_fail(SG_INTERNAL, "the type of /cells cannot be made");
    for (int i = 0; i < SG_COLUMNS && status == SG_OK; i++) status = insert(*type, &sg_store_column[i], packed, &end);
    for (int i = 0; i < axes && status == SG_OK; i++) {
        const size_t offset = offsetof(sg_record, axis) + (size_t)i * sizeof(double);
        const sg_column column = {axis[i].column, axis[i].text_units, "", SG_COLUMN_REAL, offset, sizeof(double)};
        status = insert(*type, &column, packed, &end);
    }
    if (status != SG_OK) {
        sg_store_close(*type);
        *type = H5I_INVALID_HID;
    }
    return status;
}

double sg_store_canonical(double value) {
    const uint64_t quiet = UINT64_C(0x7ff8000000000000);
    if (isnan(value)) memcpy(&value, &quiet, sizeof value);
    return value;
}

/* Length of the text without a character whose last bytes were cut off. */
static size_t whole_length(const char *text, size_t most) {
    size_t length = strnlen(text, most), lead = length;
    while (lead > 0 && length - lead < 3 && ((unsigned char)text[lead - 1] & 0xC0) == 0x80) lead--;
    if (lead == 0) return length;
    unsigned char first = (unsigned char)text[lead - 1];
    size_t want = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
    return want > length - lead + 1 ? lead - 1 : length;
}

void sg_store_canonical_record(const sg_record *record, sg_record *canonical) {
    memset(canonical, 0, sizeof *canonical);
    for (int i = 0; i < SG_COLUMNS; i++) {
        const sg_column *column = &sg_store_column[i];
        const char *source = (const char *)record + column->offset;
        char *target = (char *)canonical + column->offset;
        memcpy(target, source,
               column->kind == SG_COLUMN_TEXT ? whole_length(source, column->bytes - 1) : column->bytes);
        if (column->kind != SG_COLUMN_REAL) continue;
        double value;
        memcpy(&value, source, sizeof value);
        value = sg_store_canonical(value);
        memcpy(target, &value, sizeof value);
    }
    for (int i = 0; i < SG_RECORD_AXES; i++) canonical->axis[i] = sg_store_canonical(record->axis[i]);
}
