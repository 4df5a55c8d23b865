/* SPDX-License-Identifier: Apache-2.0 */
/* What a block of elements needs on its way through the operations of vec_oprf.c. */
#ifndef PSI_VEC_BLOCK_H
#define PSI_VEC_BLOCK_H

#include "vec_group.h"
#include "vec_hashing.h"

/* 768 elements share inversions of 5 us; scratch of a call is half a megabyte. */
#define BLOCK_GROUPS 96

typedef struct {
    messages8 messages;
    multiplier8 shared;
    size_t n, rows, size; /* elements in use, places for them, bytes of all this */
    montgomery8 *points;
    union {
        ge8 *hashed; /* no longer needed when there are products */
        ge8_doubled *products;
    } big;
    f8m *scratch;
    scalar8 *blinds, *running;
    uint8_t *uniform, *encoded;
} block8;

/* Sized for the batch, because all of it will be wiped; NULL if there is no memory. */
V_INLINE block8 *block8_new(size_t n) {
    _Static_assert(sizeof(ge8) == sizeof(ge8_doubled), "they share their place");
    const size_t most = groups_of(n), groups = most < BLOCK_GROUPS ? most : BLOCK_GROUPS;
    const size_t rows = groups * LANES, head = (sizeof(block8) + 63) & ~(size_t)63;
    const size_t size = head + groups * (sizeof(montgomery8) + sizeof(ge8) + 2 * sizeof(f8m) +
                                  2 * sizeof(scalar8)) +
                        rows * (PSI_UNIFORM + PSI_ELEMENT);
    uint8_t *p = v_scratch_new(size);
    if (p == NULL) return NULL;
    block8 *b = (block8 *)p;
    b->n = 0;
    b->rows = rows;
    b->size = size;
    b->points = (montgomery8 *)(p += head);
    b->big.hashed = (ge8 *)(p += groups * sizeof(montgomery8));
    b->scratch = (f8m *)(p += groups * sizeof(ge8));
    b->blinds = (scalar8 *)(p += 2 * groups * sizeof(f8m));
    b->running = (scalar8 *)(p += groups * sizeof(scalar8));
    b->uniform = p += groups * sizeof(scalar8);
    b->encoded = p + rows * PSI_UNIFORM;
    return b;
}

V_INLINE void block8_free(block8 *b) { scratch_free(b, b->size); }

/* Goes on to the block that begins at `begin` of n. */
V_INLINE void block8_turn(block8 *b, size_t begin, size_t n) {
    b->n = n - begin < b->rows ? n - begin : b->rows;
}

/* Steps on the block of texts that begins at `begin`: the 64 uniform bytes of each; ... */
void psi_v_expand_block(block8 *b, const expander *e, const psi_texts *texts, size_t begin);
/* ... blinds: PSI_GOOD or the index of the first that is 0 or, if derived, l - 2; ... */
psi_status psi_v_blinds_block(block8 *b, const psi_blinds *blinds, size_t begin);
/* ... the first `length` bytes of F of each, from b->encoded, over the uniform bytes. */
void psi_v_output_block(block8 *b, uint8_t *out, size_t length, const psi_texts *texts,
                        size_t begin);

#endif
