/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations with secret scalars or texts on eight lanes, constant time; oprf.c has the same for
 * one element. Each goes through its elements in blocks: find the points, multiply them, encode
 * them, hash. One block shares its inversions.
 */
#include "kernel.h"

#ifdef PSI_LANES

#include "vec_block.h"

#include "portable_operations.h"
#include "vec_operations.h"

/*
 * Eight lanes take as long as one, which is longer than the portable kernel takes for one element,
 * or two of them where all the work is square roots, of which that takes two side by side.
 */
#define FEW 1
#define FEW_ROOTS 2

static psi_status at(size_t begin, psi_status bad) {
    return bad == PSI_GOOD ? PSI_GOOD : (psi_status)begin + bad;
}

void psi_v_expand_block(block8 *b, const expander *e, const psi_texts *texts, size_t begin) {
    for (size_t i = 0; i < b->n; i += LANES)
        psi_v_expand(&b->messages, e, b->uniform + PSI_UNIFORM * i, texts, begin + i,
                     rows_of(i / LANES, b->n));
}

static void hash_block(block8 *b) {
    psi_v_from_uniform(b->big.hashed, b->uniform, b->n);
    psi_v_montgomery_of(b->points, b->big.hashed, b->scratch, groups_of(b->n));
}

psi_status psi_v_blinds_block(block8 *b, const psi_blinds *blinds, size_t begin) {
    psi_status bad = PSI_GOOD;
    for (size_t i = groups_of(b->n); i-- > 0;) {
        const size_t row = LANES * i, n = rows_of(i, b->n);
        lanes refused = 0;
        if (blinds->seed != NULL) {
            b->blinds[i] = psi_v_derive_blinds(&b->messages, blinds, begin + row,
                                               b->uniform + PSI_UNIFORM * row, n);
            refused = scalar8_is_minus_two(b->blinds[i]);
        } else {
            b->blinds[i] = scalar8_load(blinds->scalars + PSI_SCALAR * (begin + row), n);
        }
        refused |= scalar8_is_zero(b->blinds[i]);
        if (reveal(refused)) bad = (psi_status)row + __builtin_ctz(refused);
    }
    return bad;
}

/* points[i] * scalars[i], or all by b->shared if scalars is NULL, encoded. */
static void multiply_block(block8 *b, uint8_t *out, const scalar8 *scalars) {
    for (size_t i = 0; i < groups_of(b->n); i++) {
        if (scalars != NULL) b->shared = psi_v_multiplier(scalars[i]);
        psi_v_ladder(&b->big.products[i], &b->points[i], &b->shared);
    }
    psi_v_encode_doubled(out, b->big.products, b->scratch, b->n);
}

void psi_v_output_block(block8 *b, uint8_t *out, size_t length, const psi_texts *texts,
                         size_t begin) {
    for (size_t i = 0; i < b->n; i += LANES)
        psi_v_output(&b->messages, b->uniform + PSI_UNIFORM * i, texts, begin + i,
                     b->encoded + PSI_ELEMENT * i, rows_of(i / LANES, b->n));
    for (size_t i = 0; i < b->n; i++) memcpy(out + length * i, b->uniform + PSI_UNIFORM * i, length);
}

psi_status psi_uniform_bytes_avx512ifma(uint8_t *out, const psi_texts *texts, uint8_t mode) {
    if (texts->n <= FEW) return psi_uniform_bytes_portable(out, texts, mode);
    expander e;
    messages8 m;
    psi_expander(&e, texts, mode);
    for (size_t i = 0; i < texts->n; i += LANES)
        psi_v_expand(&m, &e, out + PSI_UNIFORM * i, texts, i, rows_of(i / LANES, texts->n));
    wipe(&e, sizeof e);
    wipe(&m, sizeof m);
    return PSI_GOOD;
}

psi_status psi_element_from_uniform_avx512ifma(uint8_t *out, const uint8_t *uniform, size_t n) {
    if (n <= FEW_ROOTS) return psi_element_from_uniform_portable(out, uniform, n);
    block8 *b = block8_new(n);
    if (b == NULL) return PSI_NO_MEMORY;
    for (size_t begin = 0; begin < n; begin += b->n) {
        block8_turn(b, begin, n);
        psi_v_from_uniform(b->big.hashed, uniform + PSI_UNIFORM * begin, b->n);
        psi_v_encode(out + PSI_ELEMENT * begin, b->big.hashed, b->n);
    }
    block8_free(b);
    return PSI_GOOD;
}

psi_status psi_hash_to_group_avx512ifma(uint8_t *out, const psi_texts *texts, uint8_t mode) {
    if (texts->n <= FEW_ROOTS) return psi_hash_to_group_portable(out, texts, mode);
    expander e;
    block8 *b = block8_new(texts->n);
    if (b == NULL) return PSI_NO_MEMORY;
    psi_expander(&e, texts, mode);
    for (size_t begin = 0; begin < texts->n; begin += b->n) {
        block8_turn(b, begin, texts->n);
        psi_v_expand_block(b, &e, texts, begin);
        psi_v_from_uniform(b->big.hashed, b->uniform, b->n);
        psi_v_encode(out + PSI_ELEMENT * begin, b->big.hashed, b->n);
    }
    wipe(&e, sizeof e);
    block8_free(b);
    return PSI_GOOD;
}

psi_status psi_check_elements_avx512ifma(const uint8_t *elements, size_t n) {
    if (n <= FEW_ROOTS) return psi_check_elements_portable(elements, n);
    psi_status bad = PSI_GOOD;
    block8 *b = block8_new(n);
    if (b == NULL) return PSI_NO_MEMORY;
    for (size_t begin = 0; begin < n && bad == PSI_GOOD; begin += b->n) {
        block8_turn(b, begin, n);
        bad = at(begin, psi_v_affine_decode(b->big.hashed, elements + PSI_ELEMENT * begin, b->n));
    }
    block8_free(b);
    return bad;
}

psi_status psi_blind_scalars_avx512ifma(uint8_t *out, const psi_texts *texts, uint8_t mode,
                                        const psi_blinds *blinds) {
    if (texts->n <= FEW) return psi_blind_scalars_portable(out, texts, mode, blinds);
    expander e;
    block8 *b = block8_new(texts->n);
    if (b == NULL) return PSI_NO_MEMORY;
    psi_expander(&e, texts, mode);
    for (size_t begin = 0; begin < texts->n; begin += b->n) {
        block8_turn(b, begin, texts->n);
        psi_v_expand_block(b, &e, texts, begin);
        (void)psi_v_blinds_block(b, blinds, begin); /* blind() refuses what is refused */
        for (size_t i = 0; i < groups_of(b->n); i++)
            scalar8_store(out + PSI_SCALAR * (begin + LANES * i), rows_of(i, b->n), b->blinds[i]);
    }
    wipe(&e, sizeof e);
    block8_free(b);
    return PSI_GOOD;
}

psi_status psi_blind_avx512ifma(uint8_t *out, const psi_texts *texts, uint8_t mode,
                                const psi_blinds *blinds) {
    if (texts->n <= FEW) return psi_blind_portable(out, texts, mode, blinds);
    psi_status bad = PSI_GOOD;
    expander e;
    block8 *b = block8_new(texts->n);
    if (b == NULL) return PSI_NO_MEMORY;
    psi_expander(&e, texts, mode);
    for (size_t begin = 0; begin < texts->n; begin += b->n) {
        block8_turn(b, begin, texts->n);
        psi_v_expand_block(b, &e, texts, begin);
        if ((bad = at(begin, psi_v_blinds_block(b, blinds, begin))) != PSI_GOOD) break;
        hash_block(b);
        multiply_block(b, out + PSI_ELEMENT * begin, b->blinds);
    }
    wipe(&e, sizeof e);
    block8_free(b);
    return bad;
}

psi_status psi_finalize_avx512ifma(uint8_t *out, size_t length, const psi_texts *texts,
                                   uint8_t mode, const psi_blinds *blinds,
                                   const uint8_t *evaluated) {
    if (texts->n <= FEW)
        return psi_finalize_portable(out, length, texts, mode, blinds, evaluated);
    psi_status bad = PSI_GOOD;
    expander e;
    block8 *b = block8_new(texts->n);
    if (b == NULL) return PSI_NO_MEMORY;
    psi_expander(&e, texts, mode);
    for (size_t begin = 0; begin < texts->n; begin += b->n) {
        block8_turn(b, begin, texts->n);
        if (blinds->seed != NULL) psi_v_expand_block(b, &e, texts, begin);
        psi_status bad_blind = psi_v_blinds_block(b, blinds, begin);
        psi_status bad_element =
            psi_v_montgomery_decode(b->points, evaluated + PSI_ELEMENT * begin, b->n);
        bad = bad_blind == PSI_GOOD || (bad_element != PSI_GOOD && bad_element < bad_blind)
                  ? bad_element
                  : bad_blind;
        if ((bad = at(begin, bad)) != PSI_GOOD) break;
        psi_v_scalar_invert_batch(b->blinds, b->running, groups_of(b->n));
        multiply_block(b, b->encoded, b->blinds);
        psi_v_output_block(b, out + length * begin, length, texts, begin);
    }
    wipe(&e, sizeof e);
    block8_free(b);
    return bad;
}

psi_status psi_evaluate_avx512ifma(uint8_t *out, const uint8_t *elements, size_t n,
                                   const uint8_t *k) {
    if (n <= FEW) return psi_evaluate_portable(out, elements, n, k);
    psi_status bad = PSI_GOOD;
    block8 *b = block8_new(n);
    if (b == NULL) return PSI_NO_MEMORY;
    b->shared = psi_v_multiplier(scalar8_load(k, 1));
    for (size_t begin = 0; begin < n; begin += b->n) {
        block8_turn(b, begin, n);
        bad = at(begin, psi_v_montgomery_decode(b->points, elements + PSI_ELEMENT * begin, b->n));
        if (bad != PSI_GOOD) break;
        multiply_block(b, out + PSI_ELEMENT * begin, NULL);
    }
    block8_free(b);
    return bad;
}

psi_status psi_table_tags_avx512ifma(uint8_t *out, size_t length, const psi_texts *texts,
                                     uint8_t mode, const uint8_t *k) {
    if (texts->n <= FEW) return psi_table_tags_portable(out, length, texts, mode, k);
    expander e;
    block8 *b = block8_new(texts->n);
    if (b == NULL) return PSI_NO_MEMORY;
    psi_expander(&e, texts, mode);
    b->shared = psi_v_multiplier(scalar8_load(k, 1));
    for (size_t begin = 0; begin < texts->n; begin += b->n) {
        block8_turn(b, begin, texts->n);
        psi_v_expand_block(b, &e, texts, begin);
        hash_block(b);
        multiply_block(b, b->encoded, NULL);
        psi_v_output_block(b, out + length * begin, length, texts, begin);
    }
    wipe(&e, sizeof e);
    block8_free(b);
    return PSI_GOOD;
}

psi_status psi_mul_avx512ifma(uint8_t *out, const uint8_t *elements, const uint8_t *scalars,
                              size_t n) {
    if (n <= FEW) return psi_mul_portable(out, elements, scalars, n);
    psi_status bad = PSI_GOOD;
    block8 *b = block8_new(n);
    if (b == NULL) return PSI_NO_MEMORY;
    for (size_t begin = 0; begin < n; begin += b->n) {
        block8_turn(b, begin, n);
        bad = at(begin, psi_v_montgomery_decode(b->points, elements + PSI_ELEMENT * begin, b->n));
        if (bad != PSI_GOOD) break;
        for (size_t i = 0; i < groups_of(b->n); i++)
            b->blinds[i] =
                scalar8_load(scalars + PSI_SCALAR * (begin + LANES * i), rows_of(i, b->n));
        multiply_block(b, out + PSI_ELEMENT * begin, b->blinds);
    }
    block8_free(b);
    return bad;
}

/* Groups that are decoded together. */
#define ADDED 3

psi_status psi_add_avx512ifma(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t n) {
    if (n <= FEW_ROOTS) return psi_add_portable(out, a, b, n);
    for (size_t begin = 0; begin < n; begin += ADDED * LANES) {
        const size_t rows = n - begin < ADDED * LANES ? n - begin : ADDED * LANES;
        ge8 p[ADDED], q[ADDED];
        psi_status bad_a = psi_v_affine_decode(p, a + PSI_ELEMENT * begin, rows);
        psi_status bad_b = psi_v_affine_decode(q, b + PSI_ELEMENT * begin, rows);
        psi_status bad = bad_a == PSI_GOOD || (bad_b != PSI_GOOD && bad_b < bad_a) ? bad_b : bad_a;
        if (bad != PSI_GOOD) return (psi_status)begin + bad;
        for (size_t i = 0; i < groups_of(rows); i++) p[i] = ge8_add(p[i], q[i]);
        psi_v_encode(out + PSI_ELEMENT * begin, p, rows);
    }
    return PSI_GOOD;
}

VEC_END
#endif
