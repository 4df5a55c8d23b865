/* SPDX-License-Identifier: Apache-2.0 */
/* The Montgomery ladder, the recovery of the other coordinate, and the way back to Edwards. */
#include "ladder.h"

#define SCALAR_BITS 253 /* l < 2^253 */
#define A24 121665      /* (486662 - 2)/4 */

multiplier psi_multiplier(scalar k) {
    multiplier m;
    m.is_zero = scalar_is_zero(k);
    m.negate = scalar_is_minus_two(k);
    scalar two = {{2, 0, 0, 0}};
    scalar half = scalar_half(scalar_select(k, two, m.is_zero | m.negate));
    for (int i = 0; i < 4; i++) m.half[i] = half.w[i];
    return m;
}

/*
 * Okeya and Sakurai 2001, in the form of Costello and Smith 2017, algorithm 5: from p = (u, v),
 * Q = (X1 : Z1) and Q + p = (X2 : Z2), the v of Q; result (U : V : W).
 */
INLINE void recover(fe *U, fe *V, fe *W, montgomery p, fe X1, fe Z1, fe X2, fe Z2) {
    const uint32_t two_a = 2 * 486662;
    fe uz = fe_mul(p.u, Z1);
    fe az = fe_mul_small_add(Z1, two_a, FE_ZERO);
    fe left = fe_mul(fe_carry(fe_add(fe_add(X1, uz), az)), fe_add(fe_mul(p.u, X1), Z1));
    left = fe_mul(fe_sub(left, fe_mul(az, Z1)), Z2);
    *V = fe_carry(fe_sub(left, fe_mul(fe_sqr(fe_sub(X1, uz)), X2)));
    fe factor = fe_mul(fe_mul(fe_add(p.v, p.v), Z1), Z2);
    *U = fe_mul(factor, X1);
    *W = fe_mul(factor, Z1);
}

ge_doubled psi_ladder(montgomery p, const multiplier *k) {
    /*
     * `doubled` and `sum` are the two points of the ladder, not by rank but by how they came about:
     * the sum is the same whichever of them is doubled next, so only the operand of the doubling
     * is selected, by whether this bit differs from the one before.
     */
    fe dX = FE_ONE, dZ = FE_ZERO, sX = p.u, sZ = FE_ONE;
    uint64_t before = 0;
    for (int i = SCALAR_BITS - 1; i >= 0; i--) {
        uint64_t bit = k->half[i >> 6] >> (i & 63) & 1;
        uint64_t other = mask_of_bit(bit ^ before);
        before = bit;
        /* This order of the lines keeps the multiplier busiest: 349 cycles a step, others to 380. */
        fe a = fe_add(dX, dZ), b = fe_sub(dX, dZ), c = fe_add(sX, sZ), d = fe_sub(sX, sZ);
        fe bb = fe_sqr(fe_select(b, d, other)), aa = fe_sqr(fe_select(a, c, other));
        fe e = fe_sub(aa, bb);
        fe da = fe_mul(d, a), cb = fe_mul(c, b);
        fe f = fe_mul_small_add(e, A24, aa);
        fe g = fe_sqr(fe_sub(da, cb));
        dX = fe_mul(aa, bb);
        dZ = fe_mul(e, f);
        sX = fe_sqr(fe_add(da, cb));
        sZ = fe_mul(g, p.u);
    }
    uint64_t swap = mask_of_bit(before);
    fe U, V, W;
    p.v = fe_carry(fe_negate_if(p.v, k->negate));
    recover(&U, &V, &W, p, fe_select(dX, sX, swap), fe_select(dZ, sZ, swap),
            fe_select(sX, dX, swap), fe_select(sZ, dZ, swap));
    /* x = MONTGOMERY * U/V, y = (U - W)/(U + W), over the common denominator V(U + W) */
    fe top = fe_mul(U, FE_MONTGOMERY), difference = fe_sub(U, W), total = fe_add(U, W);
    ge q = {fe_mul(top, total), fe_mul(difference, V), fe_mul(total, V), fe_mul(top, difference)};
    ge_doubled r = ge_double_unfinished(q);
    r.e = fe_select(r.e, FE_ZERO, k->is_zero);
    return r;
}

/*
 * u = (1 + y)/(1 - y), v = MONTGOMERY * u/x: one inverse, of (Z - Y)X. Where that is zero, which
 * only the identity's coset has, u and v become zero and every multiple encodes as zero.
 */
void psi_montgomery_of(montgomery *out, const ge *p, fe *scratch, size_t n) {
    fe *inverse = scratch, *running = scratch + n;
    for (size_t i = 0; i < n; i++) inverse[i] = fe_mul(fe_sub(p[i].Z, p[i].Y), p[i].X);
    psi_fe_invert_batch(inverse, running, n);
    for (size_t i = 0; i < n; i++) {
        fe t = fe_mul(fe_add(p[i].Z, p[i].Y), inverse[i]);
        out[i].u = fe_mul(t, p[i].X);
        out[i].v = fe_mul(fe_mul(t, p[i].Z), FE_MONTGOMERY);
    }
}
