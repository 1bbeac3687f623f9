#include "family/elimination.h"

/* Digit of a position in a table over a list of them, of which the last changes fastest. */
static int digit_of(int count, const int *list, int position) {
    int low = 0, high = count - 1;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (list[middle] < position)
            low = middle + 1;
        else
            high = middle;
    }
    return count - 1 - low;
}

/* The same in table k, whose own site is the slowest. */
static int table_digit(const sg_elimination *plan, int k, int position) {
    const int count = sg_elimination_later(plan, k);
    return position == k ? count : digit_of(count, plan->order.later + plan->order.start[k], position);
}

static void start_map(int q, int digits, sg_table_map *map) {
    map->q = q;
    map->digits = digits;
    map->offset = 0;
    for (int d = 0; d < digits; d++) map->stride[d] = 0;
}

static void start_table(const sg_elimination *plan, int k, sg_table_map *map) {
    start_map(plan->q, k < 0 ? 0 : sg_elimination_later(plan, k) + 1, map);
}

/* The list of the low digits, as many as it has room for. */
static void finish_map(sg_table_map *map) {
    const int q = map->q;
    int count = 1;
    map->low = 0;
    map->list[0] = 0;
    while (map->low < map->digits && count * q <= SG_MAP_LOW) {
        const int32_t stride = (int32_t)map->stride[map->low++];
        for (int s = 1; s < q; s++)
            for (int c = 0; c < count; c++) map->list[s * count + c] = map->list[c] + s * stride;
        count *= q;
    }
    map->low_size = (size_t)count;
    map->size = sg_elimination_power(q, map->digits);
    map->straight = map->constant = true;
    for (int c = 0; c < count; c++) {
        map->straight &= map->list[c] == c;
        map->constant &= map->list[c] == 0;
    }
}

void sg_table_map_lists(int q, int in, const int *large, int of, const int *small, sg_table_map *map) {
    size_t stride = 1;
    start_map(q, in, map);
    for (int a = of - 1; a >= 0; a--, stride *= (size_t)q) map->stride[digit_of(in, large, small[a])] = stride;
    finish_map(map);
}

void sg_table_map_strides(int q, int digits, const size_t *stride, sg_table_map *map) {
    start_map(q, digits, map);
    for (int d = 0; d < digits; d++) map->stride[d] = stride[d];
    finish_map(map);
}

void sg_table_map_message(const sg_elimination *plan, int k, int child, sg_table_map *map) {
    const int first = plan->order.start[child];
    size_t stride = 1;
    start_table(plan, k, map);
    for (int a = plan->order.start[child + 1] - 1; a >= first; a--, stride *= (size_t)plan->q)
        map->stride[table_digit(plan, k, plan->order.later[a])] = stride;
    finish_map(map);
}

void sg_table_map_factor(const sg_elimination *plan, int k, const sg_factor *factor, const int *given,
                         sg_table_map *map) {
    size_t stride = 1;
    start_table(plan, k, map);
    for (int a = 0; a < factor->sites; a++, stride *= (size_t)plan->q) {
        const int position = plan->order.position[factor->site[a]];
        if (position < 0)
            map->offset += (size_t)given[factor->site[a]] * stride;
        else
            map->stride[table_digit(plan, k, position)] = stride;
    }
    finish_map(map);
}

/* Where in the small table the next `low_size` entries of the large one begin. */
static size_t next_base(const sg_table_map *map, int *state, size_t base) {
    for (int d = map->low; d < map->digits; d++) {
        base += map->stride[d];
        if (++state[d] < map->q) break;
        base -= (size_t)map->q * map->stride[d];
        state[d] = 0;
    }
    return base;
}

void sg_table_spread(const sg_table_map *map, const double *small, double *large) {
    const int count = (int)map->low_size;
    const int32_t *list = map->list;
    int state[SG_MAP_DIGITS] = {0};
    size_t base = map->offset;
    for (size_t at = 0; at < map->size; at += map->low_size, base = next_base(map, state, base)) {
        const double *restrict from = small + base;
        double *restrict to = large + at;
        if (map->straight) {
#pragma omp simd
            for (int c = 0; c < count; c++) to[c] += from[c];
        } else if (map->constant) {
            const double value = from[0];
#pragma omp simd
            for (int c = 0; c < count; c++) to[c] += value;
        } else {
#pragma omp simd
            for (int c = 0; c < count; c++) to[c] += from[list[c]];
        }
    }
}

void sg_table_gather(const sg_table_map *map, const double *large, double *small) {
    const int count = (int)map->low_size;
    int state[SG_MAP_DIGITS] = {0};
    size_t base = map->offset;
    for (size_t at = 0; at < map->size; at += map->low_size, base = next_base(map, state, base)) {
        const double *restrict from = large + at;
        double *restrict to = small + base;
        for (int c = 0; c < count; c++) to[map->list[c]] += from[c];
    }
}
