/*
 * Mixtures of K normal laws in R^d with fixed covariances: theta = (w_1 .. w_{K-1}, mu_1 .. mu_K), see normals.h.  The
 * covariances are s_k^2 ((1 - c_k) I + c_k 1 1'), or those of a file.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "family/normals.h"

enum { NUMBERS_MOST = (SG_NORMALS_D + 1) * (SG_NORMALS_D + 2) / 2, D_USUAL = 2, K_USUAL = 3 };

typedef struct {
    int d, k;
    sg_reals weights, means, sd, correlation;
    char file[SG_TEXT];
} gaussian_mixture;

/* Components as they are given. */
typedef struct {
    int d, count;
    bool round;
    double weight[SG_COMPONENTS], variance[SG_COMPONENTS];
    double *mean, *covariance; /* [count][d], [count][d][d] */
} draft;

static void clear(draft *c) {
    sg_delete(c->mean);
    sg_delete(c->covariance);
}

static sg_status open_draft(int d, int count, draft *c) {
    const size_t rows = (size_t)count * (size_t)d;
    c->d = d;
    c->count = count;
    sg_status status = sg_new(&c->mean, rows, sizeof(double));
    return status ? status : sg_new(&c->covariance, rows * (size_t)d, sizeof(double));
}

/* ------------------------------------------------------------------ from keys */

static sg_status check_count(const char *key, int given, int wanted, const char *also) {
    if (given == wanted) return SG_OK;
    return sg_fail(SG_OUT_OF_RANGE, "%s of family gaussian-mixture has %d number%s: it must have %d%s", key, given,
                   given == 1 ? "" : "s", wanted, also);
}

/* One for all, or one each. */
static sg_status check_each(const char *key, const sg_reals *list, int count) {
    return list->n == 1 ? SG_OK : check_count(key, list->n, count, " (one a component), or one for all");
}

/* Of any two of d coordinates: more than -1/(d - 1). */
static sg_status check_correlation(const gaussian_mixture *key) {
    const sg_reals *list = &key->correlation;
    for (int k = 0; k < list->n; k++)
        if (!(1 + (key->d - 1) * list->v[k] > 0))
            return sg_fail(SG_OUT_OF_RANGE,
                           "correlation = %g of family gaussian-mixture is out of range: of any two of %d coordinates "
                           "it must be > -1/%d",
                           list->v[k], key->d, key->d - 1);
    return check_each("correlation", list, key->k);
}

static bool is_usual(const sg_reals *list, double value) {
    return list->n == 1 && list->v[0] == value;
}

static sg_status settle(void *keys) {
    gaussian_mixture *key = keys;
    if (key->file[0]) {
        const bool alone = key->d == D_USUAL && key->k == K_USUAL && !key->weights.n && !key->means.n &&
                           is_usual(&key->sd, 1) && is_usual(&key->correlation, 0);
        if (key->file[0] != '@' || !key->file[1])
            return sg_fail(SG_OUT_OF_RANGE,
                           "file = '%.64s' of family gaussian-mixture is out of range: it must be @FILE.csv",
                           key->file);
        if (!alone)
            return sg_fail(SG_BAD_SYNTAX, "the file of family gaussian-mixture says all of the law: leave out the "
                                          "other keys but free");
        return sg_file_seal("file of components", key->file);
    }
    sg_status status = key->weights.n ? check_count("weights", key->weights.n, key->k, ", one a component") : SG_OK;
    if (!status && key->means.n)
        status = check_count("means", key->means.n, key->k * key->d, ", d for each component in turn");
    if (!status) status = check_each("sd", &key->sd, key->k);
    return status ? status : check_correlation(key);
}

/* What has no meaning, and lists that are not given. */
static bool idle(const void *keys, const char *name) {
    const gaussian_mixture *key = keys;
    if (strcmp(name, "file") == 0) return !key->file[0];
    if (key->file[0]) return true;
    return (strcmp(name, "weights") == 0 && !key->weights.n) || (strcmp(name, "means") == 0 && !key->means.n);
}

/* Not given: on the line 3 apart, elsewhere on a circle of radius 2 in the plane of the first two axes. */
static void usual_mean(const gaussian_mixture *key, int k, double *mean) {
    const double angle = 2 * M_PI * k / key->k;
    if (key->d == 1) {
        mean[0] = 3 * (k - 0.5 * (key->k - 1));
        return;
    }
    mean[0] = 2 * cos(angle);
    mean[1] = 2 * sin(angle);
}

static double each(const sg_reals *list, int k) {
    return list->v[list->n == 1 ? 0 : k];
}

static sg_status from_keys(const gaussian_mixture *key, draft *c) {
    const int d = key->d;
    double total = 0;
    sg_status status = open_draft(d, key->k, c);
    if (status != SG_OK) return status;
    c->round = true;
    for (int k = 0; k < key->k; k++) {
        const double sd = each(&key->sd, k), correlation = each(&key->correlation, k);
        c->variance[k] = sd * sd;
        c->round = c->round && (correlation == 0 || d == 1);
        total += c->weight[k] = key->weights.n ? key->weights.v[k] : 1;
        if (key->means.n)
            memcpy(c->mean + k * d, key->means.v + k * d, (size_t)d * sizeof(double));
        else
            usual_mean(key, k, c->mean + k * d);
        for (int a = 0; a < d; a++)
            for (int b = 0; b < d; b++) c->covariance[(k * d + a) * d + b] = sd * sd * (a == b ? 1 : correlation);
    }
    for (int k = 0; k < key->k; k++) c->weight[k] /= total;
    return SG_OK;
}

/* ------------------------------------------------------------------ from a file */

typedef struct {
    const char *path;
    FILE *file;
    char *text;
    size_t room;
    int line, numbers;
} reader;

static sg_status wrong(const reader *r, const char *what) {
    return sg_fail(SG_BAD_DATA, "%s, line %d: %s", r->path, r->line, what);
}

/* The numbers of a line, separated by commas; none where it is empty or a comment. */
static sg_status split(reader *r, double *number, int *count) {
    char *rest = r->text;
    rest[strcspn(rest, "#\r\n")] = '\0';
    *count = 0;
    if (!rest[strspn(rest, " \t")]) return SG_OK;
    for (char *word; (word = strsep(&rest, ","));) {
        if (*count == NUMBERS_MOST) return wrong(r, "there are too many numbers");
        for (size_t n = strlen(word); n > 0 && strchr(" \t", word[n - 1]); n--) word[n - 1] = '\0';
        if (!sg_number_read(word, &number[(*count)++])) return wrong(r, "a row is numbers separated by commas");
    }
    return SG_OK;
}

/* 1 + d + d (d + 1)/2 numbers are a component in d dimensions. */
static int dimension_of(int numbers) {
    for (int d = 1; d <= SG_NORMALS_D; d++)
        if ((d + 1) * (d + 2) / 2 == numbers) return d;
    return 0;
}

static sg_status add_row(reader *r, const double *number, int count, draft *c) {
    if (!c->mean) {
        const int d = dimension_of(count);
        if (!d)
            return wrong(r, "a row is the weight, the mean [d] and the lower triangle of the covariance [d(d+1)/2] of "
                            "a component");
        sg_status status = open_draft(d, SG_COMPONENTS, c);
        if (status != SG_OK) return status;
        c->count = 0;
        r->numbers = count;
    }
    const int d = c->d, k = c->count;
    if (count != r->numbers) return wrong(r, "this row is not as long as the first");
    if (k == SG_COMPONENTS)
        return sg_fail(SG_BAD_DATA, "%s, line %d: there are more than %d components", r->path, r->line, SG_COMPONENTS);
    if (!(number[0] > 0)) return wrong(r, "the weight of a component must be positive");
    c->weight[k] = number[0];
    memcpy(c->mean + k * d, number + 1, (size_t)d * sizeof(double));
    for (int a = 0, at = 1 + d; a < d; a++)
        for (int b = 0; b <= a; b++, at++)
            c->covariance[(k * d + a) * d + b] = c->covariance[(k * d + b) * d + a] = number[at];
    c->count++;
    return SG_OK;
}

static sg_status read_rows(reader *r, draft *c) {
    double number[NUMBERS_MOST], total = 0;
    sg_status status = SG_OK;
    for (int count; status == SG_OK && getline(&r->text, &r->room, r->file) >= 0;) {
        r->line++;
        status = split(r, number, &count);
        if (status == SG_OK && count > 0) status = add_row(r, number, count, c);
    }
    if (status == SG_OK && ferror(r->file))
        status = sg_fail(SG_CANNOT_READ, "the file of components %s cannot be read: %s", r->path, strerror(errno));
    if (status == SG_OK && c->count < 2)
        status = sg_fail(SG_BAD_DATA, "the file of components %s has %d of them: a mixture has at least two", r->path,
                         c->count);
    for (int k = 0; k < c->count; k++) total += c->weight[k];
    for (int k = 0; k < c->count; k++) c->weight[k] /= total;
    return status;
}

static sg_status from_file(const gaussian_mixture *key, draft *c) {
    char path[SG_TEXT];
    sg_file_path(key->file, path);
    reader r = {.path = path, .file = fopen(path, "r")};
    if (!r.file) return sg_fail(SG_CANNOT_READ, "the file of components %s cannot be read: %s", path, strerror(errno));
    sg_status status = read_rows(&r, c);
    free(r.text);
    fclose(r.file);
    return status ? status : SG_OK;
}

/* ------------------------------------------------------------------- the model */

static sg_status check_apart(const draft *c) {
    const size_t line = (size_t)c->d * sizeof(double), square = line * (size_t)c->d;
    for (int k = 0; k < c->count; k++)
        for (int j = 0; j < k; j++) {
            const char *one = (const char *)c->mean + (size_t)j * line,
                       *other = (const char *)c->mean + (size_t)k * line;
            const char *first = (const char *)c->covariance + (size_t)j * square;
            if (memcmp(one, other, line) == 0 && memcmp(first, first + (size_t)(k - j) * square, square) == 0)
                return sg_fail(SG_OUT_OF_RANGE,
                               "components %d and %d of the mixture coincide: change the mean or the covariance of one",
                               j + 1, k + 1);
        }
    return SG_OK;
}

static sg_status make(const void *keys, sg_model *model) {
    const gaussian_mixture *key = keys;
    sg_normals *law = NULL;
    draft c = {0};
    sg_status status = key->file[0] ? from_file(key, &c) : from_keys(key, &c);
    if (status == SG_OK) status = check_apart(&c);
    if (status == SG_OK) status = sg_normals_new(c.d, c.count, c.variance, c.round ? NULL : c.covariance, &law);
    if (status == SG_OK) status = sg_normals_model(model, law);
    if (status != SG_OK) goto out;
    memcpy(model->truth, c.weight, (size_t)(c.count - 1) * sizeof(double));
    memcpy(model->truth + c.count - 1, c.mean, (size_t)(c.count * c.d) * sizeof(double));
out:
    clear(&c);
    return status;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    const sg_normals *law = model->own;
    if (index < law->count - 1)
        snprintf(name, SG_NAME, "w%d", index + 1);
    else
        sg_normals_mean_name(law, index - (law->count - 1), name);
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    sg_normals_jet(model->own, theta, block, false, out);
}

static void smooth(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    sg_normals_jet(model->own, theta, block, true, out);
}

static bool inside(const sg_model *model, const double *theta) {
    return sg_normals_inside(model->own, theta);
}

static void landmarks(const sg_model *model, const double *theta, sg_landmarks *marks) {
    sg_normals_landmarks(model->own, theta, marks);
}

static void places(const sg_model *model, const double *theta, sg_places *out) {
    sg_normals_places(model->own, theta, out);
}

static void draw(const sg_model *model, const double *theta, sg_stream *stream, sg_block *block) {
    sg_normals_draw(model->own, theta, stream, block);
}

static sg_status components(const sg_model *model, const double *theta, sg_components **out) {
    return sg_normals_components(model->own, theta, out);
}

static const sg_field keys[] = {
    {.key = "d",
     .type = SG_FIELD_INT,
     .role = SG_STRUCTURE,
     .offset = offsetof(gaussian_mixture, d),
     .initial = "2",
     .lo = 1,
     .hi = SG_NORMALS_D,
     .help = "dimension"},
    {.key = "k",
     .type = SG_FIELD_INT,
     .role = SG_STRUCTURE,
     .offset = offsetof(gaussian_mixture, k),
     .initial = "3",
     .lo = 2,
     .hi = SG_COMPONENTS,
     .help = "components"},
    {.key = "weights",
     .type = SG_FIELD_REALS,
     .role = SG_TRUTH,
     .offset = offsetof(gaussian_mixture, weights),
     .initial = "",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "true weights of the components, in proportion: their sum is made 1; none given: equal"},
    {.key = "means",
     .type = SG_FIELD_REALS,
     .role = SG_TRUTH,
     .offset = offsetof(gaussian_mixture, means),
     .initial = "",
     .lo = -INFINITY,
     .hi = INFINITY,
     .help = "true means, d numbers a component; none given: 3 apart, in the plane on a circle of radius 2"},
    {.key = "sd",
     .type = SG_FIELD_REALS,
     .role = SG_STRUCTURE,
     .offset = offsetof(gaussian_mixture, sd),
     .initial = "1",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "standard deviation of all coordinates, one for all components or one each"},
    {.key = "correlation",
     .type = SG_FIELD_REALS,
     .role = SG_STRUCTURE,
     .offset = offsetof(gaussian_mixture, correlation),
     .initial = "0",
     .lo = -1,
     .lo_open = true,
     .hi = 1,
     .hi_open = true,
     .help = "correlation of any two coordinates, one for all components or one each"},
    {.key = "file",
     .type = SG_FIELD_TEXT,
     .role = SG_STRUCTURE,
     .offset = offsetof(gaussian_mixture, file),
     .initial = "",
     .help = "@FILE.csv of all components, a row each: weight, mean, lower triangle of the covariance"},
    {0},
};

static const char *const groups[] = {"weights", "w*", "means", "mu*", NULL};

const sg_family sg_family_gaussian_mixture = {
    .name = "gaussian-mixture",
    .summary = "p(x) = sum_k w_k N(x; mu_k, Sigma_k) in R^d, Sigma_k fixed",
    .keys = keys,
    .keys_size = sizeof(gaussian_mixture),
    .can = SG_NORMALIZED | SG_NODES | SG_SAMPLER | SG_CHOICE | SG_DIAGONALS,
    .free_initial = "all",
    .groups = groups,
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .landmarks = landmarks,
    .places = places,
    .draw = draw,
    .settle = settle,
    .idle = idle,
    .components = components,
    .smooth = smooth,
};
