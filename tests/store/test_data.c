/* A user's data: text files and datasets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <hdf5.h>
#include <math.h>

#include "files.h"
#include "scoregap/store.h"

static void assert_rows(const char *path, long long n, int d, const double *expected) {
    long long rows_read;
    int columns;
    double *rows;
    sg_status status = sg_data_read(path, &rows_read, &columns, &rows);
    if (status != SG_OK) print_error("%s\n", sg_message());
    assert_int_equal(status, SG_OK);
    assert_int_equal(rows_read, n);
    assert_int_equal(columns, d);
    assert_memory_equal(rows, expected, (size_t)n * (size_t)d * sizeof(double));
    sg_delete(rows);
}

static void assert_text(const char *text, long long n, int d, const double *expected) {
    assert_int_equal(put_bytes("data.csv", text, strlen(text)), 0);
    assert_rows("data.csv", n, d, expected);
}

static void assert_bad_path(const char *path, sg_status expected, const char *words) {
    long long n;
    int d;
    double *rows;
    const long live = sg_memory_live();
    sg_status status = sg_data_read(path, &n, &d, &rows);
    assert_int_equal(status, expected);
    assert_null(rows);
    if (!strstr(sg_message(), words)) print_error("'%s' is not in: %s\n", words, sg_message());
    assert_non_null(strstr(sg_message(), words));
    assert_int_equal(sg_memory_live(), live);
}

static void assert_bad(const char *text, const char *words) {
    assert_int_equal(put_bytes("data.csv", text, strlen(text)), 0);
    assert_bad_path("data.csv", SG_BAD_DATA, words);
}

static void test_marks(void **state) {
    (void)state;
    const double rows[4] = {1, -2.5, 3e-7, 4};
    assert_text("1,-2.5\n3e-7,4\n", 2, 2, rows);
    assert_text("1;-2.5\n3e-7;4", 2, 2, rows);
    assert_text("1\t-2.5\r\n3e-7\t4\r\n", 2, 2, rows);
    assert_text("  1   -2.5  \n 3e-7 \t 4 \n", 2, 2, rows);
    assert_text("1 , -2.5\n3e-7 ,4\n", 2, 2, rows);
    assert_text("\"1\",\"-2.5\"\n\"3e-7\",4\n", 2, 2, rows);
    assert_text("1\n-2.5\n3e-7\n4\n", 4, 1, rows);
    assert_text("1,-2.5,3e-7,4", 1, 4, rows);
    assert_text("+1,-2.5,.3e-6,0x4\n", 1, 4, rows);
}

static void test_headers(void **state) {
    (void)state;
    const double rows[4] = {1, -2.5, 3e-7, 4};
    assert_text("\xef\xbb\xbfx,y\n1,-2.5\n3e-7,4\n", 2, 2, rows);
    assert_text("\xef\xbb\xbf"
                "1,-2.5\n3e-7,4\n",
                2, 2, rows);
    assert_text("# made by hand\n\nfirst column,\"second, column\"\n# more\n1,-2.5 # inline\n\n3e-7,4\n#end", 2, 2,
                rows);
    assert_text("first second\n1,-2.5\n3e-7,4\n", 2, 2, rows);
    assert_text("x\r\n1\r\n-2.5\r\n3e-7\r\n4\r\n\r\n", 4, 1, rows);
}

static void test_bad_text(void **state) {
    (void)state;
    assert_bad("1,2\n3,nan\n", "line 2, column 2: 'nan' is not finite");
    assert_bad("x,y\n1,2\n-inf,4\n", "line 3, column 1: '-inf' is not finite");
    assert_bad("1e999\n", "line 1, column 1: '1e999' is not finite");
    assert_bad("1,2\n# note\n3,four\n", "line 3, column 2: 'four' is not a number");
    assert_bad("1,x\n3,4\n", "line 1, column 2: 'x' is not a number");
    assert_bad("x,y\nu,v\n", "line 2, column 1: 'u'");
    assert_bad("1,2\n3\n", "line 2, column 2 is missing: the first row has 2 columns");
    assert_bad("1,2\n3,4,5\n", "line 2, column 3: the first row has only 2 columns");
    assert_bad("1,,2\n", "line 1, column 2 is empty");
    assert_bad("1,2,\n", "line 1, column 3 is empty");
    assert_bad(",\n", "line 1, column 1 is empty");
    assert_bad("1,5;2,5\n", "decimal comma");
    assert_bad("1 2 3x\n", "column 3: '3x'");
    assert_bad("1,2\n3,NA\n", "'NA' is not a number");
    assert_bad("1\n\x01\x80zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\n", "'??zzzz");
    assert_bad("", "has no rows");
    assert_bad("# nothing\n\n", "has no rows");
    assert_bad("x,y\n", "has no rows");
    assert_bad("\211HDF\r\n\032\n", "FILE.h5:/data");
}

static void test_binary(void **state) {
    (void)state;
    static char zeros[1 << 20];
    uint32_t words[4096];
    sg_stream stream;
    assert_int_equal(put_bytes("zeros", zeros, sizeof zeros), 0);
    assert_bad_path("zeros", SG_BAD_DATA, "line 1 is not text");
    assert_bad_path("/dev/zero", SG_BAD_DATA, "too long");
    assert_int_equal(put_bytes("wide", "1\0,\0", 4), 0);
    assert_bad_path("wide", SG_BAD_DATA, "UTF-8");
    sg_stream_open(&stream, 5, SG_PURPOSE_TEST, 0);
    for (int i = 0; i < 50; i++) {
        sg_stream_words(&stream, 4096, words);
        assert_int_equal(put_bytes("noise", words, sizeof words), 0);
        assert_bad_path("noise", SG_BAD_DATA, "noise, line");
    }
}

/* Random text of the letters that the reader knows: any answer but a crash, and rows that are finite. */
static void test_random_text(void **state) {
    (void)state;
    const char letters[] = "0123456789..--+eE,,;; \t\n\n\r#\"nanifxX";
    uint32_t words[64];
    char text[64];
    int good = 0;
    sg_stream stream;
    sg_stream_open(&stream, 6, SG_PURPOSE_TEST, 0);
    for (int i = 0; i < 3000; i++) {
        long long n;
        int d;
        double *rows;
        const size_t length = (size_t)i % 64;
        sg_stream_words(&stream, 64, words);
        for (size_t j = 0; j < length; j++) text[j] = letters[words[j] % (sizeof letters - 1)];
        assert_int_equal(put_bytes("data.csv", text, length), 0);
        sg_status status = sg_data_read("data.csv", &n, &d, &rows);
        assert_true(status == SG_BAD_DATA || (status == SG_OK && n > 0 && d > 0));
        for (long long j = 0; j < n * d; j++) assert_true(isfinite(rows[j]));
        good += status == SG_OK;
        sg_delete(rows);
    }
    assert_in_range(good, 30, 1500);
}

static void test_cannot_read(void **state) {
    (void)state;
    assert_bad_path("missing.csv", SG_CANNOT_READ, "missing.csv cannot be opened");
    assert_bad_path(".", SG_CANNOT_READ, "cannot be read");
    assert_bad_path("missing.h5:/x", SG_CANNOT_READ, "missing.h5");
    assert_int_equal(put_bytes("text.h5", "1,2\n", 4), 0);
    assert_bad_path("text.h5:/x", SG_CANNOT_READ, "text.h5");
    assert_bad_path("text.h5:/", SG_CANNOT_READ, "text.h5:/");
}

/* Lines that cross the reader's buffer, one line longer than it, and numbers that must come back bit for bit. */
static void test_large(void **state) {
    (void)state;
    enum { ROWS = 40000, WIDE = 100000 };
    double *value = malloc(ROWS * 3 * sizeof *value);
    assert_non_null(value);
    FILE *file = fopen("data.csv", "w");
    assert_non_null(file);
    for (int i = 0; i < ROWS * 3; i++) {
        value[i] = sin((double)i) * pow(10, i % 40 - 20);
        fprintf(file, "%.17g%c", value[i], i % 3 == 2 ? '\n' : ',');
    }
    assert_int_equal(fclose(file), 0);
    assert_rows("data.csv", ROWS, 3, value);
    file = fopen("data.csv", "w");
    assert_non_null(file);
    for (int i = 0; i < WIDE; i++) fprintf(file, "%.17g ", value[i]);
    assert_int_equal(fclose(file), 0);
    assert_rows("data.csv", 1, WIDE, value);
    free(value);
}

static void test_standard_input(void **state) {
    (void)state;
    const double rows[2] = {1.5, 2};
    assert_int_equal(put_bytes("data.csv", "1.5\n2\n", 6), 0);
    const int old = dup(STDIN_FILENO), file = open("data.csv", O_RDONLY);
    assert_true(file >= 0);
    dup2(file, STDIN_FILENO);
    close(file);
    assert_rows("-", 2, 1, rows);
    if (old >= 0) dup2(old, STDIN_FILENO);
    close(old);
}

static void put_dataset(const char *path, const char *name, hid_t type, int rank, const hsize_t *dims,
                        const double *value) {
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), space = H5Screate_simple(rank, dims, NULL);
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    hid_t data = H5Dcreate2(file, name, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(data >= 0);
    if (value) assert_true(H5Dwrite(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
    H5Dclose(data);
    H5Pclose(links);
    H5Sclose(space);
    assert_true(H5Fclose(file) >= 0);
}

static void test_datasets(void **state) {
    (void)state;
    const double rows[6] = {1, -1, 1, 1, -1, -1}, holes[6] = {1, 2, 3, 4, NAN, 6}, beyond[2] = {1, INFINITY};
    const hsize_t dims[3] = {3, 2, 1}, none[2] = {0, 2}, two[1] = {2};
    put_dataset("d.h5", "x", H5T_STD_I8LE, 2, dims, rows);
    assert_rows("d.h5:/x", 3, 2, rows);
    put_dataset("d.h5", "group/part/x", H5T_IEEE_F32BE, 2, dims, rows);
    assert_rows("d.h5:/group/part/x", 3, 2, rows);
    put_dataset("a:b.h5", "x", H5T_IEEE_F64LE, 1, dims, rows);
    assert_rows("a:b.h5:/x", 3, 1, rows);
    assert_bad_path("a:b.h5:/y", SG_CANNOT_READ, "no dataset");
    assert_bad_path("d.h5:/group", SG_CANNOT_READ, "no dataset");
    put_dataset("d.h5", "x", H5T_IEEE_F64LE, 2, dims, holes);
    assert_bad_path("d.h5:/x", SG_BAD_DATA, "row 3, column 1: the value is NaN");
    put_dataset("d.h5", "x", H5T_IEEE_F64LE, 1, two, beyond);
    assert_bad_path("d.h5:/x", SG_BAD_DATA, "row 2, column 1: the value is infinite");
    put_dataset("d.h5", "x", H5T_IEEE_F64LE, 3, dims, rows);
    assert_bad_path("d.h5:/x", SG_BAD_DATA, "no array [n,d] or [n]");
    put_dataset("d.h5", "x", H5T_C_S1, 1, two, NULL);
    assert_bad_path("d.h5:/x", SG_BAD_DATA, "does not hold numbers");
    put_dataset("d.h5", "x", H5T_IEEE_F64LE, 2, none, NULL);
    assert_bad_path("d.h5:/x", SG_BAD_DATA, "has no rows");
    assert_bad_path("d.h5", SG_BAD_DATA, "FILE.h5:/data");
}

static void test_out_of_memory(void **state) {
    (void)state;
    long long n;
    int d;
    double *rows;
    const long live = sg_memory_live();
    FILE *file = fopen("data.csv", "w");
    assert_non_null(file);
    for (int i = 0; i < 9000; i++) fprintf(file, "%d\n", i);
    assert_int_equal(fclose(file), 0);
    sg_status status = SG_NO_MEMORY;
    long k;
    for (k = 1; status == SG_NO_MEMORY && k < 100; k++) {
        sg_memory_fail_after(k);
        status = sg_data_read("data.csv", &n, &d, &rows);
        sg_memory_fail_after(0);
        if (status != SG_OK) assert_int_equal(sg_memory_live(), live);
    }
    assert_int_equal(status, SG_OK);
    assert_true(k > 3);
    sg_delete(rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks),         cmocka_unit_test(test_headers),     cmocka_unit_test(test_bad_text),
        cmocka_unit_test(test_binary),        cmocka_unit_test(test_random_text), cmocka_unit_test(test_cannot_read),
        cmocka_unit_test(test_large),         cmocka_unit_test(test_datasets),    cmocka_unit_test(test_standard_input),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, enter_test_directory, leave_test_directory);
}
