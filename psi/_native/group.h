/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ristretto255 (RFC 9496) on the curve -x^2 + y^2 = 1 + d x^2 y^2: points, encodings, the map.
 * Additions are the complete ones of Hisil, Wong, Carter, Dawson 2008 ("extended twisted Edwards
 * coordinates", a = -1): no exceptional operands. All coordinates at rest are tight (field.h).
 */
#ifndef PSI_GROUP_H
#define PSI_GROUP_H

#include "constants.h"
#include "field.h"

/* x = X/Z, y = Y/Z, xy = T/Z. */
typedef struct {
    fe X, Y, Z, T;
} ge;

/* An affine point prepared as the second operand: y + x, y - x, 2dxy. */
typedef struct {
    fe sum, difference, product;
} ge_affine;

/*
 * 2P before its two divisions: x = e/f, y = g/h. Its encoding needs no square root, only the
 * inverse of e*f*g*h, and inverses are cheap in a batch (README.md, "Double and encode").
 */
typedef struct {
    fe e, f, g, h;
} ge_doubled;

static const ge GE_IDENTITY = {
    {{0, 0, 0, 0, 0}}, {{1, 0, 0, 0, 0}}, {{1, 0, 0, 0, 0}}, {{0, 0, 0, 0, 0}}};

INLINE ge ge_from_efgh(fe E, fe F, fe G, fe H) {
    return (ge){fe_mul(E, F), fe_mul(G, H), fe_mul(F, G), fe_mul(E, H)};
}

INLINE ge ge_add(ge p, ge q) {
    fe A = fe_mul(fe_sub(p.Y, p.X), fe_sub(q.Y, q.X));
    fe B = fe_mul(fe_add(p.Y, p.X), fe_add(q.Y, q.X));
    fe C = fe_mul(fe_mul(p.T, FE_D2), q.T);
    fe D = fe_mul(fe_add(p.Z, p.Z), q.Z);
    return ge_from_efgh(fe_sub(B, A), fe_sub(D, C), fe_add(D, C), fe_add(B, A));
}

INLINE ge ge_add_affine(ge p, ge_affine q) {
    fe A = fe_mul(fe_sub(p.Y, p.X), q.difference);
    fe B = fe_mul(fe_add(p.Y, p.X), q.sum);
    fe C = fe_mul(p.T, q.product);
    fe D = fe_add(p.Z, p.Z);
    return ge_from_efgh(fe_sub(B, A), fe_sub(D, C), fe_add(D, C), fe_add(B, A));
}

INLINE ge ge_double(ge p) {
    fe A = fe_sqr(p.X), B = fe_sqr(p.Y), Z2 = fe_sqr(p.Z);
    fe H = fe_add(A, B);
    fe E = fe_sub(H, fe_sqr(fe_add(p.X, p.Y)));
    fe G = fe_sub(A, B);
    fe F = fe_carry(fe_add(fe_add(Z2, Z2), G));
    return ge_from_efgh(E, F, G, H);
}

/* (x, y) and xy, all tight, to the form for additions. */
INLINE ge_affine ge_affine_of(fe x, fe y, fe xy) {
    return (ge_affine){fe_carry(fe_add(y, x)), fe_carry(fe_sub(y, x)), fe_mul(xy, FE_D2)};
}

INLINE ge_doubled ge_double_unfinished(ge p) {
    fe dTT = fe_mul(fe_sqr(p.T), FE_D), ZZ = fe_sqr(p.Z);
    return (ge_doubled){fe_mul(fe_add(p.X, p.X), p.Y), fe_carry(fe_add(ZZ, dTT)),
                        fe_carry(fe_add(fe_sqr(p.X), fe_sqr(p.Y))), fe_carry(fe_sub(ZZ, dTT))};
}

/* An affine point of the Montgomery form v^2 = u^3 + 486662 u^2 + u (RFC 7748 section 4.1). */
typedef struct {
    fe u, v;
} montgomery;

/*
 * DECODE, RFC 9496 section 4.3.1, of WAYS encodings, to Edwards (Z = 1) or Montgomery coordinates.
 * valid[w] is a mask: canonical, an element, and not the identity. RFC 9496 decodes the identity;
 * RFC 9497 section 4.1 makes every use of it an error.
 */
void psi_ge_decode(ge p[WAYS], uint64_t valid[WAYS], const uint8_t *const s[WAYS]);
void psi_montgomery_decode(montgomery p[WAYS], uint64_t valid[WAYS], const uint8_t *const s[WAYS]);

/* ENCODE, RFC 9496 section 4.3.2, of WAYS points. */
void psi_ge_encode(uint8_t *const s[WAYS], const ge p[WAYS]);

/* Element derivation, RFC 9496 section 4.3.4, from 64 uniform bytes. */
ge psi_ge_from_uniform(const uint8_t uniform[64]);

/* Encodes n doubled points, 32 bytes each, zero for the identity. `scratch` has 2n places. */
void psi_ge_encode_doubled(uint8_t *out, const ge_doubled *p, fe *scratch, size_t n);

#endif
