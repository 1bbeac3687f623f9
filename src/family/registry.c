#include "scoregap/family.h"

#include <string.h>

/* One line a family. */
#define FAMILIES(X)       \
    X(gaussian)           \
    X(bimodal)            \
    X(monomial)           \
    X(sinusoid)           \
    X(polynomial)         \
    X(sparse_cut)         \
    X(double_well)        \
    X(mixture)            \
    X(gaussian_mixture)   \
    X(laplace)            \
    X(exponential)        \
    X(logistic)           \
    X(student)            \
    X(uniform)            \
    X(truncated_gaussian) \
    X(von_mises)          \
    X(von_mises_fisher)   \
    X(bingham)            \
    X(ising)              \
    X(potts)              \
    X(loglinear)          \
    X(parity)             \
    X(hardcore)           \
    X(chain)              \
    X(rotated_wells)      \
    X(ab_model)           \
    X(product)

#define DECLARE(name) extern const sg_family sg_family_##name;
FAMILIES(DECLARE)

#define ADDRESS(name) &sg_family_##name,
const sg_family *const sg_families[] = {FAMILIES(ADDRESS) NULL};

const sg_family *sg_family_find(const char *name) {
    for (const sg_family *const *family = sg_families; *family; family++)
        if (strcmp((*family)->name, name) == 0) return *family;
    return NULL;
}
