/* log Z of von Mises and Fisher's law, with Bessel functions of order nu = d/2 - 1 and up. */
#include <math.h>

#include "family/sphere.h"

/* log of 0F1(; d/2; kappa^2/4), all terms positive, summed from the last by Horner's rule. */
static double log_series(int d, double kappa) {
    const double t = 0.25 * kappa * kappa, c = 0.5 * d;
    double sum = 1;
    for (int k = (int)(2 * kappa) + 24; k > 0; k--) sum = 1 + t / (k * (c + k - 1)) * sum;
    return log(sum);
}

/*
 * r_mu = I_{mu+1}/I_mu, rho = r/kappa and r' downwards in mu from a bound of Amos, whose error each step multiplies by
 * r^2 < 1:  rho_mu = 1/(2 (mu+1) + kappa^2 rho_{mu+1}),  r'_mu = rho_mu^2 (2 (mu+1) - kappa^2 r'_{mu+1}).
 */
static void ratios(int d, double kappa, double *rho, double *slope) {
    const double nu = 0.5 * d - 1, kappa2 = kappa * kappa;
    const int steps = (int)(9 * sqrt(kappa)) + 40;
    const double b = nu + steps + 1.5, s = sqrt(b * b + kappa2);
    double ratio = 1 / (b + s), derivative = b / (s * (b + s));
    for (int k = steps - 1; k >= 0; k--) {
        const double twice = 2 * (nu + k + 1);
        ratio = 1 / (twice + kappa2 * ratio);
        derivative = ratio * ratio * (twice - kappa2 * derivative);
    }
    *rho = ratio;
    *slope = derivative;
}

/* log I_nu = kappa - log(2 pi kappa)/2 + log S, S = sum_k (-1)^k a_k kappa^-k; S and its first two derivatives. */
static void asymptotic(int d, double kappa, double out[3]) {
    const double nu = 0.5 * d - 1, square = 4 * nu * nu, half = 0.5 * (d - 1);
    double s = 1, first = 0, second = 0, term = 1;
    for (int k = 1; k < 2 * kappa; k++) {
        term *= -(square - (2. * k - 1) * (2. * k - 1)) / (8 * k * kappa);
        s += term, first -= k * term, second += k * (k + 1.) * term;
        if (fabs(k * (k + 1.) * term) < 1e-20 * (half + fabs(second))) break;
    }
    const double slope = first / s; /* kappa d log S/d kappa */
    out[0] = 0.5 * d * log(2 * M_PI) - nu * log(kappa) + kappa - 0.5 * log(2 * M_PI * kappa) + log(s);
    out[1] = (1 + (slope - half) / kappa) / kappa;
    out[2] = (half + second / s - slope * slope) / (kappa * kappa);
}

void sg_sphere_fisher(int d, double kappa, double out[3]) {
    const double nu = 0.5 * d - 1;
    if (kappa > fmax(30, nu * nu)) {
        asymptotic(d, kappa, out);
        return;
    }
    out[0] = M_LN2 + 0.5 * d * log(M_PI) - lgamma(0.5 * d) + log_series(d, kappa);
    ratios(d, kappa, &out[1], &out[2]);
}
