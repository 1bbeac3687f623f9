/* Parity and the hardcore model: states against the jet and against their definition, classes against all states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "finite.h"

/* ------------------------------------------------------------------- parity */

static int parity_k; /* of the model whose classes are checked */

/* Of two sites with a negative weight one is turned. */
static int pluses(const sg_model *model, uint64_t code) {
    if (parity_k == 2 && model->truth[0] < 0) code ^= 1;
    return __builtin_popcountll(code & ((UINT64_C(1) << parity_k) - 1));
}

static void parity_is_the_product(void **state) {
    (void)state;
    static double logp[1 << FINITE_MOST];
    for (int n = 1; n <= 10; n += 3)
        for (int k = 1; k <= n; k++) {
            char keys[64];
            snprintf(keys, sizeof keys, "n=%d,k=%d,J=%g", n, k, k % 2 ? 0.8 : -1.5);
            sg_model *model = finite_model("parity", keys);
            finite_check_states(model, model->truth, -1);
            model->family->states(model, model->truth, 0, 1 << n, logp);
            for (int x = 0; x < 1 << n; x++) {
                double product = 1;
                for (int i = 0; i < k; i++) product *= x >> i & 1 ? 1 : -1;
                assert_true(logp[x] == model->truth[0] * product);
            }
            parity_k = k;
            finite_check_classes(model, pluses);
            sg_model_delete(model);
        }
    finite_refuses("parity", "n=4,k=5", SG_OUT_OF_RANGE, "at most n = 4");
    finite_refuses("parity", "k=0", SG_OUT_OF_RANGE, "[1, ");
    finite_check_memory("parity", "");
}

/* ----------------------------------------------------------------- hardcore */

static int occupied_by_side(const sg_model *model, uint64_t code) {
    const int left = model->space.d / 2;
    const uint64_t side = code & ((UINT64_C(1) << left) - 1);
    return side ? left - __builtin_popcountll(side) : left + __builtin_popcountll(code >> left);
}

static int where_occupied(const sg_model *model, uint64_t code) {
    (void)model;
    return code == 0 ? 1 : code == 1 ? 0 : 2;
}

static void hardcore_counts_independent_sets(void **state) {
    (void)state;
    static double logp[1 << FINITE_MOST];
    static const struct {
        const char *keys;
        int sets; /* Fibonacci and Lucas numbers; partial permutation matrices on the 3 x 3 torus */
    } table[] = {{"graph=path,n=1", 2},
                 {"graph=path,n=6", 21},
                 {"graph=ring,n=9,lambda=2", 76},
                 {"graph=complete,n=11,lambda=.3", 12},
                 {"graph=bipartite,n=9,lambda=3", 16 + 32 - 1},
                 {"graph=lattice,shape=3x3,boundary=free", 63},
                 {"graph=lattice,shape=3x3", 34},
                 {"graph=tree,n=7", 41}};
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        sg_model *model = finite_model("hardcore", table[k].keys);
        const int d = model->space.d;
        int count = 0;
        finite_check_states(model, model->truth, 0);
        model->family->states(model, model->truth, 0, 1 << d, logp);
        for (int x = 0; x < 1 << d; x++) {
            if (!(logp[x] > -INFINITY)) continue;
            finite_near(model, logp[x], __builtin_popcount((unsigned)x) * model->truth[0], 10);
            count++;
        }
        assert_int_equal(count, table[k].sets);
        sg_model_delete(model);
    }
}

static void hardcore_classes(void **state) {
    (void)state;
    static const char *const complete[] = {"graph=complete,n=2", "graph=complete,n=7,lambda=2", "graph=ring,n=3"};
    static const char *const bipartite[] = {"graph=bipartite,n=2", "graph=bipartite,n=9,lambda=0.5",
                                            "graph=bipartite,n=10,lambda=3"};
    for (int k = 0; k < 3; k++) {
        sg_model *model = finite_model("hardcore", complete[k]);
        finite_check_classes(model, where_occupied);
        sg_model_delete(model);
        model = finite_model("hardcore", bipartite[k]);
        finite_check_classes(model, occupied_by_side);
        sg_model_delete(model);
    }
    sg_model *model = finite_model("hardcore", "graph=path,n=5");
    sg_lumped *lumped = NULL;
    assert_int_equal(model->family->lump(model, model->truth, &lumped), SG_REFUSED);
    sg_model_delete(model);
}

static void a_file_has_edges_only(void **state) {
    (void)state;
    char name[] = "/tmp/scoregap-graph-XXXXXX", keys[64];
    const int file = mkstemp(name);
    assert_true(file >= 0);
    assert_int_equal(write(file, "0 1\n2 1\n", 8), 8);
    snprintf(keys, sizeof keys, "graph=@%s", name);
    sg_model *model = finite_model("hardcore", keys);
    assert_int_equal(model->space.d, 3);
    finite_check_states(model, model->truth, 0);
    sg_model_delete(model);
    assert_int_equal(write(file, "0 2 1\n", 6), 6);
    finite_refuses("hardcore", keys, SG_BAD_DATA, "line 3: a line is `i j`");
    close(file);
    unlink(name);
}

static void hardcore_keys(void **state) {
    (void)state;
    finite_refuses("hardcore", "lambda=0", SG_OUT_OF_RANGE, "> 0");
    finite_refuses("hardcore", "graph=cycle", SG_UNKNOWN, "unknown graph");
    finite_check_memory("hardcore", "graph=bipartite");
    finite_check_memory("hardcore", "graph=complete");
    finite_check_memory("hardcore", "graph=regular");
    sg_model *model = finite_model("hardcore", "lambda=2.5");
    assert_true(model->truth[0] == log(2.5));
    assert_true(model->family->can & SG_HARD);
    sg_model_delete(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parity_is_the_product), cmocka_unit_test(hardcore_counts_independent_sets),
        cmocka_unit_test(hardcore_classes),      cmocka_unit_test(a_file_has_edges_only),
        cmocka_unit_test(hardcore_keys),
    };
    return cmocka_run_group_tests_name("parity and hardcore", tests, NULL, NULL);
}
