#include "scoregap/base.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_long blocks_live;
static atomic_long calls_to_failure;

void sg_memory_fail_after(long k) {
    atomic_store(&calls_to_failure, k);
}

long sg_memory_live(void) {
    return atomic_load(&blocks_live);
}

/* Counts down to the call that a test wants to fail; one load when no test does. */
static bool failure_is_due(void) {
    long left = atomic_load_explicit(&calls_to_failure, memory_order_relaxed);
    while (left > 0) {
        if (atomic_compare_exchange_weak(&calls_to_failure, &left, left - 1)) return left == 1;
    }
    return false;
}

static bool rounded_up(size_t count, size_t size, size_t *bytes) {
    size_t product;
    if (__builtin_mul_overflow(count, size, &product)) return false;
    if (__builtin_add_overflow(product, (size_t)(SG_ALIGN - 1), &product)) return false;
    *bytes = product & ~(size_t)(SG_ALIGN - 1);
    return true;
}

sg_status sg_new(void *pointer, size_t count, size_t size) {
    void *block = NULL;
    size_t bytes;
    memcpy(pointer, &block, sizeof block);
    if (!rounded_up(count, size, &bytes))
        return sg_fail(SG_NO_MEMORY, "%zu objects of %zu bytes are more than memory can hold", count, size);
    if (bytes == 0) bytes = SG_ALIGN;
    if (!failure_is_due()) block = aligned_alloc(SG_ALIGN, bytes);
    if (!block) return sg_fail(SG_NO_MEMORY, "memory is exhausted: %zu bytes were asked for", bytes);
    memset(block, 0, bytes);
    atomic_fetch_add(&blocks_live, 1);
    memcpy(pointer, &block, sizeof block);
    return SG_OK;
}

void sg_delete(void *pointer) {
    if (!pointer) return;
    atomic_fetch_sub(&blocks_live, 1);
    free(pointer);
}

struct sg_arena {
    size_t size, used;
    _Alignas(SG_ALIGN) unsigned char bytes[];
};

sg_status sg_arena_new(size_t bytes, sg_arena **arena) {
    size_t size, whole;
    *arena = NULL;
    if (!rounded_up(bytes, 1, &size) || __builtin_add_overflow(size, sizeof(sg_arena), &whole))
        return sg_fail(SG_NO_MEMORY, "an arena of %zu bytes is more than memory can hold", bytes);
    sg_status status = sg_new(arena, 1, whole);
    if (status == SG_OK) (*arena)->size = size;
    return status;
}

void sg_arena_delete(sg_arena *arena) {
    sg_delete(arena);
}

void *sg_arena_take(sg_arena *arena, size_t count, size_t size) {
    size_t bytes;
    if (!rounded_up(count, size, &bytes) || bytes > arena->size - arena->used) return NULL;
    void *piece = arena->bytes + arena->used;
    arena->used += bytes;
    return piece;
}

size_t sg_arena_mark(const sg_arena *arena) {
    return arena->used;
}

void sg_arena_rewind(sg_arena *arena, size_t mark) {
    if (mark < arena->used) arena->used = mark;
}
