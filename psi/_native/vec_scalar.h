/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic mod l on eight lanes, in five limbs of 52 bits, always reduced, always constant time.
 * Products are Montgomery's, with R = 2^260; scalar.h does the same for one scalar.
 */
#ifndef PSI_VEC_SCALAR_H
#define PSI_VEC_SCALAR_H

#include "vec.h"

typedef struct {
    vec l[5];
} scalar8;

static const uint64_t SCALAR8_L[5] = {0x2631a5cf5d3ed, 0xdea2f79cd6581, 0x14def9, 0,
                                      0x100000000000};

V_INLINE scalar8 scalar8_of(uint64_t small) {
    return (scalar8){{v_all(small), v_zero(), v_zero(), v_zero(), v_zero()}};
}

V_INLINE scalar8 scalar8_select(scalar8 when_clear, scalar8 when_set, lanes m) {
    UNROLL
    for (int i = 0; i < 5; i++)
        when_clear.l[i] = v_select(when_clear.l[i], when_set.l[i], m);
    return when_clear;
}

V_INLINE lanes scalar8_is_zero(scalar8 a) {
    return v_is_zero(v_or(v_or(v_or(a.l[0], a.l[1]), v_or(a.l[2], a.l[3])), a.l[4]));
}

/* a = l - 2, at which the ladder fails. */
V_INLINE lanes scalar8_is_minus_two(scalar8 a) {
    a.l[0] = v_add(a.l[0], v_all(2));
    UNROLL
    for (int i = 0; i < 5; i++) a.l[i] = v_xor(a.l[i], v_all(SCALAR8_L[i]));
    return scalar8_is_zero(a);
}

/* n rows of 32 bytes, each below l; the last is repeated. */
V_INLINE scalar8 scalar8_load(const uint8_t *rows, size_t n) {
    vec w[4];
    scalar8 r;
    v_load_rows(w, 4, rows, 32, n);
    v_limbs_of_words(r.l, w);
    return r;
}

V_INLINE void scalar8_store(uint8_t *rows, size_t n, scalar8 a) {
    vec w[4];
    v_words_of_limbs(w, a.l);
    v_store_rows(rows, 32, n, w, 4);
}

/* a/2 mod l. */
scalar8 psi_v_scalar_half(scalar8 a);

/* (a' - 1)/2 for that of a and a + l that is odd. */
scalar8 psi_v_scalar_odd_half(scalar8 a);

/* n rows of 64 bytes, little-endian, mod l. */
scalar8 psi_v_scalar_wide(const uint8_t *rows, size_t n);

/* Replaces n groups by their inverses with one inversion; zero stays zero. */
void psi_v_scalar_invert_batch(scalar8 *x, scalar8 *running, size_t n);

#endif
