/* Scratch of conditional blocks by counts (sg_block_loss_counted). */
#ifndef SG_DICTIONARY_BLOCK_COUNTS_H
#define SG_DICTIONARY_BLOCK_COUNTS_H

#include "scoregap/dictionary.h"

size_t sg_block_counts_bytes(const sg_site_view *view);

#endif
