/* Round trip, the byte promise, and writing that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "files.h"
#include "sample.h"

static double nan_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void assert_same_double(double a, double b) {
    assert_true(isnan(a) ? isnan(b) : a == b && signbit(a) == signbit(b));
}

static void assert_same_record(const sg_record *a, const sg_record *b) {
#define SAME_TEXT(name, length, unit, description) assert_string_equal(a->name, b->name);
#define SAME_INT(name, unit, description) assert_int_equal(a->name, b->name);
#define SAME_REAL(name, unit, description) assert_same_double(a->name, b->name);
    SG_RECORD_COLUMNS(SAME_TEXT, SAME_INT, SAME_REAL, SAME_INT)
}

static void assert_same_array(const sg_array *a, const sg_array *b, int records) {
    size_t count = (size_t)records;
    assert_string_equal(a->units, b->units);
    assert_string_equal(a->description, b->description);
    assert_int_equal(a->bytes, b->bytes);
    assert_int_equal(a->rank, b->rank);
    for (int i = 0; i < a->rank; i++) {
        assert_int_equal(a->shape[i], b->shape[i]);
        count *= (size_t)a->shape[i];
    }
    for (size_t i = 0; i < count; i++)
        if (a->bytes)
            assert_int_equal(a->byte[i], b->byte[i]);
        else
            assert_same_double(a->value[i], b->value[i]);
}

static void write_ok(const char *path, const sg_result *result) {
    sg_status status = sg_store_write(path, result);
    if (status != SG_OK) print_error("%s\n", sg_message());
    assert_int_equal(status, SG_OK);
}

static sg_result *read_ok(const char *path) {
    sg_result *result;
    sg_status status = sg_store_read(path, &result);
    if (status != SG_OK) print_error("%s\n", sg_message());
    assert_int_equal(status, SG_OK);
    return result;
}

static void test_round_trip(void **state) {
    (void)state;
    sg_result *result, *back;
    assert_int_equal(sample_result(5, &result), SG_OK);
    write_ok("a.h5", result);
    back = read_ok("a.h5");
    assert_int_equal(back->records, 5);
    assert_string_equal(sg_result_get(back, "schema"), SG_SCHEMA);
    assert_string_equal(sg_result_get(back, "title"), "a title with \xc3\xa9");
    assert_string_equal(sg_result_get(back, "experiment"), "");
    assert_int_equal(back->attributes, result->attributes + 1);
    for (int r = 0; r < 5; r++) assert_same_record(&result->record[r], &back->record[r]);
    for (int r = 0; r < 5; r++) assert_true(back->record[r].axis[0] == 2.5 && back->record[r].axis[1] == 1000);
    assert_int_equal(back->axes, 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(back->axis[i].name, result->axis[i].name);
        assert_int_equal(back->axis[i].count, result->axis[i].count);
        assert_memory_equal(back->axis[i].value, result->axis[i].value, result->axis[i].count * sizeof(double));
    }
    assert_int_equal(back->arrays, result->arrays);
    for (int i = 0; i < result->arrays; i++) {
        const sg_array *other = sg_result_find(back, result->array[i].name);
        assert_non_null(other);
        assert_same_array(&result->array[i], other, 5);
    }
    write_ok("b.h5", back);
    assert_true(same_files("a.h5", "b.h5"));
    sg_result_delete(result);
    sg_result_delete(back);
}

/* Axes are known by number: their order survives although the names are not sorted. */
static void test_order_of_axes(void **state) {
    (void)state;
    const double value[1] = {3};
    const char *const name[SG_RECORD_AXES] = {"z", "n", "b", "a"};
    sg_result *result, *back;
    assert_int_equal(sg_result_new(1, &result), SG_OK);
    result->record[0].n = 77;
    for (int i = 0; i < SG_RECORD_AXES; i++) {
        assert_int_equal(sg_result_axis(result, name[i], "t", 1, value), SG_OK);
        result->record[0].axis[i] = 10 + i;
    }
    write_ok("a.h5", result);
    back = read_ok("a.h5");
    for (int i = 0; i < SG_RECORD_AXES; i++) {
        assert_string_equal(back->axis[i].name, name[i]);
        assert_string_equal(back->axis[i].text_units, "t");
        assert_true(back->record[0].axis[i] == 10 + i);
        assert_string_equal(back->axis[i].column, i == 1 ? "axis_n" : name[i]); /* n is a column already */
    }
    assert_int_equal(back->record[0].n, 77);
    sg_result_delete(result);
    sg_result_delete(back);
}

static void test_empty_result(void **state) {
    (void)state;
    const int none[2] = {0, 3}, some[1] = {2};
    sg_result *result, *back;
    sg_array *array;
    for (int records = 0; records < 2; records++) {
        assert_int_equal(sg_result_new(records, &result), SG_OK);
        assert_int_equal(sg_result_axis(result, "a", "1", 0, NULL), SG_OK);
        assert_int_equal(sg_result_array(result, "none", "1", "", false, 2, none, &array), SG_OK);
        assert_int_equal(sg_result_array(result, "some", "1", "", true, 1, some, &array), SG_OK);
        write_ok("a.h5", result);
        back = read_ok("a.h5");
        assert_int_equal(back->records, records);
        assert_int_equal(back->axis[0].count, 0);
        assert_int_equal(sg_result_find(back, "none")->shape[1], 3);
        write_ok("b.h5", back);
        assert_true(same_files("a.h5", "b.h5"));
        sg_result_delete(result);
        sg_result_delete(back);
    }
}

/* Equal results: another name, other garbage behind texts, other NaNs, another order of additions, a heap in another
 * state. */
static void test_equal_bytes(void **state) {
    (void)state;
    sg_result *one, *two;
    const int shape[1] = {2};
    sg_array *array;
    assert_int_equal(sample_result(5, &one), SG_OK);
    assert_int_equal(sample_result(5, &two), SG_OK);
    assert_int_equal(sg_result_attribute(one, "b", "B"), SG_OK);
    assert_int_equal(sg_result_attribute(one, "a", "A"), SG_OK);
    assert_int_equal(sg_result_attribute(two, "a", "A"), SG_OK);
    assert_int_equal(sg_result_attribute(two, "b", "B"), SG_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sg_result_array(one, i ? "x" : "y/z", "1", "", false, 1, shape, &array), SG_OK);
        assert_int_equal(sg_result_array(two, i ? "y/z" : "x", "1", "", false, 1, shape, &array), SG_OK);
    }
    for (int r = 0; r < 5; r++) {
        memset(two->record[r].family + 8, 'x', 20);
        two->record[r].mixing_time = nan_of(UINT64_C(0xfff8000000000123));
        two->record[r].axis[3] = nan_of(UINT64_C(0x7ff0000000000001));
    }
    sg_result_find(two, "gamma")->value[0] = nan_of(UINT64_C(0xfff4000000000000));
    write_ok("a.h5", one);
    void *holes[50];
    for (int i = 0; i < 50; i++) {
        holes[i] = malloc((size_t)1000 * (i + 1));
        memset(holes[i], 0xA5, (size_t)1000 * (i + 1));
    }
    for (int i = 0; i < 50; i++) free(holes[i]);
    write_ok("another-and-longer-name.h5", two);
    assert_true(same_files("a.h5", "another-and-longer-name.h5"));
    write_ok("a.h5", two);
    assert_true(same_files("a.h5", "another-and-longer-name.h5"));
    two->record[4].gap_lower = 0;
    write_ok("a.h5", two);
    assert_false(same_files("a.h5", "another-and-longer-name.h5"));
    sg_result_delete(one);
    sg_result_delete(two);
}

static void test_texts_are_cut(void **state) {
    (void)state;
    sg_result *result, *back;
    assert_int_equal(sg_result_new(2, &result), SG_OK);
    memset(result->record[0].family, 'f', sizeof result->record[0].family); /* no terminator */
    memset(result->record[1].family, 'f', sizeof result->record[1].family);
    memcpy(result->record[1].family + 29, "\xe2\x82\xac", 3); /* a character of three bytes, one too long */
    write_ok("a.h5", result);
    back = read_ok("a.h5");
    assert_int_equal(strlen(back->record[0].family), 31);
    assert_int_equal(strlen(back->record[1].family), 29);
    sg_result_delete(result);
    sg_result_delete(back);
}

static void test_long_texts(void **state) {
    (void)state;
    enum { LONG = 300000 };
    sg_result *result, *back;
    char *text = malloc(LONG);
    assert_non_null(text);
    memset(text, 'y', LONG - 1);
    text[LONG - 1] = '\0';
    assert_int_equal(sg_result_new(0, &result), SG_OK);
    assert_int_equal(sg_result_attribute(result, "text", text), SG_OK);
    assert_int_equal(sg_result_attribute(result, "schema", "another"), SG_OK); /* the writer's word counts */
    write_ok("a.h5", result);
    back = read_ok("a.h5");
    assert_string_equal(sg_result_get(back, "text"), text);
    assert_string_equal(sg_result_get(back, "schema"), SG_SCHEMA);
    free(text);
    sg_result_delete(result);
    sg_result_delete(back);
}

static void test_many_chunks(void **state) {
    (void)state;
    const int shape[2] = {30000, 3};
    sg_result *result, *back;
    sg_array *array;
    assert_int_equal(sg_result_new(7, &result), SG_OK);
    assert_int_equal(sg_result_array(result, "theta", "1", "estimates", false, 2, shape, &array), SG_OK);
    for (size_t i = 0; i < (size_t)7 * 90000; i++) array->value[i] = sin((double)i);
    write_ok("a.h5", result);
    back = read_ok("a.h5");
    assert_memory_equal(sg_result_find(back, "theta")->value, array->value, (size_t)7 * 90000 * sizeof(double));
    sg_result_delete(result);
    sg_result_delete(back);
}

static void test_replaces(void **state) {
    (void)state;
    sg_result *small, *large, *back;
    assert_int_equal(sample_result(1, &small), SG_OK);
    assert_int_equal(sample_result(50, &large), SG_OK);
    write_ok("a.h5", large);
    write_ok("a.h5", small);
    back = read_ok("a.h5");
    assert_int_equal(back->records, 1);
    sg_result_delete(back);
    write_ok("./a.h5", large);
    back = read_ok("a.h5");
    assert_int_equal(back->records, 50);
    sg_result_delete(back);
    sg_result_delete(small);
    sg_result_delete(large);
}

static void test_cannot_create(void **state) {
    (void)state;
    sg_result *result;
    assert_int_equal(sample_result(1, &result), SG_OK);
    assert_int_equal(sg_store_write("missing/a.h5", result), SG_CANNOT_CREATE);
    assert_non_null(strstr(sg_message(), "missing/a.h5"));
    assert_int_equal(sg_store_write("", result), SG_CANNOT_CREATE);
    assert_int_equal(sg_store_write(".", result), SG_CANNOT_CREATE);
    assert_int_equal(sg_store_write("/dev/null", result), SG_CANNOT_CREATE);
    assert_int_equal(sg_store_write("/proc/a.h5", result), SG_CANNOT_CREATE);
    assert_int_equal(put_bytes("file", "x", 1), 0);
    assert_int_equal(sg_store_write("file/a.h5", result), SG_CANNOT_CREATE);
    if (geteuid() != 0) {
        assert_int_equal(mkdir("closed", 0500), 0);
        assert_int_equal(sg_store_write("closed/a.h5", result), SG_CANNOT_CREATE);
    }
    sg_result_delete(result);
}

/* A limit on the size of files acts like a full disk: part of the bytes go through, then none. */
static void test_full_disk(void **state) {
    (void)state;
    struct rlimit old, tight;
    sg_result *small, *large;
    assert_int_equal(sample_result(1, &small), SG_OK);
    assert_int_equal(sample_result(200, &large), SG_OK);
    write_ok("a.h5", small);
    write_ok("kept.h5", small);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t limit = 0; limit <= 20000; limit += 10000) {
        tight = (struct rlimit){limit, old.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
        sg_status over = sg_store_write("a.h5", large), fresh = sg_store_write("new.h5", large);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_int_equal(over, SG_CANNOT_WRITE);
        assert_int_equal(fresh, SG_CANNOT_WRITE);
        assert_non_null(strstr(sg_message(), "new.h5"));
        assert_true(same_files("a.h5", "kept.h5"));
        assert_int_not_equal(access("new.h5", F_OK), 0);
    }
    signal(SIGXFSZ, SIG_DFL);
    write_ok("a.h5", large);
    sg_result_delete(small);
    sg_result_delete(large);
}

/* Every allocation of ours in turn fails, those that HDF5 asks for included; the old file stays. */
static void test_out_of_memory(void **state) {
    (void)state;
    sg_result *result, *back;
    sg_status status = SG_NO_MEMORY;
    long k;
    assert_int_equal(sample_result(3, &result), SG_OK);
    write_ok("a.h5", result);
    write_ok("kept.h5", result);
    result->record[0].gap = 17;
    const long live = sg_memory_live();
    for (k = 1; status == SG_NO_MEMORY && k < 1000; k++) {
        sg_memory_fail_after(k);
        status = sg_store_write("a.h5", result);
        sg_memory_fail_after(0);
        assert_int_equal(sg_memory_live(), live);
        if (status != SG_OK) assert_true(same_files("a.h5", "kept.h5"));
    }
    assert_int_equal(status, SG_OK);
    assert_true(k > 8);
    status = SG_NO_MEMORY;
    for (k = 1; status == SG_NO_MEMORY && k < 1000; k++) {
        sg_memory_fail_after(k);
        status = sg_store_read("a.h5", &back);
        sg_memory_fail_after(0);
        if (status != SG_OK) assert_null(back);
        if (status != SG_OK) assert_int_equal(sg_memory_live(), live);
    }
    assert_int_equal(status, SG_OK);
    assert_true(k > 30);
    sg_result_delete(result);
    sg_result_delete(back);
}

typedef struct {
    int number, bad;
} job;

/* Each thread writes a file of its own, and all of them one in common, which is whole at every instant. */
static void *write_and_read(void *argument) {
    job *mine = argument;
    char path[32];
    snprintf(path, sizeof path, "thread-%d.h5", mine->number);
    for (int i = 0; i < 10; i++) {
        sg_result *result = NULL, *back = NULL, *common = NULL;
        if (sample_result(mine->number + 1, &result) != SG_OK || sg_store_write(path, result) != SG_OK ||
            sg_store_read(path, &back) != SG_OK || back->records != mine->number + 1 ||
            sg_store_write("common.h5", result) != SG_OK || sg_store_read("common.h5", &common) != SG_OK)
            mine->bad++;
        sg_result_delete(common);
        sg_result_delete(result);
        sg_result_delete(back);
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    pthread_t thread[4];
    job jobs[4];
    for (int i = 0; i < 4; i++) {
        jobs[i] = (job){i, 0};
        assert_int_equal(pthread_create(&thread[i], NULL, write_and_read, &jobs[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(jobs[i].bad, 0);
    }
}

static void test_library(void **state) {
    (void)state;
    int major, minor, release;
    assert_int_equal(sscanf(sg_store_library(), "%d.%d.%d", &major, &minor, &release), 3);
    assert_true(major >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_order_of_axes), cmocka_unit_test(test_empty_result),
        cmocka_unit_test(test_equal_bytes), cmocka_unit_test(test_texts_are_cut), cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_many_chunks), cmocka_unit_test(test_replaces),      cmocka_unit_test(test_cannot_create),
        cmocka_unit_test(test_full_disk),   cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_library),
    };
    return cmocka_run_group_tests(tests, enter_test_directory, leave_test_directory);
}
