/*
 * The Potts model: states against the jet and against sums written out here, one-site conditionals, the Ising model at
 * half the coupling, classes, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "codes.h"

static const char *const cases[] = {
    "graph=ring,n=5,q=3,beta=0.7",
    "graph=path,n=2,q=10,beta=-1",
    "graph=path,n=2,q=2",
    "graph=ring,n=12,q=2,beta=0.4",
    "graph=lattice,shape=3x3,q=2,couplings=gauss",
    "graph=lattice,shape=2x2x2,boundary=free,q=3,couplings=pm,beta=0.5",
    "graph=complete,n=6,q=4,couplings=gauss,beta=0.3",
    "graph=complete,n=5,q=5,couplings=sk",
    "graph=curie-weiss,n=5,q=6,beta=3",
    "graph=bipartite,n=4,q=9,beta=-0.2",
    "graph=regular,n=8,q=3,couplings=pm",
    "graph=tree,n=4,q=7,couplings=gauss,beta=2",
    "graph=path,n=4,q=8",
};
enum { CASES = sizeof cases / sizeof *cases };

/* log p from the names of the couplings and their values, at free=all. */
static void write_out(const sg_model *model, double *logp) {
    const int states = codes_count(model);
    for (int x = 0; x < states; x++) logp[x] = 0;
    for (int e = 0; e < model->full; e++) {
        char name[SG_NAME];
        int i, j;
        model->family->parameter(model, e, name);
        assert_int_equal(sscanf(name, "J%d-%d", &i, &j), 2);
        for (int x = 0; x < states; x++)
            if (codes_digit(model, x, i) == codes_digit(model, x, j)) logp[x] += model->truth[e];
    }
}

static void states_are_sums_over_edges(void **state) {
    (void)state;
    static double want[CODES_MOST], all[CODES_MOST], tied[CODES_MOST];
    for (int c = 0; c < CASES; c++) {
        char keys[SG_TEXT];
        sg_model *model = finite_model("potts", cases[c]);
        snprintf(keys, sizeof keys, "%s,free=tied", cases[c]);
        sg_model *one = finite_model("potts", keys);
        const int states = codes_count(model);
        assert_int_equal(one->full, 1);
        assert_int_equal(one->m, 1);
        write_out(model, want);
        model->family->states(model, model->truth, 0, states, all);
        one->family->states(one, one->truth, 0, states, tied);
        for (int x = 0; x < states; x++) {
            finite_near(model, all[x], want[x], 30);
            finite_near(one, tied[x], want[x], 30);
        }
        sg_model_delete(model);
        sg_model_delete(one);
    }
}

static void states_are_those_of_the_jet(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 1, SG_PURPOSE_TEST, 0);
    for (int c = 0; c < 2 * CASES; c++) {
        char keys[SG_TEXT];
        double theta[64];
        snprintf(keys, sizeof keys, "%s%s", cases[c / 2], c % 2 ? ",free=tied" : "");
        sg_model *model = finite_model("potts", keys);
        assert_in_range(model->full, 1, 64);
        sg_stream_normal(&stream, (size_t)model->full, theta);
        codes_check_states(model, theta);
        codes_check_conditional(model, theta);
        sg_model_delete(model);
    }
}

/* 1{x_i = x_j} = (1 + x_i x_j)/2: log p of the Ising model at beta/2, up to a constant, and means of the statistics. */
static void two_states_are_ising(void **state) {
    (void)state;
    static const char *const graphs[] = {"graph=ring,n=9", "graph=lattice,shape=3x3,couplings=gauss",
                                         "graph=complete,n=8,couplings=pm", "graph=curie-weiss,n=10",
                                         "graph=complete,n=9,couplings=sk"};
    static double potts[CODES_MOST], ising[CODES_MOST];
    for (size_t g = 0; g < sizeof graphs / sizeof *graphs; g++) {
        char keys[SG_TEXT];
        snprintf(keys, sizeof keys, "%s,q=2,beta=0.8,free=tied", graphs[g]);
        sg_model *a = finite_model("potts", keys);
        snprintf(keys, sizeof keys, "%s,beta=0.4,free=tied", graphs[g]);
        sg_model *b = finite_model("ising", keys);
        const int states = codes_count(a);
        double log_z[2], mean[64], product[2][256];
        a->family->states(a, a->truth, 0, states, potts);
        b->family->states(b, b->truth, 0, states, ising);
        for (int x = 0; x < states; x++) finite_near(a, potts[x] - potts[0], ising[x] - ising[0], 30);
        assert_int_equal(sg_model_moments(a, a->truth, &log_z[0], mean, product[0]), SG_OK);
        assert_int_equal(sg_model_moments(b, b->truth, &log_z[1], mean, product[1]), SG_OK);
        finite_near(a, log_z[0] - potts[0], log_z[1] - ising[0], 30);
        for (int k = 0; k < a->space.d * a->space.d; k++) finite_near(a, product[0][k], product[1][k], 10);
        assert_true(sg_model_exchangeable(a) == sg_model_exchangeable(b));
        sg_model_delete(a);
        sg_model_delete(b);
    }
}

/* log Z of a path and of a ring: the transfer matrix has eigenvalues e^b + q - 1 and e^b - 1. */
static void partition_functions(void **state) {
    (void)state;
    const double b = 0.9, e = exp(b);
    for (int q = 2; q <= 10; q++) {
        char keys[SG_TEXT];
        sg_nodes *nodes = NULL;
        snprintf(keys, sizeof keys, "graph=path,n=4,q=%d,beta=0.9", q);
        sg_model *model = finite_model("potts", keys);
        assert_int_equal(sg_nodes_new(model, model->truth, 0, false, &nodes), SG_OK);
        finite_near(model, nodes->log_z, log(q) + 3 * log(e + q - 1), 10);
        sg_nodes_delete(nodes);
        sg_model_delete(model);
        snprintf(keys, sizeof keys, "graph=ring,n=5,q=%d,beta=0.9,free=tied", q);
        model = finite_model("potts", keys);
        assert_int_equal(sg_nodes_new(model, model->truth, 0, false, &nodes), SG_OK);
        finite_near(model, nodes->log_z, log(pow(e + q - 1, 5) + (q - 1) * pow(e - 1, 5)), 10);
        sg_nodes_delete(nodes);
        sg_model_delete(model);
    }
}

static int pluses(const sg_model *model, uint64_t code) {
    (void)model;
    return __builtin_popcountll(code);
}

static void classes_of_two_states(void **state) {
    (void)state;
    sg_lumped *lumped = NULL;
    sg_model *model = finite_model("potts", "graph=curie-weiss,n=9,q=2,beta=2");
    finite_check_classes(model, pluses);
    assert_int_equal(model->family->lump(model, model->truth, &lumped), SG_OK);
    assert_true(lumped->path && lumped->counts && lumped->attractive);
    sg_lumped_delete(lumped);
    sg_model_delete(model);
    model = finite_model("potts", "graph=complete,n=5,q=2,beta=-1");
    assert_int_equal(model->family->lump(model, model->truth, &lumped), SG_OK);
    assert_false(lumped->attractive);
    sg_lumped_delete(lumped);
    sg_model_delete(model);
    model = finite_model("potts", "n=5,q=2");
    assert_int_equal(model->family->lump(model, model->truth, &lumped), SG_REFUSED);
    sg_model_delete(model);
}

/* Classes by the numbers of sites in each state: sizes, log p and moves of all their states, counted here. */
static void classes_of_several_states(void **state) {
    (void)state;
    static double logp[CODES_MOST], moves[128][128], given[128][128];
    static const char *const table[] = {"graph=complete,n=6,q=3,beta=0.4", "graph=curie-weiss,n=4,q=5,beta=-3",
                                        "graph=path,n=2,q=10,free=tied"};
    for (int c = 0; c < 3; c++) {
        sg_model *model = finite_model("potts", table[c]);
        const int d = model->space.d, q = model->space.q, states = codes_count(model);
        static int class[CODES_MOST], key[128];
        double size[128] = {0};
        int classes = 0;
        sg_lumped *lumped = NULL;
        model->family->states(model, model->truth, 0, states, logp);
        for (int x = 0; x < states; x++) { /* numbers of sites in base d + 1 */
            int code = 0;
            for (int s = q - 1; s >= 0; s--) {
                int count = 0;
                for (int i = 0; i < d; i++) count += codes_digit(model, x, i) == s;
                code = code * (d + 1) + count;
            }
            for (class[x] = 0; class[x] < classes && key[class[x]] != code;) class[x]++;
            if (class[x] == classes) key[classes++] = code;
        }
        assert_int_equal(model->family->lump(model, model->truth, &lumped), SG_OK);
        assert_int_equal(lumped->classes, classes);
        assert_false(lumped->attractive || lumped->path || lumped->counts || lumped->reason[0]);
        /* Its classes and ours, matched by size and log p on the way from state 0 = all sites in state 0 = class 0. */
        int match[128];
        memset(match, -1, sizeof match);
        match[class[0]] = 0;
        for (int x = 0; x < states; x++) size[class[x]]++;
        for (int round = 0; round < 2 * d * q; round++)
            for (int x = 0; x < states; x++)
                for (int i = 0, power = 1; i < d; i++, power *= q) {
                    const int a = codes_digit(model, x, i);
                    if (match[class[x]] < 0) continue;
                    for (int b = 0, seen = 0; b < q; b++) {
                        if (b == a) continue;
                        int e = 0, skip = seen++;
                        while (lumped->from[e] != match[class[x]] || lumped->site[e] != a || skip-- > 0) e++;
                        const int y = class[x + (b - a) * power];
                        if (match[y] < 0) match[y] = lumped->to[e];
                        assert_int_equal(match[y], lumped->to[e]);
                    }
                }
        for (int a = 0; a < classes; a++) {
            assert_in_range(match[a], 0, classes - 1);
            finite_near(model, lumped->log_size[match[a]], log(size[a]), 10);
        }
        memset(moves, 0, sizeof moves);
        memset(given, 0, sizeof given);
        for (int e = 0; e < lumped->edges; e++) given[lumped->from[e]][lumped->to[e]] += lumped->flips[e];
        for (int x = 0; x < states; x++) {
            finite_near(model, lumped->log_p[match[class[x]]] - lumped->log_p[0], logp[x] - logp[0], 100);
            for (int i = 0, power = 1; i < d; i++, power *= q)
                for (int b = 0; b < q; b++)
                    if (b != codes_digit(model, x, i))
                        moves[match[class[x]]][match[class[x + (b - codes_digit(model, x, i)) * power]]] +=
                            1 / size[class[x]];
        }
        for (int a = 0; a < classes; a++)
            for (int b = 0; b < classes; b++) finite_near(model, moves[a][b], given[a][b], 10);
        sg_lumped_delete(lumped);
        sg_model_delete(model);
    }
    sg_lumped *lumped = NULL;
    sg_model *model = finite_model("potts", "graph=curie-weiss,n=100,q=6,free=tied");
    assert_int_equal(model->family->lump(model, model->truth, &lumped), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "96560646"));
    sg_model_delete(model);
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void graph_files(void **state) {
    (void)state;
    char path[] = "/tmp/test-potts-XXXXXX", keys[SG_TEXT], name[SG_NAME];
    const int handle = mkstemp(path);
    assert_true(handle >= 0);
    close(handle);
    write_file(path, "# weights\n2 0 0.5\n0 1 -1\n");
    snprintf(keys, sizeof keys, "graph=@%s,q=4,beta=2", path);
    sg_model *model = finite_model("potts", keys);
    assert_int_equal(model->full, 2);
    assert_true(model->truth[0] == 1 && model->truth[1] == -2);
    model->family->parameter(model, 0, name);
    assert_string_equal(name, "J2-0");
    codes_check_states(model, model->truth);
    sg_model_delete(model);
    write_file(path, "0 1 1\n1 0.5\n");
    finite_refuses("potts", keys, SG_BAD_DATA, "no fields");
    unlink(path);
}

static void refusals(void **state) {
    (void)state;
    finite_refuses("potts", "q=1", SG_OUT_OF_RANGE, "q");
    finite_refuses("potts", "q=11", SG_OUT_OF_RANGE, "q");
    finite_refuses("potts", "graph=path,n=1", SG_OUT_OF_RANGE, "no edge");
    finite_refuses("potts", "graph=rings", SG_UNKNOWN, "ring");
    finite_refuses("potts", "couplings=sk", SG_BAD_SYNTAX, "complete");
    finite_refuses("potts", "h=1", SG_UNKNOWN, "h");
    finite_refuses("potts", "free=beta/J0-1", SG_UNKNOWN, "beta");
    finite_refuses("potts", "graph=complete,n=10000", SG_OUT_OF_RANGE, "free=tied");
    finite_check_memory("potts", "graph=lattice,shape=3x3,q=3,couplings=pm");
    finite_check_memory("potts", "graph=curie-weiss,n=4,q=2,free=tied");
    finite_check_memory("potts", "graph=curie-weiss,n=4,q=3,free=tied");
}

/* The couplings of sk are those of gauss over sqrt(n). */
static void sherrington_kirkpatrick(void **state) {
    (void)state;
    static const char *const families[] = {"potts", "ising"};
    for (int f = 0; f < 2; f++) {
        sg_model *sk = finite_model(families[f], "graph=complete,n=9,couplings=sk,beta=0.7");
        sg_model *gauss = finite_model(families[f], "graph=complete,n=9,couplings=gauss,beta=0.7");
        for (int e = 0; e < 36; e++) finite_near(sk, 3 * sk->truth[e], gauss->truth[e], 1);
        assert_true(strstr(sk->text, "couplings=sk,coupling-seed=1"));
        sg_model_delete(sk);
        sg_model_delete(gauss);
    }
    finite_refuses("ising", "graph=curie-weiss,couplings=sk", SG_BAD_SYNTAX, "complete");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_sums_over_edges),
        cmocka_unit_test(states_are_those_of_the_jet),
        cmocka_unit_test(two_states_are_ising),
        cmocka_unit_test(partition_functions),
        cmocka_unit_test(classes_of_two_states),
        cmocka_unit_test(classes_of_several_states),
        cmocka_unit_test(graph_files),
        cmocka_unit_test(sherrington_kirkpatrick),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("potts", tests, NULL, NULL);
}
