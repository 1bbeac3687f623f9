/* A result with something of everything, for the tests of this folder. */
#ifndef SG_TEST_SAMPLE_H
#define SG_TEST_SAMPLE_H

#include "scoregap/store.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static inline sg_status sample_arrays(sg_result *result) {
    const int matrix[2] = {2, 2}, theta[2] = {5, 2}, status_shape[1] = {5};
    sg_array *array;
    sg_status status = sg_result_array(result, "gamma", "1", "asymptotic covariance", false, 2, matrix, &array);
    if (status != SG_OK) return status;
    for (int r = 0; r < result->records; r++) sg_array_record(array, r)[1] = 0.1 * r;
    status = sg_result_array(result, "theta", "1", "estimates", false, 2, theta, &array);
    if (status != SG_OK) return status;
    for (int r = 0; r < result->records; r++)
        for (int i = 0; i < 10; i++) sg_array_record(array, r)[i] = sin(17.0 * r + i) * exp(i);
    status = sg_result_array(result, "status", "1", "status of the estimates", true, 1, status_shape, &array);
    if (status != SG_OK) return status;
    for (int r = 0; r < result->records; r++) sg_array_record_bytes(array, r)[r % 5] = (uint8_t)r;
    return sg_result_array(result, "profile/weights", "1", "weights", false, 1, status_shape, &array);
}

static inline sg_status sample_axes(sg_result *result) {
    const double separation[3] = {1, 2.5, 4}, sizes[2] = {100, 1000};
    sg_status status = sg_result_axis(result, "separation", "1", 3, separation);
    if (status == SG_OK) status = sg_result_axis(result, "n", "1", 2, sizes);
    return status;
}

static inline sg_status sample_result(int records, sg_result **result) {
    sg_status status = sg_result_new(records, result);
    if (status != SG_OK) return status;
    for (int r = 0; r < records; r++) {
        sg_record *record = &(*result)->record[r];
        record->cell = r / 2;
        snprintf(record->family, sizeof record->family, "bimodal");
        snprintf(record->loss, sizeof record->loss, "%s", r % 2 ? "score-matching" : "mle");
        record->n = 1000;
        record->gap = exp(-r);
        record->kl_hi = INFINITY;
        record->asymptotic = r % 2;
        record->axis[0] = 2.5;
        record->axis[1] = 1000;
    }
    status = sg_result_attribute(*result, "title", "a title with \xc3\xa9");
    if (status == SG_OK) status = sg_result_attribute(*result, "experiment", "");
    if (status == SG_OK) status = sg_result_attribute(*result, "seed", "0x1f");
    if (status == SG_OK) status = sample_axes(*result);
    if (status == SG_OK) status = sample_arrays(*result);
    if (status != SG_OK) {
        sg_result_delete(*result);
        *result = NULL;
    }
    return status;
}

#endif
