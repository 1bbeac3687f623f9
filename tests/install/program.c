/* A stranger's program: draws data, fits them by two losses, and provokes an error.  Exit status 0 when all is right.
 */
#include <math.h>
#include <scoregap.h>
#include <stdio.h>
#include <string.h>

enum { N = 20000 };

#define REQUIRE(condition)                                                                           \
    do {                                                                                             \
        if (!(condition)) {                                                                          \
            fprintf(stderr, "line %d: %s (last message: %s)\n", __LINE__, #condition, sg_message()); \
            return 1;                                                                                \
        }                                                                                            \
    } while (0)

static int draw(const sg_model *model, const sg_panels *panels, double *x) {
    sg_sampler *sampler = NULL;
    sg_stream stream;
    REQUIRE(sg_sampler_new(model, model->truth, panels, &sampler) == SG_OK);
    REQUIRE(sg_sampler_error(sampler) < 1e-9);
    sg_stream_open(&stream, sg_hash64("a stranger's data"), SG_PURPOSE_DATA, 0);
    for (int b = 0; b * SG_BLOCK < N; b++) {
        double *space = NULL;
        REQUIRE(sg_new(&space, SG_BLOCK, sizeof *space) == SG_OK);
        sg_block block = {
            .n = N - b * SG_BLOCK < SG_BLOCK ? N - b * SG_BLOCK : SG_BLOCK, .d = 1, .draws = 1, .x = space};
        sg_stream_seek(&stream, (uint32_t)b);
        sg_sampler_draw(sampler, &stream, &block);
        memcpy(x + b * SG_BLOCK, space, (size_t)block.n * sizeof *x);
        sg_delete(space);
    }
    sg_sampler_delete(sampler);
    return 0;
}

/* theta-hat lies within five standard errors of the truth, and these are those of the theory within 10 %. */
static int fit(const sg_model *model, const sg_nodes *nodes, const char *name, const double *x) {
    sg_loss *loss = NULL;
    sg_asymptotic *theory = NULL;
    sg_fitter *fitter = NULL;
    double theta[2], covariance[4];
    sg_fit result = {.theta = theta, .covariance = covariance};
    sg_source source = {.n = N, .d = 1, .rows = x};
    REQUIRE(sg_loss_new(name, &loss) == SG_OK);
    REQUIRE(sg_asymptotic_new(model, loss, &theory) == SG_OK);
    REQUIRE(sg_fitter_new(model, loss, model->truth, theory->whiten, nodes, &fitter) == SG_OK);
    REQUIRE(sg_fit_source(fitter, &source, SG_FIT_SANDWICH, &result) == SG_OK);
    REQUIRE(result.status == SG_OK);
    for (int j = 0; j < 2; j++) {
        double se = sqrt(covariance[j + 2 * j]), limit = sqrt(theory->gamma[j + 2 * j] / N);
        REQUIRE(fabs(theta[j] - theory->theta[j]) < 5 * se);
        REQUIRE(fabs(se / limit - 1) < 0.1);
    }
    sg_fitter_delete(fitter);
    sg_asymptotic_delete(theory);
    sg_loss_delete(loss);
    return 0;
}

int main(void) {
    static double x[N];
    const sg_pair wrong[] = {{"omgea", "2"}}, keys[] = {{"omega", "2"}};
    sg_model *model = NULL;
    sg_nodes *nodes = NULL;
    REQUIRE(sg_model_new("sinusoid", 1, wrong, &model) == SG_UNKNOWN && !model);
    REQUIRE(strstr(sg_message(), "nearest is 'omega'"));
    REQUIRE(sg_model_new("sinusoid", 1, keys, &model) == SG_OK && model->m == 2);
    REQUIRE(sg_nodes_new(model, model->truth, 0, false, &nodes) == SG_OK);
    if (draw(model, nodes->panels, x) || fit(model, nodes, "mle", x) || fit(model, nodes, "score-matching", x))
        return 1;
    sg_nodes_delete(nodes);
    sg_model_delete(model);
    REQUIRE(sg_memory_live() == 0);
    return 0;
}
