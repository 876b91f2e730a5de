/* This variant's row of the table of variants. */
#include "kernels/vector/vector.h"

#define TEXT(word) #word
#define EXPANDED_TEXT(word) TEXT(word)

const ag_variant AG_VECTOR(variant) = {
    .name = EXPANDED_TEXT(AG_VARIANT),
    .lanes = WIDE,
    .winograd = &AG_VECTOR(winograd),
    .im2col = &AG_VECTOR(im2col),
    .dense = &AG_VECTOR(dense),
    .batch_norm = &AG_VECTOR(batch_norm),
    .multiply = ag_multiply,
    .fma_chains = AG_VECTOR(fma_chains),
};
