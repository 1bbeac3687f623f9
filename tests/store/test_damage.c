/* Reading what is no result: missing, foreign, cut short, damaged, or changed by another program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hdf5.h>

#include "files.h"
#include "sample.h"

static void assert_read(const char *path, sg_status expected, const char *words) {
    sg_result *result;
    sg_status status = sg_store_read(path, &result);
    if (status != expected) print_error("status %s: %s\n", sg_status_name(status), sg_message());
    assert_int_equal(status, expected);
    assert_true(status == SG_OK || !result);
    if (words && !strstr(sg_message(), words)) print_error("'%s' is not in: %s\n", words, sg_message());
    if (words) assert_non_null(strstr(sg_message(), words));
    sg_result_delete(result);
}

static void write_sample(const char *path, int records) {
    sg_result *result;
    assert_int_equal(sample_result(records, &result), SG_OK);
    assert_int_equal(sg_store_write(path, result), SG_OK);
    sg_result_delete(result);
}

static void test_no_hdf5(void **state) {
    (void)state;
    assert_read("missing.h5", SG_CANNOT_READ, "missing.h5");
    assert_read(".", SG_CANNOT_READ, "regular");
    assert_read("/dev/null", SG_CANNOT_READ, "regular");
    assert_int_equal(put_bytes("empty.h5", "", 0), 0);
    assert_read("empty.h5", SG_CANNOT_READ, "empty.h5");
    assert_int_equal(put_bytes("text.h5", "family,gap\n", 11), 0);
    assert_read("text.h5", SG_CANNOT_READ, "text.h5");
    assert_int_equal(put_bytes("mark.h5", "\211HDF\r\n\032\n", 8), 0);
    assert_read("mark.h5", SG_CANNOT_READ, "mark.h5");
}

/* A file of another program, with or without a schema attribute. */
static void write_foreign(const char *path, const char *schema) {
    const hsize_t size = 3;
    const double value[3] = {1, 2, 3};
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), space = H5Screate_simple(1, &size, NULL);
    hid_t data = H5Dcreate2(file, "cells", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
    H5Dclose(data);
    H5Sclose(space);
    if (schema) {
        hid_t type = H5Tcopy(H5T_C_S1), scalar = H5Screate(H5S_SCALAR);
        H5Tset_size(type, strlen(schema) + 1);
        hid_t attribute = H5Acreate2(file, "schema", type, scalar, H5P_DEFAULT, H5P_DEFAULT);
        assert_true(H5Awrite(attribute, type, schema) >= 0);
        H5Aclose(attribute);
        H5Sclose(scalar);
        H5Tclose(type);
    }
    assert_true(H5Fclose(file) >= 0);
}

/* A schema attribute that is a number. */
static void write_number_schema(const char *path) {
    const int value = 1;
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), scalar = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(file, "schema", H5T_NATIVE_INT, scalar, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(attribute, H5T_NATIVE_INT, &value) >= 0);
    H5Aclose(attribute);
    H5Sclose(scalar);
    assert_true(H5Fclose(file) >= 0);
}

static void test_other_schema(void **state) {
    (void)state;
    write_foreign("x.h5", NULL);
    assert_read("x.h5", SG_OTHER_SCHEMA, "x.h5 has no schema, this program reads 'scoregap-result-1'");
    write_foreign("x.h5", "foo");
    assert_read("x.h5", SG_OTHER_SCHEMA, "x.h5 has schema 'foo', this program reads 'scoregap-result-1'");
    write_foreign("x.h5", "");
    assert_read("x.h5", SG_OTHER_SCHEMA, "''");
    write_number_schema("x.h5");
    assert_read("x.h5", SG_OTHER_SCHEMA, "no text");
    write_foreign("x.h5", SG_SCHEMA);
    assert_read("x.h5", SG_CANNOT_READ, "/axis is missing");
}

/* Every length of a short file; a file that ends where HDF5's part ends is whole and only lacks its seal. */
static void test_cut_short(void **state) {
    (void)state;
    enum { SEAL = 82 };
    size_t size = 0, whole = 0;
    write_sample("a.h5", 1);
    unsigned char *bytes = file_bytes("a.h5", &size);
    assert_non_null(bytes);
    for (size_t length = 0; length < size; length += length + 97 + SEAL < size ? 97 : 1) {
        sg_result *result;
        assert_int_equal(put_bytes("cut.h5", bytes, length), 0);
        sg_status status = sg_store_read("cut.h5", &result);
        assert_true(status == SG_CANNOT_READ || (status == SG_OK && size - length == SEAL));
        whole += status == SG_OK;
        sg_result_delete(result);
    }
    assert_int_equal(whole, 1);
    bytes = realloc(bytes, size + 1);
    assert_non_null(bytes);
    bytes[size] = 'x';
    assert_int_equal(put_bytes("cut.h5", bytes, size + 1), 0);
    assert_read("cut.h5", SG_CANNOT_READ, "checksum");
    free(bytes);
}

/* Each byte of a file in turn in small steps, and handfuls at random places: none goes unnoticed. */
static void test_damaged(void **state) {
    (void)state;
    size_t size = 0;
    sg_stream stream;
    write_sample("a.h5", 2);
    unsigned char *bytes = file_bytes("a.h5", &size);
    assert_non_null(bytes);
    for (size_t place = 0; place < size; place += 13) {
        bytes[place] ^= 1u << place % 8;
        assert_int_equal(put_bytes("bad.h5", bytes, size), 0);
        assert_read("bad.h5", SG_CANNOT_READ, "bad.h5");
        bytes[place] ^= 1u << place % 8;
    }
    sg_stream_open(&stream, 11, SG_PURPOSE_TEST, 0);
    for (int i = 0; i < 2000; i++) {
        uint32_t words[16];
        unsigned char old[8];
        sg_stream_words(&stream, 16, words);
        for (int j = 0; j < 8; j++) {
            old[j] = bytes[words[j] % size];
            bytes[words[j] % size] ^= (unsigned char)(1 + words[8 + j] % 255);
        }
        assert_int_equal(put_bytes("bad.h5", bytes, size), 0);
        assert_read("bad.h5", SG_CANNOT_READ, "bad.h5");
        for (int j = 7; j >= 0; j--) bytes[words[j] % size] = old[j];
    }
    assert_int_equal(put_bytes("good.h5", bytes, size), 0);
    assert_read("good.h5", SG_OK, NULL);
    free(bytes);
}

static hid_t reopen(void) {
    write_sample("c.h5", 2);
    hid_t file = H5Fopen("c.h5", H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(file >= 0);
    return file;
}

static void put_dataset(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dims) {
    hid_t space = rank < 0 ? H5Screate(H5S_NULL) : H5Screate_simple(rank, dims, NULL);
    hid_t data = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(data >= 0);
    H5Sclose(space);
    hid_t text = H5Tcopy(H5T_C_S1), scalar = H5Screate(H5S_SCALAR);
    for (int i = 0; i < 2; i++) {
        hid_t attribute = H5Acreate2(data, i ? "units" : "description", text, scalar, H5P_DEFAULT, H5P_DEFAULT);
        assert_true(H5Awrite(attribute, text, "1") >= 0);
        H5Aclose(attribute);
    }
    H5Sclose(scalar);
    H5Tclose(text);
    H5Dclose(data);
}

static void put_group(hid_t file, const char *name) {
    hid_t group = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(group >= 0);
    H5Gclose(group);
}

static void assert_changed(hid_t file, sg_status expected, const char *words) {
    assert_true(H5Fclose(file) >= 0);
    assert_read("c.h5", expected, words);
}

/* Another program may add to a result and remove from it; the seal falls off, the checks of shape and type remain. */
static void test_changed_objects(void **state) {
    (void)state;
    const hsize_t dims[5] = {2, 3, 1, 1, 1}, more[1] = {3}, huge[2] = {2, 1u << 30};
    hid_t file = reopen();
    put_dataset(file, "bytes", H5T_NATIVE_INT8, 1, more);
    assert_changed(file, SG_CANNOT_READ, "is damaged: 0 bytes are stored");
    const char *const removed[] = {"cells", "axis", "axis/separation"};
    for (int i = 0; i < 3; i++) {
        file = reopen();
        assert_true(H5Ldelete(file, removed[i], H5P_DEFAULT) >= 0);
        assert_changed(file, SG_CANNOT_READ, i < 2 ? removed[i] : "neither in the schema nor axes");
    }
    file = reopen();
    put_dataset(file, "extra", H5T_NATIVE_INT32, 1, dims);
    H5Fflush(file, H5F_SCOPE_GLOBAL);
    assert_changed(file, SG_CANNOT_READ, "/extra");
    file = reopen();
    put_dataset(file, "axis/separation2", H5T_C_S1, 1, dims);
    assert_changed(file, SG_CANNOT_READ, "separation2");
    file = reopen();
    put_dataset(file, "extra", H5T_NATIVE_DOUBLE, 5, dims);
    assert_changed(file, SG_CANNOT_READ, "/extra has another shape");
    file = reopen();
    put_dataset(file, "extra", H5T_NATIVE_DOUBLE, -1, NULL);
    assert_changed(file, SG_CANNOT_READ, "/extra has another shape");
    file = reopen();
    put_dataset(file, "extra", H5T_NATIVE_DOUBLE, 2, huge);
    assert_changed(file, SG_CANNOT_READ, "/extra is damaged");
    file = reopen();
    put_group(file, "empty");
    assert_changed(file, SG_OK, NULL);
    file = reopen();
    put_group(file, "outer");
    put_group(file, "outer/inner");
    assert_changed(file, SG_CANNOT_READ, "/outer/inner");
    file = reopen();
    assert_true(H5Lcreate_soft("/gamma", file, "soft", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    assert_changed(file, SG_CANNOT_READ, "'soft' is a link");
    file = reopen();
    assert_true(H5Lcreate_external("/etc/passwd", "/x", file, "away", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    assert_changed(file, SG_CANNOT_READ, "'away' is a link");
}

static void fill_dataset(hid_t file, const char *name) {
    double value[6] = {0};
    hid_t data = H5Dopen2(file, name, H5P_DEFAULT);
    assert_true(H5Dwrite(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
    H5Dclose(data);
}

static void test_changed_values(void **state) {
    (void)state;
    const hsize_t dims[2] = {2, 3}, three[1] = {3};
    hid_t file = reopen();
    put_dataset(file, "extra", H5T_NATIVE_FLOAT, 2, dims);
    fill_dataset(file, "extra");
    assert_changed(file, SG_OK, NULL);
    file = reopen();
    put_dataset(file, "extra", H5T_NATIVE_INT32, 2, dims);
    fill_dataset(file, "extra");
    assert_changed(file, SG_CANNOT_READ, "/extra holds neither real numbers nor bytes");
    file = reopen();
    put_dataset(file, "extra", H5T_NATIVE_DOUBLE, 1, three);
    fill_dataset(file, "extra");
    assert_changed(file, SG_CANNOT_READ, "/extra has 3 records, /cells 2");
    file = reopen();
    assert_true(H5Ldelete(file, "cells", H5P_DEFAULT) >= 0);
    put_dataset(file, "cells", H5T_NATIVE_DOUBLE, 1, three);
    fill_dataset(file, "cells");
    assert_changed(file, SG_CANNOT_READ, "/cells is no table");
    file = reopen();
    hid_t data = H5Dopen2(file, "gamma", H5P_DEFAULT);
    assert_true(H5Adelete(data, "units") >= 0);
    H5Dclose(data);
    assert_changed(file, SG_CANNOT_READ, "'units' is missing");
}

/* Column `changed` of a table of the same names gets another type, or is left out (type < 0). */
static void put_cells(hid_t file, const char *changed, hid_t other) {
    const hsize_t dims[1] = {2};
    hid_t data = H5Dopen2(file, "cells", H5P_DEFAULT), old = H5Dget_type(data);
    hid_t type = H5Tcreate(H5T_COMPOUND, 2 * H5Tget_size(old));
    size_t end = 0;
    for (int i = 0; i < H5Tget_nmembers(old); i++) {
        char *name = H5Tget_member_name(old, (unsigned)i);
        hid_t member = H5Tget_member_type(old, (unsigned)i);
        const hid_t used = strcmp(name, changed) == 0 ? other : member;
        if (used >= 0) {
            assert_true(H5Tinsert(type, name, end, used) >= 0);
            end += H5Tget_size(used);
        }
        H5Tclose(member);
        H5free_memory(name);
    }
    H5Tclose(old);
    H5Dclose(data);
    assert_true(H5Ldelete(file, "cells", H5P_DEFAULT) >= 0);
    put_dataset(file, "cells", type, 1, dims);
    data = H5Dopen2(file, "cells", H5P_DEFAULT);
    void *zeros = calloc(2, H5Tget_size(type));
    assert_true(H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros) >= 0);
    free(zeros);
    H5Dclose(data);
    H5Tclose(type);
}

static void test_changed_columns(void **state) {
    (void)state;
    hid_t variable = H5Tcopy(H5T_C_S1);
    H5Tset_size(variable, H5T_VARIABLE);
    const struct {
        const char *column;
        hid_t type;
        sg_status status;
    } cases[] = {
        {"gap", H5T_NATIVE_FLOAT, SG_OK},         {"n", H5T_NATIVE_INT64, SG_OK},
        {"gap", H5I_INVALID_HID, SG_CANNOT_READ}, {"gap", H5T_NATIVE_INT, SG_CANNOT_READ},
        {"n", H5T_NATIVE_DOUBLE, SG_CANNOT_READ}, {"loss", H5T_NATIVE_DOUBLE, SG_CANNOT_READ},
        {"loss", variable, SG_CANNOT_READ},       {"separation", H5I_INVALID_HID, SG_CANNOT_READ},
        {"separation", H5T_C_S1, SG_CANNOT_READ}, {"asymptotic", H5I_INVALID_HID, SG_CANNOT_READ},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hid_t file = reopen();
        put_cells(file, cases[i].column, cases[i].type);
        assert_changed(file, cases[i].status, cases[i].status == SG_OK ? NULL : cases[i].column);
    }
    H5Tclose(variable);
}

/* The host program's own error printing is as it was. */
static void test_error_printing(void **state) {
    (void)state;
    H5E_auto2_t before, after;
    void *data_before, *data_after;
    H5Eget_auto2(H5E_DEFAULT, &before, &data_before);
    assert_read("missing.h5", SG_CANNOT_READ, NULL);
    H5Eget_auto2(H5E_DEFAULT, &after, &data_after);
    assert_true(before == after && data_before == data_after);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_hdf5),         cmocka_unit_test(test_other_schema),
        cmocka_unit_test(test_cut_short),       cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_changed_objects), cmocka_unit_test(test_changed_values),
        cmocka_unit_test(test_changed_columns), cmocka_unit_test(test_error_printing),
    };
    return cmocka_run_group_tests(tests, enter_test_directory, leave_test_directory);
}
