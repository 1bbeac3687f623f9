/*
 * scoregap/store.h - result files in HDF5 (the only module that includes hdf5.h).
 *
 * Equal results give equal bytes: object times are off, compound types are packed, NaNs canonical, strings UTF-8, and
 * nothing that depends on time, threads, host or path is stored.  Written to a temporary name beside the target,
 * flushed to disk, renamed.
 */
#ifndef SCOREGAP_STORE_H
#define SCOREGAP_STORE_H

#include "scoregap/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SG_SCHEMA "scoregap-result-1"

/*
 * Columns of /cells, one record a (cell, loss): type (TEXT(length) fixed-length string, COUNT int32, REAL float64, FLAG
 * uint8), name, unit, description. Units: "1" for pure numbers; "t" for time of the generator; "1/t" for rates.
 */
#define SG_RECORD_COLUMNS(TEXT, COUNT, REAL, FLAG)                                                                \
    COUNT(cell, "1", "number of the cell in the plan, from 0")                                                    \
    TEXT(family, 32, "1", "family")                                                                               \
    TEXT(parameters, 160, "1", "keys of the family, with free=")                                                  \
    TEXT(loss, 128, "1", "loss with its options")                                                                 \
    TEXT(clock, 96, "1", "events in one unit of time of the generator")                                           \
    COUNT(n, "1", "sample size; 0 when nothing was sampled")                                                      \
    COUNT(m, "1", "number of free parameters")                                                                    \
    COUNT(replicates, "1", "Monte Carlo replicates")                                                              \
    TEXT(status_gap, 16, "1", "status of the gap")                                                                \
    TEXT(status_efficiency, 16, "1", "status of the asymptotic covariance")                                       \
    TEXT(status_profile, 16, "1", "status of the spectral form")                                                  \
    TEXT(status_montecarlo, 16, "1", "status of the Monte Carlo summary")                                         \
    REAL(gap, "1/t", "spectral gap of the generator")                                                             \
    REAL(gap_lower, "1/t", "lower end of its enclosure")                                                          \
    REAL(gap_upper, "1/t", "upper end of its enclosure")                                                          \
    REAL(log10_gap, "1", "decimal logarithm of the gap")                                                          \
    REAL(poincare, "t", "Poincare constant, 1/gap")                                                               \
    REAL(relaxation_time, "t", "1/gap")                                                                           \
    REAL(relaxation_sweeps, "1", "relaxation time in sweeps over all sites; NaN on continuous spaces")            \
    REAL(mixing_time, "t", "total-variation mixing time; NaN when not measured")                                  \
    REAL(restricted_poincare, "t", "restricted Poincare constant of the scores")                                  \
    REAL(restricted_poincare_error, "t", "its error estimate")                                                    \
    REAL(norm_gamma, "1", "operator norm of the asymptotic covariance")                                           \
    REAL(norm_gamma_mle, "1", "operator norm of that of maximum likelihood")                                      \
    REAL(gamma_error, "1", "error estimate of gamma in operator norm")                                            \
    REAL(inefficiency_min, "1", "smallest generalized eigenvalue of gamma against gamma_mle")                     \
    REAL(inefficiency_max, "1", "largest one")                                                                    \
    REAL(inefficiency_error, "1", "error estimate of the largest")                                                \
    REAL(mean_psi, "1", "largest standardized mean of the estimating function; 0 unless a boundary term is lost") \
    REAL(profile_disagreement, "1", "relative difference of spectral form and quadrature")                        \
    REAL(bound_khr, "1", "KHR/QR upper bound on norm_gamma with the Poincare constant")                           \
    REAL(bound_khr_restricted, "1", "the same with the restricted Poincare constant")                             \
    REAL(bound_khr_step_inverse, "1", "first step of the chain")                                                  \
    REAL(bound_khr_step_poincare, "1", "second step, restricted Poincare constant")                               \
    REAL(bound_khr_step_split, "1", "third step, restricted Poincare constant")                                   \
    REAL(bound_kantorovich, "1", "Kantorovich upper bound on the inefficiency; NaN for diffusions")               \
    REAL(muckenhoupt_poincare_lower, "t", "Muckenhoupt lower bound on the Poincare constant")                     \
    REAL(muckenhoupt_poincare_upper, "t", "Muckenhoupt upper bound on the Poincare constant")                     \
    REAL(cheeger_gap_lower, "1/t", "Cheeger lower bound on the gap")                                              \
    REAL(cheeger_gap_upper, "1/t", "two-step test function's upper bound on the gap")                             \
    REAL(rho_over_n, "1", "relative variance of the worst direction of the sample Hessian")                       \
    FLAG(asymptotic, "1", "1 when rho_over_n <= 0.01")                                                            \
    COUNT(used, "1", "replicates with a defined estimate")                                                        \
    COUNT(failed_singular, "1", "fits with a singular system")                                                    \
    COUNT(failed_not_converged, "1", "fits that did not converge")                                                \
    COUNT(failed_not_integrable, "1", "fits outside the parameter space")                                         \
    COUNT(failed_pilot, "1", "fits whose pilot failed")                                                           \
    COUNT(failed_other, "1", "other failures")                                                                    \
    COUNT(failed_separated, "1", "fits to separated data: the estimate lies at infinity")                         \
    COUNT(failed_no_minimum, "1", "fits whose loss falls for ever along a direction")                             \
    REAL(montecarlo_inefficiency, "1", "n Var(theta-hat) over that of mle, in the direction of inefficiency_max") \
    REAL(montecarlo_inefficiency_se, "1", "its jackknife standard error")                                         \
    REAL(montecarlo_robust, "1", "largest n (IQR/1.349)^2 / gamma_mle_jj")                                        \
    REAL(montecarlo_norm, "1", "operator norm of n Cov(theta-hat)")                                               \
    REAL(coverage, "1", "least share of 95 % sandwich intervals that hold the truth")                             \
    REAL(coverage_se, "1", "its binomial standard error")                                                         \
    REAL(kl_mean, "1", "mean KL(p || p_theta-hat) in nats")                                                       \
    REAL(kl_mean_se, "1", "its standard error")                                                                   \
    REAL(kl_median, "1", "median KL")                                                                             \
    REAL(kl_lo, "1", "2.5 % quantile of KL")                                                                      \
    REAL(kl_hi, "1", "97.5 % quantile of KL")                                                                     \
    TEXT(status_mixing, 16, "1", "status of the mixing time")                                                     \
    TEXT(mixing_start, 96, "1", "where the process of the mixing time starts")                                    \
    REAL(mixing_epsilon, "1", "total-variation distance at the mixing time")                                      \
    REAL(mixing_time_lower, "t", "lower end of its enclosure")                                                    \
    REAL(mixing_time_upper, "t", "upper end of its enclosure; over all starts for the worst one")                 \
    REAL(points, "1", "points at which one pass of a fit looks, a datum")                                         \
    REAL(mixture_poincare_upper, "t", "upper bound on the Poincare constant, decomposition of a mixture")         \
    REAL(scales_poincare_upper, "t", "the same of tempered Langevin from its scales, QR Theorem 12")              \
    REAL(level_poincare_lower, "t", "Poincare constant of the noise level alone, a lower bound")

#define SG_RECORD_TEXT(name, length, unit, description) char name[length];
#define SG_RECORD_COUNT(name, unit, description) int32_t name;
#define SG_RECORD_REAL(name, unit, description) double name;
#define SG_RECORD_FLAG(name, unit, description) uint8_t name;
#define SG_RECORD_AXES 4
typedef struct sg_record {
    SG_RECORD_COLUMNS(SG_RECORD_TEXT, SG_RECORD_COUNT, SG_RECORD_REAL, SG_RECORD_FLAG)
    double axis[SG_RECORD_AXES]; /* values of the grid keys; columns sg_axis.column; numeric keys only */
} sg_record;
/* All texts empty, counts 0, reals NaN. */
void sg_record_clear(sg_record *record);

/* A dataset [records, shape...] of float64 or uint8. `name` may hold one slash (group/dataset). */
typedef struct {
    char name[48], units[16], description[160];
    bool bytes; /* uint8 in place of float64 */
    int rank;   /* of one record's part, 0..3 */
    int shape[3];
    double *value; /* [records * prod shape]; NaN where undefined */
    uint8_t *byte; /* the same for bytes */
} sg_array;

typedef struct {
    char name[48], text_units[16];
    char column[56]; /* of /cells: NAME, or axis_NAME where a fixed column has the name (m, n) */
    int count;
    double *value;
} sg_axis; /* /axis/NAME, attribute units */

typedef struct {
    char *name, *value;
} sg_attribute; /* of the root group; variable-length UTF-8 */

typedef struct sg_result {
    int attributes, axes, records, arrays;
    sg_attribute *attribute;
    sg_axis *axis;
    sg_record *record;
    sg_array *array;
} sg_result;

/* Empty result with `records` cleared records and room for the rest.  Errors: SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_result_new(int records, sg_result **result);
void sg_result_delete(sg_result *result);
SG_MUST_CHECK sg_status sg_result_attribute(sg_result *result, const char *name,
                                            const char *value);       /* adds or replaces */
const char *sg_result_get(const sg_result *result, const char *name); /* NULL if absent */
/* Adds an axis (values copied) or an array (filled with NaN, or 255 for bytes); *array points into the result until the
 * next addition. */
SG_MUST_CHECK sg_status sg_result_axis(sg_result *result, const char *name, const char *units, int count,
                                       const double *value);
SG_MUST_CHECK sg_status sg_result_array(sg_result *result, const char *name, const char *units, const char *description,
                                        bool bytes, int rank, const int *shape, sg_array **array);
sg_array *sg_result_find(const sg_result *result, const char *name); /* NULL if absent */
/* Values of one record of an array. */
double *sg_array_record(const sg_array *array, int record);
uint8_t *sg_array_record_bytes(const sg_array *array, int record);

/*
 * Joins parts (cell files) in order into one result: records one after the other; arrays of the same name are padded
 * with NaN (255) to the largest shape; attributes and axes are those of `frame` (a result with no records).  Errors:
 * SG_NO_MEMORY, SG_OTHER_SCHEMA.
 */
SG_MUST_CHECK sg_status sg_result_join(const sg_result *frame, int parts, const sg_result *const *part,
                                       sg_result **joined);

/*
 * Writes atomically.  Errors: SG_CANNOT_CREATE (directory missing, no permission: nothing was written), SG_CANNOT_WRITE
 * (disk full: the target is untouched and the temporary file removed).  HDF5's own error printing stays off.
 */
SG_MUST_CHECK sg_status sg_store_write(const char *path, const sg_result *result);
/* Errors: SG_CANNOT_READ (missing, no HDF5, truncated), SG_OTHER_SCHEMA (no or another schema attribute; names both).
 */
SG_MUST_CHECK sg_status sg_store_read(const char *path, sg_result **result);

/*
 * A user's data: CSV of numbers (comma, semicolon, tab or blanks; optional header line; '#' comments) or
 * FILE.h5:/dataset [n,d] (or [n]). rows is [n][d] row-major, to be given to sg_delete.  Errors: SG_CANNOT_READ;
 * SG_BAD_DATA (NaN, infinity, a word, uneven rows, no rows: names row and column).
 */
SG_MUST_CHECK sg_status sg_data_read(const char *path, long long *n, int *d, double **rows);
/* HDF5 library version, for the result's provenance. */
const char *sg_store_library(void);

#ifdef __cplusplus
}
#endif
#endif
