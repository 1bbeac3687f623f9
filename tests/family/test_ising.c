/*
 * The Ising model: graphs, the order of its parameters, states against the jet and against sums written out here,
 * classes against all states, and graph files with every error in its line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "finite.h"

/* ------------------------------------------------------------------- graphs */

typedef struct {
    int n, edges;
    int i[256], j[256];
} edge_list;

/* The edges, read back from the names of the couplings. */
static edge_list edges_of(const sg_model *model) {
    edge_list list = {.n = model->space.d};
    for (int k = 0; k < model->full; k++) {
        char name[SG_NAME];
        model->family->parameter(model, k, name);
        if (name[0] != 'J') continue;
        assert_int_equal(sscanf(name, "J%d-%d", &list.i[list.edges], &list.j[list.edges]), 2);
        list.edges++;
    }
    assert_int_equal(list.edges + list.n, model->full);
    return list;
}

static bool has(const edge_list *list, int i, int j) {
    for (int e = 0; e < list->edges; e++)
        if ((list->i[e] == i && list->j[e] == j) || (list->i[e] == j && list->j[e] == i)) return true;
    return false;
}

static int degree(const edge_list *list, int site) {
    int count = 0;
    for (int e = 0; e < list->edges; e++) count += list->i[e] == site || list->j[e] == site;
    return count;
}

static edge_list graph_of(const char *keys) {
    sg_model *model = finite_model("ising", keys);
    edge_list list = edges_of(model);
    for (int e = 0; e < list.edges; e++) {
        assert_true(0 <= list.i[e] && list.i[e] < list.j[e] && list.j[e] < list.n);
        if (e == 0) continue;
        assert_true(list.i[e] > list.i[e - 1] || (list.i[e] == list.i[e - 1] && list.j[e] > list.j[e - 1]));
    }
    sg_model_delete(model);
    return list;
}

static void graphs_by_name(void **state) {
    (void)state;
    edge_list list = graph_of("graph=ring,n=7");
    assert_int_equal(list.edges, 7);
    for (int k = 0; k < 7; k++) assert_true(has(&list, k, (k + 1) % 7));
    list = graph_of("graph=path,n=5");
    assert_int_equal(list.edges, 4);
    for (int k = 0; k < 4; k++) assert_true(has(&list, k, k + 1));
    list = graph_of("graph=complete,n=9");
    assert_int_equal(list.edges, 36);
    list = graph_of("graph=curie-weiss,n=6");
    assert_int_equal(list.edges, 15);
    list = graph_of("graph=bipartite,n=7");
    assert_int_equal(list.edges, 12);
    for (int k = 0; k < 3; k++)
        for (int l = 3; l < 7; l++) assert_true(has(&list, k, l));
    list = graph_of("graph=tree,n=10,degree=3");
    assert_int_equal(list.edges, 9);
    for (int k = 1; k < 10; k++) assert_true(has(&list, (k - 1) / 2, k));
    assert_int_equal(degree(&list, 1), 3);
    assert_int_equal(graph_of("graph=path,n=1").edges, 0);
    assert_int_equal(graph_of("").n, 8);
}

/* Neighbours on a lattice differ by one in one coordinate, modulo the side where the boundary is periodic. */
static void check_lattice(const char *keys, const int *side, bool periodic) {
    const edge_list list = graph_of(keys);
    assert_int_equal(list.n, side[0] * side[1] * side[2]);
    for (int a = 0; a < list.n; a++)
        for (int b = 0; b < a; b++) {
            int moves = 0;
            for (int axis = 0, p = a, q = b; axis < 3; axis++) {
                const int s = side[2 - axis], gap = abs(p % s - q % s);
                moves += gap == 0 ? 0 : gap == 1 || (periodic && gap == s - 1) ? 1 : 9;
                p /= s;
                q /= s;
            }
            assert_int_equal(has(&list, a, b), moves == 1);
        }
}

static void lattices(void **state) {
    (void)state;
    check_lattice("graph=lattice,shape=3x4", (int[]){1, 3, 4}, true);
    check_lattice("graph=lattice,shape=3x4,boundary=free", (int[]){1, 3, 4}, false);
    check_lattice("graph=lattice,shape=2x3x2,boundary=free,n=12", (int[]){2, 3, 2}, false);
    check_lattice("graph=lattice,shape=3x3x3", (int[]){3, 3, 3}, true);
}

static void regular_graphs(void **state) {
    (void)state;
    static const int table[][2] = {{8, 3}, {9, 4}, {20, 3}, {10, 9}, {12, 8}, {16, 7}, {3, 2}};
    for (size_t k = 0; k < sizeof table / sizeof *table; k++)
        for (int seed = 0; seed < 6; seed++) {
            char keys[128];
            snprintf(keys, sizeof keys, "graph=regular,n=%d,degree=%d,graph-seed=%d", table[k][0], table[k][1], seed);
            const edge_list list = graph_of(keys);
            for (int site = 0; site < list.n; site++) assert_int_equal(degree(&list, site), table[k][1]);
        }
    const edge_list a = graph_of("graph=regular,n=20,graph-seed=1"), b = graph_of("graph=regular,n=20,graph-seed=1"),
                    c = graph_of("graph=regular,n=20,graph-seed=2");
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_not_equal(&a, &c, sizeof a);
}

/* ------------------------------------------------------------------ log p */

/* log p written out: the couplings and fields are the truth of free=all. */
static double by_hand(const sg_model *model, const edge_list *list, int code) {
    double sum = 0;
    for (int e = 0; e < list->edges; e++)
        sum += model->truth[e] * (code >> list->i[e] & 1 ? 1 : -1) * (code >> list->j[e] & 1 ? 1 : -1);
    for (int i = 0; i < list->n; i++) sum += model->truth[list->edges + i] * (code >> i & 1 ? 1 : -1);
    return sum;
}

static const char *const models[] = {"graph=ring,n=9,beta=0.7,h=-0.3",
                                     "graph=path,n=1,h=0.4",
                                     "graph=path,n=3,beta=-2",
                                     "graph=lattice,shape=3x4,beta=0.44,h=0.1",
                                     "graph=complete,n=12,couplings=gauss,beta=0.3",
                                     "graph=curie-weiss,n=11,beta=1.1,h=0.01",
                                     "graph=curie-weiss,n=8,couplings=pm,coupling-seed=5",
                                     "graph=bipartite,n=10,beta=-0.2,h=1",
                                     "graph=regular,n=12,couplings=pm",
                                     "graph=tree,n=8,couplings=gauss,h=0.5"};
enum { MODELS = sizeof models / sizeof *models };

static void states_are_sums_over_edges(void **state) {
    (void)state;
    static double logp[1 << FINITE_MOST];
    for (int k = 0; k < MODELS; k++) {
        sg_model *model = finite_model("ising", models[k]);
        const edge_list list = edges_of(model);
        model->family->states(model, model->truth, 0, 1 << list.n, logp);
        for (int x = 0; x < 1 << list.n; x++) finite_near(model, logp[x], by_hand(model, &list, x), 100);
        finite_check_states(model, model->truth, -1);
        sg_model_delete(model);
    }
}

/* free=tied is the same law in two coordinates, with the statistics of the couplings and of the magnetization. */
static void tied_is_the_same_law(void **state) {
    (void)state;
    static double all[1 << FINITE_MOST], tied[1 << FINITE_MOST], dt[2 << FINITE_MOST];
    for (int k = 0; k < MODELS; k++) {
        char keys[SG_TEXT];
        sg_model *model = finite_model("ising", models[k]);
        snprintf(keys, sizeof keys, "%s,free=tied", models[k]);
        sg_model *two = finite_model("ising", keys);
        const int states = 1 << model->space.d;
        assert_int_equal(two->full, 2);
        assert_int_equal(two->m, 2);
        assert_non_null(strstr(two->text, "free=tied)"));
        assert_non_null(strstr(model->text, "free=all)"));
        model->family->states(model, model->truth, 0, states, all);
        two->family->states(two, two->truth, 0, states, tied);
        for (int x = 0; x < states; x++) finite_near(model, tied[x], all[x], 100);
        finite_check_states(two, two->truth, -1);
        finite_jet(two, two->truth, -1, tied, dt);
        for (int x = 0; x < states; x++)
            finite_near(two, two->truth[0] * dt[x] + two->truth[1] * dt[states + x], all[x], 100);
        sg_model_delete(two);
        sg_model_delete(model);
    }
}

static void couplings_have_their_laws(void **state) {
    (void)state;
    sg_model *pm = finite_model("ising", "graph=complete,n=60,couplings=pm,beta=2");
    sg_model *gauss = finite_model("ising", "graph=complete,n=60,couplings=gauss,beta=2");
    sg_model *other = finite_model("ising", "graph=complete,n=60,couplings=gauss,beta=2,coupling-seed=2");
    const int edges = 60 * 59 / 2;
    double plus = 0, sum = 0, square = 0, cross = 0;
    for (int e = 0; e < edges; e++) {
        assert_true(fabs(pm->truth[e]) == 2);
        plus += pm->truth[e] > 0;
        sum += gauss->truth[e] / 2;
        square += gauss->truth[e] * gauss->truth[e] / 4;
        cross += gauss->truth[e] * other->truth[e] / 4;
    }
    /* five standard deviations: a false alarm in 10^6 for each of the four */
    assert_true(fabs(plus - edges / 2.0) < 5 * sqrt(edges / 4.0));
    assert_true(fabs(sum) < 5 * sqrt(edges));
    assert_true(fabs(square - edges) < 5 * sqrt(2.0 * edges));
    assert_true(fabs(cross) < 5 * sqrt(edges));
    sg_model_delete(pm);
    sg_model_delete(gauss);
    sg_model_delete(other);
}

/* ------------------------------------------------------------------ classes */

static int pluses(const sg_model *model, uint64_t code) {
    (void)model;
    return __builtin_popcountll(code);
}

static int pluses_by_side(const sg_model *model, uint64_t code) {
    const int n = model->space.d, left = n / 2;
    return __builtin_popcountll(code & ((UINT64_C(1) << left) - 1)) * (n - left + 1) +
           __builtin_popcountll(code >> left);
}

static void classes_are_those_of_the_states(void **state) {
    (void)state;
    static const char *const complete[] = {"graph=curie-weiss,n=9,beta=0.8,h=0.1",
                                           "graph=complete,n=6,beta=-0.4",
                                           "graph=path,n=1,h=2",
                                           "graph=path,n=2",
                                           "graph=ring,n=3,h=-1",
                                           "graph=curie-weiss,n=7,free=tied,beta=1.5"};
    static const char *const bipartite[] = {"graph=bipartite,n=7,beta=0.5,h=0.2", "graph=bipartite,n=2,beta=-1",
                                            "graph=bipartite,n=10,beta=-0.3,free=tied"};
    for (int k = 0; k < 6; k++) {
        sg_model *model = finite_model("ising", complete[k]);
        finite_check_classes(model, pluses);
        sg_model_delete(model);
    }
    for (int k = 0; k < 3; k++) {
        sg_model *model = finite_model("ising", bipartite[k]);
        if (model->space.d > 2) finite_check_classes(model, pluses_by_side);
        sg_model_delete(model);
    }
}

static void check_lump(const char *keys, sg_status expected, bool attractive) {
    sg_model *model = finite_model("ising", keys);
    sg_lumped *lumped = NULL;
    assert_int_equal(model->family->lump(model, model->truth, &lumped), expected);
    assert_int_equal(lumped != NULL, expected == SG_OK);
    if (lumped) {
        assert_int_equal(lumped->attractive, attractive);
        assert_int_equal(lumped->reason[0], 0);
    }
    sg_lumped_delete(lumped);
    sg_model_delete(model);
}

static void only_equal_couplings_are_lumped(void **state) {
    (void)state;
    check_lump("graph=curie-weiss,n=30,beta=1", SG_OK, true);
    check_lump("graph=curie-weiss,n=30,beta=0", SG_OK, true);
    check_lump("graph=curie-weiss,n=30,beta=-1", SG_OK, false);
    check_lump("graph=bipartite,n=30,beta=-1", SG_OK, true);
    check_lump("graph=ring,n=8", SG_REFUSED, false);
    check_lump("graph=complete,n=8,couplings=pm", SG_REFUSED, false);
    check_lump("graph=bipartite,n=8,couplings=gauss", SG_REFUSED, false);
    sg_model *model = finite_model("ising", "graph=curie-weiss,n=4");
    sg_lumped *lumped = NULL;
    double theta[10];
    memcpy(theta, model->truth, sizeof theta);
    for (int k = 0; k < 10; k += 7) { /* a coupling, then a field */
        theta[k] += 0.5;
        assert_int_equal(model->family->lump(model, theta, &lumped), SG_REFUSED);
        assert_null(lumped);
        theta[k] -= 0.5;
    }
    sg_model_delete(model);
}

static void large_models_are_made(void **state) {
    (void)state;
    sg_model *model = finite_model("ising", "graph=curie-weiss,n=2000,beta=0.5");
    char name[SG_NAME];
    assert_int_equal(model->full, 2000 * 1999 / 2 + 2000);
    assert_null(model->direction);
    model->family->parameter(model, 1999 + 1998, name);
    assert_string_equal(name, "J2-3");
    model->family->parameter(model, 2000 * 1999 / 2 - 1, name);
    assert_string_equal(name, "J1998-1999");
    sg_chart *chart = NULL;
    assert_int_equal(sg_chart_new(model, model->truth, NULL, &chart), SG_REFUSED);
    sg_model_delete(model);
    model = finite_model("ising", "graph=curie-weiss,n=60000,free=beta");
    assert_int_equal(model->full, 2);
    assert_int_equal(model->m, 1);
    sg_model_delete(model);
    finite_refuses("ising", "graph=curie-weiss,n=60000", SG_OUT_OF_RANGE, "take free=tied");
    finite_refuses("ising", "graph=complete,n=60000,couplings=pm,free=tied", SG_OUT_OF_RANGE, "edges");
}

/* ---------------------------------------------------------------- graph files */

static char path[] = "/tmp/scoregap-graph-XXXXXX";

static void write_file(const char *text, size_t length) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static const char *file_keys(const char *more) {
    static char keys[SG_TEXT];
    snprintf(keys, sizeof keys, "graph=@%s%s", path, more);
    return keys;
}

static void a_file_keeps_its_order(void **state) {
    (void)state;
    static const char text[] = "# couplings\n 3 1\t0.5 # backwards\n0 2 -1e0\r\n\n2 0.25\n1 2 .125";
    write_file(text, sizeof text - 1);
    sg_model *model = finite_model("ising", file_keys(",beta=2,h=0.1"));
    const edge_list list = edges_of(model);
    static const double want[] = {1, -2, 0.25, 0.1, 0.1, 0.35, 0.1};
    assert_int_equal(model->space.d, 4);
    assert_int_equal(list.edges, 3);
    assert_int_equal(list.i[0] + list.j[0], 4);
    assert_int_equal(list.j[1], 2);
    for (int k = 0; k < 7; k++) finite_near(model, model->truth[k], want[k], 1);
    assert_non_null(strstr(model->text, "n=4"));
    finite_check_states(model, model->truth, -1);
    sg_model_delete(model);
    model = finite_model("ising", file_keys(",beta=2,h=0.1,free=tied,n=4"));
    finite_check_states(model, model->truth, -1);
    sg_model_delete(model);
    finite_refuses("ising", file_keys(",n=5"), SG_OUT_OF_RANGE, "not the 4 sites");
    finite_refuses("ising", file_keys(",shape=2x2"), SG_BAD_SYNTAX, "shape has no meaning");
    finite_check_memory("ising", file_keys(""));
}

static void errors_in_a_file_have_their_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } table[] = {
        {"0 1 1\n1 x 1\n", "line 2: 'x' is no site"},
        {"0 1 1\n1 -2 1\n", "line 2: '-2' is no site"},
        {"0 1 1\n1 1.5 1\n", "line 2: '1.5' is no site"},
        {"0 1 1\n1 1e9 1\n", "line 2: '1e9' is no site"},
        {"0 1 1\n\n# 1\n2 2 1\n", "line 4: an edge joins two different sites"},
        {"0 1 nan\n", "line 1: 'nan' is no finite number"},
        {"0 1 1e999\n", "line 1: '1e999' is no finite number"},
        {"0 1 1\n0 inf\n", "line 2: 'inf' is no finite number"},
        {"0 1 one\n", "line 1: 'one' is no finite number"},
        {"0 1 1 1\n", "line 1: a line is `i j J_ij`"},
        {"0 1 1\n7\n", "line 2: a line is `i j J_ij`"},
        {"0 1 1 1 1 1 1\n", "line 1: a line is"},
        {"0 1 1\n1 2 1\n1 0 3\n", "line 3: the edge of 1 and 0 stands already in line 1"},
        {"0 1 1\n1 .5\n0 2 1\n1 .5\n", "line 4: site 1 has a field already in line 2"},
        {"", "neither an edge nor a field"},
        {"# nothing\n\n", "neither an edge nor a field"},
    };
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        write_file(table[k].text, strlen(table[k].text));
        finite_refuses("ising", file_keys(""), SG_BAD_DATA, table[k].part);
    }
    write_file("0 1 1\n1 \0 2\n", 11);
    finite_refuses("ising", file_keys(""), SG_BAD_DATA, "line 2: there is a zero byte");
    finite_refuses("ising", "graph=@/nowhere/graph", SG_CANNOT_READ, "/nowhere/graph");
    finite_refuses("ising", "graph=@/tmp", SG_CANNOT_READ, "/tmp");
    finite_refuses("ising", "graph=@", SG_CANNOT_READ, "cannot be read");
}

static void keys_are_checked(void **state) {
    (void)state;
    finite_refuses("ising", "graph=rng", SG_UNKNOWN, "the nearest is 'ring'");
    finite_refuses("ising", "graph=ring,n=2", SG_OUT_OF_RANGE, "at least 3 sites");
    finite_refuses("ising", "graph=bipartite,n=1", SG_OUT_OF_RANGE, "at least 2 sites");
    finite_refuses("ising", "graph=lattice", SG_BAD_TYPE, "as in 4x4");
    finite_refuses("ising", "graph=lattice,shape=4", SG_OUT_OF_RANGE, "2 or 3 sides");
    finite_refuses("ising", "graph=lattice,shape=4x4x4x4", SG_BAD_TYPE, "as in 4x4");
    finite_refuses("ising", "graph=lattice,shape=4x", SG_BAD_TYPE, "as in 4x4");
    finite_refuses("ising", "graph=lattice,shape=2x4", SG_OUT_OF_RANGE, "periodic");
    finite_refuses("ising", "graph=lattice,shape=0x4,boundary=free", SG_OUT_OF_RANGE, "[1, 1000000]");
    finite_refuses("ising", "graph=lattice,shape=3x4,n=13", SG_OUT_OF_RANGE, "not the 12 sites");
    finite_refuses("ising", "graph=lattice,shape=100000x100000", SG_OUT_OF_RANGE, "most is 1000000");
    finite_refuses("ising", "graph=ring,boundary=free", SG_BAD_SYNTAX, "boundary has no meaning");
    finite_refuses("ising", "graph=path,degree=4", SG_BAD_SYNTAX, "degree has no meaning");
    finite_refuses("ising", "graph=regular,n=7", SG_OUT_OF_RANGE, "product even");
    finite_refuses("ising", "graph=regular,n=4,degree=4", SG_OUT_OF_RANGE, "less than n");
    finite_refuses("ising", "n=0x", SG_BAD_TYPE, "whole number");
    finite_refuses("ising", "n=-1", SG_OUT_OF_RANGE, "[1, 1000000]");
    finite_refuses("ising", "free=tide", SG_UNKNOWN, "nearest is 'tied'");
    finite_refuses("ising", "free=h8", SG_UNKNOWN, "unknown parameter 'h8'");
    finite_refuses("ising", "beta=inf", SG_BAD_TYPE, "number");
}

static void single_parameters_can_be_free(void **state) {
    (void)state;
    sg_model *model = finite_model("ising", "n=5,free=h3/J0-4");
    char name[SG_NAME];
    assert_int_equal(model->m, 2);
    sg_model_parameter(model, 0, name);
    assert_string_equal(name, "J0-4");
    sg_model_parameter(model, 1, name);
    assert_string_equal(name, "h3");
    assert_non_null(strstr(model->text, "free=J0-4/h3)"));
    const double theta[2] = {0.25, -1};
    assert_int_equal(sg_model_set_truth(model, 2, theta), SG_OK);
    assert_true(model->truth[1] == 0.25 && model->truth[8] == -1 && model->truth[0] == 1);
    const double wrong[2] = {NAN, 0};
    assert_int_equal(sg_model_set_truth(model, 2, wrong), SG_NOT_INTEGRABLE);
    sg_model_delete(model);
}

static void memory_failures_are_reported(void **state) {
    (void)state;
    for (int k = 0; k < MODELS; k++) finite_check_memory("ising", models[k]);
    finite_check_memory("ising", "graph=bipartite,n=8");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_by_name),
        cmocka_unit_test(lattices),
        cmocka_unit_test(regular_graphs),
        cmocka_unit_test(states_are_sums_over_edges),
        cmocka_unit_test(tied_is_the_same_law),
        cmocka_unit_test(couplings_have_their_laws),
        cmocka_unit_test(classes_are_those_of_the_states),
        cmocka_unit_test(only_equal_couplings_are_lumped),
        cmocka_unit_test(large_models_are_made),
        cmocka_unit_test(a_file_keeps_its_order),
        cmocka_unit_test(errors_in_a_file_have_their_line),
        cmocka_unit_test(keys_are_checked),
        cmocka_unit_test(single_parameters_can_be_free),
        cmocka_unit_test(memory_failures_are_reported),
    };
    const int file = mkstemp(path);
    if (file < 0) return 1;
    close(file);
    const int failed = cmocka_run_group_tests_name("ising", tests, NULL, NULL);
    unlink(path);
    return failed;
}
