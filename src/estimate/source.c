#include "estimate/source.h"

#include <string.h>

long long sg_source_blocks(const sg_source *source) {
    return (source->n + SG_BLOCK - 1) / SG_BLOCK;
}

static void copy_rows(const sg_source *source, long long first, sg_block *block) {
    int d = source->d;
    for (int a = 0; a < d; a++)
        for (int i = 0; i < block->n; i++) block->x[(size_t)a * SG_BLOCK + i] = source->rows[(first + i) * d + a];
}

static void draw(const sg_source *source, long long b, sg_block *block) {
    sg_stream stream;
    sg_stream_open(&stream, source->key, SG_PURPOSE_DATA, source->replicate);
    sg_stream_seek(&stream, (uint32_t)b);
    sg_sampler_draw(source->sampler, &stream, block);
}

void sg_source_block(const sg_source *source, long long b, sg_block *block) {
    long long first = b * SG_BLOCK, left = source->n - first;
    block->n = left < SG_BLOCK ? (int)left : SG_BLOCK;
    block->d = source->d;
    block->draws = 1;
    block->weight = block->count = NULL;
    block->tag = NULL;
    if (source->packed) {
        memcpy(block->x, source->packed + b * SG_BLOCK * source->d,
               (size_t)SG_BLOCK * (size_t)source->d * sizeof(double));
        return;
    }
    if (source->gathered && sg_gathered_has(source->gathered, SG_GATHER_EACH))
        sg_gathered_codes(source->gathered, first, block);
    else if (source->rows)
        copy_rows(source, first, block);
    else
        draw(source, b, block);
    /* vector loops may run over the padding: it repeats the last point */
    for (int a = 0; a < block->d; a++)
        for (int i = block->n; i < SG_BLOCK; i++)
            block->x[(size_t)a * SG_BLOCK + i] = block->x[(size_t)a * SG_BLOCK + block->n - 1];
}

void sg_source_pack(sg_source *source, double *packed) {
    sg_block block;
    source->packed = NULL;
    for (long long b = 0; b < sg_source_blocks(source); b++) {
        block.x = packed + b * SG_BLOCK * source->d;
        sg_source_block(source, b, &block);
    }
    source->packed = packed;
}
