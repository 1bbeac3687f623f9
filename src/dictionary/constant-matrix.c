#include "dictionary/constant-matrix.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dictionary/mode.h"

static const double SYMMETRIC = 1e-12; /* of the diagonal: what the entries of a file may be apart */

static const char *const names[] = {"identity", "covariance", "hessian"};
enum { NAMES = 3 };

sg_status sg_constant_matrix_settle(char name[SG_TEXT]) {
    if (name[0] == '@') return sg_file_seal("matrix file", name);
    for (int k = 0; k < NAMES; k++)
        if (strcmp(name, names[k]) == 0) return SG_OK;
    const char *nearest = sg_nearest(name, NAMES, names);
    return sg_fail(SG_UNKNOWN, "unknown matrix '%.64s'%s%s%s (matrices: identity, covariance, hessian, @FILE)", name,
                   nearest ? "; the nearest is '" : "", nearest ? nearest : "", nearest ? "'" : "");
}

/* -------------------------------------------------------------- of the law */

static sg_status covariance(const sg_model *model, const double *theta, double *D) {
    const int d = model->space.d;
    _Alignas(SG_ALIGN) double weight[SG_BLOCK];
    sg_nodes *nodes = NULL;
    double *x = NULL, *mean = NULL;
    sg_block block = {0};
    sg_status status = sg_nodes_new(model, theta, 0, false, &nodes);
    if (!status) status = sg_new(&x, (size_t)d * SG_BLOCK, sizeof(double));
    if (!status) status = sg_new(&mean, (size_t)d, sizeof(double));
    if (status) goto out;
    block.x = x;
    for (int round = 0; round < 2; round++)
        for (long long k = 0; k < sg_nodes_blocks(nodes); k++) {
            sg_nodes_block(nodes, k, &block, weight);
            for (int a = 0; a < d; a++)
                for (int i = 0; i < block.n && !round; i++) mean[a] += weight[i] * x[a * SG_BLOCK + i];
            for (int a = 0; a < d && round; a++)
                for (int b = 0; b <= a; b++)
                    for (int i = 0; i < block.n; i++)
                        D[a + b * d] += weight[i] * (x[a * SG_BLOCK + i] - mean[a]) * (x[b * SG_BLOCK + i] - mean[b]);
        }
    for (int a = 0; a < d; a++)
        for (int b = 0; b < a; b++) D[b + a * d] = D[a + b * d];
out:
    sg_nodes_delete(nodes);
    sg_delete(x);
    sg_delete(mean);
    return status;
}

/* By its eigenvectors. */
static sg_status hessian(const sg_model *model, const double *theta, double *D) {
    const int d = model->space.d;
    const size_t square = (size_t)d * (size_t)d;
    double *h = NULL, *vectors, *values;
    sg_status status = sg_new(&h, 2 * square + (size_t)d, sizeof(double));
    if (status) return status;
    vectors = h + square;
    values = vectors + square;
    status = sg_mode_find(model, theta, NULL, NULL, h);
    if (!status) status = sg_symmetric_eigen(d, h, values, vectors);
    for (int a = 0; a < d && !status; a++)
        for (int b = 0; b < d; b++)
            for (int k = 0; k < d; k++) D[a + b * d] += vectors[a + k * d] * vectors[b + k * d] / values[k];
    sg_delete(h);
    return status;
}

/* --------------------------------------------------------------- of a file */

static sg_status wrong_shape(const char *path, int d, int lines) {
    return sg_fail(SG_BAD_DATA, "the matrix file %s has %d lines: the law has %d coordinates, so it must have %d", path,
                   lines, d, d);
}

static sg_status read_row(const char *path, int line, int d, char *text, double *row) {
    int count = 0;
    for (char *rest = text, *word; (word = strsep(&rest, ",")); count++) {
        double value;
        for (size_t end = strlen(word); end && strchr(" \t", word[end - 1]); end--) word[end - 1] = '\0';
        if (!sg_number_read(word, &value))
            return sg_fail(SG_BAD_DATA, "%s, line %d: '%.32s' is no number", path, line, word);
        if (count < d) row[count] = value;
    }
    if (count == d) return SG_OK;
    return sg_fail(SG_BAD_DATA, "%s, line %d: there are %d numbers: it must have %d", path, line, count, d);
}

static sg_status read_file(const char *path, int d, double *rows) {
    char *text = NULL;
    size_t room = 0;
    int count = 0, line = 0;
    sg_status status = SG_OK;
    FILE *file = fopen(path, "r");
    if (!file) return sg_fail(SG_CANNOT_READ, "the matrix file %s cannot be read: %s", path, strerror(errno));
    while (!status && getline(&text, &room, file) >= 0) {
        line++;
        text[strcspn(text, "#\r\n")] = '\0';
        if (!text[strspn(text, " \t")]) continue;
        if (count < d) status = read_row(path, line, d, text, rows + count * d);
        count++;
    }
    if (!status && ferror(file))
        status = sg_fail(SG_CANNOT_READ, "the matrix file %s cannot be read: %s", path, strerror(errno));
    if (!status && count != d) status = wrong_shape(path, d, count);
    free(text);
    fclose(file);
    return status;
}

static sg_status symmetric(const char *path, int d, double *D) {
    for (int a = 0; a < d; a++)
        if (!(D[a + a * d] > 0))
            return sg_fail(SG_BAD_DATA, "the matrix in %s is not positive definite: it has %g on its diagonal", path,
                           D[a + a * d]);
    for (int a = 0; a < d; a++)
        for (int b = 0; b < a; b++) {
            const double above = D[a + b * d], below = D[b + a * d]; /* rows of the file one after the other */
            if (!(fabs(below - above) <= SYMMETRIC * sqrt(D[a + a * d] * D[b + b * d])))
                return sg_fail(SG_BAD_DATA, "the matrix in %s is not symmetric: %g and %g in rows %d and %d", path,
                               above, below, b + 1, a + 1);
            D[a + b * d] = D[b + a * d] = 0.5 * (below + above);
        }
    return SG_OK;
}

static sg_status from_file(const char *name, int d, double *D) {
    char path[SG_TEXT];
    sg_file_path(name, path);
    sg_status status = read_file(path, d, D);
    return status ? status : symmetric(path, d, D);
}

/* ------------------------------------------------------------------- either */

static sg_status positive_definite(const char *name, const sg_model *model, const double *D) {
    double *values = NULL;
    const int d = model->space.d;
    sg_status status = sg_new(&values, (size_t)d, sizeof(double));
    if (!status) status = sg_symmetric_eigen(d, D, values, NULL);
    if (!status && !(values[0] > 1e-14 * values[d - 1]))
        status = sg_fail(SG_BAD_DATA, "matrix=%.64s of %s is not positive definite: its eigenvalues go from %g to %g",
                         name, model->text, values[0], values[d - 1]);
    sg_delete(values);
    return status;
}

sg_status sg_constant_matrix(const char *name, const sg_model *model, const double *theta, double *D) {
    const int d = model->space.d;
    sg_status status = SG_OK;
    if (d > SG_CONSTANT_MATRIX_MOST)
        return sg_fail(SG_OUT_OF_RANGE, "D can be a matrix in up to %d dimensions: %s has %d", SG_CONSTANT_MATRIX_MOST,
                       model->text, d);
    memset(D, 0, (size_t)d * (size_t)d * sizeof *D);
    if (name[0] == '@')
        status = from_file(name, d, D);
    else if (strcmp(name, "covariance") == 0)
        status = covariance(model, theta, D);
    else if (strcmp(name, "hessian") == 0)
        status = hessian(model, theta, D);
    else
        for (int a = 0; a < d; a++) D[a + a * d] = 1;
    return status ? status : positive_definite(name, model, D);
}
