#include <string.h>

#include "scoregap/dictionary.h"

/* One line a row: the name of its sg_row_NAME. */
#define ROWS(X)         \
    X(mle)              \
    X(score_matching)   \
    X(preconditioned)   \
    X(lifted)           \
    X(denoising)        \
    X(sliced)           \
    X(pseudolikelihood) \
    X(masked)           \
    X(masked_random)    \
    X(rise)             \
    X(probability_flow) \
    X(ratio_matching)   \
    X(concrete_score)   \
    X(underdamped)      \
    X(jumps)            \
    X(swendsen_wang)    \
    X(wolff)

#define DECLARE(name) extern const sg_row sg_row_##name;
ROWS(DECLARE)

#define ENTRY(name) &sg_row_##name,
const sg_row *const sg_rows[] = {ROWS(ENTRY) NULL};

const sg_row *sg_row_find(const char *loss_name) {
    for (const sg_row *const *row = sg_rows; *row; row++)
        if (strcmp((*row)->name, loss_name) == 0) return *row;
    return NULL;
}

void sg_kernel_delete(sg_kernel *kernel) {
    if (kernel) kernel->release(kernel);
}

const sg_row *sg_row_find_dynamics(const char *dynamics_name) {
    for (const sg_row *const *row = sg_rows; *row; row++)
        if (strcmp((*row)->dynamics, dynamics_name) == 0) return *row;
    return NULL;
}
