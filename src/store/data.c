#include "store/handle.h"

#include <math.h>
#include <string.h>

/* ------------------------------------------------------- datasets of HDF5 */

/* Splits FILE.h5:/dataset; a file whose whole name looks like that is not meant. */
static const char *find_dataset(const char *path) {
    const char *found = NULL;
    for (const char *c = strstr(path, ":/"); c; c = strstr(c + 1, ":/")) found = c;
    return found && found > path && found[2] ? found : NULL;
}

static sg_status measure(hid_t dataset, const char *path, long long *n, int *d) {
    enum { COLUMNS_MOST = 1 << 24 };
    hsize_t dims[2] = {0, 1};
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    const int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    const H5T_class_t class = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
    const bool good = (rank == 1 || rank == 2) && H5Sget_simple_extent_dims(space, dims, NULL) == rank;
    sg_store_close(type);
    sg_store_close(space);
    if (!good || dims[1] > COLUMNS_MOST) return sg_fail(SG_BAD_DATA, "%s is no array [n,d] or [n]", path);
    if (class != H5T_FLOAT && class != H5T_INTEGER) return sg_fail(SG_BAD_DATA, "%s does not hold numbers", path);
    if (dims[0] == 0 || dims[1] == 0) return sg_fail(SG_BAD_DATA, "%s has no rows", path);
    *n = (long long)dims[0];
    *d = (int)dims[1];
    return SG_OK;
}

static sg_status check_finite(const char *path, long long n, int d, const double *rows) {
    for (long long i = 0; i < n; i++)
        for (int j = 0; j < d; j++) {
            const double value = rows[i * d + j];
            if (!isfinite(value))
                return sg_fail(SG_BAD_DATA, "%s, row %lld, column %d: the value is %s", path, i + 1, j + 1,
                               isnan(value) ? "NaN" : "infinite");
        }
    return SG_OK;
}

static sg_status read_dataset(hid_t file, const char *name, const char *path, long long *n, int *d, double **rows) {
    size_t count;
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0) return sg_store_fail(SG_CANNOT_READ, "%s is no dataset of the file", path);
    sg_status status = measure(dataset, path, n, d);
    if (status == SG_OK && __builtin_mul_overflow((size_t)*n, (size_t)*d, &count))
        status = sg_fail(SG_NO_MEMORY, "%s is larger than memory can be", path);
    if (status == SG_OK) status = sg_new(rows, count, sizeof **rows);
    if (status == SG_OK && H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, *rows) < 0)
        status = sg_store_fail(SG_CANNOT_READ, "%s cannot be read", path);
    if (status == SG_OK) status = check_finite(path, *n, *d, *rows);
    sg_store_close(dataset);
    return status;
}

/* The user's file may be larger than memory while the dataset is not: it is read in place, without locks. */
static hid_t open_in_place(const char *path) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), file = H5I_INVALID_HID;
    if (access >= 0 && H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0 && H5Pset_file_locking(access, 0, 1) >= 0)
        file = H5Fopen(path, H5F_ACC_RDONLY, access);
    sg_store_close(access);
    return file;
}

static sg_status read_hdf5(const char *path, const char *colon, long long *n, int *d, double **rows) {
    char *name = NULL;
    sg_store_host host;
    sg_status status = sg_new(&name, (size_t)(colon - path) + 1, 1);
    if (status != SG_OK) return status;
    memcpy(name, path, (size_t)(colon - path));
    sg_store_enter(&host);
    hid_t file = open_in_place(name);
    if (file < 0)
        status = sg_store_fail(SG_CANNOT_READ, "%s is missing or no HDF5 file", name);
    else
        status = read_dataset(file, colon + 1, path, n, d, rows);
    if (file >= 0) H5Fclose(file);
    sg_store_leave(&host);
    sg_delete(name);
    return status;
}

sg_status sg_data_read(const char *path, long long *n, int *d, double **rows) {
    const char *colon = find_dataset(path);
    *n = 0;
    *d = 0;
    *rows = NULL;
    sg_status status = colon ? read_hdf5(path, colon, n, d, rows) : sg_store_read_text(path, n, d, rows);
    if (status != SG_OK) {
        sg_delete(*rows);
        *rows = NULL;
        *n = 0;
        *d = 0;
    }
    return status;
}
