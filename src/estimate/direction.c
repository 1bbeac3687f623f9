#include "estimate/direction.h"

#include <math.h>
#include <stdio.h>

enum { SHOWN = 8 };
static const double least = 1e-6; /* of the largest entry */

/* How many entries are larger than entry j, or as large and before it. */
static int rank_of(int m, const double *direction, int j) {
    int rank = 0;
    for (int k = 0; k < m; k++) {
        const double here = fabs(direction[k]), there = fabs(direction[j]);
        rank += here > there || (here == there && k < j);
    }
    return rank;
}

void sg_direction_text(const sg_model *model, const double *direction, size_t size, char *text) {
    const int m = model->m;
    char name[SG_NAME];
    size_t used = 0;
    double top = 0;
    text[0] = '\0';
    for (int j = 0; j < m; j++) top = fmax(top, fabs(direction[j]));
    for (int j = 0; j < m && used < size; j++) {
        if (!(fabs(direction[j]) > least * top)) continue;
        if (m > SHOWN && rank_of(m, direction, j) >= SHOWN) continue;
        sg_model_parameter(model, j, name);
        used += (size_t)snprintf(text + used, size - used, "%s%.3g %s", used ? ", " : "", direction[j], name);
    }
    if (m > SHOWN && used < size) snprintf(text + used, size - used, ", ..");
}
