#include "scoregap/family.h"

enum { MEMBERS = 9 };

/* Rows of SG_BLOCK numbers in each member, in the order of the bits of `want`. */
static void rows_of(int m, int d, int want, size_t rows[MEMBERS]) {
    size_t parameters = (size_t)m, directions = (size_t)d;
    size_t pairs = parameters * (parameters + 1) / 2,
           seconds = want & SG_DIAGONAL ? directions : directions * (directions + 1) / 2;
    rows[0] = 1;
    rows[1] = directions;
    rows[2] = seconds;
    rows[3] = parameters;
    rows[4] = parameters * directions;
    rows[5] = parameters * seconds;
    rows[6] = pairs;
    rows[7] = pairs * directions;
    rows[8] = pairs * seconds;
}

size_t sg_jet_bytes(int m, int d, int want) {
    size_t rows[MEMBERS], bytes = 0;
    rows_of(m, d, want, rows);
    for (int k = 0; k < MEMBERS; k++)
        if (want >> k & 1) bytes += rows[k] * SG_BLOCK * sizeof(double);
    return bytes;
}

sg_status sg_jet_take(sg_arena *arena, int m, int d, int want, sg_jet *jet) {
    size_t rows[MEMBERS];
    rows_of(m, d, want, rows);
    *jet = (sg_jet){.m = m, .d = d, .want = want};
    double **member[MEMBERS] = {&jet->logp,   &jet->dx,  &jet->dxx,    &jet->dt,     &jet->dt_dx,
                                &jet->dt_dxx, &jet->dtt, &jet->dtt_dx, &jet->dtt_dxx};
    for (int k = 0; k < MEMBERS; k++) {
        if (!(want >> k & 1)) continue;
        *member[k] = sg_arena_take(arena, rows[k] * SG_BLOCK, sizeof(double));
        if (!*member[k])
            return sg_fail(SG_NO_MEMORY, "the arena is too small for a jet of %d parameters in %d dimensions", m, d);
    }
    return SG_OK;
}
