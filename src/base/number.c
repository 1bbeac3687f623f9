#include "scoregap/base.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MOST = 17, FIXED_LOWEST = -4, FIXED_HIGHEST = 15 };

/* A positive number as 0.d1d2d3... x 10^(point): digits without trailing zeros, and the decimal exponent of d1. */
typedef struct {
    char digits[DIGITS_MOST + 1];
    int exponent;
} decimal;

/* A program may have set a locale with a decimal comma; texts of this library never follow it. */
static locale_t enter_c_locale(void) {
    return uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0));
}

static void decimal_round(double value, int places, decimal *d) {
    char text[SG_NUMBER_TEXT];
    snprintf(text, sizeof text, "%.*e", places - 1, value);
    int length = 0;
    const char *c = text;
    for (; *c != 'e'; c++)
        if (*c != '.') d->digits[length++] = *c;
    d->digits[length] = '\0';
    d->exponent = (int)strtol(c + 1, NULL, 10);
}

/* One unit more in the last digit. */
static void decimal_increase(decimal *d) {
    int i = (int)strlen(d->digits) - 1;
    while (i >= 0 && d->digits[i] == '9') d->digits[i--] = '0';
    if (i >= 0) {
        d->digits[i]++;
    } else {
        d->digits[0] = '1';
        d->exponent++;
    }
}

static bool decimal_is(const decimal *d, double value) {
    char text[SG_NUMBER_TEXT];
    snprintf(text, sizeof text, "%c.%se%d", d->digits[0], d->digits + 1, d->exponent);
    return strtod(text, NULL) == value;
}

/*
 * The nearest decimal of some number of places is the one to try, except at a power of two: there the interval that
 * rounds to the value reaches twice as far up as down, and a decimal above may do where the nearer one below does not.
 * Fifteen places or fewer always survive in a normal double, so the search starts there.
 */
static void decimal_shortest(double value, decimal *d) {
    int binary_exponent;
    bool power_of_two = frexp(value, &binary_exponent) == 0.5;
    for (int places = value < DBL_MIN ? 1 : DBL_DIG; places < DIGITS_MOST; places++) {
        decimal_round(value, places, d);
        if (decimal_is(d, value)) return;
        if (!power_of_two) continue;
        decimal_increase(d);
        if (decimal_is(d, value)) return;
    }
    decimal_round(value, DIGITS_MOST, d);
}

static int decimal_write(const decimal *d, char *text) {
    int count = (int)strlen(d->digits), e = d->exponent;
    while (count > 1 && d->digits[count - 1] == '0') count--;
    if (e < FIXED_LOWEST || e > FIXED_HIGHEST)
        return sprintf(text, "%c%s%.*se%d", d->digits[0], count > 1 ? "." : "", count - 1, d->digits + 1, e);
    if (e < 0) return sprintf(text, "0.%.*s%.*s", -e - 1, "000", count, d->digits);
    if (count <= e + 1) return sprintf(text, "%.*s%.*s", count, d->digits, e + 1 - count, "000000000000000");
    return sprintf(text, "%.*s.%.*s", e + 1, d->digits, count - e - 1, d->digits + e + 1);
}

int sg_number_text(double value, char text[SG_NUMBER_TEXT]) {
    if (isnan(value)) return sprintf(text, "nan");
    if (isinf(value)) return sprintf(text, value > 0 ? "inf" : "-inf");
    if (value == 0) return sprintf(text, signbit(value) ? "-0" : "0");
    int sign = 0;
    if (value < 0) text[sign++] = '-';
    decimal d;
    locale_t outer = enter_c_locale();
    decimal_shortest(fabs(value), &d);
    uselocale(outer);
    return sign + decimal_write(&d, text + sign);
}

bool sg_number_read(const char *text, double *value) {
    char *end;
    locale_t outer = enter_c_locale();
    double number = strtod(text, &end);
    uselocale(outer);
    if (end == text || *end != '\0' || !isfinite(number)) return false;
    *value = number;
    return true;
}

double sg_sum(size_t n, const double *x) {
    double sum = 0, lost = 0;
    for (size_t i = 0; i < n; i++) {
        double next = sum + x[i];
        if (fabs(sum) >= fabs(x[i]))
            lost += (sum - next) + x[i];
        else
            lost += (x[i] - next) + sum;
        sum = next;
    }
    return isfinite(sum) ? sum + lost : sum;
}
