/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The field of p = 2^255 - 19 in five limbs of 51 bits, value = sum v[i] * 2^(51 i).
 *
 * Bounds. "Tight": every limb < 2^51 + 2^15, which is what a product, a square and a carry give.
 * A product takes limbs < 2^54. A sum of two tight values has limbs < 2^52.1. A difference adds
 * 4p first; it takes limbs < 2^53 on the left, < 2^53 - 76 on the right, and gives limbs < 2^54.
 * So: sums and differences of tight values, or of one such sum and a tight value, go straight
 * into a product; anything deeper is carried. Built with -DPSI_CHECK_BOUNDS every operation
 * checks its operands.
 */
#ifndef PSI_FIELD_H
#define PSI_FIELD_H

#include "portable.h"

typedef struct {
    uint64_t v[5];
} fe;

#define LIMB ((UINT64_C(1) << 51) - 1)

#ifdef PSI_CHECK_BOUNDS
#define FE_BOUND(a, bound)                                                                         \
    do {                                                                                           \
        for (int fe_i = 0; fe_i < 5; fe_i++)                                                       \
            if ((a).v[fe_i] >= (uint64_t)(bound)) abort();                                         \
    } while (0)
#else
#define FE_BOUND(a, bound) ((void)0)
#endif

static const fe FE_ZERO = {{0, 0, 0, 0, 0}};
static const fe FE_ONE = {{1, 0, 0, 0, 0}};

INLINE fe fe_add(fe a, fe b) {
    fe r;
    for (int i = 0; i < 5; i++) r.v[i] = a.v[i] + b.v[i];
    return r;
}

INLINE fe fe_sub(fe a, fe b) {
    const uint64_t low = (UINT64_C(1) << 53) - 76, other = (UINT64_C(1) << 53) - 4; /* 4p */
    FE_BOUND(a, UINT64_C(1) << 53);
    FE_BOUND(b, low + 1);
    fe r;
    r.v[0] = a.v[0] + low - b.v[0];
    for (int i = 1; i < 5; i++) r.v[i] = a.v[i] + other - b.v[i];
    return r;
}

INLINE fe fe_neg(fe a) { return fe_sub(FE_ZERO, a); }

/* One carry of limbs < 2^63: the result is tight. */
INLINE fe fe_carry(fe a) {
    fe r;
    uint64_t c = 0;
    for (int i = 0; i < 5; i++) {
        c += a.v[i];
        r.v[i] = c & LIMB;
        c >>= 51;
    }
    r.v[0] += 19 * c; /* c < 2^12, so limb 0 stays < 2^51 + 2^17; one more step makes it tight */
    r.v[1] += r.v[0] >> 51;
    r.v[0] &= LIMB;
    return r;
}

/*
 * Columns to tight limbs. With operands < 2^54, column 0 is < 77 * 2^108, so that its carry fits 64
 * bits; column 4, which has no factor 19, is < 2^111, so that 19 times its carry does.
 */
INLINE fe fe_fold(u128 c0, u128 c1, u128 c2, u128 c3, u128 c4) {
    fe r;
    c1 += (uint64_t)(c0 >> 51);
    c2 += (uint64_t)(c1 >> 51);
    c3 += (uint64_t)(c2 >> 51);
    c4 += (uint64_t)(c3 >> 51);
    uint64_t low = ((uint64_t)c0 & LIMB) + 19 * (uint64_t)(c4 >> 51);
    r.v[0] = low & LIMB;
    r.v[1] = ((uint64_t)c1 & LIMB) + (low >> 51);
    r.v[2] = (uint64_t)c2 & LIMB;
    r.v[3] = (uint64_t)c3 & LIMB;
    r.v[4] = (uint64_t)c4 & LIMB;
    return r;
}

/*
 * The same with all carries taken at once, and then once more. More work, but the result waits for
 * two carries instead of six: better where each product waits for the one before.
 */
INLINE fe fe_fold_soon(u128 c0, u128 c1, u128 c2, u128 c3, u128 c4) {
    fe r;
    const uint64_t l0 = ((uint64_t)c0 & LIMB) + 19 * (uint64_t)(c4 >> 51);
    const uint64_t l1 = ((uint64_t)c1 & LIMB) + (uint64_t)(c0 >> 51);
    const uint64_t l2 = ((uint64_t)c2 & LIMB) + (uint64_t)(c1 >> 51);
    const uint64_t l3 = ((uint64_t)c3 & LIMB) + (uint64_t)(c2 >> 51);
    const uint64_t l4 = ((uint64_t)c4 & LIMB) + (uint64_t)(c3 >> 51); /* < 2^62 */
    r.v[0] = (l0 & LIMB) + 19 * (l4 >> 51);
    r.v[1] = (l1 & LIMB) + (l0 >> 51);
    r.v[2] = (l2 & LIMB) + (l1 >> 51);
    r.v[3] = (l3 & LIMB) + (l2 >> 51);
    r.v[4] = (l4 & LIMB) + (l3 >> 51);
    return r;
}

INLINE fe fe_mul(fe a, fe b) {
    FE_BOUND(a, UINT64_C(1) << 54);
    FE_BOUND(b, UINT64_C(1) << 54);
    const uint64_t a0 = a.v[0], a1 = a.v[1], a2 = a.v[2], a3 = a.v[3], a4 = a.v[4];
    const uint64_t b0 = b.v[0], b1 = b.v[1], b2 = b.v[2], b3 = b.v[3], b4 = b.v[4];
    const uint64_t n1 = 19 * b1, n2 = 19 * b2, n3 = 19 * b3, n4 = 19 * b4; /* 2^255 = 19 */
    return fe_fold((u128)a0 * b0 + (u128)a1 * n4 + (u128)a2 * n3 + (u128)a3 * n2 + (u128)a4 * n1,
                   (u128)a0 * b1 + (u128)a1 * b0 + (u128)a2 * n4 + (u128)a3 * n3 + (u128)a4 * n2,
                   (u128)a0 * b2 + (u128)a1 * b1 + (u128)a2 * b0 + (u128)a3 * n4 + (u128)a4 * n3,
                   (u128)a0 * b3 + (u128)a1 * b2 + (u128)a2 * b1 + (u128)a3 * b0 + (u128)a4 * n4,
                   (u128)a0 * b4 + (u128)a1 * b3 + (u128)a2 * b2 + (u128)a3 * b1 + (u128)a4 * b0);
}

INLINE fe fe_sqr_by(fe fold(u128, u128, u128, u128, u128), fe a) {
    FE_BOUND(a, UINT64_C(1) << 54);
    const uint64_t a0 = a.v[0], a1 = a.v[1], a2 = a.v[2], a3 = a.v[3], a4 = a.v[4];
    const uint64_t d0 = 2 * a0, d1 = 2 * a1, n3 = 19 * a3, n4 = 19 * a4, m3 = 2 * n3, m4 = 2 * n4;
    return fold((u128)a0 * a0 + (u128)a1 * m4 + (u128)a2 * m3,
                (u128)d0 * a1 + (u128)a2 * m4 + (u128)a3 * n3,
                (u128)d0 * a2 + (u128)a1 * a1 + (u128)a3 * m4,
                (u128)d0 * a3 + (u128)d1 * a2 + (u128)a4 * n4,
                (u128)d0 * a4 + (u128)d1 * a3 + (u128)a2 * a2);
}

INLINE fe fe_sqr(fe a) { return fe_sqr_by(fe_fold, a); }

/* For squarings of squarings. */
INLINE fe fe_sqr_soon(fe a) { return fe_sqr_by(fe_fold_soon, a); }

/* a * small + b, small < 2^20, limbs of a < 2^54, of b < 2^54; tight. */
INLINE fe fe_mul_small_add(fe a, uint32_t small, fe b) {
    FE_BOUND(a, UINT64_C(1) << 54);
    FE_BOUND(b, UINT64_C(1) << 54);
    return fe_fold((u128)a.v[0] * small + b.v[0], (u128)a.v[1] * small + b.v[1],
                   (u128)a.v[2] * small + b.v[2], (u128)a.v[3] * small + b.v[3],
                   (u128)a.v[4] * small + b.v[4]);
}

/* The limbs of the one representative in [0, p). */
INLINE fe fe_reduce(fe a) {
    fe r = fe_carry(a);
    uint64_t q = 19; /* does r + 19 reach 2^255, that is r >= p? */
    for (int i = 0; i < 5; i++) q = (r.v[i] + q) >> 51;
    uint64_t c = 19 * q;
    for (int i = 0; i < 5; i++) {
        c += r.v[i];
        r.v[i] = c & LIMB;
        c >>= 51; /* the carry out of the top limb is q * 2^255: dropped */
    }
    return r;
}

/* "Negative" is odd, RFC 9496 section 4.1. */
INLINE uint64_t fe_is_negative(fe a) { return mask_of_bit(fe_reduce(a).v[0] & 1); }

INLINE uint64_t fe_is_zero(fe a) {
    fe r = fe_reduce(a);
    return mask_is_zero(r.v[0] | r.v[1] | r.v[2] | r.v[3] | r.v[4]);
}

INLINE uint64_t fe_equal(fe a, fe b) { return fe_is_zero(fe_sub(a, b)); }

INLINE fe fe_select(fe when_clear, fe when_set, uint64_t mask) {
    fe r;
    for (int i = 0; i < 5; i++) r.v[i] = select64(when_clear.v[i], when_set.v[i], mask);
    return r;
}

/* Tight operand, loose result (as fe_neg). */
INLINE fe fe_negate_if(fe a, uint64_t mask) { return fe_select(a, fe_neg(a), mask); }

INLINE fe fe_abs(fe a) { return fe_negate_if(a, fe_is_negative(a)); }

/* Ignores bit 255. */
INLINE fe fe_from_bytes(const uint8_t s[32]) {
    const uint64_t w0 = load_le64(s), w1 = load_le64(s + 8), w2 = load_le64(s + 16),
                   w3 = load_le64(s + 24);
    fe r;
    r.v[0] = w0 & LIMB;
    r.v[1] = (w0 >> 51 | w1 << 13) & LIMB;
    r.v[2] = (w1 >> 38 | w2 << 26) & LIMB;
    r.v[3] = (w2 >> 25 | w3 << 39) & LIMB;
    r.v[4] = w3 >> 12 & LIMB;
    return r;
}

INLINE void fe_to_bytes(uint8_t s[32], fe a) {
    fe r = fe_reduce(a);
    store_le64(s, r.v[0] | r.v[1] << 51);
    store_le64(s + 8, r.v[1] >> 13 | r.v[2] << 38);
    store_le64(s + 16, r.v[2] >> 26 | r.v[3] << 25);
    store_le64(s + 24, r.v[3] >> 39 | r.v[4] << 12);
}

/*
 * A chain of 250 squarings waits for the latency of each; two chains side by side fill the gaps
 * and cost one and a quarter. So square roots are taken for WAYS values at once.
 */
#define WAYS 2

/* r = z^((p-5)/8) = z^(2^252 - 3) for each of WAYS values; r may be z. */
void psi_fe_pow_p58(fe r[WAYS], const fe z[WAYS]);

/* SQRT_RATIO_M1(u, v) of RFC 9496 section 4.2 for each of WAYS pairs; square[w] is a mask. */
void psi_fe_sqrt_ratio(fe r[WAYS], uint64_t square[WAYS], const fe u[WAYS], const fe v[WAYS]);

/*
 * Replaces n values by their inverses with one inversion. Zero stays zero: it is taken out of the
 * running product by mask, or it would make all the others zero too. `running` has n places.
 */
void psi_fe_invert_batch(fe *x, fe *running, size_t n);

#endif
