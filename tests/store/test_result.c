#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"

static void test_record_clear(void **state) {
    (void)state;
    sg_record record;
    memset(&record, 'x', sizeof record);
    sg_record_clear(&record);
    assert_string_equal(record.family, "");
    assert_int_equal(record.loss[127], 0);
    assert_int_equal(record.cell, 0);
    assert_int_equal(record.failed_other, 0);
    assert_int_equal(record.asymptotic, 0);
    assert_true(isnan(record.gap) && isnan(record.kl_hi) && isnan(record.axis[0]) && isnan(record.axis[3]));
}

static void test_attributes(void **state) {
    (void)state;
    sg_result *result;
    assert_int_equal(sg_result_new(0, &result), SG_OK);
    assert_null(sg_result_get(result, "title"));
    assert_int_equal(sg_result_attribute(result, "title", "one"), SG_OK);
    assert_int_equal(sg_result_attribute(result, "seed", "2"), SG_OK);
    assert_int_equal(sg_result_attribute(result, "title", ""), SG_OK);
    assert_int_equal(result->attributes, 2);
    assert_string_equal(sg_result_get(result, "title"), "");
    assert_string_equal(sg_result_get(result, "seed"), "2");
    assert_int_equal(sg_result_attribute(result, "", "x"), SG_OUT_OF_RANGE);
    sg_result_delete(result);
    sg_result_delete(NULL);
    assert_int_equal(sg_result_new(-1, &result), SG_OUT_OF_RANGE);
    assert_null(result);
}

static void test_axes(void **state) {
    (void)state;
    const double value[2] = {1, 2};
    sg_result *result;
    assert_int_equal(sg_result_new(1, &result), SG_OK);
    const char *const bad[] = {"", ".", "..", "a/b", "a-name-that-is-longer-than-the-forty-eight-bytes-of-it"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(sg_result_axis(result, bad[i], "1", 2, value), SG_OUT_OF_RANGE);
    assert_int_equal(sg_result_axis(result, "a", "a-unit-that-is-too-long", 2, value), SG_OUT_OF_RANGE);
    assert_int_equal(sg_result_axis(result, "a", "1", -1, value), SG_OUT_OF_RANGE);
    assert_int_equal(result->axes, 0);
    const char *const good[SG_RECORD_AXES] = {"a", "b", "graph-seed", "n"};
    for (int i = 0; i < SG_RECORD_AXES; i++) assert_int_equal(sg_result_axis(result, good[i], "1", 2, value), SG_OK);
    assert_int_equal(sg_result_axis(result, "c", "1", 2, value), SG_OUT_OF_RANGE);
    assert_int_equal(sg_result_axis(result, "a", "1", 2, value), SG_OUT_OF_RANGE);
    assert_ptr_not_equal(result->axis[3].value, value);
    assert_true(result->axis[3].value[1] == 2);
    sg_result_delete(result);
}

static void test_array_names(void **state) {
    (void)state;
    const int shape[3] = {2, 3, 4}, negative[1] = {-1};
    const char *const bad[] = {"",     ".",     "..",     "/a",   "a/",        "a/b/c",   "a//b", "a/..",
                               "axis", "cells", "axis/a", "good", "good/part", "group/a", "group"};
    sg_result *result;
    sg_array *array;
    assert_int_equal(sg_result_new(2, &result), SG_OK);
    assert_int_equal(sg_result_array(result, "good", "1", "", false, 3, shape, &array), SG_OK);
    assert_int_equal(sg_result_array(result, "group/a", "1", "", true, 1, shape, &array), SG_OK);
    assert_int_equal(sg_result_array(result, "goodness", "1", "", true, 0, shape, &array), SG_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(sg_result_array(result, bad[i], "1", "", false, 1, shape, &array), SG_OUT_OF_RANGE);
        assert_null(array);
    }
    assert_int_equal(sg_result_array(result, "x", "1", "", false, 4, shape, &array), SG_OUT_OF_RANGE);
    assert_int_equal(sg_result_array(result, "x", "1", "", false, 1, negative, &array), SG_OUT_OF_RANGE);
    assert_int_equal(result->arrays, 3);
    sg_result_delete(result);
}

static void test_array_values(void **state) {
    (void)state;
    const int shape[2] = {2, 3};
    sg_result *result;
    sg_array *array;
    assert_int_equal(sg_result_new(3, &result), SG_OK);
    assert_int_equal(sg_result_array(result, "a", "t", "first", false, 2, shape, &array), SG_OK);
    assert_ptr_equal(sg_result_find(result, "a"), array);
    for (int i = 0; i < 18; i++) assert_true(isnan(array->value[i]));
    assert_ptr_equal(sg_array_record(array, 2), array->value + 12);
    assert_int_equal(sg_result_array(result, "b", "1", "second", true, 0, shape, &array), SG_OK);
    for (int i = 0; i < 3; i++) assert_int_equal(array->byte[i], 255);
    assert_ptr_equal(sg_array_record_bytes(array, 2), array->byte + 2);
    assert_null(sg_result_find(result, "c"));
    sg_result_delete(result);
}

/* A part with one record per loss, whose square array has `size` rows. */
static sg_result *make_part(int records, int size, double mark, const char *axis) {
    const int shape[2] = {size, size};
    sg_result *part;
    sg_array *array;
    assert_int_equal(sg_result_new(records, &part), SG_OK);
    if (axis) assert_int_equal(sg_result_axis(part, axis, "1", 1, &mark), SG_OK);
    assert_int_equal(sg_result_array(part, "gamma", "1", "covariance", false, 2, shape, &array), SG_OK);
    for (int r = 0; r < records; r++) {
        part->record[r].gap = mark + r;
        part->record[r].axis[0] = mark;
        for (int i = 0; i < size * size; i++) sg_array_record(array, r)[i] = mark + 10 * r + 100 * i;
    }
    return part;
}

static sg_result *make_frame(void) {
    const double a[2] = {1, 2}, b[1] = {5};
    sg_result *frame;
    assert_int_equal(sg_result_new(0, &frame), SG_OK);
    assert_int_equal(sg_result_attribute(frame, "title", "joined"), SG_OK);
    assert_int_equal(sg_result_axis(frame, "a", "1", 2, a), SG_OK);
    assert_int_equal(sg_result_axis(frame, "b", "1", 1, b), SG_OK);
    return frame;
}

static void delete_all(sg_result *frame, sg_result *const *part, int parts, sg_result *joined) {
    sg_result_delete(frame);
    for (int p = 0; p < parts; p++) sg_result_delete(part[p]);
    sg_result_delete(joined);
}

static void test_join_pads(void **state) {
    (void)state;
    const int shape[1] = {3};
    sg_array *array;
    sg_result *frame = make_frame(), *joined;
    sg_result *part[3] = {make_part(2, 1, 1, NULL), make_part(1, 2, 2, "b"), make_part(1, 1, 3, "a")};
    assert_int_equal(sg_result_array(part[1], "status", "1", "status", true, 1, shape, &array), SG_OK);
    memset(array->byte, 7, 3);
    assert_int_equal(sg_result_join(frame, 3, (const sg_result *const *)part, &joined), SG_OK);
    assert_int_equal(joined->records, 4);
    assert_int_equal(joined->axes, 2);
    assert_string_equal(sg_result_get(joined, "title"), "joined");
    const double gap[4] = {1, 2, 2, 3};
    for (int r = 0; r < 4; r++) assert_true(joined->record[r].gap == gap[r]);
    array = sg_result_find(joined, "gamma");
    assert_int_equal(array->shape[0], 2);
    const double expected[16] = {1, NAN, NAN, NAN, 11, NAN, NAN, NAN, 2, 102, 202, 302, 3, NAN, NAN, NAN};
    for (int i = 0; i < 16; i++)
        assert_true(isnan(expected[i]) ? isnan(array->value[i]) : array->value[i] == expected[i]);
    array = sg_result_find(joined, "status");
    for (int i = 0; i < 12; i++) assert_int_equal(array->byte[i], i / 3 == 2 ? 7 : 255);
    delete_all(frame, part, 3, joined);
}

static void test_join_matches_axes(void **state) {
    (void)state;
    sg_result *frame = make_frame(), *joined;
    sg_result *part[3] = {make_part(1, 1, 1, NULL), make_part(1, 1, 5, "b"), make_part(1, 1, 2, "a")};
    assert_int_equal(sg_result_join(frame, 3, (const sg_result *const *)part, &joined), SG_OK);
    assert_true(joined->record[0].axis[0] == 1 && isnan(joined->record[0].axis[1]));
    assert_true(isnan(joined->record[1].axis[0]) && joined->record[1].axis[1] == 5);
    assert_true(joined->record[2].axis[0] == 2 && isnan(joined->record[2].axis[1]));
    delete_all(frame, part, 3, joined);
}

static void test_join_three_dimensions(void **state) {
    (void)state;
    const int small[3] = {1, 2, 2}, large[3] = {2, 3, 2};
    sg_result *frame = make_frame(), *part[2], *joined;
    sg_array *array;
    for (int p = 0; p < 2; p++) {
        assert_int_equal(sg_result_new(1, &part[p]), SG_OK);
        assert_int_equal(sg_result_array(part[p], "x", "1", "", false, 3, p ? large : small, &array), SG_OK);
        for (int i = 0; i < (p ? 12 : 4); i++) array->value[i] = i;
    }
    assert_int_equal(sg_result_join(frame, 2, (const sg_result *const *)part, &joined), SG_OK);
    array = sg_result_find(joined, "x");
    for (int i = 0; i < 12; i++) {
        if (i < 4)
            assert_true(array->value[i] == i);
        else
            assert_true(isnan(array->value[i]));
        assert_true(array->value[12 + i] == i);
    }
    delete_all(frame, part, 2, joined);
}

static void test_join_refuses(void **state) {
    (void)state;
    const int shape[1] = {2};
    sg_array *array;
    sg_result *frame = make_frame(), *joined;
    sg_result *part[2] = {make_part(1, 1, 1, NULL), make_part(1, 1, 1, "c")};
    assert_int_equal(sg_result_join(frame, 2, (const sg_result *const *)part, &joined), SG_OTHER_SCHEMA);
    assert_null(joined);
    assert_non_null(strstr(sg_message(), "axis 'c'"));
    sg_result_delete(part[1]);
    assert_int_equal(sg_result_new(1, &part[1]), SG_OK);
    assert_int_equal(sg_result_array(part[1], "gamma", "1", "", false, 1, shape, &array), SG_OK);
    assert_int_equal(sg_result_join(frame, 2, (const sg_result *const *)part, &joined), SG_OTHER_SCHEMA);
    assert_non_null(strstr(sg_message(), "gamma"));
    delete_all(frame, part, 2, joined);
}

static void test_join_nothing(void **state) {
    (void)state;
    sg_result *frame = make_frame(), *joined;
    assert_int_equal(sg_result_join(frame, 0, NULL, &joined), SG_OK);
    assert_int_equal(joined->records, 0);
    assert_int_equal(joined->axes, 2);
    delete_all(frame, NULL, 0, joined);
}

/* Every allocation in turn fails: the status says so and nothing leaks. */
static void test_out_of_memory(void **state) {
    (void)state;
    sg_result *frame = make_frame(), *sample, *joined;
    assert_int_equal(sample_result(2, &sample), SG_OK);
    const sg_result *part[2] = {sample, sample};
    sg_result_delete(frame);
    sg_status status = SG_NO_MEMORY;
    long k;
    for (k = 1; status == SG_NO_MEMORY && k < 1000; k++) {
        sg_result *again;
        sg_memory_fail_after(k);
        status = sample_result(2, &again);
        sg_memory_fail_after(0);
        assert_true(status == SG_OK || status == SG_NO_MEMORY);
        sg_result_delete(again);
    }
    assert_int_equal(status, SG_OK);
    assert_true(k > 15);
    status = SG_NO_MEMORY;
    for (k = 1; status == SG_NO_MEMORY && k < 1000; k++) {
        sg_memory_fail_after(k);
        status = sg_result_join(sample, 2, part, &joined);
        sg_memory_fail_after(0);
        sg_result_delete(joined);
    }
    assert_int_equal(status, SG_OK);
    assert_true(k > 15);
    sg_result_delete(sample);
    assert_int_equal(sg_memory_live(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_clear),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_axes),
        cmocka_unit_test(test_array_names),
        cmocka_unit_test(test_array_values),
        cmocka_unit_test(test_join_pads),
        cmocka_unit_test(test_join_matches_axes),
        cmocka_unit_test(test_join_three_dimensions),
        cmocka_unit_test(test_join_refuses),
        cmocka_unit_test(test_join_nothing),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
