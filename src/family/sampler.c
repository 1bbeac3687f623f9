#include "family/domain.h"

#include <math.h>
#include <string.h>

#include "family/rates-sampler.h"
#include "family/space-sampler.h"
#include "family/spin-sampler.h"

struct sg_sampler {
    const sg_model *model; /* for exact composition, with its theta; NULL: by the table */
    double *theta;
    sg_inverse *inverse;
    sg_spin_sampler *spins;
    sg_rates_sampler *chain;
    sg_own_sampler *own; /* of the family */
    sg_space_sampler *space;
    sg_sampler **factor; /* [factors] of the coordinates of a product */
    int factors;
};

static sg_status fill_composition(const sg_model *model, const double *theta, sg_sampler *sampler) {
    sg_status status = sg_model_check(model, theta);
    if (status == SG_OK) status = sg_new(&sampler->theta, (size_t)model->full, sizeof(double));
    if (status != SG_OK) return status;
    memcpy(sampler->theta, theta, (size_t)model->full * sizeof(double));
    sampler->model = model;
    return SG_OK;
}

static sg_status fill_own(const sg_model *model, const double *theta, sg_sampler *sampler) {
    const sg_status status = sg_model_check(model, theta);
    return status == SG_OK ? model->family->sampler(model, theta, &sampler->own) : status;
}

/* The table keeps what it needs of the panels. */
static sg_status fill_table(const sg_model *model, const double *theta, const sg_panels *panels, sg_sampler *sampler) {
    sg_panels *own = NULL;
    sg_status status = panels ? SG_OK : sg_model_panels(model, theta, 0, &own);
    if (status == SG_OK) status = sg_inverse_new(panels ? panels : own, &sampler->inverse);
    sg_panels_delete(own);
    return status;
}

static sg_status fill_factors(const sg_model *model, const double *theta, sg_sampler *sampler) {
    const int d = model->space.d;
    int first;
    sg_status status = sg_model_check(model, theta);
    if (status == SG_OK) status = sg_new(&sampler->factor, (size_t)d, sizeof *sampler->factor);
    if (status == SG_OK) sampler->factors = d;
    for (int a = 0; a < d && status == SG_OK; a++) {
        const sg_model *line = model->family->factor(model, a, &first);
        status = sg_sampler_new(line, theta + first, NULL, &sampler->factor[a]);
    }
    return status;
}

sg_status sg_sampler_new(const sg_model *model, const double *theta, const sg_panels *panels, sg_sampler **sampler) {
    sg_sampler *made = NULL;
    *sampler = NULL;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) goto out;
    if (model->family->sampler)
        status = fill_own(model, theta, made);
    else if (model->family->draw)
        status = fill_composition(model, theta, made);
    else if (model->family->factor)
        status = fill_factors(model, theta, made);
    else if (model->family->can & SG_STATES)
        status = sg_spin_sampler_new(model, theta, &made->spins);
    else if (model->family->can & SG_RATES)
        status = sg_rates_sampler_new(model, theta, &made->chain);
    else if (model->space.d > 1)
        status = sg_space_sampler_new(model, theta, &made->space);
    else
        status = fill_table(model, theta, panels, made);
    if (status != SG_OK) goto out;
    *sampler = made;
    made = NULL;
out:
    sg_sampler_delete(made);
    return status;
}

void sg_sampler_delete(sg_sampler *sampler) {
    if (!sampler) return;
    sg_inverse_delete(sampler->inverse);
    sg_spin_sampler_delete(sampler->spins);
    sg_rates_sampler_delete(sampler->chain);
    if (sampler->own) sampler->own->release(sampler->own);
    sg_space_sampler_delete(sampler->space);
    for (int a = 0; a < sampler->factors; a++) sg_sampler_delete(sampler->factor[a]);
    sg_delete(sampler->factor);
    sg_delete(sampler->theta);
    sg_delete(sampler);
}

void sg_sampler_draw(const sg_sampler *sampler, sg_stream *stream, sg_block *block) {
    if (sampler->model) {
        sampler->model->family->draw(sampler->model, sampler->theta, stream, block);
        return;
    }
    if (sampler->spins) {
        sg_spin_sampler_draw(sampler->spins, stream, block);
        return;
    }
    if (sampler->chain) {
        sg_rates_sampler_draw(sampler->chain, stream, block);
        return;
    }
    if (sampler->own) {
        sampler->own->draw(sampler->own, stream, block);
        return;
    }
    if (sampler->space) {
        sg_space_sampler_draw(sampler->space, stream, block);
        return;
    }
    for (int a = 0; a < sampler->factors; a++) {
        sg_block line = {.n = block->n, .d = 1, .draws = 1, .x = block->x + a * SG_BLOCK};
        sg_sampler_draw(sampler->factor[a], stream, &line);
    }
    if (sampler->factors) return;
    _Alignas(SG_ALIGN) double u[SG_BLOCK];
    sg_stream_uniform(stream, (size_t)block->n, u);
    sg_inverse_draw(sampler->inverse, (size_t)block->n, u, block->x);
}

double sg_sampler_error(const sg_sampler *sampler) {
    if (sampler->spins) return sg_spin_sampler_error(sampler->spins);
    if (sampler->own) return sampler->own->error;
    if (sampler->space) return sg_space_sampler_error(sampler->space);
    double worst = 0;
    for (int a = 0; a < sampler->factors; a++) worst = fmax(worst, sg_sampler_error(sampler->factor[a]));
    if (sampler->factors) return worst;
    return sampler->inverse ? sg_inverse_error(sampler->inverse) : 0;
}

bool sg_sampler_exact(const sg_sampler *sampler) {
    return !sampler->space && !(sampler->own && sampler->own->error > 0) &&
           !(sampler->spins && sg_spin_sampler_error(sampler->spins) > 0);
}

const char *sg_sampler_method(const sg_sampler *sampler) {
    if (sampler->spins) return sg_spin_sampler_method(sampler->spins);
    if (sampler->own) return sampler->own->method;
    if (sampler->space) return sg_space_sampler_method(sampler->space);
    if (sampler->factors) return "the samplers of the factors";
    return sampler->inverse ? "the inverse distribution function" : "exact composition";
}
