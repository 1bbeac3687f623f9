/* The allocator, its faults on demand, and the arena. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "scoregap/base.h"

static void test_blocks_are_zero_and_aligned(void **state) {
    (void)state;
    long before = sg_memory_live();
    for (size_t n = 0; n < 300; n = n * 2 + 1) {
        double *block;
        assert_int_equal(sg_new(&block, n, sizeof *block), SG_OK);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % SG_ALIGN, 0);
        for (size_t i = 0; i < n; i++) assert_true(block[i] == 0);
        for (size_t i = 0; i < n; i++) block[i] = 1; /* so that the next block of this size is dirty memory */
        assert_int_equal(sg_memory_live(), before + 1);
        sg_delete(block);
    }
    sg_delete(NULL);
    assert_int_equal(sg_memory_live(), before);
}

static void test_sizes_beyond_memory_are_refused(void **state) {
    (void)state;
    const size_t wrong[][2] = {{SIZE_MAX, 2}, {SIZE_MAX / 8 + 1, 8}, {SIZE_MAX, 1}, {(size_t)1 << 40, (size_t)1 << 40}};
    long before = sg_memory_live();
    for (int i = 0; i < 4; i++) {
        char *block = (char *)&before;
        assert_int_equal(sg_new(&block, wrong[i][0], wrong[i][1]), SG_NO_MEMORY);
        assert_null(block);
        assert_non_null(strstr(sg_message(), "more than memory can hold"));
    }
    assert_int_equal(sg_memory_live(), before);
}

static void test_the_kth_call_fails_and_only_it(void **state) {
    (void)state;
    long before = sg_memory_live();
    for (long k = 1; k <= 5; k++) {
        sg_memory_fail_after(k);
        for (long call = 1; call <= 8; call++) {
            void *block = &before;
            assert_int_equal(sg_new(&block, 3, 8), call == k ? SG_NO_MEMORY : SG_OK);
            assert_true((block == NULL) == (call == k));
            if (call == k) assert_non_null(strstr(sg_message(), "exhausted"));
            sg_delete(block);
        }
    }
    void *block;
    sg_memory_fail_after(1);
    sg_memory_fail_after(0);
    assert_int_equal(sg_new(&block, 1, 1), SG_OK);
    sg_delete(block);
    assert_int_equal(sg_memory_live(), before);
}

static void test_one_failure_among_threads(void **state) {
    (void)state;
    long before = sg_memory_live();
    for (long k = 1; k < 400; k += 57) {
        int failures = 0;
        sg_memory_fail_after(k);
#pragma omp parallel for num_threads(4) reduction(+ : failures)
        for (int i = 0; i < 400; i++) {
            void *block;
            failures += sg_new(&block, 1, 64) != SG_OK;
            sg_delete(block);
        }
        assert_int_equal(failures, 1);
    }
    sg_memory_fail_after(0);
    assert_int_equal(sg_memory_live(), before);
}

static void test_arena_hands_out_disjoint_pieces(void **state) {
    (void)state;
    enum { PIECES = 20 };
    sg_arena *arena;
    unsigned char *piece[PIECES];
    assert_int_equal(sg_arena_new(PIECES * 256, &arena), SG_OK);
    for (int i = 0; i < PIECES; i++) {
        piece[i] = sg_arena_take(arena, (size_t)(i * 12), 1);
        assert_non_null(piece[i]);
        assert_int_equal((uintptr_t)piece[i] % SG_ALIGN, 0);
        memset(piece[i], i, (size_t)(i * 12));
    }
    for (int i = 0; i < PIECES; i++)
        for (int b = 0; b < i * 12; b++) assert_int_equal(piece[i][b], i);
    sg_arena_delete(arena);
}

static void test_arena_is_full_at_its_size(void **state) {
    (void)state;
    sg_arena *arena;
    assert_int_equal(sg_arena_new(1000, &arena), SG_OK); /* 16 lines of 64 bytes */
    size_t mark = sg_arena_mark(arena);
    for (int round = 0; round < 3; round++) {
        void *first = sg_arena_take(arena, 8, 64);
        size_t half = sg_arena_mark(arena);
        void *second = sg_arena_take(arena, 8, 64);
        assert_non_null(first);
        assert_non_null(second);
        assert_null(sg_arena_take(arena, 1, 1));
        sg_arena_rewind(arena, half);
        assert_null(sg_arena_take(arena, 9, 64));
        assert_ptr_equal(sg_arena_take(arena, 1, 512), second);
        sg_arena_rewind(arena, mark);
    }
    assert_null(sg_arena_take(arena, SIZE_MAX, 1));
    assert_null(sg_arena_take(arena, SIZE_MAX / 4, 8));
    assert_non_null(sg_arena_take(arena, 1000, 1));
    sg_arena_delete(arena);
}

static void test_arena_reports_its_failure(void **state) {
    (void)state;
    long before = sg_memory_live();
    sg_arena *arena = (sg_arena *)&before;
    sg_memory_fail_after(1);
    assert_int_equal(sg_arena_new(64, &arena), SG_NO_MEMORY);
    assert_null(arena);
    sg_memory_fail_after(0);
    arena = (sg_arena *)&before;
    assert_int_equal(sg_arena_new(SIZE_MAX - 10, &arena), SG_NO_MEMORY);
    assert_null(arena);
    arena = (sg_arena *)&before;
    assert_int_equal(sg_arena_new(SIZE_MAX - 64, &arena), SG_NO_MEMORY);
    assert_null(arena);
    sg_arena_delete(NULL);
    assert_int_equal(sg_memory_live(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_are_zero_and_aligned),     cmocka_unit_test(test_sizes_beyond_memory_are_refused),
        cmocka_unit_test(test_the_kth_call_fails_and_only_it),  cmocka_unit_test(test_one_failure_among_threads),
        cmocka_unit_test(test_arena_hands_out_disjoint_pieces), cmocka_unit_test(test_arena_is_full_at_its_size),
        cmocka_unit_test(test_arena_reports_its_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
