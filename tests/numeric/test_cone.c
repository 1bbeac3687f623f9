/*
 * Directions in which no vector of a set grows and some fall: against all directions that could be one, in two and
 * three dimensions exactly, and against sets made to have one or none in many dimensions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "../ok.h"
#include "scoregap/numeric.h"

enum { M = 24, MOST = 120 };

typedef struct {
    int m, n, calls;
    double a[MOST][M];
} set;

static double dot(int m, const double *a, const double *b) {
    double sum = 0;
    for (int j = 0; j < m; j++) sum += a[j] * b[j];
    return sum;
}

static sg_status support(void *context, const double *direction, double *vector) {
    set *s = context;
    int best = 0;
    s->calls++;
    for (int i = 1; i < s->n; i++)
        if (dot(s->m, s->a[i], direction) > dot(s->m, s->a[best], direction)) best = i;
    memcpy(vector, s->a[best], (size_t)s->m * sizeof(double));
    return SG_OK;
}

/* What the direction that is found must be. */
static bool find(set *s, double slack) {
    double sum[M] = {0}, direction[M], least = 0;
    bool found;
    for (int i = 0; i < s->n; i++)
        for (int j = 0; j < s->m; j++) sum[j] += (1 + i % 3) * s->a[i][j];
    s->calls = 0;
    OK(sg_cone_direction(s->m, sum, support, s, direction, &found));
    assert_true(s->calls <= 50 + 20 * s->m);
    if (!found) return false;
    assert_true(fabs(dot(s->m, direction, direction) - 1) < 1e-12);
    for (int i = 0; i < s->n; i++) {
        const double along = dot(s->m, s->a[i], direction);
        assert_true(along <= slack * sqrt(dot(s->m, s->a[i], s->a[i])));
        least = fmin(least, along);
    }
    assert_true(least < -1e-6);
    return true;
}

static int whole(sg_stream *stream, int most) {
    double u;
    sg_stream_uniform(stream, 1, &u);
    return (int)floor(u * (2 * most + 1)) - most;
}

static bool separates(const set *s, const double *d) {
    bool falls = false;
    for (int i = 0; i < s->n; i++) {
        const double along = dot(s->m, s->a[i], d);
        if (along > 0) return false;
        falls = falls || along < 0;
    }
    return falls;
}

static bool either(const set *s, const double *d) {
    const double back[3] = {-d[0], -d[1], -d[2]};
    return separates(s, d) || separates(s, back);
}

/*
 * Directions of a cone {a.d <= 0} of whole numbers: its extreme rays lie across all but one of the dimensions, or it
 * holds a line, across which everything is: then one of lower dimension, and in the end any vector's opposite.
 */
static bool by_all(const set *s) {
    for (int i = 0; i < s->n; i++) {
        const double *a = s->a[i], turned[3] = {-a[1], a[0], 0};
        if (either(s, a) || (s->m == 2 && either(s, turned))) return true;
        for (int k = 0; s->m == 3 && k < i; k++) {
            const double *b = s->a[k];
            const double across[3] = {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
            const double in_a[3] = {across[1] * a[2] - across[2] * a[1], across[2] * a[0] - across[0] * a[2],
                                    across[0] * a[1] - across[1] * a[0]};
            const double in_b[3] = {across[1] * b[2] - across[2] * b[1], across[2] * b[0] - across[0] * b[2],
                                    across[0] * b[1] - across[1] * b[0]};
            if (either(s, across) || either(s, in_a) || either(s, in_b)) return true;
        }
    }
    return false;
}

static void few_dimensions(void **state) {
    (void)state;
    sg_stream stream;
    int yes = 0, trials = 0;
    sg_stream_open(&stream, 31, SG_PURPOSE_TEST, 0);
    for (int m = 2; m <= 3; m++)
        for (int trial = 0; trial < 4000; trial++, trials++) {
            set s = {.m = m, .n = 1 + trial % 7};
            for (int i = 0; i < s.n; i++)
                for (int j = 0; j < m; j++) s.a[i][j] = whole(&stream, 1 + trial % 3);
            const bool known = by_all(&s), found = find(&s, 1e-12);
            if (known != found) fail_msg("m = %d, %d vectors: %d, by all directions %d", m, s.n, found, known);
            yes += known;
        }
    assert_true(yes > trials / 4 && yes < trials * 3 / 4);
}

/* Half of the vectors across the planted direction, some copies and some zero. */
static void many_dimensions(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 32, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 400; trial++) {
        set s = {.m = 2 + trial % (M - 1), .n = 20 + trial % 90};
        double d[M], z[M];
        for (int j = 0; j < s.m; j++) d[j] = j ? whole(&stream, 2) : 1;
        for (int i = 0; i < s.n; i++) {
            sg_stream_normal(&stream, (size_t)s.m, z);
            const double along = dot(s.m, z, d) / dot(s.m, d, d), fall = i % 2 ? 0 : along > 0 ? -along : along;
            for (int j = 0; j < s.m; j++) s.a[i][j] = i % 11 == 10 ? 0 : z[j] + (fall - along) * d[j];
            if (i % 7 == 6) memcpy(s.a[i], s.a[i - 1], sizeof z);
        }
        assert_true(find(&s, 1e-9));
        /* the opposite of the sum of all closes the cone */
        memset(s.a[s.n], 0, sizeof z);
        for (int i = 0; i < s.n; i++)
            for (int j = 0; j < s.m; j++) s.a[s.n][j] -= 0.1 * s.a[i][j];
        s.n++;
        assert_false(find(&s, 1e-9));
    }
}

static sg_status refuse(void *context, const double *direction, double *vector) {
    (void)context, (void)direction, (void)vector;
    return sg_fail(SG_REFUSED, "no vectors here");
}

static void ends(void **state) {
    (void)state;
    const double none[2] = {0, 0}, one[2] = {1, 0};
    double direction[2];
    bool found;
    OK(sg_cone_direction(2, none, refuse, NULL, direction, &found));
    assert_false(found);
    assert_int_equal(sg_cone_direction(2, one, refuse, NULL, direction, &found), SG_REFUSED);
    assert_false(found);
    const long live = sg_memory_live();
    set s = {.m = 2, .n = 1, .a = {{1, 0}}};
    sg_status status = SG_NO_MEMORY;
    for (long k = 1; status; k++) {
        sg_memory_fail_after(k);
        status = sg_cone_direction(2, one, support, &s, direction, &found);
        sg_memory_fail_after(0);
        assert_true(!status || status == SG_NO_MEMORY);
        assert_int_equal(sg_memory_live(), live);
    }
    assert_true(found && fabs(direction[0] + 1) < 1e-15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_dimensions),
        cmocka_unit_test(many_dimensions),
        cmocka_unit_test(ends),
    };
    return cmocka_run_group_tests_name("cones", tests, NULL, NULL);
}
