/* Blocks of a source in one of the forms in which data on finite sets are gathered.  Internal to the estimate module.
 */
#ifndef SG_ESTIMATE_SOURCE_H
#define SG_ESTIMATE_SOURCE_H

#include "scoregap/estimate.h"

/* `form` where the source has it, otherwise 0: one datum after the other. */
int sg_source_form(const sg_source *source, int form);
long long sg_source_form_blocks(const sg_source *source, int form);
/* Block b in that form, written to block->x [d][SG_BLOCK], which has room; weight and count as in the form. */
void sg_source_form_block(const sg_source *source, int form, long long b, sg_block *block);

/*
 * Data with what a loss drew for each of them: the distinct pairs and how often each occurs, those of one draw
 * together. Made once a fit, of a source that has its data as codes.
 */
typedef struct sg_drawn sg_drawn;
/* Draws the tags of data block b: the same in every pass. */
typedef void (*sg_draw_tags)(void *context, const sg_source *source, long long b, sg_block *block);
/* Do state and draw fit into 64 bits together, and has the source its data as codes? */
bool sg_drawn_can(const sg_source *source);
/* Fills *drawn, which is made, or made anew for more data than ever before.  `block` has room for points.  Errors:
 * SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_drawn_fill(const sg_source *source, sg_draw_tags draw, void *context, sg_block *block,
                                      sg_drawn **drawn);
void sg_drawn_delete(sg_drawn *drawn);
long long sg_drawn_blocks(const sg_drawn *drawn);
void sg_drawn_block(const sg_drawn *drawn, const sg_source *source, long long b, sg_block *block);

/* Blocks of codes, for source.c. */
void sg_gathered_codes(const sg_gathered *gathered, long long first, sg_block *block);
bool sg_gathered_has(const sg_gathered *gathered, int form);

#endif
