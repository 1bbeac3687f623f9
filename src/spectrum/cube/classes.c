/* Which states of positive probability the moves join. */
#include <math.h>

#include "cube.h"

static uint32_t root_of(uint32_t *parent, uint32_t x) {
    while (parent[x] != x) x = parent[x] = parent[parent[x]];
    return x;
}

/* All states of a fibre communicate. */
static void join_fibre(const sg_cube *cube, uint32_t *parent, uint32_t base, uint32_t mask) {
    uint32_t sub = 0, first = UINT32_MAX;
    do {
        uint32_t x = base | sub;
        if (cube->log_p[x] > -INFINITY) {
            if (first == UINT32_MAX)
                first = root_of(parent, x);
            else
                parent[root_of(parent, x)] = first = root_of(parent, first);
        }
        sub = (sub - mask) & mask;
    } while (sub);
}

sg_status sg_cube_classes(const sg_cube *cube, uint32_t *a, uint32_t *b, bool *apart) {
    const uint32_t states = (uint32_t)1 << cube->n, all = states - 1;
    uint32_t *parent = NULL;
    sg_status status = sg_new(&parent, states, sizeof *parent);
    *apart = false;
    if (status) return status;
    for (uint32_t x = 0; x < states; x++) parent[x] = x;
    for (int k = 0; k < cube->blocks; k++) {
        uint32_t fixed = all & ~cube->block[k], base = 0;
        do {
            join_fibre(cube, parent, base, cube->block[k]);
            base = (base - fixed) & fixed;
        } while (base);
    }
    uint32_t first = 0;
    while (first < all && !(cube->log_p[first] > -INFINITY)) first++;
    for (uint32_t x = first; x < states && !*apart; x++) {
        if (!(cube->log_p[x] > -INFINITY) || root_of(parent, x) == root_of(parent, first)) continue;
        *apart = true;
        *a = first;
        *b = x;
    }
    sg_delete(parent);
    return SG_OK;
}
