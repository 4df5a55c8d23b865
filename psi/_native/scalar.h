/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic mod l = 2^252 + 27742317777372353535851937790883648493, in four words of 64 bits,
 * always reduced, always constant time. Products are Montgomery's, with R = 2^256.
 */
#ifndef PSI_SCALAR_H
#define PSI_SCALAR_H

#include "portable.h"

typedef struct {
    uint64_t w[4];
} scalar;

static const scalar SCALAR_L = {
    {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0x0000000000000000, 0x1000000000000000}};

INLINE uint64_t scalar_is_zero(scalar a) { return mask_is_zero(a.w[0] | a.w[1] | a.w[2] | a.w[3]); }

/* a = l - 2: the one scalar, beside 0, at which the ladder fails. */
INLINE uint64_t scalar_is_minus_two(scalar a) {
    return mask_is_zero((a.w[0] ^ (SCALAR_L.w[0] - 2)) | (a.w[1] ^ SCALAR_L.w[1]) |
                        (a.w[2] ^ SCALAR_L.w[2]) | (a.w[3] ^ SCALAR_L.w[3]));
}

INLINE scalar scalar_select(scalar when_clear, scalar when_set, uint64_t mask) {
    scalar r;
    for (int i = 0; i < 4; i++) r.w[i] = select64(when_clear.w[i], when_set.w[i], mask);
    return r;
}

/* a - b and the borrow as a mask. */
INLINE scalar scalar_sub_words(scalar a, scalar b, uint64_t *borrowed) {
    scalar r;
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        u128 t = (u128)a.w[i] - b.w[i] - borrow;
        r.w[i] = (uint64_t)t;
        borrow = (uint64_t)(t >> 64) & 1;
    }
    *borrowed = mask_of_bit(borrow);
    return r;
}

/* a + (l where mask is set); no carry leaves 256 bits for a < l or a a borrowed difference. */
INLINE scalar scalar_add_l(scalar a, uint64_t mask) {
    scalar r;
    uint64_t carry = 0;
    for (int i = 0; i < 4; i++) {
        u128 t = (u128)a.w[i] + (SCALAR_L.w[i] & mask) + carry;
        r.w[i] = (uint64_t)t;
        carry = (uint64_t)(t >> 64);
    }
    return r;
}

/* a < 2l to a mod l. */
INLINE scalar scalar_reduce_once(scalar a) {
    uint64_t below;
    scalar r = scalar_sub_words(a, SCALAR_L, &below);
    return scalar_select(r, a, below);
}

INLINE scalar scalar_add(scalar a, scalar b) {
    uint64_t carry = 0;
    for (int i = 0; i < 4; i++) {
        u128 t = (u128)a.w[i] + b.w[i] + carry;
        a.w[i] = (uint64_t)t;
        carry = (uint64_t)(t >> 64);
    }
    return scalar_reduce_once(a);
}

INLINE scalar scalar_sub(scalar a, scalar b) {
    uint64_t borrowed;
    scalar r = scalar_sub_words(a, b, &borrowed);
    return scalar_add_l(r, borrowed);
}

/* a/2 mod l. */
INLINE scalar scalar_half(scalar a) {
    scalar t = scalar_add_l(a, mask_of_bit(a.w[0] & 1));
    scalar r;
    for (int i = 0; i < 3; i++) r.w[i] = t.w[i] >> 1 | t.w[i + 1] << 63;
    r.w[3] = t.w[3] >> 1;
    return r;
}

INLINE scalar scalar_load(const uint8_t s[32]) {
    return (scalar){{load_le64(s), load_le64(s + 8), load_le64(s + 16), load_le64(s + 24)}};
}

INLINE void scalar_store(uint8_t s[32], scalar a) {
    for (int i = 0; i < 4; i++) store_le64(s + 8 * i, a.w[i]);
}

/* Mask: a < l. */
INLINE uint64_t scalar_is_canonical(scalar a) {
    uint64_t below;
    scalar_sub_words(a, SCALAR_L, &below);
    return below;
}

scalar psi_scalar_mul(scalar a, scalar b);

/* 64 bytes, little-endian, mod l. */
scalar psi_scalar_wide(const uint8_t wide[64]);

/* Replaces n scalars by their inverses with one inversion; zero stays zero. */
void psi_scalar_invert_batch(scalar *x, scalar *running, size_t n);

#endif
