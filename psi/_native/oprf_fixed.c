/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed-base blinding, docs/protocol.md section 2.2: B = H(x) + r*G, N = D - r*K. Constant time in
 * texts and blinds; additions are complete.
 */
#include "base.h"
#include "fixed.h"
#include "hashing.h"
#include "portable_operations.h"

static ge_affine entry(const void *table, size_t i) {
    const base_table *t = table;
    return t->rows[i / BASE_COLUMNS][i % BASE_COLUMNS];
}

/* j * 256^i for entry (i, j - 1). */
static scalar multiple(size_t i) {
    const size_t bit = 8 * (i / BASE_COLUMNS);
    scalar power = {{0, 0, 0, 0}};
    power.w[bit / 64] = (uint64_t)1 << bit % 64;
    /* 2^248 < l; the product reduces the multiples that are not */
    return psi_scalar_mul(power, (scalar){{i % BASE_COLUMNS + 1, 0, 0, 0}});
}

static void build(void *table, ge point) { psi_base_build(table, point); }

const table_kind psi_table_portable = {sizeof(base_table), (size_t)BASE_ROWS * BASE_COLUMNS, build, entry,
                                multiple};

/* The generator, RFC 9496 section 4.1. */
const uint8_t psi_generator[PSI_ELEMENT] = {
    0xe2, 0xf2, 0xae, 0x0a, 0x6a, 0xbc, 0x4e, 0x71, 0xa8, 0x84, 0xa9, 0x61, 0xc5, 0x00, 0x51, 0x5f,
    0x58, 0xe3, 0x0b, 0x6a, 0xa5, 0x82, 0xdd, 0x8d, 0xb6, 0xa6, 0x59, 0x45, 0xe0, 0x8d, 0x2d, 0x76};

static ge negate(ge p) {
    return (ge){fe_carry(fe_neg(p.X)), p.Y, p.Z, fe_carry(fe_neg(p.T))};
}

/* r_i, and a mask: whether it is refused. */
static scalar blind(uint64_t *refused, const psi_blinds *blinds, size_t i,
                    const uint8_t uniform[PSI_UNIFORM]) {
    scalar r = psi_derive_blind(blinds, i, uniform);
    *refused = scalar_is_minus_two(r) | scalar_is_zero(r);
    return r;
}

static int is_identity(const uint8_t *element) {
    uint64_t bits = 0;
    for (int i = 0; i < 4; i++) bits |= load_le64(element + 8 * i);
    return reveal(mask_is_zero(bits)) != 0;
}

psi_status psi_blind_fixed_portable(uint8_t *out, const psi_texts *texts, uint8_t mode,
                                    const psi_blinds *blinds) {
    psi_status status = PSI_GOOD;
    expander e;
    const base_table *table = psi_table_acquire(&psi_table_portable, psi_generator, &status);
    if (table == NULL) return status;
    psi_expander(&e, texts, mode);
    for (size_t i = 0; i < texts->n && status == PSI_GOOD; i += WAYS) {
        uint8_t uniform[PSI_UNIFORM], *to[WAYS];
        uint64_t refused[WAYS];
        ge p[WAYS];
        for (size_t w = 0; w < WAYS; w++) {
            const size_t j = i + w < texts->n ? i + w : i;
            psi_expand(&e, uniform, texts, j);
            scalar r = blind(&refused[w], blinds, j, uniform);
            p[w] = ge_add(psi_ge_from_uniform(uniform), psi_base_product(table, r));
            to[w] = out + PSI_ELEMENT * j;
        }
        psi_ge_encode(to, p);
        for (size_t w = WAYS; w-- > 0;)
            if (reveal(refused[w]) || is_identity(to[w]))
                status = (to[w] - out) / PSI_ELEMENT;
        wipe(uniform, sizeof uniform);
        wipe(p, sizeof p);
    }
    wipe(&e, sizeof e);
    psi_table_release(table);
    return status;
}

psi_status psi_finalize_fixed_portable(uint8_t *out, size_t length, const psi_texts *texts,
                                       uint8_t mode, const psi_blinds *blinds,
                                       const uint8_t *evaluated, const uint8_t *public_key) {
    psi_status status = PSI_GOOD;
    expander e;
    const base_table *table = psi_table_acquire(&psi_table_portable, public_key, &status);
    if (table == NULL) return status;
    psi_expander(&e, texts, mode);
    for (size_t i = 0; i < texts->n && status == PSI_GOOD; i += WAYS) {
        uint8_t uniform[PSI_UNIFORM], encoded[WAYS][PSI_ELEMENT];
        uint8_t *const to[WAYS] = {encoded[0], encoded[1]};
        const size_t last = i + 1 < texts->n ? i + 1 : i;
        const uint8_t *const in[WAYS] = {evaluated + PSI_ELEMENT * i,
                                         evaluated + PSI_ELEMENT * last};
        uint64_t refused[WAYS], valid[WAYS];
        ge p[WAYS];
        psi_ge_decode(p, valid, in);
        for (size_t w = 0; w < WAYS; w++) {
            const size_t j = w == 0 ? i : last;
            psi_expand(&e, uniform, texts, j);
            scalar r = blind(&refused[w], blinds, j, uniform);
            p[w] = ge_add(p[w], negate(psi_base_product(table, r)));
        }
        psi_ge_encode(to, p);
        for (size_t w = WAYS; w-- > 0;) {
            const size_t j = w == 0 ? i : last;
            if (!valid[w] || reveal(refused[w]) || is_identity(encoded[w]))
                status = (psi_status)j;
            psi_output(uniform, texts, j, encoded[w]);
            memcpy(out + length * j, uniform, length);
        }
        wipe(uniform, sizeof uniform);
        wipe(encoded, sizeof encoded);
        wipe(p, sizeof p);
    }
    wipe(&e, sizeof e);
    psi_table_release(table);
    return status;
}

psi_status psi_mul_fixed_portable(uint8_t *out, const uint8_t *element, const uint8_t *scalars,
                                  size_t n) {
    psi_status status = PSI_GOOD;
    const base_table *table = psi_table_acquire(&psi_table_portable, element, &status);
    if (table == NULL) return status;
    for (size_t i = 0; i < n; i += WAYS) {
        uint8_t *to[WAYS];
        ge p[WAYS];
        for (size_t w = 0; w < WAYS; w++) {
            const size_t j = i + w < n ? i + w : i;
            p[w] = psi_base_product(table, scalar_load(scalars + PSI_SCALAR * j));
            to[w] = out + PSI_ELEMENT * j;
        }
        psi_ge_encode(to, p);
        wipe(p, sizeof p);
    }
    psi_table_release(table);
    return status;
}
