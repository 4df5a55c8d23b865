/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed-base blinding on eight lanes, docs/protocol.md section 2.2. A scalar is made odd by adding l
 * where it is even, and is then a sum of 43 odd digits from -63 to 63, none of them zero (Joye and
 * Tunstall 2009): bit i of t = (r + 2^258 - 1)/2 stands for +-2^i. A window of t looks up one of 32
 * odd multiples; a row of them is a few registers, from which lanes choose without any address.
 */
#include "kernel.h"

#ifdef PSI_LANES

#include "vec_block.h"

#include "fixed.h"
#include "portable_operations.h"
#include "vec_operations.h"

#define WINDOW 6
#define WINDOWS 43 /* 258 bits */
#define ENTRIES 32
#define LIMBS 5
/* Groups that use a row of the table while it is near. */
#define TOGETHER 4
/* See vec_oprf.c. */
#define FEW 2

/* Limbs of y + x, y - x, 2dxy of (2j + 1) * 64^i * P, j = 0..31. */
typedef struct {
    uint64_t rows[WINDOWS][3 * LIMBS][ENTRIES];
} fixed_table8;

static void store_limbs(uint64_t row[][ENTRIES], size_t j, fe a) {
    uint8_t bytes[PSI_ELEMENT];
    uint64_t w[4];
    fe_to_bytes(bytes, a);
    for (int i = 0; i < 4; i++) w[i] = load_le64(bytes + 8 * i);
    row[0][j] = w[0] & LIMB52;
    row[1][j] = (w[0] >> 52 | w[1] << 12) & LIMB52;
    row[2][j] = (w[1] >> 40 | w[2] << 24) & LIMB52;
    row[3][j] = (w[2] >> 28 | w[3] << 36) & LIMB52;
    row[4][j] = w[3] >> 16;
}

static fe load_limbs(const uint64_t row[][ENTRIES], size_t j) {
    uint8_t bytes[PSI_ELEMENT];
    store_le64(bytes, row[0][j] | row[1][j] << 52);
    store_le64(bytes + 8, row[1][j] >> 12 | row[2][j] << 40);
    store_le64(bytes + 16, row[2][j] >> 24 | row[3][j] << 28);
    store_le64(bytes + 24, row[3][j] >> 36 | row[4][j] << 16);
    return fe_from_bytes(bytes);
}

static void build(void *p, ge point) {
    fixed_table8 *table = p;
    for (int i = 0; i < WINDOWS; i++) {
        ge multiples[ENTRIES], twice = ge_double(point);
        fe inverse[ENTRIES], running[ENTRIES];
        multiples[0] = point;
        for (int j = 1; j < ENTRIES; j++) multiples[j] = ge_add(multiples[j - 1], twice);
        for (int j = 0; j < ENTRIES; j++) inverse[j] = multiples[j].Z;
        psi_fe_invert_batch(inverse, running, ENTRIES);
        for (size_t j = 0; j < ENTRIES; j++) {
            fe x = fe_mul(multiples[j].X, inverse[j]), y = fe_mul(multiples[j].Y, inverse[j]);
            ge_affine a = ge_affine_of(x, y, fe_mul(x, y));
            store_limbs(table->rows[i], j, a.sum);
            store_limbs(table->rows[i] + LIMBS, j, a.difference);
            store_limbs(table->rows[i] + 2 * LIMBS, j, a.product);
        }
        for (int j = 0; j < WINDOW; j++) point = ge_double(point);
    }
}

static ge_affine entry(const void *p, size_t i) {
    const fixed_table8 *table = p;
    const uint64_t(*row)[ENTRIES] = table->rows[i / ENTRIES];
    const size_t j = i % ENTRIES;
    return (ge_affine){load_limbs(row, j), load_limbs(row + LIMBS, j),
                       load_limbs(row + 2 * LIMBS, j)};
}

static scalar multiple(size_t i) {
    const size_t bit = WINDOW * (i / ENTRIES); /* at most 252: below l */
    scalar power = {{0, 0, 0, 0}};
    power.w[bit / 64] = (uint64_t)1 << bit % 64;
    return psi_scalar_mul(power, (scalar){{2 * (i % ENTRIES) + 1, 0, 0, 0}});
}

const table_kind psi_table_avx512ifma = {sizeof(fixed_table8), (size_t)WINDOWS * ENTRIES, build, entry,
                                multiple};

V_INLINE f8m look_up(const uint64_t row[][ENTRIES], vec index, lanes high) {
    f8m r;
    UNROLL
    for (int i = 0; i < LIMBS; i++)
        r.l[i] = v_select(v_lookup16(row[i], index), v_lookup16(row[i] + 16, index), high);
    return r;
}

/* p + the digit times the row's point, or p - it if `minus` is set. */
V_INLINE ge8 add_digit(ge8 p, const uint64_t row[][ENTRIES], vec t, lanes minus) {
    const lanes negative = v_is_zero(v_and(t, v_all(ENTRIES)));
    const vec index = v_xor(t, v_select(v_zero(), v_all(ENTRIES - 1), negative));
    const lanes high = (lanes)~v_is_zero(v_and(index, v_all(ENTRIES / 2)));
    ge8_affine q = {look_up(row, index, high), look_up(row + LIMBS, index, high),
                    look_up(row + 2 * LIMBS, index, high)};
    return ge8_add_signed(p, q, (lanes)(negative ^ minus));
}

/* p[i] + r[i]*P, or p[i] - r[i]*P if `minus`, for n groups. Constant time. */
static void add_multiples(ge8 *p, const fixed_table8 *table, const scalar8 *r, size_t n, int minus) {
    const lanes flip = minus ? 0xff : 0;
    for (size_t i = 0; i < n; i += TOGETHER) {
        const size_t groups = n - i < TOGETHER ? n - i : TOGETHER;
        vec t[TOGETHER][4];
        for (size_t g = 0; g < groups; g++)
            v_words_of_limbs(t[g], psi_v_scalar_odd_half(r[i + g]).l);
        for (int window = 0; window < WINDOWS; window++) {
            /* the topmost has bit 257 of t, which is always set, as its own topmost */
            const vec top = v_all(window == WINDOWS - 1 ? ENTRIES : 0);
            for (size_t g = 0; g < groups; g++) {
                vec *w = t[g], digit = v_or(v_and(w[0], v_all(2 * ENTRIES - 1)), top);
                w[0] = v_or(v_shr(w[0], WINDOW), v_shl(w[1], 64 - WINDOW));
                w[1] = v_or(v_shr(w[1], WINDOW), v_shl(w[2], 64 - WINDOW));
                w[2] = v_or(v_shr(w[2], WINDOW), v_shl(w[3], 64 - WINDOW));
                w[3] = v_shr(w[3], WINDOW);
                p[i + g] = add_digit(p[i + g], table->rows[window], digit, flip);
            }
        }
        wipe(t, sizeof t);
    }
}

/* The first of n rows that is the identity, or PSI_GOOD. */
static psi_status first_identity(const uint8_t *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = 0;
        for (int j = 0; j < 4; j++) bits |= load_le64(rows + PSI_ELEMENT * i + 8 * j);
        if (reveal(mask_is_zero(bits))) return (psi_status)i;
    }
    return PSI_GOOD;
}

static psi_status first_of(psi_status a, psi_status b) {
    return a == PSI_GOOD || (b != PSI_GOOD && b < a) ? b : a;
}

psi_status psi_blind_fixed_avx512ifma(uint8_t *out, const psi_texts *texts, uint8_t mode,
                                      const psi_blinds *blinds) {
    if (texts->n <= FEW) return psi_blind_fixed_portable(out, texts, mode, blinds);
    psi_status bad = PSI_GOOD;
    expander e;
    const fixed_table8 *table = psi_table_acquire(&psi_table_avx512ifma, psi_generator, &bad);
    if (table == NULL) return bad;
    block8 *b = block8_new(texts->n);
    psi_expander(&e, texts, mode);
    if (b == NULL) bad = PSI_NO_MEMORY;
    for (size_t begin = 0; begin < texts->n && bad == PSI_GOOD; begin += b->n) {
        uint8_t *here = out + PSI_ELEMENT * begin;
        block8_turn(b, begin, texts->n);
        psi_v_expand_block(b, &e, texts, begin);
        psi_status bad_blind = psi_v_blinds_block(b, blinds, begin);
        psi_v_from_uniform(b->big.hashed, b->uniform, b->n);
        add_multiples(b->big.hashed, table, b->blinds, groups_of(b->n), 0);
        psi_v_encode(here, b->big.hashed, b->n);
        bad = first_of(bad_blind, first_identity(here, b->n));
        if (bad != PSI_GOOD) bad += (psi_status)begin;
    }
    wipe(&e, sizeof e);
    if (b != NULL) block8_free(b);
    psi_table_release(table);
    return bad;
}

psi_status psi_finalize_fixed_avx512ifma(uint8_t *out, size_t length, const psi_texts *texts,
                                         uint8_t mode, const psi_blinds *blinds,
                                         const uint8_t *evaluated, const uint8_t *public_key) {
    if (texts->n <= FEW)
        return psi_finalize_fixed_portable(out, length, texts, mode, blinds, evaluated,
                                           public_key);
    psi_status bad = PSI_GOOD;
    expander e;
    const fixed_table8 *table = psi_table_acquire(&psi_table_avx512ifma, public_key, &bad);
    if (table == NULL) return bad;
    block8 *b = block8_new(texts->n);
    psi_expander(&e, texts, mode);
    if (b == NULL) bad = PSI_NO_MEMORY;
    for (size_t begin = 0; begin < texts->n && bad == PSI_GOOD; begin += b->n) {
        block8_turn(b, begin, texts->n);
        psi_v_expand_block(b, &e, texts, begin);
        bad = first_of(
            psi_v_blinds_block(b, blinds, begin),
            psi_v_affine_decode(b->big.hashed, evaluated + PSI_ELEMENT * begin, b->n));
        /* Rows before a bad one may still be bad themselves: the first has to be named. */
        size_t good = bad == PSI_GOOD ? b->n : (size_t)bad;
        if (good > 0) {
            add_multiples(b->big.hashed, table, b->blinds, groups_of(good), 1);
            psi_v_encode(b->encoded, b->big.hashed, good);
            bad = first_of(bad, first_identity(b->encoded, good));
        }
        if (bad == PSI_GOOD)
            psi_v_output_block(b, out + length * begin, length, texts, begin);
        else
            bad += (psi_status)begin;
    }
    wipe(&e, sizeof e);
    if (b != NULL) block8_free(b);
    psi_table_release(table);
    return bad;
}

/* With half of each scalar, so that the encoding needs no square root. */
psi_status psi_mul_fixed_avx512ifma(uint8_t *out, const uint8_t *element, const uint8_t *scalars,
                                    size_t n) {
    if (n <= FEW) return psi_mul_fixed_portable(out, element, scalars, n);
    psi_status status = PSI_GOOD;
    const fixed_table8 *table = psi_table_acquire(&psi_table_avx512ifma, element, &status);
    if (table == NULL) return status;
    block8 *b = block8_new(n);
    if (b == NULL) status = PSI_NO_MEMORY;
    for (size_t begin = 0; begin < n && status == PSI_GOOD; begin += b->n) {
        block8_turn(b, begin, n);
        const size_t groups = groups_of(b->n);
        for (size_t i = 0; i < groups; i++) {
            const uint8_t *rows = scalars + PSI_SCALAR * (begin + LANES * i);
            b->blinds[i] = psi_v_scalar_half(scalar8_load(rows, rows_of(i, b->n)));
            b->big.hashed[i] = ge8_identity();
        }
        add_multiples(b->big.hashed, table, b->blinds, groups, 0);
        for (size_t i = 0; i < groups; i++) {
            const ge8 p = b->big.hashed[i];
            b->big.products[i] = ge8_double_unfinished(p);
        }
        psi_v_encode_doubled(out + PSI_ELEMENT * begin, b->big.products, b->scratch, b->n);
    }
    if (b != NULL) block8_free(b);
    psi_table_release(table);
    return status;
}

psi_status psi_mul_base_avx512ifma(uint8_t *out, const uint8_t *scalars, size_t n) {
    if (n <= FEW) return psi_mul_base_portable(out, scalars, n);
    return psi_mul_fixed_avx512ifma(out, psi_generator, scalars, n);
}

VEC_END
#endif
