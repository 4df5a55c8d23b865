/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The field of p = 2^255 - 19 on eight lanes: five limbs of 52 bits, value = sum l[i] * 2^(52 i),
 * 2^260 = 608 mod p. Four types, so that the compiler refuses what would count bits twice:
 *
 *   f8   limbs < 2^60, as a product leaves them. Sums need no carry.
 *   f8b  an f8 to which BIAS, a multiple of p, was added while it was made, for nothing: the
 *        left operand of a difference. BIAS has limbs > 2^58.
 *   f8m  carried once, the operand of products. Bits from 52 on of limbs 0 to 3 are left where they
 *        are, because products do not look at them. Limb 4 is < 2^47 + 2^9.
 *   f8c  the one representative in [0, p), limbs below 2^52.
 *
 * A product has limbs < 2^57, so the right operand of a difference may be a sum of two products.
 * Built with -DPSI_CHECK_BOUNDS (plain lanes only) differences and carries check their operands.
 */
#ifndef PSI_VEC_FIELD_H
#define PSI_VEC_FIELD_H

#include "vec.h"

typedef struct {
    vec l[5];
} f8;
typedef struct {
    f8 r;
} f8b;
typedef struct {
    vec l[5];
} f8m;
typedef struct {
    vec l[5];
} f8c;

#define LIMB47 ((UINT64_C(1) << 47) - 1)

#define F8_CONSTANT static const uint64_t __attribute__((unused))

/* 2^255 = 19, 2^260 = 608; what is below 2^47 in a top limb. */
F8_CONSTANT F8_19 = 19;
F8_CONSTANT F8_608 = 608;
F8_CONSTANT F8_LIMB47 = LIMB47;

/* BIAS/2; the names of the others are those of constants.h. */
F8_CONSTANT F8_HALF_BIAS[5] = {0x20fffffffffb3ed, 0x20fffffffffffdf, 0x20fffffffffffdf,
                               0x20fffffffffffdf, 0x2007fffffffffdf};
F8_CONSTANT F8_ONE[5] = {1, 0, 0, 0, 0};
F8_CONSTANT F8_D[5] = {0xb4dca135978a3, 0x4d4141d8ab75e, 0x779e89800700a, 0xfe738cc740797,
                       0x52036cee2b6f};
F8_CONSTANT F8_D2[5] = {0x69b9426b2f159, 0x9a8283b156ebd, 0xef3d13000e014, 0xfce7198e80f2e,
                        0x2406d9dc56df};
F8_CONSTANT F8_SQRT_M1[5] = {0xe1b274a0ea0b0, 0x6ad2fe478c4e, 0xdfbd7a72f4318, 0xdf0b2b4d00993,
                             0x2b8324804fc1};
F8_CONSTANT F8_SQRT_AD_MINUS_ONE[5] = {0x7f6a0497b2e1b, 0xc1b7854bd7e9, 0x1f5d1fdaf9d8e,
                                       0x48ac0f3cfcc93, 0x376931bf2b83};
F8_CONSTANT F8_INVSQRT_A_MINUS_D[5] = {0x8fdaa805d40ea, 0x175a4172be99c, 0xe01d8409d2f16,
                                       0xfca216c27b91f, 0x786c8905cfaf};
F8_CONSTANT F8_ONE_MINUS_D_SQ[5] = {0xc09c1945fc176, 0x38cd5e350fe27, 0xe70dfe42c81a1,
                                    0xe0d79994abddb, 0x29072a8b2b3};
F8_CONSTANT F8_D_MINUS_ONE_SQ[5] = {0xd5aaa44ed4d20, 0x2cb01e199931a, 0x29b4eebd29e4a,
                                    0x22414cdcd32f5, 0x5968b37af66c};
F8_CONSTANT F8_MONTGOMERY[5] = {0xe04aaff457e06, 0xd14b7d1a82cc6, 0x3fc4f7ec5a1d3,
                                0x6bbd27b08dc0, 0xf26edf460a0};

#if defined(PSI_CHECK_BOUNDS) && defined(PSI_PLAIN_LANES)
#define F8_BOUND(a, bound)                                                                         \
    do {                                                                                           \
        for (int f8_i = 0; f8_i < 5; f8_i++)                                                       \
            for (int f8_j = 0; f8_j < LANES; f8_j++)                                               \
                if ((a).l[f8_i].x[f8_j] >= (uint64_t)(bound)) abort();                             \
    } while (0)
#else
#define F8_BOUND(a, bound) ((void)0)
#endif

/* A constant is below 2^255, so it is as good as carried. */
V_INLINE f8m f8_constant(const uint64_t c[5]) {
    return (f8m){{v_all(c[0]), v_all(c[1]), v_all(c[2]), v_all(c[3]), v_all(c[4])}};
}
V_INLINE f8 f8_raw_constant(const uint64_t c[5]) {
    return (f8){{v_all(c[0]), v_all(c[1]), v_all(c[2]), v_all(c[3]), v_all(c[4])}};
}
V_INLINE f8 f8_zero(void) {
    return (f8){{v_zero(), v_zero(), v_zero(), v_zero(), v_zero()}};
}
V_INLINE f8 f8_one(void) { return f8_raw_constant(F8_ONE); }

V_INLINE f8 f8_bias(void) {
    f8 r;
    UNROLL
    for (int i = 0; i < 5; i++) r.l[i] = v_all(2 * F8_HALF_BIAS[i]);
    return r;
}

V_INLINE f8 f8_add(f8 a, f8 b) {
    f8 r;
    UNROLL
    for (int i = 0; i < 5; i++) r.l[i] = v_add(a.l[i], b.l[i]);
    return r;
}

V_INLINE f8b f8_biased(f8 a) { return (f8b){f8_add(f8_bias(), a)}; }

V_INLINE f8 f8_sub(f8b a, f8 b) {
    f8 r;
    F8_BOUND(b, UINT64_C(1) << 58);
    UNROLL
    for (int i = 0; i < 5; i++) r.l[i] = v_sub(a.r.l[i], b.l[i]);
    return r;
}

V_INLINE f8 f8_neg(f8 a) { return f8_sub((f8b){f8_bias()}, a); }

/* What is above 2^255 times 19, to the bottom; then each limb's overflow to the next. */
V_INLINE f8m f8_carry(f8 a) {
    f8m r;
    F8_BOUND(a, UINT64_C(1) << 61);
    vec top = v_shr(a.l[4], 47);
    r.l[0] = v_lo(a.l[0], top, v_constant(&F8_19));
    r.l[1] = v_add(a.l[1], v_shr(r.l[0], 52));
    r.l[2] = v_add(a.l[2], v_shr(r.l[1], 52));
    r.l[3] = v_add(a.l[3], v_shr(r.l[2], 52));
    r.l[4] = v_add(v_and(a.l[4], v_constant(&F8_LIMB47)), v_shr(r.l[3], 52));
    return r;
}

/* Back to a summand: without the bits that were carried. */
V_INLINE f8 f8_raw(f8m a) {
    f8 r;
    UNROLL
    for (int i = 0; i < 4; i++) r.l[i] = v_and(a.l[i], v_all(LIMB52));
    r.l[4] = a.l[4];
    return r;
}

V_INLINE f8m f8_of_clean(f8c a) {
    return (f8m){{a.l[0], a.l[1], a.l[2], a.l[3], a.l[4]}};
}

/*
 * Columns to limbs: columns 5 to 8, below 2^57, times 608 in two parts; column 9, the high half of
 * a product of top limbs, is below 2^43, so that 608 times it fits one part.
 */
V_INLINE f8 f8_fold(const vec c[10]) {
    f8 r = {{c[0], c[1], c[2], c[3], c[4]}};
    const vec k = v_constant(&F8_608);
    UNROLL
    for (int i = 0; i < 4; i++) {
        r.l[i] = v_lo(r.l[i], c[i + 5], k);
        r.l[i + 1] = v_hi(r.l[i + 1], c[i + 5], k);
        r.l[i + 1] = v_lo(r.l[i + 1], v_shr(c[i + 5], 52), k);
    }
    r.l[4] = v_lo(r.l[4], c[9], k);
    return r;
}

V_INLINE f8 f8_mul_onto(f8 start, f8m a, f8m b) {
    vec c[10] = {start.l[0], start.l[1], start.l[2], start.l[3], start.l[4],
                 v_zero(),   v_zero(),   v_zero(),   v_zero(),   v_zero()};
    UNROLL
    for (int i = 0; i < 5; i++) {
        UNROLL
        for (int j = 0; j < 5; j++) {
            c[i + j] = v_lo(c[i + j], a.l[i], b.l[j]);
            c[i + j + 1] = v_hi(c[i + j + 1], a.l[i], b.l[j]);
        }
    }
    return f8_fold(c);
}

V_INLINE f8 f8_mul(f8m a, f8m b) { return f8_mul_onto(f8_zero(), a, b); }
V_INLINE f8b f8_mul_biased(f8m a, f8m b) { return (f8b){f8_mul_onto(f8_bias(), a, b)}; }

/*
 * Columns 1 to 6 of the products that count twice, without those of limb 4, are doubled together;
 * limb 4 is small enough to be doubled itself. A bias starts at half there.
 */
V_INLINE f8 f8_sqr_onto(int biased, f8m a) {
    vec c[10];
    UNROLL
    for (int i = 0; i < 10; i++)
        c[i] = !biased || i > 4 ? v_zero() : v_all(F8_HALF_BIAS[i] << (i == 0));
    UNROLL
    for (int i = 0; i < 3; i++) {
        UNROLL
        for (int j = i + 1; j < 4; j++) {
            c[i + j] = v_lo(c[i + j], a.l[i], a.l[j]);
            c[i + j + 1] = v_hi(c[i + j + 1], a.l[i], a.l[j]);
        }
    }
    UNROLL
    for (int i = 1; i < 7; i++) c[i] = v_add(c[i], c[i]);
    const vec top = v_add(a.l[4], a.l[4]);
    UNROLL
    for (int i = 0; i < 5; i++) {
        c[2 * i] = v_lo(c[2 * i], a.l[i], a.l[i]);
        c[2 * i + 1] = v_hi(c[2 * i + 1], a.l[i], a.l[i]);
        if (i == 4) break;
        c[i + 4] = v_lo(c[i + 4], a.l[i], top);
        c[i + 5] = v_hi(c[i + 5], a.l[i], top);
    }
    return f8_fold(c);
}

V_INLINE f8 f8_sqr(f8m a) { return f8_sqr_onto(0, a); }
V_INLINE f8b f8_sqr_biased(f8m a) { return (f8b){f8_sqr_onto(1, a)}; }

/* a * *small + b, *small < 2^20. */
V_INLINE f8 f8_mul_small_add(f8m a, const uint64_t *small, f8 b) {
    const vec k = v_constant(small);
    UNROLL
    for (int i = 0; i < 5; i++) b.l[i] = v_lo(b.l[i], a.l[i], k);
    UNROLL
    for (int i = 0; i < 4; i++) b.l[i + 1] = v_hi(b.l[i + 1], a.l[i], k);
    b.l[0] = v_lo(b.l[0], v_hi(v_zero(), a.l[4], k), v_constant(&F8_608));
    return b;
}

V_INLINE f8 f8_select(f8 when_clear, f8 when_set, lanes m) {
    f8 r;
    UNROLL
    for (int i = 0; i < 5; i++) r.l[i] = v_select(when_clear.l[i], when_set.l[i], m);
    return r;
}
V_INLINE f8m f8_select_m(f8m when_clear, f8m when_set, lanes m) {
    f8m r;
    UNROLL
    for (int i = 0; i < 5; i++) r.l[i] = v_select(when_clear.l[i], when_set.l[i], m);
    return r;
}

V_INLINE f8 f8_negate_if(f8 a, lanes m) { return f8_select(a, f8_neg(a), m); }

V_INLINE f8c f8_reduce(f8 a) {
    f8 t = f8_raw(f8_carry(a)); /* < 2^255 + 2^218 < 2p */
    f8c r;
    vec q = v_all(19); /* does t + 19 reach 2^255, that is t >= p? */
    UNROLL
    for (int i = 0; i < 4; i++) q = v_shr(v_add(t.l[i], q), 52);
    q = v_shr(v_add(t.l[4], q), 47);
    vec c = v_lo(v_zero(), q, v_all(19));
    UNROLL
    for (int i = 0; i < 4; i++) {
        c = v_add(c, t.l[i]);
        r.l[i] = v_and(c, v_all(LIMB52));
        c = v_shr(c, 52);
    }
    r.l[4] = v_and(v_add(c, t.l[4]), v_all(LIMB47)); /* bit 255 is q: dropped */
    return r;
}

/* "Negative" is odd, RFC 9496 section 4.1. */
V_INLINE lanes f8_is_negative(f8 a) { return v_low_bits(f8_reduce(a).l[0]); }
V_INLINE lanes f8_clean_is_zero(f8c a) {
    return v_is_zero(v_or(v_or(v_or(a.l[0], a.l[1]), v_or(a.l[2], a.l[3])), a.l[4]));
}
V_INLINE lanes f8_is_zero(f8 a) { return f8_clean_is_zero(f8_reduce(a)); }

/* From 256 bits; bit 255 comes along as bit 47 of limb 4. */
V_INLINE f8 f8_from_words(const vec w[4]) {
    f8 r;
    v_limbs_of_words(r.l, w);
    return r;
}

/* |a| to words. */
V_INLINE void f8_abs_to_words(vec w[4], f8 a) {
    f8c r = f8_reduce(f8_negate_if(f8_raw(f8_carry(a)), f8_is_negative(a)));
    v_words_of_limbs(w, r.l);
}

/* SQRT_RATIO_M1(u, v) of RFC 9496 section 4.2 for n groups; square[i] says which lanes were. */
void psi_v_sqrt_ratio(f8m *r, lanes *square, const f8m *u, const f8m *v, size_t n);

/*
 * Replaces n groups by their inverses with one inversion. Zero stays zero: it is taken out of its
 * lane's running product by mask, or it would make the others zero too. `running` has n places.
 */
void psi_v_invert_batch(f8m *x, f8m *running, size_t n);

#endif
