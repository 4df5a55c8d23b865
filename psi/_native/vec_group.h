/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ristretto255 on groups of eight lanes. Formulas and names are those of group.h and ladder.h, which
 * do the same for one element; README.md has their sources. Rows are consecutive in memory; a group
 * with fewer than eight rows repeats its last one.
 */
#ifndef PSI_VEC_GROUP_H
#define PSI_VEC_GROUP_H

#include "vec_field.h"
#include "vec_scalar.h"

/* Extended coordinates on the Edwards curve. */
typedef struct {
    f8m X, Y, Z, T;
} ge8;

/* An affine Edwards point prepared as the second operand: y + x, y - x, 2dxy. */
typedef struct {
    f8m sum, difference, product;
} ge8_affine;

typedef struct {
    f8m u, v;
} montgomery8;

/* 2P = (e/f, g/h). */
typedef struct {
    f8m e, f, g, h;
} ge8_doubled;

/*
 * As the multiplier of ladder.h: half of the scalar, mod l, of which bit i of `turns` says whether
 * bits i and i + 1 differ. 0 and l - 2 run as 2 and are set right by the masks.
 */
typedef struct {
    vec turns[4];
    lanes odd, is_zero, negate;
} multiplier8;

V_INLINE ge8 ge8_from_efgh(f8 E, f8 F, f8 G, f8 H) {
    f8m e = f8_carry(E), f = f8_carry(F), g = f8_carry(G), h = f8_carry(H);
    return (ge8){f8_carry(f8_mul(e, f)), f8_carry(f8_mul(g, h)), f8_carry(f8_mul(f, g)),
                 f8_carry(f8_mul(e, h))};
}

V_INLINE ge8 ge8_add_affine(ge8 p, ge8_affine q) {
    f8 X = f8_raw(p.X), Y = f8_raw(p.Y), Z = f8_raw(p.Z);
    f8 A = f8_mul(f8_carry(f8_sub(f8_biased(Y), X)), q.difference);
    f8b B = f8_mul_biased(f8_carry(f8_add(Y, X)), q.sum);
    f8 C = f8_mul(p.T, q.product), D = f8_add(Z, Z);
    return ge8_from_efgh(f8_sub(B, A), f8_sub(f8_biased(D), C), f8_add(D, C), f8_add(B.r, A));
}

/* p + q, or p - q in lanes of the mask. */
V_INLINE ge8 ge8_add_signed(ge8 p, ge8_affine q, lanes minus) {
    f8 X = f8_raw(p.X), Y = f8_raw(p.Y), Z = f8_raw(p.Z), D = f8_add(Z, Z);
    f8 C = f8_mul(p.T, q.product), sum = f8_add(D, C), difference = f8_sub(f8_biased(D), C);
    f8 A = f8_mul(f8_carry(f8_sub(f8_biased(Y), X)), f8_select_m(q.difference, q.sum, minus));
    f8b B = f8_mul_biased(f8_carry(f8_add(Y, X)), f8_select_m(q.sum, q.difference, minus));
    return ge8_from_efgh(f8_sub(B, A), f8_select(difference, sum, minus),
                         f8_select(sum, difference, minus), f8_add(B.r, A));
}

V_INLINE ge8 ge8_identity(void) {
    const f8m zero = f8_carry(f8_zero()), one = f8_constant(F8_ONE);
    return (ge8){zero, one, one, zero};
}

V_INLINE ge8 ge8_add(ge8 p, ge8 q) {
    f8 Z = f8_mul(p.Z, q.Z), pX = f8_raw(p.X), pY = f8_raw(p.Y), qX = f8_raw(q.X),
       qY = f8_raw(q.Y);
    f8 A = f8_mul(f8_carry(f8_sub(f8_biased(pY), pX)), f8_carry(f8_sub(f8_biased(qY), qX)));
    f8b B = f8_mul_biased(f8_carry(f8_add(pY, pX)), f8_carry(f8_add(qY, qX)));
    f8 C = f8_mul(f8_carry(f8_mul(p.T, f8_constant(F8_D2))), q.T), D = f8_add(Z, Z);
    return ge8_from_efgh(f8_sub(B, A), f8_sub(f8_biased(D), C), f8_add(D, C), f8_add(B.r, A));
}

V_INLINE ge8_doubled ge8_double_unfinished(ge8 p) {
    f8 X = f8_raw(p.X), dTT = f8_mul(f8_carry(f8_sqr(p.T)), f8_constant(F8_D));
    f8b ZZ = f8_sqr_biased(p.Z);
    return (ge8_doubled){f8_carry(f8_mul(f8_carry(f8_add(X, X)), p.Y)),
                         f8_carry(f8_add(ZZ.r, dTT)), f8_carry(f8_add(f8_sqr(p.X), f8_sqr(p.Y))),
                         f8_carry(f8_sub(ZZ, dTT))};
}

/* How many rows of n belong to group i, how many groups n rows make. */
V_INLINE size_t rows_of(size_t i, size_t n) { return n - i * LANES < LANES ? n - i * LANES : LANES; }
V_INLINE size_t groups_of(size_t n) { return (n + LANES - 1) / LANES; }

/*
 * DECODE of n rows of 32 bytes, as psi_ge_decode and psi_montgomery_decode: canonical, an element,
 * not the identity. PSI_GOOD or the index of the first row that is not; then the output is undefined.
 */
ptrdiff_t psi_v_montgomery_decode(montgomery8 *p, const uint8_t *rows, size_t n);
ptrdiff_t psi_v_affine_decode(ge8 *p, const uint8_t *rows, size_t n);

/* Element derivation, RFC 9496 section 4.3.4, from n rows of 64 bytes. */
void psi_v_from_uniform(ge8 *p, const uint8_t *rows, size_t n);

/* Affine Montgomery coordinates of n groups, with one inversion; `scratch` has 2n places. */
void psi_v_montgomery_of(montgomery8 *out, const ge8 *p, f8m *scratch, size_t n);

/* ENCODE of n points to rows of 32 bytes, by square roots. */
void psi_v_encode(uint8_t *rows, const ge8 *p, size_t n);

/* Encodes n doubled points, zero for the identity. `scratch` has two places a group. */
void psi_v_encode_doubled(uint8_t *rows, const ge8_doubled *p, f8m *scratch, size_t n);

multiplier8 psi_v_multiplier(scalar8 k);

/* k*p, one doubling short. Constant time in k and p. */
void psi_v_ladder(ge8_doubled *out, const montgomery8 *p, const multiplier8 *k);

#endif
