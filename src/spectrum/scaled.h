/* Numbers with an exponent of their own: eigenvalues and amplitudes between e^-20000 and e^20000. */
#ifndef SG_SPECTRUM_SCALED_H
#define SG_SPECTRUM_SCALED_H

#include <math.h>
#include <stdint.h>

/* m 2^e, m = 0 or 0.5 <= |m| < 1 */
typedef struct {
    double m;
    long e;
} sg_scaled;

typedef union {
    double value;
    uint64_t bits;
} sg_image;

/* Normal numbers by their bits; the others by frexp. */
static inline sg_scaled sg_scaled_of(double m, long e) {
    sg_image x = {.value = m};
    int field = (int)(x.bits >> 52 & 0x7ff), shift;
    if (field == 0 || field == 0x7ff) {
        m = frexp(m, &shift);
        return (sg_scaled){m, m == 0 ? 0 : e + shift};
    }
    x.bits = (x.bits & ~((uint64_t)0x7ff << 52)) | (uint64_t)1022 << 52;
    return (sg_scaled){x.value, e + field - 1022};
}

/* log 2 in two parts, the first short, so that multiples of it are exact. */
static inline sg_scaled sg_scaled_exp(double log_value) {
    long e = lrint(log_value / M_LN2);
    return sg_scaled_of(exp((log_value - (double)e * 0x1.62e42fefa38p-1) - (double)e * 0x1.ef35793c7673p-45), e);
}

static inline double sg_scaled_log(sg_scaled x) {
    return log(fabs(x.m)) + (double)x.e * M_LN2;
}

/* 0 or infinite beyond the range of double */
static inline double sg_scaled_value(sg_scaled x) {
    return x.e > 1100 ? x.m * INFINITY : x.e < -1200 ? 0 : ldexp(x.m, (int)x.e);
}

/* 2^e for e <= 0, zero below the range. */
static inline double sg_scaled_power(long e) {
    sg_image x = {.bits = e < -1022 ? 0 : (uint64_t)(1023 + e) << 52};
    return x.value;
}

/* a x + b y */
static inline sg_scaled sg_scaled_combine(double a, sg_scaled x, double b, sg_scaled y) {
    if (x.m == 0) return sg_scaled_of(b * y.m, y.e);
    if (y.m == 0) return sg_scaled_of(a * x.m, x.e);
    long e = x.e > y.e ? x.e : y.e;
    return sg_scaled_of(a * x.m * sg_scaled_power(x.e - e) + b * y.m * sg_scaled_power(y.e - e), e);
}

static inline sg_scaled sg_scaled_shift(sg_scaled x, double factor, long e) {
    return sg_scaled_of(x.m * factor, x.e + e);
}

static inline sg_scaled sg_scaled_product(sg_scaled x, sg_scaled y) {
    return sg_scaled_of(x.m * y.m, x.e + y.e);
}

static inline sg_scaled sg_scaled_quotient(sg_scaled x, sg_scaled y) {
    return sg_scaled_of(x.m / y.m, x.e - y.e);
}

#endif
