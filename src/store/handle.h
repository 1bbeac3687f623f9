/* What the HDF5 files of this folder share; no other module sees it. */
#ifndef SG_STORE_HANDLE_H
#define SG_STORE_HANDLE_H

#include "scoregap/store.h"

#include <hdf5.h>

/*
 * HDF5 keeps global state, and not every build of it has locks: one thread at a time is inside.  Its own printing of
 * errors is off while we are, and as the host program had it afterwards.
 */
typedef struct {
    H5E_auto2_t print;
    void *data;
} sg_store_host;
void sg_store_enter(sg_store_host *host);
void sg_store_leave(const sg_store_host *host);

/* sg_fail with HDF5's own reason after the sentence; to be called before any other HDF5 function. */
sg_status sg_store_fail(sg_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Closes a handle of any kind; negative ones are skipped. */
void sg_store_close(hid_t id);

/* The columns of /cells, as a list. */
typedef enum { SG_COLUMN_TEXT, SG_COLUMN_COUNT, SG_COLUMN_REAL, SG_COLUMN_FLAG } sg_column_kind;
typedef struct {
    const char *name, *units, *description;
    sg_column_kind kind;
    size_t offset, bytes; /* in sg_record */
} sg_column;
#define SG_COLUMN_ONE(...) +1
enum { SG_COLUMNS = SG_RECORD_COLUMNS(SG_COLUMN_ONE, SG_COLUMN_ONE, SG_COLUMN_ONE, SG_COLUMN_ONE) };
extern const sg_column sg_store_column[SG_COLUMNS];

/*
 * The compound type of a record: `packed` as it lies in the file (little-endian, no holes), else as sg_record in
 * memory.
 */
SG_MUST_CHECK sg_status sg_store_record_type(int axes, const sg_axis *axis, bool packed, hid_t *type);

/* One bit pattern for all NaNs; texts cut to whole UTF-8 characters and zeros behind them. */
double sg_store_canonical(double value);
void sg_store_canonical_record(const sg_record *record, sg_record *canonical);

/* A new file in memory: open it, write, close it, use bytes[0..size), delete it. */
typedef struct {
    unsigned char *bytes;
    size_t size, capacity;
    sg_status status; /* SG_NO_MEMORY once HDF5 was refused memory */
} sg_store_image;
SG_MUST_CHECK sg_status sg_store_image_open(sg_store_image *image, hid_t *file);
SG_MUST_CHECK sg_status sg_store_image_close(sg_store_image *image, hid_t file);
/* A file of a disk in memory: load it, open it, read, H5Fclose, delete it.  Errors: SG_CANNOT_READ, SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_store_image_load(const char *path, sg_store_image *image);
SG_MUST_CHECK sg_status sg_store_image_reopen(const char *path, sg_store_image *image, hid_t *file);
void sg_store_image_delete(sg_store_image *image);
bool sg_store_set_plain(hid_t properties); /* creation properties of every object: nothing that varies */

/* Puts bytes under a name so that at any instant the name holds the old or the new file, whole.  Errors as
 * sg_store_write. */
SG_MUST_CHECK sg_status sg_store_replace(const char *path, const void *bytes, size_t count);

/* Rows of numbers from a text file, or standard input for "-"; *rows is to be deleted also after an error. */
SG_MUST_CHECK sg_status sg_store_read_text(const char *path, long long *n, int *d, double **rows);

#endif
