/*
 * Log-linear models from YAML: the models of other families written as cliques, tables summed out here, identified
 * parameters, and files with every error in its line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "codes.h"

static char path[] = "/tmp/test-loglinear-XXXXXX.yaml";
static char keys[SG_TEXT];

static void write_file(const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static sg_model *model_of(const char *text) {
    write_file(text);
    return finite_model("loglinear", keys);
}

/* The couplings and fields of an Ising model as weights, those of a Potts model as tables. */
static void append(char *text, size_t size, const char *format, ...) {
    va_list list;
    const size_t used = strlen(text);
    va_start(list, format);
    vsnprintf(text + used, size - used, format, list);
    va_end(list);
    assert_true(strlen(text) + 1 < size);
}

static char text[1 << 18];

static void write_ising(const sg_model *ising) {
    snprintf(text, sizeof text, "n: %d\nq: 2\ncliques:\n", ising->space.d);
    for (int k = ising->full - 1; k >= 0; k--) { /* in another order */
        char name[SG_NAME];
        int i, j;
        ising->family->parameter(ising, k, name);
        if (sscanf(name, "J%d-%d", &i, &j) == 2)
            append(text, sizeof text, "- {sites: [%d, %d], weight: %.17g}\n", j, i, ising->truth[k]);
        else if (sscanf(name, "h%d", &i) == 1)
            append(text, sizeof text, "- {sites: [%d], weight: %.17g}\n", i, ising->truth[k]);
    }
}

static void write_potts(const sg_model *potts) {
    const int q = potts->space.q;
    snprintf(text, sizeof text, "n: %d\nq: %d\ncliques:\n", potts->space.d, q);
    for (int k = 0; k < potts->full; k++) {
        char name[SG_NAME];
        int i, j;
        potts->family->parameter(potts, k, name);
        assert_int_equal(sscanf(name, "J%d-%d", &i, &j), 2);
        append(text, sizeof text, "- sites: [%d, %d]\n  table: [", i, j);
        for (int s = 0; s < q * q; s++)
            append(text, sizeof text, "%s%.17g", s ? ", " : "", s % q == s / q ? potts->truth[k] : 0);
        append(text, sizeof text, "]\n");
    }
}

/* log p agrees with that of the other family up to a constant. */
static void same_law(const sg_model *a, const sg_model *b) {
    static double log_a[CODES_MOST], log_b[CODES_MOST];
    const int states = codes_count(a);
    assert_int_equal(codes_count(b), states);
    a->family->states(a, a->truth, 0, states, log_a);
    b->family->states(b, b->truth, 0, states, log_b);
    for (int x = 0; x < states; x++) finite_near(a, log_a[x] - log_a[0], log_b[x] - log_b[0], 40);
}

static void check_model(const sg_model *model) {
    sg_stream stream;
    double *theta = NULL;
    sg_stream_open(&stream, 4, SG_PURPOSE_TEST, 0);
    assert_int_equal(sg_new(&theta, (size_t)model->full, sizeof(double)), SG_OK);
    for (int trial = 0; trial < 2; trial++) {
        sg_stream_normal(&stream, (size_t)model->full, theta);
        codes_check_states(model, theta);
        codes_check_conditional(model, theta);
    }
    sg_delete(theta);
}

static void other_families_as_cliques(void **state) {
    (void)state;
    static const char *const ising[] = {"graph=complete,n=5,couplings=gauss,h=0.2", "graph=ring,n=12,beta=0.7,h=-0.1",
                                        "graph=lattice,shape=3x4,couplings=pm,beta=0.4", "graph=path,n=1,h=0.3"};
    static const char *const potts[] = {"graph=ring,n=7,q=3,beta=0.6", "graph=complete,n=5,q=4,couplings=gauss",
                                        "graph=tree,n=3,q=10", "graph=lattice,shape=3x3,q=2,couplings=gauss"};
    for (int k = 0; k < 8; k++) {
        sg_model *other = finite_model(k < 4 ? "ising" : "potts", k < 4 ? ising[k] : potts[k - 4]);
        if (k < 4)
            write_ising(other);
        else
            write_potts(other);
        sg_model *model = model_of(text);
        same_law(model, other);
        check_model(model);
        if (k < 4) assert_int_equal(model->full, other->full);
        sg_model_delete(model);
        sg_model_delete(other);
    }
    sg_model *parity = finite_model("parity", "n=11,k=10,J=0.8");
    sg_model *model = model_of("{n: 11, q: 2, cliques: [{sites: [9, 0, 1, 2, 8, 7, 3, 4, 6, 5], weight: 0.8}]}");
    same_law(model, parity);
    check_model(model);
    sg_model_delete(model);
    sg_model_delete(parity);
}

/* Two overlapping tables with sites out of order, summed state by state. */
static void tables_add_up(void **state) {
    (void)state;
    static double logp[CODES_MOST];
    static const int clique[3][3] = {{6, 0, 3}, {3, 5, 1}, {0, 6, 2}};
    double table[3][27];
    sg_stream stream;
    sg_stream_open(&stream, 5, SG_PURPOSE_TEST, 0);
    sg_stream_normal(&stream, 81, table[0]);
    snprintf(text, sizeof text, "q: 3\ncliques:\n");
    for (int c = 0; c < 3; c++) {
        append(text, sizeof text, " - table: [");
        for (int s = 0; s < 27; s++) append(text, sizeof text, "%s%.17g", s ? ", " : "", table[c][s]);
        append(text, sizeof text, "]\n   sites: [%d, %d, %d]\n", clique[c][0], clique[c][1], clique[c][2]);
    }
    append(text, sizeof text, "n: 8\n"); /* sites 4 and 7 are free */
    sg_model *model = model_of(text);
    model->family->states(model, model->truth, 0, codes_count(model), logp);
    for (int x = codes_count(model) - 1; x >= 0; x--) {
        double sum = 0;
        for (int c = 0; c < 3; c++) {
            int s = 0;
            for (int k = 2; k >= 0; k--) s = 3 * s + codes_digit(model, x, clique[c][k]);
            sum += table[c][s] - table[c][0];
        }
        finite_near(model, logp[x] - logp[0], sum, 20);
    }
    /* Subsets of the cliques: sites 0, 1, 2, 3, 5, 6, pairs 0-3 0-6 3-6 1-3 1-5 3-5 0-2 2-6, three triples. */
    assert_int_equal(model->full, 6 * 2 + 8 * 4 + 3 * 8);
    check_model(model);
    sg_model_delete(model);
}

/* Statistics are linearly independent: the covariance is positive definite. */
static void parameters_are_identified(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{n: 3, q: 2, cliques: [{sites: [0, 1], table: [1, 2, 3, 5]}, {sites: [0, 1, 2], weight: 0.2}, "
        "{sites: [2], weight: 1}]}",
        "{n: 3, q: 3, cliques: [{sites: [2, 0], table: [1, 2, 3, 5, 0, 0, 0, 0, 1]}, {sites: [0], table: [1, 0, 0]}]}",
    };
    for (int k = 0; k < 3; k++) {
        sg_model *model = k < 2 ? model_of(texts[k]) : finite_model("loglinear", "");
        const int m = model->full;
        sg_nodes *nodes = NULL;
        sg_chart *chart = NULL;
        sg_partition *partition = NULL;
        double delta[64] = {0}, hessian[64 * 64], log_det = 0;
        assert_in_range(m, 1, 64);
        assert_int_equal(sg_nodes_new(model, model->truth, 0, false, &nodes), SG_OK);
        assert_int_equal(sg_chart_new(model, model->truth, NULL, &chart), SG_OK);
        assert_int_equal(sg_partition_new(model, chart, nodes, &partition), SG_OK);
        sg_local local = {.hessian = hessian};
        assert_int_equal(sg_partition_at(partition, delta, &local), SG_OK);
        for (int j = 0; j < m; j++) { /* Cholesky */
            for (int i = j; i < m; i++)
                for (int l = 0; l < j; l++) hessian[i + j * m] -= hessian[i + l * m] * hessian[j + l * m];
            assert_true(hessian[j + j * m] > 1e-6);
            log_det += log(hessian[j + j * m]);
            const double root = sqrt(hessian[j + j * m]);
            for (int i = j; i < m; i++) hessian[i + j * m] /= root;
        }
        assert_true(isfinite(log_det));
        sg_partition_delete(partition);
        sg_chart_delete(chart);
        sg_nodes_delete(nodes);
        sg_model_delete(model);
    }
}

static void names(void **state) {
    (void)state;
    static const char *const want[] = {"t1_1", "w2", "t3_1", "w0-2", "t1-3_1-1", "w#5"};
    sg_model *model =
        model_of("{n: 70, q: 2, cliques: [{sites: [3, 1], table: [0, 0, 0, 1]}, {sites: [2, 0], weight: 1},"
                 " {sites: [2], weight: 0.5}, {sites: [60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 59], "
                 "weight: 2}]}");
    char name[SG_NAME];
    assert_int_equal(model->full, 6);
    for (int k = 0; k < 6; k++) {
        model->family->parameter(model, k, name);
        assert_string_equal(name, want[k]);
    }
    assert_true(model->truth[0] == 0 && model->truth[4] == 1 && model->truth[5] == 2);
    assert_true(strstr(model->text, ".yaml#"));
    sg_model_delete(model);
    finite_refuses("loglinear", "free=t0_1/w0", SG_UNKNOWN, "t1_1");
    model = finite_model("loglinear", "free=t0_1/t1-2_2-1");
    assert_int_equal(model->m, 2);
    assert_int_equal(model->full, 3 * 2 + 3 * 4);
    check_model(model);
    sg_model_delete(model);
}

static void touched_terms(void **state) {
    (void)state;
    int count = -1;
    sg_model *model = model_of("{n: 4, q: 3, cliques: [{sites: [0, 1], table: [0, 0, 0, 0, 1, 0, 0, 0, 1]}, "
                               "{sites: [1, 2], table: [0, 0, 0, 0, 1, 0, 0, 0, 1]}]}");
    static const int want[] = {6, 10, 6, 0};
    for (int i = 0; i < 4; i++) {
        model->family->touched(model, i, &count);
        assert_int_equal(count, want[i]);
    }
    sg_model_delete(model);
}

static void bad_files(void **state) {
    (void)state;
    static const struct {
        sg_status code;
        const char *text, *part;
    } table[] = {
        {SG_BAD_SYNTAX, "n: 2\nq: 2\n", ".yaml:1:1: the key 'cliques' is missing"},
        {SG_UNKNOWN, "n: 2\nq: 2\nclique: []\n", ".yaml:3:1: unknown key 'clique'"},
        {SG_BAD_TYPE, "n: two\nq: 2\ncliques: []\n", ".yaml:1:4: n must be a whole number"},
        {SG_OUT_OF_RANGE, "n: 2\nq: 65\ncliques: []\n", ".yaml:2:4: q = 65"},
        {SG_BAD_TYPE, "n: 2\nq: 2\ncliques: []\n", ".yaml:3:10: cliques"},
        {SG_BAD_TYPE, "n: 2\nq: 2\ncliques: [3]\n", ".yaml:3:11: a clique must be keys"},
        {SG_BAD_TYPE, "- 1\n", ".yaml:1:1: a log-linear model must be keys"},
        {SG_UNKNOWN, "n: 2\nq: 2\ncliques:\n- {sites: [0], weigth: 1}\n", ".yaml:4:16: unknown key 'weigth'"},
        {SG_BAD_SYNTAX, "n: 2\nq: 2\ncliques:\n- {weight: 1}\n", ".yaml:4:3: the key 'sites'"},
        {SG_BAD_SYNTAX, "n: 2\nq: 2\ncliques:\n- {sites: [0]}\n", ".yaml:4:3: a clique has either"},
        {SG_BAD_SYNTAX, "n: 2\nq: 2\ncliques:\n- {sites: [0], weight: 1, table: [0, 1]}\n", "either"},
        {SG_BAD_TYPE, "n: 2\nq: 2\ncliques:\n- {sites: 0, weight: 1}\n", ".yaml:4:11: sites must be a list"},
        {SG_OUT_OF_RANGE, "n: 2\nq: 2\ncliques:\n- {sites: [0, 2], weight: 1}\n", ".yaml:4:15: a site = 2"},
        {SG_BAD_DATA, "n: 2\nq: 2\ncliques:\n- {sites: [1, 1], weight: 1}\n", "site 1 stands twice"},
        {SG_BAD_TYPE, "n: 2\nq: 2\ncliques:\n- {sites: [1], weight: .inf}\n", ".yaml:4:24: weight must be a finite"},
        {SG_BAD_DATA, "n: 2\nq: 3\ncliques:\n- {sites: [1], weight: 1}\n", "q = 3: give a table"},
        {SG_BAD_DATA, "n: 2\nq: 3\ncliques:\n- {sites: [1], table: [1, 2]}\n",
         ".yaml:4:23: a table of 1 sites is a list of 3"},
        {SG_BAD_TYPE, "n: 2\nq: 2\ncliques:\n- {sites: [1], table: [1, x]}\n", ".yaml:4:27: an entry"},
        {SG_OUT_OF_RANGE, "n: 9\nq: 3\ncliques:\n- {sites: [0, 1, 2, 3, 4, 5, 6, 7], table: [1]}\n", "6561 entries"},
        {SG_BAD_DATA, "n: 3\nq: 2\ncliques:\n- {sites: [0, 1], weight: 1}\n- {sites: [1, 0], weight: 2}\n",
         ".yaml:5:1: these sites have a weight already in line 4"},
        {SG_BAD_DATA, "n: 3\nq: 2\ncliques:\n- {sites: [0], weight: 1}\n- {sites: [1, 0], table: [0, 1, 2, 3]}\n",
         ".yaml:4:1: these sites lie in the table of line 5"},
        {SG_BAD_SYNTAX, "n: 3\nq: [\n", "this is no YAML"},
    };
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        write_file(table[k].text);
        finite_refuses("loglinear", keys, table[k].code, table[k].part);
    }
    finite_refuses("loglinear", "model=@/nowhere.yaml", SG_CANNOT_READ, "/nowhere.yaml");
    finite_refuses("loglinear", "model=square", SG_OUT_OF_RANGE, "triangle");
}

/* Every allocation may fail. */
static void memory_failures(void **state) {
    (void)state;
    const sg_pair pairs[] = {{"model", keys + strlen("model=")}};
    const long live = sg_memory_live();
    sg_status status = SG_NO_MEMORY;
    write_file("{n: 4, q: 2, cliques: [{sites: [0, 3], table: [0, 0, 1, 1]}, {sites: [1, 2], weight: 1}]}");
    for (long k = 1; status != SG_OK; k++) {
        sg_model *model = NULL;
        sg_memory_fail_after(k);
        status = sg_model_new("loglinear", 1, pairs, &model);
        sg_memory_fail_after(0);
        if (status != SG_OK && status != SG_NO_MEMORY) fail_msg("%s", sg_message());
        sg_model_delete(model);
        assert_int_equal(sg_memory_live(), live);
    }
}

static int begin(void **state) {
    (void)state;
    const int handle = mkstemps(path, 5);
    if (handle < 0) return -1;
    close(handle);
    snprintf(keys, sizeof keys, "model=@%s", path);
    return 0;
}

static int end(void **state) {
    (void)state;
    return unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_families_as_cliques),
        cmocka_unit_test(tables_add_up),
        cmocka_unit_test(parameters_are_identified),
        cmocka_unit_test(names),
        cmocka_unit_test(touched_terms),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(memory_failures),
    };
    return cmocka_run_group_tests_name("log-linear models", tests, begin, end);
}
