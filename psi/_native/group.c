/* SPDX-License-Identifier: Apache-2.0 */
/* Encodings of ristretto255 and the map from uniform bytes. Step names are those of RFC 9496. */
#include "group.h"

typedef struct {
    fe s, ss, x, y, den_x, v;
    uint64_t flipped, valid;
} decoding;

/* All of DECODE but the tests of t = xy and y; x is made nonnegative, `flipped` says if it was not. */
static void decode_begin(decoding d[WAYS], const uint8_t *const s[WAYS]) {
    fe u2[WAYS], one[WAYS], product[WAYS], invsqrt[WAYS];
    uint64_t square[WAYS];
    for (int w = 0; w < WAYS; w++) {
        uint8_t again[32];
        uint64_t differing = 0, bits = 0;
        d[w].s = fe_from_bytes(s[w]);
        fe_to_bytes(again, d[w].s);
        for (int i = 0; i < 4; i++) {
            differing |= load_le64(s[w] + 8 * i) ^ load_le64(again + 8 * i);
            bits |= load_le64(s[w] + 8 * i);
        }
        /* canonical (bit 255 included), nonnegative, not the identity */
        d[w].valid = mask_is_zero(differing) & ~mask_of_bit(s[w][0] & 1) & ~mask_is_zero(bits);
        d[w].ss = fe_sqr(d[w].s);
        d[w].y = fe_sub(FE_ONE, d[w].ss); /* u1 */
        u2[w] = fe_add(FE_ONE, d[w].ss);
        fe u2_sqr = fe_sqr(u2[w]);
        fe minus_du1_sqr = fe_neg(fe_mul(fe_sqr(d[w].y), FE_D));
        d[w].v = fe_carry(fe_sub(minus_du1_sqr, u2_sqr));
        product[w] = fe_mul(d[w].v, u2_sqr);
        one[w] = FE_ONE;
    }
    psi_fe_sqrt_ratio(invsqrt, square, one, product);
    for (int w = 0; w < WAYS; w++) {
        d[w].den_x = fe_mul(invsqrt[w], u2[w]);
        fe den_y = fe_mul(fe_mul(invsqrt[w], d[w].den_x), d[w].v);
        fe x = fe_mul(fe_add(d[w].s, d[w].s), d[w].den_x);
        d[w].flipped = fe_is_negative(x);
        d[w].x = fe_carry(fe_negate_if(x, d[w].flipped));
        d[w].y = fe_mul(d[w].y, den_y);
        d[w].valid &= square[w];
    }
}

/* Returns t and completes `valid`. */
static fe decode_finish(decoding *d) {
    fe t = fe_mul(d->x, d->y);
    d->valid &= ~fe_is_negative(t) & ~fe_is_zero(d->y);
    return t;
}

void psi_ge_decode(ge p[WAYS], uint64_t valid[WAYS], const uint8_t *const s[WAYS]) {
    decoding d[WAYS];
    decode_begin(d, s);
    for (int w = 0; w < WAYS; w++) {
        p[w] = (ge){d[w].x, d[w].y, FE_ONE, decode_finish(&d[w])};
        valid[w] = d[w].valid;
    }
}

/*
 * y = (1 - s^2)/(1 + s^2), so (1 + y)/(1 - y) = 1/s^2; adding the point (0, -1) of order two, which
 * stays in the coset, inverts it: u = s^2. There v = MONTGOMERY * u / -x with x = 2 s den_x up to
 * sign, and 1/den_x = v den_x. The constant -MONTGOMERY/2 is 1/sqrt(a - d).
 */
void psi_montgomery_decode(montgomery p[WAYS], uint64_t valid[WAYS], const uint8_t *const s[WAYS]) {
    decoding d[WAYS];
    decode_begin(d, s);
    for (int w = 0; w < WAYS; w++) {
        decode_finish(&d[w]);
        fe v = fe_mul(fe_mul(d[w].s, FE_INVSQRT_A_MINUS_D), fe_mul(d[w].v, d[w].den_x));
        p[w] = (montgomery){d[w].ss, fe_carry(fe_negate_if(v, d[w].flipped))};
        valid[w] = d[w].valid;
    }
}

void psi_ge_encode(uint8_t *const s[WAYS], const ge p[WAYS]) {
    fe u1[WAYS], u2[WAYS], invsqrt[WAYS], one[WAYS], product[WAYS];
    uint64_t ignored[WAYS];
    for (int w = 0; w < WAYS; w++) {
        u1[w] = fe_mul(fe_add(p[w].Z, p[w].Y), fe_sub(p[w].Z, p[w].Y));
        u2[w] = fe_mul(p[w].X, p[w].Y);
        product[w] = fe_mul(u1[w], fe_sqr(u2[w]));
        one[w] = FE_ONE;
    }
    psi_fe_sqrt_ratio(invsqrt, ignored, one, product); /* always square */
    for (int w = 0; w < WAYS; w++) {
        fe den1 = fe_mul(invsqrt[w], u1[w]), den2 = fe_mul(invsqrt[w], u2[w]);
        fe z_inv = fe_mul(fe_mul(den1, den2), p[w].T);
        uint64_t rotate = fe_is_negative(fe_mul(p[w].T, z_inv));
        fe x = fe_select(p[w].X, fe_mul(p[w].Y, FE_SQRT_M1), rotate);
        fe y = fe_select(p[w].Y, fe_mul(p[w].X, FE_SQRT_M1), rotate);
        fe den_inv = fe_select(den2, fe_mul(den1, FE_INVSQRT_A_MINUS_D), rotate);
        y = fe_carry(fe_negate_if(y, fe_is_negative(fe_mul(x, z_inv))));
        fe_to_bytes(s[w], fe_abs(fe_mul(den_inv, fe_sub(p[w].Z, y))));
    }
}

/* MAP of both halves, then their sum. The two square roots run side by side. */
ge psi_ge_from_uniform(const uint8_t uniform[64]) {
    _Static_assert(WAYS == 2, "one way for each half");
    fe t[WAYS], r[WAYS], u[WAYS], v[WAYS], s[WAYS];
    uint64_t square[WAYS];
    ge p[WAYS];
    for (int w = 0; w < WAYS; w++) {
        t[w] = fe_from_bytes(uniform + 32 * w);
        r[w] = fe_mul(fe_sqr(t[w]), FE_SQRT_M1);
        u[w] = fe_mul(fe_add(r[w], FE_ONE), FE_ONE_MINUS_D_SQ);
        fe minus_one_minus_rd = fe_sub(fe_neg(FE_ONE), fe_mul(r[w], FE_D));
        v[w] = fe_mul(minus_one_minus_rd, fe_add(r[w], FE_D));
    }
    psi_fe_sqrt_ratio(s, square, u, v);
    for (int w = 0; w < WAYS; w++) {
        fe s_prime = fe_neg(fe_carry(fe_abs(fe_mul(s[w], t[w]))));
        fe root = fe_carry(fe_select(s_prime, s[w], square[w]));
        fe c = fe_select(r[w], fe_neg(FE_ONE), square[w]);
        fe n = fe_mul(fe_mul(c, fe_sub(r[w], FE_ONE)), FE_D_MINUS_ONE_SQ);
        fe N = fe_sub(n, v[w]);
        fe w0 = fe_mul(fe_add(root, root), v[w]);
        fe w1 = fe_mul(N, FE_SQRT_AD_MINUS_ONE);
        fe ss = fe_sqr(root);
        fe w2 = fe_sub(FE_ONE, ss), w3 = fe_add(FE_ONE, ss);
        p[w] = (ge){fe_mul(w0, w3), fe_mul(w2, w1), fe_mul(w1, w3), fe_mul(w0, w2)};
    }
    return ge_add(p[0], p[1]);
}

/*
 * For 2P = (e/f, g/h) the square root in ENCODE is known: h^2 - g^2 = (a - d) e^2, hence
 * invsqrt = 1/(sqrt(a - d) e^2 f^2 g h). What is left of ENCODE needs only 1/(fh) and 1/(eg):
 *   not rotated: s = |(h - g)/(sqrt(a - d) e)|          rotated: s = |(i f + e)/g|
 * with the sign of g, of e, turned where ENCODE negates y.
 */
void psi_ge_encode_doubled(uint8_t *out, const ge_doubled *p, fe *scratch, size_t n) {
    fe *inverse = scratch, *running = scratch + n;
    for (size_t i = 0; i < n; i++)
        inverse[i] = fe_mul(fe_mul(p[i].e, p[i].g), fe_mul(p[i].f, p[i].h));
    psi_fe_invert_batch(inverse, running, n);
    for (size_t i = 0; i < n; i++) {
        fe eg = fe_mul(p[i].e, p[i].g), fh = fe_mul(p[i].f, p[i].h);
        fe z_inv = fe_mul(inverse[i], eg), t_inv = fe_mul(inverse[i], fh);
        uint64_t rotate = fe_is_negative(fe_mul(eg, z_inv));
        fe e = fe_select(p[i].e, p[i].g, rotate);
        fe g = fe_select(p[i].g, fe_carry(fe_neg(p[i].e)), rotate);
        fe h = fe_select(p[i].h, fe_mul(p[i].f, FE_SQRT_M1), rotate);
        fe factor = fe_select(FE_INVSQRT_A_MINUS_D, FE_SQRT_M1, rotate);
        uint64_t negate = fe_is_negative(fe_mul(fe_mul(h, e), z_inv));
        fe difference = fe_sub(h, fe_carry(fe_negate_if(g, negate)));
        fe s = fe_mul(fe_mul(difference, factor), fe_mul(g, t_inv));
        fe_to_bytes(out + 32 * i, fe_abs(s));
    }
}
