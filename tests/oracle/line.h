/*
 * Reference values on the line.  Each was computed by two programs that share no code with this one (adaptive
 * quadrature with normal-equation-free linear algebra in extended precision; 40-digit arithmetic for bimodal a = 5, 6);
 * digits are as many as both agreed on.  Gamma is per observation.  NaN: not given.
 */
#ifndef SG_TESTS_ORACLE_LINE_H
#define SG_TESTS_ORACLE_LINE_H

#include <math.h>

typedef struct {
    const char *family, *key, *value;
    double poincare, restricted, norm_gamma_mle, norm_gamma, inefficiency;
} oracle_sweep;

/* Digits in the table, not those of a double, decide the tolerance: half a unit of the last digit, or 1e-7 relative
 * where there are 8 or more. */
static const oracle_sweep oracle_sweeps[] = {
    {"bimodal", "a", "1", 1.1821878, 1.1784031, 8.1258979, 9.35576, 1.20283051},
    {"bimodal", "a", "2", 8.799977785, 8.6887039, 4.0687301, 6.4744773, 1.67766206},
    {"bimodal", "a", "2.5", 28.13069059, 27.66606, 3.300497, 7.3730108, 2.51320802},
    {"bimodal", "a", "3", 110.0185703, 108.41921, 3.081358, 12.98694, 5.64078747},
    {"bimodal", "a", "4", 3497.305132, 3475.2705, 3.1682484, 142.11055, 70.4255397},
    {"bimodal", "a", "5", 308030.6507, 307257.85, 3.2835389, 5722.95865436, 2860.90760519},
    {"bimodal", "a", "6", 74563580.2, 74475506, 3.3318934, 716937.842192, 358468.374673},
    {"polynomial", "B", "0", 0.365338837, 0.36261271, 23.699089, 28.680853, 1.2324587},
    {"polynomial", "B", "2", 1.335681154, 1.200056, 9.7739201, 25.425603, 4.28562129},
    {"polynomial", "B", "4", 16.7900211, 6.1478371, 7.0570386, 141.01856, 93.9920751},
    {"polynomial", "B", "6", 1573.51077, 22.888083, 7.782389, 693.51865, 835.348711},
    {"polynomial", "B", "8", 1265160.452, 55.733774, 9.2918323, 1835.8339, 3093.99389},
    {"polynomial", "B", "12", 4.033503577e+14, 190.50654, 12.844579, 6603.4048, 17211.8137},
    {"monomial", "k", "4", 0.293202789, 0.0988079984, 265.058144, 300.316698, 1.13304913},
    {"monomial", "k", "8", 0.302101091563, 0.080924778, 120.936111, 259.646588, 2.14844699},
    {"monomial", "k", "16", 0.315235932642, 0.0742164588, 86.3842508, 393.282962, 4.62422432},
    {"sinusoid", "omega", "0.5", 0.96458735, 0.943613312, 7.11567619, 7.47971706, 1.05174111},
    {"sinusoid", "omega", "1", 0.994087027, 0.646768598, 3.59489249, 5.22208348, 1.45451072},
    {"sinusoid", "omega", "2", 1.83433295, 0.495975886, 2.82258492, 4.83435731, 2.1141112},
    {"sinusoid", "omega", "8", 1.61974937, 0.5, 2.82210017, 30.6056493, 15.2970359},
    {"mixture", "m", "1", 2.06156669, NAN, 0.454214711, 0.755352034, NAN},
    {"mixture", "m", "2", 8.39879886, NAN, 0.268412395, 2.52919857, NAN},
    {"mixture", "m", "3", 69.8475184, NAN, 0.251042096, 35.0257678, NAN},
    {"mixture", "m", "4", 1612.64418, NAN, 0.250024557, 1385.83782, NAN},
    {"mixture", "m", "5", 111700.734, NAN, 0.250000223, 147823.582, NAN},
};

/* V = h (x^2 - 1)^2 */
static const struct {
    const char *h;
    double gap;
} oracle_wells[] = {{"5", 0.0555228127315}, {"20", 7.27721139945e-08}, {"100", 6.67316232264e-42}};

/* bimodal, erf alone free, Stein kernel at theta_erf = 0.1 where the truth is 0: inefficiency (3 digits) */
static const struct {
    const char *a;
    double inefficiency, relative;
} oracle_pilot[] = {{"3", 1.77, 3e-3}, {"4", 26, 2e-2}, {"5", 2232, 3e-4}};

#endif
