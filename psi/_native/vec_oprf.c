/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations on batches on eight lanes, constant time; oprf.c has the same on one element. Each
 * goes through its elements in blocks: find the points, multiply them, encode them, hash.
 */
#include "kernel.h"

#ifdef PSI_LANES

#include "vec_group.h"

#include "portable_operations.h"
#include "vec_operations.h"

/* 768 elements share an inversion of 5 us; scratch of a call is about 300 KB. */
#define GROUPS 96
#define BLOCK (GROUPS * LANES)

/* Eight lanes cost what one does, which for one element is more than the portable kernel. */
#define FEW 1

typedef struct {
    size_t n;
    montgomery8 points[GROUPS];
    ge8_doubled products[GROUPS];
    f8m scratch[2 * GROUPS];
    scalar blinds[BLOCK];
    multiplier8 shared;
} block;

static size_t block_size(size_t begin, size_t n) { return n - begin < BLOCK ? n - begin : BLOCK; }

static psi_status at(size_t begin, psi_status bad) {
    return bad == PSI_GOOD ? PSI_GOOD : (psi_status)begin + bad;
}

/* points[i] * scalars[i], or all by b->shared if scalars is NULL, encoded. */
static void multiply_block(block *b, uint8_t *out, const scalar *scalars) {
    for (size_t i = 0; i < groups_of(b->n); i++) {
        if (scalars != NULL) b->shared = psi_v_multiplier(scalars + LANES * i, rows_of(i, b->n));
        psi_v_ladder(&b->products[i], &b->points[i], &b->shared);
    }
    psi_v_encode_doubled(out, b->products, b->scratch, b->n);
}

psi_status psi_evaluate_avx512ifma(uint8_t *out, const uint8_t *elements, size_t n,
                                   const uint8_t *k) {
    if (n <= FEW) return psi_evaluate_portable(out, elements, n, k);
    psi_status bad = PSI_GOOD;
    block *b = v_scratch_new(sizeof *b);
    if (b == NULL) return PSI_NO_MEMORY;
    const scalar key = scalar_load(k);
    b->shared = psi_v_multiplier(&key, 1);
    for (size_t begin = 0; begin < n; begin += b->n) {
        b->n = block_size(begin, n);
        bad = at(begin, psi_v_montgomery_decode(b->points, elements + PSI_ELEMENT * begin, b->n));
        if (bad != PSI_GOOD) break;
        multiply_block(b, out + PSI_ELEMENT * begin, NULL);
    }
    scratch_free(b, sizeof *b);
    return bad;
}

psi_status psi_mul_avx512ifma(uint8_t *out, const uint8_t *elements, const uint8_t *scalars,
                              size_t n) {
    if (n <= FEW) return psi_mul_portable(out, elements, scalars, n);
    psi_status bad = PSI_GOOD;
    block *b = v_scratch_new(sizeof *b);
    if (b == NULL) return PSI_NO_MEMORY;
    for (size_t begin = 0; begin < n; begin += b->n) {
        b->n = block_size(begin, n);
        bad = at(begin, psi_v_montgomery_decode(b->points, elements + PSI_ELEMENT * begin, b->n));
        if (bad != PSI_GOOD) break;
        for (size_t i = 0; i < b->n; i++)
            b->blinds[i] = scalar_load(scalars + PSI_SCALAR * (begin + i));
        multiply_block(b, out + PSI_ELEMENT * begin, b->blinds);
    }
    scratch_free(b, sizeof *b);
    return bad;
}

VEC_END
#endif
