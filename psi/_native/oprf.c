/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations on batches, constant time. Each goes through its elements in blocks: find the
 * points, multiply them, encode them, hash. One block shares its inversions.
 */
#include "base.h"
#include "hashing.h"
#include "ladder.h"
#include "portable_operations.h"

/* 256 elements share an inversion of 3 us; scratch of a call is about 150 KB. */
#define BLOCK 256

/* What one block needs. On the heap, wiped before it is given back. */
typedef struct {
    size_t n;
    uint8_t uniform[BLOCK][PSI_UNIFORM];
    scalar blinds[BLOCK], running[BLOCK];
    ge hashed[BLOCK];
    montgomery points[BLOCK];
    ge_doubled products[BLOCK];
    fe scratch[2 * BLOCK];
    uint8_t encoded[BLOCK][PSI_ELEMENT];
    multiplier shared;
} block;

static size_t block_size(size_t begin, size_t n) { return n - begin < BLOCK ? n - begin : BLOCK; }

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* WAYS neighbours, the last one repeated at an odd end. */
static void neighbours(const uint8_t *in[WAYS], const uint8_t *elements, size_t i, size_t n) {
    for (size_t w = 0; w < WAYS; w++) in[w] = elements + PSI_ELEMENT * smaller(i + w, n - 1);
}

/* The points of block->n elements; PSI_GOOD or the index of the first that is not valid. */
static psi_status decode_block(block *b, const uint8_t *elements) {
    for (size_t i = 0; i < b->n; i += WAYS) {
        const uint8_t *in[WAYS];
        montgomery p[WAYS];
        uint64_t valid[WAYS];
        neighbours(in, elements, i, b->n);
        psi_montgomery_decode(p, valid, in);
        for (size_t w = 0; w < WAYS && i + w < b->n; w++) {
            if (!valid[w]) return (psi_status)(i + w);
            b->points[i + w] = p[w];
        }
    }
    return PSI_GOOD;
}

static void expand_block(block *b, const expander *e, const psi_texts *texts, size_t begin) {
    for (size_t i = 0; i < b->n; i++) psi_expand(e, b->uniform[i], texts, begin + i);
}

static void hash_block(block *b) {
    for (size_t i = 0; i < b->n; i++) b->hashed[i] = psi_ge_from_uniform(b->uniform[i]);
    psi_montgomery_of(b->points, b->hashed, b->scratch, b->n);
}

/* The blinds of a block; PSI_GOOD or the index of the first that is 0 or, if derived, l - 2. */
static psi_status blinds_block(block *b, const psi_blinds *blinds, size_t begin) {
    psi_status bad = PSI_GOOD;
    for (size_t i = b->n; i-- > 0;) {
        uint64_t refused = 0;
        if (blinds->seed != NULL) {
            b->blinds[i] = psi_derive_blind(blinds, begin + i, b->uniform[i]);
            refused = scalar_is_minus_two(b->blinds[i]);
        } else {
            b->blinds[i] = scalar_load(blinds->scalars + PSI_SCALAR * (begin + i));
        }
        refused |= scalar_is_zero(b->blinds[i]);
        bad = (psi_status)select64((uint64_t)bad, i, refused);
    }
    return (psi_status)reveal((uint64_t)bad);
}

/* points[i] * scalars[i], or all by b->shared if scalars is NULL, encoded. */
static void multiply_block(block *b, uint8_t *out, const scalar *scalars) {
    for (size_t i = 0; i < b->n; i++) {
        if (scalars != NULL) b->shared = psi_multiplier(scalars[i]);
        b->products[i] = psi_ladder(b->points[i], &b->shared);
    }
    psi_ge_encode_doubled(out, b->products, b->scratch, b->n);
}

static void output_block(block *b, uint8_t *out, size_t length, const psi_texts *texts,
                         size_t begin) {
    for (size_t i = 0; i < b->n; i++) {
        psi_output(b->uniform[i], texts, begin + i, b->encoded[i]);
        memcpy(out + length * i, b->uniform[i], length);
    }
}

static psi_status at(size_t begin, psi_status bad) {
    return bad == PSI_GOOD ? PSI_GOOD : (psi_status)begin + bad;
}

psi_status psi_uniform_bytes_portable(uint8_t *out, const psi_texts *texts, uint8_t mode) {
    expander e;
    psi_expander(&e, texts, mode);
    for (size_t i = 0; i < texts->n; i++) psi_expand(&e, out + PSI_UNIFORM * i, texts, i);
    wipe(&e, sizeof e);
    return PSI_GOOD;
}

psi_status psi_element_from_uniform_portable(uint8_t *out, const uint8_t *uniform, size_t n) {
    for (size_t i = 0; i < n; i += WAYS) {
        uint8_t *to[WAYS];
        ge p[WAYS];
        for (size_t w = 0; w < WAYS; w++) {
            size_t j = smaller(i + w, n - 1);
            to[w] = out + PSI_ELEMENT * j;
            p[w] = psi_ge_from_uniform(uniform + PSI_UNIFORM * j);
        }
        psi_ge_encode(to, p);
        wipe(p, sizeof p);
    }
    return PSI_GOOD;
}

psi_status psi_hash_to_group_portable(uint8_t *out, const psi_texts *texts, uint8_t mode) {
    uint8_t uniform[WAYS][PSI_UNIFORM];
    expander e;
    psi_expander(&e, texts, mode);
    for (size_t i = 0; i < texts->n; i += WAYS) {
        size_t n = smaller(WAYS, texts->n - i);
        for (size_t w = 0; w < n; w++) psi_expand(&e, uniform[w], texts, i + w);
        psi_element_from_uniform_portable(out + PSI_ELEMENT * i, uniform[0], n);
    }
    wipe(&e, sizeof e);
    wipe(uniform, sizeof uniform);
    return PSI_GOOD;
}

psi_status psi_check_elements_portable(const uint8_t *elements, size_t n) {
    for (size_t i = 0; i < n; i += WAYS) {
        const uint8_t *in[WAYS];
        ge p[WAYS];
        uint64_t valid[WAYS];
        neighbours(in, elements, i, n);
        psi_ge_decode(p, valid, in);
        for (size_t w = 0; w < WAYS; w++)
            if (!valid[w]) return (psi_status)(i + w);
    }
    return PSI_GOOD;
}

psi_status psi_blind_scalars_portable(uint8_t *out, const psi_texts *texts, uint8_t mode,
                                      const psi_blinds *blinds) {
    uint8_t uniform[PSI_UNIFORM];
    expander e;
    psi_expander(&e, texts, mode);
    for (size_t i = 0; i < texts->n; i++) {
        psi_expand(&e, uniform, texts, i);
        scalar_store(out + PSI_SCALAR * i, psi_derive_blind(blinds, i, uniform));
    }
    wipe(&e, sizeof e);
    wipe(uniform, sizeof uniform);
    return PSI_GOOD;
}

psi_status psi_blind_portable(uint8_t *out, const psi_texts *texts, uint8_t mode,
                              const psi_blinds *blinds) {
    psi_status bad = PSI_GOOD;
    expander e;
    block *b = scratch_new(sizeof *b);
    if (b == NULL) return PSI_NO_MEMORY;
    psi_expander(&e, texts, mode);
    for (size_t begin = 0; begin < texts->n && bad == PSI_GOOD; begin += b->n) {
        b->n = block_size(begin, texts->n);
        expand_block(b, &e, texts, begin);
        if ((bad = at(begin, blinds_block(b, blinds, begin))) != PSI_GOOD) break;
        hash_block(b);
        multiply_block(b, out + PSI_ELEMENT * begin, b->blinds);
    }
    wipe(&e, sizeof e);
    scratch_free(b, sizeof *b);
    return bad;
}

psi_status psi_finalize_portable(uint8_t *out, size_t length, const psi_texts *texts, uint8_t mode,
                                 const psi_blinds *blinds, const uint8_t *evaluated) {
    psi_status bad = PSI_GOOD;
    expander e;
    block *b = scratch_new(sizeof *b);
    if (b == NULL) return PSI_NO_MEMORY;
    psi_expander(&e, texts, mode);
    for (size_t begin = 0; begin < texts->n && bad == PSI_GOOD; begin += b->n) {
        b->n = block_size(begin, texts->n);
        if (blinds->seed != NULL) expand_block(b, &e, texts, begin);
        psi_status bad_blind = blinds_block(b, blinds, begin);
        psi_status bad_element = decode_block(b, evaluated + PSI_ELEMENT * begin);
        bad = bad_blind == PSI_GOOD || (bad_element != PSI_GOOD && bad_element < bad_blind)
                  ? bad_element
                  : bad_blind;
        if ((bad = at(begin, bad)) != PSI_GOOD) break;
        psi_scalar_invert_batch(b->blinds, b->running, b->n);
        multiply_block(b, b->encoded[0], b->blinds);
        output_block(b, out + length * begin, length, texts, begin);
    }
    wipe(&e, sizeof e);
    scratch_free(b, sizeof *b);
    return bad;
}

psi_status psi_evaluate_portable(uint8_t *out, const uint8_t *elements, size_t n,
                                 const uint8_t *k) {
    psi_status bad = PSI_GOOD;
    block *b = scratch_new(sizeof *b);
    if (b == NULL) return PSI_NO_MEMORY;
    b->shared = psi_multiplier(scalar_load(k));
    for (size_t begin = 0; begin < n; begin += b->n) {
        b->n = block_size(begin, n);
        bad = at(begin, decode_block(b, elements + PSI_ELEMENT * begin));
        if (bad != PSI_GOOD) break;
        multiply_block(b, out + PSI_ELEMENT * begin, NULL);
    }
    scratch_free(b, sizeof *b);
    return bad;
}

psi_status psi_table_tags_portable(uint8_t *out, size_t length, const psi_texts *texts,
                                   uint8_t mode, const uint8_t *k) {
    expander e;
    block *b = scratch_new(sizeof *b);
    if (b == NULL) return PSI_NO_MEMORY;
    psi_expander(&e, texts, mode);
    b->shared = psi_multiplier(scalar_load(k));
    for (size_t begin = 0; begin < texts->n; begin += b->n) {
        b->n = block_size(begin, texts->n);
        expand_block(b, &e, texts, begin);
        hash_block(b);
        multiply_block(b, b->encoded[0], NULL);
        output_block(b, out + length * begin, length, texts, begin);
    }
    wipe(&e, sizeof e);
    scratch_free(b, sizeof *b);
    return PSI_GOOD;
}

psi_status psi_mul_portable(uint8_t *out, const uint8_t *elements, const uint8_t *scalars,
                            size_t n) {
    psi_status bad = PSI_GOOD;
    block *b = scratch_new(sizeof *b);
    if (b == NULL) return PSI_NO_MEMORY;
    for (size_t begin = 0; begin < n; begin += b->n) {
        b->n = block_size(begin, n);
        bad = at(begin, decode_block(b, elements + PSI_ELEMENT * begin));
        if (bad != PSI_GOOD) break;
        for (size_t i = 0; i < b->n; i++)
            b->blinds[i] = scalar_load(scalars + PSI_SCALAR * (begin + i));
        multiply_block(b, out + PSI_ELEMENT * begin, b->blinds);
    }
    scratch_free(b, sizeof *b);
    return bad;
}

psi_status psi_mul_base_portable(uint8_t *out, const uint8_t *scalars, size_t n) {
    block *b = scratch_new(sizeof *b);
    if (b == NULL) return PSI_NO_MEMORY;
    for (size_t begin = 0; begin < n; begin += b->n) {
        b->n = block_size(begin, n);
        for (size_t i = 0; i < b->n; i++)
            b->products[i] =
                psi_base_multiply(scalar_load(scalars + PSI_SCALAR * (begin + i)));
        psi_ge_encode_doubled(out + PSI_ELEMENT * begin, b->products, b->scratch, b->n);
    }
    scratch_free(b, sizeof *b);
    return PSI_GOOD;
}

psi_status psi_add_portable(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t n) {
    for (size_t i = 0; i < n; i += WAYS) {
        const uint8_t *in[WAYS];
        uint8_t *to[WAYS];
        ge p[WAYS], q[WAYS];
        uint64_t p_valid[WAYS], q_valid[WAYS];
        neighbours(in, a, i, n);
        psi_ge_decode(p, p_valid, in);
        neighbours(in, b, i, n);
        psi_ge_decode(q, q_valid, in);
        for (size_t w = 0; w < WAYS; w++) {
            if (!(p_valid[w] & q_valid[w])) return (psi_status)(i + w);
            to[w] = out + PSI_ELEMENT * smaller(i + w, n - 1);
            p[w] = ge_add(p[w], q[w]);
        }
        psi_ge_encode(to, p);
    }
    return PSI_GOOD;
}
