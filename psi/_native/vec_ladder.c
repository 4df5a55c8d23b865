/* SPDX-License-Identifier: Apache-2.0 */
/* The ladder of ladder.c on eight lanes. What depends on a scalar is only a mask of lanes. */
#include "kernel.h"

#ifdef PSI_LANES

#include "vec_group.h"

#define SCALAR_BITS 253
static const uint64_t A24 = 121665, TWO_A = 2 * 486662;

multiplier8 psi_v_multiplier(scalar8 k) {
    multiplier8 r = {.is_zero = scalar8_is_zero(k), .negate = scalar8_is_minus_two(k)};
    vec w[4];
    k = scalar8_select(k, scalar8_of(2), (lanes)(r.is_zero | r.negate));
    v_words_of_limbs(w, psi_v_scalar_half(k).l);
    r.odd = v_low_bits(w[0]);
    for (int i = 0; i < 4; i++) {
        vec next = i < 3 ? v_shl(w[i + 1], 63) : v_zero();
        r.turns[i] = v_xor(w[i], v_or(v_shr(w[i], 1), next));
    }
    return r;
}

/* Costello and Smith 2017, algorithm 5: (U : V : W) of Q = (X1 : Z1), Q + p = (X2 : Z2). */
V_INLINE void recover(f8b *U, f8 *V, f8 *W, const montgomery8 *p, f8m X1, f8m Z1, f8m X2, f8m Z2) {
    const f8 x1 = f8_raw(X1), z1 = f8_raw(Z1);
    f8 uz = f8_mul(p->u, Z1), az = f8_mul_small_add(Z1, &TWO_A, f8_zero());
    f8m first = f8_carry(f8_add(f8_add(x1, uz), az));
    f8m second = f8_carry(f8_add(f8_mul(p->u, X1), z1));
    f8b product = f8_mul_biased(first, second);
    f8m left = f8_carry(f8_sub(product, f8_mul(f8_carry(az), Z1)));
    f8m square = f8_carry(f8_sqr(f8_carry(f8_sub(f8_biased(x1), uz))));
    *V = f8_sub(f8_mul_biased(left, Z2), f8_mul(square, X2));
    f8 v = f8_raw(p->v);
    f8m factor = f8_carry(f8_mul(f8_carry(f8_add(v, v)), Z1));
    factor = f8_carry(f8_mul(factor, Z2));
    *U = f8_mul_biased(factor, X1);
    *W = f8_mul(factor, Z1);
}

/* x = MONTGOMERY * U/V, y = (U - W)/(U + W), over the common denominator V(U + W). */
V_INLINE ge8 edwards(f8b U, f8 V, f8 W) {
    f8m top = f8_carry(f8_mul(f8_carry(U.r), f8_constant(F8_MONTGOMERY)));
    f8m difference = f8_carry(f8_sub(U, W)), total = f8_carry(f8_add(U.r, W)), v = f8_carry(V);
    return (ge8){f8_carry(f8_mul(top, total)), f8_carry(f8_mul(difference, v)),
                 f8_carry(f8_mul(total, v)), f8_carry(f8_mul(top, difference))};
}

void psi_v_ladder(ge8_doubled *out, const montgomery8 *p, const multiplier8 *k) {
    f8b dX = f8_biased(f8_one()), sX = f8_biased(f8_raw(p->u));
    f8 dZ = f8_zero(), sZ = f8_one();
    const f8m u = p->u;
    for (int word = 3; word >= 0; word--) {
        int steps = word == 3 ? SCALAR_BITS - 192 : 64;
        vec bits = word == 3 ? v_shl(k->turns[3], 256 - SCALAR_BITS) : k->turns[word];
        for (; steps > 0; steps--, bits = v_shl(bits, 1)) {
            /* The sum is the same whichever is doubled: only that operand is selected. */
            lanes other = v_high_bits(bits);
            f8m a = f8_carry(f8_add(dX.r, dZ)), b = f8_carry(f8_sub(dX, dZ));
            f8m c = f8_carry(f8_add(sX.r, sZ)), d = f8_carry(f8_sub(sX, sZ));
            /* This order keeps the ports busiest: 382 cycles a step, others to 415; 365 is all. */
            f8b da = f8_mul_biased(d, a);
            f8 cb = f8_mul(c, b);
            f8b aa = f8_sqr_biased(f8_select_m(a, c, other));
            f8 bb = f8_sqr(f8_select_m(b, d, other));
            f8m g = f8_carry(f8_sqr(f8_carry(f8_sub(da, cb))));
            sX = f8_sqr_biased(f8_carry(f8_add(da.r, cb)));
            f8m e = f8_carry(f8_sub(aa, bb));
            f8m f = f8_carry(f8_mul_small_add(e, &A24, aa.r));
            sZ = f8_mul(g, u);
            dX = f8_mul_biased(f8_carry(aa.r), f8_carry(bb));
            dZ = f8_mul(e, f);
        }
    }
    f8b U;
    f8 V, W;
    f8m X1 = f8_carry(f8_select(dX.r, sX.r, k->odd)), Z1 = f8_carry(f8_select(dZ, sZ, k->odd));
    f8m X2 = f8_carry(f8_select(sX.r, dX.r, k->odd)), Z2 = f8_carry(f8_select(sZ, dZ, k->odd));
    recover(&U, &V, &W, p, X1, Z1, X2, Z2);
    V = f8_negate_if(f8_raw(f8_carry(V)), k->negate);
    *out = ge8_double_unfinished(edwards(U, V, W));
    out->e = f8_select_m(out->e, f8_carry(f8_zero()), k->is_zero);
}

VEC_END
#endif
