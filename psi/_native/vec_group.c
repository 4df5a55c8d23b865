/* SPDX-License-Identifier: Apache-2.0 */
/* Encodings and the map from uniform bytes on eight lanes. Step names are those of RFC 9496. */
#include "kernel.h"

#ifdef PSI_LANES

#include "vec_group.h"

/* Groups that go through a square root side by side. */
#define CHAINS 3

typedef struct {
    f8m s, ss, u1, u2, v, product, x, y;
    lanes flipped, valid, square;
} decoding8;

static void decode_begin(decoding8 *d, const uint8_t *rows, size_t n) {
    vec w[4], differing, bits;
    v_load_rows(w, 4, rows, PSI_ELEMENT, n);
    f8 s = f8_from_words(w);
    f8c again = f8_reduce(s);
    differing = v_xor(s.l[0], again.l[0]);
    bits = s.l[0];
    for (int i = 1; i < 5; i++) {
        differing = v_or(differing, v_xor(s.l[i], again.l[i]));
        bits = v_or(bits, s.l[i]);
    }
    /* canonical (bit 255 included), nonnegative, not the identity */
    d->valid = (lanes)(v_is_zero(differing) & ~v_low_bits(s.l[0]) & ~v_is_zero(bits));
    d->s = f8_of_clean(again);
    f8 ss = f8_sqr(d->s);
    d->ss = f8_carry(ss);
    d->u1 = f8_carry(f8_sub(f8_biased(f8_one()), ss));
    d->u2 = f8_carry(f8_add(f8_one(), ss));
    f8 u2_sqr = f8_sqr(d->u2), du1_sqr = f8_mul(f8_carry(f8_sqr(d->u1)), f8_constant(F8_D));
    d->v = f8_carry(f8_neg(f8_add(du1_sqr, u2_sqr)));
    d->product = f8_carry(f8_mul(d->v, f8_carry(u2_sqr)));
}

/* From invsqrt: x, made nonnegative, y and, returned, t. Leaves den_x in `product`. */
static f8 decode_finish(decoding8 *d, f8m invsqrt) {
    f8m den_x = f8_carry(f8_mul(invsqrt, d->u2));
    f8m den_y = f8_carry(f8_mul(f8_carry(f8_mul(invsqrt, den_x)), d->v));
    f8 s = f8_raw(d->s), x = f8_mul(f8_carry(f8_add(s, s)), den_x);
    d->flipped = f8_is_negative(x);
    d->x = f8_carry(f8_negate_if(x, d->flipped));
    f8 y = f8_mul(d->u1, den_y);
    d->y = f8_carry(y);
    f8 t = f8_mul(d->x, d->y);
    d->valid &= (lanes)(d->square & ~f8_is_negative(t) & ~f8_is_zero(y));
    d->product = den_x;
    return t;
}

/* The square roots of at most CHAINS groups. */
static void decode_roots(decoding8 *d, f8m *invsqrt, size_t chains) {
    f8m one[CHAINS], product[CHAINS];
    lanes square[CHAINS];
    for (size_t w = 0; w < chains; w++) {
        one[w] = f8_constant(F8_ONE);
        product[w] = d[w].product;
    }
    psi_v_sqrt_ratio(invsqrt, square, one, product, chains);
    for (size_t w = 0; w < chains; w++) d[w].square = square[w];
}

/* The first of the lanes that is not valid, of the group that starts at `row`. */
static ptrdiff_t first_bad(size_t row, lanes valid) {
    return (ptrdiff_t)row + __builtin_ctz((unsigned)(lanes)~valid);
}

static size_t chains_at(size_t i, size_t groups) { return groups - i < CHAINS ? groups - i : CHAINS; }

/* Whichever of the outputs is not NULL. */
V_INLINE ptrdiff_t decode(montgomery8 *m, ge8 *p, const uint8_t *rows, size_t n) {
    const size_t groups = groups_of(n);
    for (size_t i = 0, chains; i < groups; i += chains) {
        decoding8 d[CHAINS];
        f8m invsqrt[CHAINS];
        chains = chains_at(i, groups);
        for (size_t w = 0; w < chains; w++)
            decode_begin(&d[w], rows + PSI_ELEMENT * LANES * (i + w), rows_of(i + w, n));
        decode_roots(d, invsqrt, chains);
        for (size_t w = 0; w < chains; w++) {
            f8 t = decode_finish(&d[w], invsqrt[w]);
            /* u = s^2, v = s v den_x/-sqrt(a - d), signed as x: group.c, psi_montgomery_decode */
            if (m != NULL) {
                f8m v = f8_carry(f8_mul(d[w].s, f8_constant(F8_INVSQRT_A_MINUS_D)));
                f8 signless = f8_mul(v, f8_carry(f8_mul(d[w].v, d[w].product)));
                m[i + w] = (montgomery8){d[w].ss, f8_carry(f8_negate_if(signless, d[w].flipped))};
            }
            if (p != NULL)
                p[i + w] = (ge8){d[w].x, d[w].y, f8_constant(F8_ONE), f8_carry(t)};
            if (d[w].valid != 0xff) return first_bad(LANES * (i + w), d[w].valid);
        }
    }
    return PSI_GOOD;
}

ptrdiff_t psi_v_montgomery_decode(montgomery8 *p, const uint8_t *rows, size_t n) {
    return decode(p, NULL, rows, n);
}

ptrdiff_t psi_v_affine_decode(ge8 *p, const uint8_t *rows, size_t n) {
    return decode(NULL, p, rows, n);
}

void psi_v_encode(uint8_t *rows, const ge8 *p, size_t n) {
    const size_t groups = groups_of(n);
    for (size_t i = 0, chains; i < groups; i += chains) {
        f8m u1[CHAINS], u2[CHAINS], invsqrt[CHAINS], one[CHAINS], product[CHAINS];
        lanes ignored[CHAINS];
        chains = chains_at(i, groups);
        for (size_t w = 0; w < chains; w++) {
            f8 Y = f8_raw(p[i + w].Y), Z = f8_raw(p[i + w].Z);
            u1[w] = f8_carry(
                f8_mul(f8_carry(f8_add(Z, Y)), f8_carry(f8_sub(f8_biased(Z), Y))));
            u2[w] = f8_carry(f8_mul(p[i + w].X, p[i + w].Y));
            product[w] = f8_carry(f8_mul(u1[w], f8_carry(f8_sqr(u2[w]))));
            one[w] = f8_constant(F8_ONE);
        }
        psi_v_sqrt_ratio(invsqrt, ignored, one, product, chains); /* always square */
        for (size_t w = 0; w < chains; w++) {
            const f8m i_root = f8_constant(F8_SQRT_M1);
            const ge8 q = p[i + w];
            f8m den1 = f8_carry(f8_mul(invsqrt[w], u1[w]));
            f8m den2 = f8_carry(f8_mul(invsqrt[w], u2[w]));
            f8m z_inv = f8_carry(f8_mul(f8_carry(f8_mul(den1, den2)), q.T));
            lanes rotate = f8_is_negative(f8_mul(q.T, z_inv));
            f8m x = f8_select_m(q.X, f8_carry(f8_mul(q.Y, i_root)), rotate);
            f8m y = f8_select_m(q.Y, f8_carry(f8_mul(q.X, i_root)), rotate);
            f8m other = f8_carry(f8_mul(den1, f8_constant(F8_INVSQRT_A_MINUS_D)));
            f8m den_inv = f8_select_m(den2, other, rotate);
            f8 signed_y = f8_negate_if(f8_raw(y), f8_is_negative(f8_mul(x, z_inv)));
            f8 difference = f8_sub(f8_biased(f8_raw(q.Z)), f8_raw(f8_carry(signed_y)));
            vec words[4];
            f8_abs_to_words(words, f8_mul(den_inv, f8_carry(difference)));
            v_store_rows(rows + PSI_ELEMENT * LANES * (i + w), PSI_ELEMENT, rows_of(i + w, n), words,
                         4);
        }
    }
}

/* Of CHAINS groups. */
typedef struct {
    f8m t[CHAINS], r[CHAINS], u[CHAINS], v[CHAINS], root[CHAINS];
    lanes square[CHAINS];
} mapping8;

static void map_begin(mapping8 *m, size_t i, const uint8_t *rows, size_t n) {
    vec w[4];
    v_load_rows(w, 4, rows, PSI_UNIFORM, n);
    w[3] = v_shr(v_shl(w[3], 1), 1); /* bit 255 is ignored */
    const f8m d = f8_constant(F8_D);
    m->t[i] = f8_carry(f8_from_words(w));
    f8 r = f8_mul(f8_carry(f8_sqr(m->t[i])), f8_constant(F8_SQRT_M1));
    m->r[i] = f8_carry(r);
    m->u[i] = f8_carry(f8_mul(f8_carry(f8_add(r, f8_one())), f8_constant(F8_ONE_MINUS_D_SQ)));
    f8 minus_one_minus_rd = f8_neg(f8_add(f8_one(), f8_mul(m->r[i], d)));
    f8 r_plus_d = f8_add(r, f8_raw_constant(F8_D));
    m->v[i] = f8_carry(f8_mul(f8_carry(minus_one_minus_rd), f8_carry(r_plus_d)));
}

static ge8 map_finish(const mapping8 *m, size_t i) {
    const f8m root = m->root[i];
    const lanes square = m->square[i];
    const f8 one = f8_one();
    f8 s_prime = f8_mul(root, m->t[i]);
    /* -|s t|: turned unless it is negative already */
    s_prime = f8_negate_if(s_prime, (lanes)~f8_is_negative(s_prime));
    f8 s = f8_select(s_prime, f8_raw(root), square);
    f8m sm = f8_carry(s), c = f8_carry(f8_select(f8_raw(m->r[i]), f8_neg(one), square));
    f8m r_minus_1 = f8_carry(f8_sub(f8_biased(f8_raw(m->r[i])), one));
    f8m factor = f8_carry(f8_mul(c, r_minus_1));
    f8b n = f8_mul_biased(factor, f8_constant(F8_D_MINUS_ONE_SQ));
    f8m N = f8_carry(f8_sub(n, f8_raw(m->v[i])));
    f8 doubled = f8_raw(sm);
    f8m w0 = f8_carry(f8_mul(f8_carry(f8_add(doubled, doubled)), m->v[i]));
    f8m w1 = f8_carry(f8_mul(N, f8_constant(F8_SQRT_AD_MINUS_ONE)));
    f8 ss = f8_sqr(sm);
    f8m w2 = f8_carry(f8_sub(f8_biased(one), ss)), w3 = f8_carry(f8_add(one, ss));
    return (ge8){f8_carry(f8_mul(w0, w3)), f8_carry(f8_mul(w2, w1)), f8_carry(f8_mul(w1, w3)),
                 f8_carry(f8_mul(w0, w2))};
}

/* MAP of 32 bytes of each row, for at most CHAINS groups. */
static void map_chains(ge8 *p, const uint8_t *rows, size_t n, size_t chains) {
    mapping8 m;
    for (size_t w = 0; w < chains; w++)
        map_begin(&m, w, rows + PSI_UNIFORM * LANES * w, rows_of(w, n));
    psi_v_sqrt_ratio(m.root, m.square, m.u, m.v, chains);
    for (size_t w = 0; w < chains; w++) p[w] = map_finish(&m, w);
}

void psi_v_from_uniform(ge8 *p, const uint8_t *rows, size_t n) {
    const size_t groups = groups_of(n);
    for (size_t i = 0, chains; i < groups; i += chains) {
        ge8 other[CHAINS];
        const uint8_t *first = rows + PSI_UNIFORM * LANES * i;
        chains = chains_at(i, groups);
        map_chains(p + i, first, n - LANES * i, chains);
        map_chains(other, first + PSI_UNIFORM / 2, n - LANES * i, chains);
        for (size_t w = 0; w < chains; w++) p[i + w] = ge8_add(p[i + w], other[w]);
    }
}

void psi_v_montgomery_of(montgomery8 *out, const ge8 *p, f8m *scratch, size_t n) {
    f8m *inverse = scratch, *running = scratch + n;
    for (size_t i = 0; i < n; i++)
        inverse[i] = f8_carry(
            f8_mul(f8_carry(f8_sub(f8_biased(f8_raw(p[i].Z)), f8_raw(p[i].Y))), p[i].X));
    psi_v_invert_batch(inverse, running, n);
    for (size_t i = 0; i < n; i++) {
        f8m t = f8_carry(f8_mul(f8_carry(f8_add(f8_raw(p[i].Z), f8_raw(p[i].Y))), inverse[i]));
        out[i].u = f8_carry(f8_mul(t, p[i].X));
        f8m tz = f8_carry(f8_mul(t, p[i].Z));
        out[i].v = f8_carry(f8_mul(tz, f8_constant(F8_MONTGOMERY)));
    }
}

void psi_v_encode_doubled(uint8_t *rows, const ge8_doubled *p, f8m *scratch, size_t n) {
    const size_t groups = groups_of(n);
    const f8m i_root = f8_constant(F8_SQRT_M1);
    f8m *inverse = scratch, *running = scratch + groups;
    for (size_t i = 0; i < groups; i++)
        inverse[i] = f8_carry(
            f8_mul(f8_carry(f8_mul(p[i].e, p[i].g)), f8_carry(f8_mul(p[i].f, p[i].h))));
    psi_v_invert_batch(inverse, running, groups);
    for (size_t i = 0; i < groups; i++) {
        const ge8_doubled q = p[i];
        f8m eg = f8_carry(f8_mul(q.e, q.g)), fh = f8_carry(f8_mul(q.f, q.h));
        f8m z_inv = f8_carry(f8_mul(inverse[i], eg)), t_inv = f8_carry(f8_mul(inverse[i], fh));
        lanes rotate = f8_is_negative(f8_mul(eg, z_inv));
        f8m e = f8_select_m(q.e, q.g, rotate);
        f8 g = f8_select(f8_raw(q.g), f8_neg(f8_raw(q.e)), rotate);
        f8m gm = f8_carry(g), h = f8_select_m(q.h, f8_carry(f8_mul(q.f, i_root)), rotate);
        f8m factor = f8_select_m(f8_constant(F8_INVSQRT_A_MINUS_D), i_root, rotate);
        lanes negate = f8_is_negative(f8_mul(f8_carry(f8_mul(h, e)), z_inv));
        f8m signed_g = f8_carry(f8_negate_if(f8_raw(gm), negate));
        f8m difference = f8_carry(f8_sub(f8_biased(f8_raw(h)), f8_raw(signed_g)));
        f8m left = f8_carry(f8_mul(difference, factor)), right = f8_carry(f8_mul(gm, t_inv));
        vec words[4];
        f8_abs_to_words(words, f8_mul(left, right));
        v_store_rows(rows + PSI_ELEMENT * LANES * i, PSI_ELEMENT, rows_of(i, n), words, 4);
    }
}

VEC_END
#endif
