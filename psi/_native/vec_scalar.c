/* SPDX-License-Identifier: Apache-2.0 */
/* Products, reduction and inversion mod l on eight lanes. */
#include "kernel.h"

#ifdef PSI_LANES

#include "vec_scalar.h"

static const uint64_t L_INVERSE = 0x51da312547e1b; /* -1/l mod 2^52 */
static const uint64_t R_MOD_L[5] = {0xf48bd6721e6ed, 0x3bab5ac67e45a, 0xfffffeb35e51b,
                                    0xfffffffffffff, 0xfffffffffff};
static const uint64_t RR_MOD_L[5] = {0x9d265e952d13b, 0xd63c715bea69f, 0x5be65cb687604,
                                     0x3dceec73d217f, 0x9411b7c309a};
/* 2^256 R */
static const uint64_t HIGH_MOD_L[5] = {0x9f4e532df7449, 0xda9f725df7382, 0xf5be65cc244cc,
                                       0xa3dceec73d217, 0x99411b7c309};

static scalar8 constant(const uint64_t c[5]) {
    return (scalar8){{v_all(c[0]), v_all(c[1]), v_all(c[2]), v_all(c[3]), v_all(c[4])}};
}

/* Limbs < 2^63 to limbs < 2^52; the value must fit. */
V_INLINE scalar8 carry(scalar8 a) {
    UNROLL
    for (int i = 0; i < 4; i++) {
        a.l[i + 1] = v_add(a.l[i + 1], v_shr(a.l[i], 52));
        a.l[i] = v_and(a.l[i], v_all(LIMB52));
    }
    return a;
}

/* a < 2l to a mod l. */
V_INLINE scalar8 reduce_once(scalar8 a) {
    scalar8 r;
    vec borrow = v_zero();
    UNROLL
    for (int i = 0; i < 5; i++) {
        vec t = v_sub(v_sub(a.l[i], v_all(SCALAR8_L[i])), borrow);
        r.l[i] = v_and(t, v_all(LIMB52));
        borrow = v_shr(t, 63);
    }
    return scalar8_select(r, a, v_low_bits(borrow));
}

/* a*b/R mod l for a < 2^256, b < l: the quotient is below (2^256 l + 2^260 l)/2^260 < 2l. */
V_INLINE scalar8 montgomery_mul(scalar8 a, scalar8 b) {
    vec t[10];
    UNROLL
    for (int i = 0; i < 10; i++) t[i] = v_zero();
    UNROLL
    for (int i = 0; i < 5; i++) {
        UNROLL
        for (int j = 0; j < 5; j++) {
            t[i + j] = v_lo(t[i + j], a.l[i], b.l[j]);
            if (i + j + 1 < 10) t[i + j + 1] = v_hi(t[i + j + 1], a.l[i], b.l[j]);
        }
        vec q = v_lo(v_zero(), t[i], v_all(L_INVERSE)); /* looks at the low 52 bits only */
        UNROLL
        for (int j = 0; j < 5; j++) {
            if (j == 3) continue; /* that limb of l is zero */
            t[i + j] = v_lo(t[i + j], q, v_all(SCALAR8_L[j]));
            t[i + j + 1] = v_hi(t[i + j + 1], q, v_all(SCALAR8_L[j]));
        }
        t[i + 1] = v_add(t[i + 1], v_shr(t[i], 52)); /* its low bits are zero by now */
    }
    return reduce_once(carry((scalar8){{t[5], t[6], t[7], t[8], t[9]}}));
}

/* a, or a + l in lanes of the mask, halved and rounded down. */
static scalar8 halve(scalar8 a, lanes plus_l) {
    scalar8 r;
    UNROLL
    for (int i = 0; i < 5; i++)
        a.l[i] = v_add(a.l[i], v_select(v_zero(), v_all(SCALAR8_L[i]), plus_l));
    a = carry(a);
    UNROLL
    for (int i = 0; i < 4; i++)
        r.l[i] = v_and(v_or(v_shr(a.l[i], 1), v_shl(a.l[i + 1], 51)), v_all(LIMB52));
    r.l[4] = v_shr(a.l[4], 1);
    return r;
}

scalar8 psi_v_scalar_half(scalar8 a) { return halve(a, v_low_bits(a.l[0])); }

scalar8 psi_v_scalar_odd_half(scalar8 a) { return halve(a, (lanes)~v_low_bits(a.l[0])); }

scalar8 psi_v_scalar_wide(const uint8_t *rows, size_t n) {
    vec w[8];
    scalar8 low, high;
    v_load_rows(w, 8, rows, 64, n);
    v_limbs_of_words(low.l, w);
    v_limbs_of_words(high.l, w + 4);
    low = montgomery_mul(low, constant(R_MOD_L));
    high = montgomery_mul(high, constant(HIGH_MOD_L));
    UNROLL
    for (int i = 0; i < 5; i++) low.l[i] = v_add(low.l[i], high.l[i]);
    return reduce_once(carry(low));
}

OUTLINE void multiply(scalar8 *r, const scalar8 *a, const scalar8 *b) {
    *r = montgomery_mul(*a, *b);
}

/* a^(l-2) by windows of four bits; the exponent is public. In and out in Montgomery form. */
static scalar8 invert(const scalar8 *a) {
    static const uint64_t exponent[4] = {0x5812631a5cf5d3eb, 0x14def9dea2f79cd6, 0,
                                         0x1000000000000000};
    scalar8 power[16], r = constant(R_MOD_L);
    power[0] = r;
    for (int i = 1; i < 16; i++) multiply(&power[i], &power[i - 1], a);
    for (int i = 252; i >= 0; i -= 4) {
        for (int j = 0; j < 4; j++) multiply(&r, &r, &r);
        const int digit = (int)(exponent[i >> 6] >> (i & 63) & 15);
        if (digit != 0) multiply(&r, &r, &power[digit]);
    }
    wipe(power, sizeof power);
    return r;
}

void psi_v_scalar_invert_batch(scalar8 *x, scalar8 *running, size_t n) {
    const scalar8 r = constant(R_MOD_L), rr = constant(RR_MOD_L);
    scalar8 product = r;
    for (size_t i = 0; i < n; i++) {
        running[i] = product;
        multiply(&x[i], &x[i], &rr);
        scalar8 factor = scalar8_select(x[i], r, scalar8_is_zero(x[i]));
        multiply(&product, &product, &factor);
    }
    scalar8 inverse = invert(&product);
    const scalar8 one = scalar8_of(1), none = scalar8_of(0);
    for (size_t i = n; i-- > 0;) {
        const lanes zero = scalar8_is_zero(x[i]);
        scalar8 factor = scalar8_select(x[i], r, zero), inverted;
        multiply(&inverted, &inverse, &running[i]);
        multiply(&inverted, &inverted, &one);
        multiply(&inverse, &inverse, &factor);
        x[i] = scalar8_select(inverted, none, zero);
    }
}

VEC_END
#endif
