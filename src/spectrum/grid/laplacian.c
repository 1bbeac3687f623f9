#include "laplacian.h"

#include <math.h>
#include <string.h>

void sg_laplacian_eliminate(int m, sg_square w, double *out, sg_square inverse, double *diagonal) {
    memset(inverse, 0, sizeof(sg_square));
    for (int k = 0; k < m; k++) {
        diagonal[k] = out[k];
        for (int j = k + 1; j < m; j++) diagonal[k] += w[k][j];
        for (int i = k + 1; i < m; i++) {
            for (int j = k + 1; j < m; j++) w[i][j] += w[i][k] * (w[k][j] / diagonal[k]);
            out[i] += w[i][k] * (out[k] / diagonal[k]);
        }
    }
    for (int c = 0; c < m; c++) {
        inverse[c][c] = 1;
        for (int k = c - 1; k >= 0; k--)
            for (int j = k + 1; j <= c; j++) inverse[k][c] += w[k][j] / diagonal[k] * inverse[j][c];
    }
}

void sg_square_root(int m, sg_square c, sg_square r) {
    memset(r, 0, sizeof(sg_square));
    for (int j = 0; j < m; j++)
        for (int i = j; i < m; i++) {
            double sum = c[i][j];
            for (int k = 0; k < j; k++) sum -= r[i][k] * r[j][k];
            r[i][j] = i == j ? sqrt(fmax(sum, 1e-300)) : sum / r[j][j];
        }
}
