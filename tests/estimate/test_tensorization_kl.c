/*
 * What a loss says of the joint law, at finite sample size or not: for any p and any q of the family
 *     KL(p, q) <= C (L_p(q) - L_p(p)),   C the constant of tensorization of entropy of q,
 * L_p the population pseudolikelihood (C = C_AT) or masked prediction.  Left: enumeration and sg_kl; L: the row's own
 * values, a state at a time; C: sg_law_tensorization.  Equality for products, and at p = f q for the maximizer f.
 */
#include "../dictionary/states.h"

#include <gsl/gsl_errno.h>

#include "scoregap/estimate.h"

static const char *const laws[] = {
    "ising:graph=complete,n=3",
    "ising:graph=complete,n=4",
    "ising:graph=ring,n=5",
    "ising:graph=curie-weiss,n=6,free=tied",
    "potts:graph=path,n=3,q=3,free=all",
    "parity:n=4,k=3",
    "hardcore:graph=ring,n=6",
    "hardcore:graph=path,n=5",
    "loglinear",
};
enum { LAWS = sizeof laws / sizeof *laws, PAIRS = 12 };

/* None, small, equal, large: many at the ends. */
static double corner(sg_stream *stream) {
    static const double some[] = {0, 0, 1e-3, -0.25, .5, .5, 1, -1, 2, -3};
    double u[2];
    sg_stream_uniform(stream, 2, u);
    return u[0] < .8 ? some[(int)(u[1] * 10)] : 4 * u[1] - 2;
}

static sg_model *random_member(const char *text, sg_stream *stream) {
    sg_model *model = model_of(text);
    double theta[FREE];
    for (int j = 0; j < model->m; j++) theta[j] = corner(stream);
    OK(sg_model_set_truth(model, model->m, theta));
    return model;
}

static sg_tensorization constant_of(const states *s, const double *theta, double *log_f) {
    double log_p[STATES];
    sg_site_blocks blocks;
    sg_tensorization out;
    s->model->family->states(s->model, theta, 0, s->states, log_p);
    OK(s->loss->row->blocks(s->loss->options, s->model, &blocks));
    OK(sg_law_tensorization(s->d, s->q, log_p, blocks.count, blocks.mask, blocks.rate, log_f, &out));
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
    return out;
}

/* The mean under `mass` of the loss at theta. */
static double population(states *s, const double *theta, const double *mass) {
    const sg_block block = all_states(s);
    double sum = 0;
    look(s, theta, &block, SG_VALUE);
    for (int x = 0; x < s->states; x++) sum += mass[x] > 0 ? mass[x] * s->datum.value[x] : 0;
    return sum;
}

/* KL(p, p_theta), p [states] */
static double divergence(const states *s, const double *p, const double *theta) {
    double log_q[STATES], top = -INFINITY, total = 0, sum = 0;
    s->model->family->states(s->model, theta, 0, s->states, log_q);
    for (int x = 0; x < s->states; x++) top = fmax(top, log_q[x]);
    for (int x = 0; x < s->states; x++) total += exp(log_q[x] - top);
    for (int x = 0; x < s->states; x++)
        if (p[x] > 0) sum += p[x] * (log(p[x]) - (log_q[x] - top - log(total)));
    return sum;
}

static void check_pair(const char *text, const char *loss, sg_stream *stream, double *sharpest) {
    states *s = open_states_of(random_member(text, stream), loss);
    sg_model *other = random_member(text, stream);
    double q[FREE], by_program;
    sg_nodes *nodes;
    sg_model_free(other, other->truth, q);
    const double kl = divergence(s, s->p, other->truth), c = exp(constant_of(s, other->truth, NULL).log_value);
    const double excess = population(s, other->truth, s->p) - population(s, s->model->truth, s->p);
    OK(sg_nodes_new(s->model, s->model->truth, 0, false, &nodes));
    OK(sg_kl(s->model, nodes, q, &by_program));
    assert_near(by_program, kl, 1e-12 * (1 + kl));
    if (!(kl <= c * (excess + 1e-13) * (1 + 1e-10)))
        fail_msg("%s %s against %s: KL %.15g, C %.15g, excess loss %.15g", s->model->text, loss, other->text, kl, c,
                 excess);
    if (excess > 1e-9) *sharpest = fmax(*sharpest, kl / (c * excess));
    sg_nodes_delete(nodes);
    sg_model_delete(other);
    close_states(s);
}

static void random_pairs(void **state) {
    static const char *const losses[] = {"pseudolikelihood", "masked:k=2"};
    double sharpest = 0;
    sg_stream stream;
    (void)state;
    sg_stream_open(&stream, 99, SG_PURPOSE_TEST, 0);
    for (int law = 0; law < LAWS; law++)
        for (int k = 0; k < PAIRS; k++) check_pair(laws[law], losses[k % 2], &stream, &sharpest);
    assert_true(sharpest > 0.5); /* nor is it empty */
}

/* Both sides are the sum of the sites' divergences. */
static void products_are_equal(void **state) {
    sg_stream stream;
    (void)state;
    sg_stream_open(&stream, 100, SG_PURPOSE_TEST, 0);
    for (int k = 0; k < 10; k++) {
        const char *text = "ising:graph=path,n=5,beta=0,free=h0/h1/h2/h3/h4";
        states *s = open_states_of(random_member(text, &stream), "pseudolikelihood");
        sg_model *other = random_member(text, &stream);
        const double kl = divergence(s, s->p, other->truth);
        const double excess = population(s, other->truth, s->p) - population(s, s->model->truth, s->p);
        assert_near(excess, kl, 1e-13 * (1 + kl));
        assert_near(constant_of(s, other->truth, NULL).log_value, 0, 1e-12);
        sg_model_delete(other);
        close_states(s);
    }
}

/* L_p(p) of any law, plainly. */
static double self(const states *s, const double *p) {
    double sum = 0;
    for (int x = 0; x < s->states; x++)
        for (int i = 0; i < s->d; i++) {
            double given = 0;
            for (int to = 0; to < s->q; to++) given += p[replaced(s, x, i, to)];
            if (p[x] > 0) sum -= p[x] * log(p[x] / given);
        }
    return sum;
}

/* At the maximizer f of the variational problem, p = f q attains the bound. */
static void sharp_at_the_maximizer(void **state) {
    static const char *const some[] = {"ising:graph=complete,n=4,beta=0.3,h=0.3",
                                       "ising:graph=ring,n=5,beta=0.9,h=-0.4", "potts:graph=path,n=3,q=3,beta=1.7",
                                       "parity:n=4,k=3"};
    (void)state;
    for (int k = 0; k < 4; k++) {
        double log_f[STATES], p[STATES];
        states *s = open_states(some[k], "pseudolikelihood");
        const sg_tensorization t = constant_of(s, s->theta, log_f);
        assert_true(t.share > 0.01);
        for (int x = 0; x < s->states; x++) p[x] = s->p[x] * exp(log_f[x]);
        const double kl = divergence(s, p, s->theta), excess = population(s, s->theta, p) - self(s, p);
        assert_near(kl / excess, exp(t.log_value), 1e-11 * exp(t.log_value));
        close_states(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_pairs),
        cmocka_unit_test(products_are_equal),
        cmocka_unit_test(sharp_at_the_maximizer),
    };
    gsl_set_error_handler_off();
    return cmocka_run_group_tests_name("divergence and tensorization", tests, NULL, NULL);
}
