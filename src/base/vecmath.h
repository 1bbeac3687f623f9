/*
 * Elementary functions for vector loops.  Each is declared `omp declare simd`, so that a loop over an array calls the
 * vector variant of SLEEF's GNU ABI (linked before libm); without -ffast-math glibc declares none of them so.
 */
#ifndef SG_BASE_VECMATH_H
#define SG_BASE_VECMATH_H

#include <math.h>

#pragma omp declare simd notinbranch
extern double exp(double);
#pragma omp declare simd notinbranch
extern double log(double);
#pragma omp declare simd notinbranch
extern double log1p(double);
#pragma omp declare simd notinbranch
extern double expm1(double);
#pragma omp declare simd notinbranch
extern double sin(double);
#pragma omp declare simd notinbranch
extern double cos(double);
#pragma omp declare simd notinbranch
extern double erf(double);
#pragma omp declare simd notinbranch
extern double erfc(double);
#pragma omp declare simd notinbranch
extern double tanh(double);

#endif
